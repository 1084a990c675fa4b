package catalog

import (
	"context"
	"errors"
	"fmt"

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

// past makes and keeps the views of other revisions.
type past struct {
	flight singleflight.Group
	turn   chan struct{} // bounds how many are made at once
}

// At returns the view of a revision (DESIGN, Revisions; "HEAD" is the commit
// served). Its records are exactly what that commit holds: nothing is replaced by
// an older version. The error wraps content.ErrInvalid for what is no revision,
// ErrNotFound, ErrForbidden or ErrUnavailable; its text is fit for clients.
func (c *Catalog) At(ctx context.Context, revision string) (*content.View, error) {
	served := c.Current()
	hash, err := c.repo.Resolve(ctx, revision, gitrepo.Hash(served.Commit))
	if err != nil {
		return nil, publicError(err)
	}
	key := pastKey{hash, served.Model.Key}
	if view, ok := c.views.Get(key); ok {
		return view, nil
	}
	ch := c.past.flight.DoChan(string(key.commit)+key.model, func() (any, error) {
		return c.makePast(context.WithoutCancel(ctx), key, served)
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("revision %q: %w", revision, ctx.Err())
	case result := <-ch:
		if result.Err != nil {
			return nil, fmt.Errorf("read revision %q: %w", revision, result.Err)
		}
		return result.Val.(*content.View), nil
	}
}

func (c *Catalog) makePast(ctx context.Context, key pastKey, served *content.View) (*content.View, error) {
	c.past.turn <- struct{}{}
	defer func() { <-c.past.turn }()
	commit, err := c.repo.Commit(ctx, key.commit)
	if err != nil {
		return nil, err
	}
	view, err := c.builder.past(ctx, commit, served)
	if err == nil {
		view.Published = c.cfg.Now()
		c.views.Add(key, view)
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
