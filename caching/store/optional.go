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
