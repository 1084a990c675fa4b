package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/local"
	"github.com/koonti/koonti/internal/gitrepo"
)

func (a *app) proposal() *cobra.Command {
	c := &cobra.Command{
		Use:   "proposal",
		Short: "Look at a proposal, review it, merge it",
		Long: `Works on a proposal of the built-in forge, by its number; what is done is done in the
name of Git's user.

Exit code: 0 it is done, 1 it was refused, which changes nothing, 2 it could not be tried.`,
		Example: `  koonti proposal show 12
  koonti proposal diff 12
  koonti proposal approve 12 --text "Luvut tarkistettu"
  koonti proposal merge 12
  koonti proposal merge 12 --take theirs:records/projects/digicult.json#/summary`,
		Args: unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.proposalShow(), a.proposalDiff())
	for _, d := range deeds {
		c.AddCommand(a.proposalDeed(d))
	}
	return c
}

// deed is what a command does to a proposal.
type deed struct {
	name, short, example     string
	text, resolving, counted bool // which flags it has: --text; --take and --resolve; --four-eyes
	do                       func(ctx context.Context, d *desk, by content.Actor, p *content.Proposal, f *deedFlags) (*content.Proposal, error)
	// done says what is so then.
	done func(*deskText) string
}

// deedFlags are those of all deeds.
type deedFlags struct {
	where   deskFlags
	text    string
	take    []string
	resolve string
}

func reviewing(verdict content.Verdict) func(context.Context, *desk, content.Actor, *content.Proposal, *deedFlags) (*content.Proposal, error) {
	return func(ctx context.Context, d *desk, by content.Actor, p *content.Proposal, f *deedFlags) (*content.Proposal, error) {
		return d.Review(ctx, by, p.Number, verdict, p.Head, f.text)
	}
}

var deeds = []deed{
	{
		name: "approve", short: "Approve a proposal as it is now", example: `koonti proposal approve 12 --text "Luvut tarkistettu"`, text: true, counted: true,
		do: reviewing(content.VerdictApproved), done: func(t *deskText) string { return t.approved },
	},
	{
		name: "request-changes", short: "Ask for changes to a proposal", example: `koonti proposal request-changes 12 --text "Lähde puuttuu"`, text: true,
		do: reviewing(content.VerdictChangesRequested), done: func(t *deskText) string { return t.changesRequested },
	},
	{
		name: "comment", short: "Comment on a proposal", example: `koonti proposal comment 12 --text "Mistä luku on?"`, text: true,
		do: func(ctx context.Context, d *desk, by content.Actor, p *content.Proposal, f *deedFlags) (*content.Proposal, error) {
			return d.Comment(ctx, by, p.Number, f.text)
		},
		done: func(t *deskText) string { return t.commented },
	},
	{
		name: "merge", short: "Merge a proposal: field by field, checked as a whole", example: "koonti proposal merge 12", resolving: true, counted: true,
		do: func(ctx context.Context, d *desk, by content.Actor, p *content.Proposal, f *deedFlags) (*content.Proposal, error) {
			list, err := f.resolutions()
			if err != nil {
				return nil, err
			}
			return d.Merge(ctx, by, p.Number, p.Head, list)
		},
		done: func(t *deskText) string { return t.states[content.ProposalMerged] },
	},
	{
		name: "rebase", short: "Bring the newest of the branch into a proposal", example: "koonti proposal rebase 12", resolving: true,
		do: func(ctx context.Context, d *desk, by content.Actor, p *content.Proposal, f *deedFlags) (*content.Proposal, error) {
			list, err := f.resolutions()
			if err != nil {
				return nil, err
			}
			return d.Rebase(ctx, by, p.Number, p.Head, list)
		},
		done: func(t *deskText) string { return t.rebased },
	},
	{
		name: "close", short: "Close a proposal without merging it", example: "koonti proposal close 12",
		do: func(ctx context.Context, d *desk, by content.Actor, p *content.Proposal, _ *deedFlags) (*content.Proposal, error) {
			return d.Service.Close(ctx, by, p.Number)
		},
		done: func(t *deskText) string { return t.states[content.ProposalClosed] },
	},
	{
		name: "reopen", short: "Open a proposal again that was closed", example: "koonti proposal reopen 12",
		do: func(ctx context.Context, d *desk, by content.Actor, p *content.Proposal, _ *deedFlags) (*content.Proposal, error) {
			return d.Reopen(ctx, by, p.Number)
		},
		done: func(t *deskText) string { return t.reopened },
	},
}

