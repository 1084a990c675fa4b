package server

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/content"
)

// node is an element of XML, whatever it is.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Kids    []node     `xml:",any"`
	Text    string     `xml:",chardata"`
}

func (n node) all(name string) (out []node) {
	for _, kid := range n.Kids {
		if kid.XMLName.Local == name {
			out = append(out, kid)
		}
	}
	return out
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

const atomSpace = "http://www.w3.org/2005/Atom"

// valid holds a feed against RFC 4287.
func valid(t *testing.T, text string) node {
	t.Helper()
	var feed node
	if err := xml.Unmarshal([]byte(text), &feed); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if feed.XMLName != (xml.Name{Space: atomSpace, Local: "feed"}) || !utf8.ValidString(text) {
		t.Errorf("the root is %v", feed.XMLName)
	}
	known := map[string]string{
		"feed": "author category contributor generator icon id link logo rights subtitle title updated entry", "author": "name email uri",
		"entry": "author category content contributor id link published rights source summary title updated",
	}
	var walk func(n node)
	walk = func(n node) {
		for _, kid := range n.Kids {
			if kid.XMLName.Space != atomSpace || !strings.Contains(" "+known[n.XMLName.Local]+" ", " "+kid.XMLName.Local+" ") {
				t.Errorf("%s in %s", kid.XMLName, n.XMLName.Local)
			}
			walk(kid)
		}
	}
	walk(feed)
	ids := map[string]bool{}
	for _, n := range append([]node{feed}, feed.all("entry")...) {
		for _, name := range []string{"id", "title", "updated"} { // 4.1.1, 4.1.2
			if list := n.all(name); len(list) != 1 || strings.TrimSpace(list[0].Text) == "" {
				t.Fatalf("%s %s: %v", n.XMLName.Local, name, list)
			}
		}
		id := n.all("id")[0].Text
		if u, err := url.Parse(id); err != nil || !u.IsAbs() || ids[id] { // 4.2.6
			t.Errorf("id %q: %v", id, err)
		}
		ids[id] = true
		if _, err := time.Parse(time.RFC3339, n.all("updated")[0].Text); err != nil { // 3.3
			t.Error(err)
		}
		for _, link := range n.all("link") { // 4.2.7
			if u, err := url.Parse(link.attr("href")); err != nil || u.Host == "" {
				t.Errorf("link %v: %v", link.Attrs, err)
			}
		}
		for _, c := range n.all("category") { // 4.2.2
			if c.attr("term") == "" {
				t.Error("a category without term")
			}
		}
		for _, a := range n.all("author") { // 3.2
			if len(a.all("name")) != 1 || a.all("name")[0].Text == "" || len(a.all("email")) > 1 {
				t.Errorf("author %v", a)
			}
		}
	}
	self := 0
	for _, link := range feed.all("link") {
		if link.attr("rel") == "self" {
			self++
		}
	}
	if self != 1 {
		t.Errorf("%d links to itself", self)
	}
	for _, entry := range feed.all("entry") {
		if len(entry.all("author")) == 0 || len(entry.all("content")) != 1 || entry.all("content")[0].attr("type") != "html" || len(entry.all("link")) != 1 {
			t.Errorf("entry %v", entry)
		}
	}
	return feed
}

func titles(feed node) (out []string) {
	for _, entry := range feed.all("entry") {
		out = append(out, entry.all("title")[0].Text)
	}
	return out
}

// digest gives a site a history that feeds can tell of.
func digest(s *site) {
	s.write("schema/model.json", `{"languages": ["fi", "sv"], "collections": [
		{"name": "things", "type": "Thing", "schema": "schema/thing.json", "path": "things/{id}.json", "title": "/name", "label": {"fi": "hanke", "sv": "projekt"}, "localized": ["/summary"]},
		{"name": "notes", "type": "Note", "schema": "schema/note.json", "path": "notes/{id}.json"}]}`)
	s.write("schema/thing.json", `{"type": "object", "properties": {
		"name": {"type": "string", "title": "Nimi"}, "summary": {"type": "object", "title": "Kuvaus"}, "URL": {"type": "string"},
		"people": {"type": "array", "title": "Osallistujat", "items": {"type": "object", "properties": {"role": {"type": "string", "title": "Rooli"}}}}}}`)
	s.write("schema/note.json", `{"type": "object"}`)
	s.write("things/one.json", `{"name": "DigiCult", "summary": {"fi": "Vanha kuvaus museoista."}, "people": [{"role": "a"}, {"role": "b"}]}`)
	s.write("notes/n.json", `{"text": "x", "more": 1}`)
	s.commit("begin")
	s.write("things/one.json", `{"name": "DigiCult", "summary": {"fi": "Uusi kuvaus museoista."}, "people": [{"role": "a"}, {"role": "c"}]}`)
	s.commit("Kuvaus kuntoon (#12)")
	s.write("things/one.json", "{\n\"name\": \"DigiCult\", \"summary\": {\"fi\": \"Uusi kuvaus museoista.\"}, \"people\": [{\"role\": \"a\"}, {\"role\": \"c\"}]}")
	s.commit("indent")
	s.git("rm", "-q", "notes/n.json")
	s.commit("no notes")
	s.git("mv", "things/one.json", "things/uno.json")
	s.commit("another id")
}

func TestFeedsTellWhatChanged(t *testing.T) {
	s := newSite(t)
	digest(s)
	r := s.do("GET", "/feeds/changes.atom", "", nil)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/atom+xml; charset=utf-8" || r.Header.Get("Cache-Control") != "public, no-cache" || r.Header.Get("Access-Control-Allow-Origin") == "x" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	feed := valid(t, text(t, r))
	want := []string{
		"Hanke · DigiCult: tunnus vaihdettu: one → uno",
		"notes · n: poistettu",
		"Hanke · DigiCult: kuvaus, osallistujat muutettu",
		"Hanke · DigiCult: nimi, file, kuvaus ja 1 muuta muutettu",
		"notes · n: luotu",
		"Hanke · One: luotu", // the name that it had: nothing is called one any more
	}
	if diff := cmp.Diff(want, titles(feed)); diff != "" {
		t.Error(diff)
	}
	if lang := feed.attr("lang"); lang != "fi" || feed.all("title")[0].Text != "Koonti · Muutokset" || feed.all("updated")[0].Text != feed.all("entry")[0].all("updated")[0].Text {
		t.Errorf("%s %v %v", lang, feed.all("title"), feed.all("updated"))
	}
	entry := feed.all("entry")[2]
	html := entry.all("content")[0].Text
	for _, part := range []string{
		"<p>Kuvaus kuntoon (#12)</p>", "<th scope=\"col\">Kenttä</th>",
		`<tr><th scope="row">Kuvaus (fi)</th><td><del>Vanha</del> kuvaus museoista.</td><td><ins>Uusi</ins> kuvaus museoista.</td></tr>`,
		`<tr><th scope="row">Osallistujat 2 › Rooli</th><td><del>b</del></td><td><ins>c</ins></td></tr>`,
	} {
		if !strings.Contains(html, part) {
			t.Errorf("the entry lacks %s:\n%s", part, html)
		}
	}
	if c := entry.all("category"); len(c) != 2 || c[0].attr("term") != "things" || c[0].attr("label") != "Hanke" || c[1].attr("term") != "UPDATED" {
		t.Errorf("%v", c)
	}
	for _, entry := range feed.all("entry") { // the links lead to the record as it was
		link := strings.TrimPrefix(entry.all("link")[0].attr("href"), s.url)
		if r := s.do("GET", link, "", nil); r.StatusCode != 200 {
			t.Errorf("%s: %d %s", link, r.StatusCode, text(t, r))
		}
	}
	if html := feed.all("entry")[3].all("content")[0].Text; !strings.Contains(html, `<td></td><td><ins>fi: Vanha kuvaus museoista.</ins></td>`) {
		t.Errorf("a localized text is no text: %s", html)
	}
	one := valid(t, text(t, s.do("GET", "/feeds/notes.atom?lang=en&first=1", "", nil)))
	if diff := cmp.Diff([]string{"notes · n: deleted"}, titles(one)); diff != "" {
		t.Error(diff)
	}
	if one.all("link")[0].attr("href") != s.url+"/feeds/notes.atom?first=1&lang=en" || one.all("id")[0].Text != s.url+"/feeds/notes.atom" {
		t.Errorf("%v %v", one.all("link"), one.all("id"))
	}
	if one.all("entry")[0].all("id")[0].Text != feed.all("entry")[1].all("id")[0].Text {
		t.Error("one change, two ids")
	}
}

func TestFeedsSpeakTheLanguageWishedFor(t *testing.T) {
	s := newSite(t)
	digest(s)
	for _, c := range []struct{ query, accept, lang, title string }{
		{"", "", "fi", "notes · n: poistettu"},
		{"", "sv-FI, fi;q=0.8", "sv", "notes · n: har tagits bort"},
		{"", "en-GB,en;q=0.9", "en", "notes · n: deleted"},
		{"", "de, en;q=0.5", "en", "notes · n: deleted"},
		{"", "zz;;;q=x", "fi", "notes · n: poistettu"},
		{"?lang=sv", "en", "sv", "notes · n: har tagits bort"},
		{"?lang=FI", "en", "fi", "notes · n: poistettu"},
	} {
		r := s.do("GET", "/feeds/changes.atom"+c.query, "", map[string]string{"Accept-Language": c.accept})
		feed := valid(t, text(t, r))
		if feed.attr("lang") != c.lang || titles(feed)[1] != c.title || !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Accept-Language") {
			t.Errorf("%s %s: %s %s", c.query, c.accept, feed.attr("lang"), titles(feed)[1])
		}
	}
}

