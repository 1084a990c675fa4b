package graphql

import (
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// orderField is one thing that the records of a collection can be ordered by.
type orderField struct {
	name string
	// path leads down from the document through single objects to a value, or to a
	// reference; empty for the id and for inverses.
	path []*content.Field
	// inverse is the way back whose records are counted.
	inverse *content.Inverse
	// relevance: how well a record matches what is searched for.
	relevance bool
}

// relevance is the order of a search.
const relevance = "RELEVANCE"

// maxOrderDepth is how deep in a document an order may lie.
const maxOrderDepth = 4

// orders fills the two types that ask for an order.
func (b *builder) orders(t *recordTypes) {
	t.orders = []*orderField{{name: "ID"}, {name: relevance, relevance: true}}
	b.orderPlaces(t, t.collection.Root, nil)
	for i := range t.collection.Inverses {
		inv := &t.collection.Inverses[i]
		t.orders = append(t.orders, &orderField{name: orderName(t, content.EnumName(inv.Name)+"_COUNT"), inverse: inv})
	}
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

// orderPlaces adds what can be ordered by below an object.
func (b *builder) orderPlaces(t *recordTypes, s *content.Shape, path []*content.Field) {
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Name == "" {
			continue
		}
		below := append(slices.Clone(path), f)
		switch f.Shape.Kind {
		case content.ShapeJSON, content.ShapeList:
		case content.ShapeObject:
			if len(below) < maxOrderDepth && !slices.ContainsFunc(path, func(p *content.Field) bool { return p.Shape == f.Shape }) {
				b.orderPlaces(t, f.Shape, below)
			}
		default:
			t.orders = append(t.orders, &orderField{name: orderName(t, pathName(below)), path: below})
		}
	}
}

func pathName(path []*content.Field) string {
	names := make([]string, len(path))
	for i, f := range path {
		names[i] = content.EnumName(f.Name)
	}
	return strings.Join(names, "_")
}

// orderName returns name, with as many underscores as make it free.
func orderName(t *recordTypes, name string) string {
	for t.orderCalled(name) != nil {
		name += "_"
	}
	return name
}

func (o *orderField) describe() string {
	switch {
	case o.relevance:
		return "How well a record matches `search`, which must be given; the best first unless `direction: ASC` is."
	case o.inverse != nil:
		return "How many of `" + o.inverse.Name + "` there are."
	case len(o.path) == 0:
		return ""
	}
	s := o.path[len(o.path)-1].Shape
	if s.Kind == content.ShapeReference {
		return strings.TrimSpace(s.Title + "\n\nBy the title of the record referred to.")
	}
	return strings.TrimSpace(s.Title)
}
