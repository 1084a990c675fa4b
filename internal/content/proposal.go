package content

import "time"

// ProposalState says where a proposal is on its way.
type ProposalState string

// The states. They are the values of GraphQL's enum ProposalState.
const (
	ProposalOpen   ProposalState = "OPEN"
	ProposalMerged ProposalState = "MERGED"
	ProposalClosed ProposalState = "CLOSED"
)

// Proposal is a set of edits on a branch, waiting for review: a pull request of a forge,
// or Koonti's own. It is immutable: what happens to a proposal makes another value.
type Proposal struct {
	Number             int
	Title, Description string
	State              ProposalState
	Author             Person
	// Branch is the full name of the branch that it lies on, Target that of the branch
	// that it is to be merged into.
	Branch, Target string
	// Head is its newest commit. Base is the commit of the target that it was built on.
	Head, Base Hash
	// MergedAs is the commit by which readers got it; "" before.
	MergedAs            Hash
	OpenedAt, UpdatedAt time.Time
	// Requested are asked for a review: names or addresses.
	Requested []string
	// Reviews, Comments and Events come in the order in which they happened.
	Reviews  []Review
	Comments []Comment
	Events   []ProposalEvent
	// Key is what it was proposed with (Draft.Key), by its author; "" for none.
	Key string
	// URL is the page of the forge; "" where there is none.
	URL string
}

// Verdict is what a review comes to.
type Verdict string

// The verdicts. They are the values of GraphQL's enum Verdict.
const (
	VerdictApproved         Verdict = "APPROVED"
	VerdictChangesRequested Verdict = "CHANGES_REQUESTED"
	VerdictCommented        Verdict = "COMMENTED"
)

// Review is what one person thinks of a proposal as it was at one head.
type Review struct {
	Person  Person
	Verdict Verdict
	Text    string
	// Head is the commit that was looked at. Stale: the proposal has another head now, or
	// the person reviewed it again since, or the forge gives them no say in it; then the
	// verdict does not count.
	Head  Hash
	Stale bool
	At    time.Time
}

// Comment is a word on a proposal.
type Comment struct {
	// ID is unique in the proposal.
	ID     string
	Person Person
	Text   string
	At     time.Time
}

// EventKind says what happened to a proposal.
type EventKind string

// The kinds of events. They are the values of GraphQL's enum ProposalEventKind.
const (
	EventOpened           EventKind = "OPENED"
	EventEdited           EventKind = "EDITED" // another head, title, description or reviewers
	EventCommented        EventKind = "COMMENTED"
	EventApproved         EventKind = "APPROVED"
	EventChangesRequested EventKind = "CHANGES_REQUESTED"
	EventReviewed         EventKind = "REVIEWED" // a review without a verdict
	EventMerged           EventKind = "MERGED"
	EventClosed           EventKind = "CLOSED"
	EventReopened         EventKind = "REOPENED"
)

// ProposalEvent is one thing that happened to a proposal.
type ProposalEvent struct {
	Kind  EventKind
	Actor Person
	At    time.Time
	// Head is that of the proposal after the event.
	Head Hash
	Text string
}

// ProposalQuery says which proposals are meant; what is zero asks for nothing.
type ProposalQuery struct {
	State ProposalState
	// Author is a part of a name or address, without regard to case.
	Author string
	// Record is one that the proposal changes.
	Record *Ref
	// Limit is how many are wanted; 0 is all. After is the number of the one before, 0
	// for none: they come from the highest number down.
	Limit, After int
}

// ProposalPage is a part of a list of proposals, the newest first.
type ProposalPage struct {
	Proposals []*Proposal
	// Total is how many there are in all.
	Total int
	More  bool
}

// CheckName says what a Check looks at.
type CheckName string

// The checks of a proposal.
const (
	// CheckContent: problems that the proposal brings, its model and schemas included.
	CheckContent CheckName = "content"
	// CheckAPI: what changes in the GraphQL API.
	CheckAPI CheckName = "api"
	// CheckMerge: whether it can be merged, and whether the whole is right then.
	CheckMerge CheckName = "merge"
	// CheckOwners: whether those have approved who must.
	CheckOwners CheckName = "owners"
	// CheckReviews: whether somebody asked for changes, and with four eyes whether somebody
	// else than its authors has approved.
	CheckReviews CheckName = "reviews"
)

// CheckStatus is the outcome of a check.
type CheckStatus string

// The outcomes. They are the values of GraphQL's enum CheckStatus. A WARNING keeps nobody
// from merging.
const (
	CheckPassed  CheckStatus = "PASSED"
	CheckWarning CheckStatus = "WARNING"
	CheckFailed  CheckStatus = "FAILED"
	CheckPending CheckStatus = "PENDING"
)

// Check is one thing that was looked at.
type Check struct {
	Name   CheckName
	Status CheckStatus
	// Summary says in a sentence what came of it, by language: fi, sv and en.
	Summary map[Language]string
	// Problems are those that it brings; Known those that the target has already.
	Problems, Known []Problem
	// API is what changes in the GraphQL API, of a CheckAPI.
	API []APIChange
	// Owned says who must approve what, Missing who has not yet, of a CheckOwners.
	Owned   []Ownership
	Missing []string
}

// ProposalReport is what was found out about a proposal at one head against one commit
// of its target. It is immutable.
type ProposalReport struct {
	Head, Target Hash
	// Base is the merge base of the two.
	Base   Hash
	Checks []Check
	// Files are those changed that are no records, by path: attachments, schemas, whatever
	// else the repository holds.
	Files []ProposalFile
	// Conflicts are the places that both changed; none where it can be merged.
	Conflicts []MergeConflict
	// Mergeable: there is no conflict, and no check keeps it from being merged.
	Mergeable bool
}

// ProposalFile is a file that is no record, and what a proposal does to it: CREATED,
// UPDATED or DELETED.
type ProposalFile struct {
	Path string
	Kind ChangeKind
}

// ProposalNews is what those are told who follow proposals.
type ProposalNews struct {
	Proposal *Proposal
	Event    ProposalEvent
}
