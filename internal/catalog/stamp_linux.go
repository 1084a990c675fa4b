package catalog

import (
	"io/fs"
	"syscall"
	"time"
)

// noFollow makes opening a symbolic link an error.
const noFollow = syscall.O_NOFOLLOW

// stamp is the stat data by which a file is believed to be unchanged.
type stamp struct {
	size    int64
	written time.Time
	changed syscall.Timespec
	inode   uint64
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), written: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.changed, s.inode = sys.Ctim, sys.Ino
	}
	return s
}
