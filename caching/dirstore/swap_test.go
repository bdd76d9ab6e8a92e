package dirstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// swap commits an entry of the given version in place of another.
func swap(t *testing.T, d *Store, version, replaces store.Version) error {
	t.Helper()
	m := entries.Meta(1)
	m.Version, m.Replaces = version, replaces
	return entries.TryPut(d, "key", m, []byte("body"), 4)
}

// A process that dies during a Commit leaves names that are not those of entries.
func TestSwapCutShort(t *testing.T) {
	if !fileLocks {
		t.Skip("what crashed processes leave goes by time here")
	}
	path := t.TempDir()
	d := open(t, path, Options{})
	if err := swap(t, d, 1, store.Absent); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, versionDir, placeOf("key").path)
	tmp := file + ".0123456789ab" + tempSuffix
	for _, left := range []string{tmp, tmp + tempSuffix} {
		if err := os.Link(file, left); err != nil {
			t.Skip("no links here:", err)
		}
	}
	d = open(t, path, Options{})
	for name := range files(t, path) {
		if strings.HasSuffix(name, tempSuffix) {
			t.Errorf("%s was left", name)
		}
	}
	if e, err := d.Get(t.Context(), "key"); e == nil || err != nil || e.Meta.Version != 1 {
		t.Errorf("the entry: %v, %v", e, err)
	} else if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// A file that is no entry is not what anything replaces. It is removed, so that it is not there
// for ever.
func TestSwapOfDamaged(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	if err := swap(t, d, 1, store.Absent); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, versionDir, placeOf("key").path)
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := swap(t, d, 2, 1); !errors.Is(err, store.ErrConflict) {
		t.Errorf("in place of a damaged entry: %v, want ErrConflict", err)
	}
	if err := swap(t, d, 2, store.Absent); err != nil {
		t.Errorf("after it was found damaged: %v", err)
	}
}
