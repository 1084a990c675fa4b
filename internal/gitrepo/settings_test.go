package gitrepo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// atHome makes this process look for the user's configuration where g's git does.
func atHome(t *testing.T, g *git) {
	t.Setenv("HOME", filepath.Dir(g.dir))
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_ATTR_NOSYSTEM", "1")
}

func TestSettingsAreGits(t *testing.T) {
	g := newGit(t)
	atHome(t, g)
	home := g.in(filepath.Dir(g.dir))
	home.write(".gitconfig", `; a comment
[user]
	name = Home
	email = home@example.org # and another
[includeIf "gitdir:~/repo/"]
	path = work.inc
[includeIf "gitdir:/nowhere/"]
	path = never.inc
[includeIf "gitdir/i:REPO/**"]
	path = ~/folded.inc
[includeIf "onbranch:ma*"]
	path = branch.inc
[includeIf "onbranch:side/"]
	path = never.inc
[a]
	b
	C = "quoted ; # and \"escaped\" \\ \t tab"
	d = two words   
	e = continued \
line
[Section "Sub Section.With.Dots"]
	Key = value
[section.old]
	key = v
[empty]
	value =
[include]
	path = /none/at/all
`)
	home.write(".config/git/config", "[user]\n\tname = XDG\n[x]\n\tdg = yes\n")
	home.write("work.inc", "[user]\n\temail = work@example.org\n[include]\n\tpath = deeper.inc\n[w]\n\tork = 1\n")
	home.write("deeper.inc", "\xef\xbb\xbf[deep]\n\ter = on\n")
	home.write("branch.inc", "[onbr]\n\tanch = 1\n")
	home.write("never.inc", "[never]\n\tever = 1\n")
	home.write("folded.inc", "[fold]\n\ted = 1\n")
	g.run("config", "core.bigNumber", "3k")
	g.run("config", "--add", "many.times", "1")
	g.run("config", "--add", "many.times", "2")
	g.run("config", "remote.o.url", `C:\a b;c#d`)

	got, err := g.open().layout().effective()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range g.lines("config", "--list", "--name-only") {
		if line == "gc.auto" || line == "init.defaultbranch" || line == "protocol.file.allow" {
			continue // from the tests' environment
		}
		want := g.lines("config", "--get-all", line)
		if strings.HasPrefix(line, "includeif") || line == "include.path" {
			continue
		}
		if line == "a.b" {
			want = []string{"true"}
		}
		if want == nil {
			want = []string{""}
		}
		if diff := cmp.Diff(want, got[line]); diff != "" {
			t.Errorf("%s (-git +got):\n%s", line, diff)
		}
	}
	if got.last("never.ever") != "" {
		t.Error("a condition held that does not")
	}
	if !got.boolean("a.b", false) || !got.boolean("deep.er", false) || got.boolean("empty.value", true) || !got.boolean("none.such", true) {
		t.Error("booleans")
	}
}

func TestUserIdentity(t *testing.T) {
	g := newGit(t)
	atHome(t, g)
	r := g.open()
	if name, email := r.UserIdentity(); name != "" || email != "" {
		t.Errorf("nothing set: %q %q", name, email)
	}
	g.run("config", "--global", "user.name", "Home")
	g.run("config", "--global", "user.email", "home@example.org")
	g.run("config", "user.email", "here@example.org")
	if name, email := r.UserIdentity(); name != "Home" || email != "here@example.org" {
		t.Errorf("got %q %q", name, email)
	}
}

func TestBrokenConfigurationIsNamed(t *testing.T) {
	g := newGit(t)
	g.write(".git/config", "[core\n")
	_, err := Open(g.dir, Config{})
	if err == nil || !strings.Contains(err.Error(), filepath.Join(g.dir, ".git", "config")) {
		t.Errorf("got %v", err)
	}
}

func TestBusy(t *testing.T) {
	g := newGit(t)
	g.commit("a.json", "1")
	g.run("checkout", "-q", "-b", "side")
	g.commit("a.json", "2")
	g.run("checkout", "-q", "main")
	g.commit("a.json", "3")
	linked := filepath.Join(filepath.Dir(g.dir), "linked")
	g.run("worktree", "add", "-q", linked, "side")
	r, other := g.open(), openAt(t, linked)
	busy := func(what string, want, wantOther bool) {
		t.Helper()
		if r.Busy() != want || other.Busy() != wantOther {
			t.Errorf("%s: %v %v, want %v %v", what, r.Busy(), other.Busy(), want, wantOther)
		}
	}
	busy("at rest", false, false)
	g.write(".git/index.lock", "")
	busy("index locked", true, false)
	os.Remove(filepath.Join(g.dir, ".git", "index.lock"))
	if _, err := g.try("merge", "side"); err == nil {
		t.Fatal("no conflict")
	}
	busy("merge waits", false, false)
	g.run("merge", "--abort")
	if _, err := g.try("cherry-pick", "side"); err == nil {
		t.Fatal("no conflict")
	}
	busy("cherry-pick waits", false, false)
	g.run("cherry-pick", "--abort")
	if _, err := g.in(linked).try("rebase", "main"); err == nil {
		t.Fatal("no conflict")
	}
	busy("rebase", false, true)
	g.in(linked).run("rebase", "--abort")
	busy("at rest again", false, false)
}

func TestCacheDir(t *testing.T) {
	g := newGit(t)
	g.commit("a.json", "1")
	linked := filepath.Join(filepath.Dir(g.dir), "linked")
	g.run("worktree", "add", "-q", linked)
	r := g.open()
	want := filepath.Join(g.dir, ".git", "koonti")
	if got := r.CacheDir(); got != want || openAt(t, linked).CacheDir() != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if left := must(os.ReadDir(want)); len(left) > 0 {
		t.Errorf("left there: %v", left)
	}
	// A file in the way stands for a folder that may not be written: these tests
	// may run as root.
	if err := os.Remove(want); err != nil {
		t.Fatal(err)
	}
	g.write(".git/koonti", "")
	home := realTemp(t)
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	got := r.CacheDir()
	if !strings.HasPrefix(got, home) || !slices.Contains(strings.Split(filepath.ToSlash(got), "/"), "koonti") {
		t.Errorf("got %q, want a folder under %q", got, home)
	}
	if other := newGit(t); other.open().CacheDir() == got {
		t.Error("two repositories share a folder")
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(g.dir, ".git", "koonti"))
	if got := r.CacheDir(); got != "" {
		t.Errorf("got %q, want none", got)
	}
}
