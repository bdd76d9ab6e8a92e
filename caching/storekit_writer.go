package caching

import (
	"context"
	"errors"
	"io"
)

var (
	errBodySize       = errors.New("store: body is not as long as announced")
	errNoMeta         = errors.New("store: commit without metadata")
	errNegativeOffset = errors.New("store: negative offset")
)

// writerState is what every [Writer] has to keep account of: how long its body may be, why it
// takes no more, and whether it has ended. It is used by the goroutine that writes, without a
// lock.
type writerState struct {
	size  int64 // the length of the body that was announced; -1: none was
	err   error // the first error of Write, after which nothing is written or committed
	ended bool  // by Commit, Abort or Close
}

// check returns why the body must not become n bytes long.
func (s *writerState) check(n int64) error {
	switch {
	case s.ended:
		return ErrClosed
	case s.err == nil && s.size >= 0 && n > s.size:
		s.err = errBodySize
	}
	return s.err
}

// commit ends the Writer. It returns why its body of n bytes must not become an entry with meta.
func (s *writerState) commit(ctx context.Context, n int64, meta *Meta) error {
	if err := s.abort(); err != nil {
		return err
	}
	err := ctx.Err()
	switch {
	case err != nil:
		return err
	case s.err != nil:
		return s.err
	case meta == nil:
		return errNoMeta
	case s.size >= 0 && n != s.size:
		return errBodySize
	}
	return nil
}

// abort ends the Writer. It returns [ErrClosed] if the Writer had ended already.
func (s *writerState) abort() error {
	if s.ended {
		return ErrClosed
	}
	s.ended = true
	return nil
}

// readAt implements [io.ReaderAt] for a body of size bytes by calls of some, which reads one
// byte at least.
func readAt(p []byte, off, size int64, some func(p []byte, off int64) (int, error)) (int, error) {
	if off < 0 {
		return 0, errNegativeOffset
	}
	done := 0
	for done < len(p) && off < size {
		n, err := some(p[done:], off)
		done += n
		off += int64(n)
		if err != nil {
			return done, err
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}
