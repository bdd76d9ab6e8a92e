package docs_test

import (
	"net/http"
	"net/http/cookiejar"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

// One layer in a client that a program has already.
func Example_oneLayer() {
	client := &http.Client{Timeout: time.Minute}
	client.Transport = &retry.Transport{Base: client.Transport}
	defer client.CloseIdleConnections()
	// Output:
}

// All layers in their order.
func newClient(keys *auth.Keyring) *http.Client {
	jar, _ := cookiejar.New(nil) // it never fails
	return tripper.Chain{
		&decompress.Transport{},
		&redirects.Transport{Jar: jar},
		&lostupdate.Transport{},
		&caching.Transport{Store: memorystore.New(256 << 20)},
		&retry.Transport{},
		&auth.Transport{Credentials: keys},
	}.Client(&transport.Transport{})
}

func Example_allLayers() {
	var keys auth.Keyring
	if err := keys.Add("user", "password", "example.com"); err != nil {
		panic(err)
	}
	client := newClient(&keys)
	defer client.CloseIdleConnections()
	// Output:
}
