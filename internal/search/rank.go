package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// Hit is a record found. Score is for comparing hits of one query only.
type Hit struct {
	Record *content.Record
	Score  float64
}

// How a word was found. A whole word always comes before a part of one, and that before
// a misspelling; between parts, that a text is a title counts for more than where in
// the word they are, since a Finnish compound says at its end what it is.
const (
	levelFuzzy  = 1.0 // misspelt by one letter
	levelPart   = 2.0 // in a compound
	levelPrefix = 2.4 // at the beginning of a word
	levelWhole  = 4.0 // in some form of itself
)

// What a match is worth beside its level; together less than 1.
const (
	inTitle    = 0.5
	inLanguage = 0.2
	verbatim   = 0.15
	brevity    = 0.1
	repetition = 0.04
)

// weight is the score of one word in one field of one record, whose norm is that of
// bleve: one by the root of the number of words. It depends on the record and the query
// alone: no frequency in the index or the snapshot goes into it, so that what else is
// indexed never changes an answer.
func weight(level float64, c class, own bool, frequency, norm float64) float64 {
	score := level + repetition*(1-1/frequency) + brevity*norm
	if c == title {
		score += inTitle
	}
	if own {
		score += inLanguage
	}
	return score
}

// Search returns the records of the view's snapshot that match more of the query's
// words than any other does: all of them where some record does. The best come first,
// equal ones in the model's order of collections, then by id; the same view and query
// always give the same. A text without words finds nothing.
//
// The error wraps content.ErrTooLarge where the text is too long, and
// content.ErrUnavailable while more than a small part of the snapshot is not indexed
// yet. A small part (a record just saved, a past revision) is indexed first, which is
// bounded in time.
func (x *Index) Search(ctx context.Context, v *content.View, q Query) ([]Hit, error) {
	l := x.layout(v)
	if len(l.plans) == 0 {
		return nil, nil
	}
	words, err := parse(q.Text, l.plans[0].buckets)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	segments, tables, err := x.complete(ctx, l)
	if err != nil {
		return nil, err
	}
	defer release(segments)
	s := newScorer(l, q)
	err = guarded(func() error { return s.all(ctx, words, segments, tables) })
	if errors.Is(err, errDamaged) {
		return nil, x.rebuild(ctx, err)
	}
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return s.hits(q.Limit), nil
}

// rebuild throws a damaged index away; searches and Ensure fill it again.
func (x *Index) rebuild(ctx context.Context, cause error) error {
	err := x.write(ctx, func() error { x.discard(cause); return nil })
	if err != nil {
		return err
	}
	return fmt.Errorf("search index is being rebuilt: %w", content.ErrUnavailable)
}

// scorer gathers the scores of one search, by number of record.
type scorer struct {
	*layout
	buckets []bucket
	query   Query
	asked   []bool // by collection

	words int     // most words matched so far by one record
	count []uint8 // words matched
	sum   []float64
	// best and same are of the word at hand, touched the records that have it.
	best    []float64
	same    []float64
	touched []int32
}

func newScorer(l *layout, q Query) *scorer {
	n := len(l.keys)
	s := &scorer{
		layout: l, buckets: l.plans[0].buckets, query: q, asked: make([]bool, len(l.plans)),
		count: make([]uint8, n), sum: make([]float64, n), best: make([]float64, n), same: make([]float64, n),
	}
	for i, p := range l.plans {
		s.asked[i] = len(q.Collections) == 0 || slices.Contains(q.Collections, p.collection.Name)
	}
	return s
}

func (s *scorer) all(ctx context.Context, words []word, segments []*segment, tables [][]int32) error {
	for i := range words {
		for _, find := range []func(*finder, context.Context, *word) error{(*finder).find, (*finder).misspelt} {
			for n, g := range segments {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := find(&finder{scorer: s, segment: g, table: tables[n]}, ctx, &words[i]); err != nil {
					return err
				}
			}
			if len(s.touched) > 0 || !words[i].misspelt() {
				break
			}
		}
		s.next()
	}
	return nil
}

// offer scores the record of a document, and those that share it, if it was asked for.
func (s *scorer) offer(number int32, score float64) {
	for ; number >= 0; number = s.twin[number] {
		if !s.wanted(number) {
			continue
		}
		if s.best[number] == 0 {
			s.touched = append(s.touched, number)
		}
		s.best[number] = max(s.best[number], score)
	}
}

// wanted reports whether the record is of a collection asked for.
func (s *scorer) wanted(number int32) bool {
	if len(s.query.Collections) == 0 {
		return true
	}
	for i := range s.asked {
		if int(number) < s.starts[i+1] {
			return s.asked[i]
		}
	}
	return false
}

// next ends a word.
func (s *scorer) next() {
	for _, number := range s.touched {
		s.sum[number] += s.best[number] + s.same[number]
		s.count[number]++
		s.words = max(s.words, int(s.count[number]))
		s.best[number], s.same[number] = 0, 0
	}
	s.touched = s.touched[:0]
}

