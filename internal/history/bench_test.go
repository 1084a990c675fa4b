package history

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// bigWorld makes commits over records, in folders by collection, each of one record or
// two; every tenth commit is the merge of a branch.
func bigWorld(tb testing.TB, commits, records int) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "big.git")
	runGit(tb, tb.TempDir(), "", "init", "-q", "--bare", "-b", "main", dir)
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	path := func(id int) string {
		return fmt.Sprintf("records/%s/r%05d.json", []string{"things", "notes"}[id%2], id)
	}
	edit := func(mark, id int) {
		text := bigRecord(r, id)
		fmt.Fprintf(&b, "blob\nmark :%d\ndata %d\n%s\n", blobMarks+mark, len(text), text)
	}
	commit := func(n int, branch, message string, parents ...int) {
		fmt.Fprintf(&b, "commit refs/heads/%s\nmark :%d\nauthor Aino %d <aino%d@example.org> %d +0200\ncommitter Aino <aino@example.org> %d +0200\ndata %d\n%s\n",
			branch, n, n%17, n%17, 1_500_000_000+n*600, 1_500_000_000+n*600, len(message), message)
		for i, p := range parents {
			fmt.Fprintf(&b, "%s :%d\n", []string{"from", "merge"}[min(i, 1)], p)
		}
	}
	for id := range records {
		edit(blobMarks+id, id)
	}
	commit(1, "main", "All records")
	for _, file := range []struct{ path, text string }{{"schema/model.json", worldModel}, {"schema/thing.json", worldThing}, {"schema/note.json", worldNote}} {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", file.path, len(file.text), file.text)
	}
	for id := range records {
		fmt.Fprintf(&b, "M 100644 :%d %s\n", 2*blobMarks+id, path(id))
	}
	for n := 2; n <= commits; n++ {
		id, mark := n*7919%records, n
		switch {
		case n%10 == 0 && n > 10: // takes in the commit on the side
			id, mark = (n-2)*7919%records, n-2
			commit(n, "main", fmt.Sprintf("Merge pull request #%d from koonti/side\n\nEdit", n), n-1, n-2)
		case n%10 == 8:
			edit(n, id)
			commit(n, "side", fmt.Sprintf("Edit %d", n), n-1)
		case n%10 == 9:
			edit(n, id)
			commit(n, "main", fmt.Sprintf("Edit %d", n), n-2)
		default:
			edit(n, id)
			commit(n, "main", fmt.Sprintf("Edit %d", n), n-1)
		}
		fmt.Fprintf(&b, "M 100644 :%d %s\n", blobMarks+mark, path(id))
	}
	runGit(tb, dir, b.String(), "fast-import", "--quiet")
	runGit(tb, dir, "", "repack", "-adq")
	return dir
}

// blobMarks keeps the marks of blobs apart from those of commits.
const blobMarks = 10_000_000

// bigRecord is a document of 600 bytes.
func bigRecord(r *rand.Rand, id int) string {
	return fmt.Sprintf(`{
  "name": "Record %d",
  "summary": {
    "fi": "Yhteinen alusta kokoaa sisällöt %d",
    "sv": "En gemensam plattform %d"
  },
  "year": %d,
  "parts": [
    {"id": "a", "text": "%d"},
    {"id": "b", "text": "%d"}
  ],
  "padding": "%s"
}
`, id, r.IntN(1e6), r.IntN(1e6), r.IntN(100), r.IntN(1000), r.IntN(1000), strings.Repeat("text ", 60))
}

// timeGit is how long a git command takes, its start included.
func timeGit(tb testing.TB, dir string, args ...string) time.Duration {
	tb.Helper()
	best := time.Duration(0)
	for range 3 {
		began := time.Now()
		runGit(tb, dir, "", args...)
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
	}
	return best
}

var bigSizes = []int{2_000, 20_000}

const bigRecords = 5_000

