package graphql

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// feed is what a list of what happened is asked for, checked.
type feed struct {
	// name is that of the field.
	name string
	// query lacks the record of `history`. Its Limit is never 0: that would be all.
	query content.ChangeQuery
	// proposals is what is asked for of those.
	proposals content.ProposalQuery
	// part is the text to look for.
	part  string
	first int
	lang  content.Language
}

// extraCosts are what fields count as in the cost beside their values: most of the past
// is read when it is asked for.
var extraCosts = map[placeKind]int{
	pageFacets: facetCost, edgeHighlights: 50,
	rootChanges: 100, rootSteps: 100, rootDeleted: 100, rootDiff: 1000, rootCommit: 100,
	recordMovedTo: 5, recordCreatedBy: 5, recordUpdatedBy: 5, recordHistory: 50, recordLastChange: 10, recordBlame: 100, recordVersions: 50,
	feedTotal: facetCost, feedFacets: facetCost,
	changeFields: 20, changePrevious: 10, changeDocument: 10, changeCommit: 5, refRecord: 5, refTitle: 5, fieldWords: 10,
	stepCommit: 5, stepChanges: 20, stepRecords: 20, versionDocument: 10,
	rootProposals: 100, rootProposal: 20, recordProposals: 10, rootMutation: 1000,
	proposalDiffs: 1000, proposalRecord: 100, proposalChecks: 1000, proposalMergeable: 1000, proposalConflicts: 1000, proposalFiles: 1000,
}

// facetCost is that of a facet, or of counting what happened.
const facetCost = 200

// The types.

// feedType makes, once, the connection of a type of things that happened.
func (b *builder) feedType(node *typeDef, what, order string, more func() []row) *typeDef {
	if t := b.byName[node.name+"Connection"]; t != nil {
		return t
	}
	edge := b.table(node.name+"Edge", "One of "+what+", and its place in the list.", func() []row {
		return []row{
			{"cursor", nonNull(of(b.scalar("String"))), feedCursor, "The place in the list: for `after`.", nil},
			{"node", nonNull(of(node)), feedNode, "", nil},
		}
	})
	return b.table(node.name+"Connection", "A page of "+what+", "+order+".", func() []row {
		rows := []row{
			{"edges", nonNull(listOfNonNull(of(edge))), feedEdges, "The page, each with its cursor.", nil},
			{"nodes", nonNull(listOfNonNull(of(node))), feedNodes, "The page.", nil},
			{"pageInfo", nonNull(of(b.pageInfo())), feedItself, "", nil},
		}
		return append(rows, more()...)
	})
}

const newestFirst = "newest first"

// counted is the field of a connection that can be counted.
func (b *builder) counted() []row {
	return []row{{"totalCount", nonNull(of(b.scalar("Int"))), feedTotal, "How many there are on all pages.", nil}}
}

func uncounted() []row { return nil }

func (b *builder) changeFeed() *typeDef {
	return b.feedType(b.change(), "changes", newestFirst, func() []row {
		return append(b.counted(), row{
			"facets", listOfNonNull(of(b.facetValue())), feedFacets,
			"How many of the changes have each value, whatever page is asked for: the most frequent first. Null with an error for `deletedRecords`.",
			[]*inputDef{
				{name: "field", typ: nonNull(of(b.changeFacet())), description: "What to count by."},
				{name: "first", typ: of(b.scalar("Int")), description: "How many values: 20 unless said, at most 500."},
			},
		})
	})
}

func (b *builder) stepFeed() *typeDef {
	return b.feedType(b.publicationStep(), "steps", newestFirst, b.counted)
}

func (b *builder) diffFeed() *typeDef {
	return b.feedType(b.recordDiff(), "differences", "by collection and id", b.counted)
}

func (b *builder) versionFeed() *typeDef {
	return b.feedType(b.version(), "versions of a record", newestFirst, uncounted)
}

func (b *builder) occurrenceFeed() *typeDef {
	return b.feedType(b.occurrence(), "occurrences of a text", newestFirst, uncounted)
}

