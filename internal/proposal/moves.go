package proposal

import (
	"context"
	"fmt"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// moves are the commits of a side in which records went and others of the same
// collection came: by the path that went, in which; and what came in each.
type moves struct {
	gone  map[string][]int
	fresh []map[content.CollectionName][]string
}

// moved reports whether commits of a side, one after the other, could have given the
// record at from the path to.
func (j *joining) moved(ctx context.Context, c *changed, from, to string) (bool, error) {
	if j.between == nil {
		return true, nil
	}
	if c.moves == nil {
		var err error
		if c.moves, err = j.movesOf(ctx, c.base, c.side); err != nil {
			return false, fmt.Errorf("look for what was renamed: %w", err)
		}
	}
	collection, _ := j.model.Match(from)
	met, next := map[string]bool{from: true}, []string{from}
	for len(next) > 0 && !met[to] {
		at := next[0]
		next = next[1:]
		for _, i := range c.moves.gone[at] {
			for _, path := range c.moves.fresh[i][collection.Name] {
				if !met[path] {
					met[path], next = true, append(next, path)
				}
			}
		}
	}
	return met[to], nil
}

func (j *joining) movesOf(ctx context.Context, base, side gitrepo.Hash) (*moves, error) {
	m := &moves{gone: map[string][]int{}}
	all := func(string) bool { return true }
	record := func(path string) bool { c, _ := j.model.Match(path); return c != nil }
	for commit, err := range j.between(ctx, base, side) {
		if err != nil {
			return nil, err
		}
		var parents []gitrepo.Hash
		for _, p := range commit.Parents {
			parent, err := j.repo.Commit(ctx, p)
			if err != nil {
				return nil, err
			}
			parents = append(parents, parent.Tree)
		}
		found, err := j.repo.Compare(ctx, commit.Tree, parents, all, record)
		if err != nil {
			return nil, err
		}
		m.add(j.model, found)
	}
	return m, nil
}

// add notes what went and what came in one commit.
func (m *moves) add(model *content.Model, found []gitrepo.Difference) {
	fresh := map[content.CollectionName][]string{}
	for _, f := range found {
		switch collection, _ := model.Match(f.Path); {
		case !isFile(f.After):
			m.gone[f.Path] = append(m.gone[f.Path], len(m.fresh))
		case len(f.Before) > 0 && f.Before[0].Mode == 0:
			fresh[collection.Name] = append(fresh[collection.Name], f.Path)
		}
	}
	m.fresh = append(m.fresh, fresh)
}
