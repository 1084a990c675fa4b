// Package signature checks the signatures of commits against the keys that the
// operator gave: OpenPGP and SSH. It knows no repository (gitrepo.Repo.Signed
// gives payload and signature), asks no key server and no agent, runs no
// program, and does not read the key rings of the user it runs as.
//
// Signatures by X.509 certificates are told apart but not checked.
package signature

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// maxSignature bounds a signature in bytes. OpenPGP's and SSH's are of one
// kilobyte or less.
const maxSignature = 64 << 10

// The formats, as content.Signature names them.
const (
	formatOpenPGP = "openpgp"
	formatSSH     = "ssh"
	formatX509    = "x509"
)

// Config holds the texts of the files that say whose keys are trusted. "" is none.
type Config struct {
	// AllowedSigners is a file of ssh-keygen(1), ALLOWED SIGNERS: what
	// gpg.ssh.allowedSignersFile names for Git. Times without a Z are local.
	AllowedSigners string
	// Keyring is OpenPGP public keys: armored, any number of blocks with any text
	// between them, or binary, as `gpg --export` writes them.
	Keyring string
}

// Verifier checks signatures. It is immutable, and any goroutine may use it. The
// nil Verifier knows no keys: what is signed is UNCHECKED.
type Verifier struct {
	signers []signer
	keyring []entity
}

// New reads the keys. All must be readable: the error names the file and the
// line, or in a binary file the number of the key, that is not.
func New(cfg Config) (v *Verifier, err error) {
	defer func() {
		if r := recover(); r != nil { // a library met a key that it was not made for
			v, err = nil, fmt.Errorf("read keys: %v", r)
		}
	}()
	signers, err := parseSigners(cfg.AllowedSigners)
	if err != nil {
		return nil, fmt.Errorf("allowed signers: %w", err)
	}
	keyring, err := parseKeyring(cfg.Keyring)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return &Verifier{signers, keyring}, nil
}

// Verify checks the signature of a commit. payload is what was signed, signature
// its armor, "" where there is none, at the committer time.
//
// The status is NONE without a signature; UNCHECKED where no key of its format
// was given, and for X.509; INVALID where the signature is not of the payload,
// cannot be read, is for another purpose than Git's, is of a text (where line
// endings do not count), or is made in a way that is no longer safe (SHA-1, MD5);
// UNKNOWN_KEY where it is right as far as that can be told, but by no key given
// for Git; EXPIRED where the key was not valid at the time, or has been revoked;
// else VALID.
//
// The time is at for SSH, as Git does, and the one that the signature itself
// gives for OpenPGP. Either is the word of who signed.
//
// Key is told where it is known, of UNKNOWN_KEY too: SHA256:... for SSH, for
// OpenPGP the fingerprint in capitals, of the subkey where one signed. Signer is
// told only of VALID and EXPIRED: the committer's address where that is one of
// the key's, else the principals as the file has them, or the e-mail of the
// primary user id.
func (v *Verifier) Verify(payload []byte, signature string, at time.Time) content.Signature {
	if signature == "" {
		return content.Signature{Status: content.SignatureNone}
	}
	s := content.Signature{Status: content.SignatureInvalid, Format: formatOf(signature)}
	switch {
	case v == nil, s.Format == formatX509,
		s.Format == formatSSH && len(v.signers) == 0,
		s.Format == formatOpenPGP && len(v.keyring) == 0:
		s.Status = content.SignatureUnchecked
	case len(signature) <= maxSignature:
		v.check(payload, signature, at, &s)
	}
	return s
}

// check fills in what is found; what is not is INVALID. Signatures come from
// anyone, so that a library that panics on one must not take the program along.
func (v *Verifier) check(payload []byte, signature string, at time.Time, s *content.Signature) {
	defer func() {
		if recover() != nil {
			*s = content.Signature{Status: content.SignatureInvalid, Format: s.Format}
		}
	}()
	switch s.Format {
	case formatSSH:
		v.checkSSH(payload, signature, at, s)
	case formatOpenPGP:
		v.checkOpenPGP(payload, signature, s)
	}
}

// formatOf reads the first line, as Git does; "" for what it does not know.
func formatOf(signature string) string {
	line, _, _ := strings.Cut(signature, "\n")
	switch strings.TrimRight(line, " \t\r") {
	case "-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----":
		return formatOpenPGP
	case "-----BEGIN SSH SIGNATURE-----":
		return formatSSH
	case "-----BEGIN SIGNED MESSAGE-----":
		return formatX509
	}
	return ""
}

// committerOf is the committer's address in a commit, "" where there is none.
func committerOf(payload []byte) string {
	for line := range bytes.Lines(payload) {
		if len(line) == 1 {
			break
		}
		who, ok := bytes.CutPrefix(line, []byte("committer "))
		if !ok {
			continue
		}
		_, who, _ = bytes.Cut(who, []byte("<"))
		email, _, _ := bytes.Cut(who, []byte(">"))
		return string(email)
	}
	return ""
}
