package proposal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/proposal"
)

func TestTheWayOfAProposal(t *testing.T) {
	o, ctx := hall(t, nil), t.Context()
	first := o.at("main")
	d := draft("Set a", set(one, "a", "2"))
	d.Description, d.Reviewers = "It was wrong.\n\nSource: a letter.", []string{"riikka@example.org"}
	p := o.ok(o.Propose(ctx, aino, d))
	o.same("proposed", []any{p.State, p.Title, p.Author, p.Base, p.Head, p.Requested},
		[]any{content.ProposalOpen, "Set a", aino.Person, first, o.at("proposals/1"), []string{"riikka@example.org"}})
	o.same("the edit", o.show("proposals/1", "things/one.json"), strings.TrimSpace(strings.Replace(files["things/one.json"], `"a": 1`, `"a": 2`, 1)))
	o.same("nothing else", o.at("proposals/1^"), first)

	was := p.Head
	p = o.ok(o.Amend(ctx, aino, p.Number, content.Draft{Base: p.Head, Title: "Set a and b", Edits: []content.Edit{set(one, "b", "3")}}))
	o.same("amended", []any{p.Title, p.Description, o.at("proposals/1^"), p.Head}, []any{"Set a and b", d.Description, was, o.at("proposals/1")})
	p = o.ok(o.Comment(ctx, eero, p.Number, "Why 3?"))
	p = o.ok(o.Review(ctx, riikka, p.Number, content.VerdictApproved, p.Head, "Right."))
	report, _ := o.report(p)
	o.same("mergeable", []any{report.Mergeable, report.Head, report.Target}, []any{true, p.Head, first})
	p = o.merge(p)
	o.same("merged", []any{p.State, p.MergedAs, o.at("main^"), o.at("main^2"), o.at("proposals/1")}, []any{content.ProposalMerged, o.at("main"), first, p.Head, content.Hash("")})
	o.same("served", string(o.cat.Current().Commit), string(o.at("main")))
	o.same("events", kinds(p), []content.EventKind{content.EventOpened, content.EventEdited, content.EventCommented, content.EventApproved, content.EventMerged})
	message, _ := o.gitIn(o.served, "log", "-1", "--format=%an|%B", "main")
	o.same("message", message, "Maija|Merge proposal #1: Set a and b\n\nIt was wrong.\n\nSource: a letter.\n\nApproved-by: Riikka <riikka@example.org>\nProposal: 1")

	q := o.propose(aino, "Set b", set(one, "b", "4"))
	q = o.ok(o.Close(ctx, aino, q.Number))
	o.same("closed", q.State, content.ProposalClosed)
	q = o.ok(o.Reopen(ctx, aino, q.Number))
	o.same("reopened", q.State, content.ProposalOpen)
	q = o.merge(q)
	o.same("merged after all", o.show("main", "things/one.json"), "{\n  \"name\": \"One\",\n  \"theme\": \"blue\",\n  \"a\": 2,\n  \"b\": 4\n}")
	page, err := o.Proposals(ctx, content.ProposalQuery{State: content.ProposalMerged, Author: "AINO"})
	o.same("listed", []any{err, page.Total, page.Proposals[0].Number}, []any{nil, 2, q.Number})
}

func kinds(p *content.Proposal) []content.EventKind {
	var out []content.EventKind
	for _, e := range p.Events {
		out = append(out, e.Kind)
	}
	return out
}

// What cannot be done is refused with its reason, and has changed nothing.
func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		reason content.RefusalReason
		says   string
		do     func(o *office, ctx context.Context, p *content.Proposal) error
	}{
		{"a patch that does not apply", content.RefusedEdit, "edit 1 (patch things/one)", func(o *office, ctx context.Context, _ *content.Proposal) error {
			_, err := o.Propose(ctx, aino, draft("x", content.Edit{Kind: content.EditPatch, Ref: one, Patch: `[{"op": "remove", "path": "/nothing"}]`}))
			return err
		}},
		{"no title", content.RefusedEdit, "the title is missing", func(o *office, ctx context.Context, _ *content.Proposal) error {
			_, err := o.Propose(ctx, aino, draft(" ", set(one, "a", "2")))
			return err
		}},
		{"an empty comment", content.RefusedEdit, "a comment has 1 to", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Comment(ctx, aino, p.Number, " ")
			return err
		}},
		{"edits that change nothing", content.RefusedEmpty, "the edits change nothing", func(o *office, ctx context.Context, _ *content.Proposal) error {
			_, err := o.Propose(ctx, aino, draft("x", set(one, "a", "1")))
			return err
		}},
		{"nothing to amend", content.RefusedEmpty, "nothing is to be amended", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Amend(ctx, aino, p.Number, content.Draft{Base: p.Head})
			return err
		}},
		{"nothing to rebase on", content.RefusedEmpty, "has the newest of the branch already", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Rebase(ctx, aino, p.Number, p.Head, nil)
			return err
		}},
		{"a value that its schema forbids", content.RefusedInvalid, "1 problem", func(o *office, ctx context.Context, _ *content.Proposal) error {
			_, err := o.Propose(ctx, aino, draft("x", set(one, "a", `"two"`)))
			var r *content.Refusal
			if errors.As(err, &r) && (len(r.Problems) != 1 || r.Problems[0].Pointer != "/a" || r.Problems[0].Line == 0) {
				o.Errorf("problems %v", r.Problems)
			}
			return err
		}},
		{"amended to what its schema forbids", content.RefusedInvalid, "1 problem", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Amend(ctx, aino, p.Number, content.Draft{Base: p.Head, Edits: []content.Edit{set(one, "a", `"two"`)}})
			return err
		}},
		{"a record that others refer to is deleted", content.RefusedDangling, "themes/blue would be gone", func(o *office, ctx context.Context, _ *content.Proposal) error {
			_, err := o.Propose(ctx, aino, draft("x", content.Edit{Kind: content.EditDelete, Ref: content.Ref{Collection: "themes", ID: "blue"}}))
			var r *content.Refusal
			if errors.As(err, &r) && (len(r.Referrers) != 1 || r.Referrers[0].Record != one || r.Referrers[0].Field != "/theme") {
				o.Errorf("referrers %v", r.Referrers)
			}
			return err
		}},
		{"both sides changed one place", content.RefusedConflict, "1 place", func(o *office, ctx context.Context, p *content.Proposal) error {
			o.merge(o.propose(eero, "otherwise", set(one, "a", "7")))
			_, err := o.Merge(ctx, maija, p.Number, p.Head, nil)
			return err
		}},
		{"rebased onto a change of one place", content.RefusedConflict, "1 place", func(o *office, ctx context.Context, p *content.Proposal) error {
			o.merge(o.propose(eero, "otherwise", set(one, "a", "7")))
			_, err := o.Rebase(ctx, aino, p.Number, p.Head, nil)
			return err
		}},
		{"a resolution of no conflict", content.RefusedEdit, "is no conflict", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Merge(ctx, maija, p.Number, p.Head, []content.Resolution{{Path: "things/one.json", Field: "/a", Take: content.SideOurs}})
			return err
		}},
		{"a base that the target has not", content.RefusedOutdated, "does not have the commit", func(o *office, ctx context.Context, p *content.Proposal) error {
			d := draft("x", set(one, "a", "3"))
			d.Base = p.Head
			_, err := o.Propose(ctx, aino, d)
			return err
		}},
		{"a base that is nowhere", content.RefusedOutdated, "does not have the commit", func(o *office, ctx context.Context, _ *content.Proposal) error {
			d := draft("x", set(one, "a", "3"))
			d.Base = content.Hash(strings.Repeat("12", 20))
			_, err := o.Validate(ctx, aino, d)
			return err
		}},
		{"amended on another head", content.RefusedOutdated, "no longer", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Amend(ctx, aino, p.Number, content.Draft{Base: p.Base, Edits: []content.Edit{set(one, "b", "3")}})
			return err
		}},
		{"reviewed at another head", content.RefusedOutdated, "no longer", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Review(ctx, riikka, p.Number, content.VerdictApproved, p.Base, "")
			return err
		}},
		{"merged at no head", content.RefusedOutdated, "say which head you looked at", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Merge(ctx, maija, p.Number, "", nil)
			return err
		}},
		{"rebased at another head", content.RefusedOutdated, "no longer", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Rebase(ctx, aino, p.Number, p.Base, nil)
			return err
		}},
		{"a closed one is merged", content.RefusedState, "proposal 1 is closed", func(o *office, ctx context.Context, p *content.Proposal) error {
			o.ok(o.Close(ctx, aino, p.Number))
			_, err := o.Merge(ctx, maija, p.Number, p.Head, nil)
			return err
		}},
		{"a merged one is amended", content.RefusedState, "proposal 1 is merged", func(o *office, ctx context.Context, p *content.Proposal) error {
			o.merge(p)
			_, err := o.Amend(ctx, aino, p.Number, content.Draft{Base: p.Head, Edits: []content.Edit{set(one, "b", "3")}})
			return err
		}},
		{"a merged one is reopened", content.RefusedState, "proposal 1 is merged, not closed", func(o *office, ctx context.Context, p *content.Proposal) error {
			o.merge(p)
			_, err := o.Reopen(ctx, aino, p.Number)
			return err
		}},
		{"an open one is reopened", content.RefusedState, "proposal 1 is open, not closed", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.Reopen(ctx, aino, p.Number)
			return err
		}},
		{"its target is gone", content.RefusedState, "the branch main, into which proposal 1 was to be merged, is gone", func(o *office, ctx context.Context, p *content.Proposal) error {
			_, err := o.gitIn(o.served, "update-ref", "-d", "refs/heads/main")
			if err != nil {
				o.Fatal(err)
			}
			_, merged := o.Merge(ctx, maija, p.Number, p.Head, nil)
			_, rebased := o.Rebase(ctx, aino, p.Number, p.Head, nil)
			o.refused(rebased, content.RefusedState, "is gone")
			_, looked := o.Report(ctx, p)
			o.refused(looked, content.RefusedState, "is gone")
			return merged
		}},
		{"nobody approved", content.RefusedApproval, "somebody else than its authors has to approve it", func(o *office, ctx context.Context, p *content.Proposal) error {
			o.open(fourEyes)
			_, err := o.Merge(ctx, maija, p.Number, p.Head, nil)
			return err
		}},
		{"a branch is where proposals are to be", content.RefusedForge, "A branch is called proposals", func(o *office, ctx context.Context, p *content.Proposal) error {
			o.ok(o.Close(ctx, aino, p.Number))
			for _, args := range [][]string{{"update-ref", "-d", "refs/heads/proposals/1"}, {"update-ref", "refs/heads/proposals", "main"}} {
				if out, err := o.gitIn(o.served, args...); err != nil {
					o.Fatal(out)
				}
			}
			_, err := o.Propose(ctx, aino, draft("x", set(one, "b", "2")))
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := hall(t, nil)
			p := o.propose(aino, "Set a", set(one, "a", "2"))
			err := c.do(o, t.Context(), p)
			o.refused(err, c.reason, c.says)
			if now := o.at("refs/heads/proposals/1"); now != "" && now != p.Head {
				t.Errorf("its branch is %s", now)
			}
			if _, err := o.gitIn(o.served, "rev-parse", "-q", "--verify", "refs/koonti/proposals/2"); err == nil && c.reason != content.RefusedConflict {
				t.Error("another proposal is there")
			}
		})
	}
}

