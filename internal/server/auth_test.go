package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/content"
)

// people are those of a forge, by their tokens.
var people = map[string]content.Actor{
	"reader":     {ID: "reader", Role: content.RoleReader, Person: content.Person{Name: "Rea"}},
	"editor":     {ID: "editor", Role: content.RoleEditor, Person: content.Person{Name: "Edi"}},
	"maintainer": {ID: "maintainer", Role: content.RoleMaintainer, Person: content.Person{Name: "Mai"}},
	"visitor":    {ID: "visitor", Person: content.Person{Name: "Vis"}},
}

func askPeople(_ context.Context, token string) (content.Actor, error) {
	if token == "down" {
		return content.Actor{}, errors.New("dial tcp 10.0.0.9: connection refused")
	}
	if actor, ok := people[token]; ok {
		return actor, nil
	}
	return content.Actor{}, fmt.Errorf("the forge does not know the token: %w", content.ErrUnauthenticated)
}

// journal is a log that tests read.
type journal struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// refused are the lines of what was refused.
func (j *journal) refused() []map[string]string {
	var lines []map[string]string
	for line := range strings.Lines(j.String()) {
		fields := map[string]any{}
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "refused" {
			out := map[string]string{}
			for k, v := range fields {
				out[k] = fmt.Sprint(v)
			}
			lines = append(lines, out)
		}
	}
	return lines
}

// guarded is a site with a draft, a proposal and a forge that knows people.
func guarded(t *testing.T, cfg Config, who access.Config) (*site, *journal) {
	t.Helper()
	log := &journal{}
	cfg.Logger = slog.New(slog.NewJSONHandler(log, nil))
	cfg.Access = resolver(t, who)
	s := newSiteOf(t, cfg)
	s.start(httptest.NewUnstartedServer(s.handler))
	for _, branch := range []string{"draft", "proposals/3"} {
		s.git("checkout", "-q", "-b", branch)
		s.write("things/one.json", fmt.Sprintf(`{"name": "secret %s"}`, branch))
		s.write("files/note.txt", "secret "+branch)
		s.git("commit", "-qam", "secret")
	}
	s.git("checkout", "-q", "main")
	s.reload()
	return s, log
}

func bearing(token string, more ...string) map[string]string {
	headers := map[string]string{}
	if token != "" {
		headers["Authorization"] = "Bearer " + token
	}
	for i := 0; i < len(more); i += 2 {
		headers[more[i]] = more[i+1]
	}
	return headers
}

func getting(query string) string { return "/graphql?" + url.Values{"query": {query}}.Encode() }

// Everything that is not published, by every way to it: only those with a role see it.
func TestWhatIsNotPublishedIsForThoseWithARole(t *testing.T) {
	s, _ := guarded(t, Config{}, access.Config{Forge: askPeople})
	draft := s.git("rev-parse", "draft")
	paths := map[string]string{
		"a name, in GraphQL":         getting(`{ thing(id: "one", at: "draft") { name } }`),
		"a hash, in GraphQL":         getting(`{ thing(id: "one", at: "` + draft + `") { name } }`),
		"a short hash, in GraphQL":   getting(`{ thing(id: "one", at: "` + draft[:9] + `") { name } }`),
		"a proposal, in GraphQL":     getting(`{ thing(id: "one", at: "proposal/3") { name } }`),
		"a record of a draft":        "/records/things/one.json?at=draft",
		"a record of a proposal":     "/records/things/one.json?at=proposal/3",
		"a record by a full ref":     "/records/things/one.json?at=refs/heads/proposals/3",
		"an attachment of a draft":   "/files/files/note.txt?at=draft",
		"an attachment by hash":      "/files/files/note.txt?at=" + draft,
		"a difference, in GraphQL":   getting(`{ diff(from: "main", to: "draft") { nodes { document } } }`),
		"a commit, in GraphQL":       getting(`{ commit(revision: "draft") { subject } }`),
		"a commit by its hash":       getting(`{ commit(revision: "` + draft + `") { subject } }`),
		"many records, in GraphQL":   getting(`{ things(at: "draft", search: "secret") { nodes { name } } }`),
		"a proposal's past, GraphQL": getting(`{ thing(id: "one", at: "proposal/3~0") { history { nodes { document } } } }`),
	}
	for name, path := range paths {
		for _, headers := range []map[string]string{bearing("reader"), {}, bearing("visitor"), bearing(""), bearing("reader", "Origin", "https://app.example"), bearing("editor")} {
			for _, accept := range []string{"", typeEvents} {
				if accept != "" && !strings.HasPrefix(path, "/graphql") {
					continue
				}
				with := map[string]string{"Accept": accept}
				for k, v := range headers {
					with[k] = v
				}
				token := headers["Authorization"]
				sees := token == "Bearer reader" || token == "Bearer editor"
				r := s.do("GET", path, "", with)
				body := text(t, r)
				if got := strings.Contains(body, "secret"); got != sees && !(sees && strings.Contains(path, "search")) {
					t.Errorf("%s %v: %d %s", name, with, r.StatusCode, body)
				}
				if cache := r.Header.Get("Cache-Control"); token != "" && strings.Contains(cache, "public") {
					t.Errorf("%s %v: %s", name, with, cache)
				}
				if vary := strings.Join(r.Header.Values("Vary"), ","); !strings.Contains(vary, "Authorization") {
					t.Errorf("%s %v: varies by %s", name, with, vary)
				}
			}
		}
	}
}

