package dirstore

import (
	"os"
	"strings"
	"time"
)

const (
	tempSuffix  = ".tmp"   // the end of the name of a file that is being written
	leaseSuffix = ".lease" // and of one that stands for a lease

	// staleAfter is after how long without a sign of life a process is taken to be gone where
	// there are no file locks.
	staleAfter = time.Hour
)

// scan brings what d knows of the files up to date, and removes what crashed processes have
// left. If all is false it skips directories that have not changed and files that it knows. Only one
// goroutine calls it at a time: Open, and later that of tidy.
func (d *Store) scan(all bool) {
	d.unseen.Store(0)
	if d.scans++; d.scans%8 == 0 {
		all = true // another process may have replaced a file by a larger one
	}
	for i := range d.shards {
		d.scanShard(i, all)
	}
	if !all || d.closed.Load() || d.opts.ReadOnly {
		return
	}
	root := d.root.Load()
	names, err := fileNames(root, ".")
	if err != nil {
		return
	}
	for _, name := range names { // files of secrets that were never finished
		if i, err := root.Lstat(name); strings.HasSuffix(name, tempSuffix) && err == nil && time.Since(i.ModTime()) > time.Minute {
			_ = root.Remove(name)
		}
	}
}

// scanShard is scan for one directory.
func (d *Store) scanShard(i int, all bool) {
	root, dir, s := d.root.Load(), shardDir(i), &d.shards[i]
	info, err := root.Stat(dir)
	if err != nil || !all && info.ModTime().Equal(s.seen) {
		return
	}
	// A change within the resolution of the file system's clock leaves the modification time
	// as it is: a directory that has just changed is read again the next time.
	s.seen = time.Time{}
	if time.Since(info.ModTime()) > time.Second {
		s.seen = info.ModTime()
	}
	began := time.Now().UnixNano()
	names, err := fileNames(root, dir)
	if err != nil {
		return
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		path := dir + "/" + name
		switch {
		case d.closed.Load():
			return
		case isEntryName(name):
			there[path] = true
			d.scanEntry(root, place{i, path}, all)
		case !d.opts.ReadOnly && (strings.HasSuffix(name, tempSuffix) || strings.HasSuffix(name, leaseSuffix)):
			removeLeft(root, path)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, n := range s.nodes {
		if !there[path] && n.used < began {
			d.forgetLocked(s, path)
		}
	}
}

// scanEntry is scan for the file of an entry.
func (d *Store) scanEntry(root *os.Root, at place, all bool) {
	s := &d.shards[at.shard]
	s.mu.Lock()
	_, known := s.nodes[at.path]
	s.mu.Unlock()
	if known && !all {
		return
	}
	info, err := root.Lstat(at.path)
	if err != nil {
		return
	}
	t := info.ModTime().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.nodes[at.path]
	n.size = blocks(info.Size())
	n.used, n.touched = max(n.used, t), max(n.touched, t)
	n.hit = n.hit || !known // it has outlived other entries already
	d.setLocked(s, at.path, n)
}

// removeLeft removes a file that a process that has ended was writing, or that stands for its
// lease. Processes that live hold a lock on such files.
func removeLeft(root *os.Root, name string) {
	f, err := root.OpenFile(name, os.O_RDWR|nonblock, 0)
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // it is removed, or left alone
	switch tryLock(f) {
	case lockHeld:
		_ = root.Remove(name)
	case lockUnknown: // there are no locks here
		if i, err := f.Stat(); err == nil && time.Since(i.ModTime()) > staleAfter {
			_ = root.Remove(name)
		}
	}
}

// fileNames returns the names in a directory.
func fileNames(root *os.Root, dir string) ([]string, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // a reader
	return f.Readdirnames(-1)
}
