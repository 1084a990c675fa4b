// Package content is the core of Koonti: what a model, a record, a snapshot, a
// view and a problem are, how JSON text becomes values with positions, and which
// types follow from a JSON Schema. It knows neither Git, nor files, nor HTTP, nor
// GraphQL's library, and imports nothing of ours.
package content

import "errors"

// CollectionName names a collection of the model, e.g. "projects".
type CollectionName string

// ID identifies a record inside its collection: the {id} in its path.
type ID string

// Hash is a Git object name: 40 lower-case hexadecimal digits. The zero value
// means "none": not committed yet.
type Hash string

// Language is a key of a localized value, e.g. "fi" (BCP 47).
type Language string

// Ref names one record of a snapshot.
type Ref struct {
	Collection CollectionName
	ID         ID
}

// String returns "collection/id".
func (r Ref) String() string { return string(r.Collection) + "/" + string(r.ID) }

// The sentinels that every package wraps; one table maps them to HTTP status,
// GraphQL code and exit code.
var (
	// ErrNotFound: there is no such record, collection, file or revision.
	ErrNotFound = errors.New("not found")
	// ErrUnauthenticated: it needs an identity, and there is none, or a wrong one.
	ErrUnauthenticated = errors.New("not identified")
	// ErrForbidden: it exists, but is not exposed to the one who asks.
	ErrForbidden = errors.New("not exposed")
	// ErrInvalid: what was asked is malformed; the message says where.
	ErrInvalid = errors.New("invalid")
	// ErrTooLarge: a limit of the Safety section was reached.
	ErrTooLarge = errors.New("over a limit")
	// ErrTooMany: it is asked for too often, by the same actor or from the same address.
	ErrTooMany = errors.New("too many")
	// ErrUnavailable: it cannot be answered now, but may be later.
	ErrUnavailable = errors.New("unavailable")
)
