package from

import (
	"net/http"

	"github.com/gregjones/httpcache"
	"github.com/gregjones/httpcache/diskcache"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/httpcachestore"
)

func gregjonesBefore() *http.Client {
	return httpcache.NewMemoryCacheTransport().Client()
}

func gregjonesAfter() *http.Client {
	return &http.Client{Transport: &caching.Transport{}}
}

func gregjonesDiskBefore(dir string) *http.Client {
	return httpcache.NewTransport(diskcache.New(dir)).Client()
}

func gregjonesDiskAfter(dir string) (*http.Client, error) {
	store, err := dirstore.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &caching.Transport{Store: store}}, nil
}

// The cache that a program has already, whoever wrote it.
func gregjonesSameCache(cache httpcache.Cache) *http.Client {
	return &http.Client{Transport: &caching.Transport{Store: httpcachestore.New(cache, nil)}}
}
