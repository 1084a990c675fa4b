package content

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Pointer is a JSON Pointer (RFC 6901): "" is the whole document, "/name" a
// member, "/themes/0" an item.
type Pointer string

// ParsePointer checks s against RFC 6901, section 3. An error wraps ErrInvalid.
func ParsePointer(s string) (Pointer, error) {
	if s != "" && s[0] != '/' {
		return "", fmt.Errorf("pointer %q must be empty or begin with '/': %w", s, ErrInvalid)
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return "", fmt.Errorf("pointer %q: '~' must be written ~0, and '/' inside a name ~1: %w", s, ErrInvalid)
		}
	}
	return Pointer(s), nil
}

// Child returns the pointer of the member called name.
func (p Pointer) Child(name string) Pointer {
	return p + "/" + Pointer(escapeToken.Replace(name))
}

// Item returns the pointer of the item at index i.
func (p Pointer) Item(i int) Pointer { return p + "/" + Pointer(strconv.Itoa(i)) }

// Tokens returns the unescaped reference tokens, outermost first; none for "".
func (p Pointer) Tokens() []string {
	if p == "" {
		return nil
	}
	tokens := strings.Split(string(p[1:]), "/")
	for i, t := range tokens {
		tokens[i] = unescapeToken.Replace(t)
	}
	return tokens
}

// Covers reports whether other is p or lies below it.
func (p Pointer) Covers(other Pointer) bool {
	return p == other || strings.HasPrefix(string(other), string(p)+"/")
}

var (
	escapeToken   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapeToken = strings.NewReplacer("~1", "/", "~0", "~")
)

// Pattern is a JSON Pointer in which a token "*" stands for every item of a list
// or every member of an object: "/participants/*/municipality".
type Pattern string

// ParsePattern checks s as ParsePointer does.
func ParsePattern(s string) (Pattern, error) {
	p, err := ParsePointer(s)
	return Pattern(p), err
}

// Tokens returns the unescaped tokens; "*" is the wildcard.
func (p Pattern) Tokens() []string { return Pointer(p).Tokens() }

// Child returns the pattern of the member called name below p.
func (p Pattern) Child(name string) Pattern { return Pattern(Pointer(p).Child(name)) }

// Items returns the pattern of all items below p.
func (p Pattern) Items() Pattern { return p + "/*" }

// Find yields every place of v that the pattern names, in document order. Places
// that are not there are left out.
func (p Pattern) Find(v *Value) iter.Seq2[Pointer, *Value] {
	tokens := p.Tokens()
	return func(yield func(Pointer, *Value) bool) {
		if v != nil {
			find(v, "", tokens, yield)
		}
	}
}

// Values is Find without the pointers, which cost an allocation each.
func (p Pattern) Values(v *Value) iter.Seq[*Value] {
	tokens := p.Tokens()
	return func(yield func(*Value) bool) {
		if v != nil {
			findValues(v, tokens, yield)
		}
	}
}

func find(v *Value, at Pointer, tokens []string, yield func(Pointer, *Value) bool) bool {
	if len(tokens) == 0 {
		return yield(at, v)
	}
	if tokens[0] != "*" {
		child := v.Child(tokens[0])
		return child == nil || find(child, at.Child(tokens[0]), tokens[1:], yield)
	}
	for i := range v.Kids {
		kid := &v.Kids[i]
		place := at.Item(i)
		if v.Kind == Object {
			place = at.Child(kid.Name)
		}
		if !find(kid, place, tokens[1:], yield) {
			return false
		}
	}
	return true
}

func findValues(v *Value, tokens []string, yield func(*Value) bool) bool {
	if len(tokens) == 0 {
		return yield(v)
	}
	if tokens[0] != "*" {
		child := v.Child(tokens[0])
		return child == nil || findValues(child, tokens[1:], yield)
	}
	for i := range v.Kids {
		if !findValues(&v.Kids[i], tokens[1:], yield) {
			return false
		}
	}
	return true
}
