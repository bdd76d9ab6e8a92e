package policy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// IsPublic reports whether a response, which is reused by the directives d, says that it is
// for everybody (see [Settings].SharePublic). It has to say public: s-maxage and
// must-revalidate, which mean the same to a shared cache (RFC 9111 §3.5), are often sent
// without a thought of users. Any directive against it, or one that cannot be parsed,
// makes it the response of one user.
func IsPublic(status int, h http.Header, d *Directives) bool {
	permanent := status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect
	if !permanent && (status < 200 || status > 299) || !d.Has(public) || restricted(d) {
		return false
	}
	// d may come from a targeted field: what Cache-Control says against it counts too.
	if cc := parseDirectives(h["Cache-Control"]); restricted(&cc) || !wellFormed(h["Cache-Control"]) {
		return false
	}
	names, reason := VaryNames(h)
	return reason == "" && !slices.ContainsFunc(names, httpfield.CredentialLike)
}

// SaysPublic is IsPublic for a response with that status and header.
func SaysPublic(cfg *Settings, status int, h http.Header) bool {
	d, _ := ResponseDirectives(h, cfg.Targeted)
	return IsPublic(status, h, &d)
}

// restricted reports whether d has a directive against giving the response to everybody.
func restricted(d *Directives) bool {
	return d.Has(private) || d.Has(noCache) || d.Has(NoStore) || len(d.fields) > 0
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
