package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/koonti/koonti/internal/content"
)

// formatVersion is raised whenever the tables, or what stands in them, change.
const formatVersion = "2"

// FileName is the index in the cache folder.
const FileName = "history.sqlite"

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
  former_path TEXT, -- of a RENAMED record
  kind TEXT NOT NULL, -- CREATED UPDATED RENAMED DELETED FORMATTED OVERRULED
  before TEXT, -- blob; null where there was no record
  after TEXT, -- blob; null where there is none now
  readable_before TEXT, -- blob that fields are told from where before is no JSON; "" where there was none
  unreadable INTEGER NOT NULL, -- 1: after is no strict JSON
  fields TEXT NOT NULL -- JSON list of JSON Pointers: the places that have other values
);
`

// store keeps a state on disk. Only the one writer of Index calls it. What goes wrong
// is logged and means that nothing more is written: the state in memory is what
// counts, and the next start reads from Git what is missing here.
type store struct {
	db     *sql.DB // nil: nothing is kept
	logger *slog.Logger
	// file is where; made is the file that was opened there.
	file  string
	made  fs.FileInfo
	state *state // the one that is kept
	// sequence counts the transactions, so that another process's is noticed.
	sequence int64
	fresh    bool // the file was made just now
	// What is on disk.
	people, commits, rows, merged int
}

// openStore never fails: a folder that cannot be used means memory.
func openStore(dir string, logger *slog.Logger) *store {
	s := &store{logger: logger}
	if dir == "" {
		return s
	}
	s.file = filepath.Join(dir, FileName)
	s.connect()
	return s
}

// connect opens the file, anew where it is damaged; where that cannot be, nothing is kept.
func (s *store) connect() {
	if err := os.MkdirAll(filepath.Dir(s.file), 0o777); err != nil {
		s.logger.Warn("history is kept in memory", "err", err)
		return
	}
	_, err := os.Stat(s.file)
	s.fresh = errors.Is(err, fs.ErrNotExist)
	db, err := openDatabase(s.file)
	if err != nil && damaged(err) {
		s.logger.Warn("history is read anew: its file is damaged", "path", s.file, "err", err)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(s.file + suffix)
		}
		db, err = openDatabase(s.file)
	}
	if err == nil {
		s.made, err = os.Stat(s.file)
	}
	if err != nil {
		s.logger.Warn("history is kept in memory", "err", err)
		return
	}
	s.db = db
}

// lost reports whether the file is not there any more, or is another: then what is written
// to it is nowhere.
func (s *store) lost() bool {
	now, err := os.Stat(s.file)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(now, s.made)
}

// restore makes the file again where it was taken away: all of the state that is kept is
// written to it next.
func (s *store) restore(ctx context.Context) {
	if s.db == nil || !s.lost() {
		return
	}
	s.logger.Warn("history is written anew: its file was taken away", "path", s.file)
	_ = s.db.Close()
	s.db = nil
	s.connect()
	s.clear(ctx, s.state)
}

// openDatabase opens the file with one connection, and looks into it.
func openDatabase(file string) (*sql.DB, error) {
	address := url.URL{Scheme: "file", Path: file, RawQuery: "_pragma=busy_timeout(0)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var tables int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// damaged reports whether SQLite finds that a file is none of its own, or broken.
func damaged(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_NOTADB || e.Code()&0xff == sqlite3.SQLITE_CORRUPT)
}

func (s *store) close() error {
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}

// giveUp says why nothing more is kept.
func (s *store) giveUp(why string, err error) {
	s.logger.Warn("history is kept in memory from here on: "+why, "err", err)
	_ = s.db.Close()
	s.db = nil
}

var errAnother = errors.New("another process writes it")

// load reads the state that was kept for places of the same meaning; nil where there
// is none.
func (s *store) load(ctx context.Context, where *places) *state {
	if s.db == nil {
		return nil
	}
	st, err := s.read(ctx, where)
	if err != nil && ctx.Err() == nil && !s.fresh {
		s.logger.Info("history is read anew", "reason", err.Error())
	}
	if err != nil {
		return nil
	}
	return st
}

func (s *store) read(ctx context.Context, where *places) (*state, error) {
	about, err := s.about(ctx, s.db)
	if err != nil {
		return nil, err
	}
	if about["format"] != formatVersion || about["meaning"] != where.meaning() {
		return nil, errors.New("it was made for another format or model")
	}
	former, err := parsePlaces(about["former"])
	if err != nil {
		return nil, err
	}
	st := newState(where.with(former))
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	if about, err = s.about(ctx, tx); err != nil {
		return nil, err
	}
	for _, read := range []func(context.Context, *sql.Tx, *state) error{readPeople, readCommits, readRows} {
		if err := read(ctx, tx, st); err != nil {
			return nil, err
		}
	}
	if s.sequence, err = strconv.ParseInt(about["sequence"], 10, 64); err != nil {
		return nil, err
	}
	s.people, s.commits, s.rows, s.merged = len(st.people), len(st.graph.commits), len(st.rows), len(st.merged)
	s.state = st
	return st, nil
}

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

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *store) about(ctx context.Context, q queryer) (map[string]string, error) {
	out := map[string]string{}
	rows, err := q.QueryContext(ctx, "SELECT key, value FROM about")
	if err != nil {
		return nil, err
	}
	return out, each(rows, func() error {
		var key, value string
		err := rows.Scan(&key, &value)
		out[key] = value
		return err
	})
}

func each(rows *sql.Rows, use func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := use(); err != nil {
			return err
		}
	}
	return rows.Err()
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

// put adds a row of a commit: rows come by commit.
func (s *state) put(r *row) {
	c := &s.graph.commits[r.commit]
	if c.first == c.last {
		c.first = int32(len(s.rows))
	}
	s.rows = append(s.rows, r)
	c.last = int32(len(s.rows))
}

func (s *state) putMerged(r *row) {
	at, known := s.spans[r.commit]
	if !known {
		at.first = int32(len(s.merged))
	}
	s.merged = append(s.merged, r)
	at.last = int32(len(s.merged))
	s.spans[r.commit] = at
}

// renew forgets what is on disk, to keep another state there.
func (s *store) renew(ctx context.Context, st *state) {
	s.restore(ctx)
	s.clear(ctx, st)
}

func (s *store) clear(ctx context.Context, st *state) {
	s.state = st
	if s.db == nil || st == nil {
		return
	}
	err := s.transaction(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"about", "people", "commits", "changes"} {
			if _, err := tx.ExecContext(ctx, "DROP TABLE IF EXISTS "+table); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, tables); err != nil {
			return err
		}
		former, err := formatPlaces(st.where.former)
		if err != nil {
			return err
		}
		for key, value := range map[string]string{"format": formatVersion, "meaning": st.where.meaning(), "former": former, "sequence": "0"} {
			if _, err := tx.ExecContext(ctx, "INSERT INTO about VALUES (?, ?)", key, value); err != nil {
				return err
			}
		}
		return nil
	})
	s.sequence, s.people, s.commits, s.rows, s.merged = 0, 0, 0, 0, 0
	if err != nil && ctx.Err() == nil {
		s.giveUp("it cannot be written", err)
	}
}

// save writes what is new in the state that is kept, in one transaction.
func (s *store) save(ctx context.Context, st *state) {
	if s.db == nil || st != s.state {
		return
	}
	s.restore(ctx)
	saved := [...]int{len(st.people), int(st.done), len(st.rows), len(st.merged)}
	if saved == [...]int{s.people, s.commits, s.rows, s.merged} {
		return
	}
	err := s.transaction(ctx, func(tx *sql.Tx) error {
		if err := s.claim(ctx, tx); err != nil {
			return err
		}
		return s.insert(ctx, tx, st)
	})
	switch {
	case errors.Is(err, errAnother):
		s.giveUp("another process writes it", nil)
	case err != nil && ctx.Err() == nil:
		s.giveUp("it cannot be written", err)
	case err == nil:
		s.sequence++
		s.people, s.commits, s.rows, s.merged = saved[0], saved[1], saved[2], saved[3]
	}
}

// claim makes sure that nobody else wrote since.
func (s *store) claim(ctx context.Context, tx *sql.Tx) error {
	result, err := tx.ExecContext(ctx, "UPDATE about SET value = ? WHERE key = 'sequence' AND value = ?", strconv.FormatInt(s.sequence+1, 10), strconv.FormatInt(s.sequence, 10))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errAnother, err)
	}
	return nil
}

func (s *store) transaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (s *store) insert(ctx context.Context, tx *sql.Tx, st *state) error {
	people, err := newInserter(ctx, tx, "people", 3)
	if err != nil {
		return err
	}
	for i := s.people; i < len(st.people); i++ {
		people.add(i, st.people[i].name, st.people[i].email)
	}
	if err := people.flush(); err != nil {
		return err
	}
	commits, err := newInserter(ctx, tx, "commits", 14)
	if err != nil {
		return err
	}
	for i := s.commits; i < int(st.done); i++ {
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
	for i := s.rows; i < len(st.rows); i++ {
		addRow(changes, st, st.rows[i], false)
	}
	for i := s.merged; i < len(st.merged); i++ {
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
