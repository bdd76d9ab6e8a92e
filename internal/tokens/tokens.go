// Package tokens keeps tokens that a service issues: each is got once for all requests that need
// it, until it expires or a server calls it invalid.
package tokens

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Token is what a service has issued.
type Token struct {
	Value string
	// Expires is when the token ends. If zero, it does not end.
	Expires time.Time
}

// A Fetch gets a new token from a service.
type Fetch func(ctx context.Context) (Token, error)

// A Keeper keeps a token. The zero value has none. It is safe for concurrent use.
type Keeper struct {
	// Finish lets a fetch go on when no caller waits for it any more, for a service whose
	// answer must not be lost. It must not be changed after the first use.
	Finish bool

	mu      sync.Mutex // guards the rest; not held while a token is fetched
	token   Token
	fetched time.Time
	// same is true if the service has issued the token in place of itself: it was refused,
	// and another one is not to be had yet.
	same   bool
	flight *flight
}

const (
	// fetchTime bounds how long a token is fetched.
	fetchTime = time.Minute
	// margin is how long before its end a token is not used any more, since the request
	// takes time too; at most a tenth of its life.
	margin = 10 * time.Second
	// pause is how long a token that was issued in place of itself is not fetched again.
	pause = time.Second
)

// A flight is one fetch, with the callers that wait for it.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	token   Token
	err     error
}

// Get returns the token. If there is none, if it has ended, or if it is the invalid one, fetch
// gets a new one, once for all callers at the same time. If ctx ends, Get returns its cause. The
// fetch goes on for a minute at most, as long as some caller waits for it, and has nothing of their
// contexts.
func (k *Keeper) Get(ctx context.Context, invalid string, fetch Fetch) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	k.mu.Lock()
	now := time.Now()
	if k.usableLocked(now) && (k.token.Value != invalid || k.same && now.Sub(k.fetched) < pause) {
		defer k.mu.Unlock()
		return k.token.Value, nil
	}
	f := k.flight
	if f == nil {
		fetchCtx, cancel := context.WithTimeout(context.Background(), fetchTime)
		f = &flight{done: make(chan struct{}), cancel: cancel}
		k.flight = f
		go k.run(fetchCtx, f, invalid, fetch)
	}
	f.waiting++
	k.mu.Unlock()

	select {
	case <-f.done:
		return f.token.Value, f.err
	case <-ctx.Done():
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.waiting--; f.waiting == 0 && k.flight == f && !k.Finish {
		f.cancel()
		k.flight = nil // the next caller begins anew
	}
	return "", context.Cause(ctx)
}

// Set sets the token.
func (k *Keeper) Set(t Token) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token, k.fetched, k.same = t, time.Now(), false
}

func (k *Keeper) usableLocked(now time.Time) bool {
	if k.token.Value == "" {
		return false
	}
	end := k.token.Expires
	return end.IsZero() || now.Before(end.Add(-min(margin, end.Sub(k.fetched)/10)))
}

// errPanic is the error of a fetch that did not return: it has ended its goroutine. A panic ends the
// program.
var errPanic = errors.New("tokens: getting a token did not return")

// run fetches a token for f.
func (k *Keeper) run(ctx context.Context, f *flight, invalid string, fetch Fetch) {
	f.err = errPanic
	defer func() {
		f.cancel()
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.flight == f {
			k.flight = nil
			if f.err == nil {
				k.token, k.fetched, k.same = f.token, time.Now(), f.token.Value == invalid
			}
		}
		close(f.done)
	}()
	f.token, f.err = fetch(ctx)
}
