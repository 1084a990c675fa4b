package content

import (
	"math"
	"strings"
)

// ShapeKind says how a place of a record is typed.
type ShapeKind byte

// The kinds of shapes. A ShapeJSON place is anything its schema allows.
const (
	ShapeJSON ShapeKind = iota
	ShapeObject
	ShapeList
	ShapeString
	ShapeInt
	ShapeLong
	ShapeFloat
	ShapeBoolean
	ShapeDate
	ShapeDateTime
	ShapeURI
	ShapeEmail
	ShapeEnum
	ShapeLocalized
	ShapeReference
)

// Shape is the type of one place of a record, as its schema and the model have it.
// It is immutable once derived. Shapes of a recursive schema form cycles.
type Shape struct {
	Kind ShapeKind
	// At is the place in the record.
	At Pattern
	// Type names the GraphQL type of an object or an enum.
	Type string
	// Title and Description are the schema's.
	Title, Description string
	// Fields of an object, in the schema's order.
	Fields []Field
	// Item is the shape of a list's items; Nullable says that one may be null.
	Item     *Shape
	Nullable bool
	// Set: the items are unique scalars and their order means nothing.
	Set bool
	// Values of an enum, in the schema's order.
	Values []EnumValue
	// Reference, of a ShapeReference, names the target.
	Reference *Reference
}

// Field is one property of an object.
type Field struct {
	// Name is the GraphQL field, "" where the property has none (see Clash).
	Name string
	// Property is the member's name in the record.
	Property string
	// Self marks the field "value" of a record whose root is no object: it is the
	// document itself.
	Self     bool
	Required bool
	Shape    *Shape
}

// EnumValue pairs the GraphQL name of an enum value with the string in the JSON.
type EnumValue struct{ Name, JSON string }

// Field returns the field for a property, or nil.
func (s *Shape) Field(property string) *Field {
	for i := range s.Fields {
		if s.Fields[i].Property == property && !s.Fields[i].Self {
			return &s.Fields[i]
		}
	}
	return nil
}

// Read returns the value of f below v, or nil where it is not there or null.
func (f *Field) Read(v *Value) *Value {
	if !f.Self {
		v = v.Member(f.Property)
	}
	if v.IsNull() {
		return nil
	}
	return v
}

// Limits on what a hostile schema can make of itself.
const (
	maxShapes     = 5000
	maxShapeDepth = 24
	maxRefHops    = 32
)

// deriver derives the shapes of one collection.
type deriver struct {
	schemas    Schemas
	collection *Collection
	names      *names
	open       map[*Value]*Shape // objects being derived: what a recursive $ref finds
	count      int
}

// schemaAt is a schema and the document that it stands in.
type schemaAt struct {
	file string
	v    *Value
}

func (d *deriver) root() *Shape {
	c := d.collection
	root := schemaAt{c.Schema, d.schemas[c.Schema]}
	name := c.Type
	if s, _ := d.unwrap(root); !describesObject(s.v) {
		name += "Value" // the parent plus the property, as anywhere
	}
	shape := d.shape(root, "", name, 0)
	if shape.Kind == ShapeObject {
		return shape
	}
	record := &Shape{Kind: ShapeObject, Type: c.Type, Title: shape.Title, Description: shape.Description}
	if root.v != nil && (shape.Kind != ShapeJSON || !allowsObject(root.v)) {
		record.Fields = []Field{{Name: "value", Self: true, Shape: shape}}
	}
	return record
}

func describesObject(schema *Value) bool {
	if schema == nil || schema.Kind != Object {
		return false
	}
	types, _ := typesOf(schema)
	return isObject(schema, types)
}

func allowsObject(schema *Value) bool {
	t := schema.Member("type")
	return t == nil || t.Str() == "object"
}

