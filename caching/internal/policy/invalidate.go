package policy

import (
	"net/http"
	"net/url"
	"strings"
)

// Consequence is what an unsafe request means for the responses stored for a target.
type Consequence uint8

// The consequences, of which a later one goes further.
const (
	// Unchanged: they may be used as before.
	Unchanged Consequence = iota
	// MayHaveChanged: those with a validator must be revalidated before they are used.
	MayHaveChanged
	// besideChanged: the request was to the same path with a query, as S3's multipart uploads
	// and Azure's lists of blocks are. All must be revalidated.
	besideChanged
	// OutcomeUnknown: the request failed without an answer. All must be revalidated.
	OutcomeUnknown
	// Changed: they are invalidated.
	Changed
)

// ConsequenceOf returns the consequence of an unsafe request that was answered with a
// status, or with zero if there was no answer. onError is true if an error response
// invalidates too.
func ConsequenceOf(status int, onError bool) Consequence {
	switch {
	case status >= 200 && status < 400, onError:
		return Changed // RFC 9111 §4.4
	case status >= 100 && status < 200:
		return Unchanged
	case status == 0:
		return OutcomeUnknown
	}
	return MayHaveChanged
}

// Reason returns the reason of what is done because of c.
func (c Consequence) Reason() string {
	switch c {
	case Changed:
		return ReasonUnsafeMethod
	case besideChanged:
		return reasonUnsafeBeside
	}
	return ReasonUnsafeFailed
}

// Affected is a URL that an unsafe request is about beside its target.
type Affected struct {
	URL *url.URL
	C   Consequence
}

// AlsoAffected returns the other URLs that an unsafe request with the consequence c is
// about: the Destination of MOVE and COPY, which is another resource afterwards (RFC 4918
// §9.8, §9.9), what the header h of the response names (RFC 9111 §4.4), and the path
// without the query. No URL of another origin is among them.
func AlsoAffected(req *http.Request, c Consequence, h http.Header, sameOrigin func(a, b *url.URL) bool) (also []Affected) {
	target := Effective(req)
	var refs []string
	if req.Method == "MOVE" || req.Method == "COPY" {
		refs = append(refs, req.Header.Get("Destination"))
	}
	if c == Changed {
		refs = append(refs, h.Get("Location"), h.Get("Content-Location"))
	}
	for _, ref := range refs {
		if u, err := target.Parse(ref); ref != "" && err == nil && sameOrigin(u, target) {
			also = append(also, Affected{u, c})
		}
	}
	opaque, _, queried := strings.Cut(target.Opaque, "?")
	if queried || target.RawQuery != "" || target.ForceQuery {
		u := *target
		u.Opaque, u.RawQuery, u.ForceQuery = opaque, "", false
		if c == Changed {
			c = besideChanged
		}
		also = append(also, Affected{&u, c})
	}
	return also
}

// Effective is the URL that the origin takes the request to be for: a Host of its
// own takes the place of that of the URL (RFC 9110 §7.1).
func Effective(req *http.Request) *url.URL {
	u := *req.URL
	if req.Host != "" {
		u.Host = req.Host
	}
	return &u
}
