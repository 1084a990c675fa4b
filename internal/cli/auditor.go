package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// auditor holds changes against Git. It shares no code with the index of the history: it
// lists whole trees and compares them as maps, and asks of the graph of commits by
// walking it. How two documents are compared is the meaning of a change, and so the same.
type auditor struct {
	repo  *gitrepo.Repo
	head  gitrepo.Hash
	model *content.Model
	graph *commits
	// steps says by commit which of head's first parents brought it: the oldest from which
	// it can be reached. bySteps is the way back; carried keeps what carriers found.
	steps   []int
	bySteps map[int][]int
	carried map[int][]int
	places  []auditPlace
	mailmap *gitrepo.Mailmap
	trees   *lru.Cache[gitrepo.Hash, map[string]content.Hash]
	folders *lru.Cache[folderKey, map[string]content.Hash]
	parsed  *lru.Cache[content.Hash, *content.Value]
	// said and overs count the lines that told of a transition and of an overruling; renamed
	// has the paths that records left, and arrived those to which they came, with the commits
	// in which they did.
	said             map[transition]int
	overs            map[overruling]int
	renamed, arrived map[string][]int
	// reviews are the approvals that came from a forge.
	reviews int
	// err is what kept it from looking.
	err error
}

// auditPlace is where records lie, now or by an older model.
type auditPlace struct {
	collection content.CollectionName
	at         content.PathPattern
}

// transition is one file of one commit that is that of no parent.
type transition struct {
	commit        int
	path          string
	before, after content.Hash
}

// overruling is one file of which a merge took that of another side.
type overruling struct {
	commit int
	path   string
}

type folderKey struct {
	tree gitrepo.Hash
	path string
}

const (
	auditTrees   = 64
	auditFolders = 1024
	auditParsed  = 8192
)

// auditor reads the commits that led to head; "" is HEAD.
func (a *app) auditor(ctx context.Context, repo *gitrepo.Repo, head content.Hash) (*auditor, error) {
	outside, err := a.outside()
	if err != nil {
		return nil, err
	}
	view, _, err := commitView(ctx, repo, outside, string(head))
	var unknown *gitrepo.RevisionError
	if errors.As(err, &unknown) {
		return nil, &hintError{fmt.Errorf("no branch or tag leads to the head %s of the export", plain(string(head))), "Is this the right repository, and is it fetched? A branch that was moved by force keeps its former heads under refs/koonti/heads/."}
	}
	if err != nil {
		return nil, err
	}
	v := &auditor{repo: repo, head: gitrepo.Hash(view.Commit), model: view.Model, said: map[transition]int{}, overs: map[overruling]int{}, renamed: map[string][]int{}, arrived: map[string][]int{}, bySteps: map[int][]int{}, carried: map[int][]int{}}
	if v.graph, err = readCommits(ctx, repo, v.head); err != nil {
		return nil, err
	}
	v.trees, _ = lru.New[gitrepo.Hash, map[string]content.Hash](auditTrees)
	v.folders, _ = lru.New[folderKey, map[string]content.Hash](auditFolders)
	v.parsed, _ = lru.New[content.Hash, *content.Value](auditParsed)
	v.findSteps()
	if err := v.findPlaces(ctx, outside); err != nil {
		return nil, err
	}
	return v, v.readMailmap(ctx)
}

// findSteps puts each commit down to the oldest first parent that leads to it.
func (v *auditor) findSteps() {
	var line []int
	for at := v.graph.index[v.head]; ; at = v.graph.parents[at][0] {
		line = append(line, at)
		if len(v.graph.parents[at]) == 0 {
			break
		}
	}
	v.steps = make([]int, len(v.graph.commits))
	seen := make([]bool, len(v.graph.commits))
	for _, step := range slices.Backward(line) {
		for open := []int{step}; len(open) > 0; {
			at := open[len(open)-1]
			open = open[:len(open)-1]
			if seen[at] {
				continue
			}
			seen[at], v.steps[at] = true, step
			v.bySteps[step] = append(v.bySteps[step], at)
			open = append(open, v.graph.parents[at]...)
		}
	}
}

