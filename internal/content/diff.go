package content

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
)

// Differ compares documents of one collection: the items of lists are matched by
// the model's keys, else by value. It is immutable and may be shared between
// goroutines.
type Differ struct {
	root    *place
	renamed []renaming
	meaning string
	seed    maphash.Seed
}

// NewDiffer returns the differ for c: its Keys, its Renamed, and which places its
// Root says are sets. nil has none of them.
//
// Where two keys' patterns match one list, that with the fewest "*" counts. A key
// makes a list no set. An index in a pattern is a member's name, never an item.
// Renamed is followed where "*" stands in the part that both places share, and not
// into or out of the place itself.
func NewDiffer(c *Collection) *Differ {
	d := &Differ{seed: maphash.MakeSeed()}
	if c == nil {
		return d
	}
	d.renamed = renamings(c)
	d.root = compilePlaces(c.Root, c.Keys, closed(d.renamed))
	d.meaning = meaning(d.root)
	return d
}

// Meaning is equal for two differs exactly when they compare alike: keys, sets and
// what was renamed, in one way of writing. It is "" where there are none.
func (d *Differ) Meaning() string { return d.meaning }

// Diff returns the places that have another value in after, in its document order;
// what was removed comes after what it followed. Either document may be nil.
//
// Numbers are compared by value, objects without regard to the order of members,
// sets without that of items. Items of other lists are matched in order: those
// equal first (the longest common subsequence, or a cheaper one in long lists),
// then what is left between these, object with object, list with list, scalar with
// scalar. A list with a key matches its items by that, wherever they are; those
// without a key of their own by value, then in order. Where matched items stand in
// another order, the list is a change of its own besides those of its items.
//
// A place that was renamed is told at its new one, and not at all where only the
// place is new; an object that is gone is told without what was moved out of it. The
// pointer of a removed value is one of before in all its tokens, every other is one
// of after.
func (d *Differ) Diff(before, after *Value) []FieldChange {
	r := d.run()
	switch {
	case before == nil && after == nil:
	case before == nil:
		r.whole(after, r.added)
	case after == nil:
		r.whole(before, r.removed)
	default:
		r.value(d.root, before, after)
	}
	return r.changes
}

func (d *Differ) run() *run {
	r := &run{d: d, budget: maxSteps}
	r.path = r.steps[:0]
	return r
}

// run is one comparison.
type run struct {
	d *Differ
	// path leads to the values being compared; it begins in steps.
	path    []step
	steps   [12]step
	made    []movedAt
	changes []FieldChange
	// budget is how many steps may still be spent on what is best; then what is cheap
	// must do.
	budget int
	hashes map[placed]hashed
}

// step is one token of a path: a name, or where that is of no use an index in after
// and one in before.
type step struct {
	name    string
	is, was int32
}

// noIndex is the index of a step that is a name.
const noIndex = -1

// movedAt says which moves were made in the object that so many steps lead to.
type movedAt struct {
	depth int
	moves []move
}

func (r *run) push(name string)     { r.path = append(r.path, step{name, noIndex, noIndex}) }
func (r *run) pushItem(is, was int) { r.path = append(r.path, step{"", int32(is), int32(was)}) }
func (r *run) pop()                 { r.path = r.path[:len(r.path)-1] }

func (r *run) added(v *Value) {
	r.changes = append(r.changes, FieldChange{Pointer: r.pointer(), After: v})
}
func (r *run) removed(v *Value) {
	r.changes = append(r.changes, FieldChange{Pointer: r.origin(), Before: v})
}
func (r *run) changed(b, a *Value) {
	r.changes = append(r.changes, FieldChange{Pointer: r.pointer(), Before: b, After: a})
}

// pointer is where path leads in after.
func (r *run) pointer() Pointer {
	var buffer [128]byte
	b := buffer[:0]
	for _, s := range r.path {
		b = s.append(b, s.is)
	}
	return Pointer(b)
}

// origin is where path leads in before.
func (r *run) origin() Pointer {
	var buffer [128]byte
	b, end := buffer[:0], len(r.path)
	var below Pointer
	for _, m := range slices.Backward(r.made) {
		for _, s := range r.path[m.depth:end] {
			b = s.append(b, s.was)
		}
		below, end, b = origin(Pointer(b)+below, m.moves), m.depth, b[:0]
	}
	for _, s := range r.path[:end] {
		b = s.append(b, s.was)
	}
	return Pointer(b) + below
}

