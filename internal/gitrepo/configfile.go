package gitrepo

import (
	"fmt"
	"strings"
)

// configFile reads one file in the syntax of git-config(1). gcfg, the parser
// that go-git uses, fails on the old form [section.subsection].
type configFile struct {
	text string
	at   int
}

// parseConfig calls set with each variable in order; a name without a value is
// "true".
func parseConfig(text string, set func(key, value string) error) error {
	text = strings.TrimPrefix(text, "\ufeff")
	p := &configFile{text: strings.ReplaceAll(text, "\r\n", "\n")}
	section := ""
	for {
		switch c := p.next(); {
		case c == 0:
			return nil
		case c == '\n', isBlank(c):
		case c == '#', c == ';':
			p.skipLine()
		case c == '[':
			name, ok := p.section()
			if !ok {
				return p.wrong("section")
			}
			section = name
		case isLetter(c) && section != "":
			p.at--
			name := p.word()
			value, ok := p.value()
			if !ok {
				return p.wrong("variable " + name)
			}
			if err := set(section+"."+name, value); err != nil {
				return err
			}
		default:
			return p.wrong("line")
		}
	}
}

func (p *configFile) wrong(what string) error {
	line := 1 + strings.Count(p.text[:min(p.at, len(p.text))], "\n")
	return fmt.Errorf("%w: %s at line %d", ErrCorrupt, what, line)
}

// next is the next byte, 0 at the end.
func (p *configFile) next() byte {
	p.at++
	if p.at > len(p.text) {
		return 0
	}
	return p.text[p.at-1]
}

func (p *configFile) skipLine() {
	for c := p.next(); c != 0 && c != '\n'; c = p.next() {
	}
}

func isBlank(c byte) bool  { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isWord(c byte) bool   { return isLetter(c) || '0' <= c && c <= '9' || c == '-' }

// word reads letters, digits and hyphens, in lower case.
func (p *configFile) word() string {
	start := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	return lower(p.text[start:p.at])
}

// section reads what follows the bracket: a name; a name, blanks and a quoted
// subsection; or, as it was once written, a name with a dot in it.
func (p *configFile) section() (string, bool) {
	name := p.word()
	for p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		name += "." + p.word()
	}
	c := p.next()
	if c == ']' {
		return name, name != ""
	}
	if !isBlank(c) {
		return "", false
	}
	for isBlank(c) {
		c = p.next()
	}
	if c != '"' {
		return "", false
	}
	sub, ok := p.subsection()
	return name + "." + sub, ok && p.next() == ']'
}

func (p *configFile) subsection() (string, bool) {
	var b strings.Builder
	for {
		c := p.next()
		if c == '\\' {
			c = p.next()
		} else if c == '"' {
			return b.String(), true
		}
		if c == 0 || c == '\n' {
			return "", false
		}
		b.WriteByte(c)
	}
}

// value reads from after a variable's name to the end of its line.
func (p *configFile) value() (string, bool) {
	c := p.next()
	for c == ' ' || c == '\t' {
		c = p.next()
	}
	if c == '\n' || c == 0 {
		return "true", true
	}
	if c != '=' {
		return "", false
	}
	var b strings.Builder
	quoted, blanks := false, 0
	for {
		c := p.next()
		switch {
		case c == '\n', c == 0:
			return b.String(), !quoted
		case isBlank(c) && !quoted:
			if b.Len() > 0 {
				blanks++
			}
			continue
		case (c == '#' || c == ';') && !quoted:
			p.skipLine()
			return b.String(), true
		}
		b.WriteString(strings.Repeat(" ", blanks))
		blanks = 0
		switch c {
		case '"':
			quoted = !quoted
		case '\\':
			if !p.escape(&b) {
				return "", false
			}
		default:
			b.WriteByte(c)
		}
	}
}

// escape reads what follows a backslash in a value; the end of a line continues it.
func (p *configFile) escape(b *strings.Builder) bool {
	switch c := p.next(); c {
	case '\n':
	case 't':
		b.WriteByte('\t')
	case 'b':
		b.WriteByte('\b')
	case 'n':
		b.WriteByte('\n')
	case '\\', '"':
		b.WriteByte(c)
	default:
		return false
	}
	return true
}
