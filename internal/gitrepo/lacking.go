package gitrepo

import (
	"context"
	"fmt"
	"slices"
)

// lacking lists the objects that a repository lacks which has the commits haves
// and all that they lead to, but is to have tips. Where clocks are wrong, or what
// is new is like something old elsewhere, there may be more.
func (r *Repo) lacking(ctx context.Context, tips, haves []oid) ([]oid, error) {
	p, err := r.painter(maxMergeWalk)
	if err != nil {
		return nil, err
	}
	p.done = paintB
	if err := p.paint(ctx, tips, haves, func(oid, paint) bool { return false }); err != nil {
		return nil, fmt.Errorf("find what the remote lacks: %w", err)
	}
	l := lack{repo: r, listed: map[oid]bool{}}
	for id, color := range p.colors {
		if color&paintB == 0 {
			if err := l.commit(ctx, id); err != nil {
				return nil, fmt.Errorf("find what the remote lacks: %w", err)
			}
		}
	}
	return l.ids, nil
}

// lack lists what commits have that their parents do not have in the same place.
type lack struct {
	repo   *Repo
	listed map[oid]bool
	ids    []oid
}

func (l *lack) add(id oid) (isNew bool) {
	if l.listed[id] {
		return false
	}
	l.listed[id] = true
	l.ids = append(l.ids, id)
	return true
}

func (l *lack) commit(ctx context.Context, id oid) error {
	c, err := l.repo.Commit(ctx, fromOID(id))
	if err != nil {
		return err
	}
	l.add(id)
	var before []Hash
	for _, h := range c.Parents {
		p, err := l.repo.Commit(ctx, h)
		if err != nil {
			return err
		}
		before = append(before, p.Tree)
	}
	return l.tree(ctx, c.Tree, before, 0)
}

// tree lists a tree, if it is none of those that were in its place before, and
// what is new in it.
func (l *lack) tree(ctx context.Context, tree Hash, before []Hash, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("folders more than %d deep: %w", maxDepth, ErrTooLarge)
	}
	id, err := tree.oid()
	if id == emptyTree && !l.repo.store.has(id) { // Git knows it all the same
		return nil
	}
	if err != nil || slices.Contains(before, tree) || !l.add(id) {
		return err
	}
	entries, err := l.entries(ctx, tree)
	if err != nil {
		return err
	}
	old := make([]map[string]Entry, len(before))
	for i, h := range before {
		was, err := l.entries(ctx, h)
		if err != nil {
			return err
		}
		old[i] = make(map[string]Entry, len(was))
		for _, e := range was {
			old[i][e.Name] = e
		}
	}
	for _, e := range entries {
		if err := l.entry(ctx, e, old, depth); err != nil {
			return err
		}
	}
	return nil
}

func (l *lack) entry(ctx context.Context, e Entry, old []map[string]Entry, depth int) error {
	var before []Hash
	for _, folder := range old {
		was, ok := folder[e.Name]
		if ok && was.Hash == e.Hash {
			return nil
		}
		if was.Mode == Folder {
			before = append(before, was.Hash)
		}
	}
	switch e.Mode {
	case Submodule:
		return nil
	case Folder:
		return l.tree(ctx, e.Hash, before, depth+1)
	}
	id, err := e.Hash.oid()
	if err == nil {
		l.add(id)
	}
	return err
}

// entries are those of a tree. The empty one need not be stored.
func (l *lack) entries(ctx context.Context, tree Hash) ([]Entry, error) {
	if tree == fromOID(emptyTree) {
		return nil, nil
	}
	return l.repo.Tree(ctx, tree)
}
