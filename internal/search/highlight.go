package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

const (
	// maxHighlights is how many fragments one record gives.
	maxHighlights = 5
	// maxFragment is the length of a fragment in bytes, lead how much of it comes
	// before the first match.
	maxFragment = 200
	lead        = 60
)

// Highlight is a fragment of one text of a record, in which a query's words occur.
type Highlight struct {
	// Field is the place of the text; where it is localized, of all its languages.
	Field content.Pointer
	// Language is that of the text; "" where it is not localized.
	Language content.Language
	// Parts make up the fragment; an ellipsis stands where the text goes on. They are
	// plain text: who shows them escapes them.
	Parts []Part
}

// Part is a piece of a fragment; Match marks what was looked for.
type Part struct {
	Text  string
	Match bool
}

// Text returns the fragment without marks.
func (h Highlight) Text() string {
	var b strings.Builder
	for _, p := range h.Parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// Highlights returns fragments of the record's texts with the words of q marked, those
// first that say most of why it was found; at most five, none where nothing matches.
// It is for the records that are shown, reads nothing but the record, and costs about
// as much as indexing it. Limit and Collections of q do not count. The error wraps
// content.ErrTooLarge as that of Search does, content.ErrNotFound where the view's
// model has no such collection, or is the context's.
func (x *Index) Highlights(ctx context.Context, v *content.View, r *content.Record, q Query) ([]Highlight, error) {
	l := x.layout(v)
	i := slices.IndexFunc(l.plans, func(p *plan) bool { return p.collection.Name == r.Collection })
	if i < 0 {
		return nil, fmt.Errorf("collection %q: %w", r.Collection, content.ErrNotFound)
	}
	words, err := parse(q.Text, l.plans[i].buckets)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	m := marker{plan: l.plans[i], words: words, query: q, found: make([]bool, len(words))}
	if err := m.mark(ctx, m.texts(r.Root)); err != nil {
		return nil, err
	}
	return m.highlights(), nil
}

// marker finds the words of a query in the texts of one record.
type marker struct {
	*plan
	words  []word
	query  Query
	found  []bool // by word
	marked []marked
}

// marked is a text and where words occur in it.
type marked struct {
	text
	tokens []token
	stems  []string // by token
	marks  []mark
	score  float64
}

type mark struct {
	word       int
	start, end int // bytes of the text
}

func (m *marker) mark(ctx context.Context, texts []text) error {
	var b builder
	for _, t := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := marked{text: t, tokens: tokens(t.text)}
		for _, tok := range k.tokens {
			k.stems = append(k.stems, b.stem(m.buckets[t.bucket].analyser, tok.word))
		}
		m.match(&k, func(i, n int) (float64, int, int) {
			return m.words[i].match(k.tokens[n].word, k.stems[n], t.bucket)
		})
		m.marked = append(m.marked, k)
	}
	m.misspelt(slices.Clone(m.found))
	return nil
}

// misspelt marks what is one letter away from the words that were not found.
func (m *marker) misspelt(found []bool) {
	for at := range m.marked {
		k := &m.marked[at]
		m.match(k, func(i, n int) (float64, int, int) {
			if found[i] || !m.words[i].near(k.tokens[n].word, k.stems[n], k.bucket) {
				return 0, 0, 0
			}
			return levelFuzzy, 0, len(k.tokens[n].word)
		})
	}
}

// match marks each token of k that a word matches, and scores k by the best match of
// each word.
func (m *marker) match(k *marked, match func(word, token int) (level float64, from, to int)) {
	own := m.query.Language == "" || m.buckets[k.bucket].language == "" || m.buckets[k.bucket].language == m.query.Language
	for i := range m.words {
		best := 0.0
		for n := range k.tokens {
			level, from, to := match(i, n)
			if level == 0 {
				continue
			}
			best = max(best, weight(level, k.class, own, 1, 1))
			k.marks = append(k.marks, k.tokens[n].mark(k.text.text, i, from, to))
			m.found[i] = true
		}
		k.score += best
	}
}

