package search

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// forest is n short notes, each with a word of its own.
func forest(n int) map[string]string {
	records := map[string]string{}
	for i := range n {
		records[fmt.Sprintf("n%04d", i)] = note("fi", fmt.Sprintf("Metsä %d", i), "puita")
	}
	return records
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "v*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// finds checks that x answers for v as a fresh index does.
func finds(t testing.TB, x *Index, v *content.View, texts ...string) {
	t.Helper()
	fresh := openIndex(t, "")
	ensure(t, fresh, v)
	for _, text := range texts {
		q := Query{Text: text, Language: "fi"}
		want, got := find(t, fresh, v, q), find(t, x, v, q)
		if len(want) == 0 {
			t.Fatalf("%q finds nothing: the test says nothing", text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestARestartUsesWhatIsOnDisk(t *testing.T) {
	dir, v := t.TempDir(), digest(t).view(t)
	x := openIndex(t, dir)
	ensure(t, x, v)
	if n := x.indexed.Load(); n == 0 {
		t.Fatal("nothing was indexed")
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	again := openIndex(t, dir)
	finds(t, again, digest(t).view(t), "kunta", "strategia", "kuntien digitaaliset palvelut")
	ensure(t, again, v)
	if n := again.indexed.Load(); n != 0 {
		t.Errorf("%d documents were indexed again", n)
	}
	if done, total := again.Progress(); done == 0 || done != total {
		t.Errorf("progress is %d of %d", done, total)
	}
}

func TestASecondOneReadsAndNeverWaits(t *testing.T) {
	dir, v := t.TempDir(), digest(t).view(t)
	first, second := openIndex(t, dir), openIndex(t, dir)
	ensure(t, first, v)
	ensure(t, second, v)
	if n := second.indexed.Load(); n != 0 {
		t.Errorf("the second indexed %d documents that the first has", n)
	}
	finds(t, second, v, "kunta")

	more := digest(t).with(map[string]string{"records/regions/uusi.json": `{"name": {"fi": "Uusimaakunta"}, "code": "99"}`}).view(t)
	before := files(t, dir)
	ensure(t, second, more)
	finds(t, second, more, "uusimaakunta")
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("the second writes: %s", diff)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	most := digest(t).with(map[string]string{"records/regions/uusin.json": `{"name": {"fi": "Uusinmaakunta"}, "code": "98"}`}).view(t)
	ensure(t, second, most)
	finds(t, second, most, "uusinmaakunta")
	if diff := cmp.Diff(before, files(t, dir)); diff == "" {
		t.Error("the second does not take the place of the first")
	}
}

// TestHelperProcess is another process, when a test runs it as one: it indexes what
// the environment says, tells so, and stays until its input ends.
func TestHelperProcess(t *testing.T) {
	dir := os.Getenv("KOONTI_SEARCH_HELPER")
	if dir == "" {
		return
	}
	var n int
	if _, err := fmt.Sscan(os.Getenv("KOONTI_SEARCH_RECORDS"), &n); err != nil {
		t.Fatal(err)
	}
	x := openIndex(t, dir)
	ensure(t, x, notes(forest(n)).view(t))
	fmt.Println("indexed", x.indexed.Load())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

func helper(t *testing.T, dir string, n int) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$", "-test.v")
	c.Env = append(os.Environ(), "KOONTI_SEARCH_HELPER="+dir, fmt.Sprintf("KOONTI_SEARCH_RECORDS=%d", n))
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c, bufio.NewReader(out)
}

func TestAnotherProcessIsReadFrom(t *testing.T) {
	dir := t.TempDir()
	_, out := helper(t, dir, 50)
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal("the other process indexed nothing")
		}
		if strings.HasPrefix(line, "indexed 50") {
			break
		}
	}
	x := openIndex(t, dir)
	v := notes(forest(50)).view(t)
	ensure(t, x, v)
	if x.indexed.Load() != 0 || x.store.writes() {
		t.Errorf("indexed %d, writes %t beside a process that has done and does it", x.indexed.Load(), x.store.writes())
	}
	finds(t, x, v, "metsä 7", "puita")
}

func TestAProcessKilledWhileIndexingLeavesNoHarm(t *testing.T) {
	dir := t.TempDir()
	const n = 6 * batchRecords
	c, _ := helper(t, dir, n)
	for deadline := time.Now().Add(20 * time.Second); len(files(t, dir)) < 2; {
		if time.Now().After(deadline) {
			t.Fatal("the other process writes nothing")
		}
		time.Sleep(time.Millisecond)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	v := notes(forest(n)).view(t)
	x := openIndex(t, dir)
	ensure(t, x, v)
	if made := x.indexed.Load(); made == n {
		t.Error("nothing is left of what the killed process did")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "v*", "*"+temporary)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	finds(t, x, v, "metsä 7")
}

func TestDamagedFilesAreMadeAgain(t *testing.T) {
	v := digest(t).view(t)
	for name, damage := range map[string]func([]byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"cut":            func(b []byte) []byte { return b[:len(b)/2] },
		"a byte changed": func(b []byte) []byte { b[len(b)/3] ^= 1; return b },
		"the end gone":   func(b []byte) []byte { return b[:len(b)-4] },
		"zeros":          func(b []byte) []byte { return make([]byte, len(b)) },
		"text":           func([]byte) []byte { return []byte(strings.Repeat("no segment at all\n", 9)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := openIndex(t, dir)
			ensure(t, x, v)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			for _, file := range files(t, dir) {
				whole, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, damage(whole), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			x = openIndex(t, dir)
			if len(files(t, dir)) != 0 {
				t.Errorf("a damaged file is kept")
			}
			ensure(t, x, v)
			finds(t, x, v, "kunta", "strategia")
			if len(files(t, dir)) == 0 {
				t.Errorf("the index is not written again")
			}
		})
	}
}

func TestAFileDamagedWhileOpenIsGivenUp(t *testing.T) {
	dir, v := t.TempDir(), digest(t).view(t)
	x := openIndex(t, dir)
	ensure(t, x, v)
	for _, file := range files(t, dir) {
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Search(context.Background(), v, Query{Text: "kunta"}); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("a search in files cut under it: %v", err)
	}
	finds(t, x, v, "kunta", "strategia")
}

func TestAFileDamagedBeforeAMergeIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, dir)
	ensure(t, x, notes(forest(10)).view(t))
	v := notes(forest(20)).view(t)
	ensure(t, x, v)
	for _, file := range files(t, dir) {
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.merge(context.Background(), x.segments, func(docKey) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if len(x.segments) != 0 {
		t.Errorf("%d segments are kept", len(x.segments))
	}
	ensure(t, x, v)
	finds(t, x, v, "metsä 7")
}

func TestTheFolderMayGoAtAnyTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "search")
	v := digest(t).view(t)
	x := openIndex(t, dir)
	ensure(t, x, v)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	finds(t, x, v, "kunta")
	more := digest(t).with(map[string]string{"records/regions/uusi.json": `{"name": {"fi": "Uusimaakunta"}, "code": "99"}`}).view(t)
	ensure(t, x, more)
	finds(t, x, more, "uusimaakunta")
	if len(files(t, dir)) == 0 {
		t.Error("what was indexed after the folder had gone is not on disk")
	}
	other := openIndex(t, dir)
	ensure(t, other, more)
	finds(t, other, more, "kunta", "uusimaakunta")
}

func TestAFolderThatCannotBeUsedMeansMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	v := digest(t).view(t)
	x := openIndex(t, filepath.Join(file, "search"))
	ensure(t, x, v)
	finds(t, x, v, "kunta")
}

func TestAnotherFormatIsThrownAway(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "v0-zap11")
	if err := os.MkdirAll(old, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"v0-zap11/a.zap", "keep.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	openIndex(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the older format is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "keep.txt")); err != nil {
		t.Errorf("a file of no index is gone: %v", err)
	}
}

func TestWhatAKilledOneLeftHalfIsCleared(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, dir)
	half := filepath.Join(x.store.folder(), "half"+suffix+temporary)
	if err := os.WriteFile(half, []byte("half"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	openIndex(t, dir)
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Two processes may have indexed the same documents, where the folder was moved away
// under one of them.
func TestDocumentsThatAreThereTwiceCountOnce(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	v := notes(forest(20)).view(t)
	x := openIndex(t, here)
	ensure(t, x, v)
	other := openIndex(t, there)
	ensure(t, other, notes(forest(10)).view(t))
	for _, file := range files(t, there) {
		if err := os.Rename(file, filepath.Join(x.store.folder(), filepath.Base(file))); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openIndex(t, here)
	finds(t, x, v, "metsä", "metsä 7")
	if err := x.merge(context.Background(), x.segments, func(docKey) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if len(x.segments) != 1 || len(x.segments[0].keys) != 20 {
		t.Errorf("%d segments, of which the first has %d documents", len(x.segments), len(x.segments[0].keys))
	}
	finds(t, x, v, "metsä", "metsä 7")
}

func TestManySmallChangesAreMerged(t *testing.T) {
	for _, dir := range []string{t.TempDir(), ""} {
		x := openIndex(t, dir)
		records := forest(3)
		for i := range 5 * maxSegments {
			records["n0001"] = note("fi", fmt.Sprintf("Metsä %d muuttuu", i), "")
			ensure(t, x, notes(records).view(t))
		}
		if n := len(x.segments); n > maxSegments+1 {
			t.Errorf("in %q there are %d segments", dir, n)
		}
		if dir != "" && len(files(t, dir)) != len(x.segments) {
			t.Errorf("%d files for %d segments", len(files(t, dir)), len(x.segments))
		}
		finds(t, x, notes(records).view(t), "metsä", "muuttuu")
		finds(t, x, notes(forest(3)).view(t), "metsä 1")
	}
}

func TestTheIndexIsPrunedToTheViewServed(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, dir)
	ensure(t, x, notes(forest(pruneSlack+50)).view(t))
	small := notes(forest(2)).view(t)
	ensure(t, x, small)
	held := 0
	for _, s := range x.segments {
		held += len(s.keys)
	}
	if held != 2 {
		t.Errorf("%d documents are kept, want 2", held)
	}
	finds(t, x, small, "metsä 1")
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	again := openIndex(t, dir)
	ensure(t, again, small)
	if n := again.indexed.Load(); n != 0 {
		t.Errorf("%d documents were pruned too many", n)
	}
}
