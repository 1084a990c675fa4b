package content

import (
	"time"
)

// ChangeKind says what a change did to its record.
type ChangeKind string

// The kinds of changes. They are the values of GraphQL's enum ChangeKind.
const (
	Created ChangeKind = "CREATED"
	Updated ChangeKind = "UPDATED"
	// Renamed: the file was moved, with or without changes to its values.
	Renamed ChangeKind = "RENAMED"
	Deleted ChangeKind = "DELETED"
	// Formatted: the bytes are new and no value is: another indent, another order
	// of keys, or a merge that only joined what its parents had set.
	Formatted ChangeKind = "FORMATTED"
	// Overruled: a merge that took the value of one side although the other had set
	// another since the merge base.
	Overruled ChangeKind = "OVERRULED"
)

// ChangeKinds are all kinds, in the order in which they are shown.
var ChangeKinds = []ChangeKind{Created, Updated, Renamed, Deleted, Formatted, Overruled}

// Change is what one commit did to one record, or what one step of the served
// branch's first-parent line did to it for those who read it (then Commit and Step
// are the same). It is cheap: its values are read when they are asked for.
type Change struct {
	// Ref and Path name the record as it is called after the change; before it where
	// the change deleted it.
	Ref
	Path string
	// Was is what a RENAMED record was called before, and an OVERRULED one on the side
	// that lost, if otherwise there; nil else.
	Was  *Origin
	Kind ChangeKind
	// Before and After are the record's blobs, "" where there is none. Before is that
	// of the first parent that has the record, or of the side that lost (most, of
	// several) where Kind is OVERRULED.
	Before, After Hash
	// Unreadable: After is no strict JSON, so that no values are known. Changes of
	// values that follow are told from the newest version that can be read.
	Unreadable bool
	// Fields are the places changed, sorted: see FieldChange. A place of which the
	// value did not change for sure is not among them.
	Fields []Pointer
	// Commit made the change; "" where it is not committed yet.
	Commit Hash
	// Step is the commit of the first-parent line that published the change; "" where
	// it is not on the line.
	Step Hash
	// At is the committer time of Step, else of Commit, else zero.
	At time.Time
	// PullRequest brought the change; nil where none is known.
	PullRequest *PullRequest
	// Approvals are those of the change by commit, merge and forge, each with its source.
	Approvals []Approval
}

// Origin is a former name of a record.
type Origin struct {
	Ref
	Path string
}

// FieldChange is one place of a record that a change gave another value. A value
// that was added or removed is told whole, at the topmost place where there was
// none before; the members of a new or deleted document are told one by one.
type FieldChange struct {
	// Pointer is the place in the document after the change; in the one before it
	// where the value was removed.
	Pointer Pointer
	// Before and After are nil where there is no value. Their offsets count in their
	// own documents.
	Before, After *Value
	// Parent is the commit that had Before, a parent of the merge that made the change,
	// where it is another than that of Change.Before: the merge dropped a value of more
	// than one side. Else it is "", and Before is the value in Change.Before, or in the
	// newest version before that can be read.
	Parent Hash
}

// FieldBlame says which change gave a leaf of a record its value.
type FieldBlame struct {
	Pointer Pointer
	Value   *Value
	// Change is nil where the past does not tell (a file that never was readable).
	Change *Change
}

// IdentitySource says how we know that someone is who they are said to be.
type IdentitySource string

// The sources of identities, the surest first.
const (
	IdentitySigned  IdentitySource = "SIGNED"
	IdentityForge   IdentitySource = "FORGE"
	IdentityToken   IdentitySource = "TOKEN"
	IdentityClaimed IdentitySource = "CLAIMED"
)

// Person is someone in the history, by the name that .mailmap gives.
type Person struct {
	Name, Email string
	Identity    IdentitySource
}

// Commit is a commit as auditors see it.
type Commit struct {
	Hash             Hash
	Subject, Message string
	Author           Person
	Committer        Person
	CoAuthors        []Person
	Reviewers        []Person
	// Merger merged the commit into the served branch; nil where it was committed
	// there, or is not on it.
	Merger                  *Person
	AuthoredAt, CommittedAt time.Time
	Parents                 []Hash
	Signature               Signature
}

// SignatureStatus is the outcome of checking a signature.
type SignatureStatus string

