package memcachestore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/store"
)

// Find implements [store.Finder]. One command gets all that is on one server. memcached has no scripts, so
// that a lease is a command of its own, before that which gets the entries; if it is only known afterwards
// that it is wanted, its entry is got again.
func (s *Store) Find(ctx context.Context, w store.Want) (f store.Found, err error) {
	if err := s.usable(ctx); err != nil {
		return f, err
	}
	if w.Lease != "" && w.Always {
		f.Release, f.LeaseErr = s.lease(ctx, w.Lease)
	}
	names := make([]name, len(w.Entries))
	heads := make([]string, len(w.Entries))
	for i, e := range w.Entries {
		names[i] = s.name(e.Key)
		heads[i] = names[i].head
	}
	items, failed := s.client.GetMulti(heads)
	if failed != nil && len(items) == 0 && f.Release == nil {
		return store.Found{}, wrap("get", failed)
	}
	f.Entries = make([]store.FoundEntry, len(w.Entries))
	for i, e := range w.Entries {
		item, err := items[heads[i]], failed
		switch {
		case item != nil:
			err = nil
		case err == nil:
			err = memcache.ErrCacheMiss
		}
		if e.Key == w.Lease && !w.Always && missing(err) {
			if f.Release, f.LeaseErr = s.lease(ctx, e.Key); f.Release != nil {
				item, err = s.client.Get(heads[i])
			}
		}
		f.Entries[i] = s.found(e, names[i], item, err)
	}
	return f, nil
}

// found returns the entry that is wanted, whose first item was got, or the error.
func (s *Store) found(w store.Wanted, n name, item *memcache.Item, err error) (f store.FoundEntry) {
	defer func() { s.counts.Got(f.Entry, f.Err) }()
	switch {
	case missing(err):
		f.Same = w.Seen == store.Absent
		return f
	case err != nil:
		f.Err = wrap("get", err)
		return f
	}
	h, err := parseHead(w.Key, item.Value)
	if err != nil {
		f.Err = s.drop(n, item.Value, err)
		return f
	}
	s.recent.keep(item)
	if f.Same = w.Seen != 0 && w.Seen == h.meta.Version; f.Same {
		return f
	}
	e := &store.Entry{Meta: h.meta, Size: h.size, Bytes: h.inline}
	if h.chunks > 0 {
		b := &body{s: s, name: n, head: h, value: item.Value}
		if f.Err = b.find(); f.Err != nil {
			return f
		}
		if h.chunks > 1 {
			e.Body = b
		} else {
			e.Bytes = b.window[0]
		}
	}
	f.Entry = e
	return f
}

// lease is Acquire with an error if another has the lease.
func (s *Store) lease(ctx context.Context, key string) (release func(), err error) {
	if release, err = s.Acquire(ctx, key); release == nil && err == nil {
		err = store.ErrLeased
	}
	return release, err
}

// Acquire implements [store.Leaser].
func (s *Store) Acquire(ctx context.Context, key string) (release func(), err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	token := []byte(rand.Text())
	lease := s.name(key).lease
	err = s.client.Add(&memcache.Item{Key: lease, Value: token, Expiration: seconds(cmp.Or(s.LeaseTime, DefaultLeaseTime))})
	if errors.Is(err, memcache.ErrNotStored) {
		return nil, nil //nolint:nilnil // another has the lease
	}
	if err != nil {
		return nil, wrap("lease", err)
	}
	return func() {
		// The lease ends by itself if this fails.
		_ = s.remove(lease, func(v []byte) bool { return bytes.Equal(v, token) })
	}, nil
}
