package graphql

import (
	"cmp"
	"time"

	"github.com/graphql-go/graphql/language/ast"
)

// Config is how a schema answers. Fields that are zero have the documented default.
type Config struct {
	Limits Limits
	// FilesURL is put before the path of an attachment in File.url: "/files/".
	FilesURL string
	// Searcher answers "search"; nil: that is UNAVAILABLE.
	Searcher Searcher
	// Histories answers what happened; nil: that is UNAVAILABLE.
	Histories Histories
	// Proposals answers what is proposed, and changes it; nil: that is UNAVAILABLE.
	Proposals Proposals
	// OnInternal is told of every fault of the server's own: a panic, or an error
	// that wraps no sentinel of content. It may be called by several goroutines.
	// Default: nothing is done.
	OnInternal func(error)
}

// Limits bound what one request may ask for (DESIGN, Safety). Zero means default.
type Limits struct {
	// Bytes of the query text: 64 KiB.
	Bytes int
	// Tokens of the query: 6,000.
	Tokens int
	// Depth of brackets, braces and parentheses: 32.
	Depth int
	// Operations of one query: 20. Fragments: 100.
	Operations, Fragments int
	// Fields of one selection set: 400. Repeats of one field in it: 20.
	Fields, Repeats int
	// Aliases of one query: 400.
	Aliases int
	// Work is how many selections are visited when fragments are expanded: 200,000.
	Work int
	// Cost is how many values may be asked for, lists counted by their page sizes
	// and by ten where they have none: 500,000.
	Cost int
	// Conditions of one "where": 300. Orders of one "orderBy": 10.
	Conditions, Orders int
	// Revisions that one request may read with "at": 10.
	Revisions int
	// Searches of one request: 10. SearchText is the length of one in characters: 200.
	Searches, SearchText int
	// Variables is the number of values in all variables together: 10,000.
	Variables int
	// Written is that number where the operation is a mutation: 200,000. Its documents
	// may also be nested as deep as documents may.
	Written int
	// WrittenBytes is how large the documents, patches and attachments of all mutations of
	// one request may be together, however often a variable stands in them: 64 MiB.
	WrittenBytes int
	// Mutations of one request: 20.
	Mutations int
	// Heads is how many commits of proposals one request may read: 40.
	Heads int
	// AnswerBytes of the response: 64 MiB.
	AnswerBytes int
	// Errors reported: 20 of each kind, and of each field that may be null.
	Errors int
	// Behind is how many changes a subscription may have missed: 5,000.
	Behind int
	// Timeout of one request, and of one event of a subscription: 10 s.
	Timeout time.Duration
	// Writing is the timeout of a request that is a mutation: 45 s.
	Writing time.Duration
	// Cached is how many queries are kept parsed and validated: 500.
	Cached int
	// PageSize is "first" where it is not said: 20. MaxPageSize: 500.
	PageSize, MaxPageSize int
}

// embeddedSize is what a list inside a document counts as in the cost.
const embeddedSize = 10

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.Bytes, 64 << 10}, {&l.Tokens, 6000}, {&l.Depth, 32},
		{&l.Operations, 20}, {&l.Fragments, 100}, {&l.Fields, 400}, {&l.Repeats, 20}, {&l.Aliases, 400},
		{&l.Work, 200_000}, {&l.Cost, 500_000}, {&l.Conditions, 300}, {&l.Orders, 10},
		{&l.Revisions, 10}, {&l.Searches, 10}, {&l.SearchText, 200}, {&l.Variables, 10_000}, {&l.AnswerBytes, 64 << 20}, {&l.Errors, 20},
		{&l.Cached, 500}, {&l.PageSize, 20}, {&l.MaxPageSize, 500}, {&l.Behind, 5000},
		{&l.Written, 200_000}, {&l.WrittenBytes, 64 << 20}, {&l.Mutations, 20}, {&l.Heads, 40},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	l.Timeout = cmp.Or(l.Timeout, 10*time.Second)
	l.Writing = cmp.Or(l.Writing, 45*time.Second)
	return l
}

// timeOf is the timeout of an operation.
func (l Limits) timeOf(op *operation) time.Duration {
	if op.kind == ast.OperationTypeMutation {
		return l.Writing
	}
	return l.Timeout
}
