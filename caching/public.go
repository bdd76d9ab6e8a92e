package caching

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// isPublic reports whether a response says of itself that it is everybody's, so that
// [Transport.SharePublic] makes it so. d is what steers its reuse.
//
// It has to say public: s-maxage and must-revalidate, which do the same for a shared
// cache (RFC 9111 §3.5), are too often sent without a thought of users. What stands
// beside it and says otherwise, or cannot be read, cancels it.
func isPublic(status int, h http.Header, d *directives) bool {
	switch {
	case status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect:
	case status < 200 || status > 299:
		return false
	}
	if !d.has(public) || restricted(d) {
		return false
	}
	// A targeted field may have steered: what the field for all caches says against
	// it counts all the same.
	if cc := parseDirectives(h["Cache-Control"]); restricted(&cc) || !wellFormed(h["Cache-Control"]) {
		return false
	}
	names, reason := varyNames(h)
	return reason == "" && !slices.ContainsFunc(names, httpfield.CredentialLike)
}

// restricted reports whether d keeps anything of the response from everybody.
func restricted(d *directives) bool {
	return d.has(private) || d.has(noCache) || d.has(noStore) || len(d.fields) > 0
}

// wellFormed reports whether a Cache-Control field is a list of directives as RFC
// 9111 §5.2 has it: names that are tokens, each alone or with an argument that is a
// token or a quoted string.
func wellFormed(lines []string) bool {
	for e := range httpfield.List(lines) {
		name, value, has := strings.Cut(e, "=")
		if !httpfield.IsToken(name) || has && httpfield.EqualFold(name, "public") {
			return false
		}
		if has && !httpfield.IsToken(value) {
			if _, quoted := httpfield.Unquote(value); !quoted {
				return false
			}
		}
	}
	return true
}
