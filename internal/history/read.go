package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

const (
	// window is how many commits are read, and written to disk, at a time; portion how
	// many of them one worker takes.
	window  = 512
	portion = 16
)

// scanned is what was read of one commit.
type scanned struct {
	drafts []draft
	// seen is what a step of the line is against its first parent, where it is a merge.
	seen []draft
	// places are where the commit's model, if it changed it, says that records lie.
	places []place
}

// gather adds all commits that lead to head to the graph, parents first.
func (x *Index) gather(ctx context.Context, st *state, head content.Hash) error {
	fresh := map[oid]*gitrepo.Commit{}
	known := func(h gitrepo.Hash) bool {
		_, ok := st.graph.byHash[parseOID(content.Hash(h))]
		return ok
	}
	if known(gitrepo.Hash(head)) {
		return nil
	}
	for c, err := range x.cfg.Repo.Walk(ctx, []gitrepo.Hash{gitrepo.Hash(head)}, known) {
		if err != nil {
			return fmt.Errorf("walk commits: %w", err)
		}
		if c.Boundary {
			return &content.CutOffError{At: content.Hash(c.Hash)}
		}
		fresh[parseOID(content.Hash(c.Hash))] = &c
		x.progress.found.Store(int64(len(fresh)))
	}
	order := ordered(st.graph, fresh)
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, id := range order {
		st.graph.add(st.commit(id, fresh[id]))
	}
	return nil
}

// ordered sorts commits by generation, then by hash: parents first, and the same
// whatever order they came in.
func ordered(g *graph, fresh map[oid]*gitrepo.Commit) []oid {
	generation := make(map[oid]int32, len(fresh))
	order := make([]oid, 0, len(fresh))
	for id := range fresh {
		order = append(order, id)
	}
	var open []oid
	for _, id := range order {
		for open = append(open[:0], id); len(open) > 0; {
			at := open[len(open)-1]
			if generation[at] > 0 {
				open = open[:len(open)-1]
				continue
			}
			highest, waiting := int32(0), false
			for _, p := range fresh[at].Parents {
				parent := parseOID(content.Hash(p))
				if i, ok := g.byHash[parent]; ok {
					highest = max(highest, g.commits[i].generation)
				} else if generation[parent] == 0 {
					open, waiting = append(open, parent), true
				} else {
					highest = max(highest, generation[parent])
				}
			}
			if !waiting {
				generation[at] = highest + 1
			}
		}
	}
	slices.SortFunc(order, func(a, b oid) int {
		return cmp.Or(cmp.Compare(generation[a], generation[b]), slices.Compare(a[:], b[:]))
	})
	return order
}

// commit keeps what is needed of a commit whose parents are in the graph.
func (s *state) commit(id oid, c *gitrepo.Commit) commit {
	m := readMessage(c.Message, len(c.Parents))
	out := commit{
		hash: id, tree: parseOID(content.Hash(c.Tree)), subject: m.subject, pull: m.pullRequest,
		authored: c.Author.When.Unix(), committed: c.Committer.When.Unix(),
		author: s.person(person{c.Author.Name, c.Author.Email}), committer: s.person(person{c.Committer.Name, c.Committer.Email}),
	}
	for _, p := range c.Parents {
		out.parents = append(out.parents, s.graph.byHash[parseOID(content.Hash(p))])
	}
	for _, list := range []struct {
		role   role
		people []person
	}{{coAuthor, m.coAuthors}, {reviewer, m.reviewers}, {approver, m.approvers}} {
		for _, p := range list.people {
			out.credits = append(out.credits, credit{list.role, s.person(p)})
		}
	}
	return out
}

// scan reads what the commits not done yet did, and what those that lead to head by first
// parents are against them.
func (x *Index) scan(ctx context.Context, st *state, head int32) error {
	type batch struct {
		from int32
		list []scanned
		err  error
	}
	scan := &scanner{x.documents, st.where}
	total := int32(len(st.graph.commits))
	x.progress.total.Store(int64(total))
	steps := st.graph.mergesTo(head, st.done)
	next := make(chan batch, 1)
	read := func(from int32) {
		list, err := scan.window(ctx, st.graph, steps, from, min(from+window, total))
		next <- batch{from, list, err}
	}
	if st.done < total {
		go read(st.done)
	}
	for st.done < total {
		b := <-next
		if b.err != nil {
			return b.err
		}
		if to := b.from + int32(len(b.list)); to < total {
			go read(to)
		}
		for i, s := range b.list {
			c := b.from + int32(i)
			err := x.keep(ctx, scan, st, c, s)
			if err == nil && steps[c] {
				err = x.keepMerged(ctx, scan, st, c, s.seen)
			}
			if err != nil {
				if b.from+int32(len(b.list)) < total {
					<-next
				}
				return err
			}
		}
		x.progress.done.Store(int64(st.done))
		x.store.save(ctx, st)
	}
	return nil
}

