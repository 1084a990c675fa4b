package proposal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// OwnersOf returns the owners in force at a commit with the model to ask them with; nil
// where nobody owns anything. The error keeps everything from being merged.
type OwnersOf func(ctx context.Context, commit content.Hash) (*content.Owners, *content.Model, error)

// required says whose approval the merge of key needs: by the owners of the target, never
// by the proposal's own.
func (s *Service) required(ctx context.Context, key reportKey, base content.Hash) ([]content.Ownership, error) {
	if s.cfg.Owners == nil {
		return nil, nil
	}
	owners, model, err := s.cfg.Owners(ctx, key.target)
	if err != nil || owners == nil {
		return nil, err
	}
	trees, err := s.trees(ctx, base, key.head)
	if err != nil {
		return nil, err
	}
	j := &joining{repo: s.repo, model: model}
	changed, err := j.changes(ctx, trees[0], trees[1])
	if err != nil {
		return nil, err
	}
	var files []content.FileChange
	for _, path := range slices.Sorted(maps.Keys(changed.files)) {
		if changed.to[path] != "" {
			continue // told at its new name
		}
		f := content.FileChange{Was: path, Path: path}
		was, is := changed.files[path].Before[0], changed.files[path].After
		if from := changed.from[path]; from != "" {
			f.Was, was = from, changed.files[from].Before[0]
		}
		if f.Before, err = j.side(ctx, &f.Was, was); err != nil {
			return nil, err
		}
		if f.After, err = j.side(ctx, &f.Path, is); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return owners.Required(model, files), nil
}

// side reads what one side has at path, which becomes "" where it has nothing.
func (j *joining) side(ctx context.Context, path *string, e gitrepo.Entry) (*content.Value, error) {
	if e.Mode == 0 {
		*path = ""
		return nil, nil
	}
	if c, _ := j.model.Match(*path); c == nil {
		return nil, nil
	}
	return j.document(ctx, e)
}

// approvers are those whose approval of a proposal as it is now counts.
func approvers(p *content.Proposal) []content.Person {
	var out []content.Person
	for _, r := range p.Reviews {
		if r.Verdict == content.VerdictApproved && !r.Stale {
			out = append(out, r.Person)
		}
	}
	return out
}

// missing names those of whom an approval is wanted yet, each once.
func missing(required []content.Ownership, p *content.Proposal) []string {
	var out []string
	approved, author := approvers(p), vouched(p)
	for _, o := range required {
		if o.Missing(author, approved) == 0 {
			continue
		}
		alone := !slices.ContainsFunc(o.People, func(who string) bool { return !author.Is(who) })
		for _, who := range o.People {
			if (alone || !author.Is(who)) && !slices.Contains(out, who) && !slices.ContainsFunc(approved, func(a content.Person) bool { return a.Is(who) }) {
				out = append(out, who)
			}
		}
	}
	return out
}

// vouched is the author of a proposal; one who is only claimed, where a head of it is
// somebody else's, or of nobody that is known: whoever may push to its branch is not its
// author by that.
func vouched(p *content.Proposal) content.Person {
	author := p.Author
	var head content.Hash
	for _, e := range p.Events {
		known := e.Actor.Identity != content.IdentityClaimed && strings.EqualFold(e.Actor.Email, author.Email) && (author.Email != "" || e.Actor.Name == author.Name)
		if e.Head != head && !known {
			author.Identity = content.IdentityClaimed
		}
		head = e.Head
	}
	return author
}

// ownersCheck tells whose approval is wanted, and what for.
func ownersCheck(p *content.Proposal, required []content.Ownership) content.Check {
	c := content.Check{Name: content.CheckOwners, Status: content.CheckPassed, Missing: missing(required, p), Owned: required}
	switch {
	case len(required) == 0:
		c.Summary = texts("Kenenkään hyväksyntää ei vaadita.", "Ingens godkännande krävs.", "Nobody has to approve it.")
	case len(c.Missing) > 0:
		c.Status = content.CheckPending
		names := strings.Join(c.Missing, ", ")
		c.Summary = texts("Odottaa hyväksyntää: %s.", "Väntar på godkännande av: %s.", "Waits for the approval of: %s.", names)
	default:
		c.Summary = texts("Ne, joiden pitää, ovat hyväksyneet.", "De som ska ha godkänt.", "Those have approved who must.")
	}
	return c
}

// refuseUnapproved refuses what an owner has to approve first.
func refuseUnapproved(p *content.Proposal, required []content.Ownership) error {
	names := missing(required, p)
	if len(names) == 0 {
		return nil
	}
	return &content.Refusal{Reason: content.RefusedApproval, Message: fmt.Sprintf("those who own what it changes have to approve it: %s", strings.Join(names, ", ")), Missing: names}
}
