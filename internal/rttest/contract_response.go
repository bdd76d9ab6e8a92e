package rttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func (c contract) oneOf(t *testing.T, l Layer) {
	for name, steps := range situations() {
		resp, err := l.Wrap(play(steps)).RoundTrip(NewRequest(t, "GET", "http://example.com/one/"+url.PathEscape(name), nil))
		if (resp == nil) == (err == nil) {
			t.Fatalf("%s: got response %v and error %v, want exactly one", name, resp != nil, err)
		}
		if resp == nil {
			continue
		}
		if resp.Request == nil || resp.Body == nil || resp.Header == nil {
			t.Errorf("%s: Request, Body or Header of the response is nil", name)
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

func (c contract) idle(t *testing.T, l Layer) {
	base := play(nil)
	closer, ok := l.Wrap(base).(interface{ CloseIdleConnections() })
	if !ok {
		t.Fatal("the wrapped RoundTripper has no CloseIdleConnections")
	}
	closer.CloseIdleConnections()
	if n := base.idle.Load(); n != 1 {
		t.Errorf("CloseIdleConnections reached the successor %d times, want 1", n)
	}
	if setBase(l, base) {
		l.CloseIdleConnections()
		if n := base.idle.Load(); n != 2 {
			t.Errorf("CloseIdleConnections of the layer reached Base %d times, want 1", n-1)
		}
	}
}

// setBase sets the field Base of a layer.
func setBase(l Layer, base http.RoundTripper) bool {
	v := reflect.ValueOf(l)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return false
	}
	f := v.Elem().FieldByName("Base")
	if !f.IsValid() || !f.CanSet() {
		return false
	}
	f.Set(reflect.ValueOf(base))
	return true
}

var errCause = errors.New("the caller's own cause")

func (c contract) cancel(t *testing.T, l Layer) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	base := Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	})
	start := time.Now()
	time.AfterFunc(time.Second, func() { cancel(errCause) })
	resp, err := l.Wrap(base).RoundTrip(NewRequest(t, "GET", "http://example.com/cancel", nil).WithContext(ctx))
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("a cancelled request got a response")
	}
	if took := time.Since(start); took != time.Second {
		t.Errorf("returned %v after the cancellation", took-time.Second)
	}
	if !errors.Is(err, errCause) && !errors.Is(err, context.Canceled) {
		t.Errorf("error %q matches neither the cause nor context.Canceled", err)
	}
	synctest.Wait()
}

func (c contract) cancelBody(t *testing.T, l Layer) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	base := Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		resp := answer(req, 200, http.Header{"Cache-Control": {"max-age=60"}}, "x")
		resp.ContentLength = -1
		resp.Body = &silentBody{ctx: req.Context(), closed: make(chan struct{})}
		return resp, nil
	})
	resp, err := l.Wrap(base).RoundTrip(NewRequest(t, "GET", "http://example.com/silent", nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, cancel)
	start := time.Now()
	_, err = io.ReadAll(resp.Body)
	if took := time.Since(start); took != time.Second {
		t.Errorf("reading ended %v after the cancellation", took-time.Second)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("reading a cancelled body: error %v, want context.Canceled", err)
	}
	_ = resp.Body.Close()
	synctest.Wait()
}

// silentBody gives one byte and then nothing until its request is over.
type silentBody struct {
	ctx    context.Context
	said   bool
	once   sync.Once
	closed chan struct{}
}

func (b *silentBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !b.said {
		b.said = true
		p[0] = 'a'
		return 1, nil
	}
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-b.closed:
		return 0, errors.New("read on closed body")
	}
}

func (b *silentBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

func (c contract) concurrent(t *testing.T, l Layer) {
	rt := l.Wrap(Func(func(req *http.Request) (*http.Response, error) {
		var body []byte
		if req.Body != nil {
			body, _ = io.ReadAll(req.Body)
			_ = req.Body.Close()
		}
		return answer(req, 200, http.Header{"Etag": {`"e"`}, "Cache-Control": {"max-age=60"}}, req.URL.Path+string(body)), nil
	}))
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			method, payload, path := "GET", "", fmt.Sprintf("/%d", i%4)
			if i%3 == 0 {
				method, payload = "PUT", fmt.Sprint(i)
			}
			req, err := http.NewRequestWithContext(t.Context(), method, "http://example.com"+path, strings.NewReader(payload))
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
				return
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || string(got) != path+payload {
				t.Errorf("%s %s: got %q, %v; want %q", method, path, got, err, path+payload)
			}
		})
	}
	wg.Wait()
}

func (c contract) twoChains(t *testing.T, l Layer) {
	tell := func(name string) http.RoundTripper {
		return Func(func(req *http.Request) (*http.Response, error) {
			consume(req)
			return answer(req, 200, http.Header{"Cache-Control": {"no-store"}}, name), nil
		})
	}
	a, b := l.Wrap(tell("a")), l.Wrap(tell("b"))
	for _, x := range []struct {
		rt   http.RoundTripper
		want string
	}{{a, "a"}, {b, "b"}, {a, "a"}} {
		resp, err := x.rt.RoundTrip(NewRequest(t, "GET", "http://example.com/"+x.want, nil))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != x.want {
			t.Errorf("chain %s was answered by %s", x.want, got)
		}
	}
}