// shape derives the shape of the place at, whose type would be called name.
func (d *deriver) shape(s schemaAt, at Pattern, name string, depth int) *Shape {
	d.count++
	outer := s.v
	s, nullable := d.unwrap(s)
	out := &Shape{At: at, Nullable: nullable, Title: firstText(outer, s.v, "title"), Description: firstText(outer, s.v, "description")}
	if ref := d.collection.Reference(at); ref != nil {
		out.Kind, out.Reference = ShapeReference, ref
		return out
	}
	if d.collection.IsLocalized(at) {
		out.Kind = ShapeLocalized
		return out
	}
	if s.v == nil || s.v.Kind != Object || d.count > maxShapes || depth > maxShapeDepth {
		return out
	}
	if open, ok := d.open[s.v]; ok {
		return open
	}
	types, null := typesOf(s.v)
	out.Nullable = out.Nullable || null
	switch {
	case isObject(s.v, types):
		d.object(out, s, name, depth)
	case len(types) == 1 && types[0] == "array" || len(types) == 0 && s.v.Member("items") != nil:
		d.list(out, s, name, depth)
	case d.enum(out, s.v, name):
	case len(types) == 1:
		out.Kind = scalarKind(types[0], s.v)
	default:
		out.Kind = commonBranch(s.v)
	}
	return out
}

// unwrap follows $ref, and an anyOf, oneOf or allOf with only one branch that is
// not null. It also says whether null was one of the branches.
func (d *deriver) unwrap(s schemaAt) (schemaAt, bool) {
	nullable := false
	for range maxRefHops {
		if s.v == nil || s.v.Kind != Object {
			return s, nullable
		}
		if ref := firstText(s.v, nil, "$ref"); ref != "" {
			file, target := d.schemas.Resolve(s.file, ref)
			s = schemaAt{file, target}
			continue
		}
		branch, null := onlyBranch(s.v)
		if branch == nil {
			return s, nullable
		}
		nullable = nullable || null
		s.v = branch
	}
	return schemaAt{}, nullable
}

func onlyBranch(v *Value) (branch *Value, nullable bool) {
	for _, own := range []string{"type", "properties", "items", "enum", "const"} {
		if v.Member(own) != nil {
			return nil, false
		}
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		branches := v.Member(keyword)
		if branches == nil || branches.Kind != List {
			continue
		}
		for i := range branches.Kids {
			kid := &branches.Kids[i]
			if isNullSchema(kid) {
				nullable = true
				continue
			}
			if branch != nil {
				return nil, false
			}
			branch = kid
		}
	}
	return branch, nullable
}

func isNullSchema(v *Value) bool {
	if v.Member("type").Str() == "null" {
		return true
	}
	c := v.Member("const")
	return c != nil && c.Kind == Null
}

func typesOf(v *Value) (types []string, nullable bool) {
	t := v.Member("type")
	if t.Str() != "" {
		return []string{t.Str()}, false
	}
	for _, item := range items(t) {
		if item.Str() == "null" {
			nullable = true
			continue
		}
		types = append(types, item.Str())
	}
	return types, nullable
}

func isObject(v *Value, types []string) bool {
	properties := v.Member("properties")
	if properties == nil || properties.Kind != Object || len(properties.Kids) == 0 {
		return false
	}
	return len(types) == 0 || len(types) == 1 && types[0] == "object"
}

func (d *deriver) object(out *Shape, s schemaAt, name string, depth int) {
	if depth > 0 {
		if !d.names.claim(name, objectSuffixes, Clash{Collection: d.collection.Name, At: out.At}) {
			return
		}
	}
	out.Kind, out.Type = ShapeObject, name
	d.open[s.v] = out
	defer delete(d.open, s.v)
	fields := newFieldNames(d.names, d.collection.Name, name, depth == 0)
	required := map[string]bool{}
	for _, r := range items(s.v.Member("required")) {
		required[r.Str()] = true
	}
	properties := s.v.Member("properties")
	for i := range properties.Kids {
		p := &properties.Kids[i]
		f := Field{Property: p.Name, Required: required[p.Name]}
		at := out.At.Child(p.Name)
		f.Name = fields.claim(GraphQLName(p.Name), at)
		f.Shape = d.shape(schemaAt{s.file, p}, at, name+upperFirst(strings.TrimRight(GraphQLName(p.Name), "_")), depth+1)
		if f.Shape.Kind == ShapeLocalized && f.Name != "" {
			fields.claimExtra(f.Name, at)
		}
		out.Fields = append(out.Fields, f)
	}
}

