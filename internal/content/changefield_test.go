package content

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlacesThatAShapeKnows(t *testing.T) {
	text := &Shape{Kind: ShapeString}
	part := &Shape{Kind: ShapeObject, Fields: []Field{{Property: "label", Shape: text}, {Property: "free", Shape: &Shape{}}, {Property: "a/b", Shape: text}}}
	c := &Collection{Root: &Shape{Kind: ShapeObject, Fields: []Field{
		{Property: "summary", Shape: &Shape{Kind: ShapeLocalized}},
		{Property: "parts", Shape: &Shape{Kind: ShapeList, Item: part}},
		{Property: "any", Shape: &Shape{Kind: ShapeObject}},
		{Property: "number", Shape: &Shape{Kind: ShapeInt}},
	}}}
	part.Fields = append(part.Fields, Field{Property: "inner", Shape: part}) // as a recursive schema has it
	list := &Collection{Root: &Shape{Kind: ShapeObject, Fields: []Field{{Self: true, Shape: &Shape{Kind: ShapeList, Item: text}}}}}
	for _, c := range []struct {
		in    *Collection
		at    Pointer
		known bool
		near  []Pointer
	}{
		{c, "", true, nil},
		{c, "/summary", true, nil},
		{c, "/summary/sv", true, nil},
		{c, "/parts/7/label", true, nil},
		{c, "/parts/7/inner/inner/a~1b", true, nil},
		{c, "/parts/0/free/what/ever", true, nil},
		{c, "/any/thing", true, nil},
		{c, "/sumary/fi", false, []Pointer{"/summary/fi", "/parts", "/any/fi", "/number"}},
		{c, "/summary/fr", false, []Pointer{"/summary", "/summary/fi", "/summary/sv"}},
		{c, "/parts/label", false, []Pointer{"/parts", "/parts/0"}},
		{c, "/parts/00/label", false, []Pointer{"/parts", "/parts/0/label"}},
		{c, "/parts/0/lable", false, []Pointer{"/parts/0", "/parts/0/label", "/parts/0/free", "/parts/0/a~1b", "/parts/0/inner"}},
		{c, "/number/0", false, []Pointer{"/number"}},
		{list, "/3", true, nil},
		{list, "/value", false, []Pointer{"/0"}},
		{&Collection{}, "/x", true, nil},
	} {
		known, near := c.in.Knows(c.at, []Language{"fi", "sv"})
		if diff := cmp.Diff(c.near, near); known != c.known || diff != "" {
			t.Errorf("%s: %t\n%s", c.at, known, diff)
		}
	}
}
