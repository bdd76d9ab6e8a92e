package caching

import (
	"bytes"
	"context"
	"fmt"
	"sync"
)

// adaptWriter is the [Writer] of an [Adapted]. It gathers the body in a slice, which Commit gives
// to the cache.
type adaptWriter struct {
	writerState
	a   *Adapted
	key string

	mu     sync.RWMutex
	body   []byte
	closed bool
}

// Write implements [io.Writer].
func (w *adaptWriter) Write(p []byte) (int, error) {
	n := int64(len(w.body) + len(p))
	if err := w.check(n); err != nil {
		return 0, err
	}
	if n > w.a.limit {
		w.err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, w.a.limit)
		return 0, w.err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body = append(w.body, p...)
	return len(p), nil
}

// ReadAt implements [io.ReaderAt].
func (w *adaptWriter) ReadAt(p []byte, off int64) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return 0, ErrClosed
	}
	return bytes.NewReader(w.body).ReadAt(p, off)
}

// Shorten implements [Shortener].
func (w *adaptWriter) Shorten() { w.size = -1 }

// Commit implements [Writer].
func (w *adaptWriter) Commit(ctx context.Context, meta *Meta) error {
	if err := w.commit(ctx, int64(len(w.body)), meta); err != nil {
		return err
	}
	l := w.a.lock(w.key)
	l.Lock()
	defer l.Unlock()
	// After a crash between the two, body and metadata do not belong together: Get finds the
	// entry corrupt.
	if len(w.body) > 0 {
		w.a.cache.Set(adaptBody+w.key, w.body)
	}
	err := w.a.setMeta(w.key, meta, int64(len(w.body)), adaptSum(meta.ID, w.body))
	if err != nil {
		w.a.removeLocked(w.key)
	}
	return err
}

// Abort implements [Writer].
func (w *adaptWriter) Abort() error { return w.abort() }

// Close implements [io.Closer].
func (w *adaptWriter) Close() error {
	w.ended = true
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body, w.closed = nil, true
	return nil
}
