package graphql

import (
	"sync"

	gql "github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"
)

// engine turns the type system into types of graphql-go, made afresh for every
// schema: types shared by two schemas race (#468).
type engine struct {
	*Schema
	types map[*typeDef]gql.Type
}

// warmUp makes graphql-go fill in what it shares between all schemas (the types of
// introspection) before two goroutines can do so at once.
var warmUp = sync.OnceValue(func() error {
	_, err := gql.NewSchema(gql.SchemaConfig{Query: gql.NewObject(gql.ObjectConfig{
		Name: "Query", Fields: gql.Fields{"x": {Type: gql.Boolean}},
	})})
	return err
})

func (s *Schema) newEngine() (gql.Schema, error) {
	if err := warmUp(); err != nil {
		return gql.Schema{}, err
	}
	e := engine{s, map[*typeDef]gql.Type{}}
	config := gql.SchemaConfig{
		Query: e.typ(s.query).(*gql.Object), Mutation: e.typ(s.mutation).(*gql.Object), Subscription: e.typ(s.subscription).(*gql.Object),
	}
	for _, t := range s.record.possible {
		config.Types = append(config.Types, e.typ(t))
	}
	schema, err := gql.NewSchema(config)
	if err != nil {
		return schema, err
	}
	e.settle(&schema)
	return schema, nil
}

// settle fills in what graphql-go would fill in while it answers, where two
// goroutines would race: the lookups of enums and the types of the interface.
func (e engine) settle(schema *gql.Schema) {
	for _, t := range e.types {
		if enum, ok := t.(*gql.Enum); ok {
			enum.Serialize("")
			enum.ParseValue("")
		}
	}
	face := e.types[e.record].(*gql.Interface)
	for _, t := range e.record.possible {
		schema.IsPossibleType(face, e.types[t].(*gql.Object))
	}
}

// typ returns graphql-go's type for t, made when it is first asked for.
func (e engine) typ(t *typeDef) gql.Type {
	if known, ok := e.types[t]; ok {
		return known
	}
	var made gql.Type
	switch t.kind {
	case scalarKind:
		made = e.scalar(t)
	case enumKind:
		made = e.enum(t)
	case inputKind:
		made = gql.NewInputObject(gql.InputObjectConfig{Name: t.name, Fields: e.inputs(t)})
	case interfaceKind:
		made = gql.NewInterface(gql.InterfaceConfig{Name: t.name, Fields: e.fields(t), ResolveType: e.concrete})
	case objectKind:
		faces := gql.InterfacesThunk(func() []*gql.Interface {
			var list []*gql.Interface
			for _, face := range t.interfaces {
				list = append(list, e.typ(face).(*gql.Interface))
			}
			return list
		})
		made = gql.NewObject(gql.ObjectConfig{Name: t.name, Fields: e.fields(t), Interfaces: faces})
	}
	e.types[t] = made
	return made
}

// concrete is the type of a record.
func (e engine) concrete(p gql.ResolveTypeParams) *gql.Object {
	it, ok := p.Value.(*item)
	if !ok {
		return e.types[e.record.possible[0]].(*gql.Object)
	}
	return e.types[e.collections[it.record.Collection].object].(*gql.Object)
}

// scalar passes values through: what goes in is checked by the coercer, what comes
// out by leaf. The two that graphql-go itself refers to are its own.
func (e engine) scalar(t *typeDef) gql.Type {
	switch t.name {
	case gql.String.Name():
		return gql.String
	case gql.Boolean.Name():
		return gql.Boolean
	}
	same := func(v any) any { return v }
	return gql.NewScalar(gql.ScalarConfig{
		Name: t.name, Serialize: same, ParseValue: same, ParseLiteral: func(v ast.Value) any { return v.GetValue() },
	})
}

func (e engine) enum(t *typeDef) gql.Type {
	config := gql.EnumConfig{Name: t.name, Values: gql.EnumValueConfigMap{}}
	for _, v := range t.values {
		config.Values[v.name] = &gql.EnumValueConfig{Value: v.value}
	}
	return gql.NewEnum(config)
}

func (e engine) inputs(t *typeDef) gql.InputObjectConfigFieldMapThunk {
	return func() gql.InputObjectConfigFieldMap {
		fields := gql.InputObjectConfigFieldMap{}
		for _, in := range t.inputs {
			fields[in.name] = &gql.InputObjectFieldConfig{Type: e.ref(in.typ)}
		}
		return fields
	}
}

func (e engine) fields(t *typeDef) gql.FieldsThunk {
	return func() gql.Fields {
		fields := gql.Fields{}
		for _, f := range t.fields {
			args := gql.FieldConfigArgument{}
			for _, a := range f.args {
				args[a.name] = &gql.ArgumentConfig{Type: e.ref(a.typ)}
			}
			fields[f.name] = &gql.Field{Type: e.ref(f.typ), Args: args, Resolve: e.resolver(f)}
		}
		return fields
	}
}

// ref returns graphql-go's type for t. Its lists and non-null types are compared
// by what is in them.
func (e engine) ref(t typeRef) gql.Type {
	var out gql.Type
	if t.item != nil {
		out = gql.NewList(e.ref(*t.item))
	} else {
		out = e.typ(t.def)
	}
	if t.nonNull {
		return gql.NewNonNull(out)
	}
	return out
}
