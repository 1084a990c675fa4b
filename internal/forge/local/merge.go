package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// Merge is in the contract of proposal.Forge. A branch that was made here is deleted
// then: the events keep what was on it. A head that the target has already is merged
// by that, and m.Commit comes to nothing. RefusedWorkTree where uncommitted work is in the way.
func (f *Forge) Merge(ctx context.Context, by content.Actor, number int, m proposal.Merging) (*content.Proposal, error) {
	who, err := actor(by)
	if err != nil {
		return nil, err
	}
	f.acting.Lock()
	defer f.acting.Unlock()
	was, err := f.fresh(ctx, number)
	if err != nil {
		return nil, err
	}
	c, err := f.unlessMerged(ctx, was)
	if err != nil {
		return nil, err
	}
	if was.open() && c.proposal.State == content.ProposalMerged && c.head() == gitrepo.Hash(m.Head) {
		return c.proposal, nil
	}
	if err := f.mayMerge(ctx, c, m); err != nil {
		return nil, err
	}
	e := f.signed(event{document: document{Kind: content.EventMerged}, about: gitrepo.Hash(m.Commit)}, who)
	next, err := f.merge(ctx, c, e, gitrepo.Hash(m.Target))
	if err != nil {
		return nil, err
	}
	return next.proposal, nil
}

// unlessMerged takes in first that the target reaches the head already: merged by a
// process that was killed before it could tell, or by git. It is not merged twice.
func (f *Forge) unlessMerged(ctx context.Context, c *chain) (*chain, error) {
	if !c.open() {
		return c, nil
	}
	target, err := f.reachable(ctx, c.proposal.Target)
	if err != nil || !target.has(c.head()) {
		return c, err
	}
	if err := f.look(ctx); err != nil {
		return nil, err
	}
	return f.fresh(ctx, c.number)
}

// mayMerge holds the merge to what it was decided on.
func (f *Forge) mayMerge(ctx context.Context, c *chain, m proposal.Merging) error {
	if err := c.mustBeOpen(); err != nil {
		return err
	}
	if m.Head != c.proposal.Head {
		return outdated(c.number, gitrepo.Hash(m.Head), c.head())
	}
	at, err := f.branchAt(ctx, c.proposal.Branch)
	if err != nil {
		return err
	}
	if at != "" && at != c.head() {
		return outdated(c.number, c.head(), at)
	}
	commit, err := f.repo.Commit(ctx, gitrepo.Hash(m.Commit))
	if err != nil {
		return fmt.Errorf("merge proposal %d: %w", c.number, err)
	}
	if !slices.Equal(commit.Parents, []gitrepo.Hash{gitrepo.Hash(m.Target), c.head()}) {
		return fmt.Errorf("merge proposal %d: %w: commit %s does not merge its head into %s", c.number, content.ErrInvalid, commit.Hash.Short(), m.Target)
	}
	return nil
}

// merge moves the target, then tells of it.
func (f *Forge) merge(ctx context.Context, c *chain, e event, was gitrepo.Hash) (*chain, error) {
	h, err := f.writeEvent(ctx, c.number, c.tip, e)
	if err != nil {
		return nil, fmt.Errorf("merge proposal %d: %w", c.number, err)
	}
	p, target := pendingOf(c.number, h), c.proposal.Target
	if err := f.intend(ctx, p); err != nil {
		return nil, fmt.Errorf("merge proposal %d: %w", c.number, err)
	}
	err = f.setBranch(ctx, gitrepo.RefUpdate{
		Name: target, Was: was, Is: e.about, Message: fmt.Sprintf("proposal %d: merge", c.number),
		Who: gitrepo.Signature{Name: e.actor.Name, Email: e.actor.Email, When: e.at},
	})
	ctx = context.WithoutCancel(ctx) // what has begun is ended
	if err != nil {
		if now, _ := f.branchAt(ctx, target); now != e.about {
			f.forget(ctx, p)
			return nil, f.targetMoved(c.number, target, was, now, err)
		}
	}
	next, err := f.settle(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("proposal %d is merged as %s; that it is will be seen later: %w", c.number, e.about.Short(), err)
	}
	return next, nil
}

func (f *Forge) targetMoved(number int, target string, was, now gitrepo.Hash, err error) error {
	switch short := strings.TrimPrefix(target, "refs/heads/"); {
	case errors.Is(err, errMoved) && now == "":
		return &content.Refusal{Reason: content.RefusedOutdated, Message: fmt.Sprintf("The branch %s, into which proposal %d was to be merged, is gone.", short, number)}
	case errors.Is(err, errMoved):
		return &content.Refusal{Reason: content.RefusedOutdated, Message: fmt.Sprintf("The branch %s has moved from %s to %s. Merge proposal %d again.", short, was.Short(), now.Short(), number)}
	}
	return fmt.Errorf("merge proposal %d: %w", number, inTheWay(target, err))
}

// inTheWay makes a refusal of what keeps the files of a work tree from following; other
// errors stay as they are.
func inTheWay(branch string, err error) error {
	short := strings.TrimPrefix(branch, "refs/heads/")
	r := &content.Refusal{Reason: content.RefusedWorkTree}
	var work *gitrepo.UncommittedError
	switch {
	case errors.As(err, &work):
		r.Paths = work.Paths
		r.Message = fmt.Sprintf("The branch %s is checked out, and files that would change have uncommitted work: %s. Commit or stash it first.", short, strings.Join(work.Paths, ", "))
	case errors.Is(err, gitrepo.ErrBusy):
		r.Message = fmt.Sprintf("The branch %s is checked out, and Git is at work there. Try again when it has ended.", short)
	case errors.Is(err, gitrepo.ErrCheckedOut):
		r.Message = fmt.Sprintf("The branch %s is checked out in another work tree, whose files cannot follow. Check out something else there.", short)
	case errors.Is(err, gitrepo.ErrUnsupported):
		r.Message = fmt.Sprintf("The branch %s is checked out, and only git can make its files follow. Check out something else, or merge with git.", short)
	default:
		return err
	}
	return r
}

// dropBranch deletes the branch of a merged proposal if it was made here and has nothing
// more than what was merged.
func (f *Forge) dropBranch(ctx context.Context, c *chain) {
	name := c.proposal.Branch
	if name != ownBranch(c.number) {
		return
	}
	err := f.setBranch(ctx, gitrepo.RefUpdate{Name: name, Was: c.head()})
	if err != nil && !errors.Is(err, errMoved) && !errors.Is(err, gitrepo.ErrCheckedOut) {
		f.log.Warn("branch of a merged proposal is left behind", "proposal", c.number, "ref", name, "err", err)
	}
	delete(f.seen, name)
}
