package proposal

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// column is what one column of a table says of records.
type column struct {
	name string
	// id: the column says which record is meant.
	id bool
	// tokens lead to the place that it gives; shape is that of the place.
	tokens []string
	shape  *content.Shape
}

func (c column) at() content.Pointer { return pointerOf(c.tokens) }

// clashes reports whether two columns give one place, or one what the other lies in.
func (c column) clashes(other column) bool {
	switch {
	case c.name == "" || other.name == "":
		return false
	case c.id || other.id:
		return c.id && other.id
	}
	return other.shape != nil && (c.at().Covers(other.at()) || other.at().Covers(c.at()))
}

// anyShape is the shape of a place that the schema says nothing about, textShape that of one
// that holds a textShape.
var (
	anyShape  = &content.Shape{Kind: content.ShapeJSON}
	textShape = &content.Shape{Kind: content.ShapeString}
)

// columnOf finds the place that the name of a column means. An empty name means none.
func (im *importer) columnOf(header string) (column, *rowFault) {
	col := column{name: header}
	root := im.collection.Root
	switch {
	case header == "":
		return col, nil
	case strings.EqualFold(header, "id"):
		col.id = true
		return col, nil
	case header == "value" && len(root.Fields) == 1 && root.Fields[0].Self:
		col.shape = root.Fields[0].Shape
		return col, nil
	case header[0] == '/':
		p, err := content.ParsePointer(header)
		if err != nil {
			return col, fault("column/unknown", im.columnNames())
		}
		col.tokens = p.Tokens()
	case root.Field(header) != nil:
		col.tokens = []string{header}
	default:
		col.tokens = strings.Split(header, ".")
	}
	shape, p := im.walk(root, col.tokens)
	if p != nil {
		return col, p
	}
	col.shape = im.numbered(shape)
	if shape.Kind == content.ShapeLocalized && im.firstLanguage() != "" {
		col.tokens, col.shape = append(col.tokens, string(im.firstLanguage())), textShape
	}
	return col, nil
}

// numbered is shape, but that of a number where it refers to records whose ids are
// numbers.
func (im *importer) numbered(shape *content.Shape) *content.Shape {
	switch shape.Kind {
	case content.ShapeList:
		out := *shape
		out.Item = im.numbered(shape.Item)
		return &out
	case content.ShapeReference:
		c := im.model.Collection(shape.Reference.Target)
		if c.IDAt == nil {
			break
		}
		if own, p := im.walk(c.Root, c.IDAt.Tokens()); p == nil && (own.Kind == content.ShapeInt || own.Kind == content.ShapeLong) {
			return own
		}
	}
	return shape
}

// walk follows tokens down from a shape.
func (im *importer) walk(shape *content.Shape, tokens []string) (*content.Shape, *rowFault) {
	if len(tokens) > content.MaxDepth {
		return nil, fault("column/unknown", im.columnNames())
	}
	for _, token := range tokens {
		var next *content.Shape
		switch shape.Kind {
		case content.ShapeObject:
			if field := shape.Field(token); field != nil {
				next = field.Shape
			} else if len(shape.Fields) == 0 {
				next = anyShape
			}
		case content.ShapeList:
			if i, ok := indexOf(token, maxColumns); ok && i < maxColumns {
				next = shape.Item
			}
		case content.ShapeLocalized:
			if len(im.model.Languages) > 0 && !slices.Contains(im.model.Languages, content.Language(token)) {
				return nil, fault("column/language", im.languages())
			}
			next = textShape
		case content.ShapeJSON:
			next = anyShape
		}
		if next == nil || token == "" {
			return nil, fault("column/unknown", im.columnNames())
		}
		shape = next
	}
	return shape, nil
}

// shapeAt is the shape of a place of a record, or that of anything.
func (im *importer) shapeAt(tokens []string) *content.Shape {
	if shape, p := im.walk(im.collection.Root, tokens); p == nil {
		return shape
	}
	return anyShape
}

