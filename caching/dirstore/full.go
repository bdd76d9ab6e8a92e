//go:build !plan9

package dirstore

import (
	"errors"
	"syscall"
)

// isFull reports whether err says that the disk has no more room, for anybody or for this user.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
