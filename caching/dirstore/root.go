package dirstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// dirRoot is one of the directories that the files of entries are spread over, or the
// directory of all of them. Its methods are those of [os.Root]. It is no file descriptor: a Dir
// has one, however many directories there are.
type dirRoot struct {
	root   *os.Root
	prefix string // with a slash at its end, or empty
}

func (r dirRoot) path(name string) string {
	if name == "." && r.prefix != "" {
		return r.prefix[:len(r.prefix)-1]
	}
	return r.prefix + name
}

func (r dirRoot) Open(name string) (*os.File, error) { return r.root.Open(r.path(name)) }

func (r dirRoot) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	return r.root.OpenFile(r.path(name), flag, perm)
}

func (r dirRoot) Remove(name string) error               { return r.root.Remove(r.path(name)) }
func (r dirRoot) RemoveAll(name string) error            { return r.root.RemoveAll(r.path(name)) }
func (r dirRoot) Stat(name string) (os.FileInfo, error)  { return r.root.Stat(r.path(name)) }
func (r dirRoot) Lstat(name string) (os.FileInfo, error) { return r.root.Lstat(r.path(name)) }
func (r dirRoot) Rename(from, to string) error           { return r.root.Rename(r.path(from), r.path(to)) }

func (r dirRoot) Link(from, to string) error { return r.root.Link(r.path(from), r.path(to)) }

func (r dirRoot) Chtimes(name string, at, mt time.Time) error {
	return r.root.Chtimes(r.path(name), at, mt)
}

// top is the directory of all.
func (d *Store) top() dirRoot { return dirRoot{root: d.root.Load()} }

// shardRoot returns the directory of shard i. It makes the directory if it does not exist and
// make is true; if make is false, that is found when the directory is used.
func (d *Store) shardRoot(i int, make bool) (dirRoot, error) {
	if err := d.usable(context.Background()); err != nil {
		return dirRoot{}, err
	}
	root := d.root.Load()
	s := &d.shards[i]
	name := hex.EncodeToString([]byte{byte(i)})
	if make && !s.made.Load() {
		if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return dirRoot{}, err
		}
		s.made.Store(true)
	}
	return dirRoot{root, name + "/"}, nil
}

// cacheTag is the content of a file by which backup programs know a cache, and skip it
// (https://bford.info/cachedir/).
const cacheTag = "Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache of HTTP responses (tripper/caching).\n"

// openRoot opens path/v1, and makes it if it does not exist.
func (d *Store) openRoot() error {
	v := filepath.Join(d.path, versionDir)
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
	d.cleanMu.Lock()
	defer d.cleanMu.Unlock()
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
