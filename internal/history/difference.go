package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/koonti/koonti/internal/content"
)

// Diff returns how the records of one revision differ from those of another, by
// collection, as the model of to has them, and id. Where to is of a work tree, committed
// is the view of its commit itself, and what is not committed counts; else it is nil.
func (x *Index) Diff(ctx context.Context, from, to, committed *content.View) ([]content.Change, error) {
	older, err := x.Past(ctx, from)
	if err != nil {
		return nil, err
	}
	newer, err := x.Past(ctx, to)
	if err != nil {
		return nil, err
	}
	d := difference{older: older, newer: newer}
	if err := d.readCommitted(ctx); err != nil {
		return nil, err
	}
	if committed != nil {
		if err := d.readUncommitted(ctx, committed); err != nil {
			return nil, err
		}
	}
	order := map[content.CollectionName]int{}
	for i, c := range to.Model.Collections {
		order[c.Name] = i - len(to.Model.Collections)
	}
	slices.SortStableFunc(d.changes, func(a, b content.Change) int {
		return cmp.Or(cmp.Compare(order[a.Collection], order[b.Collection]), cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.ID, b.ID))
	})
	return d.changes, nil
}

// difference is how the records of one revision differ from those of another.
type difference struct {
	older, newer *Past
	changes      []content.Change
}

// readCommitted compares the two commits.
func (d *difference) readCommitted(ctx context.Context) error {
	to := d.newer.view
	scan := &scanner{d.newer.x.documents, d.newer.state.where}
	drafts, err := scan.difference(ctx, d.older.tree(), d.newer.tree())
	if err != nil {
		return fmt.Errorf("compare %s with %s: %w", to.Commit, d.older.view.Commit, err)
	}
	if drafts, err = d.newer.pair(ctx, scan, d.older, drafts); err != nil {
		return err
	}
	for _, f := range drafts {
		c := content.Change{
			Path: f.path, Kind: f.kind, Before: f.before.hash(), After: f.after.hash(), Unreadable: f.unreadable,
			Commit: to.Commit, Step: to.Commit, At: to.CommittedAt,
		}
		c.Ref, _ = d.newer.state.where.match(f.path)
		if f.was != "" {
			c.Was = &content.Origin{Path: f.was}
			c.Was.Ref, _ = d.newer.state.where.match(f.was)
		}
		c.Fields = pointersOf(f.fields)
		d.changes = append(d.changes, c)
	}
	return nil
}

func pointersOf(fields []content.FieldChange) []content.Pointer {
	var out []content.Pointer
	for _, f := range fields {
		out = append(out, f.Pointer)
	}
	return out
}

// readUncommitted brings in what the work tree has and its commit has not.
func (d *difference) readUncommitted(ctx context.Context, committed *content.View) error {
	view := d.newer.view
	for _, c := range view.Model.Collections {
		for r := range view.Snapshot.Set(c.Name).All() {
			if r.Uncommitted {
				if err := d.put(ctx, r.Ref, r.Path, r); err != nil {
					return err
				}
			}
		}
		for r := range committed.Snapshot.Set(c.Name).All() {
			if view.Snapshot.Record(r.Ref) == nil {
				if err := d.put(ctx, r.Ref, r.Path, nil); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// put makes now what the newer side has of a record; nil is nothing.
func (d *difference) put(ctx context.Context, ref content.Ref, path string, now *content.Record) error {
	c := content.Change{Ref: ref, Path: path}
	if i := slices.IndexFunc(d.changes, func(c content.Change) bool { return c.Ref == ref }); i >= 0 {
		c.Was, c.Before = d.changes[i].Was, d.changes[i].Before
		d.changes = slices.Delete(d.changes, i, i+1)
	} else if was := d.older.view.Snapshot.Record(ref); was != nil {
		c.Before = was.Blob
	}
	before, err := d.newer.Document(ctx, c.Before)
	if err != nil {
		return err
	}
	var after *content.Value
	if now != nil {
		c.After, after = now.Blob, now.Root
	}
	if c.Before == c.After && c.Was == nil {
		return nil
	}
	if now == nil && c.Was != nil {
		c.Ref, c.Path, c.Was = c.Was.Ref, c.Was.Path, nil // renamed, and then deleted
	}
	c.Fields = pointersOf(d.newer.state.where.diff(path, rootOf(before), after))
	switch {
	case c.Was != nil:
		c.Kind = content.Renamed
	case c.Before == "":
		c.Kind = content.Created
	case c.After == "":
		c.Kind = content.Deleted
	case len(c.Fields) == 0 && before != nil:
		c.Kind = content.Formatted
	default:
		c.Kind = content.Updated
	}
	d.changes = append(d.changes, c)
	return nil
}

func (p *Past) tree() oid {
	if p.head < 0 {
		return oid{}
	}
	return p.commits[p.head].tree
}

// pair joins what is gone and what is new where the history knows it as one record.
func (p *Past) pair(ctx context.Context, scan *scanner, older *Past, drafts []draft) ([]draft, error) {
	gone := map[int32]int{}
	for i, d := range drafts {
		if life, ok := older.lifeAtPath(d.path); ok && d.kind == content.Deleted {
			gone[life] = i
		}
	}
	from := map[int]int{}
	for i, d := range drafts {
		life, ok := p.lifeAtPath(d.path)
		if old, found := gone[life]; ok && found && d.kind == content.Created {
			from[i] = old
			delete(gone, life)
		}
	}
	return scan.join(ctx, drafts, from)
}

func (p *Past) lifeAtPath(path string) (int32, bool) {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	i, ok := p.state.pathOf[path]
	if !ok || p.head < 0 {
		return 0, false
	}
	life, _, ok := p.state.lifeSeen(p.head, i)
	return life, ok
}
