package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// changeFlags choose among changes.
type changeFlags struct {
	field, author, since, until, collection string
	kinds                                   []string
	pullRequest, limit                      int
	approved, formatting                    bool
}

func (f *changeFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.field, "field", "", "only changes of this place (JSON Pointer) or of what lies below it, e.g. /summary")
	flags.StringVar(&f.author, "author", "", "only by people whose name or address has this in it")
	flags.StringVar(&f.since, "since", "", "only what readers saw at this time or later; a bare date is its beginning in UTC")
	flags.StringVar(&f.until, "until", "", "only what readers saw at this time or earlier; a bare date is its end in UTC")
	flags.StringVar(&f.collection, "collection", "", "only records of this collection")
	flags.StringSliceVar(&f.kinds, "kind", nil, "only these kinds: "+kindNames())
	flags.IntVar(&f.pullRequest, "pull-request", 0, "only what this pull request brought")
	flags.BoolVar(&f.approved, "approved", false, "only what someone other than its author approved; --approved=false for what nobody did")
	flags.IntVar(&f.limit, "limit", 0, "so many at most (default: all)")
}

func kindNames() string {
	names := make([]string, len(content.ChangeKinds))
	for i, k := range content.ChangeKinds {
		names[i] = strings.ToLower(string(k))
	}
	return strings.Join(names, ", ")
}

// query checks what was asked.
func (f *changeFlags) query(c *cobra.Command, m *content.Model) (content.ChangeQuery, error) {
	q := content.ChangeQuery{
		Author: strings.TrimSpace(f.author), Collection: content.CollectionName(f.collection),
		PullRequest: f.pullRequest, Formatting: f.formatting, Limit: f.limit,
	}
	if q.Collection != "" && m.Collection(q.Collection) == nil {
		return q, fmt.Errorf("there is no collection %q; there are %s", f.collection, collectionNames(m))
	}
	if f.limit < 0 || f.pullRequest < 0 {
		return q, errors.New("--limit and --pull-request are no negative numbers")
	}
	if c.Flags().Changed("pull-request") && f.pullRequest == 0 {
		return q, errors.New("--pull-request 0 is no pull request: they are counted from 1")
	}
	if c.Flags().Changed("approved") {
		q.Approved = &f.approved
	}
	var err error
	if q.Field, err = fieldFlag(f.field); err != nil {
		return q, err
	}
	for _, name := range f.kinds {
		kind := content.ChangeKind(strings.ToUpper(strings.TrimSpace(name)))
		if !slices.Contains(content.ChangeKinds, kind) {
			return q, fmt.Errorf("--kind %s is not known: take %s", name, kindNames())
		}
		q.Kinds = append(q.Kinds, kind)
	}
	if q.Since, err = moment("--since", f.since, false); err != nil {
		return q, err
	}
	if q.Until, err = moment("--until", f.until, true); err == nil && !q.Since.IsZero() && !q.Until.IsZero() && q.Until.Before(q.Since) {
		err = fmt.Errorf("--until %s is before --since %s: nothing can lie between", f.until, f.since)
	}
	return q, err
}

// fieldFlag is the place that --field names; nil for none.
func fieldFlag(text string) (*content.Pointer, error) {
	if text == "" {
		return nil, nil
	}
	at, err := content.ParsePointer(text)
	if err != nil {
		return nil, &hintError{fmt.Errorf("--field %s is no JSON Pointer", text), "Write it with a slash before each name, for example --field /summary/fi"}
	}
	return &at, nil
}

// moments are the forms of ISO 8601 that revisions have as well.
var moments = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z0700",
	"2006-01-02T15:04:05", "2006-01-02T15:04",
}

// moment reads a time; a bare date is the beginning of its day in UTC, or the end.
func moment(flag, text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			at = at.AddDate(0, 0, 1).Add(-1)
		}
		return at, nil
	}
	for _, layout := range moments {
		if at, err := time.Parse(layout, strings.Replace(text, " ", "T", 1)); err == nil {
			return at, nil
		}
	}
	return time.Time{}, &hintError{fmt.Errorf("%s %s is no date", flag, text), "Write it as 2026-11-24, or with a time as 2026-11-24T12:00Z."}
}

