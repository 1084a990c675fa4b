package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Sync is in the contract of proposal.Forge. What is wrong with one branch or proposal
// is logged, and keeps nothing from the others. News.Proposal is the proposal as it is when
// Sync returns; news of several proposals come by time.
func (f *Forge) Sync(ctx context.Context) ([]content.ProposalNews, error) {
	f.acting.Lock()
	defer f.acting.Unlock()
	if err := f.look(ctx); err != nil {
		return nil, err
	}
	return f.news(), nil
}

// round is what one Sync found.
type round struct {
	branches map[string]gitrepo.Hash
	targets  map[string]*reached
}

// look takes in what happened. The order of reading is what makes it right while others
// write: branches, then what is pending, then the chains. A branch that has moved and is
// neither pending nor in its chain was moved by a Git client.
func (f *Forge) look(ctx context.Context) error {
	refs, err := f.repo.RefsUnder(ctx, branchesPrefix)
	if err != nil {
		return fmt.Errorf("list branches: %w", err)
	}
	begun, err := f.repo.RefsUnder(ctx, pendingPrefix)
	if err != nil {
		return fmt.Errorf("list pending events: %w", err)
	}
	if err := f.refresh(ctx); err != nil {
		return err
	}
	for _, ref := range begun {
		if err := f.finish(ctx, ref); err != nil {
			f.log.Warn("pending event cannot be finished", "ref", ref.Name, "err", err)
		}
	}
	r := round{map[string]gitrepo.Hash{}, map[string]*reached{}}
	for _, ref := range refs {
		r.branches[ref.Name] = ref.Commit
	}
	for _, c := range f.shelf.all() {
		if err := f.follow(ctx, c, r); err != nil {
			f.log.Warn("proposal cannot be followed", "proposal", c.number, "err", err)
		}
	}
	f.adoptAll(ctx, refs, r)
	f.remember(r)
	return ctx.Err()
}

// reachable is what a branch reached when the round first asked.
func (r round) reachable(ctx context.Context, f *Forge, branch string) (*reached, error) {
	known, ok := r.targets[branch]
	if ok {
		return known, nil
	}
	known, err := f.reachable(ctx, branch)
	if err == nil {
		r.targets[branch] = known
	}
	return known, err
}

// remember which open proposals have their branch.
func (f *Forge) remember(r round) {
	clear(f.seen)
	for _, c := range f.shelf.all() {
		if c.open() && r.branches[c.proposal.Branch] != "" {
			f.seen[c.proposal.Branch] = true
		}
	}
}

// finish ends what another process began, or this one before it was killed.
func (f *Forge) finish(ctx context.Context, ref gitrepo.Ref) error {
	p, ok := parsePending(ref)
	if !ok {
		return nil
	}
	e, err := f.readEvent(ctx, p.event)
	if unreadable(err) {
		return nil // no koonti of this version made it
	}
	if err != nil {
		return err
	}
	c, err := f.fresh(ctx, p.number)
	happened := false
	if err == nil {
		happened, err = f.happened(ctx, c, e)
	}
	switch {
	case err != nil && !errors.Is(err, content.ErrNotFound):
		return err
	case !happened && f.now().Sub(e.at) > forgotten:
		f.forget(ctx, p)
		return nil
	case !happened:
		return nil
	case e.Kind == content.EventOpened:
		if _, err = f.finishOpening(ctx, c, p); errors.Is(err, errTaken) {
			err = nil
		}
		return err
	}
	_, err = f.settle(ctx, p)
	return err
}

// happened tells whether what a pending event tells of was done.
func (f *Forge) happened(ctx context.Context, c *chain, e event) (bool, error) {
	if c.holds(e.hash) {
		return true, nil
	}
	ref := c.proposal.Branch
	switch {
	case e.Kind == content.EventMerged:
		ref = c.proposal.Target
	case e.Kind != content.EventEdited || e.about == "":
		return false, nil
	}
	at, err := f.branchAt(ctx, ref)
	if err != nil || at == "" || at == e.about {
		return at != "" && at == e.about, err
	}
	return f.repo.IsAncestor(ctx, e.about, at)
}

