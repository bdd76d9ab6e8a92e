package tripper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/retry"
)

// TestStaleAfterTheTries: stale-if-error is used when all tries have failed, and
// not before; a Retry-After is waited for in between; the budget holds.
func TestStaleAfterTheTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if tries.Add(1) == 1 {
				return rttest.Respond("HTTP/1.1 200 OK\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\nCache-Control: max-age=10, stale-if-error=1000\n\nold")(req)
			}
			return rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 7\n\ndown")(req)
		})
		cache := &caching.Transport{}
		defer cache.Close()
		client := tripper.Chain{cache, &retry.Transport{Attempts: 3, Backoff: retry.Constant(0), Budget: &retry.Budget{Burst: 3, Ratio: -1}}}.Client(base)
		wantReply(t, ask(t.Context(), client, "GET http://example.com/"), 200, "old")
		time.Sleep(20 * time.Second)
		for i, want := range []struct {
			tries  int32
			waited time.Duration
		}{{3, 14 * time.Second}, {2, 7 * time.Second}, {1, 0}} {
			before, start := tries.Load(), time.Now()
			r := ask(t.Context(), client, "GET http://example.com/")
			wantReply(t, r, 200, "old")
			if n := tries.Load() - before; n != want.tries || time.Since(start) != want.waited || !r.cached {
				t.Errorf("request %d: %d tries, waited %v, cached %v, want %v", i, n, time.Since(start), r.cached, want)
			}
		}
	})
}

// TestTimeoutDuringBody: the Timeout of http.Client ends a body that stands
// still, for those who have one, and takes nothing from the cache.
func TestTimeoutDuringBody(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "hello")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	client := newLayers(t).client()
	client.Timeout = time.Second
	for range 2 {
		r := ask(t.Context(), client, "GET "+o.URL+"/")
		var timeout interface{ Timeout() bool }
		if r.body != "hello" || !errors.As(r.err, &timeout) || !timeout.Timeout() {
			t.Errorf("got %v", r)
		}
		if r.cached {
			t.Error("half a body was stored")
		}
	}
}

// TestRangesByTheCaller pass decompress by, are cut from what is stored, and are
// stored as what they are.
func TestRangesByTheCaller(t *testing.T) {
	t.Parallel()
	content := []byte(text())
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("ETag", `"v"`)
		http.ServeContent(w, r, "", modTime, bytes.NewReader(content))
	})
	client := newLayers(t).client()
	r := ask(t.Context(), client, "GET "+o.URL+"/f\nRange: bytes=10-19")
	wantReply(t, r, 206, string(content[10:20]))
	r = ask(t.Context(), client, "GET "+o.URL+"/f")
	wantReply(t, r, 200, string(content))
	r = ask(t.Context(), client, "GET "+o.URL+"/f\nRange: bytes=-5")
	wantReply(t, r, 206, string(content[len(content)-5:]))
	r = ask(t.Context(), client, fmt.Sprintf("GET %s/f\nRange: bytes=%d-", o.URL, len(content)))
	if r.status != 416 {
		t.Errorf("beyond the end: %v", r)
	}
	r = ask(t.Context(), client, "GET "+o.URL+"/f\nRange: bytes=0-4\nAuthorization: other")
	wantReply(t, r, 206, string(content[:5]))
	if r.cached {
		t.Error("a part of another user's answer")
	}
}

// TestNoContent: 204, 304 to the caller's own question, and HEAD, through
// everything.
func TestNoContent(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("ETag", `"v"`)
		switch {
		case r.URL.Path == "/204":
			w.WriteHeader(http.StatusNoContent)
		case r.Header.Get("If-None-Match") == `"v"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(gzipped("hello"))
		}
	})
	client := newLayers(t).client()
	for range 2 {
		wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/204"), 204, "")
		wantReply(t, ask(t.Context(), client, "HEAD "+o.URL+"/x"), 200, "")
		wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/x\nIf-None-Match: \"v\""), 304, "")
		wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/x"), 200, "hello")
	}
}

// TestSharedFetchIsComplete: who shares a fetch with others gets what they get,
// decoded, with a version of their own to guard a write with.
func TestSharedFetchIsComplete(t *testing.T) {
	t.Parallel()
	want := text()
	release := make(chan struct{})
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			return
		}
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("ETag", `"v"`)
		w.Header().Set("Content-Encoding", "gzip")
		coded := gzipped(want)
		_, _ = w.Write(coded[:1000])
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = w.Write(coded[1000:])
	})
	l := newLayers(t)
	var keys auth.Keyring
	keys.Add("joe", "secret", o.addr())
	l.auth.Credentials = &keys
	client := l.client()
	var bodies []io.ReadCloser
	for i := range 10 {
		ctx := t.Context()
		if i%2 == 1 {
			ctx = context.WithoutCancel(ctx)
		}
		req, _ := http.NewRequestWithContext(ctx, "GET", o.URL+"/f", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Header.Get("Content-Encoding") != "" || !resp.Uncompressed || resp.Request.URL.Path != "/f" {
			t.Errorf("caller %d: Content-Encoding %q, Uncompressed %v", i, resp.Header.Get("Content-Encoding"), resp.Uncompressed)
		}
		bodies = append(bodies, resp.Body)
	}
	close(release)
	for i, b := range bodies {
		got, err := io.ReadAll(b)
		if err != nil || string(got) != want {
			t.Errorf("caller %d got %d bytes, %v", i, len(got), err)
		}
		_ = b.Close()
	}
	if n := len(o.requests("/f")); n != 2 {
		t.Errorf("%d requests, want a 401 and one more", n)
	}
	ask(t.Context(), client, "PUT "+o.URL+"/f", "mine")
	seen := o.requests("/f")
	if m := seen[len(seen)-1].header.Get("If-Match"); !strings.Contains(m, `"v"`) {
		t.Errorf("If-Match %q", m)
	}
}
