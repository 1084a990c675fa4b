package graphql

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFacetsCountWhatFiltersFind: the count of each value is that of the records for
// which a filter by this value holds beside the others, whatever else is asked; and no
// value that a filter finds is missing.
func TestFacetsCountWhatFiltersFind(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{})
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 60 {
		files[projectPath(n)] = randomProject(r)
	}
	view := newView(t, model, files, "")
	is := func(field string, value any) map[string]any {
		return map[string]any{field: map[string]any{"eq": value}}
	}
	id := func(value any) map[string]any { return is("id", value) }
	some := func(field string, of any) map[string]any {
		return map[string]any{field: map[string]any{"some": of}}
	}
	rest := map[string]any{"or": []any{is("stale", false), is("public", true)}}
	for field, by := range map[string]func(value string) map[string]any{
		"ROUND":         func(v string) map[string]any { return is("round", v) },
		"LEAD":          func(v string) map[string]any { return map[string]any{"lead": id(v)} },
		"THEMES":        func(v string) map[string]any { return some("themes", id(v)) },
		"THEMES_PARENT": func(v string) map[string]any { return some("themes", map[string]any{"parent": id(v)}) },
		"PARTICIPANTS_MUNICIPALITY": func(v string) map[string]any {
			return some("participants", map[string]any{"municipality": id(v)})
		},
		"PARTICIPANTS_ROLE": func(v string) map[string]any { return some("participants", is("role", v)) },
		"TIME_SPAN_START":   func(v string) map[string]any { return map[string]any{"timeSpan": is("start", v)} },
		"PUBLIC":            func(v string) map[string]any { return is("public", v == "true") },
		"VALID":             func(v string) map[string]any { return is("valid", v == "true") },
	} {
		t.Run(field, func(t *testing.T) {
			query := fmt.Sprintf(`query ($where: ProjectFilter) { projects(where: $where) { totalCount facets(field: %s, first: 500) { value count share } } }`, field)
			free := ask(t, s, view, query, map[string]any{"where": rest})["projects"].(map[string]any)
			if len(free["facets"].([]any)) == 0 {
				t.Fatal("the case proves nothing")
			}
			for _, f := range free["facets"].([]any) {
				value := f.(map[string]any)["value"].(string)
				with := map[string]any{"and": []any{rest, by(value)}}
				chosen := ask(t, s, view, query, map[string]any{"where": with})["projects"].(map[string]any)
				if got := fmt.Sprint(chosen["totalCount"]); got != fmt.Sprint(f.(map[string]any)["count"]) {
					t.Errorf("%s: %v counted, %s found", value, f, got)
				}
				if diff := cmp.Diff(free["facets"], chosen["facets"]); diff != "" {
					t.Errorf("choosing %s changes its own facet: %s", value, diff)
				}
			}
		})
	}
}

// TestHostileModelsStaySmall: what leads through references is bounded, however many
// there are; what a collection says itself is all there.
func TestHostileModelsStaySmall(t *testing.T) {
	var properties, references []string
	for i := range 60 {
		properties = append(properties, fmt.Sprintf(`"r%d": {"type": "string"}, "n%[1]d": {"type": "integer"}`, i))
		references = append(references, fmt.Sprintf(`"/r%d": {"collection": "as"}`, i))
	}
	model := newModel(t, map[string]string{
		"model.json": `{"languages": ["fi"], "collections": [{"name": "as", "type": "A", "schema": "schema/a.json", "path": "a/{id}.json",
  "references": {` + strings.Join(references, ",") + `}}]}`,
		"schema/a.json": `{"type": "object", "properties": {` + strings.Join(properties, ",") + `}}`,
	})
	types := newSchema(t, model, Config{}).collections["as"]
	if n := len(types.facets); n != len(recordMarks)+120+maxBeyond {
		t.Errorf("%d facets", n)
	}
	if n := len(types.orders); n != 5+len(recordMarks)+120+maxBeyond {
		t.Errorf("%d orders", n)
	}
}