// Editors propose and have a hand in their own proposals, reviewers judge, maintainers merge
// and have a hand in everybody's.
func TestWhoMayDoWhat(t *testing.T) {
	o := hall(t, nil)
	acts := []struct {
		name  string
		own   content.Role // needed, on what is one's own
		other content.Role // needed, on somebody else's
		do    func(ctx context.Context, by content.Actor, p *content.Proposal) error
	}{
		{"validate", content.RoleEditor, content.RoleEditor, func(ctx context.Context, by content.Actor, _ *content.Proposal) error {
			_, err := o.Validate(ctx, by, draft("", set(one, "a", "9")))
			return err
		}},
		{"comment", content.RoleEditor, content.RoleEditor, func(ctx context.Context, by content.Actor, p *content.Proposal) error {
			_, err := o.Comment(ctx, by, p.Number, "A word.")
			return err
		}},
		{"amend", content.RoleEditor, content.RoleMaintainer, func(ctx context.Context, by content.Actor, p *content.Proposal) error {
			_, err := o.Amend(ctx, by, p.Number, content.Draft{Base: p.Head, Description: by.ID + " amends " + fmt.Sprint(p.Number)})
			return err
		}},
		{"review", content.RoleReviewer, content.RoleReviewer, func(ctx context.Context, by content.Actor, p *content.Proposal) error {
			_, err := o.Review(ctx, by, p.Number, content.VerdictApproved, p.Head, "")
			return err
		}},
		{"close and reopen", content.RoleEditor, content.RoleMaintainer, func(ctx context.Context, by content.Actor, p *content.Proposal) error {
			_, err := o.Close(ctx, by, p.Number)
			if err == nil {
				_, err = o.Reopen(ctx, by, p.Number)
			}
			return err
		}},
		{"rebase", content.RoleEditor, content.RoleMaintainer, func(ctx context.Context, by content.Actor, p *content.Proposal) error {
			_, err := o.Rebase(ctx, by, p.Number, p.Head, nil)
			return err
		}},
		{"merge", content.RoleMaintainer, content.RoleMaintainer, func(ctx context.Context, by content.Actor, p *content.Proposal) error {
			_, err := o.Merge(ctx, by, p.Number, p.Head, nil)
			return err
		}},
	}
	n := 1
	for _, role := range append(content.Roles(), content.RoleNone) {
		by := actor("Ilona", role)
		if _, err := o.Propose(t.Context(), by, draft("x", set(one, "list", "[1]"))); (err == nil) != role.Allows(content.RoleEditor) {
			t.Errorf("%q proposes: %v", role, err)
		}
		for _, act := range acts {
			for _, own := range []bool{true, false} {
				author, needed := actor("Eero", content.RoleEditor), act.other
				if own {
					author, needed = actor("Ilona", content.RoleEditor), act.own
				}
				n++
				p := o.propose(author, "Set b", put(content.Ref{Collection: "things", ID: content.ID(fmt.Sprint("t", n))}))
				if act.name == "rebase" {
					o.merge(o.propose(aino, "Something new", put(content.Ref{Collection: "things", ID: content.ID(fmt.Sprint("n", n))})))
				}
				err := act.do(t.Context(), by, p)
				if role.Allows(needed) {
					if err != nil {
						t.Errorf("%q, own %v: %s: %v", role, own, act.name, err)
					}
					continue
				}
				if needed == content.RoleMaintainer && act.own == content.RoleEditor && !role.Allows(content.RoleEditor) {
					needed = act.own
				}
				if !errors.Is(err, content.ErrForbidden) || !strings.Contains(err.Error(), "takes the role "+string(needed)) {
					t.Errorf("%q, own %v: %s: %v, want forbidden for want of %s", role, own, act.name, err, needed)
				}
			}
		}
	}
	for _, act := range acts {
		p := o.ok(o.Proposal(t.Context(), 1))
		if err := act.do(t.Context(), content.Actor{}, p); !errors.Is(err, content.ErrUnauthenticated) {
			t.Errorf("nobody: %s: %v", act.name, err)
		}
	}
}

