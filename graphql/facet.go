package graphql

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/collate"

	"github.com/koonti/koonti/internal/content"
)

// facetField is one thing that the records of a collection can be counted by: a
// place, or one of the record's own marks.
type facetField struct {
	name  string
	route route
	mark  op // opValid, opStale or opUncommitted where there is no route
}

// marks are what can be said of any record, as filters name it.
var recordMarks = []struct {
	name string
	op   op
}{{"VALID", opValid}, {"STALE", opStale}, {"UNCOMMITTED", opUncommitted}}

// facets fills the type that names what can be counted by.
func (b *builder) facets(t *recordTypes) {
	for _, m := range recordMarks {
		t.facets = append(t.facets, &facetField{name: m.name, mark: m.op})
	}
	inside := routesIn(t.collection.Root)
	b.facetRoutes(t, inside)
	own := len(t.facets)
	var through []route
	for _, r := range b.beyond(inside) {
		if k := r.end().Kind; k != content.ShapeLocalized && k != content.ShapeString {
			through = append(through, r)
		}
	}
	b.facetRoutes(t, through)
	t.facets = t.facets[:min(len(t.facets), own+maxBeyond)]
	for _, f := range t.facets {
		t.facetField.values = append(t.facetField.values, enumValue{name: f.name, description: f.describe(), value: f.name})
	}
}

// facetRoutes adds those of list whose values are worth counting: no points in time,
// no fractions, no addresses.
func (b *builder) facetRoutes(t *recordTypes, list []route) {
	for _, r := range list {
		switch r.end().Kind {
		case content.ShapeEnum, content.ShapeReference, content.ShapeBoolean, content.ShapeString, content.ShapeLocalized,
			content.ShapeInt, content.ShapeLong, content.ShapeDate:
			name := r.name()
			for t.facetCalled(name) != nil {
				name += "_"
			}
			t.facets = append(t.facets, &facetField{name: name, route: r})
		}
	}
}

func (f *facetField) describe() string {
	if f.route == nil {
		return ""
	}
	return strings.TrimSpace(f.route[len(f.route)-1].Shape.Title)
}

// facetCalled returns the facet called name; nil where there is none.
func (t *recordTypes) facetCalled(name string) *facetField {
	for _, f := range t.facets {
		if f.name == name {
			return f
		}
	}
	return nil
}

// facetsField is the field of a connection.
func (b *builder) facetsField(t *recordTypes) *fieldDef {
	return &fieldDef{
		name: "facets", typ: nonNull(listOfNonNull(of(b.facetValue()))), place: place{kind: pageFacets, collection: t.collection},
		args: []*inputDef{
			{name: "field", typ: nonNull(of(t.facetField)), description: "What to count by."},
			{name: "first", typ: of(b.scalar("Int")), description: "How many values: 20 unless said, at most 500."},
			{name: "orderBy", typ: of(b.facetOrder()), initial: "COUNT"},
		},
		description: "How many records have each value of a field, whatever page is asked for. What `where` says of that field alone, at its top or in " +
			"`and`, is left out of account, so that the values not chosen are counted too; all else it says holds. A record counts once for each of its " +
			"different values; one without a value counts for none.",
	}
}

func (b *builder) facetValue() *typeDef {
	str, num := nonNull(of(b.scalar("String"))), nonNull(of(b.scalar("Int")))
	return b.table("FacetValue", "A value, and how many records have it.", func() []row {
		return []row{
			{"value", str, facetValueItself, "As a filter takes it: the id of what is referred to, the name of an enum's value, `true`, a number, a text.", nil},
			{"label", str, facetLabel, "For people: the title of what is referred to, in the language asked for; an enum's value as the document has it; else the value.", nil},
			{"count", num, facetCount, "How many records have it.", nil},
			{"share", nonNull(of(b.scalar("Float"))), facetShare, "Which part that is, from 0 to 1, of all records that were looked at: `totalCount`, if nothing is said of the facet's own field.", nil},
		}
	})
}

func (b *builder) facetOrder() *typeDef {
	if t := b.byName["FacetOrder"]; t != nil {
		return t
	}
	t := b.share(enumKind, "FacetOrder", "Which values of a facet come first.")
	t.values = []enumValue{
		{"COUNT", "The most frequent first; equally frequent ones by label.", "COUNT"},
		{"VALUE", "Smallest or oldest first; an enum's in the order of its schema.", "VALUE"},
		{"LABEL", "By the language's alphabet.", "LABEL"},
	}
	return t
}

// faceting is what one facet is asked for: field and order of records, by of changes.
type faceting struct {
	field *facetField
	first int
	order string
	by    content.ChangeFacet
}

