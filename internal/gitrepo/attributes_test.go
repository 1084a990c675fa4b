package gitrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// contents are files of every kind that line endings tell apart.
var contents = map[string]string{
	"empty":             "",
	"lf":                "a\nb\n",
	"crlf":              "a\r\nb\r\n",
	"mixed":             "a\r\nb\nc\r\n",
	"no last line end":  "a\r\nb",
	"lone cr":           "a\rb\r\n",
	"cr at the end":     "a\r\nb\r",
	"cr cr lf":          "a\r\r\n",
	"zero byte":         "a\r\n\x00b\r\n",
	"control":           "a\r\n\x01\x02b\r\n",
	"few controls":      strings.Repeat("x", 300) + "\x01\r\n",
	"dos end of file":   "a\r\n\x1a",
	"dos end, control":  "a\r\n\x01\x1a",
	"utf-8":             "päivä\r\n",
	"escapes and feeds": "\x1b[1m\f\b\t\r\n",
	"delete":            "a\x7f\r\n",
	"utf-16":            "\xff\xfea\x00\r\x00\n\x00",
}

// checkClean writes files, and compares what Git would store for them. Git is
// asked about many at once: it takes longer to start than to answer.
func checkClean(t *testing.T, g *git, r *Repo, files map[string]string) {
	t.Helper()
	a, err := r.Attributes(background)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for path, content := range files {
		paths = append(paths, path)
		g.write(path, content)
	}
	hashes := strings.Split(g.feed(strings.Join(paths, "\n"), "hash-object", "--stdin-paths"), "\n")
	for i, path := range paths {
		if got := a.Clean(path, []byte(files[path])); HashBlob(got) != Hash(hashes[i]) {
			t.Errorf("%s: %q is cleaned to %q", path, files[path], got)
		}
	}
}

// checkPaths does so for files of each kind at each path.
func checkPaths(t *testing.T, g *git, r *Repo, paths ...string) {
	t.Helper()
	for _, content := range contents {
		files := map[string]string{}
		for _, path := range paths {
			files[path] = content
		}
		checkClean(t, g, r, files)
	}
}

func TestCleanIsWhatGitAdds(t *testing.T) {
	for _, tt := range []struct {
		name       string
		config     string
		attributes string
	}{
		{"nothing said", "", ""},
		{"autocrlf", "autocrlf = true", ""},
		{"autocrlf input", "autocrlf = input", ""},
		{"autocrlf false", "autocrlf = false", ""},
		{"eol alone", "eol = crlf", ""},
		{"text", "", "* text"},
		{"text auto", "", "* text=auto"},
		{"text auto, eol crlf", "eol = crlf", "* text=auto eol=crlf"},
		{"text auto, eol lf", "", "* text=auto eol=lf"},
		{"not text, autocrlf", "autocrlf = true", "* -text"},
		{"binary, autocrlf", "autocrlf = true", "* binary"},
		{"eol lf", "", "* eol=lf"},
		{"eol crlf", "", "* eol=crlf"},
		{"eol odd", "", "* eol=mac"},
		{"not text, eol", "", "* -text eol=lf"},
		{"unspecified over text", "", "* text\n* !text"},
		{"unspecified, autocrlf", "autocrlf = input", "* -text\n* !text"},
		{"text of no sense", "autocrlf = true", "* text=klingon"},
		{"old crlf", "", "* crlf"},
		{"old crlf not", "autocrlf = true", "* -crlf"},
		{"old crlf input", "", "* crlf=input"},
		{"text over old crlf", "", "* text=auto crlf"},
		{"a macro", "", "[attr]prose text eol=lf\n* prose"},
		{"a macro not set", "autocrlf = true", "[attr]prose text eol=lf\n* -prose"},
		{"binary taken back", "autocrlf = true", "* binary\n* text"},
		{"binary taken back by name", "autocrlf = true", "* binary\n* -binary text=auto"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGit(t)
			atHome(t, g)
			if key, value, ok := strings.Cut(tt.config, " = "); ok {
				g.run("config", "core."+key, value)
			}
			g.write(".gitattributes", tt.attributes+"\n")
			checkClean(t, g, g.open(), contents)
		})
	}
}

