package servers

import (
	"os/exec"
	"syscall"
)

// isolate gives cmd a process group of its own and makes it end with the test's
// process, whatever that dies of.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
