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
	"unsafe"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// bytes returns how many bytes are counted.
func (m *Memory) bytes() (n int64) {
	for i := range m.shards {
		n += m.shards[i].size
	}
	return n
}

// The bound and the count are those of all shards together.
func TestMemoryShards(t *testing.T) {
	ctx := t.Context()
	for _, size := range []int64{0, shardBytes, 3 * shardBytes, 100 << 20} {
		m := NewMemory(size)
		for i := range 20_000 {
			_ = m.Set(ctx, fmt.Sprint("key", i), Version{ETag: `"a"`})
		}
		there := 0
		for i := range 20_000 {
			if _, ok, _ := m.Get(ctx, fmt.Sprint("key", i)); ok {
				there++
			}
			if i%2 == 0 {
				_ = m.Delete(ctx, fmt.Sprint("key", i))
				_ = m.Delete(ctx, "nothing")
			}
		}
		most := m.max / (overhead + 3)
		if int64(there) > most || int64(there) < min(most/2, 20_000) || m.bytes() > m.max {
			t.Errorf("%d versions of %d bytes in %d", there, m.bytes(), m.max)
		}
		left := 0
		for i := range m.shards {
			left += len(m.shards[i].byKey)
		}
		if m.len() != left || left > there || left < there/3 {
			t.Errorf("%d versions are counted, %d are there", m.len(), left)
		}
	}
}

// A version that is seen again takes the place of the one that is remembered, and keeps no string of
// the response.
func TestMemoryRenew(t *testing.T) {
	ctx := t.Context()
	old := Version{ETag: `"a"`, Coding: "gzip", Date: noon, Variant: "A: b\n", Uncertain: true}
	for _, row := range []struct {
		why  string
		key  string
		v    Version
		want bool
	}{
		{"the same, at another time: the write that was in doubt was not done, or this shows it", "k", Version{ETag: strings.Clone(old.ETag), Coding: "gzip", Date: noon.Add(1), LastModified: noon, Variant: old.Variant}, true},
		{"another resource", "l", old, false},
		{"another version", "k", Version{ETag: `"b"`, Coding: "gzip", Variant: old.Variant}, false},
		{"another coding", "k", Version{ETag: old.ETag, Coding: "br", Variant: old.Variant}, false},
		{"another variant", "k", Version{ETag: old.ETag, Coding: "gzip", Variant: "A: c\n"}, false},
		{"what was written is known", "k", Version{ETag: old.ETag, Coding: "gzip", Variant: old.Variant, Sent: "0"}, false},
	} {
		m := NewMemory(0)
		_ = m.Set(ctx, "k", old)
		if got := m.renew([]byte(row.key), &row.v); got != row.want {
			t.Errorf("%v, want %v: %s", got, row.want, row.why)
		}
		want := old
		if row.want {
			want = row.v
		}
		got, _, _ := m.Get(ctx, "k")
		if got != want {
			t.Errorf("%+v, want %+v: %s", got, want, row.why)
		}
		if unsafe.StringData(got.ETag) != unsafe.StringData(old.ETag) {
			t.Errorf("it keeps a string of the response: %s", row.why)
		}
	}
}

// A read whose version is remembered allocates nothing.
func TestRenewAllocs(t *testing.T) {
	resp := &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{
		"Etag": {`"a"`}, "Date": {"Mon, 01 Jan 1990 00:00:00 GMT"}, "Last-Modified": {"Mon, 01 Jan 1990 00:00:00 GMT"},
	}}
	req := rttest.ReadRequest(t, "GET /x?y=z")
	resp.Request = req
	rt := (&Transport{}).Wrap(rttest.Func(func(*http.Request) (*http.Response, error) { return resp, nil }))
	if n := testing.AllocsPerRun(100, func() {
		if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != 200 {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

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
	if m.len() != 0 || m.bytes() != 0 {
		t.Errorf("%d versions, %d bytes left", m.len(), m.bytes())
	}
	_ = m.Set(ctx, strings.Repeat("x", 1<<20), Version{})
	if m.len() != 0 || m.bytes() != 0 {
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
	if m.bytes() > 100_000 || m.len() == 0 {
		t.Errorf("%d bytes, %d versions", m.bytes(), m.len())
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
