package catalog

import (
	"hash/maphash"
	"net/http"
	"net/url"
	"sync/atomic"
)

// keyMemo remembers the keys of some targets, for everybody or for a user: most requests are for a
// target that was asked for before, and hashing it takes a good part of the time of a hit. A target is
// remembered when it is asked for twice, with none of the others that have its place in between:
// where there are more targets than places, remembering each would cost more than it saves. The zero
// value is ready to use.
type keyMemo [1024]struct {
	seen atomic.Uint32 // part of the hash of the target that was last asked for
	key  atomic.Pointer[memoKey]
}

var keySeed = maphash.MakeSeed()

// memoKey has the keys of a URL for a user, and owns the strings of both.
type memoKey struct {
	url         url.URL
	user        string // empty for everybody
	target, key string
}

// Bounds of what is remembered, in bytes: the strings of a URL together, and the user. The
// principal of package auth has up to 32 names.
const (
	maxMemo = 256
	maxUser = 2 << 10
)

// of returns the key of the target of req, and that of the response to a GET of it by the user, which
// newKey makes. They are remembered unless newKey returns false.
func (m *keyMemo) of(req *http.Request, user string, newKey func(user string) (key string, final bool)) (target, key string) {
	u := req.URL
	n := len(u.Scheme) + len(u.Host) + len(u.Path) + len(u.RawPath) + len(u.RawQuery)
	if u.Opaque != "" || u.User != nil || u.Fragment != "" || req.Host != "" && req.Host != u.Host || n > maxMemo || len(user) > maxUser {
		target, key, _ = m.made(req, user, newKey)
		return target, key
	}
	hash := maphash.String(keySeed, u.Path) + maphash.String(keySeed, u.RawQuery) + maphash.String(keySeed, u.Host)
	if user != "" {
		hash += maphash.String(keySeed, user)
	}
	place := &m[hash%uint64(len(m))]
	if k := place.key.Load(); k != nil && k.user == user && k.url == *u {
		return k.target, k.key
	}
	target, key, final := m.made(req, user, newKey)
	if !final {
		return target, key
	}
	if seen := uint32(hash >> 32); place.seen.Load() != seen { //nolint:gosec // a part is enough
		place.seen.Store(seen)
		return target, key
	}
	k := &memoKey{*u, user, target, key}
	own := u.Scheme + u.Host + u.Path + u.RawPath + u.RawQuery + user // the strings may be parts of something large
	for _, part := range []*string{&k.url.Scheme, &k.url.Host, &k.url.Path, &k.url.RawPath, &k.url.RawQuery, &k.user} {
		*part, own = own[:len(*part)], own[len(*part):]
	}
	place.key.Store(k)
	return target, key
}

// made returns keys that are not remembered together.
func (m *keyMemo) made(req *http.Request, user string, newKey func(user string) (key string, final bool)) (target, key string, final bool) {
	key, final = newKey(user)
	if target = key; user != "" {
		target, _ = m.of(req, "", newKey)
	}
	return target, key, final
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
