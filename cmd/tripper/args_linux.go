package main

import (
	"os"
	"strings"
	"unsafe"
)

// takeArgs returns the arguments of the process. If there may be a secret among them, it blanks them where the
// kernel reads them for the list of processes, as curl does.
//
// On Linux the strings of os.Args are the memory that the kernel has made for the process: it can be
// written to, and /proc/PID/cmdline shows it.
func takeArgs() []string {
	args := make([]string, 0, len(os.Args))
	for _, a := range os.Args[1:] {
		args = append(args, strings.Clone(a))
	}
	if mayHoldSecret(args) {
		for _, a := range os.Args[2:] { // the command stays
			clear(unsafe.Slice(unsafe.StringData(a), len(a))) //nolint:gosec // see above; all else has copies
		}
	}
	return args
}
