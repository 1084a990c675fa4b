package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// lockPatience is how long another writer's lock is waited for.
const lockPatience = 2 * time.Second

// setRef makes a ref name an object, if it is still what it was: the zero hash
// when it must not be there. last is done when nothing is left but to let the new
// value count, while the lock is held.
//
// The new value is on disk before the lock is taken, by giving it the lock's name:
// a process that is killed leaves the lock behind, which only a person can remove,
// so it is held for as short as can be.
func (r *Repo) setRef(ctx context.Context, name string, was, id oid, last func() error) error {
	path := r.refPath(name)
	err := r.store.settle()
	if err == nil {
		err = r.lockWith(ctx, path, id.String()+"\n")
	}
	if err == nil {
		err = swapRef(path, func() error { return r.still(name, was) }, last)
	}
	if err != nil {
		return fmt.Errorf("write ref %s: %w", name, err)
	}
	return nil
}

// swapRef puts the lock in the place of a ref, after each of the steps has let it.
func swapRef(path string, steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			os.Remove(path + ".lock")
			return err
		}
	}
	err := os.Rename(path+".lock", path)
	if err != nil {
		os.Remove(path + ".lock")
	}
	return err
}

// lockWith takes the lock of a ref, which holds text from the beginning.
func (r *Repo) lockWith(ctx context.Context, path, text string) error {
	temp := filepath.Join(r.commonDir, "koonti-ref-"+strconv.FormatUint(rand.Uint64(), 36)+".tmp")
	err := writeWhole(temp, text)
	defer os.Remove(temp)
	if err == nil {
		err = makeWay(path)
	}
	if err != nil {
		return err
	}
	err = inFolder(filepath.Dir(path), func() error {
		return patiently(ctx, func() error { return os.Link(temp, path+".lock") })
	})
	if err == nil || missing(err) || errors.Is(err, fs.ErrExist) || ctx.Err() != nil {
		return err
	}
	lock, err := lockRef(ctx, path) // a file system without hard links
	if err != nil {
		return err
	}
	_, err = lock.WriteString(text)
	if err = errors.Join(err, lock.Sync(), lock.Close()); err != nil {
		os.Remove(lock.Name())
	}
	return err
}

func writeWhole(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// lockRef takes the lock of a ref, whose folder may not be there yet.
func lockRef(ctx context.Context, path string) (lock *os.File, err error) {
	if err := makeWay(path); err != nil {
		return nil, err
	}
	err = inFolder(filepath.Dir(path), func() (err error) {
		lock, err = takeLock(ctx, path+".lock")
		return err
	})
	return lock, err
}

// makeWay removes empty folders that lie where the file is to be: what is left
// of refs below it that were deleted.
func makeWay(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.IsDir() {
		err = removeEmpty(path)
	}
	if missing(err) {
		return nil
	}
	return err
}

func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeEmpty(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}

// still tells by ErrChanged whether a ref is not what it was.
func (r *Repo) still(name string, was oid) error {
	_, now, err := r.follow(name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if now != was {
		return ErrChanged
	}
	return nil
}

// deleteRef removes a ref: from packed-refs first, lest it come back, and its log
// last. Folders that it leaves empty are removed when a ref is to be where they are.
func (r *Repo) deleteRef(ctx context.Context, name string) error {
	err := r.unpackRef(ctx, name)
	for _, path := range []string{r.refPath(name), r.logPath(name)} {
		if err == nil || missing(err) {
			err = os.Remove(path)
		}
	}
	if err != nil && !missing(err) {
		return fmt.Errorf("delete ref %s: %w", name, err)
	}
	return nil
}

// unpackRef takes a ref out of packed-refs.
func (r *Repo) unpackRef(ctx context.Context, name string) error {
	packed := filepath.Join(r.commonDir, "packed-refs")
	err := replaceFile(ctx, packed, func() (string, error) {
		data, err := os.ReadFile(packed)
		if err != nil && !missing(err) {
			return "", err
		}
		text, found := withoutRef(string(data), name)
		if !found {
			return "", errUnchanged
		}
		return text, nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// withoutRef is packed-refs without a ref, and without the line on the tag's commit.
func withoutRef(text, name string) (rest string, found bool) {
	var b strings.Builder
	skipping := false
	for line := range strings.Lines(text) {
		if skipping && line[0] == '^' {
			continue
		}
		_, ref, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if skipping = ref == name && line[0] != '#'; skipping {
			found = true
			continue
		}
		b.WriteString(line)
	}
	return b.String(), found
}

// setHead makes HEAD name a branch.
func (r *Repo) setHead(ctx context.Context, branch string) error {
	path := filepath.Join(r.gitDir, "HEAD")
	err := replaceFile(ctx, path, func() (string, error) { return "ref: " + branch + "\n", nil })
	if err != nil {
		return fmt.Errorf("write HEAD: %w", err)
	}
	return nil
}

var errUnchanged = errors.New("nothing to change")

// replaceFile holds path.lock, as Git does, while it decides on the new content
// and puts it in place. It waits a little for another holder.
func replaceFile(ctx context.Context, path string, content func() (string, error)) error {
	lock, err := takeLock(ctx, path+".lock")
	if err != nil {
		return err
	}
	return fillLock(lock, path, content, func() error { return nil })
}

// fillLock puts new content in place of a file whose lock is held, and lets go of
// it. last is done when the content is on disk, before it counts.
func fillLock(lock *os.File, path string, content func() (string, error), last func() error) error {
	text, err := content()
	if err == nil {
		if _, err = lock.WriteString(text); err == nil {
			err = lock.Sync()
		}
	}
	if err = errors.Join(err, lock.Close()); err == nil {
		err = last()
	}
	if err == nil {
		err = os.Rename(lock.Name(), path)
	}
	if err != nil {
		os.Remove(lock.Name())
	}
	return err
}

func takeLock(ctx context.Context, path string) (f *os.File, err error) {
	err = patiently(ctx, func() (err error) {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		return err
	})
	return f, err
}

// patiently takes a lock, waiting a little for another holder.
func patiently(ctx context.Context, take func() error) error {
	for deadline := time.Now().Add(lockPatience); ; {
		err := take()
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: another process holds it; remove it if none is running", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
