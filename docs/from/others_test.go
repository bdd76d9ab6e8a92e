package from

import (
	"net/http"
	"net/http/cookiejar"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

// requestsSession is requests.Session with a Retry of three on its adapter.
func requestsSession(keys *auth.Keyring) (*http.Client, error) {
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		return nil, err
	}
	client := tripper.Chain{
		&decompress.Transport{},
		&redirects.Transport{Jar: jar, Max: 30, PostToGet: true},
		&retry.Transport{Attempts: 4},
		&auth.Transport{Credentials: keys},
	}.Client(&transport.Transport{})
	client.Timeout = 30 * time.Second // requests waits for ever if it is not told
	return client, nil
}

// okhttpClient is an OkHttpClient with a cache of 10 MiB in a directory.
func okhttpClient(dir string) (*http.Client, error) {
	store, err := dirstore.Open(dir, &dirstore.Options{MaxBytes: 10 << 20})
	if err != nil {
		return nil, err
	}
	return tripper.Chain{
		&decompress.Transport{},
		&redirects.Transport{Max: 20},
		&caching.Transport{Store: store},
		&retry.Transport{},
	}.Client(&transport.Transport{
		ConnectTimeout: 10 * time.Second,
		HeaderTimeout:  10 * time.Second,
		IdleTimeout:    10 * time.Second,
	}), nil
}

// httplib2Http is httplib2.Http(".cache") with credentials.
func httplib2Http(dir string, keys *auth.Keyring) (*http.Client, error) {
	store, err := dirstore.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	return tripper.Chain{
		&decompress.Transport{},
		&redirects.Transport{ForwardAuthorization: redirects.Nowhere},
		&lostupdate.Transport{},
		&caching.Transport{Store: store},
		&retry.Transport{},
		&auth.Transport{Credentials: keys},
	}.Client(&transport.Transport{}), nil
}
