// Package httpsig signs requests, and verifies responses, by HTTP Message Signatures (RFC 9421).
//
//	key, err := httpsig.NewKey("my-key", privateKey, "")
//	client.Transport = &httpsig.Transport{Base: client.Transport, Key: key}
//
// # Behavior
//
// Each request gets a field Signature-Input, which says what is signed and when, and a field
// Signature. The signature covers the [Transport.Components] that the request has. It is made
// anew for each request that is sent, over what is sent.
//
// If the signature covers content-digest, a request with content gets a Content-Digest (RFC
// 9530). For that the content is read before it is sent: by GetBody, by seeking back, or from a
// copy of up to [Transport.MaxReplay] bytes. A request with more content than that fails.
//
// Requests are signed for the [Transport.Domains], or without any for the origins that the
// caller asks. What a redirect leads to on another origin is not signed, unless a domain names
// that origin. A request that has a Signature or a Signature-Input is left alone, also if the
// value of the field is nil.
//
// With [Transport.Verify] the response must be signed too. With [Transport.VerifyContent], or if
// the response must be signed, its content must be that of its Content-Digest. The content is
// compared while it is read, and the body fails at its end.
//
// A cache above keeps the responses to requests with different keys apart.
//
// # Events
//
// A request is told as sign or unsigned; a response that was verified as verify, or as refuse with
// level WARN. The attribute of sign is algorithm. See docs/events.md for the reasons.
//
// # Place in a chain
//
// Next to the transport, below all other layers: compress changes the content, auth adds fields
// that the signature may cover, retry and redirects send requests that are signed anew.
//
// # Limits
//
// A Transport has one key; a program with several has a Transport for each. Accept-Signature
// (RFC 9421 §5) is not answered. Trailers can be signed only if their values are known before
// the request is sent. Fields that net/http adds itself, such as a default User-Agent, cannot
// be signed; Host and Content-Length can.
package httpsig

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// Defaults of a Transport.
const (
	// DefaultLabel is the label of signatures.
	DefaultLabel = "sig1"
	// DefaultMaxReplay is how many bytes of content are kept to be hashed: 64 KiB.
	DefaultMaxReplay = roundtrip.MaxReplay
)

// DefaultComponents returns what a signature covers unless something else is named: the method,
// the whole URL, the type of the content and the content.
func DefaultComponents() []string {
	return []string{"@method", "@target-uri", "content-type", "content-digest"}
}

// Transport is an [http.RoundTripper] that signs requests. The zero value has no key, and sends
// requests as they are.
//
// A Transport is safe for concurrent use. Its fields must not be changed after its first use.
// Layers made by one Transport share its state.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Key signs the requests. If nil, they are not signed.
	Key *Key

	// Domains are the hosts, ports or origins whose requests are signed, in the form of
	// auth.Credential.Domain: "example.com", "example.com:8443", "https://example.com". If
	// nil, requests to all origins that the caller asks are signed.
	Domains []string

	// TrustRedirects signs also the requests to other origins that redirects lead to, if
	// there are no Domains.
	TrustRedirects bool

	// Components are what the signature covers, in this order: names of fields, and
	// derived components such as @method, @target-uri, @authority, @path or @query. Parameters
	// follow the name as in RFC 9421 §2: `@query-param;name="id"`, `cache-control;sf`,
	// `priority;key="u"`. What a request does not have is left out of its signature. If nil,
	// they are [DefaultComponents].
	Components []string

	// Label names the signature in its fields, a key of a dictionary (RFC 8941 §3.2). If
	// empty, it is [DefaultLabel].
	Label string

	// Lifetime is the time after which the server should not accept the signature any more,
	// in whole seconds. If zero, the signature does not say.
	Lifetime time.Duration

	// Tag is for the application, see RFC 9421 §2.3. If empty, there is none.
	Tag string

	// Nonce adds a random nonce, so that the server can refuse a signature that it has seen.
	Nonce bool

	// NameAlgorithm names the algorithm in the signature. Servers know it by the key.
	NameAlgorithm bool

	// Hash is the algorithm of Content-Digest: "sha-256" or "sha-512". If empty, it is
	// sha-256.
	Hash string

	// MaxReplay is how many bytes of content are kept in memory while they are hashed, if the
	// request has no GetBody and its body cannot seek. If zero, [DefaultMaxReplay] is used; if
	// negative, none are kept.
	MaxReplay int64

	// Verify verifies the responses: one without a valid signature is an error that matches
	// [ErrVerify]. If nil, responses need no signature.
	Verify *Verifier

	// VerifyContent compares the content of responses with their Content-Digest, if they have
	// one. If it is another, the body fails with [ErrContentDigest]. Requests then ask for
	// content without coding, unless the caller asks for something.
	VerifyContent bool

	once     sync.Once
	settings *settings
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

// Format implements [fmt.Formatter]. It prints the key without its secret.
func (t *Transport) Format(f fmt.State, _ rune) {
	if t == nil || t.Key == nil {
		_, _ = io.WriteString(f, "httpsig.Transport")
		return
	}
	_, _ = fmt.Fprintf(f, "httpsig.Transport with %v", t.Key)
}

// settings are those of a Transport, parsed.
type settings struct {
	err           error // of the configuration
	key           *Key
	scopes        []roundtrip.Scope
	trust         bool
	components    []identifier
	digests       bool // the signature covers content-digest
	label         string
	lifetime      time.Duration
	tag           string
	nonce         bool
	nameAlgorithm bool
	hash          string
	maxReplay     int64
	raw           bool // content must arrive without decoding
}

