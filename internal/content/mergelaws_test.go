package content

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ways are the values of a document by the way to them: names, and for the items of
// keyed lists and sets their keys and values in the place of an index. A list that
// neither is, or of which the items cannot be told apart, is one value; of all other
// lists and objects it says no more than that they are there. It is an oracle that
// follows the shape and the keys of described alone.
type ways map[string]string

func waysOf(v *Value) ways {
	out := ways{}
	if v != nil {
		root := unrenamed().Root
		out.add("", "", v, root)
	}
	return out
}

func (w ways) add(way, pattern string, v *Value, s *Shape) {
	switch {
	case v.Kind == Object:
		w[way] = "object"
		for i := range v.Kids {
			kid := &v.Kids[i]
			var below *Shape
			if s != nil && s.Kind == ShapeObject && s.Field(kid.Name) != nil {
				below = s.Field(kid.Name).Shape
			}
			w.add(way+"/"+strconv.Quote(kid.Name), pattern+"/"+kid.Name, kid, below)
		}
	case v.Kind == List && listIDs(pattern, v, s) != nil:
		w[way] = "list"
		for i, id := range listIDs(pattern, v, s) {
			w.add(way+"/"+id, pattern+"/*", &v.Kids[i], nil)
		}
	default:
		w[way] = canonical(settled(*v, s))
	}
}

// listIDs is not nil where the items can be told apart.
func listIDs(pattern string, v *Value, s *Shape) []string {
	set := s != nil && s.Set
	member := ""
	tokens := strings.Split(pattern, "/")
	switch {
	case pattern == "/people", len(tokens) == 4 && tokens[1] == "groups" && tokens[3] == "people":
		member = "id"
	case len(tokens) == 4 && tokens[1] == "by" && tokens[3] == "rows":
		member = "n"
	}
	if !set && member == "" {
		return nil
	}
	ids := []string{}
	for i := range v.Kids {
		key := &v.Kids[i]
		if member != "" {
			key = keyOf(key, member)
		}
		if key == nil || len(key.Kids) > 0 || key.Kind == Object || key.Kind == List || slices.Contains(ids, "="+canonical(*key)) {
			return nil
		}
		ids = append(ids, "="+canonical(*key))
	}
	return ids
}

// joined is the merge of three by its rule: what one side left is that of the other.
func joined(b, o, t ways) (out ways, clash bool) {
	out = ways{}
	for _, side := range []ways{o, t} {
		for way := range side {
			switch {
			case o[way] == t[way], b[way] == t[way]:
				out[way] = o[way]
			case b[way] == o[way]:
				out[way] = t[way]
			default:
				clash = true
			}
			if out[way] == "" {
				delete(out, way)
			}
		}
	}
	return out, clash
}

