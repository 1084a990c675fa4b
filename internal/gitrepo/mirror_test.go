package gitrepo

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// state is what a mirror must share with its origin: branches, tags, HEAD, and
// how many objects can be reached, which Git counts by reading them.
func (g *git) state() string {
	g.t.Helper()
	return g.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags") + "\n" +
		string(must(os.ReadFile(filepath.Join(g.run("rev-parse", "--absolute-git-dir"), "HEAD")))) +
		g.run("rev-list", "--objects", "--branches", "--tags", "--no-object-names", "--count")
}

// sameRefs compares the two, and has Git check the objects.
func sameRefs(t *testing.T, when string, origin *git, r *Repo) {
	t.Helper()
	clone := origin.in(r.GitDir())
	if diff := cmp.Diff(origin.state(), clone.state()); diff != "" {
		t.Errorf("%s (-origin +mirror):\n%s", when, diff)
	}
	if out, err := clone.try("fsck", "--strict", "--no-dangling"); err != nil {
		t.Errorf("%s: %v\n%s", when, err, out)
	}
}

// remotes serve one repository in each way that a mirror can follow.
func remotes(t *testing.T, origin *git) map[string]string {
	return map[string]string{
		"path": origin.dir,
		"file": "file://" + origin.dir,
		"http": serveHTTP(t, origin, "") + "/" + filepath.Base(origin.dir),
		"ssh":  serveSSH(t, origin),
	}
}