func TestAKeyMakesOneProposal(t *testing.T) {
	o := hall(t, nil)
	d := draft("Set a", set(one, "a", "2"))
	d.Key = "k"
	numbers := make([]int, 6)
	var all sync.WaitGroup
	for i := range numbers {
		all.Go(func() {
			if p, err := o.Propose(t.Context(), aino, d); err != nil {
				t.Error(err)
			} else {
				numbers[i] = p.Number
			}
		})
	}
	all.Wait()
	o.same("all at once", numbers, []int{1, 1, 1, 1, 1, 1})
	o.merge(o.ok(o.Proposal(t.Context(), 1)))
	again := o.ok(o.Propose(t.Context(), aino, d))
	o.same("long after", []any{again.Number, again.State}, []any{1, content.ProposalMerged})
	d.Edits = []content.Edit{set(one, "a", "3")}
	_, err := o.Propose(t.Context(), aino, d)
	o.refused(err, content.RefusedState, "the key \"k\" was used for something else, proposal 1")
	o.same("of somebody else", o.ok(o.Propose(t.Context(), eero, d)).Number, 2)
	d.Key = ""
	o.same("without a key", []int{o.ok(o.Propose(t.Context(), eero, d)).Number, o.ok(o.Propose(t.Context(), eero, d)).Number}, []int{3, 4})
}

func TestADryRunTellsProblemsAndChangesNothing(t *testing.T) {
	o := hall(t, nil)
	refs := func() string { out, _ := o.gitIn(o.served, "for-each-ref"); return out }
	before := refs()
	problems, err := o.Validate(t.Context(), aino, draft("", set(one, "a", `"two"`), set(one, "theme", `"green"`)))
	var got []string
	for _, p := range problems {
		got = append(got, p.Path+" "+string(p.Pointer)+" "+p.Rule)
	}
	o.same("problems", []any{err, got}, []any{nil, []string{"things/one.json /theme reference/missing", "things/one.json /a schema/type"}})
	problems, err = o.Validate(t.Context(), aino, draft("", set(one, "a", "2")))
	o.same("none", []any{len(problems), err}, []any{0, nil})
	o.same("refs", refs(), before)
}

func TestFourEyes(t *testing.T) {
	approve := func(o *office, by content.Actor, p *content.Proposal) error {
		_, err := o.Review(o.Context(), by, p.Number, content.VerdictApproved, p.Head, "")
		return err
	}
	merge := func(o *office, p *content.Proposal) error {
		p = o.ok(o.Proposal(o.Context(), p.Number))
		_, err := o.Merge(o.Context(), maija, p.Number, p.Head, nil)
		return err
	}
	t.Run("nobody approves their own", func(t *testing.T) {
		o := hall(t, nil, fourEyes)
		p := o.propose(maija, "Set a", set(one, "a", "2"))
		o.refused(approve(o, maija, p), content.RefusedApproval, "nobody approves their own")
		shouting := actor("Maija", content.RoleReviewer)
		shouting.Person.Email, shouting.ID = "MAIJA@example.org", "MAIJA@EXAMPLE.org"
		o.refused(approve(o, shouting, p), content.RefusedApproval, "nobody approves their own")
		o.refused(merge(o, p), content.RefusedApproval, "somebody else than its authors")
		o.ok(o.Review(t.Context(), maija, p.Number, content.VerdictCommented, p.Head, "I am not sure."))
		o.refused(merge(o, p), content.RefusedApproval, "somebody else than its authors")
	})
	t.Run("somebody else's counts, until there is a new head", func(t *testing.T) {
		o := hall(t, nil, fourEyes)
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		if err := approve(o, riikka, p); err != nil {
			t.Fatal(err)
		}
		p = o.ok(o.Amend(t.Context(), aino, p.Number, content.Draft{Base: p.Head, Edits: []content.Edit{set(one, "b", "2")}}))
		o.same("stale", p.Reviews[0].Stale, true)
		o.refused(merge(o, p), content.RefusedApproval, "somebody else than its authors")
		if err := approve(o, riikka, p); err != nil {
			t.Fatal(err)
		}
		if err := merge(o, p); err != nil {
			t.Error(err)
		}
	})
	t.Run("other words about it leave an approval", func(t *testing.T) {
		o := hall(t, nil, fourEyes)
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		if err := approve(o, riikka, p); err != nil {
			t.Fatal(err)
		}
		o.ok(o.Amend(t.Context(), aino, p.Number, content.Draft{Base: p.Head, Title: "Set a to two"}))
		if err := merge(o, p); err != nil {
			t.Error(err)
		}
	})
	t.Run("who amended it is an author", func(t *testing.T) {
		o := hall(t, nil, fourEyes)
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		p = o.ok(o.Amend(t.Context(), maija, p.Number, content.Draft{Base: p.Head, Edits: []content.Edit{set(one, "b", "2")}}))
		o.refused(approve(o, maija, p), content.RefusedApproval, "nobody approves their own")
	})
	t.Run("who is a co-author of a commit is an author", func(t *testing.T) {
		o := hall(t, nil, fourEyes)
		o.push("proposals/pair", "Set a\n\nco-authored-by: Riikka R <Riikka@example.org>\nCo-Authored-By: Maija <m@example.com>", map[string]string{
			"things/one.json": strings.Replace(files["things/one.json"], `"a": 1`, `"a": 2`, 1),
		})
		o.sync()
		p := o.ok(o.Proposal(t.Context(), 1))
		o.refused(approve(o, riikka, p), content.RefusedApproval, "nobody approves their own")
		o.refused(approve(o, maija, p), content.RefusedApproval, "nobody approves their own")
		o.open() // without the rule they may
		if err := approve(o, riikka, p); err != nil {
			t.Fatal(err)
		}
		o.open(fourEyes) // and with it, what they said does not count
		o.refused(merge(o, p), content.RefusedApproval, "somebody else than its authors")
	})
	t.Run("who committed it in another's name is an author", func(t *testing.T) {
		o := hall(t, nil, fourEyes)
		o.push("proposals/pair", "Set a", map[string]string{
			"things/one.json": strings.Replace(files["things/one.json"], `"a": 1`, `"a": 2`, 1),
		})
		o.git("commit", "-q", "--amend", "--no-edit", "--author", "Aino <aino@example.org>")
		o.git("push", "-q", "-f", "origin", "HEAD:refs/heads/proposals/pair")
		o.sync()
		p := o.ok(o.Proposal(t.Context(), 1))
		o.refused(approve(o, actor("Pekka", content.RoleReviewer), p), content.RefusedApproval, "nobody approves their own")
		if err := approve(o, riikka, p); err != nil {
			t.Error(err)
		}
	})
	t.Run("without the rule they may", func(t *testing.T) {
		o := hall(t, nil)
		p := o.propose(maija, "Set a", set(one, "a", "2"))
		if err := approve(o, maija, p); err != nil {
			t.Error(err)
		}
		if err := merge(o, p); err != nil {
			t.Error(err)
		}
	})
}

