package gitrepo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/google/go-cmp/cmp"
)

// listing is a tree as `git ls-tree -r -t -z` prints it, by way of Tree.
func listing(t testing.TB, r *Repo, tree Hash, prefix string) []string {
	t.Helper()
	entries, err := r.Tree(background, tree)
	if err != nil {
		t.Fatal(err)
	}
	modes := map[Mode]string{
		File: "100644 blob", Executable: "100755 blob", Symlink: "120000 blob", Submodule: "160000 commit", Folder: "040000 tree",
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, fmt.Sprintf("%s %s\t%s", modes[e.Mode], e.Hash, prefix+e.Name))
		if e.Mode == Folder {
			lines = append(lines, listing(t, r, e.Hash, prefix+e.Name+"/")...)
		}
	}
	return lines
}

func (g *git) listing(rev string) []string {
	return strings.Split(strings.TrimSuffix(g.run("ls-tree", "-r", "-t", "-z", rev), "\x00"), "\x00")
}

func (r *Repo) treeOf(t testing.TB, commit Hash) Hash {
	t.Helper()
	c, err := r.Commit(background, commit)
	if err != nil {
		t.Fatal(err)
	}
	return c.Tree
}

// odd is a repository whose tree holds all that a name and a mode can be.
func odd(t testing.TB) (*git, Hash) {
	g := newGit(t)
	blob := Hash(g.feed("x", "hash-object", "-w", "--stdin"))
	link := Hash(g.feed("a.json", "hash-object", "-w", "--stdin"))
	var b strings.Builder
	for _, name := range []string{
		"a.json", "a", "a-b", "a/b.json", "a0", "line\nbreak", "tab\there", "bell\a", `quo"te`, `back\slash`, "latin\xe4", "p\xc3\xa4iv\xc3\xa4",
		" leading", "trailing ", "del\x7f", "*?[", "deep/er/est/x", "-dash",
	} {
		if name != "a" { // a file and a folder of one name cannot be
			fmt.Fprintf(&b, "100644 %s\t%s\x00", blob, name)
		}
	}
	fmt.Fprintf(&b, "100755 %s\trun.sh\x00120000 %s\tlink\x00160000 %s\tsub\x00", blob, link, strings.Repeat("1", 40))
	g.feed(b.String(), "update-index", "-z", "--index-info")
	g.run("commit", "-q", "-m", "odd")
	return g, g.hash("HEAD")
}

func TestTreesAreThoseGitLists(t *testing.T) {
	g, head := odd(t)
	for _, packed := range []bool{false, true} {
		if packed {
			g.run("gc", "-q")
		}
		r := g.open()
		if diff := cmp.Diff(g.listing("HEAD"), listing(t, r, r.treeOf(t, head), "")); diff != "" {
			t.Errorf("packed %v (-git +got):\n%s", packed, diff)
		}
	}
}

func TestLookup(t *testing.T) {
	g, head := odd(t)
	r := g.open()
	tree := r.treeOf(t, head)
	for _, line := range g.listing("HEAD") {
		about, path, _ := strings.Cut(line, "\t")
		e, err := r.Lookup(background, tree, path)
		if err != nil || !strings.HasSuffix(about, string(e.Hash)) || e.Name != filepath.Base(path) {
			t.Errorf("%q: %+v, %v, want %s", path, e, err, about)
		}
	}
	if e, err := r.Lookup(background, tree, ""); e.Hash != tree || e.Mode != Folder || err != nil {
		t.Errorf("the tree itself: %+v, %v", e, err)
	}
	for _, path := range []string{"none", "a.json/x", "a/", "/a", "a//b.json", "deep/er/none", ".", "..", "sub/x", "link/x"} {
		if e, err := r.Lookup(background, tree, path); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %+v, %v", path, e, err)
		}
	}
}

