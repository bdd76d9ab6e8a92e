package caching

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type originFunc func(*http.Request) (*http.Response, error)

func (f originFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// reply is a response with the header lines given as "Name: value".
func reply(req *http.Request, status int, body io.Reader, length int64, lines ...string) *http.Response {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	rc, ok := body.(io.ReadCloser)
	if !ok {
		rc = io.NopCloser(body)
	}
	return &http.Response{
		Status: fmt.Sprint(status, " ", http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: rc, ContentLength: length, Request: req,
	}
}

func text(req *http.Request, status int, body string, lines ...string) *http.Response {
	return reply(req, status, strings.NewReader(body), int64(len(body)), lines...)
}

func get(t *testing.T, rt http.RoundTripper, ctx context.Context, url string, lines ...string) (*http.Response, string) { //nolint:revive // t first, as everywhere
	t.Helper()
	resp, body, err := try(rt, ctx, "GET", url, lines...)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return resp, body
}

func try(rt http.RoundTripper, ctx context.Context, method, url string, lines ...string) (*http.Response, string, error) { //nolint:revive // see get
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, "", err
	}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		req.Header.Add(name, value)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	return resp, string(body), err
}

// contexts are the two kinds of callers: one that can be cancelled and one that
// cannot. They take different ways through a fill.
var contexts = []string{"cancellable", "background"}

func contextOf(t *testing.T, kind string) context.Context {
	t.Helper()
	if kind == "background" {
		return context.Background() //nolint:usetesting // one that cannot be cancelled is what is wanted
	}
	return t.Context()
}

func TestOneTripForMany(t *testing.T) {
	const callers = 100
	type row struct {
		name, why string
		warm      string // Cache-Control of a first response, if there is one
		answer    func(*http.Request) *http.Response
		trips     int32
		slowest   time.Duration
	}
	rows := []row{{
		name: "cold", why: "one fetch answers all that wait for it",
		answer: func(req *http.Request) *http.Response { return text(req, 200, "body", "Cache-Control: max-age=60") },
		trips:  1, slowest: time.Second,
	}, {
		name: "validating", why: "one 304 confirms the response for all that wait for it",
		warm: "max-age=1",
		answer: func(req *http.Request) *http.Response {
			if req.Header.Get("If-None-Match") != `"a"` {
				return text(req, 500, "no validator")
			}
			return text(req, 304, "", `ETag: "a"`, "Cache-Control: max-age=60")
		},
		trips: 1, slowest: time.Second,
	}, {
		name: "replaced while validating", why: "a new body is shared like a first one",
		warm:   "max-age=1",
		answer: func(req *http.Request) *http.Response { return text(req, 200, "body", "Cache-Control: max-age=60") },
		trips:  1, slowest: time.Second,
	}, {
		name: "no-store", why: "what must not be stored is fetched by each, and none waits for another but for the first",
		answer: func(req *http.Request) *http.Response { return text(req, 200, "body", "Cache-Control: no-store") },
		trips:  callers, slowest: 2 * time.Second,
	}}
	for _, r := range rows {
		for _, kind := range contexts {
			t.Run(r.name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx := contextOf(t, kind)
					var trips atomic.Int32
					warming := r.warm != ""
					c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
						if warming {
							return text(req, 200, "body", `ETag: "a"`, "Cache-Control: "+r.warm), nil
						}
						trips.Add(1)
						time.Sleep(time.Second)
						return r.answer(req), nil
					})}
					defer c.Close()
					if warming {
						get(t, c, ctx, "http://example.com/")
						time.Sleep(2 * time.Second)
						warming = false
					}
					start := time.Now()
					var wg sync.WaitGroup
					for range callers {
						wg.Go(func() {
							resp, body, err := try(c, ctx, "GET", "http://example.com/")
							if err != nil || body != "body" || resp.StatusCode != 200 {
								t.Errorf("got %q, %v; want body", body, err)
							}
						})
					}
					wg.Wait()
					if n := trips.Load(); n != r.trips {
						t.Errorf("%d trips for %d callers, want %d: %s", n, callers, r.trips, r.why)
					}
					if took := time.Since(start); took > r.slowest {
						t.Errorf("took %v, want %v: %s", took, r.slowest, r.why)
					}
				})
			})
		}
	}
}

