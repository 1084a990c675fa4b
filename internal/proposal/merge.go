package proposal

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// joining is one merge of two commits: ours, the target, and theirs, the proposal.
type joining struct {
	repo *gitrepo.Repo
	// model is that of ours: where records lie, and how their lists are matched.
	model       *content.Model
	resolutions map[place]content.Resolution
	used        map[place]bool
	// between yields the commits by which a side came from a base, trees both. With it,
	// a record was renamed only if one of them did so: one that some commit deleted and
	// one that another made are two, however alike. nil takes a side for one commit.
	between func(ctx context.Context, base, side gitrepo.Hash) iter.Seq2[gitrepo.Commit, error]
	// comparing is how long lines of texts were looked for (lineTime).
	comparing time.Duration
}

// place names what a conflict is about.
type place struct {
	path  string
	field content.Pointer
}

// joined is what a merge came to: what is to be other than in ours.
type joined struct {
	files     map[string]gitrepo.Entry // its Mode zero where there is to be none
	conflicts []content.MergeConflict
	// both: a file was changed on both sides, so that it had to be merged inside.
	both bool
}

// merge joins what two sides made of their bases, trees all: file by file, records field
// by field, other files line by line. A record that one side renamed is followed. Where
// there is more than one base (criss-cross), what the merges do not agree on is a
// conflict.
func (j *joining) merge(ctx context.Context, bases []gitrepo.Hash, ours, theirs gitrepo.Hash) (*joined, error) {
	var out *joined
	for _, base := range bases {
		m, err := j.onto(ctx, base, ours, theirs)
		if err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		if out == nil {
			out = m
			continue
		}
		out.agree(m)
	}
	if unused := j.unused(); unused != "" {
		return nil, &content.Refusal{Reason: content.RefusedEdit, Message: fmt.Sprintf("%s is no conflict (any more); look at the conflicts again, and leave this resolution out", unused)}
	}
	return out, nil
}

// agree turns what another merge of the same sides made otherwise into conflicts.
func (m *joined) agree(other *joined) {
	told := map[string]bool{}
	for _, c := range m.conflicts {
		told[c.Path] = true
	}
	for _, c := range other.conflicts {
		if !told[c.Path] {
			m.conflicts = append(m.conflicts, c)
			told[c.Path] = true
		}
	}
	paths := maps.Clone(m.files)
	maps.Copy(paths, other.files)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		a, inA := m.files[path]
		b, inB := other.files[path]
		if !told[path] && (inA != inB || a.Hash != b.Hash || a.Mode != b.Mode) {
			m.conflicts = append(m.conflicts, content.MergeConflict{Path: path})
		}
	}
	m.both = m.both || other.both
}

func (j *joining) unused() string {
	for _, at := range slices.SortedFunc(maps.Keys(j.resolutions), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.field, b.field))
	}) {
		if !j.used[at] {
			return fmt.Sprintf("%q in %s", at.field, at.path)
		}
	}
	return ""
}

// triple is one file in the three versions, under the names it has in each; an entry of
// Mode zero is no file.
type triple struct {
	base, ours, theirs             gitrepo.Entry
	basePath, oursPath, theirsPath string
}

func (j *joining) onto(ctx context.Context, base, ours, theirs gitrepo.Hash) (*joined, error) {
	mine, err := j.differences(ctx, base, ours)
	if err != nil {
		return nil, err
	}
	other, err := j.differences(ctx, base, theirs)
	if err != nil {
		return nil, err
	}
	if err := j.renames(ctx, mine, other.files); err != nil {
		return nil, err
	}
	if err := j.renames(ctx, other, mine.files); err != nil {
		return nil, err
	}
	out := &joined{files: map[string]gitrepo.Entry{}}
	for _, t := range triples(mine, other) {
		if err := j.file(ctx, out, t); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out.conflicts, func(a, b content.MergeConflict) int {
		return cmp.Compare(a.Path, b.Path)
	})
	return out, nil
}

