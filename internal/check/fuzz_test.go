package check

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// Whatever the schema and the record are, there is a verdict: the same each time,
// sorted, bounded, and each problem whole.
func FuzzDocument(f *testing.F) {
	for _, archive := range archivesOf(f) {
		files, _ := unpack(archive)
		for _, name := range sortedNames(files) {
			f.Add(files["schema.json"], files[name])
		}
	}
	schema, record := record2kB()
	f.Add(schema, record)
	f.Add(`{"$ref": "#/$defs/a", "$defs": {"a": {"$id": "x", "$anchor": "b", "oneOf": [{"$ref": "#b"}, {"$dynamicRef": "#b"}]}}}`, `[1e2000000]`)
	f.Add(`{"$schema": "http://json-schema.org/draft-04/schema", "id": "#", "dependencies": {"a": ["b"]}, "pattern": "(?=a)"}`, `{"a": {"a": 1}}`)
	f.Fuzz(func(t *testing.T, schema, record string) {
		files := tree{"schema.json": schema, "things/one.json": record}
		first := examineTree(files).problems
		if diff := cmp.Diff(listing(first), listing(examineTree(files).problems)); diff != "" {
			t.Fatal(diff)
		}
		wholeProblems(t, files, first)
	})
}

func FuzzReadModel(f *testing.F) {
	for _, archive := range archivesOf(f) {
		files, _ := unpack(archive)
		f.Add(files["model.json"], files["schema.json"])
	}
	f.Add(thingsModel, `{"type": "array", "items": {"properties": {"a": {"enum": ["a", "A"]}}}}`)
	f.Fuzz(func(t *testing.T, model, schema string) {
		files := tree{"model.json": model, "schema.json": schema, "s.json": schema, "project.json": schema}
		r := examineTree(files)
		if r.model == nil && len(r.problems) == 0 {
			t.Fatal("no model, and nobody says why")
		}
		wholeProblems(t, files, r.problems)
	})
}

// wholeProblems checks that each problem says all that a problem has to.
func wholeProblems(t *testing.T, files tree, problems []content.Problem) {
	t.Helper()
	count := map[string]int{}
	known := map[string]bool{}
	for _, rule := range Rules() {
		known[rule.Name] = true
	}
	for _, p := range problems {
		if p.Path == "" || !known[p.Rule] || p.Messages["fi"] == "" || p.Messages["sv"] == "" || p.Messages["en"] == "" {
			t.Errorf("not whole: %+v", p)
		}
		if root, err := content.Parse(files[p.Path]); err == nil && p.Line > 0 && root.At(p.Pointer) == nil {
			t.Errorf("%s names %q, which is not there", p.Rule, p.Pointer)
		}
		count[p.Path]++
	}
	for path, n := range count {
		if n > 3*MaxProblems {
			t.Errorf("%s has %d problems", path, n)
		}
	}
	if !cmp.Equal(problems, content.SortProblems(slices.Clone(problems))) {
		t.Error("not sorted")
	}
}

// Whatever the owners file is, it can be used or it is said why not; and whatever it
// says, a change is answered.
func FuzzReadOwners(f *testing.F) {
	for _, archive := range archivesOf(f) {
		files, _ := unpack(archive)
		if source, ok := files["owners.json"]; ok {
			f.Add(source, `{"name": "x", "people": [{"name": "a"}]}`)
		}
	}
	f.Add(`{"owners": [{"collection": "things", "field": "/*/*", "people": ["@"], "approvals": 1e0}, {"files": "**/t*/**", "people": ["a"]}]}`, `[[1]]`)
	f.Fuzz(func(t *testing.T, source, record string) {
		files := tree{"schema.json": `{}`, "things/one.json": record, "owners.json": source}
		r := examineTree(files)
		wholeProblems(t, files, r.problems)
		owners, problems := ReadOwners("owners.json", source)
		if (owners == nil) != (len(problems) > 0) {
			t.Fatalf("owners %v, problems:\n%s", owners, listing(problems))
		}
		root, _ := content.Parse(record)
		for _, c := range []content.FileChange{{Path: "things/one.json", After: root}, {Was: "things/one.json", Path: "things/one.json", Before: root}} {
			for _, o := range owners.Required(r.model, []content.FileChange{c}) {
				if len(o.Places) != 1 || len(o.Places[0].Pointers) == 0 || o.Missing(content.Person{}, nil) == 0 {
					t.Fatalf("%+v", o)
				}
			}
		}
	})
}
