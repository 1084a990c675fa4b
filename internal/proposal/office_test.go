package proposal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/local"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/history"
	"github.com/koonti/koonti/internal/proposal"
)

// office is a service with its real repository and real forge, and somebody's clone, in
// which the real git program is used.
type office struct {
	testing.TB
	*proposal.Service
	client, served string
	repo           *gitrepo.Repo
	cat            *catalog.Catalog
	forge          *local.Forge
	now            time.Time
}

// files are what the repository of a test begins with.
var files = map[string]string{
	"schema/model.json": proposal.WorldModel,
	"schema/theme.json": proposal.WorldTheme,
	"schema/thing.json": proposal.WorldThing,
	"themes/blue.json":  "{\n  \"name\": \"Blue\"\n}\n",
	"themes/red.json":   "{\n  \"name\": \"Red\"\n}\n",
	"things/one.json":   "{\n  \"name\": \"One\",\n  \"theme\": \"blue\",\n  \"a\": 1,\n  \"b\": 1\n}\n",
	"notes.txt":         "one\ntwo\nthree\n",
}

// desk makes a repository with main checked out, and an office that serves it.
func desk(t testing.TB, more map[string]string, set ...func(*proposal.Config)) *office {
	t.Helper()
	if test, ok := t.(*testing.T); ok {
		test.Parallel()
	}
	o := &office{TB: t, client: t.TempDir(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o.git("init", "-q", "-b", "main")
	o.git("config", "gc.auto", "0")
	for name, text := range files {
		o.write(name, text)
	}
	for name, text := range more {
		o.write(name, text)
	}
	o.commit("first")
	o.served = o.client
	o.open(set...)
	return o
}

// hall makes an office that serves a bare repository, of which there is a clone.
func hall(t testing.TB, more map[string]string, set ...func(*proposal.Config)) *office {
	t.Helper()
	o := desk(t, more, set...)
	o.served = filepath.Join(t.TempDir(), "served.git")
	o.git("clone", "-q", "--bare", ".", o.served)
	o.git("remote", "add", "origin", o.served)
	o.git("checkout", "-q", "--detach")
	o.git("branch", "-q", "-D", "main")
	o.open(set...)
	return o
}

func (o *office) open(set ...func(*proposal.Config)) {
	o.Helper()
	var err error
	if o.repo, err = gitrepo.Open(o.served, gitrepo.Config{}); err != nil {
		o.Fatal(err)
	}
	o.Cleanup(func() { o.repo.Close() })
	if o.cat, err = catalog.Open(o.Context(), catalog.Config{Repo: o.repo, Ref: "main"}); err != nil {
		o.Fatal(err)
	}
	var ticking sync.Mutex
	clock := func() time.Time {
		ticking.Lock()
		defer ticking.Unlock()
		o.now = o.now.Add(time.Second)
		return o.now
	}
	target := func() string { return o.cat.Current().Ref }
	o.forge = local.New(local.Config{Repo: o.repo, Now: clock, Target: func(context.Context) (string, error) { return target(), nil }})
	cfg := proposal.Config{
		Repo: o.repo, Forge: o.forge, Content: o.cat, Target: target, API: graphql.Compare, Now: clock,
		Moved: func(ctx context.Context) { _, _ = o.cat.Reload(ctx) }, Owners: ownersOf(o.repo),
	}
	for _, s := range set {
		s(&cfg)
	}
	o.Service = proposal.New(cfg)
}

func ownersOf(repo *gitrepo.Repo) proposal.OwnersOf {
	return func(ctx context.Context, commit content.Hash) (*content.Owners, *content.Model, error) {
		in, err := catalog.OwnersAt(ctx, catalog.Config{Repo: repo}, string(commit))
		if err != nil {
			return nil, nil, err
		}
		return in.Owners, in.Model, nil
	}
}

func fourEyes(c *proposal.Config) { c.FourEyes = true }

func (o *office) gitIn(dir string, args ...string) (string, error) {
	return o.gitWith(dir, "", args...)
}

func (o *office) gitWith(dir, stdin string, args ...string) (string, error) {
	c := exec.Command("git", args...)
	c.Dir, c.Stdin = dir, strings.NewReader(stdin)
	c.Env = append(c.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Pekka", "GIT_AUTHOR_EMAIL=pekka@example.org", "GIT_COMMITTER_NAME=Pekka", "GIT_COMMITTER_EMAIL=pekka@example.org")
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// git runs git in the clone.
func (o *office) git(args ...string) string {
	o.Helper()
	out, err := o.gitIn(o.client, args...)
	if err != nil {
		o.Fatalf("git %s (these tests need the git program): %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// input runs git in the clone on what it reads from its standard input.
func (o *office) input(text string, args ...string) string {
	o.Helper()
	c := exec.Command("git", args...)
	c.Dir, c.Stdin = o.client, strings.NewReader(text)
	out, err := c.Output()
	if err != nil {
		o.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// at asks git what a revision of the repository served is; "" where there is none.
func (o *office) at(revision string) content.Hash {
	o.Helper()
	out, err := o.gitIn(o.served, "rev-parse", "-q", "--verify", revision)
	if err != nil {
		return ""
	}
	return content.Hash(out)
}

// show is a file of a revision of the repository served; "" where there is none.
func (o *office) show(revision, path string) string {
	o.Helper()
	out, err := o.gitIn(o.served, "show", revision+":"+path)
	if err != nil {
		return ""
	}
	return out
}

func (o *office) write(name, text string) {
	o.Helper()
	path := filepath.Join(o.client, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o666)
	}
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) commit(message string) {
	o.Helper()
	o.git("add", "-A")
	o.git("commit", "-q", "-m", message)
}

// push commits files with the git program, on what is served now, and pushes them.
func (o *office) push(branch, message string, texts map[string]string) {
	o.Helper()
	o.git("fetch", "-q", "origin")
	o.git("checkout", "-q", "--detach", "origin/main")
	for name, text := range texts {
		if text == "" {
			o.git("rm", "-q", name)
			continue
		}
		o.write(name, text)
	}
	o.commit(message)
	o.git("push", "-q", "origin", "HEAD:refs/heads/"+branch)
}

// sync looks for what git did, and has what is served follow.
func (o *office) sync() []content.ProposalNews {
	o.Helper()
	_, err := o.cat.Reload(o.Context())
	news, failed := o.forge.Sync(o.Context())
	if err = errors.Join(err, failed); err != nil {
		o.Fatal(err)
	}
	return news
}

// actor is someone by name.
func actor(name string, role content.Role) content.Actor {
	email := strings.ToLower(name) + "@example.org"
	return content.Actor{Person: content.Person{Name: name, Email: email, Identity: content.IdentityToken}, ID: email, Role: role}
}

var (
	aino   = actor("Aino", content.RoleEditor)
	eero   = actor("Eero", content.RoleEditor)
	riikka = actor("Riikka", content.RoleReviewer)
	maija  = actor("Maija", content.RoleMaintainer)
)

var one = content.Ref{Collection: "things", ID: "one"}

// set is the edit that gives a member of a record a value.
func set(ref content.Ref, member, value string) content.Edit {
	return content.Edit{Kind: content.EditPatch, Ref: ref, Patch: fmt.Sprintf(`[{"op": "add", "path": "/%s", "value": %s}]`, member, value)}
}

func draft(title string, edits ...content.Edit) content.Draft {
	return content.Draft{Title: title, Edits: edits}
}

// ok is what was done; it had to be.
func (o *office) ok(p *content.Proposal, err error) *content.Proposal {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
	return p
}

func (o *office) propose(by content.Actor, title string, edits ...content.Edit) *content.Proposal {
	o.Helper()
	return o.ok(o.Propose(o.Context(), by, draft(title, edits...)))
}

func (o *office) merge(p *content.Proposal, resolutions ...content.Resolution) *content.Proposal {
	o.Helper()
	return o.ok(o.Merge(o.Context(), maija, p.Number, p.Head, resolutions))
}

// refused wants a refusal for a reason that says something, and returns it.
func (o *office) refused(err error, reason content.RefusalReason, says string) *content.Refusal {
	o.Helper()
	var r *content.Refusal
	if !errors.As(err, &r) || r.Reason != reason || !strings.Contains(r.Message, says) {
		o.Errorf("got %v, want %s: ... %s ...", err, reason, says)
		return &content.Refusal{}
	}
	return r
}

func (o *office) same(what string, got, want any) {
	o.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		o.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// report is what is found out about a proposal, with its checks by name.
func (o *office) report(p *content.Proposal) (*content.ProposalReport, map[content.CheckName]content.Check) {
	o.Helper()
	p = o.ok(o.Proposal(o.Context(), p.Number))
	r, err := o.Report(o.Context(), p)
	if err != nil {
		o.Fatal(err)
	}
	checks := map[content.CheckName]content.Check{}
	for _, c := range r.Checks {
		checks[c.Name] = c
	}
	return r, checks
}

// past is the history of what is served.
func (o *office) past() *history.Past {
	o.Helper()
	x := history.Open(history.Config{Repo: o.repo, Model: "schema/model.json"})
	o.Cleanup(func() { _ = x.Close() })
	if err := x.Extend(o.Context(), o.cat.Current()); err != nil {
		o.Fatal(err)
	}
	past, err := x.Past(o.Context(), o.cat.Current())
	if err != nil {
		o.Fatal(err)
	}
	return past
}

// put is the edit that makes a small record.
func put(ref content.Ref) content.Edit {
	return content.Edit{Kind: content.EditPut, Ref: ref, Document: `{"name": "New", "b": 1}`}
}
