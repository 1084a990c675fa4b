package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Past is everything that led to one view. It is immutable, and safe for concurrent use.
type Past struct {
	x     *Index
	state *state
	view  *content.View
	line  *line
	notes *notes
	// What belongs to the view of lists that may have grown since.
	head          int32 // -1 before the first commit
	commits       []commit
	people        []person
	paths         []string
	steps         []step
	changes, seen []placed
}

func (x *Index) newPast(ctx context.Context, view *content.View, st *state, l *line, number int32) (*Past, error) {
	p := &Past{x: x, state: st, view: view, line: l, head: -1, notes: &notes{}}
	st.mu.RLock()
	p.commits, p.people, p.paths, p.steps = st.graph.commits, st.people, st.paths, l.steps[:number]
	if number > 0 {
		last := p.steps[number-1]
		p.head, p.changes, p.seen = last.commit, l.changes[:last.changes], l.diffs[:last.diffs]
	}
	st.mu.RUnlock()
	if p.head < 0 {
		return p, nil
	}
	var err error
	p.notes, err = x.notesAt(ctx, gitrepo.Hash(p.commits[p.head].tree.hash()))
	return p, err
}

// notes are what the files .mailmap and .git-blame-ignore-revs of a tree say.
type notes struct {
	mailmap *gitrepo.Mailmap
	passed  map[oid]bool
}

type notesKey struct{ mailmap, passed gitrepo.Hash }

func (x *Index) notesAt(ctx context.Context, tree gitrepo.Hash) (*notes, error) {
	var found [2]gitrepo.Hash
	for i, name := range [...]string{".mailmap", ".git-blame-ignore-revs"} {
		e, err := x.cfg.Repo.Lookup(ctx, tree, name)
		if err != nil && !errors.Is(err, gitrepo.ErrNotFound) {
			return nil, fmt.Errorf("look for %s: %w", name, err)
		}
		found[i] = gitrepo.Hash(blobOf(e).hash())
	}
	key := notesKey{found[0], found[1]}
	if n, ok := x.notes.Get(key); ok {
		return n, nil
	}
	var text [2]string
	for i, h := range found {
		if h == "" {
			continue
		}
		data, err := x.cfg.Repo.Blob(ctx, h)
		if err != nil && !errors.Is(err, gitrepo.ErrTooLarge) {
			return nil, fmt.Errorf("read notes on history: %w", err)
		}
		text[i] = string(data)
	}
	n := &notes{gitrepo.ParseMailmap(text[0]), map[oid]bool{}}
	for line := range strings.Lines(text[1]) {
		line, _, _ = strings.Cut(line, "#")
		if id := parseOID(content.Hash(strings.ToLower(strings.TrimSpace(line)))); id != (oid{}) {
			n.passed[id] = true
		}
	}
	x.notes.Add(key, n)
	return n, nil
}

func (p *Past) person(i int32) content.Person {
	name, email := p.notes.mailmap.Person(p.people[i].name, p.people[i].email)
	return content.Person{Name: name, Email: email, Identity: content.IdentityClaimed}
}

func samePerson(a, b content.Person) bool {
	if a.Email == "" || b.Email == "" {
		return a.Name == b.Name && a.Email == b.Email
	}
	return strings.EqualFold(a.Email, b.Email)
}

