package signature

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/koonti/koonti/internal/content"
	"github.com/rogpeppe/go-internal/txtar"
)

// fixture reads a file of testdata, made by the real gpg and ssh-keygen.
func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// commit reads a recorded commit.
func commit(t testing.TB, name string) (payload []byte, signature string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(fixture(t, name+".txtar"))).Files {
		switch f.Name {
		case "payload":
			payload = f.Data
		case "signature":
			signature = string(f.Data)
		}
	}
	if payload == nil || signature == "" {
		t.Fatalf("%s is no recorded commit", name)
	}
	return payload, signature
}

func recordedKeys(t testing.TB) Config {
	t.Helper()
	return Config{AllowedSigners: fixture(t, "allowed_signers"), Keyring: fixture(t, "keyring.asc")}
}

func verifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// recordedAt is when the recorded commits were made.
var recordedAt = time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

const (
	aino = "6600E58A75F3D8FEDCF1A9AA59B1EDEAA200B8C1"
	eero = "6F73CB642113A04F528C47317926FDDCEFA18DEE"
	ilta = "D01707D694F76F9D7024E06FC62680D47FC6222D"
	olli = "798F91994101912782A28D48D8F2EC92E9DB2224"
)

// The keys are those that `git log --format=%GF` printed for the same commits.
var recorded = map[string]content.Signature{
	"openpgp-ed25519":        {Status: content.SignatureValid, Format: "openpgp", Key: aino, Signer: "aino@example.org"},
	"openpgp-second-address": {Status: content.SignatureValid, Format: "openpgp", Key: aino, Signer: "aino.aalto@example.com"},
	"openpgp-other-address":  {Status: content.SignatureValid, Format: "openpgp", Key: aino, Signer: "aino@example.org"},
	"openpgp-rsa-subkey":     {Status: content.SignatureValid, Format: "openpgp", Key: eero, Signer: "eero@example.org"},
	"openpgp-ecdsa":          {Status: content.SignatureValid, Format: "openpgp", Key: ilta, Signer: "ilta@example.org"},
	"openpgp-unknown":        {Status: content.SignatureUnknownKey, Format: "openpgp", Key: olli},
	"openpgp-sha1":           {Status: content.SignatureInvalid, Format: "openpgp"},
	"openpgp-text":           {Status: content.SignatureInvalid, Format: "openpgp"},
	"ssh-ed25519": {Status: content.SignatureValid, Format: "ssh", Signer: "aino@example.org",
		Key: "SHA256:K0htT9iGLv8Jzry91eCHa0kHMK4mqA/Jt+d/YB+I0mA"},
	"ssh-ecdsa": {Status: content.SignatureValid, Format: "ssh", Signer: "aino@example.org",
		Key: "SHA256:EKL3kUHTAWxNif9zfwPv2ARrDdT/LQunmI9kpN6mibc"},
	"ssh-rsa": {Status: content.SignatureValid, Format: "ssh", Signer: "eero@example.org,build@example.org",
		Key: "SHA256:R69HgImSQe8qGviM5wFEFKf8erRQhIPP1QzPanEyofI"},
	"ssh-unknown": {Status: content.SignatureUnknownKey, Format: "ssh",
		Key: "SHA256:fxcVkA+vi3jymdwfg51YbEe+tT4Znpr8p9mU0z3s+zU"},
	"ssh-certified": {Status: content.SignatureValid, Format: "ssh", Signer: "aino@example.org",
		Key: "SHA256:aQ38w7sN4cr1b0wbjja4lR2TzBrUC2PWrZLN4/5Eakw"},
	"ssh-for-files": {Status: content.SignatureInvalid, Format: "ssh",
		Key: "SHA256:K0htT9iGLv8Jzry91eCHa0kHMK4mqA/Jt+d/YB+I0mA"},
}

