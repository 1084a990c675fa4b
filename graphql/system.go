package graphql

import (
	"github.com/graphql-go/graphql/language/ast"

	"github.com/koonti/koonti/internal/content"
)

// kind says which of the kinds of GraphQL a type is (GraphQL June 2018, 3.4-3.10).
type kind byte

const (
	scalarKind kind = iota
	objectKind
	interfaceKind
	enumKind
	inputKind
)

// kindNames are the values of the enum __TypeKind.
var kindNames = [...]string{"SCALAR", "OBJECT", "INTERFACE", "ENUM", "INPUT_OBJECT"}

// typeDef is one named type of the API. The types of the engine, the SDL and the
// answers to introspection all derive from it. It is immutable once built.
type typeDef struct {
	kind        kind
	name        string
	description string
	// specifiedBy is the address of a scalar's specification; may be "".
	specifiedBy string
	scalar      *scalar
	values      []enumValue
	// interfaces are those of an object, possible the objects of an interface.
	interfaces, possible []*typeDef
	fields               []*fieldDef
	inputs               []*inputDef
}

// enumValue pairs the name of an enum value with what it stands for.
type enumValue struct {
	name, description string
	value             any
}

// fieldDef is one field of an object or an interface, and the place it reads.
type fieldDef struct {
	name, description string
	typ               typeRef
	args              []*inputDef
	place             place
}

// inputDef is an argument, or a field of an input object.
type inputDef struct {
	name, description string
	typ               typeRef
	// initial is the default value as GraphQL writes it, "" for none.
	initial string
	test    test
}

// typeRef is a named type (def), or a list of another (item), perhaps non-null.
type typeRef struct {
	def     *typeDef
	item    *typeRef
	nonNull bool
}

func of(def *typeDef) typeRef         { return typeRef{def: def} }
func nonNull(t typeRef) typeRef       { t.nonNull = true; return t }
func listOf(t typeRef) typeRef        { return typeRef{item: &t} }
func listOfNonNull(t typeRef) typeRef { return listOf(nonNull(t)) }

// named returns the type inside all lists.
func (t typeRef) named() *typeDef {
	for t.item != nil {
		t = *t.item
	}
	return t.def
}

// String writes t as GraphQL does: "[Project!]!".
func (t typeRef) String() string {
	text := ""
	if t.item != nil {
		text = "[" + t.item.String() + "]"
	} else {
		text = t.def.name
	}
	if t.nonNull {
		text += "!"
	}
	return text
}

func (t *typeDef) field(name string) *fieldDef {
	for _, f := range t.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

func (t *typeDef) enumValue(name string) *enumValue {
	for i := range t.values {
		if t.values[i].name == name {
			return &t.values[i]
		}
	}
	return nil
}

// composite reports whether a field of this type must have a selection.
func (t *typeDef) composite() bool { return t.kind == objectKind || t.kind == interfaceKind }

// covers reports whether a fragment on t applies to the object type o.
func (t *typeDef) covers(o *typeDef) bool {
	if t == o {
		return true
	}
	for _, p := range t.possible {
		if p == o {
			return true
		}
	}
	return false
}

func findInput(list []*inputDef, name string) *inputDef {
	for _, in := range list {
		if in.name == name {
			return in
		}
	}
	return nil
}

// recordTypes are the types that one collection brings.
type recordTypes struct {
	collection               *content.Collection
	object, connection, edge *typeDef
	filter, listFilter       *typeDef
	order, orderField        *typeDef
	orders                   []*orderField
	facetField               *typeDef
	facets                   []*facetField
}

// order returns the order called name; nil where there is none.
func (t *recordTypes) orderCalled(name string) *orderField {
	for _, o := range t.orders {
		if o.name == name {
			return o
		}
	}
	return nil
}

// system is the whole type system of one model. It is immutable once built.
type system struct {
	model *content.Model
	// types are all types in the order in which the SDL prints them.
	types  []*typeDef
	byName map[string]*typeDef
	query  *typeDef
	// mutation is the root of what can be done, subscription that of what can be followed.
	mutation, subscription *typeDef
	record                 *typeDef
	collections            map[content.CollectionName]*recordTypes
	directives             []*directiveDef
	// schema and typ are the two root fields of introspection.
	schemaField, typeField, typenameField *fieldDef
}

// root is the type that an operation of a kind (ast.OperationTypeQuery and so on) begins
// at; nil where there is none.
func (s *system) root(kind string) *typeDef {
	switch kind {
	case ast.OperationTypeQuery:
		return s.query
	case ast.OperationTypeMutation:
		return s.mutation
	case ast.OperationTypeSubscription:
		return s.subscription
	}
	return nil
}

// directiveDef is a directive that queries, or the SDL, may use.
type directiveDef struct {
	name, description string
	locations         []string
	args              []*inputDef
}
