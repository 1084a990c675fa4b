package graphql

import (
	"cmp"
	"context"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

// Searcher finds records by their words. Errors wrap ErrUnavailable of content where it
// is not ready yet (their text tells the client how far it is), ErrTooLarge or
// ErrInvalid where the text cannot be looked for, or are the context's; the text of any
// other error is kept from clients. It is used by many goroutines at once, may block,
// and returns when ctx is done.
type Searcher interface {
	// Search returns the records of the view's snapshot that match, each once, in any
	// order; of them, a greater score means a better match. The same view and query
	// always give the same. The caller may change the list.
	Search(ctx context.Context, view *content.View, q SearchQuery) ([]SearchHit, error)
	// Highlights returns why a record was found, what says most first; it may be none.
	Highlights(ctx context.Context, view *content.View, r *content.Record, q SearchQuery) ([]Highlight, error)
}

// SearchQuery says what to look for.
type SearchQuery struct {
	// Text has words, and at most Limits.SearchText characters.
	Text string
	// Language is the reader's; "" for none.
	Language content.Language
	// Collections to look in; empty for all.
	Collections []content.CollectionName
}

// SearchHit is a record found. Scores compare within one search.
type SearchHit struct {
	Record *content.Record
	Score  float64
}

// Highlight is a fragment of one text of a record.
type Highlight struct {
	Field content.Pointer
	// Language is that of the text; "" where it is not localized.
	Language content.Language
	// Parts are the fragment, in order; those that were looked for are marked.
	Parts []HighlightPart
}

// HighlightPart is a piece of plain text.
type HighlightPart struct {
	Text  string
	Match bool
}

// searchCost is what one search counts as in the cost.
const searchCost = 1000

// The types.

func (b *builder) searchArg() *inputDef {
	return &inputDef{name: "search", typ: of(b.scalar("String")), description: "Only the records in which these words occur, in whatever form, also as parts of compounds; the best matches come first unless `orderBy` is given. At most 200 characters; where there are none but spaces, all records."}
}

// hitFields are the fields of an edge that tell of a search.
func (b *builder) hitFields() []*fieldDef {
	return []*fieldDef{
		{name: "score", typ: of(b.scalar("Float")), place: place{kind: edgeScore}, description: "How well it matches what is searched for: comparable within one search. Null where nothing is."},
		{name: "highlights", typ: listOfNonNull(of(b.highlight())), place: place{kind: edgeHighlights}, description: "Where the words searched for occur. Null where nothing is searched for."},
	}
}

func (b *builder) highlight() *typeDef {
	str := nonNull(of(b.scalar("String")))
	return b.table("Highlight", "A fragment of a text, in which words searched for occur.", func() []row {
		return []row{
			{"field", str, highlightField, "The place of the text (JSON Pointer, RFC 6901).", nil},
			{"lang", of(b.language()), highlightLang, "The language of the text; null where it is not localized.", nil},
			{"text", str, highlightText, "The fragment, plain.", nil},
			{"parts", nonNull(listOf(str)), highlightParts, "The fragment, cut where matches begin and end: every second part, beginning with the second, is a match. The first is empty where the fragment begins with one.", nil},
			{"html", str, highlightHTML, "The fragment as HTML: escaped, the matches in `<mark>`.", nil},
		}
	})
}

func (b *builder) searchRoot() *fieldDef {
	str := of(b.scalar("String"))
	return &fieldDef{
		name: "search", typ: of(b.searchConnection()), place: place{kind: rootSearch},
		args: []*inputDef{
			{name: "query", typ: nonNull(str), description: "The words to look for: at most 200 characters."},
			{name: "collections", typ: listOfNonNull(str), description: "Where to look, as the model names it; everywhere unless said."},
			b.inheritedArg(),
			{name: "first", typ: of(b.scalar("Int")), description: "How many from the beginning, or after `after`: 20 unless said, at most 500."},
			{name: "after", typ: str, description: "The cursor after which to begin."},
			b.atArg(),
		},
		description: "The records of all collections in which words occur, in whatever form, also as parts of compounds; the best matches first. Null where it cannot be searched now.",
	}
}

func (b *builder) searchConnection() *typeDef {
	hit := b.share(objectKind, "SearchHit", "A record found, and its place in the list.")
	hit.fields = append([]*fieldDef{
		{name: "cursor", typ: nonNull(of(b.scalar("String"))), place: place{kind: edgeCursor}, description: "The place in the list: for `after`."},
		{name: "node", typ: nonNull(of(b.record)), place: place{kind: edgeNode}},
	}, b.hitFields()...)
	list := b.share(objectKind, "SearchConnection", "A page of records found.")
	list.fields = []*fieldDef{
		{name: "edges", typ: nonNull(listOfNonNull(of(hit))), place: place{kind: pageEdges}, description: "The page, each record with its cursor, score and highlights."},
		{name: "nodes", typ: nonNull(listOfNonNull(of(b.record))), place: place{kind: pageNodes}, description: "The page."},
		{name: "pageInfo", typ: nonNull(of(b.pageInfo())), place: place{kind: pageItself}},
		{name: "totalCount", typ: nonNull(of(b.scalar("Int"))), place: place{kind: pageTotal}, description: "How many there are on all pages."},
	}
	return list
}

// The plan.

// searching checks the text of a search; nil where there is nothing to look for.
func (p *planner) searching(f *planField, text string, lang content.Language, collections ...content.CollectionName) *SearchQuery {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > p.limits.SearchText {
		p.fail(tooLarge("The search has %d characters; the limit is %d.", n, p.limits.SearchText), f.nodes[0])
		return nil
	}
	if text == "" {
		return nil
	}
	if p.searches++; p.searches == p.limits.Searches+1 {
		p.fail(tooLarge("The query searches more than %d times.", p.limits.Searches), f.nodes[0])
	}
	p.spend(0, searchCost)
	return &SearchQuery{Text: text, Language: lang, Collections: collections}
}

// searchListing compiles the arguments of the root field "search".
func (p *planner) searchListing(f *planField, args map[string]any, lang content.Language) *listing {
	l := &listing{lang: lang, first: -1, last: -1}
	list, _ := args["collections"].([]any)
	for _, name := range list {
		if c := p.collectionCalled(f, map[string]any{"collection": name}); c != nil && !slices.Contains(l.collections, c.Name) {
			l.collections = append(l.collections, c.Name)
		}
	}
	text, _ := args["query"].(string)
	l.query = p.searching(f, text, lang, l.collections...)
	fail := func(format string, args ...any) { p.fail(newError(CodeBadInput, format, args...), f.nodes[0]) }
	p.sizes(l, args, fail)
	l.after = l.cursor("after", args, fail)
	return l
}

// search takes up the argument of a collection.
func (p *planner) search(l *listing, f *planField, args map[string]any) {
	text, given := args["search"].(string)
	if given {
		l.query = p.searching(f, text, l.lang, l.types.collection.Name)
	}
	byRelevance := func(o ordering) bool { return o.field.relevance }
	switch {
	case l.query != nil && len(l.orders) == 0:
		l.orders = []ordering{{field: l.types.orderCalled(relevance), desc: true}}
	case l.query == nil && given: // a search field left empty: all is equally relevant
		l.orders = slices.DeleteFunc(l.orders, byRelevance)
	case l.query == nil && slices.ContainsFunc(l.orders, byRelevance):
		p.fail(newError(CodeBadInput, "There is no %s without \"search\".", relevance), f.nodes[0])
	}
}

// The work.

// found is what one search found.
type found struct {
	// hits are those of the view's snapshot: the best first, equal ones in the
	// model's order of collections, then by id.
	hits   []SearchHit
	scores map[content.Ref]float64
	err    *Error
}

// lookUp does the searches of the root fields, each once, before anything is answered. It
// returns errors as fetch does.
func (r *request) lookUp(ctx context.Context) []*Error {
	var errs []*Error
	lost := false
	for _, f := range r.plan.root.fields {
		if f.bound == nil || f.bound.list == nil {
			continue
		}
		c := call{request: r, bound: f.bound}
		view, err := c.at()
		if err != nil {
			continue // told when the field is read
		}
		if err := r.ready(ctx, view, f.bound.list); err != nil {
			errs = append(errs, r.at(f, err))
			lost = lost || f.def.typ.nonNull
		}
	}
	if !lost {
		return nil
	}
	return errs
}

// ready searches for what a list is made from; nil where nothing is missing.
func (r *request) ready(ctx context.Context, view *content.View, l *listing) *Error {
	if l.query == nil {
		return nil
	}
	if r.found[l] == nil {
		r.found[l] = r.search(ctx, view, *l.query)
	}
	return r.found[l].err
}

// at places an error at a root field.
func (r *request) at(f *planField, err *Error) *Error {
	return &Error{Message: err.Message, Code: err.Code, Path: []any{f.key}, Locations: locate(r.plan.document.text, f.nodes[0].Loc.Start)}
}

func (r *request) search(ctx context.Context, view *content.View, q SearchQuery) *found {
	out := &found{scores: map[content.Ref]float64{}}
	if r.config.Searcher == nil {
		out.err = newError(CodeUnavailable, "there is no search here")
		return out
	}
	hits, err := r.config.Searcher.Search(ctx, view, q)
	if err != nil {
		out.err = r.visible(err)
		return out
	}
	for _, h := range hits {
		if h.Record == nil || len(q.Collections) > 0 && !slices.Contains(q.Collections, h.Record.Collection) {
			continue
		}
		known := view.Snapshot.Record(h.Record.Ref)
		if _, twice := out.scores[h.Record.Ref]; known == nil || twice {
			continue
		}
		out.scores[known.Ref] = finite(h.Score)
		out.hits = append(out.hits, SearchHit{known, finite(h.Score)})
	}
	slices.SortFunc(out.hits, func(a, b SearchHit) int { return r.compareHits(a.Score, a.Record.Ref, b.Score, b.Record.Ref) })
	return out
}

// finite keeps a score one that can be compared and written.
func finite(score float64) float64 {
	if math.IsNaN(score) {
		return 0
	}
	return max(-math.MaxFloat64, min(score, math.MaxFloat64))
}

// compareHits orders a better hit before a worse one.
func (s *system) compareHits(scoreA float64, a content.Ref, scoreB float64, b content.Ref) int {
	if c := cmp.Compare(scoreB, scoreA); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(s.rankOf(a.Collection), s.rankOf(b.Collection)), cmp.Compare(a.ID, b.ID))
}

