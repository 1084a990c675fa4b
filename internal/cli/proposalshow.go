package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

func (a *app) proposalDiff() *cobra.Command {
	const example = "koonti proposal diff 12 --format markdown"
	var where pastFlags
	var flags diffFlags
	c := &cobra.Command{
		Use:   "diff NUMBER",
		Short: "Say what a proposal changes, record by record",
		Long: `Shows what a proposal changes, as 'koonti diff' does, also of one that is merged or
closed: the values before are those of the newest commit that it shares with its branch.`,
		Example: "  koonti proposal diff 12\n  " + example, Args: oneNumber(example), ValidArgsFunction: a.completeNumber,
		RunE: func(c *cobra.Command, args []string) error {
			return a.runProposalDiff(c.Context(), args[0], where, flags)
		},
	}
	where.add(a, c)
	where.addPager(c)
	flags.form.add(c, formats)
	return c
}

func (a *app) runProposalDiff(ctx context.Context, arg string, where pastFlags, flags diffFlags) error {
	number, err := proposalNumber(arg)
	if err != nil {
		return err
	}
	d, err := a.desk(ctx, deskFlags{})
	if err != nil {
		return err
	}
	p, err := d.find(ctx, number)
	var report *content.ProposalReport
	if err == nil {
		report, err = d.Report(ctx, p)
	}
	d.Close()
	if err != nil {
		return err
	}
	flags.files = report.Files
	return a.runDiff(ctx, where, []string{string(p.Base), fmt.Sprintf("proposal/%d", number)}, flags)
}

// showFlags say how a proposal is shown.
type showFlags struct {
	where         deskFlags
	json, noPager bool
}

func (a *app) proposalShow() *cobra.Command {
	const example = "koonti proposal show 12"
	var flags showFlags
	c := &cobra.Command{
		Use:   "show NUMBER",
		Short: "Show a proposal: what it says, its checks, reviews and comments",
		Long: `Shows a proposal, and of one that is open what checks found: content (problems that it
brings), api (what changes for those who query), merge (can it be merged, and is the whole
right then) and owners (have those approved who must).

With --json it is one object: that of 'koonti proposals --json', and for one that is open
mergeable, checks (name, status: PASSED, WARNING, PENDING or FAILED, summary, problems,
known: problems that were there before, api, missing: whose approval is) and conflicts
(path, record, field, base, ours, theirs; no value where there is none). Problems are as in
'koonti check --format json', api as in 'koonti diff --api --json'.`,
		Example: "  " + example + "\n  koonti proposal show 12 --json | jq .mergeable", Args: oneNumber(example), ValidArgsFunction: a.completeNumber,
		RunE: func(c *cobra.Command, args []string) error { return a.runProposalShow(c.Context(), args[0], flags) },
	}
	flags.where.add(a, c)
	c.Flags().BoolVar(&flags.json, "json", false, "one JSON object")
	c.Flags().BoolVar(&flags.noPager, "no-pager", false, "never hand what is longer than the screen to $PAGER or less")
	return c
}

func (a *app) runProposalShow(ctx context.Context, arg string, flags showFlags) error {
	lang, err := language(flags.where.lang)
	if err != nil {
		return err
	}
	number, err := proposalNumber(arg)
	if err != nil {
		return err
	}
	d, err := a.desk(ctx, flags.where)
	if err != nil {
		return err
	}
	defer d.Close()
	p, err := d.find(ctx, number)
	if err != nil {
		return err
	}
	records, err := d.Records(ctx, p)
	if err != nil {
		return err
	}
	report, err := d.Report(ctx, p)
	if err != nil {
		return a.tellRefusal(err, lang, false)
	}
	if flags.json {
		return jsonLines(a.Out).Encode(newProposalLine(p, records, report, lang))
	}
	shown := proposalText{s: a.screen(flags.noPager), words: deskWords[lang], lang: lang}
	shown.proposal(p, records, report)
	_, err = io.WriteString(shown.s, shown.String())
	return shown.s.end(err)
}

// proposalText is a proposal for people.
type proposalText struct {
	strings.Builder
	s     *screen
	words *deskText
	lang  content.Language
}