// follow compares an open proposal with its branch and its target.
func (f *Forge) follow(ctx context.Context, c *chain, r round) error {
	if !c.open() {
		return nil
	}
	target, err := r.reachable(ctx, f, c.proposal.Target)
	if err != nil {
		return err
	}
	listed, merged := r.branches[c.proposal.Branch], target.has(c.head())
	if listed == c.head() || listed == "" && !f.seen[c.proposal.Branch] {
		if merged {
			return f.landed(ctx, c, target)
		}
		return nil
	}
	now, err := f.branchAt(ctx, c.proposal.Branch)
	if err != nil || now != listed {
		return err // it is moving: the next Sync sees where to
	}
	switch {
	case now == "" && merged:
		return f.landed(ctx, c, target)
	case now == "":
		return f.ignoreMoved(f.add(ctx, c, f.signed(closing("The branch was deleted."), nobody)))
	case merged:
		return f.landedWith(ctx, c, now, target)
	case target.has(now):
		return f.ignoreMoved(f.add(ctx, c, f.signed(closing("The branch has nothing that the target has not."), nobody)))
	}
	_, err = f.pushed(ctx, c, now)
	return err
}

func closing(why string) event {
	return event{document: document{Kind: content.EventClosed, Text: why}}
}

// ignoreMoved leaves to the next Sync what another writer has just changed.
func (f *Forge) ignoreMoved(_ *chain, err error) error {
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

// landedWith is for a branch that has moved although its former head has been merged:
// what was pushed may have been merged with it.
func (f *Forge) landedWith(ctx context.Context, c *chain, now gitrepo.Hash, target *reached) error {
	onward, err := f.repo.IsAncestor(ctx, c.head(), now)
	if err != nil {
		return err
	}
	if onward && target.has(now) {
		if c, err = f.pushed(ctx, c, now); err != nil || c == nil {
			return err
		}
	}
	return f.landed(ctx, c, target)
}

// pushed writes that a Git client moved the branch; no chain where another writer was
// quicker.
func (f *Forge) pushed(ctx context.Context, c *chain, now gitrepo.Hash) (*chain, error) {
	commit, err := f.repo.Commit(ctx, now)
	if err != nil {
		return nil, err
	}
	e := f.signed(event{document: document{Kind: content.EventEdited}, about: now}, claimed(commit.Committer))
	base, err := f.base(ctx, now, c.proposal.Target)
	if err != nil {
		return nil, err
	}
	if base != c.proposal.Base {
		e.Base = base
	}
	next, err := f.add(ctx, c, e)
	if errors.Is(err, errMoved) {
		return nil, nil
	}
	return next, err
}

// base is the commit of the target that a head is built on; "" where there is none.
func (f *Forge) base(ctx context.Context, head gitrepo.Hash, target string) (content.Hash, error) {
	at, err := f.branchAt(ctx, target)
	if err != nil || at == "" {
		return "", err
	}
	bases, err := f.repo.MergeBases(ctx, head, at)
	if err != nil || len(bases) == 0 {
		return "", err
	}
	return content.Hash(bases[0]), nil
}

// claimed is someone whom a commit names.
func claimed(s gitrepo.Signature) content.Person {
	return content.Person{Name: cmp.Or(writable(s.Name), writable(s.Email), nobody.Name), Email: s.Email, Identity: content.IdentityClaimed}
}

// landed writes that the target reaches the head.
func (f *Forge) landed(ctx context.Context, c *chain, target *reached) error {
	step, err := f.landing(ctx, target.tip, c.head())
	if err != nil {
		return err
	}
	e := f.signed(event{document: document{Kind: content.EventMerged}, about: step.Hash}, claimed(step.Author))
	if step.Hash == c.head() {
		e = f.signed(e, claimed(step.Committer)) // the author is who proposed
	}
	if when := step.Committer.When; !when.IsZero() && when.Before(e.at) {
		e.at = when
	}
	next, err := f.add(ctx, c, e)
	if err == nil {
		f.dropBranch(ctx, next)
	}
	return f.ignoreMoved(next, err)
}

// adoptTime bounds how long one Sync makes proposals of branches.
const adoptTime = 5 * time.Second

// adoptAll makes proposals of the branches that are none yet.
func (f *Forge) adoptAll(ctx context.Context, refs []gitrepo.Ref, r round) {
	target, err := f.target(ctx)
	var within *reached
	if err == nil && target != "" {
		within, err = r.reachable(ctx, f, target)
	}
	if err != nil {
		f.log.Warn("target cannot be read", "ref", target, "err", err)
	}
	if err != nil || target == "" {
		return
	}
	known, said := f.known(), map[gitrepo.Ref]bool{}
	defer func() { f.said, f.numbers = said, nil }()
	begun := time.Now()
	for _, again := range []bool{false, true} { // those first that did not fail before
		for _, ref := range refs {
			if f.said[ref] != again || ref.Name == target || known(ref) || within.has(ref.Commit) {
				continue
			}
			if time.Since(begun) > adoptTime { // others wait to act: the next Sync goes on
				said[ref] = again
				continue
			}
			err := f.adopt(ctx, ref, target, within)
			if said[ref] = err != nil; err != nil && !again {
				f.log.Warn("branch is made no proposal", "ref", ref.Name, "commit", string(ref.Commit), "err", err)
			}
		}
	}
}

// adopt makes a proposal of a branch that was pushed.
func (f *Forge) adopt(ctx context.Context, ref gitrepo.Ref, target string, within *reached) error {
	now, err := f.branchAt(ctx, ref.Name)
	if err != nil || now != ref.Commit {
		return err // it is moving, or no commit
	}
	base, err := f.base(ctx, ref.Commit, target)
	if err != nil {
		return err
	}
	if base == "" {
		return fmt.Errorf("%w: it has no commit in common with %s", content.ErrInvalid, target)
	}
	first, err := f.firstOf(ctx, ref.Commit, within)
	if err != nil {
		return err
	}
	title, description := cutMessage(first.Message, ref.Name)
	e := f.signed(event{about: ref.Commit, document: document{
		Kind: content.EventOpened, Title: &title, Description: optional(description), Branch: ref.Name, Target: target, Base: base,
	}}, claimed(first.Author))
	_, err = f.open(ctx, e, pushKeyRef(ref.Name, ref.Commit))
	return err
}

// known tells whether a branch is that of an open proposal, or has nothing that a
// proposal there has not had.
func (f *Forge) known() func(gitrepo.Ref) bool {
	whole := map[string]bool{} // all that is pushed there is known
	had := map[gitrepo.Ref]bool{}
	unread := map[gitrepo.Hash]bool{} // by proposals of which the branch is not known
	for _, c := range f.shelf.all() {
		if c.err != nil {
			whole[ownBranch(c.number)] = true
		} else if c.open() {
			whole[c.proposal.Branch] = true
		}
		for _, h := range c.heads {
			if c.err != nil {
				unread[h] = true
			} else {
				had[gitrepo.Ref{Name: c.proposal.Branch, Commit: h}] = true
			}
		}
	}
	return func(ref gitrepo.Ref) bool { return whole[ref.Name] || had[ref] || unread[ref.Commit] }
}

// maxCommits bounds how far back the first commit of a branch is looked for.
const maxCommits = 10_000

// firstOf is the first of the commits on a branch that the target has not.
func (f *Forge) firstOf(ctx context.Context, head gitrepo.Hash, target *reached) (gitrepo.Commit, error) {
	var first gitrepo.Commit
	n := 0
	for c, err := range f.repo.FirstParents(ctx, head) {
		if err != nil && first.Hash == "" {
			return c, err
		}
		if n++; err != nil || target.has(c.Hash) || n > maxCommits {
			break
		}
		first = c
	}
	return first, nil
}

// cutMessage makes title and description of a message, whoever wrote it.
func cutMessage(message, branch string) (title, description string) {
	subject, body, _ := strings.Cut(strings.TrimSpace(message), "\n\n")
	plain := func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}
	title = cut(strings.Join(strings.Fields(strings.Map(plain, subject)), " "), content.MaxTitle)
	if title == "" {
		title = cut(strings.TrimPrefix(branch, branchesPrefix), content.MaxTitle)
	}
	return title, cut(strings.TrimSpace(body), content.MaxText)
}

// news are the events that were not there at the last Sync.
func (f *Forge) news() []content.ProposalNews {
	now := map[int]*chain{}
	type item struct {
		content.ProposalNews
		order time.Time // never before that of an earlier event of the same proposal
	}
	var items []item
	for _, c := range f.shelf.all() {
		was := f.told[c.number]
		if c.err != nil { // what is known of it stays known until it can be read
			if was != nil {
				now[c.number] = was
			}
			continue
		}
		now[c.number] = c
		if f.told == nil || was != nil && was.tip == c.tip {
			continue
		}
		var order time.Time
		for i, e := range c.events {
			if was != nil && was.holds(e.hash) {
				continue
			}
			if e.at.After(order) {
				order = e.at
			}
			items = append(items, item{content.ProposalNews{Proposal: c.proposal, Event: c.proposal.Events[i]}, order})
		}
	}
	f.told = now
	slices.SortStableFunc(items, func(a, b item) int { return a.order.Compare(b.order) })
	news := make([]content.ProposalNews, len(items))
	for i := range items {
		news[i] = items[i].ProposalNews
	}
	return news
}
