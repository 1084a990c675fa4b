package check

import (
	"cmp"
	"math/big"
	"path"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// Whole checks what only shows over all records: references, uniqueness, and
// attachments that exist. The problems are sorted, at most MaxProblems a record.
// Of a stale record, whose text is not the file's, they have no line and column.
//
// unreadable are records that have a file but no document, and so are not in s: what
// refers to them is not to blame.
func (c *Checker) Whole(s *content.Snapshot, unreadable ...content.Ref) []content.Problem {
	w := &whole{
		unreadable: unreadable,
		model:      c.model, snapshot: s, found: map[*content.Record][]content.Problem{}, ids: map[content.CollectionName]map[content.ID]struct{}{},
		hints: map[content.Ref]text{}, lexicons: map[content.CollectionName]*lexicon{},
	}
	for i, collection := range c.model.Collections {
		set, inModel := s.Set(collection.Name), content.Pointer("/collections").Item(i)
		for j := range collection.References {
			ref := &collection.References[j]
			w.rule = inModel.Child("references").Child(string(ref.At))
			w.references(set, ref)
		}
		for j, at := range collection.Unique {
			w.rule = inModel.Child("unique").Item(j)
			w.unique(set, at)
		}
		for _, a := range collection.Files {
			w.rule = inModel.Child("files").Child(string(a.At))
			w.files(set, a)
		}
	}
	return w.problems()
}

// whole is one run of Whole.
type whole struct {
	model      *content.Model
	snapshot   *content.Snapshot
	unreadable []content.Ref
	// rule is the place in the model of the rule being checked.
	rule  content.Pointer
	found map[*content.Record][]content.Problem
	order []*content.Record
	ids   map[content.CollectionName]map[content.ID]struct{}
	// hints are the suggestions made, by what is missing; lexicons what they are
	// chosen from; compared bounds the work.
	hints    map[content.Ref]text
	lexicons map[content.CollectionName]*lexicon
	compared int
}

// maxCompared is how many ids all suggestions together are compared with. Past it
// problems have none; which ones that are is the same every time.
const maxCompared = 200_000

func (w *whole) problems() []content.Problem {
	var all []content.Problem
	for _, r := range w.order {
		f := subject{ref: r.Ref, path: r.Path}
		all = append(all, f.capped(w.found[r])...)
	}
	return content.SortProblems(all)
}

// note keeps a problem of r at the place where pattern found v. Finding the pointer
// costs, so it is done for problems only.
func (w *whole) note(r *content.Record, pattern content.Pattern, v *content.Value, key string, a args) {
	if _, known := w.found[r]; !known {
		w.order = append(w.order, r)
	}
	if len(w.found[r]) > 2*MaxProblems {
		return
	}
	place := spot{}
	if !r.Stale {
		for at, found := range pattern.Find(r.Root) {
			if found == v {
				place = valueSpot(at, v)
			}
		}
	}
	f := subject{r.Ref, r.Path, r.Source}
	w.found[r] = append(w.found[r], f.problem(key, place, w.model.Path+"#"+string(w.rule), a))
}

func (w *whole) references(set *content.Set, ref *content.Reference) {
	ids := w.idsOf(ref.Target)
	for r := range set.All() {
		for v := range ref.At.Values(r.Root) {
			id, ok := v.RefID()
			if ok {
				if _, there := ids[id]; !there {
					w.missing(r, ref, v, id)
				}
				continue
			}
			if !v.IsNull() && r.Valid {
				w.note(r, ref.At, v, "reference/no-id", args{"value": same(shown(v))})
			}
		}
	}
}

// idsOf is the set of ids of a collection, made once a run.
func (w *whole) idsOf(name content.CollectionName) map[content.ID]struct{} {
	if ids, made := w.ids[name]; made {
		return ids
	}
	set := w.snapshot.Set(name)
	ids := make(map[content.ID]struct{}, set.Len())
	for r := range set.All() {
		ids[r.ID] = struct{}{}
	}
	for _, ref := range w.unreadable {
		if ref.Collection == name {
			ids[ref.ID] = struct{}{}
		}
	}
	w.ids[name] = ids
	return ids
}

func (w *whole) missing(r *content.Record, ref *content.Reference, v *content.Value, id content.ID) {
	w.note(r, ref.At, v, "reference/missing", args{
		"what": absent(w.model.Collection(ref.Target), id), "hint": w.hint(ref.Target, id), "id": quoted(string(id)),
	})
}

// absent says that c has no record id: by the model's label ("teemaa", "temat",
// "theme"), in a language without one by the collection's name.
func absent(c *content.Collection, id content.ID) text {
	label := text{cmp.Or(c.Absent["fi"], c.Label["fi"]), cmp.Or(c.Absent["sv"], c.Label["sv"]), c.Label["en"]}
	named := phrase("reference:label", args{"label": label, "id": quoted(string(id))})
	plain := phrase("reference:plain", args{"collection": quoted(string(c.Name)), "id": quoted(string(id))})
	pick := func(label, named, plain string) string {
		if label == "" {
			return plain
		}
		return named
	}
	return text{pick(label.fi, named.fi, plain.fi), pick(label.sv, named.sv, plain.sv), pick(label.en, named.en, plain.en)}
}

// hint suggests an id of a collection.
func (w *whole) hint(name content.CollectionName, id content.ID) text {
	key := content.Ref{Collection: name, ID: id}
	if t, done := w.hints[key]; done {
		return t
	}
	if w.lexicons[name] == nil {
		var ids []string
		for r := range w.snapshot.Set(name).All() {
			ids = append(ids, string(r.ID))
		}
		w.lexicons[name] = newLexicon(ids)
	}
	t := noHint()
	if l := w.lexicons[name]; w.compared+len(l.words) <= maxCompared {
		w.compared += len(l.words)
		t = l.hint(string(id))
	}
	w.hints[key] = t
	return t
}

// unique finds values at one place that two records have. Each of them is told, and
// of one other.
func (w *whole) unique(set *content.Set, at content.Pattern) {
	type holder struct {
		record *content.Record
		value  *content.Value
	}
	first := make(map[uniqueKey]holder, set.Len())
	told := map[uniqueKey]bool{}
	tell := func(h holder, other *content.Record) {
		key := "unique/taken"
		if other == h.record {
			key = "unique/taken:twice"
		}
		w.note(h.record, at, h.value, key, args{
			"value": same(shown(h.value)), "other": quoted(string(other.ID)), "path": quoted(other.Path),
		})
	}
	for r := range set.All() {
		for v := range at.Values(r.Root) {
			if v.IsNull() {
				continue
			}
			key := uniqueKeyOf(v)
			before, taken := first[key]
			if !taken {
				first[key] = holder{r, v}
				continue
			}
			if !told[key] {
				told[key] = true
				tell(before, r)
			}
			tell(holder{r, v}, before.record)
		}
	}
}

// files checks that attachments exist.
func (w *whole) files(set *content.Set, a content.Attachment) {
	for r := range set.All() {
		for v := range a.At.Values(r.Root) {
			if v.Kind != content.String || v.Text == "" {
				continue
			}
			if !inside(v.Text) {
				w.note(r, a.At, v, "file/outside", args{"value": same(shown(v)), "folder": quoted(a.Folder)})
				continue
			}
			if _, ok := w.snapshot.File(a.Folder + "/" + v.Text); !ok {
				w.note(r, a.At, v, "file/missing", args{
					"value": same(shown(v)), "folder": quoted(a.Folder), "hint": w.fileHint(a.Folder, v.Text),
				})
			}
		}
	}
}

// inside reports whether name stays in its folder.
func inside(name string) bool {
	return path.Clean(name) == name && name != "." && name != ".." && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "../") &&
		!strings.ContainsAny(name, "\\\x00")
}

