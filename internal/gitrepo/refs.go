package gitrepo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Ref is an exposed ref and the commit it leads to, through tags.
type Ref struct {
	Name   string // full: refs/heads/main
	Commit Hash
}

// maxSymbolic bounds refs that name refs, as Git does.
const maxSymbolic = 5

// Head says what is checked out: the full name of the branch, "" when HEAD is
// detached, and its commit, "" when the branch has none yet. It is read from
// disk at each call, which costs two or three small files.
func (r *Repo) Head(ctx context.Context) (ref string, commit Hash, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	ref, id, err := r.follow("HEAD")
	if ref == "HEAD" {
		ref = ""
	}
	if errors.Is(err, ErrNotFound) && ref != "" {
		return ref, "", nil
	}
	if err == nil {
		id, err = r.peel(id)
	}
	if err != nil {
		return "", "", fmt.Errorf("read HEAD: %w", err)
	}
	return ref, fromOID(id), nil
}

// Ref gives the commit that a ref leads to, exposed or not; name is full
// (refs/...) or one such as HEAD. ErrNotFound when there is no such ref, or when
// it leads to no commit.
func (r *Repo) Ref(ctx context.Context, name string) (Hash, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	id, err := r.ref(name)
	if err != nil {
		return "", fmt.Errorf("read ref %q: %w", name, err)
	}
	return fromOID(id), nil
}

// ref is the commit that a ref leads to.
func (r *Repo) ref(name string) (oid, error) {
	_, id, err := r.follow(name)
	if err != nil {
		return oid{}, err
	}
	return r.peel(id)
}

// Refs lists the exposed refs by name. A ref that is broken or leads to no
// commit is left out.
func (r *Repo) Refs(ctx context.Context) ([]Ref, error) {
	raw, err := r.rawRefs(ctx, r.cfg.Exposed)
	if err != nil {
		return nil, fmt.Errorf("list refs: %w", err)
	}
	refs := make([]Ref, 0, len(raw))
	for _, x := range raw {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		id, err := r.peel(x.id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list refs: %s: %w", x.name, err)
		}
		refs = append(refs, Ref{x.name, fromOID(id)})
	}
	return refs, nil
}

// exposed tells whether a full name is under one of the prefixes of the
// configuration.
func (r *Repo) exposed(name string) bool {
	return slices.ContainsFunc(r.cfg.Exposed, func(prefix string) bool { return under(name, prefix) })
}

