//go:build e2e

package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "code.gitea.io/sdk/gitea"
	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/forge/gitea/giteatest"
)

const (
	// soon is how long readers wait for what was merged; patience is for all else.
	soon, patience = 2 * time.Second, 20 * time.Second
	hookWord       = "a secret of both"
	publicURL      = "https://koonti.example.org"
	theme          = "records/themes/organisaation-osaamisen-kehittaminen.json"
	themeID        = "organisaation-osaamisen-kehittaminen"
)

// folk are the tokens of people on Gitea: editor and reviewer may push, the maintainer
// may merge into main as well, the reader may only read, and the stranger not even that.
type folk struct{ service, editor, reviewer, maintainer, reader, stranger string }

func settle(t *testing.T, s *giteatest.Server) folk {
	t.Helper()
	return folk{
		s.User(t, "service", "Koonti Service"), s.User(t, "editor", "Eeva Editor"), s.User(t, "reviewer", "Riku Reviewer"),
		s.User(t, "maintainer", "Maija Maintainer"), s.User(t, "reader", "Lauri Lukija"), s.User(t, "stranger", "Outi Outo"),
	}
}

// town is this repository's content on a Gitea, a clone of it made by the git program, and
// a server that follows it.
type town struct {
	*running
	t      *testing.T
	gitea  *giteatest.Server
	folk   folk
	name   string // of the repository
	remote string
	clone  string
	cache  string
}

func found(t *testing.T, s *giteatest.Server, f folk, name string) *town {
	t.Helper()
	w := &town{t: t, gitea: s, folk: f, name: name, clone: copyOfThisRepository(t), cache: t.TempDir()}
	w.remote = s.Repository(t, name, "service", "editor", "reviewer", "maintainer")
	private, read := true, sdk.AccessModeRead
	admin := w.as(s.Admin)
	done(t)(admin.EditRepo("root", name, sdk.EditRepoOption{Private: &private}))
	if _, err := admin.AddCollaborator("root", name, "reader", sdk.AddCollaboratorOption{Permission: &read}); err != nil {
		t.Fatal(err)
	}
	w.git("remote", "add", "origin", giteatest.As(w.remote, f.maintainer))
	w.git("push", "-q", "origin", "main")
	w.within("Gitea notices that the repository is not empty", func() bool {
		r, _, err := admin.GetRepo("root", name)
		return err == nil && !r.Empty
	})
	w.protect(sdk.CreateBranchProtectionOption{})
	return w
}

// protect makes the rule of main anew: the maintainer merges, and pushes.
func (w *town) protect(o sdk.CreateBranchProtectionOption) {
	w.t.Helper()
	admin := w.as(w.gitea.Admin)
	_, _ = admin.DeleteBranchProtection("root", w.name, "main") // there may be none
	o.RuleName, o.BranchName = "main", "main"
	o.EnableMergeWhitelist, o.MergeWhitelistUsernames = true, []string{"maintainer"}
	o.EnablePush, o.EnablePushWhitelist, o.PushWhitelistUsernames = true, true, []string{"maintainer"}
	done(w.t)(admin.CreateBranchProtection("root", w.name, o))
}

// serve starts 'koonti serve' with more arguments.
func (w *town) serve(args ...string) {
	w.t.Helper()
	w.t.Setenv(forgeToken, w.folk.service)
	w.t.Setenv(forgeHookSecret, hookWord)
	w.running = start(w.t, append([]string{"--remote", w.remote, "--forge", "gitea=" + w.gitea.URL, "--cache", w.cache, "--public-url", publicURL}, args...)...)
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("what koonti logged:\n%s", w.log)
		}
	})
}

// served is a town with a server that hears of everything by the webhook alone.
func served(t *testing.T, s *giteatest.Server, f folk, name string) *town {
	t.Helper()
	w := found(t, s, f, name)
	w.serve("--fetch", "1h")
	w.hook()
	return w
}

