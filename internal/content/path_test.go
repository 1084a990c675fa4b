package content

import (
	"errors"
	"strings"
	"testing"
)

func TestParsePathPattern(t *testing.T) {
	for _, ok := range []string{"{id}", "a/{id}.json", "a/*/{id}", "*/p-{id}-s.json", "a/{id}/b.json", ".a/{id}"} {
		p, err := ParsePathPattern(ok)
		if err != nil || p.String() != ok || p.Depth() != strings.Count(ok, "/")+1 {
			t.Errorf("%q: %v, %v", ok, p, err)
		}
	}
	for _, bad := range []string{"", "a.json", "/{id}", "./{id}", "../{id}", "a//{id}", "a/../{id}", "{id}/", "{id}/{id}", "{id}{id}", "a*/{id}", "*{id}", "a/*.json"} {
		if _, err := ParsePathPattern(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPathPatternMatch(t *testing.T) {
	tests := []struct{ pattern, file, id string }{
		{"a/{id}.json", "a/x.json", "x"}, {"a/{id}.json", "a/x.y.json", "x.y"}, {"a/{id}.json", "a/.json", ""}, {"a/{id}.json", "a/b/x.json", ""},
		{"a/{id}.json", "b/x.json", ""}, {"a/{id}.json", "a", ""}, {"a/{id}.json", "", ""}, {"a/{id}.json", "a/x.jsonx", ""}, {"a/{id}.json", "a/ä ö.json", "ä ö"},
		{"*/{id}", "x/y", "y"}, {"*/{id}", "/y", ""}, {"a/{id}/r.json", "a/x/r.json", "x"}, {"a/{id}/r.json", "a/x/s.json", ""},
		{"p-{id}-s", "p-x-s", "x"}, {"p-{id}-s", "p--s", ""}, {"pp{id}pp", "ppp", ""}, {"*/*/{id}.json", "a/b/c.json", "c"},
	}
	for _, test := range tests {
		p, err := ParsePathPattern(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		id, ok := p.Match(test.file)
		if string(id) != test.id || ok != (test.id != "") {
			t.Errorf("%s of %s: got %q, %v", test.pattern, test.file, id, ok)
		}
		if path, certain := p.Path(id); ok && certain && path != test.file {
			t.Errorf("%s: the path of %q is %q", test.pattern, id, path)
		}
	}
	p, _ := ParsePathPattern("a/*/{id}.json")
	if !p.Segment(0, "a") || p.Segment(0, "b") || !p.Segment(1, "anything") || p.Segment(1, "") || p.Segment(2, "x.txt") || p.Segment(3, "x") {
		t.Error("Segment leads astray")
	}
	if _, certain := p.Path("x"); certain {
		t.Error("knows the folder behind *")
	}
}

func TestOverlaps(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"a/{id}.json", "a/{id}.json", true}, {"a/{id}.json", "b/{id}.json", false}, {"a/{id}.json", "*/{id}.json", true},
		{"a/{id}.json", "a/{id}", true}, {"a/{id}.json", "a/{id}.yaml", false}, {"a/{id}.json", "a/{id}.schema.json", true},
		{"a/x-{id}", "a/y-{id}", false}, {"a/x-{id}", "a/x-y-{id}", true}, {"a/{id}.json", "a/b/{id}.json", false},
		{"{id}/r.json", "*/{id}.json", true}, {"{id}/r.json", "a/{id}.json", true}, {"{id}/r.txt", "a/{id}.json", false}, {"x-{id}/r.json", "a/{id}.json", false},
		{"*/*/{id}", "a/{id}/b", true},
	}
	for _, test := range tests {
		a, _ := ParsePathPattern(test.a)
		b, _ := ParsePathPattern(test.b)
		if a.Overlaps(b) != test.want || b.Overlaps(a) != test.want {
			t.Errorf("%s and %s: not %v", test.a, test.b, test.want)
		}
	}
}

func TestIDs(t *testing.T) {
	tests := []struct {
		id                 ID
		readable, writable bool
	}{
		{"a", true, true}, {"a-b.c_d9", true, true}, {"0", true, true}, {"A", true, false}, {"ä", true, false}, {"a b", true, false}, {"-a", true, false}, {"a.", true, false},
		{"", false, false}, {".", false, false}, {"..", false, false}, {"a/b", false, false}, {"a\tb", false, false}, {"a\x00", false, false}, {"\xff", false, false}, {"a\u0085", false, false},
		{"con", true, false}, {"nul.json", true, false}, {"com1", true, false}, {"lpt9.x", true, false}, {"com", true, true}, {"console", true, true}, {"com10", true, true},
		{ID(strings.Repeat("a", 100)), true, true}, {ID(strings.Repeat("a", 101)), true, false},
	}
	for _, test := range tests {
		if got := test.id.Readable(); got != test.readable {
			t.Errorf("%q: readable is %v", test.id, got)
		}
		if got := test.id.Writable(); got != test.writable {
			t.Errorf("%q: writable is %v", test.id, got)
		}
	}
}

func TestMovedStaysInItsFolders(t *testing.T) {
	p, err := ParsePathPattern("a/*/{id}-x.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Moved("a/b/old-x.json", "new"); got != "a/b/new-x.json" {
		t.Errorf("got %s", got)
	}
}
