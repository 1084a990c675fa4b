// Package graphql is the GraphQL API of a model: its types, filters, orders,
// connections, limits, and the answering of requests from a view. The types follow
// from the shapes of the model's collections and from nothing else, so any
// repository is served. It knows neither HTTP nor Git; what else it needs, it
// declares as interfaces. It alone imports graphql-go, which parses and validates
// queries and, for now, walks them; arguments, variables, limits, introspection,
// SDL and the writing of answers are done here (see the traps in CONTRIBUTING.md).
//
// Words of queries: null means "absent" wherever a value is given. A value that
// does not fit its type, as an old or invalid document may hold, is answered null
// without an error; `valid`, `problems` and `document` tell the rest. Without
// `lang` the model's first language holds.
package graphql

import (
	"context"
	"fmt"
	"runtime/debug"

	gql "github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/content"
)

// Schema answers requests about views of one model. It is safe for concurrent use
// and immutable but for caches.
type Schema struct {
	*system
	config    Config
	limits    Limits
	sdl       string
	engine    gql.Schema
	documents *lru.Cache[string, *document]
	columns   *lru.Cache[columnKey, *column]
}

// NewSchema makes the API of m, whose shapes must be derived. It takes some ten
// milliseconds per 200 types; make one per model, not per view. An error wraps
// content.ErrInvalid and names the type that cannot be.
func NewSchema(m *content.Model, config Config) (*Schema, error) {
	sys, err := buildSystem(m)
	if err != nil {
		return nil, fmt.Errorf("make types of %s: %w", m.Path, err)
	}
	s := &Schema{system: sys, config: config, limits: config.Limits.withDefaults(), sdl: sys.printSDL()}
	if s.config.FilesURL == "" {
		s.config.FilesURL = "/files/"
	}
	if s.documents, err = lru.New[string, *document](s.limits.Cached); err != nil {
		return nil, err
	}
	if s.columns, err = lru.New[columnKey, *column](maxColumns); err != nil {
		return nil, err
	}
	if s.engine, err = s.newEngine(); err != nil {
		return nil, fmt.Errorf("make types of %s: %w: %w", m.Path, content.ErrInvalid, err)
	}
	return s, nil
}

// SDL returns the types in GraphQL's schema definition language, with descriptions.
// Equal models give equal text.
func (s *Schema) SDL() string { return s.sdl }

// Revisions finds what `at` names.
type Revisions interface {
	// At returns the view of a revision. Its Model is the served one: types are
	// always the served view's. An error wraps ErrNotFound, ErrInvalid, ErrForbidden
	// or ErrUnavailable of content, and its text is shown to the client; the text of
	// any other error is not. It may block, and returns when ctx is done.
	At(ctx context.Context, revision string) (*content.View, error)
}

// Request is one GraphQL request.
type Request struct {
	Query         string
	OperationName string
	// Variables are decoded from JSON with UseNumber.
	Variables map[string]any
	// Extensions are for protocols above this package; it ignores them.
	Extensions map[string]any
	// Actor is who asks. Without a role, people's addresses are null, left out of
	// messages of commits, and cannot be looked for; proposals are not shown. A mutation
	// needs the role that its description names. What else a role opens, the Revisions
	// given beside know.
	Actor content.Actor
	// ReadOnly refuses mutations with CodeMethod: set it for GET.
	ReadOnly bool
	// Resume is the ID of the last event that a subscriber got, where the protocol
	// above tells; "" else.
	Resume string
}

// Response is the answer to a Request.
type Response struct {
	// Body is the complete response: {"data":...}, or {"errors":[...],"data":...}.
	Body []byte
	// Executed: the request got so far as to be executed, and Body has "data". It is
	// false where the request was refused: syntax, validation, variables, arguments, limits.
	Executed bool
	// Revisioned: the operation reads a revision with `at`, or the past, so that Body
	// depends on more than the key of the view.
	Revisioned bool
	// Mutation: it answers a mutation, and is for nobody else and no other time.
	Mutation bool
	// Pinned: all that is read is named by full hashes of commits, so that nothing but
	// another model changes the answer. It is false where the past was read, which
	// depends also on the branch served.
	Pinned bool
	// Failed: Body has errors, which are these.
	Failed bool
	Errors []*Error
	// Code is that of the first error, "" where there is none.
	Code Code
	// Status is the HTTP status for application/graphql-response+json: 200 where
	// there is data, else what the first error asks for.
	Status int
}

