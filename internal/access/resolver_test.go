package access

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// asking makes a request as it arrives on a loopback address. Headers are pairs; "Host",
// "peer", "local" and "proto" stand for what is none.
func asking(pairs ...string) *http.Request {
	req := httptest.NewRequest("GET", "/", nil)
	req.Host, req.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:50000"
	local := "127.0.0.1:8080"
	for i := 0; i < len(pairs); i += 2 {
		switch name, value := pairs[i], pairs[i+1]; name {
		case "Host":
			req.Host = value
		case "peer":
			req.RemoteAddr = value
		case "local":
			local = value
		case "proto":
			req.Proto, req.ProtoMajor, req.ProtoMinor = value, 1, 0
		default:
			req.Header.Add(name, value)
		}
	}
	at := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local))
	return req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, at))
}

func newResolver(t *testing.T, cfg Config) *Resolver {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// said is what a resolver says, in short.
func said(r *Resolver, req *http.Request) string {
	id, err := r.Resolve(req)
	switch {
	case errors.Is(err, content.ErrUnauthenticated):
		return "wrong"
	case err != nil:
		return err.Error()
	}
	a := id.Actor
	text := fmt.Sprintf("%s/%s/%s/%s", a.ID, a.Role, a.Person.Name, a.Person.Identity)
	if a.ID == "" {
		text = "nobody"
	}
	if id.Carried {
		text += " carried"
	}
	if id.Foreign {
		text += " foreign"
	}
	return text
}

const gitUser = "aino@example.org/maintainer/Aino/CLAIMED"

func TestGitsOwnUser(t *testing.T) {
	r := newResolver(t, Config{Local: &content.Person{Name: "Aino", Email: "Aino@example.org"}})
	for _, tt := range []struct {
		name, want string
		headers    []string
	}{
		{"a program on this machine", gitUser, nil},
		{"by name", gitUser, []string{"Host", "localhost:8080"}},
		{"over IPv6", gitUser, []string{"Host", "[::1]:8080", "peer", "[::1]:50000", "local", "[::1]:8080"}},
		{"IPv4 in IPv6", gitUser, []string{"peer", "[::ffff:127.0.0.1]:50000"}},
		{"without a port", gitUser, []string{"Host", "localhost"}},
		{"a browser's own page", gitUser, []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:8080", "Referer", "http://127.0.0.1:8080/studio"}},
		{"typed into a browser", gitUser, []string{"Sec-Fetch-Site", "none"}},
		{"another machine", "nobody", []string{"peer", "192.0.2.7:50000"}},
		{"an unknown peer", "nobody", []string{"peer", "@"}},
		{"on an address that others reach", "nobody", []string{"local", "192.0.2.1:8080"}},
		{"a name that now has this address", "nobody", []string{"Host", "evil.example:8080"}},
		{"a name that begins as ours", "nobody", []string{"Host", "localhost.evil.example"}},
		{"a name that looks like an address", "nobody", []string{"Host", "127.0.0.1.evil.example"}},
		{"no host", "nobody", []string{"Host", ""}},
		{"another machine's address", "nobody", []string{"Host", "192.0.2.1"}},
		{"every address", "nobody", []string{"Host", "0.0.0.0:8080"}},
		{"a page of another site", "nobody foreign", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"a page of another port", "nobody foreign", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:3000"}},
		{"an old browser's page of another site", "nobody foreign", []string{"Origin", "https://evil.example"}},
		{"a page without an origin", "nobody foreign", []string{"Origin", "null"}},
		{"a picture on a page of another site", "nobody foreign", []string{"Sec-Fetch-Site", "cross-site"}},
		{"two origins", "nobody", []string{"Origin", "http://127.0.0.1:8080", "Origin", "https://evil.example"}},
		{"through a proxy", "nobody", []string{"X-Forwarded-For", "192.0.2.7"}},
		{"through a proxy, empty", "nobody", []string{"X-Forwarded-For", ""}},
		{"through a proxy that tells the host", "nobody", []string{"X-Forwarded-Host", "koonti.example"}},
		{"through one by the standard", "nobody", []string{"Forwarded", "for=192.0.2.7"}},
		{"through one that says Via", "nobody", []string{"Via", "1.1 cache"}},
		{"through one of a kind", "nobody", []string{"X-Real-IP", "192.0.2.7"}},
		{"through one that says nothing", "nobody", []string{"proto", "HTTP/1.0"}},
		{"through one that says nothing, from a page of its own", "nobody", []string{"Sec-Fetch-Site", "same-origin", "Referer", "https://koonti.example/"}},
		{"a token that nobody gave", "wrong", []string{"Authorization", "Bearer koonti_x"}},
		{"a password for someone else", gitUser, []string{"Authorization", "Basic YTpi"}},
	} {
		if got := said(r, asking(tt.headers...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := said(r, httptest.NewRequest("GET", "http://localhost/", nil)); got != "nobody" {
		t.Errorf("without a connection: %s", got)
	}
}

func TestWhereGitsUserIsNotTaken(t *testing.T) {
	person := &content.Person{Name: "Aino", Email: "aino@example.org"}
	_, line := given("aaaaaaaa", content.RoleEditor, "Aino", "aino@example.org")
	k := newKept(t, "")
	r := newResolver(t, Config{Local: person, Tokens: k.tokens})
	for _, step := range []struct{ name, text, want string }{
		{"no tokens", "", gitUser}, {"a token is given", line, "nobody"}, {"it is taken back", "", "nobody"},
	} {
		k.write(step.text)
		if got := said(r, asking()); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
	for name, cfg := range map[string]Config{
		"nothing":                        {},
		"behind a proxy that identifies": {Local: person, Proxy: proxy()},
		"on a forge": {Local: person, Forge: func(context.Context, string) (content.Actor, error) {
			return content.Actor{}, content.ErrUnauthenticated
		}},
	} {
		if got := said(newResolver(t, cfg), asking()); got != "nobody" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, person := range map[string]*content.Person{"no address": {Name: "Aino"}, "nothing known": {}} {
		if id, err := newResolver(t, Config{Local: person}).Resolve(asking()); err != nil || id.Actor.Role != content.RoleReader {
			t.Errorf("%s: %v %v", name, id, err)
		}
	}
}

func TestOpenLetsEveryoneRead(t *testing.T) {
	r := newResolver(t, Config{Open: true})
	id, err := r.Resolve(asking("peer", "192.0.2.7:1"))
	if err != nil || id.Actor.Role != content.RoleReader || id.Actor.ID != "" {
		t.Errorf("%+v %v", id, err)
	}
	if got := said(r, asking("Authorization", "Bearer x")); got != "wrong" {
		t.Errorf("a wrong token: %s", got)
	}
}

func TestBearer(t *testing.T) {
	token, line := given("aaaaaaaa", content.RoleEditor, "Aino", "aino@example.org")
	r := newResolver(t, Config{Tokens: newKept(t, line).tokens})
	const aino = "aino@example.org/editor/Aino/TOKEN carried"
	for _, tt := range []struct {
		name, want string
		headers    []string
	}{
		{"a token", aino, []string{"Authorization", "Bearer " + token}},
		{"in small letters, with blanks", aino, []string{"Authorization", "bearer   " + token + " "}},
		{"from a page of another site", aino + " foreign", []string{"Authorization", "Bearer " + token, "Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}},
		{"from another machine", aino, []string{"Authorization", "Bearer " + token, "peer", "192.0.2.7:1"}},
		{"beside another scheme", aino, []string{"Authorization", "Basic YTpi", "Authorization", "Bearer " + token}},
		{"none", "nobody", nil},
		{"another scheme", "nobody", []string{"Authorization", "Basic YTpi"}},
		{"nothing after the scheme", "wrong", []string{"Authorization", "Bearer"}},
		{"blanks after the scheme", "wrong", []string{"Authorization", "Bearer  "}},
		{"a wrong one", "wrong", []string{"Authorization", "Bearer " + token + "x"}},
		{"two", "wrong", []string{"Authorization", "Bearer " + token, "Authorization", "Bearer " + token}},
		{"two in one", "wrong", []string{"Authorization", "Bearer " + token + " " + token}},
		{"too long", "wrong", []string{"Authorization", "Bearer " + strings.Repeat("x", 5000)}},
		{"not ASCII", "wrong", []string{"Authorization", "Bearer ä" + token}},
	} {
		if got := said(r, asking(tt.headers...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

const proxySecret = "0123456789abcdef"

func proxy() *Proxy {
	return &Proxy{Header: "X-User", RoleHeader: "X-Role", Role: content.RoleReader, Secret: proxySecret,
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}}
}

func TestProxy(t *testing.T) {
	token, line := given("aaaaaaaa", content.RoleMaintainer, "Robot", "robot@example.org")
	r := newResolver(t, Config{Proxy: proxy(), Tokens: newKept(t, line).tokens, Local: &content.Person{Name: "Git", Email: "git@example.org"}})
	from := func(user string, more ...string) []string {
		return append([]string{"X-User", user, SecretHeader, proxySecret, "X-Forwarded-For", "192.0.2.7"}, more...)
	}
	const aino = "aino@example.org/reader/Aino Virtanen/TOKEN"
	for _, tt := range []struct {
		name, want string
		headers    []string
	}{
		{"a name and an address", aino, from("Aino Virtanen <Aino@example.org>")},
		{"a quoted name", aino, from(`"Aino Virtanen" <aino@example.org>`)},
		{"an encoded name", "bjorn@example.org/reader/Björn/TOKEN", from("=?utf-8?q?Bj=C3=B6rn?= <bjorn@example.org>")},
		{"a name in UTF-8", "bjorn@example.org/reader/Björn/TOKEN", from("Björn <bjorn@example.org>")},
		{"an address", "aino@example.org/reader/aino/TOKEN", from("aino@example.org")},
		{"an address in brackets", "aino@example.org/reader/aino/TOKEN", from("<aino@example.org>")},
		{"a login", "aino/reader/Aino/TOKEN", from("Aino")},
		{"a role", "aino/maintainer/aino/TOKEN", from("aino", "X-Role", "Maintainer")},
		{"no role", "aino/reader/aino/TOKEN", from("aino", "X-Role", "")},
		{"a role that there is not", "wrong", from("aino", "X-Role", "root")},
		{"two roles", "wrong", from("aino", "X-Role", "reader", "X-Role", "maintainer")},
		{"a page of its own", "aino/reader/aino/TOKEN", from("aino", "Sec-Fetch-Site", "same-origin", "Origin", "https://koonti.example")},
		{"a page of another site", "nobody foreign", from("aino", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")},
		{"nobody", "nobody", from("")},
		{"no header", "nobody", nil},
		{"no header from elsewhere", "nobody", []string{"peer", "192.0.2.7:1"}},
		{"a token of a program", "robot@example.org/maintainer/Robot/TOKEN carried", from("", "Authorization", "Bearer "+token)},
		{"a token the proxy hands on", "aino/reader/aino/TOKEN", from("aino", "Authorization", "Bearer eyJhbGciOi")},
		{"a wrong token of nobody", "wrong", from("", "Authorization", "Bearer eyJhbGciOi")},
		{"another trusted address", "aino/reader/aino/TOKEN", from("aino", "peer", "10.1.2.3:1")},
		{"an address not trusted", "wrong", from("aino", "peer", "192.0.2.7:1")},
		{"no secret", "wrong", []string{"X-User", "aino"}},
		{"a wrong secret", "wrong", []string{"X-User", "aino", SecretHeader, proxySecret + "0"}},
		{"two secrets", "wrong", []string{"X-User", "aino", SecretHeader, proxySecret, SecretHeader, proxySecret}},
		{"two people", "wrong", from("aino", "X-User", "eino")},
		{"what is no person", "wrong", from("<>")},
		{"an address that is none", "wrong", from("Aino <aino>")},
		{"two addresses", "wrong", from("Aino <a@example.org> <b@example.org>")},
		{"a name that turns what follows", "wrong", from("Aino\u202e <a@example.org>")},
		{"a name in another encoding", "wrong", from("Bj\xf6rn <a@example.org>")},
		{"a name too long", "wrong", from(strings.Repeat("a", 500))},
	} {
		if got := said(r, asking(tt.headers...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestAProxyThatIsSetUpWrongIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Proxy){
		"no header":                  func(p *Proxy) { p.Header = "" },
		"a header that is none":      func(p *Proxy) { p.Header = "X User" },
		"a header of another use":    func(p *Proxy) { p.Header = "authorization" },
		"the header of the secret":   func(p *Proxy) { p.RoleHeader = SecretHeader },
		"one header for both":        func(p *Proxy) { p.RoleHeader = "x-user" },
		"nobody trusted":             func(p *Proxy) { p.Trusted = nil },
		"no secret":                  func(p *Proxy) { p.Secret = "" },
		"a short secret":             func(p *Proxy) { p.Secret = "hush" },
		"a role that there is not":   func(p *Proxy) { p.Role = "root" },
		"no role":                    func(p *Proxy) { p.Role = "" },
		"a header with a line break": func(p *Proxy) { p.Header = "X-User\r\nX" },
	} {
		p := proxy()
		change(p)
		if _, err := New(Config{Proxy: p}); !errors.Is(err, content.ErrInvalid) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddress(t *testing.T) {
	r := newResolver(t, Config{Proxy: proxy()})
	for _, tt := range []struct{ name, peer, hops, want string }{
		{"no proxy", "192.0.2.7:1", "", "192.0.2.7"},
		{"one not trusted says another", "192.0.2.7:1", "203.0.113.1", "192.0.2.7"},
		{"a proxy", "127.0.0.1:1", "203.0.113.1", "203.0.113.1"},
		{"two proxies", "127.0.0.1:1", "203.0.113.1, 10.0.0.2", "203.0.113.1"},
		{"what a client made up comes before", "127.0.0.1:1", "127.0.0.1, 198.51.100.9, 203.0.113.1", "203.0.113.1"},
		{"a proxy that says nothing", "127.0.0.1:1", "", "127.0.0.1"},
		{"nonsense", "127.0.0.1:1", "203.0.113.1, unknown", "127.0.0.1"},
	} {
		headers := []string{"peer", tt.peer}
		if tt.hops != "" {
			headers = append(headers, "X-Forwarded-For", tt.hops)
		}
		if got := r.Address(asking(headers...)).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestForge(t *testing.T) {
	var asked atomic.Int32
	r := newResolver(t, Config{Forge: func(_ context.Context, token string) (content.Actor, error) {
		asked.Add(1)
		switch token {
		case "good":
			return content.Actor{ID: "aino", Role: content.RoleReviewer, Person: content.Person{Name: "Aino"}}, nil
		case "nobody":
			return content.Actor{Role: content.RoleMaintainer}, nil
		case "down":
			return content.Actor{}, errors.New("dial tcp 10.0.0.9: hush")
		}
		return content.Actor{}, fmt.Errorf("the forge does not know the token: %w", content.ErrUnauthenticated)
	}})
	now := time.Now()
	r.forge.now = func() time.Time { return now }
	bear := func(token string) *http.Request { return asking("Authorization", "Bearer "+token) }
	for _, step := range []struct {
		name, token, want string
		later             time.Duration
		asked             int32
	}{
		{"a token", "good", "aino/reviewer/Aino/FORGE carried", 0, 1},
		{"again", "good", "aino/reviewer/Aino/FORGE carried", 30 * time.Second, 0},
		{"after a minute", "good", "aino/reviewer/Aino/FORGE carried", 31 * time.Second, 1},
		{"a wrong one", "bad", "wrong", 0, 1},
		{"again at once", "bad", "wrong", time.Second, 0},
		{"again after some seconds", "bad", "wrong", 5 * time.Second, 1},
		{"nobody's", "nobody", "the forge does not answer: unavailable", 0, 1},
		{"a forge that is down", "down", "the forge does not answer: unavailable", 0, 1},
	} {
		asked.Store(0)
		now = now.Add(step.later)
		if got := said(r, bear(step.token)); got != step.want || asked.Load() != step.asked {
			t.Errorf("%s: %s, asked %d times; want %s, %d times", step.name, got, asked.Load(), step.want, step.asked)
		}
	}
	id, err := r.Resolve(bear("good"))
	if err != nil || id.Actor.Token != "good" {
		t.Errorf("the token is not passed on: %v", err)
	}
	for _, answer := range r.forge.answers.Values() {
		if answer.actor.Token != "" {
			t.Error("a token is kept")
		}
	}
}
