package tripper_test

import (
	"bytes"
	"compress/gzip"
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

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
)

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

// text is some 200 KiB that do not compress to nothing.
func text() string {
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "%x ", uint32(i)*2654435761)
	}
	return b.String()
}

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
		o := newOrigin(t, breaking(gzipped(want), resumable))
		client := newLayers(t).client()
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
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v"`)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Vary", "Accept-Encoding")
		if r.Header.Get("If-None-Match") == `"v"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(gzipped("hello"))
	})
	client := newLayers(t).client()
	for i := range 3 {
		r := ask(t.Context(), client, "GET "+o.URL+"/")
		wantReply(t, r, 200, "hello")
		if r.cached != (i > 0) || r.header.Get("Content-Encoding") != "" {
			t.Errorf("turn %d: cached %v, Content-Encoding %q", i, r.cached, r.header.Get("Content-Encoding"))
		}
	}
	// Who asks for the coding gets the bytes of the wire, and a part of them.
	r := ask(t.Context(), client, "GET "+o.URL+"/\nAccept-Encoding: gzip")
	wantReply(t, r, 200, string(gzipped("hello")))
	r = ask(t.Context(), client, "HEAD "+o.URL+"/")
	wantReply(t, r, 200, "")
}

// TestEarlyEnds: readers that stop early fill the cache where little is left, and
// whoever is cancelled takes nothing away from others.
func TestEarlyEnds(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(gzipped(`{"a":1}` + "\n\n\n"))
	})
	client := newLayers(t).client()
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
	content := gzipped(want)
	release := make(chan struct{})
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = w.Write(content[len(content)/2:])
	})
	client := newLayers(t).client()
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
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(gzipped(strings.Repeat("0", 1<<20)))
	})
	l := newLayers(t)
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

// TestLostUpdateThroughTheCache: a write is guarded by the version that the
// caller saw, also if it came from the store or from another's request.
func TestLostUpdateThroughTheCache(t *testing.T) {
	t.Parallel()
	var version atomic.Int32
	version.Store(1)
	drops := atomic.Int32{}
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		tag := func() string { return fmt.Sprintf(`"%d"`, version.Load()) }
		if r.Method == http.MethodPut {
			if m := r.Header.Get("If-Match"); m != "" && m != tag() {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			version.Add(1)
			if drops.Add(-1) >= 0 {
				panic(http.ErrAbortHandler) // done, but nobody is told
			}
			w.Header().Set("ETag", tag())
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("ETag", tag())
		_, _ = fmt.Fprint(w, version.Load())
	})
	l := newLayers(t)
	one := l.client()
	other := l.client() // the same layers, the same memory
	wantReply(t, ask(t.Context(), one, "GET "+o.URL+"/doc"), 200, "1")
	version.Store(2) // somebody else
	wantReply(t, ask(t.Context(), other, "GET "+o.URL+"/doc"), 200, "1")
	wantReply(t, ask(t.Context(), one, "PUT "+o.URL+"/doc", "mine"), 412, "")
	seen := o.requests("/doc")
	if m := seen[len(seen)-1].header.Get("If-Match"); m != `"1"` {
		t.Errorf("If-Match %q, want the version that was seen", m)
	}
	r := ask(t.Context(), one, "GET "+o.URL+"/doc\nCache-Control: no-cache")
	wantReply(t, r, 200, "2")
	wantReply(t, ask(t.Context(), one, "PUT "+o.URL+"/doc", "mine"), 204, "")
	r = ask(t.Context(), one, "GET "+o.URL+"/doc")
	wantReply(t, r, 200, "3")
	if r.cached {
		t.Error("a write leaves the stored response in place")
	}

	// The write is done and its answer lost; the second try gets a 412.
	drops.Store(1)
	r = ask(t.Context(), one, "PUT "+o.URL+"/doc", "mine")
	if r.err == nil && r.status/100 == 2 {
		t.Errorf("a write of which nobody knows got %v", r)
	}
	if version.Load() != 4 {
		t.Errorf("version %d: the write was done %d times", version.Load(), version.Load()-3)
	}
	r = ask(t.Context(), one, "GET "+o.URL+"/doc")
	wantReply(t, r, 200, "4")
}

var modTime = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
