package dirstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestLeftovers(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	w, err := d.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, versionDir, placeOf("key").path)
	left := []string{file + ".0123456789ab.tmp", file + ".lease"}
	foreign := filepath.Join(filepath.Dir(file), "README")
	for _, f := range append(left, foreign) {
		if err := os.WriteFile(f, []byte("left over"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path, Options{})
	for _, f := range left {
		if _, err := os.Stat(f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there (%v)", filepath.Base(f), err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
	// What is being written is no leftover.
	if err := w.Commit(t.Context(), entries.Meta(1)); err != nil {
		t.Errorf("Commit: %v", err)
	}
	w.Close()
	if len(entries.Get(t, d, "key")) != 100_000 {
		t.Error("the entry is not there")
	}
}

func TestRemovedUnderIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		remove func(path string) error
	}{
		{"all", os.RemoveAll},
		{"the version", func(p string) error { return os.RemoveAll(filepath.Join(p, "v1")) }},
		{"the contents", func(p string) error {
			names, err := filepath.Glob(filepath.Join(p, "v1", "*"))
			for _, n := range names {
				err = errors.Join(err, os.RemoveAll(n))
			}
			return err
		}},
		{"all, and another was made", func(p string) error {
			return errors.Join(os.RemoveAll(p), os.MkdirAll(filepath.Join(p, "v1", fmt.Sprintf("%02x", placeOf("key").shard)), 0o700))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cache")
			d := open(t, path, Options{})
			body := make([]byte, 100_000)
			entries.PutSize(t, d, "key", entries.Meta(1), body, -1)
			open, err := d.Get(t.Context(), "key")
			if err != nil || open == nil {
				t.Fatal(open, err)
			}
			w, err := d.Create(t.Context(), "key", -1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(body); err != nil {
				t.Fatal(err)
			}
			if err := c.remove(path); err != nil {
				t.Fatal(err)
			}
			if entries.Get(t, d, "key") != nil {
				t.Error("still there")
			}
			if err := w.Commit(t.Context(), entries.Meta(1)); err == nil {
				t.Error("a body whose file was removed was committed")
			}
			w.Close()
			if got, err := entries.ReadAll(open); err != nil || !bytes.Equal(got, body) {
				t.Errorf("an entry that was open: %v", err)
			}
			open.Close() //nolint:errcheck // a reader
			entries.PutSize(t, d, "key", entries.Meta(1), body, -1)
			if !bytes.Equal(entries.Get(t, d, "key"), body) {
				t.Error("nothing is stored any more")
			}
			if s := d.Stats(); s.Entries != 1 || s.Bytes > 200_000 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A directory that is removed before anything was stored is made again.
func TestRemovedWhileEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	d := open(t, path, Options{})
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	entries.PutSize(t, d, "key", entries.Meta(1), []byte("body"), -1)
	if got := entries.Get(t, d, "key"); string(got) != "body" {
		t.Errorf("got %q", got)
	}
}

func TestTruncatedWhileRead(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	entries.PutSize(t, d, "key", entries.Meta(1), make([]byte, 1<<20), -1)
	e, err := d.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	defer e.Close() //nolint:errcheck // a reader
	at := placeOf("key")
	if err := os.Truncate(filepath.Join(path, versionDir, at.path), 500_000); err != nil {
		t.Fatal(err)
	}
	got, err := entries.ReadAll(e)
	if !errors.Is(err, store.ErrCorrupt) || errors.Is(err, io.EOF) || len(got) > 500_000 {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if entries.Get(t, d, "key") != nil {
		t.Error("it is still there")
	}
	if d.Stats().Corrupt != 1 {
		t.Errorf("%+v", d.Stats())
	}
}

func TestForeignThings(t *testing.T) {
	path := t.TempDir()
	file := filepath.Join(path, versionDir, placeOf("key").path)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("not yours"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(file string) error{
		"a directory":        func(f string) error { return os.MkdirAll(filepath.Join(f, "sub"), 0o700) },
		"a link to outside":  func(f string) error { return os.Symlink(outside, f) },
		"a link to nowhere":  func(f string) error { return os.Symlink("nowhere", f) },
		"a link to itself":   func(f string) error { return os.Symlink(filepath.Base(f), f) },
		"an empty file":      func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"a file of zeros":    func(f string) error { return os.WriteFile(f, make([]byte, 100_000), 0o600) },
		"a file of an HTTP ": func(f string) error { return os.WriteFile(f, []byte("HTTP/1.1 200 OK\r\n\r\n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := plant(file); err != nil {
				t.Fatal(err)
			}
			d := open(t, path, Options{})
			if e, err := d.Get(t.Context(), "key"); e != nil {
				t.Errorf("got %v, %v", e, err)
			} else if err == nil && name != "a link to nowhere" {
				t.Error("no word about it")
			}
			for e, err := range d.List(t.Context()) {
				t.Errorf("listed: %v, %v", e, err)
			}
			if err := entries.TryPut(d, "key", entries.Meta(1), []byte("body"), -1); err != nil {
				t.Error(err)
			} else if string(entries.Get(t, d, "key")) != "body" {
				t.Error("another body")
			}
			if err := d.Delete(t.Context(), "key"); err != nil {
				t.Error(err)
			}
		})
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "not yours" {
		t.Errorf("a file outside the directory: %q, %v", b, err)
	}
}

func TestSecretDamaged(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	if err := os.WriteFile(filepath.Join(path, "v1", "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := d.Secret(t.Context())
	if err != nil || len(a) != 32 {
		t.Fatal(a, err)
	}
	if b, err := d.Secret(t.Context()); err != nil || !bytes.Equal(a, b) {
		t.Error(b, err)
	}
}

// TestOlderVersion has a file as an older version of this package would have
// written it: it is a miss.
func TestOlderVersion(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	entries.PutSize(t, d, "key", entries.Meta(1), []byte("the body"), -1)
	file := filepath.Join(path, versionDir, placeOf("key").path)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[7] = version - 1
	clear(b[12:16])
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(b[:fixedLen], castagnoli))
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err := d.Get(t.Context(), "key"); e != nil || !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, %v", e, err)
	}
	if e, err := d.Get(t.Context(), "key"); e != nil || err != nil {
		t.Errorf("a second time: %v, %v", e, err)
	}
}
