package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Bounds of one chain. People may say so much; what ends a proposal is taken, and
// read, somewhat beyond.
const (
	maxEvents = 5_000
	maxBytes  = 16 << 20
	leeway    = 1_000 // events, and times a KiB
)

// chain is what happened to one proposal up to one event. It is immutable.
type chain struct {
	number int
	tip    gitrepo.Hash
	events []event // the first first
	size   int64   // bytes of all event.json
	// heads are all commits that it ever had as its head.
	heads []gitrepo.Hash
	// proposal is nil where err says why the chain is unreadable.
	proposal *content.Proposal
	err      error
	// again: objects were missing, which may come yet.
	again bool
}

func (c *chain) head() gitrepo.Hash { return gitrepo.Hash(c.proposal.Head) }

func (c *chain) open() bool { return c.proposal != nil && c.proposal.State == content.ProposalOpen }

// has tells whether the chain holds the event, or its like behind another one.
func (c *chain) has(e event) bool {
	return slices.ContainsFunc(c.events, func(x event) bool { return x.hash == e.hash || x.same(e) })
}

// full tells whether people have said as much as may be.
func (c *chain) full() error {
	if len(c.events) < maxEvents && c.size < maxBytes {
		return nil
	}
	return fmt.Errorf("%w: so much has been said about proposal %d that no more is taken: close it and propose anew", content.ErrTooLarge, c.number)
}

// read reads a chain, taking over what known has of it. The error is a failure to read;
// a chain that is none is a chain with err set.
func (f *Forge) read(ctx context.Context, number int, tip gitrepo.Hash, known *chain) (*chain, error) {
	c := &chain{number: number, tip: tip}
	err := f.gather(ctx, c, known)
	if err == nil {
		err = c.build()
	}
	if err == nil {
		return c, nil
	}
	if !unreadable(err) {
		return nil, err
	}
	bad := &chain{number: number, tip: tip, again: errors.Is(err, gitrepo.ErrNotFound), heads: f.headsBelow(ctx, tip)}
	bad.err = fmt.Errorf("proposal %d: %w: %w", number, content.ErrUnavailable, err)
	if known == nil || known.tip != tip {
		f.log.Warn("proposal cannot be read", "proposal", number, "commit", string(tip), "err", err)
	}
	return bad, nil
}

// unreadable tells what is wrong with commits from a failure to read them.
func unreadable(err error) bool {
	for _, kind := range []error{errUnreadable, gitrepo.ErrNotFound, gitrepo.ErrCorrupt, gitrepo.ErrTooLarge, gitrepo.ErrShallow} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// gather reads the events back to the first, or to where known ends.
func (f *Forge) gather(ctx context.Context, c, known *chain) error {
	at := c.tip
	for at != "" {
		if known != nil && known.err == nil && known.tip == at {
			c.events = append(c.events, reversed(known.events)...)
			c.size += known.size
			break
		}
		e, err := f.readEvent(ctx, at)
		if err != nil {
			return err
		}
		c.events, c.size, at = append(c.events, e), c.size+e.size, e.before
		if err := c.bounded(); err != nil {
			return err
		}
	}
	slices.Reverse(c.events)
	return c.bounded()
}

func (c *chain) bounded() error {
	if len(c.events) > maxEvents+leeway || c.size > maxBytes+leeway<<10 {
		return fmt.Errorf("%w: it has more than %d events or %d bytes", errUnreadable, maxEvents, maxBytes)
	}
	return nil
}

func reversed(events []event) []event {
	out := slices.Clone(events)
	slices.Reverse(out)
	return out
}

// headsBelow are the commits that an unreadable chain keeps, by its form alone.
func (f *Forge) headsBelow(ctx context.Context, tip gitrepo.Hash) []gitrepo.Hash {
	var heads []gitrepo.Hash
	for at, n := tip, 0; n < maxEvents; n++ {
		c, err := f.repo.Commit(ctx, at)
		if err != nil || len(c.Parents) == 0 {
			break
		}
		if _, err := f.repo.Lookup(ctx, c.Tree, eventFile); err != nil {
			break
		}
		heads = append(heads, c.Parents...)
		at = c.Parents[0]
	}
	return heads
}

// build makes the proposal that the events come to.
func (c *chain) build() error {
	first := c.events[0]
	if first.Kind != content.EventOpened || first.Number != c.number {
		return fmt.Errorf("%w: its first event opens proposal %d", errUnreadable, first.Number)
	}
	p := &content.Proposal{
		Number: c.number, State: content.ProposalOpen, Author: first.actor, Branch: first.Branch, Target: first.Target,
		OpenedAt: first.at, Key: first.Key,
		Events: make([]content.ProposalEvent, 0, len(c.events)),
	}
	for _, e := range c.events {
		c.apply(p, e)
		p.UpdatedAt = e.at
		p.Events = append(p.Events, content.ProposalEvent{Kind: e.Kind, Actor: e.actor, At: e.at, Head: p.Head, Text: e.Text})
	}
	markStale(p)
	c.proposal = p
	return nil
}

// apply adds one event to a proposal. Once merged it stays so.
func (c *chain) apply(p *content.Proposal, e event) {
	merged := p.State == content.ProposalMerged
	switch e.Kind {
	case content.EventOpened, content.EventEdited:
		if !merged {
			c.edit(p, e)
		}
	case content.EventCommented:
		p.Comments = append(p.Comments, content.Comment{ID: string(e.hash), Person: e.actor, Text: e.Text, At: e.at})
	case content.EventMerged:
		if !merged {
			p.State, p.MergedAs = content.ProposalMerged, content.Hash(e.about)
		}
	case content.EventClosed:
		if !merged {
			p.State = content.ProposalClosed
		}
	case content.EventReopened:
		if !merged {
			p.State = content.ProposalOpen
		}
	default:
		p.Reviews = append(p.Reviews, content.Review{Person: e.actor, Verdict: verdictOf[e.Kind], Text: e.Text, Head: p.Head, At: e.at})
	}
}

var verdictOf = map[content.EventKind]content.Verdict{
	content.EventApproved:         content.VerdictApproved,
	content.EventChangesRequested: content.VerdictChangesRequested,
	content.EventReviewed:         content.VerdictCommented,
}

func (c *chain) edit(p *content.Proposal, e event) {
	if e.about != "" {
		p.Head = content.Hash(e.about)
		c.heads = append(c.heads, e.about)
	}
	if e.Base != "" {
		p.Base = e.Base
	}
	if e.Title != nil {
		p.Title = *e.Title
	}
	if e.Description != nil {
		p.Description = *e.Description
	}
	p.Requested = asked(p.Requested, e.Reviewers)
}

// asked are those who were asked and those who are besides, each once.
func asked(were, are []string) []string {
	for _, name := range are {
		known := func(other string) bool { return strings.EqualFold(name, other) }
		if !slices.ContainsFunc(were, known) {
			were = append(were, name)
		}
	}
	return were
}

// markStale marks the reviews that do not count: of another head than the present one,
// or with a verdict that the person has given anew since.
func markStale(p *content.Proposal) {
	later := map[string]bool{}
	for i := len(p.Reviews) - 1; i >= 0; i-- {
		r := &p.Reviews[i]
		r.Stale = r.Head != p.Head
		if r.Verdict != content.VerdictCommented {
			who := personKey(r.Person)
			r.Stale = r.Stale || later[who]
			later[who] = true
		}
	}
}

// personKey tells people apart.
func personKey(p content.Person) string {
	if p.Email != "" {
		return strings.ToLower(p.Email)
	}
	return p.Name
}
