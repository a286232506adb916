//go:build unix

package main

import (
	"os"
	"syscall"
)

// lock keeps other programs from the file for as long as this one has it open. The system lets go of it when a program dies.
func lock(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
