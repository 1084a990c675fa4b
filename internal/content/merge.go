package content

import (
	"slices"
)

// Conflict is one place that both sides of a merge gave a value of their own.
type Conflict struct {
	// Pointer is the place in ours; in theirs where ours has no value there.
	Pointer Pointer
	// Base, Ours and Theirs are nil where there is no value. Their offsets count in
	// their own documents.
	Base, Ours, Theirs *Value
}

// Merge joins what ours and theirs made of base, and returns the document and what
// could not be joined, in the order of ours. Any of the three may be nil: no base is
// a document that both sides made, and no side is one that it deleted. None of them is
// changed; what is returned shares values with them, its offsets count in no text, and
// it is nil where the record is to be deleted.
//
// A value that one side left as it was is that of the other; what both made alike is
// no conflict; all else is, but for what can be joined further down:
//
//   - Objects member by member, those of theirs after the one that they followed.
//   - Lists with a key item by item, and sets value by value. An item stands where the
//     side that moved the items has it; one that is new, after the item that it
//     followed, and where both sides put items in one place each keeps its own in
//     order, the lower key or value first. Both having moved items differently is a
//     conflict of the list, but for sets. A list of which an item has no key of its
//     own, and a set that has one value twice or one that is no scalar, is a value.
//   - All other lists are a value.
//
// What one side deleted and the other changed is a conflict of the whole. Places that
// were renamed are not followed: one side's move is a deletion to the other.
//
// choose, where it is not nil, may settle a conflict by the value that it returns, nil
// for none; that is then not told. A conflict that is not settled leaves the value of
// ours.
func (d *Differ) Merge(base, ours, theirs *Value, choose func(Conflict) (*Value, bool)) (*Value, []Conflict) {
	m := &merger{run: d.run(), choose: choose}
	merged := m.value(d.root, base, ours, theirs)
	return merged, m.conflicts
}

// merger is one merge. Its path has ours for what is and theirs for what was.
type merger struct {
	*run
	choose    func(Conflict) (*Value, bool)
	conflicts []Conflict
}

// value returns nil where there is to be none.
func (m *merger) value(p *place, b, o, t *Value) *Value {
	switch {
	case m.alike(p, b, t):
		return o
	case m.alike(p, b, o):
		return t
	case m.alike(p, o, t):
		return o
	case allAre(Object, b, o, t):
		return m.members(p, b, o, t)
	case allAre(List, b, o, t) && (p.keyed() || p.isSet()):
		if merged := m.items(p, b, o, t); merged != nil {
			return merged
		}
	}
	return m.conflict(b, o, t)
}

func (m *merger) alike(p *place, a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return m.equal(p, a, b)
}

// allAre reports whether both sides, and the base where there is one, are of a kind.
func allAre(kind Kind, b, o, t *Value) bool {
	return o != nil && t != nil && o.Kind == kind && t.Kind == kind && (b == nil || b.Kind == kind)
}

func (m *merger) conflict(b, o, t *Value) *Value {
	c := Conflict{m.pointer(), b, o, t}
	if o == nil {
		c.Pointer = m.origin()
	}
	if m.choose != nil {
		if chosen, ok := m.choose(c); ok {
			return chosen
		}
	}
	m.conflicts = append(m.conflicts, c)
	return o
}

func (m *merger) members(p *place, b, o, t *Value) *Value {
	was, ours, theirs := members{kids: kidsOf(b)}, members{kids: o.Kids}, members{kids: t.Kids}
	out := &Value{Kind: Object, Kids: make([]Value, 0, max(len(o.Kids), len(t.Kids)))}
	put := func(name string, ourKid, theirKid *Value) {
		m.push(name)
		if merged := m.value(p.member(name), was.named(name), ourKid, theirKid); merged != nil {
			kid := *merged
			kid.Name = name
			out.Kids = append(out.Kids, kid)
		}
		m.pop()
	}
	follows := followers(&ours, &theirs)
	for at := -1; at < len(o.Kids); at++ {
		if at >= 0 {
			put(o.Kids[at].Name, &o.Kids[at], theirs.named(o.Kids[at].Name))
		}
		for _, i := range follows[at] {
			put(t.Kids[i].Name, nil, &t.Kids[i])
		}
	}
	return out
}

// followers are the members that theirs alone has, by the index of the member of ours
// that they follow in theirs, -1 for none.
func followers(ours, theirs *members) map[int][]int {
	out, last := map[int][]int{}, -1
	for i := range theirs.kids {
		if at := ours.find(theirs.kids[i].Name, last+1); at >= 0 {
			last = at
		} else {
			out[last] = append(out[last], i)
		}
	}
	return out
}

func (m *members) named(name string) *Value {
	if i := m.find(name, 0); i >= 0 {
		return &m.kids[i]
	}
	return nil
}

func kidsOf(v *Value) []Value {
	if v == nil {
		return nil
	}
	return v.Kids
}

