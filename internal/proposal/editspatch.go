package proposal

import (
	"fmt"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/koonti/koonti/internal/content"
)

// Limits on patches (RFC 6902).
const (
	// maxOperations is how many one patch may hold.
	maxOperations = 1000
	// maxPatchBytes is how many bytes of documents the patches of one draft may work
	// through, so that no patch, however it is made, takes long.
	maxPatchBytes = 256 << 20
)

// operation is one of a patch.
type operation struct {
	op         string
	path, from content.Pointer
	value      *content.Value
}

func (o operation) String() string {
	if o.op == "move" || o.op == "copy" {
		return o.op + " " + pointerName(o.from) + " to " + pointerName(o.path)
	}
	return o.op + " " + pointerName(o.path)
}

func pointerName(p content.Pointer) string {
	if p == "" {
		return "the whole record"
	}
	return plainName(string(p))
}

// parsePatch reads a patch. The complaint is "" where it is one.
func parsePatch(text string) (operations []operation, complaint string) {
	v, err := content.Parse(text)
	switch {
	case err != nil:
		return nil, "the patch is no strict JSON: " + faultOf(text, err)
	case v.Kind != content.List:
		return nil, `the patch must be a list of operations (RFC 6902), like [{"op": "replace", "path": "/name", "value": "x"}]`
	case len(v.Kids) > maxOperations:
		return nil, fmt.Sprintf("the patch has %d operations, and may have %d: put the whole record", len(v.Kids), maxOperations)
	}
	for i := range v.Kids {
		o, complaint := parseOperation(&v.Kids[i])
		if complaint != "" {
			return nil, fmt.Sprintf("operation %d: %s", i, complaint)
		}
		operations = append(operations, o)
	}
	return operations, ""
}

func parseOperation(v *content.Value) (o operation, complaint string) {
	o.op = v.Member("op").Str()
	o.value = v.Member("value")
	needs := map[string]string{"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from", "remove": "path"}[o.op]
	switch {
	case v.Kind != content.Object:
		return o, "it must be an object with op and path"
	case needs == "":
		return o, "op must be add, remove, replace, move, copy or test, but it is " + shownValue(v.Member("op"))
	case v.Member(needs) == nil:
		return o, o.op + " needs the member " + needs
	}
	if o.path, complaint = pointerIn(v, "path"); complaint == "" && needs == "from" {
		o.from, complaint = pointerIn(v, "from")
	}
	return o, complaint
}

func pointerIn(v *content.Value, member string) (content.Pointer, string) {
	text := v.Member(member)
	if text == nil || text.Kind != content.String {
		return "", member + ` must be a JSON Pointer, like "/name"`
	}
	p, err := content.ParsePointer(text.Text)
	if err != nil {
		return "", member + ": " + err.Error()
	}
	return p, ""
}

// patching is a document being patched.
type patching struct {
	doc *content.Value
	// size is that of doc in bytes, work how many bytes may still be worked through.
	size, work int
}

// apply does one operation; the complaint, "" for none, says why it cannot be done and
// what is there.
//
// The library does the step, on the object or list that holds the place. What leads
// there, and the values compared and moved, are ours: left to the library, a name that
// is empty is the whole document, "01" and "+1" are items of a list, 1.0 is not 1, what
// is not there is null to a test, and a null in a list ends the process.
func (p *patching) apply(o operation) (complaint string) {
	switch o.op {
	case "add":
		return p.add(o.path, o.value)
	case "remove":
		return p.remove(o.path)
	case "replace":
		return p.replace(o.path, o.value)
	case "test":
		return p.test(o.path, o.value)
	}
	v := p.doc.At(o.from)
	switch {
	case v == nil:
		return p.missing(o.from)
	case o.op == "copy":
		return p.add(o.path, v)
	case o.from == o.path:
		return ""
	case o.from.Covers(o.path):
		return "a value cannot be moved into itself"
	}
	if complaint := p.remove(o.from); complaint != "" {
		return complaint
	}
	return p.add(o.path, v)
}

