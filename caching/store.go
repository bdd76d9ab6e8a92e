package caching

import (
	"context"
	"errors"
	"io"
)

// A Store keeps stored responses for a [Transport]. Keys are opaque strings of
// printable ASCII of at most 200 bytes, made of hashes by the Transport: they
// hold no part of a URL or of a credential.
//
// All methods may be called by several goroutines, and by several processes
// where the Store is shared by them. A Store that fails costs a miss, never a
// request: the Transport reports its error to trace and goes on without it.
//
// A Store may forget any entry at any time. It must never return a body or
// metadata other than what was committed under the key: what it cannot vouch for
// (truncated, flipped, of another key, of another version) it removes and
// reports as nothing stored, with an error wrapping [ErrCorrupt] if it wants
// the reason to be heard.
type Store interface {
	// Get returns what is stored under key, or nil and no error if nothing is.
	// An [Entry] with a Body must be closed by the caller.
	Get(ctx context.Context, key string) (*Entry, error)

	// Create begins a new entry. Nothing is visible under key before Commit;
	// what was stored under key stays until then. size is the length of the body
	// where it is known, else -1; a Store that knows it will not keep so much
	// returns an error wrapping [ErrTooLarge].
	Create(ctx context.Context, key string, size int64) (Writer, error)

	// Update replaces the metadata stored under key and keeps the body, without
	// reading or writing it. It does so only while the entry is the one that
	// meta was derived from, which it knows by [Meta.ID]; otherwise it returns an
	// error wrapping [ErrConflict].
	Update(ctx context.Context, key string, meta *Meta) error

	// Delete removes what is stored under key. It is no error if nothing is.
	Delete(ctx context.Context, key string) error
}

// A Writer takes the body of a new entry. It is used by one goroutine at a time,
// but for ReadAt, which may be called by several at once, also while Write runs.
// Exactly one of Commit and Abort ends it; calls after that return an error and
// change nothing.
type Writer interface {
	// Write adds to the body. It returns an error wrapping [ErrTooLarge] when the
	// body outgrows what the Store keeps; the Writer is then good for ReadAt and
	// Abort only.
	io.Writer

	// ReadAt reads what was written so far, for callers who share the response
	// while it is being stored. At the present end it returns io.EOF. It keeps
	// working after Commit and Abort until Close.
	io.ReaderAt

	// Commit makes body and metadata visible under the key at once, in place of
	// what was there. The Store may use [Meta.Expires] as a time to live. If the
	// size was given to Create and is not what was written, Commit fails: a body
	// that was cut short never becomes an entry. After an error nothing new is
	// stored, and the Writer is good for ReadAt and Close only.
	Commit(ctx context.Context, meta *Meta) error

	// Abort drops what was written.
	Abort() error

	// Close releases what ReadAt needs. It aborts if neither Commit nor Abort was
	// called.
	io.Closer
}

// An Entry is what a Store returns for a key. It is read only: the Transport
// and the Store share what it points to.
type Entry struct {
	// Meta describes the response. It is never nil.
	Meta *Meta

	// Size is the length of the body in bytes.
	Size int64

	// Bytes is the whole body, where the Store has it in memory in one piece.
	// It must not be changed. If it is nil and Size is not zero, Body is used.
	Bytes []byte

	// Body reads the body from where it is kept. ReadAt may be called by several
	// goroutines at once. Bytes that are not the ones stored are an error
	// wrapping [ErrCorrupt], not data. If nil, Bytes is used.
	Body interface {
		io.ReaderAt
		io.Closer
	}
}

// Close releases the body if it needs it.
func (e *Entry) Close() error {
	if e == nil || e.Body == nil {
		return nil
	}
	return e.Body.Close()
}

// Optional abilities of a Store. The Transport looks for them by type assertion.
type (
	// A Secreter keeps a random secret with the entries, made at the first call
	// and the same ever after, for every process that shares them. The Transport
	// uses it as the key of the hash that keeps users apart, so that entries
	// outlive a restart. Until it comes, requests of users pass the Store by. Without this
	// ability the secret lasts as long as the process.
	Secreter interface {
		Secret(ctx context.Context) ([]byte, error)
	}

	// A Leaser lets one of many processes fetch what all of them miss. Acquire
	// returns a release function if the caller may fetch, and nil if another has
	// the lease: then it is worth looking again under the key in a moment. A
	// lease ends by itself after a short time, should its holder die.
	Leaser interface {
		Acquire(ctx context.Context, key string) (release func(), err error)
	}

	// A Shortener is a [Writer] that makes entries of bodies that were cut short:
	// Shorten, called before Commit, says that what was written is all there will
	// be, whatever size was given to Create. The Transport keeps such a body as a
	// part, whose rest it asks for later. Without it the body is dropped.
	Shortener interface {
		Shorten()
	}

	// A Timed is a Store that says how long its methods take. self is the Store that says
	// so: a type that embeds another Store, and so has its Timing method, says nothing
	// about itself by it.
	Timed interface {
		Timing() (self Store, timing Timing)
	}

	// A Lister goes through the entries, for purging and for inspection. yield
	// returns false to stop.
	Lister interface {
		List(ctx context.Context, yield func(key string, meta *Meta, size int64) bool) error
	}
)

// Timing is how long the methods of a Store take.
type Timing uint8

const (
	// TimingUnknown says: perhaps for ever. The Transport calls the Store in goroutines of its
	// own, at most 64 for one Store, so that no request waits longer than
	// [Transport.StoreWait].
	TimingUnknown Timing = iota
	// TimingImmediate says: no longer than the memory or a local disk takes. The Transport calls
	// the Store in place.
	TimingImmediate
	// TimingContext says: until their context ends, at most. The Transport calls those methods
	// in place that have a context, with a deadline. What Get and Create return must work
	// after the context has ended.
	TimingContext
)

// Errors of a Store, matched with [errors.Is].
var (
	// ErrTooLarge says that a body is larger than the Store keeps.
	ErrTooLarge = errors.New("caching: body too large for the store")
	// ErrConflict says that an entry has been replaced since its metadata was read.
	ErrConflict = errors.New("caching: entry was replaced")
	// ErrCorrupt says that what was stored is not what was found.
	ErrCorrupt = errors.New("caching: entry is corrupt")
	// ErrClosed says that a Writer or a Store was used after its end.
	ErrClosed = errors.New("caching: closed")
)
