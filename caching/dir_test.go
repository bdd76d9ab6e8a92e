package caching

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
	"runtime"
	"strings"
	"testing"
	"time"
)

func openTestDir(tb testing.TB, path string, limit int64, opts DirOptions) *Dir {
	tb.Helper()
	d, err := OpenDirWith(path, limit, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}

// dirFiles returns the size of each file below path, by name.
func dirFiles(tb testing.TB, path string) map[string]int64 {
	tb.Helper()
	files := map[string]int64{}
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files[strings.TrimPrefix(p, path+"/")] = i.Size()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func TestDirModesAndNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "cache")
	d := openTestDir(t, path, 0, DirOptions{})
	const key = "secret-key-of-a-user"
	storeBody(t, d, key, storeMeta(1), bytes.Repeat([]byte("x"), 100_000), -1)
	if _, err := d.Secret(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := d.Create(t.Context(), key, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	release, err := d.Acquire(t.Context(), key)
	if err != nil || release == nil {
		t.Fatal(err)
	}
	defer release()
	n := 0
	err = filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := e.Info()
		if err != nil {
			return err
		}
		if n++; i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", p, i.Mode())
		}
		if strings.Contains(p, key) || strings.Contains(p, "example") {
			t.Errorf("%s tells what it holds", p)
		}
		return nil
	})
	if err != nil || n < 8 {
		t.Errorf("%d files, %v", n, err)
	}
	if runtime.GOOS == "linux" {
		// Others' permissions on what was there before are taken back.
		if err := os.Chmod(filepath.Join(path, "v1"), 0o755); err != nil { //nolint:gosec // that is the test
			t.Fatal(err)
		}
		openTestDir(t, path, 0, DirOptions{})
		if i, err := os.Stat(filepath.Join(path, "v1")); err != nil || i.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, %v", i.Mode(), err)
		}
	}
}

