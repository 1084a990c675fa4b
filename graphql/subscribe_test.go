package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// woods is a history of commits, by number, whose parents come before them. It knows
// what a subscription asks a past for, and no more.
type woods struct {
	Histories
	parents [][]int
	changes [][]content.Change
	authors []string
	unready error
}

func hashOfCommit(i int) content.Hash { return content.Hash(fmt.Sprintf("%040x", i+1)) }

func (w *woods) commit(parents ...int) int {
	w.parents, w.changes, w.authors = append(w.parents, parents), append(w.changes, nil), append(w.authors, "Aino")
	return len(w.parents) - 1
}

// change adds a change to the last commit.
func (w *woods) change(collection content.CollectionName, id content.ID, kind content.ChangeKind) {
	i := len(w.parents) - 1
	w.changes[i] = append(w.changes[i], content.Change{
		Ref: content.Ref{Collection: collection, ID: id}, Path: fmt.Sprintf("records/%s/%s.json", collection, id), Kind: kind,
		Commit: hashOfCommit(i), At: time.Unix(int64(1e9+60*i), 0),
	})
}

// ancestors are those of a commit, and itself.
func (w *woods) ancestors(i int) map[int]bool {
	all := map[int]bool{i: true}
	for k := i; k >= 0; k-- {
		if all[k] {
			for _, p := range w.parents[k] {
				all[p] = true
			}
		}
	}
	return all
}

// list are the changes that led to a commit, newest first, by step of its first-parent
// line.
func (w *woods) list(i int) []content.Change {
	var out []content.Change
	for {
		inside := w.ancestors(i)
		next := -1
		if len(w.parents[i]) > 0 {
			next = w.parents[i][0]
			for k := range w.ancestors(next) {
				delete(inside, k)
			}
		}
		for k := i; k >= 0; k-- {
			if !inside[k] {
				continue
			}
			for _, c := range slices.Backward(w.changes[k]) {
				c.Step = hashOfCommit(i)
				out = append(out, c)
			}
		}
		if next < 0 {
			return out
		}
		i = next
	}
}

func (w *woods) Past(_ context.Context, view *content.View) (Past, error) {
	if w.unready != nil {
		return nil, w.unready
	}
	for i := range w.parents {
		if hashOfCommit(i) == view.Commit {
			return path{woods: w, led: w.ancestors(i), all: w.list(i)}, nil
		}
	}
	return nil, errors.New("asked about a commit that is nowhere")
}

// path is what led to a commit.
type path struct {
	Past
	*woods
	led map[int]bool
	all []content.Change
}

func (p path) Commit(_ context.Context, hash content.Hash) (*content.Commit, error) {
	for i := range p.led {
		if hashOfCommit(i) == hash {
			return &content.Commit{Hash: hash, Subject: fmt.Sprint("commit ", i)}, nil
		}
	}
	return nil, content.ErrNotFound
}

func (p path) Changes(_ context.Context, q content.ChangeQuery) (content.ChangePage, error) {
	var page content.ChangePage
	list := p.all
	if q.After != "" {
		list = list[1+slices.IndexFunc(list, func(c content.Change) bool { return c.Key() == q.After }):]
	}
	for _, c := range list {
		i := 0
		fmt.Sscanf(string(c.Commit), "%x", &i)
		if q.Collection != "" && q.Collection != c.Collection || len(q.Kinds) > 0 && !slices.Contains(q.Kinds, c.Kind) ||
			c.Kind == content.Formatted && !q.Formatting || !strings.Contains(p.authors[i-1], q.Author) || c.At.Before(q.Since) {
			continue
		}
		if page.More = len(page.Changes) == q.Limit; page.More {
			break
		}
		page.Changes = append(page.Changes, c)
	}
	return page, nil
}

func (w *woods) CommitAt(i int) string { return string(hashOfCommit(i)) }

// follower is a subscriber who keeps what it gets.
type follower struct {
	t      *testing.T
	schema *Schema
	query  string
	sub    *Subscription
	keys   []string
	last   string // the id of the last event
	ended  []byte
}

