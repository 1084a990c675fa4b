package gitrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Init makes an empty repository with a work tree at dir and the branch main. It
// leaves the one that is there, or that dir belongs to as its root, as it is.
func Init(dir string) error {
	if _, ok, err := layoutAt(dir); ok || err != nil {
		return err
	}
	if err := scaffold(filepath.Join(dir, ".git"), "bare = false\n\tlogallrefupdates = true\n"); err != nil {
		return fmt.Errorf("make a git repository in %s: %w", dir, err)
	}
	return nil
}

// initBare makes an empty bare repository that knows its remote.
func initBare(dir, url string) error {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(url) + `"`
	config := "bare = true\n[remote \"origin\"]\n\turl = " + quoted + "\n"
	for _, prefix := range mirrored {
		config += "\tfetch = +" + prefix + "*:" + prefix + "*\n"
	}
	return scaffold(dir, config)
}

// scaffold makes what Git takes for a repository; config goes on in [core].
func scaffold(dir, config string) error {
	for _, name := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(name)), 0o755); err != nil {
			return err
		}
	}
	config = fmt.Sprintf("[core]\n\trepositoryformatversion = 0\n\tfilemode = %v\n\t%s", runtime.GOOS != "windows", config)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o644); err != nil {
		return err
	}
	// Last, because HEAD is what makes the folder a repository.
	return os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o644)
}
