package content

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func reviseShape(t testing.TB) *Collection {
	c, _ := shapeOf(t, `{"type": "object", "properties": {
		"name": {"type": "object", "properties": {"fi": {}, "sv": {}}}, "summary": {"type": "string"},
		"tags": {"type": "array", "items": {"type": "string"}}, "n": {"type": "number"}}}`,
		func(c *Collection) { c.Localized = []Pattern{"/name"} })
	return c
}

func TestRevise(t *testing.T) {
	c := reviseShape(t)
	hand := "{\"n\" : 1.50,\n    \"tags\": [\"a\", \"b\"],\n\n    \"name\": { \"fi\": \"\\u00c4iti\" }\n}"
	tests := []struct{ name, source, document, want string }{
		{"canonical stays canonical, whatever the order given", "{\n  \"name\": \"x\",\n  \"n\": 1\n}\n", `{"n": 1, "summary": "s", "name": "x"}`,
			"{\n  \"name\": \"x\",\n  \"summary\": \"s\",\n  \"n\": 1\n}\n"},
		{"the same value keeps its text", hand, `{"name": {"fi": "Äiti"}, "tags": ["a", "b"], "n": 1.5}`, hand},
		{"one value of a text laid out by hand", hand, `{"name": {"fi": "Isä"}, "tags": ["a", "b"], "n": 1.50}`, strings.Replace(hand, `\u00c4iti`, "Isä", 1)},
		{"an item is added, where items stand on one line", hand, `{"name": {"fi": "Äiti"}, "tags": ["a", "c", "b"], "n": 1.50}`, strings.Replace(hand, `"a", `, `"a", "c", `, 1)},
		{"the last item is removed", hand, `{"name": {"fi": "Äiti"}, "tags": ["a"], "n": 1.50}`, strings.Replace(hand, `, "b"`, "", 1)},
		{"a language is added", hand, `{"name": {"fi": "Äiti", "sv": "Mamma"}, "tags": ["a", "b"], "n": 1.50}`, strings.Replace(hand, `iti" }`, `iti", "sv": "Mamma" }`, 1)},
		{"a member is added after the one that it follows in the schema", hand, `{"name": {"fi": "Äiti"}, "summary": "s", "tags": ["a", "b"], "n": 1.50}`,
			strings.Replace(hand, "iti\" }\n}", "iti\" },\n    \"summary\": \"s\"\n}", 1)},
		{"the first member is removed", hand, `{"name": {"fi": "Äiti"}, "tags": ["a", "b"]}`, strings.Replace(hand, "\"n\" : 1.50,\n    ", "", 1)},
		{"the last member is removed", hand, `{"tags": ["a", "b"], "n": 1.50}`, "{\"n\" : 1.50,\n    \"tags\": [\"a\", \"b\"]\n}"},
		{"all on one line", `{"n":1,"tags":[]}`, `{"n": 2, "tags": [{"x": 1}]}`, `{"n":2,"tags":[{"x":1}]}`},
		{"another kind of value", "{\n \"n\": 1}", `{"n": {"x": 1}}`, "{\n \"n\": {\n    \"x\": 1\n  }}"},
		{"nothing is left", "{\n \"n\": 1}", `{}`, "{}"},
		{"no object at all", " 1 ", `2`, " 2 "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old, v := parsed(t, test.source), parsed(t, test.document)
			got := Revise(test.source, old, v, c.Root, []Language{"fi", "sv"})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is revised says what it should, whatever stood there before.
func TestRevisedIsTheValue(t *testing.T) {
	c := reviseShape(t)
	random := rand.New(rand.NewPCG(7, 1))
	for range 3000 {
		source := loose(random, 0)
		old, v := parsed(t, source), parsed(t, loose(random, 0))
		got := Revise(source, old, v, c.Root, []Language{"fi", "sv"})
		if back, err := Parse(got); err != nil || !back.Equal(v) {
			t.Fatalf("from %s\nto %s\ngot %s: %v", source, v.AppendJSON(nil), got, err)
		}
	}
}

// loose is a document with white space in odd places.
func loose(random *rand.Rand, depth int) string {
	gap := func() string { return []string{"", " ", "\n  ", "\t"}[random.IntN(4)] }
	var kids []string
	switch kind := random.IntN(5 - depth); kind {
	case 2, 3, 4:
		for _, name := range []string{"name", "tags", "n", "fi", ":"} {
			switch {
			case random.IntN(2) == 0:
			case kind == 2:
				kids = append(kids, gap()+loose(random, depth+1)+gap())
			default:
				kids = append(kids, gap()+strconv.Quote(name)+gap()+":"+gap()+loose(random, depth+1)+gap())
			}
		}
		brackets := []string{"[", "]", "{", "}"}[2*min(kind-2, 1):]
		return brackets[0] + strings.Join(kids, ",") + gap() + brackets[1]
	}
	return []string{`"a,b"`, `"x: y"`, "1.50", "null"}[random.IntN(4)]
}
