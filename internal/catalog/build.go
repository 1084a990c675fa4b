package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// builder makes views. served belongs to the catalog's one writer; past and own are
// safe for concurrent use.
type builder struct {
	repo     *gitrepo.Repo
	compiler *compiler
	verdicts *lru.Cache[verdictKey, *verdict]
	older    *lru.Cache[olderKey, *older]
	// searched are the commits from which something in older was looked for.
	searched *lru.Cache[gitrepo.Hash, bool]
	// current is the model being served.
	current atomic.Pointer[compiled]
	// made says what the view being served was made of.
	made basis
	// held are the verdicts of the view being served, by path: most of those of any other
	// view. What it leads to is not changed.
	held atomic.Pointer[map[string]heldVerdict]
}

// verdictKey names a verdict by all that it depends on.
type verdictKey struct {
	blob content.Hash
	path string
	by   string // compiled.verdictKey
}

// verdict is what a record's bytes are worth. It is immutable.
type verdict struct {
	document *content.Document // Root is nil where the bytes are no JSON
	problems []content.Problem
}

func (v *verdict) valid() bool { return len(v.problems) == 0 }

// basis is all that a view depends on, in a form that is cheap to compare.
type basis struct {
	ref      string
	commit   gitrepo.Hash
	version  string
	checker  *check.Checker
	stale    bool
	problems string
}

type heldVerdict struct {
	key     verdictKey
	verdict *verdict
}

// Verdicts and older versions that are remembered beside those in use.
const (
	maxVerdicts = 1 << 15
	maxOlder    = 1 << 16
	maxSearched = 1 << 12
)

func newBuilder(repo *gitrepo.Repo, outside *OutsideModel) *builder {
	b := &builder{repo: repo, compiler: newCompiler(repo, outside)}
	b.verdicts, _ = lru.New[verdictKey, *verdict](maxVerdicts)
	b.older, _ = lru.New[olderKey, *older](maxOlder)
	b.searched, _ = lru.New[gitrepo.Hash, bool](maxSearched)
	return b
}

// material is what a view is made of.
type material struct {
	head     head
	tree     tree
	compiled *compiled
	// located are the record files, attached the others.
	located  []locatedFile
	attached []content.File
	problems []content.Problem
}

// locatedFile is a record's file and what its bytes are worth.
type locatedFile struct {
	content.Ref
	file       file
	collection *content.Collection
	verdict    *verdict
}

// served makes the view of tree above head.
func (b *builder) served(ctx context.Context, h head, t tree, previous *content.View) (*content.View, error) {
	compiled, err := b.compiler.served(ctx, t, h.commit.Hash)
	if err != nil {
		return nil, err
	}
	m := &material{head: h, tree: t, compiled: compiled}
	files, err := t.list(ctx, placesOf(compiled.model()))
	if err != nil {
		return nil, err
	}
	made := basis{h.ref, h.commit.Hash, t.version(), compiled.checker, compiled.stale, problemsKey(compiled.problems)}
	if previous != nil && b.made == made {
		return previous, nil
	}
	b.made = basis{} // until the view is made
	if err := b.gather(ctx, m, files); err != nil {
		return nil, err
	}
	b.hold(m)
	b.current.Store(compiled)
	replaced, err := b.findOlder(ctx, m)
	if err != nil {
		return nil, err
	}
	var before *content.Snapshot
	if previous != nil {
		before = previous.Snapshot
	}
	view := m.view(before, replaced)
	view.Model, view.Ref = compiled.model(), h.ref
	_, committed := t.(*commitTree)
	view.WorkTree = !committed
	b.made = made
	return view, nil
}

func problemsKey(problems []content.Problem) string {
	return digest(func(w io.Writer) {
		for _, p := range problems {
			fmt.Fprintln(w, p.Path, p.Line, p.Column, p.Rule, p.Message("en"))
		}
	})
}