func TestDirReopened(t *testing.T) {
	path := t.TempDir()
	for _, opts := range []DirOptions{{}, {Sync: true}} {
		d := openTestDir(t, path, 0, opts)
		body := bytes.Repeat([]byte("body"), 30_000)
		storeBody(t, d, "key", storeMeta(7), body, -1)
		secret, err := d.Secret(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := d.Stats()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Get(t.Context(), "key"); !errors.Is(err, ErrClosed) {
			t.Errorf("Get after Close: %v", err)
		}
		if _, err := d.Create(t.Context(), "key", 1); !errors.Is(err, ErrClosed) {
			t.Errorf("Create after Close: %v", err)
		}
		if _, err := d.Secret(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Secret after Close: %v", err)
		}
		d = openTestDir(t, path, 0, opts)
		if got := d.Stats(); got.Entries != 1 || got.Bytes != before.Bytes {
			t.Errorf("reopened: %+v, before: %+v", got, before)
		}
		if !bytes.Equal(storedBody(t, d, "key"), body) {
			t.Error("another body")
		}
		if again, err := d.Secret(t.Context()); err != nil || !bytes.Equal(again, secret) {
			t.Errorf("the secret changed (%v)", err)
		}
	}
}

func TestDirBound(t *testing.T) {
	const limit = 4 << 20
	path := t.TempDir()
	d := openTestDir(t, path, limit, DirOptions{})
	size := func() (n int64) {
		for _, s := range dirFiles(t, path) {
			n += dirBlocks(s)
		}
		return n
	}
	hot := make([]string, 20)
	for i := range hot {
		hot[i] = fmt.Sprint("hot", i)
		storeBody(t, d, hot[i], storeMeta(1), make([]byte, 40_000), -1)
		storedBody(t, d, hot[i])
	}
	for i := range 400 { // four times the bound
		storeBody(t, d, fmt.Sprint("scan", i), storeMeta(1), make([]byte, 40_000), -1)
		if i%40 == 0 && size() > limit {
			t.Errorf("%d bytes of %d", size(), limit)
		}
	}
	kept := 0
	for _, key := range hot {
		if storedBody(t, d, key) != nil {
			kept++
		}
	}
	if kept != len(hot) {
		t.Errorf("%d of %d entries in use outlived a scan", kept, len(hot))
	}
	if s := d.Stats(); s.Bytes > limit || s.Bytes < limit*8/10 || s.Evicted == 0 || s.Bytes != size()-dirBlocks(1) { // CACHEDIR.TAG
		t.Errorf("%+v, on disk: %d", s, size())
	}
	d.Close()

	// A smaller bound holds from the start.
	d = openTestDir(t, path, limit/4, DirOptions{})
	if s := d.Stats(); s.Bytes > limit/4 || size() > limit/4+dirBlock {
		t.Errorf("%+v, on disk: %d", s, size())
	}

	// What is being written counts as well.
	var ws []Writer
	for range 10 {
		w, err := d.Create(t.Context(), "k", -1)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ws = append(ws, w)
	}
	refused := 0
	for _, w := range ws {
		if _, err := w.Write(make([]byte, 300_000)); errors.Is(err, ErrTooLarge) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 || size() > limit/4+dirBlock {
		t.Errorf("ten bodies of 300,000 bytes being written: %d bytes on disk, %d refused", size(), refused)
	}
}

func TestDirSeesWhatOthersStore(t *testing.T) {
	const limit = 4 << 20
	path := t.TempDir()
	a, b := openTestDir(t, path, limit, DirOptions{}), openTestDir(t, path, limit, DirOptions{})
	for i := range 160 {
		storeBody(t, a, fmt.Sprint("a", i), storeMeta(1), make([]byte, 40_000), -1)
		storeBody(t, b, fmt.Sprint("b", i), storeMeta(1), make([]byte, 40_000), -1)
	}
	var n int64
	for _, s := range dirFiles(t, path) {
		n += dirBlocks(s)
	}
	if n > limit+2*limit/16+100_000 {
		t.Errorf("two stores on one directory: %d bytes of %d", n, limit)
	}
	storeBody(t, a, "both", storeMeta(1), []byte("body"), -1)
	if string(storedBody(t, b, "both")) != "body" {
		t.Error("what one has stored the other does not find")
	}
	if err := b.Delete(t.Context(), "both"); err != nil {
		t.Fatal(err)
	}
	if storedBody(t, a, "both") != nil {
		t.Error("what one has deleted the other still finds")
	}
	sa, err1 := a.Secret(t.Context())
	sb, err2 := b.Secret(t.Context())
	if err1 != nil || err2 != nil || !bytes.Equal(sa, sb) {
		t.Errorf("two secrets: %v, %v", err1, err2)
	}
	release, err := a.Acquire(t.Context(), "key")
	if err != nil || release == nil {
		t.Fatal(err)
	}
	if r, err := b.Acquire(t.Context(), "key"); r != nil || err != nil {
		t.Errorf("both have the lease (%v)", err)
	}
	release()
	if r, err := b.Acquire(t.Context(), "key"); r == nil || err != nil {
		t.Errorf("the lease is not free (%v)", err)
	} else {
		r()
	}
}

func TestDirUpdateWritesNoBody(t *testing.T) {
	path := t.TempDir()
	d := openTestDir(t, path, 0, DirOptions{})
	body := make([]byte, 1<<20)
	storeBody(t, d, "key", storeMeta(1), body, -1)
	at := newDirPlace("key")
	file := filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard), at.name)
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	meta := storeMeta(1)
	for i := range 1000 {
		meta = meta.Clone()
		meta.ResponseTime = meta.ResponseTime.Add(time.Minute)
		meta.Header = meta.Header.Clone()
		meta.Header.Set("X-Count", strings.Repeat("x", i%300))
		if err := d.Update(t.Context(), "key", meta); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || after.Size() > before.Size()+8<<10 {
		t.Errorf("after 1000 updates: %d bytes, before %d", after.Size(), before.Size())
	}
	if raceEnabled {
		return
	}
	if n := bytesPerRun(500, func() {
		if err := d.Update(t.Context(), "key", meta); err != nil {
			t.Fatal(err)
		}
	}); n > 16<<10 {
		t.Errorf("an update allocates %d bytes", n)
	}
}

// TestDirUpdateCutShort cuts off an update at every byte it writes, as a crash
// does: the metadata before it stands.
func TestDirUpdateCutShort(t *testing.T) {
	for _, opts := range []DirOptions{{}, {Key: func() ([]byte, error) { return make([]byte, 32), nil }}} {
		path := t.TempDir()
		d := openTestDir(t, path, 0, opts)
		body := []byte("the body")
		storeBody(t, d, "key", storeMeta(1), body, -1)
		at := newDirPlace("key")
		file := filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard), at.name)
		meta := func(n string) *Meta {
			m := storeMeta(1)
			m.Header.Set("X-Version", n)
			return m
		}
		if err := d.Update(t.Context(), "key", meta("one")); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Update(t.Context(), "key", meta("two")); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		// The record comes first, then the slot; within each any part may be there.
		step := 3
		if raceEnabled || testing.Short() {
			step = 7
		}
		for cut := 0; cut < len(after)+entryHeader; cut += step {
			b := bytes.Clone(before)
			for i := entryHeader; i < min(len(after), cut+entryHeader); i++ {
				if i < len(b) {
					b[i] = after[i]
				} else {
					b = append(b, after[i])
				}
			}
			if cut > len(after) {
				copy(b[:cut-len(after)], after)
			}
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := d.Get(t.Context(), "key")
			if err != nil || e == nil {
				t.Fatalf("cut at %d: %v, %v", cut, e, err)
			}
			got, err := entryBytes(e)
			e.Close() //nolint:errcheck // a reader
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("cut at %d: body %q, %v", cut, got, err)
			}
			seen[e.Meta.Header.Get("X-Version")]++
		}
		if seen["one"] == 0 || seen["two"] == 0 || len(seen) != 2 {
			t.Errorf("versions seen: %v", seen)
		}
	}
}

