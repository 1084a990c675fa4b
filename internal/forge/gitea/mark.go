package gitea

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

// mark is what we note for ourselves in a text on Gitea: a comment of HTML on its first
// line, which pages do not show. A name in it is believed only where the service
// account wrote the text, which whoever may write to the repository could change; they
// are trusted anyway: they can merge there.
type mark struct {
	// By is in whose name the service account acted; ID is Actor.ID.
	By *signer `json:"by,omitempty"`
	// Key is that of the draft (proposal.Opening).
	Key string `json:"key,omitempty"`
	// Verdict of a review that the service account wrote, on Head.
	Verdict content.Verdict `json:"verdict,omitempty"`
	Head    content.Hash    `json:"head,omitempty"`
	// Did names the act of the service account, just before, that By was behind.
	Did content.EventKind `json:"did,omitempty"`
	// Summary: the text is what Told shows.
	Summary bool `json:"summary,omitempty"`
}

// signer is an actor as a mark keeps it.
type signer struct {
	ID       string                 `json:"id,omitempty"`
	Name     string                 `json:"name,omitempty"`
	Email    string                 `json:"email,omitempty"`
	Identity content.IdentitySource `json:"identity,omitempty"`
}

func (s *signer) person() content.Person {
	return content.Person{Name: line(s.Name, 256), Email: line(s.Email, 256), Identity: s.Identity}
}

func signerOf(a content.Actor) *signer {
	return &signer{a.ID, a.Person.Name, a.Person.Email, a.Person.Identity}
}

const markOpens, markCloses = "<!-- koonti ", " -->\n"

// compose puts a mark before a text, and a line that says in whose name it stands there.
// Without anything to mark, the text stays as it is.
func (m mark) compose(says, text string) string {
	if m == (mark{}) {
		return text
	}
	data, err := json.Marshal(m) // which writes > as \u003e, so nothing in it ends the comment
	if err != nil {
		return text // there is nothing in a mark that cannot be written
	}
	intro := ""
	if m.By != nil {
		intro = strings.TrimSpace("**"+escape(nameOf(m.By))+"** "+says) + "\n\n"
	}
	return markOpens + string(data) + markCloses + intro + text
}

// parse takes mark and introduction off a text; ok is false where there is none.
func parse(text string) (m mark, rest string, ok bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	data, found := strings.CutPrefix(text, markOpens)
	if !found {
		return mark{}, text, false
	}
	data, rest, found = strings.Cut(data+"\n", markCloses)
	if !found || json.Unmarshal([]byte(data), &m) != nil {
		return mark{}, text, false
	}
	if m.By != nil {
		_, rest, _ = strings.Cut(rest, "\n\n")
	}
	return m, strings.TrimSuffix(rest, "\n"), true
}

func nameOf(s *signer) string {
	for _, name := range []string{s.Name, s.Email, s.ID} {
		if name = line(name, 256); name != "" {
			return name
		}
	}
	return "Somebody"
}

// escape keeps a name from being read as Markdown, or from calling someone.
func escape(name string) string {
	var b strings.Builder
	for _, c := range name {
		if strings.ContainsRune("\\`*_{}[]()<>#+!|~&$:^", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
		if c == '@' {
			b.WriteRune('\u2060') // a joiner: no user is called like that
		}
	}
	return b.String()
}

// clean makes a text from outside fit to be kept: UTF-8, no control characters but
// newlines and tabs, at most limit bytes.
func clean(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if c != '\n' && c != '\t' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(cut(s, limit), "\uFFFD"))
	return strings.TrimSpace(cut(s, limit))
}

// cut takes the first limit bytes, and never a part of a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
