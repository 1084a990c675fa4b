package history

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// toldOf tells the changes of one record, oldest first: kind, id and who.
func toldOf(t *testing.T, p *Past, q content.ChangeQuery) []string {
	t.Helper()
	page, err := p.Changes(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range slices.Backward(page.Changes) {
		commit, err := p.Commit(t.Context(), c.Commit)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s %s", c.Kind, c.ID, commit.Author.Name))
	}
	return out
}

// One branch renamed a record to an id, the other created that id, and a merge kept the
// latter: who made what is there is in its history, and is blamed.
func TestTwoBranchesMadeTheSameID(t *testing.T) {
	old, path := "records/things/old.json", "records/things/new.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{old: `{"name": "old", "number": 1}`}},
		{mark: "mine", branch: "side", from: []string{"1"}, author: virpi, message: "New", files: map[string]string{path: `{"name": "mine", "number": 2}`}},
		{mark: "renamed", from: []string{"1"}, author: eino, message: "Another name", files: map[string]string{old: "", path: `{"name": "old", "number": 1}`}},
		{mark: "merge", from: []string{"renamed", "mine"}, message: "Merge side", files: map[string]string{path: `{"name": "mine", "number": 2}`}},
	})
	_, p := open(t, dir, "")
	q := content.ChangeQuery{Record: ref("new"), Collection: "things"}
	want := []string{"CREATED old Aino", "RENAMED new Eino", "CREATED new Virpi", "OVERRULED new Aino"}
	if diff := cmp.Diff(want, toldOf(t, p, q)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	q.Author = "virpi"
	if n, err := p.CountChanges(t.Context(), q); n != 1 || err != nil {
		t.Errorf("%d changes by Virpi, %v", n, err)
	}
	r := p.view.Snapshot.Record(*ref("new"))
	for _, field := range []content.Pointer{"/name", "/number"} {
		c, err := p.LastChange(t.Context(), r, field)
		if err != nil || c.Commit != hash["merge"] || c.Kind != content.Overruled { // it decided between the two
			t.Errorf("%s: %v, %v", field, c, err)
		}
	}
	if created, updated := p.Span(r); created.Commit != hash["1"] || updated.Commit == "" {
		t.Errorf("created by %s, updated by %s", created.Commit, updated.Commit)
	}
}

// Who asks for an id is told of each record that had it.
func TestAnIDThatAnotherRecordHadBefore(t *testing.T) {
	x, y := "records/things/x.json", "records/things/y.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{x: `{"name": "first", "number": 1}`, y: `{"name": "other", "number": 7, "open": true}`}},
		{mark: "edit", from: []string{"1"}, author: virpi, message: "Edit", files: map[string]string{x: `{"name": "first", "number": 2}`}},
		{mark: "gone", from: []string{"edit"}, author: eino, message: "Delete", files: map[string]string{x: ""}},
		{mark: "moved", from: []string{"gone"}, message: "y is x", files: map[string]string{y: "", x: `{"name": "other", "number": 7, "open": true}`}},
	})
	_, p := open(t, dir, "")
	want := []string{"CREATED x Aino", "CREATED y Aino", "UPDATED x Virpi", "DELETED x Eino", "RENAMED x Aino"}
	got := toldOf(t, p, content.ChangeQuery{Record: ref("x")})
	slices.Sort(got[:2])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	own := toldOf(t, p, content.ChangeQuery{Record: ref("x"), Own: true})
	if diff := cmp.Diff([]string{"CREATED y Aino", "RENAMED x Aino"}, own); diff != "" {
		t.Errorf("its own (-want +got):\n%s", diff)
	}
	// A rename sets no value.
	if created, updated := p.Span(p.view.Snapshot.Record(*ref("x"))); created.Commit != hash["1"] || updated.Commit != hash["1"] {
		t.Errorf("created by %s, updated by %s", created.Commit, updated.Commit)
	}
	now, by, err := p.Moved(t.Context(), *ref("y"))
	if err != nil || now == nil || now.ID != "x" || by.Commit != hash["moved"] {
		t.Errorf("y is %v by %v, %v", now, by, err)
	}
}

