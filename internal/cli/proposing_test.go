package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A branch that a Git client pushes with another schema is a proposal, which says what it
// does to the API, and can be asked by its own types before anybody merges it.
func TestAProposalOfASchemaIsAskedByItsOwnTypes(t *testing.T) {
	dir := copyOfThisRepository(t)
	git(t, dir, "config", "user.name", "Ylläpito")
	git(t, dir, "config", "user.email", "yllapito@example.org")
	r := start(t, "--repo", dir, "--ref", "main")
	work := filepath.Join(t.TempDir(), "work")
	git(t, dir, "clone", "-q", dir, work)
	schema := filepath.Join(work, "schema", "theme.schema.json")
	text, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"sharePercent": {`, `"colour": {"type": "string", "title": "Väri"}, "share": {`, 1)
	if changed == string(text) {
		t.Fatal("the schema has no sharePercent any more: the test changes nothing")
	}
	save(t, schema, changed)
	git(t, work, "commit", "-q", "-a", "-m", "Teemoille väri")
	git(t, work, "push", "-q", "origin", "HEAD:proposals/vari")

	var list struct {
		Proposals struct {
			Nodes []struct {
				Number int
				Title  string
				Checks []struct {
					Name, Status string
					APIChanges   []struct{ Severity, Coordinate string }
					Problems     []struct{ Path string }
				}
			}
		}
	}
	within(t, 20*time.Second, func() string {
		r.query(`{ proposals { nodes { number title checks { name status apiChanges { severity coordinate } problems { path } } } } }`, nil, &list)
		if len(list.Proposals.Nodes) == 0 {
			return "the branch is no proposal yet"
		}
		return ""
	})
	p := list.Proposals.Nodes[0]
	if p.Title != "Teemoille väri" {
		t.Errorf("title %q", p.Title)
	}
	told := map[string]string{}
	for _, c := range p.Checks {
		told[c.Name] = c.Status
		for _, change := range c.APIChanges {
			told[change.Coordinate] = change.Severity
		}
		if c.Name == "content" && len(c.Problems) == 0 {
			t.Error("no record that the schema makes invalid is told")
		}
	}
	for name, want := range map[string]string{"content": "FAILED", "api": "WARNING", "Theme.sharePercent": "BREAKING", "Theme.colour": "SAFE"} {
		if told[name] != want {
			t.Errorf("%s is %q, want %q (all: %v)", name, told[name], want, told)
		}
	}
	query := url.Values{"query": {`{ themes(first: 1) { nodes { colour } } }`}}.Encode()
	if status, body := r.get("/graphql?view=proposal/1&" + query); status != http.StatusOK || !strings.Contains(body, `"colour":null`) {
		t.Errorf("by its own types: %d %s", status, body)
	}
	if _, body := r.get("/graphql?" + query); !strings.Contains(body, "GRAPHQL_VALIDATION_FAILED") {
		t.Errorf("by the types served: %s", body)
	}
	if status, body := r.get("/schema.graphql?view=proposal/1"); status != http.StatusOK || !strings.Contains(body, "colour: String") {
		t.Errorf("its types: %d", status)
	}
	if _, body := r.get("/graphql?view=proposal/2&" + query); !strings.Contains(body, "NOT_FOUND") {
		t.Errorf("of a proposal that is not there: %s", body)
	}
	body, _ := json.Marshal(map[string]any{"query": `mutation { closeProposal(number: 1) { ok } }`})
	request, _ := http.NewRequest("POST", r.url+"/graphql?view=proposal/1", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("a mutation sent to a view of its own: %d", response.StatusCode)
	}
}

// An attachment larger than a query may be is proposed with the record that names it, is
// merged into a branch that is checked out, and told in the feed.
func TestAnAttachmentIsProposedAndPublished(t *testing.T) {
	dir := copyOfThisRepository(t)
	git(t, dir, "config", "user.name", "Liisa")
	git(t, dir, "config", "user.email", "liisa@example.org")
	r := start(t, "--repo", dir)
	liisa := asker{r: r}
	pdf := append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("0123456789abcdef"), 100_000)...)
	const id = "digihelppi-digiosaamiskartoitus"
	var answer struct{ Propose payload }
	liisa.mutate(`mutation ($input: ProposeInput!) { propose(input: $input) { ok proposal { number head } refusal { reason message problems { path message } } } }`, map[string]any{"input": map[string]any{
		"title": "Liite", "edits": []any{
			map[string]any{"putFile": map[string]any{"path": "records/publications/files/kartoitus.pdf", "base64": base64.StdEncoding.EncodeToString(pdf)}},
			map[string]any{"patch": map[string]any{"collection": "publications", "id": id, "patch": []any{map[string]any{"op": "add", "path": "/file", "value": "kartoitus.pdf"}}}},
		},
	}}, &answer)
	if !answer.Propose.OK {
		t.Fatalf("%+v", answer.Propose.Refusal)
	}
	var merged struct{ MergeProposal payload }
	liisa.mutate(`mutation ($n: Int!, $head: String!) { mergeProposal(number: $n, head: $head) { ok refusal { message } } }`, map[string]any{"n": answer.Propose.Proposal.Number, "head": answer.Propose.Proposal.Head}, &merged)
	if !merged.MergeProposal.OK {
		t.Fatalf("%+v", merged.MergeProposal.Refusal)
	}
	status, body := r.get("/files/records/publications/files/kartoitus.pdf")
	if status != http.StatusOK || body != string(pdf) {
		t.Errorf("the attachment: %d, %d bytes", status, len(body))
	}
	if out := git(t, dir, "status", "--porcelain"); out != "" {
		t.Errorf("the work tree did not follow: %s", out)
	}
	within(t, 20*time.Second, func() string {
		status, feed := r.get("/feeds/proposals.atom?lang=fi")
		if status != http.StatusOK || !strings.Contains(feed, "Liisa julkaisi ehdotuksen 1") || !strings.Contains(feed, "Liisa teki ehdotuksen 1") {
			return feed
		}
		return ""
	})
	const query = "/graphql?query=%7Bproposals(state:OPEN)%7BtotalCount%20nodes%7Bnumber%20title%20author%7Bname%7D%7D%7D%7D"
	if status, answer := r.get(query); status != http.StatusOK || !strings.Contains(answer, `"totalCount":0`) {
		t.Errorf("the query of the first page: %d %s", status, answer)
	}
	if _, page := r.get("/"); !strings.Contains(page, `href="/feeds/proposals.atom"`) || !strings.Contains(page, `href="`+query+`"`) {
		t.Errorf("the first page does not lead to the proposals: %s", page)
	}
	for path, want := range map[string]int{"/feeds/proposals.atom": http.StatusForbidden, "/": http.StatusOK} {
		request, _ := http.NewRequest("GET", r.url+path, nil)
		request.Header.Set("X-Forwarded-For", "192.0.2.1")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != want || strings.Contains(string(body), "roposals.atom\"") {
			t.Errorf("somebody else reads of proposals at %s: %d, %v", path, response.StatusCode, err)
		}
	}
}
