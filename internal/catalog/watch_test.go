package catalog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// slowly makes a catalog that depends on hints: its poll comes too late for a test.
var slowly = Config{Poll: time.Hour}

// A reader sees one commit: 200 files say which commit they are of, and no view
// may mix two, whatever checkouts go on (invariant 1).
func TestReadersSeeOneCheckout(t *testing.T) {
	w := newWork(t)
	const files, rounds = 200, 12
	for _, branch := range []string{"left", "right"} {
		w.git("checkout", "-q", "-b", branch, "main")
		for i := range files {
			w.write(fmt.Sprintf("kinds/k%03d.json", i), fmt.Sprintf(`{"name": %q}`, branch))
		}
		w.commit(branch)
	}
	c := w.open(Config{}) // Git removes a folder and makes it anew in one moment: then a hint may be lost, and the poll is the truth
	w.run(c)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if mixed := mixture(c.Current()); mixed != "" {
					t.Error(mixed)
					return
				}
			}
		})
	}
	for i := range rounds {
		branch := []string{"left", "right"}[i%2]
		w.git("checkout", "-q", branch)
		eventually(t, func() string {
			if got := record(c.Current(), "kinds", "k000"); got.Root.Member("name").Str() != branch {
				return "serving " + got.Source
			}
			return ""
		})
	}
	cancel()
	readers.Wait()
}

// mixture says which two branches a view mixes, or "".
func mixture(v *content.View) string {
	seen := map[string]bool{}
	for r := range v.Snapshot.Set("kinds").All() {
		if strings.HasPrefix(string(r.ID), "k") {
			seen[r.Source] = true
		}
	}
	if len(seen) > 1 {
		return fmt.Sprintf("view of %s mixes %v", v.Commit, seen)
	}
	return ""
}

func TestChangesAreSeenByHintsAlone(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*work)
		want string // what the name of thing "one" becomes, "" for gone
	}{
		{"a file renamed onto the old one", func(w *work) { w.write("things/one.json", `{"name": "New"}`) }, "New"},
		{"a file written in place", func(w *work) {
			if err := os.WriteFile(w.path("things/one.json"), []byte(`{"name": "New"}`), 0o666); err != nil {
				w.t.Fatal(err)
			}
		}, "New"},
		{"a file removed", func(w *work) { w.remove("things/one.json") }, ""},
		{"a folder removed and made anew", func(w *work) {
			if err := os.RemoveAll(w.path("things")); err != nil {
				w.t.Fatal(err)
			}
			w.write("things/one.json", `{"name": "New"}`)
		}, "New"},
		{"a folder renamed into place", func(w *work) {
			w.write("elsewhere/one.json", `{"name": "New"}`)
			if err := os.RemoveAll(w.path("things")); err != nil {
				w.t.Fatal(err)
			}
			if err := os.Rename(w.path("elsewhere"), w.path("things")); err != nil {
				w.t.Fatal(err)
			}
		}, "New"},
		{"a checkout", func(w *work) {
			w.git("checkout", "-q", "-b", "other")
			w.write("things/one.json", `{"name": "New"}`)
			w.commit("other")
			w.git("checkout", "-q", "main")
			w.git("checkout", "-q", "other")
		}, "New"},
		{"a hard reset", func(w *work) {
			w.write("things/one.json", `{"name": "Lost"}`)
			w.commit("lost")
			w.git("reset", "-q", "--hard", "HEAD~1")
		}, "One"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWork(t)
			c := w.open(slowly)
			w.run(c)
			test.do(w)
			eventually(t, func() string {
				r := record(c.Current(), "things", "one")
				head := w.git("rev-parse", "HEAD")
				switch {
				case string(c.Current().Commit) != head:
					return fmt.Sprintf("serving %s, not %s", c.Current().Commit, head)
				case r == nil && test.want != "":
					return "no record"
				case r != nil && r.Root.Member("name").Str() != test.want:
					return "serving " + r.Source
				}
				return ""
			})
		})
	}
}