// Who took a value away is named, not the merge that brought it.
func TestLastChangeOfAValueThatIsGone(t *testing.T) {
	x := "records/things/x.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{x: `{"name": "x", "number": 1, "extra": {"a": 1}}`}},
		{mark: "less", branch: "side", from: []string{"1"}, author: eino, message: "Less", files: map[string]string{x: `{"name": "x", "number": 1}`}},
		{mark: "edit", branch: "side", from: []string{"less"}, author: virpi, message: "Edit", files: map[string]string{x: `{"name": "x", "number": 2}`}},
		{mark: "merge", from: []string{"1", "edit"}, message: "Merge side", files: map[string]string{x: `{"name": "x", "number": 2}`}},
		{mark: "later", from: []string{"merge"}, message: "Later", files: map[string]string{x: `{"name": "y", "number": 2}`}},
	})
	_, p := open(t, dir, "")
	r := p.view.Snapshot.Record(*ref("x"))
	for field, want := range map[content.Pointer]string{"/extra": "less", "/extra/a": "less", "/number": "edit", "/name": "later"} {
		c, err := p.LastChange(t.Context(), r, field)
		if err != nil || c == nil || c.Commit != hash[want] {
			t.Errorf("%s: %v, %v; want %s", field, c, err, hash[want])
		}
	}
}

// The commit that renamed a record is named, not the merge that brought it; and somebody
// who wrote a commit too does not approve it.
func TestWhoRenamedAndWhoApproved(t *testing.T) {
	x, y := "records/things/x.json", "records/things/y.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin\n\nApproved-by: " + virpi, files: map[string]string{x: `{"name": "x"}`}},
		{mark: "2", branch: "side", from: []string{"1"}, message: "Rename\n\nCo-authored-by: " + eino + "\nApproved-by: " + eino, files: map[string]string{x: "", y: `{"name": "x"}`}},
		{mark: "3", from: []string{"1", "2"}, author: virpi, message: "Merge side", files: map[string]string{x: "", y: `{"name": "x"}`}},
	})
	_, p := open(t, dir, "")
	if now, by, err := p.Moved(t.Context(), *ref("x")); err != nil || now == nil || now.ID != "y" || by.Commit != hash["2"] {
		t.Errorf("x is %v by %v, %v", now, by, err)
	}
	approved := true
	got := toldOf(t, p, content.ChangeQuery{Record: ref("y"), Approved: &approved})
	if diff := cmp.Diff([]string{"CREATED x Aino"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a facet counts can be asked for.
func TestAFieldAsAFacetNamesIt(t *testing.T) {
	w := newWorld(t, 3, 120)
	_, p := open(t, w.dir, "")
	facets, err := p.FacetChanges(t.Context(), content.ChangeQuery{Collection: "things"}, content.FacetField)
	if err != nil {
		t.Fatal(err)
	}
	all, err := p.CountChanges(t.Context(), content.ChangeQuery{Collection: "things"})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, f := range facets {
		field := content.Pointer(f.Value)
		if !slices.Contains(field.Tokens(), "*") {
			continue
		}
		asked++
		n, err := p.CountChanges(t.Context(), content.ChangeQuery{Collection: "things", Field: &field})
		if err != nil || n < f.Count || n == all { // what lies above it is of it, too
			t.Errorf("%s: %d changes of %d, %v; the facet has %d", field, n, all, err, f.Count)
		}
		narrowed, err := p.FacetChanges(t.Context(), content.ChangeQuery{Collection: "things", Field: &field}, content.FacetField)
		if err != nil || !slices.Contains(narrowed, f) {
			t.Errorf("%s: of its changes %v, %v; want %v among them", field, narrowed, err, f)
		}
	}
	if asked == 0 {
		t.Errorf("this world has %d places in lists", asked)
	}
	nowhere := content.Pointer("/nowhere/*")
	var unknown *content.UnknownFieldError
	if _, err := p.Changes(t.Context(), content.ChangeQuery{Field: &nowhere}); !errors.As(err, &unknown) || unknown.Field != nowhere {
		t.Errorf("%v", err)
	}
}

// One record got two names, and a merge kept both: each value is of who set it, as git
// blame has it.
func TestBlameOfARecordThatAMergeKeptTwice(t *testing.T) {
	x, y, z := "records/things/x.json", "records/things/y.json", "records/things/z.json"
	text := func(name string, number int) string {
		return fmt.Sprintf("{\n\"name\": %q,\n\"number\": %d,\n\"open\": true,\n\"text\": \"a longer text that stays\"\n}\n", name, number)
	}
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{x: text("x", 1)}},
		{mark: "y", from: []string{"1"}, author: eino, message: "y", files: map[string]string{x: "", y: text("y", 1)}},
		{mark: "z", branch: "side", from: []string{"1"}, author: virpi, message: "z", files: map[string]string{x: "", z: text("x", 3)}},
		{mark: "merge", from: []string{"y", "z"}, message: "Merge side, keep both", files: map[string]string{y: text("y", 1), z: text("x", 3)}},
	})
	_, p := open(t, dir, "")
	for id, want := range map[content.ID]map[content.Pointer]string{
		"y": {"/name": "y", "/number": "1", "/open": "1", "/text": "1"},
		"z": {"/name": "1", "/number": "z", "/open": "1", "/text": "1"},
	} {
		fields, err := p.Blame(t.Context(), p.view.Snapshot.Record(*ref(string(id))))
		if err != nil || len(fields) != len(want) {
			t.Fatalf("%v, %v", fields, err)
		}
		for _, f := range fields {
			if f.Change.Commit != hash[want[f.Pointer]] {
				t.Errorf("%s%s: %s %s of %s; want %s", id, f.Pointer, f.Change.Kind, f.Change.Path, f.Change.Commit, hash[want[f.Pointer]])
			}
		}
	}
}

