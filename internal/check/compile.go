package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/koonti/koonti/internal/content"
)

// render returns v as the schema compiler is to read it: references are addresses
// of ours that need no resolving, and names to resolve them by are gone, as are the
// keywords of encoded content, which only annotate (Validation 2019-09, section 8).
func (c *closure) render(v *content.Value) any {
	switch v.Kind {
	case content.List:
		items := make([]any, len(v.Kids))
		for i := range v.Kids {
			items[i] = c.render(&v.Kids[i])
		}
		return items
	case content.Object:
		return c.renderObject(v)
	}
	return v.Interface()
}

func (c *closure) renderObject(v *content.Value) map[string]any {
	members := make(map[string]any, len(v.Kids))
	n := c.byValue[v]
	for i := range v.Kids {
		kid := &v.Kids[i]
		if n == nil {
			members[kid.Name] = c.render(kid)
			continue
		}
		switch {
		case kid.Name == "$ref" && n.ref != "":
			members[kid.Name] = n.ref
		case (kid.Name == "$dynamicRef" || kid.Name == "$recursiveRef") && n.dynamicRef != "":
			members[kid.Name] = n.dynamicRef
		case kid.Name == "$schema" && n.at == "":
			members[kid.Name] = n.file.draft.url
		case kid.Name == "$schema", kid.Name == n.file.draft.id && kid.Kind == content.String,
			kid.Name == "contentMediaType", kid.Name == "contentEncoding":
		default:
			members[kid.Name] = c.render(kid)
		}
	}
	return members
}

// resolved returns a copy of v in which each reference says from the root of the
// repository where it leads: "/schema/common.json#/$defs/text".
func (c *closure) resolved(v *content.Value) content.Value {
	out := *v
	if len(v.Kids) == 0 {
		return out
	}
	out.Kids = make([]content.Value, len(v.Kids))
	n := c.byValue[v]
	for i := range v.Kids {
		out.Kids[i] = c.resolved(&v.Kids[i])
		if n != nil && v.Kids[i].Name == "$ref" && strings.HasPrefix(n.ref, scheme+"://") {
			out.Kids[i].Text = strings.TrimPrefix(n.ref, scheme+"://")
		}
	}
	return out
}

// compiled is a schema ready to judge one value at a time.
type compiled struct {
	schema *jsonschema.Schema
	budget *budget
}

// errPanic says that the library panicked, which it does on some schemas and values.
var errPanic = errors.New("the schema library gave up")

// compile compiles the schema at address from the texts of resources, by address.
// Nothing else is ever read.
func compile(address string, resources map[string]string) (out *compiled, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compile %s: %v: %w", address, r, errPanic)
		}
	}()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat = true
	compiler.ExtractAnnotations = true
	compiler.LoadURL = func(s string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("%q is not in the repository: %w", s, content.ErrForbidden)
	}
	b := &budget{}
	compiler.RegisterExtension("koonti-budget", nil, b)
	for url, text := range resources {
		if err := compiler.AddResource(url, strings.NewReader(text)); err != nil {
			return nil, fmt.Errorf("add %s: %w", url, err)
		}
	}
	schema, err := compiler.Compile(address)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", address, err)
	}
	return &compiled{schema, b}, nil
}

// texts renders the files of the closure, by address.
func (c *closure) texts() (map[string]string, error) {
	texts := make(map[string]string, len(c.order))
	for _, f := range c.order {
		text, err := json.Marshal(c.render(f.root))
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", f.path, err)
		}
		texts[f.url] = string(text)
	}
	return texts, nil
}

// validate judges v. It is nil where v is valid; a *jsonschema.ValidationError;
// errBudget where judging takes too long, which counts steps and so is the same on
// every machine; or errPanic.
func (c *compiled) validate(v any, budget int64) (err error) {
	defer func() {
		switch r := recover(); {
		case r == nil:
		case r == errBudget:
			err = errBudget
		default:
			err = fmt.Errorf("validate: %v: %w", r, errPanic)
		}
	}()
	c.budget.left = budget
	return c.schema.Validate(v)
}

