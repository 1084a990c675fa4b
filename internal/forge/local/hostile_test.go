package local

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/forgetest"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// forged writes an event as anyone can who may push.
func (s *site) forged(json string, parents ...gitrepo.Hash) gitrepo.Hash {
	s.Helper()
	blob, err := tryGit(s.bare, json, "hash-object", "-w", "--stdin")
	if err != nil {
		s.Fatal(blob)
	}
	tree, err := tryGit(s.bare, "100644 blob "+strings.TrimSpace(blob)+"\tevent.json\n", "mktree")
	if err != nil {
		s.Fatal(tree)
	}
	args := []string{"commit-tree", "-m", "forged", strings.TrimSpace(tree)}
	for _, p := range parents {
		args = append(args, "-p", string(p))
	}
	return gitrepo.Hash(git(s, s.bare, args...))
}

const opening = `{"version": 1, "kind": "OPENED", "number": %d, "title": "T", "branch": "refs/heads/proposals/%[1]d", "target": "refs/heads/main"}`

// One proposal that cannot be read says why, keeps its number, and disturbs no other.
func TestUnreadable(t *testing.T) {
	long := strings.Repeat("x", content.MaxText+1)
	for _, test := range []struct {
		name, why string
		first     string // the first event; the head is its parent
		next      string // the one after, "" for none
	}{
		{"newer version", "version 2", `{"version": 2, "kind": {"new": "shape"}}`, ""},
		{"newer event behind older ones", "version 2", fmt.Sprintf(opening, 2), `{"version": 2}`},
		{"no version", "version 0", `{"kind": "OPENED"}`, ""},
		{"no JSON", "event.json", "nonsense", ""},
		{"a member twice", "duplicate", `{"version": 1, "version": 1}`, ""},
		{"another case", "no kind", `{"version": 1, "KIND": "OPENED"}`, ""},
		{"unknown kind", "no kind of event", fmt.Sprintf(opening, 2), `{"version": 1, "kind": "EXPLODED"}`},
		{"number of another", "opens proposal 3", fmt.Sprintf(opening, 3), ""},
		{"branch elsewhere", "no branch of a proposal", strings.ReplaceAll(fmt.Sprintf(opening, 2), "refs/heads/proposals/", "refs/heads/"), ""},
		{"title of two lines", "control character", strings.Replace(fmt.Sprintf(opening, 2), `"T"`, `"a\nb"`, 1), ""},
		{"no title", "title is missing", strings.Replace(fmt.Sprintf(opening, 2), `"title"`, `"x"`, 1), ""},
		{"long text", "the text has", fmt.Sprintf(opening, 2), `{"version": 1, "kind": "COMMENTED", "text": "` + long + `"}`},
		{"base that is no hash", "no hash", fmt.Sprintf(opening, 2), `{"version": 1, "kind": "EDITED", "base": "main"}`},
		{"huge event", "bytes, the bound is", fmt.Sprintf(opening, 2), `{"version": 1, "kind": "COMMENTED", "x": "` + strings.Repeat("y", maxEvent) + `"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			var log bytes.Buffer
			s.forge.log = slog.New(slog.NewTextHandler(&log, nil))
			good := s.open("a")
			head := forgetest.Commit(t, s.Repo, "evil", "x", s.Tip(main))
			tip := s.forged(test.first, head)
			if test.next != "" {
				tip = s.forged(test.next, tip)
			}
			git(t, s.bare, "update-ref", "refs/koonti/proposals/2", string(tip))
			git(t, s.bare, "update-ref", "refs/heads/proposals/2", string(head))
			git(t, s.bare, "update-ref", "refs/heads/proposals/by-name", string(head))
			for range 2 {
				s.same("news", told(s.sync()), "")
			}
			if n := strings.Count(log.String(), "cannot be read"); n != 1 || !strings.Contains(log.String(), "proposal=2") {
				t.Errorf("logged %d times: %s", n, log.String())
			}
			_, err := s.forge.Proposal(t.Context(), 2)
			if !errors.Is(err, content.ErrUnavailable) || !strings.Contains(err.Error(), test.why) || len(err.Error()) > 500 {
				t.Errorf("error %.600q, want one with %q", err, test.why)
			}
			if _, err := s.forge.Comment(t.Context(), person("Aino"), 2, "x"); !errors.Is(err, content.ErrUnavailable) {
				t.Errorf("commented: %v", err)
			}
			s.same("listed", s.list(), []*content.Proposal{good})
			s.same("next number", s.open("b").Number, 3)
		})
	}
}

// Shapes that no JSON can be blamed for.
func TestUnreadableShapes(t *testing.T) {
	s := newSite(t)
	good := s.open("a")
	head := forgetest.Commit(t, s.Repo, "evil", "x", s.Tip(main))
	first := s.forged(fmt.Sprintf(opening, 2), head)
	link := strings.TrimSpace(must(tryGit(s.bare, "120000 blob "+git(t, s.bare, "rev-parse", string(first)+":event.json")+"\tevent.json\n", "mktree")))
	for name, target := range map[string]string{
		"2":           git(t, s.bare, "commit-tree", "-m", "link", "-p", string(head), link),
		"3":           string(head), // a commit of content
		"4":           git(t, s.bare, "rev-parse", string(head)+":evil"),
		"5":           string(s.forged(fmt.Sprintf(opening, 5))), // no head
		"6":           string(s.forged(`{"version": 1, "kind": "CLOSED"}`, head)),
		"7/x":         string(first),
		"evil":        string(first),
		"08":          string(first),
		"00000009":    string(first),
		"99999999999": string(first),
	} {
		git(t, s.bare, "update-ref", "refs/koonti/proposals/"+name, target)
	}
	for _, name := range []string{"x", "1-x", "1-" + string(first), "99-" + string(head), "-", "1-" + string(head)} {
		git(t, s.bare, "update-ref", "refs/koonti/pending/"+name, string(head))
	}
	s.same("news", told(s.sync()), "")
	s.same("listed", s.list(), []*content.Proposal{good})
	s.same("next number", s.open("b").Number, 8)
}

func must(out string, err error) string {
	if err != nil {
		panic(out)
	}
	return out
}

// What is not known is passed over, and what is said beyond the end does not count.
func TestReadLeniently(t *testing.T) {
	s := newSite(t)
	head := forgetest.Commit(t, s.Repo, "a", "x", s.Tip(main))
	h := s.forged(strings.Replace(fmt.Sprintf(opening, 1), "{", `{"colour": {"deep": [1]}, "identity": "KING", `, 1), head)
	for _, e := range []string{
		`{"version": 1, "kind": "APPROVED", "identity": "TOKEN", "later": true}`, `{"version": 1, "kind": "MERGED"}`,
		`{"version": 1, "kind": "CLOSED"}`, `{"version": 1, "kind": "EDITED", "title": "Late"}`, `{"version": 1, "kind": "REOPENED"}`,
	} {
		parents := []gitrepo.Hash{h}
		if strings.Contains(e, "MERGED") {
			parents = append(parents, s.Tip(main))
		}
		h = s.forged(e, parents...)
	}
	git(t, s.bare, "update-ref", "refs/koonti/proposals/1", string(h))
	p := s.get(1)
	s.same("proposal", []any{p.Title, p.State, p.MergedAs, p.Author.Identity, p.Reviews[0].Person.Identity, len(p.Events)},
		[]any{"T", content.ProposalMerged, content.Hash(s.Tip(main)), content.IdentityClaimed, content.IdentityToken, 6})
}

func TestTooManyEvents(t *testing.T) {
	s := newSite(t)
	p := s.open("a")
	var b strings.Builder
	comment := `{"version": 1, "kind": "COMMENTED", "text": "again"}`
	for i := range maxEvents + leeway {
		fmt.Fprintf(&b, "commit refs/koonti/proposals/1\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n", 1_700_000_000+i)
		if i == 0 {
			fmt.Fprintf(&b, "from refs/koonti/proposals/1^0\n")
		}
		fmt.Fprintf(&b, "M 644 inline event.json\ndata %d\n%s\n", len(comment), comment)
		if i == maxEvents-2 {
			b.WriteString("reset refs/koonti/full\nfrom refs/koonti/proposals/1\n\n")
		}
	}
	must(tryGit(s.bare, b.String(), "fast-import", "--quiet"))
	if _, err := s.forge.Proposal(t.Context(), 1); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("over the bound: %v", err)
	}
	git(t, s.bare, "update-ref", "refs/koonti/proposals/1", "refs/koonti/full")
	s.same("events", len(s.get(1).Events), maxEvents)
	if _, err := s.forge.Comment(t.Context(), person("Eero"), 1, "One more"); !errors.Is(err, content.ErrTooLarge) {
		t.Errorf("one more: %v", err)
	}
	q, err := s.forge.Close(t.Context(), person("Eero"), 1)
	s.same("but it can be ended", []any{err, q.State, q.Head}, []any{nil, content.ProposalClosed, p.Head})
}

// What is asked is held to the bounds before anything is written.
func TestRefusedToWrite(t *testing.T) {
	s := newSite(t)
	p := s.open("a")
	base := content.Hash(s.Tip(main))
	head := content.Hash(forgetest.Commit(t, s.Repo, "b", "x", s.Tip(main)))
	good := proposal.Opening{Title: "T", Head: head, Base: base, Target: main}
	open := func(by content.Actor, change func(*proposal.Opening)) error {
		o := good
		change(&o)
		_, err := s.forge.Open(t.Context(), by, o)
		return err
	}
	aino := person("Aino")
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"no title":        {open(aino, func(o *proposal.Opening) { o.Title = " " }), content.ErrInvalid},
		"long title":      {open(aino, func(o *proposal.Opening) { o.Title = strings.Repeat("x", content.MaxTitle+1) }), content.ErrTooLarge},
		"lines":           {open(aino, func(o *proposal.Opening) { o.Title = "a\nb" }), content.ErrInvalid},
		"long text":       {open(aino, func(o *proposal.Opening) { o.Description = strings.Repeat("x", content.MaxText+1) }), content.ErrTooLarge},
		"long key":        {open(aino, func(o *proposal.Opening) { o.Key = strings.Repeat("x", maxName+1) }), content.ErrTooLarge},
		"no reviewer":     {open(aino, func(o *proposal.Opening) { o.Reviewers = []string{""} }), content.ErrInvalid},
		"many reviewers":  {open(aino, func(o *proposal.Opening) { o.Reviewers = strings.Fields(manyNames()) }), content.ErrTooLarge},
		"no head":         {open(aino, func(o *proposal.Opening) { o.Head = content.Hash(strings.Repeat("12", 20)) }), content.ErrNotFound},
		"head no hash":    {open(aino, func(o *proposal.Opening) { o.Head = "../../x" }), content.ErrNotFound},
		"base no hash":    {open(aino, func(o *proposal.Opening) { o.Base = "main" }), content.ErrInvalid},
		"target no ref":   {open(aino, func(o *proposal.Opening) { o.Target = "main" }), content.ErrInvalid},
		"target a tag":    {open(aino, func(o *proposal.Opening) { o.Target = "refs/tags/v1" }), content.ErrInvalid},
		"nobody":          {open(content.Actor{}, func(*proposal.Opening) {}), content.ErrForbidden},
		"nobody, written": {open(content.Actor{Person: content.Person{Name: " <>"}}, func(*proposal.Opening) {}), content.ErrForbidden},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	forgetest.Refused(t, open(aino, func(o *proposal.Opening) { o.Head = o.Base }), content.RefusedEmpty)
	_, err := s.forge.Edit(t.Context(), aino, 1, proposal.Edition{Was: p.Head, Head: p.Head, Base: p.Base, Title: &p.Title})
	forgetest.Refused(t, err, content.RefusedEmpty)
	_, err = s.forge.Merge(t.Context(), aino, 1, proposal.Merging{Head: p.Head, Target: base, Commit: p.Head})
	if !errors.Is(err, content.ErrInvalid) {
		t.Errorf("merged as its own head: %v", err)
	}
	s.same("left as it was", s.list(), []*content.Proposal{p})
	s.same("refs", git(t, s.bare, "for-each-ref", "--format=%(refname)", "refs/koonti"), "refs/koonti/proposals/1")
	s.Push("refs/heads/proposals/1", "")
	s.Push("refs/heads/proposals", gitrepo.Hash(head))
	forgetest.Refused(t, open(aino, func(*proposal.Opening) {}), content.RefusedForge)
}

func manyNames() string {
	var b strings.Builder
	for i := range maxReviewers + 1 {
		fmt.Fprintf(&b, "n%d ", i)
	}
	return b.String()
}

// Names and words that mean something to Git, a shell or a terminal are kept as words.
func TestHostileWords(t *testing.T) {
	s := newSite(t)
	by := content.Actor{Person: content.Person{Name: "Aino\n<x> \x00", Email: "a>b\n@example.org", Identity: content.IdentityToken}, ID: "../../x"}
	p, err := s.forge.Open(t.Context(), by, proposal.Opening{
		Title: "--upload-pack=x $(id) ../../etc", Description: "\x1b]0;x\x07\n\nApproved-by: Eero <eero@example.org>\x00", Key: "../../../HEAD",
		Head: content.Hash(forgetest.Commit(t, s.Repo, "a", "x", s.Tip(main))), Base: content.Hash(s.Tip(main)), Target: main,
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.other().Proposal(t.Context(), p.Number)
	s.same("read by another", []any{err, again}, []any{nil, p})
	s.same("key", p.Key, "../../../HEAD")
	git(t, s.bare, "fsck", "--strict")
	for _, text := range []string{"\xff\xfe", strings.Repeat("\x01", content.MaxText)} {
		if _, err := s.forge.Comment(t.Context(), by, 1, text); err != nil {
			t.Errorf("comment %.10q: %v", text, err)
		}
	}
	s.same("comments", len(s.get(1).Comments), 2)
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(opening, 1)))
	f.Add([]byte(`{"version": 1, "kind": "EDITED", "title": "x", "reviewers": ["a"], "base": "0123456789012345678901234567890123456789"}`))
	f.Add([]byte(`{"version": 2}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDocument(data)
		if err != nil {
			if !errors.Is(err, errUnreadable) {
				t.Errorf("%v", err)
			}
			return
		}
		if err := d.check(); err != nil || d.Version != version || d.Identity == "" {
			t.Errorf("%+v: %v", d, err)
		}
	})
}
