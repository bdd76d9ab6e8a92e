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

var keySeed = maphash.MakeSeed()

type recentKey struct{ target, key string }

// maxRecent is how long a target may be, in bytes, to be remembered.
const maxRecent = 256

// of returns the key of the response to a GET of target by anybody.
func (r *recentKeys) of(target []byte) string {
	if len(target) > maxRecent {
		return hashKey(keyGet, target, nil)
	}
	place := &r[maphash.Bytes(keySeed, target)%uint64(len(r))]
	if k := place.Load(); k != nil && k.target == string(target) {
		return k.key
	}
	k := &recentKey{string(target), hashKey(keyGet, target, nil)}
	place.Store(k)
	return k.key
}
