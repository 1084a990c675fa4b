package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

const (
	version   = 1
	eventFile = "event.json"
)

// Bounds of what is written, and believed when it is read.
const (
	maxNumber    = 999_999_999
	maxEvent     = 1 << 20 // bytes of an event.json: a text, each byte of it escaped, fits
	maxReviewers = 50
	maxName      = 250 // bytes of a reviewer, a key, the name of a branch
)

// errUnreadable says that a chain is not one of this format. It is a fact about the
// commits, which never change, not a failure to read them.
var errUnreadable = errors.New("unreadable")

// event is one commit of a chain.
type event struct {
	document
	hash  gitrepo.Hash
	tree  gitrepo.Hash
	size  int64
	actor content.Person
	at    time.Time
	// about is the new head, or what a merge made; "" where the event has none.
	about gitrepo.Hash
	// before is the event before; "" for the first.
	before gitrepo.Hash
}

// document is event.json.
type document struct {
	Version     int                    `json:"version"`
	Kind        content.EventKind      `json:"kind"`
	Identity    content.IdentitySource `json:"identity,omitzero"`
	Number      int                    `json:"number,omitzero"`
	Title       *string                `json:"title,omitzero"`
	Description *string                `json:"description,omitzero"`
	Branch      string                 `json:"branch,omitzero"`
	Target      string                 `json:"target,omitzero"`
	Base        content.Hash           `json:"base,omitzero"`
	Reviewers   []string               `json:"reviewers,omitempty"`
	Key         string                 `json:"key,omitzero"`
	Text        string                 `json:"text,omitzero"`
}

var eventKinds = []content.EventKind{
	content.EventOpened, content.EventEdited, content.EventCommented, content.EventApproved, content.EventChangesRequested,
	content.EventReviewed, content.EventMerged, content.EventClosed, content.EventReopened,
}

// same tells whether two commits are one event, written behind different ones.
func (e event) same(other event) bool {
	return e.tree == other.tree && e.about == other.about && e.actor == other.actor && e.at.Equal(other.at)
}

// readEvent reads the event that a commit is. An error that wraps errUnreadable, or one
// of gitrepo on the objects, where it is none.
func (f *Forge) readEvent(ctx context.Context, h gitrepo.Hash) (event, error) {
	c, err := f.repo.Commit(ctx, h)
	if err != nil {
		return event{}, err
	}
	entry, err := f.repo.Lookup(ctx, c.Tree, eventFile)
	if err != nil {
		return event{}, err
	}
	if entry.Mode != gitrepo.File {
		return event{}, fmt.Errorf("%w: %s is a %s", errUnreadable, eventFile, entry.Mode)
	}
	size, err := f.repo.BlobSize(ctx, entry.Hash)
	if err != nil {
		return event{}, err
	}
	if size > maxEvent {
		return event{}, fmt.Errorf("%w: %s has %d bytes, the bound is %d", errUnreadable, eventFile, size, maxEvent)
	}
	data, err := f.repo.Blob(ctx, entry.Hash)
	if err != nil {
		return event{}, err
	}
	d, err := parseDocument(data)
	if err != nil {
		return event{}, fmt.Errorf("event %s: %w", h.Short(), err)
	}
	e := event{
		document: d, hash: h, tree: c.Tree, size: size, at: c.Author.When,
		actor: content.Person{Name: c.Author.Name, Email: c.Author.Email, Identity: d.Identity},
	}
	return e, e.link(c)
}

// link takes what the parents of the commit say.
func (e *event) link(c gitrepo.Commit) error {
	parents := c.Parents
	if e.Kind != content.EventOpened && len(parents) > 0 {
		e.before, parents = parents[0], parents[1:]
	}
	if len(parents) > 0 {
		e.about = parents[0]
	}
	needsAbout := e.Kind == content.EventOpened || e.Kind == content.EventMerged
	if e.Kind != content.EventOpened && e.before == "" || needsAbout && e.about == "" {
		return fmt.Errorf("%w: event %s, %s, lacks a parent", errUnreadable, c.Hash.Short(), e.Kind)
	}
	return nil
}

