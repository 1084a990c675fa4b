package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// Merge has Gitea merge by its own rules (protected branches, approvals), with the
// message given, and looks afterwards whether the files are those of m.Commit.
// Where both sides changed a file, the proposal first gets a head that merges the
// target into it, so that there is nothing left for Gitea to join line by line.
func (f *Forge) Merge(ctx context.Context, by content.Actor, number int, m proposal.Merging) (*content.Proposal, error) {
	a, err := f.act(ctx, by, "merge proposal %d", number)
	if err != nil {
		return nil, err
	}
	p, err := a.done(ctx, number, a.merge(ctx, number, m))
	if err != nil {
		return nil, err
	}
	if err := a.verify(ctx, p, m); err != nil {
		a.log.Error("a merge is not to be verified", "proposal", number, "commit", p.MergedAs, "err", err)
	}
	return p, nil
}

func (a *act) merge(ctx context.Context, number int, m proposal.Merging) error {
	pr, err := a.open(number)
	if err != nil {
		return err
	}
	if pr.Head.Sha != string(m.Head) {
		return outdated("proposal %d has another head by now, %s: look at it again", number, pr.Head.Sha)
	}
	if err := a.heard(ctx, pr, m); err != nil {
		return err
	}
	head := m.Head
	if m.Joined {
		if head, err = a.join(ctx, pr, m); err != nil {
			return err
		}
	}
	if err := a.mergeAt(ctx, pr, head, m); err != nil {
		if head != m.Head && (status(err) != 0 || isRefusal(err)) { // nothing has happened, so nothing is to be left
			a.undo(ctx, "refs/heads/"+pr.Head.Name, head, m.Head)
		}
		return err
	}
	a.attribute(pr.Index, content.EventMerged, "merged this.")
	return nil
}

// heard refuses a merge that was decided on before it was known here that the target
// moved, or that somebody reviewed the proposal. It is known then, for who decides anew.
func (a *act) heard(ctx context.Context, pr *sdk.PullRequest, m proposal.Merging) error {
	was := a.entry(int(pr.Index))
	is, err := a.refresh(ctx, int(pr.Index))
	if err != nil {
		return err
	}
	if pr.Base.Sha != string(m.Target) {
		if err := a.fetch(ctx); err != nil {
			return err
		}
		return outdated("the branch %s has moved to %s meanwhile: look at it again", pr.Base.Ref, pr.Base.Sha)
	}
	if was == nil || !slices.Equal(was.kept.Reviews, is.kept.Reviews) {
		return outdated("proposal %d has other reviews by now: look at it again", pr.Index)
	}
	return nil
}

// join gives the proposal a head that merges the target into it and has the files of
// the merge that was decided on.
func (a *act) join(ctx context.Context, pr *sdk.PullRequest, m proposal.Merging) (content.Hash, error) {
	merged, err := a.cfg.Repo.Commit(ctx, gitrepo.Hash(m.Commit))
	if err != nil {
		return "", err
	}
	head, err := a.cfg.Repo.WriteCommit(ctx, gitrepo.NewCommit{
		Tree: merged.Tree, Parents: []gitrepo.Hash{gitrepo.Hash(m.Head), gitrepo.Hash(m.Target)},
		Author: merged.Author, Committer: merged.Committer,
		Message: fmt.Sprintf("Merge %s into proposal %d\n", pr.Base.Ref, pr.Index),
	})
	if err != nil {
		return "", err
	}
	return content.Hash(head), a.move(ctx, pr, m.Head, content.Hash(head))
}

// mergeAt asks for the merge. While Gitea still finds out whether it can, which it does
// after each push to either branch, it says 405 and is asked again.
func (a *act) mergeAt(ctx context.Context, pr *sdk.PullRequest, head content.Hash, m proposal.Merging) error {
	var refusal error
	busy := false
	err := wait(ctx, settleTime, func() (bool, error) {
		_, _, refusal = a.c.MergePullRequest(a.owner, a.name, pr.Index, sdk.MergePullRequestOption{
			Style: sdk.MergeStyleMerge, Title: m.Subject, Message: m.Body, HeadCommitId: string(head),
		})
		busy = status(refusal) == http.StatusMethodNotAllowed && strings.Contains(refusal.Error(), "try again")
		return !busy, nil
	})
	if err != nil {
		return err
	}
	switch {
	case busy:
		return &content.Refusal{Reason: content.RefusedForge, Message: fmt.Sprintf(
			"Gitea does not merge proposal %d: line by line it conflicts with %s, or Gitea has not found out yet whether it does", pr.Index, pr.Base.Ref)}
	case status(refusal) == http.StatusConflict:
		return a.moved(pr, head, m, refusal)
	case status(refusal) == http.StatusMethodNotAllowed:
		if denied := a.mayWrite(); denied != nil {
			return errors.Join(denied, refusal)
		}
	}
	return refusal
}

// moved explains a conflict: somebody else moved a branch, or Gitea has other reasons.
func (a *act) moved(pr *sdk.PullRequest, head content.Hash, m proposal.Merging, refusal error) error {
	now, err := a.pull(int(pr.Index))
	if err == nil && (now.Head.Sha != string(head) || now.Base.Sha != string(m.Target)) {
		return outdated("a branch moved while proposal %d was being merged: look at it again", pr.Index)
	}
	return refusal
}

// verify looks whether readers got the files that were checked, and says so on the
// proposal where they did not: somebody pushed to the target just before.
func (a *act) verify(ctx context.Context, p *content.Proposal, m proposal.Merging) error {
	if err := a.fetch(ctx); err != nil {
		return err
	}
	is, err := a.cfg.Repo.Commit(ctx, gitrepo.Hash(p.MergedAs))
	if err != nil {
		return err
	}
	should, err := a.cfg.Repo.Commit(ctx, gitrepo.Hash(m.Commit))
	if err != nil || is.Tree == should.Tree {
		return err
	}
	text := fmt.Sprintf("The merge %s does not have the files that were checked: %s moved just before. Look at what it changed.",
		p.MergedAs, strings.TrimPrefix(p.Target, "refs/heads/"))
	_, _, err = a.c.CreateIssueComment(a.owner, a.name, int64(p.Number), sdk.CreateIssueCommentOption{Body: text})
	return errors.Join(errors.New("another tree than the one checked was merged"), err)
}