// errBudget says that judging a value took more steps than any sensible schema.
var errBudget = errors.New("over the budget of steps")

// budget counts the steps of judging one value. The library can neither be asked
// to stop nor be given a context, so the count stands in an extension of its own.
type budget struct{ left int64 }

// Compile implements jsonschema.ExtCompiler.
func (b *budget) Compile(_ jsonschema.CompilerContext, m map[string]any) (jsonschema.ExtSchema, error) {
	s := step{budget: b, weight: 1}
	if values, ok := m["enum"].([]any); ok {
		s.weight += int64(len(values)) / 64
		s.perNumber = int64(len(values)) / 2
	}
	if patterns, ok := m["patternProperties"].(map[string]any); ok {
		for p := range patterns {
			s.perMember += programSize(p)
		}
	}
	if p, ok := m["pattern"].(string); ok {
		s.perByte = programSize(p)
	}
	return s, nil
}

// stepsFor is the budget for a document of so many values: far more than sensible
// schemas ask for, and worth a second or two.
func stepsFor(values int) int64 {
	return 20_000 + 200*int64(min(values, 1000)) + 20*int64(values)
}

// step is one schema's share of the budget.
type step struct {
	budget *budget
	weight int64
	// perNumber is what an enum costs a number: they are compared as fractions.
	perNumber int64
	// perMember and perByte are what patterns cost, in instructions.
	perMember, perByte int64
}

// patternSteps is how many instructions of a pattern make up one step.
const patternSteps = 64

// Validate implements jsonschema.ExtSchema. It panics, as there is no other way to
// stop the library; (*compiled).validate recovers.
func (s step) Validate(_ jsonschema.ValidationContext, v any) error {
	cost := s.weight
	switch v := v.(type) {
	case map[string]any:
		cost += int64(len(v)) * (1 + s.perMember/4)
	case []any:
		cost += int64(len(v))
	case json.Number:
		cost += s.perNumber
	case string:
		cost += int64(len(v)) * s.perByte / patternSteps
	}
	if s.budget.left -= cost; s.budget.left < 0 {
		panic(errBudget)
	}
	return nil
}

// programSize is the number of instructions a pattern compiles to, a number past
// all limits where it does not.
func programSize(pattern string) int64 {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return maxPattern + 1
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return maxPattern + 1
	}
	return int64(len(prog.Inst))
}

// maxPattern is the largest pattern, in instructions; maxPatternWork is how many of
// them times the characters of the longest string a record may ask for.
const (
	maxPattern     = 5000
	maxPatternWork = 200_000_000
)

// index finds the parts of a compiled schema by their location.
type index map[string]*jsonschema.Schema

func indexOf(root *jsonschema.Schema) index {
	x := index{}
	queue := []*jsonschema.Schema{root}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if s == nil || x[s.Location] != nil {
			continue
		}
		x[s.Location] = s
		queue = append(queue, parts(s)...)
	}
	return x
}

// parts are the schemas that s names.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.DynamicRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.UnevaluatedProperties,
		s.Items2020, s.Contains, s.UnevaluatedItems, s.ContentSchema,
	}
	for _, some := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		list = append(list, some...)
	}
	for _, some := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		for _, one := range some {
			list = append(list, one)
		}
	}
	for _, one := range s.PatternProperties {
		list = append(list, one)
	}
	for _, one := range s.Dependencies {
		if one, ok := one.(*jsonschema.Schema); ok {
			list = append(list, one)
		}
	}
	for _, one := range []any{s.AdditionalProperties, s.AdditionalItems, s.Items} {
		switch one := one.(type) {
		case *jsonschema.Schema:
			list = append(list, one)
		case []*jsonschema.Schema:
			list = append(list, one...)
		}
	}
	return list
}

// patternFault says which part of a pattern RE2 cannot do; "" for none.
func patternFault(pattern string) string {
	if _, err := regexp.Compile(pattern); err != nil {
		var e *syntax.Error
		if errors.As(err, &e) {
			return e.Expr
		}
		return pattern
	}
	return ""
}
