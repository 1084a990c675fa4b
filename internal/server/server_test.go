package server

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/history"
)

// site is a server over a real repository.
type site struct {
	t       *testing.T
	dir     string
	catalog *catalog.Catalog
	index   *history.Index
	server  *Server
	handler http.Handler
	url     string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := newSiteOf(t, Config{Version: "test", Access: resolver(t, access.Config{Open: true})})
	s.start(httptest.NewUnstartedServer(s.handler))
	return s
}

func resolver(t *testing.T, cfg access.Config) *access.Resolver {
	t.Helper()
	r, err := access.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start listens until the test ends, and those who subscribe have left.
func (s *site) start(listening *httptest.Server) {
	listening.Start()
	s.t.Cleanup(listening.Close)
	s.url = listening.URL
}

// newSiteOf makes one that is not listening yet.
func newSiteOf(t *testing.T, cfg Config) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.write("schema/model.json", `{"languages": ["fi"], "collections": [{"name": "things", "type": "Thing", "schema": "schema/thing.json",
		"path": "things/{id}.json", "title": "/name", "files": {"/file": "files"}}]}`)
	s.write("schema/thing.json", `{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "file": {"type": "string"}}, "additionalProperties": false}`)
	s.write("things/one.json", "{\n  \"name\": \"One\",\n  \"file\": \"note.txt\"\n}\n")
	s.write("files/note.txt", "a note")
	s.write("files/page.html", "<script>alert(1)</script>")
	s.write("files/lie.png", "<script>alert(1)</script>")
	s.git("init", "-q", "-b", "main")
	s.git("add", "-A")
	s.git("commit", "-q", "-m", "first")
	repo, err := gitrepo.Open(s.dir, gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	s.index = history.Open(history.Config{Repo: repo, Model: catalog.DefaultModel})
	t.Cleanup(func() { s.index.Close() })
	if cfg.GraphQL.Histories == nil {
		cfg.GraphQL.Histories = histories{s.index}
	}
	s.server = New(cfg)
	prepare := func(view *content.View) {
		if err := s.index.Extend(context.Background(), view); err != nil {
			t.Error(err)
		}
		s.server.Prepare(view)
	}
	if s.catalog, err = catalog.Open(context.Background(), catalog.Config{Repo: repo, Prepare: prepare, Published: s.server.Published}); err != nil {
		t.Fatal(err)
	}
	if s.handler, err = s.server.Handler(s.catalog); err != nil {
		t.Fatal(err)
	}
	return s
}

// histories lets GraphQL ask the history.
type histories struct{ *history.Index }

func (h histories) Past(ctx context.Context, view *content.View) (graphql.Past, error) {
	return h.Index.Past(ctx, view)
}

// commit commits all that there is, serves it, and returns the hash.
func (s *site) commit(message string) string {
	s.t.Helper()
	s.git("add", "-A")
	s.git("commit", "-q", "--allow-empty", "-m", message)
	s.reload()
	return s.git("rev-parse", "HEAD")
}

func (s *site) reload() {
	s.t.Helper()
	if _, err := s.catalog.Reload(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) git(args ...string) string {
	s.t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@example.org"}, args...)...)
	c.Dir = s.dir
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// do sends a request as it is: no compression is asked for unless headers say so.
func (s *site) do(method, path, body string, headers map[string]string) *http.Response {
	s.t.Helper()
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	response, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { response.Body.Close() })
	return response
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestGraphQLOverHTTP(t *testing.T) {
	s := newSite(t)
	const good = `{"query": "{ things { totalCount } }"}`
	get := func(query string) string { return "/graphql?" + url.Values{"query": {query}}.Encode() }
	jsonType := map[string]string{"Content-Type": "application/json"}
	with := func(pairs ...string) map[string]string {
		headers := map[string]string{"Content-Type": "application/json"}
		for i := 0; i < len(pairs); i += 2 {
			headers[pairs[i]] = pairs[i+1]
		}
		return headers
	}
	const graphqlType = "application/graphql-response+json"
	for _, test := range []struct {
		name, method, path, body string
		headers                  map[string]string
		status                   int
		media, contains          string
	}{
		{"POST", "POST", "/graphql", good, jsonType, 200, "application/json", `{"data":{"things":{"totalCount":1}}}`},
		{"GET", "GET", get("{ things { totalCount } }"), "", nil, 200, "application/json", `"totalCount":1`},
		{"no Accept is JSON", "POST", "/graphql", good, with("Accept", ""), 200, "application/json", `"data"`},
		{"the newer media type", "POST", "/graphql", good, with("Accept", graphqlType), 200, graphqlType, `"data"`},
		{"a preference is kept", "POST", "/graphql", good, with("Accept", graphqlType+", application/json;q=0.9"), 200, graphqlType, `"data"`},
		{"what a browser accepts", "GET", get("{__typename}"), "", map[string]string{"Accept": "text/html,*/*;q=0.8"}, 200, "application/json", `"Query"`},
		{"nothing acceptable", "POST", "/graphql", good, with("Accept", "text/html"), 406, "application/json", `"errors"`},
		{"charset utf-8", "POST", "/graphql", good, with("Content-Type", "application/json; charset=UTF-8"), 200, "application/json", `"data"`},
		{"another charset", "POST", "/graphql", good, with("Content-Type", "application/json; charset=latin1"), 415, "application/json", "UTF-8"},
		{"another content type", "POST", "/graphql", good, with("Content-Type", "text/plain"), 415, "application/json", "application/json"},
		{"no content type", "POST", "/graphql", good, with("Content-Type", ""), 415, "application/json", "application/json"},
		{"no JSON", "POST", "/graphql", `{"query"`, jsonType, 400, "application/json", "one JSON object"},
		{"a list", "POST", "/graphql", `[` + good + `]`, jsonType, 400, "application/json", "one JSON object"},
		{"null", "POST", "/graphql", `null`, jsonType, 400, "application/json", "one JSON object"},
		{"trailing data", "POST", "/graphql", good + good, jsonType, 400, "application/json", "one JSON object"},
		{"no query", "POST", "/graphql", `{}`, jsonType, 400, "application/json", "query is missing"},
		{"no query in the address", "GET", "/graphql", "", nil, 400, "application/json", "query is missing"},
		{"query is a number", "POST", "/graphql", `{"query": 5}`, jsonType, 400, "application/json", "query must be a string"},
		{"operationName is a number", "POST", "/graphql", `{"query": "{__typename}", "operationName": 5}`, jsonType, 400, "application/json", "operationName must be a string"},
		{"variables is a string", "POST", "/graphql", `{"query": "{__typename}", "variables": "x"}`, jsonType, 400, "application/json", "variables must be an object"},
		{"extensions is a list", "POST", "/graphql", `{"query": "{__typename}", "extensions": []}`, jsonType, 400, "application/json", "extensions must be an object"},
		{"nulls are absent", "POST", "/graphql", `{"query": "{__typename}", "operationName": null, "variables": null, "extensions": null}`, jsonType, 200, "application/json", `"Query"`},
		{"an unknown member is left alone", "POST", "/graphql", `{"query": "{__typename}", "id": 1}`, jsonType, 200, "application/json", `"Query"`},
		{"a syntax error for JSON", "POST", "/graphql", `{"query": "{"}`, jsonType, 200, "application/json", `"errors"`},
		{"a syntax error for the newer type", "POST", "/graphql", `{"query": "{"}`, with("Accept", graphqlType), 400, graphqlType, `"errors"`},
		{"an unknown field for the newer type", "POST", "/graphql", `{"query": "{thigns{totalCount}}"}`, with("Accept", graphqlType), 400, graphqlType, "things"},
		{"a wrong variable for the newer type", "POST", "/graphql", `{"query": "query($n: Int){things(first: $n){totalCount}}", "variables": {"n": "x"}}`, with("Accept", graphqlType), 400, graphqlType, `"errors"`},
		{"another method", "PUT", "/graphql", good, jsonType, 405, "application/json", "POST"},
		{"a body without end", "POST", "/graphql", `{"query": "` + strings.Repeat(" ", maxBody) + `"}`, jsonType, 413, "application/json", "bytes"},
		{"variables in the address", "GET", get("query($n: Int){things(first: $n){totalCount}}") + "&variables=" + url.QueryEscape(`{"n": 1}`), "", nil, 200, "application/json", `"totalCount":1`},
		{"bad variables in the address", "GET", get("{__typename}") + "&variables=5", "", nil, 400, "application/json", "variables must be a JSON object"},
		{"operationName chooses", "POST", "/graphql", `{"query": "query a {__typename} query b {things{totalCount}}", "operationName": "b"}`, jsonType, 200, "application/json", "totalCount"},
		{"a mutation that GET would run", "GET", get("mutation { __typename }"), "", nil, 405, "application/json", `"errors"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := s.do(test.method, test.path, test.body, test.headers)
			body := text(t, r)
			if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); r.StatusCode != test.status || media != test.media || !strings.Contains(body, test.contains) {
				t.Errorf("%d %s %s\nwant %d %s ... %s", r.StatusCode, media, body, test.status, test.media, test.contains)
			}
			if !strings.Contains(r.Header.Get("Content-Type"), "charset=utf-8") {
				t.Errorf("content type %s", r.Header.Get("Content-Type"))
			}
			if r.StatusCode == http.StatusMethodNotAllowed && r.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			var answer map[string]any
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Errorf("no JSON: %v", err)
			}
			if _, ok := answer["data"]; ok && test.status >= 400 {
				t.Error("a refused request has data")
			}
		})
	}
}

func TestAutomaticPersistedQueries(t *testing.T) {
	s := newSite(t)
	const query = "{ things { totalCount } }"
	sum := sha256.Sum256([]byte(query))
	hash := hex.EncodeToString(sum[:])
	extensions := func(hash string) string { return fmt.Sprintf(`{"persistedQuery":{"version":1,"sha256Hash":%q}}`, hash) }
	get := func(extensions string) string {
		return text(t, s.do("GET", "/graphql?"+url.Values{"extensions": {extensions}}.Encode(), "", nil))
	}
	post := func(query, extensions string) string {
		return text(t, s.do("POST", "/graphql", fmt.Sprintf(`{"query": %q, "extensions": %s}`, query, extensions), map[string]string{"Content-Type": "application/json"}))
	}
	for _, step := range []struct{ name, got, want string }{
		{"not known yet", get(extensions(hash)), `"code":"PERSISTED_QUERY_NOT_FOUND"`},
		{"another query under this hash", post("{ __typename }", extensions(hash)), "provided sha does not match query"},
		{"still not known", get(extensions(hash)), "PersistedQueryNotFound"},
		{"told", post(query, extensions(hash)), `{"data":{"things":{"totalCount":1}}}`},
		{"known", get(extensions(hash)), `{"data":{"things":{"totalCount":1}}}`},
		{"another version", get(`{"persistedQuery":{"version":2,"sha256Hash":"` + hash + `"}}`), "extensions.persistedQuery must be"},
		{"no hash", get(`{"persistedQuery":{"version":1,"sha256Hash":"x"}}`), "extensions.persistedQuery must be"},
		{"another extension", get(`{"other":{}}`), "query is missing"},
	} {
		if !strings.Contains(step.got, step.want) {
			t.Errorf("%s: %s, want %s", step.name, step.got, step.want)
		}
	}
}

func TestScriptsOfOtherOriginsMayRead(t *testing.T) {
	s := newSite(t)
	preflight := s.do("OPTIONS", "/graphql", "", map[string]string{
		"Origin": "https://kunta.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
	})
	if preflight.StatusCode/100 != 2 || preflight.Header.Get("Access-Control-Allow-Origin") != "*" || preflight.Header.Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
	}
	for _, path := range []string{"/graphql?query={__typename}", "/records/things/one.json", "/schema.graphql", "/files/files/note.txt"} {
		r := s.do("GET", path, "", map[string]string{"Origin": "https://kunta.example"})
		if r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
}

func TestAnUnchangedAnswerIsNotSentAgain(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/graphql?query=%7Bthings%7Bnodes%7Bname%7D%7D%7D", "/records/things/one.json", "/schema.graphql", "/files/files/note.txt"} {
		first := s.do("GET", path, "", nil)
		etag := first.Header.Get("ETag")
		if first.StatusCode != 200 || etag == "" {
			t.Fatalf("%s: %d, ETag %q", path, first.StatusCode, etag)
		}
		for _, sent := range []string{etag, `"other", ` + etag, "*"} {
			if r := s.do("GET", path, "", map[string]string{"If-None-Match": sent}); r.StatusCode != 304 || text(t, r) != "" || r.Header.Get("ETag") != etag {
				t.Errorf("%s with %s: %d, ETag %s", path, sent, r.StatusCode, r.Header.Get("ETag"))
			}
		}
		if r := s.do("GET", path, "", map[string]string{"If-None-Match": `"other"`}); r.StatusCode != 200 {
			t.Errorf("%s with another ETag: %d", path, r.StatusCode)
		}
	}
	etag := s.do("GET", "/records/things/one.json", "", nil).Header.Get("ETag")
	s.write("things/one.json", `{"name": "Two"}`)
	if _, err := s.catalog.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := s.do("GET", "/records/things/one.json", "", map[string]string{"If-None-Match": etag}); r.StatusCode != 200 || !strings.Contains(text(t, r), "Two") {
		t.Errorf("after a change: %d", r.StatusCode)
	}
}

func TestARevisionAskedForTwiceIsReadTwice(t *testing.T) {
	s := newSite(t)
	s.git("branch", "side")
	path := "/graphql?query=" + url.QueryEscape(`{thing(id: "one", at: "side") {name}}`)
	if got := text(t, s.do("GET", path, "", nil)); !strings.Contains(got, "One") {
		t.Fatal(got)
	}
	s.write("things/one.json", `{"name": "Two"}`)
	s.git("commit", "-qam", "second")
	s.git("branch", "-f", "side", "main")
	s.git("reset", "-q", "--hard", "HEAD~1") // the view served is what it was
	if got := text(t, s.do("GET", path, "", nil)); !strings.Contains(got, "Two") {
		t.Errorf("after the branch moved: %s", got)
	}
}

func TestWhatIsOfACommitMayBeKept(t *testing.T) {
	s := newSite(t)
	hash := s.git("rev-parse", "HEAD")
	for query, want := range map[string]string{
		`{ thing(id: "one") { name } }`:                                                                     cacheNow,
		`{ thing(id: "one", at: "main") { name } }`:                                                         cacheNow,
		`{ thing(id: "one", at: "` + hash + `") { name } }`:                                                 cacheLasting,
		`{ __typename now: thing(id: "one") { name } then: thing(id: "one", at: "` + hash + `") { name } }`: cacheNow,
		`{ __typename }`: cacheNow,
	} {
		r := s.do("GET", "/graphql?query="+url.QueryEscape(query), "", nil)
		if got := r.Header.Get("Cache-Control"); got != "public, "+want || r.Header.Get("ETag") == "" {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestAnswersAreCompressedForThoseWhoAccept(t *testing.T) {
	s := newSite(t)
	plain := s.do("GET", "/schema.graphql", "", nil)
	packed := s.do("GET", "/schema.graphql", "", map[string]string{"Accept-Encoding": "gzip"})
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("encodings %q and %q", plain.Header.Get("Content-Encoding"), packed.Header.Get("Content-Encoding"))
	}
	reader, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if string(unpacked) != text(t, plain) || !strings.Contains(strings.Join(packed.Header.Values("Vary"), ","), "Accept-Encoding") {
		t.Error("the compressed answer is another, or does not say that it varies")
	}
}

func TestRawRecords(t *testing.T) {
	s := newSite(t)
	r := s.do("GET", "/records/things/one.json", "", nil)
	if got := text(t, r); got != "{\n  \"name\": \"One\",\n  \"file\": \"note.txt\"\n}\n" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s %q", r.Header.Get("Content-Type"), got)
	}
	old := s.git("rev-parse", "HEAD")
	s.write("things/one.json", `{"name": "Two"}`)
	if _, err := s.catalog.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := text(t, s.do("GET", "/records/things/one.json?at="+old[:10], "", nil)); !strings.Contains(got, "One") {
		t.Errorf("at %s: %s", old, got)
	}
	for path, status := range map[string]int{
		"/records/things/none.json": 404, "/records/none/one.json": 404, "/records/things/one": 404,
		"/records/things/..%2f..%2fschema%2fmodel.json": 404, "/records/things/one.json?at=none": 404, "/nothing": 404,
	} {
		r := s.do("GET", path, "", nil)
		if body := text(t, r); r.StatusCode != status || !strings.Contains(body, `"error"`) || strings.Contains(body, `: not found"`) {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
	if r := s.do("DELETE", "/records/things/one.json", "", nil); r.StatusCode != 405 && r.StatusCode != 404 {
		t.Errorf("DELETE: %d", r.StatusCode)
	}
}

func TestAttachmentsCannotRunAsOurs(t *testing.T) {
	s := newSite(t)
	for _, test := range []struct {
		path, contentType string
		saved             bool
	}{
		{"/files/files/note.txt", "text/plain; charset=utf-8", false},
		{"/files/files/page.html", "application/octet-stream", true},
		{"/files/files/lie.png", "application/octet-stream", true},
	} {
		r := s.do("GET", test.path, "", nil)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != test.contentType || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
			strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") != test.saved || !strings.Contains(r.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %v", test.path, r.StatusCode, r.Header)
		}
	}
	if r := s.do("GET", "/files/files/note.txt", "", map[string]string{"Range": "bytes=2-"}); r.StatusCode != 206 || text(t, r) != "note" {
		t.Errorf("a range: %d", r.StatusCode)
	}
	for _, path := range []string{"/files/things/one.json", "/files/.git/config", "/files/files/../schema/model.json", "/files/files/none.txt", "/files/"} {
		if r := s.do("GET", path, "", nil); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

func TestOperatorsSeeWhatIsStale(t *testing.T) {
	s := newSite(t)
	var ready readiness
	read := func() int {
		r := s.do("GET", "/readyz", "", nil)
		if err := json.Unmarshal([]byte(text(t, r)), &ready); err != nil {
			t.Fatal(err)
		}
		return r.StatusCode
	}
	if status := read(); status != 200 || !ready.Ready || ready.Records != 1 || ready.StaleCount != 0 {
		t.Fatalf("%d %+v", status, ready)
	}
	s.write("things/one.json", `{"name": `)
	if _, err := s.catalog.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if status := read(); status != 200 || ready.StaleCount != 1 || ready.Stale[0].Path != "things/one.json" || ready.Problems != 1 {
		t.Errorf("%d %+v", status, ready)
	}
	metrics := text(t, s.do("GET", "/metrics", "", nil))
	for _, want := range []string{"koonti_records 1\n", "koonti_records_stale 1\n", "koonti_problems 1\n", "koonti_views_total 2\n", "koonti_held_back 0\n", "koonti_model_stale 0\n", "koonti_remote_failing 0\n", `koonti_build_info{version="test"} 1`, "koonti_http_request_seconds_count"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if err := os.Rename(filepath.Join(s.dir, ".git", "objects"), filepath.Join(s.dir, ".git", "gone")); err != nil {
		t.Fatal(err)
	}
	if status := read(); status != 503 || ready.Ready {
		t.Errorf("without objects: %d %+v", status, ready)
	}
	if r := s.do("GET", "/healthz", "", nil); r.StatusCode != 200 {
		t.Errorf("/healthz: %d", r.StatusCode)
	}
}

func TestTheFirstPageShowsWhereToLook(t *testing.T) {
	s := newSite(t)
	r := s.do("GET", "/", "", nil)
	page := text(t, r)
	for _, want := range []string{"<html lang=\"en\">", "<h1>Koonti</h1>", "things", "/schema.graphql", "refs/heads/main"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
}

func TestAStopLetsRequestsFinish(t *testing.T) {
	srv := New(Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	inside := make(chan struct{})
	stopped := make(chan error, 1)
	go func() {
		stopped <- srv.Serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(inside)
			time.Sleep(200 * time.Millisecond)
			fmt.Fprint(w, "finished")
		}))
	}()
	answered := make(chan string, 1)
	go func() {
		r, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer r.Body.Close()
		data, _ := io.ReadAll(r.Body)
		answered <- string(data)
	}()
	<-inside
	cancel()
	if got := <-answered; got != "finished" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestAPanicIsAnsweredAndItsTextKept(t *testing.T) {
	srv := New(Config{})
	for name, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"panic": func(http.ResponseWriter, *http.Request) error { panic("secret") },
		"error": func(http.ResponseWriter, *http.Request) error { return errors.New("secret") },
	} {
		w := httptest.NewRecorder()
		srv.observed("test", serve).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
