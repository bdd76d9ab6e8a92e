package dirstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

func TestZeroStore(t *testing.T) {
	ctx := t.Context()
	var d Store
	_, err1 := d.Get(ctx, "k")
	_, err2 := d.Create(ctx, "k", 1)
	_, err3 := d.Secret(ctx)
	_, err4 := d.Acquire(ctx, "k")
	var err5 error
	for _, err5 = range d.List(ctx) {
		continue
	}
	for i, err := range []error{
		err1, err2, err3, err4, err5, d.Update(ctx, "k", &store.Meta{}), d.Delete(ctx, "k"),
	} {
		if !errors.Is(err, errNotOpened) {
			t.Errorf("call %d of a zero Store: %v", i, err)
		}
	}
	if d.Stats().Entries != 0 || d.Close() != nil {
		t.Error("a zero Store")
	}
}

func TestOpenRefuses(t *testing.T) {
	if d, err := Open("", nil); err == nil {
		_ = d.Close()
		t.Error("an empty path, as of a variable that is not set")
	}
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	base := t.TempDir()
	victim, cache := filepath.Join(base, "victim"), filepath.Join(base, "cache")
	for _, dir := range []string{victim, cache} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(victim, filepath.Join(cache, versionDir)); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(cache, nil); err == nil {
		_ = d.Close()
		t.Error("v1 is a link to another directory")
	}
	if i, err := os.Stat(victim); err != nil || i.Mode().Perm() != 0o755 {
		t.Errorf("the other directory: %v, %v", i.Mode(), err)
	}
	if files, _ := os.ReadDir(victim); len(files) > 0 {
		t.Errorf("%d files in the other directory", len(files))
	}
}

// However many directories there are, few descriptors are open.
func TestDescriptors(t *testing.T) {
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(fds)
	}
	before := count()
	d, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test
	for i := range 600 {
		key := fmt.Sprint(i)
		w, err := d.Create(context.Background(), key, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte("x"))
		if err := w.Commit(context.Background(), &store.Meta{Status: 200, Proto: "HTTP/1.1"}); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		if e, err := d.Get(context.Background(), key); err != nil || e == nil {
			t.Fatalf("%v, %v", e, err)
		} else {
			_ = e.Close()
		}
	}
	if n := count() - before; n > 16 {
		t.Errorf("%d descriptors more", n)
	}
}