// rankOf is the place of a collection in the model.
func (s *system) rankOf(name content.CollectionName) int {
	return slices.IndexFunc(s.model.Collections, func(c *content.Collection) bool { return c.Name == name })
}

// readSearch answers the page of a search over all.
func readSearch(_ context.Context, c *call) (any, error) {
	view, err := c.at()
	if err != nil {
		return nil, err
	}
	l, result := c.bound.list, c.found[c.bound.list]
	if result == nil {
		result = &found{} // no words to look for
	}
	if result.err != nil {
		return nil, result.err
	}
	start := 0
	if l.after != nil {
		start = c.placeAfter(result.hits, *l.after)
	}
	end := min(len(result.hits), start+l.first)
	p := &page{listing: l, schema: c.Schema, view: view, found: result, total: len(result.hits), previous: start > 0, next: end < len(result.hits)}
	for _, h := range result.hits[start:end] {
		p.records = append(p.records, h.Record)
	}
	return p, nil
}

// placeAfter is where the hits after a cursor begin.
func (s *Schema) placeAfter(hits []SearchHit, after cursor) int {
	name, id, _ := strings.Cut(string(after.id), hitSeparator)
	ref := content.Ref{Collection: content.CollectionName(name), ID: content.ID(id)}
	i, _ := slices.BinarySearchFunc(hits, after, func(h SearchHit, _ cursor) int {
		c := strings.Compare(after.raws[0].value, floatKey(h.Score))
		if c == 0 {
			c = s.compareHits(0, h.Record.Ref, 0, ref)
		}
		if c == 0 {
			return -1 // the record of the cursor itself comes before
		}
		return c
	})
	return i
}

