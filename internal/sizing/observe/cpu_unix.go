//go:build unix

package observe

import (
	"syscall"
	"time"
)

// spent is the CPU that the process has used, user and system.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it fails for another argument alone
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
