package store

import (
	"context"
	"iter"
)

// The optional abilities of a Store. Each says what needs it, and what happens without it. All are found by type
// assertion, so a wrapper around a Store has only those that it has methods for. Package storetest tests
// those that a Store has.
type (
	// A Promiser says how its methods behave beyond what [Store] asks of all. self is the receiver: a
	// type that embeds another Store has its Promises method too, and promises nothing by it. The
	// answer is always the same. A Store without this ability promises nothing.
	Promiser interface {
		Promises() (self Store, p Promises)
	}

	// A Secreter keeps a random secret of at least 16 bytes with its entries. The secret is made
	// at the first call, and is the same ever after for every process that shares the Store. It
	// is the key of the hash that keeps users apart: with the same secret, entries of users are
	// found again after a restart. Until it comes, requests of users do not use the Store.
	// Without this ability there is a secret that lasts as long as the process: what is stored for
	// users is found by no other process, and not after a restart.
	Secreter interface {
		Secret(ctx context.Context) ([]byte, error)
	}

	// A Leaser lets one of many processes fetch what all of them miss. Acquire returns a release
	// function if the caller may fetch, and nil if another has the lease: then the entry may be
	// there in a moment. A lease ends by itself after a short time, in case its holder dies.
	// release may be called more than once. Without this ability each process fetches once.
	Leaser interface {
		Acquire(ctx context.Context, key string) (release func(), err error)
	}

	// A Finder gets several entries and a lease in as few round trips as its server allows. It is
	// used in place of Get for look-ups, and in place of Acquire. Without this ability each entry that
	// a look-up reads is a call of Get, and before a response is fetched there are two more calls:
	// of Acquire, and of Get again, since another process may have stored the response before it gave
	// the lease back.
	Finder interface {
		Leaser
		// Find does what Get does for each of w.Entries, and what Acquire does for w.Lease. It returns
		// an error of its own only if it knows nothing of any entry, and has no lease.
		Find(ctx context.Context, w Want) (Found, error)
	}

	// A Shortener is a [Writer] that makes entries of bodies that were cut short. Shorten is
	// called before Commit and says that what was written is the whole body, whatever size was
	// given to Create. Such an entry is kept as a part, the rest of which is asked for later.
	// Without this ability a body that was cut short is dropped.
	Shortener interface {
		Shorten()
	}

	// A Lister goes through all entries, in no order, for purging by more than a URL, and for
	// inspection. The loop may delete entries. Those that are stored or removed meanwhile may be
	// listed or not. A pair with an error is the last one, and says that the list is not complete.
	// Without this ability a cache cannot be inspected, and can be purged only by URL and as a whole.
	Lister interface {
		List(ctx context.Context) iter.Seq2[Listed, error]
	}
)

// A Want is what a [Finder] is asked for.
type Want struct {
	// Entries are what to get: at least one, each under another key.
	Entries []Wanted
	// Lease is the key whose lease is wanted. If empty, none is.
	Lease string
	// Always says that the lease is wanted whatever is stored. If false, it is wanted only if
	// nothing is stored under Lease, which is then one of the keys of Entries.
	Always bool
}

// Wanted is an entry that a [Finder] is to get.
type Wanted struct {
	Key string
	// Seen is the [Meta.Version] of the entry that the caller has read before, or [Absent] if nothing
	// was stored. If that is still so the entry need not be read again. Zero stands for nothing read.
	Seen Version
}

// Found is what a [Finder] has found.
type Found struct {
	// Entries has a result for each of [Want.Entries], in the same order.
	Entries []FoundEntry
	// Release gives the lease back. It is nil if the caller has not got the lease. If it has, the
	// entry under the key of the lease was read while the caller had it. Entries under other
	// keys may have been read a moment before. It may be called more than once.
	Release func()
	// LeaseErr says why a lease that was wanted was not got: [ErrLeased] if another holder has
	// it. It is nil without an error, also if something is stored and the lease was therefore not
	// wanted.
	LeaseErr error
}

// FoundEntry is the result for one entry.
type FoundEntry struct {
	// Entry and Err are what Get returns.
	Entry *Entry
	Err   error
	// Same says that the entry is as it was seen. Then Entry is nil.
	Same bool
}

// Close closes the entries and gives the lease back.
func (f *Found) Close() {
	for i := range f.Entries {
		_ = f.Entries[i].Entry.Close()
	}
	if f.Release != nil {
		f.Release()
	}
}

// Listed is an entry in a list. What Meta points to must not be changed.
type Listed struct {
	Key  string
	Meta *Meta
	// Size is the length of the body in bytes.
	Size int64
}

// Promises are what a Store says of itself, see [Promiser]. The zero value promises nothing.
type Promises struct {
	// Timing is how long the methods of the Store may take.
	Timing Timing

	// Swaps says that Commit obeys [Meta.Replaces], in one step for all processes that use the
	// Store. The cache needs it where processes share a Store, so that the response of one does
	// not take the place of another's invalidation. Without it, that can happen if both are
	// written at the same moment.
	Swaps bool

	// OneProcess says that no other process, and no other Store, sees the entries. To invalidate
	// one it is then enough to delete it. Without it, the cache writes an empty entry in its place, by
	// which other processes know that what they are fetching was invalidated meanwhile. If the Store
	// answers at once too, Update and Delete wait for nobody, and are called without a deadline.
	OneProcess bool
}

// Timing is how long the methods of a Store may take.
type Timing uint8

const (
	// TimingUnknown says: perhaps for ever. Each call is made in a goroutine of its own, at most
	// 64 at once for one Store, so that a request does not wait for it longer than it may.
	TimingUnknown Timing = iota

	// TimingImmediate says: no longer than memory or a local disk takes. Methods are called by
	// the goroutine of the request.
	TimingImmediate

	// TimingContext says: no longer than until their context ends. Methods that have a context
	// are called by the goroutine of the request, with a deadline.
	TimingContext
)
