package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// toldProblems bounds how many problems a summary names of one check.
const toldProblems = 50

// summary is the text that a forge shows of a proposal: the checks with what they found,
// and what changes, record by record.
func (o *office) summary(ctx context.Context, p *content.Proposal, report *content.ProposalReport) (string, error) {
	var m markdown
	lang := o.language()
	m.add(mdChecks(report, lang))
	for _, c := range report.Conflicts {
		m.add("- " + mdCode(c.Path, false) + " " + mdCode(placeName(c.Field), false) + ": " + mdValue(c.Base) + " → " + mdValue(c.Ours) + " / " + mdValue(c.Theirs) + "\n")
	}
	d, err := o.difference(ctx, p)
	if err != nil {
		return "", err
	}
	d.files = report.Files
	m.add("\n")
	if err := d.markdown(ctx, &m); err != nil {
		return "", err
	}
	var text strings.Builder
	err = m.finish(&text, "record")
	return text.String(), err
}

// difference is what a proposal changes.
func (o *office) difference(ctx context.Context, p *content.Proposal) (*difference, error) {
	base, err := o.cat.Own(ctx, p.Base)
	if err != nil {
		return nil, err
	}
	head, err := o.cat.Own(ctx, p.Head)
	if err != nil {
		return nil, err
	}
	changes, err := o.index.Diff(ctx, base, head, nil)
	if err != nil {
		return nil, err
	}
	past, err := o.index.Past(ctx, head)
	return &difference{&remembered{view: base}, &remembered{view: head, past: past}, changes, nil}, err
}

var checkMarks = map[content.CheckStatus]string{content.CheckPassed: "✅", content.CheckWarning: "⚠️", content.CheckFailed: "❌", content.CheckPending: "⏳"}

// mdChecks is a table of checks, and below it what they found.
func mdChecks(report *content.ProposalReport, lang content.Language) string {
	var table, found strings.Builder
	table.WriteString("| | check | |\n| --- | --- | --- |\n")
	for _, c := range report.Checks {
		fmt.Fprintf(&table, "| %s | %s | %s |\n", checkMarks[c.Status], mdCode("koonti/"+string(c.Name), true), md(c.Summary[lang]))
		for i, problem := range c.Problems {
			if i == toldProblems {
				fmt.Fprintf(&found, "- … and %s\n", counted(len(c.Problems)-i, "more problem"))
				break
			}
			fmt.Fprintf(&found, "- %s %s\n", mdCode(problemPlace(problem), false), md(problem.Message(lang)))
		}
		for _, change := range c.API {
			fmt.Fprintf(&found, "- **%s** %s\n", strings.ToLower(string(change.Severity)), md(change.Message))
		}
	}
	if found.Len() > 0 {
		table.WriteString("\n")
	}
	return table.String() + found.String()
}
