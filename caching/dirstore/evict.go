package dirstore

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"slices"
	"time"
)

// The bound is kept in two ways. Shortly below it a goroutine begins to evict, so that Commit seldom
// has to. At the bound whoever writes evicts as many bytes as it adds, before it goes on: so the bound is
// exceeded by no more than what is being added at that moment. Neither looks at more than
// one shard at a time, and neither holds a lock while it removes a file.

// reserve makes room for n bytes of an entry being written. It returns false if other entries
// being written leave too little.
func (d *Store) reserve(n int64) bool {
	if d.writing.Add(n) > d.limit {
		d.writing.Add(-n)
		return false
	}
	d.fit(n)
	return true
}

// fit keeps the bound after n bytes more were reserved or written.
func (d *Store) fit(n int64) {
	if d.taken() > d.limit-d.limit/64 || d.unseen.Load() > d.limit/16 {
		d.tidy()
	}
	d.evict(d.limit, n, maxTries)
}

// taken is how many bytes of disk entries take, with those being written.
func (d *Store) taken() int64 { return d.used.Load() + d.writing.Load() }

// maxTries is how many files a call of the Store removes at most, so that it does not take long where
// they cannot be removed, or where other processes use them. It is enough for twice what is written
// at once.
const maxTries = 64

// victim is a file that may be evicted, as it was when it was looked at.
type victim struct {
	path string
	node
}

// evict removes entries, as nextClass says, until all take at most goal bytes, n bytes were freed, or so
// many files were tried.
func (d *Store) evict(goal, n int64, tries int) {
	for n > 0 && tries > 0 && d.taken() > goal && !d.closed.Load() {
		i, c := d.oldestShard()
		if i < 0 {
			return
		}
		for _, v := range d.shards[i].leastUsed(c) {
			if n <= 0 || tries <= 0 || d.taken() <= goal {
				return
			}
			n -= d.remove(place{i, v.path}, v.node)
			tries--
		}
	}
}

// oldestShard returns the shard that has the entry to evict first, and the class of the entry. The
// shard is -1 if there is none, or if no entry could be removed.
func (d *Store) oldestShard() (int, class) {
	oldest := ages{never, never}
	at := [2]int{-1, -1}
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		for c, t := range s.oldest {
			if t < oldest[c] {
				oldest[c], at[c] = t, i
			}
		}
		s.mu.Unlock()
	}
	c := nextClass(d.unused.Load(), d.limit, oldest)
	if at[c] >= 0 {
		return at[c], c
	}
	for i := range d.shards { // all were tried: the next call begins again
		s := &d.shards[i]
		s.mu.Lock()
		if len(s.nodes) > 0 {
			s.oldest = ages{}
		}
		s.mu.Unlock()
	}
	return -1, c
}

// nextClass returns the class of which an entry is evicted next: those that were never got while they
// take more than a tenth of the bound, so that a long series of entries that are asked for once leaves
// the others alone; else whichever has the entry that was not used for longest. unusedBytes are the bytes
// of entries that were never got.
func nextClass(unusedBytes, limit int64, oldest ages) class {
	if unusedBytes > limit/10 && oldest[unused] != never || oldest[unused] < oldest[used] {
		return unused
	}
	return used
}

// leastUsed returns a thirty-second of the entries of a class, at least one if there is one: those that
// were not used for longest, the first of them first. Keys are hashes, so that those of one shard are
// about as old as those of all. They count as tried: the next call returns those that come after them,
// whose age is s.oldest now.
func (s *shard) leastUsed(c class) []victim {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []victim
	for path, n := range s.nodes {
		if n.class() == c && n.used >= s.oldest[c] {
			all = append(all, victim{path, n})
		}
	}
	slices.SortFunc(all, func(a, b victim) int { return cmp.Compare(a.used, b.used) })
	n := min(1+len(all)/32, len(all))
	for n < len(all) && all[n].used == all[n-1].used {
		n++
	}
	s.oldest[c] = never
	if n < len(all) {
		s.oldest[c] = all[n].used
	}
	return all[:n]
}

// remove evicts the file at a place, unless it was used since it was looked at, perhaps by another
// process. It returns how many bytes that has freed.
func (d *Store) remove(at place, as node) int64 {
	s := &d.shards[at.shard]
	s.mu.Lock()
	n, known := s.nodes[at.path]
	s.mu.Unlock()
	if !known || n.used != as.used {
		return 0
	}
	root := d.root.Load()
	if i, err := root.Lstat(at.path); err == nil && i.ModTime().UnixNano() > n.used+int64(time.Second) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if n, known := s.nodes[at.path]; known {
			n.used, n.hit = i.ModTime().UnixNano(), true
			d.setLocked(s, at.path, n)
		}
		return 0
	}
	err := root.Remove(at.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	d.forget(at)
	if err != nil {
		return 0 // another process was faster
	}
	d.counts.Evicted.Add(1)
	return n.size
}

// tidy looks for files of other processes, if it is time, and evicts so much that there is room for a
// while. It does that in a goroutine, of which there is one at most, and which Close ends.
func (d *Store) tidy() {
	d.tidyMu.Lock()
	defer d.tidyMu.Unlock()
	if d.tidying != nil || d.closed.Load() {
		return
	}
	done := make(chan struct{})
	d.tidying = done
	go func() {
		if d.unseen.Load() > d.limit/16 {
			d.scan(false)
		}
		d.evict(d.limit-d.limit/32, math.MaxInt64, math.MaxInt)
		d.tidyMu.Lock()
		defer d.tidyMu.Unlock()
		d.tidying = nil
		close(done)
	}()
}

// tidied waits until the goroutine of tidy has ended, if there is one.
func (d *Store) tidied() {
	d.tidyMu.Lock()
	done := d.tidying
	d.tidyMu.Unlock()
	if done != nil {
		<-done
	}
}
