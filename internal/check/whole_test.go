package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// manyRecords is n projects with five references each to a hundred themes, an
// ordinal that only one may have, and an attachment; nothing is wrong.
func manyRecords(t testing.TB, n int) (*Checker, *content.Snapshot) {
	t.Helper()
	return manyOf(t, n, func(i int) string {
		return fmt.Sprintf(`{"themes": ["theme-%d", "theme-%d", "theme-%d", "theme-%d"], "lead": "theme-%d", "ordinal": %d, "file": "%d.pdf"}`,
			i%100, (i+1)%100, (i+2)%100, (i+3)%100, (i+7)%100, i, i%50)
	})
}

func manyOf(t testing.TB, n int, record func(int) string) (*Checker, *content.Snapshot) {
	t.Helper()
	m, problems := ReadModel("model.json", `{"collections": [
		{"name": "projects", "type": "Project", "schema": "s.json", "path": "projects/{id}.json",
			"references": {"/themes/*": {"collection": "themes"}, "/lead": {"collection": "themes"}}, "unique": ["/ordinal"], "files": {"/file": "files"}},
		{"name": "themes", "type": "Theme", "schema": "s.json", "path": "themes/{id}.json"}]}`)
	if m == nil {
		t.Fatal(listing(problems))
	}
	c, _ := NewChecker(m, nil)
	add := func(collection content.CollectionName, id, source string) *content.Record {
		root, err := content.Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		return &content.Record{Ref: content.Ref{Collection: collection, ID: content.ID(id)}, Path: string(collection) + "/" + id + ".json",
			Document: &content.Document{Source: source, Root: root}, Valid: true}
	}
	records := map[content.CollectionName][]*content.Record{}
	var files []content.File
	for i := range n {
		records["projects"] = append(records["projects"], add("projects", fmt.Sprintf("project-%d", i), record(i)))
	}
	for i := range 100 {
		records["themes"] = append(records["themes"], add("themes", fmt.Sprintf("theme-%d", i), "{}"))
		files = append(files, content.File{Path: fmt.Sprintf("files/%d.pdf", i)})
	}
	return c, content.NewSnapshot(nil, records, files)
}

func TestNothingWrong(t *testing.T) {
	c, s := manyRecords(t, 200)
	if problems := c.Whole(s); problems != nil {
		t.Error(listing(problems))
	}
	if problems := c.Whole(content.NewSnapshot(nil, nil, nil)); problems != nil {
		t.Error(listing(problems))
	}
}

// The text of a stale record is not that of its file, so nothing in it has a place.
func TestStaleRecordsHaveNoPlaces(t *testing.T) {
	c, s := manyOf(t, 1, func(int) string { return `{"lead": "nobody"}` })
	r := *s.Record(content.Ref{Collection: "projects", ID: "project-0"})
	if got := brief(c.Whole(s)); got != "1:10 /lead reference/missing\n" {
		t.Errorf("got %s", got)
	}
	r.Stale = true
	s = content.NewSnapshot(nil, map[content.CollectionName][]*content.Record{"projects": {&r}}, nil)
	if got := brief(c.Whole(s)); got != "0:0  reference/missing\n" {
		t.Errorf("got %s", got)
	}
}

// A reference of another type is left to the schema where that has spoken already.
func TestReferencesThatAreNoIds(t *testing.T) {
	c, s := manyOf(t, 1, func(int) string { return `{"lead": {"id": "x"}, "themes": [null, "", true]}` })
	want := "1:10 /lead reference/no-id\n1:40 /themes/1 reference/no-id\n1:44 /themes/2 reference/no-id\n"
	if got := brief(c.Whole(s)); got != want {
		t.Errorf("got %s", got)
	}
	r := *s.Record(content.Ref{Collection: "projects", ID: "project-0"})
	r.Valid = false
	s = content.NewSnapshot(nil, map[content.CollectionName][]*content.Record{"projects": {&r}}, nil)
	if got := brief(c.Whole(s)); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestAttachments(t *testing.T) {
	tests := map[string]string{
		"1.pdf": "", "": "", "x.pdf": "file/missing", "../files/1.pdf": "file/outside", "/files/1.pdf": "file/outside", "./1.pdf": "file/outside",
		"a/../1.pdf": "file/outside", "..": "file/outside", ".": "file/outside", "a\\b": "file/outside", "a/1.pdf": "file/missing", "1.pdf/": "file/outside",
	}
	for name, want := range tests {
		c, s := manyOf(t, 1, func(int) string { return fmt.Sprintf(`{"file": %q}`, name) })
		if got := strings.Join(rules(c.Whole(s)), " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// Equal values are the same however they are written.
func TestUniqueValues(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{`1`, `1.0`, true}, {`1`, `"1"`, false}, {`null`, `null`, false}, {`"a"`, `"a"`, true}, {`1e2`, `100`, true}, {`true`, `true`, true},
		{`{"a": 1, "b": [2]}`, `{"b": [2.0], "a": 1}`, true}, {`[1, 2]`, `[2, 1]`, false}, {`"j1"`, `1`, false}, {`[]`, `{}`, false},
	}
	for _, test := range tests {
		c, s := manyOf(t, 2, func(i int) string { return fmt.Sprintf(`{"ordinal": %s}`, []string{test.a, test.b}[i]) })
		if got := len(c.Whole(s)) == 2; got != test.same {
			t.Errorf("%s and %s: same is %v", test.a, test.b, got)
		}
	}
}

// When everything is wrong it still ends soon, and every record is told.
func TestEverythingWrong(t *testing.T) {
	c, s := manyOf(t, 500, func(i int) string {
		return fmt.Sprintf(`{"themes": [%s], "lead": "theem-%d", "ordinal": 1, "file": "no-%d"}`, strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`"x%d",`, i), 60), ","), i, i)
	})
	started := time.Now()
	problems := c.Whole(s)
	if took := time.Since(started); took > time.Minute {
		t.Errorf("took %v", took)
	}
	perRecord := map[content.ID]int{}
	for _, p := range problems {
		perRecord[p.ID]++
	}
	if len(perRecord) != 500 || perRecord["project-7"] != MaxProblems {
		t.Errorf("%d records have problems, project-7 has %d", len(perRecord), perRecord["project-7"])
	}
	if again := c.Whole(s); !cmp.Equal(problems, again) {
		t.Error("the second time it is another list")
	}
}

func benchmarkWhole(b *testing.B, n int) {
	c, s := manyRecords(b, n)
	for b.Loop() {
		if problems := c.Whole(s); problems != nil {
			b.Fatal(listing(problems))
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkWhole1k(b *testing.B)  { benchmarkWhole(b, 1000) }
func BenchmarkWhole10k(b *testing.B) { benchmarkWhole(b, 10_000) }
