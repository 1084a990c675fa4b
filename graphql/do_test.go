package graphql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/parser"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/koonti/koonti/internal/content"
)

// bigView has n projects, each with two themes and three participants.
func bigView(t testing.TB, model *content.Model, n int) *content.View {
	t.Helper()
	files := map[string]string{
		"records/themes/data.json": `{"name": {"fi": "Tieto", "en": "Data"}}`, "records/themes/people.json": `{"name": {"fi": "Ihmiset", "en": "People"}}`,
	}
	for i := range 50 {
		files[fmt.Sprintf("records/municipalities/m%02d.json", i)] = fmt.Sprintf(`{"name": "Kunta %d", "population": %d}`, i, i*1000)
	}
	for i := range n {
		files[fmt.Sprintf("records/projects/p%05d.json", i)] = fmt.Sprintf(`{"name": {"fi": "Hanke %d ääkkösin", "sv": "Projekt %[1]d", "en": "Project %[1]d"},
  "ordinal": %[1]d, "grant": %d, "public": %t, "themes": ["data", "people"], "time-span": {"start": "2021-%02d-01"},
  "participants": [{"municipality": "m%02d", "role": "lead"}, {"municipality": "m%02d", "role": "partner"}, {"municipality": "m%02d", "role": "partner"}]}`,
			i, i*7919%100000, i%3 == 0, i%12+1, i%50, (i+7)%50, (i+13)%50)
	}
	return newView(t, model, files, "")
}

// TestIntrospectionIsTheSDL: what tools ask for passes, and names the same types
// and fields as the SDL.
func TestIntrospectionIsTheSDL(t *testing.T) {
	query, err := os.ReadFile("testdata/introspection.graphql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"testdata/sdl.txtar", "testdata/corners-sdl.txtar"} {
		f := loadFixture(t, path)
		s := newSchema(t, f.model, Config{})
		data := ask(t, s, f.view, string(query), nil)["__schema"].(map[string]any)
		introspected := map[string]int{}
		for _, t := range data["types"].([]any) {
			t := t.(map[string]any)
			if name := t["name"].(string); !strings.HasPrefix(name, "__") {
				introspected[name] = lengthOf(t["fields"]) + lengthOf(t["inputFields"]) + lengthOf(t["enumValues"])
			}
		}
		tree, err := parser.Parse(parser.ParseParams{Source: s.SDL()})
		if err != nil {
			t.Fatal(err)
		}
		for _, def := range tree.Definitions {
			name, n := members(def)
			if introspected[name] != n {
				t.Errorf("%s: %s has %d members in the SDL, %d introspected", path, name, n, introspected[name])
			}
			delete(introspected, name)
		}
		for _, builtIn := range []string{"ID", "String", "Int", "Float", "Boolean"} {
			delete(introspected, builtIn)
		}
		if len(introspected) > 0 {
			t.Errorf("%s: not in the SDL: %v", path, introspected)
		}
	}
}

func lengthOf(v any) int {
	list, _ := v.([]any)
	return len(list)
}

// members returns the name of a definition and how many members it has.
func members(def ast.Node) (string, int) {
	switch def := def.(type) {
	case *ast.ObjectDefinition:
		return def.Name.Value, len(def.Fields)
	case *ast.InterfaceDefinition:
		return def.Name.Value, len(def.Fields)
	case *ast.EnumDefinition:
		return def.Name.Value, len(def.Values)
	case *ast.InputObjectDefinition:
		return def.Name.Value, len(def.Fields)
	case *ast.ScalarDefinition:
		return def.Name.Value, 0
	}
	return fmt.Sprintf("%T", def), -1
}

// TestEveryFieldHasAReader holds the one table of places against the types.
func TestEveryFieldHasAReader(t *testing.T) {
	f := loadFixture(t, "testdata/sdl.txtar")
	for _, typ := range newSchema(t, f.model, Config{}).types {
		for _, field := range typ.fields {
			p := field.place
			if readers[p.kind] == nil && p.meta == nil {
				t.Errorf("%s.%s has no reader", typ.name, field.name)
			}
			if p.kind == property && p.field == nil || p.kind == inverse && p.inverse == nil {
				t.Errorf("%s.%s names no place", typ.name, field.name)
			}
		}
	}
}

