package history

import (
	"context"
	"errors"
	"slices"

	"github.com/koonti/koonti/internal/content"
)

// mostLookedInto bounds how many versions are read to find whether one had a place that
// no schema knows: where that is not enough, it may have been there.
const mostLookedInto = 1000

// knowsGeneric is knows for a place that may have "*" for indexes.
func (p *Past) knowsGeneric(ctx context.Context, field content.Pointer, record *content.Ref, name content.CollectionName) error {
	at := content.Pointer("")
	for _, token := range field.Tokens() {
		if token == "*" {
			token = "0"
		}
		at = at.Child(token)
	}
	err := p.knows(ctx, at, record, name)
	var unknown *content.UnknownFieldError
	if errors.As(err, &unknown) {
		unknown.Field = field
	}
	return err
}

// knows returns an UnknownFieldError for a place that no schema of the collections at
// hand knows, and that no version of theirs has or had: the collection of record, else
// the one called name, else all. What a schema knows costs nothing.
func (p *Past) knows(ctx context.Context, field content.Pointer, record *content.Ref, name content.CollectionName) error {
	if record != nil {
		name = record.Collection
	}
	unknown := &content.UnknownFieldError{Field: field}
	for _, c := range p.view.Model.Collections {
		if name != "" && c.Name != name {
			continue
		}
		known, near := c.Knows(field, p.view.Model.Languages)
		if known || p.drafted(c.Name, field) {
			return nil
		}
		unknown.Collections = append(unknown.Collections, c.Name)
		unknown.Near = append(unknown.Near, near...)
	}
	had, err := p.had(ctx, field, name)
	if had || err != nil {
		return err
	}
	return unknown
}

// drafted reports whether what is not committed yet has a place.
func (p *Past) drafted(name content.CollectionName, field content.Pointer) bool {
	for r := range p.view.Snapshot.Set(name).All() {
		if r.Uncommitted && r.Root.At(field) != nil {
			return true
		}
	}
	return false
}

// had reports whether a committed version of a collection had a place; "" is any.
func (p *Past) had(ctx context.Context, field content.Pointer, name content.CollectionName) (bool, error) {
	looked := 0
	for _, r := range slices.Backward(p.changes) {
		at := slices.IndexFunc(r.fields, func(f content.Pointer) bool { return overlap(f, field) })
		if at < 0 {
			continue
		}
		if ref, _ := p.state.where.match(p.paths[r.path]); name != "" && ref.Collection != name {
			continue
		}
		if slices.ContainsFunc(r.fields, field.Covers) {
			return true, nil
		}
		if looked++; looked > mostLookedInto {
			return true, nil
		}
		before, after, err := p.documents(ctx, r)
		if err != nil || before.At(field) != nil || after.At(field) != nil {
			return err == nil, err
		}
	}
	return false, nil
}
