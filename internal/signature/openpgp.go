package signature

import (
	"bytes"
	"cmp"
	"crypto"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/koonti/koonti/internal/content"
)

// entity is a key with its user ids, the primary one first.
type entity struct {
	*openpgp.Entity
	ids []*openpgp.Identity
}

const (
	armorStart  = "-----BEGIN PGP "
	armorEnd    = "-----END PGP "
	armorPublic = "PGP PUBLIC KEY BLOCK"
)

// parseKeyring reads armored or binary keys.
func parseKeyring(text string) ([]entity, error) {
	if text == "" {
		return nil, nil
	}
	if !strings.Contains(text, armorStart) {
		return readEntities(strings.NewReader(text))
	}
	var list []entity
	n, start := 0, 0
	var block strings.Builder
	for line := range strings.Lines(text) {
		n++
		if block.Len() == 0 {
			if !strings.HasPrefix(line, armorStart) {
				continue
			}
			start = n
		}
		block.WriteString(line)
		if !strings.HasPrefix(line, armorEnd) {
			continue
		}
		more, err := readBlock(block.String())
		if err != nil {
			return nil, fmt.Errorf("the block that begins in line %d: %w", start, err)
		}
		list = append(list, more...)
		block.Reset()
	}
	if block.Len() > 0 {
		return nil, fmt.Errorf("the block that begins in line %d does not end", start)
	}
	return list, nil
}

func readBlock(text string) ([]entity, error) {
	block, err := armor.Decode(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("not armored as OpenPGP says: %w", err)
	}
	if block.Type != armorPublic {
		return nil, fmt.Errorf("it is a %s, not a %s", block.Type, armorPublic)
	}
	return readEntities(block.Body)
}

// readEntities reads one key after another. Unlike openpgp.ReadKeyRing it passes
// over none.
func readEntities(r io.Reader) ([]entity, error) {
	var list []entity
	for packets := packet.NewReader(r); ; {
		e, err := openpgp.ReadEntity(packets)
		if err == io.EOF && len(list) > 0 {
			return list, nil
		}
		if err == nil && e.PrivateKey != nil {
			err = errors.New("it is a private key: give the public one")
		}
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(list)+1, err)
		}
		list = append(list, entity{e, userIDs(e)})
	}
}

// userIDs are sorted: that marked as primary, then the newest, then by name. One
// that the key itself does not vouch for is none.
func userIDs(e *openpgp.Entity) []*openpgp.Identity {
	ids := slices.DeleteFunc(slices.Collect(maps.Values(e.Identities)),
		func(id *openpgp.Identity) bool { return id.SelfSignature == nil })
	rank := func(id *openpgp.Identity) int {
		if id.SelfSignature.IsPrimaryId != nil && *id.SelfSignature.IsPrimaryId {
			return 0
		}
		return 1
	}
	slices.SortFunc(ids, func(a, b *openpgp.Identity) int {
		return cmp.Or(rank(a)-rank(b), b.SelfSignature.CreationTime.Compare(a.SelfSignature.CreationTime), cmp.Compare(a.Name, b.Name))
	})
	return ids
}

// checkOpenPGP checks a detached signature of RFC 9580, version 4 or 6.
func (v *Verifier) checkOpenPGP(payload []byte, text string, s *content.Signature) {
	sig, err := readOpenPGP(text)
	if errors.As(err, new(pgperrors.UnsupportedError)) {
		s.Status = content.SignatureUnknownKey // no key given can have made it
	}
	if err != nil {
		return
	}
	s.Status, s.Key = content.SignatureUnknownKey, issuer(sig)
	if sig.IssuerKeyId == nil {
		return
	}
	for _, e := range v.keyring {
		for _, key := range (openpgp.EntityList{e.Entity}).KeysByIdUsage(*sig.IssuerKeyId, packet.KeyFlagSign) {
			s.Key = fmt.Sprintf("%X", key.PublicKey.Fingerprint)
			if s.Status = verified(key, sig, payload); s.Status != content.SignatureInvalid {
				s.Signer = e.email(committerOf(payload), sig.CreationTime)
				return
			}
		}
	}
}

// readOpenPGP reads one signature of a binary document. Of several, someone
// could have added some.
func readOpenPGP(text string) (*packet.Signature, error) {
	block, err := armor.Decode(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, err
	}
	end := strings.Index(text, armorEnd)
	if end < 0 || strings.Contains(strings.TrimSpace(text[end:]), "\n") {
		return nil, errors.New("more than the signature")
	}
	rest := bytes.NewReader(body)
	p, err := packet.Read(rest)
	if err != nil {
		return nil, err
	}
	sig, ok := p.(*packet.Signature)
	switch {
	case !ok || rest.Len() > 0:
		return nil, errors.New("not one signature")
	case sig.Version != 4 && sig.Version != 6, sig.SigType != packet.SigTypeBinary:
		return nil, errors.New("a signature of another kind")
	case sig.Hash == crypto.SHA1, sig.Hash == crypto.MD5, sig.Hash == crypto.RIPEMD160:
		return nil, errors.New("made with a hash that is not safe")
	}
	return sig, nil
}

// issuer is what a signature says of the key that made it.
func issuer(sig *packet.Signature) string {
	if len(sig.IssuerFingerprint) > 0 {
		return fmt.Sprintf("%X", sig.IssuerFingerprint)
	}
	if sig.IssuerKeyId != nil {
		return fmt.Sprintf("%016X", *sig.IssuerKeyId)
	}
	return ""
}

func verified(key openpgp.Key, sig *packet.Signature, payload []byte) content.SignatureStatus {
	h, err := sig.PrepareVerify()
	if err != nil {
		return content.SignatureInvalid
	}
	h.Write(payload)
	for _, n := range sig.Notations { // RFC 9580, 5.2.3.24: who does not know it must not accept it
		if n.IsCritical {
			return content.SignatureInvalid
		}
	}
	if err := key.PublicKey.VerifySignature(h, sig); err != nil {
		return content.SignatureInvalid
	}
	if !keyValidAt(key, sig.CreationTime) {
		return content.SignatureExpired
	}
	return content.SignatureValid
}

// keyValidAt tells whether a key, and the primary key where it is a subkey, was
// valid. As in GnuPG the newest self-signature says how long, also of the time
// before it was made.
func keyValidAt(key openpgp.Key, at time.Time) bool {
	primary, _ := key.Entity.PrimarySelfSignature()
	return primary != nil &&
		!revoked(key.Entity.Revocations, at) && !key.Entity.PrimaryKey.KeyExpired(primary, at) &&
		!revoked(key.Revocations, at) && !key.PublicKey.KeyExpired(key.SelfSignature, at)
}

// revoked tells whether a key was, or no longer says of any signature who made
// it: for no reason given, or because someone else has it.
func revoked(revocations []*packet.Signature, at time.Time) bool {
	return slices.ContainsFunc(revocations, func(r *packet.Signature) bool {
		why := r.RevocationReason
		return !r.CreationTime.After(at) || why == nil || *why != packet.KeySuperseded && *why != packet.KeyRetired
	})
}

// email is whom the key belongs to: see Verify. A user id that was revoked does
// not speak for it.
func (e entity) email(committer string, at time.Time) string {
	var first string
	for _, id := range e.ids {
		if id.Revoked(at) {
			continue
		}
		if committer != "" && strings.EqualFold(id.UserId.Email, committer) {
			return id.UserId.Email
		}
		if first == "" {
			first = cmp.Or(id.UserId.Email, id.Name)
		}
	}
	return first
}
