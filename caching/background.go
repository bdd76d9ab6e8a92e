package caching

import (
	"context"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

const (
	// maxBackground bounds the validations in the background. When there are so
	// many, a stale response is served without one.
	maxBackground = 64
	// backgroundTime bounds each of them.
	backgroundTime = 30 * time.Second
	// closeTime is how long Close waits for them.
	closeTime = 5 * time.Second
	// endTime is how long it waits when it has ended them.
	endTime = time.Second
)

// background holds what runs without a caller.
type background struct {
	mu      sync.Mutex
	running int
	writing int // entries that are being finished
	closed  bool
	done    chan struct{} // closed when there is none of either any more, after close
	cancels map[*context.CancelFunc]struct{}
}

// detach is ctx without its end, if it has one.
func detach(ctx context.Context) context.Context {
	if ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// start runs fn by itself, unless there is too much of it or Close was called.
func (b *background) start(ctx context.Context, fn func(context.Context)) bool {
	ctx, cancel := context.WithTimeout(roundtrip.WithDeadline(context.WithoutCancel(ctx), nil), backgroundTime)
	b.mu.Lock()
	if b.closed || b.running >= maxBackground {
		b.mu.Unlock()
		cancel()
		return false
	}
	b.running++
	if b.cancels == nil {
		b.cancels = make(map[*context.CancelFunc]struct{})
	}
	b.cancels[&cancel] = struct{}{}
	b.mu.Unlock()
	go func() {
		defer func() {
			cancel()
			b.mu.Lock()
			delete(b.cancels, &cancel)
			b.running--
			b.ended()
			b.mu.Unlock()
		}()
		fn(ctx)
	}()
	return true
}

// hold makes close wait until release is called: the store may be closed after it.
func (b *background) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writing++
}

func (b *background) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writing--
	b.ended()
}

// ended tells close if there is nothing to wait for any more. It needs the lock.
func (b *background) ended() {
	if b.running+b.writing == 0 && b.done != nil {
		close(b.done)
		b.done = nil
	}
}

// close lets nothing start any more, waits for what runs, and ends what takes
// too long.
func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	if b.running+b.writing == 0 {
		b.mu.Unlock()
		return
	}
	if b.done == nil {
		b.done = make(chan struct{})
	}
	done := b.done
	b.mu.Unlock()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
	}
	b.mu.Lock()
	for cancel := range b.cancels {
		(*cancel)()
	}
	b.mu.Unlock()
	timer.Reset(endTime)
	select {
	case <-done:
	case <-timer.C: // a RoundTripper that does not heed its context
	}
}

// refresh validates the found response after it was served stale, once for all
// who are served it meanwhile.
func (st *state) refresh(x exchange) {
	key := x.flightKey()
	if st.flights.Busy(key) {
		return
	}
	// The caller keeps its entry, and the caller's headers are its own: both are
	// taken anew.
	x.req = x.req.Clone(detach(x.req.Context()))
	x.req.Cancel = nil //nolint:staticcheck // of the caller
	x.found = candidate{variants: x.found.variants}
	// What the caller asks about the response is its own question too: others may
	// wait for the answer, and they want the whole.
	x.cond = 0
	x.unattended = true
	x.wire = x.wire.Clone()
	for _, h := range []http.Header{x.req.Header, x.wire} {
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			switch http.CanonicalHeaderKey(name) {
			case "If-None-Match", "If-Modified-Since", "If-Range", "Range":
				return true
			}
			return false
		})
	}
	started := st.background.start(x.req.Context(), func(ctx context.Context) {
		x.req = x.req.WithContext(ctx)
		x.renew(key)
	})
	if !started {
		x.tell("stale", "no room to validate in the background", 0, nil)
	}
}

// renew brings the stored response up to date.
func (x *exchange) renew(key string) {
	defer func() {
		if recover() != nil { // there is no caller to have it
			x.tell("error", "the RoundTripper below panicked", 0, nil)
		}
	}()
	x.epoch = x.st.epochs.now()
	x.budget.renew()
	fl, role := x.join(key)
	if role != leader {
		if fl.Leave(role, nil) {
			fl.Result().release()
		}
		return
	}
	fl.Send()
	x.now = time.Now()
	x.consult()
	x.verdict = decide(&demand{}, x.found.f.known(), x.now)
	if x.verdict.action == reuse || x.found.f == nil {
		x.drop()
		fl.Settle(result{})
		return
	}
	var o result
	func() {
		defer func() { x.settle(fl, o) }()
		o = x.guarded(x.req.Context())
		launch(fl, &o)
	}()
	x.tell("refresh", reasonStaleWhileRevalidate, statusOf(o.resp), o.err)
	switch {
	case o.body != nil:
		r := o.body.Open(x.req.Context(), o.resp, false)
		_, _ = io.Copy(io.Discard, r)
		_ = r.Close()
	default:
		o.Drop()
	}
	x.drop()
}

func statusOf(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

// writeBack writes the invalidations that the Store has not taken, in the background.
func (st *state) writeBack() {
	if st.unwritten.begin(time.Now()) && !st.background.start(context.Background(), st.catalog.writeBack) {
		st.unwritten.end()
	}
}
