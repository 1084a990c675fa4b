package gitrepo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// Whatever a revision says: it is answered with a commit that git would name so,
// or refused with a RevisionError.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{
		"HEAD", "main", "main~1", "main^2~3^^", "refs/heads/main", "refs/koonti/x", "proposal/1", "proposal/01", "v1.0^0", "2020-09-13",
		"2020-09-13T12:00:00Z", "2020-09-13T12:00+02:00", "0123456", "../../HEAD", "main~99999", "main@{0}", ":/x", "a..b", "\x00", "\xff", "~", "^{}",
	} {
		f.Add(seed)
	}
	g := knotted(f)
	r := g.open()
	served := g.hash("main")
	reachable := map[Hash]bool{}
	for _, h := range g.lines("rev-list", "--branches", "--tags") {
		reachable[Hash(h)] = true
		f.Add(h[:8])
	}
	f.Fuzz(func(t *testing.T, rev string) {
		h, err := r.Resolve(background, rev, served)
		var known *RevisionError
		if err == nil && !reachable[h] || err != nil && (h != "" || !errors.As(err, &known)) {
			t.Errorf("%q: %q, %v", rev, h, err)
		}
		if err == nil && len(rev) > maxRevision {
			t.Errorf("a revision of %d bytes was taken", len(rev))
		}
		again, err2 := r.Resolve(background, rev, served)
		if again != h || (err == nil) != (err2 == nil) {
			t.Errorf("%q: %q, then %q", rev, h, again)
		}
	})
}

// A tree that is read gives back its bytes, and finding a name in it agrees with
// reading all of it.
func FuzzTree(f *testing.F) {
	hash := strings.Repeat("h", 20)
	for _, seed := range []string{"", "100644 a\x00" + hash, "40000 d\x00" + hash + "120000 l\x00" + hash, "100644 a\x00", "100644", " \x00" + hash, "100644 a/b\x00" + hash} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		if err != nil {
			return
		}
		var names, want []byte
		seen := map[string]bool{}
		for _, e := range entries {
			id, err := e.Hash.oid()
			if err != nil {
				t.Fatal(err)
			}
			names = append(append(append(names, e.Name...), 0), id[:]...)
			if found, ok := findEntry(data, e.Name); !seen[e.Name] && (!ok || found != e) {
				t.Errorf("%q is read as %+v and found as %+v", e.Name, e, found)
			}
			seen[e.Name] = true
		}
		for rest := data; len(rest) > 0; {
			space, end := bytes.IndexByte(rest, ' '), bytes.IndexByte(rest, 0)
			want = append(want, rest[space+1:end+21]...)
			rest = rest[end+21:]
		}
		if !bytes.Equal(names, want) {
			t.Errorf("names and hashes %q, want %q", names, want)
		}
	})
}

func FuzzCommit(f *testing.F) {
	zero := strings.Repeat("0", 40)
	for _, seed := range []string{
		"tree " + zero + "\nparent " + zero + "\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 2 -0330\n\nmessage\n",
		"tree " + zero + "\nauthor A <a@b> 1 +0000\nencoding ISO-8859-1\n\n\xe4\n", "tree " + zero + "\ngpgsig x\n y\n z\n\nm", "tree x\n\n", "\n", "",
		"tree " + zero + "\nauthor <<>> 9999999999999999999 +99999\nencoding utf-16\n\n\xd8\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCommit(data)
		if err != nil {
			return
		}
		for _, s := range []string{c.Message, c.Author.Name, c.Author.Email, c.Committer.Name, c.Committer.Email} {
			if !utf8.ValidString(s) {
				t.Errorf("not UTF-8: %q", s)
			}
		}
		for _, s := range []Signature{c.Author, c.Committer} {
			if text, err := s.When.MarshalText(); err != nil {
				t.Errorf("time that cannot be said: %s, %v", text, err)
			}
		}
	})
}

