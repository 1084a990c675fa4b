//go:build e2e

package gitea

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sdk "code.gitea.io/sdk/gitea"
	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/gitea/giteatest"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

var ctx = context.Background()

func TestE2E(t *testing.T) {
	s := giteatest.Start(t)
	p := people{s.User(t, "service", "Koonti Service"), s.User(t, "anna", "Anna Editor"), s.User(t, "bert", "Bert Reviewer"), s.User(t, "carl", "")}
	for _, test := range []struct {
		name string
		run  func(*world)
	}{
		{"roles are Gitea's rights", roles},
		{"opening by one's own token", openByToken},
		{"opening for somebody without a token", openForGuest},
		{"one key is one proposal", openByKey},
		{"a reviewer that is not there", openForNobody},
		{"a push to refs-for", pushForReview},
		{"a fork", fork},
		{"editing here", editHere},
		{"editing in Gitea", editThere},
		{"reviews", reviews},
		{"reviews for somebody without a token", reviewsOfGuest},
		{"reviews of those who have no say in it", reviewsOfOutsiders},
		{"comments, also edited and forged ones", comments},
		{"closing and reopening", closing},
		{"merging", merging},
		{"merging what both sides changed", mergingJoined},
		{"a conflict for Gitea", conflict},
		{"a target that moved", targetMoved},
		{"a review that was not heard of", reviewedMeanwhile},
		{"a protected branch", protected},
		{"merging by hand in Gitea", mergedThere},
		{"what was found out", toldThere},
		{"a webhook", webhook},
		{"a server that is away", away}, // the last, because it stops the server
	} {
		t.Run(test.name, func(t *testing.T) { test.run(newWorld(t, s, p)) })
	}
}

func (w *world) expect(what string, want, got any) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// refused wants a refusal, and gives its message.
func (w *world) refused(err error, reason content.RefusalReason) string {
	w.t.Helper()
	var r *content.Refusal
	if !errors.As(err, &r) || r.Reason != reason {
		w.t.Fatalf("got %v, want a refusal for %s", err, reason)
	}
	return r.Message
}

// fails wants an error that wraps a sentinel.
func (w *world) fails(err, sentinel error) {
	w.t.Helper()
	if !errors.Is(err, sentinel) {
		w.t.Fatalf("got %v, want %v", err, sentinel)
	}
}

func must[T any](w *world) func(T, error) T {
	return func(v T, err error) T {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
		return v
	}
}

// proposal is what the forge knows of one.
func (w *world) proposal(number int) *content.Proposal {
	w.t.Helper()
	return must[*content.Proposal](w)(w.forge.Proposal(ctx, number))
}

// restarted wants that a new process knows the same without asking the server.
func (w *world) restarted(what string) {
	w.t.Helper()
	again := w.forgeOf(w.repo)
	w.expect(what, must[[]*content.Proposal](w)(w.forge.List(ctx)), must[[]*content.Proposal](w)(again.List(ctx)))
}

func roles(w *world) {
	private := true
	must[any](w)(first(w.client(w.server.Admin).EditRepo("root", w.name, sdk.EditRepoOption{Private: &private})))
	role := func(token string) content.Role { return w.actor(token).Role }
	w.expect("a writer", content.RoleMaintainer, role(w.people.anna))
	w.expect("one who does not see it", content.RoleNone, role(w.people.carl))
	read := sdk.AccessModeRead
	_, err := w.client(w.server.Admin).AddCollaborator("root", w.name, "carl", sdk.AddCollaboratorOption{Permission: &read})
	if err != nil {
		w.t.Fatal(err)
	}
	w.expect("a reader", content.RoleReader, role(w.people.carl))
	w.protect(sdk.CreateBranchProtectionOption{EnableMergeWhitelist: true, MergeWhitelistUsernames: []string{"anna"}})
	w.expect("a writer who may merge", content.RoleMaintainer, role(w.people.anna))
	w.expect("a writer who may not merge", content.RoleReviewer, role(w.people.bert))
	w.expect("who it is", content.Actor{
		Person: content.Person{Name: "Bert Reviewer", Email: "bert@example.org", Identity: content.IdentityForge},
		Role:   content.RoleReviewer, ID: "bert", Token: w.people.bert,
	}, w.actor(w.people.bert))
	for _, bad := range []string{"", "0123456789012345678901234567890123456789", "a b", "x\ny"} {
		_, err := w.forge.Authenticate(ctx, bad)
		w.fails(err, content.ErrUnauthenticated)
	}
}

// first is for calls that give a response besides.
func first[T any](v T, _ *sdk.Response, err error) (any, error) { return v, err }

