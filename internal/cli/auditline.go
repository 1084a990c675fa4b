package cli

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// check holds one line against Git, and says what is wrong with it.
func (v *auditor) check(ctx context.Context, l exported) []string {
	if l.changeLine == nil {
		return []string{l.fault}
	}
	c := lineCheck{auditor: v, line: l.changeLine}
	at, ok := v.graph.index[gitrepo.Hash(l.Commit)]
	switch {
	case gitrepo.Hash(l.Head) != v.head:
		c.wrong("head is %s, and not %s as in the lines before", l.Head, v.head)
	case !ok:
		c.wrong("commit %s did not lead to %s", l.Commit, v.head)
	default:
		c.at = at
		v.rename(l.changeLine)
		c.commit(v.graph.commits[at])
		c.messages(v.graph.commits[at])
		c.record()
		c.blobs(ctx)
		c.values(ctx)
		if l.Signature != nil {
			c.wrong("an export tells of no signatures; 'git verify-commit' checks them")
		}
	}
	return c.complaints
}

// rename notes which names a line gives and takes.
func (v *auditor) rename(l *changeLine) {
	at, ok := v.graph.index[gitrepo.Hash(l.Commit)]
	if ok && l.FormerPath != "" && l.Kind != content.Overruled {
		v.renamed[l.FormerPath] = append(v.renamed[l.FormerPath], at)
		v.arrived[l.Path] = append(v.arrived[l.Path], at)
	}
}

// lineCheck is the check of one line.
type lineCheck struct {
	*auditor
	line       *changeLine
	at         int // the commit
	own        int // how many of the sources are of the version before
	complaints []string
}

func (c *lineCheck) wrong(format string, args ...any) {
	c.complaints = append(c.complaints, fmt.Sprintf(format, args...))
}

// same complains where what the line says is not what Git says.
func (c *lineCheck) same(what, said, git string) {
	if said != git {
		c.wrong("%s is %q, and %q in Git", what, said, git)
	}
}

// commit checks what is said of the commit itself.
func (c *lineCheck) commit(commit gitrepo.Commit) {
	l := c.line
	step := c.graph.commits[c.steps[c.at]]
	var parents []string
	for _, p := range l.Parents {
		parents = append(parents, string(p))
	}
	var real []string
	for _, p := range commit.Parents {
		real = append(real, string(p))
	}
	c.same("parents", strings.Join(parents, " "), strings.Join(real, " "))
	c.same("step", string(l.Step), string(step.Hash))
	c.same("publishedAt", l.PublishedAt, stamped(step.Committer.When))
	c.same("committedAt", l.CommittedAt, stamped(commit.Committer.When))
	c.same("authoredAt", l.AuthoredAt, stamped(commit.Author.When))
	c.person("author", l.Author, commit.Author)
	c.person("committer", l.Committer, commit.Committer)
	if !strings.HasPrefix(squeezed(firstParagraph(commit.Message)), squeezed(l.Subject)) || l.Subject == "" && squeezed(commit.Message) != "" {
		c.wrong("subject %q is not that of the commit", l.Subject)
	}
}

func (c *lineCheck) person(what string, said *personLine, git gitrepo.Signature) {
	if said == nil {
		c.wrong("there is no %s", what)
		return
	}
	name, email := c.mailmap.Person(git.Name, git.Email)
	c.same("the "+what, said.Name+" <"+said.Email+">", name+" <"+email+">")
}

// squeezed leaves of a text what has ink.
func squeezed(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
}

func firstParagraph(message string) string {
	text, _, _ := strings.Cut(strings.TrimLeft(message, "\n"), "\n\n")
	return text
}

var (
	approvalTrailer = regexp.MustCompile(`(?im)^[ \t]*(?:reviewed-by|approved-by|acked-by)[ \t]*:[ \t]*(.*?)[ \t\r]*$`)
	authorTrailer   = regexp.MustCompile(`(?im)^[ \t]*(?:co-authored-by|co-developed-by)[ \t]*:[ \t]*(.*?)[ \t\r]*$`)
	anyTrailer      = regexp.MustCompile(`^[A-Za-z0-9-]+[ \t]*:.*$|^[ \t]+.*$`)
)

