package gitrepo

import "strings"

// unquote reads a name in double quotes with the escapes of C, as Git writes
// names that hold unusual bytes, and returns what follows it.
func unquote(text string) (name, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", text, false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			c, n := unescape(text[i+1:])
			if n == 0 {
				return "", text, false
			}
			b.WriteByte(c)
			i += n
		default:
			b.WriteByte(text[i])
		}
	}
	return "", text, false
}

// unescape reads what follows a backslash: one letter, or three octal digits.
func unescape(text string) (c byte, n int) {
	if text == "" {
		return 0, 0
	}
	const letters, values = `abfnrtv\"`, "\a\b\f\n\r\t\v\\\""
	if i := strings.IndexByte(letters, text[0]); i >= 0 {
		return values[i], 1
	}
	if len(text) < 3 || text[0] > '3' {
		return 0, 0
	}
	for i := range 3 {
		if text[i] < '0' || text[i] > '7' {
			return 0, 0
		}
		c = c<<3 | (text[i] - '0')
	}
	return c, 3
}
