package signature

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hiddeco/sshsig"
	"github.com/koonti/koonti/internal/content"
	"golang.org/x/crypto/ssh"
)

func newSSHKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return must(ssh.NewSignerFromKey(key))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func keyText(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func signSSH(t *testing.T, key ssh.Signer, payload, namespace string) string {
	t.Helper()
	return string(sshsig.Armor(must(sshsig.Sign(strings.NewReader(payload), key, sshsig.HashSHA256, namespace))))
}

const ainosCommit = "tree x\ncommitter Aino <aino@example.org> 1704110400 +0200\n\ncommitter Eero <eero@example.org>\n"

// One key, and what the line about it says.
func TestAllowedSigners(t *testing.T) {
	key := newSSHKey(t)
	signature := signSSH(t, key, ainosCommit, "git")
	at := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)
	valid, expired, unknown := content.SignatureValid, content.SignatureExpired, content.SignatureUnknownKey
	for line, want := range map[string]struct {
		status content.SignatureStatus
		signer string
	}{
		`aino@example.org KEY`:                                       {valid, "aino@example.org"},
		`* KEY`:                                                      {valid, "aino@example.org"},
		`*@example.org,x@y KEY`:                                      {valid, "aino@example.org"},
		`a?no@example.org KEY comment`:                               {valid, "aino@example.org"},
		`"aino@example.org" KEY`:                                     {valid, "aino@example.org"},
		`eero@example.org KEY`:                                       {valid, "eero@example.org"},
		`*@example.org,!aino@* KEY`:                                  {valid, "*@example.org,!aino@*"},
		`Aino@example.org KEY`:                                       {valid, "Aino@example.org"},
		`a@b namespaces="git" KEY`:                                   {valid, "a@b"},
		`a@b NameSpaces="file,g*" KEY`:                               {valid, "a@b"},
		`a@b namespaces="file" KEY`:                                  {unknown, ""},
		`a@b namespaces="*,!git" KEY`:                                {unknown, ""},
		`a@b cert-authority KEY`:                                     {unknown, ""},
		`a@b valid-after="20240101Z" KEY`:                            {valid, "a@b"},
		`a@b valid-after="202401011200Z" KEY`:                        {valid, "a@b"},
		`a@b valid-after="20240101120001Z" KEY`:                      {expired, "a@b"},
		`a@b valid-before="20240101120000Z" KEY`:                     {valid, "a@b"},
		`a@b valid-before="20240101115959Z" KEY`:                     {expired, "a@b"},
		`a@b valid-after="20230101Z",valid-before="20250101UTC" KEY`: {valid, "a@b"},
		`a@b valid-before=20230101z KEY`:                             {expired, "a@b"},
		"a@b valid-before=20230101Z KEY\nc@d KEY":                    {valid, "c@d"},
		"a@b namespaces=\"x\" KEY\nc@d valid-before=2023010100Z KEY": {"", ""},
		"a@b namespaces=\"x\" KEY\nc@d valid-before=20230101Z KEY":   {expired, "c@d"},
	} {
		v, err := New(Config{AllowedSigners: strings.ReplaceAll(line, "KEY", keyText(key.PublicKey()))})
		if (err != nil) != (want.status == "") {
			t.Errorf("%s: %v", line, err)
		}
		if err != nil {
			continue
		}
		got := v.Verify([]byte(ainosCommit), signature, at)
		if got.Status != want.status || got.Signer != want.signer || got.Key != ssh.FingerprintSHA256(key.PublicKey()) {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
		if got := v.Verify([]byte(ainosCommit), signature, time.Time{}); strings.Contains(line, "valid-") && !strings.Contains(line, "\nc@d KEY") && got.Status == valid {
			t.Errorf("%s: valid at a time that is not known", line)
		}
	}
}

// A commit without a committer is vouched for by the line alone.
func TestSignerOfACommitWithoutCommitter(t *testing.T) {
	key := newSSHKey(t)
	v := verifier(t, Config{AllowedSigners: "* " + keyText(key.PublicKey())})
	want := content.Signature{Status: content.SignatureValid, Format: "ssh", Key: ssh.FingerprintSHA256(key.PublicKey()), Signer: "*"}
	if diff := cmp.Diff(want, v.Verify([]byte("tree x\n\n"), signSSH(t, key, "tree x\n\n", "git"), time.Now())); diff != "" {
		t.Error(diff)
	}
}

func TestTimesWithoutAZoneAreLocal(t *testing.T) {
	for text, want := range map[string]time.Time{
		"20240102":        time.Date(2024, 1, 2, 0, 0, 0, 0, time.Local),
		"202401020304":    time.Date(2024, 1, 2, 3, 4, 0, 0, time.Local),
		"20240102030405":  time.Date(2024, 1, 2, 3, 4, 5, 0, time.Local),
		"20240102030405Z": time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC),
	} {
		if got, err := parseTime(text); !got.Equal(want) || err != nil {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestCertificates(t *testing.T) {
	authority, other, key := newSSHKey(t), newSSHKey(t), newSSHKey(t)
	at := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)
	now := uint64(at.Unix())
	for name, test := range map[string]struct {
		line   string
		change func(*ssh.Certificate)
		status content.SignatureStatus
		signer string
	}{
		"right":                  {"*@example.org", func(c *ssh.Certificate) {}, content.SignatureValid, "aino@example.org"},
		"not the committer":      {"*@example.org", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"x", "e@example.org"} }, content.SignatureValid, "e@example.org"},
		"a name not in the line": {"*@example.com", func(c *ssh.Certificate) {}, content.SignatureUnknownKey, ""},
		"for no one":             {"*", func(c *ssh.Certificate) { c.ValidPrincipals = nil }, content.SignatureUnknownKey, ""},
		"of a host":              {"*", func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, content.SignatureUnknownKey, ""},
		"with a critical option": {"*", func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"verify-required": ""} }, content.SignatureUnknownKey, ""},
		"not yet valid":          {"*", func(c *ssh.Certificate) { c.ValidAfter = now + 1 }, content.SignatureExpired, "aino@example.org"},
		"no longer valid":        {"*", func(c *ssh.Certificate) { c.ValidBefore = now }, content.SignatureExpired, "aino@example.org"},
		"never valid":            {"*", func(c *ssh.Certificate) { c.ValidAfter, c.ValidBefore = now, now }, content.SignatureUnknownKey, ""},
		"authority ends":         {"* valid-before=20230101Z", func(c *ssh.Certificate) {}, content.SignatureExpired, "aino@example.org"},
		"for another purpose":    {"* namespaces=file", func(c *ssh.Certificate) {}, content.SignatureUnknownKey, ""},
		"without end":            {"*", func(c *ssh.Certificate) { c.ValidBefore = ssh.CertTimeInfinity }, content.SignatureValid, "aino@example.org"},
	} {
		for _, ca := range []ssh.Signer{authority, other} {
			cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"build", "aino@example.org"}, ValidBefore: now + 60}
			test.change(cert)
			if err := cert.SignCert(rand.Reader, ca); err != nil {
				t.Fatal(err)
			}
			principals, options, _ := strings.Cut(test.line, " ")
			options = strings.TrimPrefix(options+",cert-authority", ",")
			v := verifier(t, Config{AllowedSigners: fmt.Sprintf("%s %s %s", principals, options, keyText(authority.PublicKey()))})
			want := content.Signature{Status: test.status, Format: "ssh", Key: ssh.FingerprintSHA256(key.PublicKey()), Signer: test.signer}
			if ca == other {
				want.Status, want.Signer = content.SignatureUnknownKey, ""
			}
			got := v.Verify([]byte(ainosCommit), signSSH(t, must(ssh.NewCertSigner(cert, key)), ainosCommit, "git"), at)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, by the authority %v:\n%s", name, ca == authority, diff)
			}
		}
	}
}

