package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

func at(t *testing.T, c *Catalog, revision string) *content.View {
	t.Helper()
	v, err := c.At(context.Background(), revision)
	if err != nil {
		t.Fatalf("at %s: %v", revision, err)
	}
	return v
}

func TestAnyRevisionIsReadAsItWas(t *testing.T) {
	w := newWork(t)
	first := w.git("rev-parse", "HEAD")
	w.write("things/one.json", `{"name": "Two"}`)
	w.commit("second")
	w.git("tag", "v2")
	w.git("checkout", "-q", "-b", "side")
	w.write("things/one.json", `{"name": "Side"}`)
	w.commit("third")
	w.git("checkout", "-q", "main")
	c := w.open(Config{})
	for revision, want := range map[string]string{
		first: "One", first[:8]: "One", "main~1": "One", "HEAD~1": "One", "v2": "Two", "main": "Two", "refs/heads/main": "Two",
		"side": "Side", "side^1": "Two", "2100-01-01": "Two",
	} {
		if got := record(at(t, c, revision), "things", "one").Root.Member("name").Str(); got != want {
			t.Errorf("at %s: %s, want %s", revision, got, want)
		}
	}
}

func TestARevisionShowsWhatIsBrokenInIt(t *testing.T) {
	w := newWork(t)
	w.write("things/one.json", `{"name": 5}`)
	w.commit("broken")
	c := w.open(Config{Ref: "main"})
	if r := record(c.Current(), "things", "one"); !r.Stale || r.Source != `{"name": "One", "kind": "a", "number": 1}` {
		t.Fatalf("served %+v", r)
	}
	v := at(t, c, "main")
	if r := record(v, "things", "one"); r.Stale || r.Valid || r.Source != `{"name": 5}` {
		t.Errorf("at main: %+v", r)
	}
	if len(v.Problems) != 1 || v.Problems[0].Path != "things/one.json" {
		t.Errorf("problems at main: %+v", v.Problems)
	}
}

func TestAnOldCommitIsReadByItsOwnModelAndTypedByTheServedOne(t *testing.T) {
	w := newWork(t)
	old := w.git("rev-parse", "HEAD")
	w.git("mv", "things", "objects")
	w.write("schema/model.json", strings.ReplaceAll(testModel, `"things/{id}.json"`, `"objects/{id}.json"`))
	w.write("schema/thing.json", `{"type": "object", "properties": {"name": {"type": "string", "minLength": 10}}}`)
	w.commit("moved")
	c := w.open(Config{})
	v := at(t, c, old)
	r := record(v, "things", "one")
	if r == nil || r.Path != "things/one.json" || !r.Valid {
		t.Fatalf("at %s: %+v", old, r)
	}
	if v.Model != c.Current().Model {
		t.Error("the types are not those served")
	}
}

func TestARevisionWithoutAUsableModelIsReadByTheServedOne(t *testing.T) {
	w := newWork(t)
	w.write("schema/model.json", `{"collections": `)
	broken := w.commit("broken model")
	w.write("schema/model.json", testModel)
	w.commit("mended")
	c := w.open(Config{})
	if r := record(at(t, c, broken), "things", "one"); r == nil {
		t.Error("no record at a commit whose model is broken")
	}
}

func TestAMovedBranchIsReadAnew(t *testing.T) {
	w := newWork(t)
	w.git("checkout", "-q", "-b", "side")
	w.write("things/one.json", `{"name": "Side"}`)
	w.commit("side")
	w.git("checkout", "-q", "main")
	c := w.open(Config{})
	before := at(t, c, "side")
	w.git("branch", "-f", "side", "main")
	after := at(t, c, "side")
	if before.Key == after.Key || record(after, "things", "one").Root.Member("name").Str() != "One" {
		t.Errorf("after the branch moved: %s", record(after, "things", "one").Source)
	}
}

