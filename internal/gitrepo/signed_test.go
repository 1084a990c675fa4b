package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder is a program that Git takes for gpg: it keeps what it is given to
// sign or to verify, and finds it good.
const recorder = `#!/bin/sh
for arg; do case $arg in --verify) verify=1;; -*) ;; *) test -n "$verify" && cp "$arg" "$0.signature" && verify=;; esac; done
cat >"$0.payload"
case "$*" in
*--verify*) echo "[GNUPG:] GOODSIG 0123456789ABCDEF Aino"; echo "[GNUPG:] VALIDSIG 0123456789012345678901234567890123456789" ;;
*) echo "[GNUPG:] SIG_CREATED " >&2; printf -- '-----BEGIN PGP SIGNATURE-----\n\nx=\n-----END PGP SIGNATURE-----\n' ;;
esac
`

// TestSignedIsWhatGitVerifies gives Git another program to verify with, and
// compares what that is given.
func TestSignedIsWhatGitVerifies(t *testing.T) {
	g := newGit(t)
	program := filepath.Join(realTemp(t), "recorder")
	if err := os.WriteFile(program, []byte(recorder), 0o755); err != nil {
		t.Fatal(err)
	}
	g.run("config", "gpg.program", program)
	g.run("config", "user.signingKey", "x")
	tree := string(g.tree())
	head := "tree " + tree + "\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 2 +0200\n"
	sig := " -----BEGIN PGP SIGNATURE-----\n \n abc\n =de\n -----END PGP SIGNATURE-----\n"
	commits := map[string]Hash{}
	for name, text := range map[string]string{
		"plain":             head + "gpgsig" + sig + "\nmessage\n",
		"encoded":           head + "gpgsig" + sig + "encoding ISO-8859-1\n\n\xe4\n",
		"encoding first":    head + "encoding ISO-8859-1\ngpgsig" + sig + "\n\xe4\n",
		"in both formats":   head + "gpgsig" + sig + "gpgsig-sha256" + sig + "\nmessage",
		"the other first":   head + "gpgsig-sha256" + sig + "gpgsig" + sig + "\nmessage",
		"between":           head + "x-one 1\ngpgsig" + sig + "x-two 2\n more\n\nmessage\n",
		"twice":             head + "gpgsig" + sig + "gpgsig" + sig + "\nmessage\n",
		"with a merged tag": head + "mergetag object " + tree + "\n type commit\n tag x\n \n gpgsig x\n -----BEGIN PGP SIGNATURE-----\ngpgsig" + sig + "\nmessage\n",
		"in the message":    head + "gpgsig" + sig + "\ngpgsig x\n y\n",
		"a like header":     head + "gpgsigx 1\n 2\ngpgsig" + sig + "\nm",
		"without a message": head + "gpgsig" + sig,
	} {
		commits[name] = Hash(g.feed(text, "hash-object", "-t", "commit", "-w", "--literally", "--stdin"))
	}
	g.run("commit", "-q", "--allow-empty", "-S", "-m", "signed by git")
	commits["made by git"] = g.hash("HEAD")
	r := g.open()
	for name, h := range commits {
		t.Run(name, func(t *testing.T) {
			os.Remove(program + ".payload")
			os.Remove(program + ".signature")
			out, err := g.try("verify-commit", "--raw", string(h))
			want, errPayload := os.ReadFile(program + ".payload")
			wantSig, errSig := os.ReadFile(program + ".signature")
			if err := errors.Join(errPayload, errSig); err != nil {
				t.Fatalf("git asked for nothing: %s, %v, %v", out, err, g.run("cat-file", "-p", string(h)))
			}
			payload, signature, errSigned := r.Signed(background, h)
			if diff := cmp.Diff(string(want), string(payload)); diff != "" || errSigned != nil {
				t.Errorf("payload: %v\n%s", errSigned, diff)
			}
			if diff := cmp.Diff(string(wantSig), signature); diff != "" {
				t.Errorf("signature (git: %v):\n%s", err, diff)
			}
		})
	}
}

func TestSignedOfWhatIsNotSigned(t *testing.T) {
	g := newGit(t)
	h := g.commit("a", "1")
	r := g.open()
	payload, signature, err := r.Signed(background, h)
	if want := g.run("cat-file", "commit", string(h)); strings.TrimSuffix(string(payload), "\n") != want || signature != "" || err != nil {
		t.Errorf("%q, %q, %v, want %q", payload, signature, err, want)
	}
	for _, h := range []Hash{g.hash("HEAD^{tree}"), Hash(strings.Repeat("12", 20)), "x"} {
		if _, _, err := r.Signed(background, h); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", h, err)
		}
	}
}