// pastRoots are the root fields that ask what happened.
func (b *builder) pastRoots() []*fieldDef {
	str, rev := of(b.scalar("String")), of(b.scalar("Revision"))
	collection := &inputDef{name: "collection", typ: str, description: "Only this collection, as the model names it."}
	paged := []*inputDef{b.inheritedArg(), b.firstArg(), b.afterArg(), b.atArg()}
	changes := slices.Concat([]*inputDef{collection}, b.changeArgs(), paged)
	return []*fieldDef{
		{
			name: "changes", typ: of(b.changeFeed()), place: place{kind: rootChanges}, args: changes,
			description: "Who changed what: every change that led to what is read, by commit. Null where the history cannot be read now.",
		},
		{
			name: "publicationSteps", typ: of(b.stepFeed()), place: place{kind: rootSteps}, args: changes,
			description: "What readers saw change: the steps of the served branch's first-parent line in which a record was changed as asked, each whole. Null where the history cannot be read now.",
		},
		{
			name: "deletedRecords", typ: of(b.changeFeed()), place: place{kind: rootDeleted}, args: append([]*inputDef{collection}, paged...),
			description: "The deletions of records that are not there now. Null where the history cannot be read now.",
		},
		{
			name: "textHistory", typ: of(b.occurrenceFeed()), place: place{kind: rootTexts},
			args:        append([]*inputDef{{name: "contains", typ: nonNull(str), description: "The text to look for: at most 200 characters; case does not count."}, collection}, paged...),
			description: "Where readers ever saw a text: when it came and when it went. Null where the history cannot be read now.",
		},
		{
			name: "diff", typ: of(b.diffFeed()), place: place{kind: rootDiff},
			args: []*inputDef{
				{name: "from", typ: nonNull(rev), description: "The revision before."},
				{name: "to", typ: rev, description: "The revision after; unless said what is served, with what is not committed yet."},
				collection, b.inheritedArg(), b.firstArg(), b.afterArg(),
			},
			description: "How the records of one revision differ from those of another. Null where it cannot be told now.",
		},
		{
			name: "commit", typ: of(b.commit()), place: place{kind: rootCommit}, args: []*inputDef{{name: "revision", typ: nonNull(rev)}},
			description: "The commit that a revision names.",
		},
		{
			name: "rewrites", typ: listOfNonNull(of(b.rewrite())), place: place{kind: rootRewrites},
			description: "When the served branch was moved by force to a commit that does not follow from the one before, newest first. Null where the history cannot be read now.",
		},
	}
}

// changeArgs are the arguments that choose among changes, but for the collection.
func (b *builder) changeArgs() []*inputDef {
	str, yes, when := of(b.scalar("String")), of(b.scalar("Boolean")), of(b.scalar("DateTime"))
	return []*inputDef{
		{name: "record", typ: of(b.scalar("ID")), description: "Only the record that has this id in `collection`, which must be given; also what it was called before, and what was done to other records while they had this id."},
		{name: "field", typ: str, description: "Only changes of this place (JSON Pointer, RFC 6901), or of what lies below it. A `*` stands for every index of a list, as in the values of the facet FIELD."},
		{name: "author", typ: str, description: "Only by people whose name or address has this in it; case does not count. Where addresses are not shown, one with `@` is refused."},
		{name: "kind", typ: listOfNonNull(of(b.changeKind())), description: "Only of these kinds; of all but FORMATTED unless said."},
		{name: "approved", typ: yes, description: "Whether someone other than the author approved it."},
		{name: "since", typ: when, description: "Only at this time or after it: see `Change.at`."},
		{name: "until", typ: when, description: "Only at this time or before it."},
		{name: "pullRequest", typ: of(b.scalar("Int")), description: "Only those that this pull request brought."},
		{name: "includeFormatting", typ: yes, initial: "false", description: "Also those of the kind FORMATTED, which change no value."},
	}
}

func (b *builder) firstArg() *inputDef {
	return &inputDef{name: "first", typ: of(b.scalar("Int")), description: "How many from the beginning, or after `after`: 20 unless said, at most 500."}
}

func (b *builder) afterArg() *inputDef {
	return &inputDef{name: "after", typ: of(b.scalar("String")), description: "The cursor after which to begin."}
}

// The plan.

