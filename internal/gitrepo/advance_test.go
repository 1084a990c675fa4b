package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// surroundings are all files of a folder, .git included: kind, permissions and
// bytes by path.
func surroundings(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch info.Mode().Type() {
		case fs.ModeSymlink:
			what += " " + must(os.Readlink(path))
		case 0:
			what += " " + string(must(os.ReadFile(path)))
		}
		rel, err := filepath.Rel(dir, path)
		all[rel] = what
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// files are those of the work tree.
func workFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := surroundings(t, dir)
	for name := range all {
		if name == ".git" || strings.HasPrefix(name, ".git/") {
			delete(all, name)
		}
	}
	return all
}

func (g *git) remove(names ...string) {
	g.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(g.dir, name)); err != nil {
			g.t.Fatal(err)
		}
	}
}

func (g *git) link(target, name string) {
	g.t.Helper()
	if err := os.Symlink(target, filepath.Join(g.dir, name)); err != nil {
		g.t.Fatal(err)
	}
}

// ahead makes a repository whose branch next is a commit ahead of main, which is
// checked out, clean and at rest; everything that may happen to a file happens.
func ahead(t *testing.T, settings ...string) (g *git, was, is Hash) {
	t.Helper()
	g = newGit(t)
	for i := 0; i < len(settings); i += 2 {
		g.run("config", settings[i], settings[i+1])
	}
	for _, name := range []string{"same", "changed", "removed", "d/same", "d/changed", "e/only", "becomes-folder", "becomes-file/a/b", "becomes-exec", "becomes-link", "crlf.txt", "keep/x"} {
		g.write(name, name+"\nwas\n")
	}
	g.link("same", "link")
	g.link("../keep", "d/link")
	was = g.commit("z", "z\n")
	g.run("checkout", "-q", "-b", "next")
	g.remove("removed", "e", "becomes-folder", "becomes-file", "becomes-link", "link", "crlf.txt")
	for _, name := range []string{"changed", "d/changed", "added", "n/e/w", "becomes-folder/a/b", "becomes-file"} {
		g.write(name, name+"\nis\n")
	}
	g.write(".gitattributes", "*.txt eol=crlf\n*.dos text eol=crlf\n*.bin -text\n*.auto text=auto eol=crlf\n")
	for _, name := range []string{"crlf.txt", "a.dos", "a.bin", "n/a.auto", "n/b.auto"} {
		g.write(name, "one\ntwo\n")
	}
	g.write("n/b.auto", "one\x00\ntwo\n")
	g.link("d/same", "becomes-link")
	g.link("changed", "link")
	if err := os.Chmod(filepath.Join(g.dir, "becomes-exec"), 0o755); err != nil {
		t.Fatal(err)
	}
	is = g.commit("tool", "#!/bin/sh\n")
	g.run("checkout", "-q", "main")
	return g, was, is
}

