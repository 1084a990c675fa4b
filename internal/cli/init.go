package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/gitrepo"
)

// starter is the content that koonti init writes. Names beginning with "dot-" get
// a dot in its place, since embedding leaves dot-files out.
//
//go:embed all:starter
var starter embed.FS

func (a *app) init() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Begin a content repository of your own",
		Long: `Makes a folder with a model, one schema, one record, a README and a check workflow,
and a Git repository around them. Content and engine stay apart: this folder holds
content alone. The folder must be empty or absent.`,
		Example: "  koonti init my-content && koonti serve --repo my-content",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &hintError{errors.New("say which folder to make"), "For example: koonti init my-content"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.runInit(args[0]) },
	}
}

func (a *app) runInit(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			return &hintError{fmt.Errorf("%s is not empty: it has %s", dir, e.Name()), "Name a folder that is empty or does not exist."}
		}
	}
	err = fs.WalkDir(starter, "starter", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := starter.ReadFile(name)
		if err != nil {
			return err
		}
		return createFile(filepath.Join(dir, filepath.FromSlash(starterName(name))), string(text))
	})
	if err != nil {
		return fmt.Errorf("write the first content: %w", err)
	}
	if err := gitrepo.Init(dir); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, `%s is a content repository now. Next:

  koonti serve --repo %s      # serve it; save a file and ask again
  koonti check --repo %s      # what is wrong with it?
  cd %s && git add . && git commit -m "First content"

Its README.md says how to go on.
`, dir, dir, dir, dir)
	return nil
}

func starterName(name string) string {
	parts := strings.Split(strings.TrimPrefix(name, "starter/"), "/")
	for i, part := range parts {
		if rest, ok := strings.CutPrefix(part, "dot-"); ok {
			parts[i] = "." + rest
		}
	}
	return path.Join(parts...)
}