func TestWrongFeeds(t *testing.T) {
	s := newSite(t)
	for path, status := range map[string]int{
		"/feeds/none.atom": 404, "/feeds/things": 404, "/feeds/things.rss": 404, "/feeds/": 404, "/feeds/.atom": 404,
		"/feeds/things.atom?first=0": 400, "/feeds/things.atom?first=501": 400, "/feeds/things.atom?first=x": 400, "/feeds/things.atom?lang=de": 400,
		"/feeds/things.atom?first=500": 200, "/feeds/things.atom?lang=en": 200,
	} {
		if r := s.do("GET", path, "", nil); r.StatusCode != status {
			t.Errorf("%s: %d %s", path, r.StatusCode, text(t, r))
		}
	}
}

func TestAnUnchangedFeedIsNotSentAgain(t *testing.T) {
	s := newSite(t)
	const path = "/feeds/things.atom"
	first := s.do("GET", path, "", nil)
	etag := first.Header.Get("ETag")
	if r := s.do("GET", path, "", map[string]string{"If-None-Match": etag}); etag == "" || r.StatusCode != 304 || text(t, r) != "" || r.Header.Get("ETag") != etag {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if r := s.do("HEAD", path, "", nil); r.StatusCode != 200 || r.Header.Get("ETag") != etag || r.Header.Get("Content-Type") != first.Header.Get("Content-Type") || text(t, r) != "" {
		t.Errorf("HEAD: %d %v", r.StatusCode, r.Header)
	}
	for _, headers := range []map[string]string{{"Accept-Language": "sv"}, {"X-Forwarded-Proto": "https"}} {
		headers["If-None-Match"] = etag
		if r := s.do("GET", path, "", headers); r.StatusCode != 200 || r.Header.Get("ETag") == etag {
			t.Errorf("%v: %d %s", headers, r.StatusCode, r.Header.Get("ETag"))
		}
	}
	s.write("things/two.json", `{"name": "Two"}`)
	s.commit("two")
	r := s.do("GET", path, "", map[string]string{"If-None-Match": etag})
	if r.StatusCode != 200 || len(valid(t, text(t, r)).all("entry")) != 2 {
		t.Errorf("after a commit: %d", r.StatusCode)
	}
	if r := s.do("GET", path, "", map[string]string{"X-Forwarded-Proto": "https"}); !strings.Contains(text(t, r), `href="https://`) {
		t.Error("behind a proxy that speaks https, the links do not")
	}
}

// No content makes a feed that is no XML, or HTML of its own.
func TestFeedsOfHostileContent(t *testing.T) {
	s := newSite(t)
	s.write("schema/thing.json", `{"type": "object"}`)
	s.write("things/one.json", `{"name": "\u0001\u000b]]>&amp;<script>alert(1)</script>\ufffe\uffff\ud83d\ude00", "a<b>\u0002": "<img src=x onerror=alert(1)>\u001b[31m", "list": [1, {"<i>": null}], "long": "`+strings.Repeat("pitkä sana ", 3000)+`"}`)
	s.git("add", "-A")
	s.git("-c", "user.name=Eve <b>&", "commit", "-q", "-m", "<script>\x02alert(1)</script> ]]> eve@example.org")
	s.reload()
	s.write("things/one.json", `{"name": 5, "long": "`+strings.Repeat("pitkä sana ", 3000)+`!"}`)
	s.commit("once more")
	for _, lang := range []string{"fi", "en"} {
		body := text(t, s.do("GET", "/feeds/changes.atom?lang="+lang, "", nil))
		feed := valid(t, body)
		if i := strings.IndexFunc(body, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0xfffe || r == 0xffff }); i >= 0 {
			t.Errorf("a character that XML forbids: %q", body[i:i+10])
		}
		if len(feed.all("entry")) != 3 || len(body) > 30_000 {
			t.Errorf("%d entries, %d bytes", len(feed.all("entry")), len(body))
		}
		allowed := regexp.MustCompile(`^</?(p|code|table|thead|tbody|tr|th|td|del|ins)( scope="(col|row)"| colspan="3")?>$`)
		for _, entry := range feed.all("entry") {
			for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(entry.all("content")[0].Text, -1) {
				if !allowed.MatchString(tag) {
					t.Errorf("a tag of its own: %s", tag)
				}
			}
		}
	}
}

