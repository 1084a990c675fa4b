//go:build e2e

package cli

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/forge/gitea/giteatest"
)

// What editors, reviewers, maintainers and readers do with a real Gitea, a real git
// client and koonti serve, from end to end.
func TestE2EServe(t *testing.T) {
	s := giteatest.Start(t)
	f := settle(t, s)
	for _, test := range []struct {
		name, town string
		run        func(*town)
	}{
		{"an editor proposes and amends by GraphQL", "graphql", proposesByGraphQL},
		{"proposals come by git push and by editing in Gitea", "pushes", proposesElsewhere},
		{"reviews are made on both sides", "reviews", reviewsOnBothSides},
		{"an owner's approval is told to Gitea", "owners", ownersApprove},
		{"conflicts are told and settled", "conflicts", conflictsAreSettled},
		{"what is merged here or there is read at once", "merges", mergesOnBothSides},
		{"closing, reopening and talking on both sides", "talks", talksOnBothSides},
		{"who may not, does not", "rights", rightsAreGiteas},
		{"a protected branch wants an approval", "protected", protectedBranch},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(served(t, s, f, test.town)) })
	}
	t.Run("polling alone is quick enough", func(t *testing.T) { pollingAlone(found(t, s, f, "polling")) })
	t.Run("what was done in Gitea counts before it was heard of", func(t *testing.T) { unheard(found(t, s, f, "unheard")) })
	// The last, because it stops the server.
	t.Run("Gitea is away", func(t *testing.T) { giteaAway(found(t, s, f, "away")) })
}

func proposesByGraphQL(w *town) {
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	pr := w.pull(p.Number)
	w.expect("on Gitea", []string{"A share", "Because *so*.", "editor", "main", p.Head, string(sdk.StateOpen)},
		[]string{pr.Title, pr.Body, pr.Poster.UserName, pr.Base.Ref, pr.Head.Sha, string(pr.State)})
	w.expect("here", []string{"OPEN", "Eeva Editor", "refs/heads/main", pr.HTMLURL}, []string{p.State, p.Author.Name, p.Target, p.URL})
	w.expect("who wrote the commit", "Eeva Editor <editor@example.org>", w.authorOf(p.Head))
	w.shown(p.Number, p.Head, "api success", "content success", "merge success", "owners success", "reviews success")
	first := w.summary(p.Number, "| check |", "`koonti/content`", "`koonti/owners`", "/sharePercent", "34", "40")

	input := map[string]any{"input": map[string]any{"number": p.Number, "head": p.Head, "title": "A share, and an order", "edits": []any{themeEdit("/ordinal", 7)}}}
	q := w.did(w.folk.editor, amending, input)
	w.shown(q.Number, q.Head, "api success", "content success", "merge success", "owners success", "reviews success")
	second := w.summary(p.Number, "/sharePercent", "/ordinal", "7")
	w.expect("the comment is the same one", first.ID, second.ID)
	pr = w.pull(p.Number)
	w.expect("on Gitea, amended", []string{"A share, and an order", q.Head}, []string{pr.Title, pr.Head.Sha})
	w.expect("what is proposed", []float64{40, 34}, []float64{w.value(w.folk.reader, "proposal/1", "sharePercent"), w.value("", "", "sharePercent")})
	w.refused("OUTDATED", w.folk.editor, amending, input)
	w.expect("comments are nobody's but people's", 0, len(w.look(1).Comments))
}

// authorOf is who wrote a commit, says git.
func (w *town) authorOf(commit string) string {
	w.t.Helper()
	w.git("fetch", "-q", "origin", commit)
	return strings.TrimSpace(w.git("show", "-s", "--format=%an <%ae>", commit))
}

