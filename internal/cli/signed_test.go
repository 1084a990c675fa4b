package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// signedCommit puts a commit signed with a new key on top of HEAD, in which a record
// changes, and returns the file of allowed signers.
func signedCommit(t *testing.T, dir string) (allowed string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "records/projects/delta.json"), `{"name": "Delta, signed"}`)
	git(t, dir, "add", "-A")
	const who = "Eeva <eeva@example.org> 1800000000 +0000"
	tree, head := strings.TrimSpace(git(t, dir, "write-tree")), strings.TrimSpace(git(t, dir, "rev-parse", "HEAD"))
	payload := fmt.Sprintf("tree %s\nparent %s\nauthor %s\ncommitter %s\n\nSigned\n", tree, head, who, who)
	sig, err := sshsig.Sign(strings.NewReader(payload), signer, sshsig.HashSHA512, "git")
	if err != nil {
		t.Fatal(err)
	}
	above, below, _ := strings.Cut(payload, "\n\n")
	c := exec.Command("git", "hash-object", "-t", "commit", "-w", "--stdin")
	c.Dir = dir
	c.Stdin = strings.NewReader(above + "\ngpgsig " + strings.ReplaceAll(strings.TrimRight(string(sshsig.Armor(sig)), "\n"), "\n", "\n ") + "\n\n" + below)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "reset", "-q", "--hard", strings.TrimSpace(string(out)))
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	allowed = filepath.Join(t.TempDir(), "signers")
	if err := os.WriteFile(allowed, append([]byte("eeva@example.org "), ssh.MarshalAuthorizedKey(key)...), 0o600); err != nil {
		t.Fatal(err)
	}
	return allowed
}

func TestLogTellsOfSignaturesWhereKeysAreGiven(t *testing.T) {
	dir := pastRepository(t)
	allowed := signedCommit(t, dir)
	for _, c := range []struct {
		args         []string
		want, absent string
	}{
		{[]string{"--limit", "1"}, "Signed", "signature"},
		{[]string{"--limit", "1", "--allowed-signers", allowed}, "signature: valid, of eeva@example.org", "unchecked"},
		{[]string{"--json", "--allowed-signers", allowed}, `"signature":{"status":"VALID","format":"ssh","fingerprint":"SHA256:`, "UNCHECKED"},
		{[]string{"--json", "--allowed-signers", allowed}, `"signature":{"status":"NONE"}`, "UNCHECKED"},
		{[]string{"--json"}, `"subject":"Signed"`, "signature"},
		{[]string{"--format", "markdown", "--allowed-signers", allowed}, "signature: valid, of eeva", "unchecked"},
	} {
		code, out, errs := koonti(append([]string{"log", "--repo", dir}, c.args...)...)
		if code != Clean || !strings.Contains(out, c.want) || strings.Contains(out, c.absent) {
			t.Errorf("%v: %d %s\n%s", c.args, code, errs, out)
		}
	}
	code, _, errs := koonti("log", "--repo", dir, "--allowed-signers", filepath.Join(dir, "nowhere"))
	if code != Failed || !strings.Contains(errs, "read --allowed-signers") {
		t.Errorf("%d %s", code, errs)
	}
}
