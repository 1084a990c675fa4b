package gitea

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/proposal"
)

const (
	// settleTime is how long Gitea is waited for after a push: it takes notice of one
	// after it has answered.
	settleTime = 10 * time.Second
	// claimTime is how long one who is opening with the same key is waited for.
	claimTime = 3 * time.Second
	// branchNames is how many names are tried for a branch.
	branchNames = 20
)

// act is one thing being done in somebody's name.
type act struct {
	*Forge
	by    content.Actor
	doing string
	c     *sdk.Client
	token string
	// borrowed: the service account does it, and says for whom.
	borrowed bool
}

func (f *Forge) act(ctx context.Context, by content.Actor, doing string, args ...any) (*act, error) {
	a := &act{Forge: f, by: by, doing: fmt.Sprintf(doing, args...), token: by.Token, borrowed: by.Token == ""}
	if a.borrowed {
		a.token = f.cfg.Token
	}
	if a.token == "" {
		return nil, fmt.Errorf("%s: %w: on Gitea one acts with a token, and neither you nor the service has one", a.doing, content.ErrForbidden)
	}
	if err := f.introduce(ctx); err != nil {
		return nil, f.explain(ctx, a.doing, err)
	}
	var err error
	a.c, err = f.client(ctx, a.token)
	return a, err
}

// mark names the actor where the service account acts for them.
func (a *act) mark() mark {
	if !a.borrowed {
		return mark{}
	}
	return mark{By: signerOf(a.by)}
}

// done reads what has become of a pull request, also where it was not as who acted had
// seen it: they are to see it when they look again.
func (a *act) done(ctx context.Context, number int, err error) (*content.Proposal, error) {
	if number > 0 && (isOutdated(err) || isRefusedFor(err, content.RefusedState)) {
		_, _ = a.refresh(ctx, number) // the refusal says what there is to say
	}
	var e *entry
	if err == nil {
		e, err = a.refresh(ctx, number)
	}
	if err != nil {
		return nil, a.explain(ctx, a.doing, err)
	}
	return e.proposal, nil
}

// open is a pull request that must be open still, as it is now.
func (a *act) open(number int) (*sdk.PullRequest, error) {
	pr, err := a.pull(number)
	if err == nil && stateOf(pr) != content.ProposalOpen {
		return nil, stateRefusal(number, stateOf(pr))
	}
	return pr, err
}

func (a *act) pull(number int) (*sdk.PullRequest, error) {
	if number <= 0 {
		return nil, fmt.Errorf("proposal %d: %w", number, content.ErrNotFound)
	}
	pr, _, err := a.c.GetPullRequest(a.owner, a.name, int64(number))
	if err == nil && (pr.Head == nil || pr.Base == nil) {
		err = errHeadless
	}
	return pr, err
}

func stateRefusal(number int, is content.ProposalState) error {
	return &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("proposal %d is %s", number, strings.ToLower(string(is)))}
}

func outdated(format string, args ...any) error {
	return &content.Refusal{Reason: content.RefusedOutdated, Message: fmt.Sprintf(format, args...)}
}

// Open pushes the commit to a branch of its own and opens the pull request. The branch
// is proposals/ and a hash: of actor and key where there is a key, so that two
// who open the same at once meet there; of the commit where there is none.
func (f *Forge) Open(ctx context.Context, by content.Actor, o proposal.Opening) (*content.Proposal, error) {
	a, err := f.act(ctx, by, "open a proposal")
	if err != nil {
		return nil, err
	}
	reviewers, err := a.reviewers(o.Reviewers)
	if err != nil {
		return nil, a.explain(ctx, a.doing, err)
	}
	if o.Key == "" {
		branch, err := a.branch(ctx, o.Head)
		if err != nil {
			return nil, a.explain(ctx, a.doing, err)
		}
		number, err := a.propose(ctx, branch, o, reviewers)
		return a.done(ctx, number, err)
	}
	sum := sha256.Sum256([]byte(by.ID + "\x00" + o.Key))
	lock := &f.opening[int(sum[0])%len(f.opening)]
	lock.Lock()
	defer lock.Unlock()
	branch := "proposals/" + hex.EncodeToString(sum[:8])
	p, err := a.claim(ctx, branch, o)
	if p != nil || err != nil {
		return p, a.explain(ctx, a.doing, err)
	}
	number, err := a.propose(ctx, branch, o, reviewers)
	if status(err) == http.StatusConflict { // another process was faster
		if p, found := a.opened(ctx, o.Key); p != nil || found != nil {
			return p, a.explain(ctx, a.doing, found)
		}
	}
	return a.done(ctx, number, err)
}