// past makes the view of a commit as it is, without older versions in the place of
// what is not valid: who asks for a revision wants to see that revision.
func (b *builder) past(ctx context.Context, commit gitrepo.Commit, served *content.View) (*content.View, error) {
	t := &commitTree{b.repo, commit.Tree}
	current := b.current.Load()
	own, err := b.compiler.at(ctx, t, current)
	if err != nil {
		return nil, err
	}
	if own == nil {
		own = &compiled{checker: current.checker, schemas: current.schemas, keys: current.keys}
	}
	view, err := b.asItIs(ctx, commit, t, own, served)
	if err == nil {
		view.Model = served.Model
	}
	return view, err
}

// own makes the view of a commit as it is, by its own model.
func (b *builder) own(ctx context.Context, commit gitrepo.Commit, served *content.View) (*content.View, error) {
	t := &commitTree{b.repo, commit.Tree}
	compiled, err := b.compiler.served(ctx, t, commit.Hash)
	if err != nil {
		return nil, err
	}
	view, err := b.asItIs(ctx, commit, t, compiled, served)
	if err == nil {
		view.Model = compiled.model()
	}
	return view, err
}

// asItIs makes the view of a commit's tree, sharing with served what is the same.
func (b *builder) asItIs(ctx context.Context, commit gitrepo.Commit, t *commitTree, by *compiled, served *content.View) (*content.View, error) {
	m := &material{head: head{commit: commit}, tree: t, compiled: by}
	files, err := t.list(ctx, placesOf(by.model()))
	if err != nil {
		return nil, err
	}
	if err := b.gather(ctx, m, files); err != nil {
		return nil, err
	}
	return m.view(served.Snapshot, nil), nil
}

// gather tells records from attachments and passes a verdict on each record.
func (b *builder) gather(ctx context.Context, m *material, files []file) error {
	model := m.compiled.model()
	var entries []check.Entry
	var candidates []file
	for _, f := range files {
		collection, _ := model.Match(f.path)
		if collection == nil && model.Attached(f.path) {
			if f.kind == check.Regular && f.size <= maxAttachment {
				m.attached = append(m.attached, content.File{Path: f.path, Blob: f.blob, Size: f.size})
			}
			continue
		}
		if collection == nil {
			m.problems = append(m.problems, check.Astray(check.Entry{Path: f.path, Kind: f.kind}))
			continue
		}
		entries = append(entries, check.Entry{Path: f.path, Kind: f.kind})
		candidates = append(candidates, f)
	}
	located, problems := check.Entries(model, entries)
	m.problems = append(append(m.problems, m.compiled.problems...), problems...)
	m.located = make([]locatedFile, len(located))
	for i, l := range located {
		m.located[i] = locatedFile{Ref: l.Ref, file: candidates[l.Index], collection: model.Collection(l.Collection)}
	}
	return b.judge(ctx, m)
}

