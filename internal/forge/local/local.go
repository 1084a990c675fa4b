// Package local is the built-in forge: proposals that live in the repository itself,
// as branches and as a chain of commits that says what happened. It needs no server,
// is cloned along, and may be written by several processes at once.
//
// # Refs
//
//	refs/heads/proposals/<number>     the branch of a proposal made here; one pushed by a
//	                                  Git client is called proposals/<anything>
//	refs/koonti/proposals/<number>    what happened to it, a commit for each event
//	refs/koonti/keys/<sha256>         the first event of the proposal that was made with a
//	                                  key: the hash is of actor, zero byte, key
//	refs/koonti/pending/<number>-<event>
//	                                  an event that is being made: see below
//
// All of it is had by
//
//	git fetch origin 'refs/koonti/*:refs/koonti/*'
//	git log --first-parent refs/koonti/proposals/12
//
// # Events
//
// An event is a commit: author and committer are the one who did it, the time is when,
// the message says it to a person. Its first parent is the event before. The second, where
// there is one, is a commit that the event is about: the new head (OPENED, EDITED), or
// what readers got (MERGED); so all that ever was proposed can be reached from the chain,
// whatever becomes of the branch. The first event, OPENED, has the head as its only parent.
// The head that a review is about is that of the proposal at that point of the chain.
//
// The tree of an event holds one file, event.json:
//
//	member       of                     what it says
//	version      all                    1
//	kind         all                    OPENED, EDITED, COMMENTED, APPROVED, CHANGES_REQUESTED,
//	                                    REVIEWED, MERGED, CLOSED, REOPENED
//	identity     all                    how the author is known: SIGNED, FORGE, TOKEN; CLAIMED if absent
//	number       OPENED                 that of the ref
//	title        OPENED, EDITED         of the proposal, a line
//	description  OPENED, EDITED         of the proposal
//	branch       OPENED                 full name of the branch that it lies on
//	target       OPENED                 full name of the branch that it is to be merged into
//	base         OPENED, EDITED         commit of the target that the head is built on
//	reviewers    OPENED, EDITED         who is asked for a review, besides those who were
//	key          OPENED                 what it was proposed with
//	text         COMMENTED, the reviews, CLOSED   what was said
//
// Absent is "", or in EDITED "as it was". Members that are not known are passed over. A
// version that is not known, and a chain that is broken or over a bound, make that one
// proposal unreadable: it is not listed, asking for it says why, and its number stays taken.
// Whatever is there may have been pushed by anyone: who may push to refs/koonti/ decides
// what is believed.
//
// # Order of writing
//
// Where a ref moves and an event says so (opening, a new head, merging), the event is
// written first as a commit named by a ref under refs/koonti/pending/. Then:
//
//	opening    chain, branch (only if absent)
//	new head   branch (compare-and-swap), chain
//	merging    target (compare-and-swap), chain, branch (deleted if it was made here)
//
// and the pending ref goes last. Whoever meets one whose ref has moved finishes it in the
// name of its author; one that came to nothing is cleared away after a while. So a kill at
// any moment leaves either nothing that counts, or what the next Sync completes. Branches are
// what people who push and those who edit here contend for: the loser is told.
//
// # What a Git client does
//
// A branch pushed as proposals/<anything> is a proposal if it has commits that the target
// has not: its title, description and author are those of the first of them. Where very many
// were pushed at once, a Sync makes some of them proposals, and the next ones the others. Commits
// pushed to it are an EDITED event; a head that the target reaches is MERGED. A branch that
// goes while this process looks on closes its proposal. One that was not there when
// this process began does not: that is what a clone looks like, and the proposal is whole
// without; its branch is made anew by the next edit or reopening. A head pushed to the branch
// of a proposal that is not open makes another proposal.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// The refs; a number, or the rest of a name, follows.
const (
	branchesPrefix = "refs/heads/proposals/"
	dataPrefix     = "refs/koonti/proposals/"
	keysPrefix     = "refs/koonti/keys/"
	pendingPrefix  = "refs/koonti/pending/"
)

// Config says where the proposals are. All but Repo may be zero.
type Config struct {
	Repo *gitrepo.Repo
	// Target is the full name of the branch that is served, which what is pushed is to be
	// merged into; "" where none is. Default: the branch that is checked out.
	Target func(context.Context) (string, error)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger is told of branches and proposals that cannot be read. Default: nobody.
	Logger *slog.Logger
}

// Forge keeps proposals in a repository. It implements proposal.Forge; see there.
// Beyond that contract: content.ErrInvalid and content.ErrTooLarge for a title or a text
// that is malformed or too long; content.ErrUnavailable for a proposal that is unreadable.
type Forge struct {
	repo   repository
	target func(context.Context) (string, error)
	now    func() time.Time
	log    *slog.Logger
	shelf  shelf

	acting sync.Mutex // one act or Sync of this process at a time; guards the rest
	// seen are the branches that open proposals were seen to have.
	seen map[string]bool
	// told is what was there at the last Sync; nil before the first.
	told map[int]*chain
	// said are the branches that cannot be made a proposal of, and were logged.
	said map[gitrepo.Ref]bool
	// numbers are those in use while many branches are made proposals; nil: to be read.
	numbers *numbering
	// reach has, by target, what it reaches.
	reach map[string]*reached
}

