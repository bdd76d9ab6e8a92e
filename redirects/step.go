package redirects

import (
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// step is what a status code makes of a request.
type step struct {
	// method is that of the next request.
	method string
	// body is true if the next request has the body of the last one.
	body bool
	// why is the reason not to follow the redirect, empty if it is followed.
	why string
}

// redirects reports whether status is one that is looked at.
func (t *Transport) redirects(status int) bool {
	switch status {
	case http.StatusNotModified, http.StatusUseProxy, 306:
		return false
	}
	if t.Codes != nil {
		return slices.Contains(t.Codes, status)
	}
	switch status {
	case http.StatusMultipleChoices, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// step decides by status code and method (RFC 9110 §15.4).
func (t *Transport) step(status int, method string) step {
	switch {
	case status == http.StatusSeeOther && method == http.MethodHead:
		return step{method: method}
	case status == http.StatusSeeOther:
		// §15.4.4: for every method, since it is no longer the same request.
		return step{method: http.MethodGet}
	case !roundtrip.Safe(method) && status != http.StatusPermanentRedirect && !t.Unsafe:
		// §15.4: with care for methods not known to be safe, since the user
		// might not wish to redirect an unsafe request. 308 is httplib2's
		// exception.
		return step{why: reasonUnsafe(method)}
	case method == http.MethodPost && (status == http.StatusFound || t.PostToGet && (status == http.StatusMultipleChoices || status == http.StatusMovedPermanently)):
		return step{method: http.MethodGet}
	}
	return step{method: method, body: true}
}