func (a *app) log() *cobra.Command {
	var where pastFlags
	var which changeFlags
	var form formatFlag
	var patch bool
	c := &cobra.Command{
		Use:   "log [RECORD]",
		Short: "Say who changed what, when and why",
		Long: `Lists the changes of all records, or of one under all names that it had, newest
first: who made them, when, in which pull request, and who approved them. RECORD is
collection/id, an id that the record had before, or the path of its file. What is not
committed yet comes first.

With --json each line is one change: an object with commit, parents, step (the commit
that brought it to readers), times, people, pullRequest, approvals, kind, collection,
id, path, formerPath, before and after (blobs), and fields with their values. Times are
in UTC, and --since and --until mean publishedAt.

With --allowed-signers or --keyring the signatures of commits are checked with these
keys, and told of commits that have one; with --json, of every commit.`,
		Example: `  koonti log
  koonti log projects/digihelppi --patch
  koonti log --field /summary --author aino --since 2026-01-01
  koonti log --approved=false --json | jq -r .commit
  koonti log --pull-request 12 --format markdown`,
		Args: atMostOneRecord,
		RunE: func(c *cobra.Command, args []string) error {
			format, err := form.form(formats)
			if err != nil {
				return err
			}
			o, err := a.past(c.Context(), where)
			if err != nil {
				return err
			}
			defer o.Close()
			q, err := o.asked(c, which, args)
			if err != nil {
				return err
			}
			if q.Record != nil && format == "text" {
				a.renamedNote(c.Context(), o, *q.Record)
			}
			return a.showLog(c.Context(), o, q, format, patch, where)
		},
		ValidArgsFunction: a.completeRecord,
	}
	where.add(a, c)
	where.addPager(c)
	where.addRef(c)
	where.keys.add(c)
	which.add(c)
	c.Flags().BoolVar(&which.formatting, "formatting", false, "also changes of the text that change no value")
	c.Flags().BoolVarP(&patch, "patch", "p", false, "show what was there before and after")
	form.add(c, formats)
	return c
}

func (f *formatFlag) add(c *cobra.Command, known []string) {
	c.Flags().StringVar(&f.name, "format", known[0], strings.Join(known[:len(known)-1], ", ")+" or "+known[len(known)-1])
	c.Flags().BoolVar(&f.json, "json", false, "the same as --format json: one object a line")
	c.MarkFlagsMutuallyExclusive("format", "json")
}

func (a *app) showLog(ctx context.Context, o *remembered, q content.ChangeQuery, format string, patch bool, where pastFlags) error {
	t := &teller{past: o.past, signed: where.keys != keyFlags{}}
	if format == "json" {
		encoder := jsonLines(a.Out)
		for c, err := range o.changes(ctx, q) {
			if err != nil {
				return err
			}
			line, err := t.full(ctx, &c)
			if err != nil {
				return err
			}
			if err := encoder.Encode(line); err != nil {
				return fmt.Errorf("write the changes: %w", err)
			}
		}
		return nil
	}
	if format == "markdown" {
		return a.markdownLog(ctx, o, q, patch)
	}
	s := a.screen(where.noPager)
	shown, err := s.log(ctx, o, q, patch)
	if err := s.end(err); err != nil {
		return err
	}
	if !shown {
		fmt.Fprintln(a.Err, "There is no such change.")
	}
	return nil
}

// pageOfChanges is how many changes are asked for at a time.
const pageOfChanges = 500

// changes yields the changes that q asks for, newest first: before all what is not
// committed yet.
func (o *remembered) changes(ctx context.Context, q content.ChangeQuery) iter.Seq2[content.Change, error] {
	return func(yield func(content.Change, error) bool) {
		left := q.Limit
		if q.Record == nil {
			drafts, err := o.drafts(ctx, q)
			if err != nil {
				yield(content.Change{}, err)
				return
			}
			for _, c := range drafts {
				if left--; !yield(c, nil) || left == 0 {
					return
				}
			}
		}
		for more := true; more; {
			q.Limit = pageOfChanges
			if left > 0 {
				q.Limit = min(left, pageOfChanges)
			}
			page, err := o.past.Changes(ctx, q)
			if err != nil {
				yield(content.Change{}, err)
				return
			}
			for _, c := range page.Changes {
				if left--; !yield(c, nil) || left == 0 {
					return
				}
				q.After = c.Key()
			}
			more = page.More
		}
	}
}

