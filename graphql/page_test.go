package graphql

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// digestModel is the model of testdata/base/digest.txtar.
func digestModel(t testing.TB) (*content.Model, map[string]string) {
	t.Helper()
	f := loadFixture(t, "testdata/readme-query.txtar")
	return f.model, f.files
}

// randomProject makes a project with few different values, some absent, some of
// the wrong type: ties and nulls are what paging gets wrong.
func randomProject(r *rand.Rand) string {
	names := []string{"alfa", "Alfa", "ÄLY", "äly", "åke", "zeta", "öljy", "w", "v", ""}
	parts := []string{fmt.Sprintf(`"name": {%q: %q}`, []string{"fi", "sv"}[r.IntN(2)], names[r.IntN(len(names))])}
	for _, part := range []string{
		fmt.Sprintf(`"ordinal": %d`, r.IntN(5)-2), `"ordinal": "none"`, fmt.Sprintf(`"share": %d.5`, r.IntN(3)-1),
		fmt.Sprintf(`"time-span": {"start": "202%d-01-01"}`, r.IntN(3)), fmt.Sprintf(`"round": %q`, []string{"2019", "", "?"}[r.IntN(3)]),
		fmt.Sprintf(`"lead": %q`, []string{"espoo", "turku", "nowhere"}[r.IntN(3)]), `"public": true`,
		fmt.Sprintf(`"themes": [%q]`, []string{"data", "people"}[r.IntN(2)]),
	} {
		name, _, _ := strings.Cut(part, ":")
		if r.IntN(2) == 0 && !slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, name+":") }) {
			parts = append(parts, part)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// shelf is a changing set of records.
type shelf struct {
	model   *content.Model
	records map[string]string
	added   int
}

func (s *shelf) view(t testing.TB) *content.View { return newView(t, s.model, s.records, "") }

func projectPath(n int) string { return fmt.Sprintf("records/projects/p%03d.json", n) }

// TestPagingIsStable: paging through any order, forwards or backwards, while
// records come and go between pages, never repeats a record, and never skips one
// that was there all the time.
func TestPagingIsStable(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{Searcher: fakeSearch{}, Histories: agedHistories{}})
	var orders []string
	for _, o := range s.collections["projects"].orders {
		orders = append(orders, o.name)
	}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var orderBy []any
		for range r.IntN(3) {
			orderBy = append(orderBy, map[string]any{"field": orders[r.IntN(len(orders))], "direction": []string{"ASC", "DESC"}[r.IntN(2)]})
		}
		t.Run(fmt.Sprintf("%d %v", seed, orderBy), func(t *testing.T) {
			pageThrough(t, s, r, files, map[string]any{"orderBy": orderBy, "lang": []string{"FI", "SV", "EN"}[r.IntN(3)], "search": "e"}, seed%2 == 1)
		})
	}
}

const pagingQuery = `query ($orderBy: [ProjectOrder!], $lang: Language, $search: String, $first: Int, $after: String, $last: Int, $before: String) {
  projects(orderBy: $orderBy, lang: $lang, search: $search, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`

func pageThrough(t *testing.T, s *Schema, r *rand.Rand, files map[string]string, variables map[string]any, backwards bool) {
	shelf := &shelf{model: s.model, records: map[string]string{}}
	for name, text := range files {
		if !strings.HasPrefix(name, "records/projects/") {
			shelf.records[name] = text
		}
	}
	stayed := map[string]bool{}
	for n := range 40 {
		shelf.records[projectPath(n)] = randomProject(r)
		stayed[fmt.Sprintf("p%03d", n)] = true
	}
	seen := map[string]bool{}
	size, cursor, more := "first", "after", "hasNextPage"
	if backwards {
		size, cursor, more = "last", "before", "hasPreviousPage"
	}
	for page := 0; ; page++ {
		variables[size] = 1 + r.IntN(6)
		list := ask(t, s, shelf.view(t), pagingQuery, variables)["projects"].(map[string]any)
		nodes, info := list["nodes"].([]any), list["pageInfo"].(map[string]any)
		for _, node := range nodes {
			id := node.(map[string]any)["id"].(string)
			if seen[id] {
				t.Fatalf("page %d repeats %s", page, id)
			}
			seen[id] = true
		}
		if info[more] == false {
			break
		}
		variables[cursor] = info[map[string]string{"after": "endCursor", "before": "startCursor"}[cursor]]
		shelf.shuffle(r, stayed)
	}
	for id := range stayed {
		if !seen[id] {
			t.Errorf("%s was there all the time and on no page", id)
		}
	}
}

// shuffle adds and deletes records; the deleted ones are no longer among those that
// stayed. Often the record of the last cursor goes.
func (s *shelf) shuffle(r *rand.Rand, stayed map[string]bool) {
	for range r.IntN(4) {
		n := r.IntN(40)
		delete(s.records, projectPath(n))
		delete(stayed, fmt.Sprintf("p%03d", n))
		s.added++ // never one that was there before: it could rightly stand elsewhere
		s.records[fmt.Sprintf("records/projects/%c%03d.json", 'a'+rune(r.IntN(26)), 100+s.added)] = randomProject(r)
	}
}