// changed is what one side made of the base.
type changed struct {
	base, side gitrepo.Hash
	files      map[string]gitrepo.Difference
	// to and from are records that were renamed, by their path before and after.
	to, from map[string]string
	moves    *moves // nil until it is asked for
}

// changes is what a side made of a base.
func (j *joining) changes(ctx context.Context, base, side gitrepo.Hash) (*changed, error) {
	c, err := j.differences(ctx, base, side)
	if err != nil {
		return nil, err
	}
	return c, j.renames(ctx, c, nil)
}

// differences is changes without a look at what was renamed.
func (j *joining) differences(ctx context.Context, base, side gitrepo.Hash) (*changed, error) {
	all := func(string) bool { return true }
	found, err := j.repo.Compare(ctx, side, []gitrepo.Hash{base}, all, all)
	if err != nil {
		return nil, err
	}
	c := &changed{base: base, side: side, files: map[string]gitrepo.Difference{}, to: map[string]string{}, from: map[string]string{}}
	for _, f := range found {
		c.files[f.Path] = f
	}
	return c, nil
}

// Bounds of the work of finding renamed records, over which they count as others: pairs,
// and bytes of records that are read for them.
const (
	pairsCompared = 10_000
	bytesCompared = 64 << 20
)

// renames pairs records that are gone with those that came: the same bytes, or mostly
// the same values, the most alike first. What the other side changed is held against the
// commits; for the rest it makes no difference.
func (j *joining) renames(ctx context.Context, c *changed, other map[string]gitrepo.Difference) error {
	gone, fresh := map[content.CollectionName][]string{}, map[content.CollectionName][]string{}
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		collection, _ := j.model.Match(path)
		f := c.files[path]
		switch {
		case collection == nil:
		case !isFile(f.After) && isFile(f.Before[0]):
			gone[collection.Name] = append(gone[collection.Name], path)
		case isFile(f.After) && f.Before[0].Mode == 0:
			fresh[collection.Name] = append(fresh[collection.Name], path)
		}
	}
	for name, old := range gone {
		if len(old)*len(fresh[name]) > pairsCompared {
			continue
		}
		if err := j.pair(ctx, c, j.model.Collection(name), old, fresh[name], other); err != nil {
			return err
		}
	}
	return nil
}

func (j *joining) pair(ctx context.Context, c *changed, collection *content.Collection, gone, fresh []string, other map[string]gitrepo.Difference) error {
	type pair struct {
		from, to string
		share    float64
	}
	var pairs []pair
	differ := content.NewDiffer(collection)
	inside, err := j.affordable(ctx, c, gone, fresh)
	if err != nil {
		return err
	}
	for _, from := range gone {
		for _, to := range fresh {
			was, is := c.files[from].Before[0], c.files[to].After
			share := 1.0
			if was.Hash != is.Hash {
				if !inside {
					continue
				}
				before, err := j.document(ctx, was)
				if err != nil {
					return err
				}
				after, err := j.document(ctx, is)
				if err != nil {
					return err
				}
				share = differ.Similarity(before, after)
			}
			if share > similar {
				pairs = append(pairs, pair{from, to, share})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.share, a.share) })
	for _, p := range pairs {
		if c.to[p.from] != "" || c.from[p.to] != "" {
			continue
		}
		_, one := other[p.from]
		_, two := other[p.to]
		if one || two {
			if moved, err := j.moved(ctx, c, p.from, p.to); err != nil || !moved {
				if err != nil {
					return err
				}
				continue
			}
		}
		c.to[p.from], c.from[p.to] = p.to, p.from
	}
	return nil
}

