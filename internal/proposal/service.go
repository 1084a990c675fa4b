package proposal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Config says what a Service works with. Repo, Forge, Content and Target are required.
type Config struct {
	Repo    *gitrepo.Repo
	Forge   Forge
	Content Content
	// Target is the full name of the branch served, into which proposals are merged; ""
	// where none is served.
	Target func() string
	// API compares the GraphQL APIs of two models; nil leaves them out.
	API func(before, after *content.Model) ([]content.APIChange, error)
	// Owners says who must approve; nil is nobody.
	Owners OwnersOf
	// FourEyes: nobody approves or merges their own alone.
	FourEyes bool
	// Moved is called when a merge has moved the target, so that it is served before the
	// merge is answered; nil does nothing.
	Moved func(ctx context.Context)
	// News takes what happened to proposals, from one goroutine; it must not block. nil drops it.
	News func([]content.ProposalNews)
	// Summary makes the text that the forge shows of a report (Forge.Told); nil tells the
	// forge nothing.
	Summary func(ctx context.Context, p *content.Proposal, report *content.ProposalReport) (string, error)
	// Poll is how often the forge is asked for what happened elsewhere: 2 s.
	Poll time.Duration
	// Logger takes what happens; nil drops it.
	Logger *slog.Logger
	// Now is the clock; time.Now.
	Now func() time.Time
}

// Service decides what may happen to proposals, and makes it happen. Where an actor is
// given, what the actor may not do is a content.ErrForbidden, or a
// content.ErrUnauthenticated where nobody is. What cannot be done with the content as it
// is, is a *content.Refusal. All methods are safe for concurrent use.
type Service struct {
	cfg     Config
	repo    *gitrepo.Repo
	forge   Forge
	log     *slog.Logger
	reports *lru.Cache[reportKey, *examined]
	touched *lru.Cache[[2]content.Hash, []content.Ref]
	bases   *lru.Cache[[2]content.Hash, content.Hash]
	// approvals are those of what was merged, by merge; made by follow.
	approvals atomic.Pointer[map[content.Hash][]content.Approval]
	// merging is held by the one merge under way: they would only lose to each other.
	merging sync.Mutex
	wake    chan struct{}
	told    map[int]telling // by Run alone
	failing string          // what Run logged last
}

// Reports, lists of records and merge bases that are remembered.
const (
	keptReports = 256
	keptTouched = 4096
)

// New makes a service.
func New(cfg Config) *Service {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Poll == 0 {
		cfg.Poll = 2 * time.Second
	}
	s := &Service{cfg: cfg, repo: cfg.Repo, forge: cfg.Forge, log: cfg.Logger, wake: make(chan struct{}, 1), told: map[int]telling{}}
	s.reports, _ = lru.New[reportKey, *examined](keptReports)
	s.touched, _ = lru.New[[2]content.Hash, []content.Ref](keptTouched)
	s.bases, _ = lru.New[[2]content.Hash, content.Hash](keptTouched)
	return s
}

// may returns why by may not do what needs a role; nil where it may.
func may(by content.Actor, needed content.Role, what string) error {
	switch {
	case by.Role.Allows(needed):
		return nil
	case by.ID == "":
		return fmt.Errorf("to %s, say who you are: %w", what, content.ErrUnauthenticated)
	}
	return fmt.Errorf("to %s takes the role %s; %s has %s: %w", what, needed, by.Person.Name, orNone(by.Role), content.ErrForbidden)
}

func orNone(r content.Role) string {
	if r == content.RoleNone {
		return "none"
	}
	return string(r)
}

// mayTouch returns why by may not change a proposal: editors change their own.
func mayTouch(by content.Actor, p *content.Proposal, what string) error {
	if err := may(by, content.RoleEditor, what); err != nil {
		return err
	}
	if same(by, p.Author) {
		return nil
	}
	return may(by, content.RoleMaintainer, what+" that somebody else made")
}

// same reports whether by is a person, as far as names and addresses tell.
func same(by content.Actor, p content.Person) bool {
	return by.Person.Email != "" && strings.EqualFold(by.Person.Email, p.Email) ||
		by.ID != "" && (strings.EqualFold(by.ID, p.Email) || by.ID == p.Name)
}

