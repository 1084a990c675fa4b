package graphql

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// scalar is how values of a scalar type come in. What goes out is chosen by shape
// (see leaf).
type scalar struct {
	// parse returns the value of an argument, and false where it does not fit; nil for
	// JSON, which everything fits (see coercer.json).
	parse func(in inputValue) (any, bool)
	// want says what is expected, for messages.
	want string
}

// scalarDef is one row of the table of scalars.
type scalarDef struct {
	name, description, specifiedBy string
	scalar                         scalar
}

// scalars are all scalar types; the first five are GraphQL's own.
var scalars = []scalarDef{
	{"ID", "An identifier, written as a string.", "", scalar{parseID, "a string or a whole number"}},
	{"String", "Text, UTF-8.", "", scalar{parseString, "a string"}},
	{"Int", "A whole number of 32 bits.", "", scalar{parseInt, "a whole number between -2147483648 and 2147483647"}},
	{"Float", "A number; the digits are those of the document.", "", scalar{parseFloat, "a number"}},
	{"Boolean", "true or false.", "", scalar{parseBoolean, "true or false"}},
	{"Long", "A whole number of 64 bits, written as a JSON number.", "", scalar{parseLong, "a whole number of 64 bits"}},
	{"Date", "A day, e.g. \"2021-03-31\" (RFC 3339, full-date).", rfc3339, scalar{parseDate, `a day such as "2021-03-31"`}},
	{"DateTime", "A time, e.g. \"2021-03-31T12:00:00Z\" (RFC 3339, date-time).", rfc3339, scalar{parseDateTime, `a time such as "2021-03-31T12:00:00Z"`}},
	{"URI", "An address (RFC 3986).", "https://www.rfc-editor.org/rfc/rfc3986", scalar{parseString, "a string"}},
	{"Email", "An electronic mail address (RFC 5322, addr-spec).", "https://www.rfc-editor.org/rfc/rfc5322", scalar{parseString, "a string"}},
	{"JSON", "Any JSON value, as the document has it: members in its order, numbers digit for digit. Where it is given, `null` in it is a value like any other.", "https://www.rfc-editor.org/rfc/rfc8259", scalar{}},
	{"Revision", "What names a commit: `proposal/<n>`, a ref, branch, tag, full or unique short hash, each with `~n` and `^n`; or a time, ISO 8601 (a bare date is the end of that day in UTC), for the newest publication at or before it.", "", scalar{parseRevision, `a branch, tag, hash or date such as "2021-03-31"`}},
}

const rfc3339 = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6"

func parseString(in inputValue) (any, bool) { return in.text, in.kind == stringInput }

func parseID(in inputValue) (any, bool) {
	if in.kind == numberInput && !strings.ContainsAny(in.text, ".eE") {
		return in.text, true
	}
	return in.text, in.kind == stringInput
}

func parseRevision(in inputValue) (any, bool) {
	return in.text, in.kind == stringInput && in.text != ""
}

func parseBoolean(in inputValue) (any, bool) { return in.text == "true", in.kind == booleanInput }

func parseInt(in inputValue) (any, bool) {
	n, ok := parseLong(in)
	if !ok || n.(int64) > math.MaxInt32 || n.(int64) < math.MinInt32 {
		return nil, false
	}
	return n, true
}

// parseLong takes whole numbers also where they are written 1.0 (GraphQL June 2018,
// 3.5.1), but only in variables: a literal 1.0 is a Float.
func parseLong(in inputValue) (any, bool) {
	if in.kind != numberInput || in.literal && strings.ContainsAny(in.text, ".eE") || len(in.text) > content.MaxNumber {
		return nil, false
	}
	if n, err := strconv.ParseInt(in.text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(in.text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return nil, false
	}
	return int64(f), true
}

func parseFloat(in inputValue) (any, bool) {
	if in.kind != numberInput {
		return nil, false
	}
	f, err := strconv.ParseFloat(in.text, 64)
	return f, err == nil
}

func parseDate(in inputValue) (any, bool) {
	return in.text, in.kind == stringInput && isDate(in.text)
}

func parseDateTime(in inputValue) (any, bool) {
	t, ok := dateTime(in.text)
	return t, ok && in.kind == stringInput
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// dateTime reads RFC 3339, section 5.6, where "T" and "Z" may be small letters.
func dateTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	return t, err == nil
}

func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs()
}

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.ContainsAny(s, " \t\r\n")
}

// number is a JSON number that is answered digit for digit.
type number string

// leaf returns what a value answers as the given scalar or enum; nil where it does
// not fit. A ShapeJSON value is answered itself.
func leaf(shape *content.Shape, v *content.Value) any {
	switch shape.Kind {
	case content.ShapeJSON:
		return v
	case content.ShapeString, content.ShapeDate, content.ShapeDateTime, content.ShapeURI, content.ShapeEmail:
		if v.Kind == content.String && fitsFormat(shape.Kind, v.Text) {
			return v.Text
		}
	case content.ShapeInt:
		if n, ok := v.Int(); ok && n <= math.MaxInt32 && n >= math.MinInt32 {
			return n
		}
	case content.ShapeLong:
		if n, ok := v.Int(); ok {
			return n
		}
	case content.ShapeFloat:
		if v.Kind == content.Number {
			return number(v.Text)
		}
	case content.ShapeBoolean:
		if v.Kind == content.Bool {
			return v.Text == "true"
		}
	case content.ShapeEnum:
		for i := range shape.Values {
			if v.Kind == content.String && shape.Values[i].JSON == v.Text {
				return v.Text
			}
		}
	}
	return nil
}

func fitsFormat(kind content.ShapeKind, s string) bool {
	switch kind {
	case content.ShapeDate:
		return isDate(s)
	case content.ShapeDateTime:
		_, ok := dateTime(s)
		return ok
	case content.ShapeURI:
		return isURI(s)
	case content.ShapeEmail:
		return isEmail(s)
	}
	return true
}