// messages checks what is only written in messages: approvals, co-authors, pull request.
func (c *lineCheck) messages(commit gitrepo.Commit) {
	for _, a := range c.line.Approvals {
		c.approval(a)
	}
	for _, from := range []int{c.at, c.steps[c.at]} {
		source := c.graph.commits[from]
		for _, who := range c.named(approvalTrailer, trailers(source.Message)) {
			known := slices.ContainsFunc(c.line.Approvals, func(a approvalLine) bool {
				return a.personLine == who && strings.HasSuffix(a.Source, " "+string(source.Hash))
			})
			if !known {
				c.wrong("the approval by %s <%s> in the message of %s is missing", who.Name, who.Email, source.Hash.Short())
			}
		}
	}
	for _, who := range c.line.CoAuthors {
		if !slices.Contains(c.named(authorTrailer, commit.Message), who) {
			c.wrong("the commit does not name the co-author %s <%s>", who.Name, who.Email)
		}
	}
	for _, who := range c.named(authorTrailer, trailers(commit.Message)) {
		if !slices.Contains(c.line.CoAuthors, who) {
			c.wrong("the co-author %s <%s> is missing", who.Name, who.Email)
		}
	}
	if pr := c.line.PullRequest; pr != nil {
		c.pullRequest(pr)
	}
}

// trailers is the last paragraph of a message, if all its lines are trailers.
func trailers(message string) string {
	text := strings.TrimRight(message, " \t\r\n")
	i := strings.LastIndex(text, "\n\n")
	if i < 0 {
		return ""
	}
	for line := range strings.SplitSeq(text[i+2:], "\n") {
		if !anyTrailer.MatchString(line) {
			return ""
		}
	}
	return text[i+2:]
}

// named are the people that trailers name, as .mailmap has them.
func (c *lineCheck) named(trailer *regexp.Regexp, message string) []personLine {
	var out []personLine
	for _, m := range trailer.FindAllStringSubmatch(message, -1) {
		for rest := m[1]; rest != ""; {
			name, tail, found := strings.Cut(rest, "<")
			email, tail, _ := strings.Cut(tail, ">")
			if !found && strings.Contains(name, "@") && !strings.ContainsAny(name, " \t") {
				name, email = "", name
			}
			name, email = c.mailmap.Person(strings.TrimSpace(name), strings.TrimSpace(email))
			out = append(out, personLine{name, email})
			rest = ""
			if tail = strings.TrimSpace(tail); strings.HasPrefix(tail, ",") || strings.HasPrefix(tail, ";") {
				rest = strings.TrimSpace(tail[1:]) // more than one in a line
			}
		}
	}
	return out
}

// approval checks that the commit given as the source, which must have brought the
// change, says so.
func (c *lineCheck) approval(a approvalLine) {
	kind, hash, _ := strings.Cut(a.Source, " ")
	if kind == "review" {
		c.reviews++
		return
	}
	at, ok := c.graph.index[gitrepo.Hash(hash)]
	if !ok || !c.brought(at) {
		c.wrong("the approval by %s is said to be from %q, which did not bring the change", a.Name, a.Source)
		return
	}
	source := c.graph.commits[at]
	c.same("the source of an approval", kind, map[bool]string{true: "merge", false: "commit"}[len(source.Parents) > 1])
	c.same("the time of an approval", a.At, stamped(source.Committer.When))
	if !slices.Contains(c.named(approvalTrailer, source.Message), a.personLine) {
		c.wrong("%s does not say that %s <%s> approved", source.Hash.Short(), a.Name, a.Email)
	}
}

// brought reports whether a commit made the change, or is a merge on its way to its step.
func (c *lineCheck) brought(at int) bool { return slices.Contains(c.carriers(c.at), at) }

// pullRequest checks that a message of those who brought the change has number, title
// and URL.
func (c *lineCheck) pullRequest(pr *pullRequestLine) {
	number := regexp.MustCompile(`(^|[^0-9A-Za-z])` + strconv.Itoa(pr.Number) + `($|[^0-9A-Za-z])`)
	for _, at := range c.carriers(c.at) {
		message := c.graph.commits[at].Message
		if number.MatchString(message) && strings.Contains(squeezed(message), squeezed(pr.Title)) && strings.Contains(message, pr.URL) {
			return
		}
	}
	c.wrong("no message says that it was pull request %d %q", pr.Number, pr.Title)
}

