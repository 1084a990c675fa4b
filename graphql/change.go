package graphql

import (
	"cmp"
	"context"

	"github.com/koonti/koonti/internal/content"
)

// told is where something that happened was read from, and the language it was asked
// for in.
type told struct {
	of   *history
	lang content.Language
}

// change is the source of the fields of a Change, and of a RecordDiff.
type change struct {
	told
	*content.Change
}

// recordRef is the source of the fields of a RecordRef; blob is the document it had.
type recordRef struct {
	told
	ref  content.Ref
	path string
	blob content.Hash
}

// step is the source of the fields of a PublicationStep.
type step struct {
	told
	hash content.Hash
}

// blamed is the source of the fields of a FieldBlame.
type blamed struct {
	told
	content.FieldBlame
}

// version is the source of the fields of a Version.
type version struct {
	told
	*content.Version
}

// occurrence is the source of the fields of an Occurrence.
type occurrence struct {
	told
	*content.Occurrence
}

// change is nil where c is.
func (t told) change(c *content.Change) any {
	if c == nil {
		return nil
	}
	return change{t, c}
}

func (t told) changes(list []content.Change) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = t.change(&list[i])
	}
	return out
}

// step keeps what is known of a step.
func (t told) step(s *content.Step) any {
	t.of.steps[s.Commit] = outcome[*content.Step]{value: s}
	return step{t, s.Commit}
}

func (t told) document(ctx context.Context, blob content.Hash) (any, error) {
	d, err := t.of.document(ctx, blob)
	if err != nil || d == nil {
		return nil, err
	}
	return orNil(d.Root), nil
}

// readChangeKey answers as readKey does: what a change leads to depends on where it is
// read.
func readChangeKey(_ context.Context, c *call) (any, error) {
	ch := c.source.(change)
	return ch.Key() + c.aspect(ch.of.view, ch.lang), nil
}

func (c change) record() recordRef {
	return recordRef{c.told, c.Ref, c.Path, cmp.Or(c.After, c.Before)}
}

func (c change) was() any {
	if c.Was == nil {
		return nil
	}
	return recordRef{c.told, c.Was.Ref, c.Was.Path, c.Before}
}

func readFields(ctx context.Context, c change) (any, error) {
	list, err := c.of.fields(ctx, c.Change)
	return each(list, same), err
}

func (c change) publication() any {
	if c.Step == "" {
		return nil
	}
	return step{c.told, c.Step}
}

func (o occurrence) record() recordRef { return recordRef{o.told, o.Ref, o.Path, o.From.After} }

// stepped makes a reader of what only the whole step tells.
func stepped(read func(at step, s *content.Step) any) func(context.Context, step) (any, error) {
	return func(ctx context.Context, at step) (any, error) {
		s, err := at.of.step(ctx, at.hash)
		if err != nil || s == nil {
			return nil, err
		}
		return read(at, s), nil
	}
}

func readRefTitle(ctx context.Context, c *call) (any, error) {
	r := c.source.(recordRef)
	if now := r.of.view.Snapshot.Record(r.ref); now != nil {
		return textOrNil(now.Title(c.model, r.lang)), nil
	}
	d, err := r.of.document(ctx, r.blob)
	if err != nil || d == nil {
		return nil, err
	}
	old := content.Record{Ref: r.ref, Document: d}
	return textOrNil(old.Title(c.model, r.lang)), nil
}

func readRefRecord(ctx context.Context, r recordRef) (any, error) {
	now := r.of.view.Snapshot.Record(r.ref)
	if now == nil {
		to, err := r.of.follow(ctx, r.ref)
		if err != nil || to == nil {
			return nil, err
		}
		now = r.of.view.Snapshot.Record(to.now)
	}
	if now == nil {
		return nil, nil
	}
	return newItem(r.of.view, now, r.lang), nil
}

// wordsOf is nil unless both values are texts.
func wordsOf(f content.FieldChange) any {
	if f.Before == nil || f.After == nil || f.Before.Kind != content.String || f.After.Kind != content.String {
		return nil
	}
	return each(content.Words(f.Before.Text, f.After.Text), same)
}

// endOf is when a change ended something.
func endOf(c *content.Change) any {
	if c == nil {
		return nil
	}
	return timeOrNil(c.At)
}

func readLastChange(ctx context.Context, c *call) (any, error) {
	it := c.item()
	h, err := c.history(ctx, it.view)
	if err != nil {
		return nil, err
	}
	last, err := h.LastChange(ctx, it.record, c.bound.field)
	if err != nil {
		return nil, err
	}
	return told{h, it.lang}.change(last), nil
}

func readBlame(ctx context.Context, c *call) (any, error) {
	it := c.item()
	h, err := c.history(ctx, it.view)
	if err != nil {
		return nil, err
	}
	list, err := h.Blame(ctx, it.record)
	if err != nil {
		return nil, err
	}
	return each(list, func(b content.FieldBlame) any { return blamed{told{h, it.lang}, b} }), nil
}

// dated makes a reader of the change that opCreatedAt or opUpdatedAt means.
func dated(own op, read func(context.Context, *history, *content.Change) (any, error)) reader {
	return func(ctx context.Context, c *call) (any, error) {
		it := c.item()
		h, err := c.history(ctx, it.view)
		if err != nil {
			return nil, err
		}
		if span := h.span(it.record, own); span != nil {
			return read(ctx, h, span)
		}
		return nil, nil
	}
}

func readWhen(_ context.Context, _ *history, c *content.Change) (any, error) {
	return timeOrNil(c.At), nil
}

func readWho(ctx context.Context, h *history, c *content.Change) (any, error) {
	commit, err := h.commit(ctx, c.Commit)
	if err != nil || commit == nil {
		return nil, err
	}
	return commit.Author, nil
}

// readCommit looks a full hash up in the past of the view served, which is cheap; any
// other revision, and what is on other branches, in its own.
func readCommit(ctx context.Context, c *call) (any, error) {
	if hash := c.bound.at; fullHash(hash) {
		found, err := c.commitServed(ctx, content.Hash(hash))
		if found != nil || err != nil {
			return notNil(found, err)
		}
		if err := c.revision(ctx, hash); err != nil {
			return nil, err
		}
	}
	h, err := c.historyAt(ctx)
	if err != nil {
		return nil, err
	}
	return notNil(h.commit(ctx, h.view.Commit))
}

// commitServed returns nil for a commit that did not lead to the view served.
func (c *call) commitServed(ctx context.Context, hash content.Hash) (*content.Commit, error) {
	h, err := c.history(ctx, c.view)
	if err != nil {
		return nil, err
	}
	found, err := h.commit(ctx, hash)
	if code, _ := describeError(err); err != nil && code == CodeNotFound {
		return nil, nil
	}
	return found, err
}

func readRewrites(ctx context.Context, c *call) (any, error) {
	if c.config.Histories == nil {
		return nil, newError(CodeUnavailable, "there is no history here")
	}
	list, err := c.config.Histories.Rewrites(ctx)
	if err != nil {
		return nil, err
	}
	return each(list, same), nil
}
