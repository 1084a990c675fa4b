package history

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	cmpdiff "github.com/google/go-cmp/cmp"
)

// The oracle says, slowly and by other means than the index (the git program and
// encoding/json), what a history holds.

// answer is a change of one record by one commit or step, as the index gives it, or as
// the oracle expects it.
type answer struct {
	commit, path string
	// was is the path before it, of RENAMED; of OVERRULED what those who lost call it, if
	// otherwise. Of the oracle, "*" is any.
	was string
	// kind: where the oracle gives several, joined by "|", each is right; "*" is any.
	kind string
	// before and after are blobs; "" is none. Of the oracle, "*" is any, and several
	// joined by "|" are each right.
	before, after string
	unreadable    bool
	// members are the first tokens, unescaped, of the pointers of all fields, sorted,
	// each once; nil for no fields. Of the oracle, "*" alone is any, and one that begins
	// with "?" may be there or not.
	members []string
}

// answers is what the index must be able to tell, of one commit that is served (the
// head) and everything before it.
type answers interface {
	// changes are those of every commit, in any order, FORMATTED and OVERRULED included.
	changes() []answer
	// steps are the differences of records by each step of the first-parent line, the
	// oldest step first; steps that changed no record may be left out.
	steps() [][]answer
	// blame tells for the record that has this path at the head, for each top-level
	// member, the commit of the step that last changed it or what lies below it.
	blame(path string) map[string]string
}

// oracle knows what must be answered for one commit. Its check compares.
type oracle struct {
	t    testing.TB
	dir  string
	head string
	dirs []string // the folders that have records: <dir>/<id>.json
	sets []string // the members whose order means nothing, by the schema
	// order has the commits, newest first by git rev-list --topo-order.
	order   []string
	parents map[string][]string
	// line has the steps, the oldest first.
	line []string
	// edges has what differs between a commit and one of its parents ("" for a root).
	edges map[edge]map[string]transition
	// trees are the records of folders, by the hash of the tree and the folder; found
	// are the same by commit and folder.
	trees, found map[string]map[string]string
	docs         map[string]document
	bases        map[edge][]string
	// renamed are the renames that those who are examined tell of commits with one
	// parent, each examined by itself; mergedNames are the names in those of merges.
	renamed     map[string][]answer
	mergedNames map[string][]string
	regions     map[string][]string
	git         *catFile
}

type edge struct{ commit, parent string }

// transition is what happened to a path between two commits; "" is no record.
type transition struct{ before, after string }

// document is the decoded form of a blob.
type document struct {
	value    any
	readable bool
}

// newOracle asks git about a revision. The records of dirs are the files with the
// ending .json in them.
func newOracle(t testing.TB, dir, revision string, dirs ...string) *oracle {
	t.Helper()
	o := &oracle{
		t: t, dir: dir, dirs: dirs, parents: map[string][]string{}, edges: map[edge]map[string]transition{},
		trees: map[string]map[string]string{}, found: map[string]map[string]string{}, docs: map[string]document{}, bases: map[edge][]string{}, regions: map[string][]string{}, git: startCatFile(t, dir),
	}
	for _, line := range lines(runGit(t, dir, "", "rev-list", "--topo-order", "--parents", revision)) {
		hashes := strings.Fields(line)
		o.order = append(o.order, hashes[0])
		o.parents[hashes[0]] = hashes[1:]
	}
	o.line = lines(runGit(t, dir, "", "rev-list", "--first-parent", "--reverse", revision))
	o.head = o.line[len(o.line)-1]
	o.readEdges()
	return o
}

func lines(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// readEdges runs git diff-tree once over all pairs of commit and parent.
func (o *oracle) readEdges() {
	var ask strings.Builder
	var edges []edge
	for _, commit := range o.order {
		for _, parent := range o.parents[commit] {
			fmt.Fprintf(&ask, "%s %s\n", commit, parent)
			edges = append(edges, edge{commit, parent})
		}
		if len(o.parents[commit]) == 0 {
			fmt.Fprintf(&ask, "%s\n", commit)
			edges = append(edges, edge{commit: commit})
		}
	}
	out := runGit(o.t, o.dir, ask.String(), "diff-tree", "--stdin", "--root", "--always", "-r", "-m", "--raw", "-z", "--no-renames")
	at := -1
	for tokens := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00"); len(tokens) > 0; tokens = tokens[1:] {
		if !strings.HasPrefix(tokens[0], ":") {
			at++
			if tokens[0] != edges[at].commit {
				o.t.Fatalf("git diff-tree told %q where %q was asked", tokens[0], edges[at].commit)
			}
			o.edges[edges[at]] = map[string]transition{}
			continue
		}
		change := o.transition(strings.Fields(tokens[0][1:]))
		tokens = tokens[1:]
		if o.isRecord(tokens[0]) && change.before != change.after {
			o.edges[edges[at]][tokens[0]] = change
		}
	}
	if at != len(edges)-1 {
		o.t.Fatalf("git diff-tree told of %d pairs, not of %d", at+1, len(edges))
	}
}

// transition reads the fields of a raw diff: modes, blobs, status.
func (o *oracle) transition(fields []string) transition {
	var t transition
	if isRegular(fields[0]) {
		t.before = fields[2]
	}
	if isRegular(fields[1]) {
		t.after = fields[3]
	}
	return t
}

func isRegular(mode string) bool { return mode == "100644" || mode == "100755" }

// isRecord: the id is a path segment of UTF-8 without control characters.
func (o *oracle) isRecord(name string) bool {
	id, isJSON := strings.CutSuffix(path.Base(name), ".json")
	return isJSON && id != "" && slices.Contains(o.dirs, strings.TrimSuffix(name, "/"+id+".json")) && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// firstParent is "" for a root.
func (o *oracle) firstParent(commit string) string {
	if parents := o.parents[commit]; len(parents) > 0 {
		return parents[0]
	}
	return ""
}

// touched are the paths of a commit that differ from every parent: the blob after, and
// those before by parent (one, "", for a root).
func (o *oracle) touched(commit string) map[string]touch {
	parents := o.parents[commit]
	if len(parents) == 0 {
		parents = []string{""}
	}
	out := map[string]touch{}
	for name, change := range o.edges[edge{commit, parents[0]}] {
		t := touch{after: change.after}
		for _, parent := range parents {
			if other, differs := o.edges[edge{commit, parent}][name]; differs {
				t.before = append(t.before, other.before)
			}
		}
		if len(t.before) == len(parents) {
			out[name] = t
		}
	}
	return out
}

type touch struct {
	before []string
	after  string
}

// ---- objects

// catFile is git cat-file --batch, running.
type catFile struct {
	t   testing.TB
	in  io.WriteCloser
	out *bufio.Reader
}

func startCatFile(t testing.TB, dir string) *catFile {
	t.Helper()
	c := gitCommand(dir, "cat-file", "--batch")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("git cat-file (these tests need the git program): %v", err)
	}
	t.Cleanup(func() {
		in.Close()
		var exit *exec.ExitError
		if err := c.Wait(); err != nil && !errors.As(err, &exit) {
			t.Errorf("git cat-file: %v", err)
		}
	})
	return &catFile{t, in, bufio.NewReader(out)}
}

// read returns an object by any name without newlines; found is false where there is none.
func (c *catFile) read(name string) (hash, kind string, data []byte, found bool) {
	if _, err := io.WriteString(c.in, name+"\n"); err != nil {
		c.t.Fatal(err)
	}
	header, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	fields := strings.Fields(header)
	if len(fields) < 3 || strings.HasSuffix(header, " missing\n") {
		return "", "", nil, false
	}
	size, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		c.t.Fatalf("git cat-file said %q", header)
	}
	data = make([]byte, size+1)
	if _, err := io.ReadFull(c.out, data); err != nil {
		c.t.Fatal(err)
	}
	return fields[0], fields[1], data[:size], true
}

// recordsIn are the records of one folder at a commit, by path, with their blobs.
func (o *oracle) recordsIn(commit, dir string) map[string]string {
	if known, ok := o.found[commit+dir]; ok {
		return known
	}
	if len(o.found) > 2000 {
		clear(o.found)
		clear(o.trees)
	}
	records := o.listTree(commit, dir)
	o.found[commit+dir] = records
	return records
}

func (o *oracle) listTree(commit, dir string) map[string]string {
	hash, kind, data, found := o.git.read(commit + ":" + dir)
	if !found || kind != "tree" {
		return nil
	}
	if known, ok := o.trees[hash+dir]; ok {
		return known
	}
	records := map[string]string{}
	for len(data) > 0 { // <mode> SP <name> NUL <20 bytes>
		header, rest, _ := bytes.Cut(data, []byte{0})
		mode, name, _ := strings.Cut(string(header), " ")
		if full := dir + "/" + name; isRegular(mode) && o.isRecord(full) {
			records[full] = fmt.Sprintf("%x", rest[:20])
		}
		data = rest[20:]
	}
	o.trees[hash+dir] = records
	return records
}

// at returns the blob of a record at a commit, "" if there is none.
func (o *oracle) at(commit, name string) string {
	if commit == "" {
		return ""
	}
	return o.recordsIn(commit, path.Dir(name))[name]
}

// records are all records at a commit, with their blobs.
func (o *oracle) records(commit string) map[string]string {
	all := map[string]string{}
	for _, dir := range o.dirs {
		maps.Copy(all, o.recordsIn(commit, dir))
	}
	return all
}