// carriers are a commit and the merges that it came through to its step.
func (v *auditor) carriers(commit int) []int {
	if known, ok := v.carried[commit]; ok {
		return known
	}
	out := []int{commit}
	for _, merge := range v.bySteps[v.steps[commit]] {
		if merge != commit && len(v.graph.parents[merge]) > 1 && v.within(merge, commit) {
			out = append(out, merge)
		}
	}
	v.carried[commit] = out
	return out
}

// within reports whether a commit led to another of the same step: then all between them
// are of that step.
func (v *auditor) within(from, commit int) bool {
	seen := map[int]bool{}
	for open := []int{from}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if at == commit {
			return true
		}
		if !seen[at] && v.steps[at] == v.steps[commit] {
			seen[at] = true
			open = append(open, v.graph.parents[at]...)
		}
	}
	return false
}

// findPlaces finds where records lie by the model of head, and by all that ever were.
func (v *auditor) findPlaces(ctx context.Context, outside *catalog.OutsideModel) error {
	for _, c := range v.model.Collections {
		v.places = append(v.places, auditPlace{c.Name, c.Path})
	}
	if outside != nil {
		return nil
	}
	var former []auditPlace
	models := map[gitrepo.Hash]bool{}
	for _, c := range v.graph.commits {
		e, err := v.repo.Lookup(ctx, c.Tree, catalog.DefaultModel)
		if errors.Is(err, gitrepo.ErrNotFound) || err == nil && (models[e.Hash] || e.Mode != gitrepo.File && e.Mode != gitrepo.Executable) {
			continue
		}
		if err != nil {
			return err
		}
		models[e.Hash] = true
		data, err := v.repo.Blob(ctx, e.Hash)
		if err != nil && !errors.Is(err, gitrepo.ErrTooLarge) {
			return err
		}
		former = append(former, modelPlaces(string(data))...)
	}
	slices.SortFunc(former, func(a, b auditPlace) int {
		return cmp.Or(cmp.Compare(a.collection, b.collection), strings.Compare(a.at.String(), b.at.String()))
	})
	v.places = append(v.places, former...)
	return nil
}

func modelPlaces(source string) []auditPlace {
	root, err := content.Parse(source)
	if err != nil {
		return nil
	}
	var out []auditPlace
	for _, c := range content.Pattern("/collections/*").Find(root) {
		if at, err := content.ParsePathPattern(c.Member("path").Str()); err == nil && c.Member("name").Str() != "" {
			out = append(out, auditPlace{content.CollectionName(c.Member("name").Str()), at})
		}
	}
	return out
}

func (v *auditor) readMailmap(ctx context.Context) error {
	v.mailmap = gitrepo.ParseMailmap("")
	blob := v.blobAt(ctx, v.graph.index[v.head], ".mailmap")
	if blob == "" {
		return v.err
	}
	data, err := v.repo.Blob(ctx, gitrepo.Hash(blob))
	if errors.Is(err, gitrepo.ErrTooLarge) {
		return nil
	}
	v.mailmap = gitrepo.ParseMailmap(string(data))
	return err
}

// match finds which record a path holds.
func (v *auditor) match(path string) (content.Ref, bool) {
	for _, p := range v.places {
		if id, ok := p.at.Match(path); ok && id.Readable() {
			return content.Ref{Collection: p.collection, ID: id}, true
		}
	}
	return content.Ref{}, false
}

// fail keeps the first error.
func (v *auditor) fail(err error) {
	v.err = cmp.Or(v.err, err)
}

// blobAt is the blob of a file of a commit; "" where it has none.
func (v *auditor) blobAt(ctx context.Context, commit int, path string) content.Hash {
	if path == "" {
		return ""
	}
	e, err := v.repo.Lookup(ctx, v.graph.commits[commit].Tree, path)
	if errors.Is(err, gitrepo.ErrNotFound) {
		return ""
	}
	if err != nil {
		v.fail(err)
	}
	if e.Mode != gitrepo.File && e.Mode != gitrepo.Executable {
		return ""
	}
	return content.Hash(e.Hash)
}

