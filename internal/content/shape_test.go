package content

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// describe writes a shape as "name:Kind" lines, indented by depth.
func describe(s *Shape) string {
	kinds := map[ShapeKind]string{ShapeJSON: "JSON", ShapeObject: "object", ShapeList: "list", ShapeString: "string", ShapeInt: "int", ShapeLong: "long",
		ShapeFloat: "float", ShapeBoolean: "boolean", ShapeDate: "date", ShapeDateTime: "date-time", ShapeURI: "uri", ShapeEmail: "email",
		ShapeEnum: "enum", ShapeLocalized: "localized", ShapeReference: "reference"}
	var b strings.Builder
	var write func(s *Shape, depth int)
	write = func(s *Shape, depth int) {
		b.WriteString(kinds[s.Kind])
		if s.Nullable {
			b.WriteString("?")
		}
		if s.Set {
			b.WriteString(" set")
		}
		if s.Type != "" && depth > 0 {
			b.WriteString(" " + s.Type)
		}
		if s.Reference != nil {
			b.WriteString(" " + string(s.Reference.Target))
		}
		for _, v := range s.Values {
			fmt.Fprintf(&b, " %s=%q", v.Name, v.JSON)
		}
		if s.Item != nil {
			b.WriteString(" of ")
			write(s.Item, depth)
		}
		for _, f := range s.Fields {
			required := ""
			if f.Required {
				required = "!"
			}
			fmt.Fprintf(&b, "\n%s%s%s: ", strings.Repeat("  ", depth+1), f.Name, required)
			if depth > 4 {
				b.WriteString("…")
				continue
			}
			write(f.Shape, depth+1)
		}
	}
	write(s, 0)
	return b.String()
}