func (s *scorer) hits(limit int) []Hit {
	var numbers []int32
	for number, count := range s.count {
		if s.words > 0 && int(count) == s.words {
			numbers = append(numbers, int32(number))
		}
	}
	slices.SortStableFunc(numbers, func(a, b int32) int { return cmp.Compare(s.sum[b], s.sum[a]) })
	if limit > 0 && len(numbers) > limit {
		numbers = numbers[:limit]
	}
	hits := make([]Hit, len(numbers))
	for i, number := range numbers {
		_, r := s.at(number)
		hits[i] = Hit{r, s.sum[number]}
	}
	return hits
}

// finder looks for one word in one segment.
type finder struct {
	*scorer
	segment *segment
	table   []int32
	reading map[string]*postings
}

// own reports whether texts of the bucket are in the reader's language, or in none.
func (s *scorer) own(bucket int) bool {
	b := s.buckets[bucket]
	return s.query.Language == "" || b.language == "" || b.language == s.query.Language
}

func (f *finder) find(ctx context.Context, w *word) error {
	for c := range classes {
		for i, stem := range w.stems {
			if err := f.term(f.buckets[i].fields[c], stem, levelWhole, c, f.own(i)); err != nil {
				return err
			}
			if err := f.tails(ctx, i, c, w.tail(i)); err != nil {
				return err
			}
		}
		for _, beginning := range w.starts {
			if err := f.scan(ctx, c, "\n"+beginning, levelPrefix); err != nil {
				return err
			}
		}
		if err := f.scan(ctx, c, w.part(), levelPart); err != nil {
			return err
		}
	}
	return f.verbatim(w)
}

// verbatim looks for the very word. It comes last, as it adds to what was found.
func (f *finder) verbatim(w *word) error {
	for c := range classes {
		if err := f.term(c.wordField(), w.text, levelWhole, c, false); err != nil {
			return err
		}
		p, err := f.postings(c.wordField())
		if err != nil {
			return err
		}
		err = p.visit(w.text, func(doc uint64, _, _ float64) {
			for number := f.table[doc]; number >= 0; number = f.twin[number] {
				f.same[number] = verbatim
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tails looks for compounds of a bucket whose stems end with stem.
func (f *finder) tails(ctx context.Context, i int, c class, stem string) error {
	if stem == "" {
		return nil
	}
	field := f.buckets[i].fields[c]
	return f.terms(ctx, field, stem+"\n", func(term string) error {
		if !endsWith(term, stem) {
			return nil
		}
		return f.term(field, term, levelPart, c, f.own(i))
	})
}

// scan looks for words that hold needle.
func (f *finder) scan(ctx context.Context, c class, needle string, level float64) error {
	if needle == "" {
		return nil
	}
	return f.terms(ctx, c.wordField(), needle, func(term string) error {
		return f.term(c.wordField(), term, level, c, false)
	})
}

// terms yields each term of a field in whose place of the vocabulary needle occurs.
func (f *finder) terms(ctx context.Context, field, needle string, yield func(string) error) error {
	vocabulary, err := f.segment.vocabulary(field)
	if err != nil {
		return err
	}
	for from := 0; ctx.Err() == nil; {
		i := strings.Index(vocabulary[from:], needle)
		if i < 0 {
			return nil
		}
		i += from
		if needle[0] == '\n' {
			i++
		}
		start := strings.LastIndexByte(vocabulary[:i], '\n') + 1
		from = i + strings.IndexByte(vocabulary[i:], '\n')
		if err := yield(vocabulary[start:from]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// misspelt looks for words, and stems, that are one letter away.
func (f *finder) misspelt(ctx context.Context, w *word) error {
	for c := range classes {
		if err := f.nearby(ctx, c.wordField(), w.text, c, false); err != nil {
			return err
		}
		for i := range w.stems {
			if err := f.nearby(ctx, f.buckets[i].fields[c], w.blurred(i), c, f.own(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// nearby looks for terms that are one letter away from s.
func (f *finder) nearby(ctx context.Context, field, s string, c class, own bool) error {
	if s == "" {
		return nil
	}
	vocabulary, err := f.segment.vocabulary(field)
	if err != nil {
		return err
	}
	for term := range strings.SplitSeq(vocabulary, "\n") {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d := len(term) - len(s); d < -2 || d > 2 || !near(term, s) {
			continue
		}
		if err := f.term(field, term, levelFuzzy, c, own); err != nil {
			return err
		}
	}
	return nil
}

// term offers the documents that hold a term in a field.
func (f *finder) term(field, term string, level float64, c class, own bool) error {
	if term == "" {
		return nil
	}
	p, err := f.postings(field)
	if err != nil {
		return err
	}
	return p.visit(term, func(doc uint64, frequency, norm float64) {
		if number := f.table[doc]; number >= 0 {
			f.offer(number, weight(level, c, own, frequency, norm))
		}
	})
}

func (f *finder) postings(field string) (*postings, error) {
	if p := f.reading[field]; p != nil {
		return p, nil
	}
	p, err := f.segment.postings(field)
	if err != nil {
		return nil, err
	}
	if f.reading == nil {
		f.reading = map[string]*postings{}
	}
	f.reading[field] = p
	return p, nil
}