// target returns the branch that is served and its newest commit.
func (s *Service) target(ctx context.Context) (string, content.Hash, error) {
	name := s.cfg.Target()
	if !strings.HasPrefix(name, "refs/heads/") {
		return "", "", &content.Refusal{Reason: content.RefusedState, Message: "no branch is served, so that there is nothing to propose for; serve a branch, or check one out"}
	}
	tip, err := s.repo.Ref(ctx, name)
	if errors.Is(err, gitrepo.ErrNotFound) {
		return "", "", &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("the branch %s has no commit yet; commit something first", strings.TrimPrefix(name, "refs/heads/"))}
	}
	if err != nil {
		return "", "", fmt.Errorf("find the target: %w", err)
	}
	return name, content.Hash(tip), nil
}

// tip is the newest commit of the branch that a proposal is to be merged into.
func (s *Service) tip(ctx context.Context, p *content.Proposal) (gitrepo.Hash, error) {
	tip, err := s.repo.Ref(ctx, p.Target)
	if errors.Is(err, gitrepo.ErrNotFound) {
		return "", &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("the branch %s, into which proposal %d was to be merged, is gone; make it again, or propose anew for the one that is served", strings.TrimPrefix(p.Target, "refs/heads/"), p.Number)}
	}
	if err != nil {
		return "", fmt.Errorf("find the target: %w", err)
	}
	return tip, nil
}

// Propose makes a proposal of a draft.
func (s *Service) Propose(ctx context.Context, by content.Actor, d content.Draft) (*content.Proposal, error) {
	if err := may(by, content.RoleEditor, "propose"); err != nil {
		return nil, err
	}
	if err := checkTexts(d, true); err != nil {
		return nil, err
	}
	key := fingerprint(d)
	if p, err := s.keyed(ctx, by, d.Key, key); p != nil || err != nil {
		return p, err
	}
	target, tip, err := s.target(ctx)
	if err != nil {
		return nil, err
	}
	base, err := s.baseOf(ctx, d.Base, tip)
	if err != nil {
		return nil, err
	}
	head, err := s.commit(ctx, by, base, d, d.Title)
	if err != nil {
		return nil, err
	}
	p, err := s.forge.Open(ctx, by, Opening{
		Title: d.Title, Description: d.Description, Head: head, Base: base, Target: target, Reviewers: d.Reviewers, Key: key,
	})
	return s.done(p, err)
}

// fingerprint is a key with the edits that it was used for; "" for none.
func fingerprint(d content.Draft) string {
	if d.Key == "" {
		return ""
	}
	text, _ := json.Marshal(d.Edits)
	sum := sha256.Sum256(text)
	return d.Key + " " + hex.EncodeToString(sum[:8])
}

// keyed returns the proposal that by made with a key, nil where there is none; whole is the
// key with what it is used for now. What is not the same is refused, rather than dropped.
func (s *Service) keyed(ctx context.Context, by content.Actor, key, whole string) (*content.Proposal, error) {
	if key == "" {
		return nil, nil
	}
	list, err := s.forge.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		at := strings.LastIndexByte(p.Key, ' ')
		switch {
		case at < 0 || p.Key[:at] != key || !same(by, p.Author):
		case p.Key == whole:
			return p, nil
		default:
			return nil, &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("the key %q was used for something else, proposal %d; take another key, or amend that proposal", key, p.Number)}
		}
	}
	return nil, nil
}

// done lets Run look at what was done, for those who follow; and at what was refused,
// since what is known here of a server may be old.
func (s *Service) done(p *content.Proposal, err error) (*content.Proposal, error) {
	var refusal *content.Refusal
	if err == nil || errors.As(err, &refusal) {
		s.Wake()
	}
	return p, err
}

// baseOf is the commit that edits are made on: one that the target has.
func (s *Service) baseOf(ctx context.Context, base, tip content.Hash) (content.Hash, error) {
	if base == "" || base == tip {
		return tip, nil
	}
	has, err := s.repo.IsAncestor(ctx, gitrepo.Hash(base), gitrepo.Hash(tip))
	if errors.Is(err, gitrepo.ErrNotFound) || err == nil && !has {
		return "", &content.Refusal{Reason: content.RefusedOutdated, Message: fmt.Sprintf("the branch served does not have the commit %s; make the edits on what is served now", base)}
	}
	return base, err
}

