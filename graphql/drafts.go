package graphql

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// The types.

// editForm is one row of the table of edits: a member of EditInput.
type editForm struct {
	kind                     content.EditKind
	member, typ, description string
	fields                   func(b *builder) []*inputDef
}

// editForms are the members of EditInput, of which an edit has exactly one.
var editForms = []editForm{
	{content.EditPut, "put", "PutRecordInput", "Gives a record a document, whether it is there or not.", func(b *builder) []*inputDef {
		return append(b.refInputs(), &inputDef{name: "document", typ: nonNull(of(b.scalar("JSON"))), description: "The whole document."})
	}},
	{content.EditPatch, "patch", "PatchRecordInput", "Changes a record.", func(b *builder) []*inputDef {
		return append(b.refInputs(), &inputDef{name: "patch", typ: nonNull(of(b.scalar("JSON"))), description: "A JSON Patch (RFC 6902): `[{op: \"replace\", path: \"/name/fi\", value: \"…\"}]`."})
	}},
	{content.EditRename, "rename", "RenameRecordInput", "Gives a record another id.", func(b *builder) []*inputDef {
		return append(b.refInputs(),
			&inputDef{name: "to", typ: nonNull(of(b.scalar("ID"))), description: "The new id."},
			&inputDef{name: "carry", typ: of(b.scalar("Boolean")), description: "Whether what refers to the record gets the new id; unless it does, a reference that would lead nowhere refuses the edit."})
	}},
	{content.EditDelete, "delete", "DeleteRecordInput", "Removes a record.", func(b *builder) []*inputDef {
		return append(b.refInputs(), &inputDef{name: "carryTo", typ: of(b.scalar("ID")), description: "The id of the record that gets the references to this one; without it, a reference that would lead nowhere refuses the edit."})
	}},
	{content.EditPutFile, "putFile", "PutFileInput", "Puts an attachment.", func(b *builder) []*inputDef {
		return append(b.pathInputs(), &inputDef{name: "base64", typ: nonNull(of(b.scalar("String"))), description: "Its bytes in base64 (RFC 4648, section 4): at most 32 MiB."})
	}},
	{content.EditDeleteFile, "deleteFile", "DeleteFileInput", "Removes an attachment.", (*builder).pathInputs},
	{content.EditRestore, "restore", "RestoreInput", "Gives a record, or a place of it, what it had at a revision: nothing, where there was nothing.", (*builder).restored},
	{content.EditUndo, "undo", "UndoInput", "Takes back what a commit did to a record, and leaves what came after it.", (*builder).undone},
}

// input makes, once, an input type.
func (b *builder) input(name, description string, fields func() []*inputDef) *typeDef {
	if t := b.byName[name]; t != nil {
		return t
	}
	t := b.share(inputKind, name, description)
	t.inputs = fields()
	return t
}

func (b *builder) editInput() *typeDef {
	return b.input("EditInput", "One thing to be done: exactly one member is given.", func() []*inputDef {
		out := make([]*inputDef, len(editForms))
		for i, form := range editForms {
			t := b.input(form.typ, form.description, func() []*inputDef { return form.fields(b) })
			out[i] = &inputDef{name: form.member, typ: of(t), description: form.description}
		}
		return out
	})
}

func (b *builder) refInputs() []*inputDef {
	return []*inputDef{{name: "collection", typ: nonNull(of(b.scalar("String"))), description: "The collection, as the model names it."}, b.idArg()}
}

func (b *builder) pathInputs() []*inputDef {
	return []*inputDef{{name: "path", typ: nonNull(of(b.scalar("String"))), description: "The file, from the root of the repository."}}
}

func (b *builder) restored() []*inputDef {
	return append(b.refInputs(),
		&inputDef{name: "field", typ: of(b.scalar("String")), description: "The place (JSON Pointer, RFC 6901); the whole record unless said."},
		&inputDef{name: "revision", typ: nonNull(of(b.scalar("Revision"))), description: "The revision to take it from."})
}

func (b *builder) undone() []*inputDef {
	return append(b.refInputs(), &inputDef{name: "commit", typ: nonNull(of(b.scalar("Revision"))), description: "The commit whose change is taken back."})
}

func (b *builder) headArg() *inputDef {
	return &inputDef{name: "head", typ: nonNull(of(b.scalar("String"))), description: "The full hash of the head that was seen; where the proposal has another now, it is refused as OUTDATED."}
}

func (b *builder) baseArg() *inputDef {
	return &inputDef{name: "base", typ: of(b.scalar("String")), description: "The full hash of the commit that the edits are made on; the newest of the target unless said."}
}

func (b *builder) numberArgs() []*inputDef { return []*inputDef{b.numberArg()} }

