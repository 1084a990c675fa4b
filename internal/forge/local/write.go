package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

const (
	// attempts is how often an act is decided anew when others write to the same proposal.
	attempts = 100
	// forgotten is how old an event is that was begun, of which nothing more came.
	forgotten = 10 * time.Minute
)

// errMoved says that another writer was quicker: look again, decide again.
var errMoved = errors.New("another writer was quicker")

// act adds to a proposal the event that decide comes to, given the proposal as it is at
// that moment.
func (f *Forge) act(ctx context.Context, by content.Actor, number int, decide func(*chain) (event, error)) (*content.Proposal, error) {
	who, err := actor(by)
	if err != nil {
		return nil, err
	}
	f.acting.Lock()
	defer f.acting.Unlock()
	for range attempts {
		c, err := f.fresh(ctx, number)
		if err != nil {
			return nil, err
		}
		e, err := decide(c)
		if err != nil {
			return nil, err
		}
		c, err = f.add(ctx, c, f.signed(e, who))
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return c.proposal, nil
	}
	return nil, fmt.Errorf("proposal %d: %w: others write to it all the time", number, content.ErrUnavailable)
}

// signed is an event done by someone, now.
func (f *Forge) signed(e event, who content.Person) event {
	e.document = e.document.valid()
	e.actor, e.Identity = who, identity(who)
	e.at = f.now().Truncate(time.Second)
	return e
}

// add puts an event at the end of a chain. errMoved where the chain does not end there
// any more.
func (f *Forge) add(ctx context.Context, c *chain, e event) (*chain, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	h, err := f.writeEvent(ctx, c.number, c.tip, e)
	if err != nil {
		return nil, fmt.Errorf("write to proposal %d: %w", c.number, err)
	}
	return f.extend(ctx, c, h)
}

// extend makes a chain end with an event that follows its last one.
func (f *Forge) extend(ctx context.Context, c *chain, h gitrepo.Hash) (*chain, error) {
	if err := f.setRef(ctx, dataRef(c.number), c.tip, h); err != nil {
		return nil, fmt.Errorf("write to proposal %d: %w", c.number, err)
	}
	next, err := f.at(ctx, c.number, h)
	if err == nil {
		err = next.err
	}
	return next, err
}

// setRef moves a ref of ours; errMoved where it is not was any more.
func (f *Forge) setRef(ctx context.Context, name string, was, is gitrepo.Hash) error {
	return moved(f.repo.Update(ctx, gitrepo.RefUpdate{Name: name, Was: was, Is: is}))
}

func moved(err error) error {
	if errors.Is(err, gitrepo.ErrChanged) {
		return fmt.Errorf("%w: %w", errMoved, err)
	}
	return err
}

// setBranch moves a branch, and the files of the work tree that has it checked out.
func (f *Forge) setBranch(ctx context.Context, u gitrepo.RefUpdate) error {
	err := f.repo.Update(ctx, u)
	if errors.Is(err, gitrepo.ErrCheckedOut) && u.Is != "" {
		err = f.repo.Advance(ctx, u)
	}
	return moved(err)
}

// branchAt is what a branch holds; "" where it is not there.
func (f *Forge) branchAt(ctx context.Context, name string) (gitrepo.Hash, error) {
	h, err := f.repo.Ref(ctx, name)
	if errors.Is(err, gitrepo.ErrNotFound) {
		return "", nil
	}
	return h, err
}

// pending is an event that is written, while what it tells of is being done.
type pending struct {
	ref    string
	number int
	event  gitrepo.Hash
}

func pendingOf(number int, e gitrepo.Hash) pending {
	return pending{fmt.Sprintf("%s%d-%s", pendingPrefix, number, e), number, e}
}

func parsePending(ref gitrepo.Ref) (pending, bool) {
	left, right, _ := strings.Cut(strings.TrimPrefix(ref.Name, pendingPrefix), "-")
	number, ok := parseNumber(left)
	return pending{ref.Name, number, ref.Commit}, ok && right == string(ref.Commit)
}

// intend keeps an event that is to follow once what it tells of is done.
func (f *Forge) intend(ctx context.Context, p pending) error {
	err := f.setRef(ctx, p.ref, "", p.event)
	if errors.Is(err, errMoved) { // the same event is being made by another process, or was
		return nil
	}
	return err
}

// forget removes a pending event. That one is left behind costs nothing but room.
func (f *Forge) forget(ctx context.Context, p pending) {
	err := f.setRef(context.WithoutCancel(ctx), p.ref, p.event, "")
	if err != nil && !errors.Is(err, errMoved) {
		f.log.Warn("pending event is left behind", "ref", p.ref, "err", err)
	}
}

// settle puts a pending event into its chain, unless it is there, and forgets it; once
// merged, the branch goes as well.
func (f *Forge) settle(ctx context.Context, p pending) (*chain, error) {
	e, err := f.readEvent(ctx, p.event)
	if err != nil {
		return nil, err
	}
	for range attempts {
		c, err := f.fresh(ctx, p.number)
		if err != nil {
			return nil, err
		}
		next := c
		switch {
		case c.has(e):
		case c.tip == e.before:
			next, err = f.extend(ctx, c, p.event)
		default:
			next, err = f.add(ctx, c, e)
		}
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if next.proposal.State == content.ProposalMerged {
			f.dropBranch(ctx, next)
		}
		f.forget(ctx, p)
		return next, nil
	}
	return nil, fmt.Errorf("proposal %d: %w: others write to it all the time", p.number, content.ErrUnavailable)
}
