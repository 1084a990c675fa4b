package content

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// place is what the model says of one place of a document and of those below it:
// the patterns of a collection as a finite automaton over tokens. nil is a place
// of which nothing is said. Places of a recursive schema form cycles.
type place struct {
	// key is the member by which items are matched, "" for none.
	key   string
	set   bool
	moves []move
	// names are the members of which something is said; others is every other
	// member, item every item of a list.
	names        map[string]*place
	others, item *place
}

// Limits on what a hostile model can make of a Differ; what is past them is compared
// as if the model did not name it.
const (
	maxPlaces  = 10_000
	maxKeys    = 500
	maxRenamed = 256
	maxFormer  = 64
)

func (p *place) member(name string) *place {
	if p == nil {
		return nil
	}
	if named, ok := p.names[name]; ok {
		return named
	}
	return p.others
}

func (p *place) items() *place {
	if p == nil {
		return nil
	}
	return p.item
}

func (p *place) keyed() bool { return p != nil && p.key != "" }
func (p *place) isSet() bool { return p != nil && p.set }

// next are the places one token below, in a fixed order.
func (p *place) next() []*place {
	var out []*place
	for _, name := range slices.Sorted(maps.Keys(p.names)) {
		out = append(out, p.names[name])
	}
	return append(out, p.others, p.item)
}

// trie holds the patterns of keys and renamings, token by token.
type trie struct {
	id    int
	at    Pattern
	names map[string]*trie
	any   *trie // "*"
	key   string
	moves []move
}

// patterns builds a trie.
type patterns struct{ count int }

// add returns the node for a pattern below n, making what is missing.
func (b *patterns) add(n *trie, tokens []string) *trie {
	for _, token := range tokens {
		var child *trie
		if token == "*" {
			child = n.any
		} else {
			child = n.names[token]
		}
		if child == nil {
			b.count++
			child = &trie{id: b.count, at: n.at.Child(token)}
			n.put(token, child)
		}
		n = child
	}
	return n
}

func (n *trie) put(token string, child *trie) {
	if token == "*" {
		n.any = child
		return
	}
	if n.names == nil {
		n.names = map[string]*trie{}
	}
	n.names[token] = child
}

// compilePlaces follows shape and patterns together. What nothing is said of is nil.
func compilePlaces(root *Shape, keys []Key, renamed []renaming) *place {
	var b patterns
	top := &trie{}
	keys = slices.SortedFunc(slices.Values(keys), func(a, b Key) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Member, b.Member)) })
	for _, k := range keys[:min(len(keys), maxKeys)] {
		if tokens := k.At.Tokens(); len(tokens) <= MaxDepth && k.Member != "" {
			b.add(top, tokens).key = k.Member
		}
	}
	for _, r := range renamed {
		if common, m, ok := r.move(); ok {
			node := b.add(top, common)
			node.moves = append(node.moves, m)
		}
	}
	c := placeCompiler{byState: map[string]*place{}}
	if root != nil && len(root.Fields) == 1 && root.Fields[0].Self {
		root = root.Fields[0].Shape
	}
	c.place(root, []*trie{top})
	return c.prune()
}

type placeCompiler struct {
	byState map[string]*place
	all     []*place // in the order they were met; the root is the first
}

// place returns the place that has the shape and lies at the patterns; shape may
// be nil.
func (c *placeCompiler) place(shape *Shape, at []*trie) *place {
	if shape == nil && len(at) == 0 {
		return nil
	}
	state := fmt.Sprintf("%p", shape)
	for _, n := range at {
		state += " " + strconv.Itoa(n.id)
	}
	if p, ok := c.byState[state]; ok {
		return p
	}
	if len(c.all) == maxPlaces {
		return nil
	}
	p := &place{key: bestKey(at), moves: allMoves(at)}
	c.byState[state] = p
	c.all = append(c.all, p)
	p.set = p.key == "" && shape != nil && shape.Kind == ShapeList && shape.Set
	c.below(p, shape, at)
	return p
}

func (c *placeCompiler) below(p *place, shape *Shape, at []*trie) {
	shapes := map[string]*Shape{}
	var item *Shape
	if shape != nil && shape.Kind == ShapeList {
		item = shape.Item
	}
	if shape != nil && shape.Kind == ShapeObject {
		for i := range shape.Fields {
			shapes[shape.Fields[i].Property] = shape.Fields[i].Shape
		}
	}
	var others []*trie
	for _, n := range at {
		if n.any != nil {
			others = append(others, n.any)
		}
		for name := range n.names {
			if _, ok := shapes[name]; !ok {
				shapes[name] = nil
			}
		}
	}
	p.names = make(map[string]*place, len(shapes))
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		named := slices.Clone(others)
		for _, n := range at {
			if child := n.names[name]; child != nil {
				named = append(named, child)
			}
		}
		p.names[name] = c.place(shapes[name], named)
	}
	p.others, p.item = c.place(nil, others), c.place(item, others)
}

// bestKey is the key of the most exact pattern: the one with the fewest "*", then
// the first by its text.
func bestKey(at []*trie) string {
	var best *trie
	for _, n := range at {
		if n.key != "" && (best == nil || cmp.Or(cmp.Compare(n.stars(), best.stars()), cmp.Compare(n.at, best.at)) < 0) {
			best = n
		}
	}
	if best == nil {
		return ""
	}
	return best.key
}

