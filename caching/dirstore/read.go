package dirstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

const (
	sealsRoom = 8 << 10                     // how many bytes of seals and metadata a buffer takes
	firstRead = headLen + pieceSize + 6<<10 // how many bytes of a file are read at first
)

// buffer is the memory that reading or writing an entry takes.
type buffer struct {
	data  [firstRead + 64]byte // the header, a piece, and after the first read what follows it
	seals [sealsRoom]byte
}

func (b *buffer) piece() []byte { return b.data[headLen:] }

// buffers is the pool of all directories.
var buffers pool

// A pool is a pool of buffers. It keeps one buffer outside the [sync.Pool], which the garbage
// collector empties: making a buffer can take as long as reading a body.
type pool struct {
	spare atomic.Pointer[buffer]
	more  sync.Pool
}

func (p *pool) get() *buffer {
	if b := p.spare.Swap(nil); b != nil {
		return b
	}
	if b, ok := p.more.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

func (p *pool) put(b *buffer) {
	if !p.spare.CompareAndSwap(nil, b) {
		p.more.Put(b)
	}
}

// entry is an Entry and its body in one allocation.
type entry struct {
	entry store.Entry
	body
}

// body reads the body of an entry from its file. It holds the piece that was read last, for
// callers that read less than a piece at a time.
type body struct {
	d    *Store
	at   place
	head head
	slot int // the one whose record was read
	seal sealer

	mu        sync.Mutex
	f         *os.File // nil: closed, or all of the body is in buf
	buf       *buffer  // nil: closed
	held      int64    // the piece in buf, -1: none
	sealsFrom int64    // the first piece whose seal is in buf
	sealsLen  int64    // how many seals are in buf
}

// load reads header, metadata and first piece of the entry in f, which must be that of key. It
// takes f over unless it returns an error.
func (d *Store) load(f *os.File, at place, key string) (*entry, error) {
	e := &entry{body: body{d: d, at: at, f: f, buf: buffers.get(), held: -1}}
	got, meta, err := e.readHeadSurely()
	e.entry.Meta = meta
	if err == nil && string(got) != key {
		err = storekit.Corrupt("entry of another key")
	}
	if err == nil && e.head.size > 0 {
		err = e.check(0)
	}
	if err != nil {
		buffers.put(e.buf)
		return nil, err
	}
	e.entry.Size = e.head.size
	if e.head.pieces() <= 1 {
		_ = f.Close()
		e.f = nil
	}
	if e.head.size > 0 {
		e.entry.Body = &e.body
	} else {
		buffers.put(e.buf)
		e.buf = nil
	}
	return e, nil
}

// readHeadSurely is readHead, tried again before an entry is said to be broken: while another
// process writes a record, the record does not match its checksum.
func (b *body) readHeadSurely() (key []byte, meta *store.Meta, err error) {
	for try := range 3 {
		if key, meta, err = b.readHead(try > 0); !errors.Is(err, store.ErrCorrupt) {
			return key, meta, err
		}
	}
	if release, lerr := exclude(context.Background(), &b.d.shards[b.at.shard].update, b.f, 20*time.Millisecond); lerr == nil {
		defer release()
	}
	return b.readHead(true)
}

// readHead reads header, seals and metadata. again says that the file was read before. The key
// refers to the buffer.
func (b *body) readHead(again bool) (key []byte, meta *store.Meta, err error) {
	var n int
	if !again {
		n, err = b.f.Read(b.buf.data[:firstRead])
	} else {
		n, err = b.f.ReadAt(b.buf.data[:firstRead], 0)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, readError(err)
	}
	if b.head, err = parseHead(b.buf.data[:n]); err != nil {
		return nil, nil, err
	}
	if b.head.encrypted != (b.d.key != nil) {
		return nil, nil, storekit.Corrupt("encrypted or not, other than the store")
	}
	if b.seal, err = newSealer(b.d.key, &b.head.salt); err != nil {
		return nil, nil, err
	}
	for _, i := range b.head.newest() { // parseHead has found one at least
		if b.head.slots[i].seq == 0 {
			continue
		}
		if key, meta, err = b.readRecord(b.head.slots[i], int64(n)); err == nil {
			b.slot = i
			return key, meta, nil
		}
	}
	return nil, nil, err
}

// readError returns the error for bytes of a file that cannot be read: the entry is corrupt.
func readError(err error) error {
	if errors.Is(err, io.EOF) { // which would look like the end of the body
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
}

// readRecord reads the record at p, and with it the seals if the buffer takes both. The first n
// bytes of the file are in the buffer.
func (b *body) readRecord(p slot, n int64) (key []byte, meta *store.Meta, err error) {
	table := b.head.records() - b.head.pieces()*b.head.sealLen()
	end := p.off + int64(p.length)
	var stored []byte
	switch {
	case end <= n:
		stored = b.buf.data[p.off:end]
		b.sealsFrom, b.sealsLen = 0, b.head.pieces()
		copy(b.buf.seals[:], b.buf.data[table:b.head.records()])
	case end-table <= sealsRoom:
		all := b.buf.seals[:end-table]
		if _, err := b.f.ReadAt(all, table); err != nil {
			return nil, nil, readError(err)
		}
		stored = all[p.off-table:]
		b.sealsFrom, b.sealsLen = 0, b.head.pieces()
	default:
		stored = make([]byte, p.length)
		if _, err := b.f.ReadAt(stored, p.off); err != nil {
			return nil, nil, readError(err)
		}
		b.sealsLen = 0
	}
	if b.seal.recordSum(stored) != p.checksum {
		return nil, nil, storekit.Corrupt("metadata damaged")
	}
	rec, err := b.seal.openRecord(b.buf.data[:fixedLen], stored)
	if err != nil {
		return nil, nil, err
	}
	key, meta, err = storekit.ParseEntryRecord(rec)
	if err == nil && meta.ID != b.head.id {
		err = storekit.Corrupt("metadata of another body")
	}
	return key, meta, err
}

func (b *body) pieceLen(i int64) int64 { return min(pieceSize, b.head.size-i*pieceSize) }

// sealOf returns the seal of piece i, and reads the seals around it if they are not in the
// buffer. b.mu is held.
func (b *body) sealOf(i int64) ([]byte, error) {
	n := b.head.sealLen()
	if i < b.sealsFrom || i >= b.sealsFrom+b.sealsLen {
		const most = sealsRoom / 16
		b.sealsFrom = i - i%most
		b.sealsLen = min(most, b.head.pieces()-b.sealsFrom)
		table := headLen + b.head.size
		if _, err := b.f.ReadAt(b.buf.seals[:b.sealsLen*n], table+b.sealsFrom*n); err != nil {
			b.sealsLen = 0
			return nil, readError(err)
		}
	}
	return b.buf.seals[(i-b.sealsFrom)*n:][:n], nil
}

// ReadAt implements [io.ReaderAt]. It returns no byte that was not checked.
func (b *body) ReadAt(p []byte, off int64) (int, error) {
	return storekit.ReadAt(p, off, b.head.size, b.readSome)
}

// readSome reads from one piece, or all pieces that fit into p as a whole.
func (b *body) readSome(p []byte, off int64) (int, error) {
	i, at := off/pieceSize, off%pieceSize
	b.mu.Lock()
	if b.buf == nil {
		b.mu.Unlock()
		return 0, store.ErrClosed
	}
	if b.held != i && at == 0 && int64(len(p)) >= b.pieceLen(i) && b.seal.aead == nil {
		// Copy the seals, so that reading and checking need no lock.
		var sums [maxRun]uint64
		n := int64(0)
		var err error
		for ; n < maxRun && err == nil && i+n < b.head.pieces() && n*pieceSize+b.pieceLen(i+n) <= int64(len(p)); n++ {
			var seal []byte
			if seal, err = b.sealOf(i + n); err == nil {
				sums[n] = binary.BigEndian.Uint64(seal)
			}
		}
		f := b.f
		b.mu.Unlock()
		if err != nil {
			return 0, b.fail(f, err)
		}
		return b.readWhole(f, p, i, sums[:n])
	}
	defer b.mu.Unlock()
	if b.held != i {
		if err := b.hold(i); err != nil {
			return 0, b.fail(b.f, err)
		}
	}
	return copy(p, b.buf.piece()[at:b.pieceLen(i)]), nil
}

// hold reads piece i into the buffer. b.mu is held.
func (b *body) hold(i int64) error {
	b.held = -1
	if _, err := b.f.ReadAt(b.buf.piece()[:b.pieceLen(i)], headLen+i*pieceSize); err != nil {
		return readError(err)
	}
	return b.check(i)
}

// check checks piece i, which is in the buffer.
func (b *body) check(i int64) error {
	seal, err := b.sealOf(i)
	if err != nil {
		return err
	}
	if !b.seal.openPiece(b.buf.piece()[:b.pieceLen(i)], i, seal) {
		return storekit.Corrupt("body damaged")
	}
	b.held = i
	return nil
}

// maxRun is how many pieces are read at once, at most.
const maxRun = 16

// readWhole reads the pieces from i on into p. It counts only those that match their checksum.
func (b *body) readWhole(f *os.File, p []byte, i int64, sums []uint64) (int, error) {
	n := min(int64(len(sums))*pieceSize, b.head.size-i*pieceSize)
	got, err := f.ReadAt(p[:n], headLen+i*pieceSize)
	done := int64(0)
	for _, sum := range sums {
		end := done + b.pieceLen(i)
		if end > int64(got) {
			return int(done), b.fail(f, readError(err))
		}
		if b.seal.sum(i, p[done:end]) != sum {
			return int(done), b.fail(f, storekit.Corrupt("body damaged"))
		}
		done = end
		i++
	}
	return int(done), nil
}

// fail returns err, and removes the entry unless err is that the body was closed.
func (b *body) fail(f *os.File, err error) error {
	if errors.Is(err, os.ErrClosed) {
		return store.ErrClosed
	}
	b.d.discard(b.at, f)
	return err
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf == nil {
		return nil
	}
	buffers.put(b.buf)
	b.buf = nil
	if b.f == nil {
		return nil
	}
	return b.f.Close()
}
