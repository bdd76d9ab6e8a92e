package roundtrip

import (
	"cmp"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
)

// Clone returns a copy of req whose header and URL a layer may change. The body is shared.
// Clone is cheaper than [http.Request.Clone], which also copies forms and trailers. The Header
// of the copy is never nil.
func Clone(req *http.Request) *http.Request {
	out := new(http.Request)
	*out = *req
	out.Header = CloneHeader(req.Header)
	if req.URL != nil {
		u := *req.URL
		out.URL = &u
	}
	return out
}

// CloneHeader returns a copy of h, which is never nil.
func CloneHeader(h http.Header) http.Header {
	if h == nil {
		return make(http.Header)
	}
	return h.Clone()
}

// ShareHeader returns a copy of h, which is not nil, that shares the values: they must not be changed
// in place, but an Add makes a copy.
func ShareHeader(h http.Header) http.Header {
	if len(h) == 0 {
		return make(http.Header)
	}
	out := maps.Clone(h)
	for name, values := range out {
		if len(values) < cap(values) {
			out[name] = slices.Clip(values)
		}
	}
	return out
}

// AsAsked returns req as it was before it was sent; was is a copy from that time. If the
// RoundTripper below has not changed req, it returns req, else another copy. A RoundTripper
// must not modify a request, but middleware and fakes in tests do.
func AsAsked(req, was *http.Request) *http.Request {
	if req.Method == was.Method && req.URL == was.URL && req.Host == was.Host && req.ContentLength == was.ContentLength &&
		HasBody(req) == HasBody(was) && (req.GetBody == nil) == (was.GetBody == nil) &&
		reflect.ValueOf(req.Header).Pointer() == reflect.ValueOf(was.Header).Pointer() {
		return req
	}
	restored := *was
	return &restored
}

// Method returns the method of req; an empty one means GET.
func Method(req *http.Request) string { return cmp.Or(req.Method, http.MethodGet) }

// CloseBody closes the body of req. A layer that answers without sending req must do so (see
// [http.RoundTripper]).
func CloseBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// HasBody reports whether req carries content.
func HasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// Replayable reports whether req can be sent a second time: it has no body, or a GetBody.
func Replayable(req *http.Request) bool { return !HasBody(req) || req.GetBody != nil }

// Rewind returns a copy of req with a new body from GetBody. req must be [Replayable].
func Rewind(req *http.Request) (*http.Request, error) {
	out := Clone(req)
	if !HasBody(req) {
		return out, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	out.Body = body
	return out, nil
}

// Basic returns the value of Authorization that net/http makes of user information in a URL
// (RFC 7617).
func Basic(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// MadeByClient reports whether field, the Authorization of req, is what [http.Client] makes of
// user information in the URL.
func MadeByClient(req *http.Request, field []string) bool {
	return req.URL != nil && req.URL.User != nil && len(field) == 1 && field[0] == Basic(req.URL.User)
}
