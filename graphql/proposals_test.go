package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// fakeProposals is a workflow in memory that begins with what "proposals.json" says. It
// keeps the contract of Proposals, and what was asked of it in calls. What it proposes has
// a description that tells the draft.
type fakeProposals struct {
	All     []*content.Proposal `json:"proposals"` // newest first
	Records map[int][]string    // what each changes: "collection/id"
	Reports map[int]*fakeReport
	calls   []string
}

// fakeReport has the values of conflicts as texts: base, ours, theirs.
type fakeReport struct {
	content.ProposalReport
	Conflicts []struct {
		content.MergeConflict
		Values [3]string
	}
}

// proposals is nil where the fixture has none.
func (f *fixture) proposals(t testing.TB) *fakeProposals {
	t.Helper()
	text := f.files["proposals.json"]
	if text == "" {
		return nil
	}
	p := &fakeProposals{}
	if err := json.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Reports {
		for _, k := range r.Conflicts {
			for i, to := range []**content.Value{&k.Base, &k.Ours, &k.Theirs} {
				if k.Values[i] != "" {
					*to = parse(t, "conflict", k.Values[i])
				}
			}
			r.ProposalReport.Conflicts = append(r.ProposalReport.Conflicts, k.MergeConflict)
		}
	}
	return p
}

// orNone is what Config wants: no interface around nil.
func (f *fakeProposals) orNone() Proposals {
	if f == nil {
		return nil
	}
	return f
}

func (f *fakeProposals) called(ctx context.Context, format string, args ...any) error {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return ctx.Err()
}

func (f *fakeProposals) Proposals(ctx context.Context, q content.ProposalQuery) (content.ProposalPage, error) {
	record := ""
	if q.Record != nil {
		record = q.Record.String()
	}
	if err := f.called(ctx, "list %s", record); err != nil {
		return content.ProposalPage{}, err
	}
	switch q.Author {
	case "slow":
		return content.ProposalPage{}, fmt.Errorf("the forge cannot be reached: %w", content.ErrUnavailable)
	case "broken":
		return content.ProposalPage{}, errors.New("dial tcp 10.0.0.7:443: refused")
	}
	var out content.ProposalPage
	for _, p := range f.All {
		if q.State != "" && q.State != p.State || record != "" && !slices.Contains(f.Records[p.Number], record) ||
			!strings.Contains(fold(p.Author.Name+"\n"+p.Author.Email), fold(q.Author)) {
			continue
		}
		out.Total++
		if q.After == 0 || p.Number < q.After {
			out.Proposals = append(out.Proposals, p)
		}
	}
	if q.Limit > 0 && len(out.Proposals) > q.Limit {
		out.Proposals, out.More = out.Proposals[:q.Limit], true
	}
	return out, nil
}

func (f *fakeProposals) Proposal(ctx context.Context, number int) (*content.Proposal, error) {
	if err := f.called(ctx, "proposal %d", number); err != nil {
		return nil, err
	}
	return f.find(number)
}

