package proposal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// tellTime bounds how long Run is busy with one proposal.
const tellTime = 2 * time.Minute

// Wake has Run look at once for what happened. It never blocks.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run follows what happens to proposals until ctx ends, and then returns nil. It has one
// caller.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.cfg.Poll)
	defer ticker.Stop()
	for {
		s.follow(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-s.wake:
		}
	}
}

// follow looks once. What fails is told once, and tried again at the next look.
func (s *Service) follow(ctx context.Context) {
	news, err := s.forge.Sync(ctx)
	if err == nil && len(news) > 0 && s.cfg.News != nil {
		s.cfg.News(news)
	}
	if err == nil {
		err = s.learn(ctx)
	}
	if err == nil && s.cfg.Summary != nil {
		err = s.tellAll(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case err == nil:
		s.failing = ""
	case s.failing != err.Error():
		s.failing = err.Error()
		s.log.Warn("proposals cannot be followed", "err", err)
	}
}

// Approvals returns the approvals of the proposal that was merged as a commit, by what was
// last followed; none for any other commit. It does not wait. The caller must not change
// the list.
func (s *Service) Approvals(merge content.Hash) []content.Approval {
	if known := s.approvals.Load(); known != nil {
		return (*known)[merge]
	}
	return nil
}

// learn takes note of who approved what was merged.
func (s *Service) learn(ctx context.Context) error {
	list, err := s.forge.List(ctx)
	if err != nil {
		return err
	}
	known := map[content.Hash][]content.Approval{}
	for _, p := range list {
		if p.State != content.ProposalMerged || p.MergedAs == "" {
			continue
		}
		for _, r := range p.Reviews {
			if r.Verdict == content.VerdictApproved && !r.Stale {
				known[p.MergedAs] = append(known[p.MergedAs], content.Approval{Person: r.Person, At: r.At, Source: "review"})
			}
		}
	}
	s.approvals.Store(&known)
	return nil
}

// tellAll shows on the forge what was found out about the open proposals, each once for
// each head, target and approval. One of which that cannot be shown keeps none of the
// others back.
func (s *Service) tellAll(ctx context.Context) error {
	page, err := s.Proposals(ctx, content.ProposalQuery{State: content.ProposalOpen})
	if err != nil {
		return err
	}
	var failed error
	for _, p := range page.Proposals {
		if err := s.tell(ctx, p); err != nil {
			failed = errors.Join(failed, fmt.Errorf("tell of proposal %d: %w", p.Number, err))
		}
	}
	return failed
}

// telling is all that what is told of a proposal depends on.
type telling struct {
	reportKey
	// verdicts are those that count, which others may have waited for.
	verdicts string
}

// tell shows what was found out about one proposal. Anybody may have made it: what a
// library panics on ends that one, and not the process.
func (s *Service) tell(ctx context.Context, p *content.Proposal) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	tip, err := s.repo.Ref(ctx, p.Target)
	if err != nil {
		return err
	}
	now := telling{reportKey{p.Head, content.Hash(tip)}, verdicts(p)}
	if s.told[p.Number] == now {
		return nil
	}
	report, err := s.Report(ctx, p)
	if err != nil {
		return err
	}
	summary, err := s.cfg.Summary(ctx, p, report)
	if err != nil {
		return err
	}
	if err := s.forge.Told(ctx, p, report, summary); err != nil {
		return err
	}
	s.told[p.Number] = now
	return nil
}

// verdicts are the reviews that count, as a text to compare.
func verdicts(p *content.Proposal) string {
	var out string
	for _, r := range p.Reviews {
		if !r.Stale {
			out += fmt.Sprintln(r.Person.Name, r.Person.Email, r.Verdict)
		}
	}
	return out
}