// faceting checks the arguments of a facet.
func (p *planner) faceting(f *planField, args map[string]any) *faceting {
	name, _ := args["field"].(string)
	out := &faceting{field: p.collections[f.def.place.collection.Name].facetCalled(name), order: "COUNT"}
	if order, ok := args["orderBy"].(string); ok {
		out.order = order
	}
	out.first = p.facetSize(f, args)
	return out
}

func (p *planner) facetSize(f *planField, args map[string]any) int {
	first, ok := args["first"].(int64)
	if !ok {
		return p.limits.PageSize
	}
	if first < 0 || first > int64(p.limits.MaxPageSize) {
		p.fail(newError(CodeBadInput, "\"first\" is %d; it can be from 0 to %d.", first, p.limits.MaxPageSize), f.nodes[0])
		return 0
	}
	return int(first)
}

// facetEntry is one value of a facet: the source of the fields of a FacetValue.
type facetEntry struct {
	value, label string
	// key orders values; see Schema.rawValue.
	key   string
	count int
	of    int
	// seen is the last record counted, from 1.
	seen int
}

func readFacets(ctx context.Context, c *call) (any, error) {
	p, asked := c.source.(*page), c.bound.facet
	run := newSieve(ctx, p.view)
	run.history = p.history
	list := p.facet(run, asked)
	if run.err != nil {
		c.stop = run.err
		return nil, run.err
	}
	return each(list, func(e *facetEntry) any { return e }), nil
}

// facet counts; the result means nothing where the time was over.
func (p *page) facet(run *sieve, asked *faceting) []*facetEntry {
	entries, looked := map[string]*facetEntry{}, 0
	p.without(run, asked.field, func(r *content.Record) {
		looked++
		asked.field.each(run.view, r, func(v *content.Value) bool {
			p.count(entries, asked.field, v, looked)
			return !run.stopped()
		})
	})
	list := make([]*facetEntry, 0, len(entries))
	for _, e := range entries {
		e.of = looked
		list = append(list, e)
	}
	sortFacet(list, asked.order, p.lang)
	return list[:min(asked.first, len(list))]
}

// each yields the values of a record.
func (f *facetField) each(view *content.View, r *content.Record, yield func(*content.Value) bool) {
	if f.route == nil {
		yield(boolValue(marked(r, f.mark)))
		return
	}
	f.route.each(view, r.Root, yield)
}

// count counts one value of the n-th record, if it has not been.
func (p *page) count(entries map[string]*facetEntry, f *facetField, v *content.Value, n int) {
	shape := booleanShape
	if f.route != nil {
		shape = f.route.end()
	}
	value, ok := p.facetValue(shape, v)
	if !ok {
		return
	}
	e := entries[value]
	if e == nil {
		e = &facetEntry{value: value}
		e.label, e.key = p.facetLabel(shape, v, value)
		entries[value] = e
	}
	if e.seen != n {
		e.seen = n
		e.count++
	}
}

// facetValue writes a value as filters take it; false where it does not fit.
func (p *page) facetValue(shape *content.Shape, v *content.Value) (string, bool) {
	switch shape.Kind {
	case content.ShapeReference:
		target, ok := follow(p.view, shape, v)
		if !ok {
			return "", false
		}
		return string(target.record.ID), true
	case content.ShapeEnum:
		for _, e := range shape.Values {
			if v.Kind == content.String && e.JSON == v.Text {
				return e.Name, true
			}
		}
		return "", false
	case content.ShapeLocalized:
		text, _ := p.schema.model.Localize(v, p.lang)
		return text.Str(), text != nil
	}
	switch out := leaf(shape, v).(type) {
	case string:
		return out, true
	case int64:
		return strconv.FormatInt(out, 10), true
	case bool:
		return strconv.FormatBool(out), true
	}
	return "", false
}

// facetLabel returns what people read, and what orders the value.
func (p *page) facetLabel(shape *content.Shape, v *content.Value, value string) (label, key string) {
	switch shape.Kind {
	case content.ShapeReference:
		target, _ := follow(p.view, shape, v)
		return cmp.Or(target.record.Title(p.schema.model, p.lang), value), value
	case content.ShapeEnum:
		label = v.Text
	default:
		label = value
	}
	key, _ = p.schema.rawValue(p.view, shape, v, p.lang)
	return label, key
}

