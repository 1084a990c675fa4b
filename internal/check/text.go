package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// text is one phrase in the languages of content.MessageLanguages.
type text struct{ fi, sv, en string }

// args are what a template's {names} stand for.
type args map[string]text

func same(s string) text { return text{s, s, s} }

func number(n int) text { return same(strconv.Itoa(n)) }

// quoted shows a piece of content: in quotes, on one line, shortened.
func quoted(s string) text { return same(quote(s)) }

func quote(s string) string {
	const most = 60
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return '␣'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return "'" + s + "'"
}

func (t text) empty() bool { return t == text{} }

// plus joins two phrases.
func (t text) plus(u text) text { return text{t.fi + u.fi, t.sv + u.sv, t.en + u.en} }

// either joins phrases as "a, b or c".
func either(list []text) text {
	var t text
	for i, one := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			t = t.plus(text{" tai ", " eller ", " or "})
		default:
			t = t.plus(same(", "))
		}
		t = t.plus(one)
	}
	return t
}

// say fills the template of the message catalogue called key.
func say(key string, a args) map[content.Language]string {
	t := messages[key]
	return map[content.Language]string{
		"fi": fill(t.fi, a, func(t text) string { return t.fi }),
		"sv": fill(t.sv, a, func(t text) string { return t.sv }),
		"en": fill(t.en, a, func(t text) string { return t.en }),
	}
}

// phrase is say for a part of a message.
func phrase(key string, a args) text {
	m := say(key, a)
	return text{m["fi"], m["sv"], m["en"]}
}

// incidental are the args that are not what is wrong: where it is, what is suggested,
// what a schema asks for and how it says it, what else there is.
var incidental = map[string]bool{
	"field": true, "hint": true, "misspelt": true, "first": true, "second": true, "count": true,
	"expected": true, "allowed": true, "shown": true, "limit": true, "what": true, "other": true, "otherPath": true,
}

// fault names what a message says, for content.Problem.
func fault(key string, a args) string {
	rule, _, _ := strings.Cut(key, ":")
	parts := []string{key}
	if rule == "schema/enum" { // its variants are about how many values are allowed
		parts[0] = rule
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		switch {
		case incidental[name]:
		case name == "path" && (rule == "unique/taken" || rule == "id/confusable"): // the other's
		default:
			parts = append(parts, name+"="+a[name].en)
		}
	}
	return strings.Join(parts, " ")
}

func fill(template string, a args, in func(text) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		b.WriteString(in(a[name]))
		template = after
	}
}

// shown is how a JSON value is written in a message.
func shown(v *content.Value) string {
	switch {
	case v == nil:
		return ""
	case v.Kind == content.String:
		return quote(v.Text)
	case v.Kind == content.Object:
		return "{…}"
	case v.Kind == content.List:
		return "[…]"
	}
	return string(v.AppendJSON(nil))
}

// shownAny is shown for a value as the schema library decodes it.
func shownAny(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case map[string]any:
		return "{…}"
	case []any:
		return "[…]"
	}
	return fmt.Sprint(v)
}
