package gitrepo

import (
	"errors"
	"strings"
	"testing"
)

// drafted is a repository with a branch that is served, tags, and work that nobody has
// published.
func drafted(t testing.TB) *git {
	g := newGit(t)
	for _, text := range []string{"1", "2", "3"} {
		g.commit("a.json", text)
	}
	g.run("checkout", "-q", "-b", "release", "main~1")
	g.commit("r.json", "1")
	g.run("tag", "v1")
	g.run("checkout", "-q", "-b", "draft", "main")
	g.commit("d.json", "1")
	g.commit("d.json", "2")
	g.run("checkout", "-q", "-b", "proposals/3", "main")
	g.commit("p.json", "1")
	g.run("branch", "old", "main~2")
	g.run("checkout", "-q", "main")
	return g
}

func TestOnlyWhatIsPublishedIsResolvedForAll(t *testing.T) {
	g := drafted(t)
	r := g.open()
	served := g.hash("main")
	draft, proposal := string(g.hash("draft")), string(g.hash("proposals/3"))
	for _, tt := range []struct {
		name, rev, want string // what Git calls it
		err             error
	}{
		{name: "what is served", rev: "HEAD", want: "main"},
		{name: "its branch", rev: "main~1", want: "main~1"},
		{name: "a tag", rev: "v1", want: "v1"},
		{name: "a branch that a tag covers", rev: "refs/heads/release", want: "v1"},
		{name: "a branch inside what was served", rev: "old", want: "main~2"},
		{name: "a hash", rev: string(g.hash("main~2")), want: "main~2"},
		{name: "a short hash", rev: string(g.hash("v1"))[:9], want: "v1"},
		{name: "a draft", rev: "draft", err: ErrNotFound},
		{name: "a draft in full", rev: "refs/heads/draft", err: ErrNotFound},
		{name: "what a draft came from", rev: "draft~2", err: ErrNotFound},
		{name: "a draft by its hash", rev: draft, err: ErrNotFound},
		{name: "a draft by a short hash", rev: draft[:8], err: ErrNotFound},
		{name: "a proposal", rev: "proposal/3", err: ErrNotExposed},
		{name: "a proposal that is not there", rev: "proposal/4", err: ErrNotExposed},
		{name: "the branch of a proposal", rev: "proposals/3", err: ErrNotExposed},
		{name: "the branch of a proposal in full", rev: "refs/heads/proposals/3~1", err: ErrNotExposed},
		{name: "a proposal by its hash", rev: proposal, err: ErrNotFound},
		{name: "no such thing", rev: "drafts", err: ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := r.Resolve(background, tt.rev, served); err != nil && tt.rev != "drafts" && tt.rev != "proposal/4" {
				t.Fatalf("those who may read everything get %v", err)
			}
			got, err := r.ResolvePublished(background, tt.rev, served)
			if tt.err == nil && (err != nil || got != g.hash(tt.want)) {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("got %s, %v; want %v", got, err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), "perhaps") {
				t.Errorf("names are told: %v", err)
			}
		})
	}
}

func TestWhatIsPublishedFollowsTheRefs(t *testing.T) {
	g := drafted(t)
	r := g.open()
	draft := string(g.hash("draft"))
	read := func() error {
		_, err := r.ResolvePublished(background, draft, g.hash("main"))
		return err
	}
	if err := read(); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a draft: %v", err)
	}
	g.run("tag", "v2", "draft")
	if err := read(); err != nil {
		t.Errorf("once tagged: %v", err)
	}
	g.run("tag", "-d", "v2")
	if err := read(); !errors.Is(err, ErrNotFound) {
		t.Errorf("once the tag is gone: %v", err)
	}
	g.run("merge", "-q", "-m", "publish", "draft")
	if err := read(); err != nil {
		t.Errorf("once merged: %v", err)
	}
}
