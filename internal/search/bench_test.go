package search

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// synthetic is a view of n notes of some 120 words each, from the words of the real
// content and compounds of them, the commonest words in most records.
func synthetic(t testing.TB, n int) *content.View {
	t.Helper()
	seen := map[string]bool{}
	for name, text := range digest(t) {
		if !strings.HasPrefix(name, "schema/") {
			for _, tok := range tokens(text) {
				seen[tok.word] = true
			}
		}
	}
	words := slices.Sorted(maps.Keys(seen))
	random := rand.New(rand.NewPCG(1, 2))
	sentence := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = words[int(float64(len(words))*random.Float64()*random.Float64()*random.Float64())]
			if random.IntN(8) == 0 {
				list[i] += words[random.IntN(len(words))]
			}
		}
		return strings.Join(list, " ")
	}
	records := map[string]string{}
	for i := range n {
		records[fmt.Sprintf("n%06d", i)] = note("fi", sentence(4), sentence(116))
	}
	return notes(records).view(t)
}

var sizes = []int{1000, 10000}

func BenchmarkIndex(b *testing.B) {
	for _, n := range sizes {
		v := synthetic(b, n)
		bytes := 0
		for r := range v.Snapshot.Set("notes").All() {
			bytes += len(r.Source)
		}
		b.Run(fmt.Sprintf("%d/cold", n), func(b *testing.B) {
			b.SetBytes(int64(bytes))
			for range b.N {
				x := openIndex(b, b.TempDir())
				ensure(b, x, v)
				_ = x.Close()
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
		b.Run(fmt.Sprintf("%d/warm", n), func(b *testing.B) {
			dir := b.TempDir()
			x := openIndex(b, dir)
			ensure(b, x, v)
			_ = x.Close()
			b.ResetTimer()
			for range b.N {
				x := openIndex(b, dir)
				ensure(b, x, v)
				_ = x.Close()
			}
		})
	}
}

// BenchmarkFirstSearch is the first search after a start, on an index that is there.
func BenchmarkFirstSearch(b *testing.B) {
	for _, n := range sizes {
		v, dir := synthetic(b, n), b.TempDir()
		x := openIndex(b, dir)
		ensure(b, x, v)
		_ = x.Close()
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				x := openIndex(b, dir)
				find(b, x, v, Query{Text: "kuopio"})
				_ = x.Close()
			}
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	queries := map[string]string{
		"rare": "kuopio", "common": "kunta", "part": "strategia", "prefix": "digi", "three": "digitaalisten palvelujen kehittäminen", "typo": "kuopoi", "nothing": "xyzzy",
	}
	for _, n := range sizes {
		v := synthetic(b, n)
		x := openIndex(b, b.TempDir())
		ensure(b, x, v)
		b.Run(fmt.Sprintf("%d/new-view", n), func(b *testing.B) {
			for range b.N {
				x.layouts.Purge()
				find(b, x, v, Query{Text: "kuopio"})
			}
		})
		for _, name := range slices.Sorted(maps.Keys(queries)) {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				start := time.Now()
				hits, _ := x.Search(context.Background(), v, Query{Text: queries[name], Language: "fi"})
				first := time.Since(start)
				for range b.N {
					_, _ = x.Search(context.Background(), v, Query{Text: queries[name], Language: "fi"})
				}
				b.ReportMetric(float64(len(hits)), "hits")
				b.ReportMetric(float64(first.Microseconds()), "first-µs")
			})
		}
	}
}

func BenchmarkHighlights(b *testing.B) {
	v := synthetic(b, 100)
	x := openIndex(b, "")
	for b.Loop() {
		for r := range v.Snapshot.Set("notes").All() {
			_, _ = x.Highlights(context.Background(), v, r, Query{Text: "kunnan strategia"})
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/100, "µs/record")
}
