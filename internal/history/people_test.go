package history

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/signature"
)

// toldCommit is one commit of a story: who, what was said, and the files that it changes.
type toldCommit struct {
	mark    string
	branch  string // main
	from    []string
	author  string // Aino <aino@example.org>
	message string
	files   map[string]string
}

const aino, eino, virpi = "Aino <aino@example.org>", "Eino <eino@example.org>", "Virpi <virpi@example.org>"

// tell writes commits, one hour apart from 2026-01-01 on, and returns the repository and
// the hashes by mark.
func tell(t testing.TB, story []toldCommit) (dir string, hash map[string]content.Hash) {
	t.Helper()
	dir = t.TempDir()
	runGit(t, dir, "", "init", "-q", "--bare", "-b", "main", ".")
	var b strings.Builder
	number := map[string]int{}
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for i, c := range story {
		number[c.mark] = i + 1
		branch, author := c.branch, c.author
		if branch == "" {
			branch = "main"
		}
		if author == "" {
			author = aino
		}
		fmt.Fprintf(&b, "commit refs/heads/%s\nmark :%d\nauthor %s %d +0000\ncommitter %s %d +0000\ndata %d\n%s\n", branch, i+1, author, base+int64(i)*3600, author, base+int64(i)*3600, len(c.message), c.message)
		for n, from := range c.from {
			fmt.Fprintf(&b, "%s :%d\n", []string{"from", "merge"}[min(n, 1)], number[from])
		}
		if i == 0 {
			for path, text := range map[string]string{"schema/model.json": worldModel, "schema/thing.json": worldThing, "schema/note.json": worldNote} {
				fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", path, len(text), text)
			}
		}
		for path, text := range c.files {
			if text == "" {
				fmt.Fprintf(&b, "D %s\n", path)
				continue
			}
			fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", path, len(text), text)
		}
	}
	runGit(t, dir, b.String(), "fast-import", "--quiet", "--export-marks=marks")
	hash = map[string]content.Hash{}
	marks, err := os.ReadFile(filepath.Join(dir, "marks"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(marks)) {
		mark, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		for known, n := range number {
			if mark == fmt.Sprintf(":%d", n) {
				hash[known] = content.Hash(name)
			}
		}
	}
	return dir, hash
}

func ref(id string) *content.Ref { return &content.Ref{Collection: "things", ID: content.ID(id)} }

func TestWhoBroughtAChangeAndWhoApprovedIt(t *testing.T) {
	thing := func(name string) map[string]string {
		return map[string]string{"records/things/x.json": `{"name": "` + name + `"}`}
	}
	dir, hash := tell(t, []toldCommit{
		{mark: "new", message: "Begin", files: thing("a")},
		{mark: "edit", branch: "side", from: []string{"new"}, author: eino, message: "Say it better\n\nCo-authored-by: Aino <aino@example.org>\n", files: thing("b")},
		{mark: "merge", from: []string{"new", "edit"}, author: virpi, message: "Merge pull request #12 from org/side\n\nBetter words\n\nReviewed-by: Virpi <virpi@example.org>\n", files: thing("b")},
		{mark: "squash", from: []string{"merge"}, author: aino, message: "Third name (#13)\n\nApproved-by: Aino <AINO@example.org>\n", files: thing("c")},
		{mark: "gitlab", from: []string{"squash"}, author: eino, message: "Fourth\n\nSee merge request org/content!14\n\nApproved-by: Toinen Virpi <v@old.example.org>", files: thing("d")},
		{mark: "map", from: []string{"gitlab"}, message: "People", files: map[string]string{".mailmap": "Virpi V <virpi@example.org> <v@old.example.org>\nEino E <eino@example.org>\n"}},
	})
	_, p := open(t, dir, "")
	page, err := p.Changes(t.Context(), content.ChangeQuery{Record: ref("x")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range page.Changes {
		commit, err := p.Commit(t.Context(), c.Commit)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %s by %s", c.Kind, commit.Subject, commit.Author.Name)
		for _, co := range commit.CoAuthors {
			line += " and " + co.Name
		}
		if commit.Merger != nil {
			line += ", merged by " + commit.Merger.Name
		}
		if c.PullRequest != nil {
			line += fmt.Sprintf(", #%d %q", c.PullRequest.Number, c.PullRequest.Title)
		}
		for _, a := range c.Approvals {
			source := strings.ReplaceAll(a.Source, string(hash["merge"]), "M")
			line += fmt.Sprintf(", approved by %s <%s> (%s)", a.Person.Name, a.Person.Email, strings.Fields(source)[0])
		}
		got = append(got, line)
	}
	want := []string{
		`UPDATED Fourth by Eino E, #14 "Fourth", approved by Virpi V <virpi@example.org> (commit)`,
		`UPDATED Third name (#13) by Aino, #13 "Third name", approved by Aino <AINO@example.org> (commit)`,
		`UPDATED Say it better by Eino E and Aino, merged by Virpi, #12 "Better words", approved by Virpi <virpi@example.org> (merge)`,
		`CREATED Begin by Aino`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	yes, no := true, false
	tests := []struct {
		name string
		q    content.ChangeQuery
		want int
	}{
		{"what another approved", content.ChangeQuery{Approved: &yes}, 2},
		{"what nobody but the author approved", content.ChangeQuery{Approved: &no}, 2},
		{"by name, also as co-author", content.ChangeQuery{Author: "aino"}, 3},
		{"by the name that .mailmap gives", content.ChangeQuery{Author: "eino e"}, 2},
		{"by address", content.ChangeQuery{Author: "EINO@EXAMPLE"}, 2},
		{"by name alone, part of a name", content.ChangeQuery{Author: "eino e", AuthorByName: true}, 2},
		{"by name alone, part of an address", content.ChangeQuery{Author: "example", AuthorByName: true}, 0},
		{"by pull request", content.ChangeQuery{PullRequest: 12}, 1},
		{"since the third hour", content.ChangeQuery{Since: time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)}, 2},
		{"until the second: when it was merged counts", content.ChangeQuery{Until: time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)}, 1},
		{"of a kind", content.ChangeQuery{Kinds: []content.ChangeKind{content.Created}}, 1},
		{"of another collection", content.ChangeQuery{Collection: "notes"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := p.CountChanges(t.Context(), tt.q)
			if err != nil || n != tt.want {
				t.Errorf("%d, %v; want %d", n, err, tt.want)
			}
			page, err := p.Changes(t.Context(), tt.q)
			if err != nil || len(page.Changes) != tt.want {
				t.Errorf("listed %d, %v", len(page.Changes), err)
			}
		})
	}
}

func TestBlamePassesOverCommitsThatAreToBeIgnored(t *testing.T) {
	path := "records/things/x.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{path: `{"name": "a", "text": "b"}`}},
		{mark: "2", from: []string{"1"}, author: eino, message: "Spelling everywhere", files: map[string]string{path: `{"name": "A", "text": "b", "number": 1}`}},
	})
	list := "# spelling\n" + string(hash["2"]) + " # by a machine\nnot a hash\n"
	runGit(t, dir, fmt.Sprintf("commit refs/heads/main\ncommitter %s 1767300000 +0000\ndata 5\nNotesfrom refs/heads/main^0\nM 100644 inline .git-blame-ignore-revs\ndata %d\n%s\n", aino, len(list), list), "fast-import", "--quiet")
	_, p := open(t, dir, "")
	fields, err := p.Blame(t.Context(), p.view.Snapshot.Record(*ref("x")))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]content.Hash{}
	for _, f := range fields {
		got[string(f.Pointer)] = f.Change.Commit
	}
	want := map[string]content.Hash{"/name": hash["1"], "/text": hash["1"], "/number": hash["2"]}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	last, err := p.LastChange(t.Context(), p.view.Snapshot.Record(*ref("x")), "/name")
	if err != nil || last.Commit != hash["2"] {
		t.Errorf("the last change must not pass over it: %v, %v", last, err)
	}
}