// parseDocument reads an event.json, whoever wrote it.
func parseDocument(data []byte) (document, error) {
	var d document
	err := json.Unmarshal(data, &d)
	if err != nil {
		// A newer version may have other types: that it is newer is what matters then.
		var v struct {
			Version int `json:"version"`
		}
		if json.Unmarshal(data, &v) != nil {
			v.Version = version
		}
		d.Version = v.Version
	}
	if d.Version != version {
		return document{}, fmt.Errorf("%w: %s has version %d, this koonti reads version %d: a newer koonti may have written it", errUnreadable, eventFile, d.Version, version)
	}
	if err != nil {
		return document{}, fmt.Errorf("%w: %s: %w", errUnreadable, eventFile, err)
	}
	if err := d.check(); err != nil {
		return document{}, fmt.Errorf("%w: %s: %w", errUnreadable, eventFile, err)
	}
	switch d.Identity {
	case content.IdentitySigned, content.IdentityForge, content.IdentityToken:
	default:
		d.Identity = content.IdentityClaimed
	}
	return d, nil
}

// valid is the document with all that people wrote as the UTF-8 that JSON wants.
func (d document) valid() document {
	text := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	for _, s := range []**string{&d.Title, &d.Description} {
		if *s != nil {
			t := text(**s)
			*s = &t
		}
	}
	d.Key, d.Text, d.Reviewers = text(d.Key), text(d.Text), slices.Clone(d.Reviewers)
	for i := range d.Reviewers {
		d.Reviewers[i] = text(d.Reviewers[i])
	}
	return d
}

// check holds a document to the bounds: those of which something is said are the same
// for what is written.
func (d document) check() error {
	if !slices.Contains(eventKinds, d.Kind) {
		return fmt.Errorf("%w: %q is no kind of event", content.ErrInvalid, cut(string(d.Kind), maxName))
	}
	if d.Kind == content.EventOpened {
		if err := d.checkOpening(); err != nil {
			return err
		}
	}
	if d.Title != nil {
		if err := checkTitle(*d.Title); err != nil {
			return err
		}
	}
	if d.Description != nil && len(*d.Description) > content.MaxText {
		return tooLong("the description", len(*d.Description), content.MaxText)
	}
	if len(d.Text) > content.MaxText {
		return tooLong("the text", len(d.Text), content.MaxText)
	}
	if d.Base != "" && !isHash(d.Base) {
		return fmt.Errorf("%w: the base %q is no hash", content.ErrInvalid, cut(string(d.Base), 40))
	}
	return checkReviewers(d.Reviewers)
}

func (d document) checkOpening() error {
	switch {
	case d.Number < 1 || d.Number > maxNumber:
		return fmt.Errorf("%w: there is no proposal number %d", content.ErrInvalid, d.Number)
	case d.Title == nil:
		return fmt.Errorf("%w: the title is missing", content.ErrInvalid)
	case !isBranch(d.Branch, branchesPrefix):
		return fmt.Errorf("%w: %q is no branch of a proposal", content.ErrInvalid, cut(d.Branch, maxName))
	case !isBranch(d.Target, "refs/heads/"):
		return fmt.Errorf("%w: the target %q is no full name of a branch (refs/heads/...)", content.ErrInvalid, cut(d.Target, maxName))
	case len(d.Key) > maxName:
		return tooLong("the key", len(d.Key), maxName)
	}
	return nil
}

func checkTitle(title string) error {
	switch {
	case strings.TrimSpace(title) == "":
		return fmt.Errorf("%w: the title is empty", content.ErrInvalid)
	case len(title) > content.MaxTitle:
		return tooLong("the title", len(title), content.MaxTitle)
	case strings.ContainsFunc(title, unicode.IsControl):
		return fmt.Errorf("%w: the title has a line break or another control character", content.ErrInvalid)
	}
	return nil
}

func checkReviewers(names []string) error {
	if len(names) > maxReviewers {
		return fmt.Errorf("%w: %d reviewers, at most %d can be asked", content.ErrTooLarge, len(names), maxReviewers)
	}
	for _, name := range names {
		switch {
		case name == "" || strings.ContainsFunc(name, unicode.IsControl):
			return fmt.Errorf("%w: %q is no name or address of a reviewer", content.ErrInvalid, cut(name, maxName))
		case len(name) > maxName:
			return tooLong("a reviewer", len(name), maxName)
		}
	}
	return nil
}

