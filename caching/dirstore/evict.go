package dirstore

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"time"
)

// reserve makes room for n bytes of an entry being written. It returns false if other entries
// being written leave too little.
func (d *Store) reserve(n int64) bool {
	if d.writing.Add(n) > d.limit {
		d.writing.Add(-n)
		return false
	}
	d.fit()
	return true
}

// fit evicts if there is more than the bound allows. After every sixteenth of the bound that
// was written it first scans for files of other processes.
func (d *Store) fit() {
	if d.unseen.Load() > d.limit/16 {
		d.scan(false)
	}
	if d.used.Load()+d.writing.Load() > d.limit {
		// A little more than needed, so that it is not done for every entry.
		d.evict(d.limit - d.limit/32)
	}
}

// victim is a file that may be evicted, as it was when it was looked at.
type victim struct {
	at place
	node
}

// evict removes entries until they take, with those being written, at most goal bytes: first
// those that were never got while they take more than a tenth of the bound, so that a long
// series of entries that are asked for once leaves the others alone; then all, by last use.
func (d *Store) evict(goal int64) {
	d.cleanMu.Lock()
	defer d.cleanMu.Unlock()
	over := func() bool { return d.used.Load()+d.writing.Load() > goal }
	if !over() {
		return
	}
	var all []victim
	fresh := int64(0) // bytes of entries that were never got
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		for path, n := range s.nodes {
			all = append(all, victim{place{i, path}, n})
			if !n.hit {
				fresh += n.size
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b victim) int { return cmp.Compare(a.used, b.used) })
	for _, v := range all {
		if over() && fresh > d.limit/10 && !v.hit {
			d.remove(v)
			fresh -= v.size
		}
	}
	for _, v := range all {
		if over() {
			d.remove(v)
		}
	}
}

// remove evicts v, unless it was used since it was looked at, perhaps by another process.
func (d *Store) remove(v victim) {
	s := &d.shards[v.at.shard]
	s.mu.Lock()
	n, known := s.nodes[v.at.path]
	s.mu.Unlock()
	if !known || n.used != v.used {
		return
	}
	root := d.root.Load()
	if i, err := root.Lstat(v.at.path); err == nil && i.ModTime().UnixNano() > n.used+int64(time.Second) {
		s.mu.Lock()
		if n, known := s.nodes[v.at.path]; known {
			n.used, n.hit = i.ModTime().UnixNano(), true
			s.nodes[v.at.path] = n
		}
		s.mu.Unlock()
		return
	}
	if err := root.Remove(v.at.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	d.forget(v.at)
	d.counts.Evicted.Add(1)
}
