package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/tripper-go/tripper/caching/store"
)

// A Commit that replaces what was seen. A rename takes the place of any file, so the file that is to be
// replaced is taken away first, and the new one gets its name by a link, which fails if there is a
// file again. In between the entry is absent; other such Commits, and Delete, wait for that to end. A
// Commit that replaces anything does not wait: it comes before, or the link fails.

// name gives the file the name of the entry, if what has that name is what meta replaces.
func (w *writer) name(ctx context.Context, meta *store.Meta) error {
	if meta.Replaces == 0 {
		return w.rename()
	}
	release, err := w.d.lockShard(ctx, w.at.shard)
	if err != nil {
		return err
	}
	defer release()
	if meta.Replaces != store.Absent {
		err := w.d.change(ctx, w.at, w.key, meta, func(b *body, old *store.Meta) error {
			if !meta.Follows(old) {
				return store.ErrConflict
			}
			return w.takeAway(b.f)
		})
		if err != nil {
			return err
		}
	}
	root, tmp := w.d.root.Load(), w.tmp
	err = root.Link(tmp, w.at.path)
	if err == nil {
		w.tmp = ""
		_ = root.Remove(tmp)
		return nil
	}
	if _, there := root.Lstat(w.at.path); there == nil || errors.Is(err, fs.ErrExist) {
		return store.ErrConflict
	}
	return w.rename() // the file system has no links
}

// rename gives the file the name of the entry, whatever has it.
func (w *writer) rename() error {
	if err := w.d.root.Load().Rename(w.tmp, w.at.path); err != nil {
		return err
	}
	w.tmp = ""
	return nil
}

// takeAway removes the entry in f.
func (w *writer) takeAway(f *os.File) error {
	root, old := w.d.root.Load(), w.tmp+tempSuffix
	if err := root.Rename(w.at.path, old); err != nil {
		return store.ErrConflict // it was evicted
	}
	mine := isFile(root, old, f)
	if !mine { // stored by a Commit that does not wait; there may be another by now
		_ = root.Link(old, w.at.path)
	}
	if err := root.Remove(old); err != nil {
		return err
	}
	if !mine {
		return store.ErrConflict
	}
	w.d.forget(w.at)
	return nil
}

// lockShard locks a shard against other calls of lockShard, where there are file locks in all processes.
func (d *Store) lockShard(ctx context.Context, i int) (release func(), err error) {
	dir, err := d.root.Load().Open(shardDir(i))
	if err != nil {
		return nil, err
	}
	unlock, err := exclude(ctx, &d.shards[i].swap, dir, updatePatience)
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return func() {
		unlock()
		_ = dir.Close()
	}, nil
}
