package gitea

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// script answers by path and page, with what Gitea answers; a path that is not there is a
// fault of the server.
type script map[string]string

func (s script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, ok := s[r.URL.Path+"?"+r.URL.Query().Get("state")]
	if page := r.URL.Query().Get("page"); page != "" && page != "1" {
		answer, ok = "[]", true
	}
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Total-Count", fmt.Sprint(strings.Count(answer, `"number"`)))
	fmt.Fprint(w, answer)
}

// One pull request that the server cannot show does not keep the others from being seen.
func TestOneThatCannotBeReadHidesNoOther(t *testing.T) {
	ctx := context.Background()
	answers := script{
		"/api/v1/user?": `{"id": 7, "login": "service"}`, "/api/v1/repos/city/koonti/pulls?closed": "[]",
		"/api/v1/users/anna?": `{"id": 8, "login": "anna", "email": "anna@example.org"}`,
	}
	f := forgeAt(t, answers)
	head := string(sample(t, f, 1).Head)
	pull := func(number int, sha string) map[string]any {
		return map[string]any{
			"number": number, "state": "open", "title": fmt.Sprint("Title ", number), "user": map[string]any{"id": 8, "login": "anna"},
			"head": map[string]any{"sha": sha, "ref": "x", "label": "x"}, "base": map[string]any{"sha": sha, "ref": "main"}, "merge_base": sha,
			"created_at": time.Unix(1_700_000_000, 0), "updated_at": time.Unix(1_700_000_000, 0),
		}
	}
	list, err := json.Marshal([]any{pull(3, head), pull(2, head), pull(1, strings.Repeat("0", 39)+"1"), map[string]any{"number": 0}, map[string]any{"number": 9, "head": nil}})
	if err != nil {
		t.Fatal(err)
	}
	answers["/api/v1/repos/city/koonti/pulls?open"] = string(list)
	answers["/api/v1/repos/city/koonti/issues/3/timeline?"] = "[null]"
	answers["/api/v1/repos/city/koonti/pulls/3/reviews?"] = "[]"
	f.cfg.Repo = mirrorOf(t, f)
	if _, err := f.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	all, err := f.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, fmt.Sprint(p.Number, p.State, p.Author.Email))
	}
	if diff := cmp.Diff([]string{"3OPENanna@example.org"}, got); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	answers["/api/v1/repos/city/koonti/issues/2/timeline?"] = "[]"
	answers["/api/v1/repos/city/koonti/pulls/2/reviews?"] = "[]"
	answers["/api/v1/repos/city/koonti/issues/comments?"] = "[]"
	news, err := f.Sync(ctx)
	if err != nil || len(news) != 1 || news[0].Proposal.Number != 2 || news[0].Event.Kind != content.EventOpened {
		t.Errorf("when it can be read: %v, %v", news, err)
	}
}

// mirrorOf makes the repository of f a mirror of a folder that holds the same.
func mirrorOf(t *testing.T, f *Forge) *gitrepo.Repo {
	t.Helper()
	ctx := context.Background()
	head := sample(t, f, 1).Head
	if err := f.cfg.Repo.UpdateRef(ctx, "refs/heads/other", "", gitrepo.Hash(head)); err != nil {
		t.Fatal(err)
	}
	from := url.URL{Scheme: "file", Path: f.cfg.Repo.GitDir()}
	repo, err := gitrepo.Mirror(ctx, from.String(), t.TempDir(), gitrepo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo
}