// document decodes a blob; "" is a document that is not there.
func (o *oracle) document(blob string) document {
	if d, known := o.docs[blob]; known || blob == "" {
		return d
	}
	_, _, data, found := o.git.read(blob)
	if !found {
		o.t.Fatalf("no blob %s", blob)
	}
	value, err := readStrict(data)
	d := document{value, err == nil}
	for _, name := range o.sets {
		if set, ok := d.member(name).([]any); ok {
			slices.SortFunc(set, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	o.docs[blob] = d
	return d
}

// readStrict decodes JSON into maps, lists and json.Number; not if a key is there
// twice, or anything follows.
func readStrict(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("no UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	value, err := readValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return value, nil
}

func readValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			item, err := readValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		return readObject(d)
	}
	return token, nil
}

func readObject(d *json.Decoder) (any, error) {
	object := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if _, twice := object[key.(string)]; twice {
			return nil, fmt.Errorf("%q twice", key)
		}
		if object[key.(string)], err = readValue(d); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

// members are the top-level members of a document; those of what is no object are
// none, but the value itself, called "".
func (d document) members() map[string]any {
	if object, ok := d.value.(map[string]any); ok || !d.readable {
		return object
	}
	return map[string]any{"": d.value}
}

// differing are the members that one has and the other has not, or has with another
// value. (Lists are the same when their items are, in this order: whether they have
// keys makes no difference to whether they changed.)
func differing(before, after document) []string {
	b, a := before.members(), after.members()
	if otherKind(before, after) || len(b)+len(a) == 0 && before.readable != after.readable {
		return []string{""} // as a whole
	}
	var names []string
	for name, value := range b {
		if other, there := a[name]; !there || !reflect.DeepEqual(value, other) {
			names = append(names, name)
		}
	}
	for name := range a {
		if _, there := b[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// otherKind: one is an object and the other is not.
func otherKind(a, b document) bool {
	_, isObject := a.value.(map[string]any)
	_, isObject2 := b.value.(map[string]any)
	return a.readable && b.readable && isObject != isObject2
}

// memberOf returns the top-level member that a JSON Pointer leads into.
func memberOf(pointer string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return strings.ReplaceAll(strings.ReplaceAll(first, "~1", "/"), "~0", "~")
}

// membersOf brings the pointers of an index's answer into the form of answer.members.
func membersOf(pointers []string) []string {
	var names []string
	for _, p := range pointers {
		names = append(names, memberOf(p))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ---- differences between a commit and one parent

// renames pairs the records that vanished with those that appeared.
type renames struct {
	// same has, for a path that appeared, the one path that vanished with the same blob,
	// where there is one of each alone.
	same map[string]string
	// gone and new are the others: which of them are renames depends on how similar is
	// enough.
	gone, new []string
}

// pairRenames pairs what changed between a commit and a parent. What a merge brings was
// renamed, or not, by the commits merged: of it all is left open.
func (o *oracle) pairRenames(commit, parent string) renames {
	changes := o.edges[edge{commit, parent}]
	gone, added := map[string][]string{}, map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		switch c := changes[name]; {
		case c.after == "":
			gone[c.before] = append(gone[c.before], name)
		case c.before == "":
			added[c.after] = append(added[c.after], name)
		}
	}
	r := renames{same: map[string]string{}}
	for blob, names := range gone {
		if len(names) == 1 && len(added[blob]) == 1 && len(o.parents[commit]) < 2 {
			r.same[added[blob][0]] = names[0]
			delete(added, blob)
			continue
		}
		r.gone = append(r.gone, names...)
	}
	for _, names := range added {
		r.new = append(r.new, names...)
	}
	slices.Sort(r.gone)
	slices.Sort(r.new)
	return r
}

// differences tells what changed from a parent ("" is nothing) to a commit. What is
// uncertain to be a rename is told as CREATED and DELETED.
func (o *oracle) differences(as reader, commit, parent string) []answer {
	changes := o.edges[edge{commit, parent}]
	pairs := o.pairRenames(commit, parent)
	var out []answer
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		c := changes[name]
		if c.after == "" {
			if !slices.Contains(slices.Collect(maps.Values(pairs.same)), name) {
				out = append(out, o.difference(as, commit, parent, name, name, c))
			}
			continue
		}
		was := cmp.Or(pairs.same[name], name)
		out = append(out, o.difference(as, commit, parent, was, name, transition{cmp.Or(c.before, changes[was].before), c.after}))
	}
	return out
}

// reader is whose eyes see a difference: that of someone who has the commit, or of
// someone who reads the served branch and sees its steps alone.
type reader string

const (
	byCommits reader = "change"
	bySteps   reader = "step"
)

func (o *oracle) difference(as reader, commit, parent, was, name string, c transition) answer {
	a := answer{commit: commit, path: name, before: c.before, after: c.after}
	before, after := o.document(c.before), o.document(c.after)
	a.unreadable = c.after != "" && !after.readable
	switch {
	case c.before == "":
		a.kind = "CREATED"
	case c.after == "":
		a.kind = "DELETED"
	default:
		a.kind = "UPDATED"
	}
	bridged := c.before != "" && !before.readable
	certain := true
	if bridged && c.after != "" {
		var online document
		var sure bool
		before, certain = o.readableBefore(as, parent, was)
		online, sure = o.readableBefore(bySteps, parent, was)
		certain = certain && sure && reflect.DeepEqual(before, online)
	}
	switch {
	case a.unreadable:
	case !certain, bridged && c.after == "":
		a.members = []string{"*"}
	default:
		a.members = differing(before, after)
	}
	switch {
	case was != name:
		a.kind, a.was = "RENAMED", was
	case a.kind != "UPDATED" || a.unreadable:
	case bridged && (!certain || len(a.members) == 0):
		a.kind = "UPDATED|FORMATTED"
	case len(a.members) == 0:
		a.kind = "FORMATTED"
	}
	return a
}

// readableBefore returns the newest version of a record that can be read, at a commit
// or before it, but not before the record was created. Steps have first parents alone;
// else a merge is followed to the first parent that has the same blob: a change by a
// commit may be told from either. It is not certain
// where it depends on what is taken for a rename, or where a merge made of several
// versions one that cannot be read.
func (o *oracle) readableBefore(as reader, commit, name string) (_ document, certain bool) {
	for commit != "" {
		blob := o.at(commit, name)
		if blob == "" {
			return document{}, true
		}
		if d := o.document(blob); d.readable {
			return d, true
		}
		from := o.firstParent(commit)
		if parents := o.parents[commit]; as == byCommits && len(parents) > 1 {
			same := slices.IndexFunc(parents, func(parent string) bool { return o.at(parent, name) == blob })
			if same < 0 {
				return document{}, false
			}
			from = parents[same]
		}
		if o.at(from, name) == "" {
			was, renamed := o.pairRenames(commit, from).same[name]
			if !renamed {
				return document{}, !o.mayBeRename(commit, from, name, blob)
			}
			name = was
		}
		commit = from
	}
	return document{}, true
}

// mayBeRename tells whether one of several files that vanished had the same bytes, or
// whether commits that were merged may have renamed one.
func (o *oracle) mayBeRename(commit, parent, name, blob string) bool {
	changes := o.edges[edge{commit, parent}]
	return slices.ContainsFunc(o.pairRenames(commit, parent).gone, func(was string) bool {
		return changes[was].before == blob || len(o.parents[commit]) > 1
	})
}

// ---- names of one record in what a merge joins

// believe takes the renames that are told.
func (o *oracle) believe(told []answer) {
	o.renamed, o.mergedNames = map[string][]answer{}, map[string][]string{}
	for _, a := range told {
		switch {
		case a.kind != "RENAMED":
		case len(o.parents[a.commit]) < 2:
			o.renamed[a.commit] = append(o.renamed[a.commit], a)
		default:
			o.mergedNames[a.commit] = append(o.mergedNames[a.commit], a.path, a.was)
		}
	}
}

// record is one record in a merge and in what led to it.
type record struct {
	*oracle
	name string
	// names has what it is called by commits that have no file of that name.
	names map[string]string
	// open: which files are the same record is not certain. back: some side renamed it, and
	// the merge has it by its old name.
	open, back bool
}

// in returns the blob of a record at a commit, "" if there is none.
func (r record) in(commit string) string {
	if name, other := r.names[commit]; other {
		return r.at(commit, name)
	}
	return r.at(commit, r.name)
}

// record finds what the parents of a merge, and their merge bases, call a record. Names
// are the same record's where renames join them that were made since; it is certain where each
// commit has one of them alone, and nothing else came or went under any of them.
func (o *oracle) record(merge, name string) record {
	r := record{oracle: o, name: name, names: map[string]string{}}
	if o.at(merge, name) == "" {
		return r
	}
	region := o.region(merge)
	names := map[string]bool{name: true}
	var came, went bool
	for _, commit := range region {
		for _, a := range o.renamed[commit] {
			came, went = came || a.path == name, went || a.was == name
		}
	}
	if r.back = went && !came; r.back {
		return r // on other sides it is gone
	}
	r.open = went
	for more := true; more; {
		more = false
		for _, commit := range region {
			for _, a := range o.renamed[commit] {
				if names[a.path] != names[a.was] {
					names[a.path], names[a.was], more = true, true, true
				}
			}
		}
	}
	if len(names) == 1 {
		r.open = slices.ContainsFunc(region, func(commit string) bool { return slices.Contains(o.mergedNames[commit], name) })
		return r
	}
	for _, commit := range region {
		r.open = r.open || o.disturbed(commit, names)
	}
	asked := slices.Clone(o.parents[merge])
	for _, a := range o.parents[merge] {
		for _, b := range o.parents[merge] {
			if a != b {
				asked = append(asked, o.mergeBases(a, b)...)
			}
		}
	}
	for _, commit := range append(asked, merge) {
		found := 0
		for _, other := range slices.Sorted(maps.Keys(names)) {
			if o.at(commit, other) == "" {
				continue
			}
			found++
			if other != name {
				r.names[commit] = other
			}
		}
		r.open = r.open || found > 1
	}
	return r
}

// region are the commits that lead to a merge, without those that lead to all its parents.
func (o *oracle) region(merge string) []string {
	if known, ok := o.regions[merge]; ok {
		return known
	}
	args := []string{"rev-list", merge, "--not"}
	c := gitCommand(o.dir, append([]string{"merge-base", "--octopus", "--all"}, o.parents[merge]...)...)
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		o.t.Fatalf("git merge-base --octopus: %v", err)
	}
	if len(out) > 0 {
		args = append(args, lines(string(out))...)
	}
	o.regions[merge] = lines(runGit(o.t, o.dir, "", args...))
	return o.regions[merge]
}

// disturbed tells whether a commit began or ended a file under one of the names other
// than by a rename among them.
func (o *oracle) disturbed(commit string, names map[string]bool) bool {
	if len(o.parents[commit]) > 1 {
		for name, t := range o.touched(commit) {
			if names[name] && (t.after == "" || !slices.ContainsFunc(t.before, func(blob string) bool { return blob != "" })) {
				return true
			}
		}
		return slices.ContainsFunc(o.mergedNames[commit], func(name string) bool { return names[name] })
	}
	came, went := map[string]bool{}, map[string]bool{}
	for _, a := range o.renamed[commit] {
		came[a.path], went[a.was] = true, true
	}
	for name, c := range o.edges[edge{commit, o.firstParent(commit)}] {
		if names[name] && (c.before == "" && !came[name] || c.after == "" && !went[name] || c.before != "" && came[name] || c.after != "" && went[name]) {
			return true
		}
	}
	return false
}

// ---- the answers

func (o *oracle) changes() []answer {
	var all []answer
	for _, commit := range o.order {
		all = append(all, o.changesOf(commit)...)
	}
	return all
}

func (o *oracle) changesOf(commit string) []answer {
	if len(o.parents[commit]) < 2 {
		return o.differences(byCommits, commit, o.firstParent(commit))
	}
	return append(o.mergeChanges(commit), o.overruled(commit)...)
}

// mergeChanges are the records that a merge made what no parent has. Their kind and
// fields are only bounded: what is new may have been joined from the parents.
func (o *oracle) mergeChanges(commit string) []answer {
	var out []answer
	touched := o.touched(commit)
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		t := touched[name]
		a := answer{commit: commit, path: name, kind: "CREATED|UPDATED|FORMATTED", before: "*", after: t.after, members: []string{"*"}}
		a.unreadable = t.after != "" && !o.document(t.after).readable
		if t.after == "" {
			a.kind = "DELETED"
		}
		out = append(out, a)
	}
	return out
}

// overruled are the records of which a merge has a value of one parent although another
// parent had given that place a value that it had at no merge base of the two (a member
// or record that is not there has no value; without a merge base, none was there).
func (o *oracle) overruled(commit string) []answer {
	certain, _ := o.overrulings(commit)
	return certain
}

// overrulings splits what a merge overruled into what is certain, and records of which
// one may tell it or not: see verdict.
func (o *oracle) overrulings(commit string) (certain []answer, possible map[string]bool) {
	names, possible := map[string]bool{}, map[string]bool{}
	for _, parent := range o.parents[commit] {
		for name := range o.edges[edge{commit, parent}] {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a := answer{commit: commit, path: name, kind: "OVERRULED", after: o.at(commit, name)}
		r := o.record(commit, name)
		if r.open {
			possible[name] = true
			continue
		}
		var losers []string
		worst := no
		for _, parent := range o.parents[commit] {
			blob := r.in(parent)
			if blob == a.after {
				continue
			}
			members, verdict := r.overruledMembers(commit, parent)
			worst = max(worst, verdict)
			a.members = append(a.members, members...)
			if verdict == surely {
				losers = slices.Insert(losers, 0, parent)
			} else if verdict == perhaps {
				losers = append(losers, parent)
			}
		}
		if worst == no {
			losers, worst = r.passedOver(commit)
		}
		switch worst {
		case surely:
			a.before, a.was = r.lost(losers)
			a.members = tidyMembers(a.members)
			certain = append(certain, a)
		case perhaps:
			possible[name] = true
		}
	}
	return certain, possible
}

// lost are the blobs of those who lost, and what they call the record if not by its name.
func (r record) lost(losers []string) (blobs, was string) {
	var all, names []string
	for _, loser := range losers {
		all, names = append(all, r.in(loser)), append(names, r.names[loser])
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 1 {
		names[0] = "*"
	}
	return strings.Join(all, "|"), names[0]
}

// passedOver are the parents whose versions of a record a merge passed over for that of another
// parent, although they had changed a value since each merge base: also where the same
// value came from the other side, so that none was lost.
func (r record) passedOver(commit string) (losers []string, worst verdict) {
	won := r.in(commit)
	for _, loser := range r.parents[commit] {
		lost := r.in(loser)
		for _, winner := range r.parents[commit] {
			if lost == won || r.in(winner) != won {
				continue
			}
			v := surely
			bases := r.mergeBases(winner, loser)
			if len(bases) == 0 && lost == "" {
				v = no
			}
			for _, b := range bases {
				base := r.in(b)
				switch {
				case base == lost:
					v = no
				case won != "" && !r.document(won).readable || lost != "" && !r.document(lost).readable || base != "" && !r.document(base).readable:
					v = min(v, perhaps)
				case base != "" && lost != "" && len(differing(r.document(base), r.document(lost))) == 0:
					v = min(v, no)
				}
			}
			if v == surely {
				losers = append(losers, loser)
			}
			worst = max(worst, v)
		}
	}
	return losers, worst
}

// tidyMembers sorts members, without those that are there with and without "?".
func tidyMembers(members []string) []string {
	slices.Sort(members)
	members = slices.Compact(members)
	return slices.DeleteFunc(members, func(m string) bool {
		sure, doubtful := strings.CutPrefix(m, "?")
		return doubtful && slices.Contains(members, sure)
	})
}

// verdict says whether something must be told. It is perhaps where a version cannot be
// read or is not there, where both changed a list and it depends on how its items are
// matched, and where several parents have the value that was taken and only some of
// them had never known the other.
type verdict int

const (
	no verdict = iota
	perhaps
	surely
)

// overruledMembers are the members of which the version that loser, a parent, had was
// passed over; those that are doubtful begin with "?".
func (r record) overruledMembers(commit, loser string) (members []string, worst verdict) {
	lostBlob, wonBlob := r.in(loser), r.in(commit)
	lost, won := r.document(lostBlob), r.document(wonBlob)
	if lostBlob != "" && !lost.readable || wonBlob != "" && !won.readable {
		return nil, r.overruledBytes(commit, loser)
	}
	if lostBlob == "" || wonBlob == "" {
		worst = r.overruledBytes(commit, loser)
	}
	if otherKind(lost, won) {
		return []string{"?"}, r.overruledBytes(commit, loser)
	}
	for _, member := range differing(lost, won) {
		v := r.overruledMember(commit, loser, member)
		if lostBlob == "" || wonBlob == "" {
			v = min(v, perhaps)
		}
		worst = max(worst, v)
		switch v {
		case surely:
			members = append(members, member)
		case perhaps:
			members = append(members, "?"+member)
		}
	}
	return members, worst
}

// overruledBytes is the verdict where values are not known: no, if each parent that has
// the version taken had once had the loser's.
func (r record) overruledBytes(commit, loser string) verdict {
	won, lost := r.in(commit), r.in(loser)
	for _, parent := range r.parents[commit] {
		knew := slices.ContainsFunc(r.mergeBases(parent, loser), func(b string) bool { return r.in(b) == lost })
		if r.in(parent) == won && !knew {
			return perhaps
		}
	}
	return no
}

func (r record) overruledMember(commit, loser, member string) verdict {
	lost, won := r.document(r.in(loser)).member(member), r.document(r.in(commit)).member(member)
	best, worst := no, surely
	for _, parent := range r.parents[commit] {
		blob := r.in(parent)
		if parent == loser || blob == "" && r.in(commit) != "" || !reflect.DeepEqual(r.document(blob).member(member), won) {
			continue
		}
		v := surely
		for _, b := range r.mergeBases(parent, loser) {
			blob := r.in(b)
			if base := r.document(blob); blob != "" && !base.readable {
				v = min(v, perhaps)
			} else {
				v = min(v, overruledValue(lost, won, base.member(member)))
			}
		}
		best, worst = max(best, v), min(worst, v)
	}
	if best == surely && worst < surely {
		return perhaps
	}
	return best
}

// absent is the value of a member that is not there.
type absent struct{}

func (d document) member(name string) any {
	if value, there := d.members()[name]; there {
		return value
	}
	return absent{}
}

func overruledValue(lost, won, base any) verdict {
	switch {
	case reflect.DeepEqual(lost, won), reflect.DeepEqual(lost, base):
		return no
	case reflect.DeepEqual(won, base), isScalar(lost) && isScalar(won) && isScalar(base):
		return surely
	}
	l, isObject := lost.(map[string]any)
	w, isObject2 := won.(map[string]any)
	b, isObject3 := base.(map[string]any)
	if !isObject || !isObject2 || !isObject3 {
		if hasOwnLeaf(lost, won, base) {
			return surely
		}
		return perhaps
	}
	worst := no
	for _, key := range keysOf(l, w, b) {
		inner := func(object map[string]any) any { return document{object, true}.member(key) }
		worst = max(worst, overruledValue(inner(l), inner(w), inner(b)))
	}
	return worst
}

// hasOwnLeaf tells whether a value has a leaf that is nowhere in the others, so that it
// does not matter how the items of lists are matched.
func hasOwnLeaf(value any, others ...any) bool {
	known := map[string]bool{}
	for _, other := range others {
		leaf := map[string]string{}
		leaves("", other, leaf)
		for _, text := range leaf {
			known[text] = true
		}
	}
	own := map[string]string{}
	leaves("", value, own)
	return slices.ContainsFunc(slices.Collect(maps.Values(own)), func(text string) bool { return !known[text] })
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// mergeBases are those of two commits; "", a commit without files, if they have none.
func (o *oracle) mergeBases(a, b string) []string {
	key := edge{a, b}
	if known, ok := o.bases[key]; ok {
		return known
	}
	c := gitCommand(o.dir, "merge-base", "--all", a, b)
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		o.t.Fatalf("git merge-base: %v", err)
	}
	o.bases[key] = []string{""}
	if len(out) > 0 {
		o.bases[key] = lines(string(out))
	}
	return o.bases[key]
}

func (o *oracle) steps() [][]answer {
	var all [][]answer
	for _, step := range o.line {
		all = append(all, o.differences(bySteps, step, o.firstParent(step)))
	}
	return all
}

// renamesOfSteps are the renames that someone's steps tell: by step and new path.
func (o *oracle) renamesOfSteps(of answers) map[edge]string {
	out := map[edge]string{}
	for _, step := range of.steps() {
		for _, a := range step {
			if a.kind == "RENAMED" {
				out[edge{a.commit, a.path}] = a.was
			}
		}
	}
	return out
}

// blameBy tells for each top-level member of a record of the head the step since which
// it has its value without a break, following renames; nil where the head's version
// cannot be read.
func (o *oracle) blameBy(name string, renames map[edge]string) map[string]string {
	type version struct {
		step string
		document
	}
	var versions []version // newest first, readable ones alone
	for _, step := range slices.Backward(o.line) {
		after := o.at(step, name)
		if after == "" {
			break
		}
		change, changed := o.edges[edge{step, o.firstParent(step)}][name]
		if !changed {
			continue
		}
		if d := o.document(after); d.readable {
			versions = append(versions, version{step, d})
		}
		if change.before == "" {
			was, renamed := renames[edge{step, name}]
			if !renamed {
				break
			}
			name = was
		}
	}
	if len(versions) == 0 {
		return nil
	}
	out := map[string]string{}
	for member, value := range versions[0].members() {
		for _, v := range versions {
			if old, there := v.members()[member]; !there || !reflect.DeepEqual(old, value) {
				break
			}
			out[member] = v.step
		}
	}
	return out
}

// ---- comparing

// check compares everything; what is wrong comes back in words, at most so many lines
// for each kind of question.
func (o *oracle) check(got answers) []string {
	const most = 10
	o.believe(got.changes())
	var all []string
	for _, part := range []func(answers) []string{o.checkChanges, o.checkSteps, o.checkReplay, o.checkBlame} {
		complaints := part(got)
		if more := len(complaints) - most; more > 0 {
			complaints = append(complaints[:most:most], fmt.Sprintf("... and %d more", more))
		}
		all = append(all, complaints...)
	}
	return all
}

func (o *oracle) checkChanges(got answers) []string {
	expected, given := byCommit(o.changes()), byCommit(got.changes())
	var complaints []string
	for _, commit := range o.order {
		parents := o.parents[commit]
		if len(parents) < 2 {
			complaints = append(complaints, o.checkDifferences(byCommits, commit, o.firstParent(commit), expected[commit], given[commit])...)
		} else {
			complaints = append(complaints, o.checkMerge(commit, expected[commit], given[commit])...)
		}
		delete(given, commit)
	}
	for commit := range given {
		complaints = append(complaints, fmt.Sprintf("changes of %s, which does not lead to %s", commit, o.head))
	}
	return complaints
}

func (o *oracle) checkSteps(got answers) []string {
	expected, given := byCommit(slices.Concat(o.steps()...)), byCommit(slices.Concat(got.steps()...))
	var complaints []string
	for _, step := range o.line {
		complaints = append(complaints, o.checkDifferences(bySteps, step, o.firstParent(step), expected[step], given[step])...)
		delete(given, step)
	}
	for step := range given {
		complaints = append(complaints, fmt.Sprintf("records of step %s, which is none", step))
	}
	return complaints
}

func byCommit(all []answer) map[string][]answer {
	out := map[string][]answer{}
	for _, a := range all {
		out[a.commit] = append(out[a.commit], a)
	}
	return out
}

// checkDifferences compares what changed from a parent to a commit. A rename that is
// told where the oracle leaves it open is examined by itself, and then counted as the
// creation and the deletion that the oracle tells.
func (o *oracle) checkDifferences(as reader, commit, parent string, expected, given []answer) []string {
	what := string(as)
	changes := o.edges[edge{commit, parent}]
	pairs := o.pairRenames(commit, parent)
	var complaints []string
	var split []answer
	used := map[string]bool{}
	renamed := map[string]string{}
	for _, a := range given {
		if a.kind != "RENAMED" || !slices.Contains(pairs.new, a.path) || !slices.Contains(pairs.gone, a.was) || used[a.was] {
			split = append(split, a)
			continue
		}
		used[a.was] = true
		renamed[a.path] = a.was
		c := transition{changes[a.was].before, changes[a.path].after}
		want := o.difference(as, commit, parent, a.was, a.path, c)
		complaints = append(complaints, compareOne(what, want, a)...)
		if c.before != c.after && len(o.parents[commit]) < 2 && !o.shareLeaf(c) {
			complaints = append(complaints, fmt.Sprintf("%s %s: %q and %q have nothing in common", what, commit, a.was, a.path))
		}
		split = append(split, o.difference(as, commit, parent, a.path, a.path, changes[a.path]), o.difference(as, commit, parent, a.was, a.was, changes[a.was]))
	}
	if len(o.parents[commit]) < 2 && len(pairs.gone) == 1 && len(pairs.new) == 1 && renamed[pairs.new[0]] == "" && path.Dir(pairs.gone[0]) == path.Dir(pairs.new[0]) {
		if o.similarity(transition{changes[pairs.gone[0]].before, changes[pairs.new[0]].after}) > 0.8 {
			complaints = append(complaints, fmt.Sprintf("%s %s: %q was renamed to %q", what, commit, pairs.gone[0], pairs.new[0]))
		}
	}
	return append(complaints, compareAll(what, commit, expected, split)...)
}

// similarity is the part of two documents' leaves that are the same at the same place,
// by number or by length, whichever is less; 0 where one cannot be read.
func (o *oracle) similarity(c transition) float64 {
	before, after := o.document(c.before), o.document(c.after)
	if !before.readable || !after.readable {
		return 0
	}
	b, a := map[string]string{}, map[string]string{}
	leaves("", before.value, b)
	leaves("", after.value, a)
	var count, shared, size, sharedSize float64
	for place, text := range b {
		if a[place] == text {
			shared += 2
			sharedSize += 2 * float64(len(text))
		}
	}
	for _, text := range slices.Concat(slices.Collect(maps.Values(a)), slices.Collect(maps.Values(b))) {
		count++
		size += float64(len(text))
	}
	if count == 0 {
		return 0
	}
	return min(shared/count, sharedSize/size)
}

// shareLeaf tells whether two documents have an equal leaf anywhere.
func (o *oracle) shareLeaf(c transition) bool {
	b, a := map[string]string{}, map[string]string{}
	leaves("", o.document(c.before).value, b)
	leaves("", o.document(c.after).value, a)
	values := slices.Collect(maps.Values(a))
	return slices.ContainsFunc(slices.Collect(maps.Values(b)), func(v string) bool { return slices.Contains(values, v) })
}

func leaves(place string, value any, out map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		for name, item := range v {
			leaves(place+"/"+name, item, out)
		}
	case []any:
		for i, item := range v {
			leaves(fmt.Sprintf("%s/%d", place, i), item, out)
		}
	default:
		text, _ := json.Marshal(v)
		out[place] = string(text)
	}
}

// checkMerge compares the changes of a merge: what it overruled, and what it made anew,
// of which a rename counts as two paths. Where it did both to one record, both may be
// told as one change.
func (o *oracle) checkMerge(commit string, expected, given []answer) []string {
	_, possible := o.overrulings(commit)
	touched := o.touched(commit)
	overruled, rest := map[string]answer{}, map[string]answer{}
	renamed := map[string]bool{}
	var complaints []string
	for _, a := range given {
		into := rest
		if a.kind == "OVERRULED" {
			into = overruled
		} else if a.kind == "RENAMED" {
			renamed[a.path] = true
			rest[a.was] = answer{commit: commit, path: a.was, kind: "DELETED"}
			a.kind, a.was = "UPDATED", ""
		}
		if _, twice := into[a.path]; twice {
			complaints = append(complaints, fmt.Sprintf("merge %s: %q twice", commit, a.path))
		}
		into[a.path] = a
	}
	for _, want := range expected {
		from, other := rest, overruled
		if want.kind == "OVERRULED" {
			from, other = overruled, rest
		}
		_, isTouched := touched[want.path]
		got, there := from[want.path]
		instead, otherwise := other[want.path]
		switch {
		case !there && !(isTouched && otherwise):
			complaints = append(complaints, fmt.Sprintf("merge %s: %q is missing: %s", commit, want.path, want))
		case !there && want.kind == "OVERRULED":
			instead.members = slices.DeleteFunc(slices.Clone(instead.members), func(m string) bool { return !memberFits(want.members, m) })
			instead.kind, want.before, want.was = want.kind, instead.before, instead.was
			complaints = append(complaints, compareOne("merge", want, instead)...)
		case there:
			complaints = append(complaints, o.compareMerged(want, got, touched, renamed[want.path])...)
		}
	}
	for name, a := range overruled {
		_, isTouched := touched[name]
		isExpected := slices.ContainsFunc(expected, func(want answer) bool { return want.path == name && (isTouched || want.kind == a.kind) })
		if !isExpected && !possible[name] {
			complaints = append(complaints, fmt.Sprintf("merge %s: %q is not expected: %s", commit, name, a))
		}
	}
	for name, a := range rest {
		if _, isTouched := touched[name]; !isTouched {
			complaints = append(complaints, fmt.Sprintf("merge %s: %q is not expected: %s", commit, name, a))
		}
	}
	slices.Sort(complaints)
	return complaints
}

// compareMerged compares one change of a merge. Where it made a record anew, what it
// overruled in it may be told in more detail than by members.
func (o *oracle) compareMerged(want, got answer, touched map[string]touch, renamed bool) []string {
	t, isTouched := touched[want.path]
	if want.kind == "OVERRULED" && isTouched {
		got.members = slices.DeleteFunc(slices.Clone(got.members), func(m string) bool { return !memberFits(want.members, m) })
	}
	complaints := compareOne("merge", want, got)
	if want.kind != "OVERRULED" && isTouched && t.after != "" && !renamed {
		complaints = append(complaints, o.checkMergedMembers(got)...)
	}
	return complaints
}

// checkMergedMembers: what a merge is told to have changed must differ from the
// versions of all parents, or from that of one that was passed over; and scalars that
// are new must be told.
func (o *oracle) checkMergedMembers(a answer) []string {
	r := o.record(a.commit, a.path)
	new := r.newMembers(a.commit)
	if new == nil || r.open {
		return nil
	}
	var passedOver []string
	for _, parent := range o.parents[a.commit] {
		members, _ := r.overruledMembers(a.commit, parent)
		passedOver = append(passedOver, members...)
	}
	var complaints []string
	for _, member := range a.members {
		if !new[member] && !memberFits(passedOver, member) {
			complaints = append(complaints, fmt.Sprintf("merge %s %q: %q is told, but is that of a parent", a.commit, a.path, member))
		}
	}
	for member := range new {
		if value := o.document(r.in(a.commit)).member(member); isScalar(value) && !slices.Contains(a.members, member) {
			complaints = append(complaints, fmt.Sprintf("merge %s %q: %q, %v, is that of no parent, but is not told", a.commit, a.path, member, value))
		}
	}
	return complaints
}

// newMembers are the members that a merge gave a value (or took away) that no parent
// gave (or took away); nil where a version cannot be read. A parent without the record
// counts only where there is no other.
func (r record) newMembers(commit string) map[string]bool {
	after := r.document(r.in(commit))
	var versions []string
	for _, parent := range r.parents[commit] {
		if blob := r.in(parent); blob != "" {
			versions = append(versions, blob)
		}
	}
	if len(versions) == 0 {
		versions = []string{""}
	}
	count := map[string]int{}
	if some := slices.DeleteFunc(slices.Clone(versions), func(blob string) bool { return otherKind(r.document(blob), after) }); len(some) > 0 {
		versions = some // those of another kind are another value in each member
	}
	for _, blob := range versions {
		before := r.document(blob)
		if !after.readable || blob != "" && !before.readable {
			return nil
		}
		for _, member := range differing(before, after) {
			count[member]++
		}
	}
	new := map[string]bool{}
	for member, n := range count {
		if n == len(versions) {
			new[member] = true
		}
	}
	return new
}

func compareAll(what, commit string, expected, given []answer) []string {
	var complaints []string
	left := map[string]answer{}
	for _, a := range given {
		if _, twice := left[a.path]; twice {
			complaints = append(complaints, fmt.Sprintf("%s %s: %q twice", what, commit, a.path))
		}
		left[a.path] = a
	}
	for _, want := range expected {
		a, there := left[want.path]
		if !there {
			complaints = append(complaints, fmt.Sprintf("%s %s: %q is missing: %s", what, commit, want.path, want))
			continue
		}
		delete(left, want.path)
		complaints = append(complaints, compareOne(what, want, a)...)
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		complaints = append(complaints, fmt.Sprintf("%s %s: %q is not expected: %s", what, commit, name, left[name]))
	}
	return complaints
}

func compareOne(what string, want, got answer) []string {
	if anyOf(want.kind, got.kind) && anyOf(want.before, got.before) && want.after == got.after && (want.was == "*" || want.was == got.was) &&
		want.unreadable == got.unreadable && membersFit(want.members, got.members) {
		return nil
	}
	return []string{fmt.Sprintf("%s %s %q:\n  want %s\n   got %s", what, want.commit, want.path, want, got)}
}

func anyOf(want, got string) bool {
	return want == "*" || slices.Contains(strings.Split(want, "|"), got)
}

func membersFit(want, got []string) bool {
	if slices.Equal(want, []string{"*"}) {
		return true
	}
	for _, member := range want {
		if !strings.HasPrefix(member, "?") && !slices.Contains(got, member) {
			return false
		}
	}
	return !slices.ContainsFunc(got, func(member string) bool { return !memberFits(want, member) })
}

func memberFits(want []string, member string) bool {
	return slices.Contains(want, member) || slices.Contains(want, "?"+member)
}

func (a answer) String() string {
	s := fmt.Sprintf("%s %.7s -> %.7s %q", a.kind, a.before, a.after, a.members)
	if a.was != "" {
		s += fmt.Sprintf(" was %q", a.was)
	}
	if a.unreadable {
		s += " unreadable"
	}
	return s
}

// checkReplay applies the steps one after the other: each must lead to the records
// that git ls-tree lists.
func (o *oracle) checkReplay(got answers) []string {
	records := map[string]string{}
	given := map[string][]answer{}
	last := -1
	for _, step := range got.steps() {
		for _, a := range step {
			at := slices.Index(o.line, a.commit)
			if at < last {
				return []string{fmt.Sprintf("step %s comes after a later one", a.commit)}
			}
			last = at
			given[a.commit] = append(given[a.commit], a)
		}
	}
	for _, step := range o.line {
		for _, a := range given[step] {
			delete(records, cmp.Or(a.was, a.path))
		}
		for _, a := range given[step] {
			if a.after != "" {
				records[a.path] = a.after
			}
		}
		if want := o.records(step); !maps.Equal(records, want) {
			return []string{fmt.Sprintf("replaying up to step %s gives %v, not %v", step, records, want)}
		}
	}
	return nil
}

func (o *oracle) checkBlame(got answers) []string {
	renames := o.renamesOfSteps(got)
	var complaints []string
	for name, blob := range o.records(o.head) {
		if !o.document(blob).readable {
			continue
		}
		want, have := o.blameBy(name, renames), got.blame(name)
		for _, member := range slices.Sorted(maps.Keys(want)) {
			if want[member] != have[member] && !o.copied(want[member], have[member]) {
				complaints = append(complaints, fmt.Sprintf("blame of %q: %q is by %q, not by %q", name, member, want[member], have[member]))
			}
		}
		if len(want) != len(have) {
			complaints = append(complaints, fmt.Sprintf("blame of %q has the members %q, not %q", name, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have))))
		}
	}
	slices.Sort(complaints)
	return complaints
}

// copied tells whether a step may have brought a record beside itself, so that its values
// are of a step before: a merge by which a record came that no step renamed.
func (o *oracle) copied(step, before string) bool {
	if len(o.parents[step]) < 2 || slices.Index(o.line, before) < 0 || slices.Index(o.line, before) >= slices.Index(o.line, step) {
		return false
	}
	for _, c := range o.edges[edge{step, o.firstParent(step)}] {
		if c.before == "" {
			return true
		}
	}
	return false
}

// ---- known histories

// knownHistory is a history made by hand and what must be told of it. Commits and
// blobs are named: a commit by its name, a blob by its text.
type knownHistory struct {
	name    string
	commits []knownCommit // the last one is the head
	// changes and steps are all that must be told, in any order.
	changes, steps []answer
	// blame is by path and member.
	blame map[string]map[string]string
}

// knownCommit changes the files of its first parent; the parent is the commit before it
// if none is named, and "-" is none. A text of "" deletes, and one that begins with "->" is a
// symbolic link.
type knownCommit struct {
	name    string
	parents string
	files   map[string]string
}

const recordX, recordY, recordZ = "records/things/x.json", "records/things/y.json", "records/notes/z.json"

var knownHistories = []knownHistory{
	{
		name: "created, changed, reformatted, deleted and back again",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": "x"}`, "records/things/x.txt": "no record", "records/things/sub/y.json": "{}"}},
			{name: "2", files: map[string]string{recordX: `{"a": 2, "b": "x"}`}},
			{name: "3", files: map[string]string{recordX: `{"b":"x","a":2}`}},
			{name: "4", files: map[string]string{"README.md": "no record"}},
			{name: "5", files: map[string]string{recordX: ""}},
			{name: "6", files: map[string]string{recordX: `{"a": 2, "c": null}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": "x"}`, members: []string{"a", "b"}},
			{commit: "2", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": "x"}`, after: `{"a": 2, "b": "x"}`, members: []string{"a"}},
			{commit: "3", path: recordX, kind: "FORMATTED", before: `{"a": 2, "b": "x"}`, after: `{"b":"x","a":2}`},
			{commit: "5", path: recordX, kind: "DELETED", before: `{"b":"x","a":2}`, members: []string{"a", "b"}},
			{commit: "6", path: recordX, kind: "CREATED", after: `{"a": 2, "c": null}`, members: []string{"a", "c"}},
		},
		blame: map[string]map[string]string{recordX: {"a": "6", "c": "6"}},
	},
	{
		name: "renamed, and renamed with a change of a value back and forth",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": 1}`}},
			{name: "2", files: map[string]string{recordX: `{"a": 2, "b": 1}`}},
			{name: "3", files: map[string]string{recordX: "", recordZ: `{"a": 2, "b": 1}`}},
			{name: "4", files: map[string]string{recordZ: `{"a": 1, "b": 1}`}},
			{name: "5", files: map[string]string{recordZ: `{"a": 2, "b": 1}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "2", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
			{commit: "3", path: recordZ, was: recordX, kind: "RENAMED", before: `{"a": 2, "b": 1}`, after: `{"a": 2, "b": 1}`},
			{commit: "4", path: recordZ, kind: "UPDATED", before: `{"a": 2, "b": 1}`, after: `{"a": 1, "b": 1}`, members: []string{"a"}},
			{commit: "5", path: recordZ, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
		},
		blame: map[string]map[string]string{recordZ: {"a": "5", "b": "1"}},
	},
	{
		name: "unreadable twice, mended by another value; a list that lost an item",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "parts": [{"id": "p"}, {"id": "q"}]}`}},
			{name: "2", files: map[string]string{recordX: `{"a": 1,`}},
			{name: "3", files: map[string]string{recordX: `{"a": 1, "a": 2}`}},
			{name: "4", files: map[string]string{recordX: `{"a": 1, "parts": [{"id": "p"}]}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "parts": [{"id": "p"}, {"id": "q"}]}`, members: []string{"a", "parts"}},
			{commit: "2", path: recordX, kind: "UPDATED", before: `{"a": 1, "parts": [{"id": "p"}, {"id": "q"}]}`, after: `{"a": 1,`, unreadable: true},
			{commit: "3", path: recordX, kind: "UPDATED", before: `{"a": 1,`, after: `{"a": 1, "a": 2}`, unreadable: true},
			{commit: "4", path: recordX, kind: "UPDATED", before: `{"a": 1, "a": 2}`, after: `{"a": 1, "parts": [{"id": "p"}]}`, members: []string{"parts"}},
		},
		blame: map[string]map[string]string{recordX: {"a": "1", "parts": "4"}},
	},
	{
		name: "a link is no record",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1}`, recordY: "->x.json"}},
			{name: "2", files: map[string]string{recordX: "->y.json", recordY: `{"a": 2}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1}`, members: []string{"a"}},
			{commit: "2", path: recordX, kind: "DELETED", before: `{"a": 1}`, members: []string{"a"}},
			{commit: "2", path: recordY, kind: "CREATED", after: `{"a": 2}`, members: []string{"a"}},
		},
		blame: map[string]map[string]string{recordY: {"a": "2"}},
	},
	{
		name: "clean merges are no change, but a step; joined content is a change that sets nothing",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": 1}`, recordY: `{"n": 1}`}},
			{name: "m", parents: "1", files: map[string]string{recordX: `{"a": 2, "b": 1}`}},
			{name: "s", parents: "1", files: map[string]string{recordX: `{"a": 1, "b": 2}`, recordY: `{"n": 2}`}},
			{name: "M", parents: "m s", files: map[string]string{recordX: `{"a": 2, "b": 2}`, recordY: `{"n": 2}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "1", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
			{commit: "s", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 1, "b": 2}`, members: []string{"b"}},
			{commit: "s", path: recordY, kind: "UPDATED", before: `{"n": 1}`, after: `{"n": 2}`, members: []string{"n"}},
			{commit: "M", path: recordX, kind: "FORMATTED", before: `{"a": 2, "b": 1}`, after: `{"a": 2, "b": 2}`},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "1", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
			{commit: "M", path: recordX, kind: "UPDATED", before: `{"a": 2, "b": 1}`, after: `{"a": 2, "b": 2}`, members: []string{"b"}},
			{commit: "M", path: recordY, kind: "UPDATED", before: `{"n": 1}`, after: `{"n": 2}`, members: []string{"n"}},
		},
		blame: map[string]map[string]string{recordX: {"a": "m", "b": "M"}, recordY: {"n": "M"}},
	},
	{
		name: "a merge that takes one side overrules the other where that had set something",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": 1}`, recordY: `{"n": 1}`}},
			{name: "m", parents: "1", files: map[string]string{recordX: `{"a": 2, "b": 1}`}},
			{name: "s", parents: "1", files: map[string]string{recordX: `{"a": 3, "b": 1}`, recordY: `{"n": 2}`}},
			{name: "M", parents: "m s", files: map[string]string{recordY: `{"n": 2}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "1", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
			{commit: "s", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 3, "b": 1}`, members: []string{"a"}},
			{commit: "s", path: recordY, kind: "UPDATED", before: `{"n": 1}`, after: `{"n": 2}`, members: []string{"n"}},
			{commit: "M", path: recordX, kind: "OVERRULED", before: `{"a": 3, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "1", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
			{commit: "M", path: recordY, kind: "UPDATED", before: `{"n": 1}`, after: `{"n": 2}`, members: []string{"n"}},
		},
		blame: map[string]map[string]string{recordX: {"a": "m", "b": "1"}, recordY: {"n": "M"}},
	},
	{
		name: "a merge brings a rename of a record that the main line edited: the edit is not told again",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": 1, "c": 1}`}},
			{name: "m", parents: "1", files: map[string]string{recordX: `{"a": 2, "b": 1, "c": 1}`}},
			{name: "s", parents: "1", files: map[string]string{recordX: "", recordY: `{"a": 1, "b": 1, "c": 1}`}},
			{name: "M", parents: "m s", files: map[string]string{recordX: "", recordY: `{"a": 2, "b": 1, "c": 3}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1, "c": 1}`, members: []string{"a", "b", "c"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 2, "b": 1, "c": 1}`, members: []string{"a"}},
			{commit: "s", path: recordY, was: recordX, kind: "RENAMED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 1, "b": 1, "c": 1}`},
			{commit: "M", path: recordY, kind: "UPDATED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 2, "b": 1, "c": 3}`, members: []string{"c"}},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1, "c": 1}`, members: []string{"a", "b", "c"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 2, "b": 1, "c": 1}`, members: []string{"a"}},
			{commit: "M", path: recordY, was: recordX, kind: "RENAMED", before: `{"a": 2, "b": 1, "c": 1}`, after: `{"a": 2, "b": 1, "c": 3}`, members: []string{"c"}},
		},
		blame: map[string]map[string]string{recordY: {"a": "m", "b": "1", "c": "M"}},
	},
	{
		name: "a merge into a renamed record of edits made under its old name; the second one drops the edit",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": 1, "c": 1}`}},
			{name: "m", parents: "1", files: map[string]string{recordX: "", recordY: `{"a": 1, "b": 1, "c": 1}`}},
			{name: "s", parents: "1", files: map[string]string{recordX: `{"a": 2, "b": 1, "c": 1}`}},
			{name: "t", parents: "1", files: map[string]string{recordX: `{"a": 1, "b": 3, "c": 1}`}},
			{name: "M", parents: "m s", files: map[string]string{recordY: `{"a": 2, "b": 1, "c": 1}`}},
			{name: "N", parents: "M t"},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1, "c": 1}`, members: []string{"a", "b", "c"}},
			{commit: "m", path: recordY, was: recordX, kind: "RENAMED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 1, "b": 1, "c": 1}`},
			{commit: "s", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 2, "b": 1, "c": 1}`, members: []string{"a"}},
			{commit: "t", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 1, "b": 3, "c": 1}`, members: []string{"b"}},
			{commit: "M", path: recordY, kind: "FORMATTED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 2, "b": 1, "c": 1}`},
			{commit: "N", path: recordY, was: recordX, kind: "OVERRULED", before: `{"a": 1, "b": 3, "c": 1}`, after: `{"a": 2, "b": 1, "c": 1}`, members: []string{"b"}},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1, "c": 1}`, members: []string{"a", "b", "c"}},
			{commit: "m", path: recordY, was: recordX, kind: "RENAMED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 1, "b": 1, "c": 1}`},
			{commit: "M", path: recordY, kind: "UPDATED", before: `{"a": 1, "b": 1, "c": 1}`, after: `{"a": 2, "b": 1, "c": 1}`, members: []string{"a"}},
		},
		blame: map[string]map[string]string{recordY: {"a": "M", "b": "1", "c": "1"}},
	},
	{
		name: "both sides renamed a record alike: what one of them edited was not dropped by the other",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": 1}`}},
			{name: "m", parents: "1", files: map[string]string{recordX: "", recordY: `{"a": 1, "b": 1}`}},
			{name: "s", parents: "1", files: map[string]string{recordX: "", recordY: `{"a": 1, "b": 1}`}},
			{name: "t", parents: "s", files: map[string]string{recordY: `{"a": 2, "b": 1}`}},
			{name: "M", parents: "m t", files: map[string]string{recordY: `{"a": 2, "b": 1}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "m", path: recordY, was: recordX, kind: "RENAMED", before: `{"a": 1, "b": 1}`, after: `{"a": 1, "b": 1}`},
			{commit: "s", path: recordY, was: recordX, kind: "RENAMED", before: `{"a": 1, "b": 1}`, after: `{"a": 1, "b": 1}`},
			{commit: "t", path: recordY, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "m", path: recordY, was: recordX, kind: "RENAMED", before: `{"a": 1, "b": 1}`, after: `{"a": 1, "b": 1}`},
			{commit: "M", path: recordY, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
		},
		blame: map[string]map[string]string{recordY: {"a": "M", "b": "1"}},
	},
	{
		name: "what the other side had before is not overruled; a foxtrot merge is a step that takes the main line's part",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1, "b": 1}`}},
			{name: "2", files: map[string]string{recordX: `{"a": 2, "b": 1}`}},
			{name: "s", parents: "1", files: map[string]string{recordY: `{"n": 1}`}},
			{name: "F", parents: "s 2", files: map[string]string{recordX: `{"a": 2, "b": 1}`}},
			{name: "A", parents: "F 1"},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "2", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
			{commit: "s", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1, "b": 1}`, members: []string{"a", "b"}},
			{commit: "s", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "F", path: recordX, kind: "UPDATED", before: `{"a": 1, "b": 1}`, after: `{"a": 2, "b": 1}`, members: []string{"a"}},
		},
		blame: map[string]map[string]string{recordX: {"a": "F", "b": "1"}, recordY: {"n": "s"}},
	},
	{
		name: "criss-cross: a value that is new to one merge base only is not overruled",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1}`, recordY: `{"n": 1}`}},
			{name: "m", parents: "1", files: map[string]string{recordX: `{"a": 2}`}},
			{name: "s", parents: "1", files: map[string]string{recordY: `{"n": 2}`}},
			{name: "M", parents: "m s", files: map[string]string{recordY: `{"n": 2}`}},
			{name: "S", parents: "s m"}, // keeps a: 1, although m had set 2
			{name: "T", parents: "M S"}, // takes a: 2 again: S had 1, which s, a merge base, had as well
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1}`, members: []string{"a"}},
			{commit: "1", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1}`, after: `{"a": 2}`, members: []string{"a"}},
			{commit: "s", path: recordY, kind: "UPDATED", before: `{"n": 1}`, after: `{"n": 2}`, members: []string{"n"}},
			{commit: "S", path: recordX, kind: "OVERRULED", before: `{"a": 2}`, after: `{"a": 1}`, members: []string{"a"}},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1}`, members: []string{"a"}},
			{commit: "1", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "m", path: recordX, kind: "UPDATED", before: `{"a": 1}`, after: `{"a": 2}`, members: []string{"a"}},
			{commit: "M", path: recordY, kind: "UPDATED", before: `{"n": 1}`, after: `{"n": 2}`, members: []string{"n"}},
		},
		blame: map[string]map[string]string{recordX: {"a": "m"}, recordY: {"n": "M"}},
	},
	{
		name: "two roots and an octopus",
		commits: []knownCommit{
			{name: "1", files: map[string]string{recordX: `{"a": 1}`}},
			{name: "r", parents: "-", files: map[string]string{recordY: `{"n": 1}`}},
			{name: "s", parents: "1", files: map[string]string{recordX: `{"a": 2}`}},
			{name: "t", parents: "1", files: map[string]string{recordZ: `{"t": 1}`}},
			{name: "O", parents: "1 r s t", files: map[string]string{recordX: `{"a": 2}`, recordY: `{"n": 1}`, recordZ: `{"t": 2}`}},
		},
		changes: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1}`, members: []string{"a"}},
			{commit: "r", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "s", path: recordX, kind: "UPDATED", before: `{"a": 1}`, after: `{"a": 2}`, members: []string{"a"}},
			{commit: "t", path: recordZ, kind: "CREATED", after: `{"t": 1}`, members: []string{"t"}},
			{commit: "O", path: recordZ, kind: "UPDATED", before: `{"t": 1}`, after: `{"t": 2}`, members: []string{"t"}},
		},
		steps: []answer{
			{commit: "1", path: recordX, kind: "CREATED", after: `{"a": 1}`, members: []string{"a"}},
			{commit: "O", path: recordX, kind: "UPDATED", before: `{"a": 1}`, after: `{"a": 2}`, members: []string{"a"}},
			{commit: "O", path: recordY, kind: "CREATED", after: `{"n": 1}`, members: []string{"n"}},
			{commit: "O", path: recordZ, kind: "CREATED", after: `{"t": 2}`, members: []string{"t"}},
		},
		blame: map[string]map[string]string{recordX: {"a": "O"}, recordY: {"n": "O"}, recordZ: {"t": "O"}},
	},
}

