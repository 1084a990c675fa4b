package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// receiving makes a bare repository that takes pushes, and a clone of it to push
// from, in which there is more.
func receiving(t *testing.T) (remote, g *git) {
	t.Helper()
	g = newGit(t)
	g.commits("main", 30, 1600000000)
	g.run("tag", "-a", "-m", "x", "v1", "main~3")
	remote = g.in(filepath.Join(filepath.Dir(g.dir), "remote.git"))
	g.run("clone", "-q", "--bare", ".", remote.dir)
	remote.run("config", "http.receivepack", "true")
	remote.run("config", "receive.unpackLimit", "1") // a pack stays one
	remote.run("config", "receive.fsckObjects", "true")
	remote.run("gc", "-q")
	g.commits("next", 12, 1600001800)
	g.run("repack", "-adq")
	return remote, g
}

// propose makes a commit as an editor would, loose.
func propose(t *testing.T, r *Repo, parent Hash, path string) Hash {
	t.Helper()
	c := must(r.Commit(background, parent))
	blob := must(r.WriteBlob(background, []byte(path+parent.Short())))
	tree := must(r.WriteTree(background, c.Tree, []TreeChange{{path, Entry{Mode: File, Hash: blob}}}))
	who := Signature{"Aino", "aino@example.org", time.Unix(1600009999, 0)}
	return must(r.WriteCommit(background, NewCommit{tree, []Hash{parent}, who, who, "propose"}))
}

func TestPush(t *testing.T) {
	remote, g := receiving(t)
	path := os.Getenv("PATH")
	t.Setenv("PATH", path) // put back in the end
	main, next := g.hash("main"), g.hash("next")
	for name, url := range remotes(t, remote) {
		r := g.open()
		one := propose(t, r, main, "records/"+name+"/1.json")
		two := propose(t, r, one, "records/"+name+"/1.json")
		branch := "refs/heads/proposals/" + name
		own := "refs/koonti/" + name
		for i, step := range []struct {
			refs    []PushRef
			want    error
			objects string // that are to come, as git counts them
		}{
			{nil, nil, ""},
			{[]PushRef{{branch, "", main}}, nil, ""},
			{[]PushRef{{branch, "", one}}, ErrChanged, ""},
			{[]PushRef{{branch, one, two}}, ErrChanged, ""},
			{[]PushRef{{branch, main, one}}, nil, string(one) + " ^" + string(main)},
			{[]PushRef{{branch, one, two}, {own, one, two}}, ErrChanged, ""},
			{[]PushRef{{branch, one, two}, {own, "", next}}, nil, string(two) + " " + string(next) + " ^" + string(one)},
			{[]PushRef{{branch, two, one}}, nil, ""}, // backwards
			{[]PushRef{{branch, one, ""}, {own, next, one}}, nil, ""},
			{[]PushRef{{branch, one, ""}}, ErrChanged, ""},
			{[]PushRef{{own, one, ""}}, nil, ""},
			{[]PushRef{{own, "", ""}}, ErrUnsupported, ""},
			{[]PushRef{{"refs/tags/v2", "", main}}, ErrUnsupported, ""},
			{[]PushRef{{"refs/heads/a b", "", main}}, ErrUnsupported, ""},
			{[]PushRef{{branch, "", Hash(strings.Repeat("12", 20))}}, ErrNotFound, ""},
			{[]PushRef{{branch, "", g.hash("main^{tree}")}}, ErrNotFound, ""},
		} {
			before := remote.lines("for-each-ref")
			count := packed(t, remote)
			os.Setenv("PATH", "/nowhere") // no program at all can be found
			err := r.PushTo(background, url, Credentials{}, step.refs)
			os.Setenv("PATH", path)
			if !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
				t.Fatalf("%s, step %d: %v, want %v", name, i, err, step.want)
			}
			if err != nil {
				if diff := cmp.Diff(before, remote.lines("for-each-ref")); diff != "" {
					t.Errorf("%s, step %d was refused, but (-before +after):\n%s", name, i, diff)
				}
				continue
			}
			for _, ref := range step.refs {
				if got, _ := remote.try("rev-parse", "--verify", "-q", ref.Name); Hash(got) != ref.Is {
					t.Errorf("%s, step %d: %s is %q", name, i, ref.Name, got)
				}
			}
			want := 0
			if step.objects != "" {
				want = len(g.lines(append([]string{"rev-list", "--objects"}, strings.Fields(step.objects)...)...))
			}
			if got := packed(t, remote) - count; got != want {
				t.Errorf("%s, step %d: %d objects came, git would send %d", name, i, got, want)
			}
			remote.run("fsck", "--strict")
		}
		remote.run("reflog", "expire", "--expire=now", "--all")
		remote.run("gc", "-q", "--prune=now")
	}
}

// packed counts the objects in packs.
func packed(t *testing.T, g *git) (n int) {
	t.Helper()
	for _, line := range g.lines("count-objects", "-v") {
		if text, ok := strings.CutPrefix(line, "in-pack: "); ok {
			fmt.Sscan(text, &n)
		}
	}
	return n
}