func (w *world) protect(o sdk.CreateBranchProtectionOption) {
	w.t.Helper()
	o.RuleName, o.BranchName = "main", "main"
	must[any](w)(first(w.client(w.server.Admin).CreateBranchProtection("root", w.name, o)))
}

func openByToken(w *world) {
	o := w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n")
	o.Reviewers = []string{"bert@example.org"}
	p := w.propose(w.actor(w.people.anna), o)
	w.expect("events", []string{"OPENED Anna Editor"}, kinds(p))
	w.expect("proposal", &content.Proposal{
		Number: 1, Title: "A title", Description: "Because *so*.", State: content.ProposalOpen, Author: w.actor(w.people.anna).Person,
		Branch: "refs/heads/proposals/" + string(o.Head[:12]), Target: "refs/heads/main", Head: o.Head, Base: o.Base,
		OpenedAt: p.OpenedAt, UpdatedAt: p.UpdatedAt, Requested: []string{"bert"},
		Events: []content.ProposalEvent{{Kind: content.EventOpened, Actor: w.actor(w.people.anna).Person, At: p.OpenedAt, Head: o.Head, Text: "A title"}},
		URL:    w.server.URL + "/root/" + w.name + "/pulls/1",
	}, p)
	w.expect("news", []string{"1 OPENED Anna Editor"}, told(w.sync()))
	w.expect("news again", []string(nil), told(w.sync()))
	pr := must[any](w)(first(w.client(w.people.bert).GetPullRequest("root", w.name, 1))).(*sdk.PullRequest)
	w.expect("on Gitea", []string{"anna", "Because *so*."}, []string{pr.Poster.UserName, pr.Body})
	w.restarted("what a new process knows")
}

