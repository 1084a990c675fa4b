package local

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// Edit is in the contract of proposal.Forge. A new head may be any commit, also one
// that does not follow the old one.
func (f *Forge) Edit(ctx context.Context, by content.Actor, number int, ed proposal.Edition) (*content.Proposal, error) {
	if ed.Head == "" || ed.Head == ed.Was {
		return f.act(ctx, by, number, func(c *chain) (event, error) { return edition(c, ed) })
	}
	who, err := actor(by)
	if err != nil {
		return nil, err
	}
	f.acting.Lock()
	defer f.acting.Unlock()
	c, err := f.fresh(ctx, number)
	if err != nil {
		return nil, err
	}
	e, err := edition(c, ed)
	if err != nil {
		return nil, err
	}
	if err := f.mustHave(ctx, ed.Head); err != nil {
		return nil, err
	}
	c, err = f.moveHead(ctx, c, f.signed(e, who))
	if err != nil {
		return nil, err
	}
	return c.proposal, nil
}

// edition is the event of an Edition.
func edition(c *chain, ed proposal.Edition) (event, error) {
	if err := c.mustBeOpen(); err != nil {
		return event{}, err
	}
	p := c.proposal
	if ed.Was != p.Head {
		return event{}, outdated(c.number, gitrepo.Hash(ed.Was), c.head())
	}
	e := event{document: document{Kind: content.EventEdited}}
	if ed.Head != "" && ed.Head != p.Head {
		e.about = gitrepo.Hash(ed.Head)
	}
	if ed.Base != p.Base && e.about != "" {
		e.Base = ed.Base
	}
	if ed.Title != nil && strings.TrimSpace(*ed.Title) != p.Title {
		title := strings.TrimSpace(*ed.Title)
		e.Title = &title
	}
	if ed.Description != nil && *ed.Description != p.Description {
		e.Description = ed.Description
	}
	e.Reviewers = asked(p.Requested[:len(p.Requested):len(p.Requested)], ed.Reviewers)[len(p.Requested):]
	if e.about == "" && e.Title == nil && e.Description == nil && len(e.Reviewers) == 0 {
		return event{}, &content.Refusal{Reason: content.RefusedEmpty, Message: fmt.Sprintf("Nothing about proposal %d would change.", c.number)}
	}
	return e, c.full()
}

// moveHead gives a proposal another head: the branch first, for which those contend who
// push, then the event.
func (f *Forge) moveHead(ctx context.Context, c *chain, e event) (*chain, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	name := c.proposal.Branch
	was, err := f.branchAt(ctx, name)
	if err != nil {
		return nil, err
	}
	if was != "" && was != c.head() {
		return nil, outdated(c.number, c.head(), was)
	}
	h, err := f.writeEvent(ctx, c.number, c.tip, e)
	if err != nil {
		return nil, fmt.Errorf("edit proposal %d: %w", c.number, err)
	}
	p := pendingOf(c.number, h)
	if err := f.intend(ctx, p); err != nil {
		return nil, fmt.Errorf("edit proposal %d: %w", c.number, err)
	}
	err = f.setBranch(ctx, gitrepo.RefUpdate{
		Name: name, Was: was, Is: e.about, Message: fmt.Sprintf("proposal %d: edit", c.number),
		Who: gitrepo.Signature{Name: e.actor.Name, Email: e.actor.Email, When: e.at},
	})
	if err != nil {
		f.forget(ctx, p)
		return nil, f.refused(ctx, c.number, name, c.head(), err)
	}
	f.seen[name] = true
	return f.settle(context.WithoutCancel(ctx), p)
}

// refused says why a branch could not be moved.
func (f *Forge) refused(ctx context.Context, number int, branch string, was gitrepo.Hash, err error) error {
	if !errors.Is(err, errMoved) {
		return fmt.Errorf("proposal %d: move %s: %w", number, branch, inTheWay(branch, err))
	}
	now, err := f.branchAt(ctx, branch)
	if err != nil {
		return err
	}
	return outdated(number, was, now)
}

