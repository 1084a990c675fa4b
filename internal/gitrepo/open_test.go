package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenFindsTheRepository(t *testing.T) {
	g := newGit(t)
	g.commit("deep/er/a.json", "{}")
	dir := filepath.Dir(g.dir)
	g.run("worktree", "add", "-q", "-b", "side", filepath.Join(dir, "linked"))
	g.run("clone", "-q", "--bare", g.dir, filepath.Join(dir, "bare.git"))
	bare := g.in(filepath.Join(dir, "bare.git"))
	bare.run("worktree", "add", "-q", filepath.Join(dir, "of-bare"), "main")
	g.run("init", "-q", "--separate-git-dir", filepath.Join(dir, "apart.git"), filepath.Join(dir, "apart"))
	if err := os.Symlink(filepath.Join(g.dir, "deep"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	outer := newGit(t)
	outer.commit("b.json", "{}")
	outer.run("submodule", "--quiet", "add", g.dir, "sub")

	dot := filepath.Join(g.dir, ".git")
	for _, tt := range []struct{ name, path, work, git, common string }{
		{"root", g.dir, g.dir, dot, dot},
		{"folder below", filepath.Join(g.dir, "deep", "er"), g.dir, dot, dot},
		{"file below", filepath.Join(g.dir, "deep", "er", "a.json"), g.dir, dot, dot},
		{"link to a folder below", filepath.Join(dir, "link"), g.dir, dot, dot},
		{"git folder", dot, g.dir, dot, dot},
		{"bare", bare.dir, "", bare.dir, bare.dir},
		{"linked", filepath.Join(dir, "linked"), filepath.Join(dir, "linked"), filepath.Join(dot, "worktrees", "linked"), dot},
		{"folder in linked", filepath.Join(dir, "linked", "deep"), filepath.Join(dir, "linked"), filepath.Join(dot, "worktrees", "linked"), dot},
		{"git folder of linked", filepath.Join(dot, "worktrees", "linked"), filepath.Join(dir, "linked"), filepath.Join(dot, "worktrees", "linked"), dot},
		{"linked to bare", filepath.Join(dir, "of-bare"), filepath.Join(dir, "of-bare"), filepath.Join(bare.dir, "worktrees", "of-bare"), bare.dir},
		{"git folder apart", filepath.Join(dir, "apart"), filepath.Join(dir, "apart"), filepath.Join(dir, "apart.git"), filepath.Join(dir, "apart.git")},
		{"submodule", filepath.Join(outer.dir, "sub"), filepath.Join(outer.dir, "sub"), filepath.Join(outer.dir, ".git", "modules", "sub"), filepath.Join(outer.dir, ".git", "modules", "sub")},
		{"git folder of submodule", filepath.Join(outer.dir, ".git", "modules", "sub"), filepath.Join(outer.dir, "sub"), filepath.Join(outer.dir, ".git", "modules", "sub"), filepath.Join(outer.dir, ".git", "modules", "sub")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := openAt(t, tt.path)
			if r.WorkTree() != tt.work || r.GitDir() != tt.git || r.CommonDir() != tt.common {
				t.Errorf("got %q %q %q, want %q %q %q", r.WorkTree(), r.GitDir(), r.CommonDir(), tt.work, tt.git, tt.common)
			}
			if tt.name == "git folder apart" {
				return // it has no commit
			}
			_, head, err := r.Head(background)
			if err != nil || head == "" {
				t.Fatalf("head %q, %v", head, err)
			}
			if c, err := r.Commit(background, head); err != nil || c.Tree == "" {
				t.Errorf("commit %+v, %v", c, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	source := newGit(t)
	source.commit("a.json", "{}")
	source.run("config", "uploadpack.allowFilter", "true")
	made := func(args ...string) string { return newGit(t, args...).dir }
	configured := func(text string) string {
		g := newGit(t)
		g.commit("a.json", "{}")
		g.write(".git/config", text)
		return g.dir
	}
	for _, tt := range []struct {
		name string
		path string
		want error
		says string
	}{
		{"no repository", realTemp(t), ErrNotRepository, "git init"},
		{"no such folder", filepath.Join(realTemp(t), "none"), ErrNotRepository, "none"},
		{"sha256", made("--object-format=sha256"), ErrUnsupported, "sha256"},
		{"partial clone", func() string {
			dir := filepath.Join(realTemp(t), "partial")
			source.run("clone", "-q", "--filter=blob:none", "file://"+source.dir, dir)
			return dir
		}(), ErrUnsupported, "--refetch"},
		{"promisor remote alone", configured("[core]\n\trepositoryformatversion = 0\n[remote \"far\"]\n\tpromisor = true\n"), ErrUnsupported, "far"},
		{"reftable", configured("[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n"), ErrUnsupported, "git refs migrate"},
		{"extension of the future", configured("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tquantum = true\n"), ErrUnsupported, "quantum"},
		{"version of the future", configured("[core]\n\trepositoryformatversion = 2\n"), ErrUnsupported, "format 2"},
		{"git file that names nothing", func() string {
			dir := realTemp(t)
			if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: ../gone\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}(), ErrNotRepository, "git worktree repair"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Open(tt.path, Config{})
			if err == nil {
				r.Close()
				t.Fatal("opened")
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.want, tt.says)
			}
		})
	}
}

func TestOpenTakesKnownExtensions(t *testing.T) {
	g := newGit(t)
	want := g.commit("a.json", "{}")
	g.run("config", "core.repositoryformatversion", "1")
	g.run("config", "extensions.worktreeConfig", "true")
	g.run("config", "--worktree", "user.name", "Tove")
	r := g.open()
	if _, h, err := r.Head(background); h != want || err != nil {
		t.Errorf("head %s, %v, want %s", h, err, want)
	}
	if name, _ := r.UserIdentity(); name != "Tove" {
		t.Errorf("user.name of config.worktree: %q", name)
	}
}

func TestClosedRepositoryFails(t *testing.T) {
	g := newGit(t)
	h := g.commit("a.json", "{}")
	g.run("gc", "-q")
	r, err := Open(g.dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(background, h); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestInit(t *testing.T) {
	dir := filepath.Join(realTemp(t), "new")
	for range 2 {
		if err := Init(dir); err != nil {
			t.Fatal(err)
		}
	}
	wantHead(t, openAt(t, dir), "refs/heads/main", "")
	g := gitAt(t, dir)
	head := g.commit("a.json", "1")
	if err := Init(dir); err != nil {
		t.Error(err)
	}
	wantHead(t, openAt(t, dir), "refs/heads/main", head)
	g.run("fsck", "--strict")
	if out := g.run("status", "--porcelain"); out != "" {
		t.Errorf("git sees %q", out)
	}
}
