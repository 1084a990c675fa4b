package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// headsPrefix is where the former heads of served branches are kept: for the branch
// refs/heads/main the newest seen is <prefix>main/seen, and each that a forced push left
// is <prefix>main/<time>-<from>-<to>.
const headsPrefix = "refs/koonti/heads/"

// stamp is the time in the name of a former head, in UTC.
const stamp = "20060102T150405Z"

// Follow keeps the head that a branch has now, and the one it had where the branch was
// moved to a commit that does not follow from it. Both must have been read (Extend, or
// Past). A repository that cannot be written to is left as it is: the error says so.
func (x *Index) Follow(ctx context.Context, view *content.View) error {
	branch, ok := strings.CutPrefix(view.Ref, "refs/heads/")
	if !ok || view.Commit == "" {
		return nil
	}
	prefix := headsPrefix + branch + "/"
	refs, err := x.cfg.Repo.RefsUnder(ctx, prefix)
	if err != nil {
		return fmt.Errorf("read former heads: %w", err)
	}
	var seen gitrepo.Hash
	for _, r := range refs {
		if r.Name == prefix+"seen" {
			seen = r.Commit
		}
	}
	now := gitrepo.Hash(view.Commit)
	if seen == now {
		return nil
	}
	if seen != "" {
		follows, err := x.follows(ctx, view, seen)
		if err != nil {
			return err
		}
		if !follows {
			name := prefix + x.cfg.Now().UTC().Format(stamp) + "-" + string(seen) + "-" + string(now)
			if err := x.cfg.Repo.UpdateRef(ctx, name, "", seen); err != nil {
				return fmt.Errorf("keep the former head of %s: %w", branch, err)
			}
			x.cfg.Logger.Warn("branch was moved by force", "ref", view.Ref, "from", string(seen), "to", string(now))
		}
	}
	err = x.cfg.Repo.UpdateRef(ctx, prefix+"seen", seen, now)
	if errors.Is(err, gitrepo.ErrChanged) {
		return nil // another process saw it as well
	}
	if err != nil {
		return fmt.Errorf("keep the head of %s: %w", branch, err)
	}
	return nil
}

// follows reports whether the view's commit has old among its ancestors.
func (x *Index) follows(ctx context.Context, view *content.View, old gitrepo.Hash) (bool, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	st, err := x.read(ctx, view.Model, view.Commit, true)
	if err != nil {
		return false, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	a, known := st.graph.byHash[parseOID(content.Hash(old))]
	return known && st.graph.reaches(st.graph.byHash[parseOID(view.Commit)], a), nil
}

// Rewrites lists when a branch was moved by force, newest first.
func (x *Index) Rewrites(ctx context.Context) ([]content.Rewrite, error) {
	refs, err := x.cfg.Repo.RefsUnder(ctx, headsPrefix)
	if err != nil {
		return nil, fmt.Errorf("read former heads: %w", err)
	}
	var out []content.Rewrite
	for _, r := range refs {
		name := strings.TrimPrefix(r.Name, headsPrefix)
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			continue
		}
		parts := strings.Split(name[slash+1:], "-")
		if len(parts) != 3 {
			continue
		}
		noticed, err := time.Parse(stamp, parts[0])
		if err != nil {
			continue
		}
		out = append(out, content.Rewrite{Ref: "refs/heads/" + name[:slash], From: content.Hash(parts[1]), To: content.Hash(parts[2]), Noticed: noticed})
	}
	slices.SortFunc(out, func(a, b content.Rewrite) int { return b.Noticed.Compare(a.Noticed) })
	return out, nil
}
