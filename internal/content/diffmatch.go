package content

import (
	"slices"
)

// maxSteps bounds what one comparison spends on the best match of its lists, and
// maxEdits how far two lists may be apart for it: two of 500 items are always
// matched at best, and two of any length that no more items tell apart.
const (
	maxSteps = 1 << 22
	maxEdits = 1000
)

// alignment says which items of two lists are the same one. Up to start the two
// begin alike, and from endB and endA on they end alike.
type alignment struct {
	start, endB, endA int
	// from holds for each item of after between the ends the item of before, counted
	// from start, or -1.
	from []int32
}

// before returns the index in before of the item at i in after, or -1.
func (al *alignment) before(i int) int {
	switch {
	case i < al.start:
		return i
	case i >= al.endA:
		return i - al.endA + al.endB
	case al.from[i-al.start] < 0:
		return -1
	}
	return al.start + int(al.from[i-al.start])
}

// ordered reports whether the matched items follow each other as they did.
func (al *alignment) ordered() bool {
	last := int32(-1)
	for _, i := range al.from {
		if i >= 0 && i < last {
			return false
		}
		last = max(last, i)
	}
	return true
}

func (r *run) align(p *place, b, a *Value) alignment {
	al := alignment{endB: len(b.Kids), endA: len(a.Kids)}
	item := p.items()
	for al.start < min(al.endB, al.endA) && r.equal(item, &b.Kids[al.start], &a.Kids[al.start]) {
		al.start++
	}
	for al.start < min(al.endB, al.endA) && r.equal(item, &b.Kids[al.endB-1], &a.Kids[al.endA-1]) {
		al.endB, al.endA = al.endB-1, al.endA-1
	}
	if al.start == al.endA {
		return al
	}
	al.from = unmatched(al.endA - al.start)
	r.match(p, b.Kids[al.start:al.endB], a.Kids[al.start:al.endA], al.from)
	return al
}

func unmatched(n int) []int32 {
	from := make([]int32, n)
	for i := range from {
		from[i] = -1
	}
	return from
}

// match sets in from, for each item of a, which item of b it is.
func (r *run) match(p *place, b, a []Value, from []int32) {
	switch {
	case len(b) == 0 || len(a) == 0:
	case p.keyed() && len(b) == 1 && len(a) == 1 && keyOf(&b[0], p.key) != nil && keyOf(&a[0], p.key) != nil:
		if r.same(nil, keyOf(&b[0], p.key), keyOf(&a[0], p.key)) {
			from[0] = 0
		}
	case p.keyed():
		r.matchKeys(p, b, a, from)
	case p.isSet():
		in := r.interner(p.items(), len(a))
		pairOccurrences(in.values(b), in.values(a), func(i, j int) { from[j] = int32(i) })
	case len(b) == 1 && len(a) == 1:
		r.matchKinds(b, a, func(i, j int) { from[j] = int32(i) })
	default:
		r.matchInOrder(p, b, a, from)
	}
}

// matchInOrder matches equal items, then what is left between each two of them.
func (r *run) matchInOrder(p *place, b, a []Value, from []int32) {
	in := r.interner(p.items(), len(a))
	r.common(in.values(b), in.values(a), func(i, j int) { from[j] = int32(i) })
	startB, startA := 0, 0
	for j := 0; j <= len(a); j++ {
		endB := len(b)
		if j < len(a) {
			if endB = int(from[j]); endB < 0 {
				continue
			}
		}
		if startB < endB && startA < j {
			r.matchKinds(b[startB:endB], a[startA:j], func(i, k int) { from[startA+k] = int32(startB + i) })
		}
		startB, startA = endB+1, j+1
	}
}

// matchKinds matches in order objects with objects, lists with lists and scalars
// with scalars.
func (r *run) matchKinds(b, a []Value, match func(i, j int)) {
	if len(b) == 1 && len(a) == 1 {
		if kindClass(&b[0]) == kindClass(&a[0]) {
			match(0, 0)
		}
		return
	}
	r.common(kindClasses(b), kindClasses(a), match)
}

func kindClasses(values []Value) []int32 {
	out := make([]int32, len(values))
	for i := range values {
		out[i] = kindClass(&values[i])
	}
	return out
}

func kindClass(v *Value) int32 {
	switch v.Kind {
	case Object:
		return 2
	case List:
		return 1
	}
	return 0
}

