package graphql

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

var maintainer = content.Actor{ID: "aino@example.fi", Role: content.RoleMaintainer, Person: content.Person{Name: "Aino Virtanen", Email: "aino@example.fi", Identity: content.IdentityToken}}

// desktop is the digest with its history and what is proposed.
func desktop(t testing.TB, limits Limits) (*fixture, *fakeProposals, *Schema) {
	t.Helper()
	f := loadFixture(t, "testdata/proposal.txtar")
	p := f.proposals(t)
	return f, p, newSchema(t, f.model, Config{Histories: f.histories(t), Proposals: p, Limits: limits})
}

// TestWhatIsProposedIsReadOnce: however often and by whatever way it is asked for.
func TestWhatIsProposedIsReadOnce(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		want  []string
	}{
		"a report for all that it tells": {
			`{ proposal(number: 12) { mergeable conflicts { path } checks { name } again: checks { status } } proposals(first: 2) { nodes { mergeable } } }`,
			[]string{"list ", "proposal 12", "report 11 d1", "report 12 d2"},
		},
		"no report that is not asked for": {`{ proposals { nodes { title reviews { text } } } }`, []string{"list "}},
		"a record by all ways": {
			`{ project(id: "beta") { proposals { number } again: proposals { title } } projects { nodes { id } } record(collection: "projects", id: "beta") { proposals { number } } }`,
			[]string{"list ", "list projects/beta"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, p, s := desktop(t, Limits{})
			if response := s.Do(t.Context(), f.view, f.at, Request{Query: c.query, Actor: maintainer}); response.Failed {
				t.Fatalf("%s", response.Body)
			}
			slices.Sort(p.calls)
			if diff := cmp.Diff(c.want, p.calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWithoutOpenProposalsAPageOfRecordsAsksOnce, not once for each record.
func TestWithoutOpenProposalsAPageOfRecordsAsksOnce(t *testing.T) {
	f, p, s := desktop(t, Limits{})
	p.All = p.All[2:]
	response := s.Do(t.Context(), f.view, f.at, Request{Query: `{ projects { nodes { proposals { number } } } }`, Actor: maintainer})
	if response.Failed || strings.Contains(string(response.Body), "number") || !slices.Equal(p.calls, []string{"list "}) {
		t.Errorf("%q: %s", p.calls, response.Body)
	}
}

// TestMutationsAreDoneOnceAndInOrder, and their answers are of that moment and for nobody
// else.
func TestMutationsAreDoneOnceAndInOrder(t *testing.T) {
	f, p, s := desktop(t, Limits{})
	response := s.Do(t.Context(), f.view, f.at, Request{Actor: maintainer, Query: `
fragment Last on Mutation { z: reopenProposal(number: 12) { proposal { state record(collection: "projects", id: "beta") { id } diffs { kind } checks { name } } } }
mutation {
  c: commentProposal(number: 12, text: "x") { ok ok2: ok proposal { number mergeable } }
  b: closeProposal(number: 12) { proposal { state mergeable } }
  ...Last
  a: commentProposal(number: 12, text: "y") { proposal { comments { text } } }
  c: commentProposal(number: 12, text: "x") { proposal { title } }
}`})
	want := []string{"comment 12", "report 12 d2", "close 12", "report 12 d2", "reopen 12", "report 12 d2", "comment 12"}
	if diff := cmp.Diff(want, p.calls); diff != "" || response.Failed {
		t.Errorf("%s%s", diff, response.Body)
	}
	if !response.Mutation || !response.Revisioned || response.Pinned || !response.Executed || response.Status != 200 {
		t.Errorf("%+v", response)
	}
}

// TestWhatIsRefusedBeforehandDoesNothing, also what stands before it.
func TestWhatIsRefusedBeforehandDoesNothing(t *testing.T) {
	const good = `a: closeProposal(number: 12) { ok } `
	deep := any("x")
	for range content.MaxDepth + 40 {
		deep = []any{deep}
	}
	document := `mutation ($d: JSON!) { ` + good + `b: propose(input: {title: "t", edits: [{put: {collection: "projects", id: "x", document: $d}}]}) { ok } }`
	file := `mutation ($b: String!) { ` + good + `b: propose(input: {title: "t", edits: [{putFile: {path: "x", base64: $b}}]}) { ok } }`
	editor, nobody := maintainer, content.Actor{Role: content.RoleMaintainer}
	editor.Role = content.RoleEditor
	for name, c := range map[string]struct {
		actor     content.Actor
		limits    Limits
		query     string
		variables map[string]any
		code      Code
	}{
		"by GET":                       {actor: maintainer, query: `mutation { ` + good + ` }`, code: CodeMethod},
		"by nobody":                    {actor: nobody, query: `mutation { ` + good + ` }`, code: CodeUnauthenticated},
		"without the role":             {actor: editor, query: `mutation { ` + good + `mergeProposal(number: 12, head: "` + strings.Repeat("d2", 20) + `") { ok } }`, code: CodeForbidden},
		"by an unknown role":           {actor: content.Actor{ID: "x", Role: "root"}, query: `mutation { ` + good + ` }`, code: CodeForbidden},
		"a wrong argument":             {actor: maintainer, query: `mutation { ` + good + `mergeProposal(number: 12, head: "main") { ok } }`, code: CodeBadInput},
		"too many":                     {actor: maintainer, query: `mutation { ` + good + aliases(20, `commentProposal(number: 12, text: "x") { ok }`) + ` }`, code: CodeTooLarge},
		"too many by fragments":        {actor: maintainer, query: `mutation { ` + good + `...A ...B } fragment A on Mutation {` + aliases(10, `closeProposal(number: 12) { ok }`) + `} fragment B on Mutation {` + numbered(10, `b%d: closeProposal(number: 12) { ok } `) + `}`, code: CodeTooLarge},
		"a deep document":              {actor: maintainer, query: document, variables: map[string]any{"d": deep}, code: CodeTooLarge},
		"a wide document":              {actor: maintainer, limits: Limits{Written: 4}, query: document, variables: map[string]any{"d": []any{"a", "b", nil, "d"}}, code: CodeTooLarge},
		"no document":                  {actor: maintainer, query: document, code: CodeBadInput},
		"a null document":              {actor: maintainer, query: document, variables: map[string]any{"d": nil}, code: CodeBadInput},
		"a file that is too large":     {actor: maintainer, query: file, variables: map[string]any{"b": base64.StdEncoding.EncodeToString(make([]byte, content.MaxFile+1))}, code: CodeTooLarge},
		"a file that is far too large": {actor: maintainer, query: file, variables: map[string]any{"b": strings.Repeat("A", 2*content.MaxFile)}, code: CodeTooLarge},
		"a long title":                 {actor: maintainer, query: `mutation ($t: String!) { ` + good + `b: propose(input: {title: $t, edits: []}) { ok } }`, variables: map[string]any{"t": strings.Repeat("å", 126)}, code: CodeTooLarge},
		"a long comment":               {actor: maintainer, query: `mutation ($t: String!) { ` + good + `b: commentProposal(number: 12, text: $t) { ok } }`, variables: map[string]any{"t": strings.Repeat("x", content.MaxText+1)}, code: CodeTooLarge},
		"too many edits": {actor: maintainer, query: `mutation ($e: [EditInput!]!) { ` + good + `b: validate(edits: $e) { ok } }`,
			variables: map[string]any{"e": slices.Repeat([]any{map[string]any{"deleteFile": map[string]any{"path": "x"}}}, content.MaxEdits+1)}, code: CodeTooLarge},
		"too many resolutions": {actor: maintainer, query: `mutation ($r: [ResolutionInput!]) { ` + good + `b: mergeProposal(number: 12, head: "` + strings.Repeat("d2", 20) + `", resolutions: $r) { ok } }`,
			variables: map[string]any{"r": slices.Repeat([]any{map[string]any{"path": "x", "remove": true}}, content.MaxEdits+1)}, code: CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			f, p, s := desktop(t, c.limits)
			response := s.Do(t.Context(), f.view, f.at, Request{Query: c.query, Variables: c.variables, Actor: c.actor, ReadOnly: c.code == CodeMethod})
			if response.Code != c.code || response.Executed || !response.Mutation || len(p.calls) > 0 {
				t.Errorf("%q: %s", p.calls, shorten(string(response.Body)))
			}
		})
	}
}

// TestLargeEditsAreTaken: documents as deep as they may be, more values than a query may
// have, and attachments.
func TestLargeEditsAreTaken(t *testing.T) {
	f, p, s := desktop(t, Limits{})
	deep := any(nil)
	for range content.MaxDepth {
		deep = []any{deep}
	}
	file := make([]byte, content.MaxFile)
	response := s.Do(t.Context(), f.view, f.at, Request{Actor: maintainer, Query: `mutation ($e: [EditInput!]!) { propose(input: {title: "t", edits: $e}) { ok } }`, Variables: map[string]any{"e": []any{
		map[string]any{"put": map[string]any{"collection": "projects", "id": "deep", "document": deep}},
		map[string]any{"put": map[string]any{"collection": "projects", "id": "wide", "document": slices.Repeat([]any{json.Number("1.0")}, 50_000)}},
		map[string]any{"putFile": map[string]any{"path": "records/projects/files/x", "base64": base64.StdEncoding.EncodeToString(file)}},
	}}})
	if string(response.Body) != `{"data":{"propose":{"ok":true}}}` {
		t.Fatalf("%s", response.Body)
	}
	told := p.All[0].Description
	if want := strings.Repeat("[", content.MaxDepth) + "null" + strings.Repeat("]", content.MaxDepth); !strings.Contains(told, want) || strings.Count(told, "1.0") != 50_000 || !strings.Contains(told, string(file)) {
		t.Errorf("not all of it came through: %d bytes", len(told))
	}
}

// TestJSONComesThroughAsItIs: as variables of whatever form, and as literals.
func TestJSONComesThroughAsItIs(t *testing.T) {
	put := func(document string) string {
		return `propose(input: {title: "t", edits: [{put: {collection: "c", id: "i", document: ` + document + `}}]}) { ok }`
	}
	patch := `propose(input: {title: "t", edits: [{patch: {collection: "c", id: "i", patch: $v}}]}) { ok }`
	for name, c := range map[string]struct {
		query, variables, want string
	}{
		"null in a patch, a variable": {`mutation ($v: JSON!) { ` + patch + ` }`, `{"v": [{"op":"add","path":"/x","value":null}]}`, `[{"op":"add","path":"/x","value":null}]`},
		"null in a patch, a literal":  {`mutation { ` + strings.ReplaceAll(patch, "$v", `[{op: "add", path: "/x", value: null}]`) + ` }`, `{}`, `[{"op":"add","path":"/x","value":null}]`},
		"null in a default":           {`mutation ($v: JSON! = [null, {a: null}]) { ` + put("$v") + ` }`, `{}`, `[null,{"a":null}]`},
		"the whole input":             {`mutation ($v: ProposeInput!) { propose(input: $v) { ok } }`, `{"v": {"title": "t", "edits": [{"put": {"collection": "c", "id": "i", "document": {"a": [null]}}}]}}`, `{"a":[null]}`},
		"digits":                      {`mutation ($v: JSON!) { ` + put("$v") + ` }`, `{"v": [1.0, 1e2, -0, 100000000000000000000000001, 0.1000]}`, `[1.0,1e2,-0,100000000000000000000000001,0.1000]`},
		"digits of literals":          {`mutation { ` + put(`[1.0, 1e2, -0, 100000000000000000000000001, 0.1000]`) + ` }`, `{}`, `[1.0,1e2,-0,100000000000000000000000001,0.1000]`},
		"texts":                       {`mutation ($v: JSON!) { ` + put("$v") + ` }`, `{"v": ["", "\u0000\u2028\"\\/", "😀", "null"]}`, "[\"\",\"\\u0000\u2028\\\"\\\\/\",\"😀\",\"null\"]"},
		"texts of literals":           {`mutation { ` + put(`["", """b "c" """, "\u0041", "null"]`) + ` }`, `{}`, `["","b \"c\" ","A","null"]`},
		"scalars":                     {`mutation ($v: JSON!) { ` + put("$v") + ` }`, `{"v": "text"}`, `"text"`},
		"odd names":                   {`mutation ($v: JSON!) { ` + put("$v") + ` }`, `{"v": {"": 1, "a b": 2, "null": 3, "$v": 4}}`, `{"":1,"$v":4,"a b":2,"null":3}`},
		"variables inside":            {`mutation ($v: JSON, $n: Int, $t: DateTime, $e: MergeSide, $no: String) { ` + put(`{a: $v, b: [$n, $no], c: $t, d: $e, e: $no}`) + ` }`, `{"v": null, "n": 1, "t": "2021-03-31T12:00:00+03:00", "e": "OURS"}`, `{"a":null,"b":[1,null],"c":"2021-03-31T12:00:00+03:00","d":"OURS"}`},
		"a list of texts inside":      {`mutation ($l: [String!]) { ` + put(`{a: $l}`) + ` }`, `{"l": ["x"]}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			f, p, s := desktop(t, Limits{})
			request := Request{Actor: maintainer, Query: c.query}
			decodeNumbers(t, c.variables, &request.Variables)
			response := s.Do(t.Context(), f.view, f.at, request)
			if c.want == "" {
				if response.Code != CodeBadInput || !strings.Contains(string(response.Body), "must be declared as JSON") {
					t.Errorf("%s", response.Body)
				}
				return
			}
			if response.Failed {
				t.Fatalf("%s", response.Body)
			}
			if _, got, _ := strings.Cut(p.All[0].Description, " c/i "); got != c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
}

// TestOperationIsToldBeforehand, and nothing is done.
func TestOperationIsToldBeforehand(t *testing.T) {
	_, p, s := desktop(t, Limits{})
	for query, want := range map[string]struct {
		kind   OperationKind
		fields int
	}{
		`{ view { commit } model { languages } }`: {OperationQuery, 2},
		`subscription { changes { key } }`:        {OperationSubscription, 1},
		`mutation { a: closeProposal(number: 1) { ok } ...F ... { c: closeProposal(number: 1) @skip(if: true) { ok } } a: closeProposal(number: 1) { ok } } fragment F on Mutation { b: closeProposal(number: 2) { ok } }`: {OperationMutation, 3},
		`mutation { nothing }`: {"", 0},
		`{`:                    {"", 0},
		`mutation ($n: Int!) { closeProposal(number: $n) { ok } }`: {OperationMutation, 1},
	} {
		if kind, fields := s.Operation(Request{Query: query}); kind != want.kind || fields != want.fields {
			t.Errorf("%s: %q, %d", query, kind, fields)
		}
	}
	both := Request{Query: `query A { __typename } mutation B { closeProposal(number: 1) { ok } }`, OperationName: "B"}
	if kind, fields := s.Operation(both); kind != OperationMutation || fields != 1 || len(p.calls) > 0 {
		t.Errorf("%q, %d, %q", kind, fields, p.calls)
	}
}

// slowProposals takes until the context is done to close a proposal, having closed it.
type slowProposals struct {
	*fakeProposals
	done func()
}

func (s slowProposals) Close(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	p, _ := s.fakeProposals.Close(ctx, by, number)
	s.done()
	<-ctx.Done()
	return p, nil
}

// TestWhenTheTimeIsOver what was done is told, what was not is not begun, and of what is
// between the two it is said that nobody knows.
func TestWhenTheTimeIsOver(t *testing.T) {
	query := `mutation { a: commentProposal(number: 12, text: "x") { ok } b: closeProposal(number: 12) { ok } c: commentProposal(number: 12, text: "y") { ok } }`
	for name, c := range map[string]struct {
		limits Limits
		cancel bool
		says   string
	}{
		"a timeout":                 {Limits{Writing: 50 * time.Millisecond}, false, "the time for one request was over"},
		"a client that goes away":   {Limits{}, true, "the client went away"},
		"not the time of a query's": {Limits{Timeout: time.Nanosecond, Writing: 50 * time.Millisecond}, false, "the time for one request was over"},
	} {
		t.Run(name, func(t *testing.T) {
			f, p, s := desktop(t, c.limits)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := func() {}
			if c.cancel {
				done = cancel
			}
			s.config.Proposals = slowProposals{p, done}
			response := s.Do(ctx, f.view, f.at, Request{Query: query, Actor: maintainer})
			body := string(response.Body)
			if !strings.HasSuffix(body, `"data":{"a":{"ok":true},"b":null,"c":null}}`) || !strings.Contains(body, "It may have been done: "+c.says) || !strings.Contains(body, "It was not begun: "+c.says) {
				t.Errorf("%s", body)
			}
			if !slices.Equal(p.calls, []string{"comment 12", "close 12"}) {
				t.Errorf("%q", p.calls)
			}
		})
	}
}

// TestALongAnswerTakesNothingFromOthers that were done.
func TestALongAnswerTakesNothingFromOthers(t *testing.T) {
	f, p, s := desktop(t, Limits{AnswerBytes: 200})
	response := s.Do(t.Context(), f.view, f.at, Request{Actor: maintainer, Query: `mutation {
  a: commentProposal(number: 11, text: "x") { ok } b: commentProposal(number: 12, text: "` + strings.Repeat("y", 300) + `") { proposal { comments { text } events { text head } } } c: closeProposal(number: 11) { ok } }`})
	if !strings.HasSuffix(string(response.Body), `"data":{"a":{"ok":true},"b":null,"c":{"ok":true}}}`) || response.Code != CodeTooLarge || len(p.calls) != 3 {
		t.Errorf("%q: %s", p.calls, response.Body)
	}
}

// TestProposalsCostWhatTheyAre: checks and differences of a page are dear, and so is each
// mutation.
func TestProposalsCostWhatTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		limits          Limits
		inside, outside string
		says            string
	}{
		"checks":      {Limits{Cost: 20_000}, `{ proposals(state: OPEN, first: 15) { nodes { mergeable } } }`, `{ proposals(state: OPEN, first: 15) { nodes { mergeable checks { name } } } }`, "more than 20000 values"},
		"differences": {Limits{Cost: 10_000}, `{ proposals(state: OPEN, first: 5) { nodes { diffs { kind } } } }`, `{ proposals(first: 10) { nodes { diffs { kind } } } }`, "more than 10000 values"},
		"of records":  {Limits{Cost: 10_000}, `{ projects(first: 100) { nodes { proposals { number } } } }`, `{ projects(first: 100) { nodes { proposals { mergeable } } } }`, "more than 10000 values"},
		"heads":       {Limits{Heads: 2}, `{ proposal(number: 12) { diffs { kind } record(collection: "projects", id: "beta") { id } } }`, `{ a: proposal(number: 12) { diffs { kind } } b: proposal(number: 11) { diffs { kind } } }`, "more than 2 commits of proposals"},
		"mutations":   {Limits{Mutations: 1}, `mutation { closeProposal(number: 12) { ok } }`, `mutation { a: closeProposal(number: 12) { ok } b: closeProposal(number: 11) { ok } }`, "more than 1 mutations"},
		"bytes": {Limits{WrittenBytes: 20}, `mutation { validate(edits: [{put: {collection: "a", id: 1, document: "12345678"}}, {patch: {collection: "a", id: 1, patch: []}}, {putFile: {path: "a", base64: "SGVpIQ=="}}]) { ok } }`,
			`mutation ($d: JSON = "12345678") { validate(edits: [{put: {collection: "a", id: 1, document: $d}}]) { ok } b: validate(edits: [{put: {collection: "a", id: 1, document: [$d]}}]) { ok } }`, "more than 20 bytes"},
		"writing": {Limits{Cost: 2_500}, `mutation { a: closeProposal(number: 12) { ok } b: closeProposal(number: 11) { ok } }`, `mutation { a: closeProposal(number: 12) { ok } b: closeProposal(number: 11) { ok proposal { mergeable } } }`, "more than 2500 values"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, s := desktop(t, c.limits)
			if in := s.Do(t.Context(), f.view, f.at, Request{Query: c.inside, Actor: maintainer}); in.Failed {
				t.Errorf("inside: %s", in.Body)
			}
			f, _, s = desktop(t, c.limits)
			out := s.Do(t.Context(), f.view, f.at, Request{Query: c.outside, Actor: maintainer})
			if !strings.Contains(string(out.Body), c.says) || out.Code != CodeTooLarge {
				t.Errorf("outside: %s", out.Body)
			}
		})
	}
}

// TestAnswersWithProposalsAreNotForGood: they depend on more than the view.
func TestAnswersWithProposalsAreNotForGood(t *testing.T) {
	f, _, s := desktop(t, Limits{})
	full := strings.Repeat("c8", 20)
	for _, query := range []string{
		`{ proposals { totalCount } }`, `{ proposal(number: 12) { title } }`, `{ project(id: "beta", at: "` + full + `") { proposals { number } } }`,
	} {
		if got := s.Do(t.Context(), f.view, f.at, Request{Query: query, Actor: maintainer}); got.Failed || !got.Revisioned || got.Pinned || got.Mutation {
			t.Errorf("%s: %+v", query, got)
		}
	}
}

// TestNoNameOfTheEngineIsTakenByAModel: a collection may have the type of any of them, and
// a property the name of any field of a record.
func TestNoNameOfTheEngineIsTakenByAModel(t *testing.T) {
	f := loadFixture(t, "testdata/sdl.txtar")
	s := newSchema(t, f.model, Config{})
	own := map[string]bool{}
	for _, c := range s.collections {
		for name := range ownTypes(c) {
			own[name] = true
		}
	}
	var types, roots, properties []string
	for _, typ := range s.types {
		if !own[typ.name] && !strings.HasPrefix(typ.name, "__") && !strings.HasPrefix(typ.name, "Project") {
			types = append(types, fmt.Sprintf(`{"name": "c%d", "type": %q, "schema": "schema/x.json", "path": "c%[1]d/{id}.json"}`, len(types), typ.name))
		}
	}
	for _, root := range s.query.fields {
		if root.place.collection == nil {
			roots = append(roots, fmt.Sprintf(`{"name": %q, "type": "R%d", "schema": "schema/x.json", "path": "r%[2]d/{id}.json"}`, root.name, len(roots)))
		}
	}
	for _, field := range s.record.fields {
		properties = append(properties, fmt.Sprintf("%q: {}", field.name))
	}
	for _, collections := range [][]string{types, roots} {
		model := newModel(t, map[string]string{
			"model.json":    `{"languages": ["fi"], "collections": [` + strings.Join(collections, ", ") + `]}`,
			"schema/x.json": `{"type": "object", "properties": {` + strings.Join(properties, ", ") + `}}`,
		})
		readable(t, newSchema(t, model, Config{}).SDL())
		for _, c := range model.Collections {
			if !strings.HasSuffix(c.Type, "_") && !strings.HasSuffix(c.Plural, "_") {
				t.Errorf("%s is taken from the engine", c.Type)
			}
		}
	}
	if len(types) < 100 || len(roots) < 14 {
		t.Errorf("only %d types and %d roots", len(types), len(roots))
	}
}

// ownTypes are the names of the types that a collection brings.
func ownTypes(c *recordTypes) map[string]bool {
	out := map[string]bool{}
	for _, t := range []*typeDef{c.object, c.connection, c.edge, c.filter, c.listFilter, c.order, c.orderField, c.facetField} {
		out[t.name] = true
	}
	return out
}
