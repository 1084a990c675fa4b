package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Bounds of what is written for the text of a pull request: forges take some 65,000
// characters.
const (
	markdownBytes = 60_000
	markdownTable = 10_000 // bytes of the values of one record
	markdownValue = 300    // characters
	// markdownAround is how many characters are kept around what changed in a text.
	markdownAround = 40
)

// markdown collects the text for a pull request: GitHub Flavored Markdown, as GitLab and
// Gitea read it too.
type markdown struct {
	strings.Builder
	left int // out: parts that there was no room for
}

// add adds a part if there is room, and counts it else.
func (m *markdown) add(part string) {
	if m.left > 0 || m.Len()+len(part) > markdownBytes {
		m.left++
		return
	}
	m.WriteString(part)
}

// finish writes all to w, and says how much is not shown.
func (m *markdown) finish(w io.Writer, thing string) error {
	text := m.String()
	if m.left > 0 {
		text += fmt.Sprintf("\n… and %s.\n", counted(m.left, "more "+thing))
	}
	if _, err := io.WriteString(w, strings.TrimLeft(text, "\n")); err != nil {
		return fmt.Errorf("write the text: %w", err)
	}
	return nil
}

// md writes a text so that Markdown shows it as it is. A space without width keeps forges
// from telling the person behind an @, and from linking what has the number behind a #
// or !.
func md(text string) string {
	const apart = "&#8203;"
	var b strings.Builder
	runes := []rune(harmless(text, "\n\r\t"))
	for i, r := range runes {
		next := ' '
		if i+1 < len(runes) {
			next = runes[i+1]
		}
		switch {
		case r == '\n':
			b.WriteString("<br>")
		case r == '\t', r == '\r':
			b.WriteByte(' ')
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_[]|~$#", r):
			b.WriteString("\\" + string(r))
		default:
			b.WriteRune(r)
		}
		if r == '@' && next != ' ' || (r == '#' || r == '!') && unicode.IsDigit(next) {
			b.WriteString(apart)
		}
	}
	return b.String()
}

// mdCode writes a text as code: in a cell of a table a | needs an escape there too.
func mdCode(text string, cell bool) string {
	text = plain(text)
	fence, run := "`", 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		if run >= len(fence) {
			fence += "`"
		}
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || strings.TrimSpace(text) != text {
		text = " " + text + " "
	}
	if cell {
		text = strings.ReplaceAll(text, "|", `\|`)
	}
	return fence + text + fence
}

// mdFields is a table of values before and after.
func mdFields(fields []content.FieldChange) string {
	if len(fields) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| field | before | after |\n| --- | --- | --- |\n")
	for i, f := range fields {
		if b.Len() > markdownTable {
			fmt.Fprintf(&b, "\n… and %s.\n", counted(len(fields)-i, "more field"))
			break
		}
		before, after := mdValue(f.Before), mdValue(f.After)
		if isText(f.Before) && isText(f.After) {
			before, after = mdWords(f.Before.Text, f.After.Text)
		}
		place := mdCode(clip(placeName(f.Pointer), markdownValue), true)
		if f.Parent != "" {
			place += " (as " + gitrepo.Hash(f.Parent).Short() + " had it)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", place, before, after)
	}
	return b.String()
}

// mdValue is a value in a cell; nothing where there is none.
func mdValue(v *content.Value) string {
	switch {
	case v == nil:
		return ""
	case isText(v):
		return md(clip(v.Text, markdownValue))
	}
	return mdCode(clip(string(v.AppendJSON(nil)), markdownValue), true)
}