// judge passes the verdicts, on all cores.
func (b *builder) judge(ctx context.Context, m *material) error {
	held := map[string]heldVerdict{}
	if now := b.held.Load(); now != nil {
		held = *now
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range m.located {
		l := &m.located[i]
		key := verdictKey{l.file.blob, l.file.path, m.compiled.keys[l.Collection]}
		if h, ok := held[l.file.path]; ok && h.key == key {
			l.verdict = h.verdict
			continue
		}
		// Most are known, whatever the revision: no goroutine for those.
		if v, ok := b.verdicts.Get(key); ok {
			l.verdict = v
			continue
		}
		group.Go(func() (err error) {
			l.verdict, err = b.verdict(ctx, m.tree, m.compiled.checker, l.Ref, key)
			return err
		})
	}
	return group.Wait()
}

// verdict checks the bytes that key names, or finds what was said of them before.
func (b *builder) verdict(ctx context.Context, t tree, checker *check.Checker, ref content.Ref, key verdictKey) (*verdict, error) {
	if v, ok := b.verdicts.Get(key); ok {
		return v, nil
	}
	source, err := t.read(ctx, key.path, key.blob)
	var v *verdict
	switch {
	case errors.Is(err, gitrepo.ErrTooLarge):
		v = &verdict{document: &content.Document{Blob: key.blob}, problems: []content.Problem{check.TooLarge(ref, key.path)}}
	case err != nil:
		return nil, err
	default:
		root, problems := checker.Document(ref, key.path, source)
		v = &verdict{&content.Document{Blob: key.blob, Source: source, Root: root}, problems}
	}
	b.verdicts.Add(key, v)
	return v, nil
}

// hold remembers the verdicts of what is served.
func (b *builder) hold(m *material) {
	held := make(map[string]heldVerdict, len(m.located))
	for i := range m.located {
		l := &m.located[i]
		key := verdictKey{l.file.blob, l.file.path, m.compiled.keys[l.Collection]}
		held[l.file.path] = heldVerdict{key, l.verdict}
	}
	b.held.Store(&held)
}

// view assembles what was gathered; replaced are the versions served in the place
// of what is not valid, by path.
func (m *material) view(before *content.Snapshot, replaced map[string]*older) *content.View {
	records := make(map[content.CollectionName][]*content.Record, len(m.compiled.model().Collections))
	for _, c := range m.compiled.model().Collections {
		records[c.Name] = nil
	}
	problems := m.problems
	stale := map[string]bool{}
	unchecked := map[content.CollectionName]int{}
	var unreadable []content.Ref
	for i := range m.located {
		l := &m.located[i]
		if m.compiled.schemas[l.Collection] == nil && l.verdict.document.Root != nil {
			unchecked[l.Collection]++ // told once for all, beside the cause
		} else {
			problems = append(problems, l.verdict.problems...)
		}
		r := l.record(replaced[l.file.path])
		if r == nil {
			unreadable = append(unreadable, l.Ref)
			continue
		}
		records[l.Collection] = append(records[l.Collection], r)
		stale[r.Path] = r.Stale
	}
	for _, c := range m.compiled.model().Collections {
		if n := unchecked[c.Name]; n > 0 {
			problems = append(problems, check.Unchecked(c.Name, c.Schema, n))
		}
	}
	snapshot := content.NewSnapshot(before, records, m.attached)
	for _, p := range m.compiled.checker.Whole(snapshot, unreadable...) {
		if !stale[p.Path] { // its places would be those of a text that is not the file's
			problems = append(problems, p)
		}
	}
	commit := m.head.commit
	v := &content.View{
		Commit: content.Hash(commit.Hash), CommittedAt: commit.Committer.When, Snapshot: snapshot,
		Problems: content.SortProblems(problems), ModelStale: m.compiled.stale,
	}
	if commit.Hash == "" {
		v.CommittedAt = time.Time{}
	}
	v.Key = m.key(snapshot)
	return v
}

// record returns what is served of the file, nil for nothing.
func (l *locatedFile) record(replaced *older) *content.Record {
	r := &content.Record{Ref: l.Ref, Path: l.file.path, Document: l.verdict.document, Uncommitted: l.file.uncommitted}
	switch {
	case l.verdict.valid():
		r.Valid = true
	case replaced != nil && (replaced.valid || l.verdict.document.Root == nil):
		r.Document, r.Valid, r.Stale, r.From = replaced.document, replaced.valid, true, replaced.commit
		r.Uncommitted = false
	case l.verdict.document.Root == nil:
		return nil
	}
	return r
}

// key hashes all that the view serves.
func (m *material) key(snapshot *content.Snapshot) string {
	return digest(func(w io.Writer) {
		fmt.Fprintln(w, m.head.ref, m.head.commit.Hash, m.compiled.model().Key, m.compiled.stale)
		for i := range m.located {
			l := &m.located[i]
			writeStrings(w, l.file.path, "\x00", string(l.file.blob), "\x00")
			if r := snapshot.Record(l.Ref); r != nil && (r.Stale || r.Uncommitted) {
				fmt.Fprintln(w, r.Blob, r.From, r.Uncommitted)
			}
		}
		for _, f := range m.attached {
			writeStrings(w, f.Path, "\x00", string(f.Blob), "\x00")
		}
		io.WriteString(w, problemsKey(m.problems))
	})
}

func writeStrings(w io.Writer, texts ...string) {
	for _, text := range texts {
		io.WriteString(w, text)
	}
}
