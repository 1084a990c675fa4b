package signature

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"github.com/koonti/koonti/internal/content"
	"golang.org/x/crypto/ssh"
)

// gitNamespace is the purpose for which Git has signatures made.
const gitNamespace = "git"

// maxRSA is the longest RSA key, in bits, that OpenSSH takes. One of the size of
// a signature would take seconds.
const maxRSA = 16384

// formatDSA names the signatures of DSA keys, which OpenSSH has given up.
const formatDSA = "ssh-dss"

// checkSSH checks a signature of PROTOCOL.sshsig of OpenSSH.
func (v *Verifier) checkSSH(payload []byte, armor string, at time.Time, s *content.Signature) {
	sig, err := readSSH(armor)
	if err != nil {
		return
	}
	key := sig.PublicKey
	cert, _ := key.(*ssh.Certificate)
	if cert != nil {
		key = cert.Key
	}
	if oversized(key) {
		return
	}
	s.Key = ssh.FingerprintSHA256(key)
	if err := sshsig.Verify(bytes.NewReader(payload), sig, sig.PublicKey, sig.HashAlgorithm, gitNamespace); err != nil {
		return
	}
	s.Status = content.SignatureUnknownKey
	email := committerOf(payload)
	for _, allowed := range v.signers {
		who, known := allowed.signed(sig.PublicKey, cert, email)
		if !known {
			continue
		}
		s.Status, s.Signer = content.SignatureExpired, who
		if allowed.validAt(at) && (cert == nil || certValidAt(cert, at)) {
			s.Status = content.SignatureValid
			return
		}
	}
}

func readSSH(armor string) (*sshsig.Signature, error) {
	block, rest := pem.Decode([]byte(armor))
	if block == nil || block.Type != sshsig.PEMType || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("not one armored signature")
	}
	sig, err := sshsig.ParseSignature(block.Bytes)
	if err != nil {
		return nil, err
	}
	// Both are of SHA-1. sshsig refuses the first, but not of a certificate.
	if sig.Signature.Format == ssh.KeyAlgoRSA || sig.Signature.Format == formatDSA {
		return nil, errors.New("made with SHA-1")
	}
	return sig, nil
}

func oversized(key ssh.PublicKey) bool {
	holder, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return false
	}
	rsaKey, ok := holder.CryptoPublicKey().(*rsa.PublicKey)
	return ok && rsaKey.N.BitLen() > maxRSA
}

// signed tells whether the line is about the key, or about the authority that
// signed the certificate, and whom it says that is.
func (l *signer) signed(key ssh.PublicKey, cert *ssh.Certificate, email string) (who string, ok bool) {
	if l.namespaces != "" && !matchList(l.namespaces, gitNamespace) {
		return "", false
	}
	if l.authority {
		return l.certified(cert, email)
	}
	if !sameKey(key, l.key) {
		return "", false
	}
	if email != "" && matchList(l.principals, email) {
		return email, true
	}
	return l.principals, true
}

// certified tells whether the authority of the line certified a user of whom
// the line speaks.
func (l *signer) certified(cert *ssh.Certificate, email string) (who string, ok bool) {
	if cert == nil || cert.CertType != ssh.UserCert || !sameKey(cert.SignatureKey, l.key) {
		return "", false
	}
	names := slices.DeleteFunc(slices.Clone(cert.ValidPrincipals), func(name string) bool {
		return name == "" || !matchList(l.principals, name)
	})
	if len(names) == 0 {
		return "", false
	}
	who = names[0]
	if slices.Contains(names, email) {
		who = email
	}
	begin := func() time.Time { return time.Unix(int64(cert.ValidAfter), 0) } // the time is checked apart
	checker := ssh.CertChecker{Clock: begin}
	return who, checker.CheckCert(who, cert) == nil
}

func certValidAt(cert *ssh.Certificate, at time.Time) bool {
	now := at.Unix()
	return now >= 0 && uint64(now) >= cert.ValidAfter && uint64(now) < cert.ValidBefore
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
