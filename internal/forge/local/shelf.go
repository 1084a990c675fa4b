package local

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// shelf keeps the chains as they were last read. A chain is of a value of its ref, so it
// is never wrong, only old.
type shelf struct {
	mu     sync.Mutex // guards the rest
	chains map[int]*chain
	whole  bool                // all that there are were read
	sorted []*content.Proposal // those that can be read, the newest first; nil: to be made
}

func (s *shelf) chain(number int) *chain {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chains[number]
}

// all are the chains, the lowest number first.
func (s *shelf) all() []*chain {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*chain, 0, len(s.chains))
	for _, c := range s.chains {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *chain) int { return cmp.Compare(a.number, b.number) })
	return list
}

// list are the proposals; false where not all were read yet. It is shared: not to be
// written to.
func (s *shelf) list() ([]*content.Proposal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.whole && s.sorted == nil {
		s.sorted = make([]*content.Proposal, 0, len(s.chains))
		for _, c := range s.chains {
			if c.err == nil {
				s.sorted = append(s.sorted, c.proposal)
			}
		}
		slices.SortFunc(s.sorted, func(a, b *content.Proposal) int { return cmp.Compare(b.Number, a.Number) })
	}
	return slices.Clone(s.sorted), s.whole
}

// put keeps a chain, unless a longer one that holds it was put meanwhile.
func (s *shelf) put(c *chain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(c)
}

func (s *shelf) keep(c *chain) {
	if old := s.chains[c.number]; old != nil && old.err == nil && old.tip != c.tip && old.holds(c.tip) {
		return
	}
	if s.chains == nil {
		s.chains = map[int]*chain{}
	}
	s.chains[c.number], s.sorted = c, nil
}

func (c *chain) holds(h gitrepo.Hash) bool {
	return slices.ContainsFunc(c.events, func(e event) bool { return e.hash == h })
}

// fill keeps what all refs led to, and forgets those whose ref is gone.
func (s *shelf) fill(chains []*chain, gone func(number int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range chains {
		s.keep(c)
	}
	for number := range s.chains {
		if gone(number) {
			delete(s.chains, number)
			s.sorted = nil
		}
	}
	s.whole = true
}

// refresh reads all that there is.
func (f *Forge) refresh(ctx context.Context) error {
	before := f.shelf.all()
	refs, err := f.repo.RefsUnder(ctx, dataPrefix)
	if err != nil {
		return fmt.Errorf("list proposals: %w", err)
	}
	chains := make([]*chain, len(refs))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	there := map[int]bool{}
	for i, ref := range refs {
		number, ok := parseNumber(strings.TrimPrefix(ref.Name, dataPrefix))
		if !ok {
			continue
		}
		there[number] = true
		if known := f.shelf.chain(number); known != nil && known.tip == ref.Commit && !known.again {
			continue
		}
		group.Go(func() (err error) {
			chains[i], err = f.read(inner, number, ref.Commit, f.shelf.chain(number))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("read proposals: %w", err)
	}
	chains = slices.DeleteFunc(chains, func(c *chain) bool { return c == nil })
	known := map[int]bool{} // what was put while this read was not there yet
	for _, c := range before {
		known[c.number] = true
	}
	f.shelf.fill(chains, func(number int) bool { return known[number] && !there[number] })
	return nil
}

// parseNumber reads a number as it is written in a ref; 0 and false where it is none.
func parseNumber(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxNumber || strconv.Itoa(n) != text {
		return 0, false
	}
	return n, true
}