// build makes the repository of a known history and returns it with the answers that
// are known, in the names that git gives.
func (h *knownHistory) build(t testing.TB) (*world, *given) {
	t.Helper()
	w := emptyWorld(t)
	commits := map[string]*worldCommit{}
	var last *worldCommit
	for i, k := range h.commits {
		c := &worldCommit{
			files:  schemaFiles(),
			author: fmt.Sprintf("Aino <aino@example.org> %d +0200", 1_600_000_000+i*60), message: k.name + "\n",
		}
		c.committer = c.author
		for _, name := range strings.Fields(k.parents) {
			if name != "-" {
				c.parents = append(c.parents, commits[name])
			}
		}
		if k.parents == "" && last != nil {
			c.parents = []*worldCommit{last}
		}
		if len(c.parents) > 0 {
			c.files = maps.Clone(c.parents[0].files)
		}
		for name, text := range k.files {
			if target, isLink := strings.CutPrefix(text, "->"); isLink {
				c.files[name] = worldFile{mode: symlink, text: target}
			} else if text == "" {
				delete(c.files, name)
			} else {
				c.files[name] = worldFile{mode: plainFile, text: text}
			}
		}
		w.add(c)
		commits[k.name], last = c, c
	}
	w.branches["main"] = last
	w.write()
	return w, h.answers(commits)
}

