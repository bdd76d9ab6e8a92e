package caching

import (
	"slices"
	"sync"
)

// storeState is what this process knows about one Store: the requests under way, the
// invalidations, the secret. It belongs to the Store, not to a Transport: what one
// Transport has invalidated, another one on the same Store must not serve, whatever
// crosses on the way.
type storeState struct {
	*backend
	flights    group[result]
	hitForMiss hitForMiss[string]
	// slowPaths are the paths, whatever the query, whose trips take longer than requests
	// wait for one another and bring nothing that is stored: long polls, which have a new
	// URL in each round.
	slowPaths hitForMiss[uint64]
	catalog   shared
	inUse     inUse
}

var storeStates perStore[storeState]

// stateOf returns the state of s, which is the same for all who have s.
func stateOf(s Store) *storeState {
	return storeStates.of(s, func() *storeState { return &storeState{backend: newBackend(s)} })
}

// inUse are the settings of the Transports on one Store.
type inUse struct {
	mu  sync.Mutex
	all []*settings
}

// same returns one pointer for all settings that are equal to s.
func (u *inUse) same(s *settings) *settings {
	u.mu.Lock()
	defer u.mu.Unlock()
	if i := slices.IndexFunc(u.all, s.equal); i >= 0 {
		return u.all[i]
	}
	u.all = append(u.all, s)
	return s
}
