package proposal

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/koonti/koonti/internal/content"
)

// put gives a record the document of the edit.
func (e *editing) put(c *content.Collection) error {
	v, err := content.Parse(e.edit.Document)
	if err != nil {
		return e.refuse("the document is no strict JSON: %s", faultOf(e.edit.Document, err))
	}
	return e.write(c, e.edit.Ref, v)
}

// patch changes a record by the patch of the edit.
func (e *editing) patch(c *content.Collection) error {
	r, err := e.existing(e.edit.Ref)
	if err != nil {
		return err
	}
	operations, complaint := parsePatch(e.edit.Patch)
	if complaint != "" {
		return e.refuse("%s", complaint)
	}
	p := patching{doc: r.Root, size: len(r.Root.AppendJSON(nil)), work: maxPatchBytes - e.patched}
	for i, o := range operations {
		if complaint := p.apply(o); complaint != "" {
			return e.refuse("operation %d (%s) does not apply: %s", i, o, complaint)
		}
	}
	e.patched = maxPatchBytes - p.work
	return e.write(c, e.edit.Ref, p.doc)
}

// existing is the record ref, which must be there and readable.
func (e *editing) existing(ref content.Ref) (*content.Record, error) {
	if r := e.record(ref); r != nil {
		return r, nil
	}
	if path, ok := e.lies(ref); ok {
		return nil, e.refuse("the file %s cannot be read as it is: put the whole record, or delete it", plainName(path))
	}
	return nil, e.refuse("there is no record %s%s", plainName(ref.String()), e.movedOn(ref))
}

// movedOn says what an edit before this one did to ref.
func (e *editing) movedOn(ref content.Ref) string {
	if number, ok := e.removed[referred{Ref: ref}]; ok {
		return fmt.Sprintf(": edit %d took it away or renamed it", number)
	}
	return ""
}

// write gives ref the document v: a new record, or a new document of one that is there.
func (e *editing) write(c *content.Collection, ref content.Ref, v *content.Value) error {
	if r := e.record(ref); r != nil {
		return e.set(ref, r.Path, content.Revise(r.Source, r.Root, v, c.Root, e.model.Languages))
	}
	path, ok := e.lies(ref)
	if !ok {
		var err error
		if path, err = e.newPath(c, ref); err != nil {
			return err
		}
	}
	return e.set(ref, path, content.Format(v, c.Root, e.model.Languages))
}

// newPath is where a record that was not there is put.
func (e *editing) newPath(c *content.Collection, ref content.Ref) (string, error) {
	if err := e.mayBeCalled(ref, ""); err != nil {
		return "", err
	}
	path, ok := c.Path.Path(ref.ID)
	if !ok {
		return "", e.refuse("the records of %s lie in folders that the model does not name (%s), so it cannot be told where a new one should lie: "+
			"add the file with Git", c.Name, plainName(c.Path.String()))
	}
	if owner, _ := e.model.Match(path); owner != c {
		return "", e.refuse("%s would be a record of %s, not of %s: take another id", plainName(path), owner.Name, c.Name)
	}
	return path, nil
}

// mayBeCalled refuses an id that may not be given to a record; besides is the id that
// the record has now, or "".
func (e *editing) mayBeCalled(ref content.Ref, besides content.ID) error {
	if !ref.ID.Writable() {
		return e.refuse("%s cannot be the id of a record: take small letters a-z and digits, with '.', '_' or '-' between them, "+
			"at most 100 characters, and no name that Windows keeps for a device", plainName(string(ref.ID)))
	}
	return e.mayReturn(ref, besides)
}

// mayReturn is mayBeCalled for an id that the record had before.
func (e *editing) mayReturn(ref content.Ref, besides content.ID) error {
	if other := e.ids.other(ref, besides, func(r content.Ref) bool { return e.there(referred{Ref: r}) }); other != "" {
		return e.refuse("the id %s is too like %s, which is there: some computers take the two for one file; take another id", plainName(string(ref.ID)), plainName(string(other)))
	}
	return nil
}

// rename gives a record another id.
func (e *editing) rename(c *content.Collection) error {
	r, err := e.existing(e.edit.Ref)
	if err != nil || e.edit.To == e.edit.ID {
		return err
	}
	to := content.Ref{Collection: c.Name, ID: e.edit.To}
	if err := e.free(to); err != nil {
		return err
	}
	if err := e.mayBeCalled(to, r.ID); err != nil {
		return err
	}
	return e.move(c, r, to, e.named(c, r, to.ID), e.edit.Carry)
}

