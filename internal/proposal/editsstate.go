package proposal

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/koonti/koonti/internal/content"
)

// referred is what can be referred to: a record, or the attachment at path.
type referred struct {
	content.Ref
	path string
}

func (t referred) String() string {
	if t.path != "" {
		return "the file " + plainName(t.path)
	}
	return plainName(string(t.Collection)) + "/" + plainName(string(t.ID))
}

// record is ref as the edits so far left it, nil where it is not there.
func (e *editing) record(ref content.Ref) *content.Record {
	if r, touched := e.records[ref]; touched {
		return r
	}
	return e.base.Snapshot.Record(ref)
}

// lies is where the file of ref lies now, readable or not.
func (e *editing) lies(ref content.Ref) (string, bool) {
	if r, touched := e.records[ref]; touched {
		if r == nil {
			return "", false
		}
		return r.Path, true
	}
	return e.pathAtBase(ref)
}

// there reports whether t is there now.
func (e *editing) there(t referred) bool {
	if t.path == "" {
		_, ok := e.lies(t.Ref)
		return ok
	}
	if data, touched := e.files[t.path]; touched {
		return data != nil
	}
	_, ok := e.base.Snapshot.File(t.path)
	return ok
}

// set gives ref the text, which must be strict JSON, at path.
func (e *editing) set(ref content.Ref, path, text string) error {
	root, err := content.Parse(text)
	if err != nil {
		return e.refuse("the record %s would come to what may not be written: %s", plainName(ref.String()), faultOf(text, err))
	}
	e.forget(ref)
	e.ids.add(ref)
	e.records[ref] = &content.Record{Ref: ref, Path: path, Document: &content.Document{Source: text, Root: root}}
	for _, t := range e.mentions(e.records[ref]) {
		if e.mentioned[t] == nil {
			e.mentioned[t] = map[content.Ref]bool{}
		}
		e.mentioned[t][ref] = true
	}
	return nil
}

// drop takes ref away.
func (e *editing) drop(ref content.Ref) {
	e.forget(ref)
	e.ids.remove(ref)
	e.records[ref] = nil
	e.removed[referred{Ref: ref}] = e.number
}

// forget forgets what the touched record ref refers to.
func (e *editing) forget(ref content.Ref) {
	if r := e.records[ref]; r != nil {
		for _, t := range e.mentions(r) {
			delete(e.mentioned[t], ref)
		}
	}
}

// mentions are the records that r refers to and the files that it names.
func (e *editing) mentions(r *content.Record) []referred {
	var out []referred
	c := e.model.Collection(r.Collection)
	for _, reference := range c.References {
		for v := range reference.At.Values(r.Root) {
			if id, ok := v.RefID(); ok {
				out = append(out, referred{Ref: content.Ref{Collection: reference.Target, ID: id}})
			}
		}
	}
	for _, a := range c.Files {
		for v := range a.At.Values(r.Root) {
			if v.Str() != "" {
				out = append(out, referred{path: a.Folder + "/" + v.Text})
			}
		}
	}
	return out
}

// referring are the records that refer to t now, in the order of their names.
func (e *editing) referring(t referred) []*content.Record {
	refs := map[content.Ref]bool{}
	for c, patterns := range e.patternsOf(t) {
		for _, p := range patterns {
			for _, r := range e.base.Snapshot.Set(c.Name).Referrers(p.at, p.id) {
				if _, touched := e.records[r.Ref]; !touched {
					refs[r.Ref] = true
				}
			}
		}
	}
	for ref := range e.mentioned[t] {
		refs[ref] = true
	}
	var out []*content.Record
	for _, ref := range sortedRefs(refs) {
		out = append(out, e.record(ref))
	}
	return out
}

// referrers are the places that refer to t now.
func (e *editing) referrers(t referred) []content.Referrer {
	var out []content.Referrer
	patterns := e.patternsOf(t)
	for _, r := range e.referring(t) {
		from := len(out)
		for _, p := range patterns[e.model.Collection(r.Collection)] {
			for at, v := range p.at.Find(r.Root) {
				if id, ok := v.RefID(); ok && id == p.id {
					out = append(out, content.Referrer{Record: r.Ref, Path: r.Path, Field: at, Target: t.Ref})
				}
			}
		}
		slices.SortFunc(out[from:], func(a, b content.Referrer) int { return cmp.Compare(a.Field, b.Field) })
	}
	return out
}

// referencePlace is a place and what it holds where it refers to a certain target.
type referencePlace struct {
	at content.Pattern
	id content.ID
}

func (e *editing) patternsOf(t referred) map[*content.Collection][]referencePlace {
	found := map[*content.Collection][]referencePlace{}
	for _, c := range e.model.Collections {
		for _, r := range c.References {
			if t.path == "" && r.Target == t.Collection {
				found[c] = append(found[c], referencePlace{r.At, t.ID})
			}
		}
		for _, a := range c.Files {
			if file, ok := strings.CutPrefix(t.path, a.Folder+"/"); ok {
				found[c] = append(found[c], referencePlace{a.At, content.ID(file)})
			}
		}
	}
	return found
}

// folded are the ids that folding changes, or may: by collection and by what is equal
// for two that are equal after NFC and case folding. Any other is its own.
type folded map[content.Ref]map[content.ID]bool

func foldedIDs(v *content.View, unreadable map[content.Ref]string) folded {
	f := folded{}
	for _, c := range v.Model.Collections {
		for r := range v.Snapshot.Set(c.Name).All() {
			f.add(r.Ref)
		}
	}
	for ref := range unreadable {
		f.add(ref)
	}
	return f
}

func foldedRef(ref content.Ref) content.Ref {
	ref.ID = content.ID(foldedText(string(ref.ID)))
	return ref
}

// foldedText is equal for texts that differ in case, or in how accents are encoded, alone.
func foldedText(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

func (f folded) add(ref content.Ref) {
	if ref.ID.Writable() {
		return
	}
	key := foldedRef(ref)
	if f[key] == nil {
		f[key] = map[content.ID]bool{}
	}
	f[key][ref.ID] = true
}

func (f folded) remove(ref content.Ref) {
	if !ref.ID.Writable() {
		delete(f[foldedRef(ref)], ref.ID)
	}
}

// other returns an id that could be taken for that of ref, "" for none. plain says
// whether an id that folding does not change is there; besides does not count.
func (f folded) other(ref content.Ref, besides content.ID, plain func(content.Ref) bool) content.ID {
	key := foldedRef(ref)
	if key.ID != ref.ID && key.ID != besides && plain(key) {
		return key.ID
	}
	for _, id := range slices.Sorted(maps.Keys(f[key])) {
		if id != ref.ID && id != besides {
			return id
		}
	}
	return ""
}