func (w ways) String() string {
	var lines []string
	for way, value := range w {
		lines = append(lines, way+" "+value)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// swapped are conflicts as the other side sees them, without indexes, sorted.
func swapped(conflicts []Conflict, swap bool) string {
	var lines []string
	for _, c := range conflicts {
		o, t := c.Ours, c.Theirs
		if swap {
			o, t = t, o
		}
		tokens := c.Pointer.Tokens()
		for i, token := range tokens {
			if isIndex(token) {
				tokens[i] = "*"
			}
		}
		lines = append(lines, fmt.Sprint(tokens, text(c.Base), text(o), text(t)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// holdMergeLaws checks what must be so for any three documents; any may be nil.
func holdMergeLaws(t *testing.T, base, ours, theirs *Value) {
	c := unrenamed()
	d := NewDiffer(c)
	merged, conflicts := d.Merge(base, ours, theirs, nil)
	fail := func(why string) {
		t.Helper()
		t.Fatalf("%s\nbase   %s\nours   %s\ntheirs %s\nmerged %s\n%s", why, text(base), text(ours), text(theirs), text(merged), toldConflicts(conflicts))
	}
	same := func(a, b *Value) bool {
		if a == nil || b == nil {
			return a == b
		}
		return canonical(settled(*a, c.Root)) == canonical(settled(*b, c.Root))
	}
	for _, place := range conflicts {
		if side, v := ours, place.Ours; v != nil && side.At(place.Pointer) != v {
			fail("ours is not where the conflict says: " + string(place.Pointer))
		} else if v == nil && theirs.At(place.Pointer) != place.Theirs {
			fail("theirs is not where the conflict says: " + string(place.Pointer))
		}
	}
	other, otherConflicts := d.Merge(base, theirs, ours, nil)
	if swapped(conflicts, false) != swapped(otherConflicts, true) {
		fail("not symmetric in its conflicts:\n" + toldConflicts(otherConflicts))
	}
	if len(conflicts) == 0 && !same(merged, other) {
		fail("not symmetric: " + text(other))
	}
	again, againConflicts := d.Merge(base, merged, theirs, nil)
	if !same(again, merged) || len(conflicts) == 0 && len(againConflicts) > 0 {
		fail("not idempotent with theirs: " + text(again) + "\n" + toldConflicts(againConflicts))
	}
	if len(conflicts) == 0 {
		if again, now := d.Merge(base, ours, merged, nil); !same(again, merged) || len(now) > 0 {
			fail("not idempotent with ours: " + text(again) + "\n" + toldConflicts(now))
		}
	}
	for _, side := range []*Value{ours, theirs} {
		for name, three := range map[string][3]*Value{"base and side": {base, base, side}, "side and base": {base, side, base}, "side twice": {base, side, side}} {
			got, clash := d.Merge(three[0], three[1], three[2], nil)
			if !same(got, side) || len(clash) > 0 {
				fail(name + ": " + text(got))
			}
		}
	}
	holdNothingLost(t, fail, d, base, ours, theirs, merged, conflicts)
}

// holdNothingLost checks merged against the oracle; where all conflicts are settled by
// what is in neither, all else must be what it is without them.
func holdNothingLost(t *testing.T, fail func(string), d *Differ, base, ours, theirs, merged *Value, conflicts []Conflict) {
	t.Helper()
	want, clash := joined(waysOf(base), waysOf(ours), waysOf(theirs))
	if len(conflicts) == 0 && !clash {
		if got := waysOf(merged); got.String() != want.String() {
			fail("the oracle says:\n" + want.String())
		}
		return
	}
	if len(conflicts) == 0 {
		return // both sides made of a list what cannot be told apart
	}
	mark := &Value{Kind: String, Text: "in conflict"}
	marked, left := d.Merge(base, ours, theirs, func(Conflict) (*Value, bool) { return mark, true })
	if len(left) > 0 {
		fail("a conflict that was settled is told")
	}
	got := waysOf(marked)
	for way, value := range want {
		if !got.inConflict(way) && got[way] != value {
			fail("lost beside a conflict: " + way + " " + value + " in " + text(marked))
		}
	}
	for way, value := range got {
		if !got.inConflict(way) && want[way] != value {
			fail("from nowhere: " + way + " " + value + " in " + text(marked))
		}
	}
}

// inConflict reports whether a mark stands at way, above it, or below it.
func (w ways) inConflict(way string) bool {
	const mark = `"in conflict"`
	for at, value := range w {
		if value != mark && !strings.Contains(value, mark) {
			continue
		}
		if at == way || strings.HasPrefix(way, at+"/") || strings.HasPrefix(at, way+"/") || at == "" {
			return true
		}
	}
	return false
}

func TestMergeLaws(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(11, 12))}
	side := func(base *Value) *Value {
		switch n := w.IntN(24); {
		case n == 0:
			return nil
		case n == 1, base == nil:
			return parsed(t, w.document())
		case n == 2:
			return base
		}
		return parsed(t, w.edited(base))
	}
	merges, clashes := 0, 0
	for range 6_000 {
		base := parsed(t, w.document())
		if w.IntN(24) == 0 {
			base = nil
		}
		ours, theirs := side(base), side(base)
		holdMergeLaws(t, base, ours, theirs)
		if t.Failed() {
			return
		}
		if _, conflicts := NewDiffer(unrenamed()).Merge(base, ours, theirs, nil); len(conflicts) > 0 {
			clashes++
		}
		merges++
	}
	if clashes < merges/10 || clashes > merges*9/10 {
		t.Errorf("%d of %d merges have conflicts: the documents prove little", clashes, merges)
	}
}

// Keyed lists and sets alone, so that nearly every edit is of their order and items.
func TestMergeLawsOfLists(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(13, 14))}
	list := func(items int) string {
		var people, themes []string
		for _, id := range w.Perm(8)[:items] {
			people = append(people, fmt.Sprintf(`{"id":%d,"n":%d}`, id, w.IntN(8)/7))
			themes = append(themes, strconv.Itoa(id))
		}
		return `{"people":[` + strings.Join(people, ",") + `],"themes":[` + strings.Join(themes, ",") + `]}`
	}
	for range 6_000 {
		base := parsed(t, list(w.IntN(6)))
		side := func() *Value {
			v := base
			for range 1 + w.IntN(3) {
				fresh := parsed(t, list(1+w.IntN(7)))
				out := *v
				out.Kids = slices.Clone(v.Kids)
				for i := range out.Kids {
					kids := slices.Clone(out.Kids[i].Kids)
					at := w.IntN(len(kids) + 1)
					switch n := w.IntN(10); {
					case n < 5:
						kids = slices.Insert(kids, at, fresh.Kids[i].Kids[0])
					case n < 8 && at < len(kids):
						kids = slices.Delete(kids, at, at+1)
					case n == 8:
						w.Shuffle(len(kids), func(i, j int) { kids[i], kids[j] = kids[j], kids[i] })
					}
					out.Kids[i].Kids = kids
				}
				v = &out
			}
			return v
		}
		holdMergeLaws(t, base, side(), side())
		if t.Failed() {
			return
		}
	}
}

func FuzzMerge(f *testing.F) {
	w := writer{rand.New(rand.NewPCG(15, 16))}
	for range 20 {
		base := parsed(f, w.document())
		f.Add(string(base.AppendJSON(nil)), w.edited(base), w.edited(base))
	}
	f.Add(`{"people":[{"id":1},{"id":2}]}`, `{"people":[{"id":2},{"id":1},{"id":3}]}`, `{"people":[{"id":4},{"id":2}]}`)
	f.Add(`{"themes":["a"]}`, `{"themes":["b","a"]}`, `{"themes":["a","a"]}`)
	f.Add(``, `{"a":{}}`, `{"a":{"b":[]}}`)
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		var three [3]*Value
		for i, source := range []string{base, ours, theirs} {
			if source == "" {
				continue
			}
			v, err := Parse(source)
			if err != nil || len(source) > 2000 {
				return
			}
			three[i] = v
		}
		holdMergeLaws(t, three[0], three[1], three[2])
	})
}

