package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/history"
)

func (a *app) audit() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Export the changes for an audit, and check them against Git",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return &hintError{fmt.Errorf("there is no command %q", "audit "+args[0]), "There are audit export, audit verify and audit check."}
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.auditExport(), a.auditVerify(), a.auditCheck())
	return c
}

func (a *app) auditExport() *cobra.Command {
	var where pastFlags
	var which changeFlags
	var format string
	c := &cobra.Command{
		Use:   "export [RECORD]",
		Short: "Write all changes, one a line",
		Long: `Writes the changes that led to HEAD, or to the revision given with --ref, one a line,
oldest first: of all records, or of one, and with filters only some. What is not
committed is left out. The bytes depend on the commit alone, so that anyone with a clone
gets the same, and can check them: 'koonti audit verify', or plain git.

ndjson has one JSON object a line. head is the commit whose past it is; commit made the
change and has the parents; step is the commit of head's first-parent line that brought
it to readers, at publishedAt. before and after are the blobs of the file at path (before
a rename: at formerPath); of a merge, before is that of the first parent that has one,
and where it overruled a value (kind OVERRULED) that of the side that lost (at formerPath
where that side calls it otherwise). fields are the
values that changed; one that was not there before, or is not any more, has no before or
after, which is not the same as null. Its before is that of the line's before or, where
a merge dropped a value that only another side had, of the parent that it names. What
has nothing to say is left out. People are called as the .mailmap of head says.

csv has the same in columns; parents are separated by spaces, and coAuthors, approvals
and fields are JSON. A cell that a spreadsheet might run as a formula (it begins with =,
+, -, @, their full-width forms, a tab or a carriage return), or that begins with ', has
a ' before it.`,
		Example: `  koonti audit export > changes.ndjson
  koonti audit export --format csv --since 2026-01-01 --until 2026-12-31 > 2026.csv
  koonti audit export projects/digihelppi --ref v2`,
		Args: atMostOneRecord,
		RunE: func(c *cobra.Command, args []string) error {
			write, err := exporter(a.Out, format)
			if err != nil {
				return err
			}
			o, err := a.audited(c.Context(), where, false)
			if err != nil {
				return err
			}
			defer o.Close()
			q, err := o.asked(c, which, args)
			if err != nil {
				return err
			}
			if err := o.export(c.Context(), q, write.line); err != nil {
				return err
			}
			return write.end()
		},
		ValidArgsFunction: a.completeRecord,
	}
	where.add(a, c)
	c.Flags().StringVar(&where.ref, "ref", "", "revision whose past is meant: a branch, tag, commit or date (default: HEAD)")
	which.add(c)
	c.Flags().BoolVar(&which.formatting, "formatting", true, "also changes of the text that change no value")
	c.Flags().StringVar(&format, "format", "ndjson", "ndjson or csv")
	return c
}

// audited opens the past of a commit as that commit's own model reads it: nothing that is
// not committed counts. tables says that it is read from the tables that an auditor sees.
func (a *app) audited(ctx context.Context, where pastFlags, tables bool) (_ *remembered, err error) {
	repo, err := a.open()
	if err != nil {
		return nil, err
	}
	o := &remembered{repo: repo}
	defer func() {
		if err != nil {
			o.Close()
		}
	}()
	outside, err := a.outside()
	if err != nil {
		return nil, err
	}
	var head content.Hash
	if o.view, head, err = commitView(ctx, repo, outside, where.ref); err != nil {
		return nil, err
	}
	same := o.view.Commit == head
	if !same {
		present, _, err := commitView(ctx, repo, outside, "")
		same = err == nil && present.Model.Key == o.view.Model.Key
	}
	if same {
		cfg, err := historyConfig(repo, where.cache, outside, keyFlags{}, nil)
		if err != nil {
			return nil, err
		}
		cfg.Tables = tables
		o.index = history.Open(cfg)
	} else {
		// What is kept is read by the model of the present: another would take its place.
		o.index = history.Open(history.Config{Repo: repo, Model: modelPath(outside)})
	}
	o.past, err = a.read(ctx, o.index, o.view)
	return o, err
}

func modelPath(outside *catalog.OutsideModel) string {
	if outside != nil {
		return ""
	}
	return catalog.DefaultModel
}

