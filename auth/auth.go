// Package auth answers the challenges of servers and proxies: Digest, Basic,
// Bearer, WSSE, HMACDigest and whatever else implements [Scheme].
//
//	var keys auth.Keyring
//	keys.Add("joe", "password", "example.com")
//	client.Transport = &auth.Transport{Base: client.Transport, Credentials: &keys}
//
// # Behavior
//
// A request is sent as it is. If it comes back with status 401, the strongest
// challenge that can be answered with the first credential for the origin is
// answered; if that is refused, the next credential is tried, but never a weaker
// challenge. If nothing can be done, the 401 is returned with its body unread.
// From then on requests to the same protection space are signed at once, one
// round trip each: the directory of the path and what is below it, or what Digest
// says in its domain. A realm that was entered by a strong scheme is never
// entered by a weaker one later.
//
// A credential goes only where it is for: to the hosts, ports or origins of its
// domain, or without one to the origins that the caller asks. Where a redirect
// leads to another origin, only a credential whose domain names that one is used.
//
// A request that has an Authorization or X-WSSE field of its own is left alone;
// setting the field to nil keeps this package from a request. User information
// in the URL is taken out of it and used for that origin, also when
// [http.Client] has made a Basic field of it already.
//
// Challenges are read as leniently as curl and browsers read them: Basic needs
// nothing but its name, and commas may be missing. A 401 that asks for no token, to
// a request that had one from a function, is taken for an expired token, once.
//
// A Digest nonce is leased to one request in flight, so that its count is never
// sent twice or out of order; requests in parallel have a nonce each. Servers with
// one nonce for all clients (ESP8266, ESP32, cameras) refuse right passwords when
// requests overtake each other: those are tried again one after the other, and soon
// all requests to such a server share the newest nonce.
//
// The answer must prove that the server knows the password if it claims to
// (rspauth); if it does not, the password is not used for that server again. User
// names and passwords beyond ASCII are sent in UTF-8, and once more in ISO 8859-1
// to a server that refuses them and did not say which it wants.
//
// The Source is asked once for a request. If a cache stands above, it asks: what it
// finds or stores is of the user whose credentials are sent, even if another one
// logs in meanwhile.
//
// Trace tells every decision, and of each challenge that is not answered why.
//
// MD5 and SHA-1 are used where a protocol leaves no choice, and chosen last.
//
// # Place in a chain
//
// Below redirects, caching, compress and retry, so that each hop and try is signed
// afresh, and next to the wire, since Digest signs the bytes of the request
// target and, with auth-int, those of the content.
//
// # Limits
//
// The documentation of [http.RoundTripper] says that one should not handle
// authentication; this one does, which is its whole purpose. Negotiate, NTLM and
// other schemes bound to a connection are not implemented, nor the login forms of
// web sites. User names are not normalized.
//
// A body without GetBody that cannot seek is sent twice only within
// [Transport.MaxReplay]. So that a longer one need not be, the first request to a
// server that may ask for credentials carries Expect: 100-continue (RFC 9110
// §10.1.1): the server can refuse it by its header alone. How long the body waits
// for servers that do not know this is the ExpectContinueTimeout of
// [http.Transport], a second in [http.DefaultTransport]. With zero, that of a bare
// http.Transport, the body does not wait, and the 401 is returned.
package auth

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// DefaultMaxReplay is how many bytes of a body are kept: 64 KiB.
const DefaultMaxReplay = roundtrip.MaxReplay

// Transport is an [http.RoundTripper] that authenticates requests. The zero
// value has no credentials but those in URLs.
//
// A Transport is safe for concurrent use. Its fields must not be changed after
// its first use. Layers made by one Transport share its state.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Credentials is where user names, passwords and tokens come from, such as a
	// [*Keyring]. If nil, there are none.
	Credentials Source

	// Schemes are those that challenges are answered by. If nil,
	// [DefaultSchemes] are; if empty, none is. Which one answers is decided by
	// strength, not by their order.
	Schemes []Scheme

	// Preemptive sends credentials with the first request to an origin, before it
	// asks for them: a token or Basic, or another scheme that can if those are not
	// listed (of several, the last). A credential without a domain is sent so only
	// to the first origin that this Transport is used for.
	Preemptive bool

	// RequireTLS keeps credentials from being sent, in whatever form, by http.
	RequireTLS bool

	// TrustRedirects has a redirect to another origin trusted like the caller: a
	// credential without a domain is for that one too.
	TrustRedirects bool

	// Jar takes the cookies that a 401 sets, and supplies them to the answer. The
	// jar of http.Client sees only the last response. If nil, such cookies are in
	// the answer all the same, and are forgotten then.
	Jar http.CookieJar

	// MaxReplay is how many bytes of a request body are kept in memory, to be sent
	// again, if the request has no GetBody and its body cannot seek. If zero,
	// [DefaultMaxReplay] is used; if negative, none are kept. Once more was read of
	// such a body, a 401 is returned.
	MaxReplay int64

	// Unsupported has a request whose challenges ask for something that no scheme
	// can do fail with the [*UnsupportedError], which holds the 401. If false, the
	// 401 is returned.
	Unsupported bool

	// ChallengeField and AnswerField are the names of the fields that challenges
	// come in and answers go out in, for gateways that leave the usual ones to
	// what is behind them. If empty, they are WWW-Authenticate and Authorization.
	ChallengeField, AnswerField string

	once sync.Once
	// engine is set at first use. A struct that holds a Transport by value is printed
	// with what it holds, but not with what that points to.
	engine *engine
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, roundtrip.Next(t, t.Base))
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.BindSigner(t.roundTrip, t, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Transport) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

func (t *Transport) setup() *engine {
	t.once.Do(func() {
		e := new(engine)
		e.source, e.schemes = settled(t.Credentials), slices.Clone(t.Schemes)
		if t.Schemes == nil {
			e.schemes = DefaultSchemes()
		}
		e.preemptive, e.requireTLS, e.trust = t.Preemptive, t.RequireTLS, t.TrustRedirects
		e.authenticate, e.infoField = "Www-Authenticate", "Authentication-Info"
		if t.ChallengeField != "" {
			e.authenticate = http.CanonicalHeaderKey(t.ChallengeField)
		}
		if t.AnswerField != "" {
			e.answer = http.CanonicalHeaderKey(t.AnswerField)
		}
		t.engine = e
	})
	return t.engine
}

// Format implements [fmt.Formatter]: nothing that t has learned is printed.
func (t *Transport) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Transport") }
