package gitrepo

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// maxChain bounds the deltas followed for one object; git makes chains of 50,
// and at most 4095.
const maxChain = 4096

// pack is one pack with its index in memory. The file is opened at the first
// read and, once open, outlives its removal by another process.
type pack struct {
	path   string // without extension
	serial uint64 // names the pack in the cache, also after another took its path
	info   fs.FileInfo
	index  *idxfile.MemoryIndex

	mu     sync.Mutex // guards file, closed
	file   *os.File
	closed bool
}

func openPack(path string, info fs.FileInfo, serial uint64) (*pack, error) {
	f, err := os.Open(path + ".idx")
	if err != nil {
		return nil, fmt.Errorf("open pack index: %w", err)
	}
	defer f.Close()
	index := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(bufio.NewReaderSize(f, 1<<16)).Decode(index); err != nil {
		return nil, fmt.Errorf("read pack index %s.idx: %w: %w", path, ErrCorrupt, err)
	}
	return &pack{path: path, info: info, serial: serial, index: index}, nil
}

// sameIndex tells whether the index on disk is still the one that was read.
func (p *pack) sameIndex(info fs.FileInfo) bool {
	return os.SameFile(p.info, info) && p.info.Size() == info.Size() && p.info.ModTime().Equal(info.ModTime())
}

// find looks in the index directly: its own methods take a lock and remember
// every object asked for.
func (p *pack) find(id oid) (int64, bool) {
	bucket := p.index.FanoutMapping[id[0]]
	if bucket < 0 || bucket >= len(p.index.Names) {
		return 0, false
	}
	names, offsets := p.index.Names[bucket], p.index.Offset32[bucket]
	n := len(offsets) / 4
	i := sort.Search(n, func(i int) bool { return bytes.Compare(names[i*len(id):(i+1)*len(id)], id[:]) >= 0 })
	if i == n || !bytes.Equal(names[i*len(id):(i+1)*len(id)], id[:]) {
		return 0, false
	}
	offset := binary.BigEndian.Uint32(offsets[4*i:])
	if offset&(1<<31) == 0 {
		return int64(offset), true
	}
	at := 8 * int(offset&^(1<<31))
	if at+8 > len(p.index.Offset64) {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(p.index.Offset64[at:])), true
}

// open gives the file. errMoved when it is gone or was closed by a reload.
func (p *pack) open() (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errMoved
	}
	if p.file != nil {
		return p.file, nil
	}
	f, err := os.Open(p.path + ".pack")
	if missing(err) {
		return nil, errMoved
	}
	if err != nil {
		return nil, fmt.Errorf("open pack: %w", err)
	}
	p.file = f
	return f, nil
}

func (p *pack) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// entry is the header of an object in a pack.
type entry struct {
	kind plumbing.ObjectType
	size int64 // expanded: of the object, or of the delta
	base int64 // offset of the base, for OFS_DELTA
	ref  oid   // name of the base, for REF_DELTA
}

// inflater reads one entry after another; it is not shared while in use.
type inflater struct {
	in  section
	buf *bufio.Reader
	z   io.ReadCloser
}

// section reads a file from an offset on, without a seek of its own.
type section struct {
	file *os.File
	at   int64
}

