package history

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

func TestPullRequestIsTheOneTheMessageNames(t *testing.T) {
	pr := func(number int, title, url string) *content.PullRequest {
		return &content.PullRequest{Number: number, Title: title, URL: url}
	}
	for _, c := range []struct {
		name    string
		text    string
		parents int
		want    *content.PullRequest
	}{
		{"github merge", "Merge pull request #12 from org/fix-licence\n\nCorrect the licence of sunbird\n\nIt was MIT all along.\n", 2,
			pr(12, "Correct the licence of sunbird", "")},
		{"github merge without title", "Merge pull request #12 from org/fix", 2, pr(12, "", "")},
		{"github merge, only trailers below", "Merge pull request #12 from org/fix\n\nReviewed-by: A <a@example.org>\n", 2, pr(12, "", "")},
		{"github merge, text on the next line", "Merge pull request #12 from org/fix\nTitle", 2, pr(12, "", "")},
		{"github merge set to title", "Correct the licence (#12)\n\nText", 2, pr(12, "Correct the licence", "")},
		{"github merge brought over with one parent", "Merge pull request #12 from org/fix\n\nTitle", 1, pr(12, "Title", "")},
		{"github squash", "Correct the licence (#12)\n\n* one\n\n* two\n\n---------\n\nCo-authored-by: A <a@example.org>\n", 1,
			pr(12, "Correct the licence", "")},
		{"github squash without blank line", "Correct the licence (#12)\n* one\n* two\n", 1, pr(12, "Correct the licence", "")},
		{"github squash of a merge", "Merge branch 'develop' into main (#12)", 1, pr(12, "Merge branch 'develop' into main", "")},
		{"subject over two lines", "Correct\nthe licence (#12)\n\nText", 1, pr(12, "Correct the licence", "")},
		{"windows line ends", "Correct the licence (#12)\r\n\r\nText\r\n", 1, pr(12, "Correct the licence", "")},
		{"two numbers: the last", "Correct the licence (#12) (#34)", 1, pr(34, "Correct the licence (#12)", "")},
		{"github rebase", "Correct the licence\n\nText\n", 1, nil},
		{"number is the whole subject", "(#12)", 1, nil},

		{"gitlab merge", "Merge branch 'fix' into 'main'\n\nCorrect the licence\n\nCloses #3\n\nSee merge request koonti/koonti!12", 2,
			pr(12, "Correct the licence", "")},
		{"gitlab merge, subgroups", "Merge branch 'fix' into 'main'\n\nTitle\n\nSee merge request a/b/c/d!12\n", 2, pr(12, "Title", "")},
		{"gitlab merge, before 9", "Merge branch 'fix' into 'master'\n\nTitle\n\nSee merge request !12", 2, pr(12, "Title", "")},
		{"gitlab merge without title", "Merge branch 'fix' into 'main'\n\nSee merge request a/b!12", 2, pr(12, "", "")},
		{"gitlab merge with address and trailers", "Merge branch 'fix' into 'main'\n\nTitle\n\n" +
			"See merge request https://gitlab.com/a/b/-/merge_requests/12\n\nMerged-by: A <a@example.org>\nApproved-by: B <b@example.org>\n", 2,
			pr(12, "Title", "https://gitlab.com/a/b/-/merge_requests/12")},
		{"gitlab squash", "Correct the licence\n\nSee merge request koonti/koonti!12", 1, pr(12, "Correct the licence", "")},
		{"gitlab squash whose title names an issue", "Correct the licence (#3)\n\nSee merge request koonti/koonti!12", 1, pr(12, "Correct the licence (#3)", "")},
		{"gitlab squash, local reference", "Correct the licence (!12)", 1, pr(12, "Correct the licence", "")},
		{"gitlab squash of squashes: the last", "All\n\nOne\n\nSee merge request a/b!11\n\nSee merge request a/b!12", 1, pr(12, "All", "")},
		{"gitlab revert", "Revert \"Merge branch 'fix' into 'main'\"\n\nThis reverts merge request !12", 1, nil},
		{"gitlab cherry-pick", "Merge branch 'fix' into 'main'\n\nTitle\n\nSee merge request a/b!12\n\n(cherry picked from commit 0123456789012345678901234567890123456789)", 1,
			pr(12, "Title", "")},

		{"gitea merge", "Merge pull request 'Correct the licence' (#12) from fix into main\n\n" +
			"Reviewed-on: https://codeberg.org/koonti/koonti/pulls/12\nReviewed-by: A <a@noreply.codeberg.org>\n", 2,
			pr(12, "Correct the licence", "https://codeberg.org/koonti/koonti/pulls/12")},
		{"gitea merge from a fork", "Merge pull request 'Say ''no'' (#3) from x' (#12) from aino/koonti:fix into main", 2,
			pr(12, "Say ''no'' (#3) from x", "")},
		{"gitea merge of a deleted fork, external issues", "Merge pull request 'Title' (!12) from <deleted>:fix into main", 2, pr(12, "Title", "")},
		{"gitea squash", "Correct the licence (#12)\n\nText.\n\nReviewed-on: http://localhost:3000/git/koonti/koonti/pulls/12\n" +
			"Co-authored-by: A <a@example.org>\nCo-committed-by: A <a@example.org>\n", 1,
			pr(12, "Correct the licence", "http://localhost:3000/git/koonti/koonti/pulls/12")},
		{"gitea, only the trailer", "Correct the licence\n\nReviewed-on: https://codeberg.org/a/b/pulls/12\n", 1,
			pr(12, "Correct the licence", "https://codeberg.org/a/b/pulls/12")},
		{"gitea, address of another number", "Backport (#34)\n\nReviewed-on: https://codeberg.org/a/b/pulls/12\n", 1, pr(34, "Backport", "")},
		{"gitea before 1.12", "Merge branch 'fix' of aino/koonti into main", 2, nil},
		{"gerrit", "Correct\n\nChange-Id: I0123\nReviewed-on: https://gerrit.example.org/c/koonti/+/12345\n", 1,
			pr(12345, "Correct", "https://gerrit.example.org/c/koonti/+/12345")},

		{"bitbucket cloud", "Merged in fix/licence (pull request #12)\n\nCorrect the licence\n\nApproved-by: Jane Doe\n", 2, pr(12, "Correct the licence", "")},
		{"bitbucket server", "Pull request #12: Correct the licence\n\nMerge in K/koonti from fix to main\n\n* commit '0123':\n  x", 2,
			pr(12, "Correct the licence", "")},
		{"bitbucket server, older", "Merge pull request #12 in K/koonti from fix to master\n\n* commit '0123':\n  x", 2, pr(12, "", "")},
		{"azure devops", "Merged PR 12: Correct the licence\n\nText", 2, pr(12, "Correct the licence", "")},
		{"our own", "Merge proposal #12: Correct the licence\n\nText\n\nApproved-by: B <b@example.org>\nProposal: 12\n", 2, pr(12, "Correct the licence", "")},

		{"our trailer", "Correct the licence\n\nPull-request: 12\n", 1, pr(12, "Correct the licence", "")},
		{"our trailer with a sign", "Correct\n\npull-request: #12\n", 1, pr(12, "Correct", "")},
		{"our trailer with an address", "Correct\n\nPull-request: https://github.com/a/b/pull/12\n", 1, pr(12, "Correct", "https://github.com/a/b/pull/12")},
		{"our merge", "Merge branch 'proposals/12'\n\nCorrect the licence\n\nProposal: 12\nApproved-by: A <a@example.org>\n", 2, pr(12, "Correct the licence", "")},
		{"our trailer before the subject", "Correct (#3)\n\nProposal: 12\n", 1, pr(12, "Correct", "")},
		{"our trailer that is none", "Correct (#3)\n\nProposal: to do better\n", 1, pr(3, "Correct", "")},
		{"node's trailer", "doc: x\n\nPR-URL: https://github.com/nodejs/node/pull/12\nReviewed-By: A <a@example.org>\n", 1,
			pr(12, "doc: x", "https://github.com/nodejs/node/pull/12")},

		{"revert", "Revert \"Correct the licence (#12)\"\n\nThis reverts commit 0123456.\n", 1, nil},
		{"revert of a merge", "Revert \"Merge pull request #12 from org/fix\"\n\nThis reverts commit 0123456, reversing\nchanges made to 0123457.\n", 1, nil},
		{"revert, squashed", "Revert \"Correct the licence (#12)\" (#34)", 1, pr(34, "Revert \"Correct the licence (#12)\"", "")},
		{"revert, merged", "Merge pull request #34 from org/revert-12-fix\n\nRevert \"Correct the licence\"", 2, pr(34, "Revert \"Correct the licence\"", "")},
		{"issue fixed", "Correct the licence (fixes #12)", 1, nil},
		{"issue named", "Correct the licence, #12", 1, nil},
		{"issue within", "Correct (#12) the licence", 1, nil},
		{"issue closed in the text", "Correct\n\nCloses #12, see merge request a/b!13\n", 1, nil},
		{"main merged into a branch", "Merge branch 'main' into fix (#12)", 2, nil},
		{"main merged from afar", "Merge remote-tracking branch 'origin/main' into fix", 2, nil},
		{"pulled", "Merge branch 'main' of https://github.com/org/koonti", 2, nil},
		{"tag merged", "Merge tag 'v1' into main (#12)", 2, nil},

		{"number of ten digits", "Correct (#1234567890)\n\nPull-request: 1234567890\nReviewed-on: https://a.example/b/c/pulls/1234567890\n", 1, nil},
		{"ten digits merged", "Merge pull request #1234567890 from a/b", 2, nil},
		{"number of nine digits", "Correct (#999999999)", 1, pr(999999999, "Correct", "")},
		{"zero", "Correct (#0)", 1, nil},
		{"leading zero", "Merge pull request #012 from a/b", 2, nil},
		{"negative", "Correct (#-1)", 1, nil},
		{"other digits", "Correct (#١٢)", 1, nil},
		{"address of another scheme", "Correct\n\nPull-request: javascript://x/pull/12\n", 1, nil},
		{"address without host", "Correct\n\nReviewed-on: https:///a/b/pulls/12\n", 1, nil},
		{"address with a secret", "Correct\n\nReviewed-on: https://me:secret@example.org/a/b/pulls/12\n", 1, nil},
		{"address with a secret beside a number", "Correct (#12)\n\nReviewed-on: https://me:secret@example.org/a/b/pulls/12\n", 1, pr(12, "Correct", "")},
		{"address with markup", "Correct\n\nReviewed-on: https://example.org/<b>/pulls/12\n", 1, nil},
		{"address too long", "Correct (#12)\n\nReviewed-on: https://example.org/" + strings.Repeat("a", 2000) + "/pulls/12\n", 1, pr(12, "Correct", "")},
		{"address of something else", "Correct\n\nReviewed-on: https://example.org/a/b/issues/12\n", 1, nil},
		{"control characters", "Correct\x1b[31m the\u202e licence\x00 (#12)", 1, pr(12, "Correct[31m the licence", "")},
		{"not UTF-8", "Corr\xe9ct (#12)", 1, pr(12, "Corr\uFFFDct", "")},
		{"empty", "", 0, nil},
		{"blank", " \n\n\t\n", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readMessage(c.text, c.parents)
			if diff := cmp.Diff(c.want, got.pullRequest); diff != "" {
				t.Errorf("pull request (-want +got):\n%s", diff)
			}
			if want := c.want != nil && c.parents > 1; got.merges != want {
				t.Errorf("merges = %v, want %v", got.merges, want)
			}
		})
	}
}

