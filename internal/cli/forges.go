package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/gitea"
	"github.com/koonti/koonti/internal/forge/local"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// forgeURL is the address of the Gitea that --forge names; "" for Koonti's own.
func (f *serveFlags) forgeURL() (string, error) {
	kind, address, _ := strings.Cut(f.office.forge, "=")
	switch {
	case f.office.forge == "":
		return "", nil
	case kind != "gitea" || !isWebAddress(address):
		return "", &hintError{fmt.Errorf("--forge %s is no forge", f.office.forge), "Write it like gitea=https://git.example.org."}
	case f.remote == "":
		return "", &hintError{errors.New("--forge needs --remote, the repository that the pull requests are of"), "For example: --forge gitea=https://git.example.org --remote https://git.example.org/org/content.git"}
	}
	return address, nil
}

// heads says what proposal/<n> means to a repository that was opened before its forge.
type heads struct{ forge proposal.Forge }

func (h *heads) head(ctx context.Context, number int) (gitrepo.Hash, error) {
	if h.forge == nil {
		return "", fmt.Errorf("proposal %d: %w", number, gitrepo.ErrNotFound)
	}
	p, err := h.forge.Proposal(ctx, number)
	if errors.Is(err, content.ErrNotFound) {
		return "", errors.Join(gitrepo.ErrNotFound, err)
	}
	if err != nil {
		return "", err
	}
	return gitrepo.Hash(p.Head), nil
}

// openForge makes what proposals live in, and tells who the forge says that people are.
// Both are nil where proposals are none of this server's business: what follows a remote
// alone would lose what is merged here to the next fetch.
func (s *serving) openForge(ctx context.Context) (proposal.Forge, func(context.Context, string) (content.Actor, error), error) {
	address, err := s.flags.forgeURL()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case address == "" && s.flags.remote != "":
		return nil, nil, nil
	case address == "":
		return local.New(local.Config{Repo: s.repo, Logger: s.log, Target: func(context.Context) (string, error) { return s.office.target(), nil }}), nil, nil
	}
	target := s.flags.ref
	switch {
	case target == "":
		if target, _, err = s.repo.Head(ctx); err != nil {
			return nil, nil, fmt.Errorf("find the branch of the remote: %w", err)
		}
	case !strings.HasPrefix(target, "refs/"):
		target = "refs/heads/" + target
	}
	public := ""
	if s.flags.office.publicURL != "" {
		public = strings.TrimSuffix(s.flags.office.publicURL, "/") + "/feeds/proposals.atom#"
	}
	token := os.Getenv(forgeToken)
	if token == "" {
		s.log.Warn("nothing is shown on the forge, and nobody without a token of their own is acted for: set " + forgeToken)
	}
	forge, err := gitea.New(ctx, gitea.Config{
		URL: address, Remote: s.flags.remote, Repo: s.repo, Token: token, Target: target, PublicURL: public, Logger: s.log,
	})
	if err != nil {
		return nil, nil, err
	}
	s.heads.forge = forge
	return forge, forge.Authenticate, nil
}