// document decodes a blob; nil where there is none, or where it is no strict JSON.
func (v *auditor) document(ctx context.Context, blob content.Hash) *content.Value {
	if blob == "" {
		return nil
	}
	if root, ok := v.parsed.Get(blob); ok {
		return root
	}
	data, err := v.repo.Blob(ctx, gitrepo.Hash(blob))
	if err != nil && !errors.Is(err, gitrepo.ErrTooLarge) && !errors.Is(err, gitrepo.ErrNotFound) { // a line may name what there is not
		v.fail(err)
		return nil
	}
	var root *content.Value
	if err == nil {
		if value, err := content.Parse(string(data)); err == nil {
			root = value
		}
	}
	v.parsed.Add(blob, root)
	return root
}

// files lists the records of a commit: blobs by path.
func (v *auditor) files(ctx context.Context, commit int) map[string]content.Hash {
	tree := v.graph.commits[commit].Tree
	if list, ok := v.trees.Get(tree); ok {
		return list
	}
	list := v.folder(ctx, folderKey{tree, ""})
	v.trees.Add(tree, list)
	return list
}

func (v *auditor) folder(ctx context.Context, at folderKey) map[string]content.Hash {
	if list, ok := v.folders.Get(at); ok {
		return list
	}
	entries, err := v.repo.Tree(ctx, at.tree)
	if err != nil {
		v.fail(err)
		return nil
	}
	list := map[string]content.Hash{}
	for _, e := range entries {
		path := e.Name
		if at.path != "" {
			path = at.path + "/" + e.Name
		}
		switch _, record := v.match(path); {
		case e.Mode == gitrepo.Folder && v.leads(path):
			maps.Copy(list, v.folder(ctx, folderKey{e.Hash, path}))
		case record && (e.Mode == gitrepo.File || e.Mode == gitrepo.Executable):
			list[path] = content.Hash(e.Hash)
		}
	}
	if at.path != "" {
		v.folders.Add(at, list)
	}
	return list
}

// leads reports whether records may lie below a folder.
func (v *auditor) leads(folder string) bool {
	names := strings.Split(folder, "/")
	return slices.ContainsFunc(v.places, func(p auditPlace) bool {
		for i, name := range names {
			if !p.at.Segment(i, name) {
				return false
			}
		}
		return len(names) < p.at.Depth()
	})
}

// transitions are the files of a commit that are those of no parent, by path.
func (v *auditor) transitions(ctx context.Context, commit int) []transition {
	now := v.files(ctx, commit)
	var before []map[string]content.Hash
	paths := maps.Clone(now)
	for _, p := range v.graph.parents[commit] {
		list := v.files(ctx, p)
		before = append(before, list)
		maps.Copy(paths, list)
	}
	var out []transition
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		t := transition{commit: commit, path: path, after: now[path]}
		same := slices.ContainsFunc(before, func(list map[string]content.Hash) bool { return list[path] == t.after })
		if same {
			continue
		}
		for _, list := range before {
			t.before = cmp.Or(t.before, list[path])
		}
		out = append(out, t)
	}
	return out
}

// missing walks all commits and says which of their transitions no line told of, and which
// overrulings.
func (v *auditor) missing(ctx context.Context, done func()) []string {
	var out []string
	for i := range v.graph.commits {
		if v.err = cmp.Or(v.err, ctx.Err()); v.err != nil {
			return nil
		}
		for _, t := range v.transitions(ctx, i) {
			if v.said[t] == 0 {
				out = append(out, v.name(i)+" changed "+t.path+" from "+short(t.before)+" to "+short(t.after)+", which is missing")
			}
		}
		for path, side := range v.overruled(ctx, i) {
			if v.overs[overruling{i, path}] == 0 {
				out = append(out, overruledText(v.name(i), path, side))
			}
		}
		done()
	}
	slices.Sort(out)
	return out
}

func (v *auditor) name(commit int) string { return v.graph.commits[commit].Hash.Short() }

// short is a blob for people.
func short(blob content.Hash) string {
	if blob == "" {
		return "nothing"
	}
	return gitrepo.Hash(blob).Short()
}

