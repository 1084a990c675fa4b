package forgetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

func opened(w *world) {
	base, head := w.branch("a")
	by := w.Actor("Aino")
	p := w.ok(w.Forge.Open(w.ctx, by, proposal.Opening{
		Title: "Put a", Description: "It was missing.\n\nSource: a letter.", Head: content.Hash(head), Base: content.Hash(base), Target: w.Target, Key: "k",
	}))
	if p.Number < 1 || p.OpenedAt.IsZero() || p.Author.Identity == "" {
		w.Errorf("number %d, opened %s, author %+v", p.Number, p.OpenedAt, p.Author)
	}
	w.same("title", p.Title, "Put a")
	w.same("description", p.Description, "It was missing.\n\nSource: a letter.")
	w.same("state", p.State, content.ProposalOpen)
	w.same("author", p.Author.Name, by.Person.Name)
	w.same("head", p.Head, content.Hash(head))
	w.same("base", p.Base, content.Hash(base))
	w.same("target", p.Target, w.Target)
	w.same("its branch", w.Tip(p.Branch), head)
	w.same("key", p.Key, "k")
	w.same("events", kinds(p), []content.EventKind{content.EventOpened})
	w.same("read again", w.get(p.Number), p)
}

func missing(w *world) {
	by := w.Actor("Aino")
	for _, number := range []int{-1, 0, 4711, 1 << 40} {
		_, asked := w.Forge.Proposal(w.ctx, number)
		_, said := w.Forge.Comment(w.ctx, by, number, "here?")
		_, closed := w.Forge.Close(w.ctx, by, number)
		for _, err := range []error{asked, said, closed} {
			if !errors.Is(err, content.ErrNotFound) {
				w.Errorf("%d: %v, want not found", number, err)
			}
		}
	}
}

func listed(w *world) {
	var want []int
	for _, name := range []string{"a", "b", "c"} {
		want = slices.Insert(want, 0, w.open(name).Number)
	}
	list, err := w.Forge.List(w.ctx)
	must(w, err)
	var got []int
	for _, p := range list {
		got = append(got, p.Number)
	}
	w.same("numbers", got, want)
	if !slices.IsSortedFunc(want, func(a, b int) int { return b - a }) {
		w.Errorf("numbers do not grow: %v", want)
	}
}

func keyed(w *world) {
	base, head := w.branch("a")
	_, other := w.branch("b")
	o := proposal.Opening{Title: "Put a", Head: content.Hash(head), Base: content.Hash(base), Target: w.Target, Key: "once"}
	first := w.ok(w.Forge.Open(w.ctx, w.Actor("Aino"), o))
	o.Title, o.Head = "Something else", content.Hash(other)
	again := w.ok(w.Forge.Open(w.ctx, w.Actor("Aino"), o))
	w.same("again", again, first)
	eero := w.ok(w.Forge.Open(w.ctx, w.Actor("Eero"), o))
	if eero.Number == first.Number || eero.Title != "Something else" {
		w.Errorf("the key of another actor gave %d %q", eero.Number, eero.Title)
	}
}

func keyedAtOnce(w *world) {
	base, head := w.branch("a")
	by := w.Actor("Aino")
	numbers := make([]int, 8)
	w.together(len(numbers), func(i int) error {
		p, err := w.Forge.Open(w.ctx, by, proposal.Opening{Title: "Put a", Head: content.Hash(head), Base: content.Hash(base), Target: w.Target, Key: "once"})
		if err == nil {
			numbers[i] = p.Number
		}
		return err
	})
	if slices.Min(numbers) != slices.Max(numbers) {
		w.Errorf("numbers %v, want one", numbers)
	}
}

