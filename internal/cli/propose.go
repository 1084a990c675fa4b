package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// proposeFlags say what is proposed.
type proposeFlags struct {
	where                                        deskFlags
	title, description, key, lang                string
	record, patch, rename, remove, restore, undo string
	to, field                                    string
	reviewers                                    []string
	carry, dryRun                                bool
	amend                                        int
}

func (a *app) propose() *cobra.Command {
	var flags proposeFlags
	c := &cobra.Command{
		Use:   "propose [FILE...]",
		Short: "Propose changes of records: for review, on a branch of their own",
		Long: `Makes a proposal of what the files named have in the work tree, records and
attachments; without files, of all that is not committed. Or of one edit of a record
as it is on the branch:

  --patch FILE --record RECORD    a JSON Patch (RFC 6902); - is standard input
  --rename RECORD --to ID         another id; --carry takes what refers to it along
  --delete RECORD                 --carry --to ID hands what refers to it over to another
  --restore RECORD@REVISION       as it was then; --field for one place alone
  --undo COMMIT --record RECORD   what one commit did to it, and nothing else

The branch checked out and your files stay as they are. What would bring new problems is
refused, and they are told (exit code 1). Prints the number.`,
		Example: `  koonti propose records/projects/digicult.json --title "Yhteenveto korjattu"
  koonti propose --title "Luku korjattu" --record projects/digicult --patch korjaus.json
  koonti propose --title "Palautus" --restore projects/digicult@2026-01-31 --field /summary
  koonti propose --amend 12 records/projects/digicult.json`,
		RunE: func(c *cobra.Command, args []string) error { return a.runPropose(c.Context(), args, &flags) },
	}
	flags.where.add(a, c)
	flags.addDraft(c)
	f := c.Flags()
	f.StringVar(&flags.record, "record", "", "the record of --patch and --undo, as collection/id")
	f.StringVar(&flags.patch, "patch", "", "file with a JSON Patch")
	f.StringVar(&flags.rename, "rename", "", "record to rename")
	f.StringVar(&flags.remove, "delete", "", "record to delete")
	f.StringVar(&flags.restore, "restore", "", "record and revision: projects/digicult@2026-01-31")
	f.StringVar(&flags.undo, "undo", "", "commit of which to take back what it did to --record")
	f.StringVar(&flags.to, "to", "", "id: the new one of --rename, or the record that --delete hands over to")
	f.StringVar(&flags.field, "field", "", "place (JSON Pointer) that --restore is for")
	f.BoolVar(&flags.carry, "carry", false, "carry the new id through to what refers to the record")
	f.IntVar(&flags.amend, "amend", 0, "add to the proposal with this number")
	c.MarkFlagsMutuallyExclusive("patch", "rename", "delete", "restore", "undo")
	c.MarkFlagsMutuallyExclusive("amend", "key")
	return c
}

// addDraft adds the flags of all that makes a proposal.
func (f *proposeFlags) addDraft(c *cobra.Command) {
	c.Flags().StringVarP(&f.title, "title", "t", "", "what the proposal does, in a line")
	c.Flags().StringVarP(&f.description, "description", "d", "", "more about it: why, and where the facts are from")
	c.Flags().StringSliceVar(&f.reviewers, "reviewer", nil, "who is asked for a review: a name or an address")
	c.Flags().StringVar(&f.key, "key", "", "proposing again with the same key gives the same proposal")
	c.Flags().StringVar(&f.lang, "lang", "", "language of the messages: fi, sv or en (default: that of the environment)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say which problems it would bring")
}

func (f *proposeFlags) draft(edits []content.Edit) content.Draft {
	return content.Draft{Title: f.title, Description: f.description, Edits: edits, Key: f.key, Reviewers: f.reviewers}
}

func (a *app) runPropose(ctx context.Context, files []string, flags *proposeFlags) error {
	lang, err := language(flags.lang)
	if err != nil {
		return err
	}
	d, err := a.desk(ctx, flags.where)
	if err != nil {
		return err
	}
	defer d.Close()
	edit, err := flags.edit()
	if err != nil {
		return err
	}
	draft := flags.draft(nil)
	switch {
	case edit != nil && len(files) > 0:
		return errors.New("files and an edit of one record are two proposals; make them one after the other")
	case edit != nil:
		draft.Edits = []content.Edit{*edit}
	default:
		if draft.Edits, draft.Base, err = a.uncommitted(ctx, d, files); err != nil {
			return err
		}
	}
	return a.finishDraft(ctx, d, draft, flags, lang)
}

// finishDraft proposes or amends, or only checks.
func (a *app) finishDraft(ctx context.Context, d *desk, draft content.Draft, flags *proposeFlags, lang content.Language) error {
	if flags.dryRun {
		return a.dryRun(ctx, d, draft, lang)
	}
	var p *content.Proposal
	var err error
	if flags.amend > 0 {
		if p, err = d.Proposal(ctx, flags.amend); err == nil {
			draft.Base = p.Head
			p, err = d.Amend(ctx, d.me, flags.amend, draft)
		}
	} else {
		p, err = d.Propose(ctx, d.me, draft)
	}
	if err != nil {
		return a.tellRefusal(err, lang)
	}
	return a.tellProposal(p)
}

func (a *app) dryRun(ctx context.Context, d *desk, draft content.Draft, lang content.Language) error {
	problems, err := d.Validate(ctx, d.me, draft)
	if err != nil {
		return a.tellRefusal(err, lang)
	}
	for _, p := range problems {
		fmt.Fprintln(a.Out, oneLine(p, lang))
	}
	if len(problems) > 0 {
		return errProblems
	}
	fmt.Fprintf(a.Out, "%s, no new problems.\n", counted(len(draft.Edits), "edit"))
	return nil
}

