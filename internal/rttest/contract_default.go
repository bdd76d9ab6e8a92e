package rttest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// hiding is a RoundTripper of somebody else's with a successor that only its field
// tells.
type hiding struct{ next http.RoundTripper }

func (h hiding) RoundTrip(req *http.Request) (*http.Response, error) { return h.next.RoundTrip(req) }

// baseInChain tests that a layer that stands in a chain sends through what stands
// below it there, though its Base is set.
func (c contract) baseInChain(t *testing.T, l Layer) {
	if !setBase(l, Func(func(req *http.Request) (*http.Response, error) {
		t.Error("Base was used")
		consume(req)
		return answer(req, 200, nil, "Base"), nil
	})) {
		return
	}
	resp, err := l.Wrap(play(situations()["200"])).RoundTrip(NewRequest(t, "GET", "http://example.com/base", nil))
	if err == nil {
		_ = resp.Body.Close()
	}
}

// nothing tests that a layer survives a successor that breaks the contract of
// http.RoundTripper by returning neither a response nor an error.
func (c contract) nothing(t *testing.T, l Layer) {
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		resp, err := l.Wrap(Func(func(req *http.Request) (*http.Response, error) {
			consume(req)
			return nil, nil
		})).RoundTrip(NewRequest(t, method, "http://example.com/nothing", strings.NewReader("body")))
		if err == nil && resp != nil {
			_ = resp.Body.Close()
		}
	}
}

// noLength tests that the body of a hand-made response arrives whole though its
// ContentLength was left zero, as it often is in the tests of programs.
func (c contract) noLength(t *testing.T, l Layer) {
	rt := l.Wrap(Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		header := http.Header{"Cache-Control": {"max-age=60"}}
		return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(strings.NewReader("hello")), Request: req}, nil
	}))
	for range 2 {
		resp, err := rt.RoundTrip(NewRequest(t, "GET", "http://example.com/length", nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "hello" || err != nil {
			t.Errorf("the body is %q, %v", body, err)
		}
	}
}

// asDefault puts the layer into http.DefaultTransport in all the ways that a
// program may. It must send through the transport of program start then. It runs
// outside a bubble and not in parallel.
func (c contract) asDefault(t *testing.T) {
	saved := http.DefaultTransport
	defer func() { http.DefaultTransport = saved }()
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok")
	}))
	defer srv.Close()
	for _, row := range []struct {
		name string
		put  func(Layer) http.RoundTripper
	}{
		{"the layer", func(l Layer) http.RoundTripper { return l }},
		{"Wrap(nil)", func(l Layer) http.RoundTripper { return l.Wrap(nil) }},
		{"Wrap(nil) twice", func(l Layer) http.RoundTripper {
			http.DefaultTransport = l.Wrap(nil)
			return c.newLayer().Wrap(nil)
		}},
		{"above the layer", func(l Layer) http.RoundTripper { return c.newLayer().Wrap(l) }},
		{"a struct of somebody else's around it", func(l Layer) http.RoundTripper { return &hiding{hiding{l}} }},
	} {
		l := c.newLayer()
		http.DefaultTransport = row.put(l)
		for _, rt := range []http.RoundTripper{http.DefaultTransport, l, c.newLayer()} {
			calls.Store(0)
			resp, err := rt.RoundTrip(NewRequest(t, http.MethodGet, srv.URL, nil))
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
				continue
			}
			_ = resp.Body.Close()
			if n := calls.Load(); n != 1 {
				t.Errorf("%s: the server was asked %d times, want once", row.name, n)
			}
		}
		l.CloseIdleConnections()
		http.DefaultTransport = saved
		if closer, ok := l.(io.Closer); ok {
			_ = closer.Close()
		}
	}
	http.DefaultTransport.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}