// A line about a key does not speak of certificates of that key, nor the other
// way round, and a certificate that was changed is none.
func TestCertificatesAreNotKeys(t *testing.T) {
	authority, key := newSSHKey(t), newSSHKey(t)
	cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"aino@example.org"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	cert.ValidPrincipals[0] = "eero@example.org"
	signature := signSSH(t, must(ssh.NewCertSigner(cert, key)), ainosCommit, "git")
	for _, line := range []string{
		"* " + keyText(key.PublicKey()), "* " + keyText(authority.PublicKey()), "* cert-authority " + keyText(authority.PublicKey()), "* cert-authority " + keyText(key.PublicKey()),
	} {
		if s := verifier(t, Config{AllowedSigners: line}).Verify([]byte(ainosCommit), signature, time.Now()); s.Status != content.SignatureUnknownKey {
			t.Errorf("%s: %+v", line, s)
		}
	}
}

func TestUnsafeSSHSignatures(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 2048))
	key := must(ssh.NewSignerFromKey(small))
	authority := newSSHKey(t)
	cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"a@b"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	v := verifier(t, Config{AllowedSigners: "a@b " + keyText(key.PublicKey()) + "\na@b cert-authority " + keyText(authority.PublicKey())})
	for _, public := range []ssh.PublicKey{key.PublicKey(), cert} {
		for algorithm, want := range map[string]content.SignatureStatus{
			ssh.KeyAlgoRSA: content.SignatureInvalid, ssh.KeyAlgoRSASHA256: content.SignatureValid, ssh.KeyAlgoRSASHA512: content.SignatureValid,
		} {
			if s := v.Verify([]byte(ainosCommit), signWith(key, public, algorithm), time.Now()); s.Status != want {
				t.Errorf("%s by a %s: %+v, want %s", algorithm, public.Type(), s, want)
			}
		}
	}
	// A key as large as a signature may be: verifying with it would take long.
	huge := ssh.Marshal(struct {
		Name string
		E, N []byte
	}{ssh.KeyAlgoRSA, []byte{1, 0, 1}, append([]byte{0}, []byte(strings.Repeat("\xff", 40<<10))...)})
	blob := append([]byte("SSHSIG\x00\x00\x00\x01"), ssh.Marshal(struct{ Key, Namespace, Reserved, Hash, Sig string }{
		string(huge), "git", "", "sha512", string(ssh.Marshal(ssh.Signature{Format: ssh.KeyAlgoRSASHA512, Blob: make([]byte, 100)}))})...)
	started := time.Now()
	s := v.Verify([]byte(ainosCommit), string(pem.EncodeToMemory(&pem.Block{Type: sshsig.PEMType, Bytes: blob})), time.Now())
	if s != (content.Signature{Status: content.SignatureInvalid, Format: "ssh"}) || time.Since(started) > time.Second {
		t.Errorf("a key of 40 KiB: %+v after %v", s, time.Since(started))
	}
}

