package gitrepo

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/go-git/go-git/v5/plumbing"
)

// maxDepth bounds how deep folders are compared.
const maxDepth = 256

// Difference is a path at which a tree differs from those it was compared with.
type Difference struct {
	// Path is separated by slashes: the bytes that Git holds, not always UTF-8.
	Path string
	// After is what the tree has there, its Mode zero where that is nothing, or a
	// folder.
	After Entry
	// Before is the same of each tree compared with, in their order.
	Before []Entry
}

// Compare yields the files (all but folders) under tree that differ from those
// of every tree of others, in Git's order; with no others all files of tree.
// That is what a commit changed, a merge included. "" is the empty tree.
//
// Two files differ by hash and by type; the executable bit alone is no
// difference. A file that takes the place of a folder is new, and those in the
// folder are gone. A path that is gone is a difference if all others have it.
//
// descend says of a folder whether to look below it, file of a path whether it
// is asked for; both are asked only where there is a difference.
//
// ErrNotFound when there is no such tree; ErrCorrupt when one of those read is
// not in order or has a name twice; ErrTooLarge when folders lie more than 256
// deep.
func (r *Repo) Compare(ctx context.Context, tree Hash, others []Hash, descend, file func(path string) bool) ([]Difference, error) {
	c := &comparison{ctx: ctx, repo: r, descend: descend, file: file}
	roots := make([]cursor, 0, len(others)+1)
	for _, h := range append([]Hash{tree}, others...) {
		var root cursor
		if h != "" {
			id, err := h.oid()
			if err != nil {
				return nil, fmt.Errorf("compare trees: %w", err)
			}
			root = cursor{mode: Folder, hash: id[:], here: true}
		}
		roots = append(roots, root)
	}
	if same(roots) {
		return nil, ctx.Err()
	}
	if err := c.below("", 0, roots); err != nil {
		return nil, fmt.Errorf("compare tree %s: %w", tree, err)
	}
	return c.found, nil
}

// comparison is one walk over trees in step. It lives for one call, and so may
// hold its context.
type comparison struct {
	ctx           context.Context
	repo          *Repo
	descend, file func(string) bool
	found         []Difference
}

// cursor is at one entry of a tree, of which it holds the bytes as stored.
type cursor struct {
	raw, name, hash []byte // of the entry; empty past the last one
	rest            []byte // what follows it
	mode            Mode
	here            bool // the entry has the name that the walk is at
}

// emptyTree is known to Git also where no such object is stored.
var emptyTree = plumbing.ComputeHash(plumbing.TreeObject, nil)

// below compares the folders that the cursors are at; where one is not here, it
// counts as empty. prefix is their path with a slash at its end.
func (c *comparison) below(prefix string, depth int, folders []cursor) error {
	if depth > maxDepth {
		return fmt.Errorf("%q: folders more than %d deep: %w", prefix, maxDepth, ErrTooLarge)
	}
	sides := make([]cursor, len(folders))
	for i := range folders {
		if !folders[i].here {
			continue
		}
		err := c.open(&sides[i], folders[i].hash)
		if err == nil {
			err = sides[i].next()
		}
		if err != nil {
			return fmt.Errorf("tree %x at %q: %w", folders[i].hash, prefix, err)
		}
	}
	return c.walk(prefix, depth, sides)
}

func (c *comparison) open(side *cursor, hash []byte) error {
	id := oid(hash)
	if id == emptyTree {
		return c.ctx.Err()
	}
	o, err := c.repo.objectAt(c.ctx, id, plumbing.TreeObject, maxRebuilt)
	side.rest = o
	return err
}

// walk goes over the entries of one folder on all sides, name by name.
func (c *comparison) walk(prefix string, depth int, sides []cursor) error {
	for {
		err := passEqual(sides)
		if err != nil {
			return fmt.Errorf("folder %q: %w", prefix, err)
		}
		at := meet(sides)
		if at == nil {
			return nil
		}
		if !same(sides) {
			if err := c.differ(prefix, depth, at, sides); err != nil {
				return err
			}
		}
		for i := range sides {
			if sides[i].here {
				err = sides[i].next()
			}
			if err != nil {
				return fmt.Errorf("folder %q: %w", prefix, err)
			}
		}
	}
}

