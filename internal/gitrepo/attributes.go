package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// Attributes says how Git would convert the line endings of files when they
// are added. It is a snapshot: the configuration is read when it is made, a
// folder's .gitattributes when a file in it is first asked for. Take another
// when a .gitattributes, the configuration or HEAD changes. Any goroutine may
// use it.
//
// Filters are not run, LFS among them, and neither ident nor
// working-tree-encoding is honoured: none of them turns CRLF into LF.
type Attributes struct {
	repo  *Repo
	auto  bool // core.autocrlf: a file of which nothing is said is judged by its bytes
	fold  bool // core.ignorecase
	head  Hash // tree of HEAD, "" before the first commit
	from  Hash // tree whose attribute files count before those on disk, "" for none
	conf  settings
	info  []rule // stronger than all files
	outer []rule // weaker than all files

	mu      sync.Mutex // guards the rest
	folders map[string][]rule
	stored  map[string]map[string]Hash // files of HEAD, by folder and name
}

// The bounds that Git sets to attribute files.
const (
	maxAttributeFile = 100 << 20
	maxAttributeLine = 2048
)

// rule is one line of an attributes file. A macro has no pattern.
type rule struct {
	macro   string
	byName  bool   // the pattern has no slash: it is matched with the last part
	literal string // how the pattern begins
	pattern string // the rest of it, from the first special character on
	states  []attrState
}

// attrState sets an attribute: yes, no, unsaid, or to a value.
type attrState struct{ name, value string }

// States that are no value; a value cannot begin with a space.
const (
	attrYes    = " set"
	attrNo     = " unset"
	attrUnsaid = " unspecified"
)

// Attributes takes a snapshot. ErrUnsupported in a bare repository.
func (r *Repo) Attributes(ctx context.Context) (*Attributes, error) {
	if r.workTree == "" {
		return nil, fmt.Errorf("read attributes: %w: a bare repository has no work tree", ErrUnsupported)
	}
	conf, err := r.layout().effective()
	if err != nil {
		return nil, fmt.Errorf("read attributes: %w", err)
	}
	a := &Attributes{
		repo:    r,
		conf:    conf,
		auto:    conf.boolean("core.autocrlf", false) || strings.EqualFold(conf.last("core.autocrlf"), "input"),
		fold:    conf.boolean("core.ignorecase", false),
		outer:   outerAttributes(conf),
		info:    readRules(filepath.Join(r.commonDir, "info", "attributes"), true, os.Stat),
		folders: map[string][]rule{},
		stored:  map[string]map[string]Hash{},
	}
	a.head, err = r.headTree(ctx)
	if err != nil {
		return nil, fmt.Errorf("read attributes: %w", err)
	}
	return a, nil
}

// headTree is the tree of what is checked out, "" before the first commit.
func (r *Repo) headTree(ctx context.Context) (Hash, error) {
	_, h, err := r.Head(ctx)
	if err != nil || h == "" {
		return "", err
	}
	c, err := r.Commit(ctx, h)
	return c.Tree, err
}

// outerAttributes are those of the system and of the user.
func outerAttributes(conf settings) []rule {
	var rules []rule
	if !isTrue(os.Getenv("GIT_ATTR_NOSYSTEM")) {
		rules = readRules("/etc/gitattributes", true, os.Stat)
	}
	name := expandHome(conf.last("core.attributesfile"))
	if name == "" && xdgConfig() != "" {
		name = filepath.Join(xdgConfig(), "git", "attributes")
	}
	return append(rules, readRules(name, true, os.Stat)...)
}