// One query, asked by all in turn: each gets what is theirs, from what is kept too.
func TestNobodyGetsTheAnswerOfAnother(t *testing.T) {
	s, _ := guarded(t, Config{}, access.Config{Forge: askPeople})
	query := getting(`{ thing(id: "one") { createdBy { name email } } }`)
	etags := map[string]map[bool]bool{}
	for range 3 {
		for _, who := range []string{"", "reader", "visitor", "maintainer", ""} {
			sees := who == "reader" || who == "maintainer"
			for _, path := range []string{query, "/feeds/changes.atom"} {
				r := s.do("GET", path, "", bearing(who))
				body := text(t, r)
				if r.StatusCode != 200 || strings.Contains(body, "test@example.org") != sees {
					t.Errorf("%q gets %d %s", who, r.StatusCode, body)
				}
				want := "public, no-cache"
				if who != "" {
					want = "private, no-cache"
				}
				if got := r.Header.Get("Cache-Control"); got != want {
					t.Errorf("%q: %s, want %s", who, got, want)
				}
				etag := r.Header.Get("ETag")
				if etags[etag] == nil {
					etags[etag] = map[bool]bool{}
				}
				etags[etag][sees] = true
			}
		}
	}
	for etag, seen := range etags {
		if len(seen) > 1 {
			t.Errorf("the ETag %s stands for two answers", etag)
		}
	}
	for etag := range etags {
		if r := s.do("GET", query, "", map[string]string{"If-None-Match": etag}); etags[etag][true] && r.StatusCode == http.StatusNotModified {
			t.Error("what someone with a role got is taken for what everyone gets")
		}
	}
}

func TestWrongCredentialsAreNeverNobody(t *testing.T) {
	s, log := guarded(t, Config{}, access.Config{Forge: askPeople})
	for _, tt := range []struct {
		name, method, path string
		headers            map[string]string
		status             int
		contains           string
	}{
		{"GraphQL", "GET", getting("{ __typename }"), bearing("hush"), 401, `"code":"UNAUTHENTICATED"`},
		{"GraphQL, the newer type", "GET", getting("{ __typename }"), bearing("hush", "Accept", typeResponse), 401, `"code":"UNAUTHENTICATED"`},
		{"a stream", "GET", getting("subscription { changes { key } }"), bearing("hush", "Accept", typeEvents), 401, `"code":"UNAUTHENTICATED"`},
		{"a record", "GET", "/records/things/one.json", bearing("hush"), 401, `"error"`},
		{"an attachment", "GET", "/files/files/note.txt", bearing("hush"), 401, `"error"`},
		{"a feed", "GET", "/feeds/changes.atom", bearing("hush"), 401, `"error"`},
		{"a forge that is down", "GET", getting("{ __typename }"), bearing("down"), 503, `"code":"UNAVAILABLE"`},
		{"no token", "GET", getting("{ __typename }"), map[string]string{"Authorization": "Bearer"}, 401, `"code":"UNAUTHENTICATED"`},
		{"health is for all", "GET", "/healthz", bearing("hush"), 200, "alive"},
	} {
		r := s.do(tt.method, tt.path, "", tt.headers)
		body := text(t, r)
		if r.StatusCode != tt.status || !strings.Contains(body, tt.contains) || strings.Contains(body, `"data"`) || strings.Contains(body, "10.0.0.9") {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, body)
		}
		if got := r.Header.Get("WWW-Authenticate"); (got != "") != (tt.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", tt.name, got)
		}
		if r.StatusCode != 200 && r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", tt.name, r.Header)
		}
	}
	lines := log.refused()
	if len(lines) != 8 {
		t.Errorf("%d lines: %v", len(lines), lines)
	}
	if l := lines[0]; l["actor"] != "anonymous" || l["what"] != "identity" || l["remote"] != "127.0.0.1" || !strings.Contains(l["reason"], "does not know") {
		t.Errorf("%v", l)
	}
	if strings.Contains(log.String(), "hush") {
		t.Error("a token is in the log")
	}
}