// affordable tells whether records may be compared by what is in them, each with each;
// else by their bytes as a whole.
func (j *joining) affordable(ctx context.Context, c *changed, gone, fresh []string) (bool, error) {
	left := int64(bytesCompared)
	for _, path := range gone {
		size, err := j.repo.BlobSize(ctx, c.files[path].Before[0].Hash)
		if left -= size * int64(len(fresh)); err != nil || left < 0 {
			return false, err
		}
	}
	for _, path := range fresh {
		size, err := j.repo.BlobSize(ctx, c.files[path].After.Hash)
		if left -= size * int64(len(gone)); err != nil || left < 0 {
			return false, err
		}
	}
	return true, nil
}

func isFile(e gitrepo.Entry) bool { return e.Mode == gitrepo.File || e.Mode == gitrepo.Executable }

// triples lists the files that theirs changed, each with what ours made of it. What only
// ours changed needs nothing done.
func triples(ours, theirs *changed) []triple {
	var out []triple
	for _, path := range slices.Sorted(maps.Keys(theirs.files)) {
		f := theirs.files[path]
		if theirs.to[path] != "" {
			continue // told at its new name
		}
		t := triple{base: f.Before[0], theirs: f.After, basePath: path, theirsPath: path}
		if was := theirs.from[path]; was != "" {
			t.base, t.basePath = theirs.files[was].Before[0], was
		}
		t.oursPath, t.ours = t.basePath, t.base
		if to := ours.to[t.basePath]; to != "" {
			t.oursPath, t.ours = to, ours.files[to].After
		} else if mine, ok := ours.files[t.basePath]; ok {
			t.ours = mine.After
		}
		out = append(out, t)
	}
	return append(out, taken(ours, theirs)...)
}

// taken are the names that both sides gave to different files.
func taken(ours, theirs *changed) []triple {
	var out []triple
	for to, from := range theirs.from {
		mine, ok := ours.files[to]
		if ok && mine.After.Mode != 0 && ours.from[to] != from {
			out = append(out, triple{ours: mine.After, theirs: theirs.files[to].After, basePath: to, oursPath: to, theirsPath: to})
		}
	}
	slices.SortFunc(out, func(a, b triple) int { return cmp.Compare(a.basePath, b.basePath) })
	return out
}

// sameEntry: as in gitrepo.Compare, the executable bit is no difference.
func sameEntry(a, b gitrepo.Entry) bool {
	return a.Hash == b.Hash && (a.Mode == b.Mode || isFile(a) && isFile(b))
}

// file merges one file into out.
func (j *joining) file(ctx context.Context, out *joined, t triple) error {
	path, entry, decided := j.name(t)
	if path == "" {
		out.conflicts = append(out.conflicts, j.valued(ctx, t))
		return nil
	}
	out.both = out.both || !sameEntry(t.ours, t.base) || t.oursPath != t.basePath
	switch {
	case decided:
	case sameEntry(t.ours, t.base):
		entry = t.theirs
	case sameEntry(t.ours, t.theirs), sameEntry(t.theirs, t.base): // the latter is a renaming alone
		entry = t.ours
	default:
		var conflicts []content.MergeConflict
		var err error
		if entry, conflicts, err = j.inside(ctx, t); err != nil {
			return err
		}
		out.conflicts = append(out.conflicts, conflicts...)
	}
	if entry.Mode == 0 {
		path = t.oursPath
	} else if path != t.oursPath && t.ours.Mode != 0 {
		out.files[t.oursPath] = gitrepo.Entry{}
	}
	if path != t.oursPath || !sameEntry(entry, t.ours) {
		out.files[path] = entry
	}
	return nil
}

