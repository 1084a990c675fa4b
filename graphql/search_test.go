package graphql

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// fakeSearch finds what holds a text, whatever its case; the score is how often. Some
// texts have a meaning.
type fakeSearch struct{}

func (fakeSearch) Search(ctx context.Context, view *content.View, q SearchQuery) ([]SearchHit, error) {
	switch q.Text {
	case "unready":
		return nil, fmt.Errorf("3 of 10 texts are indexed for search: %w", content.ErrUnavailable)
	case "broken":
		return nil, fmt.Errorf("read /srv/index: %w", context.Canceled)
	case "odd": // what no index should answer
		r := view.Snapshot.Set("projects").At(0)
		gone := *r
		gone.Ref.ID = "gone"
		return []SearchHit{{r, math.NaN()}, {r, 2}, {&gone, 1}, {nil, 1}, {view.Snapshot.Set("themes").At(0), math.Inf(1)}}, nil
	}
	var hits []SearchHit
	for _, c := range view.Model.Collections {
		if len(q.Collections) > 0 && !slices.Contains(q.Collections, c.Name) {
			continue
		}
		for r := range view.Snapshot.Set(c.Name).All() {
			if n := strings.Count(fold(r.Source), fold(q.Text)); n > 0 {
				hits = append(hits, SearchHit{r, float64(n)})
			}
		}
	}
	return hits, ctx.Err()
}

func (fakeSearch) Highlights(_ context.Context, view *content.View, r *content.Record, q SearchQuery) ([]Highlight, error) {
	title := r.Title(view.Model, q.Language)
	if q.Text == "zeta" {
		return nil, fmt.Errorf("the index is away: %w", content.ErrUnavailable)
	}
	h := Highlight{Field: "/name", Language: q.Language}
	for i, part := range strings.Split(fold(title), fold(q.Text)) {
		if i > 0 {
			h.Parts = append(h.Parts, HighlightPart{q.Text, true})
		}
		h.Parts = append(h.Parts, HighlightPart{part, false})
	}
	if len(h.Parts) == 1 {
		return nil, nil
	}
	return []Highlight{h}, nil
}

// TestWithoutSearcher: what needs it is unavailable, the rest is answered.
func TestWithoutSearcher(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{})
	response := s.Do(t.Context(), newView(t, model, files, ""), nil, Request{Query: `{ search(query: "x") { totalCount } themes(search: " ") { totalCount } }`})
	want := `{"errors":[{"message":"there is no search here","locations":[{"line":1,"column":3}],"path":["search"],"extensions":{"code":"UNAVAILABLE"}}],"data":{"search":null,"themes":{"totalCount":2}}}`
	if diff := cmp.Diff(want, string(response.Body)); diff != "" {
		t.Error(diff)
	}
}

// TestFaultsOfSearchersStayInside: their text reaches no client, and what they should
// not have found is not answered.
func TestFaultsOfSearchersStayInside(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{Searcher: fakeSearch{}})
	view := newView(t, model, files, "")
	if got := s.Do(t.Context(), view, nil, Request{Query: `{ search(query: "broken") { totalCount } }`}); strings.Contains(string(got.Body), "srv") || got.Code != CodeCancelled {
		t.Errorf("%s", got.Body)
	}
	got, _ := json.Marshal(ask(t, s, view, `{ search(query: "odd") { totalCount edges { node { id } score } } projects(search: "odd") { nodes { id } } }`, nil))
	want := `{"projects":{"nodes":[{"id":"alfa"}]},"search":{"edges":[` +
		`{"node":{"id":"data"},"score":1.7976931348623157e+308},{"node":{"id":"alfa"},"score":0}],"totalCount":2}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// TestPagesOfASearchJoin: page by page, of one collection and of all, it is the list
// itself, also where the record of the cursor has gone meanwhile.
func TestPagesOfASearchJoin(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{Searcher: fakeSearch{}})
	for _, field := range []string{`search(query: "a",`, `search(query: "a", collections: ["themes", "projects"],`, `projects(search: "a",`} {
		for _, gone := range []bool{false, true} {
			t.Run(fmt.Sprint(field, gone), func(t *testing.T) {
				records := map[string]string{}
				for name, text := range files {
					records[name] = text
				}
				query := `query ($first: Int, $after: String) { list: ` + field + ` first: $first, after: $after) { edges { node { collection id path } } pageInfo { hasNextPage endCursor } } }`
				refs := func(variables map[string]any) (out []string, info map[string]any) {
					list := ask(t, s, newView(t, model, records, ""), query, variables)["list"].(map[string]any)
					for _, e := range list["edges"].([]any) {
						out = append(out, e.(map[string]any)["node"].(map[string]any)["path"].(string))
					}
					return out, list["pageInfo"].(map[string]any)
				}
				whole, _ := refs(nil)
				if len(whole) < 4 {
					t.Fatal("the case proves nothing")
				}
				var joined []string
				variables := map[string]any{"first": 1}
				for {
					page, info := refs(variables)
					joined = append(joined, page...)
					if info["hasNextPage"] == false {
						break
					}
					variables["after"] = info["endCursor"]
					if gone {
						delete(records, page[0])
					}
				}
				if diff := cmp.Diff(whole, joined); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestCursorsOfSearches: one of another search is refused.
func TestCursorsOfSearches(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{Searcher: fakeSearch{}})
	view := newView(t, model, files, "")
	own := `search(query: "a"`
	data := ask(t, s, view, `{ list: `+own+`) { edges { cursor } } }`, nil)
	cursor := data["list"].(map[string]any)["edges"].([]any)[0].(map[string]any)["cursor"].(string)
	for field, ok := range map[string]bool{
		own: true, `search(query: " a "`: true, `search(query: "b"`: false, `search(query: "a", lang: SV`: false, `search(query: ""`: false,
		`search(query: "a", collections: ["projects"]`: false, `projects(search: "a"`: false, `projects(first: 1`: false,
	} {
		response := s.Do(t.Context(), view, nil, Request{Query: fmt.Sprintf(`{ list: %s, after: %q) { totalCount } }`, field, cursor)})
		if (response.Code == "") != ok {
			t.Errorf("%s: %s", field, response.Body)
		}
	}
}
