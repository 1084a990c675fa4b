package check

import (
	"cmp"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// Limits on a schema and all that it refers to, so that no schema, however
// hostile, makes compiling or checking slow.
const (
	maxSchemaFiles = 100
	maxSchemaBytes = 4 << 20
	maxSchemaNodes = 10_000 // schemas and subschemas
	maxInPlace     = 64     // schemas that judge one value, one behind another
)

// scheme of the addresses that files of the repository get as schemas.
const scheme = "koonti"

// schemaFile is one JSON document of a closure.
type schemaFile struct {
	subject
	root  *content.Value
	draft *draft
	url   string
	base  *url.URL // url, or that of the root's $id
}

// node is a schema or subschema of a file.
type node struct {
	file *schemaFile
	v    *content.Value
	at   content.Pointer
	// base is what references are relative to; resource is the node that set it.
	base     *url.URL
	resource *node
	// aside: no keyword leads here, only a reference.
	aside bool
	// ref and dynamicRef are what the references resolved to, as the compiler is
	// to read them.
	ref, dynamicRef string
	// inPlace are the schemas that judge the same value.
	inPlace []*node
}

// reference is a "$ref", "$dynamicRef" or "$recursiveRef" that is to be resolved.
type reference struct {
	from    *node
	keyword string
	v       *content.Value
}

// closure is a schema file, the files that it refers to, and all their schemas.
type closure struct {
	read   Read
	drafts []*draft
	files  map[string]*schemaFile // nil: missing or unusable
	broken map[string]bool        // unusable, and a problem says why
	order  []*schemaFile
	bytes  int

	nodes     []*node
	asides    []*node // those of nodes that no keyword leads to
	byValue   map[*content.Value]*node
	resources map[string]*node // by canonical URL
	anchors   map[string]*node // by URL#name
	pending   []reference

	problems []content.Problem // the schema cannot be used
	lint     []content.Problem
	full     bool // a limit was reached: no more is read
}

// gather reads the schema at path and everything it refers to.
func gather(path string, read Read) *closure {
	c := &closure{
		read: read, drafts: drafts(), files: map[string]*schemaFile{}, broken: map[string]bool{}, byValue: map[*content.Value]*node{},
		resources: map[string]*node{}, anchors: map[string]*node{},
	}
	c.load(path, nil)
	for len(c.pending) > 0 && !c.full {
		c.resolvePending()
	}
	return c
}

// resolvePending resolves the references met so far. One that finds nothing is
// tried again after the others, which may bring in the file that it means.
func (c *closure) resolvePending() {
	var failed []reference
	for len(c.pending) > 0 && !c.full {
		batch := c.pending
		c.pending = nil
		for _, r := range batch {
			if !c.resolve(r, false) {
				failed = append(failed, r)
			}
		}
	}
	for _, r := range failed {
		c.resolve(r, true)
	}
}

// load reads the file at path; from is the reference that asks for it, nil for the
// first. It is nil where there is none or it cannot be used.
func (c *closure) load(path string, from *reference) *schemaFile {
	if f, tried := c.files[path]; tried {
		return f
	}
	c.files[path] = nil
	source, err := c.read(path)
	if err != nil {
		if from == nil || !errors.Is(err, content.ErrNotFound) {
			c.broken[path] = true
			c.unreadable(path, from, err)
		}
		return nil
	}
	c.broken[path] = true
	f := &schemaFile{subject: subject{path: path, source: source}, url: fileURL(path)}
	if c.bytes += len(source); len(c.order) >= maxSchemaFiles || c.bytes > maxSchemaBytes {
		c.tooComplex(f, spot{})
		return nil
	}
	var syntax []content.Problem
	if f.root, syntax = f.parse(); f.root == nil {
		c.problems = append(c.problems, syntax...)
		return nil
	}
	if f.draft = draftOf(c.drafts, f.root); f.draft == nil {
		c.unknownDraft(f)
		return nil
	}
	if f.base, err = url.Parse(f.url); err != nil {
		c.unreadable(path, from, err)
		return nil
	}
	c.files[path], c.broken[path] = f, false
	c.order = append(c.order, f)
	root := &node{file: f, v: f.root, base: f.base}
	root.resource = root
	c.resources[f.url] = root
	c.visit(root)
	f.base = root.base
	return f
}

func fileURL(path string) string { return (&url.URL{Scheme: scheme, Path: "/" + path}).String() }

// visit takes in n and all schemas below it.
func (c *closure) visit(n *node) {
	if c.byValue[n.v] != nil || c.full {
		return
	}
	if len(c.nodes) >= maxSchemaNodes {
		c.tooComplex(n.file, valueSpot(n.at, n.v))
		c.full = true
		return
	}
	c.nodes = append(c.nodes, n)
	c.byValue[n.v] = n
	if n.v.Kind != content.Object {
		return
	}
	c.identify(n)
	for i := range n.v.Kids {
		kid := &n.v.Kids[i]
		switch kid.Name {
		case "$ref", "$dynamicRef", "$recursiveRef":
			if kid.Kind == content.String && n.file.draft.knows(kid.Name) {
				c.pending = append(c.pending, reference{n, kid.Name, kid})
			}
		default:
			c.visitBelow(n, kid, n.file.draft.keywords[kid.Name])
		}
	}
}

// visitBelow visits the schemas in the value of one keyword.
func (c *closure) visitBelow(n *node, v *content.Value, p position) {
	at := n.at.Child(v.Name)
	below := func(at content.Pointer, v *content.Value) {
		if !isSchema(n.file.draft, v) {
			return
		}
		kid := &node{file: n.file, v: v, at: at, base: n.base, resource: n.resource}
		c.visit(kid)
		if p&inPlace != 0 && !n.refAlone() {
			n.inPlace = append(n.inPlace, kid)
		}
	}
	switch {
	case p&listed != 0 && v.Kind == content.List:
		for i := range v.Kids {
			below(at.Item(i), &v.Kids[i])
		}
	case p&named != 0 && v.Kind == content.Object:
		for i := range v.Kids {
			below(at.Child(v.Kids[i].Name), &v.Kids[i])
		}
	case p&oneSchema != 0:
		below(at, v)
	}
}

// refAlone: n has a "$ref" beside which nothing counts.
func (n *node) refAlone() bool { return n.file.draft.refAlone() && n.v.Member("$ref") != nil }

func isSchema(d *draft, v *content.Value) bool {
	return v.Kind == content.Object || v.Kind == content.Bool && d.version >= 6
}

// identify takes note of the names by which n can be referred to.
func (c *closure) identify(n *node) {
	d := n.file.draft
	id := n.v.Member(d.id).Str()
	if n.refAlone() {
		id = ""
	}
	address, fragment, _ := strings.Cut(id, "#")
	if address != "" {
		if base, err := n.base.Parse(address); err == nil {
			n.base, n.resource = base, n
			if _, taken := c.resources[base.String()]; !taken {
				c.resources[base.String()] = n
			}
		}
	}
	names := []string{}
	if fragment != "" && d.version < 2019 {
		names = append(names, fragment)
	}
	if d.knows("$anchor") {
		names = append(names, n.v.Member("$anchor").Str())
	}
	if d.knows("$dynamicAnchor") {
		names = append(names, n.v.Member("$dynamicAnchor").Str())
	}
	for _, name := range names {
		key := n.base.String() + "#" + name
		if _, taken := c.anchors[key]; !taken && name != "" {
			c.anchors[key] = n
		}
	}
}

// resolve finds what r refers to and notes it at r.from. It is false where there
// is nothing; the problem is noted only when last.
func (c *closure) resolve(r reference, last bool) bool {
	target, err := r.from.base.Parse(r.v.Text)
	if err != nil {
		return c.unresolved(r, last, "schema-file/no-target", "")
	}
	fragment := target.Fragment
	target.Fragment, target.RawFragment = "", ""
	if d := draftNamed(c.drafts, target.String()); d != nil && c.resources[target.String()] == nil {
		if fragment != "" && fragment != "/" {
			return c.unresolved(r, last, "schema-file/remote", target.String())
		}
		c.note(r, d.url, nil)
		return true
	}
	resource := c.resource(target, &r)
	if resource == nil {
		file, ours := filePath(target)
		switch {
		case ours && c.broken[file]:
			return true
		case ours:
			return c.unresolved(r, last, "schema-file/missing", target.String())
		}
		return c.unresolved(r, last, "schema-file/remote", target.String())
	}
	found := c.fragment(resource, fragment)
	if found == nil {
		return c.unresolved(r, last, "schema-file/no-target", "")
	}
	c.note(r, found.file.url+"#"+escaped(found.at), found)
	return true
}

// note keeps what r resolved to.
func (c *closure) note(r reference, address string, target *node) {
	if r.keyword == "$ref" {
		r.from.ref = address
	} else {
		r.from.dynamicRef = c.dynamic(r, address, target)
	}
	if target != nil {
		r.from.inPlace = append(r.from.inPlace, target)
	}
}

// dynamic is the address of a "$dynamicRef" or "$recursiveRef": by anchor where it
// was written so, as only then it is dynamic (Core 2020-12, section 8.2.3.2).
func (c *closure) dynamic(r reference, address string, target *node) string {
	_, name, _ := strings.Cut(r.v.Text, "#")
	if target == nil || r.keyword != "$dynamicRef" || name == "" || name[0] == '/' {
		return address
	}
	if target.resource.at != "" {
		c.unsupported(r)
		return address
	}
	return target.file.url + "#" + name
}

// resource finds the schema that has the address u, reading its file where that is
// needed and lies in the repository.
func (c *closure) resource(u *url.URL, from *reference) *node {
	if n := c.resources[u.String()]; n != nil {
		return n
	}
	if file, ours := filePath(u); ours {
		if f := c.load(file, from); f != nil {
			return c.byValue[f.root]
		}
		return nil
	}
	for _, f := range c.order {
		file, ok := beside(f, u)
		if !ok {
			continue
		}
		if found := c.load(file, from); found != nil {
			return c.byValue[found.root]
		}
	}
	return nil
}

// filePath is the path of an address of ours, and whether it is one.
func filePath(u *url.URL) (string, bool) {
	file := strings.TrimPrefix(u.Path, "/")
	return file, u.Scheme == scheme && u.Host == "" && u.Opaque == "" && file != ""
}

// beside says which file the address u means if the folders of f's $id are those
// of the repository.
func beside(f *schemaFile, u *url.URL) (string, bool) {
	if f.base.Scheme != u.Scheme || f.base.Host != u.Host || u.Opaque != "" || f.base.Opaque != "" || f.base.Scheme == scheme {
		return "", false
	}
	from, to := strings.Split(strings.TrimSuffix(path.Dir(f.base.Path), "/"), "/"), strings.Split(u.Path, "/")
	for len(from) > 0 && len(to) > 1 && from[0] == to[0] {
		from, to = from[1:], to[1:]
	}
	relative := strings.Repeat("../", len(from)) + strings.Join(to, "/")
	file := path.Join(path.Dir(f.path), relative)
	return file, !strings.HasPrefix(file, "../") && file != "." && file != ".."
}

// fragment finds a schema of a resource by JSON Pointer or anchor; nil where there
// is none.
func (c *closure) fragment(resource *node, fragment string) *node {
	if fragment == "" {
		return resource
	}
	if fragment[0] != '/' {
		return c.anchors[resource.base.String()+"#"+fragment]
	}
	v := resource.v.At(content.Pointer(fragment))
	if v == nil || !isSchema(resource.file.draft, v) {
		return nil
	}
	if n := c.byValue[v]; n != nil {
		return n
	}
	n := &node{file: resource.file, v: v, at: canonical(resource.at, fragment), base: resource.base, resource: resource, aside: true}
	c.asides = append(c.asides, n)
	c.visit(n)
	return n
}

// canonical appends the tokens of fragment to at.
func canonical(at content.Pointer, fragment string) content.Pointer {
	for _, token := range content.Pointer(fragment).Tokens() {
		at = at.Child(token)
	}
	return at
}

// escaped is p as the fragment of an address, escaped as the library escapes.
func escaped(p content.Pointer) string {
	if p == "" {
		return ""
	}
	tokens := strings.Split(string(p[1:]), "/")
	for i, t := range tokens {
		tokens[i] = url.PathEscape(t)
	}
	return "/" + strings.Join(tokens, "/")
}

// endless finds schemas that judge a value by themselves without end, and chains
// that are too long.
func (c *closure) endless() {
	const open = -1
	depth := map[*node]int{}
	var measure func(n *node) (int, bool)
	measure = func(n *node) (int, bool) {
		if d, seen := depth[n]; seen {
			return d, d != open
		}
		depth[n] = open
		deepest := 0
		for _, next := range n.inPlace {
			d, ok := measure(next)
			if !ok {
				c.problems = append(c.problems, n.file.problem("schema-file/endless", n.place(), "", nil))
				d = 0
			}
			deepest = max(deepest, d)
		}
		depth[n] = deepest + 1
		return deepest + 1, true
	}
	for _, n := range c.nodes {
		if d, _ := measure(n); d > maxInPlace {
			c.tooComplex(n.file, valueSpot(n.at, n.v))
			return
		}
	}
}

// place is n's reference, where it has one, else n.
func (n *node) place() spot {
	for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		if ref := n.v.Member(keyword); ref != nil {
			return valueSpot(n.at.Child(keyword), ref)
		}
	}
	return valueSpot(n.at, n.v)
}

