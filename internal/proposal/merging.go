package proposal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// attempts is how often a merge is made anew because the target moved meanwhile.
const attempts = 20

// Merge brings a proposal to readers: merged field by field, checked as a whole, and put
// in place only if neither the proposal nor the target is another by then; if the target
// is, all is done again. head is what by looked at. What is refused has changed nothing.
func (s *Service) Merge(ctx context.Context, by content.Actor, number int, head content.Hash, resolutions []content.Resolution) (*content.Proposal, error) {
	if err := may(by, content.RoleMaintainer, "merge"); err != nil {
		return nil, err
	}
	s.merging.Lock()
	defer s.merging.Unlock()
	var seen *examined
	for range attempts {
		p, e, err := s.mergeOnce(ctx, by, number, head, resolutions, seen)
		if !s.lostRace(ctx, number, head, e, err) {
			return s.merged(ctx, p, err)
		}
		seen = e
	}
	return nil, &content.Refusal{Reason: content.RefusedOutdated, Message: "the branch moves all the time; try again in a moment"}
}

// lostRace reports whether err says that the target moved since e was found out, and
// not the proposal.
func (s *Service) lostRace(ctx context.Context, number int, head content.Hash, e *examined, err error) bool {
	var refusal *content.Refusal
	if e == nil || !errors.As(err, &refusal) || refusal.Reason != content.RefusedOutdated || ctx.Err() != nil {
		return false
	}
	p, err := s.forge.Proposal(ctx, number)
	if err != nil || p.State != content.ProposalOpen || p.Head != head {
		return false
	}
	tip, err := s.repo.Ref(ctx, p.Target)
	return err == nil && content.Hash(tip) != e.target
}

// merged lets what was merged be served before the merge is answered.
func (s *Service) merged(ctx context.Context, p *content.Proposal, err error) (*content.Proposal, error) {
	if err == nil {
		_ = s.learn(ctx) // Run does so again
	}
	if err == nil && s.cfg.Moved != nil {
		s.cfg.Moved(ctx)
	}
	return s.done(p, err)
}

