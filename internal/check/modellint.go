package check

import (
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/koonti/koonti/internal/content"
)

// lint holds the model against its schemas.
func (c *Checker) lint(clashes []content.Clash) []content.Problem {
	l := modelLint{subject: subject{path: c.model.Path}, model: c.model, schemas: c.schemas}
	if d := c.model.Document; d != nil {
		l.source, l.root = d.Source, d.Root
	}
	for i, collection := range c.model.Collections {
		at := content.Pointer("/collections").Item(i)
		l.overlaps(at, i)
		if s := c.schemas[collection.Name]; s != nil {
			l.places(at, collection, s)
		}
	}
	for _, clash := range clashes {
		l.clash(clash)
	}
	return l.capped(l.problems)
}

// modelLint is one run of lint.
type modelLint struct {
	subject
	root     *content.Value // nil: the model was made in code, and nothing has a place
	model    *content.Model
	schemas  map[content.CollectionName]*Schema
	problems []content.Problem
}

func (l *modelLint) note(key string, at content.Pointer, place string, a args) {
	where := spot{}
	if l.root != nil {
		near, v := l.root.Nearest(at)
		where = valueSpot(near, v)
	}
	l.problems = append(l.problems, l.problem(key, where, place, a))
}

// overlaps finds an earlier collection whose records lie at the same paths.
func (l *modelLint) overlaps(at content.Pointer, i int) {
	c := l.model.Collections[i]
	for _, other := range l.model.Collections[:i] {
		if c.Path.Overlaps(other.Path) {
			l.note("model/overlap", at.Child("path"), "", args{
				"path": quoted(c.Path.String()), "other": quoted(string(other.Name)), "otherPath": quoted(other.Path.String()),
			})
		}
	}
}

// places checks every place that the model names of one collection.
func (l *modelLint) places(at content.Pointer, c *content.Collection, s *Schema) {
	p := placeLint{l, c, s}
	if c.Title != nil {
		p.check(at.Child("title"), content.Pattern(*c.Title), "string", "object")
	}
	if c.IDAt != nil {
		p.check(at.Child("id"), content.Pattern(*c.IDAt), "string", "integer")
	}
	for i, place := range c.Localized {
		p.check(at.Child("localized").Item(i), place, "object")
	}
	for i, place := range c.Unique {
		p.check(at.Child("unique").Item(i), place)
	}
	for _, r := range c.References {
		p.check(at.Child("references").Child(string(r.At)), r.At, "string", "integer", "number")
	}
	for _, k := range c.Keys {
		where := at.Child("keys").Child(string(k.At))
		if p.check(where, k.At, "array") {
			p.check(where, k.At.Items().Child(k.Member))
		}
	}
	for _, f := range c.Files {
		p.check(at.Child("files").Child(string(f.At)), f.At, "string")
	}
	for _, r := range c.Renamed {
		p.check(at.Child("renamed").Child(string(r.From)), content.Pattern(r.To))
	}
}

// placeLint checks places against the schema of one collection.
type placeLint struct {
	*modelLint
	collection *content.Collection
	schema     *Schema
}

// check reports whether place can be there and can be of one of the kinds; where
// the schema does not say, it can.
func (p placeLint) check(at content.Pointer, place content.Pattern, kinds ...string) bool {
	level, hint, lacking := find([]*jsonschema.Schema{p.schema.root}, place)
	if lacking {
		p.note("model/unknown-place", at, placeOf(level), args{
			"place": quoted(string(place)), "collection": quoted(string(p.collection.Name)), "hint": hint,
		})
		return false
	}
	allowed := typesOf(level)
	if len(kinds) == 0 || len(allowed) == 0 || slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(allowed, k) }) {
		return true
	}
	p.note("model/place-kind", at, placeOf(level), args{
		"place": quoted(string(place)), "expected": kindNames(kinds), "actual": kindNames(allowed),
	})
	return false
}

func kindNames(kinds []string) text {
	var list []text
	for _, k := range kinds {
		list = append(list, phrase("kind:"+k, nil))
	}
	return either(list)
}

// find returns the schemas of a place below values of level. lacking says that there is
// no such place; then level are the schemas that know no such name, and hint suggests one.
func find(level []*jsonschema.Schema, place content.Pattern) (_ []*jsonschema.Schema, hint text, lacking bool) {
	for i, token := range place.Tokens() {
		next, names, lacking := below(level, token)
		if lacking {
			return level, hintPlace(place, i, names), true
		}
		level = next
	}
	return level, text{}, false
}

// placeOf is where the first of the schemas stands.
func placeOf(level []*jsonschema.Schema) string {
	if len(level) == 0 {
		return ""
	}
	return schemaPlace(level[0].Location)
}

