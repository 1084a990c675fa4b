package graphql

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// past is the digest with its history, and what tells it.
func past(t testing.TB) (*fixture, *fakeHistories) {
	t.Helper()
	f := loadFixture(t, "testdata/history.txtar")
	return f, f.histories(t).(*fakeHistories)
}

// TestWhatHappenedIsReadOnce: however often and by whatever way it is asked for, and
// only what is asked for.
func TestWhatHappenedIsReadOnce(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		want  map[string]int
	}{
		"one past for all fields": {
			`{ a: changes(first: 1) { nodes { kind } } b: project(id: "beta") { updatedAt createdAt } }`, map[string]int{"past": 1, "changes": 1, "span": 2},
		},
		"a change, all of it, twice": {
			`{ changes(first: 1, kind: OVERRULED) { nodes { ...C } edges { node { ...C } } } project(id: "alfa") { lastChange { ...C } } }
fragment C on Change { fields { field } again: fields { before words { text } } previous document commit { hash } author: commit { author { name } } publication { approvals { source } changes { document } } }`,
			map[string]int{"past": 1, "changes": 1, "last": 1, "fields records/projects/alfa.json": 1, "document alfa-0": 1, "document alfa-3": 1, "commit c9": 1, "step c9": 1},
		},
		"nothing that is not asked for": {
			`{ changes(first: 3) { nodes { kind at record { id title } publication { __typename } pullRequest { number } } pageInfo { endCursor } } }`,
			map[string]int{"past": 1, "changes": 1},
		},
		"a step by its list": {
			`{ publicationSteps(first: 1) { nodes { changes { publication { pullRequest { number } } } } } }`, map[string]int{"past": 1},
		},
		"counts once": {
			`{ changes(first: 1) { totalCount again: totalCount facets(field: KIND) { share } } }`, map[string]int{"past": 1, "changes": 1, "count": 1, "facet": 1},
		},
		"a difference once": {
			`{ a: diff(from: "v1", first: 1) { nodes { kind } } b: diff(from: "v1", collection: "themes") { totalCount } }`, map[string]int{"past": 1, "diff": 1},
		},
		"a title of what is gone": {
			`{ deletedRecords { nodes { record { title again: title } } } }`, map[string]int{"past": 1, "document omega-1": 1},
		},
		"no history for a record that is there": {
			`{ project(id: "alfa") { id } projects { nodes { id } } }`, map[string]int{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, h := past(t)
			s := newSchema(t, f.model, Config{Histories: h})
			if response := s.Do(t.Context(), f.view, f.at, Request{Query: c.query}); response.Failed {
				t.Fatalf("%s", response.Body)
			}
			if diff := cmp.Diff(c.want, h.reads); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLastChangesOfAPageAreCheap: one look per record, one per commit, and a small part
// of what may be asked for.
func TestLastChangesOfAPageAreCheap(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h, Limits: Limits{Cost: 1000}})
	ask(t, s, f.view, `{ projects(first: 20) { nodes { id name lastChange { commit { author { name } } } } } }`, nil)
	want := map[string]int{"past": 1, "last": 4, "commit c9": 1, "commit c8": 1}
	if diff := cmp.Diff(want, h.reads); diff != "" {
		t.Error(diff)
	}
}

// TestAnswersWithHistoryAreNotForGood: none is pinned, nor known by the key of the view
// alone; what does not ask for the past stays as it was.
func TestAnswersWithHistoryAreNotForGood(t *testing.T) {
	f, h := past(t)
	full := strings.Repeat("c3", 20)
	f.at[full] = f.at["v1"]
	s := newSchema(t, f.model, Config{Histories: h})
	for query, want := range map[string]struct{ revisioned, pinned bool }{
		`{ project(id: "alfa") { id } }`:                                                                {false, false},
		`{ project(id: "alpha", at: "FULL") { id } }`:                                                   {true, true},
		`{ project(id: "alpha", at: "FULL") { id movedTo { id } } }`:                                    {true, false},
		`{ project(id: "beta", at: "FULL") { movedTo { id } } }`:                                        {true, false},
		`{ project(id: "alpha", at: "FULL") { updatedAt } }`:                                            {true, false},
		`{ project(id: "alpha", at: "FULL") { ...on Record { versions { nodes { from } } } } }`:         {true, false},
		`{ projects(at: "FULL", orderBy: {field: TITLE}) { totalCount } }`:                              {true, true},
		`{ projects(at: "FULL", orderBy: {field: UPDATED_AT}) { totalCount } }`:                         {true, false},
		`{ projects(at: "FULL", where: {not: {createdAt: {isNull: true}}}) { totalCount } }`:            {true, false},
		`{ themes(at: "FULL") { nodes { projects(orderBy: {field: CREATED_AT}) { totalCount } } } }`:    {true, false},
		`{ project(id: "nobody", at: "FULL") { id } }`:                                                  {true, false}, // it may have moved there yet
		`{ project(id: "nobody") { id } }`:                                                              {true, false},
		`{ project(id: "alpha") { id } }`:                                                               {true, false},
		`{ changes(at: "FULL") { totalCount } }`:                                                        {true, false},
		`{ commit(revision: "FULL") { hash } }`:                                                         {true, false},
		`{ diff(from: "FULL", to: "FULL") { totalCount } }`:                                             {true, false},
		`{ rewrites { to } }`:                                                                           {true, false},
		`query ($no: Boolean = false) { project(id: "alfa") { blame @include(if: $no) { field } id } }`: {false, false},
	} {
		got := s.Do(t.Context(), f.view, f.at, Request{Query: strings.ReplaceAll(query, "FULL", full)})
		if got.Failed || got.Revisioned != want.revisioned || got.Pinned != want.pinned {
			t.Errorf("%s\nrevisioned %v, pinned %v: %s", query, got.Revisioned, got.Pinned, got.Body)
		}
	}
	without := newSchema(t, f.model, Config{})
	if got := without.Do(t.Context(), f.view, f.at, Request{Query: `{ project(id: "nobody") { id } }`}); got.Revisioned {
		t.Error("where there is no history, a record that is not there depends on more than the view")
	}
}

// TestPagesOfFeedsJoin: page by page, each feed is the list itself.
func TestPagesOfFeedsJoin(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h})
	for field, node := range map[string]string{
		`changes(includeFormatting: true`:                    `key`,
		`changes(collection: "projects", author: "aino"`:     `key`,
		`publicationSteps(includeFormatting: true`:           `commit { hash }`,
		`deletedRecords(collection: "projects"`:              `key`,
		`textHistory(contains: "a"`:                          `value field from { key }`,
		`diff(from: "v1"`:                                    `record { collection id }`,
		`project(id: "alfa") { list: history(field: ""`:      `key`,
		`project(id: "alfa") { list: versions(first: $first`: `revision`,
	} {
		t.Run(field, func(t *testing.T) {
			head, tail, nested := strings.Cut(field, "list: ")
			if !nested {
				head, tail = "", field
			}
			tail = strings.TrimSuffix(tail, "first: $first")
			query := fmt.Sprintf(`query ($first: Int, $after: String) { %s list: %s first: $first, after: $after) { edges { cursor node { %s } } nodes { %[3]s } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } %s }`,
				strings.TrimPrefix(head, "list: "), tail, node, map[bool]string{true: "}"}[nested])
			read := func(variables map[string]any) (nodes []any, info map[string]any) {
				response := s.Do(t.Context(), f.view, f.at, Request{Query: query, Variables: variables})
				var body struct{ Data map[string]any }
				if err := json.Unmarshal(response.Body, &body); err != nil || response.Failed {
					t.Fatalf("%v: %s", err, response.Body)
				}
				if nested {
					body.Data = body.Data["project"].(map[string]any)
				}
				list := body.Data["list"].(map[string]any)
				for i, e := range list["edges"].([]any) {
					e := e.(map[string]any)
					if !cmp.Equal(e["node"], list["nodes"].([]any)[i]) {
						t.Errorf("edge %d is %v", i, e)
					}
				}
				return list["nodes"].([]any), list["pageInfo"].(map[string]any)
			}
			whole, info := read(nil)
			if info["hasNextPage"] != false || info["hasPreviousPage"] != false || len(whole) == 0 {
				t.Fatalf("%v %v", whole, info)
			}
			var joined []any
			variables := map[string]any{"first": 1}
			for range 100 {
				page, info := read(variables)
				joined = append(joined, page...)
				if info["hasPreviousPage"] != (len(joined) > 1) || info["startCursor"] != info["endCursor"] {
					t.Errorf("%v after %d", info, len(joined))
				}
				if info["hasNextPage"] == false {
					break
				}
				variables["after"] = info["endCursor"]
			}
			if diff := cmp.Diff(whole, joined); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCursorsOfFeeds: one of another list is refused.
func TestCursorsOfFeeds(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h})
	data := ask(t, s, f.view, `{ changes(kind: DELETED) { pageInfo { endCursor } } projects(first: 1) { pageInfo { endCursor } } }`, nil)
	of := func(list string) string {
		return data[list].(map[string]any)["pageInfo"].(map[string]any)["endCursor"].(string)
	}
	for query, ok := range map[string]bool{
		fmt.Sprintf(`{ changes(after: %q) { totalCount } }`, of("changes")):                         true,
		fmt.Sprintf(`{ changes(collection: "projects", after: %q) { totalCount } }`, of("changes")): true,
		fmt.Sprintf(`{ deletedRecords(after: %q) { totalCount } }`, of("changes")):                  false,
		fmt.Sprintf(`{ project(id: "alfa") { history(after: %q) { totalCount } } }`, of("changes")): false,
		fmt.Sprintf(`{ changes(after: %q) { totalCount } }`, of("projects")):                        false,
		fmt.Sprintf(`{ projects(after: %q) { totalCount } }`, of("changes")):                        false,
	} {
		response := s.Do(t.Context(), f.view, nil, Request{Query: query})
		if (response.Code == "") != ok || !ok && response.Code != CodeBadInput {
			t.Errorf("%s: %s", query, response.Body)
		}
	}
}

// TestCursorsWithoutTimes: a list told while its history cannot be read pages by cursors
// of its own; those of either list lead nowhere in the other.
func TestCursorsWithoutTimes(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h})
	page := func(after string) (body string, code Code, end string) {
		response := s.Do(t.Context(), f.view, nil, Request{Query: fmt.Sprintf(`{ projects(orderBy: {field: UPDATED_AT}, first: 2%s) { nodes { id } pageInfo { endCursor } } }`, after)})
		body = string(response.Body)
		_, end, _ = strings.Cut(body, `"endCursor":"`)
		end, _, _ = strings.Cut(end, `"`)
		return body, response.Code, fmt.Sprintf(", after: %q", end)
	}
	_, _, ready := page("")
	h.Unready = "3 of 10 commits are read"
	_, code, first := page("")
	if code != CodeUnavailable {
		t.Error(code)
	}
	if body, code, _ := page(first); code != CodeUnavailable || !strings.Contains(body, `"nodes":[{"id":"delta"},{"id":"gamma"}]`) {
		t.Errorf("the second page: %s", body)
	}
	if body, code, _ := page(ready); code != CodeUnavailable || !strings.HasSuffix(body, `"data":null}`) {
		t.Errorf("after a place that is not known: %s", body)
	}
	h.Unready = ""
	if body, code, _ := page(first); code != CodeBadInput {
		t.Errorf("after a place without times: %s", body)
	}
}

