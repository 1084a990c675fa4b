package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Status is how the catalog is doing, for readiness and metrics.
type Status struct {
	// Checked is when all was last looked at and found, or made, up to date.
	Checked time.Time
	// HeldBack is since when changes wait to be served, zero for none; Reason says
	// what for.
	HeldBack time.Time
	Reason   string
	// Fetched is when the remote last answered; FetchError why it does not now.
	Fetched    time.Time
	FetchError string
}

// Status returns the newest status.
func (c *Catalog) Status() Status { return *c.status.Load() }

func (c *Catalog) setStatus(change func(*Status)) {
	for {
		old := c.status.Load()
		status := *old
		change(&status)
		if c.status.CompareAndSwap(old, &status) {
			return
		}
	}
}

func (c *Catalog) succeeded() {
	held := c.Status().HeldBack
	c.setStatus(func(s *Status) { s.Checked, s.HeldBack, s.Reason = c.cfg.Now(), time.Time{}, "" })
	if !held.IsZero() {
		c.cfg.Logger.Info("no longer held back", "took", c.cfg.Now().Sub(held))
	}
}

// failed notes that what is there now cannot be served; the old view goes on.
func (c *Catalog) failed(err error) { c.holdBack(err.Error()) }

func (c *Catalog) holdBack(reason string) {
	if c.Status().HeldBack.IsZero() {
		c.cfg.Logger.Warn("held back: serving what was before", "err", reason)
		c.setStatus(func(s *Status) { s.HeldBack = c.cfg.Now() })
	}
	c.setStatus(func(s *Status) { s.Reason = reason })
}

// logged bounds how many problems of one view are logged one by one.
const logged = 20

func (c *Catalog) logPublished(old, view *content.View, started time.Time) {
	log := c.cfg.Logger
	log.Info("view published", "commit", string(view.Commit), "ref", view.Ref, "records", view.Snapshot.Count(),
		"problems", len(view.Problems), "took", c.cfg.Now().Sub(started))
	before := map[problemKey]content.Problem{}
	if old != nil {
		for _, p := range old.Problems {
			before[keyOf(p)] = p
		}
	}
	var found, mended []content.Problem
	for _, p := range view.Problems {
		if _, was := before[keyOf(p)]; !was {
			found = append(found, p)
		}
		delete(before, keyOf(p))
	}
	if old != nil {
		for _, p := range old.Problems {
			if _, gone := before[keyOf(p)]; gone {
				mended = append(mended, p)
			}
		}
	}
	logProblems(log, slog.LevelWarn, "problem found", found)
	logProblems(log, slog.LevelInfo, "problem mended", mended)
}

// problemKey tells problems apart whatever moves them up or down in their file.
type problemKey struct {
	path    string
	pointer content.Pointer
	rule    string
}

func keyOf(p content.Problem) problemKey { return problemKey{p.Path, p.Pointer, p.Rule} }

func logProblems(log *slog.Logger, level slog.Level, message string, problems []content.Problem) {
	for i, p := range problems {
		if i == logged {
			log.Log(context.Background(), level, message, "more", len(problems)-logged)
			return
		}
		log.Log(context.Background(), level, message, "path", p.Path, "line", p.Line, "column", p.Column,
			"rule", p.Rule, "text", p.Message("en"))
	}
}

// Ready finds the tree of the commit served on disk, as proof that the repository can be
// read. The error is for the log.
func (c *Catalog) Ready(ctx context.Context) error {
	hash := gitrepo.Hash(c.Current().Commit)
	if hash == "" {
		return nil
	}
	commit, err := c.repo.Commit(ctx, hash)
	if err == nil {
		err = c.repo.Probe(ctx, commit.Tree)
	}
	if err != nil {
		return fmt.Errorf("read the tree of %s: %w", hash, err)
	}
	return nil
}
