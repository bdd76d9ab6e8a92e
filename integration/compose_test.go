package integration_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// layers says which ones the clients of a world have.
type layers struct {
	errors, log, decompress, redirects, lostupdate, caching, compress, retry, auth bool

	plain    bool // the leaf is net/http's Transport
	shared   bool // the cache is
	unkind   bool // the cache serves nothing stale after an error, unless a response allows it
	retryNow bool
}

func newLayers(r *rand.Rand) layers {
	l := layers{
		errors: chance(r, 15), log: chance(r, 30), decompress: true, redirects: true, lostupdate: true, caching: true, compress: chance(r, 70), retry: true, auth: true,
		plain: chance(r, 30), shared: chance(r, 25), unkind: chance(r, 60), retryNow: chance(r, 30),
	}
	if chance(r, 40) {
		l.decompress, l.redirects, l.lostupdate = chance(r, 60), chance(r, 60), chance(r, 60)
		l.caching, l.retry, l.auth = chance(r, 80), chance(r, 60), chance(r, 60)
	}
	return l
}

// A door is a client, and whom it serves.
type door struct {
	name   string
	client *http.Client
	way    string // by which credentials come: see the ways below
	user   string // the only one it serves, or empty
	cache  int    // which store it has, -1 for none
}

// The ways by which credentials come to an origin.
const (
	byCaller  = "caller"  // the caller sets a field, or user information
	byAuth    = "auth"    // an auth layer whose Source looks into the context
	byOwn     = "own"     // an auth layer of the user's own
	byForeign = "foreign" // a layer below all others that nobody knows
	byJar     = "jar"     // a cookie jar of the user's own
)

type userKey struct{}

func userOf(ctx context.Context) string {
	user, _ := ctx.Value(userKey{}).(string)
	return user
}

// newDoors makes the clients: some ways to bring credentials, above caches that
// they share in one of several manners.
func (w *world) newDoors(h2 bool) {
	r, l := w.rand, w.layers
	var caches []*caching.Transport
	stores := []int{}
	if l.caching {
		store := w.newStore()
		caches, stores = append(caches, w.newCache(store)), append(stores, 0)
		switch r.IntN(3) {
		case 0: // two Transports on one Store
			caches, stores = append(caches, w.newCache(store)), append(stores, 0)
		case 1: // one of its own
			caches, stores = append(caches, w.newCache(w.newStore())), append(stores, 1)
		}
	}
	ways := []string{byCaller, byForeign}
	if w.origins[1].host == "b.test" {
		ways = append(ways, byJar) // cookies know no ports
	}
	if l.auth {
		ways = append(ways, byAuth, byOwn, byAuth, byOwn)
	}
	shared := w.newShared()
	leaf := w.newLeaf(h2)
	for range 1 + r.IntN(3) {
		d := door{way: pick(r, ways...), cache: -1}
		var cache *caching.Transport
		if len(caches) > 0 {
			i := r.IntN(len(caches))
			cache, d.cache = caches[i], stores[i]
		}
		if r.IntN(3) == 0 {
			leaf = w.newLeaf(h2)
		}
		if d.way != byOwn && d.way != byJar {
			w.addDoor(d, shared, cache, leaf)
			continue
		}
		for _, user := range w.users {
			d := d
			d.user = user
			w.addDoor(d, shared, cache, leaf)
		}
	}
}

// shared are the layers that all doors of a world have in common.
type shared struct {
	log        *trace.Log
	decompress *decompress.Transport
	lostupdate *lostupdate.Transport
	compress   *compress.Transport
	retry      *retry.Transport
}

func (w *world) newShared() shared {
	r := w.rand
	s := shared{
		log:        &trace.Log{Logger: slog.New(slog.NewTextHandler(secretWatch{w}, &slog.HandlerOptions{Level: slog.LevelDebug})), Headers: true},
		decompress: &decompress.Transport{}, lostupdate: &lostupdate.Transport{ConflictErrors: chance(r, 10) && !w.layers.errors},
		compress: w.compress, retry: &retry.Transport{Attempts: pick(r, 0, 0, 3, 5)},
	}
	if w.layers.retryNow || w.real {
		s.retry.Backoff = retry.Constant(0)
		s.retry.MaxWait = -1
		if w.real {
			s.retry.MaxWait = time.Millisecond
		}
	}
	if chance(r, 20) && !w.real {
		s.retry.AttemptTimeout = 20 * time.Second
	}
	if chance(r, 20) {
		s.retry.Hedge = w.scaled(time.Second)
	}
	return s
}

