//go:build !linux

package servers

import "syscall"

// child keeps the terminal's Ctrl-C from a server: the test removes it.
func child() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
