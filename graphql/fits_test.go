package graphql

import (
	"errors"
	"strconv"
	"testing"

	"github.com/koonti/koonti/internal/content"
)

func modelOf(key string, places int) *content.Model {
	root := &content.Shape{Kind: content.ShapeObject, Type: "A"}
	root.Fields = []content.Field{{Name: "self", Property: "self", Shape: root}} // recursive, as schemas may be
	for i := range places - 1 {
		name := "p" + strconv.Itoa(i)
		root.Fields = append(root.Fields, content.Field{Name: name, Property: name, Shape: &content.Shape{Kind: content.ShapeString}})
	}
	return &content.Model{Key: key, Path: key + ".json", Collections: []*content.Collection{{Name: "a", Type: "A", Root: root}}}
}

// Anybody may propose a model of any size: its types are not made, by whichever way.
func TestFits(t *testing.T) {
	for _, test := range []struct {
		name   string
		served int
		places int
		fits   bool
	}{
		{"as large as may be", 10, maxPlaces, true},
		{"larger", 10, maxPlaces + 1, false},
		{"beside a large one", maxPlaces, 2 * maxPlaces, true},
		{"larger beside a large one", maxPlaces, 2*maxPlaces + 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			served, m := modelOf("served", test.served), modelOf("proposed", test.places)
			if err := Fits(m, served); (err == nil) != test.fits || err != nil && !errors.Is(err, content.ErrTooLarge) {
				t.Errorf("got %v, want fits %v", err, test.fits)
			}
			if test.fits {
				return // Compare would take its time
			}
			if _, err := Compare(served, m); !errors.Is(err, content.ErrTooLarge) {
				t.Errorf("Compare: %v, want ErrTooLarge", err)
			}
		})
	}
	huge := modelOf("served", 3*maxPlaces)
	if err := Fits(huge, modelOf("served", 1)); err != nil {
		t.Errorf("the model that is served: %v", err)
	}
}
