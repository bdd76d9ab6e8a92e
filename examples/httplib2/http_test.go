package httplib2

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/transport"
)

// origin is the server that the examples of httplib2's manual need.
type origin struct {
	*httptest.Server
	seen  atomic.Int32
	mu    sync.Mutex
	text  string
	tag   int
	posts []string
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{text: "first"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "hello")
	})
	mux.HandleFunc("/chapter/2", o.chapter)
	mux.HandleFunc("POST /atom", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/atom/collection", http.StatusMovedPermanently)
	})
	mux.HandleFunc("POST /atom/collection", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		o.posts = append(o.posts, r.Header.Get("Content-Type")+": "+string(body))
		o.mu.Unlock()
		w.Header().Set("Location", o.URL+"/atom/collection/1")
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1"})
		fmt.Fprintf(w, "logged in %s", r.PostFormValue("username"))
	})
	mux.HandleFunc("GET /members", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("session")
		if err != nil || c.Value != "s1" {
			http.Error(w, "log in", http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, "members only")
	})
	mux.HandleFunc("GET /loop", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/loop")
		w.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(w, "another redirect")
	})
	mux.HandleFunc("GET /nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	mux.HandleFunc("GET /silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("GET /badgzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "this is not gzip")
	})
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.seen.Add(1)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

