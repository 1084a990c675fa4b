package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWriteTree(t *testing.T) {
	g := newGit(t)
	for _, name := range []string{"a-b", "a/x", "a/y", "b/c/d", "b/e", "f", "g/h/i"} {
		g.write(name, name)
	}
	g.commit("z", "z")
	r := g.open()
	base := g.hash("HEAD^{tree}")
	blob := must(r.WriteBlob(background, []byte("new")))
	file, folder := Entry{Mode: File, Hash: blob}, Entry{Mode: Folder, Hash: g.hash("HEAD:b")}
	none := Entry{}
	absent := Hash(strings.Repeat("12", 20))
	for name, c := range map[string]struct {
		changes []TreeChange
		err     error
		want    string // of git, told by removing and adding
	}{
		"nothing":                       {},
		"a file set anew":               {[]TreeChange{{"a/x", file}}, nil, "+a/x"},
		"a file added":                  {[]TreeChange{{"a/n", file}}, nil, "+a/n"},
		"a folder added":                {[]TreeChange{{"n/m/o", file}, {"n/m/p", file}}, nil, "+n/m/o +n/m/p"},
		"one name begins another":       {[]TreeChange{{"a", none}, {"a", file}}, nil, "-a/x -a/y +a"},
		"a dash sorts before a slash":   {[]TreeChange{{"a/x", file}, {"a-b", none}, {"a-c", file}, {"a.d", file}, {"a0", file}}, nil, "+a/x -a-b +a-c +a.d +a0"},
		"a file removed":                {[]TreeChange{{"b/e", none}}, nil, "-b/e"},
		"folders that become empty":     {[]TreeChange{{"g/h/i", none}, {"b/c/d", none}}, nil, "-g/h/i -b/c/d"},
		"a folder removed":              {[]TreeChange{{"b", none}}, nil, "-b/c/d -b/e"},
		"a file made a folder":          {[]TreeChange{{"f/n", file}, {"f", none}}, nil, "-f +f/n"},
		"a folder made a file":          {[]TreeChange{{"g", file}, {"g/h/i", none}}, nil, "-g/h/i +g"},
		"a folder shared":               {[]TreeChange{{"n", folder}}, nil, "=n:b"},
		"a folder for a file":           {[]TreeChange{{"f", folder}, {"f", none}}, nil, "-f =f:b"},
		"file where a folder is":        {[]TreeChange{{"a", file}}, ErrUnsupported, ""},
		"half a folder removed":         {[]TreeChange{{"a", file}, {"a/x", none}}, ErrUnsupported, ""},
		"folder where a file is":        {[]TreeChange{{"f/x", file}}, ErrUnsupported, ""},
		"file and folder of one name":   {[]TreeChange{{"n", file}, {"n/x", file}}, ErrUnsupported, ""},
		"set twice":                     {[]TreeChange{{"n", file}, {"n", file}}, ErrUnsupported, ""},
		"removed twice":                 {[]TreeChange{{"f", none}, {"f", none}}, ErrUnsupported, ""},
		"removed but absent":            {[]TreeChange{{"n", none}}, ErrNotFound, ""},
		"removed but absent in folder":  {[]TreeChange{{"a/n", none}}, ErrNotFound, ""},
		"removed below what is removed": {[]TreeChange{{"a", none}, {"a/x", none}}, ErrNotFound, ""},
		"blob that is not there":        {[]TreeChange{{"n", Entry{Mode: File, Hash: absent}}}, ErrNotFound, ""},
		"a tree as file":                {[]TreeChange{{"n", Entry{Mode: File, Hash: base}}}, ErrNotFound, ""},
		"a blob as folder":              {[]TreeChange{{"n", Entry{Mode: Folder, Hash: blob}}}, ErrNotFound, ""},
		"mode that is none":             {[]TreeChange{{"n", Entry{Mode: 9, Hash: blob}}}, ErrUnsupported, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.WriteTree(background, base, c.changes)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			g.run("read-tree", string(base))
			for step := range strings.FieldsSeq(c.want) {
				switch path := step[1:]; step[0] {
				case '-':
					g.run("update-index", "--force-remove", path)
				case '+':
					g.run("update-index", "--add", "--cacheinfo", "100644,"+string(blob)+","+path)
				case '=':
					to, from, _ := strings.Cut(path, ":")
					g.run("read-tree", "--prefix="+to, string(base)+":"+from)
				}
			}
			if want := g.hash(g.run("write-tree")); got != want {
				t.Errorf("%s, want %s\n%s", got, want, cmp.Diff(g.run("ls-tree", "-rt", string(want)), g.run("ls-tree", "-rt", string(got))))
			}
		})
	}
	empty := must(r.WriteTree(background, "", nil))
	if want := Hash(g.feed("", "hash-object", "-t", "tree", "--stdin")); empty != want || g.run("cat-file", "-t", string(empty)) != "tree" {
		t.Errorf("the empty tree is %s, want %s", empty, want)
	}
	if got := must(r.WriteTree(background, base, []TreeChange{{"a", none}, {"a-b", none}, {"b", none}, {"f", none}, {"g", none}, {"z", none}})); got != empty {
		t.Errorf("all removed: %s", got)
	}
	for _, h := range []Hash{absent, "x", blob} {
		if _, err := r.WriteTree(background, h, nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("base %q: %v", h, err)
		}
	}
	if _, err := r.WriteTree(cancelled(), base, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	g.run("read-tree", "HEAD")
	g.run("fsck", "--strict")
}

