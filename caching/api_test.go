package caching

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// FromCache survives http.Client, and a request made of a response's is judged
// anew.
func TestFromCacheThroughClient(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if r.URL.Path == "/no" {
			w.Header().Set("Cache-Control", "no-store")
		}
		// X41: metadata of our own can not come as fields.
		w.Header().Set("Cache-Status", "tripper; hit")
		w.Header().Set("X-From-Cache", "1")
		_, _ = io.WriteString(w, "body")
	}))
	defer srv.Close()
	client := &http.Client{Transport: &Transport{Base: srv.Client().Transport}, Timeout: time.Minute}
	do := func(req *http.Request) *http.Response {
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "body" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		_ = resp.Body.Close()
		return resp
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/yes", nil)
	if resp := do(req); FromCache(resp) {
		t.Error("the first response is from the cache")
	}
	resp := do(req)
	if !FromCache(resp) {
		t.Error("the second response is not from the cache")
	}
	if s := resp.Header["Cache-Status"]; len(s) != 2 || !strings.HasPrefix(s[1], "tripper; hit; ttl=") {
		t.Errorf("Cache-Status is %q, want the origin's and ours", s)
	}
	again := resp.Request.Clone(context.WithoutCancel(resp.Request.Context()))
	again.URL.Path = "/no"
	if resp := do(again); FromCache(resp) {
		t.Error("a request that was made of a cached response's is taken for cached")
	}
	if FromCache(nil) || FromCache(&http.Response{}) {
		t.Error("nothing is from the cache")
	}
}

// tagged is a layer that says whose credentials it adds.
type tagged struct {
	http.RoundTripper
	name string
}

func (l tagged) Identity(*http.Request) string { return l.name }

// One cache above two auth layers keeps their principals apart.
func TestIdentities(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		c := &Transport{Shared: shared}
		chain := func(name string) http.RoundTripper {
			return c.Wrap(roundtrip.Bind(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				return next.RoundTrip(req)
			}, tagged{originFunc(func(req *http.Request) (*http.Response, error) {
				return text(req, 200, name, "Cache-Control: max-age=60"), nil
			}), name}))
		}
		alice, bob, nobody := chain("alice"), chain("bob"), chain("")
		chains := map[string]http.RoundTripper{"alice": alice, "bob": bob, "": nobody}
		if shared {
			// What answers nobody in particular may answer everybody there.
			delete(chains, "")
		}
		for range 2 {
			for name, rt := range chains {
				if _, got := get(t, rt, t.Context(), "http://example.com/"); got != name {
					t.Errorf("shared %v: %q got the answer for %q", shared, name, got)
				}
			}
		}
		resp, _ := get(t, alice, t.Context(), "http://example.com/")
		if FromCache(resp) == shared {
			t.Errorf("shared %v: alice's answer from the cache: %v", shared, FromCache(resp))
		}
	}
}

func TestPartition(t *testing.T) {
	t.Parallel()
	n := 0
	c := &Transport{
		Partition: func(req *http.Request) string { return req.Header.Get("X-Tenant") },
		Base: originFunc(func(req *http.Request) (*http.Response, error) {
			n++
			return text(req, 200, fmt.Sprint(n), "Cache-Control: max-age=60"), nil
		}),
	}
	for _, r := range []struct{ tenant, auth, want string }{{"a", "x", "1"}, {"b", "x", "2"}, {"a", "y", "1"}, {"b", "y", "2"}, {"", "x", "3"}} {
		if _, got := get(t, c, t.Context(), "http://example.com/", "X-Tenant: "+r.tenant, "Authorization: "+r.auth); got != r.want {
			t.Errorf("tenant %q with %q got %s, want %s", r.tenant, r.auth, got, r.want)
		}
	}
}

