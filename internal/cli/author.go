package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

func (a *app) newRecord() *cobra.Command {
	c := &cobra.Command{
		Use:   "new COLLECTION ID",
		Short: "Write a skeleton of a new record",
		Long: `Writes a new file with the fields that the schema requires, empty, for you to fill
in. 'koonti check' then says what is still missing. An existing file is never
touched.`,
		Example: "  koonti new projects oma-hanke",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &hintError{errors.New("say which collection and which id"), "For example: koonti new projects oma-hanke"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.runNew(c.Context(), content.CollectionName(args[0]), content.ID(args[1]))
		},
		ValidArgsFunction: a.completeCollection,
	}
	a.content(c)
	return c
}

func (a *app) runNew(ctx context.Context, name content.CollectionName, id content.ID) error {
	repo, report, err := a.authoring(ctx)
	if err != nil {
		return err
	}
	defer repo.Close()
	collection := report.Model.Collection(name)
	if collection == nil {
		return fmt.Errorf("there is no collection %q; there are %s", name, collectionNames(report.Model))
	}
	if !id.Writable() {
		return fmt.Errorf("%q is no id for a new record: take small letters a to z, digits and '.', '_' or '-' between them, 100 at most", id)
	}
	path, ok := collection.Path.Path(id)
	if !ok {
		return fmt.Errorf("the records of %s lie in several folders (%s): make the file by hand in the right one", name, collection.Path)
	}
	if other := report.Snapshot.Record(content.Ref{Collection: name, ID: id}); other != nil {
		return fmt.Errorf("there is a record %s already: %s", id, other.Path)
	}
	full := filepath.Join(repo.WorkTree(), filepath.FromSlash(path))
	if err := createFile(full, content.Skeleton(report.Model, collection, id)); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "%s\nFill it in; 'koonti check %s' says what is still missing.\n", path, fromHere(full))
	return nil
}

// fromHere is a path as it can be typed in the current folder.
func fromHere(full string) string {
	here, err := os.Getwd()
	if err != nil {
		return full
	}
	name, err := filepath.Rel(here, full)
	if err != nil {
		return full
	}
	return filepath.ToSlash(name)
}

// completeCollection completes the first argument for the shell.
func (a *app) completeCollection(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	repo, report, err := a.authoring(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer repo.Close()
	var names []string
	for _, collection := range report.Model.Collections {
		names = append(names, string(collection.Name)+"\t"+collection.Root.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func collectionNames(m *content.Model) string {
	text := ""
	for i, c := range m.Collections {
		if i > 0 {
			text += ", "
		}
		text += string(c.Name)
	}
	return text
}

// createFile writes a file that must not exist yet.
func createFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("make a folder for the file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and was not touched", path)
	}
	if err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// authoring opens a work tree whose model can be used.
func (a *app) authoring(ctx context.Context) (*gitrepo.Repo, *catalog.Report, error) {
	repo, report, err := a.examine(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	switch {
	case repo.WorkTree() == "":
		err = &hintError{errors.New("this is a bare repository: it has no files to write"), "Run the command in a clone of it."}
	case report.Model == nil:
		err = explain(&catalog.ModelUnusableError{Problems: report.Problems})
	}
	if err != nil {
		repo.Close()
		return nil, nil, err
	}
	return repo, report, nil
}

func (a *app) format() *cobra.Command {
	var checkOnly bool
	c := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Write records in canonical text",
		Long: `Writes the records of the work tree, or those below the paths, in canonical text:
the order of the schema, two spaces, a newline at the end. Values are not touched,
nor any file that is no record. A file that is no strict JSON is left as it is, and
named.

Exit code: 0 all is canonical now, 1 something is not (with --check: would change),
2 it could not be done.`,
		Example: `  koonti fmt
  koonti fmt records/projects --check`,
		RunE: func(c *cobra.Command, paths []string) error { return a.runFormat(c.Context(), paths, checkOnly) },
	}
	a.content(c)
	c.Flags().BoolVar(&checkOnly, "check", false, "write nothing; name what would change")
	return c
}

func (a *app) runFormat(ctx context.Context, paths []string, checkOnly bool) error {
	repo, report, err := a.authoring(ctx)
	if err != nil {
		return err
	}
	defer repo.Close()
	wanted, err := a.below(repo, paths, "")
	if err != nil {
		return err
	}
	differs, found := false, len(paths) == 0
	for _, c := range report.Model.Collections {
		for r := range report.Snapshot.Set(c.Name).All() {
			if !wanted(r.Path) {
				continue
			}
			found = true
			text := content.Format(r.Root, c.Root, report.Model.Languages)
			if text == r.Source {
				continue
			}
			fmt.Fprintln(a.Out, r.Path)
			if checkOnly {
				differs = true
				continue
			}
			if err := replaceFile(filepath.Join(repo.WorkTree(), filepath.FromSlash(r.Path)), r.Source, text); err != nil {
				return err
			}
		}
	}
	for _, path := range unreadable(report) {
		if wanted(path) {
			found = true
			fmt.Fprintf(a.Err, "%s is no strict JSON and was left as it is; see 'koonti check %s'\n", path, path)
			differs = true
		}
	}
	switch {
	case !found:
		return fmt.Errorf("there is no record at %s; only records are formatted", strings.Join(paths, ", "))
	case differs:
		return errProblems
	}
	return nil
}

// unreadable are the records' files that have problems and no record.
func unreadable(report *catalog.Report) []string {
	var paths []string
	for _, p := range report.Problems {
		ref := content.Ref{Collection: p.Collection, ID: p.ID}
		if c, _ := report.Model.Match(p.Path); c != nil && report.Snapshot.Record(ref) == nil {
			paths = append(paths, p.Path)
		}
	}
	return slices.Compact(paths)
}

// replaceFile puts text in the place of a file in one step, unless the file was
// changed meanwhile.
func replaceFile(path, was, text string) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("format %s: %w", path, err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("format %s: %w", path, err)
	}
	if lineFeeds(string(now)) != lineFeeds(was) {
		return fmt.Errorf("%s was changed just now and was left as it is; run the command again", path)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".koonti-*")
	if err != nil {
		return fmt.Errorf("format %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(temporary.Name())
		}
	}()
	_, err = temporary.WriteString(text)
	err = errors.Join(err, temporary.Chmod(info.Mode().Perm()), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("format %s: %w", path, err)
	}
	return nil
}

// lineFeeds is text as Git stores it where it converts line endings.
func lineFeeds(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
