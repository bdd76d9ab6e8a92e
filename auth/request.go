package auth

import (
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// exchange begins an exchange for req. ok is false if this package has no
// business with it: there are no credentials, or the caller brings their own.
func (e *engine) exchange(req *http.Request) (x *exchange, ok bool) {
	if req.URL == nil || req.URL.Host == "" || e.ownCredentials(req) {
		return nil, false
	}
	if e.source == nil && req.URL.User == nil {
		return nil, false
	}
	w := e.wayOf(req)
	if e.source == nil && w.crossed && req.Header["Authorization"] == nil {
		// The user information comes from a redirect, and nobody uses it.
		return nil, false
	}
	var found []Credential
	if f, ok := e.source.(finder); ok {
		if found = f.find(w.origin); len(found) == 0 && req.URL.User == nil {
			return nil, false
		}
	}
	if e.preemptive && !w.crossed {
		e.first.is(w.origin)
	}
	x = exchanges.Get().(*exchange) // the pool holds nothing else
	x.engine, x.req, x.url, x.way, x.found, x.path = e, req, roundtrip.EscapeURL(req.URL), w, found, pathOf(req.URL)
	x.Context, x.Method, x.answer = req.Context(), roundtrip.Method(req), e.answer
	if !w.crossed {
		// Otherwise it comes from whoever redirects.
		x.user = req.URL.User
	}
	if x.url.User != nil {
		u := *x.url
		u.User = nil
		x.url = &u
	}
	return x, true
}

// exchanges are used anew: one is most of what a signed request allocates.
var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// end says that nothing more is sent.
func (x *exchange) end() {
	x.body.finish()
	// Without an answer, or if something below has panicked, a nonce is still out.
	x.failed()
	*x = exchange{}
	exchanges.Put(x)
}

// ownCredentials reports whether the caller has set credentials, or has set the
// field to nothing so that none are.
func (e *engine) ownCredentials(req *http.Request) bool {
	if _, ok := req.Header[fieldWSSE]; ok {
		return true
	}
	if e.answer != "" {
		_, ok := req.Header[e.answer]
		return ok
	}
	v, ok := req.Header["Authorization"]
	return ok && !madeByClient(req, v)
}

// madeByClient reports whether an Authorization field is what [http.Client] makes
// of user information in the URL: Basic, whatever the server may want.
func madeByClient(req *http.Request, v []string) bool {
	if req.URL.User == nil || len(v) != 1 {
		return false
	}
	password, _ := req.URL.User.Password()
	return v[0] == "Basic "+base64.StdEncoding.EncodeToString([]byte(req.URL.User.Username()+":"+password))
}

// first returns the request to send first: the caller's own if it need not be
// changed.
func (x *exchange) first() *http.Request {
	if x.session == nil && x.body.spool == nil && x.url == x.req.URL {
		return x.req
	}
	return x.copyOf(x.req)
}

// copyOf returns a copy of req that may be signed: without credentials, without
// user information, and with the request target that will be signed.
func (x *exchange) copyOf(req *http.Request) *http.Request {
	out := new(http.Request)
	*out = *req
	out.Header = cloneHeader(req.Header)
	if x.answer == "" || madeByClient(req, req.Header["Authorization"]) {
		delete(out.Header, "Authorization")
	}
	delete(out.Header, x.field())
	delete(out.Header, fieldWSSE)
	out.URL = x.url
	return out
}

// cloneHeader returns a copy of h with room for one field more. The values are
// shared: nothing here changes one in place.
func cloneHeader(h http.Header) http.Header {
	out := make(http.Header, len(h)+1)
	for k, v := range h {
		// Without room behind it, so that Add by whoever is next makes a copy.
		out[k] = slices.Clip(v)
	}
	return out
}

// wayOf returns how req came to its origin: http.Client and the redirects layer
// set Response to the redirect that led here.
func (e *engine) wayOf(req *http.Request) way {
	w := way{origin: roundtrip.OriginOf(req.URL)}
	if e.trust {
		return w
	}
	const most = 64
	r := req
	for range most {
		if r.Response == nil {
			return w
		}
		if r = r.Response.Request; r == nil {
			break
		}
		o := roundtrip.OriginOf(r.URL)
		// Asked first and reached again, an origin is not a stranger; but the last
		// one looked at is the one that the caller asked.
		w.crossed = o != w.origin
		w.lowered = w.lowered || o.Scheme == "https" && w.origin.Scheme == "http"
	}
	// A redirect from nowhere, or a way without an end.
	w.crossed, w.lowered = true, true
	return w
}

// firstOrigin is the origin that was asked first.
type firstOrigin struct {
	p atomic.Pointer[roundtrip.Origin]
}

// is reports whether o is the first origin, which it becomes if there is none.
func (f *firstOrigin) is(o roundtrip.Origin) bool {
	if p := f.p.Load(); p != nil {
		return *p == o
	}
	f.p.CompareAndSwap(nil, &o)
	return *f.p.Load() == o
}
