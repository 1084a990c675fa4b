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
	"time"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// proposalsFlags choose among proposals.
type proposalsFlags struct {
	state, author, record string
	limit                 int
	json, noPager         bool
}

func (a *app) proposals() *cobra.Command {
	var where deskFlags
	var flags proposalsFlags
	c := &cobra.Command{
		Use:     "proposals",
		Short:   "List proposals, the newest first",
		Long:    "Lists the proposals of the built-in forge. With --json each line is one of them.",
		Example: "  koonti proposals\n  koonti proposals --state all --author liisa\n  koonti proposals --record projects/digicult",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.runProposals(c.Context(), where, flags) },
	}
	where.add(a, c)
	c.Flags().StringVar(&flags.state, "state", "open", "open, merged, closed or all")
	c.Flags().StringVar(&flags.author, "author", "", "only by people whose name or address has this in it")
	c.Flags().StringVar(&flags.record, "record", "", "only those that change this record")
	c.Flags().IntVar(&flags.limit, "limit", 0, "so many at most (default: all)")
	c.Flags().BoolVar(&flags.json, "json", false, "one JSON object a line")
	c.Flags().BoolVar(&flags.noPager, "no-pager", false, "never hand what is longer than the screen to $PAGER or less")
	return c
}

func (f *proposalsFlags) query() (content.ProposalQuery, error) {
	q := content.ProposalQuery{Author: strings.TrimSpace(f.author), Limit: f.limit}
	states := map[string]content.ProposalState{"open": content.ProposalOpen, "merged": content.ProposalMerged, "closed": content.ProposalClosed, "all": ""}
	state, ok := states[strings.ToLower(f.state)]
	if !ok {
		return q, fmt.Errorf("--state %s is none: take open, merged, closed or all", f.state)
	}
	if q.State = state; f.limit < 0 {
		return q, errors.New("--limit is no negative number")
	}
	if f.record == "" {
		return q, nil
	}
	ref, err := recordRef(f.record)
	q.Record = &ref
	return q, err
}

// recordRef reads "collection/id".
func recordRef(text string) (content.Ref, error) {
	collection, id, ok := strings.Cut(text, "/")
	if !ok || collection == "" || id == "" {
		return content.Ref{}, fmt.Errorf("%q names no record: write collection/id", text)
	}
	return content.Ref{Collection: content.CollectionName(collection), ID: content.ID(id)}, nil
}

func (a *app) runProposals(ctx context.Context, where deskFlags, flags proposalsFlags) error {
	q, err := flags.query()
	if err != nil {
		return err
	}
	d, err := a.desk(ctx, where)
	if err != nil {
		return err
	}
	defer d.Close()
	page, err := d.Proposals(ctx, q)
	if err != nil {
		return err
	}
	if flags.json {
		encoder := jsonLines(a.Out)
		for _, p := range page.Proposals {
			if err := encoder.Encode(newProposalLine(p, nil)); err != nil {
				return fmt.Errorf("write the proposals: %w", err)
			}
		}
		return nil
	}
	s := a.screen(flags.noPager)
	return s.end(s.proposals(page))
}

var stateInks = map[content.ProposalState]ink{content.ProposalOpen: green, content.ProposalMerged: cyan, content.ProposalClosed: red}

func (s *screen) proposals(page content.ProposalPage) error {
	if len(page.Proposals) == 0 {
		_, err := fmt.Fprintln(s, "No proposals. 'koonti propose' makes one.")
		return err
	}
	for _, p := range page.Proposals {
		line := fmt.Sprintf("%s %s  %s, %s", s.paint(bold, pad(fmt.Sprintf("#%d", p.Number), 5)), s.paint(stateInks[p.State], pad(strings.ToLower(string(p.State)), 6)),
			plain(p.Author.Name), day(p.UpdatedAt))
		if _, err := fmt.Fprintf(s, "%s\n      %s\n", line, shorten(plain(p.Title), max(20, s.width-6))); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s, "\n%s.\n", counted(page.Total, "proposal"))
	return err
}