// checkTexts bounds what people write.
func checkTexts(d content.Draft, fresh bool) error {
	refuse := func(format string, args ...any) error {
		return &content.Refusal{Reason: content.RefusedEdit, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case fresh && strings.TrimSpace(d.Title) == "":
		return refuse("the title is missing; say in a line what the proposal does")
	case strings.ContainsAny(d.Title, "\n\r\x00"):
		return refuse("the title has more than one line; put the rest into the description")
	case len(d.Title) > content.MaxTitle:
		return refuse("the title has %d bytes, and may have %d", len(d.Title), content.MaxTitle)
	case len(d.Description) > content.MaxText || strings.Contains(d.Description, "\x00"):
		return refuse("the description may have %d bytes, none of them zero", content.MaxText)
	case len(d.Edits) > content.MaxEdits:
		return refuse("there are %d edits, and may be %d; make several proposals", len(d.Edits), content.MaxEdits)
	case len(d.Key) > content.MaxTitle:
		return refuse("the key has %d bytes, and may have %d", len(d.Key), content.MaxTitle)
	}
	return nil
}

// commit makes the commit of a draft's edits on parent, unless it would bring problems.
func (s *Service) commit(ctx context.Context, by content.Actor, parent content.Hash, d content.Draft, message string) (content.Hash, error) {
	made, problems, err := s.attempt(ctx, by, parent, d, message)
	if err != nil {
		return "", err
	}
	if len(problems) > 0 {
		return "", invalid(problems, "the content would have %s; mend the edits", count(len(problems), "problem"))
	}
	return made, nil
}

func invalid(problems []content.Problem, format string, args ...any) *content.Refusal {
	return &content.Refusal{Reason: content.RefusedInvalid, Message: fmt.Sprintf(format, args...), Problems: problems}
}

// count says "1 problem" or "3 problems".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// attempt makes the commit, and returns the problems that it brings.
func (s *Service) attempt(ctx context.Context, by content.Actor, parent content.Hash, d content.Draft, message string) (content.Hash, []content.Problem, error) {
	base, err := s.cfg.Content.Own(ctx, parent)
	if err != nil {
		return "", nil, err
	}
	files, err := applyEdits(ctx, s.cfg.Content, base, d.Edits)
	if err != nil {
		return "", nil, err
	}
	tree, err := s.write(ctx, parent, files)
	if err != nil {
		return "", nil, err
	}
	made, err := s.repo.WriteCommit(ctx, gitrepo.NewCommit{
		Tree: tree, Parents: []gitrepo.Hash{gitrepo.Hash(parent)}, Author: s.signature(by.Person), Committer: s.signature(by.Person),
		Message: commitMessage(message, d.Description, by.Person),
	})
	if err != nil {
		return "", nil, fmt.Errorf("write the commit: %w", err)
	}
	own, _, err := s.news(ctx, base, content.Hash(made))
	return content.Hash(made), own, err
}

// news are the problems that a commit has and base has not, and those that both have.
func (s *Service) news(ctx context.Context, base *content.View, commit content.Hash) (own, known []content.Problem, err error) {
	view, err := s.cfg.Content.Own(ctx, commit)
	if err != nil {
		return nil, nil, err
	}
	own, known = content.NewProblems(base.Problems, view.Problems)
	return own, known, nil
}

// write makes the tree of a commit with other files; a *content.Refusal where nothing is
// other.
func (s *Service) write(ctx context.Context, parent content.Hash, files map[string][]byte) (gitrepo.Hash, error) {
	commit, err := s.repo.Commit(ctx, gitrepo.Hash(parent))
	if err != nil {
		return "", fmt.Errorf("read the base: %w", err)
	}
	var changes []gitrepo.TreeChange
	for path, data := range files {
		c := gitrepo.TreeChange{Path: path}
		if data != nil {
			if c.Entry.Hash, err = s.repo.WriteBlob(ctx, data); err != nil {
				return "", fmt.Errorf("write %s: %w", path, err)
			}
			c.Entry.Mode = gitrepo.File
		}
		changes = append(changes, c)
	}
	tree, err := s.repo.WriteTree(ctx, commit.Tree, changes)
	if err != nil {
		return "", fmt.Errorf("write the tree: %w", err)
	}
	if tree == commit.Tree {
		return "", &content.Refusal{Reason: content.RefusedEmpty, Message: "the edits change nothing: the content is like that already"}
	}
	return tree, nil
}

func (s *Service) signature(p content.Person) gitrepo.Signature {
	return gitrepo.Signature{Name: p.Name, Email: p.Email, When: s.cfg.Now()}
}

// paragraphs joins those that are not empty.
func paragraphs(texts ...string) string {
	var kept []string
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, "\n\n") + "\n"
}

