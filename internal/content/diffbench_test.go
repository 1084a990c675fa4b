package content

import (
	"fmt"
	"strings"
	"testing"
)

// benchDocuments are two versions of a record of 2 kB that differ in one value.
func benchDocuments(t testing.TB) (before, after *Value) {
	var rows []string
	for i := range 12 {
		rows = append(rows, fmt.Sprintf(`{"id": "kunta-%d", "role": "lead", "grant": %d.5, "shares": {"own": %d, "state": 80}}`, i, 12000+i, i))
	}
	source := `{"name": {"fi": "Tiedolla johtaminen kunnissa", "sv": "Ledarskap med kunskap"}, "ordinal": 7, "themes": ["tieto", "johtaminen", "talous"],
		"summary": {"fi": "` + strings.Repeat("Hankkeessa kootaan kuntien tiedot yhteen. ", 8) + `"}, "people": [` + strings.Join(rows, ", ") + `],
		"started": "2020-01-01", "ended": "2021-11-30", "status": "ended", "links": [{"url": "https://example.org/a"}, {"url": "https://example.org/b"}]}`
	return parsed(t, source), parsed(t, strings.Replace(source, "12007.5", "13000", 1))
}

func BenchmarkDiff(b *testing.B) {
	before, after := benchDocuments(b)
	moved := parsed(b, strings.Replace(string(after.AppendJSON(nil)), `"ordinal":7,`, "", 1))
	d := NewDiffer(described())
	for _, bench := range []struct {
		name          string
		before, after *Value
		changes       int
	}{{"same", before, before, 0}, {"one change", before, after, 1}, {"two changes", before, moved, 2}, {"created", nil, after, 9}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := len(d.Diff(bench.before, bench.after)); got != bench.changes {
					b.Fatal(got)
				}
			}
		})
	}
}

func BenchmarkTrace(b *testing.B) {
	before, after := benchDocuments(b)
	d := NewDiffer(described())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := d.Trace(before, after, "/people/7/shares/own"); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkSimilarity(b *testing.B) {
	before, after := benchDocuments(b)
	d := NewDiffer(described())
	b.ReportAllocs()
	for b.Loop() {
		if s := d.Similarity(before, after); s < 0.9 || s == 1 {
			b.Fatal(s)
		}
	}
}