// draftInputs are the members of a draft but for its edits, each where it is named.
func (b *builder) draftInputs(names ...string) []*inputDef {
	str := of(b.scalar("String"))
	all := map[string]*inputDef{
		"title":       {name: "title", typ: str, description: "For people: at most 250 bytes."},
		"description": {name: "description", typ: str, description: "For people: at most 64 KiB."},
		"base":        b.baseArg(),
		"key":         {name: "key", typ: str, description: "Makes it safe to ask again: one person gets one proposal for one key."},
		"reviewers":   {name: "reviewers", typ: listOfNonNull(str), description: "Who is asked for a review: names or addresses."},
	}
	out := make([]*inputDef, len(names))
	for i, name := range names {
		out[i] = all[name]
	}
	return out
}

// madeArgs are those of a mutation that makes its edit itself.
func (b *builder) madeArgs() []*inputDef {
	return b.draftInputs("title", "description", "base", "key", "reviewers")
}

func (b *builder) proposeArgs() []*inputDef {
	t := b.input("ProposeInput", "What is proposed.", func() []*inputDef {
		out := b.draftInputs("title", "description", "base", "key", "reviewers")
		out[0].typ = nonNull(out[0].typ)
		return append(out, &inputDef{name: "edits", typ: nonNull(listOfNonNull(of(b.editInput()))), description: "What is to be done, in order: at most 5,000."})
	})
	return []*inputDef{{name: "input", typ: nonNull(of(t))}}
}

func (b *builder) amendArgs() []*inputDef {
	t := b.input("AmendProposalInput", "What is to be other about a proposal.", func() []*inputDef {
		out := append([]*inputDef{b.numberArg(), b.headArg()}, b.draftInputs("title", "description", "reviewers")...)
		return append(out, &inputDef{name: "edits", typ: listOfNonNull(of(b.editInput())), description: "What is to be done to that head, in order: at most 5,000."})
	})
	return []*inputDef{{name: "input", typ: nonNull(of(t))}}
}

func (b *builder) mergeArgs() []*inputDef {
	str := of(b.scalar("String"))
	t := b.input("ResolutionInput", "Settles one conflict: exactly one of `take`, `value` and `remove` is given.", func() []*inputDef {
		return []*inputDef{
			{name: "path", typ: nonNull(str), description: "That of the conflict."},
			{name: "field", typ: str, description: "That of the conflict; the whole record or file unless said."},
			{name: "take", typ: of(b.mergeSide()), description: "The side whose value is taken."},
			{name: "value", typ: of(b.scalar("JSON")), description: "The value that is written; also null."},
			{name: "remove", typ: of(b.scalar("Boolean")), description: "True removes the place."},
		}
	})
	return []*inputDef{b.numberArg(), b.headArg(), {name: "resolutions", typ: listOfNonNull(of(t)), description: "One for each of the `conflicts`."}}
}

// The plan.

// writing is what a mutation is asked to do, checked.
type writing struct {
	number      int
	draft       content.Draft
	head        content.Hash
	verdict     content.Verdict
	text        string
	resolutions []content.Resolution
}

// drafter reads the arguments of one mutation.
type drafter struct {
	*planner
	field *planField
}

func (d drafter) fail(format string, args ...any) {
	d.planner.fail(newError(CodeBadInput, format, args...), d.field.nodes[0])
}

func (d drafter) tooLarge(format string, args ...any) {
	d.planner.fail(tooLarge(format, args...), d.field.nodes[0])
}

// members are the fields of an input object by their names.
func (o object) members() map[string]any {
	out := make(map[string]any, len(o))
	for _, m := range o {
		out[m.def.name] = m.value
	}
	return out
}

// textOf is the text of a value; "" where it is absent.
func textOf(v any) string {
	text, _ := v.(string)
	return text
}

func (p *planner) writing(f *planField, args map[string]any) *writing {
	d := drafter{p, f}
	if in, ok := args["input"].(object); ok {
		args = in.members()
	}
	number, _ := args["number"].(int64)
	w := &writing{
		number: int(number), head: d.hash(args, "head"), verdict: content.Verdict(textOf(args["verdict"])),
		text: d.text(args, "text", content.MaxText), resolutions: d.resolutions(args), draft: d.draft(args),
	}
	if kind := f.def.place.mutation.edit; kind != "" {
		made := d.edit(kind, args, f.def.name)
		w.draft.Edits = []content.Edit{made}
		w.draft.Title = cmp.Or(w.draft.Title, titleOf(made))
	}
	if number != 0 {
		w.draft.Base = cmp.Or(w.draft.Base, w.head)
	}
	return w
}

// titleOf is the title of a proposal of one edit.
func titleOf(e content.Edit) string {
	what := e.Ref.String()
	if e.Field != "" {
		what += " " + string(e.Field)
	}
	if e.Kind == content.EditUndo {
		return clipped("Undo "+e.Revision+" in "+what, content.MaxTitle)
	}
	return clipped("Restore "+what+" as of "+e.Revision, content.MaxTitle)
}

// clipped is a text cut to a number of bytes, and not inside a character.
func clipped(text string, most int) string {
	return strings.ToValidUTF8(text[:min(most, len(text))], "")
}

