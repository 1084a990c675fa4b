package history

import (
	"slices"
	"strings"
	"sync"

	"github.com/koonti/koonti/internal/content"
)

// row is what one commit did to one record, or one merge to those who read the line
// of first parents.
type row struct {
	commit    int32
	path, was int32 // paths; was is -1 where it is no RENAMED
	life      int32
	kind      content.ChangeKind
	before    oid
	after     oid
	// bridge is what the fields are told from where before is no strict JSON; none
	// where there was nothing readable.
	bridge     oid
	unreadable bool
	bridged    bool
	fields     []content.Pointer
}

// event says that from a commit on, a path holds another life, or none.
type event struct {
	commit, life int32
	gone         bool
}

// span is a part of a list of rows.
type span struct{ first, last int32 }

// state is all that was read under one meaning of the model. It has one writer (see
// Index) and only grows: what a Past captured of its lists stays as it was.
type state struct {
	where *places

	// mu guards the maps, and elements of stepOf; lists are appended to under it.
	mu     sync.RWMutex
	graph  *graph
	rows   []*row
	people []person
	paths  []string
	// lives are the records through all their names. A life is called by its first
	// path, and the commit where a path was given to another record.
	lives    []string
	personOf map[person]int32
	pathOf   map[string]int32
	lifeOf   map[string]int32
	pointers []content.Pointer
	// pointerOf is the place of a pointer in pointers.
	pointerOf map[content.Pointer]int32
	events    map[int32][]event    // by path
	renames   map[int32][]renaming // by life
	// merged are the rows of merges against their first parent, those of commit c at
	// spans[c]; spanned are the commits, in the order in which they were compared.
	merged  []*row
	spans   map[int32]span
	spanned []int32
	// done is how many commits have their rows.
	done int32
	// models are what commits that changed the model said of places, where the served
	// model does not have them.
	models []modelled
	// line is that of the served branch.
	line *line
}

// modelled is where a commit's model says that records lie.
type modelled struct {
	commit int32
	places []place
}

// own are the places of the models that led to a commit, as places that know no others:
// what its past tells must not depend on what else was read.
func (s *state) own(c int32) *places {
	var all []place
	for _, m := range s.models {
		if s.graph.reaches(c, m.commit) {
			all = append(all, m.places...)
		}
	}
	return s.where.exactly(all)
}

func newState(where *places) *state {
	return &state{
		where: where, graph: newGraph(), personOf: map[person]int32{}, pathOf: map[string]int32{}, lifeOf: map[string]int32{},
		pointerOf: map[content.Pointer]int32{}, events: map[int32][]event{}, renames: map[int32][]renaming{}, spans: map[int32]span{},
	}
}

// reserve makes room in an empty state for what will be put there.
func (s *state) reserve(m mark) {
	s.people, s.personOf = make([]person, 0, m.people), make(map[person]int32, m.people)
	s.paths, s.pathOf = make([]string, 0, m.paths), make(map[string]int32, m.paths)
	s.lives, s.lifeOf = make([]string, 0, m.lives), make(map[string]int32, m.lives)
	s.graph.commits, s.graph.byHash = make([]commit, 0, m.commits), make(map[oid]int32, m.commits)
	s.rows, s.merged = make([]*row, 0, m.rows), make([]*row, 0, m.merged)
	s.spans, s.spanned = make(map[int32]span, m.spans), make([]int32, 0, m.spans)
}

func intern[K comparable](list *[]K, index map[K]int32, value K) int32 {
	i, ok := index[value]
	if !ok {
		i = int32(len(*list))
		*list = append(*list, value)
		index[value] = i
	}
	return i
}

func (s *state) person(p person) int32  { return intern(&s.people, s.personOf, p) }
func (s *state) path(p string) int32    { return intern(&s.paths, s.pathOf, p) }
func (s *state) life(name string) int32 { return intern(&s.lives, s.lifeOf, name) }

// shared returns the places of changes, each once.
func (s *state) shared(changes []content.FieldChange) []content.Pointer {
	if len(changes) == 0 {
		return nil
	}
	out := make([]content.Pointer, 0, len(changes))
	for _, c := range changes {
		if !slices.Contains(out, c.Pointer) {
			out = append(out, s.known(c.Pointer))
		}
	}
	return out
}

// known returns the one copy of a pointer.
func (s *state) known(p content.Pointer) content.Pointer {
	i, ok := s.pointerOf[p]
	if !ok {
		i = s.pointer(content.Pointer(strings.Clone(string(p))))
	}
	return s.pointers[i]
}

func (s *state) pointer(p content.Pointer) int32 { return intern(&s.pointers, s.pointerOf, p) }

// lifeAt finds which life a path holds at a commit, and makes one where none is known;
// gone where the path was taken away from it and not given to another.
func (s *state) lifeAt(c, path int32) (life int32, gone bool) {
	life, gone, ok := s.lifeSeen(c, path)
	if !ok {
		life = s.life(s.paths[path])
	}
	return life, gone
}

// lifeSeen is lifeAt for readers: what the newest event before c says, else the first
// life of the path.
func (s *state) lifeSeen(c, path int32) (life int32, gone, ok bool) {
	events := s.events[path]
	best := -1
	for i, e := range events {
		if (best < 0 || s.graph.newer(e.commit, events[best].commit) >= 0) && s.graph.reaches(c, e.commit) {
			best = i
		}
	}
	if best < 0 {
		life, ok = s.lifeOf[s.paths[path]]
		return life, false, ok
	}
	return events[best].life, events[best].gone, true
}

// settle turns drafts of a commit into rows, and says which records they are of.
func (s *state) settle(c int32, drafts []draft) []*row {
	rows := make([]*row, 0, len(drafts))
	for _, d := range drafts {
		r, gone := s.row(c, d), false
		if r.was >= 0 {
			r.life, _ = s.lifeAt(c, r.was)
		} else {
			r.life, gone = s.lifeAt(c, r.path)
		}
		if gone && d.kind == content.Created {
			r.life = s.life(d.path + "@" + string(s.graph.commits[c].hash.hash()))
		}
		rows = append(rows, r)
	}
	s.note(rows)
	return rows
}

// row makes a row of a draft, but for the life it is of.
func (s *state) row(c int32, d draft) *row {
	r := &row{
		commit: c, path: s.path(d.path), was: -1, kind: d.kind, before: d.before, after: d.after,
		unreadable: d.unreadable, bridge: d.bridged, bridged: d.bridge, fields: s.shared(d.fields),
	}
	if d.was != "" {
		r.was = s.path(d.was)
	}
	return r
}

// put adds a row of a commit: rows come by commit.
func (s *state) put(r *row) {
	c := &s.graph.commits[r.commit]
	if c.first == c.last {
		c.first = int32(len(s.rows))
	}
	s.rows = append(s.rows, r)
	c.last = int32(len(s.rows))
}

// span makes all merged rows from first on those of a commit.
func (s *state) span(c int32, first int) {
	if _, known := s.spans[c]; !known {
		s.spanned = append(s.spanned, c)
	}
	s.spans[c] = span{int32(first), int32(len(s.merged))}
}

// note keeps the events that rows of one commit stand for: what goes before what
// comes, since names may change hands.
func (s *state) note(rows []*row) {
	for _, r := range rows {
		if r.kind == content.Renamed {
			s.events[r.was] = append(s.events[r.was], event{r.commit, r.life, true})
			s.renamed(r)
		}
	}
	for _, r := range rows {
		if r.kind == content.Renamed || r.kind == content.Created && s.begun(r) {
			s.events[r.path] = append(s.events[r.path], event{r.commit, r.life, false})
		}
	}
}

// begun reports whether the life of a row was called by the commit that gave it a path
// (see settle).
func (s *state) begun(r *row) bool {
	name := s.lives[r.life]
	at := strings.LastIndexByte(name, '@')
	return at >= 0 && name[at+1:] == string(s.graph.commits[r.commit].hash.hash())
}
