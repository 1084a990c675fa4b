package check

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/koonti/koonti/internal/content"
)

// found is a leaf with what is needed to speak of it.
type found struct {
	leaf
	x       explainer
	schema  *jsonschema.Schema // the one that holds the keyword
	keyword string
	place   string         // the keyword's, as problems have it
	value   *content.Value // at the leaf's place
	trail   trail
	field   text
}

// describe returns the problems of one leaf: one, but for missing and unknown
// fields, of which each is one.
func (x explainer) describe(l leaf) []content.Problem {
	f := found{leaf: l, x: x, value: x.value(l.at), trail: x.follow(l)}
	f.schema, f.keyword, f.place = x.index.owner(l)
	f.keyword = l.keyword()
	f.field = f.trail.field(x.root, l.at)
	if f.value == nil || f.schema == nil {
		return f.one("schema/invalid", nil)
	}
	if f.trail.name {
		return f.name()
	}
	switch f.keyword {
	case "":
		return f.forbidden()
	case "required":
		return f.required()
	case "additionalProperties":
		return f.unknown(extra(f.schema, f.value))
	case "type":
		return f.kind(f.schema.Types)
	case "enum":
		return f.enum(f.schema.Enum)
	case "const":
		return f.enum(f.schema.Constant)
	case "anyOf", "oneOf":
		return f.alternatives()
	case "dependencies", "dependentRequired":
		return f.dependent()
	case "uniqueItems":
		return f.twice()
	case "minContains":
		return f.contains()
	case "format":
		return f.format()
	}
	return f.limits()
}

// one is a problem at the value.
func (f found) one(key string, a args) []content.Problem {
	return []content.Problem{f.at(key, valueSpot(f.x.base+f.leaf.at, f.value), a)}
}

// at is a problem at a place of its own.
func (f found) at(key string, s spot, a args) content.Problem {
	all := args{"field": f.field, "value": same(shown(f.value))}
	for name, t := range a {
		all[name] = t
	}
	return f.x.problem(key, s, f.place, all)
}

func (f found) member(m *content.Value) spot {
	return nameSpot(f.x.base+f.leaf.at.Child(m.Name), m)
}

func (f found) required() []content.Problem {
	var problems []content.Problem
	for _, name := range missing(f.schema.Required, f.value) {
		problems = append(problems, f.one(f.inside("schema/required"), args{
			"name": f.trail.child(f.schema, name), "misspelt": f.misspelt(name),
		})...)
	}
	return problems
}

// inside is the message's key for a field that is missing: where the document
// itself lacks it there is no more to say of the place.
func (f found) inside(key string) string {
	if f.leaf.at == "" {
		return key
	}
	if strings.Contains(key, ":") {
		return key + "-inside"
	}
	return key + ":inside"
}

// misspelt suggests a member that is there and may be the missing one.
func (f found) misspelt(name string) text {
	var unknown []string
	for _, m := range memberNames(f.value) {
		if !f.trail.knows(f.schema, m) {
			unknown = append(unknown, m)
		}
	}
	if near := newLexicon(unknown).nearest(name); near != "" {
		return phrase("hint:misspelt", args{"other": quoted(near)})
	}
	return text{}
}

func (f found) unknown(members []*content.Value) []content.Problem {
	rule := "schema/" + f.keyword
	known := newLexicon(f.trail.names(f.schema, f.value))
	var problems []content.Problem
	for _, m := range members {
		problems = append(problems, f.at(rule, f.member(m), args{"name": quoted(m.Name), "hint": known.hint(m.Name)}))
	}
	return problems
}

