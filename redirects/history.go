package redirects

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxHistory bounds how many responses are followed: a RoundTripper that sets
// Request.Response itself may have made a cycle.
const maxHistory = 1000

// Previous returns the redirect response that led to resp, or nil if there was
// none. It is resp.Request.Response.
func Previous(resp *http.Response) *http.Response {
	if resp == nil || resp.Request == nil {
		return nil
	}
	return resp.Request.Response
}

// History returns the redirect responses that led to resp, the oldest first. The
// body of each was read as far as [Transport.KeepBody] allows and can be read
// once, also after Close; a body that was longer ends in [io.ErrUnexpectedEOF].
func History(resp *http.Response) []*http.Response {
	var all []*http.Response
	for r := Previous(resp); r != nil && len(all) < maxHistory; r = Previous(r) {
		all = append(all, r)
	}
	slices.Reverse(all)
	return all
}

// leadsTo reports whether resp is in the history of req.
func leadsTo(req *http.Request, resp *http.Response) bool {
	for range maxHistory {
		switch {
		case req == nil || req.Response == nil:
			return false
		case req.Response == resp:
			return true
		}
		req = req.Response.Request
	}
	return false
}

// keep reads up to KeepBody bytes of the body of resp into memory, and frees its
// connection.
func (w *walk) keep(resp *http.Response) {
	roundtrip.Keep(resp, cmp.Or(w.KeepBody, DefaultKeepBody))
}
