package proposal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/local"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// TestMain lets the test binary be the other server: only where no test is asked for, so
// that none passes without having run.
func TestMain(m *testing.M) {
	tests := slices.ContainsFunc(os.Args[1:], func(arg string) bool { return strings.HasPrefix(arg, "-test.") })
	if dir := os.Getenv("KOONTI_TEST_SERVER"); dir != "" && !tests {
		runServer(dir)
		return
	}
	os.Exit(m.Run())
}

func runServer(dir string) {
	numbers := make([]int, 2)
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(os.Args[i+1]); err != nil {
			panic(err)
		}
	}
	say := func(line string) { os.Stdout.WriteString(line + "\n") }
	c, err := newCrew(dir, "B", uint64(numbers[0]), numbers[1], say)
	if err == nil {
		err = c.work(context.Background())
	}
	if err != nil {
		panic(err)
	}
}

// editors is how many people work in one server.
const editors = 8

// op gives one place of one record a value, in the words of the oracle: "r1 /a" is a
// member, "r1 #x" says that a set has x, "r1 @p" is the number of the part p, "r1" that
// there is such a record. nil is none.
type op struct {
	Key   string
	Value *string
}

// note is what the description of a proposal tells the oracle: what was done in the last
// commit, or how conflicts were settled in the merge.
type note struct {
	Ops     []op
	Settled []settled
}

type settled struct {
	Key   string
	Take  content.Side
	Value *string
}

