package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// runAPIDiff is koonti diff --api.
func (a *app) runAPIDiff(ctx context.Context, args []string, form formatFlag, noPager bool) error {
	format, err := form.form(formats)
	if err != nil {
		return err
	}
	changes, err := a.apiChanges(ctx, args)
	if err != nil {
		return err
	}
	switch format {
	case "json":
		return a.apiJSON(changes)
	case "markdown":
		return a.apiMarkdown(changes)
	}
	s := a.screen(noPager)
	return s.end(s.apiChanges(changes))
}

// apiChanges compares the types of the revisions that the arguments name.
func (a *app) apiChanges(ctx context.Context, args []string) ([]content.APIChange, error) {
	repo, err := a.openOwn()
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	outside, err := a.outside()
	if err != nil {
		return nil, err
	}
	cfg := catalog.Config{Repo: repo, Model: outside}
	from, to, parted := span(args)
	if parted {
		if from, err = a.partedAt(ctx, repo, from, to); err != nil {
			return nil, err
		}
	}
	older, err := modelAt(ctx, cfg, from)
	if err != nil {
		return nil, err
	}
	newer, err := modelAt(ctx, cfg, to)
	if err != nil {
		return nil, err
	}
	return graphql.Compare(older, newer)
}

// partedAt is where two revisions parted; "" is HEAD.
func (a *app) partedAt(ctx context.Context, repo *gitrepo.Repo, from, to string) (string, error) {
	_, head, err := repo.Head(ctx)
	if err != nil {
		return "", err
	}
	older, err := repo.Resolve(ctx, from, head)
	if err != nil {
		return "", err
	}
	newer := head
	if to != "" {
		if newer, err = repo.Resolve(ctx, to, head); err != nil {
			return "", err
		}
	}
	return a.mergeBase(ctx, repo, from, older, newer)
}

// modelAt is catalog.ModelAt with what to do where there are no types.
func modelAt(ctx context.Context, cfg catalog.Config, revision string) (*content.Model, error) {
	m, err := catalog.ModelAt(ctx, cfg, revision)
	name, where := "the work tree", ""
	if revision != "" {
		name, where = revision, " --ref "+revision
	}
	if errors.Is(err, content.ErrInvalid) {
		return nil, &hintError{fmt.Errorf("the types of %s: %w", name, err), "Run 'koonti check" + where + "' to see all that is wrong with it."}
	}
	return m, err
}

// apiLine is a change of the types, as programs get it.
type apiLine struct {
	Severity   content.APISeverity `json:"severity"`
	Coordinate string              `json:"coordinate"`
	Message    string              `json:"message"`
}

func (a *app) apiJSON(changes []content.APIChange) error {
	encoder := jsonLines(a.Out)
	for _, c := range changes {
		if err := encoder.Encode(apiLine(c)); err != nil {
			return fmt.Errorf("write the changes: %w", err)
		}
	}
	return nil
}

var severityInks = map[content.APISeverity]ink{content.APIBreaking: red, content.APIDangerous: yellow, content.APISafe: green}

func (s *screen) apiChanges(changes []content.APIChange) error {
	for _, c := range changes {
		severity := s.paint(severityInks[c.Severity], pad(strings.ToLower(string(c.Severity)), len("dangerous")))
		if _, err := fmt.Fprintf(s, "%s %s\n          %s\n", severity, s.paint(bold, plain(c.Coordinate)), plain(c.Message)); err != nil {
			return err
		}
	}
	if len(changes) > 0 {
		fmt.Fprintln(s)
	}
	_, err := fmt.Fprintln(s, apiSummary(changes))
	return err
}

// apiMarkdown writes a summary and a table, the worst first.
func (a *app) apiMarkdown(changes []content.APIChange) error {
	var m markdown
	m.add(apiSummary(changes) + "\n")
	for i, c := range changes {
		row := ""
		if i == 0 {
			row = "\n| | Where | What |\n|---|---|---|\n"
		}
		m.add(row + fmt.Sprintf("| %s | %s | %s |\n", strings.ToLower(string(c.Severity)), mdCode(c.Coordinate, true), md(c.Message)))
	}
	return m.finish(a.Out, "change")
}

// apiSummary counts the changes by severity.
func apiSummary(changes []content.APIChange) string {
	if len(changes) == 0 {
		return "The GraphQL types are the same."
	}
	counts := map[content.APISeverity]int{}
	for _, c := range changes {
		counts[c.Severity]++
	}
	var words []string
	for _, severity := range content.APISeverities {
		if n := counts[severity]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, strings.ToLower(string(severity))))
		}
	}
	return fmt.Sprintf("The GraphQL types have %s: %s.", counted(len(changes), "change"), strings.Join(words, ", "))
}
