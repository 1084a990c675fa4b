package history

import (
	"context"
	"fmt"
	"slices"

	"github.com/koonti/koonti/internal/content"
)

// follower finds the changes of a place that lies in a list, whose index is another in
// other versions: it goes back along what readers saw, and keeps where the place was.
type follower struct {
	past *Past
	// at is the place after each step, by its number; from the first step at which it is
	// there.
	at []followed
}

type followed struct {
	turn
	at content.Pointer
}

// follower returns nil where field lies in no list of the record that is served: then
// its pointer is the same in all versions.
func (p *Past) follower(ctx context.Context, ref content.Ref, field content.Pointer) (*follower, error) {
	r := p.view.Snapshot.Record(ref)
	if r == nil || string(content.Generic(field, r.Root)) == string(field) {
		return nil, nil
	}
	f := &follower{past: p}
	at := field
	for t, err := range p.trail(ctx, r) {
		if err != nil {
			return nil, err
		}
		f.at = append(f.at, followed{t, at})
		was, there := p.differ(r, t).Trace(t.before, t.after, at)
		if !there {
			break
		}
		at = was
	}
	return f, nil
}

// match reports whether a row gave the place another value.
func (f *follower) match(ctx context.Context, r placed) (bool, error) {
	i := slices.IndexFunc(f.at, func(t followed) bool { return t.row != nil && t.step == r.step })
	if i < 0 {
		return false, nil
	}
	t := f.at[i]
	if r.row == t.row {
		return f.past.touches(ctx, r, t.at)
	}
	_, after, err := f.past.documents(ctx, r)
	if err != nil || after == nil {
		return false, err
	}
	here, ok := f.past.state.where.differ(f.past.paths[r.path]).Trace(after, t.after, t.at)
	if !ok {
		return false, nil
	}
	return f.past.touches(ctx, r, here)
}

// Versions lists the versions that readers saw of a record, newest first, under all its
// names, beginning with what is not committed yet. after is the key of the change of the one
// before.
func (p *Past) Versions(ctx context.Context, ref content.Ref, limit int, after string) ([]content.Version, bool, error) {
	var list []int32
	if story, ok := p.storyOf(ref); ok {
		list = p.seenOf(story)
	}
	var out []content.Version
	var until *content.Change // what ended the version at hand
	if r := p.view.Snapshot.Record(ref); r != nil {
		draft, err := p.draft(ctx, r)
		if err != nil {
			return nil, false, err
		}
		if draft != nil && after == "" {
			out = append(out, content.Version{Change: *draft})
		} else if draft != nil && after == draft.Key() {
			after = ""
		}
		until = draft
	}
	below := len(list)
	if after != "" {
		below = slices.IndexFunc(list, func(i int32) bool { c := p.change(p.seen[i]); return c.Key() == after })
		if below < 0 {
			return nil, false, fmt.Errorf("the cursor names no version of the record: %w", content.ErrNotFound)
		}
		change := p.change(p.seen[list[below]])
		until = &change
	}
	for n := below - 1; n >= 0; n-- {
		change := p.change(p.seen[list[n]])
		if change.After != "" { // a deletion ends a version and begins none
			if limit > 0 && len(out) == limit {
				return out, true, nil
			}
			out = append(out, content.Version{Change: change, Until: until})
		}
		until = &change
	}
	return out, false, nil
}

// Moved returns what a record that no longer has a name is called now, and the change
// that took the name away.
func (p *Past) Moved(_ context.Context, ref content.Ref) (now *content.Ref, by *content.Change, err error) {
	path, known := p.pathOf(ref)
	story, ok := p.storyOf(ref)
	if !known || !ok || p.view.Snapshot.Record(ref) != nil {
		return nil, nil, nil
	}
	list := p.seenOf(story)
	for _, i := range slices.Backward(list) {
		r := p.seen[i]
		left := r.was >= 0 && p.paths[r.was] == path || r.kind == content.Deleted && p.paths[r.path] == path
		if !left {
			continue
		}
		for _, c := range p.inside(r) { // the commit that did it, rather than the merge that brought it
			if c.kind == content.Renamed && p.paths[c.was] == path || c.kind == content.Deleted && p.paths[c.path] == path {
				r = c
			}
		}
		change := p.change(r)
		by = &change
		break
	}
	if by == nil || len(list) == 0 {
		return nil, nil, nil
	}
	last := p.change(p.seen[list[len(list)-1]])
	if last.After != "" && p.view.Snapshot.Record(last.Ref) != nil {
		now = &last.Ref
	}
	return now, by, nil
}

// Deleted lists the deletions of records that are not there now, newest first.
func (p *Past) Deleted(ctx context.Context, collection content.CollectionName, limit int, after string) (content.ChangePage, error) {
	var page content.ChangePage
	found := after == ""
	for i := len(p.seen) - 1; i >= 0; i-- {
		if i&1023 == 0 && ctx.Err() != nil {
			return page, ctx.Err()
		}
		if !p.gone(i, collection) {
			continue
		}
		c := p.deletion(p.seen[i])
		if !found {
			found = c.Key() == after
			continue
		}
		if limit > 0 && len(page.Changes) == limit {
			page.More = true
			return page, nil
		}
		page.Changes = append(page.Changes, c)
	}
	if !found {
		return page, fmt.Errorf("the cursor names no deletion: %w", content.ErrNotFound)
	}
	return page, nil
}

// deletion is the change that deleted a record for those who read the line: of the commit
// that did it, where a merge brought it.
func (p *Past) deletion(r placed) content.Change {
	for _, c := range slices.Backward(p.inside(r)) {
		if c.kind == content.Deleted && c.path == r.path {
			return p.change(c)
		}
	}
	return p.change(r)
}

// CountDeleted counts the deletions of records that are not there now.
func (p *Past) CountDeleted(_ context.Context, collection content.CollectionName) (int, error) {
	n := 0
	for i := range p.seen {
		if p.gone(i, collection) {
			n++
		}
	}
	return n, nil
}

// gone reports whether the row at i deleted a record that never came back, and whose id
// no other record has taken.
func (p *Past) gone(i int, collection content.CollectionName) bool {
	r := p.seen[i]
	if r.kind != content.Deleted {
		return false
	}
	list := p.seenOf(r.story)
	if list[len(list)-1] != int32(i) {
		return false
	}
	ref, ok := p.state.where.match(p.paths[r.path])
	return ok && (collection == "" || ref.Collection == collection) && p.view.Snapshot.Record(ref) == nil
}
