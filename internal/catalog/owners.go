package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// OwnersFile is where a repository says who must approve what.
const OwnersFile = "schema/owners.json"

// OwnersInForce are the owners that judge what is merged into a branch.
type OwnersInForce struct {
	// Owners is nil where nobody owns anything.
	Owners *content.Owners
	// Model is the one to ask Owners with (content.Owners.Required); nil with Owners.
	Model *content.Model
	// Commit is where both were read.
	Commit content.Hash
}

// OwnersAt returns the owners in force at a revision: those of the newest commit on its
// first-parent line that has no owners file, or one without a problem, under a model and
// schemas that can be used; a broken file opens nothing that the one before it closed.
// A file that was broken ever since there is one closed nothing yet.
//
// For a merge the revision is the head of the branch that is merged into, as it is when
// the merge is made; never that of the proposal, which could let itself in. The error
// wraps content.ErrNotFound and so on where there is no such revision, and
// content.ErrUnavailable where a shallow clone does not tell: then nothing may be merged.
func OwnersAt(ctx context.Context, cfg Config, revision string) (*OwnersInForce, error) {
	c := &Catalog{cfg: cfg.withDefaults(), repo: cfg.Repo}
	head, err := c.head(ctx)
	if err != nil {
		return nil, err
	}
	start, err := c.repo.Resolve(ctx, revision, head.commit.Hash)
	if err != nil {
		return nil, publicError(err)
	}
	compiler := newCompiler(cfg.Repo, cfg.Model)
	var last gitrepo.Hash
	for commit, err := range c.repo.FirstParents(ctx, start) {
		if err != nil {
			return nil, publicError(fmt.Errorf("look for owners that can be used: %w", err))
		}
		in, err := compiler.ownersIn(ctx, commit)
		if in != nil || err != nil {
			return in, err
		}
		last = commit.Hash
	}
	return &OwnersInForce{Commit: content.Hash(last)}, nil
}

// ownersIn returns the owners that a commit has; nil where they are not good.
func (c *compiler) ownersIn(ctx context.Context, commit gitrepo.Commit) (*OwnersInForce, error) {
	_, err := c.repo.Lookup(ctx, commit.Tree, OwnersFile)
	if errors.Is(err, gitrepo.ErrNotFound) {
		return &OwnersInForce{Commit: content.Hash(commit.Hash)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", OwnersFile, err)
	}
	t := &commitTree{c.repo, commit.Tree}
	compiled, err := c.served(ctx, t, "")
	if errors.Is(err, content.ErrInvalid) || errors.Is(err, content.ErrNotFound) {
		return nil, nil // no model that can be used
	}
	if err != nil {
		return nil, err
	}
	owners, problems, err := readOwners(ctx, t, compiled.checker)
	if err != nil || owners == nil || len(problems) > 0 || !compiled.whole() {
		return nil, err
	}
	return &OwnersInForce{owners, compiled.model(), content.Hash(commit.Hash)}, nil
}

// readOwners reads the owners of a tree and holds them against its model. They are nil
// where there are none, and where they cannot be read.
func readOwners(ctx context.Context, t tree, checker *check.Checker) (*content.Owners, []content.Problem, error) {
	blob, err := t.blob(ctx, OwnersFile)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	source, err := t.read(ctx, OwnersFile, blob)
	if errors.Is(err, gitrepo.ErrTooLarge) {
		return nil, []content.Problem{check.TooLarge(content.Ref{}, OwnersFile)}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	owners, problems := check.ReadOwners(OwnersFile, source)
	if owners != nil {
		problems = checker.Owners(owners)
	}
	return owners, problems, nil
}
