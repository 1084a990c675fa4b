package content

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// deepPath is from how many tokens on values are compared by their hashes first: so
// that lists in lists in lists are not walked once for each level.
const deepPath = 16

// equal is same, cheap for deep values that differ.
func (r *run) equal(p *place, b, a *Value) bool {
	if b.Kind != a.Kind || len(b.Kids) != len(a.Kids) {
		return false
	}
	if len(a.Kids) > 0 && len(r.path) >= deepPath && r.hash(p, b).sum != r.hash(p, a).sum {
		return false
	}
	return r.same(p, b, a)
}

// same is Value.Equal, but that the order of a set's items does not count, and that
// large objects are no slower than small ones.
func (r *run) same(p *place, b, a *Value) bool {
	if b.Kind != a.Kind || len(b.Kids) != len(a.Kids) {
		return false
	}
	switch a.Kind {
	case Object:
		return r.sameMembers(p, b, a)
	case List:
		return r.sameItems(p, b, a)
	}
	return sameScalar(b, a)
}

func (r *run) sameMembers(p *place, b, a *Value) bool {
	was := members{kids: b.Kids}
	for i := range a.Kids {
		kid := &a.Kids[i]
		at := was.find(kid.Name, i)
		if at < 0 {
			return false
		}
		if old := &was.kids[at]; !sameText(old, kid) && !r.same(p.member(kid.Name), old, kid) {
			return false
		}
	}
	return true
}

func (r *run) sameItems(p *place, b, a *Value) bool {
	item := p.items()
	for i := range a.Kids {
		if r.same(item, &b.Kids[i], &a.Kids[i]) {
			continue
		}
		return p.isSet() && r.sameSet(item, b.Kids[i:], a.Kids[i:])
	}
	return true
}

func (r *run) sameSet(item *place, b, a []Value) bool {
	in := r.interner(item, len(a))
	matched := 0
	pairOccurrences(in.values(b), in.values(a), func(int, int) { matched++ })
	return matched == len(a)
}

// sameText reports whether both are the same scalar, written alike.
func sameText(b, a *Value) bool {
	return b.Kind == a.Kind && a.Kind != List && a.Kind != Object && b.Text == a.Text
}

// sameScalar compares two scalars of one kind.
func sameScalar(b, a *Value) bool {
	if b.Text == a.Text || a.Kind != Number {
		return b.Text == a.Text
	}
	var x, y [MaxNumber]byte
	return bytes.Equal(appendDecimal(x[:0], b.Text), appendDecimal(y[:0], a.Text))
}

// appendDecimal appends a number in one way for all ways of writing it: its digits
// without zeros at either end, and an exponent.
func appendDecimal(b []byte, literal string) []byte {
	mantissa, exponent := literal, 0
	if i := strings.IndexAny(literal, "eE"); i >= 0 {
		mantissa = literal[:i]
		exponent, _ = strconv.Atoi(literal[i+1:]) // Parse let none pass that is no int
	}
	if strings.HasPrefix(mantissa, "-") {
		b = append(b, '-')
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	start := len(b)
	b = append(append(b, whole...), fraction...)
	digits := bytes.TrimLeft(b[start:], "0")
	if len(digits) == 0 {
		return append(b[:0], '0') // -0 is 0
	}
	short := bytes.TrimRight(digits, "0")
	exponent += len(digits) - len(short) - len(fraction)
	b = append(b[:start], short...)
	return strconv.AppendInt(append(b, 'e'), int64(exponent), 10)
}

// placed is a value at a place: sets make its hash depend on that.
type placed struct {
	p *place
	v *Value
}

// hashed is the hash of a value, and of how many values it is.
type hashed struct {
	sum   uint64
	count int
}

// heavyValue is from how many values on a hash is kept for the next who asks.
const heavyValue = 32

// hash returns the same for values that are the same, and for others hardly ever:
// the seed is not known to who writes documents.
func (r *run) hash(p *place, v *Value) hashed {
	if len(v.Kids) == 0 {
		return hashed{r.d.hashScalar(v), 1}
	}
	at := placed{p, v}
	if known, ok := r.hashes[at]; ok {
		return known
	}
	out := hashed{uint64(v.Kind), 1}
	unordered := v.Kind == Object || p.isSet()
	for i := range v.Kids {
		kid := &v.Kids[i]
		var h hashed
		if v.Kind == Object {
			h = r.hash(p.member(kid.Name), kid)
			h.sum = mix(h.sum, maphash.String(r.d.seed, kid.Name))
		} else {
			h = r.hash(p.items(), kid)
		}
		out.count += h.count
		if unordered {
			out.sum += h.sum
		} else {
			out.sum = mix(out.sum, h.sum)
		}
	}
	if out.sum = mix(out.sum, uint64(v.Kind)); out.count >= heavyValue {
		if r.hashes == nil {
			r.hashes = map[placed]hashed{}
		}
		r.hashes[at] = out
	}
	return out
}

func (d *Differ) hashScalar(v *Value) uint64 {
	if v.Kind == Number {
		var b [MaxNumber]byte
		return mix(maphash.Bytes(d.seed, appendDecimal(b[:0], v.Text)), uint64(v.Kind))
	}
	return mix(maphash.String(d.seed, v.Text), uint64(v.Kind))
}

// mix joins two hashes; their order counts.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9E3779B97F4A7C15, bits.RotateLeft64(b, 32)^0xD6E8FEB86659FD93)
	return high ^ low
}

// Similarity returns how large a share of the leaves of two documents are the same,
// from 0 to 1: twice those they share, by all of both. Below a list the index does
// not count, nor does whether a place has been renamed. An absent document shares
// nothing.
func (d *Differ) Similarity(a, b *Value) float64 {
	if a == nil || b == nil {
		return 0
	}
	r := d.run()
	x := r.leafHashes(make([]uint64, 0, 64), d.root, a, 0)
	y := r.leafHashes(make([]uint64, 0, len(x)+8), d.root, b, 0)
	return 2 * float64(sharedOf(x, y)) / float64(len(x)+len(y))
}

// leafHashes appends one hash of place and value for each leaf of v.
func (r *run) leafHashes(out []uint64, p *place, v *Value, at uint64) []uint64 {
	if len(v.Kids) == 0 {
		return append(out, mix(at, r.d.hashScalar(v)))
	}
	v, _ = p.moved(v, nil)
	for i := range v.Kids {
		kid := &v.Kids[i]
		if v.Kind == Object {
			out = r.leafHashes(out, p.member(kid.Name), kid, mix(at, maphash.String(r.d.seed, kid.Name)))
		} else {
			out = r.leafHashes(out, p.items(), kid, mix(at, 0))
		}
	}
	return out
}

func sharedOf(x, y []uint64) int {
	shared := 0
	for shared < min(len(x), len(y)) && x[shared] == y[shared] {
		shared++
	}
	x, y = x[shared:], y[shared:]
	slices.Sort(x)
	slices.Sort(y)
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i] < y[j]:
			i++
		case x[i] > y[j]:
			j++
		default:
			shared, i, j = shared+1, i+1, j+1
		}
	}
	return shared
}
