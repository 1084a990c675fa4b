package signature

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// signer is one line of an allowed signers file: ssh-keygen(1).
type signer struct {
	principals    string // patterns, separated by commas
	key           ssh.PublicKey
	authority     bool   // the key certifies others, and does not sign itself
	namespaces    string // patterns; "" is every purpose
	after, before time.Time
}

// parseSigners reads an allowed signers file.
func parseSigners(text string) ([]signer, error) {
	var list []signer
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseSigner(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// parseSigner reads "principals [options] type key [comment]".
func parseSigner(line string) (signer, error) {
	principals, rest, ok := cutPrincipals(line)
	if !ok {
		return signer{}, errors.New("it needs principals and a key")
	}
	s := signer{principals: principals}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return signer{}, errors.New("no public key of SSH that can be read follows the principals")
	}
	s.key = key
	for _, option := range options {
		if err := s.set(option); err != nil {
			return signer{}, err
		}
	}
	if !s.after.IsZero() && !s.before.IsZero() && !s.before.After(s.after) {
		return signer{}, errors.New("valid-before is not later than valid-after")
	}
	return s, nil
}

// cutPrincipals takes the first field off a line; it may be in quotes.
func cutPrincipals(line string) (principals, rest string, ok bool) {
	if quoted, found := strings.CutPrefix(line, `"`); found {
		principals, rest, ok = strings.Cut(quoted, `"`)
	} else if end := strings.IndexAny(line, " \t"); end >= 0 {
		principals, rest, ok = line[:end], line[end:], true
	}
	rest = strings.TrimLeft(rest, " \t")
	return principals, rest, ok && principals != "" && rest != ""
}

// set takes up one option. Their names are without regard to case, and none may
// come twice.
func (s *signer) set(option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	name = strings.ToLower(name)
	if quoted, ok := strings.CutPrefix(value, `"`); ok {
		value, ok = strings.CutSuffix(quoted, `"`)
		if !ok {
			return fmt.Errorf("option %s: a quote does not end", name)
		}
	}
	switch {
	case name == "cert-authority" && value == "":
		s.authority = true
	case name == "namespaces" && s.namespaces == "" && value != "":
		s.namespaces = value
	case name == "valid-after" && s.after.IsZero():
		s.after, err = parseTime(value)
	case name == "valid-before" && s.before.IsZero():
		s.before, err = parseTime(value)
	default:
		return fmt.Errorf("option %q: unknown, twice or without a value", option)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	return nil
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS: local, or UTC with a
// Z at the end.
func parseTime(text string) (time.Time, error) {
	zone := time.Local
	digits := strings.ToUpper(text)
	for _, suffix := range []string{"Z", "UTC"} {
		if cut, ok := strings.CutSuffix(digits, suffix); ok {
			digits, zone = cut, time.UTC
		}
	}
	layout := "20060102150405"
	if n := len(digits); n == 8 || n == 12 || n == 14 {
		if at, err := time.ParseInLocation(layout[:n], digits, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: want YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC", text)
}

// validAt tells whether a moment is in the time that the line gives, its ends
// included. A moment that is not known is in no such time.
func (s *signer) validAt(at time.Time) bool {
	if at.IsZero() {
		return s.after.IsZero() && s.before.IsZero()
	}
	return !at.Before(s.after) && (s.before.IsZero() || !at.After(s.before))
}

// matchList matches a name with a pattern list of ssh_config(5), PATTERNS: * and
// ?, and ! before a pattern that must not match.
func matchList(list, name string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !match(pattern, name) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// match matches whole names, byte by byte: * stands for any, ? for one.
func match(pattern, name string) bool {
	star, from := -1, 0 // the last * met, and the byte up to which it reaches
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