// BenchmarkBuild reads a whole history into a new file, against 'git log --raw' of the
// same.
func BenchmarkBuild(b *testing.B) {
	for _, commits := range bigSizes {
		b.Run(fmt.Sprint(commits), func(b *testing.B) {
			dir := bigWorld(b, commits, bigRecords)
			git := timeGit(b, dir, "log", "--raw", "main")
			view := viewOf(b, openRepo(b, dir), "main")
			runtime.GC() // what made the history
			peak := watchHeap(b)
			for b.Loop() {
				repo, err := gitrepo.Open(dir, gitrepo.Config{})
				if err != nil {
					b.Fatal(err)
				}
				x := Open(Config{Repo: repo, Dir: b.TempDir(), Model: "schema/model.json"})
				past(b, x, view)
				_ = x.Close()
				_ = repo.Close()
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/git.Seconds(), "x-git-log-raw")
			b.ReportMetric(peak(), "peak-MB")
		})
	}
}

// watchHeap samples what is in use; the function it returns gives the most, in MB.
func watchHeap(b *testing.B) func() float64 {
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		top := uint64(0)
		for {
			select {
			case <-done:
				most <- top
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapInuse)
			}
		}
	}()
	return func() float64 { close(done); return float64(<-most) / 1e6 }
}

// BenchmarkExtend reads one commit more.
func BenchmarkExtend(b *testing.B) {
	for _, commits := range bigSizes {
		b.Run(fmt.Sprint(commits), func(b *testing.B) {
			dir := bigWorld(b, commits, bigRecords)
			repo := openRepo(b, dir)
			x := Open(Config{Repo: repo, Dir: b.TempDir(), Model: "schema/model.json"})
			defer x.Close()
			past(b, x, viewOf(b, repo, "main"))
			n := 0
			for b.Loop() {
				b.StopTimer()
				n++
				text := fmt.Sprintf(`{"name": "New %d"}`, n)
				message := fmt.Sprintf("Edit once more %d", n)
				runGit(b, dir, fmt.Sprintf("commit refs/heads/main\ncommitter Aino <aino@example.org> %d +0200\ndata %d\n%s\nfrom refs/heads/main^0\nM 100644 inline records/things/r00000.json\ndata %d\n%s\n",
					1_600_000_000+n, len(message), message, len(text), text), "fast-import", "--quiet")
				view := viewOf(b, repo, "main")
				b.StartTimer()
				past(b, x, view)
			}
		})
	}
}

// BenchmarkRecord lists all changes of one record, against 'git log -- path' of the same
// repository without and with the Bloom filters of its commit-graph. Warm is a past at
// hand; cold opens the repository and the file.
func BenchmarkRecord(b *testing.B) {
	for _, commits := range bigSizes {
		dir, cache := bigWorld(b, commits, bigRecords), b.TempDir()
		x, p := open(b, dir, cache)
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
		ref := content.Ref{Collection: "things", ID: "r00038"}
		list := func(b *testing.B, p *Past) {
			page, err := p.Changes(b.Context(), content.ChangeQuery{Record: &ref})
			if err != nil || len(page.Changes) == 0 {
				b.Fatal(len(page.Changes), err)
			}
		}
		plain := timeGit(b, dir, "log", "main", "--", "records/things/r00038.json")
		runGit(b, dir, "", "commit-graph", "write", "--reachable", "--changed-paths")
		bloom := timeGit(b, dir, "log", "main", "--", "records/things/r00038.json")
		report := func(b *testing.B) {
			each := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(plain.Seconds()/each, "times-faster-than-git-log")
			b.ReportMetric(bloom.Seconds()/each, "times-faster-than-bloom")
		}
		b.Run(fmt.Sprintf("warm/%d", commits), func(b *testing.B) {
			for b.Loop() {
				list(b, p)
			}
			report(b)
		})
		view := p.view
		b.Run(fmt.Sprintf("cold/%d", commits), func(b *testing.B) {
			for b.Loop() {
				x := Open(Config{Repo: openRepo(b, dir), Dir: cache, Model: "schema/model.json"})
				list(b, past(b, x, view))
				_ = x.Close()
			}
			report(b)
		})
	}
}
