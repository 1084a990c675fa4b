package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// dump is all that a past tells, in its order.
func dump(t testing.TB, p *Past) []string {
	t.Helper()
	var out []string
	page, err := p.Changes(t.Context(), content.ChangeQuery{Formatting: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Changes {
		out = append(out, tellChange("change", &c))
	}
	steps, err := p.Steps(t.Context(), content.ChangeQuery{Formatting: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps.Steps {
		for _, c := range s.Records {
			out = append(out, tellChange("step", &c))
		}
	}
	for _, c := range p.view.Model.Collections {
		for r := range p.view.Snapshot.Set(c.Name).All() {
			page, err := p.Changes(t.Context(), content.ChangeQuery{Record: &r.Ref, Formatting: true})
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, c := range page.Changes {
				keys = append(keys, c.Key())
			}
			out = append(out, fmt.Sprint("record ", r.Path, keys))
		}
	}
	return out
}

func tellChange(what string, c *content.Change) string {
	was := ""
	if c.Was != nil {
		was = c.Was.Path
	}
	number := 0
	if c.PullRequest != nil {
		number = c.PullRequest.Number
	}
	return fmt.Sprintf("%s %s was %q after %s fields %q unreadable %v step %s at %s pull %d by %v", what, c.Key(), was, c.After, c.Fields, c.Unreadable, c.Step, c.At, number, c.Approvals)
}

// fresh reads all there is without a cache.
func fresh(t testing.TB, dir string) []string {
	_, p := open(t, dir, "")
	return dump(t, p)
}

func TestExtendedIsRebuilt(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, 100+seed, 20)
		cache := t.TempDir()
		x, _ := open(t, w.dir, cache)
		for round := range 6 {
			if round == 3 {
				w.forcePush()
			} else {
				w.grow(10)
			}
			var p *Past
			if round%2 == 1 { // a new process
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				x, p = open(t, w.dir, cache)
			} else {
				p = past(t, x, viewOf(t, x.cfg.Repo, "main"))
			}
			if d := cmp.Diff(fresh(t, w.dir), dump(t, p)); d != "" {
				t.Fatalf("seed %d, round %d: extended is not rebuilt (-rebuilt +extended):\n%s", seed, round, d)
			}
		}
	}
}

// An older past goes on telling what it told, whatever is read after it.
func TestAPastStaysAsItIs(t *testing.T) {
	w := newWorld(t, 7, 40)
	x, p := open(t, w.dir, "")
	before := dump(t, p)
	for range 3 {
		w.grow(15)
		past(t, x, viewOf(t, x.cfg.Repo, "main"))
	}
	if d := cmp.Diff(before, dump(t, p)); d != "" {
		t.Errorf("the past changed (-before +after):\n%s", d)
	}
}

func TestThePastOfAnOlderCommitIsWhatItWasThen(t *testing.T) {
	w := newWorld(t, 8, 30)
	then := w.head()
	want := fresh(t, w.dir)
	w.grow(40)
	x, _ := open(t, w.dir, "")
	repo := x.cfg.Repo
	runGit(t, w.dir, "", "branch", "then", then)
	p, err := x.Past(t.Context(), viewOf(t, repo, "then"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, dump(t, p)); d != "" {
		t.Errorf("(-then +now):\n%s", d)
	}
}

func TestReadersWhileItGrows(t *testing.T) {
	w := newWorld(t, 9, 30)
	x, p := open(t, w.dir, t.TempDir())
	want := dump(t, p)
	done := make(chan struct{})
	failed := make(chan string, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-done:
				return
			default:
			}
			if d := cmp.Diff(want, dump(t, p)); d != "" {
				failed <- d
				return
			}
		}
	}()
	for range 5 {
		w.grow(10)
		past(t, x, viewOf(t, x.cfg.Repo, "main"))
	}
	close(done)
	if d, bad := <-failed; bad {
		t.Errorf("a reader saw another past:\n%s", d)
	}
}

const killedDir = "KOONTI_TEST_KILLED"

// TestReadUntilKilled is the process that TestKilledAtAnyMoment kills.
func TestReadUntilKilled(t *testing.T) {
	dir, cache, ok := strings.Cut(os.Getenv(killedDir), "\n")
	if !ok {
		return // only a part of the other test
	}
	open(t, dir, cache)
}

func TestKilledAtAnyMoment(t *testing.T) {
	w := newWorld(t, 10, 1500)
	want := fresh(t, w.dir)
	cache := t.TempDir()
	for n := range 6 {
		c := exec.Command(os.Args[0], "-test.run=^TestReadUntilKilled$")
		c.Env = append(os.Environ(), killedDir+"="+w.dir+"\n"+cache)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(60+50*n) * time.Millisecond)
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	_, p := open(t, w.dir, cache)
	if d := cmp.Diff(want, dump(t, p)); d != "" {
		t.Errorf("after kills (-rebuilt +kept):\n%s", d)
	}
}

func TestTwoProcessesDoNotHarmEachOther(t *testing.T) {
	w := newWorld(t, 11, 40)
	cache := t.TempDir()
	one, _ := open(t, w.dir, cache)
	two, _ := open(t, w.dir, cache)
	for round := range 4 {
		w.grow(10)
		want := fresh(t, w.dir)
		for i, x := range []*Index{one, two} {
			if d := cmp.Diff(want, dump(t, past(t, x, viewOf(t, x.cfg.Repo, "main")))); d != "" {
				t.Fatalf("round %d, process %d (-rebuilt +kept):\n%s", round, i, d)
			}
		}
	}
	_, third := open(t, w.dir, cache)
	if d := cmp.Diff(fresh(t, w.dir), dump(t, third)); d != "" {
		t.Errorf("what they left (-rebuilt +kept):\n%s", d)
	}
}

// A cache can be deleted at any time: what was read is there again after the next
// extension, for the next start and whoever looks.
func TestACacheDeletedMeanwhileIsWrittenAgain(t *testing.T) {
	w := newWorld(t, 16, 40)
	for name, remove := range map[string]func(cache string) error{
		"the folder":     os.RemoveAll,
		"the file alone": func(cache string) error { return os.Remove(filepath.Join(cache, FileName)) },
		"the file for another's": func(cache string) error {
			return os.Rename(filepath.Join(otherCache(t, w), FileName), filepath.Join(cache, FileName))
		},
		"what is in the folder": func(cache string) error { return errors.Join(os.RemoveAll(cache), os.MkdirAll(cache, 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			cache := filepath.Join(t.TempDir(), "cache")
			x, _ := open(t, w.dir, cache)
			if err := remove(cache); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				w.grow(5)
				past(t, x, viewOf(t, x.cfg.Repo, "main"))
			}
			want := fresh(t, w.dir)
			next := Open(Config{Repo: x.cfg.Repo, Dir: cache, Model: "schema/model.json"})
			defer next.Close()
			view := viewOf(t, x.cfg.Repo, "main")
			st := next.store.load(t.Context(), next.placesOf(view.Model))
			if st == nil || len(st.graph.commits) != len(x.state.Load().graph.commits) {
				t.Fatalf("what is on disk: %v", st)
			}
			if d := cmp.Diff(want, dump(t, past(t, next, view))); d != "" {
				t.Errorf("(-rebuilt +kept):\n%s", d)
			}
		})
	}
}

func otherCache(t *testing.T, w *world) string {
	t.Helper()
	cache := t.TempDir()
	x, _ := open(t, w.dir, cache)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return cache
}

func TestAFileThatCannotBeUsedIsReadAnew(t *testing.T) {
	w := newWorld(t, 12, 20)
	whole := t.TempDir()
	for range 3 { // parts
		w.grow(5)
		x, _ := open(t, w.dir, whole)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := fresh(t, w.dir)
	tests := map[string]func(t *testing.T, file string){
		"no database":  func(t *testing.T, file string) { write(t, file, strings.Repeat("not a database", 100)) },
		"empty":        func(t *testing.T, file string) { write(t, file, "") },
		"other format": func(t *testing.T, file string) { execute(t, file, "UPDATE about SET value = '0' WHERE key = 'format'") },
		"other meaning": func(t *testing.T, file string) {
			execute(t, file, "UPDATE about SET value = 'x' WHERE key = 'meaning'")
		},
		"broken parents": func(t *testing.T, file string) { execute(t, file, "UPDATE commits SET parents = '99999' WHERE id = 3") },
		"broken fields":  func(t *testing.T, file string) { execute(t, file, "UPDATE changes SET fields = '[' WHERE id = 3") },
		"a table less":   func(t *testing.T, file string) { execute(t, file, "DROP TABLE changes") },
		"a row less": func(t *testing.T, file string) {
			execute(t, file, "DELETE FROM commits WHERE id = (SELECT max(id) FROM commits)")
		},
		"nothing packed": func(t *testing.T, file string) { execute(t, file, "DROP TABLE packed") },
		"a part less":    func(t *testing.T, file string) { execute(t, file, "DELETE FROM packed WHERE sequence = 2") },
		"the last part less": func(t *testing.T, file string) {
			execute(t, file, "DELETE FROM packed WHERE sequence = (SELECT max(sequence) FROM packed)")
		},
		"parts in another order": func(t *testing.T, file string) {
			execute(t, file, "UPDATE packed SET sequence = -sequence")
			execute(t, file, "UPDATE packed SET sequence = sequence + 1 + (SELECT value FROM about WHERE key = 'sequence')")
		},
		"a part twice": func(t *testing.T, file string) {
			execute(t, file, "UPDATE packed SET part = (SELECT part FROM packed WHERE sequence = 1)")
		},
		"a part cut short": func(t *testing.T, file string) {
			execute(t, file, "UPDATE packed SET part = substr(part, 1, length(part) - 1) WHERE sequence = 2")
		},
		"an empty part":       func(t *testing.T, file string) { execute(t, file, "UPDATE packed SET part = x'' WHERE sequence = 2") },
		"a part that is text": func(t *testing.T, file string) { execute(t, file, "UPDATE packed SET part = 'part'") },
		"a part of other bytes": func(t *testing.T, file string) {
			execute(t, file, "UPDATE packed SET part = CAST(substr(part, 1, 99) || x'FF' || substr(part, 101) AS BLOB) WHERE sequence = 1")
		},
		"a part that says it is more": func(t *testing.T, file string) {
			part := packedParts(t, file)[0]
			part[crc32.Size+len((&mark{}).parts())]++ // people
			execute(t, file, fmt.Sprintf("UPDATE packed SET part = x'%x' WHERE sequence = 1", sealed(part)))
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			if err := os.CopyFS(cache, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			spoil(t, filepath.Join(cache, FileName))
			for _, when := range []string{"at once", "at the next start"} {
				x, p := open(t, w.dir, cache)
				if d := cmp.Diff(want, dump(t, p)); d != "" {
					t.Errorf("%s (-rebuilt +kept):\n%s", when, d)
				}
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, unlike := openTables(t, w.dir, cache); unlike != "" {
				t.Errorf("what was kept: %s", unlike)
			}
			x, p, unlike := openTables(t, w.dir, cache)
			if d := cmp.Diff(want, dump(t, p)); d != "" || unlike != "" || x.store.state != nil {
				t.Errorf("by the tables (-rebuilt +kept): %s\n%s", unlike, d)
			}
		})
	}
	t.Run("a folder that cannot be made", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, "")
		_, p := open(t, w.dir, filepath.Join(file, "below"))
		if d := cmp.Diff(want, dump(t, p)); d != "" {
			t.Error(d)
		}
	})
}

func write(t *testing.T, file, text string) {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(file + suffix)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestForcedPushesAreListed(t *testing.T) {
	w := newWorld(t, 13, 30)
	repo := openRepo(t, w.dir)
	noticed := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	x := Open(Config{Repo: repo, Model: "schema/model.json", Now: func() time.Time { return noticed }})
	follow := func() {
		t.Helper()
		view := viewOf(t, repo, "main")
		past(t, x, view)
		if err := x.Follow(t.Context(), view); err != nil {
			t.Fatal(err)
		}
	}
	follow()
	w.grow(5)
	follow()
	var want []content.Rewrite
	for range 2 {
		from, to := w.forcePush()
		follow()
		follow() // nothing new
		want = slices.Insert(want, 0, content.Rewrite{Ref: "refs/heads/main", From: content.Hash(from), To: content.Hash(to), Noticed: noticed})
		noticed = noticed.Add(time.Minute)
	}
	w.grow(3)
	follow()
	got, err := x.Rewrites(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, r := range want {
		runGit(t, w.dir, "", "gc", "-q", "--prune=now")
		runGit(t, w.dir, "", "cat-file", "-e", string(r.From))
	}
}

func TestWhileItIsReadTheErrorSaysHowFar(t *testing.T) {
	w := newWorld(t, 14, 20)
	repo := openRepo(t, w.dir)
	x := Open(Config{Repo: repo, Model: "schema/model.json"})
	view := viewOf(t, repo, "main")
	x.writing.Lock()
	x.progress.building.Store(true)
	x.progress.total.Store(20)
	x.progress.done.Store(7)
	_, err := x.Past(t.Context(), view)
	x.progress.building.Store(false)
	x.writing.Unlock()
	if !errors.Is(err, content.ErrUnavailable) || !strings.Contains(err.Error(), "7 of 20 commits") {
		t.Errorf("%v", err)
	}
	if p, err := x.Past(t.Context(), view); err != nil || len(p.steps) == 0 {
		t.Errorf("after it: %v", err)
	}
}

func TestAShallowCloneSaysWhatToFetch(t *testing.T) {
	w := newWorld(t, 15, 30)
	dir := t.TempDir()
	runGit(t, dir, "", "clone", "-q", "--bare", "--depth", "2", "file://"+w.dir, "shallow.git")
	repo := openRepo(t, filepath.Join(dir, "shallow.git"))
	x := Open(Config{Repo: repo, Model: "schema/model.json"})
	_, err := x.Past(t.Context(), viewOf(t, repo, "main"))
	var cutOff *content.CutOffError
	if !errors.As(err, &cutOff) || !errors.Is(err, content.ErrUnavailable) || !strings.HasSuffix(err.Error(), "run 'git fetch --unshallow'") {
		t.Errorf("%v", err)
	}
}

func TestACancelledReadingGoesOn(t *testing.T) {
	w := newWorld(t, 16, 1200)
	repo := openRepo(t, w.dir)
	view := viewOf(t, repo, "main")
	x := Open(Config{Repo: repo, Dir: t.TempDir(), Model: "schema/model.json"})
	defer x.Close()
	stopped := 0
	for n := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(10*n)*time.Millisecond)
		if err := x.Extend(ctx, view); err != nil {
			stopped++
		}
		cancel()
	}
	if stopped == 0 {
		t.Error("no reading was stopped: the test tests nothing")
	}
	if d := cmp.Diff(fresh(t, w.dir), dump(t, past(t, x, view))); d != "" {
		t.Errorf("(-rebuilt +kept):\n%s", d)
	}
}

// What is found by the index of three characters is what a look at every version finds.
func TestATextIsFoundWhereverItWas(t *testing.T) {
	w := newWorld(t, 17, 200)
	_, p := open(t, w.dir, "")
	found := 0
	for _, part := range []string{"kunta", "KUNTA", "ä", "po", "koonti raportti", "nowhere at all", "\\s", "😀"} {
		got, _, err := p.Containing(t.Context(), part, "", 0, "")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for i, r := range p.seen {
			before, after, err := p.documents(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			differ := p.state.where.differ(p.paths[r.path])
			for at, v := range content.Leaves(after) {
				has := func(v *content.Value) bool {
					return v != nil && v.Kind == content.String && strings.Contains(strings.ToLower(v.Text), strings.ToLower(part))
				}
				was, there := differ.Trace(before, after, at)
				if after != nil && has(v) && !(there && before != nil && has(before.At(was))) {
					c := p.change(p.seen[i])
					want[c.Key()+" "+string(at)] = true
				}
			}
		}
		keys := map[string]bool{}
		for _, o := range got {
			keys[o.Key()] = true
		}
		if d := cmp.Diff(want, keys); d != "" {
			t.Errorf("%q (-want +got):\n%s", part, d)
		}
		found += len(got)
		paged, after := 0, ""
		for {
			page, more, err := p.Containing(t.Context(), part, "", 7, after)
			if err != nil {
				t.Fatal(err)
			}
			if paged += len(page); !more {
				break
			}
			after = page[len(page)-1].Key()
		}
		if paged != len(got) {
			t.Errorf("%q: %d in pages, %d at once", part, paged, len(got))
		}
	}
	if found == 0 {
		t.Error("nothing was found: the test tests nothing")
	}
}

// A commit that changes very much is told by the members it changed, in bounded time.
func TestAChangeOfVeryManyFieldsIsToldByItsMembers(t *testing.T) {
	list := func(from int) string {
		var b strings.Builder
		b.WriteString(`{"name": "x", "parts": [`)
		for i := range 40_000 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(&b, from+i*2)
		}
		b.WriteString("]}")
		return b.String()
	}
	path := "records/notes/x.json"
	dir, _ := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{path: list(0)}},
		{mark: "side", branch: "side", from: []string{"1"}, message: "Others", files: map[string]string{path: list(1)}},
		{mark: "main", from: []string{"1"}, message: "Other others", files: map[string]string{path: list(100_001)}},
		{mark: "merge", from: []string{"main", "side"}, message: "Merge", files: map[string]string{path: list(200_000)}},
	})
	began := time.Now()
	_, p := open(t, dir, "")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	page, err := p.Changes(t.Context(), content.ChangeQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Changes[:3] {
		fields, err := p.Fields(t.Context(), &c)
		if err != nil || len(fields) != 1 || fields[0].Pointer != "/parts" {
			t.Errorf("%s: %d fields, %v", c.Kind, len(fields), err)
		}
	}
}

