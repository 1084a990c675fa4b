package local

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/gitrepo"
)

// manyProposals makes n proposals with ten events each, packed as a clone has them.
func manyProposals(b *testing.B, n int) string {
	b.Helper()
	dir := newBare(b)
	var s strings.Builder
	for i := 1; i <= n; i++ {
		at := 1_700_000_000 + i*100
		fmt.Fprintf(&s, "commit refs/heads/proposals/%d\nmark :%d\ncommitter Aino <aino@example.org> %d +0200\ndata 1\nx\nfrom refs/heads/main^0\nM 644 inline file%[1]d\ndata 1\nx\n", i, i, at)
		for e := range 10 {
			text := fmt.Sprintf("{\n  \"version\": 1,\n  \"kind\": \"COMMENTED\",\n  \"identity\": \"TOKEN\",\n  \"text\": \"What about %d in %d?\"\n}\n", e, i)
			switch {
			case e == 0:
				text = fmt.Sprintf(opening, i)
			case e%4 == 0:
				text = `{"version": 1, "kind": "APPROVED", "identity": "TOKEN"}`
			}
			fmt.Fprintf(&s, "commit refs/koonti/proposals/%d\ncommitter Eero%d <eero@example.org> %d +0200\ndata 10\nsubject %d\n", i, e, at+e, e)
			if e == 0 {
				fmt.Fprintf(&s, "from :%d\nD file\nD file%[1]d\n", i)
			}
			fmt.Fprintf(&s, "M 644 inline event.json\ndata %d\n%s\n", len(text), text)
		}
	}
	if out, err := tryGit(dir, s.String(), "fast-import", "--quiet"); err != nil {
		b.Fatal(out)
	}
	git(b, dir, "gc", "-q")
	return dir
}

// BenchmarkList is the reading of 2,000 proposals with ten events each: cold by a new
// process, against `git log -p`, which reads the same events; warm from memory; and a Sync
// that finds nothing new.
func BenchmarkList(b *testing.B) {
	const n = 2_000
	dir := manyProposals(b, n)
	began := time.Now()
	git(b, dir, "log", "-p", "--format=%an %ae %at", "--glob=refs/koonti/proposals/*", "--", "event.json")
	log := time.Since(began)
	list := func(b *testing.B, f *Forge) {
		b.Helper()
		all, err := f.List(context.Background())
		if err != nil || len(all) != n || len(all[0].Events) != 10 {
			b.Fatalf("%d proposals, %v", len(all), err)
		}
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			r, err := gitrepo.Open(dir, gitrepo.Config{})
			if err != nil {
				b.Fatal(err)
			}
			list(b, New(Config{Repo: r}))
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/log.Seconds(), "x-git-log-p")
	})
	f := New(Config{Repo: openRepo(b, dir)})
	list(b, f)
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			list(b, f)
		}
		b.ReportMetric(log.Seconds()/(b.Elapsed().Seconds()/float64(b.N)), "times-faster-than-git-log-p")
	})
	b.Run("sync", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Sync(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/log.Seconds(), "x-git-log-p")
	})
}
