package gitrepo

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"sync"
)

// reach is the set of commits that can be reached from a set of tips. It is
// walked no further than questions need, goes on where it stopped, and starts
// anew only when something it holds may no longer be reached.
type reach struct {
	mu   sync.Mutex // guards the rest; held while walking
	tips map[oid]bool
	// seen holds each commit met: true if met as the parent of another. As
	// long as every tip that was dropped is some commit's parent, everything
	// seen can still be reached: from a child one gets, again and again, to a
	// tip that is left.
	seen    map[oid]bool
	list    []oid // the keys of seen
	pending []oid // seen, their parents not yet read
	edge    []oid // seen, their parents not in this clone
}

// find returns the hashes of the commits that begin with the digits: all of
// forty digits, else up to a few more than one.
func (s *reach) find(ctx context.Context, r *Repo, tips []oid, digits string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.aim(ctx, r, tips); err != nil {
		return nil, fmt.Errorf("walk history: %w", err)
	}
	if len(digits) == 40 {
		id, err := Hash(digits).oid()
		if err != nil {
			return nil, err
		}
		return s.whole(ctx, r, id)
	}
	if err := s.walk(ctx, r, func() bool { return false }); err != nil {
		return nil, fmt.Errorf("walk history: %w", err)
	}
	return s.prefixed(digits), nil
}

// whole walks until the commit is met.
func (s *reach) whole(ctx context.Context, r *Repo, id oid) ([]string, error) {
	met := func() bool { _, ok := s.seen[id]; return ok }
	if err := s.walk(ctx, r, met); err != nil {
		return nil, fmt.Errorf("walk history: %w", err)
	}
	if !met() {
		return nil, nil
	}
	return []string{id.String()}, nil
}

func (s *reach) prefixed(digits string) []string {
	head, err := hex.DecodeString(digits[:len(digits)&^1])
	if err != nil {
		return nil
	}
	var found []string
	for i := range s.list {
		if string(s.list[i][:len(head)]) != string(head) {
			continue
		}
		if name := s.list[i].String(); strings.HasPrefix(name, digits) {
			if found = append(found, name); len(found) == maxCandidates {
				break
			}
		}
	}
	return found
}

// aim makes the set that of the tips, by extending it where that is right.
func (s *reach) aim(ctx context.Context, r *Repo, tips []oid) error {
	if !r.Shallow() { // it may have been deepened since
		s.pending, s.edge = append(s.pending, s.edge...), nil
	}
	next := make(map[oid]bool, len(tips))
	for _, id := range tips {
		next[id] = true
	}
	// Until all is walked the tips are the old and the new ones: a walk cut short
	// by its context is taken up again, and what it met is not forgotten.
	was := s.tips
	s.tips = maps.Clone(next)
	maps.Copy(s.tips, was)
	for id := range next {
		s.add(id, false)
	}
	for id := range was {
		if next[id] {
			continue
		}
		covered := func() bool { return s.seen[id] }
		if err := s.walk(ctx, r, covered); err != nil {
			return err
		}
		if !covered() {
			s.reset(next)
			return nil
		}
	}
	s.tips = next
	return nil
}

func (s *reach) reset(tips map[oid]bool) {
	s.tips, s.seen, s.list, s.pending, s.edge = tips, nil, nil, nil, nil
	for id := range tips {
		s.add(id, false)
	}
}

func (s *reach) add(id oid, asParent bool) {
	if s.seen == nil {
		s.seen = map[oid]bool{}
	}
	was, ok := s.seen[id]
	if !ok {
		s.list = append(s.list, id)
		s.pending = append(s.pending, id)
	}
	if !ok || asParent && !was {
		s.seen[id] = was || asParent
	}
}

// walk reads parents until enough, or all are read.
func (s *reach) walk(ctx context.Context, r *Repo, enough func() bool) error {
	for len(s.pending) > 0 && !enough() {
		id := s.pending[len(s.pending)-1]
		c, err := r.Commit(ctx, fromOID(id))
		if err != nil {
			return err
		}
		s.pending = s.pending[:len(s.pending)-1]
		if c.Boundary {
			s.edge = append(s.edge, id)
			continue
		}
		for _, p := range c.Parents {
			parent, err := p.oid()
			if err != nil {
				return err
			}
			s.add(parent, true)
		}
	}
	return nil
}