func TestWhatIsNoRevisionIsSaid(t *testing.T) {
	w := newWork(t)
	c := w.open(Config{})
	for revision, want := range map[string]error{
		"mian": content.ErrNotFound, "": content.ErrNotFound, strings.Repeat("x", 300): content.ErrNotFound,
		"../../etc/passwd": content.ErrNotFound, "main~99999999": content.ErrNotFound,
		"0123456789012345678901234567890123456789": content.ErrNotFound,
	} {
		if _, err := c.At(context.Background(), revision); !errors.Is(err, want) {
			t.Errorf("at %q: %v, want %v", revision, err, want)
		}
	}
	_, err := c.At(context.Background(), "mian")
	if err == nil || !strings.Contains(err.Error(), "main") {
		t.Errorf("no word of what was meant: %v", err)
	}
}

func TestLineEndingsAreAsGitWouldStoreThem(t *testing.T) {
	w := newWork(t)
	w.write(".gitattributes", "*.json text eol=crlf\n")
	w.write("things/one.json", "{\r\n  \"name\": \"One\"\r\n}\r\n")
	w.commit("with line endings of Windows")
	c := w.open(Config{})
	r := record(c.Current(), "things", "one")
	if r.Uncommitted || strings.Contains(r.Source, "\r") {
		t.Errorf("served %+v", r)
	}
}

func TestASymbolicLinkIsAProblemInBothModes(t *testing.T) {
	w := newWork(t)
	if err := os.Symlink("one.json", w.path("things/link.json")); err != nil {
		t.Fatal(err)
	}
	w.commit("a link")
	for _, cfg := range []Config{{}, {Ref: "main"}} {
		v := w.open(cfg).Current()
		if record(v, "things", "link") != nil || len(v.Problems) != 1 || v.Problems[0].Path != "things/link.json" {
			t.Errorf("ref %q: problems %+v", cfg.Ref, v.Problems)
		}
	}
}

func TestAnEditorsOwnFilesAreNoRecords(t *testing.T) {
	w := newWork(t)
	if err := os.Symlink("user@host.1234", w.path("things/.#one.json")); err != nil {
		t.Fatal(err)
	}
	w.write("things/.one.json", `{"half": `)
	if v := w.open(Config{}).Current(); len(v.Problems) != 0 {
		t.Errorf("problems %+v", v.Problems)
	}
}

func TestAttachmentsAreReadFromGitAndFromTheWorkTree(t *testing.T) {
	w := newWork(t)
	w.write("files/committed.txt", "in Git")
	w.commit("a file")
	w.write("files/saved.txt", "saved only")
	c := w.open(Config{})
	for name, want := range map[string]string{"files/committed.txt": "in Git", "files/saved.txt": "saved only"} {
		f, ok := c.Current().Snapshot.File(name)
		if !ok || f.Size != int64(len(want)) {
			t.Fatalf("%s: %+v", name, f)
		}
		data, err := c.Read(context.Background(), f)
		if err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	f, _ := c.Current().Snapshot.File("files/saved.txt")
	w.write("files/saved.txt", "changed since")
	if _, err := c.Read(context.Background(), f); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("a file that changed since: %v", err)
	}
}

func TestARepositoryWithoutACommitIsServedFromItsFiles(t *testing.T) {
	w := newWork(t)
	w.git("update-ref", "-d", "HEAD")
	v := w.open(Config{}).Current()
	if r := record(v, "things", "one"); r == nil || !r.Uncommitted || v.Commit != "" {
		t.Errorf("served %+v of commit %q", r, v.Commit)
	}
}

func TestARepositoryWithoutAModelSaysWhatToDo(t *testing.T) {
	w := newWork(t)
	w.git("rm", "-rq", "schema")
	w.git("commit", "-q", "--amend", "-m", "no model")
	_, err := Open(context.Background(), Config{Repo: w.repo()})
	if !errors.Is(err, content.ErrNotFound) || !strings.Contains(err.Error(), "koonti init") {
		t.Errorf("got %v", err)
	}
}

func TestAModelFromOutsideServesAnyRepository(t *testing.T) {
	w := newWork(t)
	w.git("rm", "-q", "schema/model.json")
	w.commit("no model")
	c := w.open(Config{Model: &OutsideModel{"model.json", testModel}})
	if record(c.Current(), "things", "one") == nil || record(at(t, c, "HEAD~1"), "things", "one") == nil {
		t.Error("no record")
	}
}

