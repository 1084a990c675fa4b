package cli

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/history"
)

// pastRepository is the repository that the scripts ask about.
func pastRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	stream, err := os.Open(filepath.Join("testdata", "past.export"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	c := exec.Command("git", "fast-import", "--quiet", "--done")
	c.Dir, c.Stdin = dir, stream
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	git(t, dir, "reset", "-q", "--hard")
	return dir
}

// TestExportHoldsByPlainGit does what the README shows with git and jq, by git and
// encoding/json.
func TestExportHoldsByPlainGit(t *testing.T) {
	t.Setenv("TZ", "UTC")
	for name, dir := range map[string]string{"a small past": pastRepository(t), "this content": copyOfThisRepository(t)} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := koonti("audit", "export", "--repo", dir)
			if code != Clean {
				t.Fatal(errs)
			}
			var lines []changeLine
			for text := range strings.Lines(out) {
				var l changeLine
				if err := json.Unmarshal([]byte(text), &l); err != nil {
					t.Fatal(err)
				}
				lines = append(lines, l)
			}
			blobsByGit(t, dir, lines)
			peopleByGit(t, dir, lines)
			completeByGit(t, dir, lines)
		})
	}
}

// blobsByGit: the commit has each blob at its path, and so had its parent.
func blobsByGit(t *testing.T, dir string, lines []changeLine) {
	var names, want []string
	for _, l := range lines {
		if l.After != "" {
			names, want = append(names, string(l.Commit)+":"+l.Path), append(want, string(l.After))
		}
		if l.Before != "" && len(l.Parents) == 1 {
			path := l.Path
			if l.FormerPath != "" {
				path = l.FormerPath
			}
			names, want = append(names, string(l.Parents[0])+":"+path), append(want, string(l.Before))
		}
	}
	got := strings.Fields(gitInput(t, dir, strings.Join(names, "\n")+"\n", "cat-file", "--batch-check=%(objectname)"))
	if diff := cmp.Diff(want, got); diff != "" || len(want) < len(lines) {
		t.Error(diff)
	}
}

// peopleByGit: authors, as .mailmap has them, and times.
func peopleByGit(t *testing.T, dir string, lines []changeLine) {
	want := map[string]string{}
	for _, l := range lines {
		want[string(l.Commit)] = fmt.Sprintf("%s <%s> %s %s", l.Author.Name, l.Author.Email, l.AuthoredAt, l.CommittedAt)
	}
	for commit, text := range want {
		out := git(t, dir, "-c", "log.mailmap=true", "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%aN <%aE> %ad %cd", commit)
		if got := strings.TrimSpace(out); got != text {
			t.Errorf("%s: %q in the export, %q in git", commit, text, got)
		}
	}
}

