package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/forgetest"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// site is a forge, and the work tree of someone who has only Git.
type site struct {
	*testing.T
	forgetest.Place
	forge *Forge
	bare  string
	clone string
	now   time.Time
}

func newSite(t *testing.T) *site {
	s := &site{T: t, bare: newBare(t), now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	s.Place = placeAt(t, s.bare)
	s.forge = New(Config{Repo: s.Repo, Now: func() time.Time { return s.now }})
	s.Forge = s.forge
	s.clone = s.bare + "-clone"
	git(t, t.TempDir(), "clone", "-q", s.bare, s.clone)
	return s
}

// other is the forge of another process on the same repository.
func (s *site) other() *Forge {
	return New(Config{Repo: openRepo(s, s.bare), Now: func() time.Time { return s.now }})
}

// commit commits a file in the clone.
func (s *site) commit(name, message string) gitrepo.Hash {
	s.Helper()
	write(s, s.clone, name, message)
	git(s, s.clone, "add", "-A")
	git(s, s.clone, "commit", "-q", "-m", message)
	return gitrepo.Hash(git(s, s.clone, "rev-parse", "HEAD"))
}

func (s *site) git(args ...string) string {
	s.Helper()
	return git(s, s.clone, args...)
}

func (s *site) open(name string) *content.Proposal {
	s.Helper()
	base := s.Tip(main)
	head := forgetest.Commit(s, s.Repo, name, "new\n", base)
	p, err := s.forge.Open(s.Context(), person("Aino"), proposal.Opening{Title: "Put " + name, Head: content.Hash(head), Base: content.Hash(base), Target: main})
	if err != nil {
		s.Fatal(err)
	}
	return p
}

func (s *site) sync() []content.ProposalNews {
	s.Helper()
	news, err := s.forge.Sync(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return news
}

func (s *site) get(number int) *content.Proposal {
	s.Helper()
	p, err := s.forge.Proposal(s.Context(), number)
	if err != nil {
		s.Fatal(err)
	}
	return p
}

func (s *site) list() []*content.Proposal {
	s.Helper()
	list, err := s.forge.List(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return list
}

func (s *site) same(what string, got, want any) {
	s.Helper()
	if d := cmp.Diff(want, got); d != "" {
		s.Errorf("%s: -want +got\n%s", what, d)
	}
}

// told says in short what news there are.
func told(news []content.ProposalNews) string {
	var parts []string
	for _, n := range news {
		parts = append(parts, fmt.Sprintf("%d %s by %s (%s)", n.Proposal.Number, n.Event.Kind, n.Event.Actor.Name, n.Event.Actor.Identity))
	}
	return strings.Join(parts, ", ")
}

func TestAPushedBranchBecomesAProposal(t *testing.T) {
	s := newSite(t)
	s.sync()
	s.git("switch", "-q", "-c", "proposals/typos")
	s.commit("a", "Correct the\nfirst typo\n\nIt was \x1b[31mwrong.\n\nSource: a book")
	head := s.commit("b", "Correct another")
	s.git("push", "-q", "origin", "proposals/typos")
	s.same("news", told(s.sync()), "1 OPENED by Pekka (CLAIMED)")
	p := s.get(1)
	s.same("proposal", []any{p.Title, p.Description, p.State, p.Branch, p.Target, p.Head, p.Base},
		[]any{"Correct the first typo", "It was \x1b[31mwrong.\n\nSource: a book", content.ProposalOpen, "refs/heads/proposals/typos", main, content.Hash(head), content.Hash(s.Tip(main))})
	s.same("no more", told(s.sync()), "")

	next := s.commit("b", "Better")
	s.git("push", "-q", "origin", "proposals/typos")
	s.same("news", told(s.sync()), "1 EDITED by Pirkko (CLAIMED)")
	s.same("head", s.get(1).Head, content.Hash(next))

	s.git("switch", "-q", "main")
	s.git("merge", "-q", "--no-ff", "-m", "Merge", "proposals/typos")
	s.git("push", "-q", "origin", "main")
	s.same("news", told(s.sync()), "1 MERGED by Pekka (CLAIMED)")
	s.same("merged as", s.get(1).MergedAs, content.Hash(s.Tip(main)))
	s.same("the branch of somebody else", s.Tip("refs/heads/proposals/typos"), next)
	s.same("no more", told(s.sync()), "")

	s.git("switch", "-q", "proposals/typos")
	s.commit("c", "One more")
	s.git("push", "-q", "origin", "proposals/typos")
	s.same("news", told(s.sync()), "2 OPENED by Pekka (CLAIMED)")
	s.same("title", s.get(2).Title, "One more")
}

func TestWhatIsNoProposal(t *testing.T) {
	s := newSite(t)
	s.sync()
	s.git("push", "-q", "origin", "main:refs/heads/proposals/nothing-yet", "main:refs/heads/proposal-x")
	s.git("switch", "-q", "--orphan", "stranger")
	s.commit("x", "No history in common")
	s.git("push", "-q", "origin", "stranger:refs/heads/proposals/stranger")
	git(t, s.bare, "update-ref", "refs/heads/proposals/tag", git(t, s.bare, "rev-parse", "main"))
	write(t, s.bare, "refs/heads/proposals/broken", "not a hash\n")
	var log bytes.Buffer
	s.forge.log = slog.New(slog.NewTextHandler(&log, nil))
	for range 2 {
		s.same("news", told(s.sync()), "")
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "proposals/stranger") {
		t.Errorf("logged: %s", text)
	}
	if err := os.Remove(filepath.Join(s.bare, "refs/heads/proposals/broken")); err != nil {
		t.Fatal(err) // with it Git takes no push
	}
	s.git("switch", "-q", "-c", "y", "main")
	s.commit("y", "Now there is something")
	s.git("push", "-q", "origin", "y:refs/heads/proposals/nothing-yet")
	s.same("news", told(s.sync()), "1 OPENED by Pekka (CLAIMED)")
}

func TestNumbersKeepOffBranches(t *testing.T) {
	s := newSite(t)
	s.git("switch", "-q", "-c", "x")
	s.commit("x", "Something")
	s.git("push", "-q", "origin", "x:refs/heads/proposals/1", "x:refs/heads/proposals/2/deep", "x:refs/heads/proposals/04", "x:refs/heads/proposals/99999999999")
	p := s.open("a")
	s.same("number", p.Number, 3)
	s.same("branch", p.Branch, "refs/heads/proposals/3")
	s.sync()
	got := map[int]string{}
	for _, p := range s.list() {
		got[p.Number] = p.Branch
	}
	// What was pushed comes after what is there; nothing is called by a number not its own.
	s.same("all", got, map[int]string{
		3: "refs/heads/proposals/3", 4: "refs/heads/proposals/04", 5: "refs/heads/proposals/1",
		6: "refs/heads/proposals/2/deep", 7: "refs/heads/proposals/99999999999",
	})
	s.same("next", s.open("b").Number, 8)
}

// A branch pushed under the number that comes next is that proposal.
func TestAPushedBranchMayHaveItsOwnNumber(t *testing.T) {
	s := newSite(t)
	s.git("switch", "-q", "-c", "x")
	head := s.commit("x", "Something")
	s.git("push", "-q", "origin", "x:refs/heads/proposals/1")
	s.sync()
	p := s.get(1)
	s.same("proposal", []any{p.Branch, p.Head, p.State}, []any{"refs/heads/proposals/1", content.Hash(head), content.ProposalOpen})
}

func TestABranchThatGoes(t *testing.T) {
	s := newSite(t)
	p, q := s.open("a"), s.open("b")
	s.sync()
	s.git("push", "-q", "origin", ":"+p.Branch)
	s.same("news", told(s.sync()), "1 CLOSED by koonti (CLAIMED)")
	s.same("why", s.get(1).Events[1].Text, "The branch was deleted.")
	again, err := s.forge.Reopen(t.Context(), person("Aino"), 1)
	s.same("reopened", []any{err, again.State, again.Head, s.Tip(p.Branch)}, []any{nil, content.ProposalOpen, p.Head, gitrepo.Hash(p.Head)})
	s.same("news", told(s.sync()), "1 REOPENED by Aino (TOKEN)")

	// Set to what the target has, nothing is left of it.
	s.Push(q.Branch, s.Tip(main))
	s.same("news", told(s.sync()), "2 CLOSED by koonti (CLAIMED)")
	s.same("head", s.get(2).Head, q.Head)
	_, err = s.forge.Reopen(t.Context(), person("Aino"), 2)
	forgetest.Refused(t, err, content.RefusedState)
}

// A clone that fetched refs/koonti has the proposals and no branches of them.
func TestAClone(t *testing.T) {
	s := newSite(t)
	p := s.open("a")
	if _, err := s.forge.Review(t.Context(), person("Eero"), 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head, Text: "Good."}); err != nil {
		t.Fatal(err)
	}
	want := s.get(1)
	git(t, s.bare, "update-ref", "-d", p.Branch)
	git(t, s.bare, "gc", "-q", "--prune=now")
	s.git("fetch", "-q", "origin", "refs/koonti/*:refs/koonti/*")
	if err := s.Repo.Close(); err != nil {
		t.Fatal(err)
	}
	r := openRepo(t, s.clone)
	f := New(Config{Repo: r})
	for range 2 { // a second look closes nothing either
		if _, err := f.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Proposal(t.Context(), 1)
	s.same("proposal", []any{err, got}, []any{nil, want})
	next := forgetest.Commit(t, r, "a", "newer\n", gitrepo.Hash(got.Head))
	got, err = f.Edit(t.Context(), person("Aino"), 1, proposal.Edition{Was: got.Head, Head: content.Hash(next), Base: got.Base})
	s.same("edited", []any{err, got.Head, git(t, s.clone, "rev-parse", p.Branch)}, []any{nil, content.Hash(next), string(next)})
	log := git(t, s.clone, "log", "--first-parent", "--format=%an: %s", "-3", "refs/koonti/proposals/1")
	s.same("git log", log, "Aino: Edit proposal 1: head "+next.Short()+"\nEero: Approve proposal 1\nAino: Open proposal 1: Put a")
	git(t, s.clone, "fsck", "--strict")
}

func TestMergedInOtherWays(t *testing.T) {
	for _, test := range []struct {
		name, by string
		merge    func(*site)
		as       string
	}{
		{"fast forward", "Pirkko", func(s *site) { s.git("merge", "-q", "--ff-only", "work") }, "work"},
		{"inside another branch", "Pekka", func(s *site) {
			s.git("switch", "-q", "-c", "bundle")
			s.commit("z", "Something else")
			s.git("merge", "-q", "-m", "Bundle", "work")
			s.git("switch", "-q", "main")
			s.git("merge", "-q", "--no-ff", "-m", "Merge the bundle", "bundle")
			s.commit("later", "Later")
			s.commit("later", "Still later")
		}, "main~2"},
		{"with more that was pushed at the same time", "Pekka", func(s *site) {
			s.git("switch", "-q", "work")
			s.commit("more", "More")
			s.git("push", "-q", "origin", "work:refs/heads/proposals/work")
			s.git("switch", "-q", "main")
			s.git("merge", "-q", "--no-ff", "-m", "Merge", "work")
		}, "main"},
		{"and the branch deleted", "Pekka", func(s *site) {
			s.git("merge", "-q", "--no-ff", "-m", "Merge", "work")
			s.git("push", "-q", "origin", ":refs/heads/proposals/work")
		}, "main"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.git("switch", "-q", "-c", "work")
			s.commit("a", "Some work")
			s.git("push", "-q", "origin", "work:refs/heads/proposals/work")
			s.sync()
			s.git("switch", "-q", "main")
			test.merge(s)
			s.git("push", "-q", "origin", "main")
			s.sync()
			p := s.get(1)
			last := p.Events[len(p.Events)-1]
			s.same("merged", []any{p.State, p.MergedAs, last.Kind, last.Actor.Name, p.Head},
				[]any{content.ProposalMerged, content.Hash(s.git("rev-parse", test.as)), content.EventMerged, test.by, content.Hash(s.git("rev-parse", "work"))})
			s.same("no more", told(s.sync()), "")
			s.same("proposals", len(s.list()), 1)
		})
	}
}

// What the target reached before it was moved by force is not reached any more.
func TestATargetMovedByForce(t *testing.T) {
	s := newSite(t)
	p := s.open("a")
	begin := s.Tip(main)
	s.Push(main, forgetest.Commit(t, s.Repo, "other", "x", begin))
	s.sync()
	s.Push(main, begin)
	s.Push("refs/heads/proposals/again", forgetest.Commit(t, s.Repo, "other", "x", begin))
	s.same("news", told(s.sync()), "2 OPENED by Aino (CLAIMED)")
	s.same("open", s.get(p.Number).State, content.ProposalOpen)
}

func TestNewsOfOtherProcesses(t *testing.T) {
	s := newSite(t)
	s.open("a")
	s.sync()
	other := s.other()
	for i := range 3 {
		s.now = s.now.Add(time.Minute)
		if _, err := other.Comment(t.Context(), person("Eero"), 1, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	s.same("listed as at the last sync", len(s.list()[0].Comments), 0)
	s.same("asked for", len(s.get(1).Comments), 3)
	s.now = s.now.Add(-90 * time.Second)
	s.open("b")
	news := s.sync()
	var got []string
	for _, n := range news {
		got = append(got, fmt.Sprint(n.Proposal.Number, n.Event.Text))
	}
	s.same("by time", got, []string{"10", "2", "11", "12"})
	s.same("listed", len(s.list()[1].Comments), 3)
}

// Where a tag or a commit is served there is nothing to merge into.
func TestNoBranchIsServed(t *testing.T) {
	s := newSite(t)
	base := s.Tip(main)
	head := forgetest.Commit(t, s.Repo, "a", "new\n", base)
	f := New(Config{Repo: s.Repo, Target: func(context.Context) (string, error) { return "", nil }})
	o := proposal.Opening{Title: "Put a", Head: content.Hash(head), Base: content.Hash(base)}
	_, err := f.Open(t.Context(), person("Aino"), o)
	forgetest.Refused(t, err, content.RefusedForge)
	s.Push("refs/heads/proposals/x", head)
	if _, err := f.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := f.List(t.Context())
	s.same("proposals", []any{len(list), err}, []any{0, nil})
	p, err := s.forge.Open(t.Context(), person("Aino"), o) // main is checked out
	s.same("target", []any{err, p.Target}, []any{nil, main})
}

func TestHead(t *testing.T) {
	s := newSite(t)
	p := s.open("a")
	s.git("switch", "-q", "-c", "x")
	pushed := s.commit("x", "Something")
	s.git("push", "-q", "origin", "x:refs/heads/proposals/by-name")
	s.sync()
	if _, err := s.forge.Close(t.Context(), person("Aino"), 1); err != nil {
		t.Fatal(err)
	}
	s.Push(p.Branch, "")
	for number, want := range map[int]gitrepo.Hash{1: gitrepo.Hash(p.Head), 2: pushed} {
		got, err := s.other().Head(t.Context(), number)
		s.same(fmt.Sprint(number), []any{got, err}, []any{want, nil})
	}
	_, err := s.forge.Head(t.Context(), 3)
	s.same("none", []bool{errors.Is(err, content.ErrNotFound), errors.Is(err, gitrepo.ErrNotFound)}, []bool{true, true})
}

// A number whose branch is made by somebody else in the same moment is given up.
func TestABranchMadeAtTheSameMoment(t *testing.T) {
	for _, key := range []string{"", "k"} {
		t.Run("key "+key, func(t *testing.T) {
			s := newSite(t)
			stranger := forgetest.Commit(t, s.Repo, "stranger", "x", s.Tip(main))
			s.forge.repo = &meddler{Repo: s.Repo, before: func(u gitrepo.RefUpdate) {
				if u.Name == "refs/heads/proposals/1" {
					s.Push(u.Name, stranger)
				}
			}}
			p, err := s.forge.Open(t.Context(), person("Aino"), proposal.Opening{
				Title: "Put a", Head: content.Hash(forgetest.Commit(t, s.Repo, "a", "new\n", s.Tip(main))), Base: content.Hash(s.Tip(main)), Target: main, Key: key,
			})
			if err != nil {
				t.Fatal(err)
			}
			s.same("opened", []any{p.Number, p.Branch, s.Tip(p.Branch)}, []any{2, "refs/heads/proposals/2", gitrepo.Hash(p.Head)})
			s.sync()
			s.same("given up", s.get(1).State, content.ProposalClosed)
			s.same("the stranger's", []any{s.get(3).Branch, s.get(3).Head}, []any{"refs/heads/proposals/1", content.Hash(stranger)})
		})
	}
}

// meddler does something just before a ref is moved.
type meddler struct {
	*gitrepo.Repo
	before func(gitrepo.RefUpdate)
}

func (m *meddler) Update(ctx context.Context, u gitrepo.RefUpdate) error {
	m.before(u)
	return m.Repo.Update(ctx, u)
}

// One who was killed when the target had moved, and the event was not written yet, or one
// who merges with git, has merged: whoever merges next does not do so again.
func TestWhatTheTargetHasIsNotMergedAgain(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"a", "b"} {
		p := s.open(name)
		first := forgetest.Commit(t, s.Repo, name, "new\n", s.Tip(main), gitrepo.Hash(p.Head))
		git(t, s.bare, "update-ref", main, string(first))
		if name == "b" { // with another commit above it
			git(t, s.bare, "update-ref", main, string(forgetest.Commit(t, s.Repo, "c", "more\n", first)))
		}
		tip := s.Tip(main)
		second := forgetest.Commit(t, s.Repo, name, "new\n", tip, gitrepo.Hash(p.Head))
		m := proposal.Merging{Head: p.Head, Target: content.Hash(tip), Commit: content.Hash(second)}
		q, err := s.forge.Merge(t.Context(), person("Maija"), p.Number, m)
		if err != nil {
			t.Fatal(err)
		}
		s.same("merged once", []any{q.State, q.MergedAs, s.Tip(main)}, []any{content.ProposalMerged, content.Hash(first), tip})
		_, err = s.forge.Merge(t.Context(), person("Maija"), p.Number, m)
		forgetest.Refused(t, err, content.RefusedState)
	}
}

// counting counts how often refs are listed.
type counting struct {
	repository
	lists atomic.Int64
}

func (c *counting) RefsUnder(ctx context.Context, prefix string) ([]gitrepo.Ref, error) {
	c.lists.Add(1)
	return c.repository.RefsUnder(ctx, prefix)
}

// Thousands of branches may be pushed at once: not all refs are listed for each of them.
func TestManyPushedAtOnce(t *testing.T) {
	dir := newBare(t)
	const many = 40
	var s strings.Builder
	for i := range many {
		fmt.Fprintf(&s, "commit refs/heads/proposals/x%d\ncommitter Pekka <pekka@example.org> %d +0000\ndata 1\nx\nfrom refs/heads/main^0\nM 644 inline file%[1]d\ndata 1\nx\n", i, 1_700_000_000+i)
	}
	fmt.Fprintf(&s, "reset refs/heads/proposals/7\nfrom refs/heads/proposals/x3\n\n")
	if out, err := tryGit(dir, s.String(), "fast-import", "--quiet"); err != nil {
		t.Fatal(out)
	}
	repo := &counting{repository: openRepo(t, dir)}
	f := New(Config{Repo: openRepo(t, dir)})
	f.repo = repo
	var all []*content.Proposal
	var err error
	for rounds := 0; rounds < 5 && err == nil && len(all) < many+1; rounds++ { // a slow machine needs more than one
		if _, err = f.Sync(t.Context()); err == nil {
			all, err = f.List(t.Context())
		}
	}
	if err != nil || len(all) != many+1 {
		t.Fatalf("%d proposals, %v", len(all), err)
	}
	for _, p := range all {
		if p.Number == 7 && p.Branch != "refs/heads/proposals/7" {
			t.Errorf("proposal 7 lies on %s", p.Branch)
		}
	}
	if n := repo.lists.Load(); n > many/2 {
		t.Errorf("refs were listed %d times for %d branches", n, many)
	}
}

// Another process that ends an opening, and meets the branch where an edit has moved it
// meanwhile, does not take it for somebody else's.
func TestAnOpeningIsEndedWhileItIsEdited(t *testing.T) {
	for _, moment := range []string{"the branch has moved", "the event is written", "a client has pushed"} {
		t.Run(moment, func(t *testing.T) {
			s := newSite(t)
			s.now = time.Now()
			p := s.open("a")
			first := git(t, s.bare, "rev-parse", dataRef(1))
			git(t, s.bare, "update-ref", pendingPrefix+"1-"+first, first) // as when it was listed
			other := s.other()
			stale, err := other.fresh(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			next := forgetest.Commit(t, s.Repo, "a", "quite another\n", s.Tip(main))
			switch moment {
			case "the branch has moved":
				e := s.forge.signed(event{document: document{Kind: content.EventEdited}, about: next}, person("Aino").Person)
				h, err := s.forge.writeEvent(t.Context(), 1, gitrepo.Hash(first), e)
				if err == nil {
					err = s.forge.intend(t.Context(), pendingOf(1, h))
				}
				if err != nil {
					t.Fatal(err)
				}
				git(t, s.bare, "update-ref", p.Branch, string(next))
			case "the event is written":
				if _, err := s.forge.Edit(t.Context(), person("Aino"), 1, proposal.Edition{Was: p.Head, Head: content.Hash(next), Base: p.Base}); err != nil {
					t.Fatal(err)
				}
			case "a client has pushed":
				next = forgetest.Commit(t, s.Repo, "a", "newer\n", gitrepo.Hash(p.Head))
				git(t, s.bare, "update-ref", p.Branch, string(next))
			}
			if _, err := other.finishOpening(t.Context(), stale, pendingOf(1, gitrepo.Hash(first))); err != nil {
				t.Fatal(err)
			}
			s.sync()
			now := s.get(1)
			s.same("the proposal", []any{now.State, now.Head}, []any{content.ProposalOpen, content.Hash(next)})
		})
	}
}
