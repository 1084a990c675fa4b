package content

// EditKind says what an Edit does.
type EditKind string

// The kinds of edits. They are the values of GraphQL's enum EditKind.
const (
	// EditPut gives a record the document Edit.Document, whether it is there or not.
	EditPut EditKind = "PUT"
	// EditPatch changes a record by Edit.Patch (RFC 6902, JSON Patch).
	EditPatch EditKind = "PATCH"
	// EditRename gives a record the id Edit.To.
	EditRename EditKind = "RENAME"
	// EditDelete removes a record.
	EditDelete EditKind = "DELETE"
	// EditPutFile gives the attachment at Edit.Path the bytes Edit.Bytes, EditDeleteFile
	// removes it.
	EditPutFile    EditKind = "PUT_FILE"
	EditDeleteFile EditKind = "DELETE_FILE"
	// EditRestore gives a record, or the place Edit.Field of it, what it had at
	// Edit.Revision: nothing, where there was nothing.
	EditRestore EditKind = "RESTORE"
	// EditUndo takes back what the commit Edit.Revision did to a record, and leaves what
	// came after it.
	EditUndo EditKind = "UNDO"
)

// EditKinds are all kinds, in the order in which they are shown.
var EditKinds = []EditKind{EditPut, EditPatch, EditRename, EditDelete, EditPutFile, EditDeleteFile, EditRestore, EditUndo}

// Edit is one thing to be done to the content of a revision. The edits of a draft are
// done in order, each to what those before it left.
type Edit struct {
	Kind EditKind
	// Ref names the record; it is zero for attachments.
	Ref
	// Document of a PUT and Patch of a PATCH are JSON texts.
	Document, Patch string
	// To is the new id of a RENAME. With Carry, what refers to the record by its old id
	// gets the new one; without, a reference that would lead nowhere refuses the edit.
	// A DELETE with Carry hands the references over to the record To; an UNDO of a rename
	// with Carry gives them the old id back.
	To    ID
	Carry bool
	// Path of an attachment, from the root of the repository.
	Path  string
	Bytes []byte
	// Field and Revision of a RESTORE; Revision of an UNDO.
	Field    Pointer
	Revision string
}

// Limits of one draft.
const (
	// MaxEdits is how many edits a draft may hold.
	MaxEdits = 5000
	// MaxTitle and MaxText bound a title and any longer text, in bytes.
	MaxTitle = 250
	MaxText  = 64 << 10
	// MaxFile is the largest attachment, in bytes.
	MaxFile = 32 << 20
)

// Draft is what is proposed, or what a proposal is amended with.
type Draft struct {
	// Title and Description are for people. Amending, "" leaves what is there.
	Title, Description string
	Edits              []Edit
	// Base is the commit that the edits are made on; "" is the newest of the target.
	// Amending, it is the head of the proposal that the edits were made on.
	Base Hash
	// Key makes proposing idempotent: one actor gets one proposal for one key. "" does not.
	Key string
	// Reviewers are asked for a review: names or addresses.
	Reviewers []string
}

// Resolution settles one conflict of a merge.
type Resolution struct {
	// Path and Field are those of the MergeConflict.
	Path  string
	Field Pointer
	// Take is the side whose value is taken; "" takes Value.
	Take Side
	// Value is a JSON text; "" is no value: the place is removed.
	Value string
}

// Side is one of the three versions that meet in a merge.
type Side string

// The sides: the target branch is ours, the proposal theirs. They are the values of
// GraphQL's enum MergeSide.
const (
	SideBase   Side = "BASE"
	SideOurs   Side = "OURS"
	SideTheirs Side = "THEIRS"
)

// Refusal says why something cannot be done with the content as it is: an answer, not
// a failure. What was asked has changed nothing.
type Refusal struct {
	Reason RefusalReason
	// Message says in English where, what, and what to do.
	Message string
	// Problems are what would be wrong with the content; Conflicts what has to be
	// decided; Referrers the records that refer to one that would be gone; Paths the
	// files that are in the way; Missing whose approval is.
	Problems  []Problem
	Conflicts []MergeConflict
	Referrers []Referrer
	Paths     []string
	Missing   []string
}

// Error is the message.
func (r *Refusal) Error() string { return r.Message }

// RefusalReason says in one word why something is refused.
type RefusalReason string

// The reasons. They are the values of GraphQL's enum RefusalReason.
const (
	// RefusedEdit: an edit cannot be done: a patch that does not apply, a record that is
	// not there, an id that may not be written.
	RefusedEdit RefusalReason = "EDIT"
	// RefusedEmpty: nothing would change.
	RefusedEmpty RefusalReason = "EMPTY"
	// RefusedInvalid: the content would have problems that it has not now.
	RefusedInvalid RefusalReason = "INVALID"
	// RefusedDangling: references would lead nowhere.
	RefusedDangling RefusalReason = "DANGLING"
	// RefusedConflict: both sides changed one place.
	RefusedConflict RefusalReason = "CONFLICT"
	// RefusedOutdated: the proposal, or the branch, is not any more what it was for the one
	// who asked. Look at it again.
	RefusedOutdated RefusalReason = "OUTDATED"
	// RefusedState: the proposal is merged or closed, or is not.
	RefusedState RefusalReason = "STATE"
	// RefusedApproval: somebody has to approve it first.
	RefusedApproval RefusalReason = "APPROVAL"
	// RefusedWorkTree: the branch is checked out, and files that would change have
	// uncommitted work.
	RefusedWorkTree RefusalReason = "WORK_TREE"
	// RefusedForge: the forge does not let it happen; the message has its words.
	RefusedForge RefusalReason = "FORGE"
)

// RefusalReasons are all reasons, in the order in which they are shown.
var RefusalReasons = []RefusalReason{
	RefusedEdit, RefusedEmpty, RefusedInvalid, RefusedDangling, RefusedConflict,
	RefusedOutdated, RefusedState, RefusedApproval, RefusedWorkTree, RefusedForge,
}

// Referrer is a place that refers to a record.
type Referrer struct {
	// Record is the one that refers, Field the place in it.
	Record Ref
	Path   string
	Field  Pointer
	// Target is what it refers to.
	Target Ref
}

// MergeConflict is one place that cannot be merged without a decision.
type MergeConflict struct {
	// Path is the file as ours calls it, or theirs where ours has none; Record is nil
	// for a file that is no record, and Field "" for a whole record or file.
	Path   string
	Record *Ref
	Field  Pointer
	// Base, Ours and Theirs are the values; nil where there is none, and for files that
	// are no records.
	Base, Ours, Theirs *Value
}