// matchKeys matches by the key what has one of its own in both lists. Items without
// a key, or with one that a list has twice, are matched by value wherever they are,
// then in order.
func (r *run) matchKeys(p *place, b, a []Value, from []int32) {
	in := r.interner(nil, len(a))
	keysB, keysA := in.keys(b, p.key), in.keys(a, p.key)
	timesB, timesA := counts(keysB, len(in.seen)), counts(keysA, len(in.seen))
	var restB, restA []int32
	byKey := unmatched(len(in.seen))
	for i, key := range keysB {
		if key >= 0 && timesB[key] == 1 && timesA[key] <= 1 {
			byKey[key] = int32(i)
		} else {
			restB = append(restB, int32(i))
		}
	}
	for j, key := range keysA {
		if key >= 0 && timesA[key] == 1 && timesB[key] <= 1 {
			from[j] = byKey[key]
		} else {
			restA = append(restA, int32(j))
		}
	}
	r.matchRest(p, b, a, restB, restA, from)
}

// matchRest matches the items of b and a that the indexes name.
func (r *run) matchRest(p *place, b, a []Value, restB, restA []int32, from []int32) {
	if len(restB) == 0 || len(restA) == 0 {
		return
	}
	in := r.interner(p.items(), len(restA))
	taken := make([]bool, len(b))
	pairOccurrences(in.some(b, restB), in.some(a, restA), func(i, j int) {
		from[restA[j]] = restB[i]
		taken[restB[i]] = true
	})
	restB = slices.DeleteFunc(restB, func(i int32) bool { return taken[i] })
	restA = slices.DeleteFunc(restA, func(j int32) bool { return from[j] >= 0 })
	classes := func(values []Value, which []int32) []int32 {
		out := make([]int32, len(which))
		for n, i := range which {
			out[n] = kindClass(&values[i])
		}
		return out
	}
	r.common(classes(b, restB), classes(a, restA), func(i, j int) { from[restA[j]] = restB[i] })
}

func counts(ids []int32, n int) []int32 {
	out := make([]int32, n)
	for _, id := range ids {
		if id >= 0 {
			out[id]++
		}
	}
	return out
}

// interner gives equal values the same number, from 0.
type interner struct {
	run    *run
	place  *place // of the values
	byHash map[uint64]int32
	seen   []*Value
}

func (r *run) interner(p *place, size int) *interner {
	return &interner{r, p, make(map[uint64]int32, size), make([]*Value, 0, size)}
}

func (in *interner) id(v *Value) int32 {
	hash := in.run.hash(in.place, v).sum
	for {
		id, ok := in.byHash[hash]
		if !ok {
			id = int32(len(in.seen))
			in.byHash[hash], in.seen = id, append(in.seen, v)
			return id
		}
		if in.run.same(in.place, in.seen[id], v) {
			return id
		}
		hash++ // two values of one hash
	}
}

func (in *interner) values(values []Value) []int32 {
	out := make([]int32, len(values))
	for i := range values {
		out[i] = in.id(&values[i])
	}
	return out
}

func (in *interner) some(values []Value, which []int32) []int32 {
	out := make([]int32, len(which))
	for n, i := range which {
		out[n] = in.id(&values[i])
	}
	return out
}

// keyOf returns the scalar that an item has as its member; nil where there is none,
// or null.
func keyOf(item *Value, member string) *Value {
	key := item.Member(member)
	if key.IsNull() || key.Kind == List || key.Kind == Object {
		return nil
	}
	return key
}

// keys numbers the items' keys; -1 is none.
func (in *interner) keys(values []Value, member string) []int32 {
	out := unmatched(len(values))
	for i := range values {
		if key := keyOf(&values[i], member); key != nil {
			out[i] = in.id(key)
		}
	}
	return out
}

// pairOccurrences pairs what comes the nth time in b with what comes the nth time
// in a, in a's order. b is not empty.
func pairOccurrences(b, a []int32, match func(i, j int)) {
	first, next := unmatched(int(slices.Max(b))+1), make([]int32, len(b))
	for i, id := range slices.Backward(b) {
		next[i] = first[id]
		first[id] = int32(i)
	}
	for j, id := range a {
		if int(id) < len(first) && first[id] >= 0 {
			i := first[id]
			first[id] = next[i]
			match(int(i), j)
		}
	}
}