var _ proposal.Forge = (*Forge)(nil)

// repository is what a Forge needs of a gitrepo.Repo.
type repository interface {
	Head(ctx context.Context) (ref string, commit gitrepo.Hash, err error)
	Ref(ctx context.Context, name string) (gitrepo.Hash, error)
	RefsUnder(ctx context.Context, prefix string) ([]gitrepo.Ref, error)
	Commit(ctx context.Context, h gitrepo.Hash) (gitrepo.Commit, error)
	Lookup(ctx context.Context, tree gitrepo.Hash, path string) (gitrepo.Entry, error)
	BlobSize(ctx context.Context, h gitrepo.Hash) (int64, error)
	Blob(ctx context.Context, h gitrepo.Hash) ([]byte, error)
	walker
	WriteBlob(ctx context.Context, data []byte) (gitrepo.Hash, error)
	WriteTree(ctx context.Context, base gitrepo.Hash, changes []gitrepo.TreeChange) (gitrepo.Hash, error)
	WriteCommit(ctx context.Context, c gitrepo.NewCommit) (gitrepo.Hash, error)
	Update(ctx context.Context, u gitrepo.RefUpdate) error
	Advance(ctx context.Context, u gitrepo.RefUpdate) error
}

// New makes the forge of a repository. It reads and writes nothing yet.
func New(cfg Config) *Forge {
	f := &Forge{
		repo: cfg.Repo, target: cfg.Target, now: cfg.Now, log: cfg.Logger,
		seen: map[string]bool{}, reach: map[string]*reached{},
	}
	if f.target == nil {
		f.target = func(ctx context.Context) (string, error) {
			ref, _, err := f.repo.Head(ctx)
			return ref, err
		}
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	return f
}

// List is in the contract of proposal.Forge. Before the first Sync or act it reads
// what is there.
func (f *Forge) List(ctx context.Context) ([]*content.Proposal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if list, ok := f.shelf.list(); ok {
		return list, nil
	}
	if err := f.refresh(ctx); err != nil {
		return nil, err
	}
	list, _ := f.shelf.list()
	return list, nil
}

// Proposal is in the contract of proposal.Forge. It is as the repository has it now.
func (f *Forge) Proposal(ctx context.Context, number int) (*content.Proposal, error) {
	c, err := f.fresh(ctx, number)
	if err != nil {
		return nil, err
	}
	return c.proposal, nil
}

// Head is the head of a proposal, whatever its state and whether it has a branch: what
// the revision proposal/<number> names. It reads one ref. The error for a number that is
// not there wraps ErrNotFound of content and of gitrepo.
func (f *Forge) Head(ctx context.Context, number int) (gitrepo.Hash, error) {
	c, err := f.fresh(ctx, number)
	if err != nil {
		return "", err
	}
	return c.head(), nil
}

// Told is in the contract of proposal.Forge: there is nowhere to show it.
func (f *Forge) Told(context.Context, *content.Proposal, *content.ProposalReport, string) error {
	return nil
}

// fresh is the chain of a proposal as it is on disk.
func (f *Forge) fresh(ctx context.Context, number int) (*chain, error) {
	if number < 1 || number > maxNumber {
		return nil, f.missing(ctx, number)
	}
	tip, err := f.repo.Ref(ctx, dataRef(number))
	if errors.Is(err, gitrepo.ErrNotFound) {
		return nil, f.missing(ctx, number)
	}
	if err != nil {
		return nil, fmt.Errorf("read proposal %d: %w", number, err)
	}
	c, err := f.at(ctx, number, tip)
	if err == nil {
		err = c.err
	}
	return c, err
}

// at is the chain of a proposal that ends with tip.
func (f *Forge) at(ctx context.Context, number int, tip gitrepo.Hash) (*chain, error) {
	known := f.shelf.chain(number)
	if known != nil && known.tip == tip && !known.again {
		return known, nil
	}
	c, err := f.read(ctx, number, tip, known)
	if err != nil {
		return nil, fmt.Errorf("read proposal %d: %w", number, err)
	}
	f.shelf.put(c)
	return c, nil
}

// missingError says that there is no proposal of a number. It is ErrNotFound of content and
// of gitrepo, and does not say so again.
type missingError struct{ text string }

func (e *missingError) Error() string   { return e.text }
func (e *missingError) Unwrap() []error { return []error{content.ErrNotFound, gitrepo.ErrNotFound} }

// missing is the error for a number that is not there; it says which are.
func (f *Forge) missing(ctx context.Context, number int) error {
	there := "none has been made yet"
	list, err := f.List(ctx)
	if err != nil {
		return fmt.Errorf("look for proposal %d: %w", number, err)
	}
	if len(list) > 0 {
		there = fmt.Sprintf("the newest is %d", list[0].Number)
	}
	return &missingError{fmt.Sprintf("there is no proposal %d; %s", number, there)}
}

func dataRef(number int) string   { return dataPrefix + strconv.Itoa(number) }
func ownBranch(number int) string { return branchesPrefix + strconv.Itoa(number) }
