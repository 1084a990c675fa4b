package content

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Owners says who must approve changes of which records, fields and files: CODEOWNERS
// with fields. Of the entries that cover a place the last one counts, and no other. A
// place that none covers is nobody's. It is immutable.
//
// Which version rules: a change is judged by the owners and the model of the branch that
// it is to be merged into, never by its own, or it could approve itself (see
// catalog.OwnersAt).
type Owners struct {
	// Path is the owners file, for messages.
	Path string
	// Document is the file as it was read, for the places of problems.
	Document *Document
	Entries  []OwnersEntry
}

// OwnersEntry says who owns what. Either Collection is set or Files.
type OwnersEntry struct {
	// Collection owns its records: with Field what lies at that place and below, without
	// it the whole record, also that there is one and what it is called.
	Collection CollectionName
	Field      Pattern
	// Files are the files at these paths, whole; records are files too.
	Files FilePattern
	// People are addresses, or the names or logins of a forge (see Person.Is).
	People []string
	// Approvals is how many of the people must approve; at least 1.
	Approvals int
}

// OwnersError says what an owners file gets wrong that its JSON Schema cannot say.
type OwnersError struct {
	Pointer Pointer
	Err     error
}

func (e *OwnersError) Error() string { return fmt.Sprintf("%s: %v", e.Pointer, e.Err) }

// Unwrap returns the cause.
func (e *OwnersError) Unwrap() error { return e.Err }

// DecodeOwners reads an owners file that satisfies the JSON Schema of owners files (see
// package check). The error is an *OwnersError that wraps ErrInvalid: a malformed pointer
// or path.
func DecodeOwners(path string, v *Value) (*Owners, error) {
	o := &Owners{Path: path}
	list := v.Member("owners")
	for i := range items(list) {
		entry, at := &list.Kids[i], Pointer("/owners").Item(i)
		e := OwnersEntry{Collection: CollectionName(entry.Member("collection").Str()), Approvals: 1}
		var err error
		if e.Field, err = ParsePattern(entry.Member("field").Str()); err != nil {
			return nil, &OwnersError{at.Child("field"), err}
		}
		if text := entry.Member("files").Str(); text != "" {
			if e.Files, err = ParseFilePattern(text); err != nil {
				return nil, &OwnersError{at.Child("files"), err}
			}
		}
		for j := range items(entry.Member("people")) {
			e.People = append(e.People, entry.Member("people").Kids[j].Str())
		}
		if n, ok := entry.Member("approvals").Float(); ok {
			e.Approvals = max(1, int(n))
		}
		o.Entries = append(o.Entries, e)
	}
	return o, nil
}

// FilePattern names files from the root of the repository: "schema/*.json", "docs/**".
// Inside one path segment "*", "?" and "[a-z]" mean what they mean to path.Match; a
// segment "**" is any number of folders.
type FilePattern string

// ParseFilePattern checks s. An error wraps ErrInvalid and says what is wrong.
func ParseFilePattern(s string) (FilePattern, error) {
	if s == "" || path.Clean(s) != s || s == "." || s == ".." || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "../") {
		return "", fmt.Errorf("path %q must be relative to the root of the repository, without '.' and '..'; all that is in a folder is folder/**: %w", s, ErrInvalid)
	}
	for segment := range strings.SplitSeq(s, "/") {
		if _, err := path.Match(segment, ""); err != nil || segment != "**" && strings.Contains(segment, "**") {
			return "", fmt.Errorf("path %q: %q cannot stand for a name: %w", s, segment, ErrInvalid)
		}
	}
	return FilePattern(s), nil
}

// Match reports whether the pattern names the file at name.
func (p FilePattern) Match(name string) bool {
	if p == "" || name == "" {
		return false
	}
	want, got := strings.Split(string(p), "/"), strings.Split(name, "/")
	// As in a match of "*": after a mismatch the last "**" takes one folder more.
	again, taken := -1, 0
	w, g := 0, 0
	for g < len(got) {
		switch {
		case w < len(want) && want[w] == "**":
			again, taken = w, g
			w++
		case w < len(want) && segmentMatches(want[w], got[g]):
			w++
			g++
		case again >= 0:
			taken++
			w, g = again+1, taken
		default:
			return false
		}
	}
	for w < len(want) && want[w] == "**" {
		w++
	}
	return w == len(want)
}

func segmentMatches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// Covers reports whether at is a place that p names, or lies below one.
func (p Pattern) Covers(at Pointer) bool {
	want, got := p.Tokens(), at.Tokens()
	return len(want) <= len(got) && agree(want, got)
}

