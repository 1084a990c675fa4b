package content

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PathPattern says where the records of a collection lie, from the root of the
// repository: "records/projects/{id}.json". "{id}" stands once, inside one path
// segment; a segment "*" stands for any folder.
type PathPattern struct {
	text     string
	segments []string
	at       int // the segment that holds {id}
	prefix   string
	suffix   string
}

// ParsePathPattern reads s. An error wraps ErrInvalid and says what is wrong.
func ParsePathPattern(s string) (PathPattern, error) {
	p := PathPattern{text: s, segments: strings.Split(s, "/"), at: -1}
	if s == "" || path.Clean(s) != s || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "../") {
		return p, fmt.Errorf("path %q must be relative to the root of the repository, without '.' and '..': %w", s, ErrInvalid)
	}
	for i, segment := range p.segments {
		prefix, suffix, found := strings.Cut(segment, "{id}")
		switch {
		case found && (p.at >= 0 || strings.Contains(suffix, "{id}")):
			return p, fmt.Errorf("path %q must hold {id} once: %w", s, ErrInvalid)
		case found && strings.Contains(segment, "*"):
			return p, fmt.Errorf("path %q: '*' stands for a whole folder and cannot be beside {id}: %w", s, ErrInvalid)
		case found:
			p.at, p.prefix, p.suffix = i, prefix, suffix
		case segment != "*" && strings.Contains(segment, "*"):
			return p, fmt.Errorf("path %q: '*' stands for a whole folder: %w", s, ErrInvalid)
		}
	}
	if p.at < 0 {
		return p, fmt.Errorf("path %q must hold {id}: %w", s, ErrInvalid)
	}
	return p, nil
}

// String returns the pattern as it is written in the model.
func (p PathPattern) String() string { return p.text }

// Depth is the number of path segments of every record.
func (p PathPattern) Depth() int { return len(p.segments) }

// Match returns the id that file holds, and whether file is one of the pattern's.
// file is a slash-separated path from the root of the repository.
func (p PathPattern) Match(file string) (ID, bool) {
	var id ID
	for i := 0; ; i++ {
		segment, rest, more := strings.Cut(file, "/")
		got, ok := p.segment(i, segment)
		if !ok {
			return "", false
		}
		if i == p.at {
			id = got
		}
		if !more {
			return id, i == len(p.segments)-1
		}
		file = rest
	}
}

// Overlaps reports whether there is a path that both p and q match.
func (p PathPattern) Overlaps(q PathPattern) bool {
	if len(p.segments) != len(q.segments) {
		return false
	}
	for i := range p.segments {
		if !p.overlaps(q, i) {
			return false
		}
	}
	return true
}

// overlaps reports whether both can have the same name at depth i.
func (p PathPattern) overlaps(q PathPattern, i int) bool {
	if i == p.at && i == q.at {
		return meets(p.prefix, q.prefix, strings.HasPrefix) && meets(p.suffix, q.suffix, strings.HasSuffix)
	}
	if i == q.at {
		p, q = q, p
	}
	if q.segments[i] == "*" {
		return true
	}
	_, ok := p.segment(i, q.segments[i])
	return ok
}

func meets(a, b string, begins func(s, affix string) bool) bool { return begins(a, b) || begins(b, a) }

// Segment reports whether name can stand at depth i (0 is the root folder) of a
// matching path; a tree walk needs to descend only where it can.
func (p PathPattern) Segment(i int, name string) bool {
	_, ok := p.segment(i, name)
	return ok
}

func (p PathPattern) segment(i int, name string) (ID, bool) {
	if i >= len(p.segments) || name == "" {
		return "", false
	}
	if i != p.at {
		return "", p.segments[i] == "*" || p.segments[i] == name
	}
	if len(name) <= len(p.prefix)+len(p.suffix) || !strings.HasPrefix(name, p.prefix) || !strings.HasSuffix(name, p.suffix) {
		return "", false
	}
	return ID(name[len(p.prefix) : len(name)-len(p.suffix)]), true
}

// Path returns where the record id lies, and false where the pattern has a "*"
// and so cannot say.
func (p PathPattern) Path(id ID) (string, bool) {
	segments := append([]string(nil), p.segments...)
	segments[p.at] = p.prefix + string(id) + p.suffix
	for _, segment := range p.segments {
		if segment == "*" {
			return "", false
		}
	}
	return strings.Join(segments, "/"), true
}

// Moved returns where the record at file, which must match the pattern, lies when it is
// called id: in the same folders.
func (p PathPattern) Moved(file string, id ID) string {
	segments := strings.Split(file, "/")
	segments[p.at] = p.prefix + string(id) + p.suffix
	return strings.Join(segments, "/")
}

// Readable reports whether id may be read: a non-empty UTF-8 path segment without
// control characters.
func (id ID) Readable() bool {
	if id == "" || id == "." || id == ".." || !utf8.ValidString(string(id)) {
		return false
	}
	return !strings.ContainsFunc(string(id), func(r rune) bool { return r == '/' || unicode.IsControl(r) })
}

// Writable reports whether id may be given to a new record:
// [a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])? and no Windows device name.
func (id ID) Writable() bool {
	if len(id) == 0 || len(id) > 100 || !alphanumeric(id[0]) || !alphanumeric(id[len(id)-1]) {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !alphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	stem, _, _ := strings.Cut(string(id), ".")
	switch {
	case stem == "con" || stem == "prn" || stem == "aux" || stem == "nul":
		return false
	case len(stem) == 4 && (stem[:3] == "com" || stem[:3] == "lpt") && stem[3] >= '0' && stem[3] <= '9':
		return false
	}
	return true
}

func alphanumeric(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
