package collapse

import (
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// buffers are as large as those of io.Copy.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// startPumpLocked has a goroutine read the source from now on, so that a reader whose
// context ends need not wait for the network.
func (b *Body) startPumpLocked() {
	b.reads = pump
	b.buf, _ = buffers.Get().(*[32 << 10]byte)
	go b.pump(b.buf[:])
}

// pump reads the source as long as readers want more.
func (b *Body) pump(buf []byte) {
	done := false
	defer func() {
		if !done {
			b.fail(recover()) // for the readers: one would have had the panic without this package
		}
	}()
	for b.turn() {
		n, err := b.src.Read(buf)
		b.take(buf[:n], err, nil)
	}
	done = true
}

// turn waits until the pump has to read, and returns true, or until the body has ended, and
// returns false.
func (b *Body) turn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.phase == open {
		unused := b.unusedLocked()
		switch {
		case unused && b.budget <= 0:
			b.mu.Unlock()
			b.abort(ErrAbandoned)
			b.mu.Lock()
		case unused || b.want && !b.laggingLocked():
			b.want, b.recent = false, nil
			return true
		default:
			b.waitLocked()
		}
	}
	return false
}

// waitLocked waits for a change. If a reader waits for more, and nothing changes for
// maxStall, the readers that are too far behind are cut off.
func (b *Body) waitLocked() {
	if b.want {
		timer := time.AfterFunc(maxStall, b.cutOff)
		defer timer.Stop()
	}
	b.changed.Wait()
}

// recycleLocked gives the buffer of the pump back when the body is over and unused.
func (b *Body) recycleLocked() {
	if b.buf != nil && b.phase == over && b.unusedLocked() {
		buffers.Put(b.buf)
		b.buf, b.recent = nil, nil
	}
}

// drain has the pump read what is left of the source, within bounds.
func (b *Body) drain() {
	timer := time.AfterFunc(roundtrip.DrainTime, func() { b.abandon(ErrAbandoned) })
	defer timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.phase != over && b.budget > 0 {
		if b.reads == nobody {
			b.startPumpLocked()
		}
		b.changed.Wait()
	}
}