// hintPlace suggests a place with another name at token i.
func hintPlace(place content.Pattern, i int, names []string) text {
	tokens := place.Tokens()
	near := newLexicon(names).nearest(tokens[i])
	if near == "" {
		return noHint()
	}
	tokens[i] = near
	p := content.Pattern("")
	for _, t := range tokens {
		p = p.Child(t)
	}
	return phrase("hint", args{"other": quoted(string(p))})
}

// below returns the schemas of what token names below values of level. lacking says
// that the schemas know what is there, and token is not; names are what is.
func below(level []*jsonschema.Schema, token string) (next []*jsonschema.Schema, names []string, lacking bool) {
	open, described := false, false
	for _, s := range inPlaceOf(level) {
		if token == "*" || decimal(token) {
			next = append(next, itemsOf(s)...)
		}
		for name, p := range s.Properties {
			names = append(names, name)
			if name == token || token == "*" {
				next = append(next, p)
			}
		}
		for pattern, p := range s.PatternProperties {
			if token == "*" || pattern.MatchString(token) {
				next = append(next, p)
			}
		}
		switch more := s.AdditionalProperties.(type) {
		case *jsonschema.Schema:
			next = append(next, more)
		case bool:
			open = open || more
		}
		fits := slices.Contains(s.Types, "object") || slices.Contains(s.Types, "array") && (token == "*" || decimal(token))
		open = open || s.RecursiveRef != nil || s.DynamicRef != nil || fits && len(s.Properties) == 0
		described = described || len(s.Properties) > 0 || len(s.Types) > 0 && !fits
	}
	slices.SortFunc(next, func(a, b *jsonschema.Schema) int { return strings.Compare(a.Location, b.Location) })
	slices.Sort(names)
	return next, slices.Compact(names), len(next) == 0 && described && !open
}

func itemsOf(s *jsonschema.Schema) []*jsonschema.Schema {
	all := slices.Clone(s.PrefixItems)
	for _, one := range []any{s.Items2020, s.Items, s.AdditionalItems} {
		switch one := one.(type) {
		case *jsonschema.Schema:
			if one != nil {
				all = append(all, one)
			}
		case []*jsonschema.Schema:
			all = append(all, one...)
		}
	}
	return all
}

// typesOf are the types that any of the schemas speaks of; none where one may be
// anything.
func typesOf(level []*jsonschema.Schema) []string {
	var types []string
	for _, s := range level {
		own := []string{}
		for _, one := range inPlaceOf([]*jsonschema.Schema{s}) {
			own = append(own, one.Types...)
		}
		if len(own) == 0 {
			return nil
		}
		types = append(types, own...)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// clash is a name of GraphQL that two would have, or nobody can.
func (l *modelLint) clash(clash content.Clash) {
	i := slices.IndexFunc(l.model.Collections, func(c *content.Collection) bool { return c.Name == clash.Collection })
	if i < 0 {
		return
	}
	at, place, key := l.clashAt(content.Pointer("/collections").Item(i), l.model.Collections[i], clash)
	l.note(key, at, place, args{
		"name": quoted(clash.Name), "place": quoted(strings.TrimSpace(string(clash.Collection) + " " + string(clash.At))), "other": quoted(clash.Other),
	})
}

// clashAt is the place of a clash in the model, that in the schema, and the key of
// its message. at is the collection's.
func (l *modelLint) clashAt(at content.Pointer, c *content.Collection, clash content.Clash) (model content.Pointer, schema, key string) {
	key = "model/name-clash"
	if clash.Other == "" {
		key = "model/name-clash:none"
	}
	name, typeName := strings.TrimRight(clash.Name, "_"), strings.TrimRight(c.Type, "_")
	switch {
	case clash.At == "" && clash.Other == string(c.Name):
		return at.Child("type"), "", "model/name-clash:own"
	case clash.At == "" && (strings.HasPrefix(name, typeName) || content.GraphQLName(lowerFirst(typeName)) == name):
		return at.Child("type"), "", key
	case clash.At == "":
		return at.Child("name"), "", key
	}
	for _, r := range c.References {
		if r.At == clash.At && r.Inverse != "" && strings.TrimRight(content.GraphQLName(r.Inverse), "_") == name {
			return at.Child("references").Child(string(r.At)).Child("inverse"), "", key
		}
	}
	at = at.Child("schema")
	s := l.schemas[c.Name]
	if s == nil {
		return at, "", key
	}
	level := []*jsonschema.Schema{s.root}
	for _, token := range clash.At.Tokens() {
		level, _, _ = below(level, token)
	}
	if len(level) == 0 {
		return at, s.Path + "#", key
	}
	if slices.ContainsFunc(inPlaceOf(level), func(s *jsonschema.Schema) bool { return len(s.Enum) > 0 }) {
		key = "model/name-clash:value"
	}
	return at, schemaPlace(level[0].Location), key
}

func lowerFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(s[:1]) + s[1:]
}