func (h *knownHistory) answers(commits map[string]*worldCommit) *given {
	translate := func(a answer) answer {
		a.commit, a.before, a.after = commits[a.commit].hash, blobHash(a.before), blobHash(a.after)
		return a
	}
	g := &given{blames: map[string]map[string]string{}}
	for _, a := range h.changes {
		g.byCommit = append(g.byCommit, translate(a))
	}
	steps := h.steps
	if steps == nil { // a line without merges: each commit is a step
		steps = h.changes
	}
	for _, a := range steps {
		g.byStep = append(g.byStep, []answer{translate(a)})
	}
	for name, members := range h.blame {
		g.blames[name] = map[string]string{}
		for member, commit := range members {
			g.blames[name][member] = commits[commit].hash
		}
	}
	return g
}

// blobHash is what Git calls a blob of this text.
func blobHash(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)))
}

// given are answers that were written down.
type given struct {
	byCommit []answer
	byStep   [][]answer
	blames   map[string]map[string]string
}

func (g *given) changes() []answer                   { return g.byCommit }
func (g *given) steps() [][]answer                   { return g.byStep }
func (g *given) blame(name string) map[string]string { return g.blames[name] }

// definite are right answers: where the oracle leaves a choice, one is made.
func (o *oracle) definite() *given {
	g := &given{blames: map[string]map[string]string{}}
	for _, commit := range o.order {
		if len(o.parents[commit]) < 2 {
			g.byCommit = append(g.byCommit, o.certainDifferences(byCommits, commit, o.changesOf(commit))...)
		}
	}
	o.believe(g.byCommit)
	for _, commit := range o.order {
		if len(o.parents[commit]) > 1 {
			for _, a := range o.changesOf(commit) {
				g.byCommit = append(g.byCommit, o.certainMerge(a))
			}
		}
	}
	for i, step := range o.steps() {
		g.byStep = append(g.byStep, o.certainDifferences(bySteps, o.line[i], step))
	}
	for name := range o.records(o.head) {
		g.blames[name] = o.blameBy(name, o.renamesOfSteps(g))
	}
	return g
}

