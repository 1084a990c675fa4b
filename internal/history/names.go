package history

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// mostRenames is how many renames of a record, the first ones, are looked at where a merge
// joins its names: what a hostile history costs is bounded.
const mostRenames = 100

// renaming is one rename of a life.
type renaming struct{ commit, was, path int32 }

// renamed keeps a rename.
func (s *state) renamed(r *row) {
	if list := s.renames[r.life]; len(list) < mostRenames {
		s.renames[r.life] = append(list, renaming{r.commit, r.was, r.path})
	}
}

// namesIn are the other names, of what a merge joins, of the record that it has at path:
// those that renames lead to which not all its parents have.
func (s *state) namesIn(c, path int32) []string {
	life, gone, ok := s.lifeSeen(c, path)
	if gone || !ok || len(s.renames[life]) == 0 {
		return nil
	}
	parents := s.graph.commits[c].parents
	list := slices.DeleteFunc(slices.Clone(s.renames[life]), func(r renaming) bool {
		return !s.graph.reaches(c, r.commit) || !slices.ContainsFunc(parents, func(p int32) bool { return !s.graph.reaches(p, r.commit) })
	})
	names := []int32{path}
	for i := 0; i < len(names); i++ {
		for _, r := range list {
			for _, pair := range [][2]int32{{r.was, r.path}, {r.path, r.was}} {
				if pair[0] == names[i] && !slices.Contains(names, pair[1]) {
					names = append(names, pair[1])
				}
			}
		}
	}
	var out []string
	for _, name := range names[1:] {
		out = append(out, s.paths[name])
	}
	return out
}

// named is the version of a record that one commit has, and where it lies there.
type named struct {
	path string
	blob oid // none where the commit does not have the record
}

// version finds the file that a commit has under one of the names; many where it has more
// than one, as when merges brought a record back beside its new name, or another took it.
func version(ctx context.Context, repo *gitrepo.Repo, c *commit, names []string) (v named, many bool, err error) {
	for _, name := range names {
		blob, err := lookup(ctx, repo, c, name)
		if err != nil {
			return named{}, false, err
		}
		many = blob != (oid{}) && v.blob != (oid{})
		if many {
			return named{}, true, nil
		}
		if blob != (oid{}) {
			v = named{name, blob}
		}
	}
	return v, false, nil
}

// across corrects the drafts of a merge that joins sides which call a record by different
// names. Paths alone, all that changes goes by, cannot tell that what one side did under
// the old name is no work of the merge, nor that the merge dropped it.
func (s *scanner) across(ctx context.Context, st *state, c int32, drafts []draft) ([]draft, error) {
	var paths []int32
	drafts = slices.DeleteFunc(drafts, func(d draft) bool {
		path, known := st.pathOf[d.path]
		if !known || len(st.events[path]) == 0 {
			return false
		}
		life, gone := st.lifeAt(c, path)
		if d.kind != content.Overruled || d.after != (oid{}) {
			paths = append(paths, path)
			return false
		}
		// What the merge seems to have dropped may only be called something else.
		for _, r := range st.renames[life] {
			paths = append(paths, r.path)
		}
		return gone
	})
	slices.Sort(paths)
	bases := sync.OnceValue(func() basesOf { return st.basesOf(c) })
	for _, path := range slices.Compact(paths) {
		var err error
		if drafts, err = s.joined(ctx, st.joint(c, path, bases), drafts); err != nil {
			return nil, err
		}
	}
	for i := range drafts {
		drafts[i].addDropped()
	}
	slices.SortStableFunc(drafts, func(a, b draft) int { return strings.Compare(a.path, b.path) })
	return drafts, nil
}

// union is one record in a merge: what came of it, and what each side and each base of two
// sides has of it.
type union struct {
	merged named
	sides  []named
	bases  map[[2]int][]oid
}