func TestShapes(t *testing.T) {
	tests := []struct {
		name, schema string
		adjust       func(*Collection)
		want         string
	}{
		{"scalars", `{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "number"}, "d": {"type": "boolean"},
			"e": {"type": "string", "format": "date"}, "f": {"type": "string", "format": "date-time"}, "g": {"type": "string", "format": "uri"}, "h": {"type": "string", "format": "email"},
			"i": {"type": "integer", "maximum": 5000000000}, "j": {"type": "integer", "format": "int64"}, "k": {"type": ["string", "null"]}, "l": {}, "m": {"type": ["string", "integer"]}}}`, nil,
			"object\n  a!: string\n  b: int\n  c: float\n  d: boolean\n  e: date\n  f: date-time\n  g: uri\n  h: email\n  i: long\n  j: long\n  k: string?\n  l: JSON\n  m: JSON"},
		{"lists and sets", `{"properties": {"a": {"type": "array", "items": {"type": "string"}}, "b": {"type": "array", "uniqueItems": true, "items": {"type": "integer"}},
			"c": {"items": {"type": "string"}}, "d": {"type": "array"}, "e": {"type": "array", "prefixItems": [{"type": "string"}]}}}`, nil,
			"object\n  a: list of string\n  b: list set of int\n  c: list of string\n  d: list of JSON\n  e: list of JSON"},
		{"objects inside objects", `{"properties": {"place": {"type": "object", "required": ["town"], "properties": {"town": {"type": "string"}}},
			"people": {"type": "array", "items": {"properties": {"first-name": {"type": "string"}}}}, "open": {"type": "object"}}}`, nil,
			"object\n  place: object ThingPlace\n    town!: string\n  people: list of object ThingPeople\n    firstName: string\n  open: JSON"},
		{"enums", `{"properties": {"a": {"enum": ["one", "two-three", null, ""]}, "b": {"enum": [1, 2]}, "c": {"type": "integer", "enum": [1, 2]}}}`, nil,
			"object\n  a: enum? ThingA ONE=\"one\" TWO_THREE=\"two-three\" EMPTY=\"\"\n  b: JSON\n  c: int"},
		{"references to definitions, and one real alternative", `{"properties": {"a": {"$ref": "#/$defs/t"}, "b": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/t"}]},
			"c": {"oneOf": [{"type": "string"}, {"type": "integer"}]}, "d": {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date"}]}, "e": {"$ref": "#/no"}},
			"$defs": {"t": {"type": "string"}}}`, nil,
			"object\n  a: string\n  b: string?\n  c: JSON\n  d: date\n  e: JSON"},
		{"localized texts and references", `{"properties": {"name": {"type": "object", "properties": {"fi": {}}}, "themes": {"type": "array", "items": {"type": "string"}}, "theme": {"type": "string"}}}`,
			func(c *Collection) {
				c.Localized = []Pattern{"/name"}
				c.References = []Reference{{At: "/themes/*", Target: "themes"}, {At: "/theme", Target: "themes"}}
			},
			"object\n  name: localized\n  themes: list of reference themes\n  theme: reference themes"},
		{"a root that is a list", `{"type": "array", "items": {"type": "string"}}`, nil, "object\n  value: list of string"},
		{"a root that is a text", `{"type": "string"}`, nil, "object\n  value: string"},
		{"a root that may be anything", `true`, nil, "object"},
		{"the names of records", `{"properties": {"id": {"type": "string"}, "history": {"type": "string"}, "and": {"type": "string"}}}`, nil,
			"object\n  id_: string\n  history_: string\n  and_: string"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _ := shapeOf(t, test.schema, test.adjust)
			if diff := cmp.Diff(test.want, describe(c.Root)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A schema that refers to itself gives a shape that does.
func TestRecursiveShapes(t *testing.T) {
	c, clashes := shapeOf(t, `{"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "parent": {"$ref": "#"}}}`, nil)
	if len(clashes) > 0 || c.Root.Field("children").Shape.Item != c.Root || c.Root.Field("parent").Shape != c.Root {
		t.Errorf("got %s, %v", describe(c.Root), clashes)
	}
	for _, endless := range []string{`{"$ref": "#"}`, `{"allOf": [{"$ref": "#"}]}`, `{"properties": {"a": {"$ref": "#/properties/a"}}}`} {
		c, _ := shapeOf(t, endless, nil)
		if c.Root == nil {
			t.Errorf("%s: no shape", endless)
		}
	}
}

// However much a schema branches, its shape stays within bounds.
func TestShapesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$ref": "#/$defs/d0", "$defs": {`)
	for i := range 40 {
		fmt.Fprintf(&b, `"d%d": {"properties": {"a": {"$ref": "#/$defs/d%d"}, "b": {"$ref": "#/$defs/d%d"}}},`, i, i+1, i+1)
	}
	b.WriteString(`"d40": {}}}`)
	c, _ := shapeOf(t, b.String(), nil)
	if c.Root.Kind != ShapeObject {
		t.Errorf("got %v", c.Root)
	}
}

func TestNames(t *testing.T) {
	fields := map[string]string{
		"name": "name", "SDGs": "SDGs", "first_name": "firstName", "first-name": "firstName", "_private": "private", "määrä": "maara", "Ålands": "Alands",
		"2020": "_2020", "a b": "ab", "новое": "", "": "", "--": "", "a__b": "aB", "ﬁ": "fi",
	}
	for property, want := range fields {
		if got := GraphQLName(property); got != want {
			t.Errorf("%q: got %q, want %q", property, got, want)
		}
	}
	enums := map[string]string{
		"": "EMPTY", "one": "ONE", "two three": "TWO_THREE", "camelCase": "CAMEL_CASE", "MIT-0": "MIT_0", "päättynyt": "PAATTYNYT", "3d": "_3D", "*": "", "a--b": "A_B", " a ": "A",
	}
	for value, want := range enums {
		if got := EnumName(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

func TestClashes(t *testing.T) {
	tests := []struct {
		name, schema string
		adjust       func(*Collection)
		want         []string
	}{
		{"two properties", `{"properties": {"foo_bar": {}, "fooBar": {}}}`, nil, []string{"fooBar /fooBar"}},
		{"nothing left of a name", `{"properties": {"новое": {}}}`, nil, []string{" /новое"}},
		{"two values of an enum", `{"properties": {"a": {"enum": ["x y", "x-y"]}}}`, nil, []string{"X_Y /a"}},
		{"what a localized field brings along", `{"properties": {"name": {}, "nameLang": {}}}`, func(c *Collection) { c.Localized = []Pattern{"/name"} }, []string{"nameLang /nameLang"}},
		{"nothing", `{"properties": {"a": {}, "b": {}}}`, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, clashes := shapeOf(t, test.schema, test.adjust)
			var got []string
			for _, c := range clashes {
				got = append(got, c.Name+" "+string(c.At))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInverses(t *testing.T) {
	path, _ := ParsePathPattern("x/{id}")
	projects := &Collection{Name: "projects", Type: "Project", Path: path, References: []Reference{
		{At: "/theme", Target: "themes", Inverse: "projects"}, {At: "/other", Target: "themes", Inverse: "projects"}, {At: "/third", Target: "themes"}}}
	themes := &Collection{Name: "themes", Type: "Theme", Path: path}
	m := &Model{Collections: []*Collection{projects, themes}}
	clashes := DeriveShapes(m, nil)
	want := []Inverse{{Name: "projects", Collection: "projects", At: "/theme"}}
	if diff := cmp.Diff(want, themes.Inverses); diff != "" || len(clashes) != 1 || clashes[0].At != "/other" {
		t.Errorf("%s%v", diff, clashes)
	}
	if projects.Plural != "projects" || projects.Singular != "project" || themes.Singular != "theme" {
		t.Errorf("got %q, %q, %q", projects.Plural, projects.Singular, themes.Singular)
	}
	before := describe(projects.Root)
	if again := DeriveShapes(m, nil); !slices.Equal(again, clashes) || describe(projects.Root) != before || len(themes.Inverses) != 1 {
		t.Errorf("deriving twice gives another result: %v", again)
	}
}

func TestResolve(t *testing.T) {
	parse := func(s string) *Value {
		v, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	s := Schemas{
		"schema/a.json":       parse(`{"$id": "https://example.org/a.json", "$defs": {"x/y": {"const": 1}, "n": {"$anchor": "here", "const": 2}}}`),
		"schema/parts/b.json": parse(`{"$id": "https://example.org/other", "const": 3}`),
		"c d.json":            parse(`{"const": 4}`),
	}
	tests := []struct{ base, ref, file, want string }{
		{"schema/a.json", "#/$defs/x~1y", "schema/a.json", "1"}, {"schema/a.json", "#/$defs/x%7E1y", "schema/a.json", "1"}, {"schema/a.json", "#here", "schema/a.json", "2"},
		{"schema/a.json", "parts/b.json", "schema/parts/b.json", "3"}, {"schema/a.json", "/schema/parts/b.json#", "schema/parts/b.json", "3"}, {"schema/a.json", "other", "schema/parts/b.json", "3"},
		{"schema/parts/b.json", "../a.json#here", "schema/a.json", "2"}, {"schema/a.json", "/c%20d.json", "c d.json", "4"}, {"schema/a.json", "../c%20d.json", "c d.json", "4"},
		{"schema/a.json", "#nobody", "schema/a.json", ""}, {"schema/a.json", "#/no", "schema/a.json", ""}, {"schema/a.json", "no.json", "schema/no.json", ""}, {"schema/a.json", "#/%zz", "schema/a.json", ""},
	}
	for _, test := range tests {
		file, v := s.Resolve(test.base, test.ref)
		got := ""
		if v != nil {
			got = string(v.Member("const").AppendJSON(nil))
		}
		if file != test.file || got != test.want {
			t.Errorf("%s in %s: got %s in %s", test.ref, test.base, got, file)
		}
	}
}
