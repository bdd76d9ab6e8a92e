package memorystore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

const (
	// chunkSize is the length of the chunks that bodies of unknown length are gathered in.
	chunkSize = 64 << 10

	// maxJoin is the longest body that is copied from chunks into one piece at Commit.
	maxJoin = 4 << 20
)

var chunkPool = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// writer is the [store.Writer] of a [Store]. A body whose length was announced is allocated
// once. Others are gathered in chunks from a pool.
type writer struct {
	storekit.WriterState
	m   *Store
	key string

	// piece takes a body that is allocated at once. The memory of a Builder is not zeroed first.
	piece strings.Builder
	whole [1][]byte // is body.chunks then

	mu       sync.RWMutex
	body     body
	reserved int64
	pooled   bool // the chunks go back to the pool
	closed   bool
}

// Create implements [store.Store].
func (m *Store) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.init()
	// Memory for a large body is allocated when an eighth has come: the announced length may be wrong.
	w := &writer{WriterState: storekit.WriterState{Size: size}, m: m, key: key, pooled: size < 0 || size > maxJoin}
	if size > m.limit/2 {
		return nil, w.refuse()
	}
	if size > 0 && !w.pooled {
		if w.reserved = storekit.AllocSize(size); !m.reserve(w.reserved) {
			return nil, w.refuse()
		}
		w.piece.Grow(int(size))
		w.body.chunks = w.whole[:]
	}
	return w, nil
}

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	n := w.body.n + int64(len(p))
	if err := w.Check(n); err != nil {
		return 0, err
	}
	if n > w.m.limit/2 {
		return 0, w.refuse()
	}
	if w.piece.Cap() > 0 {
		w.piece.Write(p)
		s := w.piece.String()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.body.n = n
		w.body.chunks[0] = unsafe.Slice(unsafe.StringData(s), len(s)) // read only, like any chunk of an Entry
		return len(p), nil
	}
	if w.pooled && w.Size > 0 && n >= w.Size/8 {
		w.join(0, w.Size)
	}
	for done := 0; done < len(p); {
		at := int(w.body.n) // within the only chunk
		i := 0
		if w.pooled {
			i, at = int(w.body.n/chunkSize), int(w.body.n%chunkSize)
		}
		if i == len(w.body.chunks) {
			if !w.m.reserve(chunkSize) {
				return done, w.refuse()
			}
			c := chunkPool.Get().(*[chunkSize]byte)
			w.mu.Lock()
			w.reserved += chunkSize
			w.body.chunks = append(w.body.chunks, c[:])
			w.mu.Unlock()
		}
		// Nothing is read beyond body.n, so the copy needs no lock.
		c := copy(w.body.chunks[i][at:], p[done:])
		done += c
		w.mu.Lock()
		w.body.n += int64(c)
		w.mu.Unlock()
	}
	return len(p), nil
}

// join copies the chunks from number from on into one piece of length bytes, which is at least as
// long as they are, and reports whether there was room for it.
func (w *writer) join(from int, length int64) bool {
	whole, at := storekit.AllocSize(length), int64(from)*chunkSize
	if !w.m.reserve(whole) {
		return false
	}
	piece := make([]byte, length)
	w.body.ReadAt(piece[:w.body.n-at], at) //nolint:errcheck // it is all there

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pooled {
		putChunks(w.body.chunks[from:])
	}
	w.body.chunks = append(w.body.chunks[:from:from], piece)
	w.m.queues.release(w.reserved - at)
	w.reserved, w.pooled = at+whole, false
	return true
}

// refuse says that the body is larger than half of the bound, or than the bodies being written leave.
func (w *writer) refuse() error {
	w.m.refused.Add(1)
	w.Err = fmt.Errorf("%w: no room in a memory store of %d bytes", store.ErrTooLarge, w.m.limit)
	return w.Err
}

// ReadAt implements [io.ReaderAt].
func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return 0, store.ErrClosed
	}
	return w.body.ReadAt(p, off)
}

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, meta *store.Meta) error {
	if err := w.EndCommit(ctx, w.body.n, meta); err != nil {
		return err
	}
	w.settle()
	e := store.Entry{Meta: meta, Size: w.body.n}
	switch len(w.body.chunks) {
	case 0:
	case 1:
		e.Bytes = w.body.chunks[0][:w.body.n:w.body.n]
	default:
		body := w.body
		e.Body = &body
	}
	n, err := w.m.newNode(w.m.hash(w.key), w.key, e)
	if err != nil {
		return err
	}
	err = w.m.insert(n, meta, w.reserved)
	w.reserved = 0
	return err
}

// settle copies a body out of chunks of the pool, or out of a piece that was made for a longer one,
// into a piece of its length. Of a large body only the last chunk is copied; the others are not
// given back to the pool.
func (w *writer) settle() {
	last := len(w.body.chunks) - 1
	switch {
	case last < 0, !w.pooled && w.reserved == storekit.AllocSize(w.body.n):
	case !w.pooled:
		w.join(0, w.body.n)
	case w.body.n > maxJoin || !w.join(0, w.body.n):
		w.join(last, w.body.n-int64(last)*chunkSize)
	}
	w.pooled = false
	w.piece.Reset() // the chunk is the entry's now, or has been replaced
}

// Close implements [io.Closer].
func (w *writer) Close() error {
	w.Ended = true
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.pooled {
		putChunks(w.body.chunks)
	}
	w.body = body{}
	w.piece.Reset()
	if w.reserved > 0 {
		w.m.queues.release(w.reserved)
		w.reserved = 0
	}
	return nil
}

func putChunks(chunks [][]byte) {
	for _, c := range chunks {
		if cap(c) >= chunkSize {
			chunkPool.Put((*[chunkSize]byte)(c[:chunkSize]))
		}
	}
}

// body is a body in chunks of chunkSize bytes, or in one of any length.
type body struct {
	chunks [][]byte
	n      int64
}

// ReadAt implements [io.ReaderAt].
func (b *body) ReadAt(p []byte, off int64) (int, error) {
	return storekit.ReadAt(p, off, b.n, b.readSome)
}

// readSome reads from one chunk.
func (b *body) readSome(p []byte, off int64) (int, error) {
	i, at := 0, off
	if len(b.chunks) > 1 || len(b.chunks[0]) == chunkSize {
		i, at = int(off/chunkSize), off%chunkSize
	}
	return copy(p, b.chunks[i][at:min(int64(len(b.chunks[i])), at+b.n-off)]), nil
}

// Close implements [io.Closer]. There is nothing to release.
func (b *body) Close() error { return nil }