// claim finds what the actor opened with this key, or makes the branch for it. Where the
// branch is there and no proposal, another process is about to open it; if none comes, one
// died on the way, and what it left is taken over.
func (a *act) claim(ctx context.Context, branch string, o proposal.Opening) (*content.Proposal, error) {
	var p *content.Proposal
	mine := false
	err := wait(ctx, claimTime, func() (bool, error) {
		var err error
		if p, err = a.opened(ctx, o.Key); p != nil || err != nil {
			return true, err
		}
		err = a.push(ctx, "refs/heads/"+branch, "", o.Head)
		if isOutdated(err) {
			return false, nil
		}
		mine = err == nil
		return mine, err
	})
	if p != nil || err != nil || mine {
		return p, err
	}
	left, _, err := a.c.GetRepoBranch(a.owner, a.name, branch)
	if err != nil || left.Commit == nil || left.Commit.ID == string(o.Head) {
		return nil, err
	}
	return nil, a.push(ctx, "refs/heads/"+branch, content.Hash(left.Commit.ID), o.Head)
}

// opened finds what the actor opened with a key, also a moment ago by another process.
func (a *act) opened(ctx context.Context, key string) (*content.Proposal, error) {
	a.syncing.Lock()
	err := a.catchUp(ctx)
	a.syncing.Unlock()
	if err != nil {
		return nil, err
	}
	all, err := a.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if e := a.entry(p.Number); e.kept.Key == key && a.proposed(e.kept) {
			return p, nil
		}
	}
	return nil, nil
}

// proposed tells whether the actor opened it.
func (a *act) proposed(k *kept) bool {
	if a.borrowed {
		return k.Proposer == a.by.ID && k.Poster == login(a.self())
	}
	return k.Poster == a.by.ID && k.Proposer == ""
}

