package graphql

import (
	"context"

	"github.com/koonti/koonti/internal/content"
)

// Histories gives the past of views. Errors wrap ErrUnavailable of content where the
// history is not read yet (their text tells the client how far it is) or not there (a
// shallow clone: CutOffError), ErrInvalid and ErrNotFound for what was asked (ErrNotFound where After
// names nothing; UnknownFieldError where there never was such a field), or are the
// context's; the text of any other error is kept from clients. It is used by many
// goroutines at once, may block, and returns when ctx is done. All that is returned stays
// as it is: the caller only reads it.
type Histories interface {
	// Past returns what led to a view.
	Past(ctx context.Context, view *content.View) (Past, error)
	// Diff returns how the records of one revision differ from those of another, by
	// collection and id; RENAMED where the history of to tells. Where to is of a work
	// tree, committed is the view of its commit, and what is not committed counts; else
	// it is nil.
	Diff(ctx context.Context, from, to, committed *content.View) ([]content.Change, error)
	// Rewrites lists when the served branch was moved by force, newest first.
	Rewrites(ctx context.Context) ([]content.Rewrite, error)
}

// Past is everything that led to one view. It is immutable.
type Past interface {
	Feed
	Lives
	Details
}

// Feed lists changes and steps, newest first. What a page costs depends on the page.
type Feed interface {
	Changes(ctx context.Context, q content.ChangeQuery) (content.ChangePage, error)
	// CountChanges ignores Limit and After; so does FacetChanges, which gives the most
	// frequent first, then by value.
	CountChanges(ctx context.Context, q content.ChangeQuery) (int, error)
	FacetChanges(ctx context.Context, q content.ChangeQuery, by content.ChangeFacet) ([]content.FacetCount, error)
	// Steps lists the steps of which a record's difference matches q, each whole; After
	// is the Commit of the one before. CountSteps counts them.
	Steps(ctx context.Context, q content.ChangeQuery) (content.StepPage, error)
	CountSteps(ctx context.Context, q content.ChangeQuery) (int, error)
	// Step returns the step that a commit of the first-parent line made. ErrNotFound for
	// any other.
	Step(ctx context.Context, commit content.Hash) (*content.Step, error)
}

// Lives tells of single records.
type Lives interface {
	// LastChange returns the change that gave field, or what lies below it, the value
	// it has in r; "" is the whole record. Nil where the past does not tell.
	LastChange(ctx context.Context, r *content.Record, field content.Pointer) (*content.Change, error)
	// Blame tells for every leaf of r, in document order, which change gave it its value.
	Blame(ctx context.Context, r *content.Record) ([]content.FieldBlame, error)
	// Span returns the changes that created r and last changed a value of it. Either may
	// be nil. It is cheap enough to sort all records by.
	Span(r *content.Record) (created, updated *content.Change)
	// Versions lists the versions that readers saw of a record, newest first, under all
	// its names; after is the Key of the Change of the one before.
	Versions(ctx context.Context, r content.Ref, limit int, after string) ([]content.Version, bool, error)
	// Moved returns what a record that no longer has this name is called now (nil where
	// it was deleted or never was), and the change that took the name away.
	Moved(ctx context.Context, r content.Ref) (now *content.Ref, by *content.Change, err error)
	// Deleted lists the deletions of records that are not there now, newest first;
	// "" is every collection, after the Key of the one before.
	Deleted(ctx context.Context, collection content.CollectionName, limit int, after string) (content.ChangePage, error)
	// CountDeleted counts them.
	CountDeleted(ctx context.Context, collection content.CollectionName) (int, error)
	// Containing lists where readers ever saw a text that has the given part, without
	// regard to case: newest first by when it came. After is the Key of the one before.
	Containing(ctx context.Context, part string, collection content.CollectionName, limit int, after string) ([]content.Occurrence, bool, error)
}

// Details reads what a change leaves out.
type Details interface {
	// Fields returns the values that a change changed, by pointer: also of a change of
	// Diff, of a step and of what is not committed.
	Fields(ctx context.Context, c *content.Change) ([]content.FieldChange, error)
	// Document decodes a blob of such a change; nil where blob is "" or no strict JSON.
	Document(ctx context.Context, blob content.Hash) (*content.Document, error)
	// Commit returns a commit that led to the view. ErrNotFound for any other.
	Commit(ctx context.Context, hash content.Hash) (*content.Commit, error)
}
