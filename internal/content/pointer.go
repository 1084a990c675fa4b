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
	return func(yield func(Pointer, *Value) bool) {
		if v != nil {
			find(v, "", string(p), yield)
		}
	}
}

// Values is Find without the pointers, and without allocating.
func (p Pattern) Values(v *Value) iter.Seq[*Value] {
	return func(yield func(*Value) bool) {
		if v != nil {
			findValues(v, string(p), yield)
		}
	}
}

// cutToken splits the first reference token off a non-empty pointer or pattern.
func cutToken(p string) (token, rest string) {
	token = p[1:]
	if i := strings.IndexByte(token, '/'); i >= 0 {
		token, rest = token[:i], token[i:]
	}
	if strings.IndexByte(token, '~') >= 0 {
		token = unescapeToken.Replace(token)
	}
	return token, rest
}

func find(v *Value, at Pointer, pattern string, yield func(Pointer, *Value) bool) bool {
	if pattern == "" {
		return yield(at, v)
	}
	token, rest := cutToken(pattern)
	if token != "*" {
		child := v.Child(token)
		return child == nil || find(child, at.Child(token), rest, yield)
	}
	for i := range v.Kids {
		kid := &v.Kids[i]
		place := at.Item(i)
		if v.Kind == Object {
			place = at.Child(kid.Name)
		}
		if !find(kid, place, rest, yield) {
			return false
		}
	}
	return true
}

func findValues(v *Value, pattern string, yield func(*Value) bool) bool {
	if pattern == "" {
		return yield(v)
	}
	token, rest := cutToken(pattern)
	if token != "*" {
		child := v.Child(token)
		return child == nil || findValues(child, rest, yield)
	}
	for i := range v.Kids {
		if !findValues(&v.Kids[i], rest, yield) {
			return false
		}
	}
	return true
}
