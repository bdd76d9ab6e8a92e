package dirstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// TestPipe meets a pipe where an entry should be: opening it must not wait for
// somebody to write.
func TestPipe(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	entries.PutSize(t, d, "key", entries.Meta(1), []byte("body"), -1)
	at := placeOf("key")
	file := filepath.Join(path, versionDir, at.path)
	for _, f := range []string{file, file + ".0123.tmp", filepath.Join(path, "v1", "secret")} {
		_ = os.Remove(f)
		if err := syscall.Mkfifo(f, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := d.Get(t.Context(), "key"); e != nil || !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, %v", e, err)
	}
	open(t, path, Options{})
	if s, err := d.Secret(t.Context()); err != nil || len(s) != 32 {
		t.Errorf("secret: %v", err)
	}
	entries.PutSize(t, d, "key", entries.Meta(1), []byte("body"), -1)
	if string(entries.Get(t, d, "key")) != "body" {
		t.Error("another body")
	}
}

// onTmpfs returns a mounted file system of the given options, or skips the test.
func onTmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	path := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", path).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestFullDisk(t *testing.T) {
	path := onTmpfs(t, "size=1m")
	d := open(t, path, Options{MaxBytes: 1 << 30}) // the bound is no help
	stored := 0
	for i := range 100 {
		key, body := fmt.Sprint("key", i), bytes.Repeat([]byte{byte(i)}, 50_000)
		err := entries.TryPut(d, key, entries.Meta(1), body, -1)
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("storing: %v", err)
		}
		got := entries.Get(t, d, key)
		if err == nil {
			stored++
			if !bytes.Equal(got, body) {
				t.Errorf("entry %d: another body of %d bytes", i, len(got))
			}
		} else if got != nil {
			t.Errorf("entry %d is there, though Commit failed", i)
		}
	}
	if stored < 95 {
		t.Errorf("%d of 100 entries were stored, though there is room if others go", stored)
	}
	if err := entries.TryPut(d, "huge", entries.Meta(1), make([]byte, 2<<20), -1); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("more than the disk: %v", err)
	}
	for name := range files(t, path) {
		if strings.HasSuffix(name, tempSuffix) {
			t.Errorf("left over: %s", name)
		}
	}
	entries.PutSize(t, d, "after", entries.Meta(1), []byte("body"), -1)
	if string(entries.Get(t, d, "after")) != "body" {
		t.Error("nothing is stored any more")
	}
}

func TestReadOnly(t *testing.T) {
	path := onTmpfs(t, "size=1m")
	d := open(t, path, Options{})
	entries.PutSize(t, d, "key", entries.Meta(1), []byte("body"), -1)
	secret, err := d.Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Close() //nolint:errcheck // a test
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,ro", path).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	d = open(t, path, Options{})
	if string(entries.Get(t, d, "key")) != "body" {
		t.Error("what is there is not served")
	}
	if s, err := d.Secret(t.Context()); err != nil || !bytes.Equal(s, secret) {
		t.Errorf("secret: %v", err)
	}
	for what, err := range map[string]error{
		"store":  entries.TryPut(d, "key", entries.Meta(1), []byte("other"), -1),
		"update": d.Update(t.Context(), "key", entries.Meta(1)),
		"delete": d.Delete(t.Context(), "key"),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := d.Acquire(t.Context(), "key"); err == nil {
		t.Error("a lease without a file")
	}
	if string(entries.Get(t, d, "key")) != "body" {
		t.Error("what is there is not served any more")
	}
	if _, err := Open(filepath.Join(path, "new"), nil); err == nil {
		t.Error("a directory that cannot be made was opened")
	}
}