// completeByGit: each path that a commit has unlike all its parents is in the export.
func completeByGit(t *testing.T, dir string, lines []changeLine) {
	var want []string
	for _, l := range lines {
		if l.Kind == "OVERRULED" {
			continue
		}
		want = append(want, string(l.Commit)+" "+l.Path)
		if l.FormerPath != "" {
			want = append(want, string(l.Commit)+" "+l.FormerPath)
		}
	}
	var got []string
	commit := ""
	out := gitInput(t, dir, git(t, dir, "rev-list", "HEAD"), "diff-tree", "--stdin", "--root", "-r", "-c", "--no-renames", "--name-only", "--", ":(glob)records/*/*.json")
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); len(line) == 40 && !strings.Contains(line, "/") {
			commit = line
			continue
		}
		got = append(got, commit+" "+line)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func gitInput(t *testing.T, dir, input string, args ...string) string {
	t.Helper()
	c := exec.Command("git", args...)
	c.Dir, c.Stdin = dir, strings.NewReader(input)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// TestAuditCheckFindsWhatIsWrongInTheIndex: whoever changes the index is found out.
func TestAuditCheckFindsWhatIsWrongInTheIndex(t *testing.T) {
	for change, want := range map[string]string{
		"DELETE FROM changes WHERE kind = 'DELETED'":                                                           "df23d72ce6 changed records/projects/gamma.json from 962ec53c02 to nothing, which is missing",
		"DELETE FROM changes WHERE kind = 'OVERRULED'":                                                         "e6dedabe62 overruled records/projects/beeta.json of b573acd97e, which is missing",
		"UPDATE changes SET fields = '[]' WHERE kind = 'UPDATED' AND path = 'records/projects/beeta.json'":     "467a607b1c records/projects/beeta.json: 0 fields, and 1 field by the two blobs",
		"UPDATE changes SET before = '4482dbc6397a3f0e4f8fccb0d02c8060a69d1ce6' WHERE kind = 'RENAMED'":        "923fa80698 records/projects/beeta.json: before is 4482dbc639, and 5f33bf5d76 in Git",
		"UPDATE changes SET path = 'records/projects/epsilon.json' WHERE path = 'records/projects/delta.json'": "719d9e5621 records/projects/epsilon.json: after is \"666de8bb0650f1e60f3164223aa3990a75bc37a9\", and \"\" in Git",
		"UPDATE commits SET pull_request = 8 WHERE pull_request = 7":                                           "e9fee867f0 records/projects/alfa.json: no message says that it was pull request 8 \"A better summary of alfa\"",
		"UPDATE people SET name = 'Eve' WHERE name = 'Aino Aalto'":                                             "b100a4cba6 records/projects/alfa.json: the author is \"Eve <aino@example.org>\", and \"Aino Aalto <aino@example.org>\" in Git",
		"UPDATE packed SET part = x'00'":                                                                       "history.sqlite: the packed copy of the tables is not like them: it is damaged",
	} {
		t.Run(change, func(t *testing.T) {
			dir := pastRepository(t)
			if code, out, errs := koonti("audit", "check", "--repo", dir); code != Clean || !strings.HasSuffix(out, ": the index has what Git has, and nothing else.\n") {
				t.Fatal(out, errs)
			}
			db, err := sql.Open("sqlite", filepath.Join(dir, ".git", "koonti", history.FileName))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(change); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			code, out, errs := koonti("audit", "check", "--repo", dir)
			if code != Problems || !slices.Contains(strings.Split(out, "\n"), want) {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
		})
	}
}

// TestCSVIsNoFormula: what a spreadsheet might run is quoted, and read back as it was.
func TestCSVIsNoFormula(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "-1", "@a", "\tx", "\rx", "＝x", "'quoted", "''", "plain", "", "a=b", "1-1"} {
		line := &changeLine{Commit: "c", Author: &personLine{text, text}, Committer: &personLine{text, text}, Subject: text, ID: text, Path: text, Fields: []fieldLine{{Field: "/a", After: json.RawMessage(`"=1"`)}}}
		var b bytes.Buffer
		write, err := exporter(&b, "csv")
		if err != nil {
			t.Fatal(err)
		}
		if err := write.line(line); err != nil {
			t.Fatal(err)
		}
		if err := write.end(); err != nil {
			t.Fatal(err)
		}
		lines, err := readExport(bytes.NewReader(b.Bytes()))
		if err != nil || len(lines) != 1 || lines[0].fault != "" {
			t.Fatalf("%q: %v %v", text, lines, err)
		}
		if diff := cmp.Diff(line, lines[0].changeLine); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
		row, err := csvRow(line)
		if err != nil {
			t.Fatal(err)
		}
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("%s begins with %q", csvColumns[i], cell[:1])
			}
		}
	}
}

// TestExportIsReadInFull: whatever is in it, each line is told of.
func TestExportIsReadInFull(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "{}": 1, "{}\n{}\n": 2, "{}\n\n{}": 2, "{\x00}\n{}": 2, "{}\n{": 2,
		strings.Join(csvColumns, ",") + "\n":                   0,
		strings.Join(csvColumns, ",") + "\na,b\n":              1,
		strings.Join(csvColumns, ",") + "\n\"a\n":              1,
		"{}\n" + strings.Repeat("x", bufio.MaxScanTokenSize*2): 2,
	} {
		lines, err := readExport(strings.NewReader(text))
		if err != nil || len(lines) != want {
			t.Errorf("%.40q: %d lines, %v", text, len(lines), err)
		}
	}
	if _, err := readExport(strings.NewReader("a,b\n")); err == nil {
		t.Error("any table was taken for an export")
	}
}
