package history

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Random histories in real repositories. All that is random comes from the seed; the
// git program (fast-import) writes the objects.

const (
	worldModel = `{"languages": ["en"], "collections": [
  {"name": "things", "type": "Thing", "schema": "schema/thing.json", "path": "records/things/{id}.json", "title": "/name", "keys": {"/parts": "id"}},
  {"name": "notes", "type": "Note", "schema": "schema/note.json", "path": "records/notes/{id}.json", "title": "/name"}
]}
`
	// All that is an object is valid, so that no record is served from another version
	// but one that cannot be read.
	worldThing = `{"type": "object", "properties": {"name": {}, "number": {}, "parts": {}}}
`
	worldNote = `{"type": "object", "properties": {"name": {}, "text": {}}}
`
	plainFile, executable, symlink, submodule = "100644", "100755", "120000", "160000"
)

// worldDirs are the folders in which worlds have their records.
var worldDirs = []string{"records/things", "records/notes"}

// runGit runs git in dir, away from any configuration of the machine, and returns what
// it printed.
func runGit(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	c := gitCommand(dir, args...)
	c.Stdin = strings.NewReader(stdin)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("git %s (these tests need the git program): %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

func gitCommand(dir string, args ...string) *exec.Cmd {
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = append(c.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")
	return c
}

// worldFile is an entry of a tree. The text of a submodule is its commit.
type worldFile struct {
	mode, text string
	style      style
}

// worldCommit is a commit of a world: written when it has a hash.
type worldCommit struct {
	parents    []*worldCommit
	files      map[string]worldFile
	author     string
	committer  string
	message    string
	generation int
	mark       int
	hash       string
}

// world is a repository (bare) with a history, and what is known of how it was made.
type world struct {
	t   testing.TB
	dir string
	*rand.Rand
	branches map[string]*worldCommit
	unborn   []*worldCommit // in the order in which they were made
	all      []*worldCommit
	// pulls has the number of the pull request that the message of a commit names.
	pulls   map[*worldCommit]int
	clock   int64
	counter int
}

// newWorld makes a repository whose branch main, HEAD, has about so many commits behind
// it (those that were never merged not counted).
func newWorld(t testing.TB, seed uint64, steps int) *world {
	t.Helper()
	w := emptyWorld(t)
	w.Rand = rand.New(rand.NewPCG(seed, 0x6b6f6f6e7469))
	w.firstCommit()
	w.grow(steps)
	return w
}

// emptyWorld is a repository without commits.
func emptyWorld(t testing.TB) *world {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: filepath.Join(dir, "world.git"), branches: map[string]*worldCommit{}, pulls: map[*worldCommit]int{}, clock: 1_500_000_000}
	runGit(t, dir, "", "init", "-q", "--bare", "-b", "main", w.dir)
	return w
}

// head returns the commit that main is at.
func (w *world) head() string { return w.branches["main"].hash }

// pullOf returns the number of the pull request that a commit's message names; 0 where
// it names none, or where the commit is not of this world.
func (w *world) pullOf(hash string) int {
	for c, number := range w.pulls {
		if c.hash == hash {
			return number
		}
	}
	return 0
}

// schemaFiles are the model and the schemas of a world.
func schemaFiles() map[string]worldFile {
	return map[string]worldFile{
		"schema/model.json": {mode: plainFile, text: worldModel},
		"schema/thing.json": {mode: plainFile, text: worldThing},
		"schema/note.json":  {mode: plainFile, text: worldNote},
	}
}

func (w *world) firstCommit() {
	files := schemaFiles()
	files["README.md"] = worldFile{mode: plainFile, text: "a world\n"}
	for range 4 {
		files[w.name()] = w.newRecord()
	}
	w.branches["main"] = w.commit(files)
}

// grow adds about so many commits to the branches, main merging most of them, and
// writes them to the repository.
func (w *world) grow(steps int) {
	w.t.Helper()
	for end := len(w.all) + steps; len(w.all) < end; {
		w.step()
	}
	if main := w.branches["main"]; main.files["schema/model.json"].text != worldModel { // another root won
		files := maps.Clone(main.files)
		maps.Copy(files, schemaFiles())
		w.branches["main"] = w.commit(tidy(files), main)
	}
	w.write()
}

// forcePush moves main to commits that do not follow from the one it is at, and writes
// them. What is lost may be back at another commit (amended), or not.
func (w *world) forcePush() (from, to string) {
	w.t.Helper()
	old := w.branches["main"]
	back := old
	for range 1 + w.IntN(6) {
		if len(back.parents) > 0 {
			back = back.parents[0]
		}
	}
	if len(old.parents) > 0 && w.IntN(3) == 0 {
		back = old.parents[0]
		w.branches["main"] = w.commit(old.files, back)
	} else {
		w.branches["main"] = back
		for range 1 + w.IntN(4) {
			w.change("main")
		}
	}
	w.write()
	return old.hash, w.head()
}

// commit makes a commit; files may be kept by the caller but not written to any more.
func (w *world) commit(files map[string]worldFile, parents ...*worldCommit) *worldCommit {
	c := &worldCommit{parents: parents, files: files, author: w.person() + w.time(), committer: w.person() + w.time()}
	for _, p := range parents {
		c.generation = max(c.generation, p.generation+1)
	}
	var number int
	c.message, number = w.message(len(parents))
	if number != 0 {
		w.pulls[c] = number
	}
	w.add(c)
	return c
}

func (w *world) add(c *worldCommit) {
	w.unborn = append(w.unborn, c)
	w.all = append(w.all, c)
}

// write hands the commits that are not written yet to git fast-import, and the branches.
func (w *world) write() {
	w.t.Helper()
	if len(w.unborn) == 0 && len(w.branches) == 0 {
		return
	}
	const temporary = "refs/world/temporary"
	var b bytes.Buffer
	blobs := map[string]int{}
	mark := 0
	for _, c := range w.unborn {
		for _, path := range slices.Sorted(maps.Keys(c.files)) {
			f := c.files[path]
			if _, known := blobs[f.text]; known || f.mode == submodule {
				continue
			}
			mark++
			blobs[f.text] = mark
			fmt.Fprintf(&b, "blob\nmark :%d\ndata %d\n%s\n", mark, len(f.text), f.text)
		}
		mark++
		c.mark = mark
		if len(c.parents) == 0 {
			fmt.Fprintf(&b, "reset %s\n\n", temporary)
		}
		fmt.Fprintf(&b, "commit %s\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s\n", temporary, c.mark, c.author, c.committer, len(c.message), c.message)
		for i, p := range c.parents {
			fmt.Fprintf(&b, "%s %s\n", []string{"from", "merge"}[min(i, 1)], p.name())
		}
		b.WriteString("deleteall\n")
		for _, path := range slices.Sorted(maps.Keys(c.files)) {
			f := c.files[path]
			data := f.text
			if f.mode != submodule {
				data = fmt.Sprintf(":%d", blobs[f.text])
			}
			fmt.Fprintf(&b, "M %s %s %s\n", f.mode, data, quotePath(path))
		}
		b.WriteString("\n")
	}
	for _, name := range slices.Sorted(maps.Keys(w.branches)) {
		fmt.Fprintf(&b, "reset refs/heads/%s\nfrom %s\n\n", name, w.branches[name].name())
	}
	fmt.Fprintf(&b, "reset %s\nfrom %040d\n\ndone\n", temporary, 0)
	marks := filepath.Join(filepath.Dir(w.dir), "marks")
	runGit(w.t, w.dir, b.String(), "fast-import", "--quiet", "--force", "--done", "--export-marks="+marks)
	w.readMarks(marks)
}

// readMarks gives the commits their hashes.
func (w *world) readMarks(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	hashes := map[string]string{}
	for line := range strings.Lines(string(text)) {
		mark, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
		hashes[mark] = hash
	}
	for _, c := range w.unborn {
		c.hash = hashes[fmt.Sprintf(":%d", c.mark)]
		if c.hash == "" {
			w.t.Fatalf("git fast-import told no hash of commit :%d", c.mark)
		}
	}
	w.unborn = nil
}

// name is what fast-import knows a commit by.
func (c *worldCommit) name() string {
	return cmp.Or(c.hash, fmt.Sprintf(":%d", c.mark))
}

// quotePath quotes a path as git fast-import reads it (C style).
func quotePath(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		if c := path[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// ---- steps

// step does one random thing to the branches.
func (w *world) step() {
	side := w.side()
	main := w.branches["main"]
	switch w.weighted(14, 22, 6, 9, 4, 4, 3, 2, 3, 2, 2, 2, 1, 2, 3) {
	case 0:
		w.change("main")
	case 1:
		w.change(side)
	case 2:
		w.fork()
	case 3: // main takes a branch, field by field
		w.branches["main"] = w.merge(threeWay, main, w.branches[side])
	case 4: // a branch takes main
		w.branches[side] = w.merge(threeWay, w.branches[side], main)
	case 5: // one side wholly wins, in everything or where both changed a file
		w.branches["main"] = w.merge(resolution(w.IntN(3)+int(oursAll)), main, w.branches[side])
	case 6: // criss-cross: both take each other as they were
		w.branches["main"] = w.merge(threeWay, main, w.branches[side])
		w.branches[side] = w.merge(resolution(w.IntN(int(resolutions))), w.branches[side], main)
		w.change("main")
		w.change(side)
	case 7: // octopus
		parents := []*worldCommit{main}
		for _, name := range w.names() {
			if c := w.branches[name]; !slices.Contains(parents, c) && len(parents) < 3+w.IntN(2) {
				parents = append(parents, c)
			}
		}
		w.branches["main"] = w.merge(resolution(w.IntN(int(resolutions))), parents...)
	case 8: // the second parent is an ancestor: nothing to merge
		if old := w.ancestor(main); old != main {
			w.branches["main"] = w.merge(resolution(w.IntN(int(resolutions))), main, old)
		}
	case 9: // foxtrot: the side branch is the first parent
		w.branches["main"] = w.merge(resolution(w.IntN(int(resolutions))), w.branches[side], main)
	case 10: // fast-forward, or a merge commit where one would do
		c := w.branches[side]
		if ancestors(c)[main] && c != main {
			if w.IntN(2) == 0 {
				c = w.merge(theirsAll, main, c)
			}
			w.branches["main"] = c
		}
	case 11: // a merge that sets what no parent has
		w.branches["main"] = w.merge(evil, main, w.branches[side])
	case 12: // another root
		w.newRoot()
	case 13: // the same change on two branches
		w.cherryPick(side)
	case 14: // one side renames what the other edits
		w.renameAndEdit()
	}
}

// renameAndEdit has a record renamed on a branch of its own and edited on main, or the
// other way round, and merged.
func (w *world) renameAndEdit() {
	w.counter++
	main, name := w.branches["main"], fmt.Sprintf("side%06d", w.counter)
	path, to := w.pick(main.files, isWorldRecord), w.name()
	edited, renamed := maps.Clone(main.files), maps.Clone(main.files)
	if path == "" || !w.rename(renamed, path, to) {
		return
	}
	w.edit(edited, path)
	if w.IntN(2) == 0 {
		w.edit(renamed, to)
	}
	sides := []*worldCommit{w.commit(edited, main), w.commit(tidy(renamed), main)}
	if w.IntN(2) == 0 {
		slices.Reverse(sides)
	}
	w.branches["main"], w.branches[name] = sides[0], sides[1]
	w.change([]string{"main", name}[w.IntN(2)])
	w.branches["main"] = w.merge([]resolution{threeWay, threeWay, evil, oursAll, oursFile}[w.IntN(5)], w.branches["main"], w.branches[name])
}

// weighted returns i with a probability that grows with weights[i].
func (w *world) weighted(weights ...int) int {
	sum := 0
	for _, weight := range weights {
		sum += weight
	}
	n := w.IntN(sum)
	for i, weight := range weights {
		if n -= weight; n < 0 {
			return i
		}
	}
	panic("not reached")
}

// names are the branches that grow, but main.
func (w *world) names() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.branches)) {
		if strings.HasPrefix(name, "side") {
			names = append(names, name)
		}
	}
	return names
}

// side returns a branch beside main; there is always one.
func (w *world) side() string {
	names := w.names()
	if len(names) == 0 {
		w.fork()
		names = w.names()
	}
	return names[w.IntN(len(names))]
}

// fork begins a branch at main or somewhere before it; of more than four the oldest
// stays behind.
func (w *world) fork() {
	w.counter++
	from := w.branches["main"]
	if w.IntN(3) == 0 {
		from = w.ancestor(from)
	}
	name := fmt.Sprintf("side%06d", w.counter)
	w.branches[name] = from
	w.change(name)
	if names := w.names(); len(names) > 4 {
		w.branches["left"+strings.TrimPrefix(names[0], "side")] = w.branches[names[0]]
		delete(w.branches, names[0])
	}
}

// newRoot begins a branch that has nothing in common with the others; it may have no
// model. It is merged soon or later, as others are.
func (w *world) newRoot() {
	w.counter++
	files := map[string]worldFile{}
	if w.IntN(2) == 0 {
		files = schemaFiles()
	}
	files["docs/another.txt"] = worldFile{mode: plainFile, text: "another root\n"}
	for range 1 + w.IntN(3) {
		files[w.name()] = w.newRecord()
	}
	w.branches[fmt.Sprintf("side%06d", w.counter)] = w.commit(files)
}

// ancestor returns a commit a few steps back, by any parents.
func (w *world) ancestor(c *worldCommit) *worldCommit {
	for range w.IntN(12) {
		if len(c.parents) > 0 {
			c = c.parents[w.IntN(len(c.parents))]
		}
	}
	return c
}

func ancestors(c *worldCommit) map[*worldCommit]bool {
	seen := map[*worldCommit]bool{c: true}
	for queue := []*worldCommit{c}; len(queue) > 0; {
		c, queue = queue[len(queue)-1], queue[:len(queue)-1]
		for _, p := range c.parents {
			if !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return seen
}

// base returns a common ancestor of most ancestors, or nil.
func commonAncestor(a, b *worldCommit) *worldCommit {
	var best *worldCommit
	of := ancestors(a)
	for c := range ancestors(b) {
		if of[c] && (best == nil || c.generation > best.generation) {
			best = c
		}
	}
	return best
}

// ---- changes of files

// change adds a commit to a branch.
func (w *world) change(branch string) {
	at := w.branches[branch]
	files := maps.Clone(at.files)
	for range []int{1, 1, 1, 1, 1, 2, 3, 5}[w.IntN(8)] {
		w.changeOnce(at, files)
	}
	w.branches[branch] = w.commit(tidy(files), at)
}

// tidy drops files whose path is also that of a folder.
func tidy(files map[string]worldFile) map[string]worldFile {
	for path := range files {
		for i, c := range path {
			if _, isFile := files[path[:i]]; c == '/' && isFile {
				delete(files, path)
			}
		}
	}
	return files
}

func (w *world) changeOnce(at *worldCommit, files map[string]worldFile) {
	path := w.pick(files, isWorldRecord)
	f := files[path]
	switch w.weighted(30, 12, 9, 12, 6, 6, 5, 5, 3, 3, 3, 3, 7, 6, 3, 3, 4, 2, 1, 2, 1, 2) {
	case 0:
		w.edit(files, path)
	case 1:
		w.editParts(files, path)
	case 2: // the same values in other bytes
		if doc := parseObject(f.text); doc != nil && path != "" {
			f.style = w.style()
			files[path] = worldFile{f.mode, renderObject(doc, f.style), f.style}
		}
	case 3:
		files[w.name()] = w.newRecord()
	case 4:
		delete(files, path)
	case 5: // back under its name, as it was or as another
		was, old := w.lost(at)
		if was == "" {
			return
		}
		if w.IntN(3) == 0 {
			old = w.newRecord()
		}
		files[was] = old
	case 6:
		w.rename(files, path, w.name())
	case 7: // renamed and edited a little
		if to := w.name(); w.rename(files, path, to) {
			w.editMember(files, to)
		}
	case 8: // to the other collection
		to := strings.Replace(path, "things", "notes", 1)
		if strings.HasPrefix(path, "records/notes/") {
			to = strings.Replace(path, "notes", "things", 1)
		}
		w.rename(files, path, to)
	case 9: // nothing: an empty commit, if it is all
	case 10:
		if path != "" {
			f.mode = map[string]string{plainFile: executable, executable: plainFile}[f.mode]
			files[path] = f
		}
	case 11: // a link where a record was, or could be
		name := cmp.Or(path, w.name())
		files[name] = worldFile{mode: symlink, text: "../notes/a.json"}
	case 12:
		if path != "" {
			files[path] = worldFile{mode: f.mode, text: w.broken(f.text), style: f.style}
		}
	case 13: // what cannot be read is mended, or broken in another way
		if path := w.pick(files, func(path string, f worldFile) bool { return isWorldRecord(path, f) && parseObject(f.text) == nil }); path != "" {
			w.mend(at, files, path)
		}
	case 14: // the same bytes twice, or in a third place
		if path != "" {
			files[w.name()] = f
		}
	case 15:
		w.revert(at, files)
	case 16: // what is no record
		files[odd[w.IntN(len(odd))]] = worldFile{mode: plainFile, text: w.words(3) + "\n"}
	case 17: // two names change places
		if other := w.pick(files, isWorldRecord); path != "" {
			files[path], files[other] = files[other], files[path]
		}
	case 18: // all records of a kind are gone
		prefix := worldDirs[w.IntN(2)] + "/"
		for path := range files {
			if strings.HasPrefix(path, prefix) {
				delete(files, path)
			}
		}
	case 19: // a folder where a record was
		if path != "" {
			delete(files, path)
			files[path+"/inner.json"] = f
		}
	case 20: // a submodule where a record was
		if path != "" {
			files[path] = worldFile{mode: submodule, text: strings.Repeat("5", 40)}
		}
	case 21: // the model in other bytes
		files["schema/model.json"] = worldFile{mode: plainFile, text: worldModel + strings.Repeat("\n", w.IntN(3))}
	}
}

// odd are names that lead to no record.
var odd = []string{
	"docs/r\u00e4ksm\u00f6rg\u00e5s.txt", "docs/a \"quoted\" name.txt", "docs/tab\tand\nnewline\x01.txt", "docs/\xff\xfe.txt", " ", "docs/back\\slash",
	"records/things/README.md", "records/things/sub/one.json", "records/thing.json", "records/other/one.json", "records/things/.json", "things/one.json",
	"Records/things/one.json", "-dash", ":colon", "docs/*",
}

// ids are few, so that branches meet at the same names.
var ids = []string{"a", "b", "c", "d", "e", "f", "a b", "\u00e5\u00e4\u00f6", "it's \"q\"", "-x", "\U0001F600", "back\\slash", "A", "x.y", "%41", "*"}

// name returns a path that a record may have, or has.
func (w *world) name() string {
	return worldDirs[w.weighted(3, 2)] + "/" + ids[min(w.IntN(len(ids)), w.IntN(len(ids)))] + ".json"
}

func isWorldRecord(path string, f worldFile) bool {
	dir, name := filepath.Split(path)
	return slices.Contains(worldDirs, strings.TrimSuffix(dir, "/")) && strings.HasSuffix(name, ".json") && len(name) > len(".json") &&
		(f.mode == plainFile || f.mode == executable)
}

// pick returns the path of one of the files that match, "" if there are none.
func (w *world) pick(files map[string]worldFile, match func(string, worldFile) bool) string {
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if match(path, files[path]) {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return paths[w.IntN(len(paths))]
}

// rename moves a file to a name that nothing has.
func (w *world) rename(files map[string]worldFile, path, to string) bool {
	if _, taken := files[to]; taken || path == "" {
		return false
	}
	files[to] = files[path]
	delete(files, path)
	return true
}

// lost returns a record of an older commit whose name nothing has now.
func (w *world) lost(at *worldCommit) (string, worldFile) {
	for range 5 {
		old := w.ancestor(at)
		path := w.pick(old.files, func(path string, f worldFile) bool {
			_, there := at.files[path]
			return !there && isWorldRecord(path, f)
		})
		if path != "" {
			return path, old.files[path]
		}
	}
	return "", worldFile{}
}

// revert undoes what an older commit did, whatever came after it.
func (w *world) revert(at *worldCommit, files map[string]worldFile) {
	old := w.ancestor(at)
	if len(old.parents) == 0 {
		return
	}
	before := old.parents[0].files
	for path, f := range old.files {
		if before[path] != f {
			delete(files, path)
		}
	}
	for path, f := range before {
		if old.files[path] != f {
			files[path] = f
		}
	}
}

// cherryPick makes the last change of a branch on main as well.
func (w *world) cherryPick(branch string) {
	picked := w.branches[branch]
	if len(picked.parents) == 0 {
		return
	}
	files := maps.Clone(w.branches["main"].files)
	for path, f := range picked.files {
		if picked.parents[0].files[path] != f {
			files[path] = f
		}
	}
	w.branches["main"] = w.commit(tidy(files), w.branches["main"])
}

// mend makes a file readable again: as it was when it could be read, edited, or anew.
func (w *world) mend(at *worldCommit, files map[string]worldFile, path string) {
	f := files[path]
	for c := at; len(c.parents) > 0; c = c.parents[0] {
		if old, there := c.files[path]; there && parseObject(old.text) != nil && isWorldRecord(path, old) {
			files[path] = old
			if w.IntN(2) == 0 {
				w.edit(files, path)
			}
			return
		}
	}
	files[path] = worldFile{f.mode, w.newRecord().text, f.style}
}

// broken returns bytes that are no strict JSON.
func (w *world) broken(text string) string {
	switch w.IntN(6) {
	case 0:
		return text[:len(text)/2] + fmt.Sprint(w.IntN(100))
	case 1:
		return "<<<<<<< HEAD\n" + text + "=======\n" + w.words(2) + "\n>>>>>>> side\n"
	case 2:
		return ""
	case 3:
		return fmt.Sprintf(`{"name": "twice", "name": %d}`, w.IntN(100))
	case 4:
		return fmt.Sprintf(`{"name": %d,}`, w.IntN(100))
	}
	return fmt.Sprintf(`{"name": %d} {}`, w.IntN(100))
}

// ---- merges

// resolution says what a merge does where both sides changed something.
type resolution int

const (
	// threeWay takes what one side changed, member by member; where both did, the file or
	// the member of either side, or a third value.
	threeWay resolution = iota
	// evil is threeWay, and changes more.
	evil
	// oursAll is git merge -s ours, theirsAll its contrary.
	oursAll
	theirsAll
	// oursFile takes the first side's file wherever both sides changed it.
	oursFile
	resolutions
)

func (w *world) merge(how resolution, parents ...*worldCommit) *worldCommit {
	parents = distinct(parents)
	files := maps.Clone(parents[0].files)
	for _, p := range parents[1:] {
		switch how {
		case oursAll:
		case theirsAll:
			files = maps.Clone(p.files)
		default:
			var from map[string]worldFile
			if b := commonAncestor(parents[0], p); b != nil {
				from = b.files
			}
			files = w.mergeFiles(how, from, files, p.files)
		}
	}
	if how == evil {
		w.changeOnce(parents[0], files)
	}
	return w.commit(tidy(files), parents...)
}

func distinct(parents []*worldCommit) []*worldCommit {
	var out []*worldCommit
	for _, p := range parents {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) mergeFiles(how resolution, base, ours, theirs map[string]worldFile) map[string]worldFile {
	if w.IntN(4) > 0 { // as git merge does
		base, theirs = maps.Clone(base), maps.Clone(theirs)
		w.followRenames(base, theirs, ours)
		ours = maps.Clone(ours)
		w.followRenames(base, ours, theirs)
	}
	files := maps.Clone(ours)
	paths := maps.Clone(ours)
	maps.Copy(paths, theirs)
	maps.Copy(paths, base)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		b, o, t := base[path], ours[path], theirs[path]
		merged := o
		switch {
		case o == t || t == b || o != b && how == oursFile:
		case o == b:
			merged = t
		default:
			merged = w.mergeFile(b, o, t)
		}
		files[path] = merged
		if merged == (worldFile{}) {
			delete(files, path)
		}
	}
	return files
}

// followRenames gives what one side and the base have the names that the other side gave
// them: of what is gone there, and came with the same bytes or with the same name and number.
func (w *world) followRenames(base, side, renamed map[string]worldFile) {
	for _, path := range slices.Sorted(maps.Keys(base)) {
		if _, there := renamed[path]; there || side[path] == (worldFile{}) || !isWorldRecord(path, base[path]) {
			continue
		}
		for _, to := range slices.Sorted(maps.Keys(renamed)) {
			_, old := base[to]
			_, taken := side[to]
			if old || taken || !isWorldRecord(to, renamed[to]) || !w.alike(base[path], renamed[to]) {
				continue
			}
			base[to], side[to] = base[path], side[path]
			delete(base, path)
			delete(side, path)
			break
		}
	}
}

func (w *world) alike(a, b worldFile) bool {
	x, y := parseObject(a.text), parseObject(b.text)
	return a.text == b.text || x != nil && y != nil && sameJSON(x["name"], y["name"]) && sameJSON(x["number"], y["number"])
}

// mergeFile merges a file that both sides changed.
func (w *world) mergeFile(base, ours, theirs worldFile) worldFile {
	o, t, b := parseObject(ours.text), parseObject(theirs.text), parseObject(base.text)
	if o == nil || t == nil || w.IntN(3) == 0 {
		return []worldFile{ours, theirs}[w.IntN(2)]
	}
	merged := map[string]any{}
	for _, name := range keysOf(o, t) {
		values := []any{o[name], t[name], w.words(2)}
		_, inOurs := o[name]
		_, inTheirs := t[name]
		choice := w.IntN(3)
		switch {
		case sameJSON(o[name], t[name]) && inOurs && inTheirs:
			choice = 0
		case sameJSON(o[name], b[name]) && inOurs == hasMember(b, name):
			choice = 1
		case sameJSON(t[name], b[name]) && inTheirs == hasMember(b, name):
			choice = 0
		}
		if (choice != 0 || inOurs) && (choice != 1 || inTheirs) {
			merged[name] = values[choice]
		}
	}
	return worldFile{ours.mode, renderObject(merged, ours.style), ours.style}
}

func hasMember(doc map[string]any, name string) bool {
	_, ok := doc[name]
	return ok
}

func keysOf(docs ...map[string]any) []string {
	all := map[string]any{}
	for _, doc := range docs {
		maps.Copy(all, doc)
	}
	return slices.Sorted(maps.Keys(all))
}

func sameJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// ---- records

// newRecord returns a record with members in random number and form.
func (w *world) newRecord() worldFile {
	doc := map[string]any{"name": w.words(2)}
	for range 2 + w.IntN(5) {
		name := memberNames[w.IntN(len(memberNames))]
		doc[name] = w.value(name)
	}
	s := w.style()
	return worldFile{plainFile, renderObject(doc, s), s}
}

var memberNames = []string{"name", "number", "text", "tags", "parts", "parts", "summary", "open", "none", "a/b", "~", "", "\u00e4"}

func (w *world) value(name string) any {
	switch name {
	case "number":
		return w.IntN(1000)
	case "text":
		return w.words(12)
	case "tags":
		var tags []any
		for range w.IntN(5) {
			tags = append(tags, w.words(1))
		}
		return tags
	case "parts":
		parts := []any{}
		for i := range w.IntN(5) {
			parts = append(parts, w.part(fmt.Sprintf("p%d", i)))
		}
		return parts
	case "summary":
		return map[string]any{"fi": w.words(4), "sv": w.words(4)}
	case "open":
		return w.IntN(2) == 0
	case "none":
		return nil
	}
	return w.words(2)
}

func (w *world) part(id string) map[string]any {
	return map[string]any{"id": id, "text": w.words(3), "size": w.IntN(10)}
}

var vocabulary = strings.Fields("kunta digi hanke koonti opit tieto palvelu malli data ohje verkko tuki p\u00e4\u00e4t\u00f6s kokeilu raportti tulos line \"quoted\" back\\slash <b> \U0001F600")

func (w *world) words(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = vocabulary[w.IntN(len(vocabulary))]
	}
	return strings.Join(words, " ")
}

// edit changes a member of a record: sets, adds or removes it, or something within it.
func (w *world) edit(files map[string]worldFile, path string) {
	for range 1 + w.IntN(4)/3 {
		w.editMember(files, path)
	}
}

func (w *world) editMember(files map[string]worldFile, path string) {
	f := files[path]
	doc := parseObject(f.text)
	if doc == nil || path == "" {
		return
	}
	names := keysOf(doc)
	if len(names) == 0 || w.IntN(6) == 0 {
		name := memberNames[w.IntN(len(memberNames))]
		doc[name] = w.value(name)
	} else if name := names[w.IntN(len(names))]; w.IntN(8) == 0 {
		delete(doc, name)
	} else if inner, ok := doc[name].(map[string]any); ok && len(inner) > 0 {
		inner[keysOf(inner)[w.IntN(len(inner))]] = w.words(4)
	} else {
		doc[name] = w.value(name)
	}
	files[path] = worldFile{f.mode, renderObject(doc, f.style), f.style}
}

// editParts changes items of the list that has keys: one's values, their order, their
// number; rarely their keys.
func (w *world) editParts(files map[string]worldFile, path string) {
	f := files[path]
	doc := parseObject(f.text)
	if doc == nil || path == "" {
		return
	}
	parts, _ := doc["parts"].([]any)
	switch at := w.IntN(len(parts) + 1); w.IntN(7) {
	case 0, 1, 2:
		if at < len(parts) {
			if part, ok := parts[at].(map[string]any); ok {
				part[[]string{"text", "size"}[w.IntN(2)]] = w.IntN(100)
			}
		}
	case 3:
		parts = slices.Insert(parts, at, any(w.part(fmt.Sprintf("p%d", 5+w.IntN(20)))))
	case 4:
		parts = slices.Delete(parts, min(at, len(parts)), min(at+1, len(parts)))
	case 5:
		w.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	case 6: // a key that another has, or none
		if at < len(parts) {
			parts[at] = []any{w.part("p0"), map[string]any{"text": w.words(2)}, w.words(1)}[w.IntN(3)]
		}
	}
	doc["parts"] = append([]any{}, parts...)
	files[path] = worldFile{f.mode, renderObject(doc, f.style), f.style}
}

// style is how a record is written: what a program that rewrites it may change.
type style struct {
	indent  string
	order   uint64 // seed of the order of keys
	newline bool
	ascii   bool
}

func (w *world) style() style {
	return style{[]string{"", "  ", "    ", "\t"}[w.IntN(4)], w.Uint64N(5), w.IntN(2) == 0, w.IntN(3) == 0}
}

func renderObject(doc map[string]any, s style) string {
	var b strings.Builder
	s.write(&b, doc, "\n")
	if s.newline {
		b.WriteString("\n")
	}
	return b.String()
}

func (s style) write(b *strings.Builder, value any, newline string) {
	if s.indent == "" {
		newline = ""
	}
	deeper := newline
	if newline != "" {
		deeper += s.indent
	}
	separator := ""
	switch v := value.(type) {
	case map[string]any:
		b.WriteString("{")
		for _, name := range s.sorted(v) {
			b.WriteString(separator + deeper)
			s.write(b, name, "")
			b.WriteString(":")
			if s.indent != "" {
				b.WriteString(" ")
			}
			s.write(b, v[name], deeper)
			separator = ","
		}
		b.WriteString(newline + "}")
	case []any:
		b.WriteString("[")
		for _, item := range v {
			b.WriteString(separator + deeper)
			s.write(b, item, deeper)
			separator = ","
		}
		b.WriteString(newline + "]")
	default:
		s.writeScalar(b, v)
	}
}

// sorted returns the keys in the order that the style gives them.
func (s style) sorted(object map[string]any) []string {
	rank := func(name string) uint64 {
		h := fnv.New64a()
		h.Write(binary.BigEndian.AppendUint64([]byte(name), s.order))
		return h.Sum64()
	}
	return slices.SortedFunc(maps.Keys(object), func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
}

func (s style) writeScalar(b *strings.Builder, v any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(s.ascii)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	for _, r := range strings.TrimSuffix(text.String(), "\n") {
		if s.ascii && r > 0x7f && r < 0x10000 {
			fmt.Fprintf(b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
}

// parse reads an object; nil where the text is none, or no strict JSON.
func parseObject(text string) map[string]any {
	doc, _ := readStrict([]byte(text))
	object, _ := doc.(map[string]any)
	return object
}

// ---- people and messages

var people = []string{
	"Aino Virtanen <aino@example.org>", "Aino <aino@example.org>", "Eero <eero@example.org>", "\u00c5sa \u00d6berg <asa@example.org>", "O'Neil \"Q\" <q@example.org>",
	"bot[bot] <1+bot@users.noreply.example.org>", "Nobody <>", "\u674e <li@example.org>",
}

func (w *world) person() string { return people[w.IntN(len(people))] }

// time is mostly later than the one before it.
func (w *world) time() string {
	w.clock += int64(w.IntN(7200))
	at := w.clock
	switch w.IntN(10) {
	case 0:
		at -= int64(w.IntN(60 * 24 * 3600))
	case 1:
		at += int64(w.IntN(24 * 3600))
	}
	return fmt.Sprintf(" %d %s", at, []string{"+0000", "+0200", "-0330", "+1345"}[w.IntN(4)])
}

// message returns a commit message, and the number of the pull request that it names.
func (w *world) message(parents int) (string, int) {
	n := 1 + w.IntN(999)
	title := w.words(3)
	trailers := ""
	for range w.IntN(4) {
		trailers += []string{"Reviewed-by", "Co-authored-by", "Approved-by", "Signed-off-by"}[w.IntN(4)] + ": " + w.person() + "\n"
	}
	if trailers != "" {
		trailers = "\n" + trailers
	}
	if parents > 1 {
		switch w.IntN(6) {
		case 0:
			return fmt.Sprintf("Merge pull request #%d from org/x\n\n%s\n%s", n, title, trailers), n
		case 1:
			return fmt.Sprintf("Merge branch 'x' into 'main'\n\n%s\n\nSee merge request org/world!%d\n%s", title, n, trailers), n
		case 2:
			return fmt.Sprintf("Merge pull request '%s' (#%d) from x into main\n\nReviewed-on: https://git.example.org/org/world/pulls/%d\n", title, n, n), n
		}
		return "Merge branch 'main' into x\n" + trailers, 0
	}
	switch w.IntN(8) {
	case 0:
		return fmt.Sprintf("%s (#%d)\n\n* one\n* two\n%s", title, n, trailers), n
	case 1:
		return fmt.Sprintf("%s\n\nPull-request: %d\n", title, n), n
	case 2:
		return fmt.Sprintf("Revert \"%s (#%d)\"\n\nThis reverts commit 0123456.\n%s", title, n, trailers), 0
	case 3:
		return "", 0
	}
	return title + "\n" + trailers, 0
}