// common finds a common subsequence of b and a, in order: the longest, by Myers'
// algorithm (An O(ND) Difference Algorithm and Its Variations, 1986), or, past
// maxEdits and maxSteps, the longest of those that pair nth with nth occurrence.
//
// It is our own because sergi/go-diff, the library at hand, compares texts and not
// numbered values, and stops by the clock or never: what changed would depend on
// the machine.
func (r *run) common(b, a []int32, match func(i, j int)) { common(b, a, &r.budget, match) }

func common(b, a []int32, budget *int, match func(i, j int)) {
	start := 0
	for start < min(len(b), len(a)) && b[start] == a[start] {
		match(start, start)
		start++
	}
	endB, endA := len(b), len(a)
	for start < min(endB, endA) && b[endB-1] == a[endA-1] {
		endB, endA = endB-1, endA-1
		match(endB, endA)
	}
	if start == endB || start == endA {
		return
	}
	inner := func(i, j int) { match(start+i, start+j) }
	m := myers{b: b[start:endB], a: a[start:endA]}
	if !m.search(budget) {
		increasing(m.b, m.a, inner)
		return
	}
	m.walkBack(inner)
}

// myers is a search for the shortest way from b to a. Row d holds how far d
// insertions and deletions lead in b on each diagonal k (index in b less index in
// a), for k from low(d) to high(d) in steps of two.
type myers struct {
	b, a   []int32
	rows   []int32
	starts []int
}

func (m *myers) low(d int) int  { return -min(d, 2*len(m.a)-d) }
func (m *myers) high(d int) int { return min(d, 2*len(m.b)-d) }

// far returns the end of diagonal k in row d.
func (m *myers) far(d, k int) int { return int(m.rows[m.starts[d]+(k-m.low(d))/2]) }

// from returns the diagonal in row d-1 from which row d comes to diagonal k.
func (m *myers) from(d, k int) int {
	if k == -d || k != d && m.far(d-1, k-1) < m.far(d-1, k+1) {
		return k + 1
	}
	return k - 1
}

// search reports whether it found the way within the limits.
func (m *myers) search(budget *int) bool {
	for d := 0; d <= maxEdits && *budget > 0; d++ {
		m.starts = append(m.starts, len(m.rows))
		for k := m.low(d); k <= m.high(d); k += 2 {
			x := 0
			if d > 0 {
				from := m.from(d, k)
				x = m.far(d-1, from)
				if from < k {
					x++
				}
			}
			begin := x
			for x < len(m.b) && x-k < len(m.a) && m.b[x] == m.a[x-k] {
				x++
			}
			*budget -= x - begin + 1
			m.rows = append(m.rows, int32(x))
			if x >= len(m.b) && x-k >= len(m.a) {
				return true
			}
		}
	}
	return false
}

// walkBack tells what the way found has in common, from the end.
func (m *myers) walkBack(match func(i, j int)) {
	k := len(m.b) - len(m.a)
	for d, x := len(m.starts)-1, len(m.b); d >= 0; d-- {
		from, begin := k, 0
		if d > 0 {
			from = m.from(d, k)
			begin = m.far(d-1, from) + max(k-from, 0)
		}
		for ; x > begin; x-- {
			match(x-1, x-1-k)
		}
		k, x = from, begin-max(k-from, 0)
	}
}

// increasing pairs nth with nth occurrence and keeps the longest part of that which
// is in order in both (the longest increasing subsequence, in n log n steps).
func increasing(b, a []int32, match func(i, j int)) {
	var pairs [][2]int
	pairOccurrences(b, a, func(i, j int) { pairs = append(pairs, [2]int{i, j}) })
	ends, previous := []int{}, make([]int, len(pairs))
	for n, pair := range pairs {
		length, _ := slices.BinarySearchFunc(ends, pair[0], func(end, i int) int { return pairs[end][0] - i })
		previous[n] = -1
		if length > 0 {
			previous[n] = ends[length-1]
		}
		if length == len(ends) {
			ends = append(ends, n)
		}
		ends[length] = n
	}
	if len(ends) == 0 {
		return
	}
	for n := ends[len(ends)-1]; n >= 0; n = previous[n] {
		match(pairs[n][0], pairs[n][1])
	}
}
