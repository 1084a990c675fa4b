package graphql

import (
	"context"
	"errors"
	"strconv"

	"github.com/koonti/koonti/internal/content"
)

// Proposals is the editorial workflow: what is proposed, and what people do with it.
//
// Each method that changes something acts in the name of by, once, or not at all, and
// returns the proposal as it is then. A *content.Refusal in the error says what cannot be
// done as things are: it is answered as data. Other errors wrap sentinels of content, and
// their text is shown to the client: ErrNotFound for a number that is not there,
// ErrForbidden for what the finer rules do not let the actor do (this package asks for the
// role that a mutation needs), ErrInvalid, ErrTooLarge, and ErrUnavailable where nothing
// was done since the forge cannot be reached. The text of any other error is kept from
// clients.
//
// It is used by many goroutines at once, may block, and returns when ctx is done. All that
// is returned is immutable.
type Proposals interface {
	ProposalLister
	Proposer
	Reviewer
	Merger
}

// ProposalLister tells of proposals.
type ProposalLister interface {
	// Proposals lists those that q means, the highest number first. With q.Record it is
	// asked for each record of a page, so what a proposal changes must be known by its head.
	Proposals(ctx context.Context, q content.ProposalQuery) (content.ProposalPage, error)
	// Proposal returns one of them; ErrNotFound.
	Proposal(ctx context.Context, number int) (*content.Proposal, error)
	// Report returns what was found out about the head of p, cached by that and the target.
	Report(ctx context.Context, p *content.Proposal) (*content.ProposalReport, error)
}

// Proposer proposes edits.
type Proposer interface {
	Propose(ctx context.Context, by content.Actor, d content.Draft) (*content.Proposal, error)
	// Amend adds edits that were made on the head d.Base, and replaces title and
	// description where they are not "".
	Amend(ctx context.Context, by content.Actor, number int, d content.Draft) (*content.Proposal, error)
	// Validate returns the problems that d would bring, and changes nothing.
	Validate(ctx context.Context, by content.Actor, d content.Draft) ([]content.Problem, error)
}

// Reviewer says what someone thinks of a proposal.
type Reviewer interface {
	Comment(ctx context.Context, by content.Actor, number int, text string) (*content.Proposal, error)
	// Review gives the verdict on head, which must still be that of the proposal.
	Review(ctx context.Context, by content.Actor, number int, verdict content.Verdict, head content.Hash, text string) (*content.Proposal, error)
}

// Merger ends proposals, or keeps them up with their target.
type Merger interface {
	// Merge merges head, which must still be that of the proposal.
	Merge(ctx context.Context, by content.Actor, number int, head content.Hash, resolutions []content.Resolution) (*content.Proposal, error)
	// Rebase takes what is new on the target into the proposal.
	Rebase(ctx context.Context, by content.Actor, number int, head content.Hash, resolutions []content.Resolution) (*content.Proposal, error)
	Close(ctx context.Context, by content.Actor, number int) (*content.Proposal, error)
	Reopen(ctx context.Context, by content.Actor, number int) (*content.Proposal, error)
}

// proposal is the source of the fields of a Proposal.
type proposal struct {
	*content.Proposal
	lang content.Language
}

// proposalOr is nil where p is.
func proposalOr(p *content.Proposal, lang content.Language) any {
	if p == nil {
		return nil
	}
	return proposal{p, lang}
}

// desk is what one request has read of proposals: nothing is read twice.
type desk struct {
	// open are the open proposals, by the record that they change; the zero Ref has one of
	// whatever record.
	open    memo[content.Ref, []*content.Proposal]
	reports memo[proposalAt, *content.ProposalReport]
	views   memo[content.Hash, *content.View]
}

// proposalAt is a proposal as it was at some time.
type proposalAt struct {
	number int
	head   content.Hash
	state  content.ProposalState
}

func newDesk() desk {
	return desk{
		memo[content.Ref, []*content.Proposal]{}, memo[proposalAt, *content.ProposalReport]{}, memo[content.Hash, *content.View]{},
	}
}

// proposals is who tells of proposals, where the one who asks may read them.
func (r *request) proposals() (Proposals, error) {
	r.historical = true
	switch {
	case !r.plan.actor.Role.Allows(content.RoleReader):
		return nil, newError(CodeForbidden, "Proposals are shown to those who have the role %q.", content.RoleReader)
	case r.config.Proposals == nil:
		return nil, newError(CodeUnavailable, "there are no proposals here")
	}
	return r.config.Proposals, nil
}

func readProposals(ctx context.Context, c *call) (any, error) {
	service, err := c.proposals()
	if err != nil {
		return nil, err
	}
	f := c.bound.feed
	list, err := service.Proposals(ctx, f.proposals)
	if err != nil {
		return nil, err
	}
	number := func(p **content.Proposal) string { return strconv.Itoa((*p).Number) }
	page := newFeedPage(f, list.Proposals, list.More, number, func(p **content.Proposal) any { return proposal{*p, f.lang} })
	page.count = func(context.Context) (int, error) { return list.Total, nil }
	return page, nil
}

// readProposal answers one proposal; null where there is none.
func readProposal(ctx context.Context, c *call) (any, error) {
	service, err := c.proposals()
	if err != nil {
		return nil, err
	}
	p, err := service.Proposal(ctx, c.bound.number)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return proposalOr(p, c.bound.lang), nil
}

