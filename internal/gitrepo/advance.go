package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// UncommittedError names the files that a branch could not be advanced over.
type UncommittedError struct {
	// Paths are from the root of the work tree, with slashes, sorted.
	Paths []string
}

func (e *UncommittedError) Error() string {
	const shown = 5
	text := strings.Join(e.Paths[:min(shown, len(e.Paths))], ", ")
	if more := len(e.Paths) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%v: %s: commit it, or move it away", ErrUncommitted, text)
}

// Unwrap gives ErrUncommitted.
func (e *UncommittedError) Unwrap() error { return ErrUncommitted }

// Advance moves the branch that is checked out in this repository's work tree to a
// commit that has it in its past, and files and index with it, as `git merge
// --ff-only` does; no hook is run. Files that are the same in both commits are
// left as they are, with what was done to them. Line endings, executable bits and
// symbolic links become what Git would make of them. index.lock is held all the
// time, so that git, and Busy, know.
//
// A file that is already what u.Is has, tracked or not, stays as it is, and so does one
// that is gone already: there is nothing to lose. The index may have it either way.
//
// On any error files, index and branch are as before: *UncommittedError
// (ErrUncommitted) when a file that would change is neither what u.Was has nor what
// u.Is has, in the index or in the work tree, or something else lies where a file is
// to be, ignored or not; ErrChanged when the branch is not u.Was any more; ErrBusy when
// index.lock is held, or a merge, rebase, cherry-pick, revert or am is under way;
// ErrCheckedOut when another work tree has the branch too, or alone;
// ErrUnsupported when none has it, in a bare repository, when u.Is does not have
// u.Was in its past, and for what only git can do: submodules that differ, filters
// such as LFS on a file that differs, sparse checkouts, split indexes, files that
// are assumed to be unchanged, paths that Git would not take.
//
// Killed in between, it leaves index.lock, which is to be removed by hand, maybe a
// file named .koonti-*.tmp, and some files as in u.Is, which `git status` then
// shows as changed; killed at the very end, all of them, as staged. What they held
// before is in u.Was: `git restore` gets it back.
func (r *Repo) Advance(ctx context.Context, u RefUpdate) error {
	if err := r.advance(ctx, u); err != nil {
		return fmt.Errorf("advance %q to %s: %w", clip(u.Name), u.Is.Short(), err)
	}
	return nil
}

func (r *Repo) advance(ctx context.Context, u RefUpdate) error {
	if err := r.mayAdvance(ctx, u); err != nil {
		return err
	}
	lock, err := takeLock(ctx, filepath.Join(r.gitDir, "index.lock"))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	if err != nil {
		return err
	}
	defer func() { // after the rename it is gone
		lock.Close()
		os.Remove(lock.Name())
	}()
	if err := r.underWay(); err != nil {
		return err
	}
	from, err := orZero(u.Was)
	if err == nil {
		err = r.still(u.Name, from)
	}
	if err != nil || u.Was == u.Is {
		return err
	}
	c, err := r.checkout(ctx, u)
	if err != nil {
		return err
	}
	defer c.root.Close()
	err = c.apply(ctx)
	if err == nil {
		err = c.writeIndex(lock)
	}
	if err == nil {
		err = r.update(ctx, u, func() error { return c.lastStep(u, lock) })
	}
	if err != nil {
		return errors.Join(err, c.undo(context.WithoutCancel(ctx)))
	}
	return nil
}

// lastStep makes the new index count, while the branch is locked and all but done.
func (c *checkout) lastStep(u RefUpdate, lock *os.File) error {
	if err := c.repo.hasOut(u.Name); err != nil {
		return err
	}
	if err := c.repo.logUpdate(u, "HEAD"); err != nil {
		return err
	}
	err := os.Rename(lock.Name(), strings.TrimSuffix(lock.Name(), ".lock"))
	c.indexed = err == nil
	return err
}

// mayAdvance finds what is against it without looking at files.
func (r *Repo) mayAdvance(ctx context.Context, u RefUpdate) error {
	if err := writableRef(u.Name); err != nil {
		return err
	}
	if r.workTree == "" {
		return fmt.Errorf("%w: a bare repository has no work tree", ErrUnsupported)
	}
	if err := r.underWay(); err != nil {
		return err
	}
	tree, err := r.CheckedOut(ctx, u.Name)
	switch {
	case err != nil:
		return err
	case tree == "":
		return fmt.Errorf("%w: no work tree has it checked out: use Update", ErrUnsupported)
	}
	if err := r.hasOut(u.Name); err != nil {
		return fmt.Errorf("%w in %s alone: advance it there", ErrCheckedOut, tree)
	}
	trees, err := r.workTrees()
	if err != nil {
		return err
	}
	for _, l := range trees {
		if l.git != r.gitDir && l.hasOut(u.Name) {
			return fmt.Errorf("%w in %s too", ErrCheckedOut, l.work)
		}
	}
	below, err := r.IsAncestor(ctx, u.Was, u.Is)
	if err == nil && !below {
		err = fmt.Errorf("%w: %s is not in its past", ErrUnsupported, u.Was.Short())
	}
	return err
}

// hasOut makes sure that this work tree has the branch checked out.
func (r *Repo) hasOut(branch string) error {
	_, target, err := r.readRef("HEAD")
	if err != nil || target == branch {
		return err
	}
	return fmt.Errorf("%w: HEAD names another branch", ErrChanged)
}

// underWay refuses where a person is in the middle of something.
func (r *Repo) underWay() error {
	for _, name := range []string{"MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "sequencer"} {
		if _, err := os.Lstat(filepath.Join(r.gitDir, name)); err == nil {
			return fmt.Errorf("%w: %s is there: end what is under way, or give it up", ErrBusy, name)
		}
	}
	return nil
}

// writeIndex writes the index as it will be to the lock.
func (c *checkout) writeIndex(lock *os.File) error {
	entries := map[string]*index.Entry{}
	for _, e := range c.index.Entries {
		entries[e.Name] = e
	}
	fresh := map[*index.Entry]bool{}
	for _, d := range c.deltas {
		delete(entries, d.path)
		if d.now.Mode == 0 {
			continue
		}
		id, err := d.now.Hash.oid()
		if err != nil {
			return err
		}
		e := &index.Entry{Name: d.path, Hash: id, Mode: indexModes[d.now.Mode], ModifiedAt: d.wrote.ModTime(), Size: uint32(d.wrote.Size())}
		systemStat(e, d.wrote.Sys())
		entries[d.path], fresh[e] = e, true
	}
	c.index.Entries = c.index.Entries[:0]
	for _, e := range entries { // in any order: they are sorted when they are encoded
		c.index.Entries = append(c.index.Entries, e)
	}
	data, err := c.index.encode(func(e *index.Entry) bool { return !fresh[e] && c.another(e) })
	if err == nil {
		_, err = lock.Write(data)
	}
	if err == nil && c.index.info != nil {
		err = lock.Chmod(c.index.info.Mode().Perm())
	}
	if err == nil {
		err = lock.Sync()
	}
	return err
}

var indexModes = [...]filemode.FileMode{File: filemode.Regular, Executable: filemode.Executable, Symlink: filemode.Symlink}
