package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Status is how the catalog is doing, for readiness and metrics.
type Status struct {
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
	c.setStatus(func(s *Status) { s.HeldBack, s.Reason = time.Time{}, "" })
	if !held.IsZero() {
		c.cfg.Logger.Info("no longer held back", "took", c.cfg.Now().Sub(held))
	}
}

// failed notes that what is there now cannot be served; the old view goes on.
func (c *Catalog) failed(err error) {
	if c.current.Load() == nil || errors.Is(err, errMoved) {
		return // nothing is being served yet, or it is tried again at once
	}
	var unusable *ModelUnusableError
	if errors.As(err, &unusable) {
		c.holdBack(err.Error(), unusable.Problems)
		return
	}
	c.holdBack(err.Error(), nil)
}

// toldAfter is how long something is held back before readers are told: what Git
// does in passing is nobody's problem.
const toldAfter = time.Second

// holdBack notes why what is there now is not served. After a while the view being
// served is told of it, too: its copy has the problems besides its own.
func (c *Catalog) holdBack(reason string, problems []content.Problem) {
	if c.Status().HeldBack.IsZero() {
		c.cfg.Logger.Warn("held back: serving what was before", "err", reason)
		c.setStatus(func(s *Status) { s.HeldBack = c.cfg.Now() })
	}
	c.setStatus(func(s *Status) { s.Reason = reason })
	if c.cfg.Now().Sub(c.Status().HeldBack) < toldAfter && !slices.ContainsFunc(problems, func(p content.Problem) bool { return p.Line > 0 }) {
		return
	}
	key := c.built.Key + " held back: " + problemsKey(problems)
	if c.current.Load().Key == key {
		return
	}
	view := *c.built
	view.Key, view.Problems = key, content.SortProblems(append(slices.Clone(view.Problems), problems...))
	c.current.Store(&view)
}

// logged bounds how many problems of one view are logged one by one.
const logged = 20

func (c *Catalog) logPublished(old, view *content.View, started time.Time) {
	log := c.cfg.Logger
	log.Info("view published", "commit", string(view.Commit), "ref", view.Ref, "records", view.Snapshot.Count(),
		"problems", len(view.Problems), "took", c.cfg.Now().Sub(started))
	var before []content.Problem
	if old != nil {
		before = old.Problems
	}
	found, _ := content.NewProblems(before, view.Problems)
	mended, _ := content.NewProblems(view.Problems, before)
	logProblems(log, slog.LevelWarn, "problem found", found)
	logProblems(log, slog.LevelInfo, "problem mended", mended)
}

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