// under takes a prefix as whole folders: refs/heads does not cover refs/headstone.
func under(name, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// peel follows tags to their commit. ErrNotFound when they end at none.
func (r *Repo) peel(id oid) (oid, error) {
	if commit, ok := r.peeled.Get(id); ok {
		if commit.IsZero() {
			return oid{}, fmt.Errorf("object %s is no commit: %w", id, ErrNotFound)
		}
		return commit, nil
	}
	at := id
	for range maxSymbolic {
		kind, _, err := r.store.header(at)
		if err != nil {
			return oid{}, err
		}
		switch kind {
		case plumbing.CommitObject:
			r.peeled.Add(id, at)
			return at, nil
		case plumbing.TagObject:
			if at, err = r.tagTarget(at); err != nil {
				return oid{}, err
			}
		default:
			r.peeled.Add(id, oid{})
			return oid{}, fmt.Errorf("object %s is a %s, no commit: %w", at, kind, ErrNotFound)
		}
	}
	return oid{}, fmt.Errorf("tag %s: %w: too many tags of tags", id, ErrNotFound)
}

func (r *Repo) tagTarget(id oid) (oid, error) {
	o, err := r.store.read(id, maxRebuilt)
	if err != nil {
		return oid{}, err
	}
	line, _, _ := strings.Cut(string(o.data[:min(len(o.data), 64)]), "\n")
	target, ok := strings.CutPrefix(line, "object ")
	if !ok || len(target) != 40 {
		return oid{}, fmt.Errorf("tag %s: %w: it names no object", id, ErrCorrupt)
	}
	return Hash(target).oid()
}

// follow reads a ref and, while it is symbolic, what it names. The name of the
// last ref comes back also with ErrNotFound.
func (r *Repo) follow(name string) (last string, id oid, err error) {
	for range maxSymbolic + 1 {
		if !validRef(name) {
			return "", oid{}, fmt.Errorf("%q is no name of a ref: %w", name, ErrNotFound)
		}
		id, target, err := r.readRef(name)
		if err != nil || target == "" {
			return name, id, err
		}
		name = target
	}
	return name, oid{}, fmt.Errorf("%w: refs that name one another", ErrCorrupt)
}

// readRef reads one ref, the loose file first: Git writes packed-refs before it
// removes the file, and rewrites packed-refs before it deletes a ref.
func (r *Repo) readRef(name string) (id oid, target string, err error) {
	data, err := os.ReadFile(r.refPath(name))
	if err == nil {
		return parseRef(data)
	}
	if !missing(err) && !isFolder(err) {
		return oid{}, "", err
	}
	packed, err := r.packedRefs()
	if err != nil {
		return oid{}, "", err
	}
	i, ok := slices.BinarySearchFunc(packed, name, func(p rawRef, name string) int { return cmp.Compare(p.name, name) })
	if !ok {
		return oid{}, "", ErrNotFound
	}
	return packed[i].id, "", nil
}

// refPath is where a loose ref lies. Some belong to one work tree alone.
func (r *Repo) refPath(name string) string {
	dir := r.commonDir
	if !strings.HasPrefix(name, "refs/") || under(name, "refs/bisect") ||
		under(name, "refs/worktree") || under(name, "refs/rewritten") {
		dir = r.gitDir
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

func parseRef(data []byte) (id oid, target string, err error) {
	text := strings.TrimRight(string(data), " \t\r\n")
	if target, ok := strings.CutPrefix(text, "ref:"); ok {
		return oid{}, strings.TrimLeft(target, " \t"), nil
	}
	if len(text) < 40 {
		return oid{}, "", fmt.Errorf("%w: the ref holds %q, no hash: `git fsck` names broken refs", ErrCorrupt, text)
	}
	id, err = Hash(text[:40]).oid()
	if err != nil {
		return oid{}, "", fmt.Errorf("%w: the ref holds %q, no hash", ErrCorrupt, text[:40])
	}
	return id, "", nil
}

// rawRef is a ref as stored, tags not followed.
type rawRef struct {
	name string
	id   oid
}

// rawRefs lists the refs under the prefixes by name, broken ones left out.
func (r *Repo) rawRefs(ctx context.Context, prefixes []string) ([]rawRef, error) {
	loose := map[string]bool{}
	for _, prefix := range prefixes {
		if err := r.looseRefs(ctx, strings.TrimSuffix(prefix, "/"), loose); err != nil {
			return nil, err
		}
	}
	packed, err := r.packedRefs() // after the loose ones, for the reason in readRef
	if err != nil {
		return nil, err
	}
	var refs []rawRef
	for _, p := range packed {
		if !loose[p.name] && slices.ContainsFunc(prefixes, func(prefix string) bool { return under(p.name, prefix) }) {
			refs = append(refs, p)
		}
	}
	for name := range loose {
		if _, id, err := r.follow(name); err == nil {
			refs = append(refs, rawRef{name, id})
		}
	}
	slices.SortFunc(refs, func(a, b rawRef) int { return cmp.Compare(a.name, b.name) })
	return refs, nil
}

// looseRefs adds the names of the loose refs at and below a name.
func (r *Repo) looseRefs(ctx context.Context, name string, into map[string]bool) error {
	root := r.refPath(name)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if missing(err) {
			return nil // gone since it was listed, or none there
		}
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		full := name
		if rest != "." {
			full += "/" + filepath.ToSlash(rest)
		}
		if !d.IsDir() && validRef(full) {
			into[full] = true
		}
		return nil
	})
	return err
}

// packedCache keeps packed-refs parsed for as long as the file is the same.
type packedCache struct {
	mu   sync.Mutex // guards the rest
	info fs.FileInfo
	refs []rawRef
	sure bool // the file had come to rest when it was read
}

// restTime is how old a file must be for its time stamp to tell versions apart.
const restTime = 2 * time.Second

// packedRefs returns the refs in packed-refs by name; not to be written to.
func (r *Repo) packedRefs() ([]rawRef, error) {
	c := &r.packed
	c.mu.Lock()
	defer c.mu.Unlock()
	path := filepath.Join(r.commonDir, "packed-refs")
	info, err := os.Stat(path)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read packed refs: %w", err)
	}
	if c.sure && sameFile(c.info, info) {
		return c.refs, nil
	}
	data, err := os.ReadFile(path)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read packed refs: %w", err)
	}
	refs, err := parsePacked(string(data))
	if err != nil {
		return nil, fmt.Errorf("read packed refs %s: %w", path, err)
	}
	// Sure only if what was read is what the time stamp speaks of.
	c.info, c.refs = info, refs
	c.sure = time.Since(info.ModTime()) > restTime && int64(len(data)) == info.Size()
	return refs, nil
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// parsePacked reads packed-refs: lines of hash, space and name; the lines that
// begin with ^ give the commit of the tag before them and are not needed.
func parsePacked(text string) ([]rawRef, error) {
	var refs []rawRef
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' || line[0] == '^' {
			continue
		}
		hash, name, ok := strings.Cut(line, " ")
		id, err := Hash(hash).oid()
		if !ok || err != nil {
			return nil, fmt.Errorf("%w: line %q", ErrCorrupt, line)
		}
		if validRef(name) {
			refs = append(refs, rawRef{name, id})
		}
	}
	slices.SortStableFunc(refs, func(a, b rawRef) int { return cmp.Compare(a.name, b.name) })
	return refs, nil
}

// validRef holds a name to git-check-ref-format(1), so that it can be neither a
// path that leads elsewhere nor a lock file: refs/... or capitals such as HEAD.
func validRef(name string) bool {
	if !strings.HasPrefix(name, "refs/") {
		return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
	}
	if strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return false
		}
	}
	return filepath.IsLocal(filepath.FromSlash(name)) // no device of Windows either
}
