package gitrepo

import "strings"

type wildFlag uint8

// wildFold makes letters of either case match.
const wildFold wildFlag = 1

// wildSteps bounds the work of one match; a pattern that needs more matches nothing.
const wildSteps = 1 << 16

// wildmatch matches a path against a pattern as Git's wildmatch does with
// WM_PATHNAME: * and ? stop at slashes, ** between slashes does not,
// [...] is a class, \ takes the next character as it is.
func wildmatch(pattern, path string, flags wildFlag) bool {
	if flags&wildFold != 0 {
		pattern, path = lower(pattern), lower(path)
	}
	m := wild{steps: wildSteps}
	return m.match(pattern, path, true)
}

// lower folds ASCII only, byte by byte: a path need not be UTF-8.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

type wild struct{ steps int }

// match is called with start set where the pattern follows a slash or begins.
func (m *wild) match(p, s string, start bool) bool {
	for len(p) > 0 {
		if m.steps--; m.steps < 0 {
			return false
		}
		if p[0] == '*' {
			return m.star(p, s, start)
		}
		if len(s) == 0 {
			return false
		}
		rest, ok := matchOne(p, s[0])
		if !ok {
			return false
		}
		start = s[0] == '/'
		p, s = rest, s[1:]
	}
	return len(s) == 0
}

// matchOne matches one character of the path and returns the rest of the pattern.
func matchOne(p string, c byte) (rest string, ok bool) {
	switch p[0] {
	case '?':
		return p[1:], c != '/'
	case '[':
		return matchClass(p[1:], c)
	case '\\':
		if len(p) < 2 {
			return "", false
		}
		return p[2:], p[1] == c
	}
	return p[1:], p[0] == c
}

// star matches * within a folder, and **/ and /** across folders.
func (m *wild) star(p, s string, start bool) bool {
	rest := strings.TrimLeft(p, "*")
	deep := len(p)-len(rest) >= 2 && start && (rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`))
	if deep && rest != "" {
		// "**/" may stand for no folder at all.
		if m.match(strings.TrimPrefix(rest, `\`)[1:], s, true) {
			return true
		}
	}
	for i := 0; ; i++ {
		if m.match(rest, s[i:], false) {
			return true
		}
		if m.steps < 0 || i == len(s) || s[i] == '/' && !deep {
			return false
		}
	}
}

// matchClass matches a bracket expression; p is what follows the bracket.
func matchClass(p string, c byte) (rest string, ok bool) {
	negate := p != "" && (p[0] == '!' || p[0] == '^')
	if negate {
		p = p[1:]
	}
	matched := false
	for first := true; ; first = false {
		if p == "" {
			return "", false // no closing bracket
		}
		if p[0] == ']' && !first {
			break
		}
		if name, after, found := posixClass(p); found {
			hit, known := inClass(name, c)
			if !known {
				return "", false
			}
			matched, p = matched || hit, after
			continue
		}
		lo, after, ok := classChar(p)
		if !ok {
			return "", false
		}
		hi := lo
		if len(after) > 1 && after[0] == '-' && after[1] != ']' {
			if hi, after, ok = classChar(after[1:]); !ok {
				return "", false
			}
		}
		matched, p = matched || lo <= c && c <= hi, after
	}
	return p[1:], matched != negate && c != '/'
}

func classChar(p string) (c byte, rest string, ok bool) {
	if p[0] != '\\' {
		return p[0], p[1:], true
	}
	if len(p) < 2 {
		return 0, "", false
	}
	return p[1], p[2:], true
}

func posixClass(p string) (name, rest string, ok bool) {
	if !strings.HasPrefix(p, "[:") {
		return "", "", false
	}
	end := strings.Index(p[2:], ":]")
	if end < 0 {
		return "", "", false
	}
	return p[2 : 2+end], p[2+end+2:], true
}

func inClass(name string, c byte) (hit, known bool) {
	lowerCase, upperCase := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z'
	digit, graph := '0' <= c && c <= '9', 0x20 < c && c < 0x7f
	switch name {
	case "alnum":
		return lowerCase || upperCase || digit, true
	case "alpha":
		return lowerCase || upperCase, true
	case "blank":
		return c == ' ' || c == '\t', true
	case "cntrl":
		return c < 0x20 || c == 0x7f, true
	case "digit":
		return digit, true
	case "graph":
		return graph, true
	case "lower":
		return lowerCase, true
	case "print":
		return graph || c == ' ', true
	case "punct":
		return graph && !lowerCase && !upperCase && !digit, true
	case "space":
		return c == ' ' || 9 <= c && c <= 13, true
	case "upper":
		return upperCase, true
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F', true
	}
	return false, false
}
