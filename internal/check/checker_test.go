package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

func TestSyntax(t *testing.T) {
	tests := []struct{ name, record, want, fi string }{
		{"nothing", " \n", "1:1  json/empty", "Tiedosto on tyhjä."},
		{"too large", `"` + strings.Repeat("a", content.MaxBytes) + `"`, "0:0  json/too-large", "Tiedosto on liian suuri: enintään 1024 kilotavua."},
		{"too deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), "1:65 " + strings.Repeat("/0", 64) + " json/too-deep",
			"Sisäkkäisiä luetteloita ja kenttäryhmiä on liikaa: enintään 64 tasoa."},
		{"byte order mark", "\uFEFF{}", "1:1  json/byte-order-mark", "Tiedoston alussa on näkymätön merkki (BOM). Tallenna tiedosto muodossa UTF-8 ilman sitä."},
		{"bytes of Latin-1", "{\"name\": \"J\xe4rvi\"}", "1:12 /name json/utf-8", "Tässä on merkki, jota ei voi lukea. Tallenna tiedosto muodossa UTF-8."},
		{"half a surrogate pair", `{"name": "\ud800"}`, "1:11 /name json/utf-8", ""},
		{"a name twice", "{\n\"ä\": 1, \"ä\": 2}", "2:9 /ä json/duplicate-key", "Kenttä 'ä' on tässä kahdesti. Jätä toinen pois."},
		{"the same name escaped", `{"a": 1, "\u0061": 2}`, "1:10 /a json/duplicate-key", ""},
		{"a bracket too many", "{}\n}", "2:1  json/trailing-data", "Tiedoston pitäisi päättyä ennen tätä: '}' ei kuulu mihinkään. Onko edellä sulje liikaa?"},
		{"two values", "1 2", "1:3  json/trailing-data", ""},
		{"a number for no computer", `{"a": 1e999}`, "1:7 /a json/number", "Luku '1e999' on liian suuri tai liian pitkä."},
		{"a comma too many", "{\"a\": 1,\n}", "1:8  json/syntax", "Pilkku on liikaa: sen jälkeen ei tule mitään. Poista se."},
		{"a comma missing", `{"a": 1 "b": 2}`, "1:9  json/syntax", ""},
		{"single quotes", `{'a': 1}`, "1:2  json/syntax", ""},
		{"a comment", "{} // x", "1:4  json/trailing-data", ""},
		{"cut short", `{"a": [1, 2`, "1:12 /a json/syntax", "Tiedosto loppuu kesken. Tarkista, että jokainen lainausmerkki ja sulje on suljettu."},
		{"a leading zero", `[01]`, "1:3  json/syntax", "Tässä ei voi olla merkkiä '1'. Tarkista pilkut, lainausmerkit ja sulkeet sitä ennen."},
		{"no number", `NaN`, "1:1  json/syntax", ""},
		{"a line break in a text", "\"a\nb\"", "1:3  json/syntax", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems := thing(t, `{}`, test.record)
			if got := strings.TrimSuffix(brief(problems), "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if got := problems[0].Messages["fi"]; test.fi != "" && got != test.fi {
				t.Errorf("says %s", got)
			}
		})
	}
}

func TestTheRootIsNilExactlyWithoutJSON(t *testing.T) {
	m, _ := ReadModel("model.json", thingsModel)
	c, _ := NewChecker(m, nil)
	for record, want := range map[string]bool{`{`: false, `{}`: true, `{"a":1,"a":1}`: false, `null`: true} {
		root, problems := c.Document(content.Ref{Collection: "things", ID: "one"}, "things/one.json", record)
		if (root != nil) != want || len(problems) == 0 {
			t.Errorf("%s: root %v, problems %v", record, root, problems)
		}
	}
}

// Without a schema nothing is valid, and each record says so.
func TestRecordsWithoutASchema(t *testing.T) {
	m, _ := ReadModel("model.json", thingsModel)
	for _, schemas := range []map[content.CollectionName]*Schema{nil, {"things": nil}} {
		c, _ := NewChecker(m, schemas)
		_, problems := c.Document(content.Ref{Collection: "things", ID: "one"}, "things/one.json", ` {}`)
		if got := brief(problems); got != "1:2  record/no-schema\n" {
			t.Errorf("got %s", got)
		}
	}
}

func TestProblemsNameTheRecord(t *testing.T) {
	problems := thing(t, `{"type": "object"}`, `[`)
	problems = append(problems, thing(t, `{"type": "object"}`, `[]`)...)
	for _, p := range problems {
		if p.Collection != "things" || p.ID != "one" || p.Path != "things/one.json" || len(p.Messages) != 3 {
			t.Errorf("got %+v", p)
		}
	}
	if len(problems) != 2 {
		t.Errorf("got %d problems", len(problems))
	}
}

