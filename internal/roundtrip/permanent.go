package roundtrip

import "errors"

// Permanent reports whether err says, by a method Permanent() bool, that the same request
// would fail again in the same way. The first error in its chain that has the method decides.
func Permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// TimedOut reports whether err or an error in its chain is a timeout. An error that wraps
// another should have a method Timeout that calls it: url.Error asks only the outermost error.
func TimedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// Final returns err marked as permanent: its text and its chain are those of err.
// If err is nil, Final returns nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &final{err}
}

type final struct{ error }

// Unwrap returns the error that was marked.
func (f *final) Unwrap() error { return f.error }

// Permanent implements the contract of [Permanent].
func (f *final) Permanent() bool { return true }

// Timeout reports whether the marked error is one of a timeout.
func (f *final) Timeout() bool { return TimedOut(f.error) }

// A CallerError is the failure of something that the caller has supplied: the body of the
// request, its GetBody, a function. It says nothing about the server, and is permanent. Its
// text and its chain are those of Err.
type CallerError struct{ Err error }

// Error returns the text of e.Err.
func (e *CallerError) Error() string { return e.Err.Error() }

// Unwrap returns e.Err.
func (e *CallerError) Unwrap() error { return e.Err }

// Permanent reports true.
func (e *CallerError) Permanent() bool { return true }

// Timeout reports whether e.Err is the error of a timeout.
func (e *CallerError) Timeout() bool { return TimedOut(e.Err) }
