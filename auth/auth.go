// Package auth answers the challenges of servers and proxies: Digest, Basic,
// Bearer, WSSE, HMACDigest and whatever else implements [Scheme].
//
//	var keys auth.Keyring
//	keys.Add("joe", "password", "example.com")
//	client.Transport = &auth.Transport{Base: client.Transport, Credentials: &keys}
//
// # Behavior
//
// A request is first sent without credentials. If the response is a 401, the request
// is sent again with an answer to the strongest challenge that the first credential
// for the origin can answer. If the server refuses that, the next credential is tried,
// but never on a weaker challenge. If no credential is left, the 401 is returned with
// its body unread. The challenges of a proxy (407) are answered by a [Proxy], which is set at
// the transport, and not by a Transport.
//
// Once an answer was accepted, requests to the same protection space are signed before
// they are sent and take one round trip. The protection space is the directory of the
// path with everything below it, or what the domain parameter of Digest says. In a
// realm that has accepted a strong scheme no weaker scheme is used later.
//
// A credential is sent only to the hosts, ports or origins of its domain. Without a
// domain it is sent to the origins that the caller asks. If a redirect leads to
// another origin, only a credential whose domain names that origin is used.
//
// A request that has an Authorization or X-WSSE field of its own is left alone, also
// if the value of the field is nil. User information in the URL is taken out of it and
// used for that origin, also if [http.Client] has made a Basic field of it already.
//
// Challenges are read as leniently as curl and browsers read them: Basic needs
// nothing but its name, and commas may be missing. If a request had a token from a
// function, a 401 without a challenge for tokens counts, once, as an expired token.
//
// A Digest nonce is leased to one request in flight, so that its count is never
// sent twice or out of order; requests in parallel have a nonce each. Some servers
// (ESP8266, ESP32, cameras) have one nonce for all clients, and refuse the right
// password when requests overtake each other. Such requests are sent again one after
// the other, and soon all requests to such a server share the newest nonce.
//
// If the response to Digest has an rspauth, it must prove that the server knows the
// password; if it does not, the password is not used for that server again. User
// names and passwords beyond ASCII are sent in UTF-8. If the server refuses them and
// did not name a charset, they are sent once more in ISO 8859-1.
//
// The Source is asked once for a request. If a cache stands above, the cache asks:
// the stored response and the credentials that are sent belong to the same user, even
// if another user logs in meanwhile.
//
// Each decision is reported to package trace, with the reason for each challenge that
// is not answered.
//
// MD5 and SHA-1 are used only where a protocol leaves no choice, and chosen last.
//
// # Events
//
// A request is told as sign or unsigned; a challenge as refused, or as "give up" with
// level WARN if nothing answers it; what a server says beside as nextnonce, share,
// distrust or unexpect. Attributes are scheme, algorithm, qop and nc. See
// docs/events.md for the reasons.
//
// # Place in a chain
//
// Below redirects, caching, compress and retry, so that each hop and each attempt is
// signed anew; and next to the transport, since Digest signs the bytes of the request
// target and, with auth-int, those of the content.
//
// # Limits
//
// The documentation of [http.RoundTripper] says that a RoundTripper should not handle
// authentication; handling it is the purpose of this one. The login forms of web
// sites are not filled in. User names are not normalized.
//
// Schemes that authenticate a connection ([ConnectionScheme]) are in modules of their own,
// auth/negotiate and auth/ntlm. They use HTTP/1.1. Each request of a handshake has the whole
// body, so a body that cannot be sent again is only sent over a connection that is
// authenticated already; else the 401 is returned. HTTP Message Signatures are a layer of
// their own, auth/httpsig. The scheme of container registries is in auth/registry, and one for
// AWS in examples/sigv4.
//
// A body without GetBody that cannot seek is sent twice only within
// [Transport.MaxReplay]. The first request with a longer body to a server that may ask
// for credentials therefore carries Expect: 100-continue (RFC 9110 §10.1.1), so that
// the server can ask before the body is sent. Servers that do not know this get
// the body after the ExpectContinueTimeout of [http.Transport], a second in
// [http.DefaultTransport]. If that is zero, as in a bare http.Transport, the body is
// sent at once, and the 401 is returned.
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

	// Schemes are the schemes that challenges are answered with, the strongest first,
	// whatever their order here. If nil, they are [DefaultSchemes]; if empty, no
	// challenge is answered.
	Schemes []Scheme

	// Preemptive sends credentials with the first request to an origin, before it
	// asks for them, by the last of Schemes that needs no challenge: by default Basic
	// for a password, and Bearer for a token. A credential without a domain is sent in
	// this way only to the first origin that this Transport is used for: where there are
	// several, give it a domain.
	Preemptive bool

	// RequireTLS sends credentials to https URLs only.
	RequireTLS bool

	// TrustRedirects sends a credential without a domain also to another origin that a
	// redirect leads to.
	TrustRedirects bool

	// Jar stores the cookies of a 401 and supplies those of the request that answers
	// it: the jar of http.Client sees only the last response. If nil, the request that
	// answers carries the cookies of the 401, and they are stored nowhere.
	Jar http.CookieJar

	// MaxReplay is how many bytes of a request body are kept in memory, to be sent
	// again, if the request has no GetBody and its body cannot seek. If zero,
	// [DefaultMaxReplay] is used; if negative, none are kept. Once more was read of
	// such a body, a 401 is returned.
	MaxReplay int64

	// Unsupported returns an [*UnsupportedError], which holds the 401, if the
	// challenges ask for something that the schemes cannot do. If false, the 401 is
	// returned.
	Unsupported bool

	// ChallengeField and AnswerField name the response field with the challenges and
	// the request field with the credentials, for gateways that leave the usual fields
	// to the servers behind them. If empty, they are WWW-Authenticate and
	// Authorization.
	ChallengeField, AnswerField string

	once sync.Once
	// engine is set at first use. It is a pointer, since fmt prints the fields of a
	// struct that holds a Transport by value, but does not follow their pointers.
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

// Format implements [fmt.Formatter]. It prints nothing that t has learned.
func (t *Transport) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Transport") }