// mdWords are two texts in cells, what differs marked, and of what is the same only what
// stands around it.
func mdWords(before, after string) (was, is string) {
	var b, a strings.Builder
	room := 2 * markdownValue
	words := content.Words(before, after)
	for i, w := range words {
		if room <= 0 {
			b.WriteString(" …")
			a.WriteString(" …")
			break
		}
		text := clip(w.Text, markdownValue)
		switch w.Kind {
		case content.WordSame:
			text = around(w.Text, i > 0, i < len(words)-1)
			b.WriteString(md(text))
			a.WriteString(md(text))
		case content.WordRemoved:
			b.WriteString("<del>" + md(text) + "</del>")
		default:
			a.WriteString("<ins>" + md(text) + "</ins>")
		}
		room -= utf8.RuneCountInString(text)
	}
	return b.String(), a.String()
}

// around shortens what is the same in two texts to what stands next to a difference.
func around(text string, before, after bool) string {
	runes := []rune(text)
	switch {
	case before && after && len(runes) > 2*markdownAround+3:
		return string(runes[:markdownAround]) + " … " + string(runes[len(runes)-markdownAround:])
	case before && !after && len(runes) > markdownAround+2:
		return string(runes[:markdownAround]) + " …"
	case after && !before && len(runes) > markdownAround+2:
		return "… " + string(runes[len(runes)-markdownAround:])
	case !before && !after:
		return clip(text, markdownValue)
	}
	return text
}

// clip cuts a text to so many characters.
func clip(text string, most int) string {
	n := 0
	for i := range text {
		if n++; n > most {
			return text[:i] + "…"
		}
	}
	return text
}

// markdownLog lists changes by commit.
func (a *app) markdownLog(ctx context.Context, o *remembered, q content.ChangeQuery, patch bool) error {
	var m markdown
	t := &teller{past: o.past}
	var last *content.Change
	for c, err := range o.changes(ctx, q) {
		if err != nil {
			return err
		}
		if m.left > 0 {
			m.left++
			continue
		}
		part := ""
		if last == nil || last.Commit != c.Commit {
			commit, err := t.commitOf(ctx, &c)
			if err != nil {
				return err
			}
			part = mdCommit(&c, commit)
		}
		if patch && part == "" {
			part = "\n"
		}
		part += "- " + mdChange(&c, !patch) + "\n"
		if patch {
			fields, err := o.past.Fields(ctx, &c)
			if err != nil {
				return err
			}
			if table := mdFields(fields); table != "" {
				part += "\n" + table
			}
		}
		m.add(part)
		last = &c
	}
	return m.finish(a.Out, "change")
}

// mdCommit is the heading of a commit.
func mdCommit(c *content.Change, commit *content.Commit) string {
	if commit == nil {
		return "### Not committed yet\n\n"
	}
	words := []string{mdCode(gitrepo.Hash(commit.Hash).Short(), false), minute(commit.CommittedAt), md(person(commit.Author))}
	if c.PullRequest != nil {
		words = append(words, fmt.Sprintf("#%d", c.PullRequest.Number))
	}
	for _, note := range notes(c, commit) {
		if strings.HasPrefix(note, "approved by ") || strings.HasPrefix(note, "signature: ") {
			words = append(words, md(note))
		}
	}
	return fmt.Sprintf("\n### %s\n\n%s\n\n", md(clip(commit.Subject, markdownValue)), strings.Join(words, ", "))
}

// mdChange says on one line what happened to a record.
func mdChange(c *content.Change, places bool) string {
	text := strings.ToLower(string(c.Kind)) + " " + mdCode(c.Ref.String(), false)
	if c.Was != nil {
		text += " (was " + mdCode(c.Was.Ref.String(), false) + ")"
	}
	if c.Unreadable {
		return text + ": no strict JSON, so that its values are not known"
	}
	if !places || c.Kind == content.Created || c.Kind == content.Deleted || len(c.Fields) == 0 {
		return text
	}
	var names []string
	for _, f := range c.Fields[:min(len(c.Fields), placesShown)] {
		names = append(names, mdCode(placeName(f), false))
	}
	if more := len(c.Fields) - placesShown; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return text + ": " + strings.Join(names, ", ")
}
