package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// secretKey is the key of the hashes that keep users apart. It belongs to the Store:
// entries of users outlive a restart, and are found by every process.
type secretKey struct {
	value  atomic.Pointer[[]byte]
	mu     sync.Mutex
	asking *answer[[]byte] // the question under way, for all who wait for it
}

var errNoSecret = errors.New("caching: the store has an empty secret")

// Secret is [store.Secreter.Secret], asked until the Store has given it once: what is hashed with
// another key would never be found again. A Store without that ability gets a secret that
// lives as long as this process knows the Store.
func (c *Caller) Secret(ctx context.Context, b *Budget) ([]byte, error) {
	s := &c.key
	if key := s.value.Load(); key != nil {
		return *key, nil
	}
	secreter, ok := c.Store.(store.Secreter)
	if !ok {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
		return s.keep(key, nil)
	}
	if c.InPlace() {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.keep(secreter.Secret(context.WithoutCancel(ctx)))
	}
	defer b.spend(time.Now())
	a, err := c.askSecret(ctx, secreter)
	if err != nil {
		return nil, err
	}
	if !a.await(ctx, b.left(c.Wait)) {
		return nil, lateError(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking == a {
		s.asking = nil
	}
	return s.keep(a.take())
}

// keep keeps the secret that has come, if it is the first.
func (s *secretKey) keep(key []byte, err error) ([]byte, error) {
	if err == nil && len(key) == 0 {
		err = errNoSecret
	}
	if err != nil {
		return nil, err
	}
	s.value.CompareAndSwap(nil, &key)
	return *s.value.Load(), nil
}

// askSecret asks for the secret, unless somebody has.
func (c *Caller) askSecret(ctx context.Context, secreter store.Secreter) (a *answer[[]byte], err error) {
	s := &c.key
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.asking; a != nil && !(a.await(ctx, 0) && a.err != nil) { // else nobody has waited for it
		return a, nil
	}
	if !c.allows(&c.reads) {
		return nil, ErrLeftAlone
	}
	s.asking, err = startBeside(c, ctx, 0, func(err error, began time.Time) {
		// An error that comes at once costs nobody anything: it may be gone the next time.
		if err == nil || time.Since(began) >= c.Wait {
			c.results(&c.reads)(err, began)
		}
	}, secreter.Secret, nil)
	return s.asking, err
}
