package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ownRefs are the refs that are ours alone. No others are written by UpdateRef,
// and what is fetched never touches them.
const ownRefs = "refs/koonti/"

// UpdateRef makes a ref name an object, provided that it still is what it was: a
// compare-and-swap, against the git program too. was "" wants it not to be there
// yet; is "" deletes it. Once it returns nil, the ref is on disk. It waits a
// little for another writer of the same ref.
//
// ErrChanged when the ref is not was any more; ErrNotFound when there is no
// object is; ErrUnsupported when name is not a well-formed name
// (git-check-ref-format(1)) under refs/koonti/, or a ref lies where it needs a
// folder, or below it.
func (r *Repo) UpdateRef(ctx context.Context, name string, was, is Hash) error {
	if err := r.updateRef(ctx, name, was, is); err != nil {
		return fmt.Errorf("update ref %q: %w", clip(name), err)
	}
	return nil
}

func (r *Repo) updateRef(ctx context.Context, name string, was, is Hash) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !strings.HasPrefix(name, ownRefs) || !validRef(name) {
		return fmt.Errorf("%w: not a name of a ref under %s", ErrUnsupported, ownRefs)
	}
	from, err := orZero(was)
	if err != nil {
		return err
	}
	to, err := orZero(is)
	if err != nil {
		return err
	}
	if is == "" {
		return r.dropRef(ctx, name, from)
	}
	if !r.store.has(to) {
		if _, _, err := r.store.header(to); err != nil { // which asks the disk anew
			return err
		}
	}
	if was == "" {
		if err := r.roomFor(ctx, name); err != nil {
			return err
		}
	}
	return r.setRef(ctx, name, from, to)
}

func orZero(h Hash) (oid, error) {
	if h == "" {
		return oid{}, nil
	}
	return h.oid()
}

// roomFor refuses a name that no file could have beside the refs there are.
func (r *Repo) roomFor(ctx context.Context, name string) error {
	refs, err := r.rawRefs(ctx, []string{ownRefs})
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if ref.name != name && (under(ref.name, name) || under(name, ref.name)) {
			return fmt.Errorf("%w: %s is in the way", ErrUnsupported, ref.name)
		}
	}
	return nil
}

// dropRef deletes a ref that still is what it was. As in Git its lock is held
// until it is gone from both places.
func (r *Repo) dropRef(ctx context.Context, name string, was oid) error {
	path := r.refPath(name)
	if was.IsZero() {
		return r.still(name, was)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // it may be packed alone
		return err
	}
	lock, err := takeLock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer os.Remove(lock.Name())
	if err = errors.Join(lock.Close(), r.still(name, was)); err != nil {
		return err
	}
	return r.deleteRef(ctx, name)
}

// RefsUnder lists the refs under a prefix, which is refs/koonti/ or whole folders
// below it, by name: exposed or not, loose or packed. Commit is what the ref
// itself holds, as UpdateRef wants it; tags are not followed, and the object may
// be missing. A ref that is broken is left out.
//
// ErrUnsupported for any other prefix.
func (r *Repo) RefsUnder(ctx context.Context, prefix string) ([]Ref, error) {
	folder := strings.TrimSuffix(prefix, "/")
	if !strings.HasPrefix(folder+"/", ownRefs) || !validRef(folder) {
		return nil, fmt.Errorf("list refs under %q: %w: not a folder under %s", clip(prefix), ErrUnsupported, ownRefs)
	}
	raw, err := r.rawRefs(ctx, []string{folder})
	if err != nil {
		return nil, fmt.Errorf("list refs under %s: %w", folder, err)
	}
	refs := make([]Ref, 0, len(raw))
	for _, x := range raw {
		refs = append(refs, Ref{x.name, fromOID(x.id)})
	}
	return refs, nil
}