func proposesElsewhere(w *town) {
	w.pushes(w.folk.editor, "order", theme, replacing(`"ordinal": 2`, `"ordinal": 9`))
	n := w.open(w.folk.editor, "order", "Another order")
	p := w.comes(n, "it is checked", func(p seen) bool { return p.check("merge").Status == "PASSED" })
	w.expect("what changes", "themes "+themeID+" UPDATED /ordinal", oneDiff(p))
	w.expect("here", []any{"Another order", "Eeva Editor", true}, []any{p.Title, p.Author.Name, p.Mergeable})
	w.expect("what is proposed", 9.0, w.value(w.folk.editor, "proposal/1", "ordinal"))
	w.shown(n, p.Head, "api success", "content success", "merge success", "owners success", "reviews success")

	w.edits(w.folk.editor, "main", "share", theme, replacing(`"sharePercent": 34`, `"sharePercent": 340`))
	n = w.open(w.folk.editor, "share", "A share")
	p = w.comes(n, "it is wrong", func(p seen) bool { return p.check("content").Status == "FAILED" })
	problems := p.check("content").Problems
	if len(problems) != 1 || problems[0].Path != theme || problems[0].Pointer != "/sharePercent" || problems[0].Line != 7 || problems[0].Column == 0 {
		w.t.Errorf("problems: %+v", problems)
	}
	w.expect("mergeable", false, p.Mergeable)
	w.expect("what is proposed by it", 340.0, w.value(w.folk.editor, "proposal/2", "sharePercent"))
	w.shown(n, p.Head, "api success", "content failure", "merge success", "owners success", "reviews success")
	w.summary(n, fmt.Sprintf("%s:%d:%d", theme, problems[0].Line, problems[0].Column))
	w.refused("INVALID", w.folk.maintainer, merging, at(p))

	w.edits(w.folk.editor, "share", "", theme, replacing(`"sharePercent": 340`, `"sharePercent": 35`))
	p = w.comes(n, "it is mended", func(p seen) bool { return p.check("content").Status == "PASSED" })
	w.shown(n, p.Head, "api success", "content success", "merge success", "owners success", "reviews success")
	w.expect("what is proposed in the end", 35.0, w.value(w.folk.editor, "proposal/2", "sharePercent"))
	w.expect("what happened", []string{"OPENED Eeva Editor", "EDITED Eeva Editor"}, p.events())

	var data struct {
		Theme struct{ Proposals []struct{ Number int } }
	}
	w.ask(w.folk.reader, `{ theme(id: "`+themeID+`") { proposals { number } } }`, nil, &data)
	w.expect("the proposals of the record", 2, len(data.Theme.Proposals))
}

// oneDiff is the only change of a proposal, of one field.
func oneDiff(p seen) string {
	if len(p.Diffs) != 1 || len(p.Diffs[0].Fields) != 1 {
		return fmt.Sprintf("%+v", p.Diffs)
	}
	return fmt.Sprintf("themes %s %s %s", p.Diffs[0].Record.ID, p.Diffs[0].Kind, p.Diffs[0].Fields[0].Field)
}

func reviewsOnBothSides(w *town) {
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	n := p.Number
	is := func(want ...string) func(seen) bool {
		return func(p seen) bool { return slices.Equal(p.verdicts(), want) }
	}
	w.judges(w.folk.reviewer, n, sdk.ReviewStateApproved, "")
	w.comes(n, "approved in Gitea", is("APPROVED Riku Reviewer"))
	w.judges(w.folk.reviewer, n, sdk.ReviewStateRequestChanges, "Not so.")
	p = w.comes(n, "changes asked for in Gitea", is("(APPROVED Riku Reviewer)", "CHANGES_REQUESTED Riku Reviewer"))
	w.expect("what was said", "Not so.", p.Reviews[1].Text)
	w.refused("APPROVAL", w.folk.maintainer, merging, at(p))
	w.judges(w.folk.reviewer, n, sdk.ReviewStateApproved, "Now it is.")
	w.comes(n, "approved again in Gitea", is("(APPROVED Riku Reviewer)", "(CHANGES_REQUESTED Riku Reviewer)", "APPROVED Riku Reviewer"))

	w.did(w.folk.maintainer, verdictOn, at(p, "verdict", "CHANGES_REQUESTED", "text", "Wait."))
	w.did(w.folk.maintainer, verdictOn, at(p, "verdict", "APPROVED", "text", "Well."))
	there := given[[]*sdk.PullReview](w)(w.as(w.folk.reader).ListPullReviews("root", w.name, int64(n), sdk.ListPullReviewsOptions{}))
	var got []string
	for _, r := range there {
		got = append(got, fmt.Sprintf("%s %s %s", r.Reviewer.UserName, r.State, r.Body))
	}
	w.expect("in Gitea", []string{"reviewer APPROVED ", "reviewer REQUEST_CHANGES Not so.", "reviewer APPROVED Now it is.", "maintainer REQUEST_CHANGES Wait.", "maintainer APPROVED Well."}, got)

	w.git("fetch", "-q", "origin")
	branch := strings.TrimPrefix(w.pull(n).Head.Ref, "refs/heads/")
	w.git("checkout", "-q", "-B", branch, p.Head)
	w.rewrites(theme, replacing(`"sharePercent": 40`, `"sharePercent": 41`))
	w.git("push", "-q", giteatest.As(w.remote, w.folk.editor), branch)
	p = w.comes(n, "pushed", func(q seen) bool { return q.Head != p.Head })
	for _, r := range p.Reviews {
		if !r.Stale {
			w.t.Errorf("a review of what was there before counts: %+v", r)
		}
	}
	w.refused("OUTDATED", w.folk.reviewer, verdictOn, map[string]any{"n": n, "head": there[0].CommitID, "verdict": "APPROVED"})
}