func TestTreesThatGitWouldNotWrite(t *testing.T) {
	hash := strings.Repeat("h", 20)
	for _, tt := range []struct {
		name, data string
		want       []Entry
		err        error
	}{
		{"empty", "", []Entry{}, nil},
		{"old modes", "040000 d\x00" + hash + "100664 f\x00" + hash, []Entry{{"d", Folder, ""}, {"f", File, ""}}, nil},
		{"duplicates", "100644 a\x00" + hash + "100644 a\x00" + hash, []Entry{{"a", File, ""}, {"a", File, ""}}, nil},
		{"dots", "40000 ..\x00" + hash + "40000 .git\x00" + hash, []Entry{{"..", Folder, ""}, {".git", Folder, ""}}, nil},
		{"modes of no sense", "1 a\x00" + hash + "777777777777 b\x00" + hash, []Entry{{"a", Submodule, ""}, {"b", Submodule, ""}}, nil},
		{"no mode", " a\x00" + hash, nil, ErrCorrupt},
		{"mode that is no number", "9 a\x00" + hash, nil, ErrCorrupt},
		{"slash in a name", "100644 a/b\x00" + hash, nil, ErrCorrupt},
		{"no name", "100644 \x00" + hash, nil, ErrCorrupt},
		{"cut short", "100644 a\x00" + hash[:19], nil, ErrCorrupt},
		{"no zero byte", "100644 a", nil, ErrCorrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseTree([]byte(tt.data))
			for i := range got {
				if got[i].Hash != Hash(strings.Repeat("68", 20)) {
					t.Errorf("hash %s", got[i].Hash)
				}
				got[i].Hash = ""
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v; (-want +got):\n%s", err, tt.err, diff)
			}
		})
	}
}

func TestCommitsAreThoseGitShows(t *testing.T) {
	g := newGit(t)
	g.commit("a.json", "1")
	g.run("checkout", "-q", "-b", "side")
	g.commit("b.json", "2")
	g.run("checkout", "-q", "main")
	g.commit("c.json", "3")
	g.run("merge", "-q", "-m", "merge\n\nbody\n", "side")
	tree := g.run("rev-parse", "HEAD^{tree}")
	for _, raw := range []string{
		"author A B <a@b> 1 +0000\ncommitter C <> 1234567890 -0730\n\nsubject\n\nbody\n\ttab\n",
		"author <only@address> 1 +0000\ncommitter spaces  around   < s p > 99 +1400\n\n",
		"author Gr\xc3\xbc\xc3\x9f <g@x> 0 +0200\ncommitter X <x@y> 1 +0000\ngpgsig -----BEGIN\n author not me <n@m> 5 +0000\n -----END\n\nsigned\n",
	} {
		g.feed("tree "+tree+"\n"+raw, "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
	}
	extra := g.lines("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
	r := g.open()
	for _, line := range extra {
		kind, hash, _ := strings.Cut(line, " ")
		if kind != "commit" {
			continue
		}
		c, err := r.Commit(background, Hash(hash))
		if err != nil {
			t.Fatal(err)
		}
		parents := make([]string, len(c.Parents))
		for i, p := range c.Parents {
			parents[i] = string(p)
		}
		const format = "2006-01-02T15:04:05-07:00"
		got := strings.Join([]string{
			string(c.Hash), string(c.Tree), strings.Join(parents, " "), c.Author.Name, c.Author.Email, c.Author.When.Format(format),
			c.Committer.Name, c.Committer.Email, c.Committer.When.Format(format), c.Message,
		}, "|")
		want := g.run("log", "-1", "--no-walk", "--format=%H|%T|%P|%an|%ae|%aI|%cn|%ce|%cI|%B", hash)
		want = strings.ReplaceAll(want, "Z|", "+00:00|")
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("commit\n got %q\nwant %q", got, want)
		}
	}
}

func TestCommitText(t *testing.T) {
	for _, tt := range []struct {
		name, header, message, want string
	}{
		{"utf-8", "", "päivä", "päivä"},
		{"latin-1, said", "encoding ISO-8859-1\n", "p\xe4iv\xe4", "päivä"},
		{"latin-1, not said", "", "p\xe4iv\xe4", "päivä"},
		{"shift-jis", "encoding Shift_JIS\n", "\x93\xfa\x96\x7b", "日本"},
		{"said wrongly", "encoding US-ASCII\n", "päivä", "päivä"},
		{"unknown encoding", "encoding klingon\n", "p\xe4iv\xe4", "päivä"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			zero := strings.Repeat("1", 40)
			c, err := parseCommit([]byte("tree " + zero + "\nauthor " + tt.message + " <a@b> 1 +0000\n" + tt.header + "\n" + tt.message))
			if err != nil || c.Message != tt.want || c.Author.Name != tt.want {
				t.Errorf("got %q by %q, %v, want %q", c.Message, c.Author.Name, err, tt.want)
			}
		})
	}
}

