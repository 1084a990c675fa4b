package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/koonti/koonti/internal/gitrepo"
)

// line is the first-parent line of the commit last asked about, as far back as was asked.
// Each commit is read once, and of each root that is new the entries of the folders asked
// for: what never was is known not to be without being looked for in every commit. Its
// user takes care that it is used by one goroutine.
type line struct {
	repo  *gitrepo.Repo
	steps []lineStep // newest first
	// next is what comes after the steps, "" at the beginning; cut is the last step where
	// the clone was shallow.
	next, cut gitrepo.Hash
	// folders are the trees that folders were, by step, as far back as was asked.
	folders map[string][]gitrepo.Hash
}

type lineStep struct{ commit, tree gitrepo.Hash }

// mostFolders is how many folders are told apart: a schema may refer to files of more, and
// then each commit is looked at.
const mostFolders = 16

// visit calls use with the trees of the line from a commit on, newest first, until it
// returns true. Left out are those that have in the folders of all files that use looked at
// so far what the one before had: files says which, and is asked after each call.
func (l *line) visit(ctx context.Context, from gitrepo.Hash, files func() []string, use func(*commitTree) (done bool, err error)) error {
	if from == "" {
		return nil
	}
	if err := l.aim(ctx, from); err != nil {
		return fmt.Errorf("walk the first-parent line of %s: %w", from, err)
	}
	last := -1
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		there, err := l.reach(ctx, i)
		if err != nil {
			return fmt.Errorf("walk the first-parent line of %s: %w", from, err)
		}
		if !there {
			return nil
		}
		same, err := l.alike(ctx, last, i, files())
		if err != nil {
			return err
		}
		if same {
			continue
		}
		last = i
		if done, err := use(&commitTree{l.repo, l.steps[i].tree}); done || err != nil {
			return err
		}
	}
}

// alike reports whether the folders of all files are the same in two steps, of which the
// first is -1 for none.
func (l *line) alike(ctx context.Context, a, b int, files []string) (bool, error) {
	if a < 0 {
		return false, nil
	}
	if l.steps[a].tree == l.steps[b].tree {
		return true, nil
	}
	for _, file := range files {
		dir := path.Dir(file)
		if dir == "." || l.folders[dir] == nil && len(l.folders) == mostFolders {
			return false, nil
		}
		if err := l.look(ctx, dir, b); err != nil {
			return false, err
		}
		if list := l.folders[dir]; list[a] != list[b] {
			return false, nil
		}
	}
	return true, nil
}

// look finds what a folder was in all steps up to one.
func (l *line) look(ctx context.Context, dir string, upTo int) error {
	list := l.folders[dir]
	for i := len(list); i <= upTo; i++ {
		if i > 0 && l.steps[i].tree == l.steps[i-1].tree {
			list = append(list, list[i-1])
			continue
		}
		tree, err := l.folder(ctx, l.steps[i].tree, dir)
		if err != nil {
			return err
		}
		list = append(list, tree)
	}
	l.folders[dir] = list
	return nil
}

// folder is the tree of a folder; "" where there is none.
func (l *line) folder(ctx context.Context, root gitrepo.Hash, dir string) (gitrepo.Hash, error) {
	e, err := l.repo.Lookup(ctx, root, dir)
	if errors.Is(err, gitrepo.ErrNotFound) || err == nil && e.Mode != gitrepo.Folder {
		return "", nil
	}
	return e.Hash, err
}

// reach reads the line up to a step, and reports whether it is that long.
func (l *line) reach(ctx context.Context, step int) (bool, error) {
	for len(l.steps) <= step {
		h := l.next
		if h == "" {
			if h = l.cut; h == "" {
				return false, nil
			}
			c, err := l.repo.Commit(ctx, h)
			if err != nil || c.Boundary {
				return false, err
			}
			h = c.Parents[0] // it was deepened since
		}
		c, err := l.repo.Commit(ctx, h)
		if err != nil {
			return false, err
		}
		l.add(c)
	}
	return true, nil
}

func (l *line) add(c gitrepo.Commit) {
	l.steps = append(l.steps, lineStep{c.Hash, c.Tree})
	l.next, l.cut = "", ""
	switch {
	case len(c.Parents) == 0:
	case c.Boundary:
		l.cut = c.Hash
	default:
		l.next = c.Parents[0]
	}
}

// aim makes the line begin at a commit: what is new is put in front of what is known.
func (l *line) aim(ctx context.Context, from gitrepo.Hash) error {
	if len(l.steps) > 0 && l.steps[0].commit == from {
		return nil
	}
	place := make(map[gitrepo.Hash]int, len(l.steps))
	for i, s := range l.steps {
		place[s.commit] = i
	}
	fresh := line{repo: l.repo, next: from, folders: map[string][]gitrepo.Hash{}}
	for {
		if i, met := place[fresh.next]; met {
			return l.follow(ctx, fresh.steps, i)
		}
		more, err := fresh.reach(ctx, len(fresh.steps))
		if err != nil {
			return err
		}
		// With nothing to meet, the rest is read when it is asked for.
		if !more || len(place) == 0 {
			*l = fresh
			return nil
		}
	}
}

// follow puts steps in front of the one at a place.
func (l *line) follow(ctx context.Context, fresh []lineStep, at int) error {
	older := maps.Clone(l.folders)
	l.steps = append(slices.Clip(fresh), l.steps[at:]...)
	for dir, list := range older {
		l.folders[dir] = nil
		if len(list) <= at {
			continue
		}
		if err := l.look(ctx, dir, len(fresh)-1); err != nil {
			return err
		}
		l.folders[dir] = append(l.folders[dir], list[at:]...)
	}
	return nil
}