// feed checks the arguments of a list of what happened.
func (p *planner) feed(f *planField, args map[string]any, lang content.Language) *feed {
	out := &feed{name: f.def.name, first: p.limits.PageSize, lang: lang}
	fail := func(format string, args ...any) { p.fail(newError(CodeBadInput, format, args...), f.nodes[0]) }
	if n, ok := args["first"].(int64); ok && p.sized("first", n, fail) {
		out.first = int(n)
	}
	out.query = p.changeQuery(f, args, fail)
	out.query.Limit = max(1, out.first)
	if text, ok := args["contains"].(string); ok {
		if strings.TrimSpace(text) == "" {
			fail("\"contains\" is empty; say what to look for.")
		}
		if q := p.searching(f, text, lang); q != nil {
			out.part = q.Text
		}
	}
	if text, ok := args["after"].(string); ok {
		c, ok := decodeCursor(text, out.mark(), 0)
		if !ok {
			fail("\"after\" is no cursor of this list: it is damaged, or comes from another list.")
		}
		out.query.After = string(c.id)
	}
	return out
}

// mark tells cursors of different lists apart.
func (f *feed) mark() uint32 {
	h := fnv.New32a()
	h.Write([]byte("\x05" + f.name))
	return h.Sum32()
}

func (p *planner) changeQuery(f *planField, args map[string]any, fail func(string, ...any)) content.ChangeQuery {
	q := content.ChangeQuery{Field: p.pointer(f, args)}
	if _, ok := args["collection"]; ok {
		if c := p.collectionCalled(f, args); c != nil {
			q.Collection = c.Name
		}
	}
	if id, ok := args["record"].(string); ok {
		if _, named := args["collection"]; !named {
			fail("\"record\" needs \"collection\": ids are unique inside one.")
		}
		q.Record = &content.Ref{Collection: q.Collection, ID: content.ID(id)}
	}
	if author, ok := args["author"].(string); ok {
		q.Author, q.AuthorByName = p.authorPart(f, author), !ShowsAddresses(p.actor.Role)
	}
	kinds, _ := args["kind"].([]any)
	for _, kind := range kinds {
		q.Kinds = append(q.Kinds, content.ChangeKind(kind.(string)))
	}
	q.Formatting, _ = args["includeFormatting"].(bool)
	q.Formatting = q.Formatting || slices.Contains(q.Kinds, content.Formatted)
	if yes, ok := args["approved"].(bool); ok {
		q.Approved = &yes
	}
	q.Since, _ = args["since"].(time.Time)
	q.Until, _ = args["until"].(time.Time)
	if n, ok := args["pullRequest"].(int64); ok {
		if n <= 0 {
			fail("\"pullRequest\" is %d; the numbers of pull requests begin at 1.", n)
		}
		q.PullRequest = int(n)
	}
	return q
}

// pointer reads the argument "field"; nil where it is not given.
func (p *planner) pointer(f *planField, args map[string]any) *content.Pointer {
	text, ok := args["field"].(string)
	if !ok {
		return nil
	}
	pointer, err := content.ParsePointer(text)
	if err != nil {
		code, message := describeError(err)
		p.fail(newError(code, "\"field\": %s", message), f.nodes[0])
	}
	return &pointer
}

// counting checks the arguments of a facet of changes.
func (p *planner) counting(f *planField, args map[string]any) *faceting {
	by, _ := args["field"].(string)
	return &faceting{by: content.ChangeFacet(by), first: p.facetSize(f, args)}
}

// The work.

// feedPage is one page of a feed: the source of the fields of its connection.
type feedPage struct {
	*feed
	nodes []any
	keys  []string
	more  bool
	// count counts all; facet counts by something.
	count func(ctx context.Context) (int, error)
	facet func(ctx context.Context, by content.ChangeFacet) ([]content.FacetCount, error)
	total memo[struct{}, int]
}

// feedEdge is one of a page.
type feedEdge struct {
	*feedPage
	index int
}

// window is a page of whatever list: the source of the fields of PageInfo.
type window interface {
	around() (previous, next bool)
	len() int
	// cursorAt returns nil where there is no such place.
	cursorAt(i int) any
}

func (p *feedPage) around() (previous, next bool) { return p.query.After != "", p.more }
func (p *feedPage) len() int                      { return len(p.nodes) }

