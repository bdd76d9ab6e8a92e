package from

import (
	"compress/gzip"
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/auth"
)

// A road is a client before and after, and an origin that both must get along with.
type road struct {
	name     string
	origin   http.HandlerFunc
	clients  func(t *testing.T, host string) map[string]*http.Client
	requests int              // by each client
	arrive   int64            // at the origin
	instead  map[string]int64 // for clients that send another number
}

// Each client gets the same body, and the origin sees as many requests.
func TestRoads(t *testing.T) {
	for _, r := range roads() {
		t.Run(r.name, func(t *testing.T) {
			var seen atomic.Int64
			origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				seen.Add(1)
				r.origin(w, req)
			}))
			defer origin.Close()
			u, err := url.Parse(origin.URL)
			if err != nil {
				t.Fatal(err)
			}
			for name, client := range r.clients(t, u.Host) {
				seen.Store(0)
				for range r.requests {
					resp, err := client.Get(origin.URL)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || resp.StatusCode != http.StatusOK || string(body) != "hello" {
						t.Errorf("%s: %s, %q, %v", name, resp.Status, body, err)
					}
				}
				want, other := r.instead[name]
				if !other {
					want = r.arrive
				}
				if seen.Load() != want {
					t.Errorf("%s: the origin saw %d requests, want %d", name, seen.Load(), want)
				}
				client.CloseIdleConnections()
			}
		})
	}
}

func roads() []road {
	fresh := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "hello")
	}
	return []road{
		{name: "gregjones/httpcache: the second request is a hit", origin: fresh, requests: 2, arrive: 1, clients: func(t *testing.T, _ string) map[string]*http.Client {
			return map[string]*http.Client{
				"memory before": gregjonesBefore(), "memory after": gregjonesAfter(),
				"disk before": gregjonesDiskBefore(t.TempDir()), "disk after": must(gregjonesDiskAfter(t.TempDir()))(t),
				"the same cache": gregjonesSameCache(httpcache.NewMemoryCache()),
			}
		}},
		{name: "go-retryablehttp: a 503 is tried again", origin: failsFirst(), requests: 1, arrive: 2, clients: func(*testing.T, string) map[string]*http.Client {
			return map[string]*http.Client{"before": retryablehttpBefore(), "after": retryablehttpAfter()}
		}},
		{name: "icholy/digest: a challenge is answered, and the next request is signed at once", origin: digestOrigin, requests: 2, arrive: 3, clients: func(t *testing.T, host string) map[string]*http.Client {
			return map[string]*http.Client{"before": digestBefore(), "after": must(digestAfter(host))(t)}
		}},
		{name: "gzhttp: gzip is asked for and decoded", origin: zipped, requests: 1, arrive: 1, clients: func(*testing.T, string) map[string]*http.Client {
			return map[string]*http.Client{"before": gzhttpBefore(), "after": gzhttpAfter()}
		}},
		// resty tries the redirect again too.
		{name: "resty: Basic, a redirect and a 503", origin: basicOrigin(), requests: 1, arrive: 3, instead: map[string]int64{"before": 4}, clients: func(t *testing.T, host string) map[string]*http.Client {
			before := restyBefore()
			after := must(restyAfter(host))(t)
			restyOver(after)
			// What resty adds to a request only its own requests have.
			return map[string]*http.Client{"after": after, "before": {Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
				resp, err := before.R().SetDoNotParseResponse(true).Get(req.URL.String())
				if err != nil {
					return nil, err
				}
				return resp.RawResponse, nil
			})}}
		}},
		{name: "requests, OkHttp, httplib2", origin: fresh, requests: 1, arrive: 1, clients: func(t *testing.T, _ string) map[string]*http.Client {
			var keys auth.Keyring
			return map[string]*http.Client{
				"requests": must(requestsSession(&keys))(t), "OkHttp": must(okhttpClient(t.TempDir()))(t),
				"httplib2": must(httplib2Http(t.TempDir(), &keys))(t),
			}
		}},
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func must(client *http.Client, err error) func(*testing.T) *http.Client {
	return func(t *testing.T) *http.Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
}

// failsFirst answers every second request with 503.
func failsFirst() http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "hello")
	}
}

func digestOrigin(w http.ResponseWriter, req *http.Request) {
	sum := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	value := func(name string) string {
		_, rest, _ := strings.Cut(req.Header.Get("Authorization"), " "+name+"=")
		rest, _, _ = strings.Cut(rest, ",")
		return strings.Trim(rest, `"`)
	}
	want := sum(strings.Join([]string{sum("user:origin:password"), "abc", value("nc"), value("cnonce"), "auth", sum(req.Method + ":" + req.URL.Path)}, ":"))
	if value("response") != want {
		w.Header().Set("WWW-Authenticate", `Digest realm="origin", nonce="abc", qop="auth", algorithm=MD5`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, "hello")
}

func zipped(w http.ResponseWriter, req *http.Request) {
	if !strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, "hello")
	_ = z.Close()
}

// basicOrigin redirects to where a first request fails.
func basicOrigin() http.HandlerFunc {
	flaky := failsFirst()
	return func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != "user" || password != "password" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if req.URL.Path != "/there" {
			http.Redirect(w, req, "/there", http.StatusFound)
			return
		}
		flaky(w, req)
	}
}
