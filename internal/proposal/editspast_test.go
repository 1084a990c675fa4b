package proposal

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

func restoreEdit(record, revision, field string) content.Edit {
	return content.Edit{Kind: content.EditRestore, Ref: editRef(record), Revision: revision, Field: content.Pointer(field)}
}

func undoEdit(record, revision string) content.Edit {
	return content.Edit{Kind: content.EditUndo, Ref: editRef(record), Revision: revision}
}

func TestRestore(t *testing.T) {
	const hand = "{\"text\": \"by hand\"  }"
	g := newGround(t, map[string]string{"notes/two/gone.json": hand, "projects/p.json": `{"name": {"fi": "P"}, "themes": ["a", "b"], "parts": [{"theme": "a", "share": 1}, {"theme": "b", "share": 2}], "extra": {"deep": {"x": 1}}}`})
	old := g.git("rev-parse", "HEAD")
	g.git("tag", "v1")
	g.git("mv", "themes/b.json", "themes/bb.json")
	g.commit(map[string]string{
		"notes/two/gone.json": "", "themes/c.json": "{\n  \"name\": \"C\"\n}\n",
		"projects/x.json": strings.NewReplacer("Iksi", "Uusi", `"b"`, `"bb"`).Replace(xFile),
		"projects/p.json": `{"name": {"fi": "P", "sv": "Q"}, "parts": [{"theme": "bb", "share": 9}, {"theme": "a", "share": 8}], "tags": ["t"]}`,
	})
	p := func(name, parts, rest string) map[string]string {
		return map[string]string{"projects/p.json": `{"name": ` + name + `, "parts": ` + parts + rest + `}`}
	}
	const parts = `[{"theme": "bb", "share": 9}, {"theme": "a", "share": 8}]`
	tests := []struct {
		name string
		edit content.Edit
		want map[string]string
	}{
		{"a record that is gone comes back as it was, where it was", restoreEdit("notes/gone", "v1", ""), map[string]string{"notes/two/gone.json": hand}},
		{"a record that was not there goes", restoreEdit("themes/c", "v1", ""), map[string]string{"themes/c.json": ""}},
		{"a record that changed", restoreEdit("projects/hand", "v1", ""), map[string]string{}},
		{"a record that had another id keeps the one it has", restoreEdit("themes/bb", old, ""), map[string]string{}},
		{"a place that changed", restoreEdit("projects/x", "v1", "/name/fi"), map[string]string{"projects/x.json": strings.ReplaceAll(xFile, `"b"`, `"bb"`)}},
		{"a place that was not there goes", restoreEdit("projects/p", "v1", "/name/sv"), p(`{"fi": "P"}`, parts, `, "tags": ["t"]`)},
		{"a place that is gone comes back", restoreEdit("projects/p", "v1", "/themes"),
			map[string]string{"projects/p.json": `{"name": {"fi": "P", "sv": "Q"}, "themes": ["a","b"], "parts": ` + parts + `, "tags": ["t"]}`}},
		{"an item is the one of its key", restoreEdit("projects/p", "v1", "/parts/1/share"), p(`{"fi": "P", "sv": "Q"}`, strings.Replace(parts, "8", "1", 1), `, "tags": ["t"]`)},
		{"an item that was not there goes", restoreEdit("projects/p", "v1", "/tags/0"), p(`{"fi": "P", "sv": "Q"}`, parts, `, "tags": []`)},
		{"objects that lead there are made", restoreEdit("projects/p", "v1", "/extra/deep/x"), p(`{"fi": "P", "sv": "Q"}`, parts, `, "tags": ["t"], "extra": {"deep":{"x":1}}`)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := g.apply(test.edit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := g.apply(restoreEdit("projects/p", "v1", "/themes/1"))
	editRefused(t, err, content.RefusedEdit, "restore /themes")
	_, err = g.apply(restoreEdit("themes/bb", "HEAD~2", "/name"))
	editRefused(t, err, content.RefusedEdit, "HEAD~2")
	g.commit(map[string]string{"projects/p.json": `{"name": {"fi": "P"}, "themes": "none"}`})
	_, err = g.apply(restoreEdit("projects/p", "v1", "/themes/1"))
	editRefused(t, err, content.RefusedEdit, `/themes is "none" now; restore /themes`)
	_, err = g.apply(restoreEdit("themes/c", "v1", "/name"))
	editRefused(t, err, content.RefusedEdit, "restore it without a field")
	_, err = g.apply(restoreEdit("themes/a", "main", ""), putEdit("projects/new", `{"themes": ["c"]}`), restoreEdit("themes/c", "v1", ""))
	editRefused(t, err, content.RefusedDangling, "edit 3 (restore themes/c as at v1)", "projects/new /themes/0")
}

func TestRestoreGivesARenamedRecordItsValuesAlone(t *testing.T) {
	g := newGround(t, nil)
	g.git("tag", "v1")
	g.git("mv", "towns/91.json", "towns/92.json")
	g.commit(map[string]string{"towns/92.json": "{\n  \"code\": 92,\n  \"name\": \"Helsinki\"\n}\n", "projects/x.json": strings.Replace(xFile, "91", "92", 1)})
	g.commit(map[string]string{"towns/92.json": "{\n  \"code\": 92,\n  \"name\": \"Helsinki\",\n  \"x\": 1\n}\n"})
	got, err := g.apply(restoreEdit("towns/92", "HEAD~1", ""))
	if diff := cmp.Diff(map[string]string{"towns/92.json": "{\n  \"code\": 92,\n  \"name\": \"Helsinki\"\n}\n"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestUndo(t *testing.T) {
	g := newGround(t, nil)
	first := g.git("rev-parse", "HEAD")
	named := g.commit(map[string]string{"projects/x.json": strings.Replace(xFile, "Iksi", "Uusi", 1)})
	made := g.commit(map[string]string{"themes/c.json": "{\n  \"name\": \"C\"\n}\n"})
	deleted := g.commit(map[string]string{"notes/one/n.json": ""})
	g.git("mv", "themes/b.json", "themes/bb.json")
	renamed := g.commit(map[string]string{"projects/x.json": strings.NewReplacer("Iksi", "Uusi", `"b"`, `"bb"`).Replace(xFile)})
	g.commit(map[string]string{"projects/x.json": strings.NewReplacer("Iksi", "Uusi", `"b"`, `"bb"`, "91", "92").Replace(xFile), "towns/92.json": `{"code": 92}`})
	now := strings.NewReplacer(`"b"`, `"bb"`, "91", "92").Replace(xFile)

	tests := []struct {
		name  string
		edits []content.Edit
		want  map[string]string
	}{
		{"what came after stays", []content.Edit{undoEdit("projects/x", named)}, map[string]string{"projects/x.json": now}},
		{"what was made goes", []content.Edit{undoEdit("themes/c", made)}, map[string]string{"themes/c.json": ""}},
		{"what was deleted comes back", []content.Edit{undoEdit("notes/n", deleted)}, map[string]string{"notes/one/n.json": groundFiles["notes/one/n.json"]}},
		{"a rename is taken back, with those that refer by the new id", []content.Edit{{Kind: content.EditUndo, Ref: editRef("themes/bb"), Revision: renamed, Carry: true}},
			map[string]string{"themes/bb.json": "", "themes/b.json": groundFiles["themes/b.json"], "projects/x.json": strings.NewReplacer("Iksi", "Uusi", "91", "92").Replace(xFile)}},
		{"by the name that the record had before as well", []content.Edit{{Kind: content.EditUndo, Ref: editRef("themes/b"), Revision: renamed, Carry: true}},
			map[string]string{"themes/bb.json": "", "themes/b.json": groundFiles["themes/b.json"], "projects/x.json": strings.NewReplacer("Iksi", "Uusi", "91", "92").Replace(xFile)}},
		{"a whole commit, record by record", []content.Edit{undoEdit("themes/bb", renamed), undoEdit("projects/x", renamed)},
			map[string]string{"themes/bb.json": "", "themes/b.json": groundFiles["themes/b.json"], "projects/x.json": strings.NewReplacer("Iksi", "Uusi", "91", "92").Replace(xFile)}},
	}
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

	_, err := g.apply(undoEdit("themes/bb", renamed))
	editRefused(t, err, content.RefusedDangling, "projects/x /themes/0", "set carry where the commit had renamed the record")
	_, err = g.apply(undoEdit("themes/a", first))
	editRefused(t, err, content.RefusedDangling, "themes/a would be gone")
	_, err = g.apply(undoEdit("projects/x", first))
	refusal := editRefused(t, err, content.RefusedConflict, "what came after that commit is in the way at the whole record")
	if len(refusal.Conflicts) != 1 || refusal.Conflicts[0].Theirs != nil || refusal.Conflicts[0].Path != "projects/x.json" {
		t.Errorf("got %+v", refusal.Conflicts)
	}
	again := g.commit(map[string]string{"projects/x.json": strings.Replace(now, "Iksi", "Kolmas", 1)})
	_, err = g.apply(undoEdit("projects/x", named))
	refusal = editRefused(t, err, content.RefusedConflict, `/name/fi (the commit made it "Uusi", it is "Kolmas" now, and was "Iksi" before)`)
	c := refusal.Conflicts[0]
	if c.Path != "projects/x.json" || *c.Record != editRef("projects/x") || c.Field != "/name/fi" || c.Base.Text != "Uusi" || c.Ours.Text != "Kolmas" || c.Theirs.Text != "Iksi" {
		t.Errorf("got %+v", c)
	}
	if got, err := g.apply(undoEdit("projects/x", again), undoEdit("projects/x", named)); err != nil || got["projects/x.json"] != now {
		t.Errorf("two in a row: %v, %v", got, err)
	}
}

func TestUndoOfTheFirstCommit(t *testing.T) {
	g := newGround(t, nil)
	got, err := g.apply(undoEdit("notes/n", "main"))
	if diff := cmp.Diff(map[string]string{"notes/one/n.json": ""}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// A rename that carries its references, and the way back, leave every byte as it was.
func TestRenameAndBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	files := map[string]string{}
	for i := range 30 {
		id := strconv.Itoa(i)
		files["themes/t"+id+".json"] = "{\"name\": \"T\",\"parent\":\"t" + strconv.Itoa(random.IntN(30)) + "\"}"
		gap := []string{"", " ", "\n\t"}[random.IntN(3)]
		var themes []string
		for _, n := range random.Perm(30)[:random.IntN(4)] {
			themes = append(themes, gap+`"t`+strconv.Itoa(n)+`"`)
		}
		files["projects/p"+id+".json"] = "{" + gap + `"parts":[{"theme":"t` + strconv.Itoa(random.IntN(30)) + `"}],"themes" :[` + strings.Join(themes, ",") + "]" + gap + `,"town":91}`
	}
	g := newGround(t, files)
	for i := range 30 {
		id := "t" + strconv.Itoa(i)
		there, err := g.apply(renameEdit("themes/"+id, "new", true))
		if err != nil || there["themes/new.json"] == "" {
			t.Fatalf("got %v, %v", there, err)
		}
		for path, text := range there {
			if strings.Contains(text, `"`+id+`"`) {
				t.Errorf("%s still says %s: %s", path, id, text)
			}
		}
		back, err := g.apply(renameEdit("themes/"+id, "new", true), renameEdit("themes/new", id, true), renameEdit("towns/91", "7", true), renameEdit("towns/7", "91", true))
		if err != nil || len(back) > 0 {
			t.Fatalf("%s: got %v, %v", id, back, err)
		}
	}
}
