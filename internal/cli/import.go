package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/proposal"
)

// importFlags say what is imported.
type importFlags struct {
	draftFlags
	collection, format, sheet string
	skip                      bool
}

// maxTable is the largest file that is imported, in bytes; proposal.ReadRows has a bound of
// its own.
const maxTable = 64 << 20

// tableKinds are the kinds of tables by the ending of the file.
var tableKinds = map[string]proposal.RowKind{
	".csv": proposal.RowsCSV, ".tsv": proposal.RowsCSV, ".txt": proposal.RowsCSV, ".xlsx": proposal.RowsXLSX,
	".ndjson": proposal.RowsNDJSON, ".jsonl": proposal.RowsNDJSON,
}

var tableFormats = []string{string(proposal.RowsCSV), string(proposal.RowsXLSX), string(proposal.RowsNDJSON)}

func (a *app) importRows() *cobra.Command {
	var flags importFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Propose the rows of a table as records",
		Long: `Makes one proposal of a table: CSV (comma, semicolon or tab, UTF-8), a workbook (xlsx), or
NDJSON (a record a line); - is standard input. The first row names the columns: a property
(name), a path with dots (name.sv, participants.0.municipality) or a JSON Pointer
(/name/sv). The column id says which record is meant; without it a new one gets its id
from its title. An empty cell says nothing: a record that is there keeps what it has.

Numbers may have a decimal comma and spaces between thousands, dates be 1.10.2022, lists
have | between their items, objects and lists of objects be JSON.

What is wrong is told by row and column: what cannot be read, and what would be wrong with
the record. Then nothing is proposed, unless --skip-bad-rows leaves those rows out. Your
files and the branch stay as they are.

Exit code: 0 it is proposed (--dry-run: it could be), 1 rows have problems or it was
refused, 2 it could not be tried.`,
		Example: `  koonti import hankkeet.csv --collection projects --dry-run
  koonti import hankkeet.xlsx --collection projects --sheet 2022 --title "Vuoden 2022 hankkeet"
  jq -c '.[]' hankkeet.json | koonti import - --format ndjson --collection projects --title "Hankkeet"`,
		Args: oneArg("name one file", "For example: koonti import hankkeet.csv --collection projects --dry-run"),
		RunE: func(c *cobra.Command, args []string) error {
			if flags.collection == "" {
				return &hintError{errors.New("say which collection the records are of"), "For example: koonti import hankkeet.csv --collection projects --dry-run"}
			}
			if err := flags.titled(); err != nil {
				return err
			}
			return a.runImport(c.Context(), args[0], flags)
		},
	}
	flags.add(a, c)
	c.Flags().StringVar(&flags.collection, "collection", "", "collection that the records are of")
	c.Flags().StringVar(&flags.format, "format", "", "csv, xlsx or ndjson (default: by the ending of the file)")
	c.Flags().StringVar(&flags.sheet, "sheet", "", "sheet of a workbook (default: the first)")
	c.Flags().BoolVar(&flags.skip, "skip-bad-rows", false, "propose the other rows")
	a.completeFlag(c, "collection", a.completeCollection)
	a.completeFlag(c, "format", cobra.FixedCompletions(tableFormats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// table is what FILE and the flags say of how it is written.
func (f *importFlags) table(file string) (proposal.RowFormat, error) {
	format := proposal.RowFormat{Kind: proposal.RowKind(strings.ToLower(f.format)), Sheet: f.sheet}
	if format.Kind == "" {
		format.Kind = tableKinds[strings.ToLower(filepath.Ext(file))]
	}
	switch {
	case !slices.Contains(tableFormats, string(format.Kind)) && f.format != "":
		return format, fmt.Errorf("--format %s is not known: take csv, xlsx or ndjson", plain(f.format))
	case format.Kind == "":
		return format, &hintError{fmt.Errorf("the name %s does not say what it is", plain(file)), "Say it with --format csv, xlsx or ndjson."}
	case f.sheet != "" && format.Kind != proposal.RowsXLSX:
		return format, errors.New("--sheet goes with a workbook (xlsx)")
	}
	return format, nil
}

func (a *app) runImport(ctx context.Context, file string, flags importFlags) error {
	lang, err := language(flags.where.lang)
	if err != nil {
		return err
	}
	format, err := flags.table(file)
	if err != nil {
		return err
	}
	g, err := a.ground(ctx, flags.where, 0)
	if err != nil {
		return err
	}
	defer g.Close()
	rows, err := g.rows(ctx, file, format, content.CollectionName(flags.collection))
	if err != nil {
		return err
	}
	i := &importing{ground: g, rows: rows, flags: flags, lang: lang, words: deskWords[lang]}
	return i.run(ctx)
}

func (g *ground) rows(ctx context.Context, file string, format proposal.RowFormat, name content.CollectionName) (*proposal.Rows, error) {
	collection := g.view.Model.Collection(name)
	if collection == nil {
		return nil, fmt.Errorf("there is no collection %q; there are %s", name, collectionNames(g.view.Model))
	}
	data, err := readFile(file, maxTable)
	if err != nil {
		return nil, err
	}
	rows, err := proposal.ReadRows(ctx, format, bytes.NewReader(data), collection, g.view.Model, g.view)
	if errors.Is(err, content.ErrInvalid) || errors.Is(err, content.ErrTooLarge) {
		return nil, fmt.Errorf("%s: %w", plain(file), err)
	}
	return rows, err
}

// importing is one table on its way to a proposal.
type importing struct {
	*ground
	rows  *proposal.Rows
	flags importFlags
	lang  content.Language
	words *deskText
	// told are the problems found, left the rows that are left out for them.
	told []rowProblem
	left map[int]bool
}

// rowProblem is a problem for people: row is 0 where it is of no row.
type rowProblem struct {
	row  int
	text string
}

func (i *importing) run(ctx context.Context) error {
	i.left = map[int]bool{}
	for _, p := range i.rows.Problems {
		i.tell(p.Row, p.Column, p.Message(i.lang))
	}
	edits, sound, err := i.sound(ctx)
	out := i.app.Err
	if i.flags.dryRun {
		out = i.app.Out
	}
	slices.SortStableFunc(i.told, func(a, b rowProblem) int { return cmp.Compare(cmp.Or(a.row, maxTable), cmp.Or(b.row, maxTable)) })
	for _, p := range i.told {
		fmt.Fprintln(out, p.text)
	}
	if err != nil {
		return i.refused(err, content.Draft{}, i.lang)
	}
	if len(i.told) > 0 && (!i.flags.skip || !sound || len(edits) == 0) {
		return i.nothing(len(edits) > 0)
	}
	if len(i.left) > 0 {
		fmt.Fprintln(out, several(len(i.left), i.words.left[0], i.words.left[1]))
	}
	draft := i.flags.draft()
	draft.Edits, draft.Base = edits, i.view.Commit
	return i.finish(ctx, draft, i.flags.dryRun, i.lang)
}

// nothing says that nothing was proposed, and what to do.
func (i *importing) nothing(others bool) error {
	if i.flags.dryRun {
		return errProblems
	}
	text := i.words.nothing
	if others && !i.flags.skip {
		text += " " + i.words.skipRows
	}
	fmt.Fprintln(i.app.Err, text)
	return errProblems
}

// tell keeps what is wrong with a row.
func (i *importing) tell(row int, column, message string) {
	text := fmt.Sprintf(i.words.row, row, plain(message))
	if column != "" {
		text = fmt.Sprintf(i.words.cell, row, plain(column), plain(message))
	}
	i.told = append(i.told, rowProblem{row, text})
	i.left[row] = true
}

// sound tells what would be wrong with the records of the rows that can be read, and
// returns the edits of those that nothing is wrong with: without one row another may be
// wrong, which refers to its record. It is not sound where problems are of no row.
func (i *importing) sound(ctx context.Context) (edits []content.Edit, sound bool, err error) {
	edits, sound = i.rows.Edits, true
	for sound && len(edits) > 0 {
		draft := i.flags.draft()
		draft.Edits, draft.Base = edits, i.view.Commit
		problems, err := i.Validate(ctx, i.by, draft)
		if err != nil || len(problems) == 0 {
			return edits, err == nil, err
		}
		bad := map[content.Ref]bool{}
		for _, p := range problems {
			ref := content.Ref{Collection: p.Collection, ID: p.ID}
			row, ok := i.rows.Numbers[ref]
			if !ok {
				i.told = append(i.told, rowProblem{0, oneLine(p, i.lang)})
				sound = false
				continue
			}
			bad[ref] = true
			i.tell(row, i.rows.Column(p.Pointer), p.Message(i.lang))
		}
		if !i.flags.skip {
			return edits, false, nil
		}
		edits = slices.DeleteFunc(slices.Clone(edits), func(e content.Edit) bool { return bad[e.Ref] })
	}
	return edits, sound, nil
}
