package dirstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
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

// alternating is one directory, opened twice: as two processes would see it.
type alternating struct {
	contractStore
	other *dirstore.Store
	calls *atomic.Uint32
}

func (a alternating) next() *dirstore.Store {
	if a.calls.Add(1)%2 == 0 {
		return a.other
	}
	return a.Store
}

func (a alternating) Get(ctx context.Context, key string) (*store.Entry, error) {
	return a.next().Get(ctx, key)
}

func (a alternating) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	return a.next().Create(ctx, key, size)
}

func (a alternating) Update(ctx context.Context, key string, meta *store.Meta) error {
	return a.next().Update(ctx, key, meta)
}

func (a alternating) Delete(ctx context.Context, key string) error {
	return a.next().Delete(ctx, key)
}

func (a alternating) Acquire(ctx context.Context, key string) (func(), error) {
	return a.next().Acquire(ctx, key)
}

func (a alternating) Secret(ctx context.Context) ([]byte, error) { return a.next().Secret(ctx) }

// Stats is that of both together.
func (a alternating) Stats() store.Stats {
	s, o := a.contractStore.Stats(), a.other.Stats()
	s.Hits, s.Misses, s.Stored, s.Failures = s.Hits+o.Hits, s.Misses+o.Misses, s.Stored+o.Stored, s.Failures+o.Failures
	return s
}

func (a alternating) Close() error { return errors.Join(a.contractStore.Close(), a.other.Close()) }

func TestStoreOpenedTwice(t *testing.T) {
	storetest.Run(t, func() store.Store {
		one := openDir(t, dirstore.Options{})
		other, err := dirstore.Open(one.path, &dirstore.Options{MaxBytes: 16 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return alternating{one, other, new(atomic.Uint32)}
	})
}
