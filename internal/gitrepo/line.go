package gitrepo

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// line is the line of first parents of the commit last asked about, as far
// back as was asked: when each was committed.
type line struct {
	mu    sync.Mutex // guards steps; held while reading
	steps []lineStep // newest first
}

type lineStep struct {
	hash Hash
	when int64 // committer's time, in seconds
	next Hash  // first parent, "" at the beginning
	err  error // ErrShallow where the past is cut off
}

// at returns the newest commit on the line from head that was committed at or
// before a time.
func (l *line) at(ctx context.Context, r *Repo, head Hash, when time.Time) (Hash, error) {
	if head == "" {
		return "", fmt.Errorf("%w: nothing is served yet", ErrNotFound)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.aim(ctx, r, head); err != nil {
		return "", err
	}
	for i := 0; ; i++ {
		if i == len(l.steps) {
			more, err := l.grow(ctx, r)
			if err != nil {
				return "", err
			}
			if !more {
				return "", fmt.Errorf("%w: the first commit is newer than %s", ErrNotFound, when.Format(time.RFC3339))
			}
		}
		if l.steps[i].when <= when.Unix() {
			return l.steps[i].hash, nil
		}
	}
}

// aim makes the line begin at head: it puts what is new in front of it, or
// cuts off what a forced push left behind.
func (l *line) aim(ctx context.Context, r *Repo, head Hash) error {
	if len(l.steps) > 0 && l.steps[0].hash == head {
		return nil
	}
	place := make(map[Hash]int, len(l.steps))
	for i, s := range l.steps {
		place[s.hash] = i
	}
	var fresh []lineStep
	for h := head; ; {
		if i, ok := place[h]; ok {
			l.steps = append(fresh, l.steps[i:]...)
			return nil
		}
		s, err := readStep(ctx, r, h)
		if err != nil {
			return err
		}
		fresh = append(fresh, s)
		// With nothing to meet, the rest is read when it is asked for.
		if h = s.next; h == "" || len(place) == 0 {
			l.steps = fresh
			return nil
		}
	}
}

// grow reads one more commit at the old end.
func (l *line) grow(ctx context.Context, r *Repo) (bool, error) {
	last := &l.steps[len(l.steps)-1]
	if last.err != nil { // the clone may have been deepened since
		s, err := readStep(ctx, r, last.hash)
		if err != nil {
			return false, err
		}
		*last = s
	}
	if last.next == "" {
		return false, last.err
	}
	s, err := readStep(ctx, r, last.next)
	if err != nil {
		return false, err
	}
	l.steps = append(l.steps, s)
	return true, nil
}

func readStep(ctx context.Context, r *Repo, h Hash) (lineStep, error) {
	c, err := r.Commit(ctx, h)
	if err != nil {
		return lineStep{}, err
	}
	next, cut := c.firstParent()
	return lineStep{h, c.Committer.When.Unix(), next, cut}, nil
}
