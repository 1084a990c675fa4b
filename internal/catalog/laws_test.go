package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

// world makes random changes to a repository, as people and Git make them.
type world struct {
	*work
	random *rand.Rand
	branch int
	log    []string
}

func (w *world) pick(options ...string) string { return options[w.random.IntN(len(options))] }

func (w *world) id() string { return w.pick("one", "two", "three", "four", "five") }

// thing is a random text for a record: mostly valid, sometimes invalid by a schema
// of some time, sometimes no JSON.
func (w *world) thing() string {
	switch w.random.IntN(8) {
	case 0:
		return `{"name": "", "kind": "a"}`
	case 1:
		return `{"name": "Broken", "kind": `
	case 2:
		return `{"name": "Twice", "name": "Twice"}`
	case 3:
		return `{"name": "Odd", "colour": "red"}`
	}
	name := strings.Repeat("x", 1+w.random.IntN(4))
	return fmt.Sprintf(`{"name": %q, "kind": %q, "number": %d}`, name, w.pick("a", "b"), w.random.IntN(4))
}

// step does one random thing and says what it was.
func (w *world) step() string {
	switch w.random.IntN(16) {
	case 0, 1, 2, 3, 4:
		id, text := w.id(), w.thing()
		w.write("things/"+id+".json", text)
		return "write " + id + " " + text
	case 5:
		id := w.id()
		os.Remove(w.path("things/" + id + ".json"))
		return "remove " + id
	case 6:
		n := w.random.IntN(4)
		text := fmt.Sprintf(testThing, n)
		if n == 0 {
			text = w.pick(`{"type": 5}`, `{"type": "object"`, `{"$ref": "nowhere.json"}`)
		}
		w.write("schema/thing.json", text)
		return "schema " + text
	case 7:
		text := w.pick(testModel, strings.Replace(testModel, `"unique": ["/number"], `, "", 1), `{"collections": `, `{"collections": 5}`)
		w.write("schema/model.json", text)
		return fmt.Sprintf("model of %d bytes", len(text))
	case 8, 9, 10:
		return "commit " + w.commit("change")
	case 11:
		w.branch++
		w.git("checkout", "-q", "-b", fmt.Sprintf("b%d", w.branch))
		return "new branch"
	case 12:
		name := w.pick("main", fmt.Sprintf("b%d", 1+w.random.IntN(w.branch+1)))
		_, err := w.tryGit("checkout", "-q", "-f", name)
		return fmt.Sprintf("checkout %s: %v", name, err == nil)
	case 13:
		_, err := w.tryGit("reset", "-q", "--hard", "HEAD~1")
		return fmt.Sprintf("reset to the parent: %v", err == nil)
	case 14:
		name := w.pick("main", fmt.Sprintf("b%d", 1+w.random.IntN(w.branch+1)))
		if _, err := w.tryGit("merge", "-q", "-m", "merge", name); err != nil {
			w.tryGit("merge", "--abort")
			return "merge failed"
		}
		return "merged " + name
	}
	id := w.id()
	os.Rename(w.path("things/"+id+".json"), w.path("things/"+w.id()+".json"))
	return "rename " + id
}

// TestWhatIsServedDependsOnCommitAndBytesAlone is invariants 2, 3 and 7: after any
// history of edits, breakages, checkouts, branch switches and restarts, what the
// running catalog serves is what a fresh one serves, and that is what an
// independent reading of the rule says.
func TestWhatIsServedDependsOnCommitAndBytesAlone(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := &world{work: newWork(t), random: rand.New(rand.NewPCG(seed, 1))}
			c := w.open(Config{})
			committed := w.open(Config{Ref: "main"})
			for range 60 {
				w.log = append(w.log, w.step())
				if w.random.IntN(3) == 0 {
					continue // several changes at once
				}
				w.compare(c, Config{})
				w.compare(committed, Config{Ref: "main"})
				if w.random.IntN(10) == 0 {
					c = w.open(Config{}) // a restart
					w.log = append(w.log, "restart")
				}
			}
		})
	}
}

