// Package redirects follows redirects, safely, below [http.Client].
//
//	client := &http.Client{
//		Transport:     &redirects.Transport{Jar: jar},
//		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
//	}
//
// # Behavior
//
// Responses 300 (with a Location), 301, 302, 303, 307 and 308 are followed up to
// [DefaultMax] times. By default only requests with safe methods are; those with
// other methods follow a 303, as GET, and a 308, as they were. With
// [Transport.Unsafe] all are followed:
//
//	           300           301           302            303           307, 308
//	GET        GET           GET           GET            GET           GET
//	HEAD       HEAD          HEAD          HEAD           HEAD          HEAD
//	OPTIONS    OPTIONS       OPTIONS       OPTIONS        GET           OPTIONS
//	POST       POST + body   POST + body   GET            GET           POST + body
//	others     as they were  as they were  as they were   GET           as they were
//
// A body is sent again through [http.Request.GetBody]; without one the redirect
// itself is returned. If the body is left out, so are the fields that describe it.
//
// Credentials that the caller has set for one origin (scheme, host and port) are
// not sent to another: see [CredentialLike] for the fields, and
// [Transport.ForwardAuthorization] for the only exception. A field that was left out
// stays out, even if a later redirect leads back to the first origin. The user
// information of the caller's URL is never sent to another origin, nor is the
// Authorization field that http.Client makes of it. User information in a Location
// is dropped. A layer below that holds credentials adds those of each origin.
//
// A Location is read as browsers read it (WHATWG URL): backslashes before the
// query are slashes, two or more of them begin the host, blanks and other
// characters that have no place in a URL are encoded. A redirect to a scheme that
// is neither http nor https is an error that holds the response.
//
// The Referer of each request is the URL of the hop before it (RFC 9110 §10.1.3),
// unless the caller set one.
//
// The redirect responses form a chain through resp.Request.Response; see
// [History]. Their bodies can be read up to [Transport.KeepBody] bytes.
//
// # Events
//
// A redirect is told as follow (the reason is the text of its status; attributes next
// and to, the method and the URL of the next request, and without, the fields that were
// dropped), as stop if it is returned, as fail if it is an error. Cookies that are lost
// for want of a Jar are told as drop, with the attribute cookies. See docs/events.md
// for the reasons.
//
// # Place in a chain
//
// Above caching, retry and auth: each hop has its own cache key, its own tries
// and its own credentials. Below decompress, which decodes the last response only.
// The Jar belongs here and not into http.Client, which sees the last response only.
//
// # Limits
//
// The documentation of [http.RoundTripper] says that implementations should not
// handle redirects. This one does so on purpose. http.Client must be told not to
// follow (CheckRedirect above; tripper.Chain.Client does it), and its Jar must be nil.
// Cookie prefixes (__Host-, __Secure-) and SameSite have no effect, as in net/http.
// Refresh fields and HTML are ignored. Nothing is remembered between requests:
// a caching layer stores permanent redirects.
package redirects