func TestChangesRequestedKeepAProposalBack(t *testing.T) {
	o, ctx := hall(t, nil), t.Context()
	object := func(p *content.Proposal) *content.Proposal {
		p = o.ok(o.Review(ctx, riikka, p.Number, content.VerdictChangesRequested, p.Head, "No source."))
		_, err := o.Merge(ctx, maija, p.Number, p.Head, nil)
		o.same("who", o.refused(err, content.RefusedApproval, "Riikka asked for changes").Missing, []string{"Riikka"})
		return p
	}
	p := object(o.propose(aino, "Set a", set(one, "a", "2")))
	o.ok(o.Review(ctx, maija, p.Number, content.VerdictApproved, p.Head, ""))
	_, err := o.Merge(ctx, maija, p.Number, p.Head, nil)
	o.refused(err, content.RefusedApproval, "Riikka asked for changes")
	o.ok(o.Review(ctx, riikka, p.Number, content.VerdictCommented, p.Head, "Still none."))
	_, err = o.Merge(ctx, maija, p.Number, p.Head, nil)
	o.refused(err, content.RefusedApproval, "Riikka asked for changes")
	o.ok(o.Review(ctx, riikka, p.Number, content.VerdictApproved, p.Head, "I found it."))
	o.merge(p)

	q := object(o.propose(aino, "Set b", set(one, "b", "2")))
	o.merge(o.ok(o.Amend(ctx, aino, q.Number, content.Draft{Base: q.Head, Edits: []content.Edit{set(one, "b", "3")}})))
}

// Who owns what a proposal changes is asked, by the owners of the target: a proposal cannot
// let itself in.
func TestOwners(t *testing.T) {
	owners := `{"owners": [{"collection": "things", "field": "/a", "people": ["riikka@example.org"]}, {"files": "schema/**", "people": ["maija@example.org"]}]}`
	o, ctx := hall(t, map[string]string{"schema/owners.json": owners}), t.Context()
	check := func(p *content.Proposal) content.Check {
		report, checks := o.report(p)
		o.same("mergeable", report.Mergeable, checks[content.CheckOwners].Status == content.CheckPassed)
		return checks[content.CheckOwners]
	}
	p := o.propose(aino, "Set a", set(one, "a", "2"))
	c := check(p)
	o.same("shown", []any{c.Status, c.Missing, len(c.Owned), c.Owned[0].Places}, []any{
		content.CheckPending, []string{"riikka@example.org"}, 1,
		[]content.OwnedPlace{{Ref: one, Path: "things/one.json", Pointers: []content.Pointer{"/a"}}},
	})
	o.ok(o.Review(ctx, maija, p.Number, content.VerdictApproved, p.Head, ""))
	_, err := o.Merge(ctx, maija, p.Number, p.Head, nil)
	o.same("missing", o.refused(err, content.RefusedApproval, "riikka@example.org").Missing, []string{"riikka@example.org"})

	free := o.propose(aino, "Set b", set(one, "b", "2"))
	o.same("what nobody owns", check(free).Status, content.CheckPassed)
	o.merge(free)

	o.push("proposals/coup", "I own it", map[string]string{
		"schema/owners.json": strings.Replace(owners, "riikka", "pekka", 1),
		"things/one.json":    strings.Replace(files["things/one.json"], `"a": 1`, `"a": 5`, 1),
	})
	o.sync()
	coup := o.ok(o.Proposal(ctx, 3))
	c = check(coup)
	slices.Sort(c.Missing)
	o.same("by the target's owners", c.Missing, []string{"maija@example.org", "riikka@example.org"})
	_, err = o.Merge(ctx, maija, coup.Number, coup.Head, nil)
	o.refused(err, content.RefusedApproval, "riikka@example.org")

	p = o.ok(o.Review(ctx, riikka, p.Number, content.VerdictApproved, p.Head, ""))
	o.same("approved", []any{check(p).Status, check(p).Missing}, []any{content.CheckPassed, []string(nil)})
	o.merge(p)
	mine := o.propose(riikka, "Set a again", set(one, "a", "6"))
	o.same("the owner's own", check(mine).Status, content.CheckPassed)
	o.merge(mine)
}

// What a commit says of its author is what anyone can write, and whoever may push to the
// branch of a proposal is not its author by that.
func TestOwnersAreNotClaimed(t *testing.T) {
	owners := `{"owners": [{"collection": "things", "field": "/a", "people": ["riikka@example.org"]}]}`
	o, ctx := hall(t, map[string]string{"schema/owners.json": owners}), t.Context()
	a := func(value string) string {
		return strings.Replace(files["things/one.json"], `"a": 1`, `"a": `+value, 1)
	}
	waits := func(what string, number int) *content.Proposal {
		p := o.ok(o.Proposal(ctx, number))
		_, err := o.Merge(ctx, maija, number, p.Head, nil)
		o.same(what, o.refused(err, content.RefusedApproval, "riikka@example.org").Missing, []string{"riikka@example.org"})
		return p
	}
	o.git("fetch", "-q", "origin")
	o.git("checkout", "-q", "--detach", "origin/main")
	o.write("things/one.json", a("2"))
	o.git("add", "-A")
	o.git("commit", "-q", "-m", "Set a", "--author", "Riikka <riikka@example.org>")
	o.git("push", "-q", "origin", "HEAD:refs/heads/proposals/claimed")
	o.sync()
	p := waits("a commit in her name", 1)
	o.ok(o.Review(ctx, riikka, 1, content.VerdictApproved, p.Head, ""))
	o.merge(p)

	mine := o.propose(riikka, "Set a", set(one, "a", "3"))
	o.git("fetch", "-q", "origin")
	o.git("checkout", "-q", "--detach", "origin/"+strings.TrimPrefix(mine.Branch, "refs/heads/"))
	o.write("things/one.json", strings.Replace(o.show(string(mine.Head), "things/one.json")+"\n", `"a": 3`, `"a": 66`, 1))
	o.commit("Not hers")
	o.git("push", "-q", "origin", "HEAD:"+mine.Branch)
	o.sync()
	waits("what somebody pushed to her branch", mine.Number)

	amended := o.propose(riikka, "Set a once more", set(one, "a", "4"))
	o.ok(o.Amend(ctx, maija, amended.Number, content.Draft{Base: amended.Head, Edits: []content.Edit{set(one, "a", "67")}}))
	waits("what somebody else amended", amended.Number)
}