// No part of a credential or of a URL shows in keys or metadata.
func TestStoreSeesNoSecrets(t *testing.T) {
	t.Parallel()
	m := NewMemory(0)
	c := &Transport{Store: m, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "x", "Cache-Control: max-age=60", "Vary: Authorization, Cookie, Accept"), nil
	})}
	get(t, c, t.Context(), "http://example.com/hidden", "Authorization: Bearer t0p", "Cookie: sess=c00kie")
	n := 0
	err := m.List(t.Context(), func(key string, meta *Meta, _ int64) bool {
		n++
		b, _ := meta.AppendBinary(nil)
		for _, secret := range []string{"t0p", "c00kie"} {
			if strings.Contains(key, secret) || strings.Contains(string(b), secret) {
				t.Errorf("%q is in key %s or its metadata", secret, key)
			}
		}
		if strings.Contains(key, "hidden") {
			t.Errorf("the URL is in key %s", key)
		}
		return true
	})
	if err != nil || n < 3 {
		t.Errorf("listed %d entries, %v; want the response and two indexes", n, err)
	}
	if resp, _ := get(t, c, t.Context(), "http://example.com/hidden", "Authorization: Bearer t0p", "Cookie: sess=c00kie"); !FromCache(resp) {
		t.Error("the variant is not found again")
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	newCache := func() *Transport {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, req.URL.Path, "Cache-Control: max-age=60", "Vary: A"), nil
		})}
		for _, path := range []string{"/a/1", "/a/2", "/b"} {
			for _, line := range []string{"A: 1", "A: 2", "Authorization: alice"} {
				get(t, c, t.Context(), "http://example.com"+path, line)
			}
		}
		return c
	}
	left := func(c *Transport) (paths []string) {
		for s, err := range c.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Status != 200 || s.Size == 0 || !s.FreshUntil.After(s.Received) {
				t.Errorf("listed %+v", s)
			}
			paths = append(paths, strings.TrimPrefix(s.URL, "http://example.com"))
		}
		slices.Sort(paths)
		return slices.Compact(paths)
	}
	for _, r := range []struct {
		name  string
		purge func(*Transport) error
		want  string
	}{
		{"nothing", func(c *Transport) error { return c.Purge(t.Context(), "http://example.com/c") }, "[/a/1 /a/2 /b]"},
		{"one", func(c *Transport) error { return c.Purge(t.Context(), "HTTP://example.com:80/a/1#x") }, "[/a/2 /b]"},
		{"prefix", func(c *Transport) error { return c.PurgePrefix(t.Context(), "http://EXAMPLE.com:80/a/") }, "[/b]"},
		{"all", func(c *Transport) error { return c.PurgeAll(t.Context()) }, "[]"},
	} {
		c := newCache()
		if err := r.purge(c); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		if got := fmt.Sprint(left(c)); got != r.want {
			t.Errorf("after purging %s there is %s, want %s", r.name, got, r.want)
		}
	}
	for _, bad := range []string{"", "/a", "mailto:x@y", "http://[", "ftp://example.com/"} {
		if err := newCache().Purge(t.Context(), bad); err == nil {
			t.Errorf("%q can be purged", bad)
		}
	}
	type plain struct{ Store }
	c := &Transport{Store: plain{NewMemory(0)}}
	if err := c.PurgeAll(t.Context()); err == nil {
		t.Error("a store that cannot list was purged")
	}
	for _, err := range c.All(t.Context()) {
		if err == nil {
			t.Error("a store that cannot list has entries")
		}
	}
}

// leased is a store of which two processes share the leases.
type leased struct {
	*Memory
	held *atomic.Bool
}

func (l leased) Acquire(context.Context, string) (func(), error) {
	if !l.held.CompareAndSwap(false, true) {
		return nil, nil
	}
	return func() { l.held.Store(false) }, nil
}

func TestLease(t *testing.T) {
	for _, broken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := leased{NewMemory(0), new(atomic.Bool)}
			var trips atomic.Int32
			origin := originFunc(func(req *http.Request) (*http.Response, error) {
				trips.Add(1)
				time.Sleep(time.Second)
				return text(req, 200, "body", "Cache-Control: max-age=60"), nil
			})
			want := int32(1)
			if broken { // the holder died
				store.held.Store(true)
				want = 2
			}
			var wg sync.WaitGroup
			for range 2 {
				c := &Transport{Store: store, Base: origin}
				for range 3 {
					wg.Go(func() {
						if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
							t.Errorf("got %q, %v", body, err)
						}
					})
				}
			}
			wg.Wait()
			if n := trips.Load(); n != want {
				t.Errorf("holder dead %v: two processes made %d trips, want %d", broken, n, want)
			}
			if !broken && store.held.Load() {
				t.Error("the lease was not given back")
			}
		})
	}
}

