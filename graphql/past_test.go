package graphql

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// fakeHistories tells what "history.json" says, whose hashes of two digits stand for
// those digits twenty times; the blobs are "blob/NAME". It is slow and plain.
type fakeHistories struct {
	// Unready is the text of an error.
	Unready string
	// Unknown are the fields that there never were, with those that are near.
	Unknown map[content.Pointer][]content.Pointer
	Commits []content.Commit
	Changes []content.Change // newest first
	// Line are the steps, newest first; one without records is what its changes are.
	Line   []content.Step
	Forced []content.Rewrite

	blobs map[content.Hash]*content.Document
	views []*content.View
	// reads counts what was read, by what.
	reads map[string]int
}

// histories is nil where the fixture has no history.
func (f *fixture) histories(t testing.TB) Histories {
	t.Helper()
	if f.files["history.json"] == "" {
		return nil
	}
	h := &fakeHistories{blobs: map[content.Hash]*content.Document{}, reads: map[string]int{}, views: append(slices.Collect(maps.Values(f.at)), f.view)}
	if err := json.Unmarshal([]byte(f.files["history.json"]), h); err != nil {
		t.Fatal(err)
	}
	for name, text := range f.files {
		if name, ok := strings.CutPrefix(name, "blob/"); ok {
			if v, err := content.Parse(text); err == nil {
				h.blobs[content.Hash(name)] = &content.Document{Blob: content.Hash(name), Source: text, Root: v}
			}
		}
	}
	for i := range h.Commits {
		k := &h.Commits[i]
		k.Hash = fullOf(k.Hash)
		for i := range k.Parents {
			k.Parents[i] = fullOf(k.Parents[i])
		}
	}
	for i := range h.Changes {
		settle(&h.Changes[i])
	}
	for i := range h.Line {
		h.Line[i].Commit = fullOf(h.Line[i].Commit)
		for k := range h.Line[i].Records {
			settle(&h.Line[i].Records[k])
		}
	}
	return h
}

func fullOf(h content.Hash) content.Hash {
	if len(h) == 2 {
		return content.Hash(strings.Repeat(string(h), 20))
	}
	return h
}

func settle(c *content.Change) { c.Commit, c.Step = fullOf(c.Commit), fullOf(c.Step) }

func (h *fakeHistories) Past(ctx context.Context, view *content.View) (Past, error) {
	h.reads["past"]++
	if h.Unready != "" {
		return nil, fmt.Errorf("%s: %w", h.Unready, content.ErrUnavailable)
	}
	p := &fakePast{fakeHistories: h, view: view, changes: h.Changes}
	for i, c := range h.Changes {
		if view.Commit != "" && (c.Commit == view.Commit || c.Step == view.Commit) {
			p.changes = h.Changes[i:]
			if view == h.views[len(h.views)-1] {
				p.changes = h.Changes
			}
			break
		}
	}
	return p, ctx.Err()
}

