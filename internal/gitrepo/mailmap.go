package gitrepo

import "strings"

// maxMailmap is the largest mailmap that is honoured, in bytes.
const maxMailmap = 4 << 20

// Mailmap gives people the names that gitmailmap(5) says they go by. It is
// immutable. The nil Mailmap, as the zero one, gives everyone their own.
type Mailmap struct {
	people map[string]*mailEntry // by address
}

// mailEntry is what is said of one address: of anyone who used it, and of those
// who did under one name.
type mailEntry struct {
	mailPerson
	named map[string]mailPerson
}

// mailPerson is a proper name and address; "" where the one used is proper.
type mailPerson struct{ name, email string }

// ParseMailmap reads the text of a .mailmap. It never fails: as in Git, a line
// that says nothing is passed over, of two lines on the same the last one wins,
// and a zero byte ends the text. A line that is not UTF-8 is taken for
// Windows-1252, as the commits are. A text of more than 4 MiB is not read at all.
func ParseMailmap(text string) *Mailmap {
	m := &Mailmap{people: map[string]*mailEntry{}}
	if len(text) > maxMailmap {
		return m
	}
	text, _, _ = strings.Cut(text, "\x00")
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			m.add(decodeText(line, ""))
		}
	}
	return m
}

// add takes up one line of the forms
//
//	Proper Name <used@address>
//	<proper@address> <used@address>
//	Proper Name <proper@address> <used@address>
//	Proper Name <proper@address> Used Name <used@address>
func (m *Mailmap) add(line string) {
	proper, rest, ok := cutPerson(line)
	if !ok || proper.email == "" {
		return
	}
	used, _, ok := cutPerson(rest)
	if !ok {
		used, proper.email = mailPerson{email: proper.email}, ""
	}
	entry := m.people[lower(used.email)]
	if entry == nil {
		entry = &mailEntry{named: map[string]mailPerson{}}
		m.people[lower(used.email)] = entry
	}
	if used.name != "" {
		entry.named[lower(used.name)] = proper
		return
	}
	entry.mailPerson = proper.or(entry.mailPerson)
}

// cutPerson takes "Name <address>" off a line.
func cutPerson(line string) (p mailPerson, rest string, ok bool) {
	name, rest, ok := strings.Cut(line, "<")
	if !ok {
		return p, line, false
	}
	email, rest, ok := strings.Cut(rest, ">")
	return mailPerson{strings.Trim(name, " \t\r\n"), email}, rest, ok
}

// or fills in what p does not say.
func (p mailPerson) or(other mailPerson) mailPerson {
	if p.name == "" {
		p.name = other.name
	}
	if p.email == "" {
		p.email = other.email
	}
	return p
}

// Person gives the proper name and address of someone who used these. Names and
// addresses are told apart without regard to the case of ASCII letters.
func (m *Mailmap) Person(name, email string) (properName, properEmail string) {
	used := mailPerson{name, email}
	if m == nil {
		return name, email
	}
	entry := m.people[lower(email)]
	if entry == nil {
		return name, email
	}
	proper, ok := entry.named[lower(name)]
	if !ok {
		proper = entry.mailPerson
	}
	proper = proper.or(used)
	return proper.name, proper.email
}
