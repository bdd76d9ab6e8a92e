package caching

import (
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// receive sends out through next and returns the response, which has a body. It is as
// next has made it, and stays so: a recorder or another cache below may have kept it.
// What is to be changed is a copy of it, see owned.
func receive(next http.RoundTripper, out *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(out)
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errNoResponse
	case resp.Body == nil:
		empty := *resp
		empty.Body = http.NoBody
		return &empty, nil
	}
	return resp, nil
}

// owned returns a copy of a response of the layer below, which may be changed.
func owned(resp *http.Response) *http.Response {
	r := &received{from: resp, to: *resp}
	r.to.Header = ownedHeader(resp.Header, r.room[:])
	if resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols && mayHaveTrailer(resp) {
		r.ReadCloser, r.to.Body = resp.Body, r
	}
	return &r.to
}

// mayHaveTrailer reports whether trailer fields may come after the body: in HTTP/1.1 they
// come only with a body in chunks, whose length is not known (RFC 9112 §7.1.2).
func mayHaveTrailer(resp *http.Response) bool {
	return resp.Trailer != nil || resp.ContentLength < 0 || resp.ProtoMajor != 1
}

// ownedHeader returns a copy of h in which lines may be set and appended. room is for
// the line of Cache-Status, which exchange.mark sets.
func ownedHeader(h http.Header, room []string) http.Header {
	own := maps.Clone(h)
	if own == nil {
		own = make(http.Header)
	}
	for name, lines := range own {
		if len(lines) < cap(lines) {
			own[name] = slices.Clip(lines)
		}
	}
	if _, ok := own["Cache-Status"]; !ok {
		own["Cache-Status"] = room[:0]
	}
	return own
}

// received is the body of the copy of a response.
type received struct {
	io.ReadCloser
	from *http.Response
	to   http.Response
	room [1]string
}

func (r *received) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil {
		roundtrip.CarryTrailer(&r.to, r.from)
	}
	return n, err
}
