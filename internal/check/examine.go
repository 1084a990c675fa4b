package check

import (
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// maxLint is where looking for doubtful keywords ends; fewer are reported.
const maxLint = 10 * MaxProblems

// examine finds what is wrong or doubtful with the schemas themselves.
func (c *closure) examine() {
	bad := map[content.Pointer]map[string]bool{} // patterns at fault, by place and file
	for _, n := range c.nodes {
		if n.v.Kind == content.Object {
			c.examinePatterns(n, bad)
			c.examineNumbers(n)
		}
	}
	for _, n := range c.nodes {
		if n.at == "" || n.aside {
			c.examineMeta(n, bad)
		}
		if n.v.Kind == content.Object && len(c.lint) < maxLint {
			c.lintNode(n)
		}
	}
}

// examineMeta holds n against the meta-schema of its draft.
func (c *closure) examineMeta(n *node, bad map[content.Pointer]map[string]bool) {
	meta, err := compile(n.file.draft.url, nil)
	if err == nil {
		err = meta.validate(n.v.Interface(), 0)
	}
	if err == nil {
		return
	}
	x := explainer{subject: n.file.subject, root: n.v, base: n.at}
	if meta != nil {
		x.index, x.schema = indexOf(meta.schema), meta.schema
	}
	for _, p := range x.explain(err) {
		if !bad[p.Pointer][n.file.path] {
			c.problems = append(c.problems, p)
		}
	}
}

func (c *closure) examinePatterns(n *node, bad map[content.Pointer]map[string]bool) {
	check := func(pattern string, at content.Pointer, s spot) {
		rule, a := "", args{"pattern": quoted(pattern), "limit": number(maxPattern)}
		if fault := patternFault(pattern); fault != "" {
			rule, a["what"] = "schema-file/pattern", construct(fault)
		} else if programSize(pattern) > maxPattern {
			rule = "schema-file/pattern-size"
		} else {
			return
		}
		c.problems = append(c.problems, n.file.problem(rule, s, "", a))
		if bad[at] == nil {
			bad[at] = map[string]bool{}
		}
		bad[at][n.file.path] = true
	}
	if p := n.v.Member("pattern"); p != nil && p.Kind == content.String {
		at := n.at.Child("pattern")
		check(p.Text, at, valueSpot(at, p))
	}
	if all := n.v.Member("patternProperties"); all != nil && all.Kind == content.Object {
		for i := range all.Kids {
			at := n.at.Child("patternProperties").Child(all.Kids[i].Name)
			check(all.Kids[i].Name, at, nameSpot(at, &all.Kids[i]))
		}
	}
}

// construct names the part of a pattern that RE2 cannot do.
func construct(fault string) text {
	key := "construct:other"
	switch {
	case strings.HasPrefix(fault, "(?="), strings.HasPrefix(fault, "(?!"):
		key = "construct:ahead"
	case strings.HasPrefix(fault, "(?<="), strings.HasPrefix(fault, "(?<!"):
		key, fault = "construct:behind", fault[:len("(?<=")]
	case strings.HasPrefix(fault, `\u`), strings.HasPrefix(fault, `\c`):
		key = "construct:escape"
	case len(fault) == 2 && fault[0] == '\\' && fault[1] >= '1' && fault[1] <= '9':
		key = "construct:back"
	}
	return phrase(key, args{"fault": quoted(fault)})
}

// examineNumbers refuses limits that no file can reach, which the library would
// misread.
func (c *closure) examineNumbers(n *node) {
	for _, keyword := range []string{"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"} {
		v := n.v.Member(keyword)
		if f, ok := v.Float(); ok && f > 1<<53 {
			at := n.at.Child(keyword)
			c.problems = append(c.problems, n.file.problem("schema-file/number", valueSpot(at, v), "",
				args{"keyword": quoted(keyword), "value": same(shown(v))}))
		}
	}
}

func (c *closure) largestPattern() int64 {
	largest := int64(0)
	for _, n := range c.nodes {
		if p := n.v.Member("pattern"); p.Str() != "" {
			largest = max(largest, programSize(p.Text))
		}
		for _, p := range memberNames(n.v.Member("patternProperties")) {
			largest = max(largest, programSize(p))
		}
	}
	return largest
}

// lintNode finds keywords and formats that nothing looks at.
func (c *closure) lintNode(n *node) {
	d := n.file.draft
	for i := range n.v.Kids {
		kid := &n.v.Kids[i]
		at := n.at.Child(kid.Name)
		switch {
		case strings.HasPrefix(kid.Name, "x-") || kid.Name == "$comment" || kid.Name == "$schema":
		case !d.knows(kid.Name):
			if !c.refersBelow(n.file, at) {
				c.lintKeyword(n, at, kid)
			}
		case n.refAlone() && kid.Name != "$ref" && asserts(kid.Name):
			c.lint = append(c.lint, n.file.problem("lint/beside-ref", nameSpot(at, kid), "",
				args{"keyword": quoted(kid.Name), "draft": same(d.name)}))
		case kid.Name == "format" && kid.Kind == content.String:
			c.lintFormat(n, at, kid)
		}
	}
}

func (c *closure) lintKeyword(n *node, at content.Pointer, kid *content.Value) {
	var others []text
	for _, d := range c.drafts {
		if d.knows(kid.Name) {
			others = append(others, same(d.name))
		}
	}
	key, names := "lint/unknown-keyword", []string{}
	if len(others) > 0 {
		key = "lint/unknown-keyword:draft"
	}
	for name := range n.file.draft.keywords {
		names = append(names, name)
	}
	c.lint = append(c.lint, n.file.problem(key, nameSpot(at, kid), "", args{
		"keyword": quoted(kid.Name), "draft": same(n.file.draft.name), "drafts": either(others), "hint": hint(kid.Name, names),
	}))
}

func (c *closure) lintFormat(n *node, at content.Pointer, kid *content.Value) {
	formats := knownFormats()
	for _, f := range formats {
		if f == kid.Text {
			return
		}
	}
	c.lint = append(c.lint, n.file.problem("lint/unknown-format", valueSpot(at, kid), "",
		args{"format": quoted(kid.Text), "hint": hint(kid.Text, formats)}))
}

// refersBelow reports whether a reference leads below at: what is there is in use,
// whatever it is called.
func (c *closure) refersBelow(f *schemaFile, at content.Pointer) bool {
	for _, n := range c.asides {
		if n.file == f && at.Covers(n.at) {
			return true
		}
	}
	return false
}

// asserts reports whether a keyword judges values; the others only describe.
func asserts(keyword string) bool {
	switch keyword {
	case "title", "description", "default", "examples", "definitions", "id", "$id", "readOnly", "writeOnly",
		"contentMediaType", "contentEncoding":
		return false
	}
	return true
}
