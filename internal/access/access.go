// Package access knows who asks: the tokens that people are given, what an
// authenticating proxy or a forge says of them, and when Git's own user is meant. It
// alone knows secrets. What someone may do with their role, it does not know.
package access

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

// Lengths of names and addresses, in bytes (RFC 5321, 4.5.3.1.3).
const (
	maxName  = 200
	maxEmail = 254
)

// checkPerson reports what is wrong with a name and an address, both of which end up in
// commits: Git's own separators, and characters that are not seen, are refused.
func checkPerson(name, email string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return checkEmail(email)
}

func checkName(name string) error {
	switch {
	case !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return fmt.Errorf("the name %q has no letters: %w", name, content.ErrInvalid)
	case len(name) > maxName:
		return fmt.Errorf("the name is over %d bytes: %w", maxName, content.ErrInvalid)
	case name != strings.TrimSpace(name) || !plain(name):
		return fmt.Errorf("the name %q has characters that a name cannot have: %w", name, content.ErrInvalid)
	}
	return nil
}

func checkEmail(email string) error {
	at := strings.LastIndexByte(email, '@')
	if at < 1 || at == len(email)-1 || len(email) > maxEmail || !plain(email) || strings.ContainsFunc(email, unicode.IsSpace) {
		return fmt.Errorf("%q is no e-mail address: %w", clip(email), content.ErrInvalid)
	}
	return nil
}

// plain reports whether a text can be part of a line of Git's and is all to be seen.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r == '<' || r == '>' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	})
}

// clip keeps what a stranger sent from filling a log.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// ParseRole reads a role; the error wraps content.ErrInvalid.
func ParseRole(text string) (content.Role, error) {
	for _, role := range content.Roles() {
		if string(role) == text {
			return role, nil
		}
	}
	return content.RoleNone, fmt.Errorf("%q is no role; there are %s: %w", clip(text), roleNames(), content.ErrInvalid)
}

func roleNames() string {
	var names []string
	for _, role := range content.Roles() {
		names = append(names, string(role))
	}
	return strings.Join(names, ", ")
}

// unknown is the error of an identity that is wrong. Its text says why, and never what
// was sent.
func unknown(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, content.ErrUnauthenticated)...)
}
