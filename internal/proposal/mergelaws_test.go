package proposal

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// side makes random edits of the records of the work tree, in the words of path and text;
// what it names is its own, so that the two sides meet in some records and not in others.
type editor struct {
	random *rand.Rand
	name   string
	n      int
}

func (e *editor) edit(files map[string]string) {
	paths := make([]string, 0, len(files))
	for i := range 3 {
		if path := fmt.Sprintf("things/r%d.json", i); files[path] != "" {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return
	}
	path := paths[e.random.IntN(len(paths))]
	e.n++
	set := func(member, value string) {
		v, _ := content.Parse(files[path])
		out := &content.Value{Kind: content.Object}
		added, _ := content.Parse(value)
		added.Name = member
		done := false
		for i := range v.Kids {
			if v.Kids[i].Name == member {
				if done = true; value != "null" { // which removes it
					out.Kids = append(out.Kids, *added)
				}
				continue
			}
			out.Kids = append(out.Kids, v.Kids[i])
		}
		if !done && value != "null" {
			out.Kids = append(out.Kids, *added)
		}
		files[path] = content.Format(out, nil, nil)
	}
	switch e.random.IntN(10) {
	case 0, 1:
		set("a", fmt.Sprint(e.random.IntN(3)))
	case 2, 3:
		set("b", fmt.Sprint(e.random.IntN(3)))
	case 4:
		set("tags", fmt.Sprintf(`["x", %q]`, e.name))
	case 5:
		set("parts", fmt.Sprintf(`[{"code": "p", "n": %d}, {"code": %q}]`, e.random.IntN(2), e.name))
	case 6:
		files[fmt.Sprintf("things/%s%d.json", e.name, e.n)] = files[path]
		delete(files, path)
	case 7:
		if e.random.IntN(3) == 0 {
			delete(files, path)
		}
	case 8:
		set("b", "null")
	case 9: // where the other side may put something too
		if shared := "things/shared.json"; files[shared] == "" && e.random.IntN(2) == 0 {
			files[shared] = files[path]
			delete(files, path)
		}
	}
}

// tree writes a tree of base's files with others in the place of the records.
func (w *world) tree(base gitrepo.Hash, before, after map[string]string) gitrepo.Hash {
	w.t.Helper()
	ctx := context.Background()
	var changes []gitrepo.TreeChange
	for path := range before {
		if _, stays := after[path]; !stays {
			changes = append(changes, gitrepo.TreeChange{Path: path})
		}
	}
	for path, text := range after {
		blob, err := w.repo.WriteBlob(ctx, []byte(text))
		if err != nil {
			w.t.Fatal(err)
		}
		changes = append(changes, gitrepo.TreeChange{Path: path, Entry: gitrepo.Entry{Mode: gitrepo.File, Hash: blob}})
	}
	tree, err := w.repo.WriteTree(ctx, base, changes)
	if err != nil {
		w.t.Fatal(err)
	}
	return tree
}

func copied(files map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range files {
		out[k] = v
	}
	return out
}

// Who is ours and who is theirs makes no difference to what is merged, nor to what is a
// conflict; and what was merged brings nothing when it is merged again.
func TestMergingIsSymmetricAndIdempotent(t *testing.T) {
	w := newWorld(t).open()
	ctx := context.Background()
	view := w.catalog.Current()
	empty := gitrepo.Hash(w.git("rev-parse", "main^{tree}"))
	clean, conflicting := 0, 0
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		before := map[string]string{}
		for i := range 3 {
			before[fmt.Sprintf("things/r%d.json", i)] = thing(fmt.Sprintf(`"name": "Record %d", "theme": "t%d", "a": 1, "b": 1, "tags": ["x"], "list": [%d, %d], "parts": [{"code": "p", "n": 1}]`, i, i, i, i*7))
		}
		base := w.tree(empty, nil, before)
		var sides [2]gitrepo.Hash
		for i := range sides {
			e, files := &editor{random: random, name: []string{"ours", "theirs"}[i]}, copied(before)
			for range 1 + random.IntN(4) {
				e.edit(files)
			}
			sides[i] = w.tree(base, before, files)
		}
		merge := func(ours, theirs gitrepo.Hash) (gitrepo.Hash, []string) {
			j := &joining{repo: w.repo, model: view.Model, used: map[place]bool{}}
			m, err := j.merge(ctx, []gitrepo.Hash{base}, ours, theirs)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			var conflicts []string
			for _, c := range m.conflicts {
				conflicts = append(conflicts, string(c.Field)+" "+valueText(c.Base))
			}
			var changes []gitrepo.TreeChange
			for path, entry := range m.files {
				changes = append(changes, gitrepo.TreeChange{Path: path, Entry: entry})
			}
			tree, err := w.repo.WriteTree(ctx, ours, changes)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			return tree, conflicts
		}
		there, conflicts := merge(sides[0], sides[1])
		back, mirrored := merge(sides[1], sides[0])
		if len(conflicts) != len(mirrored) {
			t.Errorf("seed %d: conflicts %q, and %q the other way round", seed, conflicts, mirrored)
			continue
		}
		if len(conflicts) > 0 {
			conflicting++
			continue
		}
		clean++
		if diff := cmp.Diff(w.canonical(there), w.canonical(back)); diff != "" {
			t.Errorf("seed %d: merged otherwise the other way round:\n%s", seed, diff)
		}
		again, conflicts := merge(there, sides[1])
		if again != there || len(conflicts) > 0 {
			t.Errorf("seed %d: merging again gives %s with the conflicts %q, want %s", seed, again, conflicts, there)
		}
	}
	if clean < 100 || conflicting < 40 {
		t.Errorf("%d merged, %d with conflicts: the sides prove too little", clean, conflicting)
	}
}

// canonical are the records of a tree, members in the order of their names.
func (w *world) canonical(tree gitrepo.Hash) map[string]string {
	w.t.Helper()
	ctx := context.Background()
	files := map[string]string{}
	all := func(string) bool { return true }
	found, err := w.repo.Compare(ctx, tree, nil, all, all)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range found {
		if !strings.HasPrefix(f.Path, "things/") {
			continue
		}
		data, err := w.repo.Blob(ctx, f.After.Hash)
		if err != nil {
			w.t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			w.t.Fatal(err)
		}
		compact, _ := json.Marshal(v)
		files[f.Path] = string(compact)
	}
	return files
}
