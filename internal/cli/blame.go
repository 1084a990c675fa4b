package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

func (a *app) blame() *cobra.Command {
	var where pastFlags
	var form formatFlag
	var field string
	c := &cobra.Command{
		Use:   "blame RECORD[@REVISION]",
		Short: "Say who gave each field its value",
		Long: `Shows for every field of a record which change gave it the value that it has: who,
when, in which commit and pull request. RECORD is collection/id, an id that the record
had before, or the path of its file. Commits named in .git-blame-ignore-revs are passed
over.

With --json each line is one field: an object with field, value and change, which is
null where the past does not tell, and else what 'koonti log --json' says, without the
values.`,
		Example: `  koonti blame projects/digihelppi
  koonti blame projects/digihelppi@2026-01-31 --field /summary
  koonti blame records/projects/digihelppi.json --json`,
		Args: oneRecord("koonti blame projects/digihelppi"),
		RunE: func(c *cobra.Command, args []string) error {
			format, err := form.form([]string{"text", "json"})
			if err != nil {
				return err
			}
			below, err := fieldFlag(field)
			if err != nil {
				return err
			}
			return a.runBlame(c.Context(), where, args[0], below, format)
		},
		ValidArgsFunction: a.completeRecord,
	}
	where.add(a, c)
	where.addPager(c)
	c.Flags().StringVar(&field, "field", "", "only this place (JSON Pointer) and what lies below it")
	form.add(c, []string{"text", "json"})
	return c
}

func (a *app) runBlame(ctx context.Context, where pastFlags, arg string, below *content.Pointer, format string) error {
	o, err := a.past(ctx, where)
	if err != nil {
		return err
	}
	defer o.Close()
	then, f, _, err := o.dated(ctx, arg)
	if err != nil {
		return err
	}
	if f.record == nil {
		return &hintError{fmt.Errorf("%s is no strict JSON, so that it has no fields", f.path), "Run 'koonti show " + arg + "' to see its text."}
	}
	list, err := then.past.Blame(ctx, f.record)
	if err != nil {
		return err
	}
	if list, err = covered(list, below); err != nil {
		return err
	}
	if format == "json" {
		return a.blameJSON(ctx, then, list)
	}
	s := a.screen(where.noPager)
	return s.end(s.blame(ctx, then, list))
}

// covered leaves the fields at or below a place; an error names places where there are none.
func covered(list []content.FieldBlame, below *content.Pointer) ([]content.FieldBlame, error) {
	if below == nil {
		return list, nil
	}
	var out []content.FieldBlame
	var places []string
	for _, f := range list {
		if below.Covers(f.Pointer) {
			out = append(out, f)
		}
		for at := string(f.Pointer); at != ""; at = at[:strings.LastIndexByte(at, '/')] {
			places = append(places, at)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	err := fmt.Errorf("the record has no field %s", *below)
	if near := nearestOf(string(*below), places); len(near) > 0 {
		return nil, &hintError{err, "Did you mean " + strings.Join(near, " or ") + "?"}
	}
	return nil, err
}

// blameLine is a field as programs get it.
type blameLine struct {
	Field  content.Pointer `json:"field"`
	Value  json.RawMessage `json:"value"`
	Change *changeLine     `json:"change"`
}

func (a *app) blameJSON(ctx context.Context, o *remembered, list []content.FieldBlame) error {
	t := &teller{past: o.past}
	encoder := jsonLines(a.Out)
	for _, f := range list {
		line := blameLine{Field: f.Pointer, Value: raw(f.Value)}
		if f.Change != nil {
			var err error
			if line.Change, err = t.line(ctx, f.Change); err != nil {
				return err
			}
		}
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("write the fields: %w", err)
		}
	}
	return nil
}

// Bounds of the columns of blame.
const (
	blameField, blameWho = 32, 20
	blameValue           = 12 // at least
)

// blame shows a table, its values as wide as there is room for.
func (s *screen) blame(ctx context.Context, o *remembered, list []content.FieldBlame) error {
	rows := [][]string{{"FIELD", "VALUE", "WHO", "WHEN", "COMMIT", "PR"}}
	t := &teller{past: o.past}
	for _, f := range list {
		row := []string{shorten(plain(placeName(f.Pointer)), blameField), compact(f.Value), "not known", "", "", ""}
		if c := f.Change; c != nil {
			commit, err := t.commitOf(ctx, c)
			if err != nil {
				return err
			}
			row[2] = "not committed yet"
			if commit != nil {
				row[2], row[3], row[4] = shorten(person(commit.Author), blameWho), day(c.At), gitrepo.Hash(c.Commit).Short()
			}
			if c.PullRequest != nil {
				row[5] = fmt.Sprintf("#%d", c.PullRequest.Number)
			}
		}
		rows = append(rows, row)
	}
	return s.table(rows, 1, blameValue)
}

// table writes rows in columns: the one given is cut so that all fits, but to no less
// than least.
func (s *screen) table(rows [][]string, cut, least int) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], displayWidth(cell))
		}
	}
	others := 0
	for i, n := range widths {
		if others += 2; i != cut {
			others += n
		}
	}
	widths[cut] = min(widths[cut], max(least, s.width-others+2))
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if i == cut {
				cell = shorten(cell, widths[i])
			}
			b.WriteString(pad(cell, widths[i]+2))
		}
		line := strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = s.paint(bold, line)
		}
		if _, err := fmt.Fprintln(s, line); err != nil {
			return err
		}
	}
	return nil
}
