package content

import "iter"

// Leaves yields the scalars, empty lists and empty objects of v with their places,
// in document order; none where v is nil.
func Leaves(v *Value) iter.Seq2[Pointer, *Value] {
	return func(yield func(Pointer, *Value) bool) {
		if v != nil {
			leaves("", v, yield)
		}
	}
}

func leaves(at Pointer, v *Value, yield func(Pointer, *Value) bool) bool {
	if len(v.Kids) == 0 {
		return yield(at, v)
	}
	for i := range v.Kids {
		place := at.Item(i)
		if v.Kind == Object {
			place = at.Child(v.Kids[i].Name)
		}
		if !leaves(place, &v.Kids[i], yield) {
			return false
		}
	}
	return true
}

// Generic returns p with "*" for each index of a list of doc: what the places of a
// list's items have in common. What lies below a place that doc has not stays as it
// is.
func Generic(p Pointer, doc *Value) Pattern {
	var out Pattern
	for _, token := range p.Tokens() {
		if doc != nil && doc.Kind == List && isIndex(token) {
			out = out.Items()
		} else {
			out = out.Child(token)
		}
		doc = doc.Child(token)
	}
	return out
}

func isIndex(token string) bool {
	for _, c := range []byte(token) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return token == "0" || token != "" && token[0] != '0'
}
