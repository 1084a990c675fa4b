package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

const (
	// cachedDocuments are kept decoded while commits are read: most changes are of
	// records that changed a short while ago.
	cachedDocuments = 4096
	// similar is how much of two documents must be the same for one to be the other
	// under a new name; pairsCompared bounds how many are looked at in one commit.
	similar       = 0.5
	pairsCompared = 10_000
)

// draft is what one commit did to one path, as far as it can be told from the commit
// and its parents alone.
type draft struct {
	path, was     string
	kind          content.ChangeKind
	before, after oid
	// unreadable: after is no strict JSON. bridge: before is none, so that the fields
	// are still to be found.
	unreadable, bridge bool
	// bridged is what the fields were told from in its place.
	bridged oid
	fields  []content.FieldChange
	// dropped are those where a merge dropped the value of one parent: see addDropped.
	dropped []content.FieldChange
}

// documents reads blobs and keeps the newest decoded.
type documents struct {
	repo *gitrepo.Repo
	kept *lru.Cache[oid, *content.Document]
}

// document decodes a blob; nil where there is none, or where it is no strict JSON.
func (d *documents) document(ctx context.Context, blob oid) (*content.Document, error) {
	if blob == (oid{}) {
		return nil, nil
	}
	if doc, ok := d.kept.Get(blob); ok {
		return doc, nil
	}
	data, err := d.repo.Blob(ctx, gitrepo.Hash(blob.hash()))
	if err != nil && !errors.Is(err, gitrepo.ErrTooLarge) {
		return nil, err
	}
	var doc *content.Document
	if source := string(data); err == nil {
		if root, err := content.Parse(source); err == nil {
			doc = &content.Document{Blob: blob.hash(), Source: source, Root: root}
		}
	}
	d.kept.Add(blob, doc)
	return doc, nil
}

// scanner reads what commits did. Any goroutine may use it.
type scanner struct {
	*documents
	where *places
}

func rootOf(doc *content.Document) *content.Value {
	if doc == nil {
		return nil
	}
	return doc.Root
}

// blobOf is the blob of a file; none for what is not one.
func blobOf(e gitrepo.Entry) oid {
	if e.Mode != gitrepo.File && e.Mode != gitrepo.Executable {
		return oid{}
	}
	return parseOID(content.Hash(e.Hash))
}

func treesOf(commits ...*commit) []gitrepo.Hash {
	trees := make([]gitrepo.Hash, len(commits))
	for i, c := range commits {
		trees[i] = gitrepo.Hash(c.tree.hash())
	}
	return trees
}

// changes returns what a commit did: where its records differ from those of every
// parent, and for a merge also what it overruled; and the model file's blob where the
// commit changed it.
func (s *scanner) changes(ctx context.Context, g *graph, c *commit) (drafts []draft, model oid, err error) {
	parents := make([]*commit, len(c.parents))
	for i, p := range c.parents {
		parents[i] = &g.commits[p]
	}
	found, err := s.repo.Compare(ctx, gitrepo.Hash(c.tree.hash()), treesOf(parents...), s.where.descend, s.where.file)
	if err != nil {
		return nil, oid{}, fmt.Errorf("compare commit %s with its parents: %w", c.hash.hash(), err)
	}
	drafts = make([]draft, 0, len(found))
	for _, f := range found {
		if f.Path == s.where.model {
			model = blobOf(f.After)
			continue
		}
		d := draft{path: f.Path, after: blobOf(f.After)}
		if len(f.Before) == 0 && d.after == (oid{}) ||
			slices.ContainsFunc(f.Before, func(e gitrepo.Entry) bool { return blobOf(e) == d.after }) {
			continue // what is no file is no record, of whatever kind it is
		}
		for _, e := range slices.Backward(f.Before) {
			if blob := blobOf(e); blob != (oid{}) {
				d.before = blob
			}
		}
		if err := s.describe(ctx, &d); err != nil {
			return nil, oid{}, err
		}
		drafts = append(drafts, d)
	}
	if drafts, err = s.renames(ctx, drafts); err != nil || !c.merge() {
		return drafts, model, err
	}
	if err := s.own(ctx, parents, drafts); err != nil {
		return nil, oid{}, err
	}
	drafts, err = s.overruled(ctx, g, c, parents, drafts)
	return drafts, model, err
}

