package caching

import (
	"context"
	"errors"
)

// whyNot says in a phrase why the Store does not have a response, from the error that it
// gave or would have given.
func whyNot(err error) string {
	switch {
	case errors.Is(err, errTooLong):
		return reasonMaxBody
	case errors.Is(err, ErrTooLarge):
		return reasonStoreTooLarge
	case errors.Is(err, errLeftAlone):
		return reasonStoreSuspended
	case errors.Is(err, errSlow):
		return reasonStoreLate
	}
	return reasonStoreFailed
}

// whyCut says why a body did not come to its end, from the error that ended it.
func whyCut(err error) string {
	if errors.Is(err, errAbandoned) {
		return reasonBodyNotRead
	}
	return reasonBodyCut
}

// noWriter is the Writer of a body that goes to those who wait for it, and nowhere else:
// a Store that fails costs the origin no further trip.
type noWriter struct{ err error }

func (u noWriter) Write([]byte) (int, error)           { return 0, u.err }
func (u noWriter) ReadAt([]byte, int64) (int, error)   { return 0, u.err }
func (u noWriter) Commit(context.Context, *Meta) error { return u.err }
func (noWriter) Abort() error                          { return nil }
func (noWriter) Close() error                          { return nil }
