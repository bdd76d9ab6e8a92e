package guard

import (
	"context"
	"sync"
	"time"
)

// returns are the leases of this process that are being given back, by key. No request waits for
// that, but the next request for the key would be refused the lease until it is done: it takes the
// lease back, or waits.
type returns struct {
	mu sync.Mutex
	m  map[string]*returning // guarded by mu
}

// A returning is a lease that is being given back.
type returning struct {
	release func()
	at      time.Time     // when the lease was asked for, or a time before
	begun   bool          // release was called, or is about to be; guarded by returns.mu
	done    chan struct{} // closed when it has returned
}

// retakeTime is for how long after it was got a lease is taken back. The Store ends it by itself some time
// later, so that it must not be held on to by one request after another.
const retakeTime = time.Second

// giveBack gives back the lease of a key, which was got at a time: in the background, or in place if the Store
// is called in place. release may be nil.
func (c *Caller) giveBack(key string, release func(), at time.Time) {
	if release == nil {
		return
	}
	if c.InPlace() {
		release()
		return
	}
	r := &returning{release: release, at: at, done: make(chan struct{})}
	c.returns.add(key, r)
	do := func() {
		if c.returns.begin(r) {
			defer c.returns.end(key, r)
			defer func() { _ = recover() }() // from release: the lease ends by itself
			c.finally(r.release)
		}
	}
	if c.Later == nil || !c.Later(do) {
		do()
	}
}

// retake takes the lease of a key back that is to be given back. If the Store is giving it back just now, retake
// waits for that, for no more than half of what is left of b, and release is nil.
func (c *Caller) retake(ctx context.Context, key string, b *Budget) (r returning) {
	if key == "" {
		return r
	}
	c.returns.mu.Lock()
	found := c.returns.m[key]
	begun := found != nil && found.begun
	if found != nil && !begun && time.Since(found.at) < retakeTime {
		delete(c.returns.m, key)
		found.begun = true
		r.release, r.at = found.release, found.at
	}
	c.returns.mu.Unlock()
	if begun {
		defer b.spend(time.Now())
		receive(ctx, found.done, b.left(c.Wait)/2)
	}
	return r
}

func (l *returns) add(key string, r *returning) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]*returning)
	}
	l.m[key] = r
}

// begin reports whether the lease is still to be given back.
func (l *returns) begin(r *returning) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	begins := !r.begun
	r.begun = true
	return begins
}

func (l *returns) end(key string, r *returning) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m[key] == r {
		delete(l.m, key)
	}
	close(r.done)
}
