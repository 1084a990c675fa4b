package search

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

// Limits on the text of a query.
const (
	// MaxText is its length in characters.
	MaxText = 200
	// MaxWords is how many different words it may have.
	MaxWords = 20
)

const (
	minPrefix     = 3 // characters of the beginning of a word
	minStemPrefix = 5 // of a stem that begins a word, if it is most of its own
	minPart       = 4 // of a part of a word
	minTailStem   = 3 // of a stem that ends a compound's
	minHead       = 3 // of what comes before that
	minFuzzy      = 5 // of a word that may be misspelt
)

// Query says what to look for. No character of Text has a meaning of its own.
type Query struct {
	Text string
	// Language is the reader's: texts in it, and texts in no language, come before
	// others; "" for no preference.
	Language content.Language
	// Collections to look in; empty for all. Names that the model does not know find
	// nothing.
	Collections []content.CollectionName
	// Limit is how many hits to return at most; 0 for all.
	Limit int
}

// word is one word of a query.
type word struct {
	text   string
	length int
	number bool     // no letter in it: neither parts nor misspellings are looked for
	stems  []string // by bucket; "" where the word is a stop word of its language
	starts []string // what a word of a text may begin with to be matched
}

// parse reads the words of a query's text. Stop words count only where there are no
// others. An error wraps content.ErrTooLarge.
func parse(s string, buckets []bucket) ([]word, error) {
	if n := utf8.RuneCountInString(s); n > MaxText {
		return nil, fmt.Errorf("a search of %d characters, of at most %d: %w", n, MaxText, content.ErrTooLarge)
	}
	var all, telling []word
	seen := map[string]bool{}
	for _, t := range tokens(strings.ToValidUTF8(s, " ")) {
		if seen[t.word] {
			continue
		}
		seen[t.word] = true
		w := newWord(t.word, buckets)
		all = append(all, w)
		if !slices.Contains(w.stems, "") {
			telling = append(telling, w)
		}
	}
	if len(telling) > 0 {
		all = telling
	}
	if len(all) > MaxWords {
		return nil, fmt.Errorf("a search of %d words, of at most %d: %w", len(all), MaxWords, content.ErrTooLarge)
	}
	return all, nil
}

func newWord(s string, buckets []bucket) word {
	w := word{text: s, length: utf8.RuneCountInString(s), number: !strings.ContainsFunc(s, unicode.IsLetter)}
	for _, b := range buckets {
		w.stems = append(w.stems, b.analyser.stem(s))
	}
	w.starts = w.beginnings()
	return w
}

// beginnings works out starts.
func (w *word) beginnings() []string {
	if w.number {
		return nil
	}
	var list []string
	if w.length >= minPrefix {
		list = append(list, w.text)
	}
	for _, stem := range w.stems {
		if n := utf8.RuneCountInString(stem); n < minStemPrefix || 2*n <= w.length {
			continue
		}
		if !slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(stem, s) }) {
			list = append(list, stem)
		}
	}
	return list
}

// part returns what a word of a text may hold to be matched by w, or "".
func (w *word) part() string {
	if w.number || w.length < minPart {
		return ""
	}
	return w.text
}

// tail returns what a stem of a bucket may end with to be matched by w, or "".
func (w *word) tail(bucket int) string {
	if stem := w.stems[bucket]; !w.number && w.length >= minPart && utf8.RuneCountInString(stem) >= minTailStem {
		return stem
	}
	return ""
}

// endsWith reports whether stem is that of a compound with tail at its end.
func endsWith(stem, tail string) bool {
	return strings.HasSuffix(stem, tail) && utf8.RuneCountInString(stem) >= utf8.RuneCountInString(tail)+minHead
}

// misspelt reports whether w may be a misspelling at all.
func (w *word) misspelt() bool { return !w.number && w.length >= minFuzzy }

// blurred returns the stem of a bucket that a stem may be one letter away from, or "".
func (w *word) blurred(bucket int) string {
	if utf8.RuneCountInString(w.stems[bucket]) < minPart {
		return ""
	}
	return w.stems[bucket]
}

// near reports whether one insertion, removal, replacement or swap of neighbours
// makes b of a; equal words are near.
func near(a, b string) bool {
	for a != "" && b != "" {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra == rb {
			a, b = a[na:], b[nb:]
			continue
		}
		ra2, na2 := utf8.DecodeRuneInString(a[na:])
		rb2, nb2 := utf8.DecodeRuneInString(b[nb:])
		return a[na:] == b[nb:] || a[na:] == b || a == b[nb:] ||
			na2 > 0 && nb2 > 0 && ra == rb2 && rb == ra2 && a[na+na2:] == b[nb+nb2:]
	}
	return utf8.RuneCountInString(a)+utf8.RuneCountInString(b) <= 1
}
