package dirstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// writer is the [store.Writer] of a [Store]. It makes the file when the first piece is full, so that
// most entries are written with one call at Commit.
//
// The file is written in blocks of pieceSize bytes, not in pieces, which begin headLen bytes later: systems
// that keep blocks of this size in memory as one read them in half the time. So the last headLen bytes of
// each piece wait for the next one, before which they are in buf.data.
type writer struct {
	storekit.WriterState
	d    *Store
	at   place
	key  string
	head head
	seal sealer

	tmp      string // the name of the file, until it is that of the entry
	f        *os.File
	reserved int64

	mu      sync.RWMutex
	buf     *buffer // holds the piece being written; nil: closed
	n       int64   // length of the body so far
	flushed int64   // how much of it is in the file
	seals   []byte
}

// Create implements [store.Store].
func (d *Store) Create(ctx context.Context, key string, size int64) (created store.Writer, err error) {
	if err := d.writable(ctx); err != nil {
		return nil, err
	}
	defer func() { d.counts.Did(err) }()
	if size > d.limit/2 {
		return nil, fmt.Errorf("%w: %d bytes in a directory of %d", store.ErrTooLarge, size, d.limit)
	}
	w := &writer{WriterState: storekit.WriterState{Size: size}, d: d, at: placeOf(key), key: key}
	w.head.encrypted = d.key != nil
	rand.Read(w.head.salt[:]) // documented never to fail
	if w.seal, err = newSealer(d.key, &w.head.salt); err != nil {
		return nil, err
	}
	w.buf = buffers.get()
	clear(w.buf.data[:headLen]) // which is in the file until the header is
	return w, nil
}

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	n := w.n + int64(len(p))
	if err := w.Check(n); err != nil {
		return 0, err
	}
	defer func() { w.d.counts.Did(w.Err) }()
	if n > w.d.limit/2 {
		return 0, w.refuse()
	}
	for done := 0; done < len(p); {
		if w.n-w.flushed == pieceSize {
			if err := w.flush(); err != nil {
				return done, err
			}
		}
		// Nothing is read beyond w.n, so the copy needs no lock.
		c := copy(w.buf.piece()[w.n-w.flushed:pieceSize], p[done:])
		done += c
		w.mu.Lock()
		w.n += int64(c)
		w.mu.Unlock()
	}
	return len(p), nil
}

func (w *writer) refuse() error {
	w.Err = fmt.Errorf("%w: no room in a directory of %d bytes", store.ErrTooLarge, w.d.limit)
	return w.Err
}

// flush writes the piece in the buffer to the file.
func (w *writer) flush() error {
	n := int64(pieceSize)
	if w.flushed == 0 {
		n += blockSize // for header, seals and metadata
	}
	if !w.d.reserve(n) {
		return w.refuse()
	}
	w.reserved += n
	block, seals, done := w.sealed()
	defer done()
	if err := w.writeAt(block[:pieceSize], w.flushed); err != nil {
		w.Err = err
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	copy(w.buf.data[:headLen], block[pieceSize:])
	w.seals = seals
	w.flushed = w.n
	return nil
}

// sealed returns what is stored for the piece in the buffer, behind what waits for it, and the seals with its own.
// It is valid until done is called.
func (w *writer) sealed() (block, seals []byte, done func()) {
	piece := w.buf.data[headLen : headLen+w.n-w.flushed]
	if len(piece) == 0 { // an empty body has no seal
		return w.buf.data[:headLen], w.seals, func() {}
	}
	if w.seal.aead == nil {
		_, seals = w.seal.sealPiece(nil, w.seals, w.flushed/pieceSize, piece)
		return w.buf.data[:headLen+len(piece)], seals, func() {}
	}
	scratch := buffers.get()
	copy(scratch.data[:headLen], w.buf.data[:])
	stored, seals := w.seal.sealPiece(scratch.data[headLen:headLen], w.seals, w.flushed/pieceSize, piece)
	return scratch.data[:headLen+len(stored)], seals, func() { buffers.put(scratch) }
}

// writeAt writes to the file, which it makes at the first call. If the disk is full, it evicts
// twice as much and tries again, some times.
func (w *writer) writeAt(b []byte, off int64) error {
	if err := w.open(); err != nil {
		return fmt.Errorf("dirstore: create entry: %w", err)
	}
	_, err := w.f.WriteAt(b, off)
	for try := 0; try < 4 && isFull(err); try++ {
		w.d.evict(0, 2*blocks(int64(len(b))), maxTries)
		_, err = w.f.WriteAt(b, off)
	}
	if err != nil {
		return fmt.Errorf("dirstore: write entry: %w", err)
	}
	w.d.unseen.Add(int64(len(b)))
	return nil
}

// open makes the temporary file, and its directory if that does not exist.
func (w *writer) open() error {
	if w.f != nil {
		return nil
	}
	var random [6]byte
	for {
		rand.Read(random[:]) // documented never to fail
		suffix := "." + hex.EncodeToString(random[:]) + tempSuffix
		f, err := w.d.create(w.at, suffix, os.O_EXCL)
		if err != nil {
			return err
		}
		w.tmp = w.at.path + suffix
		// The lock says that a process is writing the file. A process that locked it before
		// us takes it for the file of a crashed one, and removes it.
		if tryLock(f) != lockTaken {
			if _, err := w.d.root.Load().Lstat(w.tmp); err == nil {
				w.f = f
				return nil
			}
		}
		_ = f.Close()
	}
}

// ReadAt implements [io.ReaderAt].
func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.buf == nil {
		return 0, store.ErrClosed
	}
	return storekit.ReadAt(p, off, w.n, w.readPieceLocked)
}

