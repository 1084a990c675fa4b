package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

func (a *app) gitSetup() *cobra.Command {
	var checkOnly bool
	c := &cobra.Command{
		Use:   "git-setup",
		Short: "Let Git merge records field by field and check what is committed",
		Long: `Sets up this clone, once; again after the model has changed, which does no harm:

  .gitattributes   which files are records, for all who use the repository: commit it
  configuration    how records are merged ('koonti merge-driver'), for this clone alone
  hooks            what is to be committed is checked first: pre-commit, pre-merge-commit

In a bare repository it sets up pre-receive: what is pushed is checked before it is let
in, and nobody pushes what only the server writes (refs/koonti/). Other lines, settings and hooks are left as they are; a hook that is not Koonti's is
named, with the line to add to it.

Exit code: 0 all is set up, 1 something is left to do (with --check: would be changed),
2 it could not be done.`,
		Example: `  koonti git-setup
  koonti git-setup --check          # in a script: is this clone set up?`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runGitSetup(c.Context(), checkOnly) },
	}
	a.content(c)
	c.Flags().BoolVar(&checkOnly, "check", false, "write nothing; say what would be done")
	return c
}

// gitSetter sets one repository up, or says what it would do.
type gitSetter struct {
	*app
	repo *gitrepo.Repo
	// command begins each of Koonti's command lines; options end those on content.
	command, options string
	checkOnly, left  bool
}

func (a *app) runGitSetup(ctx context.Context, checkOnly bool) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	s := &gitSetter{app: a, repo: repo, checkOnly: checkOnly}
	if s.command, err = ownCommand(); err != nil {
		return err
	}
	if a.model != "" {
		model, err := filepath.Abs(a.model)
		if err != nil {
			return err
		}
		s.options = " --model=" + shellWord(filepath.ToSlash(model))
	}
	hooks := []string{"pre-receive"}
	if repo.WorkTree() != "" {
		hooks = []string{"pre-commit", "pre-merge-commit"}
		if err := s.attributes(ctx); err != nil {
			return err
		}
		if err := s.drivers(ctx); err != nil {
			return err
		}
	}
	for _, name := range hooks {
		if err := s.hook(name); err != nil {
			return err
		}
	}
	if s.left {
		return errProblems
	}
	return nil
}

// ownCommand is how a shell calls this program: by its name where that leads to it.
func ownCommand() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	const name = "koonti"
	if found, err := exec.LookPath(name); err == nil && sameFile(found, own) {
		return name, nil
	}
	return shellWord(filepath.ToSlash(own)), nil
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// done says what was done, or would be.
func (s *gitSetter) done(what string) {
	s.left = s.left || s.checkOnly
	fmt.Fprintln(s.Out, what)
}

const recordsMerge = " merge=koonti"

func (s *gitSetter) attributes(ctx context.Context) error {
	model, err := s.modelAlone(currentFiles(ctx, s.repo))
	if err != nil {
		return err
	}
	path := filepath.Join(s.repo.WorkTree(), ".gitattributes")
	was, err := os.ReadFile(path)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return fmt.Errorf("read .gitattributes: %w", err)
	}
	text := withAttributes(string(was), model)
	if text == string(was) {
		return nil
	}
	if !s.checkOnly {
		if absent {
			err = createFile(path, text)
		} else {
			err = replaceFile(path, string(was), text)
		}
		if err != nil {
			return err
		}
	}
	s.done(".gitattributes: records are merged field by field. Commit it.")
	return nil
}

