package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

func storeEntry(tb testing.TB, s store.Store, key string, meta *store.Meta, body []byte) {
	tb.Helper()
	w, err := s.Create(context.Background(), key, int64(len(body)))
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(body); err != nil {
		tb.Fatal(err)
	}
	if err := w.Commit(context.Background(), meta); err != nil {
		tb.Fatal(err)
	}
}

func storedMeta() *store.Meta {
	return &store.Meta{
		ID: [16]byte{1}, URL: "https://www.example.com/", Status: 200, StatusText: "OK", Proto: "HTTP/1.1",
		Header: store.FieldsOf(http.Header{
			"Cache-Control": {"max-age=60"}, "Content-Type": {"application/json"}, "Date": {"Tue, 24 Nov 2026 12:00:00 GMT"},
			"Etag": {`"5a8f3c1d9e7b"`}, "Vary": {"Accept-Encoding"}, "Content-Length": {"1024"},
		}),
	}
}

// BenchmarkStoreDir reads an entry from a directory beside the bare file: opened,
// read to its end in pieces of 32 KiB into a buffer that is there, and closed.
func BenchmarkStoreDir(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			ctx, body, buf := b.Context(), make([]byte, size), make([]byte, 32<<10)
			works := map[string]func(){}
			for name, opts := range map[string]dirstore.Options{
				"dir":       {},
				"encrypted": {Key: func() ([]byte, error) { return make([]byte, 32), nil }},
			} {
				d, err := dirstore.Open(b.TempDir(), &opts)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { d.Close() })
				storeEntry(b, d, "key", storedMeta(), body)
				works[name] = func() {
					e, err := d.Get(ctx, "key")
					if err != nil || e == nil {
						b.Fatal(e, err)
					}
					for off := int64(0); off < e.Size; {
						n, err := e.Body.ReadAt(buf, off)
						if off += int64(n); err != nil && !errors.Is(err, io.EOF) {
							b.Fatal(err)
						}
					}
					e.Close()
				}
			}
			file := filepath.Join(b.TempDir(), "file")
			if err := os.WriteFile(file, body, 0o600); err != nil {
				b.Fatal(err)
			}
			works["bare"] = func() {
				f, err := os.Open(file)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = f.Read(buf)
				}
				f.Close()
			}
			works["readfile"] = func() {
				if _, err := os.ReadFile(file); err != nil {
					b.Fatal(err)
				}
			}
			alternate(b, works, "bare")
			for _, name := range []string{"dir", "encrypted"} {
				b.ReportMetric(testing.AllocsPerRun(100, works[name]), "allocs/"+name)
			}
		})
	}
}

// BenchmarkStoreMemory looks up entries of a store of one and of 100,000. A bare map
// of as many, under a lock, shows what of the difference is that memory is large:
// each lookup is of another key, and so of memory that is in no cache.
func BenchmarkStoreMemory(b *testing.B) {
	const n = 100_000
	keys := make([]string, n)
	large, bare := memorystore.New(1<<30), map[string]*store.Entry{}
	for i := range keys {
		keys[i] = fmt.Sprintf("%043d", i)
		storeEntry(b, large, keys[i], storedMeta(), []byte("x"))
		bare[keys[i]] = &store.Entry{Meta: storedMeta()}
	}
	one := memorystore.New(1 << 20)
	storeEntry(b, one, keys[0], storedMeta(), []byte("x"))
	ctx := b.Context()
	const batch = 64
	at := map[string]int{}
	next := func(who string) string { at[who] = (at[who] + 7919) % n; return keys[at[who]] }
	look := func(s store.Store, key func() string) func() {
		return func() {
			for range batch {
				if e, err := s.Get(ctx, key()); err != nil || e == nil {
					b.Fatal(e, err)
				}
			}
		}
	}
	same := func() string { return keys[0] }
	var mu sync.RWMutex
	works := map[string]func(){
		"one":        look(one, func() string { next("one"); return keys[0] }),
		"same100000": look(large, func() string { next("same"); return same() }),
		"all100000":  look(large, func() string { return next("large") }),
		"map100000": func() {
			for range batch {
				mu.RLock()
				e := bare[next("map")]
				mu.RUnlock()
				if e == nil {
					b.Fatal("nothing")
				}
			}
		},
	}
	alternate(b, works, "one")
	b.ReportMetric(testing.AllocsPerRun(100, works["all100000"])/batch, "allocs/lookup")
}