// ownersApprove: a field has an owner; the status that Gitea shows follows the reviews.
func ownersApprove(w *town) {
	w.git("checkout", "-q", "main")
	save(w.t, w.clone+"/schema/owners.json", `{"owners": [{"collection": "themes", "field": "/sharePercent", "people": ["reviewer@example.org"]}]}`+"\n")
	w.git("add", "-A")
	w.git("commit", "-qm", "owners")
	w.git("push", "-q", "origin", "main")
	w.within("the owners are in force", func() bool {
		return string(w.post(w.folk.editor, `{ commit(revision: "main") { subject } }`, nil).Data) == `{"commit":{"subject":"owners"}}`
	})
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	w.expect("who has to approve", []string{"reviewer@example.org"}, p.check("owners").Missing)
	w.shown(p.Number, p.Head, "api success", "content success", "merge success", "owners pending", "reviews success")
	w.refused("APPROVAL", w.folk.maintainer, merging, at(p))
	w.judges(w.folk.reviewer, p.Number, sdk.ReviewStateApproved, "Mine.")
	w.shown(p.Number, p.Head, "api success", "content success", "merge success", "owners success", "reviews success")
	w.expect("merged", "MERGED", w.did(w.folk.maintainer, merging, at(p)).State)
}

func conflictsAreSettled(w *town) {
	one := w.propose("Forty", themeEdit("/sharePercent", 40))
	two := w.propose("Fifty", themeEdit("/sharePercent", 50))
	beside := w.propose("Order", themeEdit("/ordinal", 9))
	w.did(w.folk.maintainer, merging, at(one))
	conflict := []conflicting{{theme, "/sharePercent", 34, 40, 50}}
	two = w.look(two.Number)
	w.expect("told", []any{conflict, false, "FAILED"}, []any{two.Conflicts, two.Mergeable, two.check("merge").Status})
	w.shown(two.Number, two.Head, "api success", "content success", "merge failure", "owners success", "reviews success")
	w.summary(two.Number, "/sharePercent", "40", "50")
	w.expect("what has to be settled", conflict, w.refused("CONFLICT", w.folk.maintainer, merging, at(two)).Conflicts)
	merged := w.did(w.folk.maintainer, merging, at(two, "with", []any{map[string]any{"path": theme, "field": "/sharePercent", "value": 45}}))
	w.merged(merged, "maintainer")
	w.expect("what is served", 45.0, w.value("", "", "sharePercent"))

	w.expect("git joins lines that are neighbours", false, w.joinsByLines(beside.Head, merged.MergedAs))
	w.merged(w.did(w.folk.maintainer, merging, at(beside)), "maintainer")
	w.expect("both are served", []float64{45, 9}, []float64{w.value("", "", "sharePercent"), w.value("", "", "ordinal")})
	w.git("fetch", "-q", "origin")
	text := w.git("show", "origin/main:"+theme)
	if !strings.Contains(text, "\"ordinal\": 9,\n  \"sharePercent\": 45,\n") {
		w.t.Errorf("the file on Gitea:\n%s", text)
	}
	for _, p := range []seen{one, two, beside} {
		w.expect("what is in main of what was reviewed", "", w.git("log", "--format=%h", p.Head, "--not", "origin/main"))
	}
}