// name is what the merged file is called; "" where each side renamed it otherwise, or one
// renamed what the other deleted, and nobody decided. Where it is deleted or not, entry
// is what was decided on.
func (j *joining) name(t triple) (path string, entry gitrepo.Entry, decided bool) {
	ours, theirs := t.oursPath != t.basePath, t.theirsPath != t.basePath
	gone := ours && t.theirs.Mode == 0 || theirs && t.ours.Mode == 0
	switch {
	case !gone && !ours:
		return t.theirsPath, entry, false
	case !gone && (!theirs || t.theirsPath == t.oursPath):
		return t.oursPath, entry, false
	}
	at := place{j.whole(t).Path, ""}
	r, ok := j.resolutions[at]
	if !ok {
		return "", entry, false
	}
	j.used[at] = true
	switch r.Take {
	case content.SideOurs:
		return t.oursPath, t.ours, gone
	case content.SideTheirs:
		return t.theirsPath, t.theirs, gone
	}
	return t.basePath, t.base, gone
}

// valued is the conflict of a record as a whole, with its values.
func (j *joining) valued(ctx context.Context, t triple) content.MergeConflict {
	c := j.whole(t)
	if c.Record == nil {
		return c
	}
	for _, side := range []struct {
		entry gitrepo.Entry
		value **content.Value
	}{{t.base, &c.Base}, {t.ours, &c.Ours}, {t.theirs, &c.Theirs}} {
		if v, err := j.document(ctx, side.entry); err == nil {
			*side.value = v // what cannot be read is not shown
		}
	}
	return c
}

// whole is the conflict of a file that cannot be merged inside.
func (j *joining) whole(t triple) content.MergeConflict {
	c := content.MergeConflict{Path: t.oursPath}
	if t.ours.Mode == 0 {
		c.Path = t.theirsPath
	}
	if collection, id := j.model.Match(c.Path); collection != nil {
		c.Record = &content.Ref{Collection: collection.Name, ID: id}
	}
	return c
}

// inside merges a file that both sides changed.
func (j *joining) inside(ctx context.Context, t triple) (gitrepo.Entry, []content.MergeConflict, error) {
	conflict := j.whole(t)
	if conflict.Record != nil {
		return j.record(ctx, t, conflict)
	}
	if entry, ok := j.resolvedFile(t, conflict); ok {
		return entry, nil, nil
	}
	if !isFile(t.base) || !isFile(t.ours) || !isFile(t.theirs) {
		return t.ours, []content.MergeConflict{conflict}, nil
	}
	var texts [3]string
	for i, e := range []gitrepo.Entry{t.base, t.ours, t.theirs} {
		data, err := j.repo.Blob(ctx, e.Hash)
		if err != nil {
			return t.ours, nil, err
		}
		texts[i] = string(data)
		if isBinary(data) {
			return t.ours, []content.MergeConflict{conflict}, nil
		}
	}
	begun := time.Now()
	text, ok := mergeLines(texts[0], texts[1], texts[2], lineTime-j.comparing)
	j.comparing += time.Since(begun)
	if !ok {
		return t.ours, []content.MergeConflict{conflict}, nil
	}
	return j.written(ctx, t, text)
}

func (j *joining) written(ctx context.Context, t triple, text string) (gitrepo.Entry, []content.MergeConflict, error) {
	hash, err := j.repo.WriteBlob(ctx, []byte(text))
	mode := t.ours.Mode
	if !isFile(t.ours) {
		mode = gitrepo.File
	}
	return gitrepo.Entry{Mode: mode, Hash: hash}, nil, err
}

// isBinary tells as Git does: by a zero byte near the beginning (buffer_is_binary in
// xdiff-interface.c).
func isBinary(data []byte) bool { return slices.Contains(data[:min(len(data), 8000)], 0) }

func (j *joining) resolvedFile(t triple, c content.MergeConflict) (gitrepo.Entry, bool) {
	at := place{c.Path, ""}
	r, ok := j.resolutions[at]
	if !ok {
		return gitrepo.Entry{}, false
	}
	entry, known := map[content.Side]gitrepo.Entry{content.SideBase: t.base, content.SideOurs: t.ours, content.SideTheirs: t.theirs}[r.Take]
	if known {
		j.used[at] = true
	}
	return entry, known
}

