package content

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// toldConflicts writes conflicts one a line: "/place: base | ours | theirs".
func toldConflicts(conflicts []Conflict) string {
	var b strings.Builder
	for _, c := range conflicts {
		fmt.Fprintf(&b, "%s: %s | %s | %s\n", c.Pointer, text(c.Base), text(c.Ours), text(c.Theirs))
	}
	return b.String()
}

func text(v *Value) string {
	if v == nil {
		return "-"
	}
	return string(v.AppendJSON(nil))
}

func TestMerge(t *testing.T) {
	tests := []struct{ name, base, ours, theirs, want, conflicts string }{
		{"different fields", `{"a":1,"b":2}`, `{"a":3,"b":2}`, `{"a":1,"b":4}`, `{"a":3,"b":4}`, ``},
		{"different fields of one object", `{"n":{"fi":"a","sv":"b"}}`, `{"n":{"fi":"c","sv":"b"}}`, `{"n":{"fi":"a","sv":"d"}}`, `{"n":{"fi":"c","sv":"d"}}`, ``},
		{"the same change on both sides", `{"a":1}`, `{"a":2.0}`, `{"a":2}`, `{"a":2.0}`, ``},
		{"one field on both sides", `{"a":1,"b":1}`, `{"a":2,"b":1}`, `{"a":3,"b":2}`, `{"a":2,"b":2}`, "/a: 1 | 2 | 3\n"},
		{"another way of writing a number is no change", `{"a":1}`, `{"a":1.0}`, `{"a":2}`, `{"a":2}`, ``},
		{"another order of members is no change", `{"a":1,"b":2}`, `{"b":2,"a":1}`, `{"a":1,"b":3}`, `{"a":1,"b":3}`, ``},
		{"an added field on each side, after what it followed", `{"a":1,"z":1}`, `{"a":1,"b":1,"z":1}`, `{"a":1,"c":1,"z":1,"d":1}`,
			`{"a":1,"c":1,"b":1,"z":1,"d":1}`, ``},
		{"a removed field", `{"a":1,"b":2}`, `{"b":2}`, `{"a":1,"b":3}`, `{"b":3}`, ``},
		{"a field removed by both", `{"a":1,"b":2}`, `{"b":2}`, `{"b":2}`, `{"b":2}`, ``},
		{"removed by ours and changed by theirs", `{"a":1}`, `{}`, `{"a":2}`, `{}`, "/a: 1 | - | 2\n"},
		{"changed by ours and removed by theirs", `{"a":{"b":1}}`, `{"a":{"b":2}}`, `{}`, `{"a":{"b":2}}`, "/a: {\"b\":1} | {\"b\":2} | -\n"},
		{"one field added by both", `{}`, `{"a":1}`, `{"a":2}`, `{"a":1}`, "/a: - | 1 | 2\n"},
		{"one object added by both", `{}`, `{"a":{"x":1,"y":1}}`, `{"a":{"x":1,"y":2,"z":3}}`, `{"a":{"x":1,"y":1,"z":3}}`, "/a/y: - | 1 | 2\n"},
		{"null is a value", `{"a":null}`, `{"a":1}`, `{}`, `{"a":1}`, "/a: null | 1 | -\n"},
		{"another type on one side", `{"a":{"b":1}}`, `{"a":"x"}`, `{"a":{"b":2}}`, `{"a":"x"}`, "/a: {\"b\":1} | \"x\" | {\"b\":2}\n"},
		{"the other type was there before", `{"a":1}`, `{"a":{"b":1}}`, `{"a":{"c":1}}`, `{"a":{"b":1}}`, "/a: 1 | {\"b\":1} | {\"c\":1}\n"},
		{"names are escaped", `{"a/b":{"~":1}}`, `{"a/b":{"~":2}}`, `{"a/b":{"~":3}}`, `{"a/b":{"~":2}}`, "/a~1b/~0: 1 | 2 | 3\n"},

		{"a record made on both sides", ``, `{"a":1,"b":1}`, `{"a":1,"c":1}`, `{"a":1,"c":1,"b":1}`, ``},
		{"a record made on both sides in two ways", ``, `{"a":1}`, `{"a":2}`, `{"a":1}`, "/a: - | 1 | 2\n"},
		{"a record made on one side", ``, ``, `{"a":1}`, `{"a":1}`, ``},
		{"a record deleted on one side", `{"a":1}`, `{"a":1}`, ``, ``, ``},
		{"a record deleted on one side and changed on the other", `{"a":1}`, ``, `{"a":2}`, ``, ": {\"a\":1} | - | {\"a\":2}\n"},
		{"the other way round", `{"a":1}`, `{"a":2}`, ``, `{"a":2}`, ": {\"a\":1} | {\"a\":2} | -\n"},
		{"no record at all", ``, ``, ``, ``, ``},

		{"a list on one side", `{"l":[1,2]}`, `{"l":[1,2]}`, `{"l":[2,3]}`, `{"l":[2,3]}`, ``},
		{"a list on both sides", `{"l":[1,2]}`, `{"l":[1,2,3]}`, `{"l":[0,1,2]}`, `{"l":[1,2,3]}`, "/l: [1,2] | [1,2,3] | [0,1,2]\n"},

		{"sets", `{"themes":["a","b","c"]}`, `{"themes":["a","c","d"]}`, `{"themes":["x","a","b"]}`, `{"themes":["x","a","d"]}`, ``},
		{"sets in one place", `{"themes":["a"]}`, `{"themes":["a","z","c"]}`, `{"themes":["a","k","b"]}`, `{"themes":["a","k","b","z","c"]}`, ``},
		{"sets sorted on both sides", `{"themes":["b","c","a"]}`, `{"themes":["a","b","c","e"]}`, `{"themes":["c","b","a","d"]}`, `{"themes":["a","d","b","c","e"]}`, ``},
		{"a set made on both sides", `{}`, `{"themes":["a","b"]}`, `{"themes":["b","c"]}`, `{"themes":["a","b","c"]}`, ``},
		{"a set with one value twice", `{"themes":["a"]}`, `{"themes":["a","a"]}`, `{"themes":["b"]}`, `{"themes":["a","a"]}`, "/themes: [\"a\"] | [\"a\",\"a\"] | [\"b\"]\n"},

		{"different items", `{"people":[{"id":1},{"id":2}]}`, `{"people":[{"id":1,"n":"x"},{"id":2}]}`, `{"people":[{"id":1},{"id":2,"n":"y"}]}`,
			`{"people":[{"id":1,"n":"x"},{"id":2,"n":"y"}]}`, ``},
		{"different fields of one item, which moved", `{"people":[{"id":1},{"id":2}]}`, `{"people":[{"id":2},{"id":1,"a":1}]}`, `{"people":[{"id":1,"b":1},{"id":2}]}`,
			`{"people":[{"id":2},{"id":1,"b":1,"a":1}]}`, ``},
		{"one field of one item", `{"people":[{"id":1,"n":"a"}]}`, `{"people":[{"id":3},{"id":1,"n":"b"}]}`, `{"people":[{"id":1,"n":"c"}]}`,
			`{"people":[{"id":3},{"id":1,"n":"b"}]}`, "/people/1/n: \"a\" | \"b\" | \"c\"\n"},
		{"an item added on each side and one removed", `{"people":[{"id":1},{"id":2}]}`, `{"people":[{"id":1},{"id":5},{"id":2}]}`, `{"people":[{"id":3},{"id":1}]}`,
			`{"people":[{"id":3},{"id":1},{"id":5}]}`, ``},
		{"items added in one place", `{"people":[]}`, `{"people":[{"id":4},{"id":2}]}`, `{"people":[{"id":3},{"id":1}]}`, `{"people":[{"id":3},{"id":1},{"id":4},{"id":2}]}`, ``},
		{"one item added by both", `{"people":[]}`, `{"people":[{"id":1,"a":1}]}`, `{"people":[{"id":0},{"id":1,"b":1}]}`, `{"people":[{"id":0},{"id":1,"b":1,"a":1}]}`, ``},
		{"an item removed by ours and changed by theirs", `{"people":[{"id":1},{"id":2}]}`, `{"people":[{"id":1}]}`, `{"people":[{"id":1},{"id":2,"n":1}]}`,
			`{"people":[{"id":1}]}`, "/people/1: {\"id\":2} | - | {\"id\":2,\"n\":1}\n"},
		{"an item changed by ours and removed by theirs", `{"people":[{"id":1},{"id":2}]}`, `{"people":[{"id":1},{"id":2,"n":1}]}`, `{"people":[{"id":1}]}`,
			`{"people":[{"id":1},{"id":2,"n":1}]}`, "/people/1: {\"id\":2} | {\"id\":2,\"n\":1} | -\n"},
		{"items moved on one side", `{"people":[{"id":1},{"id":2},{"id":3}]}`, `{"people":[{"id":1},{"id":2},{"id":3},{"id":4}]}`, `{"people":[{"id":3},{"id":1},{"id":2}]}`,
			`{"people":[{"id":3},{"id":4},{"id":1},{"id":2}]}`, ``},
		{"items moved on both sides", `{"people":[{"id":1},{"id":2},{"id":3}]}`, `{"people":[{"id":2},{"id":1},{"id":3}]}`, `{"people":[{"id":1},{"id":3},{"id":2}]}`,
			`{"people":[{"id":2},{"id":1},{"id":3}]}`, "/people: [{\"id\":1},{\"id\":2},{\"id\":3}] | [{\"id\":2},{\"id\":1},{\"id\":3}] | [{\"id\":1},{\"id\":3},{\"id\":2}]\n"},
		{"items without a key", `{"people":[{"n":1}]}`, `{"people":[{"n":2}]}`, `{"people":[{"n":1},{"id":1}]}`, `{"people":[{"n":2}]}`,
			"/people: [{\"n\":1}] | [{\"n\":2}] | [{\"n\":1},{\"id\":1}]\n"},
		{"a key that two items have", `{"people":[{"id":1}]}`, `{"people":[{"id":1},{"id":1.0}]}`, `{"people":[]}`, `{"people":[{"id":1},{"id":1.0}]}`,
			"/people: [{\"id\":1}] | [{\"id\":1},{\"id\":1.0}] | []\n"},
		{"a number is no text", `{"people":[]}`, `{"people":[{"id":1}]}`, `{"people":[{"id":"1"}]}`, `{"people":[{"id":"1"},{"id":1}]}`, ``},
		{"a place that was renamed on one side", `{"abstract":"a"}`, `{"summary":"a"}`, `{"abstract":"b"}`, `{"summary":"a"}`, "/abstract: \"a\" | - | \"b\"\n"},
	}
	d := NewDiffer(described())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			merged, conflicts := d.Merge(parsed(t, test.base), parsed(t, test.ours), parsed(t, test.theirs), nil)
			got := text(merged)
			if test.want == "" {
				test.want = "-"
			}
			if diff := cmp.Diff(test.want+"\n"+test.conflicts, got+"\n"+toldConflicts(conflicts)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMergeTakesWhatIsChosen(t *testing.T) {
	d := NewDiffer(described())
	base := parsed(t, `{"a":1,"b":1,"c":1,"people":[{"id":1},{"id":2},{"id":3}]}`)
	ours := parsed(t, `{"a":2,"b":2,"c":2,"people":[{"id":1},{"id":3,"n":1}]}`)
	theirs := parsed(t, `{"a":3,"b":3,"c":3,"people":[{"id":1},{"id":2,"n":1}]}`)
	merged, conflicts := d.Merge(base, ours, theirs, func(c Conflict) (*Value, bool) {
		switch c.Pointer {
		case "/a":
			return &Value{Kind: Number, Text: "4"}, true
		case "/b":
			return nil, true
		case "/c":
			return nil, false
		}
		return c.Theirs, true
	})
	want := `{"a":4,"c":2,"people":[{"id":1},{"id":2,"n":1}]}` + "\n/c: 1 | 2 | 3\n"
	if diff := cmp.Diff(want, text(merged)+"\n"+toldConflicts(conflicts)); diff != "" {
		t.Error(diff)
	}
}
