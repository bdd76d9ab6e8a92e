//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package dirstore

import (
	"cmp"
	"errors"
	"os"
	"syscall"
)

// nonblock keeps OpenFile from waiting if the file is a named pipe, which a Store never makes.
const nonblock = syscall.O_NONBLOCK

// fileLocks says that locks are between processes.
const fileLocks = true

// tryLock takes the lock of f if it is free. The lock belongs to the open file, not to the
// process: two files of one process exclude each other. It ends with the process.
func tryLock(f *os.File) lockState {
	switch err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return lockHeld
	case errors.Is(err, syscall.EWOULDBLOCK):
		return lockTaken
	default:
		return lockUnknown
	}
}

func unlock(f *os.File) { _ = flock(f, syscall.LOCK_UN) }

func flock(f *os.File, how int) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	ferr := error(syscall.EINTR)
	err = c.Control(func(fd uintptr) {
		for errors.Is(ferr, syscall.EINTR) {
			ferr = syscall.Flock(int(fd), how) //nolint:gosec // a file descriptor is an int
		}
	})
	return cmp.Or(err, ferr)
}
