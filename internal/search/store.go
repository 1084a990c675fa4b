package search

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	zapsegment "github.com/blevesearch/scorch_segment_api/v2"
	zap "github.com/blevesearch/zapx/v17"
)

// errDamaged: a file of the index does not hold what was written to it.
var errDamaged = errors.New("damaged")

const (
	suffix    = ".zap"
	temporary = ".tmp"
	lockName  = "lock"
)

// store is the folder of the index: one file per segment, each whole and immutable
// from the moment it has its name. Which files there are is all that is to know, so
// there is no list of them to keep in step, and a process that is killed leaves at
// most a temporary file. Its methods but load and close are for the writer of Index.
type store struct {
	dir    string // "" for memory
	logger *slog.Logger
	lock   *os.File // nil where another process writes
}

// openStore never fails: a folder that cannot be used means memory.
func openStore(dir string, logger *slog.Logger) *store {
	s := &store{dir: dir, logger: logger}
	if dir == "" {
		return s
	}
	if err := os.MkdirAll(s.folder(), 0o777); err != nil {
		logger.Warn("search index is kept in memory", "err", err)
		s.dir = ""
		return s
	}
	if !s.tryLock() {
		logger.Info("search index is written by another process, and read by this one", "path", dir)
	}
	return s
}

// folder holds the files of the format that this program writes.
func (s *store) folder() string {
	return filepath.Join(s.dir, fmt.Sprintf("v%d-%s%d", formatVersion, zap.Type, zap.Version))
}

// writes reports whether segments are kept on disk by this process.
func (s *store) writes() bool { return s.lock != nil }

// tryLock makes this process the writer if there is none, and clears away what an
// older program or a killed one left.
func (s *store) tryLock() bool {
	if s.dir == "" || s.lock != nil {
		return s.lock != nil
	}
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return false
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return false
	}
	s.lock = f
	s.clear()
	return true
}

func (s *store) clear() {
	others, _ := filepath.Glob(filepath.Join(s.dir, "v*-zap*"))
	for _, folder := range others {
		if folder != s.folder() {
			s.logger.Info("search index of another format is thrown away", "path", folder)
			_ = os.RemoveAll(folder)
		}
	}
	left, _ := filepath.Glob(filepath.Join(s.folder(), "*"+temporary))
	for _, file := range left {
		_ = os.Remove(file)
	}
}

func (s *store) close() error {
	if s.lock == nil {
		return nil
	}
	lock := s.lock
	s.lock = nil
	if err := lock.Close(); err != nil {
		return fmt.Errorf("unlock search index: %w", err)
	}
	return nil
}

// load opens the files that are not open yet. A damaged one is thrown away.
func (s *store) load(open []*segment) []*segment {
	if s.dir == "" {
		return nil
	}
	have := map[string]bool{}
	for _, o := range open {
		have[o.path] = true
	}
	files, _ := filepath.Glob(filepath.Join(s.folder(), "*"+suffix))
	var list []*segment
	for _, file := range files {
		if have[file] {
			continue
		}
		loaded, err := openSegment(file)
		switch {
		case err == nil:
			list = append(list, loaded)
		case errors.Is(err, os.ErrNotExist): // merged away by its writer meanwhile
		default:
			s.logger.Warn("search index file is thrown away", "path", file, "err", err)
			if s.writes() {
				_ = os.Remove(file)
			}
		}
	}
	return list
}

// openSegment opens a file after checking its sum, since what reads it trusts it.
func openSegment(file string) (*segment, error) {
	if err := checkSum(file); err != nil {
		return nil, err
	}
	var s *segment
	err := guarded(func() error {
		z, err := new(zap.ZapPlugin).Open(file)
		if err != nil {
			return fmt.Errorf("open search segment: %w", err)
		}
		if s, err = newSegment(z, file); err != nil {
			_ = z.Close()
		}
		return err
	})
	return s, err
}

