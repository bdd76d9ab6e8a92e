package policy

import (
	"net/http"
	"net/url"
)

// Redirects reports whether a response sends the client to the URL in Location (RFC 9110
// §15.4). A 300 may come without one.
func Redirects(status int, h http.Header) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return status == http.StatusMultipleChoices && len(h["Location"]) > 0
}

// RedirectTarget returns where a redirect for the URL here leads to. It is nil if the
// redirect has no target: most likely a mistake that will be repaired, and reason says
// that it is not stored, unless it states its lifetime, and not by heuristics.
func (f *Facts) RedirectTarget(h http.Header, here *url.URL) (there *url.URL, reason string) {
	location := h.Get("Location")
	there, err := here.Parse(location)
	switch {
	case err == nil && location != "":
		return there, ""
	case f.Explicit && f.Lifetime > 0:
		return nil, ""
	}
	return nil, reasonNoTarget
}