// propose opens the pull request of a branch that is there.
func (a *act) propose(ctx context.Context, branch string, o proposal.Opening, reviewers []string) (int, error) {
	m := a.mark()
	m.Key = o.Key
	pr, _, err := a.c.CreatePullRequest(a.owner, a.name, sdk.CreatePullRequestOption{
		Head: branch, Base: strings.TrimPrefix(o.Target, "refs/heads/"), Title: o.Title,
		Body: m.compose("proposes:", o.Description), Reviewers: reviewers,
	})
	switch status(err) {
	case 0:
	case http.StatusConflict: // the branch belongs to another pull request
		return 0, err
	default: // nothing is to be left of what Gitea does not want
		a.undo(ctx, "refs/heads/"+branch, o.Head, "")
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	if err := a.ask(pr, reviewers); err != nil { // Requested says who was
		a.log.Warn("not all were asked for a review", "proposal", pr.Index, "err", err)
	}
	return int(pr.Index), nil
}

// branch makes a branch that is named after its commit, and gives its short name.
func (a *act) branch(ctx context.Context, head content.Hash) (string, error) {
	base := "proposals/" + string(head[:min(12, len(head))])
	name := base
	for i := range branchNames {
		if i > 0 {
			name = fmt.Sprintf("%s-%d", base, i+1)
		}
		err := a.push(ctx, "refs/heads/"+name, "", head)
		if !isOutdated(err) {
			return name, err
		}
	}
	return "", outdated("%d branches of this commit are there already", branchNames)
}

func isRefusal(err error) bool {
	var r *content.Refusal
	return errors.As(err, &r)
}

func isOutdated(err error) bool { return isRefusedFor(err, content.RefusedOutdated) }

func isRefusedFor(err error, reason content.RefusalReason) bool {
	var r *content.Refusal
	return errors.As(err, &r) && r.Reason == reason
}

// reviewers finds the logins of people by login, name or address.
func (a *act) reviewers(who []string) ([]string, error) {
	if len(who) == 0 {
		return nil, nil
	}
	users, _, err := a.c.GetReviewers(a.owner, a.name)
	if err != nil {
		return nil, err
	}
	var logins []string
	for _, w := range who {
		i := slices.IndexFunc(users, func(u *sdk.User) bool {
			return strings.EqualFold(u.UserName, w) || strings.EqualFold(u.Email, w) || strings.EqualFold(u.FullName, w)
		})
		if i < 0 {
			return nil, &content.Refusal{Reason: content.RefusedForge, Message: fmt.Sprintf("nobody called %q can be asked for a review of %s/%s: give the name that they have on Gitea", w, a.owner, a.name)}
		}
		if !slices.Contains(logins, users[i].UserName) {
			logins = append(logins, users[i].UserName)
		}
	}
	return logins, nil
}

// ask asks those for a review who are not asked yet.
func (a *act) ask(pr *sdk.PullRequest, logins []string) error {
	asked := requested(pr)
	missing := slices.DeleteFunc(slices.Clone(logins), func(l string) bool { return slices.Contains(asked, l) })
	if len(missing) == 0 {
		return nil
	}
	_, err := a.c.CreateReviewRequests(a.owner, a.name, pr.Index, sdk.PullReviewRequestOptions{Reviewers: missing})
	return err
}

// Edit asks for reviews, pushes the new head, then changes the texts.
func (f *Forge) Edit(ctx context.Context, by content.Actor, number int, e proposal.Edition) (*content.Proposal, error) {
	a, err := f.act(ctx, by, "edit proposal %d", number)
	if err != nil {
		return nil, err
	}
	return a.done(ctx, number, a.edit(ctx, number, e))
}

func (a *act) edit(ctx context.Context, number int, e proposal.Edition) error {
	pr, err := a.open(number)
	if err != nil {
		return err
	}
	if pr.Head.Sha != string(e.Was) {
		return outdated("proposal %d has another head by now, %s: look at it again", number, pr.Head.Sha)
	}
	reviewers, err := a.reviewers(e.Reviewers)
	if err != nil {
		return err
	}
	if err := a.ask(pr, reviewers); err != nil {
		return err
	}
	if e.Head != e.Was {
		if err := a.move(ctx, pr, e.Was, e.Head); err != nil {
			return err
		}
	}
	if err := a.retell(pr, e); err != nil {
		return err
	}
	a.attribute(pr.Index, content.EventEdited, "edited this.")
	return nil
}

// move gives a pull request another head, and waits until Gitea took notice.
func (a *act) move(ctx context.Context, pr *sdk.PullRequest, was, is content.Hash) error {
	if !ownBranch(pr) {
		return &content.Refusal{Reason: content.RefusedForge, Message: fmt.Sprintf("proposal %d lies in another repository, %s: push there", pr.Index, pr.Head.Name)}
	}
	if err := a.push(ctx, "refs/heads/"+pr.Head.Name, was, is); err != nil {
		return err
	}
	return wait(ctx, settleTime, func() (bool, error) {
		e, err := a.refresh(ctx, int(pr.Index))
		if err != nil {
			return false, err
		}
		last := slices.IndexFunc(e.kept.Events, func(ev keptEvent) bool { return ev.Kind == content.EventEdited && ev.Head == is })
		return last >= 0, nil
	})
}

// wait asks again and again whether something is so, for a while. That it is not in the
// end is no error.
func wait(ctx context.Context, most time.Duration, so func() (bool, error)) error {
	deadline := time.Now().Add(most)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		yes, err := so()
		if yes || err != nil || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// retell changes title and description; our mark stays.
func (a *act) retell(pr *sdk.PullRequest, e proposal.Edition) error {
	var opt sdk.EditPullRequestOption
	if e.Title != nil && *e.Title != pr.Title {
		opt.Title = *e.Title
	}
	if e.Description != nil {
		m, was, _ := parse(pr.Body)
		if was != *e.Description {
			body := m.compose("proposes:", *e.Description)
			opt.Body = &body
		}
	}
	if opt.Title == "" && opt.Body == nil {
		return nil
	}
	_, _, err := a.c.EditPullRequest(a.owner, a.name, pr.Index, opt)
	return err
}

// attribute notes for whom the service account did what it did. What is done is done: should
// this fail, it stays the service's.
func (a *act) attribute(number int64, kind content.EventKind, says string) {
	if !a.borrowed {
		return
	}
	m := a.mark()
	m.Did = kind
	_, _, err := a.c.CreateIssueComment(a.owner, a.name, number, sdk.CreateIssueCommentOption{Body: m.compose(says, "")})
	if err != nil {
		a.log.Warn("it is not noted on Gitea for whom the service acted", "proposal", number, "event", kind, "err", err)
	}
}

// Comment writes a comment.
func (f *Forge) Comment(ctx context.Context, by content.Actor, number int, text string) (*content.Proposal, error) {
	a, err := f.act(ctx, by, "comment on proposal %d", number)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%s: %w: there is no text", a.doing, content.ErrInvalid)
	}
	if _, err = a.pull(number); err == nil { // an issue can be commented on by the same call
		_, _, err = a.c.CreateIssueComment(a.owner, a.name, int64(number), sdk.CreateIssueCommentOption{Body: a.mark().compose("writes:", text)})
	}
	return a.done(ctx, number, err)
}

// Review reviews the head. What the service account says for others is a comment to
// Gitea, whatever the verdict, because it may not approve what it opened itself, and
// because an approval by it would be nobody's: it counts here, not for Gitea's
// own protection of branches.
func (f *Forge) Review(ctx context.Context, by content.Actor, number int, r proposal.Reviewing) (*content.Proposal, error) {
	a, err := f.act(ctx, by, "review proposal %d", number)
	if err != nil {
		return nil, err
	}
	return a.done(ctx, number, a.review(number, r))
}

var stateOfVerdict = map[content.Verdict]sdk.ReviewStateType{
	content.VerdictApproved:         sdk.ReviewStateApproved,
	content.VerdictChangesRequested: sdk.ReviewStateRequestChanges,
	content.VerdictCommented:        sdk.ReviewStateComment,
}

var saysOfVerdict = map[content.Verdict]string{
	content.VerdictApproved:         "approves this.",
	content.VerdictChangesRequested: "asks for changes.",
	content.VerdictCommented:        "has read this.",
}

func (a *act) review(number int, r proposal.Reviewing) error {
	if !slices.Contains(verdicts, r.Verdict) {
		return fmt.Errorf("%s: %w: %q is no verdict", a.doing, content.ErrInvalid, r.Verdict)
	}
	pr, err := a.open(number)
	if err != nil {
		return err
	}
	if pr.Head.Sha != string(r.Head) {
		return outdated("proposal %d has another head by now, %s: look at it again", number, pr.Head.Sha)
	}
	opt := sdk.CreatePullReviewOptions{State: stateOfVerdict[r.Verdict], Body: r.Text, CommitID: string(r.Head)}
	if a.borrowed {
		m := a.mark()
		m.Verdict, m.Head = r.Verdict, r.Head
		opt.State, opt.Body = sdk.ReviewStateComment, m.compose(saysOfVerdict[r.Verdict], r.Text)
	}
	if opt.Body == "" && opt.State != sdk.ReviewStateApproved {
		return fmt.Errorf("%s: %w: Gitea wants a text with it", a.doing, content.ErrInvalid)
	}
	_, _, err = a.c.CreatePullReview(a.owner, a.name, int64(number), opt)
	return err
}

// Close closes an open pull request.
func (f *Forge) Close(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	return f.turn(ctx, by, number, content.ProposalOpen, sdk.StateClosed, "close", content.EventClosed, "closed this.")
}

// Reopen opens a closed one.
func (f *Forge) Reopen(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	return f.turn(ctx, by, number, content.ProposalClosed, sdk.StateOpen, "reopen", content.EventReopened, "opened this again.")
}

func (f *Forge) turn(ctx context.Context, by content.Actor, number int, from content.ProposalState, to sdk.StateType,
	verb string, kind content.EventKind, says string) (*content.Proposal, error) {
	a, err := f.act(ctx, by, "%s proposal %d", verb, number)
	if err != nil {
		return nil, err
	}
	pr, err := a.pull(number)
	if err == nil && stateOf(pr) != from {
		err = stateRefusal(number, stateOf(pr))
	}
	if err == nil {
		_, _, err = a.c.EditPullRequest(a.owner, a.name, int64(number), sdk.EditPullRequestOption{State: &to})
	}
	if err == nil {
		a.attribute(int64(number), kind, says)
	}
	return a.done(ctx, number, err)
}