// forbidden is a place where the schema allows nothing.
func (f found) forbidden() []content.Problem {
	steps := keywordsOf(f.path)
	last := ""
	if len(steps) > 0 {
		last = steps[len(steps)-1].keyword
	}
	switch last {
	case "unevaluatedProperties", "additionalProperties":
		rule := "schema/" + last
		parent := found{leaf: f.leaf, x: f.x, place: f.place, keyword: last, schema: f.schema, trail: f.trail.up()}
		parent.leaf.at = parentOf(f.leaf.at)
		parent.value = f.x.value(parent.leaf.at)
		parent.field = parent.trail.field(f.x.root, parent.leaf.at)
		known := newLexicon(parent.trail.names(f.schema, parent.value))
		return []content.Problem{parent.at(rule, parent.member(f.value), args{"name": quoted(f.value.Name), "hint": known.hint(f.value.Name)})}
	case "items", "additionalItems", "unevaluatedItems", "prefixItems":
		return f.one("schema/"+last, nil)
	}
	if f.value.NameAt > 0 {
		return []content.Problem{f.at("schema/false", nameSpot(f.x.base+f.leaf.at, f.value), nil)}
	}
	return f.one("schema/false", nil)
}

func parentOf(p content.Pointer) content.Pointer {
	if cut := strings.LastIndexByte(string(p), '/'); cut >= 0 {
		return p[:cut]
	}
	return ""
}

func (f found) kind(kinds []string) []content.Problem {
	var expected []text
	for _, k := range kinds {
		expected = append(expected, phrase("kind:"+k, nil))
	}
	return f.one("schema/type", args{"expected": either(expected), "actual": phrase("kind:"+f.actual(), nil)})
}

// actual is the type of the value, as people tell types apart.
func (f found) actual() string {
	if _, whole := f.value.Int(); f.value.Kind == content.Number && !whole {
		return "fraction"
	}
	return kindOf(f.value)
}

// kindOf is the JSON Schema type of v.
func kindOf(v *content.Value) string {
	switch v.Kind {
	case content.Null:
		return "null"
	case content.Bool:
		return "boolean"
	case content.Number:
		return "number"
	case content.String:
		return "string"
	case content.List:
		return "array"
	}
	return "object"
}

// maxShown is how many allowed values a message lists.
const maxShown = 8

func (f found) enum(values []any) []content.Problem {
	if len(values) == 1 {
		key := "schema/const"
		if f.keyword == "enum" {
			key = "schema/enum:one"
		}
		return f.one(key, args{"expected": same(shownAny(values[0])), "hint": f.meant(values)})
	}
	var list []text
	for _, v := range values[:min(len(values), maxShown)] {
		list = append(list, same(shownAny(v)))
	}
	key := "schema/enum"
	if len(values) > maxShown {
		key = "schema/enum:many"
	}
	return f.one(key, args{
		"hint": f.meant(values), "allowed": joined(list), "count": number(len(values)), "shown": number(maxShown),
	})
}

// meant suggests one of the allowed values.
func (f found) meant(values []any) text {
	if f.value.Kind != content.String {
		return noHint()
	}
	return hint(f.value.Text, stringsOf(values))
}

func joined(list []text) text {
	var t text
	for i, one := range list {
		if i > 0 {
			t = t.plus(same(", "))
		}
		t = t.plus(one)
	}
	return t
}

// alternatives speaks of an anyOf or oneOf as a whole.
func (f found) alternatives() []content.Problem {
	switch {
	case f.kinds != nil:
		return f.kind(f.kinds)
	case f.found:
		return f.enum(f.values)
	case f.anyOf != nil:
		var names []text
		for _, name := range f.anyOf {
			names = append(names, f.trail.child(f.schema, name))
		}
		return f.one(f.inside("schema/"+f.keyword+":required"), args{"names": either(names)})
	case f.keyword == "oneOf" && strings.HasPrefix(f.message, "valid against"):
		return f.one("schema/oneOf:several", args{"alternatives": f.matched()})
	}
	return f.one("schema/"+f.keyword, nil)
}

// matched names the two alternatives that a value fits.
func (f found) matched() text {
	var i, j int
	if _, err := fmt.Sscanf(f.message, "valid against schemas at indexes %d and %d", &i, &j); err != nil {
		return text{}
	}
	var names [2]text
	for k, n := range []int{i, j} {
		names[k] = number(n + 1)
		if n < len(f.schema.OneOf) && titleOf(f.schema.OneOf[n]) != "" {
			names[k] = quoted(titleOf(f.schema.OneOf[n]))
		}
	}
	return names[0].plus(text{" ja ", " och ", " and "}).plus(names[1])
}