// How line endings are converted can change without the file.
func TestAChangeOfAttributesIsSeen(t *testing.T) {
	for name, change := range map[string]func(*work){
		".gitattributes":  func(w *work) { w.write(".gitattributes", "*.json text\n") },
		"core.autocrlf":   func(w *work) { w.git("config", "core.autocrlf", "input") },
		"a nested one":    func(w *work) { w.write("things/.gitattributes", "*.json text\n") },
		"info/attributes": func(w *work) { w.write(".git/info/attributes", "*.json text\n") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t)
			w.write("things/one.json", "{\r\n\"name\": \"One\"}\r\n")
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(w.path("things/one.json"), old, old); err != nil {
				t.Fatal(err)
			}
			c := w.open(Config{})
			if !strings.Contains(record(c.Current(), "things", "one").Source, "\r") {
				t.Fatal("converted without being told to")
			}
			change(w)
			if got := record(reload(t, c), "things", "one").Source; strings.Contains(got, "\r") {
				t.Errorf("serving %q", got)
			}
			same(t, "running against fresh", c.Current(), w.open(Config{}).Current())
		})
	}
}

func TestACommitOnAServedBranchIsSeen(t *testing.T) {
	for name, pack := range map[string]bool{"loose ref": false, "packed refs": true} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t)
			if pack {
				w.git("pack-refs", "--all")
			}
			c := w.open(Config{Ref: "main", Poll: time.Hour})
			w.run(c)
			w.write("things/one.json", `{"name": "Saved, not committed"}`)
			w.write("things/one.json", `{"name": "Committed"}`)
			commit := w.commit("second")
			eventually(t, func() string {
				if got := string(c.Current().Commit); got != commit {
					return "serving " + got
				}
				return ""
			})
			if got := record(c.Current(), "things", "one"); got.Uncommitted || got.Root.Member("name").Str() != "Committed" {
				t.Errorf("served %+v", got)
			}
		})
	}
}

func TestChangesAreSeenByPollingAlone(t *testing.T) {
	w := newWork(t)
	c := w.open(Config{Poll: 30 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.poll(ctx, nil, nil) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	w.write("things/one.json", `{"name": "New"}`)
	eventually(t, func() string {
		if got := record(c.Current(), "things", "one"); got.Root.Member("name").Str() != "New" {
			return "serving " + got.Source
		}
		return ""
	})
}

func TestNothingIsPublishedWhileGitIsAtWork(t *testing.T) {
	w := newWork(t)
	c := w.open(Config{Poll: 20 * time.Millisecond})
	lock := w.path(".git/index.lock")
	if err := os.WriteFile(lock, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	w.run(c)
	w.write("things/one.json", `{"name": "Half a checkout"}`)
	eventually(t, func() string {
		if c.Status().HeldBack.IsZero() {
			return "not held back"
		}
		return ""
	})
	time.Sleep(100 * time.Millisecond)
	if got := record(c.Current(), "things", "one").Source; strings.Contains(got, "Half") {
		t.Fatalf("published during a checkout: %s", got)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		if got := record(c.Current(), "things", "one").Source; !strings.Contains(got, "Half") || !c.Status().HeldBack.IsZero() {
			return "still held back"
		}
		return ""
	})
}

func TestALockLeftBehindHoldsNothingBackForEver(t *testing.T) {
	w := newWork(t)
	c := w.open(Config{Poll: 20 * time.Millisecond, Hold: 200 * time.Millisecond})
	if err := os.WriteFile(w.path(".git/index.lock"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	w.run(c)
	w.write("things/one.json", `{"name": "New"}`)
	eventually(t, func() string {
		if got := record(c.Current(), "things", "one").Source; !strings.Contains(got, "New") {
			return "serving " + got
		}
		return ""
	})
}

func TestTheLogSaysWhatBrokeAndWhatWasMended(t *testing.T) {
	w := newWork(t)
	var log bytes.Buffer
	c := w.open(Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	w.write("things/one.json", `{"name": 5}`)
	if r := record(reload(t, c), "things", "one"); !r.Stale || !r.Valid || r.Root.Member("name").Str() != "One" {
		t.Fatalf("served %+v", r)
	}
	w.write("things/one.json", `{"name": "Five"}`)
	reload(t, c)
	for _, want := range []string{`msg="problem found" path=things/one.json line=1 column=10`, `msg="problem mended" path=things/one.json`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
}
