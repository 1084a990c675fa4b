package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
)

// proposalsFlags choose among proposals.
type proposalsFlags struct {
	where                 deskFlags
	state, author, record string
	limit                 int
	json, noPager         bool
}

var proposalStates = []string{"open", "merged", "closed", "all"}

func (a *app) proposals() *cobra.Command {
	var flags proposalsFlags
	c := &cobra.Command{
		Use:   "proposals",
		Short: "List proposals, the newest first",
		Long: `Lists the proposals of the built-in forge: those that are open, unless --state says
otherwise.

With --json each line is one proposal: an object with number, title, description, state
(OPEN, MERGED, CLOSED), author, branch, target, head and base (commits), mergedAs (a
commit), openedAt, updatedAt, requested (who is asked for a review), records (as
collection/id), reviews (person, verdict, text, head, stale, at) and comments (person,
text, at). 'koonti proposal show --json' also has what checks found.`,
		Example: `  koonti proposals
  koonti proposals --state all --author liisa
  koonti proposals --record projects/digicult
  koonti proposals --json | jq -r 'select(.reviews == []) | .number'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runProposals(c.Context(), flags) },
	}
	flags.where.add(a, c)
	c.Flags().StringVar(&flags.state, "state", "open", "open, merged, closed or all")
	c.Flags().StringVar(&flags.author, "author", "", "only by people whose name or address has this in it")
	c.Flags().StringVar(&flags.record, "record", "", "only those that change this record")
	c.Flags().IntVar(&flags.limit, "limit", 0, "so many at most (default: all)")
	c.Flags().BoolVar(&flags.json, "json", false, "one JSON object a line")
	c.Flags().BoolVar(&flags.noPager, "no-pager", false, "never hand what is longer than the screen to $PAGER or less")
	a.completeFlag(c, "record", a.completeRecord)
	a.completeFlag(c, "state", cobra.FixedCompletions(proposalStates, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *proposalsFlags) query() (content.ProposalQuery, error) {
	q := content.ProposalQuery{Author: strings.TrimSpace(f.author), Limit: f.limit}
	switch state := strings.ToLower(f.state); {
	case !slices.Contains(proposalStates, state):
		return q, fmt.Errorf("--state %s is none: take open, merged, closed or all", plain(f.state))
	case f.limit < 0:
		return q, errors.New("--limit is no negative number")
	case state != "all":
		q.State = content.ProposalState(strings.ToUpper(state))
	}
	return q, nil
}

func (a *app) runProposals(ctx context.Context, flags proposalsFlags) error {
	lang, err := language(flags.where.lang)
	if err != nil {
		return err
	}
	q, err := flags.query()
	if err != nil {
		return err
	}
	d, err := a.desk(ctx, flags.where)
	if err != nil {
		return err
	}
	defer d.Close()
	if flags.record != "" {
		ref, err := d.touched(ctx, flags.record)
		if err != nil {
			return err
		}
		q.Record = &ref
	}
	page, err := d.Proposals(ctx, q)
	if err != nil {
		return err
	}
	if flags.json {
		return a.proposalLines(ctx, d, page, lang)
	}
	s := a.screen(flags.noPager)
	return s.end(s.proposals(page, deskWords[lang]))
}

// touched is the record that arg names: one that is there, or that a proposal makes or made.
func (d *desk) touched(ctx context.Context, arg string) (content.Ref, error) {
	view, err := d.tip(ctx)
	if err != nil {
		return content.Ref{}, err
	}
	ref, unknown := d.record(view, arg, false)
	if unknown == nil {
		return ref, nil
	}
	for _, ref := range refsOf(d.repo, view.Model, arg) {
		page, err := d.Proposals(ctx, content.ProposalQuery{Record: &ref, Limit: 1})
		if err != nil || page.Total > 0 {
			return ref, err
		}
	}
	return ref, unknown
}

func (a *app) proposalLines(ctx context.Context, d *desk, page content.ProposalPage, lang content.Language) error {
	encoder := jsonLines(a.Out)
	for _, p := range page.Proposals {
		records, err := d.Records(ctx, p)
		if err != nil {
			return err
		}
		if err := encoder.Encode(newProposalLine(p, records, nil, lang)); err != nil {
			return fmt.Errorf("write the proposals: %w", err)
		}
	}
	return nil
}

var stateInks = map[content.ProposalState]ink{content.ProposalOpen: green, content.ProposalMerged: cyan, content.ProposalClosed: red}

func (s *screen) proposals(page content.ProposalPage, words *deskText) error {
	if len(page.Proposals) == 0 {
		_, err := fmt.Fprintln(s, words.none)
		return err
	}
	number, state := len(fmt.Sprintf("#%d", page.Proposals[0].Number)), 0
	for _, word := range words.states {
		state = max(state, displayWidth(word))
	}
	for _, p := range page.Proposals {
		line := fmt.Sprintf("%s  %s  %s, %s", s.paint(bold, pad(fmt.Sprintf("#%d", p.Number), number)), s.paint(stateInks[p.State], pad(words.states[p.State], state)),
			plain(p.Author.Name), day(p.UpdatedAt))
		indent := strings.Repeat(" ", number+2)
		if _, err := fmt.Fprintf(s, "%s\n%s%s\n", line, indent, shorten(plain(p.Title), max(20, s.width-len(indent)))); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s, "\n%s\n", several(page.Total, words.total1, words.total))
	return err
}

// completeFlag completes the value of a flag as complete does a first argument.
func (a *app) completeFlag(c *cobra.Command, name string, complete cobra.CompletionFunc) {
	err := c.RegisterFlagCompletionFunc(name, func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return complete(c, nil, typed)
	})
	if err != nil {
		panic(err) // there is no such flag
	}
}