// free refuses an id that another record has.
func (e *editing) free(ref content.Ref) error {
	if path, taken := e.lies(ref); taken {
		return e.refuse("there is a record %s already (%s): take another id, or rename or delete that one first", plainName(ref.String()), plainName(path))
	}
	return nil
}

// named is the document of r with the id, where the model says that it holds it.
func (e *editing) named(c *content.Collection, r *content.Record, id content.ID) *content.Value {
	if c.IDAt == nil || r.Root.At(*c.IDAt) == nil {
		return r.Root
	}
	v, _ := withValue(r.Root, c.IDAt.Tokens(), referenceTo(r.Root.At(*c.IDAt), id))
	return v
}

// move puts r with another document where it lies when it is called to, and carries the
// references to it along.
func (e *editing) move(c *content.Collection, r *content.Record, to content.Ref, v *content.Value, carry bool) error {
	path := c.Path.Moved(r.Path, to.ID)
	if owner, _ := e.model.Match(path); owner != c {
		return e.refuse("%s would be a record of %s, not of %s: take another id", plainName(path), owner.Name, c.Name)
	}
	e.drop(r.Ref)
	if err := e.set(to, path, content.Revise(r.Source, r.Root, v, c.Root, e.model.Languages)); err != nil {
		return err
	}
	if !carry {
		return nil
	}
	return e.carry(r.Ref, to.ID)
}

// remove takes a record away.
func (e *editing) remove(c *content.Collection) error {
	ref, to := e.edit.Ref, content.Ref{Collection: c.Name, ID: e.edit.To}
	if !e.there(referred{Ref: ref}) {
		_, err := e.existing(ref)
		return err
	}
	switch {
	case e.edit.Carry && to.ID == "":
		return e.refuse("carry hands the references over to another record: say in to which one")
	case !e.edit.Carry && to.ID != "":
		return e.refuse("to names the record %s: set carry to hand the references over to it, or leave to out", plainName(to.String()))
	case to == ref:
		return e.refuse("the references cannot go to the record that is deleted: say another one in to")
	}
	if to.ID != "" {
		if _, err := e.existing(to); err != nil {
			return err
		}
	}
	e.drop(ref)
	if !e.edit.Carry {
		return nil
	}
	return e.carry(ref, to.ID)
}

// carry gives all that refers to a record another id in its place.
func (e *editing) carry(from content.Ref, to content.ID) error {
	patterns := e.patternsOf(referred{Ref: from})
	for _, r := range e.referring(referred{Ref: from}) {
		c := e.model.Collection(r.Collection)
		v := r.Root
		for _, p := range patterns[c] {
			v, _ = carried(v, p.at.Tokens(), from.ID, to)
		}
		if err := e.write(c, r.Ref, v); err != nil {
			return err
		}
	}
	return nil
}

// carried returns v with to where tokens, a pattern, find from, and whether it did. An
// item that thereby becomes the same as another of its list is left out.
func carried(v *content.Value, tokens []string, from, to content.ID) (*content.Value, bool) {
	if len(tokens) == 0 {
		if id, ok := v.RefID(); !ok || id != from {
			return v, false
		}
		return referenceTo(v, to), true
	}
	var changed []int
	out, only := *v, v.Child(tokens[0])
	for i := range v.Kids {
		if tokens[0] != "*" && only != &v.Kids[i] {
			continue
		}
		kid, ok := carried(&v.Kids[i], tokens[1:], from, to)
		if !ok {
			continue
		}
		if changed == nil {
			out.Kids = slices.Clone(v.Kids)
		}
		out.Kids[i] = *kid
		changed = append(changed, i)
	}
	if v.Kind == content.List {
		out.Kids = withoutTwins(out.Kids, changed)
	}
	return &out, changed != nil
}

// withoutTwins leaves out of the items which those that are the same as another.
func withoutTwins(items []content.Value, which []int) []content.Value {
	if len(which) == 0 {
		return items
	}
	changed := make([]bool, len(items))
	for _, i := range which {
		changed[i] = true
	}
	texts, had := make([]string, len(items)), map[string]bool{}
	for i := range items {
		texts[i] = string(items[i].AppendJSON(nil))
		had[texts[i]] = had[texts[i]] || !changed[i]
	}
	out := make([]content.Value, 0, len(items))
	for i := range items {
		if changed[i] && had[texts[i]] {
			continue
		}
		had[texts[i]] = true
		out = append(out, items[i])
	}
	return out
}

