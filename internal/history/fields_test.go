package history

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// What a merge changed is told from the version before it, and what it dropped of another
// side from the parent that had it, which is named.
func TestFieldsSayWhichParentTheyAreToldFrom(t *testing.T) {
	path := "records/things/x.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{path: `{"name": "a", "text": "a", "number": 1}`}},
		{mark: "side", branch: "side", from: []string{"1"}, author: eino, message: "Side", files: map[string]string{path: `{"name": "s", "text": "a", "number": 2}`}},
		{mark: "main", from: []string{"1"}, message: "Main", files: map[string]string{path: `{"name": "m", "text": "m", "number": 1}`}},
		{mark: "merge", from: []string{"main", "side"}, message: "Merge branch 'side'", files: map[string]string{path: `{"name": "m", "text": "own", "number": 2}`}},
	})
	_, p := open(t, dir, "")
	page, err := p.Changes(t.Context(), content.ChangeQuery{Record: ref("x"), Limit: 1})
	if err != nil || len(page.Changes) != 1 || page.Changes[0].Commit != hash["merge"] {
		t.Fatalf("%v, %v", page, err)
	}
	fields, err := p.Fields(t.Context(), &page.Changes[0])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/text m -> own of ",
		fmt.Sprintf("/name s -> m of %s", hash["side"]),
	}
	var got []string
	for _, f := range fields {
		got = append(got, fmt.Sprintf("%s %s -> %s of %s", f.Pointer, f.Before.Text, f.After.Text, f.Parent))
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Each value before is in the version before, or in that of the parent that it names; and
// each place that a change has is told.
func TestEachValueBeforeIsWhereItIsSaidToBe(t *testing.T) {
	named := 0
	for seed := range uint64(8) {
		w := newWorld(t, seed, 120)
		_, p := open(t, w.dir, "")
		o := newOracle(t, w.dir, "main", worldDirs...)
		page, err := p.Changes(t.Context(), content.ChangeQuery{Formatting: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Changes {
			fields, err := p.Fields(t.Context(), &c)
			if err != nil {
				t.Fatal(err)
			}
			var places []content.Pointer
			for _, f := range fields {
				places = append(places, f.Pointer)
				if f.Parent != "" {
					named++
				}
				for _, complaint := range o.checkBefore(&c, f) {
					t.Errorf("seed %d: %s %s of %s: %s", seed, c.Kind, c.Path, c.Commit, complaint)
				}
			}
			slices.Sort(places)
			if places = slices.Compact(places); !c.Unreadable && !slices.Equal(places, slices.Sorted(slices.Values(c.Fields))) {
				t.Errorf("seed %d: %s %s of %s tells %q, and has %q", seed, c.Kind, c.Path, c.Commit, places, c.Fields)
			}
		}
		if t.Failed() {
			return
		}
	}
	if named < 10 {
		t.Errorf("these worlds name a parent %d times", named)
	}
}

// checkBefore looks a value up where it is said to be told from.
func (o *oracle) checkBefore(c *content.Change, f content.FieldChange) []string {
	blob := string(c.Before)
	if f.Parent != "" {
		if !slices.Contains(o.parents[string(c.Commit)], string(f.Parent)) {
			return []string{fmt.Sprintf("%s is no parent", f.Parent)}
		}
		if blob = o.at(string(f.Parent), c.Path); blob == string(c.Before) {
			return []string{fmt.Sprintf("%s names a parent that has the version before", f.Pointer)}
		}
	}
	doc := o.document(blob)
	if blob != "" && !doc.readable {
		if f.Parent != "" {
			return []string{fmt.Sprintf("%s is told from a version that cannot be read", f.Pointer)}
		}
		return nil // told from an older one
	}
	if strings.ContainsAny(string(f.Pointer), "0123456789") {
		return nil // an item may have had another place
	}
	want, there := lookUp(doc.value, f.Pointer.Tokens())
	if there != (f.Before != nil) {
		return []string{fmt.Sprintf("%s: there before is %t, told %v", f.Pointer, there, f.Before)}
	}
	if !there {
		return nil
	}
	got, err := readStrict(f.Before.AppendJSON(nil))
	if err != nil || !reflect.DeepEqual(plainSets(got), plainSets(want)) {
		return []string{fmt.Sprintf("%s was %v, told as %v", f.Pointer, want, got)}
	}
	return nil
}

// lookUp follows the names of members.
func lookUp(value any, tokens []string) (any, bool) {
	for _, token := range tokens {
		object, _ := value.(map[string]any)
		inner, there := object[token]
		if !there {
			return nil, false
		}
		value = inner
	}
	return value, true
}

// plainSets brings lists of scalars, which may be sets, into one order.
func plainSets(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	out := make([]string, len(list))
	for i, item := range list {
		text, _ := json.Marshal(item)
		out[i] = string(text)
	}
	slices.Sort(out)
	return out
}
