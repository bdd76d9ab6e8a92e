package benchmarks

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/lostupdate"
)

// tagged answers everything with 200 and an entity tag. It does no I/O.
type tagged struct{}

func (tagged) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Etag": {`"v1"`}, "Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}},
		Body:    http.NoBody,
		Request: req,
	}, nil
}

// BenchmarkLostUpdate reads and writes one resource with the layer and without
// (the floor). No other Go client does this work, so there is no peer.
//
//	go test -bench LostUpdate -benchtime 2s
func BenchmarkLostUpdate(b *testing.B) {
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		req, err := http.NewRequest(method, "http://example.com/document", nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, side := range []struct {
			name string
			rt   http.RoundTripper
		}{
			{"floor", tagged{}},
			{"ours", (&lostupdate.Transport{}).Wrap(tagged{})},
		} {
			b.Run(method+"/"+side.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					resp, err := side.rt.RoundTrip(req)
					if err != nil {
						b.Fatal(err)
					}
					_ = resp.Body.Close()
				}
			})
		}
	}
}
