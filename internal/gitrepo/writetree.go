package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// TreeChange sets one path of a tree, or removes it.
type TreeChange struct {
	// Path is from the root, its parts separated by slashes.
	Path string
	// Entry is what is to be there; its name does not count. The zero mode removes
	// what is there, a folder with all that it holds.
	Entry Entry
}

// WriteTree makes a tree that is base, "" being the empty one, with changes, and
// gives its name. Folders that become empty vanish; those not touched are
// shared. As for all objects, it is UpdateRef that waits for the disk.
//
// ErrNotFound when there is no tree base, nothing at a path to be removed, or no
// object of the kind that an entry says; ErrUnsupported for a path that Git
// would not take (also not on macOS or Windows) or with a control character, for
// one that is set or removed twice, and where a folder and something else would
// be in one place: to put one where the other is, remove that in the same call.
func (r *Repo) WriteTree(ctx context.Context, base Hash, changes []TreeChange) (Hash, error) {
	w := treeWriter{repo: r}
	id, err := w.root(ctx, base, changes)
	if err != nil {
		return "", fmt.Errorf("write tree: %w", err)
	}
	return fromOID(id), nil
}

// treeWriter makes the trees in memory first, so that an error leaves nothing.
type treeWriter struct {
	repo  *Repo
	trees [][]byte
}

func (w *treeWriter) root(ctx context.Context, base Hash, changes []TreeChange) (oid, error) {
	if err := ctx.Err(); err != nil {
		return oid{}, err
	}
	if base == fromOID(emptyTree) { // known also where no such object is stored
		base = ""
	}
	if base != "" {
		if err := w.repo.holds(base, plumbing.TreeObject); err != nil {
			return oid{}, err
		}
	}
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, byFolder)
	for i, c := range changes {
		if err := w.check(c); err != nil {
			return oid{}, err
		}
		if i > 0 && byFolder(changes[i-1], c) == 0 {
			return oid{}, fmt.Errorf("path %q: %w: changed twice", c.Path, ErrUnsupported)
		}
	}
	id, err := w.folder(ctx, base, "", changes)
	if err == nil && id.IsZero() {
		id = w.keep(nil)
	}
	if err != nil {
		return oid{}, err
	}
	for _, data := range w.trees {
		if _, err := w.repo.store.put(plumbing.TreeObject, data); err != nil {
			return oid{}, err
		}
	}
	return id, nil
}

// byFolder orders changes so that what is below a path follows it, and what is
// removed comes before what is set in its place.
func byFolder(a, b TreeChange) int {
	return cmp.Or(cmp.Compare(strings.ReplaceAll(a.Path, "/", "\x00"), strings.ReplaceAll(b.Path, "/", "\x00")),
		cmp.Compare(min(a.Entry.Mode, 1), min(b.Entry.Mode, 1)))
}

// check refuses what no tree should hold.
func (w *treeWriter) check(c TreeChange) error {
	if err := checkTreePath(c.Path, c.Entry.Mode); err != nil {
		return err
	}
	kind := plumbing.BlobObject
	switch c.Entry.Mode {
	case 0:
		return nil
	case File, Executable, Symlink:
	case Folder:
		kind = plumbing.TreeObject
	case Submodule: // its commit is in another repository
		_, err := c.Entry.Hash.oid()
		return err
	default:
		return fmt.Errorf("path %q: %w: %s", c.Path, ErrUnsupported, c.Entry.Mode)
	}
	if err := w.repo.holds(c.Entry.Hash, kind); err != nil {
		return fmt.Errorf("path %q: %w", c.Path, err)
	}
	return nil
}

// holds makes sure that there is an object of a kind.
func (r *Repo) holds(h Hash, kind plumbing.ObjectType) error {
	id, err := h.oid()
	if err != nil {
		return err
	}
	is, _, err := r.store.header(id)
	if err == nil && is != kind {
		err = fmt.Errorf("object %s is a %s, not a %s: %w", id, is, kind, ErrNotFound)
	}
	return err
}

// treeEntry is an entry with its mode as it is stored.
type treeEntry struct {
	mode, name string
	id         oid
}

func (e treeEntry) folder() bool { return modeOf([]byte(e.mode)) == Folder }

// octal is how Git stores modes.
var octal = [...]string{File: "100644", Executable: "100755", Symlink: "120000", Submodule: "160000", Folder: "40000"}

