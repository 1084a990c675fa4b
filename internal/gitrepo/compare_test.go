package gitrepo

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCompareIsDiffTree holds both ways of comparing against git diff-tree, on
// trees that differ in every way that trees can.
func TestCompareIsDiffTree(t *testing.T) {
	const rounds = 40
	g := newGit(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	var all []Hash
	for round := range rounds {
		base := growTree(rnd, nil, 12)
		for side := range 4 {
			name := fmt.Sprintf("refs/heads/t%d-%d", round, side)
			g.plant(name, growTree(rnd, base, rnd.IntN(6)))
			all = append(all, g.hash(name+"^{tree}"))
		}
	}
	g.run("repack", "-a", "-d", "-q")
	r := g.open()
	for round := range rounds {
		for parents := range 4 {
			trees := all[4*round : 4*round+1+parents]
			wantEvery := g.differences(trees[0], trees[1:])
			every, err := r.Compare(background, trees[0], trees[1:], nil, nil)
			if diff := cmp.Diff(wantEvery, every); diff != "" || err != nil {
				t.Fatalf("tree %s, others %s: %v\n%s", trees[0], trees[1:], err, diff)
			}
		}
	}
}

// growTree changes n things in a tree: a map of paths to mode and content.
func growTree(rnd *rand.Rand, from map[string]string, n int) map[string]string {
	names := []string{"a", "a.b", "a-", "a0", "b", "ä", "\xff\x01", "b\nc", "a b", `"q\`, "LPT1"}
	tree := maps.Clone(from)
	if tree == nil {
		tree = map[string]string{}
	}
	for range n {
		parts := make([]string, 1+rnd.IntN(4))
		for i := range parts {
			parts[i] = names[rnd.IntN(len(names))]
		}
		path := strings.Join(parts, "/")
		if old := slices.Sorted(maps.Keys(tree)); len(old) > 0 && rnd.IntN(2) == 0 {
			path = old[rnd.IntN(len(old))]
		}
		if rnd.IntN(4) == 0 {
			delete(tree, path)
			continue
		}
		for other := range tree {
			if under(other, path) || under(path, other) {
				delete(tree, other)
			}
		}
		mode := []string{"100644", "100644", "100755", "120000", "160000"}[rnd.IntN(5)]
		tree[path] = mode + " " + strconv.Itoa(rnd.IntN(3))
	}
	return tree
}

// plant commits a tree of growTree to a branch.
func (g *git) plant(branch string, tree map[string]string) {
	g.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit %s\ncommitter Eero <eero@example.org> 1600000000 +0200\ndata 0\ndeleteall\n", branch)
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		mode, content, _ := strings.Cut(tree[path], " ")
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(path) + `"`
		if mode == "160000" {
			fmt.Fprintf(&b, "M %s %s %s\n", mode, strings.Repeat(content+"1", 20), quoted)
			continue
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, quoted, len(content), content)
	}
	g.feed(b.String(), "fast-import", "--quiet", "--force")
}

// differences are those that git finds from every other tree.
func (g *git) differences(tree Hash, others []Hash) (every []Difference) {
	count := map[string]int{}
	lists := []map[string]Entry{g.files(tree)}
	for _, other := range others {
		lists = append(lists, g.files(other))
		for _, path := range g.changed(other, tree) {
			count[path]++
		}
	}
	if len(others) == 0 {
		for path := range lists[0] {
			count[path] = 0
		}
	}
	for _, path := range slices.Sorted(maps.Keys(count)) {
		d := Difference{Path: path, After: lists[0][path]}
		for _, list := range lists[1:] {
			d.Before = append(d.Before, list[path])
		}
		if count[path] == len(others) {
			every = append(every, d)
		}
	}
	return every
}

// files are what git lists in a tree, by path.
func (g *git) files(tree Hash) map[string]Entry {
	g.t.Helper()
	files := map[string]Entry{}
	for line := range strings.SplitSeq(strings.TrimSuffix(g.run("ls-tree", "-r", "-z", string(tree)), "\x00"), "\x00") {
		about, path, ok := strings.Cut(line, "\t")
		if fields := strings.Fields(about); ok {
			files[path] = Entry{path[strings.LastIndexByte(path, '/')+1:], parseMode(fields[0]), Hash(fields[2])}
		}
	}
	return files
}

// changed are the paths at which git sees two trees differ, by more than the
// executable bit.
func (g *git) changed(from, to Hash) []string {
	g.t.Helper()
	var paths []string
	out := g.run("diff-tree", "-r", "--raw", "-z", "--no-renames", string(from), string(to))
	fields := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		about := strings.Fields(fields[i])
		if about[2] != about[3] || about[4] != "M" {
			paths = append(paths, fields[i+1])
		}
	}
	return paths
}