// open begins, or comes back as a browser does.
func (f *follower) open(view *content.View) {
	f.t.Helper()
	sub, refused := f.schema.Subscribe(view, Request{Query: f.query, Resume: f.last})
	if refused != nil || sub == nil {
		f.t.Fatalf("%v %+v", sub, refused)
	}
	f.sub = sub
}

// follow takes at most n events of a view, and reports whether that was all.
func (f *follower) follow(view *content.View, n int) bool {
	f.t.Helper()
	for e := range f.sub.Next(f.t.Context(), view, nil) {
		if e.Last || e.Later {
			f.ended = e.Body
			continue
		}
		if n--; n < 0 {
			return false // it was never read
		}
		var body struct {
			Data struct{ Changes struct{ Key string } }
		}
		if err := json.Unmarshal(e.Body, &body); err != nil || body.Data.Changes.Key == "" || strings.ContainsAny(string(e.Body), "\r\n") {
			f.t.Fatalf("%v: %s", err, e.Body)
		}
		if strings.ContainsFunc(e.ID, func(r rune) bool { return r <= ' ' || r > '~' }) {
			f.t.Errorf("the id %q cannot travel in a header", e.ID)
		}
		f.keys, f.last = append(f.keys, body.Data.Changes.Key), e.ID
	}
	return true
}

func keysOf(list []content.Change) []string {
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = list[i].Key()
	}
	return keys
}

// random grows woods of n commits: lines, branches, merges with whichever parent first.
func randomWoods(r *rand.Rand, n int) *woods {
	w := &woods{}
	for i := range n {
		var parents []int
		if i > 0 {
			parents = append(parents, max(0, i-1-r.IntN(4)))
		}
		if i > 2 && r.IntN(3) == 0 {
			if p := r.IntN(i); p != parents[0] {
				parents = append(parents, p)
				if r.IntN(2) == 0 {
					slices.Reverse(parents)
				}
			}
		}
		w.commit(parents...)
		w.authors[i] = []string{"Aino", "Björn"}[r.IntN(2)]
		for k := range r.IntN(4) {
			kind := []content.ChangeKind{content.Updated, content.Created, content.Formatted}[r.IntN(3)]
			w.change([]content.CollectionName{"projects", "themes"}[r.IntN(2)], content.ID(fmt.Sprintf("ä %d/%%%d", i, k)), kind)
		}
	}
	return w
}

// TestEachChangeIsSentOnce: whatever is served after one another, as long as each follows
// from the one before, and wherever the subscriber is cut off and comes back.
func TestEachChangeIsSentOnce(t *testing.T) {
	f, _ := past(t)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		w := randomWoods(r, 30)
		s := newSchema(t, f.model, Config{Histories: w})
		filter := []struct {
			args  string
			holds func(c content.Change) bool
		}{
			{`includeFormatting: true`, func(content.Change) bool { return true }},
			{`lang: FI`, func(c content.Change) bool { return c.Kind != content.Formatted }},
			{`collection: "themes"`, func(c content.Change) bool { return c.Collection == "themes" && c.Kind != content.Formatted }},
			{`kind: [FORMATTED, CREATED]`, func(c content.Change) bool { return c.Kind != content.Updated }},
			{`author: "Björn"`, func(c content.Change) bool {
				i := 0
				fmt.Sscanf(string(c.Commit), "%x", &i)
				return w.authors[i-1] == "Björn" && c.Kind != content.Formatted
			}},
		}[r.IntN(5)]
		view := func(i int) *content.View {
			v := *f.view
			v.Key, v.Commit = fmt.Sprint(i), hashOfCommit(i)
			return &v
		}
		at := r.IntN(5)
		begun := at
		who := &follower{t: t, schema: s, query: fmt.Sprintf(`subscription { changes(%s) { key } }`, filter.args)}
		who.open(view(at))
		for {
			if !who.follow(view(at), []int{r.IntN(4), 1000}[r.IntN(2)]) {
				if who.last == "" { // it never got anything to come back with
					who.query = fmt.Sprintf(`subscription { changes(%s, after: %q) { key } }`, filter.args, hashOfCommit(begun))
				}
				who.open(view(at))
			}
			next := -1
			for i := at; i < len(w.parents); i++ {
				if w.ancestors(i)[at] && (next < 0 || r.IntN(2) == 0) {
					next = i
				}
			}
			if next == at && r.IntN(3) == 0 {
				break
			}
			at = next
		}
		who.follow(view(at), 1000)
		var want []string
		known := w.ancestors(begun)
		for _, c := range w.list(at) {
			i := 0
			fmt.Sscanf(string(c.Commit), "%x", &i)
			if !known[i-1] && filter.holds(c) {
				want = append(want, c.Key())
			}
		}
		got := slices.Clone(who.keys)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, %s, from %d to %d (-want +got):\n%s", seed, filter.args, begun, at, diff)
		}
		for i, key := range who.keys { // what led to a change comes before it
			var a, b int
			fmt.Sscanf(key, "%x", &a)
			for _, later := range who.keys[i+1:] {
				if fmt.Sscanf(later, "%x", &b); a != b && w.ancestors(a - 1)[b-1] {
					t.Fatalf("seed %d: %s comes before %s", seed, key, later)
				}
			}
		}
	}
}