// TestErrorsSayWhatTheyAre: every code has one row, and sentinels keep their text
// while anything else does not.
func TestErrorsSayWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		err     error
		code    Code
		message string
	}{
		{fmt.Errorf("no revision %q: %w", "x", content.ErrNotFound), CodeNotFound, `no revision "x"`},
		{fmt.Errorf("hidden: %w", content.ErrForbidden), CodeForbidden, "hidden"},
		{fmt.Errorf("say who: %w", content.ErrUnauthenticated), CodeUnauthenticated, "say who"},
		{fmt.Errorf("bad time: %w", content.ErrInvalid), CodeBadInput, "bad time"},
		{fmt.Errorf("later: %w", content.ErrUnavailable), CodeUnavailable, "later"},
		{fmt.Errorf("too much: %w", content.ErrTooLarge), CodeTooLarge, "too much"},
		{fmt.Errorf("read /etc: %w", context.DeadlineExceeded), CodeTimeout, "the time for one request was over"},
		{fmt.Errorf("read /etc: %w", context.Canceled), CodeCancelled, "the client went away"},
		{errors.New("/etc/secret is gone"), CodeInternal, "internal error"},
		{&Error{Code: CodeMethod, Message: "no"}, CodeMethod, "no"},
	} {
		if code, message := describeError(c.err); code != c.code || message != c.message {
			t.Errorf("%v: %s %q", c.err, code, message)
		}
	}
	seen := map[Code]bool{}
	for _, row := range codeTable {
		if seen[row.code] || row.status < 400 || row.meaning == "" {
			t.Errorf("row %v", row)
		}
		seen[row.code] = true
	}
}

