package caching

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultDirBytes is what a [Dir] holds at most, in bytes, unless its options say otherwise.
const DefaultDirBytes = 1 << 30

// DirOptions are the options of [OpenDir]. The zero value consists of defaults.
type DirOptions struct {
	// MaxBytes is what the directory holds at most, in bytes of disk. If zero or negative,
	// [DefaultDirBytes] is used. All processes that share a directory should give the same.
	MaxBytes int64

	// Sync makes Commit and Update wait until the disk has what was written. If
	// false, what was stored shortly before a power cut may be lost; it is never
	// served broken either way.
	Sync bool

	// Remote says that the directory is on another machine, or on a disk that may take long:
	// requests do not wait for it longer than [Transport.StoreWait]. If false, it is taken
	// for one on a local disk, and called in place.
	Remote bool

	// Key returns the secret that entries are encrypted with (AES-256-GCM, under a
	// key for each entry that is derived from it). It is called once and must
	// return at least 16 bytes of which nobody else knows anything. Entries of
	// another key, or of none, are removed where they are met. If nil, entries are
	// not encrypted.
	Key func() ([]byte, error)
}

// Dir is a [Store] in a directory, bounded by bytes. Several processes may use one
// directory at once.
//
// An entry is a file with a checksum for every 32 KiB of its body. It is written
// under another name and then renamed, so that neither a crash nor another process
// ever leaves half an entry; a 304 writes new metadata beside the old and does not
// touch the body. A hit streams from the file, and no more than a piece is held in
// memory. The first 32 KiB are checked before Get returns, and what is found broken
// there is a miss; further on it is an error of Body.ReadAt that wraps
// [ErrCorrupt]. File names are hashes. Nothing outside the directory can be reached
// through it ([os.Root]).
//
// The bound counts files by the blocks of 4 KiB they take, those being written
// included. What other processes store is noticed after a sixteenth of the bound
// was written, so that each may exceed it by as much. What was used least recently
// goes first, what was never used before all. An entry takes at most half of the
// bound.
//
// A Dir is made by [OpenDir]; the zero value keeps nothing, and its methods
// say so. It holds one descriptor open, and one for each entry that is being read or
// written. A Dir is safe for concurrent use. A full disk or one that is read only makes it
// keep less or nothing; what it has it still serves.
type Dir struct {
	path  string
	limit int64
	opts  DirOptions
	key   []byte // nil: not encrypted

	root   atomic.Pointer[os.Root] // path/v1
	shards [256]dirShard
	closed atomic.Bool

	used    atomic.Int64 // by entries, in blocks
	writing atomic.Int64 // by entries being written
	unseen  atomic.Int64 // written since the last scan
	cleanMu sync.Mutex   // held while scanning and evicting
	scans   int

	hits, misses, stored, evicted, refused, broken atomic.Int64
}

// dirShard is one of the directories that the entries are spread over.
type dirShard struct {
	made   atomic.Bool // it is there, as far as is known
	update sync.Mutex  // one Update at a time

	mu    sync.Mutex
	nodes map[string]dirNode
	seen  time.Time // modification of the directory when it was last read
}

// dirPlace is where the entry of a key is: v1/shard/name.
type dirPlace struct {
	shard int
	name  string
}

const dirVersion = "v1"

func newDirPlace(key string) dirPlace {
	sum := sha256.Sum256([]byte(key))
	return dirPlace{shard: int(sum[0]), name: hex.EncodeToString(sum[1:])}
}

// OpenDir opens the directory at path and makes it if it does not exist. If opts is nil,
// the zero [DirOptions] is used. It looks at every file once, which takes about half a
// second for 100,000 entries, and removes what crashed processes have left.
func OpenDir(path string, opts *DirOptions) (*Dir, error) {
	if path == "" {
		return nil, errors.New("caching: open directory: the path is empty")
	}
	if opts == nil {
		opts = &DirOptions{}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("caching: open directory: %w", err)
	}
	d := &Dir{path: abs, limit: DefaultDirBytes, opts: *opts}
	if opts.MaxBytes > 0 {
		d.limit = opts.MaxBytes
	}
	for i := range d.shards {
		d.shards[i].nodes = make(map[string]dirNode)
	}
	if opts.Key != nil {
		key, err := opts.Key()
		if err != nil {
			return nil, fmt.Errorf("caching: key of directory: %w", err)
		}
		if len(key) < 16 {
			return nil, errors.New("caching: key of directory: shorter than 16 bytes")
		}
		sum := sha256.Sum256(key) // of one length, and not the caller's slice
		d.key = sum[:]
	}
	if err := d.openRoot(); err != nil {
		return nil, fmt.Errorf("caching: open directory: %w", err)
	}
	d.scan(true)
	d.evict(d.limit)
	return d, nil
}

// dirTag is what backup programs look for to pass over a directory
// (https://bford.info/cachedir/).
const dirTag = "Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache of HTTP responses (tripper/caching).\n"