func (g *git) copyOf(t *testing.T) *git {
	t.Helper()
	to := filepath.Join(realTemp(t), "repo")
	if out, err := exec.Command("cp", "-a", g.dir, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return g.in(to)
}

func TestAdvanceIsAFastForward(t *testing.T) {
	for name, c := range map[string]struct {
		settings []string
		before   func(g *git)
	}{
		"plain":              {nil, func(*git) {}},
		"index version 4":    {[]string{"index.version", "4"}, func(*git) {}},
		"index of many":      {[]string{"feature.manyFiles", "true"}, func(*git) {}},
		"autocrlf":           {[]string{"core.autocrlf", "true"}, func(*git) {}},
		"autocrlf=input":     {[]string{"core.autocrlf", "input"}, func(*git) {}},
		"eol=crlf":           {[]string{"core.eol", "crlf"}, func(*git) {}},
		"no links":           {[]string{"core.symlinks", "false"}, func(g *git) { g.run("checkout", "-q", "-f"); g.remove("link", "d/link"); g.run("checkout", ".") }},
		"packed":             {nil, func(g *git) { g.run("gc", "-q") }},
		"a file gone":        {nil, func(g *git) { g.remove("removed", "e") }},
		"empty folders":      {nil, func(g *git) { must(0, os.MkdirAll(filepath.Join(g.dir, "added/x/y"), 0o755)) }},
		"others have a lock": {nil, func(g *git) { g.write(".git/refs/heads/next.lock", "") }},
		"work elsewhere": {nil, func(g *git) {
			g.write("same", "uncommitted\n")
			g.write("d/untracked", "mine\n")
			g.write("keep/new", "staged\n")
			g.run("add", "keep/new")
			g.write("keep/new", "staged and changed\n")
			g.run("rm", "-q", "--cached", "d/same")
			g.write("intended", "")
			g.run("add", "-N", "intended")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g, was, is := ahead(t, c.settings...)
			c.before(g)
			oracle := g.copyOf(t)
			oracle.run("merge", "-q", "--ff-only", "next")
			r := g.open()
			who := Signature{"Aino", "aino@example.org", time.Unix(1600000000, 0).In(time.FixedZone("", 7200))}
			if err := r.Advance(background, RefUpdate{"refs/heads/main", was, is, who, "merge next: Fast-forward"}); err != nil {
				t.Fatal(err)
			}
			if out := g.run("diff-files", "--name-only"); out != oracle.run("diff-files", "--name-only") {
				t.Errorf("the index does not know the files: %s", out)
			}
			if diff := cmp.Diff(workFiles(t, oracle.dir), workFiles(t, g.dir)); diff != "" {
				t.Errorf("files (-git +ours):\n%s", diff)
			}
			for _, args := range [][]string{{"status", "--porcelain"}, {"ls-files", "-s"}, {"rev-parse", "HEAD", "main"}, {"symbolic-ref", "HEAD"}, {"ls-files", "--eol"}} {
				if diff := cmp.Diff(oracle.run(args...), g.run(args...)); diff != "" {
					t.Errorf("git %s (-git +ours):\n%s", args, diff)
				}
			}
			for _, log := range []string{"HEAD", "refs/heads/main"} {
				last := func(g *git) string {
					lines := strings.Split(strings.TrimSpace(string(must(os.ReadFile(filepath.Join(g.dir, ".git/logs", log))))), "\n")
					return lines[len(lines)-1]
				}
				if want := strings.Replace(last(oracle), "Eero <eero@", "Aino <aino@", 1); want != last(g) {
					t.Errorf("log of %s: %q, git: %q", log, last(g), want)
				}
			}
			g.run("fsck", "--strict")
			if r.Busy() {
				t.Error("a lock is left behind")
			}
		})
	}
}

func TestAdvanceRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		before func(g *git)
		want   error
		paths  []string // of an UncommittedError
	}{
		"changed file":         {func(g *git) { g.write("changed", "mine\n") }, ErrUncommitted, []string{"changed"}},
		"changed files":        {func(g *git) { g.write("d/changed", "mine\n"); g.write("changed", "mine\n"); g.write("same", "mine\n") }, ErrUncommitted, []string{"changed", "d/changed"}},
		"removed file changed": {func(g *git) { g.write("e/only", "mine\n") }, ErrUncommitted, []string{"e/only"}},
		"changed file deleted": {func(g *git) { g.remove("changed") }, ErrUncommitted, []string{"changed"}},
		"staged": {func(g *git) {
			g.write("changed", "mine\n")
			g.run("add", "changed")
			g.write("changed", "changed\nwas\n")
		}, ErrUncommitted, []string{"changed"}},
		"removal staged":  {func(g *git) { g.run("rm", "-q", "--cached", "changed") }, ErrUncommitted, []string{"changed"}},
		"addition staged": {func(g *git) { g.write("added", "mine\n"); g.run("add", "added") }, ErrUncommitted, []string{"added"}},
		"untracked":       {func(g *git) { g.write("n/e/w", "mine\n") }, ErrUncommitted, []string{"n/e/w"}},
		"staged as it will be, then changed": {func(g *git) {
			g.write("changed", "changed\nis\n")
			g.run("add", "changed")
			g.write("changed", "mine\n")
		}, ErrUncommitted, []string{"changed"}},
		"as it will be, otherwise staged": {func(g *git) {
			g.write("changed", "mine\n")
			g.run("add", "changed")
			g.write("changed", "changed\nis\n")
		}, ErrUncommitted, []string{"changed"}},
		"untracked of the same, executable":       {func(g *git) { g.write("added", "added\nis\n"); must(0, os.Chmod(filepath.Join(g.dir, "added"), 0o755)) }, ErrUncommitted, []string{"added"}},
		"as it will be, beside another":           {func(g *git) { g.write("added", "added\nis\n"); g.write("changed", "mine\n") }, ErrUncommitted, []string{"changed"}},
		"ignored":                                 {func(g *git) { g.write(".git/info/exclude", "added\n"); g.write("added", "mine\n") }, ErrUncommitted, []string{"added"}},
		"file where a folder is due":              {func(g *git) { g.write("n", "mine\n") }, ErrUncommitted, []string{"n"}},
		"link where a folder is due":              {func(g *git) { g.link("keep", "n") }, ErrUncommitted, []string{"n"}},
		"untracked in folder that becomes a file": {func(g *git) { g.write("becomes-file/mine", "mine\n") }, ErrUncommitted, []string{"becomes-file/mine"}},
		"link outward for a folder":               {func(g *git) { g.remove("d"); g.link("/tmp", "d") }, ErrUncommitted, []string{"d/changed"}},
		"link inward for a folder": {func(g *git) {
			g.write("copy/changed", "d/changed\nwas\n")
			g.remove("d")
			g.link("copy", "d")
		}, ErrUncommitted, []string{"d/changed"}},
		"executable bit":             {func(g *git) { must(0, os.Chmod(filepath.Join(g.dir, "changed"), 0o755)) }, ErrUncommitted, []string{"changed"}},
		"link changed":               {func(g *git) { g.remove("link"); g.link("keep", "link") }, ErrUncommitted, []string{"link"}},
		"link made a file":           {func(g *git) { g.remove("link"); g.write("link", "same") }, ErrUncommitted, []string{"link"}},
		"file made a link":           {func(g *git) { g.remove("changed"); g.link("same", "changed") }, ErrUncommitted, []string{"changed"}},
		"changed, as large, at once": {func(g *git) { g.run("update-index", "--refresh"); g.write("changed", "changed\nwaS\n") }, ErrUncommitted, []string{"changed"}},
		"merge under way":            {func(g *git) { g.write(".git/MERGE_HEAD", "x") }, ErrBusy, nil},
		"rebase under way":           {func(g *git) { g.write(".git/rebase-merge/head-name", "refs/heads/main") }, ErrBusy, nil},
		"cherry-pick under way":      {func(g *git) { g.write(".git/CHERRY_PICK_HEAD", "x") }, ErrBusy, nil},
		"git is at work":             {func(g *git) { g.write(".git/index.lock", "") }, ErrBusy, nil},
		"conflict in the index": {func(g *git) {
			g.feed(fmt.Sprintf("0 %s\tsame\n100644 %s 1\tsame\n100644 %s 2\tsame\n", strings.Repeat("0", 40), g.hash("main:same"), g.hash("main:z")), "update-index", "--index-info")
		}, ErrBusy, nil},
		"branch moved":                 {func(g *git) { g.run("update-ref", "refs/heads/main", string(g.hash("next"))) }, ErrChanged, nil},
		"another branch is out":        {func(g *git) { g.run("checkout", "-q", "next") }, ErrUnsupported, nil},
		"detached":                     {func(g *git) { g.run("checkout", "-q", "--detach") }, ErrUnsupported, nil},
		"out in another":               {func(g *git) { g.run("checkout", "-q", "next"); g.run("worktree", "add", "-q", "../other", "main") }, ErrCheckedOut, nil},
		"out in another too":           {func(g *git) { g.run("worktree", "add", "-q", "-f", "../other", "main") }, ErrCheckedOut, nil},
		"split index":                  {func(g *git) { g.run("update-index", "--split-index") }, ErrUnsupported, nil},
		"assumed unchanged":            {func(g *git) { g.run("update-index", "--assume-unchanged", "same") }, ErrUnsupported, nil},
		"assumed unchanged, version 4": {func(g *git) { g.run("update-index", "--index-version", "4", "--assume-unchanged", "same") }, ErrUnsupported, nil},
		"sparse checkout":              {func(g *git) { g.run("config", "core.sparseCheckout", "true") }, ErrUnsupported, nil},
		"filter": {func(g *git) {
			g.write(".git/info/attributes", "added filter=x\n")
			g.run("config", "filter.x.smudge", "cat")
		}, ErrUnsupported, nil},
		"ident":    {func(g *git) { g.write(".git/info/attributes", "changed ident\n") }, ErrUnsupported, nil},
		"encoding": {func(g *git) { g.write(".git/info/attributes", "n/e/w working-tree-encoding=UTF-16\n") }, ErrUnsupported, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, was, is := ahead(t)
			c.before(g)
			before := surroundings(t, filepath.Dir(g.dir))
			r := g.open()
			err := r.Advance(background, RefUpdate{Name: "refs/heads/main", Was: was, Is: is})
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			var work *UncommittedError
			if errors.As(err, &work) != (c.paths != nil) || work != nil && !cmp.Equal(work.Paths, c.paths) {
				t.Errorf("%v, want %s", err, c.paths)
			}
			if diff := cmp.Diff(before, surroundings(t, filepath.Dir(g.dir))); diff != "" {
				t.Errorf("something was done all the same (-before +after):\n%s", diff)
			}
		})
	}
}

