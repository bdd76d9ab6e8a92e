package caching

import (
	"sync"
	"sync/atomic"
)

// dirBuf is what reading or writing an entry needs besides the file.
type dirBuf struct {
	data  [dirAhead + 64]byte // header, a piece, and at first what comes behind it
	seals [dirSeals]byte
}

func (b *dirBuf) piece() []byte { return b.data[entryHeader:] }

// dirBufs are for all directories.
var dirBufs dirPool

// A dirPool is a pool of which one buffer outlives the collection of garbage: who
// reads now and then has mostly one out, and making one anew, which is too large
// to be cheap, can take as long as reading a body.
type dirPool struct {
	spare atomic.Pointer[dirBuf]
	more  sync.Pool
}

func (p *dirPool) get() *dirBuf {
	if b := p.spare.Swap(nil); b != nil {
		return b
	}
	if b, ok := p.more.Get().(*dirBuf); ok {
		return b
	}
	return new(dirBuf)
}

func (p *dirPool) put(b *dirBuf) {
	if !p.spare.CompareAndSwap(nil, b) {
		p.more.Put(b)
	}
}
