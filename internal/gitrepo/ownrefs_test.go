package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpdateRef(t *testing.T) {
	for _, packed := range []bool{false, true} {
		t.Run(fmt.Sprintf("packed=%v", packed), func(t *testing.T) {
			g := newGit(t)
			one, two := g.commit("a", "1"), g.commit("a", "2")
			r := g.open()
			name := "refs/koonti/heads/x"
			for i, step := range []struct {
				was, is Hash
				want    error
				now     Hash
			}{
				{one, two, ErrChanged, ""},
				{one, "", ErrChanged, ""},
				{"", "", nil, ""},
				{"", one, nil, one},
				{"", two, ErrChanged, one},
				{"", "", ErrChanged, one},
				{two, one, ErrChanged, one},
				{one, two, nil, two},
				{two, two, nil, two},
				{one, "", ErrChanged, two},
				{two, Hash(strings.Repeat("12", 20)), ErrNotFound, two},
				{two, "x", ErrNotFound, two},
				{"x", one, ErrNotFound, two},
				{two, "", nil, ""},
				{"", two, nil, two},
			} {
				err := r.UpdateRef(background, name, step.was, step.is)
				if !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
					t.Errorf("step %d: %v, want %v", i, err, step.want)
				}
				if got, _ := g.try("rev-parse", "--verify", "-q", name); Hash(got) != step.now {
					t.Errorf("step %d: git reads %q, want %q", i, got, step.now)
				}
				if packed {
					g.run("pack-refs", "--all", "--prune")
				}
			}
			g.run("fsck", "--strict")
			if locks, _ := filepath.Glob(filepath.Join(g.dir, ".git/refs/koonti/*/*.lock")); locks != nil {
				t.Errorf("left behind: %s", locks)
			}
		})
	}
}

// Names come from outside: no other ref, and no other file, is ever written.
func TestUpdateRefTakesOwnNamesOnly(t *testing.T) {
	g := newGit(t)
	head := g.commit("a", "1")
	r := g.open()
	for _, name := range []string{
		"refs/koonti/a", "refs/koonti/a/b-c/d_1", "refs/koonti/ä", "refs/koonti/@", "refs/koonti/a.b", "refs/koonti/-",
		"", "refs/koonti", "refs/koonti/", "refs/koonti//a", "/refs/koonti/a", "refs/koonti/a/", "refs/koonti/../heads/main",
		"refs/koonti/.a", "refs/koonti/a.", "refs/koonti/a..b", "refs/koonti/a.lock", "refs/koonti/a.lock/b", "refs/koonti/a b",
		"refs/koonti/a\n", "refs/koonti/a\x00", "refs/koonti/a\x7f", "refs/koonti/a~1", "refs/koonti/a^", "refs/koonti/a:b", "refs/koonti/a?",
		"refs/koonti/a*", "refs/koonti/[a", `refs/koonti/a\b`, "refs/koonti/@{a", "refs/tags/x", "refs/headsx/a", "refs/heads", "refs/heads/", "refs/heads/HEAD", "refs/heads/-x", "refs/koontix/a", "HEAD", "refs/koonti/a/./b",
	} {
		_, err := g.try("check-ref-format", strings.ReplaceAll(name, "\x00", "\x01"))
		want := err == nil && strings.HasPrefix(name, "refs/koonti/")
		if err := r.UpdateRef(background, name, "", head); (err == nil) != want || err != nil && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%q: %v, want it taken: %v", name, err, want)
		}
		if want {
			if err := r.UpdateRef(background, name, head, ""); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		for _, is := range []Hash{head, ""} {
			if err := r.UpdateRef(background, name, head, is); !want && !errors.Is(err, ErrUnsupported) {
				t.Errorf("%q, %q: %v", name, is, err)
			}
		}
	}
	if diff := cmp.Diff([]string{"refs/heads/main"}, g.lines("for-each-ref", "--format=%(refname)")); diff != "" {
		t.Errorf("refs (-want +git):\n%s", diff)
	}
}

func TestUpdateRefBesideOthers(t *testing.T) {
	g := newGit(t)
	head := g.commit("a", "1")
	r := g.open()
	for _, packed := range []bool{false, true} {
		g.run("update-ref", "refs/koonti/a/b", string(head))
		if packed {
			g.run("pack-refs", "--all", "--prune")
		}
		for _, name := range []string{"refs/koonti/a", "refs/koonti/a/b/c"} {
			if err := r.UpdateRef(background, name, "", head); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s beside refs/koonti/a/b, packed %v: %v", name, packed, err)
			}
		}
	}
	for _, step := range []struct {
		name    string
		was, is Hash
	}{{"refs/koonti/a/b", head, ""}, {"refs/koonti/a", "", head}, {"refs/koonti/a", head, ""}, {"refs/koonti/a/b/c", "", head}} {
		if err := r.UpdateRef(background, step.name, step.was, step.is); err != nil {
			t.Errorf("%+v: %v", step, err)
		}
	}
	if err := r.UpdateRef(cancelled(), "refs/koonti/c", "", head); !errors.Is(err, cancelled().Err()) {
		t.Errorf("after the end of its context: %v", err)
	}
	g.run("fsck", "--strict")
}

