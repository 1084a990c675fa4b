package proposal_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// The oracle of the law that no accepted edit is lost: maps of plain text, and what the
// git program says.

// state is what records hold, in the words of op.
type state map[string]string

func (s state) with(ops []op) state {
	out := maps.Clone(s)
	for _, o := range ops {
		if o.Value != nil {
			out[o.Key] = *o.Value
			continue
		}
		for key := range out {
			if key == o.Key || strings.HasPrefix(key, o.Key+" ") {
				delete(out, key)
			}
		}
	}
	return out
}

// onto is what becomes of theirs, made of base, when it is merged into ours; where both
// changed a place, how says what was decided on. Whatever nobody decided on is a fault.
func (theirs state) onto(ours, base state, how []settled) (state, []string) {
	out, faults := state{}, []string(nil)
	keys := maps.Clone(ours)
	maps.Copy(keys, theirs)
	maps.Copy(keys, base)
	decided := map[string]settled{}
	for _, s := range how {
		decided[s.Key] = s
	}
	for key := range keys {
		b, inBase := base[key]
		o, inOurs := ours[key]
		t, inTheirs := theirs[key]
		value, there := o, inOurs
		switch {
		case inTheirs == inBase && t == b:
		case inOurs == inBase && o == b, inOurs == inTheirs && o == t:
			value, there = t, inTheirs
		default:
			s, ok := decided[key]
			if !ok {
				faults = append(faults, fmt.Sprintf("%s was %q, became %q, and was merged as %q: nobody decided on that", key, b, o, t))
			}
			switch {
			case s.Take == content.SideTheirs:
				value, there = t, inTheirs
			case s.Take == content.SideBase:
				value, there = b, inBase
			case s.Value != nil:
				value, there = *s.Value, true
			}
			delete(decided, key)
		}
		if there {
			out[key] = value
		}
	}
	for key := range decided {
		faults = append(faults, key+" was decided on, and is no conflict")
	}
	for key := range out {
		if record, _, inside := strings.Cut(key, " "); inside && out[record] == "" {
			faults = append(faults, record+" was deleted on one side and changed on the other, and nobody decided on that")
		}
	}
	return out, faults
}