// items returns nil where the list can only be taken as a whole.
func (m *merger) items(p *place, b, o, t *Value) *Value {
	was, okBase := identify(p, b)
	ours, okOurs := identify(p, o)
	theirs, okTheirs := identify(p, t)
	if !okBase || !okOurs || !okTheirs {
		return nil
	}
	order, ok := commonOrder(&was, &ours, &theirs)
	if !ok && !p.isSet() {
		return nil
	}
	merged := map[string]*Value{}
	put := func(id string, i, j int) {
		m.pushItem(i, j)
		merged[id] = m.value(p.items(), was.item(id), ours.item(id), theirs.item(id))
		m.pop()
	}
	for i, id := range ours.ids {
		put(id, i, theirs.at[id])
	}
	for j, id := range theirs.ids {
		if !ours.has(id) {
			put(id, 0, j)
		}
	}
	out := &Value{Kind: List}
	for _, id := range arranged(order, &ours, &theirs, func(id string) bool { return merged[id] != nil }) {
		if merged[id] != nil {
			out.Kids = append(out.Kids, *merged[id])
		}
	}
	return out
}

// identified is a list whose items are told apart by their ids.
type identified struct {
	kids []Value
	ids  []string
	at   map[string]int
}

// identify reports false where an item has no id, or one that another has too.
func identify(p *place, v *Value) (identified, bool) {
	list := identified{kids: kidsOf(v), at: make(map[string]int, len(kidsOf(v)))}
	for i := range list.kids {
		key := &list.kids[i]
		if p.keyed() {
			key = keyOf(key, p.key)
		}
		if key == nil || key.Kind == Object || key.Kind == List {
			return list, false
		}
		id := identity(key)
		if list.has(id) {
			return list, false
		}
		list.ids, list.at[id] = append(list.ids, id), i
	}
	return list, true
}

// identity is the same for scalars that are the same.
func identity(v *Value) string {
	if v.Kind != Number {
		return string(v.AppendJSON(nil))
	}
	var b [MaxNumber]byte
	return string(appendDecimal(b[:0], v.Text))
}

func (l *identified) has(id string) bool { _, ok := l.at[id]; return ok }

func (l *identified) item(id string) *Value {
	if i, ok := l.at[id]; ok {
		return &l.kids[i]
	}
	return nil
}

// commonOrder returns the ids that all three have, in the order of the side that
// changed it; false, with that of ours, where both did and not alike.
func commonOrder(b, o, t *identified) ([]string, bool) {
	in := func(l *identified) []string {
		var ids []string
		for _, id := range l.ids {
			if b.has(id) && o.has(id) && t.has(id) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	was, ours, theirs := in(b), in(o), in(t)
	switch {
	case slices.Equal(was, ours):
		return theirs, true
	case slices.Equal(was, theirs):
		return ours, true
	}
	return ours, slices.Equal(ours, theirs)
}

// arranged returns order with the other items that stay put in: each after the one of
// order that it follows on its side, or the first of the two where both sides have it.
func arranged(order []string, o, t *identified, stays func(string) bool) []string {
	rank := make(map[string]int, len(order))
	for i, id := range order {
		rank[id] = i + 1
	}
	gaps := map[string]int{}
	for _, side := range []*identified{o, t} {
		last := 0
		for _, id := range side.ids {
			if at, ok := rank[id]; ok {
				last = at
			} else if at, ok := gaps[id]; stays(id) && (!ok || last < at) {
				gaps[id] = last
			}
		}
	}
	ours, theirs := inGaps(gaps, o), inGaps(gaps, t)
	out := zipped(nil, ours[0], theirs[0])
	for i, id := range order {
		out = zipped(append(out, id), ours[i+1], theirs[i+1])
	}
	return out
}

func inGaps(gaps map[string]int, side *identified) map[int][]string {
	out := map[int][]string{}
	for _, id := range side.ids {
		if at, ok := gaps[id]; ok {
			out[at] = append(out[at], id)
		}
	}
	return out
}

// zipped appends two sequences to out, each id once: in the order that each has them
// in, the lower first where that leaves a choice, or none that suits both.
func zipped(out, a, b []string) []string {
	if len(a) == 0 || len(b) == 0 {
		return append(append(out, a...), b...)
	}
	inA, inB, done := idSet(a), idSet(b), map[string]bool{}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(a) > 0 && done[a[0]]:
			a = a[1:]
			continue
		case len(b) > 0 && done[b[0]]:
			b = b[1:]
			continue
		}
		next := ""
		switch {
		case len(a) == 0:
			next = b[0]
		case len(b) == 0:
			next = a[0]
		case inB[a[0]] == inA[b[0]]:
			next = min(a[0], b[0])
		case inB[a[0]]:
			next = b[0]
		default:
			next = a[0]
		}
		done[next] = true
		out = append(out, next)
	}
	return out
}

func idSet(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
