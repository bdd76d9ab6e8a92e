package memorystore_test

import (
	"context"
	"fmt"
	"log"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/caching/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func() store.Store { return memorystore.New(16 << 20) })
}

// What is in a store, and removing some of it.
func ExampleStore_List() {
	s := memorystore.New(64 << 20)
	ctx := context.Background()
	w, err := s.Create(ctx, "key", -1)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // an example
	if _, err := w.Write([]byte("body")); err != nil {
		log.Fatal(err)
	}
	meta := &store.Meta{ID: [16]byte{1}, URL: "https://example.com/", Status: 404, Proto: "HTTP/1.1"}
	if err := w.Commit(ctx, meta); err != nil {
		log.Fatal(err)
	}

	for e, err := range s.List(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Meta.URL, e.Meta.Status, e.Size)
		if e.Meta.Status == 404 {
			if err := s.Delete(ctx, e.Key); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Println(s.Stats().Entries, "entries")
	// Output:
	// https://example.com/ 404 4
	// 0 entries
}