func TestTheIDPropertyMustEqualTheID(t *testing.T) {
	m, _ := ReadModel("model.json", `{"collections": [{"name": "things", "type": "Thing", "schema": "s.json", "path": "things/{id}.json", "id": "/meta/slug"}]}`)
	s, _ := CompileSchema("s.json", tree{"s.json": `{}`}.read)
	c, problems := NewChecker(m, map[content.CollectionName]*Schema{"things": s})
	if len(problems) > 0 {
		t.Error(listing(problems))
	}
	tests := map[string]string{
		`{"meta": {"slug": "one"}}`: "", `{"meta": {"slug": "two"}}`: "1:19 /meta/slug id/differs\n", `{}`: "", `{"meta": {"slug": null}}`: "",
		`{"meta": {"slug": {}}}`: "1:19 /meta/slug id/differs\n", `{"meta": {"slug": ""}}`: "1:19 /meta/slug id/differs\n",
	}
	for record, want := range tests {
		_, problems := c.Document(content.Ref{Collection: "things", ID: "one"}, "things/one.json", record)
		if got := brief(problems); got != want {
			t.Errorf("%s: got %q, want %q", record, got, want)
		}
	}
}

// Judging that never ends, which only a dynamic reference can still bring about, is
// a problem of the record.
func TestEndlessJudging(t *testing.T) {
	files := tree{
		"schema.json": `{"$dynamicAnchor": "n", "$ref": "b.json"}`,
		"b.json":      `{"$defs": {"n": {"$dynamicAnchor": "n"}}, "$dynamicRef": "#n"}`,
	}
	if got := brief(document(t, files, `{}`)); got != "1:1  record/endless\n" {
		t.Errorf("got %s", got)
	}
}

func TestRefusedSchemas(t *testing.T) {
	c := gather("schema.json", tree{"schema.json": `{}`}.read)
	p := c.refused("schema.json", fmt.Errorf("out of luck"))
	if p.Rule != "schema-file/invalid" || p.Path != "schema.json" || !strings.Contains(p.Message("sv"), "out of luck") {
		t.Errorf("got %s", listing([]content.Problem{p}))
	}
}

func TestForbiddenItems(t *testing.T) {
	got := brief(thing(t, `{"prefixItems": [true, false]}`, `[1, 2]`))
	if got != "1:5 /1 schema/prefixItems\n" {
		t.Errorf("got %s", got)
	}
}

// A finding that nothing more is known of is still a problem.
func TestUnexplained(t *testing.T) {
	root, _ := content.Parse(`{"a": 1}`)
	s, _ := CompileSchema("s.json", tree{"s.json": `{}`}.read)
	x := explainer{subject: subject{path: "x.json", source: `{"a": 1}`}, root: root, schema: s.root, index: s.index}
	for _, l := range []leaf{{at: "/a", place: "koonti:///s.json#/nowhere", path: "/nowhere"}, {at: "/a", place: "koonti:///s.json#/odd", path: "/odd"}} {
		if got := brief(x.describe(l)); got != "1:7 /a schema/invalid\n" {
			t.Errorf("got %s", got)
		}
	}
}

func TestReadModel(t *testing.T) {
	source := `{"$schema": "x", "languages": ["fi", "en-GB"], "collections": [{"name": "things", "type": "Thing", "schema": "s.json", "path": "things/{id}.json"}]}`
	m, problems := ReadModel("schema/model.json", source)
	if m == nil || problems != nil {
		t.Fatal(listing(problems))
	}
	if m.Path != "schema/model.json" || m.Document.Source != source || m.Document.Root.Member("collections") == nil || len(m.Collections) != 1 {
		t.Errorf("got %+v", m)
	}
	if again, _ := ReadModel("schema/model.json", source); again == m || again.Collections[0] == m.Collections[0] {
		t.Error("two readers share a model")
	}
	s, _ := CompileSchema("s.json", tree{"s.json": `{}`}.read)
	NewChecker(m, map[content.CollectionName]*Schema{"things": s})
	other, _ := ReadModel("schema/model.json", source)
	NewChecker(other, nil)
	if m.Key == "" || m.Key == other.Key {
		t.Errorf("keys %q and %q", m.Key, other.Key)
	}
	if m.Collections[0].Root == nil || other.Collections[0].Root == nil {
		t.Error("no shapes")
	}
}

func TestUndecodedModels(t *testing.T) {
	source := `{"collections": [{"title": "x"}]}`
	root, _ := content.Parse(source)
	f := subject{path: "model.json", source: source}
	p := f.undecoded(root, &content.ModelError{Pointer: "/collections/0/title/deeper", Err: content.ErrInvalid})
	if got := brief([]content.Problem{p}); got != "1:28 /collections/0/title model/invalid\n" || p.Message("en") != "The model file cannot be used: 'invalid'." {
		t.Errorf("got %s", listing([]content.Problem{p}))
	}
}

