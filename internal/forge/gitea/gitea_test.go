package gitea

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

func TestRemoteNamesTheRepository(t *testing.T) {
	for _, test := range []struct{ remote, owner, name string }{
		{"https://gitea.example.org/city/koonti.git", "city", "koonti"},
		{"https://gitea.example.org/city/koonti", "city", "koonti"},
		{"https://example.org/under/a/path/city/koonti.git/", "city", "koonti"},
		{"ssh://git@gitea.example.org:2222/city/koonti.git", "city", "koonti"},
		{"git@gitea.example.org:city/koonti.git", "city", "koonti"},
		{"https://gitea.example.org/koonti.git", "", ""},
		{"https://gitea.example.org/city/..", "", ""},
		{"https://gitea.example.org/city/a b", "", ""},
		{"https://gitea.example.org/city/a?x=y/z", "city", "a"},
		{"", "", ""},
	} {
		owner, name, err := repositoryOf(test.remote)
		if owner != test.owner || name != test.name {
			t.Errorf("%q: got %q, %q", test.remote, owner, name)
		}
		if wrong := test.owner == ""; wrong != errors.Is(err, content.ErrInvalid) {
			t.Errorf("%q: got error %v", test.remote, err)
		}
	}
}

func TestServerIsAnHTTPURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://gitea.example.org/":    "https://gitea.example.org",
		"http://127.0.0.1:3000/gitea//": "http://127.0.0.1:3000/gitea",
		"gitea.example.org":             "",
		"ftp://gitea.example.org":       "",
		"https://user:x@example.org":    "",
		"https://example.org/?a=b":      "",
		"":                              "",
	} {
		got, err := serverURL(raw)
		if got != want || (want == "") != errors.Is(err, content.ErrInvalid) {
			t.Errorf("%q: got %q, %v", raw, got, err)
		}
	}
}

func TestMarksComeBack(t *testing.T) {
	someone := &signer{ID: "a@example.org", Name: "Å --> *B* <!--", Email: "a@example.org", Identity: content.IdentityToken}
	for name, m := range map[string]mark{
		"nothing":   {},
		"a key":     {Key: "k --> k\n\n\"'"},
		"somebody":  {By: someone},
		"a verdict": {By: someone, Verdict: content.VerdictApproved, Head: "0123456789012345678901234567890123456789"},
		"a deed":    {By: someone, Did: content.EventClosed},
		"a summary": {Summary: true},
	} {
		for _, text := range []string{"", "One line.", "Two\n\nparts.", "<!-- koonti {\"summary\":true} -->\nnot ours"} {
			written := m.compose("says:", text)
			for how, form := range map[string]string{"as it was": written, "trimmed": strings.TrimSpace(written), "of a form": strings.ReplaceAll(written, "\n", "\r\n")} {
				got, rest, ok := parse(form)
				if m == (mark{}) {
					if form == written && !strings.HasPrefix(text, markOpens) && (ok || rest != text) {
						t.Errorf("%s: %q became %q", name, text, rest)
					}
					continue
				}
				if diff := cmp.Diff(m, got); diff != "" || !ok || rest != text {
					t.Errorf("%s, %s: text %q, %v (-want +got):\n%s", name, how, rest, ok, diff)
				}
			}
		}
	}
}

func TestNamesAreNotRead(t *testing.T) {
	shown := mark{By: &signer{Name: "**@all** [x](javascript:y) <b>\nz"}}.compose("says:", "")
	_, got, _ := strings.Cut(shown, "\n")
	want := `**\*\*@` + "\u2060" + `all\*\* \[x\]\(javascript\:y\) \<b\> z** says:` + "\n\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("<!-- koonti {} -->\n\n", "text")
	f.Add("<!-- koonti {\"by\":{\"name\":\"x\"}} -->\n**x** says:\n\ntext", "\r\n")
	f.Fuzz(func(t *testing.T, body, text string) {
		m, rest, ok := parse(body)
		if !ok && rest != strings.ReplaceAll(body, "\r\n", "\n") {
			t.Errorf("a text without a mark was changed: %q", rest)
		}
		text = strings.ReplaceAll(text, "\r", "")
		if got, again, _ := parse(m.compose("says:", text)); ok && m != (mark{}) && (again != strings.TrimSuffix(text+"\n", "\n") || !cmp.Equal(got, m)) {
			t.Errorf("%q came back as %q, marks differ by %s", text, again, cmp.Diff(m, got))
		}
		if line := clean(text, 10); len(line) > 10 || !utf8.ValidString(line) {
			t.Errorf("clean: %q", line)
		}
	})
}

