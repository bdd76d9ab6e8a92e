package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/retry"
)

// shaky starts a server that answers n requests by 503 before it works.
func shaky(n int32) *httptest.Server {
	var count atomic.Int32
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if count.Add(1) <= n {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "hello after %s attempts", req.Header.Get("X-Attempt"))
	}))
}

func Example() {
	server := shaky(2)
	defer server.Close()

	client := &http.Client{Transport: &retry.Transport{Attempts: 3, AttemptHeader: "X-Attempt"}}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(body), err)
	// Output: 200 OK hello after 3 attempts <nil>
}

// The last response is returned, whatever it is.
func ExampleTransport_lastResponse() {
	server := shaky(100)
	defer server.Close()

	client := &http.Client{Transport: &retry.Transport{}}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s %q %v\n", resp.Status, body, err)
	// Output: 503 Service Unavailable "busy\n" <nil>
}

// If no attempt got a response, the error tells about all of them.
func ExampleError() {
	down := roundTripper(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
	client := &http.Client{Transport: &retry.Transport{Base: down, Attempts: 3}}
	_, err := client.Get("http://example.com/")
	fmt.Println(err)
	if e, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println(e.Attempts, len(e.Causes), errors.Is(err, retry.ErrExhausted))
	}
	// Output:
	// Get "http://example.com/": retry: 3 attempts: unexpected EOF
	// 3 3 true
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A policy of one's own is best built on the one there is.
func ExampleTransport_retryable() {
	transport := &retry.Transport{
		Retryable: func(a retry.Attempt) bool {
			return retry.Retryable(a) || a.Response != nil && a.Response.StatusCode == http.StatusInternalServerError
		},
	}
	for _, status := range []int{500, 501, 503} {
		fmt.Println(status, transport.Retryable(retry.Attempt{Response: &http.Response{StatusCode: status}}))
	}
	// Output:
	// 500 true
	// 501 false
	// 503 true
}

// A POST is sent twice only if somebody said that it may be.
func ExampleWithIdempotent() {
	sent := 0
	lossy := roundTripper(func(*http.Request) (*http.Response, error) {
		sent++
		return nil, io.ErrUnexpectedEOF
	})
	client := &http.Client{Transport: &retry.Transport{Base: lossy}}
	for _, ctx := range []context.Context{context.Background(), retry.WithIdempotent(context.Background())} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://example.com/", strings.NewReader("x"))
		if err != nil {
			fmt.Println(err)
			return
		}
		sent = 0
		_, err = client.Do(req)
		fmt.Println(sent, err)
	}
	// Output:
	// 1 Post "http://example.com/": unexpected EOF
	// 2 Post "http://example.com/": retry: 2 attempts: unexpected EOF
}

// With an idempotency key the server can tell a repetition from a new request.
func ExampleRandomKey() {
	keys := map[string]int{}
	lossy := roundTripper(func(req *http.Request) (*http.Response, error) {
		keys[req.Header.Get("Idempotency-Key")]++
		return nil, io.ErrUnexpectedEOF
	})
	client := &http.Client{Transport: &retry.Transport{Base: lossy, IdempotencyKey: retry.RandomKey}}
	for range 2 {
		_, _ = client.Post("http://example.com/orders", "text/plain", strings.NewReader("one pizza"))
	}
	for _, n := range keys {
		fmt.Println("a key was sent", n, "times")
	}
	// Output:
	// a key was sent 2 times
	// a key was sent 2 times
}

// A budget keeps retries from finishing off a server that is in trouble.
func ExampleBudget() {
	sent := 0
	down := roundTripper(func(*http.Request) (*http.Response, error) {
		sent++
		return nil, io.ErrUnexpectedEOF
	})
	client := &http.Client{Transport: &retry.Transport{
		Base:     down,
		Attempts: 4,
		Backoff:  retry.Constant(0),
		Budget:   &retry.Budget{Ratio: 0.1, Burst: 5},
	}}
	for range 100 {
		_, _ = client.Get("http://example.com/")
	}
	fmt.Println(sent, "attempts for 100 requests")
	// Output: 105 attempts for 100 requests
}

// A circuit breaker has requests to a host that is down fail at once.
func ExampleCircuit() {
	down := roundTripper(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
	client := &http.Client{Transport: &retry.Transport{
		Base:     down,
		Attempts: 1,
		Breaker:  &retry.Circuit{Failures: 2, Cooldown: time.Minute},
	}}
	for range 3 {
		_, err := client.Get("http://example.com/")
		fmt.Println(err)
	}
	// Output:
	// Get "http://example.com/": unexpected EOF
	// Get "http://example.com/": unexpected EOF
	// Get "http://example.com/": retry: circuit open
}