func TestTimeoutReachesHistories(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h, Limits: Limits{Timeout: 10 * time.Millisecond}})
	response := s.Do(t.Context(), f.view, nil, Request{Query: `{ project(id: "alfa") { id } changes(author: "slow") { totalCount } }`})
	if response.Code != CodeTimeout || strings.Contains(string(response.Body), "sqlite") || !strings.HasSuffix(string(response.Body), `"data":null}`) {
		t.Errorf("%s", response.Body)
	}
}

// TestErrorsOfAFieldAreBounded: what is unavailable is so for every record, and is told
// of the first ones.
func TestErrorsOfAFieldAreBounded(t *testing.T) {
	f, _ := past(t)
	s := newSchema(t, f.model, Config{Limits: Limits{Errors: 3}})
	response := s.Do(t.Context(), bigView(t, f.model, 50), nil, Request{Query: `{ a: projects(first: 50) { nodes { updatedAt x: updatedBy { name } } } b: projects { nodes { updatedAt } } }`})
	var paths []string
	for _, e := range response.Errors {
		paths = append(paths, fmt.Sprint(e.Path))
	}
	var want []string
	for _, field := range []string{"a nodes %d updatedAt", "a nodes %d x", "b nodes %d updatedAt"} {
		for i := range 3 {
			want = append(want, "["+fmt.Sprintf(field, i)+"]")
		}
	}
	slices.Sort(want)
	slices.Sort(paths)
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
}