// Clean returns what Git would store for a file of the work tree: data itself,
// or a copy with CRLF made LF. path is from the root, with slashes.
//
// Where Git judges by the bytes (text=auto, core.autocrlf) it leaves a file
// alone whose stored version has CRLF. The index says so to Git, HEAD here: they
// differ for a file that is staged with CRLF and not yet committed.
func (a *Attributes) Clean(path string, data []byte) []byte {
	if !bytes.Contains(data, []byte("\r\n")) {
		return data
	}
	switch a.eol(path) {
	case eolText:
		return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	case eolAuto:
		if looksBinary(data) || a.storedCRLF(path) {
			return data
		}
		return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	return data
}

// eolAction is what becomes of CRLF.
type eolAction uint8

const (
	eolKeep eolAction = iota
	eolText           // made LF
	eolAuto           // made LF if it looks like text
)

// eol decides as convert_attrs in Git's convert.c: text, else the older crlf;
// eol=... makes a file text of which nothing else is said.
func (a *Attributes) eol(path string) eolAction {
	said := a.states(path)
	for _, name := range []string{"text", "crlf"} {
		switch said[name] {
		case attrYes, "input":
			return eolText
		case attrNo:
			return eolKeep
		case "auto":
			return eolAuto
		}
	}
	if said["eol"] == "lf" || said["eol"] == "crlf" {
		return eolText
	}
	if a.auto {
		return eolAuto
	}
	return eolKeep
}

// states collects what is said of a path; the strongest rule that speaks of an
// attribute decides.
func (a *Attributes) states(name string) map[string]string {
	said := map[string]string{}
	a.collect(said, a.info, name, name)
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		rest := name
		if dir != "." {
			rest = name[len(dir)+1:]
		}
		a.collect(said, a.folder(dir), name, rest)
		if dir == "." || dir == "/" {
			break
		}
	}
	a.collect(said, a.outer, name, name)
	a.collect(said, []rule{builtin}, name, name)
	return said
}

// builtin is the macro that Git itself defines.
var builtin = rule{macro: "binary", states: []attrState{{"diff", attrNo}, {"merge", attrNo}, {"text", attrNo}}}

// collect adds the rules of one file, the last first. rest is the path from the
// folder that the file is in.
func (a *Attributes) collect(said map[string]string, rules []rule, name, rest string) {
	for i := len(rules) - 1; i >= 0; i-- {
		if rules[i].macro == "" && a.matches(rules[i], name, rest) {
			a.say(said, rules[i].states)
		}
	}
}

func (a *Attributes) say(said map[string]string, states []attrState) {
	for i := len(states) - 1; i >= 0; i-- {
		s := states[i]
		if _, ok := said[s.name]; ok {
			continue
		}
		said[s.name] = s.value
		if s.value == attrYes {
			a.say(said, a.macro(s.name))
		}
	}
}

// macro is what a name stands for; the strongest definition counts. In the
// work tree only the root may define one.
func (a *Attributes) macro(name string) []attrState {
	for _, rules := range [][]rule{a.info, a.folder("."), a.outer, {builtin}} {
		for i := len(rules) - 1; i >= 0; i-- {
			if rules[i].macro == name {
				return rules[i].states
			}
		}
	}
	return nil
}

func (a *Attributes) matches(r rule, name, rest string) bool {
	var flags wildFlag
	if a.fold {
		flags = wildFold
	}
	if r.byName {
		rest = path.Base(name)
	}
	if len(rest) < len(r.literal) {
		return false
	}
	begin := rest[:len(r.literal)]
	if begin != r.literal && (!a.fold || lower(begin) != lower(r.literal)) {
		return false
	}
	return wildmatch(r.pattern, rest[len(r.literal):], flags)
}

// folder reads the file of one folder of the work tree, once.
func (a *Attributes) folder(dir string) []rule {
	a.mu.Lock()
	defer a.mu.Unlock()
	rules, ok := a.folders[dir]
	if !ok {
		if rules, ok = a.storedRules(dir); !ok {
			name := filepath.Join(a.repo.workTree, filepath.FromSlash(dir), ".gitattributes")
			rules = readRules(name, dir == ".", os.Lstat) // as in Git, no link is followed in the work tree
		}
		a.folders[dir] = rules
	}
	return rules
}

// storedRules reads the file of one folder of the tree that is checked out.
func (a *Attributes) storedRules(dir string) ([]rule, bool) {
	if a.from == "" {
		return nil, false
	}
	ctx := context.Background() // a few objects of this disk
	e, err := a.repo.Lookup(ctx, a.from, path.Join(dir, ".gitattributes"))
	if err != nil {
		return nil, false
	}
	if e.Mode != File && e.Mode != Executable {
		return nil, true
	}
	data, err := a.repo.Blob(ctx, e.Hash)
	return parseRules(data, dir == "."), err == nil
}

