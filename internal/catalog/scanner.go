package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// scanner reads the work tree. It remembers what each file hashed to as long as
// its stat data says that it is the same file, as Git's index does, and what it
// listed, so that a hint costs a look at one file. It belongs to the catalog's one
// writer.
type scanner struct {
	repo *gitrepo.Repo
	root string
	seen map[string]seen
	// listed are the files of the last scan, found where; version counts their
	// changes.
	listed  map[string]file
	found   string
	version int
	// hinted are the paths to look at; all says to look at everything.
	hinted map[string]bool
	all    bool
	// committed are the blobs of the commit below, by path.
	committed committedBlobs
	// watch is told of each folder before it is listed, so that nothing created
	// between the two is missed.
	watch func(dir string)
	now   func() time.Time
}

// committedBlobs are the blobs that one commit has where records and attachments
// lie.
type committedBlobs struct {
	tree  gitrepo.Hash
	found string
	blobs map[string]content.Hash
}

// seen is what a file was when it was last read.
type seen struct {
	stat stamp
	blob content.Hash
	// racy: the stat data does not tell all. The file was written so shortly before it
	// was read that a second write may have left the same; or it holds a carriage
	// return, so that its hash depends on .gitattributes and the configuration too.
	racy bool
}

// racyAfter is how old a file's time must be for its stat data to be believed;
// file systems differ in how finely they keep it.
const racyAfter = 2 * time.Second

// maxAttachment is the largest attachment that is served, in bytes.
const maxAttachment = 32 << 20

func newScanner(repo *gitrepo.Repo) *scanner {
	return &scanner{
		repo: repo, root: repo.WorkTree(), seen: map[string]seen{}, hinted: map[string]bool{}, all: true,
		watch: func(string) {}, now: time.Now,
	}
}

// hint says that something happened at name, a path from the root.
func (s *scanner) hint(name string) {
	if path.Base(name) == ".gitattributes" {
		s.all = true
	}
	delete(s.seen, name)
	s.hinted[name] = true
}

// workTree is one scan: it lists and reads against the same memory.
type workTree struct {
	scanner    *scanner
	attributes *gitrepo.Attributes
	committed  *commitTree
	// fresh holds the bytes read in this scan, so that what was hashed is what is
	// parsed.
	fresh map[string]string
}

// scan begins a scan of the work tree above the commit's tree head.
func (s *scanner) scan(ctx context.Context, head gitrepo.Hash) (*workTree, error) {
	attributes, err := s.repo.Attributes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read .gitattributes: %w", err)
	}
	return &workTree{s, attributes, &commitTree{s.repo, head}, map[string]string{}}, nil
}

func (w *workTree) list(ctx context.Context, want places) ([]file, error) {
	s := w.scanner
	if err := s.readCommitted(ctx, w.committed, want); err != nil {
		return nil, err
	}
	var err error
	if s.all || s.found != want.key() {
		err = w.listAll(ctx, want)
	} else {
		err = w.listHinted(ctx, want)
	}
	if err != nil {
		s.all = true
		return nil, err
	}
	s.all, s.found, s.hinted = false, want.key(), map[string]bool{}
	files := make([]file, 0, len(s.listed))
	for _, f := range s.listed {
		f.uncommitted = f.blob != s.committed.blobs[f.path]
		files = append(files, f)
	}
	return files, nil
}

// version is equal for two lists exactly when the second found nothing changed.
func (w *workTree) version() string { return fmt.Sprint(w.scanner.version) }

func (s *scanner) readCommitted(ctx context.Context, head *commitTree, want places) error {
	if s.committed.blobs != nil && s.committed.tree == head.root && s.committed.found == want.key() {
		return nil
	}
	files, err := head.list(ctx, want)
	if err != nil {
		return err
	}
	s.committed = committedBlobs{head.root, want.key(), make(map[string]content.Hash, len(files))}
	for _, f := range files {
		s.committed.blobs[f.path] = f.blob
	}
	return nil
}

func (w *workTree) listAll(ctx context.Context, want places) error {
	files, err := w.walk(ctx, nil, "", want, 0)
	if err != nil {
		return err
	}
	listed := make(map[string]file, len(files))
	for _, f := range files {
		listed[f.path] = f
	}
	if !maps.Equal(listed, w.scanner.listed) {
		w.scanner.version++
	}
	w.scanner.listed = listed
	w.scanner.prune(files)
	return nil
}

// listHinted looks only at what the hints named.
func (w *workTree) listHinted(ctx context.Context, want places) error {
	for name := range w.scanner.hinted {
		if err := w.look(ctx, name, want); err != nil {
			return err
		}
	}
	return nil
}