// below returns what is left of p below at; "" where p names nothing below it.
func (p Pattern) below(at Pointer) Pattern {
	want, got := p.Tokens(), at.Tokens()
	if len(want) <= len(got) || !agree(want, got) {
		return ""
	}
	rest := Pattern("")
	for _, token := range want[len(got):] {
		rest = rest.Child(token)
	}
	return rest
}

// agree reports whether a pattern and a place are the same as far as both go.
func agree(pattern, place []string) bool {
	for i := range min(len(pattern), len(place)) {
		if pattern[i] != "*" && pattern[i] != place[i] {
			return false
		}
	}
	return true
}

// Shadow returns the index of an entry after entry i that covers all that it covers, so
// that entry i never counts; false where there is none.
func (o *Owners) Shadow(i int) (int, bool) {
	e := &o.Entries[i]
	for j := len(o.Entries) - 1; j > i; j-- {
		later := &o.Entries[j]
		switch {
		case later.Files == "**", later.Files != "" && later.Files == e.Files:
			return j, true
		case later.Files == "" && e.Files == "" && later.Collection == e.Collection && later.Field.Covers(Pointer(e.Field)):
			return j, true
		}
	}
	return 0, false
}

// FileChange is what a change does to one file.
type FileChange struct {
	// Was and Path are where the file lies before and after; "" where there is none.
	Was, Path string
	// Before and After are the values of a record's file; nil where there is no file, and
	// where its text is no strict JSON.
	Before, After *Value
}

// Ownership is what the people of one entry must approve of a change.
type Ownership struct {
	// Entry is the index of the entry in Owners.Entries, and so in the file.
	Entry     int
	People    []string
	Approvals int
	// Places are sorted by path.
	Places []OwnedPlace
}

// OwnedPlace is what is owned of one file.
type OwnedPlace struct {
	// Ref names the record; it is zero where the file is none.
	Ref
	// Path is that of the file after the change; before it where it is gone.
	Path string
	// Pointers are the places of the record that changed, sorted; "" is the record
	// itself: it is new, gone, called otherwise, or was or is no JSON. A file that is no
	// record has only that.
	Pointers []Pointer
}

// Required says who must approve the changes, by entry. m must be the model of the same
// commit as o, with its shapes derived: it says which files are records, how they are
// compared, and no change can say otherwise. o may be nil: nobody must.
//
// A value that changes concerns who owns its place, and who owns a place inside it. A
// record that is new or gone concerns who owns the record, and who owns a field that it
// has; one that only has another name, who owns the record. What changes no value
// concerns nobody, but a file that is no record is owned by its bytes.
func (o *Owners) Required(m *Model, changes []FileChange) []Ownership {
	if o == nil {
		return nil
	}
	r := requirement{owners: o, model: m, found: map[int]map[owned]map[Pointer]bool{}}
	for _, c := range changes {
		r.file(c)
	}
	return r.list()
}

// requirement collects what the entries cover.
type requirement struct {
	owners *Owners
	model  *Model
	found  map[int]map[owned]map[Pointer]bool
}

// owned is a file, and what record it is.
type owned struct {
	Ref
	path string
}

func (r *requirement) locate(file string) (owned, *Collection) {
	if file == "" {
		return owned{}, nil
	}
	c, id := r.model.Match(file)
	if c == nil {
		return owned{path: file}, nil
	}
	return owned{Ref{c.Name, id}, file}, c
}

func (r *requirement) file(c FileChange) {
	was, before := r.locate(c.Was)
	is, after := r.locate(c.Path)
	if before == nil || before != after {
		r.whole(was, before, c.Before)
		r.whole(is, after, c.After)
		return
	}
	if was.path != is.path {
		r.note(was, "")
		r.note(is, "")
	}
	if c.Before == nil || c.After == nil {
		r.whole(was, before, c.Before)
		r.whole(is, after, c.After)
		return
	}
	r.fields(is, differ(after).Diff(c.Before, c.After))
}

// differ compares records of c value by value: a value that moved to where the model
// says that a place was renamed to is owned at both.
func differ(c *Collection) *Differ {
	own := *c
	own.Renamed = nil
	return NewDiffer(&own)
}

// whole notes a file that is new or gone; root is what is in a record.
func (r *requirement) whole(f owned, c *Collection, root *Value) {
	if f.path == "" {
		return
	}
	r.note(f, "")
	if c == nil {
		return
	}
	if root != nil {
		r.fields(f, differ(c).Diff(nil, root))
		return
	}
	// No JSON: what its fields are, or were, is not known, so each may be concerned.
	for i, e := range r.owners.Entries {
		if _, shadowed := r.owners.Shadow(i); !shadowed && e.Collection == c.Name && e.Field != "" {
			r.add(i, f, Pointer(e.Field))
		}
	}
}

