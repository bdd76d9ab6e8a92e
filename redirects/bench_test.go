package redirects

import (
	"net/http"
	"testing"
)

func BenchmarkRoundTrip(b *testing.B) {
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/redirect" {
			return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/"}}, Body: http.NoBody}, nil
		}
		return resp, nil
	})
	for name, path := range map[string]string{"idle": "/", "one hop": "/redirect"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			rt := (&Transport{}).Wrap(base)
			req := newRequest(b, "GET http://a.example"+path, false)
			for b.Loop() {
				if _, err := rt.RoundTrip(req); err != nil { //nolint:bodyclose // http.NoBody
					b.Fatal(err)
				}
			}
		})
	}
}