// drafts are the changes of all records that are not committed yet and that q asks for,
// by collection and id.
func (o *remembered) drafts(ctx context.Context, q content.ChangeQuery) ([]content.Change, error) {
	var out []content.Change
	for _, c := range o.view.Model.Collections {
		for r := range o.view.Snapshot.Set(c.Name).All() {
			if !r.Uncommitted || q.Collection != "" && q.Collection != c.Name {
				continue
			}
			q.Record, q.Limit = &r.Ref, 1
			page, err := o.past.Changes(ctx, q)
			var unknown *content.UnknownFieldError
			if errors.As(err, &unknown) {
				break // another collection may know it
			}
			if err != nil {
				return nil, err
			}
			if len(page.Changes) > 0 && page.Changes[0].Commit == "" {
				out = append(out, page.Changes[0])
			}
		}
	}
	return out, nil
}

// log shows changes, those of one commit below one head.
func (s *screen) log(ctx context.Context, o *remembered, q content.ChangeQuery, patch bool) (shown bool, err error) {
	t := &teller{past: o.past}
	var last *content.Change
	for c, err := range o.changes(ctx, q) {
		if err != nil {
			return shown, err
		}
		var text strings.Builder
		if last == nil || last.Commit != c.Commit {
			if last != nil {
				text.WriteString("\n")
			}
			commit, err := t.commitOf(ctx, &c)
			if err != nil {
				return shown, err
			}
			s.commitHead(&text, &c, commit)
		}
		s.change(&text, &c, !patch)
		if patch {
			fields, err := o.past.Fields(ctx, &c)
			if err != nil {
				return shown, err
			}
			s.fields(&text, "        ", fields)
		}
		if _, err := s.Write([]byte(text.String())); err != nil {
			return shown, err
		}
		shown, last = true, &c
	}
	return shown, nil
}

// commitHead tells of a commit what its changes have in common.
func (s *screen) commitHead(b *strings.Builder, c *content.Change, commit *content.Commit) {
	if commit == nil {
		fmt.Fprintf(b, "%s\n\n", s.paint(yellow, "not committed yet"))
		return
	}
	people := []string{person(commit.Author)}
	for _, who := range commit.CoAuthors {
		people = append(people, person(who))
	}
	fmt.Fprintf(b, "%s  %s  %s\n", s.paint(yellow, gitrepo.Hash(commit.Hash).Short()), minute(commit.CommittedAt), s.paint(bold, strings.Join(people, ", ")))
	fmt.Fprintf(b, "    %s\n", plain(commit.Subject))
	for _, note := range notes(c, commit) {
		fmt.Fprintf(b, "    %s\n", s.paint(dim, note))
	}
	b.WriteString("\n")
}

// notes are what is known of how a change of a commit came in.
func notes(c *content.Change, commit *content.Commit) []string {
	var out []string
	if pr := c.PullRequest; pr != nil {
		note := fmt.Sprintf("pull request #%d", pr.Number)
		if pr.Title != "" && !strings.Contains(commit.Subject, pr.Title) {
			note += ": " + plain(pr.Title)
		}
		out = append(out, note)
	}
	var people []string
	for _, a := range c.Approvals {
		who := person(a.Person)
		if a.Person.Email == commit.Author.Email {
			who += " (the author)"
		}
		if !slices.Contains(people, who) {
			people = append(people, who)
		}
	}
	if len(people) > 0 {
		out = append(out, "approved by "+strings.Join(people, ", "))
	}
	if s := commit.Signature; s.Status != content.SignatureNone && s.Status != content.SignatureUnchecked {
		note := "signature: " + strings.ToLower(strings.ReplaceAll(string(s.Status), "_", " "))
		if who := cmp.Or(s.Signer, s.Key); who != "" {
			note += ", of " + plain(who)
		}
		out = append(out, note)
	}
	if c.Step != "" && c.Step != c.Commit {
		out = append(out, fmt.Sprintf("published %s in %s", minute(c.At), gitrepo.Hash(c.Step).Short()))
	}
	return out
}

// person is how someone is called for people.
func person(p content.Person) string {
	if p.Name == "" {
		return plain(p.Email)
	}
	return plain(p.Name)
}

var kindInks = map[content.ChangeKind]ink{
	content.Created: green, content.Deleted: red, content.Renamed: cyan, content.Overruled: red, content.Formatted: dim,
}

