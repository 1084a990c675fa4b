package history

import (
	"context"
	"testing"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// viewOf reads a revision of a repository as it is served.
func viewOf(t testing.TB, repo *gitrepo.Repo, ref string) *content.View {
	t.Helper()
	cat, err := catalog.Open(t.Context(), catalog.Config{Repo: repo, Ref: ref})
	if err != nil {
		t.Fatal(err)
	}
	return cat.Current()
}

func openRepo(t testing.TB, dir string) *gitrepo.Repo {
	t.Helper()
	repo, err := gitrepo.Open(dir, gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = repo.Close() })
	return repo
}

// open reads the history of a repository's branch main. The cache folder may be "".
func open(t testing.TB, dir, cache string) (*Index, *Past) {
	t.Helper()
	repo := openRepo(t, dir)
	x := Open(Config{Repo: repo, Dir: cache, Model: "schema/model.json"})
	t.Cleanup(func() { _ = x.Close() })
	return x, past(t, x, viewOf(t, repo, "main"))
}

func past(t testing.TB, x *Index, view *content.View) *Past {
	t.Helper()
	if err := x.Extend(t.Context(), view); err != nil {
		t.Fatal(err)
	}
	p, err := x.Past(t.Context(), view)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told makes answers of what a past tells.
type told struct {
	t testing.TB
	*Past
}

func (a told) answer(c content.Change) answer {
	out := answer{
		commit: string(c.Commit), path: c.Path, kind: string(c.Kind), before: string(c.Before), after: string(c.After), unreadable: c.Unreadable,
	}
	if c.Was != nil {
		out.was = c.Was.Path
	}
	var pointers []string
	for _, f := range c.Fields {
		pointers = append(pointers, string(f))
	}
	out.members = membersOf(pointers)
	return out
}

func (a told) changes() []answer {
	page, err := a.Changes(context.Background(), content.ChangeQuery{Formatting: true})
	if err != nil {
		a.t.Fatal(err)
	}
	out := make([]answer, len(page.Changes))
	for i, c := range page.Changes {
		out[i] = a.answer(c)
	}
	return out
}

func (a told) steps() [][]answer {
	page, err := a.Steps(context.Background(), content.ChangeQuery{Formatting: true})
	if err != nil {
		a.t.Fatal(err)
	}
	out := make([][]answer, len(page.Steps))
	for i, s := range page.Steps {
		for _, c := range s.Records {
			out[len(out)-1-i] = append(out[len(out)-1-i], a.answer(c))
		}
	}
	return out
}

// blame gives the step that last changed each member, and holds the blame of the leaves
// against it: a leaf is never newer than the member it lies in.
func (a told) blame(path string) map[string]string {
	ref, ok := a.state.where.match(path)
	if !ok {
		a.t.Fatalf("%q is no record", path)
	}
	r := a.view.Snapshot.Record(ref)
	newest := map[string]int32{}
	out := map[string]string{}
	for i := range r.Root.Kids {
		member := r.Root.Kids[i].Name
		c, err := a.LastChange(context.Background(), r, content.Pointer("").Child(member))
		if err != nil || c == nil {
			a.t.Fatalf("%s: last change of %q: %v, %v", path, member, c, err)
		}
		_, newest[member] = a.find(parseOID(c.Step))
		out[member] = string(c.Step)
	}
	fields, err := a.Blame(context.Background(), r)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, f := range fields {
		if f.Change == nil {
			a.t.Fatalf("%s: nobody set %q", path, f.Pointer)
		}
		if _, number := a.find(parseOID(f.Change.Step)); len(r.Root.Kids) > 0 && number > newest[memberOf(string(f.Pointer))] {
			a.t.Errorf("%s: %q is blamed on a step after the last that changed its member", path, f.Pointer)
		}
	}
	return out
}

func TestIndexIsWhatTheOracleSays(t *testing.T) {
	for seed := range uint64(24) {
		w := newWorld(t, seed, 120)
		_, p := open(t, w.dir, "")
		for _, complaint := range newOracle(t, w.dir, "main", "records/things", "records/notes").check(told{t, p}) {
			t.Errorf("seed %d: %s", seed, complaint)
		}
		if t.Failed() {
			return
		}
	}
}
