package graphql

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/collate"

	"github.com/koonti/koonti/internal/content"
)

// maxColumns is how many columns are kept; one of 10,000 titles is about 1 MB.
const maxColumns = 64

// sortedText is how many characters of a text count for its order; it bounds
// columns and cursors.
const sortedText = 100

// column is what the records of a set are ordered by, worked out once. It is
// immutable.
type column struct {
	// keys compare bytewise as the values do, by the index in the set; "" where
	// there is no value.
	keys []string
	// ranks number the different keys; equal keys have equal ranks, "" has -1.
	ranks []int32
}

// columnKey names a column. Sets are immutable, so nothing is ever invalidated.
type columnKey struct {
	set *content.Set
	// others are the sets of the records referred to, or of those that refer.
	others [2]*content.Set
	field  *orderField
	// desc tells orders apart in which it decides which of several values counts.
	desc bool
	lang content.Language
}

// ordering is one order asked for.
type ordering struct {
	field *orderField
	desc  bool
}

// collated reports whether the values are texts, ordered by the language.
func (o *orderField) collated() bool {
	if len(o.path) == 0 {
		return o.own == opTitle
	}
	switch o.path.end().Kind {
	case content.ShapeString, content.ShapeLocalized, content.ShapeReference:
		return true
	}
	return false
}

// others are the sets that the values depend on, beside the records' own.
func (o *orderField) others(view *content.View) (sets [2]*content.Set) {
	switch {
	case o.inverse != nil:
		sets[0] = view.Snapshot.Set(o.inverse.Collection)
	case o.list != nil:
		if ref := o.list.end().Reference; ref != nil {
			sets[0] = view.Snapshot.Set(ref.Target)
		}
	case len(o.path) > 0:
		for i, ref := range []*content.Reference{o.path.end().Reference, o.path.passes()} {
			if ref != nil {
				sets[i] = view.Snapshot.Set(ref.Target)
			}
		}
	}
	return sets
}

// column returns the column of a set in a view; nil where the time is over.
func (s *Schema) column(run *sieve, c *content.Collection, o ordering, lang content.Language) *column {
	set := run.view.Snapshot.Set(c.Name)
	key := columnKey{set: set, field: o.field, others: o.field.others(run.view)}
	if o.field.collated() {
		key.lang = lang
	}
	if o.field.path.many() {
		key.desc = o.desc
	}
	if known, ok := s.columns.Get(key); ok {
		return known
	}
	made := s.newColumn(run, set, o, lang)
	if made != nil && set.Len() > 0 {
		s.columns.Add(key, made)
	}
	return made
}

func (s *Schema) newColumn(run *sieve, set *content.Set, o ordering, lang content.Language) *column {
	keys := make([]string, set.Len())
	to := o.field.keyer(lang)
	for i := range keys {
		if run.stopped() {
			return nil
		}
		if raw, ok := s.raw(run.view, set.At(i), o, lang, to); ok {
			keys[i] = to(raw)
		}
	}
	return &column{keys, ranksOf(keys)}
}

// column is what the records found are ordered by relevance with; it is not kept.
func (f *found) column(set *content.Set) *column {
	if f == nil {
		return nil
	}
	keys := make([]string, set.Len())
	for _, h := range f.hits {
		if i, ok := set.Index(h.Record.ID); ok {
			keys[i] = "\x01" + floatKey(h.Score)
		}
	}
	return &column{keys, ranksOf(keys)}
}

func ranksOf(keys []string) []int32 {
	order := make([]int32, len(keys))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(keys[a], keys[b]) })
	ranks := make([]int32, len(keys))
	rank, previous := int32(-1), ""
	for _, i := range order {
		if keys[i] != previous {
			rank, previous = rank+1, keys[i]
		}
		ranks[i] = rank
	}
	return ranks
}

// keyer returns what turns raw values into keys, which are never "". It is used by
// one goroutine.
func (o *orderField) keyer(lang content.Language) func(raw string) string {
	if !o.collated() {
		return func(raw string) string { return "\x01" + raw }
	}
	collator, buffer := collate.New(languageTag(lang)), &collate.Buffer{}
	return func(raw string) string {
		buffer.Reset()
		return "\x01" + string(collator.KeyFromString(buffer, raw))
	}
}