// commitView is what a commit holds, and the model that it would be served with; "" is
// HEAD, which is told as well.
func commitView(ctx context.Context, repo *gitrepo.Repo, outside *catalog.OutsideModel, revision string) (*content.View, content.Hash, error) {
	_, head, err := repo.Head(ctx)
	if err != nil {
		return nil, "", err
	}
	hash := head
	if revision != "" {
		if hash, err = repo.Resolve(ctx, revision, head); err != nil {
			return nil, "", err
		}
	}
	if hash == "" {
		return nil, "", &hintError{errors.New("there is no commit yet"), "Commit something first."}
	}
	commit, err := repo.Commit(ctx, hash)
	if err != nil {
		return nil, "", err
	}
	view := &content.View{Commit: content.Hash(hash), CommittedAt: commit.Committer.When, Snapshot: content.NewSnapshot(nil, nil, nil)}
	return view, content.Hash(head), readModel(ctx, repo, outside, view)
}

// readModel finds the model of a commit, and its records: where model and schemas cannot
// all be used, those of the newest commit on its first-parent line where they can, so
// that the model depends on the commit alone.
func readModel(ctx context.Context, repo *gitrepo.Repo, outside *catalog.OutsideModel, view *content.View) error {
	var partly *content.Model
	var first error
	for c, err := range repo.FirstParents(ctx, gitrepo.Hash(view.Commit)) {
		if err != nil {
			return err
		}
		report, err := catalog.Examine(ctx, catalog.Config{Repo: repo, Model: outside}, string(c.Hash))
		switch {
		case errors.Is(err, content.ErrNotFound):
			first = cmp.Or(first, err)
			continue
		case err != nil:
			return err
		case content.Hash(c.Hash) == view.Commit && report.Model != nil:
			view.Snapshot = report.Snapshot
		case report.Model == nil:
			first = cmp.Or(first, explain(&catalog.ModelUnusableError{Problems: report.Problems}))
		}
		if usable(report) {
			view.Model = report.Model
			return nil
		}
		partly = cmp.Or(partly, report.Model)
	}
	if view.Model = partly; partly == nil {
		return first
	}
	return nil
}

// usable reports whether the model, and the schemas of all that it has records of, can be
// used.
func usable(report *catalog.Report) bool {
	return report.Model != nil && !slices.ContainsFunc(report.Problems, func(p content.Problem) bool { return p.Rule == "record/no-schema" })
}

// export hands over the changes that q asks for, oldest first.
func (o *remembered) export(ctx context.Context, q content.ChangeQuery, use func(*changeLine) error) error {
	page, err := o.past.Changes(ctx, q)
	if err != nil {
		return err
	}
	t := &teller{past: o.past}
	for _, c := range slices.Backward(page.Changes) {
		line, err := t.full(ctx, &c)
		if err != nil {
			return err
		}
		line.Head = o.view.Commit
		if err := use(line); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) auditVerify() *cobra.Command {
	var filtered bool
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check an export against Git",
		Long: `Checks each line of an export (ndjson or csv, "-" is standard input) against the
repository itself: that the commit led to head, that its tree and those of its parents
have the blobs, that people, times, approvals and pull request are those of the messages,
and that the values follow from the two blobs, all without the index. Then it walks all
commits, and says which changes the export does not have. Last, it compares each line with
what 'koonti audit export' tells of head, so that nothing can be left out of it either.
Approvals that came from a forge are not in Git, and are only counted.

Exit code: 0 all holds, 1 something does not, 2 it could not be checked.`,
		Example: `  koonti audit export | koonti audit verify -
  koonti audit verify 2026.csv --filtered`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &hintError{fmt.Errorf("name the file that was exported"), `For example: koonti audit verify changes.ndjson ("-" is standard input)`}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.runVerify(c.Context(), args[0], filtered) },
	}
	a.content(c)
	c.Flags().BoolVar(&filtered, "filtered", false, "the export was made with filters: do not ask what is missing")
	return c
}

