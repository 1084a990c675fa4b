package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// lineKey is what one change has for itself: a commit tells of a path once, and once more
// where it overruled it.
type lineKey struct {
	commit    content.Hash
	path      string
	overruled bool
}

func keyOf(l *changeLine) lineKey {
	return lineKey{l.Commit, l.Path, l.Kind == content.Overruled}
}

// compareTold holds lines against what is told of their head here: what only messages and
// merges say could be left out of an export without any blob being wrong. findings are by
// line; missing are the overrulings that no line has, which blobs alone do not show.
func (a *app) compareTold(ctx context.Context, lines exportedLines) (findings map[int]string, missing []string, err error) {
	o, err := a.audited(ctx, pastFlags{ref: string(lines.head())}, false)
	if err != nil {
		return nil, nil, err
	}
	defer o.Close()
	said := map[lineKey]int{}
	findings = map[int]string{}
	for i, l := range lines {
		if l.changeLine == nil {
			continue
		}
		if _, twice := said[keyOf(l.changeLine)]; !twice { // that it is there twice is told by the check
			said[keyOf(l.changeLine)] = i
			findings[l.number] = "the past of " + gitrepo.Hash(lines.head()).Short() + " has no such change"
		}
	}
	err = o.export(ctx, content.ChangeQuery{Formatting: true}, func(told *changeLine) error {
		i, ok := said[keyOf(told)]
		switch {
		case ok:
			l := lines[i]
			delete(findings, l.number)
			if what := unlike(l.changeLine, told); what != "" {
				findings[l.number] = what + ": not what 'koonti audit export' tells of this change"
			}
		case told.Kind == content.Overruled:
			missing = append(missing, overruledText(gitrepo.Hash(told.Commit).Short(), told.Path, told.Before))
		}
		return nil
	})
	return findings, missing, err
}

// overruledText says that an overruling is missing.
func overruledText(commit, path string, side content.Hash) string {
	return commit + " overruled " + path + " of " + short(side) + ", which is missing"
}

// unlike names the first member in which two lines of one change differ; "" for none. The
// reviews of a forge are not looked at: they may have come since.
func unlike(said, told *changeLine) string {
	inMessages := func(l *changeLine) string {
		var out []string
		for _, a := range l.Approvals {
			if !strings.HasPrefix(a.Source, "review") {
				out = append(out, fmt.Sprint(a.personLine, a.Source))
			}
		}
		slices.Sort(out)
		return strings.Join(out, "\n")
	}
	for _, member := range []struct {
		name string
		of   func(*changeLine) string
	}{
		{"kind", func(l *changeLine) string { return string(l.Kind) }},
		{"formerPath", func(l *changeLine) string { return l.FormerPath }},
		{"before", func(l *changeLine) string { return string(l.Before) }},
		{"after", func(l *changeLine) string { return string(l.After) }},
		{"subject", func(l *changeLine) string { return l.Subject }},
		{"pullRequest", func(l *changeLine) string { return pullRequestText(l.PullRequest) }},
		{"coAuthors", func(l *changeLine) string { return fmt.Sprint(l.CoAuthors) }},
		{"approvals", inMessages},
		{"fields", fieldsText},
	} {
		if member.of(said) != member.of(told) {
			return member.name
		}
	}
	return ""
}

func pullRequestText(pr *pullRequestLine) string {
	if pr == nil {
		return ""
	}
	return fmt.Sprint(*pr)
}

// fieldsText is all fields of a line, with values as they are written here.
func fieldsText(l *changeLine) string {
	var b strings.Builder
	for _, f := range l.Fields {
		fmt.Fprintf(&b, "%s %s", f.Field, f.Parent)
		for _, side := range [][]byte{f.Before, f.After} {
			if v, err := content.Parse(string(side)); err == nil {
				side = v.AppendJSON(nil)
			}
			fmt.Fprintf(&b, "\t%s", side)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