func TestVerifyRecordedCommits(t *testing.T) {
	v := verifier(t, recordedKeys(t))
	for name, want := range recorded {
		t.Run(name, func(t *testing.T) {
			payload, signature := commit(t, name)
			if diff := cmp.Diff(want, v.Verify(payload, signature, recordedAt)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever is changed, nothing else is vouched for: of the payload any byte, of
// the signature any letter, unless it says the same.
func TestVerifyWhatWasTamperedWith(t *testing.T) {
	v := verifier(t, recordedKeys(t))
	for name, want := range recorded {
		if want.Status != content.SignatureValid {
			continue
		}
		t.Run(name, func(t *testing.T) {
			payload, signature := commit(t, name)
			for i := range payload {
				other := bytes.Clone(payload)
				other[i] ^= 1
				if s := v.Verify(other, signature, recordedAt); s.Status != content.SignatureInvalid || s.Format != want.Format {
					t.Fatalf("byte %d of the payload changed: %+v", i, s)
				}
			}
			for i, c := range []byte(signature) {
				other := []byte(signature)
				if other[i] = 'A'; c == 'A' {
					other[i] = 'B'
				}
				if s := v.Verify(payload, string(other), recordedAt); s.Status == content.SignatureValid && !cmp.Equal(s, want) {
					t.Fatalf("letter %d of the signature changed: %+v", i, s)
				}
			}
			for _, other := range []string{signature + signature, signature + "x\n", signature[:len(signature)/2], strings.Repeat(signature, 100),
				signature[:60] + strings.Repeat("A", maxSignature)} {
				if s := v.Verify(payload, other, recordedAt); s.Status != content.SignatureInvalid {
					t.Errorf("%d bytes of signature: %+v", len(other), s)
				}
			}
		})
	}
}

func TestVerifyWithoutKeys(t *testing.T) {
	payload, pgp := commit(t, "openpgp-ed25519")
	_, ssh := commit(t, "ssh-ed25519")
	x509 := "-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n"
	all := recordedKeys(t)
	none, unchecked := content.SignatureNone, content.SignatureUnchecked
	for name, test := range map[string]struct {
		v         *Verifier
		signature string
		want      content.Signature
	}{
		"nil, not signed":      {nil, "", content.Signature{Status: none}},
		"nil, openpgp":         {nil, pgp, content.Signature{Status: unchecked, Format: "openpgp"}},
		"nil, ssh":             {nil, ssh, content.Signature{Status: unchecked, Format: "ssh"}},
		"nil, x509":            {nil, x509, content.Signature{Status: unchecked, Format: "x509"}},
		"nil, nonsense":        {nil, "x", content.Signature{Status: unchecked}},
		"not signed":           {verifier(t, all), "", content.Signature{Status: none}},
		"x509":                 {verifier(t, all), x509, content.Signature{Status: unchecked, Format: "x509"}},
		"nonsense":             {verifier(t, all), "x", content.Signature{Status: content.SignatureInvalid}},
		"only openpgp, ssh":    {verifier(t, Config{Keyring: all.Keyring}), ssh, content.Signature{Status: unchecked, Format: "ssh"}},
		"only ssh, openpgp":    {verifier(t, Config{AllowedSigners: all.AllowedSigners}), pgp, content.Signature{Status: unchecked, Format: "openpgp"}},
		"empty files, openpgp": {verifier(t, Config{}), pgp, content.Signature{Status: unchecked, Format: "openpgp"}},
		"only comments, ssh":   {verifier(t, Config{AllowedSigners: "# none yet\n\n"}), ssh, content.Signature{Status: unchecked, Format: "ssh"}},
	} {
		if diff := cmp.Diff(test.want, test.v.Verify(payload, test.signature, recordedAt)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestVerifyByManyAtOnce(t *testing.T) {
	v := verifier(t, recordedKeys(t))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for name, want := range recorded {
				payload, signature := commit(t, name)
				if diff := cmp.Diff(want, v.Verify(payload, signature, recordedAt)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	wg.Wait()
}

func TestNewNamesWhatCannotBeRead(t *testing.T) {
	key := strings.Fields(strings.Split(fixture(t, "allowed_signers"), "\n")[1])[2]
	keyring := fixture(t, "keyring.asc")
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"no key":                {Config{AllowedSigners: "# x\n\naino@example.org\n"}, "allowed signers: line 3: "},
		"a broken key":          {Config{AllowedSigners: "aino@example.org ssh-ed25519 AAAA\n"}, "allowed signers: line 1: "},
		"an unknown option":     {Config{AllowedSigners: "a@b no-touch ssh-ed25519 " + key}, `option "no-touch"`},
		"an option twice":       {Config{AllowedSigners: `a@b namespaces="git",namespaces="x" ssh-ed25519 ` + key}, `option "namespaces=`},
		"no time":               {Config{AllowedSigners: `a@b valid-after="soon" ssh-ed25519 ` + key}, `"soon" is no time`},
		"a time out of range":   {Config{AllowedSigners: `a@b valid-after="20241301" ssh-ed25519 ` + key}, "is no time"},
		"times in wrong order":  {Config{AllowedSigners: `a@b valid-after="2025",valid-before="20240101" ssh-ed25519 ` + key}, "line 1"},
		"before is after":       {Config{AllowedSigners: `a@b valid-after="20250101",valid-before="20240101" ssh-ed25519 ` + key}, "not later"},
		"a quote without end":   {Config{AllowedSigners: `"a@b ssh-ed25519 ` + key}, "line 1"},
		"a key without owner":   {Config{AllowedSigners: "ssh-ed25519 " + key}, "line 1"},
		"neither armor nor key": {Config{Keyring: "hello"}, "keyring: key 1: "},
		"armor without end":     {Config{Keyring: "x\n" + keyring[:len(keyring)-30]}, "does not end"},
		"a broken block":        {Config{Keyring: keyring + "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"}, "keyring: the block that begins in line "},
		"a signature":           {Config{Keyring: second(commit(t, "openpgp-ecdsa"))}, "PGP SIGNATURE"},
	} {
		if v, err := New(test.cfg); err == nil || v != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func second[A, B any](_ A, b B) B { return b }

// Whatever comes, it is answered, and VALID only what git verified.
func FuzzVerify(f *testing.F) {
	for name := range recorded {
		payload, signature := commit(f, name)
		f.Add(payload, signature, recordedAt.Unix())
	}
	for _, seed := range []string{"", "-----BEGIN PGP SIGNATURE-----\n\n=", "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----",
		"-----BEGIN SIGNED MESSAGE-----", "-----BEGIN PGP MESSAGE-----\n\nyMACAA==\n-----END PGP MESSAGE-----"} {
		f.Add([]byte("committer x <"), seed, int64(-1))
	}
	v := verifier(f, recordedKeys(f))
	payloads := map[string]bool{}
	for name := range recorded {
		payload, _ := commit(f, name)
		payloads[string(payload)] = true
	}
	f.Fuzz(func(t *testing.T, payload []byte, signature string, at int64) {
		s := v.Verify(payload, signature, time.Unix(at, 0))
		if s.Status == "" || s.Status == content.SignatureValid && !payloads[string(payload)] {
			t.Errorf("%q, %q: %+v", payload, signature, s)
		}
		if (s.Signer != "") != (s.Status == content.SignatureValid || s.Status == content.SignatureExpired) {
			t.Errorf("signed by %q: %+v", s.Signer, s)
		}
	})
}

func FuzzSigners(f *testing.F) {
	for line := range strings.Lines(fixture(f, "allowed_signers")) {
		f.Add(line, "aino@example.org")
	}
	f.Add("a,!b* c", "b")
	f.Add(strings.Repeat("*a", 100), strings.Repeat("a", 1000))
	f.Fuzz(func(t *testing.T, line, name string) {
		if s, err := parseSigner(line); err == nil && (s.key == nil || s.principals == "") {
			t.Errorf("%q is read as %+v", line, s)
		}
		if !strings.ContainsAny(line, "*?!,") && match(line, name) != (line == name) {
			t.Errorf("%q matches %q", line, name)
		}
	})
}
