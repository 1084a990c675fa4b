package graphql

import (
	"context"
	"strconv"
	"time"

	"golang.org/x/text/collate"

	"github.com/koonti/koonti/internal/content"
)

// subject is what a filter looks at: a record, or an object in it.
type subject struct {
	record *content.Record
	value  *content.Value
}

// predicate is a filter compiled to a closure. It is used by one request.
type predicate func(s *sieve, it subject) bool

// valuePredicate is a filter of one value, which is nil where there is none.
type valuePredicate func(v *content.Value) bool

// sieve is the run of a filter over the records of one view. It looks at its
// context now and then; once that is done, every predicate is false.
type sieve struct {
	view *content.View
	// history is nil unless the filter or the order is dated.
	history *history
	steps   int
	done    func() error
	err     error
}

func newSieve(ctx context.Context, view *content.View) *sieve {
	return &sieve{view: view, done: ctx.Err}
}

// stopped counts a step and reports whether the time is over.
func (s *sieve) stopped() bool {
	if s.steps++; s.steps%256 == 0 && s.err == nil {
		s.err = s.done()
	}
	return s.err != nil
}

// filterCompiler turns checked filters into predicates.
type filterCompiler struct {
	*Schema
	lang content.Language
	// conditions are counted against the limit.
	conditions int
	// dated: the filter asks when a record was created or changed.
	dated    bool
	collator *collate.Collator
}

// record compiles a filter of records or of objects: all members must hold.
func (c *filterCompiler) record(where object) predicate {
	list := make([]predicate, 0, len(where))
	for _, m := range where {
		c.conditions++
		list = append(list, c.member(m))
	}
	return allOf(list)
}

// member compiles one member. Junctions and isNull also look at what is not there
// (a subject without a value); everything else is false of it.
func (c *filterCompiler) member(m member) predicate {
	switch m.def.test.op {
	case opAnd:
		return allOf(c.records(m.value))
	case opOr:
		return anyOf(c.records(m.value))
	case opNot:
		return not(c.record(m.value.(object)))
	case opIsNull:
		null := m.value.(bool)
		return func(_ *sieve, it subject) bool { return (it.value == nil) == null }
	}
	test := c.test(m)
	return func(s *sieve, it subject) bool { return it.value != nil && test(s, it) }
}

func (c *filterCompiler) test(m member) predicate {
	switch m.def.test.op {
	case opID:
		test := c.value(idShape, m.value.(object))
		return func(_ *sieve, it subject) bool { return test(textValue(string(it.record.ID))) }
	case opTitle:
		test := c.value(textShape, m.value.(object))
		return func(_ *sieve, it subject) bool {
			title := it.record.Title(c.model, c.lang)
			if title == "" {
				return test(nil)
			}
			return test(textValue(title))
		}
	case opPath:
		test := c.value(textShape, m.value.(object))
		return func(_ *sieve, it subject) bool { return test(textValue(it.record.Path)) }
	case opValid, opStale, opUncommitted:
		return c.flag(m)
	case opCreatedAt, opUpdatedAt:
		c.dated = true
		test := c.value(timeShape, m.value.(object))
		return func(s *sieve, it subject) bool { return test(timeValue(s.history.when(it.record, m.def.test.op))) }
	case opInverse:
		return c.inverse(m.def.test.inverse, m.value.(object))
	}
	return c.property(m.def.test.field, m.value.(object))
}

func (c *filterCompiler) records(list any) []predicate {
	var out []predicate
	for _, where := range list.([]any) {
		out = append(out, c.record(where.(object)))
	}
	return out
}

func allOf(list []predicate) predicate {
	if len(list) == 1 {
		return list[0]
	}
	return func(s *sieve, it subject) bool {
		for _, p := range list {
			if !p(s, it) {
				return false
			}
		}
		return true
	}
}

func anyOf(list []predicate) predicate {
	return func(s *sieve, it subject) bool {
		for _, p := range list {
			if p(s, it) {
				return true
			}
		}
		return false
	}
}

func not(p predicate) predicate {
	return func(s *sieve, it subject) bool { return !p(s, it) }
}

func constant(yes bool) predicate {
	return func(*sieve, subject) bool { return yes }
}

// timeValue is nil where t is zero.
func timeValue(t time.Time) *content.Value {
	if t.IsZero() {
		return nil
	}
	return textValue(t.Format(time.RFC3339Nano))
}

func textValue(s string) *content.Value { return &content.Value{Kind: content.String, Text: s} }

// flag compiles a filter of one of the record's own marks.
func (c *filterCompiler) flag(m member) predicate {
	test := c.value(booleanShape, m.value.(object))
	yes, no := test(boolValue(true)), test(boolValue(false))
	op := m.def.test.op
	return func(_ *sieve, it subject) bool {
		marked := marked(it.record, op)
		return marked && yes || !marked && no
	}
}

// marked is one of the record's own marks.
func marked(r *content.Record, o op) bool {
	switch o {
	case opStale:
		return r.Stale
	case opUncommitted:
		return r.Uncommitted
	}
	return r.Valid
}

func boolValue(yes bool) *content.Value {
	return &content.Value{Kind: content.Bool, Text: strconv.FormatBool(yes)}
}

