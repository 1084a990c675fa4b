package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUpdateBranch(t *testing.T) {
	for _, bare := range []bool{false, true} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprintf("bare=%v packed=%v", bare, packed), func(t *testing.T) {
				g := newGit(t)
				one, two := g.commit("a", "1"), g.commit("a", "2")
				tree := g.hash("HEAD^{tree}")
				if bare {
					g.run("clone", "-q", "--bare", ".", "../bare.git")
					g = g.in(filepath.Join(filepath.Dir(g.dir), "bare.git"))
				}
				r := g.open()
				name := "refs/heads/proposals/1"
				for i, step := range []struct {
					was, is Hash
					want    error
					now     Hash
				}{
					{one, two, ErrChanged, ""},
					{"", one, nil, one},
					{"", two, ErrChanged, one},
					{one, two, nil, two},
					{two, tree, ErrNotFound, two},
					{two, Hash(strings.Repeat("12", 20)), ErrNotFound, two},
					{one, "", ErrChanged, two},
					{two, "", nil, ""},
					{"", two, nil, two},
				} {
					err := r.UpdateRef(background, name, step.was, step.is)
					if !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
						t.Errorf("step %d: %v, want %v", i, err, step.want)
					}
					if got, _ := g.try("rev-parse", "--verify", "-q", name); Hash(got) != step.now {
						t.Errorf("step %d: git reads %q, want %q", i, got, step.now)
					}
					if packed {
						g.run("pack-refs", "--all", "--prune")
					}
				}
				if log := g.lines("reflog", "show", "--format=%H", name); (len(log) == 1) != !bare {
					t.Errorf("after deleting and creating, its log is %q", log)
				}
				// In the way of one another, in either order, and not any more.
				if err := r.UpdateRef(background, "refs/heads/proposals", "", one); !errors.Is(err, ErrUnsupported) {
					t.Errorf("where a folder is: %v", err)
				}
				if err := r.UpdateRef(background, name+"/x", "", one); !errors.Is(err, ErrUnsupported) {
					t.Errorf("below a branch: %v", err)
				}
				for _, u := range []RefUpdate{{Name: name, Was: two}, {Name: "refs/heads/proposals", Is: one}, {Name: "refs/heads/proposals", Was: one}, {Name: name, Is: one}} {
					if err := r.Update(background, u); err != nil {
						t.Errorf("%+v: %v", u, err)
					}
				}
				g.run("fsck", "--strict")
			})
		}
	}
}

