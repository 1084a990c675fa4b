package content

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parsed(t testing.TB, source string) *Value {
	t.Helper()
	if source == "" {
		return nil
	}
	v, err := Parse(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return v
}

// told writes changes one a line: "/place: before -> after".
func told(changes []FieldChange) string {
	write := func(v *Value) string {
		if v == nil {
			return "-"
		}
		return string(v.AppendJSON(nil))
	}
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s: %s -> %s\n", c.Pointer, write(c.Before), write(c.After))
	}
	return b.String()
}

// described is a collection with keys, sets and renamed places, some of them in a
// recursive part.
func described() *Collection {
	text := &Shape{Kind: ShapeString}
	set := &Shape{Kind: ShapeList, Item: text, Set: true}
	part := &Shape{Kind: ShapeObject}
	part.Fields = []Field{{Property: "tags", Shape: set}, {Property: "parts", Shape: &Shape{Kind: ShapeList, Item: part}}, {Property: "name", Shape: text}}
	return &Collection{
		Keys: []Key{{"/people", "id"}, {"/groups/*/people", "id"}, {"/by/*/rows", "n"}},
		Renamed: []Renaming{
			{"/abstract", "/summary"}, {"/summary", "/text/short"}, {"/contact/email", "/email"}, {"/people/*/city", "/people/*/home/city"},
		},
		Root: &Shape{Kind: ShapeObject, Fields: []Field{{Property: "themes", Shape: set}, {Property: "tree", Shape: part}, {Property: "x", Shape: text}}},
	}
}

