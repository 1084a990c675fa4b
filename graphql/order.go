package graphql

import (
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// orderField is one thing that the records of a collection can be ordered by: one of
// what is said of it here.
type orderField struct {
	name string
	// own is opID, opTitle, a mark of the record, opCreatedAt or opUpdatedAt.
	own op
	// path leads to a value, or to a reference, which counts by the title of its
	// record. Of several values the smallest counts in ascending order, the greatest in
	// descending order.
	path route
	// list leads to a list whose items are counted; inverse is the way back whose
	// records are.
	list    route
	inverse *content.Inverse
	// relevance: how well a record matches what is searched for.
	relevance bool
}

// relevance is the order of a search.
const relevance = "RELEVANCE"

// orders fills the two types that ask for an order.
func (b *builder) orders(t *recordTypes) {
	t.orders = []*orderField{{name: "ID", own: opID}, {name: relevance, relevance: true}, {name: "TITLE", own: opTitle}}
	for _, m := range recordMarks {
		t.orders = append(t.orders, &orderField{name: m.name, own: m.op})
	}
	t.orders = append(t.orders, &orderField{name: "CREATED_AT", own: opCreatedAt}, &orderField{name: "UPDATED_AT", own: opUpdatedAt})
	b.orderPlaces(t)
	for _, o := range t.orders {
		t.orderField.values = append(t.orderField.values, enumValue{name: o.name, description: o.describe(), value: o.name})
	}
	t.order.inputs = []*inputDef{
		{name: "field", typ: nonNull(of(t.orderField))},
		{name: "direction", typ: of(b.direction()), initial: "ASC", description: "What has no value comes last either way."},
	}
}

func (b *builder) direction() *typeDef {
	if t := b.byName["OrderDirection"]; t != nil {
		return t
	}
	t := b.share(enumKind, "OrderDirection", "Which way an order goes.")
	t.values = []enumValue{
		{"ASC", "Smallest, first or oldest first.", "ASC"},
		{"DESC", "Greatest, last or newest first.", "DESC"},
	}
	return t
}

// orderPlaces adds what the model and the schemas say of a record: first its own
// values, then counts, then lists, then what the records referred to say.
func (b *builder) orderPlaces(t *recordTypes) {
	add := func(name string, o orderField) {
		o.name = orderName(t, name)
		t.orders = append(t.orders, &o)
	}
	inside := routesIn(t.collection.Root)
	var single []route
	for _, r := range inside {
		if !r.many() {
			single = append(single, r)
			add(r.name(), orderField{path: r})
		}
	}
	for i := range t.collection.Inverses {
		inv := &t.collection.Inverses[i]
		add(content.EnumName(inv.Name)+"_COUNT", orderField{inverse: inv})
	}
	for _, r := range listsIn(t.collection.Root) {
		add(r.name()+"_COUNT", orderField{list: r})
	}
	for _, r := range inside {
		if r.many() && hasExtremes(r.end()) {
			add(r.name(), orderField{path: r})
		}
	}
	own := len(t.orders)
	for _, r := range b.beyond(single) {
		if !r.many() && len(t.orders) < own+maxBeyond {
			add(r.name(), orderField{path: r})
		}
	}
}

// hasExtremes reports whether the smallest or greatest of several values tells
// anything. Plain texts may be dates that are known to the month.
func hasExtremes(s *content.Shape) bool {
	switch s.Kind {
	case content.ShapeInt, content.ShapeLong, content.ShapeFloat, content.ShapeDate, content.ShapeDateTime, content.ShapeEnum, content.ShapeReference, content.ShapeString:
		return true
	}
	return false
}

// orderName returns name, with as many underscores as make it free.
func orderName(t *recordTypes, name string) string {
	for t.orderCalled(name) != nil {
		name += "_"
	}
	return name
}

// dated reports whether the history tells the values.
func (o *orderField) dated() bool { return o.own == opCreatedAt || o.own == opUpdatedAt }

func (o *orderField) describe() string {
	switch {
	case o.relevance:
		return "How well a record matches `search`, which must be given; the best first unless `direction: ASC` is."
	case o.dated():
		return "While the history cannot be read no record has a time, and the error UNAVAILABLE says so beside the list."
	case o.inverse != nil:
		return "How many of `" + o.inverse.Name + "` there are."
	case o.list != nil:
		return "How many there are in the list."
	case len(o.path) == 0:
		return ""
	}
	notes := []string{o.path[len(o.path)-1].Shape.Title}
	if o.path.end().Kind == content.ShapeReference {
		notes = append(notes, "By the title of the record referred to.")
	}
	if o.path.many() {
		notes = append(notes, "Of several, the first counts in ascending order, the last in descending order.")
	}
	return strings.TrimSpace(strings.Join(notes, "\n\n"))
}