// hook has Gitea call the server.
func (w *town) hook() {
	w.t.Helper()
	done(w.t)(w.as(w.gitea.Admin).CreateRepoHook("root", w.name, sdk.CreateHookOption{
		Type: sdk.HookTypeGitea, Active: true, Events: []string{"push", "pull_request"}, // that is all there is of them
		Config: map[string]string{"url": w.url + "/hooks/forge", "content_type": "json", "secret": hookWord},
	}))
}

// done wants a call of Gitea's to succeed.
func done(t *testing.T) func(any, *sdk.Response, error) {
	return func(_ any, _ *sdk.Response, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// given is the answer of a call of Gitea's that must succeed.
func given[T any](w *town) func(T, *sdk.Response, error) T {
	return func(v T, _ *sdk.Response, err error) T {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
		return v
	}
}

func (w *town) as(token string) *sdk.Client { return w.gitea.Client(w.t, token) }

func (w *town) git(args ...string) string { w.t.Helper(); return git(w.t, w.clone, args...) }

// within waits until something is so.
func (w *town) within(what string, so func() bool) {
	w.t.Helper()
	within(w.t, patience, func() string {
		if so() {
			return ""
		}
		time.Sleep(30 * time.Millisecond) // a server is asked
		return "not so: " + what
	})
}

func (w *town) expect(what string, want, got any) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// reply is an answer over HTTP.
type reply struct {
	Status int `json:"-"`
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Extensions struct{ Code string }
	}
}

// code is that of the first error, "" for none.
func (r reply) code() string {
	if len(r.Errors) == 0 {
		return ""
	}
	return r.Errors[0].Extensions.Code
}

// post asks in the name of whom a token belongs to; "" is nobody.
func (w *town) post(token, query string, variables map[string]any) reply {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, w.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	out := reply{Status: response.StatusCode}
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
		w.t.Fatalf("%s\n%d %v", query, response.StatusCode, err)
	}
	return out
}

// ask wants an answer without errors.
func (w *town) ask(token, query string, variables map[string]any, data any) {
	w.t.Helper()
	r := w.post(token, query, variables)
	if len(r.Errors) > 0 {
		w.t.Fatalf("%s\n%d %+v", query, r.Status, r.Errors)
	}
	if err := json.Unmarshal(r.Data, data); err != nil {
		w.t.Fatalf("%s\n%v", r.Data, err)
	}
}

// seen is a proposal as GraphQL shows it.
type seen struct {
	Number                                    int
	Title, Description, State, Head, MergedAs string
	Target, URL                               string
	Author                                    named
	Mergeable                                 bool
	Checks                                    []checked
	Reviews                                   []reviewed
	Comments                                  []struct {
		Person named
		Text   string
	}
	Events []struct {
		Kind  string
		Actor named
	}
	Diffs []struct {
		Record struct{ ID string }
		Kind   string
		Fields []struct{ Field string }
	}
	Conflicts []conflicting
}

type named struct{ Name string }

type checked struct {
	Name, Status, Summary string
	Problems              []struct {
		Path, Pointer, Rule string
		Line, Column        int
	}
	Missing []string
}

type reviewed struct {
	Person  named
	Verdict string
	Text    string
	Stale   bool
}

type conflicting struct {
	Path, Field        string
	Base, Ours, Theirs float64
}

// event says what happened, as "KIND who".
func (p seen) events() []string {
	var all []string
	for _, e := range p.Events {
		all = append(all, e.Kind+" "+e.Actor.Name)
	}
	return all
}

// check is the outcome of one check, and what it says.
func (p seen) check(name string) checked {
	for _, c := range p.Checks {
		if c.Name == name {
			return c
		}
	}
	return checked{}
}

// verdicts are "VERDICT who", with what is stale in brackets.
func (p seen) verdicts() []string {
	var all []string
	for _, r := range p.Reviews {
		text := r.Verdict + " " + r.Person.Name
		if r.Stale {
			text = "(" + text + ")"
		}
		all = append(all, text)
	}
	return all
}

