package httpsig

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
)

// TestChain: below all other layers each hop and each try is signed afresh, over the bytes that
// are sent; another host gets no signature; and a cache keeps keys apart.
func TestChain(t *testing.T) {
	t.Parallel()
	keys := map[string]*Key{}
	for _, id := range []string{"test-key-ed25519", "test-shared-secret"} {
		keys[id] = rfcKey(t, id)
	}
	verifier := &Verifier{Keys: []*Key{keys["test-key-ed25519"], keys["test-shared-secret"]}, Components: []string{"@method", "@target-uri"}}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{fieldInput, fieldSignature, fieldDigest} {
			if r.Header[name] != nil {
				t.Errorf("another host got %s", name)
			}
		}
		fmt.Fprint(w, "elsewhere")
	}))
	defer other.Close()
	var mu sync.Mutex
	var inputs []string
	tries := map[string]int{}
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verifier.Request(r); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		if len(body) > 0 {
			digested(t, r.Header, string(body))
		}
		mu.Lock()
		input := r.Header.Get(fieldInput)
		inputs = append(inputs, input)
		tries[r.URL.Path]++
		first := tries[r.URL.Path] == 1
		mu.Unlock()
		switch {
		case r.URL.Path == "/out":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case r.URL.Path == "/from":
			http.Redirect(w, r, "/to?a=1", http.StatusTemporaryRedirect)
		case r.URL.Path == "/to" && first:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("Cache-Control", "max-age=60")
			for id := range keys {
				if strings.Contains(input, id) {
					fmt.Fprint(w, r.Header.Get("Content-Encoding"), " ", id)
				}
			}
		}
	}))
	defer origin.Close()

	cache := &caching.Transport{}
	defer cache.Close()
	client := func(id string) *http.Client {
		return tripper.Chain{
			&redirects.Transport{Unsafe: true}, cache, &compress.Transport{},
			&retry.Transport{Backoff: func(retry.Attempt) time.Duration { return 0 }}, &Transport{Key: keys[id], Nonce: true},
		}.Client(nil)
	}
	send := func(id, method, path, body, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, origin.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client(id).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
	send("test-key-ed25519", "PUT", "/from", strings.Repeat("x", 5000), "gzip test-key-ed25519")
	send("test-key-ed25519", "GET", "/out", "", "elsewhere")
	for range 3 {
		for id := range keys {
			send(id, "GET", "/cached", "", " "+id)
		}
	}
	if n := tries["/cached"]; n != 2 {
		t.Errorf("%d requests for what is cached, want one for each key", n)
	}
	slices.Sort(inputs)
	if n := len(slices.Compact(inputs)); n != 6 {
		t.Errorf("%d signatures, want 6: two hops, a second try, one that leads out, and two keys", n)
	}
}
