package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// git is a folder in which the real git program runs: maker of fixtures and
// oracle. A test that needs git fails without it.
type git struct {
	t       testing.TB
	dir     string
	env     []string
	program string // where git was found when PATH was whole
	path    string
}

func gitAt(t testing.TB, dir string) *git {
	t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatalf("these tests need the git program: %v", err)
	}
	return &git{t: t, dir: dir, program: program, path: os.Getenv("PATH")}
}

// newGit makes a folder with a repository in it, unless args say otherwise.
func newGit(t testing.TB, args ...string) *git {
	t.Helper()
	g := gitAt(t, filepath.Join(realTemp(t), "repo"))
	if len(args) == 0 {
		args = []string{"-b", "main"}
	}
	g.in(filepath.Dir(g.dir)).run(append(append([]string{"init", "-q"}, args...), g.dir)...)
	return g
}

func realTemp(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// in is git in another folder.
func (g *git) in(dir string) *git {
	other := *g
	other.dir = dir
	return &other
}

// at is git with a clock that stands at a time, in seconds.
func (g *git) at(seconds int64) *git {
	date := fmt.Sprintf("%d +0200", seconds)
	other := *g
	other.env = append(slices.Clone(g.env), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	return &other
}

func (g *git) cmd(args ...string) *exec.Cmd {
	c := exec.Command(g.program, args...)
	c.Dir = g.dir
	c.Env = append([]string{
		"PATH=" + g.path, "HOME=" + filepath.Dir(g.dir), "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Aino", "GIT_AUTHOR_EMAIL=aino@example.org", "GIT_COMMITTER_NAME=Eero",
		"GIT_COMMITTER_EMAIL=eero@example.org", "GIT_AUTHOR_DATE=1600000000 +0200", "GIT_COMMITTER_DATE=1600000000 +0200",
		"GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=protocol.file.allow", "GIT_CONFIG_VALUE_0=always",
		"GIT_CONFIG_KEY_1=gc.auto", "GIT_CONFIG_VALUE_1=0",
		"GIT_CONFIG_KEY_2=init.defaultBranch", "GIT_CONFIG_VALUE_2=main",
	}, g.env...)
	return c
}

// run runs git and returns what it printed, without the last newline.
func (g *git) run(args ...string) string {
	g.t.Helper()
	out, err := g.try(args...)
	if err != nil {
		g.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (g *git) try(args ...string) (string, error) {
	return g.pipe("", args...)
}

func (g *git) pipe(stdin string, args ...string) (string, error) {
	c := g.cmd(args...)
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, errs.String())
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// feed runs git with something to read.
func (g *git) feed(stdin string, args ...string) string {
	g.t.Helper()
	out, err := g.pipe(stdin, args...)
	if err != nil {
		g.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// lines runs git and splits what it printed.
func (g *git) lines(args ...string) []string {
	g.t.Helper()
	out := g.run(args...)
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

func (g *git) write(name, content string) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// commit writes a file and commits it; the hash comes back.
func (g *git) commit(name, content string) Hash {
	g.t.Helper()
	g.write(name, content)
	g.run("add", "-A")
	g.run("commit", "-q", "--allow-empty", "-m", "write "+name)
	return g.hash("HEAD")
}

func (g *git) hash(rev string) Hash {
	g.t.Helper()
	return Hash(g.run("rev-parse", "--verify", rev))
}

// commits makes n commits of small files with one fast-import, a minute apart
// from start, on a branch.
func (g *git) commits(branch string, n int, start int64) {
	g.t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "commit refs/heads/%s\ncommitter Eero <eero@example.org> %d +0200\ndata 10\nstep%06d\n",
			branch, start+int64(60*i), i)
		content := strings.Repeat(fmt.Sprintf("{\"n\": %d}\n", i%7), 40) + fmt.Sprint(i)
		fmt.Fprintf(&b, "M 644 inline records/%s/%d.json\ndata %d\n%s\n", branch, i%10, len(content), content)
	}
	g.feed(b.String(), "fast-import", "--quiet", "--force")
}

// open opens the folder as the product would.
func (g *git) open(cfg ...Config) *Repo {
	g.t.Helper()
	return openAt(g.t, g.dir, cfg...)
}

func openAt(t testing.TB, dir string, cfg ...Config) *Repo {
	t.Helper()
	var c Config
	if len(cfg) > 0 {
		c = cfg[0]
	}
	r, err := Open(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var background = context.Background()

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(background)
	cancel()
	return ctx
}
