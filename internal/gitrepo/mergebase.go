package gitrepo

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"
)

// maxMergeWalk bounds the commits read to find out how two are related.
const maxMergeWalk = 1_000_000

// MergeBases gives the best common ancestors of two commits, as `git merge-base
// --all` does: those from which no other common ancestor can be reached. A commit
// is an ancestor of itself. The youngest comes first; none for histories that
// have nothing in common.
//
// ErrNotFound when one is no commit, ErrShallow when the answer may lie beyond
// the edge of a shallow clone, ErrTooLarge when a million commits do not tell.
func (r *Repo) MergeBases(ctx context.Context, a, b Hash) ([]Hash, error) {
	var bases []Hash
	p, err := r.painter(maxMergeWalk)
	if err == nil {
		bases, err = p.bases(ctx, a, b)
	}
	if err != nil {
		return nil, fmt.Errorf("find the merge base of %s and %s: %w", a.Short(), b.Short(), err)
	}
	return bases, nil
}

// IsAncestor tells whether a can be reached from b, or is b. Errors are those of
// MergeBases.
func (r *Repo) IsAncestor(ctx context.Context, a, b Hash) (bool, error) {
	var below bool
	p, err := r.painter(maxMergeWalk)
	if err == nil {
		below, err = p.ancestor(ctx, a, b)
	}
	if err != nil {
		return false, fmt.Errorf("find out whether %s is an ancestor of %s: %w", a.Short(), b.Short(), err)
	}
	return below, nil
}

func (r *Repo) painter(limit int) (*painter, error) {
	cut, err := r.shallow()
	return &painter{repo: r, limit: limit, cut: cut, done: stale, read: map[oid]*kin{}}, err
}

func (p *painter) ancestor(ctx context.Context, a, b Hash) (bool, error) {
	ids, err := oids([]Hash{a, b})
	if err != nil {
		return false, err
	}
	return p.below(ctx, ids[0], ids[1:])
}

// paint says from where a commit can be reached.
type paint uint8

const (
	paintA paint = 1 << iota
	paintB
	stale // also from a common ancestor
	both  = paintA | paintB
)

// painter walks down from two sides, as paint_down_to_common in Git's
// commit-reach.c: the youngest commit first, so that little is read twice. The
// order is no more than that; clocks may be wrong.
type painter struct {
	repo   *Repo
	limit  int // commits that may still be read
	cut    map[Hash]bool
	read   map[oid]*kin
	colors map[oid]paint
	done   paint // of a commit that need not be followed for its own sake
	queue  kinQueue
	fresh  int // of the queue, those not done with
}

// kin is what is needed of a commit.
type kin struct {
	id      oid
	when    time.Time
	parents []oid
	edge    bool // the parents are not in this clone
	queued  bool
}

func (p *painter) bases(ctx context.Context, a, b Hash) ([]Hash, error) {
	ids, err := oids([]Hash{a, b})
	if err != nil {
		return nil, err
	}
	var common []oid
	err = p.paint(ctx, ids[:1], ids[1:], func(id oid, color paint) bool {
		if color == both {
			common = append(common, id)
		}
		return false
	})
	if err != nil {
		return nil, err
	}
	common = slices.DeleteFunc(common, func(id oid) bool { return p.colors[id]&stale != 0 })
	slices.SortFunc(common, func(x, y oid) int {
		return cmp.Or(p.read[y].when.Compare(p.read[x].when), bytes.Compare(x[:], y[:]))
	})
	return p.best(ctx, slices.Compact(common))
}

// best leaves out what can be reached from another: where clocks are wrong a
// commit may be met before it is known to be stale, and be done with.
func (p *painter) best(ctx context.Context, common []oid) ([]Hash, error) {
	var best []Hash
	for i, id := range common {
		others := append(slices.Clone(common[:i]), common[i+1:]...)
		below, err := p.below(ctx, id, others)
		if err != nil {
			return nil, err
		}
		if !below {
			best = append(best, fromOID(id))
		}
	}
	return best, nil
}

// below tells whether a commit can be reached from one of others.
func (p *painter) below(ctx context.Context, id oid, others []oid) (met bool, err error) {
	if len(others) == 0 {
		return false, nil
	}
	err = p.paint(ctx, []oid{id}, others, func(at oid, color paint) bool {
		met = at == id && color&paintB != 0
		return met
	})
	return met, err
}

// paint calls visit with each commit taken from the queue and its color, more
// than once if it gets more of them, until all that is left is done with, or enough.
func (p *painter) paint(ctx context.Context, a, b []oid, visit func(oid, paint) (enough bool)) error {
	p.colors, p.queue, p.fresh = map[oid]paint{}, nil, 0
	for _, k := range p.read {
		k.queued = false
	}
	if err := p.push(ctx, a, paintA); err != nil {
		return err
	}
	if err := p.push(ctx, b, paintB); err != nil {
		return err
	}
	for p.fresh > 0 {
		k := p.pop()
		color := p.colors[k.id]
		if visit(k.id, color) {
			return nil
		}
		if color&both == both {
			color |= stale
		}
		if k.edge && color&p.done == 0 {
			return shallowError(fromOID(k.id))
		}
		if err := p.push(ctx, k.parents, color); err != nil {
			return err
		}
	}
	return nil
}

// push adds a color to commits; one that had it has passed it on already.
func (p *painter) push(ctx context.Context, ids []oid, color paint) error {
	for _, id := range ids {
		was := p.colors[id]
		if was|color == was {
			continue
		}
		k, err := p.kin(ctx, id)
		if err != nil {
			return err
		}
		now := was | color
		switch {
		case !k.queued:
			k.queued = true
			heap.Push(&p.queue, k)
			if now&p.done == 0 {
				p.fresh++
			}
		case was&p.done == 0 && now&p.done != 0:
			p.fresh--
		}
		p.colors[id] = now
	}
	return nil
}

func (p *painter) pop() *kin {
	k := heap.Pop(&p.queue).(*kin)
	k.queued = false
	if p.colors[k.id]&p.done == 0 {
		p.fresh--
	}
	return k
}

func (p *painter) kin(ctx context.Context, id oid) (*kin, error) {
	if k, ok := p.read[id]; ok {
		return k, nil
	}
	if p.limit--; p.limit < 0 {
		return nil, fmt.Errorf("%w: too many commits lie between", ErrTooLarge)
	}
	c, err := p.repo.commitAt(ctx, id, p.cut)
	if err != nil {
		return nil, err
	}
	k := &kin{id: id, when: c.Committer.When, edge: c.Boundary}
	if !k.edge {
		if k.parents, err = oids(c.Parents); err != nil {
			return nil, err
		}
	}
	p.read[id] = k
	return k, nil
}

// kinQueue is a heap, the youngest first.
type kinQueue []*kin

func (q kinQueue) Len() int           { return len(q) }
func (q kinQueue) Less(i, j int) bool { return q[i].when.After(q[j].when) }
func (q kinQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *kinQueue) Push(k any)        { *q = append(*q, k.(*kin)) }
func (q *kinQueue) Pop() any {
	last := len(*q) - 1
	k := (*q)[last]
	*q = (*q)[:last]
	return k
}