// TestLimits: just inside passes, just outside is named.
func TestLimits(t *testing.T) {
	model, files := digestModel(t)
	view := newView(t, model, files, "")
	_, told := past(t)
	rep := strings.Repeat
	for name, c := range map[string]struct {
		limits          Limits
		inside, outside string
		says            string
	}{
		"bytes":      {Limits{Bytes: 20}, "{__typename        }", "{__typename         }", "21 bytes; the limit is 20"},
		"tokens":     {Limits{Tokens: 4}, "{ a: __typename }"[:0] + "{ __typename __typename }", "{ __typename __typename __typename }", "more than 4 tokens"},
		"depth":      {Limits{Depth: 3}, "{ model { collections { name } } }", "{ model { collections { references { field } } } }", "deeper than 3"},
		"operations": {Limits{Operations: 1}, "{ __typename }", "query A { __typename } query B { __typename }", "2 operations; the limit is 1"},
		"fragments":  {Limits{Fragments: 1}, "{ ...A } fragment A on Query { __typename }", "{ ...A ...B } fragment A on Query { __typename } fragment B on Query { __typename }", "2 fragments"},
		"fields":     {Limits{Fields: 2}, "{ a: __typename b: __typename }", "{ a: __typename b: __typename c: __typename }", "has 3 fields"},
		"repeats":    {Limits{Repeats: 2}, "{ __typename __typename }", "{ __typename __typename __typename }", `"__typename" stands more than 2 times`},
		"aliases":    {Limits{Aliases: 2}, "{ a: __typename b: __typename }", "{ a: __typename b: __typename c: __typename }", "more than 2 aliases"},
		"work":       {Limits{Work: 20}, "{ ...A } fragment A on Query { __typename }", "{ model { ...A } } fragment A on Model { " + rep("...{languages} ", 12) + " }", "visits more than 20 fields"},
		"cost":       {Limits{Cost: 250}, "{ projects(first: 100) { nodes { id } } }", "{ projects(first: 100) { nodes { id name } } }", "more than 250 values"},
		"cost of nested pages": {Limits{Cost: 5000}, "{ themes(first: 10) { nodes { projects { nodes { id } } } } }",
			"{ themes(first: 100) { nodes { projects { nodes { id name } } } } }", "more than 5000 values"},
		"cost of facets": {Limits{Cost: 500}, "{ projects { a: facets(field: ROUND) { value } b: facets(field: ROUND, first: 1) { value } } }",
			"{ projects { a: facets(field: ROUND) { value } b: facets(field: ROUND) { value count } c: facets(field: NAME, first: 1) { value } } }", "more than 500 values"},
		"searches":       {Limits{Searches: 1}, `{ projects(search: "a") { totalCount } themes(search: " ") { totalCount } }`, `{ projects(search: "a") { totalCount } search(query: "a") { totalCount } }`, "more than 1 times"},
		"search text":    {Limits{SearchText: 3}, `{ projects(search: " åäö ") { totalCount } }`, `{ search(query: "åäöå") { totalCount } }`, "The search has 4 characters; the limit is 3"},
		"cost of search": {Limits{Cost: 1500}, `{ projects(search: "a") { totalCount } }`, `{ projects(search: "a") { totalCount } search(query: "a") { totalCount } }`, "more than 1500 values"},
		"cost of highlights": {Limits{Cost: 2000}, `{ search(query: "a", first: 10) { edges { highlights { text } } } }`,
			`{ search(query: "a", first: 20) { edges { highlights { text } } } }`, "more than 2000 values"},
		"cost of histories": {Limits{Cost: 3000}, `{ projects(first: 10) { nodes { history(first: 2) { nodes { kind } } } } }`,
			`{ projects(first: 10) { nodes { history { nodes { fields { field } } } } } }`, "more than 3000 values"},
		"cost of counting changes": {Limits{Cost: 400}, `{ changes(first: 1) { totalCount } }`, `{ changes(first: 1) { totalCount facets(field: KIND) { value } } }`, "more than 400 values"},
		"cost of differences":      {Limits{Cost: 1500}, `{ diff(from: "v1") { totalCount } }`, `{ diff(from: "v1") { totalCount } b: diff(from: "v1") { totalCount } }`, "more than 1500 values"},
		"searches in the past":     {Limits{Searches: 1}, `{ textHistory(contains: "a") { nodes { value } } }`, `{ textHistory(contains: "a") { nodes { value } } search(query: "a") { totalCount } }`, "more than 1 times"},
		"author":                   {Limits{SearchText: 3}, `{ changes(author: " åäö ") { totalCount } }`, `{ changes(author: "åäöå") { totalCount } }`, "\"author\" has 4 characters; the limit is 3"},
		"revisions of differences": {Limits{Revisions: 2}, `{ diff(from: "v1", to: "v2") { totalCount } }`, `{ diff(from: "v1", to: "v2") { totalCount } commit(revision: "v3") { hash } }`, "reads 3 revisions; the limit is 2"},
		"conditions":               {Limits{Conditions: 3}, "{ projects(where: {name: {eq: \"a\"}}) { totalCount } }", "{ projects(where: {name: {eq: \"a\", ne: \"b\"}, id: {eq: \"x\"}}) { totalCount } }", "5 conditions; the limit is 3"},
		"orders":                   {Limits{Orders: 1}, "{ projects(orderBy: {field: NAME}) { totalCount } }", "{ projects(orderBy: [{field: NAME}, {field: ID}]) { totalCount } }", "2 orders; the limit is 1"},
		"page size":                {Limits{MaxPageSize: 30}, "{ projects(first: 30) { totalCount } }", "{ projects(last: 31) { totalCount } }", "the limit is 30"},
		"answer bytes":             {Limits{AnswerBytes: 200}, "{ project(id: \"alfa\") { name } }", "{ project(id: \"alfa\") { document d: document valid } }", "more than 200 bytes"},
		"revisions": {Limits{Revisions: 1}, `{ a: project(id: 1, at: "v1") { id } b: project(id: 2, at: "v1") { id } }`,
			`{ a: project(id: 1, at: "v1") { id } b: project(id: 2, at: "v2") { id } }`, "reads 2 revisions; the limit is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchema(t, model, Config{Limits: c.limits, Searcher: fakeSearch{}, Histories: told})
			at := revisionMap{"v1": view, "v2": view}
			if in := s.Do(t.Context(), view, at, Request{Query: c.inside}); in.Failed {
				t.Errorf("inside: %s", in.Body)
			}
			out := s.Do(t.Context(), view, at, Request{Query: c.outside})
			if !strings.Contains(string(out.Body), strings.ReplaceAll(c.says, `"`, `\"`)) || out.Code != CodeTooLarge && name != "page size" {
				t.Errorf("outside: %s", out.Body)
			}
		})
	}
}

