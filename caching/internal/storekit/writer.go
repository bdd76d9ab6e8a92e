// Package storekit is what stores share: the state of a Writer, the record of key and metadata, random
// IDs, and how much memory Go allocates for a value.
package storekit

import (
	"context"
	"errors"
	"io"

	"github.com/tripper-go/tripper/caching/store"
)

var (
	errBodySize       = errors.New("store: body is not as long as announced")
	errNoMeta         = errors.New("store: commit without metadata")
	errNegativeOffset = errors.New("store: negative offset")
)

// WriterState is what every [store.Writer] has to keep account of: how long its body may be, why it
// takes no more, and whether it has ended. A Writer embeds it. It is used by the goroutine that
// writes, without a lock.
type WriterState struct {
	Size  int64 // the length of the body that was announced; -1: none was
	Err   error // the first error of Write, after which nothing is written or committed
	Ended bool  // by Commit, Abort or Close
}

// Check returns why the body must not become n bytes long.
func (s *WriterState) Check(n int64) error {
	switch {
	case s.Ended:
		return store.ErrClosed
	case s.Err == nil && s.Size >= 0 && n > s.Size:
		s.Err = errBodySize
	}
	return s.Err
}

// EndCommit ends the Writer. It returns why its body of n bytes must not become an entry with meta.
func (s *WriterState) EndCommit(ctx context.Context, n int64, meta *store.Meta) error {
	if err := s.Abort(); err != nil {
		return err
	}
	switch err := ctx.Err(); {
	case err != nil:
		return err
	case s.Err != nil:
		return s.Err
	case meta == nil:
		return errNoMeta
	case s.Size >= 0 && n != s.Size:
		return errBodySize
	}
	return nil
}

// Abort implements [store.Writer]: it ends the Writer. It returns [store.ErrClosed] if the Writer
// had ended already.
func (s *WriterState) Abort() error {
	if s.Ended {
		return store.ErrClosed
	}
	s.Ended = true
	return nil
}

// Shorten implements [store.Shortener]: a body of any length is the whole.
func (s *WriterState) Shorten() { s.Size = -1 }

// ReadAt implements [io.ReaderAt] for a body of size bytes by calls of some, which reads one
// byte at least.
func ReadAt(p []byte, off, size int64, some func(p []byte, off int64) (int, error)) (int, error) {
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
