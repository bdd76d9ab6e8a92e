package caching

import (
	"net/http"
	"net/url"
	"strings"
)

// consequence is what an unsafe request means for the responses stored for a target.
type consequence uint8

const (
	// unchanged: they may be used as before.
	unchanged consequence = iota
	// mayHaveChanged: those with a validator must be revalidated before they are used.
	mayHaveChanged
	// besideChanged: the request was to the same path with a query, where S3 has its
	// multipart uploads, Azure its lists of blocks and CouchDB its revisions. All must be
	// revalidated.
	besideChanged
	// outcomeUnknown: the request failed without an answer. All must be revalidated.
	outcomeUnknown
	// changed: they are invalidated.
	changed
)

// consequenceOf returns the consequence of an unsafe request that was answered with a
// status, or with zero if there was no answer. onError is true if an error response
// invalidates too.
func consequenceOf(status int, onError bool) consequence {
	switch {
	case status >= 200 && status < 400, onError:
		return changed // RFC 9111 §4.4
	case status >= 100 && status < 200:
		return unchanged
	case status == 0:
		return outcomeUnknown
	}
	return mayHaveChanged
}

// reason returns the reason of what is done because of c.
func (c consequence) reason() string {
	switch c {
	case changed:
		return reasonUnsafeMethod
	case besideChanged:
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
	if c == changed {
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
		if c == changed {
			c = besideChanged
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
