//go:build !unix

package servers

import "os/exec"

func isolate(*exec.Cmd)       {}
func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
func kill(cmd *exec.Cmd)      { _ = cmd.Process.Kill() }
func lockPort(int) bool       { return true }
func unlockPort(int)          {}