// readRecordProposals answers the open proposals that change a record. Mostly there is no
// open one at all, which is asked first.
func readRecordProposals(ctx context.Context, c *call) (any, error) {
	service, err := c.proposals()
	if err != nil {
		return nil, err
	}
	it := c.item()
	list, err := c.desk.open.get(content.Ref{}, func() ([]*content.Proposal, error) {
		page, err := service.Proposals(ctx, content.ProposalQuery{State: content.ProposalOpen, Limit: 1})
		return page.Proposals, err
	})
	if err == nil && len(list) > 0 {
		ref := it.record.Ref
		list, err = c.desk.open.get(ref, func() ([]*content.Proposal, error) {
			page, err := service.Proposals(ctx, content.ProposalQuery{State: content.ProposalOpen, Record: &ref})
			return page.Proposals, err
		})
	}
	if err != nil {
		return nil, err
	}
	return each(list, func(p *content.Proposal) any { return proposal{p, it.lang} }), nil
}

// viewOf is the view of a commit of a proposal.
func (r *request) viewOf(ctx context.Context, commit content.Hash) (*content.View, error) {
	return r.desk.views.get(commit, func() (*content.View, error) {
		switch {
		case r.revisions == nil:
			return nil, newError(CodeUnavailable, "revisions cannot be read here")
		case len(r.desk.views) >= r.limits.Heads:
			return nil, tooLarge("The query reads more than %d commits of proposals; ask for fewer proposals.", r.limits.Heads)
		}
		return r.revisions.At(ctx, string(commit))
	})
}

// readProposalDiffs answers how the records of a proposal differ from those that it was
// built on.
func readProposalDiffs(ctx context.Context, c *call) (any, error) {
	p := c.source.(proposal)
	base, err := c.viewOf(ctx, p.Base)
	if err != nil {
		return nil, err
	}
	head, err := c.viewOf(ctx, p.Head)
	if err != nil {
		return nil, err
	}
	h, err := c.history(ctx, head)
	if err != nil {
		return nil, err
	}
	list, err := c.diffs.get([2]*content.View{base, head}, func() ([]content.Change, error) {
		return c.config.Histories.Diff(ctx, base, head, nil)
	})
	if err != nil {
		return nil, err
	}
	return told{h, p.lang}.changes(list), nil
}

// readProposalRecord answers a record as the proposal has it.
func readProposalRecord(ctx context.Context, c *call) (any, error) {
	p := c.source.(proposal)
	head, err := c.viewOf(ctx, p.Head)
	if err != nil {
		return nil, err
	}
	if r := head.Snapshot.Record(content.Ref{Collection: c.bound.collection.Name, ID: c.bound.id}); r != nil {
		return newItem(head, r, p.lang), nil
	}
	return nil, nil
}

// reported makes a reader of what was found out about a proposal.
func reported(read func(proposal, *content.ProposalReport) any) reader {
	return func(ctx context.Context, c *call) (any, error) {
		service, err := c.proposals()
		if err != nil {
			return nil, err
		}
		p := c.source.(proposal)
		report, err := c.desk.reports.get(proposalAt{p.Number, p.Head, p.State}, func() (*content.ProposalReport, error) {
			return service.Report(ctx, p.Proposal)
		})
		if err != nil {
			return nil, err
		}
		return read(p, report), nil
	}
}

func checksOf(p proposal, report *content.ProposalReport) any {
	out := make([]any, len(report.Checks))
	for i := range report.Checks {
		out[i] = spoken[*content.Check]{&report.Checks[i], p.lang}
	}
	return out
}

func conflictsIn(list []content.MergeConflict) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// nameOf is one part of the name of the record of a conflict; nil for a file that is none.
func nameOf(part func(content.Ref) string) func(*content.MergeConflict) any {
	return func(k *content.MergeConflict) any {
		if k.Record == nil {
			return nil
		}
		return part(*k.Record)
	}
}

func readCheckSummary(_ context.Context, c *call) (any, error) {
	summary := c.source.(spoken[*content.Check]).of.Summary
	if text, ok := summary[c.bound.lang]; ok {
		return c.plan.discreet(text), nil
	}
	return c.plan.discreet(summary["en"]), nil
}

// allSaid makes a reader of a list of what people wrote beside the content.
func allSaid[T any](read func(T) []string) reader {
	return func(_ context.Context, c *call) (any, error) {
		return each(read(c.source.(T)), func(text string) any { return c.plan.discreet(text) }), nil
	}
}

// diffSize is what a list of what a proposal changes counts as in the cost.
const diffSize = 100

// proposalFeed checks the arguments of a list of proposals.
func (p *planner) proposalFeed(f *planField, args map[string]any, lang content.Language) *feed {
	out := p.feed(f, args, lang)
	if _, named := args["collection"]; named && out.query.Record == nil {
		p.fail(newError(CodeBadInput, "\"collection\" needs \"record\": say which record the proposals change."), f.nodes[0])
	}
	state, _ := args["state"].(string)
	out.proposals = content.ProposalQuery{
		State: content.ProposalState(state), Author: out.query.Author, Record: out.query.Record, Limit: out.query.Limit,
	}
	if after := out.query.After; after != "" {
		number, err := strconv.Atoi(after)
		if err != nil {
			p.fail(newError(CodeBadInput, "\"after\" is no cursor of this list: it is damaged, or comes from another list."), f.nodes[0])
		}
		out.proposals.After = number
	}
	return out
}

// checked makes a reader of a check.
func checked(read func(*content.Check, content.Language) any) reader {
	return from(func(k spoken[*content.Check]) any { return read(k.of, k.lang) })
}
