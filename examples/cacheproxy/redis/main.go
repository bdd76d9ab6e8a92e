// Command redis is cacheproxy with a further store: Redis or Valkey, shared by as
// many proxies as there are. It is a module of its own, so that tripper does not
// depend on a Redis client.
//
//	cd examples/cacheproxy/redis
//	go run . -upstream https://example.com/ -store 'redis://localhost:6379/0?namespace=proxy'
package main

import (
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/redisstore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/examples/cacheproxy/internal/proxy"
)

func main() { proxy.Main(open) }

// open opens redis://, rediss:// (TLS) and unix:// URLs as go-redis takes them,
// and what cacheproxy has.
func open(spec string) (store.Store, error) {
	if !strings.HasPrefix(spec, "redis://") && !strings.HasPrefix(spec, "rediss://") && !strings.HasPrefix(spec, "unix://") {
		return proxy.OpenStore(spec)
	}
	u, err := url.Parse(spec)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	namespace := query.Get("namespace")
	query.Del("namespace")
	u.RawQuery = query.Encode()
	opts, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, err
	}
	opts.ContextTimeoutEnabled = true
	client := redis.NewClient(opts)
	return closing{redisstore.New(client, namespace), client}, nil
}

// closing closes the client with the store.
type closing struct {
	*redisstore.Store
	client *redis.Client
}

func (s closing) Close() error { return s.client.Close() }
