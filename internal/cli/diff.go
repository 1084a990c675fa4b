package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// diffFlags are the flags of koonti diff.
type diffFlags struct {
	collection      string
	formatting, api bool
	form            formatFlag
	// files are those of a proposal that are no records.
	files []content.ProposalFile
}

func (a *app) diff() *cobra.Command {
	var where pastFlags
	var flags diffFlags
	c := &cobra.Command{
		Use:   "diff FROM [TO]",
		Short: "Say how the records of two revisions differ",
		Long: `Shows how the records of TO differ from those of FROM, by collection and id: which
were created, deleted and renamed, and the values before and after of those changed. A
revision is a branch, a tag, a commit or a date. Without TO it is what would be served:
the work tree with what is not committed, or HEAD of a bare repository. FROM..TO is the
same as FROM TO; FROM...TO begins where the two parted, and so shows what TO brings.

With --json each line is one record: an object with from and to (commits; no to for the
work tree), kind, collection, id, path, formerPath, before and after (blobs), and fields
with their values. --format markdown is for the text of a pull request.

With --api it is the GraphQL types that are compared, as model and schemas of the two
revisions make them. Each change is BREAKING, DANGEROUS (every query stays right, but a
client may meet what it does not know) or SAFE, classed and worded as graphql-inspector
does; --json has severity, coordinate and message.`,
		Example: `  koonti diff HEAD
  koonti diff v1 v2
  koonti diff 2026-01-01 --collection projects
  koonti diff main...my-branch --format markdown
  koonti diff v1 v2 --api            # what changed for those who write queries`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 || len(args) == 2 && strings.Contains(args[0]+args[1], "..") {
				return &hintError{errors.New("name one or two revisions"), "For example: koonti diff v1 v2, or koonti diff main...my-branch"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if flags.api {
				return a.runAPIDiff(c.Context(), args, flags.form, where.noPager)
			}
			return a.runDiff(c.Context(), where, args, flags)
		},
	}
	where.add(a, c)
	where.addPager(c)
	c.Flags().StringVar(&flags.collection, "collection", "", "only records of this collection")
	c.Flags().BoolVar(&flags.formatting, "formatting", false, "also changes of the text that change no value")
	c.Flags().BoolVar(&flags.api, "api", false, "how the GraphQL types differ, instead of the records")
	c.MarkFlagsMutuallyExclusive("api", "collection")
	c.MarkFlagsMutuallyExclusive("api", "formatting")
	flags.form.add(c, formats)
	return c
}

// span is what the arguments of diff name: parted says that from is only where the two
// revisions parted.
func span(args []string) (from, to string, parted bool) {
	if len(args) == 2 {
		return args[0], args[1], false
	}
	if from, to, parted = strings.Cut(args[0], "..."); parted {
		return cmp.Or(from, "HEAD"), to, true
	}
	from, to, _ = strings.Cut(args[0], "..")
	return cmp.Or(from, "HEAD"), to, false
}

func (a *app) runDiff(ctx context.Context, where pastFlags, args []string, flags diffFlags) error {
	format, err := flags.form.form(formats)
	if err != nil {
		return err
	}
	o, err := a.past(ctx, where)
	if err != nil {
		return err
	}
	defer o.Close()
	if name := content.CollectionName(flags.collection); name != "" && o.view.Model.Collection(name) == nil {
		return fmt.Errorf("there is no collection %q; there are %s", name, collectionNames(o.view.Model))
	}
	from, to, parted := span(args)
	newer := o
	if to != "" {
		if newer, err = o.at(ctx, to); err != nil {
			return err
		}
	}
	if parted {
		if from, err = a.parting(ctx, o, from, newer.view); err != nil {
			return err
		}
	}
	older, err := o.at(ctx, from)
	if err != nil {
		return err
	}
	d, err := older.compare(ctx, newer)
	if err != nil {
		return err
	}
	d.files = flags.files
	d.changes = slices.DeleteFunc(d.changes, func(c content.Change) bool {
		return flags.collection != "" && string(c.Collection) != flags.collection || c.Kind == content.Formatted && !flags.formatting
	})
	switch format {
	case "json":
		return a.diffJSON(ctx, d)
	case "markdown":
		return a.diffMarkdown(ctx, d)
	}
	s := a.screen(where.noPager)
	return s.end(s.diff(ctx, d))
}

// parting is the commit at which two revisions parted, by its hash: the best common
// ancestor.
func (a *app) parting(ctx context.Context, o *remembered, from string, to *content.View) (string, error) {
	older, err := o.cat.At(ctx, from)
	if err != nil {
		return "", err
	}
	return a.mergeBase(ctx, o.repo, from, gitrepo.Hash(older.Commit), gitrepo.Hash(to.Commit))
}

// mergeBase is parting for commits; from is what the older was asked for by, and what
// comes back where there is no commit yet.
func (a *app) mergeBase(ctx context.Context, repo *gitrepo.Repo, from string, older, newer gitrepo.Hash) (string, error) {
	if older == "" || newer == "" {
		return from, nil
	}
	g, err := readCommits(ctx, repo, older, newer)
	if err != nil {
		return "", err
	}
	bases := g.mergeBases(g.index[older], g.index[newer])
	if len(bases) == 0 {
		return "", fmt.Errorf("%s and %s have no commit in common; write them with two dots", from, newer.Short())
	}
	if len(bases) > 1 {
		fmt.Fprintf(a.Err, "They parted more than once; %s is taken.\n", g.commits[bases[0]].Hash.Short())
	}
	return string(g.commits[bases[0]].Hash), nil
}

// difference is how the records of one revision differ from those of another.
type difference struct {
	older, newer *remembered
	changes      []content.Change
	// files are those that are no records, where that is asked.
	files []content.ProposalFile
}

// compare tells how the records of newer differ from those of o, what is not committed
// among them.
func (o *remembered) compare(ctx context.Context, newer *remembered) (*difference, error) {
	committed, err := newer.committed(ctx)
	if err != nil {
		return nil, err
	}
	changes, err := o.index.Diff(ctx, o.view, newer.view, committed)
	if err != nil {
		return nil, err
	}
	return &difference{older: o, newer: newer, changes: changes}, nil
}

// committed is what the commit of a work tree holds; nil where the view is that of a
// commit.
func (o *remembered) committed(ctx context.Context) (*content.View, error) {
	if !o.view.WorkTree {
		return nil, nil
	}
	if o.view.Commit == "" {
		return &content.View{Snapshot: content.NewSnapshot(nil, nil, nil), Model: o.view.Model}, nil
	}
	return o.cat.At(ctx, string(o.view.Commit))
}

// diffLine is how a record differs, as programs get it.
type diffLine struct {
	From       content.Hash       `json:"from"`
	To         content.Hash       `json:"to,omitempty"`
	Kind       content.ChangeKind `json:"kind"`
	Collection string             `json:"collection"`
	ID         string             `json:"id"`
	Path       string             `json:"path"`
	FormerPath string             `json:"formerPath,omitempty"`
	Before     content.Hash       `json:"before,omitempty"`
	After      content.Hash       `json:"after,omitempty"`
	Unreadable bool               `json:"unreadable,omitempty"`
	Fields     []fieldLine        `json:"fields,omitempty"`
}

func (a *app) diffJSON(ctx context.Context, d *difference) error {
	encoder := jsonLines(a.Out)
	for _, c := range d.changes {
		fields, err := d.newer.past.Fields(ctx, &c)
		if err != nil {
			return err
		}
		line := diffLine{
			From: d.older.view.Commit, To: c.Commit, Kind: c.Kind, Collection: string(c.Collection), ID: string(c.ID), Path: c.Path,
			Before: c.Before, After: c.After, Unreadable: c.Unreadable, Fields: newFieldLines(fields),
		}
		if c.Was != nil {
			line.FormerPath = c.Was.Path
		}
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("write the differences: %w", err)
		}
	}
	for _, f := range d.files {
		if err := encoder.Encode(proposalFileLine(f)); err != nil {
			return fmt.Errorf("write the differences: %w", err)
		}
	}
	return nil
}