// merged wants Gitea to call a pull request merged, by somebody, as the commit that is here.
func (w *town) merged(p seen, by string) {
	w.t.Helper()
	pr := w.pull(p.Number)
	if !pr.HasMerged || pr.MergedBy == nil || pr.MergedCommitID == nil {
		w.t.Fatalf("the pull request is not merged: %+v", pr)
	}
	w.expect("on Gitea", []string{by, p.MergedAs, "MERGED"}, []string{pr.MergedBy.UserName, *pr.MergedCommitID, p.State})
}

// told holds the newest step of the history against a proposal.
func (w *town) told(n int, title, approver, merger, record string) {
	w.t.Helper()
	s := w.lastStep()
	w.expect("pull request", []any{n, title}, []any{s.PullRequest.Number, s.PullRequest.Title})
	if len(s.Approvals) != 1 || s.Approvals[0].Person.Name != approver {
		w.t.Errorf("approvals: %+v, want one by %s", s.Approvals, approver)
	}
	w.expect("merger", merger, s.Commit.Committer.Name)
	if len(s.Records) != 1 || s.Records[0].Record.ID != record || s.Records[0].Kind != "CREATED" {
		w.t.Errorf("records: %+v", s.Records)
	}
}

func mergesOnBothSides(w *town) {
	p := w.propose("A project", newProject("uusi-a"))
	w.did(w.folk.reviewer, verdictOn, at(p, "verdict", "APPROVED"))
	q := w.did(w.folk.maintainer, merging, at(p))
	w.publishedSoon("uusi-a")
	w.merged(q, "maintainer")
	w.told(p.Number, "A project", "Riku Reviewer", "Maija Maintainer", "uusi-a")

	for i, style := range []sdk.MergeStyle{sdk.MergeStyleMerge, sdk.MergeStyleSquash, sdk.MergeStyleRebaseMerge} {
		id := fmt.Sprintf("uusi-%d", i)
		p := w.propose("Project "+id, newProject(id))
		w.judges(w.folk.reviewer, p.Number, sdk.ReviewStateApproved, "")
		w.presses(w.folk.maintainer, p.Number, style, "Reviewed-on: "+w.pull(p.Number).HTMLURL+"\nReviewed-by: Riku Reviewer <reviewer@example.org>")
		w.publishedSoon(id)
		p = w.comes(p.Number, "it is merged", func(p seen) bool { return p.State == "MERGED" })
		w.expect("how it ended", "MERGED Maija Maintainer", p.events()[len(p.events())-1])
		w.merged(p, "maintainer")
		w.told(p.Number, "Project "+id, "Riku Reviewer", "Maija Maintainer", id)
	}
}

func pollingAlone(w *town) {
	w.serve("--fetch", "1s")
	w.edits(w.folk.editor, "main", "share", theme, replacing(`"sharePercent": 34`, `"sharePercent": 35`))
	n := w.open(w.folk.editor, "share", "A share")
	w.comes(n, "it is there", func(p seen) bool { return p.check("content").Status == "PASSED" })
	p := w.propose("A project", newProject("uusi-p"))
	w.presses(w.folk.maintainer, p.Number, sdk.MergeStyleMerge, "")
	w.publishedSoon("uusi-p")
	w.comes(p.Number, "it is merged", func(p seen) bool { return p.State == "MERGED" })
}

