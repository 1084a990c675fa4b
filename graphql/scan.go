package graphql

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scan checks a query before any of it reaches the parser: bytes, UTF-8, tokens
// and nesting. It is linear in the text and needs no stack. It returns what is to
// be parsed, which has the same length, so that offsets stay good:
//
//   - comments and byte order marks become spaces, since graphql-go's lexer mixes
//     up bytes and characters after one that is not ASCII;
//   - strings become empty ones, followed by spaces: they are decoded here (see
//     stringAt), since graphql-go breaks surrogate pairs, and overwrites its source
//     at an escaped triple quote;
//   - lines are broken where they may be, since graphql-go draws a picture of the
//     line of a syntax error in a time that grows with the square of its length;
//   - the literal null becomes the word nullWord where a value stands, since
//     graphql-go has no null (#178).
//
// Other malformed tokens are left to the parser to name.
func scan(text string, limits Limits) ([]byte, *Error) {
	if len(text) > limits.Bytes {
		return nil, tooLarge("The query has %d bytes; the limit is %d.", len(text), limits.Bytes)
	}
	if !utf8.ValidString(text) {
		return nil, newError(CodeParse, "The query is not UTF-8.")
	}
	s := scanner{text: text, body: []byte(text), null: -1}
	for s.at < len(text) {
		s.next()
		switch {
		case s.err != nil:
			return nil, s.err
		case s.tokens > limits.Tokens:
			return nil, tooLarge("The query has more than %d tokens.", limits.Tokens)
		case s.depth > limits.Depth:
			return nil, tooLarge("The query is nested deeper than %d brackets.", limits.Depth)
		case s.at-s.line > longestLine:
			return nil, tooLarge("The query has %d bytes without a space.", longestLine)
		}
	}
	s.settleNull(0)
	return s.body, nil
}

const (
	// nullWord stands for null in what is parsed; it has its length.
	nullWord      = "_NUL"
	byteOrderMark = "\uFEFF"
	blockQuotes   = `"""`
	// lineLength is where lines are broken if they can be, longestLine what they
	// may have if they cannot.
	lineLength, longestLine = 200, 8000
)

type scanner struct {
	text          string
	body          []byte
	at, line      int // offsets: of what is next, of the last end of a line
	tokens, depth int
	parens        int
	// previous is the first byte of the token before; null the offset of a "null"
	// that is a value unless ":" follows, or -1.
	previous byte
	null     int
	err      *Error
}

// next passes one token, or one thing that is ignored.
func (s *scanner) next() {
	c := s.text[s.at]
	switch {
	case c == '\n' || c == '\r':
		s.line = s.at
		s.at++
	case c == ' ' || c == '\t' || c == ',':
		s.blank(s.at + 1)
	case c == '#':
		end := strings.IndexAny(s.text[s.at:], "\r\n")
		if end < 0 {
			end = len(s.text) - s.at
		}
		s.blank(s.at + end)
	case strings.HasPrefix(s.text[s.at:], byteOrderMark):
		s.blank(s.at + len(byteOrderMark))
	default:
		s.tokens++
		s.settleNull(c)
		s.token(c)
		s.previous = c
	}
}

// blank writes spaces up to end, or the end of a line where it is long enough.
func (s *scanner) blank(end int) {
	for i := s.at; i < end; i++ {
		s.body[i] = ' '
	}
	if end > s.at && end-s.line > lineLength {
		s.body[end-1], s.line = '\n', end-1
	}
	s.at = end
}

func (s *scanner) token(c byte) {
	start := s.at
	s.at++
	switch {
	case c == '(' || c == '[' || c == '{':
		s.depth++
		if c == '(' {
			s.parens++
		}
	case c == ')' || c == ']' || c == '}':
		s.depth--
		if c == ')' {
			s.parens--
		}
	case c == '"':
		end, ok := stringEnd(s.text, start)
		if !ok {
			s.err = newError(CodeParse, "Syntax error: a string is not closed.")
			s.err.Locations = locate(s.text, start)
			return
		}
		s.body[s.at] = '"'
		s.at++
		s.blank(end)
	case nameByte(c):
		for s.at < len(s.text) && nameByte(s.text[s.at]) {
			s.at++
		}
		if s.parens > 0 && s.previous != '$' && s.previous != '@' && s.text[start:s.at] == "null" {
			s.null = start
		}
	}
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// settleNull rewrites the "null" before, unless it turns out to be a name.
func (s *scanner) settleNull(next byte) {
	if s.null >= 0 && next != ':' {
		copy(s.body[s.null:], nullWord)
	}
	s.null = -1
}

// stringEnd returns where the string that begins at start ends (June 2018, 2.9.4),
// and false where it does not.
func stringEnd(text string, start int) (int, bool) {
	if strings.HasPrefix(text[start:], blockQuotes) {
		at := start + len(blockQuotes)
		for at < len(text) && !strings.HasPrefix(text[at:], blockQuotes) {
			if strings.HasPrefix(text[at:], `\`+blockQuotes) {
				at += len(blockQuotes)
			}
			at++
		}
		return at + len(blockQuotes), at < len(text)
	}
	at := start + 1
	for at < len(text) && text[at] != '"' && text[at] != '\n' && text[at] != '\r' {
		if text[at] == '\\' {
			at++
		}
		at++
	}
	return at + 1, at < len(text) && text[at] == '"'
}

// stringAt decodes the string of a query that begins at start; false where it
// holds an unknown escape, half a surrogate pair or a control character.
func stringAt(text string, start int) (string, bool) {
	end, ok := stringEnd(text, start)
	if !ok {
		return "", false
	}
	raw := text[start:end]
	if !strings.HasPrefix(raw, blockQuotes) {
		// The escapes are those of JSON, but a tab may stand for itself.
		decoded, err := jsontext.AppendUnquote(nil, strings.ReplaceAll(raw, "\t", `\t`))
		return string(decoded), err == nil
	}
	inner := raw[len(blockQuotes) : len(raw)-len(blockQuotes)]
	control := strings.ContainsFunc(inner, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' })
	return blockString(strings.ReplaceAll(inner, `\`+blockQuotes, blockQuotes)), !control
}

// blockString is BlockStringValue (June 2018, 2.9.4).
func blockString(raw string) string {
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", "\n"), "\r", "\n"), "\n")
	indent := -1
	for _, line := range lines[1:] {
		own := len(line) - len(strings.TrimLeft(line, " \t"))
		if own < len(line) && (indent < 0 || own < indent) {
			indent = own
		}
	}
	for i := range lines[1:] {
		lines[i+1] = lines[i+1][min(max(indent, 0), len(lines[i+1])):]
	}
	blank := func(line string) bool { return strings.Trim(line, " \t") == "" }
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}
