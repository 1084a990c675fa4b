package check

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// The traps of the schema library, one test each (see LIBRARIES).

func TestAbsurdNumbersNeverReachTheLibrary(t *testing.T) {
	schema := `{"type": "integer", "minimum": 1, "enum": [1, 2], "const": 1, "multipleOf": 3}`
	for _, number := range []string{"1e2000000", "-1e2000000", "1e-2000000", "1E+99999999999999999999", strings.Repeat("9", 5000)} {
		got := rules(thing(t, schema, number))
		if diff := cmp.Diff([]string{"json/number"}, got); diff != "" {
			t.Errorf("%.20s: %s", number, diff)
		}
	}
	for _, keyword := range []string{"minimum", "const", "multipleOf", "maxLength"} {
		s, problems := CompileSchema("schema.json", tree{"schema.json": fmt.Sprintf(`{%q: 1e2000000}`, keyword)}.read)
		if s != nil || brief(problems) != fmt.Sprintf("1:%d /%s json/number\n", len(keyword)+6, keyword) {
			t.Errorf("%s: got %v, %s", keyword, s, brief(problems))
		}
	}
}

func TestAPanicOfTheLibraryIsAProblem(t *testing.T) {
	s, _ := CompileSchema("schema.json", tree{"schema.json": `{"minimum": 1}`}.read)
	s.give(&compiled{}) // a compilation without a schema: judging panics
	<-s.free
	s.give(&compiled{budget: &budget{}})
	m, _ := ReadModel("model.json", thingsModel)
	c, _ := NewChecker(m, map[content.CollectionName]*Schema{"things": s})
	root, problems := c.Document(content.Ref{Collection: "things", ID: "one"}, "things/one.json", "1")
	if root == nil || brief(problems) != "1:1  record/failed\n" {
		t.Errorf("got %v, %s", root, brief(problems))
	}
	if _, err := compile("koonti:///a#b", map[string]string{"koonti:///a#b": "{}"}); err == nil {
		t.Error("compiling an address with a fragment, which panics, gave no error")
	}
}

func TestFormatsAreAssertedInEveryDraft(t *testing.T) {
	for _, draft := range []string{
		"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#",
		"https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
	} {
		schema := fmt.Sprintf(`{"$schema": %q, "format": "date"}`, draft)
		if got := rules(thing(t, schema, `"25.4.2022"`)); !cmp.Equal(got, []string{"schema/format"}) {
			t.Errorf("%s: got %v", draft, got)
		}
		if got := rules(thing(t, schema, `"2022-04-25"`)); got != nil {
			t.Errorf("%s: got %v for a date", draft, got)
		}
	}
}

func TestTheDraftIsFoundHoweverItIsWritten(t *testing.T) {
	// "const" is a keyword since draft 6, "dependentRequired" since 2019-09.
	tests := map[string]string{
		"":                               "schema/const schema/dependentRequired",
		`http://json-schema.org/schema#`: "schema/const schema/dependentRequired",
		`https://json-schema.org/schema`: "schema/const schema/dependentRequired",
		`http://json-schema.org/draft/2020-12/schema`:   "schema/const schema/dependentRequired",
		`https://json-schema.org/draft/2020-12/schema#`: "schema/const schema/dependentRequired",
		`https://json-schema.org/draft/2019-09/schema#`: "schema/const schema/dependentRequired",
		`http://json-schema.org/draft/2019-09/schema`:   "schema/const schema/dependentRequired",
		`http://json-schema.org/draft-07/schema#`:       "schema/const",
		`http://json-schema.org/draft-07/schema`:        "schema/const",
		`https://json-schema.org/draft-07/schema#`:      "schema/const",
		`https://json-schema.org/draft-07/schema`:       "schema/const",
		`https://json-schema.org/draft-06/schema`:       "schema/const",
		`http://json-schema.org/draft-04/schema`:        "",
		`https://json-schema.org/draft-04/schema#`:      "",
	}
	for draft, want := range tests {
		schema := `{"properties": {"a": {"const": 1}}, "dependentRequired": {"a": ["b"]}}`
		if draft != "" {
			schema = strings.Replace(schema, "{", fmt.Sprintf(`{"$schema": %q, `, draft), 1)
		}
		var got []string
		for _, rule := range rules(thing(t, schema, `{"a": 2}`)) {
			got = append([]string{rule}, got...)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", draft, got, want)
		}
	}
}

