package graphql

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
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
	// now is what the record is called in the view that was asked, where that is known
	// to be another name.
	now *item
}

func newItem(view *content.View, r *content.Record, lang content.Language) *item {
	return &item{view: view, record: r, value: r.Root, lang: lang}
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
	// histories are what led to the views asked about; diffs lie between two.
	histories memo[*content.View, *history]
	diffs     memo[[2]*content.View, []content.Change]
	desk      desk
	// event is what a subscription is answered for; nil for a query.
	event *content.Change
	// historical: what happened was asked for, also where the plan does not tell.
	historical bool
	// notices are errors of fields that are answered nevertheless.
	notices []*Error
	// faults counts the errors of each field.
	faults map[string]int
	run    *sieve
	stop   error
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
		ctx := p.Context.(calm).Context
		if out, err = read(ctx, c); err != nil {
			r.stop = firstError(r.stop, ctx.Err())
			if !def.typ.nonNull && r.enough(p.Info.Path) {
				return nil, nil
			}
			return nil, s.visible(err)
		}
		return out, nil
	}
}

// enough counts the errors of a field, whatever the items of lists it stands in, and
// reports whether no more need be told: what is unavailable is so for each item, and
// graphql-go takes its time over each error.
func (r *request) enough(path *gql.ResponsePath) bool {
	field := ""
	for ; path != nil; path = path.Prev {
		if key, ok := path.Key.(string); ok {
			field += "/" + key
		}
	}
	r.faults[field]++
	return r.faults[field] > r.limits.Errors
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
	case *feedPage:
		return source.lang
	case spoken[content.Problem]:
		return source.lang
	case spoken[*content.Model]:
		return source.lang
	case spoken[*content.Collection]:
		return source.lang
	case spoken[*content.Check]:
		return source.lang
	case proposal:
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
		for _, name := range f.revisions() {
			if err := r.revision(ctx, name); err != nil {
				errs = append(errs, r.at(f, err))
				lost = lost || f.def.typ.nonNull
			}
		}
	}
	if !lost {
		return nil
	}
	return errs
}

