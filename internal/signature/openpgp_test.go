package signature

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"
	"github.com/koonti/koonti/internal/content"
)

// Keys change after commits were made: one was renewed, another revoked.
func TestVerifyWithKeysAsTheyBecame(t *testing.T) {
	v := verifier(t, Config{Keyring: fixture(t, "keyring-later.asc")})
	for name, want := range map[string]content.Signature{
		"openpgp-ecdsa":   {Status: content.SignatureValid, Format: "openpgp", Key: ilta, Signer: "ilta@example.org"},
		"openpgp-unknown": {Status: content.SignatureExpired, Format: "openpgp", Key: olli, Signer: "olli@example.org"},
		"openpgp-ed25519": {Status: content.SignatureUnknownKey, Format: "openpgp", Key: aino},
	} {
		payload, signature := commit(t, name)
		if diff := cmp.Diff(want, v.Verify(payload, signature, recordedAt)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestBinaryKeyring(t *testing.T) {
	text := fixture(t, "keyring.asc")
	var binary bytes.Buffer
	for rest := text; strings.Contains(rest, armorStart); {
		end := strings.Index(rest, armorEnd) + len("-----END "+armorPublic+"-----")
		block := must(armor.Decode(strings.NewReader(rest[:end] + "\n")))
		if _, err := io.Copy(&binary, block.Body); err != nil {
			t.Fatal(err)
		}
		rest = rest[end:]
	}
	v := verifier(t, Config{Keyring: binary.String()})
	for _, name := range []string{"openpgp-ed25519", "openpgp-rsa-subkey", "openpgp-ecdsa", "openpgp-unknown"} {
		payload, signature := commit(t, name)
		if diff := cmp.Diff(recorded[name], v.Verify(payload, signature, recordedAt)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if _, err := New(Config{Keyring: binary.String()[:binary.Len()-20]}); err == nil || !strings.Contains(err.Error(), "key 3: ") {
		t.Errorf("cut short: %v", err)
	}
}

// pgpKey makes a key at a time; the lifetime is in seconds, 0 is without end.
func pgpKey(t *testing.T, at time.Time, lifetime uint32, v6 bool) (*openpgp.Entity, *packet.Config) {
	t.Helper()
	cfg := &packet.Config{Time: func() time.Time { return at }, KeyLifetimeSecs: lifetime, Algorithm: packet.PubKeyAlgoEd25519}
	cfg.V6Keys = v6
	e, err := openpgp.NewEntity("Aino", "", "aino@example.org", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e, cfg
}

func publicKey(t *testing.T, e *openpgp.Entity) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// signPGP signs ainosCommit, also where openpgp.DetachSign would refuse to.
func signPGP(t *testing.T, e *openpgp.Entity, at time.Time, change func(*packet.Signature)) string {
	t.Helper()
	key := e.PrivateKey
	sig := &packet.Signature{Version: key.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: key.PubKeyAlgo, Hash: crypto.SHA512, CreationTime: at, IssuerKeyId: &key.KeyId}
	change(sig)
	h := must(sig.PrepareSign(nil))
	io.WriteString(h, ainosCommit)
	if err := sig.Sign(h, key, nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := must(armor.Encode(&b, "PGP SIGNATURE", nil))
	if err := sig.Serialize(w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.String() + "\n"
}

func TestKeysHaveTheirTime(t *testing.T) {
	const day = 24 * time.Hour
	made := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	revoke := func(why packet.ReasonForRevocation) func(*openpgp.Entity) {
		return func(e *openpgp.Entity) {
			later := &packet.Config{Time: func() time.Time { return made.Add(20 * day) }}
			if err := e.RevokeKey(why, "", later); err != nil {
				t.Fatal(err)
			}
		}
	}
	as := func(*openpgp.Entity) {}
	valid, expired := content.SignatureValid, content.SignatureExpired
	for name, test := range map[string]struct {
		change func(*openpgp.Entity)
		signed time.Time
		want   content.SignatureStatus
	}{
		"as it is made":                 {as, made, valid},
		"before it is made":             {as, made.Add(-time.Second), expired},
		"on its last day":               {as, made.Add(30 * day), valid},
		"after its end":                 {as, made.Add(30*day + time.Second), expired},
		"before it was superseded":      {revoke(packet.KeySuperseded), made.Add(19 * day), valid},
		"after it was superseded":       {revoke(packet.KeySuperseded), made.Add(20 * day), expired},
		"before it was retired":         {revoke(packet.KeyRetired), made.Add(19 * day), valid},
		"before it was compromised":     {revoke(packet.KeyCompromised), made.Add(19 * day), expired},
		"before it was revoked, no why": {revoke(packet.NoReason), made.Add(19 * day), expired},
	} {
		for _, v6 := range []bool{false, true} {
			e, _ := pgpKey(t, made, uint32(30*day/time.Second), v6)
			test.change(e)
			want := content.Signature{Status: test.want, Format: "openpgp", Key: fmt.Sprintf("%X", e.PrimaryKey.Fingerprint), Signer: "aino@example.org"}
			got := verifier(t, Config{Keyring: publicKey(t, e)}).Verify([]byte(ainosCommit), signPGP(t, e, test.signed, func(*packet.Signature) {}), time.Time{})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, version 6 %v:\n%s", name, v6, diff)
			}
		}
	}
}

func TestSignaturesOfOtherKinds(t *testing.T) {
	made := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	e, _ := pgpKey(t, made, 0, false)
	v := verifier(t, Config{Keyring: publicKey(t, e)})
	for name, test := range map[string]struct {
		change func(*packet.Signature)
		want   content.SignatureStatus
	}{
		"a note":              {func(s *packet.Signature) { s.Notations = []*packet.Notation{{Name: "x@y", Value: []byte("z")}} }, content.SignatureValid},
		"a critical note":     {func(s *packet.Signature) { s.Notations = []*packet.Notation{{Name: "x@y", IsCritical: true}} }, content.SignatureInvalid},
		"nothing out of line": {func(s *packet.Signature) {}, content.SignatureValid},
	} {
		if s := v.Verify([]byte(ainosCommit), signPGP(t, e, made, test.change), made); s.Status != test.want {
			t.Errorf("%s: %+v, want %s", name, s, test.want)
		}
	}
	twice := strings.Repeat(signPGP(t, e, made, func(*packet.Signature) {}), 2)
	if s := v.Verify([]byte(ainosCommit), twice, made); s.Status != content.SignatureInvalid {
		t.Errorf("two signatures: %+v", s)
	}
}

// A private key is not to lie about on a server.
func TestPrivateKeysAreRefused(t *testing.T) {
	e, cfg := pgpKey(t, time.Now(), 0, false)
	var b bytes.Buffer
	if err := e.SerializePrivate(&b, cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Keyring: b.String()}); err == nil || !strings.Contains(err.Error(), "private") {
		t.Errorf("got %v", err)
	}
}
