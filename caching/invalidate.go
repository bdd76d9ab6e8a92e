package caching

import (
	"net/http"
	"net/url"
	"strings"
)

// consequence is what an unsafe request means for what is stored.
type consequence uint8

const (
	nothing consequence = iota
	// doubtful: it may have changed something, so what can be validated must be.
	doubtful
	// beside: it was to the same path with a query, and may have changed this too: S3
	// has its multipart uploads there, Azure its lists of blocks, CouchDB revisions.
	// Nothing is used again unasked.
	beside
	// unknown: nothing is known about it, so nothing is used again unasked.
	unknown
	// invalid: what is stored is not to be used again.
	invalid
)

// consequenceOf says what follows from the answer to an unsafe request, whose
// status is zero if there was none.
func consequenceOf(status int, onError bool) consequence {
	switch {
	case status >= 200 && status < 400, onError:
		return invalid // RFC 9111 §4.4
	case status >= 100 && status < 200:
		return nothing
	case status == 0:
		return unknown
	}
	return doubtful
}

// reason says it in a phrase.
func (c consequence) reason() string {
	switch c {
	case invalid:
		return reasonUnsafeMethod
	case beside:
		return reasonUnsafeBeside
	}
	return reasonUnsafeFailed
}

// affected is a URL that an unsafe request is about beside its target.
type affected struct {
	url *url.URL
	c   consequence
}

// alsoAffected returns the other URLs that an unsafe request with the consequence c is
// about: the Destination of MOVE and COPY, which is another resource afterwards (RFC 4918
// §9.8, §9.9), what the header h of the response names (RFC 9111 §4.4), and the path
// without the query. No URL of another origin is among them.
func alsoAffected(req *http.Request, c consequence, h http.Header, sameOrigin func(a, b *url.URL) bool) (also []affected) {
	target := effective(req)
	var refs []string
	if req.Method == "MOVE" || req.Method == "COPY" {
		refs = append(refs, req.Header.Get("Destination"))
	}
	if c == invalid {
		refs = append(refs, h.Get("Location"), h.Get("Content-Location"))
	}
	for _, ref := range refs {
		if u, err := target.Parse(ref); ref != "" && err == nil && sameOrigin(u, target) {
			also = append(also, affected{u, c})
		}
	}
	opaque, _, queried := strings.Cut(target.Opaque, "?")
	if queried || target.RawQuery != "" || target.ForceQuery {
		u := *target
		u.Opaque, u.RawQuery, u.ForceQuery = opaque, "", false
		if c == invalid {
			c = beside
		}
		also = append(also, affected{&u, c})
	}
	return also
}

// effective is the URL that the origin takes the request to be for: a Host of its
// own takes the place of that of the URL (RFC 9110 §7.1).
func effective(req *http.Request) *url.URL {
	u := *req.URL
	if req.Host != "" {
		u.Host = req.Host
	}
	return &u
}
