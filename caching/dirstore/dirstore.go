// Package dirstore keeps what an HTTP cache stores in a directory, which several processes may share.
//
//	dir, err := dirstore.Open(path, &dirstore.Options{MaxBytes: 1 << 30})
//	transport := &caching.Transport{Store: dir}
//
// # Behavior
//
// An entry is a file. It is written under another name and then renamed, so that neither a crash nor
// another process leaves half an entry. A 304 writes new metadata beside the old and does not touch the
// body. File names are hashes. Nothing outside the directory can be reached through it ([os.Root]).
//
// Each 32 KiB of a body have a checksum, or are encrypted. A hit streams from the file; at most 32 KiB
// are held in memory. The first 32 KiB are checked before Get returns: if they are damaged, the entry is
// a miss. Damage further on is an error of Body.ReadAt that wraps [store.ErrCorrupt].
//
// The bound counts the blocks of 4 KiB that files take, also those being written. Shortly below the bound
// a goroutine begins to evict, which Close ends. At the bound a Write or Commit evicts as many bytes as
// it adds, so the bound is exceeded by no more than what is being added at that moment: 36 KiB and the
// metadata of each entry being written. A process notices what others store after it has written a
// sixteenth of the bound, so each may exceed the bound by that much more. About the least recently used
// entry is evicted first, and entries that were never got before all others. An entry takes at most half of the bound.
//
// # Place in a chain
//
// It is the Store of a caching.Transport.
//
// # Limits
//
// Where there are no file locks (Windows, Plan 9) leases and the files of crashed processes go by time,
// and the store does not promise to swap ([store.Promises.Swaps]). A file system that is not local is Options.Remote.
package dirstore

// The files, in the order in which to read them: format.go and seal.go say what is in a file, read.go,
// write.go, update.go and swap.go do it, root.go and lock_unix.go make and lock files; index.go is what is known of them,
// evict.go and scan.go keep the bound; list.go, secret.go and lease.go are the optional abilities.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// DefaultMaxBytes is what a [Store] holds at most, in bytes, unless its options say otherwise.
const DefaultMaxBytes = 1 << 30

// Options are the options of [Open]. The zero value consists of defaults.
type Options struct {
	// MaxBytes is what the directory holds at most, in bytes of disk. If zero or negative,
	// [DefaultMaxBytes] is used. All processes that share a directory should give the same.
	MaxBytes int64

	// Sync makes Commit and Update wait until the disk has what was written. If false, what
	// was stored shortly before a power cut may be lost. It is never served broken.
	Sync bool

	// Remote says that the directory is on another machine, or on a disk that may take long.
	// Its [store.Timing] is then [store.TimingUnknown], so that no request waits longer than the Transport
	// allows. If false, the directory is taken to be on a local disk.
	Remote bool

	// ReadOnly opens a directory that exists, to look into it, and changes nothing in it: entries
	// that are damaged, or of another key, are left where they are, nothing is evicted, and what
	// would write is an error. If false, the directory is made if it does not exist.
	ReadOnly bool

	// Key returns the secret that entries are encrypted with (AES-256-GCM, each entry under
	// a key of its own that is derived from the secret). It is called once and must return at
	// least 16 random bytes. Entries of another key, and entries that are not encrypted, are
	// removed when they are found. If nil, entries are not encrypted.
	Key func() ([]byte, error)
}

// Store is a [store.Store] in a directory, bounded by bytes. It is made by [Open]; the zero value
// keeps nothing, and its methods say so. It is safe for concurrent use, and several processes may
// open one directory at once. It holds one file descriptor, and one for each entry that is being
// read or written. If the disk is full or read only, it keeps less or nothing, and still serves the
// entries it has.
type Store struct {
	path  string
	limit int64
	opts  Options
	key   []byte // nil: not encrypted

	root   atomic.Pointer[os.Root] // path/v1
	shards [256]shard
	closed atomic.Bool

	used    atomic.Int64 // bytes of disk that entries take
	unused  atomic.Int64 // those of entries that were never got
	writing atomic.Int64 // bytes of disk reserved for entries being written
	unseen  atomic.Int64 // bytes written since the last scan
	scans   int          // how many there were; only scan uses it

	tidyMu  sync.Mutex    // guards tidying
	tidying chan struct{} // closed when the goroutine of tidy ends; nil: there is none
	rootMu  sync.Mutex    // held while the directory is opened again, or closed; before the locks of shards

	counts storekit.Counters
}

// place is where the file of an entry is: path/v1/xx/name, where xx is the number of the shard.
type place struct {
	shard int
	path  string // below v1
}

const versionDir = "v1"

func placeOf(key string) place {
	sum := sha256.Sum256([]byte(key))
	name := make([]byte, 0, 2*len(sum)+1)
	name = hex.AppendEncode(name, sum[:1])
	name = append(name, '/')
	name = hex.AppendEncode(name, sum[1:])
	return place{int(sum[0]), string(name)}
}

