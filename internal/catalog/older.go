package catalog

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// older is the version of a record that is served in the place of one that is not
// valid: the newest valid one on the first-parent line or, where none is valid,
// the newest that is JSON at all.
type older struct {
	document *content.Document
	commit   content.Hash
	valid    bool
}

// olderKey names the answer to "what of this path, from this commit back?". All it
// depends on is in it, so an answer is never wrong later.
type olderKey struct {
	commit gitrepo.Hash
	path   string
	by     string
}

// search looks for older versions of the files that are not valid.
type search struct {
	b       *builder
	m       *material
	pending map[string][]*wanted // by folder
	open    int
	folders map[string]gitrepo.Hash // the tree that a folder was when last looked at
	found   map[string]*older
}

type wanted struct {
	file *locatedFile
	name string
	key  string
	blob gitrepo.Hash // looked at last
	// best is the newest version that is at least JSON.
	best *older
}

// findOlder walks the first-parent line once for all that is not valid. The cost is
// one step for each new commit, since every answer is remembered by commit.
func (b *builder) findOlder(ctx context.Context, m *material) (map[string]*older, error) {
	s := &search{b: b, m: m, pending: map[string][]*wanted{}, folders: map[string]gitrepo.Hash{}, found: map[string]*older{}}
	for i := range m.located {
		if l := &m.located[i]; m.replaceable(l) {
			dir, name := path.Split(l.file.path)
			dir = path.Clean(dir)
			s.pending[dir] = append(s.pending[dir], &wanted{file: l, name: name, key: m.compiled.keys[l.Collection]})
			s.open++
		}
	}
	start := m.head.commit.Hash
	if s.open == 0 || start == "" {
		return s.found, nil
	}
	defer b.searched.Add(start, true)
	for commit, err := range b.repo.FirstParents(ctx, start) {
		if errors.Is(err, gitrepo.ErrShallow) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("look for older versions: %w", err)
		}
		if err := s.visit(ctx, commit); err != nil {
			return nil, err
		}
		if s.open == 0 {
			return s.found, nil
		}
	}
	for _, list := range s.pending {
		for _, w := range list {
			s.settle(w, w.best)
		}
	}
	return s.found, nil
}

// replaceable reports whether an older version may be served in the place of a file. By no
// schema nothing is valid: then only what is no JSON may be replaced, by what is.
func (m *material) replaceable(l *locatedFile) bool {
	return !l.verdict.valid() && (m.compiled.schemas[l.Collection] != nil || l.verdict.document.Root == nil)
}

// visit looks at one commit for all that is still pending.
func (s *search) visit(ctx context.Context, commit gitrepo.Commit) error {
	searched := s.b.searched.Contains(commit.Hash)
	for dir, list := range s.pending {
		entries, err := s.folder(ctx, commit, dir)
		if err != nil {
			return err
		}
		if entries == nil && !searched {
			continue
		}
		left := list[:0]
		for _, w := range list {
			var known *older
			ok := false
			if searched {
				known, ok = s.b.older.Get(olderKey{commit.Hash, w.file.file.path, w.key})
			}
			switch {
			case ok && (w.best == nil || known != nil && known.valid):
				s.settle(w, known)
				continue
			case ok:
				s.settle(w, w.best)
				continue
			}
			done, err := s.look(ctx, commit, w, entries)
			if err != nil {
				return err
			}
			if !done {
				left = append(left, w)
			}
		}
		s.pending[dir] = left
		if len(left) == 0 {
			delete(s.pending, dir)
		}
	}
	return nil
}

// folder returns the files of dir in the commit, nil where it is the same tree as
// in the commit looked at before.
func (s *search) folder(ctx context.Context, commit gitrepo.Commit, dir string) (map[string]gitrepo.Hash, error) {
	tree := commit.Tree
	if dir != "." {
		e, err := s.b.repo.Lookup(ctx, commit.Tree, dir)
		if errors.Is(err, gitrepo.ErrNotFound) || err == nil && e.Mode != gitrepo.Folder {
			s.folders[dir] = ""
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		tree = e.Hash
	}
	if s.folders[dir] == tree {
		return nil, nil
	}
	s.folders[dir] = tree
	list, err := s.b.repo.Tree(ctx, tree)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]gitrepo.Hash, len(list))
	for _, e := range list {
		if e.Mode == gitrepo.File || e.Mode == gitrepo.Executable {
			entries[e.Name] = e.Hash
		}
	}
	return entries, nil
}

// look judges the version that the commit has, if it is a new one, and reports
// whether it is the one to serve.
func (s *search) look(ctx context.Context, commit gitrepo.Commit, w *wanted, entries map[string]gitrepo.Hash) (bool, error) {
	blob, ok := entries[w.name]
	if !ok || blob == w.blob {
		return false, nil
	}
	w.blob = blob
	key := verdictKey{content.Hash(blob), w.file.file.path, w.key}
	v, err := s.b.verdict(ctx, &commitTree{s.b.repo, commit.Tree}, s.m.compiled.checker, w.file.Ref, key)
	if err != nil {
		return false, err
	}
	version := &older{v.document, content.Hash(commit.Hash), v.valid()}
	if version.valid || v.document.Root != nil && s.m.compiled.schemas[w.file.Collection] == nil {
		s.settle(w, version)
		return true, nil
	}
	if w.best == nil && v.document.Root != nil {
		w.best = version
	}
	return false, nil
}

func (s *search) settle(w *wanted, version *older) {
	s.open--
	p := w.file.file.path
	s.b.older.Add(olderKey{s.m.head.commit.Hash, p, w.key}, version)
	if version != nil {
		s.found[p] = version
	}
}
