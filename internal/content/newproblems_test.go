package content

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// problemsOf reads one problem a line: "path:line pointer rule fault".
func problemsOf(text string) []Problem {
	var list []Problem
	for line := range strings.Lines(text) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 4)
		if len(words) < 4 {
			continue
		}
		path, number, _ := strings.Cut(words[0], ":")
		list = append(list, Problem{Path: path, Line: len(number), Pointer: Pointer(words[1]), Rule: words[2], Fault: words[3]})
	}
	return list
}

func namesOf(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Path + " " + string(p.Pointer) + " " + p.Rule + " " + p.Fault + "\n")
	}
	return b.String()
}

func TestNewProblems(t *testing.T) {
	tests := []struct{ name, before, after, own, old string }{
		{"nothing", "", "", "", ""},
		{"all new", "", "a /x r f", "a /x r f\n", ""},
		{"mended", "a /x r f", "", "", ""},
		{"moved down", "a: /x r f", "a:::: /x r f", "", "a /x r f\n"},
		{"another file", "a /x r f", "b /x r f", "b /x r f\n", ""},
		{"another place", "a /x r f", "a /y r f", "a /y r f\n", ""},
		{"another rule", "a /x r f", "a /x s f", "a /x s f\n", ""},
		{"another fault", "a /x r f", "a /x r g", "a /x r g\n", ""},
		{"an item moved", "a /x/1 r f", "a /x/7 r f", "", "a /x/7 r f\n"},
		{"an item inside moved", "a /x/1/y r f", "a /x/7/y r f", "", "a /x/7/y r f\n"},
		{"an item beside it", "a /x/1 r f", "a /x/0 r f\na /x/1 r f", "a /x/0 r f\n", "a /x/1 r f\n"},
		{"an item copied", "a /x/1 r f", "a /x/2 r f\na /x/3 r f", "a /x/3 r f\n", "a /x/2 r f\n"},
		{"as often as before", "a /x/1 r f\na /x/2 r f", "a /x/2 r f\na /x/3 r f", "", "a /x/2 r f\na /x/3 r f\n"},
		{"one of two mended", "a /x/1 r f\na /x/2 r f", "a /x/9 r f", "", "a /x/9 r f\n"},
		{"in the order of after", "b /x r f", "a /z r f\nb /x r f\nb /y r f", "a /z r f\nb /y r f\n", "b /x r f\n"},
		{"a name of digits is no name of letters", "a /1 r f", "a /x r f", "a /x r f\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			own, old := NewProblems(problemsOf(test.before), problemsOf(test.after))
			if diff := cmp.Diff([]string{test.own, test.old}, []string{namesOf(own), namesOf(old)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProblemsWithoutAFaultAreKnownByTheirMessage(t *testing.T) {
	before := []Problem{{Path: "a", Rule: "r", Messages: map[Language]string{"en": "one"}}}
	after := []Problem{{Path: "a", Rule: "r", Messages: map[Language]string{"en": "one"}}, {Path: "a", Rule: "r", Messages: map[Language]string{"en": "two"}}}
	own, old := NewProblems(before, after)
	if len(own) != 1 || own[0].Message("en") != "two" || len(old) != 1 {
		t.Errorf("own %v, old %v", own, old)
	}
}

func TestInvalidated(t *testing.T) {
	record := func(collection, path, blob string, valid bool) *Record {
		return &Record{Ref: Ref{CollectionName(collection), ID(path)}, Path: path, Document: &Document{Blob: Hash(blob)}, Valid: valid}
	}
	snapshot := func(records ...*Record) *Snapshot {
		sets := map[CollectionName][]*Record{}
		for _, r := range records {
			sets[r.Collection] = append(sets[r.Collection], r)
		}
		return NewSnapshot(nil, sets, nil)
	}
	before := snapshot(
		record("a", "b", "1", true), record("a", "a", "1", true), record("a", "fine", "1", true), record("a", "edited", "1", true),
		record("a", "was", "1", false), record("a", "gone", "1", true), record("a", "moved", "1", true),
	)
	after := snapshot(
		record("a", "b", "1", false), record("a", "a", "1", false), record("a", "fine", "1", true), record("a", "edited", "2", false),
		record("a", "was", "1", false), record("a", "fresh", "1", false), record("renamed", "moved", "1", false),
	)
	var got []string
	for _, r := range Invalidated(before, after) {
		got = append(got, r.Path)
	}
	if diff := cmp.Diff([]string{"a", "b", "moved"}, got); diff != "" {
		t.Error(diff)
	}
	if list := Invalidated(nil, after); list != nil {
		t.Errorf("before the first: %v", list)
	}
}
