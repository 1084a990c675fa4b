package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func wantHead(t *testing.T, r *Repo, ref string, commit Hash) {
	t.Helper()
	gotRef, got, err := r.Head(background)
	if err != nil || gotRef != ref || got != commit {
		t.Errorf("head is %q %q, %v; want %q %q", gotRef, got, err, ref, commit)
	}
}

func TestHeadIsReadFresh(t *testing.T) {
	g := newGit(t)
	r := g.open()
	wantHead(t, r, "refs/heads/main", "") // unborn
	first := g.commit("a.json", "1")
	wantHead(t, r, "refs/heads/main", first)
	second := g.commit("a.json", "2")
	wantHead(t, r, "refs/heads/main", second)
	g.run("pack-refs", "--all")
	wantHead(t, r, "refs/heads/main", second)
	g.run("reset", "-q", "--hard", string(first)) // loose over packed
	wantHead(t, r, "refs/heads/main", first)
	g.run("checkout", "-q", "--detach", string(second))
	wantHead(t, r, "", second)
	g.run("checkout", "-q", "--orphan", "fresh")
	wantHead(t, r, "refs/heads/fresh", "")

	linked := filepath.Join(filepath.Dir(g.dir), "linked")
	g.run("worktree", "add", "-q", "-b", "side", linked, string(first))
	wantHead(t, openAt(t, linked), "refs/heads/side", first)
}

// Each rewriting of packed-refs is seen at once, also many in the time that a
// file system takes to tell two times apart.
func TestPackedRefsRewrittenInHaste(t *testing.T) {
	g := newGit(t)
	g.commits("main", 30, 1600000000)
	hashes := g.lines("rev-list", "main")
	r := g.open()
	for i, h := range hashes {
		g.run("update-ref", "refs/heads/main", h)
		g.run("pack-refs", "--all")
		if got, err := r.Ref(background, "refs/heads/main"); got != Hash(h) || err != nil {
			t.Fatalf("rewriting %d: got %s, %v, want %s", i, got, err, h)
		}
	}
}

// Two versions of packed-refs with the same size, time and inode are told apart
// for as long as a file system may give both the same time.
func TestPackedRefsOfTheSameStamp(t *testing.T) {
	g := newGit(t)
	first, other := g.commit("a.json", "1"), g.commit("a.json", "2")
	g.run("pack-refs", "--all")
	path := filepath.Join(g.dir, ".git", "packed-refs")
	stamp := time.Now()
	r := g.open()
	for _, h := range []Hash{first, other, first} {
		text := strings.ReplaceAll(string(must(os.ReadFile(path))), string(first), string(h))
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, string(other), string(h))), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Ref(background, "refs/heads/main"); got != h || err != nil {
			t.Errorf("got %s, %v, want %s", got, err, h)
		}
	}
}

func TestRefsAreThoseGitLists(t *testing.T) {
	g := newGit(t)
	first := g.commit("a.json", "1")
	g.run("branch", "proposals/7")
	g.run("tag", "light")
	g.run("tag", "-a", "-m", "x", "heavy")
	g.run("pack-refs", "--all")
	g.commit("a.json", "2")
	g.run("tag", "-a", "-m", "x", "of-tag", "heavy")
	g.run("tag", "-a", "-m", "x", "of-blob", "HEAD:a.json")
	g.run("branch", "päivä")
	g.run("symbolic-ref", "refs/heads/alias", "refs/heads/main")
	g.run("update-ref", "refs/koonti/heads/1", string(first))
	g.run("update-ref", "refs/headstone/x", string(first))
	g.run("branch", "-D", "-q", "proposals/7")

	var want []Ref
	for _, line := range g.lines("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/heads", "refs/tags") {
		name := strings.Fields(line)[0]
		if name != "refs/tags/of-blob" {
			want = append(want, Ref{name, g.hash(name + "^{commit}")})
		}
	}
	// What a writer at work and a crash leave behind.
	g.write(".git/refs/heads/main.lock", "")
	g.write(".git/refs/heads/empty", "")
	g.write(".git/refs/heads/dangling", strings.Repeat("1", 40)+"\n")
	r := g.open()
	if diff := cmp.Diff(want, must(r.Refs(background))); diff != "" {
		t.Errorf("refs (-git +got):\n%s", diff)
	}
	if h, err := r.Ref(background, "refs/koonti/heads/1"); h != first || err != nil {
		t.Errorf("a ref not exposed: %s, %v", h, err)
	}
	for _, name := range []string{
		"refs/heads/none", "refs/heads", "refs/heads/main/below", "refs/tags/of-blob", "refs/heads/dangling",
		"refs/heads/main.lock", "../config", "refs/../HEAD", "config", "refs/heads/../../HEAD", "", "refs/heads/a b",
	} {
		if h, err := r.Ref(background, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("ref %q: %s, %v", name, h, err)
		}
	}
	if _, err := r.Ref(background, "refs/heads/empty"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("empty ref: %v", err)
	}
	narrow := g.open(Config{Exposed: []string{"refs/heads/main", "refs/koonti/heads"}})
	if diff := cmp.Diff([]Ref{{"refs/heads/main", g.hash("main")}, {"refs/koonti/heads/1", first}}, must(narrow.Refs(background))); diff != "" {
		t.Errorf("refs exposed one by one (-want +got):\n%s", diff)
	}
}

