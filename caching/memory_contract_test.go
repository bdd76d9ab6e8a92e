package caching_test

import (
	"context"
	"fmt"
	"log"
	"testing"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func() caching.Store { return caching.NewMemory(16 << 20) })
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
