package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// knotted is a repository with merges, tags, proposals and a name for
// everything.
func knotted(t testing.TB) *git {
	g := newGit(t)
	for i := range 6 {
		g.at(1600000000+int64(i)*86400).commit("a.json", fmt.Sprint(i))
	}
	g.run("checkout", "-q", "-b", "proposals/12", "HEAD~2")
	g.at(1600300000).commit("b.json", "1")
	g.run("checkout", "-q", "-b", "side", "main~3")
	g.at(1600400000).commit("c.json", "1")
	g.run("checkout", "-q", "main")
	g.at(1600500000).run("merge", "-q", "-m", "octopus", "side", "proposals/12")
	g.run("tag", "v1.0")
	g.run("tag", "-a", "-m", "x", "v2.0", "side")
	g.run("tag", "side", "main~1") // a branch's name too
	g.run("branch", "2020-09-14", "main~4")
	g.run("branch", "proposal/99", "main~2")
	g.run("branch", "abcdef1", "main~3")
	g.run("update-ref", "refs/koonti/heads/1", "main~1")
	return g
}

func TestResolveIsRevParse(t *testing.T) {
	g := knotted(t)
	full := string(g.hash("main~3"))
	r := g.open()
	served := g.hash("main")
	var revs []string
	for _, rev := range []string{
		"HEAD", "main", "refs/heads/main", "refs/tags/v2.0", "v1.0", "v2.0", "refs/tags/side", "abcdef1", "2020-09-14",
		"proposals/12", full, full[:7], full[:12], full[:39],
	} {
		for _, suffix := range []string{
			"", "~", "~0", "~1", "~2", "~~", "~1~1", "^", "^0", "^1", "^2", "^3", "^4", "^2^", "^2~2", "^3~1^1", "~9", "^^", "^~", "~1^0~1", "~00001",
		} {
			revs = append(revs, rev+suffix)
		}
	}
	asBranch := g.commitsOf(revs, "heads/")
	plain := g.commitsOf(revs, "")
	for i, rev := range revs {
		want := asBranch[i]
		if want == "" { // as we do, but not Git, a branch before a tag and before a hash
			want = plain[i]
		}
		got, err := r.Resolve(background, rev, served)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", rev, got, err, want)
		}
		var known *RevisionError
		if err != nil && !errors.As(err, &known) {
			t.Errorf("%s: error of type %T", rev, err)
		}
	}
}

// commitsOf asks Git for the commits of many revisions, "" for those it does
// not know.
func (g *git) commitsOf(revs []string, prefix string) []string {
	g.t.Helper()
	var ask strings.Builder
	for _, rev := range revs {
		fmt.Fprintf(&ask, "%s%s^{commit}\n", prefix, rev)
	}
	answers := strings.Split(g.feed(ask.String(), "cat-file", "--batch-check=%(objectname)"), "\n")
	for i, a := range answers {
		if len(a) != 40 || strings.Contains(a, " ") {
			answers[i] = ""
		}
	}
	return answers
}

func TestResolveOrder(t *testing.T) {
	g := knotted(t)
	r := g.open()
	served := g.hash("main~1")
	for _, tt := range []struct{ rev, want string }{
		{"proposal/12", "refs/heads/proposals/12"},
		{"proposal/12~1^", "refs/heads/proposals/12~2"},
		{"proposal/99", "refs/heads/proposal/99"}, // no proposal 99, but such a branch
		{"side", "refs/heads/side"},               // a branch before a tag
		{"abcdef1", "refs/heads/abcdef1"},         // a branch before a hash
		{"2020-09-14", "refs/heads/2020-09-14"},   // a branch before a time
		{"HEAD", "main~1"},                        // what is served, not what is checked out
		{"HEAD~1", "main~2"},
		{strings.ToUpper(string(g.hash("main"))), "main"},
		{strings.ToUpper(string(g.hash("main")))[:9], "main"},
	} {
		got, err := r.Resolve(background, tt.rev, served)
		if want := g.hash(tt.want); got != want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", tt.rev, got, err, want)
		}
	}
}

