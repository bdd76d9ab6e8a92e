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
// itself is returned. Field lines about a body go where the body goes.
//
// What the caller meant for one origin (scheme, host and port) never reaches
// another: see [CredentialLike], and [Transport.ForwardAuthorization] for the one
// field that can be told to. A layer below that holds credentials adds those of
// each origin. What was left out once stays out, also when the way leads back. The
// user information of the caller's URL never leaves its origin, also not as the
// Authorization field that http.Client makes of it. User information in a Location
// is dropped.
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
// # Place in a chain
//
// Above caching, retry and auth: each hop has its own cache key, its own tries
// and its own credentials. Below decompress. The Jar belongs here and not into
// http.Client, which would see the cookies of the first and of the last hop only.
//
// # Limits
//
// The package documentation of [http.RoundTripper] says that one should not
// handle redirects; this one does, which is its whole purpose. http.Client must
// be told not to follow (CheckRedirect above; tripper.Chain.Client does it), and
// its Jar must be nil. Cookie prefixes (__Host-, __Secure-) and SameSite mean
// nothing here, as in net/http.
// Refresh fields and HTML are not looked at. Nothing is remembered between
// requests: permanent redirects are the cache's.
package redirects

import (
	"context"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
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

	// Unsafe has the redirects of requests with unsafe methods followed too, by
	// the table in the package documentation.
	Unsafe bool

	// PostToGet turns a POST that is followed after 300 or 301 into GET, as
	// browsers do after 301 (RFC 9110 §15.4.2 allows both).
	PostToGet bool

	// ForwardAuthorization says to where a redirect takes the caller's
	// Authorization and the user information of the URL: with the zero value,
	// [SameOriginOnly], not beyond the origin.
	ForwardAuthorization Forwarding

	// Downgrade allows a redirect from https to http to be followed even if the
	// request carries credentials (user information, or a field that is Sensitive)
	// or would carry a body. If false, that redirect itself is returned. A redirect
	// of a request with neither is followed in any case, unless the Policy is
	// [NoDowngrade].
	Downgrade bool

	// Codes are the status codes that are followed. If nil, they are 300, 301,
	// 302, 303, 307 and 308; if empty, none is. Other codes listed are followed
	// as 307 is, but 304, 305 and 306 are never.
	Codes []int

	// Sensitive reports whether the request field of this name must not be sent
	// to another origin than the one the caller meant it for. If nil,
	// [CredentialLike] is used. Cookie, Cookie2, Authorization and
	// Proxy-Authorization never are, whatever it says.
	Sensitive func(field string) bool

	// Policy is asked before each redirect is followed, and may change the
	// request. If nil, it is followed.
	Policy Policy

	// Jar supplies the cookies of every hop and takes those that any response
	// sets, a 401 or 407 that a layer below answers too, but not those that a
	// stored response only repeats. A value goes back byte for byte as the server
	// wrote it (RFC 6265 §5.2, §5.4), which net/http does not do for values with
	// quotes, blanks, commas, backslashes or bytes beyond ASCII. In the Jar a
	// cookie is what net/http would make of it: Value is what the server wrote, and
	// double quotes around it are told by Quoted. A cookie that a program puts
	// there is sent likewise: Value as it is, without semicolons and control
	// characters, in quotes if Quoted.
	//
	// If nil, cookies are sent only if the caller set a Cookie field, and then to
	// the same origin only. The Jar of http.Client must be nil in any case: it sees
	// the last response only, and takes it for one of the first URL.
	Jar http.CookieJar

	// ContentLocation adds a Content-Location field, with the URL that was
	// requested, to every response of a chain that has none, as httplib2 does.
	// The field then is no longer the server's (RFC 9110 §8.7);
	// resp.Request.URL says the same.
	ContentLocation bool

	// KeepBody is how many bytes of the body of each redirect response are kept
	// for [History]. If zero, [DefaultKeepBody] is used; if negative, none.
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

// FollowsRedirects returns true: redirects are this layer's, so http.Client must
// not follow them. That holds for a negative Max too: then nobody follows.
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
	if t.Max == 0 {
		return DefaultMax
	}
	return t.Max
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
		w.req = trace.ForHop(req, len(w.via))
	}
}
