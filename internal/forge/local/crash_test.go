package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/forgetest"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// TestMain lets the test binary be the other process: only where no test is asked for, so
// that none passes without having run.
func TestMain(m *testing.M) {
	tests := slices.ContainsFunc(os.Args[1:], func(arg string) bool { return strings.HasPrefix(arg, "-test.") })
	switch what := os.Getenv("KOONTI_TEST_CHILD"); {
	case tests || what == "":
		os.Exit(m.Run())
	case what == "act":
		runAct()
	case what == "crowd":
		runCrowd()
	default:
		fmt.Fprintf(os.Stderr, "KOONTI_TEST_CHILD is %q, and can be act or crowd\n", what)
		os.Exit(2)
	}
}

// child is the test binary as another process on a repository.
func child(t *testing.T, dir, what string, args ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "KOONTI_TEST_CHILD="+what, "KOONTI_TEST_DIR="+dir)
	c.Stderr = os.Stderr
	return c
}

// killer ends the process just before it writes for the n-th time.
type killer struct {
	*gitrepo.Repo
	left int
}

func (k *killer) tick() {
	if k.left--; k.left < 0 {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Kill()
		}
		select {}
	}
}

func (k *killer) WriteBlob(ctx context.Context, data []byte) (gitrepo.Hash, error) {
	k.tick()
	return k.Repo.WriteBlob(ctx, data)
}

func (k *killer) WriteTree(ctx context.Context, base gitrepo.Hash, changes []gitrepo.TreeChange) (gitrepo.Hash, error) {
	k.tick()
	return k.Repo.WriteTree(ctx, base, changes)
}

func (k *killer) WriteCommit(ctx context.Context, c gitrepo.NewCommit) (gitrepo.Hash, error) {
	k.tick()
	return k.Repo.WriteCommit(ctx, c)
}

func (k *killer) Update(ctx context.Context, u gitrepo.RefUpdate) error {
	k.tick()
	return k.Repo.Update(ctx, u)
}

// acts are what is killed in the middle. Proposal 1, to put a, is there; the refs next,
// merge and fresh are commits to go on with.
var acts = map[string]func(f *Forge, at func(string) content.Hash) error{
	"open": func(f *Forge, at func(string) content.Hash) error {
		_, err := f.Open(context.Background(), person("Eero"), proposal.Opening{Title: "Put b", Head: at("fresh"), Base: at("heads/main"), Target: main})
		return err
	},
	"open with a key": func(f *Forge, at func(string) content.Hash) error {
		_, err := f.Open(context.Background(), person("Eero"), proposal.Opening{Title: "Put b", Head: at("fresh"), Base: at("heads/main"), Target: main, Key: "k"})
		return err
	},
	"edit": func(f *Forge, at func(string) content.Hash) error {
		title := "Put a better a"
		_, err := f.Edit(context.Background(), person("Eero"), 1, proposal.Edition{Was: at("heads/proposals/1"), Head: at("next"), Base: at("heads/main"), Title: &title})
		return err
	},
	"merge": func(f *Forge, at func(string) content.Hash) error {
		_, err := f.Merge(context.Background(), person("Eero"), 1, proposal.Merging{Head: at("heads/proposals/1"), Target: at("heads/main"), Commit: at("merge")})
		return err
	},
	"sync": func(f *Forge, at func(string) content.Hash) error {
		_, err := f.Sync(context.Background())
		return err
	},
}

