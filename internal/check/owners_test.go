package check

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

func TestReadOwners(t *testing.T) {
	const source = `{"$schema": "x", "owners": [
		{"files": "schema/**", "people": ["anna@example.org"]},
		{"collection": "projects", "people": ["anna@example.org", "Bertta B"]},
		{"collection": "projects", "field": "/people/*/name", "people": ["@cecilia", "dora@example.org"], "approvals": 2}]}`
	o, problems := ReadOwners("schema/owners.json", source)
	if o == nil || len(problems) > 0 {
		t.Fatalf("problems:\n%s", listing(problems))
	}
	want := []content.OwnersEntry{
		{Files: "schema/**", People: []string{"anna@example.org"}, Approvals: 1},
		{Collection: "projects", People: []string{"anna@example.org", "Bertta B"}, Approvals: 1},
		{Collection: "projects", Field: "/people/*/name", People: []string{"@cecilia", "dora@example.org"}, Approvals: 2},
	}
	if diff := cmp.Diff(want, o.Entries); diff != "" || o.Path != "schema/owners.json" || o.Document.Source != source {
		t.Error(o.Path, diff)
	}
	for _, text := range []string{"", "[]", "{}", `{"owners": {}}`, `{"owners": [], "owners": []}`, `{"owners": [{}]}`} {
		if o, problems := ReadOwners("owners.json", text); o != nil || len(problems) == 0 {
			t.Errorf("%q can be used: %v", text, o)
		}
	}
	if o, problems := ReadOwners("owners.json", `{"owners": []}`); o == nil || len(problems) > 0 {
		t.Errorf("nobody owns anything:\n%s", listing(problems))
	}
}

func TestUndecodedOwners(t *testing.T) {
	root, err := content.Parse(`{"owners": [{"files": "x"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	r := ownersReader{subject{path: "owners.json", source: `{"owners": [{"files": "x"}]}`}, root, nil}
	for _, test := range []struct {
		err  error
		want string
	}{
		{&content.OwnersError{Pointer: "/owners/0/files/deeper", Err: errors.New("no")}, "1:23 /owners/0/files owners/invalid\n"},
		{errors.New("no"), "1:1  owners/invalid\n"},
	} {
		p := r.undecoded(test.err)
		if got := brief([]content.Problem{p}); got != test.want || p.Message("en") != "The owners file cannot be used: 'no'." {
			t.Errorf("%v: %s%s", test.err, got, p.Message("en"))
		}
	}
}

func TestOwnersOfACollectionWithoutASchema(t *testing.T) {
	m, _ := ReadModel("model.json", thingsModel)
	c, _ := NewChecker(m, nil)
	o, _ := ReadOwners("owners.json", `{"owners": [{"collection": "things", "field": "/any", "people": ["anna@example.org"]}]}`)
	if problems := c.Owners(o); len(problems) > 0 {
		t.Errorf("got %s", listing(problems))
	}
}

func TestTheSchemaOfOwnersIsJSON(t *testing.T) {
	var v any
	if err := json.Unmarshal(OwnersSchema(), &v); err != nil {
		t.Error(err)
	}
	if compiledOwnersSchema() == nil {
		t.Error("it does not compile")
	}
}