func TestSignaturesThatGitWouldNotWrite(t *testing.T) {
	for _, tt := range []struct {
		line string
		want Signature
	}{
		{"", Signature{}},
		{"Name", Signature{Name: "Name"}},
		{"Name <a", Signature{Name: "Name"}},
		{"Name <a@b>", Signature{Name: "Name", Email: "a@b"}},
		{"Name <a@b> soon", Signature{Name: "Name", Email: "a@b"}},
		{"Name <a@b> -5 +0000", Signature{Name: "Name", Email: "a@b"}},
		{"Name <a@b> 99999999999999999999 +0000", Signature{Name: "Name", Email: "a@b"}},
		{"Name <a@b> 9999999999999 +0000", Signature{Name: "Name", Email: "a@b"}},
		{"Name <a@b> 5", Signature{"Name", "a@b", time.Unix(5, 0).UTC()}},
		{"Name <a@b> 5 +9999", Signature{"Name", "a@b", time.Unix(5, 0).UTC()}},
		{"Na> me <a<b>c> 5 +0000", Signature{"Na> me", "a<b", time.Unix(5, 0).UTC()}},
	} {
		if diff := cmp.Diff(tt.want, parseSignature(tt.line)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.line, diff)
		}
	}
}

func TestObjectsOfTheWrongKind(t *testing.T) {
	g := newGit(t)
	head := g.commit("a.json", "1")
	blob, tree := g.hash("HEAD:a.json"), g.hash("HEAD^{tree}")
	none := Hash(strings.Repeat("1", 40))
	r := g.open()
	for name, err := range map[string]error{
		"commit of a tree": second(r.Commit(background, tree)),
		"commit of none":   second(r.Commit(background, none)),
		"commit of text":   second(r.Commit(background, "main")),
		"commit of \"\"":   second(r.Commit(background, "")),
		"tree of a commit": second(r.Tree(background, head)),
		"tree of a blob":   second(r.Tree(background, blob)),
		"blob of a tree":   second(r.Blob(background, tree)),
		"blob of none":     second(r.Blob(background, none)),
		"size of a tree":   second(r.BlobSize(background, tree)),
		"size of none":     second(r.BlobSize(background, none)),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// blobs makes n versions of a text, each a small change of the one before, as
// Git stores as deltas.
func (g *git) blobs(n, size int) map[Hash][]byte {
	g.t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('a' + random.IntN(26))
	}
	all := map[Hash][]byte{}
	for i := range n {
		copy(text[random.IntN(size-20):], fmt.Sprintf("version %d", i))
		data := append(bytes.Clone(text), fmt.Sprintf("%d", i)...)
		all[HashBlob(data)] = data
		g.commit(fmt.Sprintf("v%02d.json", i), string(data))
	}
	return all
}

func TestBlobsInEveryForm(t *testing.T) {
	g := newGit(t)
	want := g.blobs(40, 4000)
	want[HashBlob(nil)] = []byte{}
	g.commit("empty", "")
	check := func(form string) {
		t.Helper()
		r := g.open(Config{Cache: 20_000}) // smaller than a chain, so that bases are evicted
		for h, data := range want {
			size, err := r.BlobSize(background, h)
			if err != nil || size != int64(len(data)) {
				t.Fatalf("%s: size of %s: %d, %v, want %d", form, h, size, err, len(data))
			}
			got, err := r.Blob(background, h)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%s: %s: %d bytes, %v", form, h, len(got), err)
			}
		}
		if held := r.store.bases.held; held > 20_000 {
			t.Errorf("%s: the cache holds %d bytes", form, held)
		}
	}
	check("loose")
	g.run("repack", "-a", "-d", "-q", "--depth=50", "--window=50")
	if !strings.Contains(g.run("verify-pack", "-v", ".git/objects/pack/"+packName(t, g)), "chain length = 2") {
		t.Error("the pack holds no chains of deltas")
	}
	check("offset deltas")
	g.run("-c", "repack.useDeltaBaseOffset=false", "repack", "-a", "-d", "-q", "-f", "--depth=50", "--window=50")
	check("reference deltas")
	g.run("-c", "pack.packSizeLimit=1", "-c", "pack.indexVersion=2", "repack", "-a", "-d", "-q", "--max-pack-size=1m")
	g.run("multi-pack-index", "write")
	check("with a multi-pack index")
}

func packName(t testing.TB, g *git) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(g.dir, ".git/objects/pack/*.idx"))
	if err != nil || len(names) != 1 {
		t.Fatalf("packs: %v, %v", names, err)
	}
	return filepath.Base(names[0])
}