// line is a history of n commits, one after another, with a change each.
func line(n int) *woods {
	w := &woods{}
	for i := range n {
		if i == 0 {
			w.commit()
		} else {
			w.commit(i - 1)
		}
		w.change("projects", content.ID(fmt.Sprint("p", i)), content.Updated)
	}
	return w
}

func at(view *content.View, i int) *content.View {
	v := *view
	v.Key, v.Commit = fmt.Sprint(i), hashOfCommit(i)
	return &v
}

// TestWhereASubscriptionBegins: `after` in all its forms, and what the protocol says was
// seen last.
func TestWhereASubscriptionBegins(t *testing.T) {
	f, _ := past(t)
	w := line(6)
	w.change("projects", "second of p5", content.Updated)
	s := newSchema(t, f.model, Config{Histories: w})
	key := func(i int) string { return w.changes[i][0].Key() }
	for name, c := range map[string]struct {
		after, resume string
		want          []string
		ended         string
	}{
		"from now on":                       {"", "", nil, ""},
		"a commit":                          {w.CommitAt(3), "", keysOf(slices.Concat(w.changes[4], w.changes[5])), ""},
		"the commit served":                 {w.CommitAt(5), "", nil, ""},
		"a change":                          {key(4), "", keysOf(w.changes[5]), ""},
		"a change of a commit with several": {key(5), "", keysOf(w.changes[5][1:]), ""},
		"a key as it is told in another language":    {key(5) + ":sv", "", keysOf(w.changes[5][1:]), ""},
		"a key as it is told at a revision":          {key(4) + "~c3c3c3c3c3c3:en", "", keysOf(w.changes[5]), ""},
		"the id of an event":                         {position{hashOfCommit(5), key(5), hashOfCommit(4)}.String(), "", keysOf(w.changes[5][1:]), ""},
		"the id of the last event":                   {"", w.CommitAt(4), keysOf(w.changes[5]), ""},
		"both: the browser came back":                {w.CommitAt(2), w.CommitAt(4), keysOf(w.changes[5]), ""},
		"both: another stream was followed before":   {w.CommitAt(4), w.CommitAt(2), keysOf(w.changes[5]), ""},
		"both: the id names nothing that led here":   {w.CommitAt(4), w.CommitAt(77), keysOf(w.changes[5]), ""},
		"both: the id is no id":                      {w.CommitAt(4), "7", keysOf(w.changes[5]), ""},
		"a commit that did not lead here":            {w.CommitAt(77), "", nil, "NOT_FOUND"},
		"a change that did not lead here":            {key(4)[:hashDigits] + " UPDATED  nowhere", "", nil, "NOT_FOUND"},
		"a change of which the name begins the same": {key(4) + "n", "", nil, "NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			args := ""
			if c.after != "" {
				args = fmt.Sprintf("(after: %q)", c.after)
			}
			who := &follower{t: t, schema: s, query: "subscription { changes" + args + " { key } }", last: c.resume}
			who.open(at(f.view, 5))
			who.follow(at(f.view, 5), 100)
			if diff := cmp.Diff(c.want, who.keys); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(string(who.ended), c.ended) || c.ended == "" && who.ended != nil {
				t.Errorf("%s", who.ended)
			}
			if over := !who.sub.Behind(at(f.view, 3)); over != (c.ended != "") {
				t.Errorf("over: %v", over)
			}
		})
	}
}