// joined tells anew what a merge did to one record, where it lies elsewhere before it.
func (s *scanner) joined(ctx context.Context, j joint, drafts []draft) ([]draft, error) {
	u, elsewhere, err := j.union(ctx, s.repo)
	if err != nil || !elsewhere {
		return drafts, err
	}
	drafts = slices.DeleteFunc(drafts, func(d draft) bool {
		return d.kind == content.Overruled && (d.path == u.merged.path || d.after == (oid{}) && slices.ContainsFunc(u.sides, func(side named) bool { return side.path == d.path }))
	})
	made := slices.IndexFunc(drafts, func(d draft) bool { return d.path == u.merged.path })
	if made >= 0 {
		if err := s.ownOf(ctx, u, &drafts[made]); err != nil {
			return nil, err
		}
	}
	for n, loser := range u.sides {
		for k, winner := range u.sides {
			chosen := made >= 0 || winner.blob == u.merged.blob
			if n == k || !chosen || loser.blob == u.merged.blob || loser.blob == (oid{}) || winner.blob == (oid{}) {
				continue
			}
			d, lost, err := s.lost(ctx, loss{
				path: u.merged.path, side: loser.blob, merged: u.merged.blob, won: winner.blob, bases: u.bases[[2]int{min(n, k), max(n, k)}],
			})
			if err != nil {
				return nil, err
			}
			if loser.path != d.path {
				d.was = loser.path
			}
			drafts = drop(drafts, made, d, lost)
		}
	}
	return drafts, nil
}

// ownOf leaves of what a merge made of a record what is on no side.
func (s *scanner) ownOf(ctx context.Context, u union, d *draft) error {
	d.dropped = nil
	if d.kind != content.Updated && d.kind != content.Formatted {
		return nil
	}
	for _, side := range u.sides {
		if err := s.ownOnly(ctx, d, side.blob); err != nil {
			return err
		}
	}
	return nil
}

// drop adds what one side lost: to what the merge made, else to what it overruled.
func drop(drafts []draft, made int, d draft, lost bool) []draft {
	if made >= 0 {
		drafts[made].dropped = append(drafts[made].dropped, d.fields...)
		return drafts
	}
	if !lost {
		return drafts
	}
	for i := range drafts {
		if drafts[i].path == d.path { // overruled on another side, too
			drafts[i].lose(d)
			return drafts
		}
	}
	return append(drafts, d)
}

// joint is what a merge joins, as far as it matters for the record that it has at path,
// which is called names elsewhere.
type joint struct {
	path    string
	names   []string
	merge   *commit
	parents []*commit
	bases   basesOf
}

// joint looks at one path of a merge; bases are called for where they are needed.
func (s *state) joint(c, path int32, bases func() basesOf) joint {
	j := joint{path: s.paths[path], names: s.namesIn(c, path), merge: &s.graph.commits[c]}
	if len(j.names) == 0 {
		return j
	}
	for _, parent := range j.merge.parents {
		j.parents = append(j.parents, &s.graph.commits[parent])
	}
	j.bases = bases()
	return j
}

// basesOf are the merge bases of each two parents, which are named by their places.
type basesOf map[[2]int][]*commit

func (s *state) basesOf(c int32) basesOf {
	out := basesOf{}
	parents := s.graph.commits[c].parents
	for n, parent := range parents {
		for k, other := range parents[:n] {
			for _, base := range s.graph.mergeBases(other, parent) {
				pair := [2]int{k, n}
				out[pair] = append(out[pair], &s.graph.commits[base])
			}
		}
	}
	return out
}

// union looks for a record in what a merge joins; elsewhere is whether it lies under
// another name there, and it is sure which file it is.
func (j joint) union(ctx context.Context, repo *gitrepo.Repo) (u union, elsewhere bool, err error) {
	u = union{merged: named{path: j.path}, bases: map[[2]int][]oid{}}
	if len(j.names) == 0 {
		return u, false, nil
	}
	if u.merged.blob, err = lookup(ctx, repo, j.merge, j.path); err != nil || u.merged.blob == (oid{}) {
		return u, false, err
	}
	sure, names := true, append([]string{j.path}, j.names...)
	find := func(c *commit) (v named) {
		var many bool
		if sure && err == nil {
			v, many, err = version(ctx, repo, c, names)
		}
		if err == nil && v.blob != (oid{}) && v.path != j.path {
			var still oid // another record, by now
			still, err = lookup(ctx, repo, j.merge, v.path)
			elsewhere, many = true, many || still != (oid{})
		}
		sure = sure && !many
		return v
	}
	for n, parent := range j.parents {
		u.sides = append(u.sides, find(parent))
		for k := range n {
			pair := [2]int{k, n}
			u.bases[pair] = make([]oid, max(1, len(j.bases[pair]))) // unrelated sides each began with nothing
			for i, base := range j.bases[pair] {
				u.bases[pair][i] = find(base).blob
			}
		}
	}
	return u, elsewhere && sure, err
}
