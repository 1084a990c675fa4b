package graphql

import (
	"strings"

	"github.com/graphql-go/graphql/language/ast"

	"github.com/koonti/koonti/internal/content"
)

// plan is one operation with its variables: which fields are answered, in order,
// for each concrete type, and what their arguments say. The executor looks
// arguments up in it, the encoder walks it, and a compiler can start from it.
type plan struct {
	document  *document
	operation *operation
	variables values
	// actor is who asks.
	actor content.Actor
	root  *selection
	// bound has the arguments of fields, by the field and the language inherited.
	bound map[boundKey]*bound
	// revisioned: some field names a revision. historical: some field asks for what
	// happened.
	revisioned, historical bool
}

type boundKey struct {
	field *ast.Field
	lang  content.Language
}

// bound are the arguments of one field.
type bound struct {
	// lang is what holds for the field itself and, on a root field, below it.
	lang content.Language
	// at is the revision to read, from the one that a difference begins at.
	at, from   string
	id         content.ID
	collection *content.Collection
	list       *listing
	feed       *feed
	watch      *watch
	facet      *faceting
	field      content.Pointer // of lastChange
	typ        any             // of __type: a typeRef or nil
	number     int             // of a proposal
	writing    *writing
}

// selection is what is asked of one object type.
type selection struct {
	typ    *typeDef
	fields []*planField
}

// planField is one response key.
type planField struct {
	key   string
	def   *fieldDef
	nodes []*ast.Field
	bound *bound
	// below has one selection for each type the field may answer; none for leaves.
	below []*selection
}

// planner makes a plan and counts what it may cost.
type planner struct {
	*Schema
	*plan
	errs       []*Error
	work, cost int
	// pages is how often the connection whose fields are being planned stands in the
	// answer.
	pages int
	// searches is how many there are, writes how many mutations, with written bytes.
	searches, writes, written int
	revisions                 map[string]bool
}

// plan binds an operation to its variables. What is refused here was not executed.
func (s *Schema) plan(d *document, op *operation, variables values, actor content.Actor) (*plan, []*Error) {
	p := planner{
		Schema:    s,
		plan:      &plan{document: d, operation: op, variables: variables, actor: actor, bound: map[boundKey]*bound{}},
		revisions: map[string]bool{},
	}
	p.root = p.selection(s.root(op.kind), []*ast.SelectionSet{op.node.SelectionSet}, s.defaultLanguage(), 1)
	if len(p.revisions) > s.limits.Revisions {
		p.fail(tooLarge("The query reads %d revisions; the limit is %d.", len(p.revisions), s.limits.Revisions))
	}
	p.revisioned = len(p.revisions) > 0
	return p.plan, p.errs
}

// pinned reports whether all that is read is named by full hashes of commits, so that
// nothing but another model changes the answer.
func (p *plan) pinned() bool {
	found := false
	for _, f := range p.root.fields {
		if f.def.name == "__typename" {
			continue
		}
		if f.bound == nil || !fullHash(f.bound.at) {
			return false
		}
		found = true
	}
	return found
}

func fullHash(revision string) bool {
	return len(revision) == 40 && strings.Trim(revision, "0123456789abcdef") == ""
}

func (s *Schema) defaultLanguage() content.Language {
	if len(s.model.Languages) == 0 {
		return ""
	}
	return s.model.Languages[0]
}

func (p *planner) fail(err *Error, at ...*ast.Field) {
	if len(p.errs) >= p.limits.Errors {
		return
	}
	for _, f := range at {
		err.Locations = locate(p.document.text, f.Loc.Start)
	}
	p.errs = append(p.errs, err)
}

// spend counts and reports whether there is still room.
func (p *planner) spend(work, cost int) bool {
	within := p.work <= p.limits.Work && p.cost <= p.limits.Cost
	p.work, p.cost = p.work+work, p.cost+cost
	if within && p.work > p.limits.Work {
		p.fail(tooLarge("The query visits more than %d fields when its fragments are expanded.", p.limits.Work))
	}
	if within && p.cost > p.limits.Cost {
		p.fail(tooLarge("The query asks for more than %d values, counting lists by their page sizes; ask for smaller pages or fewer lists in lists.", p.limits.Cost))
	}
	return p.work <= p.limits.Work && p.cost <= p.limits.Cost
}

