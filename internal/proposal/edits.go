package proposal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Content is what edits are made on and taken from.
type Content interface {
	// Own returns the view of a commit by its own model and schemas (View.Model is that
	// of the commit, or the newest usable before it).
	Own(ctx context.Context, commit content.Hash) (*content.View, error)
	// At returns the view of a revision in the words of users (branch, tag, hash, date).
	// Errors wrap the sentinels of package content, and are fit for clients.
	At(ctx context.Context, revision string) (*content.View, error)
}

// maxDraftBytes bounds all documents, patches and attachments of one draft together.
const maxDraftBytes = 64 << 20

// applyEdits makes the files that edits come to: by path, the new bytes, nil where the
// file is to be gone; a file that stays as it is at base is not among them. base must
// hold each record as its commit does, none replaced by an older version.
//
// The edits are done in order, each to what those before it left. References to what
// they take away are judged at the end: it counts what the whole draft leaves. What
// else is wrong with the content then (schemas, values that should be unique) is the
// caller's to check.
//
// The error is a *content.Refusal for what cannot be done as things are; it names the
// edit, counted from 1. Any other is a failure to read, or the end of ctx.
func applyEdits(ctx context.Context, world Content, base *content.View, edits []content.Edit) (map[string][]byte, error) {
	if err := withinLimits(edits); err != nil {
		return nil, err
	}
	e := newEditing(world, base)
	for i, edit := range edits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e.number, e.edit = i+1, edit
		if err := e.apply(ctx); err != nil {
			return nil, err
		}
	}
	if err := e.dangling(edits); err != nil {
		return nil, err
	}
	return e.changes(), nil
}

func withinLimits(edits []content.Edit) error {
	size := 0
	for _, e := range edits {
		size += len(e.Document) + len(e.Patch) + len(e.Bytes)
	}
	message := ""
	switch {
	case len(edits) > content.MaxEdits:
		message = fmt.Sprintf("there are %d edits, and a proposal may hold %d at a time: make several proposals", len(edits), content.MaxEdits)
	case size > maxDraftBytes:
		message = fmt.Sprintf("the edits come to %d MiB, and a proposal may hold %d at a time: make several proposals", size>>20, maxDraftBytes>>20)
	default:
		return nil
	}
	return &content.Refusal{Reason: content.RefusedEdit, Message: message}
}

// editing is one run of applyEdits: base, and above it what the edits done so far made
// of it.
type editing struct {
	world Content
	base  *content.View
	model *content.Model
	// number and edit are those being done; number counts from 1.
	number int
	edit   content.Edit
	// records are those that were touched, nil for gone; files likewise.
	records map[content.Ref]*content.Record
	files   map[string][]byte
	// mentioned says which touched records refer to a record, or name a file.
	mentioned map[referred]map[content.Ref]bool
	// unreadable are files of base that are no strict JSON, by the record they should be.
	unreadable map[content.Ref]string
	ids        folded
	// removed says which edit took something away last.
	removed map[referred]int
	// patched is how many bytes patches have worked through.
	patched int
}

func newEditing(world Content, base *content.View) *editing {
	e := &editing{
		world: world, base: base, model: base.Model,
		records: map[content.Ref]*content.Record{}, files: map[string][]byte{},
		mentioned: map[referred]map[content.Ref]bool{}, removed: map[referred]int{},
		unreadable: unreadable(base),
	}
	e.ids = foldedIDs(base, e.unreadable)
	return e
}

func (e *editing) apply(ctx context.Context) error {
	switch e.edit.Kind {
	case content.EditPutFile:
		return e.putFile()
	case content.EditDeleteFile:
		return e.deleteFile()
	}
	c := e.model.Collection(e.edit.Collection)
	if c == nil {
		return e.refuse("there is no collection %s; there are %s", plainName(string(e.edit.Collection)), collectionNames(e.model))
	}
	if !e.edit.ID.Readable() {
		return e.refuse("%s is no id: it must be the name of a file, without '/' and control characters", plainName(string(e.edit.ID)))
	}
	switch e.edit.Kind {
	case content.EditPut:
		return e.put(c)
	case content.EditPatch:
		return e.patch(c)
	case content.EditRename:
		return e.rename(c)
	case content.EditDelete:
		return e.remove(c)
	case content.EditRestore:
		return e.restore(ctx, c)
	case content.EditUndo:
		return e.undo(ctx, c)
	}
	return e.refuse("there is no such kind of edit")
}

// refuse says why the edit being done cannot be done.
func (e *editing) refuse(format string, args ...any) *content.Refusal {
	return &content.Refusal{Reason: content.RefusedEdit, Message: editName(e.number, e.edit) + ": " + fmt.Sprintf(format, args...)}
}