// TestPagesJoinToTheList: all pages joined are the list itself, for
// every order there is.
func TestPagesJoinToTheList(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{Searcher: fakeSearch{}, Histories: agedHistories{}})
	view := newView(t, model, files, "")
	for _, o := range s.collections["projects"].orders {
		for _, direction := range []string{"ASC", "DESC"} {
			orderBy := []any{map[string]any{"field": o.name, "direction": direction}}
			whole := ids(ask(t, s, view, pagingQuery, map[string]any{"orderBy": orderBy, "search": "e"}))
			var joined []string
			variables := map[string]any{"orderBy": orderBy, "first": 1, "search": "e"}
			for range whole {
				data := ask(t, s, view, pagingQuery, variables)
				joined = append(joined, ids(data)...)
				variables["after"] = data["projects"].(map[string]any)["pageInfo"].(map[string]any)["endCursor"]
			}
			if diff := cmp.Diff(whole, joined); diff != "" {
				t.Errorf("%s %s: %s", o.name, direction, diff)
			}
		}
	}
}

func ids(data map[string]any) []string {
	var out []string
	for _, node := range data["projects"].(map[string]any)["nodes"].([]any) {
		out = append(out, node.(map[string]any)["id"].(string))
	}
	return out
}

// TestCursors: what is damaged, or made for another list, is refused.
func TestCursors(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{})
	view := newView(t, model, files, "")
	cursorOf := func(query string) string {
		for _, list := range ask(t, s, view, query, nil) {
			return list.(map[string]any)["edges"].([]any)[0].(map[string]any)["cursor"].(string)
		}
		return ""
	}
	own := cursorOf(`{ projects(orderBy: {field: NAME}) { edges { cursor } } }`)
	for name, c := range map[string]struct {
		cursor string
		ok     bool
	}{
		"its own":               {own, true},
		"padded":                {own + "==", true},
		"of another collection": {cursorOf(`{ themes(orderBy: {field: NAME}) { edges { cursor } } }`), false},
		"of another order":      {cursorOf(`{ projects { edges { cursor } } }`), false},
		"of another direction":  {cursorOf(`{ projects(orderBy: {field: NAME, direction: DESC}) { edges { cursor } } }`), false},
		"of another language":   {cursorOf(`{ projects(lang: SV, orderBy: {field: NAME}) { edges { cursor } } }`), false},
		"cut short":             {own[:12], false},
		"with a wrong letter":   {"B" + own[1:], false},
		"no base64":             {"å", false},
		"empty":                 {"", false},
		"an offset":             {base64.StdEncoding.EncodeToString([]byte("cursor:1")), false},
	} {
		t.Run(name, func(t *testing.T) {
			response := s.Do(t.Context(), view, nil, Request{
				Query:     `query ($c: String) { projects(orderBy: {field: NAME}, after: $c) { totalCount } }`,
				Variables: map[string]any{"c": c.cursor},
			})
			if ok := response.Code == ""; ok != c.ok {
				t.Errorf("%q: %s", c.cursor, response.Body)
			}
		})
	}
}

// FuzzCursor: decoding never panics, and what decodes encodes to the same place.
func FuzzCursor(f *testing.F) {
	f.Add("ARNU6LdiZXRh", uint32(0x1354e8b7), 0)
	f.Add(cursor{raws: []rawKey{{"ä", true}, {}}, id: "x"}.encode(7), uint32(7), 2)
	f.Fuzz(func(t *testing.T, text string, mark uint32, n int) {
		c, ok := decodeCursor(text, mark, max(0, min(n, 10)))
		if !ok {
			return
		}
		again, ok := decodeCursor(c.encode(mark), mark, len(c.raws))
		if !ok || !slices.Equal(again.raws, c.raws) || again.id != c.id {
			t.Errorf("%q: %v, then %v", text, c, again)
		}
	})
}

// TestTextOrder: Finnish and Swedish put å ä ö at the end, English does not.
func TestTextOrder(t *testing.T) {
	model, _ := digestModel(t)
	s := newSchema(t, model, Config{})
	shelf := &shelf{model: model, records: map[string]string{}}
	for i, name := range []string{"Ölj", "zeta", "Äly", "Åke", "åka", "vw", "Wa", "alfa", "Alfa", "é", "f"} {
		text, _ := json.Marshal(name)
		shelf.records[projectPath(i)] = fmt.Sprintf(`{"name": {"fi": %s, "sv": %[1]s, "en": %[1]s}}`, text)
	}
	for lang, want := range map[string]string{
		"FI": "alfa Alfa é f vw Wa zeta åka Åke Äly Ölj",
		"SV": "alfa Alfa é f vw Wa zeta åka Åke Äly Ölj",
		"EN": "åka Åke alfa Alfa Äly é f Ölj vw Wa zeta",
	} {
		data := ask(t, s, shelf.view(t), `query ($l: Language) { projects(lang: $l, orderBy: {field: NAME}) { nodes { name } } }`, map[string]any{"l": lang})
		var got []string
		for _, node := range data["projects"].(map[string]any)["nodes"].([]any) {
			got = append(got, node.(map[string]any)["name"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, not %s", lang, got, want)
		}
	}
}

// TestKeysKeepTheOrderOfNumbers holds the encodings that columns compare bytewise.
func TestKeysKeepTheOrderOfNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a, b := r.Int64()-r.Int64(), r.Int64()-r.Int64()
		if (a < b) != (intKey(a) < intKey(b)) {
			t.Errorf("%d, %d", a, b)
		}
		x, y := r.NormFloat64()*1e3, r.NormFloat64()
		if (x < y) != (floatKey(x) < floatKey(y)) {
			t.Errorf("%g, %g", x, y)
		}
	}
}

