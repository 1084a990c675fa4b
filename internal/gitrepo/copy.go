package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// fetchLocal takes from a repository on this machine, which is read like any
// other: go-git's own transport would run a git program.
func (r *Repo) fetchLocal(ctx context.Context, path string) (changed bool, err error) {
	src, err := Open(path, r.cfg)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if src.Shallow() {
		return false, fmt.Errorf("%w, and a mirror needs the past: run `git fetch --unshallow` in %s", ErrShallow, path)
	}
	refs, err := src.rawRefs(ctx, append([]string{remotePulls}, mirrored...))
	if err != nil {
		return false, err
	}
	offer := advertised{refs: map[string]oid{}, pulls: map[int]oid{}}
	for _, ref := range refs {
		offer.add(ref.name, ref.id)
	}
	if offer.head, _, err = src.follow("HEAD"); err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	c := collector{from: src, to: r, seen: map[oid]bool{}}
	for _, id := range r.wants(offer) {
		if err := c.add(ctx, id); err != nil {
			return false, err
		}
	}
	if _, err := r.store.copyPack(ctx, src.store, c.ids); err != nil {
		return false, err
	}
	return r.adopt(ctx, offer)
}

// collector lists what one repository has and another lacks. What the other has
// it has with all that belongs to it, since packs are put in place whole.
type collector struct {
	from, to *Repo
	seen     map[oid]bool
	ids      []oid
}

// add lists an object and what it leads to.
func (c *collector) add(ctx context.Context, id oid) error {
	for pending := []oid{id}; len(pending) > 0; {
		id := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if c.seen[id] || c.to.store.has(id) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c.seen[id] = true
		c.ids = append(c.ids, id)
		next, err := c.below(ctx, id)
		if err != nil {
			return err
		}
		pending = append(pending, next...)
	}
	return nil
}

// below is what an object names. Blobs are not asked for what they are.
func (c *collector) below(ctx context.Context, id oid) ([]oid, error) {
	kind, _, err := c.from.store.header(id)
	if err != nil {
		return nil, err
	}
	switch kind {
	case plumbing.CommitObject:
		commit, err := c.from.Commit(ctx, fromOID(id))
		if err != nil {
			return nil, err
		}
		return oids(append(commit.Parents, commit.Tree))
	case plumbing.TagObject:
		target, err := c.from.tagTarget(id)
		return []oid{target}, err
	case plumbing.TreeObject:
		entries, err := c.from.Tree(ctx, fromOID(id))
		if err != nil {
			return nil, err
		}
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Mode == Submodule })
		var names []Hash
		for _, e := range entries {
			names = append(names, e.Hash)
		}
		return oids(names)
	}
	return nil, nil
}

func oids(hashes []Hash) ([]oid, error) {
	ids := make([]oid, 0, len(hashes))
	for _, h := range hashes {
		id, err := h.oid()
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// compactAt is how many packs a mirror may have before they are joined.
const compactAt = 32

// compact joins the small packs of a mirror: each fetch brings one, and each
// takes a file descriptor. Packs larger than all smaller ones together stay, so
// an object is copied a few times in its life, not at each fetch.
func (r *Repo) compact(ctx context.Context) error {
	small := smallest(r.store.ownPacks())
	if len(small) == 0 {
		return nil
	}
	var ids []oid
	seen := map[oid]bool{}
	for _, p := range small {
		err := p.each(func(id oid) {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		})
		if err != nil {
			return fmt.Errorf("join packs: %w", err)
		}
	}
	joined, err := r.store.copyPack(ctx, r.store, ids)
	if err != nil {
		return fmt.Errorf("join packs: %w", err)
	}
	small = slices.DeleteFunc(small, func(p *pack) bool { return p.path == joined })
	if err := r.store.drop(small); err != nil {
		return fmt.Errorf("join packs: %w", err)
	}
	return nil
}

// smallest picks the packs to join, none while they are few.
func smallest(packs []*pack) []*pack {
	if len(packs) < compactAt {
		return nil
	}
	slices.SortFunc(packs, func(a, b *pack) int { return a.count() - b.count() })
	sum := 0
	for i, p := range packs {
		if i > 1 && p.count() > sum {
			return packs[:i]
		}
		sum += p.count()
	}
	return packs
}

// ownPacks are the packs of the repository itself that nobody asked to keep.
func (s *store) ownPacks() []*pack {
	return slices.DeleteFunc(slices.Clone(s.packs.Load().packs), func(p *pack) bool {
		_, err := os.Stat(p.path + ".keep")
		return err == nil || filepath.Dir(p.path) != filepath.Join(s.dir, "pack")
	})
}

func (p *pack) count() int { return int(p.index.Fanout[255]) }

func (p *pack) each(visit func(oid)) error {
	entries, err := p.index.Entries()
	if err != nil {
		return err
	}
	for {
		e, err := entries.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		visit(e.Hash)
	}
}

// drop removes packs whose objects are elsewhere: the index first, so that
// nobody begins to look there, the pack once it is closed.
func (s *store) drop(packs []*pack) error {
	for _, p := range packs {
		if err := os.Remove(p.path + ".idx"); err != nil && !missing(err) {
			return err
		}
	}
	if err := s.reload(s.packs.Load()); err != nil {
		return err
	}
	for _, p := range packs {
		if err := os.Remove(p.path + ".pack"); err != nil && !missing(err) {
			return err
		}
	}
	return nil
}
