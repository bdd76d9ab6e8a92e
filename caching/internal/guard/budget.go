package guard

import (
	"context"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// A Budget is what one request may still wait for the Store, and the answer that it has
// not waited for. A nil budget is that of a call for no request.
type Budget struct {
	// waited is how long the request has waited for the Store.
	waited time.Duration
	// late is the Store's answer to the look-up of lateKey, if that has not come in time.
	late    *answer[*store.Entry]
	lateKey string
	// looking is true during the look-up, and unanswered if the Store has not answered it.
	looking, Unanswered bool
}

// left is for how long the request may still wait for the Store, if it may for wait.
func (b *Budget) left(wait time.Duration) time.Duration {
	if b == nil {
		return wait
	}
	return wait - b.waited
}

// spend counts what the request has waited since began.
func (b *Budget) spend(began time.Time) {
	if b != nil {
		b.waited += time.Since(began)
	}
}

// Spent reports whether the request has waited for the Store.
func (b *Budget) Spent() bool { return b.waited > 0 }

// Renew lets the request wait anew: the origin has been asked meanwhile.
func (b *Budget) Renew() { b.waited = 0 }

// Look begins a look-up, during which an answer that does not come in time is kept for
// later, and looked ends it.
func (b *Budget) Look()   { b.looking, b.Unanswered = true, false }
func (b *Budget) Looked() { b.looking = false }

// keep keeps the answer a to the look-up of key for later, and reports whether it does.
// That is nil if there was not even a slot for the call.
func (b *Budget) keep(a *answer[*store.Entry], key string) bool {
	if b == nil || !b.looking || b.late != nil {
		return false
	}
	b.late, b.lateKey, b.Unanswered = a, key, a != nil
	return true
}

// Pending reports whether there is an answer that has not been used yet.
func (b *Budget) Pending() bool { return b.late != nil }

// Awaits reports whether the pending answer is that to the look-up of key.
func (b *Budget) Awaits(key string) bool { return b != nil && b.late != nil && b.lateKey == key }

// Arrival is closed when the pending answer has come. It is nil if there is none.
func (b *Budget) Arrival() <-chan struct{} {
	if b.late == nil {
		return nil
	}
	return b.late.done
}

// arrived returns the pending answer, if it has come.
func (b *Budget) arrived(ctx context.Context) (*store.Entry, error) {
	a := b.late
	if !a.await(ctx, 0) {
		b.Unanswered = true
		return nil, ErrSlow
	}
	b.late = nil
	return a.take()
}

// Forget drops the pending answer, if there is one.
func (b *Budget) Forget() {
	b.late.drop(true)
	b.late = nil
}

// Disown leaves the pending answer to the budget that b is a copy of.
func (b *Budget) Disown() { b.late = nil }