// The outcomes.
const (
	// SignatureNone: the commit is not signed.
	SignatureNone SignatureStatus = "NONE"
	// SignatureUnchecked: signed, but no keys were given to check it with.
	SignatureUnchecked SignatureStatus = "UNCHECKED"
	// SignatureUnknownKey: signed with a key that is not among those given.
	SignatureUnknownKey SignatureStatus = "UNKNOWN_KEY"
	SignatureValid      SignatureStatus = "VALID"
	// SignatureInvalid: the signature is not of this commit, or is broken.
	SignatureInvalid SignatureStatus = "INVALID"
	// SignatureExpired: right, but made when the key was not valid.
	SignatureExpired SignatureStatus = "EXPIRED"
)

// Signature is what is known of a commit's signature.
type Signature struct {
	Status SignatureStatus
	// Format is "openpgp", "ssh" or "x509"; "" where there is none.
	Format string
	// Key is the fingerprint of the key; Signer whom the keys given say it belongs to.
	// Either may be "".
	Key, Signer string
}

// PullRequest is where a change was proposed. Number is not 0.
type PullRequest struct {
	Number     int
	Title, URL string
}

// Approval says who approved a change. Source says where it is written:
// "commit <hash>", "merge <hash>" or "review".
type Approval struct {
	Person Person
	// At is zero where it is not known.
	At     time.Time
	Source string
}

// ChangeQuery says which changes are meant; what is zero asks for nothing.
type ChangeQuery struct {
	// Record follows one record through its names, and asks for what other records did
	// that had its id, unless Own is set.
	Record     *Ref
	Own        bool
	Collection CollectionName
	// Field covers what lies below it. In a list it names the item that has this
	// place in the revision asked at. One that there never was is an UnknownFieldError.
	Field *Pointer
	// Author is a part of a name or address, without regard to case.
	Author string
	// AuthorByName: Author is a part of a name, and of no address.
	AuthorByName bool
	Kinds        []ChangeKind
	// Approved: whether someone other than its author approved it.
	Approved *bool
	// Since and Until bound Change.At, both included.
	Since, Until time.Time
	PullRequest  int
	// Formatting includes changes of the kind FORMATTED.
	Formatting bool
	// Limit is how many are wanted; 0 is all. After is the Cursor of the one before.
	Limit int
	After string
}

// ChangePage is a part of a list of changes, newest first.
type ChangePage struct {
	Changes []Change
	// More follow.
	More bool
}

// Step is one step of the served branch's first-parent line: what readers saw
// change, all at once.
type Step struct {
	Commit      Hash
	At          time.Time
	PullRequest *PullRequest
	Approvals   []Approval
	// Records are the differences for those who read; Changes, newest first, are the
	// changes by commit that came with the step.
	Records, Changes []Change
}

// StepPage is a part of a list of steps, newest first.
type StepPage struct {
	Steps []Step
	More  bool
}

// ChangeFacet is what changes can be counted by.
type ChangeFacet string

// The facets. A field is counted with "*" for the index of a list; a month is
// "2026-11", in UTC.
const (
	FacetAuthor     ChangeFacet = "AUTHOR"
	FacetCollection ChangeFacet = "COLLECTION"
	FacetField      ChangeFacet = "FIELD"
	FacetMonth      ChangeFacet = "MONTH"
	FacetKind       ChangeFacet = "KIND"
)

// FacetCount is how many changes have one value.
type FacetCount struct {
	Value string
	Count int
}

// Version is one version of a record.
type Version struct {
	// Change brought it.
	Change Change
	// Until is the change that ended it; nil for the present one.
	Until *Change
}

// Occurrence says when a text was in a record: From brought it, Until took it away
// (nil: it is still there).
type Occurrence struct {
	Ref   Ref
	Path  string
	Field Pointer
	// Value is the text that contains what was looked for.
	Value string
	From  Change
	Until *Change
}

// Rewrite says that the served branch was moved to a commit that does not follow
// from the one it had.
type Rewrite struct {
	Ref      string
	From, To Hash
	// Noticed is when this was seen.
	Noticed time.Time
}

// Key names a change for good, whatever else is known: what cursors hold. It begins
// with the commit.
func (c *Change) Key() string {
	return string(c.Commit) + " " + string(c.Kind) + " " + string(c.Before) + " " + c.Path
}

// Key names an occurrence for good.
func (o *Occurrence) Key() string { return o.From.Key() + " " + string(o.Field) }

// CutOffError says that the past ends where a clone is shallow: it will not be there
// however long one waits. It wraps ErrUnavailable.
type CutOffError struct {
	// At is the oldest commit that is there.
	At Hash
}

func (e *CutOffError) Error() string {
	return "the history ends at " + string(e.At[:min(len(e.At), 10)]) + ", since the clone is shallow; run 'git fetch --unshallow'"
}

func (e *CutOffError) Unwrap() error { return ErrUnavailable }
