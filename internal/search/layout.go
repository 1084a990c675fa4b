package search

import (
	"sort"
	"sync"

	"github.com/koonti/koonti/internal/content"
)

// layoutKey names a snapshot read by a model.
type layoutKey struct {
	snapshot *content.Snapshot
	model    *content.Model
}

// layout gives each record of a snapshot a number, by collection and id, and knows
// which documents of which segment they are.
type layout struct {
	plans  []*plan
	sets   []*content.Set
	starts []int // number of each set's first record, and the count of all at the end
	keys   []docKey
	byKey  map[docKey]int32
	twin   []int32 // the next record with the same document, or -1

	mu         sync.Mutex // guards the rest
	tables     map[*segment][]int32
	generation uint64
	absent     []int32 // one record of each document that no segment of generation has
	counted    bool
}

// layout returns the layout of a view's snapshot.
func (x *Index) layout(v *content.View) *layout {
	key := layoutKey{v.Snapshot, v.Model}
	if l, ok := x.layouts.Get(key); ok {
		return l
	}
	l := newLayout(v, x.analysers.plans(v.Model))
	x.layouts.Add(key, l)
	return l
}

func newLayout(v *content.View, plans []*plan) *layout {
	n := v.Snapshot.Count()
	l := &layout{
		plans: plans, starts: make([]int, 1, len(plans)+1),
		keys: make([]docKey, 0, n), byKey: make(map[docKey]int32, n), twin: make([]int32, 0, n),
		tables: map[*segment][]int32{},
	}
	for _, p := range plans {
		set := v.Snapshot.Set(p.collection.Name)
		for r := range set.All() {
			key, number := p.docKey(r.Document), int32(len(l.keys))
			same, ok := l.byKey[key]
			if !ok {
				same = -1
			}
			l.byKey[key] = number
			l.twin = append(l.twin, same)
			l.keys = append(l.keys, key)
		}
		l.sets = append(l.sets, set)
		l.starts = append(l.starts, len(l.keys))
	}
	return l
}

// at returns the plan and the record of a number.
func (l *layout) at(number int32) (*plan, *content.Record) {
	i := sort.SearchInts(l.starts, int(number)+1) - 1
	return l.plans[i], l.sets[i].At(int(number) - l.starts[i])
}

// place brings l up to date with the segments and returns, for each, the number of
// the record that each document is, or -1; and the records whose documents are absent.
func (l *layout) place(segments []*segment, generation uint64) (tables [][]int32, absent []int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tables = make([][]int32, len(segments))
	for i, s := range segments {
		if l.tables[s] == nil {
			l.tables[s] = l.table(s)
		}
		tables[i] = l.tables[s]
	}
	if l.counted && l.generation == generation {
		return tables, l.absent
	}
	absent = l.missing(tables)
	if !l.counted || l.generation < generation {
		l.counted, l.generation, l.absent = true, generation, absent
		l.forget(segments)
	}
	return tables, absent
}

func (l *layout) table(s *segment) []int32 {
	table := make([]int32, len(s.keys))
	for i, key := range s.keys {
		number, ok := l.byKey[key]
		if !ok {
			number = -1
		}
		table[i] = number
	}
	return table
}

func (l *layout) missing(tables [][]int32) []int32 {
	have := make([]bool, len(l.keys))
	for _, table := range tables {
		for _, number := range table {
			if number >= 0 {
				have[number] = true
			}
		}
	}
	var absent []int32
	for number, key := range l.keys {
		if l.byKey[key] == int32(number) && !have[number] {
			absent = append(absent, int32(number))
		}
	}
	return absent
}

// forget drops the tables of segments that are no more.
func (l *layout) forget(segments []*segment) {
	if len(l.tables) == len(segments) {
		return
	}
	tables := make(map[*segment][]int32, len(segments))
	for _, s := range segments {
		tables[s] = l.tables[s]
	}
	l.tables = tables
}