// referenceTo is id as a value of the kind that was there: a number stays one if it can.
func referenceTo(was *content.Value, id content.ID) *content.Value {
	out := &content.Value{Name: was.Name, Kind: content.String, Text: string(id)}
	if was.Kind == content.Number {
		if v, err := content.Parse(string(id)); err == nil && v.Kind == content.Number {
			out.Kind = content.Number
		}
	}
	return out
}

// withValue returns a copy of v that has value where tokens say, nil for none; what is not
// changed is shared. A list takes one item more by the index after its last. It is false
// where nothing on the way there could hold it.
func withValue(v *content.Value, tokens []string, value *content.Value) (*content.Value, bool) {
	if len(tokens) == 0 {
		return value, true
	}
	at := slices.IndexFunc(v.Kids, func(kid content.Value) bool { return v.Kind == content.Object && kid.Name == tokens[0] })
	if v.Kind == content.List {
		var ok bool
		if at, ok = indexOf(tokens[0], len(v.Kids)); !ok {
			return nil, false
		}
	} else if v.Kind != content.Object {
		return nil, false
	}
	out := *v
	switch there := at >= 0 && at < len(v.Kids); {
	case there:
		kid, ok := withValue(&v.Kids[at], tokens[1:], value)
		if !ok {
			return nil, false
		}
		if kid == nil {
			out.Kids = slices.Concat(v.Kids[:at], v.Kids[at+1:])
			return &out, true
		}
		out.Kids = slices.Clone(v.Kids)
		out.Kids[at] = namedValue(v.Kids[at].Name, kid)
	case len(tokens) > 1:
		return nil, false
	case value != nil:
		kid := namedValue("", value)
		if v.Kind == content.Object {
			kid.Name = tokens[0]
		}
		out.Kids = append(slices.Clip(v.Kids), kid)
	}
	return &out, true
}

func pointerOf(tokens []string) content.Pointer {
	var p content.Pointer
	for _, t := range tokens {
		p = p.Child(t)
	}
	return p
}

func namedValue(name string, v *content.Value) content.Value {
	out := *v
	out.Name = name
	return out
}

// indexOf reads the token of an item (RFC 6901, section 4) of a list that has so many;
// the index after the last is one.
func indexOf(token string, items int) (int, bool) {
	i, err := strconv.Atoi(token)
	return i, err == nil && i >= 0 && i <= items && strconv.Itoa(i) == token
}

// faultOf says what is wrong with a text that is no strict JSON, and where.
func faultOf(source string, err error) string {
	var e *content.SyntaxError
	if !errors.As(err, &e) {
		return err.Error()
	}
	what := map[content.Fault]string{
		content.FaultEmpty:     "it is empty",
		content.FaultTooLarge:  fmt.Sprintf("it is larger than %d KiB", content.MaxBytes>>10),
		content.FaultTooDeep:   fmt.Sprintf("lists and objects are nested deeper than %d", content.MaxDepth),
		content.FaultBOM:       "it begins with a byte order mark: leave that out",
		content.FaultUTF8:      "there is a character that is no UTF-8",
		content.FaultDuplicate: "the member " + plainName(e.Near) + " is there twice",
		content.FaultTrailing:  "it should have ended before " + strconv.Quote(e.Near),
		content.FaultNumber:    "the number " + plainName(e.Near) + " is too large or too long",
		content.FaultSyntax:    "there cannot be " + strconv.Quote(e.Near),
	}[e.Fault]
	if e.Fault == content.FaultSyntax && e.Near == "" {
		what = "it ends too early"
	}
	if e.Fault == content.FaultTooLarge || e.Fault == content.FaultEmpty {
		return what
	}
	line, column := content.Position(source, e.Offset)
	return fmt.Sprintf("line %d, column %d: %s", line, column, what)
}

// shownValue is a value as a message shows it.
func shownValue(v *content.Value) string {
	if v == nil {
		return "nothing"
	}
	text := string(v.AppendJSON(nil))
	const most = 80
	if len(text) > most {
		cut := most
		for cut > 0 && text[cut]&0xC0 == 0x80 {
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}
