package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// writer is the [store.Writer] of a [Store]. It writes each piece of the body when
// it is full. It keeps the pieces for callers that read the body while it is stored, so that
// a server that fails does not end their response. Pieces beyond [Store.ReadAhead] it reads
// back from the server.
type writer struct {
	storekit.WriterState
	s     *Store
	key   string
	name  name
	chunk int
	read  *pieceReader
	ctx   context.Context //nolint:containedctx // for its values; io.Writer has none

	kept   bool // the pieces belong to an entry, or may do so
	mu     sync.RWMutex
	total  int64    // length of the body so far
	chunks int      // pieces written
	buf    []byte   // room for a checksum, and the piece being filled
	held   [][]byte // the pieces written, nil where there was no room for one
	closed bool
}

func newWriter(ctx context.Context, s *Store, key string, size int64) *writer {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	n := s.name(key)
	w := &writer{WriterState: storekit.WriterState{Size: size}, s: s, key: key, name: n, chunk: s.chunkSize(), ctx: context.WithoutCancel(ctx)}
	w.read = s.newPieceReader(w.ctx, n, hex.EncodeToString(nonce), int64(w.chunk))
	room := int64(4 << 10)
	if size >= 0 {
		room = min(size, int64(w.chunk))
	}
	w.buf = make([]byte, sumSize, sumSize+room)
	return w
}

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	n := w.total + int64(len(p))
	if err := w.Check(n); err != nil {
		return 0, err
	}
	defer func() { w.s.counts.Did(w.Err) }()
	if n > w.s.maxBody() {
		w.Err = fmt.Errorf("redisstore: %w: more than %d bytes", store.ErrTooLarge, w.s.maxBody())
		return 0, w.Err
	}
	done := 0
	for done < len(p) {
		if len(w.buf) == sumSize+w.chunk {
			if w.Err = w.flush(w.ctx); w.Err != nil {
				return done, w.Err
			}
		}
		n := min(len(p)-done, sumSize+w.chunk-len(w.buf))
		w.mu.Lock()
		w.buf = append(w.buf, p[done:done+n]...)
		w.total += int64(n)
		w.mu.Unlock()
		done += n
	}
	return done, nil
}

// flush writes the piece in buf. Readers may go on reading it there until it is
// written.
func (w *writer) flush(ctx context.Context) error {
	copy(w.buf, chunkSum(w.read.nonce, w.chunks, w.buf[sumSize:]))
	key := w.name.chunkName(w.read.nonce, w.chunks)
	if err := w.s.client.Set(ctx, key, w.buf, cmp.Or(w.s.WriteTime, DefaultWriteTime)).Err(); err != nil {
		return w.s.wrap("write", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.chunks++
	if w.s.ahead.Take(int64(w.chunk), w.s.readAhead()) {
		w.held = append(w.held, w.buf[sumSize:])
		w.buf = make([]byte, sumSize, sumSize+w.chunk)
	} else {
		w.held = append(w.held, nil)
		w.buf = w.buf[:sumSize]
	}
	return nil
}

// ReadAt implements [io.ReaderAt].
func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.RLock()
	closed, total := w.closed, w.total
	w.mu.RUnlock()
	if closed {
		return 0, store.ErrClosed
	}
	return storekit.ReadAt(p, off, total, w.readSome)
}

// readSome reads from one piece.
func (w *writer) readSome(p []byte, off int64) (int, error) {
	size := int64(w.chunk)
	i := off / size
	w.mu.RLock()
	total, chunks := w.total, w.chunks
	switch {
	case w.closed:
		w.mu.RUnlock()
		return 0, store.ErrClosed
	case i >= int64(chunks):
		defer w.mu.RUnlock()
		return copy(p, w.buf[sumSize+off-i*size:]), nil
	case w.held[i] != nil:
		defer w.mu.RUnlock()
		return copy(p, w.held[i][off-i*size:]), nil
	}
	w.mu.RUnlock()
	data, err := w.read.read(int(i), chunks, min(size, total-i*size))
	if err != nil {
		return 0, w.s.wrap("read", err)
	}
	return copy(p, data[off-i*size:]), nil
}

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, meta *store.Meta) (err error) {
	if err := w.EndCommit(ctx, w.total, meta); err != nil {
		return err
	}
	defer func() { w.s.counts.Committed(err) }()
	sealed, err := sealMeta(w.key, meta)
	if err != nil {
		return err
	}
	d := descriptor{nonce: w.read.nonce, id: meta.ID, size: w.total, chunk: int64(w.chunk)}
	var inline []byte
	if w.chunks == 0 && w.total <= inlineMax {
		copy(w.buf, chunkSum(d.nonce, 0, w.buf[sumSize:]))
		inline = w.buf
	} else if len(w.buf) > sumSize {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	d.chunks = w.chunks
	return w.publish(ctx, d, sealed, inline, meta)
}

// publish makes the entry visible.
func (w *writer) publish(ctx context.Context, d descriptor, sealed, inline []byte, meta *store.Meta) error {
	ttl := w.s.ttl(meta)
	args := []any{w.name.chunk, d.seal(w.key), sealed, ms(ttl), ms(ttl + w.s.grace()), ms(w.s.grace()), maxChunks, versionText(meta.Version), versionText(meta.Replaces)}
	if d.size > 0 && d.chunks == 0 {
		args = append(args, inline)
	}
	// An answer that is lost does not say what happened. The pieces then stay:
	// of an entry that is there, or for WriteTime.
	w.kept = true
	done, err := commitScript.Run(ctx, w.s.client, []string{w.name.head}, args...).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return w.s.wrapChange("commit", err)
	}
	switch done {
	case -1:
		w.kept = false
		return fmt.Errorf("redisstore: commit: %w", store.ErrConflict)
	case 0:
		w.kept = false
		return fmt.Errorf("redisstore: commit: %w: a piece was lost", store.ErrCorrupt)
	}
	return nil
}

// Close implements [io.Closer]. It removes the pieces of a body that was not
// committed; until then ReadAt needs them.
func (w *writer) Close() error {
	w.Ended = true
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	for _, piece := range w.held {
		if piece != nil {
			w.s.ahead.Give(int64(w.chunk))
		}
	}
	w.buf, w.held = nil, nil
	w.mu.Unlock()
	defer w.read.Close()
	if w.kept || w.chunks == 0 {
		return nil
	}
	names := w.name.chunks(descriptor{nonce: w.read.nonce, chunks: w.chunks})
	return w.s.wrap("remove", w.s.client.Unlink(w.ctx, names...).Err())
}
