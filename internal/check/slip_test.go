package check

import (
	"testing"

	"github.com/koonti/koonti/internal/content"
)

func TestCommonSlipsAreNamed(t *testing.T) {
	m := &content.Model{Collections: []*content.Collection{{Name: "things"}}}
	c, _ := NewChecker(m, nil)
	for source, want := range map[string]string{
		"{\"a\": 1\n \"b\": 2}":  "A comma is missing before this.",
		"{\"a\": [1 2]}":         "A comma is missing before this.",
		"{\"a\": true \"b\": 2}": "A comma is missing before this.",
		"{\"a\": 1,}":            "One comma too many: nothing follows it. Remove it.",
		"[1, 2, ]":               "One comma too many: nothing follows it. Remove it.",
		"{\"a\": \"x\n\"}":       "The text is cut by a line break: a quotation mark is missing at the end of the line, or the line break must be written \\n.",
		"{\"a\": ":               "The file ends too early. Check that every quotation mark and bracket is closed.",
		"{\"a\": x}":             "The character 'x' cannot stand here. Check the commas, quotation marks and brackets before it.",
	} {
		_, problems := c.Document(content.Ref{Collection: "things", ID: "a"}, "a.json", source)
		if len(problems) != 1 || problems[0].Message("en") != want {
			t.Errorf("%q: %+v", source, problems)
		}
	}
}
