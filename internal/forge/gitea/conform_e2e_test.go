//go:build e2e

package gitea

import (
	"os/exec"
	"strings"
	"testing"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/forgetest"
	"github.com/koonti/koonti/internal/forge/gitea/giteatest"
	"github.com/koonti/koonti/internal/gitrepo"
)

// The suite that every forge passes, against a real Gitea.
func TestE2EConformance(t *testing.T) {
	s := giteatest.Start(t)
	tokens := map[string]string{}
	for _, name := range []string{"Aino", "Eero", "Maija"} {
		tokens[name] = s.User(t, strings.ToLower(name), name)
	}
	p := people{service: s.User(t, "service", "Koonti Service"), anna: s.User(t, "anna", ""), bert: s.User(t, "bert", "")}
	forgetest.Run(t, func(t *testing.T) forgetest.Place {
		w := newWorld(t, s, p)
		write := sdk.AccessModeWrite
		for name := range tokens {
			if _, err := w.client(s.Admin).AddCollaborator("root", w.name, strings.ToLower(name), sdk.AddCollaboratorOption{Permission: &write}); err != nil {
				t.Fatal(err)
			}
		}
		yes := true
		must[any](w)(first(w.client(s.Admin).EditRepo("root", w.name, sdk.EditRepoOption{AllowManualMerge: &yes, AutodetectManualMerge: &yes})))
		w.forge = w.forgeOf(w.repo) // nobody has asked it for news yet
		return forgetest.Place{
			Forge: w.forge, Repo: w.repo, Target: "refs/heads/main",
			Actor: func(name string) content.Actor { return w.actor(tokens[name]) },
			Push:  w.force,
			Tip:   w.tip,
		}
	})
}

// tip asks the server, as a Git client does.
func (w *world) tip(branch string) gitrepo.Hash {
	w.t.Helper()
	hash, _, _ := strings.Cut(w.git("ls-remote", "origin", branch), "\t")
	return gitrepo.Hash(hash)
}

// force pushes what the mirror has, and waits until Gitea took notice.
func (w *world) force(branch string, commit gitrepo.Hash) {
	w.t.Helper()
	out, err := exec.Command("git", "--git-dir", w.repo.GitDir(), "push", "-q", "--force", giteatest.As(w.remote, w.people.bert), string(commit)+":"+branch).CombinedOutput()
	if err != nil {
		w.t.Fatalf("git push: %v\n%s", err, out)
	}
	if branch != "refs/heads/main" {
		return // Sync waits for the rest
	}
	w.until("Gitea notices that main has a proposal", func() bool {
		list := must[any](w)(first(w.client(w.people.bert).ListRepoPullRequests("root", w.name, sdk.ListPullRequestsOptions{State: sdk.StateOpen}))).([]*sdk.PullRequest)
		return len(list) == 0
	})
}