// unheard: between two looks at Gitea something happened there.
func unheard(w *town) {
	w.serve("--fetch", "1h")
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	w.shown(p.Number, p.Head, "api success", "content success", "merge success", "owners success", "reviews success")
	w.git("checkout", "-q", "main")
	w.rewrites("records/themes/asiakastiedon-hallinta.json", replacing(`"ordinal": `, `"ordinal": 1`))
	w.git("push", "-q", "origin", "main")
	w.judges(w.folk.reviewer, p.Number, sdk.ReviewStateRequestChanges, "Not so.")
	w.refused("APPROVAL", w.folk.maintainer, merging, at(p)) // though nobody told the server
	w.judges(w.folk.reviewer, p.Number, sdk.ReviewStateApproved, "Yes.")
	out := w.do(w.folk.maintainer, merging, at(p))
	if !out.OK { // unless what was refused was looked at again already
		w.expect("merging before the approval was heard of", "APPROVAL", out.Refusal.Reason)
		w.comes(p.Number, "what was refused is looked at again", func(p seen) bool { return len(p.Reviews) == 2 })
		out = w.do(w.folk.maintainer, merging, at(p))
	}
	if !out.OK {
		w.t.Fatalf("refused: %+v", out.Refusal)
	}
	w.merged(*out.Proposal, "maintainer")
	step := w.lastStep()
	if len(step.Approvals) != 1 || step.Approvals[0].Person.Name != "Riku Reviewer" {
		w.t.Errorf("approvals: %+v", step.Approvals)
	}
}

func talksOnBothSides(w *town) {
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	n := p.Number
	w.did(w.folk.reviewer, saying, map[string]any{"n": n, "text": "From here."})
	done(w.t)(w.as(w.folk.editor).CreateIssueComment("root", w.name, int64(n), sdk.CreateIssueCommentOption{Body: "From there."}))
	p = w.comes(n, "both are here", func(p seen) bool { return len(p.Comments) == 2 })
	w.expect("here", []string{"Riku Reviewer: From here.", "Eeva Editor: From there."}, []string{p.Comments[0].Person.Name + ": " + p.Comments[0].Text, p.Comments[1].Person.Name + ": " + p.Comments[1].Text})
	w.summary(n)
	var there []string
	for _, c := range w.remarks(n) {
		if c.Poster.UserName != "service" {
			there = append(there, c.Poster.UserName+": "+c.Body)
		}
	}
	w.expect("there", []string{"reviewer: From here.", "editor: From there."}, there)

	w.expect("closed here", "CLOSED", w.did(w.folk.editor, closing, map[string]any{"n": n}).State)
	w.expect("there", sdk.StateClosed, w.pull(n).State)
	w.turns(n, sdk.StateOpen)
	w.comes(n, "reopened there", func(p seen) bool { return p.State == "OPEN" })
	w.turns(n, sdk.StateClosed)
	w.comes(n, "closed there", func(p seen) bool { return p.State == "CLOSED" })
	w.refused("STATE", w.folk.maintainer, merging, at(p))
	w.expect("reopened here", "OPEN", w.did(w.folk.editor, reopening, map[string]any{"n": n}).State)
	w.expect("there, again", sdk.StateOpen, w.pull(n).State)
	w.expect("what happened", []string{
		"OPENED Eeva Editor", "COMMENTED Riku Reviewer", "COMMENTED Eeva Editor",
		"CLOSED Eeva Editor", "REOPENED Maija Maintainer", "CLOSED Maija Maintainer", "REOPENED Eeva Editor",
	}, w.look(n).events())
	other := w.post(w.folk.reviewer, fill(closing), map[string]any{"n": n})
	w.expect("closing somebody else's", "FORBIDDEN", other.code())
}

// turns closes or opens a pull request in Gitea.
func (w *town) turns(n int, to sdk.StateType) {
	w.t.Helper()
	done(w.t)(w.as(w.folk.maintainer).EditPullRequest("root", w.name, int64(n), sdk.EditPullRequestOption{State: &to}))
}

