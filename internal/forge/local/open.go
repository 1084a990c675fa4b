package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// Open is in the contract of proposal.Forge. RefusedForge where no branch is served and
// o names no target.
func (f *Forge) Open(ctx context.Context, by content.Actor, o proposal.Opening) (*content.Proposal, error) {
	who, err := actor(by)
	if err != nil {
		return nil, err
	}
	f.acting.Lock()
	defer f.acting.Unlock()
	if o.Target == "" {
		if o.Target, err = f.target(ctx); err != nil {
			return nil, fmt.Errorf("find the branch that is served: %w", err)
		}
	}
	if err := f.mayOpen(ctx, o); err != nil {
		return nil, err
	}
	title := strings.TrimSpace(o.Title)
	e := f.signed(event{about: gitrepo.Hash(o.Head), document: document{
		Kind: content.EventOpened, Title: &title, Description: optional(o.Description), Target: o.Target, Base: o.Base, Reviewers: asked(nil, o.Reviewers), Key: o.Key,
	}}, who)
	key := ""
	if o.Key != "" {
		key = keyRef(by, o.Key)
	}
	c, err := f.open(ctx, e, key)
	if err != nil {
		return nil, err
	}
	return c.proposal, nil
}

func (f *Forge) mayOpen(ctx context.Context, o proposal.Opening) error {
	if o.Target == "" {
		return &content.Refusal{Reason: content.RefusedForge, Message: "No branch is served, but a commit or a tag: there is nothing that a proposal could be merged into. Serve a branch to propose."}
	}
	if o.Head == o.Base {
		return &content.Refusal{Reason: content.RefusedEmpty, Message: "Nothing would change: the commit proposed is the one that it is built on."}
	}
	if err := f.mustHave(ctx, o.Head); err != nil {
		return err
	}
	at, err := f.branchAt(ctx, strings.TrimSuffix(branchesPrefix, "/"))
	if err == nil && at != "" {
		err = &content.Refusal{Reason: content.RefusedForge, Message: "A branch is called proposals: none can be made below it. Rename it to propose."}
	}
	return err
}

// mustHave refuses a commit that is not there.
func (f *Forge) mustHave(ctx context.Context, h content.Hash) error {
	_, err := f.repo.Commit(ctx, gitrepo.Hash(h))
	if errors.Is(err, gitrepo.ErrNotFound) {
		err = fmt.Errorf("commit %q: %w", cut(string(h), 40), content.ErrNotFound)
	}
	return err
}

// optional leaves out what is empty.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// keyRef is where the first event of the proposal of an actor's key is kept.
func keyRef(by content.Actor, key string) string {
	id := by.ID
	if id == "" {
		id = personKey(by.Person)
	}
	return keysPrefix + fmt.Sprintf("%x", sha256.Sum256([]byte(id+"\x00"+key)))
}

// pushKeyRef is the same for a branch pushed, at one of its commits: no actor is "".
func pushKeyRef(branch string, head gitrepo.Hash) string {
	return keysPrefix + fmt.Sprintf("%x", sha256.Sum256([]byte("\x00"+branch+"\x00"+string(head))))
}