// proposalLine is a proposal for programs.
type proposalLine struct {
	Number      int                   `json:"number"`
	Title       string                `json:"title"`
	Description string                `json:"description,omitempty"`
	State       content.ProposalState `json:"state"`
	Author      personLine            `json:"author"`
	Branch      string                `json:"branch"`
	Target      string                `json:"target"`
	Head        content.Hash          `json:"head"`
	Base        content.Hash          `json:"base"`
	MergedAs    content.Hash          `json:"mergedAs,omitempty"`
	OpenedAt    time.Time             `json:"openedAt"`
	UpdatedAt   time.Time             `json:"updatedAt"`
	Reviews     []reviewLine          `json:"reviews"`
	Comments    []commentLine         `json:"comments"`
	Mergeable   *bool                 `json:"mergeable,omitempty"`
	Checks      []checkLine           `json:"checks,omitempty"`
	Conflicts   []conflictLine        `json:"conflicts,omitempty"`
}

type reviewLine struct {
	Person  personLine      `json:"person"`
	Verdict content.Verdict `json:"verdict"`
	Text    string          `json:"text,omitempty"`
	Head    content.Hash    `json:"head"`
	Stale   bool            `json:"stale"`
	At      time.Time       `json:"at"`
}

type commentLine struct {
	Person personLine `json:"person"`
	Text   string     `json:"text"`
	At     time.Time  `json:"at"`
}

type checkLine struct {
	Name     content.CheckName   `json:"name"`
	Status   content.CheckStatus `json:"status"`
	Summary  string              `json:"summary"`
	Problems []string            `json:"problems,omitempty"`
	Known    []string            `json:"known,omitempty"`
	API      []content.APIChange `json:"api,omitempty"`
	Missing  []string            `json:"missing,omitempty"`
}

type conflictLine struct {
	Path   string          `json:"path"`
	Field  content.Pointer `json:"field"`
	Base   json.RawMessage `json:"base,omitempty"`
	Ours   json.RawMessage `json:"ours,omitempty"`
	Theirs json.RawMessage `json:"theirs,omitempty"`
}

func newProposalLine(p *content.Proposal, report *content.ProposalReport) proposalLine {
	l := proposalLine{
		Number: p.Number, Title: p.Title, Description: p.Description, State: p.State, Author: newPersonLine(p.Author), Branch: p.Branch, Target: p.Target,
		Head: p.Head, Base: p.Base, MergedAs: p.MergedAs, OpenedAt: p.OpenedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(), Reviews: []reviewLine{}, Comments: []commentLine{},
	}
	for _, r := range p.Reviews {
		l.Reviews = append(l.Reviews, reviewLine{newPersonLine(r.Person), r.Verdict, r.Text, r.Head, r.Stale, r.At.UTC()})
	}
	for _, c := range p.Comments {
		l.Comments = append(l.Comments, commentLine{newPersonLine(c.Person), c.Text, c.At.UTC()})
	}
	if report == nil {
		return l
	}
	l.Mergeable = &report.Mergeable
	for _, c := range report.Checks {
		line := checkLine{Name: c.Name, Status: c.Status, Summary: c.Summary["en"], API: c.API, Missing: c.Missing}
		for _, problem := range c.Problems {
			line.Problems = append(line.Problems, oneLine(problem, "en"))
		}
		for _, problem := range c.Known {
			line.Known = append(line.Known, oneLine(problem, "en"))
		}
		l.Checks = append(l.Checks, line)
	}
	for _, c := range report.Conflicts {
		l.Conflicts = append(l.Conflicts, conflictLine{c.Path, c.Field, raw(c.Base), raw(c.Ours), raw(c.Theirs)})
	}
	return l
}

// actFlags are those of the commands that do something to a proposal.
type actFlags struct {
	where      deskFlags
	text, lang string
	take       []string
	resolve    string
}