func TestWhoMayWrite(t *testing.T) {
	s, log := guarded(t, Config{WriteBurst: 2, WriteEvery: time.Hour}, access.Config{Forge: askPeople})
	const mutation = `{"query": "mutation { __typename }"}`
	const through = `{"data":{"__typename":"Mutation"}}`
	post := func(more ...string) map[string]string {
		return bearing("", append(more, "Content-Type", typeJSON)...)
	}
	for _, tt := range []struct {
		name     string
		headers  map[string]string
		status   int
		contains string
	}{
		{"nobody", post(), 401, `"UNAUTHENTICATED"`},
		{"a wrong token", post("Authorization", "Bearer hush"), 401, `"UNAUTHENTICATED"`},
		{"nobody, from another site", post("Origin", "https://evil.example"), 403, `"FORBIDDEN"`},
		{"a visitor", post("Authorization", "Bearer visitor"), 403, "needs the role editor"},
		{"a reader", post("Authorization", "Bearer reader"), 403, "yours is reader"},
		{"an editor", post("Authorization", "Bearer editor"), 200, through},
		{"an editor, from a page of another site", post("Authorization", "Bearer editor", "Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"), 200, through},
		{"too often", post("Authorization", "Bearer editor"), 429, `"TOO_MANY_REQUESTS"`},
		{"another one meanwhile", post("Authorization", "Bearer maintainer"), 200, through},
		{"over a stream", post("Authorization", "Bearer maintainer", "Accept", typeEvents), 200, through},
		{"a form", map[string]string{"Authorization": "Bearer maintainer", "Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"},
		{"plain text", map[string]string{"Authorization": "Bearer maintainer", "Content-Type": "text/plain"}, 415, "application/json"},
	} {
		r := s.do("POST", "/graphql", mutation, tt.headers)
		body := text(t, r)
		if r.StatusCode != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, body)
		}
		if after := r.Header.Get("Retry-After"); (after != "") != (tt.status == 429) || after == "0" {
			t.Errorf("%s: Retry-After %q", tt.name, after)
		}
	}
	if r := s.do("GET", getting("mutation { __typename }"), "", bearing("maintainer")); r.StatusCode != 405 {
		t.Errorf("by GET: %d", r.StatusCode)
	}
	if r := s.do("POST", "/graphql", `{"query": "{ __typename }"}`, bearing("editor", "Content-Type", typeJSON)); r.StatusCode != 200 {
		t.Errorf("reading is slowed: %d", r.StatusCode)
	}
	var told []string
	for _, l := range log.refused() {
		told = append(told, l["actor"]+" "+l["role"]+" "+l["what"])
	}
	want := []string{"anonymous  mutation", "anonymous  identity", "anonymous  mutation", "visitor  mutation", "reader reader mutation", "editor editor mutation"}
	if strings.Join(told, ",") != strings.Join(want, ",") {
		t.Errorf("%q, want %q", told, want)
	}
}

// What those send who may write takes several times its size in memory.
func TestLargeRequestsAreBounded(t *testing.T) {
	s, _ := guarded(t, Config{}, access.Config{Forge: askPeople})
	const mutation = `{"query": "mutation { __typename }", "variables": {"a": %s}}`
	send := func(name, token string, variable string, status int) {
		t.Helper()
		r := s.do("POST", "/graphql", fmt.Sprintf(mutation, variable), bearing(token, "Content-Type", typeJSON))
		if body := text(t, r); r.StatusCode != status {
			t.Errorf("%s: %d %.200s, want %d", name, r.StatusCode, body, status)
		}
	}
	long := `"` + strings.Repeat(`,[{\"`, maxMarks) + `"`
	send("a long text", "editor", long, 200)
	send("a long text of one who may not write", "reader", long, 413)
	send("as many values as may be", "editor", "["+strings.Repeat("0,", maxMarks-100)+"0]", 200)
	send("more values", "editor", "["+strings.Repeat("0,", maxMarks)+"0]", 413)

	h := &handler{server: New(Config{})}
	large := httptest.NewRequest("POST", "/graphql", strings.NewReader(long))
	large = large.WithContext(context.WithValue(large.Context(), askerContext{}, asker{Identity: access.Identity{Actor: people["editor"]}}))
	var leave func()
	for range largeAtOnce {
		var err error
		if _, leave, err = h.admit(large); err != nil {
			t.Fatal(err)
		}
	}
	gone, end := context.WithCancel(large.Context())
	end()
	if _, _, err := h.admit(large.WithContext(gone)); !errors.Is(err, context.Canceled) {
		t.Errorf("one more: %v, want it to wait", err)
	}
	leave()
	if limit, _, err := h.admit(large); err != nil || limit != maxWritten {
		t.Errorf("after one has left: %d, %v", limit, err)
	}
}

