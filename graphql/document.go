package graphql

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	gql "github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/gqlerrors"
	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/kinds"
	"github.com/graphql-go/graphql/language/parser"
	"github.com/graphql-go/graphql/language/source"
	"github.com/graphql-go/graphql/language/visitor"

	"github.com/koonti/koonti/internal/content"
)

// document is a query that was parsed and validated. It is immutable and shared by
// all requests that have its text.
type document struct {
	text       string
	ast        *ast.Document
	operations []*operation
	fragments  map[string]*ast.FragmentDefinition
	// arguments were taken out of the fields, so that the executor does not
	// evaluate them again for every item of a list.
	arguments map[*ast.Field][]*ast.Argument
}

// operation is one operation of a document.
type operation struct {
	name      string
	kind      string // ast.OperationTypeQuery and so on
	node      *ast.OperationDefinition
	variables []variable
}

// variable is what an operation declares of one variable.
type variable struct {
	name    string
	typ     typeRef
	at      int
	initial inputValue // null where there is no default
}

// hiddenPrefix begins the names of fields that no query can hold: the executor
// skips fields of introspection under such names (their answer is written from the
// type system), and says the concrete type of a record under hiddenType.
const (
	hiddenPrefix = " "
	hiddenType   = " type"
)

// rules are those of graphql-go, without the ones that the inspector stands in for:
// whether fields and arguments exist and have selections (it knows all of
// introspection, and what may have been meant), and the types of literals (it knows
// null).
var rules = []gql.ValidationRuleFn{
	gql.FragmentsOnCompositeTypesRule,
	gql.KnownDirectivesRule,
	gql.KnownFragmentNamesRule,
	gql.KnownTypeNamesRule,
	gql.LoneAnonymousOperationRule,
	gql.NoFragmentCyclesRule,
	gql.NoUndefinedVariablesRule,
	gql.NoUnusedFragmentsRule,
	gql.NoUnusedVariablesRule,
	gql.OverlappingFieldsCanBeMergedRule,
	possibleFragmentSpreads,
	gql.ProvidedNonNullArgumentsRule,
	gql.UniqueArgumentNamesRule,
	gql.UniqueFragmentNamesRule,
	gql.UniqueInputFieldNamesRule,
	gql.UniqueOperationNamesRule,
	gql.UniqueVariableNamesRule,
	gql.VariablesAreInputTypesRule,
	gql.VariablesInAllowedPositionRule,
}

// possibleFragmentSpreads is the rule of graphql-go, but for inline fragments
// without a type condition, which fit everywhere: it holds them against the type with
// its non-null and list marks, and refuses them (October 2021, 5.5.2.3).
func possibleFragmentSpreads(c *gql.ValidationContext) *gql.ValidationRuleInstance {
	rule := gql.PossibleFragmentSpreadsRule(c)
	inline := rule.VisitorOpts.KindFuncMap[kinds.InlineFragment]
	visit := inline.Kind
	inline.Kind = func(p visitor.VisitFuncParams) (string, any) {
		if f, ok := p.Node.(*ast.InlineFragment); ok && f.TypeCondition == nil {
			return visitor.ActionNoChange, nil
		}
		return visit(p)
	}
	rule.VisitorOpts.KindFuncMap[kinds.InlineFragment] = inline
	return rule
}

// prepare parses and validates text. Whatever costs more than linear time comes
// after what bounds it.
func (s *Schema) prepare(text string) (*document, []*Error) {
	body, err := scan(text, s.limits)
	if err != nil {
		return nil, []*Error{err}
	}
	src := source.NewSource(&source.Source{Body: body})
	tree, parseErr := parser.Parse(parser.ParseParams{Source: src})
	if parseErr != nil {
		return nil, []*Error{syntaxError(text, parseErr)}
	}
	// Every error of graphql-go scans the body with a regular expression to find
	// its line; without a body that is free, and the line is found here.
	src.Body = nil
	d := &document{text: text, ast: tree, fragments: map[string]*ast.FragmentDefinition{}, arguments: map[*ast.Field][]*ast.Argument{}}
	in := inspector{Schema: s, document: d}
	if errs := in.inspect(); len(errs) > 0 {
		return nil, errs
	}
	if errs := s.validate(d); len(errs) > 0 {
		return nil, errs
	}
	in.declareVariables()
	in.rewrite()
	return d, nil
}

func (s *Schema) validate(d *document) []*Error {
	schema := s.engine // validation writes to it
	result := gql.ValidateDocument(&schema, d.ast, rules)
	// It goes through maps; the same query should get the same errors.
	slices.SortFunc(result.Errors, func(a, b gqlerrors.FormattedError) int {
		return cmp.Or(slices.Compare(positions(a), positions(b)), strings.Compare(a.Message, b.Message))
	})
	var errs []*Error
	for _, e := range result.Errors[:min(len(result.Errors), s.limits.Errors)] {
		errs = append(errs, &Error{Message: e.Message, Code: CodeValidation, Locations: locate(d.text, positions(e)...)})
	}
	return errs
}

// syntaxError drops the name of the source and the picture of the line, which
// graphql-go puts into the message.
func syntaxError(text string, err error) *Error {
	out := newError(CodeParse, "The query cannot be read.")
	var e *gqlerrors.Error
	if !errors.As(err, &e) {
		return out
	}
	message, _, _ := strings.Cut(e.Message, "\n")
	if _, rest, found := strings.Cut(message, ") "); found {
		message = rest
	}
	out.Message = "Syntax error: " + shorten(strings.ReplaceAll(message, nullWord, "null"))
	out.Locations = locate(text, e.Positions...)
	return out
}

// positions are the byte offsets of an error of graphql-go.
func positions(e gqlerrors.FormattedError) []int {
	var own *gqlerrors.Error
	if errors.As(e.OriginalError(), &own) {
		return own.Positions
	}
	return nil
}

// locate turns byte offsets of text into lines and columns, in order and once each.
func locate(text string, offsets ...int) []Location {
	var out []Location
	for _, offset := range slices.Compact(slices.Sorted(slices.Values(offsets))) {
		line, column := content.Position(text, offset)
		out = append(out, Location{line, column})
	}
	return out
}

// operationCalled returns the operation that a request means.
func (d *document) operationCalled(name string) (*operation, *Error) {
	if name == "" && len(d.operations) == 1 {
		return d.operations[0], nil
	}
	names := make([]string, 0, len(d.operations))
	for _, op := range d.operations {
		if name != "" && op.name == name {
			return op, nil
		}
		names = append(names, op.name)
	}
	switch {
	case len(d.operations) == 0:
		return nil, newError(CodeOperation, "The query has no operation.")
	case name == "":
		return nil, newError(CodeOperation, "The query has several operations; operationName must say which.")
	}
	return nil, newError(CodeOperation, "There is no operation %q in the query.%s", shorten(name), didYouMean(name, names))
}