// difference returns how the records of a commit differ from those of another, renames
// not yet recognised.
func (s *scanner) difference(ctx context.Context, from, to oid) ([]draft, error) {
	found, err := s.repo.Compare(ctx, gitrepo.Hash(to.hash()), []gitrepo.Hash{gitrepo.Hash(from.hash())}, s.where.descend, s.where.file)
	if err != nil {
		return nil, err
	}
	drafts := make([]draft, 0, len(found))
	for _, f := range found {
		d := draft{path: f.Path, before: blobOf(f.Before[0]), after: blobOf(f.After)}
		if d.before == d.after || f.Path == s.where.model {
			continue
		}
		if err := s.describe(ctx, &d); err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return drafts, nil
}

// describe finds the kind and the fields of d from its blobs.
func (s *scanner) describe(ctx context.Context, d *draft) error {
	before, err := s.document(ctx, d.before)
	if err != nil {
		return err
	}
	after, err := s.document(ctx, d.after)
	if err != nil {
		return err
	}
	d.unreadable = after == nil && d.after != (oid{})
	d.bridge = before == nil && d.before != (oid{}) && after != nil
	d.fields = nil
	if !d.unreadable && !d.bridge {
		d.fields = s.where.diff(d.path, rootOf(before), rootOf(after))
	}
	d.kind = d.plainKind()
	return nil
}

func (d *draft) plainKind() content.ChangeKind {
	switch {
	case d.was != "":
		return content.Renamed
	case d.before == oid{}:
		return content.Created
	case d.after == oid{}:
		return content.Deleted
	case len(d.fields) == 0 && !d.unreadable && !d.bridge:
		return content.Formatted
	}
	return content.Updated
}

// own leaves of a merge's fields those where it has the value of no parent.
func (s *scanner) own(ctx context.Context, parents []*commit, drafts []draft) error {
	for i := range drafts {
		d := &drafts[i]
		path := cmp.Or(d.was, d.path)
		for _, p := range parents {
			blob, err := lookup(ctx, s.repo, p, path)
			if err != nil {
				return err
			}
			if err := s.ownOnly(ctx, d, blob); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownOnly leaves of a merge's fields those where it has not the value of one parent's
// version.
func (s *scanner) ownOnly(ctx context.Context, d *draft, blob oid) error {
	after, err := s.document(ctx, d.after)
	if err != nil || after == nil || d.bridge || blob == d.before || blob == (oid{}) {
		return err
	}
	parent, err := s.document(ctx, blob)
	if err != nil || parent == nil {
		return err // what cannot be read set no value
	}
	d.fields = common(d.fields, s.where.diff(d.path, parent.Root, after.Root))
	if d.kind == content.Updated || d.kind == content.Formatted {
		d.kind = d.plainKind()
	}
	return nil
}

// common is what two lists of changes to one document both speak of, told as narrowly
// as one of them does.
func common(a, b []content.FieldChange) []content.FieldChange {
	var out []content.FieldChange
	for _, x := range a {
		for _, y := range b {
			if (x.After == nil) != (y.After == nil) {
				continue
			}
			if y.Pointer.Covers(x.Pointer) {
				out = append(out, x)
				break
			}
			if x.Pointer.Covers(y.Pointer) {
				out = append(out, y)
			}
		}
	}
	return out
}

// renames joins what is gone and what is new where it is the same record: the same
// bytes, else mostly the same JSON.
func (s *scanner) renames(ctx context.Context, drafts []draft) ([]draft, error) {
	var gone, fresh []int
	for i, d := range drafts {
		switch d.kind {
		case content.Deleted:
			gone = append(gone, i)
		case content.Created:
			fresh = append(fresh, i)
		}
	}
	if len(gone) == 0 || len(fresh) == 0 {
		return drafts, nil
	}
	from := map[int]int{} // of fresh, by index in drafts
	sameBytes(drafts, gone, fresh, from)
	if err := s.sameRecord(ctx, drafts, gone, fresh, from); err != nil {
		return nil, err
	}
	return s.join(ctx, drafts, from)
}

// join makes one draft of each pair: from says by index which is gone under another
// name.
func (s *scanner) join(ctx context.Context, drafts []draft, from map[int]int) ([]draft, error) {
	taken, before := map[int]bool{}, map[int]draft{}
	for to, old := range from {
		taken[old], before[to] = true, drafts[old]
	}
	for to, old := range before {
		d := &drafts[to]
		d.was, d.before = old.path, old.before
		if err := s.describe(ctx, d); err != nil {
			return nil, err
		}
	}
	left := drafts[:0]
	for i, d := range drafts {
		if _, came := from[i]; came || !taken[i] {
			left = append(left, d)
		}
	}
	return left, nil
}

// sameBytes pairs equal blobs: those of the same file name first, then by path.
func sameBytes(drafts []draft, gone, fresh []int, from map[int]int) {
	byBlob := map[oid][]int{}
	for _, i := range gone {
		byBlob[drafts[i].before] = append(byBlob[drafts[i].before], i)
	}
	take := func(to int, wanted func(old string) bool) {
		if _, done := from[to]; done {
			return
		}
		blob := drafts[to].after
		for n, old := range byBlob[blob] {
			if wanted(drafts[old].path) {
				from[to] = old
				byBlob[blob] = slices.Delete(byBlob[blob], n, n+1)
				return
			}
		}
	}
	for _, to := range fresh {
		take(to, func(old string) bool { return path.Base(old) == path.Base(drafts[to].path) })
	}
	for _, to := range fresh {
		take(to, func(string) bool { return true })
	}
}

// sameRecord pairs what is left, the most similar first.
func (s *scanner) sameRecord(ctx context.Context, drafts []draft, gone, fresh []int, from map[int]int) error {
	used := map[int]bool{}
	for _, old := range from {
		used[old] = true
	}
	gone = slices.DeleteFunc(slices.Clone(gone), func(i int) bool { return used[i] })
	fresh = slices.DeleteFunc(slices.Clone(fresh), func(i int) bool { _, done := from[i]; return done })
	if len(gone)*len(fresh) > pairsCompared {
		return nil
	}
	type pair struct {
		old, to int
		share   float64
	}
	var pairs []pair
	for _, to := range fresh {
		after, err := s.document(ctx, drafts[to].after)
		if err != nil {
			return err
		}
		for _, old := range gone {
			before, err := s.document(ctx, drafts[old].before)
			if err != nil {
				return err
			}
			if before == nil || after == nil {
				continue
			}
			if share := s.where.differ(drafts[to].path).Similarity(before.Root, after.Root); share > similar {
				pairs = append(pairs, pair{old, to, share})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.to, b.to), cmp.Compare(a.old, b.old))
	})
	for _, p := range pairs {
		if _, done := from[p.to]; done || used[p.old] {
			continue
		}
		from[p.to], used[p.old] = p.old, true
	}
	return nil
}

// overruled adds where a merge took the file of one parent although another had
// changed a value in it since their merge base. Where it made a file of its own, the
// values that it dropped are fields of that change.
func (s *scanner) overruled(ctx context.Context, g *graph, c *commit, parents []*commit, drafts []draft) ([]draft, error) {
	own := map[string]int{}
	for i := range drafts {
		own[drafts[i].path] = i
	}
	rows := map[string]int{} // of drafts, by path
	bases := map[[2]int][]int32{}
	for j := range parents {
		for k := range parents {
			if j == k || c.parents[j] == c.parents[k] {
				continue
			}
			against := treesOf(c)
			both := [2]int{min(j, k), max(j, k)}
			if _, known := bases[both]; !known {
				bases[both] = g.mergeBases(c.parents[j], c.parents[k])
			}
			for _, base := range bases[both] {
				against = append(against, treesOf(&g.commits[base])...)
			}
			if len(bases[both]) == 0 {
				against = append(against, "") // of unrelated parents each began with nothing
			}
			found, err := s.repo.Compare(ctx, gitrepo.Hash(parents[j].tree.hash()), against, s.where.descend, s.where.file)
			if err != nil {
				return nil, err
			}
			for _, f := range found {
				if f.Path == s.where.model {
					continue
				}
				at, made := own[f.Path]
				won, err := lookup(ctx, s.repo, parents[k], f.Path)
				if err != nil {
					return nil, err
				}
				if made && won == (oid{}) || !made && won != blobOf(f.Before[0]) {
					continue
				}
				l := loss{path: f.Path, side: blobOf(f.After), merged: blobOf(f.Before[0]), won: won}
				for _, e := range f.Before[1:] {
					l.bases = append(l.bases, blobOf(e))
				}
				d, lost, err := s.lost(ctx, l)
				if err != nil {
					return nil, err
				}
				row, known := rows[f.Path]
				switch {
				case made && d.before != (oid{}):
					drafts[at].dropped = append(drafts[at].dropped, d.fields...)
				case made:
				case lost && known:
					drafts[row].lose(d)
				case lost:
					rows[f.Path] = len(drafts)
					drafts = append(drafts, d)
				}
			}
		}
	}
	slices.SortStableFunc(drafts, func(a, b draft) int { return strings.Compare(a.path, b.path) })
	return drafts, nil
}

// lose adds what a merge took from another side as well. The change is told from the
// side that lost most.
func (d *draft) lose(more draft) {
	if len(more.fields) > len(d.fields) {
		*d, more = more, *d
	}
	d.add(more.fields)
}

// add adds fields that d does not speak of.
func (d *draft) add(fields []content.FieldChange) {
	for _, f := range fields {
		if !slices.ContainsFunc(d.fields, func(o content.FieldChange) bool { return overlap(o.Pointer, f.Pointer) }) {
			d.fields = append(d.fields, f)
		}
	}
}

// addDropped adds the fields where a merge dropped the value of one parent.
func (d *draft) addDropped() {
	if d.unreadable || d.bridge || d.kind != content.Updated && d.kind != content.Formatted {
		return
	}
	d.add(d.dropped)
	d.kind = d.plainKind()
}

// lookup is the blob that a commit has at a path.
func lookup(ctx context.Context, repo *gitrepo.Repo, c *commit, path string) (oid, error) {
	e, err := repo.Lookup(ctx, gitrepo.Hash(c.tree.hash()), path)
	if errors.Is(err, gitrepo.ErrNotFound) {
		return oid{}, nil
	}
	if err != nil {
		return oid{}, fmt.Errorf("look for %s in commit %s: %w", path, c.hash.hash(), err)
	}
	return blobOf(e), nil
}

// loss is the question whether a merge, which has merged of a record, dropped what a
// side had changed since the merge bases, for what won, another side's version.
type loss struct {
	path              string
	side, merged, won oid
	bases             []oid
}

// lost tells what the side had changed and the merge took from the other, and whether
// the side had changed a value at all.
func (s *scanner) lost(ctx context.Context, l loss) (d draft, touched bool, err error) {
	d = draft{path: l.path, kind: content.Overruled, before: l.side, after: l.merged}
	blobs := append([]oid{l.won, l.side, l.merged}, l.bases...)
	docs, values := make([]*content.Value, len(blobs)), make([]bool, len(blobs))
	for i, blob := range blobs {
		doc, err := s.document(ctx, blob)
		if err != nil {
			return d, false, err
		}
		docs[i], values[i] = rootOf(doc), doc != nil || blob == (oid{})
	}
	d.unreadable = !values[2]
	differ := s.where.differ(l.path)
	winner, theirs, merged, bases := docs[0], docs[1], docs[2], docs[3:]
	touched = d.before != d.after
	since := make([][]content.FieldChange, len(bases))
	for i, base := range bases {
		since[i] = s.where.diff(l.path, base, theirs)
		same := l.bases[i] == l.side || len(since[i]) == 0 && values[1] && values[3+i]
		touched = touched && !same
	}
	if slices.Contains(values, false) {
		return d, touched, nil // bytes without values
	}
	for _, change := range s.where.diff(l.path, theirs, merged) {
		lost := takenFrom(differ, winner, theirs, merged, change)
		for i, base := range bases {
			lost = lost && changedSince(differ, since[i], base, theirs, merged, change)
		}
		if lost {
			d.fields = append(d.fields, change)
		}
	}
	return d, touched, nil
}

// takenFrom reports whether what a merge has in place of theirs is the winner's.
func takenFrom(differ *content.Differ, winner, theirs, merged *content.Value, change content.FieldChange) bool {
	if change.After == nil {
		_, there := differ.Trace(winner, theirs, change.Pointer)
		_, above := differ.Trace(winner, theirs, change.Pointer[:max(0, strings.LastIndexByte(string(change.Pointer), '/'))])
		return !there && (above || merged == nil)
	}
	at, there := differ.Trace(winner, merged, change.Pointer)
	return there && winner.At(at).Equal(change.After)
}

// changedSince reports whether theirs had, where it differs from merged by change,
// another value than base: since is how it differs from that.
func changedSince(differ *content.Differ, since []content.FieldChange, base, theirs, merged *content.Value, change content.FieldChange) bool {
	if change.Before == nil {
		// Theirs lacks it: did they remove it?
		at, ok := differ.Trace(base, merged, change.Pointer)
		return ok && slices.ContainsFunc(since, func(s content.FieldChange) bool { return s.After == nil && overlap(s.Pointer, at) })
	}
	at := change.Pointer
	if change.After != nil {
		at, _ = differ.Trace(theirs, merged, change.Pointer)
	}
	return slices.ContainsFunc(since, func(s content.FieldChange) bool { return overlap(s.Pointer, at) })
}

func overlap(a, b content.Pointer) bool { return a.Covers(b) || b.Covers(a) }
