package collapse

import (
	"errors"
	"slices"
	"time"
)

// A block is a piece of a body that the sink has not taken, for readers that are slower than
// others. Readers hold the one they are at, so that blocks that all have read are garbage.
type block struct {
	off  int64
	data []byte
	next *block
}

const (
	// maxLag bounds the bytes that are kept in blocks.
	maxLag = 1 << 20
	// maxStall is how long other readers wait for one that is maxLag behind and does not
	// read.
	maxStall = 30 * time.Second
)

// ErrLagging is the error of a reader that was cut off.
var ErrLagging = errors.New("caching: the body was read too slowly, and others waited for it")

// spillLocked keeps p, for all readers but by, if the sink has not taken it, because of err.
func (b *Body) spillLocked(p []byte, err error, by *reader) {
	if err == nil {
		return
	}
	if b.sinkErr == nil {
		b.sinkErr = err
		b.tail = &block{off: b.n}
		if b.shares > 0 {
			b.head = b.tail
		}
		for _, r := range b.readers {
			r.at = b.tail
		}
	}
	if len(p) > 0 && (b.shares > 0 || slices.ContainsFunc(b.readers, func(r *reader) bool { return r != by })) {
		b.tail.data = append([]byte(nil), p...)
		b.tail.next = &block{off: b.n + int64(len(p))}
		b.tail = b.tail.next
	}
}

// laggingLocked reports whether a reader is too far behind to go on.
func (b *Body) laggingLocked() bool {
	return b.head != nil && b.n-b.kept > maxLag || slices.ContainsFunc(b.readers, (*reader).behindLocked)
}

// cutOff ends the readers that are too far behind.
func (b *Body) cutOff() {
	b.mu.Lock()
	readers := slices.DeleteFunc(slices.Clone(b.readers), func(r *reader) bool { return !r.behindLocked() })
	b.mu.Unlock()
	for _, r := range readers {
		r.leave(ErrLagging)
	}
}

// behindLocked reports whether more than maxLag is kept for r that the sink has not taken.
func (r *reader) behindLocked() bool { return r.b.n-max(r.off, r.b.kept) > maxLag }

// readBlockLocked reads what the sink has not taken.
func (r *reader) readBlockLocked(p []byte) int {
	for r.at.next != nil && r.off >= r.at.next.off {
		r.at = r.at.next
	}
	return r.moveLocked(copy(p, r.at.data[r.off-r.at.off:]))
}