// TestVariableLimits: as many values as allowed, and as deep.
func TestVariableLimits(t *testing.T) {
	model, files := digestModel(t)
	view := newView(t, model, files, "")
	s := newSchema(t, model, Config{Limits: Limits{Variables: 4}})
	query := "query ($x: [String!]) { projects(where: {name: {in: $x}}) { totalCount } }"
	if in := s.Do(t.Context(), view, nil, Request{Query: query, Variables: map[string]any{"x": []any{"a", "b", "c"}}}); in.Failed {
		t.Errorf("inside: %s", in.Body)
	}
	out := s.Do(t.Context(), view, nil, Request{Query: query, Variables: map[string]any{"x": []any{"a", "b", "c", "d"}}})
	if out.Code != CodeTooLarge || out.Executed {
		t.Errorf("outside: %s", out.Body)
	}
}

// TestTimeoutStopsTheWork: an answer that takes too long is given up soon after the
// time is over, inside filters and inside the executor alike, and no goroutine is
// left behind.
func TestTimeoutStopsTheWork(t *testing.T) {
	model, _ := digestModel(t)
	view := bigView(t, model, 3000)
	for name, query := range map[string]string{
		"executor": "{" + aliases(20, `projects(first: 500) { nodes { key path title document participants { municipality { name } } } }`) + "}",
		"filter":   "{" + aliases(60, `projects(where: {or: [{name: {contains: "zzz"}}, {participants: {some: {municipality: {name: {contains: "zzz"}}}}}]}) { totalCount }`) + "}",
		"facets":   "{ projects { " + aliases(60, `facets(field: PARTICIPANTS_MUNICIPALITY_POPULATION) { value label }`) + "} }",
		"loosened": "{ projects(where: {name: {ne: \"x\"}}) { " + aliases(60, `facets(field: NAME) { value label }`) + "} }",
		"orders":   "{" + aliases(60, `projects(orderBy: [{field: NAME}, {field: GRANT}], where: {name: {ne: "x"}}) { totalCount }`) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchema(t, model, Config{Limits: Limits{Timeout: 30 * time.Millisecond, Cost: 1 << 30}})
			before := runtime.NumGoroutine()
			start := time.Now()
			response := s.Do(t.Context(), view, nil, Request{Query: query})
			took := time.Since(start)
			if response.Code != CodeTimeout || string(response.Body[len(response.Body)-12:]) != `"data":null}` || !response.Executed {
				t.Errorf("%v: %s", took, shorten(string(response.Body)))
			}
			if most := 500 * time.Millisecond; took > most && !raceEnabled {
				t.Errorf("took %v", took)
			}
			after := runtime.NumGoroutine()
			for range 100 { // the executor's own may have answered and not ended yet
				if after <= before {
					break
				}
				time.Sleep(time.Millisecond)
				after = runtime.NumGoroutine()
			}
			if after > before {
				t.Errorf("%d goroutines before, %d after", before, after)
			}
		})
	}
}

// waiting is a Revisions that waits for its context.
type waiting struct{}

func (waiting) At(ctx context.Context, _ string) (*content.View, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("read objects: %w", ctx.Err())
}

func TestTimeoutReachesRevisions(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{Limits: Limits{Timeout: 10 * time.Millisecond}})
	response := s.Do(t.Context(), newView(t, model, files, ""), waiting{}, Request{Query: `{ projects(at: "main") { totalCount } }`})
	if response.Code != CodeTimeout {
		t.Errorf("%s", response.Body)
	}
}

