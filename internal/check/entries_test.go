package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

func TestEntries(t *testing.T) {
	m, _ := ReadModel("model.json", `{"collections": [
		{"name": "things", "type": "Thing", "schema": "s.json", "path": "things/{id}.json"},
		{"name": "others", "type": "Other", "schema": "s.json", "path": "others/*/{id}.json"}]}`)
	type located struct {
		Ref   string
		Index int
	}
	tests := []struct {
		name     string
		entries  []Entry
		want     []located
		problems []string // path and rule
	}{
		{"records, by path", []Entry{{Path: "things/b.json"}, {Path: "others/x/a.json"}, {Path: "things/a.json"}},
			[]located{{"others/a", 1}, {"things/a", 2}, {"things/b", 0}}, nil},
		{"files that lie elsewhere", []Entry{{Path: "things/a.txt"}, {Path: "things/x/a.json"}, {Path: "README.md", Kind: Symlink}, {Path: "things/.json"}}, nil, nil},
		{"a link is no record", []Entry{{Path: "things/a.json", Kind: Symlink}}, nil, []string{"things/a.json entry/symlink"}},
		{"nor is a submodule", []Entry{{Path: "things/a.json", Kind: Submodule}}, nil, []string{"things/a.json entry/submodule"}},
		{"nor is a folder", []Entry{{Path: "things/a.json", Kind: Other}}, nil, []string{"things/a.json entry/other"}},
		{"a link does not take an id", []Entry{{Path: "others/a/x.json", Kind: Symlink}, {Path: "others/b/x.json"}},
			[]located{{"others/x", 1}}, []string{"others/a/x.json entry/symlink"}},
		{"ids that cannot be read", []Entry{{Path: "things/a\tb.json"}, {Path: "things/\xff.json"}, {Path: "things/a\u0085.json"}, {Path: "things/..json"}, {Path: "things/ä ö.json"}},
			[]located{{"things/ä ö", 4}}, []string{"things/..json id/unreadable", "things/a\tb.json id/unreadable", "things/a\u0085.json id/unreadable", "things/\xff.json id/unreadable"}},
		{"the first of an id by path", []Entry{{Path: "others/b/x.json"}, {Path: "others/c/x.json"}, {Path: "others/a/x.json"}},
			[]located{{"others/x", 2}}, []string{"others/b/x.json id/duplicate", "others/c/x.json id/duplicate"}},
		{"one id in two collections", []Entry{{Path: "others/a/x.json"}, {Path: "things/x.json"}, {Path: "things/X1.json"}},
			[]located{{"others/x", 0}, {"things/X1", 2}, {"things/x", 1}}, nil},
		{"ids that case tells apart", []Entry{{Path: "things/Å.json"}, {Path: "things/å.json"}, {Path: "things/straße.json"}, {Path: "things/STRASSE.json"}},
			[]located{{"things/STRASSE", 3}, {"things/straße", 2}, {"things/Å", 0}, {"things/å", 1}},
			[]string{"things/STRASSE.json id/confusable", "things/straße.json id/confusable", "things/Å.json id/confusable", "things/å.json id/confusable"}},
		{"ids that the encoding of accents tells apart", []Entry{{Path: "things/\u00e4.json"}, {Path: "things/a\u0308.json"}},
			[]located{{"things/a\u0308", 1}, {"things/\u00e4", 0}}, []string{"things/a\u0308.json id/confusable", "things/\u00e4.json id/confusable"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, problems := Entries(m, test.entries)
			var list []located
			for _, l := range got {
				if test.entries[l.Index].Path != l.Path {
					t.Errorf("index %d is not %q", l.Index, l.Path)
				}
				list = append(list, located{l.Ref.String(), l.Index})
			}
			var said []string
			for _, p := range problems {
				said = append(said, p.Path+" "+p.Rule)
				if p.Collection == "" || p.ID == "" {
					t.Errorf("%s names no record", p.Path)
				}
			}
			if diff := cmp.Diff(test.want, list) + cmp.Diff(test.problems, said); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func BenchmarkEntries10k(b *testing.B) {
	m, snapshot := manyRecords(b, 10_000)
	var entries []Entry
	for r := range snapshot.Set("projects").All() {
		entries = append(entries, Entry{Path: r.Path})
	}
	for b.Loop() {
		if located, problems := Entries(m.Model(), entries); len(located) != 10_000 || problems != nil {
			b.Fatal(len(located), problems)
		}
	}
	b.ReportMetric(float64(b.N*len(entries))/b.Elapsed().Seconds(), "records/s")
}

func TestHelpers(t *testing.T) {
	ref := content.Ref{Collection: "things", ID: "a"}
	if p := TooLarge(ref, "things/a.json"); p.Rule != "json/too-large" || p.Collection != "things" || p.ID != "a" || p.Path != "things/a.json" || p.Line != 0 ||
		p.Messages["fi"] != "Tiedosto on liian suuri: enintään 1024 kilotavua." {
		t.Errorf("got %s", listing([]content.Problem{p}))
	}
	if p := ModelMissing("schema/model.json"); p.Rule != "model/missing" || p.Path != "schema/model.json" || p.Messages["sv"] != "Modellfilen 'schema/model.json' finns inte." {
		t.Errorf("got %s", listing([]content.Problem{p}))
	}
}

func TestWhatIsToldBesideRecords(t *testing.T) {
	for name, test := range map[string]struct {
		problem content.Problem
		want    string
	}{
		"a file in the wrong place": {Astray(Entry{Path: "things/sub/a.json"}), "things/sub/a.json entry/misplaced"},
		"a link to a folder":        {Astray(Entry{Path: "things", Kind: Symlink}), "things entry/symlink"},
		"Git is at work":            {HeldBack(), ".git/index.lock repository/held-back"},
		"a schema is broken":        {Unchecked("things", "thing.json", 3), "thing.json record/no-schema"},
	} {
		if got := test.problem.Path + " " + test.problem.Rule; got != test.want || test.problem.Messages["sv"] == "" {
			t.Errorf("%s: %s %q", name, got, test.problem.Messages)
		}
	}
}