func sortFacet(list []*facetEntry, order string, lang content.Language) {
	collator, buffer := collate.New(languageTag(lang)), &collate.Buffer{}
	labels := make(map[*facetEntry]string, len(list))
	if order != "VALUE" {
		for _, e := range list {
			buffer.Reset()
			labels[e] = string(collator.KeyFromString(buffer, beginning(e.label)))
		}
	}
	slices.SortFunc(list, func(a, b *facetEntry) int {
		if order == "COUNT" && a.count != b.count {
			return cmp.Compare(b.count, a.count)
		}
		if order == "VALUE" {
			return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.value, b.value))
		}
		return cmp.Or(strings.Compare(labels[a], labels[b]), strings.Compare(a.value, b.value))
	})
}

// without yields the records of the connection, were nothing said of the facet's
// field.
func (p *page) without(run *sieve, f *facetField, yield func(*content.Record)) {
	where, same := p.listing.withoutField(p.schema, f)
	if same {
		for i := range p.list.len() {
			if run.stopped() {
				return
			}
			yield(p.list.set.At(int(p.list.index(i))))
		}
		return
	}
	p.among.each(func(_ int32, r *content.Record) bool {
		if keep(run, where, r) {
			yield(r)
		}
		return run.err == nil
	})
}

// withoutField returns the filter without what it says of a facet's field, and
// whether that is all of it. It is compiled once: the filter was within its limits.
func (l *listing) withoutField(s *Schema, f *facetField) (predicate, bool) {
	if known, ok := l.loose[f]; ok {
		return known.where, known.same
	}
	rest, dropped := f.strip(l.asked)
	out := loosened{where: l.where, same: !dropped}
	if dropped {
		c := filterCompiler{Schema: s, lang: l.lang}
		out.where = c.record(rest)
	}
	if l.loose == nil {
		l.loose = map[*facetField]loosened{}
	}
	l.loose[f] = out
	return out.where, out.same
}

// loosened is a filter without what it says of one field.
type loosened struct {
	where predicate
	same  bool
}

// strip leaves out of a filter what it says of the facet's field alone: the members
// that name it, at the top or in "and". It reports whether there was any.
//
// A member of a single object or reference is a condition like one at the top. What
// "some", "every" and "none" say of the items of a list is one condition: it is left
// out if all of it is about the field. Of a reference, only `id` and `isNull` are
// about the field itself; the rest speaks of the record it names.
func (f *facetField) strip(where object) (rest object, dropped bool) {
	if f.route != nil {
		return f.route.strip(where)
	}
	for _, m := range where {
		switch {
		case m.def.test.op == f.mark:
			dropped = true
			continue
		case m.def.test.op == opAnd:
			var any bool
			m, any = stripAll(m, f.strip)
			dropped = dropped || any
		}
		rest = append(rest, m)
	}
	return rest, dropped
}

// stripAll strips each of the filters in "and".
func stripAll(m member, strip func(object) (object, bool)) (member, bool) {
	var list []any
	dropped := false
	for _, where := range m.value.([]any) {
		rest, some := strip(where.(object))
		dropped = dropped || some
		if len(rest) > 0 || !some {
			list = append(list, rest)
		}
	}
	return member{m.def, list}, dropped
}

func (r route) strip(where object) (rest object, dropped bool) {
	for _, m := range where {
		some, t := false, m.def.test
		switch {
		case t.op == opAnd:
			m, some = stripAll(m, r.strip)
			if list, _ := m.value.([]any); some && len(list) == 0 {
				dropped = true
				continue
			}
		case t.op == opProperty && t.field == r[0]:
			var left object
			left, some = r.stripBelow(r[0].Shape, m.value.(object))
			if some && len(left) == 0 {
				dropped = true
				continue
			}
			m = member{m.def, left}
		}
		dropped = dropped || some
		rest = append(rest, m)
	}
	return rest, dropped
}

// stripBelow strips the filter of the route's first field.
func (r route) stripBelow(s *content.Shape, where object) (rest object, dropped bool) {
	inner := innermost(s)
	last := len(r) == 1
	switch {
	case last && inner.Kind != content.ShapeReference:
		return nil, true
	case s.Kind != content.ShapeList && last:
		return stripReference(where)
	case s.Kind != content.ShapeList:
		return r[1:].strip(where)
	}
	for _, m := range where {
		left, some := object(nil), last // isEmpty and count are about a list itself
		switch m.def.test.op {
		case opSome, opEvery, opNone:
			if last {
				left, some = stripReference(m.value.(object))
			} else {
				left, some = r[1:].strip(m.value.(object))
			}
		}
		if some && len(left) == 0 {
			dropped = true
			continue
		}
		rest = append(rest, m)
	}
	return rest, dropped
}

func stripReference(where object) (rest object, dropped bool) {
	for _, m := range where {
		if op := m.def.test.op; op == opID || op == opIsNull {
			dropped = true
			continue
		}
		rest = append(rest, m)
	}
	return rest, dropped
}