import (
	"cmp"
	"context"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// Defaults of a Transport.
const (
	// DefaultMax is how many redirects of one request are followed.
	DefaultMax = 5
	// DefaultKeepBody is how much of a redirect's body is kept, in bytes.
	DefaultKeepBody = 64 << 10
)

// Transport is an [http.RoundTripper] that follows redirects. The zero value
// follows those of safe requests, 303 and 308, up to [DefaultMax] times.
//
// A Transport is safe for concurrent use. Its fields must not be changed after
// its first use.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Max is the most redirects that are followed for one request; one more
	// fails with [ErrLimit]. If zero, [DefaultMax] is used; if negative, none is
	// followed and every response is returned as it is. [WithMax] overrides it.
	Max int

	// Unsafe allows redirects of requests with unsafe methods to be followed, by
	// the table in the package documentation.
	Unsafe bool

	// PostToGet turns a POST that is followed after 300 or 301 into GET, as
	// browsers do after 301 (RFC 9110 §15.4.2 allows both).
	PostToGet bool

	// ForwardAuthorization says to which origins the caller's Authorization field
	// and the user information of the URL are sent after a redirect. The zero value
	// is [SameOriginOnly].
	ForwardAuthorization Forwarding

	// Downgrade allows a redirect from https to http to be followed even if the
	// request carries credentials (user information, or a field that is Sensitive)
	// or would carry a body. If false, that redirect itself is returned. A redirect
	// of a request with neither is followed in any case, unless the Policy is
	// [NoDowngrade].
	Downgrade bool

	// Codes are the status codes that are followed. If nil, they are 300, 301,
	// 302, 303, 307 and 308. If empty, none is followed. Any other code in the list
	// is followed as 307 is, except for 304, 305 and 306, which are never followed.
	Codes []int

	// Sensitive reports whether the request field of this name must not be sent
	// to another origin than that of the caller's URL. If nil, [CredentialLike] is
	// used. Cookie, Cookie2 and Proxy-Authorization are never sent there, whatever
	// Sensitive returns; for Authorization, ForwardAuthorization decides.
	Sensitive func(field string) bool

	// Policy is asked before each redirect is followed, and may change the
	// request. If nil, it is followed.
	Policy Policy

	// Jar supplies the cookies of every hop. It gets the cookies of every response,
	// also of a 401 or 407 that a layer below answers, but not those of a stored
	// response, which the Jar got when the origin sent them. A value is sent back
	// byte for byte as the server wrote it (RFC 6265 §5.2, §5.4). net/http does not
	// do so for values with quotes, blanks, commas, backslashes or bytes beyond
	// ASCII. In the Jar a cookie is as net/http has it: Value is what the server
	// wrote, without double quotes around it, which Quoted reports. A cookie that a
	// program puts into the Jar is sent in the same way, without semicolons and
	// control characters.
	//
	// If nil, a Cookie field is sent only if the caller has set one, and then to
	// the same origin only. The Jar of http.Client must be nil in any case:
	// http.Client sees the last response only, and takes its cookies for those of
	// the first URL.
	Jar http.CookieJar

	// ContentLocation adds a Content-Location field, with the URL that was
	// requested, to every response of a chain that has none, as httplib2 does.
	// The field then is no longer the server's (RFC 9110 §8.7);
	// resp.Request.URL says the same.
	ContentLocation bool

	// KeepBody is how many bytes of the body of each redirect response are kept
	// for [History]. If zero, [DefaultKeepBody] is used; if negative, none are kept.
	KeepBody int64
}

// RoundTrip implements [http.RoundTripper]. Its own errors are of type [*Error].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, roundtrip.Next(t, t.Base))
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(t.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Transport) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

// FollowsRedirects returns true: this layer decides about redirects, so http.Client
// must not follow them. With a negative Max no redirect is followed at all.
func (t *Transport) FollowsRedirects() bool { return true }

type maxKey struct{}

// WithMax returns a context whose requests follow n redirects at most, whatever
// [Transport.Max] says. Zero makes the first redirect fail with [ErrLimit]; a
// negative n has none followed.
func WithMax(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, maxKey{}, n)
}

// most returns how many redirects may be followed, negative for none.
func (t *Transport) most(ctx context.Context) int {
	if n, ok := ctx.Value(maxKey{}).(int); ok {
		return n
	}
	return cmp.Or(t.Max, DefaultMax)
}

func (t *Transport) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	w := walk{Transport: t, next: next, req: req}
	for {
		resp, err := w.send()
		if err != nil || resp == nil {
			return nil, err
		}
		req, err := w.follow(resp)
		if err != nil {
			return nil, err
		}
		if req == nil {
			return resp, nil
		}
		w.via = append(w.via, w.req)
		w.req = tell.ForHop(req, len(w.via))
	}
}
