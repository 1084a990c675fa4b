package graphql

import (
	"cmp"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/koonti/koonti/internal/content"
)

// The shapes of what a filter asks about a record itself.
var (
	idShape      = &content.Shape{Kind: content.ShapeReference}
	textShape    = &content.Shape{Kind: content.ShapeString}
	booleanShape = &content.Shape{Kind: content.ShapeBoolean}
	countShape   = &content.Shape{Kind: content.ShapeLong}
	timeShape    = &content.Shape{Kind: content.ShapeDateTime}
)

// tester compiles filters of values of one shape, and of lists of them.
type tester interface {
	value(where object) valuePredicate
	list(where object) valuePredicate
}

// comparer is the tester of values that are read as T.
type comparer[T comparable] struct {
	// read returns the value, and false where there is none or it does not fit.
	read func(v *content.Value) (T, bool)
	// from turns what scalar.parse returned into T.
	from    func(v any) T
	compare func(a, b T) int
	// text is what contains and startsWith look at, case folded.
	text func(T) string
}

// value compiles the filter of one value by its shape.
func (c *filterCompiler) value(s *content.Shape, where object) valuePredicate {
	c.conditions += len(where)
	return c.tester(s).value(where)
}

func (c *filterCompiler) tester(s *content.Shape) tester {
	switch s.Kind {
	case content.ShapeString:
		return c.texts(func(v *content.Value) (string, bool) { return v.Str(), v != nil && v.Kind == content.String })
	case content.ShapeLocalized:
		return c.texts(func(v *content.Value) (string, bool) {
			text, _ := c.model.Localize(v, c.lang)
			return text.Str(), text != nil
		})
	case content.ShapeInt, content.ShapeLong:
		return comparer[int64]{
			read: func(v *content.Value) (int64, bool) {
				if v == nil {
					return 0, false
				}
				n, ok := leaf(s, v).(int64)
				return n, ok
			},
			from: as[int64], compare: cmp.Compare[int64],
		}
	case content.ShapeFloat:
		return comparer[float64]{read: (*content.Value).Float, from: as[float64], compare: cmp.Compare[float64]}
	case content.ShapeBoolean:
		return comparer[bool]{
			read: func(v *content.Value) (bool, bool) {
				return v != nil && v.Text == "true", v != nil && v.Kind == content.Bool
			},
			from: as[bool],
		}
	case content.ShapeDateTime:
		return comparer[time.Time]{
			read: func(v *content.Value) (time.Time, bool) { t, ok := dateTime(v.Str()); return t.UTC(), ok },
			from: func(v any) time.Time { return v.(time.Time).UTC() }, compare: time.Time.Compare,
		}
	case content.ShapeReference:
		return comparer[string]{
			read: func(v *content.Value) (string, bool) { return v.Str(), v != nil },
			from: as[string], compare: strings.Compare, text: fold,
		}
	case content.ShapeDate, content.ShapeURI, content.ShapeEmail, content.ShapeEnum:
		return comparer[string]{
			read: func(v *content.Value) (string, bool) {
				if v == nil {
					return "", false
				}
				text, ok := leaf(s, v).(string)
				return text, ok
			},
			from: as[string], compare: strings.Compare, text: fold,
		}
	}
	return comparer[string]{
		read: func(v *content.Value) (string, bool) { return "", !v.IsNull() },
		from: func(any) string { return "" },
	}
}

func as[T any](v any) T { return v.(T) }

// texts is the tester of texts: case does not count, and order is the language's.
func (c *filterCompiler) texts(read func(v *content.Value) (string, bool)) tester {
	if c.collator == nil {
		c.collator = collate.New(languageTag(c.lang), collate.IgnoreCase)
	}
	return comparer[string]{
		read: func(v *content.Value) (string, bool) {
			text, ok := read(v)
			if !ok {
				return "", false
			}
			return fold(text), true
		},
		from:    func(v any) string { return fold(v.(string)) },
		compare: c.collator.CompareString,
		text:    func(s string) string { return s },
	}
}