func TestRightAloneAndWrongTogether(t *testing.T) {
	o, ctx := hall(t, nil), t.Context()
	used := o.propose(aino, "Red", set(one, "theme", `"red"`))
	gone := o.propose(eero, "No red", content.Edit{Kind: content.EditDelete, Ref: content.Ref{Collection: "themes", ID: "red"}})
	for _, p := range []*content.Proposal{used, gone} {
		report, checks := o.report(p)
		o.same("alone", []any{report.Mergeable, checks[content.CheckMerge].Status}, []any{true, content.CheckPassed})
	}
	o.merge(gone)
	report, checks := o.report(used)
	merge := checks[content.CheckMerge]
	o.same("after the other", []any{report.Mergeable, merge.Status, merge.Summary["en"], checks[content.CheckContent].Status},
		[]any{false, content.CheckFailed, "The proposal and the branch are each right, but have problems together: 1.", content.CheckPassed})
	tip := o.at("main")
	_, err := o.Merge(ctx, maija, used.Number, used.Head, nil)
	r := o.refused(err, content.RefusedInvalid, "each right, but together the content would have 1 problem; rebase the proposal and mend it")
	o.same("problems", []any{len(r.Problems), r.Problems[0].Path, r.Problems[0].Pointer, o.at("main")}, []any{1, "things/one.json", content.Pointer("/theme"), tip})

	used = o.ok(o.Rebase(ctx, aino, used.Number, used.Head, nil))
	_, checks = o.report(used)
	o.same("rebased, it is its own", []any{checks[content.CheckContent].Status, len(checks[content.CheckContent].Problems)}, []any{content.CheckFailed, 1})
	_, err = o.Merge(ctx, maija, used.Number, used.Head, nil)
	o.refused(err, content.RefusedInvalid, "the proposal brings 1 problem; mend it first")
	used = o.ok(o.Amend(ctx, aino, used.Number, content.Draft{Base: used.Head, Edits: []content.Edit{set(one, "theme", `"blue"`), set(one, "a", "2")}}))
	o.merge(used)
	o.same("mended", o.show("main", "things/one.json"), "{\n  \"name\": \"One\",\n  \"theme\": \"blue\",\n  \"a\": 2,\n  \"b\": 1\n}")
}

// What two people did to one record is all in the history, each with who proposed it, by
// which proposal, and who approved it.
func TestTwoFieldsOfOneRecordBothGoIn(t *testing.T) {
	o, ctx := hall(t, nil), t.Context()
	a := o.propose(aino, "Set a", set(one, "a", "2"))
	b := o.propose(eero, "Set b", set(one, "b", "2"))
	a = o.ok(o.Review(ctx, riikka, a.Number, content.VerdictApproved, a.Head, ""))
	o.merge(a)
	o.merge(b)
	o.same("both", o.show("main", "things/one.json"), "{\n  \"name\": \"One\",\n  \"theme\": \"blue\",\n  \"a\": 2,\n  \"b\": 2\n}")
	past := o.past()
	record := o.cat.Current().Snapshot.Record(one)
	for _, want := range []struct {
		field    content.Pointer
		author   string
		number   int
		title    string
		approved []string
	}{{"/a", "Aino", 1, "Set a", []string{"Riikka"}}, {"/b", "Eero", 2, "Set b", nil}} {
		c, err := past.LastChange(ctx, record, want.field)
		if err != nil {
			t.Fatal(err)
		}
		commit, err := past.Commit(ctx, c.Commit)
		if err != nil {
			t.Fatal(err)
		}
		var approved []string
		for _, a := range c.Approvals {
			approved = append(approved, a.Person.Name)
		}
		o.same(string(want.field), []any{commit.Author.Name, commit.Merger.Name, c.PullRequest.Number, c.PullRequest.Title, approved}, []any{want.author, "Maija", want.number, want.title, want.approved})
	}
}

// A record that one proposal deleted and one that another made are two, however alike:
// what a third did to the first does not come out in the second. One that was renamed is
// followed, also through several proposals.
func TestOnlyWhatACommitRenamedIsFollowed(t *testing.T) {
	rename := func(from, to content.ID) content.Edit {
		return content.Edit{Kind: content.EditRename, Ref: content.Ref{Collection: "things", ID: from}, To: to}
	}
	t.Run("deleted here, made there", func(t *testing.T) {
		o, ctx := hall(t, nil), t.Context()
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		o.merge(o.propose(eero, "Away", content.Edit{Kind: content.EditDelete, Ref: one}))
		o.merge(o.propose(eero, "Another", content.Edit{Kind: content.EditPut, Ref: content.Ref{Collection: "things", ID: "other"}, Document: files["things/one.json"]}))
		_, err := o.Merge(ctx, maija, p.Number, p.Head, nil)
		o.same("conflict", o.refused(err, content.RefusedConflict, "1 place").Conflicts[0].Path, "things/one.json")
	})
	t.Run("renamed twice", func(t *testing.T) {
		o := hall(t, nil)
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		o.merge(o.propose(eero, "Once", rename("one", "uno")))
		o.merge(o.propose(eero, "Something else", set(content.Ref{Collection: "themes", ID: "red"}, "name", `"Rot"`)))
		o.merge(o.propose(eero, "Twice", rename("uno", "eins")))
		o.merge(p)
		o.same("at its new name", []any{strings.Contains(o.show("main", "things/eins.json"), `"a": 2`), o.show("main", "things/one.json")}, []any{true, ""})
	})
	t.Run("renamed and deleted long ago", func(t *testing.T) {
		o, ctx := hall(t, nil), t.Context()
		two := content.Ref{Collection: "things", ID: "two"}
		o.merge(o.propose(aino, "Two", put(two)))
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		q := o.propose(aino, "Set a of the second", set(two, "a", "2"))
		o.merge(o.propose(eero, "Once", rename("one", "uno")))
		o.merge(o.propose(eero, "Away", content.Edit{Kind: content.EditDelete, Ref: two}))
		for i := range 20 {
			o.merge(o.propose(eero, "Others", put(content.Ref{Collection: "things", ID: content.ID(fmt.Sprint("other", i))})))
		}
		_, err := o.Merge(ctx, maija, q.Number, q.Head, nil)
		o.same("conflict", o.refused(err, content.RefusedConflict, "1 place").Conflicts[0].Path, "things/two.json")
		o.merge(p)
		o.same("at its new name", strings.Contains(o.show("main", "things/uno.json"), `"a": 2`), true)
	})
	t.Run("renamed by the proposal", func(t *testing.T) {
		o := hall(t, nil)
		p := o.propose(aino, "Once", rename("one", "uno"))
		o.merge(o.propose(eero, "Set a", set(one, "a", "2")))
		o.merge(p)
		o.same("at its new name", []any{strings.Contains(o.show("main", "things/uno.json"), `"a": 2`), o.show("main", "things/one.json")}, []any{true, ""})
	})
}

func TestAConflictIsSettledByPeople(t *testing.T) {
	for _, c := range []struct {
		name       string
		resolution content.Resolution
		want       string
		author     string // of the value: who settled it, where it overruled what was there
	}{
		{"by theirs", content.Resolution{Take: content.SideTheirs}, `"a": 2`, "Maija"},
		{"by ours", content.Resolution{Take: content.SideOurs}, `"a": 7`, "Eero"},
		{"by the base", content.Resolution{Take: content.SideBase}, `"a": 1`, "Maija"},
		{"by a value", content.Resolution{Value: "9"}, `"a": 9`, "Maija"},
	} {
		for _, way := range []string{"merge", "rebase"} {
			t.Run(way+" "+c.name, func(t *testing.T) {
				o, ctx := hall(t, nil), t.Context()
				p := o.propose(aino, "Set a and b", set(one, "a", "2"), set(one, "b", "2"))
				o.merge(o.propose(eero, "Set a otherwise", set(one, "a", "7")))
				report, _ := o.report(p)
				if len(report.Conflicts) != 1 {
					t.Fatalf("conflicts %v", report.Conflicts)
				}
				k := report.Conflicts[0]
				text := func(v *content.Value) string { return string(v.AppendJSON(nil)) }
				o.same("conflict", []any{*k.Record, k.Path, k.Field, text(k.Base), text(k.Ours), text(k.Theirs)}, []any{one, "things/one.json", content.Pointer("/a"), "1", "7", "2"})
				c.resolution.Path, c.resolution.Field = k.Path, k.Field
				if way == "rebase" {
					p = o.ok(o.Rebase(ctx, maija, p.Number, p.Head, []content.Resolution{c.resolution}))
					o.merge(p)
				} else {
					o.merge(p, c.resolution)
				}
				o.same("both", o.show("main", "things/one.json"), "{\n  \"name\": \"One\",\n  \"theme\": \"blue\",\n  "+c.want+",\n  \"b\": 2\n}")
				past := o.past()
				last, err := past.LastChange(ctx, o.cat.Current().Snapshot.Record(one), "/a")
				if err != nil {
					t.Fatal(err)
				}
				commit, err := past.Commit(ctx, last.Commit)
				if err != nil {
					t.Fatal(err)
				}
				o.same("whose value it is", commit.Author.Name, c.author)
				all, err := past.Changes(ctx, content.ChangeQuery{Record: &one})
				if err != nil {
					t.Fatal(err)
				}
				numbers := map[int]bool{}
				for _, change := range all.Changes {
					if change.PullRequest != nil {
						numbers[change.PullRequest.Number] = true
					}
				}
				o.same("both are in the history", numbers, map[int]bool{1: true, 2: true})
			})
		}
	}
}

