package local

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/forgetest"
	"github.com/koonti/koonti/internal/gitrepo"
)

const main = "refs/heads/main"

// git runs git in dir, away from the configuration of the machine, and returns what it
// printed.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := tryGit(dir, "", args...)
	if err != nil {
		t.Fatalf("git %s (these tests need the git program): %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func tryGit(dir, stdin string, args ...string) (string, error) {
	c := exec.Command("git", args...)
	c.Dir, c.Stdin = dir, strings.NewReader(stdin)
	c.Env = append(c.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Pekka", "GIT_AUTHOR_EMAIL=pekka@example.org", "GIT_COMMITTER_NAME=Pirkko", "GIT_COMMITTER_EMAIL=pirkko@example.org")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

// newBare makes a bare repository with a commit on main.
func newBare(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo.git")
	git(t, filepath.Dir(dir), "init", "-q", "--bare", "-b", "main", "--template=", dir)
	begin := "commit refs/heads/main\ncommitter Pekka <pekka@example.org> 1600000000 +0200\ndata 5\nbegin\nM 644 inline file\ndata 2\n1\n\n"
	if out, err := tryGit(dir, begin, "fast-import", "--quiet"); err != nil {
		t.Fatal(out)
	}
	return dir
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func openRepo(t testing.TB, dir string) *gitrepo.Repo {
	t.Helper()
	r, err := gitrepo.Open(dir, gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func person(name string) content.Actor {
	email := strings.ToLower(name) + "@example.org"
	return content.Actor{Person: content.Person{Name: name, Email: email, Identity: content.IdentityToken}, ID: email, Role: content.RoleMaintainer}
}

// placeAt is the forge of a repository, with a Git client beside it.
func placeAt(t *testing.T, dir string) forgetest.Place {
	r := openRepo(t, dir)
	return forgetest.Place{
		Forge: New(Config{Repo: r}), Repo: r, Target: main, Actor: person,
		Push: func(branch string, commit gitrepo.Hash) {
			t.Helper()
			if commit == "" {
				git(t, dir, "update-ref", "-d", branch)
				return
			}
			git(t, dir, "update-ref", branch, string(commit))
		},
		Tip: func(branch string) gitrepo.Hash {
			h, err := tryGit(dir, "", "rev-parse", "-q", "--verify", branch)
			if err != nil {
				return ""
			}
			return gitrepo.Hash(strings.TrimSpace(h))
		},
	}
}

func TestContract(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.Place { return placeAt(t, newBare(t)) })
}

// The same where the repository has packed everything that it can, and the clock stands.
func TestContractPacked(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.Place {
		dir := newBare(t)
		p := placeAt(t, dir)
		at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		var asked atomic.Int32
		p.Forge = New(Config{Repo: p.Repo, Now: func() time.Time {
			if asked.Add(1)%3 == 1 {
				if out, err := tryGit(dir, "", "pack-refs", "--all", "--prune"); err != nil {
					t.Error(out)
				}
			}
			return at
		}})
		return p
	})
}

// A number that is not there is told in a sentence that does not end in its kind, and says
// which numbers there are.
func TestANumberThatIsNotThere(t *testing.T) {
	s := newSite(t)
	for _, want := range []string{"there is no proposal 12; none has been made yet", "there is no proposal 12; the newest is 1"} {
		_, asked := s.forge.Proposal(t.Context(), 12)
		_, head := s.forge.Head(t.Context(), 12)
		_, closed := s.forge.Close(t.Context(), person("Aino"), 12)
		for _, err := range []error{asked, head, closed} {
			if !errors.Is(err, content.ErrNotFound) || !errors.Is(err, gitrepo.ErrNotFound) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		s.open("a")
	}
}