func TestReferencesOutOfTheRepositoryAreRefused(t *testing.T) {
	for _, ref := range []string{"file:///etc/passwd", "file:schema.json", "http://example.org/a.json", "https://example.org/a.json#/x", "//example.org/a.json", "urn:example:a", "ftp://x/y", "koonti://host/x.json"} {
		asked := []string{}
		read := func(path string) (string, error) {
			asked = append(asked, path)
			return tree{"schema.json": fmt.Sprintf(`{"$ref": %q}`, ref)}.read(path)
		}
		s, problems := CompileSchema("schema.json", read)
		if s != nil || brief(problems) != "1:10 /$ref schema-file/remote\n" {
			t.Errorf("%s: got %s", ref, brief(problems))
		}
		if diff := cmp.Diff([]string{"schema.json"}, asked); diff != "" {
			t.Errorf("%s: read %s", ref, diff)
		}
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	tests := []struct{ schema, record, want string }{
		{`{"const": 9007199254740993}`, `9007199254740993`, ""},
		{`{"const": 9007199254740993}`, `9007199254740992`, "schema/const"},
		{`{"type": "integer"}`, `1.0`, ""},
		{`{"type": "integer"}`, `1e2`, ""},
		{`{"multipleOf": 0.1}`, `0.3`, ""},
		{`{"uniqueItems": true}`, `[1, 1.0]`, "schema/uniqueItems"},
		{`{"maximum": 123456789012345678901234567890}`, `123456789012345678901234567891`, "schema/maximum"},
	}
	for _, test := range tests {
		if got := strings.Join(rules(thing(t, test.schema, test.record)), " "); got != test.want {
			t.Errorf("%s against %s: got %q, want %q", test.record, test.schema, got, test.want)
		}
	}
}

func TestDuplicateNamesAreSeen(t *testing.T) {
	got := brief(thing(t, `{}`, "{\n  \"a\": 1,\n  \"b\": {\"c\": 1, \"c\": 1}\n}"))
	if want := "3:17 /b/c json/duplicate-key\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOneOfManyAlternativesGivesOneProblem(t *testing.T) {
	var branches []string
	for i := range 24 {
		branches = append(branches, fmt.Sprintf(`{"type": "object", "required": ["kind", "name", "size"], "additionalProperties": false,
			"properties": {"kind": {"const": "k%d"}, "name": {"type": "string", "minLength": 2}, "size": {"type": "integer"}, "only%d": {}}}`, i, i))
	}
	schema := `{"oneOf": [` + strings.Join(branches, ",") + `]}`
	tests := map[string]string{
		`{"kind": "k7", "name": "a", "size": 1}`:               "1:24 /name schema/minLength\n",
		`{"kind": "k23", "name": "ab", "size": 1, "only2": 0}`: "1:42 /only2 schema/additionalProperties\n",
		`{"kind": "k7", "name": "ab"}`:                         "1:1  schema/required\n",
		`{"kind": "x", "name": "ab", "size": 1}`:               "1:10 /kind schema/enum\n",
		`[]`:                                                   "1:1  schema/type\n",
	}
	for record, want := range tests {
		if got := brief(thing(t, schema, record)); got != want {
			t.Errorf("%s: got\n%swant\n%s", record, got, want)
		}
	}
}

// Schemas compile and judge at the same time; the race detector watches.
func TestCompilingAndJudgingAtTheSameTime(t *testing.T) {
	files := tree{"schema.json": `{"properties": {"name": {"$ref": "b.json"}}, "additionalProperties": false}`, "b.json": `{"type": "string", "minLength": 2}`}
	s, _ := CompileSchema("schema.json", files.read)
	m, _ := ReadModel("model.json", thingsModel)
	c, _ := NewChecker(m, map[content.CollectionName]*Schema{"things": s})
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			if s, problems := CompileSchema("schema.json", files.read); s == nil {
				t.Error(listing(problems))
			}
			for range 20 {
				_, problems := c.Document(content.Ref{Collection: "things"}, "x", `{"name": "a", "b": 1}`)
				if want := "1:10 /name schema/minLength\n1:15 /b schema/additionalProperties\n"; brief(problems) != want {
					t.Errorf("%d: got %s", i, brief(problems))
				}
			}
		})
	}
	wait.Wait()
}

func TestEncodedContentIsNotJudged(t *testing.T) {
	schema := `{"$schema": "http://json-schema.org/draft-07/schema#", "contentEncoding": "base64", "contentMediaType": "application/json",
		"contentSchema": {"minimum": 3}}`
	if problems := thing(t, schema, `"1e2000000"`); problems != nil {
		t.Errorf("got %s", listing(problems))
	}
}

// A part of a schema that fails vouches for none of its members; they are known
// all the same.
func TestMembersOfAFailingPartAreNotUnknown(t *testing.T) {
	schema := `{"allOf": [{"properties": {"name": {"type": "string"}, "year": {"type": "integer"}, "list": {"prefixItems": [{"type": "string"}]}}}],
		"unevaluatedProperties": false}`
	got := brief(thing(t, schema, `{"name": 1, "year": 2020, "yaer": 1, "list": [1]}`))
	if want := "1:10 /name schema/type\n1:27 /yaer schema/unevaluatedProperties\n1:47 /list/0 schema/type\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	conditional := `{"properties": {"kind": {}}, "if": {"properties": {"kind": {"const": "a"}}}, "then": {"properties": {"size": {}}}, "unevaluatedProperties": false}`
	if got := rules(thing(t, conditional, `{"kind": "b", "size": 1}`)); !cmp.Equal(got, []string{"schema/unevaluatedProperties"}) {
		t.Errorf("a member of the branch not taken: got %v", got)
	}
}
