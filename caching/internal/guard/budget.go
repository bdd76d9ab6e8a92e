package guard

import (
	"context"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// A Budget is the time that one request may still wait for the Store, and the answer that it has
// not waited for. A nil Budget is that of a call for no request. It is used by one goroutine.
type Budget struct {
	waited time.Duration // how long the request has waited for the Store
	// late is the Store's answer to the look-up that began with lateKey, if that has not come in time.
	late    *answer[store.Found]
	lateKey string
	looking bool // between Look and Looked
	// Unanswered is true if the Store has not answered the look-up in time.
	Unanswered bool
}

// left is how long the request may still wait, of wait in all.
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

// Look begins a look-up, during which an answer that does not come in time is kept.
func (b *Budget) Look() { b.looking, b.Unanswered = true, false }

// Looked ends the look-up.
func (b *Budget) Looked() { b.looking = false }

// keep keeps the answer a to the look-up of key, and reports whether it does. a is nil if there
// was no slot for the call.
func (b *Budget) keep(a *answer[store.Found], key string) bool {
	if b == nil || !b.looking || b.late != nil {
		return false
	}
	b.late, b.lateKey, b.Unanswered = a, key, a != nil
	return true
}

// Pending reports whether an answer is kept.
func (b *Budget) Pending() bool { return b.late != nil }

// awaits reports whether the kept answer is that to the look-up that began with key, which Get and
// Find use.
func (b *Budget) awaits(key string) bool { return b != nil && b.late != nil && b.lateKey == key }

// Arrival is closed when the kept answer has come. It is nil if none is kept.
func (b *Budget) Arrival() <-chan struct{} {
	if b.late == nil {
		return nil
	}
	return b.late.done
}

// arrived returns the kept answer, if it has come.
func (b *Budget) arrived() (store.Found, error) {
	a := b.late
	if !receive(context.Background(), a.done, 0) {
		b.Unanswered = true
		return store.Found{}, ErrSlow
	}
	b.late = nil
	return a.take()
}

// Forget drops the kept answer, if there is one.
func (b *Budget) Forget() {
	b.late.drop(true)
	b.late = nil
}

// Disown leaves the kept answer to the Budget that b is a copy of.
func (b *Budget) Disown() { b.late = nil }