// commitMessage is a title with what is said about it. Who says it does not end it with
// trailers of their own, such as somebody's approval: those stand in the last paragraph.
func commitMessage(title, description string, by content.Person) string {
	if strings.TrimSpace(description) == "" {
		return paragraphs(title)
	}
	return paragraphs(title, uncut(description), "Proposed-by: "+trailerPerson(by))
}

// Validate returns the problems that a draft would bring. Nothing is proposed.
func (s *Service) Validate(ctx context.Context, by content.Actor, d content.Draft) ([]content.Problem, error) {
	if err := may(by, content.RoleEditor, "check a draft"); err != nil {
		return nil, err
	}
	if err := checkTexts(d, false); err != nil {
		return nil, err
	}
	_, tip, err := s.target(ctx)
	if err != nil {
		return nil, err
	}
	base, err := s.baseOf(ctx, d.Base, tip)
	if err != nil {
		return nil, err
	}
	_, problems, err := s.attempt(ctx, by, base, d, "draft")
	return problems, err
}

// Amend adds the edits of a draft to a proposal, or gives it another title, description
// or more reviewers. d.Base is the head that the edits were made on.
func (s *Service) Amend(ctx context.Context, by content.Actor, number int, d content.Draft) (*content.Proposal, error) {
	if err := checkTexts(d, false); err != nil {
		return nil, err
	}
	p, err := s.open(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := mayTouch(by, p, "amend a proposal"); err != nil {
		return nil, err
	}
	if err := upToDate(p, d.Base); err != nil {
		return s.done(nil, err)
	}
	e := Edition{Was: p.Head, Head: p.Head, Base: p.Base, Reviewers: d.Reviewers}
	if d.Title != "" {
		e.Title = &d.Title
	}
	if d.Description != "" {
		e.Description = &d.Description
	}
	if len(d.Edits) > 0 {
		subject := d.Title
		if subject == "" {
			subject = p.Title
		}
		if e.Head, err = s.commit(ctx, by, p.Head, d, subject); err != nil {
			return nil, err
		}
	} else if e.Title == nil && e.Description == nil && len(d.Reviewers) == 0 {
		return nil, &content.Refusal{Reason: content.RefusedEmpty, Message: "nothing is to be amended; give edits, a title, a description or reviewers"}
	}
	return s.done(s.forge.Edit(ctx, by, number, e))
}

// upToDate refuses what was decided on for another head.
func upToDate(p *content.Proposal, head content.Hash) error {
	if head == p.Head {
		return nil
	}
	what := fmt.Sprintf("proposal %d has the head %s now", p.Number, p.Head)
	if head == "" {
		return &content.Refusal{Reason: content.RefusedOutdated, Message: what + "; say which head you looked at"}
	}
	return &content.Refusal{Reason: content.RefusedOutdated, Message: fmt.Sprintf("%s, no longer %s: look at it again", what, head)}
}

// open returns a proposal that is open.
func (s *Service) open(ctx context.Context, number int) (*content.Proposal, error) {
	p, err := s.Proposal(ctx, number)
	if err != nil {
		return nil, err
	}
	if p.State != content.ProposalOpen {
		return nil, &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("proposal %d is %s", number, strings.ToLower(string(p.State)))}
	}
	return p, nil
}

