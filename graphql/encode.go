package graphql

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// writer writes the executor's result as JSON, in the order of the query.
type writer struct {
	*request
	b     []byte
	limit int
	// metas counts values of introspection.
	metas int
	err   error
}

// maxMetas is how many values of introspection one answer may hold; the usual
// query takes some twenty for each field and argument of the schema.
const maxMetas = 600_000

// answer writes "data".
func (w *writer) answer(data any) ([]byte, error) {
	fields, ok := data.(map[string]any)
	if !ok || fields == nil {
		return []byte("null"), nil
	}
	w.object(w.plan.root, fields)
	return w.b, w.err
}

func (w *writer) object(sel *selection, data map[string]any) {
	w.b = append(w.b, '{')
	for i, f := range sel.fields {
		if w.err != nil {
			return
		}
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(content.AppendString(w.b, f.key), ':')
		switch {
		case f.def.place.kind == typename:
			w.b = content.AppendString(w.b, sel.typ.name)
		case f.def.place.kind == metaPlace:
			w.metaRoot(f)
		default:
			w.value(f, data[f.key])
		}
	}
	w.b = append(w.b, '}')
}

func (w *writer) value(f *planField, v any) {
	if w.full() {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		w.object(f.concrete(v), v)
	case []any:
		w.b = append(w.b, '[')
		for i, item := range v {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.value(f, item)
		}
		w.b = append(w.b, ']')
	default:
		w.leaf(v)
	}
}

// full reports whether nothing more should be written.
func (w *writer) full() bool {
	if len(w.b) > w.limit && w.err == nil {
		w.err = tooLarge("The answer has more than %d bytes; ask for smaller pages.", w.limit)
	}
	return w.err != nil
}

// concrete is the selection of the type that data is of.
func (f *planField) concrete(data map[string]any) *selection {
	if len(f.below) > 1 {
		for _, sel := range f.below {
			if sel.typ.name == data[hiddenType] {
				return sel
			}
		}
	}
	return f.below[0]
}

func (w *writer) leaf(v any) {
	switch v := v.(type) {
	case nil:
		w.b = append(w.b, "null"...)
	case string:
		w.b = content.AppendString(w.b, v)
	case bool:
		w.b = strconv.AppendBool(w.b, v)
	case int64:
		w.b = strconv.AppendInt(w.b, v, 10)
	case number:
		w.b = append(w.b, v...)
	case *content.Value:
		w.b = v.AppendJSON(w.b)
	default:
		w.err = fmt.Errorf("no way to write %T", v)
	}
}

// metaRoot writes __schema or __type from the type system itself.
func (w *writer) metaRoot(f *planField) {
	if f.def == w.typeField {
		w.meta(f, f.bound.typ)
		return
	}
	w.meta(f, f.def.place.meta(nil))
}

func (w *writer) meta(f *planField, v any) {
	if w.metas++; w.metas > maxMetas && w.err == nil {
		w.err = tooLarge("The introspection asks for more than %d values.", maxMetas)
	}
	if w.full() {
		return
	}
	switch v := v.(type) {
	case nil, string, bool:
		w.leaf(v)
	case []any:
		w.b = append(w.b, '[')
		for i, item := range v {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.meta(f, item)
		}
		w.b = append(w.b, ']')
	default:
		w.metaObject(f.below[0], v)
	}
}

func (w *writer) metaObject(sel *selection, source any) {
	w.b = append(w.b, '{')
	for i, f := range sel.fields {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(content.AppendString(w.b, f.key), ':')
		if f.def.place.kind == typename {
			w.b = content.AppendString(w.b, sel.typ.name)
			continue
		}
		w.meta(f, f.def.place.meta(source))
	}
	w.b = append(w.b, '}')
}

// appendErrors writes the list "errors".
func appendErrors(b []byte, errs []*Error) []byte {
	b = append(b, '[')
	for i, e := range errs {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.append(b)
	}
	return append(b, ']')
}

func (e *Error) append(b []byte) []byte {
	b = content.AppendString(append(b, `{"message":`...), e.Message)
	for i, l := range e.Locations {
		b = append(b, []string{`,"locations":[`, ","}[min(i, 1)]...)
		b = strconv.AppendInt(append(b, `{"line":`...), int64(l.Line), 10)
		b = append(strconv.AppendInt(append(b, `,"column":`...), int64(l.Column), 10), '}')
	}
	if len(e.Locations) > 0 {
		b = append(b, ']')
	}
	for i, step := range e.Path {
		b = append(b, []string{`,"path":[`, ","}[min(i, 1)]...)
		switch step := step.(type) {
		case int:
			b = strconv.AppendInt(b, int64(step), 10)
		default:
			b = content.AppendString(b, fmt.Sprint(step))
		}
	}
	if len(e.Path) > 0 {
		b = append(b, ']')
	}
	b = content.AppendString(append(b, `,"extensions":{"code":`...), string(e.Code))
	return append(b, "}}"...)
}

// comparePaths orders paths of errors: indexes as numbers, keys as text.
func comparePaths(a, b []any) int {
	for i := range min(len(a), len(b)) {
		x, xIsInt := a[i].(int)
		y, yIsInt := b[i].(int)
		c := strings.Compare(fmt.Sprint(a[i]), fmt.Sprint(b[i]))
		if xIsInt && yIsInt {
			c = cmp.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
