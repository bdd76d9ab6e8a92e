package caching

import (
	"io"
	"net/http"
	"sync/atomic"
)

// bytesBody reads a body that is in memory in one piece. Like the bodies of
// net/http it may be closed while it is read.
type bytesBody struct {
	rest   []byte
	closed atomic.Bool
}

func (b *bytesBody) Read(p []byte) (int, error) {
	switch {
	case b.closed.Load():
		return 0, http.ErrBodyReadAfterClose
	case len(p) == 0:
		return 0, nil
	case len(b.rest) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *bytesBody) WriteTo(w io.Writer) (int64, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if len(b.rest) == 0 {
		return 0, nil
	}
	n, err := w.Write(b.rest)
	b.rest = b.rest[n:]
	return int64(n), err
}

func (b *bytesBody) Close() error {
	b.closed.Store(true)
	return nil
}

// readerBody reads a body from where the store keeps it.
type readerBody struct {
	io.ReaderAt
	closer   io.Closer
	first    []byte // read already
	off, end int64
	closed   atomic.Bool
	// mender gets what the Store has lost. It may be nil.
	mender *mender
}

func (b *readerBody) Read(p []byte) (int, error) {
	switch {
	case b.closed.Load():
		return 0, http.ErrBodyReadAfterClose
	case len(p) == 0:
		return 0, nil
	case b.off >= b.end:
		return 0, io.EOF
	}
	if most := b.end - b.off; int64(len(p)) > most {
		p = p[:most]
	}
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		b.off += int64(n)
		return n, nil
	}
	if rest := b.mender.source(); rest != nil {
		return b.finish(rest.Read(p))
	}
	n, err := b.ReadAt(p, b.off)
	switch {
	case n > 0:
		b.off += int64(n)
		return n, nil // the next read gives the error
	case err == nil:
		return 0, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF // it was longer when it was stored
	}
	if b.mender == nil || b.closed.Load() {
		return 0, err
	}
	if err := b.mender.mend(b.off, b.end, err); err != nil {
		return 0, err
	}
	return b.finish(b.mender.source().Read(p))
}

// finish takes what was read from the origin in place of the Store.
func (b *readerBody) finish(n int, err error) (int, error) {
	if b.off += int64(n); b.off >= b.end {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *readerBody) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.mender.close()
	return b.closer.Close()
}
