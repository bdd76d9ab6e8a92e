//go:build unix && !solaris && !illumos && !aix

package main

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks f until it is closed, and reports whether no other process has it locked. Where a file system has
// no locks, none is needed.
func lockFile(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a file descriptor is small
	return !errors.Is(err, syscall.EWOULDBLOCK)
}
