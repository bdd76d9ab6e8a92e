//go:build !unix

package servers

import (
	"errors"
	"os/exec"
)

func isolate(*exec.Cmd)       {}
func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
func kill(cmd *exec.Cmd)      { _ = cmd.Process.Kill() }
func suspend(*exec.Cmd) error { return errors.ErrUnsupported }
func resume(*exec.Cmd) error  { return errors.ErrUnsupported }
func lockPort(int) bool       { return true }
func unlockPort(int)          {}