func TestALargeFileIsAProblemAndNotRead(t *testing.T) {
	w := newWork(t)
	w.write("things/big.json", `{"name": "`+strings.Repeat("x", content.MaxBytes)+`"}`)
	w.commit("big")
	for _, cfg := range []Config{{}, {Ref: "main"}} {
		v := w.open(cfg).Current()
		if record(v, "things", "big") != nil || len(v.Problems) != 1 || v.Problems[0].Rule != "json/too-large" {
			t.Errorf("ref %q: problems %+v", cfg.Ref, v.Problems)
		}
	}
}

func TestAnUnreachableCommitIsReadByItsOwnModel(t *testing.T) {
	w := newWork(t)
	main := w.git("rev-parse", "HEAD")
	w.git("checkout", "-q", "--detach")
	w.write("schema/thing.json", strings.Replace(fmt.Sprintf(testThing, 10), `"kind":`, `"age": {"type": "integer"}, "kind":`, 1))
	w.commit("longer names")
	changed := w.commit("nothing else")
	w.write("schema/model.json", `{"collections": `)
	broken := w.commit("broken model")
	w.git("checkout", "-q", "main")
	c := w.open(Config{Ref: "main"})
	own := func(hash string) *content.View {
		t.Helper()
		v, err := c.Own(context.Background(), content.Hash(hash))
		if err != nil {
			t.Fatalf("own %s: %v", hash, err)
		}
		return v
	}
	v := own(changed)
	if v.Model == c.Current().Model || v.Model.Collection("things").Root.Field("age") == nil {
		t.Error("the view is not typed by the model of the commit")
	}
	if r := record(v, "things", "one"); r == nil || r.Valid || len(v.Problems) != 1 {
		t.Errorf("one is %+v with the problems %+v, want it invalid by the schema of the commit", r, v.Problems)
	}
	if v := own(broken); !v.ModelStale || v.Model.Collection("things").Root.Field("age") == nil || !strings.HasPrefix(v.Problems[0].Path, "schema/") {
		t.Errorf("with a broken model: stale %t, problems %+v, want the model before it and what is wrong with it", v.ModelStale, v.Problems)
	}
	if v := own(main); len(v.Problems) != 0 {
		t.Errorf("problems of main: %+v", v.Problems)
	}
	if _, err := c.Own(context.Background(), content.Hash(strings.Repeat("12", 20))); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("no such commit: %v, want content.ErrNotFound", err)
	}
	if _, err := c.At(context.Background(), changed); err == nil {
		t.Error("a client may read a commit that nothing exposed reaches")
	}
}

// Anyone may push a schema that takes as long as there are steps, for any number of
// records: it keeps nobody from reading other revisions, and is given up.
func TestARevisionThatTakesTooLongIsGivenUp(t *testing.T) {
	w := newWork(t)
	defs := `{"type": "object"}`
	for i := range 24 {
		defs += fmt.Sprintf(`, "d%d": {"allOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]}`, i+1, i, i)
	}
	w.git("checkout", "-q", "-b", "slow")
	w.write("schema/thing.json", `{"$ref": "#/$defs/d24", "$defs": {"d0": `+defs+`}}`)
	long := `{"name": "` + strings.Repeat("x", 1000) + `", "values": [` + strings.Repeat("1,", 1000) + `1]}`
	for i := range 400 {
		w.write(fmt.Sprintf("things/slow%d.json", i), long+strings.Repeat(" ", i))
	}
	slow := content.Hash(w.commit("slow"))
	w.git("checkout", "-q", "main")
	c := w.open(Config{Patience: time.Second})
	given := make(chan error, 1)
	go func() {
		_, err := c.Own(context.Background(), slow)
		given <- err
	}()
	at(t, c, "main")
	if err := <-given; !errors.Is(err, content.ErrUnavailable) || !strings.Contains(err.Error(), "takes more than 1s") {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	start := time.Now()
	if _, err := c.Own(context.Background(), slow); !errors.Is(err, content.ErrUnavailable) || time.Since(start) > 900*time.Millisecond {
		t.Errorf("asked again: %v after %s, want what was said before", err, time.Since(start))
	}
}
