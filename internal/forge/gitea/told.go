package gitea

import (
	"context"
	"strconv"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
)

// maxDescription is how much Gitea shows of a commit status, in bytes.
const maxDescription = 255

var stateOfCheck = map[content.CheckStatus]sdk.StatusState{
	content.CheckPassed:  sdk.StatusSuccess,
	content.CheckWarning: sdk.StatusWarning,
	content.CheckFailed:  sdk.StatusFailure,
	content.CheckPending: sdk.StatusPending,
}

// Told posts each check as a commit status of the head, koonti/content and so on, and
// the summary as one comment, which is edited when there is another summary. What is there
// already is left alone. Without a service account it does nothing.
func (f *Forge) Told(ctx context.Context, p *content.Proposal, report *content.ProposalReport, summary string) error {
	if f.cfg.Token == "" {
		return nil
	}
	f.telling.Lock()
	defer f.telling.Unlock()
	return f.explain(ctx, "show on Gitea what was found out about proposal "+strconv.Itoa(p.Number), f.tell(ctx, p, report, summary))
}

func (f *Forge) tell(ctx context.Context, p *content.Proposal, report *content.ProposalReport, summary string) error {
	if err := f.introduce(ctx); err != nil {
		return err
	}
	c, err := f.client(ctx, f.cfg.Token)
	if err != nil {
		return err
	}
	if err := f.statuses(c, p, report); err != nil {
		return err
	}
	return f.summary(c, int64(p.Number), summary)
}

func (f *Forge) statuses(c *sdk.Client, p *content.Proposal, report *content.ProposalReport) error {
	combined, _, err := c.GetCombinedStatus(f.owner, f.name, string(report.Head))
	if err != nil {
		return err
	}
	there := map[string]sdk.CreateStatusOption{}
	for _, s := range combined.Statuses { // the newest of each context
		there[s.Context] = sdk.CreateStatusOption{State: s.State, TargetURL: s.TargetURL, Description: s.Description, Context: s.Context}
	}
	for _, check := range report.Checks {
		now := sdk.CreateStatusOption{
			Context: "koonti/" + string(check.Name), State: stateOfCheck[check.Status], Description: line(check.Summary["en"], maxDescription),
		}
		if f.cfg.PublicURL != "" {
			now.TargetURL = f.cfg.PublicURL + strconv.Itoa(p.Number)
		}
		if there[now.Context] == now {
			continue
		}
		if _, _, err := c.CreateStatus(f.owner, f.name, string(report.Head), now); err != nil {
			return err
		}
	}
	return nil
}

// summary makes the one comment, or edits it. Should there be more (two processes began
// at once), all but the first go.
func (f *Forge) summary(c *sdk.Client, number int64, text string) error {
	comments, err := pages(maxPages, 0, func(o sdk.ListOptions) ([]*sdk.Comment, *sdk.Response, error) {
		return c.ListIssueComments(f.owner, f.name, number, sdk.ListIssueCommentOptions{ListOptions: o})
	})
	if err != nil {
		return err
	}
	body := mark{Summary: true}.compose("", clean(text, content.MaxText))
	var first *sdk.Comment
	for _, comment := range comments {
		m, _, ok := parse(comment.Body)
		if !ok || !m.Summary || !f.ours(comment.Poster) {
			continue
		}
		if first == nil {
			first = comment
		} else if _, err := c.DeleteIssueComment(f.owner, f.name, comment.ID); err != nil {
			return err
		}
	}
	switch {
	case first == nil:
		_, _, err = c.CreateIssueComment(f.owner, f.name, number, sdk.CreateIssueCommentOption{Body: body})
	case first.Body != body:
		_, _, err = c.EditIssueComment(f.owner, f.name, first.ID, sdk.EditIssueCommentOption{Body: body})
	}
	return err
}
