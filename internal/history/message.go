package history

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

// Bounds of what is believed of a message. Of a longer message the first and the last
// half of messageBytes are read: subject and title stand first, trailers last.
const (
	messageBytes  = 64 << 10
	messagePeople = 100
	subjectBytes  = 1000
	personBytes   = 256
	urlBytes      = 2000
)

// message is what a commit message tells beside its text. Its strings are UTF-8
// without control characters.
type message struct {
	// subject is the first paragraph, its lines joined by spaces: git's %s.
	subject string
	// pullRequest is nil where none is named. Its title is what the message tells, not
	// what the forge tells today; its URL is "" where the message has none.
	pullRequest *content.PullRequest
	// coAuthors are those of Co-authored-by (GitHub, GitLab, Gitea) and
	// Co-developed-by (the Linux kernel); reviewers those of Reviewed-by, which Gitea
	// writes for everyone who approved; approvers those of Approved-by (Bitbucket,
	// GitLab) and Acked-by (the Linux kernel's word for the approval of someone
	// concerned). Signed-off-by says where a text comes from, not that anyone read it.
	// Each is in the order of the message, without repetitions.
	coAuthors, reviewers, approvers []person
	// merges: the commit has several parents, and the message says that a pull request
	// was merged by it.
	merges bool
}

// person is someone as a trailer writes them: "Name <email>". Either may be "", not both.
type person struct{ name, email string }

// readMessage reads the message of a commit that has so many parents. Its time is
// linear in messageBytes at most.
func readMessage(text string, parents int) message {
	head, tail := ends(text)
	first, subject, body := paragraphs(head)
	block := trailersOf(tail, len(head) < len(text))
	m := message{subject: clean(subject, subjectBytes)}
	m.readPeople(block)
	reading := reading{parents: parents, first: first, subject: subject, body: body, trailers: block}
	m.pullRequest = reading.pullRequest()
	m.merges = parents > 1 && m.pullRequest != nil
	return m
}

// ends returns the parts of a text in which subject and trailers are looked for: the
// text itself, twice, unless it is too long.
func ends(text string) (head, tail string) {
	if len(text) <= messageBytes {
		return text, text
	}
	tail = text[len(text)-messageBytes/2:]
	_, tail, _ = strings.Cut(tail, "\n")
	return text[:messageBytes/2], tail
}

// paragraphs returns the first line, the first paragraph as git's %s has it, and what
// comes after it.
func paragraphs(text string) (first, subject, body string) {
	var lines []string
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSpace(line)
		if line == "" && len(lines) > 0 {
			break
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "", "", ""
	}
	return lines[0], strings.Join(lines, " "), text
}

// readPeople takes the people from trailers.
func (m *message) readPeople(trailers []trailer) {
	room := messagePeople
	for _, t := range trailers {
		people := m.peopleOf(t.key)
		for _, one := range eachPerson(t.value) {
			p, ok := readPerson(one)
			if people == nil || !ok || room == 0 || slices.Contains(*people, p) {
				continue
			}
			*people = append(*people, p)
			room--
		}
	}
}

// several parts people of which a trailer names more than one: "A <a@x>, B <b@x>".
var several = regexp.MustCompile(`>\s*[,;]\s*`)

func eachPerson(value string) []string {
	parts := several.Split(value, messagePeople)
	for i := range parts[:len(parts)-1] {
		parts[i] += ">"
	}
	return parts
}

func (m *message) peopleOf(key string) *[]person {
	switch strings.ToLower(key) {
	case "co-authored-by", "co-developed-by":
		return &m.coAuthors
	case "reviewed-by":
		return &m.reviewers
	case "approved-by", "acked-by":
		return &m.approvers
	}
	return nil
}

// readPerson reads "Name <email>", "Name", or "email".
func readPerson(value string) (person, bool) {
	name, rest, found := strings.Cut(value, "<")
	email, _, closed := strings.Cut(rest, ">")
	if found && !closed {
		return person{}, false
	}
	if !found && strings.Contains(value, "@") && !strings.ContainsAny(value, " \t") {
		name, email = "", value
	}
	p := person{clean(name, personBytes), clean(email, personBytes)}
	return p, p != person{}
}

