package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// tables are what an auditor finds with any SQLite tool; .schema shows the comments.
const tables = `
CREATE TABLE about ( -- what this file is; all of it follows from the Git repository
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE people ( -- as commits and trailers name them; .mailmap is not applied
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL
);
CREATE TABLE commits ( -- every commit read, parents before children
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  tree TEXT NOT NULL,
  parents TEXT NOT NULL, -- ids of commits, separated by spaces, first parent first
  author INTEGER NOT NULL, -- of people
  authored_at INTEGER NOT NULL, -- seconds since 1970, UTC
  committer INTEGER NOT NULL,
  committed_at INTEGER NOT NULL,
  subject TEXT NOT NULL,
  pull_request INTEGER, -- number that the message names
  pull_request_title TEXT,
  pull_request_url TEXT,
  credits TEXT NOT NULL, -- from trailers: role and person, e.g. "reviewer 7 approver 9"
  places TEXT -- JSON: where the commit's model, if it changed it, puts records and the served model does not
);
CREATE TABLE changes ( -- one record changed by one commit: its blob is that of no parent
  id INTEGER PRIMARY KEY,
  commit_id INTEGER NOT NULL, -- of commits
  published INTEGER NOT NULL, -- 1: not a change of the commit itself, but what a merge is against its first parent
  record TEXT NOT NULL, -- the same under all names of a record: the first path it had
  path TEXT NOT NULL,
  former_path TEXT, -- of a RENAMED record; of an OVERRULED one where it lies on the side that lost, if elsewhere
  kind TEXT NOT NULL, -- CREATED UPDATED RENAMED DELETED FORMATTED OVERRULED
  before TEXT, -- blob; null where there was no record
  after TEXT, -- blob; null where there is none now
  readable_before TEXT, -- blob that fields are told from where before is no JSON; "" where there was none
  unreadable INTEGER NOT NULL, -- 1: after is no strict JSON
  fields TEXT NOT NULL -- JSON list of JSON Pointers: the places that have other values
);
CREATE TABLE packed ( -- people, commits and changes once more, as Koonti loads them: pass over it
  sequence INTEGER PRIMARY KEY, -- of about, when the part was written
  part BLOB NOT NULL -- what came since the part before
);
`

// written is a place as it stands in the file.
type written struct{ Collection, Path string }

func parsePlaces(text string) ([]place, error) {
	var list []written
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	var out []place
	for _, f := range list {
		at, err := content.ParsePathPattern(f.Path)
		if err != nil {
			return nil, err
		}
		out = append(out, place{content.CollectionName(f.Collection), at})
	}
	return out, nil
}

func formatPlaces(list []place) (string, error) {
	out := []written{}
	for _, f := range list {
		out = append(out, written{string(f.collection), f.at.String()})
	}
	text, err := json.Marshal(out)
	return string(text), err
}

func readTables(ctx context.Context, tx *sql.Tx, where *places) (*state, error) {
	st := newState(where)
	for _, read := range []func(context.Context, *sql.Tx, *state) error{readPeople, readCommits, readRows} {
		if err := read(ctx, tx, st); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func readPeople(ctx context.Context, tx *sql.Tx, st *state) error {
	rows, err := tx.QueryContext(ctx, "SELECT name, email FROM people ORDER BY id")
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var p person
		err := rows.Scan(&p.name, &p.email)
		st.person(p)
		return err
	})
}

func readCommits(ctx context.Context, tx *sql.Tx, st *state) error {
	rows, err := tx.QueryContext(ctx, `SELECT hash, tree, parents, author, authored_at, committer, committed_at, subject,
		pull_request, pull_request_title, pull_request_url, credits, places FROM commits ORDER BY id`)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var c commit
		var hash, tree, parents, credits sql.RawBytes
		var number sql.NullInt64
		var title, address, modelPlaces sql.NullString
		if err := rows.Scan(&hash, &tree, &parents, &c.author, &c.authored, &c.committer, &c.committed, &c.subject, &number, &title, &address, &credits, &modelPlaces); err != nil {
			return err
		}
		c.hash, c.tree = parseOID(content.Hash(hash)), parseOID(content.Hash(tree))
		if number.Valid {
			c.pull = &content.PullRequest{Number: int(number.Int64), Title: title.String, URL: address.String}
		}
		for _, word := range strings.Fields(string(parents)) {
			p, err := strconv.ParseInt(word, 10, 32)
			if err != nil || p < 0 || int(p) >= len(st.graph.commits) {
				return errDamaged
			}
			c.parents = append(c.parents, int32(p))
		}
		var err error
		if c.credits, err = parseCredits(string(credits), len(st.people)); err != nil {
			return err
		}
		id := st.graph.add(c)
		if modelPlaces.Valid {
			list, err := parsePlaces(modelPlaces.String)
			if err != nil {
				return err
			}
			st.models = append(st.models, modelled{id, list})
		}
		return nil
	})
}

