//go:build unix

package rulefiles

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps other processes of ruas out of the folder until unlock, or until this one ends. On a file system without locks nobody is.
func lock(folder *os.Root) (unlock func(), err error) {
	f, err := folder.Open(".")
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return func() { _ = f.Close() }, nil
		}
	}
}