func (h *fakeHistories) Diff(_ context.Context, from, to, _ *content.View) ([]content.Change, error) {
	h.reads["diff"]++
	var out []content.Change
	for _, c := range to.Model.Collections {
		ids := map[content.ID]bool{}
		for _, v := range []*content.View{from, to} {
			for r := range v.Snapshot.Set(c.Name).All() {
				ids[r.ID] = true
			}
		}
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			ref := content.Ref{Collection: c.Name, ID: id}
			d := content.Change{Ref: ref, Path: fmt.Sprintf("records/%s.json", ref)}
			before, after := from.Snapshot.Record(ref), to.Snapshot.Record(ref)
			if before != nil {
				d.Kind, d.Before = content.Deleted, before.Blob
			}
			if after != nil {
				d.Kind, d.After = content.Created, after.Blob
			}
			if before != nil && after != nil {
				d.Kind = content.Updated
			}
			if d.Before != d.After {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

func (h *fakeHistories) Rewrites(context.Context) ([]content.Rewrite, error) {
	if h.Unready != "" {
		return nil, fmt.Errorf("%s: %w", h.Unready, content.ErrUnavailable)
	}
	return h.Forced, nil
}

// fakePast is what led to a view: changes are the newest first.
type fakePast struct {
	*fakeHistories
	view    *content.View
	changes []content.Change
}

// of are the changes of a record under all its names.
func (p *fakePast) of(r content.Ref) []content.Change {
	var out []content.Change
	for _, c := range p.changes {
		if c.Ref != r {
			continue
		}
		out = append(out, c)
		if c.Was != nil {
			r = c.Was.Ref
		}
	}
	return out
}

func (p *fakePast) matching(q content.ChangeQuery) []content.Change {
	list := p.changes
	if q.Record != nil {
		list = p.of(*q.Record)
	}
	return slices.DeleteFunc(slices.Clone(list), func(c content.Change) bool { return !p.matches(&c, q) })
}

func (p *fakePast) matches(c *content.Change, q content.ChangeQuery) bool {
	author := p.commit(c.Commit).Author
	address := author.Email
	if q.AuthorByName {
		address = ""
	}
	approved := slices.ContainsFunc(c.Approvals, func(a content.Approval) bool { return a.Person.Email != author.Email })
	switch {
	case q.Collection != "" && q.Collection != c.Collection,
		q.Field != nil && !touches(c, *q.Field),
		!strings.Contains(fold(author.Name+"\n"+address), fold(q.Author)),
		len(q.Kinds) > 0 && !slices.Contains(q.Kinds, c.Kind),
		q.Approved != nil && *q.Approved != approved,
		!q.Since.IsZero() && c.At.Before(q.Since),
		!q.Until.IsZero() && c.At.After(q.Until),
		q.PullRequest != 0 && (c.PullRequest == nil || c.PullRequest.Number != q.PullRequest),
		!q.Formatting && c.Kind == content.Formatted:
		return false
	}
	return true
}

func touches(c *content.Change, field content.Pointer) bool {
	return field == "" || slices.ContainsFunc(c.Fields, func(f content.Pointer) bool { return field.Covers(f) || f.Covers(field) })
}

func (p *fakePast) commit(hash content.Hash) content.Commit {
	for _, k := range p.Commits {
		if k.Hash == hash {
			return k
		}
	}
	return content.Commit{}
}

// cut cuts a page out of a list.
func cut[T any](list []T, limit int, after string, key func(*T) string) ([]T, bool, error) {
	if after != "" {
		i := slices.IndexFunc(list, func(v T) bool { return key(&v) == after })
		if i < 0 {
			return nil, false, fmt.Errorf("there is no %q: %w", after, content.ErrNotFound)
		}
		list = list[i+1:]
	}
	if limit == 0 {
		limit = len(list)
	}
	return list[:min(limit, len(list))], len(list) > limit, nil
}

func (p *fakePast) Changes(ctx context.Context, q content.ChangeQuery) (content.ChangePage, error) {
	p.reads["changes"]++
	switch q.Author {
	case "broken":
		return content.ChangePage{}, errors.New("read /srv/history.sqlite: disk I/O error")
	case "slow":
		<-ctx.Done()
		return content.ChangePage{}, fmt.Errorf("read /srv/history.sqlite: %w", ctx.Err())
	}
	if q.Field != nil {
		if err := p.unknown(*q.Field); err != nil {
			return content.ChangePage{}, err
		}
	}
	list, more, err := cut(p.matching(q), q.Limit, q.After, (*content.Change).Key)
	return content.ChangePage{Changes: list, More: more}, err
}

func (p *fakePast) unknown(field content.Pointer) error {
	if near, ok := p.Unknown[field]; ok {
		return fmt.Errorf("read /srv/history.sqlite: %w", &content.UnknownFieldError{Field: field, Near: near})
	}
	return nil
}

func (p *fakePast) CountChanges(_ context.Context, q content.ChangeQuery) (int, error) {
	p.reads["count"]++
	return len(p.matching(q)), nil
}

func (p *fakePast) FacetChanges(_ context.Context, q content.ChangeQuery, by content.ChangeFacet) ([]content.FacetCount, error) {
	p.reads["facet"]++
	counts := map[string]int{}
	for _, c := range p.matching(q) {
		if c.Commit == "" && (by == content.FacetAuthor || by == content.FacetMonth) {
			continue
		}
		switch by {
		case content.FacetAuthor:
			counts[p.commit(c.Commit).Author.Name]++
		case content.FacetCollection:
			counts[string(c.Collection)]++
		case content.FacetField:
			for _, f := range c.Fields {
				counts[string(f)]++
			}
		case content.FacetMonth:
			counts[c.At.UTC().Format("2006-01")]++
		case content.FacetKind:
			counts[string(c.Kind)]++
		}
	}
	var out []content.FacetCount
	for value, n := range counts {
		out = append(out, content.FacetCount{Value: value, Count: n})
	}
	slices.SortFunc(out, func(a, b content.FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return out, nil
}

func (p *fakePast) stepsMatching(q content.ChangeQuery) []content.Step {
	var out []content.Step
	for _, s := range p.Line {
		s.Changes = slices.DeleteFunc(slices.Clone(p.changes), func(c content.Change) bool { return c.Step != s.Commit })
		if s.Records == nil {
			s.Records = s.Changes
		}
		if slices.ContainsFunc(s.Records, func(c content.Change) bool { return p.matches(&c, q) && (q.Record == nil || *q.Record == c.Ref) }) {
			out = append(out, s)
		}
	}
	return out
}

func (p *fakePast) Steps(_ context.Context, q content.ChangeQuery) (content.StepPage, error) {
	list, more, err := cut(p.stepsMatching(q), q.Limit, q.After, func(s *content.Step) string { return string(s.Commit) })
	return content.StepPage{Steps: list, More: more}, err
}

func (p *fakePast) CountSteps(_ context.Context, q content.ChangeQuery) (int, error) {
	return len(p.stepsMatching(q)), nil
}

func (p *fakePast) Step(_ context.Context, commit content.Hash) (*content.Step, error) {
	p.reads["step "+string(commit[:2])]++
	for _, s := range p.stepsMatching(content.ChangeQuery{Formatting: true}) {
		if s.Commit == commit {
			return &s, nil
		}
	}
	return nil, fmt.Errorf("there is no step %s: %w", commit, content.ErrNotFound)
}

func (p *fakePast) LastChange(_ context.Context, r *content.Record, field content.Pointer) (*content.Change, error) {
	p.reads["last"]++
	if err := p.unknown(field); err != nil {
		return nil, err
	}
	for _, c := range p.of(r.Ref) {
		if c.Kind != content.Formatted && touches(&c, field) {
			return &c, nil
		}
	}
	return nil, nil
}

func (p *fakePast) Blame(ctx context.Context, r *content.Record) ([]content.FieldBlame, error) {
	var out []content.FieldBlame
	var walk func(at content.Pointer, v *content.Value)
	walk = func(at content.Pointer, v *content.Value) {
		for i := range v.Kids {
			below := at.Item(i)
			if v.Kind == content.Object {
				below = at.Child(v.Kids[i].Name)
			}
			walk(below, &v.Kids[i])
		}
		if len(v.Kids) == 0 {
			last, _ := p.LastChange(ctx, r, at)
			out = append(out, content.FieldBlame{Pointer: at, Value: v, Change: last})
		}
	}
	walk("", r.Root)
	return out, nil
}

func (p *fakePast) Span(r *content.Record) (created, updated *content.Change) {
	p.reads["span"]++
	for _, c := range p.of(r.Ref) {
		if updated == nil && c.Kind != content.Formatted {
			updated = &c
		}
		created = &c
	}
	return created, updated
}

func (p *fakePast) Versions(_ context.Context, r content.Ref, limit int, after string) ([]content.Version, bool, error) {
	var out []content.Version
	var next *content.Change
	for _, c := range p.of(r) {
		if c.After != "" {
			out = append(out, content.Version{Change: c, Until: next})
		}
		next = &c
	}
	return cut(out, limit, after, func(v *content.Version) string { return v.Change.Key() })
}

func (p *fakePast) Moved(_ context.Context, r content.Ref) (now *content.Ref, by *content.Change, err error) {
	p.reads["moved"]++
	for _, c := range slices.Backward(p.changes) {
		switch {
		case by == nil && c.Ref == r && c.Kind == content.Deleted:
			by = &c
		case c.Was != nil && (c.Was.Ref == r && by == nil || now != nil && c.Was.Ref == *now):
			by = cmp.Or(by, &c)
			now = &c.Ref
		case now != nil && c.Ref == *now && c.Kind == content.Deleted:
			now = nil
		}
	}
	return now, by, nil
}

func (p *fakePast) deletions(collection content.CollectionName) []content.Change {
	list := p.matching(content.ChangeQuery{Collection: collection, Kinds: []content.ChangeKind{content.Deleted}})
	return slices.DeleteFunc(list, func(c content.Change) bool { return p.view.Snapshot.Record(c.Ref) != nil })
}

func (p *fakePast) Deleted(_ context.Context, collection content.CollectionName, limit int, after string) (content.ChangePage, error) {
	list, more, err := cut(p.deletions(collection), limit, after, (*content.Change).Key)
	return content.ChangePage{Changes: list, More: more}, err
}

func (p *fakePast) CountDeleted(_ context.Context, collection content.CollectionName) (int, error) {
	return len(p.deletions(collection)), nil
}

func (p *fakePast) Containing(ctx context.Context, part string, collection content.CollectionName, limit int, after string) ([]content.Occurrence, bool, error) {
	var out []content.Occurrence
	for i, c := range p.changes {
		fields, _ := p.Fields(ctx, &c)
		for _, f := range fields {
			if !strings.Contains(fold(f.After.Str()), fold(part)) || collection != "" && c.Collection != collection {
				continue
			}
			o := content.Occurrence{Ref: c.Ref, Path: c.Path, Field: f.Pointer, Value: f.After.Str(), From: c}
			for _, later := range slices.Backward(p.changes[:i]) {
				if (later.Ref == c.Ref || later.Was != nil && later.Was.Ref == c.Ref) && (touches(&later, f.Pointer) || later.After == "") {
					o.Until = &later
					break
				}
			}
			out = append(out, o)
		}
	}
	return cut(out, limit, after, (*content.Occurrence).Key)
}

func (p *fakePast) Fields(ctx context.Context, c *content.Change) ([]content.FieldChange, error) {
	p.reads["fields "+c.Path]++
	var roots [2]*content.Value
	names := map[content.Pointer]bool{}
	for i, blob := range []content.Hash{c.Before, c.After} {
		if d, _ := p.document(blob); d != nil {
			roots[i] = d.Root
			for k := range d.Root.Kids {
				names[content.Pointer("").Child(d.Root.Kids[k].Name)] = true
			}
		}
	}
	places := c.Fields
	if len(places) == 0 {
		places = slices.Sorted(maps.Keys(names))
	}
	var out []content.FieldChange
	for _, at := range places {
		if before, after := roots[0].At(at), roots[1].At(at); !before.Equal(after) {
			out = append(out, content.FieldChange{Pointer: at, Before: before, After: after})
		}
	}
	return out, ctx.Err()
}

func (p *fakePast) Document(_ context.Context, blob content.Hash) (*content.Document, error) {
	p.reads["document "+string(blob)]++
	return p.document(blob)
}

func (p *fakePast) document(blob content.Hash) (*content.Document, error) {
	if d := p.blobs[blob]; d != nil {
		return d, nil
	}
	for _, view := range p.views {
		for _, c := range view.Model.Collections {
			for r := range view.Snapshot.Set(c.Name).All() {
				if r.Blob == blob {
					return r.Document, nil
				}
			}
		}
	}
	return nil, nil
}

func (p *fakePast) Commit(_ context.Context, hash content.Hash) (*content.Commit, error) {
	p.reads["commit "+string(hash[:2])]++
	led := p.Commits[max(0, slices.IndexFunc(p.Commits, func(k content.Commit) bool { return k.Hash == p.view.Commit })):]
	for _, k := range led {
		if k.Hash == hash {
			return &k, nil
		}
	}
	return nil, fmt.Errorf("no commit %s led here: %w", hash, content.ErrNotFound)
}

// aged is a past that knows one thing: a record's times, which follow from its id, and
// which every third record lacks.
type aged struct{ Past }

func (aged) Span(r *content.Record) (created, updated *content.Change) {
	n := 0
	for _, b := range []byte(r.ID) {
		n = n*31 + int(b)
	}
	if n%3 == 0 {
		return nil, &content.Change{}
	}
	day := func(n int) *content.Change {
		return &content.Change{At: time.Date(2021, 1, n%9, 0, 0, 0, n%2, time.UTC)}
	}
	return day(n), day(n / 9)
}

type agedHistories struct{ Histories }

func (agedHistories) Past(context.Context, *content.View) (Past, error) { return aged{}, nil }
