package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tangle makes n commits of up to three random parents each, with clocks that
// may be wrong, and returns them.
func (g *git) tangle(n int, random *rand.Rand, wrong bool) []Hash {
	g.t.Helper()
	var b strings.Builder
	for i := range n {
		when := 1600000000 + 60*i
		if wrong {
			when = 1600000000 + random.IntN(60*n)
		}
		fmt.Fprintf(&b, "reset refs/heads/c%d\ncommit refs/heads/c%d\nmark :%d\ncommitter E <e@example.org> %d +0000\ndata 1\nx\n", i, i, i+1, when)
		if i > 0 && random.IntN(8) > 0 {
			parents := random.Perm(min(i, 6))[:1+random.IntN(min(i, 3))]
			for j, back := range parents {
				fmt.Fprintf(&b, "%s :%d\n", []string{"from", "merge", "merge"}[j], i-back)
			}
		}
		fmt.Fprintf(&b, "M 644 inline f%d\ndata 1\nx\n", i)
	}
	g.feed(b.String(), "fast-import", "--quiet", "--force")
	var all []Hash
	for i := range n {
		all = append(all, g.hash(fmt.Sprintf("refs/heads/c%d", i)))
	}
	return all
}

func TestMergeBasesAsGit(t *testing.T) {
	crossed := 0
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 0))
		g := newGit(t)
		commits := g.tangle(24, random, seed%2 == 1)
		r := g.open()
		for range 60 {
			a, b := commits[random.IntN(len(commits))], commits[random.IntN(len(commits))]
			out, _ := g.try("merge-base", "--all", string(a), string(b))
			want := strings.Fields(out)
			bases, err := r.MergeBases(background, a, b)
			var got []string
			for _, h := range bases {
				got = append(got, string(h))
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got, cmp.Transformer("none", func(s []string) string { return strings.Join(s, " ") })); diff != "" || err != nil {
				t.Fatalf("seed %d, %s and %s: %v\n%s\n%s", seed, a, b, err, diff, g.run("log", "--graph", "--oneline", "--all"))
			}
			if len(want) > 1 {
				crossed++
			}
			_, notIt := g.try("merge-base", "--is-ancestor", string(a), string(b))
			if is, err := r.IsAncestor(background, a, b); is != (notIt == nil) || err != nil {
				t.Fatalf("seed %d, %s above %s: %v, %v", seed, a, b, is, err)
			}
		}
	}
	if crossed == 0 {
		t.Error("no merges crossed")
	}
}

func TestMergeBasesThatCannotBeFound(t *testing.T) {
	g := newGit(t)
	g.commits("main", 6, 1600000000)
	g.commits("side", 3, 1600000000)
	head, side, tree := g.hash("main"), g.hash("side"), g.hash("main^{tree}")
	r := g.open()
	for _, h := range []Hash{"", "x", tree, Hash(strings.Repeat("12", 20))} {
		if _, err := r.MergeBases(background, head, h); !errors.Is(err, ErrNotFound) {
			t.Errorf("with %q: %v", h, err)
		}
		if _, err := r.IsAncestor(background, h, head); !errors.Is(err, ErrNotFound) {
			t.Errorf("is %q an ancestor: %v", h, err)
		}
	}
	if _, err := r.MergeBases(cancelled(), head, side); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	p := must(r.painter(5))
	if _, err := p.bases(background, head, side); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more commits than may be read: %v", err)
	}
	// A shallow clone knows what lies before its edge, and nothing beyond.
	g.run("clone", "-q", "--depth", "3", "--branch", "main", "file://"+g.dir, "../shallow")
	shallow := openAt(t, filepath.Join(filepath.Dir(g.dir), "shallow"))
	if got, err := shallow.MergeBases(background, head, g.hash("main~1")); err != nil || !slices.Equal(got, []Hash{g.hash("main~1")}) {
		t.Errorf("inside a shallow clone: %v, %v", got, err)
	}
	other := must(shallow.WriteCommit(background, NewCommit{Tree: tree, Author: Signature{Name: "A", When: time.Unix(1700000000, 0)}, Committer: Signature{Name: "A", When: time.Unix(1700000000, 0)}}))
	if got, err := shallow.MergeBases(background, head, other); !errors.Is(err, ErrShallow) {
		t.Errorf("beyond the edge: %v, %v", got, err)
	}
}
