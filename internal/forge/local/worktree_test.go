package local

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/forgetest"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// desk is a repository with a work tree, in which main is checked out.
func desk(t *testing.T) (*site, func(p *content.Proposal) (*content.Proposal, error)) {
	s := newSite(t)
	s.Place = placeAt(t, s.clone)
	s.forge = New(Config{Repo: s.Repo})
	merge := func(p *content.Proposal) (*content.Proposal, error) {
		target := s.Tip(main)
		commit := forgetest.Commit(t, s.Repo, "a", "new\n", target, gitrepo.Hash(p.Head))
		return s.forge.Merge(t.Context(), person("Maija"), p.Number, proposal.Merging{Head: p.Head, Target: content.Hash(target), Commit: content.Hash(commit)})
	}
	return s, merge
}

func TestContractInAWorkTree(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.Place {
		s, _ := desk(t)
		push := s.Push
		s.Push = func(branch string, commit gitrepo.Hash) {
			if branch == main {
				s.git("merge", "-q", "--ff-only", string(commit))
				return
			}
			push(branch, commit)
		}
		s.Forge = s.forge
		return s.Place
	})
}

func TestFilesFollowAMerge(t *testing.T) {
	s, merge := desk(t)
	p := s.open("a")
	write(t, s.clone, "mine", "not committed")
	p, err := merge(p)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(s.clone, "a"))
	s.same("file", []any{string(data), err}, []any{"new\n", nil})
	s.same("status", s.git("status", "--short"), "?? mine")
	s.same("merged", []any{p.State, p.MergedAs, s.Tip(p.Branch)}, []any{content.ProposalMerged, content.Hash(s.Tip("HEAD")), gitrepo.Hash("")})
	s.same("reflog", s.git("log", "-1", "-g", "--format=%gs", "main"), "proposal 1: merge")
}

func TestWhatKeepsAMergeBack(t *testing.T) {
	for _, test := range []struct {
		name  string
		paths []string
		set   func(*site)
	}{
		{"uncommitted work on a file that changes", []string{"a"}, func(s *site) { write(s, s.clone, "a", "mine") }},
		{"git at work", nil, func(s *site) { write(s, s.clone, ".git/index.lock", "") }},
		{"checked out in another work tree", nil, func(s *site) {
			s.git("switch", "-q", "--detach")
			s.git("worktree", "add", "-q", s.clone+"-other", "main")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, merge := desk(t)
			p := s.open("a")
			tip := s.Tip(main)
			test.set(s)
			_, err := merge(p)
			forgetest.Refused(t, err, content.RefusedWorkTree)
			var r *content.Refusal
			if errors.As(err, &r) {
				s.same("paths", r.Paths, test.paths)
			}
			s.same("target", s.Tip(main), tip)
			s.same("proposal", s.get(1), p)
			s.same("pending", s.git("for-each-ref", "refs/koonti/pending"), "")
		})
	}
}

// Someone who has the branch of a proposal checked out sees an edit, and keeps the branch.
func TestABranchOfAProposalCheckedOut(t *testing.T) {
	s, merge := desk(t)
	p := s.open("a")
	s.git("switch", "-q", "proposals/1")
	next := forgetest.Commit(t, s.Repo, "b", "more\n", gitrepo.Hash(p.Head))
	p, err := s.forge.Edit(t.Context(), person("Aino"), 1, proposal.Edition{Was: p.Head, Head: content.Hash(next), Base: p.Base})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(s.clone, "b"))
	s.same("file", []any{string(data), err}, []any{"more\n", nil})
	if p, err = merge(p); err != nil {
		t.Fatal(err)
	}
	s.same("merged", []any{p.State, s.Tip(p.Branch)}, []any{content.ProposalMerged, next})
	s.same("status", s.git("status", "--short"), "")
}