func (d drafter) draft(args map[string]any) content.Draft {
	out := content.Draft{
		Title: d.text(args, "title", content.MaxTitle), Description: d.text(args, "description", content.MaxText),
		Base: d.hash(args, "base"), Key: d.text(args, "key", content.MaxTitle),
	}
	reviewers, _ := args["reviewers"].([]any)
	for _, who := range reviewers {
		out.Reviewers = append(out.Reviewers, textOf(who))
	}
	edits, _ := args["edits"].([]any)
	if len(edits) > content.MaxEdits {
		d.tooLarge("There are %d edits; the limit is %d.", len(edits), content.MaxEdits)
		return out
	}
	for i, in := range edits {
		out.Edits = append(out.Edits, d.oneOf(in.(object), fmt.Sprintf("edits[%d]", i)))
	}
	return out
}

// oneOf reads an EditInput.
func (d drafter) oneOf(in object, path string) content.Edit {
	if len(in) != 1 {
		d.fail("%s must have exactly one of %s; it has %s.", path, strings.Join(editMembers(), ", "), cmp.Or(strings.Join(in.names(), ", "), "none"))
		return content.Edit{}
	}
	for _, form := range editForms {
		if form.member == in[0].def.name {
			return d.edit(form.kind, in[0].value.(object).members(), path+"."+form.member)
		}
	}
	return content.Edit{}
}

func editMembers() []string {
	out := make([]string, len(editForms))
	for i, form := range editForms {
		out[i] = form.member
	}
	return out
}

func (o object) names() []string {
	out := make([]string, len(o))
	for i, m := range o {
		out[i] = m.def.name
	}
	return out
}

// edit reads the fields of an edit; each name means the same in all of them.
func (d drafter) edit(kind content.EditKind, in map[string]any, path string) content.Edit {
	document, _ := in["document"].(jsonText)
	patch, _ := in["patch"].(jsonText)
	carry, _ := in["carry"].(bool)
	out := content.Edit{
		Kind: kind, Ref: content.Ref{Collection: content.CollectionName(textOf(in["collection"])), ID: content.ID(textOf(in["id"]))},
		Document: string(document), Patch: string(patch), Carry: carry, To: content.ID(textOf(in["to"])),
		Path: textOf(in["path"]), Revision: cmp.Or(textOf(in["revision"]), textOf(in["commit"])), Field: d.pointerAt(in, path),
	}
	if to, ok := in["carryTo"].(string); ok {
		out.To, out.Carry = content.ID(to), true
	}
	if text, ok := in["base64"].(string); ok {
		out.Bytes = d.bytes(text, path+".base64")
	}
	d.count(len(out.Document) + len(out.Patch) + len(out.Bytes))
	return out
}

// count adds to what is written.
func (d drafter) count(bytes int) {
	most := d.limits.WrittenBytes
	within := d.written <= most
	if d.written += bytes; within && d.written > most {
		d.tooLarge("The documents, patches and attachments of the request have more than %d bytes.", most)
	}
}

func (d drafter) bytes(text, path string) []byte {
	if base64.StdEncoding.DecodedLen(len(text)) > content.MaxFile+2 {
		d.tooLarge("%s has more than %d bytes.", path, content.MaxFile)
		return nil
	}
	out, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		d.fail("%s is no base64 (RFC 4648, section 4).", path)
	}
	if len(out) > content.MaxFile {
		d.tooLarge("%s has more than %d bytes.", path, content.MaxFile)
	}
	return out
}

// pointerAt reads the field "field" of an input object.
func (d drafter) pointerAt(in map[string]any, path string) content.Pointer {
	pointer, err := content.ParsePointer(textOf(in["field"]))
	if err != nil {
		_, message := describeError(err)
		d.fail("%s.field: %s", path, message)
	}
	return pointer
}

func (d drafter) text(args map[string]any, name string, most int) string {
	text := textOf(args[name])
	if len(text) > most {
		d.tooLarge("%q has %d bytes; the limit is %d.", name, len(text), most)
	}
	return text
}

func (d drafter) hash(args map[string]any, name string) content.Hash {
	text, ok := args[name].(string)
	if ok && !fullHash(text) {
		d.fail("%q must be the full hash of a commit: %d hexadecimal digits.", name, hashDigits)
	}
	return content.Hash(text)
}

func (d drafter) resolutions(args map[string]any) []content.Resolution {
	list, _ := args["resolutions"].([]any)
	if len(list) > content.MaxEdits {
		d.tooLarge("There are %d resolutions; the limit is %d.", len(list), content.MaxEdits)
		return nil
	}
	var out []content.Resolution
	for i, in := range list {
		out = append(out, d.resolution(in.(object).members(), fmt.Sprintf("resolutions[%d]", i)))
	}
	return out
}

func (d drafter) resolution(in map[string]any, path string) content.Resolution {
	value, written := in["value"].(jsonText)
	remove, _ := in["remove"].(bool)
	side := textOf(in["take"])
	given := 0
	for _, yes := range []bool{side != "", written, remove} {
		if yes {
			given++
		}
	}
	if given != 1 {
		d.fail("%s must have exactly one of take, value, remove: true.", path)
	}
	return content.Resolution{Path: textOf(in["path"]), Field: d.pointerAt(in, path), Take: content.Side(side), Value: string(value)}
}