// runAct does one act in a process that is killed in the middle.
func runAct() {
	r, err := gitrepo.Open(os.Getenv("KOONTI_TEST_DIR"), gitrepo.Config{})
	if err != nil {
		panic(err)
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	f := New(Config{Repo: r})
	f.repo = &killer{r, n}
	at := func(name string) content.Hash {
		h, err := r.Ref(context.Background(), "refs/"+name)
		if err != nil {
			panic(err)
		}
		return content.Hash(h)
	}
	if err := acts[os.Args[1]](f, at); err != nil {
		panic(err)
	}
}

// Killed at any moment, an act has either not happened, or is completed by the next Sync in
// the name of the one who did it.
func TestKilledAtAnyMoment(t *testing.T) {
	for name := range acts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			survived := false
			for n := 0; !survived; n++ {
				s := newSite(t)
				s.now = time.Now()
				p := s.open("a")
				base := s.Tip(main)
				git(t, s.bare, "update-ref", "refs/next", string(forgetest.Commit(t, s.Repo, "a", "newer\n", gitrepo.Hash(p.Head))))
				git(t, s.bare, "update-ref", "refs/merge", string(forgetest.Commit(t, s.Repo, "a", "new\n", base, gitrepo.Hash(p.Head))))
				git(t, s.bare, "update-ref", "refs/fresh", string(forgetest.Commit(t, s.Repo, "b", "new\n", base)))
				if name == "sync" {
					s.Push("refs/heads/proposals/pushed", s.Tip("refs/fresh"))
				}
				err := child(t, s.bare, "act", name, strconv.Itoa(n)).Run()
				survived = err == nil
				if !survived && err.Error() == "exit status 2" { // it panicked
					t.Fatalf("write %d: %v", n, err)
				}
				s.afterKill(name, survived)
				git(t, s.bare, "fsck", "--strict")
				if t.Failed() {
					t.Fatalf("killed before write %d", n)
				}
			}
		})
	}
}

// afterKill holds what a new process finds to be right.
func (s *site) afterKill(name string, survived bool) {
	s.Helper()
	ctx := s.Context()
	begun := len(s.list()) == 2
	if name == "open with a key" {
		again, err := s.forge.Open(ctx, person("Eero"), proposal.Opening{Title: "Put b", Head: content.Hash(s.Tip("refs/fresh")), Base: content.Hash(s.Tip(main)), Target: main, Key: "k"})
		s.same("tried again", []any{err, again.Number}, []any{nil, 2})
		begun = true
	}
	for range 2 {
		s.sync()
	}
	p, list := s.get(1), s.list()
	last := p.Events[len(p.Events)-1]
	who := content.Person{Name: "Eero", Email: "eero@example.org", Identity: content.IdentityToken}
	switch name {
	case "open", "open with a key":
		s.same("proposals", len(list) == 2, begun)
		if begun {
			s.same("opened", []any{list[0].State, list[0].Head, list[0].Author, s.Tip(list[0].Branch)},
				[]any{content.ProposalOpen, content.Hash(s.Tip("refs/fresh")), who, s.Tip("refs/fresh")})
		}
	case "edit":
		done := s.Tip(p.Branch) == s.Tip("refs/next")
		s.same("head", p.Head, content.Hash(s.Tip(p.Branch)))
		s.same("title", p.Title == "Put a better a", done)
		if done {
			s.same("edited", []any{len(p.Events), last.Kind, last.Actor}, []any{2, content.EventEdited, who})
		}
		begun = done
	case "merge":
		done := s.Tip(main) == s.Tip("refs/merge")
		s.same("merged", p.State == content.ProposalMerged, done)
		if done {
			s.same("event", []any{len(p.Events), last.Kind, last.Actor, s.Tip(p.Branch), p.MergedAs},
				[]any{2, content.EventMerged, who, gitrepo.Hash(""), content.Hash(s.Tip("refs/merge"))})
		}
		begun = done
	case "sync":
		s.same("adopted once", []any{len(list), list[0].Head}, []any{2, content.Hash(s.Tip("refs/fresh"))})
		begun = true
	}
	if survived && !begun {
		s.Errorf("%s came to nothing", name)
	}
	s.now = s.now.Add(2 * forgotten)
	s.sync()
	s.same("pending", git(s, s.bare, "for-each-ref", "refs/koonti/pending"), "")
	s.same("after all", []any{s.get(1), s.list()}, []any{p, list})
}

const crowd, rounds = 8, 4

// runCrowd is one of two processes in which many people work on one repository.
func runCrowd() {
	r, err := gitrepo.Open(os.Getenv("KOONTI_TEST_DIR"), gitrepo.Config{})
	if err != nil {
		panic(err)
	}
	if err := work(context.Background(), New(Config{Repo: r}), r, os.Args[1]); err != nil {
		panic(err)
	}
}

