package dirstore

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// TestInspect looks into a directory with everything in it that Open, Get and List would
// otherwise remove, and compares the files before and after.
func TestInspect(t *testing.T) {
	ctx, path := t.Context(), t.TempDir()
	if _, err := Open(filepath.Join(path, "none"), &Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that does not exist: %v", err)
	}
	plain, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, plain, "plain", "hello")
	keep(t, plain, "damaged", "hello")
	sealed, err := Open(path, &Options{Key: func() ([]byte, error) { return make([]byte, 32), nil }})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, sealed, "sealed", "hello")
	_, _ = plain.Close(), sealed.Close()
	damage(t, filepath.Join(path, versionDir, placeOf("damaged").path))
	left := filepath.Join(path, versionDir, placeOf("plain").path+tempSuffix)
	if err := os.WriteFile(left, []byte("of a process that crashed"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	before := make(map[string]fileState)
	each(t, path, func(name string) {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	})
	each(t, path, func(name string) { before[name] = stateOf(t, name) })

	d, err := Open(path, &Options{ReadOnly: true, MaxBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a reader
	listed := 0
	for e, err := range d.List(ctx) {
		if listed++; err != nil || e.Key != "plain" {
			t.Errorf("listed %q, %v", e.Key, err)
		}
	}
	e, err := d.Get(ctx, "plain")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	_ = e.Close()
	for _, key := range []string{"damaged", "sealed"} {
		if _, err := d.Get(ctx, key); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("Get of %s: %v", key, err)
		}
	}
	if n := d.Stats().Corrupt; listed != 1 || n != 4 {
		t.Errorf("%d listed, %d times corrupt; want 1 and 4", listed, n)
	}
	_, err1 := d.Create(ctx, "k", 1)
	_, err2 := d.Secret(ctx)
	_, err3 := d.Acquire(ctx, "k")
	for i, err := range []error{err1, d.Update(ctx, "plain", e.Meta), d.Delete(ctx, "plain"), err3} {
		if !errors.Is(err, errReadOnly) {
			t.Errorf("call %d that writes: %v", i, err)
		}
	}
	if !errors.Is(err2, fs.ErrNotExist) {
		t.Errorf("a secret that is not there: %v", err2)
	}
	after := make(map[string]fileState)
	each(t, path, func(name string) { after[name] = stateOf(t, name) })
	if !maps.Equal(before, after) {
		t.Errorf("the files are %v, and were %v", after, before)
	}
}

func keep(t *testing.T, d *Store, key, body string) {
	t.Helper()
	w, err := d.Create(t.Context(), key, int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // committed
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), &store.Meta{URL: "http://example.com/", Status: 200, StatusText: "OK", Proto: "HTTP/1.1"}); err != nil {
		t.Fatal(err)
	}
}

type fileState struct {
	size int64
	mod  int64
}

func stateOf(t *testing.T, name string) fileState {
	t.Helper()
	i, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return fileState{i.Size(), i.ModTime().UnixNano()}
}

func each(t *testing.T, path string, do func(name string)) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			do(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // what it wrote is checked
	if _, err := f.WriteAt(make([]byte, 64), 0); err != nil {
		t.Fatal(err)
	}
}
