package proposal

import (
	"context"
	"errors"
	"fmt"

	"github.com/koonti/koonti/internal/content"
)

// restore gives a record, or one place of it, what it had at a revision.
func (e *editing) restore(ctx context.Context, c *content.Collection) error {
	ref := e.edit.Ref
	view, err := e.then(ctx, e.edit.Revision)
	if err != nil {
		return err
	}
	if path, there := unreadable(view)[ref]; there {
		return e.refuse("the file %s could not be read then either: choose another revision", plainName(path))
	}
	then, now := view.Snapshot.Record(ref), e.record(ref)
	if then == nil && now != nil {
		then = counterpart(c, e.base.Snapshot.Record(ref), e.base.Snapshot, view.Snapshot)
	}
	_, taken := e.lies(ref)
	switch {
	case then == nil && !taken:
		return e.refuse("there is no such record, neither now nor then")
	case e.edit.Field != "":
		return e.restoreField(c, then, now)
	case then == nil:
		e.drop(ref)
		return nil
	case now == nil:
		return e.putBack(c, then)
	}
	v := then.Root
	if then.ID != now.ID && c.IDAt != nil && now.Root.At(*c.IDAt) != nil {
		if named, ok := withValue(v, c.IDAt.Tokens(), now.Root.At(*c.IDAt)); ok {
			v = named
		}
	}
	return e.write(c, ref, v)
}

// putBack puts a record that is gone where it lay, byte for byte.
func (e *editing) putBack(c *content.Collection, r *content.Record) error {
	if path, taken := e.lies(r.Ref); taken {
		return e.set(r.Ref, path, r.Source)
	}
	if err := e.mayReturn(r.Ref, ""); err != nil {
		return err
	}
	if owner, _ := e.model.Match(r.Path); owner == c {
		return e.set(r.Ref, r.Path, r.Source)
	}
	path, err := e.newPath(c, r.Ref)
	if err != nil {
		return err
	}
	return e.set(r.Ref, path, r.Source)
}

// restoreField gives the place Field what it had then. It is a place of the record as
// it is now, followed to where it lay; what is not there now is taken to be a place of
// then.
func (e *editing) restoreField(c *content.Collection, then, now *content.Record) error {
	field := e.edit.Field
	if _, err := content.ParsePointer(string(field)); err != nil {
		return e.refuse("%v", err)
	}
	switch {
	case now == nil:
		_, err := e.existing(e.edit.Ref)
		return err
	case then == nil:
		return e.refuse("there was no such record then: restore it without a field to take it away")
	}
	was := then.Root.At(field)
	there := now.Root.At(field) != nil
	if there {
		at, ok := content.NewDiffer(c).Trace(then.Root, now.Root, field)
		if was = nil; ok {
			was = then.Root.At(at)
		}
	}
	if was == nil && !there {
		return e.refuse("the record has no place %s, neither now nor then", plainName(string(field)))
	}
	v, complaint := placed(now.Root, then.Root, field, was)
	if complaint != "" {
		return e.refuse("%s", complaint)
	}
	return e.write(c, now.Ref, v)
}

// placed gives v the value was, nil for none, at a place. Objects that lead there in
// then and are missing are made.
func placed(v, then *content.Value, at content.Pointer, was *content.Value) (*content.Value, string) {
	if out, ok := withValue(v, at.Tokens(), was); ok {
		return out, ""
	}
	near, holder := v.Nearest(at)
	tokens := at.Tokens()[len(near.Tokens()):]
	if holder.Kind == content.Object {
		made := was
		for i := len(tokens) - 1; i > 0; i-- {
			parent := near + pointerOf(tokens[:i])
			if p := then.At(parent); p == nil || p.Kind != content.Object {
				return nil, fmt.Sprintf("%s is not there now, and an item alone cannot stand for it: restore %s", plainName(string(parent)), plainName(string(near.Child(tokens[0]))))
			}
			kid := namedValue(tokens[i], made)
			made = &content.Value{Kind: content.Object, Kids: []content.Value{kid}}
		}
		if out, ok := withValue(v, append(near.Tokens(), tokens[0]), made); ok {
			return out, ""
		}
	}
	return nil, fmt.Sprintf("there is no place for it: %s is %s now; restore %s", pointerName(near), shownValue(holder), pointerName(near))
}

