package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// place is where records of a collection lie, now or under an older model.
type place struct {
	collection content.CollectionName
	at         content.PathPattern
}

func (p place) same(o place) bool {
	return p.collection == o.collection && p.at.String() == o.at.String()
}

// places says which paths hold records, and how the documents of each are compared.
// It is immutable.
type places struct {
	// model is the path of the model file in the repository, "" where it is given
	// from outside.
	model  string
	served []place
	// former are those of older models that the served one does not have, sorted.
	former  []place
	differs map[content.CollectionName]*content.Differ
	plain   *content.Differ
	means   string
}

func newPlaces(m *content.Model, model string) *places {
	p := &places{model: model, differs: map[content.CollectionName]*content.Differ{}, plain: content.NewDiffer(nil)}
	for _, c := range m.Collections {
		p.served = append(p.served, place{c.Name, c.Path})
		p.differs[c.Name] = content.NewDiffer(c)
	}
	p.means = p.digest()
	return p
}

// exactly returns places with these former ones alone.
func (p *places) exactly(former []place) *places {
	next := *p
	next.former = nil
	return next.with(former)
}

// key is equal for two places exactly when the same paths hold records for them.
func (p *places) key() string {
	var b strings.Builder
	b.WriteString(p.means)
	for _, f := range p.former {
		b.WriteString("\x00" + string(f.collection) + "\x00" + f.at.String())
	}
	return b.String()
}

// with returns places that know more; p itself where there is nothing new.
func (p *places) with(more []place) *places {
	former := slices.Clone(p.former)
	for _, m := range more {
		if !slices.ContainsFunc(p.served, m.same) && !slices.ContainsFunc(former, m.same) {
			former = append(former, m)
		}
	}
	if len(former) == len(p.former) {
		return p
	}
	slices.SortFunc(former, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.collection, b.collection), strings.Compare(a.at.String(), b.at.String()))
	})
	next := *p
	next.former = former
	return &next
}

// meaning is equal for two places exactly when the same changes follow from the same
// commits, but for former places.
func (p *places) meaning() string { return p.means }

func (p *places) digest() string {
	h := sha256.New()
	write := func(s string) { h.Write([]byte(s)); h.Write([]byte{0}) }
	write(p.model)
	for _, s := range p.served {
		write(string(s.collection))
		write(s.at.String())
		write(p.differs[s.collection].Meaning())
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// match finds which record a path holds; the served model's word counts before that
// of older ones.
func (p *places) match(path string) (content.Ref, bool) {
	for _, list := range [][]place{p.served, p.former} {
		for _, s := range list {
			if id, ok := s.at.Match(path); ok && id.Readable() {
				return content.Ref{Collection: s.collection, ID: id}, true
			}
		}
	}
	return content.Ref{}, false
}

// differ compares the documents at path.
func (p *places) differ(path string) *content.Differ {
	ref, _ := p.match(path)
	if d := p.differs[ref.Collection]; d != nil {
		return d
	}
	return p.plain
}

// mostFields is how many fields of one change are told apart. A change of more is told
// by the members of the document that it touched, and one of more members as a whole:
// what a hostile history makes us keep is bounded.
const mostFields = 1000

// diff compares two versions of the document at path.
func (p *places) diff(path string, before, after *content.Value) []content.FieldChange {
	fields := p.differ(path).Diff(before, after)
	if len(fields) <= mostFields {
		return fields
	}
	var members []content.FieldChange
	told := map[string]bool{}
	for _, f := range fields {
		token := f.Pointer.Tokens()[0]
		if told[token] {
			continue
		}
		told[token] = true
		at := content.Pointer("").Child(token)
		members = append(members, content.FieldChange{Pointer: at, Before: before.At(at), After: after.At(at)})
	}
	if len(members) <= mostFields {
		return members
	}
	return []content.FieldChange{{Before: before, After: after}}
}

// file reports whether a path is a record's, or the model's.
func (p *places) file(path string) bool {
	_, ok := p.match(path)
	return ok || path == p.model
}

// descend reports whether records may lie below a folder.
func (p *places) descend(dir string) bool {
	if strings.HasPrefix(p.model, dir+"/") {
		return true
	}
	depth := strings.Count(dir, "/")
	for _, list := range [][]place{p.served, p.former} {
		for _, s := range list {
			if s.at.Depth() > depth+1 && under(s.at, dir) {
				return true
			}
		}
	}
	return false
}

func under(at content.PathPattern, dir string) bool {
	i := 0
	for name := range strings.SplitSeq(dir, "/") {
		if !at.Segment(i, name) {
			return false
		}
		i++
	}
	return true
}

// readPlaces finds where a model file says that records lie, whatever else is wrong
// with it.
func readPlaces(source string) []place {
	root, err := content.Parse(source)
	if err != nil {
		return nil
	}
	list := root.Member("collections")
	if list == nil || list.Kind != content.List {
		return nil
	}
	var out []place
	for i := range list.Kids {
		name, at := list.Kids[i].Member("name"), list.Kids[i].Member("path")
		if name == nil || at == nil {
			continue
		}
		if pattern, err := content.ParsePathPattern(at.Str()); err == nil && name.Str() != "" {
			out = append(out, place{content.CollectionName(name.Str()), pattern})
		}
	}
	return out
}
