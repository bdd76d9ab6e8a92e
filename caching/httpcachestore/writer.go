package httpcachestore

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// writer is the [store.Writer] of a [Store]. It gathers the body in a slice, which Commit gives
// to the cache.
type writer struct {
	storekit.WriterState
	s   *Store
	key string

	mu     sync.RWMutex
	body   []byte
	closed bool
}

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	n := int64(len(w.body) + len(p))
	if err := w.Check(n); err != nil {
		return 0, err
	}
	defer func() { w.s.counts.Did(w.Err) }()
	if n > w.s.limit {
		w.Err = fmt.Errorf("%w: more than %d bytes", store.ErrTooLarge, w.s.limit)
		return 0, w.Err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body = append(w.body, p...)
	return len(p), nil
}

// ReadAt implements [io.ReaderAt].
func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return 0, store.ErrClosed
	}
	return bytes.NewReader(w.body).ReadAt(p, off)
}

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, meta *store.Meta) (err error) {
	if err := w.EndCommit(ctx, int64(len(w.body)), meta); err != nil {
		return err
	}
	defer func() { w.s.counts.Committed(err) }()
	l := w.s.lock(w.key)
	l.Lock()
	defer l.Unlock()
	// After a crash between the two, body and metadata do not belong together: Get finds the
	// entry corrupt.
	if len(w.body) > 0 {
		w.s.cache.Set(bodyPrefix+w.key, w.body)
	}
	err = w.s.setMeta(w.key, meta, int64(len(w.body)), bodySum(meta.ID, w.body))
	if err != nil {
		w.s.removeLocked(w.key)
	}
	return err
}

// Close implements [io.Closer].
func (w *writer) Close() error {
	w.Ended = true
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body, w.closed = nil, true
	return nil
}
