//go:build darwin || freebsd || netbsd

package gitrepo

import (
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// systemStat adds what only this kind of system tells of a file.
func systemStat(e *index.Entry, sys any) {
	if s, ok := sys.(*syscall.Stat_t); ok {
		e.CreatedAt = time.Unix(s.Ctimespec.Unix())
		e.Dev, e.Inode = uint32(s.Dev), uint32(s.Ino)
		e.UID, e.GID = s.Uid, s.Gid
	}
}
