package content

import (
	"cmp"
	"slices"
	"strconv"
)

// renaming is a Renaming in tokens.
type renaming struct{ from, to []string }

// move is a renaming as seen from the object that both places lie in: no "*", and
// at least one token each.
type move struct{ from, to []string }

// renamings are those of c without what cannot be followed (a place renamed to one
// inside it or around it), sorted.
func renamings(c *Collection) []renaming {
	var out []renaming
	for _, r := range c.Renamed {
		if !r.From.Covers(r.To) && !r.To.Covers(r.From) {
			out = append(out, renaming{r.From.Tokens(), r.To.Tokens()})
		}
	}
	slices.SortFunc(out, compareRenamings)
	out = slices.CompactFunc(out, func(a, b renaming) bool { return compareRenamings(a, b) == 0 })
	return out[:min(len(out), maxRenamed)]
}

func compareRenamings(a, b renaming) int {
	return cmp.Or(slices.Compare(a.to, b.to), slices.Compare(a.from, b.from))
}

// closed adds what follows: what was renamed twice between two versions.
func closed(direct []renaming) []renaming {
	out := slices.Clone(direct)
	for i := 0; i < len(out); i++ {
		for _, r := range direct {
			if len(out) >= maxRenamed {
				return out
			}
			twice := renaming{out[i].from, r.to}
			if slices.Equal(out[i].to, r.from) && !slices.Equal(twice.from, twice.to) &&
				!slices.ContainsFunc(out, func(have renaming) bool { return compareRenamings(have, twice) == 0 }) {
				out = append(out, twice)
			}
		}
	}
	return out
}

// move splits off the tokens that both places share.
func (r renaming) move() (common []string, m move, ok bool) {
	n := 0
	for n < min(len(r.from), len(r.to)) && r.from[n] == r.to[n] {
		n++
	}
	m = move{r.from[n:], r.to[n:]}
	ok = len(m.from) > 0 && len(m.to) > 0 && max(len(r.from), len(r.to)) <= MaxDepth &&
		!slices.Contains(m.from, "*") && !slices.Contains(m.to, "*")
	return r.from[:n], m, ok
}

// former returns the place that tokens had before the renaming: each "*" stands
// for what it stood for in the new place.
func (r renaming) former(tokens []string) ([]string, bool) {
	if len(tokens) < len(r.to) {
		return nil, false
	}
	var stars []string
	for i, t := range r.to {
		if t == "*" {
			stars = append(stars, tokens[i])
		} else if t != tokens[i] {
			return nil, false
		}
	}
	var out []string
	for _, t := range r.from {
		if t == "*" {
			if len(stars) == 0 {
				return nil, false
			}
			t, stars = stars[0], stars[1:]
		}
		out = append(out, t)
	}
	return append(out, tokens[len(r.to):]...), len(stars) == 0
}

// Former returns p and the places it had before it was renamed, the latest first:
// where p lies below a renamed place, the same below the old one. Indexes of lists
// stay as they are.
func (d *Differ) Former(p Pointer) []Pointer {
	out, tokens := []Pointer{p}, [][]string{p.Tokens()}
	for i := 0; i < len(out); i++ {
		for _, r := range d.renamed {
			old, ok := r.former(tokens[i])
			if at := Pointer("").join(old); ok && len(out) < maxFormer && !slices.Contains(out, at) {
				out, tokens = append(out, at), append(tokens, old)
			}
		}
	}
	return out
}

// moved returns b with what a renaming of p moved lying where it lies in a, and the
// moves made, in their order. Neither value is changed. Where a is nil, what would
// be moved if a had it in its new place is.
func (p *place) moved(b, a *Value) (*Value, []move) {
	if p == nil || len(p.moves) == 0 || b.Kind != Object {
		return b, nil
	}
	var made []move
	for _, m := range p.moves {
		old := b.inside(m.from)
		if old == nil || b.inside(m.to) != nil || a != nil && (a.inside(m.to) == nil || a.inside(m.from) != nil) || !b.room(m.to) {
			continue
		}
		rest := b.without(m.from, a)
		b = rest.with(m.to, old)
		made = append(made, m)
	}
	return b, made
}