func TestRefsOfLinkedWorkTree(t *testing.T) {
	g := newGit(t)
	first := g.commit("a.json", "1")
	dir := filepath.Join(filepath.Dir(g.dir), "linked")
	g.run("worktree", "add", "-q", "-b", "side", dir)
	linked := g.in(dir)
	linked.run("update-ref", "refs/worktree/mine", string(first))
	r, main := openAt(t, dir), g.open()
	if h, err := r.Ref(background, "refs/worktree/mine"); h != first || err != nil {
		t.Errorf("own ref: %s, %v", h, err)
	}
	if _, err := main.Ref(background, "refs/worktree/mine"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another's ref: %v", err)
	}
	second := linked.commit("b.json", "2")
	if h, err := main.Ref(background, "refs/heads/side"); h != second || err != nil {
		t.Errorf("shared ref: %s, %v", h, err)
	}
}

func TestCorruptPackedRefsAreNamed(t *testing.T) {
	g := newGit(t)
	g.commit("a.json", "1")
	g.run("pack-refs", "--all")
	path := filepath.Join(g.dir, ".git", "packed-refs")
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.open().Head(background); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestWriteRefs(t *testing.T) {
	g := newGit(t)
	first := g.commit("a.json", "1")
	g.run("branch", "a/b/c")
	g.run("tag", "-a", "-m", "x", "v1")
	g.run("pack-refs", "--all")
	second := g.commit("a.json", "2")
	r := g.open()
	one, two := must(first.oid()), must(second.oid())

	if err := r.setRef(background, "refs/heads/a/b/c", two, one, func() error { return nil }); !errors.Is(err, ErrChanged) {
		t.Errorf("written over another's change: %v", err)
	}
	if err := r.setRef(background, "refs/heads/a/b/c", one, two, func() error { return nil }); err != nil {
		t.Error(err)
	}
	if got := g.hash("a/b/c"); got != second {
		t.Errorf("git reads %s", got)
	}
	for _, name := range []string{"refs/tags/v1", "refs/heads/a/b/c"} {
		if err := r.deleteRef(background, name); err != nil {
			t.Error(err)
		}
	}
	if err := r.setRef(background, "refs/heads/a", oid{}, one, func() error { return nil }); err != nil { // where a folder was
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"refs/heads/a", "refs/heads/main"}, g.lines("for-each-ref", "--format=%(refname)")); diff != "" {
		t.Errorf("refs (-want +git):\n%s", diff)
	}
	g.run("fsck", "--strict")
}

func TestWithoutRef(t *testing.T) {
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 40)
	text := "# pack-refs with: peeled fully-peeled sorted \n" + one + " refs/heads/main\n" + one + " refs/tags/v1\n^" + two + "\n" + one + " refs/tags/v10\n^" + two + "\n"
	want := "# pack-refs with: peeled fully-peeled sorted \n" + one + " refs/heads/main\n" + one + " refs/tags/v10\n^" + two + "\n"
	if got, found := withoutRef(text, "refs/tags/v1"); !found || got != want {
		t.Errorf("%v, got\n%s", found, got)
	}
	if got, found := withoutRef(text, "refs/tags/v"); found || got != text {
		t.Errorf("%v, got\n%s", found, got)
	}
}

// The lock of a ref has the new value from its first moment: nothing slow is done while it
// is held, and a reader of the lock never meets half of it. Nothing is left behind.
func TestTheLockOfARefIsWholeAtOnce(t *testing.T) {
	g := newGit(t)
	one, two := g.commit("a", "1"), g.commit("a", "2")
	r := g.open()
	ref := filepath.Join(g.dir, ".git/refs/heads/new")
	for _, step := range [][2]Hash{{"", one}, {one, two}} {
		was, now := oid{}, must(step[1].oid())
		if step[0] != "" {
			was = must(step[0].oid())
		}
		err := r.setRef(background, "refs/heads/new", was, now, func() error {
			if text := string(must(os.ReadFile(ref + ".lock"))); text != string(step[1])+"\n" {
				t.Errorf("the lock holds %q", text)
			}
			return nil
		})
		if err != nil || g.hash("new") != step[1] {
			t.Errorf("%v: %s", err, g.hash("new"))
		}
	}
	if err := r.setRef(background, "refs/heads/new", must(one.oid()), must(one.oid()), func() error { return nil }); !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want changed", err)
	}
	for path := range surroundings(t, g.dir) {
		if strings.HasSuffix(path, ".lock") || strings.HasSuffix(path, ".tmp") {
			t.Errorf("%s is left behind", path)
		}
	}
}
