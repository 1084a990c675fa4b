package catalog

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// ownersBy is an owners file by which one person owns a place of things.
func ownersBy(person, place string) string {
	return `{"owners": [{"collection": "things", "field": "` + place + `", "people": ["` + person + `"]}]}`
}

func TestOwnersAreChecked(t *testing.T) {
	w := newWork(t)
	c := w.open(Config{})
	problems := func() string { return rules(reload(t, c)) }
	if got := problems(); got != "" {
		t.Fatalf("without owners: %s", got)
	}
	key := c.Current().Key
	for _, step := range []struct{ owners, want string }{
		{ownersBy("anna", "/name"), ""},
		{ownersBy("anna", "/nmae"), "schema/owners.json owners/unknown-place"},
		{ownersBy("anna", "/neme"), "schema/owners.json owners/unknown-place"},
		{`{"owners": `, "schema/owners.json json/syntax"},
		{`{"owners": [` + strings.Repeat(" ", content.MaxBytes) + `]}`, "schema/owners.json json/too-large"},
		{ownersBy("anna", "/name"), ""},
	} {
		w.write(OwnersFile, step.owners)
		if got := problems(); got != step.want {
			t.Errorf("work tree, %.60s: %s, want %s", step.owners, got, step.want)
		}
		same(t, "a fresh start", w.open(Config{}).Current(), c.Current())
		w.commit("owners")
		if got := rules(w.open(Config{Ref: "main"}).Current()); got != step.want {
			t.Errorf("branch, %.60s: %s, want %s", step.owners, got, step.want)
		}
		if got := rules(at(t, c, "main")); got != step.want {
			t.Errorf("at main, %.60s: %s, want %s", step.owners, got, step.want)
		}
		report, err := Examine(context.Background(), Config{Repo: w.repo()}, "main")
		if err != nil {
			t.Fatal(err)
		}
		if got := rules(&content.View{Problems: report.Problems}); got != step.want {
			t.Errorf("examined, %.60s: %s, want %s", step.owners, got, step.want)
		}
	}
	w.remove(OwnersFile)
	if got := problems(); got != "" {
		t.Errorf("gone: %s", got)
	}
	w.git("reset", "-q", "--hard", "main~6")
	if reload(t, c); c.Current().Key != key {
		t.Error("the view before owners is another")
	}
}

func TestOwnersAt(t *testing.T) {
	ctx := context.Background()
	w := newWork(t)
	force := func(revision string) (string, string) {
		t.Helper()
		in, err := OwnersAt(ctx, Config{Repo: w.repo()}, revision)
		if err != nil {
			t.Fatalf("%s: %v", revision, err)
		}
		if in.Owners == nil {
			if in.Model != nil {
				t.Errorf("%s: a model without owners", revision)
			}
			return "", string(in.Commit)
		}
		return in.Owners.Entries[0].People[0], string(in.Commit)
	}
	steps := []struct {
		name, file, text string
		people           string
		own              bool // the commit itself is in force
	}{
		{"broken since there is one", OwnersFile, `{"owners": [{}]}`, "", false},
		{"the first good one", OwnersFile, ownersBy("anna", "/name"), "anna", true},
		{"another record", "things/two.json", `{"name": "Two"}`, "anna", true},
		{"no JSON", OwnersFile, `{`, "anna", false},
		{"a place that is not there", OwnersFile, ownersBy("bertta", "/nmae"), "anna", false},
		{"mended", OwnersFile, ownersBy("bertta", "/name"), "bertta", true},
		{"a model that does not know the collection", "schema/model.json", strings.ReplaceAll(testModel, `"things", "type"`, `"stuff", "type"`), "bertta", false},
		{"a model that cannot be used", "schema/model.json", `{}`, "bertta", false},
		{"a model again, a schema that does not compile", "schema/model.json", testModel, "bertta", true},
		{"a schema that does not compile", "schema/kind.json", `{"type": 5}`, "bertta", false},
		{"with nothing owned", OwnersFile, `{"owners": []}`, "bertta", false},
	}
	good := w.git("rev-parse", "HEAD")
	for _, step := range steps {
		w.write(step.file, step.text)
		commit := w.commit(step.name)
		if step.own {
			good = commit
		}
		if people, at := force("main"); people != step.people || at != good {
			t.Errorf("%s: %q of %s, want %q of %s", step.name, people, at, step.people, good)
		}
	}
	w.remove(OwnersFile)
	gone := w.commit("no owners any more")
	if people, at := force("main"); people != "" || at != gone {
		t.Errorf("gone: %q of %s, want nobody of %s", people, at, gone)
	}
	w.git("switch", "-q", "-c", "proposal", "main~7")
	w.write(OwnersFile, ownersBy("eve", "/name"))
	w.commit("let me in")
	if people, _ := force("main"); people != "" {
		t.Errorf("main: %q, want nobody as before", people)
	}
	if people, _ := force("main~7"); people != "anna" {
		t.Errorf("where the proposal began: %q, want anna", people)
	}
	if _, err := OwnersAt(ctx, Config{Repo: w.repo()}, "nowhere"); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("nowhere: %v", err)
	}
}

// A link in the place of the file is neither followed nor taken for no file.
func TestOwnersThatAreALink(t *testing.T) {
	w := newWork(t)
	w.write(OwnersFile, ownersBy("anna", "/name"))
	w.commit("owners")
	w.write("elsewhere.json", ownersBy("eve", "/name"))
	w.remove(OwnersFile)
	if err := os.Symlink("../elsewhere.json", w.path(OwnersFile)); err != nil {
		t.Fatal(err)
	}
	w.commit("a link")
	in, err := OwnersAt(context.Background(), Config{Repo: w.repo()}, "main")
	if err != nil || in.Owners == nil || in.Owners.Entries[0].People[0] != "anna" {
		t.Errorf("got %+v, %v", in, err)
	}
}

func TestOwnersThatAShallowCloneDoesNotTell(t *testing.T) {
	w := newWork(t)
	w.write(OwnersFile, `{`)
	w.commit("broken")
	dir := t.TempDir()
	clone := exec.Command("git", "clone", "-q", "--depth=1", "file://"+w.dir, dir)
	if out, err := clone.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	repo, err := gitrepo.Open(dir, gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	if in, err := OwnersAt(context.Background(), Config{Repo: repo}, "main"); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("got %+v, %v; want ErrUnavailable", in, err)
	}
}
