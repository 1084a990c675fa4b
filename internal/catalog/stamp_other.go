//go:build !linux

package catalog

import (
	"io/fs"
	"time"
)

// noFollow: the folder listing has already told links from files.
const noFollow = 0

// stamp is the stat data by which a file is believed to be unchanged.
type stamp struct {
	size    int64
	written time.Time
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }
