//go:build unix

package graphql

import (
	"syscall"
	"time"
)

// cpuTime is how long this process has worked: what others do on the machine counts
// little in it.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
