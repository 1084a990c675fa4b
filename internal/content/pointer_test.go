package content

import (
	"errors"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParsePointer(t *testing.T) {
	for _, ok := range []string{"", "/", "/a", "/a/0/b", "/~0~1", "//", "/ä", "/*"} {
		if p, err := ParsePointer(ok); err != nil || string(p) != ok {
			t.Errorf("%q: %q, %v", ok, p, err)
		}
	}
	for _, bad := range []string{"a", "a/b", "/~", "/~2", "/a~", "#/a", "/a/~x/b"} {
		if _, err := ParsePointer(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTokens(t *testing.T) {
	tests := map[Pointer][]string{"": nil, "/": {""}, "/a/b": {"a", "b"}, "/~01/a~1b": {"~1", "a/b"}, "//": {"", ""}}
	for p, want := range tests {
		if diff := cmp.Diff(want, p.Tokens()); diff != "" {
			t.Errorf("%q: %s", p, diff)
		}
		if want != nil {
			rebuilt := Pointer("")
			for _, token := range want {
				rebuilt = rebuilt.Child(token)
			}
			if rebuilt != p {
				t.Errorf("%q is built %q", p, rebuilt)
			}
		}
	}
	if got := Pointer("/a").Item(12); got != "/a/12" {
		t.Errorf("got %q", got)
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		p, other Pointer
		want     bool
	}{{"", "", true}, {"", "/a", true}, {"/a", "/a", true}, {"/a", "/a/b", true}, {"/a", "/ab", false}, {"/a/b", "/a", false}}
	for _, test := range tests {
		if got := test.p.Covers(test.other); got != test.want {
			t.Errorf("%q covers %q: %v", test.p, test.other, got)
		}
	}
}

func TestFind(t *testing.T) {
	v, err := Parse(`{"themes": ["a", "b"], "people": [{"town": 1}, {}, {"town": 2}], "names": {"x/y": "X", "z": "Z"}, "*": "star"}`)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[Pattern][]string{
		"":                 {" {"},
		"/themes/*":        {`/themes/0 "a"`, `/themes/1 "b"`},
		"/themes/1":        {`/themes/1 "b"`},
		"/people/*/town":   {"/people/0/town 1", "/people/2/town 2"},
		"/names/*":         {`/names/x~1y "X"`, `/names/z "Z"`},
		"/names/x~1y":      {`/names/x~1y "X"`},
		"/nothing/*":       nil,
		"/themes/*/deeper": nil,
		"/themes/0/*":      nil,
		"/people/7":        nil,
	}
	for pattern, want := range tests {
		var got []string
		var values []*Value
		for at, found := range pattern.Find(v) {
			text := string(found.AppendJSON(nil))
			if at == "" {
				text = text[:1]
			}
			got = append(got, string(at)+" "+text)
			values = append(values, found)
			if v.At(at) != found {
				t.Errorf("%q: %q is another place", pattern, at)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", pattern, diff)
		}
		if !slices.Equal(values, slices.Collect(pattern.Values(v))) {
			t.Errorf("%q: Values differs from Find", pattern)
		}
	}
	for range Pattern("/*").Values(v) {
		break // stopping early must not panic
	}
	for range Pattern("/a").Find(nil) {
		t.Error("found something in nothing")
	}
}

// A pointer that parses is rebuilt from its tokens, and finds what it names.
func FuzzPointer(f *testing.F) {
	for _, seed := range []string{"", "/", "/a/b", "/~0~1", "a", "/~", "/a/-/0", "/*/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePointer(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		rebuilt := Pointer("")
		for _, token := range p.Tokens() {
			rebuilt = rebuilt.Child(token)
		}
		if rebuilt != p {
			t.Fatalf("%q is rebuilt %q", p, rebuilt)
		}
		if !utf8.ValidString(s) {
			return // no name of a member
		}
		// A document made of the tokens alone holds exactly that place.
		source := "1"
		for _, token := range slices.Backward(p.Tokens()) {
			source = "{" + string(AppendString(nil, token)) + ":" + source + "}"
		}
		v, err := Parse(source)
		if err != nil {
			return // too deep
		}
		if found := v.At(p); found == nil || found.Text != "1" || !p.Covers(p) || !Pointer("").Covers(p) {
			t.Fatalf("%q is not found in %s", p, source)
		}
	})
}
