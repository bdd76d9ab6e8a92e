package integration_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestManyRequests sends a mixture of everything at once, some of it cancelled,
// and looks at what is left over afterwards. It is not parallel: it counts
// goroutines.
func TestManyRequests(t *testing.T) {
	rttest.NoLeaks(t)
	want := text()
	coded := encode("gzip", []byte(want))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"1"`)
		switch {
		case strings.HasPrefix(r.URL.Path, "/silent"):
			<-r.Context().Done()
		case strings.HasPrefix(r.URL.Path, "/flaky") && rand.IntN(2) == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.HasPrefix(r.URL.Path, "/drop") && rand.IntN(2) == 0:
			panic(http.ErrAbortHandler)
		case strings.HasPrefix(r.URL.Path, "/login"):
			login(w, r)
		case strings.HasPrefix(r.URL.Path, "/hop"):
			w.Header().Set("Cache-Control", "max-age=100")
			http.Redirect(w, r, "/page"+r.URL.Path[4:], http.StatusMovedPermanently)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			w.Header().Set("Cache-Control", "max-age=1")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(coded)
		}
	}))
	l := newStack(t)
	l.caching.StaleWhileRevalidate = time.Second
	l.caching.Store = memorystore.New(1 << 20)
	var keys auth.Keyring
	keys.Add("joe", "secret", server.Listener.Addr().String())
	l.auth.Credentials = &keys
	client := l.client()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			paths := []string{"/silent", "/flaky", "/drop", "/login", "/hop", "/page"}
			path := fmt.Sprint(paths[i%len(paths)], i%3)
			method := []string{"GET", "GET", "HEAD", "PUT", "POST", "DELETE", "GET"}[i%7]
			switch {
			case strings.HasPrefix(path, "/silent"):
				time.AfterFunc(time.Duration(rand.IntN(30))*time.Millisecond, cancel)
			case i%5 == 0:
				time.AfterFunc(time.Duration(rand.IntN(5))*time.Millisecond, cancel)
			}
			if i%11 == 0 && !strings.HasPrefix(path, "/silent") {
				ctx = context.WithoutCancel(ctx)
			}
			var body io.Reader
			if method == "PUT" || method == "POST" {
				body = strings.NewReader("content")
			}
			req, _ := http.NewRequestWithContext(ctx, method, server.URL+path, body)
			resp, err := client.Do(req)
			if err != nil {
				return
			}
			defer func() { _ = resp.Body.Close() }()
			if i%4 == 0 {
				_, _ = io.CopyN(io.Discard, resp.Body, 10)
				return
			}
			b, err := io.ReadAll(resp.Body)
			if err == nil && len(b) > 100 && string(b) != want {
				t.Errorf("%s %s: %d bytes that are not what was sent", method, path, len(b))
			}
		})
	}
	wg.Wait()
	if err := l.caching.Close(); err != nil {
		t.Error(err)
	}
	client.CloseIdleConnections()
	server.CloseClientConnections()
	server.Close()
}

// TestConnectionsAreReused: what the layers drop on the way (redirects, 401, 503,
// 304) gives its connection back.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	var fail atomic.Bool
	o := &server{}
	o.Server = httptest.NewUnstartedServer(o.recorded(func(w http.ResponseWriter, r *http.Request) {
		filler := strings.Repeat("x", 20<<10)
		switch {
		case r.URL.Path == "/a":
			w.Header().Set("Location", "/b")
			w.WriteHeader(http.StatusFound)
		case r.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
		case fail.CompareAndSwap(false, true):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Cache-Control", "no-cache")
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		_, _ = io.WriteString(w, filler)
	}))
	o.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	o.Start()
	t.Cleanup(o.Close)
	l := newStack(t)
	var keys auth.Keyring
	keys.Add("joe", "secret", o.addr())
	l.auth.Credentials = &keys
	client := l.client()
	for range 10 {
		if r := ask(t.Context(), client, "GET "+o.URL+"/a"); r.status != 200 || len(r.body) != 20<<10 {
			t.Errorf("%d, %d bytes, %v", r.status, len(r.body), r.err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for %d requests, one after the other", n, len(o.requests("/")))
	}
}

// TestHTTP2: all layers above an origin that speaks HTTP/2.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	want := text()
	coded := encode("gzip", []byte(want))
	var broken, refused atomic.Bool
	o := &server{}
	o.Server = httptest.NewUnstartedServer(o.recorded(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s came by %s", r.URL, r.Proto)
		}
		switch {
		case r.URL.Path == "/old":
			w.Header().Set("Cache-Control", "max-age=1000")
			http.Redirect(w, r, "/new", http.StatusMovedPermanently)
		case r.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method == http.MethodPost:
			panic(http.ErrAbortHandler)
		case refused.CompareAndSwap(false, true):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("Cache-Control", "max-age=1000")
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Accept-Ranges", "bytes")
			w.Header().Set("ETag", `"gz"`)
			if broken.CompareAndSwap(false, true) {
				w.Header().Set("Content-Length", fmt.Sprint(len(coded)))
				_, _ = w.Write(coded[:len(coded)/2])
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			http.ServeContent(w, r, "", modTime, strings.NewReader(string(coded)))
		}
	}))
	o.EnableHTTP2 = true
	o.StartTLS()
	t.Cleanup(o.Close)
	l := newStack(t)
	l.retry.Attempts = 3
	l.transport.RootCAs = x509.NewCertPool()
	l.transport.RootCAs.AddCert(o.Certificate())
	var keys auth.Keyring
	keys.Add("joe", "secret", o.addr())
	l.auth.Credentials = &keys
	client := l.client()
	for i := range 2 {
		r := ask(t.Context(), client, "GET "+o.URL+"/old")
		if r.err != nil || r.body != want || r.cached != (i == 1) {
			t.Errorf("%d, %d bytes, cached %v, %v", r.status, len(r.body), r.cached, r.err)
		}
	}
	if n := len(o.requests("/new")); n != 4 {
		t.Errorf("%d requests, want four: a 401, a 503, half of the body, the other half", n)
	}
	if r := ask(t.Context(), client, "POST "+o.URL+"/pay", "100 EUR"); r.err == nil {
		t.Error(r)
	}
	paid := 0
	for _, r := range o.requests("/pay") {
		if r.header.Get("Authorization") != "" {
			paid++
		}
	}
	if paid != 1 {
		t.Errorf("a POST was sent %d times", paid)
	}
}
