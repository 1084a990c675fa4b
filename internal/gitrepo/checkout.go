package gitrepo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// checkout takes the files of a work tree from one commit to another. It lives
// for one call. All paths are reached through root, which no link leads out of.
type checkout struct {
	repo     *Repo
	root     *os.Root
	index    *indexFile
	deltas   []*delta // what is removed before what is written
	old, now *Attributes
	modes    bool // core.fileMode: the executable bit can be trusted
	links    bool // core.symlinks
	indexed  bool // the new index counts
}

// delta is a file that differs; a zero mode is none.
type delta struct {
	path     string
	old, now Entry
	found    fs.FileInfo // what was there, when it was looked at
	kept     []byte      // its bytes, if they cannot be made again from the blob
	wrote    fs.FileInfo // what is there now
	arrived  bool        // it was what the new commit has, before anything was done
	done     bool
}

// checkout prepares it, and refuses what cannot be done without loss.
func (r *Repo) checkout(ctx context.Context, u RefUpdate) (_ *checkout, err error) {
	c := &checkout{repo: r}
	if c.index, err = readIndexFile(filepath.Join(r.gitDir, "index")); err != nil {
		return nil, err
	}
	if c.index.assumes() {
		return nil, fmt.Errorf("%w: some files are assumed to be unchanged: `git update-index --really-refresh` shows them, "+
			"--no-assume-unchanged ends it", ErrUnsupported)
	}
	was, err := r.Commit(ctx, u.Was)
	if err != nil {
		return nil, err
	}
	is, err := r.Commit(ctx, u.Is)
	if err != nil {
		return nil, err
	}
	if err := c.differ(ctx, "", 0, Entry{Mode: Folder, Hash: was.Tree}, Entry{Mode: Folder, Hash: is.Tree}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.deltas, func(a, b *delta) int { return cmp.Compare(min(a.now.Mode, 1), min(b.now.Mode, 1)) })
	if c.old, err = r.Attributes(ctx); err != nil {
		return nil, err
	}
	if c.now, err = r.Attributes(ctx); err != nil {
		return nil, err
	}
	c.now.from = is.Tree
	c.modes, c.links = c.old.conf.boolean("core.filemode", true), c.old.conf.boolean("core.symlinks", true)
	if c.old.conf.boolean("core.sparsecheckout", false) {
		return nil, fmt.Errorf("%w: a sparse checkout", ErrUnsupported)
	}
	if c.root, err = os.OpenRoot(r.workTree); err != nil {
		return nil, err
	}
	if err := c.clean(ctx); err != nil {
		return nil, errors.Join(err, c.root.Close())
	}
	return c, nil
}