// TestWriteTreeAsGit makes many random changes, as git makes them in an index.
func TestWriteTreeAsGit(t *testing.T) {
	g := newGit(t)
	g.commit("a", "a")
	r := g.open()
	random := rand.New(rand.NewPCG(1, 2))
	there := map[string]bool{}
	tree := must(r.WriteTree(background, "", nil))
	g.run("read-tree", "--empty")
	for round := range 30 {
		var changes []TreeChange
		var index strings.Builder
		used := map[string]bool{}
		for range 1 + random.IntN(12) {
			path := fmt.Sprintf("%c%d/%c/%c%d", "a-.Z"[random.IntN(4)], random.IntN(2), "ab"[random.IntN(2)], "x.-"[random.IntN(3)], random.IntN(3))
			if used[path] {
				continue
			}
			used[path] = true
			if there[path] && random.IntN(2) == 0 {
				delete(there, path)
				changes = append(changes, TreeChange{Path: path})
				fmt.Fprintf(&index, "0 %s\t%s\n", strings.Repeat("0", 40), path)
				continue
			}
			there[path] = true
			mode := []Mode{File, Executable, Symlink}[random.IntN(3)]
			blob := must(r.WriteBlob(background, fmt.Append(nil, round, path)))
			changes = append(changes, TreeChange{path, Entry{Mode: mode, Hash: blob}})
			fmt.Fprintf(&index, "%s %s\t%s\n", octal[mode], blob, path)
		}
		tree = must(r.WriteTree(background, tree, changes))
		g.feed(index.String(), "update-index", "--index-info")
		if want := g.hash(g.run("write-tree")); tree != want {
			t.Fatalf("round %d: %s\n%s", round, cmp.Diff(g.run("ls-tree", "-rt", string(want)), g.run("ls-tree", "-rt", string(tree))), index.String())
		}
	}
	g.run("update-ref", "refs/koonti/x", g.run("commit-tree", "-m", "x", string(tree)))
	g.run("fsck", "--strict", "--no-dangling")
}

