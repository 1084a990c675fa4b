package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"
)

// told is one event of a stream.
type told struct {
	Event, ID, Data string
	// Comment is a line that is none.
	Comment bool
}

// listener reads a stream.
type listener struct {
	t      *testing.T
	events chan told // closed where the stream ends
	leave  func()
}

// subscribe opens a stream; what is sent before the first event is read already.
func (s *site) subscribe(query string, headers ...string) *listener {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	body, _ := json.Marshal(map[string]string{"query": query})
	request, err := http.NewRequestWithContext(ctx, "POST", s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return s.listen(request, cancel, headers...)
}

// follow opens a stream as a browser does.
func (s *site) follow(query string, headers ...string) *listener {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", s.url+"/graphql?"+url.Values{"query": {query}}.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.listen(request, cancel, headers...)
}

func (s *site) listen(request *http.Request, cancel func(), headers ...string) *listener {
	s.t.Helper()
	request.Header.Set("Accept", typeEvents)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	if media := response.Header.Get("Content-Type"); response.StatusCode != 200 || media != "text/event-stream; charset=utf-8" || response.Uncompressed ||
		response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Access-Control-Allow-Origin") == "" && request.Header.Get("Origin") != "" {
		body, _ := io.ReadAll(response.Body)
		s.t.Fatalf("%d %v %s", response.StatusCode, response.Header, body)
	}
	l := &listener{t: s.t, events: make(chan told, 1000)}
	l.leave = func() {
		cancel()
		transport.CloseIdleConnections()
	}
	s.t.Cleanup(l.leave)
	go l.read(response.Body)
	return l
}

// read follows the HTML standard (9.2.6), but for what never comes.
func (l *listener) read(body io.ReadCloser) {
	defer body.Close()
	defer close(l.events)
	var now told
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "":
			if lines.Text() == ":" {
				now.Comment = true
			} else {
				l.events <- now
				now = told{}
			}
		case "event":
			now.Event = value
		case "id":
			now.ID = value
		case "data":
			now.Data += value
		default:
			now.Event = "unknown line " + lines.Text()
		}
	}
}

const soon = 10 * time.Second

// next waits for an event.
func (l *listener) next() told {
	l.t.Helper()
	timer := time.After(soon)
	for {
		select {
		case e, ok := <-l.events:
			if !ok {
				return told{Event: "end"}
			}
			if e.Event != "" {
				return e
			}
		case <-timer:
			l.t.Fatal("nothing came")
		}
	}
}

// changes waits for n events and returns the subjects of their commits, and the last id.
func (l *listener) changes(n int) (paths []string, id string) {
	l.t.Helper()
	for range n {
		e := l.next()
		var body struct {
			Data struct {
				Changes struct {
					Kind   string
					Record struct{ ID string }
				}
			}
		}
		if err := json.Unmarshal([]byte(e.Data), &body); err != nil || e.Event != "next" || body.Data.Changes.Kind == "" {
			l.t.Fatalf("%v %+v", err, e)
		}
		paths, id = append(paths, body.Data.Changes.Kind+" "+body.Data.Changes.Record.ID), e.ID
	}
	return paths, id
}

// quiet fails where something comes.
func (l *listener) quiet() {
	l.t.Helper()
	timer := time.After(150 * time.Millisecond)
	for {
		select {
		case e := <-l.events:
			if e.Event != "" {
				l.t.Fatalf("%+v", e)
			}
		case <-timer:
			return
		}
	}
}

func (l *listener) expect(want ...string) (id string) {
	l.t.Helper()
	got, id := l.changes(len(want))
	if !slices.Equal(got, want) {
		l.t.Fatalf("%q, want %q", got, want)
	}
	return id
}

// ended expects an error, the end of the operation, and that of the stream.
func (l *listener) ended(code string) {
	l.t.Helper()
	if e := l.next(); e.Event != "next" || !strings.Contains(e.Data, `"code":"`+code+`"`) || e.ID != "" {
		l.t.Errorf("%+v, want %s", e, code)
	}
	l.completed()
}

func (l *listener) completed() {
	l.t.Helper()
	if e := l.next(); e != (told{Event: "complete"}) {
		l.t.Errorf("%+v, want the end", e)
	}
	if e := l.next(); e.Event != "end" {
		l.t.Errorf("%+v after the end", e)
	}
}

const following = `subscription { changes { key kind record { id } commit { hash } } }`

func after(seen string) string {
	return fmt.Sprintf(`subscription { changes(after: %q) { kind record { id } } }`, seen)
}