func TestResolveTime(t *testing.T) {
	g := knotted(t)
	g.at(1600100000).commit("late.json", "a clock that went back")
	r := g.open()
	served := g.hash("main")
	for _, tt := range []struct{ rev, before string }{
		{"2020-09-13", "2020-09-13 23:59:59 +0000"},
		{"2020-09-15", "2020-09-15 23:59:59 +0000"},
		{"2020-09-17", "2020-09-17 23:59:59 +0000"},
		{"2999-01-01", "2099-01-01 00:00:00 +0000"},
		{"2020-09-15T12:26:40Z", "2020-09-15 12:26:40 +0000"},
		{"2020-09-15T12:26:39Z", "2020-09-15 12:26:39 +0000"},
		{"2020-09-15T12:26:40.5Z", "2020-09-15 12:26:40 +0000"},
		{"2020-09-15T12:26", "2020-09-15 12:26:00 +0000"},
		{"2020-09-15 12:27", "2020-09-15 12:27:00 +0000"},
		{"2020-09-15T15:26:40+03:00", "2020-09-15 12:26:40 +0000"},
		{"2020-09-15T15:26:39+0300", "2020-09-15 12:26:39 +0000"},
		{"2020-09-15T15:26+03", "2020-09-15 12:26:00 +0000"},
		{"2020-09-13T12:26:39Z", "2020-09-13 12:26:39 +0000"}, // before the first
		{"1969-01-01", "1970-01-01 00:00:01 +0000"},
	} {
		// "g.run" and not a filter of ours: with --before Git goes on past newer commits.
		want := g.run("rev-list", "-1", "--first-parent", "--before="+tt.before, string(served))
		for range 2 { // read, and remembered
			got, err := r.Resolve(background, tt.rev, served)
			if string(got) != want || want == "" && !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: got %q, %v, want %q", tt.rev, got, err, want)
			}
		}
	}
	for _, rev := range []string{"2020", "2020-09", "20200915", "2020-13-01", "2020-02-30", "2020-09-15T25:00", "2020-09-15~1", "yesterday", "15.9.2020", "12:00"} {
		if got, err := r.Resolve(background, rev, served); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %q, %v", rev, got, err)
		}
	}
	if _, err := r.Resolve(background, "2020-09-15", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("with nothing served: %v", err)
	}
}

// The line that times are looked up on follows what is served wherever it goes.
func TestResolveTimeFollowsWhatIsServed(t *testing.T) {
	g := newGit(t)
	g.commits("main", 50, 1600000000)
	g.run("checkout", "-q", "main~20", "-b", "other")
	g.at(1700000000).commit("x.json", "1")
	r := g.open()
	for _, rev := range []string{"main~30", "main", "main~10", "other", "main~1", "other~1", "main~49", "main"} {
		served := g.hash(rev)
		for _, minutes := range []int64{0, 5, 17, 29, 33, 48, 49, 1_000_000, 3_000_000} {
			at := time.Unix(1600000000+minutes*60, 0).UTC()
			want := g.run("rev-list", "-1", "--first-parent", fmt.Sprint("--before=", at.Unix()), string(served))
			got, err := r.Resolve(background, at.Format(time.RFC3339), served)
			if string(got) != want || err != nil {
				t.Fatalf("%s of %s: got %s, %v, want %s", at, rev, got, err, want)
			}
		}
	}
}

