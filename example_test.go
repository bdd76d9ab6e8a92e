package tripper_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

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

// All layers around a transport, as one http.Client.
func Example() {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "joe" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="example"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprintf(w, "hello, %s", user)
	}))
	defer origin.Close()

	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	store := memorystore.New(64 << 20)
	var keys auth.Keyring
	keys.Add("joe", "secret", origin.Listener.Addr().String())

	client := tripper.Chain{
		&decompress.Transport{},
		&redirects.Transport{Jar: jar},
		&lostupdate.Transport{},
		&caching.Transport{Store: store},
		&retry.Transport{},
		&auth.Transport{Credentials: &keys},
	}.Client(&transport.Transport{})

	for range 2 {
		resp, err := client.Get(origin.URL)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, from the cache: %v\n", body, caching.FromCache(resp))
	}
	// Output:
	// hello, joe, from the cache: false
	// hello, joe, from the cache: true
}

// One feature, in a client that exists already.
func ExampleLayer() {
	client := &http.Client{}
	client.Transport = &retry.Transport{Base: client.Transport}
	fmt.Printf("%T", client.Transport)
	// Output: *retry.Transport
}

// Check explains what is wrong with an order.
func ExampleChain_Check() {
	chain := tripper.Chain{&retry.Transport{}, &caching.Transport{}}
	fmt.Println(chain)
	fmt.Println(chain.Check())
	// Output:
	// retry > caching
	// tripper: retry stands above caching, but should stand below it: hits need no tries, and a resumed body must be whole when it is stored
}

// A function is a layer, such as other people's middleware.
func ExampleLayerFunc() {
	userAgent := tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
		return roundTripperFunc(func(req *http.Request) (*http.Response, error) {
			req = req.Clone(req.Context())
			req.Header.Set("User-Agent", "example/1.0")
			return next.RoundTrip(req)
		})
	})
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.UserAgent())
	}))
	defer origin.Close()
	client := tripper.Chain{&retry.Transport{}, userAgent}.Client(nil)
	resp, err := client.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s", body)
	// Output: example/1.0
}

// Errors as responses, for those who would rather look at a status code.
func ExampleErrorResponses() {
	client := tripper.Chain{tripper.ErrorResponses{}, &redirects.Transport{Max: 1}}.Client(nil)
	origin := httptest.NewServer(http.RedirectHandler("/again", http.StatusFound))
	defer origin.Close()
	resp, err := client.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.Status)

	if e, ok := errors.AsType[*redirects.Error](tripper.ErrorOf(resp)); ok {
		fmt.Println("after", e.Response.Status)
	}
	// Output:
	// 500 Redirected more times than redirection_limit allows.
	// after 302 Found
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// tokenTransport is what golang.org/x/oauth2.Transport is: it adds a token, which is
// another one every hour, and does not say whose it is.
type tokenTransport struct {
	Source func() (token string, err error)
	Base   http.RoundTripper
}

func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.Source()
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+token)
	return t.Base.RoundTrip(out)
}

// userTransport says it: all tokens of the source are the user's.
type userTransport struct {
	tokenTransport
	User string
}

// Identity implements [tripper.Identifier].
func (t *userTransport) Identity(*http.Request) string { return t.User }

// An oauth2.Transport below a cache needs an Identity, which is one method: then each
// user has hits, and the token may change.
func ExampleIdentifier() {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=60")
		_, _ = io.WriteString(w, "seen by "+r.Header.Get("Authorization"))
	}))
	defer origin.Close()

	tokens := 0
	source := func() (string, error) {
		tokens++
		return fmt.Sprint("token ", tokens), nil
	}
	cache := &caching.Transport{}
	for _, user := range []string{"alice", "bob", "alice", "bob"} {
		layer := &userTransport{tokenTransport{source, http.DefaultTransport}, user}
		client := tripper.Chain{cache}.Client(layer)
		resp, err := client.Get(origin.URL)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s, from the cache: %v\n", user, body, caching.FromCache(resp))
	}
	// Output:
	// alice: seen by Bearer token 1, from the cache: false
	// bob: seen by Bearer token 2, from the cache: false
	// alice: seen by Bearer token 1, from the cache: true
	// bob: seen by Bearer token 2, from the cache: true
}
