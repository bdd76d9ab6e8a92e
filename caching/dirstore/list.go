package dirstore

import (
	"context"
	"encoding/hex"
	"iter"
	"os"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// List implements [store.Lister]. Entries that are broken are removed and left out.
func (d *Store) List(ctx context.Context) iter.Seq2[store.Listed, error] {
	return func(yield func(store.Listed, error) bool) {
		if err := d.usable(ctx); err != nil {
			yield(store.Listed{}, err)
			return
		}
		for i := range d.shards {
			dir := shardDir(i)
			names, err := fileNames(d.root.Load(), dir)
			if err != nil {
				continue
			}
			for _, name := range names {
				if err := ctx.Err(); err != nil {
					yield(store.Listed{}, err)
					return
				}
				if !isEntryName(name) {
					continue
				}
				if e := d.peek(place{i, dir + "/" + name}); e.Meta != nil && !yield(e, nil) {
					return
				}
			}
		}
	}
}

// peek reads the head of the entry at a place. If there is none, its Meta is nil.
func (d *Store) peek(at place) store.Listed {
	f, err := d.open(at, os.O_RDONLY)
	if err != nil {
		return store.Listed{}
	}
	defer f.Close() //nolint:errcheck // a reader
	b := body{d: d, at: at, f: f, buf: buffers.get(), held: -1}
	defer buffers.put(b.buf)
	key, meta, err := b.readHeadSurely()
	if err == nil && placeOf(string(key)) != at {
		err = storekit.Corrupt("entry of another key")
	}
	if err != nil {
		d.discard(at, f)
		return store.Listed{}
	}
	return store.Listed{Key: string(key), Meta: meta, Size: b.head.size}
}

// isEntryName reports whether name is that of a file of an entry.
func isEntryName(name string) bool {
	_, err := hex.DecodeString(name)
	return err == nil && len(name) == 62
}
