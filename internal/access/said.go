package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// equal compares two secrets in a time that tells nothing, not even their lengths.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// parseSaid reads how a proxy names someone: "Name <e-mail>", an e-mail address, or a
// login. Names may be encoded words (RFC 2047). The actor has no role yet.
func parseSaid(text string) (content.Actor, error) {
	text = strings.TrimSpace(text)
	name, email := text, ""
	if before, after, ok := strings.Cut(text, "<"); ok {
		name, email = strings.Trim(strings.TrimSpace(before), `"`), strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(after), ">"))
		if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
			name = strings.TrimSpace(decoded)
		}
	} else if strings.Contains(text, "@") {
		email = text
	}
	if email != "" {
		if err := checkEmail(email); err != nil {
			return content.Actor{}, err
		}
		if name == "" || name == email {
			name = email[:strings.LastIndexByte(email, '@')]
		}
	}
	if err := checkName(name); err != nil {
		return content.Actor{}, err
	}
	id := email
	if id == "" {
		id = name
	}
	return content.Actor{Person: content.Person{Name: name, Email: email, Identity: content.IdentityToken}, ID: strings.ToLower(id)}, nil
}