func TestChangesAreToldAsTheyCome(t *testing.T) {
	s := newSite(t)
	l := s.subscribe(following, "Origin", "https://kunta.example", "Accept-Encoding", "gzip")
	browser := s.follow(following)
	themes := s.subscribe(`subscription ($f: Boolean = true) { changes(record: "two", collection: "things", includeFormatting: $f) { kind record { id record { ... on Thing { name } } } } }`)
	s.write("things/one.json", `{"name": "Uno"}`)
	s.reload()
	l.quiet() // it is not committed yet
	s.write("things/two.json", `{"name": "Two"}`)
	first := s.commit("one and two")
	for _, l := range []*listener{l, browser} {
		if id := l.expect("UPDATED one", "CREATED two"); id != first {
			t.Errorf("id %s, want %s", id, first)
		}
	}
	themes.expect("CREATED two")
	s.write("things/two.json", "{\n  \"name\": \"Two\"\n}\n")
	s.commit("indent")
	s.write("README.md", "no record")
	s.commit("nothing")
	themes.expect("FORMATTED two")
	s.git("rm", "-q", "things/one.json")
	last := s.commit("remove")
	if id := l.expect("DELETED one"); id != last {
		t.Errorf("id %s, want %s", id, last)
	}
	themes.quiet()
	if got := text(t, s.do("GET", "/metrics", "", nil)); !strings.Contains(got, "koonti_subscriptions 3\n") {
		t.Error("three subscriptions are open, the metrics do not say so")
	}
}

func TestASubscriberComesBack(t *testing.T) {
	s := newSite(t)
	base := s.git("rev-parse", "HEAD")
	s.write("things/two.json", `{"name": "Two"}`)
	s.write("things/three.json", `{"name": "Three"}`)
	s.write("things/four and ä.json", `{"name": "Four"}`)
	several := s.commit("several")
	s.git("switch", "-q", "-c", "side", "HEAD~1")
	s.write("things/side.json", `{"name": "Side"}`)
	s.commit("on the side")
	s.git("switch", "-q", "main")
	s.write("things/two.json", `{"name": "Deux"}`)
	s.commit("on main")
	s.git("merge", "-q", "--no-edit", "side")
	merged := s.commit("after the merge")
	all := []string{"CREATED four and ä", "CREATED three", "CREATED two", "UPDATED two", "CREATED side"}

	first := s.subscribe(after(base))
	first.expect(all...)
	first.quiet()
	for cut := range all {
		l := s.follow(after(base))
		_, id := l.changes(cut + 1)
		l.leave()
		s.subscribe(after(id)).expectOnly(all[cut+1:]...)
		s.follow(following, "Last-Event-ID", id).expectOnly(all[cut+1:]...)
		s.follow(after(base), "Last-Event-ID", id).expectOnly(all[cut+1:]...) // as a browser comes back
	}
	s.subscribe(after(several)).expectOnly(all[3:]...)
	s.subscribe(after(merged)).expectOnly()
	s.subscribe(after(strings.Repeat("0", 40))).ended("NOT_FOUND")

	keys := s.subscribe(fmt.Sprintf(`subscription { changes(after: %q) { key kind record { id } } }`, base))
	var body struct {
		Data struct{ Changes struct{ Key string } }
	}
	if err := json.Unmarshal([]byte(keys.next().Data), &body); err != nil {
		t.Fatal(err)
	}
	s.subscribe(after(body.Data.Changes.Key)).expectOnly(all[1:]...)
}

func (l *listener) expectOnly(want ...string) {
	l.t.Helper()
	l.expect(want...)
	l.quiet()
	l.leave()
}

func TestAForcedPushEndsSubscriptions(t *testing.T) {
	s := newSite(t)
	s.write("things/two.json", `{"name": "Two"}`)
	gone := s.commit("two")
	l := s.subscribe(following)
	s.git("reset", "-q", "--hard", "HEAD~1")
	s.write("things/three.json", `{"name": "Three"}`)
	s.commit("three")
	l.ended("NOT_FOUND")
	s.subscribe(after(gone)).ended("NOT_FOUND")
}

func TestSubscriptionsOutliveTheModel(t *testing.T) {
	s := newSite(t)
	model := `{"languages": ["fi"], "collections": [{"name": "things", "type": "%s", "schema": "schema/thing.json", "path": "things/{id}.json", "title": "/name"}]}`
	plain := s.subscribe(following)
	typed := s.subscribe(`subscription { changes { kind record { id record { ... on Thing { name } } } } }`)
	s.write("schema/model.json", fmt.Sprintf(model, "Thing"))
	s.write("things/two.json", `{"name": "Two"}`)
	s.commit("no files")
	plain.expect("CREATED two")
	typed.expect("CREATED two")
	s.write("schema/model.json", fmt.Sprintf(model, "Article"))
	s.write("things/three.json", `{"name": "Three"}`)
	s.commit("articles")
	plain.expect("CREATED three")
	typed.ended("GRAPHQL_VALIDATION_FAILED")
}

