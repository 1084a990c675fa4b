package content

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMeaning(t *testing.T) {
	want := `renamed "/contact/email" "/email"
renamed "/abstract" "/summary"
renamed "/abstract" "/text/short"
renamed "/summary" "/text/short"
key "/by/*/rows" "n"
key "/groups/*/people" "id"
key "/people" "id"
renamed "/people/*/city" "/people/*/home/city"
set "/themes"
as "/tree/parts/[]" "/tree"
as "/tree/tags" "/themes"
`
	if diff := cmp.Diff(want, NewDiffer(described()).Meaning()); diff != "" {
		t.Error(diff)
	}
}

// list, object and set make shapes.
func listOf(item *Shape) *Shape { return &Shape{Kind: ShapeList, Item: item} }
func setOf(item *Shape) *Shape  { return &Shape{Kind: ShapeList, Item: item, Set: true} }
func objectOf(name string, s *Shape) *Shape {
	return &Shape{Kind: ShapeObject, Fields: []Field{{Property: name, Shape: s}}}
}

func TestMeaningIsEqualExactlyWhenDiffersCompareAlike(t *testing.T) {
	text := &Shape{Kind: ShapeString}
	loop := func(turns int) *Shape { // a tree of tags, written with so many turns of its own
		root := &Shape{Kind: ShapeObject}
		node := root
		for i := range turns {
			next := root
			if i < turns-1 {
				next = &Shape{Kind: ShapeObject}
			}
			node.Fields = []Field{{Property: "tags", Shape: setOf(text)}, {Property: "kid", Shape: next}}
			node = next
		}
		return root
	}
	type pair struct {
		name string
		a, b Collection
	}
	alike := []pair{
		{"what has neither key nor set", Collection{}, Collection{Root: objectOf("a", listOf(text))}},
		{"another order", Collection{Keys: []Key{{"/a", "x"}, {"/b", "y"}}}, Collection{Keys: []Key{{"/b", "y"}, {"/a", "x"}}}},
		{"another type of the items of a set", Collection{Root: objectOf("a", setOf(text))}, Collection{Root: objectOf("a", setOf(&Shape{Kind: ShapeInt}))}},
		{"a key that an exacter one hides", Collection{Keys: []Key{{"/a", "x"}}, Root: objectOf("a", listOf(text))}, Collection{Keys: []Key{{"/a", "x"}}, Root: objectOf("a", setOf(text))}},
		{"a recursive schema written out once more", Collection{Root: loop(1)}, Collection{Root: loop(3)}},
		{"what follows from the other renamings", Collection{Renamed: []Renaming{{"/a", "/b"}, {"/b", "/c"}}}, Collection{Renamed: []Renaming{{"/b", "/c"}, {"/a", "/c"}, {"/a", "/b"}}}},
		{"a place renamed into itself", Collection{Renamed: []Renaming{{"/a", "/a/b"}, {"/c", "/c"}}}, Collection{}},
		{"a document that is a value itself", Collection{Root: &Shape{Kind: ShapeObject, Fields: []Field{{Name: "value", Self: true, Shape: objectOf("a", setOf(text))}}}},
			Collection{Root: objectOf("a", setOf(text))}},
	}
	for _, p := range alike {
		if a, b := NewDiffer(&p.a).Meaning(), NewDiffer(&p.b).Meaning(); a != b {
			t.Errorf("%s: %s\n%s", p.name, a, b)
		}
	}
	different := []pair{
		{"another member", Collection{Keys: []Key{{"/a", "x"}}}, Collection{Keys: []Key{{"/a", "y"}}}},
		{"every member and one that is called so", Collection{Keys: []Key{{"/*/a", "x"}}}, Collection{Root: objectOf("*", objectOf("a", setOf(text)))}},
		{"a member that is called like the items", Collection{Root: listOf(setOf(text))}, Collection{Root: objectOf("[]", setOf(text))}},
		{"items and members", Collection{Root: listOf(setOf(text))}, Collection{Root: objectOf("0", setOf(text))}},
		{"the other way round", Collection{Renamed: []Renaming{{"/a", "/b"}}}, Collection{Renamed: []Renaming{{"/b", "/a"}}}},
		{"one level less", Collection{Root: loop(1)}, Collection{Root: objectOf("tags", setOf(text))}},
	}
	for _, p := range different {
		if a, b := NewDiffer(&p.a).Meaning(), NewDiffer(&p.b).Meaning(); a == b {
			t.Errorf("%s: both %s", p.name, a)
		}
	}
}

func TestTheMostExactKeyCounts(t *testing.T) {
	d := NewDiffer(&Collection{Keys: []Key{{"/*", "a"}, {"/people", "b"}, {"/*/*/x", "a"}, {"/people/*/x", "b"}}})
	before, after := `[{"a":1,"b":2},{"a":2,"b":1}]`, `[{"a":1,"b":1},{"a":2,"b":2}]`
	for _, test := range []struct{ at, want string }{
		{"people", "/people: %s -> %s\n/people/0/a: 2 -> 1\n/people/1/a: 1 -> 2\n"}, {"others", "/others/0/b: 2 -> 1\n/others/1/b: 1 -> 2\n"},
	} {
		want := test.want
		if strings.Contains(want, "%s") {
			want = fmt.Sprintf(want, before, after)
		}
		got := told(d.Diff(parsed(t, `{"`+test.at+`":`+before+`}`), parsed(t, `{"`+test.at+`":`+after+`}`)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// A model that is made to be slow costs no more than a moment.
func TestDifferOfAHostileModel(t *testing.T) {
	c := &Collection{}
	for i := range 2000 {
		tokens := strings.Split(strings.Repeat("* ", 63)+"*", " ")
		tokens[i%64] = fmt.Sprint("a", i)
		tokens[i*7%64] = "b"
		c.Keys = append(c.Keys, Key{Pattern("/" + strings.Join(tokens, "/")), "id"})
		c.Renamed = append(c.Renamed, Renaming{Pointer("/r").Item(i), Pointer("/r").Item(i + 1)}, Renaming{Pointer("/s/x").Item(i), "/s"})
	}
	root := &Shape{Kind: ShapeObject}
	for i := range 1500 {
		root.Fields = append(root.Fields, Field{Property: fmt.Sprint("a", i), Shape: []*Shape{root, setOf(root)}[i%2]})
	}
	c.Root = root
	start := time.Now()
	d := NewDiffer(c)
	d.Former("/r/1900")
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	slices.Reverse(c.Keys)
	slices.Reverse(c.Renamed)
	if d.Meaning() != NewDiffer(c).Meaning() {
		t.Error("another meaning the second time")
	}
}