// What someone has in the work tree already, as the new commit has it, is in nobody's way
// and is not written again.
func TestAdvanceToWhatIsThereAlready(t *testing.T) {
	stage := func(g *git, paths ...string) { g.run(append([]string{"add", "-A", "--"}, paths...)...) }
	for name, c := range map[string]struct {
		before func(g *git)
		stays  string // a file that is not written again
	}{
		"changed alike":         {func(g *git) { g.write("changed", "changed\nis\n") }, "changed"},
		"changed alike, staged": {func(g *git) { g.write("changed", "changed\nis\n"); stage(g, "changed") }, "changed"},
		"added alike":           {func(g *git) { g.write("n/e/w", "n/e/w\nis\n") }, "n/e/w"},
		"added alike, staged":   {func(g *git) { g.write("n/e/w", "n/e/w\nis\n"); stage(g, "n/e/w") }, "n/e/w"},
		"added alike, ignored":  {func(g *git) { g.write(".git/info/exclude", "added\n"); g.write("added", "added\nis\n") }, "added"},
		"gone, and staged":      {func(g *git) { g.run("rm", "-q", "removed", "e/only") }, ""},
		"removal staged":        {func(g *git) { g.run("rm", "-q", "--cached", "removed"); g.remove("removed") }, ""},
		"a link alike":          {func(g *git) { g.remove("link"); g.link("changed", "link") }, ""},
		"executable already":    {func(g *git) { must(0, os.Chmod(filepath.Join(g.dir, "becomes-exec"), 0o755)) }, "becomes-exec"},
		"a folder already": {func(g *git) {
			g.remove("becomes-folder")
			g.write("becomes-folder/a/b", "becomes-folder/a/b\nis\n")
			stage(g, "becomes-folder")
		}, "becomes-folder/a/b"},
		"ends of lines by the new attributes": {func(g *git) { g.write("a.dos", "one\r\ntwo\r\n") }, "a.dos"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, was, is := ahead(t)
			oracle := g.copyOf(t)
			oracle.run("merge", "-q", "--ff-only", "next")
			c.before(g)
			var before fs.FileInfo
			if c.stays != "" {
				before = must(os.Stat(filepath.Join(g.dir, c.stays)))
			}
			if err := g.open().Advance(background, RefUpdate{Name: "refs/heads/main", Was: was, Is: is}); err != nil {
				t.Fatal(err)
			}
			if c.stays != "" && !os.SameFile(before, must(os.Stat(filepath.Join(g.dir, c.stays)))) {
				t.Errorf("%s was written again", c.stays)
			}
			if out := g.run("diff-files", "--name-only"); out != "" {
				t.Errorf("the index does not know %s", out)
			}
			if diff := cmp.Diff(workFiles(t, oracle.dir), workFiles(t, g.dir)); diff != "" {
				t.Errorf("files (-git +ours):\n%s", diff)
			}
			for _, args := range [][]string{{"status", "--porcelain"}, {"ls-files", "-s"}, {"rev-parse", "HEAD"}} {
				if diff := cmp.Diff(oracle.run(args...), g.run(args...)); diff != "" {
					t.Errorf("git %s (-git +ours):\n%s", args, diff)
				}
			}
		})
	}
}