func (f *fakeProposals) find(number int) (*content.Proposal, error) {
	for _, p := range f.All {
		if p.Number == number {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no proposal %d: %w", number, content.ErrNotFound)
}

func (f *fakeProposals) Report(ctx context.Context, p *content.Proposal) (*content.ProposalReport, error) {
	if err := f.called(ctx, "report %d %.2s", p.Number, p.Head); err != nil {
		return nil, err
	}
	if r := f.Reports[p.Number]; r != nil {
		return &r.ProposalReport, nil
	}
	return nil, fmt.Errorf("proposal %d is not checked yet: %w", p.Number, content.ErrUnavailable)
}

// drafted tells what a draft came as.
func drafted(d content.Draft) string {
	var b strings.Builder
	b.WriteString(d.Description)
	for _, e := range d.Edits {
		fmt.Fprintf(&b, "\n%s %s", e.Kind, strings.Trim(e.Ref.String(), "/"))
		for _, part := range []string{e.Document, e.Patch, string(e.To), e.Path, string(e.Bytes), string(e.Field), e.Revision} {
			if part != "" {
				b.WriteString(" " + part)
			}
		}
		if e.Carry {
			b.WriteString(" carry")
		}
	}
	if d.Base != "" {
		b.WriteString("\nbase " + string(d.Base))
	}
	return strings.TrimSpace(b.String())
}

// refusal is what the fake finds wrong with a draft.
func (f *fakeProposals) refusal(d content.Draft) *content.Refusal {
	if len(d.Edits) == 0 {
		return &content.Refusal{Reason: content.RefusedEmpty, Message: "Nothing would change."}
	}
	for _, e := range d.Edits {
		switch {
		case e.Kind == content.EditPatch && !strings.HasPrefix(e.Patch, "["):
			return &content.Refusal{Reason: content.RefusedEdit, Message: "The patch of " + e.Ref.String() + " is no list of operations."}
		case strings.Contains(e.Document, `"ordinal":"`):
			return &content.Refusal{Reason: content.RefusedInvalid, Message: "There would be a new problem.", Problems: f.problems(e)}
		case e.Kind == content.EditDelete && e.ID == "data" && !e.Carry:
			return &content.Refusal{Reason: content.RefusedDangling, Message: "themes/data is referred to.", Referrers: []content.Referrer{{
				Record: content.Ref{Collection: "projects", ID: "alfa"}, Path: "records/projects/alfa.json", Field: "/themes/0", Target: e.Ref,
			}}}
		}
	}
	return nil
}

func (f *fakeProposals) problems(e content.Edit) []content.Problem {
	return []content.Problem{{
		Collection: e.Collection, ID: e.ID, Path: "records/" + e.Ref.String() + ".json", Line: 2, Column: 3, Pointer: "/ordinal", Rule: "schema/type",
		Messages: map[content.Language]string{"en": "The ordinal is no number.", "fi": "Järjestysluku ei ole luku."},
	}}
}

func (f *fakeProposals) Propose(ctx context.Context, by content.Actor, d content.Draft) (*content.Proposal, error) {
	if err := f.called(ctx, "propose %s", d.Title); err != nil {
		return nil, err
	}
	switch {
	case d.Title == "broken":
		return nil, errors.New("write /srv/git/objects: disk full")
	case d.Title == "panic":
		panic("the pack is gone")
	case d.Title == "work tree":
		return nil, &content.Refusal{Reason: content.RefusedWorkTree, Message: "Commit it first.", Paths: []string{"records/projects/alfa.json"}}
	case d.Title == "forge":
		return nil, &content.Refusal{Reason: content.RefusedForge, Message: "protected branch, says ops@example.org"}
	}
	if r := f.refusal(d); r != nil {
		return nil, fmt.Errorf("propose: %w", r)
	}
	for _, p := range f.All {
		if d.Key != "" && p.Key == d.Key && p.Author == by.Person {
			return p, nil
		}
	}
	n := f.All[0].Number + 1
	p := &content.Proposal{
		Number: n, Title: d.Title, Description: drafted(d), State: content.ProposalOpen, Author: by.Person, Key: d.Key,
		Branch: "refs/heads/proposals/" + strconv.Itoa(n), Target: "refs/heads/main", Head: content.Hash(strings.Repeat("e"+strconv.Itoa(n%10), 20)),
		Base: content.Hash(strings.Repeat("c8", 20)), Requested: d.Reviewers,
	}
	f.All = append([]*content.Proposal{p}, f.All...)
	return p, nil
}

// change makes another value of a proposal, where may has nothing against it.
func (f *fakeProposals) change(number int, may func(p *content.Proposal) error, change func(p *content.Proposal)) (*content.Proposal, error) {
	p, err := f.find(number)
	if err == nil {
		err = may(p)
	}
	if err != nil {
		return nil, err
	}
	next := *p
	change(&next)
	for i := range f.All {
		if f.All[i] == p {
			f.All[i] = &next
		}
	}
	return &next, nil
}

func isOpen(p *content.Proposal) error {
	if p.State != content.ProposalOpen {
		return &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("Proposal %d is %s.", p.Number, strings.ToLower(string(p.State)))}
	}
	return nil
}

// isAt refuses a head that moved.
func isAt(head content.Hash) func(p *content.Proposal) error {
	return func(p *content.Proposal) error {
		if p.Head != head {
			return &content.Refusal{Reason: content.RefusedOutdated, Message: fmt.Sprintf("Proposal %d has another head now; look at it again.", p.Number)}
		}
		return isOpen(p)
	}
}

func (f *fakeProposals) Amend(ctx context.Context, by content.Actor, number int, d content.Draft) (*content.Proposal, error) {
	if err := f.called(ctx, "amend %d", number); err != nil {
		return nil, err
	}
	return f.change(number, isAt(d.Base), func(p *content.Proposal) {
		if p.Description = drafted(d); d.Title != "" {
			p.Title = d.Title
		}
		p.Requested, p.Head = append(p.Requested, d.Reviewers...), content.Hash(strings.Repeat("f1", 20))
	})
}

func (f *fakeProposals) Validate(ctx context.Context, by content.Actor, d content.Draft) ([]content.Problem, error) {
	if err := f.called(ctx, "validate"); err != nil {
		return nil, err
	}
	switch r := f.refusal(d); {
	case r == nil:
		return nil, nil
	case r.Reason == content.RefusedInvalid:
		return r.Problems, nil
	default:
		return nil, r
	}
}

func (f *fakeProposals) Comment(ctx context.Context, by content.Actor, number int, text string) (*content.Proposal, error) {
	if err := f.called(ctx, "comment %d", number); err != nil {
		return nil, err
	}
	return f.change(number, isOpen, func(p *content.Proposal) {
		p.Comments = append(slices.Clone(p.Comments), content.Comment{ID: "new", Person: by.Person, Text: text, At: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)})
	})
}

