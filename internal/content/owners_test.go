package content

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilePattern(t *testing.T) {
	tests := []struct{ pattern, yes, no string }{
		{"schema/model.json", "schema/model.json", "model.json schema schema/model.json/x x/schema/model.json"},
		{"schema/*", "schema/a schema/a.json", "schema schema/a/b"},
		{"schema/*.json", "schema/a.json schema/.json", "schema/a.jsonx schema/a/b.json"},
		{"schema/**", "schema/a schema/a/b/c.json", "schemas/a a/schema/b"},
		{"**", "a a/b a/b/c", ""},
		{"**/*.md", "a.md b/a.md c/b/a.md", "a.txt a.md/b"},
		{"a/**/z", "a/z a/b/z a/b/c/z a/z/z", "a z a/b a/z/b b/a/z"},
		{"a/**/b/**/c", "a/b/c a/x/b/y/z/c a/b/b/c/c", "a/c a/b c"},
		{"**/a/b", "a/b a/a/b x/a/b a/b/a/b", "a/b/c b"},
		{"a/[bc]/?", "a/b/x a/c/y", "a/d/x a/b/xy"},
	}
	for _, test := range tests {
		p, err := ParseFilePattern(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
		}
		for _, name := range strings.Fields(test.yes) {
			if !p.Match(name) {
				t.Errorf("%s does not match %s", p, name)
			}
		}
		for _, name := range append(strings.Fields(test.no), "") {
			if p.Match(name) {
				t.Errorf("%s matches %q", p, name)
			}
		}
	}
	for _, bad := range []string{"", ".", "..", "/a", "a/", "a//b", "./a", "../a", "a/../b", "a/b**", "**b", "a/***", "[a", `a\`} {
		if p, err := ParseFilePattern(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q is taken for %q: %v", bad, p, err)
		}
	}
	if FilePattern("").Match("a") {
		t.Error("no pattern matches")
	}
}

func TestPatternCovers(t *testing.T) {
	tests := []struct {
		pattern Pattern
		yes, no []Pointer
	}{
		{"", []Pointer{"", "/a", "/a/0/b"}, nil},
		{"/a", []Pointer{"/a", "/a/b"}, []Pointer{"", "/b", "/ab"}},
		{"/a/*/b", []Pointer{"/a/0/b", "/a/x/b/c"}, []Pointer{"/a", "/a/0", "/a/0/c", "/a/b"}},
		{"/a/b", []Pointer{"/a/b"}, []Pointer{"/a/*"}},
		{"/a~1b", []Pointer{"/a~1b"}, []Pointer{"/a/b"}},
	}
	for _, test := range tests {
		for _, at := range test.yes {
			if !test.pattern.Covers(at) {
				t.Errorf("%q does not cover %q", test.pattern, at)
			}
		}
		for _, at := range test.no {
			if test.pattern.Covers(at) {
				t.Errorf("%q covers %q", test.pattern, at)
			}
		}
	}
}

// ownersOf reads one entry a line: "what where people": "projects /grantEur anna",
// "projects - anna", "files schema/** anna".
func ownersOf(text string) *Owners {
	o := &Owners{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		e := OwnersEntry{Collection: CollectionName(words[0]), Field: Pattern(strings.TrimPrefix(words[1], "-")), People: words[2:], Approvals: 1}
		if words[0] == "files" {
			e.Collection, e.Field, e.Files = "", "", FilePattern(words[1])
		}
		o.Entries = append(o.Entries, e)
	}
	return o
}

// requiredText writes what must be approved: "people: path pointers".
func requiredText(list []Ownership) string {
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "%s:", strings.Join(o.People, "+"))
		for i, p := range o.Places {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(" " + p.Path)
			for _, at := range p.Pointers {
				fmt.Fprintf(&b, " %q", at)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func ownersModel(t *testing.T) *Model {
	t.Helper()
	m := &Model{}
	for _, name := range []string{"projects", "themes"} {
		p, err := ParsePathPattern("records/" + name + "/{id}.json")
		if err != nil {
			t.Fatal(err)
		}
		m.Collections = append(m.Collections, &Collection{Name: CollectionName(name), Type: name, Path: p, Root: &Shape{Kind: ShapeObject}})
	}
	m.Collections[0].Keys = []Key{{At: "/people", Member: "name"}}
	m.Collections[0].Renamed = []Renaming{{From: "/abstract", To: "/summary"}}
	return m
}

func TestRequired(t *testing.T) {
	const one, other = "records/projects/one.json", "records/projects/other.json"
	const general = `
		files schema/** chief
		projects - editor
		projects /grantEur money
		projects /address/street post
		projects /people/*/name names`
	edit := func(before, after string) FileChange {
		return FileChange{Was: one, Path: one, Before: parsed(t, before), After: parsed(t, after)}
	}
	tests := []struct {
		name, owners string
		changes      []FileChange
		want         string
	}{
		{"no change", general, nil, ""},
		{"no owners", "", []FileChange{edit(`{"a": 1}`, `{"a": 2}`)}, ""},
		{"another collection", general, []FileChange{{Path: "records/themes/x.json", After: parsed(t, `{"grantEur": 1}`)}}, ""},
		{"a field without an owner of its own", general, []FileChange{edit(`{"a": 1}`, `{"a": 2}`)}, `editor: ` + one + ` "/a"` + "\n"},
		{"a field with one", general, []FileChange{edit(`{"grantEur": 1}`, `{"grantEur": 2}`)}, `money: ` + one + ` "/grantEur"` + "\n"},
		{"a field is added", general, []FileChange{edit(`{}`, `{"grantEur": 2}`)}, `money: ` + one + ` "/grantEur"` + "\n"},
		{"a field is removed", general, []FileChange{edit(`{"grantEur": 2}`, `{}`)}, `money: ` + one + ` "/grantEur"` + "\n"},
		{"both", general, []FileChange{edit(`{"a": 1, "grantEur": 1}`, `{"a": 2, "grantEur": 2}`)},
			`editor: ` + one + ` "/a"` + "\n" + `money: ` + one + ` "/grantEur"` + "\n"},
		{"only the text is another", general, []FileChange{edit(`{"a": 1, "b": 2}`, `{"b": 2.0, "a": 1}`)}, ""},
		{"below an owned field", "projects /address a", []FileChange{edit(`{"address": {"street": "x", "no": 1}}`, `{"address": {"street": "x", "no": 2}}`)},
			`a: ` + one + ` "/address/no"` + "\n"},
		{"above an owned field: removed with it", general, []FileChange{edit(`{"address": {"street": "x", "no": 1}}`, `{}`)},
			`editor: ` + one + ` "/address"` + "\n" + `post: ` + one + ` "/address/street"` + "\n"},
		{"above an owned field: added with it", general, []FileChange{edit(`{"address": 1}`, `{"address": {"street": "x"}}`)},
			`editor: ` + one + ` "/address"` + "\n" + `post: ` + one + ` "/address/street"` + "\n"},
		{"above an owned field that was not there", general, []FileChange{edit(`{"address": {"no": 1}}`, `{}`)}, `editor: ` + one + ` "/address"` + "\n"},
		{"items", general, []FileChange{edit(`{"people": [{"name": "a", "x": 1}, {"name": "b"}]}`, `{"people": [{"name": "a", "x": 2}, {"name": "c"}]}`)},
			`editor: ` + one + ` "/people/0/x" "/people/1"` + "\n" + `names: ` + one + ` "/people/1/name"` + "\n"},
		{"another order of items", "projects /people/* a", []FileChange{edit(`{"people": [{"name": "a"}, {"name": "b"}]}`, `{"people": [{"name": "b"}, {"name": "a"}]}`)},
			`a: ` + one + ` "/people/0" "/people/1"` + "\n"},
		{"a value moved to where a place was renamed to", "projects /abstract a\nprojects /summary b", []FileChange{edit(`{"abstract": "x"}`, `{"summary": "x"}`)},
			`a: ` + one + ` "/abstract"` + "\n" + `b: ` + one + ` "/summary"` + "\n"},
		{"the last entry counts", "projects /grantEur money\nprojects - editor", []FileChange{edit(`{"grantEur": 1}`, `{"grantEur": 2}`)}, `editor: ` + one + ` "/grantEur"` + "\n"},
		{"a member called *", "projects /a/b money\nprojects /a/c other", []FileChange{edit(`{"a": {"*": 1}}`, `{"a": {"*": 2}}`)}, ""},
		{"a new record", general, []FileChange{{Path: one, After: parsed(t, `{"a": 1, "grantEur": 2}`)}},
			`editor: ` + one + ` "" "/a"` + "\n" + `money: ` + one + ` "/grantEur"` + "\n"},
		{"a new record, only fields owned", "projects /grantEur money", []FileChange{{Path: one, After: parsed(t, `{"a": 1}`)}}, ""},
		{"a record that is gone", general, []FileChange{{Was: one, Before: parsed(t, `{"grantEur": 2}`)}},
			`editor: ` + one + ` ""` + "\n" + `money: ` + one + ` "/grantEur"` + "\n"},
		{"a record that is called otherwise", general, []FileChange{{Was: one, Path: other, Before: parsed(t, `{"grantEur": 2}`), After: parsed(t, `{"grantEur": 2}`)}},
			`editor: ` + one + ` "", ` + other + ` ""` + "\n"},
		{"a record that is called otherwise and changed", general, []FileChange{{Was: one, Path: other, Before: parsed(t, `{"grantEur": 2}`), After: parsed(t, `{"grantEur": 3}`)}},
			`editor: ` + one + ` "", ` + other + ` ""` + "\n" + `money: ` + other + ` "/grantEur"` + "\n"},
		{"a record that leaves its collection", general, []FileChange{{Was: one, Path: "records/themes/one.json", Before: parsed(t, `{"grantEur": 2}`), After: parsed(t, `{"grantEur": 2}`)}},
			`editor: ` + one + ` ""` + "\n" + `money: ` + one + ` "/grantEur"` + "\n"},
		{"a record that leaves the records", general, []FileChange{{Was: one, Path: "attic/one.json", Before: parsed(t, `{"grantEur": 2}`)}},
			`editor: ` + one + ` ""` + "\n" + `money: ` + one + ` "/grantEur"` + "\n"},
		{"a record that is no JSON any more", general, []FileChange{{Was: one, Path: one, Before: parsed(t, `{"a": 2}`)}},
			`editor: ` + one + ` "" "/a"` + "\n" + `money: ` + one + ` "/grantEur"` + "\n" + `post: ` + one + ` "/address/street"` + "\n" + `names: ` + one + ` "/people/*/name"` + "\n"},
		{"a record that was no JSON", "projects /grantEur money", []FileChange{{Was: one, Path: one, After: parsed(t, `{"a": 2}`)}}, `money: ` + one + ` "/grantEur"` + "\n"},
		{"a record that stays no JSON, its owners behind a later entry", "projects /grantEur money\nprojects - editor", []FileChange{{Was: one, Path: one}}, `editor: ` + one + ` ""` + "\n"},
		{"a file that is no record", general, []FileChange{{Was: "schema/model.json", Path: "schema/model.json"}, {Path: "README.md"}}, `chief: schema/model.json ""` + "\n"},
		{"a file that is moved in", general, []FileChange{{Was: "old.json", Path: "schema/new.json"}}, `chief: schema/new.json ""` + "\n"},
		{"a file that is moved out", general, []FileChange{{Was: "schema/new.json", Path: "old.json"}}, `chief: schema/new.json ""` + "\n"},
		{"files that are records", "files records/projects/o* a\nfiles records/projects/one.json b", []FileChange{edit(`{"a": 1}`, `{"a": 2}`), {Path: other, After: parsed(t, `{}`)}},
			`a: ` + other + ` ""` + "\n" + `b: ` + one + ` "/a"` + "\n"},
		{"places in order", "projects - a", []FileChange{{Path: other, After: parsed(t, `{}`)}, edit(`[0,0,0,0,0,0,0,0,0,0,0]`, `[0,0,1,0,0,0,0,0,0,0,1]`)},
			`a: ` + one + ` "/2" "/10", ` + other + ` ""` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, requiredText(ownersOf(test.owners).Required(ownersModel(t), test.changes))); diff != "" {
				t.Error(diff)
			}
		})
	}
	if list := (*Owners)(nil).Required(ownersModel(t), []FileChange{{Path: one}}); list != nil {
		t.Errorf("without owners: %v", list)
	}
}

func TestRequiredNamesTheRecord(t *testing.T) {
	list := ownersOf("files a anna\nprojects - anna bertta").Required(ownersModel(t), []FileChange{{Path: "records/projects/one.json", After: parsed(t, `{}`)}})
	want := []Ownership{{
		Entry: 1, People: []string{"anna", "bertta"}, Approvals: 1,
		Places: []OwnedPlace{{Ref: Ref{"projects", "one"}, Path: "records/projects/one.json", Pointers: []Pointer{""}}},
	}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}

func TestMissing(t *testing.T) {
	anna := Person{Name: "Anna A", Email: "anna@example.org"}
	claimed := Person{Name: anna.Name, Email: anna.Email, Identity: IdentityClaimed}
	bertta := Person{Name: "bertta"}
	cecilia := Person{Name: "Cecilia", Email: "Cecilia@Example.org"}
	stranger := Person{Name: "Stranger", Email: "stranger@example.org"}
	tests := []struct {
		name      string
		people    []string
		approvals int
		author    Person
		approvers []Person
		want      int
	}{
		{"nobody yet", []string{"anna@example.org"}, 1, stranger, nil, 1},
		{"the owner", []string{"anna@example.org"}, 1, stranger, []Person{anna}, 0},
		{"the owner, by name", []string{"Anna A"}, 1, stranger, []Person{anna}, 0},
		{"the owner, by login", []string{"@bertta"}, 1, stranger, []Person{bertta}, 0},
		{"the owner, in another case of the address", []string{"CECILIA@example.ORG"}, 1, stranger, []Person{cecilia}, 0},
		{"not in another case of the name", []string{"anna a"}, 1, stranger, []Person{anna}, 1},
		{"someone else", []string{"anna@example.org"}, 1, bertta, []Person{stranger}, 1},
		{"someone who is called like an address", []string{"anna@example.org"}, 1, stranger, []Person{{Name: "anna@example.org", Email: "eve@example.org"}}, 1},
		{"an address that only looks alike", []string{"kim@example.org"}, 1, stranger, []Person{{Name: "Kim", Email: "\u212Aim@example.org"}}, 1},
		{"nobody at all", []string{"anna@example.org", "x"}, 1, Person{}, []Person{{}}, 1},
		{"one of several", []string{"anna@example.org", "bertta"}, 1, stranger, []Person{bertta}, 0},
		{"two of several", []string{"anna@example.org", "bertta", "Cecilia"}, 2, stranger, []Person{bertta, anna}, 0},
		{"one is missing", []string{"anna@example.org", "bertta", "Cecilia"}, 2, stranger, []Person{bertta, stranger}, 1},
		{"nobody counts twice", []string{"anna@example.org", "Anna A"}, 2, stranger, []Person{anna, anna, {Name: "Anna A"}}, 1},
		{"the author does not", []string{"anna@example.org", "bertta"}, 1, anna, []Person{anna}, 1},
		{"the author does not, from another address", []string{"anna@example.org", "bertta", "Anna A"}, 1, anna, []Person{{Name: "Anna A", Email: "anna@home.example"}}, 1},
		{"an author who owns needs another owner", []string{"anna@example.org", "bertta"}, 1, anna, []Person{bertta}, 0},
		{"an author who owns, and fewer others than needed", []string{"anna@example.org", "bertta"}, 2, anna, []Person{bertta}, 0},
		{"the only owner", []string{"anna@example.org"}, 1, anna, nil, 0},
		{"the only owner, named twice", []string{"anna@example.org", "Anna A"}, 2, anna, nil, 0},
		{"the only owner, as a commit claims", []string{"anna@example.org", "Anna A"}, 2, claimed, nil, 1},
		{"the only owner, who says that it is they", []string{"anna@example.org", "Anna A"}, 2, claimed, []Person{anna}, 0},
		{"the only owner, and someone else", []string{"anna@example.org"}, 1, claimed, []Person{stranger}, 1},
		{"a claimed author does not, where there is another", []string{"anna@example.org", "bertta"}, 1, claimed, []Person{anna}, 1},
		{"an author who is not known is no owner", []string{"anna@example.org"}, 1, Person{}, nil, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := Ownership{People: test.people, Approvals: test.approvals}
			if got := o.Missing(test.author, test.approvers); got != test.want {
				t.Errorf("%d are missing, want %d", got, test.want)
			}
		})
	}
}

func TestDecodeOwnersRefuses(t *testing.T) {
	for text, at := range map[string]Pointer{
		`{"owners": [{"collection": "a", "people": ["x"]}, {"collection": "a", "field": "b", "people": ["x"]}]}`: "/owners/1/field",
		`{"owners": [{"files": "/a", "people": ["x"]}]}`:                                                         "/owners/0/files",
	} {
		_, err := DecodeOwners("owners.json", parsed(t, text))
		var e *OwnersError
		if !errors.As(err, &e) || e.Pointer != at || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want an error at %s", text, err, at)
		}
	}
}
