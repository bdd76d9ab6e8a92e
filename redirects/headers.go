package redirects

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// derive returns the request that follows in, without its body, and the names of
// the fields that were left out of it for safety. resp is the redirect. It starts
// from the request before: what was left out once stays out.
func (w *walk) derive(resp *http.Response, in *http.Request, s step, loc location) (out *http.Request, dropped []string) {
	out = roundtrip.Clone(in)
	out.Method = s.method
	out.URL = loc.url
	out.Response = resp
	out.RequestURI = ""
	out.Body = nil
	if !loc.relative {
		// A Host of the caller's own belongs to the URL it came with; under a
		// relative reference that URL still stands.
		out.Host = ""
	}
	same := sameOrigin(in, out)
	if w.ForwardAuthorization.userinfo(same) && in.URL != nil {
		out.URL.User = in.URL.User
	}
	if !s.body || !roundtrip.HasBody(in) {
		dropContent(out)
	}
	w.forgetCookies(out.Header, resp)
	dropConditions(out.Header, s.method != roundtrip.Method(in), s.method)
	w.setReferer(out.Header, in.URL, loc.url, same)
	if w.note.authorization == nil {
		// It was not the caller's, but a layer's below for that hop.
		delete(out.Header, "Authorization")
	} else {
		out.Header["Authorization"] = slices.Clone(w.note.authorization)
	}
	return out, w.strip(in, out.Header, same, downgrade(in.URL, loc.url))
}

// sameOrigin reports whether two requests go to one origin: by their URLs, which
// name the server to connect to, and by their Host fields, which name the site.
func sameOrigin(a, b *http.Request) bool {
	if a.URL != nil && b.URL != nil && a.URL.Scheme == b.URL.Scheme && a.URL.Host == b.URL.Host && a.Host == b.Host {
		return true
	}
	return a.URL != nil && b.URL != nil && sameServer(a.URL, b.URL) && sameServer(cookieURL(a), cookieURL(b))
}

// sameServer reports whether two URLs name one origin. A name that ends in a dot
// is not the one without: the resolver's search list may make another server of
// the latter ("intranet" and "intranet.").
func sameServer(a, b *url.URL) bool {
	return roundtrip.SameOrigin(a, b) &&
		strings.HasSuffix(a.Hostname(), ".") == strings.HasSuffix(b.Hostname(), ".")
}

// strip removes from h, the header of the request that follows in, the fields that
// must not be sent to its origin, and returns their names.
func (w *walk) strip(in *http.Request, h http.Header, same, downgrade bool) (dropped []string) {
	for name, values := range h {
		drop := false
		switch http.CanonicalHeaderKey(name) {
		case "Authorization":
			if roundtrip.MadeByClient(in, values) {
				drop = !w.ForwardAuthorization.userinfo(same)
			} else {
				drop = !w.ForwardAuthorization.authorization(same, downgrade)
			}
		case "Cookie", "Cookie2", "Proxy-Authorization", "Origin":
			drop = !same
		default:
			drop = !same && w.sensitive(name)
		}
		if drop {
			delete(h, name)
			dropped = append(dropped, name)
		}
	}
	slices.Sort(dropped)
	return dropped
}

func (w *walk) sensitive(field string) bool {
	if w.Sensitive != nil {
		return w.Sensitive(field)
	}
	return CredentialLike(field)
}

// carriesCredentials reports whether the caller has set credentials in req. Those that
// the Jar or a layer below adds do not count: each of them is for one origin.
func (w *walk) carriesCredentials(req *http.Request) bool {
	if req.URL != nil && req.URL.User != nil {
		return true
	}
	for name := range req.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Cookie", "Cookie2", "Proxy-Authorization":
			return true
		}
		if w.sensitive(name) {
			return true
		}
	}
	return false
}

// CredentialLike reports whether a request field of this name looks like one
// that carries a secret: Authorization, Cookie and Proxy-Authorization, X-WSSE,
// X-Api-Key, X-Auth-Token, Private-Token and everything else with a part of the
// name that says so. Idempotency-Key does not. It is what
// [Transport.Sensitive] is by default, to be built upon:
//
//	Sensitive: func(field string) bool {
//		return redirects.CredentialLike(field) || field == "X-Tenant"
//	}
func CredentialLike(field string) bool { return httpfield.CredentialLike(field) }

// dropContent makes out a request without content. RFC 9110 §15.4 has the fields
// dropped that are specific to it.
func dropContent(out *http.Request) {
	out.Body, out.GetBody = nil, nil
	out.ContentLength = 0
	out.TransferEncoding = nil
	out.Trailer = nil
	for name := range out.Header {
		switch c := http.CanonicalHeaderKey(name); {
		case strings.HasPrefix(c, "Content-"):
			delete(out.Header, name)
		case c == "Transfer-Encoding", c == "Trailer", c == "Expect", c == "Digest", c == "Repr-Digest", c == "Last-Modified":
			delete(out.Header, name)
		}
	}
}

// dropConditions removes conditions that the caller set about another resource.
// Those of a read are removed, so that the worst to happen is a whole 200; those
// of a write stay, so that the worst to happen is a 412 (RFC 9110 §13.1), unless
// the write has become a read.
func dropConditions(h http.Header, changed bool, method string) {
	if changed {
		delete(h, "If-Match")
		delete(h, "If-Unmodified-Since")
	}
	if !changed && !roundtrip.Safe(method) {
		return
	}
	delete(h, "If-None-Match")
	delete(h, "If-Modified-Since")
	if changed || h.Get("If-Range") != "" {
		// A part of another resource fits nothing that the caller has.
		delete(h, "If-Range")
		delete(h, "Range")
	}
}

// setReferer sets the Referer of the next request: the URL of the hop before it, or
// the caller's own Referer.
func (w *walk) setReferer(h http.Header, from, to *url.URL, same bool) {
	own := h.Get("Referer")
	if own == w.referer {
		own = "" // this layer's, for the hop before
	}
	w.referer = ""
	ref := referer(own, from, to, same)
	if ref == "" {
		delete(h, "Referer")
		return
	}
	h["Referer"] = []string{ref}
	if own == "" {
		w.referer = ref
	}
}

// referer returns the Referer of a request that comes from one URL and goes to
// another (RFC 9110 §10.1.3): without user information and fragment, to another
// origin without path and query, and from https to http none at all. The caller's
// own, if there is one, stands in place of the URL and is cut likewise.
func referer(own string, from, to *url.URL, same bool) string {
	if from == nil || downgrade(from, to) {
		return ""
	}
	if own != "" {
		if same {
			return own
		}
		u, err := url.Parse(own)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || downgrade(u, to) {
			return ""
		}
		from = u
	}
	ref := url.URL{Scheme: from.Scheme, Host: from.Host, Path: "/"}
	if same {
		ref.Path, ref.RawPath, ref.RawQuery, ref.ForceQuery = from.Path, from.RawPath, from.RawQuery, from.ForceQuery
	}
	return ref.String()
}
