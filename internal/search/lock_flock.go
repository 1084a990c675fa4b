//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package search

import (
	"os"
	"syscall"
)

// lockFile takes f for this process, or fails at once. Closing f, or the end of the
// process, gives it up.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
