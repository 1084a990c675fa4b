package catalog

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// work is a real repository with a work tree, written by the real git program.
type work struct {
	t   testing.TB
	dir string
}

const (
	testModel = `{"languages": ["en"], "collections": [
  {"name": "kinds", "type": "Kind", "schema": "schema/kind.json", "path": "kinds/{id}.json", "title": "/name"},
  {"name": "things", "type": "Thing", "schema": "schema/thing.json", "path": "things/{id}.json", "title": "/name",
   "references": {"/kind": {"collection": "kinds", "inverse": "things"}}, "unique": ["/number"], "files": {"/file": "files"}}
]}`
	testKind  = `{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}, "additionalProperties": false}`
	testThing = `{"type": "object", "required": ["name"], "properties": {
  "name": {"type": "string", "minLength": %d}, "kind": {"type": "string"}, "number": {"type": "integer"}, "file": {"type": "string"}},
  "additionalProperties": false}`
)

func newWork(t testing.TB) *work {
	t.Helper()
	w := &work{t, t.TempDir()}
	w.git("init", "-q", "-b", "main")
	w.git("config", "user.name", "Test")
	w.git("config", "user.email", "test@example.org")
	w.write("schema/model.json", testModel)
	w.write("schema/kind.json", testKind)
	w.write("schema/thing.json", fmt.Sprintf(testThing, 1))
	w.write("kinds/a.json", `{"name": "A"}`)
	w.write("things/one.json", `{"name": "One", "kind": "a", "number": 1}`)
	w.commit("first")
	return w
}

func (w *work) git(args ...string) string {
	w.t.Helper()
	out, err := w.tryGit(args...)
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (w *work) tryGit(args ...string) (string, error) {
	c := exec.Command("git", args...)
	c.Dir = w.dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (w *work) commit(message string) string {
	w.t.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", message)
	return w.git("rev-parse", "HEAD")
}

func (w *work) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

// write saves a file as editors do: a new file, renamed onto the old.
func (w *work) write(name, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o777); err != nil {
		w.t.Fatal(err)
	}
	temporary := w.path(name) + "~"
	if err := os.WriteFile(temporary, []byte(text), 0o666); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(temporary, w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *work) remove(name string) {
	w.t.Helper()
	if err := os.Remove(w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *work) repo() *gitrepo.Repo {
	w.t.Helper()
	repo, err := gitrepo.Open(w.dir, gitrepo.Config{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { repo.Close() })
	return repo
}

func (w *work) open(cfg Config) *Catalog {
	w.t.Helper()
	cfg.Repo = w.repo()
	c, err := Open(context.Background(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// run follows changes until the test ends.
func (w *work) run(c *Catalog) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

// eventually waits until what holds, or fails with what it said last.
func eventually(t *testing.T, what func() string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		complaint := what()
		if complaint == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after 15 s: %s", complaint)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// flat is a record in the form that tests compare.
type flat struct {
	Ref, Path, Blob, Source   string
	Valid, Stale, Uncommitted bool
	From                      string
}

// shown is a view in the form that tests compare: all that a client can see.
type shown struct {
	Key, Commit, Ref, Model string
	ModelStale              bool
	Records                 []flat
	Files                   []content.File
	Problems                []content.Problem
}

func show(v *content.View) shown {
	s := shown{Key: v.Key, Commit: string(v.Commit), Ref: v.Ref, Model: v.Model.Key, ModelStale: v.ModelStale, Problems: v.Problems}
	for _, c := range v.Model.Collections {
		for r := range v.Snapshot.Set(c.Name).All() {
			s.Records = append(s.Records, flat{r.Ref.String(), r.Path, string(r.Blob), r.Source, r.Valid, r.Stale, r.Uncommitted, string(r.From)})
		}
	}
	for f := range v.Snapshot.Files() {
		s.Files = append(s.Files, f)
	}
	return s
}

func same(t testing.TB, what string, got, want *content.View) {
	t.Helper()
	if diff := cmp.Diff(show(want), show(got)); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func record(v *content.View, collection, id string) *content.Record {
	return v.Snapshot.Record(content.Ref{Collection: content.CollectionName(collection), ID: content.ID(id)})
}

func reload(t *testing.T, c *Catalog) *content.View {
	t.Helper()
	if _, err := c.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	return c.Current()
}
