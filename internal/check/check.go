// Package check says what is wrong with content: strict JSON, JSON Schema (drafts 4
// to 2020-12) and the model's own rules for one record; lint for the model and its
// schemas; references, uniqueness and attachments over all records. What is wrong
// is data, []content.Problem, in Finnish, Swedish and English; the same input gives
// the same problems in the same order. It reads no files and no Git, and serves
// nothing.
package check

import (
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// Version changes whenever the same bytes may give other problems than before:
// what is stored of a verdict must be keyed by it.
const Version = "1"

// MaxProblems is how many problems one file can have; the last of more says how
// many were left out.
const MaxProblems = 50

// Read returns a file of the repository by its path, slash-separated from the
// root. The error wraps content.ErrNotFound where there is none.
type Read func(path string) (string, error)

// subject is the file that problems are found in.
type subject struct {
	ref    content.Ref
	path   string
	source string
}

// spot is a place in the text of a subject; the zero value is none.
type spot struct {
	pointer content.Pointer
	offset  int
	known   bool
}

// valueSpot is where v begins.
func valueSpot(at content.Pointer, v *content.Value) spot {
	if v == nil {
		return spot{}
	}
	return spot{at, int(v.Start), true}
}

// nameSpot is the name of the member v.
func nameSpot(at content.Pointer, v *content.Value) spot {
	if v == nil {
		return spot{}
	}
	return spot{at, int(v.NameAt), true}
}

// problem says that a rule is broken at s. key is that of the message: the rule's
// name, or "rule:variant". schema is the rule's place in a schema, or "".
func (f subject) problem(key string, s spot, schema string, a args) content.Problem {
	rule, _, _ := strings.Cut(key, ":")
	p := content.Problem{
		Collection: f.ref.Collection, ID: f.ref.ID, Path: f.path,
		Rule: rule, SchemaPointer: schema, Messages: say(key, a), Fault: fault(key, a),
	}
	if s.known {
		p.Line, p.Column = content.Position(f.source, s.offset)
		p.Pointer = s.pointer
	}
	return p
}

// parse reads the subject's text as strict JSON.
func (f subject) parse() (*content.Value, []content.Problem) {
	root, err := content.Parse(f.source)
	if err == nil {
		return root, nil
	}
	return nil, []content.Problem{f.syntax(err)}
}

// capped sorts problems and keeps the first MaxProblems, saying how many more
// there are. The one that says so stands where the first left out stood.
func (f subject) capped(problems []content.Problem) []content.Problem {
	problems = content.SortProblems(problems)
	if len(problems) <= MaxProblems {
		return problems
	}
	more := problems[MaxProblems-1]
	more.Rule, more.SchemaPointer = "record/more", ""
	count := number(len(problems) - MaxProblems + 1)
	more.Messages, more.Fault = say("record/more", args{"count": count}), "record/more "+count.en
	return content.SortProblems(append(problems[:MaxProblems-1:MaxProblems-1], more))
}