// open opens a proposal by an event that has no number yet; with a Branch it is for what
// was pushed there. With a key ref it is opened once for all who try with that one: the
// event that the ref names is the one.
func (f *Forge) open(ctx context.Context, e event, key string) (*chain, error) {
	for range attempts {
		first, err := f.firstEvent(ctx, e, key)
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c, err := f.publish(ctx, first, e.Branch != "")
		if !errors.Is(err, errTaken) {
			return c, err
		}
		f.numbers = nil // somebody else opens as well
		if key == "" {
			continue
		}
		// Another one has the number: the same event gets the next.
		first.Branch = e.Branch
		if err := f.renumber(ctx, first, key); err != nil && !errors.Is(err, errMoved) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("open a proposal: %w: others open so many that no number was free", content.ErrUnavailable)
}

// errTaken says that a number is another proposal's, or its branch something else.
var errTaken = errors.New("the number is taken")

// firstEvent is the event by which to open: the one that the key has, else e.
func (f *Forge) firstEvent(ctx context.Context, e event, key string) (event, error) {
	if key == "" {
		return f.numbered(ctx, e)
	}
	kept, err := f.branchAt(ctx, key)
	if err != nil {
		return event{}, err
	}
	if kept != "" {
		return f.keptEvent(ctx, kept)
	}
	if e, err = f.numbered(ctx, e); err != nil {
		return event{}, err
	}
	return e, f.setRef(ctx, key, "", e.hash)
}

func (f *Forge) keptEvent(ctx context.Context, h gitrepo.Hash) (event, error) {
	e, err := f.readEvent(ctx, h)
	if err == nil && e.Kind != content.EventOpened {
		err = fmt.Errorf("%w: it is %s", errUnreadable, e.Kind)
	}
	if err != nil {
		return event{}, fmt.Errorf("read what was proposed with the same key: %w: %w", content.ErrUnavailable, err)
	}
	return e, nil
}

// renumber gives the event of a key the next free number.
func (f *Forge) renumber(ctx context.Context, e event, key string) error {
	next, err := f.numbered(ctx, e)
	if err != nil {
		return err
	}
	return f.setRef(ctx, key, e.hash, next.hash)
}

// numbered writes the event of an opening with the next free number.
func (f *Forge) numbered(ctx context.Context, e event) (event, error) {
	number, err := f.nextNumber(ctx, e.Branch)
	if err != nil {
		return event{}, err
	}
	e.Number = number
	if e.Branch == "" {
		e.Branch = ownBranch(number)
	}
	if err := e.check(); err != nil {
		return event{}, err
	}
	h, err := f.writeEvent(ctx, number, "", e)
	if err != nil {
		return event{}, fmt.Errorf("open a proposal: %w", err)
	}
	return f.readEvent(ctx, h)
}

// numbering are the numbers that are in use.
type numbering struct {
	highest int
	// taken counts the branches that lie where the branch of a number has to.
	taken map[int]int
}

// numbering reads which numbers are in use.
func (f *Forge) numbering(ctx context.Context) (*numbering, error) {
	data, err := f.repo.RefsUnder(ctx, dataPrefix)
	if err != nil {
		return nil, fmt.Errorf("list proposals: %w", err)
	}
	branches, err := f.repo.RefsUnder(ctx, branchesPrefix)
	if err != nil {
		return nil, fmt.Errorf("list branches: %w", err)
	}
	n := &numbering{taken: map[int]int{}}
	for _, ref := range data {
		n.highest = max(n.highest, leadingNumber(ref.Name, dataPrefix))
	}
	for _, ref := range branches {
		n.taken[leadingNumber(ref.Name, branchesPrefix)]++
	}
	return n, nil
}

// nextNumber is the lowest above all numbers that are in use for which a branch can be made,
// or whose branch is the one that was pushed.
func (f *Forge) nextNumber(ctx context.Context, pushed string) (int, error) {
	n := f.numbers
	if n == nil || pushed == "" {
		var err error
		if n, err = f.numbering(ctx); err != nil {
			return 0, err
		}
	}
	if pushed != "" { // more may follow: adoptAll forgets it
		f.numbers = n
	}
	own := 0
	if pushed != "" {
		own = leadingNumber(pushed, branchesPrefix)
	}
	number := n.highest + 1
	for n.taken[number] > 1 || n.taken[number] == 1 && number != own {
		number++
	}
	if number > maxNumber {
		return 0, fmt.Errorf("%w: proposal %d is there: no number is left", content.ErrUnavailable, n.highest)
	}
	n.highest = number
	return number, nil
}

// leadingNumber is the number that a ref takes, also by a folder; 0 for none.
func leadingNumber(name, prefix string) int {
	part, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "/")
	n, _ := parseNumber(part)
	return n
}

// publish makes the proposal of its first event: the chain, then the branch, unless that
// was pushed. Each step may be done already.
func (f *Forge) publish(ctx context.Context, first event, pushed bool) (*chain, error) {
	p := pendingOf(first.Number, first.hash)
	there, err := f.branchAt(ctx, dataRef(first.Number))
	if err != nil {
		return nil, err
	}
	if there == "" {
		if there, err = f.begin(ctx, p, pushed); err != nil {
			return nil, err
		}
	}
	c, err := f.at(ctx, first.Number, there)
	if err != nil {
		return nil, err
	}
	if c.err != nil || c.events[0].hash != first.hash {
		f.forget(ctx, p)
		return nil, errTaken
	}
	waiting, err := f.branchAt(ctx, p.ref)
	if err != nil || waiting == "" {
		return c, err // made before, whatever became of its branch
	}
	return f.finishOpening(ctx, c, p)
}