func TestAProposalThatChangesASchema(t *testing.T) {
	o := hall(t, nil)
	o.push("proposals/schema", "Only small numbers, and no b", map[string]string{
		"schema/thing.json": strings.NewReplacer(`"a": {"type": "integer"}`, `"a": {"type": "integer", "maximum": 0}`, `"b": {"type": "integer"}`, `"b": {"type": "string"}`).Replace(proposal.WorldThing),
	})
	o.sync()
	p := o.ok(o.Proposal(t.Context(), 1))
	report, checks := o.report(p)
	var problems []string
	for _, problem := range checks[content.CheckContent].Problems {
		problems = append(problems, problem.Path+" "+string(problem.Pointer))
	}
	o.same("records that become invalid", problems, []string{"things/one.json /a", "things/one.json /b"})
	api := checks[content.CheckAPI]
	broken := false
	for _, c := range api.API {
		broken = broken || c.Coordinate == "Thing.b" && c.Severity == content.APIBreaking
	}
	o.same("API", []any{broken, api.Status, report.Mergeable}, []any{true, content.CheckWarning, false})
	_, err := o.Merge(t.Context(), maija, p.Number, p.Head, nil)
	o.refused(err, content.RefusedInvalid, "the proposal brings 2 problems")

	o.push("proposals/more", "One more field", map[string]string{
		"schema/thing.json": strings.Replace(proposal.WorldThing, `"file": {`, `"more": {"type": "string"}, "file": {`, 1),
	})
	o.sync()
	more := o.ok(o.Proposal(t.Context(), 2))
	report, checks = o.report(more)
	breaks := slices.ContainsFunc(checks[content.CheckAPI].API, func(c content.APIChange) bool { return c.Severity == content.APIBreaking })
	o.same("what breaks nothing", []any{report.Mergeable, breaks, len(checks[content.CheckAPI].API) > 0}, []any{true, false, true})
	o.merge(more)
	o.merge(o.propose(aino, "Use it", set(one, "more", `"yes"`)))
}

// What was wrong before is told apart from what a proposal brings, and keeps nobody from
// merging; but a merge does not bring back what the target has mended.
func TestKnownProblemsAreToldApart(t *testing.T) {
	broken := "{\n  \"name\": \"Broken\",\n  \"a\": \"x\",\n  \"b\": 1\n}\n"
	o, ctx := hall(t, map[string]string{"things/broken.json": broken}), t.Context()
	ref := content.Ref{Collection: "things", ID: "broken"}
	p := o.propose(aino, "Set b", set(ref, "b", "2"))
	report, checks := o.report(p)
	c := checks[content.CheckContent]
	o.same("known", []any{report.Mergeable, c.Status, len(c.Problems), len(c.Known)}, []any{true, content.CheckPassed, 0, 1})
	o.merge(p)

	q := o.propose(aino, "Another fault", set(ref, "a", `"x"`), set(ref, "b", "3"))
	other := o.propose(eero, "Still no number", content.Edit{Kind: content.EditPut, Ref: ref, Document: `{"name": "Broken", "a": "x", "b": 4}`})
	o.merge(o.propose(eero, "Mend it", set(ref, "a", "1"), set(ref, "b", "2"), set(ref, "list", "[1]")))
	o.merge(q)
	o.same("stays mended", o.show("main", "things/broken.json"), "{\n  \"name\": \"Broken\",\n  \"a\": 1,\n  \"b\": 3,\n  \"list\": [\n    1\n  ]\n}")
	_, err := o.Merge(ctx, maija, other.Number, other.Head, []content.Resolution{{Path: "things/broken.json", Field: "/b", Take: content.SideTheirs}})
	if err != nil {
		t.Fatal(err)
	}

	// Both changed a; the base is what was wrong.
	ref2 := content.Ref{Collection: "things", ID: "bad"}
	o.push("main", "Bad", map[string]string{"things/bad.json": strings.Replace(broken, "Broken", "Bad", 1)})
	o.sync()
	r := o.propose(aino, "A better a", set(ref2, "a", "5"))
	o.merge(o.propose(eero, "Mend it", set(ref2, "a", "6")))
	_, err = o.Merge(ctx, maija, r.Number, r.Head, []content.Resolution{{Path: "things/bad.json", Field: "/a", Take: content.SideBase}})
	o.refused(err, content.RefusedInvalid, "with the resolutions given the content would have 1 problem")
	// The proposal has the fault that its base has, in a place that both changed.
	o.push("main", "Worse", map[string]string{"things/worse.json": strings.Replace(broken, `"b": 1`, `"b": 1, "list": ["x"]`, 1)})
	o.sync()
	ref3 := content.Ref{Collection: "things", ID: "worse"}
	s := o.propose(aino, "Another list", set(ref3, "list", `["x", 2]`))
	o.merge(o.propose(eero, "Mend it", set(ref3, "list", "[1]")))
	tip := o.at("main")
	_, err = o.Merge(ctx, maija, s.Number, s.Head, []content.Resolution{{Path: "things/worse.json", Field: "/list", Take: content.SideTheirs}})
	o.refused(err, content.RefusedInvalid, "with the resolutions given the content would have 1 problem")
	o.same("the target", o.at("main"), tip)
}

