package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
)

// draftFlags are those of all that makes a proposal.
type draftFlags struct {
	where                   deskFlags
	title, description, key string
	reviewers               []string
	dryRun                  bool
}

func (f *draftFlags) add(a *app, c *cobra.Command) {
	f.where.add(a, c)
	c.Flags().StringVarP(&f.title, "title", "t", "", "what the proposal does, in a line")
	c.Flags().StringVarP(&f.description, "description", "d", "", "more about it: why, and where the facts are from")
	c.Flags().StringSliceVar(&f.reviewers, "reviewer", nil, "who is asked for a review: a name or an address")
	c.Flags().StringVar(&f.key, "key", "", "proposing again with the same key gives the same proposal")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say which problems it would bring")
}

func (f *draftFlags) draft() content.Draft {
	return content.Draft{Title: f.title, Description: f.description, Key: f.key, Reviewers: f.reviewers}
}

// titled refuses to begin what could not be proposed in the end.
func (f *draftFlags) titled() error {
	if strings.TrimSpace(f.title) == "" && !f.dryRun {
		return &hintError{errors.New("a proposal needs a title"), `Say in a line what it does: --title "Yhteenveto korjattu"`}
	}
	return nil
}

// proposeFlags say what is proposed.
type proposeFlags struct {
	draftFlags
	record, patch, rename, remove, restore, undo string
	to, field                                    string
	carry                                        bool
	amend                                        int
}

func (a *app) propose() *cobra.Command {
	var flags proposeFlags
	c := &cobra.Command{
		Use:   "propose [FILE...]",
		Short: "Propose changes of records: for review, on a branch of their own",
		Long: `Makes a proposal of what the files and folders named have in the work tree and the commit
checked out has not, records and attachments; without any, of all that is not committed.
Or of one edit of a record as it is on the branch, also in a bare repository:

  --patch FILE --record RECORD    a JSON Patch (RFC 6902); - is standard input
  --rename RECORD --to ID         another id; --carry takes what refers to it along
  --delete RECORD                 --carry --to ID hands what refers to it over to another
  --restore RECORD@REVISION       as it was then; --field for one place alone
  --undo COMMIT --record RECORD   what one commit did to it, and nothing else

RECORD is collection/id, or the path of its file. --amend NUMBER adds to a proposal: of a
file what you changed, field by field, beside what the proposal has; without files and
with --title, --description or --reviewer these alone.

The branch checked out and your files stay as they are. What would bring new problems is
refused, and they are told. Prints the number, the state and the title.

Exit code: 0 it is proposed (--dry-run: it could be), 1 it was refused, 2 it could not be
tried.`,
		Example: `  koonti propose records/projects/digicult.json --title "Yhteenveto korjattu"
  koonti propose --dry-run                      # what would be wrong with all I changed?
  koonti propose --title "Luku korjattu" --record projects/digicult --patch korjaus.json
  koonti propose --title "Uusi tunnus" --rename projects/digicult --to digi-cult --carry
  koonti propose --title "Palautus" --restore projects/digicult@2026-01-31 --field /summary
  koonti propose --amend 12 records/projects/digicult.json`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := flags.check(c, args); err != nil {
				return err
			}
			return a.runPropose(c.Context(), args, &flags)
		},
	}
	flags.add(a, c)
	f := c.Flags()
	f.StringVar(&flags.record, "record", "", "the record of --patch and --undo")
	f.StringVar(&flags.patch, "patch", "", "file with a JSON Patch")
	f.StringVar(&flags.rename, "rename", "", "record to rename")
	f.StringVar(&flags.remove, "delete", "", "record to delete")
	f.StringVar(&flags.restore, "restore", "", "record and revision: projects/digicult@2026-01-31")
	f.StringVar(&flags.undo, "undo", "", "commit of which to take back what it did to --record")
	f.StringVar(&flags.to, "to", "", "id: the new one of --rename, or the record that --delete hands over to")
	f.StringVar(&flags.field, "field", "", "place (JSON Pointer) that --restore is for")
	f.BoolVar(&flags.carry, "carry", false, "take what refers to the record along")
	f.IntVar(&flags.amend, "amend", 0, "add to the proposal with this number")
	c.MarkFlagsMutuallyExclusive("patch", "rename", "delete", "restore", "undo")
	c.MarkFlagsMutuallyExclusive("amend", "key")
	c.MarkFlagsMutuallyExclusive("amend", "dry-run")
	for _, name := range []string{"record", "rename", "delete", "restore"} {
		a.completeFlag(c, name, a.completeRecord)
	}
	a.completeFlag(c, "amend", a.completeNumber)
	return c
}

// check refuses flags that do not go together.
func (f *proposeFlags) check(c *cobra.Command, files []string) error {
	set := c.Flags().Changed
	edits := set("patch") || set("rename") || set("delete") || set("restore") || set("undo")
	switch {
	case edits && len(files) > 0:
		return &hintError{errors.New("files and an edit of one record are two proposals"), "Make one, and add the other to it with --amend."}
	case set("record") != (set("patch") || set("undo")):
		return &hintError{errors.New("--record goes with --patch or --undo, and they with it"), "For example: koonti propose --title \"Luku korjattu\" --record projects/digicult --patch korjaus.json"}
	case set("to") && !set("rename") && !set("delete"), set("rename") && f.to == "":
		return &hintError{errors.New("--to goes with --rename, which needs it, or --delete"), "For example: koonti propose --title \"Uusi tunnus\" --rename projects/digicult --to digi-cult --carry"}
	case set("carry") && !set("rename") && !set("delete"):
		return errors.New("--carry goes with --rename or --delete")
	case set("delete") && f.carry != (f.to != ""):
		return &hintError{errors.New("what refers to a record that is deleted is handed over with both --carry and --to"), "For example: koonti propose --title \"Yhdistetty\" --delete themes/vanha --carry --to uusi"}
	case set("field") && !set("restore"):
		return errors.New("--field goes with --restore")
	case set("amend") && f.amend < 1:
		return &hintError{errors.New("--amend names a proposal by its number"), "'koonti proposals' lists them."}
	case !set("amend"):
		return f.titled()
	}
	return nil
}