func TestClientThatWentAwayIsNotAnswered(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	response := s.Do(ctx, newView(t, model, files, ""), nil, Request{Query: `{ projects { totalCount } }`})
	if response.Code != CodeCancelled || response.Status != 499 {
		t.Errorf("%s", response.Body)
	}
}

// TestResponseSaysWhatHTTPNeeds holds the fields beside Body.
func TestResponseSaysWhatHTTPNeeds(t *testing.T) {
	model, files := digestModel(t)
	view := newView(t, model, files, "")
	s := newSchema(t, model, Config{})
	for name, c := range map[string]struct {
		request Request
		want    Response
	}{
		"an answer":             {Request{Query: "{ __typename }"}, Response{Executed: true, Status: 200}},
		"another revision":      {Request{Query: `{ projects(at: "v1") { totalCount } }`}, Response{Executed: true, Revisioned: true, Status: 200}},
		"an unknown revision":   {Request{Query: `{ project(id: 1, at: "v2") { id } }`}, Response{Executed: true, Revisioned: true, Failed: true, Code: CodeNotFound, Status: 200}},
		"a syntax error":        {Request{Query: "{"}, Response{Failed: true, Code: CodeParse, Status: 400}},
		"a wrong field":         {Request{Query: "{ x }"}, Response{Failed: true, Code: CodeValidation, Status: 400}},
		"a wrong variable":      {Request{Query: "query ($n: Int!) { projects(first: $n) { totalCount } }"}, Response{Failed: true, Code: CodeBadInput, Status: 400}},
		"a limit":               {Request{Query: "{ " + strings.Repeat("__typename ", 21) + "}"}, Response{Failed: true, Code: CodeTooLarge, Status: 413}},
		"a mutation by GET":     {Request{Query: "mutation { __typename }", ReadOnly: true}, Response{Mutation: true, Failed: true, Code: CodeMethod, Status: 405}},
		"a mutation":            {Request{Query: "mutation { __typename }"}, Response{Executed: true, Mutation: true, Revisioned: true, Status: 200}},
		"a mutation by nobody":  {Request{Query: "mutation { closeProposal(number: 1) { ok } }"}, Response{Mutation: true, Failed: true, Code: CodeUnauthenticated, Status: 401}},
		"a wrong subscription":  {Request{Query: "subscription { __typename }"}, Response{Failed: true, Code: CodeValidation, Status: 400}},
		"a subscription":        {Request{Query: "subscription { changes { key } }"}, Response{Failed: true, Code: CodeBadInput, Status: 400}},
		"a subscription by GET": {Request{Query: "subscription { changes { key } }", ReadOnly: true}, Response{Failed: true, Code: CodeBadInput, Status: 400}},
	} {
		got := s.Do(t.Context(), view, revisionMap{"v1": view}, c.request)
		c.want.Body, c.want.Errors = got.Body, got.Errors
		if fmt.Sprint(*got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestWithoutCollections: a model may be empty.
func TestWithoutCollections(t *testing.T) {
	model := &content.Model{}
	s := newSchema(t, model, Config{})
	view := &content.View{Key: "empty", Model: model, Snapshot: content.NewSnapshot(nil, nil, nil)}
	data := ask(t, s, view, `{ model { languages collections { name } } problems { rule } view { commit records } }`, nil)
	got, _ := json.Marshal(data)
	if want := `{"model":{"collections":[],"languages":[]},"problems":[],"view":{"commit":null,"records":0}}`; string(got) != want {
		t.Errorf("%s", got)
	}
	readable(t, s.SDL())
}

// TestReadersAndSwap: many readers, views and schemas being swapped under them, all
// with one cache of queries each; every answer is of one view. Run with -race.
func TestReadersAndSwap(t *testing.T) {
	model, files := digestModel(t)
	type served struct {
		schema *Schema
		view   *content.View
	}
	var current atomic.Pointer[served]
	next := func(n int) {
		records := map[string]string{}
		for name, text := range files {
			records[name] = text
		}
		for i := range 30 {
			records[projectPath(i)] = fmt.Sprintf(`{"name": {"fi": "v%d"}, "ordinal": %[1]d, "themes": ["data"]}`, n)
		}
		m, _ := digestModel(t)
		current.Store(&served{newSchema(t, m, Config{Searcher: fakeSearch{}}), newView(t, m, records, "")})
	}
	next(0)
	_ = model
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	var readers sync.WaitGroup
	var answers atomic.Int64
	for reader := range 6 {
		readers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				now := current.Load()
				query := fmt.Sprintf(`query ($f: Boolean!) { projects(where: {id: {startsWith: "p"}}, search: "name", orderBy: [{field: NAME}, {field: THEMES, direction: DESC}, {field: RELEVANCE}], first: %d) {
  facets(field: NAME) { name: value } edges { score highlights { html } }
  nodes { name ordinal @include(if: $f) themes { projects(first: 30, where: {id: {startsWith: "p"}}) { nodes { name } } } } } record(collection: "themes", id: "data") { __typename ... on Theme { name } } __type(name: "Project") { kind } }`, 3+(n+reader)%4)
				response := now.schema.Do(context.Background(), now.view, nil, Request{Query: query, Variables: map[string]any{"f": n%2 == 0}})
				oneView(t, response)
				answers.Add(1)
			}
		})
	}
	for n := 1; ctx.Err() == nil; n++ {
		next(n)
	}
	readers.Wait()
	if answers.Load() < 20 {
		t.Errorf("only %d answers", answers.Load())
	}
}

