package dirstore

import (
	"math"
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

	mu     sync.Mutex
	nodes  map[string]node // by path
	oldest ages            // about when the least recently used nodes were used

	seen time.Time // modification time of the directory at the last scan; only scan uses it
}

// node is what is known of a file.
type node struct {
	size    int64 // in bytes of disk
	used    int64 // when the entry was stored or last got, in Unix nanoseconds
	touched int64 // when that was last written to the file, as its modification time
	hit     bool  // got since it was stored, as far as is known
}

// class is what decides, before age does, which entries are evicted first.
type class uint8

const (
	unused class = iota // never got since they were stored
	used
)

func (n node) class() class {
	if n.hit {
		return used
	}
	return unused
}

// unusedSize is the size of a node that was never got, else zero.
func (n node) unusedSize() int64 {
	if n.hit {
		return 0
	}
	return n.size
}

// ages are times of use, by class, in Unix nanoseconds. never stands for no entry of the class.
type ages [2]int64

const never = math.MaxInt64

const (
	blockSize = 4096

	// touchEvery is how often the modification time of a file that is in use is renewed, for
	// other processes and for the next one.
	touchEvery = 10 * time.Minute
)

// blocks returns how many bytes of disk a file of n bytes takes.
func blocks(n int64) int64 { return (n + blockSize - 1) &^ (blockSize - 1) }

// setLocked replaces what is known of a file. s.mu is held.
func (d *Store) setLocked(s *shard, path string, n node) {
	old := s.nodes[path]
	d.used.Add(n.size - old.size)
	d.unused.Add(n.unusedSize() - old.unusedSize())
	s.nodes[path] = n
	s.oldest[n.class()] = min(s.oldest[n.class()], n.used)
}

// forgetLocked is forget with s.mu held.
func (d *Store) forgetLocked(s *shard, path string) {
	old := s.nodes[path]
	d.used.Add(-old.size)
	d.unused.Add(-old.unusedSize())
	delete(s.nodes, path)
}

// touch notes that an entry whose file is size bytes long was got.
func (d *Store) touch(at place, size int64) {
	now := time.Now().UnixNano()
	s := &d.shards[at.shard]
	s.mu.Lock()
	n, known := s.nodes[at.path]
	if !known { // stored by another process
		n.size = blocks(size)
	}
	due := now-n.touched > int64(touchEvery)
	n.used, n.hit = now, true
	if due {
		n.touched = now
	}
	d.setLocked(s, at.path, n)
	s.mu.Unlock()
	if due && !d.opts.ReadOnly {
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
	d.setLocked(s, at.path, node{size: blocks(size), used: now, touched: now, hit: s.nodes[at.path].hit})
}

// forget notes that a file does not exist any more.
func (d *Store) forget(at place) {
	s := &d.shards[at.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	d.forgetLocked(s, at.path)
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
