package dirstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func open(tb testing.TB, path string, opts Options) *Store {
	tb.Helper()
	d, err := Open(path, &opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}

// files returns the size of each file below path, by name.
func files(tb testing.TB, path string) map[string]int64 {
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

func TestModesAndNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "cache")
	d := open(t, path, Options{})
	const key = "secret-key-of-a-user"
	entries.PutSize(t, d, key, entries.Meta(1), bytes.Repeat([]byte("x"), 100_000), -1)
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
		open(t, path, Options{})
		if i, err := os.Stat(filepath.Join(path, "v1")); err != nil || i.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, %v", i.Mode(), err)
		}
	}
}

func TestReopened(t *testing.T) {
	path := t.TempDir()
	for _, opts := range []Options{{}, {Sync: true}} {
		d := open(t, path, opts)
		body := bytes.Repeat([]byte("body"), 30_000)
		entries.PutSize(t, d, "key", entries.Meta(7), body, -1)
		secret, err := d.Secret(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := d.Stats()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Get(t.Context(), "key"); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Get after Close: %v", err)
		}
		if _, err := d.Create(t.Context(), "key", 1); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Create after Close: %v", err)
		}
		if _, err := d.Secret(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Secret after Close: %v", err)
		}
		d = open(t, path, opts)
		if got := d.Stats(); got.Entries != 1 || got.Bytes != before.Bytes {
			t.Errorf("reopened: %+v, before: %+v", got, before)
		}
		if !bytes.Equal(entries.Get(t, d, "key"), body) {
			t.Error("another body")
		}
		if again, err := d.Secret(t.Context()); err != nil || !bytes.Equal(again, secret) {
			t.Errorf("the secret changed (%v)", err)
		}
	}
}

func TestBound(t *testing.T) {
	const limit = 4 << 20
	path := t.TempDir()
	d := open(t, path, Options{MaxBytes: limit})
	size := func() (n int64) {
		for _, s := range files(t, path) {
			n += blocks(s)
		}
		return n
	}
	hot := make([]string, 20)
	for i := range hot {
		hot[i] = fmt.Sprint("hot", i)
		entries.PutSize(t, d, hot[i], entries.Meta(1), make([]byte, 40_000), -1)
		entries.Get(t, d, hot[i])
	}
	for i := range 400 { // four times the bound
		entries.PutSize(t, d, fmt.Sprint("scan", i), entries.Meta(1), make([]byte, 40_000), -1)
		if i%40 == 0 && size() > limit {
			t.Errorf("%d bytes of %d", size(), limit)
		}
	}
	d.tidied()
	kept := 0
	for _, key := range hot {
		if entries.Get(t, d, key) != nil {
			kept++
		}
	}
	if kept != len(hot) {
		t.Errorf("%d of %d entries in use outlived a scan", kept, len(hot))
	}
	if s := d.Stats(); s.Bytes > limit || s.Bytes < limit*8/10 || s.Evicted == 0 || s.Bytes != size()-blocks(1) { // CACHEDIR.TAG
		t.Errorf("%+v, on disk: %d", s, size())
	}
	d.Close()

	// A smaller bound holds from the start.
	d = open(t, path, Options{MaxBytes: limit / 4})
	if s := d.Stats(); s.Bytes > limit/4 || size() > limit/4+blockSize {
		t.Errorf("%+v, on disk: %d", s, size())
	}

	// What is being written counts as well.
	var ws []store.Writer
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
		if _, err := w.Write(make([]byte, 300_000)); errors.Is(err, store.ErrTooLarge) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 || size() > limit/4+blockSize {
		t.Errorf("ten bodies of 300,000 bytes being written: %d bytes on disk, %d refused", size(), refused)
	}
}

