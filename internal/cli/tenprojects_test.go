package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// asker is somebody who has a token of the server.
type asker struct {
	r     *running
	token string
}

// mutate sends a mutation and decodes its data; an answer with errors fails the test.
func (p asker) mutate(query string, variables map[string]any, data any) {
	p.r.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		p.r.t.Fatal(err)
	}
	status, text := p.post(body)
	answer := struct {
		Data   any
		Errors []any
	}{Data: data}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK || answer.Errors != nil {
		p.r.t.Fatalf("%s\n%d %v %s", query, status, err, text[:min(len(text), 2000)])
	}
}

func (p asker) post(body []byte) (int, string) {
	p.r.t.Helper()
	request, err := http.NewRequest("POST", p.r.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		p.r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// refusedWith is what a payload says where it was not done.
type refusedWith struct {
	Reason, Message string
	Missing         []string
	Problems        []struct{ Path, Message string }
}

type payload struct {
	OK       bool
	Proposal struct {
		Number                int
		Head, State, MergedAs string
	}
	Refusal *refusedWith
}

// otherProjects are the projects of the table, as the documents that records would be.
func otherProjects(t *testing.T, dir string) []content.Edit {
	t.Helper()
	repo, err := gitrepo.Open(dir, gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	ctx := context.Background()
	cat, err := catalog.Open(ctx, catalog.Config{Repo: repo, Ref: "main"})
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.Open(filepath.Join("testdata", "other-projects.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	view := cat.Current()
	rows, err := proposal.ReadRows(ctx, proposal.RowFormat{Kind: proposal.RowsCSV}, table, view.Model.Collection("projects"), view.Model, view)
	if err != nil || len(rows.Problems) > 0 || len(rows.Edits) != 10 {
		t.Fatalf("%v, %d edits, problems %v", err, len(rows.Edits), rows.Problems)
	}
	return rows.Edits
}

// tableOf is the table with some of its rows alone.
func tableOf(t *testing.T, ids ...content.ID) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "other-projects.csv"))
	if err != nil {
		t.Fatal(err)
	}
	reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(data), "\uFEFF")))
	reader.Comma = ';'
	all, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rows.csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	writer := csv.NewWriter(file)
	for i, row := range all {
		for _, id := range ids {
			if i == 0 || row[0] == string(id) {
				writer.Write(row)
				break
			}
		}
	}
	if writer.Flush(); writer.Error() != nil {
		t.Fatal(writer.Error())
	}
	return path
}