// look brings the list up to date with what is at name: a file, a folder, nothing.
func (w *workTree) look(ctx context.Context, name string, want places) error {
	if !want.file(name) && !want.folder(name) {
		return nil
	}
	info, err := os.Lstat(filepath.Join(w.scanner.root, filepath.FromSlash(name)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var files []file
	switch {
	case err != nil:
	case info.IsDir():
		if want.folder(name) {
			files, err = w.walk(ctx, nil, strings.TrimPrefix(name, "."), want, strings.Count(name, "/")+1)
		}
	default:
		files, err = w.take(nil, name, fs.FileInfoToDirEntry(info), want)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w.scanner.put(name, files)
	return nil
}

// put replaces what is listed at name and below it.
func (s *scanner) put(name string, files []file) {
	now := make(map[string]bool, len(files))
	for _, f := range files {
		now[f.path] = true
		if s.listed[f.path] != f {
			s.listed[f.path] = f
			s.version++
		}
	}
	if _, isFile := s.listed[name]; isFile && now[name] {
		return
	}
	for path := range s.listed {
		if (path == name || name == "." || strings.HasPrefix(path, name+"/")) && !now[path] {
			delete(s.listed, path)
			s.version++
		}
	}
}

func (w *workTree) walk(ctx context.Context, files []file, dir string, want places, depth int) ([]file, error) {
	if err := ctx.Err(); err != nil || depth > maxDepth {
		return files, err
	}
	full := filepath.Join(w.scanner.root, filepath.FromSlash(dir))
	w.scanner.watch(full)
	entries, err := os.ReadDir(full)
	if errors.Is(err, fs.ErrNotExist) && dir != "" {
		return files, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list folder %q: %w", dir, err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case !e.IsDir():
			files, err = w.take(files, name, e, want)
		case e.Name() != ".git" && want.folder(name):
			files, err = w.walk(ctx, files, name, want, depth+1)
		}
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// take adds the file at name to files, if it is wanted.
func (w *workTree) take(files []file, name string, e fs.DirEntry, want places) ([]file, error) {
	_, tracked := w.scanner.committed.blobs[name]
	link := e.Type()&fs.ModeSymlink != 0 && want.folder(name) // in the place of a folder
	if !want.file(name) && !link || !tracked && strings.HasPrefix(e.Name(), ".") {
		return files, nil // not ours, or an editor's own, such as a lock
	}
	f, err := w.entry(name, e)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return nil, err
	}
	return append(files, f), nil
}

func (w *workTree) entry(name string, e fs.DirEntry) (file, error) {
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		return file{path: name, kind: check.Symlink}, nil
	case !e.Type().IsRegular():
		return file{path: name, kind: check.Other}, nil
	}
	info, err := e.Info()
	if err != nil {
		return file{}, err
	}
	f := file{path: name, kind: check.Regular, size: info.Size()}
	f.blob, err = w.hash(name, info)
	return f, err
}

// hash returns the object name that the file would have in Git.
func (w *workTree) hash(name string, info fs.FileInfo) (content.Hash, error) {
	old, ok := w.scanner.seen[name]
	if ok && !old.racy && old.stat == stampOf(info) {
		return old.blob, nil
	}
	text, info, err := w.load(name)
	if err != nil {
		return "", err
	}
	young := w.scanner.now().Sub(info.ModTime()) < racyAfter
	carriage := int64(len(text)) != info.Size() || strings.Contains(text, "\r")
	s := seen{stampOf(info), content.Hash(gitrepo.HashBlob([]byte(text))), young || carriage}
	w.scanner.seen[name] = s
	if len(text) <= content.MaxBytes {
		w.fresh[name] = text
	}
	return s.blob, nil
}

// load reads a file as Git would store it, with the stat data that it had before.
// A file over the limit for attachments is cut there: it is refused later for its
// size, never parsed.
func (w *workTree) load(name string) (string, fs.FileInfo, error) {
	f, err := os.OpenFile(filepath.Join(w.scanner.root, filepath.FromSlash(name)), os.O_RDONLY|noFollow, 0)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", nil, err
	}
	if !info.Mode().IsRegular() {
		return "", nil, fmt.Errorf("%s is no regular file: %w", name, fs.ErrNotExist)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxAttachment+1))
	if err != nil {
		return "", nil, fmt.Errorf("read %s: %w", name, err)
	}
	return string(w.attributes.Clean(name, data)), info, nil
}

func (w *workTree) blob(_ context.Context, name string) (content.Hash, error) {
	w.scanner.watch(filepath.Dir(filepath.Join(w.scanner.root, filepath.FromSlash(name))))
	info, err := os.Lstat(filepath.Join(w.scanner.root, filepath.FromSlash(name)))
	if err == nil && !info.Mode().IsRegular() || errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", name, content.ErrNotFound)
	}
	if err != nil {
		return "", err
	}
	hash, err := w.hash(name, info)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errMoved
	}
	return hash, err
}

func (w *workTree) read(_ context.Context, name string, blob content.Hash) (string, error) {
	if text, ok := w.fresh[name]; ok {
		return text, nil
	}
	text, _, err := w.load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errMoved
	}
	if err == nil && content.Hash(gitrepo.HashBlob([]byte(text))) != blob {
		w.scanner.hint(name)
		return "", errMoved
	}
	return text, err
}

// prune forgets the files that are gone, so that memory is bounded by the tree.
func (s *scanner) prune(files []file) {
	if len(s.seen) < 2*len(files)+64 {
		return
	}
	keep := make(map[string]seen, len(files))
	for _, f := range files {
		if old, ok := s.seen[f.path]; ok {
			keep[f.path] = old
		}
	}
	s.seen = keep
}

// readFile returns the bytes of an attachment that is not in Git yet, as the scan
// saw it. It is safe for concurrent use.
func (s *scanner) readFile(ctx context.Context, f content.File) (string, error) {
	attributes, err := s.repo.Attributes(ctx)
	if err != nil {
		return "", fmt.Errorf("read .gitattributes: %w", err)
	}
	w := &workTree{scanner: s, attributes: attributes}
	text, _, err := w.load(f.Path)
	if err != nil || content.Hash(gitrepo.HashBlob([]byte(text))) != f.Blob {
		return "", fmt.Errorf("%s was changed just now; ask again: %w", f.Path, content.ErrUnavailable)
	}
	return text, nil
}
