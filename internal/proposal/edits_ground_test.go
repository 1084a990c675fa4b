package proposal

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// ground is a real repository, written by the real git program, that edits are made on.
type ground struct {
	t       testing.TB
	dir     string
	catalog *catalog.Catalog
}

// groundFiles are what a ground begins with.
var groundFiles = map[string]string{
	"schema/model.json": `{"languages": ["fi", "sv"], "collections": [
  {"name": "themes", "type": "Theme", "schema": "schema/theme.json", "path": "themes/{id}.json", "title": "/name",
   "references": {"/parent": {"collection": "themes"}}},
  {"name": "projects", "type": "Project", "schema": "schema/project.json", "path": "projects/{id}.json", "title": "/name", "localized": ["/name"],
   "references": {"/themes/*": {"collection": "themes"}, "/parts/*/theme": {"collection": "themes"}, "/town": {"collection": "towns"}},
   "keys": {"/parts": "theme"}, "files": {"/file": "files"}},
  {"name": "towns", "type": "Town", "schema": "schema/town.json", "path": "towns/{id}.json", "id": "/code"},
  {"name": "notes", "type": "Note", "schema": "schema/note.json", "path": "notes/*/{id}.json"}
]}`,
	"schema/theme.json": `{"type": "object", "properties": {"name": {"type": "string"}, "parent": {"type": "string"}}}`,
	"schema/project.json": `{"type": "object", "properties": {
  "name": {"type": "object", "properties": {"fi": {"type": "string"}, "sv": {"type": "string"}}},
  "themes": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
  "parts": {"type": "array", "items": {"type": "object", "properties": {"theme": {"type": "string"}, "share": {"type": "number"}}}},
  "town": {"type": "integer"}, "grant": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}},
  "extra": {"type": "object"}, "file": {"type": "string"}}}`,
	"schema/town.json": `{"type": "object", "properties": {"code": {"type": "integer"}, "name": {"type": "string"}}}`,
	"schema/note.json": `{"type": "object", "properties": {"text": {"type": "string"}}}`,
	"themes/a.json":    "{\n  \"name\": \"A\"\n}\n",
	"themes/b.json":    "{\n  \"name\": \"B\",\n  \"parent\": \"a\"\n}\n",
	"projects/x.json": "{\n  \"name\": {\n    \"fi\": \"Iksi\"\n  },\n  \"themes\": [\n    \"b\",\n    \"a\"\n  ],\n  \"parts\": [\n    {\n      \"theme\": \"a\",\n      \"share\": 0.50\n    }\n  ],\n" +
		"  \"town\": 91,\n  \"file\": \"x.pdf\"\n}\n",
	"projects/hand.json": "{\"name\": {\"fi\": \"Käsin\"},\n      \"themes\" : [\"a\"],   \"grant\": 1.50,\n      \"tags\": []}",
	"towns/91.json":      "{\n  \"code\": 91,\n  \"name\": \"Helsinki\"\n}\n",
	"notes/one/n.json":   "{\n  \"text\": \"n\"\n}\n",
	"files/x.pdf":        "%PDF-1.7 x",
	"files/spare.pdf":    "%PDF-1.7 spare",
}

func newGround(t testing.TB, files map[string]string) *ground {
	t.Helper()
	g := &ground{t: t, dir: t.TempDir()}
	g.git("init", "-q", "-b", "main")
	g.git("config", "user.name", "Test")
	g.git("config", "user.email", "test@example.org")
	g.write(groundFiles)
	g.commit(files)
	return g
}

func (g *ground) git(args ...string) string {
	g.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = g.dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := c.CombinedOutput()
	if err != nil {
		g.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (g *ground) write(files map[string]string) {
	g.t.Helper()
	for name, text := range files {
		file := filepath.Join(g.dir, filepath.FromSlash(name))
		err := os.Remove(file)
		if text != "" {
			err = errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), 0o666))
		}
		if err != nil {
			g.t.Fatal(err)
		}
	}
}

// commit writes files, "" for none, and returns the commit that has them.
func (g *ground) commit(files map[string]string) string {
	g.t.Helper()
	g.write(files)
	g.git("add", "-A")
	g.git("commit", "-q", "--allow-empty", "-m", "change")
	return g.git("rev-parse", "HEAD")
}

// world is the catalog of the repository as it is now.
func (g *ground) world() *ground {
	g.t.Helper()
	if g.catalog == nil {
		repo, err := gitrepo.Open(g.dir, gitrepo.Config{})
		if err != nil {
			g.t.Fatal(err)
		}
		g.t.Cleanup(func() { _ = repo.Close() })
		if g.catalog, err = catalog.Open(context.Background(), catalog.Config{Repo: repo, Ref: "refs/heads/main"}); err != nil {
			g.t.Fatal(err)
		}
	}
	if _, err := g.catalog.Reload(context.Background()); err != nil {
		g.t.Fatal(err)
	}
	return g
}

// At makes a ground a Content.
func (g *ground) At(ctx context.Context, revision string) (*content.View, error) {
	return g.catalog.At(ctx, revision)
}

// Own makes a ground a Content.
func (g *ground) Own(ctx context.Context, commit content.Hash) (*content.View, error) {
	return g.catalog.At(ctx, string(commit))
}

// head is the view of the newest commit.
func (g *ground) head() *content.View {
	g.t.Helper()
	view, err := g.world().At(context.Background(), "main")
	if err != nil {
		g.t.Fatal(err)
	}
	return view
}

// apply makes edits on the newest commit.
func (g *ground) apply(edits ...content.Edit) (map[string]string, error) {
	g.t.Helper()
	base := g.head()
	files, err := applyEdits(context.Background(), g, base, edits)
	out := map[string]string{}
	for path, data := range files {
		out[path] = string(data)
		if data != nil && len(data) == 0 {
			g.t.Errorf("%s is empty and not gone", path)
		}
	}
	return out, err
}

// editRefused asserts that err is a refusal for a reason that says all of words.
func editRefused(t testing.TB, err error, reason content.RefusalReason, words ...string) *content.Refusal {
	t.Helper()
	var refusal *content.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("not refused: %v", err)
	}
	if refusal.Reason != reason {
		t.Errorf("refused as %s, not %s: %s", refusal.Reason, reason, refusal.Message)
	}
	for _, w := range words {
		if !strings.Contains(refusal.Message, w) {
			t.Errorf("the message does not say %q: %s", w, refusal.Message)
		}
	}
	return refusal
}

func editRef(s string) content.Ref {
	collection, id, _ := strings.Cut(s, "/")
	return content.Ref{Collection: content.CollectionName(collection), ID: content.ID(id)}
}

func putEdit(record, document string) content.Edit {
	return content.Edit{Kind: content.EditPut, Ref: editRef(record), Document: document}
}

func patchEdit(record, patch string) content.Edit {
	return content.Edit{Kind: content.EditPatch, Ref: editRef(record), Patch: patch}
}

func renameEdit(record, to string, carry bool) content.Edit {
	return content.Edit{Kind: content.EditRename, Ref: editRef(record), To: content.ID(to), Carry: carry}
}

func deleteEdit(record string) content.Edit {
	return content.Edit{Kind: content.EditDelete, Ref: editRef(record)}
}

func sortedPaths(files map[string]string) []string { return slices.Sorted(maps.Keys(files)) }
