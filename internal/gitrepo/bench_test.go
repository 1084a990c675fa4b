package gitrepo

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// large is a repository of n files of about 2 kB in 20 folders, and two
// versions of each, packed.
func large(b *testing.B, n int) *git {
	g := newGit(b)
	for version := range 2 {
		var s strings.Builder
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter Eero <eero@example.org> %d +0200\ndata 1\nx\n", 1600000000+version)
		if version > 0 {
			s.WriteString("from refs/heads/main^0\n")
		}
		for i := range n {
			var text strings.Builder
			for line := range 30 {
				fmt.Fprintf(&text, "  \"field%d\": \"value %d of record %d\",\n", line, (line*7919+i*104729)%100000, i)
			}
			fmt.Fprintf(&text, "version %d", version)
			fmt.Fprintf(&s, "M 644 inline records/c%d/%06d.json\ndata %d\n%s\n", i%20, i, text.Len(), text.String())
		}
		g.feed(s.String(), "fast-import", "--quiet")
	}
	g.run("repack", "-a", "-d", "-f", "-q")
	return g
}

// BenchmarkReadTree reads all blobs of a tree; vs-git is the time of git
// cat-file --batch on the same names in the same run, start of the process
// included, over ours: more is better.
func BenchmarkReadTree(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		g := large(b, n)
		head := g.hash("main")
		var names strings.Builder
		for _, line := range g.lines("ls-tree", "-r", "--format=%(objectname)", "main") {
			names.WriteString(line + "\n")
		}
		warm := g.open()
		for _, bench := range []struct {
			name    string
			workers int
			open    func() *Repo
		}{
			{"cold", 1, func() *Repo { return must(Open(g.dir, Config{})) }},
			{"cold-all-cores", runtime.GOMAXPROCS(0), func() *Repo { return must(Open(g.dir, Config{})) }},
			{"warm", 1, func() *Repo { return warm }},
		} {
			b.Run(fmt.Sprintf("files=%d/%s", n, bench.name), func(b *testing.B) {
				if bench.open() == warm {
					readBlobs(b, warm, head, 1) // once before
				}
				var ours, gits time.Duration
				b.ReportAllocs()
				for b.Loop() {
					started := time.Now()
					r := bench.open()
					if got := readBlobs(b, r, head, bench.workers); got != n {
						b.Fatalf("%d blobs", got)
					}
					if r != warm {
						r.Close()
					}
					ours += time.Since(started)
					b.StopTimer()
					started = time.Now()
					c := g.cmd("cat-file", "--batch", "--buffer")
					c.Stdin = strings.NewReader(names.String())
					var out bytes.Buffer
					c.Stdout = &out
					if err := c.Run(); err != nil {
						b.Fatal(err)
					}
					gits += time.Since(started)
					b.StartTimer()
				}
				b.ReportMetric(float64(gits)/float64(ours), "vs-git")
				b.ReportMetric(float64(n)*float64(b.N)/ours.Seconds(), "blobs/s")
			})
		}
	}
}

