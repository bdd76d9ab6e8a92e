//go:build unix

package servers

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// terminate asks the leader of cmd's group to end.
func terminate(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGTERM) }

// kill ends cmd's whole group.
func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// suspend stops cmd's whole group from running, and resume lets it go on, if it
// has not ended.
func suspend(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGSTOP) }

func resume(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT); err != syscall.ESRCH { //nolint:errorlint // it is a number
		return err
	}
	return nil
}

// lockFile holds one lock for each port given out, so that the test binaries of
// several packages, which go test runs at the same time, do not give out the
// same one. The locks end with the process.
var lockFile = sync.OnceValue(func() *os.File {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("tripper-ports-%d.lock", os.Getuid()))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil
	}
	return f
})

func lockPort(port int) bool { return setLock(port, syscall.F_WRLCK) }
func unlockPort(port int)    { _ = setLock(port, syscall.F_UNLCK) }
func setLock(port, typ int) bool {
	f := lockFile()
	if f == nil {
		return true // no locks here: a port taken twice is tried again
	}
	l := syscall.Flock_t{Type: int16(typ), Whence: io.SeekStart, Start: int64(port), Len: 1}
	return syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &l) == nil
}
