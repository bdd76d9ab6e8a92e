package caching

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// storeSecret is the key of the hashes that keep users apart. It belongs to the Store:
// entries of users outlive a restart, and are found by every process.
type storeSecret struct {
	key atomic.Pointer[[]byte]
	mu  sync.Mutex // held while the Store is asked
}

// secretTime bounds how long a request waits for the Store's secret.
const secretTime = 5 * time.Second

var errNoSecret = errors.New("caching: the store has an empty secret")

// get returns the secret. A Store that failed to give it is asked again the next time:
// what is hashed with another key would never be found again.
func (s *storeSecret) get(ctx context.Context, store Store) ([]byte, error) {
	if key := s.key.Load(); key != nil {
		return *key, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.key.Load(); key != nil {
		return *key, nil
	}
	secreter, ok := store.(Secreter)
	if !ok {
		key := randomBytes(32)
		s.key.Store(&key)
		return key, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretTime)
	defer cancel()
	key, err := secreter.Secret(ctx)
	if err == nil && len(key) == 0 {
		err = errNoSecret
	}
	if err != nil {
		return nil, err
	}
	s.key.Store(&key)
	return key, nil
}

// noSecret is why a request of a user passes the store by.
const noSecret = "the store's secret is not there"

// placeholder takes the place of a secret that has not come: nothing is stored or looked
// up under a key that was made with it.
var placeholder = randomBytes(32)

// secret returns the key of the hashes that keep users apart. If the Store does not
// give it, x is one to pass the store by.
func (x *exchange) secret() []byte {
	key, err := x.st.storeState.secret.get(x.req.Context(), x.st.store)
	if err != nil {
		if !x.secretless {
			x.tell("store", "no secret", 0, err)
		}
		x.secretless = true
		return placeholder
	}
	return key
}

// secretless sends a request of a user that no key can be made for.
func (st *state) secretless(x *exchange) (*http.Response, error) {
	if x.demand.dir.onlyIfCached || x.opts.offline {
		roundtrip.CloseBody(x.req)
		return x.refused("only-if-cached, " + noSecret), nil
	}
	return st.pass(*x, noSecret)
}