func tooLong(what string, has, may int) error {
	return fmt.Errorf("%w: %s has %d bytes, at most %d are taken", content.ErrTooLarge, what, has, may)
}

func isHash(h content.Hash) bool {
	return len(h) == 40 && strings.Trim(string(h), "0123456789abcdef") == ""
}

// isBranch is no full check: whether Git takes the name is seen when the branch is made.
func isBranch(name, prefix string) bool {
	return len(name) > len(prefix) && len(name) <= maxName && strings.HasPrefix(name, prefix) &&
		utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// writeEvent keeps an event behind another as a commit. No ref names it yet.
func (f *Forge) writeEvent(ctx context.Context, number int, before gitrepo.Hash, e event) (gitrepo.Hash, error) {
	e.Version = version
	data, err := json.Marshal(e.document, jsontext.WithIndent("  "))
	if err != nil {
		return "", fmt.Errorf("write %s: %w", eventFile, err)
	}
	blob, err := f.repo.WriteBlob(ctx, append(data, '\n'))
	if err != nil {
		return "", err
	}
	tree, err := f.repo.WriteTree(ctx, "", []gitrepo.TreeChange{{Path: eventFile, Entry: gitrepo.Entry{Mode: gitrepo.File, Hash: blob}}})
	if err != nil {
		return "", err
	}
	who := gitrepo.Signature{Name: e.actor.Name, Email: e.actor.Email, When: e.at}
	return f.repo.WriteCommit(ctx, gitrepo.NewCommit{
		Tree: tree, Parents: present(before, e.about), Author: who, Committer: who, Message: e.message(number),
	})
}

func present(hashes ...gitrepo.Hash) []gitrepo.Hash {
	return slices.DeleteFunc(hashes, func(h gitrepo.Hash) bool { return h == "" })
}

// message says the event to someone who reads `git log`.
func (e event) message(number int) string {
	subject := map[content.EventKind]string{
		content.EventCommented: "Comment", content.EventApproved: "Approve", content.EventChangesRequested: "Request changes to",
		content.EventReviewed: "Review", content.EventClosed: "Close", content.EventReopened: "Reopen",
	}[e.Kind]
	body := e.Text
	switch e.Kind {
	case content.EventOpened:
		return fmt.Sprintf("Open proposal %d: %s\n\n%s", number, *e.Title, deref(e.Description))
	case content.EventMerged:
		return fmt.Sprintf("Merge proposal %d as %s", number, e.about.Short())
	case content.EventEdited:
		return fmt.Sprintf("Edit proposal %d: %s\n\n%s", number, strings.Join(e.edited(), ", "), deref(e.Description))
	case content.EventCommented:
		subject = "Comment on"
	}
	return fmt.Sprintf("%s proposal %d\n\n%s", subject, number, body)
}

// edited names what an edit changed.
func (e event) edited() []string {
	var parts []string
	if e.about != "" {
		parts = append(parts, "head "+e.about.Short())
	}
	if e.Title != nil {
		parts = append(parts, fmt.Sprintf("title %q", *e.Title))
	}
	if e.Description != nil {
		parts = append(parts, "description")
	}
	if len(e.Reviewers) > 0 {
		parts = append(parts, "review asked of "+strings.Join(e.Reviewers, ", "))
	}
	return parts
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// actor is the one in whose name an event is written.
func actor(by content.Actor) (content.Person, error) {
	p := by.Person
	p.Name = cmp.Or(writable(p.Name), writable(p.Email), writable(by.ID))
	if p.Name == "" {
		return p, fmt.Errorf("%w: say who you are: a name or an address is needed to write", content.ErrForbidden)
	}
	if p.Identity == "" {
		p.Identity = content.IdentityClaimed
	}
	return p, nil
}

// writable is what Git keeps of a name.
func writable(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || strings.ContainsRune(",:;<>\"\\'", r) })
}

// identity is what event.json says of it: the least sure is not said.
func identity(p content.Person) content.IdentitySource {
	if p.Identity == content.IdentityClaimed {
		return ""
	}
	return p.Identity
}

// cut shortens text that came from outside, between letters.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