func (t *Transport) setup() *settings {
	t.once.Do(func() {
		s := &settings{
			key: t.Key, trust: t.TrustRedirects, label: cmp.Or(t.Label, DefaultLabel), lifetime: t.Lifetime, tag: t.Tag,
			nonce: t.Nonce, nameAlgorithm: t.NameAlgorithm, hash: cmp.Or(t.Hash, "sha-256"), maxReplay: t.MaxReplay,
			raw: t.VerifyContent || t.Verify != nil,
		}
		s.err = roundtrip.Final(s.parse(t))
		t.settings = s
	})
	return t.settings
}

// parse parses what may be wrong.
func (s *settings) parse(t *Transport) (err error) {
	names := t.Components
	if names == nil {
		names = DefaultComponents()
	}
	if s.components, err = parseComponents(names); err != nil {
		return err
	}
	for _, id := range s.components {
		switch {
		case id.req || id.name == "@status":
			return fmt.Errorf("httpsig: component %s is only for responses", id.text)
		case id.name == "signature" || id.name == "signature-input":
			return fmt.Errorf("httpsig: component %s is what is added here", id.text)
		}
		s.digests = s.digests || id.name == "content-digest" && !id.tr
	}
	for _, d := range t.Domains {
		scope, ok := roundtrip.ParseScope(d)
		if !ok {
			return errors.New("httpsig: one of the Domains is no host, host:port or origin")
		}
		s.scopes = append(s.scopes, scope)
	}
	dict := httpsfv.NewDictionary()
	dict.Add(s.label, httpsfv.NewItem(true))
	if _, err := httpsfv.Marshal(dict); err != nil {
		return errors.New("httpsig: the Label is no key of a dictionary")
	}
	if _, err := httpsfv.Marshal(httpsfv.NewItem(s.tag)); err != nil {
		return errors.New("httpsig: the Tag is not printable ASCII")
	}
	if _, ok := hashes[s.hash]; !ok {
		return errors.New(`httpsig: the Hash is neither "sha-256" nor "sha-512"`)
	}
	return nil
}

// whyNot returns why req is not signed, or "".
func (s *settings) whyNot(req *http.Request) string {
	switch {
	case s.key == nil:
		return reasonNoKey
	case req.URL == nil || req.URL.Host == "":
		return reasonNoHost
	}
	_, input := req.Header[fieldInput]
	if _, signature := req.Header[fieldSignature]; input || signature {
		return reasonOwn
	}
	w := roundtrip.WayOf(req)
	switch {
	case len(s.scopes) == 0 && !s.trust && !w.Allows(""):
		return reasonRedirected
	case len(s.scopes) > 0 && !slices.ContainsFunc(s.scopes, w.Within):
		return reasonOtherPlace
	}
	return ""
}

func (t *Transport) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	s := t.setup()
	out, finish, err := s.prepare(req)
	if err != nil {
		return nil, err
	}
	defer finish()
	resp, err := next.RoundTrip(out)
	if err != nil || resp == nil {
		return nil, err
	}
	return t.verify(roundtrip.Complete(resp, out), req, out)
}

// prepare returns the request to send, and the function to call when it has been sent. If there is
// an error, the body is closed.
func (s *settings) prepare(req *http.Request) (out *http.Request, finish func(), err error) {
	finish = func() {}
	if s.err != nil {
		roundtrip.CloseBody(req)
		return nil, nil, s.err
	}
	if reason := s.whyNot(req); reason != "" {
		if reason != reasonNoKey {
			report(req, actionUnsigned, reason, nil)
		}
		if !s.raw || httpfield.Signed(req.Header) {
			return req, finish, nil
		}
		out = roundtrip.Clone(req)
		keepCoded(out)
		return out, finish, nil
	}
	content := roundtrip.ContentOf(req)
	if out, err = s.sign(req, &content, time.Now()); err != nil {
		content.Close()
		return nil, nil, err
	}
	s.report(req, out)
	report(req, actionSign, reasonAsked, nil, tell.With("algorithm", string(s.key.algorithm)))
	return out, content.Finish, nil
}

// verify returns resp, the response to out, if it is valid. out was made of req.
func (t *Transport) verify(resp *http.Response, req, out *http.Request) (*http.Response, error) {
	if t.Verify == nil && !t.VerifyContent {
		return resp, nil
	}
	if t.Verify != nil {
		if err := t.Verify.Response(resp, out); err != nil {
			report(req, actionRefuse, reasonInvalid, err)
			roundtrip.Discard(resp)
			return nil, err
		}
		report(req, actionVerify, reasonValid, nil)
	}
	checked, err := checkContent(resp, t.Verify != nil, func() { report(req, actionRefuse, reasonContent, ErrContentDigest) })
	if err != nil {
		roundtrip.Discard(resp)
		return nil, err
	}
	return checked, nil
}

// report reports a decision to trace.
func report(req *http.Request, action, reason string, err error, attrs ...tell.Attr) {
	if h := tell.From(req.Context()); h != nil {
		h.Tell(req, tell.Decision{Layer: "httpsig", Action: action, Reason: reason, Err: err, Warn: action == actionRefuse, Attrs: attrs})
	}
}
