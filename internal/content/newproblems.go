package content

import (
	"cmp"
	"slices"
	"strings"
)

// NewProblems tells the problems of after apart: own are those that before has not, or
// not as often; old are those it has. Both keep the order of after. Neither the line nor
// the place in a list counts, nor how a problem is worded: a problem is the same where
// file, place, rule and fault are. So what before has and after has not is own of
// NewProblems(after, before).
//
// A problem in a file that is the same in both is own too where it was none before: a
// schema, the model or another record has changed (see Invalidated). In a file with more
// problems than are told, one that comes into view as others are mended counts as new.
func NewProblems(before, after []Problem) (own, old []Problem) {
	known := make([]bool, len(after))
	rest := match(before, after, known, Pointer.same)
	match(rest, after, known, Pointer.anyItem)
	for i, p := range after {
		if known[i] {
			old = append(old, p)
		} else {
			own = append(own, p)
		}
	}
	return own, old
}

// match marks as known what has a counterpart in before, its place being what place
// makes of it, and returns what is left of before.
func match(before, after []Problem, known []bool, place func(Pointer) string) (rest []Problem) {
	type kind struct{ path, place, rule, fault string }
	kindOf := func(p Problem) kind { return kind{p.Path, place(p.Pointer), p.Rule, cmp.Or(p.Fault, p.Message("en"))} }
	count := map[kind]int{}
	for _, p := range before {
		count[kindOf(p)]++
	}
	for i, p := range after {
		if k := kindOf(p); !known[i] && count[k] > 0 {
			count[k]--
			known[i] = true
		}
	}
	// What is alike in all that counts can stand for each other.
	for _, p := range slices.Backward(before) {
		if k := kindOf(p); count[k] > 0 {
			count[k]--
			rest = append(rest, p)
		}
	}
	return rest
}

func (p Pointer) same() string { return string(p) }

// anyItem is the pointer with "*" for each number, which stands for an item of a list.
func (p Pointer) anyItem() string {
	tokens := p.Tokens()
	for i, token := range tokens {
		if strings.Trim(token, "0123456789") == "" {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, "\x00")
}

// Invalidated returns the records of after that are not valid though before has them,
// byte for byte and at the same path, valid: what a change of the model or of a schema
// did to records that nobody touched. They are sorted by path. The snapshots must hold
// the records as they are, with nothing served in their place, as catalog.Examine has
// them.
func Invalidated(before, after *Snapshot) []*Record {
	valid := map[string]Hash{}
	for r := range before.records() {
		if r.Valid {
			valid[r.Path] = r.Blob
		}
	}
	var list []*Record
	for r := range after.records() {
		if blob, was := valid[r.Path]; was && !r.Valid && blob == r.Blob {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *Record) int { return cmp.Compare(a.Path, b.Path) })
	return list
}