// inside is At for a way through objects only.
func (v *Value) inside(tokens []string) *Value {
	for _, token := range tokens {
		v = v.Member(token)
	}
	return v
}

// room reports whether a value can be put where tokens say: what is on the way
// there is an object or nothing.
func (v *Value) room(tokens []string) bool {
	for _, token := range tokens {
		if v == nil {
			return true
		}
		if v.Kind != Object {
			return false
		}
		v = v.Member(token)
	}
	return true
}

// without returns a copy of v without what tokens name, and without the objects
// that this leaves empty and after has not.
func (v *Value) without(tokens []string, after *Value) Value {
	out := *v
	i := slices.IndexFunc(v.Kids, func(kid Value) bool { return kid.Name == tokens[0] })
	if len(tokens) > 1 {
		theirs := after.Member(tokens[0])
		if kid := v.Kids[i].without(tokens[1:], theirs); len(kid.Kids) > 0 || theirs != nil {
			out.Kids = slices.Clone(v.Kids)
			out.Kids[i] = kid
			return out
		}
	}
	out.Kids = slices.Concat(v.Kids[:i], v.Kids[i+1:])
	return out
}

// with returns a copy of v, an object or nil, that has value where tokens say.
func (v *Value) with(tokens []string, value *Value) *Value {
	if len(tokens) == 0 {
		out := *value
		return &out
	}
	out := Value{Kind: Object}
	if v != nil {
		out = *v
	}
	kid := v.Member(tokens[0]).with(tokens[1:], value)
	kid.Name = tokens[0]
	i := slices.IndexFunc(out.Kids, func(kid Value) bool { return kid.Name == tokens[0] })
	out.Kids = slices.Clone(out.Kids)
	if i < 0 {
		out.Kids = append(out.Kids, *kid)
	} else {
		out.Kids[i] = *kid
	}
	return &out
}

// origin turns a place of the document that moved returned into that of the one it
// was given.
func origin(at Pointer, made []move) Pointer {
	for _, m := range slices.Backward(made) {
		from, to := Pointer("").join(m.from), Pointer("").join(m.to)
		if to.Covers(at) {
			at = from + at[len(to):]
		}
	}
	return at
}

// Trace returns the place in before of what lies at the place at in after; false
// where it was not there. Items of lists are followed as Diff matches them, and
// places by Renamed.
func (d *Differ) Trace(before, after *Value, at Pointer) (Pointer, bool) {
	if before == nil || after.At(at) == nil {
		return "", false
	}
	r := d.run()
	was, ok := r.trace(d.root, before, after, at.Tokens())
	if !ok || before.At(was) == nil { // an object that only a move made
		return "", false
	}
	return was, true
}

func (r *run) trace(p *place, b, a *Value, tokens []string) (Pointer, bool) {
	if len(tokens) == 0 {
		return "", true
	}
	if b.Kind != a.Kind {
		return "", false
	}
	r.path = append(r.path, step{})
	if a.Kind == List {
		return r.traceItem(p, b, a, tokens)
	}
	b, made := p.moved(b, a)
	was := b.Member(tokens[0])
	if was == nil {
		return "", false
	}
	below, ok := r.trace(p.member(tokens[0]), was, a.Member(tokens[0]), tokens[1:])
	return origin(Pointer("").Child(tokens[0])+below, made), ok
}

func (r *run) traceItem(p *place, b, a *Value, tokens []string) (Pointer, bool) {
	i, _ := strconv.Atoi(tokens[0])
	al := r.align(p, b, a)
	was := al.before(i)
	if was < 0 {
		return "", false
	}
	below, ok := r.trace(p.items(), &b.Kids[was], &a.Kids[i], tokens[1:])
	return Pointer("").Item(was) + below, ok
}
