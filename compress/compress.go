// Package compress sends request bodies compressed, to servers that take them.
//
//	client.Transport = &compress.Transport{Base: client.Transport}
//
// # Behavior
//
// A request body of 1 KiB or more, or of unknown length, is compressed while it is
// sent. Content-Encoding then names the coding, and ContentLength is -1: the length
// is known at the end only.
//
// A server names the codings that it takes by Accept-Encoding in a response (RFC 9110
// §12.5.3), refuses a coding by 415 (§15.5.16), and a body without a Content-Length by
// 411 (§15.5.12). This is remembered for an hour, for the resource: the URL without its
// query. A request that was refused is sent again in another coding, or as it is, if it
// has a GetBody; otherwise the caller gets the refusal, and the next request is sent in a
// form that the server takes.
//
// A body is never compressed if its request has a Content-Encoding, a Content-Range, a
// digest of the body, or a signature of the caller's.
//
// # Events
//
// A request with a body is told as compress or "send plain", and one whose coding the
// server has refused for good as "give up". See docs/events.md for the reasons.
//
// # Place in a chain
//
// Below redirects, since each hop may take other codings, and below lostupdate
// and caching, for which a request that is sent again is one request. Above retry,
// which then keeps the smaller body for its next try, and above auth, which signs the
// bytes that are sent.
//
// # Limits
//
// The first request to a resource is compressed before anything is known of it. Most
// servers do not undo codings, and pass the body to the application as it is: use the
// layer for those that do. Other servers may answer 400, or store a PUT as a
// representation in that coding (§8.4).
package compress

import (
	"cmp"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// Defaults of a Transport.
const (
	// DefaultCoding is the coding of bodies.
	DefaultCoding = "gzip"
	// DefaultMinBytes is the smallest body of known length that is compressed: 1 KiB.
	DefaultMinBytes = 1 << 10
)

// Transport is an [http.RoundTripper] that compresses request bodies. The zero value
// uses [DefaultCoding] for bodies of [DefaultMinBytes] or more.
//
// A Transport is safe for concurrent use. Its fields must not be changed after its
// first use. Layers made by one Transport share what it has learned.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Coding is "gzip" or "zstd": the coding of bodies for a resource of which nothing
	// is known. If empty, DefaultCoding is used; with any other, bodies are sent as they
	// are until a response for the resource names one of the two.
	Coding string

	// MinBytes is the smallest body of known length that is compressed. If zero,
	// DefaultMinBytes is used; if negative, all are compressed.
	MinBytes int64

	// learned holds which coding each resource takes in requests, "" for none: by RFC 9110
	// §12.5.3 that may change, and differ from resource to resource.
	learned  roundtrip.Lessons[string, string]
	encoders encoders
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, roundtrip.Next(t, t.Base))
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(t.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Transport) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

func (t *Transport) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	preferred := cmp.Or(t.Coding, DefaultCoding)
	coding, why := t.choose(req, preferred)
	repeatable := coding != "" && req.GetBody != nil && !httpfield.OneTime(req)
	resp, err := t.send(req, coding, why, next)
	if resp == nil {
		return nil, err
	}
	other, known := t.note(req, coding, preferred, resp)
	if !repeatable || !known || other == coding || !refusal(resp.StatusCode) {
		return resp, nil
	}
	again, err := roundtrip.Rewind(req)
	if err != nil {
		report(req, actionGiveUp, reasonBodyOnce)
		return resp, nil //nolint:nilerr // the caller has a response: the refusal
	}
	why = reasonStatus(resp.StatusCode)
	roundtrip.Discard(resp)
	resp, err = t.send(again, other, why, next)
	if resp != nil && refusal(resp.StatusCode) && len(resp.Header["Accept-Encoding"]) == 0 {
		t.learned.Delete(resource(req)) // the refusal was not about the coding
	}
	return resp, err
}

// choose returns the coding to send the body of req in, or "" and why.
func (t *Transport) choose(req *http.Request, preferred string) (coding, why string) {
	if why := incompressible(req, cmp.Or(t.MinBytes, DefaultMinBytes)); why != "" {
		return "", why
	}
	if !t.learned.Empty() {
		if c, ok := t.learned.Get(resource(req), time.Now()); ok {
			return c, reasonNotTaken
		}
	}
	if !supported(preferred) {
		return "", reasonNoEncoder
	}
	return preferred, ""
}

// supported reports whether there is an encoder.
func supported(coding string) bool { return coding == "gzip" || coding == "zstd" }

// incompressible returns why the body of req has to be sent as it is, or "".
func incompressible(req *http.Request, atLeast int64) string {
	switch {
	case !roundtrip.HasBody(req):
		return reasonNoBody
	case req.ContentLength > 0 && req.ContentLength < atLeast:
		return reasonSmall
	case len(req.Header["Content-Encoding"]) > 0:
		return reasonEncoded
	case len(req.Header["Content-Range"]) > 0:
		return reasonPart
	case httpfield.Signed(req.Header):
		return reasonSigned
	}
	// These fields describe the bytes that are sent.
	for _, name := range []string{"Content-Digest", "Content-Md5", "Digest", "X-Amz-Content-Sha256"} {
		if len(req.Header[name]) > 0 {
			return reasonField(name)
		}
	}
	return ""
}

// send hands req down with its body in the coding, or as it is if there is none; why
// is the reason for that. Either the response or the error is nil.
func (t *Transport) send(req *http.Request, coding, why string, next http.RoundTripper) (*http.Response, error) {
	if coding == "" {
		report(req, actionPlain, why)
	} else {
		report(req, actionCompress, coding)
		req = t.compressed(req, coding)
	}
	resp, err := next.RoundTrip(req)
	if err != nil || resp == nil {
		return nil, err
	}
	return roundtrip.Complete(resp, req), nil
}

// report reports a decision about the body of req, if it has one.
func report(req *http.Request, action, reason string) {
	if !roundtrip.HasBody(req) {
		return
	}
	if h := tell.From(req.Context()); h != nil {
		h.Tell(req, tell.Decision{Layer: "compress", Action: action, Reason: reason})
	}
}
