package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

const doneQuery = `{ projects(first: 100) { totalCount nodes { id name themes { id name } participants { role municipality { name } } } } }`

// An editor saves, breaks and mends a record; content never goes away, not even
// over a restart.
func TestSavingBreakingMendingRestarting(t *testing.T) {
	dir := copyOfThisRepository(t)
	r := start(t, "--repo", dir)
	var done struct {
		Projects struct {
			TotalCount int
			Nodes      []struct{ ID string }
		}
	}
	r.query(doneQuery, nil, &done)
	if done.Projects.TotalCount != 40 || len(done.Projects.Nodes) != 40 {
		t.Fatalf("projects: %d of %d", len(done.Projects.Nodes), done.Projects.TotalCount)
	}
	file := filepath.Join(dir, "records", "projects", "digicult.json")
	bytes, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	good := string(bytes)
	shows := func(r *running, name string, uncommitted, stale bool, problems int) {
		t.Helper()
		within(t, 10*time.Second, func() string {
			var data struct {
				Project struct {
					Name               string
					Uncommitted, Stale bool
				}
				Problems []struct{ Line, Column int }
			}
			r.query(`{ project(id: "digicult") { name uncommitted stale } problems { line column } }`, nil, &data)
			if p := data.Project; p.Name != name || p.Uncommitted != uncommitted || p.Stale != stale || len(data.Problems) != problems {
				return fmt.Sprintf("%+v", data)
			}
			if problems == 1 && data.Problems[0] != struct{ Line, Column int }{3, 11} {
				return fmt.Sprintf("problem at %+v", data.Problems[0])
			}
			return ""
		})
	}
	shows(r, "DigiCult", false, false, 0)
	save(t, file, strings.Replace(good, `"DigiCult"`, `"DigiCult tallennettuna"`, 1))
	shows(r, "DigiCult tallennettuna", true, false, 0)
	within(t, 20*time.Second, func() string { // the history may still be read
		var answer struct {
			Data struct {
				Project struct {
					Versions struct {
						Nodes []struct {
							Revision string
							Document struct{ Name struct{ Fi string } }
						}
					}
				}
			}
		}
		_, body := r.get("/graphql?query=" + url.QueryEscape(`{ project(id: "digicult") { versions { nodes { revision document } } } }`))
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			return err.Error()
		}
		v := answer.Data.Project.Versions.Nodes
		if len(v) < 2 || v[0].Revision != "" || v[0].Document.Name.Fi != "DigiCult tallennettuna" || v[1].Revision == "" || v[1].Document.Name.Fi != "DigiCult" {
			return body
		}
		return ""
	})
	save(t, file, strings.Replace(good, `"DigiCult"`, `5`, 1))
	shows(r, "DigiCult", false, true, 1)
	if code := r.stop(); code != Clean {
		t.Fatalf("the server stopped with %d:\n%s", code, r.log)
	}
	r = start(t, "--repo", dir)
	shows(r, "DigiCult", false, true, 1)
	save(t, file, good)
	shows(r, "DigiCult", false, false, 0)
}

