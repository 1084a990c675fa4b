// Package search finds records of any snapshot by their words: in every form that
// Finnish, Swedish and English give a word, and as parts of compounds.
//
// Texts are read with bleve's tokenizer, stop words and stemmers, and what they hold
// is kept in bleve's segment files, one document per (blob, collection, analyser). A
// document depends on nothing else, so any revision can be searched and nothing is
// ever invalidated; a file of the index never changes once it is there. What is found,
// and in which order, is a function of the view and the query: no statistic of the
// index goes into a score (see weight).
//
// It does not know where views come from, nor does it filter, page or sort but by
// relevance.
package search

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/content"
)

// formatVersion is raised whenever a document would be made differently from the same
// bytes: by what is read, by the analysers, or by the names of fields.
const formatVersion = 1

const (
	// batchRecords and batchBytes bound what is indexed in one go.
	batchRecords = 512
	batchBytes   = 2 << 20
	// spotRecords and spotTime bound what a search indexes itself.
	spotRecords = batchRecords
	spotTime    = 2 * time.Second
	// maxLayouts is how many snapshots have their places in the index at hand.
	maxLayouts = 8
)

// Config says where the index lies.
type Config struct {
	// Dir is the index's own folder, made where it is missing; "" keeps it in memory.
	Dir string
	// Logger is told what is thrown away; nil drops it.
	Logger *slog.Logger
}

var errClosed = fmt.Errorf("search index is closed: %w", content.ErrUnavailable)

// Index finds records by their words. It is safe for concurrent use.
type Index struct {
	logger    *slog.Logger
	analysers analysers
	store     *store
	layouts   *lru.Cache[layoutKey, *layout]
	// writer is held by the one who adds or merges: a semaphore, so that waiting for
	// it ends with a context.
	writer        chan struct{}
	ensuring      atomic.Int32
	done, total   atomic.Int64
	indexed       atomic.Int64 // documents made by this process, for tests
	storageFailed atomic.Bool

	mu         sync.Mutex // guards the rest
	segments   []*segment
	generation uint64 // of segments
	closed     bool
}

// Open opens the index in cfg.Dir. It never waits: where another process writes there,
// this one reads what that one has written and keeps its own additions in memory, and
// where the folder cannot be used it works in memory alone. Files that are damaged, or
// of another format, are thrown away; Ensure makes up for them. An error means a fault
// of the program, never of the folder.
func Open(cfg Config) (*Index, error) {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	speakers, err := newAnalysers()
	if err != nil {
		return nil, fmt.Errorf("open search index: %w", err)
	}
	layouts, err := lru.New[layoutKey, *layout](maxLayouts)
	if err != nil {
		return nil, fmt.Errorf("open search index: %w", err)
	}
	x := &Index{
		logger: logger, analysers: speakers, layouts: layouts,
		store:  openStore(cfg.Dir, logger),
		writer: make(chan struct{}, 1),
	}
	x.segments = x.store.load(nil)
	return x, nil
}

// Close waits for the batch being indexed, and gives up files and lock. Searches that
// are under way end as they would have; later calls fail with content.ErrUnavailable.
func (x *Index) Close() error {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return nil
	}
	x.closed = true
	x.mu.Unlock()
	x.writer <- struct{}{}
	defer func() { <-x.writer }()
	x.mu.Lock()
	segments := x.segments
	x.segments = nil
	x.mu.Unlock()
	x.layouts.Purge()
	for _, s := range segments {
		s.release()
	}
	return x.store.close()
}

// Progress tells how many of the distinct documents that the latest Ensure was asked
// for are in the index.
func (x *Index) Progress() (done, total int) {
	return int(x.done.Load()), int(x.total.Load())
}

// acquire returns the segments as they are now, to be given back with release, and
// which generation of them it is.
func (x *Index) acquire() ([]*segment, uint64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, 0, errClosed
	}
	for _, s := range x.segments {
		s.acquire()
	}
	return x.segments[:len(x.segments):len(x.segments)], x.generation, nil
}

func release(segments []*segment) {
	for _, s := range segments {
		s.release()
	}
}

// replace puts added in the place of removed, which are given up.
func (x *Index) replace(removed []*segment, added ...*segment) {
	gone := make(map[*segment]bool, len(removed))
	for _, s := range removed {
		gone[s] = true
	}
	x.mu.Lock()
	next := make([]*segment, 0, len(x.segments)+len(added))
	for _, s := range x.segments {
		if !gone[s] {
			next = append(next, s)
		}
	}
	x.segments = append(next, added...)
	x.generation++
	x.mu.Unlock()
	release(removed)
}

// write runs f as the only writer; it waits for its turn no longer than ctx lives.
func (x *Index) write(ctx context.Context, f func() error) error {
	select {
	case x.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-x.writer }()
	x.mu.Lock()
	closed := x.closed
	x.mu.Unlock()
	if closed {
		return errClosed
	}
	return f()
}
