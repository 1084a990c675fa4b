package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/content"
)

// strictThing asks for names of five letters or more.
var strictThing = fmt.Sprintf(testThing, 5)

func rules(v *content.View) string {
	var list []string
	for _, p := range v.Problems {
		list = append(list, p.Path+" "+p.Rule)
	}
	return strings.Join(list, "\n")
}

func TestABrokenSchemaIsReplacedByTheNewestGoodOne(t *testing.T) {
	w := newWork(t)
	w.write("schema/thing.json", strictThing)
	w.write("things/one.json", `{"name": "Eleven"}`)
	w.commit("stricter")
	for _, broken := range []string{`{"type": 5}`, `{"type": `, `{"$ref": "nowhere.json"}`, `{"properties": {"name": {"pattern": "(?=x)"}}}`} {
		w.write("schema/thing.json", broken)
		w.write("things/two.json", `{"name": "Two"}`)
		for what, v := range map[string]*content.View{"work tree": w.open(Config{}).Current(), "commit": w.committed("broken")} {
			one, two := record(v, "things", "one"), record(v, "things", "two")
			if !v.ModelStale || !one.Valid || one.Stale || two.Valid || !strings.Contains(rules(v), "schema/thing.json ") {
				t.Errorf("%s, %s: stale %v, one %+v, two %+v\n%s", broken, what, v.ModelStale, one, two, rules(v))
			}
		}
		w.git("reset", "-q", "--hard", "HEAD~1")
	}
}

// committed commits all there is and serves it from the branch.
func (w *work) committed(message string) *content.View {
	w.t.Helper()
	w.commit(message)
	return w.open(Config{Ref: "main"}).Current()
}

func TestABrokenModelIsReplacedByTheNewestGoodOne(t *testing.T) {
	w := newWork(t)
	misspelt := strings.Replace(testModel, "schema/thing.json", "schema/thign.json", 1)
	for _, broken := range []string{`{"collections": `, `{"collections": [{"name": "things"}]}`, ``, misspelt} {
		w.write("schema/model.json", broken)
		w.write("things/one.json", `{"name": "New"}`)
		v := w.open(Config{}).Current()
		if r := record(v, "things", "one"); !v.ModelStale || r.Root.Member("name").Str() != "New" || r.Stale || !r.Valid || broken != misspelt && !strings.Contains(rules(v), "schema/model.json ") || len(v.Problems) == 0 {
			t.Errorf("%q: stale %v, %+v\n%s", broken, v.ModelStale, r, rules(v))
		}
	}
	w.remove("schema/model.json")
	if v := w.open(Config{}).Current(); !v.ModelStale || record(v, "things", "one") == nil {
		t.Errorf("without a model: stale %v\n%s", v.ModelStale, rules(v))
	}
}

// A schema that is made stricter makes older versions the valid ones, and the other
// way about: what counts is the model being served.
func TestValidIsWhatTheServedSchemaSays(t *testing.T) {
	w := newWork(t)
	w.write("things/one.json", `{"name": "Eleven"}`)
	w.commit("longer")
	w.write("things/one.json", `{"name": "Two"}`)
	w.commit("shorter")
	c := w.open(Config{})
	w.write("schema/thing.json", strictThing)
	if r := record(reload(t, c), "things", "one"); !r.Stale || r.Source != `{"name": "Eleven"}` {
		t.Errorf("under the stricter schema: %+v", r)
	}
	w.write("schema/thing.json", fmt.Sprintf(testThing, 1))
	if r := record(reload(t, c), "things", "one"); r.Stale || r.Source != `{"name": "Two"}` {
		t.Errorf("under the milder schema: %+v", r)
	}
}

