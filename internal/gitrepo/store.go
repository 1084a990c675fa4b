package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
)

const (
	// maxAlternates is how deep alternates of alternates are followed, as in Git.
	maxAlternates = 5
	// maxRebuilt bounds every object that is expanded for another's sake, and
	// trees, commits and tags.
	maxRebuilt = 256 << 20
	// attempts is how often a read is tried while another process moves objects.
	attempts = 4
)

// store finds objects by name in packs and loose files, its own and those of
// its alternates. Any goroutine may read; packs found on disk are published as
// one immutable list.
type store struct {
	dir      string // the repository's own folder of objects
	bases    *baseCache
	inflates sync.Pool // *inflater
	serial   atomic.Uint64
	loose    unsettled

	packs     atomic.Pointer[packList]
	reloading sync.Mutex
	closed    atomic.Bool
}

// packList is what was on disk at one moment.
type packList struct {
	dirs  []string
	packs []*pack
}

// object is one object's bytes, shared and not to be written to.
type object struct {
	kind plumbing.ObjectType
	data []byte
}

// errMoved says that another process moved what was about to be read.
var errMoved = errors.New("moved by another process")

func newStore(dir string, cfg Config) *store {
	s := &store{dir: dir, bases: newBaseCache(cfg.Cache)}
	s.inflates.New = func() any { return newInflater() }
	s.packs.Store(&packList{})
	return s
}

// read returns the object named id. ErrNotFound when there is none, after the
// disk was asked again; ErrTooLarge when it has more than limit bytes.
func (s *store) read(id oid, limit int64) (object, error) {
	var o object
	err := s.locate(id,
		func(p *pack, offset int64) (err error) { o, err = s.readPacked(p, offset, limit); return err },
		func(path string) (err error) { o, err = s.readLoose(path, id, limit); return err })
	if err != nil {
		return object{}, fmt.Errorf("read object %s: %w", id, err)
	}
	return o, nil
}

// header returns the kind and size of an object without expanding it.
func (s *store) header(id oid) (kind plumbing.ObjectType, size int64, err error) {
	err = s.locate(id,
		func(p *pack, offset int64) (err error) { kind, size, err = s.packedHeader(p, offset); return err },
		func(path string) (err error) { kind, size, err = looseHeader(path); return err })
	if err != nil {
		return 0, 0, fmt.Errorf("read header of object %s: %w", id, err)
	}
	return kind, size, nil
}

// probe finds the object on disk as it is now: the folders are listed anew, and
// a pack is opened anew, since one held open outlives its removal.
func (s *store) probe(id oid) error {
	if err := s.reload(s.packs.Load()); err != nil {
		return err
	}
	return s.locate(id,
		func(p *pack, offset int64) error {
			fresh := &pack{path: p.path}
			defer fresh.close()
			_, err := newInflater().at(fresh, offset)
			return err
		},
		func(path string) error { _, _, err := looseHeader(path); return err })
}

// has tells whether the object is here.
func (s *store) has(id oid) bool {
	list := s.packs.Load()
	if p, _ := list.find(id); p != nil {
		return true
	}
	for _, dir := range list.dirs {
		if _, err := os.Stat(loosePath(dir, id)); err == nil {
			return true
		}
	}
	return false
}

// locate looks in packs, then among loose objects, then asks the disk for new
// packs and tries again: in that order an object that another process packs
// meanwhile is met in one place or the other.
func (s *store) locate(id oid, packed func(*pack, int64) error, loose func(path string) error) error {
	for range attempts {
		list := s.packs.Load()
		err := list.locate(id, packed, loose)
		if err == nil || !errors.Is(err, errMoved) {
			return err
		}
		if s.closed.Load() {
			return os.ErrClosed
		}
		if err := s.reload(list); err != nil {
			return err
		}
	}
	return ErrNotFound
}

func (l *packList) locate(id oid, packed func(*pack, int64) error, loose func(path string) error) error {
	if p, offset := l.find(id); p != nil {
		return packed(p, offset)
	}
	for _, dir := range l.dirs {
		err := loose(loosePath(dir, id))
		if !missing(err) {
			return err
		}
	}
	return errMoved
}

func (l *packList) find(id oid) (*pack, int64) {
	for _, p := range l.packs {
		if offset, ok := p.find(id); ok {
			return p, offset
		}
	}
	return nil, 0
}

// reload reads the folders again, unless someone did so since seen was current.
func (s *store) reload(seen *packList) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	old := s.packs.Load()
	if seen != nil && seen != old {
		return nil
	}
	dirs, err := objectDirs(s.dir)
	if err != nil {
		return err
	}
	next := &packList{dirs: dirs}
	for _, dir := range dirs {
		if err := s.addPacks(next, old, dir); err != nil {
			return err
		}
	}
	s.packs.Store(next)
	for _, p := range old.packs {
		if !slices.Contains(next.packs, p) {
			p.close()
		}
	}
	if s.closed.Load() {
		next.close()
	}
	return nil
}