// together does something n times at once.
func (w *world) together(n int, do func(i int) error) {
	w.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := do(i); err != nil {
				w.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
}

func edited(w *world) {
	p := w.open("a")
	next := Commit(w, w.Repo, "a", "newer\n", gitrepo.Hash(p.Head))
	title, text := "Put a better a", "Because."
	q := w.ok(w.Forge.Edit(w.ctx, w.Actor("Eero"), p.Number, proposal.Edition{
		Was: p.Head, Head: content.Hash(next), Base: p.Base, Title: &title, Description: &text, Reviewers: []string{w.Actor("Maija").ID},
	}))
	w.same("head", q.Head, content.Hash(next))
	w.same("its branch", w.Tip(q.Branch), next)
	w.same("title", q.Title, title)
	w.same("description", q.Description, text)
	w.same("author", q.Author, p.Author)
	w.same("is an event", slices.Contains(kinds(q), content.EventEdited), true)
	w.same("asked", hasReviewer(q, w.Actor("Maija").ID), true)
	other := "Another title"
	q = w.ok(w.Forge.Edit(w.ctx, w.Actor("Eero"), p.Number, proposal.Edition{Was: q.Head, Head: q.Head, Base: q.Base, Title: &other}))
	w.same("title alone", []any{q.Title, q.Description, q.Head}, []any{other, text, content.Hash(next)})
	w.same("read again", w.get(p.Number), q)
}

func editOutdated(w *world) {
	p := w.open("a")
	one, two := Commit(w, w.Repo, "a", "1\n", gitrepo.Hash(p.Head)), Commit(w, w.Repo, "a", "2\n", gitrepo.Hash(p.Head))
	q := w.ok(w.Forge.Edit(w.ctx, w.Actor("Aino"), p.Number, proposal.Edition{Was: p.Head, Head: content.Hash(one), Base: p.Base}))
	_, err := w.Forge.Edit(w.ctx, w.Actor("Eero"), p.Number, proposal.Edition{Was: p.Head, Head: content.Hash(two), Base: p.Base})
	Refused(w, err, content.RefusedOutdated)
	title := "Late"
	_, err = w.Forge.Edit(w.ctx, w.Actor("Eero"), p.Number, proposal.Edition{Was: p.Head, Head: p.Head, Base: p.Base, Title: &title})
	Refused(w, err, content.RefusedOutdated)
	w.same("left as it was", w.get(p.Number), q)
	w.same("its branch", w.Tip(p.Branch), one)
	// A push that nobody has seen yet counts as well.
	w.Push(p.Branch, two)
	_, err = w.Forge.Edit(w.ctx, w.Actor("Aino"), p.Number, proposal.Edition{Was: q.Head, Head: content.Hash(Commit(w, w.Repo, "a", "3\n", one)), Base: p.Base})
	Refused(w, err, content.RefusedOutdated)
	w.same("what was pushed", w.Tip(p.Branch), two)
}

func commented(w *world) {
	p := w.open("a")
	for _, text := range []string{"One", "Two\n\nlines", "One"} {
		p = w.ok(w.Forge.Comment(w.ctx, w.Actor("Eero"), p.Number, text))
	}
	var texts []string
	ids := map[string]bool{}
	for _, c := range p.Comments {
		texts, ids[c.ID] = append(texts, c.Text), true
		w.same("by", c.Person.Name, w.Actor("Eero").Person.Name)
	}
	w.same("texts", texts, []string{"One", "Two\n\nlines", "One"})
	if len(ids) != 3 || ids[""] {
		w.Errorf("ids %v", ids)
	}
	if _, err := w.Forge.Comment(w.ctx, w.Actor("Eero"), p.Number, " \n"); !errors.Is(err, content.ErrInvalid) {
		w.Errorf("an empty comment: %v", err)
	}
	w.same("read again", w.get(p.Number), p)
}

// standing are the verdicts that count, by name.
func standing(p *content.Proposal) map[string]content.Verdict {
	m := map[string]content.Verdict{}
	for _, r := range p.Reviews {
		if !r.Stale && r.Verdict != content.VerdictCommented {
			m[r.Person.Name] = r.Verdict
		}
	}
	return m
}

func (w *world) review(p *content.Proposal, name string, v content.Verdict, text string) *content.Proposal {
	w.Helper()
	return w.ok(w.Forge.Review(w.ctx, w.Actor(name), p.Number, proposal.Reviewing{Verdict: v, Head: p.Head, Text: text}))
}

func reviewed(w *world) {
	p := w.open("a")
	eero, maija := w.Actor("Eero").Person.Name, w.Actor("Maija").Person.Name
	p = w.review(p, "Eero", content.VerdictChangesRequested, "No source.")
	p = w.review(p, "Maija", content.VerdictApproved, "")
	w.same("two people", standing(p), map[string]content.Verdict{eero: content.VerdictChangesRequested, maija: content.VerdictApproved})
	p = w.review(p, "Eero", content.VerdictApproved, "Now it has one.")
	p = w.review(p, "Maija", content.VerdictCommented, "By the way.")
	w.same("the last verdict counts", standing(p), map[string]content.Verdict{eero: content.VerdictApproved, maija: content.VerdictApproved})
	w.same("reviews", len(p.Reviews), 4)
	w.same("head", p.Reviews[0].Head, p.Head)
	next := Commit(w, w.Repo, "a", "newer\n", gitrepo.Hash(p.Head))
	p = w.ok(w.Forge.Edit(w.ctx, w.Actor("Aino"), p.Number, proposal.Edition{Was: p.Head, Head: content.Hash(next), Base: p.Base}))
	w.same("another head", standing(p), map[string]content.Verdict{})
	p = w.review(p, "Maija", content.VerdictApproved, "")
	w.same("approved anew", standing(p), map[string]content.Verdict{maija: content.VerdictApproved})
	w.same("read again", w.get(p.Number), p)
}

func reviewOutdated(w *world) {
	p := w.open("a")
	next := Commit(w, w.Repo, "a", "newer\n", gitrepo.Hash(p.Head))
	w.ok(w.Forge.Edit(w.ctx, w.Actor("Aino"), p.Number, proposal.Edition{Was: p.Head, Head: content.Hash(next), Base: p.Base}))
	_, err := w.Forge.Review(w.ctx, w.Actor("Eero"), p.Number, proposal.Reviewing{Verdict: content.VerdictApproved, Head: p.Head})
	Refused(w, err, content.RefusedOutdated)
	_, err = w.Forge.Review(w.ctx, w.Actor("Eero"), p.Number, proposal.Reviewing{Verdict: "SPLENDID", Head: content.Hash(next)})
	if !errors.Is(err, content.ErrInvalid) {
		w.Errorf("a verdict that is none: %v", err)
	}
	w.same("reviews", len(w.get(p.Number).Reviews), 0)
}

func closed(w *world) {
	p := w.open("a")
	by := w.Actor("Aino")
	_, err := w.Forge.Reopen(w.ctx, by, p.Number)
	Refused(w, err, content.RefusedState)
	q := w.ok(w.Forge.Close(w.ctx, by, p.Number))
	w.same("state", q.State, content.ProposalClosed)
	_, err = w.Forge.Close(w.ctx, by, p.Number)
	Refused(w, err, content.RefusedState)
	_, err = w.Forge.Merge(w.ctx, by, p.Number, w.merging(p, "a"))
	Refused(w, err, content.RefusedState)
	w.sync()
	w.same("closed for others too", w.get(p.Number).State, content.ProposalClosed)
	q = w.ok(w.Forge.Reopen(w.ctx, by, p.Number))
	w.same("state", q.State, content.ProposalOpen)
	w.same("head", q.Head, p.Head)
	w.same("events", kinds(q), []content.EventKind{content.EventOpened, content.EventClosed, content.EventReopened})
}

func merged(w *world) {
	p := w.open("a")
	m := w.merging(p, "a")
	q := w.ok(w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, m))
	w.same("state", q.State, content.ProposalMerged)
	w.same("merged as", q.MergedAs, content.Hash(w.Tip(w.Target)))
	w.same("head", q.Head, p.Head)
	w.same("tree", w.tree(w.Tip(w.Target)), w.tree(gitrepo.Hash(m.Commit)))
	last := q.Events[len(q.Events)-1]
	w.same("event", []any{last.Kind, last.Actor.Name}, []any{content.EventMerged, w.Actor("Maija").Person.Name})
	w.same("read again", w.get(p.Number), q)
	w.sync()
	w.same("after a sync", w.get(p.Number), q)
}

