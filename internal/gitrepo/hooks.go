package gitrepo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// Setting is a value of Git's configuration as it counts in this repository: its own
// before the user's before the system's, the last of several. The key is written
// "section.subsection.name", section and name in lower case. "" where there is none.
func (r *Repo) Setting(key string) (string, error) {
	s, err := r.layout().effective()
	if err != nil {
		return "", err
	}
	return s.last(key), nil
}

// Variable is one variable of Git's configuration.
type Variable struct{ Name, Value string }

// AddSettings appends a section to the repository's own configuration, which all its
// work trees share. What is there stays as it is: of a variable with one value Git
// takes the last. It waits a little for another who writes.
func (r *Repo) AddSettings(ctx context.Context, section, subsection string, variables []Variable) error {
	path := filepath.Join(r.commonDir, "config")
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	err := replaceFile(ctx, path, func() (string, error) {
		old, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		// Before there is anything in it that not everyone may read.
		if err := os.Chmod(path+".lock", info.Mode().Perm()); err != nil {
			return "", err
		}
		return withSection(string(old), section, subsection, variables), nil
	})
	if err != nil {
		return fmt.Errorf("write git configuration: %w", err)
	}
	return nil
}

func withSection(text, section, subsection string, variables []Variable) string {
	var b strings.Builder
	b.WriteString(text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "[%s \"%s\"]\n", section, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(subsection))
	value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`)
	for _, v := range variables {
		fmt.Fprintf(&b, "\t%s = \"%s\"\n", v.Name, value.Replace(v.Value))
	}
	return b.String()
}

// Received opens a repository of its own that is made in dir, an empty folder: its HEAD
// is commit, and it borrows the objects of r and those in the folders of quarantine,
// where Git keeps what a push brought until its hooks have let it in. A hook sees the
// latter in GIT_OBJECT_DIRECTORY and GIT_ALTERNATE_OBJECT_DIRECTORIES
// (githooks(5), pre-receive). The caller closes it, then removes dir.
func (r *Repo) Received(dir string, quarantine []string, commit Hash) (*Repo, error) {
	id, err := commit.oid()
	if err == nil {
		err = r.lend(dir, quarantine)
	}
	if err != nil {
		return nil, fmt.Errorf("look at commit %s: %w", commit, err)
	}
	return openLent(dir, id)
}

// Staged is Received for what is to be committed: HEAD is a commit of the entries of an
// index file, "" being the repository's. Its author and time mean nothing. ErrUnsupported
// where the index is one that only git can read.
func (r *Repo) Staged(dir, indexFile string) (*Repo, error) {
	if indexFile == "" {
		indexFile = filepath.Join(r.gitDir, "index")
	}
	entries, err := readIndex(indexFile)
	if err == nil {
		err = r.lend(dir, nil)
	}
	var id oid
	if err == nil {
		w := looseWriter{dir: filepath.Join(dir, "objects")}
		if id, err = w.tree(entries, ""); err == nil {
			nobody := "nobody <> 0 +0000"
			id, err = w.write(plumbing.CommitObject, fmt.Appendf(nil, "tree %s\nauthor %s\ncommitter %s\n\nstaged\n", id, nobody, nobody))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look at what is staged: %w", err)
	}
	return openLent(dir, id)
}

// lend makes a bare repository in dir that finds the objects of r.
func (r *Repo) lend(dir string, more []string) error {
	if err := scaffold(dir, "bare = true\n"); err != nil {
		return err
	}
	var lines strings.Builder
	for _, folder := range append([]string{filepath.Join(r.commonDir, "objects")}, more...) {
		abs, err := filepath.Abs(folder)
		if err != nil {
			return err
		}
		if strings.ContainsAny(abs, "\r\n") {
			return fmt.Errorf("%w: a folder of objects with a line break in its name: %q", ErrUnsupported, abs)
		}
		lines.WriteString(abs + "\n")
	}
	return os.WriteFile(filepath.Join(dir, "objects", "info", "alternates"), []byte(lines.String()), 0o644)
}

func openLent(dir string, head oid) (*Repo, error) {
	if err := os.WriteFile(filepath.Join(dir, "refs", "heads", "main"), []byte(head.String()+"\n"), 0o644); err != nil {
		return nil, err
	}
	return Open(dir, Config{})
}

// readIndex reads the entries that a commit would have, sorted by path; none where
// there is no index yet.
func readIndex(path string) ([]*index.Entry, error) {
	idx, err := readIndexFile(path)
	if err != nil {
		return nil, err
	}
	var entries []*index.Entry
	// Stage 0 is what is merged (gitformat-index(5)); index.Merged says 1.
	for _, e := range idx.Entries {
		if e.Stage == 0 && !e.IntentToAdd {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// tree writes the tree of entries, which all lie below prefix. The order of an index,
// by the bytes of whole paths, is that of its trees.
func (w looseWriter) tree(entries []*index.Entry, prefix string) (oid, error) {
	var data []byte
	for i := 0; i < len(entries); {
		e := entries[i]
		name, _, nested := strings.Cut(strings.TrimPrefix(e.Name, prefix), "/")
		mode, id, next := fmt.Sprintf("%o", uint32(e.Mode)), e.Hash, i+1
		if nested {
			folder := prefix + name + "/"
			for next < len(entries) && strings.HasPrefix(entries[next].Name, folder) {
				next++
			}
			var err error
			if id, err = w.tree(entries[i:next], folder); err != nil {
				return oid{}, err
			}
			mode = "40000"
		}
		data = append(append(append(data, mode+" "+name...), 0), id[:]...)
		i = next
	}
	return w.write(plumbing.TreeObject, data)
}
