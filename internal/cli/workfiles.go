package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// uncommitted makes edits of what files have in the work tree and the commit checked out
// has not, and returns that commit; of all files without names.
func (g *ground) uncommitted(ctx context.Context, names []string) ([]content.Edit, content.Hash, error) {
	if g.repo.WorkTree() == "" {
		return nil, "", &hintError{errors.New("a bare repository has no files to propose"), "Say what to do with one record (--patch, --rename, --delete, --restore, --undo), or work in a clone."}
	}
	outside, err := g.app.outside()
	if err != nil {
		return nil, "", err
	}
	here, err := catalog.Open(ctx, catalog.Config{Repo: g.repo, Model: outside})
	if err != nil {
		return nil, "", explain(err)
	}
	commit := here.Current().Commit
	base, err := g.cat.Own(ctx, commit)
	if err != nil {
		return nil, "", err
	}
	w := &workFiles{repo: g.repo, root: g.repo.WorkTree(), base: base, on: base}
	if g.amends != nil {
		w.on = g.view
	}
	c, err := g.repo.Commit(ctx, gitrepo.Hash(commit))
	if err != nil {
		return nil, "", fmt.Errorf("read the commit checked out: %w", err)
	}
	w.tree = c.Tree
	edits, err := w.edits(ctx, names)
	return edits, commit, err
}

// workFiles compares the records and attachments of a work tree, by the model of base,
// with those that the commit checked out has.
type workFiles struct {
	repo *gitrepo.Repo
	root string
	tree gitrepo.Hash // of the commit checked out
	base *content.View
	// on is what the edits are made on: base, or the head of a proposal.
	on *content.View
}

// edits are those of all files that differ, or of those named. That nothing differs is an
// error.
func (w *workFiles) edits(ctx context.Context, names []string) ([]content.Edit, error) {
	paths, err := w.paths()
	if err != nil {
		return nil, err
	}
	if paths, err = w.named(paths, names); err != nil {
		return nil, err
	}
	var edits []content.Edit
	for _, path := range paths {
		edit, err := w.edit(ctx, path)
		if err != nil {
			return nil, err
		}
		if edit != nil {
			edits = append(edits, *edit)
		}
	}
	if len(edits) == 0 {
		return nil, &hintError{errors.New("no record and no attachment there differs from the commit checked out"), notProposed}
	}
	return edits, nil
}

const notProposed = "What is neither, such as a schema, is proposed by pushing a branch: git push origin HEAD:proposals/NAME"

// paths are those of the records and attachments that the base or the work tree has, sorted.
func (w *workFiles) paths() ([]string, error) {
	paths := map[string]bool{}
	for _, c := range w.base.Model.Collections {
		for r := range w.base.Snapshot.Set(c.Name).All() {
			paths[r.Path] = true
		}
	}
	for f := range w.base.Snapshot.Files() {
		paths[f.Path] = true
	}
	err := filepath.WalkDir(w.root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		path, err := filepath.Rel(w.root, full)
		if path = filepath.ToSlash(path); entry.Type().IsRegular() && w.matches(path) {
			paths[path] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at the work tree: %w", err)
	}
	return slices.Sorted(maps.Keys(paths)), nil
}

func (w *workFiles) matches(path string) bool {
	c, _ := w.base.Model.Match(path)
	return c != nil || w.base.Model.Attached(path)
}

// named are the paths that the names cover; each has to cover one.
func (w *workFiles) named(paths, names []string) ([]string, error) {
	if len(names) == 0 {
		return paths, nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		root, err := w.fromRoot(name)
		if err != nil {
			return nil, err
		}
		found := false
		for _, path := range paths {
			if root == "." || path == root || strings.HasPrefix(path, root+"/") {
				wanted[path], found = true, true
			}
		}
		if found {
			continue
		}
		if _, err := os.Lstat(filepath.Join(w.root, filepath.FromSlash(root))); err != nil {
			return nil, fmt.Errorf("there is no file or folder %s", plain(name))
		}
		return nil, &hintError{fmt.Errorf("there is no record and no attachment at %s", plain(name)), notProposed}
	}
	return slices.Sorted(maps.Keys(wanted)), nil
}

// fromRoot turns a path of the command line, also of a file that is gone, into one from
// the root.
func (w *workFiles) fromRoot(name string) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(full)
	for there := folder; ; there = filepath.Dir(there) { // a folder may be gone as well
		if real, err := filepath.EvalSymlinks(there); err == nil {
			folder = filepath.Join(real, strings.TrimPrefix(folder, there))
			break
		}
		if there == filepath.Dir(there) {
			break
		}
	}
	path, err := filepath.Rel(resolved(w.root), filepath.Join(folder, filepath.Base(full)))
	if err != nil || !filepath.IsLocal(path) {
		return "", fmt.Errorf("%s is outside the repository %s", plain(name), plain(w.root))
	}
	return filepath.ToSlash(path), nil
}

// edit is what brings one file to what the work tree has; nil where it is that.
func (w *workFiles) edit(ctx context.Context, path string) (*content.Edit, error) {
	data, err := os.ReadFile(filepath.Join(w.root, filepath.FromSlash(path)))
	gone := errors.Is(err, fs.ErrNotExist)
	if err != nil && !gone {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	collection, id := w.base.Model.Match(path)
	if collection == nil {
		return w.attachment(path, data, gone), nil
	}
	ref := content.Ref{Collection: collection.Name, ID: id}
	if gone {
		if w.base.Snapshot.Record(ref) == nil || w.on.Snapshot.Record(ref) == nil {
			return nil, nil
		}
		return &content.Edit{Kind: content.EditDelete, Ref: ref}, nil
	}
	source := lineFeeds(string(data))
	same, err := w.committed(ctx, path, data, source)
	if err != nil || same {
		return nil, err
	}
	return &content.Edit{Kind: content.EditPut, Ref: ref, Document: w.over(collection, ref, source)}, nil
}

// committed reports whether the commit checked out has a file like that.
func (w *workFiles) committed(ctx context.Context, path string, data []byte, source string) (bool, error) {
	e, err := w.repo.Lookup(ctx, w.tree, path)
	if errors.Is(err, gitrepo.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s in the commit checked out: %w", path, err)
	}
	return e.Hash == gitrepo.HashBlob(data) || e.Hash == gitrepo.HashBlob([]byte(source)), nil
}

// over is what the work tree has of a record, with what a proposal has changed beside it
// since the commit checked out.
func (w *workFiles) over(collection *content.Collection, ref content.Ref, source string) string {
	was, now := w.base.Snapshot.Record(ref), w.on.Snapshot.Record(ref)
	mine, err := content.Parse(source)
	if now == nil || err != nil || was != nil && now.Blob == was.Blob {
		return source // what is no JSON is the service's to refuse
	}
	var base *content.Value
	if was != nil {
		base = was.Root
	}
	merged, _ := content.NewDiffer(collection).Merge(base, now.Root, mine, func(c content.Conflict) (*content.Value, bool) { return c.Theirs, true })
	return content.Format(merged, collection.Root, w.base.Model.Languages)
}

func (w *workFiles) attachment(path string, data []byte, gone bool) *content.Edit {
	was, had := w.base.Snapshot.File(path)
	_, has := w.on.Snapshot.File(path)
	switch {
	case gone && !(had && has), !gone && had && was.Blob == content.Hash(gitrepo.HashBlob(data)):
		return nil
	case gone:
		return &content.Edit{Kind: content.EditDeleteFile, Path: path}
	}
	return &content.Edit{Kind: content.EditPutFile, Path: path, Bytes: data}
}