func TestResolveOnlyWhatIsExposed(t *testing.T) {
	g := newGit(t)
	g.commit("a.json", "1")
	kept := g.commit("a.json", "2")
	hidden := g.commit("secret.json", "3")
	g.run("update-ref", "refs/koonti/heads/1", string(hidden))
	g.run("reset", "-q", "--hard", string(kept))
	r := g.open()
	for _, rev := range []string{string(hidden), string(hidden[:9]), string(hidden) + "~1", strings.Repeat("1", 40)} {
		if h, err := r.Resolve(background, rev, kept); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %s, %v", rev, h, err)
		}
	}
	for _, rev := range []string{"refs/koonti/heads/1", "refs/koonti/heads/none", "refs/heads", "refs/remotes/origin/main"} {
		if h, err := r.Resolve(background, rev, kept); !errors.Is(err, ErrNotExposed) && rev != "refs/heads" || err == nil {
			t.Errorf("%s: %s, %v", rev, h, err)
		}
	}
	// What is served may be read, whatever ref it comes from.
	if h, err := r.Resolve(background, string(hidden), hidden); h != hidden || err != nil {
		t.Errorf("served: %s, %v", h, err)
	}
	if h, err := r.Resolve(background, string(hidden), kept); !errors.Is(err, ErrNotFound) {
		t.Errorf("no longer served: %s, %v", h, err)
	}
	// Branches of remotes have short names where they are exposed, after those of our own.
	g.run("update-ref", "refs/remotes/origin/side", string(hidden))
	g.run("update-ref", "refs/remotes/origin/both", string(hidden))
	g.run("branch", "origin/both", string(kept))
	if h, err := r.Resolve(background, "origin/side", kept); !errors.Is(err, ErrNotFound) {
		t.Errorf("a branch of a remote that is not exposed: %s, %v", h, err)
	}
	remotes := g.open(Config{Exposed: []string{"refs/heads/", "refs/remotes/"}})
	for rev, want := range map[string]Hash{"origin/side": hidden, "refs/remotes/origin/side": hidden, "origin/side~1": kept, "origin/both": kept} {
		if h, err := remotes.Resolve(background, rev, kept); h != want || err != nil {
			t.Errorf("%s: %s, %v", rev, h, err)
		}
	}
	var unknown *RevisionError
	if _, err := remotes.Resolve(background, "origin/sied", kept); !errors.As(err, &unknown) || !slices.Contains(unknown.Candidates, "origin/side") {
		t.Errorf("a slip of the fingers: %v", err)
	}
	wide := g.open(Config{Exposed: []string{"refs/koonti/heads"}})
	if h, err := wide.Resolve(background, "refs/koonti/heads/1", ""); h != hidden || err != nil {
		t.Errorf("exposed: %s, %v", h, err)
	}
	if h, err := wide.Resolve(background, "main", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("branches not exposed: %s, %v", h, err)
	}
}

// Whatever happens to the refs, the set of what can be reached is that of Git.
func TestReachableIsWhatGitReaches(t *testing.T) {
	g := newGit(t)
	r := g.open()
	check := func(when string) {
		t.Helper()
		want := map[string]bool{}
		for _, h := range g.lines("rev-list", "--branches", "--tags") {
			want[h] = true
		}
		for _, line := range g.lines("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)") {
			kind, hash, _ := strings.Cut(line, " ")
			if kind != "commit" {
				continue
			}
			for _, rev := range []string{hash, hash[:20]} {
				got, err := r.Resolve(background, rev, "")
				if want[hash] != (err == nil && string(got) == hash) || err != nil && !errors.Is(err, ErrNotFound) {
					t.Fatalf("%s: %s: got %q, %v, reachable %v", when, rev, got, err, want[hash])
				}
			}
		}
	}
	g.commits("main", 20, 1600000000)
	g.run("reset", "-q", "--hard")
	check("a line")
	g.run("checkout", "-q", "-b", "topic")
	g.commit("t.json", "1")
	check("a branch")
	g.run("checkout", "-q", "main")
	g.commit("m.json", "1")
	g.run("merge", "-q", "-m", "merge", "topic")
	check("merged")
	g.run("branch", "-q", "-d", "topic")
	check("the merged branch deleted")
	g.run("checkout", "-q", "-b", "lost")
	g.commit("l.json", "1")
	g.commit("l.json", "2")
	check("another branch")
	g.run("checkout", "-q", "main")
	g.run("branch", "-q", "-D", "lost")
	check("a branch deleted that was not merged")
	g.run("reset", "-q", "--hard", "main~3")
	check("a forced push")
	g.run("tag", "back", "ORIG_HEAD")
	check("and a tag on what was lost")
	g.run("tag", "-d", "back")
	g.run("branch", "-q", "-M", "main", "trunk")
	check("renamed")
}

func TestShortHashThatSeveralBeginWith(t *testing.T) {
	g := newGit(t)
	g.commits("main", 3, 1600000000)
	hash := g.hash("main")
	r := g.open()
	must(r.Resolve(background, string(hash[:8]), hash)) // walks
	// Commits of seven equal digits take too long to find: one is added by hand.
	twin := must(hash.oid())
	twin[19] ^= 1
	r.reach[everything].list = append(r.reach[everything].list, twin)
	_, err := r.Resolve(background, string(hash[:9]), hash)
	var known *RevisionError
	if !errors.Is(err, ErrAmbiguous) || !errors.As(err, &known) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]string{string(hash), twin.String()}, known.Candidates); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
	if h, err := r.Resolve(background, string(hash), hash); h != hash || err != nil {
		t.Errorf("the whole hash: %s, %v", h, err)
	}
}

