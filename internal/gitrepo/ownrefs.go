package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// ownRefs are the refs that are ours alone: what is fetched never touches them.
const ownRefs = "refs/koonti/"

const branches = "refs/heads/"

// RefUpdate is a change of one ref.
type RefUpdate struct {
	// Name is full: a branch (refs/heads/) or a ref under refs/koonti/.
	Name string
	// Was is what the ref must still be, "" that it must not be there; Is is what it
	// becomes, "" that it is deleted.
	Was, Is Hash
	// Who and Message go to the reflog, where Git would keep one: of branches, unless
	// the repository is bare; core.logAllRefUpdates says otherwise; and where there is
	// one. Default of Who: Git's user, now.
	Who     Signature
	Message string
}

// UpdateRef makes a ref name an object, provided that it still is what it was: a
// compare-and-swap, against the git program too. was "" wants it not to be there
// yet; is "" deletes it. Once it returns nil, the ref is on disk, and before it all
// objects that were written through this Repo. It waits a little for another
// writer of the same ref.
//
// ErrChanged when the ref is not was any more; ErrNotFound when there is no
// object is, or none that is a commit for a branch; ErrCheckedOut when the branch
// is checked out in a work tree, whose files Advance moves along; ErrUnsupported
// when name is not a well-formed name (git-check-ref-format(1)) under refs/koonti/
// or of a branch, when the branch is another name of one (a symbolic ref), or a
// ref lies where it needs a folder, or below it.
func (r *Repo) UpdateRef(ctx context.Context, name string, was, is Hash) error {
	return r.Update(ctx, RefUpdate{Name: name, Was: was, Is: is})
}

// Update is UpdateRef with words for the reflog.
func (r *Repo) Update(ctx context.Context, u RefUpdate) error {
	err := r.update(ctx, u, func() error { return r.notCheckedOut(ctx, u.Name) })
	if err != nil {
		return fmt.Errorf("update ref %q: %w", clip(u.Name), err)
	}
	return nil
}

// update changes a ref. last is done once all else is, while the lock is held.
func (r *Repo) update(ctx context.Context, u RefUpdate, last func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := writableRef(u.Name); err != nil {
		return err
	}
	from, err := orZero(u.Was)
	if err != nil {
		return err
	}
	to, err := orZero(u.Is)
	if err != nil {
		return err
	}
	guard := func() error {
		if err := r.direct(u.Name); err != nil {
			return err
		}
		return last()
	}
	if u.Is == "" {
		return r.dropRef(ctx, u.Name, from, guard)
	}
	if err := r.mayHold(u.Name, to); err != nil {
		return err
	}
	if u.Was == "" {
		if err := r.roomFor(ctx, u.Name); err != nil {
			return err
		}
	}
	return r.setRef(ctx, u.Name, from, to, func() error {
		if err := guard(); err != nil {
			return err
		}
		return r.logUpdate(u, u.Name)
	})
}

// writableRef refuses the names of refs that are not ours to write.
func writableRef(name string) error {
	if !strings.HasPrefix(name, ownRefs) && !strings.HasPrefix(name, branches) || !validRef(name) {
		return fmt.Errorf("%w: not a name of a ref under %s, or of a branch", ErrUnsupported, ownRefs)
	}
	// What `git branch` refuses, because other commands could not name it.
	if short, ok := strings.CutPrefix(name, branches); ok && (short[0] == '-' || short == "HEAD") {
		return fmt.Errorf("%w: not a name of a branch", ErrUnsupported)
	}
	return nil
}

// direct refuses a branch that is but another name of a ref.
func (r *Repo) direct(name string) error {
	_, target, err := r.readRef(name)
	if err == nil && target != "" {
		return fmt.Errorf("%w: it is another name of %s: update that", ErrUnsupported, target)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// mayHold makes sure that there is an object, for a branch a commit.
func (r *Repo) mayHold(name string, id oid) error {
	if strings.HasPrefix(name, branches) {
		return r.holds(fromOID(id), plumbing.CommitObject)
	}
	if r.store.has(id) {
		return nil
	}
	_, _, err := r.store.header(id) // which asks the disk anew
	return err
}

func orZero(h Hash) (oid, error) {
	if h == "" {
		return oid{}, nil
	}
	return h.oid()
}

// roomFor refuses a name that no file could have beside the refs there are.
func (r *Repo) roomFor(ctx context.Context, name string) error {
	below, err := r.rawRefs(ctx, []string{name})
	if err != nil {
		return err
	}
	for _, ref := range below {
		if ref.name != name {
			return fmt.Errorf("%w: %s is in the way", ErrUnsupported, ref.name)
		}
	}
	for dir := path.Dir(name); dir != "refs"; dir = path.Dir(dir) {
		if _, _, err := r.readRef(dir); err == nil {
			return fmt.Errorf("%w: %s is in the way", ErrUnsupported, dir)
		}
	}
	return nil
}

// dropRef deletes a ref that still is what it was, and its log. As in Git its
// lock is held until it is gone from both places.
func (r *Repo) dropRef(ctx context.Context, name string, was oid, guard func() error) error {
	path := r.refPath(name)
	if was.IsZero() {
		return r.still(name, was)
	}
	lock, err := lockRef(ctx, path) // it may be packed alone
	if err != nil {
		return err
	}
	defer os.Remove(lock.Name())
	if err = errors.Join(lock.Close(), r.still(name, was)); err != nil {
		return err
	}
	if err := guard(); err != nil {
		return err
	}
	return r.deleteRef(ctx, name)
}

// RefsUnder lists the refs under a prefix by name, exposed or not, loose or
// packed. The prefix is refs/koonti/, or whole folders below it or below
// refs/heads/, such as refs/heads/proposals/. Commit is what the ref itself
// holds, as UpdateRef wants it; tags are not followed, and the object may be
// missing. A ref that is broken is left out.
//
// ErrUnsupported for any other prefix.
func (r *Repo) RefsUnder(ctx context.Context, prefix string) ([]Ref, error) {
	folder := strings.TrimSuffix(prefix, "/")
	if !strings.HasPrefix(folder+"/", ownRefs) && !strings.HasPrefix(folder, branches) || !validRef(folder) {
		return nil, fmt.Errorf("list refs under %q: %w: not a folder under %s or %s", clip(prefix), ErrUnsupported, ownRefs, branches)
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