// TestSubscriptionsEnd: where what was sent no longer led to what is served, and where too
// much came.
func TestSubscriptionsEnd(t *testing.T) {
	f, _ := past(t)
	t.Run("a forced push", func(t *testing.T) {
		w := line(4)
		fork := w.commit(1)
		w.change("themes", "x", content.Created)
		who := &follower{t: t, schema: newSchema(t, f.model, Config{Histories: w}), query: `subscription { changes { key } }`}
		who.open(at(f.view, 2))
		who.follow(at(f.view, 3), 100)
		who.follow(at(f.view, fork), 100)
		if len(who.keys) != 1 || !strings.Contains(string(who.ended), `"code":"NOT_FOUND"`) || !strings.Contains(string(who.ended), w.CommitAt(3)) {
			t.Errorf("%v %s", who.keys, who.ended)
		}
		if who.sub.Behind(at(f.view, 3)) {
			t.Error("it goes on")
		}
	})
	t.Run("too much", func(t *testing.T) {
		w := line(8)
		s := newSchema(t, f.model, Config{Histories: w, Limits: Limits{Behind: 3}})
		for begun, want := range map[int]int{4: 3, 3: -1, 0: -1} {
			who := &follower{t: t, schema: s, query: `subscription { changes { key } }`}
			who.open(at(f.view, begun))
			who.follow(at(f.view, 7), 100)
			if want < 0 {
				if who.keys != nil || !strings.Contains(string(who.ended), `"code":"TOO_LARGE"`) || !strings.Contains(string(who.ended), w.CommitAt(7)) {
					t.Errorf("from %d: %v %s", begun, who.keys, who.ended)
				}
			} else if len(who.keys) != want || who.ended != nil {
				t.Errorf("from %d: %v %s", begun, who.keys, who.ended)
			}
		}
	})
	t.Run("a shallow clone", func(t *testing.T) {
		w := line(4)
		w.unready = fmt.Errorf("walk: %w", &content.CutOffError{At: hashOfCommit(2)})
		who := &follower{t: t, schema: newSchema(t, f.model, Config{Histories: w}), query: `subscription { changes { key } }`}
		who.open(at(f.view, 3))
		who.follow(at(f.view, 3), 100)
		if !strings.Contains(string(who.ended), "git fetch --unshallow") || who.sub.Behind(at(f.view, 3)) {
			t.Errorf("it waits: %s", who.ended)
		}
	})
	t.Run("a field that never was", func(t *testing.T) {
		_, h := past(t)
		h.Unknown = map[content.Pointer][]content.Pointer{"/sumary": {"/summary"}}
		who := &follower{t: t, schema: newSchema(t, f.model, Config{Histories: h}), query: `subscription { changes(field: "/sumary") { key } }`}
		who.open(f.view)
		who.follow(f.view, 100)
		if !strings.Contains(string(who.ended), `Did you mean \"/summary\"`) {
			t.Errorf("it waits: %s", who.ended)
		}
	})
	t.Run("a fault", func(t *testing.T) {
		w := line(4)
		var told error
		who := &follower{t: t, schema: newSchema(t, f.model, Config{Histories: w, OnInternal: func(err error) { told = err }}), query: `subscription { changes { key } }`}
		who.open(at(f.view, 2))
		w.unready = errors.New("disk I/O error in /srv")
		who.follow(at(f.view, 3), 100)
		if told == nil || !strings.Contains(string(who.ended), `"code":"INTERNAL"`) || strings.Contains(string(who.ended), "/srv") {
			t.Errorf("%v %s", told, who.ended)
		}
	})
}