// oneView reports an answer with names of two views.
func oneView(t *testing.T, response *Response) {
	if response.Failed {
		t.Errorf("%s", response.Body)
	}
	names := map[string]bool{}
	for _, part := range strings.Split(string(response.Body), `"name":"v`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		names[name] = true
	}
	if len(names) != 1 {
		t.Errorf("names %v in %s", names, response.Body)
	}
}

// FuzzQuery: whatever is asked, the answer is JSON, comes soon, and is no internal
// error.
func FuzzQuery(f *testing.F) {
	fixture, histories := past(f)
	s := newSchema(f, fixture.model, Config{Searcher: fakeSearch{}, Histories: histories, OnInternal: func(error) {}})
	for _, request := range hostile() {
		if len(request.Query) < 2000 {
			f.Add(request.Query, "")
		}
	}
	for _, name := range []string{"order", "filter-relations", "variables", "answer-order", "strings", "record", "introspection-type", "facets", "facets-where", "search", "search-collection", "order-nested", "history", "last-change", "changes", "steps", "diff", "moved", "text-history", "order-dated", "propose", "propose-literals", "propose-wrong", "merge", "restore", "mutation-order", "proposal-checks"} {
		seed := loadFixture(f, "testdata/"+name+".txtar")
		f.Add(seed.files["query.graphql"], seed.files["variables.json"])
	}
	f.Add(`subscription ($c: String) { changes(collection: $c, kind: [CREATED]) { ...F ... on Change { kind } } } fragment F on Change { key }`, `{"c": "projects"}`)
	f.Fuzz(func(t *testing.T, query, variables string) {
		var decoded map[string]any
		d := json.NewDecoder(strings.NewReader(variables))
		d.UseNumber()
		_ = d.Decode(&decoded)
		start := time.Now()
		s.config.Proposals = manyProposals(20)
		request := Request{Query: query, Variables: decoded, Actor: maintainer}
		if kind, _ := s.Operation(request); kind == OperationMutation {
			refused := s.Do(t.Context(), fixture.view, fixture.at, Request{Query: query, Variables: decoded, ReadOnly: true})
			if refused.Code != CodeMethod || len(s.config.Proposals.(*fakeProposals).calls) > 0 {
				t.Errorf("%s", refused.Body)
			}
		}
		response := s.Do(t.Context(), fixture.view, fixture.at, request)
		if !json.Valid(response.Body) || response.Code == CodeInternal {
			t.Errorf("%s", response.Body)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("took %v", took)
		}
		sub, refused := s.Subscribe(fixture.view, Request{Query: query, Variables: decoded, Resume: strings.Repeat("c1", 20)})
		if refused != nil && (!json.Valid(refused.Body) || refused.Code == CodeInternal) {
			t.Errorf("%s", refused.Body)
		}
		if sub != nil {
			for e := range sub.Next(t.Context(), fixture.view, fixture.at) {
				if !json.Valid(e.Body) || bytes.ContainsAny(e.Body, "\r\n") {
					t.Errorf("%s", e.Body)
				}
			}
		}
	})
}

