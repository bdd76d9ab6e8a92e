package dirstore_test

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
)

// A cache that outlives the program and that several programs may share, encrypted
// with a key that is kept elsewhere.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an example

	store, err := dirstore.Open(filepath.Join(dir, "cache"), &dirstore.Options{
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