func (n note) String() string {
	text, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// crew is one server with its editors.
type crew struct {
	*proposal.Service
	repo  *gitrepo.Repo
	cat   *catalog.Catalog
	name  string
	seed  uint64
	total int
	// say tells what was acknowledged, a line each.
	say    func(string)
	values atomic.Int64
	// waits counts how often a lock that was left behind was waited for.
	waits atomic.Int64
}

func newCrew(dir, name string, seed uint64, total int, say func(string)) (*crew, error) {
	c := &crew{name: name, seed: seed, total: total, say: say}
	var err error
	if c.repo, err = gitrepo.Open(dir, gitrepo.Config{}); err != nil {
		return nil, err
	}
	if c.cat, err = catalog.Open(context.Background(), catalog.Config{Repo: c.repo, Ref: "main"}); err != nil {
		return nil, err
	}
	target := func() string { return c.cat.Current().Ref }
	c.Service = proposal.New(proposal.Config{
		Repo: c.repo, Content: c.cat, Target: target, Poll: 100 * time.Millisecond,
		Forge: local.New(local.Config{Repo: c.repo, Target: func(context.Context) (string, error) { return target(), nil }}),
		Moved: func(ctx context.Context) { _, _ = c.cat.Reload(ctx) },
	})
	return c, nil
}

// work ends what a crew of the same name left behind, and makes proposals until there are
// as many as wanted.
func (c *crew) work(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var looking, all sync.WaitGroup
	looking.Go(func() { _ = c.Run(ctx) })
	left, err := c.leftBehind(ctx)
	if err != nil {
		stop()
		return err
	}
	errs := make([]error, editors)
	for i := range editors {
		e := &person{crew: c, random: rand.New(rand.NewPCG(c.seed, uint64(i))), name: fmt.Sprintf("%s%d", c.name, i)}
		all.Go(func() { errs[i] = e.work(ctx, left) })
	}
	all.Wait()
	stop()
	looking.Wait()
	return errors.Join(errs...)
}

// leftBehind are the open proposals of this crew.
func (c *crew) leftBehind(ctx context.Context) (chan *content.Proposal, error) {
	page, err := c.Proposals(ctx, content.ProposalQuery{State: content.ProposalOpen})
	left := make(chan *content.Proposal, len(page.Proposals))
	for _, p := range page.Proposals {
		if strings.HasPrefix(p.Title, c.name) {
			left <- p
		}
	}
	close(left)
	return left, err
}

// person is one editor, who merges as well.
type person struct {
	*crew
	random *rand.Rand
	name   string
	made   int
}

func (e *person) actor() content.Actor { return actor(e.name, content.RoleMaintainer) }

func (e *person) work(ctx context.Context, left chan *content.Proposal) error {
	for p := range left {
		if err := e.end(ctx, p); err != nil {
			return fmt.Errorf("%s ends %d: %w", e.name, p.Number, err)
		}
	}
	for {
		p, err := e.open(ctx)
		if err != nil {
			return fmt.Errorf("%s proposes: %w", e.name, err)
		}
		if err := e.discuss(ctx, p); err != nil {
			return fmt.Errorf("%s with %d: %w", e.name, p.Number, err)
		}
		if p.Number >= e.total {
			return nil
		}
	}
}

// again does something until it is not for want of a lock that was left behind, or since
// others were quicker; other errors are returned.
func (e *person) again(ctx context.Context, do func() (*content.Proposal, error)) (*content.Proposal, error) {
	for {
		p, err := do()
		var refusal *content.Refusal
		switch {
		case errors.As(err, &refusal) && refusal.Reason == content.RefusedOutdated && strings.Contains(refusal.Message, "all the time"):
		case err != nil && strings.Contains(err.Error(), "another process holds it"):
			e.waits.Add(1)
		default:
			return p, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (e *person) open(ctx context.Context) (*content.Proposal, error) {
	if e.random.IntN(2) == 0 {
		if _, err := e.cat.Reload(ctx); err != nil {
			return nil, err
		}
	}
	for {
		view := e.cat.Current()
		e.made++
		d := content.Draft{Title: fmt.Sprintf("%s-%d-%d", e.name, e.seed, e.made), Base: view.Commit}
		d.Key = d.Title
		var n note
		d.Edits, n.Ops = e.edits(view.Snapshot, 1+e.random.IntN(2))
		d.Description = n.String()
		p, err := e.again(ctx, func() (*content.Proposal, error) { return e.Propose(ctx, e.actor(), d) })
		if refusedFor(err, content.RefusedEmpty) {
			continue
		}
		if err == nil {
			e.say(fmt.Sprintf("opened %d %s", p.Number, p.Title))
		}
		return p, err
	}
}

func refusedFor(err error, reasons ...content.RefusalReason) bool {
	var r *content.Refusal
	return errors.As(err, &r) && slices.Contains(reasons, r.Reason)
}

// discuss does now and then what people do, before the proposal is ended.
func (e *person) discuss(ctx context.Context, p *content.Proposal) error {
	do := func(per100 int, what func() (*content.Proposal, error), but ...content.RefusalReason) error {
		if e.random.IntN(100) >= per100 {
			return nil
		}
		now, err := e.again(ctx, what)
		if refusedFor(err, but...) {
			return nil
		}
		if err == nil {
			p = now
		}
		return err
	}
	number := p.Number
	for _, act := range []struct {
		per100 int
		what   func() (*content.Proposal, error)
		but    []content.RefusalReason
	}{
		{25, func() (*content.Proposal, error) { return e.amend(ctx, p) }, []content.RefusalReason{content.RefusedEmpty}},
		{15, func() (*content.Proposal, error) { return e.Comment(ctx, e.actor(), number, "A word.") }, nil},
		{15, func() (*content.Proposal, error) { return e.Rebase(ctx, e.actor(), number, p.Head, nil) }, []content.RefusalReason{content.RefusedEmpty, content.RefusedConflict}},
		{25, func() (*content.Proposal, error) {
			return e.Review(ctx, actor("Reviewer", content.RoleReviewer), number, content.VerdictApproved, p.Head, "")
		}, nil},
		{8, func() (*content.Proposal, error) { return e.Close(ctx, e.actor(), number) }, nil},
		{50, func() (*content.Proposal, error) { return e.Reopen(ctx, e.actor(), number) }, []content.RefusalReason{content.RefusedState}},
	} {
		if err := do(act.per100, act.what, act.but...); err != nil {
			return err
		}
	}
	return e.end(ctx, p)
}

func (e *person) amend(ctx context.Context, p *content.Proposal) (*content.Proposal, error) {
	view, err := e.cat.Own(ctx, p.Head)
	if err != nil {
		return nil, err
	}
	d := content.Draft{Base: p.Head}
	var n note
	d.Edits, n.Ops = e.edits(view.Snapshot, 1)
	d.Description = n.String()
	return e.Amend(ctx, e.actor(), p.Number, d)
}

// end merges a proposal, with its conflicts settled, or closes it.
func (e *person) end(ctx context.Context, p *content.Proposal) error {
	if len(noteOf(p.Description).Settled) > 0 { // by one who was killed before it counted
		var err error
		d := content.Draft{Base: p.Head, Description: note{}.String()}
		if p, err = e.again(ctx, func() (*content.Proposal, error) { return e.Amend(ctx, e.actor(), p.Number, d) }); err != nil {
			return err
		}
	}
	var decided []content.Resolution
	for p.State == content.ProposalOpen {
		was := p
		merged, err := e.again(ctx, func() (*content.Proposal, error) { return e.Merge(ctx, e.actor(), p.Number, p.Head, decided) })
		var refusal *content.Refusal
		switch {
		case err == nil:
			e.say(fmt.Sprintf("merged %d %s", merged.Number, merged.MergedAs))
			return nil
		case !errors.As(err, &refusal):
			return err
		case refusal.Reason == content.RefusedState: // it was merged after all, see again
			return nil
		case refusal.Reason == content.RefusedEmpty: // the branch has all of it
			_, err := e.again(ctx, func() (*content.Proposal, error) { return e.Close(ctx, e.actor(), p.Number) })
			return err
		case refusal.Reason == content.RefusedEdit: // no conflict any more
			refusal.Conflicts = nil
		case refusal.Reason != content.RefusedConflict:
			return err
		}
		var how []settled
		if decided, how = e.decide(refusal.Conflicts); decided == nil && len(refusal.Conflicts) > 0 {
			_, err := e.again(ctx, func() (*content.Proposal, error) { return e.Close(ctx, e.actor(), p.Number) })
			return err
		}
		d := content.Draft{Base: p.Head, Description: note{Settled: how}.String()}
		p, err = e.again(ctx, func() (*content.Proposal, error) { return e.Amend(ctx, e.actor(), p.Number, d) })
		if refusedFor(err, content.RefusedEmpty) {
			p, err = was, nil // the same words are there
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decide settles conflicts; nil where the proposal is given up.
func (e *person) decide(conflicts []content.MergeConflict) (decided []content.Resolution, how []settled) {
	for _, c := range conflicts {
		if !slices.Contains([]content.Pointer{"/a", "/b", "/name", "/list"}, c.Field) || e.random.IntN(5) == 0 {
			return nil, nil
		}
		s := settled{Key: fmt.Sprintf("%s %s", c.Record.ID, c.Field)}
		r := content.Resolution{Path: c.Path, Field: c.Field}
		switch e.random.IntN(4) {
		case 0:
			r.Take = content.SideOurs
		case 1:
			r.Take = content.SideBase
		case 2:
			if _, s.Value = e.value(string(c.Field)); s.Value != nil {
				r.Value = *s.Value
				break
			}
			fallthrough
		default:
			r.Take = content.SideTheirs
		}
		s.Take = r.Take
		decided, how = append(decided, r), append(how, s)
	}
	return decided, how
}

// value is a new value of a member: mostly one that nobody else writes.
func (e *person) value(field string) (string, *string) {
	n := e.values.Add(1)<<8 | int64(e.seed)<<32 | int64(e.name[len(e.name)-1]-'0')
	if e.name[0] == 'B' {
		n |= 1 << 7
	}
	if e.random.IntN(3) == 0 {
		n = int64(e.random.IntN(3))
	}
	text := strconv.FormatInt(n, 10)
	switch field {
	case "/name":
		text = strconv.Quote("Name " + text)
	case "/list":
		text = "[" + text + "]"
	}
	return text, &text
}

var tags, parts = []string{"x", "y", "z"}, []string{"p", "q"}

// edits changes as many records, each in one place, and says so to the oracle.
func (e *person) edits(s *content.Snapshot, n int) (edits []content.Edit, ops []op) {
	var there []*content.Record
	for r := range s.Set("things").All() {
		there = append(there, r)
	}
	e.random.Shuffle(len(there), func(i, j int) { there[i], there[j] = there[j], there[i] })
	deleted := false
	for _, r := range there[:min(n, len(there))] {
		edit, done := e.edit(r)
		edits, ops = append(edits, edit), append(ops, done...)
		deleted = deleted || edit.Kind == content.EditDelete
	}
	// One commit that takes a record away and makes one that is alike renames it.
	if !deleted && (len(there) < 4 || len(there) < 12 && e.random.IntN(12) == 0) {
		id := content.ID(fmt.Sprintf("n%s-%d-%d", strings.ToLower(e.name), e.seed, e.made))
		ref := content.Ref{Collection: "things", ID: id}
		if s.Record(ref) == nil {
			text, name := e.value("/name")
			edits = append(edits, content.Edit{Kind: content.EditPut, Ref: ref, Document: `{"name": ` + text + `, "parts": [{"code": "p", "n": 0}, {"code": "q", "n": 0}]}`})
			yes, zero := "true", "0"
			ops = append(ops, op{string(id), &yes}, op{string(id) + " /name", name}, op{string(id) + " @p", &zero}, op{string(id) + " @q", &zero})
		}
	}
	return edits, ops
}

func (e *person) edit(r *content.Record) (content.Edit, []op) {
	key := func(place string) string { return string(r.ID) + " " + place }
	patch := func(what, path, value string) content.Edit {
		text := fmt.Sprintf(`[{"op": %q, "path": %q, "value": %s}]`, what, path, value)
		if what == "remove" {
			text = fmt.Sprintf(`[{"op": %q, "path": %q}]`, what, path)
		}
		return content.Edit{Kind: content.EditPatch, Ref: r.Ref, Patch: text}
	}
	switch n := e.random.IntN(20); {
	case n == 0 && r.ID[0] == 'n':
		return content.Edit{Kind: content.EditDelete, Ref: r.Ref}, []op{{string(r.ID), nil}}
	case n < 3 && r.Root.Member("b") != nil:
		return patch("remove", "/b", ""), []op{{key("/b"), nil}}
	case n < 6:
		tag := tags[e.random.IntN(len(tags))]
		if list := r.Root.Member("tags"); list != nil {
			for i := range list.Kids {
				if list.Kids[i].Str() == tag {
					return patch("remove", "/tags/"+strconv.Itoa(i), ""), []op{{key("#" + tag), nil}}
				}
			}
			yes := "true"
			return patch("add", "/tags/-", strconv.Quote(tag)), []op{{key("#" + tag), &yes}}
		}
	case n < 9:
		i := e.random.IntN(len(parts))
		code := r.Root.Member("parts").Kids[i].Member("code").Str()
		text, value := e.value("")
		return patch("add", fmt.Sprintf("/parts/%d/n", i), text), []op{{key("@" + code), value}}
	}
	field := []string{"/a", "/a", "/b", "/name", "/list"}[e.random.IntN(5)]
	text, value := e.value(field)
	return patch("add", field, text), []op{{key(field), value}}
}

// proposals is how many the law is tried with: the whole number with `make laws`.
func proposals(t *testing.T) int {
	text := os.Getenv("KOONTI_LAWS")
	if text == "" {
		return 100
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("KOONTI_LAWS is a number of proposals: %v", err)
	}
	return n
}

// No accepted edit is ever lost: two servers on one repository, sixteen editors who all
// work on few records, and one of the servers is killed again and again.
func TestNoAcceptedEditIsLost(t *testing.T) {
	total := proposals(t)
	records := map[string]string{"things/one.json": "{\n  \"name\": \"One\",\n  \"parts\": [\n    {\n      \"code\": \"p\",\n      \"n\": 0\n    },\n    {\n      \"code\": \"q\",\n      \"n\": 0\n    }\n  ]\n}\n"}
	for i := range 5 {
		records[fmt.Sprintf("things/r%d.json", i)] = fmt.Sprintf("{\n  \"name\": \"Record %d\",\n  \"a\": 1,\n  \"b\": 1,\n  \"tags\": [\n    \"x\"\n  ],\n  \"list\": [\n    1\n  ],\n  \"parts\": [\n    {\n      \"code\": \"p\",\n      \"n\": 1\n    },\n    {\n      \"code\": \"q\",\n      \"n\": 1\n    }\n  ]\n}\n", i)
	}
	o := hall(t, records)
	begin := time.Now()
	var told acknowledged
	here, err := newCrew(o.served, "A", 0, total, told.add)
	if err != nil {
		t.Fatal(err)
	}
	defer here.repo.Close()
	var working sync.WaitGroup
	working.Go(func() {
		if err := here.work(t.Context()); err != nil {
			t.Error(err)
		}
	})
	kills, locks := o.killAgainAndAgain(total, &told)
	working.Wait()
	last, err := newCrew(o.served, "", 0, 0, told.add)
	if err != nil {
		t.Fatal(err)
	}
	defer last.repo.Close()
	if err := last.work(t.Context()); err != nil {
		t.Fatal(err)
	}
	worked := time.Since(begin)
	o.sync()
	found := o.judge(&told)
	t.Logf("%d proposals, %d merged (%d of them after conflicts were settled), %d closed, %d rebased, %d kills, %d locks left behind, %d waits for them: %s of work, %s of judging",
		found.proposals, found.merged, found.settled, found.closed, found.rebased, kills, locks, here.waits.Load(), worked.Round(time.Millisecond), (time.Since(begin) - worked).Round(time.Millisecond))
	if total >= 100 && (found.merged < total/2 || found.settled < total/40 || found.closed < total/40 || found.rebased < total/100 || kills < 3) {
		t.Error("that proves too little")
	}
}

// acknowledged is what people were told: it has to hold.
type acknowledged struct {
	mu    sync.Mutex
	lines []string
}

func (a *acknowledged) add(line string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, line)
}

// highest is the number of the newest proposal.
func (a *acknowledged) highest() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, line := range a.lines {
		var number int
		if _, err := fmt.Sscanf(line, "opened %d", &number); err == nil {
			n = max(n, number)
		}
	}
	return n
}

// killAgainAndAgain runs the other server, and kills it in the middle of its work until it
// ends by itself.
func (o *office) killAgainAndAgain(total int, told *acknowledged) (kills, locks int) {
	o.Helper()
	program, err := os.Executable()
	if err != nil {
		o.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, uint64(total)))
	for generation := 1; ; generation++ {
		c := exec.Command(program, strconv.Itoa(generation), strconv.Itoa(total))
		c.Env = append(os.Environ(), "KOONTI_TEST_SERVER="+o.served)
		var errs strings.Builder
		c.Stderr = &errs
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			o.Fatal(err)
		}
		var killer *time.Timer
		lines, last := bufio.NewReader(out), 2+random.IntN(16)
		for n := 1; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil { // what is half a line was told to nobody
				break
			}
			told.add(strings.TrimSpace(line))
			if n == last {
				killer = time.AfterFunc(time.Duration(random.IntN(30))*time.Millisecond, func() {
					if told.highest() < total { // after that it may come to an end
						_ = c.Process.Kill()
					}
				})
			}
		}
		if killer != nil {
			killer.Stop()
		}
		err = c.Wait()
		if err == nil {
			return kills, locks
		}
		if c.ProcessState.ExitCode() >= 0 {
			o.Errorf("the other server: %v\n%s", err, errs.String())
			return kills, locks
		}
		kills++
		locks += o.breakLocks()
	}
}

// breakLocks does what Git tells people to do with the locks of a process that is gone,
// and returns how many there were.
func (o *office) breakLocks() int {
	find := func() map[string]time.Time {
		found := map[string]time.Time{}
		_ = filepath.WalkDir(o.served, func(path string, d os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".lock") {
				return nil
			}
			if info, err := d.Info(); err == nil {
				found[path] = info.ModTime()
			}
			return nil
		})
		return found
	}
	before := find()
	if len(before) == 0 {
		return 0
	}
	time.Sleep(time.Second) // the server that lives holds none for so long
	broken := 0
	for path, at := range find() {
		if was, there := before[path]; there && was.Equal(at) && os.Remove(path) == nil {
			broken++
		}
	}
	return broken
}
