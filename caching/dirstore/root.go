package dirstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// shardDir is the name of the directory of shard i.
func shardDir(i int) string { return hex.EncodeToString([]byte{byte(i)}) }

// create opens a file in the directory of a place, and makes both if they do not exist. The
// name of the file is that of the entry and suffix.
func (d *Store) create(at place, suffix string, flag int) (f *os.File, err error) {
	s := &d.shards[at.shard]
	for range 2 {
		if err = d.usable(context.Background()); err != nil {
			return nil, err
		}
		if !s.made.Load() {
			err = d.root.Load().Mkdir(shardDir(at.shard), 0o700)
			if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			s.made.Store(true)
		}
		f, err = d.root.Load().OpenFile(at.path+suffix, os.O_RDWR|os.O_CREATE|nonblock|flag, 0o600)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err = d.lost(at.shard); err != nil {
			return nil, err
		}
	}
	return nil, fs.ErrNotExist
}

// isFile reports whether name is that of f, and not of a file that has replaced it.
func isFile(root *os.Root, name string, f *os.File) bool {
	mine, err1 := f.Stat()
	there, err2 := root.Lstat(name)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

// cacheTag is the content of a file by which backup programs know a cache, and skip it
// (https://bford.info/cachedir/).
const cacheTag = "Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache of HTTP responses (tripper/caching).\n"

// openRoot opens path/v1, and makes it if it does not exist and may be written.
func (d *Store) openRoot() error {
	v := filepath.Join(d.path, versionDir)
	if d.opts.ReadOnly {
		root, err := openRealDir(v)
		if err == nil {
			d.root.Store(root)
		}
		return err
	}
	if err := os.MkdirAll(v, 0o700); err != nil {
		if i, serr := os.Stat(v); serr != nil || !i.IsDir() {
			return err
		}
	}
	root, err := openRealDir(v)
	if err != nil {
		return err
	}
	if i, err := root.Stat("."); err == nil && i.Mode().Perm()&0o077 != 0 {
		root.Chmod(".", 0o700) //nolint:errcheck // it is somebody else's directory
	}
	if f, err := root.OpenFile("CACHEDIR.TAG", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		_, _ = f.WriteString(cacheTag)
		_ = f.Close()
	}
	if old := d.root.Swap(root); old != nil {
		_ = old.Close()
	}
	return nil
}

// openRealDir opens the directory at path. A symbolic link is an error: somebody who may write
// to the parent directory could use it to have files written and removed elsewhere.
func openRealDir(path string) (*os.Root, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	mine, err1 := root.Stat(".")
	there, err2 := os.Lstat(path)
	if err1 != nil || err2 != nil || !os.SameFile(mine, there) {
		_ = root.Close()
		return nil, fmt.Errorf("%s is a symbolic link, or was replaced: %w", filepath.Base(path), fs.ErrInvalid)
	}
	return root, nil
}

// lost is called when the directory of shard i does not exist any more, as after an rm -r of
// the cache under a running program. It opens again what is gone.
func (d *Store) lost(i int) error {
	d.rootMu.Lock()
	defer d.rootMu.Unlock()
	if err := d.usable(context.Background()); err != nil {
		return err
	}
	mine, err1 := d.root.Load().Stat(".")
	there, err2 := os.Stat(filepath.Join(d.path, versionDir))
	if err1 == nil && err2 == nil && os.SameFile(mine, there) {
		d.reset(&d.shards[i])
		return nil
	}
	if err := d.openRoot(); err != nil {
		return err
	}
	for i := range d.shards {
		d.reset(&d.shards[i])
	}
	return nil
}
