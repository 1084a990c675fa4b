package gitea

import (
	"context"
	"fmt"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// Authenticate says whom a token belongs to, and what Gitea lets them do in the
// repository: who may merge into the target is a maintainer (its branch protection counts);
// who may push is a reviewer; who may read, a reader: a proposal is a branch of the
// repository itself, so that who may not push cannot make one here, but from a fork
// on Gitea. Who does not even see the repository has no role.
//
// Name and address are those that Gitea shows to the service, so that an address that
// somebody keeps to themselves is not published. Gitea is asked each time.
// ErrUnauthenticated for a token that it does not know, ErrForbidden for one that lacks
// a scope; ErrUnavailable.
func (f *Forge) Authenticate(ctx context.Context, token string) (content.Actor, error) {
	const doing = "look up whom a token belongs to"
	if token == "" || len(token) > 1000 || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return content.Actor{}, fmt.Errorf("%s: %w: that is no token", doing, content.ErrUnauthenticated)
	}
	actor, err := f.authenticate(ctx, token)
	return actor, f.explain(ctx, doing, err)
}

func (f *Forge) authenticate(ctx context.Context, token string) (content.Actor, error) {
	c, err := f.client(ctx, token)
	if err != nil {
		return content.Actor{}, err
	}
	me, _, err := c.GetMyUserInfo()
	if err != nil {
		return content.Actor{}, err
	}
	public, err := f.client(ctx, f.cfg.Token)
	if err != nil {
		return content.Actor{}, err
	}
	actor := content.Actor{Person: f.person(public, me), ID: me.UserName, Token: token}
	repo, _, err := c.GetRepo(f.owner, f.name)
	if status(err) == 404 {
		return actor, nil
	}
	if err != nil {
		return content.Actor{}, err
	}
	if repo.Permissions != nil && repo.Permissions.Pull {
		actor.Role = content.RoleReader
	}
	if repo.Permissions == nil || !repo.Permissions.Push {
		return actor, nil
	}
	actor.Role = content.RoleReviewer
	branch, _, err := c.GetRepoBranch(f.owner, f.name, strings.TrimPrefix(f.cfg.Target, "refs/heads/"))
	if err != nil && status(err) != 404 {
		return content.Actor{}, err
	}
	if err == nil && branch.UserCanMerge {
		actor.Role = content.RoleMaintainer
	}
	return actor, nil
}
