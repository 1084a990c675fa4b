package proposal

import (
	"slices"
	"strings"
	"time"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Bounds of merging texts line by line; what is over them is left to a person.
const (
	// maxLines is how many lines a text may have: the library numbers the lines of two
	// texts by the characters there are, and panics where those do not suffice.
	maxLines = 500_000
	// lineTime is how long one merge of two commits may look for lines, in all its texts.
	lineTime = 5 * time.Second
)

// mergeLines joins what two sides made of a text, line by line, as Git does (git-merge-file(1)):
// what only one side changed is taken, what both changed alike too; false where they
// changed the same lines, or lines beside each other, in different ways, and where that
// cannot be told within the bounds. What could not be told apart in time counts as
// changed, so that nothing is merged that should not be.
func mergeLines(base, ours, theirs string, within time.Duration) (string, bool) {
	for _, text := range []string{base, ours, theirs} {
		if strings.Count(text, "\n") >= maxLines || within <= 0 {
			return "", false
		}
	}
	lines := splitLines(base)
	a, b := hunksOf(base, ours, within/2), hunksOf(base, theirs, within/2)
	var out strings.Builder
	at := 0 // of base: what lies before is written
	for len(a) > 0 || len(b) > 0 {
		from, to, of := region(&a, &b)
		write(&out, lines[at:from])
		at = to
		one, two := side(of[0], lines, from, to), side(of[1], lines, from, to)
		switch {
		case len(of[1]) == 0 || slices.Equal(one, two):
			write(&out, one)
		case len(of[0]) == 0:
			write(&out, two)
		default:
			return "", false
		}
	}
	write(&out, lines[at:])
	return out.String(), true
}

// hunk says that the lines from..to of the base became others.
type hunk struct {
	from, to int
	lines    []string
}

// region takes the hunks of both sides that touch each other off the front, and returns
// which lines of the base they cover.
func region(a, b *[]hunk) (from, to int, taken [2][]hunk) {
	from = -1
	for {
		grew := false
		for i, hunks := range []*[]hunk{a, b} {
			if len(*hunks) == 0 {
				continue
			}
			next := (*hunks)[0]
			if from < 0 {
				if other := []*[]hunk{b, a}[i]; len(*other) > 0 && (*other)[0].from < next.from {
					continue
				}
				from, to = next.from, next.to
			}
			if next.from > to {
				continue
			}
			taken[i], *hunks, to, grew = append(taken[i], next), (*hunks)[1:], max(to, next.to), true
		}
		if !grew {
			return from, to, taken
		}
	}
}

// side is what one side made of the lines from..to.
func side(hunks []hunk, base []string, from, to int) []string {
	var out []string
	for _, h := range hunks {
		out = append(append(out, base[from:h.from]...), h.lines...)
		from = h.to
	}
	return append(out, base[from:to]...)
}

func hunksOf(base, other string, within time.Duration) []hunk {
	differ := diffmatchpatch.New()
	differ.DiffTimeout = min(differ.DiffTimeout, max(within, time.Millisecond)) // zero would be without end
	x, y, lines := differ.DiffLinesToRunes(base, other)
	var hunks []hunk
	at, open := 0, false
	for _, d := range differ.DiffCharsToLines(differ.DiffMainRunes(x, y, false), lines) {
		text := splitLines(d.Text)
		if d.Type == diffmatchpatch.DiffEqual {
			at, open = at+len(text), false
			continue
		}
		if !open {
			hunks, open = append(hunks, hunk{from: at, to: at}), true
		}
		last := &hunks[len(hunks)-1]
		if d.Type == diffmatchpatch.DiffDelete {
			at += len(text)
			last.to = at
		} else {
			last.lines = append(last.lines, text...)
		}
	}
	return hunks
}

// splitLines keeps the ends of lines.
func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func write(out *strings.Builder, lines []string) {
	for _, line := range lines {
		out.WriteString(line)
	}
}
