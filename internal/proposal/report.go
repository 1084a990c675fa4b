package proposal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// reportKey names what is found out about the content of a proposal by all that it
// depends on.
type reportKey struct{ head, target content.Hash }

// examined is what was found out about one head against one target. It is immutable.
type examined struct {
	base, target content.Hash
	// own are the problems that the proposal brings, known those that its base has too.
	own, known []content.Problem
	api        []content.APIChange
	apiError   string
	// merged is what it would be merged to; its conflicts keep the rest from being known.
	merged *joined
	// tree is the merged one, together the problems that it has, and neither the target
	// nor, as its own, the proposal.
	tree     gitrepo.Hash
	together []content.Problem
	// required says who must approve, by the owners of the target.
	required []content.Ownership
	// files are those changed that are no records. nothing: the merge changes nothing.
	files   []content.ProposalFile
	nothing bool
}

// Proposal returns one proposal. Its Base is the commit of the target that it differs
// from, whatever it was opened on.
func (s *Service) Proposal(ctx context.Context, number int) (*content.Proposal, error) {
	p, err := s.forge.Proposal(ctx, number)
	if err != nil {
		return nil, err
	}
	return s.based(ctx, p)
}

// based gives a proposal the commit of the target that it is to be compared with: the
// newest that both have, before the merge where it is merged.
func (s *Service) based(ctx context.Context, p *content.Proposal) (*content.Proposal, error) {
	if p.State == content.ProposalClosed {
		return p, nil
	}
	var tip gitrepo.Hash
	var err error
	if p.State == content.ProposalMerged {
		tip, err = s.beforeMerge(ctx, p)
	} else {
		tip, err = s.repo.Ref(ctx, p.Target)
	}
	if err != nil || tip == "" {
		return p, ignoreMissing(err)
	}
	base, err := s.mergeBase(ctx, content.Hash(tip), p.Head)
	if err != nil || base == "" || base == p.Base || base == p.Head {
		return p, ignoreMissing(err)
	}
	other := *p
	other.Base = base
	return &other, nil
}

// mergeBase is the newest commit that two have in common, "" for none; remembered, since
// it is asked of every proposal that is listed.
func (s *Service) mergeBase(ctx context.Context, a, b content.Hash) (content.Hash, error) {
	key := [2]content.Hash{a, b}
	if base, ok := s.bases.Get(key); ok {
		return base, nil
	}
	bases, err := s.repo.MergeBases(ctx, gitrepo.Hash(a), gitrepo.Hash(b))
	if err != nil {
		return "", err
	}
	var base content.Hash
	if len(bases) > 0 {
		base = content.Hash(bases[0])
	}
	s.bases.Add(key, base)
	return base, nil
}