func rightsAreGiteas(w *town) {
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	change := draft("Another", themeEdit("/ordinal", 9))
	for _, test := range []struct {
		name, token, mutation string
		with                  map[string]any
		status                int
		code                  string
	}{
		{"a reader proposes", w.folk.reader, proposing, change, 403, "FORBIDDEN"},
		{"a reader comments", w.folk.reader, saying, map[string]any{"n": 1, "text": "Hm."}, 403, "FORBIDDEN"},
		{"a stranger proposes", w.folk.stranger, proposing, change, 403, "FORBIDDEN"},
		{"an editor merges", w.folk.editor, merging, at(p), 200, "FORBIDDEN"},
		{"a token that is none", strings.Repeat("0", 40), proposing, change, 401, "UNAUTHENTICATED"},
		{"nobody", "", proposing, change, 401, "UNAUTHENTICATED"},
	} {
		r := w.post(test.token, fill(test.mutation), test.with)
		if r.Status != test.status || r.code() != test.code {
			w.t.Errorf("%s: got %d %+v, want %d %s", test.name, r.Status, r.Errors, test.status, test.code)
		}
	}
	w.expect("asking with a token that is none", 401, w.post(strings.Repeat("0", 40), "{ __typename }", nil).Status)
	list := `{ theme(id: "` + themeID + `") { sharePercent } proposals { totalCount } }`
	for token, want := range map[string]string{"": `{"theme":{"sharePercent":34},"proposals":null}`, w.folk.stranger: `{"theme":{"sharePercent":34},"proposals":null}`, w.folk.reader: `{"theme":{"sharePercent":34},"proposals":{"totalCount":1}}`} {
		w.expect("what is shown", want, string(w.post(token, list, nil).Data))
	}
	w.expect("a proposal for nobody", `{"theme":null}`, string(w.post("", `{ theme(id: "`+themeID+`", at: "proposal/1") { sharePercent } }`, nil).Data))
	if text := w.log.String(); slices.ContainsFunc([]string{w.folk.service, w.folk.editor, w.folk.reader, w.folk.maintainer}, func(token string) bool { return strings.Contains(text, token) }) {
		w.t.Error("a token is in the log")
	}

	given[*sdk.Repository](w)(w.as(w.folk.reader).CreateFork("root", w.name, sdk.CreateForkOption{}))
	done(w.t)(w.forks("reader", w.folk.reader))
	w.comes(2, "proposed from a fork", func(p seen) bool { return p.Author.Name == "Lauri Lukija" && p.Mergeable })
	w.expect("what is proposed by it", 8.0, w.value(w.folk.editor, "proposal/2", "ordinal"))
	w.wrongCalls()
}

// forks edits in a fork and opens a pull request from there.
func (w *town) forks(owner, token string) (any, *sdk.Response, error) {
	w.t.Helper()
	fork := strings.Replace(w.remote, "/root/", "/"+owner+"/", 1)
	w.git("fetch", "-q", "origin")
	w.git("checkout", "-q", "-B", "forked", "origin/main")
	w.rewrites(theme, replacing(`"ordinal": 2`, `"ordinal": 8`))
	w.git("push", "-q", giteatest.As(fork, token), "forked")
	return w.as(token).CreatePullRequest("root", w.name, sdk.CreatePullRequestOption{Head: owner + ":forked", Base: "main", Title: "Forked"})
}

// wrongCalls: what calls the webhook without the secret is refused, and nothing is asked of
// Gitea for it.
func (w *town) wrongCalls() {
	w.t.Helper()
	hooks := given[[]*sdk.Hook](w)(w.as(w.gitea.Admin).ListRepoHooks("root", w.name, sdk.ListHooksOptions{}))
	for _, h := range hooks {
		if _, err := w.as(w.gitea.Admin).DeleteRepoHook("root", w.name, h.ID); err != nil {
			w.t.Fatal(err)
		}
	}
	done(w.t)(w.as(w.folk.editor).CreateIssueComment("root", w.name, 1, sdk.CreateIssueCommentOption{Body: "Unheard."}))
	body := `{"action": "closed", "number": 1}`
	for name, signature := range map[string]string{"none": "", "another's": signatureOf("another secret", body), "of another body": signatureOf(hookWord, body+" "), "no hex": "zz"} {
		w.expect("a call whose signature is "+name, 401, w.call(body, signature))
	}
	time.Sleep(time.Second) // long enough for a look at Gitea
	w.expect("what is here", []any{"OPEN", 0}, []any{w.look(1).State, len(w.look(1).Comments)})
	w.expect("a call that is signed", 204, w.call(body, signatureOf(hookWord, body)))
	p := w.comes(1, "the call is heeded", func(p seen) bool { return len(p.Comments) == 1 })
	w.expect("what it says is not believed", "OPEN", p.State)
}