// compare reloads c and holds it against a fresh start and the oracle. Where no
// version of the model can be used, both must say so, and c goes on as it was.
func (w *world) compare(c *Catalog, cfg Config) {
	w.t.Helper()
	before := c.Current()
	_, err := c.Reload(context.Background())
	cfg.Repo = w.repo()
	fresh, freshErr := Open(context.Background(), cfg)
	if (err == nil) != (freshErr == nil) {
		w.t.Fatalf("running: %v, fresh: %v, after\n%s", err, freshErr, strings.Join(w.log, "\n"))
	}
	if err != nil {
		if !errors.Is(err, content.ErrInvalid) && !errors.Is(err, content.ErrNotFound) || c.Current().Snapshot != before.Snapshot {
			w.t.Fatalf("held back: %v, after\n%s", err, strings.Join(w.log, "\n"))
		}
		return
	}
	same(w.t, "running against fresh, after\n"+strings.Join(w.log, "\n"), c.Current(), fresh.Current())
	w.oracle(c, cfg.Ref == "")
}

// oracle reads the rule of invariant 2 with the git program and encoding/json.
func (w *world) oracle(c *Catalog, workTree bool) {
	w.t.Helper()
	v := c.Current()
	want := map[string]string{}
	for name, now := range w.filesNow(v, workTree) {
		if text, ok := w.expected(c, name, now); ok {
			want[name] = text
		}
	}
	got := map[string]string{}
	for r := range v.Snapshot.Set("things").All() {
		got[r.Path] = fmt.Sprintf("valid=%v stale=%v %s", r.Valid, r.Stale, r.Source)
	}
	if fmt.Sprint(sorted(want)) != fmt.Sprint(sorted(got)) {
		w.t.Fatalf("served %v\nwant %v\nafter\n%s", sorted(got), sorted(want), strings.Join(w.log, "\n"))
	}
}

func sorted(m map[string]string) []string {
	var list []string
	for k, v := range m {
		list = append(list, k+" "+v)
	}
	sort.Strings(list)
	return list
}

func (w *world) filesNow(v *content.View, workTree bool) map[string]string {
	files := map[string]string{}
	if workTree {
		names, _ := filepath.Glob(w.path("things/*.json"))
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				w.t.Fatal(err)
			}
			files["things/"+filepath.Base(name)] = string(text)
		}
		return files
	}
	for _, name := range strings.Fields(w.git("ls-tree", "--name-only", string(v.Commit), "things/")) {
		files[name] = w.git("show", string(v.Commit)+":"+name)
	}
	return files
}

// expected is what must be served of a file whose text is now.
func (w *world) expected(c *Catalog, name, now string) (string, bool) {
	if valid, _ := w.valid(c, now); valid {
		return "valid=true stale=false " + now, true
	}
	newest := ""
	for _, commit := range strings.Fields(w.git("rev-list", "--first-parent", string(c.Current().Commit))) {
		text, err := w.tryGit("show", commit+":"+name)
		if err != nil {
			continue
		}
		valid, parsed := w.valid(c, text)
		if valid {
			return "valid=true stale=true " + text, true
		}
		if parsed && newest == "" {
			newest = text
		}
	}
	if _, parsed := w.valid(c, now); parsed {
		return "valid=false stale=false " + now, true
	}
	return "valid=false stale=true " + newest, newest != ""
}

// valid is the test schema in Go, with the minLength of the schema being served.
func (w *world) valid(c *Catalog, text string) (valid, parsed bool) {
	var members map[string]any
	if json.Unmarshal([]byte(text), &members) != nil || strings.Count(text, `"name"`) > 1 {
		return false, false
	}
	for name := range members {
		if name != "name" && name != "kind" && name != "number" {
			return false, true
		}
	}
	name, _ := members["name"].(string)
	return utf8.RuneCountInString(name) >= w.minLength(c), true
}

// minLength is what the schema being served asks of a name.
func (w *world) minLength(c *Catalog) int {
	w.t.Helper()
	n, ok := c.builder.current.Load().schemas["things"].Documents["schema/thing.json"].At("/properties/name/minLength").Int()
	if !ok {
		w.t.Fatal("the schema being served has no minLength")
	}
	return int(n)
}
