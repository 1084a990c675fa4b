package gitrepo

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// walked are the hashes that Walk yields, sorted.
func walked(t *testing.T, r *Repo, heads []Hash, known func(Hash) bool) []string {
	t.Helper()
	list := []string{}
	for c, err := range r.Walk(background, heads, known) {
		if err != nil {
			t.Fatal(err)
		}
		if whole := must(r.Commit(background, c.Hash)); !cmp.Equal(whole, c) {
			t.Errorf("%s: walked %+v, read %+v", c.Hash, c, whole)
		}
		list = append(list, string(c.Hash))
	}
	slices.Sort(list)
	return list
}

func TestWalkIsRevList(t *testing.T) {
	g := knotted(t)
	r := g.open()
	var all []Hash
	for _, line := range g.lines("rev-list", "--all") {
		all = append(all, Hash(line))
	}
	for name, heads := range map[string][]Hash{
		"none": nil, "one": all[:1], "all": all, "twice": {all[0], all[0]}, "old": {all[len(all)-1]},
	} {
		for _, stop := range append([]Hash{""}, all...) {
			args, tops := []string{"rev-list"}, []string{}
			for _, h := range heads {
				tops = append(tops, string(h))
			}
			want := []string{}
			if len(heads) > 0 {
				args = append(args, tops...)
				if stop != "" {
					args = append(args, "^"+string(stop))
				}
				want = append(want, g.lines(args...)...)
			}
			slices.Sort(want)
			below := map[Hash]bool{}
			if stop != "" {
				for _, h := range g.lines("rev-list", string(stop)) {
					below[Hash(h)] = true
				}
			}
			asked := map[Hash]int{}
			got := walked(t, r, heads, func(h Hash) bool { asked[h]++; return below[h] })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, not from %q:\n%s", name, stop, diff)
			}
			for h, n := range asked {
				if n > 1 {
					t.Errorf("%s, not from %q: %s was asked for %d times", name, stop, h, n)
				}
			}
		}
	}
}

func TestWalkStops(t *testing.T) {
	g := newGit(t)
	g.commits("main", 5, 1600000000)
	head := g.hash("main")
	r := g.open()
	count := 0
	for range r.Walk(background, []Hash{head}, nil) {
		if count++; count == 2 {
			break
		}
	}
	if count != 2 {
		t.Errorf("%d commits after a break at 2", count)
	}
	// Below a known commit nothing is read, so that what is gone there does not matter.
	if got := walked(t, r, []Hash{head}, func(h Hash) bool { return h != head }); !slices.Equal(got, []string{string(head)}) {
		t.Errorf("above known parents: %v", got)
	}
	for name, heads := range map[string][]Hash{
		"gone": {Hash(strings.Repeat("12", 20))}, "no hash": {"x"}, "a tree": {g.hash("main^{tree}")},
	} {
		var last error
		for _, err := range r.Walk(background, heads, nil) {
			last = err
		}
		if !errors.Is(last, ErrNotFound) {
			t.Errorf("%s: %v", name, last)
		}
	}
	for _, err := range r.Walk(cancelled(), []Hash{head}, nil) {
		if !errors.Is(err, cancelled().Err()) {
			t.Errorf("after the end of its context: %v", err)
		}
	}
}

func TestWalkEndsAtTheEdgeOfAShallowClone(t *testing.T) {
	g := newGit(t)
	g.commits("main", 9, 1600000000)
	shallow := g.in(realTemp(t))
	shallow.run("clone", "-q", "--depth", "3", "file://"+g.dir, "clone")
	clone := shallow.in(shallow.dir + "/clone")
	var edges, all int
	for c, err := range clone.open().Walk(background, []Hash{clone.hash("HEAD")}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if all++; c.Boundary {
			edges++
		}
	}
	if all != 3 || edges != 1 {
		t.Errorf("%d commits, %d at the edge, want 3 and 1", all, edges)
	}
}
