package caching_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching"
)

// origin is a server that counts what it is asked.
func origin(fields map[string]string) (srv *httptest.Server, asked *int) {
	asked = new(int)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*asked++
		for name, value := range fields {
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, "hello")
	})), asked
}

func fetch(client *http.Client, req *http.Request) *http.Response {
	resp, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

func Example() {
	srv, asked := origin(map[string]string{"Cache-Control": "max-age=60"})
	defer srv.Close()

	client := &http.Client{Transport: &caching.Transport{}}
	for range 3 {
		resp, err := client.Get(srv.URL)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(string(body), caching.FromCache(resp))
	}
	fmt.Println("asked", *asked)
	// Output:
	// hello false
	// hello true
	// hello true
	// asked 1
}

// A cache for many users, as in a proxy, that obeys CDN-Cache-Control first.
func ExampleTransport_shared() {
	srv, asked := origin(map[string]string{"Cache-Control": "no-store", "CDN-Cache-Control": "max-age=60"})
	defer srv.Close()

	cache := &caching.Transport{Shared: true, Targeted: []string{"CDN-Cache-Control"}, Name: "edge"}
	client := &http.Client{Transport: cache}
	req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
	for range 2 {
		status, _, _ := strings.Cut(fetch(client, req).Header.Get("Cache-Status"), "; ttl=")
		fmt.Println(status)
	}
	fmt.Println("asked", *asked)
	// Output:
	// edge; fwd=uri-miss; fwd-status=200; stored
	// edge; hit
	// asked 1
}

// Answers of 404 that say nothing about their freshness, kept for a minute.
func ExampleTransport_negative() {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.NotFound(w, r)
	}))
	defer srv.Close()

	client := &http.Client{Transport: &caching.Transport{StatusTTL: map[int]time.Duration{404: time.Minute}}}
	req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
	for range 3 {
		fmt.Println(fetch(client, req).StatusCode)
	}
	fmt.Println("asked", asked)
	// Output:
	// 404
	// 404
	// 404
	// asked 1
}

// Settings for one request: an answer from the origin, or none but from the
// store.
func ExampleWithReload() {
	srv, asked := origin(map[string]string{"Cache-Control": "max-age=60"})
	client := &http.Client{Transport: &caching.Transport{}}
	req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
	fetch(client, req)
	fetch(client, req.WithContext(caching.WithReload(req.Context())))
	srv.Close()
	resp := fetch(client, req.WithContext(caching.WithOffline(req.Context())))
	fmt.Println("asked", *asked, "offline", resp.StatusCode)
	// Output: asked 2 offline 200
}

func ExampleTransport_Purge() {
	srv, asked := origin(map[string]string{"Cache-Control": "max-age=60"})
	defer srv.Close()

	cache := &caching.Transport{}
	client := &http.Client{Transport: cache}
	req, _ := http.NewRequest(http.MethodGet, srv.URL+"/page", nil)
	fetch(client, req)
	for stored, err := range cache.All(req.Context()) {
		fmt.Println(stored.Status, stored.Size, err)
	}
	if err := cache.Purge(req.Context(), srv.URL+"/page"); err != nil {
		panic(err)
	}
	fetch(client, req)
	fmt.Println("asked", *asked)
	// Output:
	// 200 5 <nil>
	// asked 2
}

// signer signs requests as the SDKs of AWS do: each time with another signature.
type signer struct {
	key   string
	times int
}

func (s *signer) sign(req *http.Request) *http.Request {
	s.times++
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20130524/us-east-1/s3/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature=%064x", s.key, s.times))
	return req
}

// Requests that are signed before they come to the cache: whoever has the same
// access key is the same user.
func ExampleBySigningKey() {
	srv, asked := origin(map[string]string{"Cache-Control": "max-age=60"})
	defer srv.Close()

	client := &http.Client{Transport: &caching.Transport{Partition: caching.BySigningKey}}
	alice, bob := &signer{key: "AKIAALICE"}, &signer{key: "AKIABOB"}
	for _, user := range []*signer{alice, bob, alice, bob} {
		req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
		fmt.Println(user.key, caching.FromCache(fetch(client, user.sign(req))))
	}
	fmt.Println("asked", *asked)
	// Output:
	// AKIAALICE false
	// AKIABOB false
	// AKIAALICE true
	// AKIABOB true
	// asked 2
}

// A program with one user, whose token is added below the cache by a layer that does
// not say whose it is.
func ExampleForUser() {
	srv, asked := origin(map[string]string{"Cache-Control": "private, max-age=60"})
	defer srv.Close()

	addsToken := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		out := req.Clone(req.Context())
		out.Header.Set("Authorization", "Bearer token")
		return http.DefaultTransport.RoundTrip(out)
	})
	req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
	for _, cache := range []*caching.Transport{{Base: addsToken}, {Base: addsToken, Partition: caching.ForUser("joe")}} {
		client := &http.Client{Transport: cache}
		for range 2 {
			fmt.Println(caching.FromCache(fetch(client, req)))
		}
	}
	fmt.Println("asked", *asked)
	// Output:
	// false
	// false
	// false
	// true
	// asked 3
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
