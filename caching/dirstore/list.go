package dirstore

import (
	"context"
	"encoding/hex"
	"os"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// List implements [store.Lister]. Entries that are broken are removed and left out.
func (d *Store) List(ctx context.Context, yield func(key string, meta *store.Meta, size int64) bool) error {
	if err := d.usable(ctx); err != nil {
		return err
	}
	for i := range d.shards {
		dir := shardDir(i)
		names, err := fileNames(d.root.Load(), dir)
		if err != nil {
			continue
		}
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !isEntryName(name) {
				continue
			}
			key, meta, size := d.peek(place{i, dir + "/" + name})
			if meta != nil && !yield(key, meta, size) {
				return nil
			}
		}
	}
	return nil
}

// peek reads key, metadata and length of the entry at a place. If there is none, meta is nil.
func (d *Store) peek(at place) (key string, meta *store.Meta, size int64) {
	f, err := d.open(at, os.O_RDONLY)
	if err != nil {
		return "", nil, 0
	}
	defer f.Close() //nolint:errcheck // a reader
	b := body{d: d, at: at, f: f, buf: buffers.get(), held: -1}
	defer buffers.put(b.buf)
	k, meta, err := b.readHeadSurely()
	if err == nil && placeOf(string(k)) != at {
		err = storekit.Corrupt("entry of another key")
	}
	if err != nil {
		d.discard(at, f)
		return "", nil, 0
	}
	return string(k), meta, b.head.size
}

// isEntryName reports whether name is that of a file of an entry.
func isEntryName(name string) bool {
	_, err := hex.DecodeString(name)
	return err == nil && len(name) == 62
}
