package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// BenchmarkServing is the time of one answer over HTTP on loopback: 100 projects
// with their themes and participants, from this project's own records. static-ratio
// is that time over that of a handler which writes the same bytes, in the same run.
func BenchmarkServing(b *testing.B) {
	r := start(b, "--repo", copyOfThisRepository(b))
	address := func(i int) string {
		return "/graphql?" + url.Values{"query": {fmt.Sprintf("query q%d %s", i, doneQuery)}}.Encode()
	}
	_, body := r.get(address(0))
	static := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	}))
	defer static.Close()
	const rounds = 500
	started := time.Now()
	for range rounds {
		fetch(b, static.URL)
	}
	base := float64(time.Since(started).Nanoseconds()) / rounds
	for _, test := range []struct {
		name string
		path func(i int) string
	}{
		{"cold: a query text never seen", address},
		{"warm: the same query", func(int) string { return address(0) }},
	} {
		b.Run(test.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				fetch(b, r.url+test.path(b.N*1000000+i))
			}
			perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(perOp/base, "static-ratio")
			b.ReportMetric(40*1e9/perOp, "records/s")
		})
	}
}

func fetch(b *testing.B, address string) {
	response, err := http.Get(address)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		b.Fatal(response.Status, err)
	}
	response.Body.Close()
}