// checkSum compares a file with the CRC-32 in its last four bytes.
func checkSum(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < zap.FooterSize {
		return fmt.Errorf("%d bytes are no segment: %w", info.Size(), errDamaged)
	}
	sum, last := crc32.NewIEEE(), make([]byte, 4)
	if _, err := io.CopyN(sum, f, info.Size()-4); err != nil {
		return err
	}
	if _, err := io.ReadFull(f, last); err != nil {
		return err
	}
	if sum.Sum32() != binary.BigEndian.Uint32(last) {
		return fmt.Errorf("sum does not agree: %w", errDamaged)
	}
	return nil
}

// guarded runs f and makes an error of a panic, or of a fault in a mapped file: what
// reads the files trusts them, and a cache must never take the process down.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("read search index: %v: %w", fault, errDamaged)
		}
	}()
	return f()
}

// keep writes a segment made in memory to its file and opens that; where this process
// does not write, or cannot (the error says why), the segment stays in memory.
func (s *store) keep(z zapsegment.UnpersistedSegment) (*segment, error) {
	made, err := newSegment(z, "")
	if err != nil || !s.writes() {
		return made, err
	}
	file, err := s.place(made.keys, z.Persist)
	if err != nil {
		return made, err
	}
	stored, err := openSegment(file)
	if err != nil {
		return made, err
	}
	return stored, nil
}

// place gives a file its name, which follows from the documents, once it is whole.
func (s *store) place(keys []docKey, write func(path string) error) (string, error) {
	sum := sha256.New()
	for _, k := range keys {
		sum.Write(k[:])
	}
	file := filepath.Join(s.folder(), hex.EncodeToString(sum.Sum(nil)[:16])+suffix)
	if err := os.MkdirAll(s.folder(), 0o777); err != nil {
		return "", err
	}
	half := file + temporary
	_ = os.Remove(half)
	if err := write(half); err != nil {
		_ = os.Remove(half)
		return "", err
	}
	if err := os.Rename(half, file); err != nil {
		return "", err
	}
	return file, nil
}

// merge makes one segment of several, leaving out documents that keep refuses and
// repetitions; nil where none is left. The given ones stay as they are.
func (s *store) merge(ctx context.Context, from []*segment, keep func(docKey) bool) (*segment, error) {
	parts := make([]zapsegment.Segment, len(from))
	drops := make([]*roaring.Bitmap, len(from))
	var kept []docKey
	seen := map[docKey]bool{}
	for i, f := range from {
		parts[i], drops[i] = f.zap, roaring.New()
		for n, key := range f.keys {
			if seen[key] || !keep(key) {
				drops[i].Add(uint32(n))
				continue
			}
			seen[key] = true
			kept = append(kept, key)
		}
	}
	if len(kept) == 0 {
		return nil, nil
	}
	stop := make(chan struct{})
	defer context.AfterFunc(ctx, func() { close(stop) })()
	write := func(path string) error {
		return guarded(func() error {
			_, _, err := new(zap.ZapPlugin).Merge(parts, drops, path, stop, nil)
			return err
		})
	}
	if !s.writes() {
		return mergeUnnamed(write)
	}
	file, err := s.place(kept, write)
	if err != nil {
		return nil, fmt.Errorf("merge search segments: %w", err)
	}
	return openSegment(file)
}

// mergeUnnamed merges into a file that has no name any more once it is open, since
// bleve can merge into files only.
func mergeUnnamed(write func(path string) error) (*segment, error) {
	dir, err := os.MkdirTemp("", "koonti-search-")
	if err != nil {
		return nil, fmt.Errorf("merge search segments: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "merged"+suffix)
	if err := write(file); err != nil {
		return nil, fmt.Errorf("merge search segments: %w", err)
	}
	s, err := openSegment(file)
	if s != nil {
		s.path = ""
	}
	return s, err
}

// remove deletes the files of segments that are not used any more; other processes
// that have them open keep them.
func (s *store) remove(segments []*segment) {
	for _, g := range segments {
		if s.writes() && strings.HasPrefix(g.path, s.folder()) {
			_ = os.Remove(g.path)
		}
	}
}
