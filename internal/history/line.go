package history

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/koonti/koonti/internal/content"
)

// line is what led to one head: its first parents, each a step that published
// something, and all other commits in the step that first reached them. It only
// grows, under the lock of its state.
type line struct {
	steps []step
	// stepOf is the number of the step that a commit came with, from 1; 0 where it is
	// not of the line. It has an element for each commit of the graph, or fewer.
	stepOf []int32
	// carrier is, for each commit that is no step, the merge that took it in.
	carrier map[int32]int32
	// changes are the rows of all commits, those of ancestors first; changesOf gives by
	// life their places in it, and changesAt by path, also by the one before a rename.
	changes   []placed
	changesOf [][]int32
	changesAt [][]int32
	// diffs are the rows of the steps, as readers saw them; diffsOf gives by story their
	// places in it.
	diffs   []placed
	diffsOf [][]int32
	// holders says by path whose story it holds, in the order of the steps.
	holders [][]holder
	// livesOf are the lives of a story's rows, with the place of the first of each.
	livesOf [][]holder
	texts   texts
	// Most of those lists are short: they begin in one array.
	places beginnings[int32]
	held   beginnings[holder]
}

// beginnings make lists of one element.
type beginnings[T any] struct{ free []T }

func (b *beginnings[T]) add(list []T, x T) []T {
	if list != nil {
		return append(list, x)
	}
	if len(b.free) == 0 {
		b.free = make([]T, 256)
	}
	list, b.free = b.free[:1:1], b.free[1:]
	list[0] = x
	return list
}

// at is the list of something that may have none.
func at[T any](lists [][]T, i int32) []T {
	if int(i) < len(lists) {
		return lists[i]
	}
	return nil
}

// room makes lists go as far as n.
func room[T any](lists [][]T, n int) [][]T {
	if more := n - len(lists); more > 0 {
		lists = append(lists, make([][]T, more)...)
	}
	return lists
}

// holder says that from a diff on, something is of a story or a life.
type holder struct {
	diff, of int32
	gone     bool // the path was taken away
}

// step is one commit of the line of first parents.
type step struct {
	commit int32
	// changes and diffs are how many there are up to this step, it included.
	changes, diffs int32
}

// placed is a row and the step it came with. The row is not copied; it never changes.
type placed struct {
	*row
	step int32 // from 1
	// story is the record as readers know it: the same through its names on the line,
	// whichever branch its file came from. Of diffs only.
	story int32
}

func newLine() *line {
	return &line{carrier: map[int32]int32{}}
}

func (l *line) head() int32 {
	if len(l.steps) == 0 {
		return -1
	}
	return l.steps[len(l.steps)-1].commit
}

// ahead returns the first parents from head down to the end of the line, oldest
// first; ok is false where they do not meet it there.
func (l *line) ahead(g *graph, head int32) (commits []int32, ok bool) {
	for at := head; ; at = g.commits[at].parents[0] {
		if at == l.head() {
			break
		}
		commits = append(commits, at)
		if len(g.commits[at].parents) == 0 {
			if l.head() >= 0 {
				return nil, false
			}
			break
		}
		if int(at) < len(l.stepOf) && l.stepOf[at] > 0 {
			return nil, false // reached by an older step, so the end is not below
		}
	}
	for i, j := 0, len(commits)-1; i < j; i, j = i+1, j-1 {
		commits[i], commits[j] = commits[j], commits[i]
	}
	return commits, true
}