// begin makes the chain of a number.
func (f *Forge) begin(ctx context.Context, p pending, pushed bool) (gitrepo.Hash, error) {
	if !pushed {
		if err := f.intend(ctx, p); err != nil {
			return "", err
		}
	}
	err := f.setRef(ctx, dataRef(p.number), "", p.event)
	if errors.Is(err, errMoved) {
		return f.branchAt(ctx, dataRef(p.number))
	}
	if errors.Is(err, gitrepo.ErrUnsupported) { // something lies where it has to be
		f.forget(ctx, p)
		return "", fmt.Errorf("%w: %w", errTaken, err)
	}
	return p.event, err
}

// finishOpening makes the branch of a proposal that was just opened. Where the branch is
// something else by now the proposal is closed, and errTaken says so.
func (f *Forge) finishOpening(ctx context.Context, c *chain, p pending) (*chain, error) {
	err := error(nil)
	if c.open() && c.head() == c.events[0].about {
		err = f.makeBranch(ctx, c)
	}
	if errors.Is(err, errTaken) {
		_, err = f.withdraw(ctx, c.number, "The branch was made by somebody else at the same moment.")
		if err == nil {
			err = errTaken
		}
	}
	if err == nil || errors.Is(err, errTaken) {
		f.forget(ctx, p)
	}
	return c, err
}

// makeBranch makes the branch of a proposal if it is not there; errTaken where it is and
// has another commit, which the proposal did not get meanwhile.
func (f *Forge) makeBranch(ctx context.Context, c *chain) error {
	name := c.proposal.Branch
	err := f.setBranch(ctx, gitrepo.RefUpdate{Name: name, Is: c.head(), Message: fmt.Sprintf("proposal %d", c.number)})
	if errors.Is(err, errMoved) {
		now, err := f.branchAt(ctx, name)
		moved := false
		if err == nil && now != c.head() {
			moved, err = f.movedBy(ctx, c, now)
		}
		if err == nil && now != c.head() && !moved {
			err = fmt.Errorf("%w: %s is %s", errTaken, name, now.Short())
		}
		f.seen[name] = err == nil
		return err
	}
	if errors.Is(err, gitrepo.ErrUnsupported) {
		return fmt.Errorf("%w: %w", errTaken, err)
	}
	f.seen[name] = err == nil
	return err
}

// movedBy tells whether a branch is at a commit since the proposal was edited, or somebody
// pushed to it: an edit is pending before its branch moves, and in the chain before it is
// not pending any more, so that it is met here or there.
func (f *Forge) movedBy(ctx context.Context, c *chain, now gitrepo.Hash) (bool, error) {
	begun, err := f.repo.RefsUnder(ctx, pendingPrefix)
	if err != nil {
		return false, fmt.Errorf("list pending events: %w", err)
	}
	for _, ref := range begun {
		p, ok := parsePending(ref)
		if !ok || p.number != c.number {
			continue
		}
		if e, err := f.readEvent(ctx, p.event); err == nil && e.Kind == content.EventEdited && e.about == now {
			return true, nil
		}
	}
	later, err := f.fresh(ctx, c.number)
	if err != nil || now == "" || slices.Contains(later.heads, now) {
		return err == nil, err
	}
	return f.repo.IsAncestor(ctx, c.head(), now)
}

// withdraw closes a proposal in nobody's name.
func (f *Forge) withdraw(ctx context.Context, number int, why string) (*chain, error) {
	for range attempts {
		c, err := f.fresh(ctx, number)
		if err != nil || !c.open() {
			return c, err
		}
		next, err := f.add(ctx, c, f.signed(event{document: document{Kind: content.EventClosed, Text: why}}, nobody))
		if !errors.Is(err, errMoved) {
			return next, err
		}
	}
	return nil, fmt.Errorf("proposal %d: %w: others write to it all the time", number, content.ErrUnavailable)
}

// nobody is who did what Git does not tell of.
var nobody = content.Person{Name: "koonti", Identity: content.IdentityClaimed}