// serveHTTP runs git http-backend; with a password, for those who say it.
func serveHTTP(t *testing.T, origin *git, password string) string {
	t.Helper()
	backend := &cgi.Handler{
		Path: filepath.Join(origin.run("--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(origin.dir), "GIT_HTTP_EXPORT_ALL=1", "HOME=" + filepath.Dir(origin.dir), "PATH=" + os.Getenv("PATH")},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, got, _ := req.BasicAuth(); got != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// serveSSH answers git-upload-pack and git-receive-pack over ssh, for the key it puts in the user's
// home, where it also writes known_hosts.
func serveSSH(t *testing.T, origin *git) string {
	t.Helper()
	home := realTemp(t)
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	t.Setenv("SSH_KNOWN_HOSTS", "")
	if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, user, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(user, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ssh", "id_ed25519"), pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	allowed := must(ssh.NewSignerFromKey(user)).PublicKey()
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host := must(ssh.NewSignerFromKey(hostKey))
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(allowed.Marshal()) {
			return nil, errors.New("another key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	known := knownhosts.Line([]string{listener.Addr().String()}, host.PublicKey())
	if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(known+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { answerSSH(conn, config, origin) })
		}
	})
	t.Cleanup(func() { listener.Close(); wg.Wait() })
	return "ssh://git@" + listener.Addr().String() + origin.dir
}

func answerSSH(conn net.Conn, config *ssh.ServerConfig, origin *git) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		for req := range requests {
			if req.Type != "exec" {
				continue
			}
			req.Reply(true, nil)
			service := "upload-pack"
			if strings.Contains(string(req.Payload), "git-receive-pack") {
				service = "receive-pack"
			}
			cmd := origin.cmd(service, origin.dir)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
			status := []byte{0, 0, 0, 0}
			if cmd.Run() != nil {
				status[3] = 1
			}
			channel.SendRequest("exit-status", false, status)
			channel.Close()
		}
	}
}

// Whatever a remote's branches and tags do, the mirror follows: by every
// protocol, without a git program.
func TestMirrorFollows(t *testing.T) {
	origin := newGit(t)
	origin.commits("main", 30, 1600000000)
	origin.run("reset", "-q", "--hard")
	origin.run("tag", "-a", "-m", "x", "v1", "main~3")
	origin.run("repack", "-a", "-d", "-q")
	origin.commit("loose.json", "1")
	urls := remotes(t, origin)
	mirrors := map[string]*Repo{}
	path := os.Getenv("PATH")
	without := func(do func()) { // no program at all can be found
		os.Setenv("PATH", "/nowhere")
		defer os.Setenv("PATH", path)
		do()
	}
	t.Setenv("PATH", path) // put back in the end
	for name, url := range urls {
		without(func() {
			r, err := Mirror(background, url, filepath.Join(realTemp(t), "mirror.git"), Config{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			t.Cleanup(func() { r.Close() })
			mirrors[name] = r
		})
		sameRefs(t, name+", cloned", origin, mirrors[name])
	}
	for _, step := range []struct {
		name    string
		do      func()
		changed bool
	}{
		{"nothing", func() {}, false},
		{"a commit", func() { origin.commit("b.json", "1") }, true},
		{"nothing again", func() {}, false},
		{"a merge of two branches", func() {
			origin.run("checkout", "-q", "-b", "topic/one", "main~5")
			origin.commit("t.json", "1")
			origin.run("checkout", "-q", "main")
			origin.run("merge", "-q", "-m", "merge", "topic/one")
		}, true},
		{"a forced push", func() { origin.run("reset", "-q", "--hard", "main~8"); origin.commit("f.json", "1") }, true},
		{"a tag moved, one of a blob", func() {
			origin.run("tag", "-f", "-a", "-m", "y", "v1", "main")
			origin.run("tag", "blob", "main:f.json")
		}, true},
		{"a branch deleted", func() { origin.run("branch", "-q", "-D", "topic/one") }, true},
		{"a branch where a folder was", func() { origin.run("branch", "topic") }, true},
		{"and a folder where a branch was", func() { origin.run("branch", "-q", "-D", "topic"); origin.run("branch", "topic/two/three") }, true},
		{"another default branch", func() { origin.run("checkout", "-q", "-b", "trunk") }, true},
		{"repacked and pruned", func() {
			origin.run("reflog", "expire", "--expire=now", "--all")
			origin.run("gc", "-q", "--prune=now")
		}, false},
		{"after that a commit", func() { origin.commit("g.json", "1") }, true},
	} {
		step.do()
		want := origin.state()
		for name, r := range mirrors {
			without(func() {
				changed, err := r.Fetch(background)
				if err != nil || changed != step.changed {
					t.Errorf("%s, %s: changed %v, %v", name, step.name, changed, err)
				}
			})
			if diff := cmp.Diff(want, origin.in(r.GitDir()).state()); diff != "" {
				t.Errorf("%s, %s (-origin +mirror):\n%s", name, step.name, diff)
			}
		}
	}
	for name, r := range mirrors {
		sameRefs(t, name+", in the end", origin, r)
	}
}

func TestMirrorOpensWhatIsThere(t *testing.T) {
	origin := newGit(t)
	first := origin.commit("a.json", "1")
	dir := filepath.Join(realTemp(t), "deep", "mirror.git")
	r, err := Mirror(background, origin.dir, dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if r.WorkTree() != "" || r.GitDir() != dir {
		t.Errorf("work tree %q, git folder %q", r.WorkTree(), r.GitDir())
	}
	origin.in(dir).run("update-ref", "refs/koonti/heads/1", string(first))
	r.Close()
	second := origin.commit("a.json", "2")

	r, err = Mirror(background, origin.dir, dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	wantHead(t, r, "refs/heads/main", first) // as it was: Fetch is up to the caller
	if changed, err := r.Fetch(background); !changed || err != nil {
		t.Errorf("fetch: %v, %v", changed, err)
	}
	wantHead(t, r, "refs/heads/main", second)
	if h, err := r.Ref(background, "refs/koonti/heads/1"); h != first || err != nil {
		t.Errorf("a ref of our own: %s, %v", h, err)
	}
	r.Close()
	// Opened by hand it can be fetched into as well, also with the remote away.
	r = openAt(t, dir)
	third := origin.commit("a.json", "3")
	if _, err := r.Fetch(background); err != nil {
		t.Error(err)
	}
	wantHead(t, r, "refs/heads/main", third)
	if err := os.Rename(origin.dir, origin.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if changed, err := r.Fetch(background); err == nil || changed {
		t.Errorf("from a remote that is away: %v, %v", changed, err)
	}
	wantHead(t, r, "refs/heads/main", third)
	away, err := Mirror(background, origin.dir, dir, Config{})
	if err != nil {
		t.Fatalf("opened with the remote away: %v", err)
	}
	wantHead(t, away, "refs/heads/main", third)
	away.Close()
}

func TestMirrorRefuses(t *testing.T) {
	origin := newGit(t)
	origin.commit("a.json", "1")
	empty := newGit(t)
	full := realTemp(t)
	if err := os.WriteFile(filepath.Join(full, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cloned := filepath.Join(realTemp(t), "mirror.git")
	r, err := Mirror(background, origin.dir, cloned, Config{})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	shallow := filepath.Join(realTemp(t), "shallow")
	origin.commit("a.json", "2")
	origin.run("clone", "-q", "--depth=1", "file://"+origin.dir, shallow)
	at := func() string { return filepath.Join(realTemp(t), "mirror.git") }
	for _, tt := range []struct {
		name, url, dir string
		want           error
		says           string
	}{
		{"another remote", empty.dir, cloned, nil, origin.dir},
		{"a folder with other things", origin.dir, full, ErrNotRepository, "another folder"},
		{"a work tree", origin.dir, origin.dir, ErrNotRepository, "another folder"},
		{"a protocol not spoken", "ftp://example.org/repo", at(), ErrUnsupported, "https"},
		{"git's own protocol", "git://example.org/repo", at(), ErrUnsupported, "https"},
		{"no URL", "http://us er:secret@[", at(), ErrUnsupported, "not a URL"},
		{"nothing there", filepath.Join(realTemp(t), "none"), at(), ErrNotRepository, "none"},
		{"a shallow remote", shallow, at(), ErrShallow, "--unshallow"},
		{"a shallow remote by http", serveHTTP(t, origin.in(shallow), "") + "/shallow", at(), ErrShallow, "needs the past"},
		{"a server that is away", "http://127.0.0.1:1/repo", at(), nil, "127.0.0.1:1"},
	} {
		r, err := Mirror(background, tt.url, tt.dir, Config{})
		if err == nil {
			r.Close()
			t.Errorf("%s: done", tt.name)
			continue
		}
		if tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := origin.open().Fetch(background); !errors.Is(err, ErrUnsupported) {
		t.Errorf("fetched into a work tree: %v", err)
	}
}

// An empty remote is not an error, unless it would take content away.
func TestMirrorOfAnEmptyRemote(t *testing.T) {
	for _, how := range []string{"path", "http"} {
		origin := newGit(t)
		url := origin.dir
		if how == "http" {
			url = serveHTTP(t, origin, "") + "/repo"
		}
		r, err := Mirror(background, url, filepath.Join(realTemp(t), "mirror.git"), Config{})
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		defer r.Close()
		wantHead(t, r, "refs/heads/main", "")
		first := origin.commit("a.json", "1")
		if changed, err := r.Fetch(background); !changed || err != nil {
			t.Errorf("%s: %v, %v", how, changed, err)
		}
		wantHead(t, r, "refs/heads/main", first)
		origin.run("update-ref", "-d", "refs/heads/main")
		if changed, err := r.Fetch(background); changed || err == nil {
			t.Errorf("%s: emptied: %v, %v", how, changed, err)
		}
		wantHead(t, r, "refs/heads/main", first)
	}
}

func TestMirrorPassword(t *testing.T) {
	origin := newGit(t)
	head := origin.commit("a.json", "1")
	base := serveHTTP(t, origin, "s3cret") + "/repo"
	with := strings.Replace(base, "http://", "http://editor:s3cret@", 1)
	for name, open := range map[string]func(dir string) (*Repo, error){
		"in the URL":           func(dir string) (*Repo, error) { return Mirror(background, with, dir, Config{}) },
		"in the configuration": func(dir string) (*Repo, error) { return Mirror(background, base, dir, Config{Password: "s3cret"}) },
	} {
		dir := filepath.Join(realTemp(t), "mirror.git")
		r, err := open(dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantHead(t, r, "refs/heads/main", head)
		r.Close()
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), "s3cret") {
				t.Errorf("%s: %s holds the password, or: %v", name, path, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if r, err = open(dir); err != nil { // the same remote, said again
			t.Errorf("%s: %v", name, err)
		} else {
			r.Close()
		}
	}
	wrong := strings.Replace(with, "s3cret", "wr0ng", 1)
	if _, err := Mirror(background, wrong, filepath.Join(realTemp(t), "m.git"), Config{}); err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("wrong password: %v", err)
	}
}

// A fetch brings what is new and no more, also where the remote stores it as a
// difference to what the mirror has.
func TestFetchBringsWhatIsNew(t *testing.T) {
	origin := newGit(t)
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "line %d of a long text\n", i*7919%10007)
	}
	origin.commit("a.json", text.String()+"and a little more")
	r, err := Mirror(background, origin.dir, filepath.Join(realTemp(t), "mirror.git"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	origin.commit("a.json", text.String()) // smaller: Git makes it the difference
	origin.run("repack", "-a", "-d", "-f", "-q")
	about := origin.feed(origin.run("rev-parse", "HEAD:a.json"), "cat-file", "--batch-check=%(deltabase)")
	if about == strings.Repeat("0", 40) {
		t.Fatal("the new blob is not stored as a difference")
	}
	had := r.store.packs.Load().packs
	if _, err := r.Fetch(background); err != nil {
		t.Fatal(err)
	}
	sameRefs(t, "fetched", origin, r)
	for _, p := range r.store.packs.Load().packs {
		if !slices.Contains(had, p) && p.count() != 3 { // commit, tree, blob
			t.Errorf("%d objects came", p.count())
		}
	}
}

// A mirror that fetched many times does not grow by a pack each time.
func TestMirrorJoinsItsPacks(t *testing.T) {
	origin := newGit(t)
	origin.commits("main", 200, 1600000000)
	origin.run("reset", "-q", "--hard")
	r, err := Mirror(background, origin.dir, filepath.Join(realTemp(t), "mirror.git"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // a reader all the while
		for {
			select {
			case <-done:
				return
			default:
				if err := readAll(r); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	most := 0
	for i := range 40 {
		origin.feed(fmt.Sprintf("commit refs/heads/main\ncommitter Eero <eero@example.org> %d +0200\ndata 1\nx\nfrom refs/heads/main^0\n"+
			"M 644 inline records/new.json\ndata 2\n%02d\n", 1700000000+i, i), "fast-import", "--quiet")
		if _, err := r.Fetch(background); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(r.store.packs.Load().packs))
	}
	close(done)
	wg.Wait()
	sameRefs(t, "joined", origin, r)
	if packs := must(filepath.Glob(filepath.Join(r.GitDir(), "objects/pack/*"))); most < compactAt-1 || len(packs) > compactAt {
		t.Errorf("%d packs at most, %d files left", most, len(packs))
	}
}

// A fetch that is cut off leaves nothing behind and changes nothing.
func TestFetchCutOff(t *testing.T) {
	origin := newGit(t)
	origin.commits("main", 50, 1600000000)
	r, err := Mirror(background, serveHTTP(t, origin, "")+"/repo", filepath.Join(realTemp(t), "mirror.git"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	was := origin.hash("main")
	origin.commits("main", 400, 1700000000)
	for n := range 6 {
		ctx := &countedContext{Context: background, left: 3 * n}
		if changed, err := r.Fetch(ctx); err == nil || changed {
			t.Errorf("cut off after %d looks at its context: %v, %v", 3*n, changed, err)
		}
	}
	wantHead(t, r, "refs/heads/main", was)
	if left := must(filepath.Glob(filepath.Join(r.GitDir(), "objects/pack/tmp_*"))); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := r.Fetch(background); err != nil {
		t.Error(err)
	}
	sameRefs(t, "after all", origin, r)
}

// countedContext ends after it was looked at a number of times.
type countedContext struct {
	context.Context
	mu   sync.Mutex
	left int
}

func (c *countedContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}
