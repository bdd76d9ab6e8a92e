package caching

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

type originFunc func(*http.Request) (*http.Response, error)

func (f originFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond is a response with the header lines given as "Name: value".
func respond(req *http.Request, status int, body io.Reader, length int64, lines ...string) *http.Response {
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
	return respond(req, status, strings.NewReader(body), int64(len(body)), lines...)
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
	return exchanged(rt, req)
}

// exchanged is a response and its body, read and closed.
func exchanged(rt http.RoundTripper, req *http.Request) (*http.Response, string, error) {
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

func send(t *testing.T, c http.RoundTripper, ctx context.Context) *http.Response { //nolint:revive // see get
	t.Helper()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	resp, err := c.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func roundTrip(t *testing.T, rt http.RoundTripper, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, body, err := exchanged(rt, req)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// contexts are the two kinds of callers: one that can be cancelled and one that
// cannot. They take different ways through a body.
var contexts = []string{"cancellable", "background"}

func contextOf(t *testing.T, kind string) context.Context {
	t.Helper()
	if kind == "background" {
		return context.Background() //nolint:usetesting // one that cannot be cancelled is what is wanted
	}
	return t.Context()
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

// dribbling is a cache above an origin whose body has no known length and gives what it is told.
func dribbling() (c *Transport, body func() *dribble, trips *atomic.Int32) {
	trips = new(atomic.Int32)
	var current atomic.Pointer[dribble]
	c = &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		trips.Add(1)
		d := newDribble(req.Context())
		current.Store(d)
		return respond(req, 200, d, -1, "Cache-Control: max-age=60"), nil
	})}
	return c, current.Load, trips
}

func readSome(t *testing.T, r io.Reader, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if _, err := io.ReadFull(r, p); err != nil || string(p) != want {
		t.Errorf("read %q, %v; want %q", p, err, want)
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

// writers is a store that counts the Writers that are not closed.
type writers struct {
	store.Store
	open atomic.Int32
}

func (s *writers) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	w, err := s.Store.Create(ctx, key, size)
	if err != nil {
		return nil, err
	}
	s.open.Add(1)
	return &countedWriter{Writer: w, s: s}, nil
}

type countedWriter struct {
	store.Writer
	s    *writers
	once sync.Once
}

func (w *countedWriter) Close() error {
	w.once.Do(func() { w.s.open.Add(-1) })
	return w.Writer.Close()
}

// underWay counts the flights that are not over.
func underWay(c *Transport) int { return c.state().flights.Len() }

// faulty is a store whose calls may be made to fail or to panic, by their key.
type faulty struct {
	store.Store
	get, create func(key string) error
	commit      func()
}

func (s *faulty) Get(ctx context.Context, key string) (*store.Entry, error) {
	if s.get != nil {
		if err := s.get(key); err != nil {
			return nil, err
		}
	}
	return s.Store.Get(ctx, key)
}

func (s *faulty) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if s.create != nil {
		if err := s.create(key); err != nil {
			return nil, err
		}
	}
	w, err := s.Store.Create(ctx, key, size)
	if err == nil && s.commit != nil {
		w = &faultyWriter{w, s.commit}
	}
	return w, err
}

type faultyWriter struct {
	store.Writer
	commit func()
}

func (w *faultyWriter) Commit(ctx context.Context, m *store.Meta) error {
	w.commit()
	return w.Writer.Commit(ctx, m)
}

// keysOfPage returns the key of a GET of http://example.com/ without credentials, and that of
// its target.
func keysOfPage() (key, target string) {
	q := new(Transport).state().Query(page())
	q.SetUser("", false)
	return q.Key, q.Target
}
