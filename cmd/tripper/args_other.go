//go:build !linux

package main

import "os"

// takeArgs returns the arguments of the process. The list of processes goes on showing them.
func takeArgs() []string { return os.Args[1:] }
