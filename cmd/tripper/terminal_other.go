//go:build !windows

package main

// terminalNames returns the files by which the terminal of the process is read and written.
func terminalNames() (in, out string) { return "/dev/tty", "/dev/tty" }