func (o *oracle) certainDifferences(as reader, commit string, expected []answer) []answer {
	var out []answer
	for _, a := range expected {
		a.kind, _, _ = strings.Cut(a.kind, "|")
		if slices.Equal(a.members, []string{"*"}) {
			a.members = nil
		}
		out = append(out, a)
	}
	changes := o.edges[edge{commit, o.firstParent(commit)}]
	pairs := o.pairRenames(commit, o.firstParent(commit))
	if len(pairs.gone) != 1 || len(pairs.new) != 1 {
		return out
	}
	c := transition{changes[pairs.gone[0]].before, changes[pairs.new[0]].after}
	if o.similarity(c) < 0.5 {
		return out
	}
	out = slices.DeleteFunc(out, func(a answer) bool { return a.path == pairs.gone[0] || a.path == pairs.new[0] })
	return append(out, o.difference(as, commit, o.firstParent(commit), pairs.gone[0], pairs.new[0], c))
}

func (o *oracle) certainMerge(a answer) answer {
	a.before, _, _ = strings.Cut(a.before, "|")
	a.members = slices.DeleteFunc(slices.Clone(a.members), func(m string) bool { return strings.HasPrefix(m, "?") })
	t, touched := o.touched(a.commit)[a.path]
	if !touched || a.kind == "OVERRULED" {
		return a
	}
	a.before = t.before[0]
	a.members = nil
	if a.kind != "DELETED" {
		a.kind, a.members = "FORMATTED", slices.Sorted(maps.Keys(o.record(a.commit, a.path).newMembers(a.commit)))
	}
	if len(a.members) > 0 {
		a.kind = "UPDATED"
	}
	return a
}

