package dirstore

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// Acquire implements [store.Leaser]. A lease is a lock on a file: it ends with the process that has
// it.
func (d *Store) Acquire(ctx context.Context, key string) (release func(), err error) {
	if err := d.writable(ctx); err != nil {
		return nil, err
	}
	at := placeOf(key)
	for range 10 { // the file of a lease that has just ended is no use
		f, err := d.create(at, leaseSuffix, 0)
		if err != nil {
			return nil, fmt.Errorf("dirstore: lease: %w", err)
		}
		release, again := holdLease(d.root.Load(), at.path+leaseSuffix, f)
		if !again {
			return release, nil
		}
	}
	return nil, nil
}

// holdLease takes the lease that f stands for. release is nil if another process has it. again
// reports that f is the file of a lease that has ended, and another file is to be opened.
func holdLease(root *os.Root, name string, f *os.File) (release func(), again bool) {
	switch tryLock(f) {
	case lockTaken:
		_ = f.Close()
		return nil, false
	case lockUnknown:
		return holdLeaseByTime(root, name, f)
	}
	if !isFile(root, name, f) {
		_ = f.Close()
		return nil, true
	}
	return sync.OnceFunc(func() {
		_ = root.Remove(name) // while it is locked
		_ = f.Close()
	}), false
}

// leaseTime is how long a lease lasts where there are no file locks.
const leaseTime = 30 * time.Second

// holdLeaseByTime takes the lease if its file is new or has expired. Two processes may get it
// in the same moment, which costs one request more.
func holdLeaseByTime(root *os.Root, name string, f *os.File) (release func(), again bool) {
	defer f.Close() //nolint:errcheck // written or not, it is a lease
	i, err := f.Stat()
	if err != nil || i.Size() > 0 && time.Since(i.ModTime()) < leaseTime {
		return nil, false
	}
	if _, err := f.WriteAt([]byte{1}, 0); err != nil {
		return nil, false
	}
	return sync.OnceFunc(func() { _ = root.Remove(name) }), false
}

// lockState is the result of taking the lock of a file.
type lockState uint8

const (
	lockUnknown lockState = iota // this system has no such locks
	lockHeld                     // by this file, until it is closed or unlocked
	lockTaken                    // by another open file
)
