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

// A secret is the key of the hashes that keep users apart. It belongs to the Store: entries of
// users outlive a restart, and are found by every process.
type secret struct {
	value  atomic.Pointer[[]byte]
	mu     sync.Mutex
	asking *answer[[]byte] // the last call, which all wait for; guarded by mu
}

var errNoSecret = errors.New("caching: the store has an empty secret")

// Secret is [store.Secreter.Secret], called until the Store has returned a secret: what is hashed
// with another key would never be found again. A Store without that ability gets a secret
// that lives as long as b.
func (c *Caller) Secret(ctx context.Context, b *Budget) ([]byte, error) {
	s := &c.secret
	if key := s.value.Load(); key != nil {
		return *key, nil
	}
	secreter, ok := c.Store.(store.Secreter)
	if !ok {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
		return s.keep(key, nil)
	}
	ask := func(ctx context.Context) ([]byte, error) {
		key, err := secreter.Secret(ctx)
		if err == nil && len(key) == 0 {
			err = errNoSecret
		}
		return key, err
	}
	if c.InPlace() {
		return s.keep(ask(context.WithoutCancel(ctx)))
	}
	defer b.spend(time.Now())
	a, err := c.askSecret(ctx, ask)
	if err != nil {
		return nil, err
	}
	if !receive(ctx, a.done, b.left(c.Wait)) {
		return nil, lateError(ctx)
	}
	return s.keep(a.take())
}

// keep keeps the secret that has come, if it is the first.
func (s *secret) keep(key []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	s.value.CompareAndSwap(nil, &key)
	return *s.value.Load(), nil
}

// askSecret calls ask, unless a call runs or has succeeded.
func (c *Caller) askSecret(ctx context.Context, ask func(context.Context) ([]byte, error)) (a *answer[[]byte], err error) {
	s := &c.secret
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.asking; a != nil && !(receive(ctx, a.done, 0) && a.err != nil) {
		return a, nil
	}
	if !c.allows(&c.reads) {
		return nil, ErrLeftAlone
	}
	note, began := c.results(&c.reads), time.Now()
	s.asking, err = start(c, ctx, 0, func(err error) {
		// An error that comes at once costs nobody anything: it may be gone the next time.
		if err == nil || time.Since(began) >= c.Wait {
			note(err)
		}
	}, ask, nil)
	return s.asking, err
}