func TestSeesWhatOthersStore(t *testing.T) {
	const limit = 4 << 20
	path := t.TempDir()
	a, b := open(t, path, Options{MaxBytes: limit}), open(t, path, Options{MaxBytes: limit})
	for i := range 160 {
		entries.PutSize(t, a, fmt.Sprint("a", i), entries.Meta(1), make([]byte, 40_000), -1)
		entries.PutSize(t, b, fmt.Sprint("b", i), entries.Meta(1), make([]byte, 40_000), -1)
	}
	var n int64
	for _, s := range files(t, path) {
		n += blocks(s)
	}
	if n > limit+2*limit/16+100_000 {
		t.Errorf("two stores on one directory: %d bytes of %d", n, limit)
	}
	entries.PutSize(t, a, "both", entries.Meta(1), []byte("body"), -1)
	if string(entries.Get(t, b, "both")) != "body" {
		t.Error("what one has stored the other does not find")
	}
	if err := b.Delete(t.Context(), "both"); err != nil {
		t.Fatal(err)
	}
	if entries.Get(t, a, "both") != nil {
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

func TestEncrypted(t *testing.T) {
	path := t.TempDir()
	key := func(b byte) func() ([]byte, error) {
		return func() ([]byte, error) { return bytes.Repeat([]byte{b}, 32), nil }
	}
	d := open(t, path, Options{Key: key(1)})
	plain := bytes.Repeat([]byte("plain text "), 20_000)
	entries.PutSize(t, d, "key", entries.Meta(1), plain, -1)
	entries.PutSize(t, d, "small", entries.Meta(1), []byte("plain text"), -1)
	secret, err := d.Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name := range files(t, path) {
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
	if !bytes.Equal(entries.Get(t, d, "key"), plain) {
		t.Error("another body")
	}
	d.Close() //nolint:errcheck // a test
	for name, opts := range map[string]Options{"another key": {Key: key(2)}, "no key": {}} {
		d := open(t, path, opts)
		k := map[string]string{"another key": "key", "no key": "small"}[name]
		if e, err := d.Get(t.Context(), k); e != nil || !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("with %s: %v, %v", name, e, err)
		}
		if d.Stats().Corrupt != 1 {
			t.Errorf("with %s: %+v", name, d.Stats())
		}
		entries.PutSize(t, d, "open", entries.Meta(1), []byte("open"), -1)
		d.Close() //nolint:errcheck // a test
	}
	d = open(t, path, Options{Key: key(1)})
	if e, err := d.Get(t.Context(), "open"); e != nil || !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("what is not encrypted was taken: %v, %v", e, err)
	}
	for name, k := range map[string]func() ([]byte, error){
		"short": func() ([]byte, error) { return make([]byte, 15), nil },
		"error": func() ([]byte, error) { return nil, io.ErrUnexpectedEOF },
	} {
		if _, err := Open(t.TempDir(), &Options{Key: k}); err == nil {
			t.Errorf("%s key: no error", name)
		} else if name == "error" && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cause lost: %v", err)
		}
	}
}

func TestAllocs(t *testing.T) {
	if rttest.Race {
		t.Skip("memory is measured")
	}
	d := open(t, t.TempDir(), Options{})
	for _, n := range []int{1 << 10, 64 << 10, 1 << 20} {
		key := fmt.Sprint(n)
		entries.PutSize(t, d, key, entries.Meta(1), make([]byte, n), -1)
		buf := make([]byte, 32<<10)
		hit := func() {
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
		}
		got, allocs := rttest.BytesPerRun(300, hit), testing.AllocsPerRun(300, hit)
		if t.Logf("a hit of %d bytes allocates %d, at %v times", n, got, allocs); got > 6<<10 || allocs > 12 { // 7 of them open the file, 2 are the metadata
			t.Errorf("a hit of %d bytes allocates %d, at %v times", n, got, allocs)
		}
	}
}

// TestFlippedBits flips bits of the body, one alone or two at once: what is read
// is an error and none of the piece they are in.
func TestFlippedBits(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	body := make([]byte, 3*pieceSize+1000)
	for i := range body {
		body[i] = byte(i * 7)
	}
	at := placeOf("key")
	file := filepath.Join(path, versionDir, at.path)
	for _, bits := range [][]int{
		{pieceSize * 8},
		{pieceSize*8 + 77},
		{2*pieceSize*8 - 1},
		{len(body)*8 - 1},
		{3 * pieceSize * 8},
		{pieceSize * 8, 2*pieceSize*8 - 1},
		{pieceSize*8 + 1, pieceSize*8 + 33},
		{3 * pieceSize * 8, len(body)*8 - 1},
	} {
		entries.PutSize(t, d, "key", entries.Meta(1), body, -1)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, bit := range bits {
			b[headLen+bit/8] ^= 1 << (bit % 8)
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
		if first := bits[0] / 8 / pieceSize * pieceSize; n > first || !errors.Is(err, store.ErrCorrupt) || !bytes.Equal(got[:n], body[:n]) {
			t.Errorf("bits %v: %d bytes, %v", bits, n, err)
		}
		e.Close()
	}
}