func (a *app) runVerify(ctx context.Context, name string, filtered bool) error {
	in := a.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("read the export: %w", err)
		}
		defer file.Close()
		in = file
	}
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	lines, err := readExport(in)
	if err != nil {
		return err
	}
	v, err := a.auditor(ctx, repo, lines.head())
	if err != nil {
		return err
	}
	var done atomic.Int64
	stop := a.telling(func() string { return fmt.Sprintf("Checking: %d of %d lines", done.Load(), len(lines)) })
	told, overruled, err := a.compareTold(ctx, lines)
	if err != nil {
		return err
	}
	for _, l := range lines { // in whatever order they come
		if l.changeLine != nil {
			v.rename(l.changeLine)
		}
	}
	var findings []string
	for _, l := range lines {
		complaints := v.check(ctx, l)
		if what, unlike := told[l.number]; unlike && len(complaints) == 0 {
			complaints = []string{what}
		}
		for _, complaint := range complaints {
			findings = append(findings, fmt.Sprintf("line %d: %s", l.number, complaint))
		}
		done.Add(1)
	}
	stop()
	missing := 0
	if !filtered && v.err == nil {
		list := append(a.walk(ctx, v), overruled...)
		slices.Sort(list)
		list = slices.Compact(list)
		missing = len(list)
		findings = append(findings, list...)
	}
	if v.err != nil {
		return v.err
	}
	return a.verdict(findings, func(w io.Writer) {
		fmt.Fprintf(w, "%s of %s checked", counted(len(lines), "change"), v.head.Short())
		if v.reviews > 0 {
			fmt.Fprintf(w, "; %s came from a forge, which Git does not know", counted(v.reviews, "approval"))
		}
		switch {
		case len(findings) == 0 && filtered:
			fmt.Fprintln(w, ": all hold. What is missing was not asked.")
		case len(findings) == 0:
			fmt.Fprintln(w, ": all hold, and none is missing.")
		case missing == len(findings):
			fmt.Fprintf(w, ": all hold, and %s. If the export was made with filters, give --filtered.\n", amiss(missing, "is missing", "are missing"))
		default:
			fmt.Fprintf(w, ": %s.\n", amiss(len(findings), "complaint", "complaints"))
		}
	})
}

func amiss(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// verdict prints what was found, and then the summary.
func (a *app) verdict(findings []string, summary func(io.Writer)) error {
	for _, f := range findings {
		if _, err := fmt.Fprintln(a.Out, plain(f)); err != nil {
			return fmt.Errorf("write what was found: %w", err)
		}
	}
	summary(a.Out)
	if len(findings) > 0 {
		return errProblems
	}
	return nil
}

// walk says which transitions of all commits were in no line.
func (a *app) walk(ctx context.Context, v *auditor) []string {
	var done atomic.Int64
	defer a.telling(func() string { return fmt.Sprintf("Walking: %d of %d commits", done.Load(), len(v.graph.commits)) })()
	return v.missing(ctx, func() { done.Add(1) })
}

func (a *app) auditCheck() *cobra.Command {
	var where pastFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the index of the history against Git",
		Long: `Walks all commits that led to HEAD, lists the records of each and of its parents, and
holds every difference against the index that log, blame and the audit feeds answer from:
each must be in it, once, and nothing else. Each change of the index is checked as 'koonti
audit verify' would. This is slow on purpose: it shares no code with the index.

Exit code: 0 the index is right, 1 it is not, 2 it could not be checked.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runAuditCheck(c.Context(), where) },
	}
	where.add(a, c)
	c.Flags().StringVar(&where.ref, "ref", "", "revision whose past is meant: a branch, tag, commit or date (default: HEAD)")
	return c
}

func (a *app) runAuditCheck(ctx context.Context, where pastFlags) error {
	o, err := a.audited(ctx, where, true)
	if err != nil {
		return err
	}
	defer o.Close()
	v, err := a.auditor(ctx, o.repo, o.view.Commit)
	if err != nil {
		return err
	}
	var done atomic.Int64
	stop := a.telling(func() string { return fmt.Sprintf("Checking: %d changes", done.Load()) })
	var findings []string
	changes, fields := 0, 0
	err = o.export(ctx, content.ChangeQuery{Formatting: true}, func(l *changeLine) error {
		changes++
		fields += len(l.Fields)
		for _, complaint := range v.check(ctx, exported{changeLine: l}) {
			findings = append(findings, fmt.Sprintf("%s %s: %s", gitrepo.Hash(l.Commit).Short(), l.Path, complaint))
		}
		done.Add(1)
		return v.err
	})
	stop()
	if err != nil {
		return err
	}
	if findings = append(findings, a.walk(ctx, v)...); v.err != nil {
		return v.err
	}
	if unlike := o.index.Unlike(); unlike != "" {
		findings = append(findings, fmt.Sprintf("%s: the packed copy of the tables is not like them: %s", history.FileName, unlike))
	}
	return a.verdict(findings, func(w io.Writer) {
		fmt.Fprintf(w, "%s, %s, %s: ", counted(len(v.graph.commits), "commit"), counted(changes, "change"), counted(fields, "field change"))
		if len(findings) == 0 {
			fmt.Fprintln(w, "the index has what Git has, and nothing else.")
			return
		}
		fmt.Fprintf(w, "%s.\n", amiss(len(findings), "difference", "differences"))
	})
}
