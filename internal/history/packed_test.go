package history

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openTables reads the plain tables of a file, and what their packed copy says else.
func openTables(t *testing.T, dir, cache string) (*Index, *Past, string) {
	t.Helper()
	repo := openRepo(t, dir)
	x := Open(Config{Repo: repo, Dir: cache, Model: "schema/model.json", Tables: true})
	defer x.Close()
	return x, past(t, x, viewOf(t, repo, "main")), x.Unlike()
}

func packedParts(t testing.TB, file string) [][]byte {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT part FROM packed ORDER BY sequence")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	if err := each(rows, func() error {
		out = append(out, nil)
		return rows.Scan(&out[len(out)-1])
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// sealed gives a part the checksum that fits it.
func sealed(part []byte) []byte {
	if len(part) >= crc32.Size {
		binary.LittleEndian.PutUint32(part, crc32.Checksum(part[crc32.Size:], castagnoli))
	}
	return part
}

// However often a history was extended, by one process or another, the tables say what
// their packed copy does, and the copy is of few parts.
func TestPackedSaysWhatTheTablesSay(t *testing.T) {
	for seed := range uint64(2) {
		w := newWorld(t, 200+seed, 40)
		cache := t.TempDir()
		file := filepath.Join(cache, FileName)
		x, _ := open(t, w.dir, cache)
		joined, before := false, 0
		for round := range 2 * manyParts {
			if round == 10 {
				w.forcePush()
			}
			w.grow(2)
			if round%7 == 0 { // a new process
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				x, _ = open(t, w.dir, cache)
			} else {
				past(t, x, viewOf(t, x.cfg.Repo, "main"))
			}
			if n := len(packedParts(t, file)); n > manyParts {
				t.Fatalf("seed %d: %d parts after %d extensions", seed, n, round)
			} else {
				joined, before = joined || n < before, n
			}
		}
		kept, p, unlike := openTables(t, w.dir, cache)
		if unlike != "" || kept.store.state != nil {
			t.Errorf("seed %d: the copy says: %s", seed, unlike)
		}
		if d := cmp.Diff(fresh(t, w.dir), dump(t, p)); d != "" {
			t.Errorf("seed %d: the tables (-rebuilt +kept):\n%s", seed, d)
		}
		if !joined {
			t.Errorf("seed %d: %d parts were never joined", seed, len(packedParts(t, file)))
		}
	}
}

// A copy that is not like the tables is found out where the tables are asked for.
func TestTablesThatAreNotLikeTheirCopyAreNoticed(t *testing.T) {
	w := newWorld(t, 14, 40)
	for change, want := range map[string]string{
		"UPDATE people SET name = 'Eve' WHERE id = 1":          "and the tables say: person 1 is \"Eve\"",
		"UPDATE commits SET subject = 'Other' WHERE id = 3":    "\"Other\", pull request",
		"UPDATE commits SET pull_request = 77 WHERE id = 3":    "Number:77",
		"UPDATE changes SET kind = 'FORMATTED' WHERE id = 2":   "and the tables say: change 2 is FORMATTED",
		"UPDATE changes SET fields = '[\"/x\"]' WHERE id = 2":  "fields [\"/x\"]",
		"DELETE FROM changes WHERE id > 3":                     "and the tables say: nothing",
		"UPDATE packed SET part = x'00' WHERE sequence = 1":    "it is damaged",
		"UPDATE about SET value = '7' WHERE key = 'sequence'":  "it is damaged",
		"DELETE FROM packed":                                   "it is damaged",
		"UPDATE changes SET published = 0 WHERE published = 1": "and the tables say: change ",
	} {
		t.Run(change, func(t *testing.T) {
			cache := t.TempDir()
			x, _ := open(t, w.dir, cache)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, filepath.Join(cache, FileName), change)
			if _, _, unlike := openTables(t, w.dir, cache); !strings.Contains(unlike, want) {
				t.Errorf("said: %q", unlike)
			}
		})
	}
}

// FuzzUnpack: whatever a part holds, also with a checksum that fits, reading it ends.
func FuzzUnpack(f *testing.F) {
	w := newWorld(f, 15, 4)
	cache := f.TempDir()
	x, _ := open(f, w.dir, cache)
	where := x.state.Load().where
	for _, part := range packedParts(f, filepath.Join(cache, FileName)) {
		f.Add(part)
	}
	f.Fuzz(func(t *testing.T, part []byte) {
		u, err := openPart(sealed(bytes.Clone(part)))
		if err != nil {
			return
		}
		st := newState(where)
		st.reserve(u.amount)
		if err := st.unpack(u); err != nil {
			return
		}
		again, err := st.pack(mark{})
		if err != nil {
			t.Fatal(err)
		}
		if u, err = openPart(again); err != nil {
			t.Fatal(err)
		}
		copied := newState(where)
		if err := copied.unpack(u); err != nil || st.unlike(copied) != "" {
			t.Errorf("packed again: %v %s", err, st.unlike(copied))
		}
	})
}
