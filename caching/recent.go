package caching

import (
	"hash/maphash"
	"sync/atomic"
)

// recentKeys remembers the keys of some targets, since what is asked for is
// mostly what was asked for before and hashing it takes a good part of the time
// of a hit. Of two targets in one place the later stays. Only keys that need no
// secret are in it.
type recentKeys [256]atomic.Pointer[recentKey]

type recentKey struct{ target, key string }

// maxRecent is how long a target may be, in bytes, to be remembered.
const maxRecent = 256

// of returns the key of the response to a GET of target by anybody.
func (r *recentKeys) of(target []byte) string {
	if len(target) > maxRecent {
		return hashKey(keyGet, target, nil)
	}
	place := &r[maphash.Bytes(seed, target)%uint64(len(r))]
	if k := place.Load(); k != nil && k.target == string(target) {
		return k.key
	}
	k := &recentKey{string(target), hashKey(keyGet, target, nil)}
	place.Store(k)
	return k.key
}

// recentStatus remembers how some states are written in Cache-Status: one cache
// has few different things to say.
type recentStatus [16]atomic.Pointer[statusText]

type statusText struct {
	status
	text string
}

// text returns s as the member of the cache called name, which is always the
// same.
func (r *recentStatus) text(s *status, name string) string {
	if s.hasTTL || s.key != "" {
		return s.String(name) // it is another every second, or for every response
	}
	place := &r[uint(len(s.fwd)+len(s.detail)+s.fwdStatus)%uint(len(r))]
	if t := place.Load(); t != nil && t.status == *s {
		return t.text
	}
	t := &statusText{*s, s.String(name)}
	place.Store(t)
	return t.text
}