// An editor, a reviewer and a maintainer bring ten projects into the digest: some by the
// API, some pushed with Git, some as a table. Nobody approves their own.
func TestTenProjectsGoInAsProposals(t *testing.T) {
	work := copyOfThisRepository(t)
	bare := filepath.Join(t.TempDir(), "content.git")
	git(t, work, "clone", "-q", "--bare", work, bare)
	git(t, bare, "config", "user.name", "Siirto")
	git(t, bare, "config", "user.email", "siirto@example.org")
	git(t, work, "remote", "add", "server", bare)
	projects := otherProjects(t, bare)

	file := filepath.Join(t.TempDir(), "tokens")
	token := func(name string, role content.Role) string {
		text, _, err := access.Add(file, access.Token{Role: role, Name: name, Email: strings.ToLower(name) + "@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tokens := map[string]string{"Aino": token("Aino", content.RoleEditor), "Bertta": token("Bertta", content.RoleReviewer), "Celia": token("Celia", content.RoleMaintainer)}
	r := start(t, "--repo", bare, "--ref", "main", "--tokens", file, "--four-eyes")
	aino, bertta, celia := asker{r, tokens["Aino"]}, asker{r, tokens["Bertta"]}, asker{r, tokens["Celia"]}

	waiting := map[int][]content.ID{}
	for _, e := range projects[:4] {
		var answer struct{ Propose payload }
		aino.mutate(`mutation ($input: ProposeInput!) { propose(input: $input) { ok proposal { number } refusal { reason message } } }`, map[string]any{"input": map[string]any{
			"title": "Uusi hanke: " + string(e.ID), "key": string(e.ID),
			"edits": []any{map[string]any{"put": map[string]any{"collection": "projects", "id": e.ID, "document": json.RawMessage(e.Document)}}},
		}}, &answer)
		if !answer.Propose.OK {
			t.Fatalf("propose %s: %+v", e.ID, answer.Propose.Refusal)
		}
		waiting[answer.Propose.Proposal.Number] = []content.ID{e.ID}
	}
	for _, e := range projects[4:7] {
		git(t, work, "checkout", "-q", "-b", "work-"+string(e.ID), "main")
		save(t, filepath.Join(work, "records", "projects", string(e.ID)+".json"), e.Document)
		git(t, work, "add", "-A")
		git(t, work, "commit", "-q", "-m", "Uusi hanke: "+string(e.ID)+"\n\nTiedot kunnan sivuilta.")
		git(t, work, "push", "-q", "server", "HEAD:proposals/"+string(e.ID))
	}
	var rest []content.ID
	for _, e := range projects[7:] {
		rest = append(rest, e.ID)
	}
	if code, out, errs := koonti("import", tableOf(t, rest...), "--collection", "projects", "--title", "Uusia hankkeita taulukosta", "--repo", bare); code != Clean {
		t.Fatalf("import: %d\n%s%s", code, out, errs)
	}
	r.learn(aino, waiting, projects[4:], 4+3+1)

	for number, ids := range waiting {
		r.bringIn(number, ids, aino, bertta, celia)
	}
	r.shown(celia, waiting)
	if out := git(t, bare, "fsck", "--strict", "--no-dangling"); strings.Contains(out, "error") {
		t.Errorf("git fsck: %s", out)
	}
}

// learn waits until so many proposals are there, and adds what those bring that were not
// made by the API.
func (r *running) learn(who asker, waiting map[int][]content.ID, projects []content.Edit, proposals int) {
	r.t.Helper()
	within(r.t, 20*time.Second, func() string {
		var answer struct {
			Proposals struct {
				TotalCount int
				Nodes      []struct {
					Number int
					Title  string
					Diffs  []struct{ Record struct{ ID content.ID } }
				}
			}
		}
		who.mutate(`{ proposals(state: OPEN, first: 50) { totalCount nodes { number title diffs { record { id } } } } }`, nil, &answer)
		if answer.Proposals.TotalCount != proposals {
			return fmt.Sprintf("%d proposals, want %d", answer.Proposals.TotalCount, proposals)
		}
		for _, p := range answer.Proposals.Nodes {
			if waiting[p.Number] != nil {
				continue
			}
			for _, d := range p.Diffs {
				waiting[p.Number] = append(waiting[p.Number], d.Record.ID)
			}
		}
		return ""
	})
	brought := 0
	for _, ids := range waiting {
		brought += len(ids)
	}
	if brought != 10 {
		r.t.Errorf("the proposals bring %d projects: %v", brought, waiting)
	}
}

// bringIn has a proposal checked, refused to be merged unapproved, approved and merged,
// and its records served within two seconds.
func (r *running) bringIn(number int, ids []content.ID, aino, bertta, celia asker) {
	r.t.Helper()
	var found struct {
		Proposal struct {
			Head      string
			Mergeable bool
			Checks    []struct{ Name, Status string }
		}
	}
	aino.mutate(`query ($n: Int!) { proposal(number: $n) { head mergeable checks { name status } } }`, map[string]any{"n": number}, &found)
	for _, c := range found.Proposal.Checks {
		if want := map[string]string{"reviews": "PENDING"}[c.Name]; c.Status != cmp.Or(want, "PASSED") {
			r.t.Errorf("proposal %d: check %s is %s", number, c.Name, c.Status)
		}
	}
	merge := `mutation ($n: Int!, $head: String!) { mergeProposal(number: $n, head: $head) { ok proposal { state mergedAs } refusal { reason message } } }`
	at := map[string]any{"n": number, "head": found.Proposal.Head}
	var early, reviewed, merged struct{ ReviewProposal, MergeProposal payload }
	celia.mutate(merge, at, &early)
	if early.MergeProposal.Refusal == nil || early.MergeProposal.Refusal.Reason != "APPROVAL" {
		r.t.Errorf("proposal %d was not refused unapproved: %+v", number, early.MergeProposal)
	}
	bertta.mutate(`mutation ($n: Int!, $head: String!) { reviewProposal(number: $n, head: $head, verdict: APPROVED, text: "Tarkistettu lähteistä") { ok refusal { message } } }`, at, &reviewed)
	celia.mutate(merge, at, &merged)
	if !merged.MergeProposal.OK || merged.MergeProposal.Proposal.State != "MERGED" {
		r.t.Fatalf("proposal %d: %+v %+v", number, reviewed, merged.MergeProposal.Refusal)
	}
	within(r.t, 2*time.Second, func() string {
		for _, id := range ids {
			var served struct{ Project *struct{ ID string } }
			r.query(`query ($id: ID!) { project(id: $id) { id } }`, map[string]any{"id": id}, &served)
			if served.Project == nil {
				return "project " + string(id) + " is not served"
			}
		}
		return ""
	})
}

// shown holds that every project is among the projects, and that its history names its
// proposal, its approver, and who merged it.
func (r *running) shown(who asker, waiting map[int][]content.ID) {
	r.t.Helper()
	var list struct{ Projects struct{ TotalCount int } }
	r.query(`{ projects { totalCount } }`, nil, &list)
	if list.Projects.TotalCount != 50 {
		r.t.Errorf("%d projects, want 50", list.Projects.TotalCount)
	}
	for number, ids := range waiting {
		for _, id := range ids {
			within(r.t, 20*time.Second, func() string {
				var answer struct {
					Project struct {
						LastChange *struct {
							PullRequest *struct{ Number int }
							Approvals   []struct {
								Person struct{ Name, Identity string }
							}
							Commit struct{ Merger *struct{ Name string } }
						}
					}
				}
				who.mutate(`query ($id: ID!) { project(id: $id) { lastChange { pullRequest { number } approvals { person { name identity } } commit { merger { name } } } } }`, map[string]any{"id": id}, &answer)
				c := answer.Project.LastChange
				switch {
				case c == nil || c.PullRequest == nil || c.PullRequest.Number != number:
					return fmt.Sprintf("%s came by %+v, want proposal %d", id, c, number)
				case len(c.Approvals) != 1 || c.Approvals[0].Person.Name != "Bertta" || c.Approvals[0].Person.Identity != "TOKEN":
					return fmt.Sprintf("%s was approved by %v", id, c.Approvals)
				case c.Commit.Merger == nil || c.Commit.Merger.Name != "Celia":
					return fmt.Sprintf("%s was merged by %v", id, c.Commit.Merger)
				}
				return ""
			})
		}
	}
}