func TestSignaturesAreChecked(t *testing.T) {
	dir, hash := tell(t, []toldCommit{{mark: "1", message: "Begin", files: map[string]string{"records/things/x.json": `{"name": "a"}`}}})
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	tree := strings.TrimSpace(runGit(t, dir, "", "rev-parse", "main^{tree}"))
	payload := fmt.Sprintf("tree %s\nparent %s\nauthor %s 1767300000 +0000\ncommitter %s 1767300000 +0000\n\nSigned\n", tree, hash["1"], eino, eino)
	sig, err := sshsig.Sign(strings.NewReader(payload), signer, sshsig.HashSHA512, "git")
	if err != nil {
		t.Fatal(err)
	}
	armored := strings.TrimRight(string(sshsig.Armor(sig)), "\n")
	head, rest, _ := strings.Cut(payload, "\n\n")
	object := head + "\ngpgsig " + strings.ReplaceAll(armored, "\n", "\n ") + "\n\n" + rest
	commit := strings.TrimSpace(runGit(t, dir, object, "hash-object", "-t", "commit", "-w", "--stdin"))
	runGit(t, dir, "", "update-ref", "refs/heads/main", commit)
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	allowed := "eino@example.org " + string(ssh.MarshalAuthorizedKey(key))
	for _, tt := range []struct {
		name, signers string
		status        content.SignatureStatus
		identity      content.IdentitySource
	}{
		{"no keys given", "", content.SignatureUnchecked, content.IdentityClaimed},
		{"the author's key", allowed, content.SignatureValid, content.IdentitySigned},
		{"another's key", "virpi@example.org " + strings.Replace(string(ssh.MarshalAuthorizedKey(otherKey(t))), "\n", "", 1), content.SignatureUnknownKey, content.IdentityClaimed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			verifier, err := signature.New(signature.Config{AllowedSigners: tt.signers})
			if err != nil {
				t.Fatal(err)
			}
			repo := openRepo(t, dir)
			x := Open(Config{Repo: repo, Model: "schema/model.json", Verifier: verifier})
			c, err := past(t, x, viewOf(t, repo, "main")).Commit(t.Context(), content.Hash(commit))
			if err != nil {
				t.Fatal(err)
			}
			if c.Signature.Status != tt.status || c.Author.Identity != tt.identity || c.Signature.Format != "ssh" {
				t.Errorf("%+v, author %+v", c.Signature, c.Author)
			}
		})
	}
}

func otherKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A merge that only joined what two people had set is nobody's edit: each value is put
// down to the one who set it.
func TestBlameGoesThroughAMergeThatJoinedTwoEdits(t *testing.T) {
	path := "records/things/x.json"
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{path: `{"name": "a", "text": "b"}`}},
		{mark: "side", branch: "side", from: []string{"1"}, author: eino, message: "Name", files: map[string]string{path: `{"name": "A", "text": "b", "number": 1}`}},
		{mark: "main", from: []string{"1"}, message: "Text", files: map[string]string{path: `{"name": "a", "text": "B"}`}},
		{mark: "merge", from: []string{"main", "side"}, author: virpi, message: "Merge branch 'side'", files: map[string]string{path: `{"name": "A", "text": "B", "number": 1}`}},
	})
	_, p := open(t, dir, "")
	r := p.view.Snapshot.Record(*ref("x"))
	fields, err := p.Blame(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	want := map[content.Pointer]content.Hash{"/name": hash["side"], "/text": hash["main"], "/number": hash["side"]}
	got := map[content.Pointer]content.Hash{}
	for _, f := range fields {
		got[f.Pointer] = f.Change.Commit
		last, err := p.LastChange(t.Context(), r, f.Pointer)
		if err != nil || last.Commit != want[f.Pointer] {
			t.Errorf("last change of %s: %v, %v", f.Pointer, last, err)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDeletedAreThoseWhoseIDNobodyHas(t *testing.T) {
	x, y, z := "records/things/x.json", "records/things/y.json", "records/things/z.json"
	dir, _ := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{x: `{"name": "x"}`, y: `{"name": "y", "text": "why"}`, z: `{"name": "z"}`}},
		{mark: "2", from: []string{"1"}, message: "Without x and z", files: map[string]string{x: "", z: ""}},
		{mark: "3", from: []string{"2"}, message: "y is x now", files: map[string]string{y: "", x: `{"name": "y", "text": "why"}`}},
	})
	_, p := open(t, dir, "")
	page, err := p.Deleted(t.Context(), "", 0, "")
	n, countErr := p.CountDeleted(t.Context(), "things")
	if err != nil || countErr != nil || n != 1 || len(page.Changes) != 1 || page.Changes[0].Path != z {
		t.Errorf("%d, %v, %v, %v; want z alone", n, page.Changes, err, countErr)
	}
}

