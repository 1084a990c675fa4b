package gitea

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
)

// maxLists bounds how many pages of pull requests, or of comments, are read.
const maxLists = 1000

// Sync fetches, and reads the pull requests that are other than they were. Those read
// before an error are kept, and told by the next one that succeeds.
func (f *Forge) Sync(ctx context.Context) ([]content.ProposalNews, error) {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if err := f.catchUp(ctx); err != nil {
		return nil, f.explain(ctx, "ask Gitea for what is new", err)
	}
	return f.news(), nil
}

// caught is how far a Sync came, by the clock of the server.
type caught struct {
	// pulls is the newest time at which a pull request changed; comments that of a
	// comment, and edited are the comments of that last answer.
	pulls, comments time.Time
	edited          map[int64]time.Time
}

// catchUp reads what changed on the server.
func (f *Forge) catchUp(ctx context.Context) error {
	if err := f.introduce(ctx); err != nil {
		return err
	}
	if err := f.fetch(ctx); err != nil {
		return err
	}
	ticket := f.tickets.Add(1)
	c, err := f.client(ctx, f.cfg.Token)
	if err != nil {
		return err
	}
	next := f.caught
	changed, err := f.changed(c, &next)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(changed, func(pr listed) bool { return pr.Head != nil && !f.has(ctx, pr.Head.Sha) }) {
		if err := f.fetch(ctx); err != nil { // it moved since
			return err
		}
	}
	for _, pr := range changed {
		_, err := f.study(ctx, c, pr, ticket)
		if err != nil && !ofOne(err) {
			return err
		}
		if f.complain(pr.PullRequest, err); status(err) != 0 {
			next = f.caught // so that it is listed again, wherever it stands
		}
	}
	f.caught = next
	return nil
}

// ofOne tells an error that is the matter of one pull request, which is not to keep
// all others from being seen.
func ofOne(err error) bool {
	return errors.Is(err, errHeadless) || errors.Is(err, content.ErrTooLarge) || status(err) == http.StatusNotFound || status(err) >= 500
}

// complain logs why a pull request is not served as it is now, once for each state of it.
func (f *Forge) complain(pr *sdk.PullRequest, err error) {
	now := seen(pr)
	if err == nil {
		delete(f.complained, pr.Index)
	} else if f.complained[pr.Index] != now {
		f.complained[pr.Index] = now
		f.log.Warn("a pull request cannot be served as it is now", "proposal", pr.Index, "err", err)
	}
}

// listed is a pull request as a list, or the server asked for it alone, shows it.
type listed struct {
	*sdk.PullRequest
	// fresh: it changed in the second in which it was shown, and times are whole
	// seconds, so that it may change again and look the same.
	fresh bool
}

func (f *Forge) shown(pr *sdk.PullRequest, resp *sdk.Response) listed {
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		now = f.cfg.Now()
	}
	return listed{pr, now.Sub(timeOf(pr.Updated)) <= time.Second}
}

// changed are the pull requests that are not as they are kept, by when they changed.
func (f *Forge) changed(c *sdk.Client, next *caught) ([]listed, error) {
	edited, err := f.edited(c, next)
	if err != nil {
		return nil, err
	}
	var changed []listed
	for _, state := range []sdk.StateType{sdk.StateOpen, sdk.StateClosed} {
		list, err := f.list(c, state)
		if err != nil {
			return nil, err
		}
		for _, pr := range list {
			e := f.entry(int(pr.Index))
			if e == nil || e.again || e.kept.Seen != seen(pr.PullRequest) || edited[pr.Index] {
				changed = append(changed, pr)
			}
			delete(edited, pr.Index)
			next.pulls = latest(next.pulls, timeOf(pr.Updated))
		}
	}
	for number := range edited { // closed long ago
		pr, resp, err := c.GetPullRequest(f.owner, f.name, number)
		if err != nil {
			return nil, err
		}
		changed = append(changed, f.shown(pr, resp))
	}
	slices.SortFunc(changed, func(a, b listed) int {
		return cmp.Or(timeOf(a.Updated).Compare(timeOf(b.Updated)), cmp.Compare(a.Index, b.Index))
	})
	return changed, nil
}

// list reads the open ones all, because not all that happens to them moves them to the
// front; of the closed ones those that did since the last time, the first time all.
func (f *Forge) list(c *sdk.Client, state sdk.StateType) ([]listed, error) {
	done := false
	return pages(maxLists, 0, func(o sdk.ListOptions) ([]listed, *sdk.Response, error) {
		if done {
			return nil, &sdk.Response{Response: &http.Response{}}, nil
		}
		list, resp, err := c.ListRepoPullRequests(f.owner, f.name, sdk.ListPullRequestsOptions{ListOptions: o, State: state, Sort: "recentupdate"})
		if err != nil {
			return nil, nil, err
		}
		all := make([]listed, 0, len(list))
		for _, pr := range list {
			all = append(all, f.shown(pr, resp))
			done = state == sdk.StateClosed && timeOf(pr.Updated).Before(f.caught.pulls)
		}
		return all, resp, nil
	})
}

// edited are the pull requests with comments that are new or other: an edit of a comment
// is not to be seen in a list.
func (f *Forge) edited(c *sdk.Client, next *caught) (map[int64]bool, error) {
	since := f.caught.comments
	if since.IsZero() {
		since = f.newest()
	}
	numbers := map[int64]bool{}
	if since.IsZero() {
		return numbers, nil
	}
	comments, err := pages(maxLists, 0, func(o sdk.ListOptions) ([]*sdk.Comment, *sdk.Response, error) {
		return c.ListRepoIssueComments(f.owner, f.name, sdk.ListIssueCommentOptions{ListOptions: o, Since: since})
	})
	if err != nil {
		return nil, err
	}
	next.comments, next.edited = since, map[int64]time.Time{}
	for _, comment := range comments {
		next.comments = latest(next.comments, comment.Updated)
		next.edited[comment.ID] = comment.Updated
		number, err := strconv.ParseInt(path.Base(comment.PRURL), 10, 64)
		if err == nil && !f.caught.edited[comment.ID].Equal(comment.Updated) {
			numbers[number] = true
		}
	}
	return numbers, nil
}

// newest is when the last of what is kept changed.
func (f *Forge) newest() time.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var newest time.Time
	for _, e := range f.entries {
		newest = latest(newest, e.kept.UpdatedAt)
	}
	return newest
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// item is an event with the number that it has on the server.
type item struct {
	content.ProposalNews
	id int64
}

// news are the events that were not told yet, in order.
func (f *Forge) news() []content.ProposalNews {
	first := f.told == nil
	if first {
		f.told = map[int]map[int64]bool{}
	}
	var items []item
	f.mu.RLock()
	for number, e := range f.entries {
		if f.told[number] == nil {
			f.told[number] = map[int64]bool{}
		}
		for _, ev := range e.kept.Events {
			if !first && !f.told[number][ev.ID] {
				items = append(items, item{content.ProposalNews{Proposal: e.proposal, Event: ev.event()}, ev.ID})
			}
			f.told[number][ev.ID] = true
		}
	}
	f.mu.RUnlock()
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(a.Event.At.Compare(b.Event.At), cmp.Compare(a.Proposal.Number, b.Proposal.Number), cmp.Compare(a.id, b.id))
	})
	news := make([]content.ProposalNews, 0, len(items))
	for _, i := range items {
		news = append(news, i.ProposalNews)
	}
	return news
}