// What a past tells depends on the models that led to its head, not on those of other
// branches that were read as well.
func TestOtherBranchesModelsDoNotMatter(t *testing.T) {
	ideas := strings.Replace(worldModel, "]}", `, {"name": "ideas", "type": "Idea", "schema": "schema/note.json", "path": "records/ideas/{id}.json"}]}`, 1)
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{"records/things/x.json": `{"name": "a"}`, "records/ideas/i.json": `{"name": "i"}`}},
		{mark: "other", branch: "other", from: []string{"1"}, message: "Ideas are records", files: map[string]string{"schema/model.json": ideas, "records/ideas/i.json": `{"name": "j"}`}},
		{mark: "2", from: []string{"1"}, message: "Edit", files: map[string]string{"records/things/x.json": `{"name": "b"}`, "records/ideas/i.json": `{"name": "k"}`}},
	})
	want := fresh(t, dir)
	cache := t.TempDir()
	x, p := open(t, dir, cache)
	// The types of the served view hold for all revisions, so its model is asked with.
	other := *p.view
	other.Commit, other.Ref = hash["other"], "refs/heads/other"
	beside, err := x.Past(t.Context(), &other)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := beside.CountChanges(t.Context(), content.ChangeQuery{Collection: "ideas"}); err != nil || n != 2 {
		t.Errorf("%d changes of ideas on the branch that has them, %v; want 2", n, err)
	}
	if d := cmp.Diff(want, dump(t, past(t, x, p.view))); d != "" {
		t.Errorf("the main branch, after the other was read (-before +after):\n%s", d)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	_, p = open(t, dir, cache)
	if d := cmp.Diff(want, dump(t, p)); d != "" {
		t.Errorf("at the next start (-before +after):\n%s", d)
	}
	// Merged, the other model counts for the whole past.
	runGit(t, dir, "", "update-ref", "refs/heads/main", mergeOf(t, dir, hash["2"], hash["other"]))
	x, p = open(t, dir, cache)
	if n, err := p.CountChanges(t.Context(), content.ChangeQuery{Collection: "ideas", Formatting: true}); err != nil || n < 3 {
		t.Errorf("%d changes of ideas after the merge, %v", n, err)
	}
	older := *p.view
	older.Commit = hash["2"]
	then, err := x.Past(t.Context(), &older)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(dumpChanges(t, then), dumpChanges(t, p)); d == "" {
		t.Error("the older past is that of the merge")
	}
}

func dumpChanges(t *testing.T, p *Past) []string {
	t.Helper()
	page, err := p.Changes(t.Context(), content.ChangeQuery{Formatting: true})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range page.Changes {
		out = append(out, tellChange("change", &c))
	}
	return out
}

func mergeOf(t *testing.T, dir string, ours, theirs content.Hash) string {
	t.Helper()
	return strings.TrimSpace(runGit(t, dir, "", "-c", "user.name=Aino", "-c", "user.email=aino@example.org", "commit-tree", string(theirs)+"^{tree}", "-p", string(ours), "-p", string(theirs), "-m", "Merge"))
}