var errDamaged = errors.New("it is damaged")

var roleNames = [...]string{coAuthor: "co-author", reviewer: "reviewer", approver: "approver"}

func parseCredits(text string, people int) ([]credit, error) {
	words := strings.Fields(text)
	var out []credit
	for i := 0; i+1 < len(words); i += 2 {
		p, err := strconv.ParseInt(words[i+1], 10, 32)
		if err != nil || p < 0 || int(p) >= people {
			return nil, errDamaged
		}
		for r, name := range roleNames {
			if name == words[i] {
				out = append(out, credit{role(r), int32(p)})
			}
		}
	}
	return out, nil
}

func readRows(ctx context.Context, tx *sql.Tx, st *state) error {
	rows, err := tx.QueryContext(ctx, `SELECT commit_id, published, record, path, former_path, kind, before, after, readable_before, unreadable, fields
		FROM changes ORDER BY id`)
	if err != nil {
		return err
	}
	var same []*row // of one commit
	err = each(rows, func() error {
		r := &row{was: -1}
		var published bool
		var life, path, kind, fields string
		var was, before, after, bridge sql.NullString
		if err := rows.Scan(&r.commit, &published, &life, &path, &was, &kind, &before, &after, &bridge, &r.unreadable, &fields); err != nil {
			return err
		}
		if r.commit < 0 || int(r.commit) >= len(st.graph.commits) {
			return errDamaged
		}
		r.life, r.path, r.kind = st.life(life), st.path(path), content.ChangeKind(kind)
		if was.Valid {
			r.was = st.path(was.String)
		}
		r.before, r.after = parseOID(content.Hash(before.String)), parseOID(content.Hash(after.String))
		r.bridge, r.bridged = parseOID(content.Hash(bridge.String)), bridge.Valid
		list, err := content.Parse(fields)
		if err != nil {
			return err
		}
		for _, f := range list.Kids {
			r.fields = append(r.fields, st.known(content.Pointer(f.Text)))
		}
		if published {
			st.putMerged(r)
			return nil
		}
		if len(same) > 0 && same[0].commit != r.commit {
			st.note(same)
			same = same[:0]
		}
		same = append(same, r)
		st.put(r)
		return nil
	})
	st.note(same)
	st.done = int32(len(st.graph.commits))
	return err
}

func (s *state) putMerged(r *row) {
	first := len(s.merged)
	if at, known := s.spans[r.commit]; known {
		first = int(at.first)
	}
	s.merged = append(s.merged, r)
	s.span(r.commit, first)
}

// counted checks that the plain tables are there, and go as far as the state.
func (s *state) counted(ctx context.Context, tx *sql.Tx) error {
	var people, commits, changes int
	err := tx.QueryRowContext(ctx, `SELECT (SELECT ifnull(max(id) + 1, 0) FROM people), (SELECT ifnull(max(id) + 1, 0) FROM commits), (SELECT ifnull(max(id), 0) FROM changes)`).
		Scan(&people, &commits, &changes)
	if err == nil && (people != len(s.people) || commits != len(s.graph.commits) || changes != len(s.rows)+len(s.merged)) {
		return errDamaged
	}
	return err
}

// unlike is where a state first says else than another of the same file; "" where it
// does not. Things may be numbered in other ways.
func (s *state) unlike(other *state) string {
	ours, theirs := s.told(), other.told()
	for i := range max(len(ours), len(theirs)) {
		a, b := "nothing", "nothing"
		if i < len(ours) {
			a = ours[i]
		}
		if i < len(theirs) {
			b = theirs[i]
		}
		if a != b {
			return b + ", and the tables say: " + a
		}
	}
	return ""
}

// told is all that the tables hold, a line for each row.
func (s *state) told() []string {
	var out []string
	for i, p := range s.people {
		out = append(out, fmt.Sprintf("person %d is %q <%s>", i, p.name, p.email))
	}
	for i := range s.graph.commits {
		c := &s.graph.commits[i]
		var pull content.PullRequest
		if c.pull != nil {
			pull = *c.pull
		}
		out = append(out, fmt.Sprintf("commit %s is %s of %v by %d at %d and %d at %d, %q, pull request %v %+v, credits %v", c.hash.hash(), c.tree.hash(), c.parents,
			c.author, c.authored, c.committer, c.committed, c.subject, c.pull != nil, pull, c.credits))
	}
	for _, m := range s.models {
		text, err := formatPlaces(m.places)
		out = append(out, fmt.Sprintf("commit %d has the places %s %v", m.commit, text, err))
	}
	for i, r := range slices.Concat(s.rows, s.merged) {
		was := ""
		if r.was >= 0 {
			was = s.paths[r.was]
		}
		out = append(out, fmt.Sprintf("change %d is %s in commit %d (published: %v) of %q at %q, before at %q, %s to %s, bridged %v from %s, unreadable %v, fields %q", i+1, r.kind, r.commit, i >= len(s.rows),
			s.lives[r.life], s.paths[r.path], was, r.before.hash(), r.after.hash(), r.bridged, r.bridge.hash(), r.unreadable, r.fields))
	}
	return out
}