func TestDirEncrypted(t *testing.T) {
	path := t.TempDir()
	key := func(b byte) func() ([]byte, error) {
		return func() ([]byte, error) { return bytes.Repeat([]byte{b}, 32), nil }
	}
	d := openTestDir(t, path, 0, DirOptions{Key: key(1)})
	plain := bytes.Repeat([]byte("plain text "), 20_000)
	storeBody(t, d, "key", storeMeta(1), plain, -1)
	storeBody(t, d, "small", storeMeta(1), []byte("plain text"), -1)
	secret, err := d.Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name := range dirFiles(t, path) {
		b, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"plain text", "example.com", "Content-Type", "no-cache", string(secret)} {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds %q", name, s)
			}
		}
	}
	if !bytes.Equal(storedBody(t, d, "key"), plain) {
		t.Error("another body")
	}
	d.Close() //nolint:errcheck // a test
	for name, opts := range map[string]DirOptions{"another key": {Key: key(2)}, "no key": {}} {
		d := openTestDir(t, path, 0, opts)
		k := map[string]string{"another key": "key", "no key": "small"}[name]
		if e, err := d.Get(t.Context(), k); e != nil || !errors.Is(err, ErrCorrupt) {
			t.Errorf("with %s: %v, %v", name, e, err)
		}
		if d.Stats().Corrupt != 1 {
			t.Errorf("with %s: %+v", name, d.Stats())
		}
		storeBody(t, d, "open", storeMeta(1), []byte("open"), -1)
		d.Close() //nolint:errcheck // a test
	}
	d = openTestDir(t, path, 0, DirOptions{Key: key(1)})
	if e, err := d.Get(t.Context(), "open"); e != nil || !errors.Is(err, ErrCorrupt) {
		t.Errorf("what is not encrypted was taken: %v, %v", e, err)
	}
	for name, k := range map[string]func() ([]byte, error){
		"short": func() ([]byte, error) { return make([]byte, 15), nil },
		"error": func() ([]byte, error) { return nil, io.ErrUnexpectedEOF },
	} {
		if _, err := OpenDirWith(t.TempDir(), 0, DirOptions{Key: k}); err == nil {
			t.Errorf("%s key: no error", name)
		} else if name == "error" && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cause lost: %v", err)
		}
	}
}