func TestAttributesOfEachFolder(t *testing.T) {
	g := newGit(t)
	atHome(t, g)
	home := g.in(filepath.Dir(g.dir))
	home.write(".config/git/attributes", "*.outer text\n[attr]mine text\n")
	g.write(".gitattributes", "\xef\xbb\xbf*.json text=auto\n/top.txt text\nrecords/**/*.md text\n*.bin -text\n*.mine mine\n[attr]sub text\n\"quoted \\303\\244.txt\" text\n")
	g.write("records/.gitattributes", "*.json -text\nfiles/* text\n[attr]notallowed text\n*.na notallowed\n*.sub sub\n")
	g.write("records/files/.gitattributes", "*.json text\n")
	g.write(".git/info/attributes", "records/forced.json text\n*.info text\n")
	if err := os.Symlink(filepath.Join(g.dir, ".gitattributes"), filepath.Join(g.dir, "records", "sym")); err != nil {
		t.Fatal(err)
	}
	g.write("linked/keep", "")
	g.write("all-text", "* text\n")
	if err := os.Symlink("../all-text", filepath.Join(g.dir, "linked", ".gitattributes")); err != nil {
		t.Fatal(err)
	}
	checkPaths(t, g, g.open(),
		"a.json", "records/a.json", "records/files/a.json", "records/files/a.bin", "records/forced.json", "top.txt", "sub/top.txt",
		"records/a.md", "records/x/y/a.md", "x/records/a.md", "a.outer", "deep/a.mine", "x.info", "records/x.na", "records/x.sub",
		"quoted ä.txt", "linked/x", "a.bin",
	)
	g.run("config", "core.attributesFile", "~/other")
	home.write("other", "*.other text\n")
	checkPaths(t, g, g.open(), "a.outer", "a.other")
	g.run("config", "core.ignoreCase", "true")
	checkPaths(t, g, g.open(), "A.OTHER", "RECORDS/FORCED.json")
}

// Git leaves alone what was stored with CRLF when it judges by the bytes.
func TestCleanKeepsWhatIsStored(t *testing.T) {
	g := newGit(t)
	atHome(t, g)
	for kind, content := range contents {
		g.write("records/"+kind, content)
	}
	g.run("add", "-A")
	g.run("commit", "-q", "-m", "as they are")
	g.write(".gitattributes", "* text=auto\nforced* text\n")
	r := g.open()
	a, err := r.Attributes(background)
	if err != nil {
		t.Fatal(err)
	}
	for other, content := range contents {
		for kind := range contents {
			g.write("records/"+kind, content)
		}
		g.run("add", "records")
		for _, line := range g.lines("ls-files", "-s", "records") {
			about, path, _ := strings.Cut(line, "\t")
			want := Hash(strings.Fields(about)[1])
			if got := a.Clean(path, []byte(content)); HashBlob(got) != want {
				t.Errorf("%s over %s: cleaned to %q", other, path, got)
			}
		}
		g.run("reset", "-q")
	}
	bare := filepath.Join(filepath.Dir(g.dir), "bare")
	g.run("clone", "-q", "--bare", g.dir, bare)
	if _, err := openAt(t, bare).Attributes(background); err == nil {
		t.Error("attributes of a bare repository")
	}
}

