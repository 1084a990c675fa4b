package catalog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// many makes a committed work tree of n things, 20 to a kind.
func many(b *testing.B, n int) *work {
	w := newWork(b)
	for i := range n {
		w.write(fmt.Sprintf("things/t%d.json", i), fmt.Sprintf(`{"name": "Thing %d", "kind": "k%d", "number": %d}`, i, i%(n/20+1), i))
		if i%20 == 0 {
			w.write(fmt.Sprintf("kinds/k%d.json", i/20), `{"name": "Kind"}`)
		}
	}
	w.commit("many")
	return w
}

// BenchmarkOpen is a cold start; read-ratio is its time over that of only listing
// and reading the same files, so it says what all the checking costs.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(n, " records"), func(b *testing.B) {
			w := many(b, n)
			repo, err := gitrepo.Open(w.dir, gitrepo.Config{})
			if err != nil {
				b.Fatal(err)
			}
			defer repo.Close()
			started := time.Now()
			readAll(b, w)
			reading := float64(time.Since(started).Nanoseconds())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(context.Background(), Config{Repo: repo}); err != nil {
					b.Fatal(err)
				}
			}
			perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(perOp/reading, "read-ratio")
			b.ReportMetric(float64(n)*1e9/perOp, "records/s")
		})
	}
}

func readAll(b *testing.B, w *work) {
	for _, folder := range []string{"things", "kinds"} {
		entries, err := os.ReadDir(w.path(folder))
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(w.path(folder), e.Name()))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := content.Parse(string(text)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkReload is what one saved file costs, and what a poll that finds nothing
// costs.
func BenchmarkReload(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for _, saved := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d records, saved %v", n, saved), func(b *testing.B) {
				w := many(b, n)
				repo, err := gitrepo.Open(w.dir, gitrepo.Config{})
				if err != nil {
					b.Fatal(err)
				}
				defer repo.Close()
				c, err := Open(context.Background(), Config{Repo: repo})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if saved {
						w.write("things/t7.json", fmt.Sprintf(`{"name": "Saved %d", "number": 7}`, i))
					}
					if changed, err := c.Reload(context.Background()); err != nil || changed != saved {
						b.Fatal(changed, err)
					}
				}
			})
		}
	}
}