const seenFields = `{
  number title description state head mergedAs target url author { name } mergeable
  checks { name status summary(lang: EN) problems { path pointer rule line column } missing }
  reviews { person { name } verdict text stale } comments { person { name } text } events { kind actor { name } }
  diffs { record { id } kind fields { field } } conflicts { path field base ours theirs }
}`

// look is what a proposal is now, for the editor; number 0 is not there.
func (w *town) look(number int) seen {
	w.t.Helper()
	var data struct{ Proposal *seen }
	w.ask(w.folk.editor, `query ($n: Int!) { proposal(number: $n) `+seenFields+` }`, map[string]any{"n": number}, &data)
	if data.Proposal == nil {
		return seen{}
	}
	return *data.Proposal
}

// comes waits until a proposal is as it should be, and gives it.
func (w *town) comes(number int, what string, so func(seen) bool) seen {
	w.t.Helper()
	var p seen
	within(w.t, patience, func() string {
		if p = w.look(number); so(p) {
			return ""
		}
		time.Sleep(30 * time.Millisecond)
		return fmt.Sprintf("not so: %s: %+v", what, p)
	})
	return p
}

// outcome is what a mutation came to.
type outcome struct {
	OK       bool
	Proposal *seen
	Refusal  *refusal
}

type refusal struct {
	Reason, Message string
	Conflicts       []conflicting
}

// do is a mutation that is answered without an error.
func (w *town) do(token, mutation string, variables map[string]any) outcome {
	w.t.Helper()
	var data struct{ It outcome }
	w.ask(token, fill(mutation), variables, &data)
	return data.It
}

// fill makes a whole operation of "($n: Int!) closeProposal(number: $n)".
func fill(mutation string) string {
	head, call, _ := strings.Cut(mutation, ") ")
	return "mutation " + head + ") { it: " + call + " { ok proposal " + seenFields + " refusal { reason message conflicts { path field base ours theirs } } } }"
}

// did wants a mutation that is not refused.
func (w *town) did(token, mutation string, variables map[string]any) seen {
	w.t.Helper()
	out := w.do(token, mutation, variables)
	if !out.OK || out.Proposal == nil {
		w.t.Fatalf("%s\nrefused: %+v", mutation, out.Refusal)
	}
	return *out.Proposal
}

// refused wants a mutation to be refused, and gives what is said.
func (w *town) refused(reason, token, mutation string, variables map[string]any) refusal {
	w.t.Helper()
	out := w.do(token, mutation, variables)
	if out.OK || out.Refusal == nil || out.Refusal.Reason != reason {
		w.t.Fatalf("%s\ngot %+v, want a refusal for %s", mutation, out, reason)
	}
	return *out.Refusal
}

const (
	proposing = `($input: ProposeInput!) propose(input: $input)`
	amending  = `($input: AmendProposalInput!) amendProposal(input: $input)`
	verdictOn = `($n: Int!, $head: String!, $verdict: Verdict!, $text: String) reviewProposal(number: $n, head: $head, verdict: $verdict, text: $text)`
	merging   = `($n: Int!, $head: String!, $with: [ResolutionInput!]) mergeProposal(number: $n, head: $head, resolutions: $with)`
	closing   = `($n: Int!) closeProposal(number: $n)`
	reopening = `($n: Int!) reopenProposal(number: $n)`
	saying    = `($n: Int!, $text: String!) commentProposal(number: $n, text: $text)`
)

// themeEdit gives one field of the theme another value.
func themeEdit(field string, value any) map[string]any {
	return map[string]any{"patch": map[string]any{"collection": "themes", "id": themeID, "patch": []any{map[string]any{"op": "replace", "path": field, "value": value}}}}
}