// Do answers request from view, whose Model must be the one the schema was made
// of. revisions may be nil: then `at` is UNAVAILABLE. It returns when the answer is
// there, the timeout is over, or soon after ctx is done; nothing is left running. What a
// mutation asks for is done once, or not at all; where the time is over, look which.
func (s *Schema) Do(ctx context.Context, view *content.View, revisions Revisions, request Request) (response *Response) {
	defer func() {
		if p := recover(); p != nil {
			response = s.refuse(s.internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
		}
	}()
	d, op, errs := s.find(request)
	if len(errs) > 0 {
		return s.refuse(errs...)
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.timeOf(op))
	defer cancel()
	response = s.answer(ctx, view, revisions, request, d, op)
	response.Mutation = op.kind == ast.OperationTypeMutation
	return response
}

func (s *Schema) answer(ctx context.Context, view *content.View, revisions Revisions, request Request, d *document, op *operation) *Response {
	if err := answerable(op, request.ReadOnly); err != nil {
		return s.refuse(err)
	}
	p, errs := s.bind(d, op, request)
	if len(errs) > 0 {
		return s.refuse(errs...)
	}
	if op.kind == ast.OperationTypeMutation {
		return s.mutate(ctx, view, revisions, p)
	}
	return s.execute(ctx, view, revisions, p)
}

// find returns the document and the operation that a request means.
func (s *Schema) find(request Request) (*document, *operation, []*Error) {
	d, errs := s.load(request.Query)
	if len(errs) > 0 {
		return nil, nil, errs
	}
	op, err := d.operationCalled(request.OperationName)
	if err != nil {
		return nil, nil, []*Error{err}
	}
	return d, op, nil
}

// bind plans an operation for the one who asks, with the variables given.
func (s *Schema) bind(d *document, op *operation, request Request) (*plan, []*Error) {
	variables, errs := s.coerceVariables(d, op, request.Variables)
	if len(errs) > 0 {
		return nil, errs
	}
	return s.plan(d, op, variables, request.Actor)
}

// cachedBytes is the longest query that is kept.
const cachedBytes = 16 << 10

// load returns a query parsed and validated, once per text.
func (s *Schema) load(text string) (*document, []*Error) {
	if d, ok := s.documents.Get(text); ok {
		return d, nil
	}
	d, errs := s.prepare(text)
	if len(errs) == 0 && len(text) <= cachedBytes {
		s.documents.Add(text, d)
	}
	return d, errs
}

// answerable refuses operations that are not answered this way.
func answerable(op *operation, readOnly bool) *Error {
	switch {
	case op.kind == ast.OperationTypeSubscription:
		return newError(CodeBadInput, "A subscription is answered with a stream of events; send it with \"Accept: text/event-stream\".")
	case op.kind == ast.OperationTypeMutation && readOnly:
		return newError(CodeMethod, "A %s cannot be sent this way; use POST.", op.kind)
	}
	return nil
}

// internal tells OnInternal of a fault and returns what the client may know.
func (s *Schema) internal(err error) *Error {
	if s.config.OnInternal != nil {
		s.config.OnInternal(err)
	}
	return newError(CodeInternal, "internal error")
}

// refuse answers a request that was not executed.
func (s *Schema) refuse(errs ...*Error) *Response {
	body := append(appendErrors([]byte(`{"errors":`), errs), '}')
	code := errs[0].Code
	return &Response{
		Body: body, Failed: true, Errors: errs, Code: code, Status: rowOf(code).status,
	}
}

// coerceVariables checks the variables of a request against what the operation
// declares; others are ignored (June 2018, 6.1.2).
func (s *Schema) coerceVariables(d *document, op *operation, given map[string]any) (values, []*Error) {
	most, depth := s.limits.Variables, s.limits.Depth
	if op.kind == ast.OperationTypeMutation {
		most, depth = s.limits.Written, depth+content.MaxDepth
	}
	out, budget := values{}, most
	c := coercer{variables: values{}}
	for _, v := range op.variables {
		in := inputValue{at: v.at}
		if value, ok := given[v.name]; ok {
			in = fromJSON(value, v.at, depth, &budget)
		}
		if budget < 0 {
			return nil, []*Error{tooLarge("The variables hold more than %d values, or are nested deeper than %d.", most, depth)}
		}
		if in.kind == nullInput && v.initial.kind != nullInput && !(in.given && v.typ.isJSON()) {
			in = v.initial
		}
		if value, ok := c.coerce(in, v.typ, "$"+v.name); ok {
			out[v.name] = value
		}
	}
	return out, c.errors(d.text, s.limits.Errors)
}

// errors turns what a coercer found into errors of the request.
func (c *coercer) errors(text string, most int) []*Error {
	var errs []*Error
	for _, issue := range c.issues[:min(most, len(c.issues))] {
		errs = append(errs, &Error{Code: CodeBadInput, Message: issue.message, Locations: locate(text, issue.at)})
	}
	return errs
}
