package graphql

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	gql "github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/gqlerrors"
	"github.com/graphql-go/graphql/language/ast"

	"github.com/koonti/koonti/internal/content"
)

// execute runs a plan and writes the answer.
func (s *Schema) execute(ctx context.Context, view *content.View, revisions Revisions, p *plan) *Response {
	return s.newRequest(ctx, view, revisions, p).execute(ctx)
}

func (s *Schema) newRequest(ctx context.Context, view *content.View, revisions Revisions, p *plan) *request {
	return &request{
		Schema: s, plan: p, view: view, revisions: revisions, views: map[string]revision{}, found: map[*listing]*found{}, run: newSieve(ctx, view),
		histories: memo[*content.View, *history]{}, diffs: memo[[2]*content.View, []content.Change]{}, historical: p.historical,
		faults: map[string]int{}, desk: newDesk(),
	}
}

func (r *request) execute(ctx context.Context) *Response {
	p, s := r.plan, r.Schema
	if errs := r.fetch(ctx); len(errs) > 0 {
		return r.respond([]byte("null"), errs)
	}
	errs := r.lookUp(ctx)
	if err := ctx.Err(); err != nil {
		return r.abort(s.visible(err))
	}
	if len(errs) > 0 {
		return r.respond([]byte("null"), errs)
	}
	result := r.walk(ctx, p.document.ast, p.operation.name)
	if err := firstError(r.stop, ctx.Err()); err != nil {
		return r.abort(s.visible(err))
	}
	w := writer{request: r, limit: s.limits.AnswerBytes}
	data, err := w.answer(result.Data)
	if err != nil {
		return r.abort(err)
	}
	return r.respond(data, r.errorsOf(result.Errors))
}

// walk has graphql-go execute an operation of a document.
func (r *request) walk(ctx context.Context, tree *ast.Document, operation string) *gql.Result {
	booleans := map[string]any{}
	for _, v := range r.plan.operation.variables {
		if value, ok := r.plan.variables[v.name].(bool); ok {
			booleans[v.name] = value
		}
	}
	return gql.Execute(gql.ExecuteParams{
		Schema: r.engine, Root: r, AST: tree, OperationName: operation, Args: booleans, Context: calm{ctx},
	})
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// abort answers a request that was cut short: there is no data.
func (r *request) abort(err error) *Response {
	var own *Error
	if !errors.As(err, &own) {
		own = r.internal(err)
	}
	response := r.respond([]byte("null"), []*Error{own})
	response.Status = rowOf(own.Code).status
	return response
}

func (r *request) respond(data []byte, errs []*Error) *Response {
	response := &Response{
		Executed: true, Revisioned: r.plan.revisioned || r.historical, Pinned: r.plan.pinned() && !r.historical,
		Failed: len(errs) > 0, Errors: errs, Status: http.StatusOK,
	}
	b := make([]byte, 0, len(data)+64)
	b = append(b, '{')
	if len(errs) > 0 {
		response.Code = errs[0].Code
		b = append(appendErrors(append(b, `"errors":`...), errs), ',')
	}
	b = append(append(append(b, `"data":`...), data...), '}')
	response.Body = b
	return response
}

// errorsOf turns the executor's errors into ours, in the order of their paths:
// the executor walks maps.
func (r *request) errorsOf(list []gqlerrors.FormattedError) []*Error {
	errs := slices.Grow(slices.Clone(r.notices), len(list))
	for _, e := range list {
		out := &Error{Code: CodeInternal, Message: "internal error", Path: e.Path, Locations: locate(r.plan.document.text, positions(e)...)}
		var own *Error
		if cause := original(e); errors.As(cause, &own) {
			out.Code, out.Message = own.Code, own.Message
		} else {
			r.internal(fmt.Errorf("execute: %w", cause))
		}
		errs = append(errs, out)
	}
	slices.SortStableFunc(errs, func(a, b *Error) int { return comparePaths(a.Path, b.Path) })
	return errs
}

// original unwraps what graphql-go wraps without Unwrap.
func original(e gqlerrors.FormattedError) error {
	var err error = e
	for range 10 {
		switch wrapped := err.(type) {
		case gqlerrors.FormattedError:
			if wrapped.OriginalError() == nil {
				return err
			}
			err = wrapped.OriginalError()
		case *gqlerrors.Error:
			if wrapped.OriginalError == nil {
				return err
			}
			err = wrapped.OriginalError
		default:
			return err
		}
	}
	return err
}
