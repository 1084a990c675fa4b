package proposal

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

var xFile = groundFiles["projects/x.json"]

func TestEditsBecomeFiles(t *testing.T) {
	tests := []struct {
		name  string
		edits []content.Edit
		want  map[string]string
	}{
		{"a new record is canonical", []content.Edit{putEdit("themes/c", `{"parent":"a","name":"C"}`)},
			map[string]string{"themes/c.json": "{\n  \"name\": \"C\",\n  \"parent\": \"a\"\n}\n"}},
		{"one value of a canonical record is one line", []content.Edit{patchEdit("projects/x", `[{"op":"replace","path":"/town","value":92}]`)},
			map[string]string{"projects/x.json": strings.Replace(xFile, "91", "92", 1)}},
		{"one value of a record laid out by hand leaves the rest as it was", []content.Edit{patchEdit("projects/hand", `[{"op":"add","path":"/tags/-","value":"t"},{"op":"replace","path":"/name/fi","value":"Käsi"}]`)},
			map[string]string{"projects/hand.json": "{\"name\": {\"fi\": \"Käsi\"},\n      \"themes\" : [\"a\"],   \"grant\": 1.50,\n      \"tags\": [\n    \"t\"\n  ]}"}},
		{"what changes nothing gives nothing", []content.Edit{putEdit("projects/hand", `{"tags": [], "grant": 1.5, "themes": ["a"], "name": {"fi": "Käsin"}}`),
			patchEdit("projects/x", `[{"op":"test","path":"/parts/0/share","value":0.5}]`), renameEdit("themes/a", "a", false)}, map[string]string{}},
		{"there and back gives nothing", []content.Edit{putEdit("themes/c", `{}`), deleteEdit("themes/c"),
			patchEdit("projects/x", `[{"op":"add","path":"/grant","value":1}]`), patchEdit("projects/x", `[{"op":"remove","path":"/grant"}]`)}, map[string]string{}},
		{"each edit is done to what those before it left", []content.Edit{putEdit("themes/c", `{"name":"C"}`),
			patchEdit("themes/c", `[{"op":"replace","path":"/name","value":"D"}]`), renameEdit("themes/c", "d", false)},
			map[string]string{"themes/d.json": "{\n  \"name\": \"D\"\n}\n"}},
		{"a rename carries the id to all that refer by it", []content.Edit{renameEdit("themes/a", "z", true)}, map[string]string{
			"themes/a.json": "", "themes/z.json": groundFiles["themes/a.json"],
			"themes/b.json":      strings.Replace(groundFiles["themes/b.json"], `"a"`, `"z"`, 1),
			"projects/x.json":    strings.ReplaceAll(xFile, `"a"`, `"z"`),
			"projects/hand.json": strings.ReplaceAll(groundFiles["projects/hand.json"], `"a"`, `"z"`)}},
		{"a rename changes the id in the record, and numbers stay numbers", []content.Edit{renameEdit("towns/91", "92", true)}, map[string]string{
			"towns/91.json": "", "towns/92.json": strings.Replace(groundFiles["towns/91.json"], "91", "92", 1),
			"projects/x.json": strings.Replace(xFile, "91", "92", 1)}},
		{"an id that is no number becomes text", []content.Edit{renameEdit("towns/91", "hki", true)}, map[string]string{
			"towns/91.json": "", "towns/hki.json": strings.Replace(groundFiles["towns/91.json"], "91", `"hki"`, 1),
			"projects/x.json": strings.Replace(xFile, "91", `"hki"`, 1)}},
		{"a record in a folder that the model does not name stays there", []content.Edit{renameEdit("notes/n", "m", false)},
			map[string]string{"notes/one/n.json": "", "notes/one/m.json": groundFiles["notes/one/n.json"]}},
		{"a deletion hands the references over, and a set has the record once",
			[]content.Edit{{Kind: content.EditDelete, Ref: editRef("themes/a"), Carry: true, To: "b"}}, map[string]string{
				"themes/a.json": "", "themes/b.json": strings.Replace(groundFiles["themes/b.json"], `"a"`, `"b"`, 1),
				"projects/x.json":    strings.Replace(strings.Replace(xFile, "\"b\",\n    \"a\"", `"b"`, 1), `"theme": "a"`, `"theme": "b"`, 1),
				"projects/hand.json": strings.ReplaceAll(groundFiles["projects/hand.json"], `"a"`, `"b"`)}},
		{"what refers to a record may go with it, in any order", []content.Edit{deleteEdit("themes/a"), deleteEdit("projects/hand"),
			patchEdit("projects/x", `[{"op":"replace","path":"/themes","value":["b"]},{"op":"remove","path":"/parts"}]`), patchEdit("themes/b", `[{"op":"remove","path":"/parent"}]`)},
			map[string]string{"themes/a.json": "", "projects/hand.json": "", "themes/b.json": "{\n  \"name\": \"B\"\n}\n",
				"projects/x.json": "{\n  \"name\": {\n    \"fi\": \"Iksi\"\n  },\n  \"themes\": [\n    \"b\"\n  ],\n  \"town\": 91,\n  \"file\": \"x.pdf\"\n}\n"}},
		{"a name that was given up can be taken", []content.Edit{renameEdit("themes/a", "c", true), renameEdit("themes/b", "a", true), renameEdit("themes/c", "b", true)},
			map[string]string{"themes/a.json": strings.Replace(groundFiles["themes/b.json"], `"a"`, `"b"`, 1), "themes/b.json": groundFiles["themes/a.json"],
				"projects/x.json": strings.NewReplacer(`"a"`, `"b"`, `"b"`, `"a"`).Replace(xFile), "projects/hand.json": strings.ReplaceAll(groundFiles["projects/hand.json"], `"a"`, `"b"`)}},
		{"a record that is put after its deletion is a change", []content.Edit{deleteEdit("themes/a"), putEdit("themes/a", `{"name": "Again"}`)},
			map[string]string{"themes/a.json": "{\n  \"name\": \"Again\"\n}\n"}},
		{"attachments", []content.Edit{{Kind: content.EditPutFile, Path: "files/sub/ä ö.PDF", Bytes: []byte("%PDF-1.4\n")},
			{Kind: content.EditDeleteFile, Path: "files/spare.pdf"}, {Kind: content.EditPutFile, Path: "files/x.pdf", Bytes: []byte("%PDF-1.7 x")}},
			map[string]string{"files/sub/ä ö.PDF": "%PDF-1.4\n", "files/spare.pdf": ""}},
	}
	g := newGround(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := g.apply(test.edits...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEditsThatAreRefused(t *testing.T) {
	long := strings.Repeat("x", content.MaxBytes)
	tests := []struct {
		name  string
		edit  content.Edit
		words []string
	}{
		{"no such collection", putEdit("thing/x", "{}"), []string{"edit 1 (put thing/x)", "there is no collection thing", "themes, projects"}},
		{"no such kind", content.Edit{Kind: "MELT", Ref: editRef("themes/a")}, []string{"no such kind of edit"}},
		{"a way out", putEdit("themes/../x", "{}"), []string{"is no id"}},
		{"a control character", putEdit("themes/a\nb", "{}"), []string{"is no id", `"a\nb"`}},
		{"a dash", putEdit("themes/-x", "{}"), []string{"-x cannot be the id", "small letters"}},
		{"a device", putEdit("themes/con", "{}"), []string{"con cannot be the id"}},
		{"capitals", putEdit("themes/New", "{}"), []string{"New cannot be the id"}},
		{"too like another", putEdit("themes/odd", "{}"), []string{"too like Odd"}},
		{"a document that is cut off", putEdit("themes/a", "{\n \"name\": "), []string{"no strict JSON", "ends too early"}},
		{"a member twice", putEdit("themes/a", "{\"name\": \"x\",\n \"name\": 1}"), []string{"line 2, column 2", "member name is there twice"}},
		{"two documents", putEdit("themes/a", "{} {}"), []string{"should have ended before"}},
		{"too large", putEdit("themes/a", `"`+long+`"`), []string{"larger than 1024 KiB"}},
		{"too large once laid out", putEdit("themes/new", `["`+strings.Repeat(`","`, content.MaxBytes/4)+`"]`), []string{"larger than 1024 KiB"}},
		{"a new record where folders are not named", putEdit("notes/m", "{}"), []string{"notes/*/{id}.json", "add the file with Git"}},
		{"patching what is not there", patchEdit("themes/zz", "[]"), []string{"there is no record themes/zz"}},
		{"patching what cannot be read", patchEdit("themes/broken", "[]"), []string{"themes/broken.json cannot be read", "put the whole record"}},
		{"renaming to what is there", renameEdit("themes/a", "b", false), []string{"edit 1 (rename themes/a to b)", "there is a record themes/b already"}},
		{"renaming to what cannot be read", renameEdit("themes/a", "broken", false), []string{"there is a record themes/broken already"}},
		{"renaming to what may not be written", renameEdit("themes/a", "-b", true), []string{"-b cannot be the id"}},
		{"renaming to what is too like another", renameEdit("themes/a", "odd", true), []string{"too like Odd"}},
		{"deleting what is not there", deleteEdit("themes/zz"), []string{"there is no record themes/zz"}},
		{"handing over to nobody", content.Edit{Kind: content.EditDelete, Ref: editRef("themes/a"), Carry: true}, []string{"say in to which one"}},
		{"to without carry", content.Edit{Kind: content.EditDelete, Ref: editRef("themes/a"), To: "b"}, []string{"set carry"}},
		{"handing over to itself", content.Edit{Kind: content.EditDelete, Ref: editRef("themes/a"), Carry: true, To: "a"}, []string{"say another one"}},
		{"handing over to what is not there", content.Edit{Kind: content.EditDelete, Ref: editRef("themes/a"), Carry: true, To: "zz"}, []string{"there is no record themes/zz"}},
		{"no such revision", content.Edit{Kind: content.EditRestore, Ref: editRef("themes/a"), Revision: "v9"}, []string{"edit 1 (restore themes/a as at v9)", `"v9"`}},
		{"neither now nor then", content.Edit{Kind: content.EditRestore, Ref: editRef("themes/zz"), Revision: "main"}, []string{"neither now nor then"}},
		{"no such place", content.Edit{Kind: content.EditRestore, Ref: editRef("themes/a"), Revision: "main", Field: "/zz"}, []string{"no place /zz"}},
		{"no pointer", content.Edit{Kind: content.EditRestore, Ref: editRef("themes/a"), Revision: "main", Field: "zz"}, []string{"must be empty or begin with '/'"}},
		{"nothing to undo", content.Edit{Kind: content.EditUndo, Ref: editRef("themes/b"), Revision: "main"}, []string{"did not change the record"}},
		{"nothing that could be undone", content.Edit{Kind: content.EditUndo, Ref: editRef("themes/zz"), Revision: "main"}, []string{"has no such record"}},
	}
	g := newGround(t, map[string]string{"themes/broken.json": "{", "themes/Odd.json": "{}"})
	g.commit(map[string]string{"themes/a.json": `{"name": "A", "parent": "Odd"}`})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := g.apply(test.edit)
			editRefused(t, err, content.RefusedEdit, test.words...)
		})
	}
}

