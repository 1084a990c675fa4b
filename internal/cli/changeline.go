package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/history"
)

// changeLine is a change as programs and auditors get it: one JSON object a line, or one
// row of CSV. A member that has nothing to say is left out. What is not committed yet has
// no commit.
type changeLine struct {
	// Head is the commit whose past was exported.
	Head    content.Hash   `json:"head,omitempty"`
	Commit  content.Hash   `json:"commit,omitempty"`
	Parents []content.Hash `json:"parents,omitempty"`
	// Step is the commit of the first-parent line that brought the change to readers, and
	// PublishedAt its committer time.
	Step        content.Hash       `json:"step,omitempty"`
	PublishedAt string             `json:"publishedAt,omitempty"`
	CommittedAt string             `json:"committedAt,omitempty"`
	AuthoredAt  string             `json:"authoredAt,omitempty"`
	Author      *personLine        `json:"author,omitempty"`
	Committer   *personLine        `json:"committer,omitempty"`
	CoAuthors   []personLine       `json:"coAuthors,omitempty"`
	Subject     string             `json:"subject,omitempty"`
	PullRequest *pullRequestLine   `json:"pullRequest,omitempty"`
	Approvals   []approvalLine     `json:"approvals,omitempty"`
	Kind        content.ChangeKind `json:"kind"`
	Collection  string             `json:"collection"`
	ID          string             `json:"id"`
	Path        string             `json:"path"`
	// FormerPath is where a RENAMED record lay before, and an OVERRULED one on the side
	// that lost, if elsewhere.
	FormerPath string `json:"formerPath,omitempty"`
	// Before and After are blobs.
	Before     content.Hash `json:"before,omitempty"`
	After      content.Hash `json:"after,omitempty"`
	Unreadable bool         `json:"unreadable,omitempty"`
	Fields     []fieldLine  `json:"fields,omitempty"`
	// Signature is that of the commit, of log alone and where keys were given.
	Signature *signatureLine `json:"signature,omitempty"`
}

// signatureLine is what is known of a commit's signature.
type signatureLine struct {
	Status      content.SignatureStatus `json:"status"`
	Format      string                  `json:"format,omitempty"`
	Fingerprint string                  `json:"fingerprint,omitempty"`
	Signer      string                  `json:"signer,omitempty"`
}

type personLine struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type pullRequestLine struct {
	Number int    `json:"number"`
	Title  string `json:"title,omitempty"`
	URL    string `json:"url,omitempty"`
}

type approvalLine struct {
	personLine
	At     string `json:"at,omitempty"`
	Source string `json:"source"`
}

// fieldLine is one value that changed; Before or After is left out where there is none,
// which is not the same as null. Parent is the parent of a merge that had Before, where
// the line's own before is of another.
type fieldLine struct {
	Field  content.Pointer `json:"field"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	Parent content.Hash    `json:"parent,omitempty"`
}

func newPersonLine(p content.Person) personLine { return personLine{p.Name, p.Email} }

func newFieldLines(changes []content.FieldChange) []fieldLine {
	lines := make([]fieldLine, len(changes))
	for i, f := range changes {
		lines[i] = fieldLine{f.Pointer, raw(f.Before), raw(f.After), f.Parent}
	}
	return lines
}

// raw is a value as compact JSON; nil for none.
func raw(v *content.Value) json.RawMessage {
	if v == nil {
		return nil
	}
	return v.AppendJSON(nil)
}

// stamped is a time for programs: RFC 3339 in UTC; "" for none.
func stamped(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// teller makes the lines of changes. Those of one commit follow each other, so that it is
// read once.
type teller struct {
	past   *history.Past
	commit *content.Commit
	// signed: lines tell of signatures.
	signed bool
}

// commitOf returns the commit of a change; nil where it is not committed yet.
func (t *teller) commitOf(ctx context.Context, c *content.Change) (*content.Commit, error) {
	if c.Commit == "" {
		return nil, nil
	}
	if t.commit == nil || t.commit.Hash != c.Commit {
		commit, err := t.past.Commit(ctx, c.Commit)
		if err != nil {
			return nil, err
		}
		t.commit = commit
	}
	return t.commit, nil
}

// line tells a change without the values of its fields.
func (t *teller) line(ctx context.Context, c *content.Change) (*changeLine, error) {
	line := &changeLine{
		Commit: c.Commit, Step: c.Step, Kind: c.Kind, Collection: string(c.Collection), ID: string(c.ID), Path: c.Path,
		Before: c.Before, After: c.After, Unreadable: c.Unreadable,
	}
	if c.Was != nil {
		line.FormerPath = c.Was.Path
	}
	commit, err := t.commitOf(ctx, c)
	if commit == nil || err != nil {
		return line, err
	}
	author, committer := newPersonLine(commit.Author), newPersonLine(commit.Committer)
	line.Author, line.Committer, line.Parents, line.Subject = &author, &committer, commit.Parents, commit.Subject
	line.CommittedAt, line.AuthoredAt = stamped(commit.CommittedAt), stamped(commit.AuthoredAt)
	if s := commit.Signature; t.signed {
		line.Signature = &signatureLine{s.Status, s.Format, s.Key, s.Signer}
	}
	if c.Step != "" {
		line.PublishedAt = stamped(c.At)
	}
	for _, who := range commit.CoAuthors {
		line.CoAuthors = append(line.CoAuthors, newPersonLine(who))
	}
	if pr := c.PullRequest; pr != nil {
		line.PullRequest = &pullRequestLine{pr.Number, pr.Title, pr.URL}
	}
	for _, a := range c.Approvals {
		line.Approvals = append(line.Approvals, approvalLine{newPersonLine(a.Person), stamped(a.At), a.Source})
	}
	return line, nil
}

// full tells a change with the values of its fields.
func (t *teller) full(ctx context.Context, c *content.Change) (*changeLine, error) {
	line, err := t.line(ctx, c)
	if err != nil {
		return nil, err
	}
	fields, err := t.past.Fields(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("read what %s changed in %s: %w", c.Commit, c.Path, err)
	}
	line.Fields = newFieldLines(fields)
	return line, nil
}

// jsonLines writes one JSON object a line.
func jsonLines(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

// formats are those of --format; the first is the default.
var formats = []string{"text", "json", "markdown"}

// formatFlag is --format, and --json for short.
type formatFlag struct {
	name string
	json bool
}

func (f *formatFlag) form(known []string) (string, error) {
	if f.json {
		return "json", nil
	}
	for _, name := range known {
		if f.name == name {
			return name, nil
		}
	}
	return "", fmt.Errorf("--format %s is not known: take %s", f.name, strings.Join(known, ", "))
}