// On this machine Git's user asks, and pages of other sites do not: neither do they see
// what only the user may, nor do they get it from what a browser kept.
func TestPagesOfOtherSitesDoNotSpeakForGitsUser(t *testing.T) {
	s, _ := guarded(t, Config{}, access.Config{Local: &content.Person{Name: "Aino", Email: "aino@example.org"}})
	path := getting(`{ thing(id: "one", at: "draft") { name } }`)
	for _, tt := range []struct {
		name    string
		sees    bool
		headers map[string]string
	}{
		{"a program", true, nil},
		{"its own page", true, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": s.url}},
		{"another site", false, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}},
		{"another port of this machine", false, map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"}},
		{"a picture elsewhere", false, map[string]string{"Sec-Fetch-Site": "cross-site"}},
		{"through a proxy", false, map[string]string{"X-Forwarded-For": "192.0.2.7"}},
	} {
		r := s.do("GET", path, "", tt.headers)
		if body := text(t, r); strings.Contains(body, "secret") != tt.sees {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, body)
		}
		vary := strings.Join(r.Header.Values("Vary"), ",")
		for _, name := range []string{"Authorization", "Origin", "Sec-Fetch-Site"} {
			if !strings.Contains(vary, name) {
				t.Errorf("%s: varies by %s", tt.name, vary)
			}
		}
	}
	request, _ := http.NewRequest("GET", s.url+path, nil)
	request.Host = "evil.example" // whose address is 127.0.0.1 now
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body := text(t, r); strings.Contains(body, "secret") {
		t.Errorf("a name that was bound to this address: %s", body)
	}
	for name, tt := range map[string]struct {
		origin string
		status int
	}{"its own page": {s.url, 200}, "another site": {"https://evil.example", 403}} {
		r := s.do("POST", "/graphql", `{"query": "mutation { __typename }"}`, map[string]string{"Content-Type": typeJSON, "Origin": tt.origin})
		if r.StatusCode != tt.status {
			t.Errorf("%s writes: %d %s", name, r.StatusCode, text(t, r))
		}
	}
}

func TestAPageOfAnotherSiteMayAskToSendAToken(t *testing.T) {
	s, _ := guarded(t, Config{}, access.Config{Forge: askPeople})
	r := s.do("OPTIONS", "/graphql", "", map[string]string{"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
		"Access-Control-Request-Headers": "authorization,content-type"})
	if got := r.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(strings.ToLower(got), "authorization") || r.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	r = s.do("GET", getting("{ __typename }"), "", bearing("hush", "Origin", "https://app.example"))
	if r.StatusCode != 401 || r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a page is not told that its token is wrong: %v", r.Header)
	}
}

// A stream that was opened with a token ends with it.
func TestASubscriptionEndsWithItsToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	token, id, err := access.Add(path, access.Token{Role: content.RoleReader, Name: "Aino", Email: "aino@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := access.OpenTokens(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := guarded(t, Config{}, access.Config{Tokens: tokens})
	r := s.do("GET", getting("subscription { changes { kind commit { author { email } } } }"), "", bearing(token, "Accept", typeEvents))
	sent, done := &journal{}, make(chan error, 1)
	go func() {
		_, err := io.Copy(sent, r.Body)
		done <- err
	}()
	eventually(t, "it is open", func() bool { return s.server.audience.size() == 1 })
	s.write("things/two.json", `{"name": "Two"}`)
	s.commit("two")
	eventually(t, "the first is told", func() bool { return strings.Contains(sent.String(), "event: next") })
	if _, err := access.Remove(path, id); err != nil {
		t.Fatal(err)
	}
	s.write("things/three.json", `{"name": "Three"}`)
	s.commit("three")
	select {
	case err := <-done:
		if body := sent.String(); err != nil || strings.Count(body, "event: next") != 1 || !strings.Contains(body, "test@example.org") || !strings.Contains(body, "event: complete") {
			t.Errorf("%v %s", err, body)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
