package dirstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/caching/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func() store.Store { return openDir(t, dirstore.Options{}) })
}

func TestStoreEncrypted(t *testing.T) {
	storetest.Run(t, func() store.Store { return openDir(t, dirstore.Options{Key: testKey}) })
}

func TestStoreSynced(t *testing.T) {
	if os.Getenv("TRIPPER_STRESS") != "1" {
		t.Skip("waits for the disk; set TRIPPER_STRESS=1")
	}
	storetest.Run(t, func() store.Store { return openDir(t, dirstore.Options{Sync: true}) })
}

func testKey() ([]byte, error) { return []byte("0123456789abcdef0123456789abcdef"), nil }

// contractStore is a Store whose files can be broken.
type contractStore struct {
	*dirstore.Store
	path string
}

func openDir(tb testing.TB, opts dirstore.Options) contractStore {
	tb.Helper()
	path := tb.TempDir()
	opts.MaxBytes = 16 << 20
	d, err := dirstore.Open(path, &opts)
	if err != nil {
		tb.Fatal(err)
	}
	return contractStore{d, path}
}

// entryFile is where the entry of key is kept.
func entryFile(path, key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(path, "v1", hex.EncodeToString(sum[:1]), hex.EncodeToString(sum[1:]))
}

// Corrupt implements [storetest.Corrupter].
func (d contractStore) Corrupt(key string, change func(int, []byte) []byte) error {
	file := entryFile(d.path, key)
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if b = change(0, b); b == nil {
		return os.RemoveAll(file)
	}
	return os.WriteFile(file, b, 0o600)
}
