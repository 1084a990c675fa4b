package content

import (
	"fmt"
	"strings"
)

// UnknownFieldError says that a place was asked for that no schema knows and that no
// version ever had. It wraps ErrInvalid.
type UnknownFieldError struct {
	Field Pointer
	// Collections are those at hand.
	Collections []CollectionName
	// Near are places that there may be in its stead, in the order of the schemas.
	Near []Pointer
}

func (e *UnknownFieldError) Error() string {
	names := make([]string, len(e.Collections))
	for i, name := range e.Collections {
		names[i] = string(name)
	}
	where := ""
	if len(names) > 0 {
		where = " in " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("there is no field %s%s, and never was", e.Field, where)
}

func (e *UnknownFieldError) Unwrap() error { return ErrInvalid }

// Knows reports whether records of c may have a value at a place, by the shape of c;
// languages are the model's. Where not, near are the places that they may have instead.
func (c *Collection) Knows(at Pointer, languages []Language) (known bool, near []Pointer) {
	here, names, rest := c.known(at.Tokens(), languages)
	if len(rest) == 0 {
		return true, nil
	}
	if here != "" {
		near = append(near, here)
	}
	for _, name := range names {
		whole := here.Child(name)
		for _, token := range rest[1:] {
			whole = whole.Child(token)
		}
		// The rest of what was asked for may be right.
		if _, _, wrong := c.known(whole.Tokens(), languages); len(wrong) > 0 {
			whole = here.Child(name)
		}
		near = append(near, whole)
	}
	return false, near
}

// known follows tokens as far as there may be values: here, where names lie. The first of
// the rest is the one that may not be there.
func (c *Collection) known(tokens []string, languages []Language) (here Pointer, names, rest []string) {
	for shape := c.Root; shape != nil && len(tokens) > 0; tokens = tokens[1:] {
		next, names, open := shape.below(tokens[0], languages)
		if open {
			break
		}
		if next == nil {
			return here, names, tokens
		}
		here, shape = here.Child(tokens[0]), next
	}
	return here, nil, nil
}

// below is the shape of one member or item. It is nil where there is none: then names
// are those that there are. open: there may be any.
func (s *Shape) below(token string, languages []Language) (next *Shape, names []string, open bool) {
	switch s.Kind {
	case ShapeJSON:
		return nil, nil, true
	case ShapeList:
		if isIndex(token) {
			return s.Item, nil, s.Item == nil
		}
		return nil, []string{"0"}, false
	case ShapeLocalized:
		for _, l := range languages {
			if names = append(names, string(l)); string(l) == token {
				return &Shape{Kind: ShapeString}, nil, false
			}
		}
		return nil, names, len(languages) == 0
	case ShapeObject:
		for i := range s.Fields {
			f := &s.Fields[i]
			if f.Self {
				return f.Shape.below(token, languages)
			}
			if names = append(names, f.Property); f.Property == token {
				return f.Shape, nil, f.Shape == nil
			}
		}
		return nil, names, len(s.Fields) == 0
	}
	return nil, nil, false
}