// dependent is a field that another one asks for.
func (f found) dependent() []content.Problem {
	tokens := strings.Split(f.leaf.place, "/")
	var i int
	if _, err := fmt.Sscan(tokens[len(tokens)-1], &i); err != nil || len(tokens) < 2 {
		return f.one("schema/invalid", nil)
	}
	cause := unescaped("/" + tokens[len(tokens)-2]).Tokens()[0]
	names := f.schema.DependentRequired[cause]
	if list, ok := f.schema.Dependencies[cause].([]string); ok {
		names = list
	}
	if i >= len(names) {
		return f.one("schema/invalid", nil)
	}
	return f.one("schema/"+f.keyword, args{
		"name": f.trail.child(f.schema, names[i]), "cause": f.trail.child(f.schema, cause),
	})
}

// twice is an item that stands in the list already.
func (f found) twice() []content.Problem {
	var i, j int
	if _, err := fmt.Sscanf(f.message, "items at index %d and %d are equal", &i, &j); err != nil || j >= len(f.value.Kids) {
		return f.one("schema/uniqueItems", nil)
	}
	item := &f.value.Kids[j]
	return []content.Problem{f.at("schema/uniqueItems", valueSpot(f.x.base+f.leaf.at.Item(j), item),
		args{"value": same(shown(item)), "first": number(i + 1), "second": number(j + 1)})}
}

// contains speaks of "contains", which the library reports as minContains.
func (f found) contains() []content.Problem {
	rule := "schema/minContains"
	if !f.written() {
		rule = "schema/contains"
		f.place = strings.TrimSuffix(f.place, "minContains") + "contains"
	}
	return f.one(rule, args{"limit": number(f.schema.MinContains), "what": explained(f.schema.Contains)})
}

// written reports whether the keyword really stands in the schema.
func (f found) written() bool {
	file, pointer, _ := strings.Cut(f.place, "#")
	return f.x.documents[file].At(content.Pointer(pointer)) != nil
}

// explained is what a schema says of itself, as the end of a sentence.
func explained(s *jsonschema.Schema) text {
	switch {
	case s == nil:
	case s.Description != "":
		return same(": " + strings.TrimSuffix(s.Description, "."))
	case s.Title != "":
		return same(": " + s.Title)
	}
	return text{}
}

func (f found) format() []content.Problem {
	key := "format:" + f.schema.Format
	if _, ok := messages[key]; !ok {
		key = "format:other"
	}
	return f.one("schema/format", args{"expected": phrase(key, args{"format": quoted(f.schema.Format)})})
}

// name is a member whose name its schema does not allow.
func (f found) name() []content.Problem {
	what := text{}
	switch f.keyword {
	case "pattern":
		what = explained(f.schema)
	case "enum":
		var list []text
		for _, v := range f.schema.Enum[:min(len(f.schema.Enum), maxShown)] {
			list = append(list, same(shownAny(v)))
		}
		what = same(": ").plus(joined(list))
	}
	owner := f.x.value(parentOf(f.leaf.at)).Member(f.value.Name)
	return []content.Problem{f.at("schema/propertyNames", nameSpot(f.x.base+f.leaf.at, owner),
		args{"name": quoted(f.value.Name), "what": what})}
}