// newProject is a project that is not there yet.
func newProject(id string) map[string]any {
	return map[string]any{"put": map[string]any{"collection": "projects", "id": id, "document": map[string]any{
		"name": map[string]any{"fi": "Uusi hanke " + id}, "programme": "kuntien-digitalisaation-kannustinjarjestelma",
		"sources": []any{map[string]any{"source": "koonti-2025", "fields": []any{"/name", "/programme"}}},
	}}}
}

func draft(title string, edits ...map[string]any) map[string]any {
	return map[string]any{"input": map[string]any{"title": title, "description": "Because *so*.", "edits": edits}}
}

// propose makes a proposal by the editor.
func (w *town) propose(title string, edits ...map[string]any) seen {
	w.t.Helper()
	return w.did(w.folk.editor, proposing, draft(title, edits...))
}

func at(p seen, more ...any) map[string]any {
	all := map[string]any{"n": p.Number, "head": p.Head}
	for i := 0; i+1 < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	return all
}

// pull is the pull request on Gitea.
func (w *town) pull(number int) *sdk.PullRequest {
	w.t.Helper()
	return given[*sdk.PullRequest](w)(w.as(w.folk.reader).GetPullRequest("root", w.name, int64(number)))
}

// statuses are those of a commit on Gitea, each in the newest state, as "context state url".
func (w *town) statuses(commit string) []string {
	w.t.Helper()
	combined := given[*sdk.CombinedStatus](w)(w.as(w.folk.reader).GetCombinedStatus("root", w.name, commit))
	var all []string
	for _, s := range combined.Statuses {
		all = append(all, fmt.Sprintf("%s %s %s", s.Context, s.State, s.TargetURL))
	}
	slices.Sort(all)
	return all
}

// shown waits until the statuses of a commit are these, given as "content success".
func (w *town) shown(number int, commit string, want ...string) {
	w.t.Helper()
	var all []string
	for _, s := range want {
		all = append(all, fmt.Sprintf("koonti/%s %s/feeds/proposals.atom#%d", s, publicURL, number))
	}
	within(w.t, patience, func() string {
		time.Sleep(30 * time.Millisecond)
		return cmp.Diff(all, w.statuses(commit))
	})
}

// remarks are the comments on a pull request.
func (w *town) remarks(number int) []*sdk.Comment {
	w.t.Helper()
	return given[[]*sdk.Comment](w)(w.as(w.folk.reader).ListIssueComments("root", w.name, int64(number), sdk.ListIssueCommentOptions{}))
}

// summary waits until the one comment of the service holds all of texts, and gives it.
func (w *town) summary(number int, texts ...string) *sdk.Comment {
	w.t.Helper()
	var found *sdk.Comment
	within(w.t, patience, func() string {
		time.Sleep(30 * time.Millisecond)
		ours := slices.DeleteFunc(w.remarks(number), func(c *sdk.Comment) bool { return c.Poster.UserName != "service" })
		if len(ours) != 1 {
			return fmt.Sprintf("there are %d comments of the service, and should be one", len(ours))
		}
		found = ours[0]
		for _, text := range texts {
			if !strings.Contains(found.Body, text) {
				return fmt.Sprintf("%q is not in:\n%s", text, found.Body)
			}
		}
		return ""
	})
	return found
}

// open opens a pull request in Gitea, as people do there.
func (w *town) open(token, branch, title string) int {
	w.t.Helper()
	pr := given[*sdk.PullRequest](w)(w.as(token).CreatePullRequest("root", w.name, sdk.CreatePullRequestOption{Head: branch, Base: "main", Title: title}))
	return int(pr.Index)
}

// pushes commits other bytes on a new branch of the clone and pushes it with a token.
func (w *town) pushes(token, branch, file string, change func(string) string) {
	w.t.Helper()
	w.git("fetch", "-q", "origin")
	w.git("checkout", "-q", "-B", branch, "origin/main")
	w.rewrites(file, change)
	w.git("push", "-q", giteatest.As(w.remote, token), branch)
}