func instant(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// change tells a row as what it is to others.
func (p *Past) change(r placed) content.Change {
	c, step := &p.commits[r.commit], p.steps[r.step-1].commit
	out := content.Change{
		Path: p.paths[r.path], Kind: r.kind, Before: r.before.hash(), After: r.after.hash(), Unreadable: r.unreadable,
		Fields: r.fields, Commit: c.hash.hash(), Step: p.commits[step].hash.hash(), At: instant(p.commits[step].committed),
		PullRequest: p.pullRequest(r.commit, step), Approvals: p.approvals(r.commit, step),
	}
	out.Ref, _ = p.state.where.match(out.Path)
	if r.was >= 0 {
		out.Was = &content.Origin{Path: p.paths[r.was]}
		out.Was.Ref, _ = p.state.where.match(out.Was.Path)
	}
	return out
}

// pullRequest is that of the commit's own message, else of the innermost merge that
// took it in, else of the step. Where that merge is of a proposal here, it is that:
// whatever whoever proposed the commit wrote into its message.
func (p *Past) pullRequest(c, step int32) *content.PullRequest {
	from := []int32{c, p.carrier(c), step}
	if p.ours(from[1]) {
		from = from[1:2]
	}
	for _, from := range from {
		if from >= 0 && p.commits[from].pull != nil {
			return p.commits[from].pull
		}
	}
	return nil
}

// broughtBy reports whether a pull request brought a commit: whether its own message names
// it, or that of any merge on its way to the step.
func (p *Past) broughtBy(c, step int32, number int) bool {
	names := func(c int32) bool { return p.commits[c].pull != nil && p.commits[c].pull.Number == number }
	at := c
	if by := p.carrier(c); p.ours(by) {
		at = by
	}
	for ; at >= 0; at = p.carrier(at) {
		if names(at) {
			return true
		}
	}
	return names(step)
}

// ours reports whether a commit is a merge that Koonti made of a proposal, which says
// itself who approved what it took in.
func (p *Past) ours(c int32) bool {
	return c >= 0 && p.commits[c].merge() && strings.HasPrefix(p.commits[c].subject, ownMerge)
}

// carrier is the merge that took a commit in; -1 where none did.
func (p *Past) carrier(c int32) int32 {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	if m, ok := p.line.carrier[c]; ok {
		return m
	}
	return -1
}

// approvals are those that the messages of the commit, of the merge that took it in,
// and of the step tell of, and those of the forge. What a merge of a proposal here took in
// cannot say itself that it was approved.
func (p *Past) approvals(c, step int32) []content.Approval {
	var out []content.Approval
	seen := [3]int32{c, p.carrier(c), step}
	if p.ours(seen[1]) {
		seen[0] = -1
	}
	for i, from := range seen {
		if from < 0 || slices.Contains(seen[:i], from) {
			continue
		}
		at := &p.commits[from]
		for _, cr := range at.credits {
			if cr.role == coAuthor {
				continue
			}
			kind := "commit "
			if at.merge() {
				kind = "merge "
			}
			out = append(out, content.Approval{Person: p.person(cr.person), At: instant(at.committed), Source: kind + string(at.hash.hash())})
		}
		if p.x.cfg.Reviews != nil {
			out = reviewed(out, p.x.cfg.Reviews(at.hash.hash()))
		}
	}
	return out
}

// reviewed adds the approvals of a forge. Of those whom a message names already the forge
// knows better when it was, and who.
func reviewed(told, reviews []content.Approval) []content.Approval {
	for _, r := range reviews {
		i := slices.IndexFunc(told, func(a content.Approval) bool { return samePerson(a.Person, r.Person) })
		if i < 0 {
			told = append(told, r)
			continue
		}
		told[i].At, told[i].Person.Identity = r.At, r.Person.Identity
	}
	return told
}

// approved reports whether someone other than its authors approved a row.
func (p *Past) approved(r placed) bool {
	at := &p.commits[r.commit]
	authors := []content.Person{p.person(at.author)}
	for _, cr := range at.credits {
		if cr.role == coAuthor {
			authors = append(authors, p.person(cr.person))
		}
	}
	return slices.ContainsFunc(p.approvals(r.commit, p.steps[r.step-1].commit), func(a content.Approval) bool {
		return !slices.ContainsFunc(authors, func(author content.Person) bool { return samePerson(a.Person, author) })
	})
}

// Fields returns the values that a change changed: those that differ from Before are
// told from there, the others from the first parent that had another value, which they
// name.
func (p *Past) Fields(ctx context.Context, c *content.Change) ([]content.FieldChange, error) {
	if c.Unreadable || len(c.Fields) == 0 {
		return nil, nil
	}
	after, err := p.Document(ctx, c.After)
	if err != nil {
		return nil, err
	}
	sources, err := p.sources(ctx, c)
	if err != nil {
		return nil, err
	}
	var out []content.FieldChange
	told := map[content.Pointer]bool{}
	for _, s := range sources {
		before, err := p.Document(ctx, s.blob)
		if err != nil {
			return nil, err
		}
		if before == nil && s.blob != "" && s.parent != "" {
			continue // what cannot be read had no value to drop
		}
		first := len(out)
		for _, f := range p.state.where.diff(c.Path, rootOf(before), rootOf(after)) {
			if slices.Contains(c.Fields, f.Pointer) && !told[f.Pointer] {
				f.Parent = s.parent
				out = append(out, f)
			}
		}
		// One place may be told twice: an item that went, and one that came.
		for _, f := range out[first:] {
			told[f.Pointer] = true
		}
	}
	return out, nil
}

// source is a version that fields are told from. parent is "" for that before the change.
type source struct {
	blob, parent content.Hash
}

// sources are the versions that the fields of a change are told from: the one before it
// and, of a merge, those of the other parents, each once, last of those that had removed
// the record.
func (p *Past) sources(ctx context.Context, c *content.Change) ([]source, error) {
	out := []source{{blob: p.told(c)}}
	i, number := p.find(parseOID(c.Commit))
	if number == 0 || !p.commits[i].merge() || c.Commit == c.Step && c.Kind != content.Updated && c.Kind != content.Overruled {
		return out, nil
	}
	p.state.mu.RLock()
	joined := p.state.joint(i, p.state.pathOf[c.Path], func() basesOf { return p.state.basesOf(i) })
	p.state.mu.RUnlock()
	u, elsewhere, err := joined.union(ctx, p.x.repo)
	if err != nil {
		return nil, err
	}
	var without []source
	seen := []content.Hash{c.Before}
	for n, parent := range p.commits[i].parents {
		var blob oid
		if elsewhere {
			blob = u.sides[n].blob
		} else if blob, err = lookup(ctx, p.x.repo, &p.commits[parent], c.Path); err != nil {
			return nil, err
		}
		s := source{blob.hash(), p.commits[parent].hash.hash()}
		switch {
		case slices.Contains(seen, s.blob):
			continue
		case s.blob == "":
			without = append(without, s)
		default:
			out = append(out, s)
		}
		seen = append(seen, s.blob)
	}
	return append(out, without...), nil
}

// told is the blob that the fields of a change are told from: an older one where the
// one before cannot be read.
func (p *Past) told(c *content.Change) content.Hash {
	id := parseOID(c.Commit)
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	i, ok := p.state.graph.byHash[id]
	if !ok {
		return c.Before
	}
	at := &p.state.graph.commits[i]
	rows := p.state.rows[at.first:at.last]
	if s, ok := p.state.spans[i]; ok {
		rows = slices.Concat(rows, p.state.merged[s.first:s.last])
	}
	for _, r := range rows {
		if r.bridged && r.before.hash() == c.Before && r.after.hash() == c.After && p.state.paths[r.path] == c.Path {
			return r.bridge.hash()
		}
	}
	return c.Before
}

// Document decodes a blob of a change; nil where there is none or it is no strict JSON.
// What is not committed yet is found in the view.
func (p *Past) Document(ctx context.Context, blob content.Hash) (*content.Document, error) {
	doc, err := p.x.document(ctx, parseOID(blob))
	if !errors.Is(err, gitrepo.ErrNotFound) {
		return doc, err
	}
	for _, c := range p.view.Model.Collections {
		for r := range p.view.Snapshot.Set(c.Name).All() {
			if r.Blob == blob {
				return r.Document, nil
			}
		}
	}
	return nil, err
}

// Commit returns a commit that led to the view.
func (p *Past) Commit(ctx context.Context, hash content.Hash) (*content.Commit, error) {
	i, number := p.find(parseOID(hash))
	if number == 0 {
		return nil, fmt.Errorf("commit %s did not lead to the revision asked at: %w", hash, content.ErrNotFound)
	}
	c := &p.commits[i]
	full, err := p.x.cfg.Repo.Commit(ctx, gitrepo.Hash(hash))
	if err != nil {
		return nil, err
	}
	out := &content.Commit{
		Hash: hash, Subject: c.subject, Message: full.Message, Author: p.person(c.author), Committer: p.person(c.committer),
		AuthoredAt: instant(c.authored), CommittedAt: instant(c.committed),
	}
	for _, parent := range c.parents {
		out.Parents = append(out.Parents, p.commits[parent].hash.hash())
	}
	for _, cr := range c.credits {
		switch cr.role {
		case coAuthor:
			out.CoAuthors = append(out.CoAuthors, p.person(cr.person))
		default:
			out.Reviewers = append(out.Reviewers, p.person(cr.person))
		}
	}
	if m := p.mergerOf(i, number); m >= 0 {
		merger := p.person(p.commits[m].author)
		out.Merger = &merger
	}
	if out.Signature, err = p.x.signature(ctx, c); err != nil {
		return nil, err
	}
	if out.Signature.Status == content.SignatureValid {
		for _, who := range []*content.Person{&out.Author, &out.Committer} {
			if strings.EqualFold(who.Email, out.Signature.Signer) {
				who.Identity = content.IdentitySigned
			}
		}
	}
	return out, nil
}

// mergerOf is the merge that brought a commit to the line; -1 where it was made there.
func (p *Past) mergerOf(c, number int32) int32 {
	step := p.steps[number-1].commit
	if step == c {
		return -1
	}
	if m := p.carrier(c); m >= 0 {
		return m
	}
	return step
}

func (x *Index) signature(ctx context.Context, c *commit) (content.Signature, error) {
	if s, ok := x.signed.Get(c.hash); ok {
		return s, nil
	}
	payload, text, err := x.cfg.Repo.Signed(ctx, gitrepo.Hash(c.hash.hash()))
	if err != nil {
		return content.Signature{}, err
	}
	s := x.cfg.Verifier.Verify(payload, text, instant(c.committed))
	x.signed.Add(c.hash, s)
	return s, nil
}

// find returns a commit and the step it came with; 0 where it did not lead to the view.
func (p *Past) find(hash oid) (c, number int32) {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	c, ok := p.state.graph.byHash[hash]
	if !ok || int(c) >= len(p.line.stepOf) || int(p.line.stepOf[c]) > len(p.steps) {
		return 0, 0
	}
	return c, p.line.stepOf[c]
}

// storyOf finds the story of a record by any name that it has or had; ok is false where
// readers never saw one.
func (p *Past) storyOf(ref content.Ref) (story int32, ok bool) {
	path, known := p.pathOf(ref)
	if !known {
		return 0, false
	}
	return p.storyAt(path)
}

// storyAt is the story that a path holds, or held last.
func (p *Past) storyAt(path string) (story int32, ok bool) {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	i, known := p.state.pathOf[path]
	if !known {
		return 0, false
	}
	for _, h := range slices.Backward(at(p.line.holders, i)) {
		if int(h.diff) < len(p.seen) {
			return h.of, true
		}
	}
	return 0, false
}

// changesOf returns the places of all changes by commit of a record, oldest first: those
// of every life that its story had, also of what never reached the readers; those that
// other lives had under its names while it had them; and, unless own, all under the name
// asked for.
func (p *Past) changesOf(ref content.Ref, own bool) []int32 {
	path, known := p.pathOf(ref)
	if !known || p.head < 0 {
		return nil
	}
	story, seen := p.storyAt(path)
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	i, ok := p.state.pathOf[path]
	if !ok || int(i) >= len(p.paths) {
		return nil
	}
	var out []int32
	if !own || !seen {
		out = slices.Clone(below(at(p.line.changesAt, i), len(p.changes)))
	}
	if seen {
		out = append(out, p.ofStory(story)...)
	} else if life, _, ok := p.state.lifeSeen(p.head, i); ok {
		out = append(out, below(at(p.line.changesOf, life), len(p.changes))...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ofStory are the places of the changes of a story. The lock is held.
func (p *Past) ofStory(story int32) []int32 {
	var out []int32
	for _, h := range p.line.livesOf[story] {
		if int(h.diff) < len(p.seen) {
			out = append(out, below(at(p.line.changesOf, h.of), len(p.changes))...)
		}
	}
	list := below(p.line.diffsOf[story], len(p.seen))
	for n, i := range list {
		r := p.seen[i]
		last := r.step
		if n+1 < len(list) {
			last = max(last, p.seen[list[n+1]].step-1)
		} else if r.after != (oid{}) {
			last = int32(len(p.steps))
		}
		out = append(out, p.arrived(r.path, r.step, last)...)
	}
	return out
}

// arrived are the places of the changes after which a path had a file, or lost it, and that
// came with one of some steps. The lock is held.
func (p *Past) arrived(path, first, last int32) []int32 {
	low, _ := p.stepped(first)
	_, high := p.stepped(last)
	return slices.DeleteFunc(slices.Clone(within(at(p.line.changesAt, path), low, high)), func(i int32) bool { return p.changes[i].path != path })
}

// stepped are the places from which, and below which, the changes of a step lie.
func (p *Past) stepped(step int32) (from, below int32) {
	if step > 1 {
		from = p.steps[step-2].changes
	}
	return from, p.steps[step-1].changes
}

// within are those of a list of places from one on and below another.
func within(list []int32, from, below int32) []int32 {
	first, _ := slices.BinarySearch(list, from)
	end, _ := slices.BinarySearch(list, below)
	return list[first:end:end]
}

// below are those of a list of places that lie below n.
func below(list []int32, n int) []int32 {
	i, _ := slices.BinarySearch(list, int32(n))
	return list[:i:i]
}

// seenOf returns the places of what readers saw of a story, oldest first.
func (p *Past) seenOf(story int32) []int32 {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	return below(p.line.diffsOf[story], len(p.seen))
}

// pathOf finds where a record lies or lay.
func (p *Past) pathOf(ref content.Ref) (string, bool) {
	if r := p.view.Snapshot.Record(ref); r != nil {
		return r.Path, true
	}
	found := ""
	for _, list := range [][]place{p.state.where.served, p.state.where.former} {
		for _, s := range list {
			if s.collection != ref.Collection {
				continue
			}
			path, sure := s.at.Path(ref.ID)
			if !sure {
				path, sure = p.anyPath(ref)
			}
			if sure && p.hasPath(path) {
				return path, true
			}
			found = path
		}
	}
	return found, found != ""
}

func (p *Past) hasPath(path string) bool {
	p.state.mu.RLock()
	defer p.state.mu.RUnlock()
	i, ok := p.state.pathOf[path]
	return ok && int(i) < len(p.paths)
}

// anyPath looks for a path of a record whose pattern does not say the folder: the
// newest that was used.
func (p *Past) anyPath(ref content.Ref) (string, bool) {
	for _, path := range slices.Backward(p.paths) {
		if r, ok := p.state.where.match(path); ok && r == ref {
			return path, true
		}
	}
	return "", false
}
