package auth

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// newExchange begins an exchange for req. If req is to be sent as it is, x is nil and
// reason says why, for trace.
func (e *engine) newExchange(req *http.Request) (x *exchange, reason string) {
	f, finds := e.source.(finder)
	found := e.pinned(req)
	switch {
	case req.URL == nil || req.URL.Host == "":
		return nil, reasonNoHost
	case found == emptyAnswer && finds && !e.requireTLS && req.URL.User == nil:
		return nil, reasonNotForOrigin // a cache above has asked
	case e.ownCredentials(req):
		return nil, reasonOwn
	case e.source == nil && req.URL.User == nil:
		return nil, reasonNoCredentials
	}
	w := e.wayOf(req)
	if e.source == nil && w.Crossed && req.Header["Authorization"] == nil {
		return nil, reasonRedirectUser
	}
	switch {
	case e.requireTLS && w.Origin.Scheme != "https":
		found = emptyAnswer
	case found == nil && finds && req.URL.User == nil:
		found = f.find(w.Origin)
	}
	if found != nil && finds && len(found.creds) == 0 && req.URL.User == nil {
		if e.requireTLS && w.Origin.Scheme != "https" {
			return nil, reasonRequireTLS
		}
		return nil, reasonNotForOrigin
	}
	if e.preemptive && !w.Crossed {
		e.first.is(w.Origin)
	}
	x = exchanges.Get().(*exchange) // the pool holds nothing else
	x.engine, x.req, x.given, x.url, x.way, x.path = e, req, *req, roundtrip.EscapeURL(req.URL), w, pathOf(req.URL)
	x.Context, x.Method, x.answer = req.Context(), roundtrip.Method(req), e.answer
	if found != nil {
		x.answers = append(x.room[:0], found)
	}
	if !w.Crossed {
		// Otherwise it was chosen by the server that redirects.
		x.user = req.URL.User
	}
	if x.url.User != nil {
		u := *x.url
		u.User = nil
		x.url = &u
	}
	x.URL, x.Host, x.exchange = x.url, req.Host, x
	return x, ""
}

// pinned returns the answer that a cache above was given for req, nil if there is none or the Source
// has failed.
func (e *engine) pinned(req *http.Request) *answer {
	_, pinned, _ := roundtrip.Pinned(req, e)
	if a, _ := pinned.(*answer); a != failedAnswer {
		return a
	}
	return nil
}

// exchanges are reused: an exchange is most of what a signed request allocates.
var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// end ends x. Nothing is sent afterwards.
func (x *exchange) end() {
	x.body.Finish()
	x.unchallenged()
	// Without a response, or if a layer below panics, a nonce is still leased.
	x.failed()
	*x = exchange{}
	exchanges.Put(x)
}

// ownCredentials reports whether the caller has set credentials, or has set the field
// to nil so that none are added.
func (e *engine) ownCredentials(req *http.Request) bool {
	if _, ok := req.Header[fieldWSSE]; ok {
		return true
	}
	if e.answer != "" {
		_, ok := req.Header[e.answer]
		return ok
	}
	v, ok := req.Header["Authorization"]
	return ok && !roundtrip.MadeByClient(req, v)
}

// first returns the request to send first: the caller's own if nothing in it has to
// change.
func (x *exchange) first() *http.Request {
	if x.session == nil && !x.body.Wrapped() && x.url == x.req.URL {
		return x.req
	}
	return x.copyOf(x.given.Header)
}

// copyOf returns a copy of the request that this layer was given, with the fields of
// header, but without credentials and user information. Its request target is the one
// that is signed.
func (x *exchange) copyOf(header http.Header) *http.Request {
	s := roundtrip.NewSigning(x.Context)
	x.valueRoom = s.Value[:0]
	out := &s.Request
	*out = x.given
	out.Header = roundtrip.ShareHeader(header)
	if x.answer == "" || roundtrip.MadeByClient(&x.given, header["Authorization"]) {
		delete(out.Header, "Authorization")
	}
	delete(out.Header, x.field())
	delete(out.Header, fieldWSSE)
	out.URL = x.url
	return out
}

// wayOf returns how req came to its origin.
func (e *engine) wayOf(req *http.Request) roundtrip.Way {
	if e.trust {
		return roundtrip.Way{Origin: roundtrip.OriginOf(req.URL)}
	}
	return roundtrip.WayOf(req)
}

// A firstOrigin is the origin that a Transport was used for first.
type firstOrigin struct {
	p atomic.Pointer[roundtrip.Origin]
}

// is reports whether o is the first origin, which it becomes if there is none.
func (f *firstOrigin) is(o roundtrip.Origin) bool {
	if p := f.p.Load(); p != nil {
		return *p == o
	}
	first := o
	f.p.CompareAndSwap(nil, &first)
	return *f.p.Load() == o
}