// limits are the keywords of which one value says all.
func (f found) limits() []content.Problem {
	s, key, a := f.schema, "schema/"+f.keyword, args{}
	switch f.keyword {
	case "minLength":
		a["limit"], a["count"] = number(s.MinLength), number(len([]rune(f.value.Text)))
		if f.value.Text == "" && s.MinLength == 1 {
			key = "schema/minLength:empty"
		}
	case "maxLength":
		a["limit"], a["count"] = number(s.MaxLength), number(len([]rune(f.value.Text)))
	case "minItems":
		a["limit"], a["count"] = number(s.MinItems), number(len(f.value.Kids))
		if len(f.value.Kids) == 0 && s.MinItems == 1 {
			key = "schema/minItems:empty"
		}
	case "maxItems":
		a["limit"], a["count"] = number(s.MaxItems), number(len(f.value.Kids))
	case "minProperties":
		a["limit"], a["count"] = number(s.MinProperties), number(len(f.value.Kids))
	case "maxProperties":
		a["limit"], a["count"] = number(s.MaxProperties), number(len(f.value.Kids))
	case "maxContains":
		a["limit"], a["what"] = number(s.MaxContains), explained(s.Contains)
	case "minimum":
		a["limit"] = decimalText(s.Minimum)
	case "maximum":
		a["limit"] = decimalText(s.Maximum)
	case "exclusiveMinimum":
		a["limit"] = decimalText(s.ExclusiveMinimum)
	case "exclusiveMaximum":
		a["limit"] = decimalText(s.ExclusiveMaximum)
	case "multipleOf":
		a["limit"] = decimalText(s.MultipleOf)
	case "additionalItems":
		return f.surplus()
	case "pattern":
		a["what"] = f.patternText()
	case "not":
		a["what"] = explained(s.Not)
	default:
		key = "schema/invalid"
	}
	return f.one(key, a)
}

// surplus is the first item that a list has too many.
func (f found) surplus() []content.Problem {
	first, _ := f.schema.Items.([]*jsonschema.Schema)
	if len(first) >= len(f.value.Kids) {
		return f.one("schema/additionalItems", nil)
	}
	at := f.leaf.at.Item(len(first))
	item := &f.value.Kids[len(first)]
	return []content.Problem{f.at("schema/additionalItems", valueSpot(f.x.base+at, item), args{"field": f.trail.field(f.x.root, at)})}
}

// patternText says what a pattern wants in the schema's own words, else shows it.
func (f found) patternText() text {
	var examples []text
	for _, e := range f.schema.Examples[:min(len(f.schema.Examples), 3)] {
		examples = append(examples, same(shownAny(e)))
	}
	t := f.trail.described(f.schema)
	if len(examples) > 0 {
		return t.plus(phrase("pattern:examples", args{"examples": joined(examples)}))
	}
	if t.empty() {
		return phrase("pattern:raw", args{"pattern": quoted(f.schema.Pattern.String())})
	}
	return t
}

// decimalText writes a limit as a person does.
func decimalText(r *big.Rat) text {
	if r == nil {
		return text{}
	}
	if r.IsInt() {
		return same(r.Num().String())
	}
	if digits, exact := r.FloatPrec(); exact {
		return same(r.FloatString(digits))
	}
	return same(strings.TrimRight(r.FloatString(6), "0"))
}

// trail is the way of the library from the root schema to a leaf: the schemas that
// judge the value, and those that judge what is around it.
type trail struct {
	// levels are the schemas by depth in the document, the outermost first; each
	// level has them in the order they were met.
	levels [][]*jsonschema.Schema
	name   bool // the leaf judges a member's name
}

// follow walks along the leaf's path through the compiled schema.
func (x explainer) follow(l leaf) trail {
	t := trail{levels: [][]*jsonschema.Schema{{x.schema}}}
	s := x.schema
	for _, step := range keywordsOf(l.path) {
		next := x.index.step(s, step)
		if next == nil {
			break
		}
		switch step.keyword {
		case "propertyNames":
			t.name = true
			fallthrough
		case "properties", "patternProperties", "additionalProperties", "items", "prefixItems", "additionalItems", "contains",
			"unevaluatedProperties", "unevaluatedItems":
			t.levels = append(t.levels, nil)
		}
		last := len(t.levels) - 1
		t.levels[last] = append(t.levels[last], next)
		s = next
	}
	return t
}

// step returns the schema to which one keyword of s leads, or nil.
func (x index) step(s *jsonschema.Schema, step hop) *jsonschema.Schema {
	switch step.keyword {
	case "$ref":
		return s.Ref
	case "$recursiveRef":
		return s.RecursiveRef
	case "$dynamicRef":
		return s.DynamicRef
	}
	location := s.Location + "/" + step.keyword
	if step.next != "" {
		location += "/" + step.next
	}
	return x[location]
}

// up is the trail of what the value is in.
func (t trail) up() trail {
	if len(t.levels) > 1 {
		t.levels = t.levels[:len(t.levels)-1]
	}
	return t
}

