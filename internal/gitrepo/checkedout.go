package gitrepo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// CheckedOut tells which work tree has a branch (refs/heads/...) checked out: the
// root of the main one or of a linked one, "" when none has it. As for Git, a
// branch without a commit counts, one that is being rebased or bisected, and a
// linked work tree that is gone and was not pruned.
func (r *Repo) CheckedOut(ctx context.Context, branch string) (workTree string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	trees, err := r.workTrees()
	if err != nil {
		return "", fmt.Errorf("find the work trees: %w", err)
	}
	for _, l := range trees {
		if l.hasOut(branch) {
			return l.work, nil
		}
	}
	return "", nil
}

func (r *Repo) notCheckedOut(ctx context.Context, branch string) error {
	if !strings.HasPrefix(branch, branches) {
		return nil
	}
	tree, err := r.CheckedOut(ctx, branch)
	if err == nil && tree != "" {
		err = fmt.Errorf("%w in %s", ErrCheckedOut, tree)
	}
	return err
}

// workTrees lists all work trees of the repository, the main one first.
func (r *Repo) workTrees() ([]layout, error) {
	var trees []layout
	main := layout{work: r.workTree, git: r.commonDir, common: r.commonDir}
	if r.gitDir != r.commonDir {
		main.work = ""
		if filepath.Base(r.commonDir) == ".git" {
			main.work = filepath.Dir(r.commonDir)
		}
		conf, err := main.settings()
		if err != nil {
			return nil, err
		}
		main.work = main.worktreeOf(conf)
	}
	if main.work != "" {
		trees = append(trees, main)
	}
	linked, err := os.ReadDir(filepath.Join(r.commonDir, "worktrees"))
	if err != nil && !missing(err) {
		return nil, err
	}
	for _, e := range linked {
		git := filepath.Join(r.commonDir, "worktrees", e.Name())
		if work := linkedRoot(git); work != "" {
			trees = append(trees, layout{work: work, git: git, common: r.commonDir})
		}
	}
	return trees, nil
}

// hasOut tells whether a work tree has the branch checked out, or will have it
// when what is under way there ends.
func (l layout) hasOut(branch string) bool {
	first := func(name string) string {
		data, _ := os.ReadFile(filepath.Join(l.git, filepath.FromSlash(name)))
		line, _, _ := strings.Cut(string(data), "\n")
		return strings.TrimRight(line, " \t\r")
	}
	if target, ok := strings.CutPrefix(first("HEAD"), "ref:"); ok && strings.TrimLeft(target, " \t") == branch {
		return true
	}
	for _, name := range []string{"rebase-merge/head-name", "rebase-apply/head-name"} {
		if first(name) == branch {
			return true
		}
	}
	_, err := os.Lstat(filepath.Join(l.git, "BISECT_LOG"))
	return err == nil && branches+first("BISECT_START") == branch
}
