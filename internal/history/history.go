// Package history knows which commit changed which field of which record. It reads
// every commit once, keeps what it found in memory and in one SQLite file (all of which
// follows from Git and can be deleted at any time), and answers for the past of any
// view: changes by commit, publications by step of the first-parent line, blame, the
// text that once was there. It writes nothing to the repository but the former heads of
// the served branch (refs/koonti/heads/).
package history

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

const (
	// otherLines is how many heads beside the served one are kept ready.
	otherLines = 16
	// otherStates is how many sets of models beside that of the served head are kept.
	otherStates = 2
	// verified is how many signatures are remembered.
	verified = 4096
)

// Config says what an index reads. Only Repo is required.
type Config struct {
	Repo *gitrepo.Repo
	// Dir is the folder of the file; "" keeps all in memory.
	Dir string
	// Tables reads the plain tables of the file, as auditors see them, and not their packed
	// copy, which is loaded otherwise; what is read since is then kept in memory.
	Tables bool
	// Model is the path of the model in the repository; "" where it is given from
	// outside, so that older commits are read by it as well.
	Model string
	// Verifier checks signatures; nil leaves them UNCHECKED.
	Verifier Verifier
	// Reviews returns the approvals of what a commit merged, as a forge has them; nil
	// knows none. It is asked for every change that is told, and must not wait.
	Reviews func(merge content.Hash) []content.Approval
	// Logger takes what happens; nil drops it.
	Logger *slog.Logger
	// Now is the clock; time.Now.
	Now func() time.Time
}

// Verifier checks the signature of a commit: what was signed, the signature as it is
// in the commit ("" for none), and when the commit says that it was made.
type Verifier interface {
	Verify(payload []byte, signature string, at time.Time) content.Signature
}

type unchecked struct{}

// Verify implements Verifier.
func (unchecked) Verify(_ []byte, signature string, _ time.Time) content.Signature {
	if signature == "" {
		return content.Signature{Status: content.SignatureNone}
	}
	return content.Signature{Status: content.SignatureUnchecked}
}

// Index answers for the past of views. All methods are safe for concurrent use.
type Index struct {
	cfg Config
	*documents
	store    *store
	progress progress
	// writing is held by whoever extends the state.
	writing sync.Mutex
	state   atomic.Pointer[state]
	lines   *lru.Cache[lineKey, *line]
	beside  *lru.Cache[string, *state]
	places  *lru.Cache[*content.Model, *places]
	signed  *lru.Cache[oid, content.Signature]
	notes   *lru.Cache[notesKey, *notes]
}

type lineKey struct {
	state *state
	head  int32
}

// progress of the reading under way.
type progress struct {
	building           atomic.Bool
	found, done, total atomic.Int64
}

// Progress says how far the reading of the history is.
type Progress struct {
	// Ready: views can be asked about.
	Ready bool
	// Done of Total commits are read; Total is 0 while they are still being counted.
	Done, Total int
}

// Open opens the index of a repository; nothing is read yet. It never fails: a folder
// that cannot be used means memory.
func Open(cfg Config) *Index {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Verifier == nil {
		cfg.Verifier = unchecked{}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Index{
		cfg: cfg, store: openStore(cfg.Dir, cfg.Tables, cfg.Logger), documents: &documents{cfg.Repo, newCache[oid, *content.Document](cachedDocuments)},
		lines: newCache[lineKey, *line](otherLines), beside: newCache[string, *state](otherStates), places: newCache[*content.Model, *places](otherLines),
		signed: newCache[oid, content.Signature](verified), notes: newCache[notesKey, *notes](otherLines),
	}
}

func newCache[K comparable, V any](size int) *lru.Cache[K, V] {
	c, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // the size is a constant
	}
	return c
}

// Close lets go of the file. Reads after it still answer from memory.
func (x *Index) Close() error {
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.store.close()
}

// Progress returns how far the index is.
func (x *Index) Progress() Progress {
	return Progress{x.state.Load() != nil && !x.progress.building.Load(), int(x.progress.done.Load()), int(x.progress.total.Load())}
}

// Unlike says, where Config.Tables is set and the file was read, what the packed copy says
// that the tables do not; "" where they agree.
func (x *Index) Unlike() string {
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.store.unlike
}

