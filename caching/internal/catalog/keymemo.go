package catalog

import (
	"hash/maphash"
	"net/http"
	"net/url"
	"sync/atomic"
)

// keyMemo remembers the keys of some targets: most requests are for a target that was
// asked for before, and hashing it takes a good part of the time of a hit. A target is
// remembered when it is asked for twice, with none of the others that have its place in between:
// where there are more targets than places, remembering each would cost more than it saves. Only
// keys that need no secret are in it. The zero value is ready to use.
type keyMemo [1024]struct {
	seen atomic.Uint32 // part of the hash of the target that was last asked for
	key  atomic.Pointer[memoKey]
}

var keySeed = maphash.MakeSeed()

// memoKey is the key of a URL, whose strings it owns.
type memoKey struct {
	url url.URL
	key string
}

// maxMemo is how long a URL may be, in bytes, to be remembered.
const maxMemo = 256

// of returns the key of the response to a GET by anybody of the target of req.
func (m *keyMemo) of(req *http.Request) string {
	u := req.URL
	n := len(u.Scheme) + len(u.Host) + len(u.Path) + len(u.RawPath) + len(u.RawQuery)
	if u.Opaque != "" || u.User != nil || u.Fragment != "" || req.Host != "" && req.Host != u.Host || n > maxMemo {
		return getKey(req)
	}
	hash := maphash.String(keySeed, u.Path) + maphash.String(keySeed, u.RawQuery) + maphash.String(keySeed, u.Host)
	place := &m[hash%uint64(len(m))]
	if k := place.key.Load(); k != nil && k.url == *u {
		return k.key
	}
	key := getKey(req)
	if seen := uint32(hash >> 32); place.seen.Load() != seen { //nolint:gosec // a part is enough
		place.seen.Store(seen)
		return key
	}
	k := &memoKey{*u, key}
	own := u.Scheme + u.Host + u.Path + u.RawPath + u.RawQuery // the strings of u may be parts of something large
	for _, part := range []*string{&k.url.Scheme, &k.url.Host, &k.url.Path, &k.url.RawPath, &k.url.RawQuery} {
		*part, own = own[:len(*part)], own[len(*part):]
	}
	place.key.Store(k)
	return key
}

// getKey is the key of the response to a GET by anybody of the target of req.
func getKey(req *http.Request) string {
	var room [256]byte
	return hashKey(keyGet, AppendTarget(room[:0], req, req.URL.RawQuery), nil)
}

// A TextMemo remembers the texts of some values, so that they are not made again. Of two values in
// one place the later stays. The zero value is ready to use.
type TextMemo[K comparable] [256]atomic.Pointer[memoText[K]]

type memoText[K comparable] struct {
	key  K
	text string
}

// Of returns the text of key, which text makes. Most values should have different places.
func (m *TextMemo[K]) Of(key *K, place uint, text func() string) string {
	at := &m[place%uint(len(m))]
	if t := at.Load(); t != nil && t.key == *key {
		return t.text
	}
	t := &memoText[K]{*key, text()}
	at.Store(t)
	return t.text
}
