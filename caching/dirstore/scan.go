package dirstore

import (
	"errors"
	"io"
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
// left. If all is false it skips directories that have not changed and files that it knows.
func (d *Store) scan(all bool) {
	d.cleanMu.Lock()
	defer d.cleanMu.Unlock()
	d.unseen.Store(0)
	if d.scans++; d.scans%8 == 0 {
		all = true // another process may have replaced a file by a larger one
	}
	for i := range d.shards {
		d.scanShard(i, all)
	}
	if !all {
		return
	}
	root := d.top()
	names, err := fileNames(root)
	if err != nil {
		return
	}
	for _, name := range names { // files of secrets that were never finished
		if i, err := root.Lstat(name); strings.HasSuffix(name, tempSuffix) && err == nil && time.Since(i.ModTime()) > time.Minute {
			_ = root.Remove(name)
		}
	}
}

// scanShard is scan for one directory. d.cleanMu is held.
func (d *Store) scanShard(i int, all bool) {
	root, err := d.shardRoot(i, false)
	if err != nil {
		return
	}
	s := &d.shards[i]
	info, err := root.Stat(".")
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
	names, err := fileNames(root)
	if err != nil {
		return
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		switch {
		case isEntryName(name):
			there[name] = true
			d.scanEntry(root, place{i, name}, all)
		case strings.HasSuffix(name, tempSuffix), strings.HasSuffix(name, leaseSuffix):
			removeLeft(root, name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.nodes {
		if !there[name] && n.used < began {
			d.forgetLocked(s, name)
		}
	}
}

// scanEntry is scan for the file of an entry.
func (d *Store) scanEntry(root dirRoot, at place, all bool) {
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
	d.used.Add(blocks(info.Size()) - n.size)
	n.size = blocks(info.Size())
	n.used, n.touched = max(n.used, t), max(n.touched, t)
	n.hit = n.hit || !known // it has outlived other entries already
	s.nodes[at.name] = n
}

// removeLeft removes a file that a process that has ended was writing, or that stands for its
// lease. Processes that live hold a lock on such files.
func removeLeft(root dirRoot, name string) {
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

// fileNames returns the names in root.
func fileNames(root dirRoot) ([]string, error) {
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