// record merges a record field by field.
func (j *joining) record(ctx context.Context, t triple, whole content.MergeConflict) (gitrepo.Entry, []content.MergeConflict, error) {
	collection := j.model.Collection(whole.Record.Collection)
	var values [3]*content.Value
	for i, e := range []gitrepo.Entry{t.base, t.ours, t.theirs} {
		v, err := j.document(ctx, e)
		if err != nil {
			return t.ours, nil, err
		}
		if values[i] = v; v == nil && e.Mode != 0 { // no JSON, or no file that we read
			if entry, ok := j.resolvedFile(t, whole); ok {
				return entry, nil, nil
			}
			return t.ours, []content.MergeConflict{whole}, nil
		}
	}
	merged, found := content.NewDiffer(collection).Merge(values[0], values[1], values[2], func(c content.Conflict) (*content.Value, bool) {
		return j.choose(whole.Path, c)
	})
	if len(found) > 0 {
		var conflicts []content.MergeConflict
		for _, c := range found {
			conflicts = append(conflicts, content.MergeConflict{Path: whole.Path, Record: whole.Record, Field: c.Pointer, Base: c.Base, Ours: c.Ours, Theirs: c.Theirs})
		}
		return t.ours, conflicts, nil
	}
	switch {
	case merged == nil:
		return gitrepo.Entry{}, nil, nil
	case merged == values[1]:
		return t.ours, nil, nil
	case merged == values[2]:
		return t.theirs, nil, nil
	}
	return j.written(ctx, t, content.Format(merged, collection.Root, j.model.Languages))
}

// choose settles a conflict by the resolution that was given for it.
func (j *joining) choose(path string, c content.Conflict) (*content.Value, bool) {
	at := place{path, c.Pointer}
	r, ok := j.resolutions[at]
	if !ok {
		return nil, false
	}
	j.used[at] = true
	switch r.Take {
	case content.SideBase:
		return c.Base, true
	case content.SideOurs:
		return c.Ours, true
	case content.SideTheirs:
		return c.Theirs, true
	}
	if r.Value == "" {
		return nil, true
	}
	v, err := content.Parse(r.Value)
	return v, err == nil // checked before: see resolve
}

// document decodes a record; nil where there is none, or no strict JSON.
func (j *joining) document(ctx context.Context, e gitrepo.Entry) (*content.Value, error) {
	if !isFile(e) {
		return nil, nil
	}
	if size, err := j.repo.BlobSize(ctx, e.Hash); err != nil || size > content.MaxBytes {
		return nil, err
	}
	data, err := j.repo.Blob(ctx, e.Hash)
	if err != nil {
		return nil, err
	}
	v, err := content.Parse(string(data))
	if err != nil {
		return nil, nil
	}
	return v, nil
}

// resolve reads resolutions; what is no JSON, or said twice, is refused.
func resolve(list []content.Resolution) (map[place]content.Resolution, error) {
	out := make(map[place]content.Resolution, len(list))
	for _, r := range list {
		at := place{r.Path, r.Field}
		where := fmt.Sprintf("the resolution of %q in %s", r.Field, r.Path)
		if _, twice := out[at]; twice {
			return nil, &content.Refusal{Reason: content.RefusedEdit, Message: where + " is given twice; give it once"}
		}
		switch r.Take {
		case content.SideBase, content.SideOurs, content.SideTheirs, "":
		default:
			return nil, &content.Refusal{Reason: content.RefusedEdit, Message: fmt.Sprintf("%s takes %q; take BASE, OURS or THEIRS, or write a value", where, r.Take)}
		}
		if r.Take == "" && r.Value != "" {
			if _, err := content.Parse(r.Value); err != nil {
				return nil, &content.Refusal{Reason: content.RefusedEdit, Message: fmt.Sprintf("%s has a value that is no JSON: %v", where, err)}
			}
		}
		out[at] = r
	}
	return out, nil
}
