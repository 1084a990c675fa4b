//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package search

import (
	"errors"
	"os"
)

// lockFile fails: without a lock the index is kept in memory.
func lockFile(*os.File) error { return errors.ErrUnsupported }
