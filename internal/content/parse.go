package content

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits on one JSON document, checked before and while it is read.
const (
	// MaxBytes is the largest document, in bytes.
	MaxBytes = 1 << 20
	// MaxDepth is how deeply lists and objects may be nested.
	MaxDepth = 64
	// MaxNumber is the longest number literal, in characters.
	MaxNumber = 100
)

// Fault says what is wrong with a JSON text.
type Fault string

// The faults of a JSON text.
const (
	FaultEmpty     Fault = "empty"           // no value at all
	FaultTooLarge  Fault = "too-large"       // over MaxBytes
	FaultTooDeep   Fault = "too-deep"        // nested deeper than MaxDepth
	FaultBOM       Fault = "byte-order-mark" // begins with U+FEFF
	FaultUTF8      Fault = "utf-8"           // bytes that are not UTF-8, or half a surrogate pair
	FaultDuplicate Fault = "duplicate-key"   // one name twice in an object
	FaultTrailing  Fault = "trailing-data"   // more than one value
	FaultNumber    Fault = "number"          // a number no float64 can hold, or an absurdly long one
	FaultSyntax    Fault = "syntax"          // any other breach of RFC 8259
)

// SyntaxError says why a text is no strict JSON, and where.
type SyntaxError struct {
	Fault Fault
	// Offset is the byte where it shows, Pointer the place in the document.
	Offset  int
	Pointer Pointer
	// Near is the offending name, number or character, shortened; may be "".
	Near string
}

// Error is for logs; people read the problem that package check makes of it.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not strict JSON at byte %d: %s %q", e.Offset, e.Fault, e.Near)
}

// Parse reads one JSON document (RFC 8259, strict as in RFC 7493: unique names,
// valid UTF-8) and nothing after it. The values share memory with source. The
// error is always a *SyntaxError.
func Parse(source string) (*Value, error) {
	switch {
	case len(source) > MaxBytes:
		return nil, &SyntaxError{Fault: FaultTooLarge, Near: strconv.Itoa(len(source))}
	case strings.HasPrefix(source, "\uFEFF"):
		return nil, &SyntaxError{Fault: FaultBOM}
	case strings.Trim(source, " \t\r\n") == "":
		return nil, &SyntaxError{Fault: FaultEmpty}
	}
	p := parser{source: source, decoder: jsontext.NewDecoder(bytes.NewBufferString(source))}
	var root Value
	if err := p.value(&root); err != nil {
		return nil, p.fault(err)
	}
	if _, err := p.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		end := int(root.End)
		at := end + len(source[end:]) - len(strings.TrimLeft(source[end:], " \t\r\n"))
		return nil, &SyntaxError{Fault: FaultTrailing, Offset: at, Near: p.near(at)}
	}
	return &root, nil
}

type parser struct {
	source  string
	decoder *jsontext.Decoder
	scratch []Value
}

func (p *parser) value(v *Value) error {
	switch p.decoder.PeekKind() {
	case '{':
		v.Kind = Object
		return p.kids(v)
	case '[':
		v.Kind = List
		return p.kids(v)
	}
	raw, err := p.decoder.ReadValue()
	if err != nil {
		return err
	}
	v.End = int32(p.decoder.InputOffset())
	v.Start = v.End - int32(len(raw))
	literal := p.source[v.Start:v.End]
	switch literal[0] {
	case 'n':
		v.Kind = Null
	case 't', 'f':
		v.Kind, v.Text = Bool, literal
	case '"':
		v.Kind, v.Text = String, p.unquote(literal)
	default:
		v.Kind, v.Text = Number, literal
		if absurd(literal) {
			return &SyntaxError{Fault: FaultNumber, Offset: int(v.Start), Near: shorten(literal)}
		}
	}
	return nil
}

// kids reads a list or an object. The kids are gathered on one stack and copied
// out in a piece, so that a document costs one allocation per container.
func (p *parser) kids(v *Value) error {
	if _, err := p.decoder.ReadToken(); err != nil {
		return err
	}
	v.Start = int32(p.decoder.InputOffset()) - 1
	if p.decoder.StackDepth() > MaxDepth {
		return &SyntaxError{Fault: FaultTooDeep, Offset: int(v.Start)}
	}
	base := len(p.scratch)
	for kind := p.decoder.PeekKind(); kind != '}' && kind != ']'; kind = p.decoder.PeekKind() {
		var kid Value
		if v.Kind == Object {
			if err := p.name(&kid); err != nil {
				return err
			}
		}
		if err := p.value(&kid); err != nil {
			return err
		}
		p.scratch = append(p.scratch, kid)
	}
	if _, err := p.decoder.ReadToken(); err != nil {
		return err
	}
	v.End = int32(p.decoder.InputOffset())
	v.Kids = append([]Value(nil), p.scratch[base:]...)
	p.scratch = p.scratch[:base]
	return nil
}

func (p *parser) name(kid *Value) error {
	raw, err := p.decoder.ReadValue()
	if err != nil {
		return err
	}
	end := int32(p.decoder.InputOffset())
	kid.NameAt = end - int32(len(raw))
	kid.Name = p.unquote(p.source[kid.NameAt:end])
	return nil
}

func (p *parser) unquote(literal string) string {
	if !strings.Contains(literal, `\`) {
		return literal[1 : len(literal)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, literal)
	return string(text)
}

func absurd(literal string) bool {
	if len(literal) > MaxNumber {
		return true
	}
	if i := strings.IndexAny(literal, "eE"); i >= 0 {
		if exponent, err := strconv.Atoi(literal[i+1:]); err != nil || exponent > 400 || exponent < -400 {
			return true
		}
	}
	f, err := strconv.ParseFloat(literal, 64)
	return err != nil || math.IsInf(f, 0)
}

// fault turns what the tokenizer says into a SyntaxError.
func (p *parser) fault(err error) *SyntaxError {
	var own *SyntaxError
	if errors.As(err, &own) {
		own.Pointer = Pointer(p.decoder.StackPointer())
		return own
	}
	e := &SyntaxError{Fault: FaultSyntax, Offset: len(p.source), Pointer: Pointer(p.decoder.StackPointer())}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		e.Offset = min(int(syntactic.ByteOffset), len(p.source))
		e.Pointer = Pointer(syntactic.JSONPointer)
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.Fault = FaultDuplicate
		if tokens := e.Pointer.Tokens(); len(tokens) > 0 {
			e.Near = shorten(tokens[len(tokens)-1])
		}
	case p.badUTF8(e.Offset):
		e.Fault = FaultUTF8
	default:
		e.Near = p.near(e.Offset)
	}
	return e
}

// badUTF8 reports whether the text at offset is no UTF-8, or an escape of half a
// surrogate pair.
func (p *parser) badUTF8(offset int) bool {
	rest := p.source[offset:]
	if r, n := utf8.DecodeRuneInString(rest); r == utf8.RuneError && n == 1 {
		return true
	}
	return strings.HasPrefix(strings.ToLower(rest), `\ud`)
}

func (p *parser) near(offset int) string {
	if offset >= len(p.source) {
		return ""
	}
	r, _ := utf8.DecodeRuneInString(p.source[offset:])
	return string(r)
}

func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Position turns a byte offset of source into a line and a column, both from 1;
// a column counts characters (Unicode code points).
func Position(source string, offset int) (line, column int) {
	before := source[:min(offset, len(source))]
	line = strings.Count(before, "\n") + 1
	return line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}
