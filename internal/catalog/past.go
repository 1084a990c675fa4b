package catalog

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/sync/singleflight"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// pastKey names a view of another revision: the commit's own content, typed by the
// model being served.
type pastKey struct {
	commit gitrepo.Hash
	model  string
}

// ownModel stands in a pastKey for the model of the commit itself.
const ownModel = "own"

// past makes and keeps the views of other revisions.
type past struct {
	flight singleflight.Group
	// turn bounds how many are made at once, and ownTurn how many by their own models: what
	// somebody proposes keeps nobody from reading what was.
	turn, ownTurn chan struct{}
	// givenUp are those that took too long; they are not tried again for a while.
	givenUp *expirable.LRU[pastKey, error]
}

// keptGivenUp is how many views are remembered to have been given up.
const keptGivenUp = 1 << 12

func newPast(patience time.Duration) past {
	turns := max(1, runtime.GOMAXPROCS(0)/2)
	return past{
		turn: make(chan struct{}, turns), ownTurn: make(chan struct{}, turns),
		givenUp: expirable.NewLRU[pastKey, error](keptGivenUp, nil, 5*patience),
	}
}

// At returns the view of a revision (DESIGN, Revisions; "HEAD" is the commit
// served). Its records are exactly what that commit holds: nothing is replaced by
// an older version. The error wraps content.ErrInvalid for what is no revision,
// ErrNotFound, ErrForbidden or ErrUnavailable; its text is fit for clients.
func (c *Catalog) At(ctx context.Context, revision string) (*content.View, error) {
	return c.at(ctx, revision, c.repo.Resolve)
}

// PublishedAt is At for those who may see only what is published: what the commit served
// and the tags lead to. Of other revisions they are told that there are none.
func (c *Catalog) PublishedAt(ctx context.Context, revision string) (*content.View, error) {
	return c.at(ctx, revision, c.repo.ResolvePublished)
}

type resolve func(ctx context.Context, revision string, served gitrepo.Hash) (gitrepo.Hash, error)

func (c *Catalog) at(ctx context.Context, revision string, resolve resolve) (*content.View, error) {
	served := c.Current()
	hash, err := resolve(ctx, revision, gitrepo.Hash(served.Commit))
	if err != nil {
		return nil, publicError(err)
	}
	view, err := c.made(ctx, pastKey{hash, served.Model.Key}, served)
	if err != nil {
		return nil, fmt.Errorf("read revision %q: %w", revision, err)
	}
	return view, nil
}

// Own returns the view of a commit by its own model and schemas, each replaced by the
// newest version on the commit's first-parent line that can be used where it cannot; its
// records are as those of At. The commit need not be exposed, nor reachable: Own is for
// those who decide about proposals, not for what comes from clients. The error wraps
// content.ErrNotFound where there is no such commit or no model on its line, and is a
// *ModelUnusableError where no model on it can be used.
func (c *Catalog) Own(ctx context.Context, commit content.Hash) (*content.View, error) {
	view, err := c.made(ctx, pastKey{gitrepo.Hash(commit), ownModel}, c.Current())
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", commit, publicError(err))
	}
	return view, nil
}

// made finds the view that key names, or makes it.
func (c *Catalog) made(ctx context.Context, key pastKey, served *content.View) (*content.View, error) {
	if view, ok := c.views.Get(key); ok {
		return view, nil
	}
	ch := c.past.flight.DoChan(string(key.commit)+key.model, func() (any, error) {
		return c.makePast(context.WithoutCancel(ctx), key, served)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-ch:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*content.View), nil
	}
}

// makePast makes a view, whoever made the commit: what takes too long is given up, and
// what panics is an error.
func (c *Catalog) makePast(ctx context.Context, key pastKey, served *content.View) (view *content.View, err error) {
	if err, ok := c.past.givenUp.Get(key); ok {
		return nil, err
	}
	read, turn := c.builder.past, c.past.turn
	if key.model == ownModel {
		read, turn = c.builder.own, c.past.ownTurn
	}
	turn <- struct{}{}
	defer func() { <-turn }()
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	defer cancel()
	commit, err := c.repo.Commit(ctx, key.commit)
	if err != nil {
		return nil, err
	}
	view, err = read(ctx, commit, served)
	switch {
	case err == nil:
		view.Published = c.cfg.Now()
		c.views.Add(key, view)
	case errors.Is(err, context.DeadlineExceeded):
		err = public{fmt.Errorf("to read and check commit %s takes more than %s; its schemas or its records ask for too much", key.commit.Short(), c.cfg.Patience), content.ErrUnavailable}
		c.past.givenUp.Add(key, err)
	}
	return view, err
}

// publicError gives what gitrepo says of a revision the sentinels of the core.
func publicError(err error) error {
	for _, pair := range []struct{ from, to error }{
		{gitrepo.ErrNotExposed, content.ErrForbidden},
		{gitrepo.ErrNotFound, content.ErrNotFound},
		{gitrepo.ErrAmbiguous, content.ErrInvalid},
		{gitrepo.ErrShallow, content.ErrUnavailable},
		{gitrepo.ErrTooLarge, content.ErrTooLarge},
	} {
		if errors.Is(err, pair.from) {
			return public{err, pair.to}
		}
	}
	var revision *gitrepo.RevisionError
	if errors.As(err, &revision) {
		return public{err, content.ErrInvalid}
	}
	return err
}

// public is an error with a sentinel of the core that its text does not repeat.
type public struct{ err, sentinel error }

func (e public) Error() string   { return e.err.Error() }
func (e public) Unwrap() []error { return []error{e.err, e.sentinel} }

// Read returns the bytes of a file of the view: an attachment, or a record as it is
// served. The error wraps content.ErrNotFound where the view has no such file,
// and content.ErrUnavailable where the file was changed since and its older bytes
// are not in Git.
func (c *Catalog) Read(ctx context.Context, f content.File) ([]byte, error) {
	data, err := c.repo.Blob(ctx, gitrepo.Hash(f.Blob))
	if err == nil || c.scanner == nil || !errors.Is(err, gitrepo.ErrNotFound) {
		return data, err
	}
	text, err := c.scanner.readFile(ctx, f)
	return []byte(text), err
}
