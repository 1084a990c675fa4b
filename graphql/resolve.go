package graphql

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	gql "github.com/graphql-go/graphql"

	"github.com/koonti/koonti/internal/content"
)

// item is a record, or an object in one: the source of their fields.
type item struct {
	view   *content.View
	record *content.Record
	value  *content.Value
	lang   content.Language
}

// attachment is the source of the fields of a File.
type attachment struct {
	content.File
	view *content.View
}

// translation is the source of the fields of a Translation.
type translation struct{ lang, text string }

// spoken is a source that is no record, with the language it was asked for in.
type spoken[T any] struct {
	of   T
	lang content.Language
}

// request is one execution. The executor runs it in a single goroutine.
type request struct {
	*Schema
	plan      *plan
	view      *content.View
	revisions Revisions
	// views are those that `at` named, or the errors it met.
	views map[string]revision
	// found are the results of searches.
	found map[*listing]*found
	run   *sieve
	stop  error
	// call is the field being read now; it is used again for the next.
	call call
}

type revision struct {
	view *content.View
	err  *Error
}

// call is one field being read. A reader must not keep it.
type call struct {
	*request
	source any
	place  *place
	bound  *bound
}

// reader reads a field. What it returns is the source of the fields below, a list
// of such, or a leaf.
type reader func(ctx context.Context, c *call) (any, error)

// calm hides from the executor that the time is over: it would return at once and
// leave its goroutine behind. The resolvers look themselves.
type calm struct{ context.Context }

// Done returns nil: never.
func (calm) Done() <-chan struct{} { return nil }

// resolver makes the executor's resolver of a field.
func (e engine) resolver(def *fieldDef) gql.FieldResolveFn {
	s := e.Schema
	read := readers[def.place.kind]
	return func(p gql.ResolveParams) (out any, err error) {
		r := p.Info.RootValue.(*request)
		if r.halted(p.Context) {
			return nothing(def.typ), nil
		}
		c := &r.call
		*c = call{request: r, source: p.Source, place: &def.place}
		if len(def.args) > 0 {
			c.bound = r.plan.bound[boundKey{p.Info.FieldASTs[0], langOf(r, p.Source)}]
		}
		defer func() {
			if fault := recover(); fault != nil {
				out, err = nil, s.internal(fmt.Errorf("read %s: panic: %v\n%s", def.name, fault, debug.Stack()))
			}
		}()
		if out, err = read(p.Context.(calm).Context, c); err != nil {
			return nil, s.visible(err)
		}
		return out, nil
	}
}

// visible turns an error into one that the client may see.
func (s *Schema) visible(err error) *Error {
	code, message := describeError(err)
	if code == CodeInternal {
		return s.internal(err)
	}
	return &Error{Code: code, Message: message}
}

// halted reports whether the work should end, now that every result is lost.
func (r *request) halted(ctx context.Context) bool {
	if r.stop == nil && r.run.stopped() {
		r.stop = ctx.Err()
	}
	return r.stop != nil
}

// nothing is what a field answers when it does not matter any more: the cheapest
// that raises no error, since graphql-go takes its time over each.
func nothing(t typeRef) any {
	switch {
	case !t.nonNull:
		return nil
	case t.item != nil:
		return []any{}
	}
	return ""
}

// langOf is the language inherited by the fields of a source.
func langOf(r *request, source any) content.Language {
	switch source := source.(type) {
	case *item:
		return source.lang
	case *page:
		return source.lang
	case spoken[content.Problem]:
		return source.lang
	case spoken[*content.Model]:
		return source.lang
	case spoken[*content.Collection]:
		return source.lang
	}
	return r.defaultLanguage()
}

// at returns the view that a root field reads.
func (c *call) at() (*content.View, error) {
	if c.bound == nil || c.bound.at == "" {
		return c.view, nil
	}
	found := c.views[c.bound.at]
	if found.err != nil {
		return nil, found.err
	}
	return found.view, nil
}

// fetch reads the revisions that the root fields name, each once, before anything
// is answered. It returns the errors, in the order of the query, where one of them
// loses the whole answer: the executor takes fields in any order, and would report
// any one of them.
func (r *request) fetch(ctx context.Context) []*Error {
	var errs []*Error
	lost := false
	for _, f := range r.plan.root.fields {
		if f.bound == nil || f.bound.at == "" {
			continue
		}
		if err := r.revision(ctx, f.bound.at); err != nil {
			errs = append(errs, r.at(f, err))
			lost = lost || f.def.typ.nonNull
		}
	}
	if !lost {
		return nil
	}
	return errs
}