// TestTimesDependOnTheView: a set that two views share may have two pasts.
func TestTimesDependOnTheView(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h})
	then := *f.view
	then.Key, then.Commit = "then", content.Hash(strings.Repeat("c7", 20))
	then.Snapshot = f.view.Snapshot
	query := `{ now: projects(orderBy: {field: UPDATED_AT, direction: DESC}, first: 2) { nodes { id } } then: projects(at: "then", orderBy: {field: UPDATED_AT, direction: DESC}, first: 2) { nodes { id } } }`
	for range 2 {
		response := s.Do(t.Context(), f.view, revisionMap{"then": &then}, Request{Query: query})
		want := `{"data":{"now":{"nodes":[{"id":"alfa"},{"id":"beta"}]},"then":{"nodes":[{"id":"beta"},{"id":"alfa"}]}}}`
		if diff := cmp.Diff(want, string(response.Body)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestHistoryOfEveryType: the fields of Record are those of each of its types.
func TestHistoryOfEveryType(t *testing.T) {
	f, _ := past(t)
	s := newSchema(t, f.model, Config{})
	for _, object := range s.record.possible {
		for _, want := range s.record.fields {
			if got := object.field(want.name); got == nil || got.typ.String() != want.typ.String() || len(got.args) != len(want.args) {
				t.Errorf("%s.%s", object.name, want.name)
			}
		}
	}
}

// TestNamesOfTheEngineAreReserved: a collection may be called whatever the engine calls
// its own, and gets another name.
func TestNamesOfTheEngineAreReserved(t *testing.T) {
	with := func(collection, typ string) *system {
		model := newModel(t, map[string]string{
			"model.json":    fmt.Sprintf(`{"languages": ["fi"], "collections": [{"name": %q, "type": %q, "schema": "schema/a.json", "path": "a/{id}.json"}]}`, collection, typ),
			"schema/a.json": `{"type": "object", "properties": {"updatedAt": {"type": "string"}, "versions": {"type": "array", "items": {"type": "integer"}}}}`,
		})
		s, err := buildSystem(model)
		if err != nil {
			t.Errorf("%s of type %s: %v", collection, typ, err)
		}
		return s
	}
	plain := with("zzs", "Zz")
	for _, name := range slices.Sorted(maps.Keys(plain.byName)) {
		if !strings.HasPrefix(name, "Zz") && !strings.HasPrefix(name, "__") {
			with("zzs", name)
		}
	}
	for _, root := range plain.query.fields {
		if root.place.collection != nil {
			continue
		}
		names := map[string]bool{}
		for _, f := range with(root.name, "Zz").query.fields {
			if names[f.name] {
				t.Errorf("two root fields %s", f.name)
			}
			names[f.name] = true
		}
	}
	for _, publication := range []string{"publications", "versions", "people"} {
		if with(publication, "Publication").query.field(publication) == nil {
			t.Errorf("%s got another name", publication)
		}
	}
}
