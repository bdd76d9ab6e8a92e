package caching

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// dirNode is what a Dir remembers of a file.
type dirNode struct {
	size    int64 // in blocks
	used    int64 // when it was stored or last got, in Unix nanoseconds
	touched int64 // when the file was last told so
	hit     bool  // got since it was stored, as far as is known
}

const (
	dirBlock = 4096
	dirTemp  = ".tmp"   // being written
	dirLease = ".lease" // see Dir.Acquire

	// dirTouch is how often the modification time of a file that is in use is
	// renewed, for other processes and for the next one.
	dirTouch = 10 * time.Minute
)

func dirBlocks(n int64) int64 { return (n + dirBlock - 1) &^ (dirBlock - 1) }

// touch notes that the entry of size bytes was got.
func (d *Dir) touch(at dirPlace, size int64) {
	now := time.Now().UnixNano()
	s := &d.shards[at.shard]
	s.mu.Lock()
	n, known := s.nodes[at.name]
	if !known { // stored by another process
		n.size = dirBlocks(size)
		d.used.Add(n.size)
	}
	due := now-n.touched > int64(dirTouch)
	n.used, n.hit = now, true
	if due {
		n.touched = now
	}
	s.nodes[at.name] = n
	s.mu.Unlock()
	if due {
		if root, err := d.shardRoot(at.shard, false); err == nil {
			t := time.Unix(0, now)
			_ = root.Chtimes(at.name, t, t)
		}
	}
}

