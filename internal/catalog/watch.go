package catalog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
)

// Run keeps the view up to date until ctx ends, and then returns nil. Hints of the
// file system make it quick; a poll makes it right where they are lost.
func (c *Catalog) Run(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		c.cfg.Logger.Warn("no file system hints: changes are seen by polling alone", "err", err)
		return c.poll(ctx, nil, nil)
	}
	defer watcher.Close()
	c.watch(watcher)
	return c.poll(ctx, watcher.Events, watcher.Errors)
}

// watch asks for hints of Git's folders now, and of each folder of the work tree as
// it is scanned.
func (c *Catalog) watch(watcher *fsnotify.Watcher) {
	c.writing.Lock()
	defer c.writing.Unlock()
	watched := map[string]bool{}
	add := func(dir string) {
		if watched[dir] {
			return
		}
		switch err := watcher.Add(dir); {
		case err == nil:
			watched[dir] = true
		case !errors.Is(err, fs.ErrNotExist):
			c.cfg.Logger.Warn("folder is not watched, only polled", "dir", dir, "err", err)
		}
	}
	c.watchGit = func() { c.eachGitFolder(add) }
	c.forgetWatch = func(dir string) { delete(watched, dir) }
	c.watchGit()
	if c.scanner != nil {
		c.scanner.watch = add
	}
}

// eachGitFolder calls add with the folders in which HEAD and refs are written.
func (c *Catalog) eachGitFolder(add func(string)) {
	add(c.repo.GitDir())
	add(c.repo.CommonDir())
	refs := filepath.Join(c.repo.CommonDir(), "refs")
	filepath.WalkDir(refs, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			add(path)
		}
		return nil
	})
}

// pollShare bounds the share of one core that polling takes: after a look at
// everything that took a while, the next one waits 50 times as long.
const pollShare = 50

func (c *Catalog) poll(ctx context.Context, events <-chan fsnotify.Event, failures <-chan error) error {
	timer := time.NewTimer(c.cfg.Poll)
	defer timer.Stop()
	fetch, stop := c.fetching(ctx)
	defer stop()
	everything := true // what changed between Open and now gave no hint
	for {
		if c.busy(ctx) {
			return nil
		}
		took, err := c.update(ctx, everything)
		if errors.Is(err, errMoved) {
			everything = true // whoever is at work gives no more hints once it is done
			pause(ctx, busyPause)
			continue
		}
		if everything {
			timer.Reset(max(c.cfg.Poll, pollShare*took))
		}
		if everything = c.wait(ctx, timer.C, fetch, events, failures); ctx.Err() != nil {
			return nil
		}
	}
}

// wait returns when there is something to do, and whether everything is to be
// looked at for it.
func (c *Catalog) wait(ctx context.Context, tick <-chan time.Time, fetch <-chan struct{}, events <-chan fsnotify.Event, failures <-chan error) (everything bool) {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-fetch:
			return false
		case err := <-failures:
			c.cfg.Logger.Warn("file system hints were lost: looking at everything", "err", err)
			return true
		case e := <-events:
			if c.hint(e) {
				c.quieten(ctx, events)
				return false
			}
		}
	}
}

// quieten waits until no hint has come for a while, but not for ever.
func (c *Catalog) quieten(ctx context.Context, events <-chan fsnotify.Event) {
	most := time.NewTimer(c.cfg.QuietMost)
	defer most.Stop()
	quiet := time.NewTimer(c.cfg.Quiet)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-most.C:
			return
		case <-quiet.C:
			return
		case e := <-events:
			if c.hint(e) {
				quiet.Reset(c.cfg.Quiet)
			}
		}
	}
}

// hint takes note of an event and reports whether it can matter.
func (c *Catalog) hint(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	inGit := within(e.Name, c.repo.CommonDir()) || within(e.Name, c.repo.GitDir())
	if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		c.forgetWatch(e.Name)
	}
	if inGit && e.Has(fsnotify.Create) && within(e.Name, filepath.Join(c.repo.CommonDir(), "refs")) {
		c.watchGit()
	}
	if inGit {
		// Git locks index, HEAD and refs by files of their own; their going is told
		// by the rename onto the real name.
		return !strings.HasSuffix(e.Name, ".lock") || e.Has(fsnotify.Remove)
	}
	if c.scanner == nil {
		return false
	}
	if name, err := filepath.Rel(c.scanner.root, e.Name); err == nil {
		c.writing.Lock()
		c.scanner.hint(filepath.ToSlash(name))
		c.writing.Unlock()
	}
	return true
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+string(os.PathSeparator))
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// update reads what changed, and says how long that took.
func (c *Catalog) update(ctx context.Context, everything bool) (time.Duration, error) {
	started := time.Now()
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.scanner != nil && everything {
		c.scanner.all = true
	}
	_, err := c.reload(ctx)
	if err != nil && ctx.Err() == nil {
		c.cfg.Logger.Debug("reload failed", "err", err)
	}
	return time.Since(started), err
}

// busyPause is how often a busy work tree is looked at again.
const busyPause = 20 * time.Millisecond

// busy waits while Git is at work in the work tree, Config.Hold at most: an
// index.lock that a crash left behind must not stop publishing for ever. It
// reports whether ctx ended meanwhile.
func (c *Catalog) busy(ctx context.Context) bool {
	if c.scanner == nil {
		return ctx.Err() != nil
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	for c.impatient = false; c.repo.Busy(); {
		if c.busySince.IsZero() {
			c.busySince = c.cfg.Now()
		}
		if c.impatient = c.cfg.Now().Sub(c.busySince) >= c.cfg.Hold; c.impatient {
			return ctx.Err() != nil
		}
		c.holdBack("Git is at work in the work tree (index.lock or a rebase)", []content.Problem{check.HeldBack()})
		if pause(ctx, busyPause); ctx.Err() != nil {
			return true
		}
	}
	c.busySince = time.Time{}
	return ctx.Err() != nil
}

// fetching asks the remote now and then, beside the loop so that a slow server
// holds nothing up; the channel says that something came. stop waits for its end.
func (c *Catalog) fetching(ctx context.Context) (<-chan struct{}, func()) {
	if c.cfg.Fetch <= 0 {
		return nil, func() {}
	}
	came := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(c.cfg.Fetch)
		defer ticker.Stop()
		for {
			if c.fetch(ctx) {
				select {
				case came <- struct{}{}:
				default:
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return came, func() { cancel(); <-done }
}

func (c *Catalog) fetch(ctx context.Context) bool {
	changed, err := c.repo.Fetch(ctx)
	if ctx.Err() != nil {
		return false
	}
	was := c.Status().FetchError
	if err != nil {
		if was == "" {
			c.cfg.Logger.Warn("the remote does not answer: serving what was fetched before", "err", err)
		}
		c.setStatus(func(s *Status) { s.FetchError = err.Error() })
		return false
	}
	if was != "" {
		c.cfg.Logger.Info("the remote answers again")
	}
	c.setStatus(func(s *Status) { s.Fetched, s.FetchError = c.cfg.Now(), "" })
	return changed
}