// A merge that was made in a fork has a number of the fork: asked for the pull request that
// brought it here, it is told as well.
func TestAPullRequestHasAllThatItsMergesTookIn(t *testing.T) {
	x := "records/things/x.json"
	thing := func(number int) map[string]string {
		return map[string]string{x: fmt.Sprintf(`{"name": "x", "number": %d}`, number)}
	}
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: thing(1)},
		{mark: "edit", branch: "fork", from: []string{"1"}, message: "Edit", files: thing(2)},
		{mark: "inner", branch: "theirs", from: []string{"1", "edit"}, message: "Merge pull request #2 from fork/edit\n\nEdit", files: thing(2)},
		{mark: "more", branch: "theirs", from: []string{"inner"}, message: "More", files: thing(3)},
		{mark: "outer", from: []string{"1", "more"}, message: "Merge pull request #70 from theirs/main\n\nAll", files: thing(3)},
	})
	_, p := open(t, dir, "")
	for number, want := range map[int][]string{70: {"more", "edit"}, 2: {"edit"}, 3: nil} {
		page, err := p.Changes(t.Context(), content.ChangeQuery{PullRequest: number})
		if err != nil || len(page.Changes) != len(want) {
			t.Fatalf("%d: %d changes, %v", number, len(page.Changes), err)
		}
		for i, c := range page.Changes {
			if c.Commit != hash[want[i]] {
				t.Errorf("%d: %s, want %s", number, c.Commit, want[i])
			}
		}
	}
}

// What a branch deleted is put down to who deleted it.
func TestADeletionIsOfWhoDeleted(t *testing.T) {
	x, y := "records/things/x.json", "records/things/y.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{x: `{"name": "x"}`, y: `{"name": "y"}`}},
		{mark: "gone", branch: "side", from: []string{"1"}, author: eino, message: "Delete", files: map[string]string{x: ""}},
		{mark: "merge", from: []string{"1", "gone"}, author: virpi, message: "Merge side", files: map[string]string{x: ""}},
		{mark: "too", from: []string{"merge"}, message: "Delete y", files: map[string]string{y: ""}},
	})
	_, p := open(t, dir, "")
	page, err := p.Deleted(t.Context(), "things", 1, "")
	if err != nil || len(page.Changes) != 1 || page.Changes[0].Commit != hash["too"] || !page.More {
		t.Fatalf("%v, %v", page, err)
	}
	page, err = p.Deleted(t.Context(), "things", 1, page.Changes[0].Key())
	if err != nil || len(page.Changes) != 1 || page.Changes[0].Commit != hash["gone"] || page.Changes[0].Step != hash["merge"] || page.More {
		t.Fatalf("%v, %v", page, err)
	}
}

// On a branch a record went on under another name, and a new one or another took its old
// one; a merge brought all at once.
func TestWhoCreatedWhatTookANameInsideABranch(t *testing.T) {
	x, y, z := "records/things/x.json", "records/things/y.json", "records/things/z.json"
	text := func(name string) string {
		return fmt.Sprintf(`{"name": %q, "number": 1, "text": "a text of %s that stays as it is", "summary": {"fi": %q}}`, name, name, name)
	}
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{x: text("alpha")}},
		{mark: "2", from: []string{"1"}, author: eino, message: "Another", files: map[string]string{y: text("beta")}},
		{mark: "3", branch: "side", from: []string{"2"}, author: virpi, message: "x is z", files: map[string]string{x: "", z: text("alpha")}},
		{mark: "4", branch: "side", from: []string{"3"}, author: virpi, message: "y is x", files: map[string]string{y: "", x: text("beta")}},
		{mark: "5", branch: "side", from: []string{"4"}, author: virpi, message: "A new y", files: map[string]string{y: text("gamma")}},
		{mark: "6", from: []string{"2", "5"}, message: "Merge side", files: map[string]string{x: text("beta"), y: text("gamma"), z: text("alpha")}},
	})
	_, p := open(t, dir, "")
	for id, want := range map[string]string{"x": "2", "y": "5", "z": "1"} {
		r := p.view.Snapshot.Record(*ref(id))
		created, _ := p.Span(r)
		if created.Commit != hash[want] {
			t.Errorf("%s: created in %q; want %s (%s)", id, created.Commit, hash[want], want)
		}
	}
}