func TestDiff(t *testing.T) {
	tests := []struct{ name, before, after, want string }{
		{"nothing changed", `{"a":{"b":[1,{"c":null}]}}`, `{"a":{"b":[1,{"c":null}]}}`, ``},
		{"the order of members and the way of writing numbers are no change", `{"a":1.50,"b":-0.0,"c":100}`, `{"c":1e2,"b":0,"a":15E-1}`, ``},
		{"a number is no text", `{"a":1}`, `{"a":"1"}`, "/a: 1 -> \"1\"\n"},
		{"an added value is told whole", `{}`, `{"a":{"b":1}}`, "/a: - -> {\"b\":1}\n"},
		{"null is not absence", `{"a":null}`, `{"b":null}`, "/a: null -> -\n/b: - -> null\n"},
		{"another type is one change", `{"a":{"b":1}}`, `{"a":"b"}`, "/a: {\"b\":1} -> \"b\"\n"},
		{"what was removed is told after what it followed", `{"z":0,"a":1,"b":2,"c":3,"d":4}`, `{"d":5,"a":2}`,
			"/z: 0 -> -\n/d: 4 -> 5\n/a: 1 -> 2\n/b: 2 -> -\n/c: 3 -> -\n"},
		{"names are escaped", `{"a/b":{"~":1}}`, `{"a/b":{"~":2}}`, "/a~1b/~0: 1 -> 2\n"},

		{"a new document is told member by member", ``, `{"a":1,"b":{"c":2}}`, "/a: - -> 1\n/b: - -> {\"c\":2}\n"},
		{"so is a deleted one", `{"a":1,"b":{"c":2}}`, ``, "/a: 1 -> -\n/b: {\"c\":2} -> -\n"},
		{"an empty document is told as a whole", ``, `{}`, ": - -> {}\n"},
		{"so is one that is no object", `[1]`, ``, ": [1] -> -\n"},
		{"so is one of another type", `[1]`, `{"a":1}`, ": [1] -> {\"a\":1}\n"},
		{"no document at all", ``, ``, ``},

		{"an item put in front moves none of the others", `{"l":["a","b"]}`, `{"l":["x","a","b"]}`, "/l/0: - -> \"x\"\n"},
		{"a removed item is told where it was", `{"l":["a","b","c"]}`, `{"l":["a","c"]}`, "/l/1: \"b\" -> -\n"},
		{"an item that takes the place of another is one change", `{"l":["a","b","c"]}`, `{"l":["a","x","c"]}`, "/l/1: \"b\" -> \"x\"\n"},
		{"items that changed are compared in depth", `{"l":[{"a":1,"b":1},{"a":2,"b":2}]}`, `{"l":[{"a":0,"b":0},{"a":1,"b":1},{"a":2,"b":3}]}`,
			"/l/0: - -> {\"a\":0,\"b\":0}\n/l/2/b: 2 -> 3\n"},
		{"an object is not matched with a scalar", `{"l":[1,{"a":1}]}`, `{"l":[{"a":2},1,[]]}`, "/l/0: - -> {\"a\":2}\n/l/1: {\"a\":1} -> -\n/l/2: - -> []\n"},
		{"objects are matched past scalars", `{"l":[1,{"a":1}]}`, `{"l":[{"a":2}]}`, "/l/0: 1 -> -\n/l/0/a: 1 -> 2\n"},
		{"lists in lists", `[[1,2],[3,4]]`, `[[1,2],[5,3,4]]`, "/1/0: - -> 5\n"},
		{"an emptied list", `{"l":[1,2]}`, `{"l":[]}`, "/l/0: 1 -> -\n/l/1: 2 -> -\n"},
		{"what is equal is matched before what is near", `{"l":["a","b","c","d"]}`, `{"l":["d","a","x","c"]}`, "/l/0: - -> \"d\"\n/l/2: \"b\" -> \"x\"\n/l/3: \"d\" -> -\n"},

		{"the order of a set is nothing", `{"themes":["a","b","c"]}`, `{"themes":["c","a","b"]}`, ``},
		{"items of a set come and go by value", `{"themes":["a","b","c"]}`, `{"themes":["d","c","a"]}`, "/themes/0: - -> \"d\"\n/themes/1: \"b\" -> -\n"},
		{"sets in a recursive schema", `{"tree":{"parts":[{"parts":[{"tags":["a","b"]}]}]}}`, `{"tree":{"parts":[{"parts":[{"tags":["b","a"]}]}]}}`, ``},
		{"items are equal where only the order of their sets differs", `{"tree":{"parts":[{"tags":["a","b"]},{"tags":[]}]}}`, `{"tree":{"parts":[{"name":"x"},{"name":"y"},{"tags":["b","a"]}]}}`,
			"/tree/parts/0: - -> {\"name\":\"x\"}\n/tree/parts/1: - -> {\"name\":\"y\"}\n/tree/parts/1: {\"tags\":[]} -> -\n"},

		{"a key finds an item wherever it went", `{"people":[{"id":1,"n":"a"},{"id":2,"n":"b"}]}`, `{"people":[{"id":3,"n":"c"},{"id":1.0,"n":"a"},{"id":2,"n":"x"}]}`,
			"/people/0: - -> {\"id\":3,\"n\":\"c\"}\n/people/2/n: \"b\" -> \"x\"\n"},
		{"another key is another item", `{"people":[{"id":1,"n":"a"}]}`, `{"people":[{"id":2,"n":"a"}]}`, "/people/0: {\"id\":1,\"n\":\"a\"} -> -\n/people/0: - -> {\"id\":2,\"n\":\"a\"}\n"},
		{"a number is no key of a text", `{"people":[{"id":1}]}`, `{"people":[{"id":"1"}]}`, "/people/0: {\"id\":1} -> -\n/people/0: - -> {\"id\":\"1\"}\n"},
		{"another order of keyed items is a change of the list", `{"people":[{"id":1,"n":"a"},{"id":2}]}`, `{"people":[{"id":2},{"id":1,"n":"b"}]}`,
			"/people: [{\"id\":1,\"n\":\"a\"},{\"id\":2}] -> [{\"id\":2},{\"id\":1,\"n\":\"b\"}]\n/people/1/n: \"a\" -> \"b\"\n"},
		{"items without a key are matched by value, then in order", `{"people":[{"id":1},{"n":"a"},{"n":"b"}]}`, `{"people":[{"n":"b"},{"n":"x"},{"id":1}]}`,
			"/people: [{\"id\":1},{\"n\":\"a\"},{\"n\":\"b\"}] -> [{\"n\":\"b\"},{\"n\":\"x\"},{\"id\":1}]\n/people/1/n: \"a\" -> \"x\"\n"},
		{"a key that is there twice is none", `{"people":[{"id":1,"n":"a"}]}`, `{"people":[{"id":1,"n":"x"},{"id":1,"n":"a"}]}`, "/people/0: - -> {\"id\":1,\"n\":\"x\"}\n"},
		{"nor is one that only after has twice", `{"people":[{"id":1,"n":"a"},{"id":2}]}`, `{"people":[{"id":3},{"id":1,"n":"a"},{"id":1,"n":"x"}]}`,
			"/people/0: - -> {\"id\":3}\n/people/1: {\"id\":2} -> -\n/people/2: - -> {\"id\":1,\"n\":\"x\"}\n"},
		{"nor one that only before has twice", `{"people":[{"id":3},{"id":1,"n":"a"},{"id":1,"n":"x"}]}`, `{"people":[{"id":1,"n":"a"},{"id":2}]}`,
			"/people/0: {\"id\":3} -> -\n/people/2: {\"id\":1,\"n\":\"x\"} -> -\n/people/1: - -> {\"id\":2}\n"},
		{"null, a list or an object is no key", `{"people":[{"id":null,"n":1},{"id":[],"n":1}]}`, `{"people":[{"id":null,"n":2},{"id":{},"n":1}]}`,
			"/people/0/n: 1 -> 2\n/people/1/id: [] -> {}\n"},
		{"a value removed from an item that moved is told where it was", `{"people":[{"id":1},{"id":2,"n":"b","v":1}]}`, `{"people":[{"id":2,"v":2}]}`,
			"/people/0: {\"id\":1} -> -\n/people/1/n: \"b\" -> -\n/people/0/v: 1 -> 2\n"},
		{"keys below every item and every member", `{"groups":[{"people":[{"id":1},{"id":2}]}],"by":{"x":{"rows":[{"n":1},{"n":2}]}}}`,
			`{"groups":[{"people":[{"id":2}]}],"by":{"x":{"rows":[{"n":2,"v":1}]}}}`,
			"/groups/0/people/0: {\"id\":1} -> -\n/by/x/rows/0: {\"n\":1} -> -\n/by/x/rows/0/v: - -> 1\n"},
		{"what is no list has no keys", `{"people":{"id":1}}`, `{"people":{"id":2}}`, "/people/id: 1 -> 2\n"},

		{"a renamed place is no change", `{"x":"1","abstract":{"fi":"a"}}`, `{"summary":{"fi":"a"},"x":"1"}`, ``},
		{"its value is told at the new place", `{"abstract":{"fi":"a"}}`, `{"summary":{"fi":"b"}}`, "/summary/fi: \"a\" -> \"b\"\n"},
		{"renamed twice between two versions", `{"abstract":"a"}`, `{"text":{"short":"b"}}`, "/text/short: \"a\" -> \"b\"\n"},
		{"into an object that was not there", `{"summary":"a"}`, `{"text":{"short":"a","long":"b"}}`, "/text/long: - -> \"b\"\n"},
		{"out of an object that is no more", `{"contact":{"email":"a"}}`, `{"email":"a"}`, ``},
		{"what else was in that object is removed", `{"contact":{"email":"a","phone":1}}`, `{"email":"a"}`, "/contact: {\"phone\":1} -> -\n"},
		{"out of an object that stays", `{"contact":{"email":"a","phone":1}}`, `{"email":"b","contact":{"phone":1}}`, "/email: \"a\" -> \"b\"\n"},
		{"both places there: not renamed", `{"abstract":"a","summary":"b"}`, `{"summary":"a"}`, "/abstract: \"a\" -> -\n/summary: \"b\" -> \"a\"\n"},
		{"the old place is still there: not renamed", `{"abstract":"a"}`, `{"abstract":"a","summary":"a"}`, "/summary: - -> \"a\"\n"},
		{"the new place cannot be put into a scalar", `{"summary":"a","text":1}`, `{"text":{"short":"a"}}`, "/summary: \"a\" -> -\n/text: 1 -> {\"short\":\"a\"}\n"},
		{"a value removed from what was renamed is told where it was", `{"people":[{"id":1},{"id":2,"city":{"a":1,"b":2}}],"summary":{"x":[1,2]}}`,
			`{"people":[{"id":2,"home":{"city":{"a":1}}}],"text":{"short":{"x":[2]}}}`, "/people/0: {\"id\":1} -> -\n/people/1/city/b: 2 -> -\n/summary/x/0: 1 -> -\n"},
		{"renamed in every item", `{"people":[{"id":1,"city":"a"},{"id":2,"city":"b"}]}`, `{"people":[{"id":1,"home":{"city":"a"}},{"id":2,"home":{"city":"c"}}]}`,
			"/people/1/home/city: \"b\" -> \"c\"\n"},
	}
	d := NewDiffer(described())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, told(d.Diff(parsed(t, test.before), parsed(t, test.after)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiffWithoutACollection(t *testing.T) {
	d := NewDiffer(nil)
	got := told(d.Diff(parsed(t, `{"themes":["a","b"],"people":[{"id":1,"n":1},{"id":2}]}`), parsed(t, `{"themes":["b","a"],"people":[{"id":2,"n":1}]}`)))
	want := "/themes/0: \"a\" -> -\n/themes/1: - -> \"a\"\n/people/0/id: 1 -> 2\n/people/1: {\"id\":2} -> -\n"
	if diff := cmp.Diff(want, got); diff != "" || d.Meaning() != "" {
		t.Errorf("%s%s", diff, d.Meaning())
	}
}
