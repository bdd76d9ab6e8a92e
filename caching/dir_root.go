package caching

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"time"
)

// dirRoot is one of the directories that the entries are spread over, or the directory
// of all of them. It is no descriptor: a Dir has one, however many directories there are.
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

// Open opens a file, OpenFile with flags. Like the other methods they are those of
// [os.Root], which none of them leaves.
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
func (d *Dir) top() dirRoot { return dirRoot{root: d.root.Load()} }

// shardRoot returns the directory of shard i. make says whether to make it if it is not
// there; else what is done in it says so.
func (d *Dir) shardRoot(i int, make bool) (dirRoot, error) {
	root := d.root.Load()
	if root == nil {
		return dirRoot{}, errNoDir
	}
	if d.closed.Load() {
		return dirRoot{}, ErrClosed
	}
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
