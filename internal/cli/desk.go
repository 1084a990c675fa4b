package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/local"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// desk is where one person works on proposals: the repository with what it serves, and
// the service that decides.
type desk struct {
	*proposal.Service
	repo *gitrepo.Repo
	cat  *catalog.Catalog
	// me is Git's user. Whoever may write to the repository may do everything with it.
	me content.Actor
}

// deskFlags say how a command works on proposals.
type deskFlags struct {
	target   string
	fourEyes bool
}

func (f *deskFlags) add(a *app, c *cobra.Command) {
	a.content(c)
	c.Flags().StringVar(&f.target, "target", "", "branch that proposals are merged into (default: the one checked out, or HEAD of a bare repository)")
	c.Flags().BoolVar(&f.fourEyes, "four-eyes", false, "nobody approves or merges their own alone")
}

// desk opens the repository for work on proposals. The caller closes it.
func (a *app) desk(ctx context.Context, flags deskFlags) (_ *desk, err error) {
	repo, err := a.open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			repo.Close()
		}
	}()
	outside, err := a.outside()
	if err != nil {
		return nil, err
	}
	d := &desk{repo: repo}
	ref := flags.target
	if ref == "" {
		if ref, _, err = repo.Head(ctx); err != nil {
			return nil, fmt.Errorf("find the branch: %w", err)
		}
		if ref == "" {
			return nil, &hintError{errors.New("no branch is checked out"), "Check one out, or name it with --target."}
		}
	}
	// What is proposed for is what is committed: nothing of the work tree.
	if d.cat, err = catalog.Open(ctx, catalog.Config{Repo: repo, Ref: ref, Model: outside}); err != nil {
		return nil, explain(err)
	}
	forge := local.New(local.Config{Repo: repo, Target: func(context.Context) (string, error) { return d.cat.Current().Ref, nil }})
	d.Service = proposal.New(proposal.Config{
		Repo: repo, Forge: forge, Content: d.cat, Target: func() string { return d.cat.Current().Ref }, API: graphql.Compare,
		Owners: ownersOf(repo, outside), FourEyes: flags.fourEyes,
	})
	d.me, err = gitsUser(repo)
	if err == nil {
		_, err = forge.Sync(ctx)
	}
	return d, err
}

// Close lets go of the repository.
func (d *desk) Close() { d.repo.Close() }

// gitsUser is who Git says the user is.
func gitsUser(repo *gitrepo.Repo) (content.Actor, error) {
	name, email := repo.UserIdentity()
	if name == "" || email == "" {
		return content.Actor{}, &hintError{errors.New("nobody knows who you are: Git has no name and no address"), "Say so: git config --global user.name \"Your Name\"; git config --global user.email you@example.org"}
	}
	return content.Actor{Person: content.Person{Name: name, Email: email, Identity: content.IdentityClaimed}, Role: content.RoleMaintainer, ID: email}, nil
}

// tellRefusal writes what a refusal says, and makes of it an exit with Problems.
func (a *app) tellRefusal(err error, lang content.Language) error {
	var refusal *content.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	fmt.Fprintf(a.Err, "koonti: %s\n", harmless(refusal.Message, "\n"))
	for _, p := range refusal.Problems {
		fmt.Fprintf(a.Err, "  %s\n", oneLine(p, lang))
	}
	for _, c := range refusal.Conflicts {
		writeConflict(a.Err, c, lang)
	}
	for _, r := range refusal.Referrers {
		fmt.Fprintf(a.Err, "  %s %s refers to %s\n", plain(r.Path), plain(placeName(r.Field)), plain(r.Target.String()))
	}
	for _, path := range refusal.Paths {
		fmt.Fprintf(a.Err, "  %s\n", plain(path))
	}
	return errProblems
}

// oneLine is a problem on one line.
func oneLine(p content.Problem, lang content.Language) string {
	return plain(problemPlace(p)) + " " + plain(p.Message(lang))
}

// problemPlace is where a problem is: the file, with line and column where it has them.
func problemPlace(p content.Problem) string {
	if p.Line == 0 {
		return p.Path
	}
	return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column)
}