func (c *closure) unresolved(r reference, last bool, rule, address string) bool {
	if last {
		at := valueSpot(r.from.at.Child(r.keyword), r.v)
		c.problems = append(c.problems, r.from.file.problem(rule, at, "", args{
			"ref": quoted(r.v.Text), "path": quoted(repositoryPath(address)), "hint": c.hintTarget(r, rule),
		}))
	}
	return false
}

// repositoryPath is the path of an address of ours, any other address as it is.
func repositoryPath(address string) string {
	if u, err := url.Parse(address); err == nil && u.Scheme == scheme {
		return strings.TrimPrefix(u.Path, "/")
	}
	return address
}

// hintTarget suggests a definition where a reference names none.
func (c *closure) hintTarget(r reference, rule string) text {
	if rule != "schema-file/no-target" {
		return noHint()
	}
	file, fragment, _ := strings.Cut(r.v.Text, "#")
	tokens := content.Pointer(fragment).Tokens()
	if len(tokens) == 0 {
		return noHint()
	}
	root := r.from.file.root
	if file != "" {
		u, err := r.from.base.Parse(file)
		if err != nil || c.resources[u.String()] == nil {
			return noHint()
		}
		root = c.resources[u.String()].v
	}
	at, parent := root.Nearest(content.Pointer(fragment))
	missing := content.Pointer(fragment).Tokens()[len(at.Tokens()):]
	if len(missing) == 0 || parent == nil {
		return noHint()
	}
	return hint(missing[0], memberNames(parent))
}

