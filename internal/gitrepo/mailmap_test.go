package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mailmapped are contacts as git check-mailmap gives them.
func (g *git) mailmapped(mailmap string, contacts []string) []string {
	g.t.Helper()
	blob := g.feed(mailmap, "hash-object", "-w", "--stdin")
	out := g.feed(strings.Join(contacts, "\n")+"\n", "-c", "mailmap.blob="+blob, "check-mailmap", "--stdin")
	return strings.Split(out, "\n")
}

// persons are the same contacts as Mailmap gives them.
func persons(m *Mailmap, contacts []string) []string {
	var got []string
	for _, c := range contacts {
		name, email, _ := strings.Cut(c, "<")
		name, email = m.Person(strings.TrimSpace(name), strings.TrimSuffix(email, ">"))
		got = append(got, strings.TrimLeft(name+" <"+email+">", " "))
	}
	return got
}

func TestMailmapIsCheckMailmap(t *testing.T) {
	g := newGit(t)
	contacts := []string{
		"Aino <aino@example.org>", "AINO <Aino@Example.ORG>", "aino <old@example.org>", "Eero <old@example.org>", "<old@example.org>",
		"Ääni <aani@example.org>", "ÄÄNI <aani@example.org>", "x <none@example.org>",
	}
	for name, text := range map[string]string{
		"nothing":                 "",
		"a name":                  "Aino Aalto <aino@example.org>\n",
		"an address":              "<aino@example.org> <old@example.org>\n",
		"name and address":        "Aino Aalto <aino@example.org> <old@example.org>",
		"by name and address":     "Aino Aalto <aino@example.org> aino <OLD@example.org>\nEero Eskola <eero@example.org> Eero <old@example.org>\n",
		"address by name":         "<aino@example.org> aino <old@example.org>\n",
		"the last line wins":      "A <aino@example.org>\nB <aino@example.org>\n",
		"by parts":                "A <old@example.org>\n<new@example.org> <old@example.org>\nB <old@example.org>",
		"the last name wins":      "A <a@x> Eero <old@example.org>\nB <b@x> EERO <OLD@example.org>\nC <c@x> <old@example.org>\n",
		"comments and empty":      "# A <aino@example.org>\n\n  # B <aino@example.org>\n#\n",
		"text behind":             "A <aino@example.org> # no comment here\nB <new@x> <old@example.org> more <a@b>\n",
		"broken lines":            "<\nA\nA <aino@example.org\n<> <old@example.org>\n> <\nA <> <aino@example.org>\n",
		"empty old address":       "A <aino@example.org> <>\n",
		"white space":             "\t A  \t<aino@example.org>\t \r\n  B <b@x>   Eero\t<old@example.org>  \r\n",
		"space inside an address": "A < aino@example.org >\n",
		"letters beyond ASCII":    "Ä <a@x> ääni <aani@example.org>\nÄ <aani@example.org>\n",
		"a zero byte":             "A <aino@example.org>\n\x00B <old@example.org>\n",
		"an angle in a name":      "A > B <aino@example.org>\nC <c<d> <old@example.org>",
		"maps to itself":          "<aino@example.org> <aino@example.org>\nEero <eero@example.org> Eero <old@example.org>\n",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(g.mailmapped(text, contacts), persons(ParseMailmap(text), contacts)); diff != "" {
				t.Errorf("%q:\n%s", text, diff)
			}
		})
	}
}

func TestAnyMailmapIsCheckMailmap(t *testing.T) {
	g := newGit(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	name := func() string { return pick("", "A", "a", "B b", " C", "ä", "#") }
	email := func() string { return pick("a@x", "A@X", "b@x", "c@x", "") }
	var contacts []string
	for _, n := range []string{"", "A ", "b B ", "C ", "ä ", "none "} {
		for _, e := range []string{"a@x", "B@x", "c@X", "d@x"} {
			contacts = append(contacts, n+"<"+e+">")
		}
	}
	for range 100 {
		var b strings.Builder
		for range rnd.IntN(12) {
			b.WriteString(pick(
				fmt.Sprintf("%s <%s>", name(), email()), fmt.Sprintf("<%s> <%s>", email(), email()),
				fmt.Sprintf("%s <%s> <%s>", name(), email(), email()), fmt.Sprintf("%s <%s> %s <%s>", name(), email(), name(), email()),
				pick("#", "<", ">", "A <", "A <a@x> <", "A <a@x> >", "\r")) + "\n")
		}
		if diff := cmp.Diff(g.mailmapped(b.String(), contacts), persons(ParseMailmap(b.String()), contacts)); diff != "" {
			t.Fatalf("%q:\n%s", b.String(), diff)
		}
	}
}

func TestMailmapThatSaysNothing(t *testing.T) {
	long := "A <a@x>\n" + strings.Repeat("#", maxMailmap)
	for what, m := range map[string]*Mailmap{"nil": nil, "zero": {}, "too long": ParseMailmap(long)} {
		if name, email := m.Person("b", "a@x"); name != "b" || email != "a@x" {
			t.Errorf("%s: %s <%s>", what, name, email)
		}
	}
	if name, _ := ParseMailmap("\xc4ij\xe4 <a@x>").Person("b", "A@X"); name != "Äijä" {
		t.Errorf("a line of Windows-1252 gives %q", name)
	}
}
