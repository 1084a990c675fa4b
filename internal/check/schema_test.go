package check

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// References between schema files lead where their author meant.
func TestReferencesBetweenFiles(t *testing.T) {
	text := `{"$defs": {"text": {"type": "string"}}, "definitions": {"text": {"type": "string"}}}`
	tests := []struct {
		name  string
		files tree
	}{
		{"beside", tree{"schema.json": `{"$ref": "text.json#/$defs/text"}`, "text.json": text}},
		{"in a folder", tree{"schema.json": `{"$ref": "./parts/text.json#/$defs/text"}`, "parts/text.json": text}},
		{"above, from a folder", tree{"schema.json": `{"$ref": "a/b.json"}`, "a/b.json": `{"$ref": "../text.json#/$defs/text"}`, "text.json": text}},
		{"from the root", tree{"schema.json": `{"$ref": "/parts/text.json#/$defs/text"}`, "parts/text.json": text}},
		{"a name with spaces and letters", tree{"schema.json": `{"$ref": "osa%20yksi/t%C3%A4mä.json#/$defs/text"}`, "osa yksi/tämä.json": text}},
		{"around in a circle", tree{"schema.json": `{"properties": {"a": {"$ref": "b.json"}}, "type": "string"}`, "b.json": `{"properties": {"b": {"$ref": "schema.json"}}}`}},
		{"by an absolute id, files beside each other", tree{
			"schema.json": `{"$id": "https://example.org/schemas/schema.json", "$ref": "text.json#/$defs/text"}`,
			"text.json":   `{"$id": "https://example.org/schemas/text.json", "$defs": {"text": {"type": "string"}}}`}},
		{"by a whole address", tree{
			"schema.json": `{"$id": "https://example.org/schema.json", "$ref": "https://example.org/text.json#/$defs/text"}`, "text.json": text}},
		{"by the id of a file that another reference brings in", tree{
			"schema.json": `{"allOf": [{"$ref": "urn:example:text"}, {"$ref": "other.json"}]}`, "other.json": `{"$id": "urn:example:text", "type": "string"}`}},
		{"by an id inside the file", tree{"schema.json": `{"$id": "http://x/a.json", "$ref": "inner.json", "$defs": {"i": {"$id": "inner.json", "type": "string"}}}`}},
		{"by an id inside an id", tree{"schema.json": `{"$id": "http://x/a/b.json", "$ref": "c/d.json#/$defs/e",
			"$defs": {"i": {"$id": "c/d.json", "$defs": {"e": {"$ref": "#f"}, "g": {"$anchor": "f", "type": "string"}}}}}`}},
		{"by an anchor", tree{"schema.json": `{"$ref": "#text", "$defs": {"t": {"$anchor": "text", "type": "string"}}}`}},
		{"by an anchor of another file", tree{"schema.json": `{"$ref": "b.json#text"}`, "b.json": `{"$defs": {"t": {"$dynamicAnchor": "text", "type": "string"}}}`}},
		{"by an anchor of draft 7", tree{"schema.json": `{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#text", "definitions": {"t": {"$id": "#text", "type": "string"}}}`}},
		{"by an id of draft 4", tree{"schema.json": `{"$schema": "http://json-schema.org/draft-04/schema#", "id": "http://x/y.json", "allOf": [{"$ref": "y.json#/definitions/t"}], "definitions": {"t": {"type": "string"}}}`}},
		{"to a part that no keyword knows", tree{"schema.json": `{"$ref": "#/own/te~1xt~0%25", "own": {"te/xt~%": {"type": "string"}}}`}},
		{"to an item", tree{"schema.json": `{"$ref": "#/anyOf/1", "anyOf": [{}, {"type": "string"}]}`}},
		{"between drafts", tree{"schema.json": `{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "b.json"}`, "b.json": `{"$ref": "#/$defs/t", "minLength": 1, "$defs": {"t": {"type": "string"}}}`}},
		{"an empty id", tree{"schema.json": `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "", "$ref": "#/definitions/t", "definitions": {"t": {"type": "string"}}}`}},
		{"an id with a fragment", tree{"schema.json": `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "http://x/y#", "$ref": "#/definitions/t", "definitions": {"t": {"type": "string"}}}`}},
		{"dynamic, to an extension", tree{
			"schema.json": `{"$id": "http://x/schema.json", "$ref": "tree.json", "$dynamicAnchor": "node", "type": "string"}`,
			"tree.json":   `{"$id": "http://x/tree.json", "$dynamicAnchor": "node", "properties": {"child": {"$dynamicRef": "#node"}}}`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := rules(document(t, test.files, `1`)); !cmp.Equal(got, []string{"schema/type"}) {
				t.Errorf("a number: got %v", got)
			}
			if got := rules(document(t, test.files, `"x"`)); got != nil {
				t.Errorf("a text: got %v", got)
			}
			switch test.name {
			case "by the id of a file that another reference brings in", "dynamic, to an extension":
				return // two parts, and fields beside the type: no one shape
			}
			root := examineTree(test.files).model.Collections[0].Root
			if len(root.Fields) != 1 || root.Fields[0].Shape.Kind != content.ShapeString {
				t.Errorf("the shape is another: %+v", root.Fields)
			}
		})
	}
}