func memberNames(v *content.Value) []string {
	var names []string
	if v != nil && v.Kind == content.Object {
		for i := range v.Kids {
			names = append(names, v.Kids[i].Name)
		}
	}
	return names
}

func (c *closure) unreadable(path string, from *reference, err error) {
	rule := "schema-file/unreadable"
	if errors.Is(err, content.ErrNotFound) {
		rule = "schema-file/missing"
	}
	f, at := subject{path: path}, spot{}
	if from != nil {
		f, at = from.from.file.subject, valueSpot(from.from.at.Child(from.keyword), from.v)
	}
	c.problems = append(c.problems, f.problem(rule, at, "", args{"path": quoted(path)}))
}

func (c *closure) tooComplex(f *schemaFile, at spot) {
	c.full = true
	c.problems = append(c.problems, f.problem("schema-file/too-complex", at, "",
		args{"files": number(maxSchemaFiles), "schemas": number(maxSchemaNodes), "chain": number(maxInPlace)}))
}

func (c *closure) unknownDraft(f *schemaFile) {
	v := f.root.Member("$schema")
	c.problems = append(c.problems, f.problem("schema-file/draft", valueSpot("/$schema", v), "", args{"draft": same(shown(v))}))
}

func (c *closure) unsupported(r reference) {
	at := valueSpot(r.from.at.Child(r.keyword), r.v)
	c.problems = append(c.problems, r.from.file.problem("schema-file/unsupported", at, "", args{"ref": quoted(r.v.Text)}))
}

// sortedFiles returns the files of the closure by path.
func (c *closure) sortedFiles() []*schemaFile {
	files := slices.Clone(c.order)
	slices.SortFunc(files, func(a, b *schemaFile) int { return cmp.Compare(a.path, b.path) })
	return files
}
