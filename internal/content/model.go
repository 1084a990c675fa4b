package content

import (
	"fmt"
	"strings"
)

// Model says which collections there are, where their records lie, and what
// refers to what. It is immutable once its shapes are set (see DeriveShapes).
type Model struct {
	// Key is equal for two models exactly when model file and schemas are the same.
	Key string
	// Path is the model file, for messages.
	Path string
	// Document is the model file as it was read, for the places of problems; nil
	// where there was none.
	Document *Document
	// Languages of localized values, the fallback order; may be empty.
	Languages   []Language
	Collections []*Collection
}

// Collection is what the model says of one collection.
type Collection struct {
	Name CollectionName
	// Type is the name of the GraphQL type of its records.
	Type string
	// Schema is the path of its JSON Schema from the root of the repository.
	Schema string
	Path   PathPattern
	// Title is the place of a record's title, IDAt that of a property which must
	// equal the id; nil where the model names none.
	Title, IDAt *Pointer
	// Label names one record in each language ("theme"); Absent is the form used
	// where one is missing (Finnish partitive: "teemaa"). Both may be empty.
	Label, Absent map[Language]string
	Localized     []Pattern
	References    []Reference
	// Keys: how the items of the list at Pattern are matched between versions.
	Keys   []Key
	Unique []Pattern
	Files  []Attachment
	// Renamed: the history of the first place goes on at the second.
	Renamed []Renaming

	// Root is the type of its documents, from the schema; never nil after
	// DeriveShapes.
	Root *Shape
	// Singular and Plural are the two root fields of GraphQL: "project", "projects".
	// Either is "" where it clashed with another.
	Singular, Plural string
	// Inverses are the ways back: who refers to a record of this collection.
	Inverses []Inverse
}

// Reference says that the values at At are ids of records of Target.
type Reference struct {
	At      Pattern
	Target  CollectionName
	Inverse string // the name of the way back in the model; "" for none
}

// Key names the member by which the items of the list at At are matched.
type Key struct {
	At     Pattern
	Member string
}

// Attachment says that the values at At are names of files in Folder.
type Attachment struct {
	At     Pattern
	Folder string
}

// Renaming says that what lay at From lies at To now.
type Renaming struct{ From, To Pointer }

// Inverse is the way back of a Reference of another collection.
type Inverse struct {
	// Name is the GraphQL field.
	Name       string
	Collection CollectionName
	At         Pattern
}