// What is hostile takes no longer than it must.
func TestMergeOfHostileDocuments(t *testing.T) {
	numbers := func(n int, number func(i int) int) string {
		out := make([]string, n)
		for i := range out {
			out[i] = strconv.Itoa(number(i))
		}
		return strings.Join(out, ",")
	}
	const n = 60_000
	up, down, odd := numbers(n, func(i int) int { return i }), numbers(n, func(i int) int { return n - i }), numbers(n, func(i int) int { return 2*i + 1 })
	items := func(list string) string { return `{"id":` + strings.ReplaceAll(list, ",", `},{"id":`) + `}` }
	members := func(list string) string { return `"` + strings.ReplaceAll(list, ",", `":0,"`) + `":0` }
	deep := func(s string, end string) string {
		return strings.Repeat(`{"a":[0],"b":`, 62) + `{"l":[` + s + `],"end":` + end + `}` + strings.Repeat(`}`, 62)
	}
	tree := func(s, end string) string {
		return `{"tree":` + strings.Repeat(`{"tags":["x"],"parts":[`, 30) + `{"tags":[` + s + `],"name":"` + end + `"}` + strings.Repeat(`]}`, 30) + `}`
	}
	tests := []struct{ name, base, ours, theirs string }{
		{"sets", `{"themes":[` + up + `]}`, `{"themes":[` + down + `]}`, `{"themes":[` + odd + `]}`},
		{"keyed items", `{"people":[` + items(up) + `]}`, `{"people":[` + items(down) + `]}`, `{"people":[` + items(odd) + `]}`},
		{"keyed items made on both sides", `{"people":[]}`, `{"people":[` + items(down) + `]}`, `{"people":[` + items(odd) + `]}`},
		{"members", `{` + members(up) + `}`, `{` + members(down) + `,"a":1}`, `{` + members(odd) + `}`},
		{"deep", deep(up, "1"), deep(up, "2"), deep(up, "3")},
		{"sets in deep lists", tree(up, "1"), tree(down, "2"), tree(up, "3")},
	}
	d := NewDiffer(described())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base, ours, theirs := parsed(t, test.base), parsed(t, test.ours), parsed(t, test.theirs)
			start := time.Now()
			_, conflicts := d.Merge(base, ours, theirs, nil)
			took := time.Since(start)
			if took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			t.Logf("%d conflicts in %v", len(conflicts), took)
		})
	}
}
