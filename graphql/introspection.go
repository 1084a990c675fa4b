package graphql

// Introspection (GraphQL October 2021, 4, and the deprecation of inputs): the same
// structure as the SDL is printed from, read by fields whose place is a metaReader.
// graphql-go knows less of it (June 2018), so whether fields and arguments exist is
// asked of these types, not of its rules.

// metaReader reads a field of introspection. The result is nil, a string, a bool,
// a list ([]any), or the source of the fields below.
type metaReader func(source any) any

// queryDirectives are the directives of GraphQL (October 2021, 3.13).
func (b *builder) queryDirectives() []*directiveDef {
	places := []string{"FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"}
	when := []*inputDef{{name: "if", typ: nonNull(of(b.scalar("Boolean")))}}
	return []*directiveDef{
		{"include", "Takes the field or fragment in only when `if` is true.", places, when},
		{"skip", "Leaves the field or fragment out when `if` is true.", places, when},
		{
			"deprecated", "Marks what is no longer supported.",
			[]string{"FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INPUT_FIELD_DEFINITION", "ENUM_VALUE"},
			[]*inputDef{{name: "reason", typ: of(b.scalar("String")), initial: `"No longer supported"`}},
		},
		{
			"specifiedBy", "Says where a scalar is specified.", []string{"SCALAR"},
			[]*inputDef{{name: "url", typ: nonNull(of(b.scalar("String")))}},
		},
	}
}

// metaTypes are the types of introspection while they are made.
type metaTypes struct {
	*builder
	schema, typ, field, input, value, directive, kind, location *typeDef
	str, yes                                                    typeRef
}

// introspection adds the types of introspection, and the three fields that lead
// to them.
func (b *builder) introspection() {
	m := metaTypes{builder: b, str: of(b.scalar("String")), yes: nonNull(of(b.scalar("Boolean")))}
	make := func(k kind, name string) *typeDef {
		t := &typeDef{kind: k, name: name}
		b.byName[name] = t
		b.types = append(b.types, t)
		return t
	}
	m.schema, m.typ = make(objectKind, "__Schema"), make(objectKind, "__Type")
	m.field, m.input = make(objectKind, "__Field"), make(objectKind, "__InputValue")
	m.value, m.directive = make(objectKind, "__EnumValue"), make(objectKind, "__Directive")
	m.kind, m.location = make(enumKind, "__TypeKind"), make(enumKind, "__DirectiveLocation")
	m.enums()
	m.schemaFields()
	m.typeFields()
	m.memberFields()
	m.deprecations()
	m.roots()
}

func (m *metaTypes) roots() {
	sys := m.system
	sys.schemaField = meta("__schema", nonNull(of(m.schema)), func(any) any { return sys })
	sys.typeField = meta("__type", of(m.typ), nil)
	sys.typeField.args = []*inputDef{{name: "name", typ: nonNull(m.str)}}
	sys.typenameField = &fieldDef{name: "__typename", typ: nonNull(m.str), place: place{kind: typename}}
}

func meta(name string, typ typeRef, read metaReader) *fieldDef {
	return &fieldDef{name: name, typ: typ, place: place{kind: metaPlace, meta: read}}
}

func (m *metaTypes) enums() {
	for _, name := range []string{"SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT", "LIST", "NON_NULL"} {
		m.kind.values = append(m.kind.values, enumValue{name: name, value: name})
	}
	for _, name := range []string{
		"QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD", "INLINE_FRAGMENT",
		"VARIABLE_DEFINITION", "SCHEMA", "SCALAR", "OBJECT", "FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INTERFACE", "UNION", "ENUM",
		"ENUM_VALUE", "INPUT_OBJECT", "INPUT_FIELD_DEFINITION",
	} {
		m.location.values = append(m.location.values, enumValue{name: name, value: name})
	}
}

func (m *metaTypes) schemaFields() {
	typ, types := of(m.typ), nonNull(listOfNonNull(of(m.typ)))
	m.schema.fields = []*fieldDef{
		meta("description", m.str, func(any) any { return nil }),
		meta("types", types, func(s any) any { return each(s.(*system).types, asType) }),
		meta("queryType", nonNull(typ), func(s any) any { return of(s.(*system).query) }),
		meta("mutationType", typ, func(s any) any { return of(s.(*system).mutation) }),
		meta("subscriptionType", typ, func(s any) any { return of(s.(*system).subscription) }),
		meta("directives", nonNull(listOfNonNull(of(m.directive))), func(s any) any { return each(s.(*system).directives, same) }),
	}
	m.directive.fields = []*fieldDef{
		meta("name", nonNull(m.str), func(s any) any { return s.(*directiveDef).name }),
		meta("description", m.str, func(s any) any { return textOrNil(s.(*directiveDef).description) }),
		meta("isRepeatable", m.yes, func(any) any { return false }),
		meta("locations", nonNull(listOfNonNull(of(m.location))), func(s any) any { return each(s.(*directiveDef).locations, same) }),
		meta("args", nonNull(listOfNonNull(of(m.input))), func(s any) any { return each(s.(*directiveDef).args, same) }),
	}
}