func (a *app) proposalDeed(is deed) *cobra.Command {
	var flags deedFlags
	c := &cobra.Command{
		Use: is.name + " NUMBER", Short: is.short, Example: "  " + is.example, Args: oneNumber(is.example), ValidArgsFunction: a.completeNumber,
		RunE: func(c *cobra.Command, args []string) error { return a.runDeed(c.Context(), args[0], is, &flags) },
	}
	flags.where.add(a, c)
	if is.text {
		c.Flags().StringVarP(&flags.text, "text", "m", "", "what you have to say")
	}
	if is.counted {
		c.Flags().BoolVar(&flags.where.fourEyes, "four-eyes", false, "nobody approves or merges their own alone")
	}
	if is.resolving {
		c.Long = is.short + `.

Where both sides changed one place, say which value it gets: --take base, ours (the
branch) or theirs (the proposal), a colon, the path, # and the place; or --resolve a file
of JSON: [{"path": "...", "field": "/summary", "value": ...}], where "take" may stand in
the place of "value"; with neither, the place is removed.`
		c.Example += "\n  koonti proposal " + is.name + " 12 --take theirs:records/projects/digicult.json#/summary"
		c.Flags().StringArrayVar(&flags.take, "take", nil, "settle a conflict by a side: theirs:records/projects/a.json#/summary; may be given several times")
		c.Flags().StringVar(&flags.resolve, "resolve", "", "file of resolutions (JSON); - is standard input")
	}
	return c
}

func (a *app) runDeed(ctx context.Context, arg string, is deed, flags *deedFlags) error {
	lang, err := language(flags.where.lang)
	if err != nil {
		return err
	}
	number, err := proposalNumber(arg)
	if err != nil {
		return err
	}
	if is.name == "comment" && strings.TrimSpace(flags.text) == "" {
		return &hintError{errors.New("a comment says something"), "For example: " + is.example}
	}
	d, err := a.desk(ctx, flags.where)
	if err != nil {
		return err
	}
	defer d.Close()
	by, err := d.user()
	if err != nil {
		return err
	}
	p, err := d.find(ctx, number)
	if err == nil {
		p, err = is.do(ctx, d, by, p, flags)
	}
	if err != nil {
		return a.tellRefusal(err, lang, is.resolving)
	}
	return a.tellProposal(p, is.done(deskWords[lang]))
}

// tellProposal says in a line what a proposal is now.
func (a *app) tellProposal(p *content.Proposal, done string) error {
	line := fmt.Sprintf("#%d %s, %s", p.Number, done, plain(p.Title))
	if p.MergedAs != "" {
		line += " (" + gitrepo.Hash(p.MergedAs).Short() + ")"
	}
	_, err := fmt.Fprintln(a.Out, line)
	return err
}

// oneNumber takes one argument, the number of a proposal.
func oneNumber(example string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return &hintError{errors.New("name one proposal by its number"), "'koonti proposals' lists them. For example: " + example}
		}
		_, err := proposalNumber(args[0])
		return err
	}
}

func proposalNumber(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "#"))
	if err != nil || n < 1 {
		return 0, &hintError{fmt.Errorf("%q is no number of a proposal", text), "'koonti proposals' lists them."}
	}
	return n, nil
}

// completeNumber completes the first argument for the shell: the numbers of the proposals
// that are there. It writes nothing.
func (a *app) completeNumber(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	repo, err := a.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer repo.Close()
	list, err := local.New(local.Config{Repo: repo}).List(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var numbers []string
	for _, p := range list {
		if p.State == content.ProposalOpen || c.Name() == "show" || c.Name() == "diff" || c.Name() == "comment" || c.Name() == "reopen" {
			numbers = append(numbers, fmt.Sprintf("%d\t%s", p.Number, plain(p.Title)))
		}
	}
	return numbers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// maxResolutions is the largest file of resolutions, in bytes.
const maxResolutions = 4 << 20

// resolutions reads --take and --resolve.
func (f *deedFlags) resolutions() ([]content.Resolution, error) {
	var list []content.Resolution
	for _, text := range f.take {
		side, place, ok := strings.Cut(text, ":")
		path, field, placed := strings.Cut(place, "#")
		take := content.Side(strings.ToUpper(side))
		if !ok || !placed || take != content.SideBase && take != content.SideOurs && take != content.SideTheirs {
			return nil, &hintError{fmt.Errorf("--take %s says no side and place", plain(text)), "Write it like theirs:records/projects/a.json#/summary; base and ours are the other sides."}
		}
		list = append(list, content.Resolution{Path: path, Field: content.Pointer(field), Take: take})
	}
	if f.resolve == "" {
		return list, nil
	}
	data, err := readFile(f.resolve, maxResolutions)
	if err != nil {
		return nil, err
	}
	var read []struct {
		Path, Field, Take string
		Value             json.RawMessage
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return nil, &hintError{fmt.Errorf("the file of resolutions cannot be read: %w", err), `It is a list like [{"path": "records/projects/a.json", "field": "/summary", "value": "..."}].`}
	}
	for _, r := range read {
		list = append(list, content.Resolution{Path: r.Path, Field: content.Pointer(r.Field), Take: content.Side(strings.ToUpper(r.Take)), Value: string(r.Value)})
	}
	return list, nil
}

// readFile reads a file that is named on the command line, or standard input for "-".
func readFile(name string, most int64) ([]byte, error) {
	file := os.Stdin
	if name != "-" {
		var err error
		if file, err = os.Open(name); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no file %s", plain(name))
		} else if err != nil {
			return nil, err
		}
		defer file.Close()
	}
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", plain(name), err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s is over %d bytes", plain(name), most)
	}
	return data, nil
}
