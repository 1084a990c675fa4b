//go:build e2e

// Package giteatest runs a real Gitea for the end-to-end tests: on the loopback
// interface, in a folder of its own, without a call to the outside. It ends what it
// started, and nothing else.
package giteatest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	sdk "code.gitea.io/sdk/gitea"
)

const (
	startTime = time.Minute
	stopTime  = 10 * time.Second
	password  = "correct horse battery staple"
)

// Server is a Gitea with one administrator.
type Server struct {
	// URL of the server; Admin is the token of its administrator, called root.
	URL, Admin string

	home, dir, port string
	cmd             *exec.Cmd
	over            chan struct{} // closed when cmd has ended
}

// Start runs the Gitea that lies in the folder KOONTI_GITEA (`make gitea` makes it),
// until the test ends.
func Start(t *testing.T) *Server {
	t.Helper()
	home := os.Getenv("KOONTI_GITEA")
	if home == "" {
		t.Fatal("KOONTI_GITEA does not say where Gitea is: run `make e2e`")
	}
	s := &Server{home: home, dir: t.TempDir(), port: freePort(t)}
	s.URL = "http://127.0.0.1:" + s.port
	s.configure(t)
	s.tool(t, "migrate")
	out := s.tool(t, "admin", "user", "create", "--admin", "--username", "root", "--password", password,
		"--email", "root@example.org", "--must-change-password=false",
		"--access-token", "--access-token-name", "test", "--access-token-scopes", "all")
	s.Admin = lastWord(out)
	s.Run(t)
	t.Cleanup(s.Stop)
	return s
}

func lastWord(out string) string {
	for line := range strings.Lines(out) {
		if _, token, ok := strings.Cut(line, "Access token was successfully created... "); ok {
			return strings.TrimSpace(token)
		}
	}
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

var settings = template.Must(template.New("").Parse(`APP_NAME = Gitea
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = {{.Dir}}

[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {{.Port}}
ROOT_URL = {{.URL}}/
STATIC_ROOT_PATH = {{.Home}}
DISABLE_SSH = true
OFFLINE_MODE = true

[database]
DB_TYPE = sqlite3
PATH = {{.Dir}}/gitea.db
SQLITE_JOURNAL_MODE = WAL

[git.config]
core.fsync = none

[repository]
DEFAULT_BRANCH = main

[security]
INSTALL_LOCK = true
SECRET_KEY = for tests only
PASSWORD_HASH_ALGO = pbkdf2_v1
DISABLE_GIT_HOOKS = true

[service]
DISABLE_REGISTRATION = true

[openid]
ENABLE_OPENID_SIGNIN = false
ENABLE_OPENID_SIGNUP = false

[picture]
DISABLE_GRAVATAR = true
ENABLE_FEDERATED_AVATAR = false

[cron]
ENABLED = false

[cron.update_checker]
ENABLED = false

[webhook]
ALLOWED_HOST_LIST = loopback

[indexer]
ISSUE_INDEXER_TYPE = db

[queue]
TYPE = channel

[actions]
ENABLED = false

[packages]
ENABLED = false

[log]
LEVEL = Warn
`))

func (s *Server) configure(t *testing.T) {
	t.Helper()
	var b bytes.Buffer
	err := settings.Execute(&b, map[string]string{"Dir": s.dir, "Port": s.port, "URL": s.URL, "Home": s.home})
	if err == nil {
		err = os.WriteFile(s.config(), b.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Server) config() string { return filepath.Join(s.dir, "app.ini") }

// command is the program, with nothing of the surroundings that would change it.
func (s *Server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.home, "gitea"), append([]string{"--config", s.config(), "--work-path", s.dir}, args...)...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "USER=root", "TMPDIR=" + s.dir}
	return cmd
}

func (s *Server) tool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("gitea %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Run starts the server, again after a Stop, and waits until it answers.
func (s *Server) Run(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = s.command("web")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children end with it
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	s.over = over
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(over) }(s.cmd)
	for deadline := time.Now().Add(startTime); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(s.URL + "/api/healthz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.Stop()
			t.Fatalf("Gitea does not start:\n%s", s.Log())
		}
	}
}

// Stop ends the server and what it started.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.over:
	case <-time.After(stopTime):
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.over
	s.cmd = nil
}

// Log is what the server wrote.
func (s *Server) Log() string {
	data, _ := os.ReadFile(filepath.Join(s.dir, "log.txt"))
	return string(data)
}

// Client speaks for whom the token belongs to.
func (s *Server) Client(t *testing.T, token string) *sdk.Client {
	t.Helper()
	c, err := sdk.NewClient(s.URL, sdk.SetToken(token))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// User makes a user, and a token with the scopes that the README asks for.
func (s *Server) User(t *testing.T, login, name string) (token string) {
	t.Helper()
	no := false
	_, _, err := s.Client(t, s.Admin).AdminCreateUser(sdk.CreateUserOption{
		Username: login, FullName: name, Email: login + "@example.org", Password: password, MustChangePassword: &no,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sdk.NewClient(s.URL, sdk.SetBasicAuth(login, password))
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := c.CreateAccessToken(sdk.CreateAccessTokenOption{
		Name: "test", Scopes: []sdk.AccessTokenScope{"read:user", "write:repository", "write:issue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// Repository makes an empty repository of the administrator, in which the users named
// may write, and gives its URL.
func (s *Server) Repository(t *testing.T, name string, writers ...string) string {
	t.Helper()
	c := s.Client(t, s.Admin)
	if _, _, err := c.CreateRepo(sdk.CreateRepoOption{Name: name, DefaultBranch: "main"}); err != nil {
		t.Fatal(err)
	}
	mode := sdk.AccessModeWrite
	for _, w := range writers {
		if _, err := c.AddCollaborator("root", name, w, sdk.AddCollaboratorOption{Permission: &mode}); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%s/root/%s.git", s.URL, name)
}

// As puts a token into the URL of a repository, for a Git client.
func As(remote, token string) string {
	return strings.Replace(remote, "://", "://koonti:"+token+"@", 1)
}
