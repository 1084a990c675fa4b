package graphql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// builder makes the type system of a model.
type builder struct {
	*system
	// shared are the types that no collection owns; they are printed last.
	shared []*typeDef
	err    error
}

// buildSystem derives the types from m, whose shapes must be set. The error wraps
// content.ErrInvalid: two types have one name, or a name is none of GraphQL's.
func buildSystem(m *content.Model) (*system, error) {
	b := &builder{system: &system{
		model: m, byName: map[string]*typeDef{}, collections: map[content.CollectionName]*recordTypes{},
	}}
	for _, c := range m.Collections {
		b.declare(c)
	}
	b.query = b.define(objectKind, "Query", "What can be asked. Each answer is of one commit, or of one scan of the work tree.")
	b.mutation = b.define(objectKind, "Mutation", "What can be done: each in the name of the one who asks, one after the other, and once. Nothing is published but by `mergeProposal`. What cannot be done as things are is answered as a `refusal`, and has changed nothing.")
	b.subscription = b.define(objectKind, "Subscription", "What can be followed while it happens: one field, answered again for each thing that happens.")
	b.record = b.define(interfaceKind, "Record", "What every record has, whatever its collection.")
	b.record.fields = b.recordFields()
	for _, c := range m.Collections {
		b.fill(b.collections[c.Name])
	}
	b.roots()
	b.directives = b.queryDirectives()
	b.types = append(b.types, b.shared...)
	b.introspection()
	return b.system, b.err
}

func (b *builder) fail(name string) {
	if b.err == nil {
		b.err = fmt.Errorf("%q cannot be the name of a type, or of two: %w", name, content.ErrInvalid)
	}
}

// newType makes a type and claims its name; where it is printed is for the caller.
func (b *builder) newType(k kind, name, description string) *typeDef {
	t := &typeDef{kind: k, name: name, description: description}
	if b.byName[name] != nil || !isName(name) {
		b.fail(name)
	}
	b.byName[name] = t
	return t
}

// define makes a type that is printed next.
func (b *builder) define(k kind, name, description string) *typeDef {
	t := b.newType(k, name, description)
	b.types = append(b.types, t)
	return t
}

// share makes a type that no collection owns.
func (b *builder) share(k kind, name, description string) *typeDef {
	t := b.newType(k, name, description)
	b.shared = append(b.shared, t)
	return t
}

