package gitrepo

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// storePack keeps a pack that comes as a stream, as from a server: it is indexed
// and put in place whole, or not at all.
func (s *store) storePack(ctx context.Context, from io.Reader) error {
	_, err := s.newPack(func(f *os.File) (*idxfile.Writer, error) {
		if _, err := io.Copy(f, contextReader{ctx, from}); err != nil {
			return nil, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		index := new(idxfile.Writer)
		parser, err := packfile.NewParser(packfile.NewScanner(f), index)
		if err != nil {
			return nil, err
		}
		_, err = parser.Parse()
		return index, err
	})
	return err
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// newPack makes a pack and its index under temporary names and gives them their
// own, the index last: without it nobody looks at the pack.
func (s *store) newPack(fill func(*os.File) (*idxfile.Writer, error)) (path string, err error) {
	dir := filepath.Join(s.dir, "pack")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	data, err := os.CreateTemp(dir, "tmp_pack_")
	if err != nil {
		return "", err
	}
	idx, err := os.CreateTemp(dir, "tmp_idx_")
	if err != nil {
		return "", errors.Join(err, data.Close(), os.Remove(data.Name()))
	}
	defer func() { // after a rename there is nothing to remove
		data.Close()
		idx.Close()
		os.Remove(data.Name())
		os.Remove(idx.Name())
	}()
	writer, err := fill(data)
	if err != nil {
		return "", fmt.Errorf("write pack: %w", err)
	}
	name, err := encodeIndex(idx, writer)
	if err != nil {
		return "", fmt.Errorf("write pack index: %w", err)
	}
	path = filepath.Join(dir, "pack-"+name)
	for _, f := range []*os.File{data, idx} {
		if err := errors.Join(f.Chmod(0o444), f.Sync(), f.Close()); err != nil {
			return "", fmt.Errorf("write pack: %w", err)
		}
	}
	if err := os.Rename(data.Name(), path+".pack"); err != nil {
		return "", err
	}
	if err := os.Rename(idx.Name(), path+".idx"); err != nil {
		return "", err
	}
	return path, s.reload(s.packs.Load())
}

// sweep removes what a process that was killed left of packs it never finished.
func (s *store) sweep(olderThan time.Duration) {
	for _, pattern := range []string{"tmp_pack_*", "tmp_idx_*"} {
		names, err := filepath.Glob(filepath.Join(s.dir, "pack", pattern))
		if err != nil {
			continue // the folder's own name looks like a broken pattern
		}
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > olderThan {
				os.Remove(name) // a failure leaves it to the next fetch
			}
		}
	}
}

// encodeIndex writes the index and returns the pack's checksum, its name.
func encodeIndex(w io.Writer, from *idxfile.Writer) (string, error) {
	index, err := from.Index()
	if err != nil {
		return "", err
	}
	buf := bufio.NewWriter(w)
	if _, err := idxfile.NewEncoder(buf).Encode(index); err != nil {
		return "", err
	}
	return plumbing.Hash(index.PackfileChecksum).String(), buf.Flush()
}

// copyPack writes a pack of the objects named, taken from another store as they
// are packed there: expanded is only a delta whose base does not come along. It
// returns the pack's path without extension, "" when there was nothing to write.
func (s *store) copyPack(ctx context.Context, from *store, ids []oid) (path string, err error) {
	if len(ids) == 0 {
		return "", nil
	}
	err = from.steady(func(list *packList) error {
		path, err = s.newPack(func(f *os.File) (*idxfile.Writer, error) { return list.copyTo(ctx, f, from, ids) })
		return err
	})
	return path, err
}

// steady lets a copy be made from one list, anew when another process moved what
// was to be copied: were an object taken from one list and its base from a later
// one, each could be stored as a delta of the other.
func (s *store) steady(try func(*packList) error) error {
	for range attempts {
		list := s.packs.Load()
		if err := try(list); !errors.Is(err, errMoved) {
			return err
		}
		if err := s.reload(list); err != nil {
			return err
		}
	}
	return fmt.Errorf("copy objects: %w, or repacked all the time", ErrNotFound)
}

func (l *packList) copyTo(ctx context.Context, f *os.File, from *store, ids []oid) (*idxfile.Writer, error) {
	w := newPackWriter(f, ids)
	if err := w.header(len(ids)); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := w.at
		w.crc.Reset()
		err := l.locate(id, func(p *pack, offset int64) error { return w.packed(from, p, offset) }, w.loose)
		if err != nil {
			return nil, fmt.Errorf("copy object %s: %w", id, err)
		}
		w.index.Add(id, at, w.crc.Sum32())
	}
	return w.index, w.trailer()
}

