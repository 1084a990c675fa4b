package history

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// formatVersion is raised whenever the tables, or what stands in them, change.
const formatVersion = "4"

// FileName is the index in the cache folder.
const FileName = "history.sqlite"

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
	// kept is how much is on disk, in which parts.
	kept  mark
	parts []part
	// tables: what is loaded is read from the plain tables, and unlike is what their
	// packed copy says else. Such a state numbers things in its own way, and is not kept.
	tables bool
	unlike string
}

// part is where a packed part of a state begins, and its key in the file.
type part struct {
	sequence int64
	from     mark
}

// openStore never fails: a folder that cannot be used means memory.
func openStore(dir string, tables bool, logger *slog.Logger) *store {
	s := &store{tables: tables, logger: logger}
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
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	about, err := readAbout(ctx, tx)
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
	sequence, err := strconv.ParseInt(about["sequence"], 10, 64)
	if err != nil {
		return nil, err
	}
	where = where.with(former)
	st, parts, err := readParts(ctx, tx, where, sequence)
	if s.tables {
		return s.readTables(ctx, tx, where, st, err)
	}
	if err == nil {
		err = st.counted(ctx, tx)
	}
	if err != nil {
		return nil, err
	}
	s.sequence, s.parts, s.kept, s.state = sequence, parts, st.mark(), st
	return st, nil
}

// readParts reads the packed parts, of which the last must be of the given sequence.
func readParts(ctx context.Context, tx *sql.Tx, where *places, sequence int64) (*state, []part, error) {
	rows, err := tx.QueryContext(ctx, "SELECT sequence, part FROM packed ORDER BY sequence")
	if err != nil {
		return nil, nil, err
	}
	var parts []part
	var packed []*unpacker
	var all mark
	last := int64(0)
	err = each(rows, func() error {
		var data []byte
		if err := rows.Scan(&last, &data); err != nil {
			return err
		}
		u, err := openPart(data)
		if err != nil {
			return err
		}
		parts, packed, all = append(parts, part{last, u.from}), append(packed, u), all.and(u.amount)
		return nil
	})
	if err == nil && last != sequence {
		err = errDamaged
	}
	if err != nil {
		return nil, nil, err
	}
	st := newState(where)
	st.reserve(all)
	for _, u := range packed {
		if err := st.unpack(u); err != nil {
			return nil, nil, err
		}
	}
	return st, parts, nil
}

func readAbout(ctx context.Context, tx *sql.Tx) (map[string]string, error) {
	out := map[string]string{}
	rows, err := tx.QueryContext(ctx, "SELECT key, value FROM about")
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
		for _, table := range []string{"about", "people", "commits", "changes", "packed"} {
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
	s.sequence, s.parts, s.kept = 0, nil, mark{}
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
	now := st.mark()
	if now == s.kept {
		return
	}
	stay := s.stay(now)
	next := part{s.sequence + 1, s.kept}
	if stay < len(s.parts) {
		next.from = s.parts[stay].from
	}
	err := s.transaction(ctx, func(tx *sql.Tx) error {
		if err := s.claim(ctx, tx); err != nil {
			return err
		}
		if err := s.insert(ctx, tx, st); err != nil {
			return err
		}
		return s.pack(ctx, tx, st, s.parts[stay:], next)
	})
	switch {
	case errors.Is(err, errAnother):
		s.giveUp("another process writes it", nil)
	case err != nil && ctx.Err() == nil:
		s.giveUp("it cannot be written", err)
	case err == nil:
		s.sequence, s.parts, s.kept = next.sequence, append(s.parts[:stay], next), now
	}
}

const (
	// manyParts is how many small ones there are at the end before they are joined;
	// small is how much they are together.
	manyParts = 32
	small     = 4 * window
)

// stay is how many parts remain as they are: the small ones at the end are joined with
// what is new where they are many.
func (s *store) stay(now mark) int {
	n := len(s.parts)
	for n > 0 && now.since(s.parts[n-1].from).weight() < small {
		n--
	}
	if len(s.parts)-n < manyParts {
		return len(s.parts)
	}
	return n
}

// pack writes what came since a part began, in place of those that it takes in.
func (s *store) pack(ctx context.Context, tx *sql.Tx, st *state, taken []part, p part) error {
	for _, old := range taken {
		if _, err := tx.ExecContext(ctx, "DELETE FROM packed WHERE sequence = ?", old.sequence); err != nil {
			return err
		}
	}
	data, err := st.pack(p.from)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO packed VALUES (?, ?)", p.sequence, data)
	return err
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
