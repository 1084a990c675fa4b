package history

import (
	"cmp"
	"encoding/hex"
	"slices"
	"sync"

	"github.com/koonti/koonti/internal/content"
)

// oid is the name of an object as Git stores it; the zero value is none.
type oid [20]byte

func parseOID(h content.Hash) oid {
	var id oid
	if len(h) != 2*len(id) {
		return oid{}
	}
	if _, err := hex.Decode(id[:], []byte(h)); err != nil {
		return oid{}
	}
	return id
}

// hash returns the name as the other packages know it; "" for none.
func (id oid) hash() content.Hash {
	if id == (oid{}) {
		return ""
	}
	return content.Hash(hex.EncodeToString(id[:]))
}

// commit is what is kept of one commit. Commits are named by their index in graph.
type commit struct {
	hash, tree oid
	parents    []int32
	// generation is one more than the greatest of its parents': no ancestor has it.
	generation int32
	// chain and place name a commit by a line of first parents: of two commits of one
	// chain the one with the smaller place is an ancestor of the other.
	chain, place        int32
	authored, committed int64 // seconds since 1970, UTC
	author, committer   int32 // people
	subject             string
	pull                *content.PullRequest
	credits             []credit
	// first and last bound the commit's rows.
	first, last int32
}

func (c *commit) merge() bool { return len(c.parents) > 1 }

// credit names someone in a trailer.
type credit struct {
	role   role
	person int32
}

type role uint8

const (
	coAuthor role = iota
	reviewer
	approver
)

// graph is all commits that were read, parents before children. It only grows: what
// was there keeps its index.
type graph struct {
	commits []commit
	byHash  map[oid]int32
	// chains is the first commit of each chain, tips the last.
	chains, tips []int32
	walks        sync.Pool // *walk
}

func newGraph() *graph {
	g := &graph{byHash: map[oid]int32{}}
	g.walks.New = func() any { return &walk{} }
	return g
}

// add appends a commit whose parents are there.
func (g *graph) add(c commit) int32 {
	i := int32(len(g.commits))
	c.generation = 1
	for _, p := range c.parents {
		c.generation = max(c.generation, g.commits[p].generation+1)
	}
	if len(c.parents) > 0 && g.tips[g.commits[c.parents[0]].chain] == c.parents[0] {
		parent := &g.commits[c.parents[0]]
		c.chain, c.place = parent.chain, parent.place+1
		g.tips[c.chain] = i
	} else {
		c.chain, c.place = int32(len(g.chains)), 0
		g.chains, g.tips = append(g.chains, i), append(g.tips, i)
	}
	g.commits = append(g.commits, c)
	g.byHash[c.hash] = i
	return i
}

// mergesTo returns the merges that lead to a commit by first parents, from the given one on.
func (g *graph) mergesTo(c, from int32) map[int32]bool {
	out := map[int32]bool{}
	for c >= from {
		at := &g.commits[c]
		if at.merge() {
			out[c] = true
		}
		if len(at.parents) == 0 {
			break
		}
		c = at.parents[0]
	}
	return out
}

// reaches reports whether a is c or one of its ancestors.
func (g *graph) reaches(c, a int32) bool {
	goal := &g.commits[a]
	var seen map[int32]bool
	open := []int32{c}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		// Down the chain: each commit on it is reached.
		for {
			here := &g.commits[at]
			if here.chain == goal.chain && goal.place <= here.place {
				return true
			}
			if here.generation <= goal.generation || seen[at] {
				break
			}
			if here.merge() {
				if seen == nil {
					seen = map[int32]bool{}
				}
				seen[at] = true
				for _, p := range here.parents[1:] {
					if g.commits[p].generation >= goal.generation {
						open = append(open, p)
					}
				}
			}
			if len(here.parents) == 0 {
				break
			}
			at = here.parents[0]
		}
	}
	return false
}

// newer orders commits so that no commit comes before its ancestors, the same
// whatever order they were read in.
func (g *graph) newer(a, b int32) int {
	x, y := &g.commits[a], &g.commits[b]
	return cmp.Or(cmp.Compare(x.generation, y.generation), slices.Compare(x.hash[:], y.hash[:]))
}

// mergeBases returns the best common ancestors of a and b (git-merge-base --all).
// Commits are met from the newest index down, children before parents, so all that leads
// to one is known when it is.
func (g *graph) mergeBases(a, b int32) []int32 {
	if a == b {
		return []int32{a}
	}
	const ofA, ofB, stale = 1, 2, 4
	w := g.walks.Get().(*walk)
	defer g.walks.Put(w)
	defer w.clear()
	w.mark(a, ofA, len(g.commits))
	w.mark(b, ofB, len(g.commits))
	var bases []int32
	for at, live := max(a, b), 2; live > 0; at-- {
		f := w.flags[at]
		if f == 0 {
			continue
		}
		if f&stale == 0 {
			live--
			if f == ofA|ofB {
				bases = append(bases, at)
				f |= stale
			}
		}
		for _, p := range g.commits[at].parents {
			old := w.mark(p, f, len(g.commits))
			wasLive, isLive := old != 0 && old&stale == 0, w.flags[p]&stale == 0
			if isLive && !wasLive {
				live++
			} else if wasLive && !isLive {
				live--
			}
		}
	}
	return bases
}

// walk is the state of one walk down the graph, kept for the next.
type walk struct {
	flags   []uint8 // by commit; 0 where it was not met
	touched []int32
}

// mark adds flags to a commit, and returns what it had.
func (w *walk) mark(c int32, f uint8, commits int) uint8 {
	if len(w.flags) < commits {
		w.flags = append(w.flags, make([]uint8, commits-len(w.flags))...)
	}
	old := w.flags[c]
	if old == 0 {
		w.touched = append(w.touched, c)
	}
	w.flags[c] = old | f
	return old
}

func (w *walk) clear() {
	for _, c := range w.touched {
		w.flags[c] = 0
	}
	w.touched = w.touched[:0]
}