// rewrites commits other bytes of a file where the clone stands.
func (w *town) rewrites(file string, change func(string) string) {
	w.t.Helper()
	path := filepath.Join(w.clone, filepath.FromSlash(file))
	before, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	save(w.t, path, change(string(before)))
	w.git("add", "-A")
	w.git("commit", "-qm", "edit "+file)
}

// edits changes a file as the editor on Gitea's pages does: from branch to another, or the
// same.
func (w *town) edits(token, from, to, file string, change func(string) string) {
	w.t.Helper()
	c := w.as(token)
	is := given[*sdk.ContentsResponse](w)(c.GetContents("root", w.name, from, file))
	before, err := base64.StdEncoding.DecodeString(*is.Content)
	if err != nil {
		w.t.Fatal(err)
	}
	done(w.t)(c.UpdateFile("root", w.name, file, sdk.UpdateFileOptions{
		FileOptions: sdk.FileOptions{Message: "Edit " + file, BranchName: from, NewBranchName: to}, SHA: is.SHA,
		Content: base64.StdEncoding.EncodeToString([]byte(change(string(before)))),
	}))
}

func replacing(old, new string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, new, 1) }
}

// judges reviews in Gitea.
func (w *town) judges(token string, number int, state sdk.ReviewStateType, text string) {
	w.t.Helper()
	done(w.t)(w.as(token).CreatePullReview("root", w.name, int64(number), sdk.CreatePullReviewOptions{State: state, Body: text}))
}

// presses merges in Gitea, whose page fills in who reviewed; Gitea says so when it is
// ready to.
func (w *town) presses(token string, number int, style sdk.MergeStyle, message string) {
	w.t.Helper()
	w.within("Gitea merges", func() bool {
		ok, _, err := w.as(token).MergePullRequest("root", w.name, int64(number), sdk.MergePullRequestOption{Style: style, Message: message})
		return ok && err == nil
	})
}

// value is one field of the theme, read by somebody at a revision; "" is what is served.
func (w *town) value(token, revision, field string) float64 {
	w.t.Helper()
	var data struct{ Theme map[string]float64 }
	var at any
	if revision != "" {
		at = revision
	}
	w.ask(token, `query ($at: Revision) { theme(id: "`+themeID+`", at: $at) { `+field+` } }`, map[string]any{"at": at}, &data)
	return data.Theme[field]
}

// publishedSoon wants a project to be there for everybody in time.
func (w *town) publishedSoon(id string) {
	w.t.Helper()
	within(w.t, soon, func() string {
		var data struct{ Project *struct{ ID string } }
		w.ask("", `query ($id: ID!) { project(id: $id) { id } }`, map[string]any{"id": id}, &data)
		if data.Project != nil {
			return ""
		}
		return "the project " + id + " is not there"
	})
}

// step is what the history tells of the newest step.
type step struct {
	PullRequest struct {
		Number     int
		Title, URL string
	}
	Approvals []struct {
		Person named
		Source string
	}
	Commit  struct{ Committer named }
	Records []struct {
		Kind   string
		Record struct{ ID string }
	}
}

// lastStep waits for the history, and gives its newest step.
func (w *town) lastStep() step {
	w.t.Helper()
	var data struct{ PublicationSteps struct{ Nodes []step } }
	w.within("the history is read", func() bool {
		r := w.post(w.folk.editor, `{ publicationSteps(first: 1) { nodes {
			pullRequest { number title url } approvals { person { name } source } commit { committer { name } } records { kind record { id } } } } }`, nil)
		return len(r.Errors) == 0 && json.Unmarshal(r.Data, &data) == nil && len(data.PublicationSteps.Nodes) == 1
	})
	return data.PublicationSteps.Nodes[0]
}

// joinsByLines tells whether git merges two commits without a conflict.
func (w *town) joinsByLines(a, b string) bool {
	w.t.Helper()
	w.git("fetch", "-q", "origin", a, b)
	return exec.Command("git", "-C", w.clone, "merge-tree", "--write-tree", a, b).Run() == nil
}