// extend adds steps to l. Their rows must be there.
func (s *state) extend(l *line, steps []int32) {
	if more := len(s.graph.commits) - len(l.stepOf); more > 0 {
		l.stepOf = append(l.stepOf, make([]int32, more)...)
	}
	l.changesOf, l.changesAt, l.holders = room(l.changesOf, len(s.lives)), room(l.changesAt, len(s.paths)), room(l.holders, len(s.paths))
	if len(l.steps) == 0 {
		l.steps, l.changes, l.diffs = make([]step, 0, len(steps)), make([]placed, 0, len(s.rows)), make([]placed, 0, len(s.rows))
		l.diffsOf, l.livesOf = make([][]int32, 0, len(s.lives)), make([][]holder, 0, len(s.lives))
	}
	for _, c := range steps {
		number := int32(len(l.steps) + 1)
		for _, reached := range l.reach(s.graph, c, number) {
			at := &s.graph.commits[reached]
			for i := at.first; i < at.last; i++ {
				l.addChange(placed{row: s.rows[i], step: number})
			}
		}
		l.addDiffs(s.published(c), number)
		l.steps = append(l.steps, step{c, int32(len(l.changes)), int32(len(l.diffs))})
	}
}

func (l *line) addChange(p placed) {
	place := int32(len(l.changes))
	l.changesOf[p.life] = l.places.add(l.changesOf[p.life], place)
	l.changesAt[p.path] = l.places.add(l.changesAt[p.path], place)
	if p.was >= 0 && p.was != p.path {
		l.changesAt[p.was] = l.places.add(l.changesAt[p.was], place)
	}
	l.changes = append(l.changes, p)
}

// addDiffs adds the rows of one step. What goes is noted before what comes, since names
// may change hands.
func (l *line) addDiffs(rows []*row, number int32) {
	first := int32(len(l.diffs))
	for _, r := range rows {
		from := r.path
		if r.was >= 0 {
			from = r.was
		}
		story, ok := l.storyAt(from, first)
		if !ok {
			story = int32(len(l.diffsOf))
			l.diffsOf, l.livesOf = append(l.diffsOf, nil), append(l.livesOf, nil)
		}
		l.addDiff(placed{r, number, story})
	}
	for i, r := range rows {
		if r.was >= 0 {
			l.holders[r.was] = l.held.add(l.holders[r.was], holder{first + int32(i), l.diffs[first+int32(i)].story, true})
		}
	}
	for i, r := range rows {
		at := first + int32(i)
		if story, ok := l.storyAt(r.path, at+1); !ok || story != l.diffs[at].story {
			l.holders[r.path] = l.held.add(l.holders[r.path], holder{at, l.diffs[at].story, false})
		}
	}
}

func (l *line) addDiff(p placed) {
	at := int32(len(l.diffs))
	l.diffsOf[p.story] = l.places.add(l.diffsOf[p.story], at)
	if !slices.ContainsFunc(l.livesOf[p.story], func(h holder) bool { return h.of == p.life }) {
		l.livesOf[p.story] = l.held.add(l.livesOf[p.story], holder{diff: at, of: p.life})
	}
	l.diffs = append(l.diffs, p)
}

// storyAt returns the story that a path holds below a place in the diffs; a file that
// comes back goes on with its story, unless that went on under another name.
func (l *line) storyAt(path, below int32) (story int32, ok bool) {
	for _, h := range slices.Backward(l.holders[path]) {
		if h.diff < below {
			return h.of, !h.gone
		}
	}
	return 0, false
}

// published returns the rows of a step: its own, or what it is against its first
// parent.
func (s *state) published(c int32) []*row {
	list, at := s.rows, span{s.graph.commits[c].first, s.graph.commits[c].last}
	if s.graph.commits[c].merge() {
		list, at = s.merged, s.spans[c]
	}
	return list[at.first:at.last]
}

// reach marks the commits that no step before reached, and returns them, ancestors
// first: along first parents before others, so that each is put down to the innermost
// merge of a pull request that took it in.
func (l *line) reach(g *graph, from, number int32) []int32 {
	type visit struct{ commit, carrier, next int32 }
	var order []int32
	open := []visit{{from, -1, 0}}
	l.stepOf[from] = number
	for len(open) > 0 {
		top := &open[len(open)-1]
		c := &g.commits[top.commit]
		if int(top.next) == len(c.parents) {
			order = append(order, top.commit)
			if top.carrier >= 0 {
				l.carrier[top.commit] = top.carrier
			}
			open = open[:len(open)-1]
			continue
		}
		parent, carrier := c.parents[top.next], top.carrier
		if top.next > 0 && (carrier < 0 || c.pull != nil) {
			carrier = top.commit
		}
		top.next++
		if l.stepOf[parent] == 0 {
			l.stepOf[parent] = number
			open = append(open, visit{parent, carrier, 0})
		}
	}
	return order
}