// differ takes up one name at which the sides are not the same.
func (c *comparison) differ(prefix string, depth int, at *cursor, sides []cursor) error {
	path := prefix + string(at.name)
	if at.mode == Folder {
		if c.descend != nil && !c.descend(path) {
			return nil
		}
		return c.below(path+"/", depth+1, sides)
	}
	if c.file != nil && !c.file(path) {
		return nil
	}
	d := Difference{Path: path, After: sides[0].entry()}
	if len(sides) > 1 {
		d.Before = make([]Entry, len(sides)-1)
	}
	for i := range d.Before {
		d.Before[i] = sides[i+1].entry()
	}
	c.found = append(c.found, d)
	return nil
}

// same tells whether there can be no difference at what the sides have here: the
// tree has the same as one of the others.
func same(sides []cursor) bool {
	for i := 1; i < len(sides); i++ {
		if sides[0].like(&sides[i]) {
			return true
		}
	}
	return false
}

// like tells whether two sides have the same here. Both have the same name.
func (e *cursor) like(other *cursor) bool {
	if !e.here || !other.here {
		return e.here == other.here
	}
	return bytes.Equal(e.hash, other.hash) && kindOf(e.mode) == kindOf(other.mode)
}

func kindOf(m Mode) Mode {
	if m == Executable {
		return File
	}
	return m
}

func (e *cursor) entry() Entry {
	if !e.here {
		return Entry{}
	}
	return Entry{string(e.name), e.mode, Hash(hex.EncodeToString(e.hash))}
}

// meet marks the sides that have the least name, and returns one of them; nil
// at the end of all.
func meet(sides []cursor) *cursor {
	var least *cursor
	for i := range sides {
		e := &sides[i]
		e.here = len(e.raw) > 0
		if !e.here {
			continue
		}
		order := -1
		if least != nil {
			order = compareNames(e.name, e.mode, least.name, least.mode)
		}
		switch {
		case order > 0:
			e.here = false
		case order < 0:
			for j := range i {
				sides[j].here = false
			}
			least = e
		}
	}
	return least
}

// compareNames orders names as Git does: that of a folder as if it ended with a
// slash. A file and a folder of one name are two, and lie apart.
func compareNames(a []byte, aMode Mode, b []byte, bMode Mode) int {
	n := min(len(a), len(b))
	if order := bytes.Compare(a[:n], b[:n]); order != 0 {
		return order
	}
	return int(letter(a, aMode, n)) - int(letter(b, bMode, n))
}

func letter(name []byte, mode Mode, i int) byte {
	switch {
	case i < len(name):
		return name[i]
	case mode == Folder:
		return '/'
	}
	return 0
}

// next goes to the next entry, which must be greater.
func (e *cursor) next() error {
	name, mode := e.name, e.mode
	if len(e.rest) == 0 {
		*e = cursor{}
		return nil
	}
	entry, rest, ok := cutEntry(e.rest)
	if !ok {
		return fmt.Errorf("%w: an entry of the tree", ErrCorrupt)
	}
	e.raw = e.rest[:len(e.rest)-len(rest)]
	e.name, e.hash, e.mode, e.rest = entry.name, entry.hash, modeOf(entry.mode), rest
	if len(name) > 0 && compareNames(name, mode, e.name, e.mode) >= 0 {
		return disorder(e.name)
	}
	return nil
}

func disorder(name []byte) error {
	return fmt.Errorf("%w: the tree has %q out of order, or twice", ErrCorrupt, name)
}

// passEqual leaves behind what all trees have in common, which is nearly all: the
// entries that begin what follows in each are read in one alone.
func passEqual(sides []cursor) error {
	first := &sides[0]
	common := len(first.rest)
	if len(first.raw) == 0 || len(sides) == 1 {
		return nil
	}
	for i := range sides[1:] {
		other := &sides[i+1]
		if !bytes.Equal(first.raw, other.raw) {
			return nil
		}
		common = commonPrefix(first.rest[:common], other.rest)
	}
	last, rest := *first, first.rest[:common]
	for {
		entry, after, ok := cutEntry(rest)
		if !ok {
			break // the bytes differ within it, or next finds what is wrong
		}
		name, mode := last.name, last.mode
		last.name, last.mode = entry.name, modeOf(entry.mode)
		if compareNames(name, mode, last.name, last.mode) >= 0 {
			return disorder(last.name)
		}
		rest = after
	}
	passed := common - len(rest)
	for i := range sides {
		e := &sides[i]
		e.name, e.mode, e.rest = last.name, last.mode, e.rest[passed:]
		if err := e.next(); err != nil {
			return err
		}
	}
	return nil
}

// commonPrefix counts the bytes that both begin with.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
