package gitrepo

import (
	"errors"
	"syscall"
)

// notDirectory is what opening a/b gives where a is a file.
func notDirectory(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// isFolder is what reading a gives where a is a folder.
func isFolder(err error) bool { return errors.Is(err, syscall.EISDIR) }