// revision reads one revision; the error is one that the client may see.
func (r *request) revision(ctx context.Context, name string) *Error {
	if known, ok := r.views[name]; ok {
		return known.err
	}
	var found revision
	if r.revisions == nil {
		found.err = newError(CodeUnavailable, "revisions cannot be read here")
	} else if view, err := r.revisions.At(ctx, name); err != nil {
		found.err = r.visible(err)
	} else {
		found.view = view
	}
	r.views[name] = found
	return found.err
}

// readers is the one table from places to what reads them.
var readers = [placeKinds]reader{
	rootRecord:  func(_ context.Context, c *call) (any, error) { return c.one(c.place.collection) },
	rootAny:     func(_ context.Context, c *call) (any, error) { return c.one(c.bound.collection) },
	rootRecords: readRecords,
	rootSearch:  readSearch,
	rootModel: func(_ context.Context, c *call) (any, error) {
		return spoken[*content.Model]{c.model, c.bound.lang}, nil
	},
	rootProblems: readProblems,
	rootView:     func(_ context.Context, c *call) (any, error) { return notNil(c.at()) },

	recordKey:         readKey,
	recordID:          record(func(it *item) any { return string(it.record.ID) }),
	recordCollection:  record(func(it *item) any { return string(it.record.Collection) }),
	recordPath:        record(func(it *item) any { return it.record.Path }),
	recordDocument:    record(func(it *item) any { return it.record.Root }),
	recordValid:       record(func(it *item) any { return it.record.Valid }),
	recordStale:       record(func(it *item) any { return it.record.Stale }),
	recordUncommitted: record(func(it *item) any { return it.record.Uncommitted }),
	recordRevision:    record(revisionOf),
	recordProblems:    record(func(it *item) any { return problemsIn(it.view.ProblemsOf(it.record.Path), it.lang) }),
	recordTitle: func(_ context.Context, c *call) (any, error) {
		return textOrNil(c.item().record.Title(c.model, c.bound.lang)), nil
	},

	property: func(_ context.Context, c *call) (any, error) {
		return c.output(c.place.field.Shape, c.value(), c.textLang()), nil
	},
	propertyLang:         readLang,
	propertyTranslations: readTranslations,
	propertyFile:         readFile,
	inverse:              readInverse,

	pageEdges: func(_ context.Context, c *call) (any, error) {
		p := c.source.(*page)
		return each(p.records, func(r *content.Record) any { return edge{p, r} }), nil
	},
	pageNodes: func(_ context.Context, c *call) (any, error) {
		p := c.source.(*page)
		return each(p.records, func(r *content.Record) any { return p.item(r) }), nil
	},
	pageItself:      connection(func(p *page) any { return p }),
	pageTotal:       connection(func(p *page) any { return int64(p.total) }),
	pageHasNext:     connection(func(p *page) any { return p.next }),
	pageHasPrevious: connection(func(p *page) any { return p.previous }),
	pageStart:       connection(func(p *page) any { return p.cursorAt(0) }),
	pageEnd:         connection(func(p *page) any { return p.cursorAt(len(p.records) - 1) }),
	pageFacets:      readFacets,
	edgeCursor:      func(_ context.Context, c *call) (any, error) { e := c.source.(edge); return e.cursorOf(e.record), nil },
	edgeNode:        func(_ context.Context, c *call) (any, error) { e := c.source.(edge); return e.item(e.record), nil },

	facetValueItself: from(func(e *facetEntry) any { return e.value }),
	facetLabel:       from(func(e *facetEntry) any { return e.label }),
	facetCount:       from(func(e *facetEntry) any { return int64(e.count) }),
	facetShare:       from(func(e *facetEntry) any { return fraction(e.count, e.of) }),

	edgeScore:      from(func(e edge) any { return e.score() }),
	edgeHighlights: readHighlights,
	highlightField: from(func(h Highlight) any { return string(h.Field) }),
	highlightLang:  from(func(h Highlight) any { return textOrNil(string(h.Language)) }),
	highlightText:  from(func(h Highlight) any { return h.text() }),
	highlightHTML:  from(func(h Highlight) any { return h.html() }),
	highlightParts: from(func(h Highlight) any { return each(h.alternate(), func(s string) any { return s }) }),

	translationLang: from(func(t translation) any { return t.lang }),
	translationText: from(func(t translation) any { return t.text }),

	filePath: from(func(a *attachment) any { return a.Path }),
	fileSize: from(func(a *attachment) any { return a.Size }),
	fileURL:  func(_ context.Context, c *call) (any, error) { return c.fileURL(c.source.(*attachment)), nil },

	problemCollection:    problem(func(p content.Problem) any { return textOrNil(string(p.Collection)) }),
	problemID:            problem(func(p content.Problem) any { return textOrNil(string(p.ID)) }),
	problemPath:          problem(func(p content.Problem) any { return p.Path }),
	problemLine:          problem(func(p content.Problem) any { return countOrNil(p.Line) }),
	problemColumn:        problem(func(p content.Problem) any { return countOrNil(p.Column) }),
	problemRule:          problem(func(p content.Problem) any { return p.Rule }),
	problemSchemaPointer: problem(func(p content.Problem) any { return textOrNil(p.SchemaPointer) }),
	problemPointer: problem(func(p content.Problem) any {
		if p.Line == 0 {
			return nil
		}
		return string(p.Pointer)
	}),
	problemMessage: func(_ context.Context, c *call) (any, error) {
		return c.source.(spoken[content.Problem]).of.Message(c.bound.lang), nil
	},

	viewKey:         from(func(v *content.View) any { return v.Key }),
	viewCommit:      from(func(v *content.View) any { return textOrNil(string(v.Commit)) }),
	viewRef:         from(func(v *content.View) any { return textOrNil(v.Ref) }),
	viewCommittedAt: from(func(v *content.View) any { return timeOrNil(v.CommittedAt) }),
	viewPublishedAt: from(func(v *content.View) any { return timeOrNil(v.Published) }),
	viewModelStale:  from(func(v *content.View) any { return v.ModelStale }),
	viewRecords:     from(func(v *content.View) any { return int64(v.Snapshot.Count()) }),
	viewUncommitted: func(_ context.Context, c *call) (any, error) { return c.uncommitted(c.source.(*content.View)), nil },

	modelLanguages: from(func(m spoken[*content.Model]) any {
		return each(m.of.Languages, func(l content.Language) any { return string(l) })
	}),
	modelCollections: from(func(m spoken[*content.Model]) any {
		return each(m.of.Collections, func(c *content.Collection) any { return spoken[*content.Collection]{c, m.lang} })
	}),
	collectionName:     collection(func(c *content.Collection) any { return string(c.Name) }),
	collectionType:     collection(func(c *content.Collection) any { return c.Type }),
	collectionSchema:   collection(func(c *content.Collection) any { return c.Schema }),
	collectionPath:     collection(func(c *content.Collection) any { return c.Path.String() }),
	collectionSingular: collection(func(c *content.Collection) any { return textOrNil(c.Singular) }),
	collectionPlural:   collection(func(c *content.Collection) any { return textOrNil(c.Plural) }),
	collectionTitle: collection(func(c *content.Collection) any {
		if c.Title == nil {
			return nil
		}
		return string(*c.Title)
	}),
	collectionLocalized: collection(func(c *content.Collection) any {
		return each(c.Localized, func(p content.Pattern) any { return string(p) })
	}),
	collectionReferences: collection(func(c *content.Collection) any {
		return each(c.References, func(r content.Reference) any { return r })
	}),
	collectionLabel:     readLabel,
	referenceField:      from(func(r content.Reference) any { return string(r.At) }),
	referenceCollection: from(func(r content.Reference) any { return string(r.Target) }),
	referenceInverse:    from(func(r content.Reference) any { return textOrNil(r.Inverse) }),
}

// from makes a reader of a source of type T.
func from[T any](read func(T) any) reader {
	return func(_ context.Context, c *call) (any, error) { return read(c.source.(T)), nil }
}

func record(read func(*item) any) reader     { return from(read) }
func connection(read func(*page) any) reader { return from(read) }

func problem(read func(content.Problem) any) reader {
	return from(func(p spoken[content.Problem]) any { return read(p.of) })
}

func collection(read func(*content.Collection) any) reader {
	return from(func(c spoken[*content.Collection]) any { return read(c.of) })
}

func fraction(n, of int) number {
	return number(strconv.FormatFloat(float64(n)/float64(of), 'f', -1, 64))
}

func countOrNil(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}
