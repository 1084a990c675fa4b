package history

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/content"
)

// Which commit inside a step gave a member the value that it has: the oracle follows the
// value from the step down through the commits that have it, to those that have it from
// no parent.

// naming is answers that also name the commit that gave each top-level member of a record
// of the head its value.
type naming interface {
	answers
	setters(path string) map[string]string
}

// setting is what may be named for one member.
type setting struct {
	step    string
	allowed map[string]bool
	// certain: the value could be followed; else only the step is known.
	certain bool
}

// checkSetters compares the commits named; it counts those of which it was certain and
// that are not the step itself.
func (o *oracle) checkSetters(got naming) (complaints []string, inside int) {
	w := o.newFollow(got)
	for _, name := range slices.Sorted(maps.Keys(o.records(o.head))) {
		if !o.document(o.at(o.head, name)).readable {
			continue
		}
		named, settings := got.setters(name), w.settings(name)
		for _, member := range slices.Sorted(maps.Keys(settings)) {
			s := settings[member]
			if s.certain && !s.allowed[s.step] {
				inside++
			}
			if s.certain && !s.allowed[named[member]] {
				complaints = append(complaints, fmt.Sprintf("%q of %q in step %s is by %q, not by %q", member, name, s.step, slices.Sorted(maps.Keys(s.allowed)), named[member]))
			}
		}
	}
	return complaints, inside
}

func (o *oracle) newFollow(got answers) *follow {
	w := &follow{oracle: o, steps: o.stepsOf(), renames: o.renamesOfSteps(got), commits: map[edge]string{}, names: map[string]bool{}}
	o.believe(got.changes())
	for _, a := range got.changes() {
		if a.kind == "RENAMED" {
			w.commits[edge{a.commit, a.path}] = a.was
			w.names[a.path], w.names[a.was] = true, true
		}
	}
	return w
}

func (w *follow) settings(name string) map[string]setting {
	values := w.document(w.at(w.head, name)).members()
	out := map[string]setting{}
	for member, step := range w.blameBy(name, w.renames) {
		out[member] = w.member(step, w.nameAt(step, name, w.renames), member, values[member])
	}
	return out
}

// stepsOf says with which step each commit came.
func (o *oracle) stepsOf() map[string]string {
	out := map[string]string{}
	for _, step := range o.line {
		for open := []string{step}; len(open) > 0; {
			at := open[len(open)-1]
			open = open[:len(open)-1]
			if out[at] == "" {
				out[at] = step
				open = append(open, o.parents[at]...)
			}
		}
	}
	return out
}

// nameAt is what a record of the head was called after a step.
func (o *oracle) nameAt(step, name string, renames map[edge]string) string {
	for _, at := range slices.Backward(o.line) {
		if at == step {
			break
		}
		if was, renamed := renames[edge{at, name}]; renamed {
			name = was
		}
	}
	return name
}

// follow follows one value.
type follow struct {
	*oracle
	steps map[string]string
	// renames are what steps renamed, and commits what commits did, by the new path; names
	// are all names in those.
	renames map[edge]string
	commits map[edge]string
	names   map[string]bool
}

// member follows a value from a step that has it at a path.
func (w *follow) member(step, name, member string, value any) setting {
	type place struct{ commit, path string }
	out := setting{step: step, allowed: map[string]bool{}, certain: true}
	seen := map[place]bool{}
	for open := []place{{step, name}}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		from := false
		for _, parent := range w.parents[at.commit] {
			path, sure := w.before(at.commit, parent, at.path)
			blob := w.at(parent, path)
			if out.certain = out.certain && sure && (blob == "" || w.document(blob).readable); !out.certain {
				return out
			}
			if blob == "" || !reflect.DeepEqual(w.document(blob).member(member), value) {
				continue
			}
			from = true
			if w.steps[parent] == step {
				open = append(open, place{parent, path})
			} else {
				out.allowed[step] = true // what was there before came back
			}
		}
		if merge := len(w.parents[at.commit]) > 1; !from || merge && w.decided(at.commit, at.path, member) {
			out.allowed[at.commit] = true
			if !isScalar(value) && merge {
				out.allowed[step] = true // joined from several: nobody set it as a whole
			}
		}
	}
	return out
}

// before is what a record of a commit is called in a parent; it is not sure where that may
// know it by another name.
func (w *follow) before(commit, parent, name string) (path string, sure bool) {
	if was := w.commits[edge{commit, name}]; was != "" && w.at(parent, name) == "" {
		return was, true
	}
	if len(w.parents[commit]) < 2 {
		return name, w.at(parent, name) != "" || !w.names[name]
	}
	r := w.record(commit, name)
	return cmp.Or(r.names[parent], name), !r.open && !r.back
}

// decided reports whether a merge passed over another value of a member.
func (w *follow) decided(commit, name, member string) bool {
	for _, parent := range w.parents[commit] {
		members, _ := w.record(commit, name).overruledMembers(commit, parent)
		if memberFits(members, member) {
			return true
		}
	}
	return false
}

