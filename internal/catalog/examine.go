package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Report is what an examination found.
type Report struct {
	// Problems is sorted.
	Problems []content.Problem
	// Records counts the files that are records, valid or not.
	Records int
	// Model is nil where the model itself cannot be used.
	Model *content.Model
	// Snapshot holds the records with the bytes they have, whether valid or not.
	Snapshot *content.Snapshot

	tree tree
}

// Source returns the text of a file that was examined, for showing the line of a
// problem; "" where there is none.
func (r *Report) Source(ctx context.Context, path string) string {
	blob, err := r.tree.blob(ctx, path)
	if err != nil {
		return ""
	}
	text, err := r.tree.read(ctx, path, blob)
	if err != nil {
		return ""
	}
	return text
}

// Examine checks a revision, or the work tree where revision is "", by its own
// model and schemas alone: nothing is replaced by an older version. A model that
// cannot be used is a finding; the error is for what kept us from looking.
func Examine(ctx context.Context, cfg Config, revision string) (*Report, error) {
	c := &Catalog{cfg: cfg.withDefaults(), repo: cfg.Repo}
	b := newBuilder(cfg.Repo, cfg.Model)
	t, err := c.examined(ctx, revision)
	if err != nil {
		return nil, err
	}
	report := &Report{tree: t}
	compiled, err := b.compiler.served(ctx, t, "")
	var unusable *ModelUnusableError
	if errors.As(err, &unusable) {
		report.Problems = content.SortProblems(unusable.Problems)
		return report, nil
	}
	if err != nil {
		return nil, err
	}
	m := &material{tree: t, compiled: compiled}
	files, err := t.list(ctx, placesOf(compiled.model()))
	if err != nil {
		return nil, err
	}
	if err := b.gather(ctx, m, files); err != nil {
		return nil, err
	}
	view := m.view(nil, nil)
	report.Problems, report.Records = view.Problems, len(m.located)
	report.Model, report.Snapshot = compiled.model(), view.Snapshot
	return report, nil
}

// ModelAt returns the model of a revision, or of the work tree where revision is "",
// with its shapes derived from its own schemas: what the API of that revision follows
// from. An error wraps content.ErrInvalid where the model or one of the schemas cannot
// be used, content.ErrNotFound where there is no model or no such revision.
func ModelAt(ctx context.Context, cfg Config, revision string) (*content.Model, error) {
	c := &Catalog{cfg: cfg.withDefaults(), repo: cfg.Repo}
	t, err := c.examined(ctx, revision)
	if err != nil {
		return nil, err
	}
	compiled, err := newCompiler(cfg.Repo, cfg.Model).served(ctx, t, "")
	if err != nil {
		return nil, err
	}
	for _, collection := range compiled.model().Collections {
		if compiled.schemas[collection.Name] == nil {
			return nil, fmt.Errorf("the schema %s cannot be used: %w", collection.Schema, content.ErrInvalid)
		}
	}
	return compiled.model(), nil
}

// examined is the tree to examine.
func (c *Catalog) examined(ctx context.Context, revision string) (tree, error) {
	h, err := c.head(ctx)
	if revision == "" && c.repo.WorkTree() != "" {
		if err != nil && !errors.Is(err, content.ErrNotFound) {
			return nil, err
		}
		return newScanner(c.repo).scan(ctx, h.commit.Tree)
	}
	if revision == "" && err != nil {
		return nil, err
	}
	if revision != "" {
		hash, err := c.repo.Resolve(ctx, revision, h.commit.Hash)
		if err != nil {
			return nil, publicError(err)
		}
		if h.commit, err = c.repo.Commit(ctx, hash); err != nil {
			return nil, fmt.Errorf("read commit %s: %w", hash, err)
		}
	}
	return &commitTree{repo: c.repo, root: gitrepo.Hash(h.commit.Tree)}, nil
}