// editName names an edit: "edit 3 (rename themes/a to b)".
func editName(number int, e content.Edit) string {
	record := plainName(string(e.Collection)) + "/" + plainName(string(e.ID))
	what := strings.ToLower(plainName(string(e.Kind))) + " " + record
	switch e.Kind {
	case content.EditRename:
		what += " to " + plainName(string(e.To))
	case content.EditPutFile:
		what = "put the file " + plainName(e.Path)
	case content.EditDeleteFile:
		what = "delete the file " + plainName(e.Path)
	case content.EditRestore:
		if e.Field != "" {
			what = "restore " + plainName(string(e.Field)) + " of " + record
		}
		what += " as at " + plainName(e.Revision)
	case content.EditUndo:
		what = "undo " + plainName(e.Revision) + " on " + record
	}
	return "edit " + strconv.Itoa(number) + " (" + what + ")"
}

// plainName is a plainName as a message shows it: quoted where it has anything odd, and not
// longer than anyone reads.
func plainName(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	if quoted := strconv.Quote(s); s == "" || strings.ContainsAny(s, " ,()") || quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

func collectionNames(m *content.Model) string {
	var names []string
	for _, c := range m.Collections {
		names = append(names, string(c.Name))
	}
	return strings.Join(names, ", ")
}

// changes are the files that differ from base.
func (e *editing) changes() map[string][]byte {
	files := map[string][]byte{}
	for ref, r := range e.records {
		if was, ok := e.pathAtBase(ref); ok && (r == nil || r.Path != was) {
			files[was] = nil
		}
	}
	for ref, r := range e.records {
		if r == nil {
			continue
		}
		if was := e.base.Snapshot.Record(ref); was == nil || was.Path != r.Path || was.Source != r.Source {
			files[r.Path] = []byte(r.Source)
		}
	}
	for path, data := range e.files {
		was, ok := e.base.Snapshot.File(path)
		switch {
		case data == nil && ok:
			files[path] = nil
		case data != nil && (!ok || content.Hash(gitrepo.HashBlob(data)) != was.Blob):
			files[path] = bytes.Clone(data)
		}
	}
	return files
}

// pathAtBase is where ref lies at base, readable or not.
func (e *editing) pathAtBase(ref content.Ref) (string, bool) {
	if r := e.base.Snapshot.Record(ref); r != nil {
		return r.Path, true
	}
	path, ok := e.unreadable[ref]
	return path, ok
}

// dangling refuses what the draft takes away and something still refers to.
func (e *editing) dangling(edits []content.Edit) error {
	var referrers []content.Referrer
	var lost []referred
	for t := range e.removed {
		if !e.there(t) && len(e.referrers(t)) > 0 {
			lost = append(lost, t)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	slices.SortFunc(lost, func(a, b referred) int {
		if e.removed[a] != e.removed[b] {
			return e.removed[a] - e.removed[b]
		}
		return strings.Compare(a.String(), b.String())
	})
	var sentences []string
	for i, t := range lost {
		found := e.referrers(t)
		referrers = append(referrers, found...)
		if i < mostListed {
			number := e.removed[t]
			sentences = append(sentences, editName(number, edits[number-1])+": "+leftBehind(t, found, edits[number-1].Kind))
		}
	}
	if len(lost) > mostListed {
		sentences = append(sentences, fmt.Sprintf("and %d more like these", len(lost)-mostListed))
	}
	return &content.Refusal{Reason: content.RefusedDangling, Message: strings.Join(sentences, "; "), Referrers: referrers}
}

// mostListed is how many things of a kind a message names before it only counts them.
const mostListed = 5

func leftBehind(t referred, found []content.Referrer, kind content.EditKind) string {
	var places []string
	for _, r := range found[:min(len(found), mostListed)] {
		places = append(places, plainName(r.Record.String())+" "+plainName(string(r.Field)))
	}
	if len(found) > mostListed {
		places = append(places, fmt.Sprintf("and %d more", len(found)-mostListed))
	}
	cure := "change them in the same proposal"
	switch kind {
	case content.EditRename:
		cure = "set carry to give them the new id, or " + cure
	case content.EditDelete:
		cure = "hand them over to another record (carry, with its id), or " + cure
	case content.EditUndo:
		cure += ", or set carry where the commit had renamed the record"
	}
	return fmt.Sprintf("%s would be gone, and is still referred to at %s: %s", t, strings.Join(places, ", "), cure)
}

// then is the view of a revision that an edit names.
func (e *editing) then(ctx context.Context, revision string) (*content.View, error) {
	view, err := e.world.At(ctx, revision)
	switch {
	case errors.Is(err, content.ErrNotFound), errors.Is(err, content.ErrInvalid):
		return nil, e.refuse("%v", err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", editName(e.number, e.edit), err)
	}
	return view, nil
}

// unreadable are the records of which a view has a file, but no document.
func unreadable(v *content.View) map[content.Ref]string {
	found := map[content.Ref]string{}
	for _, p := range v.Problems {
		ref := content.Ref{Collection: p.Collection, ID: p.ID}
		if p.Collection != "" && p.ID != "" && v.Snapshot.Record(ref) == nil {
			found[ref] = p.Path
		}
	}
	return found
}

func sortedRefs(set map[content.Ref]bool) []content.Ref {
	return slices.SortedFunc(maps.Keys(set), func(a, b content.Ref) int { return strings.Compare(a.String(), b.String()) })
}