func (f *fakeProposals) Review(ctx context.Context, by content.Actor, number int, verdict content.Verdict, head content.Hash, text string) (*content.Proposal, error) {
	if err := f.called(ctx, "review %d %s", number, verdict); err != nil {
		return nil, err
	}
	return f.change(number, isAt(head), func(p *content.Proposal) {
		p.Reviews = append(slices.Clone(p.Reviews), content.Review{Person: by.Person, Verdict: verdict, Text: text, Head: head})
	})
}

func (f *fakeProposals) Merge(ctx context.Context, by content.Actor, number int, head content.Hash, resolutions []content.Resolution) (*content.Proposal, error) {
	if err := f.called(ctx, "merge %d %q", number, resolutions); err != nil {
		return nil, err
	}
	return f.change(number, func(p *content.Proposal) error {
		switch r := f.Reports[number]; {
		case r == nil:
			return &content.Refusal{Reason: content.RefusedApproval, Message: "Cecilia Öst has to approve it.", Missing: []string{"Cecilia Öst"}}
		case len(resolutions) < len(r.Conflicts):
			return &content.Refusal{Reason: content.RefusedConflict, Message: "3 places were changed on both sides.", Conflicts: r.ProposalReport.Conflicts}
		}
		return isAt(head)(p)
	}, func(p *content.Proposal) {
		p.State, p.MergedAs = content.ProposalMerged, content.Hash(strings.Repeat("ab", 20))
	})
}

func (f *fakeProposals) Rebase(ctx context.Context, by content.Actor, number int, head content.Hash, resolutions []content.Resolution) (*content.Proposal, error) {
	if err := f.called(ctx, "rebase %d %q", number, resolutions); err != nil {
		return nil, err
	}
	return f.change(number, isAt(head), func(p *content.Proposal) { p.Head = content.Hash(strings.Repeat("f2", 20)) })
}

func (f *fakeProposals) Close(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	if err := f.called(ctx, "close %d", number); err != nil {
		return nil, err
	}
	return f.change(number, func(p *content.Proposal) error {
		if p.Author != by.Person && !by.Role.Allows(content.RoleMaintainer) {
			return fmt.Errorf("proposal %d is of somebody else; a maintainer can close it: %w", number, content.ErrForbidden)
		}
		return isOpen(p)
	}, func(p *content.Proposal) { p.State = content.ProposalClosed })
}

func (f *fakeProposals) Reopen(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	if err := f.called(ctx, "reopen %d", number); err != nil {
		return nil, err
	}
	return f.change(number, func(p *content.Proposal) error {
		if p.State != content.ProposalClosed {
			return &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("Proposal %d is not closed.", number)}
		}
		return nil
	}, func(p *content.Proposal) { p.State = content.ProposalOpen })
}

// manyProposals are n open ones, each of which changes the same record.
func manyProposals(n int) *fakeProposals {
	f := &fakeProposals{Records: map[int][]string{}, Reports: map[int]*fakeReport{}}
	problems := slices.Repeat(f.problems(content.Edit{Ref: content.Ref{Collection: "projects", ID: "beta"}}), 30)
	for i := n; i > 0; i-- {
		f.All = append(f.All, &content.Proposal{Number: i, Title: "t", State: content.ProposalOpen, Head: content.Hash(fmt.Sprintf("%040d", i)), Base: "v1"})
		f.Records[i] = []string{"projects/beta"}
		f.Reports[i] = &fakeReport{ProposalReport: content.ProposalReport{Checks: []content.Check{{Name: content.CheckContent, Status: content.CheckFailed, Problems: problems, Known: problems}}}}
	}
	return f
}
