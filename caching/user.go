package caching

import (
	"net/http"
	"net/url"
	"strings"
)

// identify works out whose answers the request may be given, and the key that
// follows from it. In a shared cache credentials do not part users: there what
// answers them is stored only if it is for everybody (RFC 9111 §3.5).
func (x *exchange) identify() {
	principal := x.route.identity(x.req)
	if principal != "" {
		x.authorized = true
	}
	switch h := x.req.Header; {
	case x.st.t.Partition != nil:
		x.user = x.st.t.Partition(x.req)
	case x.authorized && !x.st.cfg.shared:
		x.user = credentials(h["Authorization"], h["Cookie"], principal)
	case len(h["Cookie"]) > 0:
		x.user = credentials(nil, h["Cookie"], "")
	}
	if x.tokens && x.st.t.Partition == nil {
		x.user += tokens(x.req.Header)
	}
	x.key = x.keyOf(x.req.URL.RawQuery)
}

// mixed reports whether the request has credentials that are not part of its key:
// what happens to it may be about them.
func (x *exchange) mixed() bool {
	return (x.authorized || x.tokens) && (x.st.t.Partition != nil || x.st.cfg.shared)
}

// listed reports whether the answer to the request is one of several for the same
// target: for a user, or for the content of a QUERY.
func (x *exchange) listed() bool { return x.user != "" || x.method == methodQuery }

func credentials(authorization, cookie []string, principal string) string {
	return strings.Join(authorization, "\x01") + "\x02" + strings.Join(cookie, "\x01") + "\x02" + principal
}

// tokenFields are request fields that carry credentials as widely as
// Authorization does, though no RFC knows them. Answers to them seldom say Vary.
var tokenFields = []string{
	"Api-Key", "Apikey", "Private-Token", "X-Access-Token", "X-Amz-Security-Token", "X-Api-Key", "X-Auth-Token", "X-Wsse",
}

// tokens joins the tokenFields of h.
func tokens(h http.Header) string {
	var b strings.Builder
	for _, name := range tokenFields {
		if values := h[name]; len(values) > 0 {
			b.WriteString("\x03" + name + "\x02" + strings.Join(values, "\x01"))
		}
	}
	return b.String()
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