// An entry that is read is the one that is written.
func FuzzPackEntry(f *testing.F) {
	for _, seed := range []string{"\x30x", "\xb0\x01x", "\x61\x05", "\x71" + strings.Repeat("h", 20), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x00", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const offset = 1 << 30
		e, err := readEntry(bytes.NewReader(data), offset)
		if err != nil {
			return
		}
		if e.size < 0 || isDelta(e.kind) && (e.base < 0 || e.base > offset) {
			t.Fatalf("%x is read as %+v", data, e)
		}
		if _, _, err := deltaSizes(data); err == nil && e.size < 1<<16 {
			f := newInflater()
			if _, err := f.whole(e, 100); e.size > 100 && !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes are not too many: %v", e.size, err)
			}
		}
	})
}

func FuzzPackedRefs(f *testing.F) {
	zero := strings.Repeat("0", 39) + "1"
	for _, seed := range []string{"# pack-refs with: peeled fully-peeled sorted \n" + zero + " refs/heads/main\n^" + zero + "\n", zero + " ../x\n", zero, "x y\n", zero + " refs/heads/a\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		refs, err := parsePacked(text)
		if err != nil {
			return
		}
		for _, ref := range refs {
			if !validRef(ref.name) || strings.Contains(ref.name, "..") || strings.HasPrefix(ref.name, "/") {
				t.Errorf("ref %q", ref.name)
			}
			rest, found := withoutRef(text, ref.name)
			left, err := parsePacked(rest)
			if !found || err != nil {
				t.Fatalf("without %s: %v, %v", ref.name, found, err)
			}
			for _, other := range left {
				if other.name == ref.name {
					t.Errorf("%s is still there", ref.name)
				}
			}
		}
	})
}

// Attributes and patterns end, and a literal pattern matches itself alone.
func FuzzAttributes(f *testing.F) {
	for _, p := range patterns {
		f.Add(p+" text", targets[len(p)%len(targets)])
	}
	f.Add("[attr]a -b c=d !e", "x")
	f.Add(`"a\tb" text`, "a\tb")
	f.Fuzz(func(t *testing.T, line, path string) {
		said, ok := parseRule(line, true)
		if !ok || path == "" || strings.Contains(path, "//") || path[0] == '/' {
			return
		}
		a := &Attributes{repo: &Repo{}, info: []rule{said}, folders: map[string][]rule{".": nil}}
		a.fold = len(line)%2 == 0
		matched := a.matches(said, path, path)
		if !said.byName && said.pattern == "" && matched != (path == said.literal) && !a.fold {
			t.Errorf("%q matches %q: %v", line, path, matched)
		}
	})
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"[a]\n\tb = c\n", "[a \"b.c\"]\nd", "[a.b]c=\"x;y\" # z\n", "[a]\nb = \\\n c\\\"\n", "[", "[a]\n=", "[a]b=\"", "\ufeff[a]\r\nb=1\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseConfig(text, func(key, value string) error {
			if !strings.Contains(key, ".") {
				t.Errorf("key %q", key)
			}
			return nil
		})
		if name, _, ok := unquote(text); ok && len(name) > len(text) {
			t.Errorf("%q is unquoted to %q", text, hex.EncodeToString([]byte(name)))
		}
	})
}

// Passing over what trees have in common is the same as stepping over it.
func FuzzPassEqual(f *testing.F) {
	hash := strings.Repeat("h", 20)
	two := "100644 a\x00" + hash + "40000 b\x00" + hash
	for _, seed := range [][3]string{
		{"", "", ""}, {two, two, two}, {two, two + "100644 c\x00" + hash, two}, {two + two, two + two, two}, {two + "1", two + "2", two},
		{two, "100644 a\x00" + hash, ""}, {two + "1", two + "1", two + "100644 c\x00" + hash},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), []byte(seed[2]))
	}
	f.Fuzz(func(t *testing.T, one, two, three []byte) {
		for _, trees := range [][][]byte{{one, two}, {one, two, three}} {
			passed, err := passOver(trees, passEqual)
			stepped, other := passOver(trees, stepEqual)
			if (err == nil) != (other == nil) {
				t.Fatalf("passed: %v, stepped: %v", err, other)
			}
			for i := range passed {
				a, b := passed[i], stepped[i]
				if err == nil && (!bytes.Equal(a.raw, b.raw) || !bytes.Equal(a.rest, b.rest) || a.mode != b.mode) {
					t.Errorf("side %d: passed to %q, stepped to %q", i, a.raw, b.raw)
				}
			}
		}
	})
}

