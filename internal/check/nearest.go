package check

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
	"golang.org/x/text/unicode/norm"
)

// lexicon is a set of words of which one may have been meant.
type lexicon struct {
	words, folded []string
	letters       []uint64 // which characters each has, by their low six bits
}

func newLexicon(words []string) *lexicon {
	l := &lexicon{words, make([]string, len(words)), make([]uint64, len(words))}
	for i, w := range words {
		l.folded[i] = folded(w)
		l.letters[i] = letters(l.folded[i])
	}
	return l
}

func letters(s string) uint64 {
	set := uint64(0)
	for _, r := range s {
		set |= 1 << (r & 63)
	}
	return set
}

// nearest returns the word that was most likely meant by word: a slip of the
// fingers away, or longer by words that were left out. It is "" where none is
// near; of two equally near it is the shorter, then the first by alphabet.
func (l *lexicon) nearest(word string) string {
	w := folded(word)
	best, bestScore := "", 0
	has, most := letters(w), tolerance(utf8.RuneCountInString(w))
	for i, candidate := range l.words {
		// An edit brings in one character at most, so most candidates need no look.
		if bits.OnesCount64(has&^l.letters[i]) > most {
			continue
		}
		score, ok := distance(w, l.folded[i])
		if !ok || candidate == word {
			continue
		}
		if best == "" || cmp.Or(cmp.Compare(score, bestScore), cmp.Compare(len(candidate), len(best)), cmp.Compare(candidate, best)) < 0 {
			best, bestScore = candidate, score
		}
	}
	return best
}

// hint is the end of a message: "; did you mean 'x'?", or a full stop.
func (l *lexicon) hint(word string) text {
	if best := l.nearest(word); best != "" {
		return phrase("hint", args{"other": quoted(best)})
	}
	return noHint()
}

func noHint() text { return phrase("hint:none", nil) }

// hint is (*lexicon).hint for words used once.
func hint(word string, words []string) text { return newLexicon(words).hint(word) }

// Weights of the ways in which two words can be near, in tenths of an edit.
const (
	editCost     = 10
	prefixCost   = 5 // the candidate goes on after what was written
	boundaryCost = 8 // so, and it has a word or more before
)

// distance says how far candidate is from word, both folded; false where nobody
// would take one for the other. Digits are never a slip: 091 is not 092.
func distance(word, candidate string) (int, bool) {
	n := utf8.RuneCountInString(word)
	most := tolerance(n)
	best, found := 0, false
	note := func(score int) {
		if !found || score < best {
			best, found = score, true
		}
	}
	if gap := len(candidate) - len(word); gap <= 3*most && -gap <= 3*most {
		d := edits(word, candidate)
		// Two slips, one of them in the first letter, is another word: EUPL is no MPL.
		if d <= most && (d < 2 || word[0] == candidate[0]) && digits(word) == digits(candidate) {
			note(editCost * d)
		}
	}
	if n < 4 || len(candidate) <= len(word) {
		return best, found
	}
	most = (most + 1) / 2
	for at, cost := 0, prefixCost; at >= 0; at, cost = nextWord(candidate, at), boundaryCost {
		if d, ok := prefixEdits(word, candidate[at:], n, most); ok {
			note(cost + editCost*d)
		}
	}
	return best, found
}

// tolerance is how many edits a word of n characters forgives.
func tolerance(n int) int {
	switch {
	case n < 3:
		return 0
	case n < 6:
		return 1
	case n < 10:
		return 2
	case n < 16:
		return 3
	}
	return n / 5
}

// edits is the Levenshtein distance, two neighbouring letters swapped being one.
func edits(a, b string) int {
	d := levenshtein.ComputeDistance(a, b)
	if d == 2 && len(a) == len(b) && a[0] == b[0] && sorted(a) == sorted(b) {
		return 1
	}
	return d
}

// prefixEdits is the least distance of word, n characters long, from a beginning
// of candidate of about that length.
func prefixEdits(word, candidate string, n, most int) (int, bool) {
	first, _ := utf8.DecodeRuneInString(word)
	if c, _ := utf8.DecodeRuneInString(candidate); c != first {
		return 0, false
	}
	best, found := 0, false
	k := 0
	for i := range candidate {
		if k >= n-most && k <= n+most {
			if d := levenshtein.ComputeDistance(word, candidate[:i]); d <= most && (!found || d < best) && digits(word) == digits(candidate[:i]) {
				best, found = d, true
			}
		}
		if k++; k > n+most {
			break
		}
	}
	return best, found
}

// nextWord is where the next word of s begins after at, or -1.
func nextWord(s string, at int) int {
	i := strings.IndexAny(s[at:], "-_. /")
	if i < 0 || at+i+1 >= len(s) {
		return -1
	}
	return at + i + 1
}

func folded(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func sorted(s string) string {
	runes := []rune(s)
	slices.Sort(runes)
	return string(runes)
}
