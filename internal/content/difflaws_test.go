package content

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// settled is v with the items of its sets sorted: an oracle that follows the shape
// alone.
func settled(v Value, s *Shape) Value {
	v.Kids = slices.Clone(v.Kids)
	for i := range v.Kids {
		var below *Shape
		if s != nil && v.Kind == List && s.Kind == ShapeList {
			below = s.Item
		}
		if s != nil && v.Kind == Object {
			if f := s.Field(v.Kids[i].Name); f != nil {
				below = f.Shape
			}
		}
		v.Kids[i] = settled(v.Kids[i], below)
	}
	if s != nil && s.Set && v.Kind == List {
		slices.SortFunc(v.Kids, func(a, b Value) int { return strings.Compare(canonical(a), canonical(b)) })
	}
	return v
}

// canonical writes a value with sorted members and numbers by value.
func canonical(v Value) string {
	if v.Kind == Number {
		return string(appendDecimal(nil, v.Text))
	}
	if v.Kind != Object && v.Kind != List {
		return string(v.AppendJSON(nil))
	}
	var parts []string
	for i := range v.Kids {
		part := canonical(v.Kids[i])
		if v.Kind == Object {
			part = strconv.Quote(v.Kids[i].Name) + ":" + part
		}
		parts = append(parts, part)
	}
	if v.Kind == Object {
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// applier makes the document after from the one before and the changes alone.
type applier struct {
	now   map[Pointer]*Value   // added or changed, by place in after
	gone  map[Pointer]bool     // by place in before
	added map[Pointer][]string // the last tokens of what was added, by parent
}

func apply(changes []FieldChange, before *Value) Value {
	a := applier{map[Pointer]*Value{}, map[Pointer]bool{}, map[Pointer][]string{}}
	for _, c := range changes {
		if c.After == nil {
			a.gone[c.Pointer] = true
			continue
		}
		a.now[c.Pointer] = c.After
		if c.Before == nil && c.Pointer != "" {
			tokens := c.Pointer.Tokens()
			parent := Pointer("").join(tokens[:len(tokens)-1])
			a.added[parent] = append(a.added[parent], tokens[len(tokens)-1])
		}
	}
	return a.build("", "", before)
}

func (a *applier) build(was, is Pointer, v *Value) Value {
	if now := a.now[is]; now != nil {
		return *now
	}
	out := *v
	out.Kids = nil
	if v.Kind == Object {
		for i := range v.Kids {
			name := v.Kids[i].Name
			if !a.gone[was.Child(name)] {
				kid := a.build(was.Child(name), is.Child(name), &v.Kids[i])
				kid.Name = name
				out.Kids = append(out.Kids, kid)
			}
		}
		for _, name := range a.added[is] {
			kid := *a.now[is.Child(name)]
			kid.Name = name
			out.Kids = append(out.Kids, kid)
		}
		return out
	}
	place := func() { // what was added before the next item that stayed
		for slices.Contains(a.added[is], strconv.Itoa(len(out.Kids))) {
			out.Kids = append(out.Kids, *a.now[is.Item(len(out.Kids))])
		}
	}
	for i := range v.Kids {
		if !a.gone[was.Item(i)] {
			place()
			out.Kids = append(out.Kids, a.build(was.Item(i), is.Item(len(out.Kids)), &v.Kids[i]))
		}
	}
	place()
	return out
}

func all(v *Value, at Pointer, out map[Pointer]*Value) map[Pointer]*Value {
	out[at] = v
	for i := range v.Kids {
		if v.Kind == Object {
			all(&v.Kids[i], at.Child(v.Kids[i].Name), out)
		} else {
			all(&v.Kids[i], at.Item(i), out)
		}
	}
	return out
}

// holdLaws checks what must be so for any two documents; c renames nothing.
func holdLaws(t *testing.T, c *Collection, before, after *Value) {
	d := NewDiffer(c)
	root := c.Root
	changes := d.Diff(before, after)
	fail := func(why string, at Pointer) {
		t.Helper()
		t.Fatalf("%s at %q\nbefore %s\nafter  %s\n%s", why, at, before.AppendJSON(nil), after.AppendJSON(nil), told(changes))
	}
	if same := canonical(settled(*before, root)) == canonical(settled(*after, root)); same != (len(changes) == 0) {
		fail("no change is told exactly of equal documents", "")
	}
	if told(changes) != told(d.Diff(before, after)) {
		fail("told otherwise the second time", "")
	}
	if got := apply(changes, before); canonical(settled(got, root)) != canonical(settled(*after, root)) {
		fail("the changes lead to "+string(got.AppendJSON(nil)), "")
	}
	seen, taken := map[Pointer]bool{}, map[Pointer]Pointer{}
	for _, c := range changes {
		was, ok := d.Trace(before, after, c.Pointer)
		switch {
		case c.Before == nil && (ok || c.After != after.At(c.Pointer)):
			fail("an added value is traced", c.Pointer)
		case c.After == nil && c.Before != before.At(c.Pointer):
			fail("a removed value is not where it was", c.Pointer)
		case c.Before != nil && c.After != nil && (!ok || before.At(was) != c.Before || after.At(c.Pointer) != c.After):
			fail("a changed value is not traced", c.Pointer)
		}
		seen[c.Pointer] = seen[c.Pointer] || c.After != nil
	}
	for at, v := range all(after, "", map[Pointer]*Value{}) {
		was, ok := d.Trace(before, after, at)
		if other, twice := taken[was]; ok && twice {
			fail("traced to the same place as "+string(other), at)
		}
		if ok {
			taken[was] = at
			if len(v.Kids) == 0 && !seen[at] && canonical(*before.At(was)) != canonical(*v) && len(before.At(was).Kids) == 0 {
				fail("a changed leaf is not told", at)
			}
			continue
		}
		if !slices.ContainsFunc(changes, func(c FieldChange) bool { return c.After != nil && c.Pointer.Covers(at) }) {
			fail("a place that is new is not told", at)
		}
	}
	if s := d.Similarity(before, after); s < 0 || s > 1 || s != d.Similarity(after, before) {
		fail("similarity "+strconv.FormatFloat(s, 'g', -1, 64), "")
	}
}

// writer writes random documents with what described names, rarely twice the same.
type writer struct{ *rand.Rand }

func (w writer) scalar() string {
	return []string{`"a"`, `"b"`, `"c"`, `"d"`, `1`, `1.0`, `10e-1`, `2`, `null`, `true`, `"1"`}[w.IntN(11)]
}

func (w writer) list(most int, item func() string) string {
	var out []string
	for range w.IntN(most + 1) {
		out = append(out, item())
	}
	return "[" + strings.Join(out, ",") + "]"
}

func (w writer) object(members map[string]func() string) string {
	var out []string
	for name, write := range members {
		if w.IntN(4) > 0 {
			out = append(out, strconv.Quote(name)+":"+write())
		}
	}
	slices.Sort(out)
	w.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return "{" + strings.Join(out, ",") + "}"
}

func (w writer) any(depth int) string {
	switch n := w.IntN(8); {
	case n == 0 && depth > 0:
		return w.list(5, func() string { return w.any(depth - 1) })
	case n == 1 && depth > 0:
		return w.object(map[string]func() string{"x": func() string { return w.any(depth - 1) }, "~/": w.scalar, "*": w.scalar})
	}
	return w.scalar()
}

func (w writer) row() string {
	if w.IntN(12) == 0 {
		return w.any(2)
	}
	return w.object(map[string]func() string{"id": w.scalar, "n": w.scalar, "v": func() string { return w.any(1) }})
}

func (w writer) part(depth int) string {
	members := map[string]func() string{"tags": w.tags, "name": w.scalar}
	if depth > 0 {
		members["parts"] = func() string { return w.list(3, func() string { return w.part(depth - 1) }) }
	}
	return w.object(members)
}

func (w writer) tags() string { return w.list(6, w.scalar) }

func (w writer) document() string {
	rows := func() string { return w.list(6, w.row) }
	people := func() string { return w.object(map[string]func() string{"people": rows, "rows": rows}) }
	return w.object(map[string]func() string{
		"themes": w.tags, "people": rows, "l": func() string { return w.list(8, func() string { return w.any(2) }) },
		"groups": func() string { return w.list(2, people) }, "by": func() string { return w.object(map[string]func() string{"x": people}) },
		"tree": func() string { return w.part(3) }, "x": w.scalar, "y": func() string { return w.any(4) },
	})
}

// edited is source with some of its values replaced, removed or put elsewhere.
func (w writer) edited(v *Value) string {
	for range 1 + w.IntN(3) {
		v = w.edit(v)
	}
	return string(v.AppendJSON(nil))
}

func (w writer) edit(v *Value) *Value {
	out := *v
	out.Kids = slices.Clone(v.Kids)
	if len(out.Kids) == 0 || w.IntN(6) == 0 {
		if v.Kind == Object || w.IntN(3) == 0 && v.Kind == List {
			w.Shuffle(len(out.Kids), func(i, j int) { out.Kids[i], out.Kids[j] = out.Kids[j], out.Kids[i] })
			return &out
		}
		fresh, _ := Parse(w.any(1))
		if v.Kind == List {
			out.Kids = slices.Insert(out.Kids, w.IntN(len(out.Kids)+1), *fresh)
			return &out
		}
		return fresh
	}
	i := w.IntN(len(out.Kids))
	if w.IntN(6) == 0 {
		out.Kids = slices.Delete(out.Kids, i, i+1)
		return &out
	}
	name := out.Kids[i].Name
	out.Kids[i] = *w.edit(&out.Kids[i])
	out.Kids[i].Name = name
	return &out
}

// unrenamed is described without what was renamed.
func unrenamed() *Collection {
	c := described()
	c.Renamed = nil
	return c
}

func TestDiffLaws(t *testing.T) {
	w, c := writer{rand.New(rand.NewPCG(1, 2))}, unrenamed()
	for range 2_000 {
		before := parsed(t, w.document())
		after := w.document()
		if w.IntN(4) > 0 {
			after = w.edited(before)
		}
		holdLaws(t, c, before, parsed(t, after))
		if t.Failed() {
			return
		}
	}
}

func FuzzDiff(f *testing.F) {
	w := writer{rand.New(rand.NewPCG(3, 4))}
	for range 20 {
		before := w.document()
		f.Add(before, w.edited(parsed(f, before)))
	}
	f.Add(`[1,2,3,1]`, `[3,1,1,2]`)
	f.Add(`{"themes":["a","a"]}`, `{"themes":["a"]}`)
	f.Add(`{"people":[{"id":1},{"id":1}]}`, `{"people":[{"id":1},{"id":2}]}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		b, err := Parse(before)
		if err != nil {
			return
		}
		a, err := Parse(after)
		if err != nil || len(before)+len(after) > 4000 {
			return
		}
		holdLaws(t, unrenamed(), b, a)
		renamedLaws(t, b, a)
	})
}

// renamedLaws are those that hold where places were renamed.
func renamedLaws(t *testing.T, before, after *Value) {
	d := NewDiffer(described())
	if changes := d.Diff(before, before); len(changes) > 0 {
		t.Fatalf("%s differs from itself:\n%s", before.AppendJSON(nil), told(changes))
	}
	for _, c := range d.Diff(before, after) {
		_, ok := d.Trace(before, after, c.Pointer)
		if c.After == nil && before.At(c.Pointer) == nil || c.After != nil && after.At(c.Pointer) != c.After || c.After != nil && ok != (c.Before != nil) {
			t.Fatalf("%s -> %s: %s", before.AppendJSON(nil), after.AppendJSON(nil), told([]FieldChange{c}))
		}
	}
}

func TestRenamedLaws(t *testing.T) {
	w, d := writer{rand.New(rand.NewPCG(5, 6))}, NewDiffer(described())
	for range 500 {
		text, mail, rows := w.any(2), w.scalar(), w.list(5, func() string { return w.any(2) })
		old := `{"abstract":` + text + `,"contact":{"email":` + mail + `},"rows":` + rows + `}`
		now := `{"rows":` + rows + `,"email":` + mail + `,"text":{"short":` + text + `}}`
		before, after := parsed(t, old), parsed(t, now)
		if changes := d.Diff(before, after); len(changes) > 0 {
			t.Fatalf("%s -> %s: %s", old, now, told(changes))
		}
		for at, v := range Leaves(after) {
			was, ok := d.Trace(before, after, at)
			if !ok || !before.At(was).Equal(v) {
				t.Fatalf("%s -> %s: %s is traced to %q %v", old, now, at, was, ok)
			}
		}
		if d.Similarity(before, after) != 1 {
			t.Fatalf("%s -> %s: similarity %v", old, now, d.Similarity(before, after))
		}
		renamedLaws(t, before, parsed(t, w.edited(after)))
	}
}

// What is hostile takes no longer than it must: each of these would take minutes
// where one list or object was walked once for each of its items.
func TestDiffOfHostileDocuments(t *testing.T) {
	numbers := func(n int, number func(i int) int) string {
		out := make([]string, n)
		for i := range out {
			out[i] = strconv.Itoa(number(i))
		}
		return strings.Join(out, ",")
	}
	const n = 100_000
	up, down := numbers(n, func(i int) int { return i }), numbers(n, func(i int) int { return n - i })
	few, fewer := numbers(n, func(i int) int { return i * i % 7 }), numbers(n, func(i int) int { return i * i % 11 % 7 })
	objects := func(list string) string { return `{"n":` + strings.ReplaceAll(list, ",", `},{"n":`) + `}` }
	members := func(list string) string { return `"` + strings.ReplaceAll(list, ",", `":0,"`) + `":0` }
	short := func(s string) string { return s[:strings.LastIndexByte(s[:200_000], ',')] }
	nest := func(s string, n int) string { return strings.Repeat(`[0,`, n) + s + strings.Repeat(`]`, n) }
	manyLists := func(list string) string { return strings.TrimSuffix(strings.Repeat(`[`+list[:3998]+`0],`, 250), ",") }
	tests := []struct{ name, before, after string }{
		{"a list the other way round", `[` + up + `]`, `[` + down + `]`},
		{"a set the other way round", `{"themes":[` + up + `]}`, `{"themes":[` + down + `]}`},
		{"a list of few values", `[` + few + `]`, `[` + fewer + `]`},
		{"keyed items the other way round", `{"by":{"x":{"rows":[` + objects(short(up)) + `]}}}`, `{"by":{"x":{"rows":[` + objects(short(down)) + `]}}}`},
		{"objects the other way round", `[` + objects(short(up)) + `]`, `[` + objects(short(down)) + `]`},
		{"members the other way round", `{` + members(short(up)) + `}`, `{` + members(short(down)) + `}`},
		{"lists in lists", nest(up, 63), nest(down, 63)},
		{"lists in lists that differ at the end", nest(up+`,0`, 63), nest(up+`,1`, 63)},
		{"lists in lists with more items before", nest(up+`,0`, 63), nest(up+`,1,1`, 62)},
		{"many lists", `[` + manyLists(few) + `]`, `[` + manyLists(fewer) + `]`},
	}
	d := NewDiffer(described())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, after := parsed(t, test.before), parsed(t, test.after)
			start := time.Now()
			changes := d.Diff(before, after)
			took := time.Since(start)
			if took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			d.Trace(before, after, "/0")
			d.Similarity(before, after)
			t.Logf("%d changes in %v; all %v", len(changes), took, time.Since(start))
		})
	}
}
