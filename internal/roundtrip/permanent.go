package roundtrip

import (
	"errors"
	"slices"
)

// ErrorOf returns the first error in the chain of err that is an E. It is errors.AsType without
// the As methods of errors, and much smaller: both are compiled anew for each E.
func ErrorOf[E any](err error) (found E, ok bool) {
	ok = AnyError(err, func(err error) (ok bool) { found, ok = err.(E); return ok })
	return found, ok
}

// AnyError reports whether is holds of err or of an error in its chain, in the order of
// [errors.Is].
func AnyError(err error, is func(error) bool) bool {
	for err != nil {
		if is(err) {
			return true
		}
		switch e := err.(type) { //nolint:errorlint // This is what unwraps.
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return AnyError(err, is) })
		default:
			return false
		}
	}
	return false
}

// Permanent reports whether err says, by a method Permanent() bool, that the same request
// would fail again in the same way. The first error in its chain that has the method decides.
func Permanent(err error) bool {
	p, ok := ErrorOf[permanent](err)
	return ok && p.Permanent()
}

// TimedOut reports whether err or an error in its chain is a timeout. An error that wraps
// another should have a method Timeout that calls it: url.Error asks only the outermost error.
func TimedOut(err error) bool {
	t, ok := ErrorOf[timeout](err)
	return ok && t.Timeout()
}

type permanent interface {
	error
	Permanent() bool
}

type timeout interface {
	error
	Timeout() bool
}

// Final returns err marked as permanent: its text and its chain are those of err.
// If err is nil, Final returns nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &final{wrapper{err}}
}

// NewFinal returns an error with that text that is permanent.
func NewFinal(text string) error { return &final{wrapper{errors.New(text)}} }

// A wrapper is an error with the text, the chain and the Timeout of another one.
type wrapper struct{ err error }

func (w *wrapper) Error() string { return w.err.Error() }

func (w *wrapper) Unwrap() error { return w.err }

func (w *wrapper) Timeout() bool { return TimedOut(w.err) }

type final struct{ wrapper }

func (*final) Permanent() bool { return true }

// A CallerError is the failure of something that the caller has supplied: the body of the
// request, its GetBody, a function. It says nothing about the server, and is permanent. Its
// text and its chain are those of the error given to [Caller].
type CallerError struct{ final }

// Caller returns err as a CallerError.
func Caller(err error) *CallerError { return &CallerError{final{wrapper{err}}} }

// Explain returns err with text and a colon before its own. Unlike an error of fmt.Errorf it
// has a method Timeout.
func Explain(text string, err error) error { return &explained{wrapper{err}, text} }

type explained struct {
	wrapper
	text string
}

func (e *explained) Error() string { return e.text + ": " + e.wrapper.Error() }
