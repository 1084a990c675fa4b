package graphql

import (
	"cmp"
	"slices"

	"github.com/koonti/koonti/internal/content"
)

// listing is what a connection is asked for, checked and compiled.
type listing struct {
	types  *recordTypes // nil for a search over all
	lang   content.Language
	where  predicate // nil: all
	asked  object    // where, before it was compiled
	loose  map[*facetField]loosened
	orders []ordering
	// dated: where or orders ask when a record was created or changed.
	dated bool
	// query is what is searched for, nil for nothing; collections are those of a search
	// over all, empty for all.
	query       *SearchQuery
	collections []content.CollectionName
	// first and last are -1 where they are not said; one of them always is.
	first, last   int
	after, before *cursor
}

// size is the most records that the page can have.
func (l *listing) size() int { return max(l.first, l.last) }

// listing compiles the arguments of a connection.
func (p *planner) listing(f *planField, args map[string]any, lang content.Language) *listing {
	l := &listing{types: p.collections[f.def.place.collection.Name], lang: lang, first: -1, last: -1}
	fail := func(format string, args ...any) { p.fail(newError(CodeBadInput, format, args...), f.nodes[0]) }
	if where, ok := args["where"].(object); ok && len(where) > 0 {
		c := filterCompiler{Schema: p.Schema, lang: lang}
		l.asked, l.where = where, c.record(where)
		l.dated = c.dated
		if c.conditions > p.limits.Conditions {
			p.fail(tooLarge("\"where\" has %d conditions; the limit is %d.", c.conditions, p.limits.Conditions), f.nodes[0])
		}
	}
	orders, _ := args["orderBy"].([]any)
	for _, o := range orders {
		l.order(o.(object))
	}
	if len(l.orders) > p.limits.Orders {
		p.fail(tooLarge("\"orderBy\" has %d orders; the limit is %d.", len(l.orders), p.limits.Orders), f.nodes[0])
	}
	p.search(l, f, args)
	p.sizes(l, args, fail)
	l.after = l.cursor("after", args, fail)
	l.before = l.cursor("before", args, fail)
	return l
}

func (l *listing) order(o object) {
	var out ordering
	directed := false
	for _, m := range o {
		switch m.def.name {
		case "field":
			name, _ := m.value.(string)
			out.field = l.types.orderCalled(name)
		case "direction":
			out.desc, directed = m.value == "DESC", true
		}
	}
	if out.field != nil {
		out.desc = out.desc || out.field.relevance && !directed
		l.dated = l.dated || out.field.dated()
		l.orders = append(l.orders, out)
	}
}

func (p *planner) sizes(l *listing, args map[string]any, fail func(string, ...any)) {
	for _, side := range []struct {
		name string
		size *int
	}{{"first", &l.first}, {"last", &l.last}} {
		if n, ok := args[side.name].(int64); ok && p.sized(side.name, n, fail) {
			*side.size = int(n)
		}
	}
	switch {
	case l.first >= 0 && l.last >= 0:
		fail("\"first\" and \"last\" cannot both be given.")
	case l.first < 0 && l.last < 0:
		l.first = p.limits.PageSize
	}
}

// sized checks the size of a page.
func (p *planner) sized(name string, n int64, fail func(string, ...any)) bool {
	switch {
	case n < 0:
		fail("%q is %d; it cannot be negative.", name, n)
		return false
	case n > int64(p.limits.MaxPageSize):
		fail("%q is %d; the limit is %d. Ask for the next page with \"after\".", name, n, p.limits.MaxPageSize)
		return false
	}
	return true
}

func (l *listing) cursor(name string, args map[string]any, fail func(string, ...any)) *cursor {
	text, ok := args[name].(string)
	if !ok {
		return nil
	}
	n := len(l.orders)
	if l.types == nil {
		n = 1 // the score
	}
	c, ok := decodeCursor(text, l.mark(), n)
	if !ok && l.dated {
		c, ok = decodeCursor(text, l.mark()+timelessMark, n)
		c.timeless = ok
	}
	if !ok {
		fail("%q is no cursor of this list: it is damaged, or comes from another collection, order, search or language.", name)
		return nil
	}
	return &c
}

// page is one page of a connection.
type page struct {
	*listing
	schema   *Schema
	view     *content.View
	history  *history // nil unless the list is dated
	among    among
	found    *found // nil where nothing is searched for
	list     *ordered
	keyers   map[*orderField]func(raw string) string
	records  []*content.Record
	total    int
	previous bool
	next     bool
}

// edge is one record of a page.
type edge struct {
	*page
	record *content.Record
}

// mark is that of the list, as it is told.
func (p *page) mark() uint32 {
	if p.history != nil && p.history.timeless() {
		return p.listing.mark() + timelessMark
	}
	return p.listing.mark()
}

func (p *page) cursorOf(r *content.Record) string {
	if p.types == nil {
		return p.hitCursor(r).encode(p.mark())
	}
	c := cursor{id: r.ID}
	for _, o := range p.orders {
		if o.field.relevance {
			c.raws = append(c.raws, rawKey{floatKey(p.found.scores[r.Ref]), true})
			continue
		}
		if o.field.dated() {
			when := p.history.when(r, o.field.own)
			c.raws = append(c.raws, rawKey{timeKey(when), !when.IsZero()})
			continue
		}
		value, ok := p.schema.raw(p.view, r, o, p.lang, func(raw string) string { return p.keyer(o.field)(raw) })
		c.raws = append(c.raws, rawKey{value, ok})
	}
	return c.encode(p.mark())
}