// The log is what git would have written, in each setting.
func TestReflog(t *testing.T) {
	when := time.Unix(1700000000, 0).In(time.FixedZone("", 7200))
	for setting, kept := range map[string][2]bool{"": {true, false}, "true": {true, false}, "false": {false, false}, "always": {true, true}} {
		g := newGit(t)
		one, two := g.commit("a", "1"), g.commit("a", "2")
		if setting != "" {
			g.run("config", "core.logAllRefUpdates", setting)
		} else {
			g.run("config", "--unset", "core.logAllRefUpdates")
		}
		r := g.open()
		for i, prefix := range []string{"refs/heads/", "refs/koonti/"} {
			ours, theirs := prefix+"ours", prefix+"theirs"
			oracle := *g
			oracle.env = []string{"GIT_COMMITTER_NAME=Aino", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_COMMITTER_DATE=1700000000 +0200"}
			for _, step := range [][2]Hash{{"", one}, {one, two}} {
				who := Signature{"Aino", "a@example.org", when}
				if err := r.Update(background, RefUpdate{ours, step[0], step[1], who, " proposal:\n made "}); err != nil {
					t.Fatal(err)
				}
				oracle.run("update-ref", "-m", " proposal:\n made ", theirs, string(step[1]))
			}
			read := func(name string) string {
				data, _ := os.ReadFile(filepath.Join(g.dir, ".git/logs", name))
				return string(data)
			}
			if diff := cmp.Diff(read(theirs), read(ours)); diff != "" || (read(ours) != "") != kept[i] {
				t.Errorf("core.logAllRefUpdates=%q, %s (-git +ours):\n%s", setting, prefix, diff)
			}
			// Where there is a log it goes on, whatever the setting; with it Git's user.
			g.run("config", "user.name", "Eero")
			g.run("config", "user.email", "e@example.org")
			g.write(".git/logs/"+ours, read(ours))
			if err := r.UpdateRef(background, ours, two, one); err != nil || !strings.Contains(read(ours), fmt.Sprintf("%s %s Eero <e@example.org> ", two, one)) {
				t.Errorf("core.logAllRefUpdates=%q: %v, the log is %q", setting, err, read(ours))
			}
			if err := r.UpdateRef(background, ours, one, ""); err != nil || read(ours) != "" {
				t.Errorf("core.logAllRefUpdates=%q, deleted: %v, the log is %q", setting, err, read(ours))
			}
		}
	}
}

func TestCheckedOut(t *testing.T) {
	g := newGit(t)
	one := g.commit("a", "1")
	two := g.commit("a", "2")
	parent := filepath.Dir(g.dir)
	for _, name := range []string{"free", "linked", "gone", "rebased", "bisected"} {
		g.run("branch", name)
	}
	g.run("branch", "other", "HEAD~1")
	for _, name := range []string{"linked", "gone", "rebased", "bisected"} {
		g.run("worktree", "add", "-q", "../"+name, name)
	}
	g.run("symbolic-ref", "refs/heads/alias", "refs/heads/free")
	if err := os.RemoveAll(filepath.Join(parent, "gone")); err != nil {
		t.Fatal(err)
	}
	rebase := g.in(filepath.Join(parent, "rebased"))
	rebase.commit("a", "3")
	if _, err := rebase.try("-c", "advice.mergeConflict=false", "rebase", "-q", "--onto", "other", "HEAD~1"); err == nil {
		t.Fatal("the rebase was to stop at a conflict")
	}
	g.in(filepath.Join(parent, "bisected")).run("bisect", "start", "HEAD", "HEAD~1")
	want := map[string]string{"main": g.dir, "free": "", "none": "", "linked": filepath.Join(parent, "linked"), "gone": filepath.Join(parent, "gone"),
		"rebased": filepath.Join(parent, "rebased"), "bisected": filepath.Join(parent, "bisected")}
	for _, r := range []*Repo{g.open(), openAt(t, filepath.Join(parent, "linked"))} {
		for name, tree := range want {
			if got, err := r.CheckedOut(background, "refs/heads/"+name); got != tree || err != nil {
				t.Errorf("%s, from %s: %q, %v", name, r.WorkTree(), got, err)
			}
			if tree == "" || name == "rebased" {
				continue
			}
			for _, is := range []Hash{one, ""} {
				err := r.UpdateRef(background, "refs/heads/"+name, two, is)
				if !errors.Is(err, ErrCheckedOut) || !strings.Contains(err.Error(), tree) {
					t.Errorf("%s to %q: %v", name, is, err)
				}
			}
		}
		if err := r.UpdateRef(background, "refs/heads/alias", two, one); !errors.Is(err, ErrUnsupported) {
			t.Errorf("by another name: %v", err)
		}
	}
	empty := newGit(t)
	if err := empty.open().UpdateRef(background, "refs/heads/main", "", ""); err != nil {
		t.Errorf("nothing asked of an empty repository: %v", err)
	}
	if got, err := empty.open().CheckedOut(background, "refs/heads/main"); got != empty.dir || err != nil {
		t.Errorf("a branch without a commit: %q, %v", got, err)
	}
	g.run("clone", "-q", "--bare", ".", "../bare.git")
	bare := g.in(filepath.Join(parent, "bare.git"))
	bare.run("worktree", "add", "-q", "../of-bare", "free")
	r := openAt(t, filepath.Join(parent, "of-bare"))
	for name, tree := range map[string]string{"main": "", "free": filepath.Join(parent, "of-bare")} {
		if got, err := r.CheckedOut(background, "refs/heads/"+name); got != tree || err != nil {
			t.Errorf("bare, %s: %q, %v", name, got, err)
		}
	}
}

// Many write proposals at once, two repositories of one disk, while git repacks:
// each finds its own, and nothing is missing.
func TestManyWriters(t *testing.T) {
	g := newGit(t)
	g.commits("main", 5, 1600000000)
	main := g.hash("main")
	repos := []*Repo{g.open(), g.open()}
	done := make(chan struct{})
	var repack, writers sync.WaitGroup
	repack.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				g.try("repack", "-adq")
				g.try("pack-refs", "--all")
			}
		}
	})
	for w := range 6 {
		writers.Go(func() {
			r := repos[w%2]
			for i := range 5 {
				name := fmt.Sprintf("refs/heads/proposals/%d%d", w, i)
				h := propose(t, r, main, fmt.Sprintf("records/%d/%d.json", w, i%2))
				if err := r.UpdateRef(background, name, "", h); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				next := propose(t, r, h, "same-for-all.json")
				if err := r.UpdateRef(background, name, h, next); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if bases, err := r.MergeBases(background, next, main); err != nil || !slices.Equal(bases, []Hash{main}) {
					t.Errorf("%s: %v, %v", name, bases, err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	repack.Wait()
	if refs := must(repos[0].RefsUnder(background, "refs/heads/proposals")); len(refs) != 30 {
		t.Errorf("%d proposals", len(refs))
	}
	g.run("fsck", "--strict", "--no-dangling")
}