// note enters a file that was just written.
func (d *Dir) note(at dirPlace, size int64) {
	now := time.Now().UnixNano()
	s := &d.shards[at.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.nodes[at.name]
	n := dirNode{size: dirBlocks(size), used: now, touched: now, hit: old.hit}
	s.nodes[at.name] = n
	d.used.Add(n.size - old.size)
}

// forget strikes out a file that is gone.
func (d *Dir) forget(at dirPlace) {
	s := &d.shards[at.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	d.drop(s, at.name)
}

// drop is forget with s.mu held.
func (d *Dir) drop(s *dirShard, name string) {
	d.used.Add(-s.nodes[name].size)
	delete(s.nodes, name)
}

// reserve makes room for n bytes of an entry being written, if it can.
func (d *Dir) reserve(n int64) bool {
	if d.writing.Add(n) > d.limit {
		d.writing.Add(-n)
		return false
	}
	d.fit()
	return true
}

// fit evicts if there is more than the bound allows, and looks from time to time
// what other processes have done.
func (d *Dir) fit() {
	if d.unseen.Load() > d.limit/16 {
		d.scan(false)
	}
	if d.used.Load()+d.writing.Load() > d.limit {
		// A little more than needed, so that it is not done for every entry.
		d.evict(d.limit - d.limit/32)
	}
}

// dirVictim is a candidate for eviction.
type dirVictim struct {
	at dirPlace
	dirNode
}

// evict removes entries until all, with what is being written, takes at most goal.
func (d *Dir) evict(goal int64) {
	d.cleanMu.Lock()
	defer d.cleanMu.Unlock()
	over := func() bool { return d.used.Load()+d.writing.Load() > goal }
	if !over() {
		return
	}
	var all []dirVictim
	fresh := int64(0) // taken by what was never asked for again
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		for name, n := range s.nodes {
			all = append(all, dirVictim{dirPlace{i, name}, n})
			if !n.hit {
				fresh += n.size
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b dirVictim) int { return int(min(max(a.used-b.used, -1), 1)) })

	// A long series of entries that nobody asks for twice takes a tenth of the
	// bound and leaves the others alone.
	for _, v := range all {
		if !over() || fresh <= d.limit/10 {
			break
		}
		if !v.hit {
			d.remove(v)
			fresh -= v.size
		}
	}
	for _, v := range all {
		if !over() {
			break
		}
		d.remove(v)
	}
}

// remove evicts v, unless it was used meanwhile, perhaps by another process.
func (d *Dir) remove(v dirVictim) {
	s := &d.shards[v.at.shard]
	s.mu.Lock()
	n, ok := s.nodes[v.at.name]
	s.mu.Unlock()
	if !ok || n.used != v.used {
		return
	}
	root, err := d.shardRoot(v.at.shard, false)
	if err != nil {
		return
	}
	if i, err := root.Lstat(v.at.name); err == nil && i.ModTime().UnixNano() > n.used+int64(time.Second) {
		s.mu.Lock()
		if n, ok := s.nodes[v.at.name]; ok {
			n.used, n.hit = i.ModTime().UnixNano(), true
			s.nodes[v.at.name] = n
		}
		s.mu.Unlock()
		return
	}
	if err := root.Remove(v.at.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	d.forget(v.at)
	d.evicted.Add(1)
}

// scan brings what d knows up to date, and removes what crashes have left. all
// makes it look at every file; otherwise it passes over directories that have not
// changed, and over files that it knows.
func (d *Dir) scan(all bool) {
	d.cleanMu.Lock()
	defer d.cleanMu.Unlock()
	d.unseen.Store(0)
	if d.scans++; d.scans%8 == 0 {
		all = true // another process may have replaced one by a larger one
	}
	for i := range d.shards {
		d.scanShard(i, all)
	}
	if !all {
		return
	}
	root := d.top()
	names, err := dirNames(root)
	if err != nil {
		return
	}
	for _, name := range names { // secrets that were being made
		if i, err := root.Lstat(name); strings.HasSuffix(name, dirTemp) && err == nil && time.Since(i.ModTime()) > time.Minute {
			_ = root.Remove(name)
		}
	}
}

func (d *Dir) scanShard(i int, all bool) {
	root, err := d.shardRoot(i, false)
	if err != nil {
		return
	}
	s := &d.shards[i]
	info, err := root.Stat(".")
	// What changes within the grain of the clock after we have looked is not seen
	// by the time of modification.
	if err != nil || !all && info.ModTime().Equal(s.seen) {
		return
	}
	s.seen = time.Time{}
	if time.Since(info.ModTime()) > time.Second {
		s.seen = info.ModTime()
	}
	began := time.Now().UnixNano()
	names, err := dirNames(root)
	if err != nil {
		return
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		switch {
		case isDirEntry(name):
			there[name] = true
			d.scanEntry(root, dirPlace{i, name}, all)
		case strings.HasSuffix(name, dirTemp), strings.HasSuffix(name, dirLease):
			removeLeft(root, name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.nodes {
		if !there[name] && n.used < began {
			d.drop(s, name)
		}
	}
}

func (d *Dir) scanEntry(root dirRoot, at dirPlace, all bool) {
	s := &d.shards[at.shard]
	s.mu.Lock()
	_, known := s.nodes[at.name]
	s.mu.Unlock()
	if known && !all {
		return
	}
	info, err := root.Lstat(at.name)
	if err != nil {
		return
	}
	t := info.ModTime().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.nodes[at.name]
	d.used.Add(dirBlocks(info.Size()) - n.size)
	n.size = dirBlocks(info.Size())
	n.used, n.touched = max(n.used, t), max(n.touched, t)
	n.hit = n.hit || !known // it was worth keeping so far
	s.nodes[at.name] = n
}

// removeLeft removes a file that was being written, or a lease that was held, by a
// process that is no more.
func removeLeft(root dirRoot, name string) {
	f, err := root.OpenFile(name, os.O_RDWR|dirNonblock, 0)
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // it is removed, or left alone
	if lockDirFile(f) == lockHeld {
		_ = root.Remove(name)
		return
	}
	// Where there are no locks, what was not written to for long is left over.
	if i, err := f.Stat(); err == nil && lockDirFile(f) == lockUnknown && time.Since(i.ModTime()) > dirStale {
		_ = root.Remove(name)
	}
}

// dirStale is after how long without a sign of life a process is taken to be gone
// where there are no file locks.
const dirStale = time.Hour

// dirNames returns the names in root.
func dirNames(root dirRoot) ([]string, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // a reader
	names, err := f.Readdirnames(-1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}