func (a *app) runPropose(ctx context.Context, files []string, flags *proposeFlags) error {
	lang, err := language(flags.where.lang)
	if err != nil {
		return err
	}
	g, err := a.ground(ctx, flags.where, flags.amend)
	if err != nil {
		return err
	}
	defer g.Close()
	draft, err := g.draft(ctx, files, flags)
	if err != nil {
		return err
	}
	return g.finish(ctx, draft, flags.dryRun, lang)
}

// ground opens what edits are made on: the branch or, where amend is not 0, that proposal.
// The caller closes it.
func (a *app) ground(ctx context.Context, flags deskFlags, amend int) (*ground, error) {
	d, err := a.desk(ctx, flags)
	if err != nil {
		return nil, err
	}
	g := &ground{desk: d, app: a}
	if g.by, err = d.user(); err == nil {
		err = g.lay(ctx, amend)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return g, nil
}

// ground is what edits are made on.
type ground struct {
	*desk
	app *app
	by  content.Actor
	// amends is the proposal that is added to; nil for a new one.
	amends *content.Proposal
	// view is the head of that, or the newest of the branch.
	view *content.View
}

func (g *ground) lay(ctx context.Context, amend int) (err error) {
	if amend == 0 {
		g.view, err = g.tip(ctx)
		return err
	}
	if g.amends, err = g.find(ctx, amend); err == nil {
		g.view, err = g.cat.Own(ctx, g.amends.Head)
	}
	return err
}

// draft is what the flags and files ask for.
func (g *ground) draft(ctx context.Context, files []string, flags *proposeFlags) (content.Draft, error) {
	draft := flags.draftFlags.draft()
	edit, err := g.edit(flags)
	switch {
	case err != nil:
		return draft, err
	case edit != nil:
		draft.Edits = []content.Edit{*edit}
	case g.amends != nil && len(files) == 0 && (draft.Title != "" || draft.Description != "" || len(draft.Reviewers) > 0):
	default:
		if draft.Edits, draft.Base, err = g.uncommitted(ctx, files); err != nil {
			return draft, err
		}
	}
	if g.amends != nil {
		draft.Base = g.amends.Head
	}
	return draft, nil
}

// edit is the one that the flags say; nil where they say none.
func (g *ground) edit(f *proposeFlags) (*content.Edit, error) {
	e := &content.Edit{To: content.ID(f.to), Carry: f.carry, Field: content.Pointer(f.field)}
	name, gone := "", false
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
			return nil, &hintError{fmt.Errorf("--restore %s says no revision", plain(f.restore)), "Write RECORD@REVISION, such as projects/digicult@2026-01-31."}
		}
		e.Kind, name, e.Revision, gone = content.EditRestore, f.restore[:at], f.restore[at+1:], true
	case f.undo != "":
		e.Kind, name, e.Revision, gone = content.EditUndo, f.record, f.undo, true
	default:
		return nil, nil
	}
	var err error
	e.Ref, err = g.record(g.view, name, gone)
	return e, err
}

// finish proposes or amends, or only checks.
func (g *ground) finish(ctx context.Context, draft content.Draft, dryRun bool, lang content.Language) error {
	if dryRun {
		return g.dryRun(ctx, draft, lang)
	}
	var p *content.Proposal
	var err error
	if g.amends != nil {
		p, err = g.Amend(ctx, g.by, g.amends.Number, draft)
	} else {
		p, err = g.Propose(ctx, g.by, draft)
	}
	if err != nil {
		return g.refused(err, draft, lang)
	}
	return g.app.tellProposal(p, deskWords[lang].states[p.State])
}

// refused is tellRefusal for a draft: problems are told where its files have them.
func (g *ground) refused(err error, draft content.Draft, lang content.Language) error {
	var refusal *content.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	told := *refusal
	told.Problems = located(refusal.Problems, draft.Edits)
	err = g.app.tellRefusal(&told, lang, false)
	if refusal.Reason == content.RefusedOutdated && g.amends == nil {
		fmt.Fprintln(g.app.Err, deskWords[lang].pushBranch)
	}
	return err
}

func (g *ground) dryRun(ctx context.Context, draft content.Draft, lang content.Language) error {
	problems, err := g.Validate(ctx, g.by, draft)
	if err != nil {
		return g.refused(err, draft, lang)
	}
	for _, p := range located(problems, draft.Edits) {
		fmt.Fprintln(g.app.Out, oneLine(p, lang))
	}
	if len(problems) > 0 {
		return errProblems
	}
	_, err = fmt.Fprintln(g.app.Out, several(len(draft.Edits), deskWords[lang].clean1, deskWords[lang].clean))
	return err
}
