package cli

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/content"
)

// sees reports whether someone who sends headers sees an address in the history, once
// that is read.
func (r *running) sees(headers map[string]string) (status int, seen bool) {
	r.t.Helper()
	within(r.t, time.Minute, func() string {
		body := ""
		if status, body = r.asks(headers); strings.Contains(body, "UNAVAILABLE") {
			return body
		}
		seen = strings.Contains(body, "@")
		return ""
	})
	return status, seen
}

func (r *running) asks(headers map[string]string) (status int, body string) {
	r.t.Helper()
	request, err := http.NewRequest("GET", r.url+"/graphql?"+url.Values{"query": {`{ commit(revision: "main") { author { email } } }`}}.Encode(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestWhoSeesAddresses(t *testing.T) {
	dir := copyOfThisRepository(t)
	t.Setenv("KOONTI_PROXY_SECRET", "0123456789abcdef")
	file := filepath.Join(t.TempDir(), "tokens")
	token, id, err := access.Add(file, access.Token{Role: content.RoleReader, Name: "Aino", Email: "aino@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	bearer := map[string]string{"Authorization": "Bearer " + token}
	proxied := map[string]string{"X-User": "aino@example.org", access.SecretHeader: "0123456789abcdef"}
	type asked struct {
		name    string
		headers map[string]string
		status  int
		seen    bool
	}
	for _, tt := range []struct {
		name string
		args []string
		asks []asked
	}{
		{"this machine", nil, []asked{
			{"a program", nil, 200, true}, {"a page of another site", map[string]string{"Origin": "https://evil.example"}, 200, false},
			{"through a proxy", map[string]string{"X-Forwarded-For": "192.0.2.7"}, 200, false}, {"a token that nobody gave", bearer, 401, false},
		}},
		{"every address", []string{"--addr", "0.0.0.0:0"}, []asked{{"a program", nil, 200, false}}},
		{"every address, open", []string{"--addr", "0.0.0.0:0", "--open"}, []asked{{"a program", nil, 200, true}}},
		{"tokens", []string{"--tokens", file}, []asked{{"nobody", nil, 200, false}, {"one who has one", bearer, 200, true}}},
		{"a proxy", []string{"--auth-header", "X-User", "--tokens", file}, []asked{
			{"nobody", nil, 200, false}, {"someone", proxied, 200, true}, {"a token", bearer, 200, true},
			{"someone without the secret", map[string]string{"X-User": "aino"}, 401, false},
		}},
		{"a proxy elsewhere", []string{"--auth-header", "X-User", "--auth-trusted", "192.0.2.1"}, []asked{{"someone", proxied, 401, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, append([]string{"--repo", dir, "--ref", "main"}, tt.args...)...)
			r.url = strings.Replace(r.url, "[::]", "127.0.0.1", 1)
			for _, a := range tt.asks {
				if status, seen := r.sees(a.headers); status != a.status || seen != a.seen {
					t.Errorf("%s: %d, addresses seen: %v", a.name, status, seen)
				}
			}
			r.stop()
			if log := r.log.String(); strings.Contains(log, token[20:]) || strings.Contains(log, "0123456789abcdef") {
				t.Errorf("a secret is in the log:\n%s", log)
			}
		})
	}
	r := start(t, "--repo", dir, "--ref", "main", "--tokens", file)
	if status, seen := r.sees(bearer); status != 200 || !seen {
		t.Fatalf("%d %v", status, seen)
	}
	if code, _, errs := koonti("token", "remove", id, "--tokens", file); code != Clean {
		t.Fatal(errs)
	}
	if status, _ := r.sees(bearer); status != 401 {
		t.Errorf("a token that was taken back: %d", status)
	}
}
