package gitrepo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func opened(t *testing.T, dir string) *Repo {
	t.Helper()
	r, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestSettingsAreAddedAsGitReadsThem(t *testing.T) {
	g := newGit(t)
	r := opened(t, g.dir)
	path := filepath.Join(g.dir, ".git", "config")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before = append(before, "[a]\n\tb = c"...) // no line break at the end
	if err := errors.Join(os.WriteFile(path, before, 0o600), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	want := "sh -c 'echo \"%P\"; # \\'\t;\nend "
	for _, value := range []string{"first", want} {
		if err := r.AddSettings(context.Background(), "merge", `o"dd\`, []Variable{{"driver", value}, {"name", "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.TrimSuffix(g.run("config", "--get", `merge.o"dd\.driver`), "\n"); got != want {
		t.Errorf("git reads %q, want %q", got, want)
	}
	if got, err := r.Setting(`merge.o"dd\.driver`); err != nil || got != want {
		t.Errorf("read %q, %v", got, err)
	}
	if got := strings.TrimSpace(g.run("config", "--get", "a.b")); got != "c" {
		t.Errorf("a.b is %q", got)
	}
	after, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(after), string(before)) {
		t.Errorf("what was there was changed: %v\n%s", err, after)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got, err := r.Setting("merge.other.driver"); err != nil || got != "" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestSettingsWaitForAnotherWriter(t *testing.T) {
	g := newGit(t)
	lock := filepath.Join(g.dir, ".git", "config.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := opened(t, g.dir).AddSettings(ctx, "a", "b", []Variable{{"c", "d"}}); err == nil {
		t.Error("written although another holds the lock")
	}
	if _, err := os.Stat(lock); err != nil {
		t.Errorf("the other's lock is gone: %v", err)
	}
}

func TestStagedIsWhatGitWouldCommit(t *testing.T) {
	for _, version := range []string{"2", "4"} {
		g := newGit(t)
		for _, name := range []string{"a", "a.b", "a-b/x", "d/e/f", "d/e.f", "d/e-f/ä", "z"} {
			g.write(name, name)
		}
		g.run("add", "-A")
		g.run("update-index", "--index-version", version)
		g.write("d/new", "only announced")
		g.run("add", "-N", "d/new")
		g.write("z", "changed and not staged")
		want := strings.TrimSpace(g.run("write-tree"))
		repo, err := opened(t, g.dir).Staged(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		_, head, err := repo.Head(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		commit, err := repo.Commit(context.Background(), head)
		if err != nil || string(commit.Tree) != want {
			t.Errorf("index version %s: tree %s, %v, want %s", version, commit.Tree, err, want)
		}
		e, err := repo.Lookup(context.Background(), commit.Tree, "d/e-f/ä")
		if err != nil {
			t.Fatal(err)
		}
		if data, err := repo.Blob(context.Background(), e.Hash); err != nil || string(data) != "d/e-f/ä" {
			t.Errorf("read %q, %v", data, err)
		}
		repo.Close()
	}
}

func TestStagedSaysWhatOnlyGitReads(t *testing.T) {
	g := newGit(t)
	g.write("a", "a")
	g.run("add", "-A")
	g.run("update-index", "--split-index")
	_, err := opened(t, g.dir).Staged(t.TempDir(), "")
	if err == nil || !strings.Contains(err.Error(), "--no-split-index") {
		t.Errorf("got %v", err)
	}
}

// Staged of a repository without an index is the empty tree.
func TestStagedOfNothing(t *testing.T) {
	g := newGit(t)
	repo, err := opened(t, g.dir).Staged(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	_, head, err := repo.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	commit, err := repo.Commit(context.Background(), head)
	if diff := cmp.Diff(strings.TrimSpace(g.feed("", "mktree")), string(commit.Tree)); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestReceivedSeesWhatIsInQuarantine(t *testing.T) {
	g, other := newGit(t), newGit(t)
	g.write("a", "here")
	g.run("add", "-A")
	g.run("commit", "-q", "-m", "here")
	other.run("pull", "-q", g.dir, "main")
	other.write("b", "pushed")
	other.run("add", "-A")
	other.run("commit", "-q", "-m", "pushed")
	commit := Hash(strings.TrimSpace(other.run("rev-parse", "HEAD")))
	r := opened(t, g.dir)
	if _, err := r.Commit(context.Background(), commit); err == nil {
		t.Fatal("the commit is there already")
	}
	repo, err := r.Received(t.TempDir(), []string{filepath.Join(other.dir, ".git", "objects")}, commit)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	_, head, err := repo.Head(context.Background())
	if err != nil || head != commit {
		t.Errorf("HEAD is %s, %v", head, err)
	}
	if _, err := r.Received(t.TempDir(), nil, "nonsense"); err == nil {
		t.Error("opened at what is no hash")
	}
}