func openForGuest(w *world) {
	p := w.propose(guest, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	w.expect("author", guest.Person, p.Author)
	w.expect("description", "Because *so*.", p.Description)
	pr := must[any](w)(first(w.client(w.people.bert).GetPullRequest("root", w.name, 1))).(*sdk.PullRequest)
	_, shown, _ := strings.Cut(pr.Body, "\n")
	w.expect("what people see", `**Gina \*Guest\* @`+"\u2060"+"anna** proposes:\n\nBecause *so*.", shown)
	body := strings.Replace(pr.Body, "Gina", "Anna", 1)
	must[any](w)(first(w.client(w.people.bert).EditPullRequest("root", w.name, 1, sdk.EditPullRequestOption{Body: &body})))
	w.sync()
	w.expect("the author after somebody edited the text", guest.Person, w.proposal(1).Author)
}

func openByKey(w *world) {
	anna, other := w.actor(w.people.anna), *w
	other.repo = mirror(w.t, w.remote, w.t.TempDir())
	other.forge = other.forgeOf(other.repo)
	var group sync.WaitGroup
	numbers := make([]int, 4)
	for i, x := range []*world{w, &other, w, &other} {
		o := x.opening(fmt.Sprintf("Title %d", i), "one.json", fmt.Sprintf("{\n  \"a\": %d\n}\n", i+2))
		o.Key = "a key"
		group.Go(func() {
			p, err := x.forge.Open(ctx, anna, o)
			if err != nil {
				w.t.Error(err)
				return
			}
			numbers[i] = p.Number
		})
	}
	group.Wait()
	w.expect("what four got at once", []int{1, 1, 1, 1}, numbers)
	o := w.opening("Another", "one.json", "{\n  \"a\": 9\n}\n")
	o.Key = "a key"
	w.expect("somebody else with that key", 2, w.propose(w.actor(w.people.bert), o).Number)
	w.expect("one without an account with that key", 3, w.propose(guest, o).Number)
	w.expect("the first again", 1, w.propose(anna, o).Number)
	must[*content.Proposal](w)(w.forge.Close(ctx, anna, 1))
	w.expect("the first again, closed", 1, w.propose(anna, o).Number)
	left := w.opening("Left", "one.json", "{\n  \"a\": 10\n}\n")
	left.Key = "left by one that died"
	sum := sha256.Sum256([]byte(anna.ID + "\x00" + left.Key))
	w.force(fmt.Sprintf("refs/heads/proposals/%x", sum[:8]), gitrepo.Hash(o.Head))
	w.expect("what one that died left is taken over", left.Head, w.propose(anna, left).Head)
	o.Key = ""
	w.expect("without a key", 5, w.propose(anna, o).Number)
	w.expect("the same commit without a key", 6, w.propose(anna, o).Number)
}

func openForNobody(w *world) {
	o := w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n")
	o.Reviewers = []string{"nobody"}
	_, err := w.forge.Open(ctx, w.actor(w.people.anna), o)
	w.refused(err, content.RefusedForge)
	o.Reviewers, o.Target = nil, "refs/heads/nowhere"
	_, err = w.forge.Open(ctx, w.actor(w.people.anna), o)
	w.fails(err, content.ErrNotFound)
	w.git("fetch", "-q", "--prune", "origin")
	w.expect("branches left", "origin/main", w.git("branch", "-r"))
	_, err = w.forge.Open(ctx, w.actor(w.people.carl), w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	w.fails(err, content.ErrForbidden)
}

func pushForReview(w *world) {
	w.git("switch", "-qc", "mine")
	w.write("one.json", "{\n  \"a\": 2\n}\n")
	w.git("commit", "-qam", "From the command line")
	w.git("push", "-q", "origin", "HEAD:refs/for/main", "-o", "topic=mine")
	w.expect("news", []string{"1 OPENED Bert Reviewer"}, told(w.sync()))
	p := w.proposal(1)
	w.expect("proposal", []string{"From the command line", w.git("rev-parse", "HEAD"), "refs/koonti/pulls/1"}, []string{p.Title, string(p.Head), p.Branch})
	w.expect("head here", p.Head, w.ref(p.Branch))
	_, err := w.forge.Edit(ctx, w.actor(w.people.anna), 1, proposal.Edition{Was: p.Head, Head: w.commit("one.json", "{}\n", p.Head), Base: p.Base})
	w.refused(err, content.RefusedForge)
}

func fork(w *world) {
	c := w.client(w.people.carl)
	must[any](w)(first(c.CreateFork("root", w.name, sdk.CreateForkOption{})))
	mine := strings.Replace(w.remote, "/root/", "/carl/", 1)
	w.git("remote", "add", "fork", giteatest.As(mine, w.people.carl))
	w.git("switch", "-qc", "idea")
	w.write("one.json", "{\n  \"a\": 2\n}\n")
	w.git("commit", "-qam", "From a fork")
	w.git("push", "-q", "fork", "idea")
	must[any](w)(first(c.CreatePullRequest("root", w.name, sdk.CreatePullRequestOption{Head: "carl:idea", Base: "main", Title: "From a fork"})))
	w.expect("news", []string{"1 OPENED carl"}, told(w.sync()))
	p := w.proposal(1)
	w.expect("head", []string{w.git("rev-parse", "idea"), "refs/koonti/pulls/1"}, []string{string(p.Head), p.Branch})
	w.expect("head here", p.Head, w.ref(p.Branch))
	p = must[*content.Proposal](w)(w.forge.Merge(ctx, w.actor(w.people.bert), 1, w.merging(p, "one.json", "{\n  \"a\": 2\n}\n")))
	w.expect("state", content.ProposalMerged, p.State)
}

func editHere(w *world) {
	anna := w.actor(w.people.anna)
	o := w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n")
	p := w.propose(anna, o)
	w.sync()
	title, text := "Another title", "Another text."
	head := w.commit("one.json", "{\n  \"a\": 3\n}\n", p.Head)
	p = must[*content.Proposal](w)(w.forge.Edit(ctx, w.actor(w.people.bert), 1, proposal.Edition{
		Was: p.Head, Head: head, Base: p.Base, Title: &title, Description: &text, Reviewers: []string{"Bert Reviewer"},
	}))
	w.expect("edited", []string{title, text, string(head), "bert"}, []string{p.Title, p.Description, string(p.Head), strings.Join(p.Requested, " ")})
	w.expect("events", []string{"OPENED Anna Editor", "EDITED Bert Reviewer", "EDITED Bert Reviewer", "EDITED Bert Reviewer"}, kinds(p))
	w.expect("news", []string{"1 EDITED Bert Reviewer", "1 EDITED Bert Reviewer", "1 EDITED Bert Reviewer"}, told(w.sync()))
	w.expect("heads of events", []content.Hash{o.Head, o.Head, head, head}, []content.Hash{p.Events[0].Head, p.Events[1].Head, p.Events[2].Head, p.Events[3].Head})
	_, err := w.forge.Edit(ctx, anna, 1, proposal.Edition{Was: o.Head, Head: w.commit("one.json", "{\n  \"a\": 4\n}\n", o.Head), Base: p.Base})
	w.refused(err, content.RefusedOutdated)
	forced := w.commit("one.json", "{\n  \"a\": 5\n}\n", p.Base)
	p = must[*content.Proposal](w)(w.forge.Edit(ctx, guest, 1, proposal.Edition{Was: head, Head: forced, Base: p.Base}))
	w.expect("head after one that does not follow the one before", forced, p.Head)
	w.expect("who edited", "EDITED "+guest.Person.Name, kinds(p)[len(p.Events)-1])
	w.expect("no event is forgotten", 5, len(p.Events))
	w.expect("no comment is made of our note", 0, len(p.Comments))
	w.restarted("what a new process knows")
}

func editThere(w *world) {
	p := w.propose(guest, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	w.sync()
	branch := strings.TrimPrefix(p.Branch, "refs/heads/")
	file := must[any](w)(first(w.client(w.people.bert).GetContents("root", w.name, branch, "one.json"))).(*sdk.ContentsResponse)
	must[any](w)(first(w.client(w.people.bert).UpdateFile("root", w.name, "one.json", sdk.UpdateFileOptions{
		FileOptions: sdk.FileOptions{BranchName: branch, Message: "edited on the web"}, SHA: file.SHA, Content: "ewogICJhIjogMwp9Cg==",
	})))
	w.until("the edit is seen", func() bool { w.sync(); return len(w.proposal(1).Events) == 2 })
	q := w.proposal(1)
	w.expect("events", []string{"OPENED " + guest.Person.Name, "EDITED Bert Reviewer"}, kinds(q))
	c := must[gitrepo.Commit](w)(w.repo.Commit(ctx, gitrepo.Hash(q.Head)))
	w.expect("the new head", []string{"edited on the web\n", string(p.Head)}, []string{c.Message, string(c.Parents[0])})
	w.git("fetch", "-q", "origin")
	w.git("switch", "-q", branch)
	w.write("two.json", "{}\n")
	w.git("commit", "-qam", "pushed")
	w.git("push", "-q", "origin", branch)
	w.until("the push is seen", func() bool { w.sync(); return len(w.proposal(1).Events) == 3 })
	w.expect("the pushed head", w.git("rev-parse", "HEAD"), string(w.proposal(1).Head))
}

func reviews(w *world) {
	anna, bert := w.actor(w.people.anna), w.actor(w.people.bert)
	p := w.propose(anna, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	w.sync()
	_, err := w.forge.Review(ctx, anna, 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head})
	if says := w.refused(err, content.RefusedForge); !strings.Contains(says, "own pull") {
		w.t.Errorf("the words of Gitea are lost: %s", says)
	}
	p = must[*content.Proposal](w)(w.forge.Review(ctx, bert, 1, proposal.Reviewing{Verdict: content.VerdictChangesRequested, Head: p.Head, Text: "Why two?"}))
	p = must[*content.Proposal](w)(w.forge.Review(ctx, bert, 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head}))
	w.expect("reviews", []content.Review{
		{Person: bert.Person, Verdict: content.VerdictChangesRequested, Text: "Why two?", Head: p.Head, Stale: true, At: p.Reviews[0].At},
		{Person: bert.Person, Verdict: content.VerdictApproved, Head: p.Head, At: p.Reviews[1].At},
	}, p.Reviews)
	w.expect("news", []string{"1 CHANGES_REQUESTED Bert Reviewer", "1 APPROVED Bert Reviewer"}, told(w.sync()))
	head := w.commit("one.json", "{\n  \"a\": 3\n}\n", p.Head)
	_, err = w.forge.Review(ctx, bert, 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: head})
	w.refused(err, content.RefusedOutdated)
	p = must[*content.Proposal](w)(w.forge.Edit(ctx, anna, 1, proposal.Edition{Was: p.Head, Head: head, Base: p.Base}))
	w.expect("the approval after another head", true, p.Reviews[1].Stale)
	must[any](w)(first(w.client(w.people.bert).CreatePullReview("root", w.name, 1, sdk.CreatePullReviewOptions{
		State: sdk.ReviewStateComment, Body: "In Gitea.", Comments: []sdk.CreatePullReviewComment{{Path: "one.json", Body: "this line", NewLineNum: 2}},
	})))
	w.sync()
	last := w.proposal(1).Reviews[2]
	w.expect("a review on the web", content.Review{Person: bert.Person, Verdict: content.VerdictCommented, Text: "In Gitea.\n\none.json:2: this line", Head: head, At: last.At}, last)
	w.restarted("what a new process knows")
}

func reviewsOfGuest(w *world) {
	p := w.propose(guest, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	p = must[*content.Proposal](w)(w.forge.Review(ctx, guest, 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head}))
	w.expect("reviews", []content.Review{{Person: guest.Person, Verdict: content.VerdictApproved, Head: p.Head, At: p.Reviews[0].At}}, p.Reviews)
	w.expect("events", []string{"OPENED " + guest.Person.Name, "APPROVED " + guest.Person.Name}, kinds(p))
	must[any](w)(first(w.client(w.people.bert).CreatePullReview("root", w.name, 1, sdk.CreatePullReviewOptions{
		State: sdk.ReviewStateComment, Body: mark{By: signerOf(guest), Verdict: content.VerdictApproved}.compose("approves this.", ""),
	})))
	w.sync()
	forged := w.proposal(1).Reviews[1]
	w.expect("what somebody else writes in that form", []string{"Bert Reviewer", "COMMENTED"}, []string{forged.Person.Name, string(forged.Verdict)})
}

// Gitea lets anybody who sees a pull request approve it and ask for changes: neither lets
// it in nor keeps it out.
func reviewsOfOutsiders(w *world) {
	anna, bert, carl := w.actor(w.people.anna), w.actor(w.people.bert), w.client(w.people.carl)
	p := w.propose(anna, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	must[*content.Proposal](w)(w.forge.Review(ctx, bert, 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head}))
	for _, state := range []sdk.ReviewStateType{sdk.ReviewStateApproved, sdk.ReviewStateRequestChanges, sdk.ReviewStateApproved} {
		must[any](w)(first(carl.CreatePullReview("root", w.name, 1, sdk.CreatePullReviewOptions{State: state, Body: "From outside.", CommitID: string(p.Head)})))
	}
	w.sync()
	var counting []string
	for _, r := range w.proposal(1).Reviews {
		if !r.Stale {
			counting = append(counting, r.Person.Name+" "+string(r.Verdict))
		}
	}
	w.expect("how many there are", 4, len(w.proposal(1).Reviews))
	w.expect("those that count", []string{"Bert Reviewer APPROVED"}, counting)
}

func comments(w *world) {
	anna := w.actor(w.people.anna)
	w.propose(anna, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	must[*content.Proposal](w)(w.forge.Comment(ctx, anna, 1, "First."))
	p := must[*content.Proposal](w)(w.forge.Comment(ctx, guest, 1, "Second.\n\nWith two parts."))
	w.expect("comments", []content.Comment{
		{ID: p.Comments[0].ID, Person: anna.Person, Text: "First.", At: p.Comments[0].At},
		{ID: p.Comments[1].ID, Person: guest.Person, Text: "Second.\n\nWith two parts.", At: p.Comments[1].At},
	}, p.Comments)
	w.sync()
	var id int64
	if _, err := fmt.Sscan(p.Comments[0].ID, &id); err != nil {
		w.t.Fatal(err)
	}
	must[any](w)(first(w.client(w.people.anna).EditIssueComment("root", w.name, id, sdk.EditIssueCommentOption{Body: "First, edited."})))
	w.sync()
	w.expect("a comment edited on the web", "First, edited.", w.proposal(1).Comments[0].Text)
	forged := mark{By: signerOf(guest), Did: content.EventOpened}.compose("closed this.", "")
	must[any](w)(first(w.client(w.people.bert).CreateIssueComment("root", w.name, 1, sdk.CreateIssueCommentOption{Body: forged})))
	w.sync()
	p = w.proposal(1)
	w.expect("who wrote what looks like our note", []string{"Bert Reviewer", "Anna Editor"}, []string{p.Comments[2].Person.Name, p.Events[0].Actor.Name})
	_, err := w.forge.Comment(ctx, anna, 99, "Nowhere.")
	w.fails(err, content.ErrNotFound)
}

func closing(w *world) {
	anna := w.actor(w.people.anna)
	w.propose(anna, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	w.sync()
	p := must[*content.Proposal](w)(w.forge.Close(ctx, guest, 1))
	w.expect("closed", content.ProposalClosed, p.State)
	_, err := w.forge.Close(ctx, anna, 1)
	w.refused(err, content.RefusedState)
	_, err = w.forge.Review(ctx, w.actor(w.people.bert), 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head})
	w.refused(err, content.RefusedState)
	p = must[*content.Proposal](w)(w.forge.Reopen(ctx, anna, 1))
	w.expect("reopened", content.ProposalOpen, p.State)
	w.expect("news", []string{"1 CLOSED " + guest.Person.Name, "1 REOPENED Anna Editor"}, told(w.sync()))
	_, err = w.forge.Close(ctx, w.actor(w.people.carl), 1)
	w.fails(err, content.ErrForbidden)
}

// merging is the merge that the service decides on: the file as given, on the target.
func (w *world) merging(p *content.Proposal, file, text string) proposal.Merging {
	w.t.Helper()
	target := w.target()
	return proposal.Merging{
		Head: p.Head, Target: target, Commit: w.commit(file, text, target, p.Head),
		Subject: p.Title + " (#1)", Body: "Approved-by: Bert Reviewer <bert@example.org>\nProposal: 1",
	}
}

// merged holds what main has after a merge.
func (w *world) merged(p *content.Proposal, m proposal.Merging) {
	w.t.Helper()
	w.expect("state", content.ProposalMerged, p.State)
	w.expect("main here", p.MergedAs, w.target())
	is := must[gitrepo.Commit](w)(w.repo.Commit(ctx, gitrepo.Hash(p.MergedAs)))
	should := must[gitrepo.Commit](w)(w.repo.Commit(ctx, gitrepo.Hash(m.Commit)))
	w.expect("files", should.Tree, is.Tree)
	w.expect("message", m.Subject+"\n\n"+m.Body, strings.TrimSpace(is.Message))
	w.expect("first parent", m.Target, content.Hash(is.Parents[0]))
	w.git("fetch", "-q", "origin")
	w.expect("the trailers, to git", "Bert Reviewer <bert@example.org>", w.git("log", "-1", "--format=%(trailers:key=Approved-by,valueonly)", "origin/main"))
}

func merging(w *world) {
	p := w.propose(w.actor(w.people.anna), w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	w.sync()
	m := w.merging(p, "one.json", "{\n  \"a\": 2\n}\n")
	wrong := m
	wrong.Head = w.commit("one.json", "{\n  \"a\": 3\n}\n", p.Head)
	_, err := w.forge.Merge(ctx, w.actor(w.people.bert), 1, wrong)
	w.refused(err, content.RefusedOutdated)
	_, err = w.forge.Merge(ctx, w.actor(w.people.carl), 1, m)
	w.fails(err, content.ErrForbidden)
	p = must[*content.Proposal](w)(w.forge.Merge(ctx, w.actor(w.people.bert), 1, m))
	w.merged(p, m)
	w.expect("news", []string{"1 MERGED Bert Reviewer"}, told(w.sync()))
	for _, again := range []func() (*content.Proposal, error){
		func() (*content.Proposal, error) { return w.forge.Merge(ctx, w.actor(w.people.bert), 1, m) },
		func() (*content.Proposal, error) { return w.forge.Close(ctx, guest, 1) },
		func() (*content.Proposal, error) { return w.forge.Reopen(ctx, guest, 1) },
	} {
		_, err := again()
		w.refused(err, content.RefusedState)
	}
	p = w.propose(guest, w.opening("For a guest", "one.json", "{\n  \"a\": 3\n}\n"))
	p = must[*content.Proposal](w)(w.forge.Merge(ctx, guest, 2, w.merging(p, "one.json", "{\n  \"a\": 3\n}\n")))
	w.expect("who merged", "MERGED "+guest.Person.Name, kinds(p)[1])
	w.restarted("what a new process knows")
}

// two proposals change one line of two.json each, next to one another: Git takes that
// for a conflict, records do not.
func twoSides(w *world) (*content.Proposal, proposal.Merging) {
	w.t.Helper()
	one := w.propose(w.actor(w.people.anna), w.opening("One", "two.json", "{\n  \"a\": 9,\n  \"b\": 2,\n  \"c\": 3\n}\n"))
	two := w.propose(w.actor(w.people.anna), w.opening("Two", "two.json", "{\n  \"a\": 1,\n  \"b\": 8,\n  \"c\": 3\n}\n"))
	must[*content.Proposal](w)(w.forge.Merge(ctx, w.actor(w.people.bert), 1, w.merging(one, "two.json", "{\n  \"a\": 9,\n  \"b\": 2,\n  \"c\": 3\n}\n")))
	return two, w.merging(two, "two.json", "{\n  \"a\": 9,\n  \"b\": 8,\n  \"c\": 3\n}\n")
}

func mergingJoined(w *world) {
	_, m := twoSides(w)
	m.Joined = true
	p := must[*content.Proposal](w)(w.forge.Merge(ctx, w.actor(w.people.bert), 2, m))
	w.merged(p, m)
	w.expect("the file", "{\n  \"a\": 9,\n  \"b\": 8,\n  \"c\": 3\n}", w.git("show", "origin/main:two.json"))
	if _, err := w.repo.Commit(ctx, gitrepo.Hash(m.Head)); err != nil {
		w.t.Errorf("the head that was reviewed is gone: %v", err)
	}
	w.expect("the head that was reviewed is in the history", "", w.git("log", "--format=%h", string(m.Head), "--not", "origin/main"))
}

func conflict(w *world) {
	two, m := twoSides(w)
	before := w.target()
	_, err := w.forge.Merge(ctx, w.actor(w.people.bert), 2, m)
	w.refused(err, content.RefusedForge)
	w.sync()
	w.expect("nothing has happened", []content.Hash{before, two.Head}, []content.Hash{w.target(), w.proposal(2).Head})
}

func targetMoved(w *world) {
	p := w.propose(w.actor(w.people.anna), w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	m := w.merging(p, "one.json", "{\n  \"a\": 2\n}\n")
	w.write("two.json", "{}\n")
	w.git("commit", "-qam", "straight to main")
	w.git("push", "-q", "origin", "main")
	_, err := w.forge.Merge(ctx, w.actor(w.people.bert), 1, m)
	w.refused(err, content.RefusedOutdated)
	w.expect("what is here for who decides anew", []string{w.git("rev-parse", "HEAD"), "OPEN"}, []string{string(w.target()), string(w.proposal(1).State)})
}

func reviewedMeanwhile(w *world) {
	p := w.propose(w.actor(w.people.anna), w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	m := w.merging(p, "one.json", "{\n  \"a\": 2\n}\n")
	must[any](w)(first(w.client(w.people.bert).CreatePullReview("root", w.name, 1, sdk.CreatePullReviewOptions{State: sdk.ReviewStateRequestChanges, Body: "Not so."})))
	_, err := w.forge.Merge(ctx, w.actor(w.people.bert), 1, m)
	w.refused(err, content.RefusedOutdated)
	w.expect("what is known for who decides anew", 1, len(w.proposal(1).Reviews))
	w.turnThere(sdk.StateClosed)
	_, err = w.forge.Merge(ctx, w.actor(w.people.bert), 1, m)
	w.refused(err, content.RefusedState)
	w.expect("what is known of its state", content.ProposalClosed, w.proposal(1).State)
}

// turnThere closes or opens the first pull request on the web.
func (w *world) turnThere(to sdk.StateType) {
	w.t.Helper()
	must[any](w)(first(w.client(w.people.bert).EditPullRequest("root", w.name, 1, sdk.EditPullRequestOption{State: &to})))
}

func protected(w *world) {
	anna, bert := w.actor(w.people.anna), w.actor(w.people.bert)
	w.protect(sdk.CreateBranchProtectionOption{RequiredApprovals: 1})
	_, m := func() (*content.Proposal, proposal.Merging) {
		p := w.propose(anna, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
		return p, w.merging(p, "one.json", "{\n  \"a\": 2\n}\n")
	}()
	m.Joined = true // so that there is something to be undone
	_, err := w.forge.Merge(ctx, bert, 1, m)
	if says := w.refused(err, content.RefusedForge); !strings.Contains(says, "approvals") {
		w.t.Errorf("the words of Gitea are lost: %s", says)
	}
	w.sync()
	w.expect("the head after a merge that was refused", m.Head, w.proposal(1).Head)
	must[*content.Proposal](w)(w.forge.Review(ctx, bert, 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: m.Head}))
	p := must[*content.Proposal](w)(w.forge.Merge(ctx, bert, 1, m))
	w.expect("state", content.ProposalMerged, p.State)
}

func mergedThere(w *world) {
	w.propose(w.actor(w.people.anna), w.opening("One", "one.json", "{\n  \"a\": 2\n}\n"))
	w.propose(guest, w.opening("Two", "two.json", "{}\n"))
	w.sync()
	for number, style := range map[int64]sdk.MergeStyle{1: sdk.MergeStyleMerge, 2: sdk.MergeStyleSquash} {
		w.until("Gitea merges", func() bool {
			ok, _, err := w.client(w.people.bert).MergePullRequest("root", w.name, number, sdk.MergePullRequestOption{Style: style, DeleteBranchAfterMerge: new(true)})
			return ok && err == nil
		})
	}
	news := told(w.sync())
	if len(news) != 2 || !strings.HasSuffix(news[0], "MERGED Bert Reviewer") || !strings.HasSuffix(news[1], "MERGED Bert Reviewer") {
		w.t.Errorf("news: %q", news)
	}
	w.git("fetch", "-q", "origin")
	for number := 1; number <= 2; number++ {
		p := w.proposal(number)
		w.expect("merged", content.ProposalMerged, p.State)
		w.expect("in main", "", w.git("log", "--format=%h", string(p.MergedAs), "--not", "origin/main"))
		if _, err := w.repo.Commit(ctx, gitrepo.Hash(p.Head)); err != nil {
			w.t.Errorf("the head of proposal %d is gone with its branch: %v", number, err)
		}
	}
	w.expect("main here", w.git("rev-parse", "origin/main"), string(w.target()))
}

func toldThere(w *world) {
	p := w.propose(guest, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	report := &content.ProposalReport{Head: p.Head, Target: p.Base, Base: p.Base, Checks: []content.Check{
		{Name: content.CheckContent, Status: content.CheckFailed, Summary: map[content.Language]string{"en": strings.Repeat("ä", 300)}},
		{Name: content.CheckMerge, Status: content.CheckPassed, Summary: map[content.Language]string{"en": "It can be merged."}},
	}}
	w.sync()
	for _, summary := range []string{"One *change*.", "One *change*.", "Two changes."} {
		if err := w.forge.Told(ctx, p, report, summary); err != nil {
			w.t.Fatal(err)
		}
	}
	c := w.client(w.people.bert)
	statuses := must[any](w)(first(c.ListStatuses("root", w.name, string(p.Head), sdk.ListStatusesOption{}))).([]*sdk.Status)
	var got []string
	for _, s := range statuses {
		got = append(got, fmt.Sprintf("%s %s %d %s", s.Context, s.State, len(s.Description), s.TargetURL))
	}
	slices.Sort(got)
	w.expect("statuses, each once", []string{
		"koonti/content failure 254 https://koonti.example.org/proposals/1", "koonti/merge success 17 https://koonti.example.org/proposals/1",
	}, got)
	comments := must[any](w)(first(c.ListIssueComments("root", w.name, 1, sdk.ListIssueCommentOptions{}))).([]*sdk.Comment)
	if len(comments) != 1 || !strings.HasSuffix(comments[0].Body, "-->\nTwo changes.") {
		w.t.Errorf("comments: %s", asJSON(comments))
	}
	w.expect("news of it", []string(nil), told(w.sync()))
	w.expect("comments of the proposal", 0, len(w.proposal(1).Comments))
	report.Checks[0].Status = content.CheckPassed
	if err := w.forge.Told(ctx, p, report, "Two changes."); err != nil {
		w.t.Fatal(err)
	}
	combined := must[any](w)(first(c.GetCombinedStatus("root", w.name, string(p.Head)))).(*sdk.CombinedStatus)
	w.expect("all together", sdk.StatusSuccess, combined.State)
}

func webhook(w *world) {
	var right, wrong atomic.Int32
	listen := func(secret string, hints *atomic.Int32) string {
		s := httptest.NewServer(Webhook(secret, func() { hints.Add(1) }))
		w.t.Cleanup(s.Close)
		return s.URL
	}
	for _, url := range []string{listen("a secret", &right), listen("another secret", &wrong)} {
		must[any](w)(first(w.client(w.server.Admin).CreateRepoHook("root", w.name, sdk.CreateHookOption{
			Type: sdk.HookTypeGitea, Active: true, Events: []string{"push", "pull_request", "pull_request_review", "issue_comment"},
			Config: map[string]string{"url": url, "content_type": "json", "secret": "a secret"},
		})))
	}
	w.propose(w.actor(w.people.anna), w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	w.until("Gitea calls", func() bool { return right.Load() > 0 })
	w.expect("calls with another secret", int32(0), wrong.Load())
}

func away(w *world) {
	anna := w.actor(w.people.anna)
	p := w.propose(guest, w.opening("A title", "one.json", "{\n  \"a\": 2\n}\n"))
	must[*content.Proposal](w)(w.forge.Review(ctx, guest, 1, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head}))
	w.sync()
	o, e := w.opening("Another", "two.json", "{}\n"), proposal.Edition{Was: p.Head, Head: p.Head, Base: p.Base}
	m := w.merging(p, "one.json", "{\n  \"a\": 2\n}\n")
	o.Key = "later"
	w.server.Stop()
	w.restarted("what a new process knows without the server")
	w.expect("reviews", 1, len(w.proposal(1).Reviews))
	for what, write := range map[string]func() error{
		"sync":    func() error { _, err := w.forge.Sync(ctx); return err },
		"open":    func() error { _, err := w.forge.Open(ctx, anna, o); return err },
		"edit":    func() error { _, err := w.forge.Edit(ctx, anna, 1, e); return err },
		"comment": func() error { _, err := w.forge.Comment(ctx, anna, 1, "Hello?"); return err },
		"close":   func() error { _, err := w.forge.Close(ctx, guest, 1); return err },
		"merge":   func() error { _, err := w.forge.Merge(ctx, guest, 1, m); return err },
		"tell":    func() error { return w.forge.Told(ctx, p, &content.ProposalReport{Head: p.Head}, "Hm.") },
		"who":     func() error { _, err := w.forge.Authenticate(ctx, w.people.carl+"0"); return err },
	} {
		if err := write(); !errors.Is(err, content.ErrUnavailable) {
			w.t.Errorf("%s: got %v, want it to be unavailable", what, err)
		}
	}
	w.server.Run(w.t)
	w.expect("opened when it is back", 2, w.propose(anna, o).Number)
	w.expect("news", []string{"2 OPENED Anna Editor"}, told(w.sync()))
}