func TestLargeBlobsAreNotRead(t *testing.T) {
	g := newGit(t)
	small := g.commit("small", strings.Repeat("x", 1000))
	large := strings.Repeat("0123456789", 5_000)
	g.commit("large", large)
	g.commit("large", large+"and a little more")
	g.commit("large", large[:900])
	limits := Config{MaxBlob: 1000}
	sizes := map[Hash]int64{}
	for _, line := range g.lines("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname) %(objectsize)") {
		var kind, hash string
		var size int64
		if _, err := fmt.Sscan(line, &kind, &hash, &size); err == nil && kind == "blob" {
			sizes[Hash(hash)] = size
		}
	}
	for _, form := range []string{"loose", "packed"} {
		if form == "packed" {
			g.run("gc", "-q")
		}
		r := g.open(limits)
		for h, size := range sizes {
			if got, err := r.BlobSize(background, h); got != size || err != nil {
				t.Errorf("%s: size of %s: %d, %v, want %d", form, h, got, err, size)
			}
			data, err := r.Blob(background, h)
			if size > 1000 && (!errors.Is(err, ErrTooLarge) || data != nil) {
				t.Errorf("%s: blob of %d bytes was read: %v", form, size, err)
			}
			if size <= 1000 && (err != nil || int64(len(data)) != size) {
				t.Errorf("%s: blob of %d bytes: %v", form, size, err)
			}
		}
		if _, err := r.Commit(background, small); err != nil { // commits are under another bound
			t.Error(err)
		}
	}
}

// A pack is outside data: sizes that it claims cost no memory.
func TestPackThatClaimsTooMuch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"unknown kind", []byte{0x50}, "unknown kind"},
		{"size without end", bytes.Repeat([]byte{0xff}, 30), "overflows"},
		{"base before the pack", append([]byte{0x61}, 0xff, 0xff, 0x7f), "outside the pack"},
		{"cut short", nil, "EOF"},
	} {
		_, err := readEntry(bytes.NewReader(tt.bytes), 100)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	g := newGit(t)
	r := g.open()
	base := must(Hash(g.feed("0123456789", "hash-object", "-w", "--stdin")).oid())
	for _, tt := range []struct {
		name     string
		src, dst uint64
		want     error
	}{
		{"sound", 10, 10, nil},
		{"makes too much", 10, 1 << 40, ErrTooLarge},
		{"makes too much for a blob", 10, 2000, ErrTooLarge},
		{"of too large a base", 1 << 40, 10, ErrTooLarge},
		{"of another base", 11, 10, ErrCorrupt},
		{"makes less than it says", 10, 11, ErrCorrupt},
		{"size without end", 1 << 63, 10, ErrCorrupt},
	} {
		delta := binary.AppendUvarint(binary.AppendUvarint(nil, tt.src), tt.dst)
		delta = append(delta, 0x90, 10) // copy ten bytes
		id := must(HashBlob([]byte(tt.name)).oid())
		_, err := r.store.newPack(func(f *os.File) (*idxfile.Writer, error) {
			w := newPackWriter(f, nil)
			w.header(2)
			w.zipped(plumbing.BlobObject, 10, strings.NewReader("0123456789"))
			w.index.Add(base, 12, 0)
			w.index.Add(id, w.at, 0)
			w.entry(entry{kind: plumbing.REFDeltaObject, size: int64(len(delta)), ref: base})
			w.zipper.Reset(w)
			w.zipper.Write(delta)
			return w.index, errors.Join(w.zipper.Close(), w.trailer())
		})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := r.store.read(id, 1000); !errors.Is(err, tt.want) {
			t.Errorf("delta, %s: %v, want %v", tt.name, err, tt.want)
		}
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
			t.Errorf("delta, %s: %d bytes were taken", tt.name, after.TotalAlloc-before.TotalAlloc)
		}
	}
	f := newInflater()
	if _, err := f.whole(entry{size: 1 << 40}, maxRebuilt); !errors.Is(err, ErrTooLarge) {
		t.Errorf("whole object: %v", err)
	}
	if _, err := f.delta(entry{size: 1 << 40}, 1000, maxRebuilt); !errors.Is(err, ErrTooLarge) {
		t.Errorf("delta: %v", err)
	}
}

// What is cached, and files held open, do not hide that the repository is gone.
func TestProbe(t *testing.T) {
	for _, form := range []string{"loose", "packed"} {
		g := newGit(t)
		g.commit("a.json", "1")
		tree := g.hash("HEAD^{tree}")
		if form == "packed" {
			g.run("gc", "-q")
		}
		r := g.open()
		must(r.Tree(background, tree))
		if err := r.Probe(background, tree); err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if err := r.Probe(background, Hash(strings.Repeat("1", 40))); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: an object that never was: %v", form, err)
		}
		if err := os.RemoveAll(filepath.Join(g.dir, ".git", "objects")); err != nil {
			t.Fatal(err)
		}
		if err := r.Probe(background, tree); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: the objects are gone: %v", form, err)
		}
	}
}

