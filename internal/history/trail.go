package history

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/koonti/koonti/internal/content"
)

// turn is one difference that readers saw in a record: the step's, or what is not
// committed yet.
type turn struct {
	placed // the row is nil for what is not committed
	draft  *content.Change
	// before and after are nil where there was no record, or none that can be read.
	before, after *content.Value
}

// trail yields the turns of r, newest first, beginning with the one that brought the
// version that is served. Versions that cannot be read are passed over.
func (p *Past) trail(ctx context.Context, r *content.Record) iter.Seq2[turn, error] {
	return func(yield func(turn, error) bool) {
		story, ok := p.storyOf(r.Ref)
		var list []int32
		if ok {
			list = p.seenOf(story)
		}
		draft, err := p.draft(ctx, r)
		if err != nil {
			yield(turn{}, err)
			return
		}
		wanted := parseOID(r.Blob)
		if draft != nil {
			t := turn{draft: draft, after: r.Root}
			before, err := p.Document(ctx, draft.Before)
			if err != nil {
				yield(turn{}, err)
				return
			}
			if t.before = rootOf(before); !yield(t, nil) {
				return
			}
			wanted = parseOID(draft.Before)
		}
		begun := false
		for _, i := range slices.Backward(list) {
			row := p.seen[i]
			if begun = begun || row.after == wanted; !begun || row.unreadable {
				continue
			}
			t := turn{placed: row}
			if t.before, t.after, err = p.documents(ctx, row); err != nil {
				yield(turn{}, err)
				return
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// draft is the change of a record that is not committed yet; nil where there is none.
func (p *Past) draft(ctx context.Context, r *content.Record) (*content.Change, error) {
	if !r.Uncommitted {
		return nil, nil
	}
	c := &content.Change{Ref: r.Ref, Path: r.Path, Kind: content.Created, After: r.Blob}
	if story, ok := p.storyOf(r.Ref); ok {
		if list := p.seenOf(story); len(list) > 0 {
			c.Before = p.seen[list[len(list)-1]].after.hash()
		}
	}
	before, err := p.Document(ctx, c.Before)
	if err != nil {
		return nil, err
	}
	for _, f := range p.state.where.diff(r.Path, rootOf(before), r.Root) {
		c.Fields = append(c.Fields, f.Pointer)
	}
	switch {
	case c.Before == "":
	case len(c.Fields) == 0:
		c.Kind = content.Formatted
	default:
		c.Kind = content.Updated
	}
	return c, nil
}

// uncommitted is the draft of the record asked for, if it is one that is asked for.
func (a *asked) uncommitted(ctx context.Context) (*content.Change, error) {
	if a.Record == nil || a.Author != "" || a.Approved != nil || a.PullRequest != 0 || !a.Since.IsZero() || !a.Until.IsZero() {
		return nil, nil
	}
	r := a.past.view.Snapshot.Record(*a.Record)
	if r == nil {
		return nil, nil
	}
	c, err := a.past.draft(ctx, r)
	if c == nil || err != nil {
		return nil, err
	}
	wanted := (len(a.Kinds) == 0 || slices.Contains(a.Kinds, c.Kind)) &&
		(c.Kind != content.Formatted || a.Formatting || slices.Contains(a.Kinds, content.Formatted)) &&
		(a.Field == nil || slices.ContainsFunc(c.Fields, func(f content.Pointer) bool {
			return overlap(f, *a.Field) || a.generic && overlap(content.Pointer(content.Generic(f, r.Root)), *a.Field)
		}))
	if !wanted {
		return nil, nil
	}
	return c, nil
}

// LastChange returns the change that gave field, or what lies below it, the value it
// has in r. The error is a content.UnknownFieldError for a place that there never was.
func (p *Past) LastChange(ctx context.Context, r *content.Record, field content.Pointer) (*content.Change, error) {
	if r.Root.At(field) == nil {
		if err := p.knows(ctx, field, &r.Ref, ""); err != nil {
			return nil, err
		}
	}
	at := field
	for t, err := range p.trail(ctx, r) {
		if err != nil {
			return nil, err
		}
		differ := p.differ(r, t)
		if changed(differ, t.before, t.after, at) {
			return p.setter(ctx, t, at)
		}
		if t.after.At(at) != nil { // else it was not there before, either
			at, _ = differ.Trace(t.before, t.after, at)
		}
	}
	return nil, nil
}

func (p *Past) differ(r *content.Record, t turn) *content.Differ {
	if t.row == nil {
		return p.state.where.differ(r.Path)
	}
	return p.state.where.differ(p.paths[t.path])
}

// changed reports whether a place of after, or what lies below it, had another value in
// before; for a place that after does not have, whether before had it.
func changed(differ *content.Differ, before, after *content.Value, at content.Pointer) bool {
	if before == nil || after == nil {
		return before.At(at) != nil || after.At(at) != nil
	}
	if after.At(at) == nil {
		return before.At(at) != nil
	}
	was, there := differ.Trace(before, after, at)
	if !there {
		return true
	}
	for _, f := range differ.Diff(before, after) {
		switch {
		case f.After == nil && was.Covers(f.Pointer), f.After != nil && at.Covers(f.Pointer):
			return true
		case f.After != nil && f.Pointer.Covers(at):
			return !before.At(was).Equal(after.At(at))
		}
	}
	return false
}

// setter finds, among the changes that came with a turn, the newest that gave the
// place the value it has after it, and was not taken back since. Where none did, it is the
// step itself, or, of a record that a merge brought beside itself, who set the value before.
func (p *Past) setter(ctx context.Context, t turn, at content.Pointer) (*content.Change, error) {
	if t.row == nil {
		return t.draft, nil
	}
	value := t.after.At(at)
	var setters []placed // newest first
	others, touched := map[int32]bool{}, false
	for _, c := range slices.Backward(p.inside(t.placed)) {
		touched = touched || c.row != t.row && slices.ContainsFunc(c.fields, func(f content.Pointer) bool { return overlap(f, at) })
		sets, has, err := p.sets(ctx, c, t, at, value)
		switch {
		case err != nil:
			return nil, err
		case sets:
			setters = append(setters, c)
		case !has:
			others[c.commit] = true
		}
	}
	// Of a record that has two names in what was merged, those under this one come first.
	here := func(c placed) int {
		if c.path == t.path {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(setters, func(a, b placed) int { return cmp.Compare(here(a), here(b)) })
	found := t.placed
	if len(setters) > 0 {
		found = setters[0]
	} else if t.before == nil && !touched {
		for _, c := range slices.Backward(p.earlier(t.placed)) {
			sets, has, err := p.sets(ctx, c, t, at, value)
			if err != nil {
				return nil, err
			}
			if sets {
				found = c
			}
			if sets || !has {
				break // before that it was another value
			}
		}
	}
	if len(setters) > 1 && len(others) > 0 {
		found = p.lasting(t, setters, others)
	}
	change := p.change(found)
	return &change, nil
}

// earlier are the changes that led to a record which, for those who read the line, a merge
// created: it may bring one beside itself, under another name.
func (p *Past) earlier(r placed) []placed {
	inside := p.inside(r)
	i := slices.IndexFunc(inside, func(c placed) bool { return c.path == r.path && c.was >= 0 })
	if i < 0 || !p.commits[r.commit].merge() {
		return nil
	}
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	from, _ := p.stepped(r.step)
	var out []placed
	for _, place := range below(at(p.line.changesOf, r.life), int(from)) {
		if c := p.changes[place]; p.state.graph.reaches(inside[i].commit, c.commit) {
			out = append(out, c)
		}
	}
	return out
}

// lasting is the first of setters that leads to the step of a turn by commits that have its
// value; those of others gave the place another one.
func (p *Past) lasting(t turn, setters []placed, others map[int32]bool) placed {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	end := p.steps[t.step-1].commit
	seen := map[int32]bool{end: true}
	for open := []int32{end}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for _, parent := range p.commits[at].parents {
			if p.line.stepOf[parent] == t.step && !seen[parent] && !others[parent] {
				seen[parent] = true
				open = append(open, parent)
			}
		}
	}
	for _, c := range setters {
		if seen[c.commit] {
			return c
		}
	}
	return setters[0]
}

// sets reports whether a change gave the value that lies at a place after the turn, and
// whether it left that value there at all.
func (p *Past) sets(ctx context.Context, c placed, t turn, at content.Pointer, value *content.Value) (sets, has bool, err error) {
	if c.row == t.row {
		return true, true, nil
	}
	if c.unreadable {
		return false, true, nil // it has no values, and those after it are told from before it
	}
	before, after, err := p.documents(ctx, c)
	if err != nil || after == nil {
		return after == nil && value == nil && len(c.fields) > 0, value == nil, err
	}
	differ := p.state.where.differ(p.paths[c.path])
	if value == nil { // it was taken away
		return after.At(at) == nil && len(c.fields) > 0 && changed(differ, before, after, at), after.At(at) == nil, nil
	}
	here, ok := differ.Trace(after, t.after, at)
	if !ok || !same(differ, after, t.after, here, at) {
		return false, false, nil
	}
	if len(c.fields) == 0 {
		return false, true, nil
	}
	sets, err = p.touches(ctx, c, here)
	return sets, true, err
}

// same reports whether a place of after has the value that it had, as was, in before: of
// sets the order means nothing.
func same(differ *content.Differ, before, after *content.Value, was, at content.Pointer) bool {
	value := after.At(at)
	return before.At(was).Equal(value) || (value.Kind == content.List || value.Kind == content.Object) && !changed(differ, before, after, at)
}

// Blame tells for every leaf of r which change gave it its value. What commits named in
// .git-blame-ignore-revs did is put down to whoever set the value before them, where
// there was one.
func (p *Past) Blame(ctx context.Context, r *content.Record) ([]content.FieldBlame, error) {
	var out []content.FieldBlame
	for at, v := range content.Leaves(r.Root) {
		out = append(out, content.FieldBlame{Pointer: at, Value: v})
	}
	open := make(map[int]content.Pointer, len(out)) // places of the leaves not found yet, in the version at hand
	for i := range out {
		open[i] = out[i].Pointer
	}
	for t, err := range p.trail(ctx, r) {
		if err != nil {
			return nil, err
		}
		if len(open) == 0 {
			break
		}
		if err := p.blame(ctx, r, t, out, open); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// blame settles the leaves that one turn set, and moves the others to where they lay
// before it.
func (p *Past) blame(ctx context.Context, r *content.Record, t turn, out []content.FieldBlame, open map[int]content.Pointer) error {
	differ := p.differ(r, t)
	set := map[string]*content.Change{}
	for i := range out {
		at, ok := open[i]
		if !ok {
			continue
		}
		was, there := differ.Trace(t.before, t.after, at)
		touched := !there || !t.before.At(was).Equal(t.after.At(at))
		if !touched {
			open[i] = was
			continue
		}
		change, err := p.setter(ctx, t, at)
		if err != nil {
			return err
		}
		if there && p.notes.passed[parseOID(change.Commit)] {
			open[i] = was
			continue
		}
		// Leaves of one change share it.
		if known := set[change.Key()]; known != nil {
			change = known
		}
		set[change.Key()] = change
		out[i].Change = change
		delete(open, i)
	}
	return nil
}

// begun is the change that created the record which a story ends with: that may have taken
// the name of another on the way. The list is not empty.
func (p *Past) begun(list []int32) placed {
	last := p.seen[list[len(list)-1]]
	n := len(list) - 1
	for n > 0 && p.seen[list[n-1]].life == last.life {
		n--
	}
	r := p.seen[list[n]]
	if n > 0 || r.kind == content.Created {
		if before := p.earlier(r); len(before) > 0 {
			return before[0]
		}
	}
	inside := p.inside(r)
	return inside[max(0, slices.IndexFunc(inside, func(c placed) bool { return c.life == r.life }))]
}

// sets reports whether a row gave a record other values.
func sets(r placed) bool {
	return r.kind != content.Formatted && (r.kind != content.Renamed || len(r.fields) > 0 || r.unreadable || r.bridged)
}

// Span returns the changes that created r and last changed a value of it, of those that
// are committed.
func (p *Past) Span(r *content.Record) (created, updated *content.Change) {
	story, ok := p.storyOf(r.Ref)
	if !ok {
		return nil, nil
	}
	list := p.seenOf(story)
	if len(list) == 0 {
		return nil, nil
	}
	first := p.change(p.begun(list))
	for _, i := range slices.Backward(list) {
		if !sets(p.seen[i]) {
			continue
		}
		last := p.change(p.seen[i])
		for _, c := range slices.Backward(p.inside(p.seen[i])) {
			if sets(c) {
				last = p.change(c)
				break
			}
		}
		return &first, &last
	}
	return &first, nil
}
