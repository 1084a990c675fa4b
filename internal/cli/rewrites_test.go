package cli

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a branch had before it was moved by force is listed and can be read; not by those
// to whom only what is published is shown.
func TestAFormerHeadIsReadByThoseWhoMay(t *testing.T) {
	dir := copyOfThisRepository(t)
	name := filepath.Join(dir, "records", "themes", "tietojohtaminen-ja-tiedonhallinta.json")
	save(t, name, `{"name": {"fi": "Ennen"}, "ordinal": 2}`)
	git(t, dir, "commit", "-q", "-a", "-m", "before")
	former := strings.TrimSpace(git(t, dir, "rev-parse", "HEAD"))
	r := start(t, "--repo", dir)
	rewritten := func() (list struct{ Rewrites []struct{ From string } }) {
		r.query(`{ rewrites { from } }`, nil, &list)
		return list
	}
	within(t, time.Minute, func() string {
		if !strings.Contains(git(t, dir, "for-each-ref", "refs/koonti/heads/"), former) {
			return "the head is not kept yet"
		}
		return ""
	})
	save(t, name, `{"name": {"fi": "Jälkeen"}, "ordinal": 2}`)
	git(t, dir, "commit", "-q", "-a", "--amend", "-m", "after")
	within(t, time.Minute, func() string {
		if list := rewritten(); len(list.Rewrites) != 1 || list.Rewrites[0].From != former {
			return "the rewrite is not listed"
		}
		return ""
	})
	query := "/graphql?" + url.Values{"query": {`{ theme(id: "tietojohtaminen-ja-tiedonhallinta", at: "` + former + `") { name } }`}}.Encode()
	if status, body := r.get(query); status != http.StatusOK || !strings.Contains(body, `"name":"Ennen"`) {
		t.Errorf("at the former head: %d %s", status, body)
	}
	request, err := http.NewRequest("GET", r.url+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Forwarded-For", "192.0.2.1") // somebody behind a proxy
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body := readAll(t, response.Body); strings.Contains(body, "Ennen") || !strings.Contains(body, "NOT_FOUND") {
		t.Errorf("somebody else got %s", body)
	}
}

func readAll(t testing.TB, from io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
