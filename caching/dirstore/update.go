package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// Update implements [store.Store]. It writes the new metadata beside the old, and then its slot.
func (d *Store) Update(ctx context.Context, key string, meta *store.Meta) (err error) {
	if err := d.writable(ctx); err != nil {
		return err
	}
	defer func() { d.counts.Did(err) }()
	at := placeOf(key)
	err = d.change(ctx, at, key, meta, func(b *body, old *store.Meta) error {
		if !meta.Updates(old) {
			return store.ErrConflict
		}
		return d.writeRecord(b, at, key, meta)
	})
	if err != nil {
		return fmt.Errorf("dirstore: update entry: %w", err)
	}
	return nil
}

// change calls do with the entry at a place, which is to be changed to meta or replaced by it, and
// with its metadata. Meanwhile the entry is locked against other calls of change, in all processes;
// it may be removed or replaced.
func (d *Store) change(ctx context.Context, at place, key string, meta *store.Meta, do func(b *body, old *store.Meta) error) error {
	f, err := d.open(at, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		d.forget(at)
		return store.ErrConflict
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // what counts is written, or synced
	release, err := exclude(ctx, &d.shards[at.shard].update, f, updatePatience)
	if err != nil {
		return err
	}
	defer release()
	if meta.Replaces != 0 && !isFile(d.root.Load(), at.path, f) { // replaced while the lock was waited for
		return store.ErrConflict
	}

	b := body{d: d, at: at, f: f, buf: buffers.get(), held: -1}
	defer buffers.put(b.buf)
	got, old, err := b.readHead(true)
	switch {
	case err != nil && !errors.Is(err, store.ErrCorrupt):
		return err
	case err != nil || string(got) != key:
		d.discard(at, f)
		return fmt.Errorf("%w: %w", store.ErrConflict, storekit.Corrupt("what is stored"))
	}
	return do(&b, old)
}

// writeRecord writes meta over the record that does not count: the older one, or a damaged one.
func (d *Store) writeRecord(b *body, at place, key string, meta *store.Meta) error {
	rec, err := storekit.AppendEntryRecord(nil, key, meta)
	if err != nil {
		return err
	}
	info, err := b.f.Stat()
	if err != nil {
		return err
	}
	h := &b.head
	rec = b.seal.sealRecord(nil, h.appendFixed(nil), rec)
	i := 1 - b.slot
	h.place(i, len(rec), info.Size())
	h.slots[i].checksum = b.seal.recordSum(rec)
	if _, err = b.f.WriteAt(rec, h.slots[i].off); err == nil && d.opts.Sync {
		err = b.f.Sync()
	}
	if err == nil {
		_, err = b.f.WriteAt(h.appendSlot(nil, i), int64(fixedLen+i*slotLen))
	}
	if err != nil {
		return err
	}
	end := max(info.Size(), h.slots[i].off+int64(len(rec)))
	d.note(at, end)
	d.fit(blocks(end - info.Size()))
	if d.opts.Sync {
		if err := b.f.Sync(); err != nil {
			return fmt.Errorf("%w: %w", store.ErrUncertain, err)
		}
	}
	return nil
}

// exclude locks mu and f, which is for all processes where there are file locks. It waits no longer
// than patience.
func exclude(ctx context.Context, mu *sync.Mutex, f *os.File, patience time.Duration) (release func(), err error) {
	mine := false
	wait := 500 * time.Microsecond
	for began := time.Now(); err == nil; wait = min(2*wait, 10*time.Millisecond) {
		if mine = mine || mu.TryLock(); mine && tryLock(f) != lockTaken {
			return func() {
				unlock(f)
				mu.Unlock()
			}, nil
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(wait):
			if time.Since(began) > patience {
				err = fmt.Errorf("another process holds the lock: %w", os.ErrDeadlineExceeded)
			}
		}
	}
	if mine {
		mu.Unlock()
	}
	return nil, err
}

// updatePatience is how long an Update waits for the lock of an entry, unless its context ends
// before.
const updatePatience = 5 * time.Second