func (w *world) newCache(store store.Store) *caching.Transport {
	r := w.rand
	t := &caching.Transport{Store: store, Shared: w.layers.shared, Compat: caching.Compat{XFromCache: chance(r, 20), ShowKey: chance(r, 20)}}
	if w.layers.unkind {
		t.StaleIfError = -1
	}
	if !w.real {
		t.IgnoreETag = chance(r, 10)
	}
	if chance(r, 15) {
		t.MaxBody = 10000
	}
	w.caches = append(w.caches, t.Close)
	return t
}

func (w *world) newLeaf(h2 bool) http.RoundTripper {
	tune := func(t *http.Transport) {
		t.DialContext = w.network.dial
		t.Protocols = protocols(h2)
		t.MaxIdleConnsPerHost = 4
	}
	if w.layers.plain {
		t := &http.Transport{}
		tune(t)
		return t
	}
	return &transport.Transport{Proxy: transport.Direct, Tune: tune}
}

// addDoor puts the layers of d together.
func (w *world) addDoor(d door, s shared, cache *caching.Transport, leaf http.RoundTripper) {
	var chain tripper.Chain
	l := w.layers
	if l.errors {
		chain = append(chain, tripper.ErrorResponses{})
	}
	if l.log {
		chain = append(chain, s.log)
	}
	if l.decompress {
		chain = append(chain, s.decompress)
	}
	var jar http.CookieJar
	if d.way == byJar {
		jar, _ = cookiejar.New(nil)
	}
	if l.redirects {
		t := &redirects.Transport{Jar: jar, Unsafe: len(w.doors)%2 == 1}
		chain = append(chain, t)
	}
	if l.lostupdate {
		chain = append(chain, s.lostupdate)
	}
	if cache != nil {
		chain = append(chain, cache)
	}
	if l.compress {
		chain = append(chain, s.compress)
	}
	if l.retry {
		chain = append(chain, s.retry)
	}
	if l.auth {
		chain = append(chain, &auth.Transport{Credentials: w.source(d), MaxReplay: 64 << 10})
	}
	if d.way == byForeign {
		chain = append(chain, tripper.LayerFunc(w.foreignLayer))
	}
	if err := chain.Check(); err != nil {
		w.t.Errorf("Check of %v: %v", chain, err)
	}
	d.name = fmt.Sprintf("%s, credentials %s, store %d (%s)", chain, d.way, d.cache, w.storeNames)
	if cache != nil {
		d.name += fmt.Sprintf(", shared %t, StaleIfError %s, IgnoreETag %t, MaxBody %d", cache.Shared, cache.StaleIfError, cache.IgnoreETag, cache.MaxBody)
	}
	d.client = chain.Client(leaf)
	if !l.redirects {
		d.client.Jar = jar
	}
	w.doors = append(w.doors, &d)
}

// source is where the auth layer of d has its passwords from.
func (w *world) source(d door) auth.Source {
	if d.way == byOwn {
		var keys auth.Keyring
		for _, o := range w.origins {
			keys.Add(d.user, secretOf("password", o.host, d.user), "http://"+o.host)
		}
		return &keys
	}
	if d.way != byAuth {
		return nil
	}
	return auth.SourceFunc(func(ctx context.Context, target auth.Target) ([]auth.Credential, error) {
		user := userOf(ctx)
		return []auth.Credential{{Username: user, Password: secretOf("password", target.URL.Host, user), Domain: "http://" + target.URL.Host}}, nil
	})
}

// foreignLayer adds a token, as layers do that know nothing of this module.
func (w *world) foreignLayer(next http.RoundTripper) http.RoundTripper {
	return rttest.Func(func(req *http.Request) (*http.Response, error) {
		out := req.Clone(req.Context())
		if user := userOf(req.Context()); user != "" && out.Header.Get("Authorization") == "" {
			out.Header.Set("Authorization", "Bearer "+secretOf("token", req.URL.Host, user))
		}
		return next.RoundTrip(out)
	})
}

// A secretWatch fails when a secret is written to it.
type secretWatch struct{ w *world }

var _ io.Writer = secretWatch{}

func (s secretWatch) Write(b []byte) (int, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if secret := s.w.foreign("", string(b)); secret != "" {
		s.w.failf("trace", "%s was logged: %s", secret, b)
	}
	return len(b), nil
}