func (r *requirement) fields(f owned, changes []FieldChange) {
	for _, c := range changes {
		r.note(f, c.Pointer)
		for _, e := range r.owners.Entries {
			rest := e.Field.below(c.Pointer)
			if e.Collection != f.Collection || rest == "" {
				continue
			}
			for _, v := range []*Value{c.Before, c.After} {
				for at := range rest.Find(v) {
					r.note(f, c.Pointer+at)
				}
			}
		}
	}
}

// note finds whose a place is: the last entry that covers it.
func (r *requirement) note(f owned, at Pointer) {
	for i := range slices.Backward(r.owners.Entries) {
		if r.owners.Entries[i].covers(f, at) {
			r.add(i, f, at)
			return
		}
	}
}

func (r *requirement) add(entry int, f owned, at Pointer) {
	if r.found[entry] == nil {
		r.found[entry] = map[owned]map[Pointer]bool{}
	}
	if r.found[entry][f] == nil {
		r.found[entry][f] = map[Pointer]bool{}
	}
	r.found[entry][f][at] = true
}

func (e *OwnersEntry) covers(f owned, at Pointer) bool {
	if e.Files != "" {
		return e.Files.Match(f.path)
	}
	return e.Collection == f.Collection && e.Field.Covers(at)
}

func (r *requirement) list() []Ownership {
	var all []Ownership
	for i, e := range r.owners.Entries {
		if len(r.found[i]) == 0 {
			continue
		}
		ownership := Ownership{Entry: i, People: e.People, Approvals: e.Approvals}
		for f, pointers := range r.found[i] {
			place := OwnedPlace{Ref: f.Ref, Path: f.path}
			for at := range pointers {
				place.Pointers = append(place.Pointers, at)
			}
			slices.SortFunc(place.Pointers, comparePointers)
			ownership.Places = append(ownership.Places, place)
		}
		slices.SortFunc(ownership.Places, func(a, b OwnedPlace) int { return cmp.Compare(a.Path, b.Path) })
		all = append(all, ownership)
	}
	return all
}

// comparePointers orders places as they are read: /2 before /10.
func comparePointers(a, b Pointer) int {
	return slices.CompareFunc(a.Tokens(), b.Tokens(), func(x, y string) int {
		n, err := strconv.Atoi(x)
		m, otherErr := strconv.Atoi(y)
		if err == nil && otherErr == nil {
			return cmp.Compare(n, m)
		}
		return cmp.Compare(x, y)
	})
}

// Missing is how many approvals of the people are still missing; 0 when they have
// approved. Whoever calls must know who the approvers are: names and addresses
// that nobody vouches for (IdentityClaimed) are what anyone can write. The zero Person is
// an author who is not known.
//
// As on GitHub, an author does not approve what is their own, and no one counts twice.
// Where fewer people than Approvals are left without the author, all of them must
// approve; where none is left, being the author is enough, since nobody else could ever
// approve (GitHub would let nobody merge): unless the author is claimed, who has to
// approve, and so to say that it is they.
func (o *Ownership) Missing(author Person, approvers []Person) int {
	needed := o.Approvals
	var others []string
	for _, handle := range o.People {
		if !author.Is(handle) {
			others = append(others, handle)
		}
	}
	if len(others) == 0 && author.Identity == IdentityClaimed {
		author, others, needed = Person{}, o.People, 1
	}
	var counted []Person
	for _, p := range approvers {
		if !p.same(author) && !slices.ContainsFunc(counted, p.same) && slices.ContainsFunc(others, p.Is) {
			counted = append(counted, p)
		}
	}
	return max(0, min(needed, len(others))-len(counted))
}

// Is reports whether an owners file means p by handle: an address (what has an "@" inside)
// without regard to the case of ASCII letters, or exactly the name, or the login that a
// forge calls p by; an "@" before that is passed over. Letters that only fold to ASCII,
// such as the Kelvin sign, are others: an address that merely looks like an owner's is
// no owner's.
func (p Person) Is(handle string) bool {
	handle = strings.TrimPrefix(handle, "@")
	if strings.Contains(handle, "@") {
		return sameAddress(handle, p.Email)
	}
	return handle != "" && handle == p.Name
}

// same reports whether p and q may be one person: better to ask one more than to count
// one twice.
func (p Person) same(q Person) bool {
	return p.Email != "" && sameAddress(p.Email, q.Email) || p.Name != "" && p.Name == q.Name
}

func sameAddress(a, b string) bool {
	return a == b || ascii(a) && ascii(b) && strings.EqualFold(a, b)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
