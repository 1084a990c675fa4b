package graphql

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/graphql-go/graphql/language/ast"
)

// inputValue is the value of an argument or a variable before it is checked
// against a type, whether it came as a literal or as JSON.
type inputValue struct {
	kind inputForm
	// text of a string, number, boolean or word; the name of a variable.
	text  string
	items []inputValue
	names []string // of an object's items
	// given: it is a null that was written, not what is absent.
	given bool
	// literal: it stands in the query, at this byte offset.
	literal bool
	at      int
}

type inputForm byte

const (
	nullInput inputForm = iota
	booleanInput
	numberInput
	stringInput
	wordInput // an enum value, as a literal
	listInput
	objectInput
	variableInput
)

// fromLiteral reads a value of the query.
func fromLiteral(v ast.Value) inputValue {
	in := inputValue{literal: true, at: offset(v)}
	switch v := v.(type) {
	case *ast.Variable:
		in.kind, in.text = variableInput, v.Name.Value
	case *ast.IntValue:
		in.kind, in.text = numberInput, v.Value
	case *ast.FloatValue:
		in.kind, in.text = numberInput, v.Value
	case *ast.StringValue:
		in.kind, in.text = stringInput, v.Value
	case *ast.BooleanValue:
		in.kind, in.text = booleanInput, strconv.FormatBool(v.Value)
	case *ast.EnumValue:
		in.kind, in.text = wordInput, v.Value
		if v.Value == nullWord {
			in.kind, in.text, in.given = nullInput, "", true
		}
	case *ast.ListValue:
		in.kind = listInput
		for _, item := range v.Values {
			in.items = append(in.items, fromLiteral(item))
		}
	case *ast.ObjectValue:
		in.kind = objectInput
		for _, f := range v.Fields {
			in.names, in.items = append(in.names, f.Name.Value), append(in.items, fromLiteral(f.Value))
		}
	}
	return in
}

func offset(v ast.Value) int {
	if v == nil || v.GetLoc() == nil {
		return 0
	}
	return v.GetLoc().Start
}

// fromJSON reads a decoded JSON value. budget is lowered by the number of values
// in it and by what is nested too deeply; when it is used up, nothing more is read.
func fromJSON(v any, at, depth int, budget *int) inputValue {
	in := inputValue{at: at}
	if depth == 0 {
		*budget = 0
	}
	if *budget--; *budget < 0 {
		return in
	}
	switch v := v.(type) {
	case nil:
		in.given = true
	case bool:
		in.kind, in.text = booleanInput, strconv.FormatBool(v)
	case json.Number:
		in.kind, in.text = numberInput, string(v)
	case float64:
		in.kind, in.text = numberInput, strconv.FormatFloat(v, 'g', -1, 64)
	case int:
		in.kind, in.text = numberInput, strconv.Itoa(v)
	case string:
		in.kind, in.text = stringInput, v
	case []any:
		in.kind = listInput
		for _, item := range v {
			in.items = append(in.items, fromJSON(item, at, depth-1, budget))
		}
	case map[string]any:
		in.kind = objectInput
		for name := range v {
			in.names = append(in.names, name)
		}
		sort.Strings(in.names)
		for _, name := range in.names {
			in.items = append(in.items, fromJSON(v[name], at, depth-1, budget))
		}
	}
	return in
}

// String shows a value in a message, shortened.
func (in inputValue) String() string {
	switch in.kind {
	case nullInput:
		return "null"
	case stringInput:
		return strconv.Quote(shorten(in.text))
	case listInput:
		return "a list"
	case objectInput:
		return "an object"
	case variableInput:
		return "$" + in.text
	}
	return shorten(in.text)
}

func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// values are variables that have passed; only what was given or has a default.
type values map[string]any

// coercer checks values against types (June 2018, 3.5-3.12) and gathers what is
// wrong. The results are what scalar.parse returns, the value of an enumValue,
// []any, object and jsonText.
type coercer struct {
	// variables is nil while a query is validated: then variables pass unseen.
	variables values
	issues    []issue
}

// issue is what is wrong with a value, and where the value stands.
type issue struct {
	at      int
	message string
}

// object is a checked input object: its fields in the order of the type.
type object []member

type member struct {
	def   *inputDef
	value any
}