// differ collects the files that differ below a path; an entry that is no folder
// has none below it.
func (c *checkout) differ(ctx context.Context, prefix string, depth int, old, now Entry) error {
	if depth > maxDepth {
		return fmt.Errorf("%q: folders more than %d deep: %w", prefix, maxDepth, ErrTooLarge)
	}
	sides := map[string][2]Entry{}
	for i, folder := range []Entry{old, now} {
		if folder.Mode != Folder || folder.Hash == fromOID(emptyTree) {
			continue
		}
		entries, err := c.repo.Tree(ctx, folder.Hash)
		if err != nil {
			return err
		}
		for _, e := range entries {
			pair := sides[e.Name]
			pair[i] = e
			sides[e.Name] = pair
		}
	}
	for name, pair := range sides {
		if pair[0] == pair[1] {
			continue
		}
		if err := c.differAt(ctx, prefix+name, depth, pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

func (c *checkout) differAt(ctx context.Context, path string, depth int, old, now Entry) error {
	if old.Mode == Submodule || now.Mode == Submodule {
		return fmt.Errorf("%q: %w: a submodule that differs", path, ErrUnsupported)
	}
	if old.Mode == Folder || now.Mode == Folder {
		if err := c.differ(ctx, path+"/", depth+1, old, now); err != nil {
			return err
		}
	}
	d := &delta{path: path}
	if old.Mode != Folder {
		d.old = old
	}
	if now.Mode != Folder {
		d.now = now
	}
	if d.old.Mode == 0 && d.now.Mode == 0 {
		return nil
	}
	c.deltas = append(c.deltas, d)
	return checkTreePath(path, now.Mode)
}

// clean refuses to lose anything.
func (c *checkout) clean(ctx context.Context) error {
	staged := map[string][]*index.Entry{}
	for _, e := range c.index.Entries {
		staged[e.Name] = append(staged[e.Name], e)
		if e.Stage != 0 {
			return fmt.Errorf("%w: %q is not merged yet", ErrBusy, e.Name)
		}
	}
	gone := map[string]bool{}
	for _, d := range c.deltas {
		gone[d.path] = d.now.Mode == 0
	}
	var dirty []string
	for _, d := range c.deltas {
		lost, err := c.wouldLose(ctx, d, staged[d.path], gone)
		if err != nil {
			return err
		}
		dirty = append(dirty, lost...)
	}
	if len(dirty) == 0 {
		return ctx.Err()
	}
	slices.Sort(dirty)
	return &UncommittedError{Paths: slices.Compact(dirty)}
}

// wouldLose lists what would be lost if d were done.
func (c *checkout) wouldLose(ctx context.Context, d *delta, staged []*index.Entry, gone map[string]bool) ([]string, error) {
	old, now := isStaged(staged, d.old), isStaged(staged, d.now)
	if old || now {
		if err := c.look(d); err != nil || d.arrived {
			return nil, errors.Join(err, ctx.Err())
		}
	}
	switch {
	case !old:
		return []string{d.path}, nil
	case d.old.Mode == 0:
		return c.inTheWay(d.path, gone)
	}
	clean, err := c.unchanged(ctx, d)
	if err != nil || clean {
		return nil, err
	}
	return []string{d.path}, nil
}

// look finds what is at a path, and whether that is what the new commit has there.
func (c *checkout) look(d *delta) error {
	info, err := c.lstat(d.path)
	if missing := errors.Is(err, fs.ErrNotExist); missing || err == nil && d.now.Mode == 0 {
		d.arrived = d.now.Mode == 0 && (missing || info.IsDir())
		return nil
	}
	if err != nil {
		return err
	}
	if d.arrived, _, err = c.holds(d.path, info, d.now, c.now); d.arrived {
		d.found, d.wrote = info, info
	}
	return err
}

// isStaged tells whether the index has what a commit has; a zero mode is nothing.
func isStaged(staged []*index.Entry, e Entry) bool {
	if e.Mode == 0 {
		return len(staged) == 0
	}
	return len(staged) == 1 && fromOID(staged[0].Hash) == e.Hash && staged[0].Mode == indexModes[e.Mode] &&
		!staged[0].IntentToAdd && !staged[0].SkipWorktree
}

// unchanged tells whether a file is what the old commit has.
func (c *checkout) unchanged(ctx context.Context, d *delta) (bool, error) {
	info, err := c.lstat(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, ctx.Err()
	}
	if err != nil {
		return false, err
	}
	d.found = info
	is, data, err := c.holds(d.path, info, d.old, c.old)
	if data != nil && HashBlob(data) != d.old.Hash {
		d.kept = data // what Git would write instead may end its lines otherwise
	}
	return is, err
}

// holds tells whether a file is what Git would take for an entry by attributes, and
// gives its bytes if it has some.
func (c *checkout) holds(path string, info fs.FileInfo, e Entry, by *Attributes) (is bool, data []byte, err error) {
	link := e.Mode == Symlink
	if link && c.links {
		if info.Mode().Type() != fs.ModeSymlink {
			return false, nil, nil
		}
		target, err := c.root.Readlink(filepath.FromSlash(path))
		return HashBlob([]byte(target)) == e.Hash, nil, err
	}
	if !info.Mode().IsRegular() || bounded(info.Size(), c.repo.cfg.MaxBlob) != nil {
		return false, nil, nil
	}
	if c.modes && !link && (info.Mode()&0o100 != 0) != (e.Mode == Executable) {
		return false, nil, nil
	}
	if data, err = c.root.ReadFile(filepath.FromSlash(path)); err != nil {
		return false, nil, err
	}
	is = HashBlob(data) == e.Hash || !link && HashBlob(by.Clean(path, data)) == e.Hash
	return is, data, nil
}

// another tells whether a file is another than its entry in the index says, which
// Git would not see by size and time.
func (c *checkout) another(e *index.Entry) bool {
	info, err := c.lstat(e.Name)
	if err != nil || uint32(info.Size()) != e.Size || info.ModTime().Unix() != e.ModifiedAt.Unix() {
		return false // Git will see
	}
	mode := slices.Index(indexModes[:], e.Mode)
	if mode < 0 {
		return true
	}
	is, _, err := c.holds(e.Name, info, Entry{Mode: Mode(mode), Hash: fromOID(e.Hash)}, c.old)
	return !is || err != nil
}

// lstat is of a file whose folders are folders: what is behind a link is not there.
func (c *checkout) lstat(name string) (fs.FileInfo, error) {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		info, err := c.root.Lstat(filepath.FromSlash(name[:i]))
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, fs.ErrNotExist
		}
	}
	return c.root.Lstat(filepath.FromSlash(name))
}

// inTheWay lists what lies where a new file is to be, but for what will be gone.
func (c *checkout) inTheWay(name string, gone map[string]bool) ([]string, error) {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		info, err := c.root.Lstat(filepath.FromSlash(name[:i]))
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && gone[name[:i]]:
			return nil, nil
		case err != nil:
			return nil, err
		case !info.IsDir():
			return []string{name[:i]}, nil
		}
	}
	var found []string
	err := fs.WalkDir(c.root.FS(), name, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !gone[path] {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

// apply removes and writes the files.
func (c *checkout) apply(ctx context.Context) error {
	for _, d := range c.deltas {
		if err := c.same(d); err != nil {
			return err
		}
		if d.arrived {
			continue
		}
		if d.now.Mode == 0 {
			if err := c.root.Remove(filepath.FromSlash(d.path)); err != nil {
				return err
			}
			d.done = true
			c.prune(d.path)
			continue
		}
		data, err := c.contents(ctx, d.now, d.path, c.now)
		if err == nil {
			d.wrote, err = c.write(d.path, d.now.Mode, data, d.old.Mode != 0)
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", d.path, err)
		}
		d.done = true
	}
	return nil
}

// same makes sure that a file is still what it was when it was looked at.
func (c *checkout) same(d *delta) error {
	if d.found == nil {
		return nil
	}
	info, err := c.lstat(d.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !sameFile(info, d.found) {
		return &UncommittedError{Paths: []string{d.path}}
	}
	return err
}

// contents are the bytes that a file is to have, or a link is to hold.
func (c *checkout) contents(ctx context.Context, e Entry, path string, a *Attributes) ([]byte, error) {
	data, err := c.repo.Blob(ctx, e.Hash)
	if err != nil || e.Mode == Symlink {
		return data, err
	}
	return a.smudge(path, data)
}

// write puts a file in its place, whole. There must be none yet, unless replace.
func (c *checkout) write(name string, mode Mode, data []byte, replace bool) (fs.FileInfo, error) {
	name = filepath.FromSlash(name)
	dir := filepath.Dir(name)
	if err := c.root.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if info, err := c.lstat(filepath.ToSlash(dir)); err != nil || !info.IsDir() {
		return nil, errors.Join(err, fmt.Errorf("%q: %w: not a folder any more", dir, ErrChanged))
	}
	temp := filepath.Join(dir, ".koonti-"+strconv.FormatUint(rand.Uint64(), 36)+".tmp")
	err := c.create(temp, mode, data)
	if err == nil {
		err = c.place(temp, name, replace)
	}
	if err != nil {
		c.root.Remove(temp)
		return nil, err
	}
	return c.root.Lstat(name)
}

func (c *checkout) create(name string, mode Mode, data []byte) error {
	if mode == Symlink && c.links {
		return c.root.Symlink(string(data), name)
	}
	perm := fs.FileMode(0o666)
	if mode == Executable {
		perm = 0o777
	}
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (c *checkout) place(temp, name string, replace bool) error {
	if replace {
		return c.root.Rename(temp, name)
	}
	if info, err := c.root.Lstat(name); err == nil && info.IsDir() {
		if err := c.removeEmpty(name); err != nil {
			return err
		}
	}
	err := c.root.Link(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return errors.Join(err, c.root.Remove(temp))
	}
	return c.root.Rename(temp, name) // a file system without hard links
}

// removeEmpty removes a folder that holds nothing but such folders.
func (c *checkout) removeEmpty(dir string) error {
	entries, err := fs.ReadDir(c.root.FS(), filepath.ToSlash(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := c.removeEmpty(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return c.root.Remove(dir)
}

// prune removes the folders that are empty without a file.
func (c *checkout) prune(name string) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if c.root.Remove(filepath.FromSlash(dir)) != nil {
			return
		}
	}
}

// undo puts back what apply changed, the last first. What somebody changed since
// is left to him.
func (c *checkout) undo(ctx context.Context) error {
	var errs []error
	if c.indexed {
		errs = append(errs, c.restoreIndex(ctx))
	}
	for _, d := range slices.Backward(c.deltas) {
		if !d.done {
			continue
		}
		if err := c.putBack(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("put back %q: %w", d.path, err))
		}
	}
	return errors.Join(errs...)
}

func (c *checkout) putBack(ctx context.Context, d *delta) error {
	if d.wrote != nil {
		if info, err := c.lstat(d.path); err != nil || !sameFile(info, d.wrote) {
			return err
		}
	}
	if d.old.Mode == 0 {
		err := c.root.Remove(filepath.FromSlash(d.path))
		c.prune(d.path)
		return err
	}
	data := d.kept
	if data == nil {
		var err error
		if data, err = c.repo.Blob(ctx, d.old.Hash); err != nil {
			return err
		}
	}
	_, err := c.write(d.path, d.old.Mode, data, d.wrote != nil)
	return err
}

func (c *checkout) restoreIndex(ctx context.Context) error {
	path := filepath.Join(c.repo.gitDir, "index")
	if c.index.info == nil {
		return os.Remove(path)
	}
	return replaceFile(ctx, path, func() (string, error) { return string(c.index.data), nil })
}
