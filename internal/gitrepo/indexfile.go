package gitrepo

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// indexFile is an index as it was read (gitformat-index(5)).
type indexFile struct {
	index.Index
	data []byte
	info fs.FileInfo // nil where there is none yet
}

// readIndexFile reads an index. ErrUnsupported for one that only git can read.
func readIndexFile(path string) (*indexFile, error) {
	f, err := os.Open(path)
	if missing(err) {
		return &indexFile{Index: index.Index{Version: 2}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x := &indexFile{}
	if x.info, err = f.Stat(); err != nil {
		return nil, err
	}
	if x.data, err = io.ReadAll(f); err != nil {
		return nil, err
	}
	err = index.NewDecoder(bytes.NewReader(withSum(x.data))).Decode(&x.Index)
	if errors.Is(err, index.ErrUnknownExtension) || errors.Is(err, index.ErrUnsupportedVersion) {
		return nil, fmt.Errorf("%w: a split or sparse index (`git update-index --no-split-index` and "+
			"`git sparse-checkout reapply --no-sparse-index` make it a plain one): %w", ErrUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: index %s: %w", ErrCorrupt, path, err)
	}
	return x, nil
}

// withSum adds the checksum that index.skipHash leaves out, and go-git wants.
func withSum(data []byte) []byte {
	end := len(data) - sha1.Size
	if end < 0 || !bytes.Equal(data[end:], make([]byte, sha1.Size)) {
		return data
	}
	sum := sha1.Sum(data[:end])
	return append(data[:end:end], sum[:]...)
}

// assumes tells whether an entry is assumed to be unchanged, which go-git does
// not read and so would not write again.
func (x *indexFile) assumes() bool {
	rest := x.data[min(12, len(x.data)):]
	for range x.Entries {
		const fixed = 62 // stat data, hash and flags
		if len(rest) < fixed+2 {
			return false
		}
		flags, size := binary.BigEndian.Uint16(rest[fixed-2:]), fixed
		if flags&0x8000 != 0 {
			return true
		}
		if flags&0x4000 != 0 {
			size += 2
		}
		for x.Version == 4 && size < len(rest)-1 && rest[size]&0x80 != 0 {
			size++ // how much of the name before is cut off; the last byte of it may be zero
		}
		if x.Version == 4 {
			size++
		}
		size += 1 + bytes.IndexByte(rest[min(size, len(rest)):], 0)
		if x.Version != 4 {
			size = (size + 7) &^ 7
		}
		rest = rest[min(size, len(rest)):]
	}
	return false
}

// encode writes the index. An entry of a file that was written in the second in
// which the index was, or later, is not believed by Git: the file may be another of
// the same size since. The new index, being younger, would be believed; where the
// file is another indeed, a size of zero keeps Git from it, as in
// ce_smudge_racily_clean_entry of its read-cache.c.
func (x *indexFile) encode(another func(*index.Entry) bool) ([]byte, error) {
	for _, e := range x.Entries {
		if x.info != nil && e.ModifiedAt.Unix() >= x.info.ModTime().Unix() && another(e) {
			e.Size = 0
		}
	}
	// Optional extensions are left out: Git computes them again.
	var b bytes.Buffer
	err := index.NewEncoder(&b).Encode(&x.Index)
	return b.Bytes(), err
}