// TestFold: the short way for common letters is the long one.
func TestFold(t *testing.T) {
	for r := rune(0); r < 0x250; r++ {
		if got, want := fold(string(r)), norm.NFC.String(cases.Fold().String(string(r))); got != want {
			t.Errorf("%U: %q, not %q", r, got, want)
		}
	}
	for a, b := range map[string]string{"ÅÄÖ": "åäö", "A\u030a": "å", "STRASSE": "straße", "ΣΑΣ": "σας", "Ｋ": "ｋ"} {
		if fold(a) != fold(b) {
			t.Errorf("%q is %q, %q is %q", a, fold(a), b, fold(b))
		}
	}
}

// TestQueriesAreValidatedOnce: by text, whatever the variables.
func TestQueriesAreValidatedOnce(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{Limits: Limits{Cached: 2}})
	view := newView(t, model, files, "")
	query := `query ($n: Int) { projects(first: $n) { nodes { id } } }`
	ask(t, s, view, query, map[string]any{"n": 1})
	first, _ := s.documents.Get(query)
	ask(t, s, view, query, map[string]any{"n": 2})
	if second, _ := s.documents.Get(query); first == nil || first != second {
		t.Errorf("%p, then %p", first, second)
	}
	for i := range 10 {
		ask(t, s, view, fmt.Sprintf("{ a%d: __typename }", i), nil)
	}
	if n := s.documents.Len(); n != 2 {
		t.Errorf("%d queries are kept", n)
	}
}

// TestPanicsStayInside: the client learns nothing, the operator everything, and
// neighbours that may be null are answered.
func TestPanicsStayInside(t *testing.T) {
	model, files := digestModel(t)
	var told []string
	s := newSchema(t, model, Config{OnInternal: func(err error) { told = append(told, err.Error()) }})
	view := newView(t, model, files, "")
	broken := *view
	broken.Snapshot = content.NewSnapshot(nil, map[content.CollectionName][]*content.Record{
		"projects": {{Ref: content.Ref{Collection: "projects", ID: "alfa"}}}, // no document
	}, nil)
	response := s.Do(t.Context(), &broken, nil, Request{Query: `{ __typename project(id: "alfa") { id key } }`})
	want := `{"errors":[{"message":"internal error","locations":[{"line":1,"column":14}],"path":["project"],"extensions":{"code":"INTERNAL"}}],"data":{"__typename":"Query","project":null}}`
	if string(response.Body) != want {
		t.Errorf("%s", response.Body)
	}
	if len(told) != 1 || !strings.Contains(told[0], "nil pointer") || !strings.Contains(told[0], "graphql.go") && !strings.Contains(told[0], "read.go") && !strings.Contains(told[0], "resolve.go") {
		t.Errorf("told %q", told)
	}
}

func TestWithoutRevisions(t *testing.T) {
	model, files := digestModel(t)
	s := newSchema(t, model, Config{})
	response := s.Do(t.Context(), newView(t, model, files, ""), nil, Request{Query: `{ project(id: "alfa", at: "main") { id } }`})
	if response.Code != CodeUnavailable {
		t.Errorf("%s", response.Body)
	}
}

// TestSchemasAreMadeSideBySide: graphql-go fills in types shared by all schemas when
// it first meets them (#468). Run with -race.
func TestSchemasAreMadeSideBySide(t *testing.T) {
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			model, files := digestModel(t)
			s := newSchema(t, model, Config{})
			ask(t, s, newView(t, model, files, ""), `{ __schema { types { kind } } projects { nodes { participants { role } } } }`, nil)
		})
	}
	all.Wait()
}
