package caching

import (
	"slices"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// storeState is what this process knows about one Store: the requests under way, the
// invalidations, the secret. It belongs to the Store and not to a Transport, since what one
// Transport has invalidated another one on the same Store must not serve.
type storeState struct {
	*guard.Backend
	flights    collapse.Group[result]
	hitForMiss collapse.HitForMiss[string]
	// slowPaths are the paths, whatever the query, whose trips take longer than requests
	// wait for one another and bring nothing that is stored: long polls, which have a new
	// URL in each round.
	slowPaths collapse.HitForMiss[uint64]
	catalog   catalog.Shared
	inUse     inUse
}

var storeStates guard.PerStore[storeState]

// stateOf returns the state of s, which is the same for all Transports on s.
func stateOf(s store.Store) *storeState {
	return storeStates.Of(s, func() *storeState { return &storeState{Backend: guard.NewBackend(s)} })
}

// inUse are the settings of the Transports on one Store.
type inUse struct {
	mu  sync.Mutex
	all []*policy.Settings
}

// same returns one pointer for all settings that are equal to s.
func (u *inUse) same(s *policy.Settings) *policy.Settings {
	u.mu.Lock()
	defer u.mu.Unlock()
	if i := slices.IndexFunc(u.all, s.Equal); i >= 0 {
		return u.all[i]
	}
	u.all = append(u.all, s)
	return s
}