// TestSharedSetsAreNotMixedUp: two views share the records that did not change, yet
// what is asked of those may depend on records that did: an order by the title of a
// reference, or by the number of referrers, and a filter on either.
func TestSharedSetsAreNotMixedUp(t *testing.T) {
	model, _ := digestModel(t)
	s := newSchema(t, model, Config{})
	record := func(path, text string) *content.Record {
		c, id := model.Match(path)
		return newRecord(t, c, id, path, text)
	}
	projects := []*content.Record{
		record("records/projects/a.json", `{"lead": "x", "participants": [{"municipality": "x"}]}`),
		record("records/projects/b.json", `{"lead": "y", "participants": [{"municipality": "x"}]}`),
	}
	towns := func(x, y string) []*content.Record {
		return []*content.Record{
			record("records/municipalities/x.json", `{"name": "`+x+`"}`), record("records/municipalities/y.json", `{"name": "`+y+`"}`),
		}
	}
	snapshot := func(previous *content.Snapshot, projects, towns []*content.Record) *content.Snapshot {
		return content.NewSnapshot(previous, map[content.CollectionName][]*content.Record{"projects": projects, "municipalities": towns}, nil)
	}
	first := &content.View{Model: model, Snapshot: snapshot(nil, projects, towns("Alku", "Loppu"))}
	renamed := &content.View{Model: model, Snapshot: snapshot(first.Snapshot, projects, towns("Viimeinen", "Ensimmäinen"))}
	moved := &content.View{Model: model, Snapshot: snapshot(first.Snapshot, []*content.Record{
		record("records/projects/a.json", `{"lead": "x", "participants": [{"municipality": "y"}]}`),
		record("records/projects/b.json", `{"lead": "y", "participants": [{"municipality": "y"}]}`),
	}, towns("Alku", "Loppu"))}
	if first.Snapshot.Set("projects") != renamed.Snapshot.Set("projects") || first.Snapshot.Set("municipalities") != moved.Snapshot.Set("municipalities") {
		t.Fatal("the views share nothing; the test proves nothing")
	}
	query := `{
  now: municipality(id: "x") { ...F }
  renamed: municipality(id: "x", at: "renamed") { ...F }
  moved: municipality(id: "y", at: "moved") { ...F }
  a: municipalities(orderBy: {field: PROJECTS_COUNT, direction: DESC}) { nodes { id } }
  b: municipalities(orderBy: {field: PROJECTS_COUNT, direction: DESC}, at: "moved") { nodes { id } }
}
fragment F on Municipality {
  projects(orderBy: {field: LEAD}) { nodes { id } }
  through: projects(orderBy: {field: LEAD_NAME}) { nodes { id } }
  many: projects(orderBy: [{field: PARTICIPANTS_MUNICIPALITY}, {field: LEAD_NAME, direction: DESC}]) { nodes { id } }
  some: projects(where: {lead: {projects: {isEmpty: false}}}) { nodes { id } }
}`
	want := `{"data":{"now":{"projects":{"nodes":[{"id":"a"},{"id":"b"}]},"through":{"nodes":[{"id":"a"},{"id":"b"}]},"many":{"nodes":[{"id":"b"},{"id":"a"}]},"some":{"nodes":[{"id":"a"}]}},` +
		`"renamed":{"projects":{"nodes":[{"id":"b"},{"id":"a"}]},"through":{"nodes":[{"id":"b"},{"id":"a"}]},"many":{"nodes":[{"id":"a"},{"id":"b"}]},"some":{"nodes":[{"id":"a"}]}},` +
		`"moved":{"projects":{"nodes":[{"id":"a"},{"id":"b"}]},"through":{"nodes":[{"id":"a"},{"id":"b"}]},"many":{"nodes":[{"id":"b"},{"id":"a"}]},"some":{"nodes":[{"id":"b"}]}},` +
		`"a":{"nodes":[{"id":"x"},{"id":"y"}]},"b":{"nodes":[{"id":"y"},{"id":"x"}]}}}`
	for range 5 { // root fields are taken in any order
		response := s.Do(t.Context(), first, revisionMap{"renamed": renamed, "moved": moved}, Request{Query: query})
		if diff := cmp.Diff(want, string(response.Body)); diff != "" {
			t.Fatal(diff)
		}
		s.columns.Purge()
	}
}
