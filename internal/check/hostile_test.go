package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// A schema, however hostile, neither kills the process nor holds it up.
func TestHostileSchemas(t *testing.T) {
	deep := func(n int, open, middle, end string) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	chain := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"$ref": "#/$defs/d0", "$defs": {`)
		for i := range n {
			fmt.Fprintf(&b, `"d%d": {"$ref": "#/$defs/d%d"},`, i, i+1)
		}
		fmt.Fprintf(&b, `"d%d": {"type": "string"}}}`, n)
		return b.String()
	}
	doubling := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"$ref": "#/$defs/d0", "$defs": {`)
		for i := range n {
			fmt.Fprintf(&b, `"d%d": {"allOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]},`, i, i+1, i+1)
		}
		fmt.Fprintf(&b, `"d%d": {"type": "object"}}}`, n)
		return b.String()
	}
	many := func(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	tests := []struct {
		name, schema, record string
		rule                 string // of a problem that there must be, "" for none
	}{
		{"reference to itself", `{"$ref": "#"}`, `{}`, "schema-file/endless"},
		{"reference to itself through allOf", `{"allOf": [{"anyOf": [{"$ref": "#"}]}]}`, `{}`, "schema-file/endless"},
		{"two references to each other", `{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}`, `{}`, "schema-file/endless"},
		{"reference to itself through not", `{"not": {"$ref": "#"}}`, `{}`, "schema-file/endless"},
		{"dynamic reference to itself", `{"$dynamicAnchor": "a", "$dynamicRef": "#a"}`, `{}`, "schema-file/endless"},
		{"recursive reference to itself", `{"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#"}`, `{}`, "schema-file/endless"},
		{"dependency on itself", `{"dependentSchemas": {"a": {"$ref": "#"}}}`, `{"a": 1}`, "schema-file/endless"},
		{"a list of lists of itself", `{"items": {"$ref": "#"}}`, deep(60, "[", "", "]"), ""},
		{"a long chain of references", chain(5000), `{}`, "schema-file/too-complex"},
		{"a chain of references", chain(50), `"x"`, ""},
		{"each schema twice the next", doubling(30), `{}`, "record/too-slow"},
		{"each level twice the next", `{"allOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]}`,
			deep(50, `{"a":`, "1", "}"), "record/too-slow"},
		{"each level of a list twice the next", `{"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}`, deep(60, "[", "1", "]"), "record/too-slow"},
		{"alternatives within alternatives", `{"oneOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]}, {"properties": {"a": {"$ref": "#"}}, "required": ["c"]}]}`,
			deep(40, `{"a":`, "1", "}"), "record/too-slow"},
		{"nested deeper than any document", deep(200, `{"not":`, "true", "}"), `{}`, "json/too-deep"},
		{"more parts than any schema", `{"allOf": [` + many(20_000, "{}") + `]}`, `{}`, "schema-file/too-complex"},
		{"a huge enum of numbers over many numbers", `{"items": {"enum": [` + many(2_000, "1.5") + `]}}`, `[` + many(2_000, "2.5") + `]`, "record/too-slow"},
		{"a pattern that is a machine", `{"pattern": "(a{0,1000}){0,1}` + strings.Repeat("(b{0,900})", 20) + `"}`, `"a"`, "schema-file/pattern-size"},
		{"a large pattern over a large text", `{"pattern": "^(a{0,999}b){0,1}(c{0,900})$"}`, `"` + strings.Repeat("a", 900_000) + `"`, "record/too-slow"},
		{"more than one problem in each of many items", `{"items": {"type": "string"}}`, `[` + many(100_000, "1") + `]`, "record/more"},
		{"a limit past all computers", `{"maxLength": 1e300}`, `"a"`, "schema-file/number"},
		{"an absurd limit", `{"minimum": 1e2000000}`, `1`, "json/number"},
		{"the address of another machine", `{"$ref": "//example.org/schema.json"}`, `1`, "schema-file/remote"},
		{"an empty list of types", `{"type": []}`, `1`, "schema/minItems"},
		{"an id that is no address", `{"$id": "http://[::1", "type": "string"}`, `1`, "schema/format"},
		{"an id with letters that addresses cannot have", `{"$id": "https://example.org/määrä.json", "$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"}`, `1`, "schema/type"},
		{"an id that is a fragment", `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "#me", "properties": {"a": {"$ref": "#me"}}}`, `{"a": {"a": {}}}`, ""},
		{"an id that is an urn", `{"$id": "urn:example:thing", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}`, `{"a": 1}`, "schema/type"},
		{"the same id twice", `{"$defs": {"a": {"$id": "http://x/a", "type": "string"}, "b": {"$id": "http://x/a"}}, "$ref": "http://x/a"}`, `1`, "schema/type"},
		{"a schema that is a list", `[]`, `1`, "schema/type"},
		{"a schema that is a text", `"x"`, `1`, "schema/type"},
		{"a reference to a word", `{"$ref": "#/title", "title": "x"}`, `1`, "schema-file/no-target"},
		{"a reference that is a number", `{"$ref": 7}`, `1`, "schema/type"},
		{"a schema that allows nothing", `false`, `1`, "schema/false"},
		{"a schema that allows all", `true`, `1`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			started := time.Now()
			r := examineTree(tree{"schema.json": test.schema, "things/one.json": test.record})
			if took := time.Since(started); took > time.Minute {
				t.Errorf("took %v", took)
			}
			if test.rule == "" && len(r.problems) > 0 || test.rule != "" && !slices.Contains(rules(r.problems), test.rule) {
				t.Errorf("want a problem %q, got:\n%.2000s", test.rule, listing(r.problems))
			}
		})
	}
}

// A record at the limits of size is checked, or refused, in reasonable time.
func TestHostileRecords(t *testing.T) {
	schema := `{"type": "object", "additionalProperties": false, "patternProperties": {"^[a-z]+[0-9]*$": {"type": ["integer", "string"], "pattern": "^(a|b)*$"}}}`
	var b strings.Builder
	b.WriteString("{")
	for i := 0; b.Len() < content.MaxBytes-100; i++ {
		fmt.Fprintf(&b, `"k%d":"a",`, i)
	}
	b.WriteString(`"k":1}`)
	started := time.Now()
	if problems := thing(t, schema, b.String()); len(problems) > 0 && problems[0].Rule != "record/too-slow" {
		t.Errorf("got:\n%s", listing(problems))
	}
	if took := time.Since(started); took > time.Minute {
		t.Errorf("took %v", took)
	}
}