// chapter is a resource with a tag, behind Basic authentication for writers.
func (o *origin) chapter(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tag := fmt.Sprintf(`"%d"`, o.tag)
	if r.Method == http.MethodGet {
		w.Header().Set("ETag", tag)
		_, _ = io.WriteString(w, o.text)
		return
	}
	if user, password, _ := r.BasicAuth(); user != "name" || password != "password" {
		w.Header().Set("WWW-Authenticate", `Basic realm="book"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if m := r.Header.Get("If-Match"); m != "" && m != tag {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	body, _ := io.ReadAll(r.Body)
	o.text = r.Header.Get("Content-Type") + ": " + string(body)
	o.tag++
	w.WriteHeader(http.StatusNoContent)
}

func newHTTP(t *testing.T, cache any) *Http {
	t.Helper()
	h, err := New(cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return h
}

func request(t *testing.T, h *Http, uri, method, body string, headers http.Header) (*Response, string) {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	resp, content, err := h.Request(uri, method, r, headers)
	if err != nil {
		t.Fatalf("%s %s: %v", method, uri, err)
	}
	return resp, string(content)
}

// "A simple retrieval": the second comes out of the cache directory.
func TestManualSimpleGET(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	dir := filepath.Join(t.TempDir(), ".cache")
	for i, want := range []bool{false, true} {
		// A new Http each time: the directory remembers.
		h := newHTTP(t, dir)
		resp, content := request(t, h, o.URL, "", "", nil)
		if resp.StatusCode != 200 || content != "hello" || resp.FromCache != want {
			t.Errorf("round %d: got %s %q, from the cache: %v", i, resp.Status, content, resp.FromCache)
		}
	}
	if n := o.seen.Load(); n != 1 {
		t.Errorf("the origin saw %d requests, want 1", n)
	}
}

// "Using credentials": PUT with cache, credentials and content type.
func TestManualPUT(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	h := newHTTP(t, httpcache.NewMemoryCache())
	h.AddCredentials("name", "password", "")
	uri := o.URL + "/chapter/2"
	if _, content := request(t, h, uri, "GET", "", nil); content != "first" {
		t.Errorf("got %q", content)
	}
	text := http.Header{"content-type": {"text/plain"}}
	if resp, _ := request(t, h, uri, "PUT", "This is text", text); resp.StatusCode != 204 || o.text != "text/plain: This is text" {
		t.Errorf("got %s, the origin has %q", resp.Status, o.text)
	}
	// Somebody else writes between our GET and our PUT.
	request(t, h, uri, "GET", "", http.Header{"Cache-Control": {"no-cache"}})
	o.mu.Lock()
	o.tag++
	o.mu.Unlock()
	if resp, _ := request(t, h, uri, "PUT", "lost?", text); resp.StatusCode != 412 {
		t.Errorf("an update was lost: got %s", resp.Status)
	}
	// httplib2's switch: without the tag the write goes through.
	h.IgnoreETag = true
	if resp, _ := request(t, h, uri, "PUT", "forced", text); resp.StatusCode != 204 {
		t.Errorf("IgnoreETag: got %s", resp.Status)
	}
	h.ClearCredentials()
	other := newHTTP(t, "")
	if resp, _ := request(t, other, uri, "PUT", "anonymous", text); resp.StatusCode != 401 {
		t.Errorf("without credentials: got %s", resp.Status)
	}
}

// "Atom": POST with all redirects followed.
func TestManualAtomPOST(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	h := newHTTP(t, filepath.Join(t.TempDir(), ".cache"))
	entry := http.Header{"Content-Type": {"application/atom+xml"}}
	if resp, _ := request(t, h, o.URL+"/atom", "POST", "<entry/>", entry); resp.StatusCode != 301 || resp.Previous != nil {
		t.Errorf("by default a POST is not redirected: got %s", resp.Status)
	}
	h.FollowAllRedirects = true
	resp, _ := request(t, h, o.URL+"/atom", "POST", "<entry/>", entry)
	if resp.StatusCode != 201 || len(o.posts) != 1 || o.posts[0] != "application/atom+xml: <entry/>" {
		t.Errorf("got %s, the origin has %q", resp.Status, o.posts)
	}
	if resp.Previous == nil || resp.Previous.StatusCode != 301 {
		t.Errorf("previous is %v", resp.Previous)
	}
}

// "Forms and cookies": POST of a form, then the cookie by hand.
func TestManualFormPOST(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	h := newHTTP(t, "")
	form := url.Values{"username": {"joe"}, "password": {"secret"}}.Encode()
	resp, content := request(t, h, o.URL+"/login", "POST", form, http.Header{"Content-type": {"application/x-www-form-urlencoded"}})
	if content != "logged in joe" {
		t.Errorf("got %s %q", resp.Status, content)
	}
	_, content = request(t, h, o.URL+"/members", "GET", "", http.Header{"Cookie": {resp.Header.Get("Set-Cookie")}})
	if content != "members only" {
		t.Errorf("got %q", content)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	h := newHTTP(t, "")

	if _, _, err := h.Request(o.URL+"/loop", "GET", nil, nil); err == nil || !strings.Contains(err.Error(), redirects.ErrLimit.Error()) {
		t.Errorf("a loop ends with %v", err)
	}
	h.ForceExceptionToStatusCode = true
	resp, content := request(t, h, o.URL+"/loop", "GET", "", nil)
	if resp.StatusCode != 500 || !strings.HasPrefix(resp.Status, "500 Redirected more") || content != "another redirect" || resp.Previous == nil {
		t.Errorf("forced loop: %q %q, previous %v", resp.Status, content, resp.Previous)
	}
	resp, content = request(t, h, o.URL+"/nowhere", "GET", "", nil)
	if !strings.HasPrefix(resp.Status, "500 Redirected but") || content != "" {
		t.Errorf("forced missing location: %q %q", resp.Status, content)
	}
	resp, _ = request(t, h, o.URL+"/badgzip", "GET", "", nil)
	if !strings.HasPrefix(resp.Status, "500 Content purported") {
		t.Errorf("forced bad gzip: %q", resp.Status)
	}
	resp, content = request(t, h, "/relative", "GET", "", nil)
	if resp.StatusCode != 400 || !strings.Contains(content, "absolute") {
		t.Errorf("forced relative URI: %q %q", resp.Status, content)
	}
	h.Timeout = 20 * time.Millisecond
	resp, content = request(t, h, o.URL+"/silent", "GET", "", nil)
	if resp.StatusCode != 408 || content != "Request Timeout" {
		t.Errorf("forced timeout: %q %q", resp.Status, content)
	}
	h.Timeout = 0
	h.FollowRedirects = false
	if resp, _ = request(t, h, o.URL+"/loop", "GET", "", nil); resp.StatusCode != 302 {
		t.Errorf("FollowRedirects false: got %s", resp.Status)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	asked := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		_, _ = io.WriteString(w, "by proxy")
	}))
	defer proxy.Close()
	u, _ := url.Parse(proxy.URL)
	h := newHTTP(t, "")
	h.Proxy = http.ProxyURL(u)
	if _, content := request(t, h, "http://far.example/x", "GET", "", nil); content != "by proxy" || asked != "http://far.example/x" {
		t.Errorf("got %q, the proxy was asked for %q", content, asked)
	}
	h.Proxy = transport.Direct
	if _, _, err := h.Request(proxy.URL, "GET", nil, nil); err != nil {
		t.Errorf("without a proxy: %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secure") }))
	defer srv.Close()
	h := newHTTP(t, "")
	if _, _, err := h.Request(srv.URL, "GET", nil, nil); err == nil {
		t.Error("an unknown authority was trusted")
	}
	h.DisableSSLCertificateValidation = true
	if _, content := request(t, h, srv.URL, "GET", "", nil); content != "secure" {
		t.Errorf("got %q", content)
	}

	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	h = newHTTP(t, "")
	if err := h.SetCACerts(file); err != nil {
		t.Fatal(err)
	}
	if resp, content := request(t, h, srv.URL, "GET", "", nil); content != "secure" || resp.TLS.Version < tls.VersionTLS12 {
		t.Errorf("got %q", content)
	}
	if err := h.SetCACerts(file + ".missing"); err == nil {
		t.Error("a missing CA file is no error")
	}
	if err := h.AddCertificate("no.key", "no.pem", "", ""); err == nil {
		t.Error("a missing client certificate is no error")
	}
}

func TestBadCache(t *testing.T) {
	t.Parallel()
	if _, err := New(42); err == nil {
		t.Error("a number was taken for a cache")
	}
}
