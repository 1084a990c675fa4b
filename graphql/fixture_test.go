package graphql

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/koonti/koonti/internal/content"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// fixture is what a txtar archive holds: a model with its schemas, views of
// records, and a request. A line "base: NAME" in its comment takes in the files of
// testdata/base/NAME.txtar first. "history.json" is what led to the views (see
// fakeHistories); a file "hide-emails" keeps addresses back.
type fixture struct {
	archive *txtar.Archive
	files   map[string]string
	model   *content.Model
	view    *content.View
	at      revisionMap
}

// revisionMap has the views of revisions; others are not found.
type revisionMap map[string]*content.View

func (m revisionMap) At(_ context.Context, revision string) (*content.View, error) {
	if v, ok := m[revision]; ok {
		return v, nil
	}
	switch revision {
	case "secret":
		return nil, fmt.Errorf("%q is not open to all: %w", revision, content.ErrForbidden)
	case "broken":
		return nil, fmt.Errorf("read pack /srv/git/objects: %w", os.ErrPermission)
	case "panic":
		panic("the pack is gone")
	case "slow":
		return nil, fmt.Errorf("the clone is shallow; fetch more of it: %w", content.ErrUnavailable)
	}
	return nil, fmt.Errorf("there is no revision %q; did you mean main?: %w", revision, content.ErrNotFound)
}

func loadFixture(t testing.TB, path string) *fixture {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{archive: archive, files: map[string]string{}, at: revisionMap{}}
	for line := range strings.Lines(string(archive.Comment)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "base: "); ok {
			base, err := txtar.ParseFile(filepath.Join("testdata", "base", name+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			f.take(base)
		}
	}
	f.take(archive)
	f.build(t)
	return f
}

func (f *fixture) take(archive *txtar.Archive) {
	for _, file := range archive.Files {
		f.files[file.Name] = string(file.Data)
	}
}

func (f *fixture) build(t testing.TB) {
	t.Helper()
	f.model = newModel(t, f.files)
	f.view = newView(t, f.model, f.files, "")
	for name := range f.files {
		if rest, ok := strings.CutPrefix(name, "at/"); ok {
			revision, _, _ := strings.Cut(rest, "/")
			if f.at[revision] == nil {
				f.at[revision] = newView(t, f.model, f.files, "at/"+revision+"/")
			}
		}
	}
}

func parse(t testing.TB, name, text string) *content.Value {
	t.Helper()
	v, err := content.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// newModel makes a model of "model.json" and the schemas it names.
func newModel(t testing.TB, files map[string]string) *content.Model {
	t.Helper()
	m, err := content.DecodeModel("schema/model.json", parse(t, "model.json", files["model.json"]))
	if err != nil {
		t.Fatal(err)
	}
	schemas := content.Schemas{}
	for name, text := range files {
		if strings.HasPrefix(name, "schema/") {
			schemas[name] = parse(t, name, text)
		}
	}
	byCollection := map[content.CollectionName]content.Schemas{}
	for _, c := range m.Collections {
		byCollection[c.Name] = schemas
	}
	if clashes := content.DeriveShapes(m, byCollection); len(clashes) > 0 && files["clashes"] == "" {
		t.Fatalf("clashes: %v", clashes)
	}
	m.Key = hashOf(files["model.json"])
	return m
}

func hashOf(text string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text))
	return hex.EncodeToString(sum[:])
}

// marks are what a view says of a record beside its bytes, by path.
type marks map[string]struct {
	Invalid, Stale, Uncommitted bool
	From                        content.Hash
}

// newView makes a view of the records below prefix. "view.json" holds marks and
// problems.
func newView(t testing.TB, m *content.Model, files map[string]string, prefix string) *content.View {
	t.Helper()
	var said struct {
		Commit   content.Hash
		Ref      string
		Stale    bool
		Marks    marks
		Problems []content.Problem
	}
	if text := files[prefix+"view.json"]; text != "" {
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			t.Fatal(err)
		}
	}
	records := map[content.CollectionName][]*content.Record{}
	var attached []content.File
	for name, text := range files {
		path, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if m.Attached(path) {
			attached = append(attached, content.File{Path: path, Blob: content.Hash(hashOf(text)), Size: int64(len(text))})
		}
		if c, id := m.Match(path); c != nil {
			r := newRecord(t, c, id, path, text)
			mark := said.Marks[path]
			r.Valid, r.Stale, r.Uncommitted, r.From = !mark.Invalid, mark.Stale, mark.Uncommitted, mark.From
			records[c.Name] = append(records[c.Name], r)
		}
	}
	v := &content.View{
		Key: "view-" + string(said.Commit), Commit: said.Commit, Ref: said.Ref, Model: m, ModelStale: said.Stale,
		Snapshot: content.NewSnapshot(nil, records, attached), Problems: content.SortProblems(said.Problems),
	}
	if said.Commit != "" {
		v.CommittedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7200))
		v.Published = v.CommittedAt.Add(time.Minute)
	}
	return v
}

func newRecord(t testing.TB, c *content.Collection, id content.ID, path, text string) *content.Record {
	t.Helper()
	return &content.Record{
		Ref: content.Ref{Collection: c.Name, ID: id}, Path: path, Valid: true,
		Document: &content.Document{Blob: content.Hash(hashOf(text)), Source: text, Root: parse(t, path, text)},
	}
}

func newSchema(t testing.TB, m *content.Model, config Config) *Schema {
	t.Helper()
	if config.OnInternal == nil {
		config.OnInternal = func(err error) { t.Errorf("internal: %v", err) }
	}
	s, err := NewSchema(m, config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask answers a query that must have no errors, decoded.
func ask(t testing.TB, s *Schema, view *content.View, query string, variables map[string]any) map[string]any {
	t.Helper()
	response := s.Do(context.Background(), view, nil, Request{Query: query, Variables: variables})
	if response.Code != "" {
		t.Fatalf("%s\nanswers %s", query, response.Body)
	}
	var body struct{ Data map[string]any }
	decoder := json.NewDecoder(bytes.NewReader(response.Body))
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		t.Fatalf("%v: %s", err, response.Body)
	}
	return body.Data
}