func (t *proposalText) linef(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

func (t *proposalText) proposal(p *content.Proposal, records []content.Ref, report *content.ProposalReport) {
	w := t.words
	t.linef("%s %s", t.s.paint(bold, fmt.Sprintf("#%d", p.Number)), t.s.paint(bold, plain(p.Title)))
	t.linef(w.opened, t.s.paint(stateInks[p.State], w.states[p.State]), plain(p.Author.Name), minute(p.OpenedAt))
	t.linef(w.lies, plain(shortRef(p.Branch)), gitrepo.Hash(p.Head).Short(), plain(shortRef(p.Target)))
	if p.MergedAs != "" {
		t.linef(w.mergedAs, gitrepo.Hash(p.MergedAs).Short())
	}
	if len(p.Requested) > 0 {
		t.linef(w.asked, plain(strings.Join(p.Requested, ", ")))
	}
	if text := strings.TrimSpace(p.Description); text != "" {
		t.linef("\n%s", harmless(text, "\n\t"))
	}
	t.changed(records, report.Files)
	if p.State == content.ProposalOpen {
		t.report(report)
	}
	for _, r := range p.Reviews {
		stale := ""
		switch {
		case r.Stale && r.Head != p.Head:
			stale = w.outdated
		case r.Stale:
			stale = w.superseded
		}
		t.linef("\n%s %s%s, %s", plain(r.Person.Name), w.verdicts[r.Verdict], stale, minute(r.At))
		t.quote(r.Text)
	}
	for _, c := range p.Comments {
		t.linef("\n"+w.said, plain(c.Person.Name), minute(c.At))
		t.quote(c.Text)
	}
}

// shownRecords is how many records of a proposal are named, and how many other files.
const shownRecords = 10

func (t *proposalText) changed(records []content.Ref, files []content.ProposalFile) {
	var names, others []string
	for _, ref := range records {
		names = append(names, ref.String())
	}
	for _, f := range files {
		others = append(others, strings.ToLower(string(f.Kind))+" "+f.Path)
	}
	for _, list := range [][]string{names, others} {
		if len(list) > 0 {
			t.linef("")
		}
		for _, line := range list[:min(len(list), shownRecords)] {
			t.linef("%s", plain(line))
		}
		if n := len(list) - shownRecords; n > 0 {
			t.linef("… +%d", n)
		}
	}
}

var checkInks = map[content.CheckStatus]ink{content.CheckPassed: green, content.CheckWarning: yellow, content.CheckPending: yellow, content.CheckFailed: red}

func (t *proposalText) report(report *content.ProposalReport) {
	w := t.words
	status, name := 0, 0
	for _, word := range w.statuses {
		status = max(status, displayWidth(word))
	}
	for _, word := range w.checks {
		name = max(name, displayWidth(word))
	}
	t.linef("")
	for _, c := range report.Checks {
		known := ""
		if n := len(c.Known); n > 0 {
			known = " " + several(n, w.known[0], w.known[1])
		}
		t.linef("%s  %s  %s%s", t.s.paint(checkInks[c.Status], pad(w.statuses[c.Status], status)), pad(w.checks[c.Name], name), plain(c.Summary[t.lang]), known)
		for _, problem := range c.Problems {
			t.linef("  %s", oneLine(problem, t.lang))
		}
		for _, o := range c.Owned {
			for _, place := range o.Places {
				t.linef("  %s", ownedLine(o, place))
			}
		}
		for _, change := range c.API {
			t.linef("  %s %s", t.s.paint(severityInks[change.Severity], strings.ToLower(string(change.Severity))), plain(change.Message))
		}
	}
	for _, c := range report.Conflicts {
		writeConflict(t, c, t.lang)
	}
}

// ownedLine is what is owned of a file, and by whom.
func ownedLine(o content.Ownership, place content.OwnedPlace) string {
	line := place.Path
	for _, at := range place.Pointers {
		line += " " + string(at)
	}
	return plain(strings.TrimRight(line, " ") + ": " + strings.Join(o.People, ", "))
}

func (t *proposalText) quote(text string) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		t.linef("    %s", plain(strings.TrimRight(line, "\r\n")))
	}
}

// shortRef is a branch as people call it.
func shortRef(name string) string { return strings.TrimPrefix(name, "refs/heads/") }

// writeConflict shows a place with its three values, in the words of the merge driver.
func writeConflict(w io.Writer, c content.MergeConflict, lang content.Language) {
	words := mergeWords[lang]
	place := "/"
	if c.Field != "" {
		place = string(c.Field)
	}
	fmt.Fprintf(w, "  %s: "+words.conflict+"\n", plain(c.Path), plain(place))
	writeSides(w, words, c.Base, c.Ours, c.Theirs)
}

// writeSides shows the three values of a place.
func writeSides(w io.Writer, words mergeText, values ...*content.Value) {
	names := []string{words.base, words.ours, words.theirs}
	width := max(displayWidth(names[0]), displayWidth(names[1]), displayWidth(names[2]))
	for i, v := range values {
		shown := words.absent
		if v != nil {
			shown = shorten(plain(string(v.AppendJSON(nil))), shownWidth)
		}
		fmt.Fprintf(w, "    %s %s\n", pad(names[i]+":", width+1), shown)
	}
}
