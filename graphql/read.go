package graphql

import (
	"context"
	"net/url"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

func (c *call) item() *item { return c.source.(*item) }

// value is that of the property being read; nil where it is not there.
func (c *call) value() *content.Value { return c.place.field.Read(c.item().value) }

// textLang is the language that a property is asked for in.
func (c *call) textLang() content.Language {
	if c.bound != nil {
		return c.bound.lang
	}
	return c.item().lang
}

// notNil keeps a nil pointer from being answered as what it does not point to.
func notNil[T any](v *T, err error) (any, error) {
	if err != nil || v == nil {
		return nil, err
	}
	return v, nil
}

// one reads a root field that answers one record; null where there is none.
func (c *call) one(ctx context.Context, from *content.Collection) (any, error) {
	view, err := c.at()
	if err != nil {
		return nil, err
	}
	ref := content.Ref{Collection: from.Name, ID: c.bound.id}
	if r := view.Snapshot.Record(ref); r != nil {
		return newItem(view, r, c.bound.lang), nil
	}
	return notNil(c.moved(ctx, view, ref))
}

func readRecords(ctx context.Context, c *call) (any, error) {
	view, err := c.at()
	if err != nil {
		return nil, err
	}
	result := c.found[c.bound.list]
	if result != nil && result.err != nil {
		return nil, result.err
	}
	h, err := c.times(ctx, view)
	if err != nil {
		if h, err = c.withoutTimes(view, err); err != nil {
			return nil, err
		}
	}
	if l := c.bound.list; h != nil && !h.timeless() && (l.after.isTimeless() || l.before.isTimeless()) {
		return nil, newError(CodeBadInput, "The cursor is of the time when the history could not be read; begin again without it.")
	}
	return c.paged(ctx, view, h, nil, result)
}

// times is the past that a list is chosen or ordered by; nil where it is by none.
func (c *call) times(ctx context.Context, view *content.View) (*history, error) {
	if !c.bound.list.dated {
		return nil, nil
	}
	return c.history(ctx, view)
}

// withoutTimes stands in for a past that cannot be read, for why. A collection is never
// null: answered with the error alone it would take all its neighbours away. So its
// records are chosen and ordered as the fields createdAt and updatedAt are answered
// meanwhile, as if they had none, and the error is told beside them. A place in the list
// as it was with its past leads nowhere in this one: then why is all there is to tell.
func (c *call) withoutTimes(view *content.View, why error) (*history, error) {
	for _, place := range []*cursor{c.bound.list.after, c.bound.list.before} {
		if place != nil && !place.timeless {
			return nil, why
		}
	}
	told := *c.visible(why)
	told.Message += "; meanwhile this list is told as if no record had createdAt and updatedAt"
	for _, f := range c.plan.root.fields {
		if f.bound == c.bound {
			c.notices = append(c.notices, c.request.at(f, &told))
		}
	}
	return newHistory(timeless{}, view), nil
}

func readInverse(ctx context.Context, c *call) (any, error) {
	it, inv := c.item(), c.place.inverse
	referrers := it.view.Snapshot.Set(inv.Collection).Referrers(inv.At, it.record.ID)
	h, err := c.times(ctx, it.view)
	if err != nil {
		return nil, err
	}
	return c.paged(ctx, it.view, h, &referrers, nil)
}

func (c *call) paged(ctx context.Context, view *content.View, h *history, referrers *[]*content.Record, result *found) (any, error) {
	run := newSieve(ctx, view)
	run.history = h
	p := c.page(run, c.bound.list, referrers, result)
	if p == nil {
		c.stop = run.err
		return nil, ctx.Err()
	}
	return p, nil
}

func (p *page) item(r *content.Record) *item { return newItem(p.view, r, p.lang) }

func (p *page) around() (previous, next bool) { return p.previous, p.next }
func (p *page) len() int                      { return len(p.records) }

func (p *page) cursorAt(i int) any {
	if i < 0 || i >= len(p.records) {
		return nil
	}
	return p.cursorOf(p.records[i])
}

func readProblems(_ context.Context, c *call) (any, error) {
	view, err := c.at()
	if err != nil {
		return nil, err
	}
	return problemsIn(view.Problems, c.bound.lang), nil
}

func problemsIn(list []content.Problem, lang content.Language) []any {
	return each(list, func(p content.Problem) any { return spoken[content.Problem]{p, lang} })
}

// readKey answers what a client's normalised cache should use: it is unique over
// all that a field without arguments depends on. That is collection, id and blob;
// where another revision than the view served is read, also its commit, since what
// a record refers to can differ while its own bytes are the same; and where another
// language than the model's first is inherited, also that.
func readKey(_ context.Context, c *call) (any, error) {
	it := c.item()
	r := it.record
	key := string(r.Collection) + "/" + string(r.ID) + "@" + string(r.Blob[:min(digits, len(r.Blob))])
	return key + c.aspect(it.view, it.lang), nil
}

// digits are how many of a hash a key has.
const digits = 12

// aspect is what keys say of where something was read from, and in which language.
func (r *request) aspect(view *content.View, lang content.Language) string {
	text := ""
	if view != r.view {
		text = "~" + string(view.Commit[:min(digits, len(view.Commit))])
	}
	if lang != r.defaultLanguage() {
		text += ":" + string(lang)
	}
	return text
}

// revisionOf is the commit that the document was read from.
func revisionOf(it *item) any {
	if it.record.Stale {
		return string(it.record.From)
	}
	return string(it.view.Commit)
}

// output is what a value answers by its shape; nil where it does not fit.
func (c *call) output(s *content.Shape, v *content.Value, lang content.Language) any {
	if v.IsNull() {
		return nil
	}
	switch s.Kind {
	case content.ShapeObject:
		return c.object(s, v)
	case content.ShapeList:
		if v.Kind != content.List {
			return nil
		}
		return c.items(s.Item, v, lang)
	case content.ShapeLocalized:
		text, _ := c.model.Localize(v, lang)
		return textOrNil(text.Str())
	case content.ShapeReference:
		it := c.item()
		found, ok := follow(it.view, s, v)
		if !ok {
			return nil
		}
		return newItem(it.view, found.record, it.lang)
	}
	return leaf(s, v)
}

func (c *call) object(s *content.Shape, v *content.Value) any {
	switch {
	case !hasFields(s):
		return v
	case v.Kind != content.Object:
		return nil
	}
	it := c.item()
	return &item{view: it.view, record: it.record, value: v, lang: it.lang}
}

// items leaves out what does not fit, unless items may be null.
func (c *call) items(s *content.Shape, v *content.Value, lang content.Language) []any {
	out := make([]any, 0, len(v.Kids))
	for i := range v.Kids {
		item := c.output(s, &v.Kids[i], lang)
		if item != nil || s.Nullable {
			out = append(out, item)
		}
	}
	return out
}

func readLang(_ context.Context, c *call) (any, error) {
	_, lang := c.model.Localize(c.value(), c.bound.lang)
	return textOrNil(string(lang)), nil
}

// readTranslations answers the languages of the model, in its order.
func readTranslations(_ context.Context, c *call) (any, error) {
	v := c.value()
	if v == nil || v.Kind != content.Object {
		return nil, nil
	}
	out := []any{}
	for _, lang := range c.model.Languages {
		if text := v.Member(string(lang)).Str(); text != "" {
			out = append(out, translation{string(lang), text})
		}
	}
	return out, nil
}

// readFile answers the attachments that exist.
func readFile(_ context.Context, c *call) (any, error) {
	v := c.value()
	if v == nil {
		return nil, nil
	}
	if c.place.field.Shape.Kind != content.ShapeList {
		return c.attachment(v), nil
	}
	out := []any{}
	eachItem(v, func(name *content.Value) bool {
		if a := c.attachment(name); a != nil {
			out = append(out, a)
		}
		return true
	})
	return out, nil
}

func (c *call) attachment(name *content.Value) any {
	view := c.item().view
	f, ok := view.Snapshot.File(c.place.folder + "/" + name.Str())
	if !ok {
		return nil
	}
	return &attachment{f, view}
}

// fileURL says where an attachment is handed out, of the commit it was read from
// where that is not the one served.
func (c *call) fileURL(a *attachment) string {
	segments := strings.Split(a.Path, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	address := c.config.FilesURL + strings.Join(segments, "/")
	if a.view != c.view && a.view.Commit != "" {
		address += "?at=" + string(a.view.Commit)
	}
	return address
}

func (c *call) uncommitted(v *content.View) any {
	n := int64(0)
	for _, of := range c.model.Collections {
		for r := range v.Snapshot.Set(of.Name).All() {
			if r.Uncommitted {
				n++
			}
		}
	}
	return n
}

func readLabel(_ context.Context, c *call) (any, error) {
	return textOrNil(c.label(c.source.(spoken[*content.Collection]).of, c.bound.lang)), nil
}

// label is what one record of a collection is called; it falls back in the order of the
// model.
func (s *system) label(of *content.Collection, lang content.Language) string {
	if label := of.Label[lang]; label != "" {
		return label
	}
	for _, lang := range s.model.Languages {
		if label := of.Label[lang]; label != "" {
			return label
		}
	}
	return ""
}