// hitSeparator stands between collection and id in the cursor of a search.
const hitSeparator = "\x00"

// hitCursor is the place of a record among the hits of a search over all.
func (p *page) hitCursor(r *content.Record) cursor {
	return cursor{
		raws: []rawKey{{floatKey(p.found.scores[r.Ref]), true}},
		id:   content.ID(string(r.Collection) + hitSeparator + string(r.ID)),
	}
}

// score is what an edge answers.
func (e edge) score() any {
	if e.found == nil {
		return nil
	}
	return number(strconv.FormatFloat(e.found.scores[e.record.Ref], 'g', -1, 64))
}

func readHighlights(ctx context.Context, c *call) (any, error) {
	e := c.source.(edge)
	if e.found == nil {
		return nil, nil
	}
	list, err := c.config.Searcher.Highlights(ctx, e.view, e.record, *e.query)
	if err != nil {
		c.stop = ctx.Err()
		return nil, err
	}
	return each(list, func(h Highlight) any { return h }), nil
}

// text is the fragment without marks.
func (h Highlight) text() string {
	var b strings.Builder
	for _, p := range h.Parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// alternate joins parts so that every second one is a match.
func (h Highlight) alternate() []string {
	out := []string{""}
	for _, p := range h.Parts {
		if p.Text == "" {
			continue
		}
		if isMatch := len(out)%2 == 0; isMatch != p.Match {
			out = append(out, "")
		}
		out[len(out)-1] += p.Text
	}
	return out
}

func (h Highlight) html() string {
	var b strings.Builder
	for i, text := range h.alternate() {
		if i%2 == 1 {
			b.WriteString("<mark>" + html.EscapeString(text) + "</mark>")
			continue
		}
		b.WriteString(html.EscapeString(text))
	}
	return b.String()
}
