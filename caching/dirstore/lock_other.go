//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package dirstore

import "os"

const dirNonblock = 0

func lockDirFile(*os.File) lockState { return lockUnknown }

func unlockDirFile(*os.File) {}
