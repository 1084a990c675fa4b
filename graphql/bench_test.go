package graphql

import (
	"fmt"
	"os"
	"testing"

	"github.com/koonti/koonti/internal/content"
)

// benchmark answers one query over and over; records are those answered, or looked
// through, by one request.
func benchmark(b *testing.B, s *Schema, view *content.View, records int, query string, variables map[string]any) {
	b.Helper()
	request := Request{Query: query, Variables: variables}
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		response := s.Do(b.Context(), view, nil, request)
		if response.Failed {
			b.Fatalf("%s", response.Body)
		}
		size = len(response.Body)
	}
	b.ReportMetric(float64(records), "records/op")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
	b.ReportMetric(float64(size), "answer-B")
}

const benchQuery = `{ projects(first: 100) { totalCount nodes { id name themes { id name } participants { role municipality { name } } } } }`

func BenchmarkNestedList(b *testing.B) {
	model, _ := digestModel(b)
	view := bigView(b, model, 1000)
	b.Run("warm", func(b *testing.B) { benchmark(b, newSchema(b, model, Config{}), view, 100, benchQuery, nil) })
	b.Run("cold", func(b *testing.B) { // parsed and validated each time
		s := newSchema(b, model, Config{})
		b.ReportAllocs()
		for b.Loop() {
			s.documents.Purge()
			s.Do(b.Context(), view, nil, Request{Query: benchQuery})
		}
		b.ReportMetric(100, "records/op")
	})
}

func BenchmarkOneRecord(b *testing.B) {
	model, _ := digestModel(b)
	view := bigView(b, model, 1000)
	benchmark(b, newSchema(b, model, Config{}), view, 1, `query ($id: ID!) { project(id: $id) { id name lead { name } } }`, map[string]any{"id": "p00500"})
}

func BenchmarkIntrospection(b *testing.B) {
	model, _ := digestModel(b)
	query, err := os.ReadFile("testdata/introspection.graphql")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, newSchema(b, model, Config{}), bigView(b, model, 1), 1, string(query), nil)
}

func BenchmarkNewSchema(b *testing.B) {
	model, _ := digestModel(b)
	b.ReportAllocs()
	for b.Loop() {
		newSchema(b, model, Config{})
	}
}

// BenchmarkCollection filters and orders whole collections; cold makes the columns
// and inverses anew, as the first request of a view does.
func BenchmarkCollection(b *testing.B) {
	model, _ := digestModel(b)
	for _, n := range []int{1000, 10_000, 100_000} {
		if n > 10_000 && testing.Short() {
			continue
		}
		view := bigView(b, model, n)
		s := newSchema(b, model, Config{})
		for _, c := range []struct{ name, arguments string }{
			{"page", `first: 20`},
			{"text", `where: {name: {contains: "ÄÄKKÖSIN"}}`},
			{"number", `where: {grant: {gt: 50000}, public: {eq: true}}`},
			{"relation", `where: {participants: {some: {municipality: {population: {gt: 40000}}}}}`},
			{"order", `orderBy: {field: NAME}`},
			{"two-orders", `orderBy: [{field: PUBLIC, direction: DESC}, {field: GRANT}], where: {name: {contains: "9"}}`},
		} {
			query := fmt.Sprintf(`{ projects(%s) { totalCount nodes { id } } }`, c.arguments)
			b.Run(fmt.Sprintf("%s/%d/warm", c.name, n), func(b *testing.B) { benchmark(b, s, view, n, query, nil) })
			if c.name != "order" {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d/cold", c.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.columns.Purge()
					s.Do(b.Context(), view, nil, Request{Query: query})
				}
				b.ReportMetric(float64(n), "records/op")
			})
		}
	}
}

// BenchmarkFacets counts ten thousand records by five things, one of them through a
// reference, and leaves one filter out of account.
func BenchmarkFacets(b *testing.B) {
	model, _ := digestModel(b)
	view := bigView(b, model, 10_000)
	benchmark(b, newSchema(b, model, Config{}), view, 10_000, `{ projects(where: {public: {eq: true}}, first: 1) { totalCount
  a: facets(field: PARTICIPANTS_MUNICIPALITY) { value label count share } b: facets(field: PARTICIPANTS_ROLE) { value count }
  c: facets(field: THEMES) { value label count } d: facets(field: PUBLIC) { value count } e: facets(field: PARTICIPANTS_MUNICIPALITY_POPULATION) { value count } } }`, nil)
}
