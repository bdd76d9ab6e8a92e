package redirects

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func BenchmarkRoundTrip(b *testing.B) {
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	base := rttest.Func(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/redirect" {
			return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/"}}, Body: http.NoBody}, nil
		}
		return resp, nil
	})
	for name, path := range map[string]string{"idle": "/", "one hop": "/redirect"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			rt := (&Transport{}).Wrap(base)
			req := rttest.ReadRequest(b, "GET http://a.example"+path)
			for b.Loop() {
				if _, err := rt.RoundTrip(req); err != nil { //nolint:bodyclose // http.NoBody
					b.Fatal(err)
				}
			}
		})
	}
}
