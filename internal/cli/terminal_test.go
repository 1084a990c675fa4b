package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

func TestTextsForTerminals(t *testing.T) {
	for text, want := range map[string]string{
		"Ääkköset ja 漢字": "Ääkköset ja 漢字", "a\x1b[2Jb": `a\u001b[2Jb`, "a\nb\tc": `a\nb\tc`, "\u009b2J": `\u009b2J`,
		"\u202eevil": `\u202eevil`, "a\u2028b": `a\u2028b`, "\x7f": `\u007f`, "é": "é",
	} {
		if got := plain(text); got != want {
			t.Errorf("plain(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]int{"": 0, "abc": 3, "äö": 2, "漢字": 4, "é": 1, "\x1b[31mab\x1b[m": 2, "a\x1b": 2} {
		if got := displayWidth(text); got != want {
			t.Errorf("displayWidth(%q) = %d, want %d", text, got, want)
		}
	}
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"漢字漢", 5, "漢字…"}, {"漢字", 3, "漢…"}, {"äöå", 2, "ä…"}} {
		if got := shorten(c.text, c.columns); got != c.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

// TestMarkdownIsNotObeyed: what a record or a commit says stays text.
func TestMarkdownIsNotObeyed(t *testing.T) {
	for text, want := range map[string]string{
		"plain, text.":      "plain, text.",
		"a|b":               `a\|b`,
		"<script>":          "&lt;script&gt;",
		"*a* _b_ `c` ~~d~~": "\\*a\\* \\_b\\_ \\`c\\` \\~\\~d\\~\\~",
		"[a](b)":            `\[a\](b)`,
		"a\nb":              "a<br>b",
		"@all see #12, !3":  `@&#8203;all see \#&#8203;12, !&#8203;3`,
		"C# yes!":           `C\# yes!`,
		`\|`:                `\\\|`,
		"&amp;":             "&amp;amp;",
		"\x1b":              `\\u001b`,
	} {
		if got := md(text); got != want && text != "\x1b" || strings.Contains(got, "\x1b") {
			t.Errorf("md(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"a": "`a`", "a`b": "``a`b``", "``": "``` `` ```", "a|b": "`a\\|b`", " a": "`  a `", "a\nb": "`a\\nb`",
	} {
		if got := mdCode(text, true); got != want {
			t.Errorf("mdCode(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestMarkdownIsBounded: however much changed, the text fits, and says what it leaves out.
func TestMarkdownIsBounded(t *testing.T) {
	var fields []content.FieldChange
	long := &content.Value{Kind: content.String, Text: strings.Repeat("pitkä teksti | ", 1000)}
	other := &content.Value{Kind: content.String, Text: strings.Repeat("toinen sana | ", 1000)}
	for range 200 {
		fields = append(fields, content.FieldChange{Pointer: "/a", Before: long, After: other})
	}
	c := &content.Change{Ref: content.Ref{Collection: "things", ID: "a"}, Kind: content.Updated}
	record := mdRecord(c, "", fields)
	if len(record) > 2*markdownTable || !strings.Contains(record, " more fields.\n") {
		t.Errorf("%d bytes, ending %q", len(record), record[len(record)-60:])
	}
	var m markdown
	for range 100 {
		m.add(record)
	}
	var b strings.Builder
	if err := m.finish(&b, "record"); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); len(text) > markdownBytes+100 || !strings.Contains(text, " more records.\n") {
		t.Errorf("%d bytes, ending %q", len(text), text[len(text)-60:])
	}
}

func TestMoments(t *testing.T) {
	for _, c := range []struct {
		text string
		end  bool
		want string
	}{
		{"2026-02-03", false, "2026-02-03T00:00:00Z"}, {"2026-02-03", true, "2026-02-03T23:59:59Z"},
		{"2026-02-03T12:00Z", true, "2026-02-03T12:00:00Z"}, {"2026-02-03 12:00:30", false, "2026-02-03T12:00:30Z"},
		{"2026-02-03T12:00:00+02:00", false, "2026-02-03T10:00:00Z"}, {"2026-02-03T12:00+0200", false, "2026-02-03T10:00:00Z"},
	} {
		got, err := moment("--since", c.text, c.end)
		if err != nil || got.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%s: %s, %v", c.text, got, err)
		}
	}
	for _, wrong := range []string{"yesterday", "2026-02-30", "03.02.2026", "2026"} {
		if _, err := moment("--since", wrong, false); err == nil {
			t.Errorf("%s was taken for a date", wrong)
		}
	}
}

func TestSpans(t *testing.T) {
	for args, want := range map[string][3]string{
		"v1": {"v1", "", "false"}, "v1 v2": {"v1", "v2", "false"}, "v1..v2": {"v1", "v2", "false"}, "v1...v2": {"v1", "v2", "true"},
		"..v2": {"HEAD", "v2", "false"}, "v1..": {"v1", "", "false"}, "...": {"HEAD", "", "true"}, "v1.2..v1.3": {"v1.2", "v1.3", "false"},
	} {
		from, to, parted := span(strings.Fields(args))
		if got := [3]string{from, to, map[bool]string{true: "true", false: "false"}[parted]}; got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}
