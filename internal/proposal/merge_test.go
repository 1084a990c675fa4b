package proposal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// world is a real repository, written by the real git program, and its catalog.
type world struct {
	t       testing.TB
	dir     string
	repo    *gitrepo.Repo
	catalog *catalog.Catalog
}

const (
	worldModel = `{"languages": ["fi", "en"], "collections": [
  {"name": "themes", "type": "Theme", "schema": "schema/theme.json", "path": "themes/{id}.json", "title": "/name"},
  {"name": "things", "type": "Thing", "schema": "schema/thing.json", "path": "things/{id}.json", "title": "/name",
   "references": {"/theme": {"collection": "themes", "inverse": "things"}}, "keys": {"/parts": "code"}, "files": {"/file": "files"}}
]}`
	worldTheme = `{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}, "additionalProperties": false}`
	worldThing = `{"type": "object", "required": ["name"], "properties": {
  "name": {"type": "string", "minLength": 1}, "theme": {"type": "string"}, "a": {"type": "integer"}, "b": {"type": "integer"},
  "tags": {"type": "array", "uniqueItems": true, "items": {"type": "string"}}, "list": {"type": "array", "items": {"type": "integer"}},
  "parts": {"type": "array", "items": {"type": "object", "properties": {"code": {"type": "string"}, "n": {"type": "integer"}}}}, "file": {"type": "string"}},
  "additionalProperties": false}`
)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.git("init", "-q", "-b", "main")
	w.git("config", "user.name", "Erkki")
	w.git("config", "user.email", "erkki@example.org")
	w.write("schema/model.json", worldModel)
	w.write("schema/theme.json", worldTheme)
	w.write("schema/thing.json", worldThing)
	w.write("themes/blue.json", "{\n  \"name\": \"Blue\"\n}\n")
	w.write("themes/red.json", "{\n  \"name\": \"Red\"\n}\n")
	w.write("things/one.json", thing(`"name": "One", "theme": "blue", "a": 1, "b": 1, "tags": ["x"], "list": [1], "parts": [{"code": "p", "n": 1}]`))
	w.write("notes.txt", "one\ntwo\nthree\nfour\nfive\n")
	w.commit("first")
	return w
}

// thing is the canonical text of members.
func thing(members string) string {
	v, err := content.Parse("{" + members + "}")
	if err != nil {
		panic(err)
	}
	return content.Format(v, nil, nil)
}

func (w *world) git(args ...string) string {
	w.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = w.dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commit(message string) content.Hash {
	w.t.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", message)
	return content.Hash(w.git("rev-parse", "HEAD"))
}

// open opens the repository and its catalog, once.
func (w *world) open() *world {
	w.t.Helper()
	if w.repo != nil {
		return w
	}
	var err error
	if w.repo, err = gitrepo.Open(w.dir, gitrepo.Config{}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.repo.Close() })
	if w.catalog, err = catalog.Open(context.Background(), catalog.Config{Repo: w.repo, Ref: "main"}); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// sides makes two branches of main by what each does, and returns their commits.
func (w *world) sides(ours, theirs func()) (content.Hash, content.Hash) {
	w.t.Helper()
	w.git("checkout", "-q", "-b", "theirs")
	theirs()
	their := w.commit("theirs")
	w.git("checkout", "-q", "main")
	ours()
	return w.commit("ours"), their
}

// mergeSides merges theirs into ours, and returns the files of the result with the conflicts.
func (w *world) mergeSides(ours, theirs content.Hash, list ...content.Resolution) (map[string]string, []string, error) {
	w.t.Helper()
	w.open()
	s := New(Config{Repo: w.repo, Content: w.catalog})
	ctx := context.Background()
	resolutions, err := resolve(list)
	if err != nil {
		return nil, nil, err
	}
	key := reportKey{theirs, ours}
	bases, err := w.repo.MergeBases(ctx, gitrepo.Hash(ours), gitrepo.Hash(theirs))
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := s.join(ctx, key, bases, resolutions)
	if err != nil {
		return nil, nil, err
	}
	var conflicts []string
	for _, c := range m.conflicts {
		conflicts = append(conflicts, fmt.Sprintf("%s %s %s|%s|%s", c.Path, c.Field, valueText(c.Base), valueText(c.Ours), valueText(c.Theirs)))
	}
	tree, err := s.mergedTree(ctx, ours, m)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.files(tree), conflicts, nil
}

func valueText(v *content.Value) string {
	if v == nil {
		return "-"
	}
	return string(v.AppendJSON(nil))
}

// files are the files of a tree but for the schemas, records as compact JSON.
func (w *world) files(tree gitrepo.Hash) map[string]string {
	w.t.Helper()
	files := map[string]string{}
	for _, path := range strings.Fields(w.git("ls-tree", "-r", "--name-only", string(tree))) {
		if strings.HasPrefix(path, "schema/") {
			continue
		}
		text := w.git("cat-file", "blob", string(tree)+":"+path)
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			compact, _ := json.Marshal(v)
			text = string(compact)
		}
		files[path] = text
	}
	return files
}

