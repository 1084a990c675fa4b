package gitea

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// maxPages bounds what is read of one pull request: its timeline, its reviews.
const maxPages = 100

// noticeTime is how long a timeline is read again that does not tell of the head there is.
const noticeTime = 2 * time.Second

// errHeadless: the head of a pull request is not to be had: its repository is gone, or
// Gitea has not got it yet.
var errHeadless = errors.New("its head is not there")

// refresh reads a pull request whole and keeps it.
func (f *Forge) refresh(ctx context.Context, number int) (*entry, error) {
	ticket := f.tickets.Add(1)
	c, err := f.client(ctx, f.cfg.Token)
	if err != nil {
		return nil, err
	}
	pr, resp, err := c.GetPullRequest(f.owner, f.name, int64(number))
	if err != nil {
		return nil, err
	}
	if pr.Head != nil && !f.has(ctx, pr.Head.Sha) {
		if err := f.fetch(ctx); err != nil {
			return nil, err
		}
	}
	return f.study(ctx, c, f.shown(pr, resp), ticket)
}

// study reads what belongs to a pull request, whose head must be here, and keeps it with it.
func (f *Forge) study(ctx context.Context, c *sdk.Client, pr listed, ticket uint64) (*entry, error) {
	if pr.Head == nil || pr.Base == nil || pr.Index <= 0 || !f.has(ctx, pr.Head.Sha) {
		return nil, errHeadless
	}
	var was *kept
	if e := f.entry(int(pr.Index)); e != nil {
		was = e.kept
	}
	var k *kept
	lags := false // Gitea tells of a push some time after the branch has moved
	err := wait(ctx, noticeTime, func() (bool, error) {
		r := reader{forge: f, pr: pr.PullRequest, was: was, person: func(u *sdk.User) keptPerson { return keptPerson(f.person(c, u)) }, service: map[int64]bool{}}
		timeline, err := f.timeline(c, pr.PullRequest)
		if err != nil {
			return false, fmt.Errorf("timeline: %w", err)
		}
		if r.reviews, err = f.reviews(c, pr.Index); err != nil {
			return false, fmt.Errorf("reviews: %w", err)
		}
		k = r.read(timeline)
		lags = r.head != k.Head && (was == nil || was.Head != k.Head)
		return !lags, nil
	})
	if err != nil {
		return nil, err
	}
	return f.keep(ctx, k, ticket, pr.fresh || lags)
}

func (f *Forge) timeline(c *sdk.Client, pr *sdk.PullRequest) ([]*sdk.TimelineComment, error) {
	patience := 1 + pr.ReviewComments/pageSize // comments on lines are left out of the pages
	return pages(maxPages, patience, func(o sdk.ListOptions) ([]*sdk.TimelineComment, *sdk.Response, error) {
		return c.ListIssueTimeline(f.owner, f.name, pr.Index, sdk.ListIssueCommentOptions{ListOptions: o})
	})
}

// has tells whether a commit is here.
func (f *Forge) has(ctx context.Context, hash string) bool {
	_, err := f.cfg.Repo.Commit(ctx, gitrepo.Hash(hash))
	return isHash(hash) && err == nil
}

// reviews are those submitted, with what was said on single lines at their end.
func (f *Forge) reviews(c *sdk.Client, number int64) ([]*sdk.PullReview, error) {
	all, err := pages(maxPages, 0, func(o sdk.ListOptions) ([]*sdk.PullReview, *sdk.Response, error) {
		return c.ListPullReviews(f.owner, f.name, number, sdk.ListPullReviewsOptions{ListOptions: o})
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r *sdk.PullReview) bool { return verdictOf(r.State) == "" || r.Reviewer == nil })
	slices.SortFunc(all, func(a, b *sdk.PullReview) int { return cmp.Compare(a.ID, b.ID) })
	for _, r := range all {
		if r.CodeCommentsCount == 0 {
			continue
		}
		lines, _, err := c.ListPullReviewComments(f.owner, f.name, number, r.ID)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(lines, func(a, b *sdk.PullReviewComment) int { return cmp.Compare(a.ID, b.ID) })
		for _, l := range lines {
			r.Body += fmt.Sprintf("\n\n%s:%d: %s", l.Path, max(l.LineNum, l.OldLineNum), l.Body)
		}
	}
	return all, nil
}