// maxIssues is how many are looked for: to say what may have been meant takes time.
const maxIssues = 20

func (c *coercer) full() bool { return len(c.issues) >= maxIssues }

func (c *coercer) fail(in inputValue, format string, args ...any) {
	if !c.full() {
		c.issues = append(c.issues, issue{in.at, fmt.Sprintf(format, args...)})
	}
}

// coerce returns in as t, and whether there is a value at all: null is absent, but as
// JSON.
// path names the value in messages.
func (c *coercer) coerce(in inputValue, t typeRef, path string) (any, bool) {
	if in.kind == variableInput {
		return c.variable(in, t, path)
	}
	if in.kind == nullInput {
		if in.given && t.isJSON() && !t.nonNull {
			return jsonText("null"), true
		}
		if t.nonNull {
			c.fail(in, "%s must be given (%s).", path, t)
		}
		return nil, false
	}
	if t.item != nil {
		return c.list(in, *t.item, path), true
	}
	switch t.def.kind {
	case inputKind:
		return c.object(in, t.def, path), true
	case enumKind:
		return c.enum(in, t.def, path), true
	}
	if t.isJSON() {
		return c.json(in, path), true
	}
	v, ok := t.def.scalar.parse(in)
	if !ok {
		c.fail(in, "%s must be %s, not %s.", path, t.def.scalar.want, in)
	}
	return v, true
}

func (c *coercer) variable(in inputValue, t typeRef, path string) (any, bool) {
	if c.variables == nil {
		return nil, true
	}
	v, ok := c.variables[in.text]
	if !ok && t.nonNull {
		c.fail(in, "%s must be given (%s), but $%s has no value.", path, t, in.text)
	}
	if _, isList := v.([]any); ok && t.item != nil && !isList {
		return []any{v}, true
	}
	return v, ok
}

func (c *coercer) list(in inputValue, item typeRef, path string) []any {
	if in.kind != listInput {
		v, _ := c.coerce(in, item, path)
		return []any{v}
	}
	out := make([]any, 0, len(in.items))
	for i := range in.items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if in.items[i].kind == nullInput {
			c.fail(in.items[i], "%s is null; leave it out of the list.", at)
			continue
		}
		if v, ok := c.coerce(in.items[i], item, at); ok {
			out = append(out, v)
		}
	}
	return out
}

func (c *coercer) object(in inputValue, t *typeDef, path string) object {
	if in.kind != objectInput {
		c.fail(in, "%s must be an object (%s), not %s.", path, t.name, in)
		return nil
	}
	for i, name := range in.names {
		if !c.full() && findInput(t.inputs, name) == nil {
			c.fail(in.items[i], "%s: %s has no field %q.%s", path, t.name, shorten(name), didYouMean(name, inputNames(t.inputs)))
		}
	}
	out := make(object, 0, len(in.items))
	for _, def := range t.inputs {
		v, ok := c.coerce(in.member(def.name), def.typ, path+"."+def.name)
		if ok {
			out = append(out, member{def, v})
		}
	}
	return out
}

// member returns the item called name, or null.
func (in inputValue) member(name string) inputValue {
	for i := range in.names {
		if in.names[i] == name {
			return in.items[i]
		}
	}
	return inputValue{literal: in.literal, at: in.at}
}

func (c *coercer) enum(in inputValue, t *typeDef, path string) any {
	want := stringInput
	if in.literal {
		want = wordInput
	}
	if in.kind == want {
		if v := t.enumValue(in.text); v != nil {
			return v.value
		}
	}
	hint := ""
	if !c.full() && (in.kind == wordInput || in.kind == stringInput) {
		hint = didYouMean(in.text, enumNames(t))
	}
	if in.literal && in.kind == stringInput && hint != "" {
		hint += " It is written without quotes."
	}
	c.fail(in, "%s must be one of %s, not %s.%s", path, t.name, in, hint)
	return nil
}

func inputNames(list []*inputDef) []string {
	names := make([]string, len(list))
	for i, in := range list {
		names[i] = in.name
	}
	return names
}

func enumNames(t *typeDef) []string {
	names := make([]string, len(t.values))
	for i := range t.values {
		names[i] = t.values[i].name
	}
	return names
}

func fieldNames(t *typeDef) []string {
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = f.name
	}
	return names
}