// answers is a server that gives one answer after another, and counts.
type answers struct {
	list []func(http.ResponseWriter)
	got  []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.got = append(a.got, r.Method)
	if len(a.list) == 0 {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	a.list[0](w)
	a.list = a.list[1:]
}

func says(status int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// forgeAt is a forge of that server, with an empty mirror.
func forgeAt(t *testing.T, h http.Handler) *Forge {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := gitrepo.Init(dir); err != nil {
		t.Fatal(err)
	}
	repo, err := gitrepo.Open(dir, gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	f, err := New(context.Background(), Config{URL: server.URL, Remote: server.URL + "/city/koonti.git", Repo: repo, Token: "secret-token", Target: "refs/heads/main"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestQuestionsAreAskedAgain(t *testing.T) {
	user := says(200, `{"id": 7, "login": "service"}`)
	for _, test := range []struct {
		name    string
		answers []func(http.ResponseWriter)
		asked   int
		want    error
		words   string
	}{
		{"an answer", []func(http.ResponseWriter){user}, 1, nil, ""},
		{"a fault that passes", []func(http.ResponseWriter){says(502, "down"), user}, 2, nil, ""},
		{"patience asked for", []func(http.ResponseWriter){says(429, "", "Retry-After", "1"), user}, 2, nil, ""},
		{"more patience than there is", []func(http.ResponseWriter){says(429, "", "Retry-After", "600"), user}, 1, content.ErrUnavailable, "asked too much"},
		{"a fault that stays", []func(http.ResponseWriter){says(500, `{"message":"<b>boom"}`), says(500, ""), says(500, `{"message":"boom\nboom"}`), user}, 3, content.ErrUnavailable, "boom boom"},
		{"a token that is none", []func(http.ResponseWriter){says(401, `{"message":"no"}`)}, 1, content.ErrUnavailable, "token of this service"},
		{"a right that is lacking", []func(http.ResponseWriter){says(403, `{"message":"scope read:user"}`)}, 1, content.ErrForbidden, "scope read:user"},
		{"another place", []func(http.ResponseWriter){says(301, "", "Location", "https://elsewhere.example.org/")}, 1, nil, "moved to https://elsewhere.example.org/"},
		{"an answer without end", []func(http.ResponseWriter){func(w http.ResponseWriter) {
			for range maxAnswer/1024 + 2 {
				fmt.Fprint(w, strings.Repeat(" ", 1024))
			}
			fmt.Fprint(w, "{}")
		}}, 1, content.ErrUnavailable, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &answers{list: test.answers}
			f := forgeAt(t, server)
			err := f.explain(context.Background(), "ask", f.introduce(context.Background()))
			if len(server.got) != test.asked {
				t.Errorf("asked %d times, want %d", len(server.got), test.asked)
			}
			if test.want == nil && test.words == "" && (err != nil || f.self().UserName != "service") {
				t.Errorf("got %v", err)
			}
			if test.want != nil && !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.words) {
				t.Errorf("got %v, want %v with %q", err, test.want, test.words)
			}
			if strings.Contains(fmt.Sprint(err), "secret-token") {
				t.Errorf("the token is shown: %v", err)
			}
		})
	}
}

func TestWhatActsIsDoneOnce(t *testing.T) {
	server := &answers{list: []func(http.ResponseWriter){
		says(200, `{"id": 7, "login": "service"}`),
		says(200, `{"number": 1, "state": "open", "head": {"sha": "0123456789012345678901234567890123456789"}, "base": {}}`),
		says(503, "", "Retry-After", "1"),
	}}
	f := forgeAt(t, server)
	_, err := f.Comment(context.Background(), content.Actor{Person: content.Person{Name: "A"}}, 1, "Hello")
	if !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"GET", "GET", "POST"}, server.got); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestAServerThatDoesNotAnswer(t *testing.T) {
	f := forgeAt(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := f.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s to give up", took)
	}
}

func TestWebhookBelievesSignaturesOnly(t *testing.T) {
	const secret = "a secret"
	sign := func(key, body string) string {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(body))
		return hex.EncodeToString(h.Sum(nil))
	}
	long := strings.Repeat("x", maxHook+1)
	for _, test := range []struct {
		name, secret, method, body, header, value string
		status, hints                             int
	}{
		{"signed as Gitea does", secret, "POST", "{}", "X-Gitea-Signature", sign(secret, "{}"), 204, 1},
		{"signed as GitHub does", secret, "POST", "{}", "X-Hub-Signature-256", "sha256=" + sign(secret, "{}"), 204, 1},
		{"not JSON", secret, "POST", "\x00", "X-Gitea-Signature", sign(secret, "\x00"), 204, 1},
		{"not signed", secret, "POST", "{}", "X-Other", "", 401, 0},
		{"signed with another secret", secret, "POST", "{}", "X-Gitea-Signature", sign("other", "{}"), 401, 0},
		{"another body signed", secret, "POST", "{ }", "X-Gitea-Signature", sign(secret, "{}"), 401, 0},
		{"half a signature", secret, "POST", "{}", "X-Gitea-Signature", sign(secret, "{}")[:32], 401, 0},
		{"no hexadecimal", secret, "POST", "{}", "X-Gitea-Signature", "zz", 401, 0},
		{"no secret agreed", "", "POST", "{}", "X-Gitea-Signature", sign("", "{}"), 401, 0},
		{"too long", secret, "POST", long, "X-Gitea-Signature", sign(secret, long), 413, 0},
		{"got", secret, "GET", "", "X-Gitea-Signature", sign(secret, ""), 405, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			hints := 0
			req := httptest.NewRequest(test.method, "/hooks/gitea", bytes.NewReader([]byte(test.body)))
			req.Header.Set(test.header, test.value)
			w := httptest.NewRecorder()
			Webhook(test.secret, func() { hints++ }).ServeHTTP(w, req)
			if w.Code != test.status || hints != test.hints {
				t.Errorf("got %d and %d hints, want %d and %d", w.Code, hints, test.status, test.hints)
			}
		})
	}
}
