package search

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

func testAnalysers(t testing.TB) analysers {
	t.Helper()
	a, err := newAnalysers()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The forms on one line are found by one another.
func TestFormsOfAWordShareAStem(t *testing.T) {
	tests := map[string][]string{
		"fi": {
			"kunta kunnan kuntaa kunnassa kunnissa kuntien kunnat kuntia kunnalle kuntiin kunnilla",
			"hanke hankkeen hankkeet hankkeita hankkeessa hankkeiden hankkeisiin hankkeilla",
			"strategia strategian strategiat strategioita strategioiden strategiassa",
			"tieto tiedon tiedot tietoa tietojen tiedoista tiedolla",
			"kaupunki kaupungin kaupungissa kaupungit kaupunkien kaupunkeja",
			"palvelu palvelut palveluiden palveluja palveluissa palvelujen",
			"asiakas asiakkaan asiakkaat asiakkaiden asiakasta",
			"rahoitus rahoituksen rahoitusta rahoitukset rahoitukseen",
			"turvallisuus turvallisuuden turvallisuutta turvallisuudesta",
			"turvallinen turvalliset turvallista turvallisia",
			"digitaalinen digitaaliset digitaalisten digitaalisia digitaalista",
			"kehittäminen kehittämisen kehittämistä kehittämisessä kehittämiseen",
			"teema teeman teemat teemoja teemoista",
			"hyöty hyödyn hyödyt hyötyjä",
			"johto johdon johtoa",
			"järjestelmä järjestelmän järjestelmiä järjestelmien",
			"käyttäjä käyttäjän käyttäjät käyttäjien käyttäjiä",
			"tekoäly tekoälyn tekoälyä tekoälystä",
			"Turku Turun Turussa Turkuun",
			"Hanko Hangon Hangossa",
			"Helsinki Helsingin Helsingistä",
			"Seinäjoki Seinäjoen Seinäjoella",
			"Kokemäki Kokemäen Kokemäellä",
			"Lahti Lahden Lahdessa",
			"Tampere Tampereen Tampereella",
			"Kuopio Kuopion Kuopiossa",
		},
		"sv": {
			"kommun kommuner kommunen kommunerna kommunens",
			"projekt projekten projektet",
			"tjänst tjänster tjänsterna",
			"digital digitala digitalt",
			"strategi strategier strategin",
			"utveckling utvecklingen",
			"region regionen regioner",
		},
		"en": {
			"municipality municipalities",
			"service services",
			"strategy strategies",
			"digital digitalisation digitalization",
			"city cities city's",
		},
	}
	for lang, groups := range tests {
		by := testAnalysers(t).known[lang]
		for _, group := range groups {
			stems := map[string][]string{}
			for _, tok := range tokens(group) {
				stem := by.stem(tok.word)
				stems[stem] = append(stems[stem], tok.word)
			}
			if len(stems) != 1 {
				t.Errorf("%s: %v are not one word", lang, stems)
			}
		}
	}
}

func TestDifferentWordsKeepDifferentStems(t *testing.T) {
	tests := map[string][]string{
		"fi": {"hanke Hanko", "kunta kunto", "kunta kanta", "Kuopio kuoppa", "turvallinen turvallisuus", "raha rahoitus", "valtio valta", "sää saa", "Turku turha", "tieto tie"},
		"sv": {"kommun kommunikation", "stad stat"},
		"en": {"city citizen", "service server"},
	}
	for lang, groups := range tests {
		by := testAnalysers(t).known[lang]
		for _, group := range groups {
			pair := tokens(group)
			if a, b := by.stem(pair[0].word), by.stem(pair[1].word); a == b {
				t.Errorf("%s: %q have one stem, %q", lang, group, a)
			}
		}
	}
}

func TestFoldTakesSpellingsForTheSame(t *testing.T) {
	tests := map[string]string{
		"KUNTA": "kunta", "Äänekoski": "äänekoski", "ÅBO": "åbo",
		"A\u0308a\u0308nekoski": "äänekoski", // decomposed
		"idé":                   "ide", "Citroën": "citroen", "ÜBER": "uber", "šakki": "sakki", "Žižek": "zizek",
		"Søren": "sören", "æsthetic": "ästhetic", "Straße": "strasse", "Łódź": "lodz", "đđ": "dd",
		"ﬁlmi": "filmi", "ＫＵＮＴＡ": "kunta", "tieto\u00adjohtaminen": "tietojohtaminen", "²": "2",
		"ДОМ": "дом", "й": "й", "한국": "한국", "中": "中", "हिन्दी": "हिन्दी",
		strings.Repeat("ä", 100): strings.Repeat("ä", maxWord), strings.Repeat("a", 100): strings.Repeat("a", maxWord),
		"a\x00b": "ab", "\n": "",
	}
	for in, want := range tests {
		if got := fold(in); got != want {
			t.Errorf("fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTokens(t *testing.T) {
	tests := map[string][]string{
		"":                               nil,
		" – ! ":                          nil,
		"EU:n tietosuoja":                {"eu", "tietosuoja"},
		"DigiPRO-hanke":                  {"digipro", "hanke"},
		"Report_2021_fi":                 {"report", "2021", "fi"},
		"Kuntaliitto's city’s":           {"kuntaliitto", "city"},
		"DigiAkatemia 2.0":               {"digiakatemia", "2.0"},
		"2019–2022, 8/2020":              {"2019", "2022", "8", "2020"},
		"C++ & R":                        {"c", "r"},
		"(SAMK)":                         {"samk"},
		"Jäpi\u00a0hanke\nuusi":          {"jäpi", "hanke", "uusi"},
		"name:kunta AND (a OR b*) ~2 ^3": {"name", "and", "a", "or", "b", "2", "3"},
	}
	for in, want := range tests {
		var got []string
		for _, tok := range tokens(in) {
			got = append(got, tok.word)
			if folded := fold(strings.ReplaceAll(in[tok.start:tok.end], "_", " ")); folded != tok.word {
				t.Errorf("tokens(%q): %q stands for %q", in, tok.word, folded)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tokens(%q): %s", in, diff)
		}
	}
}

func TestNearIsOneLetterAway(t *testing.T) {
	for _, pair := range []string{
		"kunta kunta", "kuopoi kuopio", "kunta kutna", "strategia stratgia", "strategia sstrategia", "strategia strategja", "a b",
		"hameenlinna hämeenlinna", "ukopio kuopio", "kuopi kuopio", "kuopiot kuopio",
	} {
		a, b, _ := strings.Cut(pair, " ")
		if !near(a, b) || !near(b, a) {
			t.Errorf("%s are not near", pair)
		}
	}
	for _, pair := range []string{"kunta kanto", "kunta kuntaan", "abcd badc", "a bcd", "ab ba1", "kuopio kuoio1"} {
		a, b, _ := strings.Cut(pair, " ")
		if near(a, b) || near(b, a) {
			t.Errorf("%s are near", pair)
		}
	}
}

func TestLanguageTags(t *testing.T) {
	a := testAnalysers(t)
	for tag, want := range map[string]*analyser{"fi": a.known["fi"], "sv-FI": a.known["sv"], "EN_us": a.known["en"], "se": a.none, "": a.none, "*": a.none} {
		if a.of(content.Language(tag)) != want {
			t.Errorf("%q has another analyser", tag)
		}
	}
	if got := a.none.stem("kunnan"); got != "kunnan" {
		t.Errorf("a language that is not known is stemmed: %q", got)
	}
}