// window reads a range of commits with all cores.
func (s *scanner) window(ctx context.Context, g *graph, steps map[int32]bool, from, to int32) ([]scanned, error) {
	list := make([]scanned, to-from)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for first := from; first < to; first += portion {
		group.Go(func() error {
			for i := first; i < min(first+portion, to); i++ {
				var err error
				if list[i-from], err = s.commit(ctx, g, i, steps[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return list, group.Wait()
}

func (s *scanner) commit(ctx context.Context, g *graph, i int32, step bool) (out scanned, err error) {
	c := &g.commits[i]
	var model oid
	if out.drafts, model, err = s.changes(ctx, g, c); err != nil {
		return out, err
	}
	if step {
		if out.seen, err = s.difference(ctx, g.commits[c.parents[0]].tree, c.tree); err != nil {
			return out, fmt.Errorf("compare merge %s with its first parent: %w", c.hash.hash(), err)
		}
	}
	if model == (oid{}) {
		return out, nil
	}
	data, err := s.repo.Blob(ctx, gitrepo.Hash(model.hash()))
	if errors.Is(err, gitrepo.ErrTooLarge) {
		return out, nil
	}
	out.places = readPlaces(string(data))
	return out, err
}

// keep makes the drafts of a commit rows of the state.
func (x *Index) keep(ctx context.Context, scan *scanner, st *state, c int32, read scanned) error {
	drafts := read.drafts
	if st.graph.commits[c].merge() {
		var err error
		if drafts, err = scan.across(ctx, st, c, drafts); err != nil {
			return err
		}
	}
	for i := range drafts {
		if err := scan.bridge(ctx, st, st.graph.commits[c].parents, &drafts[i]); err != nil {
			return err
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	rows := st.settle(c, drafts)
	at := &st.graph.commits[c]
	at.first = int32(len(st.rows))
	st.rows = append(st.rows, rows...)
	at.last = int32(len(st.rows))
	if former := st.where.exactly(read.places).former; len(former) > 0 {
		st.models = append(st.models, modelled{c, former})
	}
	st.done = c + 1
	return nil
}

// bridge finds the fields of a draft whose version before cannot be read, from the
// newest one before that can.
func (s *scanner) bridge(ctx context.Context, st *state, parents []int32, d *draft) error {
	if !d.bridge || len(parents) == 0 {
		return nil
	}
	path := d.path
	if d.was != "" {
		path = d.was
	}
	var err error
	if d.bridged, err = s.readable(ctx, st, parents[0], path); err != nil {
		return err
	}
	before, err := s.document(ctx, d.bridged)
	if err != nil {
		return err
	}
	after, err := s.document(ctx, d.after)
	if err != nil {
		return err
	}
	d.fields = s.where.diff(d.path, rootOf(before), rootOf(after))
	return nil
}

// readable goes back along first parents, as those who read the branch would, to the
// newest version of a file that is strict JSON: none where the file never was.
func (s *scanner) readable(ctx context.Context, st *state, at int32, path string) (oid, error) {
	for child := int32(-1); ; {
		c := &st.graph.commits[at]
		e, err := s.repo.Lookup(ctx, gitrepo.Hash(c.tree.hash()), path)
		if err != nil && !errors.Is(err, gitrepo.ErrNotFound) {
			return oid{}, err
		}
		blob := blobOf(e)
		if blob == (oid{}) {
			was, renamed := st.formerPath(child, path)
			if !renamed {
				return oid{}, nil
			}
			path, child = was, -1
			continue
		}
		if doc, err := s.document(ctx, blob); err != nil || doc != nil {
			return blob, err
		}
		if len(c.parents) == 0 {
			return oid{}, nil
		}
		child, at = at, c.parents[0]
	}
}

// formerPath is what a commit renamed to path.
func (s *state) formerPath(c int32, path string) (string, bool) {
	if c < 0 {
		return "", false
	}
	at := &s.graph.commits[c]
	for _, r := range s.rows[at.first:at.last] {
		if r.was >= 0 && s.paths[r.path] == path {
			return s.paths[r.was], true
		}
	}
	return "", false
}