// record checks that the paths are those of the record.
func (c *lineCheck) record() {
	ref, ok := c.match(c.line.Path)
	if !ok || string(ref.Collection) != c.line.Collection || string(ref.ID) != c.line.ID {
		c.wrong("%s is not the path of %s/%s", c.line.Path, c.line.Collection, c.line.ID)
	}
	if c.line.FormerPath != "" {
		if _, ok := c.match(c.line.FormerPath); !ok {
			c.wrong("%s is not the path of a record", c.line.FormerPath)
		}
	}
}

// parentBlobs are what the parents have at a path.
func (c *lineCheck) parentBlobs(ctx context.Context, path string) []content.Hash {
	var out []content.Hash
	for _, p := range c.graph.parents[c.at] {
		out = append(out, c.blobAt(ctx, p, path))
	}
	return out
}

// blobs checks what the commit and its parents have at the path, and notes which
// transitions the line tells of.
func (c *lineCheck) blobs(ctx context.Context) {
	l := c.line
	c.same("after", string(l.After), string(c.blobAt(ctx, c.at, l.Path)))
	before := c.parentBlobs(ctx, l.Path)
	if l.Kind == content.Overruled {
		c.choice(ctx, before)
		return
	}
	if l.FormerPath == "" {
		c.transition(transition{c.at, l.Path, l.Before, l.After}, before)
		return
	}
	c.same("what lies at formerPath", "", string(c.blobAt(ctx, c.at, l.FormerPath)))
	c.transition(transition{c.at, l.FormerPath, l.Before, ""}, c.parentBlobs(ctx, l.FormerPath))
	c.transition(transition{c.at, l.Path, "", l.After}, before)
}

// choice checks that a merge took one of the versions that its parents have, and notes
// which overruling the line tells of.
func (c *lineCheck) choice(ctx context.Context, before []content.Hash) {
	l := c.line
	lost := before
	if l.FormerPath != "" {
		lost = c.parentBlobs(ctx, l.FormerPath)
		c.same("what lies at formerPath", "", string(c.blobAt(ctx, c.at, l.FormerPath)))
		c.overs[overruling{c.at, l.FormerPath}]++
	}
	if l.Before == l.After || !slices.Contains(lost, l.Before) || !slices.Contains(before, l.After) && !c.isElsewhere(ctx, l.After) {
		c.wrong("the merge did not choose between %s and %s", short(l.Before), short(l.After))
	}
	o := overruling{c.at, l.Path}
	if c.overs[o]++; c.overs[o] > 1 {
		c.wrong("it is told twice")
	}
}

func (c *lineCheck) transition(t transition, before []content.Hash) {
	first := content.Hash("")
	for _, b := range before {
		if first == "" {
			first = b
		}
		if b == t.after {
			c.wrong("%s of the commit is that of a parent", t.path)
			return
		}
	}
	if len(before) == 0 && t.after == "" {
		c.wrong("%s is neither in the commit nor before it", t.path)
	}
	if t.before != first {
		c.wrong("before is %s, and %s in Git", short(t.before), short(first))
	}
	t.before = first
	if c.said[t]++; c.said[t] > 1 {
		c.wrong("it is told twice")
	}
}

// values checks the fields, and the kind that follows from them.
func (c *lineCheck) values(ctx context.Context) {
	l := c.line
	after := c.document(ctx, l.After)
	if unreadable := after == nil && l.After != ""; unreadable != l.Unreadable {
		c.wrong("unreadable is %t, and %t in Git", l.Unreadable, unreadable)
	}
	said, ok := c.claims()
	if !ok {
		return
	}
	sources := c.sources(ctx, after)
	c.kind(len(said), after != nil && l.Before != "" && c.document(ctx, l.Before) == nil)
	switch {
	case after == nil && l.After != "":
		if len(said) > 0 {
			c.wrong("a version that cannot be read has no fields")
		}
	case len(c.graph.parents[c.at]) < 2:
		c.exactly(said, sources, after)
		if slices.ContainsFunc(said, func(f content.FieldChange) bool { return f.Parent != "" }) {
			c.wrong("a field names a parent, and the commit is no merge")
		}
	default:
		c.each(ctx, said, sources, after)
	}
}

