package servers

import "syscall"

// child makes a server end with the test, however that ends, and keeps the terminal's Ctrl-C from it: the test removes it.
func child() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