func TestIndexOfAVeryLargePack(t *testing.T) {
	index := new(idxfile.Writer)
	want := map[oid]int64{}
	for i := range int64(50) {
		id := must(HashBlob([]byte{byte(i)}).oid())
		want[id] = 12 + i<<28 // beyond what 31 bits hold
		index.Add(id, uint64(want[id]), 0)
	}
	if err := index.OnFooter(oid{1}); err != nil {
		t.Fatal(err)
	}
	p := &pack{index: must(index.Index())}
	for id, offset := range want {
		if got, ok := p.find(id); got != offset || !ok {
			t.Errorf("%s at %d, %v, want %d", id, got, ok, offset)
		}
	}
	if _, ok := p.find(oid{1}); ok {
		t.Error("found what is not there")
	}
}

func TestDamageIsNamed(t *testing.T) {
	g := newGit(t)
	random := make([]byte, 1000) // stored as it is: a bit of the file is a bit of the data
	rand.NewChaCha8([32]byte{1}).Read(random)
	g.commit("a.json", string(random))
	blob := g.hash("HEAD:a.json")
	path := loosePath(filepath.Join(g.dir, ".git", "objects"), must(blob.oid()))
	other := g.feed("other", "hash-object", "-w", "--stdin")
	moved := must(os.ReadFile(loosePath(filepath.Join(g.dir, ".git", "objects"), must(Hash(other).oid()))))
	whole := must(os.ReadFile(path))
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for name, data := range map[string][]byte{"empty": nil, "cut": whole[:len(whole)/2], "another's": moved, "checksum": flipped} {
		replace(t, path, data)
		if _, err := g.open().Blob(background, blob); !errors.Is(err, ErrCorrupt) {
			t.Errorf("loose, %s: %v", name, err)
		}
	}
	replace(t, path, whole)
	g.run("gc", "-q")
	pack := filepath.Join(g.dir, ".git/objects/pack", strings.TrimSuffix(packName(t, g), ".idx")+".pack")
	whole = must(os.ReadFile(pack))
	broken := 0
	for i := 12; i < len(whole)-20; i += 7 {
		data := bytes.Clone(whole)
		data[i] ^= 0x55
		replace(t, pack, data)
		r := g.open()
		got, err := r.Blob(background, blob)
		if err == nil && HashBlob(got) != blob {
			t.Errorf("byte %d: other bytes and no error", i)
		}
		if err != nil {
			broken++
		}
	}
	if broken == 0 {
		t.Error("no damage was noticed")
	}
}