// A second round of requests for what cannot be stored does not wait at all.
func TestUncacheableIsNotSerialised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return text(req, 200, "x", "Cache-Control: no-store"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/") })
		}
		wg.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("50 requests took %v, want 1s", took)
		}
	})
}

// dribble is a body that gives one piece at a time, when it is told to.
type dribble struct {
	pieces chan string
	ctx    context.Context
	closed chan struct{}
	once   sync.Once
	rest   string
}

func newDribble(ctx context.Context) *dribble {
	return &dribble{pieces: make(chan string, 16), closed: make(chan struct{}), ctx: ctx}
}

func (d *dribble) Read(p []byte) (int, error) {
	if d.rest == "" {
		select {
		case s, ok := <-d.pieces:
			if !ok {
				return 0, io.EOF
			}
			d.rest = s
		case <-d.closed:
			return 0, errors.New("body closed")
		case <-d.ctx.Done():
			return 0, context.Cause(d.ctx)
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *dribble) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// dribbling is a cache above an origin whose one body is told what to say.
func dribbling(length int64) (c *Transport, body func() *dribble, trips *atomic.Int32) {
	trips = new(atomic.Int32)
	var current atomic.Pointer[dribble]
	c = &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		trips.Add(1)
		d := newDribble(req.Context())
		current.Store(d)
		return reply(req, 200, d, length, "Cache-Control: max-age=60"), nil
	})}
	return c, current.Load, trips
}

func send(t *testing.T, c http.RoundTripper, ctx context.Context) *http.Response { //nolint:revive // see get
	t.Helper()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	resp, err := c.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func readSome(t *testing.T, r io.Reader, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if _, err := io.ReadFull(r, p); err != nil || string(p) != want {
		t.Errorf("read %q, %v; want %q", p, err, want)
	}
}

func TestWaitersStream(t *testing.T) {
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := contextOf(t, kind)
				c, body, trips := dribbling(-1)
				first := send(t, c, ctx)
				body().pieces <- "one "
				readSome(t, first.Body, "one ")
				rest := make(chan string)
				go func() { // blocked in a read of the network
					b, err := io.ReadAll(first.Body)
					rest <- fmt.Sprint(string(b), err)
				}()
				synctest.Wait()
				second := send(t, c, ctx)
				readSome(t, second.Body, "one ")
				body().pieces <- "two "
				readSome(t, second.Body, "two ")
				third := send(t, c, t.Context())
				readSome(t, third.Body, "one two ")
				body().pieces <- "three"
				close(body().pieces)
				for _, r := range []io.Reader{second.Body, third.Body} {
					if b, err := io.ReadAll(r); string(b) != "three" || err != nil {
						t.Errorf("the rest is %q, %v; want three", b, err)
					}
				}
				if got := <-rest; got != "two three<nil>" {
					t.Errorf("first reader got %q", got)
				}
				for _, r := range []*http.Response{first, second, third} {
					_ = r.Body.Close()
				}
				resp, got := get(t, c, ctx, "http://example.com/")
				if !FromCache(resp) || got != "one two three" || trips.Load() != 1 {
					t.Errorf("afterwards: from cache %v, %q, %d trips", FromCache(resp), got, trips.Load())
				}
			})
		})
	}
}

func TestCancelledLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, body, trips := dribbling(-1)
		ctx, cancel := context.WithCancel(t.Context())
		first := send(t, c, ctx)
		body().pieces <- "one "
		readSome(t, first.Body, "one ")
		failed := make(chan error)
		go func() {
			_, err := io.ReadAll(first.Body)
			failed <- err
		}()
		synctest.Wait()
		second := send(t, c, t.Context())
		start := time.Now()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled reader got %v", err)
		}
		if time.Since(start) != 0 {
			t.Error("the cancelled reader had to wait for the network")
		}
		_ = first.Body.Close()
		body().pieces <- "two"
		close(body().pieces)
		if b, err := io.ReadAll(second.Body); string(b) != "one two" || err != nil {
			t.Errorf("the follower got %q, %v", b, err)
		}
		_ = second.Body.Close()
		if resp, got := get(t, c, t.Context(), "http://example.com/"); !FromCache(resp) || got != "one two" || trips.Load() != 1 {
			t.Errorf("afterwards: from cache %v, %q, %d trips", FromCache(resp), got, trips.Load())
		}
	})
}

// The one who asked first goes away before there is an answer.
func TestCancelledLeaderBeforeHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips.Add(1)
			select {
			case <-time.After(time.Second):
			case <-req.Context().Done():
				return nil, context.Cause(req.Context())
			}
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := try(c, ctx, "GET", "http://example.com/"); !errors.Is(err, context.Canceled) {
				t.Errorf("leader: %v", err)
			}
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
					t.Errorf("follower: %q, %v", body, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if trips.Load() != 1 {
			t.Errorf("%d trips, want 1", trips.Load())
		}
	})
}

// When nobody waits any more the trip ends.
func TestAllCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			ended = true
			return nil, context.Cause(req.Context())
		})}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { _, _, _ = try(c, ctx, "GET", "http://example.com/") })
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		synctest.Wait()
		if !ended {
			t.Error("the trip goes on though nobody waits")
		}
	})
}

func TestBodiesThatAreStoredAndNot(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	for _, r := range []struct {
		name, why string
		body      func() io.Reader
		length    int64
		use       func(t *testing.T, body io.ReadCloser)
		stored    bool
	}{
		{"read to the end", "the plain case", func() io.Reader { return strings.NewReader("hello") }, 5, readAll, true},
		{"unknown length", "EOF tells the end", func() io.Reader { return strings.NewReader("hello") }, -1, readAll, true},
		{"large", "several blocks", func() io.Reader { return strings.NewReader(long) }, int64(len(long)), readAll, true},
		{
			"decoder stops early", "a json.Decoder does not read to EOF: what is left is little, and is read at Close",
			func() io.Reader { return strings.NewReader("{}\n\n") }, -1, func(t *testing.T, b io.ReadCloser) {
				t.Helper()
				if err := json.NewDecoder(io.LimitReader(b, 2)).Decode(&struct{}{}); err != nil {
					t.Error(err)
				}
			}, true,
		},
		{"closed unread, small", "little is left", func() io.Reader { return strings.NewReader("hello") }, 5, func(*testing.T, io.ReadCloser) {}, true},
		{
			"closed early, large", "too much is left", func() io.Reader { return strings.NewReader(long) }, int64(len(long)),
			func(t *testing.T, b io.ReadCloser) { t.Helper(); readSome(t, b, "xxx") }, false,
		},
		{"cut", "shorter than its Content-Length", func() io.Reader { return strings.NewReader("hell") }, 5, func(_ *testing.T, b io.ReadCloser) { _, _ = io.Copy(io.Discard, b) }, false},
		{
			"broken", "an error in the middle", func() io.Reader { return io.MultiReader(strings.NewReader("hell"), errReader{io.ErrUnexpectedEOF}) }, -1,
			func(t *testing.T, b io.ReadCloser) {
				t.Helper()
				if _, err := io.ReadAll(b); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("error %v is not told", err)
				}
			}, false,
		},
	} {
		for _, kind := range contexts {
			t.Run(r.name+"/"+kind, func(t *testing.T) {
				ctx := contextOf(t, kind)
				trips := 0
				c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
					trips++
					return reply(req, 200, r.body(), r.length, "Cache-Control: max-age=60"), nil
				})}
				resp := send(t, c, ctx)
				r.use(t, resp.Body)
				_ = resp.Body.Close()
				resp = send(t, c, ctx)
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if FromCache(resp) != r.stored {
					t.Errorf("stored %v, want %v: %s", FromCache(resp), r.stored, r.why)
				}
			})
		}
	}
}

