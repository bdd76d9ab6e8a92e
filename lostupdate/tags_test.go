package lostupdate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestMemory(t *testing.T) {
	ctx := context.Background()
	m := NewMemory(10 * (overhead + 10))
	for i := range 100 {
		_ = m.Set(ctx, fmt.Sprint("key", i), Version{ETag: `"a"`})
		_, _, _ = m.Get(ctx, "key0") // what is used stays
	}
	if n := m.len(); n < 5 || n > 10 {
		t.Errorf("%d versions in %d bytes", n, m.max)
	}
	for key, want := range map[string]bool{"key0": true, "key1": false, "key99": true} {
		if _, ok, _ := m.Get(ctx, key); ok != want {
			t.Errorf("%s: %v", key, ok)
		}
	}
	_ = m.Set(ctx, "key0", Version{ETag: `"longer"`})
	if v, _, _ := m.Get(ctx, "key0"); v.ETag != `"longer"` {
		t.Errorf("version %v", v)
	}
	for i := range 100 {
		_ = m.Delete(ctx, fmt.Sprint("key", i))
	}
	if m.len() != 0 || m.size != 0 {
		t.Errorf("%d versions, %d bytes left", m.len(), m.size)
	}
	_ = m.Set(ctx, strings.Repeat("x", 1<<20), Version{})
	if m.len() != 0 || m.size != 0 {
		t.Error("a key larger than the memory is not kept")
	}
	if NewMemory(0).max != DefaultMemory {
		t.Error("zero is the default")
	}
}

// However many resources, and whatever tags: memory stays bounded.
func TestMemoryBounded(t *testing.T) {
	m := NewMemory(100_000)
	answer := rttest.Func(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{"Etag": {`"` + strings.Repeat("x", len(req.URL.Path)) + `"`}}}, nil
	})
	rt := (&Transport{Tags: m}).Wrap(answer)
	for i := range 2000 {
		resp, err := rt.RoundTrip(rttest.ReadRequest(t, "GET /"+strings.Repeat("p", i)))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if m.size > 100_000 || m.len() == 0 {
		t.Errorf("%d bytes, %d versions", m.size, m.len())
	}
}

// A version survives a restart in whatever keeps its fields.
func TestVersionEncoding(t *testing.T) {
	want := Version{ETag: `W/"a"`, Coding: "br", LastModified: noon, Date: noon, Unknown: true, Uncertain: true, Sent: "00ff"}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Version
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%s became %+v, %v", text, got, err)
	}
}

func TestMemoryConcurrent(t *testing.T) {
	m := NewMemory(5000)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				key := fmt.Sprint((i * j) % 17)
				_ = m.Set(t.Context(), key, Version{ETag: key})
				if v, ok, _ := m.Get(t.Context(), key); ok && v.ETag != key {
					t.Errorf("%s: %v", key, v)
				}
				if j%5 == 0 {
					_ = m.Delete(t.Context(), key)
				}
			}
		})
	}
	wg.Wait()
}

func TestKey(t *testing.T) {
	for _, tt := range []struct{ a, b, why string }{
		{"http://a.example", "http://A.example:80/", "host in any case, default port, empty path"},
		{"http://u:p@a.example/x#f", "http://a.example/x", "neither user information nor fragment"},
		{"http://bücher.example/", "http://xn--bcher-kva.example/", "IDNA"},
	} {
		a, _ := http.NewRequestWithContext(t.Context(), "GET", tt.a, nil)
		b, _ := http.NewRequestWithContext(t.Context(), "GET", tt.b, nil)
		if resourceKey(a) != resourceKey(b) {
			t.Errorf("%s and %s: %s", resourceKey(a), resourceKey(b), tt.why)
		}
	}
	seen := map[string]string{}
	for _, u := range []string{"http://a.example/", "https://a.example/", "http://a.example:8080/", "http://a.example/?", "http://a.example/?q", "http://a.example/a%2Fb", "http://a.example/a/b", "http://a.example/A/b"} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", u, nil)
		if other := seen[resourceKey(r)]; other != "" {
			t.Errorf("%s and %s have one key", u, other)
		}
		seen[resourceKey(r)] = u
	}
	r, _ := http.NewRequestWithContext(WithEditor(t.Context(), "ann"), "GET", "http://a.example/", nil)
	v, _ := http.NewRequestWithContext(t.Context(), "GET", "http://a.example/", nil)
	v.Host = "virtual.example"
	if resourceKey(r) == resourceKey(v) || seen[resourceKey(r)] != "" || seen[resourceKey(v)] != "" {
		t.Error("editors and virtual hosts have keys of their own")
	}
}

// brokenTags fail.
type brokenTags struct{ err error }

func (b brokenTags) Get(context.Context, string) (Version, bool, error) {
	return Version{}, false, b.err
}

func (b brokenTags) Set(context.Context, string, Version) error { return b.err }
func (b brokenTags) Delete(context.Context, string) error       { return b.err }

func TestBrokenTags(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers("200 OK\nETag: \"a\"")...)
	heard := 0
	rt := (&Transport{Tags: brokenTags{context.DeadlineExceeded}}).Wrap(script)
	req := rttest.ReadRequest(t, "GET /x")
	resp, err := rt.RoundTrip(req.WithContext(trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
		if e.Err != nil {
			heard++
		}
	})))
	if err != nil || heard != 1 {
		t.Fatalf("reading: error %v, heard %d", err, heard)
	}
	_ = resp.Body.Close()
	_, err = rt.RoundTrip(rttest.ReadRequest(t, "PUT /x\n\n2")) //nolint:bodyclose // there is none
	var timeout interface{ Timeout() bool }
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a write that cannot be protected must not be sent: %v", err)
	}
}