// clean makes a text from outside fit to be shown on one line: UTF-8, without control
// characters (those that turn the direction of writing among them), bounded.
func clean(s string, limit int) string {
	s = clip(s, 4*limit)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(clip(strings.TrimSpace(s), limit))
}

// clip cuts s to limit bytes, between two characters.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// reading looks for the pull request that a message names.
type reading struct {
	parents              int
	first, subject, body string
	trailers             []trailer
}

// pullRequest returns the pull request named by the surest form that there is: a
// trailer made for it, the subject of a forge's merge, GitLab's last line, a number at
// the end of the subject, the trailer that Gitea writes.
func (r *reading) pullRequest() *content.PullRequest {
	for _, form := range []func() *content.PullRequest{
		r.byTrailer, r.byMergeSubject, r.byMergeRequest, r.bySubjectEnd, r.byReviewedOn,
	} {
		pr := form()
		if pr == nil {
			continue
		}
		pr.Title = clean(pr.Title, subjectBytes)
		r.completeURL(pr)
		return pr
	}
	return nil
}

// number is what the forms below accept as a number: never 0, and within 32 bits.
const number = `([1-9][0-9]{0,8})`

// ownMerge begins the subject of the merges that Koonti makes of proposals.
const ownMerge = "Merge proposal #"

// mergeSubjects are the first lines that forges give to merge commits, with the groups
// that hold number and title; a title of 0 is the first line of the body.
var mergeSubjects = []struct {
	line          *regexp.Regexp
	number, title int
}{
	// GitHub: "Merge pull request #12 from owner/branch", then the title (docs.github.com,
	// "About merge methods on GitHub"); Bitbucket Server before 8.9 writes "#12 in PROJECT/repo from branch
	// to main", then a list of commits.
	{regexp.MustCompile(`^Merge pull request #` + number + `(?:\s.*)?$`), 1, 0},
	// Gitea, Forgejo: GetDefaultMergeMessage in services/pull/merge.go; "!" where issues
	// are kept elsewhere. (Before 1.12: "Merge branch 'x' of owner/repo into main", which
	// has no number.)
	{regexp.MustCompile(`^Merge pull request '(.*)' \([#!]` + number + `\) from \S+ into \S+$`), 2, 1},
	// Bitbucket Cloud, merged and squashed alike: "Understanding the Default Pull Request
	// Title, Description and Merge Commit Message" (confluence.atlassian.com/bbkb).
	{regexp.MustCompile(`^Merged in \S+ \(pull request #` + number + `\)$`), 1, 0},
	// Bitbucket Server and Data Center, whose template is "Pull request #${id}: ${title}".
	{regexp.MustCompile(`^Pull request #` + number + `: (.*)$`), 1, 2},
	// Koonti's own forge (internal/proposal).
	{regexp.MustCompile(`^` + ownMerge + number + `: (.*)$`), 1, 2},
	// Azure DevOps.
	{regexp.MustCompile(`^Merged PR ` + number + `: (.*)$`), 1, 2},
}

func (r *reading) byMergeSubject() *content.PullRequest {
	for _, form := range mergeSubjects {
		groups := form.line.FindStringSubmatch(r.first)
		if groups == nil {
			continue
		}
		title := r.bodyTitle()
		if form.title > 0 {
			title = groups[form.title]
		}
		return &content.PullRequest{Number: atoi(groups[form.number]), Title: title}
	}
	return nil
}

// bodyTitle returns the first line of the body if it can be a title: no trailer, no
// line of a template, no list of commits.
func (r *reading) bodyTitle() string {
	line, _, rest := paragraphs(r.body)
	if len(r.trailers) > 0 && strings.TrimSpace(rest) == "" {
		return ""
	}
	if seeMergeRequest.MatchString(line) || strings.HasPrefix(line, "* commit ") {
		return ""
	}
	return line
}

// seeMergeRequest is the line that GitLab's template ends with: "See merge request
// %{reference}" (docs.gitlab.com, "Commit message templates"); the reference is
// "group/project!12", "!12" before version 9, and some projects write the URL.
var seeMergeRequest = regexp.MustCompile(`^See merge request (?:[^\s!]*!` + number + `|(https?://\S+))$`)