// revisions are those that a root field reads; a commit by its full hash is looked for
// in the history first.
func (f *planField) revisions() []string {
	if f.bound == nil || f.def.place.kind == rootCommit && fullHash(f.bound.at) {
		return nil
	}
	return slices.DeleteFunc([]string{f.bound.from, f.bound.at}, func(name string) bool { return name == "" })
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
	rootRecord:  func(ctx context.Context, c *call) (any, error) { return c.one(ctx, c.place.collection) },
	rootAny:     func(ctx context.Context, c *call) (any, error) { return c.one(ctx, c.bound.collection) },
	rootRecords: readRecords,
	rootSearch:  readSearch,
	rootModel: func(_ context.Context, c *call) (any, error) {
		return spoken[*content.Model]{c.model, c.bound.lang}, nil
	},
	rootProblems: readProblems,
	rootChanges:  readChanges,
	rootChanged:  readChanged,
	rootSteps:    readSteps,
	rootDeleted:  readDeleted,
	rootTexts:    readTexts,
	rootDiff:     readDiff,
	rootCommit:   readCommit,
	rootRewrites: readRewrites,
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
	recordMovedTo:    func(ctx context.Context, c *call) (any, error) { return notNil(c.movedTo(ctx)) },
	recordCreatedAt:  dated(opCreatedAt, readWhen),
	recordCreatedBy:  dated(opCreatedAt, readWho),
	recordUpdatedAt:  dated(opUpdatedAt, readWhen),
	recordUpdatedBy:  dated(opUpdatedAt, readWho),
	recordHistory:    readHistory,
	recordLastChange: readLastChange,
	recordBlame:      readBlame,
	recordVersions:   readVersions,
	recordProposals:  readRecordProposals,

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
	pageHasNext:     from(func(w window) any { _, next := w.around(); return next }),
	pageHasPrevious: from(func(w window) any { previous, _ := w.around(); return previous }),
	pageStart:       from(func(w window) any { return w.cursorAt(0) }),
	pageEnd:         from(func(w window) any { return w.cursorAt(w.len() - 1) }),
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

	feedEdges:  from(func(p *feedPage) any { return p.edges() }),
	feedNodes:  from(func(p *feedPage) any { return p.nodes }),
	feedItself: from(func(p *feedPage) any { return p }),
	feedTotal:  readFeedTotal,
	feedFacets: readFeedFacets,
	feedCursor: from(func(e feedEdge) any { return e.cursorAt(e.index) }),
	feedNode:   from(func(e feedEdge) any { return e.nodes[e.index] }),

	changeKey:         readChangeKey,
	changeRecord:      from(func(ch change) any { return ch.record() }),
	changeWas:         from(func(ch change) any { return ch.was() }),
	changeKind:        from(func(ch change) any { return string(ch.Kind) }),
	changeAt:          from(func(ch change) any { return timeOrNil(ch.At) }),
	changeFields:      reading(readFields),
	changePrevious:    reading(func(ctx context.Context, ch change) (any, error) { return ch.document(ctx, ch.Before) }),
	changeDocument:    reading(func(ctx context.Context, ch change) (any, error) { return ch.document(ctx, ch.After) }),
	changeUnreadable:  from(func(ch change) any { return ch.Unreadable }),
	changeCommit:      reading(func(ctx context.Context, ch change) (any, error) { return notNil(ch.of.commit(ctx, ch.Commit)) }),
	changePublication: from(func(ch change) any { return ch.publication() }),
	changePullRequest: from(func(ch change) any { return orNil(ch.PullRequest) }),
	changeApprovals:   from(func(ch change) any { return each(ch.Approvals, same) }),
	refCollection:     from(func(r recordRef) any { return string(r.ref.Collection) }),
	refID:             from(func(r recordRef) any { return string(r.ref.ID) }),
	refPath:           from(func(r recordRef) any { return r.path }),
	refTitle:          readRefTitle,
	refRecord:         reading(readRefRecord),
	fieldPlace:        from(func(f content.FieldChange) any { return string(f.Pointer) }),
	fieldBefore:       from(func(f content.FieldChange) any { return orNil(f.Before) }),
	fieldAfter:        from(func(f content.FieldChange) any { return orNil(f.After) }),
	fieldParent:       from(func(f content.FieldChange) any { return textOrNil(string(f.Parent)) }),
	fieldWords:        from(wordsOf),
	wordKind:          from(func(w content.WordDiff) any { return string(w.Kind) }),
	wordText:          from(func(w content.WordDiff) any { return w.Text }),
	blamePlace:        from(func(b blamed) any { return string(b.Pointer) }),
	blameValue:        from(func(b blamed) any { return orNil(b.Value) }),
	blameChange:       from(func(b blamed) any { return b.change(b.Change) }),

	stepCommit:      reading(func(ctx context.Context, s step) (any, error) { return notNil(s.of.commit(ctx, s.hash)) }),
	stepPullRequest: reading(stepped(func(_ step, s *content.Step) any { return orNil(s.PullRequest) })),
	stepApprovals:   reading(stepped(func(_ step, s *content.Step) any { return each(s.Approvals, same) })),
	stepChanges:     reading(stepped(func(at step, s *content.Step) any { return at.changes(s.Changes) })),
	stepRecords:     reading(stepped(func(at step, s *content.Step) any { return at.changes(s.Records) })),

	versionRevision:  from(func(v version) any { return string(cmp.Or(v.Change.Step, v.Change.Commit)) }),
	versionChange:    from(func(v version) any { return v.change(&v.Change) }),
	versionDocument:  reading(func(ctx context.Context, v version) (any, error) { return v.document(ctx, v.Change.After) }),
	versionFrom:      from(func(v version) any { return timeOrNil(v.Change.At) }),
	versionUntil:     from(func(v version) any { return endOf(v.Until) }),
	occurrenceRecord: from(func(o occurrence) any { return o.record() }),
	occurrenceField:  from(func(o occurrence) any { return string(o.Field) }),
	occurrenceValue:  from(func(o occurrence) any { return o.Value }),
	occurrenceFrom:   from(func(o occurrence) any { return o.change(&o.From) }),
	occurrenceUntil:  from(func(o occurrence) any { return o.change(o.Until) }),

	commitHash:           from(func(k *content.Commit) any { return string(k.Hash) }),
	commitSubject:        said(func(k *content.Commit) string { return k.Subject }),
	commitMessage:        said(func(k *content.Commit) string { return k.Message }),
	commitAuthor:         from(func(k *content.Commit) any { return k.Author }),
	commitCommitter:      from(func(k *content.Commit) any { return k.Committer }),
	commitCoAuthors:      from(func(k *content.Commit) any { return each(k.CoAuthors, same) }),
	commitReviewers:      from(func(k *content.Commit) any { return each(k.Reviewers, same) }),
	commitMerger:         from(func(k *content.Commit) any { return valueOf(k.Merger) }),
	commitAuthoredAt:     from(func(k *content.Commit) any { return timeOrNil(k.AuthoredAt) }),
	commitCommittedAt:    from(func(k *content.Commit) any { return timeOrNil(k.CommittedAt) }),
	commitParents:        from(func(k *content.Commit) any { return each(k.Parents, func(h content.Hash) any { return string(h) }) }),
	commitSignature:      from(func(k *content.Commit) any { return k.Signature }),
	personName:           said(func(p content.Person) string { return p.Name }),
	personEmail:          readEmail,
	personIdentity:       from(func(p content.Person) any { return string(p.Identity) }),
	approvalPerson:       from(func(a content.Approval) any { return a.Person }),
	approvalAt:           from(func(a content.Approval) any { return timeOrNil(a.At) }),
	approvalSource:       from(func(a content.Approval) any { return a.Source }),
	pullNumber:           from(func(p *content.PullRequest) any { return int64(p.Number) }),
	pullTitle:            saidOrNil(func(p *content.PullRequest) string { return p.Title }),
	pullURL:              from(func(p *content.PullRequest) any { return textOrNil(p.URL) }),
	signatureStatus:      from(func(s content.Signature) any { return string(s.Status) }),
	signatureFormat:      from(func(s content.Signature) any { return textOrNil(s.Format) }),
	signatureFingerprint: from(func(s content.Signature) any { return textOrNil(s.Key) }),
	signatureSigner:      saidOrNil(func(s content.Signature) string { return s.Signer }),
	rewriteRef:           from(func(r content.Rewrite) any { return r.Ref }),
	rewriteFrom:          from(func(r content.Rewrite) any { return string(r.From) }),
	rewriteTo:            from(func(r content.Rewrite) any { return string(r.To) }),
	rewriteNoticedAt:     from(func(r content.Rewrite) any { return timeOrNil(r.Noticed) }),

	rootProposals:       readProposals,
	rootProposal:        readProposal,
	rootMutation:        readMutation,
	proposalNumber:      from(func(p proposal) any { return int64(p.Number) }),
	proposalTitle:       said(func(p proposal) string { return p.Title }),
	proposalDescription: said(func(p proposal) string { return p.Description }),
	proposalState:       from(func(p proposal) any { return string(p.State) }),
	proposalAuthor:      from(func(p proposal) any { return p.Author }),
	proposalBranch:      from(func(p proposal) any { return p.Branch }),
	proposalTarget:      from(func(p proposal) any { return p.Target }),
	proposalHead:        from(func(p proposal) any { return string(p.Head) }),
	proposalBase:        from(func(p proposal) any { return string(p.Base) }),
	proposalRevision:    from(func(p proposal) any { return "proposal/" + strconv.Itoa(p.Number) }),
	proposalMergedAs:    from(func(p proposal) any { return textOrNil(string(p.MergedAs)) }),
	proposalOpenedAt:    from(func(p proposal) any { return timeOrNil(p.OpenedAt) }),
	proposalUpdatedAt:   from(func(p proposal) any { return timeOrNil(p.UpdatedAt) }),
	proposalRequested:   allSaid(func(p proposal) []string { return p.Requested }),
	proposalReviews:     from(func(p proposal) any { return each(p.Reviews, same) }),
	proposalComments:    from(func(p proposal) any { return each(p.Comments, same) }),
	proposalEvents:      from(func(p proposal) any { return each(p.Events, same) }),
	proposalURL:         from(func(p proposal) any { return textOrNil(p.URL) }),
	proposalDiffs:       readProposalDiffs,
	proposalRecord:      readProposalRecord,
	proposalChecks:      reported(checksOf),
	proposalMergeable:   reported(func(_ proposal, r *content.ProposalReport) any { return r.Mergeable }),
	proposalConflicts:   reported(func(_ proposal, r *content.ProposalReport) any { return conflictsIn(r.Conflicts) }),
	proposalFiles:       reported(func(_ proposal, r *content.ProposalReport) any { return each(r.Files, same) }),
	changedPath:         said(func(f content.ProposalFile) string { return f.Path }),
	changedKind:         from(func(f content.ProposalFile) any { return string(f.Kind) }),
	reviewPerson:        from(func(r content.Review) any { return r.Person }),
	reviewVerdict:       from(func(r content.Review) any { return string(r.Verdict) }),
	reviewText:          said(func(r content.Review) string { return r.Text }),
	reviewHead:          from(func(r content.Review) any { return string(r.Head) }),
	reviewStale:         from(func(r content.Review) any { return r.Stale }),
	reviewAt:            from(func(r content.Review) any { return timeOrNil(r.At) }),
	commentID:           from(func(k content.Comment) any { return k.ID }),
	commentPerson:       from(func(k content.Comment) any { return k.Person }),
	commentText:         said(func(k content.Comment) string { return k.Text }),
	commentAt:           from(func(k content.Comment) any { return timeOrNil(k.At) }),
	eventKind:           from(func(e content.ProposalEvent) any { return string(e.Kind) }),
	eventActor:          from(func(e content.ProposalEvent) any { return e.Actor }),
	eventAt:             from(func(e content.ProposalEvent) any { return timeOrNil(e.At) }),
	eventHead:           from(func(e content.ProposalEvent) any { return string(e.Head) }),
	eventText:           said(func(e content.ProposalEvent) string { return e.Text }),

	checkName:     checked(func(k *content.Check, _ content.Language) any { return string(k.Name) }),
	checkStatus:   checked(func(k *content.Check, _ content.Language) any { return string(k.Status) }),
	checkSummary:  readCheckSummary,
	checkProblems: checked(func(k *content.Check, lang content.Language) any { return problemsIn(k.Problems, lang) }),
	checkKnown:    checked(func(k *content.Check, lang content.Language) any { return problemsIn(k.Known, lang) }),
	checkAPI:      checked(func(k *content.Check, _ content.Language) any { return each(k.API, same) }),
	checkMissing:  allSaid(func(k spoken[*content.Check]) []string { return k.of.Missing }),
	apiSeverity:   from(func(a content.APIChange) any { return string(a.Severity) }),
	apiCoordinate: from(func(a content.APIChange) any { return a.Coordinate }),
	apiMessage:    from(func(a content.APIChange) any { return a.Message }),

	conflictPath:       from(func(k *content.MergeConflict) any { return k.Path }),
	conflictCollection: from(nameOf(func(r content.Ref) string { return string(r.Collection) })),
	conflictID:         from(nameOf(func(r content.Ref) string { return string(r.ID) })),
	conflictField:      from(func(k *content.MergeConflict) any { return string(k.Field) }),
	conflictBase:       from(func(k *content.MergeConflict) any { return orNil(k.Base) }),
	conflictOurs:       from(func(k *content.MergeConflict) any { return orNil(k.Ours) }),
	conflictTheirs:     from(func(k *content.MergeConflict) any { return orNil(k.Theirs) }),

	resultOK:                 from(func(r result) any { return r.refusal == nil }),
	resultProposal:           from(func(r result) any { return proposalOr(r.proposal, r.lang) }),
	resultRefusal:            from(func(r result) any { return refusalOr(r.refusal, r.lang) }),
	validationOK:             from(func(v validation) any { return v.refusal == nil && len(v.problems) == 0 }),
	validationProblems:       from(func(v validation) any { return problemsIn(v.problems, v.lang) }),
	validationRefusal:        from(func(v validation) any { return refusalOr(v.refusal, v.lang) }),
	refusalReason:            refusalOf(func(r *content.Refusal, _ content.Language) any { return string(r.Reason) }),
	refusalMessage:           said(func(r spoken[*content.Refusal]) string { return r.of.Message }),
	refusalProblems:          refusalOf(func(r *content.Refusal, lang content.Language) any { return problemsIn(r.Problems, lang) }),
	refusalConflicts:         refusalOf(func(r *content.Refusal, _ content.Language) any { return conflictsIn(r.Conflicts) }),
	refusalReferrers:         refusalOf(func(r *content.Refusal, _ content.Language) any { return each(r.Referrers, same) }),
	refusalPaths:             refusalOf(func(r *content.Refusal, _ content.Language) any { return each(r.Paths, same) }),
	refusalMissing:           allSaid(func(r spoken[*content.Refusal]) []string { return r.of.Missing }),
	referrerCollection:       from(func(r content.Referrer) any { return string(r.Record.Collection) }),
	referrerID:               from(func(r content.Referrer) any { return string(r.Record.ID) }),
	referrerPath:             from(func(r content.Referrer) any { return r.Path }),
	referrerField:            from(func(r content.Referrer) any { return string(r.Field) }),
	referrerTargetCollection: from(func(r content.Referrer) any { return string(r.Target.Collection) }),
	referrerTargetID:         from(func(r content.Referrer) any { return string(r.Target.ID) }),

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

// reading makes one that may have to wait, or fail.
func reading[T any](read func(context.Context, T) (any, error)) reader {
	return func(ctx context.Context, c *call) (any, error) { return read(ctx, c.source.(T)) }
}

// said makes a reader of what people wrote beside the content, saidOrNil one of what
// may not be there.
func said[T any](read func(T) string) reader {
	return func(_ context.Context, c *call) (any, error) { return c.plan.discreet(read(c.source.(T))), nil }
}

func saidOrNil[T any](read func(T) string) reader {
	return func(_ context.Context, c *call) (any, error) {
		return textOrNil(c.plan.discreet(read(c.source.(T)))), nil
	}
}

// orNil keeps a nil pointer from being answered as what it does not point to, valueOf
// also follows it.
func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

func valueOf[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
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