func TestAdvanceNeedsABranchToAdvance(t *testing.T) {
	g, was, is := ahead(t)
	g.run("clone", "-q", "--bare", ".", "../bare.git")
	bare := openAt(t, filepath.Join(filepath.Dir(g.dir), "bare.git"))
	r := g.open()
	before := surroundings(t, g.dir)
	main := "refs/heads/main"
	side := must(r.WriteCommit(background, NewCommit{Tree: g.hash("next^{tree}"), Author: Signature{Name: "A", When: time.Unix(1, 0)}, Committer: Signature{Name: "A", When: time.Unix(1, 0)}}))
	for _, c := range []struct {
		repo *Repo
		u    RefUpdate
		want error
	}{
		{bare, RefUpdate{Name: main, Was: was, Is: is}, ErrUnsupported},
		{r, RefUpdate{Name: "refs/heads/next", Was: is, Is: is}, ErrUnsupported},
		{r, RefUpdate{Name: "refs/koonti/x", Was: was, Is: is}, ErrUnsupported},
		{r, RefUpdate{Name: "HEAD", Was: was, Is: is}, ErrUnsupported},
		{r, RefUpdate{Name: main, Was: "", Is: is}, ErrNotFound},
		{r, RefUpdate{Name: main, Was: was, Is: ""}, ErrNotFound},
		{r, RefUpdate{Name: main, Was: was, Is: g.hash("next^{tree}")}, ErrNotFound},
		{r, RefUpdate{Name: main, Was: was, Is: side}, ErrUnsupported},
		{r, RefUpdate{Name: main, Was: is, Is: is}, ErrChanged},
		{r, RefUpdate{Name: main, Was: was, Is: was}, nil},
	} {
		if err := c.repo.Advance(background, c.u); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%+v: %v, want %v", c.u, err, c.want)
		}
	}
	if err := r.Advance(cancelled(), RefUpdate{Name: main, Was: was, Is: is}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	g.remove(".git/objects/" + string(side[:2]) + "/" + string(side[2:]))
	for path, what := range surroundings(t, g.dir) {
		if before[path] != what && !strings.HasPrefix(path, ".git/objects/") {
			t.Errorf("%s changed", path)
		}
	}
}