func (p *feedPage) cursorAt(i int) any {
	if i < 0 || i >= len(p.keys) {
		return nil
	}
	return cursor{id: content.ID(p.keys[i])}.encode(p.mark())
}

func (p *feedPage) edges() []any {
	out := make([]any, len(p.nodes))
	for i := range out {
		out[i] = feedEdge{p, i}
	}
	return out
}

// newFeedPage makes a page of what a history listed.
func newFeedPage[T any](f *feed, list []T, more bool, key func(*T) string, node func(*T) any) *feedPage {
	p := &feedPage{feed: f, more: more || len(list) > f.first, total: memo[struct{}, int]{}}
	for i := range list[:min(len(list), f.first)] {
		p.keys = append(p.keys, key(&list[i]))
		p.nodes = append(p.nodes, node(&list[i]))
	}
	if p.nodes == nil {
		p.nodes = []any{}
	}
	return p
}

// wrong says what an error means where a list was asked for: a cursor that names
// nothing is the client's mistake.
func (f *feed) wrong(err error) error {
	if f.query.After != "" && errors.Is(err, content.ErrNotFound) {
		return newError(CodeBadInput, "\"after\" names nothing in this list any more; begin again without it.")
	}
	return err
}

func readChanges(ctx context.Context, c *call) (any, error) {
	h, err := c.historyAt(ctx)
	if err != nil {
		return nil, err
	}
	return notNil(h.changesPage(ctx, c.bound.feed, c.bound.feed.query))
}

func readHistory(ctx context.Context, c *call) (any, error) {
	h, ref, err := c.life(ctx)
	if err != nil {
		return nil, err
	}
	q := c.bound.feed.query
	q.Record, q.Own = &ref, true
	return notNil(h.changesPage(ctx, c.bound.feed, q))
}

// life is the past that lists of one record's life are read from, and what the record is
// called there. One that was asked for by a former name is answered as it last was under
// it, but its life goes on up to what was asked at.
func (c *call) life(ctx context.Context) (*history, content.Ref, error) {
	it := c.item()
	if it.now != nil {
		it = it.now
	}
	h, err := c.history(ctx, it.view)
	return h, it.record.Ref, err
}

func (h *history) changesPage(ctx context.Context, f *feed, q content.ChangeQuery) (*feedPage, error) {
	list, err := h.Changes(ctx, q)
	if err != nil {
		return nil, f.wrong(err)
	}
	out := newFeedPage(f, list.Changes, list.More, (*content.Change).Key, told{h, f.lang}.change)
	out.count = func(ctx context.Context) (int, error) { return h.CountChanges(ctx, q) }
	out.facet = func(ctx context.Context, by content.ChangeFacet) ([]content.FacetCount, error) {
		return h.FacetChanges(ctx, q, by)
	}
	return out, nil
}

func readSteps(ctx context.Context, c *call) (any, error) {
	h, err := c.historyAt(ctx)
	if err != nil {
		return nil, err
	}
	f := c.bound.feed
	list, err := h.Steps(ctx, f.query)
	if err != nil {
		return nil, f.wrong(err)
	}
	page := newFeedPage(f, list.Steps, list.More, func(s *content.Step) string { return string(s.Commit) }, told{h, f.lang}.step)
	page.count = func(ctx context.Context) (int, error) { return h.CountSteps(ctx, f.query) }
	return page, nil
}

func readDeleted(ctx context.Context, c *call) (any, error) {
	h, err := c.historyAt(ctx)
	if err != nil {
		return nil, err
	}
	f := c.bound.feed
	list, err := h.Deleted(ctx, f.query.Collection, f.query.Limit, f.query.After)
	if err != nil {
		return nil, f.wrong(err)
	}
	page := newFeedPage(f, list.Changes, list.More, (*content.Change).Key, told{h, f.lang}.change)
	page.count = func(ctx context.Context) (int, error) { return h.CountDeleted(ctx, f.query.Collection) }
	return page, nil
}

