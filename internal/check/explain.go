package check

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/koonti/koonti/internal/content"
)

// explainer turns what the schema library says of one document into problems.
type explainer struct {
	subject
	root *content.Value
	// base is where root stands in the text, when it is not the whole of it.
	base   content.Pointer
	schema *jsonschema.Schema
	index  index
	// documents are the schemas' own texts, by path; nil for a meta-schema.
	documents content.Schemas
}

// explain returns the problems behind an error of validate.
func (x explainer) explain(err error) []content.Problem {
	var invalid *jsonschema.ValidationError
	var loop jsonschema.InfiniteLoopError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		return x.capped(x.problems(x.settled(x.leaves(invalid))))
	case errors.Is(err, errBudget):
		return []content.Problem{x.problem("record/too-slow", valueSpot(x.base, x.root), "", nil)}
	case errors.As(err, &loop):
		return []content.Problem{x.problem("record/endless", valueSpot(x.base, x.root), "", nil)}
	}
	return []content.Problem{x.problem("record/failed", valueSpot(x.base, x.root), "", nil)}
}

// settled leaves out what only follows from the rest: a part of a schema that fails
// vouches for none of its members, so that they look unknown although they are not.
func (x explainer) settled(leaves []leaf) []leaf {
	return slices.DeleteFunc(slices.Clone(leaves), func(l leaf) bool {
		keyword := l.unevaluated()
		if keyword == "" {
			return false
		}
		parent := parentOf(l.at)
		fails := slices.ContainsFunc(leaves, func(other leaf) bool { return other.unevaluated() == "" && parent.Covers(other.at) })
		if !fails || keyword == "unevaluatedItems" {
			return fails
		}
		tokens := l.at.Tokens()
		return x.follow(l).up().knows(nil, tokens[len(tokens)-1])
	})
}

// unevaluated is the keyword by which a leaf is a member that no part of the schema
// knows; "" where it is anything else.
func (l leaf) unevaluated() string {
	steps := keywordsOf(l.path)
	if l.message != notAllowed || len(steps) == 0 {
		return ""
	}
	switch last := steps[len(steps)-1].keyword; last {
	case "unevaluatedProperties", "unevaluatedItems":
		return last
	}
	return ""
}

// notAllowed is what the library says of a schema that allows nothing.
const notAllowed = "not allowed"

func (x explainer) problems(leaves []leaf) []content.Problem {
	var problems []content.Problem
	for _, l := range leaves {
		// One hostile document must not make a million problems before the cap.
		if len(problems) > 20*MaxProblems {
			break
		}
		problems = append(problems, x.describe(l)...)
	}
	return problems
}

// leaf is one thing that the library found.
type leaf struct {
	// at is the place in the document.
	at content.Pointer
	// place is the keyword's location as the library writes it, path how the
	// library came there.
	place, path string
	message     string
	// kinds are the types any branch would take; values, what any would allow;
	// anyOf, the fields of which one is needed. At most one of them is set.
	kinds  []string
	values []any
	anyOf  []string
	found  bool // values is set
}

func leafOf(e *jsonschema.ValidationError) leaf {
	return leaf{at: unescaped(e.InstanceLocation), place: e.AbsoluteKeywordLocation, path: e.KeywordLocation, message: e.Message}
}

// unescaped turns a location of the library into a JSON Pointer.
func unescaped(location string) content.Pointer {
	if p, err := url.PathUnescape(location); err == nil {
		location = p
	}
	return content.Pointer(location)
}

// leaves returns what is wrong at the ends of e. Of alternatives only the one that
// the document comes nearest to is followed.
func (x explainer) leaves(e *jsonschema.ValidationError) []leaf {
	switch {
	case len(e.Causes) == 0 || strings.HasPrefix(e.Message, "valid must be >= "): // minContains, with what each item lacks
		return []leaf{leafOf(e)}
	case e.Message == "anyOf failed" || e.Message == "oneOf failed":
		return x.alternatives(e)
	}
	var all []leaf
	for _, cause := range e.Causes {
		all = append(all, x.leaves(cause)...)
	}
	return all
}

// branch is one alternative of an anyOf or oneOf, and why it is not the one.
type branch struct {
	leaves []leaf
	// wrongKind: it would take another JSON type; wrongTag: another value of a
	// field that tells alternatives apart.
	wrongKind, wrongTag bool
	count, depth        int
	// near: one of the allowed values was nearly written.
	near bool
}

