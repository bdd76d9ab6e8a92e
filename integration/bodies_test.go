package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
)

// breaking serves content in coding gzip, and breaks the first transfer in the
// middle. It knows ranges if resumable.
func breaking(content []byte, resumable bool) http.HandlerFunc {
	var broken atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("ETag", `"v1-gzip"`)
		if resumable {
			w.Header().Set("Accept-Ranges", "bytes")
		}
		if broken.CompareAndSwap(false, true) {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:len(content)/2])
			panic(http.ErrAbortHandler)
		}
		if resumable {
			http.ServeContent(w, r, "", modTime, bytes.NewReader(content))
			return
		}
		_, _ = w.Write(content)
	}
}

// TestBrokenDownload: a coded body that breaks is resumed by retry, stored as a
// whole by caching, and decoded by decompress; what is not resumed is not stored.
func TestBrokenDownload(t *testing.T) {
	t.Parallel()
	want := text()
	for _, resumable := range []bool{true, false} {
		o := newServer(t, breaking(encode("gzip", []byte(want)), resumable))
		client := newStack(t).client()
		first := ask(t.Context(), client, "GET "+o.URL+"/f")
		second := ask(t.Context(), client, "GET "+o.URL+"/f")
		if second.err != nil || second.body != want {
			t.Errorf("resumable %v: %d bytes, %v", resumable, len(second.body), second.err)
		}
		if second.cached != resumable {
			t.Errorf("resumable %v: cached %v", resumable, second.cached)
		}
		seen := o.requests("/f")
		if len(seen) != 2 || (seen[1].header.Get("Range") != "") != resumable {
			t.Errorf("resumable %v: %d requests", resumable, len(seen))
		}
		switch {
		case resumable && (first.err != nil || first.body != want):
			t.Errorf("resumed to %d bytes, %v", len(first.body), first.err)
		case !resumable:
			wantError(t, first.err, io.ErrUnexpectedEOF)
			if !strings.HasPrefix(want, first.body) {
				t.Error("what arrived is not what was sent")
			}
		}
	}
}

// TestValidatedCodedBody: a 304 leaves the coding of the stored body.
func TestValidatedCodedBody(t *testing.T) {
	t.Parallel()
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v"`)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Vary", "Accept-Encoding")
		if r.Header.Get("If-None-Match") == `"v"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(encode("gzip", []byte("hello")))
	})
	client := newStack(t).client()
	for i := range 3 {
		r := ask(t.Context(), client, "GET "+o.URL+"/")
		wantReply(t, r, 200, "hello")
		if r.cached != (i > 0) || r.header.Get("Content-Encoding") != "" {
			t.Errorf("turn %d: cached %v, Content-Encoding %q", i, r.cached, r.header.Get("Content-Encoding"))
		}
	}
	// Who asks for the coding gets the bytes of the wire, and a part of them.
	r := ask(t.Context(), client, "GET "+o.URL+"/\nAccept-Encoding: gzip")
	wantReply(t, r, 200, string(encode("gzip", []byte("hello"))))
	r = ask(t.Context(), client, "HEAD "+o.URL+"/")
	wantReply(t, r, 200, "")
}

// TestEarlyEnds: readers that stop early fill the cache where little is left, and
// whoever is cancelled takes nothing away from others.
func TestEarlyEnds(t *testing.T) {
	t.Parallel()
	o := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(encode("gzip", []byte(`{"a":1}`+"\n\n\n")))
	})
	client := newStack(t).client()
	for i := range 2 {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", o.URL+"/json", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var v struct{ A int }
		if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || v.A != 1 {
			t.Errorf("decoded %v, %v", v, err)
		}
		_ = resp.Body.Close()
		if cached := caching.FromCache(resp); cached != (i == 1) {
			t.Errorf("request %d: cached %v", i+1, cached)
		}
	}
}

func TestCancelledMidBody(t *testing.T) {
	t.Parallel()
	want := text()
	content := encode("gzip", []byte(want))
	release := make(chan struct{})
	o := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = w.Write(content[len(content)/2:])
	})
	client := newStack(t).client()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	open := func(ctx context.Context) *http.Response {
		req, _ := http.NewRequestWithContext(ctx, "GET", o.URL+"/big", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	a := open(ctx)
	b := open(t.Context()) // joins the body on its way
	defer func() { _ = a.Body.Close(); _ = b.Body.Close() }()
	if _, err := io.ReadFull(a.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	_, err := io.Copy(io.Discard, a.Body)
	wantError(t, err, cause)
	close(release)
	got, err := io.ReadAll(b.Body)
	if err != nil || string(got) != want {
		t.Errorf("the other caller got %d bytes, %v", len(got), err)
	}
	if n := len(o.requests("/big")); n != 1 {
		t.Errorf("%d requests", n)
	}
	if r := ask(t.Context(), client, "GET "+o.URL+"/big"); r.body != want || !r.cached {
		t.Errorf("cached %v, %d bytes", r.cached, len(r.body))
	}
}

// TestBombFromTheCache: the limits hold for what is stored too.
func TestBombFromTheCache(t *testing.T) {
	t.Parallel()
	o := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(encode("gzip", []byte(strings.Repeat("0", 1<<20))))
	})
	l := newStack(t)
	l.decompress.RatioAfter = 1 << 10
	client := l.client()
	for i := range 3 {
		r := ask(t.Context(), client, "GET "+o.URL+"/bomb")
		wantError(t, r.err, decompress.ErrRatio)
		if i == 2 && !r.cached {
			t.Error("the wire bytes are small and harmless: they could have been stored")
		}
	}
}

// TestTimeoutDuringBody: the Timeout of http.Client ends a body that stands
// still, for those who have one, and takes nothing from the cache.
func TestTimeoutDuringBody(t *testing.T) {
	t.Parallel()
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "hello")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	client := newStack(t).client()
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
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("ETag", `"v"`)
		http.ServeContent(w, r, "", modTime, bytes.NewReader(content))
	})
	client := newStack(t).client()
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
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("ETag", `"v"`)
		switch {
		case r.URL.Path == "/204":
			w.WriteHeader(http.StatusNoContent)
		case r.Header.Get("If-None-Match") == `"v"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(encode("gzip", []byte("hello")))
		}
	})
	client := newStack(t).client()
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
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
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
		coded := encode("gzip", []byte(want))
		_, _ = w.Write(coded[:1000])
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = w.Write(coded[1000:])
	})
	l := newStack(t)
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
