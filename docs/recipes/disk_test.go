package recipes_test

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
)

func Example_cacheOnDisk() {
	origin := serve(fresh)
	defer origin.Close()
	dir := filepath.Join(os.TempDir(), fmt.Sprint("recipe-", os.Getpid()))
	defer os.RemoveAll(dir)

	for range 2 { // as if the program were started twice
		store, err := dirstore.Open(dir, &dirstore.Options{MaxBytes: 100 << 20})
		if err != nil {
			log.Fatal(err)
		}
		cache := &caching.Transport{Store: store}
		resp, body := get(&http.Client{Transport: cache}, origin.URL)
		fmt.Println(body, caching.FromCache(resp))
		_ = cache.Close() // waits for what is still being validated
		_ = store.Close()
	}
	// Output:
	// hello false
	// hello true
}