func readTexts(ctx context.Context, c *call) (any, error) {
	h, err := c.historyAt(ctx)
	if err != nil {
		return nil, err
	}
	f := c.bound.feed
	list, more, err := h.Containing(ctx, f.part, f.query.Collection, f.query.Limit, f.query.After)
	if err != nil {
		return nil, f.wrong(err)
	}
	return newFeedPage(f, list, more, (*content.Occurrence).Key, func(o *content.Occurrence) any { return occurrence{told{h, f.lang}, o} }), nil
}

func readVersions(ctx context.Context, c *call) (any, error) {
	h, ref, err := c.life(ctx)
	if err != nil {
		return nil, err
	}
	f := c.bound.feed
	list, more, err := h.Versions(ctx, ref, f.query.Limit, f.query.After)
	if err != nil {
		return nil, f.wrong(err)
	}
	key := func(v *content.Version) string { return v.Change.Key() }
	return newFeedPage(f, list, more, key, func(v *content.Version) any { return version{told{h, f.lang}, v} }), nil
}

// readDiff pages through a difference, which is found as a whole.
func readDiff(ctx context.Context, c *call) (any, error) {
	f, from := c.bound.feed, c.views[c.bound.from]
	if from.err != nil {
		return nil, from.err
	}
	h, err := c.historyAt(ctx)
	if err != nil {
		return nil, err
	}
	list, err := c.diffs.get([2]*content.View{from.view, h.view}, func() ([]content.Change, error) {
		committed, err := c.committed(ctx, h.view)
		if err != nil {
			return nil, err
		}
		return c.config.Histories.Diff(ctx, from.view, h.view, committed)
	})
	if err != nil {
		return nil, err
	}
	if name := f.query.Collection; name != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(d content.Change) bool { return d.Collection != name })
	}
	total, start := len(list), 0
	key := func(d *content.Change) string { return d.Ref.String() }
	if after := f.query.After; after != "" {
		start = 1 + slices.IndexFunc(list, func(d content.Change) bool { return key(&d) == after })
		if start == 0 {
			return nil, f.wrong(content.ErrNotFound)
		}
	}
	page := newFeedPage(f, list[start:], false, key, told{h, f.lang}.change)
	page.count = func(context.Context) (int, error) { return total, nil }
	return page, nil
}

// committed is the view of the commit that a work tree is of; nil for a view of a commit.
func (r *request) committed(ctx context.Context, view *content.View) (*content.View, error) {
	if !view.WorkTree {
		return nil, nil
	}
	if view.Commit == "" {
		return &content.View{Snapshot: content.NewSnapshot(nil, nil, nil), Model: view.Model}, nil
	}
	if err := r.revision(ctx, string(view.Commit)); err != nil {
		return nil, err
	}
	return r.views[string(view.Commit)].view, nil
}

// historyAt is the past of the view that a root field reads.
func (c *call) historyAt(ctx context.Context) (*history, error) {
	view, err := c.at()
	if err != nil {
		return nil, err
	}
	return c.history(ctx, view)
}

// all counts once.
func (p *feedPage) all(ctx context.Context) (int, error) {
	return p.total.get(struct{}{}, func() (int, error) { return p.count(ctx) })
}

func readFeedTotal(ctx context.Context, c *call) (any, error) {
	n, err := c.source.(*feedPage).all(ctx)
	return int64(n), err
}

func readFeedFacets(ctx context.Context, c *call) (any, error) {
	p, asked := c.source.(*feedPage), c.bound.facet
	if p.facet == nil {
		return nil, newError(CodeBadInput, "%q has no facets; ask for those of changes(kind: DELETED).", p.name)
	}
	list, err := p.facet(ctx, asked.by)
	if err != nil {
		return nil, err
	}
	total, err := p.all(ctx)
	if err != nil {
		return nil, err
	}
	return each(list[:min(len(list), asked.first)], func(f content.FacetCount) any {
		e := &facetEntry{value: f.Value, label: f.Value, count: f.Count, of: total}
		switch asked.by {
		case content.FacetAuthor:
			e.value = c.plan.discreet(f.Value)
			e.label = e.value
		case content.FacetCollection:
			if of := c.model.Collection(content.CollectionName(f.Value)); of != nil {
				e.label = cmp.Or(c.label(of, p.lang), f.Value)
			}
		}
		return e
	}), nil
}
