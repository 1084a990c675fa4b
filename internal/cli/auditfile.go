package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// export writes lines in one of the forms; end must be called after the last.
type export struct {
	line func(*changeLine) error
	end  func() error
}

func exporter(w io.Writer, format string) (export, error) {
	buffered := bufio.NewWriterSize(w, 1<<16)
	flush := func() error {
		if err := buffered.Flush(); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
		return nil
	}
	switch format {
	case "ndjson":
		encoder := jsonLines(buffered)
		return export{func(l *changeLine) error { return encoder.Encode(l) }, flush}, nil
	case "csv":
		rows := csv.NewWriter(buffered)
		if err := rows.Write(csvColumns); err != nil {
			return export{}, err
		}
		write := func(l *changeLine) error {
			row, err := csvRow(l)
			if err != nil {
				return err
			}
			return rows.Write(row)
		}
		return export{write, func() error { rows.Flush(); return errors.Join(rows.Error(), flush()) }}, nil
	}
	return export{}, fmt.Errorf("--format %s is not known: take ndjson or csv", format)
}

// csvColumns are the columns of an export, in the order of changeLine.
var csvColumns = []string{
	"head", "commit", "parents", "step", "publishedAt", "committedAt", "authoredAt",
	"authorName", "authorEmail", "committerName", "committerEmail", "coAuthors", "subject",
	"pullRequest", "pullRequestTitle", "pullRequestUrl", "approvals",
	"kind", "collection", "id", "path", "formerPath", "before", "after", "unreadable", "fields",
}

func csvRow(l *changeLine) ([]string, error) {
	var parents []string
	for _, p := range l.Parents {
		parents = append(parents, string(p))
	}
	number, title, address := "", "", ""
	if pr := l.PullRequest; pr != nil {
		number, title, address = strconv.Itoa(pr.Number), pr.Title, pr.URL
	}
	unreadable := ""
	if l.Unreadable {
		unreadable = "true"
	}
	row := []string{
		string(l.Head), string(l.Commit), strings.Join(parents, " "), string(l.Step), l.PublishedAt, l.CommittedAt, l.AuthoredAt,
		l.Author.Name, l.Author.Email, l.Committer.Name, l.Committer.Email, "", l.Subject, number, title, address, "",
		string(l.Kind), l.Collection, l.ID, l.Path, l.FormerPath, string(l.Before), string(l.After), unreadable, "",
	}
	err := errors.Join(
		jsonCell(&row[slices.Index(csvColumns, "coAuthors")], l.CoAuthors), jsonCell(&row[slices.Index(csvColumns, "approvals")], l.Approvals),
		jsonCell(&row[slices.Index(csvColumns, "fields")], l.Fields))
	for i := range row {
		row[i] = defused(row[i])
	}
	return row, err
}

// jsonCell writes a list as JSON; an empty one as nothing.
func jsonCell[T any](cell *string, list []T) error {
	if len(list) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := jsonLines(&b).Encode(list); err != nil {
		return err
	}
	*cell = strings.TrimSuffix(b.String(), "\n")
	return nil
}

// defused keeps a spreadsheet from taking a cell for a formula (OWASP, CSV Injection); what
// begins with ' gets another, so that reading is the way back.
func defused(cell string) string {
	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'"} {
		if strings.HasPrefix(cell, first) {
			return "'" + cell
		}
	}
	return cell
}

// exported is a line of an export, with its number in the file. fault says why it is none.
type exported struct {
	*changeLine
	number int
	fault  string
}

type exportedLines []exported

// head is the commit whose past the export is of; "" where no line says so.
func (l exportedLines) head() content.Hash {
	for _, line := range l {
		if line.changeLine != nil && line.Head != "" {
			return line.Head
		}
	}
	return ""
}

// maxExport bounds an export that is read, in bytes.
const maxExport = 4 << 30

// readExport reads an export in either form. What is wrong with single lines is a finding;
// the error is for what is none at all.
func readExport(r io.Reader) (exportedLines, error) {
	in := bufio.NewReader(io.LimitReader(r, maxExport))
	first, err := in.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the export: %w", err)
	case first[0] == '{':
		return readNDJSON(in)
	}
	return readCSV(in)
}

func readNDJSON(in *bufio.Reader) (exportedLines, error) {
	var lines exportedLines
	for number := 1; ; number++ {
		text, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the export: %w", err)
		}
		if strings.TrimSpace(text) != "" {
			line := exported{number: number}
			if line.changeLine, err = parseLine(text); err != nil {
				line.fault = err.Error()
			}
			lines = append(lines, line)
		}
		if !strings.HasSuffix(text, "\n") {
			return lines, nil
		}
	}
}

func parseLine(text string) (*changeLine, error) {
	if _, err := content.Parse(strings.TrimSuffix(text, "\n")); err != nil {
		return nil, fmt.Errorf("no strict JSON: %w", err)
	}
	line := &changeLine{}
	if err := unmarshal(text, line); err != nil {
		return nil, err
	}
	return line, nil
}

// unmarshal takes nothing that an export does not have.
func unmarshal(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("not as an export has it: %w", err)
	}
	return nil
}

func readCSV(in io.Reader) (exportedLines, error) {
	rows := csv.NewReader(in)
	header, err := rows.Read()
	if err != nil || !slices.Equal(header, csvColumns) {
		return nil, &hintError{errors.New("this is no export: it begins neither with an object nor with the columns of one"), "Make one with 'koonti audit export'."}
	}
	var lines exportedLines
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			return append(lines, exported{number: wrong.StartLine, fault: "no CSV from here on: " + wrong.Err.Error()}), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the export: %w", err)
		}
		number, _ := rows.FieldPos(0)
		line := exported{number: number}
		if line.changeLine, err = parseRow(row); err != nil {
			line.fault = err.Error()
		}
		lines = append(lines, line)
	}
}

func parseRow(row []string) (*changeLine, error) {
	cell := func(column string) string {
		return strings.TrimPrefix(row[slices.Index(csvColumns, column)], "'")
	}
	l := &changeLine{
		Head: content.Hash(cell("head")), Commit: content.Hash(cell("commit")), Step: content.Hash(cell("step")),
		PublishedAt: cell("publishedAt"), CommittedAt: cell("committedAt"), AuthoredAt: cell("authoredAt"),
		Author: &personLine{cell("authorName"), cell("authorEmail")}, Committer: &personLine{cell("committerName"), cell("committerEmail")},
		Subject: cell("subject"), Kind: content.ChangeKind(cell("kind")), Collection: cell("collection"), ID: cell("id"),
		Path: cell("path"), FormerPath: cell("formerPath"), Before: content.Hash(cell("before")), After: content.Hash(cell("after")),
		Unreadable: cell("unreadable") == "true",
	}
	if text := cell("unreadable"); text != "" && text != "true" {
		return nil, fmt.Errorf("unreadable is %q, and can be true or nothing", text)
	}
	for _, p := range strings.Fields(cell("parents")) {
		l.Parents = append(l.Parents, content.Hash(p))
	}
	if number := cell("pullRequest"); number != "" {
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("pullRequest %q is no number", number)
		}
		l.PullRequest = &pullRequestLine{n, cell("pullRequestTitle"), cell("pullRequestUrl")}
	}
	for column, into := range map[string]any{"coAuthors": &l.CoAuthors, "approvals": &l.Approvals, "fields": &l.Fields} {
		text := cell(column)
		if text == "" {
			continue
		}
		if _, err := content.Parse(text); err != nil {
			return nil, fmt.Errorf("%s: no strict JSON: %w", column, err)
		}
		if err := unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("%s: %w", column, err)
		}
	}
	return l, nil
}
