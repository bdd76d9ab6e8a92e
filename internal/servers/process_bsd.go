//go:build unix && !linux

package servers

import (
	"os/exec"
	"syscall"
)

// isolate gives cmd a process group of its own.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