// storedCRLF tells whether the version in HEAD is text with CRLF.
func (a *Attributes) storedCRLF(name string) bool {
	dir, base := path.Split(name)
	hash := a.storedIn(strings.TrimSuffix(dir, "/"))[base]
	if hash == "" {
		return false
	}
	data, err := a.repo.Blob(context.Background(), hash) // of this disk
	return err == nil && bytes.Contains(data, []byte("\r\n")) && !looksBinary(data)
}

// storedIn lists the files that HEAD has in a folder, once.
func (a *Attributes) storedIn(dir string) map[string]Hash {
	a.mu.Lock()
	defer a.mu.Unlock()
	files, ok := a.stored[dir]
	if ok || a.head == "" {
		return files
	}
	files = map[string]Hash{}
	a.stored[dir] = files
	ctx := context.Background() // a few objects of this disk
	folder, err := a.repo.Lookup(ctx, a.head, dir)
	if err != nil || folder.Mode != Folder {
		return files
	}
	entries, err := a.repo.Tree(ctx, folder.Hash)
	if err != nil {
		return files
	}
	for _, e := range entries {
		if e.Mode == File || e.Mode == Executable {
			files[e.Name] = e.Hash
		}
	}
	return files
}

// looksBinary judges as convert_is_binary in Git's convert.c: a zero byte, a CR
// alone, or more than one odd character in 128 make a file binary.
func looksBinary(data []byte) bool {
	printable, odd := 0, 0
	for i, c := range data {
		switch {
		case c == 0, c == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return true
		case c == '\r', c == '\n':
		case c == '\b', c == '\t', c == 0x1b, c == '\f':
			printable++
		case c < 0x20, c == 0x7f:
			odd++
		default:
			printable++
		}
	}
	if len(data) > 0 && data[len(data)-1] == 0x1a { // the end of a file of DOS
		odd--
	}
	return printable>>7 < odd
}

// readRules reads an attributes file; one that is absent, not a file, or over
// Git's bound says nothing.
func readRules(name string, macros bool, stat func(string) (fs.FileInfo, error)) []rule {
	if name == "" {
		return nil
	}
	info, err := stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxAttributeFile {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return parseRules(data, macros)
}

func parseRules(data []byte, macros bool) []rule {
	var rules []rule
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		if r, ok := parseRule(strings.TrimSuffix(line, "\n"), macros); ok {
			rules = append(rules, r)
		}
	}
	return rules
}

const blanks = " \t\r\n"

// parseRule reads a line: a pattern, or [attr] and a name, then attributes. As
// in Git a line with a wrong name, or with a pattern that cannot match a file,
// says nothing.
func parseRule(line string, macros bool) (rule, bool) {
	line = strings.TrimLeft(line, blanks)
	if line == "" || line[0] == '#' || len(line) >= maxAttributeLine {
		return rule{}, false
	}
	name, rest, ok := unquote(line)
	if !ok {
		name, rest = cutBlank(line)
	}
	if macro, is := strings.CutPrefix(name, "[attr]"); is && macro != "" {
		states, ok := parseStates(rest)
		return rule{macro: macro, states: states}, ok && macros && attributeName(macro)
	}
	states, ok := parseStates(rest)
	if !ok || strings.HasPrefix(name, "!") || strings.HasSuffix(name, "/") {
		return rule{}, false
	}
	r := rule{byName: !strings.Contains(name, "/"), states: states, pattern: strings.TrimPrefix(name, "/")}
	// Git cuts off the part without special characters before it matches, and so
	// takes a ** that follows it for one that begins the pattern.
	if !r.byName {
		special := strings.IndexAny(r.pattern+"*", `*?[\`)
		r.literal, r.pattern = r.pattern[:special], r.pattern[special:]
	}
	return r, name != "/" && name != ""
}

func cutBlank(s string) (word, rest string) {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func parseStates(text string) ([]attrState, bool) {
	var states []attrState
	for {
		text = strings.TrimLeft(text, blanks)
		if text == "" {
			return states, true
		}
		var word string
		word, text = cutBlank(text)
		s := attrState{word, attrYes}
		if name, value, ok := strings.Cut(word, "="); ok {
			s = attrState{name, value}
		} else if word[0] == '-' {
			s = attrState{word[1:], attrNo}
		} else if word[0] == '!' {
			s = attrState{word[1:], attrUnsaid}
		}
		if !attributeName(s.name) {
			return nil, false
		}
		states = append(states, s)
	}
}

func attributeName(s string) bool {
	if s == "" || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}