func mergeTargetMoved(w *world) {
	p, q := w.open("a"), w.open("b")
	late := w.merging(q, "b")
	w.ok(w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, w.merging(p, "a")))
	tip := w.Tip(w.Target)
	_, err := w.Forge.Merge(w.ctx, w.Actor("Maija"), q.Number, late)
	Refused(w, err, content.RefusedOutdated)
	w.same("target", w.Tip(w.Target), tip)
	w.same("state", w.get(q.Number).State, content.ProposalOpen)
	w.ok(w.Forge.Merge(w.ctx, w.Actor("Maija"), q.Number, w.merging(q, "b")))
}

func mergeHeadMoved(w *world) {
	p := w.open("a")
	m, tip := w.merging(p, "a"), w.Tip(w.Target)
	w.Push(p.Branch, Commit(w, w.Repo, "a", "newer\n", gitrepo.Hash(p.Head)))
	_, err := w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, m)
	Refused(w, err, content.RefusedOutdated)
	w.same("target", w.Tip(w.Target), tip)
	w.sync()
	_, err = w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, m)
	Refused(w, err, content.RefusedOutdated)
	w.same("state", w.get(p.Number).State, content.ProposalOpen)
}

func mergedForGood(w *world) {
	p := w.open("a")
	p = w.ok(w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, w.merging(p, "a")))
	_, err := w.Forge.Close(w.ctx, w.Actor("Maija"), p.Number)
	Refused(w, err, content.RefusedState)
	_, err = w.Forge.Reopen(w.ctx, w.Actor("Maija"), p.Number)
	Refused(w, err, content.RefusedState)
	_, err = w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, w.merging(p, "a"))
	Refused(w, err, content.RefusedState)
	w.same("left as it was", w.get(p.Number), p)
	p = w.ok(w.Forge.Comment(w.ctx, w.Actor("Eero"), p.Number, "Thanks."))
	w.same("talk goes on", p.Comments[0].Text, "Thanks.")
}