// act is what a command does to a proposal that is there.
type act func(ctx context.Context, d *desk, p *content.Proposal, flags *actFlags) (*content.Proposal, error)

func (a *app) proposal() *cobra.Command {
	c := &cobra.Command{
		Use:   "proposal",
		Short: "Look at a proposal, review it, merge it",
		Long: `Works on a proposal of the built-in forge, by its number. What is refused is told and
changes nothing (exit code 1).`,
		Example: `  koonti proposal show 12
  koonti proposal diff 12
  koonti proposal approve 12 --text "Luvut tarkistettu"
  koonti proposal merge 12
  koonti proposal merge 12 --take theirs:records/projects/digicult.json#/summary`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.proposalShow(), a.proposalDiff())
	verdict := func(v content.Verdict) act {
		return func(ctx context.Context, d *desk, p *content.Proposal, f *actFlags) (*content.Proposal, error) {
			return d.Review(ctx, d.me, p.Number, v, p.Head, f.text)
		}
	}
	c.AddCommand(
		a.proposalAct("approve", "Approve a proposal as it is now", verdict(content.VerdictApproved), true, false),
		a.proposalAct("request-changes", "Ask for changes to a proposal", verdict(content.VerdictChangesRequested), true, false),
		a.proposalAct("comment", "Comment on a proposal", func(ctx context.Context, d *desk, p *content.Proposal, f *actFlags) (*content.Proposal, error) {
			return d.Comment(ctx, d.me, p.Number, f.text)
		}, true, false),
		a.proposalAct("merge", "Merge a proposal: field by field, checked as a whole", func(ctx context.Context, d *desk, p *content.Proposal, f *actFlags) (*content.Proposal, error) {
			list, err := f.resolutions()
			if err != nil {
				return nil, err
			}
			return d.Merge(ctx, d.me, p.Number, p.Head, list)
		}, false, true),
		a.proposalAct("rebase", "Bring the newest of the branch into a proposal", func(ctx context.Context, d *desk, p *content.Proposal, f *actFlags) (*content.Proposal, error) {
			list, err := f.resolutions()
			if err != nil {
				return nil, err
			}
			return d.Rebase(ctx, d.me, p.Number, p.Head, list)
		}, false, true),
		a.proposalAct("close", "Close a proposal without merging it", func(ctx context.Context, d *desk, p *content.Proposal, _ *actFlags) (*content.Proposal, error) {
			return d.Service.Close(ctx, d.me, p.Number)
		}, false, false),
		a.proposalAct("reopen", "Open a proposal again that was closed", func(ctx context.Context, d *desk, p *content.Proposal, _ *actFlags) (*content.Proposal, error) {
			return d.Reopen(ctx, d.me, p.Number)
		}, false, false),
	)
	return c
}

// oneNumber takes one argument, the number of a proposal.
func oneNumber(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		if _, err := proposalNumber(args[0]); err == nil {
			return nil
		}
	}
	return &hintError{errors.New("name one proposal by its number"), "'koonti proposals' lists them."}
}

func proposalNumber(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "#"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of a proposal", text)
	}
	return n, nil
}

func (a *app) proposalAct(name, short string, do act, text, resolving bool) *cobra.Command {
	var flags actFlags
	c := &cobra.Command{
		Use: name + " NUMBER", Short: short, Args: oneNumber,
		RunE: func(c *cobra.Command, args []string) error { return a.runAct(c.Context(), args[0], do, &flags) },
	}
	flags.where.add(a, c)
	c.Flags().StringVar(&flags.lang, "lang", "", "language of the messages: fi, sv or en (default: that of the environment)")
	if text {
		c.Flags().StringVarP(&flags.text, "text", "m", "", "what you have to say")
	}
	if resolving {
		c.Long = short + `.

Where both sides changed one place, say which value it gets: --take base, ours (the
branch) or theirs (the proposal), a colon, the path, # and the place; or --resolve a file
of JSON: [{"path": "...", "field": "/summary", "value": ...}], where "take" may stand in
the place of "value".`
		c.Flags().StringArrayVar(&flags.take, "take", nil, "settle a conflict by a side: theirs:records/projects/a.json#/summary; may be given several times")
		c.Flags().StringVar(&flags.resolve, "resolve", "", "file of resolutions (JSON); - is standard input")
	}
	return c
}