func TestModelSchema(t *testing.T) {
	var decoded map[string]any
	if err := json.Unmarshal(ModelSchema(), &decoded); err != nil || decoded["additionalProperties"] != false {
		t.Fatalf("got %v, %v", decoded, err)
	}
	s, problems := CompileSchema("x.json", func(string) (string, error) { return string(ModelSchema()), nil })
	if s == nil || problems != nil {
		t.Error(listing(problems))
	}
	mine := ModelSchema()
	mine[0] = 'x'
	if bytes.Equal(mine, ModelSchema()) {
		t.Error("the caller changed the schema")
	}
}

// The names of the model that serves a repository not made for Koonti.
func TestAModelForARepositoryOfSomebodyElse(t *testing.T) {
	m, problems := ReadModel("model.json", `{"languages": ["en"], "collections": [
		{"name": "nominees", "type": "Nominee", "schema": "nominee-schema.json", "path": "nominees/{id}.json", "title": "/name",
			"keys": {"/repositories": "url", "/SDGs": "SDGNumber"}},
		{"name": "excludedNominees", "type": "ExcludedNominee", "schema": "nominee-schema.json", "path": "excluded-nominees/{id}.json", "title": "/name"}]}`)
	if m == nil || problems != nil {
		t.Fatal(listing(problems))
	}
	files := tree{"nominee-schema.json": `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "", "type": "object", "required": ["name"],
		"properties": {"name": {"type": "string"}, "repositories": {"type": "array", "items": {"type": "object", "properties": {"url": {"type": "string", "format": "uri"}}}},
			"SDGs": {"type": "array", "items": {"type": "object", "properties": {"SDGNumber": {"type": "integer"}}}}}}`}
	s, problems := CompileSchema("nominee-schema.json", files.read)
	if s == nil || problems != nil {
		t.Fatal(listing(problems))
	}
	c, problems := NewChecker(m, map[content.CollectionName]*Schema{"nominees": s, "excludedNominees": s})
	if problems != nil {
		t.Error(listing(problems))
	}
	_, problems = c.Document(content.Ref{Collection: "nominees", ID: "a"}, "nominees/a.json", `{"repositories": [{"url": "x y"}], "SDGs": [{"SDGNumber": "3"}]}`)
	if diff := cmp.Diff("1:1  schema/required\n1:27 /repositories/0/url schema/format\n1:59 /SDGs/0/SDGNumber schema/type\n", brief(problems)); diff != "" {
		t.Error(diff)
	}
}

// record2kB is a record of two kilobytes and its schema, as the digest has them.
func record2kB() (schema, record string) {
	schema = `{"type": "object", "required": ["name", "ordinal"], "additionalProperties": false, "properties": {
		"name": {"$ref": "#/$defs/text"}, "summary": {"$ref": "#/$defs/text"}, "ordinal": {"type": "integer", "minimum": 1},
		"start": {"type": "string", "format": "date"}, "state": {"enum": ["planned", "running", "ended"]},
		"themes": {"type": "array", "uniqueItems": true, "items": {"$ref": "#/$defs/id"}},
		"participants": {"type": "array", "items": {"type": "object", "required": ["municipality"], "additionalProperties": false,
			"properties": {"municipality": {"$ref": "#/$defs/id"}, "role": {"enum": ["lead", "partner", "unknown"]}, "grant": {"type": ["number", "null"], "minimum": 0}}}}},
		"$defs": {"id": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$"},
			"text": {"type": "object", "required": ["fi"], "additionalProperties": false, "properties": {"fi": {"type": "string", "minLength": 1}, "sv": {"type": "string"}, "en": {"type": "string"}}}}}`
	var participants []string
	for i := range 12 {
		participants = append(participants, fmt.Sprintf(`{"municipality": "municipality-%d", "role": "partner", "grant": %d.5}`, i, i))
	}
	text := strings.Repeat("tiedolla johtaminen ", 25)
	return schema, fmt.Sprintf(`{"name": {"fi": "Nimi", "sv": "Namn"}, "summary": {"fi": %q, "en": %q}, "ordinal": 7, "start": "2022-04-25", "state": "running",
		"themes": ["osaamisen-kehittaminen", "tietojohtaminen"], "participants": [%s]}`, text, text, strings.Join(participants, ","))
}

func BenchmarkDocument2kB(b *testing.B) {
	schema, record := record2kB()
	s, problems := CompileSchema("s.json", tree{"s.json": schema}.read)
	if s == nil {
		b.Fatal(listing(problems))
	}
	m, _ := ReadModel("model.json", thingsModel)
	c, _ := NewChecker(m, map[content.CollectionName]*Schema{"things": s})
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, problems := c.Document(content.Ref{Collection: "things"}, "x", record); problems != nil {
				b.Fatal(listing(problems))
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkParse2kB(b *testing.B) {
	_, record := record2kB()
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if _, err := content.Parse(record); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileSchema(b *testing.B) {
	schema, _ := record2kB()
	for b.Loop() {
		if s, _ := CompileSchema("s.json", tree{"s.json": schema}.read); s == nil {
			b.Fatal()
		}
	}
}