// mergeOnce merges into the target as it is now. seen is what an attempt before this one
// found out, nil for none; what this one does is returned also with an error, if it came
// so far.
func (s *Service) mergeOnce(ctx context.Context, by content.Actor, number int, head content.Hash, resolutions []content.Resolution, seen *examined) (*content.Proposal, *examined, error) {
	p, err := s.open(ctx, number)
	if err != nil {
		return nil, nil, err
	}
	if err := upToDate(p, head); err != nil {
		return nil, nil, err
	}
	tip, err := s.tip(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	key := reportKey{p.Head, content.Hash(tip)}
	e, err := s.examine(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if err := s.mayMerge(ctx, p, e); err != nil {
		return nil, e, err
	}
	if seen != nil && len(resolutions) > 0 && !slices.EqualFunc(seen.merged.conflicts, e.merged.conflicts, sameConflict) {
		return nil, e, conflict(e.merged.conflicts, "the branch moved meanwhile, so that both sides changed %s now; look again at what you decided on")
	}
	tree, joined, err := s.decided(ctx, key, e, resolutions)
	if err != nil {
		return nil, e, err
	}
	p, err = s.bring(ctx, by, p, key, tree, joined)
	return p, e, err
}

// sameConflict reports whether two conflicts are about the same values.
func sameConflict(a, b content.MergeConflict) bool {
	return a.Path == b.Path && a.Field == b.Field && sameValue(a.Base, b.Base) && sameValue(a.Ours, b.Ours) && sameValue(a.Theirs, b.Theirs)
}

func sameValue(a, b *content.Value) bool {
	return a == b || a != nil && b != nil && a.Equal(b)
}

// conflict is the refusal of conflicts; format says how many places there are.
func conflict(conflicts []content.MergeConflict, format string) *content.Refusal {
	return &content.Refusal{Reason: content.RefusedConflict, Message: fmt.Sprintf(format, count(len(conflicts), "place")), Conflicts: conflicts}
}

// mayMerge refuses what somebody has to approve first, or asked to change.
func (s *Service) mayMerge(ctx context.Context, p *content.Proposal, e *examined) error {
	if len(e.own) > 0 {
		return invalid(e.own, "the proposal brings %s; mend it first", count(len(e.own), "problem"))
	}
	_, refusal, err := s.reviewsCheck(ctx, p)
	if err == nil && refusal != nil {
		err = refusal
	}
	if err != nil {
		return err
	}
	return refuseUnapproved(p, e.required)
}

// reviewsCheck tells whether reviews keep a proposal from being merged, and refuses it then.
func (s *Service) reviewsCheck(ctx context.Context, p *content.Proposal) (content.Check, *content.Refusal, error) {
	c := content.Check{Name: content.CheckReviews, Status: content.CheckPassed, Summary: texts("Katselmoinnit eivät estä julkaisua.", "Granskningarna hindrar inte publicering.", "No review is in the way.")}
	for _, r := range p.Reviews {
		if r.Verdict == content.VerdictChangesRequested && !r.Stale {
			c.Status, c.Missing = content.CheckFailed, []string{r.Person.Name}
			c.Summary = texts("%s pyytää muutoksia.", "%s ber om ändringar.", "%s asks for changes.", r.Person.Name)
			return c, &content.Refusal{Reason: content.RefusedApproval, Message: r.Person.Name + " asked for changes; amend the proposal, or let them review it again", Missing: c.Missing}, nil
		}
	}
	if !s.cfg.FourEyes {
		return c, nil, nil
	}
	authors, err := s.authors(ctx, p)
	if err != nil {
		return c, nil, err
	}
	for _, person := range approvers(p) {
		if !isAmong(person, authors) {
			return c, nil, nil
		}
	}
	c.Status = content.CheckPending
	c.Summary = texts("Odottaa muun kuin tekijöidensä hyväksyntää.", "Väntar på godkännande av någon annan än författarna.", "Waits for the approval of somebody else than its authors.")
	return c, &content.Refusal{Reason: content.RefusedApproval, Message: "somebody else than its authors has to approve it as it is now"}, nil
}

func isAmong(p content.Person, of []content.Person) bool {
	for _, other := range of {
		if same(content.Actor{Person: p, ID: p.Name}, other) {
			return true
		}
	}
	return false
}

// decided returns the tree that the merge comes to with the resolutions given.
func (s *Service) decided(ctx context.Context, key reportKey, e *examined, resolutions []content.Resolution) (gitrepo.Hash, bool, error) {
	tree, m, together := e.tree, e.merged, e.together
	if len(m.conflicts) > 0 || len(resolutions) > 0 {
		var err error
		if tree, m, together, err = s.resolved(ctx, key, resolutions); err != nil {
			return "", false, err
		}
	}
	if len(together) > 0 && len(resolutions) > 0 {
		return "", false, invalid(together, "with the resolutions given the content would have %s; give other values", count(len(together), "problem"))
	}
	if len(together) > 0 {
		return "", false, invalid(together, "the proposal and the branch are each right, but together the content would have %s; rebase the proposal and mend it", count(len(together), "problem"))
	}
	trees, err := s.trees(ctx, key.target)
	if err == nil && trees[0] == tree {
		err = &content.Refusal{Reason: content.RefusedEmpty, Message: "the proposal changes nothing: the branch has it all; close it"}
	}
	return tree, m.both, err
}

// resolved joins both sides with the resolutions given. The problems are all that the
// target has not: nothing that it has mended comes back.
func (s *Service) resolved(ctx context.Context, key reportKey, list []content.Resolution) (gitrepo.Hash, *joined, []content.Problem, error) {
	resolutions, err := resolve(list)
	if err != nil {
		return "", nil, nil, err
	}
	bases, err := s.repo.MergeBases(ctx, gitrepo.Hash(key.target), gitrepo.Hash(key.head))
	if err != nil {
		return "", nil, nil, err
	}
	m, err := s.join(ctx, key, bases, resolutions)
	if err != nil {
		return "", nil, nil, err
	}
	if len(m.conflicts) > 0 {
		return "", nil, nil, conflict(m.conflicts, "both sides changed %s; choose a side or write the value of each")
	}
	tree, err := s.mergedTree(ctx, key.target, m)
	if err != nil {
		return "", nil, nil, err
	}
	commit, err := s.mergeCommit(ctx, nobody, key, tree, "candidate\n")
	if err != nil {
		return "", nil, nil, err
	}
	together, err := s.onlyTogether(ctx, key, commit, nil)
	return tree, m, together, err
}

// bring makes the merge commit and has the forge put it in place.
func (s *Service) bring(ctx context.Context, by content.Actor, p *content.Proposal, key reportKey, tree gitrepo.Hash, joined bool) (*content.Proposal, error) {
	m := Merging{Head: key.head, Target: key.target, Joined: joined, Subject: fmt.Sprintf("Merge proposal #%d: %s", p.Number, p.Title)}
	m.Body = mergeBody(p)
	var err error
	if m.Commit, err = s.mergeCommit(ctx, by.Person, key, tree, paragraphs(m.Subject, m.Body)); err != nil {
		return nil, err
	}
	return s.forge.Merge(ctx, by, p.Number, m)
}

// mergeBody is the description, and the trailers that the history reads: who approved the
// head that is merged, and which proposal it was.
func mergeBody(p *content.Proposal) string {
	var trailers strings.Builder
	for _, person := range approvers(p) {
		fmt.Fprintf(&trailers, "Approved-by: %s\n", trailerPerson(person))
	}
	fmt.Fprintf(&trailers, "Proposal: %d", p.Number)
	return strings.TrimSpace(uncut(strings.TrimSpace(p.Description)) + "\n\n" + trailers.String())
}

// uncut is a text without a line at which Git takes a message to end ("scissors", see
// git-commit(1)): with it, trailers of the text would stand in the place of ours.
func uncut(text string) string {
	const scissors = "------------------------ >8 ------------------------"
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, scissors) {
			out.WriteByte(' ')
		}
		out.WriteString(line)
	}
	return out.String()
}

