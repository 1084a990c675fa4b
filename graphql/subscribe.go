package graphql

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/graphql-go/graphql/language/ast"

	"github.com/koonti/koonti/internal/content"
)

// The types.

// followedRoots are the root fields that tell what happens.
func (b *builder) followedRoots() []*fieldDef {
	args := []*inputDef{{name: "collection", typ: of(b.scalar("String")), description: "Only this collection, as the model names it."}}
	var formatting *inputDef
	for _, arg := range b.changeArgs() {
		switch arg.name {
		case "record", "field", "author", "kind":
			args = append(args, arg)
		case "includeFormatting":
			formatting = arg
		}
	}
	after := &inputDef{
		name: "after", typ: of(b.scalar("String")),
		description: "What was seen last: the id of an event, which is exact; or the full hash of a commit, or the key of a change: then all that did not lead to that commit is told, also what was published while it was on a branch of its own. Without it, only what comes from now on.",
	}
	return []*fieldDef{{
		name: "changes", typ: nonNull(of(b.change())), place: place{kind: rootChanged}, args: append(args, after, b.inheritedArg(), formatting),
		description: "Every change that readers get to see, once they see it, the oldest first. It ends with NOT_FOUND where what was seen last did not lead to what is served, since the branch was moved by force; and with TOO_LARGE where more than 5,000 changes came since.",
	}}
}

// The plan.

// watch is what a subscription follows, checked.
type watch struct {
	query content.ChangeQuery
	// after is nil where only what comes from now on is asked for.
	after *position
	lang  content.Language
}

func (p *planner) watch(f *planField, args map[string]any, lang content.Language) *watch {
	fail := func(format string, args ...any) { p.fail(newError(CodeBadInput, format, args...), f.nodes[0]) }
	out := &watch{query: p.changeQuery(f, args, fail), lang: lang}
	if text, ok := args["after"].(string); ok {
		if out.after = parsePosition(text); out.after == nil {
			fail("\"after\" must be the full hash of a commit, the key of a change, or the id of an event.")
		}
	}
	return out
}

// position says what was seen: all that led to a commit. Where key is not "", the
// subscriber went away while what the commit brought since from was being sent: of that,
// only what comes before the change with the key in the list of changes, and that one.
type position struct {
	commit content.Hash
	key    string
	from   content.Hash // "" where it is not known
}

// hashDigits is the length of a full hash.
const hashDigits = 40

// parsePosition reads a full hash, the key of a change, which begins with the hash of its
// commit, or what String wrote; nil for anything else.
func parsePosition(text string) *position {
	commit := text[:min(len(text), hashDigits)]
	switch rest := text[len(commit):]; {
	case !fullHash(commit):
		return nil
	case rest == "":
		return &position{commit: content.Hash(commit)}
	case rest[0] == ' ':
		return &position{commit: content.Hash(commit), key: text}
	case rest[0] == '/':
		from, escaped, _ := strings.Cut(rest[1:], "/")
		key, err := url.PathUnescape(escaped)
		if err != nil || key == "" || from != "" && !fullHash(from) {
			return nil
		}
		return &position{content.Hash(commit), key, content.Hash(from)}
	}
	return nil
}

// String writes the position in ASCII without spaces: it travels in headers.
func (p position) String() string {
	if p.key == "" {
		return string(p.commit)
	}
	return string(p.commit) + "/" + string(p.from) + "/" + url.PathEscape(p.key)
}

// aspectMark is what the field `key` adds to the key of a change (see readChangeKey).
var aspectMark = regexp.MustCompile(`^(~[0-9a-f]+)?(:[0-9A-Za-z-]+)?$`)

// means reports whether key, as it was told, is that of c.
func (p position) means(c *content.Change) bool {
	rest, ok := strings.CutPrefix(p.key, c.Key())
	return ok && aspectMark.MatchString(rest)
}

// The work.

// Subscription is one subscription operation. It is used by one goroutine at a time,
// holds nothing that must be closed, and outlives the schema it was made of (see Move).
type Subscription struct {
	schema  *Schema
	request Request
	plan    *plan
	watch   *watch
	seen    position
	// resumed is what the protocol says was seen last, beside the query's own `after`.
	resumed *position
	// begun: the history was there once. over: nothing more comes.
	begun, over bool
}