func (n *trie) stars() int {
	count := 0
	for _, token := range n.at.Tokens() {
		if token == "*" {
			count++
		}
	}
	return count
}

// allMoves are the moves of the patterns in one order, whatever the model's was.
func allMoves(at []*trie) []move {
	var out []move
	for _, n := range at {
		out = append(out, n.moves...)
	}
	slices.SortFunc(out, func(a, b move) int { return cmp.Or(slices.Compare(a.to, b.to), slices.Compare(a.from, b.from)) })
	return slices.CompactFunc(out, func(a, b move) bool { return slices.Equal(a.to, b.to) && slices.Equal(a.from, b.from) })
}

// prune makes nil every place of which, and below which, nothing is said, and
// returns the root.
func (c *placeCompiler) prune() *place {
	said := map[*place]bool{}
	for grown := true; grown; {
		grown = false
		for _, p := range slices.Backward(c.all) {
			if !said[p] && (p.key != "" || p.set || len(p.moves) > 0 || slices.ContainsFunc(p.next(), func(q *place) bool { return said[q] })) {
				said[p], grown = true, true
			}
		}
	}
	keep := func(p *place) *place {
		if said[p] {
			return p
		}
		return nil
	}
	for _, p := range c.all {
		p.others, p.item = keep(p.others), keep(p.item)
		for name, q := range p.names {
			if p.names[name] = keep(q); !said[q] && p.others == nil {
				delete(p.names, name)
			}
		}
	}
	return keep(c.all[0])
}

// meaning writes the automaton below root in one way, whatever it was made from:
// states that cannot be told apart are one (Moore's partition refinement), and
// each is written at the first place where it is met.
func meaning(root *place) string {
	w := meaningWriter{class: classes(root), first: map[int]string{}}
	w.write("", root)
	return w.text.String()
}

type meaningWriter struct {
	class map[*place]int
	first map[int]string
	text  strings.Builder
}

func (w *meaningWriter) write(at string, p *place) {
	if p == nil {
		return
	}
	if first, ok := w.first[w.class[p]]; ok {
		fmt.Fprintf(&w.text, "as %q %q\n", at, first)
		return
	}
	w.first[w.class[p]] = at
	w.text.WriteString(p.label(at))
	for _, name := range slices.Sorted(maps.Keys(p.names)) {
		if w.class[p.names[name]] != w.class[p.others] {
			w.write(at+"/"+ownToken(name), p.names[name])
		}
	}
	w.write(at+"/*", p.others)
	if w.class[p.item] != w.class[p.others] {
		w.write(at+"/[]", p.item)
	}
}

// ownToken keeps a member that is called like a sign of meaning's apart from it.
func ownToken(name string) string {
	if name == "*" || name == "[]" {
		return "~" + name
	}
	return escapeToken.Replace(name)
}

func (p *place) label(at string) string {
	var b strings.Builder
	if p.key != "" {
		fmt.Fprintf(&b, "key %q %q\n", at, p.key)
	}
	if p.set {
		fmt.Fprintf(&b, "set %q\n", at)
	}
	for _, m := range p.moves {
		fmt.Fprintf(&b, "renamed %q %q\n", Pointer(at).join(m.from), Pointer(at).join(m.to))
	}
	return b.String()
}

func (p Pointer) join(tokens []string) Pointer {
	for _, token := range tokens {
		p = p.Child(token)
	}
	return p
}

// classes numbers the places below root: the same number for those that mean the
// same. nil has none of its own: 0.
func classes(root *place) map[*place]int {
	all := reachable(root)
	labels, names := make([]string, len(all)), make([][]string, len(all))
	for i, p := range all {
		labels[i], names[i] = p.label(""), slices.Sorted(maps.Keys(p.names))
	}
	class := map[*place]int{}
	for count := 0; ; {
		numbers, next := map[string]int{}, make(map[*place]int, len(all))
		for i, p := range all {
			s := p.signature(labels[i], names[i], class)
			if _, ok := numbers[s]; !ok {
				numbers[s] = len(numbers) + 1
			}
			next[p] = numbers[s]
		}
		if class = next; len(numbers) == count {
			return class
		}
		count = len(numbers)
	}
}

// signature tells p from the places that cannot be like it, as far as class knows
// those below.
func (p *place) signature(label string, names []string, class map[*place]int) string {
	b := []byte(label)
	for _, name := range names {
		if class[p.names[name]] != class[p.others] {
			b = strconv.AppendInt(append(strconv.AppendQuote(b, name), ' '), int64(class[p.names[name]]), 10)
		}
	}
	return string(fmt.Appendf(b, "|%d %d", class[p.others], class[p.item]))
}

func reachable(root *place) []*place {
	if root == nil {
		return nil
	}
	all, seen := []*place{root}, map[*place]bool{nil: true, root: true}
	for i := 0; i < len(all); i++ {
		for _, q := range all[i].next() {
			if !seen[q] {
				seen[q] = true
				all = append(all, q)
			}
		}
	}
	return all
}