func (a *app) runAct(ctx context.Context, arg string, do act, flags *actFlags) error {
	lang, err := language(flags.lang)
	if err != nil {
		return err
	}
	d, err := a.desk(ctx, flags.where)
	if err != nil {
		return err
	}
	defer d.Close()
	number, _ := proposalNumber(arg)
	p, err := d.Proposal(ctx, number)
	if err == nil {
		p, err = do(ctx, d, p, flags)
	}
	if err != nil {
		return a.tellRefusal(err, lang)
	}
	return a.tellProposal(p)
}

// tellProposal says in a line what a proposal is now.
func (a *app) tellProposal(p *content.Proposal) error {
	line := fmt.Sprintf("#%d %s, %s", p.Number, strings.ToLower(string(p.State)), plain(p.Title))
	if p.MergedAs != "" {
		line += " (" + gitrepo.Hash(p.MergedAs).Short() + ")"
	}
	_, err := fmt.Fprintln(a.Out, line)
	return err
}

// maxResolutions is the largest file of resolutions, in bytes.
const maxResolutions = 4 << 20

// resolutions reads --take and --resolve.
func (f *actFlags) resolutions() ([]content.Resolution, error) {
	var list []content.Resolution
	for _, text := range f.take {
		side, place, ok := strings.Cut(text, ":")
		path, field, _ := strings.Cut(place, "#")
		take := content.Side(strings.ToUpper(side))
		if !ok || take != content.SideBase && take != content.SideOurs && take != content.SideTheirs {
			return nil, &hintError{fmt.Errorf("--take %s says no side", text), "Write it like theirs:records/projects/a.json#/summary."}
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
		if file, err = os.Open(name); err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		defer file.Close()
	}
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s is over %d bytes", name, most)
	}
	return data, nil
}

func (a *app) proposalDiff() *cobra.Command {
	var where pastFlags
	var form formatFlag
	c := &cobra.Command{
		Use:   "diff NUMBER",
		Short: "Say what a proposal changes, record by record",
		Args:  oneNumber,
		RunE: func(c *cobra.Command, args []string) error {
			number, _ := proposalNumber(args[0])
			d, err := a.desk(c.Context(), deskFlags{})
			if err != nil {
				return err
			}
			p, err := d.Proposal(c.Context(), number)
			d.Close()
			if err != nil {
				return err
			}
			return a.runDiff(c.Context(), where, []string{string(p.Base), fmt.Sprintf("proposal/%d", number)}, diffFlags{form: form})
		},
	}
	where.add(a, c)
	where.addPager(c)
	form.add(c, formats)
	return c
}

func (a *app) proposalShow() *cobra.Command {
	var where deskFlags
	var asJSON, noPager bool
	lang := ""
	c := &cobra.Command{
		Use: "show NUMBER", Short: "Show a proposal: what it says, its checks, reviews and comments", Args: oneNumber,
		RunE: func(c *cobra.Command, args []string) error {
			spoken, err := language(lang)
			if err != nil {
				return err
			}
			number, _ := proposalNumber(args[0])
			return a.runProposalShow(c.Context(), where, number, spoken, asJSON, noPager)
		},
	}
	where.add(a, c)
	c.Flags().StringVar(&lang, "lang", "", "language of the messages: fi, sv or en (default: that of the environment)")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	c.Flags().BoolVar(&noPager, "no-pager", false, "never hand what is longer than the screen to $PAGER or less")
	return c
}

