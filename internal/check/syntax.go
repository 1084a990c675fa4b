package check

import (
	"errors"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// syntax is the problem of a text that is no strict JSON: rule "json/<fault>".
func (f subject) syntax(err error) content.Problem {
	var e *content.SyntaxError
	if !errors.As(err, &e) {
		e = &content.SyntaxError{Fault: content.FaultSyntax}
	}
	key := "json/" + string(e.Fault)
	if e.Fault == content.FaultSyntax {
		key += slip(f.source, e)
	}
	place := spot{e.Pointer, e.Offset, e.Fault != content.FaultTooLarge}
	return f.problem(key, place, "", args{
		"near": quoted(e.Near), "limit": number(content.MaxBytes >> 10), "depth": number(content.MaxDepth),
	})
}

// slip names the mistakes that people make most, by what stands at the place and
// before it; "" for any other.
func slip(source string, e *content.SyntaxError) string {
	before := strings.TrimRight(source[:min(e.Offset, len(source))], " \t\r\n")
	after := strings.TrimLeft(source[min(e.Offset+len(e.Near), len(source)):], " \t\r\n")
	last := byte(0)
	if before != "" {
		last = before[len(before)-1]
	}
	switch {
	case e.Near == "":
		return ":end"
	case e.Near == "\n" || e.Near == "\r":
		return ":newline"
	case e.Near == "," && strings.HasPrefix(after, "}"), e.Near == "," && strings.HasPrefix(after, "]"):
		return ":extra-comma"
	case !strings.ContainsAny(e.Near, `"{[0123456789`):
		return ""
	case strings.IndexByte(`"}]`, last) >= 0, strings.IndexByte(`0123456789el`, last) >= 0 && len(before) < e.Offset:
		return ":comma"
	}
	return ""
}

// TooLarge is the problem of a record whose file is over content.MaxBytes and
// therefore was not read.
func TooLarge(ref content.Ref, path string) content.Problem {
	return subject{ref: ref, path: path}.syntax(&content.SyntaxError{Fault: content.FaultTooLarge})
}

// ModelMissing is the problem of a repository that has no model file at path.
func ModelMissing(path string) content.Problem {
	return subject{path: path}.problem("model/missing", spot{}, "", args{"path": quoted(path)})
}

// HeldBack is the problem of changes that are not served for longer than Git should
// be at work in a work tree.
func HeldBack() content.Problem {
	return subject{path: ".git/index.lock"}.problem("repository/held-back", spot{}, "", nil)
}

// Unchecked is the problem of the records of a collection that cannot be checked,
// since its schema, at path, cannot be used.
func Unchecked(collection content.CollectionName, path string, records int) content.Problem {
	return subject{path: path}.problem("record/no-schema:all", spot{}, "", args{"collection": quoted(string(collection)), "count": number(records)})
}