// isName reports whether s is a Name (GraphQL June 2018, 2.1.9) that is not
// reserved for introspection.
func isName(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' || strings.HasPrefix(s, "__") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// declare makes the types of a collection, still empty, so that others can refer
// to them.
func (b *builder) declare(c *content.Collection) {
	described := describe(c.Root)
	b.collections[c.Name] = &recordTypes{
		collection: c,
		object:     b.newType(objectKind, c.Type, described),
		connection: b.newType(objectKind, c.Type+"Connection", "A page of records of "+string(c.Name)+"."),
		edge:       b.newType(objectKind, c.Type+"Edge", "A record and its place in the list."),
		filter:     b.newType(inputKind, c.Type+"Filter", "Which records of "+string(c.Name)+": all that is said must hold."),
		listFilter: b.newType(inputKind, c.Type+"ListFilter", ""),
		order:      b.newType(inputKind, c.Type+"Order", "One order; records that are equal in all orders asked for are ordered by id."),
		orderField: b.newType(enumKind, c.Type+"OrderField", "What records of "+string(c.Name)+" can be ordered by."),
		facetField: b.newType(enumKind, c.Type+"FacetField", "What records of "+string(c.Name)+" can be counted by."),
	}
}

// fill gives the types of a collection their fields.
func (b *builder) fill(t *recordTypes) {
	b.types = append(b.types, t.object)
	t.object.interfaces = []*typeDef{b.record}
	b.record.possible = append(b.record.possible, t.object)
	t.object.fields = slices.Clone(b.record.fields)
	b.objectFields(t.object, t.collection, t.collection.Root)
	for i := range t.collection.Inverses {
		b.inverseField(t.object, &t.collection.Inverses[i])
	}
	b.fileFields(t.object, t.collection, t.collection.Root)
	b.types = append(b.types, t.connection, t.edge, t.filter)
	b.connection(t)
	b.recordFilter(t)
	b.types = append(b.types, t.listFilter)
	b.quantifiers(t.listFilter, t.filter)
	b.types = append(b.types, t.order, t.orderField)
	b.orders(t)
	b.types = append(b.types, t.facetField)
	b.facets(t)
}

// describe joins title and description of a schema.
func describe(s *content.Shape) string {
	title, description := strings.TrimSpace(s.Title), strings.TrimSpace(s.Description)
	if title == "" || description == "" || title == description {
		return title + strings.TrimPrefix(description, title)
	}
	return title + "\n\n" + description
}

func (b *builder) recordFields() []*fieldDef {
	plain := func(kind placeKind, name, typ, description string) *fieldDef {
		return &fieldDef{name: name, typ: nonNull(of(b.scalar(typ))), description: description, place: place{kind: kind}}
	}
	title := &fieldDef{
		name: "title", typ: of(b.scalar("String")), args: []*inputDef{b.langArg()}, place: place{kind: recordTitle},
		description: "The text that the model names as the title.",
	}
	problems := &fieldDef{
		name: "problems", typ: nonNull(listOfNonNull(of(b.problem()))), place: place{kind: recordProblems},
		description: "What is wrong with the record's file as it is now.",
	}
	return append([]*fieldDef{
		plain(recordKey, "key", "ID", "What a normalised cache should use: unique over collection, id, content, the revision where `at` names one, and the language where it is not the first."),
		plain(recordID, "id", "ID", "Identifies the record inside its collection: the `{id}` in its path."),
		plain(recordCollection, "collection", "String", "The collection, as the model names it."),
		plain(recordPath, "path", "String", "The file, from the root of the repository."),
		title,
		plain(recordDocument, "document", "JSON", "The whole document as it is in the file, also what the types cannot say."),
		plain(recordValid, "valid", "Boolean", "Whether the document served satisfies its schema."),
		plain(recordStale, "stale", "Boolean", "Whether the file as it is now is not valid, and its newest valid version is served instead."),
		plain(recordUncommitted, "uncommitted", "Boolean", "Whether the document differs from what the commit holds."),
		plain(recordRevision, "revision", "String", "The full hash of the commit that the document was read from; empty before the first commit."),
		problems,
	}, append(b.pastFields(), b.proposalsField())...)
}

// objectFields adds the properties of an object shape.
func (b *builder) objectFields(t *typeDef, c *content.Collection, s *content.Shape) {
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Name == "" {
			continue
		}
		out := &fieldDef{name: f.Name, description: describe(f.Shape), typ: b.output(c, f.Shape), place: place{kind: property, field: f}}
		if item := innermost(f.Shape); item.Kind == content.ShapeLocalized {
			out.args = []*inputDef{b.langArg()}
		}
		t.fields = append(t.fields, out)
		if f.Shape.Kind == content.ShapeLocalized {
			b.localizedFields(t, f)
		}
	}
}

// fileFields adds, beside the names of attachments, the attachments themselves.
func (b *builder) fileFields(t *typeDef, c *content.Collection, s *content.Shape) {
	for i := range s.Fields {
		b.fileField(t, c, &s.Fields[i])
	}
}

func innermost(s *content.Shape) *content.Shape {
	for s.Kind == content.ShapeList {
		s = s.Item
	}
	return s
}

func (b *builder) localizedFields(t *typeDef, f *content.Field) {
	t.fields = append(t.fields,
		&fieldDef{
			name: f.Name + "Lang", typ: of(b.language()), args: []*inputDef{b.langArg()}, place: place{kind: propertyLang, field: f},
			description: "The language that `" + f.Name + "` is given in.",
		},
		&fieldDef{
			name: f.Name + "Translations", typ: listOfNonNull(of(b.translation())), place: place{kind: propertyTranslations, field: f},
			description: "`" + f.Name + "` in every language it has.",
		})
}

// fileField adds a field unless its name is taken.
func (b *builder) fileField(t *typeDef, c *content.Collection, f *content.Field) {
	at, isList := f.Shape.At, f.Shape.Kind == content.ShapeList
	if isList {
		at = f.Shape.Item.At
	}
	for _, attached := range c.Files {
		if attached.At != at || f.Name == "" || t.field(f.Name+"File") != nil || innermost(f.Shape).Kind != content.ShapeString {
			continue
		}
		out := &fieldDef{
			name: f.Name + "File", typ: of(b.file()), place: place{kind: propertyFile, field: f, folder: attached.Folder},
			description: "The file that `" + f.Name + "` names.",
		}
		if isList {
			out.typ = listOfNonNull(of(b.file()))
		}
		t.fields = append(t.fields, out)
	}
}

