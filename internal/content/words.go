package content

import (
	"unicode"
	"unicode/utf8"
)

// WordKind says what became of a part of a text.
type WordKind string

// The kinds of parts. They are the values of GraphQL's enum WordKind.
const (
	WordSame    WordKind = "SAME"
	WordRemoved WordKind = "REMOVED"
	WordAdded   WordKind = "ADDED"
)

// WordDiff is a part of two texts.
type WordDiff struct {
	Kind WordKind
	Text string
}

// maxWordBytes is how long two texts together may be to be told apart by words.
const maxWordBytes = 64 << 10

// Words tells two texts apart by words: letters and digits in a row, and between
// them white space in a row or one character of anything else. What is the same and
// was removed makes before, what is the same and was added makes after; no two
// neighbours are of one kind, none is empty, and what was removed comes before what
// took its place. White space alone between two replaced words is replaced with them.
// Texts of more than 64 KiB together are one removed and one added.
func Words(before, after string) []WordDiff {
	var w wordWriter
	switch {
	case before == after:
		w.add(WordSame, before)
	case len(before)+len(after) > maxWordBytes:
		w.add(WordRemoved, before)
		w.add(WordAdded, after)
	default:
		w.compare(splitWords(before), splitWords(after))
	}
	return w.out
}

type wordWriter struct{ out []WordDiff }

func (w *wordWriter) add(kind WordKind, text string) {
	if text != "" {
		w.out = append(w.out, WordDiff{kind, text})
	}
}

// compare adds in turn what differs and what is the same.
func (w *wordWriter) compare(b, a wordList) {
	ids, from, budget := map[string]int32{}, unmatched(a.count()), maxSteps
	common(b.numbered(ids), a.numbered(ids), &budget, func(i, j int) { from[j] = int32(i) })
	a.dropSpaces(from, b.count())
	for i, j := 0, 0; i < b.count() || j < a.count(); {
		endB, endA := b.count(), j
		for endA < a.count() && from[endA] < 0 {
			endA++
		}
		if endA < a.count() {
			endB = int(from[endA])
		}
		w.add(WordRemoved, b.text(i, endB))
		w.add(WordAdded, a.text(j, endA))
		i, j = endB, endA
		for j < a.count() && int(from[j]) == i {
			i, j = i+1, j+1
		}
		w.add(WordSame, a.text(endA, j))
	}
}

// wordList is a text and where each of its words begins, and the last ends.
type wordList struct {
	whole string
	at    []int
}

func (w wordList) count() int               { return len(w.at) - 1 }
func (w wordList) text(from, to int) string { return w.whole[w.at[from]:w.at[to]] }

func splitWords(s string) wordList {
	w := wordList{s, make([]int, 0, len(s)/3+1)}
	last := otherRune
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if class := runeClassOf(r); class != last || class == otherRune {
			w.at = append(w.at, i)
			last = class
		}
		i += size
	}
	w.at = append(w.at, len(s))
	return w
}

type runeClass byte

const (
	otherRune runeClass = iota
	letterRune
	spaceRune
)

func runeClassOf(r rune) runeClass {
	switch {
	case unicode.IsSpace(r):
		return spaceRune
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
		return otherRune // scripts without white space between words
	case unicode.In(r, unicode.L, unicode.M, unicode.N):
		return letterRune
	}
	return otherRune
}

// numbered gives equal words the same number.
func (w wordList) numbered(ids map[string]int32) []int32 {
	out := make([]int32, w.count())
	for i := range out {
		word := w.text(i, i+1)
		id, ok := ids[word]
		if !ok {
			id = int32(len(ids))
			ids[word] = id
		}
		out[i] = id
	}
	return out
}

// dropSpaces unmatches the white space that has words replaced on both sides: two
// phrases that share nothing else are told apart as wholes.
func (w wordList) dropSpaces(from []int32, countB int) {
	last := int32(-1) // the word of before that was matched last
	for j, i := range from {
		if i < 0 {
			continue
		}
		replaced := j > 0 && from[j-1] < 0 && last < i-1 && j+1 < len(from) && from[j+1] < 0 && nextMatch(from[j+1:], countB) > i+1
		if r, _ := utf8.DecodeRuneInString(w.text(j, j+1)); replaced && unicode.IsSpace(r) {
			from[j] = -1
			continue
		}
		last = i
	}
}

func nextMatch(from []int32, end int) int32 {
	for _, i := range from {
		if i >= 0 {
			return i
		}
	}
	return int32(end)
}
