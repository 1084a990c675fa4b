package gitrepo

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFetchPulls(t *testing.T) {
	origin := newGit(t)
	origin.commits("main", 3, 1600000000)
	pull := func(n int, parent string) Hash {
		h := Hash(origin.run("commit-tree", "-m", fmt.Sprint("pull ", n, parent), "-p", parent, "main^{tree}"))
		origin.run("update-ref", fmt.Sprintf("refs/pull/%d/head", n), string(h))
		return h
	}
	pull(1, "main")
	pull(12, "main~1")
	origin.run("update-ref", "refs/pull/12/merge", "main")
	origin.run("update-ref", "refs/pull/x/head", "main")
	origin.run("update-ref", "refs/pull/012/head", "main")
	want := func(g *git) string {
		return strings.Join(g.lines("for-each-ref", "--format=%(objectname)", "refs/pull/1/head", "refs/pull/2/head", "refs/pull/12/head"), "\n")
	}
	for name, url := range remotes(t, origin) {
		dir := filepath.Join(realTemp(t), "mirror.git")
		without := must(Mirror(background, url, dir, Config{}))
		clone := origin.in(dir)
		if got := clone.run("for-each-ref", "refs/koonti", "refs/pull"); got != "" {
			t.Errorf("%s: taken over unasked: %s", name, got)
		}
		must(0, without.Close())
		r := openAt(t, dir, Config{Pulls: true})
		clone.run("update-ref", "refs/koonti/pulls/3", "main")   // gone at the remote
		clone.run("update-ref", "refs/koonti/pulls/own", "main") // not one of these
		step := func(when string, changes bool) {
			t.Helper()
			changed, err := r.Fetch(background)
			if err != nil || changed != changes {
				t.Errorf("%s, %s: %v, %v", name, when, changed, err)
			}
			if diff := cmp.Diff(want(origin), clone.run("for-each-ref", "--format=%(objectname)", "refs/koonti/pulls/1", "refs/koonti/pulls/2", "refs/koonti/pulls/12")); diff != "" {
				t.Errorf("%s, %s (-origin +mirror):\n%s", name, when, diff)
			}
			sameRefs(t, name+", "+when, origin, r)
		}
		step("first", true)
		if got := clone.run("for-each-ref", "--format=%(refname)", "refs/koonti/pulls/3", "refs/koonti/pulls/own"); got != "refs/koonti/pulls/own" {
			t.Errorf("%s: left are %s", name, got)
		}
		step("nothing new", false)
		origin.run("update-ref", "-d", "refs/pull/1/head")
		moved := pull(12, "main")
		pull(2, string(moved))
		step("moved, gone and new", true)
		if c, err := r.Commit(background, moved); err != nil || c.Hash != moved {
			t.Errorf("%s: %v", name, err)
		}
		origin.run("update-ref", "-d", "refs/pull/2/head")
		pull(1, "main~1")
	}
}

func TestPullsAreBounded(t *testing.T) {
	offer := advertised{pulls: map[int]oid{}}
	for n := 1; n <= maxPulls+5; n++ {
		offer.pulls[n] = oid{1}
	}
	r := newGit(t).open(Config{Pulls: true})
	if got := r.pullsOf(offer); len(got) != maxPulls || got[0] != maxPulls+5 || got[maxPulls-1] != 6 {
		t.Errorf("%d pull requests from %d on", len(got), got[0])
	}
}
