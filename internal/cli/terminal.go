package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// otherWidth is the width of what is no terminal.
const otherWidth = 80

// screen is where a command shows something to a person: it knows its width, whether
// colours can be seen, and hands what is longer than a terminal to a pager.
type screen struct {
	width  int
	colour bool
	// terminal is nil where standard output is none.
	terminal *os.File
	out      io.Writer
	pages    *pager // nil where no pager is wanted
}

// screen makes the screen of a command. The caller ends it.
func (a *app) screen(noPager bool) *screen {
	s := &screen{width: otherWidth, out: a.Out}
	file, ok := a.Out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	s.terminal = file
	columns, lines, err := term.GetSize(int(file.Fd()))
	if err == nil && columns > 0 {
		s.width = columns
	}
	s.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // no-color.org
	if command := pagerCommand(); err == nil && lines > 1 && !noPager && command != nil {
		s.pages = &pager{terminal: file, command: command, width: s.width, room: lines - 1}
		s.out = s.pages
	}
	return s
}

// Write implements io.Writer.
func (s *screen) Write(text []byte) (int, error) { return s.out.Write(text) }

// end shows what was kept back, waits for whoever reads it, and returns what is to be said
// of err, which writing to s ended with: nothing where the reader had seen enough.
func (s *screen) end(err error) error {
	if s.pages == nil {
		return err
	}
	closed := s.pages.close()
	if s.pages.left || s.pages.running != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return cmp.Or(err, closed)
}

// ink is how a part of a line is set off.
type ink string

const (
	bold   ink = "1"
	dim    ink = "2"
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
	cyan   ink = "36"
)

func (s *screen) paint(as ink, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + string(as) + "m" + text + "\x1b[m"
}

// pager keeps a screenful back, and hands everything to a program once there is more.
type pager struct {
	terminal    *os.File
	command     []string
	width, room int
	kept        bytes.Buffer
	lines       int
	column      int
	running     *exec.Cmd
	in          io.WriteCloser
	// left: the reader ended the program before the end.
	left bool
}

// pagerCommand is $PAGER, else less; nil where there is none. What git does as well.
func pagerCommand() []string {
	if value, set := os.LookupEnv("PAGER"); set {
		words := strings.Fields(value)
		if len(words) == 0 || words[0] == "cat" {
			return nil
		}
		return words
	}
	if _, err := exec.LookPath("less"); err != nil {
		return nil
	}
	return []string{"less", "-FRX"}
}

// Write implements io.Writer.
func (p *pager) Write(text []byte) (int, error) {
	if p.in != nil {
		n, err := p.in.Write(text)
		p.left = p.left || err != nil
		return n, err
	}
	p.kept.Write(text)
	if p.count(text); p.lines > p.room {
		if err := p.start(); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

// count counts the lines that text takes on the terminal.
func (p *pager) count(text []byte) {
	for line := range bytes.Lines(text) {
		p.column += displayWidth(string(bytes.TrimSuffix(line, []byte("\n"))))
		if bytes.HasSuffix(line, []byte("\n")) {
			p.lines += 1 + max(0, p.column-1)/p.width
			p.column = 0
		}
	}
}

func (p *pager) start() error {
	c := exec.Command(p.command[0], p.command[1:]...)
	c.Stdout, c.Stderr = p.terminal, os.Stderr
	c.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		c.Env = append(c.Env, "LESS=FRX")
	}
	in, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return &hintError{fmt.Errorf("start the pager: %w", err), "Set PAGER to a program that is there, or give --no-pager."}
	}
	p.running, p.in = c, in
	_, err = p.kept.WriteTo(in)
	p.left = err != nil
	return err
}

// close waits for the reader. How the program ends is the reader's business.
func (p *pager) close() error {
	if p.running == nil {
		_, err := p.kept.WriteTo(p.terminal)
		return err
	}
	p.in.Close()
	_ = p.running.Wait()
	return nil
}

// isTerminal reports whether a person looks at w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// plain makes text from outside fit for one line of a terminal: what would move the
// cursor, colour or turn the line is written as JSON would.
func plain(text string) string { return harmless(text, "") }

// harmless writes as JSON would what a terminal might obey, but for the characters kept.
func harmless(text, kept string) string {
	if !strings.ContainsFunc(text, obeyed) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !obeyed(r) || strings.ContainsRune(kept, r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// obeyed are the control characters, the line separators, and what turns the direction
// of writing (Unicode Standard Annex 9).
func obeyed(r rune) bool {
	return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || unicode.Is(unicode.Bidi_Control, r)
}

// displayWidth is how many columns a terminal gives to text. Escape sequences that paint
// take none.
func displayWidth(text string) int {
	n := 0
	for i := 0; i < len(text); {
		if rest := text[i:]; strings.HasPrefix(rest, "\x1b[") {
			if end := strings.IndexByte(rest, 'm'); end >= 0 {
				i += end + 1
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		n += runeWidth(r)
		i += size
	}
	return n
}

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// shorten cuts text to so many columns.
func shorten(text string, columns int) string {
	if displayWidth(text) <= columns {
		return text
	}
	n := 0
	for i, r := range text {
		if n += runeWidth(r); n > columns-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// pad fills text up to so many columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-displayWidth(text)))
}
