package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/koonti/koonti/internal/gitrepo"
)

// commits are all that led to some heads, as Git has them and in plain sight: what is
// asked of them is found by walking, slowly.
type commits struct {
	commits []gitrepo.Commit
	index   map[gitrepo.Hash]int
	parents [][]int
}

// readCommits reads all commits that led to heads. The error is gitrepo.ErrShallow where
// some are missing.
func readCommits(ctx context.Context, repo *gitrepo.Repo, heads ...gitrepo.Hash) (*commits, error) {
	g := &commits{index: map[gitrepo.Hash]int{}}
	for c, err := range repo.Walk(ctx, heads, nil) {
		if err != nil {
			return nil, err
		}
		if c.Boundary {
			return nil, &hintError{fmt.Errorf("%w: its past ends at %s", gitrepo.ErrShallow, c.Hash.Short()), "Run 'git fetch --unshallow' to get the rest."}
		}
		g.index[c.Hash] = len(g.commits)
		g.commits = append(g.commits, c)
	}
	for _, c := range g.commits {
		list := make([]int, len(c.Parents))
		for i, p := range c.Parents {
			list[i] = g.index[p]
		}
		g.parents = append(g.parents, list)
	}
	return g, nil
}

// ancestors marks a commit and all that led to it.
func (g *commits) ancestors(of int) []bool {
	seen := make([]bool, len(g.commits))
	open := []int{of}
	seen[of] = true
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for _, p := range g.parents[at] {
			if !seen[p] {
				seen[p] = true
				open = append(open, p)
			}
		}
	}
	return seen
}

// mergeBases are the common ancestors of two commits that no other common one descends
// from, the newest first.
func (g *commits) mergeBases(a, b int) []int {
	common := g.ancestors(a)
	for i, other := range g.ancestors(b) {
		common[i] = common[i] && other
	}
	best := slices.Clone(common)
	for i := range common {
		if common[i] {
			for _, p := range g.parents[i] {
				best[p] = false // all that led to a common ancestor is common too
			}
		}
	}
	var out []int
	for i := range best {
		if best[i] {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(x, y int) int {
		return cmp.Or(g.commits[y].Committer.When.Compare(g.commits[x].Committer.When), cmp.Compare(g.commits[x].Hash, g.commits[y].Hash))
	})
	return out
}
