// Package catalog keeps the view that is served: it reads a commit or the work
// tree, checks what is new in it, falls back to older versions of what is broken,
// and swaps the finished view in with one atomic store. It watches for changes and
// answers for other revisions. It knows nothing of HTTP or GraphQL.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// DefaultModel is where a repository keeps its model.
const DefaultModel = "schema/model.json"

// Config says what a catalog reads. Only Repo is required.
type Config struct {
	Repo *gitrepo.Repo
	// Ref is the branch or tag served; "" is the work tree, or HEAD where the
	// repository is bare.
	Ref string
	// Model is a model given from outside the repository, with its name for
	// messages; nil reads DefaultModel from the repository.
	Model *OutsideModel
	// Quiet is how long no change may come before a burst is read, and QuietMost
	// how long a burst may put that off; 20 ms and 250 ms.
	Quiet, QuietMost time.Duration
	// Hold is how long a work tree that Git is busy with is not read; 10 s.
	Hold time.Duration
	// Patience is how long reading and checking another revision than the one served may
	// take before it is given up; 2 min. What is given up is not tried again for five times
	// as long.
	Patience time.Duration
	// Poll is how often all is looked at without a hint; 2 s.
	Poll time.Duration
	// Fetch is how often the remote is asked; 0 is never.
	Fetch time.Duration
	// Prepare, if set, is called with each new view before it is served, from the
	// one writing goroutine.
	Prepare func(*content.View)
	// Published, if set, is called with each new view once it is served, from the one
	// writing goroutine. It must not block.
	Published func(*content.View)
	// Logger takes what happens; nil drops it.
	Logger *slog.Logger
	// Now is the clock; time.Now.
	Now func() time.Time
}

// OutsideModel is a model file that is not part of the repository served.
type OutsideModel struct{ Name, Source string }