// withAttributes is text with one line for the records of each collection; lines that
// were written for others before are gone, all else is as it was.
func withAttributes(text string, m *content.Model) string {
	var wanted []string
	for _, c := range m.Collections {
		wanted = append(wanted, attributePattern(c.Path)+recordsMerge)
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		plain := strings.TrimRight(line, "\r\n")
		if i := slices.Index(wanted, plain); i >= 0 {
			wanted = slices.Delete(wanted, i, i+1)
		} else if strings.HasSuffix(plain, recordsMerge) && !strings.HasPrefix(plain, "#") {
			continue
		}
		b.WriteString(line)
	}
	if len(wanted) > 0 && text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteString("\n")
	}
	for _, line := range wanted {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// attributePattern writes where records lie as .gitattributes has it (gitattributes(5);
// the patterns of gitignore(5), quoted as a string in C where they have a blank).
func attributePattern(p content.PathPattern) string {
	prefix, suffix, _ := strings.Cut(p.String(), "{id}")
	literal := strings.NewReplacer(`\`, `\\`, "?", `\?`, "[", `\[`)
	pattern := literal.Replace(prefix) + "*" + literal.Replace(suffix)
	if !strings.Contains(pattern, "/") || strings.HasPrefix(pattern, "!") {
		pattern = "/" + pattern
	}
	if !strings.ContainsAny(pattern, " \t\"") && !strings.HasPrefix(pattern, "#") {
		return pattern
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(pattern) + `"`
}

// drivers are the settings of the merge driver, and of the one that Git merges common
// ancestors with where there are several.
func (s *gitSetter) drivers(ctx context.Context) error {
	line := strings.ReplaceAll(s.command+" merge-driver", "%", "%%") + " --path=%P" + strings.ReplaceAll(s.options, "%", "%%")
	for _, driver := range []struct {
		name      string
		variables []gitrepo.Variable
	}{
		{"koonti", []gitrepo.Variable{{Name: "name", Value: "records, field by field"}, {Name: "driver", Value: line + " %O %A %B"}, {Name: "recursive", Value: "koonti-ancestor"}}},
		{"koonti-ancestor", []gitrepo.Variable{{Name: "name", Value: "records, for a common ancestor"}, {Name: "driver", Value: line + " --ancestor %O %A %B"}}},
	} {
		set, err := s.set("merge."+driver.name+".", driver.variables)
		if err != nil {
			return err
		}
		if set {
			continue
		}
		if !s.checkOnly {
			if err := s.repo.AddSettings(ctx, "merge", driver.name, driver.variables); err != nil {
				return err
			}
		}
		s.done(fmt.Sprintf("configuration of this clone: merge.%s.driver is '%s'", driver.name, driver.variables[1].Value))
	}
	return nil
}

func (s *gitSetter) set(prefix string, variables []gitrepo.Variable) (bool, error) {
	for _, v := range variables {
		if now, err := s.repo.Setting(prefix + v.Name); err != nil || now != v.Value {
			return false, err
		}
	}
	return true, nil
}

const hookMark = "# Written by 'koonti git-setup', which may write it anew."

func (s *gitSetter) hook(name string) error {
	called := "pre-commit"
	if name == "pre-receive" {
		called = name
	}
	line := s.command + " hook " + called + s.options
	text := "#!/bin/sh\n" + hookMark + "\nexec " + line + "\n"
	if folder, err := s.repo.Setting("core.hookspath"); err != nil || folder != "" {
		if err == nil {
			s.byHand(fmt.Sprintf("the hooks of this repository are kept in %s (core.hooksPath)", folder), name, line)
		}
		return err
	}
	path := filepath.Join(s.repo.CommonDir(), "hooks", name)
	was, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !s.checkOnly {
			err = createHook(path, text)
		} else {
			err = nil
		}
	case err != nil:
	case string(was) == text && runnable(path), !strings.Contains(string(was), hookMark) && strings.Contains(string(was), "hook "+called):
		return nil
	case !strings.Contains(string(was), hookMark):
		s.byHand("there is a hook "+name+" already", name, line)
		return nil
	case !s.checkOnly:
		if err = replaceFile(path, string(was), text); err == nil {
			err = os.Chmod(path, 0o755)
		}
	}
	if err != nil {
		return fmt.Errorf("write the hook %s: %w", name, err)
	}
	s.done("hook " + name + ": " + line)
	return nil
}

func createHook(path, text string) error {
	if err := createFile(path, text); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

func runnable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (runtime.GOOS == "windows" || info.Mode().Perm()&0o100 != 0)
}

// byHand says what only the user can do.
func (s *gitSetter) byHand(why, name, line string) {
	s.left = true
	fmt.Fprintf(s.Err, "%s; it was left as it is. To have content checked, add this line to %s:\n  %s || exit 1\n", why, name, line)
}
