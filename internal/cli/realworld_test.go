//go:build realworld

package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"
)

// realCollections are the three collections of the real repository, with the
// folders that their records lie in.
var realCollections = map[string]string{
	"nominees": "nominees", "publicGoods": "digitalpublicgoods", "excludedNominees": "excluded-nominees",
}

// TestRealWorld serves a repository that was not made for Koonti, and holds what is
// answered against what git and encoding/json say. It is run by 'make realworld'.
func TestRealWorld(t *testing.T) {
	source := os.Getenv("KOONTI_REALWORLD")
	if source == "" {
		t.Fatal("say where the real repository is: make realworld DIR=path")
	}
	dir := importReal(t, source)
	model := filepath.Join(source, "model.json")
	started := time.Now()
	r := start(t, "--repo", dir, "--model", model)
	t.Logf("served after %s", time.Since(started).Round(time.Millisecond))
	t.Run("records", func(t *testing.T) { realRecords(t, r, dir) })
	t.Run("problems", func(t *testing.T) { realProblems(t, r, dir) })
	t.Run("past", func(t *testing.T) { realPast(t, r, dir) })
	t.Run("check", func(t *testing.T) {
		code, out, errs := koonti("check", "--repo", dir, "--model", model, "--lang", "en")
		if code != Problems || !strings.Contains(out, "\n") {
			t.Errorf("koonti check: %d\n%s%s", code, out, errs)
		}
		t.Log(lastLine(out))
	})
}

func importReal(t *testing.T, source string) string {
	t.Helper()
	file, err := os.Open(filepath.Join(source, "publicgoods.fast-export.xz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	export, err := xz.NewReader(bufio.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	c := exec.Command("git", "fast-import", "--quiet")
	c.Dir, c.Stdin = dir, export
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	git(t, dir, "reset", "-q", "--hard")
	t.Logf("%s commits", strings.TrimSpace(git(t, dir, "rev-list", "--count", "main")))
	return dir
}

// realFile is a file of a commit as git has it.
type realFile struct{ mode, blob, text string }

// realFiles returns the files directly in folder, by id.
func realFiles(t *testing.T, objects *catFile, dir, commit, folder string) map[string]realFile {
	t.Helper()
	files := map[string]realFile{}
	list := git(t, dir, "ls-tree", "-z", commit, folder+"/")
	for entry := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		meta, path, _ := strings.Cut(entry, "\t")
		fields := strings.Fields(meta)
		id, isJSON := strings.CutSuffix(filepath.Base(path), ".json")
		if !isJSON || len(fields) != 3 || fields[1] != "blob" {
			continue
		}
		files[id] = realFile{fields[0], fields[2], objects.read(t, fields[2])}
	}
	return files
}

// catFile is a running 'git cat-file --batch'.
type catFile struct {
	in   io.WriteCloser
	out  *bufio.Reader
	seen map[string]string
}

func newCatFile(t *testing.T, dir string) *catFile {
	t.Helper()
	c := exec.Command("git", "cat-file", "--batch")
	c.Dir = dir
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); c.Wait() })
	return &catFile{in, bufio.NewReader(out), map[string]string{}}
}