// publish reads what merges were against their first parents, where that is not known.
func (x *Index) publish(ctx context.Context, st *state, steps []int32) error {
	var todo []int32
	for _, c := range steps {
		if _, done := st.spans[c]; !done && st.graph.commits[c].merge() {
			todo = append(todo, c)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	scan := &scanner{x.documents, st.where}
	for len(todo) > 0 {
		some := todo[:min(window, len(todo))]
		todo = todo[len(some):]
		drafts := make([][]draft, len(some))
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, c := range some {
			group.Go(func() (err error) {
				at := &st.graph.commits[c]
				drafts[i], err = scan.difference(gctx, st.graph.commits[at.parents[0]].tree, at.tree)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return fmt.Errorf("compare merges with their first parents: %w", err)
		}
		for i, c := range some {
			if err := x.keepMerged(ctx, scan, st, c, drafts[i]); err != nil {
				return err
			}
		}
		x.store.save(ctx, st)
	}
	return nil
}

func (x *Index) keepMerged(ctx context.Context, scan *scanner, st *state, c int32, drafts []draft) error {
	first := st.graph.commits[c].parents[:1]
	drafts, err := st.carried(ctx, scan, c, drafts)
	if err != nil {
		return err
	}
	for i := range drafts {
		if err := scan.bridge(ctx, st, first, &drafts[i]); err != nil {
			return err
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	from := len(st.merged)
	for _, d := range drafts {
		r := st.row(c, d)
		switch {
		case r.was >= 0:
			r.life, _ = st.lifeAt(first[0], r.was)
		case d.kind == content.Deleted:
			r.life, _ = st.lifeAt(first[0], r.path)
		default:
			r.life, _ = st.lifeAt(c, r.path)
		}
		st.merged = append(st.merged, r)
	}
	st.span(c, from)
	return nil
}

// carried joins what is gone and what is new in a merge where the commits it took in
// renamed the record, also where another record took its name meanwhile.
func (s *state) carried(ctx context.Context, scan *scanner, c int32, drafts []draft) ([]draft, error) {
	first := s.graph.commits[c].parents[0]
	gone, fresh := map[int32]int{}, map[int]int32{}
	s.mu.Lock()
	for i, d := range drafts {
		path := s.path(d.path)
		was, _ := s.lifeAt(first, path)
		now, _ := s.lifeAt(c, path)
		other := d.before == (oid{}) || d.after == (oid{}) || was != now
		if other && d.before != (oid{}) {
			gone[was] = i
		}
		if other && d.after != (oid{}) {
			fresh[i] = now
		}
	}
	s.mu.Unlock()
	from := map[int]int{}
	for _, i := range slices.Sorted(maps.Keys(fresh)) {
		if old, ok := gone[fresh[i]]; ok && old != i {
			from[i] = old
			delete(gone, fresh[i])
		}
	}
	settled(drafts, from)
	return scan.join(ctx, drafts, from)
}

// settled leaves of renames those where what lay at the new name before went elsewhere: the
// others are told as changes of what lies there.
func settled(drafts []draft, from map[int]int) {
	for more := true; more; {
		more = false
		left := map[int]bool{}
		for _, old := range from {
			left[old] = true
		}
		for i, d := range drafts {
			_, came := from[i]
			if replaced := d.before != (oid{}) && d.after != (oid{}); !replaced || came == left[i] {
				continue
			}
			delete(from, i)
			for to, old := range from {
				if old == i {
					delete(from, to)
				}
			}
			more = true
		}
	}
}
