package search

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// class says how much a text weighs.
type class int

const (
	body class = iota
	title
	classes
)

func (c class) String() string {
	if c == title {
		return "title"
	}
	return "text"
}

// bucket is texts of one language. Plain strings are a bucket of their own, and so are
// localized texts in languages that the model does not name.
type bucket struct {
	language content.Language // "" for plain strings
	analyser *analyser
	fields   [classes]string // of stems
}

// wordField is the field of the folded words of all buckets.
func (c class) wordField() string { return "word:" + c.String() }

// plan says how the records of one collection of one model are read.
type plan struct {
	key        [8]byte
	collection *content.Collection
	buckets    []bucket
	// plain and other are indexes of buckets; those before are of the model's languages.
	plain, other int
}

// text is one text of a record.
type text struct {
	// at is the place: of a localized value, the value's, not the language's.
	at     content.Pointer
	bucket int
	class  class
	text   string
}

// plans returns a plan for each collection of m, in its order.
func (a analysers) plans(m *content.Model) []*plan {
	var buckets []bucket
	add := func(field string, language content.Language, by *analyser) {
		b := bucket{language: language, analyser: by}
		for c := range classes {
			b.fields[c] = "stem:" + c.String() + ":" + field
		}
		buckets = append(buckets, b)
	}
	first := a.none
	for i, l := range m.Languages {
		if i == 0 {
			first = a.of(l)
		}
		add(string(l), l, a.of(l))
	}
	add("", "", first)
	add("*", "*", a.none)
	list := make([]*plan, len(m.Collections))
	for i, c := range m.Collections {
		list[i] = &plan{collection: c, buckets: buckets, plain: len(buckets) - 2, other: len(buckets) - 1}
		list[i].key = list[i].sum(m.Languages)
	}
	return list
}

// sum identifies all that decides what a document of the collection holds, but the
// bytes of the record.
func (p *plan) sum(languages []content.Language) [8]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q %q", formatVersion, p.collection.Name, languages)
	if p.collection.Title != nil {
		fmt.Fprintf(h, " title %q", *p.collection.Title)
	}
	describe(h, p.collection.Root, map[*content.Shape]int{})
	return [8]byte(h.Sum(nil))
}

// describe writes the text places below s; shapes may form cycles.
func describe(h hash.Hash, s *content.Shape, seen map[*content.Shape]int) {
	if s == nil {
		return
	}
	if n, ok := seen[s]; ok {
		fmt.Fprintf(h, " ^%d", n)
		return
	}
	seen[s] = len(seen)
	switch s.Kind {
	case content.ShapeString, content.ShapeLocalized:
		fmt.Fprintf(h, " %d", s.Kind)
	case content.ShapeList:
		fmt.Fprint(h, " [")
		describe(h, s.Item, seen)
		fmt.Fprint(h, "]")
	case content.ShapeObject:
		fmt.Fprint(h, " {")
		for i := range s.Fields {
			if f := &s.Fields[i]; holdsText(f.Shape) {
				fmt.Fprintf(h, " %q %t", f.Property, f.Self)
				describe(h, f.Shape, seen)
			}
		}
		fmt.Fprint(h, "}")
	}
}

// holdsText reports whether a shape may hold text, as far as its kind tells.
func holdsText(s *content.Shape) bool {
	switch s.Kind {
	case content.ShapeString, content.ShapeLocalized, content.ShapeList, content.ShapeObject:
		return true
	}
	return false
}

// docKey names one document of the index: the plan and the blob.
type docKey [28]byte

// docKey returns the key of a record's document.
func (p *plan) docKey(d *content.Document) docKey {
	var k docKey
	copy(k[:], p.key[:])
	if n, err := hex.Decode(k[8:], []byte(d.Blob)); err != nil || n != len(k)-8 {
		sum := sha256.Sum256([]byte(d.Source))
		copy(k[8:], sum[:])
	}
	return k
}

// texts returns the texts of a record, in the order of its schema.
func (p *plan) texts(root *content.Value) []text {
	r := reader{plan: p}
	r.read(p.collection.Root, root, "")
	return r.list
}

type reader struct {
	*plan
	list []text
}

// read follows shape and value together; it ends because values are no cycles.
func (r *reader) read(s *content.Shape, v *content.Value, at content.Pointer) {
	if s == nil || v.IsNull() {
		return
	}
	switch s.Kind {
	case content.ShapeString:
		r.add(v, at, r.plain)
	case content.ShapeLocalized:
		r.localized(v, at)
	case content.ShapeList:
		for i := range v.Kids {
			if v.Kind == content.List {
				r.read(s.Item, &v.Kids[i], at.Item(i))
			}
		}
	case content.ShapeObject:
		for i := range s.Fields {
			f := &s.Fields[i]
			place := at
			if !f.Self {
				place = at.Child(f.Property)
			}
			r.read(f.Shape, f.Read(v), place)
		}
	}
}

func (r *reader) localized(v *content.Value, at content.Pointer) {
	if v.Kind != content.Object {
		r.add(v, at, r.plain)
		return
	}
	for i := range v.Kids {
		kid := &v.Kids[i]
		r.add(kid, at, r.bucketOf(content.Language(kid.Name)))
	}
}

func (r *reader) bucketOf(lang content.Language) int {
	for i, b := range r.buckets[:r.plain] {
		if b.language == lang {
			return i
		}
	}
	return r.other
}

// add takes a string, or the strings of a list.
func (r *reader) add(v *content.Value, at content.Pointer, bucket int) {
	if v.Kind == content.List {
		for i := range v.Kids {
			r.add(&v.Kids[i], at, bucket)
		}
		return
	}
	t := text{at: at, bucket: bucket, text: v.Str()}
	if p := r.collection.Title; p != nil && p.Covers(at) {
		t.class = title
	}
	if t.text != "" && (t.class == title || !machine(t.text)) {
		r.list = append(r.list, t)
	}
}

// machine reports whether a string is a pointer, a path from the root or an address,
// which hold no words for readers.
func machine(s string) bool {
	return !strings.ContainsAny(s, " \t\n") && (strings.HasPrefix(s, "/") || strings.Contains(s, "://"))
}