// tree stores one as its bytes say, sound or not.
func (g *git) tree(entries ...string) Hash {
	g.t.Helper()
	var b strings.Builder
	for _, e := range entries {
		mode, name, _ := strings.Cut(e, " ")
		mode, hash, ok := strings.Cut(mode, ":")
		if !ok {
			hash = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
		}
		id, err := Hash(hash).oid()
		if err != nil {
			g.t.Fatal(err)
		}
		b.WriteString(mode + " " + name + "\x00" + string(id[:]))
	}
	return Hash(g.feed(b.String(), "hash-object", "-t", "tree", "-w", "--literally", "--stdin"))
}

func TestCompareOfHostileTrees(t *testing.T) {
	g := newGit(t)
	plain := g.tree("100644 a", "100644 b")
	deep := plain
	for range maxDepth + 1 {
		deep = g.tree("40000:" + string(deep) + " d")
	}
	blob := Hash(g.feed("", "hash-object", "-w", "--stdin"))
	gone := Hash(strings.Repeat("12", 20))
	r := g.open()
	for name, test := range map[string]struct {
		tree Hash
		want error
	}{
		"name twice":           {g.tree("100644 a", "100644 a"), ErrCorrupt},
		"folder twice":         {g.tree("40000:"+string(plain)+" a", "40000:"+string(plain)+" a"), ErrCorrupt},
		"out of order":         {g.tree("100644 b", "100644 a"), ErrCorrupt},
		"folder out of order":  {g.tree("40000:"+string(plain)+" a", "100644 a.b"), ErrCorrupt},
		"same, then twice":     {g.tree("100644 a", "100644 b", "100644 b"), ErrCorrupt},
		"cut short":            {Hash(g.feed("100644 a\x00123", "hash-object", "-t", "tree", "-w", "--literally", "--stdin")), ErrCorrupt},
		"folders without end":  {deep, ErrTooLarge},
		"a tree that is gone":  {gone, ErrNotFound},
		"a folder that is not": {g.tree("40000:" + string(gone) + " d"), ErrNotFound},
		"a blob":               {blob, ErrNotFound},
		"no hash":              {"x", ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			for _, trees := range [][]Hash{{test.tree}, {test.tree, plain}, {plain, test.tree}, {test.tree, plain, ""}, {"", test.tree}} {
				got, err := r.Compare(background, trees[0], trees[1:], nil, nil)
				if !errors.Is(err, test.want) || got != nil {
					t.Errorf("%q: %v, %v, want %v", trees, got, err, test.want)
				}
			}
		})
	}
	if _, err := r.Compare(cancelled(), plain, nil, nil, nil); !errors.Is(err, cancelled().Err()) {
		t.Errorf("after the end of its context: %v", err)
	}
}

func TestCompareAsksOnlyWhereThereIsADifference(t *testing.T) {
	g := newGit(t)
	for _, name := range []string{"README", "records/a/1.json", "records/a/2.json", "records/b/1.json", "other/x"} {
		g.write(name, "1")
	}
	g.commit("records/same/1.json", "1")
	g.write("README", "2")
	g.write("other/x", "2")
	g.write("records/b/new/3.json", "1")
	g.commit("records/a/2.json", "2")
	r := g.open()
	var folders, files []string
	got, err := r.Compare(background, g.hash("HEAD^{tree}"), []Hash{g.hash("HEAD~^{tree}")},
		func(dir string) bool { folders = append(folders, dir); return under(dir, "records") },
		func(path string) bool { files = append(files, path); return path != "README" })
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, d := range got {
		paths = append(paths, d.Path)
	}
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"folders", folders, []string{"other", "records", "records/a", "records/b", "records/b/new"}},
		{"files", files, []string{"README", "records/a/2.json", "records/b/new/3.json"}},
		{"differences", paths, []string{"records/a/2.json", "records/b/new/3.json"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s:\n%s", c.what, diff)
		}
	}
}

// The empty tree need not be stored, under either of its names.
func TestCompareWithTheEmptyTree(t *testing.T) {
	g := newGit(t)
	g.commit("a/b", "x")
	tree := g.hash("HEAD^{tree}")
	r := g.open()
	for _, empty := range []Hash{"", fromOID(emptyTree)} {
		added := must(r.Compare(background, tree, []Hash{empty}, nil, nil))
		gone := must(r.Compare(background, empty, []Hash{tree}, nil, nil))
		file := Entry{"b", File, HashBlob([]byte("x"))}
		if diff := cmp.Diff([]Difference{{"a/b", file, []Entry{{}}}}, added); diff != "" {
			t.Errorf("added:\n%s", diff)
		}
		if diff := cmp.Diff([]Difference{{"a/b", Entry{}, []Entry{file}}}, gone); diff != "" {
			t.Errorf("gone:\n%s", diff)
		}
		if none := must(r.Compare(background, empty, []Hash{"", tree}, nil, nil)); none != nil {
			t.Errorf("what was not there before either is a difference: %v", none)
		}
	}
}