func TestPeopleAreThoseOfTheTrailers(t *testing.T) {
	for _, c := range []struct {
		name                             string
		text                             string
		coAuthors, reviewers, approvers_ []person
	}{
		{"of a squash", "T (#1)\n\n* a\n\nCo-authored-by: In Between <no@example.org>\n\n* b\n\n---------\n\n" +
			"Co-authored-by: Åsa Öberg <asa@example.org>\nco-authored-by: Åsa Öberg <asa@example.org>\nCo-Authored-By: B <b@example.org>\n",
			[]person{{"Åsa Öberg", "asa@example.org"}, {"B", "b@example.org"}}, nil, nil},
		{"of Gitea", "T (#1)\n\nReviewed-on: https://a.example/b/c/pulls/1\nReviewed-by: A <a@example.org>\nReviewed-by: B <b@example.org>\n" +
			"Co-authored-by: C <c@example.org>\nCo-committed-by: C <c@example.org>\n",
			[]person{{"C", "c@example.org"}}, []person{{"A", "a@example.org"}, {"B", "b@example.org"}}, nil},
		{"of Bitbucket", "Merged in x (pull request #1)\n\nT\n\nApproved-by: Jane Doe\nApproved-by: john@example.org\n",
			nil, nil, []person{{"Jane Doe", ""}, {"", "john@example.org"}}},
		{"of the kernel", "T\n\nSigned-off-by: A <a@example.org>\nCo-developed-by: B <b@example.org>\nAcked-by: C <c@example.org> # the API\nTested-by: D <d@example.org>\n",
			[]person{{"B", "b@example.org"}}, nil, []person{{"C", "c@example.org"}}},
		{"folded", "T\n\nReviewed-by: A\n  Long Name\n  <a@example.org>\n", nil, []person{{"A Long Name", "a@example.org"}}, nil},
		{"several in a line", "T\n\nReviewed-by: A <a@example.org>, B <b@example.org>; C <c@example.org>\n",
			nil, []person{{"A", "a@example.org"}, {"B", "b@example.org"}, {"C", "c@example.org"}}, nil},
		{"not in the title", "Reviewed-by: A <a@example.org>\n", nil, nil, nil},
		{"not before the last paragraph", "T\n\nReviewed-by: A <a@example.org>\n\nText.\n", nil, nil, nil},
		{"not among text", "T\n\nText.\nReviewed-by: A <a@example.org>\n", nil, nil, nil},
		{"nobody", "T\n\nReviewed-by: \nReviewed-by: <>\nReviewed-by: A <a@example.org\n", nil, nil, nil},
		{"hostile", "T\n\nReviewed-by: A\x1b[2J\u202eB <a\x00@example.org>\n", nil, []person{{"A[2JB", "a@example.org"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readMessage(c.text, 1)
			opt := cmp.AllowUnexported(person{})
			if diff := cmp.Diff([][]person{c.coAuthors, c.reviewers, c.approvers_}, [][]person{got.coAuthors, got.reviewers, got.approvers}, opt); diff != "" {
				t.Errorf("co-authors, reviewers, approvers (-want +got):\n%s", diff)
			}
		})
	}
}

// messageTexts are texts whose trailers Git and we must find alike.
var messageTexts = map[string]string{
	"none":                     "Title\n",
	"one":                      "Title\n\nA: b\n",
	"title only":               "A: b\n",
	"title of several lines":   "Title\nA: b\n",
	"after blank lines":        "\n\nTitle\n\nA: b\n",
	"after text":               "Title\n\nText.\n\nA: b\nC-d: e f\n",
	"all must be trailers":     "Title\n\nText.\nA: b\n",
	"a quarter with Git's own": "Title\n\none\ntwo\nthree\nSigned-off-by: A <a@example.org>\n",
	"less than a quarter":      "Title\n\none\ntwo\nthree\nfour\nSigned-off-by: A <a@example.org>\n",
	"two in seven":             "Title\n\none\ntwo\nthree\nfour\nfive\nsix\nA: b\nSigned-off-by: A <a@example.org>\n",
	"cherry-picked":            "Title\n\ntext\nA: b\n(cherry picked from commit 0123456789012345678901234567890123456789)\n",
	"folded":                   "Title\n\nA: b\n  c\n\td\nE: f\n",
	"folded from nothing":      "Title\n\nA:\n  b\n",
	"folded first":             "Title\n\n  b\nA: c\n",
	"folded after text":        "Title\n\ntext\n  more\n  more\n  more\nSigned-off-by: A <a@example.org>\n",
	"folded after a comment":   "Title\n\nA: b\n# c\n  d\nE: f\n",
	"space before the colon":   "Title\n\nA : b\nC\t: d\n",
	"space within the key":     "Title\n\nA b: c\n",
	"space before the key":     "Title\n\n A: b\n",
	"no key":                   "Title\n\n: b\n",
	"empty value":              "Title\n\nA:\nB: c\n",
	"Git's own and empty":      "Title\n\ntext\nSigned-off-by: \n",
	"key of other letters":     "Title\n\nÄ: b\n",
	"key with underscore":      "Title\n\nA_b: c\n",
	"key with digits":          "Title\n\nA1-2: c\n",
	"number sign":              "Title\n\nA: b\n#12: c\n",
	"comment at the end":       "Title\n\nA: b\n\n# comment\n# comment\n",
	"comment before":           "Title\n\n# comment\nA: b\n",
	"conflicts":                "Title\n\nA: b\n\nConflicts:\n\tx\n\ty\n",
	"conflicts and text":       "Title\n\nA: b\n\nConflicts:\n\tx\n\ntext: x\n",
	"scissors":                 "Title\n\nA: b\n\n# ------------------------ >8 ------------------------\n\nC: d\n",
	"three dashes":             "Title\n\nA: b\n---\nC: d\n",
	"three dashes apart":       "Title\n\ntext\n\n---\n\nC: d\n",
	"blank line of spaces":     "Title\n \t\nA: b\n \n\n",
	"two blocks":               "Title\n\nA: b\n\nC: d\n",
	"windows":                  "Title\r\n\r\nA: b\r\nC: d\r\n",
	"windows, folded":          "Title\r\n\r\nA: b\r\n  c\r\nC: d\r\n",
	"no newline at the end":    "Title\n\nA: b",
	"address":                  "Title\n\nhttps://example.org/a\n",
	"values with colons":       "Title\n\nReviewed-on: https://example.org/a:b\n",
	"letter case":              "Title\n\nREVIEWED-BY: A <a@example.org>\nreviewed-by: B <b@example.org>\n",
	"equals sign":              "Title\n\nA=b\n",
	"comment as title":         "# Title\n\nA: b\n",
	"vertical tab":             "Title\n\nA: b\n\v\nC: d\n",
	"empty":                    "",
}

func TestTrailersAreThoseThatGitFinds(t *testing.T) {
	dir := t.TempDir()
	for name, text := range messageTexts {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(gitTrailers(t, dir, text), ourTrailers(text)); diff != "" {
				t.Errorf("trailers of %q (-git +ours):\n%s", text, diff)
			}
		})
	}
}

