package search

import (
	"strings"
	"unicode/utf8"
)

// The stemmers leave apart forms that every reader takes for the same word. What is
// done here after them errs, as they do, on the side of finding: a record that holds
// the very word asked for ranks higher anyway.

// finnishEndings are what the stemmer leaves of the commonest derivations: -inen and
// -minen ("digitaalin", "digitaalis", "digitaalist"), -uus ("turvallisuus",
// "turvallisuud", "turvallisuut"), -us ("rahoitus", "rahoituks") and -as ("asiakas").
var finnishEndings = []string{
	"uuks", "uude", "uute", "uud", "uut", "uus", "yyks", "yyde", "yyte", "yyd", "yyt", "yys",
	"uks", "yks", "ist", "us", "ys", "in", "is", "as", "äs",
}

// finnishGrades make one of the strong and the weak grade of the last consonants:
// kunta and kunnan, kaupunki and kaupungin, tieto and tiedon, Seinäjoki and Seinäjoen
// (Iso suomen kielioppi, section 41 and following). Longer ones come first.
var finnishGrades = [][2]string{
	{"jok", "j"}, {"mäk", "m"},
	{"nn", "n"}, {"nt", "n"}, {"mm", "m"}, {"mp", "m"}, {"ll", "l"}, {"lt", "l"}, {"rr", "r"}, {"rt", "r"},
	{"ng", "nk"}, {"rk", "r"}, {"lk", "l"}, {"kk", "k"}, {"pp", "p"}, {"tt", "t"}, {"p", "v"}, {"d", "t"},
}

// prepareFinnish keeps the stemmer from taking the end of a noun for the particle of a
// question: Hanko.
func prepareFinnish(word string) string {
	if strings.HasSuffix(word, "ko") || strings.HasSuffix(word, "kö") {
		return word + "n"
	}
	return word
}

func conflateFinnish(stem string) string {
	for _, ending := range finnishEndings {
		if cut, ok := strings.CutSuffix(stem, ending); ok && utf8.RuneCountInString(cut) >= 4 {
			stem = cut
			break
		}
	}
	if n := len(stem); n > 2 && stem[n-1] == 'j' && strings.ContainsRune("eouyö", lastVowel(stem[:n-1])) {
		stem = stem[:n-1] // a partitive plural: hyötyj(ä)
	}
	body := strings.TrimRight(stem, "aeiouyäöå")
	vowels := stem[len(body):]
	if utf8.RuneCountInString(vowels) <= 1 {
		body = weaken(body)
	}
	return body + lastVowels(body, vowels)
}

func lastVowel(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func weaken(body string) string {
	for _, g := range finnishGrades {
		if cut, ok := strings.CutSuffix(body, g[0]); ok && cut != "" {
			return cut + g[1]
		}
	}
	return body
}

// lastVowels leaves out, or makes one of, the vowels at the end that vary between the
// forms of a word: teema and teemoja. Short words differ by nothing else.
func lastVowels(body, vowels string) string {
	n := utf8.RuneCountInString(body)
	switch {
	case n >= 5, n == 4 && (vowels == "i" || vowels == "e"):
		return ""
	case n == 4 && vowels == "o":
		return "a"
	case n == 4 && vowels == "ö":
		return "ä"
	}
	return vowels
}

// conflateSwedish takes off the definite and neuter endings that the stemmer leaves:
// projektet, digitalt, strategin.
func conflateSwedish(stem string) string {
	for _, ending := range []string{"et", "t", "n"} {
		cut, ok := strings.CutSuffix(stem, ending)
		if ok && utf8.RuneCountInString(cut) >= 4 && (ending != "n" || strings.HasSuffix(cut, "i")) {
			stem = cut
			if ending != "et" {
				break
			}
		}
	}
	return stem
}

// conflateEnglish makes one of British and American spelling before the stemmer, which
// knows only the American.
func conflateEnglish(word string) string {
	return strings.Replace(word, "isation", "ization", 1)
}
