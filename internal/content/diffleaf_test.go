package content

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLeaves(t *testing.T) {
	source := `{"b":{"x/y":1},"a":[[],{},null,[true,"s"]],"":"e"}`
	var got []string
	v := parsed(t, source)
	for at, leaf := range Leaves(v) {
		if v.At(at) != leaf {
			t.Errorf("%s is another value", at)
		}
		got = append(got, string(at)+" "+string(leaf.AppendJSON(nil)))
	}
	want := []string{"/b/x~1y 1", "/a/0 []", "/a/1 {}", "/a/2 null", "/a/3/0 true", "/a/3/1 \"s\"", "/ \"e\""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for range Leaves(nil) {
		t.Error("nothing has a leaf")
	}
	count := 0
	for range Leaves(v) {
		if count++; count == 2 {
			break
		}
	}
	for at := range Leaves(parsed(t, `{}`)) {
		if at != "" {
			t.Errorf("got %q", at)
		}
	}
}

func TestGeneric(t *testing.T) {
	doc := parsed(t, `{"people":[{"roles":[1],"7":1}],"7":{"0":[2]},"a/b":[0]}`)
	tests := []struct {
		at   Pointer
		want Pattern
	}{
		{"", ""}, {"/people", "/people"}, {"/people/0", "/people/*"}, {"/people/0/roles/0", "/people/*/roles/*"}, {"/people/0/7", "/people/*/7"},
		{"/7/0/0", "/7/0/*"}, {"/a~1b/0", "/a~1b/*"}, {"/people/5/roles/0", "/people/*/roles/0"}, {"/gone/0", "/gone/0"}, {"/people/x", "/people/x"},
		{"/people/01", "/people/01"},
	}
	for _, test := range tests {
		if got := Generic(test.at, doc); got != test.want {
			t.Errorf("%q: got %q, want %q", test.at, got, test.want)
		}
	}
	if got := Generic("/a/0", nil); got != "/a/0" {
		t.Errorf("got %q", got)
	}
}

func TestSimilarity(t *testing.T) {
	tests := []struct {
		name, a, b string
		want       float64
	}{
		{"equal", `{"a":1,"b":[1,2]}`, `{"b":[2,1.0],"a":1e0}`, 1},
		{"nothing alike", `{"a":1}`, `{"b":1}`, 0},
		{"half", `{"a":1,"b":2}`, `{"a":1,"b":3}`, 0.5},
		{"more leaves on one side", `{"a":1}`, `{"a":1,"b":[1,2]}`, 0.5},
		{"the same value twice", `[1,1,1]`, `[1,2,3]`, 1.0 / 3},
		{"another type", `{"a":"1"}`, `{"a":1}`, 0},
		{"empty", `{}`, `{}`, 1},
		{"empty and not", `{}`, `{"a":1}`, 0},
		{"renamed", `{"abstract":"a","x":1}`, `{"text":{"short":"a"},"x":1}`, 1},
		{"absent", ``, `{}`, 0},
	}
	d := NewDiffer(described())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := d.Similarity(parsed(t, test.a), parsed(t, test.b)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Numbers are the same for Diff exactly when Value.Equal says so.
func TestDecimalsAreComparedAsEqualDoes(t *testing.T) {
	literals := []string{"0", "-0", "0.0", "0e5", "-0.00e-3", "1", "1.0", "10e-1", "0.1e1", "0.10E+01", "-1", "100", "1e2", "1E+2", "0.01", "1e-2", "123.4560", "1234560e-4",
		"12345678901234567890123456789", "12345678901234567890123456788", "1e300", "10e299", "-12.50", "-1.25e1", "9007199254740993", "9007199254740992.0"}
	for _, x := range literals {
		for _, y := range literals {
			a, b := Value{Kind: Number, Text: x}, Value{Kind: Number, Text: y}
			if got, want := sameScalar(&a, &b), a.Equal(&b); got != want {
				t.Errorf("%s and %s: got %v, want %v", x, y, got, want)
			}
		}
	}
}
