// Package store says what a store of an HTTP cache is: it is implemented by memorystore, dirstore,
// httpcachestore, redisstore and memcachestore, and by the stores of others.
//
//	transport := &caching.Transport{Store: dir} // any store.Store
//
// # Behavior
//
// A [Store] keeps entries, which are a body and its [Meta], under keys. It knows no HTTP: when an
// entry is stored, used, updated or removed is decided by the cache above it.
//
// # Writing a store
//
// Only [Store] and [Writer] are needed, and of the steps below the first four. In this order
// they can be tested as they grow, with package storetest; httpcachestore is the shortest
// one to learn from:
//
//  1. Create, Write, Commit, Close and Get. Keep body and Meta together ([Meta.AppendBinary],
//     [ParseMeta]), with the key and a checksum, so that an entry that was damaged, cut short or
//     moved is not taken for another. Commit makes the entry visible in one step.
//  2. Writer.ReadAt, by which several callers share a body that is being stored.
//  3. Delete, and Update, which compares [Meta.ID] and replaces the Meta in one step.
//  4. A bound: a body that is too large is an [ErrTooLarge], and entries go when others come.
//  5. [Promiser]: if calls are quick or obey their context, they need no goroutine; if Commit
//     compares, processes that share the Store do not undo each other's invalidations.
//  6. [Shortener] keeps the first part of a broken download, [Secreter] the entries of users over
//     a restart, [Lister] allows purging by more than a URL, [Leaser] one fetch for many processes,
//     [Finder] few round trips to a server.
//
// # Place in a chain
//
// A Store is the field Store of a caching.Transport.
//
// # Limits
//
// A wrapper around a Store hides its optional abilities unless it has their methods itself.
package store

import (
	"context"
	"errors"
	"io"
)

// A Store keeps stored responses, each under a key. Keys are opaque strings of printable ASCII of
// at most 200 bytes. They are made of hashes, so they hold no part of a URL or of a credential.
//
// All methods may be called by several goroutines at once, and by several processes where they
// share the Store. An error of a Store costs a miss, never a request: it is reported to trace, and
// the request goes on without the Store.
//
// A Store may forget any entry at any time. It must never return a body or metadata other than
// those committed under the key. An entry that is not as it was stored (cut short, damaged, of
// another key or of another version) is removed and counts as not stored; the Store may say why
// with an error that wraps [ErrCorrupt].
//
// An error of Commit, Update or Delete says that nothing was changed, unless it wraps
// [ErrUncertain]. A method whose context has ended may return the error of the context. What Get and Create return can be used after their context has ended.
type Store interface {
	// Get returns the entry under key, or nil and no error if there is none. An [Entry] with a
	// Body must be closed by the caller.
	Get(ctx context.Context, key string) (*Entry, error)

	// Create begins a new entry. Until Commit nothing of it is visible under key, and the entry
	// that is stored there stays. size is the length of the body if it is known, else -1. A
	// Store that will not keep so much returns an error that wraps [ErrTooLarge].
	Create(ctx context.Context, key string, size int64) (Writer, error)

	// Update replaces the metadata under key. It neither reads nor writes the body. If the entry
	// under key has another [Meta.ID] than meta, or another [Meta.Version] than meta.Replaces, or
	// there is none, Update changes nothing and returns an error that wraps [ErrConflict]
	// ([Meta.Updates]). Comparing and replacing are one step: an entry that is deleted or
	// replaced at the same time is not brought back.
	Update(ctx context.Context, key string, meta *Meta) error

	// Delete removes the entry under key. It is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// A Writer takes the body of a new entry. It is used by one goroutine at a time, but for ReadAt,
// which may be called by several goroutines at once, also during the other methods. Exactly one of
// Commit and Abort ends it; calls of Write, Commit and Abort after that return an error and change
// nothing.
type Writer interface {
	// Write adds to the body. It returns an error that wraps [ErrTooLarge] when the body becomes
	// longer than the Store keeps. After an error of Write, Commit returns an error too.
	io.Writer

	// ReadAt reads what was written so far, for callers that share the response while it is
	// being stored. At the present end it returns io.EOF. It works until Close, also after
	// Commit and Abort.
	io.ReaderAt

	// Commit makes body and metadata visible under the key in one step, in place of the entry
	// that was there, if [Meta.Replaces] allows and the Store obeys that. The Store may use
	// [Meta.Expires] as a time to live. If the size that was given to Create is not what was
	// written, Commit returns an error: a body that was cut short never becomes an entry. After
	// an error nothing new is stored, unless it wraps [ErrUncertain].
	Commit(ctx context.Context, meta *Meta) error

	// Abort drops what was written.
	Abort() error

	// Close releases what ReadAt needs. It aborts a Writer that has not ended.
	io.Closer
}

// An Entry is what a Store returns for a key. It must not be changed: the Store and others share
// what it points to.
type Entry struct {
	// Meta describes the response. It is never nil.
	Meta *Meta

	// Size is the length of the body in bytes.
	Size int64

	// Bytes is the whole body, if the Store has it in memory in one piece. If it is nil and Size
	// is not zero, Body is used.
	Bytes []byte

	// Body reads the body from where it is kept. ReadAt may be called by several goroutines at
	// once. If bytes are not the ones that were stored, ReadAt returns an error that wraps
	// [ErrCorrupt] in place of them. If Body is nil, Bytes is used.
	Body interface {
		io.ReaderAt
		io.Closer
	}
}

// Close closes the body, if there is one. A nil Entry has none.
func (e *Entry) Close() error {
	if e == nil || e.Body == nil {
		return nil
	}
	return e.Body.Close()
}

// Errors of a Store, matched with [errors.Is].
var (
	// ErrTooLarge says that a body is larger than the Store keeps.
	ErrTooLarge = errors.New("store: body too large")
	// ErrConflict says that an entry was replaced or removed since its metadata was read.
	ErrConflict = errors.New("store: entry was replaced")

	// ErrUncertain says that a change was asked for, and may have been made or not, or may be
	// made yet: a server has not answered, or a disk has not said that it keeps the change.
	ErrUncertain = errors.New("store: not known whether it was done")
	// ErrCorrupt says that an entry is not as it was stored.
	ErrCorrupt = errors.New("store: entry is corrupt")
	// ErrLeased says that another holder has a lease.
	ErrLeased = errors.New("store: another has the lease")
	// ErrClosed says that a Writer, a body or a Store was used after its end.
	ErrClosed = errors.New("store: closed")
)