// readTables reads the plain tables, and what their packed copy says else; wrong is what
// is wrong with the copy.
func (s *store) readTables(ctx context.Context, tx *sql.Tx, where *places, packed *state, wrong error) (*state, error) {
	st, err := readTables(ctx, tx, where)
	if err != nil {
		return nil, err
	}
	if s.unlike = "it is damaged"; wrong == nil {
		s.unlike = st.unlike(packed)
	}
	s.state = nil
	return st, nil
}

func (s *store) insert(ctx context.Context, tx *sql.Tx, st *state) error {
	people, err := newInserter(ctx, tx, "people", 3)
	if err != nil {
		return err
	}
	for i := s.kept.people; i < len(st.people); i++ {
		people.add(i, st.people[i].name, st.people[i].email)
	}
	if err := people.flush(); err != nil {
		return err
	}
	commits, err := newInserter(ctx, tx, "commits", 14)
	if err != nil {
		return err
	}
	for i := s.kept.commits; i < int(st.done); i++ {
		if err := addCommit(commits, st, i); err != nil {
			return err
		}
	}
	if err := commits.flush(); err != nil {
		return err
	}
	changes, err := newInserter(ctx, tx, "changes", 12)
	if err != nil {
		return err
	}
	for i := s.kept.rows; i < len(st.rows); i++ {
		addRow(changes, st, st.rows[i], false)
	}
	for i := s.kept.merged; i < len(st.merged); i++ {
		addRow(changes, st, st.merged[i], true)
	}
	return changes.flush()
}

func addCommit(to *inserter, st *state, id int) error {
	c := &st.graph.commits[id]
	var parents, credits []byte
	for _, p := range c.parents {
		parents = strconv.AppendInt(append(parents, ' '), int64(p), 10)
	}
	for _, cr := range c.credits {
		credits = strconv.AppendInt(append(append(append(credits, ' '), roleNames[cr.role]...), ' '), int64(cr.person), 10)
	}
	var number, title, address any
	if c.pull != nil {
		number, title, address = c.pull.Number, c.pull.Title, c.pull.URL
	}
	var places any
	if i := slices.IndexFunc(st.models, func(m modelled) bool { return m.commit == int32(id) }); i >= 0 {
		text, err := formatPlaces(st.models[i].places)
		if err != nil {
			return err
		}
		places = text
	}
	to.add(id, string(c.hash.hash()), string(c.tree.hash()), string(trim(parents)), c.author, c.authored, c.committer, c.committed, c.subject, number, title, address, string(trim(credits)), places)
	return nil
}

func trim(b []byte) []byte {
	if len(b) > 0 {
		return b[1:]
	}
	return b
}

func addRow(to *inserter, st *state, r *row, published bool) {
	var was, bridge any
	if r.was >= 0 {
		was = st.paths[r.was]
	}
	if r.bridged {
		bridge = string(r.bridge.hash())
	}
	fields := []byte{'['}
	for i, f := range r.fields {
		if i > 0 {
			fields = append(fields, ',')
		}
		fields = content.AppendString(fields, string(f))
	}
	to.add(nil, r.commit, published, st.lives[r.life], st.paths[r.path], was, string(r.kind), nullable(r.before), nullable(r.after), bridge, r.unreadable, string(append(fields, ']')))
}

func nullable(id oid) any {
	if id == (oid{}) {
		return nil
	}
	return string(id.hash())
}

// inserter writes many rows with one statement: a call costs more than a row.
type inserter struct {
	ctx    context.Context
	tx     *sql.Tx
	table  string
	width  int
	full   *sql.Stmt
	values []any
	err    error
}

// together is how many rows one statement inserts.
const together = 40

func newInserter(ctx context.Context, tx *sql.Tx, table string, width int) (*inserter, error) {
	full, err := tx.PrepareContext(ctx, insertion(table, width, together))
	if err != nil {
		return nil, fmt.Errorf("insert into %s: %w", table, err)
	}
	return &inserter{ctx: ctx, tx: tx, table: table, width: width, full: full}, nil
}

func insertion(table string, width, rows int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + ")"
	return "INSERT INTO " + table + " VALUES " + strings.TrimSuffix(strings.Repeat(one+",", rows), ",")
}

func (i *inserter) add(values ...any) {
	i.values = append(i.values, values...)
	if len(i.values) == together*i.width && i.err == nil {
		_, i.err = i.full.ExecContext(i.ctx, i.values...)
		i.values = i.values[:0]
	}
}

func (i *inserter) flush() error {
	if i.err == nil && len(i.values) > 0 {
		_, i.err = i.tx.ExecContext(i.ctx, insertion(i.table, i.width, len(i.values)/i.width), i.values...)
	}
	return i.err
}
