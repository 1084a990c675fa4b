package content

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shapeOf derives the shape of one collection from its schema.
func shapeOf(t testing.TB, schema string, adjust func(*Collection)) (*Collection, []Clash) {
	t.Helper()
	v, err := Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	path, _ := ParsePathPattern("things/{id}.json")
	c := &Collection{Name: "things", Type: "Thing", Schema: "s.json", Path: path}
	if adjust != nil {
		adjust(c)
	}
	m := &Model{Collections: []*Collection{c, {Name: "themes", Type: "Theme", Schema: "t.json"}}}
	clashes := DeriveShapes(m, map[CollectionName]Schemas{"things": {"s.json": v}})
	return c, clashes
}

func TestFormat(t *testing.T) {
	c, _ := shapeOf(t, `{"type": "object", "properties": {
		"name": {"type": "object", "properties": {"fi": {}, "sv": {}}}, "rows": {"type": "array", "items": {"type": "object", "properties": {"a": {}, "b": {}}}}, "n": {"type": "number"}}}`,
		func(c *Collection) { c.Localized = []Pattern{"/name"} })
	tests := map[string]string{
		`{"n":1.50,"x":{"q":1,"a":[]},"rows":[{"b":"ä\u00e4","a":null},{}],"name":{"en":"E","sv":"S","fi":"F"}}`: `{
  "name": {
    "fi": "F",
    "sv": "S",
    "en": "E"
  },
  "rows": [
    {
      "a": null,
      "b": "ää"
    },
    {}
  ],
  "n": 1.50,
  "x": {
    "q": 1,
    "a": []
  }
}
`,
		`[]`:       "[]\n",
		`"a\/b\n"`: "\"a/b\\n\"\n",
		`{"rows": {"b": 1, "a": 2}, "name": "x"}`: "{\n  \"name\": \"x\",\n  \"rows\": {\n    \"b\": 1,\n    \"a\": 2\n  }\n}\n",
	}
	for source, want := range tests {
		v, err := Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, Format(v, c.Root, []Language{"fi", "sv"})); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

// A record whose root is a list is formatted by the shape of its one field.
func TestFormatOfAList(t *testing.T) {
	c, _ := shapeOf(t, `{"type": "array", "items": {"type": "object", "properties": {"a": {}, "b": {}}}}`, nil)
	v, _ := Parse(`[{"b": 1, "a": 2}]`)
	if got, want := Format(v, c.Root, nil), "[\n  {\n    \"a\": 2,\n    \"b\": 1\n  }\n]\n"; got != want {
		t.Errorf("got %s", got)
	}
}

// Formatting keeps the value, and formatting twice changes nothing.
func FuzzFormat(f *testing.F) {
	for _, seed := range []string{`{"n":1.50,"name":{"sv":"S","fi":"F"},"rows":[{"b":1,"a":2}]}`, `[{"value":[1]}]`, `"x"`, `{"rows":{"a":1},"name":[],"":{"":""}}`} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	object, _ := shapeOf(f, `{"type": "object", "properties": {"name": {}, "rows": {"type": "array", "items": {"type": "object", "properties": {"a": {}, "b": {}}}}, "n": {}}}`,
		func(c *Collection) { c.Localized = []Pattern{"/name"} })
	list, _ := shapeOf(f, `{"type": "array", "items": {"properties": {"b": {}, "a": {}}}}`, nil)
	f.Fuzz(func(t *testing.T, source string, asObject bool) {
		v, err := Parse(source)
		if err != nil {
			return
		}
		shape := list.Root
		if asObject {
			shape = object.Root
		}
		once := Format(v, shape, []Language{"fi", "sv"})
		again, err := Parse(once)
		if err != nil {
			return // grew past the limit of size
		}
		if !v.Equal(again) {
			t.Fatalf("%s became %s", source, once)
		}
		if twice := Format(again, shape, []Language{"fi", "sv"}); twice != once {
			t.Fatalf("formatting twice: %s", cmp.Diff(once, twice))
		}
	})
}

// An object of very many members takes no longer than the same text in a list would.
func TestManyMembersTakeTheirTime(t *testing.T) {
	var b strings.Builder
	for i := range 90_000 {
		b.WriteString(`,"` + strconv.Itoa(i) + `":0`)
	}
	c, _ := shapeOf(t, `{"type": "object", "properties": {"5": {}, "7": {}}}`, nil)
	source := "{" + b.String()[1:] + "}"
	v, other := parsed(t, source), parsed(t, source[:len(source)-1]+`,"x":1}`)
	slices.Reverse(other.Kids)
	start := time.Now()
	text := Format(v, c.Root, nil)
	if !strings.HasPrefix(text, "{\n  \"5\": 0,\n  \"7\": 0,\n  \"0\": 0") || v.Equal(other) || !parsed(t, source).Equal(v) {
		t.Error("not what it should be")
	}
	if got := Revise(source, v, other, c.Root, nil); !strings.Contains(got, `"x":1`) {
		t.Error("not revised")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}