// keyer returns that of an order, made when it is first asked for.
func (p *page) keyer(o *orderField) func(raw string) string {
	if p.keyers[o] == nil {
		if p.keyers == nil {
			p.keyers = map[*orderField]func(string) string{}
		}
		p.keyers[o] = o.keyer(p.lang)
	}
	return p.keyers[o]
}

// ordered is a list of records in order: the set itself, or indexes into it.
type ordered struct {
	set     *content.Set
	all     bool
	indexes []int32
	columns []*column
	orders  []ordering
}

func (l *ordered) len() int {
	if l.all {
		return l.set.Len()
	}
	return len(l.indexes)
}

func (l *ordered) index(i int) int32 {
	if l.all {
		return int32(i)
	}
	return l.indexes[i]
}

// page answers the connection of all records, or of those that refer to one, in
// the view of run. It is nil where the time is over.
func (s *Schema) page(run *sieve, l *listing, referrers *[]*content.Record, result *found) *page {
	from := newAmong(run.view.Snapshot.Set(l.types.collection.Name), referrers, result)
	list := &ordered{set: from.set, orders: l.orders}
	list.choose(run, l, from)
	for _, o := range l.orders {
		var column *column
		switch {
		case o.field.relevance:
			column = result.column(from.set)
		case o.field.dated():
			column = run.history.column(run, from.set, o.field.own)
		default:
			column = s.column(run, l.types.collection, o, l.lang)
		}
		if column == nil {
			return nil
		}
		list.columns = append(list.columns, column)
	}
	list.sort()
	if run.err != nil {
		return nil
	}
	start, end := list.window(l)
	p := &page{listing: l, schema: s, view: run.view, history: run.history, among: from, list: list, found: result, total: list.len(), previous: start > 0, next: end < list.len()}
	p.records = make([]*content.Record, 0, end-start)
	for i := start; i < end; i++ {
		p.records = append(p.records, list.set.At(int(list.index(i))))
	}
	return p
}

// among are the records that a connection chooses from: a set, or some of it.
type among struct {
	set     *content.Set
	all     bool
	indexes []int32
}

// newAmong chooses from those that refer to one record, unless referrers is nil, and
// from those found, unless result is nil.
func newAmong(set *content.Set, referrers *[]*content.Record, result *found) among {
	out := among{set: set, all: referrers == nil && result == nil}
	add := func(r *content.Record) {
		if i, ok := set.Index(r.ID); ok {
			out.indexes = append(out.indexes, int32(i))
		}
	}
	switch {
	case result != nil:
		for _, h := range result.hits {
			add(h.Record)
		}
		slices.Sort(out.indexes)
	case referrers != nil:
		for _, r := range *referrers {
			add(r)
		}
	}
	return out
}

// each yields them with their indexes until yield returns false.
func (a among) each(yield func(i int32, r *content.Record) bool) {
	if a.all {
		for i := range a.set.Len() {
			if !yield(int32(i), a.set.At(i)) {
				return
			}
		}
		return
	}
	for _, i := range a.indexes {
		if !yield(i, a.set.At(int(i))) {
			return
		}
	}
}

// choose filters.
func (l *ordered) choose(run *sieve, asked *listing, from among) {
	if from.all && asked.where == nil && len(asked.orders) == 0 {
		l.all = true
		return
	}
	from.each(func(i int32, r *content.Record) bool {
		if keep(run, asked.where, r) {
			l.indexes = append(l.indexes, i)
		}
		return run.err == nil
	})
}

// keep tells whether a record is one of those asked for; where is nil for all.
func keep(run *sieve, where predicate, r *content.Record) bool {
	if run.stopped() {
		return false
	}
	return where == nil || where(run, subject{r, r.Root})
}

// sort orders by rank, then by id, which is the order of indexes.
func (l *ordered) sort() {
	if len(l.orders) == 0 {
		return
	}
	slices.SortFunc(l.indexes, func(a, b int32) int {
		for i, o := range l.orders {
			if c := compareRanks(l.columns[i].ranks[a], l.columns[i].ranks[b], o.desc); c != 0 {
				return c
			}
		}
		return cmp.Compare(a, b)
	})
}

// window cuts the page out (Relay Cursor Connections, 4.4).
func (l *ordered) window(asked *listing) (from, to int) {
	to = l.len()
	if asked.after != nil {
		from = l.search(asked, *asked.after, 1)
	}
	if asked.before != nil {
		to = max(from, l.search(asked, *asked.before, 0))
	}
	if asked.first >= 0 {
		to = min(to, from+asked.first)
	}
	if asked.last >= 0 {
		from = max(from, to-asked.last)
	}
	return from, to
}

// search returns the first place whose record stands at the cursor or after it
// (least 0), or after it (least 1).
func (l *ordered) search(asked *listing, c cursor, least int) int {
	keys := make([]string, len(c.raws))
	for i, raw := range c.raws {
		if raw.ok {
			keys[i] = l.orders[i].field.keyer(asked.lang)(raw.value)
		}
	}
	low, high := 0, l.len()
	for low < high {
		middle := int(uint(low+high) >> 1)
		if l.against(int(l.index(middle)), keys, c.id) >= least {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// against compares the record at an index of the set with a place.
func (l *ordered) against(index int, keys []string, id content.ID) int {
	for i, o := range l.orders {
		if c := compareKeys(l.columns[i].keys[index], keys[i], o.desc); c != 0 {
			return c
		}
	}
	return cmp.Compare(l.set.At(index).ID, id)
}