// An index without its pack, as between the two steps of writing or removing
// one, hides nothing that is elsewhere.
func TestIndexWithoutItsPack(t *testing.T) {
	g := newGit(t)
	head := g.commit("a.json", "1")
	g.run("repack", "-q") // the loose objects stay
	pack := filepath.Join(g.dir, ".git/objects/pack", strings.TrimSuffix(packName(t, g), ".idx")+".pack")
	before := g.open() // knows the index, has not opened the pack
	if err := os.Rename(pack, pack+".away"); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Repo{"opened before": before, "opened after": g.open()} {
		if _, err := r.Commit(background, head); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPackClosedUnderAReader(t *testing.T) {
	err := broken(&pack{}, 0, &os.PathError{Op: "read", Err: os.ErrClosed})
	if !errors.Is(err, errMoved) || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func replace(t testing.TB, path string, data []byte) {
	t.Helper()
	os.Remove(path)
	if err := os.WriteFile(path, data, 0o444); err != nil {
		t.Fatal(err)
	}
}

func TestHashBlob(t *testing.T) {
	g := newGit(t)
	for _, data := range []string{"", "x", "a\r\nb\x00"} {
		if got, want := HashBlob([]byte(data)), Hash(g.feed(data, "hash-object", "--stdin")); got != want {
			t.Errorf("%q: %s, want %s", data, got, want)
		}
	}
}

// Objects lie in other repositories, which may be repacked too.
func TestAlternates(t *testing.T) {
	base := newGit(t)
	base.commit("a.json", "1")
	dir := filepath.Dir(base.dir)
	base.run("clone", "-q", "--shared", base.dir, filepath.Join(dir, "shared"))
	shared := base.in(filepath.Join(dir, "shared"))
	shared.commit("b.json", "2")
	base.run("clone", "-q", "--shared", shared.dir, filepath.Join(dir, "nested"))
	nested := base.in(filepath.Join(dir, "nested"))
	head := nested.commit("c.json", "3")
	relative := "../../../shared/.git/objects\n# a comment\n\"../../../none\"\n"
	nested.write(".git/objects/info/alternates", relative)

	base.write(".git/objects/info/alternates", nested.dir+"/.git/objects\n") // a ring

	r := nested.open()
	check := func(when string) {
		t.Helper()
		tree := r.treeOf(t, head)
		if diff := cmp.Diff(nested.listing("HEAD"), listing(t, r, tree, "")); diff != "" {
			t.Errorf("%s (-git +got):\n%s", when, diff)
		}
		for _, name := range []string{"a.json", "b.json", "c.json"} {
			e := must(r.Lookup(background, tree, name))
			if n, err := r.BlobSize(background, e.Hash); n != 1 || err != nil {
				t.Errorf("%s: size of %s: %d, %v", when, name, n, err)
			}
			if data, err := r.Blob(background, e.Hash); len(data) != 1 || err != nil {
				t.Errorf("%s: %s: %q, %v", when, name, data, err)
			}
		}
		if got := len(collect(t, r, head)); got != 3 {
			t.Errorf("%s: %d commits, want 3", when, got)
		}
	}
	check("loose")
	base.run("gc", "-q", "--prune=now")
	check("the first is packed")
	shared.run("repack", "-a", "-d", "-q") // takes over what the first has
	shared.run("prune-packed")
	check("the second is packed")
	base.commit("d.json", "4")
	base.run("repack", "-a", "-d", "-f", "-q")
	check("the first is packed again")
}

func collect(t testing.TB, r *Repo, from Hash) []Hash {
	t.Helper()
	var all []Hash
	for c, err := range r.FirstParents(background, from) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.Hash)
	}
	return all
}

// While Git packs, prunes and packs again, readers in many goroutines find all
// that is reachable, every time.
func TestReadingWhileGitCleansUp(t *testing.T) {
	g := newGit(t)
	g.commits("main", 60, 1600000000)
	g.run("reset", "-q", "--hard")
	r := g.open()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := readAll(r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 12 {
		g.commit("records/new.json", fmt.Sprint(i))
		g.run("pack-refs", "--all")
		switch i % 4 {
		case 0:
			g.run("gc", "-q", "--prune=now")
		case 1:
			g.run("repack", "-a", "-d", "-f", "-q")
		case 2:
			g.run("repack", "-d", "-q")
			g.run("prune-packed", "-q")
		case 3:
			g.run("gc", "-q", "--aggressive", "--prune=now")
		}
	}
	close(done)
	wg.Wait()
}

// readAll reads the commits, trees and blobs of HEAD.
func readAll(r *Repo) error {
	_, head, err := r.Head(background)
	if err != nil {
		return err
	}
	n := 0
	for c, err := range r.FirstParents(background, head) {
		if err != nil {
			return err
		}
		if n++; n > 20 {
			return nil
		}
		if err := readTree(r, c.Tree); err != nil {
			return err
		}
	}
	return nil
}

func readTree(r *Repo, tree Hash) error {
	entries, err := r.Tree(background, tree)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Mode == Folder {
			err = readTree(r, e.Hash)
		} else if data, readErr := r.Blob(background, e.Hash); readErr != nil {
			err = readErr
		} else if HashBlob(data) != e.Hash {
			err = fmt.Errorf("%s has other bytes", e.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestCancelledReads(t *testing.T) {
	g := newGit(t)
	head := g.commit("a.json", "1")
	r := g.open()
	ctx := cancelled()
	for name, err := range map[string]error{
		"commit":  second(r.Commit(ctx, head)),
		"tree":    second(r.Tree(ctx, g.hash("HEAD^{tree}"))),
		"blob":    second(r.Blob(ctx, g.hash("HEAD:a.json"))),
		"size":    second(r.BlobSize(ctx, g.hash("HEAD:a.json"))),
		"ref":     second(r.Ref(ctx, "HEAD")),
		"refs":    second(r.Refs(ctx)),
		"resolve": second(r.Resolve(ctx, string(head), "")),
		"fetch":   second(r.Fetch(ctx)),
	} {
		if err == nil {
			t.Errorf("%s: done all the same", name)
		}
	}
}