func (m *metaTypes) typeFields() {
	types := listOfNonNull(of(m.typ))
	m.typ.fields = []*fieldDef{
		meta("kind", nonNull(of(m.kind)), func(s any) any { return s.(typeRef).kindName() }),
		meta("name", m.str, func(s any) any { return ifNamed(s, func(t *typeDef) any { return t.name }) }),
		meta("description", m.str, func(s any) any { return ifNamed(s, func(t *typeDef) any { return textOrNil(t.description) }) }),
		meta("specifiedByURL", m.str, func(s any) any { return ifNamed(s, func(t *typeDef) any { return textOrNil(t.specifiedBy) }) }),
		meta("fields", listOfNonNull(of(m.field)), func(s any) any {
			return ifNamed(s, func(t *typeDef) any { return listIf(t.composite(), each(t.fields, same)) })
		}),
		meta("interfaces", types, func(s any) any {
			return ifNamed(s, func(t *typeDef) any { return listIf(t.composite(), each(t.interfaces, asType)) })
		}),
		meta("possibleTypes", types, func(s any) any {
			return ifNamed(s, func(t *typeDef) any { return listIf(t.kind == interfaceKind, each(t.possible, asType)) })
		}),
		meta("enumValues", listOfNonNull(of(m.value)), func(s any) any {
			return ifNamed(s, func(t *typeDef) any { return listIf(t.kind == enumKind, each(t.values, same)) })
		}),
		meta("inputFields", listOfNonNull(of(m.input)), func(s any) any {
			return ifNamed(s, func(t *typeDef) any { return listIf(t.kind == inputKind, each(t.inputs, same)) })
		}),
		meta("ofType", of(m.typ), func(s any) any { return s.(typeRef).inner() }),
	}
}

// deprecations gives the lists of members that may be deprecated the argument that
// asks for those, too. None is.
func (m *metaTypes) deprecations() {
	args := []*inputDef{{name: "includeDeprecated", typ: of(m.scalar("Boolean")), initial: "false"}}
	for _, t := range []*typeDef{m.typ, m.field, m.directive} {
		for _, f := range t.fields {
			switch f.name {
			case "fields", "enumValues", "inputFields", "args":
				f.args = args
			}
		}
	}
}

func (m *metaTypes) memberFields() {
	no, none := func(any) any { return false }, func(any) any { return nil }
	typ := nonNull(of(m.typ))
	m.field.fields = []*fieldDef{
		meta("name", nonNull(m.str), func(s any) any { return s.(*fieldDef).name }),
		meta("description", m.str, func(s any) any { return textOrNil(s.(*fieldDef).description) }),
		meta("args", nonNull(listOfNonNull(of(m.input))), func(s any) any { return each(s.(*fieldDef).args, same) }),
		meta("type", typ, func(s any) any { return s.(*fieldDef).typ }),
		meta("isDeprecated", m.yes, no),
		meta("deprecationReason", m.str, none),
	}
	m.input.fields = []*fieldDef{
		meta("name", nonNull(m.str), func(s any) any { return s.(*inputDef).name }),
		meta("description", m.str, func(s any) any { return textOrNil(s.(*inputDef).description) }),
		meta("type", typ, func(s any) any { return s.(*inputDef).typ }),
		meta("defaultValue", m.str, func(s any) any { return textOrNil(s.(*inputDef).initial) }),
		meta("isDeprecated", m.yes, no),
		meta("deprecationReason", m.str, none),
	}
	m.value.fields = []*fieldDef{
		meta("name", nonNull(m.str), func(s any) any { return s.(enumValue).name }),
		meta("description", m.str, func(s any) any { return textOrNil(s.(enumValue).description) }),
		meta("isDeprecated", m.yes, no),
		meta("deprecationReason", m.str, none),
	}
}

func each[T any](list []T, convert func(T) any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = convert(v)
	}
	return out
}

func same[T any](v T) any { return v }

func asType(t *typeDef) any { return of(t) }

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func listIf(ok bool, list []any) any {
	if !ok {
		return nil
	}
	return list
}

// ifNamed reads a named type; nil for lists and non-null types.
func ifNamed(source any, read func(*typeDef) any) any {
	if t := source.(typeRef); t.item == nil && !t.nonNull {
		return read(t.def)
	}
	return nil
}

func (t typeRef) kindName() string {
	switch {
	case t.nonNull:
		return "NON_NULL"
	case t.item != nil:
		return "LIST"
	}
	return kindNames[t.def.kind]
}

// inner returns what a non-null type or a list wraps, nil for a named type.
func (t typeRef) inner() any {
	switch {
	case t.nonNull:
		t.nonNull = false
		return t
	case t.item != nil:
		return *t.item
	}
	return nil
}
