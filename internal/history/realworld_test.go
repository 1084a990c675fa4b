//go:build realworld

package history

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
)

// realFolders hold the records of the real repository.
var realFolders = []string{"nominees", "digitalpublicgoods", "excluded-nominees"}

// TestRealWorld holds the history of a repository that was not made for Koonti against
// the oracle, commit by commit and step by step. It is run by 'make realworld'.
func TestRealWorld(t *testing.T) {
	source := os.Getenv("KOONTI_REALWORLD")
	if source == "" {
		t.Fatal("say where the real repository is: make realworld DIR=path")
	}
	dir := importReal(t, source)
	began := time.Now()
	runGit(t, dir, "", "log", "--raw", "main")
	git := time.Since(began)
	repo := openRepo(t, dir)
	model, err := os.ReadFile(filepath.Join(source, "model.json"))
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Open(t.Context(), catalog.Config{Repo: repo, Ref: "main", Model: &catalog.OutsideModel{Name: "model.json", Source: string(model)}})
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	x := Open(Config{Repo: repo, Dir: cache})
	began = time.Now()
	p := past(t, x, cat.Current())
	cold := time.Since(began)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	x = Open(Config{Repo: repo, Dir: cache})
	defer x.Close()
	p = past(t, x, cat.Current())
	t.Logf("built in %s, %.1f times 'git log --raw' (%s); opened again in %s", cold, cold.Seconds()/git.Seconds(), git, time.Since(began))

	a := told{t, p}
	all := a.changes()
	kinds, fields, merges := map[string]int{}, 0, 0
	for _, c := range p.changes {
		kinds[string(c.kind)]++
		fields += len(c.fields)
	}
	for i := range p.commits {
		if p.commits[i].merge() {
			merges++
		}
	}
	t.Logf("%d commits (%d merges), %d steps, %d changes, %d field changes; by kind %v", len(p.commits), merges, len(p.steps), len(all), fields, kinds)
	if kinds["OVERRULED"] != 4 || len(p.commits) != 5931 {
		t.Errorf("%d overruled in %d commits, not 4 in 5,931", kinds["OVERRULED"], len(p.commits))
	}

	realSpeed(t, dir, cache, cat.Current(), p)

	o := newOracle(t, dir, "main", realFolders...)
	o.sets = []string{"aliases", "sectors", "type"}
	t.Run("the commits of each record are those of git diff-tree", func(t *testing.T) { sameTouched(t, o, all) })
	t.Run("the commits that blame names", func(t *testing.T) {
		complaints, inside := o.checkSetters(a)
		for _, complaint := range complaints {
			t.Error(complaint)
		}
		t.Logf("%d values of members were set by a commit inside a step", inside)
	})
	t.Run("oracle", func(t *testing.T) {
		for _, complaint := range o.check(a) {
			t.Error(complaint)
		}
	})
}

// realSpeed tells how long the history of one record takes, against 'git log -- path'
// without and with the Bloom filters of a commit-graph.
func realSpeed(t *testing.T, dir, cache string, view *content.View, p *Past) {
	t.Helper()
	const path = "nominees/sunbird-obsrv.json"
	ref := content.Ref{Collection: "nominees", ID: "sunbird-obsrv"}
	list := func(p *Past) {
		page, err := p.Changes(t.Context(), content.ChangeQuery{Record: &ref})
		if err != nil || len(page.Changes) == 0 {
			t.Fatal(len(page.Changes), err)
		}
	}
	plain := timeGit(t, dir, "log", "main", "--", path)
	runGit(t, dir, "", "commit-graph", "write", "--reachable", "--changed-paths")
	bloom := timeGit(t, dir, "log", "main", "--", path)
	const rounds = 200
	began := time.Now()
	for range rounds {
		list(p)
	}
	warm := time.Since(began) / rounds
	began = time.Now()
	x := Open(Config{Repo: openRepo(t, dir), Dir: cache})
	list(past(t, x, view))
	cold := time.Since(began)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("one record: git log -- path %s, with Bloom filters %s; warm %s (%.0f and %.0f times faster), cold %s (%.1f and %.1f times)",
		plain, bloom, warm, float64(plain)/float64(warm), float64(bloom)/float64(warm), cold, float64(plain)/float64(cold), float64(bloom)/float64(cold))
}

// sameTouched compares which commits touched which paths: 'git rev-list --topo-order',
// then 'git diff-tree --root -r -m' for each, a path counting where it differs from
// every parent. What a merge overruled is no such path, and told besides.
func sameTouched(t *testing.T, o *oracle, all []answer) {
	want, got := map[string]bool{}, map[string]bool{}
	for _, commit := range o.order {
		for path := range o.touched(commit) {
			want[commit+" "+path] = true
		}
	}
	for _, a := range all {
		if a.kind == "OVERRULED" {
			continue
		}
		got[a.commit+" "+a.path] = true
		if a.was != "" {
			got[a.commit+" "+a.was] = true
		}
	}
	for key := range want {
		if !got[key] {
			t.Errorf("missing: %s", key)
		}
	}
	for key := range got {
		if !want[key] {
			t.Errorf("not there: %s", key)
		}
	}
	t.Logf("%d commits, %d pairs of commit and path, all the same", len(o.order), len(want))
}

func importReal(t *testing.T, source string) string {
	t.Helper()
	file, err := os.Open(filepath.Join(source, "publicgoods.fast-export.xz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	export, err := xz.NewReader(bufio.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	runGit(t, dir, "", "init", "-q", "-b", "main", ".")
	c := exec.Command("git", "fast-import", "--quiet")
	c.Dir, c.Stdin = dir, export
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	return dir
}