// byMergeRequest takes the last such line: those before it are of commits squashed.
func (r *reading) byMergeRequest() *content.PullRequest {
	var found *content.PullRequest
	for line := range strings.Lines(r.body) {
		groups := seeMergeRequest.FindStringSubmatch(strings.TrimSpace(line))
		if groups == nil {
			continue
		}
		if n, address := numberOf(groups[2]); n != 0 {
			found = &content.PullRequest{Number: n, URL: address}
		} else if groups[1] != "" {
			found = &content.PullRequest{Number: atoi(groups[1])}
		}
	}
	if found == nil {
		return nil
	}
	found.Title = r.subject
	if gitMerge(r.first) {
		found.Title = r.bodyTitle()
	}
	return found
}

// gitMerge tells whether a subject is one that git merge writes (fmt-merge-msg.c in
// Git's source), as it does also where main is merged into a branch. GitLab's begin
// alike.
func gitMerge(subject string) bool {
	for _, what := range []string{"branch", "branches", "remote-tracking branch", "remote-tracking branches", "tag", "tags", "commit", "commits"} {
		if strings.HasPrefix(subject, "Merge "+what+" ") {
			return true
		}
	}
	return false
}

// subjectEnd is how GitHub and Gitea end the subject of a squashed pull request, and
// GitHub that of a merge where it is set to; "(fixes #12)" is an issue. What is quoted
// by a revert does not stand at the end.
var subjectEnd = regexp.MustCompile(`^(.*\S)\s+\([#!]` + number + `\)$`)

func (r *reading) bySubjectEnd() *content.PullRequest {
	if r.parents > 1 && gitMerge(r.first) {
		return nil
	}
	for _, subject := range []string{r.first, r.subject} {
		if groups := subjectEnd.FindStringSubmatch(subject); groups != nil {
			return &content.PullRequest{Number: atoi(groups[2]), Title: groups[1]}
		}
	}
	return nil
}

// byTrailer reads the trailers that name nothing but a pull request: ours
// ("Pull-request" and "Proposal", a number or an address) and PR-URL, which Node.js and
// others use. The last one counts.
func (r *reading) byTrailer() *content.PullRequest {
	for _, t := range slices.Backward(r.trailers) {
		switch strings.ToLower(t.key) {
		case "pull-request", "proposal", "pr-url":
		default:
			continue
		}
		if n, address := numberOf(t.value); n != 0 {
			return &content.PullRequest{Number: n, URL: address, Title: r.title()}
		}
	}
	return nil
}

// byReviewedOn reads the trailer of Gitea and Forgejo, which Gerrit has as well.
func (r *reading) byReviewedOn() *content.PullRequest {
	for _, t := range slices.Backward(r.trailers) {
		if !strings.EqualFold(t.key, "reviewed-on") {
			continue
		}
		if n, address := numberOf(t.value); n != 0 && address != "" {
			return &content.PullRequest{Number: n, URL: address, Title: r.title()}
		}
	}
	return nil
}

// title is the title where only a trailer names the pull request.
func (r *reading) title() string {
	if pr := r.byMergeSubject(); pr != nil {
		return pr.Title
	}
	if pr := r.bySubjectEnd(); pr != nil {
		return pr.Title
	}
	if gitMerge(r.first) {
		return r.bodyTitle()
	}
	return r.subject
}

// completeURL takes the address from another form that names the same number.
func (r *reading) completeURL(pr *content.PullRequest) {
	for _, form := range []func() *content.PullRequest{r.byMergeRequest, r.byReviewedOn} {
		if pr.URL != "" {
			return
		}
		if other := form(); other != nil && other.Number == pr.Number {
			pr.URL = other.URL
		}
	}
}

var (
	bareNumber = regexp.MustCompile(`^[#!]?` + number + `$`)
	// pullRequestPath is where forges keep pull requests: GitHub /pull/12, Gitea
	// /pulls/12, GitLab /-/merge_requests/12, Bitbucket /pull-requests/12, Azure DevOps
	// /pullrequest/12, Gerrit /c/project/+/12, and our own.
	pullRequestPath = regexp.MustCompile(`/(?:pull|pulls|merge_requests|pull-requests|pullrequest|\+|proposal|proposals)/` + number + `(?:/.*)?$`)
)

