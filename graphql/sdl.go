package graphql

import (
	"strings"
)

// printSDL writes the types as GraphQL's schema definition language (June 2018, 3;
// @specifiedBy as in October 2021, 3.13.4), in their own order.
func (s *system) printSDL() string {
	var p printer
	for _, t := range s.types {
		if !builtIn(t) {
			p.typ(t)
		}
	}
	return p.String()
}

// builtIn reports whether a type belongs to GraphQL itself and is left out.
func builtIn(t *typeDef) bool {
	switch t.name {
	case "ID", "String", "Int", "Float", "Boolean":
		return true
	}
	return strings.HasPrefix(t.name, "__")
}

type printer struct{ strings.Builder }

// text writes its arguments one after another.
func (p *printer) text(parts ...string) {
	for _, part := range parts {
		p.WriteString(part)
	}
}

func (p *printer) typ(t *typeDef) {
	if p.Len() > 0 {
		p.text("\n")
	}
	p.description(t.description, "")
	switch t.kind {
	case scalarKind:
		p.scalar(t)
	case objectKind, interfaceKind:
		p.object(t)
	case enumKind:
		p.text("enum ", t.name, " {\n")
		for _, v := range t.values {
			p.description(v.description, "  ")
			p.text("  ", v.name, "\n")
		}
		p.text("}\n")
	case inputKind:
		p.text("input ", t.name, " {\n")
		for _, in := range t.inputs {
			p.description(in.description, "  ")
			p.text("  ", in.String(), "\n")
		}
		p.text("}\n")
	}
}

func (p *printer) scalar(t *typeDef) {
	p.text("scalar ", t.name)
	if t.specifiedBy != "" {
		p.text(` @specifiedBy(url: "`, t.specifiedBy, `")`)
	}
	p.text("\n")
}

func (p *printer) object(t *typeDef) {
	keyword := "type "
	if t.kind == interfaceKind {
		keyword = "interface "
	}
	p.text(keyword, t.name)
	for i, face := range t.interfaces {
		p.text([]string{" implements ", " & "}[min(i, 1)], face.name)
	}
	p.text(" {\n")
	for _, f := range t.fields {
		p.description(f.description, "  ")
		p.text("  ", f.name)
		p.arguments(f.args)
		p.text(": ", f.typ.String(), "\n")
	}
	p.text("}\n")
}

// arguments are on one line unless one has a description.
func (p *printer) arguments(args []*inputDef) {
	if len(args) == 0 {
		return
	}
	described := false
	for _, a := range args {
		described = described || a.description != ""
	}
	if !described {
		for i, a := range args {
			p.text([]string{"(", ", "}[min(i, 1)], a.String())
		}
		p.text(")")
		return
	}
	p.text("(\n")
	for _, a := range args {
		p.description(a.description, "    ")
		p.text("    ", a.String(), "\n")
	}
	p.text("  )")
}

// String writes an argument or an input field as the SDL has it.
func (in *inputDef) String() string {
	text := in.name + ": " + in.typ.String()
	if in.initial != "" {
		text += " = " + in.initial
	}
	return text
}

// description writes a block string (June 2018, 2.9.4), on one line where it fits.
func (p *printer) description(text, indent string) {
	text = strings.ReplaceAll(strings.TrimSpace(clean(text)), `"""`, `\"""`)
	if text == "" {
		return
	}
	if !strings.Contains(text, "\n") && len(text) < 70 && !strings.HasSuffix(text, `"`) && !strings.HasSuffix(text, `\`) {
		p.text(indent, `"""`, text, `"""`, "\n")
		return
	}
	p.text(indent, `"""`, "\n")
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			p.text(indent, line)
		}
		p.text("\n")
	}
	p.text(indent, `"""`, "\n")
}

// clean drops what no SourceCharacter is, and what ends lines otherwise.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