func (d *deriver) list(out *Shape, s schemaAt, name string, depth int) {
	out.Kind = ShapeList
	itemSchema := schemaAt{s.file, s.v.Member("items")}
	if s.v.Member("prefixItems") != nil {
		itemSchema.v = nil
	}
	out.Item = d.shape(itemSchema, out.At.Items(), name, depth+1)
	unique := s.v.Member("uniqueItems")
	out.Set = unique != nil && unique.Text == "true" && out.Item.Kind != ShapeObject && out.Item.Kind != ShapeList
}

// enum makes out an enum where all values are strings (null aside) and reports
// whether the schema has values at all that settle the kind.
func (d *deriver) enum(out *Shape, v *Value, name string) bool {
	list := v.Member("enum")
	if list == nil || list.Kind != List {
		return false
	}
	var values []EnumValue
	for i := range list.Kids {
		kid := &list.Kids[i]
		switch kid.Kind {
		case Null:
			out.Nullable = true
		case String:
			values = append(values, EnumValue{EnumName(kid.Text), kid.Text})
		default:
			return false
		}
	}
	if len(values) == 0 {
		return false
	}
	out.Kind = ShapeString
	if d.names.enumClash(values, Clash{Collection: d.collection.Name, At: out.At}) ||
		!d.names.claim(name, enumSuffixes, Clash{Collection: d.collection.Name, At: out.At}) {
		return true
	}
	out.Kind, out.Type, out.Values = ShapeEnum, name, values
	return true
}

func scalarKind(t string, v *Value) ShapeKind {
	switch t {
	case "string":
		switch v.Member("format").Str() {
		case "date":
			return ShapeDate
		case "date-time":
			return ShapeDateTime
		case "uri":
			return ShapeURI
		case "email":
			return ShapeEmail
		}
		return ShapeString
	case "integer":
		if long(v) {
			return ShapeLong
		}
		return ShapeInt
	case "number":
		return ShapeFloat
	case "boolean":
		return ShapeBoolean
	}
	return ShapeJSON
}

// long reports whether the schema speaks of integers past 32 bits.
func long(v *Value) bool {
	if v.Member("format").Str() == "int64" {
		return true
	}
	for _, keyword := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const"} {
		if f, ok := v.Member(keyword).Float(); ok && (f > math.MaxInt32+1.0 || f < math.MinInt32-1.0) {
			return true
		}
	}
	for _, e := range items(v.Member("enum")) {
		if f, ok := e.Float(); ok && (f > math.MaxInt32 || f < math.MinInt32) {
			return true
		}
	}
	return false
}

// commonBranch is the kind of an anyOf or oneOf whose branches are all one scalar
// type, differing only in what they allow of it.
func commonBranch(v *Value) ShapeKind {
	branches := v.Member("anyOf")
	if branches == nil {
		branches = v.Member("oneOf")
	}
	kind := ShapeJSON
	for i := range items(branches) {
		types, _ := typesOf(&branches.Kids[i])
		if len(types) != 1 {
			return ShapeJSON
		}
		k := scalarKind(types[0], &branches.Kids[i])
		if i > 0 && k != kind {
			return ShapeJSON
		}
		kind = k
	}
	return kind
}

func firstText(a, b *Value, keyword string) string {
	if text := a.Member(keyword).Str(); text != "" {
		return text
	}
	return b.Member(keyword).Str()
}