// "$dynamicRef" means the extension, not the schema that it is written in.
func TestDynamicReferencesReachTheExtension(t *testing.T) {
	files := tree{
		"schema.json": `{"$ref": "tree.json", "$dynamicAnchor": "node", "required": ["name"]}`,
		"tree.json":   `{"$dynamicAnchor": "node", "properties": {"children": {"items": {"$dynamicRef": "#node"}}}}`,
	}
	if got := brief(document(t, files, `{"name": 1, "children": [{"name": 1}, {}]}`)); got != "1:39 /children/1 schema/required\n" {
		t.Errorf("got %s", got)
	}
}

func TestProblemsNameTheRulesPlace(t *testing.T) {
	files := tree{
		"schema.json": `{"$id": "https://example.org/x.json", "properties": {"a/b ä": {"$ref": "parts/b.json#here"}, "c": {"$ref": "https://example.org/inner"}},
			"$defs": {"i": {"$id": "https://example.org/inner", "maximum": 3}}}`,
		"parts/b.json": `{"$defs": {"x~y": {"$anchor": "here", "minLength": 2}}}`,
	}
	var got []string
	for _, p := range document(t, files, `{"a/b ä": "x", "c": 7}`) {
		got = append(got, string(p.Pointer)+" by "+p.SchemaPointer)
	}
	want := []string{"/a~1b ä by parts/b.json#/$defs/x~0y/minLength", "/c by schema.json#/$defs/i/maximum"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFilesAndKeyOfASchema(t *testing.T) {
	files := tree{"schema.json": `{"$ref": "b.json"}`, "b.json": `{"properties": {"a": {"$ref": "a.json"}}}`, "a.json": `{}`, "other.json": `{}`}
	compile := func() *Schema {
		s, problems := CompileSchema("schema.json", files.read)
		if s == nil {
			t.Fatal(listing(problems))
		}
		return s
	}
	first := compile()
	if diff := cmp.Diff([]string{"a.json", "b.json", "schema.json"}, first.Files()); diff != "" {
		t.Error(diff)
	}
	if len(first.Documents) != 3 || first.Documents["a.json"] == nil || first.Path != "schema.json" {
		t.Errorf("got documents %v", first.Documents)
	}
	files["other.json"] = `{"a": 1}`
	if second := compile(); second.Key != first.Key {
		t.Error("the key changed with a file that the schema does not use")
	}
	files["a.json"] = `{ }`
	if third := compile(); third.Key == first.Key {
		t.Error("the key is the same though a file changed")
	}
	var none *Schema
	if none.Files() != nil {
		t.Error("no schema has files")
	}
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("the disk is on fire")
	read := func(path string) (string, error) {
		if path == "b.json" {
			return "", broken
		}
		return tree{"schema.json": "{\n  \"$ref\": \"b.json\"}"}.read(path)
	}
	s, problems := CompileSchema("schema.json", read)
	if s != nil || brief(problems) != "2:11 /$ref schema-file/unreadable\n" || problems[0].Path != "schema.json" {
		t.Errorf("got %s", listing(problems))
	}
	if s, problems = CompileSchema("b.json", read); s != nil || brief(problems) != "0:0  schema-file/unreadable\n" {
		t.Errorf("got %s", listing(problems))
	}
}

// Each file is asked for once, in the same order every time: who reads may note it.
func TestEachFileIsReadOnce(t *testing.T) {
	files := tree{"schema.json": `{"allOf": [{"$ref": "c.json"}, {"$ref": "b.json"}, {"$ref": "c.json#/x"}, {"$ref": "no.json"}]}`, "b.json": `{"$ref": "c.json"}`, "c.json": `{"x": {}}`}
	for range 20 {
		var asked []string
		CompileSchema("schema.json", func(path string) (string, error) {
			asked = append(asked, path)
			return files.read(path)
		})
		if diff := cmp.Diff([]string{"schema.json", "c.json", "b.json", "no.json"}, asked); diff != "" {
			t.Fatal(diff)
		}
	}
}

// What is offered as a type by the model is what the schema says after references.
func TestShapesFollowTheSameReferences(t *testing.T) {
	r := examineTree(tree{
		"schema.json": `{"$id": "https://example.org/s/thing.json", "properties": {"name": {"$ref": "text.json"}}}`,
		"text.json":   `{"$id": "https://example.org/s/text.json", "type": "string"}`,
	})
	field := r.model.Collections[0].Root.Field("name")
	if field == nil || field.Shape.Kind != content.ShapeString || r.checker.Model() != r.model {
		t.Errorf("got %+v, problems %s", field, listing(r.problems))
	}
}
