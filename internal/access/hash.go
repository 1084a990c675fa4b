package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/koonti/koonti/internal/content"
)

// phc is a hash by argon2id as the file has it: the PHC string format, version 19.
type phc struct {
	memory, time uint32 // KiB, passes
	threads      uint8
	salt, sum    []byte
}

// usual is what new secrets are hashed with: the second choice of RFC 9106, section 4.
var usual = phc{memory: 64 << 10, time: 3, threads: 4}

// What a file may ask for: the server computes it.
const (
	maxMemory  = 256 << 10 // KiB
	maxTime    = 16
	maxThreads = 16
	minSalt    = 8
	sumBytes   = 32
	maxPHC     = 200
)

// newHash hashes a secret with a new salt.
func (p phc) newHash(secret string) phc {
	p.salt = make([]byte, 16)
	rand.Read(p.salt)
	p.sum = p.of(secret)
	return p
}

func (p phc) of(secret string) []byte {
	return argon2.IDKey([]byte(secret), p.salt, p.time, p.memory, p.threads, sumBytes)
}

// is reports whether p is the hash of secret, in a time that does not tell.
func (p phc) is(secret string) bool { return subtle.ConstantTimeCompare(p.of(secret), p.sum) == 1 }

func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads, b64.EncodeToString(p.salt), b64.EncodeToString(p.sum))
}

// parsePHC reads what String writes.
func parsePHC(text string) (phc, error) {
	var p phc
	bad := fmt.Errorf("the hash is none that 'koonti token add' writes ($argon2id$v=19$m=...,t=...,p=...$salt$hash): %w", content.ErrInvalid)
	parts := strings.Split(text, "$")
	if len(text) > maxPHC || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, bad
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); n != 3 || err != nil {
		return p, bad
	}
	if p.memory > maxMemory || p.time > maxTime || p.threads > maxThreads || p.time < 1 || p.threads < 1 || p.memory < 8*uint32(p.threads) {
		return p, fmt.Errorf("the hash asks for m=%d, t=%d, p=%d; at most m=%d, t=%d, p=%d are computed, at least t=1, p=1 and m=8p: %w",
			p.memory, p.time, p.threads, maxMemory, maxTime, maxThreads, content.ErrInvalid)
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	p.sum, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(p.salt) < minSalt || len(p.sum) != sumBytes || p.String() != text {
		return p, bad
	}
	return p, nil
}
