package search

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/koonti/koonti/internal/content"
)

// world is a repository in memory: paths and texts, as a commit has them.
type world map[string]string

const smallModel = `{"languages": ["fi", "sv", "en"], "collections": [
  {"name": "notes", "type": "Note", "schema": "schema/note.json", "path": "notes/{id}.json", "title": "/name",
   "localized": ["/name", "/body", "/aims/*"], "references": {"/about": {"collection": "people"}}},
  {"name": "people", "type": "Person", "schema": "schema/person.json", "path": "people/{id}.json", "title": "/name"}
]}`

const smallNote = `{"type": "object", "properties": {
  "name": {"type": "object"}, "body": {"type": "object"}, "aims": {"type": "array", "items": {"type": "object"}},
  "tags": {"type": "array", "items": {"type": "string"}},
  "parts": {"type": "array", "items": {"type": "object", "properties": {"heading": {"type": "string"}, "count": {"type": "integer"}}}},
  "kind": {"type": "string", "enum": ["secretkind", "otherkind"]}, "link": {"type": "string", "format": "uri"},
  "day": {"type": "string", "format": "date"}, "about": {"type": "string"}, "fields": {"type": "array", "items": {"type": "string"}}}}`

const smallPerson = `{"type": "object", "properties": {"name": {"type": "string"}, "bio": {"type": "string"}}}`

// notes makes a world of the small model; each note is its JSON by id.
func notes(records map[string]string) world {
	w := world{"schema/model.json": smallModel, "schema/note.json": smallNote, "schema/person.json": smallPerson}
	for id, text := range records {
		w["notes/"+id+".json"] = text
	}
	return w
}

// fi, sv, en make a note with a name and a body in that language.
func note(lang, name, body string) string {
	text, _ := json.Marshal(map[string]any{"name": map[string]string{lang: name}, "body": map[string]string{lang: body}})
	return string(text)
}

// digest is part of the real content.
func digest(t testing.TB) world {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/digest.txtar")
	if err != nil {
		t.Fatal(err)
	}
	w := world{}
	for _, f := range archive.Files {
		w[f.Name] = string(f.Data)
	}
	return w
}

// with returns w with some files changed; an empty text removes the file.
func (w world) with(files map[string]string) world {
	next := maps.Clone(w)
	for name, text := range files {
		if next[name] = text; text == "" {
			delete(next, name)
		}
	}
	return next
}

func parseJSON(t testing.TB, name, text string) *content.Value {
	t.Helper()
	v, err := content.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func (w world) model(t testing.TB) *content.Model {
	t.Helper()
	m, err := content.DecodeModel("schema/model.json", parseJSON(t, "model", w["schema/model.json"]))
	if err != nil {
		t.Fatal(err)
	}
	schemas := content.Schemas{}
	for name, text := range w {
		if path.Dir(name) == "schema" {
			schemas[name] = parseJSON(t, name, text)
		}
	}
	by := map[content.CollectionName]content.Schemas{}
	for _, c := range m.Collections {
		by[c.Name] = schemas
	}
	content.DeriveShapes(m, by)
	return m
}

// view is what a catalog would serve of w; snapshot and model are new each time.
func (w world) view(t testing.TB) *content.View {
	t.Helper()
	m := w.model(t)
	records := map[content.CollectionName][]*content.Record{}
	for _, name := range slices.Sorted(maps.Keys(w)) {
		c, id := m.Match(name)
		if c == nil {
			continue
		}
		r := &content.Record{
			Ref: content.Ref{Collection: c.Name, ID: id}, Path: name, Valid: true,
			Document: &content.Document{Blob: blob(w[name]), Source: w[name], Root: parseJSON(t, name, w[name])},
		}
		records[c.Name] = append(records[c.Name], r)
	}
	return &content.View{Model: m, Snapshot: content.NewSnapshot(nil, records, nil)}
}

func blob(text string) content.Hash {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text))
	return content.Hash(hex.EncodeToString(sum[:]))
}

func openIndex(t testing.TB, dir string) *Index {
	t.Helper()
	x, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func ensure(t testing.TB, x *Index, v *content.View) {
	t.Helper()
	if err := x.Ensure(context.Background(), v); err != nil {
		t.Fatal(err)
	}
}

// ids are "id" of the hits, or "collection/id" outside notes, best first.
func ids(hits []Hit) []string {
	list := []string{}
	for _, h := range hits {
		list = append(list, strings.TrimPrefix(h.Record.Ref.String(), "notes/"))
	}
	return list
}

func find(t testing.TB, x *Index, v *content.View, q Query) []string {
	t.Helper()
	hits, err := x.Search(context.Background(), v, q)
	if err != nil {
		t.Fatalf("search %q: %v", q.Text, err)
	}
	return ids(hits)
}
