package gitea

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Where what Gitea told is kept: one ref for each pull request, each state of it a
// commit on the one before, with the file proposal.json. The head is a parent too, so
// that no gc takes away what was ever proposed.
const (
	keptRefs    = "refs/koonti/forge/"
	keptFile    = "proposal.json"
	keptVersion = 1
	// attempts is how often a state is written anew when another process was quicker.
	attempts = 100
)

// kept is proposal.json. Its names are the format: what is there stays readable.
type kept struct {
	Version     int                   `json:"version"`
	Number      int                   `json:"number"`
	Title       string                `json:"title"`
	Description string                `json:"description,omitempty"`
	State       content.ProposalState `json:"state"`
	Author      keptPerson            `json:"author"`
	Branch      string                `json:"branch"`
	Target      string                `json:"target"`
	Head        content.Hash          `json:"head"`
	Base        content.Hash          `json:"base"`
	MergedAs    content.Hash          `json:"mergedAs,omitempty"`
	OpenedAt    time.Time             `json:"openedAt"`
	UpdatedAt   time.Time             `json:"updatedAt"`
	Requested   []string              `json:"requested,omitempty"`
	Reviews     []keptReview          `json:"reviews,omitempty"`
	Comments    []keptComment         `json:"comments,omitempty"`
	Events      []keptEvent           `json:"events,omitempty"`
	// Poster is the login of who opened it on Gitea, Proposer the Actor.ID in whose
	// name that was the service account; Key what it was opened with.
	Poster   string `json:"poster"`
	Proposer string `json:"proposer,omitempty"`
	Key      string `json:"key,omitempty"`
	URL      string `json:"url,omitempty"`
	// Seen is what the list of pull requests showed of it: as long as it does, there is
	// nothing to read.
	Seen string `json:"seen"`
}

type keptPerson struct {
	Name     string                 `json:"name"`
	Email    string                 `json:"email,omitempty"`
	Identity content.IdentitySource `json:"identity"`
}

type keptReview struct {
	Person  keptPerson      `json:"person"`
	Verdict content.Verdict `json:"verdict"`
	Text    string          `json:"text,omitempty"`
	Head    content.Hash    `json:"head"`
	Stale   bool            `json:"stale,omitempty"`
	At      time.Time       `json:"at"`
}

type keptComment struct {
	ID     string     `json:"id"`
	Person keptPerson `json:"person"`
	Text   string     `json:"text"`
	At     time.Time  `json:"at"`
}

// keptEvent is an event with the number that Gitea gave it: 0 is the opening.
type keptEvent struct {
	ID    int64             `json:"id"`
	Kind  content.EventKind `json:"kind"`
	Actor keptPerson        `json:"actor"`
	At    time.Time         `json:"at"`
	Head  content.Hash      `json:"head,omitempty"`
	Text  string            `json:"text,omitempty"`
}

// proposal is what k says, as others see it.
func (k *kept) proposal() *content.Proposal {
	p := &content.Proposal{
		Number: k.Number, Title: k.Title, Description: k.Description, State: k.State, Author: content.Person(k.Author),
		Branch: k.Branch, Target: k.Target, Head: k.Head, Base: k.Base, MergedAs: k.MergedAs,
		OpenedAt: k.OpenedAt, UpdatedAt: k.UpdatedAt, Requested: slices.Clone(k.Requested), Key: k.Key, URL: k.URL,
	}
	for _, r := range k.Reviews {
		p.Reviews = append(p.Reviews, content.Review{Person: content.Person(r.Person), Verdict: r.Verdict, Text: r.Text, Head: r.Head, Stale: r.Stale, At: r.At})
	}
	for _, c := range k.Comments {
		p.Comments = append(p.Comments, content.Comment{ID: c.ID, Person: content.Person(c.Person), Text: c.Text, At: c.At})
	}
	for _, e := range k.Events {
		p.Events = append(p.Events, e.event())
	}
	return p
}

func (e keptEvent) event() content.ProposalEvent {
	return content.ProposalEvent{Kind: e.Kind, Actor: content.Person(e.Actor), At: e.At, Head: e.Head, Text: e.Text}
}

// entry is a pull request as it is known.
type entry struct {
	kept     *kept
	proposal *content.Proposal
	// at is the commit that keeps it.
	at gitrepo.Hash
	// ticket orders what was read: a later one is not overwritten by one before.
	ticket uint64
	// again: it may have changed without looking other, and is to be read again.
	again bool
}

