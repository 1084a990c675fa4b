package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/gitrepo"
)

// visited are the subjects of the commits that a search for a file, which ends nowhere,
// looks at.
func visited(t *testing.T, w *work, l *line, from string, files ...string) []string {
	t.Helper()
	subjects := map[gitrepo.Hash]string{}
	for text := range strings.Lines(w.git("log", "--first-parent", "--reverse", "--format=%T %s", from)) {
		tree, subject, _ := strings.Cut(strings.TrimSpace(text), " ")
		if subjects[gitrepo.Hash(tree)] == "" {
			subjects[gitrepo.Hash(tree)] = subject
		}
	}
	var out []string
	hash := gitrepo.Hash(w.git("rev-parse", from))
	err := l.visit(t.Context(), hash, func() []string { return files }, func(tree *commitTree) (bool, error) {
		out = append(out, subjects[tree.root])
		return false, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A file is looked for where its folder may have become another, and each commit is read
// once, however often is asked and whatever came since.
func TestOnlyWhatMayDifferIsLookedAt(t *testing.T) {
	w := newWork(t)
	for i := range 30 {
		w.write("things/one.json", fmt.Sprintf(`{"name": "One", "number": %d}`, i))
		if i%10 == 5 {
			w.write("schema/kind.json", testKind+strings.Repeat("\n", i))
		}
		w.commit(fmt.Sprint(i))
	}
	l := &line{repo: w.repo(), folders: map[string][]gitrepo.Hash{}}
	expect := func(what, from string, want []string, files ...string) {
		t.Helper()
		if got := visited(t, w, l, from, files...); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	want := []string{"29", "24", "14", "4"} // the newest that have what each folder was
	expect("a file that never was", "main", want, "schema/never.json")
	expect("a folder that never was", "main", want[:1], "never/thing.json")
	expect("folders of two files", "main", want, "never/thing.json", "schema/thing.json")

	// What is known is not read again, also where something came in front of it.
	w.write("schema/kind.json", testKind)
	w.commit("30")
	for _, name := range strings.Fields(w.git("rev-parse", "main~5", "main~5^{tree}", "main~20", "main~20^{tree}")) {
		if err := os.Remove(filepath.Join(w.dir, ".git", "objects", name[:2], name[2:])); err != nil {
			t.Fatal(err)
		}
	}
	l.repo = w.repo()
	looked := 0
	err := l.visit(t.Context(), gitrepo.Hash(w.git("rev-parse", "main")), func() []string { return []string{"schema/never.json"} }, func(*commitTree) (bool, error) {
		looked++
		return false, nil
	})
	if err != nil || looked != 1+len(want) {
		t.Errorf("after a commit: %d looked at, %v", looked, err)
	}
}

// After a forced push, and in a clone that ends somewhere, the line is what it is.
func TestTheLineFollowsItsBranch(t *testing.T) {
	w := newWork(t)
	for i := range 6 {
		w.write("schema/kind.json", testKind+strings.Repeat("\n", i+1))
		w.commit(fmt.Sprint(i))
	}
	l := &line{repo: w.repo(), folders: map[string][]gitrepo.Hash{}}
	check := func(want ...string) {
		t.Helper()
		if got := visited(t, w, l, "main", "schema/never.json"); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	check("5", "4", "3", "2", "1", "0", "first")
	w.git("reset", "-q", "--hard", "HEAD~2")
	check("3", "2", "1", "0", "first")
	w.write("schema/thing.json", "{}")
	w.commit("other")
	check("other", "3", "2", "1", "0", "first")
	w.git("checkout", "-q", "--orphan", "new")
	w.commit("new root")
	w.git("branch", "-M", "main")
	check("new root")

	shallow := &work{t, t.TempDir()}
	shallow.git("clone", "-q", "--depth", "2", "file://"+w.dir, ".")
	w.write("schema/thing.json", "[]")
	w.commit("newer")
	w.write("schema/thing.json", "[1]")
	w.commit("newest")
	shallow.git("fetch", "-q", "--depth", "2")
	shallow.git("reset", "-q", "--hard", "origin/main")
	l = &line{repo: shallow.repo(), folders: map[string][]gitrepo.Hash{}}
	if got := visited(t, shallow, l, "main", "schema/never.json"); !slices.Equal(got, []string{"newest", "newer"}) {
		t.Errorf("shallow: %q", got)
	}
	shallow.git("fetch", "-q", "--unshallow")
	if got := visited(t, shallow, l, "main", "schema/never.json"); !slices.Equal(got, []string{"newest", "newer", "new root"}) {
		t.Errorf("deepened: %q", got)
	}
}

// A schema that never existed makes nothing valid, so nothing is looked for in the past of
// its records but JSON for what is none.
func TestRecordsWithoutASchemaAreNotLookedForInThePast(t *testing.T) {
	w := newWork(t)
	w.write("schema/model.json", strings.Replace(testModel, "schema/thing.json", "schema/never.json", 1))
	w.write("things/two.json", `{"name": "Two"}`)
	w.git("add", "-A")
	w.git("commit", "-q", "--amend", "-m", "never")
	w.write("things/two.json", `{"name": "Twice"}`)
	w.commit("twice")
	w.write("things/two.json", `{"name": `)
	w.commit("broken")
	c := w.open(Config{Ref: "main"})
	one, two := record(c.Current(), "things", "one"), record(c.Current(), "things", "two")
	if one.Valid || one.Stale || !strings.Contains(one.Source, "One") || two.Valid || !two.Stale || !strings.Contains(two.Source, "Twice") {
		t.Errorf("one %+v, two %+v", one, two)
	}
	if n := c.builder.older.Len(); n != 1 {
		t.Errorf("%d files were looked for, want one", n)
	}
	if versions, _ := c.builder.compiler.schemas.Get("schema/never.json"); len(versions) != 1 {
		t.Errorf("it was compiled %d times", len(versions))
	}
}

// A schema may refer to a file elsewhere: where only that is better, it is found.
func TestAnOlderSchemaByWhatItRefersTo(t *testing.T) {
	w := newWork(t)
	w.write("schema/thing.json", `{"type": "object", "properties": {"name": {"$ref": "../common/name.json"}}}`)
	w.write("common/name.json", `{"type": "string", "minLength": 5}`)
	w.commit("good")
	for i := range 3 {
		w.write("common/name.json", fmt.Sprintf(`{"type": %d}`, i))
		w.commit("broken")
	}
	w.write("things/six.json", `{"name": "Six"}`)
	w.commit("six")
	v := w.open(Config{Ref: "main"}).Current()
	if six := record(v, "things", "six"); !v.ModelStale || six.Valid {
		t.Errorf("stale %t, six %+v\n%s", v.ModelStale, six, rules(v))
	}
}
