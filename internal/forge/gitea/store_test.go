package gitea

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	sdk "code.gitea.io/sdk/gitea"
	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// sample is a pull request whose head is in the repository of f.
func sample(t *testing.T, f *Forge, number int) *kept {
	t.Helper()
	ctx := context.Background()
	tree, err := f.cfg.Repo.WriteTree(ctx, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	who := gitrepo.Signature{Name: "Anna", Email: "anna@example.org", When: time.Unix(1_700_000_000, 0)}
	head, err := f.cfg.Repo.WriteCommit(ctx, gitrepo.NewCommit{Tree: tree, Author: who, Committer: who, Message: "one\n"})
	if err != nil {
		t.Fatal(err)
	}
	anna, at := keptPerson{"Anna", "anna@example.org", content.IdentityForge}, time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	return &kept{
		Version: keptVersion, Number: number, Title: "A title", Description: "Why.", State: content.ProposalOpen, Author: anna,
		Branch: "refs/heads/proposals/x", Target: "refs/heads/main", Head: content.Hash(head), Base: content.Hash(head), OpenedAt: at, UpdatedAt: at,
		Requested: []string{"bert"}, Poster: "anna", Key: "k", URL: "https://gitea.example.org/1", Seen: "abc",
		Reviews:  []keptReview{{Person: anna, Verdict: content.VerdictApproved, Text: "Good.", Head: content.Hash(head), Stale: true, At: at}},
		Comments: []keptComment{{ID: "7", Person: anna, Text: "Hello.", At: at}},
		Events:   []keptEvent{{Kind: content.EventOpened, Actor: anna, At: at, Head: content.Hash(head), Text: "A title"}},
	}
}

// beside is a second process on the same repository.
func beside(t *testing.T, f *Forge) *Forge {
	t.Helper()
	repo, err := gitrepo.Open(f.cfg.Repo.GitDir(), gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	cfg := f.cfg
	cfg.Repo = repo
	g, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestWhatIsKeptIsReadBack(t *testing.T) {
	ctx := context.Background()
	f := forgeAt(t, http.NotFoundHandler())
	k := sample(t, f, 3)
	if _, err := f.keep(ctx, k, 1, false); err != nil {
		t.Fatal(err)
	}
	first := f.entry(3).at
	if _, err := f.keep(ctx, k, 2, false); err != nil || f.entry(3).at != first {
		t.Errorf("what is the same was written again: %v", err)
	}
	g := beside(t, f)
	if diff := cmp.Diff(k, g.entry(3).kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(f.entry(3).proposal, g.entry(3).proposal); diff != "" {
		t.Errorf("proposal (-want +got):\n%s", diff)
	}
	c, err := f.cfg.Repo.Commit(ctx, first)
	if err != nil || len(c.Parents) != 1 || c.Parents[0] != gitrepo.Hash(k.Head) {
		t.Errorf("the head is not held by %v: %v", c, err)
	}
}

func TestALaterReadIsNotOverwritten(t *testing.T) {
	ctx := context.Background()
	f := forgeAt(t, http.NotFoundHandler())
	late, early := sample(t, f, 3), sample(t, f, 3)
	late.Title, early.Title = "Late", "Early"
	for _, step := range []struct {
		k      *kept
		ticket uint64
	}{{late, 2}, {early, 1}} {
		e, err := f.keep(ctx, step.k, step.ticket, false)
		if err != nil || e.proposal.Title != "Late" {
			t.Errorf("got %q, %v", e.proposal.Title, err)
		}
	}
	if got := beside(t, f).entry(3).proposal.Title; got != "Late" {
		t.Errorf("kept is %q", got)
	}
}

func TestTwoProcessesKeepInOneRepository(t *testing.T) {
	ctx := context.Background()
	f := forgeAt(t, http.NotFoundHandler())
	g := beside(t, f)
	var group sync.WaitGroup
	for who, x := range map[string]*Forge{"f": f, "g": g} {
		group.Go(func() {
			for i := range 10 {
				k := sample(t, x, 3)
				k.Title = fmt.Sprintf("%s %d", who, i)
				if _, err := x.keep(ctx, k, uint64(i+1), false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	count, at := 0, f.entry(3).at
	tip, err := f.cfg.Repo.Ref(ctx, keptRefs+"3")
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range f.cfg.Repo.FirstParents(ctx, tip) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count == 20 {
			break
		}
		at = c.Hash
	}
	if count != 20 {
		t.Errorf("%d states are kept (until %s), want 20", count, at)
	}
}

func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	ctx := context.Background()
	f := forgeAt(t, http.NotFoundHandler())
	k := sample(t, f, 3)
	if _, err := f.keep(ctx, k, 1, false); err != nil {
		t.Fatal(err)
	}
	future := sample(t, f, 4)
	future.Version = keptVersion + 1
	if _, err := f.keep(ctx, future, 2, false); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{keptRefs + "5", keptRefs + "x"} {
		if err := f.cfg.Repo.UpdateRef(ctx, name, "", gitrepo.Hash(k.Head)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := beside(t, f).List(ctx)
	if err != nil || len(list) != 1 || list[0].Number != 3 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestPagesEndWhereTheServerSays(t *testing.T) {
	counted := func(total string) *sdk.Response {
		return &sdk.Response{Response: &http.Response{Header: http.Header{"X-Total-Count": []string{total}}}}
	}
	for _, test := range []struct {
		name     string
		sizes    []int // of the pages; empty ones after
		total    string
		patience int
		got      int
		asked    int
	}{
		{"all on one page", []int{3}, "3", 0, 3, 1},
		{"a server that gives less than asked", []int{2, 2, 1}, "5", 0, 5, 3},
		{"a server that does not count", []int{2, 1}, "", 0, 3, 3},
		{"left out of the count", []int{2}, "3", 0, 2, 2},
		{"empty pages in between", []int{2, 0, 0, 1}, "2", 2, 3, 7},
		{"nothing", nil, "0", 0, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			all, err := pages(20, test.patience, func(o sdk.ListOptions) ([]int, *sdk.Response, error) {
				asked++
				if o.Page > len(test.sizes) {
					return nil, counted(test.total), nil
				}
				return make([]int, test.sizes[o.Page-1]), counted(test.total), nil
			})
			if err != nil || len(all) != test.got || asked != test.asked {
				t.Errorf("got %d in %d pages, %v; want %d in %d", len(all), asked, err, test.got, test.asked)
			}
		})
	}
	_, err := pages(20, 0, func(sdk.ListOptions) ([]int, *sdk.Response, error) { return make([]int, 50), counted(""), nil })
	if err == nil {
		t.Error("a list without end was believed")
	}
}

func TestAChangeInTheSecondOfTheAnswerIsReadAgain(t *testing.T) {
	f := forgeAt(t, http.NotFoundHandler())
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for after, want := range map[time.Duration]bool{0: true, time.Second: true, 2 * time.Second: false, time.Hour: false} {
		resp := &sdk.Response{Response: &http.Response{Header: http.Header{"Date": []string{at.Add(after).Format(http.TimeFormat)}}}}
		if got := f.shown(&sdk.PullRequest{Updated: &at}, resp).fresh; got != want {
			t.Errorf("%s after: got %v", after, got)
		}
	}
}
