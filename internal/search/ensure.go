package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/koonti/koonti/internal/content"
)

const (
	// maxSegments is how many segments there may be before the smallest are merged.
	maxSegments = 12
	// The index is pruned to the view once it holds pruneFactor times its documents
	// and pruneSlack more: so much room there is for past revisions.
	pruneFactor = 4
	pruneSlack  = 2000
)

// Ensure brings all documents of the view's snapshot into the index, in batches, and
// returns nil when they are there. What is there already costs nothing. It is meant to
// run in the background for the view being served; searches go on meanwhile. It ends
// with ctx, whose error it returns wrapped; what was done until then is kept.
func (x *Index) Ensure(ctx context.Context, v *content.View) error {
	x.ensuring.Add(1)
	defer x.ensuring.Add(-1)
	if err := x.write(ctx, x.refresh); err != nil {
		return fmt.Errorf("index for search: %w", err)
	}
	l := x.layout(v)
	x.total.Store(int64(len(l.byKey)))
	x.done.Store(0)
	for {
		left, err := x.fill(ctx, l)
		if err != nil {
			return fmt.Errorf("index for search: %w", err)
		}
		x.done.Store(int64(len(l.byKey) - left))
		if left == 0 {
			break
		}
	}
	if err := x.write(ctx, func() error { return x.prune(ctx, l) }); err != nil {
		return fmt.Errorf("prune search index: %w", err)
	}
	return nil
}

// refresh opens what another process has written meanwhile, and takes its place where
// it has ended.
func (x *Index) refresh() error {
	if x.store.writes() {
		return nil
	}
	x.store.tryLock()
	x.mu.Lock()
	open := x.segments
	x.mu.Unlock()
	if found := x.store.load(open); len(found) > 0 {
		x.replace(nil, found...)
	}
	return nil
}

// fill indexes one batch of what is absent, and returns how many documents still are.
func (x *Index) fill(ctx context.Context, l *layout) (left int, err error) {
	err = x.write(ctx, func() error {
		segments, generation, err := x.acquire()
		if err != nil {
			return err
		}
		_, absent := l.place(segments, generation)
		release(segments)
		if len(absent) == 0 {
			return nil
		}
		n, err := x.batch(ctx, l, absent)
		if err != nil {
			return err
		}
		left = len(absent) - n
		return x.compact(ctx)
	})
	return left, err
}

// batch indexes the first of the absent records and returns how many.
func (x *Index) batch(ctx context.Context, l *layout, absent []int32) (int, error) {
	var b builder
	for size := 0; len(b.docs) < min(len(absent), batchRecords) && size < batchBytes; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		number := absent[len(b.docs)]
		p, r := l.at(number)
		b.add(p, l.keys[number], r.Document)
		size += len(r.Source)
	}
	made, err := b.build()
	if err != nil {
		return 0, err
	}
	kept, err := x.store.keep(made)
	if err != nil {
		x.storageFault(err)
	}
	if kept == nil {
		return 0, err
	}
	x.indexed.Add(int64(len(b.docs)))
	x.replace(nil, kept)
	return len(b.docs), nil
}

// storageFault tells once that the index cannot be written.
func (x *Index) storageFault(err error) {
	if !x.storageFailed.Swap(true) {
		x.logger.Warn("search index cannot be written and is kept in memory", "err", err)
	}
}

// compact merges the smaller half of the segments where there are too many.
func (x *Index) compact(ctx context.Context) error {
	x.mu.Lock()
	segments := slices.Clone(x.segments)
	x.mu.Unlock()
	if len(segments) <= maxSegments {
		return nil
	}
	slices.SortStableFunc(segments, func(a, b *segment) int { return cmp.Compare(len(a.keys), len(b.keys)) })
	return x.merge(ctx, segments[:len(segments)/2+1], func(docKey) bool { return true })
}

// merge puts one segment in the place of several. That it could not be done is no
// error: the index is only slower.
func (x *Index) merge(ctx context.Context, from []*segment, keep func(docKey) bool) error {
	merged, err := x.store.merge(ctx, from, keep)
	switch {
	case errors.Is(err, errDamaged):
		x.discard(err)
		return nil
	case err != nil:
		if ctx.Err() == nil {
			x.storageFault(err)
		}
		return ctx.Err()
	}
	obsolete := slices.DeleteFunc(slices.Clone(from), func(s *segment) bool { return merged != nil && s.path == merged.path })
	x.store.remove(obsolete)
	if merged == nil {
		x.replace(from)
		return nil
	}
	x.replace(from, merged)
	return nil
}

// prune leaves out what is not of l once that is most of the index.
func (x *Index) prune(ctx context.Context, l *layout) error {
	x.mu.Lock()
	segments := slices.Clone(x.segments)
	x.mu.Unlock()
	held := 0
	for _, s := range segments {
		held += len(s.keys)
	}
	if held <= pruneFactor*len(l.byKey)+pruneSlack {
		return nil
	}
	return x.merge(ctx, segments, func(k docKey) bool { _, ok := l.byKey[k]; return ok })
}

// discard throws away all files, one of which is damaged; what is in memory stays.
func (x *Index) discard(cause error) {
	x.logger.Warn("search index is damaged and thrown away", "err", cause)
	x.mu.Lock()
	segments := slices.DeleteFunc(slices.Clone(x.segments), func(s *segment) bool { return s.path == "" })
	x.mu.Unlock()
	x.store.remove(segments)
	x.replace(segments)
}

// complete returns segments that hold all of l, and l's tables for them; to be given
// back with release. A small part that is absent is indexed here and now; otherwise the
// error wraps content.ErrUnavailable and says how far the index is.
func (x *Index) complete(ctx context.Context, l *layout) ([]*segment, [][]int32, error) {
	deadline := time.Now().Add(spotTime)
	for spent := 0; ; {
		segments, generation, err := x.acquire()
		if err != nil {
			return nil, nil, err
		}
		tables, absent := l.place(segments, generation)
		if len(absent) == 0 {
			return segments, tables, nil
		}
		release(segments)
		busy := x.ensuring.Load() > 0 && len(absent) > spotRecords
		if busy || spent >= spotRecords || time.Now().After(deadline) {
			return nil, nil, unfinished(l, len(absent))
		}
		spent += min(len(absent), batchRecords)
		if err := x.fillUntil(ctx, l, deadline); err != nil {
			return nil, nil, err
		}
	}
}

// fillUntil is fill, bounded in time.
func (x *Index) fillUntil(ctx context.Context, l *layout, deadline time.Time) error {
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	left, err := x.fill(bounded, l)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return unfinished(l, max(left, 1))
	}
	return err
}

func unfinished(l *layout, absent int) error {
	return fmt.Errorf("%d of %d texts are indexed for search: %w", len(l.byKey)-absent, len(l.byKey), content.ErrUnavailable)
}
