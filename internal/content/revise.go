package content

import "strings"

// Revise returns a text of v that differs from source, the text of old, as little as
// may be. Where source is canonical, so is what is returned (Format); where somebody
// laid it out by hand, only the places that have another value are written anew, and
// the order of its members stays. It is source where v is the same value as old.
func Revise(source string, old, v *Value, shape *Shape, languages []Language) string {
	if old.Equal(v) {
		return source
	}
	canonical := Format(v, shape, languages)
	if Format(old, shape, languages) == source {
		return canonical
	}
	r := reviser{source, formatter{languages}}
	text := source[:old.Start] + string(r.value(nil, old, v, shape, 0)) + source[old.End:]
	if back, err := Parse(text); err != nil || !back.Equal(v) {
		return canonical // over a limit
	}
	return text
}

type reviser struct {
	source string
	formatter
}

// value appends v, which stands where old stood.
func (r *reviser) value(b []byte, old, v *Value, shape *Shape, depth int) []byte {
	switch {
	case old.Equal(v):
		return append(b, r.source[old.Start:old.End]...)
	case old.Kind != v.Kind || len(old.Kids) == 0 || len(v.Kids) == 0:
		return r.fresh(b, v, shape, depth, r.spread(old))
	}
	return r.kids(b, old, v, shape, depth)
}

// spread reports whether v is written over several lines, or may be.
func (r *reviser) spread(v *Value) bool {
	return len(v.Kids) == 0 || strings.Contains(r.source[v.Start:v.End], "\n")
}

// fresh appends a value that source does not have: on one line where its neighbours are.
func (r *reviser) fresh(b []byte, v *Value, shape *Shape, depth int, spread bool) []byte {
	if !spread || !strings.Contains(r.source, "\n") {
		return v.AppendJSON(b)
	}
	return r.formatter.value(b, v, shape, depth)
}

// spacing is the white space around the kids of one value of source: before the first,
// after each comma, before each comma, and before the closing bracket.
type spacing struct {
	leads, trails []string
	between       string
}

func (r *reviser) spacing(v *Value) spacing {
	var s spacing
	from := int(v.Start) + 1
	for i := range v.Kids {
		kid := &v.Kids[i]
		begin := int(kid.Start)
		if v.Kind == Object {
			begin = int(kid.NameAt)
		}
		s.leads = append(s.leads, r.source[from:begin])
		until := int(v.End) - 1
		if i+1 < len(v.Kids) {
			until = int(kid.End) + strings.IndexByte(r.source[kid.End:], ',')
		}
		s.trails = append(s.trails, r.source[kid.End:until])
		from = until + 1
	}
	switch {
	case len(s.leads) > 1:
		s.between = s.leads[1]
	case strings.Contains(s.leads[0], "\n"):
		s.between = s.leads[0]
	default:
		s.between = " "
	}
	return s
}

// kids appends an object or a list, kid by kid; neither old nor v is empty.
func (r *reviser) kids(b []byte, old, v *Value, shape *Shape, depth int) []byte {
	s, last := r.spacing(old), len(old.Kids)-1
	b = append(b, r.source[old.Start])
	for n, p := range r.paired(old, v, shape) {
		if n > 0 {
			b = append(b, ',')
		}
		switch {
		case n == 0:
			b = append(b, s.leads[0]...)
		case p.was > 0:
			b = append(b, s.leads[p.was]...)
		default:
			b = append(b, s.between...)
		}
		b = r.kid(b, old, p, shape, depth+1)
		if p.was >= 0 && p.was < last && n+1 < len(v.Kids) {
			b = append(b, s.trails[p.was]...)
		}
	}
	b = append(b, s.trails[last]...)
	return append(b, r.source[old.End-1])
}

func (r *reviser) kid(b []byte, parent *Value, p pair, shape *Shape, depth int) []byte {
	if parent.Kind == Object {
		beside := &parent.Kids[max(p.was, 0)]
		name := r.source[beside.NameAt:beside.Start]
		if p.was < 0 {
			b = AppendString(b, p.is.Name)
			name = name[strings.LastIndexByte(name, ':'):]
		}
		b = append(b, name...)
	}
	shape = below(shape, parent.Kind, p.is.Name)
	if p.was < 0 {
		return r.fresh(b, p.is, shape, depth, r.spread(parent))
	}
	return r.value(b, &parent.Kids[p.was], p.is, shape, depth)
}

// pair is a kid and the index of the one that it was, -1 for none.
type pair struct {
	is  *Value
	was int
}

func (r *reviser) paired(old, v *Value, shape *Shape) []pair {
	if v.Kind == List {
		return pairedItems(old, v)
	}
	is, was := members{kids: v.Kids}, members{kids: old.Kids}
	// New members stand after the one that they follow in canonical order.
	fresh := map[*Value][]pair{}
	var last *Value
	for _, kid := range r.ordered(v, shape) {
		if was.find(kid.Name, 0) < 0 {
			fresh[last] = append(fresh[last], pair{kid, -1})
		} else {
			last = kid
		}
	}
	pairs := append(make([]pair, 0, len(v.Kids)), fresh[nil]...)
	for i := range old.Kids {
		if at := is.find(old.Kids[i].Name, i); at >= 0 {
			pairs = append(append(pairs, pair{&v.Kids[at], i}), fresh[&v.Kids[at]]...)
		}
	}
	return pairs
}

// pairedItems pairs the items that two lists begin and end with alike, and the others
// in order where there are as many of them.
func pairedItems(old, v *Value) []pair {
	front, back := 0, 0
	most := min(len(old.Kids), len(v.Kids))
	for front < most && old.Kids[front].Equal(&v.Kids[front]) {
		front++
	}
	for back < most-front && old.Kids[len(old.Kids)-1-back].Equal(&v.Kids[len(v.Kids)-1-back]) {
		back++
	}
	pairs := make([]pair, 0, len(v.Kids))
	moved := len(old.Kids) - len(v.Kids)
	for i := range v.Kids {
		switch {
		case i < front || moved == 0:
			pairs = append(pairs, pair{&v.Kids[i], i})
		case i >= len(v.Kids)-back:
			pairs = append(pairs, pair{&v.Kids[i], i + moved})
		default:
			pairs = append(pairs, pair{&v.Kids[i], -1})
		}
	}
	return pairs
}
