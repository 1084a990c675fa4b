package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkSavedToVisible prints the time from the rename(2) that ends the saving of
// a file to the first HTTP answer that has the new value: p50 and p99, in ms. The
// quiet period of 20 ms is in it. ns/op counts the waiting between two saves too.
func BenchmarkSavedToVisible(b *testing.B) {
	for _, records := range []int{1000, 10000} {
		b.Run(fmt.Sprint(records, " records"), func(b *testing.B) {
			dir := b.TempDir()
			writeMany(b, dir, records)
			r := start(b, "--repo", dir)
			var times []time.Duration
			for i := 0; b.Loop(); i++ {
				times = append(times, savedToVisible(b, r, dir, i, records))
				time.Sleep(10 * time.Millisecond) // as people do, saves do not touch
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// writeMany makes a committed repository of records, 20 to a kind.
func writeMany(t testing.TB, dir string, records int) {
	t.Helper()
	save(t, filepath.Join(dir, "schema/model.json"), `{"languages": ["fi"], "collections": [
		{"name": "kinds", "type": "Kind", "schema": "schema/kind.json", "path": "kinds/{id}.json", "title": "/name"},
		{"name": "things", "type": "Thing", "schema": "schema/thing.json", "path": "things/{id}.json", "title": "/name",
		 "localized": ["/summary"], "unique": ["/number"], "references": {"/kinds/*": {"collection": "kinds", "inverse": "things"}}}]}`)
	save(t, filepath.Join(dir, "schema/kind.json"), `{"type": "object", "properties": {"name": {"type": "string"}}}`)
	save(t, filepath.Join(dir, "schema/thing.json"), `{"type": "object", "required": ["name"], "properties": {
		"name": {"type": "string", "minLength": 1}, "number": {"type": "integer"}, "summary": {"type": "object"},
		"kinds": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}}}`)
	for i := range records / 20 {
		save(t, filepath.Join(dir, fmt.Sprintf("kinds/k%d.json", i)), fmt.Sprintf(`{"name": "Kind %d"}`, i))
	}
	for i := range records - records/20 {
		save(t, thing(dir, i), thingText(i, "0", records))
	}
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "many")
}

func thing(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("things/t%d.json", i)) }

func thingText(i int, name string, records int) string {
	return fmt.Sprintf(`{"name": %q, "number": %d, "summary": {"fi": %q}, "kinds": ["k%d"]}`,
		name, i, strings.Repeat("Kunnat kehittävät palvelujaan yhdessä. ", 20), i%(records/20))
}

func savedToVisible(t testing.TB, r *running, dir string, i, records int) time.Duration {
	t.Helper()
	i %= records - records/20
	name := fmt.Sprintf("saved %d at %d", i, time.Now().UnixNano())
	save(t, thing(dir, i), thingText(i, name, records))
	saved := time.Now()
	for time.Since(saved) < 30*time.Second {
		var data struct{ Thing struct{ Name string } }
		r.query(`query($id: ID!) { thing(id: $id) { name } }`, map[string]any{"id": fmt.Sprintf("t%d", i)}, &data)
		if data.Thing.Name == name {
			return time.Since(saved)
		}
		time.Sleep(200 * time.Microsecond)
	}
	t.Fatalf("%q was not visible after 30 s", name)
	return 0
}