func (a *app) runProposalShow(ctx context.Context, where deskFlags, number int, lang content.Language, asJSON, noPager bool) error {
	d, err := a.desk(ctx, where)
	if err != nil {
		return err
	}
	defer d.Close()
	p, err := d.Proposal(ctx, number)
	if err != nil {
		return err
	}
	var report *content.ProposalReport
	if p.State == content.ProposalOpen {
		if report, err = d.Report(ctx, p); err != nil {
			return a.tellRefusal(err, lang)
		}
	}
	if asJSON {
		return jsonLines(a.Out).Encode(newProposalLine(p, report))
	}
	s := a.screen(noPager)
	return s.end(s.proposal(p, report, lang))
}

var checkInks = map[content.CheckStatus]ink{content.CheckPassed: green, content.CheckWarning: yellow, content.CheckPending: yellow, content.CheckFailed: red}

func (s *screen) proposal(p *content.Proposal, report *content.ProposalReport, lang content.Language) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n%s, by %s, opened %s\n", s.paint(bold, fmt.Sprintf("#%d", p.Number)), s.paint(bold, plain(p.Title)),
		s.paint(stateInks[p.State], strings.ToLower(string(p.State))), plain(p.Author.Name), minute(p.OpenedAt))
	fmt.Fprintf(&b, "%s at %s, for %s\n", plain(shortRef(p.Branch)), gitrepo.Hash(p.Head).Short(), plain(shortRef(p.Target)))
	if p.MergedAs != "" {
		fmt.Fprintf(&b, "merged as %s\n", gitrepo.Hash(p.MergedAs).Short())
	}
	if text := strings.TrimSpace(p.Description); text != "" {
		fmt.Fprintf(&b, "\n%s\n", harmless(text, "\n\t"))
	}
	if report != nil {
		s.report(&b, report, lang)
	}
	for _, r := range p.Reviews {
		stale := ""
		if r.Stale {
			stale = " (of an earlier version)"
		}
		fmt.Fprintf(&b, "\n%s %s%s, %s\n", plain(r.Person.Name), strings.ToLower(strings.ReplaceAll(string(r.Verdict), "_", " ")), stale, minute(r.At))
		quote(&b, r.Text)
	}
	for _, c := range p.Comments {
		fmt.Fprintf(&b, "\n%s commented, %s\n", plain(c.Person.Name), minute(c.At))
		quote(&b, c.Text)
	}
	_, err := io.WriteString(s, b.String())
	return err
}

func (s *screen) report(b *strings.Builder, report *content.ProposalReport, lang content.Language) {
	b.WriteString("\n")
	for _, c := range report.Checks {
		fmt.Fprintf(b, "%s %s %s\n", s.paint(checkInks[c.Status], pad(strings.ToLower(string(c.Status)), 7)), pad(string(c.Name), 7), plain(c.Summary[lang]))
		for _, problem := range c.Problems {
			fmt.Fprintf(b, "        %s\n", oneLine(problem, lang))
		}
		for _, change := range c.API {
			fmt.Fprintf(b, "        %s %s\n", strings.ToLower(string(change.Severity)), plain(change.Message))
		}
	}
	for _, c := range report.Conflicts {
		writeConflict(b, c, lang)
	}
}

func quote(b *strings.Builder, text string) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		fmt.Fprintf(b, "    %s\n", plain(strings.TrimRight(line, "\r\n")))
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
	names := []string{words.base, words.ours, words.theirs}
	width := max(displayWidth(names[0]), displayWidth(names[1]), displayWidth(names[2]))
	for i, v := range []*content.Value{c.Base, c.Ours, c.Theirs} {
		shown := words.absent
		if v != nil {
			shown = shorten(plain(string(v.AppendJSON(nil))), shownWidth)
		}
		fmt.Fprintf(w, "    %s %s\n", pad(names[i]+":", width+1), shown)
	}
}
