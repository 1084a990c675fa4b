package content

import (
	"cmp"
	"iter"
	"slices"
	"sync"
)

// File is an attachment: a file in one of the model's attachment folders.
type File struct {
	// Path is slash-separated from the root of the repository.
	Path string
	// Blob is the Git object name of the bytes.
	Blob Hash
	// Size is in bytes.
	Size int64
}

// Snapshot is all records and attachments of one tree. It is immutable and safe
// for concurrent use; collections that did not change are shared with the
// snapshot it was made from.
type Snapshot struct {
	sets  map[CollectionName]*Set
	files []File
}

// NewSnapshot makes a snapshot of records and files, sharing with previous (which
// may be nil) all that is the same. Two records with one Ref must not be given.
func NewSnapshot(previous *Snapshot, records map[CollectionName][]*Record, files []File) *Snapshot {
	s := &Snapshot{sets: make(map[CollectionName]*Set, len(records)), files: files}
	for name, list := range records {
		s.sets[name] = newSet(previous.Set(name), list)
	}
	slices.SortFunc(s.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return s
}

// Set returns the records of a collection; an empty set where there is none.
func (s *Snapshot) Set(name CollectionName) *Set {
	if s == nil || s.sets[name] == nil {
		return &Set{}
	}
	return s.sets[name]
}

// Record returns the record that ref names, or nil.
func (s *Snapshot) Record(ref Ref) *Record { return s.Set(ref.Collection).Record(ref.ID) }

// Count is the number of records of all collections.
func (s *Snapshot) Count() int {
	n := 0
	for _, set := range s.sets {
		n += set.Len()
	}
	return n
}

// records yields the records of all collections, in no order.
func (s *Snapshot) records() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		if s == nil {
			return
		}
		for _, set := range s.sets {
			for _, r := range set.records {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// File returns the attachment at path, and whether there is one.
func (s *Snapshot) File(path string) (File, bool) {
	i, ok := slices.BinarySearchFunc(s.files, path, func(f File, p string) int { return cmp.Compare(f.Path, p) })
	if !ok {
		return File{}, false
	}
	return s.files[i], true
}

// Files yields all attachments by path.
func (s *Snapshot) Files() iter.Seq[File] { return slices.Values(s.files) }

// Set is the records of one collection, ordered by id. It is immutable.
type Set struct {
	records []*Record

	mu      sync.Mutex // guards inverse
	inverse map[Pattern]map[ID][]*Record
}

func newSet(previous *Set, records []*Record) *Set {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b *Record) int { return cmp.Compare(a.ID, b.ID) })
	changed := len(records) != previous.Len()
	for i, r := range records {
		if old := previous.Record(r.ID); old != nil && old.same(r) {
			records[i] = old
			continue
		}
		changed = true
	}
	if !changed {
		return previous
	}
	return &Set{records: records}
}

// Len is the number of records.
func (s *Set) Len() int { return len(s.records) }

// At returns the record at index i of the order by id, 0 <= i < Len.
func (s *Set) At(i int) *Record { return s.records[i] }

// All yields the records by id.
func (s *Set) All() iter.Seq[*Record] { return slices.Values(s.records) }

// Record returns the record called id, or nil.
func (s *Set) Record(id ID) *Record {
	i, ok := s.Index(id)
	if !ok {
		return nil
	}
	return s.records[i]
}

// Index returns where id is, or would be, in the order by id.
func (s *Set) Index(id ID) (int, bool) {
	return slices.BinarySearchFunc(s.records, id, func(r *Record, id ID) int { return cmp.Compare(r.ID, id) })
}

// Referrers returns the records of s that hold target at pattern, by id; the
// caller must not change the slice. The index behind it is made once per pattern
// and lives as long as the set, so it is shared by all snapshots that share s.
func (s *Set) Referrers(pattern Pattern, target ID) []*Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	index, ok := s.inverse[pattern]
	if !ok {
		index = s.invert(pattern)
		if s.inverse == nil {
			s.inverse = map[Pattern]map[ID][]*Record{}
		}
		s.inverse[pattern] = index
	}
	return index[target]
}

func (s *Set) invert(pattern Pattern) map[ID][]*Record {
	index := map[ID][]*Record{}
	for _, r := range s.records {
		for v := range pattern.Values(r.Root) {
			id, ok := v.RefID()
			if list := index[id]; ok && (len(list) == 0 || list[len(list)-1] != r) {
				index[id] = append(list, r)
			}
		}
	}
	return index
}

// RefID returns the id that a reference holds: the text of a string or of a whole
// number; false for anything else.
func (v *Value) RefID() (ID, bool) {
	if v == nil || v.Kind != String && v.Kind != Number || v.Text == "" {
		return "", false
	}
	return ID(v.Text), true
}