func TestFeedsKeepAddressesBack(t *testing.T) {
	for _, show := range []bool{true, false} {
		s := newSiteOf(t, Config{Access: resolver(t, access.Config{Open: show})})
		s.start(httptest.NewUnstartedServer(s.handler))
		s.write("things/two.json", `{"name": "Two"}`)
		s.commit("for other@example.org")
		body := text(t, s.do("GET", "/feeds/changes.atom", "", nil))
		feed := valid(t, body)
		if author := feed.all("entry")[0].all("author")[0]; author.all("name")[0].Text != "Test" || (len(author.all("email")) == 1) != show {
			t.Errorf("show %v: %v", show, author)
		}
		if got := strings.Count(body, "@example.org"); (got > 0) != show {
			t.Errorf("show %v: %d addresses", show, got)
		}
	}
}

// unready histories are being read until they are let go.
type unready struct {
	graphql.Histories
	ready atomic.Bool
}

func (h *unready) Past(ctx context.Context, view *content.View) (graphql.Past, error) {
	if h.ready.Load() {
		return h.Histories.Past(ctx, view)
	}
	return nil, fmt.Errorf("the history is being read: 5 of 10 commits: %w", content.ErrUnavailable)
}

func TestWhileTheHistoryIsBeingRead(t *testing.T) {
	reading := &unready{}
	s := newSiteOf(t, Config{GraphQL: graphql.Config{Histories: reading}, GiveUp: 3 * time.Second})
	s.start(httptest.NewUnstartedServer(s.handler))
	r := s.do("GET", "/feeds/changes.atom", "", nil)
	if got := text(t, r); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("ETag") != "" || r.Header.Get("Cache-Control") != "no-store" || !strings.Contains(got, "5 of 10 commits") {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, got)
	}
	began := time.Now()
	impatient := s.subscribe(following)
	impatient.ended("UNAVAILABLE")
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it ended after %s", took)
	}
	base := s.git("rev-parse", "HEAD")
	now, since := s.subscribe(following), s.subscribe(after(base))
	eventually(t, "no subscription", func() bool { return s.server.audience.size() == 2 })
	s.write("things/two.json", `{"name": "Two"}`)
	s.commit("two")
	reading.Histories = histories{s.index}
	reading.ready.Store(true)
	now.expect("CREATED two")
	since.expect("CREATED two")
}

func TestTheFirstPageLeadsToTheFeeds(t *testing.T) {
	s := newSite(t)
	page := text(t, s.do("GET", "/", "", nil))
	for _, want := range []string{
		`<link rel="alternate" type="application/atom+xml" title="All changes" href="/feeds/changes.atom">`,
		`<link rel="alternate" type="application/atom+xml" title="Changes of things" href="/feeds/things.atom">`,
		`<a href="/feeds/changes.atom">`, `<a href="/feeds/things.atom"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	for _, link := range regexp.MustCompile(`href="(/feeds/[^"]*)"`).FindAllStringSubmatch(page, -1) {
		if r := s.do("GET", link[1], "", nil); r.StatusCode != 200 {
			t.Errorf("%s: %d", link[1], r.StatusCode)
		}
	}
	without, err := New(Config{}).Handler(s.catalog)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	without.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if strings.Contains(w.Body.String(), "/feeds/") {
		t.Error("feeds without a history")
	}
}