// setters implements naming; what blame says of a member that is a scalar must agree.
func (a told) setters(path string) map[string]string {
	ref, _ := a.state.where.match(path)
	r := a.view.Snapshot.Record(ref)
	fields, err := a.Blame(context.Background(), r)
	if err != nil {
		a.t.Fatal(err)
	}
	out := map[string]string{}
	for i := range r.Root.Kids {
		member := r.Root.Kids[i].Name
		at := content.Pointer("").Child(member)
		c, err := a.LastChange(context.Background(), r, at)
		if err != nil || c == nil {
			a.t.Fatalf("%s: last change of %q: %v, %v", path, member, c, err)
		}
		out[member] = string(c.Commit)
		if at := slices.IndexFunc(fields, func(f content.FieldBlame) bool { return f.Pointer == at }); at >= 0 && fields[at].Change.Commit != c.Commit {
			a.t.Errorf("%s: %q is last changed by %s, and blamed on %s", path, member, c.Commit, fields[at].Change.Commit)
		}
	}
	return out
}

func TestBlameNamesTheCommitThatSetTheValue(t *testing.T) {
	all := 0
	for seed := range uint64(24) {
		w := newWorld(t, seed, 120)
		_, p := open(t, w.dir, "")
		complaints, inside := newOracle(t, w.dir, "main", worldDirs...).checkSetters(told{t, p})
		all += inside
		for _, c := range complaints {
			t.Errorf("seed %d: %s", seed, c)
		}
	}
	t.Logf("%d members were set by a commit inside a step", all)
	if all < 100 {
		t.Errorf("only %d members were set by a commit inside a step", all)
	}
}

// Two set the same value on two branches, and one of them was taken back: the value is of
// the other, whichever was read first.
func TestBlameDoesNotNameWhoWasTakenBack(t *testing.T) {
	path := "records/things/x.json"
	thing := func(name string) map[string]string { return map[string]string{path: `{"name": "` + name + `"}`} }
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: thing("a")},
		{mark: "kept", branch: "one", from: []string{"1"}, author: eino, message: "b", files: thing("b")},
		{mark: "also", branch: "two", from: []string{"1"}, author: virpi, message: "b as well", files: thing("b")},
		{mark: "back", branch: "two", from: []string{"also"}, author: virpi, message: "rather not", files: thing("a")},
		{mark: "inner", branch: "one", from: []string{"kept", "back"}, author: eino, message: "Merge two", files: thing("b")},
		{mark: "merge", from: []string{"1", "inner"}, message: "Merge one", files: thing("b")},
	})
	_, p := open(t, dir, "")
	r := p.view.Snapshot.Record(*ref("x"))
	last, err := p.LastChange(t.Context(), r, "/name")
	if err != nil || last.Commit != hash["kept"] {
		t.Errorf("last change: %v, %v; want %s", last, err, hash["kept"])
	}
	blame, err := p.Blame(t.Context(), r)
	if err != nil || len(blame) != 1 || blame[0].Change.Commit != hash["kept"] {
		t.Errorf("blame: %v, %v", blame, err)
	}
	for _, complaint := range first(newOracle(t, dir, "main", worldDirs...).checkSetters(told{t, p})) {
		t.Error(complaint)
	}
}

// The order of a set is no value: who only wrote it in another order set nothing.
func TestBlameSeesSetsAsSets(t *testing.T) {
	path := "records/things/x.json"
	set := strings.Replace(worldThing, `"parts": {}`, `"tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}`, 1)
	dir, hash := tell(t, []toldCommit{
		{mark: "1", message: "Begin", files: map[string]string{path: `{"tags": ["a"]}`, "schema/thing.json": set}},
		{mark: "set", branch: "side", from: []string{"1"}, author: eino, message: "b", files: map[string]string{path: `{"tags": ["a", "b"]}`}},
		{mark: "order", branch: "side", from: []string{"set"}, author: virpi, message: "order", files: map[string]string{path: `{"tags": ["b", "a"]}`}},
		{mark: "merge", from: []string{"1", "order"}, message: "Merge side", files: map[string]string{path: `{"tags": ["b", "a"]}`}},
	})
	_, p := open(t, dir, "")
	last, err := p.LastChange(t.Context(), p.view.Snapshot.Record(*ref("x")), "/tags")
	if err != nil || last.Commit != hash["set"] {
		t.Errorf("last change: %v, %v; want %s", last, err, hash["set"])
	}
}

func first[A, B any](a A, _ B) A { return a }

// alwaysTheStep names no commit inside a step.
type alwaysTheStep struct{ told }

func (a alwaysTheStep) setters(path string) map[string]string { return a.blame(path) }

func TestSettersThatAreWrongAreNoticed(t *testing.T) {
	all := 0
	for seed := range uint64(5) {
		w := newWorld(t, seed, 120)
		_, p := open(t, w.dir, "")
		complaints, inside := newOracle(t, w.dir, "main", worldDirs...).checkSetters(alwaysTheStep{told{t, p}})
		all += inside
		if len(complaints) != inside {
			t.Errorf("seed %d: %d of %d were noticed", seed, len(complaints), inside)
		}
	}
	if all == 0 {
		t.Error("there was nothing to notice")
	}
}
