package search

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/analysis/lang/fi"
	"github.com/blevesearch/bleve/v2/analysis/lang/sv"
	tokenizer "github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
	"golang.org/x/text/unicode/norm"

	"github.com/koonti/koonti/internal/content"
)

// maxWord is the longest word kept, in characters; what is longer is cut.
const maxWord = 64

// token is one word of a text: its folded form, and the bytes of the text it stands for.
type token struct {
	word       string
	start, end int
}

// tokens reads the words of text, by the rules of Unicode Standard Annex 29; besides,
// a low line parts words, and what follows a colon or is a possessive 's is an ending
// ("EU:n", "city's").
func tokens(text string) []token {
	var list []token
	source := []byte(strings.ReplaceAll(text, "_", " "))
	for _, t := range tokenizer.NewUnicodeTokenizer().Tokenize(source) {
		term := string(t.Term)
		if i := strings.IndexByte(term, ':'); i > 0 {
			term = term[:i]
		}
		for _, s := range []string{"'s", "’s", "'S", "’S"} {
			term = strings.TrimSuffix(term, s)
		}
		if word := fold(term); word != "" {
			list = append(list, token{word, t.Start, t.Start + len(term)})
		}
	}
	return list
}

// fold makes one word of all spellings that Finnish and Swedish readers take for the
// same: case and compatibility forms do not count, nor accents, but å, ä and ö are
// letters of their own. The result is NFC, of at most maxWord characters, and holds no
// control characters.
func fold(word string) string {
	if plain(word) {
		return strings.ToLower(word)
	}
	var b strings.Builder
	n := 0
	for _, r := range norm.NFKC.String(word) {
		for _, f := range foldRune(unicode.ToLower(r)) {
			if n++; n > maxWord {
				return b.String()
			}
			b.WriteRune(f)
		}
	}
	return b.String()
}

func plain(word string) bool {
	for i := 0; i < len(word); i++ {
		if c := word[i]; c >= utf8.RuneSelf || c < ' ' {
			return false
		}
	}
	return len(word) <= maxWord
}

func foldRune(r rune) string {
	switch r {
	case 'å', 'ä', 'ö':
		return string(r)
	case 'æ':
		return "ä"
	case 'ø':
		return "ö"
	case 'ß', 'ẞ':
		return "ss"
	case 'đ', 'ð':
		return "d"
	case 'ł':
		return "l"
	case 'ŋ':
		return "n"
	case 'ŧ':
		return "t"
	}
	if r >= 0x300 && r <= 0x36f || unicode.In(r, unicode.Cc, unicode.Cf) {
		return ""
	}
	if r < utf8.RuneSelf || !unicode.Is(unicode.Latin, r) {
		return string(r)
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(string(r)))
}

// analyser knows one language: which of its words say nothing, and what the forms of
// one word have in common.
type analyser struct {
	name    string
	stops   map[string]bool
	stemmer analysis.TokenFilter // nil: each word is its own stem
	before  func(string) string
	after   func(string) string
}

// stem returns what the forms of a folded word share; "" for a stop word.
func (a *analyser) stem(word string) string {
	if a.stops[word] {
		return ""
	}
	if a.stemmer == nil {
		return word
	}
	if a.before != nil {
		word = a.before(word)
	}
	stream := a.stemmer.Filter(analysis.TokenStream{{Term: []byte(word)}})
	stem := string(stream[0].Term)
	if a.after != nil {
		stem = a.after(stem)
	}
	return stem
}

// analysers are by the primary language subtag; of has one for every language.
type analysers struct {
	known map[string]*analyser
	none  *analyser
}

func newAnalysers() (analysers, error) {
	list := analysers{known: map[string]*analyser{}, none: &analyser{}}
	for _, a := range []struct {
		analyser
		words []byte
	}{
		{analyser{name: "fi", stemmer: fi.NewFinnishStemmerFilter(), before: prepareFinnish, after: conflateFinnish}, fi.FinnishStopWords},
		{analyser{name: "sv", stemmer: sv.NewSwedishStemmerFilter(), after: conflateSwedish}, sv.SwedishStopWords},
		{analyser{name: "en", stemmer: en.NewEnglishStemmerFilter(), before: conflateEnglish}, en.EnglishStopWords},
	} {
		stops := analysis.NewTokenMap()
		if err := stops.LoadBytes(a.words); err != nil {
			return list, fmt.Errorf("read the stop words of %q: %w", a.name, err)
		}
		own := a.analyser
		own.stops = make(map[string]bool, len(stops))
		for word := range stops {
			own.stops[fold(word)] = true
		}
		list.known[a.name] = &own
	}
	return list, nil
}

// of returns the analyser of a language (BCP 47), which for one that is not known
// takes words as they are.
func (a analysers) of(lang content.Language) *analyser {
	primary, _, _ := strings.Cut(strings.ReplaceAll(string(lang), "_", "-"), "-")
	if known := a.known[strings.ToLower(primary)]; known != nil {
		return known
	}
	return a.none
}