func TestWithoutAnyGoodModelTheViewBeforeGoesOn(t *testing.T) {
	w := newWork(t)
	w.git("update-ref", "-d", "HEAD")
	c := w.open(Config{})
	w.write("schema/model.json", `{`)
	before := c.Current()
	if _, err := c.Reload(context.Background()); !errors.Is(err, content.ErrInvalid) {
		t.Fatalf("reload: %v", err)
	}
	if c.Current().Snapshot != before.Snapshot || !strings.Contains(rules(c.Current()), "schema/model.json json/syntax") || c.Status().HeldBack.IsZero() || !strings.Contains(c.Status().Reason, "schema/model.json") {
		t.Errorf("status %+v", c.Status())
	}
	w.write("schema/model.json", testModel)
	reload(t, c)
	if !c.Status().HeldBack.IsZero() || len(c.Current().Problems) > 0 {
		t.Errorf("mended, but status %+v, %s", c.Status(), rules(c.Current()))
	}
}

func TestAMissingReferenceDoesNotMakeARecordStale(t *testing.T) {
	w := newWork(t)
	c := w.open(Config{})
	w.remove("kinds/a.json")
	v := reload(t, c)
	if r := record(v, "things", "one"); r.Stale || !r.Valid || rules(v) != "things/one.json reference/missing" {
		t.Errorf("%+v\n%s", r, rules(v))
	}
}

// What did not change is shared between views, so that a change costs what changed.
func TestUnchangedCollectionsAreShared(t *testing.T) {
	w := newWork(t)
	c := w.open(Config{})
	before := c.Current()
	w.write("things/two.json", `{"name": "Two"}`)
	after := reload(t, c)
	if before.Snapshot.Set("kinds") != after.Snapshot.Set("kinds") || record(before, "things", "one") != record(after, "things", "one") {
		t.Error("not shared")
	}
	if record(before, "things", "two") != nil {
		t.Error("a published snapshot changed")
	}
}

// A record that is no JSON is a problem of its own, not of those that refer to it.
func TestWhoRefersToABrokenRecordIsNotBlamed(t *testing.T) {
	w := newWork(t)
	w.write("kinds/a.json", `{"name": `)
	report, err := Examine(context.Background(), Config{Repo: w.repo()}, "")
	if err != nil || len(report.Problems) != 1 || report.Problems[0].Path != "kinds/a.json" {
		t.Errorf("%v %+v", err, report)
	}
}

// The cause is told, and once that nothing could be checked.
func TestABrokenSchemaIsToldOnce(t *testing.T) {
	w := newWork(t)
	w.write("schema/thing.json", `{"type": 5}`)
	report, err := Examine(context.Background(), Config{Repo: w.repo()}, "")
	if err != nil || len(report.Problems) != 2 || report.Problems[0].Path != "schema/thing.json" || report.Problems[1].Path != "schema/thing.json" {
		t.Errorf("%v %+v", err, report.Problems)
	}
}

func TestFilesThatWereMeantToBeRecordsAreTold(t *testing.T) {
	w := newWork(t)
	w.write("things/two.JSON", `{"name": "Two"}`)
	w.write("things/sub/three.json", `{"name": "Three"}`)
	w.write("things/README.md", "no record at all")
	w.git("mv", "kinds", "elsewhere")
	if err := os.Symlink("elsewhere", w.path("kinds")); err != nil {
		t.Fatal(err)
	}
	want := "kinds entry/symlink\nthings/one.json reference/missing\nthings/sub/three.json entry/misplaced\nthings/two.JSON entry/misplaced"
	if got := rules(w.open(Config{}).Current()); got != want {
		t.Errorf("work tree:\n%s", got)
	}
	if got := rules(w.committed("astray")); got != want {
		t.Errorf("commit:\n%s", got)
	}
}

// A start while Git is at work, or after it left a lock behind, serves what is there.
func TestAStartDuringARebase(t *testing.T) {
	w := newWork(t)
	w.write(".git/index.lock", "")
	w.write("things/one.json", `{"name": "New"}`)
	if r := record(w.open(Config{}).Current(), "things", "one"); r.Root.Member("name").Str() != "New" {
		t.Errorf("served %+v", r)
	}
}