// ourTrailers are the trailers in the form of git interpret-trailers --parse.
func ourTrailers(text string) []string {
	var lines []string
	for _, t := range trailersOf(text, false) {
		lines = append(lines, strings.Join(strings.Fields(t.key+": "+t.value), " "))
	}
	return lines
}

func gitTrailers(t testing.TB, dir, text string) []string {
	t.Helper()
	return trimmedLines(runGit(t, dir, text, "interpret-trailers", "--parse", "--no-divider"))
}

// TestSubjectAndTrailersAreThoseOfGitLog holds messages made of random lines against
// what git log makes of them.
func TestSubjectAndTrailersAreThoseOfGitLog(t *testing.T) {
	pieces := []string{
		"Title", "text of a body", "", "", " ", "A: b", "Reviewed-by: A <a@example.org>", "Signed-off-by: B <b@example.org>", "Signed-off-by: ",
		"  folded", "\tfolded: too", "# comment", "---", "(cherry picked from commit 0123)", "Conflicts:", "\tpath", "key : value", "no key: value", "A:", ": b", "x\r", "C: d\r", "\r",
	}
	random := rand.New(rand.NewPCG(4, 4))
	var texts []string
	var stream strings.Builder
	for len(texts) < 3000 {
		lines := make([]string, 1+random.IntN(12))
		for i := range lines {
			lines[i] = pieces[random.IntN(len(pieces))]
		}
		text := strings.Join(lines, "\n")
		texts = append(texts, text)
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter A <a@example.org> 1600000000 +0000\ndata %d\n%s\n", len(text), text)
	}
	dir := t.TempDir()
	runGit(t, dir, "", "init", "-q", "-b", "main")
	runGit(t, dir, stream.String(), "fast-import", "--quiet")
	out := runGit(t, dir, "", "log", "--reverse", "-z", "--format=%s%x01%(trailers:only,unfold)", "main")
	for i, entry := range strings.Split(strings.TrimSuffix(out, "\x00"), "\x00") {
		subject, trailers, _ := strings.Cut(entry, "\x01")
		if got, want := trimmedLines(readMessage(texts[i], 1).subject), trimmedLines(subject); !cmp.Equal(got, want) {
			t.Errorf("subject of %q = %q, want %q", texts[i], got, want)
		}
		if diff := cmp.Diff(trimmedLines(trailers), ourTrailers(texts[i])); diff != "" {
			t.Errorf("trailers of %q (-git +ours):\n%s", texts[i], diff)
		}
	}
}