// title is that of a record that changed: the one it has, else the one it had.
func (d *difference) title(ctx context.Context, c *content.Change) (string, error) {
	doc, err := d.newer.past.Document(ctx, cmp.Or(c.After, c.Before))
	if err != nil || doc == nil {
		return "", err
	}
	r := content.Record{Ref: c.Ref, Document: doc}
	return r.Title(d.newer.view.Model, ""), nil
}

// diff shows the values that differ; of what is new or gone only that it is.
func (s *screen) diff(ctx context.Context, d *difference) error {
	for _, c := range d.changes {
		title, err := d.title(ctx, &c)
		if err != nil {
			return err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s", s.paint(kindInks[c.Kind], pad(strings.ToLower(string(c.Kind)), len("formatted"))), s.paint(bold, plain(c.Ref.String())))
		if c.Was != nil {
			fmt.Fprintf(&b, " (was %s)", plain(c.Was.Ref.String()))
		}
		if title != "" {
			b.WriteString("  " + plain(title))
		}
		if c.Unreadable {
			b.WriteString(": no strict JSON, so that its values are not known")
		}
		b.WriteString("\n")
		if c.Kind != content.Created && c.Kind != content.Deleted {
			fields, err := d.newer.past.Fields(ctx, &c)
			if err != nil {
				return err
			}
			s.fields(&b, "    ", fields)
		}
		if _, err := fmt.Fprintln(s, b.String()); err != nil {
			return err
		}
	}
	for _, f := range d.files {
		if _, err := fmt.Fprintf(s, "%s %s\n", s.paint(kindInks[f.Kind], pad(strings.ToLower(string(f.Kind)), len("formatted"))), plain(f.Path)); err != nil {
			return err
		}
	}
	if len(d.files) > 0 {
		fmt.Fprintln(s)
	}
	_, err := fmt.Fprintln(s, d.summary())
	return err
}

// summary counts the records by kind.
func (d *difference) summary() string {
	counts := map[content.ChangeKind]int{}
	for _, c := range d.changes {
		counts[c.Kind]++
	}
	var words []string
	for _, kind := range content.ChangeKinds {
		if n := counts[kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, strings.ToLower(string(kind))))
		}
	}
	others := ""
	if len(d.files) > 0 {
		others = " Files that are no records: " + strconv.Itoa(len(d.files)) + "."
	}
	switch len(d.changes) {
	case 0:
		return "No record differs." + others
	case 1:
		return "1 record differs: " + words[0] + "." + others
	}
	return fmt.Sprintf("%d records differ: %s.%s", len(d.changes), strings.Join(words, ", "), others)
}