// output is the type of a place. It is nullable whatever the schema requires.
func (b *builder) output(c *content.Collection, s *content.Shape) typeRef {
	switch s.Kind {
	case content.ShapeList:
		item := b.output(c, s.Item)
		item.nonNull = !s.Item.Nullable
		return listOf(item)
	case content.ShapeObject:
		return of(b.object(c, s))
	case content.ShapeReference:
		return of(b.collections[s.Reference.Target].object)
	case content.ShapeEnum:
		return of(b.enum(s))
	}
	return of(b.scalar(scalarOf(s)))
}

// scalarOf names the scalar type of a shape that is no object, list, enum or
// reference.
func scalarOf(s *content.Shape) string {
	switch s.Kind {
	case content.ShapeString, content.ShapeLocalized, content.ShapeEnum:
		return "String"
	case content.ShapeInt:
		return "Int"
	case content.ShapeLong:
		return "Long"
	case content.ShapeFloat:
		return "Float"
	case content.ShapeBoolean:
		return "Boolean"
	case content.ShapeDate:
		return "Date"
	case content.ShapeDateTime:
		return "DateTime"
	case content.ShapeURI:
		return "URI"
	case content.ShapeEmail:
		return "Email"
	}
	return "JSON"
}

// hasFields reports whether an object shape has a field left to select.
func hasFields(s *content.Shape) bool {
	return slices.ContainsFunc(s.Fields, func(f content.Field) bool { return f.Name != "" })
}

func (b *builder) object(c *content.Collection, s *content.Shape) *typeDef {
	if t := b.byName[s.Type]; t != nil {
		return t
	}
	if !hasFields(s) {
		return b.scalar("JSON")
	}
	t := b.define(objectKind, s.Type, describe(s))
	b.objectFields(t, c, s)
	b.fileFields(t, c, s)
	return t
}

func (b *builder) enum(s *content.Shape) *typeDef {
	if t := b.byName[s.Type]; t != nil {
		return t
	}
	t := b.define(enumKind, s.Type, describe(s))
	for _, v := range s.Values {
		t.values = append(t.values, enumValue{name: v.Name, description: "In the document: " + strconv.Quote(v.JSON) + ".", value: v.JSON})
	}
	return t
}

func (b *builder) inverseField(t *typeDef, inv *content.Inverse) {
	target := b.collections[inv.Collection]
	t.fields = append(t.fields, &fieldDef{
		name: inv.Name, typ: of(target.connection), args: b.listArgs(target),
		place:       place{kind: inverse, inverse: inv, collection: target.collection},
		description: "The records of " + string(inv.Collection) + " that refer to this one at `" + string(inv.At) + "`.",
	})
}

// listArgs are the arguments of every connection.
func (b *builder) listArgs(t *recordTypes) []*inputDef {
	str, num := of(b.scalar("String")), of(b.scalar("Int"))
	return []*inputDef{
		{name: "where", typ: of(t.filter), description: "Only the records for which this holds."},
		{name: "orderBy", typ: listOfNonNull(of(t.order)), description: "The first order counts most; by id unless said, or by relevance where there is a search."},
		{name: "first", typ: num, description: "How many from the beginning, or after `after`: 20 unless said, at most 500."},
		{name: "after", typ: str, description: "The cursor after which to begin."},
		{name: "last", typ: num, description: "How many from the end, or before `before`."},
		{name: "before", typ: str, description: "The cursor before which to end."},
	}
}

func (b *builder) connection(t *recordTypes) {
	node := of(t.object)
	t.connection.fields = []*fieldDef{
		{name: "edges", typ: nonNull(listOfNonNull(of(t.edge))), place: place{kind: pageEdges}, description: "The page, each record with its cursor."},
		{name: "nodes", typ: nonNull(listOfNonNull(node)), place: place{kind: pageNodes}, description: "The page."},
		{name: "pageInfo", typ: nonNull(of(b.pageInfo())), place: place{kind: pageItself}},
		{name: "totalCount", typ: nonNull(of(b.scalar("Int"))), place: place{kind: pageTotal}, description: "How many there are on all pages."},
		b.facetsField(t),
	}
	t.edge.fields = []*fieldDef{
		{name: "cursor", typ: nonNull(of(b.scalar("String"))), place: place{kind: edgeCursor}, description: "The place in the list: for `after` and `before`. It stays good when records come and go."},
		{name: "node", typ: nonNull(node), place: place{kind: edgeNode}},
	}
	t.edge.fields = append(t.edge.fields, b.hitFields()...)
}