// openRoot opens path/v1 anew and makes what is missing of it.
func (d *Dir) openRoot() error {
	v := filepath.Join(d.path, dirVersion)
	if err := os.MkdirAll(v, 0o700); err != nil {
		if i, serr := os.Stat(v); serr != nil || !i.IsDir() {
			return err
		}
	}
	root, err := openRealDir(v)
	if err != nil {
		return err
	}
	if i, err := root.Stat("."); err == nil && i.Mode().Perm()&0o077 != 0 {
		root.Chmod(".", 0o700) //nolint:errcheck // then the owner wants it so
	}
	if f, err := root.OpenFile("CACHEDIR.TAG", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		_, _ = f.WriteString(dirTag)
		_ = f.Close()
	}
	if old := d.root.Swap(root); old != nil {
		_ = old.Close()
	}
	return nil
}

// openRealDir opens the directory at path, unless path is a symbolic link: whoever may
// write beside it could have planted that, and so have another directory written to.
func openRealDir(path string) (*os.Root, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	mine, err1 := root.Stat(".")
	there, err2 := os.Lstat(path)
	if err1 != nil || err2 != nil || !os.SameFile(mine, there) {
		_ = root.Close()
		return nil, fmt.Errorf("%s is a symbolic link, or was replaced: %w", filepath.Base(path), fs.ErrInvalid)
	}
	return root, nil
}

// errNoDir says that a Dir was not made by OpenDir.
var errNoDir = errors.New("caching: a Dir is made by OpenDir")

// lost is called when shard i turned out not to be there any more, as after an
// rm -r of the cache under a running program. It opens anew what is gone.
func (d *Dir) lost(i int) error {
	d.cleanMu.Lock()
	defer d.cleanMu.Unlock()
	if d.closed.Load() {
		return ErrClosed
	}
	if d.root.Load() == nil {
		return errNoDir
	}
	mine, err1 := d.root.Load().Stat(".")
	there, err2 := os.Stat(filepath.Join(d.path, dirVersion))
	if err1 == nil && err2 == nil && os.SameFile(mine, there) {
		d.reset(&d.shards[i])
		return nil
	}
	if err := d.openRoot(); err != nil {
		return err
	}
	for i := range d.shards {
		d.reset(&d.shards[i])
	}
	return nil
}

// reset forgets all of s.
func (d *Dir) reset(s *dirShard) {
	s.made.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.nodes {
		d.drop(s, name)
	}
}

// Get implements [Store].
func (d *Dir) Get(ctx context.Context, key string) (*Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := newDirPlace(key)
	f, err := d.open(at, os.O_RDONLY)
	if err != nil {
		d.misses.Add(1)
		if errors.Is(err, fs.ErrNotExist) {
			d.forget(at)
			return nil, nil
		}
		return nil, fmt.Errorf("caching: open entry: %w", err)
	}
	e, err := d.load(f, at, key)
	if err != nil {
		d.misses.Add(1)
		if errors.Is(err, ErrCorrupt) {
			d.discard(at, f)
		}
		_ = f.Close()
		return nil, err
	}
	d.hits.Add(1)
	d.touch(at, e.head.end())
	return &e.entry, nil
}

// open opens the file of an entry.
func (d *Dir) open(at dirPlace, flag int) (*os.File, error) {
	root, err := d.shardRoot(at.shard, false)
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(at.name, flag|dirNonblock, 0)
	if err != nil && d.closed.Load() {
		return nil, ErrClosed
	}
	return f, err
}

// discard removes the entry in f, which was found broken, unless another has taken
// its place by now.
func (d *Dir) discard(at dirPlace, f *os.File) {
	d.broken.Add(1)
	root, err := d.shardRoot(at.shard, false)
	if err != nil {
		return
	}
	mine, err1 := f.Stat()
	there, err2 := root.Lstat(at.name)
	if err1 == nil && err2 == nil && os.SameFile(mine, there) && root.RemoveAll(at.name) == nil {
		d.forget(at)
	}
}

// Delete implements [Store].
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at := newDirPlace(key)
	root, err := d.shardRoot(at.shard, false)
	if err == nil {
		err = root.Remove(at.name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("caching: delete entry: %w", err)
	}
	d.forget(at)
	return nil
}

// Stats returns what d holds, as far as it knows, and what it did.
func (d *Dir) Stats() Stats {
	s := Stats{
		Bytes: d.used.Load() + d.writing.Load(), Limit: d.limit,
		Hits: d.hits.Load(), Misses: d.misses.Load(), Stored: d.stored.Load(),
		Evicted: d.evicted.Load(), Refused: d.refused.Load(), Corrupt: d.broken.Load(),
	}
	for i := range d.shards {
		d.shards[i].mu.Lock()
		s.Entries += int64(len(d.shards[i].nodes))
		d.shards[i].mu.Unlock()
	}
	return s
}

// Close releases what d holds open. Entries that were got can still be read;
// everything else returns an error wrapping [ErrClosed].
func (d *Dir) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	root := d.root.Load()
	if root == nil {
		return nil
	}
	return root.Close()
}