// Event is what a subscriber is sent.
type Event struct {
	// Body is a complete response, on one line.
	Body []byte
	// ID is what the subscription is resumed after (see Request.Resume), "" for an error
	// that ends it.
	ID string
	// Last: the subscription is over.
	Last bool
	// Later: the history cannot be read now, for the reason that Body gives. Nothing is
	// lost, and nothing need be sent: ask again.
	Later bool
}

// Subscribe begins a subscription that view is the first to be served to. It returns
// nothing at all where the operation is no subscription: then ask Do. What is refused is
// refused as Do would; also, with CodeUnavailable, where there is no history.
func (s *Schema) Subscribe(view *content.View, request Request) (sub *Subscription, refused *Response) {
	defer func() {
		if p := recover(); p != nil {
			sub, refused = nil, s.refuse(s.internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
		}
	}()
	if _, op, errs := s.find(request); len(errs) > 0 {
		return nil, s.refuse(errs...)
	} else if op.kind != ast.OperationTypeSubscription {
		return nil, nil
	}
	sub = &Subscription{request: request, seen: position{commit: view.Commit}}
	if refused := sub.Move(s); refused != nil {
		return nil, refused
	}
	if s.config.Histories == nil {
		return nil, s.refuse(newError(CodeUnavailable, "there is no history here"))
	}
	if err := sub.begin(); err != nil {
		return nil, s.refuse(err)
	}
	return sub, nil
}

// begin sets what was seen before.
func (s *Subscription) begin() *Error {
	if s.watch.after != nil {
		s.seen = *s.watch.after
	}
	if s.request.Resume == "" {
		return nil
	}
	s.resumed = parsePosition(s.request.Resume)
	if s.watch.after == nil {
		if s.resumed == nil {
			return newError(CodeBadInput, "The id of the last event is none of a subscription's.")
		}
		s.seen, s.resumed = *s.resumed, nil
	}
	return nil
}

// Move goes on with the schema of another model, which the query is validated against
// anew. The response says why it does not hold there: then the subscription is over.
func (s *Subscription) Move(to *Schema) (refused *Response) {
	if s.schema == to {
		return nil
	}
	d, op, errs := to.find(s.request)
	var p *plan
	if len(errs) == 0 {
		p, errs = to.bind(d, op, s.request)
	}
	if len(errs) == 0 && len(p.root.fields) != 1 {
		errs = []*Error{newError(CodeBadInput, "@skip and @include leave nothing to follow.")}
	}
	if len(errs) > 0 {
		s.over = true
		return to.refuse(errs...)
	}
	s.schema, s.plan, s.watch = to, p, p.root.fields[0].bound.watch
	return nil
}

// Behind reports whether view may bring something that was not sent.
func (s *Subscription) Behind(view *content.View) bool {
	return !s.over && view.Commit != "" && (!s.begun || s.seen != position{commit: view.Commit})
}

// Next yields what view brings since what was yielded last, the oldest change first; its
// model must be that of the schema. Once ctx is done it yields nothing. A change is taken
// as sent once yield returned true.
func (s *Subscription) Next(ctx context.Context, view *content.View, revisions Revisions) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for s.Behind(view) {
			b, err := s.brought(ctx, view)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				e := Event{Body: s.schema.refuse(s.schema.visible(err)).Body, Later: later(err)}
				s.over = !e.Later
				e.Last = s.over
				yield(e)
				return
			case !s.send(ctx, b, revisions, yield):
				return
			}
			s.seen = position{commit: b.to}
		}
	}
}

// later reports whether what cannot be answered now may be by itself.
func later(err error) bool {
	var cutOff *content.CutOffError
	return errors.Is(err, content.ErrUnavailable) && !errors.As(err, &cutOff)
}

// batch is what came between two commits, newest first.
type batch struct {
	list     []content.Change
	from, to content.Hash
	past     Past
	view     *content.View
}

// send yields an event for each change; false where that should end.
func (s *Subscription) send(ctx context.Context, b *batch, revisions Revisions, yield func(Event) bool) bool {
	var h *history
	for i, c := range slices.Backward(b.list) {
		if i%sharing == 0 || h == nil {
			h = newHistory(b.past, b.view)
		}
		response := s.answer(ctx, h, &c, revisions)
		if ctx.Err() != nil {
			return false
		}
		sent := position{b.to, c.Key(), b.from}
		if i == 0 {
			sent = position{commit: b.to}
		}
		if !yield(Event{Body: response.Body, ID: sent.String()}) {
			return false
		}
		s.seen = sent
	}
	return true
}