// TestASubscriptionWaitsForTheHistory: nothing is lost while it is being read anew.
func TestASubscriptionWaitsForTheHistory(t *testing.T) {
	f, _ := past(t)
	w := line(4)
	s := newSchema(t, f.model, Config{Histories: w})
	who := &follower{t: t, schema: s, query: `subscription { changes { key } }`}
	who.open(at(f.view, 1))
	w.unready = fmt.Errorf("1 of 4 commits: %w", content.ErrUnavailable)
	for _, i := range []int{1, 3} { // also while there is nothing to tell
		who.ended = nil
		who.follow(at(f.view, i), 100)
		if want := `{"errors":[{"message":"1 of 4 commits","extensions":{"code":"UNAVAILABLE"}}]}`; who.keys != nil || string(who.ended) != want || !who.sub.Behind(at(f.view, i)) {
			t.Errorf("%v %s", who.keys, who.ended)
		}
	}
	w.unready = nil
	who.follow(at(f.view, 3), 100)
	if diff := cmp.Diff(keysOf(slices.Concat(w.changes[2], w.changes[3])), who.keys); diff != "" {
		t.Error(diff)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for e := range who.sub.Next(gone, at(f.view, 0), nil) {
		t.Errorf("%s", e.Body)
	}
}

// TestASubscriptionOutlivesTheModel: its query is held against each new one.
func TestASubscriptionOutlivesTheModel(t *testing.T) {
	f, _ := past(t)
	w := line(5)
	s := newSchema(t, f.model, Config{Histories: w})
	const query = `subscription { changes { key record { record @skip(if: true) { ... on Project { name } } } } }`
	who := &follower{t: t, schema: s, query: query}
	who.open(at(f.view, 2))
	if refused := who.sub.Move(newSchema(t, f.model, Config{Histories: w})); refused != nil {
		t.Fatalf("%s", refused.Body)
	}
	who.follow(at(f.view, 3), 100)
	if len(who.keys) != 1 {
		t.Errorf("%v", who.keys)
	}
	other := newModel(t, map[string]string{
		"model.json":    `{"languages": ["fi"], "collections": [{"name": "things", "type": "Thing", "schema": "schema/a.json", "path": "a/{id}.json"}]}`,
		"schema/a.json": `{"type": "object"}`,
	})
	refused := who.sub.Move(newSchema(t, other, Config{Histories: w}))
	if refused == nil || refused.Code != CodeValidation || who.sub.Behind(at(f.view, 4)) {
		t.Errorf("%+v", refused)
	}
}

// TestWhatIsNoSubscription: what Subscribe refuses, and what it leaves to Do.
func TestWhatIsNoSubscription(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h})
	for query, code := range map[string]Code{
		`{ __typename }`:                                         "",
		`mutation { __typename }`:                                "",
		`subscription {`:                                         CodeParse,
		`subscription { __typename }`:                            CodeValidation,
		`subscription { changes { key } __typename }`:            CodeValidation,
		`subscription { a: changes { key } b: changes { key } }`: CodeValidation,
		`subscription { changes { key } ...F } fragment F on Subscription { more: changes { key } }`:          CodeValidation,
		`subscription { ... { ... on Subscription { x: changes { key } } } changes { key } }`:                 CodeValidation,
		`subscription { __schema { types { name } } }`:                                                        CodeValidation,
		`subscription { projects { totalCount } }`:                                                            CodeValidation,
		`query a { __typename } subscription b { changes { key } __typename }`:                                CodeValidation,
		`subscription { changes }`:                                                                            CodeValidation,
		`subscription { changes(first: 1) { key } }`:                                                          CodeValidation,
		`subscription { changes(after: "c5") { key } }`:                                                       CodeBadInput,
		`subscription { changes(after: "` + strings.Repeat("c5", 20) + `x") { key } }`:                        CodeBadInput,
		`subscription { changes(after: "` + strings.Repeat("c5", 20) + `/c5/a") { key } }`:                    CodeBadInput,
		`subscription { changes(after: "` + strings.Repeat("c5", 20) + `//%") { key } }`:                      CodeBadInput,
		`subscription { changes(collection: "nope") { key } }`:                                                CodeBadInput,
		`subscription { changes(record: "x") { key } }`:                                                       CodeBadInput,
		`subscription { changes(author: "a@b") { key } }`:                                                     CodeForbidden,
		`subscription { changes @skip(if: true) { key } }`:                                                    CodeBadInput,
		`subscription { changes { ` + strings.Repeat("a:key ", 21) + ` } }`:                                   CodeTooLarge,
		`subscription ($k: [ChangeKind!]!) { changes(kind: $k) { key } }`:                                     CodeBadInput,
		`subscription { changes { key } ...F } fragment F on Subscription { changes { kind } }`:               "ok",
		`subscription { changes(kind: CREATED, field: "/name") { record { id } fields { words { text } } } }`: "ok",
	} {
		sub, refused := s.Subscribe(f.view, Request{Query: query})
		switch {
		case code == "" && (sub != nil || refused != nil), code == "ok" && (sub == nil || refused != nil):
			t.Errorf("%s: %v %+v", query, sub, refused)
		case code != "" && code != "ok" && (sub != nil || refused == nil || refused.Code != code):
			t.Errorf("%s: %v %+v, want %s", query, sub, refused, code)
		}
	}
	if _, refused := s.Subscribe(f.view, Request{Query: `subscription { changes { key } }`, Resume: "7"}); refused == nil || refused.Code != CodeBadInput {
		t.Errorf("%+v", refused)
	}
	if _, refused := newSchema(t, f.model, Config{}).Subscribe(f.view, Request{Query: `subscription { changes { key } }`}); refused == nil || refused.Code != CodeUnavailable {
		t.Errorf("%+v", refused)
	}
}