// Extend reads what led to view and was not read before. It waits for another that
// does so. The error wraps content.ErrUnavailable in a shallow clone.
func (x *Index) Extend(ctx context.Context, view *content.View) error {
	if view.Commit == "" {
		return nil
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	st, err := x.read(ctx, view.Model, view.Commit, true)
	if err != nil {
		return err
	}
	head := st.graph.byHash[parseOID(view.Commit)]
	l := st.line
	steps, ok := []int32(nil), false
	if l != nil {
		if l.passes(head) {
			return nil
		}
		steps, ok = l.ahead(st.graph, head)
	}
	if !ok {
		l = newLine()
		steps, _ = l.ahead(st.graph, head)
	}
	if err := x.publish(ctx, st, steps); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.extend(l, steps)
	st.line = l
	return nil
}

// passes reports whether c is a step of the line.
func (l *line) passes(c int32) bool {
	return int(c) < len(l.stepOf) && l.stepOf[c] > 0 && l.steps[l.stepOf[c]-1].commit == c
}

// read returns a state that knows what led to head, for the meaning of m and by the
// models that led to head alone. The main state, which is kept on disk, is made for the
// head that is served; others seldom have other models, and get states of their own.
func (x *Index) read(ctx context.Context, m *content.Model, head content.Hash, served bool) (*state, error) {
	where := x.placesOf(m)
	st := x.state.Load()
	if st == nil || st.where.meaning() != where.meaning() {
		x.progress.building.Store(true)
		defer x.progress.building.Store(false)
		if st = x.store.load(ctx, where); st == nil {
			st = newState(where)
			x.store.renew(ctx, st)
		}
	}
	if err := x.extend(ctx, st, head); err != nil {
		return nil, err
	}
	x.state.Store(st)
	own := st.own(st.graph.byHash[parseOID(head)])
	if own.key() == st.where.key() {
		return st, nil
	}
	if !served {
		return x.readBeside(ctx, own, head)
	}
	x.progress.building.Store(true)
	defer x.progress.building.Store(false)
	st = newState(own)
	x.store.renew(ctx, st)
	if err := x.extend(ctx, st, head); err != nil {
		return nil, err
	}
	x.state.Store(st)
	return st, nil
}

// readBeside reads into a state that is kept in memory alone.
func (x *Index) readBeside(ctx context.Context, own *places, head content.Hash) (*state, error) {
	st, ok := x.beside.Get(own.key())
	if !ok {
		st = newState(own)
	}
	if err := x.extend(ctx, st, head); err != nil {
		return nil, err
	}
	x.beside.Add(own.key(), st)
	return st, nil
}

// extend reads what led to head and is not in the state.
func (x *Index) extend(ctx context.Context, st *state, head content.Hash) error {
	began, before := x.cfg.Now(), st.done
	if err := x.gather(ctx, st, head); err != nil {
		return err
	}
	if err := x.scan(ctx, st, st.graph.byHash[parseOID(head)]); err != nil {
		return err
	}
	if n := st.done - before; n > 0 {
		x.cfg.Logger.Info("history read", "commits", n, "changes", len(st.rows), "took", x.cfg.Now().Sub(began))
	}
	return nil
}

func (x *Index) placesOf(m *content.Model) *places {
	p, ok := x.places.Get(m)
	if !ok {
		p = newPlaces(m, x.cfg.Model)
		x.places.Add(m, p)
	}
	return p
}

// Past returns what led to view. It reads what is missing, but does not wait for the
// first reading: the error then wraps content.ErrUnavailable and says how far it is.
func (x *Index) Past(ctx context.Context, view *content.View) (*Past, error) {
	st, l, number, err := x.lineOf(ctx, view)
	if err != nil {
		return nil, err
	}
	return x.newPast(ctx, view, st, l, number)
}

// lineOf finds the line and the step that a view is of.
func (x *Index) lineOf(ctx context.Context, view *content.View) (*state, *line, int32, error) {
	if view.Commit == "" {
		return newState(x.placesOf(view.Model)), newLine(), 0, nil
	}
	if st := x.state.Load(); st != nil && st.where.meaning() == x.placesOf(view.Model).meaning() {
		if l, number := st.served(parseOID(view.Commit)); l != nil {
			return st, l, number, nil
		}
	}
	if !x.writing.TryLock() {
		if !x.progress.building.Load() {
			x.writing.Lock() // an extension, which is soon done
		} else {
			return nil, nil, 0, x.unavailable()
		}
	}
	defer x.writing.Unlock()
	st, err := x.read(ctx, view.Model, view.Commit, false)
	if err != nil {
		return nil, nil, 0, err
	}
	if l, number := st.served(parseOID(view.Commit)); l != nil {
		return st, l, number, nil
	}
	head := st.graph.byHash[parseOID(view.Commit)]
	if l, ok := x.lines.Get(lineKey{st, head}); ok {
		return st, l, int32(len(l.steps)), nil
	}
	l := newLine()
	steps, _ := l.ahead(st.graph, head)
	if err := x.publish(ctx, st, steps); err != nil {
		return nil, nil, 0, err
	}
	st.mu.Lock()
	st.extend(l, steps)
	st.mu.Unlock()
	x.lines.Add(lineKey{st, head}, l)
	return st, l, int32(len(l.steps)), nil
}

func (x *Index) unavailable() error {
	if total := x.progress.total.Load(); total > 0 {
		return fmt.Errorf("the history is being read: %d of %d commits: %w", x.progress.done.Load(), total, content.ErrUnavailable)
	}
	return fmt.Errorf("the history is being read: %d commits found: %w", x.progress.found.Load(), content.ErrUnavailable)
}

// served returns the line of the served branch where it passes a commit, and the step.
func (s *state) served(hash oid) (*line, int32) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.graph.byHash[hash]
	if !ok || s.line == nil || !s.line.passes(c) || s.own(c).key() != s.where.key() {
		return nil, 0
	}
	return s.line, s.line.stepOf[c]
}