func (im *importer) languages() string {
	var out []string
	for _, l := range im.model.Languages {
		out = append(out, string(l))
	}
	return strings.Join(out, ", ")
}

func (im *importer) columnNames() string {
	names := []string{"id"}
	for _, f := range im.collection.Root.Fields {
		names = append(names, f.Property)
	}
	return strings.Join(names, ", ")
}

// given is what a row says of one place: a value, or of places below it. The zero value
// says nothing.
type given struct {
	value *content.Value
	kids  map[string]*given
	order []string
}

// put gives the place that tokens lead to a value.
func (g *given) put(tokens []string, v *content.Value) {
	for _, token := range tokens {
		g = g.kid(token)
	}
	g.value = v
}

func (g *given) kid(token string) *given {
	if g.kids == nil {
		g.kids = map[string]*given{}
	}
	if g.kids[token] == nil {
		g.kids[token] = &given{}
		g.order = append(g.order, token)
	}
	return g.kids[token]
}

// merge gives what v holds: objects member by member, and null says nothing.
func (g *given) merge(tokens []string, v *content.Value) {
	switch {
	case v.Kind == content.Null:
	case v.Kind != content.Object || len(v.Kids) == 0:
		g.put(tokens, v)
	default:
		for i := range v.Kids {
			g.merge(append(slices.Clip(tokens), v.Kids[i].Name), &v.Kids[i])
		}
	}
}

func (g *given) has(tokens []string) bool { return g.at(tokens) != nil }

// at is what is given at a place, nil for nothing.
func (g *given) at(tokens []string) *content.Value {
	for i, token := range tokens {
		if g == nil {
			return nil
		}
		if g.value != nil {
			return g.value.At(pointerOf(tokens[i:]))
		}
		g = g.kids[token]
	}
	if g == nil || g.value == nil && g.kids == nil {
		return nil
	}
	return g.over(nil, anyShape)
}

// over returns v, nil for none, with what is given. Items that the list of v does not
// reach are added behind it in their order.
func (g *given) over(v *content.Value, shape *content.Shape) *content.Value {
	switch {
	case g.value != nil:
		return g.value
	case g.kids == nil && v != nil:
		return v
	case shape.Kind == content.ShapeList, shape.Kind == content.ShapeJSON && v != nil && v.Kind == content.List && g.indexes():
		return g.overList(v, shape)
	}
	out := &content.Value{Kind: content.Object}
	if v != nil && v.Kind == content.Object {
		out.Kids = slices.Clone(v.Kids)
	}
	for _, token := range g.order {
		below := anyShape
		if field := shape.Field(token); shape.Kind == content.ShapeObject && field != nil {
			below = field.Shape
		}
		at := slices.IndexFunc(out.Kids, func(kid content.Value) bool { return kid.Name == token })
		if at < 0 {
			out.Kids = append(out.Kids, namedValue(token, g.kids[token].over(nil, below)))
		} else {
			out.Kids[at] = namedValue(token, g.kids[token].over(&out.Kids[at], below))
		}
	}
	return out
}

// indexes reports whether all places below are items of a list.
func (g *given) indexes() bool {
	return !slices.ContainsFunc(g.order, func(token string) bool { _, ok := indexOf(token, maxColumns); return !ok })
}

func (g *given) overList(v *content.Value, shape *content.Shape) *content.Value {
	out := &content.Value{Kind: content.List}
	if v != nil && v.Kind == content.List {
		out.Kids = slices.Clone(v.Kids)
	}
	had := len(out.Kids)
	below := anyShape
	if shape.Item != nil {
		below = shape.Item
	}
	index := func(token string) int { i, _ := strconv.Atoi(token); return i }
	for _, token := range slices.SortedFunc(maps.Keys(g.kids), func(a, b string) int { return cmp.Compare(index(a), index(b)) }) {
		if i := index(token); i < had {
			out.Kids[i] = namedValue("", g.kids[token].over(&out.Kids[i], below))
		} else {
			out.Kids = append(out.Kids, namedValue("", g.kids[token].over(nil, below)))
		}
	}
	return out
}
