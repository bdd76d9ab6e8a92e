package caching

import (
	"io"
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// receive sends out through next and returns the response as one that the cache may
// change. The response of next stays as it is: a recorder or another cache below
// may have kept it.
func receive(next http.RoundTripper, out *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(out)
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errNoResponse
	}
	r := &received{from: resp, to: *resp}
	r.to.Header = make(http.Header, len(resp.Header)+1) // for Cache-Status
	for name, lines := range resp.Header {
		r.to.Header[name] = slices.Clip(lines)
	}
	switch {
	case resp.Body == nil:
		r.to.Body = http.NoBody
	case resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols:
		r.ReadCloser, r.to.Body = resp.Body, r
	}
	return &r.to, nil
}

// received is the body of the copy of a response.
type received struct {
	io.ReadCloser
	from *http.Response
	to   http.Response
}

func (r *received) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil {
		roundtrip.CarryTrailer(&r.to, r.from)
	}
	return n, err
}