// kind checks the kind; bridged says that the version before cannot be read.
func (c *lineCheck) kind(fields int, bridged bool) {
	l := c.line
	kind := content.Updated
	switch {
	case l.Kind == content.Overruled:
		return
	case l.FormerPath != "":
		kind = content.Renamed
	case l.Before == "":
		kind = content.Created
	case l.After == "":
		kind = content.Deleted
	case fields == 0 && !l.Unreadable && !bridged:
		kind = content.Formatted
	}
	c.same("kind", string(l.Kind), string(kind))
}

// claims decodes the fields of the line.
func (c *lineCheck) claims() (_ []content.FieldChange, ok bool) {
	var out []content.FieldChange
	for _, f := range c.line.Fields {
		change := content.FieldChange{Pointer: f.Field, Parent: f.Parent}
		for _, side := range []struct {
			text []byte
			into **content.Value
		}{{f.Before, &change.Before}, {f.After, &change.After}} {
			if side.text == nil {
				continue
			}
			v, err := content.Parse(string(side.text))
			if err != nil {
				c.wrong("field %s is no strict JSON", f.Field)
				return nil, false
			}
			*side.into = v
		}
		out = append(out, change)
	}
	return out, true
}

// sources are the documents that the fields may be told from: the version before, of a
// merge those of all parents, and where one cannot be read the newest before it that can.
func (c *lineCheck) sources(ctx context.Context, after *content.Value) []*content.Value {
	l := c.line
	path := l.Path
	if l.FormerPath != "" {
		path = l.FormerPath
	}
	blobs := []content.Hash{l.Before}
	if len(c.graph.parents[c.at]) > 1 {
		blobs = append(blobs, c.parentBlobs(ctx, path)...)
	}
	var out []*content.Value
	for i, blob := range blobs {
		doc := c.document(ctx, blob)
		switch {
		case doc != nil, blob == "" && i == 0:
			out = append(out, doc)
		case blob != "" && after != nil && len(c.graph.parents[c.at]) > 0:
			out = append(out, c.readable(ctx, c.graph.parents[c.at][0], path)...)
		case i == 0:
			out = append(out, nil)
		}
		if i == 0 {
			c.own = len(out)
		}
	}
	return out
}

// readable finds, along first parents, the newest version of a file that is strict JSON,
// nil where there never was one. Where the file had another name before, any record that
// the commit took away may be it.
func (c *lineCheck) readable(ctx context.Context, at int, path string) []*content.Value {
	for child := -1; ; {
		blob := c.blobAt(ctx, at, path)
		if blob == "" {
			return append(c.former(ctx, child, at), nil)
		}
		if doc := c.document(ctx, blob); doc != nil {
			return []*content.Value{doc}
		}
		if len(c.graph.parents[at]) == 0 {
			return []*content.Value{nil}
		}
		child, at = at, c.graph.parents[at][0]
	}
}

func (c *lineCheck) former(ctx context.Context, child, at int) []*content.Value {
	if child < 0 {
		return nil
	}
	var out []*content.Value
	now := c.files(ctx, child)
	was := c.files(ctx, at)
	for _, path := range slices.Sorted(maps.Keys(was)) {
		if now[path] == "" {
			out = append(out, c.readable(ctx, at, path)...)
		}
	}
	return out
}

// exactly checks that the fields are all that differs from one of the sources.
func (c *lineCheck) exactly(said []content.FieldChange, sources []*content.Value, after *content.Value) {
	complaint := ""
	for i, before := range sources {
		real := differences(c.differ(c.line.Path), before, after)
		found := mismatch(said, real)
		if found == "" {
			return
		}
		if i == 0 {
			complaint = found
		}
	}
	c.wrong("%s", complaint)
}

// mismatch says where two lists of fields part; "" where they do not.
func mismatch(said, real []content.FieldChange) string {
	for i := range min(len(said), len(real)) {
		switch s, r := said[i], real[i]; {
		case s.Pointer != r.Pointer:
			return fmt.Sprintf("field %d is %s, and %s by the two blobs", i+1, placeName(s.Pointer), placeName(r.Pointer))
		case !sameValue(s.Before, r.Before):
			return fmt.Sprintf("%s was %s, and %s by the blob before", placeName(s.Pointer), text(s.Before), text(r.Before))
		case !sameValue(s.After, r.After):
			return fmt.Sprintf("%s is %s, and %s by the blob after", placeName(s.Pointer), text(s.After), text(r.After))
		}
	}
	if len(said) != len(real) {
		return fmt.Sprintf("%s, and %s by the two blobs", counted(len(said), "field"), counted(len(real), "field"))
	}
	return ""
}