func TestTwoSidesAreJoined(t *testing.T) {
	one := func(w *world, members string) func() {
		return func() { w.write("things/one.json", thing(members)) }
	}
	base := `"name": "One", "theme": "blue", "a": 1, "b": 1, "tags": ["x"], "list": [1], "parts": [{"code": "p", "n": 1}]`
	with := func(old, new string) string { return strings.Replace(base, old, new, 1) }
	for _, c := range []struct {
		name         string
		ours, theirs func(w *world) func()
		resolutions  []content.Resolution
		path, want   string // of one file; "" is none
		gone         string
		conflicts    []string
	}{
		{
			name: "different fields", ours: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 2`)) }, theirs: func(w *world) func() { return one(w, with(`"b": 1`, `"b": 2`)) },
			path: "things/one.json", want: `{"a":2,"b":2,"list":[1],"name":"One","parts":[{"code":"p","n":1}],"tags":["x"],"theme":"blue"}`,
		},
		{
			name: "a set and items by key", ours: func(w *world) func() { return one(w, with(`["x"]`, `["x", "y"]`)) },
			theirs: func(w *world) func() {
				return one(w, strings.Replace(with(`["x"]`, `["z"]`), `{"code": "p", "n": 1}`, `{"code": "p", "n": 5}, {"code": "q"}`, 1))
			},
			path: "things/one.json", want: `{"a":1,"b":1,"list":[1],"name":"One","parts":[{"code":"p","n":5},{"code":"q"}],"tags":["y","z"],"theme":"blue"}`,
		},
		{
			name: "one place twice", ours: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 2`)) }, theirs: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 3`)) },
			conflicts: []string{"things/one.json /a 1|2|3"},
		},
		{
			name: "one place twice, theirs chosen", ours: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 2`)) }, theirs: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 3`)) },
			resolutions: []content.Resolution{{Path: "things/one.json", Field: "/a", Take: content.SideTheirs}},
			path:        "things/one.json", want: `{"a":3,"b":1,"list":[1],"name":"One","parts":[{"code":"p","n":1}],"tags":["x"],"theme":"blue"}`,
		},
		{
			name: "one place twice, a value written", ours: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 2`)) }, theirs: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 3`)) },
			resolutions: []content.Resolution{{Path: "things/one.json", Field: "/a", Value: "23"}},
			path:        "things/one.json", want: `{"a":23,"b":1,"list":[1],"name":"One","parts":[{"code":"p","n":1}],"tags":["x"],"theme":"blue"}`,
		},
		{
			name: "a list without keys is one value", ours: func(w *world) func() { return one(w, with(`[1]`, `[1, 2]`)) }, theirs: func(w *world) func() { return one(w, with(`[1]`, `[0, 1]`)) },
			conflicts: []string{"things/one.json /list [1]|[1,2]|[0,1]"},
		},
		{
			name: "deleted here, changed there", ours: func(w *world) func() { return func() { w.git("rm", "-q", "things/one.json") } }, theirs: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 3`)) },
			conflicts: []string{`things/one.json  {"name":"One","theme":"blue","a":1,"b":1,"tags":["x"],"list":[1],"parts":[{"code":"p","n":1}]}|-|{"name":"One","theme":"blue","a":3,"b":1,"tags":["x"],"list":[1],"parts":[{"code":"p","n":1}]}`},
		},
		{
			name: "deleted here, changed there, and kept", ours: func(w *world) func() { return func() { w.git("rm", "-q", "things/one.json") } }, theirs: func(w *world) func() { return one(w, `"name": "Kept"`) },
			resolutions: []content.Resolution{{Path: "things/one.json", Take: content.SideTheirs}}, path: "things/one.json", want: `{"name":"Kept"}`,
		},
		{
			name: "renamed there, changed here", ours: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 2`)) },
			theirs: func(w *world) func() { return func() { w.git("mv", "things/one.json", "things/uno.json") } },
			path:   "things/uno.json", want: `{"a":2,"b":1,"list":[1],"name":"One","parts":[{"code":"p","n":1}],"tags":["x"],"theme":"blue"}`, gone: "things/one.json",
		},
		{
			name: "renamed here, changed there", ours: func(w *world) func() { return func() { w.git("mv", "things/one.json", "things/uno.json") } },
			theirs: func(w *world) func() { return one(w, with(`"b": 1`, `"b": 2`)) },
			path:   "things/uno.json", want: `{"a":1,"b":2,"list":[1],"name":"One","parts":[{"code":"p","n":1}],"tags":["x"],"theme":"blue"}`, gone: "things/one.json",
		},
		{
			name: "renamed on both sides, otherwise", ours: func(w *world) func() { return func() { w.git("mv", "things/one.json", "things/uno.json") } },
			theirs:    func(w *world) func() { return func() { w.git("mv", "things/one.json", "things/eins.json") } },
			conflicts: []string{`things/uno.json  ` + strings.Repeat(`{"name":"One","theme":"blue","a":1,"b":1,"tags":["x"],"list":[1],"parts":[{"code":"p","n":1}]}|`, 3)[:3*len(`{"name":"One","theme":"blue","a":1,"b":1,"tags":["x"],"list":[1],"parts":[{"code":"p","n":1}]}|`)-1]},
		},
		{
			name: "renamed on both sides, theirs chosen", ours: func(w *world) func() { return func() { w.git("mv", "things/one.json", "things/uno.json") } },
			theirs:      func(w *world) func() { return func() { w.git("mv", "things/one.json", "things/eins.json") } },
			resolutions: []content.Resolution{{Path: "things/uno.json", Take: content.SideTheirs}}, path: "things/eins.json",
			want: `{"a":1,"b":1,"list":[1],"name":"One","parts":[{"code":"p","n":1}],"tags":["x"],"theme":"blue"}`, gone: "things/uno.json",
		},
		{
			name: "one id for two new records", ours: func(w *world) func() { return func() { w.write("things/new.json", thing(`"name": "Ours"`)) } },
			theirs:    func(w *world) func() { return func() { w.write("things/new.json", thing(`"name": "Theirs"`)) } },
			conflicts: []string{`things/new.json /name -|"Ours"|"Theirs"`},
		},
		{
			name: "lines of a text", ours: func(w *world) func() { return func() { w.write("notes.txt", "ONE\ntwo\nthree\nfour\nfive\n") } },
			theirs: func(w *world) func() { return func() { w.write("notes.txt", "one\ntwo\nthree\nfour\nFIVE\n") } },
			path:   "notes.txt", want: "ONE\ntwo\nthree\nfour\nFIVE",
		},
		{
			name: "one line of a text", ours: func(w *world) func() { return func() { w.write("notes.txt", "ONE\ntwo\nthree\nfour\nfive\n") } },
			theirs:    func(w *world) func() { return func() { w.write("notes.txt", "Yksi\ntwo\nthree\nfour\nfive\n") } },
			conflicts: []string{"notes.txt  -|-|-"},
		},
		{
			name: "bytes of a file", ours: func(w *world) func() { return func() { w.write("notes.txt", "\x00a") } },
			theirs:    func(w *world) func() { return func() { w.write("notes.txt", "\x00b") } },
			conflicts: []string{"notes.txt  -|-|-"},
		},
		{
			name: "a record that is no JSON on one side", ours: func(w *world) func() { return func() { w.write("things/one.json", `{"name": `) } },
			theirs: func(w *world) func() { return one(w, with(`"a": 1`, `"a": 3`)) }, conflicts: []string{"things/one.json  -|-|-"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ours, theirs := w.sides(c.ours(w), c.theirs(w))
			files, conflicts, err := w.mergeSides(ours, theirs, c.resolutions...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.conflicts, conflicts); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			if c.path != "" && files[c.path] != c.want {
				t.Errorf("%s is %q, want %q", c.path, files[c.path], c.want)
			}
			if _, there := files[c.gone]; there {
				t.Errorf("%s is still there", c.gone)
			}
		})
	}
}

func TestAResolutionOfNoConflictIsRefused(t *testing.T) {
	w := newWorld(t)
	ours, theirs := w.sides(func() { w.write("themes/red.json", thing(`"name": "Rot"`)) }, func() { w.write("themes/blue.json", thing(`"name": "Blau"`)) })
	_, _, err := w.mergeSides(ours, theirs, content.Resolution{Path: "themes/red.json", Field: "/name", Take: content.SideOurs})
	var refusal *content.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Message, `"/name" in themes/red.json`) {
		t.Errorf("got %v, want a refusal that names the place", err)
	}
}

// In a criss-cross both merges have settled one conflict, each in its own way: no base
// tells who was later.
func TestACrissCrossThatWasSettledTwiceIsAConflict(t *testing.T) {
	w := newWorld(t)
	set := func(value string) { w.write("things/one.json", thing(`"name": "One", "a": `+value)) }
	w.git("checkout", "-q", "-b", "side")
	set("2")
	w.commit("side")
	w.git("checkout", "-q", "main")
	set("3")
	main := w.commit("main")
	w.git("merge", "-q", "-s", "ours", "side")
	w.git("checkout", "-q", "side")
	w.git("merge", "-q", "-s", "ours", string(main))
	w.write("themes/red.json", thing(`"name": "Rot"`))
	theirs := w.commit("theirs")
	w.git("checkout", "-q", "main")
	_, conflicts, err := w.mergeSides(content.Hash(w.git("rev-parse", "main")), theirs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"things/one.json  -|-|-"}, conflicts); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
}

// Anyone may push as many large records under other names as they like: to hold each
// against each would take minutes. By their bytes they are found all the same.
func TestRecordsTooLargeToBeHeldAgainstEachOther(t *testing.T) {
	w := newWorld(t)
	const records, size = 12, 300 << 10
	large := func(i int, more string) string {
		return thing(fmt.Sprintf(`"name": %q, "tags": [%q, %q]`, "Large", fmt.Sprint(i)+strings.Repeat("x", size), "a"+more))
	}
	name := func(i int, of string) string { return fmt.Sprintf("things/%s%02d.json", of, i) }
	for i := range records {
		w.write(name(i, "old"), large(i, ""))
	}
	w.commit("large")
	ours, theirs := w.sides(func() {
		w.write(name(0, "old"), large(0, "b"))
		w.write(name(1, "old"), large(1, "b"))
	}, func() {
		w.git("mv", name(0, "old"), name(0, "new"))
		for i := 1; i < records; i++ {
			w.git("rm", "-q", name(i, "old"))
			w.write(name(i, "new"), large(i, "c"))
		}
	})
	_, conflicts, err := w.mergeSides(ours, theirs)
	if err != nil {
		t.Fatal(err)
	}
	if len(conflicts) != 1 || !strings.HasPrefix(conflicts[0], name(1, "old")) {
		t.Errorf("got %d conflicts: %.100q, want that of the record that is not found under its new name", len(conflicts), conflicts)
	}
}