// overruled finds the files of which a merge took that of one parent, although another
// had given them, since the two parted, a value that the merge does not have: by path
// the blob that lost.
func (v *auditor) overruled(ctx context.Context, commit int) map[string]content.Hash {
	parents := v.graph.parents[commit]
	if len(parents) < 2 {
		return nil
	}
	out := map[string]content.Hash{}
	now := v.files(ctx, commit)
	for _, loser := range parents {
		theirs := v.files(ctx, loser)
		for _, winner := range parents {
			if winner == loser {
				continue
			}
			ours := v.files(ctx, winner)
			var bases []int // found where they are needed
			for path, lost := range theirs {
				if now[path] == lost || ours[path] != now[path] || out[path] != "" || v.left(path, commit) || now[path] == "" && v.came(path, commit) {
					continue
				}
				if bases == nil {
					bases = v.graph.mergeBases(loser, winner)
				}
				if v.dropped(ctx, commit, path, lost, now[path], bases) {
					out[path] = lost
				}
			}
		}
	}
	return out
}

// left reports whether a record was renamed away from a path before a commit: then the
// merge goes on with it elsewhere.
func (v *auditor) left(path string, commit int) bool {
	return slices.ContainsFunc(v.renamed[path], func(by int) bool { return v.graph.ancestors(commit)[by] })
}

// came reports whether a record got a path as its new name before a commit: where a merge
// does not have it, it may go on with another name of the record.
func (v *auditor) came(path string, commit int) bool {
	return slices.ContainsFunc(v.arrived[path], func(by int) bool { return v.graph.ancestors(commit)[by] })
}

// elsewhere are the files of one commit that may be the record which another that follows
// has at path: that the latter does not have, and that had, or got, another name before it.
func (v *auditor) elsewhere(ctx context.Context, in, commit int, path string) []content.Hash {
	if v.blobAt(ctx, in, path) != "" {
		return nil
	}
	now := v.files(ctx, commit)
	var out []content.Hash
	for other, blob := range v.files(ctx, in) {
		if now[other] == "" && (v.left(other, commit) || v.came(other, commit)) {
			out = append(out, blob)
		}
	}
	return out
}

// dropped reports whether lost has a value that it got after each of the bases, and that
// now has not.
func (v *auditor) dropped(ctx context.Context, commit int, path string, lost, now content.Hash, bases []int) bool {
	theirs, merged := v.document(ctx, lost), v.document(ctx, now)
	if theirs == nil || merged == nil {
		return false // what has no values is not asked
	}
	differ := v.differ(path)
	for _, f := range differences(differ, theirs, merged) {
		if f.Before == nil {
			continue
		}
		at := f.Pointer
		if f.After != nil {
			at, _ = differ.Trace(theirs, merged, at)
		}
		since := func(base *content.Value) bool {
			return slices.ContainsFunc(differences(differ, base, theirs), func(s content.FieldChange) bool {
				return s.After != nil && (s.Pointer.Covers(at) || at.Covers(s.Pointer))
			})
		}
		all := true
		for _, b := range bases {
			for _, blob := range append(v.elsewhere(ctx, b, commit, path), v.blobAt(ctx, b, path)) {
				all = all && blob != lost && since(v.document(ctx, blob))
			}
		}
		if all && (len(bases) > 0 || since(nil)) {
			return true
		}
	}
	return false
}

// differ compares the documents at path.
func (v *auditor) differ(path string) *content.Differ {
	ref, _ := v.match(path)
	return content.NewDiffer(v.model.Collection(ref.Collection))
}

// mostFields is how many fields of one change are told apart: a change of more is told by
// the members of the document that it touched, and one of more members as a whole.
const mostFields = 1000

// differences are how a change of a document is told.
func differences(differ *content.Differ, before, after *content.Value) []content.FieldChange {
	fields := differ.Diff(before, after)
	if len(fields) <= mostFields {
		return fields
	}
	var members []content.FieldChange
	for _, f := range fields {
		at := content.Pointer("").Child(f.Pointer.Tokens()[0])
		if !slices.ContainsFunc(members, func(m content.FieldChange) bool { return m.Pointer == at }) {
			members = append(members, content.FieldChange{Pointer: at, Before: before.At(at), After: after.At(at)})
		}
	}
	if len(members) <= mostFields {
		return members
	}
	return []content.FieldChange{{Before: before, After: after}}
}
