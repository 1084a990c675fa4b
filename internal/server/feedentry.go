package server

import (
	"cmp"
	"context"
	"crypto/sha1"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/content"
)

const (
	// namedFields are named in a title, shownFields in an entry.
	namedFields, shownFields = 3, 40
	// longestValue is what is shown of a value, in characters; nearWords how much of a
	// text that did not change is shown beside what did.
	longestValue, nearWords = 1000, 80
)

// changeSpace is the namespace of the UUIDs of changes.
var changeSpace = [16]byte{0x6b, 0x1f, 0x0d, 0x52, 0x8e, 0x3c, 0x4d, 0x0a, 0x9b, 0x57, 0x3e, 0x21, 0xc4, 0xaa, 0x70, 0x18}

// feedWriter makes the entries of one feed.
type feedWriter struct {
	feedRequest
	view *content.View
	past graphql.Past
	// commits were read; bytes is how long the entries are by now.
	commits map[content.Hash]*content.Commit
	bytes   int
}

// changeUUID identifies a change (RFC 9562, 5.5).
func changeUUID(key string) string {
	sum := sha1.Sum(append(changeSpace[:], key...))
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func (w *feedWriter) entry(ctx context.Context, c *content.Change) (atomEntry, error) {
	var entry atomEntry
	commit, err := w.commit(ctx, c.Commit)
	if err != nil {
		return entry, err
	}
	title, err := w.title(ctx, c)
	if err != nil {
		return entry, err
	}
	text, err := w.content(ctx, c, commit)
	if err != nil {
		return entry, err
	}
	entry = atomEntry{
		ID: changeUUID(c.Key()), Title: title, Updated: atomTime(c.At), Authors: w.authors(commit),
		Links: []atomLink{{"alternate", typeJSON, w.raw(c)}},
		Categories: []atomCategory{
			{string(c.Collection), w.base + "/feeds/", w.label(c.Collection)},
			{string(c.Kind), w.base + "/schema.graphql#ChangeKind", ""},
		},
		Content: atomText{"html", text},
	}
	return entry, nil
}

func (w *feedWriter) commit(ctx context.Context, hash content.Hash) (*content.Commit, error) {
	if known := w.commits[hash]; known != nil {
		return known, nil
	}
	commit, err := w.past.Commit(ctx, hash)
	if err == nil {
		w.commits[hash] = commit
	}
	return commit, err
}

func (w *feedWriter) authors(commit *content.Commit) []atomPerson {
	var out []atomPerson
	for _, p := range slices.Concat([]content.Person{commit.Author}, commit.CoAuthors) {
		person := atomPerson{Name: cmp.Or(strings.TrimSpace(graphql.Discreet(w.role, p.Name)), feedTexts.nobody.in(w.lang))}
		if at := strings.IndexByte(p.Email, '@'); graphql.ShowsAddresses(w.role) && at > 0 && at < len(p.Email)-1 {
			person.Email = p.Email
		}
		out = append(out, person)
	}
	return out
}

// raw is the address of the record as the change left it; as it was before, where it was
// deleted.
func (w *feedWriter) raw(c *content.Change) string {
	at := string(c.Commit)
	if c.Kind == content.Deleted {
		at += "~1"
	}
	return w.base + "/records/" + url.PathEscape(string(c.Collection)) + "/" + url.PathEscape(string(c.ID)) + ".json?at=" + at
}

// label is what one record of a collection is called.
func (w *feedWriter) label(name content.CollectionName) string {
	c := w.view.Model.Collection(name)
	if c == nil {
		return string(name)
	}
	for _, lang := range slices.Concat([]content.Language{w.lang}, w.view.Model.Languages) {
		if label := c.Label[lang]; label != "" {
			return capital(label)
		}
	}
	return string(name)
}

// title says what happened: "Hanke · DigiCult: kuvaus muutettu".
func (w *feedWriter) title(ctx context.Context, c *content.Change) (string, error) {
	name, err := w.name(ctx, c)
	if err != nil {
		return "", err
	}
	was := ""
	if c.Was != nil {
		was = string(c.Was.ID)
	}
	text, args := kindTexts[c.Kind], []string{"{id}", string(c.ID), "{was}", was}
	if withFields, ok := fieldTexts[c.Kind]; ok && len(c.Fields) > 0 {
		text, args = withFields, []string{"{fields}", w.fieldNames(c)}
	}
	return w.label(c.Collection) + " · " + name + ": " + text.in(w.lang, args...), nil
}

// name is the title of a record now; where it is gone, or was renamed, the one it had.
func (w *feedWriter) name(ctx context.Context, c *content.Change) (string, error) {
	if now := w.view.Snapshot.Record(c.Ref); now != nil {
		return cmp.Or(shown(now.Title(w.view.Model, w.lang)), string(c.ID)), nil
	}
	blob := cmp.Or(c.After, c.Before)
	if blob == "" {
		return string(c.ID), nil
	}
	d, err := w.past.Document(ctx, blob)
	if err != nil || d == nil {
		return string(c.ID), err
	}
	old := content.Record{Ref: c.Ref, Document: d}
	return cmp.Or(shown(old.Title(w.view.Model, w.lang)), string(c.ID)), nil
}

// fieldNames names the properties that a change touched, as the schema does.
func (w *feedWriter) fieldNames(c *content.Change) string {
	var names []string
	for _, at := range c.Fields {
		name := feedTexts.somewhere.in(w.lang)
		if tokens := at.Tokens(); len(tokens) > 0 {
			name = uncapital(w.place(c.Collection, tokens[:1]))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	text := strings.Join(names[:min(len(names), namedFields)], ", ")
	if more := len(names) - namedFields; more > 0 {
		text += " " + feedTexts.more.in(w.lang, "{n}", strconv.Itoa(more))
	}
	return shown(text)
}

// place names a place as the schema does: "Osallistujat 3 › Rooli", "Kuvaus (fi)".
func (w *feedWriter) place(name content.CollectionName, tokens []string) string {
	var shape *content.Shape
	if c := w.view.Model.Collection(name); c != nil {
		shape = c.Root
	}
	var parts []string
	for i, token := range tokens {
		kind := content.ShapeJSON
		if shape != nil {
			kind = shape.Kind
		}
		index, err := strconv.Atoi(token)
		switch {
		case kind == content.ShapeObject:
			field := shape.Field(token)
			shape = nil
			if field != nil {
				shape, token = field.Shape, cmp.Or(field.Shape.Title, token)
			}
			parts = append(parts, token)
		case kind == content.ShapeList && i > 0 && err == nil:
			shape = shape.Item
			parts[len(parts)-1] += " " + strconv.Itoa(index+1)
		case kind == content.ShapeLocalized && i > 0:
			shape = nil
			parts[len(parts)-1] += " (" + token + ")"
		default:
			shape = nil
			parts = append(parts, token)
		}
	}
	return strings.Join(parts, " › ")
}

// content is the HTML of an entry: why, then what changed, field by field.
func (w *feedWriter) content(ctx context.Context, c *content.Change, commit *content.Commit) (string, error) {
	var b strings.Builder
	why := shown(graphql.Discreet(w.role, commit.Subject))
	fmt.Fprintf(&b, "<p>%s</p><p>%s <code>%s</code>%s</p>", html.EscapeString(why),
		html.EscapeString(feedTexts.commit.in(w.lang)), html.EscapeString(string(commit.Hash[:min(len(commit.Hash), 10)])), w.pullRequest(c.PullRequest))
	if c.Unreadable {
		fmt.Fprintf(&b, "<p>%s</p>", html.EscapeString(feedTexts.unreadable.in(w.lang)))
	}
	if err := w.table(ctx, &b, c); err != nil {
		return "", err
	}
	w.bytes += b.Len()
	return b.String(), nil
}

func (w *feedWriter) pullRequest(p *content.PullRequest) string {
	if p == nil {
		return ""
	}
	text := html.EscapeString(strings.TrimSpace(fmt.Sprintf("#%d %s", p.Number, shown(graphql.Discreet(w.role, p.Title)))))
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		text = fmt.Sprintf(`<a href="%s">%s</a>`, html.EscapeString(u.String()), text)
	}
	return " · " + text
}

// table tells the values before and after.
func (w *feedWriter) table(ctx context.Context, b *strings.Builder, c *content.Change) error {
	if len(c.Fields) == 0 {
		return nil
	}
	if w.bytes > feedBytes {
		fmt.Fprintf(b, "<p>%s</p>", html.EscapeString(feedTexts.omitted.in(w.lang)))
		return nil
	}
	fields, err := w.past.Fields(ctx, c)
	if err != nil {
		return err
	}
	b.WriteString("<table><thead><tr>")
	for _, head := range []phrase{feedTexts.field, feedTexts.before, feedTexts.after} {
		fmt.Fprintf(b, `<th scope="col">%s</th>`, html.EscapeString(head.in(w.lang)))
	}
	b.WriteString("</tr></thead><tbody>")
	for _, f := range fields[:min(len(fields), shownFields)] {
		place := cmp.Or(w.place(c.Collection, f.Pointer.Tokens()), feedTexts.somewhere.in(w.lang))
		before, after := difference(f)
		fmt.Fprintf(b, `<tr><th scope="row">%s</th><td>%s</td><td>%s</td></tr>`, html.EscapeString(shown(place)), before, after)
	}
	if more := len(fields) - shownFields; more > 0 {
		fmt.Fprintf(b, `<tr><td colspan="3">%s</td></tr>`, html.EscapeString(feedTexts.more.in(w.lang, "{n}", strconv.Itoa(more))))
	}
	b.WriteString("</tbody></table>")
	return nil
}

// difference is the HTML of the two values of a field, with what was removed and added
// marked: in texts, word by word.
func difference(f content.FieldChange) (before, after string) {
	var was, is cell
	if f.Before == nil || f.After == nil || f.Before.Kind != content.String || f.After.Kind != content.String {
		was.add("del", cut(textOf(f.Before)))
		is.add("ins", cut(textOf(f.After)))
		return was.String(), is.String()
	}
	for _, word := range content.Words(f.Before.Text, f.After.Text) {
		switch word.Kind {
		case content.WordSame:
			was.add("", near(word.Text))
			is.add("", near(word.Text))
		case content.WordRemoved:
			was.add("del", cut(word.Text))
		case content.WordAdded:
			is.add("ins", cut(word.Text))
		}
	}
	return was.String(), is.String()
}

// cell is HTML of bounded length.
type cell struct {
	strings.Builder
	full bool
}

func (c *cell) add(tag, text string) {
	switch {
	case text == "" || c.full:
		return
	case c.Len() > 4*longestValue:
		c.full = true
		c.WriteString("…")
		return
	}
	text = html.EscapeString(text)
	if tag != "" {
		text = "<" + tag + ">" + text + "</" + tag + ">"
	}
	c.WriteString(text)
}

// textOf is a value as a reader sees it; "" where there is none.
func textOf(v *content.Value) string {
	switch {
	case v == nil:
		return ""
	case v.Kind == content.String:
		return v.Text
	case v.Kind != content.Object || len(v.Kids) == 0 || slices.ContainsFunc(v.Kids, func(kid content.Value) bool { return kid.Kind != content.String }):
		return string(v.AppendJSON(nil))
	}
	texts := make([]string, len(v.Kids)) // as a localized text is
	for i := range v.Kids {
		texts[i] = v.Kids[i].Name + ": " + v.Kids[i].Text
	}
	return strings.Join(texts, " · ")
}

// cut keeps the beginning of a long text.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= longestValue {
		return text
	}
	return string([]rune(text)[:longestValue]) + "…"
}

// near keeps the two ends of a long text.
func near(text string) string {
	if utf8.RuneCountInString(text) <= 3*nearWords {
		return text
	}
	runes := []rune(text)
	return string(runes[:nearWords]) + " … " + string(runes[len(runes)-nearWords:])
}

// shown is a text on one line, of a length that titles may have.
func shown(text string) string {
	const most = 200
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// uncapital writes the first letter small, but for words that are written in capitals.
func uncapital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if second, _ := utf8.DecodeRuneInString(text[size:]); unicode.IsUpper(second) {
		return text
	}
	return string(unicode.ToLower(first)) + text[size:]
}