// records that differ between two states.
func (s state) differ(other state) []string {
	found := map[string]bool{}
	for _, pair := range [][2]state{{s, other}, {other, s}} {
		for key, value := range pair[0] {
			if v, there := pair[1][key]; !there || v != value {
				record, _, _ := strings.Cut(key, " ")
				found[record] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// stateOf reads a record as git shows it.
func stateOf(id, text string) (state, error) {
	var v struct {
		Name  json.RawMessage
		A, B  json.RawMessage
		List  json.RawMessage
		Tags  []string
		Parts []struct {
			Code string
			N    json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	s := state{id: "true"}
	for field, raw := range map[string]json.RawMessage{"/name": v.Name, "/a": v.A, "/b": v.B, "/list": v.List} {
		if raw != nil {
			s[id+" "+field] = strings.Join(strings.Fields(string(raw)), map[bool]string{true: " ", false: ""}[field == "/name"])
		}
	}
	for _, tag := range v.Tags {
		s[id+" #"+tag] = "true"
	}
	for _, part := range v.Parts {
		s[id+" @"+part.Code] = string(part.N)
	}
	return s, nil
}

// gitCommit is a commit as git shows it.
type gitCommit struct {
	parents []string
	author  string
	message string
}

// commits are all that refs lead to.
func (o *office) commits() map[string]gitCommit {
	o.Helper()
	out, err := o.gitIn(o.served, "log", "--all", "--format=%H%x01%P%x01%an%x01%B%x00")
	if err != nil {
		o.Fatal(out)
	}
	all := map[string]gitCommit{}
	for text := range strings.SplitSeq(out, "\x00") {
		part := strings.SplitN(strings.TrimSpace(text), "\x01", 4)
		if len(part) == 4 {
			all[part[0]] = gitCommit{strings.Fields(part[1]), part[2], part[3]}
		}
	}
	return all
}

// line are the commits of main, the first first, and what each holds.
func (o *office) line() (line []string, holds map[string]state) {
	o.Helper()
	out, err := o.gitIn(o.served, "log", "--first-parent", "-m", "--root", "--raw", "--no-abbrev", "--no-renames", "--reverse", "--format=%x01%H", "main")
	if err != nil {
		o.Fatal(out)
	}
	files, texts := map[string]string{}, map[string]string{}
	holds = map[string]state{}
	var perCommit []map[string]string
	for part := range strings.SplitSeq(out, "\x01") {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		if lines[0] == "" {
			continue
		}
		for _, change := range lines[1:] {
			f := strings.Fields(change)
			if len(f) < 6 || !strings.HasPrefix(f[5], "things/") {
				continue
			}
			if id := strings.TrimSuffix(strings.TrimPrefix(f[5], "things/"), ".json"); f[4] == "D" {
				delete(files, id)
			} else {
				files[id], texts[f[3]] = f[3], ""
			}
		}
		line, perCommit = append(line, lines[0]), append(perCommit, maps.Clone(files))
	}
	texts = o.objects(slices.Sorted(maps.Keys(texts)))
	for i, commit := range line {
		holds[commit] = state{}
		for id, blob := range perCommit[i] {
			s, err := stateOf(id, texts[blob])
			if err != nil {
				o.Fatal(err)
			}
			maps.Copy(holds[commit], s)
		}
	}
	return line, holds
}

// objects are the bytes that revisions name; "" of what is not there.
func (o *office) objects(names []string) map[string]string {
	o.Helper()
	out, err := o.gitWith(o.served, strings.Join(names, "\n")+"\n", "cat-file", "--batch")
	if err != nil {
		o.Fatal(out)
	}
	texts := map[string]string{}
	for _, name := range names {
		head, rest, _ := strings.Cut(out, "\n")
		if strings.HasSuffix(head, "missing") {
			out = rest
			continue
		}
		size, err := strconv.Atoi(head[strings.LastIndexByte(head, ' ')+1:])
		if err != nil {
			o.Fatalf("git cat-file: %q", head)
		}
		texts[name] = rest[:min(size, len(rest))]
		out = strings.TrimPrefix(rest[len(texts[name]):], "\n")
	}
	return texts
}

// event is what an event of a proposal says; see package local.
type event struct {
	Kind, Title, Description string
	Number                   int
	actor, about             string
}

// chains are the events of all proposals, the first first.
func (o *office) chains(commits map[string]gitCommit) map[int][]event {
	o.Helper()
	refs, err := o.gitIn(o.served, "for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", "refs/koonti/proposals")
	if err != nil {
		o.Fatal(refs)
	}
	var names []string
	for hash := range commits {
		names = append(names, hash+":event.json")
	}
	texts := o.objects(names)
	all := map[int][]event{}
	for ref := range strings.Lines(refs) {
		text, at, _ := strings.Cut(strings.TrimSpace(ref), " ")
		number, err := strconv.Atoi(text)
		if err != nil {
			o.Fatal(err)
		}
		for {
			var e event
			if err := json.Unmarshal([]byte(texts[at+":event.json"]), &e); err != nil {
				o.Fatalf("proposal %d: event %s: %v", number, at, err)
			}
			c := commits[at]
			e.actor, e.about = c.author, c.parents[len(c.parents)-1]
			if len(c.parents) == 1 && e.Kind != "OPENED" {
				e.about = ""
			}
			all[number] = append([]event{e}, all[number]...)
			if e.Kind == "OPENED" {
				break
			}
			at = c.parents[0]
		}
	}
	return all
}

// told is what a chain of events comes to.
type told struct {
	state    content.ProposalState
	head     string
	mergedAs string
	// approved are those who approved the head.
	approved []string
}

func fold(events []event) told {
	var t told
	for _, e := range events {
		switch e.Kind {
		case "OPENED", "REOPENED":
			t.state = content.ProposalOpen
		case "CLOSED":
			t.state = content.ProposalClosed
		case "MERGED":
			t.state, t.mergedAs = content.ProposalMerged, e.about
		case "APPROVED":
			t.approved = append(t.approved, e.actor)
		}
		if (e.Kind == "OPENED" || e.Kind == "EDITED") && e.about != "" {
			t.head, t.approved = e.about, nil
		}
	}
	return t
}

// found counts what was found.
type found struct{ proposals, merged, settled, closed, rebased int }

// judge holds the repository to everything that was acknowledged, and to what the merged
// proposals come to one by one.
func (o *office) judge(acknowledged *acknowledged) (n found) {
	o.Helper()
	if out, err := o.gitIn(o.served, "fsck", "--strict", "--no-dangling"); err != nil {
		o.Errorf("git fsck: %v\n%s", err, out)
	}
	commits := o.commits()
	line, holds := o.line()
	chains := o.chains(commits)
	place := map[string]int{}
	for i, commit := range line {
		place[commit] = i
	}
	j := judgement{o, commits, holds, place, chains, map[int]string{}, o.recordsByCommit()}
	past := o.past()
	for i, commit := range line[1:] {
		number, settled, rebased := j.merged(commit, line[i])
		if n.merged++; settled {
			n.settled++
		}
		n.rebased += rebased
		t := fold(chains[number])
		step, err := past.Step(o.Context(), content.Hash(commit))
		if err != nil {
			o.Errorf("%s is no step of the history: %v", commit, err)
			continue
		}
		var approved []string
		for _, a := range step.Approvals {
			approved = append(approved, a.Person.Name)
		}
		slices.Sort(t.approved)
		if step.PullRequest == nil || step.PullRequest.Number != number || step.PullRequest.Title != chains[number][0].Title || !slices.Equal(approved, slices.Compact(t.approved)) {
			o.Errorf("the history has %s as %+v approved by %q, not proposal %d, %s approved by %q", commit, step.PullRequest, approved, number, chains[number][0].Title, t.approved)
		}
		var records []string
		for _, r := range step.Records {
			records = append(records, string(r.ID))
		}
		slices.Sort(records)
		if diff := cmp.Diff(holds[commit].differ(holds[line[i]]), slices.Compact(records)); diff != "" {
			o.Errorf("records of proposal %d in the history (-oracle +got):\n%s", number, diff)
		}
	}
	j.states(&n)
	j.acknowledged(acknowledged.lines)
	return n
}

// recordsByCommit says which records each commit changed, as the history has it.
func (o *office) recordsByCommit() map[string]map[string]bool {
	o.Helper()
	page, err := o.past().Changes(o.Context(), content.ChangeQuery{Formatting: true})
	if err != nil {
		o.Fatal(err)
	}
	all := map[string]map[string]bool{}
	for _, c := range page.Changes {
		if all[string(c.Commit)] == nil {
			all[string(c.Commit)] = map[string]bool{}
		}
		all[string(c.Commit)][string(c.ID)] = true
	}
	return all
}

type judgement struct {
	*office
	commits map[string]gitCommit
	holds   map[string]state // by commit of main
	place   map[string]int   // of a commit on main
	chains  map[int][]event
	mergeOf map[int]string
	history map[string]map[string]bool
}

// merged holds one step of main against what its proposal says.
func (j *judgement) merged(commit, before string) (number int, conflicting bool, rebased int) {
	j.Helper()
	c := j.commits[commit]
	if len(c.parents) != 2 || c.parents[0] != before {
		j.Fatalf("%s on main is no merge onto %s: %q", commit, before, c.parents)
	}
	_, trailer, _ := strings.Cut(c.message, "Proposal: ")
	number, err := strconv.Atoi(strings.TrimSpace(trailer))
	if err != nil || j.mergeOf[number] != "" {
		j.Fatalf("%s names proposal %q, and so does %s", commit, trailer, j.mergeOf[number])
	}
	j.mergeOf[number] = commit
	base, theirs, rebased := j.branch(c.parents[1])
	how := noteOf(c.message).Settled
	want, faults := theirs.onto(j.holds[before], base, how)
	for _, fault := range faults {
		j.Errorf("proposal %d: %s", number, fault)
	}
	if diff := cmp.Diff(want, j.holds[commit]); diff != "" {
		j.Errorf("after proposal %d (-oracle +git):\n%s", number, diff)
	}
	return number, len(how) > 0, rebased
}

// branch follows a proposal from the commit of main that it was made on.
func (j *judgement) branch(head string) (base, now state, rebased int) {
	j.Helper()
	var own []string
	at := head
	for _, onMain := j.place[at]; !onMain; _, onMain = j.place[at] {
		own, at = append(own, at), j.commits[at].parents[0]
	}
	base = j.holds[at]
	now = base
	for _, at := range slices.Backward(own) {
		c := j.commits[at]
		if len(c.parents) == 2 {
			target := j.holds[c.parents[1]]
			var faults []string
			if now, faults = now.onto(target, base, nil); len(faults) > 0 {
				j.Errorf("rebased as %s: %q", at, faults)
			}
			base, rebased = target, rebased+1
			continue
		}
		next := now.with(noteOf(c.message).Ops)
		for _, record := range next.differ(now) {
			if !j.history[at][record] {
				j.Errorf("the history does not know that %s changed %s", at, record)
			}
		}
		now = next
	}
	return base, now, rebased
}

// noteOf finds what a message says to the oracle.
func noteOf(message string) (n note) {
	for line := range strings.Lines(message) {
		if strings.HasPrefix(line, "{") {
			_ = json.Unmarshal([]byte(line), &n)
		}
	}
	return n
}

// states holds each proposal to its events, and the merged ones to main.
func (j *judgement) states(n *found) {
	j.Helper()
	titles := map[string]int{}
	for number, events := range j.chains {
		n.proposals++
		t := fold(events)
		p := j.ok(j.Proposal(j.Context(), number))
		if p.State != t.state || string(p.Head) != t.head || string(p.MergedAs) != t.mergedAs || j.mergeOf[number] != t.mergedAs {
			j.Errorf("proposal %d is %s at %s, merged as %q; its events say %+v; main has it as %q", number, p.State, p.Head, p.MergedAs, t, j.mergeOf[number])
		}
		if t.state == content.ProposalOpen {
			j.Errorf("proposal %d is open still", number)
		}
		if t.state == content.ProposalClosed {
			n.closed++
		}
		if other := titles[events[0].Title]; other != 0 || events[0].Number != number {
			j.Errorf("proposal %d is also %d, and says that it is %d", number, other, events[0].Number)
		}
		titles[events[0].Title] = number
	}
	if left, err := j.gitIn(j.served, "for-each-ref", "refs/koonti/pending"); err != nil || left != "" {
		j.Logf("pending: %s", left)
	}
}

// acknowledged holds the repository to what people were told.
func (j *judgement) acknowledged(lines []string) {
	j.Helper()
	for _, line := range lines {
		part := strings.Fields(line)
		number, err := strconv.Atoi(part[1])
		if err != nil {
			j.Fatal(err)
		}
		switch events := j.chains[number]; {
		case len(events) == 0:
			j.Errorf("proposal %d was opened, and is lost", number)
		case part[0] == "opened" && events[0].Title != part[2]:
			j.Errorf("proposal %d was opened as %s, and is %s", number, part[2], events[0].Title)
		case part[0] == "merged" && j.mergeOf[number] != part[2]:
			j.Errorf("proposal %d was merged as %s, and main has %q", number, part[2], j.mergeOf[number])
		}
	}
}