// sameValue reports whether two values are written alike: an export has them as they are.
func sameValue(a, b *content.Value) bool { return text(a) == text(b) }

// text is a value in a message; it is whole, since it is compared.
func text(v *content.Value) string {
	if v == nil {
		return "nothing"
	}
	return string(v.AppendJSON(nil))
}

// against is how a merge differs from a parent that a field names, which must not have
// the version that the line has as the one before. Where the parent calls the record
// otherwise, that is how it differs from any of the files that it may be.
func (c *lineCheck) against(ctx context.Context, parent content.Hash, after *content.Value) []content.FieldChange {
	at, ok := c.graph.index[gitrepo.Hash(parent)]
	if !ok || !slices.Contains(c.graph.parents[c.at], at) {
		return nil
	}
	blob := c.blobAt(ctx, at, c.line.Path)
	before := c.document(ctx, blob)
	if blob == c.line.Before || blob != "" && before == nil {
		return nil
	}
	out := differences(c.differ(c.line.Path), before, after)
	for _, doc := range c.renamedIn(ctx, at) {
		out = append(out, differences(c.differ(c.line.Path), doc, after)...)
	}
	return out
}

// isElsewhere reports whether a parent has a blob as a file that may be the record.
func (c *lineCheck) isElsewhere(ctx context.Context, blob content.Hash) bool {
	return slices.ContainsFunc(c.graph.parents[c.at], func(p int) bool { return slices.Contains(c.elsewhere(ctx, p, c.at, c.line.Path), blob) })
}

// renamedIn are the documents that may be the record in a parent that has no file at its
// path.
func (c *lineCheck) renamedIn(ctx context.Context, parent int) []*content.Value {
	var out []*content.Value
	for _, blob := range c.elsewhere(ctx, parent, c.at, c.line.Path) {
		if doc := c.document(ctx, blob); doc != nil {
			out = append(out, doc)
		}
	}
	return out
}

// each checks that each field of a merge is one in which it differs from the version
// before, or from that of the parent named, and that none is missing in which it differs
// from all.
func (c *lineCheck) each(ctx context.Context, said []content.FieldChange, sources []*content.Value, after *content.Value) {
	differ := c.differ(c.line.Path)
	var real [][]content.FieldChange
	for _, before := range sources {
		real = append(real, differences(differ, before, after))
	}
	for _, f := range said {
		against, from := real[:c.own], "the version before"
		if f.Parent != "" {
			against, from = [][]content.FieldChange{c.against(ctx, f.Parent, after)}, gitrepo.Hash(f.Parent).Short()
		}
		found := slices.ContainsFunc(against, func(list []content.FieldChange) bool {
			return slices.ContainsFunc(list, func(r content.FieldChange) bool {
				return r.Pointer == f.Pointer && sameValue(r.Before, f.Before) && sameValue(r.After, f.After)
			})
		})
		if !found {
			c.wrong("%s did not change from %s to %s against %s", placeName(f.Pointer), text(f.Before), text(f.After), plain(from))
		}
	}
	if c.line.Kind == content.Overruled || c.line.Kind == content.Deleted || slices.Contains(sources, nil) && c.line.Before != "" {
		return
	}
	told := func(at content.Pointer, list []content.FieldChange) bool {
		return slices.ContainsFunc(list, func(f content.FieldChange) bool {
			return f.After != nil && (f.Pointer.Covers(at) || at.Covers(f.Pointer))
		})
	}
	for _, parent := range c.graph.parents[c.at] {
		for _, before := range c.renamedIn(ctx, parent) {
			real = append(real, differences(differ, before, after))
		}
	}
	for at := range content.Leaves(after) {
		all := !slices.ContainsFunc(real, func(list []content.FieldChange) bool { return !told(at, list) })
		if all && !told(at, said) {
			c.wrong("%s has the value of no parent, and is missing", placeName(at))
		}
	}
}
