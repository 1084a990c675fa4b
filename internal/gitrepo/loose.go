package gitrepo

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
	"golang.org/x/sync/errgroup"
)

// looseWriter writes objects as loose files. A file gets its name only when it
// is whole, so that nobody meets a part of one while the machine runs.
type looseWriter struct {
	dir     string
	replace bool // what has its name, because that is broken
}

// write keeps an object.
func (w looseWriter) write(kind plumbing.ObjectType, data []byte) (oid, error) {
	id := plumbing.ComputeHash(kind, data)
	path := loosePath(w.dir, id)
	var f *os.File
	err := inFolder(filepath.Dir(path), func() (err error) {
		f, err = createLoose(filepath.Dir(path))
		return err
	})
	if err != nil {
		return oid{}, err
	}
	err = errors.Join(encodeLoose(f, kind, data), f.Close())
	if err == nil && w.replace {
		err = os.Rename(f.Name(), path)
	} else if err == nil {
		err = moveNew(f.Name(), path)
	}
	if err != nil {
		return oid{}, errors.Join(err, os.Remove(f.Name()))
	}
	return id, nil
}

// inFolder makes a folder, and then a file in it: again, if git has removed the
// folder in between because it was empty.
func inFolder(dir string, create func() error) error {
	var err error
	for range attempts {
		if err = os.MkdirAll(dir, 0o777); err == nil {
			err = create()
		}
		if !missing(err) {
			return err
		}
	}
	return err
}

// createLoose makes a file under a name that `git prune` clears away if it is
// left behind, with the permissions that Git gives objects.
func createLoose(dir string) (*os.File, error) {
	for {
		name := filepath.Join(dir, "tmp_obj_"+strconv.FormatUint(rand.Uint64(), 36))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

func encodeLoose(f *os.File, kind plumbing.ObjectType, data []byte) error {
	w := objfile.NewWriter(f)
	err := w.WriteHeader(kind, int64(len(data)))
	if err == nil {
		_, err = w.Write(data)
	}
	return errors.Join(err, w.Close())
}

// moveNew gives a file its name, unless there is one of that name. Where a file
// system knows no hard links it may be replaced by its like.
func moveNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return os.Remove(from)
	}
	return os.Rename(from, to)
}

// freshen tells whether an object is here, and makes it as young as one that is
// written now: a gc must not take it for what nobody wants any more. path is
// where it lies, "" in a pack. false also where that may not be done.
func (s *store) freshen(id oid) (path string, ok bool) {
	now := time.Now()
	list := s.packs.Load()
	if p, _ := list.find(id); p != nil && os.Chtimes(p.path+".pack", now, now) == nil {
		return "", true
	}
	for _, dir := range list.dirs {
		if path := loosePath(dir, id); os.Chtimes(path, now, now) == nil {
			return path, true
		}
	}
	return "", false
}

// put keeps an object. What is there already is left as it is, unless it is
// broken: what is not settled may be after a crash. settle puts it on disk.
func (s *store) put(kind plumbing.ObjectType, data []byte) (oid, error) {
	id := plumbing.ComputeHash(kind, data)
	path, ok := s.freshen(id)
	if ok && path == "" {
		return id, nil
	}
	w := looseWriter{dir: s.dir}
	if ok {
		_, err := s.readLoose(path, id, max(maxRebuilt, int64(len(data))))
		w.replace = errors.Is(err, ErrCorrupt)
		ok = !w.replace
	}
	if !ok {
		if _, err := w.write(kind, data); err != nil {
			return oid{}, err
		}
		path = loosePath(s.dir, id)
	}
	if s.loose.add(path) < maxUnsettled {
		return id, nil
	}
	return id, s.settle()
}

// maxUnsettled bounds what is written without waiting for the disk.
const maxUnsettled = 1_000

// unsettled are the loose objects written that may not be on disk yet.
type unsettled struct {
	settling sync.Mutex // held while waiting for the disk

	mu    sync.Mutex // guards paths
	paths []string
}

func (u *unsettled) add(path string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.paths = append(u.paths, path)
	return len(u.paths)
}

func (u *unsettled) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	paths := u.paths
	u.paths = nil
	return paths
}

// settle waits until all that was put before is on disk. All of it in one go:
// the disk is much slower than the rest, and takes many files as quickly as one.
func (s *store) settle() error {
	s.loose.settling.Lock()
	defer s.loose.settling.Unlock()
	var g errgroup.Group
	g.SetLimit(16)
	for _, path := range s.loose.take() {
		g.Go(func() error { return syncFile(path) })
	}
	return g.Wait()
}

// syncFile removes what cannot be put on disk: asked again, the system would say
// that it is there. What is gone was packed.
func syncFile(path string) error {
	f, err := os.Open(path)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return errors.Join(err, f.Close())
}
