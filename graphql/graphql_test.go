package graphql

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/graphql-go/graphql/language/parser"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/koonti/koonti/internal/content"
)

// TestCases runs testdata/*.txtar: model, records, query, answer.
func TestCases(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	if len(paths) < 35 {
		t.Errorf("only %d cases", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			f := loadFixture(t, path)
			var faults []string
			s := newSchema(t, f.model, Config{
				Searcher: fakeSearch{}, Histories: f.histories(t), Proposals: f.proposals(t).orNone(),
				OnInternal: func(err error) { faults = append(faults, err.Error()) },
			})
			if _, ok := f.files["schema.graphql"]; ok {
				f.golden(t, path, "schema.graphql", s.SDL())
				readable(t, s.SDL())
			}
			if f.files["query.graphql"] != "" {
				f.golden(t, path, "answer.json", f.answer(t, s))
			}
			if told := len(faults) > 0; told != (f.files["faults"] != "") {
				t.Errorf("internal: %q", faults)
			}
		})
	}
}

// readable reports an error where graphql-go's parser cannot read an SDL.
func readable(t *testing.T, sdl string) {
	t.Helper()
	if _, err := parser.Parse(parser.ParseParams{Source: sdl}); err != nil {
		t.Errorf("SDL: %v", err)
	}
}

// answer runs the request of a fixture and returns the answer, indented; a line
// before it says how it would go over HTTP.
func (f *fixture) answer(t *testing.T, s *Schema) string {
	t.Helper()
	request := Request{Query: f.files["query.graphql"]}
	if f.files["hide-emails"] == "" {
		request.Actor.Role = content.RoleReader
	}
	if text := f.files["request.json"]; text != "" {
		decodeNumbers(t, text, &request)
	}
	if text := f.files["variables.json"]; text != "" {
		decodeNumbers(t, text, &request.Variables)
	}
	first := s.Do(context.Background(), f.view, f.at, request)
	s.config.Proposals = f.proposals(t).orNone() // mutations are done but once
	second := s.Do(context.Background(), f.view, f.at, request)
	if !bytes.Equal(first.Body, second.Body) {
		t.Errorf("two answers:\n%s\n%s", first.Body, second.Body)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, first.Body, "", "  "); err != nil {
		t.Fatalf("%v: %s", err, first.Body)
	}
	if executed := bytes.Contains(first.Body, []byte(`"data":`)); executed != first.Executed {
		t.Errorf("executed %v: %s", first.Executed, first.Body)
	}
	return out.String() + "\n"
}

func decodeNumbers(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// golden compares with a file of the archive, or rewrites it.
func (f *fixture) golden(t *testing.T, path, name, got string) {
	t.Helper()
	if !*update {
		if diff := cmp.Diff(f.files[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		return
	}
	found := false
	for i := range f.archive.Files {
		if f.archive.Files[i].Name == name {
			f.archive.Files[i].Data, found = []byte(got), true
		}
	}
	if !found {
		f.archive.Files = append(f.archive.Files, txtar.File{Name: name, Data: []byte(got)})
	}
	if err := os.WriteFile(path, txtar.Format(f.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

var _ Revisions = revisionMap{}

func TestNewSchemaNamesTheType(t *testing.T) {
	m := &content.Model{Path: "schema/model.json", Collections: []*content.Collection{
		{Name: "a", Type: "Same", Root: &content.Shape{Kind: content.ShapeObject}},
		{Name: "b", Type: "Same", Root: &content.Shape{Kind: content.ShapeObject}},
	}}
	if _, err := NewSchema(m, Config{}); err == nil || !strings.Contains(err.Error(), `"Same"`) {
		t.Errorf("error %v", err)
	}
}