// What cannot be written is an error, here because a file lies where a folder
// should: to the superuser nothing is read-only.
func TestUpdateRefThatCannotBeWritten(t *testing.T) {
	g := newGit(t)
	head := g.commit("a", "1")
	g.write(".git/refs/koonti", "in the way")
	r := g.open()
	for _, step := range [][2]Hash{{"", head}, {head, head}, {head, ""}} {
		if err := r.UpdateRef(background, "refs/koonti/a", step[0], step[1]); err == nil {
			t.Errorf("%v was written", step)
		}
	}
	readOnly := filepath.Join(g.dir, ".git/refs")
	os.Remove(filepath.Join(readOnly, "koonti"))
	if err := os.Chmod(readOnly, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(readOnly, 0o700)
	err := r.UpdateRef(background, "refs/koonti/a", "", head)
	if _, git := g.try("update-ref", "refs/koonti/b", string(head)); (git == nil) != (err == nil) {
		t.Errorf("into a folder that is read-only: %v, git: %v", err, git)
	}
}

// TestOneWriterWins lets writers of three kinds want the same change at once:
// goroutines, another repository that is the same on disk, and the git program.
func TestOneWriterWins(t *testing.T) {
	g := newGit(t)
	base := g.commit("a", "1")
	g.commits("side", 4, 1600000000)
	var next []Hash
	for _, line := range g.lines("rev-list", "side") {
		next = append(next, Hash(line))
	}
	r, other := g.open(), g.open()
	for round := range 10 {
		name := fmt.Sprintf("refs/koonti/race/%d", round)
		was := Hash("")
		if round%2 == 1 {
			was = base
			g.run("update-ref", name, string(base))
		}
		var wins atomic.Int32
		var won [4]bool
		var wg sync.WaitGroup
		for i, update := range []func(Hash) error{
			func(is Hash) error { return r.UpdateRef(background, name, was, is) },
			func(is Hash) error { return r.UpdateRef(background, name, was, is) },
			func(is Hash) error { return other.UpdateRef(background, name, was, is) },
			func(is Hash) error {
				old := was
				if old == "" {
					old = Hash(strings.Repeat("0", 40))
				}
				if _, err := g.try("update-ref", name, string(is), string(old)); err != nil {
					return ErrChanged
				}
				return nil
			},
		} {
			wg.Go(func() {
				err := update(next[i])
				if won[i] = err == nil; won[i] {
					wins.Add(1)
				} else if !errors.Is(err, ErrChanged) {
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		now := g.hash(name)
		for i := range won {
			if won[i] != (now == next[i]) {
				t.Errorf("writer %d won: %v, the ref is %s", i, won[i], now)
			}
		}
		if wins.Load() != 1 {
			t.Errorf("%d writers won", wins.Load())
		}
	}
}

func TestRefsUnder(t *testing.T) {
	g := newGit(t)
	one, two := g.commit("a", "1"), g.commit("a", "2")
	g.run("update-ref", "refs/koonti/heads/old", string(one))
	g.run("update-ref", "refs/koonti/heads/moved", string(one))
	g.run("tag", "-a", "-m", "x", "v1")
	g.run("update-ref", "refs/koonti/tag", string(g.hash("v1")))
	g.run("pack-refs", "--all")
	g.run("update-ref", "refs/koonti/heads/moved", string(two))
	g.run("update-ref", "refs/koonti/heads/a/b", string(two))
	g.run("update-ref", "refs/koonti/headstone", string(two))
	g.write(".git/refs/koonti/heads/broken", "x")
	r := g.open()
	heads := []Ref{{"refs/koonti/heads/a/b", two}, {"refs/koonti/heads/moved", two}, {"refs/koonti/heads/old", one}}
	for _, name := range []string{"refs/heads/proposals/2", "refs/heads/proposals/10", "refs/heads/proposal"} {
		g.run("update-ref", name, string(one))
	}
	for prefix, want := range map[string][]Ref{
		"refs/heads/proposals/":   {{"refs/heads/proposals/10", one}, {"refs/heads/proposals/2", one}},
		"refs/koonti/":            append(heads[:3:3], Ref{"refs/koonti/headstone", two}, Ref{"refs/koonti/tag", g.hash("v1")}),
		"refs/koonti":             append(heads[:3:3], Ref{"refs/koonti/headstone", two}, Ref{"refs/koonti/tag", g.hash("v1")}),
		"refs/koonti/heads/":      heads,
		"refs/koonti/heads":       heads,
		"refs/koonti/heads/moved": heads[1:2],
		"refs/koonti/none/":       {},
	} {
		got, err := r.RefsUnder(background, prefix)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", prefix, err, diff)
		}
	}
	for _, prefix := range []string{"", "refs/", "refs/heads/", "refs/heads", "refs/tags/", "refs/headsx/", "refs/heads/../tags", "refs/koontix", "refs/koonti/../heads", "refs/koonti//", "HEAD", "/"} {
		if got, err := r.RefsUnder(background, prefix); !errors.Is(err, ErrUnsupported) || got != nil {
			t.Errorf("%q: %v, %v", prefix, got, err)
		}
	}
}