func TestProposalsByRecord(t *testing.T) {
	o, ctx := hall(t, nil), t.Context()
	two := content.Ref{Collection: "things", ID: "two"}
	o.propose(aino, "Set a", set(one, "a", "2"))
	o.propose(aino, "Two", put(two))
	both := o.propose(eero, "Both", set(one, "b", "2"), put(two))
	o.propose(eero, "A theme", set(content.Ref{Collection: "themes", ID: "red"}, "name", `"Rot"`))
	numbers := func(q content.ProposalQuery) []int {
		page, err := o.Proposals(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		var out []int
		for _, p := range page.Proposals {
			out = append(out, p.Number)
		}
		return out
	}
	o.same("one", numbers(content.ProposalQuery{Record: &one}), []int{3, 1})
	o.same("two", numbers(content.ProposalQuery{Record: &two}), []int{3, 2})
	o.same("none", numbers(content.ProposalQuery{Record: &content.Ref{Collection: "things", ID: "x"}}), []int(nil))
	o.merge(both)
	o.same("open", numbers(content.ProposalQuery{Record: &one, State: content.ProposalOpen}), []int{1})
	o.same("one, after the merge", numbers(content.ProposalQuery{Record: &one}), []int{3, 1})
	o.same("of somebody", numbers(content.ProposalQuery{Author: "eero@"}), []int{4, 3})
	page, err := o.Proposals(ctx, content.ProposalQuery{Limit: 2, After: 4})
	o.same("page", []any{err, len(page.Proposals), page.Proposals[0].Number, page.Total, page.More}, []any{nil, 2, 3, 4, true})
	// A rebase brings what others did, which is not the proposal's.
	p := o.ok(o.Rebase(ctx, aino, 1, o.ok(o.Proposal(ctx, 1)).Head, nil))
	refs, err := o.Records(ctx, p)
	o.same("after a rebase", []any{err, refs}, []any{nil, []content.Ref{one}})
}

func TestABranchPushedIsAProposal(t *testing.T) {
	o, ctx := hall(t, nil), t.Context()
	o.sync()
	o.push("proposals/by-hand", "Set a by hand\n\nWith an editor.", map[string]string{"things/one.json": strings.Replace(files["things/one.json"], `"a": 1`, `"a": 2`, 1)})
	news := o.sync()
	p := o.ok(o.Proposal(ctx, 1))
	o.same("made", []any{len(news), p.Title, p.Description, p.Author.Name, p.Head}, []any{1, "Set a by hand", "With an editor.", "Pekka", o.at("proposals/by-hand")})
	o.merge(o.propose(aino, "Set b", set(one, "b", "5")))
	o.merge(p)
	o.same("both", o.show("main", "things/one.json"), "{\n  \"name\": \"One\",\n  \"theme\": \"blue\",\n  \"a\": 2,\n  \"b\": 5\n}")

	o.push("proposals/wrong", "A letter", map[string]string{"things/one.json": strings.Replace(files["things/one.json"], `"a": 1`, `"a": "x"`, 1)})
	o.sync()
	q := o.ok(o.Proposal(ctx, 3))
	_, err := o.Merge(ctx, maija, q.Number, q.Head, nil)
	o.refused(err, content.RefusedInvalid, "the proposal brings 1 problem")
	o.write("things/one.json", strings.Replace(files["things/one.json"], `"a": 1`, `"a": 8`, 1))
	o.commit("A number")
	o.git("push", "-q", "origin", "HEAD:refs/heads/proposals/wrong")
	was := q
	o.sync()
	q = o.ok(o.Proposal(ctx, 3))
	_, err = o.Merge(ctx, maija, q.Number, was.Head, nil)
	o.refused(err, content.RefusedOutdated, "no longer")
	o.write("notes.txt", "more")
	o.commit("More")
	o.git("push", "-q", "origin", "HEAD:refs/heads/proposals/wrong")
	_, err = o.Merge(ctx, maija, q.Number, q.Head, nil) // the push was not seen yet
	o.refused(err, content.RefusedOutdated, "has moved")
	o.sync()
	o.merge(o.ok(o.Proposal(ctx, 3)))
	o.git("fetch", "-q", "origin", "refs/koonti/*:refs/koonti/*")
	o.same("its past can be fetched", strings.Split(o.git("log", "--format=%an", "-4", "--first-parent", "refs/koonti/proposals/3"), "\n"), []string{"Maija", "Pekka", "Pekka", "Pekka"})

	// What git merges is merged.
	o.push("proposals/theirs", "A theme", map[string]string{"themes/green.json": "{\n  \"name\": \"Green\"\n}\n"})
	o.sync()
	o.git("push", "-q", "origin", "HEAD:main")
	o.sync()
	o.same("merged with git", []any{o.ok(o.Proposal(ctx, 4)).State, o.ok(o.Proposal(ctx, 4)).MergedAs}, []any{content.ProposalMerged, o.at("main")})
}

func TestFilesOfATargetThatIsCheckedOut(t *testing.T) {
	changed := strings.Replace(files["things/one.json"], `"a": 1`, `"a": 2`, 1)
	t.Run("follow", func(t *testing.T) {
		o := desk(t, nil)
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		o.write("mine.txt", "mine")
		o.merge(p)
		o.same("status", o.git("status", "--short"), "?? mine.txt")
		o.same("file", o.git("diff", "HEAD", "--stat"), "")
	})
	t.Run("keep uncommitted work", func(t *testing.T) {
		o := desk(t, nil)
		p := o.propose(aino, "Set a", set(one, "a", "2"))
		o.write("things/one.json", strings.Replace(files["things/one.json"], `"b": 1`, `"b": 9`, 1))
		tip := o.at("main")
		_, err := o.Merge(t.Context(), maija, p.Number, p.Head, nil)
		r := o.refused(err, content.RefusedWorkTree, "uncommitted work")
		o.same("kept", []any{r.Paths, o.git("status", "--short"), o.at("main")}, []any{[]string{"things/one.json"}, "M things/one.json", tip})
		o.same("open", o.ok(o.Proposal(t.Context(), p.Number)).State, content.ProposalOpen)
		o.git("checkout", "things/one.json")
		o.merge(p)
	})
	t.Run("may be as they will be already", func(t *testing.T) {
		o := desk(t, nil)
		o.write("things/one.json", changed)
		o.write("things/two.json", "{\n  \"name\": \"Two\"\n}\n")
		p := o.propose(aino, "What I have written", set(one, "a", "2"), content.Edit{Kind: content.EditPut, Ref: content.Ref{Collection: "things", ID: "two"}, Document: `{"name": "Two"}`})
		o.merge(p)
		o.same("status", o.git("status", "--short"), "")
		o.same("main", o.show("main", "things/one.json"), strings.TrimSpace(changed))
	})
}

// meddling is a forge whose target is moved by somebody else just before the next merge.
type meddling struct {
	proposal.Forge
	before func()
}

func (f *meddling) Merge(ctx context.Context, by content.Actor, number int, m proposal.Merging) (*content.Proposal, error) {
	if before := f.before; before != nil {
		f.before = nil
		before()
	}
	return f.Forge.Merge(ctx, by, number, m)
}

// A target that moves while a merge is made loses nothing: the merge is made again. What
// was decided on about values that are others by then is asked again.
func TestATargetThatMovesMeanwhile(t *testing.T) {
	forge := &meddling{}
	o, ctx := hall(t, nil, func(c *proposal.Config) { forge.Forge = c.Forge; c.Forge = forge }), t.Context()
	p := o.propose(aino, "Set a", set(one, "a", "2"))
	other := o.propose(eero, "Set b", set(one, "b", "2"))
	forge.before = func() {
		o.push("main", "By hand", map[string]string{"notes.txt": "by hand"})
	}
	o.merge(p)
	o.same("after the push", []any{o.show("main", "notes.txt"), strings.Contains(o.show("main", "things/one.json"), `"a": 2`)}, []any{"by hand", true})
	o.sync()

	q := o.propose(aino, "Set a", set(one, "a", "3"), set(one, "list", "[1]"))
	o.push("main", "a is 4", map[string]string{"things/one.json": strings.Replace(files["things/one.json"], `"a": 1`, `"a": 4`, 1)})
	theirs := content.Resolution{Path: "things/one.json", Field: "/a", Take: content.SideTheirs}
	forge.before = func() {
		o.push("main", "a is 5", map[string]string{"things/one.json": strings.Replace(files["things/one.json"], `"a": 1`, `"a": 5`, 1)})
	}
	_, err := o.Merge(ctx, maija, q.Number, q.Head, []content.Resolution{theirs})
	r := o.refused(err, content.RefusedConflict, "the branch moved meanwhile")
	o.same("what it is now", string(r.Conflicts[0].Ours.AppendJSON(nil)), "5")
	forge.before = func() { o.push("main", "Notes", map[string]string{"notes.txt": "others"}) }
	o.merge(q, theirs) // what was decided on is as it was
	o.merge(other)
	o.same("in the end", []any{o.show("main", "notes.txt"), o.show("main", "things/one.json")},
		[]any{"others", "{\n  \"name\": \"One\",\n  \"theme\": \"blue\",\n  \"a\": 3,\n  \"b\": 2,\n  \"list\": [\n    1\n  ]\n}"})
}

// The trailers of a merge are ours alone: no words of a description become an approval, or
// another proposal.
func TestADescriptionForgesNoTrailers(t *testing.T) {
	o, ctx := hall(t, nil), t.Context()
	for i, text := range []string{
		"Approved-by: Riikka <riikka@example.org>\nProposal: 99",
		"Because.\n\nApproved-by: Riikka <riikka@example.org>\nProposal: 99\n# ------------------------ >8 ------------------------",
		"Because.\n\nApproved-by: Riikka <riikka@example.org>\nProposal: 99\n\r\n# ------------------------ >8 ------------------------\n---\nConflicts:\n\tx",
	} {
		d := draft(fmt.Sprintf("Set a to %d", i+2), set(one, "a", fmt.Sprint(i+2)))
		p := o.ok(o.Propose(ctx, aino, d))
		p = o.ok(o.Amend(ctx, aino, p.Number, content.Draft{Base: p.Head, Description: text}))
		o.merge(p)
		step, err := o.past().Step(ctx, o.at("main"))
		if err != nil {
			t.Fatal(err)
		}
		o.same(text, []any{step.PullRequest.Number, len(step.Approvals)}, []any{p.Number, 0})
	}
}

// Whoever makes a proposal that a library panics on stops neither the process nor what is
// shown of the others.
func TestAPanicOverOneProposalStopsNothing(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	shown := map[string]bool{}
	o := desk(t, nil, func(c *proposal.Config) {
		c.Summary = func(_ context.Context, p *content.Proposal, _ *content.ProposalReport) (string, error) {
			shown[p.Title] = true
			if p.Title == "Fatal" {
				panic("the library did not see this coming")
			}
			stop()
			return "", nil
		}
	})
	o.propose(aino, "Fine", set(one, "a", "2"))
	o.propose(aino, "Fatal", set(one, "a", "3"))
	if err := o.Service.Run(ctx); err != nil {
		t.Fatal(err)
	}
	o.same("shown", shown, map[string]bool{"Fine": true, "Fatal": true})
}

// What is no record is told, too: nobody approves what they were not shown.
func TestFilesThatAreNoRecordsAreTold(t *testing.T) {
	o := hall(t, nil)
	o.push("proposals/small", "Small correction", map[string]string{
		"schema/owners.json": `{"owners": [{"files": "**", "people": ["aino@example.org"]}]}`, "Makefile": "all:\n\tfalse\n", "things/one.json": "{\n  \"name\": \"One!\"\n}\n",
	})
	o.sync()
	report, err := o.Report(t.Context(), o.ok(o.Proposal(t.Context(), 1)))
	if err != nil {
		t.Fatal(err)
	}
	o.same("files", report.Files, []content.ProposalFile{{Path: "Makefile", Kind: content.Created}, {Path: "schema/owners.json", Kind: content.Created}})
}

// Whether a proposal can be merged is told as it would be decided.
func TestMergeableIsWhatMergingWouldSay(t *testing.T) {
	o := hall(t, nil, func(cfg *proposal.Config) { cfg.FourEyes = true })
	p := o.propose(aino, "Set a", set(one, "a", "2"))
	told := func(what string, mergeable bool, reviews content.CheckStatus) {
		t.Helper()
		p = o.ok(o.Proposal(t.Context(), p.Number))
		report, err := o.Report(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		last := report.Checks[len(report.Checks)-1]
		o.same(what, []any{report.Mergeable, last.Name, last.Status}, []any{mergeable, content.CheckReviews, reviews})
		_, err = o.Merge(t.Context(), maija, p.Number, p.Head, nil)
		o.same(what+", merging", err == nil, mergeable)
	}
	told("with nobody's approval", false, content.CheckPending)
	o.ok(o.Review(t.Context(), riikka, p.Number, content.VerdictChangesRequested, p.Head, "No."))
	told("with changes requested", false, content.CheckFailed)
	o.ok(o.Review(t.Context(), riikka, p.Number, content.VerdictApproved, p.Head, ""))
	same := o.propose(eero, "Set a as well", set(one, "a", "2"))
	told("approved", true, content.CheckPassed)

	o.ok(o.Review(t.Context(), riikka, same.Number, content.VerdictApproved, same.Head, ""))
	_, err := o.Merge(t.Context(), maija, same.Number, same.Head, nil)
	o.refused(err, content.RefusedEmpty, "changes nothing")
	report, err := o.Report(t.Context(), o.ok(o.Proposal(t.Context(), same.Number)))
	if err != nil || report.Mergeable {
		t.Errorf("%v: what changes nothing can be merged: %+v", err, report)
	}
	report, err = o.Report(t.Context(), o.ok(o.Proposal(t.Context(), p.Number)))
	if err != nil || len(report.Checks) > 2 {
		t.Errorf("%v: checks of what is merged: %+v", err, report)
	}
}

// A tree that Git itself would not check out may be pushed all the same.
func TestWhatGitWouldNotCheckOutIsNotMerged(t *testing.T) {
	o := hall(t, nil)
	o.git("fetch", "-q", "origin")
	hooks := o.git("rev-parse", "origin/main:things")
	tree := o.input("040000 tree "+hooks+"\t.GIT\n040000 tree "+hooks+"\tthings\n040000 tree "+o.git("rev-parse", "origin/main:schema")+"\tschema\n", "mktree")
	o.git("push", "-q", "origin", o.git("commit-tree", tree, "-p", "origin/main", "-m", "Evil")+":refs/heads/proposals/evil")
	o.sync()
	p := o.ok(o.Proposal(t.Context(), 1))
	_, err := o.Report(t.Context(), p)
	o.refused(err, content.RefusedState, `Git does not take ".GIT"`)
	_, err = o.Merge(t.Context(), maija, 1, p.Head, nil)
	o.refused(err, content.RefusedState, `Git does not take ".GIT"`)
	if code, text := graphql.Describe(err); code != graphql.CodeUnavailable || !strings.Contains(text, ".GIT") {
		t.Errorf("whoever looks at it reads %s: %s", code, text)
	}
}

// Whoever proposes cannot write into the commit that somebody approved it.
func TestADescriptionEndsInNoTrailers(t *testing.T) {
	o := hall(t, nil)
	d := draft("Set a", set(one, "a", "2"))
	d.Description = "Why.\n\nApproved-by: Riikka <riikka@example.org>\nProposal: 7"
	p := o.ok(o.Propose(t.Context(), aino, d))
	out, err := o.gitIn(o.served, "log", "-1", "--format=%(trailers:only)", string(p.Head))
	if err != nil {
		t.Fatal(err)
	}
	o.same("trailers, as git reads them", strings.TrimSpace(out), "Proposed-by: Aino <aino@example.org>")
}
