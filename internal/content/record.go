package content

// Document is the content of one blob: its bytes and what they decode to. It is
// immutable and shared by every snapshot that holds the blob.
type Document struct {
	Blob   Hash
	Source string
	Root   *Value
}

// Record is one record of a snapshot. It is immutable; snapshots share records.
type Record struct {
	Ref
	// Path is the file, slash-separated from the root of the repository.
	Path string
	*Document
	// Valid: the document served satisfies the schema of its collection.
	Valid bool
	// Stale: the file as it is now is not valid, and Document is the newest valid
	// version of it; From is the commit that version was read from.
	Stale bool
	From  Hash
	// Uncommitted: the document differs from what the served commit holds.
	Uncommitted bool
}

// Title returns the text at the collection's title pointer in lang, falling back
// in the model's order; "" where there is none.
func (r *Record) Title(m *Model, lang Language) string {
	c := m.Collection(r.Collection)
	if c == nil || c.Title == nil {
		return ""
	}
	v := r.Root.At(*c.Title)
	if v != nil && v.Kind == Object {
		v, _ = m.Localize(v, lang)
	}
	return v.Str()
}

// same reports whether r and s serve the same thing.
func (r *Record) same(s *Record) bool {
	return r.Ref == s.Ref && r.Path == s.Path && r.Blob == s.Blob && r.Valid == s.Valid &&
		r.Stale == s.Stale && r.From == s.From && r.Uncommitted == s.Uncommitted
}
