//go:build !unix

package graphql

import "time"

var started = time.Now()

// cpuTime is how long this process has lived, for want of better.
func cpuTime() time.Duration { return time.Since(started) }
