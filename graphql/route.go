package graphql

import (
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// route leads from a record to values: down its document, into the items of lists,
// and through at most one reference on to the record it names. It is never empty.
type route []*content.Field

const (
	// maxDepth is how deep in a document a route may end.
	maxDepth = 4
	// maxBeyond is how many routes of one collection may lead through a reference:
	// a bound on what a hostile model makes of itself. The first ones are kept.
	maxBeyond = 200
)

// end is the shape of the values, which are no lists.
func (r route) end() *content.Shape { return innermost(r[len(r)-1].Shape) }

// many reports whether a record can have several values.
func (r route) many() bool {
	return slices.ContainsFunc(r, func(f *content.Field) bool { return f.Shape.Kind == content.ShapeList })
}

// passes returns the reference that leads on to another record; nil for none.
func (r route) passes() *content.Reference {
	for _, f := range r[:len(r)-1] {
		if ref := innermost(f.Shape).Reference; ref != nil {
			return ref
		}
	}
	return nil
}

// each yields the values that v leads to in a view, until yield returns false. What
// does not fit its shape is left out, so is a reference on the way that leads nowhere.
func (r route) each(view *content.View, v *content.Value, yield func(*content.Value) bool) bool {
	return r.enter(view, r[0].Shape, r[0].Read(v), yield)
}

func (r route) enter(view *content.View, s *content.Shape, v *content.Value, yield func(*content.Value) bool) bool {
	switch {
	case v.IsNull():
		return true
	case s.Kind == content.ShapeList:
		more := true
		eachItem(v, func(item *content.Value) bool {
			more = r.enter(view, s.Item, item, yield)
			return more
		})
		return more
	case len(r) == 1:
		return yield(v)
	case s.Kind == content.ShapeReference:
		target, ok := follow(view, s, v)
		return !ok || r[1:].each(view, target.value, yield)
	case v.Kind != content.Object:
		return true
	}
	return r[1:].each(view, v, yield)
}

// name joins the names of the fields: PARTICIPANTS_MUNICIPALITY.
func (r route) name() string {
	names := make([]string, len(r))
	for i, f := range r {
		names[i] = content.EnumName(f.Name)
	}
	return strings.Join(names, "_")
}

// routesIn returns the routes inside the documents of a shape, in its order, each to
// a value or a reference.
func routesIn(s *content.Shape) []route {
	var list []route
	var walk func(s *content.Shape, path route)
	walk = func(s *content.Shape, path route) {
		for i := range s.Fields {
			f := &s.Fields[i]
			if f.Name == "" {
				continue
			}
			below := append(slices.Clone(path), f)
			switch inner := innermost(f.Shape); inner.Kind {
			case content.ShapeJSON:
			case content.ShapeObject:
				if len(below) < maxDepth && !path.has(inner) {
					walk(inner, below)
				}
			default:
				list = append(list, below)
			}
		}
	}
	walk(s, nil)
	return list
}

// listsIn returns the routes inside the documents of a shape to lists of references or
// objects, which a record has one of.
func listsIn(s *content.Shape) []route {
	var list []route
	var walk func(s *content.Shape, path route)
	walk = func(s *content.Shape, path route) {
		for i := range s.Fields {
			f := &s.Fields[i]
			below := append(slices.Clone(path), f)
			switch {
			case f.Name == "":
			case f.Shape.Kind == content.ShapeList:
				if k := f.Shape.Item.Kind; k == content.ShapeReference || k == content.ShapeObject {
					list = append(list, below)
				}
			case f.Shape.Kind == content.ShapeObject && len(below) < maxDepth && !path.has(f.Shape):
				walk(f.Shape, below)
			}
		}
	}
	walk(s, nil)
	return list
}

// has reports whether r passes through an object of the shape: a recursive schema.
func (r route) has(s *content.Shape) bool {
	return slices.ContainsFunc(r, func(f *content.Field) bool { return innermost(f.Shape) == s })
}

// beyond returns the routes that lead through those of list that end at references,
// to what the records referred to say at their top.
func (b *builder) beyond(list []route) []route {
	var out []route
	for _, r := range list {
		ref := r.end().Reference
		if ref == nil {
			continue
		}
		fields := b.collections[ref.Target].collection.Root.Fields
		for i := range fields {
			f := &fields[i]
			if kind := innermost(f.Shape).Kind; f.Name == "" || kind == content.ShapeJSON || kind == content.ShapeObject {
				continue
			}
			out = append(out, append(slices.Clone(r), f))
		}
	}
	return out
}