// ignoreMissing: where the target or a merge is gone, what the forge says of the base has
// to do.
func ignoreMissing(err error) error {
	if errors.Is(err, gitrepo.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Service) beforeMerge(ctx context.Context, p *content.Proposal) (gitrepo.Hash, error) {
	if p.MergedAs == "" {
		return "", nil
	}
	c, err := s.repo.Commit(ctx, gitrepo.Hash(p.MergedAs))
	if err != nil || len(c.Parents) < 2 { // a fast-forward says nothing of what was before
		return "", err
	}
	return c.Parents[0], nil
}

// Proposals lists proposals, the newest first.
func (s *Service) Proposals(ctx context.Context, q content.ProposalQuery) (content.ProposalPage, error) {
	var page content.ProposalPage
	list, err := s.forge.List(ctx)
	if err != nil {
		return page, err
	}
	for _, p := range list {
		match, err := s.matches(ctx, p, q)
		if err != nil {
			return page, err
		}
		if !match {
			continue
		}
		page.Total++
		if q.After != 0 && p.Number >= q.After {
			continue
		}
		if q.Limit > 0 && len(page.Proposals) == q.Limit {
			page.More = true
			continue
		}
		if p, err = s.based(ctx, p); err != nil {
			return page, err
		}
		page.Proposals = append(page.Proposals, p)
	}
	return page, nil
}

func (s *Service) matches(ctx context.Context, p *content.Proposal, q content.ProposalQuery) (bool, error) {
	author := strings.ToLower(q.Author)
	switch {
	case q.State != "" && p.State != q.State:
		return false, nil
	case author != "" && !strings.Contains(strings.ToLower(p.Author.Name), author) && !strings.Contains(strings.ToLower(p.Author.Email), author):
		return false, nil
	case q.Record == nil:
		return true, nil
	}
	p, err := s.based(ctx, p)
	if err != nil {
		return false, err
	}
	refs, err := s.Records(ctx, p)
	return slices.Contains(refs, *q.Record), err
}

// Records returns which records a proposal changes, in the order of their paths. The
// caller must not change the slice.
func (s *Service) Records(ctx context.Context, p *content.Proposal) ([]content.Ref, error) {
	key := [2]content.Hash{p.Base, p.Head}
	if refs, ok := s.touched.Get(key); ok {
		return refs, nil
	}
	view, err := s.cfg.Content.Own(ctx, p.Base)
	if err != nil {
		return nil, err
	}
	files, err := s.differences(ctx, p.Base, p.Head)
	if err != nil {
		return nil, err
	}
	var refs []content.Ref
	for _, f := range files {
		if collection, id := view.Model.Match(f.Path); collection != nil {
			refs = append(refs, content.Ref{Collection: collection.Name, ID: id})
		}
	}
	s.touched.Add(key, refs)
	return refs, nil
}

func (s *Service) differences(ctx context.Context, from, to content.Hash) ([]gitrepo.Difference, error) {
	trees, err := s.trees(ctx, from, to)
	if err != nil {
		return nil, err
	}
	all := func(string) bool { return true }
	return s.repo.Compare(ctx, trees[1], trees[:1], all, all)
}

func (s *Service) trees(ctx context.Context, commits ...content.Hash) ([]gitrepo.Hash, error) {
	var trees []gitrepo.Hash
	for _, h := range commits {
		c, err := s.repo.Commit(ctx, gitrepo.Hash(h))
		if err != nil {
			return nil, fmt.Errorf("read commit %s: %w", h, err)
		}
		trees = append(trees, c.Tree)
	}
	return trees, nil
}

// Report returns what is to be said of a proposal against its target as it is now. It is
// remembered by what it depends on, and may take as long as reading and checking a commit.
func (s *Service) Report(ctx context.Context, p *content.Proposal) (*content.ProposalReport, error) {
	key := reportKey{p.Head, p.Base} // what became of it is over: only what it changes is told
	if p.State == content.ProposalOpen {
		tip, err := s.tip(ctx, p)
		if err != nil {
			return nil, err
		}
		key.target = content.Hash(tip)
	}
	e, err := s.examine(ctx, key)
	if err != nil {
		return nil, err
	}
	report := &content.ProposalReport{Head: key.head, Target: key.target, Base: e.base, Files: e.files, Checks: []content.Check{e.contentCheck()}}
	if s.cfg.API != nil {
		report.Checks = append(report.Checks, e.apiCheck())
	}
	if p.State != content.ProposalOpen {
		return report, nil
	}
	reviews, _, err := s.reviewsCheck(ctx, p)
	if err != nil {
		return nil, err
	}
	report.Conflicts = e.merged.conflicts
	report.Checks = append(report.Checks, e.mergeCheck(), ownersCheck(p, e.required), reviews)
	report.Mergeable = !slices.ContainsFunc(report.Checks, func(c content.Check) bool {
		return c.Status == content.CheckFailed || c.Status == content.CheckPending
	})
	return report, nil
}

// examine finds out what depends on head and target alone, once.
func (s *Service) examine(ctx context.Context, key reportKey) (*examined, error) {
	if e, ok := s.reports.Get(key); ok {
		return e, nil
	}
	e, err := s.look(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("look at %s for %s: %w", key.head, key.target, err)
	}
	s.reports.Add(key, e)
	return e, nil
}

func (s *Service) look(ctx context.Context, key reportKey) (*examined, error) {
	bases, err := s.repo.MergeBases(ctx, gitrepo.Hash(key.target), gitrepo.Hash(key.head))
	if err != nil {
		return nil, err
	}
	if len(bases) == 0 {
		return nil, &content.Refusal{Reason: content.RefusedState, Message: "the proposal and the branch have no commit in common; propose on a branch of this repository"}
	}
	e := &examined{base: content.Hash(bases[0]), target: key.target}
	base, err := s.cfg.Content.Own(ctx, e.base)
	if err != nil {
		return nil, err
	}
	if e.own, e.known, err = s.news(ctx, base, key.head); err != nil {
		return nil, err
	}
	if err := s.compareAPI(ctx, e, base, key.head); err != nil {
		return nil, err
	}
	if e.files, err = s.otherFiles(ctx, base, key.head); err != nil {
		return nil, err
	}
	if e.merged, err = s.join(ctx, key, bases, nil); err != nil {
		return nil, err
	}
	if len(e.merged.conflicts) == 0 {
		if err := s.together(ctx, e, key); err != nil {
			return nil, err
		}
	}
	e.required, err = s.required(ctx, key, e.base)
	return e, err
}

// otherFiles are the files changed since base that are no records there.
func (s *Service) otherFiles(ctx context.Context, base *content.View, head content.Hash) ([]content.ProposalFile, error) {
	found, err := s.differences(ctx, base.Commit, head)
	if err != nil {
		return nil, err
	}
	var out []content.ProposalFile
	for _, f := range found {
		if c, _ := base.Model.Match(f.Path); c != nil {
			continue
		}
		kind := content.Updated
		switch {
		case f.Before[0].Mode == 0:
			kind = content.Created
		case f.After.Mode == 0:
			kind = content.Deleted
		}
		out = append(out, content.ProposalFile{Path: strings.ToValidUTF8(f.Path, "\uFFFD"), Kind: kind})
	}
	return out, nil
}

func (s *Service) compareAPI(ctx context.Context, e *examined, base *content.View, head content.Hash) error {
	view, err := s.cfg.Content.Own(ctx, head)
	if err != nil || s.cfg.API == nil || view.Model.Key == base.Model.Key {
		return err
	}
	if e.api, err = s.cfg.API(base.Model, view.Model); err != nil {
		e.apiError = err.Error() // a model that gives no API is a finding
	}
	return nil
}

// join merges head into target, as far as that can be done.
func (s *Service) join(ctx context.Context, key reportKey, bases []gitrepo.Hash, resolutions map[place]content.Resolution) (*joined, error) {
	view, err := s.cfg.Content.Own(ctx, key.target)
	if err != nil {
		return nil, err
	}
	var commits []content.Hash
	for _, b := range bases {
		commits = append(commits, content.Hash(b))
	}
	trees, err := s.trees(ctx, append(commits, key.target, key.head)...)
	if err != nil {
		return nil, err
	}
	n := len(bases)
	j := &joining{repo: s.repo, model: view.Model, resolutions: resolutions, used: map[place]bool{}}
	j.between = func(ctx context.Context, base, side gitrepo.Hash) iter.Seq2[gitrepo.Commit, error] {
		tip := key.target
		if side == trees[n+1] {
			tip = key.head
		}
		return s.between(ctx, bases[slices.Index(trees[:n], base)], gitrepo.Hash(tip))
	}
	return j.merge(ctx, trees[:n], trees[n], trees[n+1])
}

// fewAsked is how many commits are looked for in the past of another one by one, before
// all of that past is walked.
const fewAsked = 16

// between yields the commits that tip reaches and base does not.
func (s *Service) between(ctx context.Context, base, tip gitrepo.Hash) iter.Seq2[gitrepo.Commit, error] {
	return func(yield func(gitrepo.Commit, error) bool) {
		var failed error
		var past map[gitrepo.Hash]bool
		asked := 0
		known := func(h gitrepo.Hash) bool {
			if asked++; asked <= fewAsked {
				has, err := s.repo.IsAncestor(ctx, h, base)
				failed = errors.Join(failed, err)
				return has
			}
			if past == nil {
				past = map[gitrepo.Hash]bool{}
				for c, err := range s.repo.Walk(ctx, []gitrepo.Hash{base}, nil) {
					failed = errors.Join(failed, err)
					past[c.Hash] = true
				}
			}
			return past[h]
		}
		for c, err := range s.repo.Walk(ctx, []gitrepo.Hash{tip}, known) {
			if err = errors.Join(err, failed); !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// together checks what the merge comes to as a whole: two sides that are each right may
// be wrong together.
func (s *Service) together(ctx context.Context, e *examined, key reportKey) error {
	var err error
	if e.tree, err = s.mergedTree(ctx, key.target, e.merged); err != nil {
		return err
	}
	trees, err := s.trees(ctx, key.target)
	if err != nil {
		return err
	}
	e.nothing = trees[0] == e.tree
	commit, err := s.mergeCommit(ctx, nobody, key, e.tree, "candidate\n")
	if err != nil {
		return err
	}
	e.together, err = s.onlyTogether(ctx, key, commit, e.own)
	return err
}

// nobody is the author of commits that are looked at and thrown away.
var nobody = content.Person{Name: "Koonti", Email: "koonti@localhost"}

// onlyTogether are the problems of a merge that its target has not, but for those that
// are the proposal's own. What the target has mended, and the proposal has from before,
// is among them.
func (s *Service) onlyTogether(ctx context.Context, key reportKey, commit content.Hash, own []content.Problem) ([]content.Problem, error) {
	target, err := s.cfg.Content.Own(ctx, key.target)
	if err != nil {
		return nil, err
	}
	fresh, _, err := s.news(ctx, target, commit)
	if err != nil {
		return nil, err
	}
	only, _ := content.NewProblems(own, fresh)
	return only, nil
}

func (s *Service) mergedTree(ctx context.Context, target content.Hash, m *joined) (gitrepo.Hash, error) {
	trees, err := s.trees(ctx, target)
	if err != nil {
		return "", err
	}
	var changes []gitrepo.TreeChange
	for path, entry := range m.files {
		changes = append(changes, gitrepo.TreeChange{Path: path, Entry: entry})
	}
	tree, err := s.repo.WriteTree(ctx, trees[0], changes)
	if errors.Is(err, gitrepo.ErrUnsupported) { // somebody pushed what Git itself would not check out
		return "", &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("it cannot be merged: %v", err)}
	}
	if err != nil {
		return "", fmt.Errorf("write the merged tree: %w", err)
	}
	return tree, nil
}

func (s *Service) mergeCommit(ctx context.Context, by content.Person, key reportKey, tree gitrepo.Hash, message string) (content.Hash, error) {
	commit, err := s.repo.WriteCommit(ctx, gitrepo.NewCommit{
		Tree: tree, Parents: []gitrepo.Hash{gitrepo.Hash(key.target), gitrepo.Hash(key.head)},
		Author: s.signature(by), Committer: s.signature(by), Message: message,
	})
	if err != nil {
		return "", fmt.Errorf("write the merge commit: %w", err)
	}
	return content.Hash(commit), nil
}