func (w *whole) fileHint(folder, name string) text {
	key := content.CollectionName("file " + folder)
	ref := content.Ref{Collection: key, ID: content.ID(name)}
	if t, done := w.hints[ref]; done {
		return t
	}
	var names []string
	for f := range w.snapshot.Files() {
		if rest, ok := strings.CutPrefix(f.Path, folder+"/"); ok {
			names = append(names, rest)
		}
	}
	t := noHint()
	if w.compared += len(names); w.compared <= maxCompared {
		t = hint(name, names)
	}
	w.hints[ref] = t
	return t
}

// uniqueKey is equal for values that are equal (content.Value.Equal).
type uniqueKey struct {
	kind content.Kind
	text string
}

func uniqueKeyOf(v *content.Value) uniqueKey {
	if v.Kind == content.String || v.Kind == content.Number && plainNumber(v.Text) {
		return uniqueKey{v.Kind, v.Text}
	}
	return uniqueKey{v.Kind, string(appendUnique(nil, v))}
}

// plainNumber reports whether a number is written as normalising would write it.
func plainNumber(literal string) bool {
	return literal != "-0" && !strings.ContainsAny(literal, ".eE")
}

// appendUnique appends v with numbers normalised and members sorted.
func appendUnique(b []byte, v *content.Value) []byte {
	switch v.Kind {
	case content.Number:
		if r, ok := new(big.Rat).SetString(v.Text); ok {
			return append(b, r.RatString()...)
		}
	case content.List:
		b = append(b, '[')
		for i := range v.Kids {
			b = append(appendUnique(b, &v.Kids[i]), ',')
		}
		return append(b, ']')
	case content.Object:
		kids := slices.Clone(v.Kids)
		slices.SortFunc(kids, func(x, y content.Value) int { return cmp.Compare(x.Name, y.Name) })
		b = append(b, '{')
		for i := range kids {
			b = append(content.AppendString(b, kids[i].Name), ':')
			b = append(appendUnique(b, &kids[i]), ',')
		}
		return append(b, '}')
	}
	return v.AppendJSON(b)
}
