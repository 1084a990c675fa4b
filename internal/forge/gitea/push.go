package gitea

import (
	"context"
	"errors"
	"fmt"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// push moves a branch on the server, whose full name is ref: "" for was wants it not to be
// there yet, "" for is deletes it. RefusedOutdated when it is not was any more.
func (a *act) push(ctx context.Context, ref string, was, is content.Hash) error {
	err := a.cfg.Repo.PushTo(ctx, a.cfg.Remote, gitrepo.Credentials{Username: "koonti", Password: a.token},
		[]gitrepo.PushRef{{Name: ref, Was: gitrepo.Hash(was), Is: gitrepo.Hash(is)}})
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(err, gitrepo.ErrChanged):
		return outdated("%s moved meanwhile: look at it again", ref)
	}
	if denied := a.mayWrite(); denied != nil {
		return errors.Join(denied, err)
	}
	if errors.Is(err, gitrepo.ErrRejected) {
		return &content.Refusal{Reason: content.RefusedForge, Message: fmt.Sprintf("%s: Gitea does not take the push: %s", a.doing, line(err.Error(), maxWords))}
	}
	return err
}

// mayWrite is nil where the actor may write to the repository. ErrForbidden, with what to
// do, where not.
func (a *act) mayWrite() error {
	repo, _, err := a.c.GetRepo(a.owner, a.name)
	if err == nil && (repo.Permissions == nil || !repo.Permissions.Push) {
		err = fmt.Errorf("%s: %w: it takes the right to write to %s/%s; without it, propose from a fork on Gitea", a.doing, content.ErrForbidden, a.owner, a.name)
	}
	return err
}

// undo takes back what was pushed for an act that Gitea then refused.
func (a *act) undo(ctx context.Context, ref string, was, is content.Hash) {
	if err := a.push(ctx, ref, was, is); err != nil {
		a.log.Warn("a branch is left as an act that was refused made it", "ref", ref, "err", err)
	}
}
