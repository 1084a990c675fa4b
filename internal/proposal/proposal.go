// Package proposal brings changes into content: edits become commits on a branch, a
// proposal, which is checked, reviewed and merged, field by field, without losing
// anybody's edit. Where proposals live is the business of a Forge; this package decides
// what may happen to them, and knows neither HTTP nor GraphQL.
package proposal

import (
	"context"

	"github.com/koonti/koonti/internal/content"
)

// Forge is where proposals live: one implementation for Koonti's own, kept in Git, and
// one for each kind of server. Each method acts in the name of the actor, and returns the
// proposal as it is then.
//
// Errors: *content.Refusal for what cannot be done as things are (RefusedOutdated where
// something moved meanwhile; RefusedForge with the words of a server that says no);
// content.ErrNotFound for a number that is not there; content.ErrForbidden where the
// forge does not let the actor do it; content.ErrUnavailable where it cannot be reached:
// then nothing has happened, and nothing is lost.
//
// Methods may be called from any goroutine. All that is returned is immutable.
type Forge interface {
	// List returns all proposals, the newest first, as they were at the last Sync or act
	// of ours. It does not wait for a server.
	List(ctx context.Context) ([]*content.Proposal, error)
	// Proposal returns one of them.
	Proposal(ctx context.Context, number int) (*content.Proposal, error)
	// Sync looks for what happened elsewhere: branches pushed by a Git client, what people
	// did on the server, what another process did. It returns what is new since the last
	// one, in order: also what this process did itself, each event once. The first one
	// returns nothing of what lies before it.
	Sync(ctx context.Context) ([]content.ProposalNews, error)
	// Open makes a proposal of a commit.
	Open(ctx context.Context, by content.Actor, o Opening) (*content.Proposal, error)
	// Edit gives a proposal another head, title, description or reviewers.
	Edit(ctx context.Context, by content.Actor, number int, e Edition) (*content.Proposal, error)
	Comment(ctx context.Context, by content.Actor, number int, text string) (*content.Proposal, error)
	// Review gives the verdict on head, which must still be that of the proposal.
	Review(ctx context.Context, by content.Actor, number int, r Reviewing) (*content.Proposal, error)
	// Close and Reopen; a merged proposal is neither.
	Close(ctx context.Context, by content.Actor, number int) (*content.Proposal, error)
	Reopen(ctx context.Context, by content.Actor, number int) (*content.Proposal, error)
	// Merge moves the target to m.Commit, or has the server make that same commit.
	Merge(ctx context.Context, by content.Actor, number int, m Merging) (*content.Proposal, error)
	// Told shows on the server what was found out about a head; p is the proposal as it
	// was then. A forge that has nowhere to show it does nothing.
	Told(ctx context.Context, p *content.Proposal, report *content.ProposalReport, summary string) error
}

// Opening is what a proposal begins with.
type Opening struct {
	Title, Description string
	// Head is the commit proposed; Base the commit of the target that it is built on.
	Head, Base content.Hash
	// Target is the full name of the branch that it is to be merged into.
	Target    string
	Reviewers []string
	// Key makes opening idempotent: an actor who opens again with the same key gets the
	// proposal that is there, whatever else is said. "" does not.
	Key string
}

// Edition is what is to be other about a proposal.
type Edition struct {
	// Was is the head that the edition is based on; another one refuses it.
	Was content.Hash
	// Head is the new head, or Was.
	Head content.Hash
	// Base is the commit of the target that the new head is built on.
	Base content.Hash
	// Title and Description: nil leaves them.
	Title, Description *string
	// Reviewers are asked besides those who were.
	Reviewers []string
}

// Reviewing is a review to be made.
type Reviewing struct {
	Verdict content.Verdict
	Head    content.Hash
	Text    string
}

// Merging is a merge that was decided on.
type Merging struct {
	// Head is that of the proposal, Target what the target branch was: either being
	// another refuses the merge.
	Head, Target content.Hash
	// Commit is the merge commit: parents Target and Head, the merged and checked tree, the
	// message with its trailers.
	Commit content.Hash
	// Joined: files were changed on both sides, so that a server that merges line by line
	// would not make the same tree. Where it merges by itself, it has to get a head that
	// holds the target first.
	Joined bool
	// Subject and Body are the message of Commit.
	Subject, Body string
}