func (p *patching) test(at content.Pointer, want *content.Value) string {
	v := p.doc.At(at)
	if v == nil {
		return p.missing(at)
	}
	if !v.Equal(want) {
		return "it is " + shownValue(v) + " there, not " + shownValue(want)
	}
	return ""
}

func (p *patching) replace(at content.Pointer, v *content.Value) string {
	if p.doc.At(at) == nil {
		return p.missing(at)
	}
	if at == "" {
		return p.whole(v)
	}
	return p.step("replace", at, v)
}

func (p *patching) remove(at content.Pointer) string {
	if p.doc.At(at) == nil {
		return p.missing(at)
	}
	if at == "" {
		return "a patch cannot remove the whole record: delete it"
	}
	return p.step("remove", at, nil)
}

func (p *patching) add(at content.Pointer, v *content.Value) string {
	if at == "" {
		return p.whole(v)
	}
	parent, token := splitPointer(at)
	holder := p.doc.At(parent)
	switch {
	case holder == nil:
		return p.missing(parent)
	case holder.Kind == content.List:
		if _, ok := indexOf(token, len(holder.Kids)); !ok && token != "-" {
			return fmt.Sprintf("%s is a list of %d: an item can be added at 0 to %d, or at the end as -", pointerName(parent), len(holder.Kids), len(holder.Kids))
		}
	case holder.Kind != content.Object:
		return pointerName(parent) + " is " + shownValue(holder) + ", which has no places in it"
	}
	return p.step("add", at, v)
}

func (p *patching) whole(v *content.Value) string {
	p.doc, p.size = v, len(v.AppendJSON(nil))
	return ""
}

// missing says what there is on the way to a place that is not there.
func (p *patching) missing(at content.Pointer) string {
	near, v := p.doc.Nearest(at)
	there := pointerName(near) + " is " + shownValue(v)
	switch v.Kind {
	case content.List:
		there = fmt.Sprintf("%s is a list of %d", pointerName(near), len(v.Kids))
	case content.Object:
		names := make([]string, 0, len(v.Kids))
		for i := range v.Kids {
			names = append(names, plainName(v.Kids[i].Name))
		}
		const most = 12
		if len(names) > most {
			names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
		}
		there = pointerName(near) + " has " + strings.Join(names, ", ")
		if len(names) == 0 {
			there = pointerName(near) + " is empty"
		}
	}
	return "there is nothing at " + pointerName(at) + "; " + there
}

// step has the library do op, which fits, to the object or list that holds the place.
func (p *patching) step(op string, at content.Pointer, v *content.Value) string {
	parent, token := splitPointer(at)
	before := p.doc.At(parent).AppendJSON(nil)
	text := content.AppendString([]byte(`[{"op":"`+op+`","path":`), string(content.Pointer("").Child(token)))
	if v != nil {
		text = v.AppendJSON(append(text, `,"value":`...))
	}
	text = append(text, "}]"...)
	if p.work -= len(before) + len(text); p.work < 0 {
		return fmt.Sprintf("the patches are too much work: more than %d MiB; make several proposals", maxPatchBytes>>20)
	}
	one, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return err.Error()
	}
	after, err := one.ApplyWithOptions(before, &jsonpatch.ApplyOptions{})
	if err != nil {
		return err.Error()
	}
	if p.size += len(after) - len(before); p.size > content.MaxBytes {
		return fmt.Sprintf("the record would be larger than %d KiB", content.MaxBytes>>10)
	}
	holder, err := content.Parse(string(after))
	if err != nil {
		return faultOf(string(after), err)
	}
	p.doc, _ = withValue(p.doc, parent.Tokens(), holder)
	return ""
}

// splitPointer cuts the last token off a pointer that is not empty.
func splitPointer(at content.Pointer) (parent content.Pointer, token string) {
	tokens := at.Tokens()
	i := strings.LastIndexByte(string(at), '/')
	return at[:i], tokens[len(tokens)-1]
}