// diffMarkdown writes a summary, and for each record a heading and a table.
func (a *app) diffMarkdown(ctx context.Context, d *difference) error {
	var m markdown
	if err := d.markdown(ctx, &m); err != nil {
		return err
	}
	return m.finish(a.Out, "record")
}

// markdown adds a summary, and for each record a heading and a table.
func (d *difference) markdown(ctx context.Context, m *markdown) error {
	m.add(d.summary() + "\n")
	if len(d.files) > 0 {
		m.add("\n")
	}
	for _, f := range d.files {
		m.add("- " + strings.ToLower(string(f.Kind)) + " " + mdCode(f.Path, false) + "\n")
	}
	for _, c := range d.changes {
		if m.left > 0 {
			m.left++
			continue
		}
		title, err := d.title(ctx, &c)
		if err != nil {
			return err
		}
		fields, err := d.newer.past.Fields(ctx, &c)
		if err != nil {
			return err
		}
		m.add(mdRecord(&c, title, fields))
	}
	return nil
}

// mdRecord is a heading and a table of what differs in a record; of what is new or gone
// only that it is.
func mdRecord(c *content.Change, title string, fields []content.FieldChange) string {
	heading := mdCode(c.Ref.String(), false)
	if title != "" {
		heading = md(clip(title, markdownValue)) + " (" + heading + ")"
	}
	text := "\n### " + heading + "\n\n"
	switch {
	case c.Unreadable:
		return text + "No strict JSON any more, so that its values are not known.\n"
	case c.Kind == content.Created:
		return text + "Created, with " + counted(len(fields), "field") + ".\n"
	case c.Kind == content.Deleted:
		return text + "Deleted; it had " + counted(len(fields), "field") + ".\n"
	case c.Kind == content.Formatted:
		return text + "Only the text is another; no value is.\n"
	case c.Was != nil && len(fields) == 0:
		return text + "Renamed; it was " + mdCode(c.Was.Ref.String(), false) + ".\n"
	case c.Was != nil:
		text += "Renamed; it was " + mdCode(c.Was.Ref.String(), false) + ".\n\n"
	}
	return text + mdFields(fields)
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