func TestOracleOnKnownHistories(t *testing.T) {
	for _, h := range knownHistories {
		t.Run(h.name, func(t *testing.T) {
			w, want := h.build(t)
			o := newOracle(t, w.dir, "main", worldDirs...)
			for _, complaint := range o.check(want) {
				t.Error(complaint)
			}
			if diff := cmpdiff.Diff(want.blames, o.definite().blames); diff != "" {
				t.Errorf("blame (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIndexOnKnownHistories(t *testing.T) {
	order := func(all []answer) []answer {
		slices.SortFunc(all, func(a, b answer) int { return strings.Compare(a.commit+a.path, b.commit+b.path) })
		return all
	}
	for _, h := range knownHistories {
		t.Run(h.name, func(t *testing.T) {
			w, want := h.build(t)
			_, p := open(t, w.dir, "")
			got := told{t, p}
			opts := []cmpdiff.Option{cmpdiff.AllowUnexported(answer{})}
			if diff := cmpdiff.Diff(order(want.changes()), order(got.changes()), opts...); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmpdiff.Diff(order(slices.Concat(want.steps()...)), order(slices.Concat(got.steps()...)), opts...); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			for name, blame := range want.blames {
				if diff := cmpdiff.Diff(blame, got.blame(name)); diff != "" {
					t.Errorf("blame of %s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// aWorld is small enough to be made often, and has all kinds of changes.
func aWorld(t testing.TB, seed uint64) (*world, *oracle) {
	w := newWorld(t, seed, 150)
	return w, newOracle(t, w.dir, "main", worldDirs...)
}

func TestOracleAgreesWithItselfAndWithOtherCommandsOfGit(t *testing.T) {
	for seed := range uint64(4) {
		w, o := aWorld(t, seed)
		for _, complaint := range o.check(o.definite()) {
			t.Errorf("seed %d: %s", seed, complaint)
		}
		for _, commit := range []string{o.head, o.line[len(o.line)/2], o.order[len(o.order)/3]} {
			if diff := cmpdiff.Diff(listedRecords(w, o, commit), o.records(commit)); diff != "" {
				t.Errorf("seed %d: records of %s (-ls-tree +cat-file):\n%s", seed, commit, diff)
			}
		}
		if diff := cmpdiff.Diff(touchedByPlumbing(w, o), touchedPaths(o)); diff != "" {
			t.Errorf("seed %d: commits of records (-diff-tree -m +oracle):\n%s", seed, diff)
		}
	}
}

func listedRecords(w *world, o *oracle, commit string) map[string]string {
	out := map[string]string{}
	for _, entry := range strings.Split(runGit(w.t, w.dir, "", "ls-tree", "-r", "-z", commit), "\x00") {
		meta, name, _ := strings.Cut(entry, "\t")
		if fields := strings.Fields(meta); o.isRecord(name) && isRegular(fields[0]) {
			out[name] = fields[2]
		}
	}
	return out
}

// touchedByPlumbing counts for each commit and record the parents that git diff-tree
// -m names as different. (It tells modes as well; they are no difference.)
func touchedByPlumbing(w *world, o *oracle) map[string][]string {
	out := map[string][]string{}
	count := map[edge]int{}
	commit := ""
	raw := runGit(w.t, w.dir, strings.Join(o.order, "\n")+"\n", "diff-tree", "--stdin", "--root", "-r", "-m", "--raw", "-z", "--no-renames")
	for tokens := strings.Split(strings.TrimSuffix(raw, "\x00"), "\x00"); len(tokens) > 0; tokens = tokens[1:] {
		if !strings.HasPrefix(tokens[0], ":") {
			commit = tokens[0]
			continue
		}
		change, name := o.transition(strings.Fields(tokens[0][1:])), tokens[1]
		tokens = tokens[1:]
		if change.before == change.after || !o.isRecord(name) {
			continue
		}
		count[edge{commit, name}]++
		if count[edge{commit, name}] == max(1, len(o.parents[commit])) {
			out[name] = append(out[name], commit)
		}
	}
	for _, commits := range out {
		slices.Sort(commits)
	}
	return out
}

func touchedPaths(o *oracle) map[string][]string {
	out := map[string][]string{}
	for _, commit := range o.order {
		for name := range o.touched(commit) {
			out[name] = append(out[name], commit)
		}
	}
	for _, commits := range out {
		slices.Sort(commits)
	}
	return out
}

// TestOracleNoticesWrongAnswers spoils right answers one by one.
func TestOracleNoticesWrongAnswers(t *testing.T) {
	_, o := aWorld(t, 5)
	find := func(all []answer, kind string) int {
		i := slices.IndexFunc(all, func(a answer) bool {
			return a.kind == kind && len(o.parents[a.commit]) < 2 != (kind == "OVERRULED") && !a.unreadable
		})
		if i < 0 {
			t.Fatalf("this world has no %s", kind)
		}
		return i
	}
	if complaints := o.check(o.definite()); len(complaints) > 0 {
		t.Fatal(complaints)
	}
	for _, c := range []struct {
		name  string
		spoil func(g *given)
	}{
		{"a creation is missing", func(g *given) { i := find(g.byCommit, "CREATED"); g.byCommit = slices.Delete(g.byCommit, i, i+1) }},
		{"an overruling is missing", func(g *given) { i := find(g.byCommit, "OVERRULED"); g.byCommit = slices.Delete(g.byCommit, i, i+1) }},
		{"a deletion is told of another record", func(g *given) { g.byCommit[find(g.byCommit, "DELETED")].path = recordX }},
		{"a rename is told as a creation", func(g *given) {
			i := find(g.byCommit, "RENAMED")
			g.byCommit[i].kind, g.byCommit[i].was = "CREATED", ""
		}},
		{"a change of values is told as formatting", func(g *given) { g.byCommit[find(g.byCommit, "UPDATED")].kind = "FORMATTED" }},
		{"formatting is told as a change of a value", func(g *given) {
			i := find(g.byCommit, "FORMATTED")
			g.byCommit[i].kind, g.byCommit[i].members = "UPDATED", []string{"name"}
		}},
		{"a field is missing", func(g *given) { i := find(g.byCommit, "UPDATED"); g.byCommit[i].members = g.byCommit[i].members[1:] }},
		{"a change is told twice", func(g *given) { g.byCommit = append(g.byCommit, g.byCommit[find(g.byCommit, "UPDATED")]) }},
		{"another blob", func(g *given) { g.byCommit[find(g.byCommit, "UPDATED")].after = o.head }},
		{"another blob before", func(g *given) { g.byCommit[find(g.byCommit, "UPDATED")].before = o.head }},
		{"unreadable is not told", func(g *given) {
			g.byCommit[slices.IndexFunc(g.byCommit, func(a answer) bool { return a.unreadable })].unreadable = false
		}},
		{"a commit that does not lead here", func(g *given) {
			g.byCommit = append(g.byCommit, answer{commit: strings.Repeat("0", 40), path: recordX, kind: "CREATED"})
		}},
		{"a step is missing", func(g *given) { g.byStep = slices.Delete(g.byStep, 0, 1) }},
		{"the steps are the newest first", func(g *given) { slices.Reverse(g.byStep) }},
		{"another blame", func(g *given) {
			for _, members := range g.blames {
				for member := range members {
					members[member] = "somebody"
				}
			}
		}},
		{"no blame", func(g *given) { clear(g.blames) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong := o.definite()
			c.spoil(wrong)
			if len(o.check(wrong)) == 0 {
				t.Error("nobody noticed")
			}
		})
	}
}

// ---- worlds

func TestWorldsAreMadeFromTheirSeed(t *testing.T) {
	a, b := newWorld(t, 7, 80), newWorld(t, 7, 80)
	a.forcePush()
	b.forcePush()
	a.grow(20)
	b.grow(20)
	if a.head() != b.head() {
		t.Errorf("heads %s and %s of one seed", a.head(), b.head())
	}
	if got := strings.TrimSpace(runGit(t, a.dir, "", "rev-parse", "HEAD")); got != a.head() {
		t.Errorf("HEAD is %s, want %s", got, a.head())
	}
	if refs := runGit(t, a.dir, "", "for-each-ref", "--format=%(refname)", "refs/world"); refs != "" {
		t.Errorf("left behind: %s", refs)
	}
	runGit(t, a.dir, "", "fsck", "--strict", "--no-dangling")
}

func TestForcePushesLeadElsewhere(t *testing.T) {
	w := newWorld(t, 8, 40)
	for range 5 {
		from, to := w.forcePush()
		if err := gitCommand(w.dir, "merge-base", "--is-ancestor", from, to).Run(); err == nil {
			t.Errorf("%s follows from %s", to, from)
		}
		w.grow(10)
	}
}

// TestWorldsHaveEverything counts what is worth testing in a few worlds: an index that
// agrees with the oracle about them has met it.
func TestWorldsHaveEverything(t *testing.T) {
	count := map[string]int{}
	for seed := range uint64(4) {
		w, o := aWorld(t, seed)
		o.believe(o.definite().changes())
		for _, a := range o.changes() {
			count[a.kind]++
			if a.unreadable {
				count["unreadable"]++
				if a.before != "" && !strings.Contains(a.before, "*") && !o.document(a.before).readable {
					count["unreadable twice"]++
				}
			} else if a.before != "" && a.after != "" && len(a.before) == 40 && !o.document(a.before).readable {
				count["mended"]++
			}
		}
		for _, c := range w.all {
			if w.pulls[c] != 0 {
				count["pull requests"]++
			}
		}
		lineOf := map[string]bool{}
		for _, step := range o.line {
			lineOf[step] = true
		}
		for _, commit := range o.order {
			parents := o.parents[commit]
			count[fmt.Sprintf("%d parents", len(parents))]++
			overruled, possible := o.overrulings(commit)
			count["possibly overruled"] += len(possible)
			for _, a := range overruled {
				if a.was != "" {
					count["overruled under another name"]++
				}
			}
			if len(parents) > 1 {
				for name, t := range o.touched(commit) {
					r := o.record(commit, name)
					elsewhere := slices.ContainsFunc(parents, func(p string) bool { return r.names[p] != "" })
					if t.after != "" && elsewhere && !r.open && r.newMembers(commit) != nil {
						count["joined under different names"]++
					}
				}
			}
			pairs := o.pairRenames(commit, o.firstParent(commit))
			if len(pairs.gone) > 0 && len(pairs.new) > 0 && len(parents) == 1 {
				count["uncertain renames"]++
			}
			if len(parents) == 1 && len(o.edges[edge{commit, parents[0]}]) == 0 {
				count["without records"]++
			}
			if len(parents) > 1 {
				if bases := o.mergeBases(parents[0], parents[1]); len(bases) > 1 {
					count["criss-cross"]++
				} else if bases[0] == "" {
					count["unrelated"]++
				} else if bases[0] == parents[1] {
					count["ancestor merged"]++
				} else if bases[0] == parents[0] {
					count["could be fast-forward"]++
				}
			}
		}
	}
	t.Log(count)
	for _, what := range []string{
		"CREATED", "UPDATED", "FORMATTED", "RENAMED", "DELETED", "OVERRULED", "CREATED|UPDATED|FORMATTED", "unreadable", "unreadable twice", "mended",
		"0 parents", "2 parents", "3 parents", "4 parents", "possibly overruled", "uncertain renames", "without records", "criss-cross", "unrelated",
		"ancestor merged", "could be fast-forward", "pull requests", "joined under different names",
	} {
		if count[what] < 3 {
			t.Errorf("%s: %d", what, count[what])
		}
	}
	if count["overruled under another name"] == 0 {
		t.Error("nothing is overruled under another name")
	}
}

func TestWorldsNamePullRequestsAsForgesDo(t *testing.T) {
	w := newWorld(t, 9, 100)
	for _, c := range w.all {
		m := readMessage(c.message, len(c.parents))
		got := 0
		if m.pullRequest != nil {
			got = m.pullRequest.Number
		}
		if got != w.pulls[c] || w.pullOf(c.hash) != got {
			t.Errorf("%q is of pull request %d, want %d", c.message, got, w.pulls[c])
		}
	}
}