func TestPushToAnEmptyRepository(t *testing.T) {
	g := newGit(t)
	g.commits("main", 5, 1600000000)
	r := g.open()
	empty := newGit(t, "--bare", "-b", "main")
	empty.run("config", "http.receivepack", "true")
	for name, url := range remotes(t, empty) {
		if err := r.PushTo(background, url, Credentials{}, []PushRef{{"refs/heads/" + name, "", g.hash("main")}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		empty.run("fsck", "--strict")
		empty.run("update-ref", "-d", "refs/heads/"+name)
		empty.run("gc", "-q", "--prune=now")
	}
}

func (g *git) hook(name, script string) {
	g.t.Helper()
	g.write("hooks/"+name, "#!/bin/sh\n"+script)
	if err := os.Chmod(filepath.Join(g.dir, "hooks", name), 0o755); err != nil {
		g.t.Fatal(err)
	}
}

// Between the server's offer and its answer another may change the ref.
func TestPushThatLosesTheRace(t *testing.T) {
	remote, g := receiving(t)
	urls := remotes(t, remote)
	r := g.open()
	main := g.hash("main")
	is := propose(t, r, main, "a")
	for _, name := range []string{"http", "ssh"} {
		branch := "refs/heads/" + name
		remote.run("update-ref", branch, "main")
		remote.hook("update", "test "+branch+" != \"$1\" || git update-ref "+branch+" main~1\n")
		err := r.PushTo(background, urls[name], Credentials{}, []PushRef{{"refs/heads/beside-" + name, "", is}, {branch, main, is}})
		if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), branch) {
			t.Errorf("%s: %v", name, err)
		}
		if got := remote.hash(branch); got != remote.hash("main~1") {
			t.Errorf("%s: the other's change is lost", name)
		}
		if _, err := remote.try("rev-parse", "--verify", "refs/heads/beside-"+name); err == nil {
			t.Errorf("%s: half of it was done", name)
		}
	}
}

func TestPushThatIsRejected(t *testing.T) {
	remote, g := receiving(t)
	urls := remotes(t, remote)
	r := g.open()
	main := g.hash("main")
	is := propose(t, r, main, "a")
	remote.hook("pre-receive", "echo 'Line one: no.' >&2\necho 'Ask the editors.'\nexit 1\n")
	for _, name := range []string{"http", "ssh"} {
		err := r.PushTo(background, urls[name], Credentials{}, []PushRef{{"refs/heads/x", "", is}})
		if !errors.Is(err, ErrRejected) || errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		for _, words := range []string{"refs/heads/x", "pre-receive hook declined", "Line one: no.; Ask the editors."} {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %q is not in %v", name, words, err)
			}
		}
	}
	remote.remove("hooks/pre-receive")
	remote.run("config", "receive.denyDeletes", "true")
	remote.run("update-ref", "refs/heads/x", "main")
	if err := r.PushTo(background, urls["http"], Credentials{}, []PushRef{{"refs/heads/x", main, ""}}); !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), "deletion prohibited") {
		t.Errorf("deleting: %v", err)
	}
	// A branch that is checked out is not moved under its files.
	if err := g.open().PushTo(background, g.dir, Credentials{}, []PushRef{{"refs/heads/main", main, is}}); !errors.Is(err, ErrCheckedOut) {
		t.Errorf("checked out: %v", err)
	}
	for _, url := range []string{"/nowhere/at/all", "ftp://example.org/x", urls["http"] + "/nowhere"} {
		if err := r.PushTo(background, url, Credentials{}, []PushRef{{"refs/heads/x", "", is}}); err == nil {
			t.Errorf("pushed to %s", url)
		}
	}
}

// The token may come with the call, from the configuration, or in the URL; it is
// never told to anybody else, and in no error.
func TestPushWithAToken(t *testing.T) {
	remote, g := receiving(t)
	const token = "s3cr3t-t0ken"
	base := serveHTTP(t, remote, token) + "/remote.git"
	inURL := strings.Replace(base, "http://", "http://aino:"+token+"@", 1)
	main := g.hash("main")
	for i, c := range []struct {
		url   string
		cfg   Config
		as    Credentials
		works bool
	}{
		{base, Config{}, Credentials{"x-access-token", token}, true},
		{base, Config{Username: "koonti", Password: token}, Credentials{}, true},
		{inURL, Config{}, Credentials{}, true},
		{base, Config{Username: "koonti", Password: "wrong"}, Credentials{"aino", token}, true},
		{base, Config{}, Credentials{}, false},
		{base, Config{Username: "koonti", Password: token}, Credentials{"aino", "wrong"}, false},
		{strings.Replace(inURL, token, token+"x", 1), Config{}, Credentials{}, false},
	} {
		err := g.open(c.cfg).PushTo(background, c.url, c.as, []PushRef{{fmt.Sprintf("refs/heads/t%d", i), "", main}})
		if (err == nil) != c.works {
			t.Errorf("%d: %v", i, err)
		}
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("%d: the token is told: %v", i, err)
		}
	}
}

func TestPushFromAMirror(t *testing.T) {
	remote, _ := receiving(t)
	for name, url := range remotes(t, remote) {
		r := must(Mirror(background, url, filepath.Join(realTemp(t), "mirror.git"), Config{}))
		main := remote.hash("main")
		is := propose(t, r, main, name)
		branch := "refs/heads/proposals/" + name
		if err := r.Push(background, []PushRef{{branch, "", is}}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if changed, err := r.Fetch(background); !changed || err != nil {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		if h, err := r.Ref(background, branch); h != is || err != nil {
			t.Errorf("%s: %s, %v", name, h, err)
		}
		must(0, r.Close())
	}
	if err := newGit(t).open().Push(background, []PushRef{{"refs/heads/x", "", remote.hash("main")}}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no mirror: %v", err)
	}
}
