// Package readahead reads bodies that a server keeps in pieces, some pieces ahead
// of the reader, so that the way to the server is not waited for once a piece.
//
// # Behavior
//
// Pieces are fetched in batches. The first batch is about 256 KiB long; while
// the reader goes on from piece to piece and the answers come quickly, the next ones
// double up to 1 MiB. When the first piece of a batch is read, the next batch is
// fetched already. At the beginning of a body two are fetched at once, so that one round trip
// brings 1.25 MiB.
//
// # Limits
//
// A [Reader] holds three batches at most. What all readers of a [Budget] hold beside
// the pieces that they read stays within its limit: where nothing is left each
// fetches piece by piece.
package readahead

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Sizes of batches in bytes. A batch has one piece at least.
const (
	least = 256 << 10
	most  = 1 << 20
)

const (
	// held is how many batches a reader holds: the one that is read, the next, and
	// one for a second reader of the same body.
	held = 3
	// quick is how soon a batch has to come for the next one to be larger. On a slow
	// way a larger one would only come later.
	quick = 100 * time.Millisecond
)

// A Budget counts what all the readers that have it hold ahead.
type Budget struct{ used atomic.Int64 }

// Take counts n more bytes if that is no more than limit then.
func (b *Budget) Take(n, limit int64) bool {
	if b.used.Add(n) <= limit {
		return true
	}
	b.used.Add(-n)
	return false
}

// Give counts n bytes less.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// A Fetch returns pieces first to first+n-1, or those before the first one that is
// not there and why it is not. It is called in a goroutine of its own.
type Fetch func(ctx context.Context, first, n int) ([][]byte, error)

// A Reader reads one body. Its methods may be called by several goroutines.
type Reader struct {
	fetch  Fetch
	piece  int64
	budget *Budget
	limit  int64           // of the budget
	ctx    context.Context //nolint:containedctx // io.ReaderAt has none; Close ends it
	cancel context.CancelFunc

	mu      sync.Mutex
	batches []*batch // the oldest first
	bytes   int64    // of the next batch
}

// batch is some pieces in a row that are fetched together.
type batch struct {
	first, n int
	cost     int64         // taken from the budget
	done     chan struct{} // closed when what follows is there
	pieces   [][]byte
	err      error // why there are not n
}

// New returns a Reader of a body whose pieces have piece bytes each. It holds
// something ahead only while budget counts no more than limit bytes. The values of
// ctx are those that fetch gets, its end is not. The Reader must be closed.
func New(ctx context.Context, piece int64, budget *Budget, limit int64, fetch Fetch) *Reader {
	r := &Reader{fetch: fetch, piece: piece, budget: budget, limit: limit, bytes: least}
	// Many share a body; that one of them has gone does not end it.
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

// Piece returns piece i of a body that has n pieces so far. The caller must not
// change it.
func (r *Reader) Piece(i, n int) ([]byte, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	b := r.find(i, n)
	<-b.done
	k := i - b.first
	if k >= len(b.pieces) {
		r.mu.Lock()
		r.drop(slices.Index(r.batches, b)) // another try may do better
		r.mu.Unlock()
		return nil, b.err
	}
	if b.err == nil {
		r.goOn(b, n)
	}
	return b.pieces[k], nil
}

// Begin fetches the first two batches of a body that has n pieces, unless nothing is to be held: a
// small one, which is there soon, and at the same time the largest.
func (r *Reader) Begin(n int) {
	if r.limit <= 0 {
		return
	}
	b := r.find(0, n)
	r.mu.Lock()
	r.bytes = most
	r.mu.Unlock()
	r.goOn(b, n)
}

// find returns the batch that has piece i, or one that is being fetched.
func (r *Reader) find(i, n int) *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.has(i); b != nil {
		return b
	}
	r.bytes = least
	b := &batch{first: i, n: r.count(i, n), done: make(chan struct{})}
	if b.cost = r.piece * int64(b.n-1); b.n > 1 && !r.take(b.cost) {
		b.n, b.cost = 1, 0
	}
	r.start(b)
	return b
}

// goOn fetches what comes after b, if it is not there and there is room for it.
func (r *Reader) goOn(b *batch, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := b.first + b.n
	if i >= n || !slices.Contains(r.batches, b) || r.has(i) != nil {
		return
	}
	next := &batch{first: i, n: r.count(i, n), done: make(chan struct{})}
	if next.cost = r.piece * int64(next.n); r.take(next.cost) {
		r.start(next)
	}
}

func (r *Reader) has(i int) *batch {
	for _, b := range r.batches {
		if i >= b.first && i < b.first+b.n {
			return b
		}
	}
	return nil
}

// count returns of how many pieces a batch at i is.
func (r *Reader) count(i, n int) int {
	return max(min(int(r.bytes/r.piece), n-i), 1)
}

// take takes from the budget if that much is there, unless the reader is closed.
func (r *Reader) take(cost int64) bool { return r.ctx.Err() == nil && r.budget.Take(cost, r.limit) }

// start fetches b. What a closed reader fetches is only the reason why it cannot.
func (r *Reader) start(b *batch) {
	r.batches = append(r.batches, b)
	if len(r.batches) > held {
		r.drop(0)
	}
	go func() {
		began := time.Now()
		b.pieces, b.err = r.fetch(r.ctx, b.first, b.n)
		r.mu.Lock()
		switch {
		case len(r.batches) == 0 || r.batches[len(r.batches)-1] != b: // the reader is elsewhere
		case b.err == nil && time.Since(began) < quick:
			r.bytes = min(2*r.bytes, most)
		default:
			r.bytes = least
		}
		r.mu.Unlock()
		close(b.done)
	}()
}

// drop forgets one batch, if i is one.
func (r *Reader) drop(i int) {
	if i < 0 {
		return
	}
	r.budget.Give(r.batches[i].cost)
	r.batches = slices.Delete(r.batches, i, i+1)
}

// Close drops what was fetched and ends what is being fetched.
func (r *Reader) Close() {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.batches) > 0 {
		r.drop(0)
	}
}