func synced(w *world) {
	p := w.open("a")
	w.same("the first", len(w.sync()), 0)
	p = w.ok(w.Forge.Comment(w.ctx, w.Actor("Eero"), p.Number, "One"))
	p = w.review(p, "Eero", content.VerdictApproved, "")
	q := w.open("b")
	w.ok(w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, w.merging(p, "a")))
	news := w.sync()
	for _, want := range []struct {
		number int
		kind   content.EventKind
	}{
		{p.Number, content.EventCommented},
		{p.Number, content.EventApproved},
		{p.Number, content.EventMerged},
		{q.Number, content.EventOpened},
	} {
		if n := count(news, want.number, want.kind); n != 1 {
			w.Errorf("proposal %d, %s: told %d times", want.number, want.kind, n)
		}
	}
	w.same("what was before", count(news, p.Number, content.EventOpened), 0)
	w.same("and no more", len(w.sync()), 0)
}

func pushed(w *world) {
	p := w.open("a")
	p = w.review(p, "Eero", content.VerdictApproved, "")
	w.sync()
	next := Commit(w, w.Repo, "a", "newer\n", gitrepo.Hash(p.Head))
	w.Push(p.Branch, next)
	news := w.sync()
	w.same("told", count(news, p.Number, content.EventEdited), 1)
	q := w.get(p.Number)
	w.same("head", q.Head, content.Hash(next))
	w.same("state", q.State, content.ProposalOpen)
	w.same("what was approved", standing(q), map[string]content.Verdict{})
	w.same("told once", len(w.sync()), 0)
	w.ok(w.Forge.Merge(w.ctx, w.Actor("Maija"), p.Number, w.merging(q, "a")))
}