// A Git server is followed: what is pushed is served, and while the server is away,
// what was fetched before.
func TestFollowingAGitServer(t *testing.T) {
	work := copyOfThisRepository(t)
	remote := filepath.Join(t.TempDir(), "content.git")
	git(t, work, "clone", "-q", "--bare", work, remote)
	cache := t.TempDir()
	r := start(t, "--remote", remote, "--ref", "main", "--fetch", "1s", "--cache", cache)
	file := filepath.Join(work, "records", "regions", "lappi.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	save(t, file, strings.Replace(string(text), `"sv": "Lappland"`, `"sv": "Lappmarken"`, 1))
	git(t, work, "commit", "-q", "-am", "a correction")
	git(t, work, "push", "-q", remote, "main")
	swedish := func(r *running, want string) {
		t.Helper()
		within(t, 20*time.Second, func() string {
			var data struct{ Region struct{ Name string } }
			if r.query(`{ region(id: "lappi", lang: SV) { name } }`, nil, &data); data.Region.Name != want {
				return "serving " + data.Region.Name
			}
			return ""
		})
	}
	swedish(r, "Lappmarken")
	git(t, work, "push", "-q", "-f", remote, "HEAD~1:main")
	swedish(r, "Lappland")

	if err := os.Rename(remote, remote+".away"); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, func() string {
		_, body := r.get("/readyz")
		var ready struct {
			Ready  bool
			Remote struct{ Error string }
		}
		if err := json.Unmarshal([]byte(body), &ready); err != nil || !ready.Ready || ready.Remote.Error == "" {
			return body
		}
		return ""
	})
	swedish(r, "Lappland")
	r.stop()
	swedish(start(t, "--remote", remote, "--ref", "main", "--fetch", "1s", "--cache", cache), "Lappland")
}

// An outside gc moves every object while the server runs.
func TestServingGoesOnWhileGitTidiesUp(t *testing.T) {
	dir := copyOfThisRepository(t)
	for i := range 8 {
		save(t, filepath.Join(dir, "records", "regions", "lappi.json"), fmt.Sprintf(`{"code": "19", "name": {"fi": "Lappi %d"},
			"sources": [{"source": "kunnat-2026", "fields": ["/code"]}]}`, i))
		git(t, dir, "commit", "-q", "-am", fmt.Sprint("name ", i))
	}
	r := start(t, "--repo", dir, "--ref", "main")
	for i := range 8 {
		git(t, dir, "gc", "-q", "--prune=now")
		if i%2 == 0 {
			git(t, dir, "repack", "-q", "-a", "-d", "-f")
		}
		var data struct{ Region struct{ Name string } }
		r.query(fmt.Sprintf(`{ region(id: "lappi", at: "main~%d") { name } }`, i), nil, &data)
		if want := fmt.Sprint("Lappi ", 7-i); data.Region.Name != want {
			t.Fatalf("main~%d: %s, want %s", i, data.Region.Name, want)
		}
		if status, body := r.get("/readyz"); status != http.StatusOK {
			t.Fatal(body)
		}
	}
}

// A query on the command line does not disturb a running server, nor it the query.
func TestAQueryBesideARunningServer(t *testing.T) {
	dir := copyOfThisRepository(t)
	r := start(t, "--repo", dir)
	code, out, errs := koonti("query", "--repo", dir, `{ themes { totalCount } }`)
	if code != Clean || !strings.Contains(out, `"totalCount": 17`) {
		t.Errorf("%d %s%s", code, out, errs)
	}
	code, out, _ = koonti("query", "--repo", dir, `{ thems { totalCount } }`)
	if code != Problems || !strings.Contains(out, "themes") {
		t.Errorf("a wrong name: %d %s", code, out)
	}
	_, served := r.get("/schema.graphql")
	if _, printed, _ := koonti("sdl", "--repo", dir); printed != served {
		t.Error("koonti sdl and /schema.graphql differ")
	}
}

// What is printed at the start ends up in logs.
func TestTheGreetingHoldsNoToken(t *testing.T) {
	dir := t.TempDir()
	if err := gitrepo.Init(dir); err != nil {
		t.Fatal(err)
	}
	repo, err := gitrepo.Open(dir, gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	var out strings.Builder
	a := &app{Streams: Streams{Out: &out}}
	view := &content.View{Ref: "refs/heads/main", Snapshot: content.NewSnapshot(nil, nil, nil)}
	for _, remote := range []string{"https://bot:hush@git.example.org/content.git", "https://hush@git.example.org/content.git"} {
		a.greet(view, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, serveFlags{remote: remote}, repo)
	}
	if text := out.String(); strings.Contains(text, "hush") || strings.Count(text, "git.example.org/content.git") != 2 {
		t.Errorf("it says:\n%s", text)
	}
}
