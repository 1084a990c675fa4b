package history

import (
	"errors"
	"slices"
	"testing"

	"github.com/koonti/koonti/internal/content"
)

// A field that no schema has and that never was is no question with an empty answer.
func TestAFieldThatNeverWasIsAnError(t *testing.T) {
	x, note := "records/things/x.json", "records/notes/n.json"
	dir, _ := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{x: `{"name": "x", "extra": {"deep": [1, {"a": 1}]}}`, note: `{"only": 1}`}},
		{mark: "2", from: []string{"1"}, message: "Without extra", files: map[string]string{x: `{"name": "x"}`}},
		{mark: "3", from: []string{"2"}, message: "Another name", files: map[string]string{x: `{"name": "y"}`}},
	})
	_, p := open(t, dir, "")
	r := p.view.Snapshot.Record(*ref("x"))
	for _, c := range []struct {
		field content.Pointer
		of    content.CollectionName
		near  content.Pointer // "" where it is or was
	}{
		{"", "", ""},
		{"/name", "", ""},
		{"/name", "things", ""},
		{"/number", "things", ""}, // of the schema; nobody ever had one
		{"/extra", "things", ""},
		{"/extra/deep", "things", ""},
		{"/extra/deep/1/a", "", ""},
		{"/only", "", ""},
		{"/only", "notes", ""},
		{"/only", "things", "/name"},
		{"/nam", "things", "/name"},
		{"/extra/deep/2", "things", "/name/deep/2"},
		{"/extra/depe", "", "/name/depe"},
	} {
		check := func(what string, err error) {
			var unknown *content.UnknownFieldError
			if errors.As(err, &unknown) != (c.near != "") || unknown != nil && (!errors.Is(err, content.ErrInvalid) || !slices.Contains(unknown.Near, c.near)) {
				t.Errorf("%s %q of %q: %v", what, c.field, c.of, err)
			}
		}
		q := content.ChangeQuery{Collection: c.of, Field: &c.field}
		_, err := p.Changes(t.Context(), q)
		check("changes", err)
		_, err = p.CountSteps(t.Context(), q)
		check("steps", err)
		if c.of == "things" {
			_, err := p.Changes(t.Context(), content.ChangeQuery{Record: ref("x"), Field: &c.field})
			check("changes of x", err)
			_, err = p.LastChange(t.Context(), r, c.field)
			check("last change", err)
		}
	}
}
