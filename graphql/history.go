package graphql

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// history is the past of one view as one request reads it: nothing is read twice.
type history struct {
	Past
	view      *content.View
	changed   memo[changeID, []content.FieldChange]
	documents memo[content.Hash, *content.Document]
	commits   memo[content.Hash, *content.Commit]
	steps     memo[content.Hash, *content.Step]
	columns   map[datedColumn]*column
}

// changeID tells all changes apart, also those between two revisions, which no commit
// made.
type changeID struct {
	key   string
	after content.Hash
}

// timeless is a past that tells when nothing was created or changed.
type timeless struct{ Past }

// Span knows of no change.
func (timeless) Span(*content.Record) (created, updated *content.Change) { return nil, nil }

func (h *history) timeless() bool {
	_, is := h.Past.(timeless)
	return is
}

type datedColumn struct {
	set *content.Set
	own op
}

// memo keeps what was read, or the error met.
type memo[K comparable, V any] map[K]outcome[V]

type outcome[V any] struct {
	value V
	err   error
}

func (m memo[K, V]) get(key K, read func() (V, error)) (V, error) {
	if known, ok := m[key]; ok {
		return known.value, known.err
	}
	value, err := read()
	m[key] = outcome[V]{value, err}
	return value, err
}

// history returns the past of a view; the error is one that the client may see.
func (r *request) history(ctx context.Context, view *content.View) (*history, error) {
	r.historical = true
	return r.histories.get(view, func() (*history, error) {
		if r.config.Histories == nil {
			return nil, newError(CodeUnavailable, "there is no history here")
		}
		past, err := r.config.Histories.Past(ctx, view)
		if err != nil {
			return nil, r.visible(err)
		}
		return newHistory(past, view), nil
	})
}

// newHistory has read nothing yet.
func newHistory(past Past, view *content.View) *history {
	return &history{
		Past: past, view: view,
		changed: memo[changeID, []content.FieldChange]{}, documents: memo[content.Hash, *content.Document]{},
		commits: memo[content.Hash, *content.Commit]{}, steps: memo[content.Hash, *content.Step]{}, columns: map[datedColumn]*column{},
	}
}

// fields are the values that a change changed.
func (h *history) fields(ctx context.Context, c *content.Change) ([]content.FieldChange, error) {
	return h.changed.get(changeID{c.Key(), c.After}, func() ([]content.FieldChange, error) { return h.Fields(ctx, c) })
}

// document decodes a blob; nil where there is none, or no strict JSON.
func (h *history) document(ctx context.Context, blob content.Hash) (*content.Document, error) {
	if blob == "" {
		return nil, nil
	}
	return h.documents.get(blob, func() (*content.Document, error) { return h.Document(ctx, blob) })
}

// commit returns nil for what is not committed yet.
func (h *history) commit(ctx context.Context, hash content.Hash) (*content.Commit, error) {
	if hash == "" {
		return nil, nil
	}
	return h.commits.get(hash, func() (*content.Commit, error) { return h.Commit(ctx, hash) })
}

func (h *history) step(ctx context.Context, hash content.Hash) (*content.Step, error) {
	return h.steps.get(hash, func() (*content.Step, error) { return h.Step(ctx, hash) })
}

// span returns the change that opCreatedAt or opUpdatedAt means; it may be nil.
func (h *history) span(r *content.Record, own op) *content.Change {
	created, updated := h.Span(r)
	if own == opCreatedAt {
		return created
	}
	return updated
}

// when is zero where the history does not tell.
func (h *history) when(r *content.Record, own op) time.Time {
	if c := h.span(r, own); c != nil {
		return c.At
	}
	return time.Time{}
}

// column is what the records of a set are ordered by their times with; nil where the
// time for the request is over. It is kept for the request alone: the same set may
// have another past in another view.
func (h *history) column(run *sieve, set *content.Set, own op) *column {
	id := datedColumn{set, own}
	if known := h.columns[id]; known != nil {
		return known
	}
	keys := make([]string, set.Len())
	for i := range keys {
		if run.stopped() {
			return nil
		}
		if when := h.when(set.At(i), own); !when.IsZero() {
			keys[i] = "\x01" + timeKey(when)
		}
	}
	made := &column{keys, ranksOf(keys)}
	h.columns[id] = made
	return made
}

// renamed is a record that no longer has the name it was asked for by.
type renamed struct {
	now content.Ref
	by  *content.Change
}

