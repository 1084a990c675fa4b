package history

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// asked is a query made ready for one past.
type asked struct {
	content.ChangeQuery
	past *Past
	// changes and seen are the places of the record's rows, where one is asked for.
	changes, seen []int32
	// authors are the people that the author is a part of.
	authors map[int32]bool
	// follow finds a field that lies in a list; nil where there is none.
	follow *follower
	// generic: the field has "*" for indexes, as facets name it.
	generic bool
}

func (p *Past) ask(ctx context.Context, q content.ChangeQuery) (*asked, error) {
	a := &asked{ChangeQuery: q, past: p}
	if q.Field != nil {
		a.generic = slices.Contains(q.Field.Tokens(), "*")
		if err := p.knowsGeneric(ctx, *q.Field, q.Record, q.Collection); err != nil {
			return nil, err
		}
	}
	if q.Record != nil {
		a.changes = p.changesOf(*q.Record, q.Own)
		if story, ok := p.storyOf(*q.Record); ok {
			a.seen = p.seenOf(story)
		}
	}
	if q.Author != "" {
		a.authors = p.called(q.Author, q.AuthorByName)
	}
	if q.Field != nil && q.Record != nil && !a.generic {
		var err error
		if a.follow, err = p.follower(ctx, *q.Record, *q.Field); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// called finds the people of whose name, or address where it counts, part is a part, as
// .mailmap has them.
func (p *Past) called(part string, byName bool) map[int32]bool {
	part = strings.ToLower(part)
	out := map[int32]bool{}
	for i := range p.people {
		who := p.person(int32(i))
		if strings.Contains(strings.ToLower(who.Name), part) || !byName && strings.Contains(strings.ToLower(who.Email), part) {
			out[int32(i)] = true
		}
	}
	return out
}

// match reports whether a row of a commit is asked for.
func (a *asked) match(ctx context.Context, r placed) (bool, error) {
	if !a.matchPlain(r) || a.authors != nil && !a.by(r.commit) {
		return false, nil
	}
	if a.Approved != nil && *a.Approved != a.past.approved(r) {
		return false, nil
	}
	return a.matchField(ctx, r)
}

// matchPlain looks at what a row and its step say by themselves.
func (a *asked) matchPlain(r placed) bool {
	p := a.past
	if r.kind == content.Formatted && !a.Formatting && !slices.Contains(a.Kinds, content.Formatted) {
		return false
	}
	if len(a.Kinds) > 0 && !slices.Contains(a.Kinds, r.kind) {
		return false
	}
	step := p.steps[r.step-1].commit
	at := instant(p.commits[step].committed)
	if !a.Since.IsZero() && at.Before(a.Since) || !a.Until.IsZero() && at.After(a.Until) {
		return false
	}
	if a.PullRequest != 0 && !p.broughtBy(r.commit, step, a.PullRequest) {
		return false
	}
	if a.Collection != "" && a.Record == nil {
		ref, _ := p.state.where.match(p.paths[r.path])
		return ref.Collection == a.Collection
	}
	return true
}

// by reports whether one of the authors asked for made a commit.
func (a *asked) by(c int32) bool {
	at := &a.past.commits[c]
	return a.authors[at.author] || slices.ContainsFunc(at.credits, func(cr credit) bool { return cr.role == coAuthor && a.authors[cr.person] })
}

func (a *asked) matchField(ctx context.Context, r placed) (bool, error) {
	switch {
	case a.Field == nil || *a.Field == "":
		return true, nil
	case a.generic:
		places, err := a.past.patterns(ctx, r)
		return slices.ContainsFunc(places, func(at string) bool { return overlap(content.Pointer(at), *a.Field) }), err
	case a.follow != nil:
		return a.follow.match(ctx, r)
	}
	return a.past.touches(ctx, r, *a.Field)
}

// touches reports whether a row gave field, or what lies below it, another value.
// Where it changed something above, or field may lie in a list, the documents tell.
func (p *Past) touches(ctx context.Context, r placed, field content.Pointer) (bool, error) {
	differ := p.state.where.differ(p.paths[r.path])
	for _, at := range differ.Former(field) {
		if !slices.ContainsFunc(r.fields, func(f content.Pointer) bool { return overlap(f, at) }) {
			continue
		}
		if !strings.ContainsAny(string(at), "0123456789") && slices.ContainsFunc(r.fields, at.Covers) {
			return true, nil
		}
		before, after, err := p.documents(ctx, r)
		if err != nil {
			return false, err
		}
		if changed(differ, before, after, at) {
			return true, nil
		}
	}
	return false, nil
}

// documents decodes what a row's fields are told from; either may be nil.
func (p *Past) documents(ctx context.Context, r placed) (before, after *content.Value, err error) {
	from := r.before
	if r.bridged {
		from = r.bridge
	}
	b, err := p.x.document(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	a, err := p.x.document(ctx, r.after)
	return rootOf(b), rootOf(a), err
}

// found yields the rows of commits that are asked for, newest first, from below a
// place in the list.
func (a *asked) found(ctx context.Context, below int) iter.Seq2[placed, error] {
	return a.walk(ctx, a.past.changes, a.changes, below, a.match)
}

func (a *asked) walk(ctx context.Context, all []placed, some []int32, below int, match func(context.Context, placed) (bool, error)) iter.Seq2[placed, error] {
	return func(yield func(placed, error) bool) {
		one := func(i int) bool {
			if i&1023 == 0 && ctx.Err() != nil {
				yield(placed{}, ctx.Err())
				return false
			}
			ok, err := match(ctx, all[i])
			if err != nil {
				yield(placed{}, err)
				return false
			}
			return !ok || yield(all[i], nil)
		}
		if a.Record == nil {
			for i := below - 1; i >= 0 && one(i); i-- {
			}
			return
		}
		n, _ := slices.BinarySearch(some, int32(below))
		for i := n - 1; i >= 0 && one(int(some[i])); i-- {
		}
	}
}

// Changes lists changes by commit, newest first. Those of one record begin with what is
// not committed yet.
func (p *Past) Changes(ctx context.Context, q content.ChangeQuery) (content.ChangePage, error) {
	a, err := p.ask(ctx, q)
	if err != nil {
		return content.ChangePage{}, err
	}
	var page content.ChangePage
	below := len(p.changes)
	draft, err := a.uncommitted(ctx)
	if err != nil {
		return page, err
	}
	switch {
	case q.After == "":
		if draft != nil {
			page.Changes = append(page.Changes, *draft)
		}
	case draft != nil && q.After == draft.Key():
	default:
		if below, err = p.place(q.After); err != nil {
			return page, err
		}
	}
	for r, err := range a.found(ctx, below) {
		if err != nil {
			return content.ChangePage{}, err
		}
		if q.Limit > 0 && len(page.Changes) == q.Limit {
			page.More = true
			break
		}
		page.Changes = append(page.Changes, p.change(r))
	}
	return page, nil
}

// place finds a change by its key.
func (p *Past) place(key string) (int, error) {
	hash, _, _ := strings.Cut(key, " ")
	c, number := p.find(parseOID(content.Hash(hash)))
	if number > 0 {
		first := int32(0)
		if number > 1 {
			first = p.steps[number-2].changes
		}
		for i := first; i < p.steps[number-1].changes; i++ {
			if p.changes[i].commit != c {
				continue
			}
			if change := p.change(p.changes[i]); change.Key() == key {
				return int(i), nil
			}
		}
	}
	return 0, fmt.Errorf("the cursor names no change that led here: %w", content.ErrNotFound)
}

// CountChanges counts all that q asks for.
func (p *Past) CountChanges(ctx context.Context, q content.ChangeQuery) (int, error) {
	a, err := p.ask(ctx, q)
	if err != nil {
		return 0, err
	}
	n := 0
	if draft, err := a.uncommitted(ctx); err != nil {
		return 0, err
	} else if draft != nil {
		n++
	}
	for _, err := range a.found(ctx, len(p.changes)) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// FacetChanges counts changes by what they have, the most frequent first. A change
// counts once for each author and each field.
func (p *Past) FacetChanges(ctx context.Context, q content.ChangeQuery, by content.ChangeFacet) ([]content.FacetCount, error) {
	a, err := p.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for r, err := range a.found(ctx, len(p.changes)) {
		if err != nil {
			return nil, err
		}
		values, err := p.facet(ctx, r, by)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			counts[v]++
		}
	}
	out := make([]content.FacetCount, 0, len(counts))
	for v, n := range maps.All(counts) {
		out = append(out, content.FacetCount{Value: v, Count: n})
	}
	slices.SortFunc(out, func(a, b content.FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return out, nil
}

func (p *Past) facet(ctx context.Context, r placed, by content.ChangeFacet) ([]string, error) {
	switch by {
	case content.FacetAuthor:
		at := &p.commits[r.commit]
		values := []string{p.person(at.author).Name}
		for _, cr := range at.credits {
			if cr.role == coAuthor {
				values = append(values, p.person(cr.person).Name)
			}
		}
		slices.Sort(values)
		return slices.Compact(values), nil
	case content.FacetCollection:
		ref, _ := p.state.where.match(p.paths[r.path])
		return []string{string(ref.Collection)}, nil
	case content.FacetMonth:
		return []string{instant(p.commits[p.steps[r.step-1].commit].committed).Format("2006-01")}, nil
	case content.FacetKind:
		return []string{string(r.kind)}, nil
	}
	return p.patterns(ctx, r)
}

// patterns are the fields of a row with "*" for indexes. The documents are read only
// where a token looks like one.
func (p *Past) patterns(ctx context.Context, r placed) ([]string, error) {
	var before, after *content.Value
	var values []string
	for _, f := range r.fields {
		value := string(f)
		if strings.ContainsAny(value, "0123456789") {
			if before == nil && after == nil {
				var err error
				if before, after, err = p.documents(ctx, r); err != nil {
					return nil, err
				}
			}
			doc := after
			if after.At(f) == nil {
				doc = before
			}
			value = string(content.Generic(f, doc))
		}
		values = append(values, value)
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// Steps lists the steps of which a difference for readers matches q, newest first.
func (p *Past) Steps(ctx context.Context, q content.ChangeQuery) (content.StepPage, error) {
	var page content.StepPage
	below := len(p.seen)
	if q.After != "" {
		c, number := p.find(parseOID(content.Hash(q.After)))
		if number == 0 || p.steps[number-1].commit != c {
			return page, fmt.Errorf("the cursor names no step that led here: %w", content.ErrNotFound)
		}
		below = 0
		if number > 1 {
			below = int(p.steps[number-2].diffs)
		}
	}
	for number, err := range p.stepsFound(ctx, q, below) {
		if err != nil {
			return content.StepPage{}, err
		}
		if q.Limit > 0 && len(page.Steps) == q.Limit {
			page.More = true
			break
		}
		page.Steps = append(page.Steps, p.step(number))
	}
	return page, nil
}

// CountSteps counts the steps that q asks for.
func (p *Past) CountSteps(ctx context.Context, q content.ChangeQuery) (int, error) {
	n := 0
	for _, err := range p.stepsFound(ctx, q, len(p.seen)) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// stepsFound yields the numbers of the steps that q asks for, each once.
func (p *Past) stepsFound(ctx context.Context, q content.ChangeQuery, below int) iter.Seq2[int32, error] {
	return func(yield func(int32, error) bool) {
		a, err := p.ask(ctx, q)
		if err != nil {
			yield(0, err)
			return
		}
		last := int32(0)
		for r, err := range a.walk(ctx, p.seen, a.seen, below, a.matchStep) {
			if err != nil {
				yield(0, err)
				return
			}
			if r.step != last && !yield(r.step, nil) {
				return
			}
			last = r.step
		}
	}
}

// matchStep is match for what readers saw: author and approval are those of the
// changes inside.
func (a *asked) matchStep(ctx context.Context, r placed) (bool, error) {
	if !a.matchPlain(r) {
		return false, nil
	}
	if a.authors != nil || a.Approved != nil {
		inside := slices.ContainsFunc(a.past.inside(r), func(c placed) bool {
			return (a.authors == nil || a.by(c.commit)) && (a.Approved == nil || *a.Approved == a.past.approved(c))
		})
		if !inside {
			return false, nil
		}
	}
	return a.matchField(ctx, r)
}

// inside are the changes by commit of a record that came with a step, oldest first, whichever
// life had its name there; the step itself where it took another state without one.
func (p *Past) inside(r placed) []placed {
	if !p.commits[r.commit].merge() {
		return []placed{r}
	}
	p.state.mu.RLock()
	from, below := p.stepped(r.step)
	places := append(p.arrived(r.path, r.step, r.step), within(at(p.line.changesOf, r.life), from, below)...)
	if r.was >= 0 {
		places = append(places, p.arrived(r.was, r.step, r.step)...)
	}
	p.state.mu.RUnlock()
	if len(places) == 0 {
		return []placed{r}
	}
	slices.Sort(places)
	places = slices.Compact(places)
	out := make([]placed, 0, len(places))
	for _, i := range places {
		out = append(out, p.changes[i])
	}
	return out
}

// Step returns the step that a commit of the first-parent line made.
func (p *Past) Step(_ context.Context, commit content.Hash) (*content.Step, error) {
	c, number := p.find(parseOID(commit))
	if number == 0 || p.steps[number-1].commit != c {
		return nil, fmt.Errorf("commit %s is no step of the branch: %w", commit, content.ErrNotFound)
	}
	step := p.step(number)
	return &step, nil
}

func (p *Past) step(number int32) content.Step {
	at := p.steps[number-1]
	c := &p.commits[at.commit]
	out := content.Step{
		Commit: c.hash.hash(), At: instant(c.committed), PullRequest: p.pullRequest(at.commit, at.commit), Approvals: p.approvals(at.commit, at.commit),
	}
	var first step
	if number > 1 {
		first = p.steps[number-2]
	}
	for _, r := range p.seen[first.diffs:at.diffs] {
		out.Records = append(out.Records, p.change(r))
	}
	for _, r := range slices.Backward(p.changes[first.changes:at.changes]) {
		out.Changes = append(out.Changes, p.change(r))
	}
	return out
}