func TestRecordsThatCannotBeReadCanBeReplaced(t *testing.T) {
	g := newGround(t, map[string]string{"themes/broken.json": "{", "themes/Odd Ä.json": "{}"})
	got, err := g.apply(putEdit("themes/broken", `{"name": "x"}`), putEdit("themes/Odd Ä", `{"name": "x"}`), deleteEdit("themes/b"),
		patchEdit("projects/x", `[{"op":"remove","path":"/themes/0"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"projects/x.json", "themes/Odd Ä.json", "themes/b.json", "themes/broken.json"}, sortedPaths(got)); diff != "" {
		t.Error(diff)
	}
	if got, err = g.apply(deleteEdit("themes/broken")); err != nil || got["themes/broken.json"] != "" || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWhatWouldDangleIsToldAtTheEnd(t *testing.T) {
	g := newGround(t, nil)
	_, err := g.apply(putEdit("themes/c", "{}"), renameEdit("themes/a", "z", false), patchEdit("projects/hand", `[{"op":"remove","path":"/themes"}]`),
		content.Edit{Kind: content.EditDeleteFile, Path: "files/x.pdf"})
	refusal := editRefused(t, err, content.RefusedDangling, "edit 2 (rename themes/a to z): themes/a would be gone", "projects/x /parts/0/theme, projects/x /themes/1, themes/b /parent",
		"set carry to give them the new id", "edit 4 (delete the file files/x.pdf): the file files/x.pdf would be gone", "projects/x /file")
	want := []content.Referrer{
		{Record: editRef("projects/x"), Path: "projects/x.json", Field: "/parts/0/theme", Target: editRef("themes/a")},
		{Record: editRef("projects/x"), Path: "projects/x.json", Field: "/themes/1", Target: editRef("themes/a")},
		{Record: editRef("themes/b"), Path: "themes/b.json", Field: "/parent", Target: editRef("themes/a")},
		{Record: editRef("projects/x"), Path: "projects/x.json", Field: "/file"},
	}
	if diff := cmp.Diff(want, refusal.Referrers); diff != "" {
		t.Error(diff)
	}
	// A reference that the draft itself brings counts as well, and one to nowhere that it
	// did not cause is for the checks of content.
	_, err = g.apply(putEdit("themes/c", "{}"), putEdit("projects/new", `{"themes": ["c", "nowhere"]}`), deleteEdit("themes/c"))
	refusal = editRefused(t, err, content.RefusedDangling, "edit 3 (delete themes/c)", "projects/new /themes/0", "hand them over to another record")
	if len(refusal.Referrers) != 1 {
		t.Errorf("got %+v", refusal.Referrers)
	}
}

func TestDraftsAreBounded(t *testing.T) {
	g := newGround(t, nil)
	_, err := g.apply(make([]content.Edit, content.MaxEdits+1)...)
	editRefused(t, err, content.RefusedEdit, "5001 edits", "several proposals")
	big := content.Edit{Kind: content.EditPutFile, Path: "files/a.pdf", Bytes: append([]byte("%PDF-1.7"), make([]byte, content.MaxFile-100)...)}
	_, err = g.apply(big, big, big)
	editRefused(t, err, content.RefusedEdit, "MiB", "several proposals")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := applyEdits(ctx, g, g.head(), []content.Edit{deleteEdit("themes/b")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAttachmentsThatAreRefused(t *testing.T) {
	pdf := "%PDF-1.7\n"
	docx := "PK\x03\x04" + strings.Repeat("\x00", 22) + "\x11\x00\x00\x00word/document.xml"
	tests := []struct{ name, path, data, word string }{
		{"outside", "other/x.pdf", pdf, "attachments lie in files"},
		{"a way out", "files/../x.pdf", pdf, "attachments lie in files"},
		{"the folder itself", "files", pdf, "attachments lie in files"},
		{"absolute", "/files/x.pdf", pdf, "attachments lie in files"},
		{"no UTF-8", "files/\xff.pdf", pdf, "attachments lie in files"},
		{"a record", "themes/a.json", "{}", "a record of themes lies there"},
		{"hidden", "files/.git/x.pdf", pdf, "may begin with '.'"},
		{"like an option", "files/-x.pdf", pdf, "may begin with '.', '-'"},
		{"a line break", "files/a\nb.pdf", pdf, "cannot be seen"},
		{"a mark that turns the text round", "files/a\u202efdp.exe.pdf", pdf, "cannot be seen"},
		{"a character that Windows has not", "files/a:b.pdf", pdf, "may have one of"},
		{"a device", "files/NUL.pdf", pdf, "keeps the name nul"},
		{"a dot at the end", "files/x.", pdf, "may end with '.'"},
		{"accents apart", "files/a\u0308.pdf", pdf, "Unicode NFC"},
		{"too long", "files/" + strings.Repeat("x", 300) + ".pdf", pdf, "too long"},
		{"too like another", "files/X.pdf", pdf, "too like files/x.pdf"},
		{"empty", "files/n.pdf", "", "is empty"},
		{"no ending", "files/n", pdf, "no ending"},
		{"another type", "files/n.pdf", "\x89PNG\r\n\x1a\n", "content is image/png"},
		{"text as PDF", "files/n.pdf", "hello", "content is text/plain"},
		{"a Word file as Excel", "files/n.xlsx", docx, "wordprocessingml"},
		{"a PDF with an odd ending", "files/n.dat", pdf, "let it end in .pdf"},
		{"a page", "files/n.html", "hello", "runs"},
		{"a page that is called text", "files/n.txt", "<!DOCTYPE html><html><script>1</script></html>", "runs"},
		{"a drawing", "files/n.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "runs"},
		{"a program", "files/n.dat", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60), "runs"},
		{"a script", "files/n.txt", "#!/bin/sh\nrm x\n", "runs"},
	}
	g := newGround(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := g.apply(content.Edit{Kind: content.EditPutFile, Path: test.path, Bytes: []byte(test.data)})
			editRefused(t, err, content.RefusedEdit, test.word)
		})
	}
	_, err := g.apply(content.Edit{Kind: content.EditPutFile, Path: "files/n.pdf", Bytes: append([]byte(pdf), make([]byte, content.MaxFile)...)})
	editRefused(t, err, content.RefusedEdit, "larger than 32 MiB")
	_, err = g.apply(content.Edit{Kind: content.EditDeleteFile, Path: "files/n.pdf"})
	editRefused(t, err, content.RefusedEdit, "no such file")
	taken := []content.Edit{{Kind: content.EditPutFile, Path: "files/n.docx", Bytes: []byte(docx)}, {Kind: content.EditPutFile, Path: "files/n.csv", Bytes: []byte("a;b\n1;2\n")},
		{Kind: content.EditPutFile, Path: "files/n.dat", Bytes: []byte{1, 2, 3}}}
	if got, err := g.apply(taken...); err != nil || len(got) != 3 {
		t.Errorf("got %v, %v", got, err)
	}
}

// However many edits a draft holds, and however large its records are, it does not take
// longer than they are many.
func TestLargeDraftsTakeTheirTime(t *testing.T) {
	g := newGround(t, nil)
	many := `{"themes": [` + strings.TrimSuffix(strings.Repeat(`"c","a",`, 50_000), ",") + `]}`
	edits := []content.Edit{putEdit("themes/c", `{}`), putEdit("projects/many", many)}
	for i := range 1000 {
		id := "n" + strconv.Itoa(i)
		edits = append(edits, putEdit("themes/"+id, `{"parent": "a"}`), renameEdit("themes/"+id, id+"x", true), deleteEdit("themes/"+id+"x"))
	}
	edits = append(edits, content.Edit{Kind: content.EditDelete, Ref: editRef("themes/c"), Carry: true, To: "a"})
	start := time.Now()
	files, err := g.apply(edits...)
	if err != nil || !strings.HasPrefix(files["projects/many.json"], "{\n  \"themes\": [\n    \"a\",\n") || strings.Contains(files["projects/many.json"], `"c"`) {
		t.Errorf("got %.100q, %v", files["projects/many.json"], err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
