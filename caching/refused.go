//go:build !plan9

package caching

import (
	"errors"
	"syscall"
)

// refused reports whether err says that nothing listens at an address.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
