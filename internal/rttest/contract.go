package rttest

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
)

// Layer is the interface of the Transport of every package that wraps another.
type Layer interface {
	http.RoundTripper
	Wrap(next http.RoundTripper) http.RoundTripper
	CloseIdleConnections()
}

// Contract tests that a layer keeps the promises of all layers. newLayer returns a new
// instance with the settings to test; it is called for each clause.
//
// A layer with a method Close is closed at the end of each clause.
func Contract(t *testing.T, newLayer func() Layer) {
	t.Helper()
	c := contract{newLayer}
	for _, clause := range []struct {
		name string
		test func(*testing.T, Layer)
	}{
		{"a plain GET stays as it was", c.plain},
		{"the caller's request is not modified", c.unmodified},
		{"the request body is closed exactly once", c.bodyClosed},
		{"responses that are dropped are closed", c.droppedClosed},
		{"exactly one of response and error", c.oneOf},
		{"idle close is forwarded", c.idle},
		{"cancellation is prompt and keeps its cause", c.cancel},
		{"cancellation while the body is read", c.cancelBody},
		{"safe for concurrent use", c.concurrent},
		{"one instance in two chains", c.twoChains},
		{"the body streams", c.streams},
		{"errors tell no secrets", c.secrets},
		{"timeouts stay timeouts", c.timeouts},
		{"the response of the layer below is not changed", c.responsesUnchanged},
		{"a request is asked before it is handed down", c.requestAsked},
		{"the caller's deadline holds for every request", c.deadline},
		{"a permanent error is not repeated", c.permanent},
		{"odd requests do not panic", c.odd},
		{"a successor that returns nothing", c.nothing},
		{"a successor that leaves the length out", c.noLength},
		{"a Base is not used in a chain", c.baseInChain},
		{"httptrace hooks of the caller are called", c.httptrace},
	} {
		t.Run(clause.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLayer()
				clause.test(t, l)
				if closer, ok := l.(io.Closer); ok {
					if err := closer.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
			})
		})
	}
	t.Run("a nil successor is http.DefaultTransport", c.nilBase)
	t.Run("a nil pointer is a nil successor", c.typedNil)
	t.Run("a layer stands in http.DefaultTransport", c.asDefault)
}

type contract struct{ newLayer func() Layer }

// answer builds a response as a Transport would.
func answer(req *http.Request, status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = make(http.Header)
	}
	resp := &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
	if req.Method == http.MethodHead || body == "" {
		resp.Body = http.NoBody
	}
	return resp
}

// consume reads and closes a request body, as a Transport does.
func consume(req *http.Request) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
}

func (c contract) plain(t *testing.T, l Layer) {
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
		var got *http.Request
		base := Func(func(req *http.Request) (*http.Response, error) {
			consume(req)
			got = req
			return answer(req, 200, http.Header{"X-Origin": {"a", "b"}}, "hello"), nil
		})
		// The caller's own Accept-Encoding keeps a decoding layer out of it.
		req := NewRequest(t, method, "http://example.com/path?q=1", nil)
		req.Header.Set("Accept-Encoding", "identity")
		req.Header.Set("X-Caller", "v")
		resp, err := l.Wrap(base).RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("%s: reading the body: %v", method, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Errorf("%s: closing the body: %v", method, err)
		}
		want := "hello"
		if method == "HEAD" {
			want = ""
		}
		if string(body) != want || resp.StatusCode != 200 || !reflect.DeepEqual(resp.Header["X-Origin"], []string{"a", "b"}) {
			t.Errorf("%s: response changed: %d %v %q", method, resp.StatusCode, resp.Header, body)
		}
		if resp.Request == nil {
			t.Errorf("%s: resp.Request is nil", method)
		}
		if got.Method != method || got.URL.String() != req.URL.String() || !reflect.DeepEqual(got.Header, req.Header) {
			t.Errorf("%s: request changed on its way: %s %s %v, want %v", method, got.Method, got.URL, got.Header, req.Header)
		}
	}
}