func outdated(number int, was, is gitrepo.Hash) error {
	now := "is gone"
	if is != "" {
		now = "is now " + is.Short()
	}
	return &content.Refusal{Reason: content.RefusedOutdated, Message: fmt.Sprintf("Proposal %d has moved: what was %s %s. Look at it again.", number, was.Short(), now)}
}

func (c *chain) mustBeOpen() error {
	if c.open() {
		return nil
	}
	cure := "reopen it first"
	if c.proposal.State == content.ProposalMerged {
		cure = "make another proposal"
	}
	return &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("Proposal %d is %s: %s.", c.number, strings.ToLower(string(c.proposal.State)), cure)}
}

// Comment is in the contract of proposal.Forge. Comments are taken in any state.
func (f *Forge) Comment(ctx context.Context, by content.Actor, number int, text string) (*content.Proposal, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%w: the comment is empty", content.ErrInvalid)
	}
	return f.act(ctx, by, number, func(c *chain) (event, error) {
		return event{document: document{Kind: content.EventCommented, Text: text}}, c.full()
	})
}

// Review is in the contract of proposal.Forge. A review without a verdict needs a text.
func (f *Forge) Review(ctx context.Context, by content.Actor, number int, r proposal.Reviewing) (*content.Proposal, error) {
	kind, err := reviewKind(r)
	if err != nil {
		return nil, err
	}
	return f.act(ctx, by, number, func(c *chain) (event, error) {
		if err := c.mustBeOpen(); err != nil {
			return event{}, err
		}
		if r.Head != c.proposal.Head {
			return event{}, outdated(c.number, gitrepo.Hash(r.Head), c.head())
		}
		return event{document: document{Kind: kind, Text: r.Text}}, c.full()
	})
}

func reviewKind(r proposal.Reviewing) (content.EventKind, error) {
	for kind, verdict := range verdictOf {
		if verdict != r.Verdict {
			continue
		}
		if kind == content.EventReviewed && strings.TrimSpace(r.Text) == "" {
			return "", fmt.Errorf("%w: a review without a verdict needs a text", content.ErrInvalid)
		}
		return kind, nil
	}
	return "", fmt.Errorf("%w: %q is no verdict", content.ErrInvalid, cut(string(r.Verdict), maxName))
}

// Close is in the contract of proposal.Forge. The branch stays.
func (f *Forge) Close(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	return f.act(ctx, by, number, func(c *chain) (event, error) {
		return event{document: document{Kind: content.EventClosed}}, c.mustBeOpen()
	})
}

// Reopen is in the contract of proposal.Forge. The branch is made anew where it is gone;
// RefusedState where another proposal lies on it by now.
func (f *Forge) Reopen(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	p, err := f.act(ctx, by, number, func(c *chain) (event, error) {
		return event{document: document{Kind: content.EventReopened}}, f.mayReopen(ctx, c)
	})
	if err != nil {
		return nil, err
	}
	f.acting.Lock()
	defer f.acting.Unlock()
	c, err := f.fresh(ctx, number)
	if err == nil && c.open() {
		err = f.makeBranch(ctx, c)
	}
	if err != nil && !errors.Is(err, errTaken) { // then the next Sync sees a push
		f.log.Warn("branch of a reopened proposal is not made", "proposal", number, "err", err)
	}
	return p, nil
}

func (f *Forge) mayReopen(ctx context.Context, c *chain) error {
	refuse := func(format string, args ...any) error {
		return &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("Proposal %d cannot be reopened: ", c.number) + fmt.Sprintf(format, args...)}
	}
	switch c.proposal.State {
	case content.ProposalOpen:
		return refuse("it is open.")
	case content.ProposalMerged:
		return refuse("it is merged. Make another proposal.")
	}
	at, err := f.branchAt(ctx, c.proposal.Branch)
	if err != nil {
		return err
	}
	if at != "" && at != c.head() {
		return refuse("its branch, %s, has other commits by now. Make another proposal.", strings.TrimPrefix(c.proposal.Branch, "refs/heads/"))
	}
	for _, other := range f.shelf.all() {
		if other.number != c.number && other.open() && other.proposal.Branch == c.proposal.Branch {
			return refuse("proposal %d lies on its branch by now.", other.number)
		}
	}
	return nil
}