// load reads all that is kept. What cannot be read is left out, and read from Gitea anew.
func (f *Forge) load(ctx context.Context) error {
	refs, err := f.cfg.Repo.RefsUnder(ctx, keptRefs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		e, err := f.loadOne(ctx, ref)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f.log.Warn("what is kept of a pull request cannot be read", "ref", ref.Name, "err", err)
			continue
		}
		f.entries[e.kept.Number] = e
	}
	return nil
}

func (f *Forge) loadOne(ctx context.Context, ref gitrepo.Ref) (*entry, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(ref.Name, keptRefs))
	if err != nil {
		return nil, fmt.Errorf("not the name of a pull request: %w", err)
	}
	commit, err := f.cfg.Repo.Commit(ctx, ref.Commit)
	if err != nil {
		return nil, err
	}
	file, err := f.cfg.Repo.Lookup(ctx, commit.Tree, keptFile)
	if err != nil {
		return nil, err
	}
	data, err := f.cfg.Repo.Blob(ctx, file.Hash)
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, err
	}
	if k.Version != keptVersion || k.Number != number {
		return nil, fmt.Errorf("version %d of pull request %d is not known here", k.Version, k.Number)
	}
	return &entry{kept: &k, proposal: k.proposal(), at: ref.Commit, again: k.State == content.ProposalOpen}, nil
}

// keep makes k what is known of its pull request, and writes it down if it is other
// than before. A read that was overtaken by a later one changes nothing. The entry that
// holds then is returned.
func (f *Forge) keep(ctx context.Context, k *kept, ticket uint64, again bool) (*entry, error) {
	f.keeping.Lock()
	defer f.keeping.Unlock()
	was := f.entry(k.Number)
	if was != nil && was.ticket > ticket {
		return was, nil
	}
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, err
	}
	e := &entry{kept: k, proposal: k.proposal(), ticket: ticket, again: again}
	if e.at, err = f.write(ctx, k, append(data, '\n'), was); err != nil {
		return nil, fmt.Errorf("keep pull request %d: %w", k.Number, err)
	}
	f.mu.Lock()
	f.entries[k.Number] = e
	f.mu.Unlock()
	return e, nil
}

// write commits the file, unless it is what is there.
func (f *Forge) write(ctx context.Context, k *kept, data []byte, was *entry) (gitrepo.Hash, error) {
	ref := keptRefs + strconv.Itoa(k.Number)
	var at gitrepo.Hash
	if was != nil {
		at = was.at
	}
	blob, err := f.cfg.Repo.WriteBlob(ctx, data)
	if err != nil {
		return "", err
	}
	tree, err := f.cfg.Repo.WriteTree(ctx, "", []gitrepo.TreeChange{{Path: keptFile, Entry: gitrepo.Entry{Mode: gitrepo.File, Hash: blob}}})
	if err != nil {
		return "", err
	}
	for range attempts {
		commit, err := f.commit(ctx, k, tree, at)
		if err != nil || commit == at {
			return commit, err
		}
		err = f.cfg.Repo.UpdateRef(ctx, ref, at, commit)
		if err == nil || !errors.Is(err, gitrepo.ErrChanged) {
			return commit, err
		}
		// Another process keeps the same pull request in the same repository.
		if at, err = f.cfg.Repo.Ref(ctx, ref); err != nil && !errors.Is(err, gitrepo.ErrNotFound) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: %w: another process writes it all the time", ref, content.ErrUnavailable)
}

// commit makes the commit that follows at, or returns at where nothing is new.
func (f *Forge) commit(ctx context.Context, k *kept, tree, at gitrepo.Hash) (gitrepo.Hash, error) {
	parents := []gitrepo.Hash{gitrepo.Hash(k.Head)}
	if at != "" {
		before, err := f.cfg.Repo.Commit(ctx, at)
		if err != nil {
			return "", err
		}
		if before.Tree == tree {
			return at, nil
		}
		parents = []gitrepo.Hash{at, gitrepo.Hash(k.Head)}
	}
	who := gitrepo.Signature{Name: "koonti", Email: "koonti@localhost", When: f.cfg.Now()}
	return f.cfg.Repo.WriteCommit(ctx, gitrepo.NewCommit{
		Tree: tree, Parents: parents, Author: who, Committer: who,
		Message: fmt.Sprintf("Pull request %d as %s has it\n\n%s\n", k.Number, f.url, k.Title),
	})
}

// entry is what is known of a pull request, nil for nothing.
func (f *Forge) entry(number int) *entry {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.entries[number]
}