func TestResolveSuggests(t *testing.T) {
	g := newGit(t)
	g.commit("a.json", "1")
	for _, name := range []string{"develop", "feature/municipalities", "proposals/7"} {
		g.run("branch", name)
	}
	g.run("tag", "v1.2.0")
	g.run("update-ref", "refs/koonti/mains", "HEAD")
	r := g.open()
	for _, tt := range []struct {
		rev  string
		want []string
	}{
		{"mian", []string{"main"}},
		{"Main", []string{"main"}},
		{"develp~3", []string{"develop"}},
		{"v1.2", []string{"v1.2.0"}},
		{"municipal", []string{"feature/municipalities"}},
		{"nothing-like-it", nil},
		{"../../etc/passwd", nil},
	} {
		_, err := r.Resolve(background, tt.rev, "")
		var known *RevisionError
		if !errors.As(err, &known) || !errors.Is(err, ErrNotFound) {
			t.Fatalf("%s: %v", tt.rev, err)
		}
		if diff := cmp.Diff(tt.want, known.Candidates); diff != "" || known.Revision != tt.rev {
			t.Errorf("%s, of %q: candidates (-want +got):\n%s", tt.rev, known.Revision, diff)
		}
	}
}

func TestResolveHostile(t *testing.T) {
	g := newGit(t)
	g.commits("main", 200, 1600000000)
	r := g.open()
	served := g.hash("main")
	for _, rev := range []string{
		"", strings.Repeat("a", 256), strings.Repeat("^", 255), "main" + strings.Repeat("~100000", 30), "main~99999999999999999999", "main~100001",
		"main^99999", "main~-1", "main~1x", "main^{commit}", "main^{/x}", "main@{1}", "main:records", "@", "-main", "--all", "main..main", ":/x",
		"../HEAD", "/etc/passwd", "refs/heads/../../HEAD", "refs/heads/./main", "refs//heads/main", "refs/heads/main.lock", "refs/heads/", "main/", "ma\x00in",
		"main\n", " main", "main ", "m*", "[m]ain", `main\`, "C:main", "con", "\xff\xfe", "proposal/0", "proposal/-1", "proposal/99999999999", "proposal/", "~1", "^", "FETCH_HEAD",
	} {
		started := time.Now()
		h, err := r.Resolve(background, rev, served)
		if err == nil || h != "" {
			t.Errorf("%q: %s", rev, h)
		}
		var known *RevisionError
		if !errors.As(err, &known) || len(known.Error()) > 1000 {
			t.Errorf("%q: %T %v", rev, err, err)
		}
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("%q took %s", rev, took)
		}
	}
}

func TestStepsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{"", true}, {"~", true}, {"^2~3", true}, {"~100000", true}, {"~50000^0~50000", true}, {"~100001", false}, {"~60000~60000", false},
		{"~1~9223372036854775807", false}, {"^100001", false}, {"~99999999999999999999", false}, {"~x", false}, {"^{}", false},
	} {
		if steps, err := parseSteps(tt.text); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, %v", tt.text, steps, err)
		}
	}
}

func TestFirstParentsAreGits(t *testing.T) {
	g := knotted(t)
	r := g.open()
	for _, rev := range []string{"main", "side", "proposals/12", "main~5"} {
		var want []Hash
		for _, h := range g.lines("rev-list", "--first-parent", "heads/"+rev, "--") {
			want = append(want, Hash(h))
		}
		if diff := cmp.Diff(want, collect(t, r, g.hash("refs/heads/"+rev))); diff != "" {
			t.Errorf("%s (-git +got):\n%s", rev, diff)
		}
	}
	for range r.FirstParents(background, "") {
		t.Error("something on the line of no commit")
	}
	n := 0
	for _, err := range r.FirstParents(background, Hash(strings.Repeat("1", 40))) {
		if n++; !errors.Is(err, ErrNotFound) || n > 1 {
			t.Errorf("line of a commit that is not there: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	n = 0
	for _, err := range r.FirstParents(ctx, g.hash("main")) {
		if n++; n == 2 {
			cancel()
		} else if n == 3 && !errors.Is(err, context.Canceled) {
			t.Errorf("goes on after its context: %v", err)
		}
	}
	if n != 3 {
		t.Errorf("%d commits", n)
	}
}

func TestShallowClone(t *testing.T) {
	origin := newGit(t)
	origin.commits("main", 10, 1600000000)
	dir := filepath.Join(filepath.Dir(origin.dir), "shallow")
	origin.run("clone", "-q", "--depth=3", "file://"+origin.dir, dir)
	g := origin.in(dir)
	r := g.open()
	head := g.hash("HEAD")
	old := origin.hash("main~6")
	if !r.Shallow() || origin.open().Shallow() {
		t.Error("which of the two is shallow?")
	}
	var last Commit
	var got []error
	for c, err := range r.FirstParents(background, head) {
		if got = append(got, err); err == nil {
			last = c
		}
	}
	if len(got) != 4 || !errors.Is(got[3], ErrShallow) || !strings.Contains(got[3].Error(), "--unshallow") || !last.Boundary || len(last.Parents) != 1 {
		t.Errorf("line: %v, ends at %+v", got, last)
	}
	if h, err := r.Resolve(background, "HEAD~2", head); string(h) != g.run("rev-parse", "HEAD~2") || err != nil {
		t.Errorf("within: %s, %v", h, err)
	}
	for _, rev := range []string{"HEAD~3", "HEAD~2^", "2020-01-01"} {
		if h, err := r.Resolve(background, rev, head); !errors.Is(err, ErrShallow) {
			t.Errorf("%s: %s, %v", rev, h, err)
		}
	}
	if _, err := r.Resolve(background, string(old), head); !errors.Is(err, ErrNotFound) {
		t.Errorf("beyond: %v", err)
	}
	g.run("fetch", "-q", "--unshallow")
	if r.Shallow() {
		t.Error("still shallow")
	}
	if h, err := r.Resolve(background, string(old), head); h != old || err != nil {
		t.Errorf("fetched since: %s, %v", h, err)
	}
	if h, err := r.Resolve(background, "2020-09-13T12:27:00Z", head); h != origin.hash("main~9") || err != nil {
		t.Errorf("a time before what was there: %s, %v", h, err)
	}
}

// The opener says what proposal/<n> means, be it exposed or not; what he does not
// know is the branch.
func TestResolveProposalsAsTheOpenerSays(t *testing.T) {
	g := knotted(t)
	tip := g.hash("main")
	hidden := Hash(g.run("commit-tree", "-m", "of a fork", "-p", string(tip), "main^{tree}"))
	g.run("update-ref", "refs/koonti/pulls/7", string(hidden))
	broken := errors.New("the forge is away")
	r := g.open(Config{Proposal: func(_ context.Context, n int) (Hash, error) {
		switch n {
		case 7:
			return hidden, nil
		case 8:
			return "", broken
		case 9:
			return Hash(strings.Repeat("12", 20)), nil
		}
		return "", fmt.Errorf("proposal %d: %w", n, ErrNotFound)
	}})
	for rev, want := range map[string]Hash{
		"proposal/7": hidden, "proposal/7~1": tip, "proposal/7^": tip, "proposal/7^0": hidden, "proposal/12": g.hash("proposals/12"), "proposal/99": g.hash("refs/heads/proposal/99"),
	} {
		if got, err := r.Resolve(background, rev, tip); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", rev, got, err, want)
		}
	}
	for rev, want := range map[string]error{
		"proposal/8": broken, "proposal/9": ErrNotFound, "proposal/10": ErrNotFound, "proposal/07": ErrNotFound, string(hidden): ErrNotFound,
		"refs/koonti/pulls/7": ErrNotExposed, "proposal/7^2": ErrNotFound,
	} {
		if got, err := r.Resolve(background, rev, tip); !errors.Is(err, want) || got != "" {
			t.Errorf("%s: %s, %v, want %v", rev, got, err, want)
		}
	}
}