// change tells what happened to a record, and with places where.
func (s *screen) change(b *strings.Builder, c *content.Change, places bool) {
	kind := strings.ToLower(string(c.Kind))
	fmt.Fprintf(b, "    %s %s", s.paint(kindInks[c.Kind], pad(kind, len("formatted"))), s.paint(bold, plain(c.Ref.String())))
	switch {
	case c.Was != nil && c.Was.Ref == c.Ref:
		fmt.Fprintf(b, " (at %s, was at %s)", plain(c.Path), plain(c.Was.Path))
	case c.Was != nil:
		fmt.Fprintf(b, " (was %s)", plain(c.Was.Ref.String()))
	}
	switch {
	case c.Unreadable:
		b.WriteString(": no strict JSON, so that its values are not known")
	case c.Kind == content.Overruled && len(c.Fields) == 0:
		b.WriteString(": no value was lost, the other side had set the same")
	}
	if !places || len(c.Fields) == 0 || c.Kind == content.Created || c.Kind == content.Deleted {
		b.WriteString("\n")
		return
	}
	b.WriteString("\n")
	s.list(b, "        ", c.Fields)
}

// placesShown is how many places are named where their values are not shown.
const placesShown = 12

// list writes places, as many to a line as there is room for.
func (s *screen) list(b *strings.Builder, indent string, fields []content.Pointer) {
	var words []string
	for _, f := range fields[:min(len(fields), placesShown)] {
		words = append(words, plain(placeName(f)))
	}
	if more := len(fields) - placesShown; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	column := 0
	for _, w := range words {
		n := displayWidth(w)
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+2+n > s.width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString("  ")
			column += 2
		}
		b.WriteString(w)
		column += n
	}
	b.WriteString("\n")
}

// placeName names a place for people; "" is the whole document.
func placeName(at content.Pointer) string {
	if at == "" {
		return "the whole document"
	}
	return string(at)
}

// fields shows values before and after; those of texts word by word.
func (s *screen) fields(b *strings.Builder, indent string, fields []content.FieldChange) {
	for _, f := range fields {
		fmt.Fprintf(b, "%s%s", indent, s.paint(cyan, plain(placeName(f.Pointer))))
		if f.Parent != "" {
			b.WriteString(", as " + gitrepo.Hash(f.Parent).Short() + " had it")
		}
		b.WriteString("\n")
		indent := indent + "  "
		if isText(f.Before) && isText(f.After) {
			b.WriteString(indent + strings.ReplaceAll(s.words(f.Before.Text, f.After.Text), "\n", "\n"+indent) + "\n")
			continue
		}
		if f.Before != nil {
			b.WriteString(indent + s.paint(red, "- "+compact(f.Before)) + "\n")
		}
		if f.After != nil {
			b.WriteString(indent + s.paint(green, "+ "+compact(f.After)) + "\n")
		}
	}
}

func isText(v *content.Value) bool { return v != nil && v.Kind == content.String }

// compact is a value on one line that a terminal can be given.
func compact(v *content.Value) string { return plain(string(v.AppendJSON(nil))) }

// words shows a text and what became of its words.
func (s *screen) words(before, after string) string {
	var b strings.Builder
	for _, w := range content.Words(before, after) {
		text := harmless(w.Text, "\n")
		switch {
		case w.Kind == content.WordSame:
			b.WriteString(text)
		case w.Kind == content.WordRemoved && s.colour:
			b.WriteString(s.paintLines(red, text))
		case w.Kind == content.WordRemoved:
			b.WriteString("[-" + text + "-]")
		case s.colour:
			b.WriteString(s.paintLines(green, text))
		default:
			b.WriteString("{+" + text + "+}")
		}
	}
	return b.String()
}

// paintLines paints each line for itself, since pagers forget colours at its end.
func (s *screen) paintLines(as ink, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = s.paint(as, line)
	}
	return strings.Join(lines, "\n")
}

// completeRecord completes the first argument for the shell.
func (a *app) completeRecord(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	repo, report, err := a.examine(c.Context(), "")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer repo.Close()
	if report.Model == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, collection := range report.Model.Collections {
		if !strings.Contains(typed, "/") {
			names = append(names, string(collection.Name)+"/\t"+collection.Root.Title)
			continue
		}
		for r := range report.Snapshot.Set(collection.Name).All() {
			names = append(names, r.Ref.String()+"\t"+r.Title(report.Model, ""))
		}
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	if !strings.Contains(typed, "/") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return names, directive
}