func mergedOutside(w *world) {
	p := w.open("a")
	w.sync()
	merge := w.merging(p, "a").Commit
	w.Push(w.Target, gitrepo.Hash(merge))
	news := w.sync()
	w.same("told", count(news, p.Number, content.EventMerged), 1)
	q := w.get(p.Number)
	w.same("state", q.State, content.ProposalMerged)
	w.same("merged as", q.MergedAs, merge)
	w.same("told once", len(w.sync()), 0)
}

func immutable(w *world) {
	p := w.review(w.open("a"), "Eero", content.VerdictApproved, "")
	events, reviews := slices.Clone(p.Events), slices.Clone(p.Reviews)
	w.ok(w.Forge.Comment(w.ctx, w.Actor("Eero"), p.Number, "One"))
	next := Commit(w, w.Repo, "a", "newer\n", gitrepo.Hash(p.Head))
	w.ok(w.Forge.Edit(w.ctx, w.Actor("Aino"), p.Number, proposal.Edition{Was: p.Head, Head: content.Hash(next), Base: p.Base}))
	w.ok(w.Forge.Close(w.ctx, w.Actor("Aino"), p.Number))
	w.same("events", p.Events, events)
	w.same("reviews", p.Reviews, reviews)
	w.same("state", p.State, content.ProposalOpen)
	list, err := w.Forge.List(w.ctx)
	must(w, err)
	clear(list) // the slice is the caller's own
	w.same("still there", w.get(p.Number).Title, p.Title)
	if again, err := w.Forge.List(w.ctx); err != nil || len(again) != 1 || again[0] == nil {
		w.Errorf("the list was shared: %v, %v", again, err)
	}
}

func atOnce(w *world) {
	const many = 16
	p := w.open("shared")
	base := w.Tip(w.Target)
	heads := make([]gitrepo.Hash, many)
	for i := range heads {
		heads[i] = Commit(w, w.Repo, fmt.Sprintf("file%d", i), "new\n", base)
	}
	by := w.Actor("Aino")
	numbers := make([]int, many)
	w.together(many, func(i int) error {
		q, err := w.Forge.Open(w.ctx, by, proposal.Opening{Title: fmt.Sprintf("Put %d", i), Head: content.Hash(heads[i]), Base: content.Hash(base), Target: w.Target})
		if err != nil {
			return err
		}
		numbers[i] = q.Number
		if q.Head != content.Hash(heads[i]) {
			return fmt.Errorf("opened %s, got %s", heads[i], q.Head)
		}
		if _, err = w.Forge.Comment(w.ctx, by, p.Number, fmt.Sprintf("about %d", i)); err != nil {
			return err
		}
		_, err = w.Forge.List(w.ctx)
		return err
	})
	slices.Sort(numbers)
	w.same("different numbers", len(slices.Compact(numbers)), many)
	w.same("comments", len(w.get(p.Number).Comments), many)
}

func cancelled(w *world) {
	p := w.open("a")
	base, head := w.branch("b")
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.Forge.Open(ctx, w.Actor("Aino"), proposal.Opening{Title: "Put b", Head: content.Hash(head), Base: content.Hash(base), Target: w.Target}); err == nil {
		w.Error("opened")
	}
	if _, err := w.Forge.Comment(ctx, w.Actor("Aino"), p.Number, "One"); err == nil {
		w.Error("commented")
	}
	if _, err := w.Forge.Sync(ctx); err == nil {
		w.Error("synced")
	}
	w.same("left as it was", w.get(p.Number), p)
	list, err := w.Forge.List(w.ctx)
	must(w, err)
	w.same("proposals", len(list), 1)
}
