package lostupdate

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func BenchmarkRoundTrip(b *testing.B) {
	base := rttest.Func(func(*http.Request) (*http.Response, error) { return nil, nil })
	for _, bb := range []struct{ name, request, etag string }{
		{"OPTIONS", "OPTIONS /x", ""}, {"GET without a tag", "GET /x", ""}, {"GET", "GET /x", `"a"`}, {"PUT", "PUT /x", `"a"`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			req := rttest.ReadRequest(b, bb.request)
			resp := &http.Response{StatusCode: 200, Header: http.Header{"Date": {now}}, Body: http.NoBody, Request: req}
			if bb.etag != "" {
				resp.Header.Set("ETag", bb.etag)
			}
			base = func(*http.Request) (*http.Response, error) { return resp, nil }
			rt := (&Transport{}).Wrap(base)
			for b.Loop() {
				if _, err := rt.RoundTrip(req); err != nil { //nolint:bodyclose // http.NoBody
					b.Fatal(err)
				}
			}
		})
	}
}