// alternatives returns what is wrong with the nearest branch; or, where none is
// nearer than another, what all of them together would take.
func (x explainer) alternatives(e *jsonschema.ValidationError) []leaf {
	at := unescaped(e.InstanceLocation)
	branches := make([]branch, len(e.Causes))
	for i, cause := range e.Causes {
		branches[i] = x.branch(at, x.leaves(cause))
	}
	merged := leafOf(e)
	if merged.kinds = x.allKinds(branches, at); merged.kinds != nil {
		return []leaf{merged}
	}
	branches = slices.DeleteFunc(branches, func(b branch) bool { return b.wrongKind })
	if len(branches) == 0 {
		return []leaf{merged}
	}
	if merged.anyOf = x.allRequired(branches, at); merged.anyOf != nil {
		return []leaf{merged}
	}
	if tag, values := x.allTags(branches, at); values != nil {
		merged.at, merged.values, merged.found = tag, values, true
		return []leaf{merged}
	}
	for i := range branches {
		branches[i].near = x.near(branches[i])
	}
	return slices.MinFunc(branches, compareBranches).leaves
}

func compareBranches(a, b branch) int {
	tag := func(b branch) int {
		switch {
		case b.near:
			return 0
		case b.wrongTag:
			return 2
		}
		return 1
	}
	return cmp.Or(cmp.Compare(tag(a), tag(b)), cmp.Compare(a.count, b.count), cmp.Compare(b.depth, a.depth))
}

// branch weighs the leaves of one alternative for the value at.
func (x explainer) branch(at content.Pointer, leaves []leaf) branch {
	b := branch{leaves: leaves}
	for _, l := range leaves {
		keyword := l.keyword()
		b.count += x.weight(l, keyword)
		b.depth = max(b.depth, len(l.at.Tokens()))
		below := len(l.at.Tokens()) - len(at.Tokens())
		b.wrongKind = b.wrongKind || below == 0 && (keyword == "type" || l.kinds != nil || x.otherKind(l))
		b.wrongTag = b.wrongTag || below <= 1 && (keyword == "const" || keyword == "enum" || l.found)
	}
	return b
}

// near reports whether all that is wrong with b is a slip in an allowed value.
func (x explainer) near(b branch) bool {
	if len(b.leaves) != 1 {
		return false
	}
	allowed := x.allowed(b.leaves[0])
	return newLexicon(stringsOf(allowed)).nearest(x.value(b.leaves[0].at).Str()) != ""
}

