package httplib2

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gregjones/httpcache"
)

// What a caller may get wrong in a request, raised and forced: nothing becomes
// another part of the request, and no password is told.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %q", r.Host, r.RequestURI)
	})
	host := strings.TrimPrefix(srv.URL, "http://")
	for _, tt := range []struct {
		uri, method, why string
		header           http.Header
		status           int // of what is forced; 200 is no error
		content          string
	}{
		{srv.URL + "/?q= HTTP/1.1\r\nx-evil: 1", "GET", "escaped", nil, 200, host + ` "/?q=%20HTTP/1.1%0D%0Ax-evil:%201"`},
		{srv.URL + "/x", "GET", "sent as given", http.Header{"host": {"other.example"}}, 200, `other.example "/x"`},
		{srv.URL + "/x", "GET", "without a cache nothing is cached", http.Header{"cache-control": {"only-if-cached"}}, 504, ""},
		{srv.URL + "/x", "POST", "whatever the method", http.Header{"cache-control": {"max-stale, Only-If-Cached"}}, 504, ""},
		{"http://joe:hunter2@[::1/?hunter2", "GET", "an error is an error", nil, 400, "httplib2: the URI cannot be parsed"},
		{"http://joe:hunter2/@host/", "GET", "part of the password looks like a port", nil, 400, "httplib2: the URI cannot be parsed"},
		{srv.URL, "NO METHOD", "likewise", nil, 400, `net/http: invalid method "NO METHOD"`},
		{"ftp://joe:hunter2@host/x", "GET", "a scheme that is not known", nil, 400, `unsupported protocol scheme "ftp"`},
		{"mailto:x", "GET", "E7", nil, 400, "Only absolute URIs are allowed. uri = mailto:x"},
	} {
		h := newHTTP(t, "")
		if resp, _, err := h.Request(tt.uri, tt.method, nil, tt.header); (err != nil) != (tt.status == 400) || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%q: %v, %v: %s", tt.uri, resp, err, tt.why)
		}
		h.ForceExceptionToStatusCode = true
		if resp, content := request(t, h, tt.uri, tt.method, "", tt.header); resp.StatusCode != tt.status || content != tt.content {
			t.Errorf("%q, forced: %d %q, want %d %q: %s", tt.uri, resp.StatusCode, content, tt.status, tt.content, tt.why)
		}
	}
}

// close forgets credentials, and what is closed can be used again.
func TestClose(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	h := newHTTP(t, filepath.Join(t.TempDir(), ".cache"))
	request(t, h, o.URL, "GET", "", nil) // as nobody: each user has responses of their own
	if err := h.AddCredentials("name", "password", ""); err != nil {
		t.Fatal(err)
	}
	if resp, _ := request(t, h, o.URL+"/chapter/2", "PUT", "x", nil); resp.StatusCode != 204 {
		t.Errorf("before: %s", resp.Status)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if resp, _ := request(t, h, o.URL+"/chapter/2", "PUT", "x", nil); resp.StatusCode != 401 {
		t.Errorf("the password is still known: %s", resp.Status)
	}
	if resp, _ := request(t, h, o.URL, "GET", "", nil); !resp.FromCache {
		t.Error("the cache is lost")
	}
}

// Changed settings take effect with the next request, and change nothing else.
func TestChangedSettings(t *testing.T) {
	t.Parallel()
	match := ""
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		match = r.Header.Get("If-Match")
		w.Header().Set("ETag", `"1"`)
		if r.URL.Path == "/302" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	})
	h := newHTTP(t, httpcache.NewMemoryCache())
	request(t, h, srv.URL+"/a", "GET", "", nil)
	h.OptimisticConcurrencyMethods = append(h.OptimisticConcurrencyMethods, "DELETE")
	h.IgnoreETag = true
	if request(t, h, srv.URL+"/a", "DELETE", "", nil); match != "" {
		t.Errorf("IgnoreETag: If-Match %q", match)
	}
	h.IgnoreETag = false
	request(t, h, srv.URL+"/a", "GET", "", nil)
	h.OptimisticConcurrencyMethods[2] = "POST"
	if request(t, h, srv.URL+"/a", "DELETE", "", nil); match != "" {
		t.Errorf("DELETE is no longer guarded: If-Match %q", match)
	}
	request(t, h, srv.URL+"/b", "GET", "", nil)
	if request(t, h, srv.URL+"/b", "POST", "", nil); match != `"1"` {
		t.Errorf("POST is guarded now: If-Match %q", match)
	}
	h.RedirectCodes = []int{301}
	if resp, _ := request(t, h, srv.URL+"/302", "GET", "", nil); resp.StatusCode != 302 {
		t.Errorf("followed to %s", resp.Status)
	}
	if resp, _ := request(t, h, srv.URL+"/301", "GET", "", nil); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

// A timeout of zero is none: every limit of the leaf that has a default is off.
func TestZeroTimeout(t *testing.T) {
	t.Parallel()
	h := newHTTP(t, "")
	if w := h.network(); w.ConnectTimeout >= 0 || w.TLSTimeout >= 0 || w.HeaderTimeout != 0 || w.IdleTimeout != 0 {
		t.Errorf("limits %v, %v, %v, %v", w.ConnectTimeout, w.TLSTimeout, w.HeaderTimeout, w.IdleTimeout)
	}
	h.Timeout = time.Second
	if w := h.network(); w.ConnectTimeout != time.Second || w.TLSTimeout != time.Second || w.HeaderTimeout != time.Second || w.IdleTimeout != time.Second {
		t.Errorf("limits %v, %v, %v, %v", w.ConnectTimeout, w.TLSTimeout, w.HeaderTimeout, w.IdleTimeout)
	}
}
