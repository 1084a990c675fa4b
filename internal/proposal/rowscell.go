package proposal

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// cell is one cell of a table.
type cell struct {
	// text is what the cell shows.
	text string
	// number is the number that a spreadsheet keeps in it, "" for none; date is that number
	// as a date, where it is shown as one.
	number string
	date   string
	// failed: it shows that a formula failed.
	failed bool
}

func (c cell) empty() bool { return strings.TrimSpace(c.text) == "" }

// plain is the text of the cell: dates in ISO 8601, lines as Unix ends them.
func (c cell) plain() string {
	if c.date != "" {
		return c.date
	}
	return strings.ReplaceAll(strings.TrimSpace(c.text), "\r\n", "\n")
}

// cellValue turns a cell that is not empty into a value of the shape.
func (im *importer) cellValue(shape *content.Shape, c cell) (*content.Value, *rowFault) {
	if c.failed {
		return nil, fault("cell/failed", clipped(c.text))
	}
	switch shape.Kind {
	case content.ShapeList:
		return im.listValue(shape.Item, c)
	case content.ShapeObject:
		return jsonValue(c, content.Object, "cell/object")
	case content.ShapeLocalized:
		if im.firstLanguage() == "" || strings.HasPrefix(c.plain(), "{") {
			return jsonValue(c, content.Object, "cell/object")
		}
		text := textValue(c.plain())
		text.Name = string(im.firstLanguage())
		return &content.Value{Kind: content.Object, Kids: []content.Value{*text}}, nil
	}
	return scalarValue(shape, c)
}

func jsonValue(c cell, kind content.Kind, complaint string) (*content.Value, *rowFault) {
	v, err := content.Parse(c.plain())
	if err != nil || v.Kind != kind {
		return nil, fault(complaint, clipped(c.text))
	}
	return v, nil
}

func (im *importer) listValue(item *content.Shape, c cell) (*content.Value, *rowFault) {
	whole := c.plain()
	if v, err := content.Parse(whole); err == nil && v.Kind == content.List {
		return v, nil
	}
	if item.Kind == content.ShapeObject || item.Kind == content.ShapeList {
		return nil, fault("cell/list", clipped(c.text))
	}
	out := &content.Value{Kind: content.List}
	parts := strings.FieldsFunc(whole, func(r rune) bool { return r == '|' || r == '\n' })
	for _, part := range parts {
		one := cell{text: part}
		if len(parts) == 1 {
			one = c
		}
		if one.empty() {
			continue
		}
		v, p := im.cellValue(item, one)
		if p != nil {
			return nil, p
		}
		out.Kids = append(out.Kids, *v)
	}
	return out, nil
}

func scalarValue(shape *content.Shape, c cell) (*content.Value, *rowFault) {
	switch shape.Kind {
	case content.ShapeInt, content.ShapeLong:
		return wholeValue(c)
	case content.ShapeFloat:
		return numberValue(c)
	case content.ShapeBoolean:
		return booleanValue(c)
	case content.ShapeEnum:
		return enumValue(shape, c)
	case content.ShapeDate:
		return dateValue(c)
	case content.ShapeDateTime:
		return timeValue(c)
	case content.ShapeJSON:
		if v, err := content.Parse(c.plain()); err == nil && v.Kind != content.Null {
			return v, nil
		}
	}
	return textValue(c.plain()), nil
}

func textValue(s string) *content.Value { return &content.Value{Kind: content.String, Text: s} }

var (
	// thousands are digits in threes with any kind of space between.
	thousands = regexp.MustCompile(`^[-+]?[0-9]{1,3}([ \x{00A0}\x{2009}\x{202F}][0-9]{3})+([.,][0-9]+)?$`)
	// doubtful is a number whose comma may stand for thousands or for decimals.
	doubtful = regexp.MustCompile(`^[-+]?[0-9]{1,3}(,[0-9]{3})+$`)
)

// numberValue reads a number as people write it.
func numberValue(c cell) (*content.Value, *rowFault) {
	literal := c.number
	if literal == "" {
		literal = strings.ReplaceAll(c.plain(), "\u2212", "-")
		if doubtful.MatchString(literal) {
			return nil, fault("cell/doubtful", clipped(c.text))
		}
		if thousands.MatchString(literal) {
			literal = strings.Map(func(r rune) rune {
				if strings.ContainsRune("-+,.0123456789", r) {
					return r
				}
				return -1
			}, literal)
		}
		if strings.Count(literal, ",") == 1 && !strings.Contains(literal, ".") {
			literal = strings.Replace(literal, ",", ".", 1)
		}
		literal = strings.TrimPrefix(literal, "+")
	}
	v, err := content.Parse(literal)
	if err != nil || v.Kind != content.Number {
		return nil, fault("cell/number", clipped(c.text))
	}
	return v, nil
}

func wholeValue(c cell) (*content.Value, *rowFault) {
	v, p := numberValue(c)
	if p != nil {
		return nil, p
	}
	n, ok := v.Int()
	if !ok {
		return nil, fault("cell/whole", clipped(c.text))
	}
	return &content.Value{Kind: content.Number, Text: strconv.FormatInt(n, 10)}, nil
}

var (
	yesWords = strings.Fields("true yes y 1 kyllä k tosi ja sant x")
	noWords  = strings.Fields("false no n 0 ei e epätosi nej falskt")
)

func booleanValue(c cell) (*content.Value, *rowFault) {
	word := strings.ToLower(c.plain())
	switch {
	case slices.Contains(yesWords, word):
		return &content.Value{Kind: content.Bool, Text: "true"}, nil
	case slices.Contains(noWords, word):
		return &content.Value{Kind: content.Bool, Text: "false"}, nil
	}
	return nil, fault("cell/boolean", clipped(c.text))
}

func enumValue(shape *content.Shape, c cell) (*content.Value, *rowFault) {
	word := c.plain()
	var allowed []string
	for _, v := range shape.Values {
		if v.JSON == word {
			return textValue(v.JSON), nil
		}
		allowed = append(allowed, v.JSON)
	}
	for _, v := range shape.Values {
		if strings.EqualFold(v.Name, word) || strings.EqualFold(v.JSON, word) {
			return textValue(v.JSON), nil
		}
	}
	const most = 20
	if len(allowed) > most {
		allowed = append(allowed[:most], "…")
	}
	return nil, fault("cell/enum", clipped(c.text), strings.Join(allowed, ", "))
}

func dateValue(c cell) (*content.Value, *rowFault) {
	for _, layout := range []string{time.DateOnly, "2.1.2006"} {
		if at, err := time.Parse(layout, c.plain()); err == nil {
			return textValue(at.Format(time.DateOnly)), nil
		}
	}
	if at, ok := parseTime(c.plain()); ok {
		return textValue(at.Format(time.DateOnly)), nil
	}
	return nil, fault("cell/date", clipped(c.text))
}

func timeValue(c cell) (*content.Value, *rowFault) {
	if at, ok := parseTime(c.plain()); ok {
		return textValue(at.Format(time.RFC3339)), nil
	}
	return nil, fault("cell/time", clipped(c.text))
}

// parseTime reads a time; without a zone it is one of UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2.1.2006 15:04:05", "2.1.2006 15:04", "2.1.2006 15.04"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
