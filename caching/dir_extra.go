package caching

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

const dirSecret = "secret"

// Secret implements [Secreter]. It is kept in a file of its own, encrypted if
// entries are.
func (d *Dir) Secret(ctx context.Context) ([]byte, error) {
	var err error
	for range 10 { // others may be making it at the same time
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if d.closed.Load() {
			return nil, ErrClosed
		}
		if d.root.Load() == nil {
			return nil, errNoDir
		}
		var secret []byte
		if secret, err = d.readSecret(); err == nil {
			return secret, nil
		}
		if errors.Is(err, ErrCorrupt) {
			_ = d.top().Remove(dirSecret)
		} else if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err = d.makeSecret(); err != nil && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return nil, fmt.Errorf("caching: secret of directory: %w", err)
}

func (d *Dir) readSecret() ([]byte, error) {
	f, err := d.top().OpenFile(dirSecret, os.O_RDONLY|dirNonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // a reader
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], entryTable) {
		return nil, corrupt("secret")
	}
	seal, err := d.secretSeal()
	if err != nil {
		return nil, err
	}
	secret, err := seal.openRecord([]byte(dirSecret), b[4:])
	if err == nil && len(secret) != 32 {
		err = corrupt("secret")
	}
	return secret, err
}

// makeSecret makes the file. If it is there already, the error is [fs.ErrExist].
func (d *Dir) makeSecret() error {
	secret := make([]byte, 32)
	rand.Read(secret) // documented never to fail
	seal, err := d.secretSeal()
	if err != nil {
		return err
	}
	b := seal.sealRecord(make([]byte, 4), []byte(dirSecret), secret)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], entryTable))

	root := d.top()
	tmp := dirSecret + "." + rand.Text() + dirTemp
	defer root.Remove(tmp) //nolint:errcheck // then it is removed later
	if err := writeDirFile(root, tmp, b); err != nil {
		return err
	}
	// A link, unlike a rename, does not take the place of one that another process
	// has made just now.
	err = root.Link(tmp, dirSecret)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return writeDirFile(root, dirSecret, b) // there may be no links here
	}
	return err
}

// writeDirFile makes a file that must not be there yet.
func writeDirFile(root dirRoot, name string, b []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync() // losing it would lose what is stored for each user
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (d *Dir) secretSeal() (dirSeal, error) {
	return newDirSeal(d.key, [16]byte([]byte("caching secret 1")))
}

// Timing implements [Timed].
func (d *Dir) Timing() (Store, Timing) {
	if d.opts.Remote {
		return d, TimingUnknown
	}
	return d, TimingImmediate
}

// Acquire implements [Leaser]. The lease ends with the process that has it.
func (d *Dir) Acquire(ctx context.Context, key string) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := newDirPlace(key)
	for range 10 {
		root, err := d.shardRoot(at.shard, true)
		if err != nil {
			return nil, fmt.Errorf("caching: lease: %w", err)
		}
		f, err := root.OpenFile(at.name+dirLease, os.O_RDWR|os.O_CREATE|dirNonblock, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			if err = d.lost(at.shard); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("caching: lease: %w", err)
		}
		release, again := holdLease(root, at.name+dirLease, f)
		if release != nil || !again {
			return release, nil
		}
	}
	return nil, nil
}

// holdLease takes the lease that f stands for. again says that f is the file of one
// that has just ended.
func holdLease(root dirRoot, name string, f *os.File) (release func(), again bool) {
	switch lockDirFile(f) {
	case lockTaken:
		_ = f.Close()
		return nil, false
	case lockUnknown:
		return holdLeaseByTime(root, name, f)
	}
	mine, err1 := f.Stat()
	there, err2 := root.Lstat(name)
	if err1 != nil || err2 != nil || !os.SameFile(mine, there) {
		_ = f.Close()
		return nil, true
	}
	return sync.OnceFunc(func() {
		_ = root.Remove(name) // while it is locked
		_ = f.Close()
	}), false
}

// dirLeaseTime is how long a lease lasts where there are no file locks.
const dirLeaseTime = 30 * time.Second

// holdLeaseByTime takes the lease if it is new or has expired. Two may get it in
// the same moment then, which costs a request.
func holdLeaseByTime(root dirRoot, name string, f *os.File) (release func(), again bool) {
	defer f.Close() //nolint:errcheck // written or not, it is a lease
	i, err := f.Stat()
	if err != nil || i.Size() > 0 && time.Since(i.ModTime()) < dirLeaseTime {
		return nil, false
	}
	if _, err := f.WriteAt([]byte{1}, 0); err != nil {
		return nil, false
	}
	return sync.OnceFunc(func() { _ = root.Remove(name) }), false
}
