package gitrepo

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
)

// Busy tells whether Git is at work on the work tree: it holds index.lock or
// HEAD.lock, or a rebase or an am is under way. A merge, cherry-pick or revert
// that waits for a person is not busy. Never in a bare repository. A lock that a
// crash left behind keeps it busy: callers wait with a bound.
func (r *Repo) Busy() bool {
	if r.workTree == "" {
		return false
	}
	for _, name := range []string{"index.lock", "HEAD.lock", "rebase-merge", "rebase-apply"} {
		if _, err := os.Lstat(filepath.Join(r.gitDir, name)); err == nil {
			return true
		}
	}
	return false
}

// UserIdentity is who Git says the user is: user.name and user.email of the
// configuration, the repository's before the user's. Either may be "".
func (r *Repo) UserIdentity() (name, email string) {
	s, err := r.layout().effective()
	if err != nil {
		return "", ""
	}
	return s.last("user.name"), s.last("user.email")
}

func (r *Repo) layout() layout {
	return layout{work: r.workTree, git: r.gitDir, common: r.commonDir}
}

// CacheDir is a folder, made if need be, for what can be computed again:
// koonti in the common folder, else one in the user's cache folder that is for
// this repository alone, else "".
func (r *Repo) CacheDir() string {
	if dir := filepath.Join(r.commonDir, "koonti"); writable(dir) {
		return dir
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(r.commonDir))
	if dir := filepath.Join(base, "koonti", hex.EncodeToString(sum[:8])); writable(dir) {
		return dir
	}
	return ""
}

// writable makes the folder and tries: permissions alone do not tell.
func writable(dir string) bool {
	if os.MkdirAll(dir, 0o700) != nil {
		return false
	}
	f, err := os.CreateTemp(dir, ".try-")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}