// match says how a word of a text, whose stem in its bucket is given, matches w: at
// which level, 0 for not at all, and which of its bytes do. It is Search's rule, told
// for one word.
func (w *word) match(s, stem string, bucket int) (level float64, from, to int) {
	if s == w.text || stem != "" && stem == w.stems[bucket] {
		return levelWhole, 0, len(s)
	}
	for _, beginning := range w.starts {
		if strings.HasPrefix(s, beginning) {
			return levelPrefix, 0, len(beginning)
		}
	}
	if part := w.part(); part != "" {
		if i := strings.Index(s, part); i >= 0 {
			return levelPart, i, i + len(part)
		}
	}
	if tail := w.tail(bucket); tail != "" && endsWith(stem, tail) {
		return levelPart, 0, len(s)
	}
	return 0, 0, 0
}

// near reports whether w may be a misspelling of a word of a text.
func (w *word) near(s, stem string, bucket int) bool {
	blurred := w.blurred(bucket)
	return w.misspelt() && (near(s, w.text) || blurred != "" && near(stem, blurred))
}

// mark places bytes of the folded word in the text; all of the word where folding has
// moved them.
func (t token) mark(text string, word, from, to int) mark {
	if len(t.word) != t.end-t.start {
		return mark{word, t.start, t.end}
	}
	start, end := t.start+from, t.start+to
	if !boundary(text, start) || !boundary(text, end) {
		return mark{word, t.start, t.end}
	}
	return mark{word, start, end}
}

func boundary(s string, i int) bool { return i == len(s) || utf8.RuneStart(s[i]) }

func (m *marker) highlights() []Highlight {
	list := slices.DeleteFunc(m.marked, func(k marked) bool { return len(k.marks) == 0 })
	slices.SortStableFunc(list, func(a, b marked) int { return cmp.Compare(b.score, a.score) })
	var out []Highlight
	for _, k := range list[:min(len(list), maxHighlights)] {
		h := Highlight{Field: k.at, Language: m.buckets[k.bucket].language, Parts: k.fragment()}
		out = append(out, h)
	}
	return out
}

// fragment cuts the stretch out of k that holds most of the query's words.
func (k *marked) fragment() []Part {
	slices.SortFunc(k.marks, func(a, b mark) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
	start, end := k.window(k.densest())
	var parts []Part
	add := func(s string, match bool) {
		if s != "" {
			parts = append(parts, Part{s, match})
		}
	}
	source, at := k.text.text, start
	if start > 0 {
		add("…", false)
	}
	for _, m := range k.marks {
		if m.start >= at && m.end <= end {
			add(source[at:m.start], false)
			add(source[m.start:m.end], true)
			at = m.end
		}
	}
	add(source[at:end], false)
	if end < len(source) {
		add("…", false)
	}
	return parts
}

// densest returns the first mark from which a fragment holds most different words.
func (k *marked) densest() mark {
	best, most := k.marks[0], 0
	for i, from := range k.marks {
		words := map[int]bool{}
		for _, m := range k.marks[i:] {
			if m.end-from.start > maxFragment-lead {
				break
			}
			words[m.word] = true
		}
		if len(words) > most {
			best, most = from, len(words)
		}
	}
	return best
}

// window returns where the fragment around m begins and ends, at the ends of words.
func (k *marked) window(m mark) (start, end int) {
	source := k.text.text
	if len(source) <= maxFragment {
		return 0, len(source)
	}
	end = m.end
	start = m.start
	for _, t := range k.tokens {
		if t.start >= m.start-lead && t.start < start {
			start = t.start
		}
	}
	if m.start <= lead {
		start = 0
	}
	for _, t := range k.tokens {
		if t.end > end && t.end <= start+maxFragment {
			end = t.end
		}
	}
	if len(source)-start <= maxFragment {
		end = len(source)
	}
	return start, end
}