func TestAttributesAreASnapshot(t *testing.T) {
	g := newGit(t)
	atHome(t, g)
	g.write(".gitattributes", "* text\n")
	r := g.open()
	before := must(r.Attributes(background))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 200 {
				if got := string(before.Clean(fmt.Sprintf("d%d/%d.json", j%7, i), []byte("a\r\n"))); got != "a\n" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	wg.Wait()
	g.write(".gitattributes", "* -text\n")
	if got := string(before.Clean("a.json", []byte("a\r\n"))); got != "a\n" {
		t.Errorf("the snapshot changed: %q", got)
	}
	if got := string(must(r.Attributes(background)).Clean("a.json", []byte("a\r\n"))); got != "a\r\n" {
		t.Errorf("a new snapshot is old: %q", got)
	}
}

var patterns = []string{
	"*", "**", "*.json", "a*", "?", "a?c", "abc", "a/b", "/a", "/a/b", "a/*", "a/**", "**/c", "a/**/c", "**/b/**", "a/**b", "a**/c", "***", "*/c",
	"[abc]", "[!abc]", "[^abc]", "[a-c].json", "[]a]", "[a-]", "[]", "[", "[a", "[[:digit:]]*", "[[:alpha:][:digit:]]", "[[:klingon:]]", "[!]a-]",
	`\*`, `a\b`, `\a`, `a\`, "a.b/", "b/", "*b*", "*a*b*c*", "a/b/c/**", "**/", "/**", "a/**/**/c", "a//b", "x[/]y", `[\]]`, "[a-c-e]", "ä*", "!a", "[[-a]",
	"**a", "a**", "**/**", "a/[!x]/c", "a?b", "A*", "*.JSON",
}

var targets = []string{
	"a", "b", "abc", "a.json", "c.json", "a/b", "a/c", "a/b/c", "a/x/c", "a/b/x/c", "x/a/b", "b/c", "1a", "1", "-", "]", "[", "*", `a\b`, "ab", "a/b/c/d/e",
	"xay", "x/y", "äiti", "a.b", "!a", "aab", "a/bb/c", "z/abc", "a-b", "A.JSON", "Abc",
}

func TestPatternsAreGits(t *testing.T) {
	for _, fold := range []string{"false", "true"} {
		g := newGit(t)
		atHome(t, g)
		g.run("config", "core.ignoreCase", fold)
		var b strings.Builder
		for i, p := range patterns {
			if p[0] != '!' {
				fmt.Fprintf(&b, "%s p%d\n", p, i)
			}
		}
		g.write(".gitattributes", b.String())
		want := map[string]bool{}
		for _, target := range targets {
			fields := strings.Split(g.run("check-attr", "-z", "-a", "--", target), "\x00")
			for i := 0; i+2 < len(fields); i += 3 {
				want[target+" "+fields[i+1]] = fields[i+2] == "set"
			}
		}
		a := must(g.open().Attributes(background))
		for _, target := range targets {
			said := a.states(target)
			for i, p := range patterns {
				name := fmt.Sprint("p", i)
				if got := said[name] == attrYes; got != want[target+" "+name] {
					t.Errorf("ignoreCase %s: %q matches %q: %v", fold, p, target, got)
				}
			}
		}
	}
}

// A pattern cannot make a match take long.
func TestPatternOfManyStars(t *testing.T) {
	pattern := strings.Repeat("a*", 60) + "b"
	if wildmatch(pattern, strings.Repeat("a", 4000), 0) {
		t.Error("matches")
	}
}

func TestAttributeLines(t *testing.T) {
	for _, line := range []string{
		"", "   ", "# text", "!a text", "a -", "a =x", "a --text", "a te/xt", "[attr]bad/name x", "dir/ text", "/ text",
		strings.Repeat("a", 2041) + " text=1", `"unclosed text`,
	} {
		if r, ok := parseRule(line, true); ok && line != `"unclosed text` {
			t.Errorf("%.40q says %+v", line, r)
		}
	}
}

// Files are written as git writes them, in all settings of line endings.
func TestSmudgeAsGit(t *testing.T) {
	contents := []string{"", "a", "a\n", "a\nb\n", "a\r\nb\n", "a\r\nb\r\n", "a\nb\rc\n", "a\x00\nb\n", "\n\n", "a\n\x1a"}
	said := []string{"", "text", "-text", "!text", "text=auto", "text=input", "text=odd", "crlf", "-crlf", "crlf=input", "text=odd crlf", "binary",
		"eol=lf", "eol=crlf", "text eol=lf", "text eol=crlf", "text=auto eol=lf", "text=auto eol=crlf", "text=input eol=crlf", "-text eol=crlf", "eol=odd", "filter=none ident=no"}
	for _, auto := range []string{"", "true", "false", "input"} {
		for _, eol := range []string{"", "lf", "crlf", "native"} {
			g := newGit(t)
			for key, value := range map[string]string{"core.autocrlf": auto, "core.eol": eol} {
				if value != "" {
					g.run("config", key, value)
				}
			}
			var rules, index strings.Builder
			var hashes []string
			for _, c := range contents {
				hashes = append(hashes, g.feed(c, "hash-object", "-w", "--stdin"))
			}
			for i, attributes := range said {
				fmt.Fprintf(&rules, "a%d.* %s\n", i, attributes)
				for j := range contents {
					fmt.Fprintf(&index, "100644 %s\ta%d.%d\n", hashes[j], i, j)
				}
			}
			fmt.Fprintf(&index, "100644 %s\t.gitattributes\n", g.feed(rules.String(), "hash-object", "-w", "--stdin"))
			g.feed(index.String(), "update-index", "--index-info")
			tree := g.hash(g.run("write-tree"))
			g.run("-c", "core.safecrlf=false", "checkout-index", "-a", "-q")
			a := must(g.open().Attributes(background))
			g.write(".gitattributes", "* -text\n") // what counts is what is checked out
			a.from = tree
			for i, attributes := range said {
				for j, c := range contents {
					name := fmt.Sprintf("a%d.%d", i, j)
					got, err := a.smudge(name, []byte(c))
					if want := string(must(os.ReadFile(filepath.Join(g.dir, name)))); string(got) != want || err != nil {
						t.Errorf("autocrlf=%s eol=%s, %q, %q: %q, %v, git: %q", auto, eol, attributes, c, got, err, want)
					}
				}
			}
		}
	}
}
