package graphql

import (
	"fmt"

	"github.com/koonti/koonti/internal/content"
)

// maxPlaces is how many places a model may have whose types are made only to be looked at.
// The types of one place take some kilobytes.
const maxPlaces = 20_000

// Fits is nil where the types of m may be made beside those of the model that is served:
// anybody may have proposed m. It may have as many places as there are usually, or twice as
// many as served has. The error wraps content.ErrTooLarge.
func Fits(m, served *content.Model) error {
	if m.Key == served.Key {
		return nil
	}
	if has, most := placesOf(m), max(maxPlaces, 2*placesOf(served)); has > most {
		return fmt.Errorf("the model %s has %d places in its collections; types are made of at most %d: %w", m.Path, has, most, content.ErrTooLarge)
	}
	return nil
}

// placesOf counts the shapes of all collections.
func placesOf(m *content.Model) int {
	seen := map[*content.Shape]bool{}
	var visit func(s *content.Shape)
	visit = func(s *content.Shape) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		visit(s.Item)
		for i := range s.Fields {
			visit(s.Fields[i].Shape)
		}
	}
	for _, c := range m.Collections {
		visit(c.Root)
	}
	return len(seen)
}
