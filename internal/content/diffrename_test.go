package content

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormer(t *testing.T) {
	d := NewDiffer(&Collection{Renamed: []Renaming{
		{"/abstract", "/summary"}, {"/summary", "/text/short"}, {"/teaser", "/text/short"}, {"/people/*/city", "/people/*/home/city"},
		{"/a/*/x/*", "/b/*/*"}, {"/lost/*", "/found"}, {"/ring/a", "/ring/b"}, {"/ring/b", "/ring/a"}, {"/self", "/self/same"},
	}})
	tests := []struct {
		name string
		at   Pointer
		want []Pointer
	}{
		{"never renamed", "/name", []Pointer{"/name"}},
		{"the document", "", []Pointer{""}},
		{"renamed once", "/summary", []Pointer{"/summary", "/abstract"}},
		{"renamed twice, and joined", "/text/short", []Pointer{"/text/short", "/summary", "/teaser", "/abstract"}},
		{"below a renamed place", "/summary/fi/0", []Pointer{"/summary/fi/0", "/abstract/fi/0"}},
		{"above a renamed place", "/text", []Pointer{"/text"}},
		{"the old place has had no other", "/abstract", []Pointer{"/abstract"}},
		{"in an item", "/people/3/home/city", []Pointer{"/people/3/home/city", "/people/3/city"}},
		{"in any item", "/people/*/home/city", []Pointer{"/people/*/home/city", "/people/*/city"}},
		{"names that are escaped", "/people/a~1b/home/city", []Pointer{"/people/a~1b/home/city", "/people/a~1b/city"}},
		{"two stars", "/b/1/2/y", []Pointer{"/b/1/2/y", "/a/1/x/2/y"}},
		{"a star that stands for nothing", "/found", []Pointer{"/found"}},
		{"to and fro", "/ring/a", []Pointer{"/ring/a", "/ring/b"}},
		{"into itself", "/self/same", []Pointer{"/self/same"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, d.Former(test.at)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFormerOfPlacesThatGrowEnds(t *testing.T) {
	d := NewDiffer(&Collection{Renamed: []Renaming{{"/b/x", "/a"}, {"/a", "/b"}}})
	if n := len(d.Former("/a")); n > maxFormer {
		t.Errorf("got %d places", n)
	}
}

func TestTrace(t *testing.T) {
	before := `{"people":[{"id":1,"city":"a"},{"id":2,"city":"b"}],"l":["x",{"a":1},["y"]],"themes":["a","b"],"abstract":{"fi":"a"},"n":null}`
	after := `{"people":[{"id":2,"home":{"city":"c","zip":1}},{"id":1,"city":"a"},{"id":3}],"l":["z","x",{"a":2},["w","y"]],"themes":["b","c","a"],"text":{"short":{"fi":"b","sv":"c"}},"n":1}`
	tests := []struct{ name, at, want string }{
		{"the document", "", ""},
		{"a keyed item", "/people/0", "/people/1"},
		{"in a keyed item", "/people/1/city", "/people/0/city"},
		{"a new keyed item", "/people/2", "none"},
		{"in a new keyed item", "/people/2/id", "none"},
		{"renamed in an item", "/people/0/home/city", "/people/1/city"},
		{"an object that only renaming made", "/people/0/home", "none"},
		{"new in it", "/people/0/home/zip", "none"},
		{"an item by its value", "/l/1", "/l/0"},
		{"a new item", "/l/0", "none"},
		{"in an item matched by its kind", "/l/2/a", "/l/1/a"},
		{"in a list in a list", "/l/3/1", "/l/2/0"},
		{"an item of a set", "/themes/0", "/themes/1"},
		{"a new item of a set", "/themes/1", "none"},
		{"renamed", "/text/short", "/abstract"},
		{"below what was renamed", "/text/short/fi", "/abstract/fi"},
		{"new below what was renamed", "/text/short/sv", "none"},
		{"above what was renamed", "/text", "none"},
		{"a value of another type", "/n", "/n"},
		{"what is not in after", "/abstract", "none"},
	}
	d := NewDiffer(described())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at, ok := d.Trace(parsed(t, before), parsed(t, after), Pointer(test.at))
			if got := map[bool]string{true: string(at), false: "none"}[ok]; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if _, ok := d.Trace(nil, parsed(t, after), ""); ok {
		t.Error("traced into nothing")
	}
	if _, ok := d.Trace(parsed(t, before), nil, ""); ok {
		t.Error("traced from nothing")
	}
}

func TestTraceThroughTwoRenamingsAtOnce(t *testing.T) {
	d := NewDiffer(&Collection{Renamed: []Renaming{{"/a", "/b"}, {"/b/x", "/y"}}})
	before, after := parsed(t, `{"a":{"x":1,"z":2,"w":3}}`), parsed(t, `{"y":1,"b":{"z":2}}`)
	for at, want := range map[Pointer]Pointer{"/y": "/a/x", "/b": "/a", "/b/z": "/a/z"} {
		if got, ok := d.Trace(before, after, at); got != want || !ok {
			t.Errorf("%s: got %q %v, want %q", at, got, ok, want)
		}
	}
	if got, want := told(d.Diff(before, after)), "/a/w: 3 -> -\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDiffChangesNeitherDocument(t *testing.T) {
	before, after := parsed(t, `{"abstract":"a","contact":{"email":"b","x":1},"text":{"long":"c"}}`), parsed(t, `{"email":"b","text":{"short":"d"},"contact":{}}`)
	was, is := string(before.AppendJSON(nil)), string(after.AppendJSON(nil))
	d := NewDiffer(described())
	d.Diff(before, after)
	d.Trace(before, after, "/text/short")
	d.Similarity(before, after)
	if got := string(before.AppendJSON(nil)); got != was {
		t.Error(got)
	}
	if got := string(after.AppendJSON(nil)); got != is {
		t.Error(got)
	}
}
