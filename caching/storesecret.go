package caching

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// storeSecret is the key of the hashes that keep users apart. It belongs to the Store:
// entries of users outlive a restart, and are found by every process.
type storeSecret struct {
	key    atomic.Pointer[[]byte]
	mu     sync.Mutex
	asking *answer[[]byte] // the question under way, for all who wait for it
}

var errNoSecret = errors.New("caching: the store has an empty secret")

// secret returns the secret of the Store. One that failed to give it is asked again the
// next time: what is hashed with another key would never be found again.
func (c *storeCalls) secret(ctx context.Context, b *budget) ([]byte, error) {
	s := &c.known.secret
	if key := s.key.Load(); key != nil {
		return *key, nil
	}
	secreter, ok := c.known.store.(Secreter)
	if !ok {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
		s.key.CompareAndSwap(nil, &key)
		return *s.key.Load(), nil
	}
	if c.inPlace() {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.keep(secreter.Secret(context.WithoutCancel(ctx)))
	}
	defer b.spend(time.Now())
	a, err := s.ask(c, ctx, secreter, c.left(b))
	if err != nil {
		return nil, err
	}
	if !a.await(ctx, c.left(b)) {
		return nil, lateError(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking == a {
		s.asking = nil
	}
	return s.keep(a.take())
}

// keep keeps the secret that has come.
func (s *storeSecret) keep(key []byte, err error) ([]byte, error) {
	if err == nil && len(key) == 0 {
		err = errNoSecret
	}
	if err != nil {
		return nil, err
	}
	s.key.CompareAndSwap(nil, &key)
	return *s.key.Load(), nil
}

// ask asks for the secret, unless somebody has.
func (s *storeSecret) ask(c *storeCalls, ctx context.Context, secreter Secreter, wait time.Duration) (*answer[[]byte], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking != nil {
		return s.asking, nil
	}
	if h := &c.known.reads; h.left() && !h.allows() {
		return nil, errLeftAlone
	}
	if !c.known.slots.take(ctx, min(wait, 0)) {
		return nil, errSlow
	}
	began := time.Now()
	s.asking = begin(ctx, storePatience*c.wait, func(ctx context.Context) ([]byte, error) {
		defer c.known.slots.give()
		return secreter.Secret(ctx)
	}, func(err error) {
		// An error that comes at once costs nobody anything: it may be gone the next time.
		if err == nil || time.Since(began) >= c.wait {
			c.results(&c.known.reads)(err, began)
		}
	}, nil)
	return s.asking, nil
}