// Entries that a store should not have given are misses, and are told.
func TestForeignEntries(t *testing.T) {
	t.Parallel()
	real := NewMemory(0)
	c := &Transport{Store: real, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "right", "Cache-Control: max-age=60"), nil
	})}
	get(t, c, t.Context(), "http://example.com/")
	get(t, c, t.Context(), "http://example.com/other")
	var keys []string
	_ = real.List(t.Context(), func(key string, _ *Meta, _ int64) bool { keys = append(keys, key); return true })
	for name, entry := range map[string]func(*Entry) *Entry{
		"of another key": func(*Entry) *Entry {
			e, _ := real.Get(t.Context(), keys[0])
			f, _ := real.Get(t.Context(), keys[1])
			return &Entry{Meta: e.Meta, Size: f.Size, Bytes: f.Bytes}
		},
		"without a record": func(e *Entry) *Entry {
			return &Entry{Meta: metaOf(200, "Cache-Control: max-age=60"), Size: e.Size, Bytes: e.Bytes}
		},
		"of another version": func(e *Entry) *Entry {
			m := e.Meta.Clone()
			m.Extra = append([]byte{9}, m.Extra[1:]...)
			return &Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
		},
	} {
		var told []string
		ctx := trace.WithHook(t.Context(), func(e trace.Event) { told = append(told, e.String()) })
		s := &swapping{Memory: real, change: entry, wrong: keys}
		c := &Transport{Store: s, Base: c.Base}
		resp, body := get(t, c, ctx, "http://example.com/")
		if name != "of another key" && (FromCache(resp) || !strings.Contains(strings.Join(told, "\n"), "corrupt")) || body != "right" {
			t.Errorf("%s: from cache %v, %q, told %q", name, FromCache(resp), body, told)
		}
	}
}

type swapping struct {
	*Memory
	change func(*Entry) *Entry
	wrong  []string
}

func (s *swapping) Get(ctx context.Context, key string) (*Entry, error) {
	e, err := s.Memory.Get(ctx, key)
	if e != nil {
		e = s.change(e)
	}
	return e, err
}

// The content of a QUERY is closed once, whoever answers it.
func TestQueryClosesContent(t *testing.T) {
	t.Parallel()
	c := &Transport{Query: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		b, _ := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if req.Header.Get("If-None-Match") != "" {
			return text(req, 304, "", `Etag: "other"`), nil // fits nothing: asked again
		}
		return text(req, 200, string(b), "Cache-Control: max-age=0", `Etag: "a"`), nil
	})}
	for _, line := range []string{"A: b", "A: b", "Cache-Control: only-if-cached", "Cache-Control: max-stale"} {
		req, _ := http.NewRequestWithContext(t.Context(), "QUERY", "http://example.com/", strings.NewReader("q"))
		closes := 0
		req.Body = &closing{req.Body, &closes}
		k, v, _ := strings.Cut(line, ": ")
		req.Header.Set(k, v)
		resp, err := c.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if closes != 1 || resp.StatusCode == 200 && string(b) != "q" {
			t.Errorf("%s: %d %q, content closed %d times", line, resp.StatusCode, b, closes)
		}
	}
}

type closing struct {
	io.ReadCloser
	n *int
}

func (c *closing) Close() error {
	*c.n++
	return c.ReadCloser.Close()
}

// Close waits for what runs in the background.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		slow := time.Second
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips++
			if trips > 1 {
				select {
				case <-time.After(slow):
				case <-req.Context().Done():
					return nil, context.Cause(req.Context())
				}
			}
			return text(req, 200, fmt.Sprint(trips), "Cache-Control: max-age=1, stale-while-revalidate=100"), nil
		})}
		ctx, cancel := context.WithCancel(t.Context())
		get(t, c, ctx, "http://example.com/")
		time.Sleep(2 * time.Second)
		for range 20 { // one validation for all of them
			if _, body := get(t, c, ctx, "http://example.com/"); body != "1" {
				t.Errorf("got %q, want the stale one", body)
			}
		}
		cancel() // M4: the background does not end with its caller
		start := time.Now()
		if err := c.Close(); err != nil || time.Since(start) != time.Second {
			t.Errorf("Close took %v, %v", time.Since(start), err)
		}
		if resp, body := get(t, c, t.Context(), "http://example.com/"); body != "2" || !FromCache(resp) || trips != 2 {
			t.Errorf("got %q after %d trips, want 2 after 2", body, trips)
		}
		time.Sleep(2 * time.Second)
		if _, body := get(t, c, t.Context(), "http://example.com/"); body != "2" || trips != 2 {
			t.Error("something was started in the background after Close")
		}
	})
}

func TestCloseEndsWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if !first {
				<-req.Context().Done()
				return nil, context.Cause(req.Context())
			}
			first = false
			return text(req, 200, "x", "Cache-Control: max-age=1, stale-while-revalidate=100"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		time.Sleep(2 * time.Second)
		get(t, c, t.Context(), "http://example.com/")
		start := time.Now()
		_ = c.Close()
		if took := time.Since(start); took != closeTime {
			t.Errorf("Close took %v, want %v", took, closeTime)
		}
	})
}

// What was asked for before an invalidation is not stored after it.
func TestInvalidatedWhileItCame(t *testing.T) {
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := contextOf(t, kind)
				c, body, trips := dribbling(-1)
				inner := c.Base
				c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
					if req.Method == "PUT" {
						return text(req, 204, ""), nil
					}
					return inner.RoundTrip(req)
				})
				resp := send(t, c, ctx)
				body().pieces <- "old"
				readSome(t, resp.Body, "old")
				if _, _, err := try(c, ctx, "PUT", "http://example.com/"); err != nil {
					t.Fatal(err)
				}
				close(body().pieces)
				if b, err := io.ReadAll(resp.Body); len(b) != 0 || err != nil {
					t.Errorf("the reader got %q, %v", b, err)
				}
				_ = resp.Body.Close()
				resp = send(t, c, ctx)
				if FromCache(resp) || trips.Load() != 2 {
					t.Error("what came before the PUT was stored after it")
				}
				_ = resp.Body.Close()
			})
		})
	}
}

// Every decision is told, with its reason, and no query string or header.
func TestTrace(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	ctx := trace.WithHook(t.Context(), func(e trace.Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e.Action+": "+e.Reason)
		if strings.Contains(e.String()+e.URL, "secret") {
			t.Errorf("told too much: %v", e)
		}
	})
	c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		if req.Method == "POST" {
			return nil, errors.New("down")
		}
		return text(req, 200, "x", "Cache-Control: max-age=60"), nil
	})}
	get(t, c, ctx, "http://example.com/?secret")
	get(t, c, ctx, "http://example.com/?secret")
	_, _, _ = try(c, ctx, "POST", "http://example.com/?secret")
	want := []string{"store: nothing stored", "hit: fresh", "suspect: unsafe method failed", "pass: unsafe method"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// Many goroutines, few keys, all that a cache does: never a body that is not one
// of those the origin gave.
func TestStress(t *testing.T) {
	t.Parallel()
	var version atomic.Int64
	c := &Transport{Store: NewMemory(256 << 10), Base: originFunc(func(req *http.Request) (*http.Response, error) {
		v := version.Add(1)
		switch {
		case req.Method == "PUT":
			return text(req, 204, ""), nil
		case req.Header.Get("If-None-Match") != "" && v%3 == 0:
			return text(req, 304, "", "Etag: "+strings.Split(req.Header.Get("If-None-Match"), ", ")[0], "Cache-Control: max-age=0, stale-while-revalidate=1"), nil
		}
		body := strings.Repeat(fmt.Sprintf("%08d", v), 1000)
		lines := []string{fmt.Sprintf("Etag: %q", fmt.Sprint(v)), "Cache-Control: max-age=0, stale-while-revalidate=1"}
		switch v % 5 {
		case 0:
			lines[1] = "Cache-Control: no-store"
		case 1:
			lines = append(lines, "Vary: A")
		case 2:
			lines[1] = "Cache-Control: max-age=60"
		}
		return reply(req, 200, strings.NewReader(body), []int64{-1, int64(len(body))}[v%2], lines...), nil
	})}
	var wg sync.WaitGroup
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for i := range 16 {
		wg.Go(func() {
			for j := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				url := fmt.Sprintf("http://example.com/%d", j%3)
				method := "GET"
				if (i+j)%13 == 0 {
					method = "PUT"
				}
				req, _ := http.NewRequestWithContext(ctx, method, url, nil)
				req.Header.Set("A", fmt.Sprint(i%3))
				resp, err := c.RoundTrip(req)
				if err != nil {
					t.Error(err)
					cancel()
					return
				}
				switch (i * j) % 7 {
				case 0:
					_, _ = io.CopyN(io.Discard, resp.Body, 100)
				case 1:
					cancel()
					fallthrough
				default:
					b, err := io.ReadAll(resp.Body)
					if method == "GET" && err == nil && (len(b) != 8000 || strings.Count(string(b), string(b[:8])) != 1000) {
						t.Errorf("a body of %d bytes that nobody gave", len(b))
					}
				}
				_ = resp.Body.Close()
				cancel()
			}
		})
	}
	wg.Wait()
	_ = c.Close()
}
