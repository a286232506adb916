//go:build !unix

package observe

import "time"

var started = time.Now()

// spent stands in for the CPU that the process has used: a replay keeps about one core busy.
func spent() time.Duration { return time.Since(started) }
