package caching

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// identify asks the layers below whose credentials they would add, once for the
// whole exchange, and works out the key that follows from it.
func (x *exchange) identify() {
	x.asked = x.route.signers.Ask(x.req)
	x.divide()
}

// divide works out whose answers the request may be given, and the key that follows
// from it. In a shared cache Authorization does not part users: there what answers it
// is stored only if it is for everybody (RFC 9111 §3.5).
func (x *exchange) divide() {
	principal, shared := x.asked.Principal, x.st.cfg.shared
	if principal != "" {
		x.authorized = true
	}
	switch {
	case x.st.t.Partition != nil:
		x.user = x.st.t.Partition(x.req)
	case shared && x.credentials:
		x.user = credentials(x.req.Header, "", notAuthorization)
	case !shared && (x.authorized || x.credentials):
		x.user = credentials(x.req.Header, principal, nil)
	}
	x.key, x.open = x.keyOf(x.req.URL.RawQuery), ""
	if x.user != "" && x.sharesPublic() {
		var room [256]byte
		x.open = x.st.keys.of(appendTarget(room[:0], x.req, x.req.URL.RawQuery))
	}
}

// mixed reports whether the request has credentials that are not part of its key:
// what happens to it may be about them.
func (x *exchange) mixed() bool {
	return (x.authorized || x.credentials) && (x.st.t.Partition != nil || x.st.cfg.shared)
}

// listed reports whether the answer to the request that is stored under primary is
// one of several for the same target: for a user, or for the content of a QUERY.
func (x *exchange) listed(primary string) bool {
	return x.method == methodQuery || x.user != "" && primary != x.open
}

// credentials names the user whose credentials are in h, or are the principal's: a
// text that is the same for the same credential-like fields with the same values,
// and for no others. The fields in h that leaveOut reports are not looked at.
func credentials(h http.Header, principal string, leaveOut func(name string) bool) string {
	var room [8]string
	names := room[:0]
	for name, values := range h {
		if len(values) > 0 && credentialLike(name) && (leaveOut == nil || !leaveOut(name)) {
			names = append(names, name)
		}
	}
	if len(names) == 0 && principal == "" {
		return ""
	}
	slices.Sort(names)
	// Each part with its length, so that no two users come to the same text.
	var space [512]byte
	b := appendString(space[:0], principal)
	for _, name := range names {
		b = appendString(b, name)
		b = binary.AppendUvarint(b, uint64(len(h[name])))
		for _, v := range h[name] {
			b = appendString(b, v)
		}
	}
	return string(b)
}

func notAuthorization(name string) bool { return name == "Authorization" }

// credentialLike is [httpfield.CredentialLike], quicker for the fields that most
// requests have.
func credentialLike(name string) bool {
	switch name {
	case "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type", "If-Modified-Since",
		"If-None-Match", "Origin", "Range", "Referer", "User-Agent":
		return false
	}
	return httpfield.CredentialLike(name)
}

// keyOf is the key of the request's target with that query.
func (x *exchange) keyOf(query string) string {
	var room [256]byte
	target := appendTarget(room[:0], x.req, query)
	if x.method == methodQuery {
		content := []string{x.user, x.req.Header.Get("Content-Type"), x.req.Header.Get("Content-Encoding"), string(x.content)}
		return hashKey(keyQuery, target, x.secretFor(x.user), content...)
	}
	if x.user == "" {
		return x.st.keys.of(target)
	}
	return hashKey(keyGet, target, x.secretFor(x.user), x.user)
}

func (x *exchange) secretFor(user string) []byte {
	if user == "" {
		return nil
	}
	return x.secret()
}

// target is the key under which all that is stored for the request's target is
// listed and invalidated, whoever it is for.
func (x *exchange) target() string { return targetKey(x.req) }

// effective is the URL that the origin takes the request to be for: a Host of its
// own takes the place of that of the URL (RFC 9110 §7.1).
func effective(req *http.Request) *url.URL {
	u := *req.URL
	if req.Host != "" {
		u.Host = req.Host
	}
	return &u
}

func targetKey(req *http.Request) string {
	var room [256]byte
	return hashKey(keyUsers, appendTarget(room[:0], req, req.URL.RawQuery), nil)
}