func verdictOf(s sdk.ReviewStateType) content.Verdict {
	switch s {
	case sdk.ReviewStateApproved:
		return content.VerdictApproved
	case sdk.ReviewStateRequestChanges:
		return content.VerdictChangesRequested
	case sdk.ReviewStateComment:
		return content.VerdictCommented
	}
	return "" // pending, or only asked for
}

// seen is all that the list shows of a pull request and that may change.
func seen(pr *sdk.PullRequest) string {
	h := sha256.New()
	asked := requested(pr)
	fmt.Fprintf(h, "%v %v %v %v %q %q %d %d %q", timeOf(pr.Updated).Unix(), pr.State, pr.HasMerged, pr.MergeBase, pr.Title, pr.Body, pr.Comments, pr.ReviewComments, asked)
	if pr.Head != nil && pr.Base != nil {
		fmt.Fprintf(h, "%q %q %q", pr.Head.Sha, pr.Head.Name, pr.Base.Ref)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// requested are the logins of those asked for a review.
func requested(pr *sdk.PullRequest) []string {
	var logins []string
	for _, u := range pr.RequestedReviewers {
		if u != nil {
			logins = append(logins, u.UserName)
		}
	}
	slices.Sort(logins)
	return logins
}

// reader makes a proposal of what Gitea tells. Events come from the timeline, in whose
// order they happened; those that Gitea has forgotten since (it rewrites its own
// timeline when somebody pushes by force) stay.
type reader struct {
	forge   *Forge
	pr      *sdk.PullRequest
	was     *kept
	reviews []*sdk.PullReview
	person  func(*sdk.User) keptPerson
	out     *kept
	head    content.Hash // after the event that was read last
	// service: the service account did it, and nobody is known yet for whom.
	service map[int64]bool
	// opening is the item of the timeline that belongs to the opening.
	opening int64
}

func (r *reader) read(timeline []*sdk.TimelineComment) *kept {
	pr := r.pr
	r.out = &kept{
		Version: keptVersion, Number: int(pr.Index), Title: line(pr.Title, content.MaxTitle), State: stateOf(pr),
		Head: content.Hash(pr.Head.Sha), Base: content.Hash(pr.MergeBase), Target: "refs/heads/" + pr.Base.Ref,
		Branch: branchOf(pr), OpenedAt: timeOf(pr.Created), UpdatedAt: timeOf(pr.Updated), Requested: requested(pr),
		Poster: login(pr.Poster), URL: pr.HTMLURL, Seen: seen(pr),
	}
	if !isHash(pr.MergeBase) {
		r.out.Base = content.Hash(pr.Base.Sha)
	}
	if pr.HasMerged && pr.MergedCommitID != nil && isHash(*pr.MergedCommitID) {
		r.out.MergedAs = content.Hash(*pr.MergedCommitID)
	}
	r.opened(timeline)
	for _, t := range timeline {
		if t != nil {
			r.item(t)
		}
	}
	for _, review := range r.reviews { // those that the timeline does not tell of
		r.review(review, 0)
	}
	r.stale()
	r.remember()
	return r.out
}

// opened reads who proposed what.
func (r *reader) opened(timeline []*sdk.TimelineComment) {
	author := r.person(r.pr.Poster)
	m, text, ok := parse(r.pr.Body)
	r.out.Description = clean(text, content.MaxText)
	if ok {
		r.out.Key = line(m.Key, content.MaxTitle)
	}
	if ok && m.By != nil && r.forge.ours(r.pr.Poster) {
		author = keptPerson(m.By.person())
		r.out.Proposer = m.By.ID
	}
	r.head = r.first(timeline)
	if r.was != nil { // who opened it is not to be edited
		author, r.out.Proposer, r.out.Key = r.was.Author, r.was.Proposer, r.was.Key
		if len(r.was.Events) > 0 && r.was.Events[0].Kind == content.EventOpened {
			r.head = r.was.Events[0].Head
		}
	}
	r.out.Author = author
	r.out.Events = append(r.out.Events, keptEvent{Kind: content.EventOpened, Actor: r.out.Author, At: r.out.OpenedAt, Head: r.head, Text: r.out.Title})
}

// first is the head that it was opened with: Gitea begins the timeline with a push. One
// by force takes the place of all before it.
func (r *reader) first(timeline []*sdk.TimelineComment) content.Hash {
	for _, t := range timeline {
		if t == nil || t.Type != "pull_push" {
			continue
		}
		if head, forced := pushOf(t); !forced {
			r.opening = t.ID
			return head
		}
		return ""
	}
	return r.out.Head
}

// pushOf is the head that a push led to, "" where that is not told.
func pushOf(t *sdk.TimelineComment) (head content.Hash, forced bool) {
	var push struct {
		Forced  bool     `json:"is_force_push"`
		Commits []string `json:"commit_ids"`
	}
	if json.Unmarshal([]byte(t.Body), &push) != nil || len(push.Commits) == 0 {
		return "", push.Forced
	}
	if last := push.Commits[len(push.Commits)-1]; isHash(last) {
		head = content.Hash(last)
	}
	return head, push.Forced
}

// item reads one thing that happened.
func (r *reader) item(t *sdk.TimelineComment) {
	switch t.Type {
	case "comment":
		r.comment(t)
	case "review":
		for i, review := range r.reviews {
			if login(review.Reviewer) == login(t.Poster) {
				r.reviews = slices.Delete(r.reviews, i, i+1)
				r.review(review, t.ID)
				return
			}
		}
	case "pull_push":
		if t.ID == r.opening {
			return
		}
		r.head, _ = pushOf(t)
		r.event(t, content.EventEdited, "")
	case "change_title":
		r.event(t, content.EventEdited, line(t.NewTitle, content.MaxTitle))
	case "change_target_branch":
		r.event(t, content.EventEdited, "")
	case "review_request":
		if !r.ofOpening(t) {
			r.event(t, content.EventEdited, "")
		}
	case "close":
		r.event(t, content.EventClosed, "")
	case "reopen":
		r.event(t, content.EventReopened, "")
	case "merge_pull":
		r.event(t, content.EventMerged, "")
	}
}

// ofOpening tells whether somebody was asked for a review by the opening itself.
func (r *reader) ofOpening(t *sdk.TimelineComment) bool {
	return len(r.out.Events) == 1 && login(t.Poster) == r.out.Poster && t.Created.Sub(r.out.OpenedAt) <= 2*time.Second
}

func (r *reader) event(t *sdk.TimelineComment, kind content.EventKind, text string) {
	r.service[t.ID] = r.forge.ours(t.Poster)
	r.out.Events = append(r.out.Events, keptEvent{ID: t.ID, Kind: kind, Actor: r.person(t.Poster), At: t.Created.UTC(), Head: r.head, Text: text})
}

// comment reads a comment, or a note of ours on what the service account did.
func (r *reader) comment(t *sdk.TimelineComment) {
	who, text := r.person(t.Poster), t.Body
	if m, rest, ok := parse(t.Body); ok && r.forge.ours(t.Poster) {
		switch {
		case m.Summary:
			return
		case m.Did != "":
			r.attribute(m)
			return
		}
		text = rest
		if m.By != nil {
			who = keptPerson(m.By.person())
		}
	}
	text = clean(text, content.MaxText)
	r.out.Comments = append(r.out.Comments, keptComment{ID: strconv.FormatInt(t.ID, 10), Person: who, Text: text, At: t.Created.UTC()})
	r.event(t, content.EventCommented, text)
	r.out.Events[len(r.out.Events)-1].Actor = who
}

// attribute gives the last act of that kind by the service account to whom it was for.
func (r *reader) attribute(m mark) {
	if m.By == nil {
		return
	}
	for i, e := range slices.Backward(r.out.Events) {
		if e.Kind == m.Did && r.service[e.ID] {
			r.out.Events[i].Actor = keptPerson(m.By.person())
			r.service[e.ID] = false
			return
		}
	}
}

// review reads a review; id is that of the event, 0 where the timeline has none. On Gitea
// whoever may read may approve and ask for changes: a verdict counts where it does for Gitea
// ("official": of one who may write, or whom the branch protection names), and where the
// service account gave it for somebody.
func (r *reader) review(review *sdk.PullReview, id int64) {
	counts := review.Official && !review.Dismissed
	who, verdict, text, head := r.person(review.Reviewer), verdictOf(review.State), review.Body, content.Hash(review.CommitID)
	if m, rest, ok := parse(review.Body); ok && r.forge.ours(review.Reviewer) && m.By != nil {
		who, text = keptPerson(m.By.person()), rest
		if slices.Contains(verdicts, m.Verdict) {
			verdict, counts = m.Verdict, !review.Dismissed
		}
		if isHash(string(m.Head)) {
			head = m.Head
		}
	}
	text = clean(text, content.MaxText)
	at := review.Submitted.UTC()
	stale := review.Dismissed || verdict != content.VerdictCommented && !counts
	r.out.Reviews = append(r.out.Reviews, keptReview{Person: who, Verdict: verdict, Text: text, Head: head, Stale: stale, At: at})
	if id != 0 {
		r.out.Events = append(r.out.Events, keptEvent{ID: id, Kind: eventOf[verdict], Actor: who, At: at, Head: r.head, Text: text})
	}
}

var verdicts = []content.Verdict{content.VerdictApproved, content.VerdictChangesRequested, content.VerdictCommented}

var eventOf = map[content.Verdict]content.EventKind{
	content.VerdictApproved:         content.EventApproved,
	content.VerdictChangesRequested: content.EventChangesRequested,
	content.VerdictCommented:        content.EventReviewed,
}

// stale marks the reviews that do not count: of another head, or followed by a verdict
// of the same person.
func (r *reader) stale() {
	later := map[keptPerson]bool{}
	for i, review := range slices.Backward(r.out.Reviews) {
		if review.Head != r.out.Head || later[review.Person] {
			r.out.Reviews[i].Stale = true
		}
		if review.Verdict != content.VerdictCommented {
			later[review.Person] = true
		}
	}
}

// remember keeps the events that Gitea does not tell any more.
func (r *reader) remember() {
	if r.was == nil {
		return
	}
	told := map[int64]bool{}
	for _, e := range r.out.Events {
		told[e.ID] = true
	}
	for _, e := range r.was.Events {
		if !told[e.ID] {
			r.out.Events = append(r.out.Events, e)
		}
	}
	slices.SortStableFunc(r.out.Events, func(a, b keptEvent) int { return cmp.Compare(a.ID, b.ID) })
}

func stateOf(pr *sdk.PullRequest) content.ProposalState {
	switch {
	case pr.HasMerged:
		return content.ProposalMerged
	case pr.State == sdk.StateClosed:
		return content.ProposalClosed
	}
	return content.ProposalOpen
}

// branchOf is where its commits are here: the branch, or the ref in which the mirror keeps
// those of another repository.
func branchOf(pr *sdk.PullRequest) string {
	if ownBranch(pr) {
		return "refs/heads/" + pr.Head.Name
	}
	return fmt.Sprintf("refs/koonti/pulls/%d", pr.Index)
}

func ownBranch(pr *sdk.PullRequest) bool {
	return pr.Head.RepoID == pr.Base.RepoID && pr.Head.Name != ""
}

func login(u *sdk.User) string {
	if u == nil {
		return ""
	}
	return u.UserName
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func isHash(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }
