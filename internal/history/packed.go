package history

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/koonti/koonti/internal/content"
)

// mark is how much there is of each list of a state.
type mark struct{ people, paths, lives, pointers, commits, rows, spans, merged int }

func (s *state) mark() mark {
	return mark{len(s.people), len(s.paths), len(s.lives), len(s.pointers), int(s.done), len(s.rows), len(s.spanned), len(s.merged)}
}

func (m *mark) parts() [8]*int {
	return [...]*int{&m.people, &m.paths, &m.lives, &m.pointers, &m.commits, &m.rows, &m.spans, &m.merged}
}

// since is how much more there is than at another mark.
func (m mark) since(from mark) mark {
	for i, n := range from.parts() {
		*m.parts()[i] -= *n
	}
	return m
}

// and is how much there is where more comes to it.
func (m mark) and(more mark) mark {
	for i, n := range more.parts() {
		*m.parts()[i] += *n
	}
	return m
}

// weight is about how long it takes to pack that much.
func (m mark) weight() int { return m.commits + m.rows + m.merged }

// kinds are how kinds of changes are packed: by their place.
var kinds = [...]content.ChangeKind{content.Created, content.Updated, content.Renamed, content.Deleted, content.Formatted, content.Overruled}

// What the lowest bits of a packed commit, or those above the kind of a packed row, say
// that there is.
const (
	hasPull = 1 << iota
	hasCredits
	hasPlaces
)
const (
	kindBits  = 3
	hasBefore = 1 << (kindBits + iota)
	hasAfter
	hasBridge
	isBridged
	isUnreadable
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// packer writes a part of a state: a checksum, the mark where the part begins, how much
// it is, and then three lists of what the rest is made of, numbers (varints), hashes and
// texts. Each list of fields is written where it is first met.
type packer struct {
	numbers, hashes, texts []byte
	lists                  map[string]int // by their packed pointers
}

// pack returns what came to a state since from.
func (s *state) pack(from mark) ([]byte, error) {
	to := s.mark()
	p := &packer{lists: map[string]int{}}
	for _, one := range s.people[from.people:] {
		p.text(one.name)
		p.text(one.email)
	}
	for _, path := range s.paths[from.paths:] {
		p.text(path)
	}
	for _, life := range s.lives[from.lives:] {
		p.life(s, life)
	}
	for _, pointer := range s.pointers[from.pointers:] {
		p.text(string(pointer))
	}
	for i := from.commits; i < to.commits; i++ {
		if err := p.commit(s, int32(i)); err != nil {
			return nil, err
		}
	}
	last := int32(0)
	for _, r := range s.rows[from.rows:] {
		p.number(int(r.commit - last))
		p.row(s, r)
		last = r.commit
	}
	for _, c := range s.spanned[from.spans:] {
		at := s.spans[c]
		p.number(int(c))
		p.number(int(at.last - at.first))
		for _, r := range s.merged[at.first:at.last] {
			p.row(s, r)
		}
	}
	return p.seal(from, to), nil
}

func (p *packer) seal(from, to mark) []byte {
	out := make([]byte, crc32.Size, crc32.Size+64+len(p.numbers)+len(p.hashes)+len(p.texts))
	amount := to.since(from)
	for _, m := range []mark{from, amount} {
		for _, n := range m.parts() {
			out = binary.AppendUvarint(out, uint64(*n))
		}
	}
	out = binary.AppendUvarint(out, uint64(len(p.numbers)))
	out = binary.AppendUvarint(out, uint64(len(p.hashes)))
	out = slices.Concat(out, p.numbers, p.hashes, p.texts)
	binary.LittleEndian.PutUint32(out, crc32.Checksum(out[crc32.Size:], castagnoli))
	return out
}

func (p *packer) number(n int)   { p.numbers = binary.AppendUvarint(p.numbers, uint64(n)) }
func (p *packer) signed(n int64) { p.numbers = binary.AppendVarint(p.numbers, n) }
func (p *packer) hash(id oid)    { p.hashes = append(p.hashes, id[:]...) }

func (p *packer) text(s string) {
	p.number(len(s))
	p.texts = append(p.texts, s...)
}

// life packs the name of a life: the place of the path that it is, from 1, or a text.
func (p *packer) life(s *state, name string) {
	path, ok := s.pathOf[name]
	if !ok {
		p.number(0)
		p.text(name)
		return
	}
	p.number(int(path) + 1)
}

func (p *packer) commit(s *state, id int32) error {
	c := &s.graph.commits[id]
	model := slices.IndexFunc(s.models, func(m modelled) bool { return m.commit == id })
	p.number(flag(c.pull != nil, hasPull) | flag(len(c.credits) > 0, hasCredits) | flag(model >= 0, hasPlaces))
	p.hash(c.hash)
	p.hash(c.tree)
	p.number(len(c.parents))
	for _, parent := range c.parents {
		p.number(int(id - parent))
	}
	p.number(int(c.author))
	p.number(int(c.committer))
	p.signed(c.committed)
	p.signed(c.authored - c.committed)
	p.text(c.subject)
	if c.pull != nil {
		p.signed(int64(c.pull.Number))
		p.text(c.pull.Title)
		p.text(c.pull.URL)
	}
	if len(c.credits) > 0 {
		p.number(len(c.credits))
	}
	for _, cr := range c.credits {
		p.number(int(cr.role))
		p.number(int(cr.person))
	}
	if model < 0 {
		return nil
	}
	text, err := formatPlaces(s.models[model].places)
	p.text(text)
	return err
}

func flag(is bool, bit int) int {
	if is {
		return bit
	}
	return 0
}

// row packs all of a row but its commit.
func (p *packer) row(s *state, r *row) {
	none := oid{}
	p.number(slices.Index(kinds[:], r.kind) | flag(r.before != none, hasBefore) | flag(r.after != none, hasAfter) |
		flag(r.bridge != none, hasBridge) | flag(r.bridged, isBridged) | flag(r.unreadable, isUnreadable))
	p.number(int(r.path))
	p.number(int(r.was + 1))
	p.number(int(r.life))
	for _, id := range []oid{r.before, r.after, r.bridge} {
		if id != none {
			p.hash(id)
		}
	}
	list := binary.AppendUvarint(nil, uint64(len(r.fields)))
	for _, f := range r.fields {
		list = binary.AppendUvarint(list, uint64(s.pointerOf[f]))
	}
	number, known := p.lists[string(list)]
	if !known {
		number = len(p.lists)
		p.lists[string(list)] = number
	}
	p.number(number)
	if !known {
		p.numbers = append(p.numbers, list...)
	}
}

// unpacker reads what a packer wrote. Whatever the bytes are, it reads within them and
// makes nothing larger than they are by more than a constant factor.
type unpacker struct {
	from, amount    mark
	numbers, hashes []byte
	texts           string
	damaged         bool
	state           *state
	lists           [][]content.Pointer
	parents         []int32 // what the commits' are cut from
	rows            []row   // what the rows are cut from
}

// openPart checks a part, and reads how much it is.
func openPart(data []byte) (*unpacker, error) {
	if len(data) < crc32.Size || binary.LittleEndian.Uint32(data) != crc32.Checksum(data[crc32.Size:], castagnoli) {
		return nil, errDamaged
	}
	u := &unpacker{numbers: data[crc32.Size:]}
	for _, m := range []*mark{&u.from, &u.amount} {
		for _, n := range m.parts() {
			*n = u.number()
		}
	}
	numbers, hashes := u.number(), u.number()
	rest := u.numbers
	if u.damaged || numbers > len(rest) || hashes > len(rest)-numbers {
		return nil, errDamaged
	}
	u.numbers, u.hashes, u.texts = rest[:numbers], rest[numbers:numbers+hashes], string(rest[numbers+hashes:])
	for _, n := range u.amount.parts() {
		if *n > numbers { // there is a number for each
			return nil, errDamaged
		}
	}
	return u, nil
}

// number reads a number below 1 << 31.
func (u *unpacker) number() int {
	if len(u.numbers) > 0 && u.numbers[0] < 0x80 {
		n := u.numbers[0]
		u.numbers = u.numbers[1:]
		return int(n)
	}
	n, size := binary.Uvarint(u.numbers)
	if size <= 0 || n >= 1<<31 {
		u.damaged = true
		return 0
	}
	u.numbers = u.numbers[size:]
	return int(n)
}

// below reads the place of something in a list.
func (u *unpacker) below(n int) int32 {
	i := u.number()
	if i >= n {
		u.damaged = true
		return 0
	}
	return int32(i)
}

func (u *unpacker) signed() int64 {
	n, size := binary.Varint(u.numbers)
	if size <= 0 {
		u.damaged = true
		return 0
	}
	u.numbers = u.numbers[size:]
	return n
}

func (u *unpacker) hash() oid {
	if len(u.hashes) < len(oid{}) {
		u.damaged = true
		return oid{}
	}
	id := oid(u.hashes)
	u.hashes = u.hashes[len(id):]
	return id
}

func (u *unpacker) text() string {
	n := u.number()
	if n > len(u.texts) {
		u.damaged = true
		return ""
	}
	text := u.texts[:n]
	u.texts = u.texts[n:]
	return text
}

func (u *unpacker) life() string {
	if path := u.below(len(u.state.paths) + 1); path > 0 {
		return u.state.paths[path-1]
	}
	return u.text()
}

// unpack adds a part to a state that ends where the part begins.
func (s *state) unpack(u *unpacker) error {
	if s.mark() != u.from {
		return errDamaged
	}
	u.state, u.rows = s, make([]row, u.amount.rows+u.amount.merged)
	for range u.amount.people {
		s.person(person{u.text(), u.text()})
	}
	for range u.amount.paths {
		s.path(u.text())
	}
	for range u.amount.lives {
		s.life(u.life())
	}
	for range u.amount.pointers {
		s.pointer(content.Pointer(u.text()))
	}
	for i := 0; i < u.amount.commits && !u.damaged; i++ {
		u.commit()
	}
	u.readRows()
	u.readMerged()
	s.done = int32(len(s.graph.commits))
	if u.damaged || s.mark().since(u.from) != u.amount || len(u.numbers)+len(u.hashes)+len(u.texts) > 0 {
		return errDamaged
	}
	return nil
}

func (u *unpacker) commit() {
	s := u.state
	id := len(s.graph.commits)
	has := u.number()
	c := commit{hash: u.hash(), tree: u.hash(), parents: u.readParents(id)}
	c.author, c.committer = u.below(len(s.people)), u.below(len(s.people))
	c.committed = u.signed()
	c.authored = c.committed + u.signed()
	c.subject = u.text()
	if has&hasPull != 0 {
		c.pull = &content.PullRequest{Number: int(u.signed()), Title: u.text(), URL: u.text()}
	}
	if has&hasCredits != 0 {
		for n := u.number(); n > 0 && !u.damaged; n-- {
			c.credits = append(c.credits, credit{role(u.below(len(roleNames))), u.below(len(s.people))})
		}
	}
	if _, twice := s.graph.byHash[c.hash]; twice || u.damaged {
		u.damaged = true
		return
	}
	s.graph.add(c)
	if has&hasPlaces != 0 {
		list, err := parsePlaces(u.text())
		u.damaged = u.damaged || err != nil
		s.models = append(s.models, modelled{int32(id), list})
	}
}

func (u *unpacker) readParents(id int) []int32 {
	n := u.number()
	if n == 0 || n > len(u.numbers) {
		u.damaged = u.damaged || n > 0
		return nil
	}
	if cap(u.parents)-len(u.parents) < n {
		u.parents = make([]int32, 0, n+u.amount.commits)
	}
	first := len(u.parents)
	for range n {
		back := u.number()
		if back == 0 || back > id {
			u.damaged = true
			back = id
		}
		u.parents = append(u.parents, int32(id-back))
	}
	return u.parents[first:len(u.parents):len(u.parents)]
}

// readRows reads the rows of commits, in the order of the commits.
func (u *unpacker) readRows() {
	s, last := u.state, 0
	first := int32(len(s.rows))
	for i := 0; i < u.amount.rows && !u.damaged; i++ {
		last += u.number()
		if last >= len(s.graph.commits) || len(s.rows) > 0 && int32(last) < s.rows[len(s.rows)-1].commit {
			u.damaged = true
			return
		}
		s.put(u.row(int32(last)))
	}
	for n := int32(len(s.rows)); first < n && !u.damaged; {
		last := s.graph.commits[s.rows[first].commit].last
		s.note(s.rows[first:last])
		first = last
	}
}

// readMerged reads what merges were against their first parents.
func (u *unpacker) readMerged() {
	s := u.state
	for i := 0; i < u.amount.spans && !u.damaged; i++ {
		c := u.below(len(s.graph.commits))
		n := u.number()
		if _, twice := s.spans[c]; twice || n > len(u.rows) || u.damaged {
			u.damaged = true
			return
		}
		first := len(s.merged)
		for range n {
			s.merged = append(s.merged, u.row(c))
		}
		s.span(c, first)
	}
}

// row reads a row of a commit.
func (u *unpacker) row(c int32) *row {
	if len(u.rows) == 0 {
		u.damaged = true
		return &row{commit: c}
	}
	r := &u.rows[0]
	u.rows = u.rows[1:]
	has := u.number()
	kind := has & (1<<kindBits - 1)
	if kind >= len(kinds) {
		u.damaged = true
		kind = 0
	}
	s := u.state
	r.commit, r.kind, r.bridged, r.unreadable = c, kinds[kind], has&isBridged != 0, has&isUnreadable != 0
	r.path, r.was, r.life = u.below(len(s.paths)), u.below(len(s.paths)+1)-1, u.below(len(s.lives))
	if has&hasBefore != 0 {
		r.before = u.hash()
	}
	if has&hasAfter != 0 {
		r.after = u.hash()
	}
	if has&hasBridge != 0 {
		r.bridge = u.hash()
	}
	r.fields = u.fields()
	return r
}

// fields reads which list of fields is meant, and the list itself where it is new.
func (u *unpacker) fields() []content.Pointer {
	i := u.below(len(u.lists) + 1)
	if int(i) < len(u.lists) {
		return u.lists[i]
	}
	n := u.number()
	if n > len(u.numbers) {
		u.damaged = true
		n = 0
	}
	var list []content.Pointer
	if n > 0 {
		list = make([]content.Pointer, n)
	}
	for i := range list {
		if at := u.below(len(u.state.pointers)); !u.damaged {
			list[i] = u.state.pointers[at]
		}
	}
	u.lists = append(u.lists, list)
	return list
}
