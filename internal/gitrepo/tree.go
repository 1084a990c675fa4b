package gitrepo

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Mode says what an entry of a tree is.
type Mode uint8

// The modes that Git knows.
const (
	File Mode = iota + 1
	Executable
	Symlink
	Submodule
	Folder
)

// String names the mode for messages.
func (m Mode) String() string {
	switch m {
	case File:
		return "file"
	case Executable:
		return "executable file"
	case Symlink:
		return "symbolic link"
	case Submodule:
		return "submodule"
	case Folder:
		return "folder"
	}
	return "entry of unknown mode"
}

// Entry is one entry of a tree. The name is the bytes that Git holds: it need
// not be UTF-8, and may hold anything but a zero byte and a slash.
type Entry struct {
	Name string
	Mode Mode
	Hash Hash
}

// Tree lists a tree in Git's order, in which a folder sorts as if its name
// ended with a slash. Entries come as they are stored, twice if they are there
// twice. ErrNotFound when there is no such tree; ErrCorrupt when its bytes are
// none.
func (r *Repo) Tree(ctx context.Context, h Hash) ([]Entry, error) {
	data, err := r.object(ctx, h, plumbing.TreeObject, maxRebuilt)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", h, err)
	}
	entries, err := parseTree(data)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", h, err)
	}
	return entries, nil
}

// rawEntry is an entry as stored: octal mode, a space, name, a zero byte, and
// the twenty bytes of the hash.
type rawEntry struct{ mode, name, hash []byte }

// cutEntry takes the first entry off a tree.
func cutEntry(data []byte) (e rawEntry, rest []byte, ok bool) {
	space := 0
	for space < len(data) && '0' <= data[space] && data[space] <= '7' {
		space++
	}
	if space == 0 || space == len(data) || data[space] != ' ' {
		return e, data, false
	}
	name := data[space+1:]
	end := bytes.IndexByte(name, 0)
	after := end + 1 + len(oid{})
	if end <= 0 || after > len(name) || bytes.IndexByte(name[:end], '/') >= 0 {
		return e, data, false
	}
	return rawEntry{data[:space], name[:end], name[end+1 : after]}, name[after:], true
}

// parseTree reads all entries. All names, and all hashes, share one string each.
func parseTree(data []byte) ([]Entry, error) {
	entries := make([]Entry, 0, len(data)/32+1)
	hashes := make([]byte, 0, len(data)*2)
	text := string(data)
	for rest := data; len(rest) > 0; {
		e, after, ok := cutEntry(rest)
		if !ok {
			return nil, fmt.Errorf("%w: entry %d of the tree", ErrCorrupt, len(entries)+1)
		}
		start := len(data) - len(rest) + len(e.mode) + 1
		entries = append(entries, Entry{Name: text[start : start+len(e.name)], Mode: modeOf(e.mode)})
		hashes = hex.AppendEncode(hashes, e.hash)
		rest = after
	}
	all := string(hashes)
	for i := range entries {
		entries[i].Hash = Hash(all[40*i : 40*(i+1)])
	}
	return entries, nil
}

// modeOf is parseMode, quick for what is common.
func modeOf(octal []byte) Mode {
	switch string(octal) {
	case "100644":
		return File
	case "40000":
		return Folder
	}
	return parseMode(string(octal))
}

// parseMode reads the octal mode by its type bits, as Git does: what is
// nothing else is a submodule.
func parseMode(octal string) Mode {
	n := 0
	for _, c := range []byte(octal) {
		n = (n<<3 | int(c-'0')) & 0o7777777
	}
	switch {
	case n&0o170000 == 0o100000 && n&0o100 != 0:
		return Executable
	case n&0o170000 == 0o100000:
		return File
	case n&0o170000 == 0o120000:
		return Symlink
	case n&0o170000 == 0o040000:
		return Folder
	}
	return Submodule
}

// Lookup finds one path, its parts separated by slashes, from a tree on down;
// "" is the tree itself. Links are not followed. ErrNotFound when it is not there.
func (r *Repo) Lookup(ctx context.Context, tree Hash, path string) (Entry, error) {
	at := Entry{Mode: Folder, Hash: tree}
	if path == "" {
		return at, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if at.Mode != Folder {
			return Entry{}, fmt.Errorf("look up %q: %w: %q is a %s", path, ErrNotFound, at.Name, at.Mode)
		}
		data, err := r.object(ctx, at.Hash, plumbing.TreeObject, maxRebuilt)
		if err != nil {
			return Entry{}, fmt.Errorf("look up %q: %w", path, err)
		}
		next, ok := findEntry(data, name)
		if !ok {
			return Entry{}, fmt.Errorf("look up %q: %w", path, ErrNotFound)
		}
		at = next
	}
	return at, nil
}

// findEntry finds a name in the bytes of a tree, the first of that name. The
// order of a tree does not allow a search by halves: entries are of any length.
func findEntry(data []byte, name string) (Entry, bool) {
	for {
		e, rest, ok := cutEntry(data)
		if !ok {
			return Entry{}, false
		}
		if string(e.name) == name {
			return Entry{name, modeOf(e.mode), Hash(hex.EncodeToString(e.hash))}, true
		}
		data = rest
	}
}

// Blob returns the bytes of a blob, shared and not to be written to. ErrTooLarge
// when there are more than Config.MaxBlob, of which none is then read;
// ErrNotFound when there is no such blob.
func (r *Repo) Blob(ctx context.Context, h Hash) ([]byte, error) {
	data, err := r.object(ctx, h, plumbing.BlobObject, r.cfg.MaxBlob)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", h, err)
	}
	return data, nil
}

// BlobSize is how many bytes a blob has, found without reading them.
func (r *Repo) BlobSize(ctx context.Context, h Hash) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	id, err := h.oid()
	if err != nil {
		return 0, err
	}
	kind, size, err := r.store.header(id)
	if err == nil && kind != plumbing.BlobObject {
		err = fmt.Errorf("it is a %s, not a blob: %w", kind, ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("size of blob %s: %w", h, err)
	}
	return size, nil
}

// Probe finds an object on disk, past every cache and every file held open: a
// sign that the repository can still be read. ErrNotFound when it is not there.
func (r *Repo) Probe(ctx context.Context, h Hash) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	id, err := h.oid()
	if err == nil {
		err = r.store.probe(id)
	}
	if err != nil {
		return fmt.Errorf("find object %s: %w", h, err)
	}
	return nil
}
