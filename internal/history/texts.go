package history

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	"golang.org/x/text/cases"

	"github.com/koonti/koonti/internal/content"
)

// texts finds the diffs of a line that brought a text, by any three characters of it.
// It is made when it is first asked for, and grows with the line.
type texts struct {
	mu sync.Mutex
	// upTo is how many diffs are in.
	upTo  int
	grams map[gram]*roaring.Bitmap
}

// gram is three characters, without regard to case.
type gram [3]rune

// gramsOf calls use for each three characters of a folded text.
func gramsOf(text string, use func(gram)) {
	var g gram
	n := 0
	for _, r := range text {
		g[0], g[1], g[2] = g[1], g[2], r
		if n++; n >= len(g) {
			use(g)
		}
	}
}

// mayContain yields the places of the diffs that may have brought a folded text, newest
// first: all of them where it has fewer than three characters.
func (p *Past) mayContain(ctx context.Context, part string) (iter.Seq[int], error) {
	var found *roaring.Bitmap
	t := &p.line.texts
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := p.index(ctx, t); err != nil {
		return nil, err
	}
	gramsOf(part, func(g gram) {
		has := t.grams[g]
		switch {
		case has == nil:
			found = roaring.New()
		case found == nil:
			found = has.Clone()
		default:
			found.And(has)
		}
	})
	return func(yield func(int) bool) {
		if found == nil {
			for i := len(p.seen) - 1; i >= 0 && yield(i); i-- {
			}
			return
		}
		for _, i := range slices.Backward(found.ToArray()) {
			if int(i) < len(p.seen) && !yield(int(i)) {
				return
			}
		}
	}, nil
}

// index takes in the diffs that came since.
func (p *Past) index(ctx context.Context, t *texts) error {
	if t.grams == nil {
		t.grams = map[gram]*roaring.Bitmap{}
	}
	fold := cases.Fold()
	for ; t.upTo < len(p.seen); t.upTo++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := p.seen[t.upTo]
		_, after, err := p.documents(ctx, r)
		if err != nil {
			return err
		}
		for _, f := range r.fields {
			changed := after.At(f)
			if changed == nil {
				continue
			}
			for _, v := range content.Leaves(changed) {
				if v.Kind != content.String {
					continue
				}
				gramsOf(fold.String(v.Text), func(g gram) {
					if t.grams[g] == nil {
						t.grams[g] = roaring.New()
					}
					t.grams[g].Add(uint32(t.upTo))
				})
			}
		}
	}
	return nil
}

// Containing lists where readers ever saw a text that has the given part, newest first
// by when it came.
func (p *Past) Containing(ctx context.Context, part string, collection content.CollectionName, limit int, after string) ([]content.Occurrence, bool, error) {
	fold := cases.Fold()
	part = fold.String(part)
	has := func(v *content.Value) bool {
		return v != nil && v.Kind == content.String && strings.Contains(fold.String(v.Text), part)
	}
	places, err := p.mayContain(ctx, part)
	if err != nil {
		return nil, false, err
	}
	var out []content.Occurrence
	passed := after == ""
	for i := range places {
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		r := p.seen[i]
		ref, _ := p.state.where.match(p.paths[r.path])
		if collection != "" && ref.Collection != collection || r.after == (oid{}) || r.unreadable || r.kind == content.Formatted {
			continue
		}
		came, err := p.came(ctx, r, has)
		if err != nil {
			return nil, false, err
		}
		for _, f := range came {
			o := content.Occurrence{Ref: ref, Path: p.paths[r.path], Field: f.Pointer, Value: f.After.Text, From: p.change(r)}
			if !passed {
				passed = o.Key() == after
				continue
			}
			if limit > 0 && len(out) == limit {
				return out, true, nil
			}
			if o.Until, err = p.until(ctx, i, f.Pointer, has); err != nil {
				return nil, false, err
			}
			out = append(out, o)
		}
	}
	if !passed {
		return nil, false, fmt.Errorf("the cursor names no text that was found: %w", content.ErrNotFound)
	}
	return out, false, nil
}

// came are the texts that are in a version, and were not in the one before.
func (p *Past) came(ctx context.Context, r placed, has func(*content.Value) bool) ([]content.FieldChange, error) {
	before, after, err := p.documents(ctx, r)
	if err != nil || after == nil {
		return nil, err
	}
	differ := p.state.where.differ(p.paths[r.path])
	var out []content.FieldChange
	for at, v := range content.Leaves(after) {
		if !has(v) {
			continue
		}
		was, ok := differ.Trace(before, after, at)
		if ok && before != nil && has(before.At(was)) {
			continue
		}
		out = append(out, content.FieldChange{Pointer: at, After: v})
	}
	return out, nil
}

// until is the change of what readers saw that took a text away; nil where it is there.
func (p *Past) until(ctx context.Context, i int, at content.Pointer, has func(*content.Value) bool) (*content.Change, error) {
	list := p.seenOf(p.seen[i].story)
	n, _ := slices.BinarySearch(list, int32(i))
	for _, next := range list[n+1:] {
		r := p.seen[next]
		if r.unreadable {
			continue
		}
		before, after, err := p.documents(ctx, r)
		if err != nil {
			return nil, err
		}
		now, there := content.Pointer(""), false
		if after != nil {
			// Trace leads from after to before: look from the other side.
			now, there = p.state.where.differ(p.paths[r.path]).Trace(after, before, at)
		}
		if !there || !has(after.At(now)) {
			change := p.change(r)
			return &change, nil
		}
		at = now
	}
	return nil, nil
}