func (c *catFile) read(t *testing.T, blob string) string {
	t.Helper()
	if text, ok := c.seen[blob]; ok {
		return text
	}
	fmt.Fprintln(c.in, blob)
	header, err := c.out.ReadString('\n')
	var name, kind string
	var size int
	if _, scanErr := fmt.Sscan(header, &name, &kind, &size); err != nil || scanErr != nil {
		t.Fatalf("git cat-file said %q: %v", header, err)
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(c.out, data); err != nil {
		t.Fatal(err)
	}
	c.seen[blob] = string(data[:size])
	return c.seen[blob]
}

// strict reports whether text is strict JSON, by encoding/json alone.
func strict(text string) bool {
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	return uniqueNames(decoder)
}

func uniqueNames(d *json.Decoder) bool {
	token, err := d.Token()
	delim, isDelim := token.(json.Delim)
	if err != nil || !isDelim {
		return err == nil
	}
	names := map[string]bool{}
	for d.More() {
		if delim == '{' {
			name, _ := d.Token()
			if names[name.(string)] {
				return false
			}
			names[name.(string)] = true
		}
		if !uniqueNames(d) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil
}

// answered is one record as GraphQL answers it.
type answered struct {
	ID, Path, Revision string
	Name               *string
	Valid, Stale       bool
	Document           json.RawMessage
}

// all pages through a collection.
func all(t *testing.T, r *running, collection, revision string) (total int, records []answered) {
	t.Helper()
	var after *string
	for {
		var data map[string]struct {
			TotalCount int
			Nodes      []answered
			PageInfo   struct {
				HasNextPage bool
				EndCursor   *string
			}
		}
		variables := map[string]any{}
		if after != nil {
			variables["after"] = *after
		}
		if revision != "" {
			variables["at"] = revision
		}
		r.query(fmt.Sprintf(`query($after: String, $at: Revision) { %s(first: 100, after: $after, at: $at) {
			totalCount nodes { id path revision name valid stale document } pageInfo { hasNextPage endCursor } } }`, collection), variables, &data)
		page := data[collection]
		records = append(records, page.Nodes...)
		if !page.PageInfo.HasNextPage {
			return page.TotalCount, records
		}
		after = page.PageInfo.EndCursor
	}
}

func realRecords(t *testing.T, r *running, dir string) {
	objects := newCatFile(t, dir)
	for collection, folder := range realCollections {
		files := realFiles(t, objects, dir, "main", folder)
		total, records := all(t, r, collection, "")
		want := map[string]bool{}
		for id, f := range files {
			if f.mode != "120000" && (strict(f.text) || olderStrict(t, objects, dir, folder+"/"+id+".json")) {
				want[id] = true
			}
		}
		got := map[string]bool{}
		stale := 0
		for _, record := range records {
			got[record.ID] = true
			text := files[record.ID].text
			if record.Stale {
				stale++
				text = objects.read(t, strings.TrimSpace(git(t, dir, "rev-parse", record.Revision+":"+record.Path)))
			}
			equalJSON(t, record.Path, string(record.Document), text)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" || total != len(want) || len(records) != len(want) {
			t.Errorf("%s: %d of %d (-git +koonti)\n%s", collection, len(records), total, diff)
		}
		t.Logf("%s: %d files, %d records, %d of them stale", collection, len(files), total, stale)
	}
}

// olderStrict reports whether any version on the first-parent line is strict JSON.
func olderStrict(t *testing.T, objects *catFile, dir, path string) bool {
	t.Helper()
	for commit := range strings.FieldsSeq(git(t, dir, "rev-list", "--first-parent", "main", "--", path)) {
		entry := strings.Fields(git(t, dir, "ls-tree", commit, path))
		if len(entry) >= 3 && entry[0] != "120000" && strict(objects.read(t, entry[2])) {
			return true
		}
	}
	return false
}

func equalJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%s (-git +koonti)\n%s", what, diff)
	}
}

func realProblems(t *testing.T, r *running, dir string) {
	var data struct {
		Problems []struct {
			Path, Rule, Message string
			Line                *int
		}
	}
	r.query(`{ problems { path rule line message(lang: EN) } }`, nil, &data)
	rules, paths := map[string]int{}, map[string]bool{}
	for _, p := range data.Problems {
		rules[p.Rule]++
		paths[p.Path] = true
		if p.Message == "" {
			t.Errorf("a problem of %s says nothing", p.Path)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		t.Logf("%4d %s", rules[rule], rule)
	}
	links := 0
	for entry := range strings.SplitSeq(strings.TrimSpace(git(t, dir, "ls-tree", "-r", "main")), "\n") {
		meta, path, _ := strings.Cut(entry, "\t")
		if strings.HasPrefix(meta, "120000") {
			links++
			if !paths[path] {
				t.Errorf("no problem tells of the symbolic link %s", path)
			}
		}
	}
	t.Logf("%d problems in %d files, %d symbolic links", len(data.Problems), len(paths), links)
	if len(data.Problems) == 0 {
		t.Error("a repository with invalid records has no problems")
	}
}

// realPast asks for commits from all over the history, among them those at which a
// schema was no JSON.
func realPast(t *testing.T, r *running, dir string) {
	objects := newCatFile(t, dir)
	commits := strings.Fields(git(t, dir, "rev-list", "main"))
	asked := map[string]bool{}
	for i := 0; i < len(commits); i += 150 {
		asked[commits[i]] = true
	}
	asked[commits[len(commits)-1]] = true
	broken := 0
	for _, schema := range []string{"nominee-schema.json", "screening-schema.json"} {
		for commit := range strings.FieldsSeq(git(t, dir, "rev-list", "main", "--", schema)) {
			entry := strings.Fields(git(t, dir, "ls-tree", commit, schema))
			if len(entry) >= 3 && !json.Valid([]byte(objects.read(t, entry[2]))) {
				asked[commit] = true
				broken++
			}
		}
	}
	records := 0
	started := time.Now()
	for _, commit := range slices.Sorted(maps.Keys(asked)) {
		for collection, folder := range realCollections {
			want := map[string]string{}
			for id, f := range realFiles(t, objects, dir, commit, folder) {
				if f.mode != "120000" && strict(f.text) {
					want[id] = f.text
				}
			}
			total, got := all(t, r, collection, commit)
			if total != len(want) || len(got) != len(want) {
				t.Errorf("%s at %s: %d records, git has %d", collection, commit, total, len(want))
			}
			for _, record := range got {
				equalJSON(t, record.Path+" at "+commit, string(record.Document), want[record.ID])
				if record.Revision != commit {
					t.Errorf("%s: read from %s, asked at %s", record.Path, record.Revision, commit)
				}
			}
			records += total
		}
	}
	t.Logf("%d commits asked, %d of them with a schema that is no JSON; %d records equal, in %s", len(asked), broken, records, time.Since(started).Round(time.Millisecond))
	if broken == 0 {
		t.Error("no commit was found at which a schema is no JSON")
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
