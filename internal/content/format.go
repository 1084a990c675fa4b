package content

import "strings"

// Format returns v as canonical text: members in the order of the schema, then
// those it does not name in source order; languages in the model's order; two
// spaces an indent; a newline at the end. Numbers keep their digits. Formatting
// what Format returned changes nothing.
func Format(v *Value, shape *Shape, languages []Language) string {
	f := formatter{languages: languages}
	return string(append(f.value(nil, v, shape, 0), '\n'))
}

type formatter struct{ languages []Language }

func (f formatter) value(b []byte, v *Value, shape *Shape, depth int) []byte {
	if v.Kind != Object && v.Kind != List {
		return v.AppendJSON(b)
	}
	opening, closing := byte('{'), byte('}')
	if v.Kind == List {
		opening, closing = '[', ']'
	}
	b = append(b, opening)
	for i, kid := range f.ordered(v, shape) {
		if i > 0 {
			b = append(b, ',')
		}
		b = newline(b, depth+1)
		if v.Kind == Object {
			b = append(AppendString(b, kid.Name), ": "...)
		}
		b = f.value(b, kid, below(shape, v.Kind, kid.Name), depth+1)
	}
	if len(v.Kids) > 0 {
		b = newline(b, depth)
	}
	return append(b, closing)
}

func newline(b []byte, depth int) []byte {
	return append(append(b, '\n'), strings.Repeat("  ", depth)...)
}

// ordered returns the kids of v in canonical order.
func (f formatter) ordered(v *Value, shape *Shape) []*Value {
	kids := make([]*Value, 0, len(v.Kids))
	if v.Kind == List {
		for i := range v.Kids {
			kids = append(kids, &v.Kids[i])
		}
		return kids
	}
	own := members{kids: v.Kids}
	placed := make([]bool, len(v.Kids))
	for _, name := range f.names(shape) {
		if i := own.find(name, 0); i >= 0 && !placed[i] {
			placed[i] = true
			kids = append(kids, &v.Kids[i])
		}
	}
	for i := range v.Kids {
		if !placed[i] {
			kids = append(kids, &v.Kids[i])
		}
	}
	return kids
}

func (f formatter) names(shape *Shape) []string {
	var names []string
	switch {
	case shape == nil:
	case shape.Kind == ShapeLocalized:
		for _, lang := range f.languages {
			names = append(names, string(lang))
		}
	case shape.Kind == ShapeObject:
		for _, field := range shape.Fields {
			if !field.Self {
				names = append(names, field.Property)
			}
		}
	}
	return names
}

// below returns the shape of a kid, nil where it is not known.
func below(shape *Shape, kind Kind, name string) *Shape {
	switch {
	case shape == nil:
		return nil
	case kind == List && shape.Kind == ShapeList:
		return shape.Item
	case kind == Object && shape.Kind == ShapeObject:
		if field := shape.Field(name); field != nil {
			return field.Shape
		}
	}
	// A record whose root is no object has its shape in the field "value".
	if shape.Kind == ShapeObject && len(shape.Fields) == 1 && shape.Fields[0].Self {
		return below(shape.Fields[0].Shape, kind, name)
	}
	return nil
}
