package httplib2

import (
	"crypto/md5" //nolint:gosec // tells names apart, as httplib2's do
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// FileCache is httplib2's cache of one file for each key, whose names Safe makes.
// It is an [httpcache.Cache]. A directory given to [New] is the better cache: it
// is bounded, streams, and checks what it reads.
type FileCache struct {
	// Dir is the directory. It is made if it is not there.
	Dir string
	// Safe makes the name of a file of a key. If nil, it is [SafeName].
	Safe func(key string) string
}

// Get returns the value of a key. A file that cannot be read counts as missing.
func (c *FileCache) Get(key string) ([]byte, bool) {
	value, err := os.ReadFile(c.path(key))
	return value, err == nil
}

// Set stores a value, if that is possible. Readers see the old value or the new one, never
// a part.
func (c *FileCache) Set(key string, value []byte) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return
	}
	f, err := os.CreateTemp(c.Dir, ".new-*")
	if err != nil {
		return
	}
	_, err = f.Write(value)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path(key))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}

// Delete removes the value of a key.
func (c *FileCache) Delete(key string) { _ = os.Remove(c.path(key)) }

func (c *FileCache) path(key string) string {
	safe := c.Safe
	if safe == nil {
		safe = SafeName
	}
	return filepath.Join(c.Dir, filepath.Base(safe(key)))
}

var (
	scheme = regexp.MustCompile(`^\w+://`)
	unsafe = regexp.MustCompile(`[^\w\-_.()=!]+`)
)

// SafeName is safename of httplib2: the readable part of a URI, and its MD5.
func SafeName(uri string) string {
	sum := md5.Sum([]byte(uri)) //nolint:gosec // as above
	name := unsafe.ReplaceAllString(scheme.ReplaceAllString(uri, ""), "")
	return strings.ToValidUTF8(name[:min(len(name), 90)], "") + "," + hex.EncodeToString(sum[:])
}