func TestAdvanceInALinkedWorkTree(t *testing.T) {
	g, was, is := ahead(t)
	g.run("checkout", "-q", "--detach")
	g.run("worktree", "add", "-q", "../linked", "main")
	linked := g.in(filepath.Join(filepath.Dir(g.dir), "linked"))
	linked.write("same", "uncommitted\n")
	before := surroundings(t, g.dir)
	if err := linked.open().Advance(background, RefUpdate{Name: "refs/heads/main", Was: was, Is: is, Message: "merge next"}); err != nil {
		t.Fatal(err)
	}
	if got := linked.run("status", "--porcelain"); got != " M same" || linked.hash("HEAD") != is {
		t.Errorf("git status: %q", got)
	}
	if got := linked.run("reflog", "-1", "--format=%gs"); got != "merge next" {
		t.Errorf("log of HEAD: %q", got)
	}
	for path, what := range surroundings(t, g.dir) {
		if before[path] != what && !strings.HasPrefix(path, ".git/worktrees/") && path != ".git/refs/heads/main" && path != ".git/logs/refs/heads/main" {
			t.Errorf("%s changed", path)
		}
	}
}

// Trees come from strangers: no path of theirs leads out of the work tree, or
// into .git, and a link is never followed.
func TestAdvanceToAHostileTree(t *testing.T) {
	g := newGit(t)
	outside := filepath.Join(filepath.Dir(g.dir), "outside")
	must(0, os.MkdirAll(outside, 0o755))
	g.link(outside, "out")
	was := g.commit("a", "1")
	blob, link := g.feed("evil", "hash-object", "-w", "--stdin"), g.feed(outside, "hash-object", "-w", "--stdin")
	entry := func(mode, kind, id, name string) string { return mode + " " + kind + " " + id + "\t" + name }
	evil := string(g.tree(entry("100644", "blob", blob, "config")))
	kept := entry("100644", "blob", string(g.hash("HEAD:a")), "a")
	for name, tree := range map[string]Hash{
		"dot git":      g.tree(kept, entry("040000", "tree", evil, ".git")),
		"Dot Git":      g.tree(kept, entry("040000", "tree", evil, ".GIT")),
		"NTFS":         g.tree(kept, entry("040000", "tree", evil, "git~1")),
		"upward":       g.tree(kept, entry("040000", "tree", evil, "..")),
		"link and dir": g.tree(kept, entry("120000", "blob", link, "out"), entry("040000", "tree", evil, "out")),
		"modules":      g.tree(kept, entry("120000", "blob", link, ".gitmodules")),
		"submodule":    g.tree(kept, entry("160000", "commit", string(was), "sub")),
	} {
		is := Hash(g.run("commit-tree", "-m", "x", "-p", string(was), string(tree)))
		before := surroundings(t, filepath.Dir(g.dir))
		if err := g.open().Advance(background, RefUpdate{Name: "refs/heads/main", Was: was, Is: is}); err == nil {
			t.Errorf("%s was checked out", name)
		}
		if diff := cmp.Diff(before, surroundings(t, filepath.Dir(g.dir))); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	// A link becomes a folder, and a folder a link: what it leads to stays.
	g.run("checkout", "-q", "-b", "next")
	g.remove("out")
	g.write("out/config", "inside")
	is := g.commit("b", "1")
	g.run("checkout", "-q", "main")
	for _, step := range [][2]Hash{{was, is}, {is, Hash(g.run("commit-tree", "-m", "x", "-p", string(is), string(was)+"^{tree}"))}} {
		if err := g.open().Advance(background, RefUpdate{Name: "refs/heads/main", Was: step[0], Is: step[1]}); err != nil {
			t.Fatal(err)
		}
		if out := g.run("status", "--porcelain"); out != "" {
			t.Errorf("git status: %s", out)
		}
	}
	if entries := must(os.ReadDir(outside)); len(entries) != 0 {
		t.Errorf("written outside: %v", entries)
	}
}

// Whoever moves the branch first wins; files and index are as he found them.
func TestAdvanceThatLosesTheRace(t *testing.T) {
	g, was, is := ahead(t)
	g.write("same", "uncommitted\n")
	g.write("changed", "changed\r\nwas\r\n") // as it may be where text is
	g.write(".gitattributes", "changed text\n")
	if out := g.run("status", "--porcelain", "changed"); out != "" && !strings.HasPrefix(out, " M") {
		t.Fatal(out)
	}
	g.run("add", "changed")
	g.remove(".gitattributes")
	g.write(".git/info/attributes", "changed text\n")
	other := g.run("commit-tree", "-m", "x", "-p", string(was), "main^{tree}")
	before := surroundings(t, g.dir)
	g.write(".git/refs/heads/main.lock", "")
	r := g.open()
	done := make(chan error)
	go func() { done <- r.Advance(background, RefUpdate{Name: "refs/heads/main", Was: was, Is: is}) }()
	for {
		if _, err := os.Stat(filepath.Join(g.dir, "tool")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if !r.Busy() {
		t.Error("not busy while files are written")
	}
	g.write(".git/refs/heads/main", other+"\n")
	g.remove(".git/refs/heads/main.lock")
	if err := <-done; !errors.Is(err, ErrChanged) {
		t.Errorf("%v", err)
	}
	before[".git/refs/heads/main"] = surroundings(t, filepath.Join(g.dir, ".git/refs/heads"))["main"]
	if diff := cmp.Diff(before, surroundings(t, g.dir)); diff != "" {
		t.Errorf("not put back (-before +after):\n%s", diff)
	}
}

// A file that was written in the second of the index, and again since, is still
// known to be changed.
func TestAdvanceForgetsNoChange(t *testing.T) {
	g, was, is := ahead(t)
	at := time.Now().Truncate(time.Second).Add(time.Second)
	time.Sleep(time.Until(at.Add(30 * time.Millisecond))) // the rest in one second
	for _, name := range []string{"same", "keep/x"} {
		g.write(name, name+"\nwas\n")
	}
	g.run("update-index", "--really-refresh")
	g.write("same", "same\nWAS\n")
	time.Sleep(time.Until(at.Add(1200 * time.Millisecond)))
	if err := g.open().Advance(background, RefUpdate{Name: "refs/heads/main", Was: was, Is: is}); err != nil {
		t.Fatal(err)
	}
	if got := g.run("status", "--porcelain"); got != " M same" {
		t.Fatalf("git status: %q", got)
	}
	if got := g.run("diff-files", "--name-only"); got != "same" {
		t.Errorf("not known without reading: %q", got)
	}
}

// TestAdvanceKilled kills another process that advances, at any moment.
func TestAdvanceKilled(t *testing.T) {
	if dir := os.Getenv("KOONTI_ADVANCE"); dir != "" {
		r := must(Open(dir, Config{}))
		was, is := Hash(os.Getenv("KOONTI_WAS")), Hash(os.Getenv("KOONTI_IS"))
		fmt.Println("begin")
		must(0, r.Advance(background, RefUpdate{Name: "refs/heads/main", Was: was, Is: is}))
		return
	}
	for i := range 12 {
		g, was, is := ahead(t)
		g.write("same", "uncommitted\n")
		g.write("mine", "untracked\n")
		child := exec.Command(os.Args[0], "-test.run=^TestAdvanceKilled$")
		child.Env = append(os.Environ(), "KOONTI_ADVANCE="+g.dir, "KOONTI_WAS="+string(was), "KOONTI_IS="+string(is))
		out := must(child.StdoutPipe())
		must(0, child.Start())
		must(out.Read(make([]byte, 6)))
		time.Sleep(time.Duration(i) * 700 * time.Microsecond)
		must(0, child.Process.Kill())
		child.Wait()
		g.remove(".git/index.lock", ".git/refs/heads/main.lock", ".git/HEAD.lock")
		g.run("fsck", "--strict")
		if now := g.hash("main"); now != was && now != is {
			t.Errorf("main is %s", now)
		}
		files := workFiles(t, g.dir)
		if files["same"] != "-rw-r--r-- uncommitted\n" || files["mine"] != "-rw-r--r-- untracked\n" {
			t.Errorf("lost: %q, %q", files["same"], files["mine"])
		}
		for name := range files {
			if strings.HasPrefix(filepath.Base(name), ".koonti-") {
				g.remove(name)
			}
		}
		g.run("clean", "-fdq", "-e", "mine")
		g.run("reset", "-q", "--hard")
		g.write("same", "uncommitted\n")
		if got := g.run("status", "--porcelain"); got != " M same\n?? mine" {
			t.Errorf("git status, once cleared up: %q", got)
		}
	}
}
