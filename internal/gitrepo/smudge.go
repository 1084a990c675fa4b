package gitrepo

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
)

// smudge returns what Git would write to the work tree for a blob: data itself,
// or a copy with LF made CRLF (output_eol and crlf_to_worktree in Git's
// convert.c). ErrUnsupported where only git can: for filters, ident and
// working-tree-encoding.
func (a *Attributes) smudge(path string, data []byte) ([]byte, error) {
	said := a.states(path)
	if what := a.needsGit(said); what != "" {
		return nil, fmt.Errorf("%q: %w: its attribute %s asks for git", path, ErrUnsupported, what)
	}
	if !a.crlfOut(said) || !bytes.Contains(data, []byte("\n")) {
		return data, nil
	}
	if a.eol(path) == eolAuto && (looksBinary(data) || bytes.Contains(data, []byte("\r\n"))) {
		return data, nil
	}
	lf := bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n")), nil
}

// needsGit names an attribute that changes bytes in a way that is not done here.
func (a *Attributes) needsGit(said map[string]string) string {
	valued := func(name string) bool { v := said[name]; return v != "" && v[0] != ' ' }
	if said["ident"] == attrYes {
		return "ident"
	}
	if valued("working-tree-encoding") && !strings.EqualFold(said["working-tree-encoding"], "utf-8") {
		return "working-tree-encoding=" + said["working-tree-encoding"]
	}
	driver := "filter." + said["filter"] + "."
	if valued("filter") && (a.conf.last(driver+"smudge") != "" || a.conf.last(driver+"process") != "" || a.conf.boolean(driver+"required", false)) {
		return "filter=" + said["filter"]
	}
	return ""
}

// crlfOut tells whether lines are to end with CRLF in the work tree.
func (a *Attributes) crlfOut(said map[string]string) bool {
	text := ""
	for _, name := range []string{"crlf", "text"} { // the latter counts if it says something
		switch v := said[name]; v {
		case attrYes, attrNo, "input", "auto":
			text = v
		}
	}
	switch eol := said["eol"]; {
	case text == attrNo:
		return false
	case eol == "lf", eol == "crlf":
		return eol == "crlf"
	case text == "input":
		return false
	case text != "":
		return a.crlfByDefault()
	}
	return a.conf.boolean("core.autocrlf", false)
}

// crlfByDefault is what text means where eol is not said.
func (a *Attributes) crlfByDefault() bool {
	switch auto := a.conf.last("core.autocrlf"); {
	case strings.EqualFold(auto, "input"):
		return false
	case a.conf.boolean("core.autocrlf", false):
		return true
	}
	eol := lower(a.conf.last("core.eol"))
	return eol == "crlf" || eol != "lf" && runtime.GOOS == "windows"
}
