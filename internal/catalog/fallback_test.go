package catalog

import (
	"context"
	"errors"
	"fmt"
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
	for _, broken := range []string{`{"collections": `, `{"collections": [{"name": "things"}]}`, ``} {
		w.write("schema/model.json", broken)
		w.write("things/one.json", `{"name": "New"}`)
		v := w.open(Config{}).Current()
		if r := record(v, "things", "one"); !v.ModelStale || r.Root.Member("name").Str() != "New" || !strings.Contains(rules(v), "schema/model.json ") {
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
	if c.Current() != before || c.Status().HeldBack.IsZero() || !strings.Contains(c.Status().Reason, "schema/model.json") {
		t.Errorf("status %+v", c.Status())
	}
	w.write("schema/model.json", testModel)
	reload(t, c)
	if !c.Status().HeldBack.IsZero() {
		t.Errorf("mended, but status %+v", c.Status())
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
