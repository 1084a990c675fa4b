package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// The same input gives the same problems in the same order. Each run compiles anew,
// and the library walks its maps in another order each time; the tree is given
// shuffled.
func TestSameInputSameProblems(t *testing.T) {
	for name, archive := range archives(t) {
		t.Run(name, func(t *testing.T) {
			files, _ := unpack(archive)
			want := listing(examineTree(files).problems)
			for range 100 {
				if diff := cmp.Diff(want, listing(examineTree(files).problems)); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestShuffledEntries(t *testing.T) {
	m, _ := ReadModel("model.json", `{"collections": [{"name": "things", "type": "Thing", "schema": "s.json", "path": "things/*/{id}.json"}]}`)
	var entries []Entry
	for _, folder := range []string{"a", "b", "c"} {
		for i := range 20 {
			entries = append(entries, Entry{Path: fmt.Sprintf("things/%s/Id%d.json", folder, i)}, Entry{Path: fmt.Sprintf("things/%s/id%d.json", folder, i), Kind: EntryKind(i % 4)})
		}
	}
	located, problems := Entries(m, entries)
	for i := range located {
		located[i].Index = 0
	}
	for range 100 {
		shuffled := slices.Clone(entries)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		againLocated, againProblems := Entries(m, shuffled)
		for i, l := range againLocated {
			if shuffled[l.Index].Path != l.Path {
				t.Fatalf("index %d names %s, not %s", l.Index, shuffled[l.Index].Path, l.Path)
			}
			againLocated[i].Index = 0
		}
		if diff := cmp.Diff(located, againLocated) + cmp.Diff(listing(problems), listing(againProblems)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// Problems name a place that is there, the place of what they speak of, in every
// file that has text.
func TestPlacesArePlaces(t *testing.T) {
	for name, archive := range archives(t) {
		files, _ := unpack(archive)
		for _, p := range examineTree(files).problems {
			root, err := content.Parse(files[p.Path])
			if p.Line == 0 || err != nil {
				continue
			}
			v := root.At(p.Pointer)
			if v == nil {
				t.Errorf("%s: %s names %q, which is not there", name, p.Rule, p.Pointer)
				continue
			}
			line, column := content.Position(files[p.Path], int(v.Start))
			nameLine, nameColumn := content.Position(files[p.Path], int(v.NameAt))
			if (line != p.Line || column != p.Column) && (nameLine != p.Line || nameColumn != p.Column) {
				t.Errorf("%s: %s at %d:%d, but %q is at %d:%d", name, p.Rule, p.Line, p.Column, p.Pointer, line, column)
			}
		}
	}
}
