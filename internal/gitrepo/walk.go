package gitrepo

import (
	"context"
	"fmt"
	"iter"
)

// Walk yields each commit that can be reached from heads, once, in no promised
// order. A commit that known takes is not yielded and nothing is sought below
// it; known is asked once of each, nil knows none. An error ends the walk.
//
// At the edge of a shallow clone, where Commit.Boundary says so, parents are not
// followed.
func (r *Repo) Walk(ctx context.Context, heads []Hash, known func(Hash) bool) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		cut, err := r.shallow()
		if err != nil {
			yield(Commit{}, err)
			return
		}
		w := walk{known: known, seen: map[oid]bool{}}
		for more := true; more; {
			err := w.meet(heads)
			if err == nil && len(w.pending) == 0 {
				return
			}
			var c Commit
			if err == nil {
				c, err = r.commitAt(ctx, w.take(), cut)
			}
			if err != nil {
				yield(Commit{}, fmt.Errorf("walk history: %w", err))
				return
			}
			if heads = c.Parents; c.Boundary {
				heads = nil
			}
			more = yield(c, nil)
		}
	}
}

// walk knows which commits are still to be read, and which were met.
type walk struct {
	known   func(Hash) bool
	seen    map[oid]bool
	pending []oid
}

// meet adds commits so that the first is read next: first parents lie near each
// other in a pack.
func (w *walk) meet(commits []Hash) error {
	for i := len(commits) - 1; i >= 0; i-- {
		id, err := commits[i].oid()
		if err != nil {
			return err
		}
		if w.seen[id] {
			continue
		}
		w.seen[id] = true
		if w.known == nil || !w.known(commits[i]) {
			w.pending = append(w.pending, id)
		}
	}
	return nil
}

func (w *walk) take() oid {
	last := len(w.pending) - 1
	id := w.pending[last]
	w.pending = w.pending[:last]
	return id
}