// following goroutines.
func followers() int {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 1)
	return strings.Count(b.String(), "server.(*handler).follow")
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func TestThereIsRoomForSoMany(t *testing.T) {
	s := newSiteOf(t, Config{Subscriptions: 2})
	s.start(httptest.NewUnstartedServer(s.handler))
	one, two := s.subscribe(following), s.follow(following)
	body := fmt.Sprintf(`{"query": %q}`, following)
	headers := map[string]string{"Content-Type": "application/json", "Accept": typeEvents}
	r := s.do("POST", "/graphql", body, headers)
	if got := text(t, r); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(got, `"code":"UNAVAILABLE"`) {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, got)
	}
	if r := s.do("POST", "/graphql", `{"query": "{ __typename }"}`, headers); r.StatusCode != 200 {
		t.Errorf("a query: %d", r.StatusCode)
	}
	one.leave()
	eventually(t, "the place of one who left stays taken", func() bool { return s.server.audience.size() == 1 })
	s.subscribe(following).leave()
	two.leave()
	eventually(t, "a goroutine is left", func() bool { return s.server.audience.size() == 0 && followers() == 0 })
}

// Streams live longer than requests may, and quiet ones give signs of life.
func TestStreamsOutliveTheTimeouts(t *testing.T) {
	s := newSiteOf(t, Config{KeepAlive: 50 * time.Millisecond})
	listening := httptest.NewUnstartedServer(s.handler)
	listening.Config.ReadTimeout, listening.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	s.start(listening)
	posted, got := s.subscribe(following), s.follow(following)
	time.Sleep(time.Second)
	for _, l := range []*listener{posted, got} {
		alive := 0
		for len(l.events) > 0 {
			if e := <-l.events; e.Comment {
				alive++
			}
		}
		if alive < 5 {
			t.Errorf("%d signs of life", alive)
		}
	}
	s.write("things/two.json", `{"name": "Two"}`)
	s.commit("two")
	posted.expect("CREATED two")
	got.expect("CREATED two")
}

// asleep opens a subscription that is never read.
func (s *site) asleep(query string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	body := fmt.Sprintf(`{"query": %q}`, query)
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", typeEvents, len(body), body)
	return conn
}

// big writes more than the buffers of a connection hold.
func (s *site) big() {
	for i := range 40 {
		s.write(fmt.Sprintf("things/big%d.json", i), `{"name": "`+strings.Repeat("x", 500_000)+`"}`)
	}
}

func TestOneWhoDoesNotReadIsDropped(t *testing.T) {
	s := newSiteOf(t, Config{Patience: 200 * time.Millisecond})
	s.start(httptest.NewUnstartedServer(s.handler))
	s.asleep(`subscription { changes { document } }`)
	awake := s.subscribe(following)
	eventually(t, "no subscription", func() bool { return s.server.audience.size() == 2 })
	s.big()
	s.commit("big")
	awake.changes(40)
	eventually(t, "it stays", func() bool { return s.server.audience.size() == 1 && followers() == 1 })
	s.write("things/two.json", `{"name": "Two"}`)
	s.commit("two")
	awake.expect("CREATED two")
}

func TestSubscriptionsEndWithTheServer(t *testing.T) {
	s := newSiteOf(t, Config{Patience: time.Minute})
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listening.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.server.Serve(ctx, listening, s.handler) }()
	waiting := s.subscribe(following)
	s.asleep(`subscription { changes { document } }`)
	eventually(t, "no subscription", func() bool { return s.server.audience.size() == 2 })
	s.big()
	s.commit("big")
	waiting.changes(40)
	time.Sleep(100 * time.Millisecond) // one of them is being written to
	began := time.Now()
	cancel()
	if err := <-stopped; err != nil || time.Since(began) > stopTimeout/2 {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if e := waiting.next(); e.Event != "end" { // without "complete": clients come back
		t.Errorf("%+v", e)
	}
	if s.server.audience.size() != 0 || followers() != 0 {
		t.Error("a subscription is left")
	}
	if s.server.audience.enter(&stream{}, func() {}, 10) {
		t.Error("one came in after the end")
	}
}