// Collection returns the collection called name, or nil.
func (m *Model) Collection(name CollectionName) *Collection {
	for _, c := range m.Collections {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Match returns the collection whose records lie where path is, and the id; the
// first in the model's order where several match. It is nil where none does.
func (m *Model) Match(path string) (*Collection, ID) {
	for _, c := range m.Collections {
		if id, ok := c.Path.Match(path); ok {
			return c, id
		}
	}
	return nil, ""
}

// Attached reports whether path lies in an attachment folder of the model.
func (m *Model) Attached(path string) bool {
	for _, c := range m.Collections {
		for _, f := range c.Files {
			if strings.HasPrefix(path, f.Folder+"/") {
				return true
			}
		}
	}
	return false
}

// Localize returns the text of a localized value in lang, else in the first of
// the model's languages that it has, else in its first; and which that was. The
// value is nil where v holds no text.
func (m *Model) Localize(v *Value, lang Language) (*Value, Language) {
	if v == nil || v.Kind != Object {
		return nil, ""
	}
	if text := v.Member(string(lang)); text.Str() != "" {
		return text, lang
	}
	for _, l := range m.Languages {
		if text := v.Member(string(l)); text.Str() != "" {
			return text, l
		}
	}
	for i := range v.Kids {
		if v.Kids[i].Str() != "" {
			return &v.Kids[i], Language(v.Kids[i].Name)
		}
	}
	return nil, ""
}

// Reference returns the reference at the given place, or nil.
func (c *Collection) Reference(at Pattern) *Reference {
	for i := range c.References {
		if c.References[i].At == at {
			return &c.References[i]
		}
	}
	return nil
}

// IsLocalized reports whether the model calls the place localized.
func (c *Collection) IsLocalized(at Pattern) bool {
	for _, p := range c.Localized {
		if p == at {
			return true
		}
	}
	return false
}

// ModelError says what a model file gets wrong that its JSON Schema cannot say.
type ModelError struct {
	Pointer Pointer
	Err     error
}

func (e *ModelError) Error() string { return fmt.Sprintf("%s: %v", e.Pointer, e.Err) }

// Unwrap returns the cause.
func (e *ModelError) Unwrap() error { return e.Err }

// DecodeModel reads a model file that satisfies the JSON Schema of model files
// (see package check). The error is a *ModelError: a malformed pointer or path,
// two collections of one name, or a reference to a collection that is not there.
func DecodeModel(path string, v *Value) (*Model, error) {
	m := &Model{Path: path}
	for _, lang := range items(v.Member("languages")) {
		m.Languages = append(m.Languages, Language(lang.Str()))
	}
	list := v.Member("collections")
	for i := range items(list) {
		at := Pointer("/collections").Item(i)
		c, err := decodeCollection(at, &list.Kids[i])
		if err != nil {
			return nil, err
		}
		if m.Collection(c.Name) != nil {
			return nil, &ModelError{at.Child("name"), fmt.Errorf("a second collection is called %q: %w", c.Name, ErrInvalid)}
		}
		m.Collections = append(m.Collections, c)
	}
	return m, m.checkTargets(list)
}

func (m *Model) checkTargets(list *Value) error {
	for i, c := range m.Collections {
		for _, ref := range c.References {
			if m.Collection(ref.Target) == nil {
				at := Pointer("/collections").Item(i).Child("references").Child(string(ref.At)).Child("collection")
				return &ModelError{at, fmt.Errorf("there is no collection %q to refer to: %w", ref.Target, ErrInvalid)}
			}
		}
	}
	return nil
}

func decodeCollection(at Pointer, v *Value) (*Collection, error) {
	d := modelDecoder{at: at}
	c := &Collection{
		Name:   CollectionName(v.Member("name").Str()),
		Type:   v.Member("type").Str(),
		Schema: v.Member("schema").Str(),
		Label:  texts(v.Member("label")),
		Absent: texts(v.Member("labelPartitive")),
		Title:  d.optional(v, "title"),
		IDAt:   d.optional(v, "id"),
	}
	var err error
	if c.Path, err = ParsePathPattern(v.Member("path").Str()); err != nil {
		d.fail(at.Child("path"), err)
	}
	for _, p := range items(v.Member("localized")) {
		c.Localized = append(c.Localized, d.pattern(at.Child("localized"), p.Str()))
	}
	for _, p := range items(v.Member("unique")) {
		c.Unique = append(c.Unique, d.pattern(at.Child("unique"), p.Str()))
	}
	for _, r := range items(v.Member("references")) {
		c.References = append(c.References, Reference{
			At:     d.pattern(at.Child("references"), r.Name),
			Target: CollectionName(r.Member("collection").Str()), Inverse: r.Member("inverse").Str(),
		})
	}
	for _, k := range items(v.Member("keys")) {
		c.Keys = append(c.Keys, Key{d.pattern(at.Child("keys"), k.Name), k.Str()})
	}
	for _, f := range items(v.Member("files")) {
		c.Files = append(c.Files, Attachment{d.pattern(at.Child("files"), f.Name), strings.TrimSuffix(f.Str(), "/")})
	}
	for _, r := range items(v.Member("renamed")) {
		from, to := d.pattern(at.Child("renamed"), r.Name), d.pattern(at.Child("renamed").Child(r.Name), r.Str())
		c.Renamed = append(c.Renamed, Renaming{Pointer(from), Pointer(to)})
	}
	return c, d.err
}

// modelDecoder keeps the first thing that is wrong.
type modelDecoder struct {
	at  Pointer
	err error
}

func (d *modelDecoder) fail(at Pointer, err error) {
	if d.err == nil {
		d.err = &ModelError{at, err}
	}
}

func (d *modelDecoder) pattern(at Pointer, s string) Pattern {
	p, err := ParsePattern(s)
	if err != nil {
		d.fail(at, err)
	}
	return p
}

func (d *modelDecoder) optional(v *Value, name string) *Pointer {
	member := v.Member(name)
	if member == nil {
		return nil
	}
	p := Pointer(d.pattern(d.at.Child(name), member.Str()))
	return &p
}

func items(v *Value) []Value {
	if v == nil {
		return nil
	}
	return v.Kids
}

func texts(v *Value) map[Language]string {
	if v == nil {
		return nil
	}
	out := make(map[Language]string, len(v.Kids))
	for i := range v.Kids {
		out[Language(v.Kids[i].Name)] = v.Kids[i].Str()
	}
	return out
}
