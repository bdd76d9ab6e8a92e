package caching

import (
	"reflect"
	"runtime"
	"slices"
	"sync"
	"weak"
)

// storeState is what this process knows about one Store: the requests under way, the
// invalidations, the secret. It belongs to the Store, not to a Transport: what one
// Transport has invalidated, another one on the same Store must not serve, whatever
// crosses on the way.
type storeState struct {
	store Store

	flights    group[result]
	hitForMiss hitForMiss[string]
	// slowPaths are the paths, whatever the query, whose trips take longer than requests
	// wait for one another and bring nothing that is stored: long polls, which have a new
	// URL in each round.
	slowPaths hitForMiss[uint64]
	catalog   shared
	secret    storeSecret
	inUse     inUse

	reads, writes health
	slots         slots
}

// storeStates finds the state of a Store for every Transport that has the Store. It
// keeps neither alive: the entry goes when the last Transport is gone.
var storeStates = struct {
	mu sync.Mutex
	m  map[any]weak.Pointer[storeState]
}{m: make(map[any]weak.Pointer[storeState])}

// stateOf returns the state of s, which is the same for all who have s.
func stateOf(s Store) *storeState {
	key := identityOf(s)
	if key == nil {
		return &storeState{store: s}
	}
	storeStates.mu.Lock()
	defer storeStates.mu.Unlock()
	if known := storeStates.m[key].Value(); known != nil {
		return known
	}
	made := &storeState{store: s}
	storeStates.m[key] = weak.Make(made)
	runtime.AddCleanup(made, forgetState, key)
	return made
}

// forgetState removes what is left in the registry of a state that is no more.
func forgetState(key any) {
	storeStates.mu.Lock()
	defer storeStates.mu.Unlock()
	if storeStates.m[key].Value() == nil { // else the Store has a new one
		delete(storeStates.m, key)
	}
}

// identityOf returns a value that is equal for two Stores if they are one, or nil if
// nothing can tell. A pointer is told by its address alone, so that the registry does
// not keep the Store alive: the state does, as long as the address is in use here.
func identityOf(s Store) any {
	v := reflect.ValueOf(s)
	switch {
	case v.Kind() == reflect.Pointer:
		if v.IsNil() || v.Type().Elem().Size() == 0 {
			return nil // all values without a size may have one address
		}
		return storeAddress{v.Type(), v.Pointer()}
	case v.Type().Size() == 0 || !v.Comparable():
		return nil
	}
	return s
}

type storeAddress struct {
	kind reflect.Type
	at   uintptr
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