// undo takes back what a commit did to a record, and leaves what came after it.
func (e *editing) undo(ctx context.Context, c *content.Collection) error {
	after, before, err := e.around(ctx)
	if err != nil {
		return err
	}
	is, was := after.Snapshot.Record(e.edit.Ref), before.Record(e.edit.Ref)
	switch {
	case is != nil && was == nil:
		was = counterpart(c, is, after.Snapshot, before)
	case is == nil && was != nil:
		is = counterpart(c, was, before, after.Snapshot)
	case is == nil:
		return e.refuse("the commit has no such record that could be read, nor has the one before it: name it as it was called then")
	}
	if is != nil && was != nil && is.Ref == was.Ref && is.Source == was.Source {
		return e.refuse("that commit did not change the record")
	}
	last := is
	if is == nil {
		last = was
	}
	now := e.record(last.Ref)
	if now == nil && e.there(referred{Ref: last.Ref}) {
		_, err := e.existing(last.Ref)
		return err
	}
	merged, conflicts := content.NewDiffer(c).Merge(rootOf(is), rootOf(now), rootOf(was), nil)
	if len(conflicts) > 0 {
		return e.conflict(last, conflicts)
	}
	switch {
	case merged == nil && now != nil:
		e.drop(now.Ref)
	case merged == nil:
	case now == nil:
		return e.putBack(c, was)
	case is != nil && was != nil && is.Ref != was.Ref:
		return e.renameBack(c, now, was, merged)
	default:
		return e.write(c, now.Ref, merged)
	}
	return nil
}

func rootOf(r *content.Record) *content.Value {
	if r == nil {
		return nil
	}
	return r.Root
}

// around are the view of the commit that an edit names, and what its first parent held:
// nothing where it has none.
func (e *editing) around(ctx context.Context) (after *content.View, before *content.Snapshot, err error) {
	if after, err = e.then(ctx, e.edit.Revision); err != nil {
		return nil, nil, err
	}
	parent, err := e.world.At(ctx, string(after.Commit)+"^")
	switch {
	case errors.Is(err, content.ErrNotFound):
		return after, content.NewSnapshot(nil, nil, nil), nil
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", editName(e.number, e.edit), err)
	}
	return after, parent.Snapshot, nil
}

func (e *editing) renameBack(c *content.Collection, now, was *content.Record, merged *content.Value) error {
	if err := e.free(was.Ref); err != nil {
		return err
	}
	if err := e.mayReturn(was.Ref, now.ID); err != nil {
		return err
	}
	return e.move(c, now, was.Ref, merged, e.edit.Carry)
}

// conflict says where what came after the commit is in the way.
func (e *editing) conflict(r *content.Record, found []content.Conflict) error {
	refusal := e.refuse("what came after that commit is in the way at %s: choose the values and put or patch them", conflictPlaces(found))
	refusal.Reason = content.RefusedConflict
	path, ok := e.lies(r.Ref)
	if !ok {
		path = r.Path
	}
	for _, f := range found {
		ref := r.Ref
		refusal.Conflicts = append(refusal.Conflicts, content.MergeConflict{
			Path: path, Record: &ref, Field: f.Pointer, Base: f.Base, Ours: f.Ours, Theirs: f.Theirs,
		})
	}
	return refusal
}

func conflictPlaces(found []content.Conflict) string {
	text := ""
	for i, f := range found[:min(len(found), mostListed)] {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s (the commit made it %s, it is %s now, and was %s before)", pointerName(f.Pointer), shownValue(f.Base), shownValue(f.Ours), shownValue(f.Theirs))
	}
	if len(found) > mostListed {
		text += fmt.Sprintf(", and %d more", len(found)-mostListed)
	}
	return text
}

const (
	// similar is how much of two documents must be the same for one to be the other
	// under another id, as the history has it.
	similar = 0.5
	// mostCompared bounds the records that are compared for that.
	mostCompared = 2000
)

// counterpart is the record of there that is r, a record of here, under another id: nil
// where there is none. Both are the other's nearest among the records that only one of
// the two snapshots has.
func counterpart(c *content.Collection, r *content.Record, here, there *content.Snapshot) *content.Record {
	if r == nil {
		return nil
	}
	mine, theirs := alone(c, here, there), alone(c, there, here)
	if len(mine) > mostCompared || len(theirs) > mostCompared {
		return nil
	}
	differ := content.NewDiffer(c)
	found := nearest(differ, r, theirs)
	if found == nil || nearest(differ, found, mine) != r {
		return nil
	}
	return found
}

// alone are the records whose id only the first of two snapshots has.
func alone(c *content.Collection, in, other *content.Snapshot) []*content.Record {
	var out []*content.Record
	for r := range in.Set(c.Name).All() {
		if other.Set(c.Name).Record(r.ID) == nil {
			out = append(out, r)
		}
	}
	return out
}

// nearest is the one of candidates that has the same bytes as r, else the one that is
// most like it, nil where none is like enough.
func nearest(differ *content.Differ, r *content.Record, candidates []*content.Record) *content.Record {
	var best *content.Record
	most := similar
	for _, other := range candidates {
		if other.Source == r.Source {
			return other
		}
		if share := differ.Similarity(other.Root, r.Root); share > most {
			best, most = other, share
		}
	}
	return best
}