// trailerPerson writes someone as git-interpret-trailers(1) has people.
func trailerPerson(p content.Person) string {
	clean := strings.NewReplacer("\n", " ", "\r", " ", "<", "", ">", "")
	if p.Email == "" {
		return clean.Replace(p.Name)
	}
	return fmt.Sprintf("%s <%s>", clean.Replace(p.Name), clean.Replace(p.Email))
}

// Rebase brings the newest of the target into a proposal, so that it can be checked and
// reviewed with it: a commit that joins both, with the conflicts settled by resolutions.
func (s *Service) Rebase(ctx context.Context, by content.Actor, number int, head content.Hash, resolutions []content.Resolution) (*content.Proposal, error) {
	p, err := s.open(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := mayTouch(by, p, "rebase a proposal"); err != nil {
		return nil, err
	}
	if err := upToDate(p, head); err != nil {
		return s.done(nil, err)
	}
	tip, err := s.tip(ctx, p)
	if err != nil {
		return nil, err
	}
	if has, err := s.repo.IsAncestor(ctx, tip, gitrepo.Hash(p.Head)); err != nil || has {
		if has {
			err = &content.Refusal{Reason: content.RefusedEmpty, Message: "the proposal has the newest of the branch already"}
		}
		return nil, err
	}
	key := reportKey{p.Head, content.Hash(tip)}
	tree, _, _, err := s.resolved(ctx, key, resolutions)
	if err != nil {
		return nil, err
	}
	commit, err := s.repo.WriteCommit(ctx, gitrepo.NewCommit{
		Tree: tree, Parents: []gitrepo.Hash{gitrepo.Hash(p.Head), tip}, Author: s.signature(by.Person), Committer: s.signature(by.Person),
		Message: fmt.Sprintf("Merge branch '%s' into proposal %d\n", strings.TrimPrefix(p.Target, "refs/heads/"), number),
	})
	if err != nil {
		return nil, fmt.Errorf("write the commit: %w", err)
	}
	return s.done(s.forge.Edit(ctx, by, number, Edition{Was: p.Head, Head: content.Hash(commit), Base: content.Hash(tip)}))
}