func (s *section) Read(p []byte) (int, error) {
	n, err := s.file.ReadAt(p, s.at)
	s.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func newInflater() *inflater {
	f := &inflater{}
	f.buf = bufio.NewReaderSize(&f.in, 4096)
	return f
}

// at begins to read the entry at an offset of a pack.
func (f *inflater) at(p *pack, offset int64) (entry, error) {
	file, err := p.open()
	if err != nil {
		return entry{}, err
	}
	f.in = section{file, offset}
	f.buf.Reset(&f.in)
	e, err := readEntry(f.buf, offset)
	if err != nil {
		return entry{}, broken(p, offset, err)
	}
	return e, nil
}

// readEntry reads an entry's header: gitformat-pack(5).
func readEntry(r io.ByteReader, offset int64) (entry, error) {
	c, err := r.ReadByte()
	if err != nil {
		return entry{}, noEOF(err)
	}
	e := entry{kind: plumbing.ObjectType(c >> 4 & 7), size: int64(c & 15)}
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = r.ReadByte(); err != nil {
			return entry{}, noEOF(err)
		}
		if shift > 56 {
			return entry{}, errors.New("size overflows")
		}
		e.size |= int64(c&0x7f) << shift
	}
	switch e.kind {
	case plumbing.OFSDeltaObject:
		var back int64
		if back, err = readOffset(r); err == nil && (back <= 0 || back >= offset) {
			err = errors.New("delta base outside the pack")
		}
		e.base = offset - back
	case plumbing.REFDeltaObject:
		for i := range e.ref {
			if e.ref[i], err = r.ReadByte(); err != nil {
				break
			}
		}
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	default:
		err = fmt.Errorf("object of unknown kind %d", e.kind)
	}
	return e, noEOF(err)
}

// readOffset reads the distance to an OFS_DELTA's base.
func readOffset(r io.ByteReader) (int64, error) {
	c, err := r.ReadByte()
	n := int64(c & 0x7f)
	for err == nil && c&0x80 != 0 {
		if n > 1<<55 {
			return 0, errors.New("offset overflows")
		}
		c, err = r.ReadByte()
		n = (n+1)<<7 | int64(c&0x7f)
	}
	return n, err
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// expand returns the data that follows the header just read; it must be size
// bytes exactly, whose checksum the reader verifies at the end.
func (f *inflater) expand(size int64) ([]byte, error) {
	if err := f.reset(); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f.z, data); err != nil {
		return nil, noEOF(err)
	}
	var more [1]byte
	if n, err := f.z.Read(more[:]); n > 0 {
		return nil, errors.New("more data than the header says")
	} else if err != io.EOF {
		return nil, err
	}
	return data, nil
}

// peek returns the first bytes of the data.
func (f *inflater) peek(n int) ([]byte, error) {
	if err := f.reset(); err != nil {
		return nil, err
	}
	data := make([]byte, n)
	n, err := io.ReadFull(f.z, data)
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, noEOF(err)
	}
	return data[:n], nil
}

func (f *inflater) reset() (err error) {
	if f.z == nil {
		f.z, err = zlib.NewReader(f.buf)
		return noEOF(err)
	}
	return noEOF(f.z.(zlib.Resetter).Reset(f.buf, nil))
}

// link is one step of a chain of deltas, to be applied to what lies below it.
type link struct {
	p      *pack
	offset int64
	delta  []byte
	src    int64 // size of the base that the delta was made for
}

// readPacked rebuilds the object at an offset. Nothing is expanded before its
// size is known to be within bounds: limit for the object itself, and for what
// it is rebuilt from the larger of limit and maxRebuilt.
func (s *store) readPacked(p *pack, offset, limit int64) (object, error) {
	f := s.inflates.Get().(*inflater)
	defer s.inflates.Put(f)
	var chain []link
	for bound := limit; ; bound = max(limit, maxRebuilt) {
		if o, ok := s.bases.get(p.place(offset)); ok {
			return s.apply(o, chain, limit)
		}
		e, err := f.at(p, offset)
		if err != nil {
			return object{}, err
		}
		if !isDelta(e.kind) {
			o, err := f.whole(e, bound)
			if err != nil {
				return object{}, broken(p, offset, err)
			}
			s.bases.put(p.place(offset), o)
			return s.apply(o, chain, limit)
		}
		if len(chain) == maxChain {
			return object{}, broken(p, offset, errors.New("chain of deltas too long"))
		}
		l, err := f.delta(e, bound, max(limit, maxRebuilt))
		if err != nil {
			return object{}, broken(p, offset, err)
		}
		l.p, l.offset = p, offset
		chain = append(chain, l)
		if offset, err = baseOf(p, e, offset); err != nil {
			return object{}, err
		}
	}
}

func isDelta(kind plumbing.ObjectType) bool {
	return kind == plumbing.OFSDeltaObject || kind == plumbing.REFDeltaObject
}

