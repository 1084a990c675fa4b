package content

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says which of the six JSON types a Value is (RFC 8259, section 3).
type Kind byte

// The kinds of JSON values.
const (
	Null Kind = iota + 1
	Bool
	Number
	String
	List
	Object
)

// Value is one JSON value with its place in the source text. It is immutable
// after Parse and may be shared between goroutines.
type Value struct {
	// Name is the member's name where the value is a member of an object.
	Name string
	// Text is the decoded text of a String, the literal of a Number, and "true"
	// or "false" of a Bool.
	Text string
	// Kids are the items of a List, or the members of an Object in source order.
	Kids []Value
	// NameAt is the byte offset of the member's name, Start and End those of the
	// value itself (End is exclusive).
	NameAt, Start, End int32
	Kind               Kind
}

// Member returns the member called name, or nil where v is no object or has none.
func (v *Value) Member(name string) *Value {
	if v == nil || v.Kind != Object {
		return nil
	}
	for i := range v.Kids {
		if v.Kids[i].Name == name {
			return &v.Kids[i]
		}
	}
	return nil
}

// Child returns what one token of a JSON Pointer names: a member, or an item by
// its index (RFC 6901, section 4); nil where there is none.
func (v *Value) Child(token string) *Value {
	if v == nil || v.Kind != List {
		return v.Member(token)
	}
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || i >= len(v.Kids) || strconv.Itoa(i) != token {
		return nil
	}
	return &v.Kids[i]
}

// At returns the value that p names below v, or nil where there is none.
func (v *Value) At(p Pointer) *Value {
	for rest := string(p); rest != "" && v != nil; {
		var token string
		token, rest = cutToken(rest)
		v = v.Child(token)
	}
	return v
}

// Nearest returns the deepest value on the way to p that exists, and its pointer.
func (v *Value) Nearest(p Pointer) (Pointer, *Value) {
	var at Pointer
	for _, token := range p.Tokens() {
		child := v.Child(token)
		if child == nil {
			break
		}
		v, at = child, at.Child(token)
	}
	return at, v
}

// Str returns the text of a String, else "".
func (v *Value) Str() string {
	if v == nil || v.Kind != String {
		return ""
	}
	return v.Text
}

// IsNull reports whether v is absent or the JSON null.
func (v *Value) IsNull() bool { return v == nil || v.Kind == Null }

// Int returns the number as an integer: 12, 12.0 and 1.2e1 are all 12. It reports
// false for anything else, and past 64 bits.
func (v *Value) Int() (int64, bool) {
	if v == nil || v.Kind != Number {
		return 0, false
	}
	if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
		return n, true
	}
	rat, ok := new(big.Rat).SetString(v.Text)
	if !ok || !rat.IsInt() || !rat.Num().IsInt64() {
		return 0, false
	}
	return rat.Num().Int64(), true
}

// Float returns the number as the nearest float64; false where v is no number.
func (v *Value) Float() (float64, bool) {
	if v == nil || v.Kind != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	return f, err == nil
}

// Interface returns v as encoding/json decodes it with UseNumber: nil, bool,
// json.Number, string, []any or map[string]any. The result is the caller's own.
func (v *Value) Interface() any {
	switch v.Kind {
	case Bool:
		return v.Text == "true"
	case Number:
		return json.Number(v.Text)
	case String:
		return v.Text
	case List:
		items := make([]any, len(v.Kids))
		for i := range v.Kids {
			items[i] = v.Kids[i].Interface()
		}
		return items
	case Object:
		members := make(map[string]any, len(v.Kids))
		for i := range v.Kids {
			members[v.Kids[i].Name] = v.Kids[i].Interface()
		}
		return members
	}
	return nil
}

// Equal reports whether v and w are the same JSON value: the order of members
// does not count, nor how a number is written (JSON Schema Core 2020-12, 4.2.2).
func (v *Value) Equal(w *Value) bool {
	if v == nil || w == nil {
		return v == w
	}
	if v.Kind != w.Kind || len(v.Kids) != len(w.Kids) {
		return false
	}
	switch v.Kind {
	case Number:
		return v.Text == w.Text || sameNumber(v.Text, w.Text)
	case List:
		for i := range v.Kids {
			if !v.Kids[i].Equal(&w.Kids[i]) {
				return false
			}
		}
	case Object:
		others := members{kids: w.Kids}
		for i := range v.Kids {
			if at := others.find(v.Kids[i].Name, i); at < 0 || !v.Kids[i].Equal(&w.Kids[at]) {
				return false
			}
		}
	default:
		return v.Text == w.Text
	}
	return true
}

func sameNumber(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}

// AppendJSON appends v to b as compact JSON, members in source order, and returns
// the extended slice.
func (v *Value) AppendJSON(b []byte) []byte {
	switch v.Kind {
	case Null:
		return append(b, "null"...)
	case Bool, Number:
		return append(b, v.Text...)
	case String:
		return AppendString(b, v.Text)
	}
	opening, closing := byte('{'), byte('}')
	if v.Kind == List {
		opening, closing = '[', ']'
	}
	b = append(b, opening)
	for i := range v.Kids {
		if i > 0 {
			b = append(b, ',')
		}
		if v.Kind == Object {
			b = append(AppendString(b, v.Kids[i].Name), ':')
		}
		b = v.Kids[i].AppendJSON(b)
	}
	return append(b, closing)
}

// AppendString appends s as a JSON string with no more escapes than RFC 8259,
// section 7 asks for: text stays readable. Bytes that are not UTF-8 become U+FFFD.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		if short := strings.IndexByte("\"\\\b\f\n\r\t", c); short >= 0 {
			b = append(b, '\\', `"\bfnrt`[short])
		} else {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
