package tripper_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// With a hook no layer costs more than 10 allocations more than without.
func TestHookAllocs(t *testing.T) {
	origin := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{"Cache-Control": {"max-age=3600"}}, ContentLength: 5, Body: io.NopCloser(strings.NewReader("hello")),
		}, nil
	})
	count := func(rt http.RoundTripper) float64 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/a?b=c", nil)
		if err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(200, func() {
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	hook := &trace.Hook{Func: func(trace.Event) {}}
	alone := count(hook.Wrap(origin)) - count(origin)
	if alone > 10 {
		t.Errorf("a Hook costs %v allocations", alone)
	}
	for name, layer := range map[string]tripper.Layer{
		"decompress": &decompress.Transport{}, "redirects": &redirects.Transport{}, "lostupdate": &lostupdate.Transport{},
		"caching": &caching.Transport{}, "compress": &compress.Transport{}, "retry": &retry.Transport{}, "auth": &auth.Transport{},
	} {
		if n := count(hook.Wrap(layer.Wrap(origin))) - count(layer.Wrap(origin)) - alone; n > 10 {
			t.Errorf("%s: %v allocations more with a hook", name, n)
		}
	}
}