func readAll(t *testing.T, b io.ReadCloser) {
	t.Helper()
	if _, err := io.ReadAll(b); err != nil {
		t.Error(err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// failing is a store that fails where it is told to.
type failing struct {
	Store
	create, get, commit error
	write               int // bytes it takes, -1 for all
}

func (s *failing) Get(ctx context.Context, key string) (*Entry, error) {
	if s.get != nil {
		return nil, s.get
	}
	return s.Store.Get(ctx, key)
}

func (s *failing) Create(ctx context.Context, key string, size int64) (Writer, error) {
	if s.create != nil {
		return nil, s.create
	}
	w, err := s.Store.Create(ctx, key, size)
	return &failingWriter{w, s.write, s.commit}, err
}

type failingWriter struct {
	Writer
	left   int
	commit error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left >= 0 {
		if len(p) > w.left {
			return 0, ErrTooLarge
		}
		w.left -= len(p)
	}
	return w.Writer.Write(p)
}

func (w *failingWriter) Commit(ctx context.Context, m *Meta) error {
	if w.commit != nil {
		return w.commit
	}
	return w.Writer.Commit(ctx, m)
}

// A store that fails costs a miss, never a request, and never a byte, whoever
// shares the body.
func TestStoreFails(t *testing.T) {
	boom := errors.New("boom")
	want := bytes.Repeat([]byte("0123456789abcdef"), 40<<10) // 640 KiB
	for name, s := range map[string]*failing{
		"get":         {get: boom, write: -1},
		"create":      {create: boom, write: -1},
		"write":       {write: 0},
		"write later": {write: 100 << 10},
		"commit":      {commit: boom, write: -1},
	} {
		for _, kind := range contexts {
			t.Run(name+"/"+kind, func(t *testing.T) {
				ctx := contextOf(t, kind)
				s := *s
				s.Store = NewMemory(0)
				c := &Transport{Store: &s, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					return reply(req, 200, bytes.NewReader(want), -1, "Cache-Control: max-age=60"), nil
				})}
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						_, body, err := try(c, ctx, "GET", "http://example.com/")
						if err != nil || body != string(want) {
							t.Errorf("got %d bytes, %v; want %d", len(body), err, len(want))
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// A reader that lags behind after the store has failed still gets every byte.
func TestSlowReaderAfterStoreFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, body, _ := dribbling(-1)
		c.Store = &failing{Store: NewMemory(0), write: 4}
		fast, slow := send(t, c, t.Context()), send(t, c, t.Context())
		body().pieces <- "four"
		readSome(t, fast.Body, "four")
		for range 5 {
			body().pieces <- "more"
			readSome(t, fast.Body, "more")
		}
		close(body().pieces)
		readSome(t, fast.Body, "")
		readSome(t, slow.Body, "four"+strings.Repeat("more", 5))
		for _, r := range []*http.Response{fast, slow} {
			if b, err := io.ReadAll(r.Body); len(b) != 0 || err != nil {
				t.Errorf("after the end: %q, %v", b, err)
			}
			_ = r.Body.Close()
		}
	})
}

// A RoundTripper that panics, as a server's handler may survive, leaves nobody
// waiting.
func TestPanicLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if trips.Add(1) == 1 {
				time.Sleep(time.Second)
				panic("oops")
			}
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})}
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _, _ = try(c, context.Background(), "GET", "http://example.com/") //nolint:usetesting // one that cannot be cancelled
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
					t.Errorf("got %q, %v", body, err)
				}
			})
		}
		wg.Wait()
	})
}