// work opens, comments, edits and looks, all at once.
func work(ctx context.Context, f *Forge, r *gitrepo.Repo, who string) error {
	errs := make([]error, crowd)
	var all, looking sync.WaitGroup
	done := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := f.Sync(ctx); err != nil {
					panic(err)
				}
			}
		}
	})
	for i := range crowd {
		all.Go(func() {
			for n := range rounds {
				if errs[i] = workOnce(ctx, f, r, fmt.Sprintf("%s-%d-%d", who, i, n)); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	close(done)
	looking.Wait()
	return errors.Join(errs...)
}

func workOnce(ctx context.Context, f *Forge, r *gitrepo.Repo, name string) error {
	base, err := r.Ref(ctx, main)
	if err != nil {
		return err
	}
	head, err := put(ctx, r, name, base)
	if err != nil {
		return err
	}
	by := person("Aino")
	if _, err := f.Open(ctx, by, proposal.Opening{Title: name, Head: content.Hash(head), Base: content.Hash(base), Target: main, Key: name}); err != nil {
		return err
	}
	if _, err := f.Comment(ctx, by, 1, name); err != nil {
		return err
	}
	for {
		p, err := f.Proposal(ctx, 1)
		if err != nil {
			return err
		}
		if head, err = put(ctx, r, name, gitrepo.Hash(p.Head)); err != nil {
			return err
		}
		_, err = f.Edit(ctx, by, 1, proposal.Edition{Was: p.Head, Head: content.Hash(head), Base: p.Base})
		if r, ok := err.(*content.Refusal); ok && r.Reason == content.RefusedOutdated {
			continue
		}
		return err
	}
}

// put commits an empty file called name.
func put(ctx context.Context, r *gitrepo.Repo, name string, parent gitrepo.Hash) (gitrepo.Hash, error) {
	c, err := r.Commit(ctx, parent)
	if err != nil {
		return "", err
	}
	blob, err := r.WriteBlob(ctx, nil)
	if err != nil {
		return "", err
	}
	tree, err := r.WriteTree(ctx, c.Tree, []gitrepo.TreeChange{{Path: name, Entry: gitrepo.Entry{Mode: gitrepo.File, Hash: blob}}})
	if err != nil {
		return "", err
	}
	who := gitrepo.Signature{Name: "Aino", Email: "aino@example.org", When: time.Now()}
	return r.WriteCommit(ctx, gitrepo.NewCommit{Tree: tree, Parents: []gitrepo.Hash{parent}, Author: who, Committer: who, Message: name})
}

// Two processes, eight people in each, and both look on all the time: no event is lost,
// none is told by the wrong name, and no number is given twice.
func TestTwoProcesses(t *testing.T) {
	s := newSite(t)
	s.open("shared")
	other := child(t, s.bare, "crowd", "other")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if err := work(t.Context(), New(Config{Repo: s.Repo}), s.Repo, "this"); err != nil {
		t.Error(err)
	}
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	s.sync()
	const all = 2 * crowd * rounds
	p := s.get(1)
	files := strings.Fields(git(t, s.bare, "ls-tree", "--name-only", p.Branch))
	kinds := map[string]int{}
	for _, e := range p.Events {
		kinds[fmt.Sprint(e.Kind, " ", e.Actor.Identity)]++
	}
	s.same("events", kinds, map[string]int{"OPENED TOKEN": 1, "COMMENTED TOKEN": all, "EDITED TOKEN": all})
	s.same("files", len(files), all+2)
	s.same("its branch", s.Tip(p.Branch), gitrepo.Hash(p.Head))
	titles := map[string]bool{}
	for _, q := range s.list() {
		titles[q.Title] = true
		s.same(q.Title, []any{s.Tip(q.Branch), q.Branch}, []any{gitrepo.Hash(q.Head), ownBranch(q.Number)})
	}
	s.same("proposals", []int{len(titles), len(s.list())}, []int{all + 1, all + 1})
	s.same("pending", git(t, s.bare, "for-each-ref", "refs/koonti/pending"), "")
}
