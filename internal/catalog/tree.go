package catalog

import (
	"context"
	"errors"
	"fmt"
	pathpkg "path"
	"strings"

	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// tree is where files are read from: a commit's tree or one scan of the work tree.
type tree interface {
	// list returns the files that lie where want says, in any order.
	list(ctx context.Context, want places) ([]file, error)
	// version is equal after two lists exactly when they gave the same.
	version() string
	// blob returns the object name of the file at path; an error wrapping
	// content.ErrNotFound where there is no regular file.
	blob(ctx context.Context, path string) (content.Hash, error)
	// read returns the bytes that f had when it was listed.
	read(ctx context.Context, path string, blob content.Hash) (string, error)
}

// file is one entry of a tree.
type file struct {
	path string
	kind check.EntryKind
	// blob names the bytes, size counts them; "" and 0 for what is no regular file.
	blob content.Hash
	size int64
	// uncommitted: the commit below the work tree has other bytes, or none.
	uncommitted bool
}

// places says where in a tree records and attachments lie.
type places struct {
	patterns []content.PathPattern
	folders  []string // attachment folders, whole
	below    []recordFolder
	text     string
}

// recordFolder is a folder that holds records as files, with their ending.
type recordFolder struct{ folder, ext string }

// key is equal for equal places.
func (p places) key() string { return p.text }

func placesOf(m *content.Model) places {
	var p places
	for _, c := range m.Collections {
		p.patterns = append(p.patterns, c.Path)
		p.text += c.Path.String() + "\n"
		folder, name := pathpkg.Split(c.Path.String())
		if folder != "" && !strings.Contains(folder, "*") && strings.Contains(name, "{id}") && pathpkg.Ext(name) != "" {
			p.below = append(p.below, recordFolder{strings.TrimSuffix(folder, "/"), pathpkg.Ext(name)})
		}
		for _, f := range c.Files {
			p.folders = append(p.folders, f.Folder)
			p.text += f.Folder + "/\n"
		}
	}
	return p
}

// file reports whether the file at path is wanted.
func (p places) file(path string) bool {
	for _, pattern := range p.patterns {
		if _, ok := pattern.Match(path); ok {
			return true
		}
	}
	return p.attached(path) || p.near(path)
}

// near reports whether the file at path lies in or below the folder of a collection
// and is no record for its place or the case of its ending alone.
func (p places) near(path string) bool {
	for _, f := range p.below {
		if strings.HasPrefix(path, f.folder+"/") && strings.EqualFold(pathpkg.Ext(path), f.ext) {
			return true
		}
	}
	return false
}

func (p places) attached(path string) bool {
	for _, folder := range p.folders {
		if strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

// folder reports whether something wanted can lie below the folder at path; ""
// is the root.
func (p places) folder(path string) bool {
	if path == "" || path == "." {
		return true
	}
	segments := strings.Split(path, "/")
	for _, pattern := range p.patterns {
		if pattern.Depth() > len(segments) && leads(pattern, segments) {
			return true
		}
	}
	for _, f := range p.below {
		if strings.HasPrefix(path, f.folder+"/") {
			return true
		}
	}
	for _, folder := range p.folders {
		if folder == path || strings.HasPrefix(folder, path+"/") || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

func leads(pattern content.PathPattern, segments []string) bool {
	for i, segment := range segments {
		if !pattern.Segment(i, segment) {
			return false
		}
	}
	return true
}

// maxDepth bounds how deep attachment folders are followed.
const maxDepth = 32

// commitTree reads the tree of one commit.
type commitTree struct {
	repo *gitrepo.Repo
	root gitrepo.Hash
}

func (t *commitTree) list(ctx context.Context, want places) ([]file, error) {
	if t.root == "" {
		return nil, nil
	}
	return t.walk(ctx, nil, t.root, "", want, 0)
}

func (t *commitTree) version() string { return string(t.root) }

func (t *commitTree) walk(ctx context.Context, files []file, tree gitrepo.Hash, dir string, want places, depth int) ([]file, error) {
	if depth > maxDepth {
		return files, nil
	}
	entries, err := t.repo.Tree(ctx, tree)
	if err != nil {
		return nil, fmt.Errorf("read folder %q: %w", dir, err)
	}
	for _, e := range entries {
		name := pathpkg.Join(dir, e.Name)
		if strings.Contains(e.Name, "/") || e.Name == "." || e.Name == ".." || e.Name == "" {
			continue // no tree that Git writes has such a name
		}
		if e.Mode == gitrepo.Folder {
			if want.folder(name) {
				if files, err = t.walk(ctx, files, e.Hash, name, want, depth+1); err != nil {
					return nil, err
				}
			}
			continue
		}
		if !want.file(name) && !(e.Mode == gitrepo.Symlink && want.folder(name)) {
			continue
		}
		f := file{path: name, kind: entryKind(e.Mode)}
		if f.kind == check.Regular {
			f.blob = content.Hash(e.Hash)
		}
		if f.blob != "" && want.attached(name) {
			if f.size, err = t.repo.BlobSize(ctx, e.Hash); err != nil {
				return nil, fmt.Errorf("size of %s: %w", name, err)
			}
		}
		files = append(files, f)
	}
	return files, nil
}

func entryKind(mode gitrepo.Mode) check.EntryKind {
	switch mode {
	case gitrepo.File, gitrepo.Executable:
		return check.Regular
	case gitrepo.Symlink:
		return check.Symlink
	case gitrepo.Submodule:
		return check.Submodule
	}
	return check.Other
}

func (t *commitTree) blob(ctx context.Context, name string) (content.Hash, error) {
	if t.root == "" {
		return "", fmt.Errorf("%s: %w", name, content.ErrNotFound)
	}
	e, err := t.repo.Lookup(ctx, t.root, name)
	if errors.Is(err, gitrepo.ErrNotFound) || err == nil && entryKind(e.Mode) != check.Regular {
		return "", fmt.Errorf("%s: %w", name, content.ErrNotFound)
	}
	return content.Hash(e.Hash), err
}

func (t *commitTree) read(ctx context.Context, name string, blob content.Hash) (string, error) {
	data, err := t.repo.Blob(ctx, gitrepo.Hash(blob))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return string(data), nil
}