func signatureOf(secret, body string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(body))
	return hex.EncodeToString(h.Sum(nil))
}

// call posts to the webhook and gives the status.
func (w *town) call(body, signature string) int {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, w.url+"/hooks/forge", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("X-Gitea-Event", "pull_request")
	request.Header.Set("X-Gitea-Signature", signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func protectedBranch(w *town) {
	w.protect(sdk.CreateBranchProtectionOption{RequiredApprovals: 1})
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	if says := w.refused("FORGE", w.folk.maintainer, merging, at(p)).Message; !strings.Contains(says, "approvals") {
		w.t.Errorf("the words of Gitea are lost: %s", says)
	}
	w.expect("on Gitea", []any{false, p.Head}, []any{w.pull(p.Number).HasMerged, w.pull(p.Number).Head.Sha})
	w.did(w.folk.reviewer, verdictOn, at(p, "verdict", "APPROVED"))
	w.merged(w.did(w.folk.maintainer, merging, at(p)), "maintainer")
	w.expect("what is served", 40.0, w.value("", "", "sharePercent"))
}

func giteaAway(w *town) {
	w.serve("--fetch", "1s")
	p := w.propose("A share", themeEdit("/sharePercent", 40))
	w.did(w.folk.reviewer, verdictOn, at(p, "verdict", "APPROVED", "text", "Well."))
	p = w.look(p.Number)
	w.gitea.Stop()
	w.readsOn(p)
	for name, write := range map[string]reply{
		"proposing":  w.post(w.folk.editor, fill(proposing), draft("Another", themeEdit("/ordinal", 9))),
		"amending":   w.post(w.folk.editor, fill(amending), map[string]any{"input": map[string]any{"number": p.Number, "head": p.Head, "edits": []any{themeEdit("/ordinal", 9)}}}),
		"verdictOn":  w.post(w.folk.reviewer, fill(verdictOn), at(p, "verdict", "APPROVED")),
		"merging":    w.post(w.folk.maintainer, fill(merging), at(p)),
		"commenting": w.post(w.folk.editor, fill(saying), map[string]any{"n": p.Number, "text": "Hello?"}),
		"closing":    w.post(w.folk.editor, fill(closing), map[string]any{"n": p.Number}),
	} {
		if write.code() != "UNAVAILABLE" || !strings.Contains(write.Errors[0].Message, "does not answer") {
			w.t.Errorf("%s: got %d %+v, want UNAVAILABLE with a sentence", name, write.Status, write.Errors)
		}
	}
	w.stop()
	w.serve("--fetch", "1s") // what a new process knows without Gitea
	status, body := w.get("/readyz")
	w.expect("readiness", 200, status)
	if strings.Contains(body, w.folk.service) {
		w.t.Error("the token of the service is shown")
	}
	w.expect("what everybody reads", 34.0, w.value("", "", "sharePercent"))
	w.expect("asking with a token that cannot be looked up", 503, w.post(w.folk.editor, "{ __typename }", nil).Status)

	w.gitea.Run(w.t)
	w.within("people are known again", func() bool { return w.post(w.folk.editor, "{ __typename }", nil).Status == 200 })
	w.readsOn(p)
	q := w.propose("Another", themeEdit("/ordinal", 9))
	w.shown(q.Number, q.Head, "api success", "content success", "merge success", "owners success", "reviews success")
	w.merged(w.did(w.folk.maintainer, merging, at(p)), "maintainer")
	w.merged(w.did(w.folk.maintainer, merging, at(q)), "maintainer")
	w.expect("what is served in the end", []float64{40, 9}, []float64{w.value("", "", "sharePercent"), w.value("", "", "ordinal")})
}

// readsOn wants records and a proposal as they were.
func (w *town) readsOn(p seen) {
	w.t.Helper()
	w.expect("the proposal", p, w.look(p.Number))
	w.expect("what it proposes", 40.0, w.value(w.folk.editor, "proposal/1", "sharePercent"))
	w.expect("what everybody reads", 34.0, w.value("", "", "sharePercent"))
}
