package memcachestore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// writer is the [store.Writer] of a [Store]. It sends pieces as they are full and
// keeps them for ReadAt: the server may forget them.
type writer struct {
	storekit.WriterState
	s     *Store
	key   string
	name  name
	chunk int
	nonce string

	kept bool // the pieces belong to an entry, or may do so
	sent int  // pieces that are on the server

	mu     sync.RWMutex
	total  int64
	pieces [][]byte // each with room for a checksum before it
	closed bool
}

func newWriter(s *Store, key string, size int64) *writer {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails
	return &writer{
		WriterState: storekit.WriterState{Size: size},
		s:           s, key: key, name: s.name(key), chunk: s.chunkSize(), nonce: hex.EncodeToString(nonce),
	}
}

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	n := w.total + int64(len(p))
	if err := w.Check(n); err != nil {
		return 0, err
	}
	defer func() { w.s.counts.Did(w.Err) }()
	if n > w.s.maxBody() {
		w.Err = fmt.Errorf("memcachestore: %w: more than %d bytes", store.ErrTooLarge, w.s.maxBody())
		return 0, w.Err
	}
	done := 0
	for done < len(p) {
		n := w.add(p[done:])
		done += n
		if w.total == int64(len(w.pieces))*int64(w.chunk) {
			if w.Err = w.send(cmp.Or(w.s.WriteTime, DefaultWriteTime)); w.Err != nil {
				return done, w.Err
			}
		}
	}
	return done, nil
}

// add takes as much of p as fits into a piece.
func (w *writer) add(p []byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.total == int64(len(w.pieces))*int64(w.chunk) {
		room := min(len(p), w.chunk)
		if w.Size >= 0 {
			room = int(min(w.Size-w.total, int64(w.chunk)))
		}
		w.pieces = append(w.pieces, make([]byte, sumSize, sumSize+room))
	}
	last := &w.pieces[len(w.pieces)-1]
	n := min(len(p), sumSize+w.chunk-len(*last))
	*last = append(*last, p[:n]...)
	w.total += int64(n)
	return n
}

// send sends the last piece, which is to live for ttl. Nobody writes to it any more; readers leave the room
// for its checksum alone.
func (w *writer) send(ttl time.Duration) error {
	i := len(w.pieces) - 1
	piece := w.pieces[i]
	copy(piece, chunkSum(w.nonce, i, piece[sumSize:]))
	err := w.s.client.Set(&memcache.Item{Key: w.name.chunk(w.nonce, i), Value: piece, Expiration: seconds(ttl)})
	if err != nil {
		return wrap("write", err)
	}
	w.sent++
	return nil
}

// ReadAt implements [io.ReaderAt].
func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return 0, store.ErrClosed
	}
	return storekit.ReadAt(p, off, w.total, func(p []byte, off int64) (int, error) {
		i := off / int64(w.chunk)
		return copy(p, w.pieces[i][sumSize+off-i*int64(w.chunk):]), nil
	})
}

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, meta *store.Meta) (err error) {
	if err := w.EndCommit(ctx, w.total, meta); err != nil {
		return err
	}
	defer func() { w.s.counts.Committed(err) }()
	h := &head{nonce: w.nonce, size: w.total, meta: meta}
	switch {
	case w.total == 0:
	case w.sent == 0 && w.total <= inlineMax:
		h.inline = w.pieces[0][sumSize:]
	default:
		h.chunk = int64(w.chunk)
	}
	value, err := h.seal(w.key)
	if err != nil {
		return err
	}
	ttl := w.s.ttl(meta)
	early := w.sent
	if h.chunk > 0 && early < len(w.pieces) {
		if err := w.send(ttl + w.s.grace()); err != nil {
			return err
		}
	}
	if err := w.s.touch(w.name, w.nonce, 0, early, ttl+w.s.grace()); err != nil {
		return wrap("commit", err)
	}
	return w.publish(meta, value, seconds(ttl))
}

// publish makes the entry visible.
func (w *writer) publish(meta *store.Meta, value []byte, expiration int32) error {
	item := &memcache.Item{Key: w.name.head}
	put := w.s.client.Add
	var old *head
	if meta.Replaces != store.Absent {
		there, err := w.s.client.Get(w.name.head)
		if err != nil && !missing(err) {
			return wrap("commit", err)
		}
		var now *store.Meta
		if err == nil {
			item, put = there, w.s.client.CompareAndSwap
			if old, err = parseHead(w.key, there.Value); err == nil {
				now = old.meta
			}
		}
		if !meta.Follows(now) {
			return fmt.Errorf("memcachestore: commit: %w", store.ErrConflict)
		}
	}
	if meta.Replaces == 0 {
		put = w.s.client.Set
	}
	item.Value, item.Expiration = value, expiration
	_ = w.s.recent.take(item.Key) // it is replaced
	// An answer that is lost does not say what happened: the pieces then stay.
	w.kept = true
	if err := put(item); lost(err) {
		w.kept = false
		return fmt.Errorf("memcachestore: commit: %w", store.ErrConflict)
	} else if err != nil {
		return wrapChange("commit", err)
	}
	w.s.retire(w.name, old)
	return nil
}

// Close implements [io.Closer]. It removes the pieces of a body that was not
// committed.
func (w *writer) Close() error {
	w.Ended = true
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed, w.pieces = true, nil
	w.mu.Unlock()
	if w.kept {
		return nil
	}
	for i := range w.sent {
		if err := w.s.client.Delete(w.name.chunk(w.nonce, i)); err != nil && !missing(err) {
			return wrap("remove", err)
		}
	}
	return nil
}