// What goes over a stream that is no subscription, and subscriptions that go over none.
func TestGraphQLOverEvents(t *testing.T) {
	s := newSite(t)
	get := func(query string) string { return "/graphql?" + url.Values{"query": {query}}.Encode() }
	events, posted := map[string]string{"Accept": typeEvents}, map[string]string{"Accept": typeEvents, "Content-Type": typeJSON}
	next := func(body string) string { return ":\n\nevent: next\ndata: " + body + "\n\nevent: complete\ndata:\n\n" }
	for _, test := range []struct {
		name, method, path, body string
		headers                  map[string]string
		status                   int
		media, want              string
	}{
		{"a query", "POST", "/graphql", `{"query": "{ things { totalCount } }"}`, posted, 200, typeEvents, next(`{"data":{"things":{"totalCount":1}}}`)},
		{"a query by GET", "GET", get("{ __typename }"), "", events, 200, typeEvents, next(`{"data":{"__typename":"Query"}}`)},
		{"a stream is preferred", "GET", get("{ __typename }"), "", map[string]string{"Accept": "text/event-stream, application/json;q=0.9"}, 200, typeEvents, "complete"},
		{"JSON is preferred", "GET", get("{ __typename }"), "", map[string]string{"Accept": "application/json, text/event-stream;q=0.9"}, 200, typeJSON, `{"data"`},
		{"all is accepted", "GET", get("{ __typename }"), "", map[string]string{"Accept": "*/*"}, 200, typeJSON, `{"data"`},
		{"a syntax error", "POST", "/graphql", `{"query": "{"}`, posted, 200, typeEvents, `"code":"GRAPHQL_PARSE_FAILED"`},
		{"a wrong field", "POST", "/graphql", `{"query": "subscription { changs { key } }"}`, posted, 200, typeEvents, `Did you mean \"changes\"?`},
		{"two fields", "POST", "/graphql", `{"query": "subscription { a: changes { key } b: changes { key } }"}`, posted, 200, typeEvents, `"code":"GRAPHQL_VALIDATION_FAILED"`},
		{"a mutation by nobody", "POST", "/graphql", `{"query": "mutation { __typename }"}`, posted, 401, typeJSON, `"code":"UNAUTHENTICATED"`},
		{"a mutation by GET", "GET", get("mutation { __typename }"), "", events, 405, typeJSON, `"code":"METHOD_NOT_ALLOWED"`},
		{"no query", "POST", "/graphql", `{}`, posted, 400, typeJSON, "query is missing"},
		{"no JSON", "POST", "/graphql", `{`, posted, 400, typeJSON, "JSON"},
		{"another content type", "POST", "/graphql", `{}`, events, 415, typeJSON, "application/json"},
		{"a body without end", "POST", "/graphql", `{"query": "` + strings.Repeat(" ", maxBody) + `"}`, posted, 413, typeJSON, "bytes"},
		{"a query that is not known yet", "GET", "/graphql?" + url.Values{"extensions": {`{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("0", 64) + `"}}`}}.Encode(), "", events, 200, typeEvents, "PERSISTED_QUERY_NOT_FOUND"},
		{"single connection mode", "PUT", "/graphql", "", events, 405, typeJSON, "POST"},
		{"its end", "DELETE", "/graphql?operationId=1", "", events, 405, typeJSON, "POST"},
		{"a token is asked for", "PUT", "/graphql", "", nil, 405, typeJSON, "POST"},
		{"an id that is none", "GET", get(following), "", map[string]string{"Accept": typeEvents, "Last-Event-ID": "7"}, 200, typeEvents, `"code":"BAD_USER_INPUT"`},
		{"only the headers", "HEAD", get(following), "", events, 200, typeEvents, ""},
		{"a subscription without a stream", "POST", "/graphql", fmt.Sprintf(`{"query": %q}`, following), map[string]string{"Content-Type": typeJSON, "Accept": typeResponse}, 400, typeResponse, "text/event-stream"},
		{"a subscription without a stream, by GET", "GET", get(following), "", nil, 200, typeJSON, `"code":"BAD_USER_INPUT"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := s.do(test.method, test.path, test.body, test.headers)
			body := text(t, r)
			if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); r.StatusCode != test.status || media != test.media || !strings.Contains(body, test.want) {
				t.Errorf("%d %s %s\nwant %d %s ... %s", r.StatusCode, media, body, test.status, test.media, test.want)
			}
			if test.media == typeEvents && test.method != "HEAD" && !strings.HasSuffix(body, "\n\nevent: complete\ndata:\n\n") {
				t.Errorf("no end: %q", body)
			}
			if !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Accept") {
				t.Error("it does not say that it varies")
			}
		})
	}
	eventually(t, "a subscription is left", func() bool { return s.server.audience.size() == 0 })
}
