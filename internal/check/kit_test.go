package check

import (
	"flag"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/content"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// tree is a repository of files by path.
type tree map[string]string

func (t tree) read(name string) (string, error) {
	text, ok := t[name]
	if !ok {
		return "", fmt.Errorf("read %s: %w", name, content.ErrNotFound)
	}
	return text, nil
}

// thingsModel is the model of a tree that has none of its own.
const thingsModel = `{"collections": [{"name": "things", "type": "Thing", "schema": "schema.json", "path": "things/{id}.json"}]}`

// report is what every part of the package says of one tree.
type report struct {
	model    *content.Model
	schemas  map[content.CollectionName]*Schema
	checker  *Checker
	problems []content.Problem
}

// examineTree does with t what the catalog does with a commit.
func examineTree(t tree) report {
	r := report{schemas: map[content.CollectionName]*Schema{}}
	source, ok := t["model.json"]
	if !ok {
		source = thingsModel
	}
	note := func(p []content.Problem) { r.problems = append(r.problems, p...) }
	var problems []content.Problem
	r.model, problems = ReadModel("model.json", source)
	note(problems)
	if r.model == nil {
		return r
	}
	for _, c := range r.model.Collections {
		r.schemas[c.Name], problems = CompileSchema(c.Schema, t.read)
		note(problems)
	}
	r.checker, problems = NewChecker(r.model, r.schemas)
	note(problems)
	if source, ok := t["owners.json"]; ok {
		owners, problems := ReadOwners("owners.json", source)
		note(problems)
		if owners != nil {
			note(r.checker.Owners(owners))
		}
	}
	var entries []Entry
	var files []content.File
	for name := range t {
		entries = append(entries, Entry{Path: name})
		files = append(files, content.File{Path: name})
	}
	located, problems := Entries(r.model, entries)
	note(problems)
	records := map[content.CollectionName][]*content.Record{}
	for _, l := range located {
		source := t[l.Path]
		root, problems := r.checker.Document(l.Ref, l.Path, source)
		note(problems)
		if root != nil {
			records[l.Collection] = append(records[l.Collection], &content.Record{
				Ref: l.Ref, Path: l.Path, Document: &content.Document{Source: source, Root: root}, Valid: len(problems) == 0,
			})
		}
	}
	note(r.checker.Whole(content.NewSnapshot(nil, records, files)))
	r.problems = content.SortProblems(r.problems)
	return r
}

// thing checks one record of a tree that has a schema only.
func thing(t testing.TB, schema, record string) []content.Problem {
	t.Helper()
	return document(t, tree{"schema.json": schema}, record)
}

// document checks record as a thing of files, whose schema must compile.
func document(t testing.TB, files tree, record string) []content.Problem {
	t.Helper()
	s, problems := CompileSchema("schema.json", files.read)
	if s == nil {
		t.Fatalf("the schema does not compile:\n%s", listing(problems))
	}
	m, _ := ReadModel("model.json", thingsModel)
	c, _ := NewChecker(m, map[content.CollectionName]*Schema{"things": s})
	_, problems = c.Document(content.Ref{Collection: "things", ID: "one"}, "things/one.json", record)
	return problems
}

// listing writes problems as the golden files have them.
func listing(problems []content.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s:%d:%d %q %s", p.Path, p.Line, p.Column, string(p.Pointer), p.Rule)
		if p.SchemaPointer != "" {
			fmt.Fprintf(&b, " by %s", p.SchemaPointer)
		}
		b.WriteByte('\n')
		for _, lang := range content.MessageLanguages {
			fmt.Fprintf(&b, "  %s: %s\n", lang, p.Messages[lang])
		}
	}
	return b.String()
}

// brief writes problems as "line:column pointer rule", one a line.
func brief(problems []content.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%d:%d %s %s\n", p.Line, p.Column, p.Pointer, p.Rule)
	}
	return b.String()
}

// rules returns the rules broken, in order.
func rules(problems []content.Problem) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Rule)
	}
	return list
}

func sortedNames(t tree) []string {
	var names []string
	for name := range t {
		names = append(names, path.Clean(name))
	}
	slices.Sort(names)
	return names
}