// edit is the one that the flags say; nil where they say none.
func (f *proposeFlags) edit() (*content.Edit, error) {
	e := &content.Edit{To: content.ID(f.to), Carry: f.carry, Field: content.Pointer(f.field)}
	name := ""
	switch {
	case f.patch != "":
		data, err := readFile(f.patch, content.MaxBytes)
		if err != nil {
			return nil, err
		}
		e.Kind, e.Patch, name = content.EditPatch, string(data), f.record
	case f.rename != "":
		e.Kind, name = content.EditRename, f.rename
	case f.remove != "":
		e.Kind, name = content.EditDelete, f.remove
	case f.restore != "":
		at := strings.LastIndexByte(f.restore, '@')
		if at < 0 {
			return nil, fmt.Errorf("--restore %s says no revision: write RECORD@REVISION", f.restore)
		}
		e.Kind, name, e.Revision = content.EditRestore, f.restore[:at], f.restore[at+1:]
	case f.undo != "":
		e.Kind, name, e.Revision = content.EditUndo, f.record, f.undo
	default:
		return nil, nil
	}
	var err error
	e.Ref, err = recordRef(name)
	return e, err
}

// uncommitted makes edits of what files have in the work tree and the commit checked out
// has not; of all files without names.
func (a *app) uncommitted(ctx context.Context, d *desk, names []string) ([]content.Edit, content.Hash, error) {
	if d.repo.WorkTree() == "" {
		return nil, "", &hintError{errors.New("a bare repository has no files to propose"), "Give a --patch, or work in a clone."}
	}
	outside, err := a.outside()
	if err != nil {
		return nil, "", err
	}
	here, err := catalog.Open(ctx, catalog.Config{Repo: d.repo, Model: outside})
	if err != nil {
		return nil, "", explain(err)
	}
	now := here.Current()
	base, err := d.cat.Own(ctx, now.Commit)
	if err != nil {
		return nil, "", err
	}
	wanted, err := a.below(d.repo, names, "")
	if err != nil && len(names) > 0 {
		wanted, err = deleted(d.repo.WorkTree(), names)
	}
	if err != nil {
		return nil, "", err
	}
	edits, err := differing(d.repo.WorkTree(), base, wanted)
	if err == nil && len(edits) == 0 {
		err = &hintError{errors.New("no record and no attachment there differs from the commit checked out"), "What is no record, such as a schema, is proposed by pushing a branch proposals/NAME."}
	}
	return edits, now.Commit, err
}

// deleted is below for files of which some are gone.
func deleted(root string, names []string) (func(string) bool, error) {
	var paths []string
	for _, name := range names {
		full, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		path, err := filepath.Rel(resolved(root), filepath.Join(resolved(filepath.Dir(full)), filepath.Base(full)))
		if err != nil || !filepath.IsLocal(path) {
			return nil, fmt.Errorf("%s is outside the repository %s", name, root)
		}
		paths = append(paths, filepath.ToSlash(path))
	}
	return func(path string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return p == path || strings.HasPrefix(path, p+"/") })
	}, nil
}

// differing makes edits of the files that are records or attachments by the model of base
// and are not as base has them.
func differing(root string, base *content.View, wanted func(string) bool) ([]content.Edit, error) {
	paths := map[string]bool{}
	for _, c := range base.Model.Collections {
		for r := range base.Snapshot.Set(c.Name).All() {
			paths[r.Path] = true
		}
	}
	for f := range base.Snapshot.Files() {
		paths[f.Path] = true
	}
	err := filepath.WalkDir(root, func(full string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		path, err := filepath.Rel(root, full)
		if path = filepath.ToSlash(path); entry.Type().IsRegular() {
			if c, _ := base.Model.Match(path); c != nil || base.Model.Attached(path) {
				paths[path] = true
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at the work tree: %w", err)
	}
	var edits []content.Edit
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if !wanted(path) {
			continue
		}
		edit, err := fileEdit(root, base, path)
		if err != nil {
			return nil, err
		}
		if edit != nil {
			edits = append(edits, *edit)
		}
	}
	return edits, nil
}

// fileEdit is what brings one file to what the work tree has; nil where it is that.
func fileEdit(root string, base *content.View, path string) (*content.Edit, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	gone := errors.Is(err, os.ErrNotExist)
	if err != nil && !gone {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	collection, id := base.Model.Match(path)
	if collection == nil {
		return attachmentEdit(base, path, data, gone), nil
	}
	ref := content.Ref{Collection: collection.Name, ID: id}
	r := base.Snapshot.Record(ref)
	switch {
	case gone && r == nil:
		return nil, nil
	case gone:
		return &content.Edit{Kind: content.EditDelete, Ref: ref}, nil
	case r != nil && r.Source == lineFeeds(string(data)):
		return nil, nil
	}
	return &content.Edit{Kind: content.EditPut, Ref: ref, Document: lineFeeds(string(data))}, nil
}

func attachmentEdit(base *content.View, path string, data []byte, gone bool) *content.Edit {
	was, had := base.Snapshot.File(path)
	switch {
	case gone && !had, !gone && had && was.Blob == content.Hash(gitrepo.HashBlob(data)):
		return nil
	case gone:
		return &content.Edit{Kind: content.EditDeleteFile, Path: path}
	}
	return &content.Edit{Kind: content.EditPutFile, Path: path, Bytes: data}
}
