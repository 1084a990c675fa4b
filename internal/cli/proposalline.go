package cli

import (
	"encoding/json"

	"github.com/koonti/koonti/internal/content"
)

// proposalLine is a proposal as programs get it. A member that has nothing to say is left
// out, but for lists of what people did.
type proposalLine struct {
	Number      int                   `json:"number"`
	Title       string                `json:"title"`
	Description string                `json:"description,omitempty"`
	State       content.ProposalState `json:"state"`
	Author      personLine            `json:"author"`
	Branch      string                `json:"branch"`
	Target      string                `json:"target"`
	Head        content.Hash          `json:"head"`
	Base        content.Hash          `json:"base"`
	MergedAs    content.Hash          `json:"mergedAs,omitempty"`
	OpenedAt    string                `json:"openedAt"`
	UpdatedAt   string                `json:"updatedAt"`
	Requested   []string              `json:"requested,omitempty"`
	Records     []string              `json:"records"`
	Files       []proposalFileLine    `json:"files,omitempty"`
	Reviews     []reviewLine          `json:"reviews"`
	Comments    []commentLine         `json:"comments"`
	*reportLine
}

// proposalFileLine is a file that is no record.
type proposalFileLine struct {
	Path string             `json:"path"`
	Kind content.ChangeKind `json:"kind"`
}

// reportLine is what was found out about a proposal that is open.
type reportLine struct {
	Mergeable bool           `json:"mergeable"`
	Checks    []checkLine    `json:"checks"`
	Conflicts []conflictLine `json:"conflicts"`
}

type reviewLine struct {
	Person  personLine      `json:"person"`
	Verdict content.Verdict `json:"verdict"`
	Text    string          `json:"text,omitempty"`
	Head    content.Hash    `json:"head"`
	Stale   bool            `json:"stale,omitempty"`
	At      string          `json:"at"`
}

type commentLine struct {
	Person personLine `json:"person"`
	Text   string     `json:"text"`
	At     string     `json:"at"`
}

type checkLine struct {
	Name     content.CheckName   `json:"name"`
	Status   content.CheckStatus `json:"status"`
	Summary  string              `json:"summary"`
	Problems []problemLine       `json:"problems,omitempty"`
	Known    []problemLine       `json:"known,omitempty"`
	API      []apiLine           `json:"api,omitempty"`
	Missing  []string            `json:"missing,omitempty"`
}

type conflictLine struct {
	Path   string          `json:"path"`
	Record string          `json:"record,omitempty"`
	Field  content.Pointer `json:"field"`
	Base   json.RawMessage `json:"base,omitempty"`
	Ours   json.RawMessage `json:"ours,omitempty"`
	Theirs json.RawMessage `json:"theirs,omitempty"`
}

func newProposalLine(p *content.Proposal, records []content.Ref, report *content.ProposalReport, lang content.Language) proposalLine {
	l := proposalLine{
		Number: p.Number, Title: p.Title, Description: p.Description, State: p.State, Author: newPersonLine(p.Author), Branch: p.Branch, Target: p.Target,
		Head: p.Head, Base: p.Base, MergedAs: p.MergedAs, OpenedAt: stamped(p.OpenedAt), UpdatedAt: stamped(p.UpdatedAt), Requested: p.Requested,
		Records: []string{}, Reviews: []reviewLine{}, Comments: []commentLine{},
	}
	for _, ref := range records {
		l.Records = append(l.Records, ref.String())
	}
	for _, r := range p.Reviews {
		l.Reviews = append(l.Reviews, reviewLine{newPersonLine(r.Person), r.Verdict, r.Text, r.Head, r.Stale, stamped(r.At)})
	}
	for _, c := range p.Comments {
		l.Comments = append(l.Comments, commentLine{newPersonLine(c.Person), c.Text, stamped(c.At)})
	}
	if report == nil {
		return l
	}
	for _, f := range report.Files {
		l.Files = append(l.Files, proposalFileLine(f))
	}
	if p.State == content.ProposalOpen {
		l.reportLine = newReportLine(report, lang)
	}
	return l
}

func newReportLine(report *content.ProposalReport, lang content.Language) *reportLine {
	l := &reportLine{Mergeable: report.Mergeable, Checks: []checkLine{}, Conflicts: []conflictLine{}}
	for _, c := range report.Checks {
		line := checkLine{Name: c.Name, Status: c.Status, Summary: c.Summary[lang], Problems: problemLines(c.Problems, lang), Known: problemLines(c.Known, lang), Missing: c.Missing}
		for _, change := range c.API {
			line.API = append(line.API, apiLine(change))
		}
		l.Checks = append(l.Checks, line)
	}
	for _, c := range report.Conflicts {
		line := conflictLine{Path: c.Path, Field: c.Field, Base: raw(c.Base), Ours: raw(c.Ours), Theirs: raw(c.Theirs)}
		if c.Record != nil {
			line.Record = c.Record.String()
		}
		l.Conflicts = append(l.Conflicts, line)
	}
	return l
}

func problemLines(problems []content.Problem, lang content.Language) []problemLine {
	var lines []problemLine
	for _, p := range problems {
		lines = append(lines, newProblemLine(p, lang))
	}
	return lines
}