func TestWriteTreeTakesThePathsThatGitTakes(t *testing.T) {
	g := newGit(t)
	g.run("config", "core.protectHFS", "true")
	g.run("config", "core.protectNTFS", "true")
	r := g.open()
	blob := must(r.WriteBlob(background, []byte("x")))
	for _, path := range []string{
		"a", "a/b", "ä/ö", "...", "a..", ".gitx", "a/.gitkeep", ".git2/a", "git~2", "a:b", `a\b`, "a\xff", ".gi", "con", "-", "a b", ".gitmodules",
		"", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/../b", "a/..", "./a", ".git", ".GIT", "a/.git", "a/.Git/b", "git~1", "GIT~1/a", ".git.",
		".git ", ".git . .", ".git\\a", `a\.git`, `a\git~1`, `a\.git\b`, ".git:x", ".git::$INDEX_ALLOCATION/a", ".g\u200cit", "\ufeff.git", ".git\u206a/a",
		".git\xff", ".git\u200c\xffa", "a/.gi\u202et", ".gitmodules\u200c", ".gitmodule\u017f", "GITMOD~1", "gitmod~5", "gi7eba~1", "gi7eb~10",
		"gi7e~100", "~1000000", "gi7eba~0", "gi7eba~1 .", "gi7eba~12", ".gitmodules .", ".GitModules:x", "a/.gitmodules", "xgitmod~1",
	} {
		for _, mode := range []Mode{File, Symlink} {
			_, want := g.try("update-index", "--add", "--cacheinfo", octal[mode]+","+string(blob)+","+path)
			if want == nil {
				g.run("read-tree", "--empty")
			}
			tree, err := r.WriteTree(background, "", []TreeChange{{path, Entry{Mode: mode, Hash: blob}}})
			if (err == nil) != (want == nil) || err != nil && !errors.Is(err, ErrUnsupported) {
				t.Errorf("%q as %s: %v, git: %v", path, mode, err, want)
			}
			if err == nil && g.run("ls-tree", "-rz", "--name-only", string(tree)) != path+"\x00" {
				t.Errorf("%q: git lists another path", path)
			}
		}
	}
	for _, path := range []string{"a\nb", "a\x00b", "\x7f", "a/\t", strings.Repeat("x", 5000)} {
		if _, err := r.WriteTree(background, "", []TreeChange{{path, Entry{Mode: File, Hash: blob}}}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestWriteCommit(t *testing.T) {
	g := newGit(t)
	head := g.commit("a", "1")
	r := g.open()
	tree := g.hash("HEAD^{tree}")
	zone := func(seconds int) time.Time { return time.Unix(1700000000, 5e8).In(time.FixedZone("", seconds)) }
	for _, c := range []struct {
		name, email, message string
		when                 time.Time
		wantName, wantEmail  string
	}{
		{"Aino", "aino@example.org", "one\n", zone(7200), "Aino", "aino@example.org"},
		{" <Aino>, ", "<aino@example.org>", "no end", zone(-12600), "Aino", "aino@example.org"},
		{"A<i>n\no \"", "", "", zone(0), "Aino", ""},
		{"Äi\x00no", "a b", "ä\n\n\nb\n\n", zone(50400), "Äino", "a b"},
		{"\xff", "x", "\xff\x00", zone(0), "\uFFFD", "x"},
		{"; '\t Aino\tV", "x>y", "-", zone(0), "Aino\tV", "xy"},
	} {
		who := Signature{c.name, c.email, c.when}
		got := must(r.WriteCommit(background, NewCommit{Tree: tree, Parents: []Hash{head}, Author: who, Committer: who, Message: c.message}))
		date := fmt.Sprintf("%d %s", c.when.Unix(), c.when.Format("-0700"))
		clean := func(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "") }
		oracle := *g
		oracle.env = []string{"GIT_AUTHOR_NAME=" + clean(c.name), "GIT_AUTHOR_EMAIL=" + c.email, "GIT_AUTHOR_DATE=" + date,
			"GIT_COMMITTER_NAME=" + clean(c.name), "GIT_COMMITTER_EMAIL=" + c.email, "GIT_COMMITTER_DATE=" + date}
		message := clean(c.message)
		if message != "" && !strings.HasSuffix(message, "\n") {
			message += "\n"
		}
		if want := oracle.feed(message, "commit-tree", "-p", string(head), string(tree)); string(got) != want {
			t.Errorf("%+v:\n%s", c, cmp.Diff(g.run("cat-file", "-p", want), g.run("cat-file", "-p", string(got))))
		}
		read := must(r.Commit(background, got))
		if read.Author.Name != c.wantName || read.Author.Email != c.wantEmail || !read.Author.When.Equal(c.when.Truncate(time.Second)) {
			t.Errorf("%+v was read as %+v", c, read.Author)
		}
	}
	who := Signature{"Aino", "a", zone(0)}
	for name, c := range map[string]struct {
		commit NewCommit
		want   error
	}{
		"no tree":            {NewCommit{Author: who, Committer: who}, ErrNotFound},
		"a commit as tree":   {NewCommit{Tree: head, Author: who, Committer: who}, ErrNotFound},
		"a tree as parent":   {NewCommit{Tree: tree, Parents: []Hash{tree}, Author: who, Committer: who}, ErrNotFound},
		"no such parent":     {NewCommit{Tree: tree, Parents: []Hash{Hash(strings.Repeat("1", 40))}, Author: who, Committer: who}, ErrNotFound},
		"no author":          {NewCommit{Tree: tree, Author: Signature{"<>", "a", zone(0)}, Committer: who}, ErrUnsupported},
		"no time":            {NewCommit{Tree: tree, Author: who, Committer: Signature{Name: "Aino"}}, ErrUnsupported},
		"a time far ahead":   {NewCommit{Tree: tree, Author: who, Committer: Signature{"Aino", "", time.Unix(1<<40, 0)}}, ErrUnsupported},
		"a time before 1970": {NewCommit{Tree: tree, Author: who, Committer: Signature{"Aino", "", time.Unix(-1, 0)}}, ErrUnsupported},
	} {
		if h, err := r.WriteCommit(background, c.commit); !errors.Is(err, c.want) || h != "" {
			t.Errorf("%s: %q, %v", name, h, err)
		}
	}
	g.run("fsck", "--strict", "--no-dangling")
}

func TestWriteBlob(t *testing.T) {
	g := newGit(t)
	g.commit("a", "packed")
	g.run("repack", "-adq")
	r := g.open(Config{MaxBlob: 1000})
	for _, text := range []string{"", "x", "a\r\nb\x00", strings.Repeat("long ", 199), "packed"} {
		for range 2 {
			got := must(r.WriteBlob(background, []byte(text)))
			if want := g.feed(text, "hash-object", "--stdin"); string(got) != want || g.run("cat-file", "blob", want) != strings.TrimSuffix(text, "\n") {
				t.Errorf("%.10q: %s, want %s", text, got, want)
			}
		}
	}
	if _, err := os.Stat(loosePath(filepath.Join(g.dir, ".git/objects"), must(HashBlob([]byte("packed")).oid()))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is packed was written again: %v", err)
	}
	if _, err := r.WriteBlob(background, make([]byte, 1001)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	// Permissions, and names left behind, are as git has them.
	g.feed("by git", "hash-object", "-w", "--stdin")
	modes := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(g.dir, ".git/objects"), func(path string, d fs.DirEntry, err error) error {
		if len(d.Name()) >= 38 && !strings.HasPrefix(d.Name(), "pack-") {
			modes[must(d.Info()).Mode().String()] = true
		}
		if strings.HasPrefix(d.Name(), "tmp_") {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil || len(modes) != 1 || !modes["-r--r--r--"] {
		t.Errorf("permissions %v, %v", modes, err)
	}
}

// An object that nobody wants yet is as good as new once it is written again: a
// gc that is about to remove it for its age leaves it.
func TestWhatIsWrittenAgainIsYoung(t *testing.T) {
	for _, packed := range []bool{false, true} {
		g := newGit(t)
		g.commit("a", "1")
		r := g.open()
		h := must(r.WriteBlob(background, []byte("x")))
		if packed {
			g.feed(string(h)+"\n", "pack-objects", "-q", ".git/objects/pack/pack")
			g.run("prune-packed")
		}
		old := time.Now().AddDate(0, -1, 0)
		err := filepath.WalkDir(filepath.Join(g.dir, ".git/objects"), func(path string, d fs.DirEntry, err error) error {
			return errors.Join(err, os.Chtimes(path, old, old))
		})
		if err != nil {
			t.Fatal(err)
		}
		must(r.WriteBlob(background, []byte("x")))
		g.run("gc", "-q", "--prune=1.week.ago")
		if got := g.run("cat-file", "-p", string(h)); got != "x" {
			t.Errorf("packed %v: git reads %q", packed, got)
		}
	}
}

// What a crash left broken, before a ref named it, is written anew.
func TestWhatIsBrokenIsWrittenAgain(t *testing.T) {
	g := newGit(t)
	g.commit("a", "1")
	for i, broken := range []string{"", "not zlib", "other"} {
		text := fmt.Sprint("text ", i)
		h := must(g.open().WriteBlob(background, []byte(text)))
		path := loosePath(filepath.Join(g.dir, ".git/objects"), must(h.oid()))
		if broken == "other" {
			other := must(g.open().WriteBlob(background, []byte("other")))
			broken = string(must(os.ReadFile(loosePath(filepath.Join(g.dir, ".git/objects"), must(other.oid())))))
		}
		if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(broken), 0o444)); err != nil {
			t.Fatal(err)
		}
		r := g.open()
		if got := must(r.WriteBlob(background, []byte(text))); got != h || g.run("cat-file", "-p", string(h)) != text {
			t.Errorf("%q in its place: %s", broken, got)
		}
	}
	g.run("fsck", "--strict")
}

// BenchmarkProposal writes what one proposal needs: a blob, three trees, a
// commit and a branch.
func BenchmarkProposal(b *testing.B) {
	g := newGit(b)
	g.write("a/b/c", "1")
	head := g.commit("z", "1")
	r := g.open()
	tree := g.hash("HEAD^{tree}")
	who := Signature{"Aino", "a", time.Unix(1700000000, 0)}
	for i := 0; b.Loop(); i++ {
		blob := must(r.WriteBlob(background, fmt.Append(nil, i)))
		changed := must(r.WriteTree(background, tree, []TreeChange{{"a/b/c", Entry{Mode: File, Hash: blob}}}))
		c := must(r.WriteCommit(background, NewCommit{changed, []Hash{head}, who, who, "x"}))
		if err := r.UpdateRef(background, fmt.Sprintf("refs/koonti/p/%d", i), "", c); err != nil {
			b.Fatal(err)
		}
	}
}
