package dirstore

import (
	"sync"
	"sync/atomic"
	"time"
)

// shard is one of the directories that the files of entries are spread over, and what is
// known of its files.
type shard struct {
	made   atomic.Bool // the directory exists, as far as is known
	swap   sync.Mutex  // held during a Commit that replaces what was seen, and a Delete
	update sync.Mutex  // held while an entry is read to be changed; taken after swap

	mu    sync.Mutex
	nodes map[string]node // by path

	seen time.Time // modification time of the directory at the last scan; guarded by Store.cleanMu
}

// node is what is known of a file.
type node struct {
	size    int64 // in bytes of disk
	used    int64 // when the entry was stored or last got, in Unix nanoseconds
	touched int64 // when that was last written to the file, as its modification time
	hit     bool  // got since it was stored, as far as is known
}

const (
	blockSize = 4096

	// touchEvery is how often the modification time of a file that is in use is renewed, for
	// other processes and for the next one.
	touchEvery = 10 * time.Minute
)

// blocks returns how many bytes of disk a file of n bytes takes.
func blocks(n int64) int64 { return (n + blockSize - 1) &^ (blockSize - 1) }

// touch notes that an entry whose file is size bytes long was got.
func (d *Store) touch(at place, size int64) {
	now := time.Now().UnixNano()
	s := &d.shards[at.shard]
	s.mu.Lock()
	n, known := s.nodes[at.path]
	if !known { // stored by another process
		n.size = blocks(size)
		d.used.Add(n.size)
	}
	due := now-n.touched > int64(touchEvery)
	n.used, n.hit = now, true
	if due {
		n.touched = now
	}
	s.nodes[at.path] = n
	s.mu.Unlock()
	if due {
		t := time.Unix(0, now)
		_ = d.root.Load().Chtimes(at.path, t, t)
	}
}

// note notes that a file of size bytes was written.
func (d *Store) note(at place, size int64) {
	now := time.Now().UnixNano()
	s := &d.shards[at.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.nodes[at.path]
	n := node{size: blocks(size), used: now, touched: now, hit: old.hit}
	s.nodes[at.path] = n
	d.used.Add(n.size - old.size)
}

// forget notes that a file does not exist any more.
func (d *Store) forget(at place) {
	s := &d.shards[at.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	d.forgetLocked(s, at.path)
}

// forgetLocked is forget with s.mu held.
func (d *Store) forgetLocked(s *shard, path string) {
	d.used.Add(-s.nodes[path].size)
	delete(s.nodes, path)
}

// reset forgets all files of s, and that its directory exists.
func (d *Store) reset(s *shard) {
	s.made.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.nodes {
		d.forgetLocked(s, path)
	}
}
