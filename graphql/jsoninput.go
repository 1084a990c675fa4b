package graphql

import (
	"strconv"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// jsonText is a checked value of the scalar JSON: its text. Numbers have the digits
// they came with. It is read as strictly as any document by whoever takes it.
type jsonText string

// isJSON reports whether t is the scalar JSON, of which null is a value like any other.
func (t typeRef) isJSON() bool {
	return t.item == nil && t.def.kind == scalarKind && t.def.name == "JSON"
}

// json returns the text of in. A variable inside a literal is written as what it holds;
// a member whose variable has no value is left out. A text that is too large for any
// document is not finished: a few variables could make one of any size.
func (c *coercer) json(in inputValue, path string) jsonText {
	b := c.appendJSON(nil, in, path)
	if len(b) > content.MaxBytes {
		c.fail(in, "%s has more than %d bytes, as JSON.", path, content.MaxBytes)
		return ""
	}
	return jsonText(b)
}

func (c *coercer) appendJSON(b []byte, in inputValue, path string) []byte {
	if len(b) > content.MaxBytes {
		return b
	}
	switch in.kind {
	case stringInput:
		return content.AppendString(b, in.text)
	case booleanInput, numberInput:
		return append(b, in.text...)
	case wordInput:
		c.fail(in, "%s: %s in it is no JSON; a text is written in quotes.", path, in)
	case variableInput:
		if v, ok := c.variables[in.text]; ok {
			return c.appendVariable(b, in, v, path)
		}
	case listInput:
		return c.appendItems(b, in, path)
	case objectInput:
		return c.appendMembers(b, in, path)
	}
	return append(b, "null"...)
}

func (c *coercer) appendItems(b []byte, in inputValue, path string) []byte {
	b = append(b, '[')
	for i, item := range in.items {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.appendJSON(b, item, path)
	}
	return append(b, ']')
}

func (c *coercer) appendMembers(b []byte, in inputValue, path string) []byte {
	b = append(b, '{')
	first := true
	for i, item := range in.items {
		if _, given := c.variables[item.text]; item.kind == variableInput && !given {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(content.AppendString(b, in.names[i]), ':')
		b = c.appendJSON(b, item, path)
	}
	return append(b, '}')
}

// appendVariable writes what a variable holds, where that says what it is in JSON.
func (c *coercer) appendVariable(b []byte, in inputValue, v any, path string) []byte {
	switch v := v.(type) {
	case jsonText:
		return append(b, v...)
	case string:
		return content.AppendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	case time.Time:
		return content.AppendString(b, v.Format(time.RFC3339Nano))
	}
	c.fail(in, "%s: %s in it must be declared as JSON.", path, in)
	return append(b, "null"...)
}