// here are all schemas that judge the value, also beside the way.
func (t trail) here() []*jsonschema.Schema {
	return inPlaceOf(t.levels[len(t.levels)-1])
}

// inPlaceOf returns the schemas and all that judge the same value with them.
func inPlaceOf(list []*jsonschema.Schema) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	queue := slices.Clone(list)
	for len(queue) > 0 && len(all) < 200 {
		s := queue[0]
		queue = queue[1:]
		if s == nil || slices.Contains(all, s) {
			continue
		}
		all = append(all, s)
		queue = append(queue, s.Ref, s.DynamicRef, s.RecursiveRef, s.Then, s.Else)
		queue = append(queue, s.AllOf...)
		queue = append(queue, s.AnyOf...)
		queue = append(queue, s.OneOf...)
	}
	return all
}

func titleOf(s *jsonschema.Schema) string {
	for _, one := range inPlaceOf([]*jsonschema.Schema{s}) {
		if one.Title != "" {
			return one.Title
		}
	}
	return ""
}

// described is what the schemas on the way say of the value; first is asked before
// the rest.
func (t trail) described(first *jsonschema.Schema) text {
	for _, s := range append([]*jsonschema.Schema{first}, t.levels[len(t.levels)-1]...) {
		if s.Description != "" {
			return explained(s)
		}
	}
	return text{}
}

// title is what the schemas call the value at a level.
func (t trail) title(level int) string {
	if level < 0 || level >= len(t.levels) {
		return ""
	}
	for _, s := range t.levels[level] {
		if s.Title != "" {
			return s.Title
		}
	}
	return ""
}

// child is how the member called name is spoken of; first is asked before the rest.
func (t trail) child(first *jsonschema.Schema, name string) text {
	for _, s := range t.asked(first) {
		if p := s.Properties[name]; p != nil {
			if title := titleOf(p); title != "" {
				return titled(title, name)
			}
		}
	}
	return quoted(name)
}

// knows reports whether any schema of the value names the member.
func (t trail) knows(first *jsonschema.Schema, name string) bool {
	for _, s := range t.asked(first) {
		if _, ok := s.Properties[name]; ok {
			return true
		}
		for pattern := range s.PatternProperties {
			if pattern.MatchString(name) {
				return true
			}
		}
	}
	return false
}

// asked are the schemas that judge the value, first before the rest.
func (t trail) asked(first *jsonschema.Schema) []*jsonschema.Schema {
	if first == nil {
		return t.here()
	}
	return append([]*jsonschema.Schema{first}, t.here()...)
}

// names are the members that the schemas of the value name and that v lacks.
func (t trail) names(first *jsonschema.Schema, v *content.Value) []string {
	var names []string
	for _, s := range t.asked(first) {
		for name := range s.Properties {
			if v.Member(name) == nil {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// field is how the place at of root is spoken of at the beginning of a sentence: by
// its name and title, an item by its number and list.
func (t trail) field(root *content.Value, at content.Pointer) text {
	place, name := phrase("field:root", nil), text{}
	v := root
	for i, token := range at.Tokens() {
		switch {
		case v != nil && v.Kind == content.List:
			n, _ := strconv.Atoi(token)
			key := "field:item"
			if name.empty() {
				key = "field:number"
			}
			place, name = phrase(key, args{"list": name, "number": number(n + 1)}), text{}
		default:
			name = t.member(i+1, token)
			place = phrase("field:name", args{"name": name})
		}
		v = v.Child(token)
	}
	return place
}

// member is how the member at a level is called.
func (t trail) member(level int, name string) text {
	if level == len(t.levels) {
		return t.child(t.levels[level-1][0], name)
	}
	return titled(t.title(level), name)
}

// titled is "'Nimi' (name)", or 'name' where there is no title to add.
func titled(title, name string) text {
	if title == "" || title == name {
		return quoted(name)
	}
	return same(quote(title) + " (" + printable(name) + ")")
}

func printable(name string) string {
	q := quote(name)
	return q[1 : len(q)-1]
}
