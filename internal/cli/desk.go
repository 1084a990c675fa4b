package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
}

// deskFlags say how a command works on proposals.
type deskFlags struct {
	target   string
	lang     string
	fourEyes bool
}

func (f *deskFlags) add(a *app, c *cobra.Command) {
	a.content(c)
	c.Flags().StringVar(&f.target, "target", "", "branch that proposals are merged into (default: the one checked out, or HEAD of a bare repository)")
	c.Flags().StringVar(&f.lang, "lang", "", "language of the messages: fi, sv or en (default: that of the environment)")
}

// desk opens the repository for work on proposals. The caller closes it.
func (a *app) desk(ctx context.Context, flags deskFlags) (_ *desk, err error) {
	repo, err := a.openOwn()
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
		if ref, err = defaultTarget(ctx, repo); err != nil {
			return nil, err
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
	_, err = forge.Sync(ctx)
	return d, err
}

// defaultTarget is the branch that is checked out; that of the proposal, where its branch
// is.
func defaultTarget(ctx context.Context, repo *gitrepo.Repo) (string, error) {
	ref, head, err := repo.Head(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("find the branch: %w", err)
	case ref == "":
		return "", &hintError{errors.New("no branch is checked out"), "Check one out, or name it with --target."}
	case head == "":
		return "", &hintError{fmt.Errorf("the branch %s has no commit yet", plain(shortRef(ref))), "Commit something first, or name another branch with --target."}
	case !strings.HasPrefix(ref, "refs/heads/proposals/"):
		return ref, nil
	}
	list, err := local.New(local.Config{Repo: repo}).List(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range list {
		if p.Branch == ref {
			return p.Target, nil
		}
	}
	return "", &hintError{fmt.Errorf("the branch checked out, %s, is that of a proposal", plain(shortRef(ref))), "Name the branch that it is for with --target."}
}

// Close lets go of the repository.
func (d *desk) Close() { d.repo.Close() }

// user is whom Git would call the author of a commit. Whoever may write to the repository
// may do everything with it.
func (d *desk) user() (content.Actor, error) {
	name, email := d.repo.UserIdentity()
	name, email = cmp.Or(os.Getenv("GIT_AUTHOR_NAME"), name), cmp.Or(os.Getenv("GIT_AUTHOR_EMAIL"), email)
	if name == "" || email == "" {
		return content.Actor{}, &hintError{errors.New("nobody knows who you are: Git has no name and no address"), "Say so: git config --global user.name \"Your Name\"; git config --global user.email you@example.org"}
	}
	return content.Actor{Person: content.Person{Name: name, Email: email, Identity: content.IdentityClaimed}, Role: content.RoleMaintainer, ID: email}, nil
}

// find returns a proposal.
func (d *desk) find(ctx context.Context, number int) (*content.Proposal, error) {
	p, err := d.Proposal(ctx, number)
	if errors.Is(err, content.ErrNotFound) {
		return nil, &hintError{fmt.Errorf("there is no proposal %d", number), "'koonti proposals --state all' lists them."}
	}
	return p, err
}

// tip is what the branch that is served has, as it is.
func (d *desk) tip(ctx context.Context) (*content.View, error) {
	return d.cat.Own(ctx, d.cat.Current().Commit)
}

// record returns which record of a view arg names: collection/id, or the path of its file.
// One that is not there is an error, with what may be meant, unless it may be gone.
func (d *desk) record(view *content.View, arg string, gone bool) (content.Ref, error) {
	refs := refsOf(d.repo, view.Model, arg)
	for _, ref := range refs {
		if view.Snapshot.Record(ref) != nil || gone && view.Model.Collection(ref.Collection) != nil {
			return ref, nil
		}
	}
	var names []string
	for _, c := range view.Model.Collections {
		for r := range view.Snapshot.Set(c.Name).All() {
			names = append(names, r.Ref.String())
		}
	}
	hint := "Name it as collection/id. The collections are " + collectionNames(view.Model) + "."
	if near := nearest(arg, names); len(near) > 0 {
		hint = "Did you mean " + strings.Join(near, " or ") + "?"
	}
	return content.Ref{}, &hintError{fmt.Errorf("there is no record %s", plain(arg)), hint}
}

// refsOf are the records that arg may mean.
func refsOf(repo *gitrepo.Repo, model *content.Model, arg string) []content.Ref {
	var refs []content.Ref
	if collection, id, ok := strings.Cut(arg, "/"); ok && collection != "" && id != "" {
		refs = append(refs, content.Ref{Collection: content.CollectionName(collection), ID: content.ID(id)})
	}
	for _, path := range pathsOf(repo, arg) {
		if c, id := model.Match(path); c != nil {
			refs = append(refs, content.Ref{Collection: c.Name, ID: id})
		}
	}
	return refs
}

// pathsOf are the paths in a repository that arg may mean: from the current folder, else
// from the root.
func pathsOf(repo *gitrepo.Repo, arg string) []string {
	var paths []string
	if full, err := filepath.Abs(arg); err == nil && repo.WorkTree() != "" {
		for _, root := range []string{repo.WorkTree(), resolved(repo.WorkTree())} {
			if name, err := filepath.Rel(root, full); err == nil && filepath.IsLocal(name) {
				paths = append(paths, filepath.ToSlash(name))
			}
		}
	}
	return append(paths, filepath.ToSlash(filepath.Clean(arg)))
}

// tellRefusal writes what a refusal says, and what to do, and makes of it an exit with
// Problems. resolving says that conflicts can be settled by the same command.
func (a *app) tellRefusal(err error, lang content.Language, resolving bool) error {
	var refusal *content.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	words := deskWords[lang]
	message := harmless(refusal.Message, "\n")
	if why := words.refused[refusal.Reason]; why != "" {
		message = why + ": " + message
	}
	fmt.Fprintf(a.Err, "koonti: %s\n", message)
	for _, p := range refusal.Problems {
		fmt.Fprintf(a.Err, "  %s\n", oneLine(p, lang))
	}
	for _, c := range refusal.Conflicts {
		writeConflict(a.Err, c, lang)
	}
	for i, r := range refusal.Referrers {
		if i == shownRecords {
			fmt.Fprintf(a.Err, "  … +%d\n", len(refusal.Referrers)-i)
			break
		}
		fmt.Fprintf(a.Err, "  "+words.refers+"\n", plain(r.Path), plain(placeName(r.Field)), plain(r.Target.String()))
	}
	for _, path := range refusal.Paths {
		fmt.Fprintf(a.Err, "  %s\n", plain(path))
	}
	if hint := words.hint(refusal, resolving); hint != "" {
		fmt.Fprintln(a.Err, hint)
	}
	return errProblems
}

// hint is what to type after a refusal; "" where there is nothing to say.
func (t *deskText) hint(r *content.Refusal, resolving bool) string {
	switch {
	case resolving && r.Reason == content.RefusedConflict && len(r.Conflicts) > 0:
		c := r.Conflicts[0]
		return fmt.Sprintf(t.takeSide, "--take "+shellWord("theirs:"+c.Path+"#"+string(c.Field)))
	case r.Reason == content.RefusedWorkTree && len(r.Paths) > 0:
		var words []string
		for _, path := range r.Paths {
			words = append(words, shellWord(":/"+path))
		}
		return fmt.Sprintf(t.putAside, strings.Join(words, " "))
	case r.Reason == content.RefusedDangling:
		return t.carry
	}
	return ""
}

// oneLine is a problem on one line.
func oneLine(p content.Problem, lang content.Language) string {
	return plain(problemPlace(p)) + ": " + plain(p.Message(lang))
}

// problemPlace is where a problem is: the file, with line and column where it has them.
func problemPlace(p content.Problem) string {
	if p.Line == 0 {
		return p.Path
	}
	return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column)
}

// located gives the problems of records that are put as files have them the place that
// they have there.
func located(problems []content.Problem, edits []content.Edit) []content.Problem {
	out := slices.Clone(problems)
	for i := range out {
		p := &out[i]
		at := slices.IndexFunc(edits, func(e content.Edit) bool {
			return e.Kind == content.EditPut && e.Collection == p.Collection && e.ID == p.ID
		})
		if at < 0 || p.Line == 0 {
			continue
		}
		root, err := content.Parse(edits[at].Document)
		if err != nil {
			continue
		}
		v := root.At(p.Pointer)
		if v == nil {
			continue
		}
		offset := v.Start
		if namesMember(p.Rule) {
			offset = v.NameAt
		}
		p.Line, p.Column = content.Position(edits[at].Document, int(offset))
	}
	return out
}

// namesMember reports whether a rule is about the name of a member, and not its value.
func namesMember(rule string) bool {
	switch rule {
	case "schema/additionalProperties", "schema/unevaluatedProperties", "schema/propertyNames", "schema/false":
		return true
	}
	return false
}