func languageTag(lang content.Language) language.Tag { return language.Make(string(lang)) }

// fold makes texts equal that differ in case only (Unicode, default case folding)
// or in how accents are written (NFC).
func fold(s string) string {
	for _, r := range s {
		if r >= 0x17F || r == 'ß' || r == 'µ' || r == 'İ' || r == 'ŉ' {
			return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
		}
	}
	return strings.ToLower(s) // the same for all letters that are left
}

func (t comparer[T]) value(where object) valuePredicate {
	list := make([]func(v T, ok bool) bool, 0, len(where))
	for _, m := range where {
		list = append(list, t.operator(m.def.test.op, m.value))
	}
	return func(v *content.Value) bool {
		read, ok := t.read(v)
		for _, test := range list {
			if !test(read, ok) {
				return false
			}
		}
		return true
	}
}

// operator compiles one operator. Where there is no value, ne and notIn hold, and
// everything else but isNull does not.
func (t comparer[T]) operator(o op, operand any) func(v T, ok bool) bool {
	switch o {
	case opIsNull:
		null := operand.(bool)
		return func(_ T, ok bool) bool { return ok != null }
	case opIn, opNotIn:
		set, in := t.set(operand), o == opIn
		return func(v T, ok bool) bool { return (ok && set[v]) == in }
	}
	x := t.from(operand)
	switch o {
	case opEq:
		return func(v T, ok bool) bool { return ok && v == x }
	case opNe:
		return func(v T, ok bool) bool { return !ok || v != x }
	case opGt:
		return func(v T, ok bool) bool { return ok && t.compare(v, x) > 0 }
	case opGte:
		return func(v T, ok bool) bool { return ok && t.compare(v, x) >= 0 }
	case opLt:
		return func(v T, ok bool) bool { return ok && t.compare(v, x) < 0 }
	case opLte:
		return func(v T, ok bool) bool { return ok && t.compare(v, x) <= 0 }
	case opContains, opStartsWith:
		return t.textOperator(o, fold(operand.(string)))
	}
	return func(T, bool) bool { return false }
}

func (t comparer[T]) textOperator(o op, part string) func(v T, ok bool) bool {
	matches := strings.Contains
	if o == opStartsWith {
		matches = strings.HasPrefix
	}
	return func(v T, ok bool) bool { return ok && matches(t.text(v), part) }
}

func (t comparer[T]) set(operand any) map[T]bool {
	set := map[T]bool{}
	for _, v := range operand.([]any) {
		set[t.from(v)] = true
	}
	return set
}

// list compiles the filter of a list; items that do not fit are not in it.
func (t comparer[T]) list(where object) valuePredicate {
	var tests []valuePredicate
	for _, m := range where {
		tests = append(tests, t.listOperator(m.def.test.op, m.value))
	}
	return func(v *content.Value) bool {
		for _, test := range tests {
			if !test(v) {
				return false
			}
		}
		return true
	}
}

func (t comparer[T]) listOperator(o op, operand any) valuePredicate {
	if o == opIsEmpty {
		empty := operand.(bool)
		return func(v *content.Value) bool { return t.anyItem(v, func(T) bool { return true }) != empty }
	}
	if o == opHas {
		operand = []any{operand}
	}
	set := t.set(operand)
	if o == opHasAny {
		return func(v *content.Value) bool { return t.anyItem(v, func(x T) bool { return set[x] }) }
	}
	return func(v *content.Value) bool {
		found := map[T]bool{}
		return len(set) == 0 || t.anyItem(v, func(x T) bool {
			if set[x] {
				found[x] = true
			}
			return len(found) == len(set)
		})
	}
}

func (t comparer[T]) anyItem(v *content.Value, test func(T) bool) bool {
	found := false
	eachItem(v, func(item *content.Value) bool {
		x, ok := t.read(item)
		found = ok && test(x)
		return !found
	})
	return found
}
