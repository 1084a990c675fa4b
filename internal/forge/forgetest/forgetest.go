// Package forgetest holds every implementation of proposal.Forge to its contract: the
// built-in one and those for servers run the same suite. It is for tests alone.
package forgetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// Place is a forge with nothing proposed yet, over a real repository whose target branch
// has a commit.
type Place struct {
	Forge proposal.Forge
	// Repo is where a commit has to be to be proposed.
	Repo *gitrepo.Repo
	// Target is the full name of the branch that is served.
	Target string
	// Actor is someone who may do everything; one name is one person.
	Actor func(name string) content.Actor
	// Push makes a branch another commit as a Git client does who forces it; "" deletes it.
	Push func(branch string, commit gitrepo.Hash)
	// Tip is what the forge has of a branch; "" for none.
	Tip func(branch string) gitrepo.Hash
}

// Run holds the forges that at makes to the contract. at is called once for each rule.
func Run(t *testing.T, at func(t *testing.T) Place) {
	for _, rule := range []struct {
		name string
		hold func(*world)
	}{
		{"a proposal is what it was opened with", opened},
		{"what is not there is not found", missing},
		{"proposals are listed from the newest down", listed},
		{"an actor opens once with one key", keyed},
		{"many who open with one key at once get one proposal", keyedAtOnce},
		{"an edit gives another head and other words", edited},
		{"an edit of another head than the present one is outdated", editOutdated},
		{"comments keep their order and have ids", commented},
		{"a verdict counts for the present head, the last one of a person", reviewed},
		{"a review of another head is outdated", reviewOutdated},
		{"what is closed can be reopened", closed},
		{"a merge moves the target", merged},
		{"a merge into what has moved meanwhile is outdated", mergeTargetMoved},
		{"a merge of a head that was replaced is outdated", mergeHeadMoved},
		{"a merged proposal is neither closed nor reopened", mergedForGood},
		{"the first sync tells nothing, later ones each event once", synced},
		{"what a Git client pushes to the branch is seen", pushed},
		{"what a Git client merges is seen", mergedOutside},
		{"what was handed out stays as it is", immutable},
		{"nothing is lost when many act at once", atOnce},
		{"a cancelled context ends an act", cancelled},
	} {
		t.Run(rule.name, func(t *testing.T) {
			p := at(t)
			rule.hold(&world{t, p, t.Context()})
		})
	}
}

// Commit writes a commit that puts one file into the tree of its first parent.
func Commit(t testing.TB, r *gitrepo.Repo, path, text string, parents ...gitrepo.Hash) gitrepo.Hash {
	t.Helper()
	ctx := context.Background()
	base := gitrepo.Hash("")
	if len(parents) > 0 {
		c, err := r.Commit(ctx, parents[0])
		must(t, err)
		base = c.Tree
	}
	blob, err := r.WriteBlob(ctx, []byte(text))
	must(t, err)
	tree, err := r.WriteTree(ctx, base, []gitrepo.TreeChange{{Path: path, Entry: gitrepo.Entry{Mode: gitrepo.File, Hash: blob}}})
	must(t, err)
	who := gitrepo.Signature{Name: "Aino", Email: "aino@example.org", When: time.Unix(1_700_000_000, 0)}
	h, err := r.WriteCommit(ctx, gitrepo.NewCommit{Tree: tree, Parents: parents, Author: who, Committer: who, Message: "Put " + path})
	must(t, err)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Refused fails the test unless err is a refusal for this reason, with a message.
func Refused(t testing.TB, err error, reason content.RefusalReason) {
	t.Helper()
	var r *content.Refusal
	if !errors.As(err, &r) || r.Reason != reason || r.Message == "" {
		t.Errorf("got %#v (%v), want a refusal %s", err, err, reason)
	}
}

// world is one place under test.
type world struct {
	*testing.T
	Place
	ctx context.Context
}

func (w *world) ok(p *content.Proposal, err error) *content.Proposal {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) same(what string, got, want any) {
	w.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.Errorf("%s: -want +got\n%s", what, d)
	}
}

// branch writes a commit on the target's tip that puts one file.
func (w *world) branch(path string) (base, head gitrepo.Hash) {
	w.Helper()
	base = w.Tip(w.Target)
	return base, Commit(w, w.Repo, path, "new\n", base)
}

func (w *world) open(name string) *content.Proposal {
	w.Helper()
	base, head := w.branch(name)
	return w.ok(w.Forge.Open(w.ctx, w.Actor("Aino"), proposal.Opening{
		Title: "Put " + name, Head: content.Hash(head), Base: content.Hash(base), Target: w.Target,
	}))
}

// merging decides on the merge of a proposal, as its files are.
func (w *world) merging(p *content.Proposal, path string) proposal.Merging {
	w.Helper()
	target := w.Tip(w.Target)
	return proposal.Merging{
		Head: p.Head, Target: content.Hash(target), Commit: content.Hash(Commit(w, w.Repo, path, "new\n", target, gitrepo.Hash(p.Head))),
		Subject: "Merge " + p.Title, Body: "",
	}
}

func (w *world) sync() []content.ProposalNews {
	w.Helper()
	news, err := w.Forge.Sync(w.ctx)
	must(w, err)
	return news
}

func (w *world) get(number int) *content.Proposal {
	w.Helper()
	return w.ok(w.Forge.Proposal(w.ctx, number))
}

func (w *world) tree(h gitrepo.Hash) gitrepo.Hash {
	w.Helper()
	c, err := w.Repo.Commit(w.ctx, h)
	must(w, err)
	return c.Tree
}

func kinds(p *content.Proposal) []content.EventKind {
	var list []content.EventKind
	for _, e := range p.Events {
		list = append(list, e.Kind)
	}
	return list
}

func count(news []content.ProposalNews, number int, kind content.EventKind) int {
	n := 0
	for _, x := range news {
		if x.Proposal.Number == number && x.Event.Kind == kind {
			n++
		}
	}
	return n
}

func hasReviewer(p *content.Proposal, name string) bool {
	return slices.ContainsFunc(p.Requested, func(r string) bool { return strings.EqualFold(r, name) })
}