// Comment adds a word to a proposal, whatever its state.
func (s *Service) Comment(ctx context.Context, by content.Actor, number int, text string) (*content.Proposal, error) {
	if err := may(by, content.RoleEditor, "comment"); err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" || len(text) > content.MaxText || strings.Contains(text, "\x00") {
		return nil, &content.Refusal{Reason: content.RefusedEdit, Message: fmt.Sprintf("a comment has 1 to %d bytes, none of them zero", content.MaxText)}
	}
	return s.done(s.forge.Comment(ctx, by, number, text))
}

// Review says what by thinks of a proposal at head.
func (s *Service) Review(ctx context.Context, by content.Actor, number int, verdict content.Verdict, head content.Hash, text string) (*content.Proposal, error) {
	if err := may(by, content.RoleReviewer, "review"); err != nil {
		return nil, err
	}
	if len(text) > content.MaxText || strings.Contains(text, "\x00") {
		return nil, &content.Refusal{Reason: content.RefusedEdit, Message: fmt.Sprintf("the text of a review may have %d bytes, none of them zero", content.MaxText)}
	}
	p, err := s.open(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := upToDate(p, head); err != nil {
		return s.done(nil, err)
	}
	if verdict == content.VerdictApproved && s.cfg.FourEyes {
		own, err := s.isOwn(ctx, by, p)
		if err != nil {
			return nil, err
		}
		if own {
			return nil, &content.Refusal{Reason: content.RefusedApproval, Message: "nobody approves their own proposal here; somebody else has to"}
		}
	}
	return s.done(s.forge.Review(ctx, by, number, Reviewing{Verdict: verdict, Head: head, Text: text}))
}

// isOwn reports whether by opened a proposal or wrote one of its commits.
func (s *Service) isOwn(ctx context.Context, by content.Actor, p *content.Proposal) (bool, error) {
	authors, err := s.authors(ctx, p)
	if err != nil {
		return false, err
	}
	return isAmong(by.Person, authors) || slices.ContainsFunc(authors, func(a content.Person) bool { return same(by, a) }), nil
}

// authors are those who opened a proposal or had a hand in a commit of it: also who
// committed what is said to be somebody else's.
func (s *Service) authors(ctx context.Context, p *content.Proposal) ([]content.Person, error) {
	out := []content.Person{p.Author}
	tip, err := s.tip(ctx, p)
	if err != nil {
		return nil, err
	}
	for c, err := range s.between(ctx, tip, gitrepo.Hash(p.Head)) {
		if err != nil {
			return nil, fmt.Errorf("walk the proposal: %w", err)
		}
		for _, who := range []gitrepo.Signature{c.Author, c.Committer} {
			out = append(out, content.Person{Name: who.Name, Email: who.Email})
		}
		out = append(out, coAuthors(c.Message)...)
	}
	return out, nil
}

// coAuthors are those whom a message names as such, wherever it does: whether Git would
// take the line for a trailer says nothing about who had a hand in it.
func coAuthors(message string) []content.Person {
	var out []content.Person
	for line := range strings.Lines(message) {
		key, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(strings.TrimSpace(key), "Co-authored-by") {
			continue
		}
		name, rest, _ := strings.Cut(value, "<")
		email, _, _ := strings.Cut(rest, ">")
		out = append(out, content.Person{Name: strings.TrimSpace(name), Email: strings.TrimSpace(email)})
	}
	return out
}

// Close ends a proposal without merging it; Reopen takes that back.
func (s *Service) Close(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	p, err := s.open(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := mayTouch(by, p, "close a proposal"); err != nil {
		return nil, err
	}
	return s.done(s.forge.Close(ctx, by, number))
}

// Reopen opens a proposal that was closed.
func (s *Service) Reopen(ctx context.Context, by content.Actor, number int) (*content.Proposal, error) {
	p, err := s.Proposal(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := mayTouch(by, p, "reopen a proposal"); err != nil {
		return nil, err
	}
	if p.State != content.ProposalClosed {
		return nil, &content.Refusal{Reason: content.RefusedState, Message: fmt.Sprintf("proposal %d is %s, not closed", number, strings.ToLower(string(p.State)))}
	}
	return s.done(s.forge.Reopen(ctx, by, number))
}