// follow returns nil where the history tells of no other name.
func (h *history) follow(ctx context.Context, ref content.Ref) (*renamed, error) {
	now, by, err := h.Moved(ctx, ref)
	if err != nil && !errors.Is(err, content.ErrNotFound) {
		return nil, err
	}
	if err != nil || now == nil || by == nil {
		return nil, nil
	}
	return &renamed{*now, by}, nil
}

// moved answers a record that a view does not have: where it has another name now, as
// it last was under the old one. It is nil where there never was one, where it was
// deleted, and while the history cannot tell.
func (c *call) moved(ctx context.Context, view *content.View, ref content.Ref) (*item, error) {
	if c.config.Histories == nil {
		return nil, nil
	}
	var to *renamed
	h, err := c.history(ctx, view)
	if err == nil {
		to, err = h.follow(ctx, ref)
	}
	if code, _ := describeError(err); err != nil && code == CodeUnavailable {
		return nil, nil
	}
	if err != nil || to == nil {
		return nil, err
	}
	before, err := c.viewBefore(ctx, view, to.by)
	if err != nil || before == nil {
		return nil, err
	}
	last := before.Snapshot.Record(ref)
	if last == nil {
		return nil, nil
	}
	out := newItem(before, last, c.bound.lang)
	if r := view.Snapshot.Record(to.now); r != nil {
		out.now = newItem(view, r, c.bound.lang)
	}
	return out, nil
}

// viewBefore is the view that readers had before a change in the past of view;
// nil where there is none. It counts as a revision that the request reads.
func (r *request) viewBefore(ctx context.Context, view *content.View, by *content.Change) (*content.View, error) {
	name := string(view.Commit)
	if step := cmp.Or(by.Step, by.Commit); step != "" {
		name = string(step) + "^"
	}
	if name == "" {
		return nil, nil
	}
	if _, known := r.views[name]; !known && len(r.views) >= r.limits.Revisions {
		return nil, tooLarge("The query reads more than %d revisions, counting those in which records had other names.", r.limits.Revisions)
	}
	if err := r.revision(ctx, name); err != nil {
		return nil, err
	}
	return r.views[name].view, nil
}

// movedTo is the record being read as the view being served has it, where that is
// under another name.
func (c *call) movedTo(ctx context.Context) (*item, error) {
	it := c.item()
	if it.now != nil {
		return it.now, nil
	}
	if c.view.Snapshot.Record(it.record.Ref) != nil {
		return nil, nil
	}
	h, err := c.history(ctx, c.view)
	if err != nil {
		return nil, err
	}
	to, err := h.follow(ctx, it.record.Ref)
	if err != nil || to == nil {
		return nil, err
	}
	if r := c.view.Snapshot.Record(to.now); r != nil {
		return newItem(c.view, r, it.lang), nil
	}
	return nil, nil
}

// address is what looks like an electronic mail address.
var address = regexp.MustCompile(`[\p{L}\p{N}._%+-]+@[\p{L}\p{N}.-]+`)

// ShowsAddresses reports whether people's addresses are shown to those who have a role.
func ShowsAddresses(role content.Role) bool { return role.Allows(content.RoleReader) }

// discreet leaves addresses out of what people and forges wrote beside the content,
// unless they are shown. Discreet, readEmail and authorPart are all that decides so.
func (p *plan) discreet(text string) string { return Discreet(p.actor.Role, text) }

// Discreet leaves people's addresses out of a text, unless they are shown to role.
func Discreet(role content.Role, text string) string {
	if ShowsAddresses(role) || !strings.Contains(text, "@") {
		return text
	}
	return address.ReplaceAllString(text, "…")
}

func readEmail(_ context.Context, c *call) (any, error) {
	if !ShowsAddresses(c.plan.actor.Role) {
		return nil, nil
	}
	return textOrNil(c.source.(content.Person).Email), nil
}

// authorPart checks a part of a name or address.
func (p *planner) authorPart(f *planField, text string) string {
	text = strings.TrimSpace(text)
	switch {
	case !ShowsAddresses(p.actor.Role) && strings.Contains(text, "@"):
		p.fail(newError(CodeForbidden, "Addresses are not shown here; \"author\" can be a part of a name."), f.nodes[0])
	case len([]rune(text)) > p.limits.SearchText:
		p.fail(tooLarge("\"author\" has %d characters; the limit is %d.", len([]rune(text)), p.limits.SearchText), f.nodes[0])
	}
	return text
}