// readPieceLocked reads from the piece at off, which is in the buffer or in the file.
func (w *writer) readPieceLocked(p []byte, off int64) (int, error) {
	if off >= w.flushed {
		return copy(p, w.buf.piece()[off-w.flushed:w.n-w.flushed]), nil
	}
	i, at := off/pieceSize, off%pieceSize
	scratch := buffers.get()
	defer buffers.put(scratch)
	stored := scratch.data[:min(pieceSize, w.flushed-i*pieceSize)]
	there := stored
	if (i+1)*pieceSize == w.flushed { // its end waits for the next piece
		there = stored[:pieceSize-headLen]
		copy(stored[len(there):], w.buf.data[:headLen])
	}
	if _, err := w.f.ReadAt(there, headLen+i*pieceSize); err != nil {
		return 0, readError(err)
	}
	n := w.head.sealLen()
	if !w.seal.openPiece(stored, i, w.seals[i*n:(i+1)*n]) {
		return 0, storekit.Corrupt("body damaged while it was written")
	}
	return copy(p, stored[at:]), nil
}

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, meta *store.Meta) (err error) {
	if err := w.EndCommit(ctx, w.n, meta); err != nil {
		return err
	}
	defer func() { w.d.counts.Committed(err) }()
	if w.d.closed.Load() {
		return store.ErrClosed
	}
	if err := w.finish(ctx, meta); err != nil {
		return err
	}
	w.d.writing.Add(-w.reserved)
	w.reserved = 0
	w.d.fit(blocks(w.head.end()))
	return nil
}

// finish writes the rest of the file and gives it the name of the entry.
func (w *writer) finish(ctx context.Context, meta *store.Meta) error {
	h := &w.head
	h.id, h.size = meta.ID, w.n
	rec, err := storekit.AppendEntryRecord(nil, w.key, meta)
	if err != nil {
		return err
	}
	last, seals, done := w.sealed()
	defer done()
	fixed := h.appendFixed(nil)
	rec = w.seal.sealRecord(nil, fixed, rec)
	h.place(0, len(rec), 0)
	h.slots[0].checksum = w.seal.recordSum(rec)

	// In one call, if nothing was written before.
	out := make([]byte, 0, len(last)+len(seals)+len(rec))
	out = append(append(append(out, last...), seals...), rec...)
	if w.flushed == 0 {
		h.append(out[:0])
	}
	if err := w.writeAt(out, w.flushed); err != nil {
		return err
	}
	if w.flushed != 0 {
		if err := w.writeAt(h.append(out[:0]), 0); err != nil {
			return err
		}
	}
	if w.d.opts.Sync {
		err = w.f.Sync()
	}
	if err == nil {
		err = w.name(ctx, meta)
	}
	if err != nil {
		return fmt.Errorf("dirstore: commit entry: %w", err)
	}
	unlock(w.f)
	w.d.note(w.at, headLen+w.n+int64(len(seals)+len(rec)))
	if w.d.opts.Sync {
		if err := syncDir(w.d.root.Load(), shardDir(w.at.shard)); err != nil {
			return fmt.Errorf("dirstore: commit entry: %w: %w", store.ErrUncertain, err)
		}
	}
	return nil
}

// syncDir makes the disk keep a new name, where the system can do that.
func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return nil // a directory that cannot be opened, cannot be synced
	}
	defer f.Close() //nolint:errcheck // a reader
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// Close implements [io.Closer]. It removes the file of a body that was not committed.
func (w *writer) Close() error {
	w.Ended = true
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf == nil {
		return nil
	}
	buffers.put(w.buf)
	w.buf = nil
	w.d.writing.Add(-w.reserved)
	w.reserved = 0
	if w.f == nil {
		return nil
	}
	if w.tmp != "" {
		_ = w.d.root.Load().Remove(w.tmp)
	}
	return w.f.Close()
}