func readBlobs(b *testing.B, r *Repo, head Hash, workers int) int {
	tree := r.treeOf(b, head)
	var hashes []Hash
	var walk func(Hash)
	walk = func(h Hash) {
		for _, e := range must(r.Tree(background, h)) {
			if e.Mode == Folder {
				walk(e.Hash)
			} else {
				hashes = append(hashes, e.Hash)
			}
		}
	}
	walk(tree)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(hashes); i += workers {
				if _, err := r.Blob(background, hashes[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return len(hashes)
}

// BenchmarkWalk reads the line of first parents; vs-git is git rev-list over ours.
func BenchmarkWalk(b *testing.B) {
	for _, n := range []int{1_000, 20_000} {
		b.Run(fmt.Sprintf("commits=%d", n), func(b *testing.B) {
			g := newGit(b)
			g.commits("main", n, 1600000000)
			g.run("repack", "-a", "-d", "-q")
			head := g.hash("main")
			var ours, gits time.Duration
			for b.Loop() {
				started := time.Now()
				r := must(Open(g.dir, Config{}))
				count := 0
				for _, err := range r.FirstParents(background, head) {
					if count++; err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
				ours += time.Since(started)
				b.StopTimer()
				started = time.Now()
				if got := len(g.lines("log", "--first-parent", "--format=%H %an %ae %ct %s", "main")); got != count {
					b.Fatalf("%d, git %d", count, got)
				}
				gits += time.Since(started)
				b.StartTimer()
			}
			b.ReportMetric(float64(gits)/float64(ours), "vs-git")
			b.ReportMetric(float64(n)*float64(b.N)/ours.Seconds(), "commits/s")
		})
	}
}

// BenchmarkResolve asks again and again for what is known.
func BenchmarkResolve(b *testing.B) {
	g := newGit(b)
	g.commits("main", 20_000, 1600000000)
	for i := range 200 {
		g.run("branch", fmt.Sprintf("topic/%d", i), "main")
	}
	g.run("repack", "-a", "-d", "-q")
	head, old := g.hash("main"), g.hash("main~15000")
	for _, packed := range []bool{false, true} {
		if packed {
			g.run("pack-refs", "--all")
			time.Sleep(restTime)
		}
		r := g.open()
		for name, rev := range map[string]string{
			"branch": "topic/7", "hash": string(old), "short": string(old[:9]), "time": "2020-09-14", "ancestor": "main~100",
		} {
			b.Run(fmt.Sprintf("packed-refs=%v/%s", packed, name), func(b *testing.B) {
				must(r.Resolve(background, rev, head))
				b.ReportAllocs()
				for b.Loop() {
					must(r.Resolve(background, rev, head))
				}
			})
		}
	}
}

// BenchmarkClean converts the line endings of 10,000 files in 100 folders.
func BenchmarkClean(b *testing.B) {
	g := newGit(b)
	g.write(".gitattributes", "*.json text=auto\n*.png binary\nfiles/** -text\n")
	g.commit("a.json", "1")
	r := g.open()
	data := []byte(strings.Repeat("  \"field\": \"value\",\r\n", 100))
	for name, data := range map[string][]byte{"crlf": data, "lf": bytes.ReplaceAll(data, []byte("\r"), nil)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				a := must(r.Attributes(background))
				for i := range 10_000 {
					a.Clean(fmt.Sprintf("records/c%d/%d.json", i%100, i), data)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/file")
		})
	}
}

// edited is a history of n commits, each of which edits one of 5,000 files that
// lie in folders of so many, packed.
func edited(b *testing.B, n, perFolder int) *git {
	const files = 5000
	g := newGit(b)
	var s strings.Builder
	write := func(i, version int) {
		text := strings.Repeat(fmt.Sprintf("{\"record\": %d}\n", i), 20) + fmt.Sprint(version)
		fmt.Fprintf(&s, "M 644 inline records/c%03d/%06d-name-of-it.json\ndata %d\n%s\n", i/perFolder, i, len(text), text)
	}
	for version := range n {
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter Eero <eero@example.org> %d +0200\ndata 4\nedit\n", 1600000000+60*version)
		for i := range files {
			if version == 0 || i == version*7919%files {
				write(i, version)
			}
		}
	}
	g.feed(s.String(), "fast-import", "--quiet")
	g.run("repack", "-a", "-d", "-f", "-q")
	return g
}

// BenchmarkCompare finds what each commit changed; vs-git is the time of git log
// --raw, start of the process included, over ours: more is better.
func BenchmarkCompare(b *testing.B) {
	const commits = 2000
	for _, perFolder := range []int{50, 1000} {
		b.Run(fmt.Sprintf("commits=%d/folders-of=%d", commits, perFolder), func(b *testing.B) {
			g := edited(b, commits, perFolder)
			head := g.hash("main")
			var ours, gits time.Duration
			b.ReportAllocs()
			for b.Loop() {
				started := time.Now()
				r := must(Open(g.dir, Config{}))
				got := changesOf(b, r, head)
				r.Close()
				ours += time.Since(started)
				b.StopTimer()
				started = time.Now()
				out := g.run("log", "--raw", "--no-abbrev", "--format=%H %an %ae %ct %s", "--root", "main")
				gits += time.Since(started)
				if want := strings.Count(out, "\n:"); got != want {
					b.Fatalf("%d changes, git %d", got, want)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(gits)/float64(ours), "vs-git")
			b.ReportMetric(commits*float64(b.N)/ours.Seconds(), "commits/s")
		})
	}
}

// changesOf counts the files that commits changed, from a head on down.
func changesOf(b *testing.B, r *Repo, head Hash) (count int) {
	next := must(r.Commit(background, head))
	for c, err := range r.Walk(background, next.Parents, nil) {
		if err != nil {
			b.Fatal(err)
		}
		count += len(must(r.Compare(background, next.Tree, []Hash{c.Tree}, nil, nil)))
		next = c
	}
	return count + len(must(r.Compare(background, next.Tree, []Hash{""}, nil, nil)))
}
