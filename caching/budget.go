package caching

import (
	"context"
	"time"
)

// A budget is what one request may still wait for the Store, and the answer that it has
// not waited for. A nil budget is that of a call for no request.
type budget struct {
	// waited is how long the request has waited for the Store.
	waited time.Duration
	// late is the Store's answer to the look-up of lateKey, if that has not come in time.
	late    *answer[*Entry]
	lateKey string
	// looking is true during the look-up, and unanswered if the Store has not answered it.
	looking, unanswered bool
}

// left is for how long the request may still wait for the Store, if it may for wait.
func (b *budget) left(wait time.Duration) time.Duration {
	if b == nil {
		return wait
	}
	return wait - b.waited
}

// spend counts what the request has waited since began.
func (b *budget) spend(began time.Time) {
	if b != nil {
		b.waited += time.Since(began)
	}
}

// spent reports whether the request has waited for the Store.
func (b *budget) spent() bool { return b.waited > 0 }

// renew lets the request wait anew: the origin has been asked meanwhile.
func (b *budget) renew() { b.waited = 0 }

// look begins a look-up, during which an answer that does not come in time is kept for
// later, and looked ends it.
func (b *budget) look()   { b.looking, b.unanswered = true, false }
func (b *budget) looked() { b.looking = false }

// keep keeps the answer a to the look-up of key for later, and reports whether it does.
// That is nil if there was not even a slot for the call.
func (b *budget) keep(a *answer[*Entry], key string) bool {
	if b == nil || !b.looking || b.late != nil {
		return false
	}
	b.late, b.lateKey, b.unanswered = a, key, a != nil
	return true
}

// pending reports whether there is an answer that has not been used yet.
func (b *budget) pending() bool { return b.late != nil }

// awaits reports whether the pending answer is that to the look-up of key.
func (b *budget) awaits(key string) bool { return b != nil && b.late != nil && b.lateKey == key }

// arrival is closed when the pending answer has come. It is nil if there is none.
func (b *budget) arrival() <-chan struct{} {
	if b.late == nil {
		return nil
	}
	return b.late.done
}

// arrived returns the pending answer, if it has come.
func (b *budget) arrived(ctx context.Context) (*Entry, error) {
	a := b.late
	if !a.await(ctx, 0) {
		b.unanswered = true
		return nil, errSlow
	}
	b.late = nil
	return a.take()
}

// forget drops the pending answer, if there is one.
func (b *budget) forget() {
	b.late.drop(true)
	b.late = nil
}

// disown leaves the pending answer to the budget that b is a copy of.
func (b *budget) disown() { b.late = nil }