func (c contract) streams(t *testing.T, l Layer) {
	var reads atomic.Int32
	base := Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		resp := answer(req, 200, http.Header{"Cache-Control": {"max-age=60"}}, "x")
		resp.ContentLength = -1
		resp.Body = &gatedBody{reads: &reads, closed: make(chan struct{})}
		return resp, nil
	})
	resp, err := l.Wrap(base).RoundTrip(NewRequest(t, "GET", "http://example.com/stream", nil))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if n := reads.Load(); n != 0 {
		t.Errorf("the body was read %d times before the caller asked for it", n)
	}
	start := time.Now()
	p := make([]byte, 16)
	n, err := resp.Body.Read(p)
	if n == 0 || err != nil || string(p[:n]) != "first" {
		t.Errorf("first read gave %q, %v", p[:n], err)
	}
	if took := time.Since(start); took != 0 {
		t.Errorf("the first bytes came %v after the origin's", took)
	}
	_ = resp.Body.Close()
	synctest.Wait()
}

// gatedBody gives its first bytes at once and nothing more for an hour.
type gatedBody struct {
	reads  *atomic.Int32
	once   sync.Once
	closed chan struct{}
}

func (b *gatedBody) Read(p []byte) (int, error) {
	if b.reads.Add(1) == 1 {
		return copy(p, "first"), nil
	}
	select {
	case <-time.After(time.Hour):
		return 0, io.EOF
	case <-b.closed:
		return 0, errors.New("read on closed body")
	}
}

func (b *gatedBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

func (c contract) secrets(t *testing.T, l Layer) {
	for name, steps := range situations() {
		req := NewRequest(t, "GET", "http://bob:hunter2@example.com/"+url.PathEscape(name)+"?token=s3cr3t", nil)
		req.Header.Set("Authorization", "Bearer t0p")
		req.Header.Set("Cookie", "session=c00kie")
		resp, err := l.Wrap(play(steps)).RoundTrip(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil {
			continue
		}
		for _, secret := range []string{"hunter2", "s3cr3t", "t0p", "c00kie"} {
			for _, verb := range []string{"%v", "%+v", "%#v"} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, secret) {
					t.Errorf("%s: error tells %q by %s: %s", name, secret, verb, text)
				}
			}
		}
	}
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "deadline passed" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func (c contract) timeouts(t *testing.T, l Layer) {
	resp, err := l.Wrap(play([]Step{Fail(timeoutError{})})).RoundTrip(NewRequest(t, "GET", "http://example.com/timeout", nil))
	if err == nil {
		// A layer may turn errors into responses; then that says it.
		_ = resp.Body.Close()
		return
	}
	// http.Client asks the outermost error only.
	if e := (&url.Error{Op: "Get", URL: "http://example.com", Err: err}); !e.Timeout() {
		t.Errorf("error %q (%T) hides that it is a timeout", err, err)
	}
}

func (c contract) odd(t *testing.T, l Layer) {
	base := Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		if req.URL == nil || req.Header == nil {
			return nil, errors.New("odd request")
		}
		return answer(req, 200, nil, "ok"), nil
	})
	for name, req := range map[string]*http.Request{
		"empty method":       {URL: &url.URL{Scheme: "http", Host: "example.com", Path: "/"}, Header: http.Header{}},
		"nil header":         {Method: "GET", URL: &url.URL{Scheme: "http", Host: "example.com"}},
		"nil URL":            {Method: "GET", Header: http.Header{}},
		"relative URL":       {Method: "GET", URL: &url.URL{Path: "/x"}, Header: http.Header{}},
		"no host":            {Method: "GET", URL: &url.URL{Scheme: "http"}, Header: http.Header{}},
		"unknown scheme":     {Method: "GET", URL: &url.URL{Scheme: "gopher", Host: "h"}, Header: http.Header{}},
		"opaque URL":         {Method: "GET", URL: &url.URL{Scheme: "mailto", Opaque: "a@b"}, Header: http.Header{}},
		"nothing at all":     {},
		"PUT without a body": {Method: "PUT", URL: &url.URL{Scheme: "http", Host: "example.com"}},
		"odd method":         {Method: "m\x00", URL: &url.URL{Scheme: "http", Host: "example.com"}, Header: http.Header{}},
	} {
		resp, err := l.Wrap(base).RoundTrip(req)
		if (resp == nil) == (err == nil) {
			t.Errorf("%s: got response %v and error %v, want exactly one", name, resp != nil, err)
		}
		if resp != nil {
			_ = resp.Body.Close()
		}
	}
}

func (c contract) httptrace(t *testing.T, l Layer) {
	var called bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GetConn: func(string) { called = true }})
	base := Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		if tr := httptrace.ContextClientTrace(req.Context()); tr != nil && tr.GetConn != nil {
			tr.GetConn("example.com:80")
		}
		return answer(req, 200, nil, "ok"), nil
	})
	resp, err := l.Wrap(base).RoundTrip(NewRequest(t, "GET", "http://example.com/traced", nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !called {
		t.Error("the caller's httptrace.ClientTrace did not reach the successor")
	}
}

// nilBase runs outside a bubble and not in parallel, since it replaces
// http.DefaultTransport for a moment.
func (c contract) nilBase(t *testing.T) {
	saved := http.DefaultTransport
	defer func() { http.DefaultTransport = saved }()
	calls := 0
	http.DefaultTransport = Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		calls++
		return answer(req, 200, http.Header{"Cache-Control": {"no-store"}}, "ok"), nil
	})
	l := c.newLayer()
	if !setBase(l, Func(nil)) {
		t.Error("the layer has no field Base of type http.RoundTripper")
	} else {
		reflect.ValueOf(l).Elem().FieldByName("Base").SetZero()
	}
	for name, rt := range map[string]http.RoundTripper{"Base": l, "Wrap(nil)": l.Wrap(nil)} {
		calls = 0
		resp, err := rt.RoundTrip(NewRequest(t, "GET", "http://example.com/nil", nil))
		if err != nil {
			t.Errorf("nil %s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if calls != 1 {
			t.Errorf("nil %s: http.DefaultTransport was called %d times, want 1", name, calls)
		}
	}
	if closer, ok := l.(io.Closer); ok {
		_ = closer.Close()
	}
}