// selection plans what is asked of t, which stands times times in the answer.
func (p *planner) selection(t *typeDef, sets []*ast.SelectionSet, lang content.Language, times int) *selection {
	sel := &selection{typ: t}
	c := collector{planner: p, sel: sel, spread: map[string]bool{}}
	for _, set := range sets {
		c.collect(set)
	}
	for _, f := range sel.fields {
		if !p.spend(1, times) {
			break
		}
		p.field(f, lang, times)
	}
	return sel
}

// collector gathers fields as CollectFields does (June 2018, 6.3.2).
type collector struct {
	*planner
	sel    *selection
	spread map[string]bool
	byKey  map[string]*planField
}

func (c *collector) collect(set *ast.SelectionSet) {
	if set == nil {
		return
	}
	for _, s := range set.Selections {
		if !c.spend(1, 0) {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			if c.included(s.Directives) {
				c.add(s)
			}
		case *ast.InlineFragment:
			if c.included(s.Directives) && c.applies(s.TypeCondition) {
				c.collect(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			f := c.document.fragments[s.Name.Value]
			if f == nil || c.spread[s.Name.Value] || !c.included(s.Directives) {
				continue
			}
			c.spread[s.Name.Value] = true
			if c.applies(f.TypeCondition) {
				c.collect(f.SelectionSet)
			}
		}
	}
}

func (c *collector) applies(condition *ast.Named) bool {
	if condition == nil {
		return true
	}
	t := c.byName[condition.Name.Value]
	return t != nil && t.covers(c.sel.typ)
}

// included evaluates @skip and @include.
func (c *collector) included(directives []*ast.Directive) bool {
	for _, d := range directives {
		yes := false
		for _, arg := range d.Arguments {
			coerced := coercer{variables: c.variables}
			v, _ := coerced.coerce(fromLiteral(arg.Value), nonNull(of(c.scalarType("Boolean"))), "if")
			yes, _ = v.(bool)
			for _, e := range coerced.errors(c.document.text, 1) {
				c.fail(e)
			}
		}
		if d.Name.Value == "skip" && yes || d.Name.Value == "include" && !yes {
			return false
		}
	}
	return true
}

func (s *system) scalarType(name string) *typeDef { return s.byName[name] }

func (c *collector) add(f *ast.Field) {
	key := responseKey(f)
	if key == hiddenType {
		return
	}
	if known := c.byKey[key]; known != nil {
		known.nodes = append(known.nodes, f)
		return
	}
	out := &planField{key: key, def: c.fieldOf(c.sel.typ, visibleName(f)), nodes: []*ast.Field{f}}
	if c.byKey == nil {
		c.byKey = map[string]*planField{}
	}
	c.byKey[key] = out
	c.sel.fields = append(c.sel.fields, out)
}

// visibleName is the name of a field as the query has it.
func visibleName(f *ast.Field) string {
	name := f.Name.Value
	if len(name) > 0 && name[:1] == hiddenPrefix {
		return name[1:]
	}
	return name
}

// field binds the arguments of f and plans what is below it.
func (p *planner) field(f *planField, lang content.Language, times int) {
	if f.def == nil {
		return // validation would have refused it
	}
	f.bound = p.bind(f, lang)
	if f.def.place.kind == metaPlace {
		times = 0 // introspection has a budget of its own
	}
	if f.def.place.kind.isRoot() {
		lang = f.bound.lang
	}
	switch f.def.place.kind {
	case pageFacets, feedFacets, feedTotal:
		times = p.pages // it is of the whole list, not of each record of the page
	}
	p.spend(0, min(times*extraCosts[f.def.place.kind], p.limits.Cost+1))
	p.historical = p.historical || f.def.place.kind.isPast() || f.bound.list != nil && f.bound.list.dated
	if f.bound.list != nil || f.bound.feed != nil {
		defer func(outer int) { p.pages = outer }(p.pages)
		p.pages = times
	}
	times = min(times*p.size(f), p.limits.Cost+1)
	t := f.def.typ.named()
	if !t.composite() {
		return
	}
	sets := make([]*ast.SelectionSet, len(f.nodes))
	for i, n := range f.nodes {
		sets[i] = n.SelectionSet
	}
	concrete := t.possible
	if t.kind == objectKind {
		concrete = []*typeDef{t}
	}
	before := p.cost
	dearest := before
	for _, o := range concrete {
		p.cost = before
		f.below = append(f.below, p.selection(o, sets, lang, times))
		dearest = max(dearest, p.cost)
	}
	p.cost = dearest
}

// size is how many values a field answers at most, or may be thought to.
func (p *planner) size(f *planField) int {
	switch {
	case f.bound != nil && f.bound.list != nil:
		return max(1, f.bound.list.size())
	case f.bound != nil && f.bound.feed != nil:
		return max(1, f.bound.feed.first)
	case f.bound != nil && f.bound.facet != nil:
		return max(1, f.bound.facet.first)
	}
	switch f.def.place.kind {
	case pageEdges, pageNodes, feedEdges, feedNodes:
		return 1 // counted at the connection
	case proposalDiffs:
		return diffSize
	}
	if f.def.typ.item != nil {
		return embeddedSize
	}
	return 1
}

// bind evaluates arguments, once for each field and inherited language.
func (p *planner) bind(f *planField, lang content.Language) *bound {
	key := boundKey{f.nodes[0], lang}
	if b := p.bound[key]; b != nil {
		return b
	}
	b := &bound{lang: lang}
	p.bound[key] = b
	kind := f.def.place.kind
	if len(f.def.args) == 0 || kind == rootMutation && !p.may(f) {
		return b
	}
	args, ok := p.arguments(f)
	if !ok {
		return b
	}
	if l, ok := args["lang"].(string); ok {
		b.lang = content.Language(l)
	}
	if kind == rootMutation {
		b.writing = p.writing(f, args)
		return b
	}
	b.at, b.from = p.revision(args, "at", "to", "revision"), p.revision(args, "from")
	if id, ok := args["id"].(string); ok {
		b.id = content.ID(id)
	}
	switch kind {
	case rootAny, proposalRecord:
		b.collection = p.collectionCalled(f, args)
	case rootRecords, inverse:
		b.list = p.listing(f, args, b.lang)
	case rootSearch:
		b.list = p.searchListing(f, args, b.lang)
	case rootChanges, rootSteps, rootDeleted, rootTexts, rootDiff, recordHistory, recordVersions:
		b.feed = p.feed(f, args, b.lang)
	case rootProposals:
		b.feed = p.proposalFeed(f, args, b.lang)
	case rootProposal:
		number, _ := args["number"].(int64)
		b.number = int(number)
	case rootChanged:
		b.watch = p.watch(f, args, b.lang)
	case recordLastChange:
		if field := p.pointer(f, args); field != nil {
			b.field = *field
		}
	case pageFacets:
		b.facet = p.faceting(f, args)
	case feedFacets:
		b.facet = p.counting(f, args)
	case metaPlace:
		if name, ok := args["name"].(string); ok && p.byName[name] != nil {
			b.typ = of(p.byName[name])
		}
	}
	return b
}

// revision returns the one of the arguments that names a revision, "" where none does.
func (p *planner) revision(args map[string]any, names ...string) string {
	for _, name := range names {
		if text, ok := args[name].(string); ok {
			p.revisions[text] = true
			return text
		}
	}
	return ""
}

// arguments evaluates the arguments of a field, and reports whether all fit; what is
// absent is not in the map.
func (p *planner) arguments(f *planField) (map[string]any, bool) {
	given := p.document.arguments[f.nodes[0]]
	c := coercer{variables: p.variables}
	out := make(map[string]any, len(given))
	for _, def := range f.def.args {
		in := inputValue{literal: true, at: f.nodes[0].Loc.Start}
		for _, a := range given {
			if a.Name.Value == def.name {
				in = fromLiteral(a.Value)
			}
		}
		if v, ok := c.coerce(in, def.typ, def.name); ok {
			out[def.name] = v
		}
	}
	for _, e := range c.errors(p.document.text, p.limits.Errors) {
		p.fail(e)
	}
	return out, len(c.issues) == 0
}

func (p *planner) collectionCalled(f *planField, args map[string]any) *content.Collection {
	name, _ := args["collection"].(string)
	c := p.model.Collection(content.CollectionName(name))
	if c == nil {
		var names []string
		for _, c := range p.model.Collections {
			names = append(names, string(c.Name))
		}
		p.fail(newError(CodeBadInput, "There is no collection %q.%s", shorten(name), didYouMean(name, names)), f.nodes[0])
	}
	return c
}
