package graphql

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/koonti/koonti/internal/content"
)

// Code is what extensions.code of an error says: stable, for programs.
type Code string

// The codes of errors; codeTable says what each means over HTTP.
const (
	CodeParse           Code = "GRAPHQL_PARSE_FAILED"
	CodeValidation      Code = "GRAPHQL_VALIDATION_FAILED"
	CodeOperation       Code = "OPERATION_RESOLUTION_FAILURE"
	CodeBadInput        Code = "BAD_USER_INPUT"
	CodeMethod          Code = "METHOD_NOT_ALLOWED"
	CodeNotFound        Code = "NOT_FOUND"
	CodeForbidden       Code = "FORBIDDEN"
	CodeUnauthenticated Code = "UNAUTHENTICATED"
	CodeTooLarge        Code = "TOO_LARGE"
	CodeTooMany         Code = "TOO_MANY_REQUESTS"
	CodeTimeout         Code = "TIMEOUT"
	CodeCancelled       Code = "CANCELLED"
	CodeUnavailable     Code = "UNAVAILABLE"
	CodeInternal        Code = "INTERNAL"
)

// codeRow says of one code what it means, which sentinel it stands for, and which
// HTTP status a response has that holds nothing else.
type codeRow struct {
	code     Code
	sentinel error
	status   int
	meaning  string
}

// codeTable is the one table of error codes.
var codeTable = []codeRow{
	{CodeParse, nil, http.StatusBadRequest, "the query is no GraphQL"},
	{CodeValidation, nil, http.StatusBadRequest, "the query does not fit the schema"},
	{CodeOperation, nil, http.StatusBadRequest, "the operation asked for is not in the query"},
	{CodeBadInput, content.ErrInvalid, http.StatusBadRequest, "an argument or a variable is wrong"},
	{CodeMethod, nil, http.StatusMethodNotAllowed, "only queries may be sent this way"},
	{CodeNotFound, content.ErrNotFound, http.StatusNotFound, "there is no such revision or proposal, or it did not lead to what is read"},
	{CodeForbidden, content.ErrForbidden, http.StatusForbidden, "it is not exposed to the one who asks (a revision, proposals, people's addresses), or needs another role"},
	{CodeUnauthenticated, content.ErrUnauthenticated, http.StatusUnauthorized, "it needs an identity: send a token, \"Authorization: Bearer ...\""},
	{CodeTooLarge, content.ErrTooLarge, http.StatusRequestEntityTooLarge, "a limit was reached; the message names it"},
	{CodeTooMany, content.ErrTooMany, http.StatusTooManyRequests, "it is asked for too often; the header Retry-After says when to try again"},
	{CodeTimeout, context.DeadlineExceeded, http.StatusServiceUnavailable, "the time for one request was over"},
	{CodeCancelled, context.Canceled, 499, "the client went away"},
	{CodeUnavailable, content.ErrUnavailable, http.StatusServiceUnavailable, "it cannot be answered now, but may be later"},
	{CodeInternal, nil, http.StatusInternalServerError, "a fault of the server; the log has it"},
}

// Location is a place in the query, line and column from 1, in characters.
type Location struct{ Line, Column int }

// Error is one entry of "errors" (GraphQL June 2018, 7.1.2).
type Error struct {
	Message string
	Code    Code
	// Locations may be empty; Path is empty where no field is concerned, else it
	// holds response keys (string) and indexes (int).
	Locations []Location
	Path      []any
}

func (e *Error) Error() string { return e.Message }

func newError(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// tooLarge is the error of a limit.
func tooLarge(format string, args ...any) *Error { return newError(CodeTooLarge, format, args...) }

// rowOf returns the row of a code.
func rowOf(code Code) codeRow {
	for _, row := range codeTable {
		if row.code == code {
			return row
		}
	}
	return rowOf(CodeInternal)
}

// describeError returns the code of err, and the text that may reach a client:
// that of an Error, a refusal or a known sentinel. The text of anything else stays here.
func describeError(err error) (Code, string) {
	var own *Error
	if errors.As(err, &own) {
		return own.Code, own.Message
	}
	var unknown *content.UnknownFieldError
	if errors.As(err, &unknown) {
		return CodeBadInput, noField(unknown)
	}
	var refusal *content.Refusal
	if errors.As(err, &refusal) { // of what is read: a mutation answers with it
		return CodeUnavailable, refusal.Message
	}
	for _, row := range codeTable {
		if row.sentinel == nil || !errors.Is(err, row.sentinel) {
			continue
		}
		if row.code == CodeTimeout || row.code == CodeCancelled {
			return row.code, row.meaning
		}
		return row.code, strings.TrimSuffix(err.Error(), ": "+row.sentinel.Error())
	}
	return CodeInternal, "internal error"
}

// noField tells of a place that there never was.
func noField(e *content.UnknownFieldError) string {
	near := make([]string, len(e.Near))
	for i, at := range e.Near {
		near[i] = string(at)
	}
	return fmt.Sprintf("There is no field %q, and never was.%s", shorten(string(e.Field)), didYouMean(string(e.Field), near))
}

// Describe returns the code of an error that wraps a sentinel of content, and the text
// that may reach a client; CodeInternal for any other.
func Describe(err error) (Code, string) { return describeError(err) }

// didYouMean returns " Did you mean ...?" with what is near to name, else "".
func didYouMean(name string, options []string) string {
	near := nearest(name, options)
	if len(near) == 0 {
		return ""
	}
	quoted := make([]string, len(near))
	for i, n := range near {
		quoted[i] = `"` + n + `"`
	}
	last := len(quoted) - 1
	if last == 0 {
		return " Did you mean " + quoted[0] + "?"
	}
	return " Did you mean " + strings.Join(quoted[:last], ", ") + " or " + quoted[last] + "?"
}

// nearest returns up to three options that name may have meant, the nearest first
// and nothing that is much further away.
func nearest(name string, options []string) []string {
	const most, longest = 3, 80
	if len(name) > longest {
		return nil
	}
	var found [most + 1][]string
	wanted := strings.ToLower(name)
	for _, option := range options {
		if len(option) > longest {
			continue
		}
		distance := levenshtein.ComputeDistance(wanted, strings.ToLower(option))
		if distance <= min(most, len(name)/3+1) {
			found[distance] = append(found[distance], option)
		}
	}
	for distance, near := range found {
		if len(near) > 0 {
			if distance < most {
				near = append(near, found[distance+1]...)
			}
			return near[:min(most, len(near))]
		}
	}
	return nil
}