// addPacks adds the packs of one folder, those already open as they are.
func (s *store) addPacks(next, old *packList, dir string) error {
	entries, err := os.ReadDir(filepath.Join(dir, "pack"))
	if err != nil && !missing(err) {
		return fmt.Errorf("list packs: %w", err)
	}
	whole := map[string]bool{} // an index may lie there before its pack
	for _, e := range entries {
		whole[e.Name()] = true
	}
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), ".idx")
		if !ok || !strings.HasPrefix(stem, "pack-") || !whole[stem+".pack"] {
			continue
		}
		info, err := e.Info()
		if missing(err) {
			continue // gone since it was listed
		}
		if err != nil {
			return fmt.Errorf("list packs: %w", err)
		}
		path := filepath.Join(dir, "pack", stem)
		p := old.same(path, info)
		if p == nil {
			if p, err = openPack(path, info, s.serial.Add(1)); missing(err) {
				continue
			}
		}
		if err != nil {
			return err
		}
		next.packs = append(next.packs, p)
	}
	return nil
}

func (l *packList) same(path string, info fs.FileInfo) *pack {
	for _, p := range l.packs {
		if p.path == path && p.sameIndex(info) {
			return p
		}
	}
	return nil
}

func (s *store) close() error {
	s.closed.Store(true)
	s.reloading.Lock()
	defer s.reloading.Unlock()
	return s.packs.Load().close()
}

func (l *packList) close() error {
	var errs []error
	for _, p := range l.packs {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// objectDirs lists a folder of objects and its alternates, each once.
func objectDirs(dir string) ([]string, error) {
	var dirs []string
	var add func(dir string, depth int) error
	add = func(dir string, depth int) error {
		if depth > maxAlternates || slices.Contains(dirs, dir) {
			return nil
		}
		if info, err := os.Stat(dir); depth > 0 && (err != nil || !info.IsDir()) {
			return nil // Git warns and goes on; what is missing will be named when it is asked for
		}
		dirs = append(dirs, dir)
		data, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
		if missing(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read alternates: %w", err)
		}
		for _, line := range strings.Split(string(data), "\n") {
			if line == "" || line[0] == '#' {
				continue
			}
			if name, _, ok := unquote(line); ok {
				line = name
			}
			if err := add(resolvePath(dir, line), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return dirs, add(dir, 0)
}

func loosePath(dir string, id oid) string {
	name := id.String()
	return filepath.Join(dir, name[:2], name[2:])
}

// looseHeader reads no more of the file than it needs.
func looseHeader(path string) (kind plumbing.ObjectType, size int64, err error) {
	err = withLoose(path, func(r *objfile.Reader, k plumbing.ObjectType, n int64) error {
		kind, size = k, n
		return nil
	})
	return kind, size, err
}

func (s *store) readLoose(path string, id oid, limit int64) (o object, err error) {
	if o, ok := s.bases.get(place{loose: id}); ok {
		return o, bounded(int64(len(o.data)), limit)
	}
	err = withLoose(path, func(r *objfile.Reader, kind plumbing.ObjectType, size int64) error {
		if err := bounded(size, limit); err != nil {
			return err
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(r, data); err != nil {
			return fmt.Errorf("%w: loose object: %w", ErrCorrupt, err)
		}
		if _, err := io.ReadFull(r, make([]byte, 1)); err != io.EOF {
			return fmt.Errorf("%w: loose object does not end where it says", ErrCorrupt)
		}
		if r.Hash() != id {
			return fmt.Errorf("%w: loose object has the name of another: run `git fsck`", ErrCorrupt)
		}
		o = object{kind, data}
		s.bases.put(place{loose: id}, o)
		return nil
	})
	return o, err
}

func withLoose(path string, use func(*objfile.Reader, plumbing.ObjectType, int64) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := objfile.NewReader(f)
	if err != nil {
		return fmt.Errorf("%w: loose object: %w", ErrCorrupt, err)
	}
	defer r.Close()
	kind, size, err := r.Header()
	if err != nil || size < 0 {
		return fmt.Errorf("%w: loose object has no proper header: %w", ErrCorrupt, err)
	}
	return use(r, kind, size)
}

// bounded refuses what is too large to be read whole.
func bounded(size, limit int64) error {
	if size > limit {
		return fmt.Errorf("%d bytes, the bound is %d: %w", size, limit, ErrTooLarge)
	}
	return nil
}