// Open opens the directory at path and makes it if it does not exist. If opts is nil,
// the zero [Options] is used. It looks at every file once, which takes about half a
// second for 100,000 entries, and removes what crashed processes have left.
func Open(path string, opts *Options) (*Store, error) {
	if path == "" {
		return nil, errors.New("dirstore: open: the path is empty")
	}
	if opts == nil {
		opts = &Options{}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("dirstore: open: %w", err)
	}
	d := &Store{path: abs, limit: DefaultMaxBytes, opts: *opts}
	if opts.MaxBytes > 0 {
		d.limit = opts.MaxBytes
	}
	for i := range d.shards {
		d.shards[i].nodes, d.shards[i].oldest = make(map[string]node), ages{never, never}
	}
	if opts.Key != nil {
		key, err := opts.Key()
		if err != nil {
			return nil, fmt.Errorf("dirstore: key: %w", err)
		}
		if len(key) < 16 {
			return nil, errors.New("dirstore: key: shorter than 16 bytes")
		}
		sum := sha256.Sum256(key) // of one length, and not the caller's slice
		d.key = sum[:]
	}
	if err := d.openRoot(); err != nil {
		return nil, fmt.Errorf("dirstore: open: %w", err)
	}
	d.scan(true)
	if !d.opts.ReadOnly {
		d.evict(d.limit, math.MaxInt64, math.MaxInt)
	}
	return d, nil
}

// errNotOpened is the error of the zero Store.
var errNotOpened = errors.New("dirstore: a Store that was not made by Open")

// errReadOnly is the error of what would write to a directory that was opened with
// [Options.ReadOnly].
var errReadOnly = fmt.Errorf("dirstore: opened read-only: %w", fs.ErrPermission)

// writable returns why a call with ctx that writes cannot be answered, if it cannot.
func (d *Store) writable(ctx context.Context) error {
	if d.opts.ReadOnly {
		return errReadOnly
	}
	return d.usable(ctx)
}

// usable returns why a call with ctx cannot be answered, if it cannot.
func (d *Store) usable(ctx context.Context) error {
	switch {
	case d.root.Load() == nil:
		return errNotOpened
	case d.closed.Load():
		return store.ErrClosed
	}
	return ctx.Err()
}

// Promises implements [store.Promiser].
func (d *Store) Promises() (store.Store, store.Promises) {
	p := store.Promises{Timing: store.TimingImmediate, Swaps: fileLocks && !d.opts.Remote}
	if d.opts.Remote {
		p.Timing = store.TimingUnknown
	}
	return d, p
}

// Get implements [store.Store].
func (d *Store) Get(ctx context.Context, key string) (entry *store.Entry, err error) {
	if err := d.usable(ctx); err != nil {
		return nil, err
	}
	defer func() { d.counts.Got(entry, err) }()
	at := placeOf(key)
	f, err := d.open(at, os.O_RDONLY)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			d.forget(at)
			return nil, nil
		}
		return nil, fmt.Errorf("dirstore: open entry: %w", err)
	}
	e, err := d.load(f, at, key)
	if err != nil {
		if errors.Is(err, store.ErrCorrupt) {
			d.discard(at, f)
		}
		_ = f.Close()
		return nil, err
	}
	d.touch(at, e.head.end())
	return &e.entry, nil
}

// open opens the file of an entry.
func (d *Store) open(at place, flag int) (*os.File, error) {
	f, err := d.root.Load().OpenFile(at.path, flag|nonblock, 0)
	if err != nil && d.closed.Load() {
		return nil, store.ErrClosed
	}
	return f, err
}

// discard removes the entry in f, which was found broken, unless it has been replaced since.
func (d *Store) discard(at place, f *os.File) {
	d.counts.Corrupt.Add(1)
	if d.opts.ReadOnly {
		return
	}
	if root := d.root.Load(); isFile(root, at.path, f) && root.RemoveAll(at.path) == nil {
		d.forget(at)
	}
}

// Delete implements [store.Store].
func (d *Store) Delete(ctx context.Context, key string) (err error) {
	if err := d.writable(ctx); err != nil {
		return err
	}
	defer func() { d.counts.Did(err) }()
	at := placeOf(key)
	release, err := d.lockShard(ctx, at.shard)
	if errors.Is(err, fs.ErrNotExist) {
		d.forget(at)
		return nil
	}
	if err != nil {
		return fmt.Errorf("dirstore: delete entry: %w", err)
	}
	defer release()
	if err := d.root.Load().Remove(at.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dirstore: delete entry: %w", err)
	}
	d.forget(at)
	return nil
}

// Stats returns what d holds, as far as it knows, and what it did since it was opened.
func (d *Store) Stats() store.Stats {
	s := d.counts.Stats()
	s.Entries, s.Bytes, s.Limit = 0, d.used.Load()+d.writing.Load(), d.limit
	for i := range d.shards {
		d.shards[i].mu.Lock()
		s.Entries += int64(len(d.shards[i].nodes))
		d.shards[i].mu.Unlock()
	}
	return s
}

// Format implements [fmt.Formatter]. It prints the name of the type only: d holds a key.
func (d *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "dirstore.Store") }

// Close closes d, and waits for what it does in the background, which ends with the file that is being
// removed or looked at. Entries that were got can still be read; every other call returns an error
// that wraps [store.ErrClosed].
func (d *Store) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	d.tidied()
	d.rootMu.Lock()
	defer d.rootMu.Unlock()
	root := d.root.Load()
	if root == nil {
		return nil
	}
	return root.Close()
}