// property compiles the filter of a property by its shape.
func (c *filterCompiler) property(f *content.Field, where object) predicate {
	switch f.Shape.Kind {
	case content.ShapeObject:
		if hasFields(f.Shape) {
			return c.single(where, func(_ *sieve, it subject) (subject, bool) { return below(it, f.Read(it.value)) })
		}
	case content.ShapeReference:
		return c.single(where, func(s *sieve, it subject) (subject, bool) { return follow(s.view, f.Shape, f.Read(it.value)) })
	case content.ShapeList:
		return c.list(f, where)
	}
	test := c.value(f.Shape, where)
	return func(_ *sieve, it subject) bool { return test(f.Read(it.value)) }
}

// below is an object inside a record; false where v is none.
func below(it subject, v *content.Value) (subject, bool) {
	if v == nil || v.Kind != content.Object {
		return subject{}, false
	}
	return subject{it.record, v}, true
}

// follow is the record a reference names; false where there is none.
func follow(view *content.View, s *content.Shape, v *content.Value) (subject, bool) {
	id, ok := v.RefID()
	if !ok {
		return subject{}, false
	}
	r := view.Snapshot.Record(content.Ref{Collection: s.Reference.Target, ID: id})
	if r == nil {
		return subject{}, false
	}
	return subject{r, r.Root}, true
}

// single compiles the filter of one thing referred to or held.
func (c *filterCompiler) single(where object, find func(*sieve, subject) (subject, bool)) predicate {
	inner := remember(c.record(where))
	return func(s *sieve, it subject) bool {
		found, _ := find(s, it)
		return inner(s, found)
	}
}

// remember makes a filter of records look at each record once: filters that go
// back and forth between collections would otherwise multiply.
func remember(p predicate) predicate {
	type key struct {
		view  *content.View
		value *content.Value
	}
	known := map[key]bool{}
	return func(s *sieve, it subject) bool {
		if s.stopped() {
			return false
		}
		if it.record == nil || it.value != it.record.Root {
			return p(s, it)
		}
		k := key{s.view, it.value}
		yes, ok := known[k]
		if !ok {
			yes = p(s, it)
			known[k] = yes
		}
		return yes
	}
}

// inverse compiles the filter of the records that refer to a record.
func (c *filterCompiler) inverse(inv *content.Inverse, where object) predicate {
	return c.quantified(where, func(s *sieve, it subject, yield func(subject) bool) {
		for _, r := range s.view.Snapshot.Set(inv.Collection).Referrers(inv.At, it.record.ID) {
			if !yield(subject{r, r.Root}) {
				return
			}
		}
	})
}

// list compiles the filter of a list by the shape of its items.
func (c *filterCompiler) list(f *content.Field, where object) predicate {
	item := f.Shape.Item
	switch {
	case item.Kind == content.ShapeReference:
		return c.quantified(where, func(s *sieve, it subject, yield func(subject) bool) {
			eachItem(f.Read(it.value), func(v *content.Value) bool {
				found, ok := follow(s.view, item, v)
				return !ok || yield(found)
			})
		})
	case item.Kind == content.ShapeObject && hasFields(item):
		return c.quantified(where, func(_ *sieve, it subject, yield func(subject) bool) {
			eachItem(f.Read(it.value), func(v *content.Value) bool {
				found, ok := below(it, v)
				return !ok || yield(found)
			})
		})
	}
	c.conditions += len(where)
	test := c.tester(item).list(where)
	return func(_ *sieve, it subject) bool { return test(f.Read(it.value)) }
}

func eachItem(v *content.Value, yield func(*content.Value) bool) {
	if v == nil || v.Kind != content.List {
		return
	}
	for i := range v.Kids {
		if !yield(&v.Kids[i]) {
			return
		}
	}
}

// elements yields what a list holds.
type elements func(s *sieve, it subject, yield func(subject) bool)

// quantified compiles some, every, none, isEmpty and count.
func (c *filterCompiler) quantified(where object, all elements) predicate {
	var list []predicate
	for _, m := range where {
		c.conditions++
		switch m.def.test.op {
		case opSome:
			list = append(list, exists(all, remember(c.record(m.value.(object)))))
		case opNone:
			list = append(list, not(exists(all, remember(c.record(m.value.(object))))))
		case opEvery:
			list = append(list, not(exists(all, not(remember(c.record(m.value.(object)))))))
		case opIsEmpty:
			empty := not(exists(all, constant(true)))
			if !m.value.(bool) {
				empty = not(empty)
			}
			list = append(list, empty)
		case opCount:
			list = append(list, counted(all, c.value(countShape, m.value.(object))))
		}
	}
	return allOf(list)
}

func exists(all elements, p predicate) predicate {
	return func(s *sieve, it subject) bool {
		found := false
		all(s, it, func(e subject) bool {
			found = p(s, e)
			return !found && !s.stopped()
		})
		return found
	}
}

func counted(all elements, test valuePredicate) predicate {
	return func(s *sieve, it subject) bool {
		n := 0
		all(s, it, func(subject) bool { n++; return true })
		return test(&content.Value{Kind: content.Number, Text: strconv.Itoa(n)})
	}
}
