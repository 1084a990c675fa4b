package graphql

import (
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// test says what one field of a filter asks.
type test struct {
	op op
	// field is the property tested, for opProperty; inverse the way back.
	field   *content.Field
	inverse *content.Inverse
}

// op is one word of a filter.
type op byte

const (
	noOp op = iota
	opAnd
	opOr
	opNot
	opIsNull
	opProperty
	opInverse
	opID
	opTitle
	opPath
	opValid
	opStale
	opUncommitted
	opCreatedAt
	opUpdatedAt
	opEq
	opNe
	opIn
	opNotIn
	opGt
	opGte
	opLt
	opLte
	opContains
	opStartsWith
	opHas
	opHasAny
	opHasAll
	opIsEmpty
	opSome
	opEvery
	opNone
	opCount
)

// word is one row of the table of operators of values.
type word struct {
	name, description string
	op                op
	form              form
}

// form says what an operator takes: a value of the type, a list of them, text, or
// yes and no.
type form byte

const (
	oneValue form = iota
	manyValues
	someText
	yesOrNo
)

var (
	equality = []word{
		{"eq", "Equal to this.", opEq, oneValue},
		{"ne", "Not equal to this; holds also where there is no value.", opNe, oneValue},
	}
	membership = []word{
		{"in", "Equal to one of these.", opIn, manyValues},
		{"notIn", "Equal to none of these; holds also where there is no value.", opNotIn, manyValues},
	}
	nullness = []word{{"isNull", "Whether there is no value.", opIsNull, yesOrNo}}
	sequence = []word{
		{"gt", "After this.", opGt, oneValue},
		{"gte", "Equal to this or after it.", opGte, oneValue},
		{"lt", "Before this.", opLt, oneValue},
		{"lte", "Equal to this or before it.", opLte, oneValue},
	}
	textual = []word{
		{"contains", "Has this in it; case does not count.", opContains, someText},
		{"startsWith", "Begins with this; case does not count.", opStartsWith, someText},
	}
	containment = []word{
		{"has", "This is one of the items.", opHas, oneValue},
		{"hasAny", "At least one of these is one of the items.", opHasAny, manyValues},
		{"hasAll", "All of these are among the items.", opHasAll, manyValues},
	}
	emptiness = []word{{"isEmpty", "Whether there are no items.", opIsEmpty, yesOrNo}}
)

// wordsFor are the operators of a scalar or enum type.
func wordsFor(t *typeDef) []word {
	switch {
	case t.kind == enumKind:
		return slices.Concat(equality, membership, nullness)
	case t.name == "JSON":
		return nullness
	case t.name == "Boolean":
		return slices.Concat(equality, nullness)
	case t.name == "String" || t.name == "ID" || t.name == "URI" || t.name == "Email":
		return slices.Concat(equality, membership, nullness, sequence, textual)
	}
	return slices.Concat(equality, membership, nullness, sequence)
}

// valueFilter is the filter of a scalar or an enum, listFilter that of a list of
// them.
func (b *builder) valueFilter(t *typeDef) *typeDef {
	notes := ""
	if t.name == "String" {
		notes = " Text is compared without regard to case, and ordered as the language does."
	}
	return b.words(t, t.name+"Filter", "What must hold of a value: all that is said."+notes, wordsFor(t))
}

func (b *builder) valueListFilter(t *typeDef) *typeDef {
	list := slices.Concat(containment, emptiness)
	if t.name == "JSON" {
		list = emptiness
	}
	return b.words(t, t.name+"ListFilter", "What must hold of a list: all that is said.", list)
}

func (b *builder) words(t *typeDef, name, description string, list []word) *typeDef {
	if f := b.byName[name]; f != nil {
		return f
	}
	var f *typeDef
	if t.kind == enumKind {
		f = b.define(inputKind, name, description)
	} else {
		f = b.share(inputKind, name, description)
	}
	for _, w := range list {
		f.inputs = append(f.inputs, &inputDef{name: w.name, description: w.description, typ: b.operand(t, w.form), test: test{op: w.op}})
	}
	return f
}

func (b *builder) operand(t *typeDef, f form) typeRef {
	switch f {
	case manyValues:
		return listOfNonNull(of(t))
	case someText:
		return of(b.scalar("String"))
	case yesOrNo:
		return of(b.scalar("Boolean"))
	}
	return of(t)
}

// recordFilter fills the filter of a collection.
func (b *builder) recordFilter(t *recordTypes) {
	yes := of(b.valueFilter(b.scalar("Boolean")))
	b.junctions(t.filter)
	t.filter.inputs = append(t.filter.inputs,
		&inputDef{name: "id", typ: of(b.valueFilter(b.scalar("ID"))), test: test{op: opID}},
		&inputDef{name: "title", typ: of(b.valueFilter(b.scalar("String"))), test: test{op: opTitle}},
		&inputDef{name: "path", typ: of(b.valueFilter(b.scalar("String"))), test: test{op: opPath}},
		&inputDef{name: "valid", typ: yes, test: test{op: opValid}},
		&inputDef{name: "stale", typ: yes, test: test{op: opStale}},
		&inputDef{name: "uncommitted", typ: yes, test: test{op: opUncommitted}},
		&inputDef{name: "createdAt", typ: of(b.valueFilter(b.scalar("DateTime"))), test: test{op: opCreatedAt}},
		&inputDef{name: "updatedAt", typ: of(b.valueFilter(b.scalar("DateTime"))), test: test{op: opUpdatedAt}})
	b.propertyFilters(t.filter, t.collection.Root)
	for i := range t.collection.Inverses {
		inv := &t.collection.Inverses[i]
		t.filter.inputs = append(t.filter.inputs, &inputDef{
			name: inv.Name, typ: of(b.collections[inv.Collection].listFilter), test: test{op: opInverse, inverse: inv},
		})
	}
}

// junctions begins a filter of records or objects.
func (b *builder) junctions(f *typeDef) {
	f.inputs = append(f.inputs,
		&inputDef{name: "and", typ: listOfNonNull(of(f)), test: test{op: opAnd}, description: "All of these hold."},
		&inputDef{name: "or", typ: listOfNonNull(of(f)), test: test{op: opOr}, description: "At least one of these holds; where the list is empty, none does."},
		&inputDef{name: "not", typ: of(f), test: test{op: opNot}, description: "This does not hold."},
		&inputDef{name: "isNull", typ: of(b.scalar("Boolean")), test: test{op: opIsNull}, description: "Whether there is none: of one thing that is referred to or held."})
}

func (b *builder) propertyFilters(f *typeDef, s *content.Shape) {
	for i := range s.Fields {
		if p := &s.Fields[i]; p.Name != "" {
			f.inputs = append(f.inputs, &inputDef{
				name: p.Name, typ: of(b.filterOf(p.Shape)), test: test{op: opProperty, field: p}, description: strings.TrimSpace(p.Shape.Title),
			})
		}
	}
}

func (b *builder) filterOf(s *content.Shape) *typeDef {
	switch s.Kind {
	case content.ShapeReference:
		return b.collections[s.Reference.Target].filter
	case content.ShapeObject:
		if hasFields(s) {
			return b.objectFilter(s)
		}
	case content.ShapeList:
		return b.listFilterOf(s.Item)
	case content.ShapeEnum:
		return b.valueFilter(b.enum(s))
	}
	return b.valueFilter(b.scalar(scalarOf(s)))
}

func (b *builder) listFilterOf(item *content.Shape) *typeDef {
	switch item.Kind {
	case content.ShapeReference:
		return b.collections[item.Reference.Target].listFilter
	case content.ShapeObject:
		if hasFields(item) {
			return b.objectListFilter(item)
		}
	case content.ShapeEnum:
		return b.valueListFilter(b.enum(item))
	}
	return b.valueListFilter(b.scalar(scalarOf(item)))
}

func (b *builder) objectFilter(s *content.Shape) *typeDef {
	if f := b.byName[s.Type+"Filter"]; f != nil {
		return f
	}
	f := b.define(inputKind, s.Type+"Filter", "What must hold of "+s.Type+": all that is said.")
	b.junctions(f)
	b.propertyFilters(f, s)
	return f
}

func (b *builder) objectListFilter(s *content.Shape) *typeDef {
	if f := b.byName[s.Type+"ListFilter"]; f != nil {
		return f
	}
	f := b.define(inputKind, s.Type+"ListFilter", "")
	b.quantifiers(f, b.objectFilter(s))
	return f
}

// quantifiers fills the filter of a list of records or objects.
func (b *builder) quantifiers(f, item *typeDef) {
	f.description = "What must hold of a list: all that is said."
	f.inputs = []*inputDef{
		{name: "some", typ: of(item), test: test{op: opSome}, description: "It holds for at least one."},
		{name: "every", typ: of(item), test: test{op: opEvery}, description: "It holds for each; also where there are none."},
		{name: "none", typ: of(item), test: test{op: opNone}, description: "It holds for none."},
		{name: "isEmpty", typ: of(b.scalar("Boolean")), test: test{op: opIsEmpty}, description: "Whether there are none."},
		{name: "count", typ: of(b.valueFilter(b.scalar("Int"))), test: test{op: opCount}, description: "How many there are."},
	}
}