// raw returns the value a record is ordered by, as a cursor holds it: the
// beginning of a text, or bytes that compare as the values do; false where there
// is none. Of several, to tells which counts.
func (s *Schema) raw(view *content.View, r *content.Record, o ordering, lang content.Language, to func(string) string) (string, bool) {
	switch f := o.field; {
	case f.inverse != nil:
		return intKey(int64(len(view.Snapshot.Set(f.inverse.Collection).Referrers(f.inverse.At, r.ID)))), true
	case f.list != nil:
		return intKey(f.list.length(view, r.Root)), true
	case f.own == opID:
		return string(r.ID), true
	case f.own == opTitle:
		title := r.Title(s.model, lang)
		return beginning(title), title != ""
	case len(f.path) == 0:
		return boolKey(marked(r, f.own)), true
	}
	return s.extreme(view, r, o, lang, to)
}

// extreme is the smallest value of a record, or the greatest.
func (s *Schema) extreme(view *content.View, r *content.Record, o ordering, lang content.Language, to func(string) string) (string, bool) {
	best, bestKey, found := "", "", false
	o.field.path.each(view, r.Root, func(v *content.Value) bool {
		raw, ok := s.rawValue(view, o.field.path.end(), v, lang)
		switch {
		case !ok:
		case !found:
			best, found = raw, true
		default: // keys of texts are dear: none is made where there is one value
			if bestKey == "" {
				bestKey = to(best)
			}
			if key := to(raw); (key > bestKey) == o.desc {
				best, bestKey = raw, key
			}
		}
		return true
	})
	return best, found
}

// length counts the items of a list as filters do: those that lead to a record, or are
// objects.
func (r route) length(view *content.View, v *content.Value) int64 {
	n := int64(0)
	item := r.end()
	r.each(view, v, func(v *content.Value) bool {
		fits := v.Kind == content.Object
		if item.Kind == content.ShapeReference {
			_, fits = follow(view, item, v)
		}
		if fits {
			n++
		}
		return true
	})
	return n
}

func (s *Schema) rawValue(view *content.View, shape *content.Shape, v *content.Value, lang content.Language) (string, bool) {
	switch shape.Kind {
	case content.ShapeLocalized:
		text, _ := s.model.Localize(v, lang)
		return beginning(text.Str()), text != nil
	case content.ShapeReference:
		target, ok := follow(view, shape, v)
		if !ok {
			return "", false
		}
		title := target.record.Title(s.model, lang)
		return beginning(title), title != ""
	case content.ShapeEnum:
		i := slices.IndexFunc(shape.Values, func(e content.EnumValue) bool { return v.Kind == content.String && e.JSON == v.Text })
		return intKey(int64(i)), i >= 0
	}
	switch out := leaf(shape, v).(type) {
	case string:
		if shape.Kind == content.ShapeDateTime {
			t, _ := dateTime(out)
			return timeKey(t), true
		}
		return beginning(out), true
	case int64:
		return intKey(out), true
	case number:
		f, ok := v.Float()
		return floatKey(f), ok
	case bool:
		return boolKey(out), true
	}
	return "", false
}

func boolKey(yes bool) string {
	if yes {
		return "\x01"
	}
	return "\x00"
}

// beginning is as much of a text as counts for its order.
func beginning(text string) string {
	n := 0
	for i := range text {
		if n++; n > sortedText {
			return text[:i]
		}
	}
	return text
}

// intKey writes n so that bytes compare as numbers do.
func intKey(n int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(n)^1<<63))
}

// floatKey does so for a number that is not NaN.
func floatKey(f float64) string {
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits ^= 1 << 63
	}
	return string(binary.BigEndian.AppendUint64(nil, bits))
}

func timeKey(t time.Time) string {
	return string(binary.BigEndian.AppendUint32([]byte(intKey(t.Unix())), uint32(t.Nanosecond())))
}

// compareKeys orders two keys; what has none comes last either way.
func compareKeys(a, b string, desc bool) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	case desc:
		return strings.Compare(b, a)
	}
	return strings.Compare(a, b)
}

// compareRanks does the same for ranks.
func compareRanks(a, b int32, desc bool) int {
	switch {
	case a == b:
		return 0
	case a < 0:
		return 1
	case b < 0:
		return -1
	case desc:
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}