// What the forge knows of reviews counts as what messages say does, and tells better who
// it was.
func TestReviewsOfTheForgeAreJoined(t *testing.T) {
	thing := func(name string) map[string]string {
		return map[string]string{"records/things/x.json": `{"name": "` + name + `"}`}
	}
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: thing("a")},
		{mark: "edit", from: []string{"1"}, author: eino, message: "Edit", files: thing("b")},
		{mark: "quiet", from: []string{"1", "edit"}, author: virpi, message: "Merge proposal #1: Edit", files: thing("b")},
		{mark: "more", from: []string{"quiet"}, author: eino, message: "More", files: thing("c")},
		{mark: "said", from: []string{"quiet", "more"}, author: virpi, message: "Merge proposal #2: More\n\nApproved-by: Virpi <virpi@example.org>", files: thing("c")},
	})
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	review := content.Approval{Person: content.Person{Name: "Virpi", Email: "virpi@example.org", Identity: content.IdentityToken}, At: at, Source: "review"}
	repo := openRepo(t, dir)
	x := Open(Config{Repo: repo, Model: "schema/model.json", Reviews: func(merge content.Hash) []content.Approval {
		if merge == hash["quiet"] || merge == hash["said"] {
			return []content.Approval{review}
		}
		return nil
	}})
	t.Cleanup(func() { x.Close() })
	p, yes := past(t, x, viewOf(t, repo, "main")), true
	page, err := p.Changes(t.Context(), content.ChangeQuery{Approved: &yes})
	if err != nil {
		t.Fatal(err)
	}
	var got []content.Approval
	for _, c := range page.Changes {
		got = append(got, c.Approvals...)
	}
	said := review
	said.Source = "merge " + string(hash["said"])
	if d := cmp.Diff([]content.Approval{said, review}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Whoever proposes cannot write into a commit that somebody approved it, nor that it came
// by another proposal.
func TestAProposedCommitDoesNotSayWhoApprovedIt(t *testing.T) {
	thing := func(name string) map[string]string {
		return map[string]string{"records/things/x.json": `{"name": "` + name + `"}`}
	}
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: thing("a")},
		{mark: "edit", from: []string{"1"}, author: eino, message: "Edit (#7)\n\nApproved-by: Virpi <virpi@example.org>\nProposal: 3", files: thing("b")},
		{mark: "merge", from: []string{"1", "edit"}, author: aino, message: "Merge proposal #9: Edit\n\nProposal: 9", files: thing("b")},
	})
	_, p := open(t, dir, "")
	no := false
	page, err := p.Changes(t.Context(), content.ChangeQuery{Approved: &no, PullRequest: 9})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Changes) != 1 || page.Changes[0].Commit != hash["edit"] || len(page.Changes[0].Approvals) != 0 {
		t.Errorf("unapproved changes of proposal 9: %+v, want the edit, without approvals", page.Changes)
	}
}
