// Package cli is the command line of Koonti: commands, wiring and exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/local"
	"github.com/koonti/koonti/internal/gitrepo"
)

// Exit codes of every command.
const (
	// Clean: it was done, and there is nothing to complain about.
	Clean = 0
	// Problems: it was done, and the content has problems.
	Problems = 1
	// Failed: it could not be done; the message says what to do.
	Failed = 2
)

// errProblems makes a command exit with Problems. What it has to say has been said.
var errProblems = errors.New("the content has problems")

// hintError is an error with what to do about it.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() + "\n" + e.hint }
func (e *hintError) Unwrap() error { return e.err }

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run runs the command that args name (without the program's own name) and returns
// its exit code. It ends early, but in order, when ctx does.
func Run(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return Clean
	case errors.Is(err, errProblems):
		return Problems
	}
	fmt.Fprintf(streams.Err, "koonti: %s\n", message(err))
	return Failed
}

// app is what the commands share.
type app struct {
	Streams
	repo  string // --repo
	model string // --model
}

func newRoot(streams Streams) *cobra.Command {
	a := &app{Streams: streams}
	root := &cobra.Command{
		Use:   "koonti",
		Short: "A headless content repository kept in Git",
		Long: `Koonti serves records, JSON files in a Git repository, over GraphQL. JSON Schema
says what they may be; Git says who changed what and when.`,
		Example: `  koonti serve                       # serve the repository in this folder
  koonti check                       # what is wrong with its content?
  koonti init my-content             # begin a repository of your own`,
		Version:       Version(),
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if text := noNumber.ReplaceAllString(err.Error(), ": it is no whole number"); text != err.Error() {
			err = errors.New(text)
		}
		return &hintError{err, fmt.Sprintf("Run '%s --help' for what it takes.", c.CommandPath())}
	})
	root.AddCommand(a.serve(), a.check(), a.sdl(), a.query(), a.modelSchema(), a.init(), a.newRecord(), a.format(),
		a.log(), a.blame(), a.diff(), a.show(), a.audit())
	root.AddCommand(a.propose(), a.importRows(), a.proposals(), a.proposal(), a.token())
	root.AddCommand(a.gitSetup(), a.mergeDriver(), a.hook())
	root.Args = func(c *cobra.Command, args []string) error {
		return unknownCommand(c, args)
	}
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

// noNumber is how the library says that a flag takes a number.
var noNumber = regexp.MustCompile(`: strconv\.Parse(Int|Uint): .*$`)

func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("Run '%s --help' for the commands.", c.CommandPath())
	if c.SuggestionsMinimumDistance = 2; len(c.SuggestionsFor(args[0])) > 0 {
		hint = fmt.Sprintf("Did you mean '%s %s'? %s", c.CommandPath(), c.SuggestionsFor(args[0])[0], hint)
	}
	return &hintError{fmt.Errorf("there is no command %q", args[0]), hint}
}

// Version is the version that the binary was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && (version == "" || version == "(devel)") {
			version = setting.Value[:min(len(setting.Value), 12)]
		}
	}
	if version == "" {
		return "(devel)"
	}
	return version
}

// content adds the flags that say which content a command works on.
func (a *app) content(c *cobra.Command) {
	c.Flags().StringVar(&a.repo, "repo", ".", "folder of the repository: a work tree or a bare repository")
	c.Flags().StringVar(&a.model, "model", "", "model file from outside the repository (default: its own "+catalog.DefaultModel+")")
}

// open opens the repository that the flags name. The caller closes it.
func (a *app) open() (*gitrepo.Repo, error) {
	repo, err := openRepo(a.repo)
	if errors.Is(err, gitrepo.ErrNotRepository) {
		return nil, noRepository(err)
	}
	return repo, err
}

// exposed are the refs whose commits those may read who may read what is not published:
// branches and tags, what a branch had before it was moved by force, and all that was
// ever proposed.
func exposed() []string {
	return []string{"refs/heads/", "refs/tags/", "refs/koonti/heads/", "refs/koonti/proposals/", "refs/koonti/forge/", "refs/koonti/pulls/"}
}

// openOwn is open for those who work in the repository: the branches of its remotes are
// revisions as well.
func (a *app) openOwn() (*gitrepo.Repo, error) {
	repo, err := openRepo(a.repo, "refs/remotes/")
	if errors.Is(err, gitrepo.ErrNotRepository) {
		return nil, noRepository(err)
	}
	return repo, err
}

// noRepository adds what to do where there is no repository.
func noRepository(err error) error {
	return &hintError{err, "Name the repository with --repo, or begin one with 'koonti init DIR'."}
}

// openRepo opens a repository in which proposal/<n> is a revision: the built-in forge says
// which. also are refs that are revisions beside branches and tags.
func openRepo(dir string, also ...string) (*gitrepo.Repo, error) {
	var forge *local.Forge
	repo, err := gitrepo.Open(dir, gitrepo.Config{Exposed: append(exposed(), also...), Proposal: func(ctx context.Context, number int) (gitrepo.Hash, error) {
		return forge.Head(ctx, number)
	}})
	if err != nil {
		return nil, err
	}
	forge = local.New(local.Config{Repo: repo})
	return repo, nil
}

// outside reads the model that --model names; nil without one.
func (a *app) outside() (*catalog.OutsideModel, error) {
	if a.model == "" {
		return nil, nil
	}
	info, err := os.Stat(a.model)
	if err != nil {
		return nil, fmt.Errorf("read the model given with --model: %w", err)
	}
	if info.Size() > content.MaxBytes {
		return nil, fmt.Errorf("the model %s is over %d bytes", a.model, content.MaxBytes)
	}
	source, err := os.ReadFile(a.model)
	if err != nil {
		return nil, fmt.Errorf("read the model given with --model: %w", err)
	}
	return &catalog.OutsideModel{Name: filepath.ToSlash(a.model), Source: string(source)}, nil
}

// explain adds what to do to errors that every command on content can meet.
func explain(err error) error {
	var unusable *catalog.ModelUnusableError
	if errors.As(err, &unusable) {
		return &hintError{err, "Run 'koonti check' to see all that is wrong with it, and 'koonti model-schema' for what a model may say."}
	}
	return err
}

// language is the language of messages: --lang, else that of the environment.
func language(flag string) (content.Language, error) {
	if flag != "" {
		for _, lang := range content.MessageLanguages {
			if string(lang) == flag {
				return lang, nil
			}
		}
		return "", fmt.Errorf("--lang %s is not spoken here: take fi, sv or en", flag)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" {
			for _, lang := range content.MessageLanguages {
				if strings.HasPrefix(value, string(lang)) {
					return lang, nil
				}
			}
			break
		}
	}
	return "en", nil
}