// signWith makes a signature that sshsig itself would not make.
func signWith(key ssh.Signer, public ssh.PublicKey, algorithm string) string {
	s := must(sshsig.Sign(strings.NewReader(ainosCommit), key, sshsig.HashSHA512, "git"))
	hash := sshsig.HashSHA512.Hash()
	hash.Write([]byte(ainosCommit))
	signed := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Hash, Sum string }{"git", "", "sha512", string(hash.Sum(nil))})...)
	s.Signature = must(key.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, signed, algorithm))
	s.PublicKey = public
	return string(sshsig.Armor(s))
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		list, name string
		want       bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"", "", true}, {"", "a", false}, {"*", "", true}, {"a*c", "abbc", true}, {"a*c", "abb", false},
		{"?", "a", true}, {"?", "", false}, {"*?", "ab", true}, {"**a", "ba", true}, {"a,b", "b", true}, {"!a,*", "a", false}, {"*,!a", "a", false},
		{"!a", "b", false}, {"[ab]", "a", false}, {"*a*b*c*", "xaxbxcx", true}, {strings.Repeat("*a", 1000), strings.Repeat("a", 5000) + "b", false},
	} {
		if got := matchList(test.list, test.name); got != test.want {
			t.Errorf("%.20q matches %.20q: %v", test.list, test.name, got)
		}
	}
}