// trimmedLines are the lines of text that are not blank, white space joined.
func trimmedLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestSubjectIsThatOfGit(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Title", "Title"},
		{"\n\nTitle  \nmore\n \nText", "Title more"},
		{"Title\r\nmore\r\n\r\nText", "Title more"},
		{"  Title", "Title"},
		{"Ti\ttle\x07", "Ti tle"},
		{strings.Repeat("ä", 1000), strings.Repeat("ä", 500)},
		{"", ""},
	} {
		if got := readMessage(c.text, 1).subject; got != c.want {
			t.Errorf("subject of %q = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestLongMessagesAreReadAtBothEnds(t *testing.T) {
	got := readMessage("Title (#12)\n\n"+strings.Repeat("word and word\n", 1<<18)+"\nReviewed-by: A <a@example.org>\n", 1)
	want := message{subject: "Title (#12)", pullRequest: &content.PullRequest{Number: 12, Title: "Title"}, reviewers: []person{{"A", "a@example.org"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(message{}, person{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHostileMessagesCostLittle repeats what could cost most until it fills what is
// read. A message takes some 10 ms then; a quadratic step would take seconds.
func TestHostileMessagesCostLittle(t *testing.T) {
	for _, piece := range []string{
		"a", " ", "(#12) ", "' (#12) from a into b ", "Merge pull request '", "\n", " \n", "A: b\n", "A:\n b\n", "\nSee merge request a/b!12", "a\n",
		"\nReviewed-by: A <a@example.org>", "\nReviewed-on: https://a.example/pulls/12", "\nPull-request: https://a.example/pull/x",
	} {
		for _, start := range []string{"", "Merge pull request '", "Title\n\nA: b\n"} {
			text := start + strings.Repeat(piece, messageBytes/len(piece)-40) + "\n c\n"
			took := time.Hour
			for range 3 { // the fastest counts: the machine may be busy
				began := time.Now()
				readMessage(text, 2)
				if took = min(took, time.Since(began)); took <= time.Second {
					break
				}
			}
			if took > time.Second {
				t.Errorf("%q and many %q: %v", start, piece, took)
			}
		}
	}
}

func TestPeopleAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("Title\n\n")
	for i := range 300 {
		fmt.Fprintf(&b, "Reviewed-by: N%d <%d@example.org>\nCo-authored-by: %s <%d@example.org>\n", i, i, strings.Repeat("ö", 20), i)
	}
	got := readMessage(b.String(), 1)
	if n := len(got.reviewers) + len(got.coAuthors); n != 100 {
		t.Errorf("%d people, want 100", n)
	}
}

func FuzzReadMessage(f *testing.F) {
	for _, text := range messageTexts {
		f.Add(text, 1)
	}
	f.Add("Merge pull request #12 from org/x\n\nTitle\n", 2)
	f.Add("Merge branch 'x' into 'main'\n\nTitle\n\nSee merge request a/b!12\n", 2)
	f.Add("Merge pull request 'T' (#12) from x into main\n\nReviewed-on: https://a.example/b/c/pulls/12\nReviewed-by: A <a@b>\n", 2)
	f.Add("Revert \"T (#12)\" (#34)\xff\x00", 1)
	f.Add("T\n\nPull-request: https://a.example/b/pull/1\n", 1)
	f.Fuzz(func(t *testing.T, text string, parents int) {
		m := readMessage(text, parents)
		shown := []string{m.subject}
		people := 0
		for _, list := range [][]person{m.coAuthors, m.reviewers, m.approvers} {
			for _, p := range list {
				shown = append(shown, p.name, p.email)
				people++
			}
		}
		if pr := m.pullRequest; pr != nil {
			shown = append(shown, pr.Title, pr.URL)
			if pr.Number < 1 || pr.Number > 999_999_999 {
				t.Errorf("number %d", pr.Number)
			}
			if pr.URL != "" && !strings.HasPrefix(strings.ToLower(pr.URL), "http") {
				t.Errorf("address %q", pr.URL)
			}
		}
		if people > messagePeople {
			t.Errorf("%d people", people)
		}
		for _, s := range shown {
			if len(s) > urlBytes || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q from %q", s, text)
			}
		}
	})
}