func TestDirLeftovers(t *testing.T) {
	path := t.TempDir()
	d := openTestDir(t, path, 0, DirOptions{})
	w, err := d.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	at := newDirPlace("key")
	shard := filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard))
	left := []string{filepath.Join(shard, at.name+".0123456789ab.tmp"), filepath.Join(shard, at.name+".lease")}
	foreign := filepath.Join(shard, "README")
	for _, f := range append(left, foreign) {
		if err := os.WriteFile(f, []byte("left over"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openTestDir(t, path, 0, DirOptions{})
	for _, f := range left {
		if _, err := os.Stat(f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there (%v)", filepath.Base(f), err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
	// What is being written is no leftover.
	if err := w.Commit(t.Context(), storeMeta(1)); err != nil {
		t.Errorf("Commit: %v", err)
	}
	w.Close()
	if len(storedBody(t, d, "key")) != 100_000 {
		t.Error("the entry is not there")
	}
}

func TestDirRemovedUnderIt(t *testing.T) {
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
			return errors.Join(os.RemoveAll(p), os.MkdirAll(filepath.Join(p, "v1", fmt.Sprintf("%02x", newDirPlace("key").shard)), 0o700))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cache")
			d := openTestDir(t, path, 0, DirOptions{})
			body := make([]byte, 100_000)
			storeBody(t, d, "key", storeMeta(1), body, -1)
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
			if storedBody(t, d, "key") != nil {
				t.Error("still there")
			}
			if err := w.Commit(t.Context(), storeMeta(1)); err == nil {
				t.Error("a body whose file was removed was committed")
			}
			w.Close()
			if got, err := entryBytes(open); err != nil || !bytes.Equal(got, body) {
				t.Errorf("an entry that was open: %v", err)
			}
			open.Close() //nolint:errcheck // a reader
			storeBody(t, d, "key", storeMeta(1), body, -1)
			if !bytes.Equal(storedBody(t, d, "key"), body) {
				t.Error("nothing is stored any more")
			}
			if s := d.Stats(); s.Entries != 1 || s.Bytes > 200_000 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestDirTruncatedWhileRead(t *testing.T) {
	path := t.TempDir()
	d := openTestDir(t, path, 0, DirOptions{})
	storeBody(t, d, "key", storeMeta(1), make([]byte, 1<<20), -1)
	e, err := d.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	defer e.Close() //nolint:errcheck // a reader
	at := newDirPlace("key")
	if err := os.Truncate(filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard), at.name), 500_000); err != nil {
		t.Fatal(err)
	}
	got, err := entryBytes(e)
	if !errors.Is(err, ErrCorrupt) || errors.Is(err, io.EOF) || len(got) > 500_000 {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if storedBody(t, d, "key") != nil {
		t.Error("it is still there")
	}
	if d.Stats().Corrupt != 1 {
		t.Errorf("%+v", d.Stats())
	}
}

func TestDirForeignThings(t *testing.T) {
	path := t.TempDir()
	at := newDirPlace("key")
	shard := filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard))
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("not yours"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(file string) error{
		"a directory":        func(f string) error { return os.MkdirAll(filepath.Join(f, "sub"), 0o700) },
		"a link to outside":  func(f string) error { return os.Symlink(outside, f) },
		"a link to nowhere":  func(f string) error { return os.Symlink("nowhere", f) },
		"a link to itself":   func(f string) error { return os.Symlink(at.name, f) },
		"an empty file":      func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"a file of zeros":    func(f string) error { return os.WriteFile(f, make([]byte, 100_000), 0o600) },
		"a file of an HTTP ": func(f string) error { return os.WriteFile(f, []byte("HTTP/1.1 200 OK\r\n\r\n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(shard, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := plant(filepath.Join(shard, at.name)); err != nil {
				t.Fatal(err)
			}
			d := openTestDir(t, path, 0, DirOptions{})
			if e, err := d.Get(t.Context(), "key"); e != nil {
				t.Errorf("got %v, %v", e, err)
			} else if err == nil && name != "a link to nowhere" {
				t.Error("no word about it")
			}
			if err := d.List(t.Context(), func(string, *Meta, int64) bool { t.Error("listed"); return true }); err != nil {
				t.Error(err)
			}
			if err := tryStoreBody(d, "key", storeMeta(1), []byte("body"), -1); err != nil {
				t.Error(err)
			} else if string(storedBody(t, d, "key")) != "body" {
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

func TestDirSecretDamaged(t *testing.T) {
	path := t.TempDir()
	d := openTestDir(t, path, 0, DirOptions{})
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

func TestDirAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("memory is measured")
	}
	d := openTestDir(t, t.TempDir(), 0, DirOptions{})
	for _, n := range []int{1 << 10, 64 << 10, 1 << 20} {
		key := fmt.Sprint(n)
		storeBody(t, d, key, storeMeta(1), make([]byte, n), -1)
		buf := make([]byte, 32<<10)
		got := bytesPerRun(300, func() {
			e, err := d.Get(t.Context(), key)
			if err != nil || e == nil {
				t.Fatal(e, err)
			}
			for off := int64(0); off < e.Size; {
				k, err := e.Body.ReadAt(buf, off)
				if off += int64(k); err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			}
			e.Close() //nolint:errcheck // a reader
		})
		t.Logf("a hit of %d bytes allocates %d", n, got)
		if got > 6<<10 {
			t.Errorf("a hit of %d bytes allocates %d", n, got)
		}
	}
}

// TestDirOlderVersion has a file as an older version of this package would have
// written it: it is a miss.
func TestDirOlderVersion(t *testing.T) {
	path := t.TempDir()
	d := openTestDir(t, path, 0, DirOptions{})
	storeBody(t, d, "key", storeMeta(1), []byte("the body"), -1)
	at := newDirPlace("key")
	file := filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard), at.name)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[7] = entryVersion - 1
	clear(b[12:16])
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(b[:entryFixed], entryTable))
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err := d.Get(t.Context(), "key"); e != nil || !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, %v", e, err)
	}
	if e, err := d.Get(t.Context(), "key"); e != nil || err != nil {
		t.Errorf("a second time: %v, %v", e, err)
	}
}

// TestDirFlippedBits flips bits of the body, one alone or two at once: what is read
// is an error and none of the piece they are in.
func TestDirFlippedBits(t *testing.T) {
	path := t.TempDir()
	d := openTestDir(t, path, 0, DirOptions{})
	body := make([]byte, 3*entryPiece+1000)
	for i := range body {
		body[i] = byte(i * 7)
	}
	at := newDirPlace("key")
	file := filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard), at.name)
	for _, bits := range [][]int{
		{entryPiece * 8},
		{entryPiece*8 + 77},
		{2*entryPiece*8 - 1},
		{len(body)*8 - 1},
		{3 * entryPiece * 8},
		{entryPiece * 8, 2*entryPiece*8 - 1},
		{entryPiece*8 + 1, entryPiece*8 + 33},
		{3 * entryPiece * 8, len(body)*8 - 1},
	} {
		storeBody(t, d, "key", storeMeta(1), body, -1)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, bit := range bits {
			b[entryHeader+bit/8] ^= 1 << (bit % 8)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := d.Get(t.Context(), "key")
		if err != nil || e == nil {
			t.Fatal(e, err)
		}
		got := make([]byte, len(body))
		n, err := e.Body.ReadAt(got, 0)
		if first := bits[0] / 8 / entryPiece * entryPiece; n > first || !errors.Is(err, ErrCorrupt) || !bytes.Equal(got[:n], body[:n]) {
			t.Errorf("bits %v: %d bytes, %v", bits, n, err)
		}
		e.Close()
	}
}