// numberOf reads "12", "#12", "!12" or an address of a pull request; 0 is neither. The
// address is "" where it must not be passed on.
func numberOf(value string) (number int, address string) {
	if groups := bareNumber.FindStringSubmatch(value); groups != nil {
		return atoi(groups[1]), ""
	}
	if len(value) > urlBytes || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"`\\", r) }) {
		return 0, ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return 0, ""
	}
	groups := pullRequestPath.FindStringSubmatch(u.Path)
	if groups == nil {
		return 0, ""
	}
	if u.User != nil {
		return atoi(groups[1]), ""
	}
	return atoi(groups[1]), value
}

// atoi reads what matched number.
func atoi(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// trailer is one line "Key: value" of the last paragraph.
type trailer struct{ key, value string }

// trailersOf returns the trailers of a message as git-interpret-trailers(1) finds them,
// with its default settings and --no-divider, as git log does: a line "---" in a commit
// is no beginning of a patch. The first paragraph holds none, unless text was cut from
// a longer message.
func trailersOf(text string, cut bool) []trailer {
	var block []trailer
	var folded [][]string
	open := false // whether a line may go on the trailer before it
	for _, line := range trailerBlock(messageLines(text), cut) {
		if open && isSpace(line[0]) {
			last := &folded[len(folded)-1]
			*last = append(*last, strings.TrimSpace(line))
			continue
		}
		var t trailer
		if t, open = readTrailer(line); open {
			block = append(block, t)
			folded = append(folded, []string{t.value})
		}
	}
	for i := range block {
		block[i].value = strings.TrimSpace(strings.Join(folded[i], " "))
	}
	return block
}

// messageLines returns the lines without what Git itself would leave out at the end:
// what follows a scissors line, comments, and the list of conflicts that old versions
// wrote (ignored_log_message_bytes in Git's commit.c).
func messageLines(text string) []string {
	var lines []string
	end := 0
	conflicts := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# ------------------------ >8 ------------------------\n") {
			break
		}
		switch {
		case line[0] == '#' || line == "\n":
		case line == "Conflicts:\n":
			conflicts = true
		case conflicts && line[0] == '\t':
		default:
			conflicts = false
			end = len(lines) + 1
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines[:end]
}

// trailerBlock returns the lines of the last paragraph if they are trailers: all of
// them, or a quarter of them where one is written by Git (find_trailer_start in
// Git's trailer.c).
func trailerBlock(lines []string, cut bool) []string {
	title := 0
	for !cut && title < len(lines) && isBlank(lines[title]) {
		title++
	}
	for !cut && title < len(lines) && !isBlank(lines[title]) {
		title++
	}
	end := len(lines)
	for end > title && isBlank(lines[end-1]) {
		end--
	}
	start := end
	for start > title && !isBlank(lines[start-1]) {
		start--
	}
	if start <= title && !cut {
		return nil
	}
	if !areTrailers(lines[start:end]) {
		return nil
	}
	return lines[start:end]
}

func areTrailers(lines []string) bool {
	trailers, others, folded := 0, 0, 0
	generated := false
	for _, line := range slices.Backward(lines) {
		_, is := readTrailer(line)
		byGit := strings.HasPrefix(line, "Signed-off-by: ") || strings.HasPrefix(line, "(cherry picked from commit ")
		switch {
		case line[0] == '#':
			others += folded
			folded = 0
		case byGit || is:
			trailers++
			folded = 0
			generated = generated || byGit
		case isSpace(line[0]):
			folded++
		default:
			others += 1 + folded
			folded = 0
		}
	}
	others += folded
	return trailers > 0 && others == 0 || generated && trailers*3 >= others
}

// readTrailer splits a line at its colon; false where what is before it is no key
// (find_separator in Git's trailer.c).
func readTrailer(line string) (trailer, bool) {
	key, value, found := strings.Cut(line, ":")
	name := strings.TrimRight(key, " \t")
	if !found || name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) {
		return trailer{}, false
	}
	return trailer{name, strings.TrimSpace(value)}, true
}

func isBlank(line string) bool { return strings.Trim(line, " \t\r") == "" }

// isSpace is Git's isspace.
func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }
