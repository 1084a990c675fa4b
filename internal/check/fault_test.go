package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// What was wrong already stays what it was, whatever an edit did around it.
func TestAnOldProblemIsNoNewOne(t *testing.T) {
	const schema = `{"properties": {
		"kind": {"enum": ["red", "green"]}, "tags": {"items": {"type": "string", "minLength": 2}, "uniqueItems": true},
		"other": {"type": "string"}, "code": {"type": "string", "pattern": "^[a-z]+$"}, "more": {"minItems": 3}},
		"required": ["kind"]}`
	const model = `{"collections": [{"name": "things", "type": "Thing", "schema": "schema.json", "path": "things/{id}.json",
		"references": {"/other": {"collection": "things"}}, "unique": ["/code"]}]}`
	files := func(edits ...string) tree {
		t := tree{"model.json": model, "schema.json": schema, "things/one.json": `{"kind": "red"}`}
		for i := 0; i < len(edits); i += 2 {
			t[edits[i]] = edits[i+1]
		}
		return t
	}
	tests := []struct {
		name          string
		before, after tree
		own           []string
	}{
		{
			"an item before it", files("things/one.json", `{"kind": "red", "tags": ["abc", "x"]}`),
			files("things/one.json", `{"kind": "red", "tags": ["new", "abc", "x"]}`), nil,
		},
		{
			"an item before what is there twice", files("things/one.json", `{"kind": "red", "tags": ["abc", "abc"]}`),
			files("things/one.json", `{"kind": "red", "tags": ["new", "abc", "abc"]}`), nil,
		},
		{
			"another suggestion", files("things/one.json", `{"kind": "red", "other": "seven"}`),
			files("things/one.json", `{"kind": "red", "other": "seven"}`, "things/sevens.json", `{"kind": "red"}`), nil,
		},
		{
			"a third record with the value of two", files("things/one.json", `{"kind": "red", "code": "a"}`, "things/two.json", `{"kind": "red", "code": "a"}`),
			files("things/one.json", `{"kind": "red", "code": "a"}`, "things/two.json", `{"kind": "red", "code": "a"}`, "things/a.json", `{"kind": "red", "code": "a"}`),
			[]string{"things/a.json unique/taken"},
		},
		{
			"a value that the schema still refuses, with other words", files("things/one.json", `{"kind": "blue", "code": "A"}`),
			files("things/one.json", `{"kind": "blue", "code": "A"}`,
				"schema.json", strings.NewReplacer(`"green"`, `"green", "grey"`, `"pattern"`, `"description": "Small letters.", "pattern"`).Replace(schema)), nil,
		},
		{
			"one more of too few", files("things/one.json", `{"kind": "red", "more": []}`),
			files("things/one.json", `{"kind": "red", "more": [1]}`), nil,
		},
		{
			"another wrong value", files("things/one.json", `{"kind": "blue"}`), files("things/one.json", `{"kind": "black"}`),
			[]string{"things/one.json schema/enum"},
		},
		{
			"a schema that asks for more", files(), files("schema.json", strings.Replace(schema, `["kind"]`, `["kind", "code"]`, 1)),
			[]string{"things/one.json schema/required"},
		},
		{
			"what others refer to is gone", files("things/one.json", `{"kind": "red", "other": "two"}`, "things/two.json", `{"kind": "red"}`),
			files("things/one.json", `{"kind": "red", "other": "two"}`), []string{"things/one.json reference/missing"},
		},
		{
			"one more than are told", files("things/one.json", many(60)), files("things/one.json", many(61)), []string{"things/one.json record/more"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			own, _ := content.NewProblems(examineTree(test.before).problems, examineTree(test.after).problems)
			var got []string
			for _, p := range own {
				got = append(got, p.Path+" "+p.Rule)
			}
			if diff := cmp.Diff(test.own, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// many is a thing with n problems.
func many(n int) string {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprint(i))
	}
	return `{"kind": "red", "tags": [` + strings.Join(items, ", ") + `]}`
}
