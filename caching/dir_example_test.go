package caching_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tripper-go/tripper/caching"
)

// A cache that outlives the program and that several programs may share, encrypted
// with a key that is kept elsewhere.
func ExampleOpenDir() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an example

	store, err := caching.OpenDir(filepath.Join(dir, "cache"), &caching.DirOptions{
		MaxBytes: 256 << 20,
		Key:      func() ([]byte, error) { return []byte("32 bytes of a key from a keyring"), nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // an example

	client := &http.Client{Transport: &caching.Transport{Store: store}}
	defer client.CloseIdleConnections()
	fmt.Println(store.Stats().Entries, "entries")
	// Output: 0 entries
}

// What is in a store, and removing some of it.
func ExampleMemory_List() {
	store := caching.NewMemory(64 << 20)
	ctx := context.Background()
	w, err := store.Create(ctx, "key", -1)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // an example
	if _, err := w.Write([]byte("body")); err != nil {
		log.Fatal(err)
	}
	meta := &caching.Meta{ID: [16]byte{1}, URL: "https://example.com/", Status: 404, Proto: "HTTP/1.1"}
	if err := w.Commit(ctx, meta); err != nil {
		log.Fatal(err)
	}

	err = store.List(ctx, func(key string, meta *caching.Meta, size int64) bool {
		fmt.Println(meta.URL, meta.Status, size)
		if meta.Status == 404 {
			err = store.Delete(ctx, key)
		}
		return err == nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Stats().Entries, "entries")
	// Output:
	// https://example.com/ 404 4
	// 0 entries
}
