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

// Diff returns how the records of one revision differ from those of another, by
// collection and path.
func (x *Index) Diff(ctx context.Context, from, to *content.View) ([]content.Change, error) {
	older, err := x.Past(ctx, from)
	if err != nil {
		return nil, err
	}
	newer, err := x.Past(ctx, to)
	if err != nil {
		return nil, err
	}
	scan := &scanner{x.documents, newer.state.where}
	drafts, err := scan.difference(ctx, older.tree(), newer.tree())
	if err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", to.Commit, from.Commit, err)
	}
	if drafts, err = newer.pair(ctx, scan, older, drafts); err != nil {
		return nil, err
	}
	out := make([]content.Change, 0, len(drafts))
	for _, d := range drafts {
		c := content.Change{
			Path: d.path, Kind: d.kind, Before: d.before.hash(), After: d.after.hash(), Unreadable: d.unreadable,
			Commit: to.Commit, Step: to.Commit, At: to.CommittedAt,
		}
		c.Ref, _ = newer.state.where.match(d.path)
		if d.was != "" {
			c.Was = &content.Origin{Path: d.was}
			c.Was.Ref, _ = newer.state.where.match(d.was)
		}
		for _, f := range d.fields {
			c.Fields = append(c.Fields, f.Pointer)
		}
		out = append(out, c)
	}
	return out, nil
}

func (p *Past) tree() oid {
	if p.head < 0 {
		return oid{}
	}
	return p.commits[p.head].tree
}

// pair joins what is gone and what is new where the history knows it as one record.
func (p *Past) pair(ctx context.Context, scan *scanner, older *Past, drafts []draft) ([]draft, error) {
	gone := map[int32]int{}
	for i, d := range drafts {
		if life, ok := older.lifeAtPath(d.path); ok && d.kind == content.Deleted {
			gone[life] = i
		}
	}
	from := map[int]int{}
	for i, d := range drafts {
		life, ok := p.lifeAtPath(d.path)
		if old, found := gone[life]; ok && found && d.kind == content.Created {
			from[i] = old
			delete(gone, life)
		}
	}
	return scan.join(ctx, drafts, from)
}

func (p *Past) lifeAtPath(path string) (int32, bool) {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	i, ok := p.state.pathOf[path]
	if !ok || p.head < 0 {
		return 0, false
	}
	life, _, ok := p.state.lifeSeen(p.head, i)
	return life, ok
}
