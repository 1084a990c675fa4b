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

func (a *app) show() *cobra.Command {
	var where pastFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "show RECORD[@REVISION]",
		Short: "Print a record as it is, or as it was",
		Long: `Prints the bytes of a record as Git has them at a revision: a branch, a tag, a commit
or a date. Without one it is the record as it would be served now. RECORD is
collection/id, an id that the record had before or got since, or the path of its file.
What is printed, and where it is from, is said on standard error.

With --json it is one object with collection, id, path, revision, commit, committedAt,
blob, valid, stale, uncommitted, and document; of what is no strict JSON it has
unreadable and text instead.`,
		Example: `  koonti show projects/digihelppi@v1
  koonti show projects/digihelppi@2026-01-31 --json
  koonti show projects/digihelppi@HEAD~3 > before.json`,
		Args:              oneRecord("koonti show projects/digihelppi@2026-01-31"),
		RunE:              func(c *cobra.Command, args []string) error { return a.runShow(c.Context(), where, args[0], asJSON) },
		ValidArgsFunction: a.completeRecord,
	}
	where.add(a, c)
	where.addPager(c)
	c.Flags().BoolVar(&asJSON, "json", false, "as one object, with where it is from")
	return c
}

// shownLine is a record as programs get it.
type shownLine struct {
	Collection  content.CollectionName `json:"collection"`
	ID          content.ID             `json:"id"`
	Path        string                 `json:"path"`
	Revision    string                 `json:"revision,omitempty"`
	Commit      content.Hash           `json:"commit,omitempty"`
	CommittedAt string                 `json:"committedAt,omitempty"`
	Blob        content.Hash           `json:"blob"`
	Valid       bool                   `json:"valid"`
	Stale       bool                   `json:"stale,omitempty"`
	Uncommitted bool                   `json:"uncommitted,omitempty"`
	Unreadable  bool                   `json:"unreadable,omitempty"`
	Document    json.RawMessage        `json:"document,omitempty"`
	Text        *string                `json:"text,omitempty"`
}

func (a *app) runShow(ctx context.Context, where pastFlags, arg string, asJSON bool) error {
	o, err := a.past(ctx, where)
	if err != nil {
		return err
	}
	defer o.Close()
	then, f, revision, err := o.dated(ctx, arg)
	if err != nil {
		return err
	}
	text, err := then.text(ctx, f)
	if err != nil {
		return err
	}
	if asJSON {
		return jsonLines(a.Out).Encode(newShownLine(then.view, f, revision, text))
	}
	fmt.Fprintln(a.Err, shownHead(then.view, f))
	s := a.screen(where.noPager)
	if s.terminal != nil {
		text = harmless(text, "\n\t")
	}
	_, err = s.Write([]byte(text))
	return s.end(err)
}

// text is what is in a file.
func (o *remembered) text(ctx context.Context, f file) (string, error) {
	if f.record != nil {
		return f.record.Source, nil
	}
	data, err := o.repo.Blob(ctx, gitrepo.Hash(f.blob))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", f.path, err)
	}
	return string(data), nil
}

func newShownLine(view *content.View, f file, revision, text string) shownLine {
	line := shownLine{
		Collection: f.ref.Collection, ID: f.ref.ID, Path: f.path, Revision: revision,
		Commit: view.Commit, CommittedAt: stamped(view.CommittedAt), Blob: f.blob,
	}
	if f.record == nil {
		line.Unreadable, line.Text = true, &text
		return line
	}
	line.Valid, line.Stale, line.Uncommitted, line.Document = f.record.Valid, f.record.Stale, f.record.Uncommitted, raw(f.record.Root)
	switch {
	case line.Stale:
		line.Commit, line.CommittedAt = f.record.From, ""
	case line.Uncommitted:
		line.Commit, line.CommittedAt = "", ""
	}
	return line
}

// shownHead says what is shown and where it is from.
func shownHead(view *content.View, f file) string {
	words := []string{plain(f.ref.String()), plain(f.path)}
	switch {
	case f.record != nil && f.record.Stale:
		words = append(words, "the newest valid version, of "+gitrepo.Hash(f.record.From).Short()+", in the place of what is there now")
	case f.record != nil && f.record.Uncommitted:
		words = append(words, "not committed yet")
	case view.Commit != "":
		words = append(words, gitrepo.Hash(view.Commit).Short()+" of "+minute(view.CommittedAt))
	}
	if f.record == nil {
		words = append(words, "no strict JSON")
	}
	return strings.Join(words, ", ")
}