func passOver(trees [][]byte, pass func([]cursor) error) ([]cursor, error) {
	sides := make([]cursor, len(trees))
	for i := range sides {
		sides[i].rest = trees[i]
		if err := sides[i].next(); err != nil {
			return sides, err
		}
	}
	return sides, pass(sides)
}

func stepEqual(sides []cursor) error {
	for len(sides[0].raw) > 0 && !slices.ContainsFunc(sides, func(e cursor) bool { return !bytes.Equal(e.raw, sides[0].raw) }) {
		for i := range sides {
			if err := sides[i].next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// What is not signature is signed, and both together are all of a commit.
func FuzzSplitSigned(f *testing.F) {
	for _, seed := range []string{"tree x\ngpgsig a\n b\n\nm", "gpgsig-sha256 a\n b\ngpgsig c\n", " a\ngpgsig", "\ngpgsig x\n", "gpgsig ", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, signature := splitSigned(data)
		if !bytes.Contains(data, []byte("gpgsig")) && (!bytes.Equal(payload, data) || signature != "") {
			t.Errorf("%q is parted in %q and %q", data, payload, signature)
		}
		again, more := splitSigned(payload)
		if signature != "" && len(again) > len(payload) || len(payload)+len(signature) > len(data) {
			t.Errorf("%q is parted in %q and %q, then %q and %q", data, payload, signature, again, more)
		}
	})
}

func FuzzMailmap(f *testing.F) {
	for _, seed := range []string{"A <a@x> b <c@x>", "<a@x> <b@x>\nA <b@x>", "# <a>\n<", "A <> <a@x>", "\xff <b@x>"} {
		f.Add(seed, "b", "b@x")
	}
	f.Fuzz(func(t *testing.T, text, name, email string) {
		properName, properEmail := ParseMailmap(text).Person(name, email)
		if !strings.Contains(text, "<") && (properName != name || properEmail != email) {
			t.Errorf("%q makes %q <%q> of %q <%q>", text, properName, properEmail, name, email)
		}
		if utf8.ValidString(name+email) && !utf8.ValidString(properName+properEmail) {
			t.Errorf("not UTF-8: %q <%q>", properName, properEmail)
		}
	})
}

// Whatever an index file holds: it is read as git would, or refused; what is read
// can be written, and is then the same to git.
func FuzzIndexFile(f *testing.F) {
	g := newGit(f)
	g.write("a/b", "1")
	g.write("a/c", "2")
	g.write("d", "3")
	g.run("add", "-A")
	path := filepath.Join(g.dir, ".git/index")
	for _, version := range []string{"2", "3", "4"} {
		g.run("update-index", "--index-version", version)
		f.Add(must(os.ReadFile(path)))
		g.run("update-index", "--assume-unchanged", "d")
		f.Add(must(os.ReadFile(path)))
		g.run("update-index", "--no-assume-unchanged", "--skip-worktree", "d")
		f.Add(must(os.ReadFile(path)))
		g.run("update-index", "--no-skip-worktree", "d")
	}
	path = filepath.Join(f.TempDir(), "index")
	f.Fuzz(func(t *testing.T, data []byte) {
		// A checksum that is left out lets changed bytes be looked at.
		if end := len(data) - 20; end >= 0 {
			data = append(data[:end:end], make([]byte, 20)...)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := readIndexFile(path)
		if err != nil || x.assumes() {
			return
		}
		again, err := x.encode(func(*index.Entry) bool { return false })
		if err != nil {
			return
		}
		if err := os.WriteFile(path, again, 0o600); err != nil {
			t.Fatal(err)
		}
		if y, err := readIndexFile(path); err != nil || len(y.Entries) != len(x.Entries) {
			t.Errorf("what was written is not what was read: %v", err)
		}
	})
}