func stringsOf(values []any) []string {
	var list []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

// otherKind reports whether all that an enum or const allows is of another type
// than the value.
func (x explainer) otherKind(l leaf) bool {
	allowed := x.allowed(l)
	return len(allowed) > 0 && !slices.Contains(kindsOf(allowed), kindOf(x.value(l.at)))
}

// kindsOf are the JSON Schema types of the values.
func kindsOf(values []any) []string {
	var kinds []string
	for _, v := range values {
		kind := "object"
		switch v.(type) {
		case nil:
			kind = "null"
		case bool:
			kind = "boolean"
		case json.Number:
			kind = "number"
		case string:
			kind = "string"
		case []any:
			kind = "array"
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// weight counts the fields that one leaf speaks of.
func (x explainer) weight(l leaf, keyword string) int {
	s, _, _ := x.index.owner(l)
	v := x.value(l.at)
	switch {
	case s == nil:
	case keyword == "required":
		return len(missing(s.Required, v))
	case keyword == "additionalProperties":
		return len(extra(s, v))
	}
	return 1
}

// allKinds is the union of the types that the branches would take, where type is
// all that is wrong with each.
func (x explainer) allKinds(branches []branch, at content.Pointer) []string {
	var kinds []string
	for _, b := range branches {
		if !b.wrongKind {
			return nil
		}
		for _, l := range b.leaves {
			if l.at != at {
				continue
			}
			own := l.kinds
			if s, _, _ := x.index.owner(l); s != nil && own == nil && l.keyword() == "type" {
				own = s.Types
			} else if own == nil {
				own = kindsOf(x.allowed(l))
			}
			for _, k := range own {
				if !slices.Contains(kinds, k) {
					kinds = append(kinds, k)
				}
			}
		}
	}
	return kinds
}

// allRequired is the fields that would make a branch right, where a missing field
// is all that is wrong with each.
func (x explainer) allRequired(branches []branch, at content.Pointer) []string {
	var names []string
	for _, b := range branches {
		if len(b.leaves) != 1 || b.leaves[0].at != at || b.leaves[0].keyword() != "required" {
			return nil
		}
		s, _, _ := x.index.owner(b.leaves[0])
		if s == nil {
			return nil
		}
		lacking := missing(s.Required, x.value(at))
		if len(lacking) != 1 {
			return nil
		}
		if !slices.Contains(names, lacking[0]) {
			names = append(names, lacking[0])
		}
	}
	if len(names) < 2 {
		return nil
	}
	return names
}

// allTags is what the branches would allow at one place, where each is wrong there.
func (x explainer) allTags(branches []branch, value content.Pointer) (at content.Pointer, values []any) {
	if len(branches) < 2 {
		return "", nil
	}
	near := len(value.Tokens()) + 1
	for i, b := range branches {
		found := false
		for _, l := range b.leaves {
			own := x.allowed(l)
			if own == nil || i > 0 && l.at != at || len(l.at.Tokens()) > near {
				continue
			}
			at, found = l.at, true
			for _, v := range own {
				if !slices.ContainsFunc(values, func(w any) bool { return shownAny(v) == shownAny(w) }) {
					values = append(values, v)
				}
			}
			break
		}
		if !found {
			return "", nil
		}
	}
	return at, values
}

// allowed is what an enum or const leaf allows; nil for any other.
func (x explainer) allowed(l leaf) []any {
	if l.found {
		return l.values
	}
	s, _, _ := x.index.owner(l)
	switch {
	case s == nil:
	case l.keyword() == "enum":
		return s.Enum
	case l.keyword() == "const":
		return s.Constant
	}
	return nil
}

// keyword is the last keyword of the leaf's path; "" where it is a schema that
// allows nothing.
func (l leaf) keyword() string {
	if l.message == notAllowed {
		return ""
	}
	steps := keywordsOf(l.path)
	if len(steps) == 0 {
		return ""
	}
	return steps[len(steps)-1].keyword
}

// hop is one keyword on the way from the root schema to a leaf, with the name or
// index that follows it.
type hop struct{ keyword, next string }

// keywordsOf splits a path of the library ("/properties/name/$ref/minLength").
func keywordsOf(path string) []hop {
	var steps []hop
	tokens := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := 0; i < len(tokens) && path != ""; i++ {
		s := hop{keyword: tokens[i]}
		follows := false
		switch s.keyword {
		case "properties", "patternProperties", "dependentSchemas", "dependencies", "dependentRequired", "allOf", "anyOf", "oneOf", "prefixItems":
			follows = true
		case "items":
			follows = i+1 < len(tokens) && decimal(tokens[i+1])
		}
		if follows && i+1 < len(tokens) {
			i++
			s.next = tokens[i]
		}
		steps = append(steps, s)
		if (s.keyword == "dependencies" || s.keyword == "dependentRequired") && i+1 < len(tokens) && decimal(tokens[i+1]) {
			i++
		}
	}
	return steps
}

func decimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// owner finds the schema that holds the keyword of a leaf; what follows its
// location; and the location as it is written in a problem.
func (x index) owner(l leaf) (s *jsonschema.Schema, keyword, place string) {
	location := l.place
	place = schemaPlace(location)
	if l.message == notAllowed {
		return x[location], "", place
	}
	for range 3 {
		cut := strings.LastIndexByte(location, '/')
		if cut < 0 {
			break
		}
		keyword = strings.TrimPrefix(location[cut+1:]+"/"+keyword, "/")
		location = location[:cut]
		if s := x[location]; s != nil {
			return s, strings.TrimSuffix(keyword, "/"), place
		}
		if strings.HasSuffix(location, "#") {
			break
		}
	}
	return nil, "", place
}

// schemaPlace is a location of the library as problems have it: the file's path,
// "#" and a JSON Pointer.
func schemaPlace(location string) string {
	address, fragment, _ := strings.Cut(location, "#")
	return repositoryPath(address) + "#" + string(unescaped(fragment))
}

// value returns what is at a place of the document.
func (x explainer) value(at content.Pointer) *content.Value { return x.root.At(at) }

// missing are the names that v lacks.
func missing(names []string, v *content.Value) []string {
	var lacking []string
	for _, name := range names {
		if v.Member(name) == nil && !slices.Contains(lacking, name) {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// extra are the members of v that neither properties nor patternProperties of s
// speak of.
func extra(s *jsonschema.Schema, v *content.Value) []*content.Value {
	var all []*content.Value
	if v == nil || v.Kind != content.Object {
		return nil
	}
	for i := range v.Kids {
		name := v.Kids[i].Name
		if _, ok := s.Properties[name]; ok {
			continue
		}
		matched := false
		for pattern := range s.PatternProperties {
			matched = matched || pattern.MatchString(name)
		}
		if !matched {
			all = append(all, &v.Kids[i])
		}
	}
	return all
}