// sharing is how many events keep what they read for each other.
const sharing = 100

// answer executes the selection of one event.
func (s *Subscription) answer(ctx context.Context, h *history, c *content.Change, revisions Revisions) (response *Response) {
	defer func() {
		if p := recover(); p != nil {
			response = s.schema.refuse(s.schema.internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.schema.limits.Timeout)
	defer cancel()
	r := s.schema.newRequest(ctx, h.view, revisions, s.plan)
	r.event = c
	r.histories[h.view] = outcome[*history]{value: h}
	return r.execute(ctx)
}

func readChanged(ctx context.Context, c *call) (any, error) {
	h, err := c.history(ctx, c.view)
	if err != nil {
		return nil, err
	}
	return told{h, c.bound.watch.lang}.change(c.event), nil
}

// brought returns the rest of what was being sent when the subscriber went away; where
// there is none, what view brings.
func (s *Subscription) brought(ctx context.Context, view *content.View) (b *batch, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.schema.internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.schema.limits.Timeout)
	defer cancel()
	past, err := s.schema.config.Histories.Past(ctx, view)
	if err != nil {
		return nil, err
	}
	now := newHistory(past, view)
	if err := s.settle(ctx, now); err != nil {
		return nil, err
	}
	if err := s.sensible(ctx, now); err != nil {
		return nil, err
	}
	s.begun = true
	before, err := s.before(ctx, now)
	if err != nil {
		return nil, err
	}
	b = &batch{past: past, view: view, from: s.seen.commit, to: view.Commit}
	if s.seen.key != "" {
		b.from, b.to = s.seen.from, s.seen.commit
		b.list, err = s.rest(ctx, before)
	} else {
		b.list, err = s.news(ctx, now, before)
	}
	if err == nil {
		b.list, err = s.asked(ctx, now, b.list)
	}
	return b, err
}

// sensible lets the history refuse what is asked before there is anything to send.
func (s *Subscription) sensible(ctx context.Context, now *history) error {
	if s.begun || s.watch.query.Field == nil {
		return nil
	}
	q := s.watch.query
	q.Until = time.Unix(1, 0) // nothing is to be found
	_, err := now.Changes(ctx, q)
	return err
}

// settle decides between the query's own `after` and what the protocol says was seen
// last, once: a client that comes back by itself (EventSource) sends both, and the later
// one counts.
func (s *Subscription) settle(ctx context.Context, now *history) error {
	if s.resumed == nil {
		return nil
	}
	later, err := now.led(ctx, s.resumed.commit)
	if err == nil && later {
		var then *history
		if then, err = s.past(ctx, now.view, s.resumed.commit); err == nil {
			later, err = then.led(ctx, s.seen.commit)
		}
	}
	if err != nil {
		return err
	}
	if later {
		s.seen = *s.resumed
	}
	s.resumed = nil
	return nil
}

// past is what led to a commit in the past of view, as the model of view has it.
func (s *Subscription) past(ctx context.Context, view *content.View, commit content.Hash) (*history, error) {
	then := *view
	then.Commit = commit
	past, err := s.schema.config.Histories.Past(ctx, &then)
	if err != nil {
		return nil, err
	}
	return newHistory(past, &then), nil
}

// led reports whether a commit led to the view; nothing led to none, which is nil.
func (h *history) led(ctx context.Context, commit content.Hash) (bool, error) {
	if h == nil || commit == "" {
		return false, nil
	}
	_, err := h.commit(ctx, commit)
	if errors.Is(err, content.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// before is what led to the commit seen last; nil where there was none yet.
func (s *Subscription) before(ctx context.Context, now *history) (*history, error) {
	if s.seen.commit == "" {
		return nil, nil
	}
	known, err := now.led(ctx, s.seen.commit)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, newError(CodeNotFound, "What was seen last, %s, did not lead to what is served now: the branch was moved by force, or it is another. Begin again without \"after\".", s.seen.commit)
	}
	return s.past(ctx, now.view, s.seen.commit)
}

// news lists the changes of all kinds that led to what is served now and not to what
// was before, newest first. They need not be the first ones of the list: a merge may
// take what was served before as its second parent.
func (s *Subscription) news(ctx context.Context, now, before *history) ([]content.Change, error) {
	var list []content.Change
	walked := 0
	for c, err := range listed(ctx, now, content.ChangeQuery{Formatting: true}) {
		if err != nil {
			return nil, err
		}
		if c.Commit == "" {
			continue // not committed yet
		}
		seen, err := before.led(ctx, c.Commit)
		if err != nil {
			return nil, err
		}
		if walked++; walked > 2*s.schema.limits.Behind || !seen && len(list) == s.schema.limits.Behind {
			return nil, s.tooFar(now.view)
		}
		if !seen {
			list = append(list, *c)
			continue
		}
		// All that led to a step that led to what was before was seen.
		if done, err := before.led(ctx, c.Step); done || err != nil {
			return list, err
		}
	}
	return list, nil
}

// rest lists the changes that were not sent of what led to the commit seen last, newest
// first.
func (s *Subscription) rest(ctx context.Context, last *history) ([]content.Change, error) {
	var first *history
	if known, err := last.led(ctx, s.seen.from); err != nil {
		return nil, err
	} else if known {
		if first, err = s.past(ctx, last.view, s.seen.from); err != nil {
			return nil, err
		}
	}
	var list []content.Change
	walked := 0
	for c, err := range listed(ctx, last, content.ChangeQuery{Formatting: true}) {
		if err != nil {
			return nil, err
		}
		if s.seen.means(c) {
			return list, nil
		}
		if walked++; walked > 2*s.schema.limits.Behind {
			return nil, s.tooFar(last.view)
		}
		seen, err := first.led(ctx, c.Commit)
		if err != nil {
			return nil, err
		}
		if !seen {
			list = append(list, *c)
		}
	}
	return nil, newError(CodeNotFound, "What was seen last, the change %q, is none that led to what is served now. Begin again without \"after\".", shorten(s.seen.key))
}

func (s *Subscription) tooFar(view *content.View) error {
	return tooLarge("More than %d changes came since what was seen last. Page through the query field \"changes\", then subscribe again with after: %q.", s.schema.limits.Behind, view.Commit)
}

// asked keeps those of the changes that the subscription asks for. The changes of a
// record, of a place and by someone are for the history to tell.
func (s *Subscription) asked(ctx context.Context, now *history, list []content.Change) ([]content.Change, error) {
	q := s.watch.query
	list = slices.DeleteFunc(list, func(c content.Change) bool {
		return q.Collection != "" && c.Collection != q.Collection ||
			len(q.Kinds) > 0 && !slices.Contains(q.Kinds, c.Kind) || c.Kind == content.Formatted && !q.Formatting
	})
	if len(list) == 0 || q.Record == nil && q.Field == nil && q.Author == "" {
		return list, nil
	}
	wanted := map[string]bool{} // and whether it was found
	for i := range list {
		wanted[list[i].Key()] = false
	}
	// A bound for the history, which need not look closely at what is older.
	q.Since = slices.MinFunc(list, func(a, b content.Change) int { return a.At.Compare(b.At) }).At.Truncate(time.Second)
	found := 0
	for c, err := range listed(ctx, now, q) {
		if err != nil {
			return nil, err
		}
		if had, ok := wanted[c.Key()]; ok && !had {
			wanted[c.Key()] = true
			if found++; found == len(wanted) {
				break
			}
		}
	}
	return slices.DeleteFunc(list, func(c content.Change) bool { return !wanted[c.Key()] }), nil
}

// The sizes of the pages in which a past is read: what a view brings is mostly little.
const firstListed, mostListed = 20, 500

// listed yields the changes that led to a view, newest first.
func listed(ctx context.Context, h *history, q content.ChangeQuery) iter.Seq2[*content.Change, error] {
	return func(yield func(*content.Change, error) bool) {
		for q.Limit = firstListed; ; q.Limit = min(4*q.Limit, mostListed) {
			page, err := h.Changes(ctx, q)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Changes {
				if !yield(&page.Changes[i], nil) {
					return
				}
			}
			if !page.More || len(page.Changes) == 0 {
				return
			}
			q.After = page.Changes[len(page.Changes)-1].Key()
		}
	}
}