// packWriter writes gitformat-pack(5), version 2.
type packWriter struct {
	out    *bufio.Writer
	sum    hash.Hash
	crc    hash.Hash32
	at     uint64
	index  *idxfile.Writer
	comes  map[oid]bool // what will be in the pack
	zipper *zlib.Writer
}

func newPackWriter(f *os.File, ids []oid) *packWriter {
	w := &packWriter{
		out: bufio.NewWriterSize(f, 1<<16), sum: sha1.New(), crc: crc32.NewIEEE(),
		index: new(idxfile.Writer), comes: make(map[oid]bool, len(ids)), zipper: zlib.NewWriter(nil),
	}
	for _, id := range ids {
		w.comes[id] = true
	}
	return w
}

func (w *packWriter) Write(p []byte) (int, error) {
	w.sum.Write(p)
	w.crc.Write(p)
	w.at += uint64(len(p))
	return w.out.Write(p)
}

func (w *packWriter) header(count int) error {
	head := append([]byte("PACK"), 0, 0, 0, 2)
	head = binary.BigEndian.AppendUint32(head, uint32(count))
	if err := w.index.OnHeader(uint32(count)); err != nil {
		return err
	}
	_, err := w.Write(head)
	return err
}

func (w *packWriter) trailer() error {
	var sum oid
	copy(sum[:], w.sum.Sum(nil))
	if _, err := w.out.Write(sum[:]); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	return w.index.OnFooter(sum)
}

// packed copies an entry. A delta names its base by hash, and can come as it is
// if the base comes too: packs on disk hold their own bases, and objects are
// always taken from the first pack that has them, so deltas never form a ring.
func (w *packWriter) packed(from *store, p *pack, offset int64) error {
	f := from.inflates.Get().(*inflater)
	defer from.inflates.Put(f)
	e, err := f.at(p, offset)
	if err != nil {
		return err
	}
	if e.kind == plumbing.OFSDeltaObject {
		if e.ref, err = p.index.FindHash(e.base); err != nil {
			return broken(p, offset, err)
		}
		e.kind = plumbing.REFDeltaObject
	}
	if e.kind == plumbing.REFDeltaObject && !w.comes[e.ref] {
		o, err := from.readPacked(p, offset, maxRebuilt)
		if err != nil {
			return err
		}
		return w.zipped(o.kind, int64(len(o.data)), bytes.NewReader(o.data))
	}
	raw, err := f.raw(p)
	if err != nil {
		return broken(p, offset, err)
	}
	if err := w.entry(e); err != nil {
		return err
	}
	_, err = io.Copy(w, raw)
	return err
}

// raw is the compressed data of the entry whose header was just read.
func (f *inflater) raw(p *pack) (io.Reader, error) {
	start := f.in.at - int64(f.buf.Buffered())
	if err := f.reset(); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, f.z); err != nil {
		return nil, noEOF(err)
	}
	end := f.in.at - int64(f.buf.Buffered())
	return io.NewSectionReader(f.in.file, start, end-start), nil
}

func (w *packWriter) loose(path string) error {
	return withLoose(path, func(r *objfile.Reader, kind plumbing.ObjectType, size int64) error {
		return w.zipped(kind, size, r)
	})
}

func (w *packWriter) zipped(kind plumbing.ObjectType, size int64, data io.Reader) error {
	if err := w.entry(entry{kind: kind, size: size}); err != nil {
		return err
	}
	w.zipper.Reset(w)
	n, err := io.Copy(w.zipper, data)
	if err == nil && n != size {
		err = fmt.Errorf("%w: %d bytes instead of %d", ErrCorrupt, n, size)
	}
	return errors.Join(err, w.zipper.Close())
}

// entry writes an entry's header, the reverse of readEntry.
func (w *packWriter) entry(e entry) error {
	head := []byte{byte(e.kind)<<4 | byte(e.size&15)}
	for n := e.size >> 4; n > 0; n >>= 7 {
		head[len(head)-1] |= 0x80
		head = append(head, byte(n&0x7f))
	}
	if e.kind == plumbing.REFDeltaObject {
		head = append(head, e.ref[:]...)
	}
	_, err := w.Write(head)
	return err
}
