package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// running is a server started by the command line, in process.
type running struct {
	t    testing.TB
	url  string
	log  *buffer
	stop func() int
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var address = regexp.MustCompile(`begin here\s+(http://\S+)/\n`)

// start runs 'koonti serve' with args on a free port until the test ends.
func start(t testing.TB, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, log := &buffer{}, &buffer{}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir()) // the tokens of whoever runs the tests
	done := make(chan int, 1)
	args = append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)
	go func() { done <- Run(ctx, args, Streams{strings.NewReader(""), out, log}) }()
	r := &running{t: t, log: log}
	r.stop = sync.OnceValue(func() int { cancel(); return <-done })
	t.Cleanup(func() { r.stop() })
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		if m := address.FindStringSubmatch(out.String()); m != nil {
			r.url = m[1]
			return r
		}
		select {
		case code := <-done:
			t.Fatalf("koonti %v ended with %d:\n%s%s", args, code, out, log)
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatalf("koonti %v did not start:\n%s%s", args, out, log)
	return nil
}

// get returns status and body of an address below the server's.
func (r *running) get(path string) (int, string) {
	r.t.Helper()
	response, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// query asks over HTTP and decodes the data; an answer with errors fails the test.
func (r *running) query(query string, variables map[string]any, data any) {
	r.t.Helper()
	parameters := url.Values{"query": {query}}
	if variables != nil {
		text, err := json.Marshal(variables)
		if err != nil {
			r.t.Fatal(err)
		}
		parameters.Set("variables", string(text))
	}
	status, body := r.get("/graphql?" + parameters.Encode())
	answer := struct {
		Data   any
		Errors []any
	}{Data: data}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Errors != nil {
		r.t.Fatalf("%s\n%d %v %s", query, status, err, body[:min(len(body), 2000)])
	}
}

// git runs the real git program in dir.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.org", "GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.org",
		"GIT_AUTHOR_DATE=2026-11-24T12:00:00Z", "GIT_COMMITTER_DATE=2026-11-24T12:00:00Z")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// save writes a file as editors do: a new one, renamed onto the old.
func save(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"~", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// copyOfThisRepository is a repository with this project's own content, committed.
func copyOfThisRepository(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"schema", "records"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("..", "..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "content")
	return dir
}

// within waits for what, which says what is still missing.
func within(t testing.TB, limit time.Duration, what func() string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		complaint := what()
		if complaint == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", limit, complaint)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// koonti runs a command in process and returns its exit code and what it wrote.
func koonti(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = Run(context.Background(), args, Streams{strings.NewReader(""), &stdout, &stderr})
	return code, stdout.String(), stderr.String()
}
