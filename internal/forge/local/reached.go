package local

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/koonti/koonti/internal/gitrepo"
)

// walker is what a Forge needs of a gitrepo.Repo to know its way in the past.
type walker interface {
	Walk(ctx context.Context, heads []gitrepo.Hash, known func(gitrepo.Hash) bool) iter.Seq2[gitrepo.Commit, error]
	FirstParents(ctx context.Context, from gitrepo.Hash) iter.Seq2[gitrepo.Commit, error]
	MergeBases(ctx context.Context, a, b gitrepo.Hash) ([]gitrepo.Hash, error)
	IsAncestor(ctx context.Context, a, b gitrepo.Hash) (bool, error)
}

// reached are the commits that a branch reaches: asked of every open proposal each time
// that the branch has moved, they are walked once. nil reaches nothing.
type reached struct {
	tip     gitrepo.Hash
	commits map[gitrepo.Hash]struct{}
}

func (r *reached) has(h gitrepo.Hash) bool {
	if r == nil {
		return false
	}
	_, ok := r.commits[h]
	return ok
}

// reachable is what a branch reaches now; nil where there is no such branch.
func (f *Forge) reachable(ctx context.Context, branch string) (*reached, error) {
	tip, err := f.branchAt(ctx, branch)
	if err != nil || tip == "" {
		return nil, err
	}
	old := f.reach[branch]
	if old != nil && old.tip == tip {
		return old, nil
	}
	next, err := f.grow(ctx, old, tip)
	if err == nil && next == nil {
		next, err = f.grow(ctx, nil, tip)
	}
	if err != nil {
		delete(f.reach, branch)
		return nil, fmt.Errorf("walk %s: %w", branch, err)
	}
	f.reach[branch] = next
	return next, nil
}

// grow adds to what was reached what a newer tip reaches; nil where the old tip is not
// behind the new one, so that some of it may not be reached any more. old is spent.
func (f *Forge) grow(ctx context.Context, old *reached, tip gitrepo.Hash) (*reached, error) {
	next, met := &reached{tip: tip, commits: map[gitrepo.Hash]struct{}{}}, old == nil
	if old != nil {
		next.commits = old.commits
	}
	fresh := map[gitrepo.Hash]struct{}{}
	known := func(h gitrepo.Hash) bool {
		met = met || h == old.tip
		return next.has(h)
	}
	for c, err := range f.repo.Walk(ctx, []gitrepo.Hash{tip}, known) {
		if err != nil {
			return nil, err
		}
		fresh[c.Hash] = struct{}{}
	}
	if !met {
		return nil, nil
	}
	for h := range fresh {
		next.commits[h] = struct{}{}
	}
	return next, nil
}

// landing is the step of the target's first-parent line by which it got to reach head.
func (f *Forge) landing(ctx context.Context, tip, head gitrepo.Hash) (gitrepo.Commit, error) {
	var line []gitrepo.Commit
	for c, err := range f.repo.FirstParents(ctx, tip) {
		if err != nil && len(line) == 0 {
			return c, err
		}
		if err != nil || len(line) == maxCommits {
			break
		}
		if c.Hash == head || len(c.Parents) > 1 && slices.Contains(c.Parents[1:], head) {
			return c, nil
		}
		line = append(line, c)
	}
	// It came with another branch: all steps reach it from the one on that is sought.
	var failed error
	lacks := sort.Search(len(line), func(i int) bool {
		has, err := f.repo.IsAncestor(ctx, head, line[i].Hash)
		if err != nil {
			failed = err
		}
		return !has
	})
	if failed != nil {
		return gitrepo.Commit{}, failed
	}
	return line[max(lacks-1, 0)], nil
}
