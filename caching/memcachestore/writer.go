package memcachestore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/store"
)

var errSize = errors.New("memcachestore: body is not as long as announced")

// writer is the [store.Writer] of a [Store]. It sends pieces as they are full and
// keeps them for ReadAt: the server may forget them.
type writer struct {
	s     *Store
	key   string
	name  name
	size  int64 // -1: not known
	chunk int
	nonce string

	ended bool  // by Commit or Abort
	kept  bool  // the pieces belong to an entry, or may do so
	sent  int   // pieces that are on the server
	err   error // why nothing more can be written

	mu     sync.RWMutex
	total  int64
	pieces [][]byte // each with room for a checksum before it
	closed bool
}

func newWriter(s *Store, key string, size int64) *writer {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails
	return &writer{s: s, key: key, name: s.name(key), size: size, chunk: s.chunkSize(), nonce: hex.EncodeToString(nonce)}
}

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	switch n := w.total + int64(len(p)); {
	case w.ended:
		return 0, store.ErrClosed
	case w.err != nil:
		return 0, w.err
	case w.size >= 0 && n > w.size:
		w.err = errSize
		return 0, w.err
	case n > w.s.maxBody():
		w.err = fmt.Errorf("memcachestore: %w: more than %d bytes", store.ErrTooLarge, w.s.maxBody())
		return 0, w.err
	}
	done := 0
	for done < len(p) {
		n := w.add(p[done:])
		done += n
		if w.total == int64(len(w.pieces))*int64(w.chunk) {
			if w.err = w.send(); w.err != nil {
				return done, w.err
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
		if w.size >= 0 {
			room = int(min(w.size-w.total, int64(w.chunk)))
		}
		w.pieces = append(w.pieces, make([]byte, sumSize, sumSize+room))
	}
	last := &w.pieces[len(w.pieces)-1]
	n := min(len(p), sumSize+w.chunk-len(*last))
	*last = append(*last, p[:n]...)
	w.total += int64(n)
	return n
}

// send sends the last piece. Nobody writes to it any more; readers leave the room
// for its checksum alone.
func (w *writer) send() error {
	i := len(w.pieces) - 1
	piece := w.pieces[i]
	copy(piece, chunkSum(w.nonce, i, piece[sumSize:]))
	err := w.s.client.Set(&memcache.Item{
		Key: w.name.chunk(w.nonce, i), Value: piece, Expiration: seconds(or(w.s.WriteTime, DefaultWriteTime)),
	})
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
	if off < 0 {
		return 0, errors.New("memcachestore: negative offset")
	}
	done := 0
	for done < len(p) && off < w.total {
		i := off / int64(w.chunk)
		n := copy(p[done:], w.pieces[i][sumSize+off-i*int64(w.chunk):])
		done += n
		off += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// Shorten implements [store.Shortener].
func (w *writer) Shorten() { w.size = -1 }

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, meta *store.Meta) error {
	if w.ended {
		return store.ErrClosed
	}
	w.ended = true
	switch err := ctx.Err(); {
	case err != nil:
		return err
	case w.err != nil:
		return w.err
	case w.size >= 0 && w.total != w.size:
		return errSize
	}
	h := &head{nonce: w.nonce, size: w.total, chunk: int64(w.chunk), meta: meta}
	value, err := h.seal(w.key)
	if err != nil {
		return err
	}
	if w.sent < len(w.pieces) {
		if err := w.send(); err != nil {
			return err
		}
	}
	ttl := w.s.ttl(meta)
	if err := w.s.touch(w.name, w.nonce, w.sent, ttl+w.s.grace()); err != nil {
		return wrap("commit", err)
	}
	old, err := w.s.client.Get(w.name.head)
	if err != nil && !missing(err) {
		return wrap("commit", err)
	}
	// An answer that is lost does not say what happened: the pieces then stay.
	w.kept = true
	err = w.s.client.Set(&memcache.Item{Key: w.name.head, Value: value, Expiration: seconds(ttl)})
	if err != nil {
		return wrap("commit", err)
	}
	if old != nil {
		w.s.retire(w.key, w.name, old.Value)
	}
	return nil
}

// Abort implements [store.Writer].
func (w *writer) Abort() error {
	if w.ended {
		return store.ErrClosed
	}
	w.ended = true
	return nil
}

// Close implements [io.Closer]. It removes the pieces of a body that was not
// committed.
func (w *writer) Close() error {
	w.ended = true
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
