// Package sharedtest tests Stores that are kept by a server: many processes on one
// server, and servers that hang, die, forget or are far away.
package sharedtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/store"
)

// StoreWait is how long the requests of a [World] wait for its Store.
const StoreWait = 250 * time.Millisecond

// Patience is what a request may take on a busy machine that waits StoreWait once
// or twice. What a test lets hang hangs for longer.
const Patience = 15 * time.Second

// A World is an origin, and a cache above it whose Store is in trouble. Its
// requests fail the test if they fail, have a wrong byte or take too long.
type World struct {
	t       *testing.T
	cache   *caching.Transport
	origin  *httptest.Server
	asked   atomic.Int32 // requests that the origin was sent
	version atomic.Int32
}

// New returns a World whose cache has s.
func New(t *testing.T, s store.Store) *World {
	t.Helper()
	w := &World{t: t}
	w.origin = httptest.NewServer(http.HandlerFunc(w.serve))
	w.cache = &caching.Transport{Store: s, StoreWait: StoreWait}
	t.Cleanup(w.origin.Close)
	t.Cleanup(func() { _ = w.cache.Close() })
	return w
}

// serve serves /name/size: a body of that size, ranges of it, and a new version of
// all after a PUT.
func (w *World) serve(rw http.ResponseWriter, r *http.Request) {
	w.asked.Add(1)
	if r.Method == http.MethodPut {
		w.version.Add(1)
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	version := w.version.Load()
	rw.Header().Set("Cache-Control", "max-age=86400")
	rw.Header().Set("Etag", fmt.Sprintf(`"%d"`, version))
	http.ServeContent(rw, r, "x.bin", time.Time{}, bytes.NewReader(body(r.URL.Path, version)))
}

// body returns what is under path.
func body(path string, version int32) []byte {
	size, _ := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
	line := fmt.Sprintf("version %d of %s, ", version, path)
	return []byte(strings.Repeat(line, size/len(line)+1)[:size])
}

// Path returns the path of a body of size bytes.
func Path(name any, size int) string { return fmt.Sprintf("/%v/%d", name, size) }

// Get gets path and says whether it came from the Store and how long it took.
func (w *World) Get(path string) (hit bool, took time.Duration) {
	w.t.Helper()
	return w.getWhile(path, func() {})
}

// getWhile gets path and calls fn when the first bytes of it are there.
func (w *World) getWhile(path string, fn func()) (hit bool, took time.Duration) {
	w.t.Helper()
	hit, took, err := w.get(path, fn)
	if err != nil {
		w.t.Errorf("%s after %v: %v", path, took, err)
	}
	if took > Patience {
		w.t.Errorf("%s took %v", path, took)
	}
	return hit, took
}

func (w *World) get(path string, fn func()) (hit bool, took time.Duration, err error) {
	began := time.Now()
	defer func() { took = time.Since(began) }()
	version := w.version.Load()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.origin.URL+path, nil)
	if err != nil {
		return false, 0, err
	}
	resp, err := w.cache.RoundTrip(req)
	if err != nil {
		return false, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	want := body(path, version)
	first := make([]byte, min(1000, len(want)))
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		return false, 0, err
	}
	fn()
	rest, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, 0, err
	}
	if !bytes.Equal(append(first, rest...), want) {
		return false, 0, errors.New("wrong bytes")
	}
	return caching.FromCache(resp), 0, nil
}

// Put changes what the origin has under every path, by a write to path.
func (w *World) Put(path string) {
	w.t.Helper()
	began := time.Now()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, w.origin.URL+path, strings.NewReader("x"))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := w.cache.RoundTrip(req)
	if err != nil {
		w.t.Errorf("PUT: %v", err)
		return
	}
	_ = resp.Body.Close()
	if took := time.Since(began); took > Patience {
		w.t.Errorf("PUT took %v", took)
	}
}

// Stored gets path until it comes from the Store.
func (w *World) Stored(path string) {
	w.t.Helper()
	w.Eventually(path+" comes from the store", func() bool {
		hit, _ := w.Get(path)
		return hit
	})
}

// Eventually waits until ok.
func (w *World) Eventually(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !ok(); <-tick.C {
		if time.Since(began) > time.Minute {
			w.t.Fatalf("%s: not within a minute", what)
		}
	}
}