func (b *builder) roots() {
	for _, c := range b.model.Collections {
		t := b.collections[c.Name]
		if c.Singular != "" {
			b.query.fields = append(b.query.fields, &fieldDef{
				name: c.Singular, typ: of(t.object), place: place{kind: rootRecord, collection: c},
				args:        []*inputDef{b.idArg(), b.atArg(), b.inheritedArg()},
				description: "The record of " + string(c.Name) + " that has this id; null where there is none. One that has another name now is answered as it last was under this one (see `movedTo`).",
			})
		}
		if c.Plural != "" {
			b.query.fields = append(b.query.fields, &fieldDef{
				name: c.Plural, typ: nonNull(of(t.connection)), place: place{kind: rootRecords, collection: c},
				args:        append(slices.Insert(b.listArgs(t), 2, b.searchArg(), b.inheritedArg()), b.atArg()),
				description: "The records of " + string(c.Name) + ".",
			})
		}
	}
	b.query.fields = append(b.query.fields,
		b.searchRoot(),
		&fieldDef{
			name: "record", typ: of(b.record), place: place{kind: rootAny},
			args: []*inputDef{
				{name: "collection", typ: nonNull(of(b.scalar("String"))), description: "The collection, as the model names it."},
				b.idArg(), b.atArg(), b.inheritedArg(),
			},
			description: "One record of any collection; null where there is none. One that has another name now is answered as it last was under this one (see `movedTo`).",
		},
		&fieldDef{
			name: "model", typ: nonNull(of(b.modelType())), place: place{kind: rootModel}, args: []*inputDef{b.inheritedArg()},
			description: "The model being served.",
		},
		&fieldDef{
			name: "problems", typ: nonNull(listOfNonNull(of(b.problem()))), place: place{kind: rootProblems},
			args: []*inputDef{b.atArg(), b.inheritedArg()}, description: "All that is wrong with the content, by file and place.",
		},
		&fieldDef{
			name: "view", typ: nonNull(of(b.view())), place: place{kind: rootView}, args: []*inputDef{b.atArg()},
			description: "What is being read: which commit, since when.",
		})
	b.query.fields = slices.Concat(b.query.fields, b.pastRoots(), b.proposalRoots())
	b.mutation.fields = b.mutationRoots()
	b.subscription.fields = b.followedRoots()
}

func (b *builder) idArg() *inputDef {
	return &inputDef{name: "id", typ: nonNull(of(b.scalar("ID")))}
}

func (b *builder) atArg() *inputDef {
	return &inputDef{name: "at", typ: of(b.scalar("Revision")), description: "The revision to read; what is served unless said."}
}

func (b *builder) langArg() *inputDef {
	return &inputDef{name: "lang", typ: of(b.language()), description: "The language wished for; the inherited one unless said."}
}

func (b *builder) inheritedArg() *inputDef {
	return &inputDef{name: "lang", typ: of(b.language()), description: "The language for all below: texts, filters, orders."}
}

// scalar returns the scalar type called name, which must be one of the table's.
func (b *builder) scalar(name string) *typeDef {
	if t := b.byName[name]; t != nil {
		return t
	}
	for i := range scalars {
		if s := &scalars[i]; s.name == name {
			t := b.share(scalarKind, name, s.description)
			t.scalar, t.specifiedBy = &s.scalar, s.specifiedBy
			return t
		}
	}
	b.fail(name)
	return nil
}

// language is the enum of the model's languages and of those that problems speak.
func (b *builder) language() *typeDef {
	if t := b.byName["Language"]; t != nil {
		return t
	}
	t := b.share(enumKind, "Language", "A language of the content, or of the messages of problems.")
	for _, l := range slices.Concat(b.model.Languages, content.MessageLanguages) {
		if name := content.EnumName(string(l)); name != "" && t.enumValue(name) == nil {
			t.values = append(t.values, enumValue{name: name, description: "BCP 47: `" + string(l) + "`.", value: string(l)})
		}
	}
	return t
}