// folder makes the tree at base, "" for none, with changes to paths that begin
// with prefix. It comes back zero when nothing is left in it.
func (w *treeWriter) folder(ctx context.Context, base Hash, prefix string, changes []TreeChange) (oid, error) {
	if len(changes) == 0 && base != "" {
		return base.oid()
	}
	entries, err := w.entries(ctx, base)
	if err != nil {
		return oid{}, err
	}
	for len(changes) > 0 {
		name, _, _ := strings.Cut(changes[0].Path[len(prefix):], "/")
		n := slices.IndexFunc(changes, func(c TreeChange) bool { return !under(c.Path, prefix+name) })
		if n < 0 {
			n = len(changes)
		}
		mine := changes[:n]
		changes = changes[n:]
		at := slices.IndexFunc(entries, func(e treeEntry) bool { return e.name == name })
		var old treeEntry
		if at >= 0 {
			old = entries[at]
			entries = slices.Delete(entries, at, at+1)
		}
		now, err := w.entry(ctx, old, prefix+name, mine)
		if err != nil {
			return oid{}, err
		}
		if now.mode != "" {
			now.name = name
			entries = append(entries, now)
		}
	}
	if len(entries) == 0 {
		return oid{}, nil
	}
	return w.keep(entries), nil
}

func (w *treeWriter) entries(ctx context.Context, tree Hash) ([]treeEntry, error) {
	if tree == "" {
		return nil, nil
	}
	data, err := w.repo.object(ctx, tree, plumbing.TreeObject, maxRebuilt)
	if err != nil {
		return nil, err
	}
	var entries []treeEntry
	for len(data) > 0 {
		e, rest, ok := cutEntry(data)
		if !ok {
			return nil, fmt.Errorf("tree %s: %w", tree, ErrCorrupt)
		}
		entries = append(entries, treeEntry{string(e.mode), string(e.name), oid(e.hash)})
		data = rest
	}
	return entries, nil
}

// entry is what becomes of old by the changes to its path and below. The zero
// entry is none.
func (w *treeWriter) entry(ctx context.Context, old treeEntry, path string, changes []TreeChange) (treeEntry, error) {
	var set *Entry
	for ; len(changes) > 0 && changes[0].Path == path; changes = changes[1:] {
		if changes[0].Entry.Mode != 0 {
			set = &changes[0].Entry
			continue
		}
		if old.mode == "" {
			return treeEntry{}, fmt.Errorf("remove %q: %w", path, ErrNotFound)
		}
		old = treeEntry{}
	}
	if len(changes) > 0 {
		var err error
		if old, err = w.below(ctx, old, path, changes); err != nil {
			return treeEntry{}, err
		}
	}
	if set == nil {
		return old, nil
	}
	id, err := set.Hash.oid()
	if now := (treeEntry{mode: octal[set.Mode], id: id}); old.mode == "" || len(changes) == 0 && old.folder() == now.folder() {
		return now, err
	}
	return treeEntry{}, fmt.Errorf("path %q: %w: what is there is in the way", path, ErrUnsupported)
}

// below is the folder old with changes to what it holds.
func (w *treeWriter) below(ctx context.Context, old treeEntry, path string, changes []TreeChange) (treeEntry, error) {
	if old.mode != "" && !old.folder() {
		return treeEntry{}, fmt.Errorf("path %q: %w: %q, which is no folder, is in the way", changes[0].Path, ErrUnsupported, path)
	}
	id, err := w.folder(ctx, fromOID(old.id), path+"/", changes)
	if err != nil || id.IsZero() {
		return treeEntry{}, err
	}
	return treeEntry{mode: octal[Folder], id: id}, nil
}

// keep remembers a tree to be written, and names it. In Git's order a folder's
// name ends with a slash.
func (w *treeWriter) keep(entries []treeEntry) oid {
	key := func(e treeEntry) string {
		if e.folder() {
			return e.name + "/"
		}
		return e.name
	}
	slices.SortStableFunc(entries, func(a, b treeEntry) int { return cmp.Compare(key(a), key(b)) })
	var data bytes.Buffer
	for _, e := range entries {
		data.WriteString(e.mode + " " + e.name + "\x00")
		data.Write(e.id[:])
	}
	w.trees = append(w.trees, data.Bytes())
	return plumbing.ComputeHash(plumbing.TreeObject, data.Bytes())
}