// TestAnEventIsAnsweredAsAChangeIs: the selection of an event says what that of a query
// says of the same change.
func TestAnEventIsAnsweredAsAChangeIs(t *testing.T) {
	f, h := past(t)
	s := newSchema(t, f.model, Config{Histories: h})
	reader := content.Actor{Role: content.RoleReader}
	const selection = `{ key kind at was { id } record { id title record { key title } } fields { field before after words { kind text } }
		previous document unreadable commit { hash subject author { name email } coAuthors { name } }
		publication { commit { hash } changes { kind } } pullRequest { number } approvals { source person { name } } __typename }`
	c1 := strings.Repeat("c1", 20)
	// The steps of the history that is told know what they began with.
	answers := func(lang string) (asked, told []string) {
		response := s.Do(t.Context(), f.view, f.at, Request{Actor: reader, Query: fmt.Sprintf(`{ changes(lang: %s, includeFormatting: true) { nodes %s } }`, lang, selection)})
		var body struct {
			Data struct {
				Changes struct{ Nodes []json.RawMessage }
			}
		}
		if err := json.Unmarshal(response.Body, &body); err != nil || response.Failed {
			t.Fatalf("%v %s", err, response.Body)
		}
		for _, node := range slices.Backward(body.Data.Changes.Nodes) {
			if !strings.HasPrefix(string(node), `{"key":" `) { // not committed yet
				asked = append(asked, `{"data":{"changes":`+string(node)+`}}`)
			}
		}
		sub, refused := s.Subscribe(f.view, Request{Actor: reader, Query: fmt.Sprintf(`subscription { changes(after: %q, lang: %s, includeFormatting: true) %s }`, c1, lang, selection)})
		if refused != nil {
			t.Fatalf("%s", refused.Body)
		}
		for e := range sub.Next(t.Context(), f.view, f.at) {
			told = append(told, string(e.Body))
		}
		return asked, told
	}
	for _, lang := range []string{"FI", "EN"} {
		asked, told := answers(lang)
		if len(told) == 0 {
			t.Fatal("nothing was told")
		}
		if diff := cmp.Diff(asked[len(asked)-len(told):], told); diff != "" {
			t.Error(diff)
		}
	}
}

// FuzzPosition: what is read is written as it was, or means the same.
func FuzzPosition(f *testing.F) {
	commit := strings.Repeat("c5", 20)
	for _, seed := range []string{commit, commit + " UPDATED  a/b.json", commit + "//a%20b", commit + "/" + commit + "/%C3%A4%2F", "", commit + "/", commit + "/x/y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := parsePosition(text)
		if p == nil {
			return
		}
		again := parsePosition(p.String())
		if again == nil || *again != *p {
			t.Errorf("%q: %v, then %v", text, p, again)
		}
	})
}