func (s *step) append(b []byte, index int32) []byte {
	b = append(b, '/')
	switch {
	case index != noIndex:
		return strconv.AppendInt(b, int64(index), 10)
	case strings.ContainsAny(s.name, "~/"):
		return append(b, escapeToken.Replace(s.name)...)
	}
	return append(b, s.name...)
}

// whole tells a document that was made or deleted, member by member.
func (r *run) whole(v *Value, tell func(*Value)) {
	if v.Kind != Object || len(v.Kids) == 0 {
		tell(v)
		return
	}
	r.changes = make([]FieldChange, 0, len(v.Kids))
	for i := range v.Kids {
		r.push(v.Kids[i].Name)
		tell(&v.Kids[i])
		r.pop()
	}
}

func (r *run) value(p *place, b, a *Value) {
	switch {
	case b.Kind != a.Kind:
		r.changed(b, a)
	case a.Kind == Object:
		r.object(p, b, a)
	case a.Kind == List:
		r.list(p, b, a)
	case !sameScalar(b, a):
		r.changed(b, a)
	}
}

func (r *run) object(p *place, b, a *Value) {
	b, moves := p.moved(b, a)
	if len(moves) == 0 {
		r.members(p, b, a)
		return
	}
	r.made = append(r.made, movedAt{len(r.path), moves})
	r.members(p, b, a)
	r.made = r.made[:len(r.made)-1]
}

func (r *run) members(p *place, b, a *Value) {
	was, is := members{kids: b.Kids}, members{kids: a.Kids}
	next := r.gone(&was, &is, 0, 0)
	for i := range a.Kids {
		kid := &a.Kids[i]
		at := was.find(kid.Name, next)
		if at < 0 {
			r.push(kid.Name)
			r.added(kid)
			r.pop()
			continue
		}
		if old := &was.kids[at]; !sameText(old, kid) {
			r.push(kid.Name)
			r.value(p.member(kid.Name), old, kid)
			r.pop()
		}
		next = r.gone(&was, &is, at+1, i+1)
	}
}

// gone tells the members from index at on that are no more, up to the first that
// still is, and returns its index. hint is where that one may lie in is.
func (r *run) gone(was, is *members, at, hint int) int {
	for ; at < len(was.kids) && is.find(was.kids[at].Name, hint) < 0; at++ {
		r.push(was.kids[at].Name)
		r.removed(&was.kids[at])
		r.pop()
	}
	return at
}

func (r *run) list(p *place, b, a *Value) {
	al := r.align(p, b, a)
	if p.keyed() && !al.ordered() {
		r.changed(b, a)
	}
	kept := make([]bool, al.endB-al.start)
	alone := len(kept) + len(al.from)
	for _, i := range al.from {
		if i >= 0 {
			kept[i] = true
			alone -= 2
		}
	}
	r.changes = slices.Grow(r.changes, alone)
	gone := func(i int) {
		for ; i < len(kept) && !kept[i]; i++ {
			r.pushItem(0, al.start+i)
			r.removed(&b.Kids[al.start+i])
			r.pop()
		}
	}
	gone(0)
	for j := al.start; j < al.endA; j++ {
		i := al.before(j)
		r.pushItem(j, i)
		if i < 0 {
			r.added(&a.Kids[j])
		} else {
			r.value(p.items(), &b.Kids[i], &a.Kids[j])
		}
		r.pop()
		if i >= 0 {
			gone(i - al.start + 1)
		}
	}
}

// members finds members by their names.
type members struct {
	kids   []Value
	byName map[string]int32
}

// fewMembers is how many members are looked through one by one.
const fewMembers = 16

// find returns the index of the member called name, or -1; hint is where to look
// first.
func (m *members) find(name string, hint int) int {
	if hint < len(m.kids) && m.kids[hint].Name == name {
		return hint
	}
	if len(m.kids) <= fewMembers {
		for i := range m.kids {
			if m.kids[i].Name == name {
				return i
			}
		}
		return -1
	}
	if m.byName == nil {
		m.byName = make(map[string]int32, len(m.kids))
		for i := range m.kids {
			m.byName[m.kids[i].Name] = int32(i)
		}
	}
	if i, ok := m.byName[name]; ok {
		return int(i)
	}
	return -1
}
