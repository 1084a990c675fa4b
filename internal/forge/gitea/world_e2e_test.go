//go:build e2e

package gitea

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/gitea/giteatest"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// people have a token each on the server: two editors, who may write, and a reader.
type people struct{ service, anna, bert, carl string }

// world is one repository on the server, with a mirror and a forge here.
type world struct {
	t      *testing.T
	server *giteatest.Server
	people people
	name   string // of the repository
	remote string
	clone  string // a work tree of the git program
	repo   *gitrepo.Repo
	forge  *Forge
}

func newWorld(t *testing.T, s *giteatest.Server, p people) *world {
	t.Helper()
	w := &world{t: t, server: s, people: p, name: strings.NewReplacer("/", "-", "'", "", ",", "").Replace(t.Name()), clone: t.TempDir()}
	w.name = w.name[max(0, len(w.name)-90):]
	w.remote = s.Repository(t, w.name, "service", "anna", "bert")
	w.git("init", "-q", "-b", "main")
	w.git("remote", "add", "origin", giteatest.As(w.remote, p.bert))
	w.write("one.json", "{\n  \"a\": 1\n}\n")
	w.write("two.json", "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n")
	w.git("add", ".")
	w.git("commit", "-qm", "begin")
	w.git("push", "-q", "origin", "main")
	w.until("Gitea notices that the repository is not empty", func() bool {
		r, _, err := w.client(s.Admin).GetRepo("root", w.name)
		return err == nil && !r.Empty
	})
	w.open()
	return w
}

// open makes mirror and forge, as a server that starts does.
func (w *world) open() {
	w.t.Helper()
	w.repo = mirror(w.t, w.remote, w.t.TempDir())
	w.forge = w.forgeOf(w.repo)
	w.sync()
}

func mirror(t *testing.T, remote, dir string) *gitrepo.Repo {
	t.Helper()
	repo, err := gitrepo.Mirror(context.Background(), remote, dir, gitrepo.Config{Pulls: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo
}

func (w *world) forgeOf(repo *gitrepo.Repo) *Forge {
	w.t.Helper()
	f, err := New(context.Background(), Config{
		URL: w.server.URL, Remote: w.remote, Repo: repo, Token: w.people.service, Target: "refs/heads/main",
		PublicURL: "https://koonti.example.org/proposals/", Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *world) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.clone
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.clone, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Bert", "GIT_AUTHOR_EMAIL=bert@example.org", "GIT_COMMITTER_NAME=Bert", "GIT_COMMITTER_EMAIL=bert@example.org"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.clone, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for what Gitea does after it has answered.
func (w *world) until(what string, so func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not so: %s\n%s", what, w.server.Log())
		}
	}
}

func (w *world) sync() []content.ProposalNews {
	w.t.Helper()
	news, err := w.forge.Sync(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return news
}

// actor is who has a token, as Gitea says.
func (w *world) actor(token string) content.Actor {
	w.t.Helper()
	a, err := w.forge.Authenticate(context.Background(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// guest is somebody without an account, for whom the service account acts.
var guest = content.Actor{
	Person: content.Person{Name: "Gina *Guest* @anna", Email: "gina@example.org", Identity: content.IdentityToken},
	ID:     "gina@example.org", Role: content.RoleMaintainer,
}

// target is the head of main here.
func (w *world) target() content.Hash { return w.ref("refs/heads/main") }

func (w *world) ref(name string) content.Hash {
	w.t.Helper()
	h, err := w.repo.Ref(context.Background(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return content.Hash(h)
}

// commit makes one that gives a file other bytes.
func (w *world) commit(file, text string, parents ...content.Hash) content.Hash {
	w.t.Helper()
	ctx := context.Background()
	before, err := w.repo.Commit(ctx, gitrepo.Hash(parents[0]))
	if err != nil {
		w.t.Fatal(err)
	}
	blob, err := w.repo.WriteBlob(ctx, []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	tree, err := w.repo.WriteTree(ctx, before.Tree, []gitrepo.TreeChange{{Path: file, Entry: gitrepo.Entry{Mode: gitrepo.File, Hash: blob}}})
	if err != nil {
		w.t.Fatal(err)
	}
	c := gitrepo.NewCommit{Tree: tree, Message: "edit " + file + "\n"}
	c.Author = gitrepo.Signature{Name: "Anna", Email: "anna@example.org", When: time.Now()}
	c.Committer = c.Author
	for _, p := range parents {
		c.Parents = append(c.Parents, gitrepo.Hash(p))
	}
	h, err := w.repo.WriteCommit(ctx, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return content.Hash(h)
}

// opening proposes other bytes for a file of main.
func (w *world) opening(title, file, text string) proposal.Opening {
	w.t.Helper()
	base := w.target()
	return proposal.Opening{Title: title, Description: "Because *so*.", Head: w.commit(file, text, base), Base: base, Target: "refs/heads/main"}
}

func (w *world) propose(by content.Actor, o proposal.Opening) *content.Proposal {
	w.t.Helper()
	p, err := w.forge.Open(context.Background(), by, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) client(token string) *sdk.Client { return w.server.Client(w.t, token) }

// kinds are the events of a proposal, as "KIND actor".
func kinds(p *content.Proposal) []string {
	var all []string
	for _, e := range p.Events {
		all = append(all, fmt.Sprintf("%s %s", e.Kind, e.Actor.Name))
	}
	return all
}

func told(news []content.ProposalNews) []string {
	var all []string
	for _, n := range news {
		all = append(all, fmt.Sprintf("%d %s %s", n.Proposal.Number, n.Event.Kind, n.Event.Actor.Name))
	}
	return all
}

func asJSON(v any) string {
	data, _ := json.MarshalIndent(v, "", " ")
	return string(data)
}