func (c Config) withDefaults() Config {
	c.Quiet = orElse(c.Quiet, 20*time.Millisecond)
	c.QuietMost = orElse(c.QuietMost, 250*time.Millisecond)
	c.Hold = orElse(c.Hold, 10*time.Second)
	c.Patience = orElse(c.Patience, 2*time.Minute)
	c.Poll = orElse(c.Poll, 2*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Catalog serves views. All methods are safe for concurrent use; Run has one
// caller.
type Catalog struct {
	cfg     Config
	repo    *gitrepo.Repo
	current atomic.Pointer[content.View]
	status  atomic.Pointer[Status]
	builder *builder
	scanner *scanner // nil where a ref is served
	views   *lru.Cache[pastKey, *content.View]
	past    past

	writing sync.Mutex // held while a view is made; guards what follows
	// built is the view made last: the one being served, without what was held back
	// since.
	built *content.View
	// scanned is what Git's marks were at the last scan that became a view.
	scanned gitMark
	// busySince is since when Git has been at work, zero where it is not; impatient
	// says that this is longer than Config.Hold: its lock was left behind.
	busySince time.Time
	impatient bool
	// Set by Run before its loop, and used by that loop alone.
	watchGit    func()
	forgetWatch func(dir string)
}

// pastViews is how many views of other revisions are kept.
const pastViews = 32

// Open reads the first view. The error wraps content.ErrNotFound where there is no
// model or no such ref, and is a *ModelUnusableError where there is no version of
// the model that can be used.
func Open(ctx context.Context, cfg Config) (*Catalog, error) {
	c := &Catalog{cfg: cfg.withDefaults(), repo: cfg.Repo}
	c.views, _ = lru.New[pastKey, *content.View](pastViews)
	c.past = newPast(c.cfg.Patience)
	c.builder = newBuilder(cfg.Repo, cfg.Model)
	if cfg.Ref == "" && cfg.Repo.WorkTree() != "" {
		c.scanner = newScanner(cfg.Repo)
	}
	c.status.Store(&Status{})
	// At the start there is nothing to go on serving while Git is at work.
	c.impatient = true
	if _, err := c.Reload(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Current returns the view being served; never nil. A request takes it once.
func (c *Catalog) Current() *content.View { return c.current.Load() }

// attempts bounds how often a scan that the work tree changed under is repeated
// before it is left for the next hint.
const attempts = 5

// Reload looks at everything, reads what changed, and swaps the new view in if it
// differs. It reports whether it did. On an error the old view goes on being served.
func (c *Catalog) Reload(ctx context.Context) (bool, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.scanner != nil {
		c.scanner.all = true
	}
	return c.reload(ctx)
}

// reload is Reload for one who holds writing; of the work tree it looks only at what
// was hinted at, unless Git was at work in it.
func (c *Catalog) reload(ctx context.Context) (bool, error) {
	started := c.cfg.Now()
	var view *content.View
	var err error
	for range attempts {
		if view, err = c.read(ctx); !errors.Is(err, errMoved) {
			break
		}
		pause(ctx, busyPause)
	}
	if err != nil {
		c.failed(err)
		return false, err
	}
	return c.publish(view, started), nil
}

func (c *Catalog) read(ctx context.Context) (*content.View, error) {
	if c.scanner == nil {
		h, err := c.head(ctx)
		if err != nil {
			return nil, err
		}
		return c.builder.served(ctx, h, &commitTree{repo: c.repo, root: h.commit.Tree}, c.built)
	}
	return c.readWorkTree(ctx)
}

// readWorkTree reads the work tree between two looks at what Git writes last when
// it changes files: HEAD and the index. Where those differ, what was read between
// may be a mixture.
func (c *Catalog) readWorkTree(ctx context.Context) (*content.View, error) {
	before, err := c.mark(ctx)
	if err != nil {
		return nil, err
	}
	if before != c.scanned {
		c.scanner.all = true // Git was at work: hints may still be under way
	}
	h, err := c.head(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := c.scanner.scan(ctx, h.commit.Tree)
	if err != nil {
		return nil, err
	}
	view, err := c.builder.served(ctx, h, tree, c.built)
	if err != nil {
		return nil, err
	}
	after, err := c.mark(ctx)
	if err == nil && (after != before || after.busy && !c.impatient) {
		err = errMoved
	}
	if err == nil {
		c.scanned = after
	}
	return view, err
}

// gitMark tells whether Git changed the work tree between two looks.
type gitMark struct {
	ref    string
	commit gitrepo.Hash
	// index is written last by whatever changes files; config and attributes say how
	// line endings are converted.
	index, config, attributes stamp
	busy                      bool
}

func (c *Catalog) mark(ctx context.Context) (gitMark, error) {
	m := gitMark{busy: c.repo.Busy()}
	for _, f := range []struct {
		stamp *stamp
		path  string
	}{
		{&m.index, filepath.Join(c.repo.GitDir(), "index")},
		{&m.config, filepath.Join(c.repo.CommonDir(), "config")},
		{&m.attributes, filepath.Join(c.repo.CommonDir(), "info", "attributes")},
	} {
		info, err := os.Stat(f.path)
		if err == nil {
			*f.stamp = stampOf(info)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return m, fmt.Errorf("look at what Git writes: %w", err)
		}
	}
	var err error
	m.ref, m.commit, err = c.repo.Head(ctx)
	return m, err
}

// errMoved: what is read changed while it was read.
var errMoved = errors.New("the work tree changed while it was read")

// head is the commit that a view is made of, and the ref it came by.
type head struct {
	ref    string
	commit gitrepo.Commit
}

// head finds the commit served; the zero commit on a branch without one.
func (c *Catalog) head(ctx context.Context) (head, error) {
	var h head
	var hash gitrepo.Hash
	var err error
	if c.cfg.Ref == "" {
		h.ref, hash, err = c.repo.Head(ctx)
	} else {
		h.ref, hash, err = c.served(ctx)
	}
	if err != nil {
		return h, fmt.Errorf("find the commit to serve: %w", err)
	}
	if hash == "" {
		if c.scanner == nil {
			return h, fmt.Errorf("%s has no commit yet; commit something, or serve a work tree: %w", h.ref, content.ErrNotFound)
		}
		return h, nil
	}
	h.commit, err = c.repo.Commit(ctx, hash)
	return h, err
}

// served resolves the ref that the catalog was told to serve: a full name, a
// branch, or a tag.
func (c *Catalog) served(ctx context.Context) (string, gitrepo.Hash, error) {
	for _, name := range []string{c.cfg.Ref, "refs/heads/" + c.cfg.Ref, "refs/tags/" + c.cfg.Ref} {
		hash, err := c.repo.Ref(ctx, name)
		if err == nil {
			return name, hash, nil
		}
		if !errors.Is(err, gitrepo.ErrNotFound) {
			return "", "", err
		}
	}
	return "", "", public{fmt.Errorf("there is no branch or tag %q%s", c.cfg.Ref, c.refNames(ctx)), content.ErrNotFound}
}

// namedRefs bounds how many refs a message names.
const namedRefs = 10

// refNames says which branches and tags there are.
func (c *Catalog) refNames(ctx context.Context) string {
	refs, err := c.repo.Refs(ctx)
	refs = slices.DeleteFunc(refs, func(ref gitrepo.Ref) bool { return strings.HasPrefix(ref.Name, "refs/koonti/") })
	if err != nil || len(refs) == 0 {
		return ""
	}
	var names []string
	for _, ref := range refs[:min(len(refs), namedRefs)] {
		name := strings.TrimPrefix(strings.TrimPrefix(ref.Name, "refs/heads/"), "refs/tags/")
		names = append(names, name)
	}
	if len(refs) > namedRefs {
		names = append(names, "...")
	}
	return "; there are " + strings.Join(names, ", ")
}

func (c *Catalog) publish(view *content.View, started time.Time) bool {
	old := c.current.Load()
	changed := old == nil || old.Key != view.Key
	c.built = view
	if changed {
		if view.Published.IsZero() { // else it comes back after something was held back
			view.Published = c.cfg.Now()
		}
		if c.cfg.Prepare != nil {
			c.cfg.Prepare(view)
		}
		c.current.Store(view)
		if c.cfg.Published != nil {
			c.cfg.Published(view)
		}
		c.logPublished(old, view, started)
	}
	c.succeeded()
	return changed
}