// whole expands an object that is stored as it is.
func (f *inflater) whole(e entry, bound int64) (object, error) {
	if err := bounded(e.size, bound); err != nil {
		return object{}, err
	}
	data, err := f.expand(e.size)
	return object{e.kind, data}, err
}

// delta expands a delta, and refuses one that makes more than bound bytes or
// needs a base of more than baseBound.
func (f *inflater) delta(e entry, bound, baseBound int64) (link, error) {
	if err := bounded(e.size, baseBound); err != nil {
		return link{}, err
	}
	data, err := f.expand(e.size)
	if err != nil {
		return link{}, err
	}
	src, dst, err := deltaSizes(data)
	if err == nil {
		err = bounded(dst, bound)
	}
	if err == nil && src > baseBound {
		err = fmt.Errorf("it is rebuilt from another object: %w", bounded(src, baseBound))
	}
	return link{delta: data, src: src}, err
}

// deltaSizes reads the sizes of source and target that a delta begins with.
func deltaSizes(delta []byte) (src, dst int64, err error) {
	s, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, 0, errors.New("delta without sizes")
	}
	d, m := binary.Uvarint(delta[n:])
	if m <= 0 || s > 1<<62 || d > 1<<62 {
		return 0, 0, errors.New("delta without sizes")
	}
	return int64(s), int64(d), nil
}

// baseOf finds what a delta is to be applied to; a pack on disk holds all its
// bases itself.
func baseOf(p *pack, e entry, offset int64) (int64, error) {
	if e.kind == plumbing.OFSDeltaObject {
		return e.base, nil
	}
	if at, ok := p.find(e.ref); ok && at != offset {
		return at, nil
	}
	return 0, broken(p, offset, fmt.Errorf("the delta's base %s is not in the pack", e.ref))
}

// broken names the place of bad bytes. A file that a reload closed under the
// reader was only moved; what is too large is not broken.
func broken(p *pack, offset int64, err error) error {
	switch {
	case errors.Is(err, os.ErrClosed), errors.Is(err, errMoved):
		return errMoved
	case errors.Is(err, ErrTooLarge):
		return err
	}
	return fmt.Errorf("%w: %s.pack at %d: %w", ErrCorrupt, p.path, offset, err)
}

// apply rebuilds from the bottom of the chain upwards.
func (s *store) apply(o object, chain []link, limit int64) (object, error) {
	for i := len(chain) - 1; i >= 0; i-- {
		l := chain[i]
		if int64(len(o.data)) != l.src {
			return object{}, broken(l.p, l.offset, errors.New("delta made for another base"))
		}
		data, err := packfile.PatchDelta(o.data, l.delta)
		if err != nil {
			return object{}, broken(l.p, l.offset, err)
		}
		o = object{o.kind, data}
		s.bases.put(l.p.place(l.offset), o)
	}
	return o, bounded(int64(len(o.data)), limit)
}

// packedHeader finds kind and size of the object at an offset. The size is in
// the first bytes of its delta, the kind at the bottom of the chain.
func (s *store) packedHeader(p *pack, offset int64) (plumbing.ObjectType, int64, error) {
	f := s.inflates.Get().(*inflater)
	defer s.inflates.Put(f)
	size := int64(-1)
	for range maxChain {
		if o, ok := s.bases.get(p.place(offset)); ok {
			if size < 0 {
				size = int64(len(o.data))
			}
			return o.kind, size, nil
		}
		e, err := f.at(p, offset)
		if err != nil {
			return 0, 0, err
		}
		if !isDelta(e.kind) {
			if size < 0 {
				size = e.size
			}
			return e.kind, size, nil
		}
		if size < 0 {
			if size, err = f.target(); err != nil {
				return 0, 0, broken(p, offset, err)
			}
		}
		if offset, err = baseOf(p, e, offset); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, broken(p, offset, errors.New("chain of deltas too long"))
}

// target reads the size of what the delta at hand makes.
func (f *inflater) target() (int64, error) {
	head, err := f.peek(2 * binary.MaxVarintLen64)
	if err != nil {
		return 0, err
	}
	_, size, err := deltaSizes(head)
	return size, err
}
